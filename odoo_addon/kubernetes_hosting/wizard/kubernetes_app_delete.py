# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError


class KubernetesAppDelete(models.TransientModel):
    """Deletes an app after its cluster and namespace were typed, which no other app
    has, and its volumes only where ticked."""

    _name = "kubernetes.app.delete"
    _description = "Delete a Kubernetes App"
    _inherit = ["kubernetes.record"]

    app_id = fields.Many2one("kubernetes.app", required=True, ondelete="cascade")
    cluster_id = fields.Many2one(related="app_id.cluster_id", related_sudo=False)
    environment_id = fields.Many2one(
        related="app_id.environment_id", related_sudo=False
    )
    is_production = fields.Boolean(
        related="app_id.environment_id.is_production", related_sudo=False
    )
    partner_id = fields.Many2one(related="app_id.partner_id", related_sudo=False)
    namespace_state = fields.Selection(
        related="app_id.namespace_state", related_sudo=False
    )
    hostname = fields.Char(related="app_id.hostname", related_sudo=False)
    volumes = fields.Char(compute="_compute_volumes")
    confirmation = fields.Char(
        string="To Confirm, Type",
        compute="_compute_confirmation",
        help="The cluster and the namespace of the app.",
    )
    confirmed_name = fields.Char(string="Confirmation")
    delete_volumes = fields.Boolean(
        string="Delete the volumes too",
        compute="_compute_delete_volumes",
        store=True,
        readonly=False,
        help="All data of the app is lost and cannot be brought back.",
    )

    @api.depends("app_id.cluster_id.name", "app_id.namespace_id.name")
    def _compute_confirmation(self):
        for wizard in self:
            app = wizard.app_id
            names = [app.cluster_id.name or "", app.namespace_id.name or app.name or ""]
            wizard.confirmation = "/".join(names)

    @api.depends("app_id.inventory")
    def _compute_volumes(self):
        for wizard in self:
            wizard.volumes = ", ".join(
                item["name"]
                for item in wizard.app_id.inventory or []
                if item["kind"] == "PersistentVolumeClaim"
            )

    @api.depends("namespace_state")
    def _compute_delete_volumes(self):
        """Of a deleted app only the volumes are left to delete."""
        for wizard in self:
            wizard.delete_volumes = wizard.namespace_state == "kept"

    def action_confirm(self):
        self.ensure_one()
        self.app_id._check_operator()
        if (self.confirmed_name or "").strip() != self.confirmation:
            raise UserError(
                self.env._(
                    "Nothing was deleted: type %s to confirm, the cluster and the"
                    " namespace of the app.",
                    self.confirmation,
                )
            )
        self.app_id._enqueue("delete", {"keep_volumes": not self.delete_volumes})
        return {"type": "ir.actions.act_window_close"}
