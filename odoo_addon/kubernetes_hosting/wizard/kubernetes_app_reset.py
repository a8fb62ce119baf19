# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models


class KubernetesAppReset(models.TransientModel):
    """Says what a reset makes of an app's data, and resets it."""

    _name = "kubernetes.app.reset"
    _description = "Reset a Kubernetes App"
    _inherit = ["kubernetes.record"]

    app_id = fields.Many2one("kubernetes.app", required=True, ondelete="cascade")
    app_name = fields.Char(
        string="App Name", related="app_id.display_name", related_sudo=False
    )
    hostname = fields.Char(related="app_id.hostname", related_sudo=False)
    environment_id = fields.Many2one(
        related="app_id.environment_id", related_sudo=False
    )
    partner_id = fields.Many2one(related="app_id.partner_id", related_sudo=False)
    reset_mode = fields.Selection(related="app_id.reset_mode", related_sudo=False)
    manifest_names = fields.Char(string="Manifests", compute="_compute_manifest_names")
    production_id = fields.Many2one(
        "kubernetes.app", string="Production", compute="_compute_production_id"
    )

    @api.depends("app_id.reset_manifest_line_ids.manifest_id.name")
    def _compute_manifest_names(self):
        for wizard in self:
            names = wizard.app_id._reset_manifests().mapped("name")
            wizard.manifest_names = ", ".join(names)

    @api.depends("app_id")
    def _compute_production_id(self):
        for wizard in self:
            wizard.production_id = wizard.app_id._production()

    def action_confirm(self):
        self.ensure_one()
        app = self.app_id
        app._check_operator()
        app._enqueue("reset", app._reset_options())
        return {"type": "ir.actions.act_window_close"}
