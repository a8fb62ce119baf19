# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.tests import tagged

from .common import ShopCase


@tagged("post_install", "-at_install")
class TestBrowser(ShopCase):
    """The step in a real browser."""

    def test_addresses_rule_availability_and_suggestion_while_typing(self):
        self._order((self.hosting, 1, "taken-name"))
        self.start_tour("/shop", "kubernetes_hosting_website_names", login="shopper")
        order = self._cart()
        self.assertEqual(
            order.order_line.kubernetes_app_names, "taken-name-2, other-name"
        )


@tagged("post_install", "-at_install")
class TestBrowserPhone(ShopCase):
    """The checkout on a phone."""

    browser_size = "375x667"
    touch_enabled = True

    def test_the_address_that_a_subscription_needs(self):
        partner = self.user.partner_id
        partner.write({"street": False, "city": False, "zip": False, "phone": False})
        self._add(self.hosting)
        self.start_tour(
            "/shop/app_names", "kubernetes_hosting_website_address", login="shopper"
        )
        order = self._cart()
        self.assertEqual(order.partner_invoice_id.city, "Thun")
        self.assertEqual(order.partner_invoice_id.country_id.code, "CH")
