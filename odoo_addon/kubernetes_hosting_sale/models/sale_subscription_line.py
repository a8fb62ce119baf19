# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class SaleSubscriptionLine(models.Model):
    """A subscription's line remembers the order line it was opened for.

    One subscription may stand for several lines: products that share a template.
    """

    _inherit = "sale.subscription.line"

    sale_order_line_id = fields.Many2one(
        "sale.order.line",
        string="Origin Order Line",
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )

    @api.constrains("sale_order_line_id")
    def _check_sale_order_line_id(self):
        """What an order sells is paid for by its own customer, in its own company."""
        for line in self.sudo():
            order, subscription = (
                line.sale_order_line_id.order_id,
                line.sale_subscription_id,
            )
            if order and (
                order.company_id != subscription.company_id
                or order.partner_id.commercial_partner_id
                != subscription.partner_id.commercial_partner_id
            ):
                raise ValidationError(
                    self.env._(
                        "The subscription's line and its order line belong to"
                        " different customers or companies. Choose an order line of"
                        " the subscription's own customer."
                    )
                )
