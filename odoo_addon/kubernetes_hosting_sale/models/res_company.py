# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class ResCompany(models.Model):
    """How long apps outlive their subscription."""

    _inherit = "res.company"

    kubernetes_retention_days = fields.Integer(
        string="Retention Time",
        default=30,
        help="Days from the end of a subscription, which stops its apps, to their"
        " deletion with all data.",
    )
    kubernetes_announce_days = fields.Integer(
        string="Last Announcement",
        default=7,
        help="Days before the deletion at which the customer is told once more. Nothing"
        " is deleted unless that mail was sent as many days before.",
    )

    @api.constrains("kubernetes_retention_days", "kubernetes_announce_days")
    def _check_kubernetes_days(self):
        for company in self:
            if (
                min(company.kubernetes_retention_days, company.kubernetes_announce_days)
                < 1
            ):
                raise ValidationError(
                    self.env._(
                        "Apps are kept for at least one day after their subscription"
                        " has ended, and their deletion is announced at least one day"
                        " before."
                    )
                )

    def _kubernetes_announce_days(self):
        """How many days before the deletion the customer is told: never more than the
        apps are kept."""
        self.ensure_one()
        return min(self.kubernetes_announce_days, self.kubernetes_retention_days)


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    kubernetes_retention_days = fields.Integer(
        related="company_id.kubernetes_retention_days", readonly=False
    )
    kubernetes_announce_days = fields.Integer(
        related="company_id.kubernetes_announce_days", readonly=False
    )
