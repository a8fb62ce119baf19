# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields, models


class ResPartner(models.Model):
    """A customer leads to their apps, those of their contacts included."""

    _inherit = "res.partner"

    kubernetes_app_count = fields.Integer(
        string="Apps",
        compute="_compute_kubernetes_app_count",
        groups="kubernetes_hosting.group_kubernetes_user",
    )

    def _compute_kubernetes_app_count(self):
        apps = self.env["kubernetes.app"]
        for partner in self:
            partner.kubernetes_app_count = apps.search_count(
                partner._kubernetes_app_domain()
            )

    def _kubernetes_app_domain(self):
        return [("partner_id", "child_of", self.ids)]

    def action_view_kubernetes_apps(self):
        self.ensure_one()
        self.check_access("read")
        return self.env["kubernetes.app"]._action_view_sold(
            self._kubernetes_app_domain()
        )
