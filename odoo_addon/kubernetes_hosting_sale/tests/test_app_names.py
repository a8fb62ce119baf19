# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import Form, tagged

from .common import HostingSaleCase

SHOP = ["shop-int.sale-test.example", "shop.sale-test.example"]
BAKERY = ["bakery-int.sale-test.example", "bakery.sale-test.example"]


@tagged("post_install", "-at_install")
class TestAppNames(HostingSaleCase):
    """A name belongs to the order line's unit that it was chosen for."""

    def _names(self, order, *names):
        """Type names for the units of the order's first line."""
        line = order.order_line[0]
        return order._kubernetes_set_names(
            {(line, unit): name for unit, name in enumerate(names, start=1)}
        )

    def _leave_alone(self, order, **ago):
        order.kubernetes_named_at = fields.Datetime.now() - timedelta(**ago)
        if order.validity_date:
            order.validity_date = order.kubernetes_named_at.date()
        return self.env["kubernetes.app.reservation"]._release_abandoned()

    # -- holding -----------------------------------------------------------------

    def test_a_chosen_name_holds_all_its_hostnames(self):
        order = self._order((self.hosting, 1, None))
        self.assertFalse(self._names(order, " Shop "))
        self.assertEqual(self._hostnames("shop"), SHOP)
        self.assertEqual(order.order_line.kubernetes_reservation_ids.state, "held")
        self.assertEqual(order.order_line.kubernetes_app_names, "shop")

    def test_a_name_held_by_another_order_is_taken(self):
        self._order()
        problems = self._names(self._order((self.hosting, 1, None)), "shop")
        self.assertIn("already taken", next(iter(problems.values())))

    def test_a_name_of_an_app_is_taken(self):
        self._order().action_confirm()
        problems = self._names(self._order((self.hosting, 1, None)), "shop")
        self.assertIn("already taken", next(iter(problems.values())))

    def test_a_name_colliding_with_another_apps_environment_is_taken(self):
        self._order()
        problems = self._names(self._order((self.hosting, 1, None)), "shop-int")
        self.assertIn("already taken", next(iter(problems.values())))
        # And the other way round.
        self._order((self.hosting, 1, "bakery-int"))
        problems = self._names(self._order((self.hosting, 1, None)), "bakery")
        self.assertIn("already taken", next(iter(problems.values())))

    def test_bad_names_are_refused_with_a_sentence(self):
        order = self._order((self.hosting, 1, None))
        for name in ("", "ab", "a" * 31, "sh op", "-shop", "shop-", "xn--shop", "www"):
            with self.subTest(name=name):
                problems = self._names(order, name)
                self.assertTrue(next(iter(problems.values())).endswith("."))
        self.assertFalse(order.order_line.kubernetes_reservation_ids)

    def test_a_refused_name_leaves_the_former_one_held(self):
        self._order((self.hosting, 1, "bakery"))
        order = self._order()
        self.assertTrue(self._names(order, "bakery"))
        self.assertEqual(order.order_line.kubernetes_app_names, "shop")
        self.assertEqual(self._hostnames("shop"), SHOP)
        self.assertFalse(order._kubernetes_needs_names())

    def test_names_can_be_exchanged(self):
        order = self._order((self.hosting, 2, "shop, bakery"))
        self.assertFalse(self._names(order, "bakery", "shop"))
        self.assertEqual(order.order_line.kubernetes_app_names, "bakery, shop")
        self.assertEqual(self._hostnames("shop", "bakery"), BAKERY + SHOP)

    def test_one_name_twice_in_an_order_is_refused(self):
        order = self._order((self.hosting, 2, None))
        problems = self._names(order, "shop", "shop")
        line = order.order_line
        self.assertEqual(list(problems), [(line, 2)])
        self.assertIn("another app of this order", problems[line, 2])

    def test_the_same_name_again_changes_nothing(self):
        order = self._order()
        reservation = order.order_line.kubernetes_reservation_ids
        hostnames = reservation.hostname_ids
        self.assertFalse(self._names(order, "shop"))
        self.assertEqual(order.order_line.kubernetes_reservation_ids, reservation)
        self.assertEqual(reservation.hostname_ids, hostnames)

    def test_suggestions_are_free_and_valid(self):
        self._order()
        order = self._order((self.hosting, 1, None))
        names = order.order_line._kubernetes_suggest_names(1, "shop")
        self.assertEqual(len(names), 3)
        for name in names:
            self.assertFalse(self._names(order, name))
        longest = order.order_line._kubernetes_suggest_names(1, "a" * 30)
        self.assertLessEqual(max(map(len, longest)), 30)

    def test_addresses_are_made_of_prefix_name_and_suffix(self):
        line = self._order().order_line
        self.assertEqual(
            [
                (address["prefix"], address["suffix"])
                for address in line._kubernetes_addresses()
            ],
            [("", ".sale-test.example"), ("", "-int.sale-test.example")],
        )

    # -- letting go --------------------------------------------------------------

    def test_a_smaller_quantity_frees_the_surplus(self):
        order = self._order((self.hosting, 2, "shop, bakery"))
        order.order_line.product_uom_qty = 1
        self.assertEqual(self._hostnames("shop", "bakery"), SHOP)
        self.assertFalse(order._kubernetes_needs_names())

    def test_a_greater_quantity_needs_another_name(self):
        order = self._order()
        order.order_line.product_uom_qty = 2
        self.assertTrue(order._kubernetes_needs_names())
        self.assertEqual(
            list(order._kubernetes_name_problems()), [(order.order_line, 2)]
        )

    def test_another_product_frees_the_names(self):
        order = self._order()
        order.order_line.product_id = self.book
        self.assertFalse(self._hostnames("shop"))

    def test_a_product_with_other_environments_takes_its_own_hostnames(self):
        order = self._order()
        order.order_line.product_id = self._hosting_product(
            "Small", kubernetes_environment_ids=[(6, 0, self.prod.ids)]
        )
        self.assertTrue(order._kubernetes_needs_names())
        self.assertFalse(order._kubernetes_name_problems(), "Taken again by itself")
        self.assertEqual(self._hostnames("shop"), SHOP[1:])

    def test_an_emptied_cart_frees_its_names(self):
        order = self._order()
        order.order_line.unlink()
        self.assertFalse(self._hostnames("shop"))

    def test_a_deleted_order_frees_its_names(self):
        self._order().unlink()
        self.assertFalse(self._hostnames("shop"))

    def test_a_cancelled_order_frees_its_names_and_remembers_them(self):
        order = self._order()
        order.action_cancel()
        self.assertFalse(self._hostnames("shop"))
        order.action_draft()
        self.assertEqual(order.order_line.kubernetes_app_names, "shop")
        self.assertFalse(order._kubernetes_name_problems())
        self.assertEqual(self._hostnames("shop"), SHOP)

    def test_an_abandoned_quotation_frees_its_names(self):
        order = self._order()
        self.assertFalse(self._leave_alone(order, hours=2))
        self.assertEqual(self._hostnames("shop"), SHOP)
        self.assertEqual(self._leave_alone(order, days=40), order)
        self.assertFalse(self._hostnames("shop"))

    def test_never_while_a_payment_is_pending_authorized_or_done(self):
        for state in ("pending", "authorized", "done"):
            with self.subTest(state=state):
                order = self._order()
                self._transaction(order, state=state)
                self.assertFalse(self._leave_alone(order, days=40))
                order.action_cancel()
                self.assertFalse(self._leave_alone(order, days=40))
                self.assertEqual(self._hostnames("shop"), SHOP)
                order.transaction_ids.state = "cancel"
                self.assertEqual(self._leave_alone(order, days=40), order)
                self.assertFalse(self._hostnames("shop"))

    def test_a_valid_quotation_keeps_its_names(self):
        order = self._order()
        order.validity_date = fields.Date.today() + timedelta(days=60)
        order.kubernetes_named_at = fields.Datetime.now() - timedelta(days=50)
        self.assertFalse(self.env["kubernetes.app.reservation"]._release_abandoned())

    def test_the_names_of_a_copied_order_stay_where_they_are(self):
        order = self._order()
        copy = order.copy()
        self.assertFalse(copy.order_line.kubernetes_app_names)
        self.assertTrue(copy._kubernetes_needs_names())

    def test_the_cron_frees_the_names(self):
        order = self._order()
        order.kubernetes_named_at = fields.Datetime.now() - timedelta(days=40)
        order.validity_date = False
        self._run_cron("kubernetes_hosting_sale.ir_cron_release_names")
        self.assertFalse(self._hostnames("shop"))

    # -- a rule that came later --------------------------------------------------

    def test_a_name_held_before_the_rule_came_makes_its_apps(self):
        """``123`` was reserved when it was allowed; its order is paid now."""
        order = self._order((self.hosting, 1, None))
        with patch.object(self.registry["kubernetes.app"], "_check_app_name"):
            self.assertFalse(self._names(order, "123"))
        self.assertFalse(order._kubernetes_name_problems())
        order.action_confirm()
        self.assertFalse(order.kubernetes_pending)
        self.assertEqual(order.kubernetes_app_ids.mapped("name"), ["123", "123"])

    def test_a_paid_order_whose_name_the_rule_forbids_gets_another(self):
        """``123`` was released before it was paid."""
        order = self._order((self.hosting, 1, None))
        with patch.object(self.registry["kubernetes.app"], "_check_app_name"):
            self.assertFalse(self._names(order, "123"))
        order.order_line.kubernetes_reservation_ids._release()
        self._transaction(order)
        order.action_confirm()
        self.assertFalse(order.kubernetes_pending)
        self.assertEqual(len(order.kubernetes_app_ids), 2)
        self.assertNotIn("123", order.kubernetes_app_ids.mapped("name"))

    # -- quotations in the backend -----------------------------------------------

    def test_names_are_entered_on_the_order_line(self):
        order = self._order((self.hosting, 2, None))
        with Form(order) as form, form.order_line.edit(0) as line:
            line.kubernetes_app_names = "shop,bakery"
        self.assertEqual(order.order_line.kubernetes_app_names, "shop, bakery")
        self.assertEqual(self._hostnames("shop", "bakery"), BAKERY + SHOP)
        with Form(order) as form, form.order_line.edit(0) as line:
            line.kubernetes_app_names = "shop"
        self.assertEqual(self._hostnames("shop", "bakery"), SHOP)

    def test_only_the_second_unit_named(self):
        order = self._order((self.hosting, 2, ", bakery"))
        self.assertEqual(order.order_line.kubernetes_app_names, ", bakery")
        self.assertEqual(
            order.order_line.kubernetes_reservation_ids.mapped("unit"), [2]
        )

    def test_too_many_names_are_refused(self):
        with self.assertRaisesRegex(ValidationError, "needs 1 names"):
            self._order((self.hosting, 1, "shop, bakery"))
        with self.assertRaisesRegex(ValidationError, "needs 0 names"):
            self._order((self.book, 1, "shop"))

    def test_a_taken_name_is_refused_in_the_backend_too(self):
        self._order()
        with self.assertRaisesRegex(ValidationError, "already taken"):
            self._order()

    def test_an_app_that_exists_is_not_renamed(self):
        order = self._order()
        order.action_confirm()
        order.order_line.kubernetes_app_names = "shop"
        with self.assertRaisesRegex(ValidationError, "cannot be renamed"):
            order.order_line.kubernetes_app_names = "bakery"

    def test_fractions_dozens_and_notes(self):
        order = self._order((self.hosting, 1.5, None), (self.hosting, 0, None))
        self.assertEqual(order.order_line.mapped("kubernetes_units"), [2, 0])
        order.order_line[0].write(
            {
                "product_uom_qty": 1,
                "product_uom_id": self.env.ref("uom.product_uom_dozen").id,
            }
        )
        self.assertEqual(order.order_line[0].kubernetes_units, 12)
        note = self.env["sale.order.line"].create(
            {"order_id": order.id, "display_type": "line_note", "name": "Hello"}
        )
        self.assertEqual(note.kubernetes_units, 0)
