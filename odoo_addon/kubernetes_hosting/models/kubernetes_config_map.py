# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields, models

# Of a longer value the chatter has the beginning.
NOTED_LENGTH = 200


class KubernetesConfigMap(models.Model):
    """Keys and values for the manifests of an app, or a template of them."""

    _name = "kubernetes.config.map"
    _description = "Kubernetes ConfigMap"
    _inherit = ["kubernetes.values", "mail.thread"]

    name = fields.Char(tracking=True)
    template_id = fields.Many2one(
        "kubernetes.config.map", string="Made From", readonly=True, copy=False
    )
    line_ids = fields.One2many(
        "kubernetes.config.map.line", "config_map_id", string="Values", copy=True
    )
    app_ids = fields.One2many("kubernetes.app", "config_map_id", string="Apps")

    def _copy_for_app(self, app):
        """The copy of this config map that belongs to ``app``.

        Without a template (an empty recordset) an empty one is made.
        """
        values = self._copy_values(app)
        # Whoever buys an app does not follow its values.
        quiet = self.with_context(mail_create_nosubscribe=True)
        copy = quiet.copy(values) if quiet else quiet.create(values)
        return copy.with_env(self.env)

    def _description_in_chatter(self):
        return self.env._("ConfigMap changed")

    def _change_note(self, key, before, after):
        """A config map's values are no secret: the chatter shows them."""
        (old_type, old), (new_type, new) = (
            (known[0], self._noted(known[1])) if known else (None, "")
            for known in (before, after)
        )
        if not old_type:
            return self.env._("%(key)s added: %(value)s", key=key, value=new)
        if not new_type:
            return self.env._("%(key)s removed: %(value)s", key=key, value=old)
        if old_type != new_type:
            old, new = f"{old} ({old_type})", f"{new} ({new_type})"
        return f"{key}: {old} → {new}"

    def _noted(self, value):
        return value if len(value) <= NOTED_LENGTH else f"{value[:NOTED_LENGTH]}…"


class KubernetesConfigMapLine(models.Model):
    """One variable. ``string`` is text as it stands, ``yaml`` is read as YAML."""

    _name = "kubernetes.config.map.line"
    _description = "Kubernetes ConfigMap Line"
    _inherit = ["kubernetes.values.line"]
    _values_field = "config_map_id"

    config_map_id = fields.Many2one(
        "kubernetes.config.map", required=True, index=True, ondelete="cascade"
    )
    value = fields.Text()

    _key_uniq = models.UniqueIndex(
        "(config_map_id, key)", "This key stands in the config map already."
    )

    def _known_value(self):
        self.ensure_one()
        return self.type, self.value or ""

    def _contract_values(self):
        """The line as the contract's claim answer has it."""
        self.ensure_one()
        return {"key": self.key, "type": self.type, "value": self.value or ""}
