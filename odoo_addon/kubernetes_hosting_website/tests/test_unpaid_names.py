# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import SUPERUSER_ID, api, fields
from odoo.exceptions import ValidationError
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, get_db_name, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.kubernetes_hosting.models.kubernetes_address_count import network

from ..models import sale_order
from .common import STEP, ShopCase

YOURS = "Your other orders have reserved names"
NETWORK = "Other orders from your network"


@tagged("post_install", "-at_install")
class TestUnpaidNames(ShopCase):
    """Who has not paid holds some names, not any number of them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.company.kubernetes_unpaid_names = 3
        cls.other = new_test_user(cls.env, "other-shopper", "base.group_portal")

    def setUp(self):
        super().setUp()
        self.address = "192.0.2.1"
        # The address that Odoo would be told by a proxy.
        self.startPatcher(
            patch.object(sale_order, "network", lambda _address: network(self.address))
        )

    def _new_cart(self, quantity=1, user=None, **values):
        user = user or self.user
        line = {"product_id": self.hosting.id, "product_uom_qty": quantity}
        return self.env["sale.order"].create(
            {
                "partner_id": user.partner_id.id,
                "website_id": self.website.id,
                "order_line": [fields.Command.create(line)],
                **values,
            }
        )

    def _type(self, order, *names):
        """Send the page that asks for a cart's names; return the page that follows."""
        token = order._portal_ensure_token()
        url = f"/my/orders/{order.id}/app_names?access_token={token}"
        page = self.url_open(url).text
        csrf_token = page.split('name="csrf_token" value="')[1].split('"')[0]
        line = order.order_line
        data = {f"name-{line.id}-{unit}": name for unit, name in enumerate(names, 1)}
        return self.url_open(url, data={"csrf_token": csrf_token, **data}).text

    def _held(self, order):
        return order.order_line.kubernetes_reservation_ids.filtered(
            lambda reservation: reservation.state == "held"
        ).mapped("name")

    def _fill(self, user=None):
        """Hold as many names as the limit says, each in a cart of its own."""
        carts = self.env["sale.order"]
        for number in range(3):
            cart = self._new_cart(user=user)
            self._type(cart, f"full-{number}")
            self.assertEqual(self._held(cart), [f"full-{number}"])
            carts += cart
        return carts

    # -- who is counted ----------------------------------------------------------

    def test_an_account_holds_no_more_names_in_further_carts(self):
        self._fill()
        cart = self._new_cart()
        self.assertIn(YOURS, self._type(cart, "one-more"))
        self.assertFalse(self._held(cart))
        self.assertFalse(self._hostnames("one-more"))

    def test_one_account_at_two_addresses(self):
        self._fill()
        self.address = "198.51.100.1"
        cart = self._new_cart()
        self.assertIn(YOURS, self._type(cart, "one-more"))
        self.assertFalse(self._held(cart))

    def test_two_accounts_at_one_address(self):
        self._fill()
        cart = self._new_cart(user=self.other)
        self.assertIn(NETWORK, self._type(cart, "one-more"))
        self.assertFalse(self._held(cart))
        self.address = "198.51.100.1"
        self._type(cart, "one-more")
        self.assertEqual(self._held(cart), ["one-more"])

    def test_visitors_at_one_address_and_at_another(self):
        visitor = self.website.user_id
        self._fill(user=visitor)
        cart = self._new_cart(user=visitor)
        self.assertIn(NETWORK, self._type(cart, "one-more"))
        self.address = "198.51.100.1"
        self._type(cart, "one-more")
        self.assertEqual(self._held(cart), ["one-more"])

    def test_all_addresses_of_an_ipv6_network_are_one(self):
        self.address = "2001:db8:0:1::1"
        self._fill()
        self.address = "2001:db8:0:1:ffff::2"
        cart = self._new_cart(user=self.other)
        self.assertIn(NETWORK, self._type(cart, "one-more"))
        self.assertEqual(network("2001:db8:0:1::1"), "2001:db8:0:1::/64")
        self.assertEqual(network("::ffff:192.0.2.1"), "192.0.2.1")
        self.assertEqual(network("nonsense"), "")

    def test_contacts_of_one_company_are_one_customer(self):
        company = self.env["res.partner"].create({"name": "Co", "is_company": True})
        self.user.partner_id.parent_id = company
        self.other.partner_id.parent_id = company
        self._fill()
        self.address = "198.51.100.1"
        cart = self._new_cart(user=self.other)
        self.assertIn(YOURS, self._type(cart, "one-more"))

    def test_the_checkout_refuses_it_too(self):
        order = self._add(self.hosting)
        self._fill()
        page = self._send("one-more", order=order)
        self.assertEqual(self._path(page), STEP)
        self.assertIn(YOURS, page.text)
        self.assertFalse(self._held(order))

    def test_a_name_released_meanwhile_is_counted_when_it_is_taken_again(self):
        order = self._add(self.hosting)
        self._send("shop")
        order.order_line.kubernetes_reservation_ids._release()
        self._fill()
        self.assertEqual(self._path(self.url_open("/shop/payment")), STEP)
        self.assertFalse(self._held(order))
        # A name that cannot be had brings the former one back no more than that.
        self._send("www", order=order)
        self.assertFalse(self._held(order))

    def test_only_a_hash_of_the_address_is_kept(self):
        cart = self._new_cart()
        self._type(cart, "shop")
        reservation = cart.order_line.kubernetes_reservation_ids
        self.assertRegex(reservation.address_hash, "^[0-9a-f]{64}$")

    # -- what goes through -------------------------------------------------------

    def test_one_real_order_with_many_hostings_goes_through(self):
        cart = self._new_cart(8)
        names = [f"real-{number}" for number in range(8)]
        self._type(cart, *names)
        self.assertEqual(sorted(self._held(cart)), names)
        cart.with_user(self.user).sudo()._kubernetes_check_names()

    def test_one_order_has_a_limit_too(self):
        cart = self._new_cart(21)
        page = self._type(cart, *(f"many-{number}" for number in range(21)))
        self.assertIn("One order can reserve 20 names", page)
        self.assertEqual(len(self._held(cart)), 20)

    def test_a_name_that_is_held_can_be_changed_at_the_limit(self):
        first = self._new_cart()
        self._type(first, "first")
        large = self._new_cart(4)
        self._type(large, "one", "two", "three", "four")
        self._type(first, "changed")
        self.assertEqual(self._held(first), ["changed"])
        self.assertIn("is reserved", self._type(first, "www"))
        self.assertEqual(self._held(first), ["changed"])

    def test_expiry_frees_the_names(self):
        carts = self._fill()
        carts.kubernetes_named_at = fields.Datetime.now() - timedelta(hours=25)
        self.env["kubernetes.app.reservation"]._release_abandoned()
        cart = self._new_cart()
        self._type(cart, "one-more")
        self.assertEqual(self._held(cart), ["one-more"])

    def test_confirmed_and_paid_orders_are_not_counted(self):
        carts = self._fill()
        carts[0].action_confirm()
        self._transaction(carts[1], state="done")
        self._transaction(carts[2], state="authorized")
        cart = self._new_cart(3)
        self._type(cart, "one", "two", "three")
        self.assertEqual(len(self._held(cart)), 3)

    def test_a_payment_that_is_only_announced_is_counted(self):
        for cart in self._fill():
            self._transaction(cart, state="pending")
        self.assertIn(YOURS, self._type(self._new_cart(), "one-more"))

    def test_a_paid_order_is_never_refused(self):
        """It lost its name meanwhile, and others of its customer hold theirs."""
        cart = self._new_cart()
        self._type(cart, "shop")
        cart.order_line.kubernetes_reservation_ids._release()
        self._fill()
        transaction = self._transaction(cart, state="draft")
        transaction._set_done()
        self._run_cron("payment.cron_post_process_payment_tx")
        self.assertEqual(cart.state, "sale")
        self.assertEqual(set(cart.kubernetes_app_ids.mapped("name")), {"shop"})

    def test_a_customer_who_has_paid_is_not_counted_by_address(self):
        self._fill()
        paid = self._order((self.hosting, 1, "paid"))
        paid.partner_id = self.other.partner_id
        paid.action_confirm()
        cart = self._new_cart(user=self.other)
        self._type(cart, "one-more")
        self.assertEqual(self._held(cart), ["one-more"])

    def test_quotations_of_salespeople_are_not_limited_and_not_counted(self):
        names = [f"quoted-{number}" for number in range(30)]
        self._order(
            (self.hosting, 30, ", ".join(names)), partner_id=self.user.partner_id.id
        )
        self.assertEqual(len(self._hostnames(*names)), 60)
        self._fill()
        order = self._order((self.hosting, 1, None), partner_id=self.user.partner_id.id)
        order.action_quotation_sent()
        self._type(order, "quoted-by-seller")
        self.assertEqual(self._held(order), ["quoted-by-seller"])

    def test_the_limit_is_a_setting(self):
        self._fill()
        self.env.company.kubernetes_unpaid_names = 4
        cart = self._new_cart()
        self._type(cart, "one-more")
        self.assertEqual(self._held(cart), ["one-more"])
        with self.assertRaisesRegex(ValidationError, "1 or more"):
            self.env.company.kubernetes_unpaid_names = 0


@tagged("post_install", "-at_install")
class TestUnpaidNamesAtOnce(BaseCase):
    """Two of one customer at the same moment, on two connections."""

    def setUp(self):
        super().setUp()
        self.registry = Registry(get_db_name())
        self.addCleanup(self._clean_up)

    def _clean_up(self):
        with self.registry.cursor() as cr:
            self._holders(cr).search([("key", "=", "race")]).unlink()

    def _holders(self, cr):
        return api.Environment(cr, SUPERUSER_ID, {})["kubernetes.name.holder"]

    @mute_logger("odoo.sql_db")
    def test_who_counts_at_the_same_moment_is_repeated_by_odoo(self):
        """The second would not see the names of the first; it fails and runs again."""
        for _time in ("the first row", "the row of before"):
            with self.registry.cursor() as first, self.registry.cursor() as second:
                second.execute("SELECT 1")  # its snapshot is from before the first
                self._holders(first)._lock(["race"])
                first.commit()
                with self.assertRaises(SerializationFailure):
                    self._holders(second)._lock(["race"])
                second.rollback()
                self._holders(second)._lock(["race"])
