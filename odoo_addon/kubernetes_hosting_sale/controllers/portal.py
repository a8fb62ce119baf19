# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import http
from odoo.exceptions import AccessError, MissingError, ValidationError
from odoo.http import request

from odoo.addons.payment.controllers import portal as payment_portal
from odoo.addons.sale.controllers import portal as sale_portal


class CustomerPortal(sale_portal.CustomerPortal):
    """A quotation is not signed before its apps have names."""

    @http.route()
    def portal_quote_accept(
        self, order_id, access_token=None, name=None, signature=None
    ):
        params = {"access_token": access_token, "name": name, "signature": signature}
        try:
            order_sudo = self._document_check_access(
                "sale.order",
                order_id,
                access_token=access_token
                or request.httprequest.args.get("access_token"),
            )
        except (AccessError, MissingError):
            return super().portal_quote_accept(order_id, **params)  # says so
        try:
            order_sudo._kubernetes_check_sale()
        except ValidationError as error:
            return {"error": error.args[0]}
        return super().portal_quote_accept(order_id, **params)


class PaymentPortal(payment_portal.PaymentPortal):
    """Every payment by a customer begins here: in the shop, the portal, by a link."""

    def _create_transaction(self, *args, custom_create_values=None, **kwargs):
        order_ids = [
            order_id
            for command in (custom_create_values or {}).get("sale_order_ids", [])
            for order_id in (command[2] if command[0] == 6 else [command[1]])
        ]
        orders_sudo = request.env["sale.order"].sudo().browse(order_ids)
        orders_sudo._kubernetes_check_sale()
        return super()._create_transaction(
            *args, custom_create_values=custom_create_values, **kwargs
        )
