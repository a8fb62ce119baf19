# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.tests import JsonRpcException, tagged
from odoo.tools import mute_logger

from odoo.addons.kubernetes_hosting_sale.tests.webhook_provider import (
    WebhookProviderMixin,
)

from .common import ShopCase

PAYMENT_LOGGER = "odoo.addons.payment.models.payment_transaction"


@tagged("post_install", "-at_install")
class TestPayment(WebhookProviderMixin, ShopCase):
    """Whatever a payment does, exactly one set of apps: one for each unit and
    environment, and none before it is paid."""

    def setUp(self):
        super().setUp()
        self.order = self._add(self.hosting)
        self._send("shop")
        self.url_open("/shop/checkout")

    def _begin(self):
        """Press “Pay now”: the customer goes to the provider's page."""
        values = self.make_jsonrpc_request(
            f"/shop/payment/transaction/{self.order.id}",
            {
                "access_token": self.order._portal_ensure_token(),
                "provider_id": self.provider.id,
                "payment_method_id": self.method.id,
                "token_id": None,
                "amount": self.order.amount_total,
                "flow": "redirect",
                "tokenization_requested": False,
                "landing_route": "/shop/payment/validate",
            },
        )
        self.assertIn("https://payments.example", values["redirect_form_html"])
        return self.env["payment.transaction"].search(
            [("reference", "=", values["reference"])]
        )

    def _return(self):
        """The provider sends the browser back: the page that waits, then the next."""
        self.url_open("/payment/status")
        self.make_jsonrpc_request("/payment/status/poll", {})
        return self.url_open("/shop/payment/validate")

    def _process(self):
        """What the webhook has triggered runs: asserts that it has."""
        cron = self.env.ref("payment.cron_post_process_payment_tx")
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])
        self.assertTrue(triggers, "Confirmed at once, not in ten minutes")
        self._run_cron("payment.cron_post_process_payment_tx")

    def _assert_one_set(self):
        self.assertEqual(self.order.state, "sale")
        self.assertEqual(
            sorted(self.order.kubernetes_app_ids.mapped("hostname")),
            ["shop-int.sale-test.example", "shop.sale-test.example"],
        )
        self.assertEqual(len(self.order.subscription_ids), 1)
        self.assertEqual(
            self.order.kubernetes_app_ids.job_ids.mapped("kind"), ["deploy"] * 2
        )

    def _to_dos(self):
        return self.order.activity_ids.mapped("activity_type_id.name")

    def test_the_payment_page_costs_no_more_for_ten_names_than_for_one(self):
        costs = []
        for names in (["shop"], ["shop", *(f"name-{number}" for number in range(9))]):
            if len(names) > 1:
                self._add(self.hosting, len(names) - 1)
                self._send(*names)
            self.assertEqual(
                self._path(self.url_open("/shop/payment")), "/shop/payment"
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            page = self.url_open("/shop/payment").text
            costs.append(self.env.cr.sql_log_count - before)
            self.assertTrue(names[-1] in page, "the page names all")
        self.assertLessEqual(costs[1], costs[0] + 3, costs)

    def test_two_apps_arise_app_and_app_int(self):
        self._webhook(self._begin(), "confirmed")
        self._process()
        self.assertEqual(
            {
                app.environment_id.code: app.hostname
                for app in self.order.kubernetes_app_ids
            },
            {
                "prod": "shop.sale-test.example",
                "int": "shop-int.sale-test.example",
            },
        )

    def test_confirmed_later_by_webhook_without_a_session(self):
        transaction = self._begin()
        self._webhook(transaction, "waiting")
        page = self._return()
        self.assertEqual(self._path(page), "/shop/confirmation")
        self.assertIn("As soon as your payment has arrived", page.text)
        self.assertIn('data-poll-seconds="10"', page.text)
        self.assertFalse(self.order.kubernetes_app_ids)
        self.logout()
        self._webhook(transaction, "confirmed")
        self._process()
        self._assert_one_set()
        public = self.env.ref("base.public_user")
        apps = self.order.kubernetes_app_ids
        self.assertNotIn(public, apps.create_uid)
        self.assertNotIn(public.partner_id, apps.message_ids.author_id)

    def test_the_page_that_was_left_open_shows_the_apps(self):
        transaction = self._begin()
        self._webhook(transaction, "waiting")
        self._return()
        self._webhook(transaction, "confirmed")
        self._process()
        answer = self.make_jsonrpc_request(
            f"/my/orders/{self.order.id}/apps",
            {"access_token": self.order.access_token},
        )
        self.assertIn("shop-int.sale-test.example", answer["html"])
        self.assertEqual(answer["poll_seconds"], 2)

    def test_the_browser_closed_right_after_paying(self):
        """Nobody comes back to the shop, nobody polls."""
        transaction = self._begin()
        self.logout()
        self._webhook(transaction, "confirmed")
        self._process()
        self._assert_one_set()

    def test_the_browser_comes_back_before_the_webhook(self):
        transaction = self._begin()
        self._return()
        self.assertNotEqual(self.order.state, "sale")
        self._webhook(transaction, "confirmed")
        self._process()
        self._assert_one_set()

    def test_the_browser_comes_back_after_the_webhook(self):
        """The waiting page confirms the order; the cron finds it done."""
        transaction = self._begin()
        self._webhook(transaction, "confirmed")
        page = self._return()
        self._assert_one_set()
        self.assertIn("We are setting up your apps now", page.text)
        self._process()
        self._assert_one_set()

    def test_a_payment_refused_orders_nothing_and_keeps_the_names(self):
        transaction = self._begin()
        self._webhook(transaction, "declined")
        self._return()
        self._run_cron("payment.cron_post_process_payment_tx")
        self.assertEqual(transaction.state, "error")
        self.assertNotEqual(self.order.state, "sale")
        self.assertFalse(self.order.kubernetes_app_ids)
        self.assertEqual(len(self._hostnames("shop")), 2)
        page = self.url_open("/shop/confirmation").text
        self.assertIn("Your payment was not completed", page)
        self.assertIn("Pay again", page)

    def test_refused_and_paid_again(self):
        self._webhook(self._begin(), "declined")
        page = self.url_open("/shop/payment")
        self.assertEqual(self._path(page), "/shop/payment", "One can try again")
        self._webhook(self._begin(), "confirmed")
        self._process()
        self._assert_one_set()
        self.assertFalse(self._to_dos())

    def test_paid_twice_makes_one_set_and_a_to_do(self):
        first, second = self._begin(), self._begin()
        self._webhook(first, "confirmed")
        self._webhook(second, "confirmed")
        self._process()
        self._assert_one_set()
        self.assertEqual(self._to_dos(), ["Payment to settle"])
        self.assertIn(second.reference, self.order.activity_ids.note)

    def test_paid_once_more_days_later(self):
        self._webhook(self._begin(), "confirmed")
        second = self._transaction(self.order, state="pending")
        self._process()
        self._assert_one_set()
        self.assertFalse(self._to_dos())
        self._webhook(second, "confirmed")
        self._process()
        self._assert_one_set()
        self.assertEqual(self._to_dos(), ["Payment to settle"])

    @mute_logger(PAYMENT_LOGGER)
    def test_the_same_webhook_twice(self):
        transaction = self._begin()
        self._webhook(transaction, "confirmed")
        self._webhook(transaction, "confirmed")
        self._process()
        self._webhook(transaction, "confirmed")
        self._run_cron("payment.cron_post_process_payment_tx")
        self._assert_one_set()
        self.assertFalse(self._to_dos())

    @mute_logger(PAYMENT_LOGGER)
    def test_a_late_refusal_changes_nothing(self):
        transaction = self._begin()
        self._webhook(transaction, "confirmed")
        self._process()
        self._webhook(transaction, "declined")
        self._webhook(transaction, "waiting")
        self._run_cron("payment.cron_post_process_payment_tx")
        self.assertEqual(transaction.state, "done")
        self._assert_one_set()

    def test_pending_then_cancelled_then_paid_by_another(self):
        first = self._begin()
        self._webhook(first, "waiting")
        self._return()
        self._webhook(first, "cancelled")
        self._run_cron("payment.cron_post_process_payment_tx")
        self.assertFalse(self.order.kubernetes_app_ids)
        second = self._transaction(self.order, state="draft")
        self._webhook(second, "confirmed")
        self._process()
        self._assert_one_set()
        self.assertFalse(self._to_dos())

    @mute_logger(PAYMENT_LOGGER)
    def test_too_little_orders_nothing(self):
        transaction = self._begin()
        self._webhook(transaction, "confirmed", amount="0.01")
        self._run_cron("payment.cron_post_process_payment_tx")
        self.assertEqual(transaction.state, "error")
        self.assertFalse(self.order.kubernetes_app_ids)

    def test_paid_after_the_order_was_cancelled_is_told(self):
        transaction = self._begin()
        self._webhook(transaction, "waiting")
        self.order.action_cancel()
        self._webhook(transaction, "confirmed")
        self._process()
        self.assertEqual(self.order.state, "cancel")
        self.assertFalse(self.order.kubernetes_app_ids)
        self.assertEqual(self._to_dos(), ["Payment to settle"])
        self.assertEqual(len(self._hostnames("shop")), 2, "Kept until it is settled")
        self.order.action_draft()
        self.order.action_confirm()
        self._assert_one_set()

    @mute_logger(PAYMENT_LOGGER)
    def test_a_webhook_about_nothing(self):
        unknown = self.env["payment.transaction"].new(
            {"reference": "nothing", "amount": 1, "currency_id": self.order.currency_id}
        )
        self.assertEqual(self._webhook(unknown, "confirmed").status_code, 200)
        self.assertFalse(self.order.kubernetes_app_ids)

    @mute_logger("odoo.http")
    def test_several_hostings_each_line_and_unit_its_own_name(self):
        blog = self._hosting_product("Blog Hosting", is_published=True)
        self._add(self.hosting)
        self._add(blog)
        with self.assertRaises(JsonRpcException):
            self._begin()  # two are without a name
        self._send("shop", "bakery", "diary")
        self._webhook(self._begin(), "confirmed")
        self._process()
        apps = self.order.kubernetes_app_ids
        self.assertEqual(len(apps), 6)
        self.assertEqual(
            {app.product_id: set() for app in apps}.keys(), {self.hosting, blog}
        )
        page = self.url_open("/shop/confirmation").text
        for app in apps:
            self.assertIn(app.hostname, page)
