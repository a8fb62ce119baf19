# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .common import HostingSaleCase


@tagged("post_install", "-at_install")
class TestCancelledOrders(HostingSaleCase):
    """An order that no longer stands, and a subscription that goes on: it is said, and
    one button ends it."""

    def setUp(self):
        super().setUp()
        self.order = self._order((self.hosting, 2, "shop, bakery"))
        self.order.action_confirm()
        self.subscription = self.order.subscription_ids
        self.apps = self.order.kubernetes_app_ids

    def _cancel(self):
        self.order.action_unlock()
        self.order.action_cancel()

    def _attention(self):
        self.env.flush_all()
        return self.env["kubernetes.attention"].search(
            [("sale_order_id", "=", self.order.id)]
        )

    def test_it_is_said(self):
        self.assertFalse(self.order.kubernetes_orphaned)
        self.assertFalse(self._attention())
        self._cancel()
        self.assertEqual(self.order.kubernetes_orphaned, self.subscription.name)
        row = self._attention()
        self.assertEqual(row.reason, "order_cancelled")
        self.assertEqual(row.message, self.subscription.name)
        self.assertEqual(row.action_open()["res_id"], self.order.id)
        note = self.apps.activity_ids.note
        self.assertIn(self.subscription.name, note)
        self.assertIn("still invoiced", note)

    def test_one_button_ends_it_and_the_apps_follow(self):
        self._cancel()
        self.order.action_kubernetes_end_subscriptions()
        self.assertEqual(self.subscription.stage_type, "post")
        self.assertFalse(self.subscription.in_progress)
        self.assertEqual(set(self.apps.mapped("wanted_state")), {"stopped"})
        self.assertTrue(all(self.apps.mapped("delete_on")))
        self.assertFalse(self.order.kubernetes_orphaned)
        self.assertFalse(self._attention())
        self.assertFalse(self.apps.activity_ids)
        before = self.subscription.account_invoice_ids_count
        self.subscription.recurring_next_date = "2020-01-01"
        self.env["sale.subscription"].cron_subscription_management()
        self.assertEqual(self.subscription.account_invoice_ids_count, before)
        self.order.action_kubernetes_end_subscriptions()  # twice is once

    def test_a_seller_may_end_it_and_nobody_else(self):
        self._cancel()
        employee = new_test_user(self.env, "c-employee", "base.group_user")
        with self.assertRaises(AccessError):
            self.order.with_user(employee).action_kubernetes_end_subscriptions()
        seller = new_test_user(
            self.env, "c-seller", "sales_team.group_sale_salesman_all_leads"
        )
        self.order.with_user(seller).action_kubernetes_end_subscriptions()
        self.assertEqual(self.subscription.stage_type, "post")

    def test_the_button_ends_nothing_of_an_order_that_stands(self):
        self.order.action_kubernetes_end_subscriptions()
        self.assertEqual(self.subscription.stage_type, "in_progress")

    def test_confirmed_again_there_is_nothing_to_end(self):
        self._cancel()
        self.order.action_draft()
        self.order.action_confirm()
        self.assertFalse(self.order.kubernetes_orphaned)
        self.assertFalse(self._attention())

    def test_ended_and_confirmed_again_the_apps_run_again(self):
        self._cancel()
        self.order.action_kubernetes_end_subscriptions()
        for job in self.apps.job_ids.filtered(lambda job: job.state == "pending"):
            job.state = "running"
            job._finish("done")
        self.order.action_draft()
        self.order.action_confirm()
        new = self.order.subscription_ids - self.subscription
        self.assertEqual(new.stage_type, "in_progress")
        self.assertEqual(self.apps.subscription_id, new)
        self.assertEqual(set(self.apps.mapped("wanted_state")), {"running"})
        self.assertFalse(any(self.apps.mapped("delete_on")))

    def test_an_order_is_not_deleted_while_it_is_invoiced(self):
        self._cancel()
        with self.assertRaisesRegex(UserError, self.subscription.name):
            self.order.unlink()
        self.order.action_kubernetes_end_subscriptions()
        with self.assertRaisesRegex(UserError, "shop"):
            self.order.unlink()

    def test_a_line_is_not_deleted_while_it_is_invoiced(self):
        self._cancel()
        self.order.action_draft()
        with self.assertRaisesRegex(UserError, self.subscription.name):
            self.order.order_line.unlink()

    def test_fewer_hostings_than_are_invoiced(self):
        self.assertFalse(self.order.kubernetes_overpaid)
        self.order.order_line.product_uom_qty = 1
        self.assertTrue(self.order.kubernetes_overpaid)
        self.assertIn("Lower the subscription", self.order.activity_ids.note)
        self.order.action_kubernetes_lower_subscriptions()
        line = self.subscription.sale_subscription_line_ids
        self.assertEqual(line.product_uom_qty, 1)
        self.assertEqual(self.subscription.recurring_total, 20)
        self.assertFalse(self.order.kubernetes_overpaid)

    def test_a_closed_subscription_of_an_order_that_stands(self):
        self.subscription.close_subscription()
        self.assertFalse(self._attention())
        self.assertEqual(set(self.apps.mapped("wanted_state")), {"stopped"})

    def test_other_orders_are_none_of_ours(self):
        newspaper = self.env["product.product"].create(
            {
                "name": "Newspaper",
                "type": "service",
                "subscribable": True,
                "subscription_template_id": self.plan.id,
            }
        )
        self.order = self._order(
            (newspaper, 1, None),
            pricelist_id=self.env["product.pricelist"].create({"name": "P"}).id,
        )
        self.order.action_confirm()
        self._cancel()
        self.assertFalse(self._attention())
        self.assertTrue(
            self.order.kubernetes_orphaned, "Said in the order all the same"
        )
