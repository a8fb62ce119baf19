# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError


class KubernetesAppDelete(models.TransientModel):
    """Deletes an app after its cluster and namespace were typed, which no other app
    has, and its volumes only where ticked; or takes an installation back, with all that
    was made, which needs nothing typed as long as the app was never there."""

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
    take_back = fields.Boolean(help="The installation has not come to its end.")
    parts_html = fields.Html(
        string="Parts", compute="_compute_parts_html", sanitize=False
    )
    is_typed = fields.Boolean(compute="_compute_is_typed")
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

    @api.depends("namespace_state", "take_back")
    def _compute_delete_volumes(self):
        """Of a deleted app only the volumes are left to delete; of an installation
        that is taken back nothing is kept."""
        for wizard in self:
            kept = wizard.namespace_state == "kept"
            wizard.delete_volumes = kept or wizard.take_back

    @api.depends("app_id", "take_back")
    @api.depends_context("lang")
    def _compute_parts_html(self):
        for wizard in self:
            app = wizard.app_id
            parts = app._parts_to_take_away(wizard.take_back) if app else []
            wizard.parts_html = app._render_parts(parts)

    @api.depends("app_id", "take_back")
    def _compute_is_typed(self):
        """What a deploy has brought once may hold somebody's data."""
        for wizard in self:
            wizard.is_typed = not wizard.take_back or wizard.app_id.is_deployed

    def action_confirm(self):
        self.ensure_one()
        self.app_id._check_operator()
        typed = (self.confirmed_name or "").strip()
        if self.is_typed and typed != self.confirmation:
            raise UserError(
                self.env._(
                    "Nothing was deleted: type %s to confirm, the cluster and the"
                    " namespace of the app.",
                    self.confirmation,
                )
            )
        if self.take_back:
            self.app_id._take_back()
        else:
            self.app_id._enqueue("delete", {"keep_volumes": not self.delete_volumes})
        return {"type": "ir.actions.act_window_close"}
