# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models


class KubernetesHostname(models.Model):
    """A hostname may be held by a customer's cart before an app has it."""

    _inherit = "kubernetes.hostname"

    reservation_id = fields.Many2one(
        "kubernetes.app.reservation", readonly=True, index=True, ondelete="cascade"
    )

    @api.depends("reservation_id.company_id")
    def _compute_company_id(self):
        result = super()._compute_company_id()
        for hostname in self:
            if not hostname.company_id:
                hostname.company_id = hostname.reservation_id.company_id
        return result
