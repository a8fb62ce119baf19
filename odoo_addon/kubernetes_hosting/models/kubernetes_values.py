# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

# Given by the worker to every manifest; they win over a line of the same key.
GIVEN_VARIABLES = frozenset(
    [
        "app_name",
        "environment",
        "hostname",
        "url",
        "namespace",
        "cluster_name",
        "cluster_domain",
        "ingress_class",
        "hostnames",
        "primary_hostname",
        "tls_issuer",
        "sibling_namespaces",
        "node_ports",
        "production",
    ]
)
CHANGED_VALUES = "kubernetes_hosting.changed_values"


class KubernetesValues(models.AbstractModel):
    """Keys and values for the manifests of an app, or a template of them: what config
    maps and secrets have in common.

    What somebody changes in the values of an app stands in the app's chatter, in one
    note for a transaction.
    """

    _name = "kubernetes.values"
    _description = "Values for Kubernetes Manifests"
    _inherit = ["kubernetes.record"]
    _order = "name, id"
    # What a change of these is called in ``kubernetes.app.change``.
    _change_source = None

    name = fields.Char(required=True)
    is_template = fields.Boolean(
        string="Template",
        help="Every app that uses a template gets a copy of its own.",
    )
    note = fields.Text()
    company_id = fields.Many2one(
        "res.company",
        copy=False,
        default=lambda self: self.env.company,
        index="btree_not_null",
        help="Empty: every company may use it, and administrators alone change it.",
    )
    active = fields.Boolean(default=True)
    changed_app_id = fields.Many2one(
        "kubernetes.app",
        compute="_compute_changed_app_id",
        help="The app whose cluster does not have these values yet.",
    )

    @api.depends("app_ids.change_ids.source")
    def _compute_changed_app_id(self):
        for values in self:
            values.changed_app_id = values.app_ids.filtered(
                lambda app, source=values._change_source: (
                    source in app.change_ids.mapped("source")
                )
            )[:1]

    def action_apply(self):
        """Show what applying the app of these values would change, and then deploy."""
        self.ensure_one()
        self.check_access("write")
        if not self.changed_app_id:
            raise UserError(self.env._("There is nothing here that is not applied."))
        return self.changed_app_id.action_review()

    @api.constrains("company_id")
    def _check_company_of_apps(self):
        """The values of an app are its company's: shared ones, everybody could read."""
        for values in self.sudo().with_context(active_test=False):
            if values.app_ids and values.company_id != values.app_ids.company_id:
                raise values._other_company_error(values.app_ids)

    def _is_shared(self):
        """Whether an app that is given these values gets a copy of its own."""
        return any(values.is_template for values in self)

    def _unlink_own(self):
        """An app that had these has them no longer. What is shared stays."""
        self.filtered(lambda values: not values._is_shared()).unlink()

    def _copy_values(self, app):
        """What a copy for ``app`` has of its own. Values of another company are
        refused, whoever sells or makes the app."""
        if self.company_id and self.company_id != app.company_id:
            raise ValidationError(
                self.env._(
                    "The template “%(template)s” belongs to another company than the"
                    " app %(app)s. Choose one of the app's company, or one that all"
                    " companies share.",
                    template=self.name,
                    app=app.display_name,
                )
            )
        return {
            "name": app.display_name,
            "is_template": False,
            "active": True,
            "template_id": self.id,
            "company_id": app.company_id.id,
        }

    def _contract_values(self):
        """The lines as the contract's claim answer has them."""
        return [line._contract_values() for line in self.line_ids]

    def _remember_values(self):
        """To be called before values change: the difference at the end of the
        transaction goes to the chatter of the apps."""
        before = self.env.cr.precommit.data.setdefault(CHANGED_VALUES, {})
        for values in self.sudo():
            if values.app_ids and values not in before:
                if not before:
                    self.env.cr.precommit.add(self.browse()._log_changed_values)
                before[values] = values._known_values()

    def _log_changed_values(self):
        changed = self.env.cr.precommit.data.pop(CHANGED_VALUES, {})
        for values, before in changed.items():
            values = values.exists()
            after = values._known_values() if values else {}
            notes = [
                values._change_note(key, before.get(key), after.get(key))
                for key in {**before, **after}
                if before.get(key) != after.get(key)
            ]
            if values and notes:
                self.env["kubernetes.app.change"]._note(
                    values.app_ids,
                    values._change_source,
                    [
                        key
                        for key in {**before, **after}
                        if before.get(key) != after.get(key)
                    ],
                )
                values.app_ids.with_env(self.env).sudo()._log(
                    f"{values._description_in_chatter()}: " + "; ".join(notes)
                )

    def _known_values(self):
        """Each key with what there is to know of its line."""
        self.ensure_one()
        return {line.key: line._known_value() for line in self.line_ids}

    def _change_note(self, key, before, after):
        """One change as the chatter has it; ``None`` stands for a key that is not."""
        if before is None:
            return self.env._("%s added", key)
        if after is None:
            return self.env._("%s removed", key)
        return self.env._("%s changed", key)


class KubernetesVariable(models.AbstractModel):
    """One variable, wherever it stands. ``string`` is text as it stands, ``yaml`` is
    read as YAML."""

    _name = "kubernetes.variable"
    _description = "Variable for Kubernetes Manifests"
    _inherit = ["kubernetes.record"]
    _rec_name = "key"
    _order = "sequence, id"

    sequence = fields.Integer(default=10)
    key = fields.Char(required=True)
    type = fields.Selection(
        [("string", "Text"), ("yaml", "YAML")],
        required=True,
        default="string",
        help="Text: the value as it stands. YAML: the value is read as YAML, for"
        " numbers, true and false, lists and mappings. Both may contain {{ variables"
        " }}.",
    )

    is_overridden = fields.Boolean(
        compute="_compute_is_overridden",
        help="Chandlery gives this variable itself; the value here has no effect.",
    )

    @api.depends("key")
    def _compute_is_overridden(self):
        for line in self:
            line.is_overridden = line.key in GIVEN_VARIABLES

    @api.constrains("key")
    def _check_key(self):
        """Refuse keys that are no variable's name as Ansible and Jinja know it."""
        for line in self:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", line.key or ""):
                raise ValidationError(
                    self.env._(
                        "“%s” is not a key: use letters, digits and underscores, and"
                        " begin with a letter.",
                        line.key,
                    )
                )


class KubernetesValuesLine(models.AbstractModel):
    """One variable of a config map or secret. ``_values_field`` names the field that
    leads to it."""

    _name = "kubernetes.values.line"
    _description = "Value for Kubernetes Manifests"
    _inherit = ["kubernetes.variable"]
    _values_field = None

    @api.model_create_multi
    def create(self, vals_list):
        values = self.env[self._fields[self._values_field].comodel_name].browse(
            {
                vals[self._values_field]
                for vals in vals_list
                if self._values_field in vals
            }
        )
        self.browse().check_access("create")
        values.check_access("write")
        values._remember_values()
        return super().create(vals_list)

    def write(self, vals):
        self.check_access("write")
        self[self._values_field]._remember_values()
        companies = {line: line[self._values_field].company_id for line in self.sudo()}
        result = super().write(vals)
        for line, company in companies.items():
            # Whoever works for both could not read a secret before, but let others.
            if line[self._values_field].company_id != company:
                raise UserError(
                    self.env._(
                        "The line “%s” belongs to a company and cannot go to another"
                        " one's values. Create a new line there.",
                        line.key,
                    )
                )
        return result

    def unlink(self):
        self.check_access("unlink")
        self[self._values_field]._remember_values()
        return super().unlink()
