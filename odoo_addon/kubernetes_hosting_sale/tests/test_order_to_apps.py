# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from unittest.mock import patch

from psycopg2.errors import UniqueViolation

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import HostingSaleCase

LOGGER = "odoo.addons.kubernetes_hosting_sale.models.sale_order"


@tagged("post_install", "-at_install")
class TestOrderToApps(HostingSaleCase):
    """A confirmed order line becomes one app per unit and environment."""

    def test_order_line_becomes_one_app_per_unit_and_environment(self):
        order = self._order((self.hosting, 2, "shop, bakery"), (self.book, 1, None))
        order.action_confirm()
        apps = order.kubernetes_app_ids.sorted("id")
        self.assertEqual(
            [
                (app.name, app.unit_no, app.environment_id.code, app.hostname)
                for app in apps
            ],
            [
                ("shop", 1, "prod", "shop.sale-test.example"),
                ("shop", 1, "int", "shop-int.sale-test.example"),
                ("bakery", 2, "prod", "bakery.sale-test.example"),
                ("bakery", 2, "int", "bakery-int.sale-test.example"),
            ],
        )
        self.assertEqual(apps.partner_id, self.customer)
        self.assertEqual(apps.product_id, self.hosting)
        self.assertEqual(apps.sale_order_line_id, order.order_line[0])
        self.assertEqual(apps.company_id, order.company_id)
        self.assertFalse(order.kubernetes_pending)
        self.assertEqual(
            order.order_line.kubernetes_reservation_ids.mapped("state"), ["used"] * 2
        )

    def test_manifests_come_in_the_products_order(self):
        self.hosting.kubernetes_manifest_ids.filtered(
            lambda line: line.manifest_id == self.web
        ).sequence = 0
        order = self._order()
        order.action_confirm()
        for app in order.kubernetes_app_ids:
            self.assertEqual(
                app.manifest_line_ids.mapped("manifest_id.name"), ["Web", "Database"]
            )

    def test_config_map_and_secret_are_copied_to_each_app(self):
        order = self._order()
        order.action_confirm()
        apps = order.kubernetes_app_ids
        self.assertEqual(len(apps.config_map_id), 2)
        self.assertEqual(len(apps.secret_id), 2)
        self.assertNotIn(self.config_map, apps.config_map_id)
        self.assertEqual(apps.config_map_id.line_ids.mapped("key"), ["replicas"] * 2)
        self.assertEqual(apps.secret_id.line_ids.mapped("key"), ["password"] * 2)
        apps[0].config_map_id.line_ids.value = "3"
        self.assertEqual(self.config_map.line_ids.value, "1")

    def test_a_deploy_job_per_app(self):
        order = self._order()
        order.action_confirm()
        for app in order.kubernetes_app_ids:
            self.assertEqual(app.job_ids.mapped("kind"), ["deploy"])
            self.assertEqual(app.job_ids.mapped("state"), ["pending"])

    def test_subscription_order_and_product_lead_to_the_apps(self):
        order = self._order()
        order.action_confirm()
        apps = order.kubernetes_app_ids
        subscription = order.subscription_ids
        self.assertEqual(len(subscription), 1)
        self.assertEqual(apps.subscription_id, subscription)
        for record in (subscription, order, self.hosting.product_tmpl_id):
            self.assertEqual(record.kubernetes_app_count, 2)
            action = record.action_view_kubernetes_apps()
            self.assertEqual(self.env["kubernetes.app"].search(action["domain"]), apps)

    def test_cancelled_and_confirmed_again_there_is_one_set(self):
        order = self._order()
        order.action_confirm()
        apps = order.kubernetes_app_ids
        order.action_unlock()
        order.action_cancel()
        self.assertIn(
            "Order cancelled", apps.activity_ids.activity_type_id.mapped("name")
        )
        order.action_draft()
        order.action_confirm()
        self.assertEqual(order.kubernetes_app_ids, apps)
        self.assertEqual(len(order.subscription_ids), 1)

    def test_confirmed_again_an_app_deleted_meanwhile_stays_deleted(self):
        order = self._order()
        order.action_confirm()
        apps = order.kubernetes_app_ids
        apps.sudo().write({"state": "deleted", "active": False})
        order.action_unlock()
        order.action_cancel()
        order.action_draft()
        order.action_confirm()
        self.assertEqual(order.with_context(active_test=False).kubernetes_app_ids, apps)

    def test_fulfilled_however_often_there_is_one_set(self):
        order = self._order()
        order.action_confirm()
        apps = order.kubernetes_app_ids
        order._kubernetes_fulfil()
        order.action_kubernetes_create_apps()
        order.kubernetes_pending = True
        self._retry()
        self.assertEqual(order.kubernetes_app_ids, apps)
        self.assertFalse(order.kubernetes_pending)

    @mute_logger("odoo.sql_db")
    def test_the_database_refuses_a_second_app_of_a_unit(self):
        order = self._order()
        order.action_confirm()
        app = order.kubernetes_app_ids[0]
        with self.assertRaises(UniqueViolation), self.cr.savepoint():
            self.env["kubernetes.app"].create(
                {
                    "name": "other",
                    "cluster_id": self.cluster.id,
                    "environment_id": app.environment_id.id,
                    "sale_order_line_id": app.sale_order_line_id.id,
                    "unit_no": app.unit_no,
                }
            )

    def test_a_failure_does_not_fail_the_confirmation_and_is_retried(self):
        order = self._order()
        create = type(self.env["kubernetes.app"]).create
        with (
            patch.object(
                type(self.env["kubernetes.app"]), "create", side_effect=KeyError("x")
            ),
            mute_logger(LOGGER),
        ):
            order.action_confirm()
            self._retry()
        self.assertEqual(order.state, "sale")
        self.assertTrue(order.kubernetes_pending)
        self.assertTrue(order.kubernetes_missing_app)
        self.assertFalse(order.kubernetes_app_ids)
        self.assertEqual(
            order.activity_ids.mapped("activity_type_id.name"),
            ["Apps could not be created"],
        )
        self.assertEqual(len(order.activity_ids), 1, "One, however often it is tried")
        self.assertEqual(
            self._hostnames("shop"),
            ["shop-int.sale-test.example", "shop.sale-test.example"],
            "The name stays the customer's meanwhile",
        )
        self.assertEqual(type(self.env["kubernetes.app"]).create, create)
        attention = self._attention(order)
        self.assertEqual(attention.reason, "order_pending")
        self.assertEqual(attention.name, order.name)
        self.assertEqual(attention.action_open()["res_model"], "sale.order")
        self.assertEqual(attention.action_open()["res_id"], order.id)
        self._retry()
        self.assertEqual(len(order.kubernetes_app_ids), 2)
        self.assertFalse(order.kubernetes_pending)
        self.assertFalse(order.activity_ids, "Nothing is left to do")
        self.assertFalse(self._attention(order))

    def _attention(self, order):
        return self.env["kubernetes.attention"].search(
            [("sale_order_id", "=", order.id)]
        )

    def test_a_failing_unit_leaves_the_others_alone(self):
        order = self._order((self.hosting, 2, "shop, bakery"))
        line_class = type(self.env["sale.order.line"])
        create = line_class._kubernetes_create_apps

        def fail_for_the_first(line, unit):
            apps = create(line, unit)
            if unit == 1:
                raise KeyError("The cluster is full.")
            return apps

        with (
            patch.object(line_class, "_kubernetes_create_apps", fail_for_the_first),
            mute_logger(LOGGER),
        ):
            order.action_confirm()
        self.assertEqual(set(order.kubernetes_app_ids.mapped("name")), {"bakery"})
        self.assertIn("The cluster is full.", order.activity_ids.note)
        self._retry()
        self.assertEqual(
            set(order.kubernetes_app_ids.mapped("name")), {"shop", "bakery"}
        )

    def test_even_a_broken_alert_does_not_fail_the_confirmation(self):
        order = self._order()
        with (
            patch.object(
                type(order), "_kubernetes_create_missing", side_effect=KeyError("x")
            ),
            mute_logger(LOGGER),
        ):
            order.action_confirm()
        self.assertEqual(order.state, "sale")
        self.assertTrue(order.kubernetes_pending)

    def test_paid_without_names_the_app_gets_one_and_operators_a_to_do(self):
        order = self._order((self.hosting, 2, None))
        self._transaction(order)._post_process()
        base = order.name.lower()
        self.assertEqual(
            order.kubernetes_app_ids.sorted("id").mapped("name"),
            [base, base, f"{base}-2", f"{base}-2"],
        )
        self.assertEqual(
            [
                activity.activity_type_id.name
                for activity in order.kubernetes_app_ids.activity_ids
            ],
            ["App named automatically"] * 2,
        )

    def test_paid_after_the_name_went_to_somebody_else(self):
        order = self._order()
        order.order_line.kubernetes_reservation_ids._release()
        self._order()
        self._transaction(order)._post_process()
        self.assertEqual(order.state, "sale")
        self.assertEqual(
            set(order.kubernetes_app_ids.mapped("name")), {order.name.lower()}
        )
        self.assertIn("“shop”", order.kubernetes_app_ids.activity_ids.note)

    def test_paid_after_the_name_was_released_it_is_taken_again(self):
        order = self._order()
        order.order_line.kubernetes_reservation_ids._release()
        self._transaction(order)._post_process()
        self.assertEqual(set(order.kubernetes_app_ids.mapped("name")), {"shop"})
        self.assertFalse(order.kubernetes_app_ids.activity_ids)

    def test_payment_processed_twice_gives_one_set(self):
        order = self._order()
        transaction = self._transaction(order)
        transaction._post_process()
        transaction._post_process()
        self._run_cron("payment.cron_post_process_payment_tx")
        self.assertEqual(order.state, "sale")
        self.assertEqual(len(order.kubernetes_app_ids), 2)
        self.assertEqual(len(order.subscription_ids), 1)

    def test_confirmed_by_the_public_user(self):
        """As the shop does: sudo, but with the public user's uid."""
        order = self._order()
        transaction = self._transaction(order)
        public = self.env.ref("base.public_user")
        transaction.with_user(public).sudo()._post_process()
        self.assertEqual(order.state, "sale")
        self.assertFalse(order.kubernetes_pending)
        apps = order.kubernetes_app_ids
        self.assertEqual(len(apps), 2)
        self.assertNotIn(public.partner_id, apps.message_ids.author_id)
        self.assertNotIn(public, apps.create_uid)

    def test_not_before_the_payment(self):
        order = self._order()
        transaction = self._transaction(order, state="pending")
        transaction._post_process()
        self.assertEqual(order.state, "sent")
        self.assertFalse(order.kubernetes_app_ids)
        transaction._set_done()
        transaction._post_process()
        self.assertEqual(len(order.kubernetes_app_ids), 2)

    def test_a_seller_is_told_to_enter_names(self):
        order = self._order((self.hosting, 1, None))
        seller = self.env["res.users"].create(
            {
                "name": "Seller",
                "login": "seller-names",
                "group_ids": [
                    (6, 0, self.env.ref("sales_team.group_sale_salesman_all_leads").ids)
                ],
            }
        )
        with self.assertRaisesRegex(UserError, "Enter the names of the apps"):
            order.with_user(seller).action_confirm()
        order.order_line.with_user(seller).kubernetes_app_names = "shop"
        order.with_user(seller).action_confirm()
        self.assertEqual(len(order.sudo().kubernetes_app_ids), 2)

    def test_a_seller_confirms_an_order_that_was_cancelled_before(self):
        order = self._order()
        order.action_cancel()
        order.action_draft()
        order.with_user(self.env.ref("base.user_admin")).action_confirm()
        self.assertEqual(set(order.kubernetes_app_ids.mapped("name")), {"shop"})

    def test_a_seller_confirming_a_paid_order_is_not_stopped(self):
        order = self._order((self.hosting, 1, None))
        self._transaction(order)
        admin = self.env.ref("base.user_admin")
        order.with_user(admin).action_confirm()
        self.assertEqual(len(order.kubernetes_app_ids), 2)

    def test_operators_read_their_language_and_invoices_speak_the_customers(self):
        self.env["res.lang"]._activate_lang("de_DE")
        self.env.company.partner_id.lang = "en_US"
        self.customer.lang = "de_DE"
        self.hosting.with_context(lang="de_DE").name = "Laden-Hosting"
        order = self._order((self.hosting, 1, None))
        transaction = self._transaction(order)
        public = self.env.ref("base.public_user")
        transaction.with_user(public).sudo().with_context(lang="de_DE")._post_process()
        self.assertIn(
            "confirmed without a name", order.kubernetes_app_ids.activity_ids.note
        )
        self.assertEqual(
            order.subscription_ids.sale_subscription_line_ids.name, "Laden-Hosting"
        )

    def test_context_defaults_do_not_reach_the_apps(self):
        order = self._order()
        order.with_context(
            default_name="x", default_state="failed", default_user_id=1
        ).action_confirm()
        self.assertEqual(set(order.kubernetes_app_ids.mapped("name")), {"shop"})
