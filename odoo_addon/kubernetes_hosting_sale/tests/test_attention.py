# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.tests import TransactionCase, tagged

from .common import HostingSaleCase


@tagged("post_install", "-at_install")
class TestAttention(HostingSaleCase, TransactionCase):
    """An order that is paid for and lacks its apps needs attention."""

    def test_an_order_without_its_apps(self):
        order = self.env["sale.order"].create({"partner_id": self.customer.id})
        order.write({"state": "sale", "kubernetes_pending": True})
        attention = self.env["kubernetes.attention"]
        row = attention.search([("sale_order_id", "=", order.id)])
        self.assertEqual(row.reason, "order_pending")
        self.assertEqual(row.name, order.name)
        self.assertEqual(row.partner_id, self.customer)
        self.assertEqual(row.action_open()["res_model"], "sale.order")
        self.assertEqual(row.action_open()["res_id"], order.id)
        order.kubernetes_pending = False
        self.assertFalse(attention.search([("sale_order_id", "=", order.id)]))

    def test_each_reason_has_its_own_rows(self):
        """Reasons of several addons are told apart by numbers, each of which is one's
        alone: another one would take its place."""
        attention = self.env["kubernetes.attention"]
        reasons = [reason for reason, *_rest in attention._parts().values()]
        selection = attention._fields["reason"].get_values(self.env)
        self.assertEqual(sorted(reasons), sorted(selection))
