# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, tagged
from odoo.tools import format_datetime, mute_logger

from .common import KubernetesCase, KubernetesTransactionCase

ERROR = {"code": "apply_refused", "message": "It broke.", "hint": "Mend it."}


class TestAttention(KubernetesTransactionCase):
    """An operator's first look: what needs attention, and nothing else."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.now = fields.Datetime.now()
        cls.worker = cls.create_worker("w")
        cls.worker.write({"last_seen": cls.now, "state": "online"})
        cls.cluster.write({"state": "reachable", "last_seen": cls.now})
        cls.operator = cls.create_user("operator")
        cls.app = cls.create_app()

    def ago(self, **time):
        return self.now - timedelta(**time)

    def rows(self, user=None):
        rows = self.env["kubernetes.attention"].with_user(user or self.operator)
        return rows.search(
            [
                "|",
                "|",
                ("app_id", "=", self.app.id),
                ("cluster_id", "=", self.cluster.id),
                ("worker_id", "=", self.worker.id),
            ]
        )

    def reasons(self, user=None):
        return self.rows(user).mapped("reason")

    def fail(self, kind):
        job = self.app._enqueue(kind)
        job._finish("failed", ERROR)
        return job

    def test_nothing_needs_attention_where_all_is_well(self):
        self.app.write({"state": "running", "ingress_state": "ready"})
        self.assertFalse(self.reasons())

    def test_a_failed_app_with_its_job_until_it_recovers(self):
        job = self.fail("deploy")
        row = self.rows()
        self.assertEqual(row.reason, "app_failed")
        self.assertEqual(row.name, "shop (prod)")
        self.assertIn("It broke.", row.message)
        self.assertEqual(row.job_id, job)
        self.assertEqual(row.partner_id, self.customer)
        self.assertEqual(row.severity, "1")
        self.assertTrue(row.since)
        self.assertEqual(row.action_open()["res_model"], "kubernetes.app")
        self.assertEqual(row.action_open()["res_id"], self.app.id)
        self.app._enqueue("deploy")
        self.assertFalse(self.reasons())

    def test_an_app_that_is_not_ready(self):
        self.app.write({"state": "degraded", "state_message": "web: 0 of 1"})
        self.assertEqual(self.reasons(), ["app_degraded"])
        self.app.state = "running"
        self.assertFalse(self.reasons())

    def test_a_failed_job_until_one_of_its_kind_goes_well(self):
        self.app.state = "running"
        job = self.fail("refresh")
        row = self.rows()
        self.assertEqual(row.reason, "job_failed")
        self.assertEqual(row.action_open()["res_model"], "kubernetes.job")
        self.assertEqual(row.action_open()["res_id"], job.id)
        later = self.app._enqueue("refresh")
        self.assertFalse(self.reasons())
        later._cancel()
        self.assertEqual(self.reasons(), ["job_failed"])

    def test_a_failed_look_at_the_cluster_until_a_later_job_has_been_there(self):
        self.app.state = "running"
        self.fail("refresh")
        self.assertEqual(self.reasons(), ["job_failed"])
        later = self.app._enqueue("deploy")
        later._finish("done")
        self.assertNotIn("job_failed", self.reasons())

    def test_a_failed_preview_or_comparison_is_no_attention(self):
        self.app.state = "running"
        self.fail("diff")
        self.assertFalse(self.reasons())

    def test_an_ingress_without_address_after_five_minutes(self):
        self.app.write({"state": "running", "ingress_state": "no_address"})
        self.assertFalse(self.reasons())
        self.app.ingress_since = self.ago(minutes=6)
        self.assertEqual(self.reasons(), ["ingress_no_address"])
        self.app.ingress_state = "ready"
        self.assertFalse(self.reasons())
        self.app.ingress_state = "no_address"
        self.assertFalse(self.reasons(), "the five minutes begin anew")

    def test_a_worker_that_is_not_seen(self):
        self.worker.last_seen = self.ago(minutes=3)
        row = self.rows()
        self.assertEqual(row.reason, "worker_unseen")
        self.assertEqual(row.action_open()["res_id"], self.worker.id)
        self.worker.active = False
        self.assertEqual(self.reasons(), ["cluster_unserved"])
        self.app.active = False
        self.assertFalse(self.reasons())

    def test_a_worker_that_is_refused(self):
        self.worker.write({"state": "refused", "outdated": "worker", "version": "0.1"})
        row = self.rows()
        self.assertEqual((row.reason, row.message), ("worker_refused", "0.1"))
        self.worker.active = False
        self.assertNotIn("worker_refused", self.reasons())

    def test_a_worker_that_never_came_after_it_got_its_key(self):
        self.worker.write({"last_seen": False, "state": "new"})
        self.assertFalse(self.reasons())
        self.worker.key_created_at = self.ago(minutes=5)
        self.assertFalse(self.reasons())
        self.worker.key_created_at = self.ago(minutes=11)
        self.assertEqual(self.reasons(), ["worker_unseen"])

    def test_a_cluster_that_is_not_reached(self):
        self.cluster.write({"state": "unreachable", "message": "refused"})
        row = self.rows()
        self.assertEqual((row.reason, row.message), ("cluster_unreachable", "refused"))
        self.assertEqual(row.action_open()["res_model"], "kubernetes.cluster")
        # Not announced by any worker: only where something runs there.
        self.assertNotIn("worker", row.hint)
        self.cluster.state = "unknown"
        row.invalidate_recordset()
        self.assertEqual(self.reasons(), ["cluster_unreachable"])
        self.assertIn("No worker that serves the cluster unit is online", row.hint)
        self.app.active = False
        self.assertFalse(self.reasons())

    def test_an_invitation_that_failed(self):
        self.app.write({"state": "running", "invitation_state": "failed"})
        self.assertEqual(self.reasons(), ["invitation_failed"])

    # -- cause before symptom ----------------------------------------------------

    def test_a_cause_comes_first_and_its_symptoms_fold_under_it(self):
        self.cluster.write(
            {"state": "unreachable", "last_reached": self.ago(minutes=20)}
        )
        apps = self.app + self.create_app("wiki") + self.create_app("forum")
        apps.write({"state": "degraded"})
        apps.state_since = self.ago(minutes=10)
        # This one was failed before.
        apps[2].state_since = self.ago(minutes=90)
        rows = self.rows() | self.env["kubernetes.attention"].search(
            [("app_id", "in", apps.ids)]
        )
        rows = rows.search([("id", "in", rows.ids)])
        cause = rows[0]
        self.assertEqual(cause.reason, "cluster_unreachable")
        self.assertTrue(cause.is_cause)
        self.assertEqual(cause.symptom_count, 2)
        self.assertIn("Apps affected: 2", cause.details)
        folded = rows.filtered("cause_id")
        self.assertEqual(folded.app_id, apps[:2])
        self.assertEqual(folded.cause_id, cause)
        action = cause.action_view_symptoms()
        self.assertEqual(rows.search(action["domain"]), folded)
        shown = self.env["kubernetes.attention"].search(
            [("cause_id", "=", False), ("id", "in", rows.ids)]
        )
        self.assertEqual(
            shown.mapped("reason"), ["cluster_unreachable", "app_degraded"]
        )

    def test_a_worker_that_is_away_comes_before_apps_that_are_down(self):
        self.app.state = "degraded"
        self.worker.last_seen = self.ago(minutes=3)
        self.assertEqual(self.reasons(), ["worker_unseen", "app_degraded"])

    def test_an_expired_key_is_the_cause_of_a_worker_that_is_away(self):
        """The worker was there until its key ended: only the key is to be mended."""
        self.app.state = "degraded"
        self.worker._create_key()
        key = self.worker.key_ids
        key.sudo().expires_at = self.ago(minutes=10)
        self.worker.last_seen = self.ago(minutes=11)
        cause, symptom, app = (
            self.rows()
            .sorted("id")
            .sorted(
                lambda row: ("key_expired", "worker_unseen", "app_degraded").index(
                    row.reason
                )
            )
        )
        self.assertTrue(cause.is_cause)
        self.assertEqual(cause.since, key.expires_at)
        self.assertEqual(symptom.cause_id, cause)
        self.assertFalse(app.cause_id)
        self.assertEqual(self.reasons()[0], "key_expired")
        # Whoever was away before has another reason, too.
        self.worker.last_seen = self.ago(minutes=13)
        self.env.invalidate_all()
        unseen = self.rows().filtered(lambda row: row.reason == "worker_unseen")
        self.assertFalse(unseen.cause_id)

    def test_a_key_that_expires_soon_says_since_when_it_is_told(self):
        self.app.state = "running"
        self.worker._create_key()
        key = self.worker.key_ids
        key.sudo().expires_at = self.ago(days=-20)
        row = self.rows()
        self.assertEqual(row.reason, "key_expiring")
        self.assertFalse(row.is_cause)
        # It was made just now, with less than thirty days to go.
        self.assertEqual(row.since, key.create_date)
        self.env.cr.execute(
            "UPDATE kubernetes_worker_key SET create_date = %s WHERE id = %s",
            [self.ago(days=300), key.id],
        )
        self.env.invalidate_all()
        self.assertEqual(self.rows().since, self.ago(days=10))

    def test_the_help_speaks_of_what_is_installed(self):
        """Mail domains are an addon of its own."""
        action = self.env.ref("kubernetes_hosting.kubernetes_attention_action")
        self.assertNotIn("mail domain", action.help)

    def test_a_cluster_says_which_new_apps_wait_for_it_and_since_when(self):
        self.cluster.write({"state": "unreachable", "message": "refused"})
        self.app.state_since = self.ago(minutes=50)
        row = self.rows()
        self.assertIn("shop (prod)", row.hint)
        since = format_datetime(self.env, self.app.state_since, dt_format="short")
        self.assertIn(since, row.hint)
        self.assertEqual(row.details, f"refused\n{row.hint}")
        self.app.state = "running"
        row.invalidate_recordset()
        self.assertFalse(row.hint)

    # -- what is stuck -----------------------------------------------------------

    def waiting(self, kind="refresh", **values):
        self.app.state = "running"
        job = self.app._enqueue(kind)
        job.write({"run_at": self.ago(minutes=11), **values})
        return job

    def hint(self):
        self.env.invalidate_all()
        return self.rows().hint

    def test_a_job_that_waits_and_why(self):
        self.worker.announced_cluster_ids = self.cluster
        job = self.waiting()
        row = self.rows()
        self.assertEqual((row.reason, row.job_id), ("job_waits", job))
        self.assertEqual(row.action_open()["res_id"], job.id)
        self.assertIn("work on 0 other jobs", row.hint)
        self.worker.announced_cluster_ids = False
        self.assertIn("w is online, but the cluster unit is not in", self.hint())
        self.worker.state = "offline"
        self.assertIn("No worker that serves the cluster unit is online", self.hint())
        job.run_at = self.ago(minutes=9)
        self.assertFalse(self.reasons())

    def test_what_waits_for_another_job_of_its_app_is_not_told(self):
        self.waiting()
        other = self.app._enqueue("password")
        other.write({"state": "running", "started_at": self.now})
        self.assertFalse(self.reasons())

    def test_a_job_near_its_last_attempt(self):
        job = self.app._enqueue("delete")
        job.write({"attempt": 4, "started_at": self.now})
        self.assertFalse(self.reasons())
        job.write({"attempt": 5, "error_message": "Still in the cluster"})
        row = self.rows()
        self.assertEqual(row.reason, "job_failing")
        self.assertEqual(row.message, "Still in the cluster")
        self.assertEqual(row.hint, "Delete: attempt 5 of 8")
        # Told once, however long it takes.
        self.app.state_since = self.ago(minutes=31)
        job.run_at = self.ago(minutes=11)
        self.assertEqual(self.reasons(), ["job_failing"])

    def test_an_app_that_is_at_work_for_too_long(self):
        job = self.app._enqueue("deploy")
        job.write({"state": "running", "attempt": 1, "started_at": self.now})
        self.assertFalse(self.reasons())
        self.app.state_since = self.ago(minutes=31)
        row = self.rows()
        self.assertEqual((row.reason, row.job_id), ("app_at_work", job))
        self.assertEqual(row.hint, "Apply: attempt 1 of 8")

    def test_a_job_that_runs_for_too_long(self):
        job = self.waiting(state="running", attempt=1)
        job.started_at = self.ago(minutes=29)
        self.assertFalse(self.reasons())
        job.started_at = self.ago(minutes=31)
        self.assertEqual(self.reasons(), ["job_runs_long"])

    # -- what to do --------------------------------------------------------------

    def test_a_row_retries_its_job_and_applies_its_app(self):
        self.fail("deploy")
        row = self.rows()
        self.assertTrue(row.can_retry and row.can_apply)
        action = row.action_apply()
        self.assertEqual(action["res_model"], "kubernetes.app.apply")
        row.action_retry()
        self.assertEqual(self.app.state, "deploying")

    def test_several_rows_are_applied_together(self):
        apps = self.app + self.create_app("wiki")
        apps.write({"state": "degraded"})
        self.cluster.state = "unreachable"
        rows = self.env["kubernetes.attention"].with_user(self.operator)
        rows = rows.search(
            ["|", ("app_id", "in", apps.ids), ("cluster_id", "=", self.cluster.id)]
        )
        action = rows.action_apply()
        self.assertEqual(action["res_model"], "kubernetes.app.request")
        cluster = rows.filtered("is_cause")
        with self.assertRaisesRegex(UserError, "no app to apply"):
            cluster.action_apply()

    def test_who_only_looks_neither_retries_nor_applies(self):
        self.fail("deploy")
        row = self.rows(self.create_user("user"))
        for act in (row.action_retry, row.action_apply):
            with self.assertRaises(AccessError), mute_logger("odoo.models"):
                act()

    def test_two_reasons_are_two_rows_with_ids_that_stay(self):
        self.app.write({"state": "degraded", "invitation_state": "failed"})
        rows = self.rows()
        self.assertEqual(len(set(rows.ids)), 2)
        self.worker.last_seen = self.ago(minutes=3)
        self.assertLessEqual(set(rows.ids), set(self.rows().ids))
        # The cause first, and then the worst.
        rows = self.rows()
        self.assertEqual(rows.mapped("is_cause"), [True, False, False])
        others = rows[1:].mapped("severity")
        self.assertEqual(others, sorted(others))

    def test_it_can_be_grouped_and_searched(self):
        self.app.state = "degraded"
        groups = self.env["kubernetes.attention"]._read_group(
            [("app_id", "=", self.app.id)], ["reason", "cluster_id"], ["__count"]
        )
        self.assertEqual(groups, [("app_degraded", self.cluster, 1)])

    def test_companies_see_their_own_and_what_is_shared(self):
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self.create_user(
            "operator", login="stranger", company_id=other.id, company_ids=[other.id]
        )
        self.app.state = "degraded"
        self.worker.last_seen = self.ago(minutes=3)
        self.assertEqual(self.reasons(stranger), ["worker_unseen"])

    def test_it_is_the_first_menu(self):
        root = self.env.ref("kubernetes_hosting.menu_kubernetes")
        first = self.env["ir.ui.menu"].search([("parent_id", "=", root.id)], limit=1)
        self.assertEqual(first.action.res_model, "kubernetes.attention")
        self.assertIn("All is well.", first.action.help)


@tagged("post_install", "-at_install")
class TestMonitor(KubernetesCase, HttpCase):
    """A monitor counts what needs attention, as docs/operations.md says."""

    def count(self, key):
        return self.url_open(
            "/json/2/kubernetes.attention/search_count",
            json={"domain": [("severity", "=", "1")]},
            headers={"Authorization": f"bearer {key}"},
        )

    def test_whoever_may_see_counts_by_a_key_and_nobody_else(self):
        seer = self.create_user("user", login="monitor")
        keys = self.env["res.users.apikeys"].with_user(seer).sudo()
        key = keys._generate("rpc", "monitor", fields.Datetime.now() + timedelta(1))
        before = self.count(key).json()
        self.create_app()._enqueue("deploy")._finish("failed", ERROR)
        self.env.flush_all()
        rows = self.env["kubernetes.attention"].with_user(seer)
        seen = rows.search_count([("severity", "=", "1")])
        self.assertGreater(seen, before)
        self.assertEqual(self.count(key).json(), seen)
        self.assertEqual(self.count("0" * 40).status_code, 401)
