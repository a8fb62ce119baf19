# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta

from odoo import fields
from odoo.tests import JsonRpcException, tagged
from odoo.tools import mute_logger

from .common import STEP, ShopCase

NAME_OF_APP = "What shall your app be called?"


@tagged("post_install", "-at_install")
class TestCheckout(ShopCase):
    """The checkout asks for names, and no flow gets around it."""

    # -- the step ----------------------------------------------------------------

    def test_the_step_is_shown_for_carts_with_hosting_only(self):
        self._add(self.book)
        self.assertNotIn(STEP, self.url_open("/shop/cart").text)
        self.assertNotIn(STEP, self.url_open("/shop/payment").text)
        self.assertNotEqual(self._path(self.url_open(STEP)), STEP)
        self._add(self.hosting)
        self.assertIn(STEP, self.url_open("/shop/cart").text)
        self.assertEqual(self._path(self.url_open(STEP)), STEP)

    def test_an_empty_cart_has_no_step(self):
        self.assertEqual(self._path(self.url_open(STEP)), "/shop")

    def test_cart_name_address_payment(self):
        order = self._add(self.hosting)
        page = self.url_open(STEP)
        self.assertIn(NAME_OF_APP, page.text)
        self.assertIn("-int.sale-test.example", page.text)
        self.assertIn('form="kubernetes_app_names"', page.text)
        done = self._send("Shop")
        self.assertEqual(self._path(done), "/shop/payment", "The address is known")
        self.assertEqual(order.order_line.kubernetes_app_names, "shop")
        self.assertIn(STEP, done.text, "One can go back")

    def test_one_field_per_line_and_unit(self):
        bakery = self._hosting_product("Bakery Hosting", is_published=True)
        self._add(self.book)
        self._add(self.hosting, 2)
        order = self._add(bakery)
        page = self.url_open(STEP).text
        self.assertEqual(page.count('class="o_kubernetes_app_name '), 3)
        self._send("one", "two", "three")
        self.assertEqual(
            order.order_line.mapped("kubernetes_app_names"), ["", "one, two", "three"]
        )

    def test_bad_taken_and_good_name(self):
        self._order((self.hosting, 1, "shop"))
        self._add(self.hosting)
        for name, reason in (
            ("", "Please choose a name"),
            ("a", "3 to 30 characters"),
            ("Sh op", "letters a to z"),
            ("www", "is reserved"),
            ("shop", "already taken"),
            ("shop-int", "already taken"),
        ):
            with self.subTest(name=name):
                page = self._send(name)
                self.assertEqual(self._path(page), STEP)
                self.assertIn(reason, page.text)
                self.assertIn(f'value="{name}"', page.text)
        self.assertEqual(self._path(self._send("shop-2")), "/shop/payment")

    def test_reload_and_back_keep_what_was_typed(self):
        self._order((self.hosting, 1, "taken-name"))
        self._add(self.hosting, 2)
        self._send("taken-name", "fine-name")
        for _reload in range(2):
            page = self.url_open(STEP).text
            self.assertIn('value="taken-name"', page)
            self.assertIn('value="fine-name"', page)
        self._send("other-name", "fine-name")
        page = self.url_open(STEP).text  # back from the payment page
        self.assertIn('value="other-name"', page)
        self.assertNotIn("already taken", page)

    def test_quantity_changed_after_naming(self):
        order = self._add(self.hosting)
        self._send("shop")
        self._add(self.hosting)
        self.assertEqual(order.order_line.product_uom_qty, 2)
        page = self.url_open("/shop/payment")
        self.assertEqual(self._path(page), STEP)
        self.assertIn('value="shop"', page.text)
        self._send("shop", "bakery")
        self.make_jsonrpc_request(
            "/shop/cart/update", {"line_id": order.order_line.id, "quantity": 1}
        )
        self.assertEqual(self._path(self.url_open("/shop/payment")), "/shop/payment")
        self.assertEqual(len(self._hostnames("bakery")), 0)

    def test_an_emptied_cart_frees_its_names(self):
        order = self._add(self.hosting)
        self._send("shop")
        self.make_jsonrpc_request(
            "/shop/cart/update", {"line_id": order.order_line.id, "quantity": 0}
        )
        self.assertFalse(self._hostnames("shop"))

    def test_nobody_orders_thousands_by_mistake(self):
        order = self._add(self.hosting, 5000)
        self.assertEqual(order.order_line.product_uom_qty, 20)
        self.assertIn("at once", order.order_line.shop_warning)

    def test_an_abandoned_cart_frees_its_names_after_hours(self):
        order = self._add(self.hosting)
        self._send("shop")
        release = self.env["kubernetes.app.reservation"]._release_abandoned
        order.kubernetes_named_at = fields.Datetime.now() - timedelta(hours=20)
        self.assertFalse(release())
        order.kubernetes_named_at = fields.Datetime.now() - timedelta(hours=30)
        transaction = self._transaction(order, state="draft")
        self.assertFalse(release(), "A payment was begun a moment ago")
        transaction.unlink()
        self.assertEqual(release(), order)
        self.assertFalse(self._hostnames("shop"))
        # Who comes back finds the name typed in, and gets it again if it is free.
        self.assertEqual(self._path(self.url_open("/shop/payment")), "/shop/payment")
        self.assertEqual(len(self._hostnames("shop")), 2)

    def test_a_name_lost_meanwhile_leads_back_to_the_step(self):
        order = self._add(self.hosting)
        self._send("shop")
        order.order_line.kubernetes_reservation_ids._release()
        self._order((self.hosting, 1, "shop"))
        self.assertEqual(self._path(self.url_open("/shop/payment")), STEP)

    def test_a_visitor_without_an_account(self):
        self.logout()
        self.make_jsonrpc_request(
            "/shop/cart/add",
            {
                "product_template_id": self.hosting.product_tmpl_id.id,
                "product_id": self.hosting.id,
                "quantity": 1,
            },
        )
        order = self.env["sale.order"].search(
            [("partner_id", "=", self.website.user_id.partner_id.id)],
            limit=1,
            order="id desc",
        )
        done = self._send("visitor", order=order)
        self.assertEqual(self._path(done), "/shop/address")
        self.assertEqual(order.order_line.kubernetes_app_names, "visitor")

    # -- no way around -----------------------------------------------------------

    def test_the_address_page_leads_to_the_step(self):
        self._add(self.hosting)
        for url in ("/shop/checkout", "/shop/checkout?try_skip_step=true"):
            self.assertEqual(self._path(self.url_open(url)), STEP)
        self.assertEqual(self._path(self.url_open("/shop/address")), STEP)

    def test_the_payment_page_leads_to_the_step(self):
        self._add(self.hosting)
        self.assertEqual(self._path(self.url_open("/shop/payment")), STEP)

    def test_express_buttons_come_when_there_is_nothing_to_name(self):
        order = self._add(self.hosting)
        marker = "o_payment_express_checkout_form"
        provider = self._transaction(order, state="draft").provider_id
        order.transaction_ids.unlink()
        view = self.env["ir.ui.view"].create(
            {"name": "Express", "type": "qweb", "arch": "<div>Express</div>"}
        )
        provider.write(
            {
                "is_published": True,
                "allow_express_checkout": True,
                "express_checkout_form_view_id": view.id,
            }
        )
        method = provider.payment_method_ids
        method.support_express_checkout = True
        self.assertNotIn(marker, self.url_open("/shop/cart").text)
        self._send("shop")
        self.assertIn(marker, self.url_open("/shop/cart").text)

    @mute_logger("odoo.http")
    def test_express_payment_needs_names(self):
        """Whatever page it comes from: this is where every payment begins."""
        order = self._add(self.hosting)
        with self.assertRaises(JsonRpcException):
            self._pay(order)
        self.assertFalse(order.transaction_ids)
        self._send("shop")
        self.assertTrue(self._pay(order))

    @mute_logger("odoo.http")
    def test_payment_link_of_the_cart_needs_names(self):
        order = self._add(self.hosting)
        order.require_payment = True
        probe = self._transaction(order, state="draft")
        provider, method = probe.provider_id, probe.payment_method_id
        probe.unlink()
        with self.assertRaises(JsonRpcException):
            self.make_jsonrpc_request(
                f"/my/orders/{order.id}/transaction",
                {
                    "access_token": order._portal_ensure_token(),
                    "provider_id": provider.id,
                    "payment_method_id": method.id,
                    "token_id": None,
                    "amount": order.amount_total,
                    "flow": "direct",
                    "tokenization_requested": False,
                    "landing_route": order.get_portal_url(),
                },
            )
        self.assertFalse(order.transaction_ids)
        page = self.url_open(order.get_portal_url())
        self.assertIn(f"/my/orders/{order.id}/app_names", page.text)

    def test_an_order_that_costs_nothing_needs_names(self):
        self.hosting.list_price = 0
        order = self._add(self.hosting)
        self.assertEqual(self._path(self.url_open("/shop/payment/validate")), STEP)
        self.assertEqual(order.state, "draft")
        self._send("gratis")
        done = self.url_open("/shop/payment/validate")
        self.assertEqual(self._path(done), "/shop/confirmation")
        self.assertEqual(order.state, "sale")
        self.assertEqual(set(order.kubernetes_app_ids.mapped("name")), {"gratis"})

    def test_signing_the_cart_needs_names(self):
        order = self._add(self.hosting)
        order.write({"require_signature": True, "require_payment": False})
        answer = self.make_jsonrpc_request(
            f"/my/orders/{order.id}/accept",
            {
                "access_token": order._portal_ensure_token(),
                "name": "Shopper",
                "signature": "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
            },
        )
        self.assertIn("Please choose a name", answer["error"])
        self.assertEqual(order.state, "draft")

    # -- after the payment -------------------------------------------------------

    def test_paid_in_the_browser(self):
        """The page of the payment's state confirms the order; then what happens now."""
        order = self._add(self.hosting)
        self._send("shop")
        self.url_open("/shop/payment")
        transaction = self._pay(order)
        transaction._set_done()
        self.make_jsonrpc_request("/payment/status/poll", {})
        self.assertEqual(order.state, "sale")
        self.assertEqual(len(order.kubernetes_app_ids), 2)
        page = self.url_open("/shop/payment/validate")
        self.assertEqual(self._path(page), "/shop/confirmation")
        self.assertIn("setting up your apps", page.text)
        for app in order.kubernetes_app_ids:
            self.assertIn(app.hostname, page.text)
            self.assertIn(f"/my/apps/{app.id}", page.text)
        self.assertIn('href="/my/apps"', page.text)
        # The app's page opens with the link.
        app = order.kubernetes_app_ids[0]
        self.assertIn(app.hostname, self.url_open(app.get_portal_url()).text)

    def test_paid_later(self):
        """Pending: the names stay the customer's; the webhook comes days later."""
        order = self._add(self.hosting)
        self._send("shop")
        self.url_open("/shop/checkout")
        transaction = self._pay(order)
        transaction._set_pending()
        self.make_jsonrpc_request("/payment/status/poll", {})
        page = self.url_open("/shop/payment/validate")
        self.assertEqual(self._path(page), "/shop/confirmation")
        self.assertIn("As soon as your payment has arrived", page.text)
        self.assertIn("shop-int.sale-test.example", page.text)
        order.kubernetes_named_at -= timedelta(days=9)
        order.validity_date = order.kubernetes_named_at.date()
        self.assertFalse(self.env["kubernetes.app.reservation"]._release_abandoned())
        transaction._set_done()
        self._run_cron("payment.cron_post_process_payment_tx")
        self.assertEqual(set(order.kubernetes_app_ids.mapped("name")), {"shop"})

    def test_paid_by_a_visitor_without_an_account(self):
        self.test_a_visitor_without_an_account()
        order = (
            self.env["kubernetes.app.reservation"]
            .search([("name", "=", "visitor")])
            .order_id
        )
        order.partner_id = self.customer
        transaction = self._pay(order)
        transaction._set_done()
        self.url_open("/shop/checkout")
        self.make_jsonrpc_request("/payment/status/poll", {})
        self.assertEqual(order.state, "sale")
        self.assertEqual(len(order.kubernetes_app_ids), 2)
        self.assertFalse(order.kubernetes_pending)
        self.assertNotIn(self.website.user_id, order.subscription_ids.mapped("user_id"))

    def test_confirmation_when_the_apps_are_late(self):
        order = self._add(self.hosting)
        self._send("shop")
        self.url_open("/shop/checkout")
        order.write({"state": "sale", "kubernetes_pending": True})
        page = self.url_open("/shop/confirmation")
        self.assertIn("takes a little longer", page.text)
        self.assertNotIn("Delivery", page.text, "Nothing is delivered")

    def test_confirmation_of_other_orders_is_as_ever(self):
        order = self._add(self.book)
        self.url_open("/shop/checkout")
        order.action_confirm()
        page = self.url_open("/shop/confirmation")
        self.assertNotIn("kubernetes_what_now", page.text)
