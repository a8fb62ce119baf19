# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.sale.models.sale_order import SaleOrder

from .common import HostingSaleCase

LOGGER = "odoo.addons.kubernetes_hosting_sale.models.sale_order"
ALERT_LOGGER = "odoo.addons.kubernetes_hosting_sale.models.kubernetes_alert"
VOLUMES = """\
kind: PersistentVolumeClaim
metadata:
  name: "{{ volume_name }}"
spec:
  resources:
    requests:
      storage: {{ volume_size }}
    limits:
      storage: 900Gi
---
# storage: {{ nobody_gives_this }}
kind: StatefulSet
spec:
  replicas: 2
  volumeClaimTemplates:
    - spec:
        resources:
          requests:
            storage: "5Gi"
{% if backup %}
---
kind: PersistentVolumeClaim
spec:
  resources:
    requests:
      storage: {{ backup_size }}
{% endif %}
"""


@tagged("post_install", "-at_install")
class TestPaidOrders(HostingSaleCase):
    """docs/paid-orders.md, row by row: what could stop an order between its payment and
    the running app is impossible, refused before the sale, or told with a way out."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.template = cls.env["product.template"].browse(
            cls.hosting.product_tmpl_id.id
        )
        sales = "sales_team.group_sale_salesman_all_leads"
        cls.seller = new_test_user(cls.env, "s-seller", sales)
        cls.selling_user = new_test_user(
            cls.env, "s-user", f"{sales},kubernetes_hosting.group_kubernetes_user"
        )

    def _behind_odoo(self, record, **values):
        """As in a database that was like that before Odoo refused it."""
        for name, value in values.items():
            self.env.cr.execute(
                f'UPDATE "{record._table}" SET "{name}" = %s WHERE id IN %s',  # pylint: disable=sql-injection
                [value, tuple(record.ids)],
            )
        self.env.invalidate_all()

    def _problems(self):
        """What the product's banner says when its form is opened, as words."""
        self.env.invalidate_all()
        return " ".join((self.template.kubernetes_problems or "").split())

    def _assert_not_sold(self, words):
        """The customer is refused before the payment, the seller told why, the product
        says it; and who has paid all the same gets both apps."""
        order = self._order((self.hosting, 1, f"shop-{self.env.cr.sql_log_count}"))
        self.assertRegex(self._problems(), words)
        self.assertTrue(self.template.kubernetes_not_sellable)
        self.assertIn(
            self.template,
            self.template.search([("kubernetes_not_sellable", "=", True)]),
        )
        with self.assertRaisesRegex(ValidationError, "not available") as refused:
            order._kubernetes_check_sale()
        self.assertNotRegex(refused.exception.args[0], words)
        with self.assertRaisesRegex(UserError, words):
            order.with_user(self.selling_user).action_confirm()
        # Who sees nothing of Kubernetes is told what it is, but no names.
        with self.assertRaisesRegex(UserError, words.split(".*")[0]) as refused:
            order.with_user(self.seller).action_confirm()
        for part in self.template._kubernetes_parts():
            self.assertNotIn(part.name, refused.exception.args[0])
        self._assert_made(order)

    def _assert_made(self, order):
        self._transaction(order)._post_process()
        self.assertEqual(order.state, "sale")
        self.assertFalse(order.kubernetes_pending, order.kubernetes_problem)
        apps = order.kubernetes_app_ids
        self.assertEqual(apps.environment_id, self.prod + self.int)
        self.assertEqual(apps.job_ids.mapped("kind"), ["deploy"] * 2)

    def _attention(self, order):
        return self.env["kubernetes.attention"].search(
            [("sale_order_id", "=", order.id)]
        )

    def test_a_sellable_product_says_nothing(self):
        self.assertFalse(self._problems())
        self.assertNotIn(
            self.template,
            self.template.search([("kubernetes_not_sellable", "=", True)]),
        )
        self._order()._kubernetes_check_sale()

    # -- templates -----------------------------------------------------------------

    def test_a_template_of_a_product_stays_one(self):
        for values in (self.config_map, self.secret):
            with self.assertRaisesRegex(UserError, "stay a template.*Shop Hosting"):
                values.is_template = False
        self.template.active = False
        self.config_map.is_template = False

    def test_a_product_takes_templates_only(self):
        values = self.config_map.copy({"is_template": False})
        with self.assertRaisesRegex(ValidationError, "is no template"):
            self.template.kubernetes_config_map_id = values

    def test_what_is_no_template_any_longer_is_copied_all_the_same(self):
        self._behind_odoo(self.config_map, is_template=False)
        self._behind_odoo(self.secret, is_template=False)
        for name in ("shop", "bakery"):
            order = self._order((self.hosting, 1, name))
            self._assert_made(order)
            apps = order.kubernetes_app_ids
            self.assertNotIn(self.config_map, apps.config_map_id)
            self.assertNotIn(self.secret, apps.secret_id)
            self.assertEqual(
                apps.config_map_id.line_ids.mapped("key"), ["replicas"] * 2
            )
            self.assertEqual(
                apps.secret_id.line_ids.mapped("stored_value"), ["s3cret"] * 2
            )

    def test_an_operator_gives_an_app_a_copy_of_it_too(self):
        self._behind_odoo(self.config_map, is_template=False)
        order = self._order()
        order.action_confirm()
        app = order.kubernetes_app_ids[0]
        app.config_map_id = self.config_map
        self.assertNotEqual(app.config_map_id, self.config_map)

    def test_updating_gives_products_their_templates_back(self):
        order = self._order()
        order.action_confirm()
        app = order.kubernetes_app_ids[0]
        for name in ("config_map", "secret"):
            values = getattr(self, name)
            self._behind_odoo(values, is_template=False)
            self._behind_odoo(app, **{f"{name}_id": values.id})
        self.env["product.template"]._kubernetes_give_templates_back()
        for name in ("config_map", "secret"):
            values = getattr(self, name)
            self.assertTrue(values.is_template)
            self.assertNotEqual(app[f"{name}_id"], values)
            self.assertEqual(
                app[f"{name}_id"].line_ids.mapped("key"), values.line_ids.mapped("key")
            )

    def test_an_archived_templates_copies_are_not_archived(self):
        self._behind_odoo(self.config_map, active=False)
        self._assert_not_sold("archived.*Shop defaults")
        self.assertTrue(
            all(self.env["kubernetes.app"].search([]).config_map_id.mapped("active"))
        )

    # -- parts that are archived, deleted, another company's -------------------------

    def test_what_a_product_is_sold_with_is_not_archived_or_deleted(self):
        reset = self.web.copy({"name": "Reset"})
        self.template.write(
            {
                "kubernetes_reset_mode": "manifests",
                "kubernetes_reset_manifest_ids": [
                    Command.create({"manifest_id": reset.id, "purpose": "reset"})
                ],
            }
        )
        for part in (
            self.cluster,
            self.int,
            self.database,
            reset,
            self.config_map,
            self.secret,
        ):
            with self.subTest(part=part):
                with self.assertRaisesRegex(UserError, "archived.*Shop Hosting"):
                    part.active = False
                with self.assertRaisesRegex(UserError, "deleted.*Shop Hosting"):
                    part.unlink()

    def test_what_no_product_is_sold_with_is_archived(self):
        other = self.web.copy({"name": "Other"})
        other.active = False
        self.assertFalse(other.active)

    def test_what_was_archived_before_is_not_sold(self):
        for part in (self.cluster, self.int, self.database):
            with self.subTest(part=part):
                self._behind_odoo(part, active=False)
                self._assert_not_sold(f"archived.*{part.name}")
                self._behind_odoo(part, active=True)

    def test_apps_on_an_archived_cluster_need_attention(self):
        self._behind_odoo(self.cluster, active=False)
        self._assert_made(self._order())
        row = self.env["kubernetes.attention"].search(
            [("cluster_id", "=", self.cluster.id), ("app_id", "=", False)]
        )
        self.assertEqual(row.reason, "cluster_unserved")

    def test_a_part_stays_in_the_products_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        for part in (self.cluster, self.database, self.config_map, self.secret):
            with (
                self.subTest(part=part),
                self.assertRaisesRegex(UserError, "belong to this company"),
                self.cr.savepoint(),
            ):
                part.company_id = other

    def test_a_part_of_another_company_is_not_sold(self):
        other = self.env["res.company"].create({"name": "Other"})
        self._behind_odoo(self.database, company_id=other.id)
        order = self._order()
        self.assertRegex(self._problems(), "Other.*Database")
        with self.assertRaisesRegex(ValidationError, "not available"):
            order._kubernetes_check_sale()
        # Another company's is never given away, not even to who has paid.
        with mute_logger(LOGGER):
            self._transaction(order)._post_process()
        self.assertEqual(order.state, "sale")
        self.assertTrue(order.kubernetes_pending)
        self.assertEqual(self._attention(order).reason, "order_pending")
        self.database.company_id = False
        order.action_kubernetes_create_apps()
        self.assertEqual(len(order.kubernetes_app_ids), 2)
        self.assertFalse(self._attention(order))

    def test_the_subscription_template_stays(self):
        with self.assertRaisesRegex(UserError, "deleted.*Shop Hosting"):
            self.plan.unlink()

    def test_without_subscription_template_it_is_not_sold(self):
        self.template.subscription_template_id = False
        self.assertRegex(self._problems(), "subscription template")
        with self.assertRaisesRegex(ValidationError, "not available"):
            self._order()._kubernetes_check_sale()

    @mute_logger(LOGGER)
    def test_without_a_stage_the_subscription_is_opened_later(self):
        stages = self.env["sale.subscription.stage"]
        stages.search([("type", "=", "in_progress")]).type = "draft"
        order = self._order()
        self._transaction(order)._post_process()
        self.assertEqual(len(order.kubernetes_app_ids), 2)
        self.assertIn("In progress", self._attention(order).message)
        stages.search([], limit=1).type = "in_progress"
        self._retry()
        self.assertEqual(order.kubernetes_app_ids.subscription_id.in_progress, True)

    # -- what the product lacks ------------------------------------------------------

    def test_settings_that_are_missing(self):
        self.env.cr.execute(
            "DELETE FROM kubernetes_product_manifest WHERE product_tmpl_id = %s",
            [self.template.id],
        )
        self.env.invalidate_all()
        self._assert_not_sold("lacks: manifests")

    def test_a_cluster_without_the_ingress_class_that_a_manifest_asks_for(self):
        self.web.sudo().content = (
            'kind: Ingress\nspec:\n  ingressClassName: "{{ ingress_class }}"\n'
        )
        self._assert_not_sold("has no ingress class")
        self.cluster.ingress_class = "nginx"
        self.assertFalse(self._problems())

    def test_variables_that_nobody_gives(self):
        self.web.sudo().write(
            {
                "content": "a: {{ replicas }}\nb: {{ image }}\nc: {{ hostname }}\n"
                "d: {{ password }}\ne: {{ other | default(1) }}\n",
                "variables": ["hostname", "image", "other", "password", "replicas"],
            }
        )
        self._assert_not_sold("variables image")
        self.config_map.line_ids = [Command.create({"key": "image", "value": "odoo"})]
        self.assertFalse(self._problems())

    # -- variants --------------------------------------------------------------------

    def _sizes(self):
        """Sold as S, and as L with a larger volume."""
        self.web.sudo().write(
            {
                "content": VOLUMES,
                "variables": ["backup", "backup_size", "volume_name", "volume_size"],
            }
        )
        self.config_map.line_ids = [
            Command.create({"key": "volume_name", "value": "data"}),
            Command.create({"key": "volume_size", "value": "20Gi"}),
        ]
        size = self.env["product.attribute"].create(
            {
                "name": "Size",
                "value_ids": [
                    Command.create({"name": "S"}),
                    Command.create(
                        {
                            "name": "L",
                            "kubernetes_value_ids": [
                                Command.create({"key": "volume_size", "value": "80Gi"})
                            ],
                        }
                    ),
                ],
            }
        )
        self.template.attribute_line_ids = [
            Command.create(
                {
                    "attribute_id": size.id,
                    "value_ids": [Command.set(size.value_ids.ids)],
                }
            )
        ]
        small, large = self.template.product_variant_ids.sorted(
            lambda v: v.product_template_attribute_value_ids.name, reverse=True
        )
        return small, large, size.value_ids.filtered(lambda value: value.name == "L")

    def test_a_variant_with_more_volumes_than_it_gets_is_not_sold(self):
        small, large, value = self._sizes()
        self.assertRegex(self._problems(), "L: .* 90 GiB.* 50 GiB")
        self.assertNotRegex(self._problems(), "S: ")
        self._order((small, 1, "small"))._kubernetes_check_sale()
        with self.assertRaisesRegex(ValidationError, "not available"):
            self._order((large, 1, "large"))._kubernetes_check_sale()
        value.limit_storage = 90
        self.assertFalse(self._problems())
        self._order((large, 1, "large-2"))._kubernetes_check_sale()

    def test_without_quota_volumes_are_as_large_as_they_are(self):
        self._sizes()
        self.cluster.quota = False
        self.assertFalse(self._problems())

    def test_an_attribute_value_that_nobody_can_decrypt_is_refused(self):
        value = self._sizes()[2]
        with self.assertRaisesRegex(ValidationError, "cannot be decrypted"):
            value.kubernetes_value_ids = [
                Command.create(
                    {"key": "x", "type": "yaml", "value": "!vault |\n  nonsense"}
                )
            ]

    # -- between cart and payment ------------------------------------------------------

    def test_a_product_that_was_archived_is_not_sold(self):
        for values in ({"active": False}, {"sale_ok": False}):
            order = self._order((self.hosting, 1, "shop"))
            self.template.write(values)
            with self.assertRaisesRegex(ValidationError, "not available"):
                order._kubernetes_check_sale()
            self._assert_made(order)
            self.template.write({"active": True, "sale_ok": True})
            order.kubernetes_app_ids.hostname_ids.unlink()

    def test_a_hosting_that_was_paid_for_stays_one(self):
        order = self._order()
        transaction = self._transaction(order, state="pending")
        with (
            self.assertRaisesRegex(ValidationError, order.name),
            self.cr.savepoint(),
        ):
            self.template.kubernetes_hosting = False
        self.env.invalidate_all()
        transaction._set_done()
        transaction._post_process()
        self.template.kubernetes_hosting = False
        self.assertEqual(len(order.kubernetes_app_ids), 2)

    def test_an_order_of_another_company_than_the_parts(self):
        """A branch sells its parent's product; the parts are the parent's alone."""
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.env.company.id}
        )
        self.template.company_id = self.env.company
        order = self._order(company_id=branch.id)
        with self.assertRaisesRegex(ValidationError, "not available"):
            order._kubernetes_check_sale()

    # -- what nobody foresaw -----------------------------------------------------------

    @mute_logger(LOGGER, "odoo.sql_db")
    def test_the_databases_words_are_nobodys(self):
        order = self._order()
        taken = self._order((self.hosting, 1, "bakery"))
        taken.action_confirm()
        app_class = type(self.env["kubernetes.app"])
        create = app_class.create

        def clash(apps, vals_list):
            made = create(apps, vals_list)
            made[0].flush_recordset()
            made.env.cr.execute(
                "UPDATE kubernetes_app SET uid = %s WHERE id = %s",
                [taken.kubernetes_app_ids[0].uid, made[0].id],
            )
            return made

        with patch.object(app_class, "create", clash):
            self._transaction(order)._post_process()
        row = self._attention(order)
        self.assertEqual(row.reason, "order_pending")
        self.assertIn("Another app has this UID already", row.message)
        self.assertNotIn("duplicate key", row.message)
        self.assertNotIn("duplicate key", order.activity_ids.note)
        self.assertEqual(order._kubernetes_customer_status()["phase"], "late")
        self._retry()
        self.assertFalse(self._attention(order))
        self.assertFalse(order.kubernetes_problem)
        self.assertEqual(len(order.kubernetes_app_ids), 2)

    @mute_logger(LOGGER)
    def test_one_entry_and_one_to_do_that_says_what_is_true_now(self):
        order = self._order()
        line_class = type(self.env["sale.order.line"])
        with patch.object(
            line_class, "_kubernetes_create_apps", side_effect=ValueError("One\nTwo")
        ):
            self._transaction(order)._post_process()
            self._retry()
        self.assertEqual(len(self._attention(order)), 1)
        self.assertEqual(len(order.activity_ids), 1)
        self.assertIn("ValueError: One", order.activity_ids.note)
        self.assertNotIn("Two", order.activity_ids.note)
        self.assertNotIn("Traceback", order.activity_ids.note)
        with patch.object(
            line_class, "_kubernetes_create_apps", side_effect=UserError("No room.")
        ):
            self._retry()
        self.assertEqual(len(order.activity_ids), 1)
        self.assertIn("No room.", order.activity_ids.note)
        self.assertNotIn("ValueError", order.activity_ids.note)
        self.assertIn("No room.", self._attention(order).message)

    @mute_logger(LOGGER)
    def test_another_orders_apps_do_not_suffer(self):
        bad, good = self._order(), self._order((self.hosting, 1, "bakery"))
        for order in (bad, good):
            order.write({"state": "sale", "kubernetes_pending": True})
        line_class = type(self.env["sale.order.line"])
        create = line_class._kubernetes_create_apps

        def fail(line, unit):
            apps = create(line, unit)
            if line.order_id == bad:
                raise SerializationFailure("could not serialize access")
            return apps

        with patch.object(line_class, "_kubernetes_create_apps", fail):
            self._retry()
        self.assertEqual(len(good.kubernetes_app_ids), 2)
        self.assertFalse(bad.kubernetes_app_ids)
        self.assertTrue(bad.kubernetes_pending)
        self.assertFalse(bad.activity_ids, "Two at once is nobody's to-do")

    def test_two_at_once_makes_odoo_repeat_all_of_it(self):
        order = self._order()
        with (
            patch.object(
                type(self.env["sale.order.line"]),
                "_kubernetes_create_apps",
                side_effect=SerializationFailure("could not serialize access"),
            ),
            self.assertRaises(SerializationFailure),
            self.cr.savepoint(),
        ):
            self._transaction(order)._post_process()
        self.assertEqual(order.state, "draft")

    def test_two_at_once_is_nobodys_to_do_wherever_it_is_met(self):
        """Of each step that does not undo the order: Odoo repeats all of it."""
        for model, method in (
            ("sale.order", "_kubernetes_pricelist"),
            ("sale.order", "_kubernetes_open_subscription"),
            ("sale.order", "_kubernetes_payment_problem"),
            ("sale.order.line", "_kubernetes_create_apps"),
            ("mail.activity.mixin", "activity_feedback"),
        ):
            with self.subTest(method=method):
                order = self._order((self.hosting, 1, method.strip("_").split("_")[1]))
                order.pricelist_id = False
                with (
                    patch.object(
                        type(self.env[model]),
                        method,
                        side_effect=SerializationFailure("could not serialize access"),
                    ),
                    self.assertRaises(SerializationFailure),
                    self.cr.savepoint(),
                ):
                    self._transaction(order)._post_process()
                self.assertEqual(order.state, "draft")
                self.assertFalse(order.activity_ids)

    def test_the_mail_of_an_order_is_repeated_with_it(self):
        order = self._order()
        with (
            patch.object(
                SaleOrder,
                "_send_order_notification_mail",
                side_effect=SerializationFailure("could not serialize access"),
            ),
            self.assertRaises(SerializationFailure),
            self.cr.savepoint(),
        ):
            order._send_order_notification_mail(
                self.env.ref("sale.mail_template_sale_confirmation"),
                allow_deferred_sending=True,
            )
        self.assertFalse(order.pending_email_template_id)

    @mute_logger(ALERT_LOGGER)
    def test_a_to_do_that_cannot_be_made_undoes_no_app(self):
        order = self._order((self.hosting, 1, None))
        with patch.object(
            type(self.env["mail.activity"]), "create", side_effect=KeyError("x")
        ):
            self._transaction(order)._post_process()
        self.assertEqual(len(order.kubernetes_app_ids), 2)
        self.assertFalse(order.kubernetes_pending)

    @mute_logger(ALERT_LOGGER)
    def test_activity_types_that_somebody_deleted_undo_no_app(self):
        for name in ("activity_app_named", "activity_apps_failed"):
            self.env.ref(f"kubernetes_hosting_sale.{name}").unlink()
        order = self._order((self.hosting, 1, None))
        self._transaction(order)._post_process()
        self.assertEqual(len(order.kubernetes_app_ids), 2)

    @mute_logger("odoo.addons.payment.models.payment_transaction")
    def test_paid_and_not_confirmed_needs_attention(self):
        """Whatever keeps Odoo itself from confirming it."""
        order = self._order()
        transaction = self._transaction(order)
        with patch.object(
            type(order),
            "_prepare_confirmation_values",
            side_effect=UserError("Analytic distribution missing"),
        ):
            self._run_cron("payment.cron_post_process_payment_tx")
        self.assertEqual(order.state, "draft")
        self.assertFalse(self._attention(order), "Within moments is no matter")
        transaction.last_state_change = fields.Datetime.now() - timedelta(minutes=20)
        self.env.flush_all()
        row = self._attention(order)
        self.assertEqual(row.reason, "order_unconfirmed")
        self.assertEqual(row.message, transaction.reference)
        self.assertEqual(row.action_open()["res_id"], order.id)
        order.action_confirm()
        self.assertFalse(self._attention(order))
        self.assertEqual(len(order.kubernetes_app_ids), 2)

    def test_paid_in_part_needs_attention(self):
        order = self._order(require_payment=True, prepayment_percent=1.0)
        transaction = self._transaction(order, amount=5)
        transaction._post_process()
        transaction.last_state_change = fields.Datetime.now() - timedelta(minutes=20)
        self.env.flush_all()
        self.assertEqual(order.state, "draft")
        self.assertEqual(self._attention(order).reason, "order_unconfirmed")

    def test_a_refund_is_told(self):
        order = self._order()
        transaction = self._transaction(order)
        transaction._post_process()
        refund = self._transaction(
            order, operation="refund", amount=-order.amount_total
        )
        refund._post_process()
        self.assertIn("given back", order.activity_ids.note)
        self.assertIn(refund.reference, order.activity_ids.note)
        self.assertEqual(
            set(order.kubernetes_app_ids.mapped("wanted_state")), {"running"}
        )

    def test_the_refund_of_a_cancelled_order_is_the_end_of_it(self):
        order = self._order()
        order.action_cancel()
        self._transaction(order)
        refund = self._transaction(
            order, operation="refund", amount=-order.amount_total
        )
        refund._post_process()
        self.assertFalse(order.activity_ids)

    def test_a_credit_note_is_told(self):
        accounts = self.env["account.account"].create(
            [
                {"name": name, "code": code, "account_type": kind}
                for name, code, kind in (
                    ("Sales", "KSALE", "income"),
                    ("Customers", "KCUST", "asset_receivable"),
                )
            ]
        )
        self.customer.property_account_receivable_id = accounts[1]
        self.template.property_account_income_id = accounts[0]
        self.template.invoice_policy = "order"
        self.env["account.journal"].create(
            {"name": "Sales", "code": "KSAL", "type": "sale"}
        )
        order = self._order()
        order.action_confirm()
        invoice = order._create_invoices()
        invoice.action_post()
        self.assertFalse(order.activity_ids)
        credit = invoice._reverse_moves()
        self.assertFalse(order.activity_ids)
        credit.action_post()
        self.assertIn(credit.name, order.activity_ids.note)
        self.assertIn("given back", order.activity_ids.note)
