# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, models
from odoo.exceptions import AccessError, MissingError
from odoo.models import MAGIC_COLUMNS
from odoo.tools import clean_context

ADDONS = "kubernetes_hosting"


class KubernetesProtected(models.AbstractModel):
    """A model with fields that only the system writes: those of our addons that are
    declared ``readonly=True``.

    What no screen changes, nobody changes by RPC either, on no way: not by ``write`` or
    ``create``, not by the commands of another record, not by a copy, not by a default
    in the context. All models of ours have it by ``kubernetes.record``; models of other
    addons that get such a field from us inherit this one.
    """

    _name = "kubernetes.protected"
    _description = "Model with Fields that Only the System Writes"

    @api.model
    def _is_system_field(self, field):
        """Whether nobody but the system writes this field."""
        return (
            field.readonly
            and field.name not in MAGIC_COLUMNS
            and (field._module or "").startswith(ADDONS)
        )

    def _has_field_access(self, field, operation):
        if operation == "write" and not self.env.su and self._is_system_field(field):
            return False
        return super()._has_field_access(field, operation)

    def _check_field_access(self, field, operation):
        if operation == "write" and not self.env.su and self._is_system_field(field):
            raise AccessError(
                self.env._(
                    "The field %(field)s of “%(model)s” is set by Chandlery itself and"
                    " by nobody else. Use the buttons of the form instead.",
                    field=field.name,
                    model=self.env["ir.model"]._get(self._name).name,
                )
            )
        return super()._check_field_access(field, operation)

    def copy_data(self, default=None):
        vals_list = super().copy_data(default=default)
        if self.env.su:
            return vals_list
        system = {f.name for f in self._fields.values() if self._is_system_field(f)}
        system -= set(default or {})
        return [
            vals and {name: vals[name] for name in vals if name not in system}
            for vals in vals_list
        ]


class KubernetesRecord(models.AbstractModel):
    """What all models of ours have in common: fields that only the system writes, and
    refusals that are alike for what is not there and for what is somebody else's."""

    _name = "kubernetes.record"
    _description = "Kubernetes Record"
    _inherit = ["kubernetes.protected"]

    def _as_system(self):
        """These records with the rights of the system, without the defaults that the
        caller's context holds for records that are made on the way."""
        context = clean_context(self.env.context)
        return self.with_env(self.env(su=True, context=context))

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            return super().create(vals_list)
        # Whoever called has no say in what only the system writes, nor in records
        # that are written along with this one.
        context = {
            key: value
            for key, value in self.env.context.items()
            if not key.startswith("default_") or self._may_default(key[8:])
        }
        cleaned = self.with_env(self.env(context=context))
        records = super(KubernetesRecord, cleaned).create(vals_list)
        return records.with_env(self.env)

    def write(self, vals):
        result = super().write(vals)
        # Core looks at the rules before; whoever changes what a record belongs to must
        # have a right to it afterwards, too.
        if not self.env.su and any(
            self._fields[name].type == "many2one" for name in vals
        ):
            self.check_access("write")
        return result

    @api.model
    def _may_default(self, name):
        field = self._fields.get(name)
        return not field or not (
            field.type in ("one2many", "many2many") or self._is_system_field(field)
        )

    # -- not there, or not yours -------------------------------------------------

    def _check_access(self, operation):
        try:
            return super()._check_access(operation)
        except MissingError:
            missing = self - self.exists()
            return missing, lambda: missing._not_yours_error(operation)

    def fetch(self, field_names=None):
        super().fetch(field_names)
        if self.env.su:
            return
        # Core leaves out what is not there, and raises for what is somebody else's.
        left = self._determine_fields_to_fetch(field_names, ignore_when_in_cache=True)
        if any(field.column_type for field in left):
            missing = self._origin - self._origin.exists()
            if missing:
                raise missing._not_yours_error("read")

    def _not_yours_error(self, operation):
        """What is said of records that are not there, or not for whoever asks."""
        model = self.env["ir.model"]._get(self._name).name
        if operation == "read":
            text = self.env._(
                "%s: there is no such record, or you have no right to see it."
                " An administrator can give it to you.",
                model,
            )
        else:
            text = self.env._(
                "%s: there is no such record, or you have no right to change it."
                " An administrator can give it to you.",
                model,
            )
        return AccessError(text)
