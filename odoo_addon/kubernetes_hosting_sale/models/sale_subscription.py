# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields, models


class SaleSubscription(models.Model):
    """A subscription pays for apps and leads to them."""

    _inherit = "sale.subscription"

    # subscription_oca's defaults are the day the server was started.
    date_start = fields.Date(default=lambda self: fields.Date.context_today(self))
    recurring_next_date = fields.Date(
        default=lambda self: fields.Date.context_today(self)
    )
    kubernetes_app_ids = fields.One2many(
        "kubernetes.app",
        "subscription_id",
        string="Apps",
        groups="kubernetes_hosting.group_kubernetes_user",
    )
    kubernetes_app_count = fields.Integer(
        string="App Count",
        compute="_compute_kubernetes_app_count",
        groups="kubernetes_hosting.group_kubernetes_user",
    )

    def _compute_kubernetes_app_count(self):
        counts = dict(
            self.env["kubernetes.app"]._read_group(
                [("subscription_id", "in", self.ids)], ["subscription_id"], ["__count"]
            )
        )
        for subscription in self:
            subscription.kubernetes_app_count = counts.get(subscription, 0)

    def action_view_kubernetes_apps(self):
        self.ensure_one()
        return self.env["kubernetes.app"]._action_view_sold(
            [("subscription_id", "=", self.id)]
        )
