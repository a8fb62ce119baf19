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
