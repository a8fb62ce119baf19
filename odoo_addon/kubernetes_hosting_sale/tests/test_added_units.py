# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.fields import Command
from odoo.tests import HttpCase, tagged

from .common import HostingSaleCase


@tagged("post_install", "-at_install")
class TestAddedUnits(HostingSaleCase, HttpCase):
    """Hostings added to an order after its confirmation: the operator gets a to-do, the
    customer names them on the order's page, and their apps are made at once."""

    def setUp(self):
        super().setUp()
        self.order = self._order()
        self.order._portal_ensure_token()
        self.order.action_confirm()
        self.line = self.order.order_line

    def _names(self):
        return set(self.order.kubernetes_app_ids.mapped("name"))

    def _send(self, **fields):
        url = self.order.get_portal_url(suffix="/app_names")
        page = self.url_open(url)
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        return self.url_open(url, data={"csrf_token": token, **fields})

    def test_confirming_is_no_change(self):
        self.assertFalse(self.order.activity_ids)
        self.assertFalse(self.order._kubernetes_has_added_units())

    def test_the_operator_gets_a_to_do_and_the_customer_names_them(self):
        self.line.product_uom_qty = 2
        url = f"{self.order.get_base_url()}/my/orders/{self.order.id}"
        self.assertIn(url, self.order.activity_ids.note)
        self.assertEqual(self._names(), {"shop"}, "Not before there is a name")
        page = self.url_open(self.order.get_portal_url()).text
        self.assertIn("Your order has new hosting packages", page)
        self.assertIn(f"/my/orders/{self.order.id}/app_names", page)
        page = self._send(**{f"name-{self.line.id}-2": "bakery"}).text
        self.assertIn("bakery-int.sale-test.example", page)
        self.assertEqual(self._names(), {"shop", "bakery"})
        self.assertEqual(len(self.order.kubernetes_app_ids), 4)
        self.assertFalse(self.order.activity_ids, "Nothing is left to do")

    def test_a_taken_name_is_refused_there_too(self):
        self._order((self.hosting, 1, "bakery"))
        self.line.product_uom_qty = 2
        page = self._send(**{f"name-{self.line.id}-2": "bakery"}).text
        self.assertIn("already taken", page)
        self.assertEqual(self._names(), {"shop"})

    def test_the_page_asks_for_the_new_ones_only(self):
        self.line.product_uom_qty = 3
        page = self.url_open(self.order.get_portal_url(suffix="/app_names")).text
        self.assertNotIn(f"name-{self.line.id}-1", page)
        self.assertIn(f"name-{self.line.id}-2", page)
        self.assertIn(f"name-{self.line.id}-3", page)

    def test_the_seller_names_them_and_presses_the_button(self):
        self.line.write({"product_uom_qty": 2, "kubernetes_app_names": "shop, bakery"})
        self.assertTrue(self.order.kubernetes_missing_app)
        self.order.action_kubernetes_create_apps()
        self.assertEqual(self._names(), {"shop", "bakery"})
        self.assertFalse(self.order.activity_ids)

    def test_the_subscription_pays_for_them_too(self):
        subscription = self.order.subscription_ids
        self.line.write({"product_uom_qty": 2, "kubernetes_app_names": "shop, bakery"})
        self.order.action_kubernetes_create_apps()
        self.assertEqual(self.order.subscription_ids, subscription)
        line = subscription.sale_subscription_line_ids
        self.assertEqual(line.product_uom_qty, 2)
        self.assertEqual(subscription.recurring_total, 40)
        self.assertEqual(self.order.kubernetes_app_ids.subscription_id, subscription)

    def test_a_line_added_later(self):
        blog = self._hosting_product("Blog Hosting")
        self.order.order_line = [
            Command.create({"product_id": blog.id, "kubernetes_app_names": "diary"})
        ]
        self.assertTrue(self.order.activity_ids)
        self.order.action_kubernetes_create_apps()
        self.assertEqual(self._names(), {"shop", "diary"})
        self.assertEqual(len(self.order.subscription_ids), 2)

    def test_something_else_added_is_nobodys_to_do(self):
        self.order.order_line = [Command.create({"product_id": self.book.id})]
        self.assertFalse(self.order.activity_ids)

    def test_fewer_than_before_is_told(self):
        self.line.write({"product_uom_qty": 2, "kubernetes_app_names": "shop, bakery"})
        self.order.action_kubernetes_create_apps()
        self.line.product_uom_qty = 1
        self.assertIn("bakery (prod)", self.order.activity_ids.note)
        self.assertNotIn("shop (prod)", self.order.activity_ids.note)
        self.assertEqual(self._names(), {"shop", "bakery"}, "Nothing is deleted")
