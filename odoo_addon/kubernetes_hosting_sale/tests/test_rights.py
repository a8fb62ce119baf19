# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from .common import HostingSaleCase

OPERATOR = "kubernetes_hosting.group_kubernetes_operator"


@tagged("post_install", "-at_install")
class TestProduction(HostingSaleCase):
    """S5: an app reads what is in production of the same company and the same
    customer, and nobody says of an app that it belongs to somebody's order."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_company = cls.env["res.company"].create({"name": "Other"})
        cls.operator = new_test_user(cls.env, "operator", groups=OPERATOR)
        cls.other_operator = new_test_user(
            cls.env,
            "other-operator",
            groups=OPERATOR,
            company_id=cls.other_company.id,
            company_ids=[Command.set(cls.other_company.ids)],
        )
        cls.order = cls._order()
        cls.order.action_confirm()
        cls.production, cls.integration = cls.order.kubernetes_app_ids.sorted(
            lambda app: app.environment_id.sequence
        )
        cls.test = cls.env["kubernetes.environment"].search([("code", "=", "test")])

    def app_of(self, operator, **values):
        return (
            self.env["kubernetes.app"]
            .with_user(operator)
            .create(
                {
                    "name": f"thief-{operator.id}",
                    "environment_id": self.test.id,
                    "cluster_id": self.cluster.id,
                    **values,
                }
            )
        )

    def test_s5_nobody_says_of_an_app_what_it_was_sold_as(self):
        values = {
            "sale_order_id": self.order.id,
            "sale_order_line_id": self.order.order_line.id,
            "unit_no": 1,
            "product_id": self.hosting.id,
            "subscription_id": self.production.subscription_id.id,
            "delete_on": "2030-01-01",
            "stopped_by_subscription": True,
        }
        for operator in (self.operator, self.other_operator):
            app = self.app_of(operator)
            for name, value in values.items():
                with self.assertRaises(UserError, msg=name):
                    app.write({name: value})
                with self.assertRaises(UserError, msg=name):
                    self.app_of(operator, name="another", **{name: value})

    def test_s5_production_is_of_the_same_company(self):
        app = self.app_of(self.other_operator).sudo()
        app.write({"sale_order_line_id": self.order.order_line.id, "unit_no": 1})
        self.assertTrue(self.integration._production())
        self.assertFalse(app._production())

    def test_s5_production_is_of_the_same_customer(self):
        app = self.app_of(self.operator).sudo()
        app.write({"sale_order_line_id": self.order.order_line.id, "unit_no": 1})
        self.assertFalse(app._production())
        app.partner_id = self.env["res.partner"].create({"name": "Somebody else"})
        self.assertFalse(app._production())
        app.partner_id = self.env["res.partner"].create(
            {"name": "Contact", "parent_id": self.customer.id}
        )
        self.assertEqual(app._production(), self.production)
