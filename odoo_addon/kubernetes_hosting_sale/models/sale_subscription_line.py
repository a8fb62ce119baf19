# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields, models


class SaleSubscriptionLine(models.Model):
    """A subscription's line remembers the order line it was opened for.

    One subscription may stand for several lines: products that share a template.
    """

    _inherit = "sale.subscription.line"

    sale_order_line_id = fields.Many2one(
        "sale.order.line",
        string="Origin Order Line",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )
