# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

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
    ]
)


def check_keys(lines):
    """Refuse keys that are no variable's name as Ansible and Jinja know it."""
    for line in lines:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", line.key or ""):
            raise ValidationError(
                line.env._(
                    "“%s” is not a key: use letters, digits and underscores, and begin"
                    " with a letter.",
                    line.key,
                )
            )


class KubernetesConfigMap(models.Model):
    """Keys and values for the manifests of an app, or a template of them."""

    _name = "kubernetes.config.map"
    _description = "Kubernetes ConfigMap"
    _inherit = ["mail.thread"]
    _order = "name, id"

    name = fields.Char(required=True, tracking=True)
    is_template = fields.Boolean(
        string="Template",
        help="Every app that uses a template gets a copy of its own.",
    )
    template_id = fields.Many2one(
        "kubernetes.config.map", string="Made From", readonly=True, copy=False
    )
    line_ids = fields.One2many(
        "kubernetes.config.map.line", "config_map_id", string="Values", copy=True
    )
    app_ids = fields.One2many("kubernetes.app", "config_map_id", string="Apps")
    note = fields.Text()
    company_id = fields.Many2one("res.company")
    active = fields.Boolean(default=True)

    def _copy_for_app(self, app):
        """The copy of this config map that belongs to ``app``.

        Without a template (an empty recordset) an empty one is made.
        """
        values = {
            "name": app.display_name,
            "is_template": False,
            "template_id": self.id,
            "company_id": app.company_id.id,
        }
        # Whoever buys an app does not follow its values.
        quiet = self.with_context(mail_create_nosubscribe=True)
        copy = quiet.copy(values) if quiet else quiet.create(values)
        return copy.with_env(self.env)

    def _contract_values(self):
        """The lines as the contract's claim answer has them."""
        return [line._contract_values() for line in self.line_ids]


class KubernetesConfigMapLine(models.Model):
    """One variable. ``string`` is text as it stands, ``yaml`` is read as YAML."""

    _name = "kubernetes.config.map.line"
    _description = "Kubernetes ConfigMap Line"
    _rec_name = "key"
    _order = "sequence, id"

    config_map_id = fields.Many2one(
        "kubernetes.config.map", required=True, index=True, ondelete="cascade"
    )
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
    value = fields.Text()
    is_overridden = fields.Boolean(
        compute="_compute_is_overridden",
        help="Chandlery gives this variable itself; the value here has no effect.",
    )

    _key_uniq = models.UniqueIndex(
        "(config_map_id, key)", "This key stands in the config map already."
    )

    @api.depends("key")
    def _compute_is_overridden(self):
        for line in self:
            line.is_overridden = line.key in GIVEN_VARIABLES

    @api.constrains("key")
    def _check_key(self):
        check_keys(self)

    def _contract_values(self):
        """The line as the contract's claim answer has it."""
        self.ensure_one()
        return {"key": self.key, "type": self.type, "value": self.value or ""}
