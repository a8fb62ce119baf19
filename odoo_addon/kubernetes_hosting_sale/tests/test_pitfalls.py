# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import date
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..hooks import post_init_hook
from .common import HostingSaleCase

LOGGER = "odoo.addons.kubernetes_hosting_sale.models.sale_order"


@tagged("post_install", "-at_install")
class TestPitfalls(HostingSaleCase):
    """What is known to go wrong on the way from a payment to a subscription."""

    def _without_pricelists(self, order):
        self.env["product.pricelist"].search([]).action_archive()
        self.customer.specific_property_product_pricelist = False
        order.pricelist_id = False

    def test_missing_pricelist_does_not_stop_a_paid_order(self):
        order = self._order()
        self._without_pricelists(order)
        self._transaction(order)._post_process()
        self.assertEqual(order.state, "sale")
        self.assertEqual(order.subscription_ids.currency_id, order.currency_id)
        self.assertEqual(
            order.kubernetes_app_ids.subscription_id, order.subscription_ids
        )
        self.assertEqual(order.amount_total, 20)
        self.assertFalse(
            self.env["product.pricelist"].search_count([]),
            "Odoo's settings would warn of it",
        )

    def test_pricelist_in_another_currency_is_not_used(self):
        order = self._order()
        self._without_pricelists(order)
        other = (
            self.env["res.currency"]
            .with_context(active_test=False)
            .search([("id", "!=", order.currency_id.id)], limit=1)
        )
        other.active = True
        self.env["product.pricelist"].create(
            {"name": "Foreign", "currency_id": other.id, "sequence": 0}
        )
        order.action_confirm()
        self.assertEqual(order.subscription_ids.currency_id, order.currency_id)
        self.assertEqual(order.subscription_ids.recurring_total, 20)

    def test_public_user_is_not_the_subscriptions_salesperson(self):
        public = self.env.ref("base.public_user")
        order = self._order(user_id=False)
        self._transaction(order).with_user(public).sudo()._post_process()
        self.assertFalse(order.subscription_ids.user_id)

        admin = self.env.ref("base.user_admin")
        order = self._order((self.hosting, 1, "bakery"), user_id=admin.id)
        self._transaction(order).with_user(public).sudo()._post_process()
        self.assertEqual(order.subscription_ids.user_id, admin)

    def test_renewal_order_creates_neither_apps_nor_a_subscription(self):
        self.plan.invoicing_mode = "sale_and_invoice"
        order = self._order()
        order.action_confirm()
        apps = order.kubernetes_app_ids
        subscription = order.subscription_ids
        renewal = subscription.create_sale_order()
        self.assertFalse(renewal.kubernetes_hosting)
        self.assertFalse(renewal._kubernetes_needs_names())
        renewal.action_confirm()
        self.assertEqual(renewal.state, "sale")
        self.assertFalse(renewal.kubernetes_app_ids)
        self.assertFalse(renewal.subscription_ids)
        self.assertEqual(subscription.kubernetes_app_ids, apps)

    def test_mails_are_sent_after_the_confirmation(self):
        """Installing sets sale.async_emails: no PDF is rendered while confirming."""
        parameters = self.env["ir.config_parameter"]
        cron = self.env.ref("sale.send_pending_emails_cron")
        parameters.set_param("sale.async_emails", "False")
        cron.active = False
        post_init_hook(self.env)
        self.assertEqual(parameters.get_param("sale.async_emails"), "True")
        self.assertTrue(cron.active)
        order = self._order()
        with patch.object(
            type(self.env["ir.actions.report"]),
            "_render_qweb_pdf",
            side_effect=UserError("no wkhtmltopdf"),
        ) as render:
            self._transaction(order)._post_process()
        render.assert_not_called()
        self.assertTrue(order.pending_email_template_id)

    @mute_logger(LOGGER)
    def test_missing_wkhtmltopdf_does_not_stop_a_paid_order(self):
        """Not even where somebody has switched sale.async_emails off."""
        self.env["ir.config_parameter"].set_param("sale.async_emails", "False")
        order = self._order()
        with patch.object(
            type(self.env["mail.template"]),
            "_generate_template",
            side_effect=UserError("no wkhtmltopdf"),
        ) as render:
            self._transaction(order)._post_process()
        render.assert_called()
        self.assertEqual(order.state, "sale")
        self.assertEqual(len(order.kubernetes_app_ids), 2)
        self.assertTrue(order.pending_email_template_id, "The mail is tried again")

    def test_two_products_with_one_template_share_a_subscription(self):
        bakery = self._hosting_product("Blog Hosting")
        order = self._order((self.hosting, 1, "shop"), (bakery, 1, "bakery"))
        order.action_confirm()
        subscription = order.subscription_ids
        self.assertEqual(len(subscription), 1)
        self.assertEqual(len(subscription.sale_subscription_line_ids), 2)
        self.assertEqual(subscription.kubernetes_app_count, 4)
        self.assertEqual(order.kubernetes_app_ids.subscription_id, subscription)

    def test_two_products_with_two_templates_link_each_to_its_own(self):
        yearly = self.plan.copy({"name": "Yearly", "recurring_rule_type": "years"})
        bakery = self._hosting_product("Blog", subscription_template_id=yearly.id)
        order = self._order((self.hosting, 1, "shop"), (bakery, 1, "bakery"))
        order.action_confirm()
        for app in order.kubernetes_app_ids:
            template = yearly if app.name == "bakery" else self.plan
            self.assertEqual(app.subscription_id.template_id, template)

    def test_quantity_n_is_one_subscription_line_and_n_apps(self):
        order = self._order((self.hosting, 3, "one, two, three"))
        order.action_confirm()
        lines = order.subscription_ids.sale_subscription_line_ids
        self.assertEqual(lines.mapped("product_uom_qty"), [3])
        self.assertEqual(order.subscription_ids.kubernetes_app_count, 6)

    def test_dates_are_today_and_not_the_day_the_server_started(self):
        with freeze_time("2031-02-03"):
            values = self.env["sale.subscription"].default_get(
                ["date_start", "recurring_next_date"]
            )
        self.assertEqual(
            values,
            {
                "date_start": date(2031, 2, 3),
                "recurring_next_date": date(2031, 2, 3),
            },
        )

    @mute_logger(LOGGER)
    def test_subscription_that_cannot_be_opened_is_opened_later(self):
        order = self._order()
        with patch.object(
            type(self.env["sale.subscription"]),
            "action_start_subscription",
            side_effect=UserError("No stage"),
        ):
            self._transaction(order)._post_process()
        self.assertEqual(order.state, "sale")
        self.assertFalse(order.subscription_ids)
        self.assertEqual(len(order.kubernetes_app_ids), 2, "Paid apps do not wait")
        self.assertTrue(order.kubernetes_pending)
        self.assertIn("No stage", order.activity_ids.note)
        self._retry()
        self.assertEqual(len(order.subscription_ids), 1)
        self.assertEqual(
            order.kubernetes_app_ids.subscription_id, order.subscription_ids
        )
        self.assertFalse(order.kubernetes_pending)

    def test_a_closed_subscription_is_not_opened_again_by_the_cron(self):
        order = self._order()
        order.action_confirm()
        order.subscription_ids.close_subscription()
        order.kubernetes_pending = True
        self._retry()
        self.assertEqual(len(order.subscription_ids), 1)

    def test_orders_without_hosting_are_left_alone(self):
        """Other subscriptions behave as subscription_oca made them."""
        other = self.env["product.product"].create(
            {
                "name": "Newspaper",
                "type": "service",
                "list_price": 5,
                "subscribable": True,
                "subscription_template_id": self.plan.id,
            }
        )
        order = self._order((other, 1, None))
        self._without_pricelists(order)
        with self.assertRaisesRegex(UserError, "pricelist"):
            order.action_confirm()

    def test_the_base_addon_does_not_depend_on_sale(self):
        module = self.env.ref("base.module_kubernetes_hosting")
        upstream = module.upstream_dependencies(
            exclude_states=("uninstallable",)
        ).mapped("name")
        self.assertNotIn("sale", upstream)
        self.assertIn("mail", upstream)
