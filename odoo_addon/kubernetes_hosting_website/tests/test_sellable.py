# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.fields import Command
from odoo.tests import JsonRpcException, tagged
from odoo.tools import mute_logger

from .common import ShopCase

NOT_AVAILABLE = "This product is not available at the moment."


@tagged("post_install", "-at_install")
class TestSellable(ShopCase):
    """The shop has what would not run as not available, and the checkout looks again
    right before the payment."""

    def setUp(self):
        super().setUp()
        self.template = self.hosting.product_tmpl_id

    def _break(self):
        """As in a database that was like that before Odoo refused it."""
        self.env.cr.execute(
            "UPDATE kubernetes_manifest SET active = FALSE WHERE id = %s", [self.web.id]
        )
        self.env.invalidate_all()

    def _product_page(self):
        return self.url_open(self.template.website_url).text

    def test_the_products_page(self):
        page = self._product_page()
        self.assertIn('id="add_to_cart"', page)
        self.assertNotIn(NOT_AVAILABLE, page)
        self._break()
        page = self._product_page()
        self.assertNotIn('id="add_to_cart"', page)
        self.assertIn(NOT_AVAILABLE, page)
        self.assertNotIn("archived", page)
        self.assertNotIn("no valid combination", page)

    @mute_logger("odoo.http")
    def test_it_is_not_put_into_a_cart(self):
        self._break()
        with self.assertRaises(JsonRpcException):
            self._add(self.hosting)
        self.assertFalse(self._cart().order_line)

    @mute_logger("odoo.http")
    def test_broken_after_it_was_put_into_the_cart(self):
        order = self._add(self.hosting)
        self._send("shop")
        self._break()
        for url in ("/shop/app_names", "/shop/checkout", "/shop/payment"):
            page = self.url_open(url)
            if url != "/shop/app_names":
                self.assertEqual(self._path(page), "/shop/cart")
                self.assertIn("“Shop Hosting” is not available", page.text)
                self.assertNotIn("archived", page.text)
        with self.assertRaises(JsonRpcException):
            self._pay(order)
        self.assertFalse(order.transaction_ids)
        self.env.cr.execute("UPDATE kubernetes_manifest SET active = TRUE")
        self.env.invalidate_all()
        self.assertEqual(self._path(self.url_open("/shop/payment")), "/shop/payment")
        self.assertTrue(self._pay(order))

    def test_free_of_charge_is_looked_at_too(self):
        self.hosting.list_price = 0
        order = self._add(self.hosting)
        self._send("gratis")
        self._break()
        self.assertEqual(
            self._path(self.url_open("/shop/payment/validate")), "/shop/cart"
        )
        self.assertEqual(order.state, "draft")

    @mute_logger("odoo.http")
    def test_no_longer_published(self):
        order = self._add(self.hosting)
        self._send("shop")
        self.template.is_published = False
        self.assertEqual(self._path(self.url_open("/shop/payment")), "/shop/cart")
        with self.assertRaises(JsonRpcException):
            self._pay(order)

    @mute_logger("odoo.http")
    def test_a_quotation_is_neither_paid_nor_signed(self):
        order = self._order(
            (self.hosting, 1, "shop"),
            partner_id=self.user.partner_id.id,
            require_payment=True,
            require_signature=False,
        )
        order.action_quotation_sent()
        page = self.url_open(order.get_portal_url()).text
        self.assertIn('id="o_sale_portal_paynow"', page)
        self._break()
        page = self.url_open(order.get_portal_url()).text
        self.assertIn("“Shop Hosting” is not available", page)
        self.assertNotIn('id="o_sale_portal_paynow"', page)
        probe = self._transaction(order, state="draft")
        provider, method = probe.provider_id, probe.payment_method_id
        probe.unlink()
        with self.assertRaises(JsonRpcException):
            self.make_jsonrpc_request(
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
        order.write({"require_payment": False, "require_signature": True})
        answer = self.make_jsonrpc_request(
            f"/my/orders/{order.id}/accept",
            {"access_token": order.access_token, "name": "x", "signature": "x"},
        )
        self.assertIn("not available", answer["error"])
        self.assertEqual(order.state, "sent")

    def test_a_variant_that_would_not_run_is_none_that_is_offered(self):
        self.web.sudo().content = (
            "kind: PersistentVolumeClaim\nspec:\n  resources:\n    requests:\n"
            "      storage: {{ size }}\n"
        )
        self.config_map.line_ids = [Command.create({"key": "size", "value": "5Gi"})]
        size = self.env["product.attribute"].create(
            {
                "name": "Size",
                "value_ids": [
                    Command.create({"name": "S"}),
                    Command.create(
                        {
                            "name": "L",
                            "kubernetes_value_ids": [
                                Command.create({"key": "size", "value": "500Gi"})
                            ],
                        }
                    ),
                ],
            }
        )
        template = self.env["product.template"].browse(self.template.id)
        template.attribute_line_ids = [
            Command.create(
                {
                    "attribute_id": size.id,
                    "value_ids": [Command.set(size.value_ids.ids)],
                }
            )
        ]
        for variant in template.product_variant_ids:
            value = variant.product_template_attribute_value_ids
            info = self.make_jsonrpc_request(
                "/website_sale/get_combination_info",
                {
                    "product_template_id": template.id,
                    "product_id": variant.id,
                    "combination": value.ids,
                    "add_qty": 1,
                },
            )
            self.assertEqual(info["is_combination_possible"], value.name == "S")
