# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class ResCompany(models.Model):
    """How many names a shop holds for who has not paid."""

    _inherit = "res.company"

    kubernetes_unpaid_names = fields.Integer(
        string="Unpaid Names",
        default=5,
        help="A customer whose other carts hold this many names that are not paid gets"
        " no more. The same holds for all visitors and new customers together who come"
        " from one network address; who has paid an order is counted by account alone."
        " One cart by itself may hold 20, so that a real order of that size goes"
        " through. Paid orders and quotations of salespeople are neither counted nor"
        " limited. Behind a reverse proxy Odoo needs proxy_mode to tell addresses"
        " apart.",
    )

    @api.constrains("kubernetes_unpaid_names")
    def _check_kubernetes_unpaid_names(self):
        if any(company.kubernetes_unpaid_names < 1 for company in self):
            raise ValidationError(
                self.env._("Set “Unpaid Names” to 1 or more: with less nobody orders.")
            )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    kubernetes_unpaid_names = fields.Integer(
        related="company_id.kubernetes_unpaid_names", readonly=False
    )
