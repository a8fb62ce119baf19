# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError, ValidationError

from ..models import kubernetes_job
from .common import KubernetesQueueCase

DAY = 24 * 3600
SETTING = "kubernetes_hosting.job_retention_days"


class TestRetention(KubernetesQueueCase):
    """What is over goes after some days, and nothing hangs on it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.app = cls.create_app()

    def ended(self, kind, state="done", days=0, app=None, **result):
        """A job that came to its end some days ago."""
        job = (app or self.app)._enqueue(kind)
        if state == "cancelled":
            job._cancel()
        else:
            self.assertIn(job, self.claim())
            job._record_steps([self.step()])
            job._conclude(self.outcome(state, **result))
        moment = fields.Datetime.now() - timedelta(days=days)
        job.write({"finished_at": moment, "started_at": job.started_at and moment})
        return job

    def step(self):
        return {
            "number": 1,
            "code": "fetching",
            "state": "done",
            "started_at": fields.Datetime.now(),
            "seconds": 1.0,
            "message": "",
        }

    def vacuum(self):
        self.env.flush_all()
        done, remaining = self.jobs._gc_finished()
        self.assertFalse(remaining)
        return done

    def test_finished_jobs_go_after_thirty_days_with_their_steps(self):
        old = self.ended("refresh", days=40) + self.ended("refresh", days=31)
        young = self.ended("refresh", days=29)
        steps = old.step_ids
        self.assertEqual(len(steps), 2)
        self.assertEqual(self.vacuum(), 2)
        self.assertFalse(old.exists())
        self.assertFalse(steps.exists())
        self.assertTrue(young.exists())
        self.assertTrue(young.step_ids)

    def test_the_last_of_each_kind_and_outcome_of_an_app_stays(self):
        other = self.create_app("other")
        kept = self.jobs
        for app in (self.app, other):
            gone = self.ended("deploy", days=50, app=app)
            kept += self.ended("deploy", days=45, app=app)
            kept += self.ended("deploy", "failed", days=44, app=app)
            kept += self.ended("restart", days=43, app=app)
            kept += self.ended("deploy", "cancelled", days=42, app=app)
            self.vacuum()
            self.assertFalse(gone.exists())
            self.assertEqual(kept.exists(), kept)

    def test_what_follows_from_the_jobs_stays_so(self):
        observed = {"observation": self.observation("running")}
        self.ended("deploy", days=60)
        self.ended("deploy", days=55, **observed)
        self.ended("deploy", "cancelled", days=41)
        self.ended("deploy", "cancelled", days=40)
        state = self.app.state
        self.assertEqual(state, "running")
        self.assertTrue(self.vacuum())
        self.app._update_state()
        self.assertEqual(self.app.state, state)
        self.assertTrue(self.app.is_deployed)

    def test_what_waits_or_runs_never_goes(self):
        self.ended("refresh", days=50)
        waiting = self.app._enqueue("refresh")
        waiting.write({"create_date": fields.Datetime.now() - timedelta(days=90)})
        self.vacuum()
        self.assertTrue(waiting.exists())

    def test_it_goes_in_batches(self):
        for days in (50, 49, 48, 47, 46):
            self.ended("refresh", days=days)
        self.env.flush_all()
        with patch.object(kubernetes_job, "GC_BATCH", 2):
            self.assertEqual(self.jobs._gc_finished(), (2, True))
            self.assertEqual(self.jobs._gc_finished(), (2, True))
            self.assertEqual(self.jobs._gc_finished(), (0, False))

    def test_the_days_are_a_setting(self):
        def settings(days):
            self.env["res.config.settings"].create(
                {"kubernetes_job_retention_days": days}
            ).execute()

        first = self.ended("refresh", days=20)
        self.ended("refresh")
        self.assertFalse(self.vacuum())
        settings(10)
        self.assertEqual(self.env["ir.config_parameter"].get_param(SETTING), "10")
        self.assertEqual(self.vacuum(), 1)
        self.assertFalse(first.exists())
        for days in (0, -1):
            with self.assertRaisesRegex(ValidationError, "at least one day"):
                settings(days)
        self.env["ir.config_parameter"].set_param(SETTING, "a month")
        with self.assertRaisesRegex(UserError, "“a month”"):
            self.jobs._gc_finished()

    def test_links_to_passwords_go_when_they_lead_nowhere(self):
        links = self.env["kubernetes.password.link"]
        links._create_url(self.app)
        old = links.search([("app_id", "=", self.app.id)])
        links._create_url(self.app)
        young = links.search([("app_id", "=", self.app.id)]) - old
        self.assertEqual(links._gc_links(), (0, False))
        with self.later(31 * DAY):
            self.assertEqual(links._gc_links(), (1, False))
        self.assertFalse(old.exists())
        self.assertTrue(young.exists())

    def test_rows_of_the_bus_go_by_themselves(self):
        bus = self.env["bus.bus"]
        bus.search([]).unlink()
        self.app._enqueue("refresh")
        self.env.cr.precommit.run()
        rows = bus.search([])
        self.assertTrue(rows)
        self.env.cr.execute(
            "UPDATE bus_bus SET create_date = create_date - interval '2 days'"
        )
        self.env.invalidate_all()
        bus._gc_messages()
        self.assertFalse(rows.exists())

    def test_what_is_looked_at_again_without_news_tells_no_screen(self):
        self.app._apply_observation(self.observation("running"))
        self.env.cr.precommit.run()
        told = self.env.cr.precommit.data
        told.clear()
        with self.later(60):
            self.app._apply_observation(self.observation("running"))
            self.assertNotIn("kubernetes.changed", told)
            self.app._apply_observation(
                self.observation("degraded", fields.Datetime.now())
            )
            self.assertIn("kubernetes.changed", told)

    def test_whatever_odoo_calls_to_clean_up_runs(self):
        """On abstract models, too: Odoo calls it on each model that has it."""
        called = []
        for name in self.env.registry:
            model = self.env[name]
            for attribute in dir(type(model)):
                method = getattr(type(model), attribute, None)
                ours = getattr(method, "__module__", "") or ""
                if hasattr(method, "_autovacuum") and "kubernetes_hosting" in ours:
                    getattr(model, attribute)()
                    called.append(name)
        self.assertIn("kubernetes.address.count", called)
        self.assertIn("kubernetes.password.guess", called)
