# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from lxml import html

from odoo.tests import JsonRpcException, tagged
from odoo.tools import mute_logger

from odoo.addons.kubernetes_hosting.tests.library import Library, variable

from .common import STEP, ShopCase


def text(value):
    return {"type": "string", "value": value}


@tagged("post_install", "-at_install")
class TestCheckoutValues(Library, ShopCase):
    """The checkout asks for what packages let customers set, and no flow gets around
    it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_library()

    def setUp(self):
        super().setUp()
        item = self.wiki()
        item["variables"] = [
            variable(
                "language",
                title="Language",
                set_by="checkout",
                default=text("en"),
                choices=[text("en"), text("de")],
            ),
            variable(
                "owner",
                title="Owner",
                help="Who answers for it.",
                set_by="checkout",
                required=True,
            ),
            variable("token", set_by="checkout", secret=True, required=True),
            variable("pages", type="integer", default={"type": "yaml", "value": "10"}),
        ]
        self.tell([item])
        self.product = self._product_of(
            self.package(), list_price=20, is_published=True
        ).product_variant_id
        self.env.flush_all()

    def send_step(self, order, units):
        """Send the step's form: for each unit a name and values."""
        page = self.url_open(STEP)
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        line = order.order_line.filtered("kubernetes_units")
        data = {"csrf_token": token}
        for unit, (name, values) in enumerate(units, 1):
            data[f"name-{line.id}-{unit}"] = name
            for key, value in values.items():
                data[f"value-{line.id}-{unit}-{key}"] = value
        answer = self.url_open(STEP, data=data)
        self.env.invalidate_all()
        return answer

    def field(self, answer, name, unit=1):
        line = self._cart().order_line.filtered("kubernetes_units")
        page = html.fromstring(answer.text)
        return page.get_element_by_id(f"app_value_{line.id}-{unit}_{name}")

    def test_the_step_asks_and_the_apps_get_it(self):
        order = self._add(self.product)
        page = self.url_open(STEP)
        self.assertIn("Who answers for it.", page.text)
        self.assertNotIn("value-%s-1-pages" % order.order_line.id, page.text)
        done = self.send_step(
            order, [("pages", {"owner": "Anna", "token": "s3cret", "language": "de"})]
        )
        self.assertEqual(self._path(done), "/shop/payment")
        transaction = self._pay(order)
        transaction._set_done()
        self.make_jsonrpc_request("/payment/status/poll", {})
        app = order.kubernetes_app_ids[0]
        values = {line.key: line.value for line in app.config_map_line_ids}
        self.assertEqual((values["owner"], values["language"]), ("Anna", "de"))

    def test_what_is_missing_or_wrong_is_said_at_its_field(self):
        order = self._add(self.product)
        answer = self.send_step(
            order, [("pages", {"owner": "", "token": "s3cret", "language": "fr"})]
        )
        self.assertEqual(self._path(answer), STEP)
        self.assertIn("Owner: please fill this in.", answer.text)
        self.assertIn("Language: please choose one", answer.text)
        self.assertNotIn("s3cret", answer.text)
        self.assertEqual(self.field(answer, "owner").get("aria-invalid"), "true")
        self.assertEqual(order.order_line.kubernetes_app_names, "pages", "is held")
        # A reload shows the same; what was right is kept, a secret, too.
        again = self.url_open(STEP)
        self.assertIn("Owner: please fill this in.", again.text)
        self.assertTrue(self.field(again, "token").get("placeholder"))
        answer = self.send_step(order, [("pages", {"owner": "Anna", "token": ""})])
        self.assertEqual(self._path(answer), "/shop/payment")

    def test_going_back_shows_what_was_given(self):
        order = self._add(self.product)
        self.send_step(order, [("pages", {"owner": "Anna <b>", "token": "s3cret"})])
        page = self.url_open(STEP)
        self.assertEqual(self.field(page, "owner").get("value"), "Anna <b>")
        self.assertNotIn("s3cret", page.text)
        self.assertNotIn("please fill", page.text)

    def test_each_of_two_units_has_its_own(self):
        order = self._add(self.product, 2)
        self.send_step(
            order,
            [
                ("pages", {"owner": "Anna", "token": "one"}),
                ("notes", {"owner": "Ben", "token": "two", "language": "de"}),
            ],
        )
        page = self.url_open(STEP)
        self.assertEqual(self.field(page, "owner").get("value"), "Anna")
        self.assertEqual(self.field(page, "owner", 2).get("value"), "Ben")
        # Another quantity keeps what was given of those that stay.
        self.make_jsonrpc_request(
            "/shop/cart/update", {"line_id": order.order_line.id, "quantity": 1}
        )
        self.env.invalidate_all()
        self.assertEqual(
            order.order_line.kubernetes_value_ids.filtered("value").mapped("value"),
            ["Anna"],
        )
        self._add(self.product)
        page = self.url_open("/shop/payment")
        self.assertEqual(self._path(page), STEP)
        self.assertEqual(self.field(page, "owner").get("value"), "Anna")
        self.assertFalse(self.field(page, "owner", 2).get("value"))

    def test_no_request_gives_what_nobody_asks_for(self):
        order = self._add(self.product)
        other = self._order((self.product, 1, "other"))
        given = {"owner": "Anna", "token": "s3cret"}
        for name in ("pages", "wiki_image", "hostname"):
            answer = self.send_step(order, [("pages", {**given, name: "9"})])
            self.assertEqual(self._path(answer), STEP)
            self.assertIn(f"cannot be set here: {name}", answer.text)
        self.assertFalse(order.order_line.kubernetes_value_ids)
        # Nor anything of another's order.
        page = self.url_open(STEP)
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        line = other.order_line
        self.url_open(
            STEP, data={"csrf_token": token, f"value-{line.id}-1-owner": "Mallory"}
        )
        self.env.invalidate_all()
        self.assertFalse(line.kubernetes_value_ids)

    @mute_logger("odoo.http")
    def test_no_way_to_pay_leads_around_it(self):
        order = self._add(self.product)
        self.send_step(order, [("pages", {"owner": "Anna"})])
        for url in ("/shop/checkout", "/shop/payment", "/shop/payment/validate"):
            self.assertEqual(self._path(self.url_open(url)), STEP)
        with self.assertRaises(JsonRpcException):
            self._pay(order)
        self.assertFalse(order.transaction_ids)

    def test_the_portal_asks_for_it_on_a_quotation_s_page(self):
        order = self._order((self.product, 1, None), partner_id=self.user.partner_id.id)
        order.action_quotation_sent()
        self.env.flush_all()
        url = f"/my/orders/{order.id}/app_names"
        page = self.url_open(url)
        self.assertIn("Who answers for it.", page.text)
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        line = order.order_line
        answer = self.url_open(
            url,
            data={
                "csrf_token": token,
                f"name-{line.id}-1": "pages",
                f"value-{line.id}-1-owner": "Anna",
                f"value-{line.id}-1-token": "s3cret",
            },
        )
        self.assertEqual(self._path(answer), f"/my/orders/{order.id}")
        self.env.invalidate_all()
        self.assertFalse(order._kubernetes_needs_names())
