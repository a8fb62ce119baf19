# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import json
from datetime import timedelta

from lxml import html

from odoo.tests import HttpCase, JsonRpcException, new_test_user, tagged
from odoo.tools import html2plaintext, mute_logger

from .common import ADDRESS, HostingSaleCase

CHECK = "/kubernetes_hosting/app_name/check"


@tagged("post_install", "-at_install")
class TestPortal(HostingSaleCase, HttpCase):
    """A customer with a quotation, a payment link, an order."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = new_test_user(
            cls.env, "portal-customer", "base.group_portal", password="portal-customer"
        )
        cls.customer = cls.user.partner_id
        country = cls.env.ref("base.ch")
        cls.customer.write(
            {"email": "portal@example.com", **ADDRESS, "country_id": country.id}
        )

    def _quotation(self, *lines, **values):
        order = self._order(
            *(lines or [(self.hosting, 1, None)]),
            **{"require_payment": True, "require_signature": False, **values},
        )
        order._portal_ensure_token()
        order.action_quotation_sent()
        return order

    def _names_page(self, order):
        return order.get_portal_url(suffix="/app_names")

    def _send(self, order, *names):
        """Open the form as a browser does, fill it in and send it."""
        page = self.url_open(self._names_page(order))
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        data = {
            f"name-{order.order_line[0].id}-{unit}": name
            for unit, name in enumerate(names, start=1)
        }
        return self.url_open(
            self._names_page(order), data={"csrf_token": token, **data}
        )

    def _check(self, order, name, **params):
        return self.make_jsonrpc_request(
            CHECK,
            {
                "order_id": order.id,
                "access_token": order.access_token,
                "line_id": order.order_line[0].id,
                "unit": 1,
                "name": name,
                **params,
            },
        )

    # -- the page that asks for names --------------------------------------------

    def test_a_quotation_without_names_leads_to_the_page_that_asks_them(self):
        order = self._quotation()
        page = self.url_open(order.get_portal_url()).text
        self.assertIn(f"/my/orders/{order.id}/app_names", page)
        self.assertNotIn('id="o_sale_portal_paynow"', page)
        done = self._send(order, "Shop")
        self.assertIn('id="o_sale_portal_paynow"', done.text)
        self.assertNotIn("app_names", done.text)
        self.assertEqual(order.order_line.kubernetes_app_names, "shop")

    def test_the_page_shows_the_addresses_of_each_environment(self):
        page = self.url_open(self._names_page(self._quotation())).text
        self.assertIn("-int.sale-test.example", page)
        self.assertIn(">.sale-test.example", page.replace("</strong>", ">"))

    def test_a_refused_name_is_shown_as_typed_with_the_reason(self):
        self._order()
        order = self._quotation((self.hosting, 2, None))
        page = self._send(order, "shop", "good-name").text
        self.assertIn('value="shop"', page)
        self.assertIn("already taken", page)
        self.assertIn("shop-2", page, "Free names are suggested")
        self.assertIn('value="good-name"', page)
        again = self.url_open(self._names_page(order)).text
        self.assertIn('value="shop"', again, "Reloading keeps what was typed")
        self.assertIn("already taken", again)
        self.assertEqual(order.order_line.kubernetes_app_names, ", good-name")

    def test_script_in_a_name_is_text(self):
        page = self._send(self._quotation(), '"><script>alert(1)</script>').text
        self.assertNotIn("<script>alert(1)", page)
        self.assertIn("letters a to z", page)

    def test_in_german(self):
        self.env["res.lang"]._activate_lang("de_DE")
        self.env["ir.module.module"]._load_module_terms(
            ["kubernetes_hosting", "kubernetes_hosting_sale"], ["de_DE"]
        )
        order = self._quotation()
        self._order()
        self.opener.cookies["frontend_lang"] = "de_DE"
        self.assertIn("bereits vergeben", self._check(order, "shop")["message"])

    def test_the_page_of_another_order_does_not_open(self):
        order = self._quotation()
        for url in (
            f"/my/orders/{order.id}/app_names",
            f"/my/orders/{order.id}/app_names?access_token=wrong",
            "/my/orders/999999999/app_names",
        ):
            page = self.url_open(url)
            self.assertNotIn("kubernetes_app_names", page.text)

    def test_a_confirmed_or_other_order_has_no_such_page(self):
        order = self._quotation((self.hosting, 1, "shop"))
        order.action_confirm()
        page = self.url_open(self._names_page(order))
        self.assertTrue(page.url.split("?")[0].endswith(f"/my/orders/{order.id}"))
        book = self._quotation((self.book, 1, None))
        page = self.url_open(self._names_page(book))
        self.assertTrue(page.url.split("?")[0].endswith(f"/my/orders/{book.id}"))

    # -- is a name free? ---------------------------------------------------------

    def test_the_answer_says_free_taken_or_invalid(self):
        order = self._quotation()
        self.assertEqual(self._check(order, "shop")["state"], "free")
        self.assertEqual(self._check(order, "www")["state"], "invalid")
        self.assertEqual(self._check(order, "a b")["state"], "invalid")
        other = self._order()
        answer = self._check(order, "shop")
        self.assertEqual(answer["state"], "taken")
        self.assertEqual(len(answer["suggestions"]), 3)
        self.assertEqual(self._check(order, "shop-int")["state"], "taken")
        # It tells nothing about who owns the name.
        told = json.dumps(answer)
        self.assertNotIn(other.name, told)
        self.assertNotIn(self.customer.name, told)
        other.action_confirm()
        self.assertEqual(self._check(order, "shop"), answer)

    def test_ones_own_name_is_free(self):
        order = self._quotation((self.hosting, 1, "shop"))
        self.assertEqual(self._check(order, "shop")["state"], "free")

    def test_strangers_get_no_answer(self):
        order = self._quotation()
        self._order()
        for params in (
            {"access_token": "wrong"},
            {"access_token": None},
            {"order_id": 999999999},
            {"line_id": 0},
            {"line_id": "x"},
        ):
            with self.subTest(params=params):
                answer = self._check(order, "shop", **params)
                self.assertEqual(answer["state"], "unknown")

    def test_what_can_be_no_token_is_a_wrong_one(self):
        """Whether there is an order is not told by an error."""
        order = self._quotation()
        missing = 999999999
        for token in ("é", "wrong", ["x"], {"x": 1}, 5, True, None):
            params = {"access_token": token}
            for path, more in (
                ("apps", {}),
                ("accept", {"name": "x", "signature": "x"}),
            ):
                answers = [
                    self.make_jsonrpc_request(
                        f"/my/orders/{number}/{path}", {**params, **more}
                    )
                    for number in (order.id, missing)
                ]
                self.assertEqual(*answers, (token, path))
            answers = [
                self._check(order, "shop", order_id=number, **params)
                for number in (order.id, missing, "x", None)
            ]
            self.assertEqual(answers, answers[:1] * 4, token)
        for path in ("", "/apps", "/address", "/app_names"):
            places = []
            for number in (order.id, missing):
                answer = self.url_open(
                    f"/my/orders/{number}{path}?access_token=%C3%A9",
                    allow_redirects=False,
                )
                places.append((answer.status_code, answer.headers.get("Location")))
            self.assertEqual(*places, path)

    def test_the_link_to_an_order_reads_nothing_that_is_the_staffs(self):
        order = self._quotation()
        order._kubernetes_alert(order, "activity_apps_failed", "Canary")
        self.assertTrue(order.activity_ids)
        order.message_subscribe(partner_ids=self.env.user.partner_id.ids)
        self.env["ir.attachment"].create(
            {
                "name": "Canary",
                "raw": b"x",
                "res_model": order._name,
                "res_id": order.id,
            }
        )
        order.message_post(
            body="Hello", message_type="comment", subtype_xmlid="mail.mt_comment"
        )
        self.env.flush_all()
        thread = {"thread_model": order._name, "thread_id": order.id}
        access = {"token": order.access_token}
        answers = [
            self.make_jsonrpc_request(
                "/mail/data",
                {
                    "fetch_params": [
                        [
                            "mail.thread",
                            {**thread, "request_list": [name], "access_params": access},
                        ]
                    ]
                },
            )
            for name in (
                "activities",
                "attachments",
                "followers",
                "scheduledMessages",
                "suggestedRecipients",
            )
        ]
        told = json.dumps(answers)
        for word in ("Canary", self.env.user.name, "mail.followers"):
            self.assertNotIn(word, told)
        # What is said to the customer is there.
        messages = self.make_jsonrpc_request(
            "/mail/chatter_fetch", {**thread, **access}
        )
        self.assertIn("Hello", json.dumps(messages))

    def test_a_to_do_holds_text_and_no_html_of_others(self):
        order = self._quotation()
        note = "550 <a href='https://evil.example'>Sign in</a> & more"
        for _time in range(2):
            order._kubernetes_alert(order, "activity_apps_failed", note)
        (to_do,) = order.activity_ids
        self.assertEqual(html2plaintext(to_do.note), note)
        self.assertFalse(html.fromstring(f"<div>{to_do.note}</div>").xpath("//a"))

    def test_whoever_asks_too_often_has_to_wait_and_can_still_order(self):
        """Names are not tried out one after the other; the form goes on."""
        order = self._quotation()
        checks = self.env["kubernetes.name.check"]
        # The minute does not end by itself meanwhile, however slow this machine is.
        self.patch(type(checks), "_window", timedelta(days=1))
        checks.create([{"address": "127.0.0.1"}] * (checks._limit - 1))
        self.assertEqual(self._check(order, "shop")["state"], "free")
        answer = self._check(order, "shop")
        self.assertEqual(answer["state"], "slow")
        self.assertIn("Please continue", answer["message"])
        self.assertEqual(checks._count("127.0.0.1"), checks._limit)
        self._send(order, "shop")
        self.assertEqual(order.order_line.kubernetes_app_names, "shop")
        self.env.cr.execute(
            "UPDATE kubernetes_name_check"
            " SET create_date = create_date - interval '2 days'"
        )
        self.assertEqual(self._check(order, "shop")["state"], "free")
        checks.search([]).unlink()
        checks.create([{"address": "198.51.100.1"}] * checks._limit)
        self.assertEqual(self._check(order, "shop")["state"], "free")

    # -- no way around -----------------------------------------------------------

    def _pay(self, order):
        transaction = self._transaction(order, state="draft")
        provider, method = transaction.provider_id, transaction.payment_method_id
        transaction.unlink()
        return self.make_jsonrpc_request(
            f"/my/orders/{order.id}/transaction",
            {
                "access_token": order.access_token,
                "provider_id": provider.id,
                "payment_method_id": method.id,
                "token_id": None,
                "amount": order.amount_total,
                "flow": "direct",
                "tokenization_requested": False,
                "landing_route": order.get_portal_url(),
            },
        )

    @mute_logger("odoo.http")
    def test_payment_link_does_not_pay_an_order_without_names(self):
        order = self._quotation()
        with self.assertRaises(JsonRpcException):
            self._pay(order)
        self.assertFalse(order.transaction_ids)
        self._send(order, "shop")
        self._pay(order)
        self.assertEqual(len(order.transaction_ids), 1)

    @mute_logger("odoo.http")
    def test_payment_link_does_not_pay_a_name_that_has_gone(self):
        order = self._quotation((self.hosting, 1, "shop"))
        order.order_line.kubernetes_reservation_ids._release()
        self._order()
        with self.assertRaises(JsonRpcException):
            self._pay(order)
        self.assertFalse(order.transaction_ids)

    def test_a_name_released_meanwhile_is_taken_again_when_paying(self):
        order = self._quotation((self.hosting, 1, "shop"))
        order.order_line.kubernetes_reservation_ids._release()
        self._pay(order)
        self.assertEqual(len(self._hostnames("shop")), 2)

    def test_signing_needs_names_too(self):
        order = self._quotation(require_payment=False, require_signature=True)
        params = {
            "access_token": order.access_token,
            "name": "Customer",
            "signature": "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
        }
        answer = self.make_jsonrpc_request(f"/my/orders/{order.id}/accept", params)
        self.assertIn("Please choose a name", answer["error"])
        self.assertFalse(order.signature)
        self.assertEqual(order.state, "sent")
        self._send(order, "shop")
        self.make_jsonrpc_request(f"/my/orders/{order.id}/accept", params)
        self.assertEqual(order.state, "sale")
        self.assertEqual(set(order.kubernetes_app_ids.mapped("name")), {"shop"})

    # -- afterwards --------------------------------------------------------------

    def test_the_order_shows_its_apps(self):
        order = self._quotation((self.hosting, 1, "shop"))
        order.action_confirm()
        page = self.url_open(order.get_portal_url()).text
        self.assertIn("shop.sale-test.example", page)
        self.assertIn("shop-int.sale-test.example", page)
        app = order.kubernetes_app_ids[0]
        self.assertNotIn(f"/my/apps/{app.id}", page, "Not for who cannot open it")
        self.authenticate("portal-customer", "portal-customer")
        page = self.url_open(order.get_portal_url()).text
        self.assertIn(f"/my/apps/{app.id}", page)

    def _ask(self, order, **params):
        return self.make_jsonrpc_request(
            f"/my/orders/{order.id}/apps",
            {"access_token": order.access_token, **params},
        )

    def test_the_order_follows_its_apps_by_itself(self):
        order = self._quotation((self.hosting, 1, "shop"))
        self.assertEqual(self._ask(order)["poll_seconds"], 0)
        transaction = self._transaction(order, state="pending")
        answer = self._ask(order)
        self.assertIn("As soon as your payment has arrived", answer["html"])
        self.assertIn("shop-int.sale-test.example", answer["html"])
        self.assertEqual(answer["poll_seconds"], 10)
        transaction._set_done()
        transaction._post_process()
        answer = self._ask(order)
        self.assertIn("shop.sale-test.example: Being set up", answer["announcement"])
        self.assertEqual(answer["poll_seconds"], 2)
        for job in order.kubernetes_app_ids.job_ids:
            job.state = "running"
            job._finish("done")
        answer = self._ask(order)
        self.assertIn("shop.sale-test.example: Running", answer["announcement"])
        self.assertEqual(answer["poll_seconds"], 0)

    def test_the_poll_costs_no_more_for_ten_hostings_than_for_one(self):
        costs = []
        for units in (1, 10):
            names = ", ".join(f"poll-{units}-{unit}" for unit in range(units))
            order = self._quotation((self.hosting, units, names))
            order.action_confirm()
            self.assertEqual(len(order.kubernetes_app_ids), 2 * units)
            self._ask(order)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            answer = self._ask(order)
            costs.append(self.env.cr.sql_log_count - before)
            self.assertTrue(f"poll-{units}-0" in answer["html"])
        self.assertLessEqual(costs[1], costs[0] + 3, costs)

    def test_the_order_says_that_a_payment_was_refused(self):
        order = self._quotation((self.hosting, 1, "shop"))
        self._transaction(order, state="error")
        answer = self._ask(order)
        self.assertIn("was not completed", answer["html"])
        self.assertEqual(answer["poll_seconds"], 0)

    def test_strangers_do_not_follow_an_order(self):
        order = self._quotation((self.hosting, 1, "shop"))
        order.action_confirm()
        for params in ({"access_token": "wrong"}, {"access_token": None}):
            self.assertEqual(self._ask(order, **params)["html"], "")

    def test_an_order_whose_apps_are_late_says_so(self):
        order = self._quotation((self.hosting, 1, "shop"))
        order.write({"state": "sale", "kubernetes_pending": True})
        page = self.url_open(order.get_portal_url()).text
        self.assertIn("takes a little longer", page)

    def test_the_app_leads_to_its_order_and_subscription(self):
        order = self._quotation((self.hosting, 1, "shop"))
        order.action_confirm()
        app = order.kubernetes_app_ids[0]
        self.authenticate("portal-customer", "portal-customer")
        page = self.url_open(f"/my/apps/{app.id}").text
        self.assertIn(f"/my/orders/{order.id}", page)
        self.assertIn(order.subscription_ids.name, page)
        self.assertIn("Monthly", page)

    def _invoice(self, subscription):
        journal = self.env["account.journal"].search(
            [("code", "=", "KHS")]
        ) or self.env["account.journal"].create(
            {"name": "Hosting", "type": "sale", "code": "KHS"}
        )
        return self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "journal_id": journal.id,
                "partner_id": subscription.partner_id.id,
                "subscription_id": subscription.id,
            }
        )

    def test_the_app_shows_its_subscription_and_invoices(self):
        order = self._quotation((self.hosting, 1, "shop"))
        order.action_confirm()
        app = order.kubernetes_app_ids[0]
        subscription = order.subscription_ids
        self.authenticate("portal-customer", "portal-customer")
        page = self.url_open(f"/my/apps/{app.id}").text
        self.assertIn("There are no invoices yet", page)
        self.assertIn("Next invoice", page)
        invoice = self._invoice(subscription)
        draft = self._invoice(subscription)
        invoice.write({"name": "INV/7", "invoice_date": "2026-01-02"})
        invoice.state = "posted"
        self.assertEqual(app._customer_bills()["invoices"], invoice)
        page = self.url_open(f"/my/apps/{app.id}").text
        self.assertIn("INV/7", page)
        self.assertIn(f"/my/invoices/{invoice.id}", page)
        self.assertNotIn(f"/my/invoices/{draft.id}", page)

    def test_the_app_shows_what_was_paid_before_there_is_an_invoice(self):
        order = self._quotation((self.hosting, 1, "shop"))
        paid = self._transaction(order)
        refused = self._transaction(order, state="error", reference="refused-one")
        paid.last_state_change = "2026-03-04 12:00:00"
        order.action_confirm()
        self.authenticate("portal-customer", "portal-customer")
        page = self.url_open(f"/my/apps/{order.kubernetes_app_ids[0].id}").text
        words = " ".join(html.fromstring(page).text_content().split())
        self.assertRegex(words, r"Paid \S*\W*20\.00\W*\S* on 03/04/2026")
        self.assertIn(paid.reference, words)
        self.assertNotIn(refused.reference, words)

    def test_the_app_says_that_it_is_going_to_be_deleted(self):
        order = self._quotation((self.hosting, 1, "shop"))
        order.action_confirm()
        order.subscription_ids.close_subscription()
        app = order.kubernetes_app_ids[0]
        self.authenticate("portal-customer", "portal-customer")
        page = self.url_open(f"/my/apps/{app.id}").text
        self.assertIn("We delete it with", page)
        self.assertIn(f"{app.delete_on:%m/%d/%Y}", page)
        self.assertIn("Ended", page)

    def test_an_app_that_changed_hands_shows_nothing_of_the_former_customer(self):
        order = self._quotation((self.hosting, 1, "shop"))
        order.action_confirm()
        app = order.kubernetes_app_ids[0]
        buyer = new_test_user(
            self.env, "buyer", "base.group_portal", password="buyer-password"
        )
        app.partner_id = buyer.partner_id
        self.authenticate("buyer", "buyer-password")
        page = self.url_open(f"/my/apps/{app.id}").text
        self.assertIn(app.hostname, page)
        self.assertNotIn(order.name, page)
        # Nor the former customer of the new one's.
        others = order.kubernetes_app_ids - app
        status = self.make_jsonrpc_request(
            f"/my/orders/{order.id}/apps", {"access_token": order.access_token}
        )
        addresses = html.fromstring(status["html"]).xpath("//@href")
        self.assertFalse([url for url in addresses if f"/{app.hostname}" in url])
        self.assertNotIn(f"{app.hostname}:", status["announcement"])
        self.assertIn(f"{others[0].hostname}:", status["announcement"])
        self.assertNotIn(order.subscription_ids.name, page)
