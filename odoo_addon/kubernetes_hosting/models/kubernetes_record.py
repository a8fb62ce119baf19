# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, models
from odoo.exceptions import (
    AccessError,
    MissingError,
    UserError,
    ValidationError,
)
from odoo.fields import Command
from odoo.models import MAGIC_COLUMNS
from odoo.tools import clean_context

ADDONS = "kubernetes_hosting"


def _given(value):
    """The ids that a value of a relational field names, and the values in it for other
    records: what a many2one or the commands of a one2many or many2many may hold, by
    RPC, in a form that is not saved, or in Python."""
    ids, nested = set(), []
    if isinstance(value, models.BaseModel):
        ids.update(value.ids)
    elif isinstance(value, int) and value:
        ids.add(int(value))
    elif isinstance(value, dict):
        ids.update(_given(value.get("id"))[0])
        nested.append(value)
    elif isinstance(value, list | tuple):
        for item in value:
            if not isinstance(item, list | tuple):
                more = _given(item)
                ids |= more[0]
                nested += more[1]
                continue
            command, number, more = (*item, 0, 0)[:3]
            if command in (
                Command.UPDATE,
                Command.DELETE,
                Command.UNLINK,
                Command.LINK,
            ):
                ids |= _given(number)[0]
            if command == Command.SET:
                ids |= _given(more)[0]
            if isinstance(more, dict):
                nested.append(more)
    return ids, nested


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

    # -- records that the caller names -------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_given(vals)
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su and any(map(self._is_given_field, vals)):
            self.check_access("write")
            self._check_given(vals)
        return super().write(vals)

    @api.model
    def default_get(self, fields):
        context = self.env.context
        self._check_given(
            {
                name: context[f"default_{name}"]
                for name in fields
                if f"default_{name}" in context
            }
        )
        return super().default_get(fields)

    def onchange(self, values, field_names, fields_spec):
        self.check_access("write" if self else "create")
        self._check_given(values)
        return super().onchange(values, field_names, fields_spec)

    @api.model
    def _is_given_field(self, name):
        """Whether a value of this field names records, and the field is ours."""
        field = self._fields.get(name)
        return bool(
            field
            and field.relational
            and (field.base_field._module or "").startswith(ADDONS)
        )

    def _check_given(self, vals):
        """Refuse records among these values that the caller may not read, with the
        same words whether they are there or not. What a record shows of those that it
        names is read as the system, and so are checks that name them; therefore this
        comes first. What the record has already may stay."""
        if self.env.su:
            return
        for name in filter(self._is_given_field, vals):
            field = self._fields[name]
            comodel = self.env[field.comodel_name]
            ids, nested = _given(vals[name])
            if ids and field.store and len(self) == 1:
                ids -= set(
                    self._origin.sudo().with_context(active_test=False)[name].ids
                )
            records = comodel.browse(ids)
            there = records.exists()
            if records and (records != there or not there.has_access("read")):
                raise AccessError(
                    self.env._(
                        "%s: there is no such record in your company, or you have no"
                        " right to see it. An administrator can give it to you.",
                        self.env["ir.model"]._get(comodel._name).name,
                    )
                )
            if hasattr(comodel, "_check_given"):
                for values in nested:
                    comodel._check_given(values)

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

    @api.model
    def _works_for_all_companies(self):
        """Whether whoever calls has a say in what all companies share."""
        if self.env.su:
            return True
        companies = self.env["res.company"].sudo()
        mine = self.env.user.company_ids.ids
        return not companies.search_count([("id", "not in", mine)], limit=1)

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
        if "company_id" in vals:
            self._check_company_of_users()
        return result

    def _check_company_of_users(self):
        """What is in use stays with a company that its users fit: core looks at what
        the record itself names only."""
        for model in self.env.values():
            for field in model._fields.values():
                if (
                    field.comodel_name == self._name
                    and field.check_company
                    and field.store
                    and field.type in ("many2one", "many2many")
                    and not model._abstract
                ):
                    users = model.sudo().with_context(active_test=False)
                    users = users.search([(field.name, "in", self.ids)])
                    try:
                        users._check_company([field.name])
                    except UserError:
                        # Odoo's words name the records, whosever they are.
                        raise self._other_company_error(model) from None

    def _other_company_error(self, model):
        return ValidationError(
            self.env._(
                "%(record)s is in use by another company (%(model)s), so it cannot get"
                " this company. Make a copy for the other one.",
                record=self[:1].display_name,
                model=self.env["ir.model"]._get(model._name).name,
            )
        )

    @api.model
    def _is_given_field(self, name):
        # Not only fields of ours: what a record of ours names is shown with it.
        return name in self._fields and self._fields[name].relational

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
