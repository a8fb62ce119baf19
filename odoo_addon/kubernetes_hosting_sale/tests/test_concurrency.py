# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import threading
from unittest.mock import patch

from psycopg2.errors import SerializationFailure, UniqueViolation

from odoo import SUPERUSER_ID, api
from odoo.fields import Command
from odoo.modules.registry import DummyRLock, Registry
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import mute_logger


@tagged("post_install", "-at_install")
class TestConcurrency(BaseCase):
    """Two at the same moment, on two connections and committed data."""

    def setUp(self):
        super().setUp()
        self.registry = Registry(get_db_name())
        # Whoever runs tests holds the registry's lock; threads here need it too.
        self.startPatcher(patch.object(Registry, "_lock", DummyRLock()))
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            cluster = env["kubernetes.cluster"].create(
                {"name": "race", "domain": "race.example"}
            )
            manifest = env["kubernetes.manifest"].create(
                {"name": "Race", "url": "https://catalog.example/race.yml"}
            )
            product = env["product.product"].create(
                {
                    "name": "Race Hosting",
                    "type": "service",
                    "list_price": 20,
                    "taxes_id": [Command.clear()],
                    "kubernetes_hosting": True,
                    "kubernetes_cluster_id": cluster.id,
                    "kubernetes_environment_ids": [
                        Command.set(
                            env["kubernetes.environment"]
                            .search([("code", "in", ("prod", "int"))])
                            .ids
                        )
                    ],
                    "kubernetes_manifest_ids": [
                        Command.create({"manifest_id": manifest.id})
                    ],
                }
            )
            partner = env["res.partner"].create({"name": "Racer"})
            orders = env["sale.order"].create(
                [
                    {
                        "partner_id": partner.id,
                        "order_line": [Command.create({"product_id": product.id})],
                    }
                    for _number in range(2)
                ]
            )
            self.order_ids = orders.ids
            self.made = [
                ("sale.order", orders.ids),
                ("product.template", product.product_tmpl_id.ids),
                ("kubernetes.manifest", manifest.ids),
                ("kubernetes.cluster", cluster.ids),
                ("res.partner", partner.ids),
            ]
        self.addCleanup(self._clean_up)

    def _clean_up(self):
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {"active_test": False})
            orders = env["sale.order"].browse(self.order_ids)
            apps = orders.kubernetes_app_ids
            namespaces = apps.namespace_id
            apps.job_ids.unlink()
            apps.unlink()
            namespaces.exists().unlink()
            orders.filtered(lambda order: order.state == "sale").write(
                {"locked": False, "state": "cancel"}
            )
            for model, ids in self.made:
                env[model].browse(ids).unlink()

    def _order(self, cr, number):
        env = api.Environment(cr, SUPERUSER_ID, {})
        return env["sale.order"].browse(self.order_ids[number])

    def _choose(self, cr, number, name):
        order = self._order(cr, number)
        problems = order._kubernetes_set_names({(order.order_line, 1): name})
        return list(problems.values())

    def _in_thread(self, target):
        thread = threading.Thread(target=target, daemon=True)
        thread.dbname = get_db_name()
        thread.start()
        self.addCleanup(thread.join)
        return thread

    def _wait_until_blocked(self, cr, pid, thread):
        """Until the database says that ``pid`` waits for somebody's lock."""
        while thread.is_alive():
            cr.execute("SELECT cardinality(pg_blocking_pids(%s))", [pid])
            if cr.fetchone()[0]:
                return
        self.fail("Nobody waits: the two do not meet")

    def test_two_customers_want_one_name_the_index_decides(self):
        """The first to write has it, the other gets a sentence and no error."""
        answers = []
        with (
            self.registry.cursor() as first,
            self.registry.cursor() as second,
            self.registry.cursor() as watcher,
        ):
            second.execute("SELECT pg_backend_pid()")
            pid = second.fetchone()[0]
            self.assertEqual(self._choose(first, 0, "shop"), [])

            def loser():
                answers.extend(self._choose(second, 1, "shop"))
                second.commit()

            thread = self._in_thread(loser)
            self._wait_until_blocked(watcher, pid, thread)
            first.commit()
            thread.join()
        self.assertEqual(
            answers, ["The name “shop” is already taken. Please choose another one."]
        )
        with self.registry.cursor() as cr:
            orders = self._order(cr, 0), self._order(cr, 1)
            self.assertEqual(
                [order.order_line.kubernetes_app_names or "" for order in orders],
                ["shop", ""],
            )

    def test_the_winner_changes_their_mind_and_the_other_gets_the_name(self):
        answers = []
        with (
            self.registry.cursor() as first,
            self.registry.cursor() as second,
            self.registry.cursor() as watcher,
        ):
            second.execute("SELECT pg_backend_pid()")
            pid = second.fetchone()[0]
            self.assertEqual(self._choose(first, 0, "shop"), [])

            def other():
                answers.append(self._choose(second, 1, "shop"))
                second.commit()

            thread = self._in_thread(other)
            self._wait_until_blocked(watcher, pid, thread)
            first.rollback()
            thread.join()
        self.assertEqual(answers, [[]])

    @mute_logger("odoo.sql_db")
    def test_the_same_form_sent_twice_at_once_is_repeated_by_odoo(self):
        """The second fails in a way that makes Odoo run it again, after the first."""
        with self.registry.cursor() as first, self.registry.cursor() as second:
            second.execute("SELECT 1")  # its snapshot is from before the first
            self.assertEqual(self._choose(first, 0, "shop"), [])
            first.commit()
            with self.assertRaises(SerializationFailure):
                self._choose(second, 0, "bakery")
            second.rollback()
            self.assertEqual(self._choose(second, 0, "bakery"), [])
            second.commit()
        with self.registry.cursor() as cr:
            line = self._order(cr, 0).order_line
            self.assertEqual(line.kubernetes_app_names, "bakery")
            self.assertEqual(
                line.kubernetes_reservation_ids.hostname_ids.mapped("app_name"),
                ["bakery", "bakery"],
            )

    @mute_logger("odoo.sql_db")
    def test_two_confirmations_at_once_make_one_set(self):
        """Browser and webhook: the slower fails, is repeated, and finds it done."""
        with self.registry.cursor() as cr:
            self.assertEqual(self._choose(cr, 0, "shop"), [])
        with self.registry.cursor() as first, self.registry.cursor() as second:
            slow = self._order(second, 0)
            self.assertEqual(slow.state, "draft")
            self._order(first, 0).action_confirm()
            first.commit()
            with self.assertRaises(SerializationFailure):
                slow.action_confirm()
            second.rollback()
        with self.registry.cursor() as cr:
            self.assertEqual(len(self._order(cr, 0).kubernetes_app_ids), 2)

    @mute_logger("odoo.sql_db")
    def test_two_that_create_the_apps_at_once_make_one_set(self):
        """The cron and an operator's button: the database refuses the second set."""
        with self.registry.cursor() as cr:
            self.assertEqual(self._choose(cr, 0, "shop"), [])
            order = self._order(cr, 0)
            order.write({"state": "sale", "kubernetes_pending": True})
        with self.registry.cursor() as first, self.registry.cursor() as second:
            slow = self._order(second, 0)
            line = slow.order_line
            self.assertEqual(line._kubernetes_missing_units(), [1])
            self._order(first, 0).order_line._kubernetes_create_apps(1)
            first.commit()
            with self.assertRaises((SerializationFailure, UniqueViolation)):
                line._kubernetes_create_apps(1)
            second.rollback()
        with self.registry.cursor() as cr:
            order = self._order(cr, 0)
            order._kubernetes_fulfil()
            self.assertEqual(len(order.kubernetes_app_ids), 2)
            self.assertFalse(order.kubernetes_pending)

    def _payments(self, cr, *references):
        """Payments of the first order that the provider has not confirmed yet."""
        order = self._order(cr, 0)
        method = order.env.ref("payment.payment_method_unknown")
        provider = order.env["payment.provider"].create(
            {"name": "Race", "code": "none", "state": "test"}
        )
        payments = order.env["payment.transaction"].create(
            [
                {
                    "provider_id": provider.id,
                    "payment_method_id": method.id,
                    "reference": reference,
                    "amount": order.amount_total,
                    "currency_id": order.currency_id.id,
                    "partner_id": order.partner_id.id,
                    "sale_order_ids": [Command.set(order.ids)],
                    "operation": "online_redirect",
                }
                for reference in references
            ]
        )
        self.made[:0] = [
            ("payment.transaction", payments.ids),
            ("payment.provider", provider.ids),
        ]
        self.startPatcher(
            patch.object(self.registry["payment.transaction"], "_create_payment")
        )
        return payments.ids

    def _confirm_payment(self, cr, payment_id):
        """A webhook, and what it triggers."""
        env = api.Environment(cr, SUPERUSER_ID, {})
        payment = env["payment.transaction"].browse(payment_id)
        payment._set_done()
        payment._post_process()
        cr.flush()

    @mute_logger("odoo.sql_db", "odoo.addons.payment.models.payment_transaction")
    def test_the_same_webhook_twice_at_the_same_moment(self):
        """The second fails, is repeated by Odoo, and finds it done."""
        with self.registry.cursor() as cr:
            self.assertEqual(self._choose(cr, 0, "shop"), [])
            payment = self._payments(cr, "race-1")[0]
        with self.registry.cursor() as first, self.registry.cursor() as second:
            second.execute("SELECT 1")  # its snapshot is from before the first
            self._confirm_payment(first, payment)
            first.commit()
            with self.assertRaises(SerializationFailure):
                self._confirm_payment(second, payment)
            second.rollback()
            self._confirm_payment(second, payment)
            second.commit()
        with self.registry.cursor() as cr:
            order = self._order(cr, 0)
            self.assertEqual(order.state, "sale")
            self.assertEqual(len(order.kubernetes_app_ids), 2)
            self.assertFalse(order.activity_ids)

    @mute_logger("odoo.sql_db")
    def test_two_payments_of_an_order_at_the_same_moment(self):
        """One set of apps, and a to-do about the second payment."""
        with self.registry.cursor() as cr:
            self.assertEqual(self._choose(cr, 0, "shop"), [])
            one, other = self._payments(cr, "race-2", "race-3")
        with self.registry.cursor() as first, self.registry.cursor() as second:
            second.execute("SELECT 1")
            self._confirm_payment(first, one)
            first.commit()
            with self.assertRaises(SerializationFailure):
                self._confirm_payment(second, other)
            second.rollback()
            self._confirm_payment(second, other)
            second.commit()
        with self.registry.cursor() as cr:
            order = self._order(cr, 0)
            self.assertEqual(len(order.kubernetes_app_ids), 2)
            self.assertEqual(
                order.activity_ids.activity_type_id.mapped("name"),
                ["Payment to settle"],
            )
