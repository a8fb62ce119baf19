# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError


class KubernetesAppDelete(models.TransientModel):
    """Deletes an app after its name was typed, and its volumes only where ticked."""

    _name = "kubernetes.app.delete"
    _description = "Delete a Kubernetes App"
    _inherit = ["kubernetes.record"]

    app_id = fields.Many2one("kubernetes.app", required=True, ondelete="cascade")
    app_name = fields.Char(related="app_id.name", related_sudo=False)
    namespace_state = fields.Selection(
        related="app_id.namespace_state", related_sudo=False
    )
    hostname = fields.Char(related="app_id.hostname", related_sudo=False)
    confirmed_name = fields.Char(
        string="Name of the App", help="Type the app's name to confirm."
    )
    delete_volumes = fields.Boolean(
        string="Delete the volumes too",
        compute="_compute_delete_volumes",
        store=True,
        readonly=False,
        help="All data of the app is lost and cannot be brought back.",
    )

    @api.depends("namespace_state")
    def _compute_delete_volumes(self):
        """Of a deleted app only the volumes are left to delete."""
        for wizard in self:
            wizard.delete_volumes = wizard.namespace_state == "kept"

    def action_confirm(self):
        self.ensure_one()
        self.app_id._check_operator()
        if (self.confirmed_name or "").strip() != self.app_id.name:
            raise UserError(
                self.env._(
                    "Nothing was deleted: type the app's name, %s, to confirm.",
                    self.app_id.name,
                )
            )
        self.app_id._enqueue("delete", {"keep_volumes": not self.delete_volumes})
        return {"type": "ir.actions.act_window_close"}
