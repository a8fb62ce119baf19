# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.tests import HttpCase, new_test_user

from odoo.addons.kubernetes_hosting_sale.tests.common import HostingSaleCase

STEP = "/shop/app_names"


class ShopCase(HostingSaleCase, HttpCase):
    """A shop that sells a hosting, and a signed-in customer with an address."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.website = cls.env["website"].search([], limit=1)
        (cls.hosting + cls.book).product_tmpl_id.is_published = True
        cls.user = new_test_user(
            cls.env, "shopper", "base.group_portal", password="shopper-password"
        )
        cls.user.partner_id.write(
            {
                "name": "Shopper",
                "email": "shopper@example.com",
                "phone": "+41 31 000 00 00",
                "street": "Street 1",
                "city": "Bern",
                "zip": "3000",
                "country_id": cls.env.ref("base.ch").id,
            }
        )

    def setUp(self):
        super().setUp()
        self.authenticate("shopper", "shopper-password")

    def _add(self, product, quantity=1, **more):
        """Put a product into the cart and return the order."""
        self.make_jsonrpc_request(
            "/shop/cart/add",
            {
                "product_template_id": product.product_tmpl_id.id,
                "product_id": product.id,
                "quantity": quantity,
                **more,
            },
        )
        return self._cart()

    def _cart(self):
        return self.env["sale.order"].search(
            [
                ("partner_id", "=", self.user.partner_id.id),
                ("website_id", "=", self.website.id),
            ],
            limit=1,
            order="id desc",
        )

    def _path(self, response):
        """The path where the browser ended up."""
        return response.url.removeprefix(self.base_url()).split("?")[0]

    def _send(self, *names, order=None):
        """Fill in the step's form, unit by unit, and send it."""
        page = self.url_open(STEP)
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        order = order or self._cart()
        fields = [
            f"name-{line.id}-{unit}"
            for line in order.order_line
            for unit in range(1, line.kubernetes_units + 1)
        ]
        data = dict(zip(fields, names, strict=True))
        return self.url_open(STEP, data={"csrf_token": token, **data})

    def _pay(self, order):
        """Begin a payment as the payment page and the express button do."""
        probe = self._transaction(order, state="draft")
        provider, method = probe.provider_id, probe.payment_method_id
        probe.unlink()
        self.make_jsonrpc_request(
            f"/shop/payment/transaction/{order.id}",
            {
                "access_token": order._portal_ensure_token(),
                "provider_id": provider.id,
                "payment_method_id": method.id,
                "token_id": None,
                "amount": order.amount_total,
                "flow": "direct",
                "tokenization_requested": False,
                "landing_route": "/shop/payment/validate",
            },
        )
        return order.transaction_ids
