# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from contextlib import contextmanager
from datetime import date, datetime, timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import UserError, ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import HostingSaleCase

CLOSED_ON = date(2031, 3, 1)
LOGGER = "odoo.addons.kubernetes_hosting_sale.models.sale_subscription"


@tagged("post_install", "-at_install")
class TestSubscriptionEnd(HostingSaleCase):
    """Closing stops the apps at once and deletes them after the retention time; pausing
    stops them, resuming and reopening start them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        stages = cls.env["sale.subscription.stage"].search([])
        cls.stage = {stage.type: stage for stage in stages}
        cls.company = cls.env.company

    def setUp(self):
        super().setUp()
        self.order = self._order((self.hosting, 2, "shop, bakery"))
        self.order.action_confirm()
        self.apps = self.order.kubernetes_app_ids
        self._work()
        self.subscription = self.order.subscription_ids

    @contextmanager
    def _on(self, day):
        """As if it were noon of the day, for Odoo and for what it stores."""
        now = datetime.combine(day, datetime.min.time()) + timedelta(hours=12)
        with freeze_time(now), patch.object(self.env.cr, "_now", now):
            yield

    def _work(self, state="done"):
        """The worker does what waits, or fails at it."""
        jobs = self.apps.with_context(active_test=False).job_ids
        for job in jobs.filtered(lambda job: job.state == "pending").sorted("id"):
            job.state = "running"
            error = {"code": "apply_refused", "message": "No.", "hint": ""}
            job._finish(state, None if state == "done" else error)
        self.apps._update_state()

    def _pending(self):
        return sorted(job.kind for job in self.apps.job_ids if job.state == "pending")

    def _day(self, day):
        """The daily cron, and after it the mails."""
        with self._on(day):
            self._run_cron("kubernetes_hosting_sale.ir_cron_end")
            self._deliver()

    def _deliver(self, state="sent"):
        waiting = self._mails().filtered(lambda mail: mail.state == "outgoing")
        waiting.write({"state": state, "failure_reason": state != "sent" and "Bounced"})
        waiting.flush_recordset()

    def _mails(self):
        return self.env["mail.mail"].search(
            [
                ("model", "=", "sale.subscription"),
                ("res_id", "=", self.subscription.id),
            ],
            order="id",
        )

    def _close(self):
        with self._on(CLOSED_ON):
            self.subscription.close_subscription()
            self._deliver()

    # -- closing -----------------------------------------------------------------

    def test_closing_stops_at_once_announces_and_deletes_after_the_retention(self):
        self._close()
        self.assertEqual(self._pending(), ["stop"] * 4)
        self.assertEqual(set(self.apps.mapped("wanted_state")), {"stopped"})
        delete_on = date(2031, 3, 31)
        self.assertEqual(set(self.apps.mapped("delete_on")), {delete_on})
        self.assertEqual(self.subscription.kubernetes_delete_on, delete_on)
        mail = self._mails()
        self.assertEqual(mail.recipient_ids, self.customer)
        for app in self.apps:
            self.assertIn(app.hostname, mail.body_html)
        self.assertIn("03/31/2031", mail.body_html)
        self._work()

        self._day(date(2031, 3, 23))
        self.assertEqual(len(self._mails()), 1, "Not yet")
        self._day(date(2031, 3, 24))
        self.assertEqual(len(self._mails()), 2, "Seven days before")
        self.assertIn("deleted soon", self._mails()[-1].subject)
        self._day(date(2031, 3, 25))
        self._day(date(2031, 3, 30))
        self.assertEqual(len(self._mails()), 2)
        self.assertFalse(self._pending(), "Not before its day")

        self._day(date(2031, 3, 31))
        self.assertEqual(self._pending(), ["delete"] * 4)
        jobs = self.apps.job_ids.filtered(lambda job: job.kind == "delete")
        self.assertEqual([job.options["keep_volumes"] for job in jobs], [False] * 4)
        for app in self.apps:
            self.assertEqual(app._parts()[0].code, "app", "as any removal")
            self.assertEqual(app.installation_state, "open")
        self._day(date(2031, 4, 1))
        self.assertEqual(self._pending(), ["delete"] * 4)

    def test_every_way_to_close(self):
        wizard = self.env["close.reason.wizard"].create({})
        ways = {
            "kanban card": lambda: self.subscription.write(
                {"stage_id": self.stage["post"].id}
            ),
            "wizard": lambda: wizard.with_context(
                active_id=self.subscription.id
            ).button_confirm(),
            "the cron at the end date": lambda: (
                self.subscription.write(
                    {
                        "recurring_rule_boundary": False,
                        "date": date(2020, 1, 1),
                        "recurring_next_date": date(2040, 1, 1),
                    }
                ),
                self.env["sale.subscription"].cron_subscription_management(),
            ),
        }
        for name, close in ways.items():
            with self.subTest(way=name):
                close()
                self.assertEqual(self.subscription.stage_type, "post")
                self.assertEqual(set(self.apps.mapped("wanted_state")), {"stopped"})
                self.assertTrue(all(self.apps.mapped("delete_on")))
                self._work()
                self.subscription.action_start_subscription()
                self.assertEqual(self._pending(), ["start"] * 4)
                self._work()

    def test_closing_twice_is_closing_once(self):
        self._close()
        with self._on(CLOSED_ON + timedelta(days=5)):
            self.subscription.close_subscription()
            self.subscription.stage_id = self.stage["post"]
        self.assertEqual(set(self.apps.mapped("delete_on")), {date(2031, 3, 31)})
        self.assertEqual(len(self._mails()), 1)
        self.assertEqual(self._pending(), ["stop"] * 4)

    def test_the_customer_reads_their_language(self):
        self.env["res.lang"]._activate_lang("de_DE")
        self.env["ir.module.module"]._load_module_terms(
            ["kubernetes_hosting_sale"], ["de_DE"]
        )
        self.customer.lang = "de_DE"
        self._close()
        self.assertIn("Ihr Abonnement", self._mails().subject)
        self.assertIn("Löschung am 31.03.2031", self._mails().body_html)

    def test_the_time_is_a_setting(self):
        settings = self.env["res.config.settings"].create(
            {"kubernetes_retention_days": 3, "kubernetes_announce_days": 2}
        )
        settings.execute()
        self._close()
        self.assertEqual(set(self.apps.mapped("delete_on")), {date(2031, 3, 4)})
        with self.assertRaisesRegex(ValidationError, "at least one day"):
            self.company.kubernetes_announce_days = 0

    def test_one_mail_is_enough_where_both_would_be_on_one_day(self):
        self.company.write(
            {"kubernetes_retention_days": 2, "kubernetes_announce_days": 9}
        )
        self._close()
        self._work()
        self._day(CLOSED_ON)
        self._day(date(2031, 3, 2))
        self.assertEqual(len(self._mails()), 1)
        self._day(date(2031, 3, 3))
        self.assertEqual(self._pending(), ["delete"] * 4)

    # -- reopening ---------------------------------------------------------------

    def test_reopening_within_the_time_starts_again_and_deletes_nothing(self):
        self._close()
        self._work()
        with self._on(date(2031, 3, 20)):
            self.subscription.stage_id = self.stage["in_progress"]
        self.assertEqual(self._pending(), ["start"] * 4)
        self.assertEqual(set(self.apps.mapped("wanted_state")), {"running"})
        self.assertFalse(any(self.apps.mapped("delete_on")))
        self._work()
        self._day(date(2031, 4, 5))
        self.assertFalse(self._pending())
        self.assertEqual(len(self._mails()), 1)

    def test_reopening_before_the_worker_stopped_anything(self):
        self._close()
        self.subscription.action_start_subscription()
        self.assertEqual(self._pending(), ["start"] * 4)

    def test_reopening_starts_only_what_closing_stopped(self):
        integration = self.apps.filtered(
            lambda app: app.environment_id == self.int and app.unit_no == 1
        )
        integration._enqueue("stop")
        self._work()
        self._close()
        self._work()
        self.subscription.action_start_subscription()
        self.assertEqual(self._pending(), ["start"] * 3)
        self.assertEqual(integration.wanted_state, "stopped")

    def test_moved_back_to_draft_the_apps_stay_stopped_and_are_kept(self):
        self._close()
        self._work()
        self.subscription.stage_id = self.stage["draft"]
        self.assertFalse(self._pending())
        self.assertFalse(any(self.apps.mapped("delete_on")))
        self.subscription.action_start_subscription()
        self.assertEqual(self._pending(), ["start"] * 4)

    # -- pausing -----------------------------------------------------------------

    def test_pausing_stops_and_resuming_starts(self):
        self.subscription.action_pause()
        self.assertEqual(self._pending(), ["stop"] * 4)
        self.assertFalse(any(self.apps.mapped("delete_on")))
        self.assertFalse(self._mails())
        self._work()
        self.subscription.action_resume()
        self.assertEqual(self._pending(), ["start"] * 4)

    def test_resumed_by_the_cron(self):
        with self._on(date(2031, 5, 1)):
            self.subscription.action_pause(paused_until=date(2031, 5, 10))
            self._work()
            self.env["sale.subscription"]._cron_resume_due_subscriptions()
            self.assertFalse(self._pending())
        with self._on(date(2031, 5, 10)):
            self.env["sale.subscription"]._cron_resume_due_subscriptions()
        self.assertEqual(self._pending(), ["start"] * 4)

    def test_closed_while_paused(self):
        self.subscription.action_pause()
        self._work()
        self._close()
        self.assertFalse(self._pending(), "They are stopped already")
        self.assertEqual(set(self.apps.mapped("delete_on")), {date(2031, 3, 31)})
        self.subscription.action_start_subscription()
        self.assertFalse(self._pending(), "Still paused")
        self.assertFalse(any(self.apps.mapped("delete_on")))
        self.subscription.action_resume()
        self.assertEqual(self._pending(), ["start"] * 4)

    # -- nothing is deleted unannounced ------------------------------------------

    @mute_logger(LOGGER)
    def test_nothing_is_deleted_when_no_mail_could_be_created(self):
        with (
            self._on(CLOSED_ON),
            patch.object(
                type(self.env["mail.template"]), "send_mail", side_effect=KeyError("x")
            ),
        ):
            self.subscription.close_subscription()
        self.assertEqual(self.subscription.stage_type, "post")
        self.assertEqual(self._pending(), ["stop"] * 4, "They stop all the same")
        self.assertIn("could not be told", self.subscription.activity_ids.note)
        self._work()
        with patch.object(
            type(self.env["mail.template"]), "send_mail", side_effect=KeyError("x")
        ):
            for day in (5, 24, 31):
                self._day(date(2031, 3, day))
            self._day(date(2031, 4, 30))
        self.assertFalse(self._pending())
        self.assertEqual(len(self.subscription.activity_ids), 1)
        # The mail server works again: the customer has the full time from now on.
        self._day(date(2031, 5, 1))
        self.assertEqual(set(self.apps.mapped("delete_on")), {date(2031, 5, 8)})
        self.assertIn("05/08/2031", self._mails()[-1].body_html)
        self._day(date(2031, 5, 7))
        self.assertFalse(self._pending())
        self._day(date(2031, 5, 8))
        self.assertEqual(self._pending(), ["delete"] * 4)
        self.assertFalse(self.subscription.activity_ids)

    def test_nothing_is_deleted_when_the_mail_bounced(self):
        self._close()
        self._work()
        with self._on(date(2031, 3, 24)):
            self._run_cron("kubernetes_hosting_sale.ir_cron_end")
            self._deliver("exception")
        self._day(date(2031, 3, 31))
        self.assertFalse(self._pending())
        self.assertIn("Bounced", self.subscription.activity_ids.note)
        self.assertEqual(set(self.apps.mapped("delete_on")), {date(2031, 4, 7)})
        self._day(date(2031, 4, 7))
        self.assertEqual(self._pending(), ["delete"] * 4)

    def test_nothing_is_deleted_while_the_mail_waits_or_was_sent_late(self):
        self._close()
        self._work()
        with self._on(date(2031, 3, 24)):
            self._run_cron("kubernetes_hosting_sale.ir_cron_end")
        with self._on(date(2031, 3, 31)):
            self._run_cron("kubernetes_hosting_sale.ir_cron_end")
            self.assertIn("waiting to be sent", self.subscription.activity_ids.note)
            self._deliver()  # a week late
        self._day(date(2031, 4, 6))
        self.assertFalse(self._pending())
        self._day(date(2031, 4, 7))
        self.assertEqual(self._pending(), ["delete"] * 4)

    def test_nothing_is_deleted_of_a_customer_without_an_address(self):
        self.customer.email = False
        self._close()
        self._work()
        self.assertIn("no mail address", self.subscription.activity_ids.note)
        attention = self.env["kubernetes.attention"].search(
            [("app_id", "in", self.apps.ids)]
        )
        self.assertEqual(attention.mapped("reason"), ["deletion_not_announced"] * 4)
        for month in (4, 5, 6):
            self._day(date(2031, month, 1))
        self.assertFalse(self._pending())

    def test_nothing_is_deleted_while_the_subscription_runs(self):
        """However a date came to stay: a stage that became another type."""
        self._close()
        self._work()
        self.stage["post"].type = "pre"
        self._day(date(2031, 3, 24))
        self._day(date(2031, 3, 31))
        self.assertFalse(self._pending())
        self.assertFalse(any(self.apps.mapped("delete_on")))

    def test_an_app_started_by_hand_is_not_deleted(self):
        self._close()
        self._work()
        self._day(date(2031, 3, 24))
        app = self.apps[0]
        app._enqueue("start")
        self._work()
        with mute_logger(LOGGER):
            self._day(date(2031, 3, 31))
        self.assertEqual(self._pending(), ["delete"] * 3)
        self.assertIn("runs again", app.activity_ids.note)

    def test_an_operator_keeps_an_app(self):
        operator = new_test_user(
            self.env, "keeper", "kubernetes_hosting.group_kubernetes_operator"
        )
        self._close()
        self._work()
        self.apps[0].with_user(operator).action_keep()
        self._day(date(2031, 3, 24))
        self.assertNotIn(self.apps[0].hostname + "<", self._mails()[-1].body_html)
        self._day(date(2031, 3, 31))
        self.assertEqual(self._pending(), ["delete"] * 3)

    # -- what goes wrong stays visible -------------------------------------------

    def test_an_app_whose_job_fails_stays_visible(self):
        self._close()
        self._work("failed")
        self.assertEqual(set(self.apps.mapped("state")), {"failed"})
        self.assertTrue(all(self.apps.mapped("active")))
        self._day(date(2031, 3, 24))
        self._day(date(2031, 3, 31))
        self._work("failed")
        self.assertEqual(set(self.apps.mapped("state")), {"failed"})
        self.assertTrue(all(self.apps.mapped("active")))
        self._day(date(2031, 4, 1))
        self.assertFalse(self._pending(), "An operator decides")

    @mute_logger(LOGGER)
    def test_an_app_that_cannot_follow_keeps_no_subscription_open(self):
        enqueue = type(self.apps)._enqueue
        broken = self.apps[0]

        def fail_for_one(app, kind, *args, **kwargs):
            if app == broken:
                raise KeyError("broken")
            return enqueue(app, kind, *args, **kwargs)

        with patch.object(type(self.apps), "_enqueue", fail_for_one):
            self._close()
        self.assertEqual(self.subscription.stage_type, "post")
        self.assertEqual(self._pending(), ["stop"] * 3)
        self.assertIn("could not follow", broken.activity_ids.note)

    def test_a_seller_without_rights_on_apps_closes(self):
        seller = new_test_user(
            self.env, "closer", "sales_team.group_sale_manager", lang="en_US"
        )
        self.subscription.with_user(seller).close_subscription()
        self.assertEqual(self._pending(), ["stop"] * 4)
        self.assertIn(seller.partner_id, self.apps.message_ids.author_id)

    # -- several -----------------------------------------------------------------

    def test_one_order_with_two_subscriptions(self):
        yearly = self.plan.copy({"name": "Yearly", "recurring_rule_type": "years"})
        blog = self._hosting_product("Blog", subscription_template_id=yearly.id)
        order = self._order((self.hosting, 1, "one"), (blog, 1, "two"))
        order.action_confirm()
        first, second = order.subscription_ids.sorted("id")
        first.close_subscription()
        for app in order.kubernetes_app_ids:
            stopped = app.subscription_id == first
            self.assertEqual(app.wanted_state, "stopped" if stopped else "running")
            self.assertEqual(bool(app.delete_on), stopped)
        self.assertEqual(second.stage_type, "in_progress")

    # -- archived, deleted -------------------------------------------------------

    def test_a_subscription_with_apps_is_not_archived_before_it_is_closed(self):
        with self.assertRaisesRegex(UserError, "Close it first"):
            self.subscription.action_archive()
        self._close()
        self._work()
        self.subscription.action_archive()
        self._day(date(2031, 3, 24))
        self._day(date(2031, 3, 31))
        self.assertEqual(self._pending(), ["delete"] * 4, "All goes its way")

    def test_a_subscription_with_apps_is_not_deleted(self):
        with self.assertRaisesRegex(UserError, "has apps"):
            self.subscription.unlink()
        self.apps.write({"wanted_state": "deleted"})
        self.subscription.unlink()

    def test_subscriptions_without_apps_are_left_alone(self):
        other = self.subscription.copy({"sale_subscription_line_ids": False})
        other.action_start_subscription()
        other.close_subscription()
        other.action_archive()
        other.unlink()
        self.assertEqual(set(self.apps.mapped("wanted_state")), {"running"})

    # -- smart buttons -----------------------------------------------------------

    def test_customer_order_and_subscription_lead_to_the_apps_and_back(self):
        app = self.apps[0]
        for record, action in (
            (self.customer, app.action_view_partner()),
            (self.order, app.action_view_sale_order()),
            (self.subscription, app.action_view_subscription()),
        ):
            self.assertEqual(action["res_model"], record._name)
            self.assertEqual(action["res_id"], record.id)
            self.assertEqual(record.kubernetes_app_count, 4)
            action = record.action_view_kubernetes_apps()
            found = self.env["kubernetes.app"].search(action["domain"])
            self.assertEqual(found, self.apps.sorted("id", reverse=True))
