# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import json

from odoo.exceptions import ValidationError
from odoo.tests import JsonRpcException, new_test_user, tagged
from odoo.tools import mute_logger

from .common import ShopCase

SIGNATURE = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


@tagged("post_install", "-at_install")
class TestAddress(ShopCase):
    """Who opens a subscription is invoiced month by month: no order gets around the
    billing address."""

    def setUp(self):
        super().setUp()
        self.partner = self.user.partner_id
        self.switzerland = self.env.ref("base.ch")

    def _without_address(self, **values):
        self.partner.write(
            {"street": False, "city": False, "zip": False, "country_id": False}
        )
        self.partner.write(values)

    def _fill(self, url, page=None, **values):
        """Send Odoo's address form as its page does; the JSON answer."""
        page = page or self.url_open(url).text
        token = page.split('name="csrf_token" value="')[1].split('"')[0]
        data = {
            "csrf_token": token,
            "name": "Shopper",
            "email": "shopper@example.com",
            "phone": "+41 31 000 00 00",
            "street": "Gasse 2",
            "city": "Thun",
            "zip": "3600",
            "country_id": self.switzerland.id,
            "address_type": "billing",
            **values,
        }
        submit = page.split('data-submit-url="')[1].split('"')[0].replace("&amp;", "&")
        response = self.url_open(submit, data=data)
        return json.loads(response.text)

    def test_a_customer_without_address_is_asked(self):
        self._without_address()
        order = self._add(self.hosting)
        page = self._send("shop")
        self.assertEqual(self._path(page), "/shop/address")
        self.assertEqual(self._path(self.url_open("/shop/payment")), "/shop/address")
        answer = self._fill("", page.text, city="", zip="", partner_id=self.partner.id)
        self.assertLessEqual({"city", "zip"}, set(answer["invalid_fields"]))
        answer = self._fill("", page.text, partner_id=self.partner.id)
        self.assertEqual(answer["redirectUrl"], "/shop/checkout?try_skip_step=true")
        self.assertEqual(
            self._path(self.url_open(answer["redirectUrl"])), "/shop/payment"
        )
        self.assertEqual(self.partner.street, "Gasse 2")
        self.assertEqual(order.partner_invoice_id, self.partner)
        # Coming back: the address is there and can be changed.
        back = self.url_open(
            f"/shop/address?partner_id={self.partner.id}&address_type=billing"
        )
        self.assertIn("Gasse 2", back.text)

    def test_a_customer_with_an_address_is_not_asked(self):
        self._add(self.hosting)
        self.assertEqual(self._path(self._send("shop")), "/shop/payment")

    def test_each_part_is_needed_and_the_zip_where_the_country_has_one(self):
        order = self._add(self.hosting)
        self._send("shop")
        for name in ("street", "city", "zip", "country_id", "email"):
            with self.subTest(field=name):
                before = self.partner[name]
                self.partner[name] = False
                self.assertTrue(order._kubernetes_lacks_address())
                self.assertEqual(
                    self._path(self.url_open("/shop/payment")), "/shop/address"
                )
                self.partner[name] = before
        self.partner.write({"country_id": self.env.ref("base.hk").id, "zip": False})
        self.env.ref("base.hk").write({"zip_required": False, "state_required": False})
        self.assertFalse(order._kubernetes_lacks_address())

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
        page = self._send("visitor", order=order)
        self.assertEqual(self._path(page), "/shop/address")
        answer = self._fill("", page.text, street="")
        self.assertIn("street", answer["invalid_fields"])
        answer = self._fill("", page.text, name="Visitor", email="v@example.com")
        self.assertIn("redirectUrl", answer)
        self.assertEqual(order.partner_invoice_id.city, "Thun")
        self.assertEqual(self._path(self.url_open("/shop/payment")), "/shop/payment")

    def test_services_without_a_subscription_are_as_ever(self):
        self._without_address()
        self._add(self.book)
        self.assertEqual(self._path(self.url_open("/shop/payment")), "/shop/payment")

    def test_in_german(self):
        self.env["res.lang"]._activate_lang("de_DE")
        self.website.language_ids |= self.env["res.lang"]._lang_get("de_DE")
        self.env["ir.module.module"].search(
            [("name", "in", ("kubernetes_hosting_sale", "portal", "website_sale"))]
        )._update_translations(["de_DE"])
        self._without_address()
        order = self._order(
            (self.hosting, 1, "shop"), partner_id=self.partner.id, require_payment=True
        )
        order.action_quotation_sent()
        page = self.url_open("/de" + order.get_portal_url()).text
        self.assertIn("Rechnungsadresse", page)
        self.assertNotIn("Enter billing address", page)

    def test_a_delivery_address_alone_is_none_to_invoice(self):
        self._without_address()
        self.env["res.partner"].create(
            {
                "parent_id": self.partner.id,
                "type": "delivery",
                "name": "Depot",
                "street": "Lager 1",
                "city": "Bern",
                "zip": "3000",
                "country_id": self.switzerland.id,
            }
        )
        self._add(self.hosting)
        self.assertEqual(self._path(self._send("shop")), "/shop/address")

    def test_the_address_of_a_company_with_vat(self):
        company = self.env["res.partner"].create(
            {
                "name": "Bakery Ltd",
                "is_company": True,
                "vat": "CHE-123.456.788 TVA",
                "email": "office@example.com",
                "phone": "+41 31 000 00 01",
                "street": "Brotgasse 1",
                "city": "Bern",
                "zip": "3000",
                "country_id": self.switzerland.id,
            }
        )
        self.partner.parent_id = company
        self._add(self.hosting)
        self.assertEqual(self._path(self._send("shop")), "/shop/payment")

    def test_an_address_that_the_customer_may_not_change_is_added(self):
        """An invoice address of the company that its employee does not edit."""
        company = self.env["res.partner"].create(
            {"name": "Bakery Ltd", "is_company": True, "email": "office@example.com"}
        )
        self.partner.write({"parent_id": company.id, "type": "other"})
        company.write({"street": False, "city": False})
        order = self._add(self.hosting)
        self._send("shop")
        order.partner_invoice_id = company
        page = self.url_open("/shop/payment")
        self.assertEqual(self._path(page), "/shop/address")
        answer = self._fill("", page.text)
        self.assertIn("redirectUrl", answer)
        self.assertFalse(company.street)
        self.assertEqual(order.partner_invoice_id.street, "Gasse 2")
        self.assertEqual(self._path(self.url_open("/shop/payment")), "/shop/payment")

    # -- no way around -----------------------------------------------------------

    @mute_logger("odoo.http")
    def test_no_payment_begins_without_it(self):
        """The express button's included, whatever its wallet left out."""
        order = self._add(self.hosting)
        self._send("shop")
        self._without_address()
        with self.assertRaises(JsonRpcException):
            self._pay(order)
        with self.assertRaisesRegex(ValidationError, "billing address"):
            order._check_cart_is_ready_to_be_paid()
        self.assertFalse(order.transaction_ids)

    def test_the_express_buttons_address_counts(self):
        self._without_address()
        order = self._add(self.hosting)
        self._send("shop")
        self.make_jsonrpc_request(
            "/shop/express_checkout",
            {
                "billing_address": {
                    "name": "Shopper",
                    "email": "shopper@example.com",
                    "street": "Gasse 2",
                    "city": "Thun",
                    "zip": "3600",
                    "country": "CH",
                    "state": "",
                }
            },
        )
        self.assertEqual(order.partner_invoice_id.city, "Thun")
        self.assertTrue(self._pay(order))

    def test_a_trial_that_costs_nothing_yet(self):
        self._without_address()
        self.hosting.list_price = 0
        order = self._add(self.hosting)
        self._send("trial")
        page = self.url_open("/shop/payment/validate")
        self.assertEqual(self._path(page), "/shop/address")
        self.assertEqual(order.state, "draft")

    # -- a quotation by its link ---------------------------------------------------

    def _quotation(self, **values):
        order = self._order(
            (self.hosting, 1, "shop"),
            **{
                "partner_id": self.partner.id,
                "require_payment": True,
                "require_signature": False,
                **values,
            },
        )
        order._portal_ensure_token()
        order.action_quotation_sent()
        self.logout()
        return order

    def test_a_quotation_asks_before_it_is_paid(self):
        self._without_address()
        order = self._quotation()
        page = self.url_open(order.get_portal_url()).text
        self.assertIn("Enter billing address", page)
        self.assertNotIn('id="o_sale_portal_paynow"', page)
        url = order.get_portal_url(suffix="/address")
        answer = self._fill(url, city="")
        self.assertIn("city", answer["invalid_fields"])
        answer = self._fill(url)
        self.assertEqual(answer, {"redirectUrl": order.get_portal_url()})
        self.assertEqual(self.partner.city, "Thun")
        page = self.url_open(answer["redirectUrl"]).text
        self.assertIn('id="o_sale_portal_paynow"', page)

    def test_a_quotation_asks_before_it_is_signed(self):
        self._without_address()
        order = self._quotation(require_payment=False, require_signature=True)
        request = {
            "access_token": order.access_token,
            "name": "Shopper",
            "signature": SIGNATURE,
        }
        answer = self.make_jsonrpc_request(f"/my/orders/{order.id}/accept", request)
        self.assertIn("billing address", answer["error"])
        self._fill(order.get_portal_url(suffix="/address"))
        self.make_jsonrpc_request(f"/my/orders/{order.id}/accept", request)
        self.assertEqual(order.state, "sale")

    def test_who_has_the_link_adds_and_changes_nothing(self):
        self._without_address(street="Gasse 1", vat="CHE-123.456.788 TVA")
        order = self._quotation()
        url = order.get_portal_url(suffix="/address")
        answer = self._fill(
            url, name="Thief", email="thief@example.com", street="Elsewhere", vat=""
        )
        self.assertIn("redirectUrl", answer)
        self.assertEqual(
            (self.partner.name, self.partner.email, self.partner.street),
            ("Shopper", "shopper@example.com", "Gasse 1"),
        )
        self.assertEqual(self.partner.vat, "CHE-123.456.788 TVA")
        self.assertEqual(self.partner.city, "Thun")
        # Complete: there is nothing to add any more.
        self.assertEqual(
            self._path(self.url_open(url)), order.get_portal_url().split("?")[0]
        )

    def test_a_country_that_is_none_is_refused_in_words(self):
        self._without_address()
        order = self._quotation()
        for country in ("²", "x", "-1", "999999999"):
            answer = self._fill(
                order.get_portal_url(suffix="/address"), country_id=country
            )
            self.assertIn("country_id", answer["invalid_fields"], country)

    def test_without_the_link_nobody_gets_there(self):
        self._without_address()
        order = self._quotation()
        stranger = f"/my/orders/{order.id}/address?access_token=wrong"
        self.assertNotIn("address_form", self.url_open(stranger).text)
        new_test_user(self.env, "other", "base.group_portal", password="other-password")
        self.authenticate("other", "other-password")
        self.assertNotIn("address_form", self.url_open(stranger).text)
        self.assertFalse(self.partner.city)
