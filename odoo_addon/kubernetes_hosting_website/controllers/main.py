# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.http import request, route

from odoo.addons.kubernetes_hosting_sale.controllers.app_names import AppNamesForm
from odoo.addons.portal.controllers.portal import CustomerPortal
from odoo.addons.website_sale.controllers.main import WebsiteSale

from ..models.website import STEP_HREF


class AppNamesCheckout(AppNamesForm, WebsiteSale):
    """The checkout step that asks for names, and the way to it from all later ones."""

    @route(
        STEP_HREF,
        type="http",
        auth="public",
        website=True,
        sitemap=False,
        methods=["GET", "POST"],
    )
    def shop_app_names(self, **post):
        order_sudo = request.cart
        # The cart's own checks; ours would lead here.
        if redirection := WebsiteSale._check_cart(self, order_sudo):
            return redirection
        steps = request.website._get_checkout_step_values()
        if not order_sudo._kubernetes_hosting_lines():
            return request.redirect("/shop/checkout?try_skip_step=true")
        if request.httprequest.method == "POST":
            if self._app_names_submit(order_sudo, post):
                return request.redirect(steps["next_website_checkout_step_href"])
            return request.redirect(STEP_HREF)
        values = self._app_names_values(order_sudo)
        values.update(steps)
        values.update(
            {
                "website_sale_order": order_sudo,
                "order": order_sudo,
                "app_names_action": STEP_HREF,
            }
        )
        return request.render("kubernetes_hosting_website.app_names", values)

    def _check_cart(self, order_sudo):
        """Send whoever skips the step to it: from the address and the payment page."""
        if redirection := super()._check_cart(order_sudo):
            return redirection
        if order_sudo._kubernetes_unavailable():
            return request.redirect("/shop/cart")  # which says so
        if (
            order_sudo._kubernetes_name_problems()
            or order_sudo._kubernetes_value_problems()
        ):
            return request.redirect(STEP_HREF)
        return None

    def _check_addresses(self, order_sudo):
        """Odoo leaves out an address that the customer may not change, for example the
        company's: such an order gets one of its own."""
        if redirection := super()._check_addresses(order_sudo):
            return redirection
        if order_sudo._kubernetes_lacks_address():
            return request.redirect("/shop/address?address_type=billing")
        return None

    @route()
    def shop_payment_validate(self, sale_order_id=None, **post):
        """An order that costs nothing is confirmed here, without a payment."""
        order_sudo = request.cart
        if (
            order_sudo
            and order_sudo.state == "draft"
            and sale_order_id is None
            and not order_sudo.get_portal_last_transaction()
            and (redirection := self._check_cart_and_addresses(order_sudo))
        ):
            return redirection
        return super().shop_payment_validate(sale_order_id=sale_order_id, **post)


class ShopPortal(CustomerPortal):
    """Whoever has no app yet finds the shop."""

    def _prepare_portal_layout_values(self):
        return {**super()._prepare_portal_layout_values(), "shop_url": "/shop"}
