# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta

from odoo import models

from odoo.addons.kubernetes_hosting_sale.models.kubernetes_app_reservation import (
    CART_HOURS,
)

# More than anybody buys at once; keeps a typing error from filling the page.
MAX_UNITS = 20


class SaleOrder(models.Model):
    """A cart with hostings is not paid before its apps have names."""

    _inherit = "sale.order"

    def _check_cart_is_ready_to_be_paid(self):
        res = super()._check_cart_is_ready_to_be_paid()
        self._kubernetes_check_names()
        return res

    def _verify_updated_quantity(
        self, order_line, product_id, new_qty, uom_id, **kwargs
    ):
        new_qty, warning = super()._verify_updated_quantity(
            order_line, product_id, new_qty, uom_id, **kwargs
        )
        product = self.env["product.product"].browse(product_id)
        if product.kubernetes_hosting and new_qty > MAX_UNITS:
            return MAX_UNITS, self.env._(
                "You can order %s of these at once. Please contact us for more.",
                MAX_UNITS,
            )
        return new_qty, warning

    def _kubernetes_names_held_until(self):
        """A cart keeps its names for hours after its customer was last seen at it."""
        if not self.website_id:
            return super()._kubernetes_names_held_until()
        seen = [self.kubernetes_named_at or self.create_date]
        # On a provider's page a payment may be under way that Odoo hears of later.
        seen += self.transaction_ids.mapped("last_state_change")
        seen += self.transaction_ids.mapped("create_date")
        return max(filter(None, seen)) + timedelta(hours=CART_HOURS)
