# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command

from ..wizard.kubernetes_database_moved import IDENTITY
from .common import KINDS, KubernetesQueueCase

ELSEWHERE = "7000000000000000000/16384"


class TestDatabaseMoved(KubernetesQueueCase):
    """A copy has the original's UUID, uids and keys: what was made from a database
    gives workers no jobs until somebody has said what it is."""

    def setUp(self):
        super().setUp()
        test_mode = self.enter_registry_test_mode()
        test_mode.__enter__()
        self.addCleanup(test_mode.__exit__, None, None, None)
        self.parameters = self.env["ir.config_parameter"].sudo()
        self.administrator = self.create_user(
            "administrator",
            company_ids=[Command.set(self.env["res.company"].search([]).ids)],
        )
        self.app = self.create_app("shop")
        self.job = self.app._enqueue("deploy")

    def called(self, call, params):
        user = self.worker.sudo().user_id
        self.env.flush_all()
        answer = (
            self.env["kubernetes.worker.call"]
            .with_user(user)
            ._answer(
                call,
                {
                    "contract": 2,
                    "contract_minimum": 1,
                    "worker": {
                        "name": "w",
                        "instance": "i",
                        "version": "0.1.0",
                        "machine": "",
                    },
                    **params,
                },
            )
        )
        self.env.invalidate_all()
        return answer

    def asked(self, capacity=10):
        cluster = {
            "name": "unit",
            "reachable": True,
            "version": "v1.35.4",
            "message": "",
            "message_words": None,
            "capacity": None,
        }
        return self.called(
            "claim",
            {
                "clusters": [cluster],
                "kinds": list(KINDS),
                "cluster_kinds": ["kubernetes"],
                "mailgun": None,
                "capacity": capacity,
            },
        )

    def asked_in_vain(self, capacity=10):
        answer = self.asked(capacity)
        self.assertEqual(answer["error"]["code"], "database_moved")
        self.assertNotIn("jobs", answer)

    def moved(self):
        self.parameters.set_param(IDENTITY, ELSEWHERE)

    def row(self, user=None):
        rows = self.env["kubernetes.attention"]
        if user:
            rows = rows.with_user(user)
        return rows.search([("reason", "=", "database_moved")])

    def dialog(self, user):
        action = self.row(user).action_open()
        dialog = self.env[action["res_model"]].browse(action["res_id"])
        return dialog.with_user(user)

    def test_where_a_database_is_is_noted_at_its_first_claim(self):
        self.parameters.set_param(IDENTITY, False)
        self.assertEqual(len(self.asked()["jobs"]), 1)
        system, _, database = self.parameters.get_param(IDENTITY).partition("/")
        self.env.cr.execute(
            "SELECT oid FROM pg_database WHERE datname = current_database()"
        )
        self.assertEqual([(int(database),)], self.env.cr.fetchall())
        self.assertGreater(int(system), 0)
        self.assertFalse(self.row())

    def test_one_that_was_restored_or_copied_gives_no_jobs_and_says_so(self):
        self.moved()
        self.asked_in_vain()
        self.asked_in_vain(capacity=0)
        self.assertEqual((self.job.state, self.job.attempt), ("pending", 0))
        # Its worker is there, and nobody looks for what is wrong with it.
        self.assertEqual(self.worker.state, "online")
        row = self.row(self.create_user("user"))
        self.assertEqual(row.name, self.env.cr.dbname)
        self.assertEqual((row.severity, row.is_cause), ("1", True))
        self.assertIn("the original or a copy", row.details)
        self.assertTrue(row._mail_values()["url"].endswith("/kubernetes-attention"))

    def test_what_a_cluster_shows_is_not_taken_and_told_anew_afterwards(self):
        look = {"cluster": "unit", "apps": [], "complete": None}
        self.moved()
        answer = self.called("observe", look)
        self.assertEqual(answer["error"]["code"], "database_moved")
        self.dialog(self.administrator).action_original()
        self.assertEqual(self.called("observe", look)["unknown"], [])

    def test_the_original_goes_on(self):
        self.moved()
        self.dialog(self.administrator).action_original()
        self.assertFalse(self.row())
        (job,) = self.asked()["jobs"]
        self.assertEqual(job["app"]["uid"], self.app.uid)

    def test_a_copy_is_neutralized(self):
        self.moved()
        uid = self.app.uid
        self.dialog(self.administrator).action_copy()
        self.assertFalse(self.row())
        self.assertEqual(self.job.state, "cancelled")
        self.assertFalse(self.worker.active)
        self.assertNotEqual(self.app.uid, uid)
        self.assertEqual(self.parameters.get_param("database.is_neutralized"), "true")
        self.assertFalse(self.env["kubernetes.database.moved"]._is_moved())

    def test_whoever_does_not_answer_for_all_companies_does_not_say(self):
        self.moved()
        with self.assertRaisesRegex(UserError, "An administrator of Kubernetes has to"):
            self.row(self.create_user("operator")).action_open()
        self.env["res.company"].create({"name": "Other"})
        of_one = self.create_user("administrator", login="of-one")
        for way in ("action_original", "action_copy"):
            with self.assertRaisesRegex(AccessError, "works for all companies"):
                getattr(self.dialog(of_one), way)()
        self.assertTrue(self.row())

    def test_a_report_of_what_the_dump_does_not_know_is_stale_and_changes_nothing(self):
        """The worker did the job after the dump; in the dump it waits."""
        report = {"id": self.job.id, "token": "f" * 32, "steps": [], "outcome": None}
        answer = self.called("report", {"jobs": [report, {**report, "id": 2**30}]})
        self.assertEqual({job["answer"] for job in answer["jobs"]}, {"stale"})
        self.assertEqual((self.job.state, self.job.attempt), ("pending", 0))
