# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta

from odoo import fields

from .common import KubernetesTransactionCase

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
        self.cluster.state = "unknown"
        self.assertEqual(self.reasons(), ["cluster_unreachable"])
        self.app.active = False
        self.assertFalse(self.reasons())

    def test_a_mail_domain_that_is_unverified_for_an_hour_or_failed(self):
        self.app.write({"state": "running", "mail_state": "unverified"})
        self.app.mail_registered_at = self.ago(minutes=50)
        self.assertFalse(self.reasons())
        self.app.mail_registered_at = self.ago(minutes=61)
        self.assertEqual(self.reasons(), ["mail_unverified"])
        self.app.write({"mail_state": "failed", "mail_message": "Somebody has it."})
        self.assertEqual(self.rows().message, "Somebody has it.")
        self.app.write({"state": "deleted", "active": False})
        self.assertEqual(self.reasons(), ["mail_failed"], "it is still registered")

    def test_an_invitation_that_failed(self):
        self.app.write({"state": "running", "invitation_state": "failed"})
        self.assertEqual(self.reasons(), ["invitation_failed"])

    def test_two_reasons_are_two_rows_with_ids_that_stay(self):
        self.app.write(
            {"state": "degraded", "mail_state": "failed", "invitation_state": "failed"}
        )
        rows = self.rows()
        self.assertEqual(len(set(rows.ids)), 3)
        self.worker.last_seen = self.ago(minutes=3)
        self.assertLessEqual(set(rows.ids), set(self.rows().ids))
        # The worst first.
        self.assertEqual(
            self.rows().mapped("severity"), sorted(self.rows().mapped("severity"))
        )

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
        self.assertIn("Nothing needs you.", first.action.help)
