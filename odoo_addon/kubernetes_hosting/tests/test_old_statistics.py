# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.tests import tagged

from .calls import CallsCase
from .common import insert_like

# Jobs that wait, and that run, of apps of their own.
WAITING, RUNNING = 2000, 500
# Jobs of before.
DONE = 50
# Rows of all tables that a call may read for each job that waits or runs: a call reads
# some tables whole, several times. Reading them again for each job would be thousands.
MOST = 100


class OldStatistics:
    """A wave of jobs comes, and PostgreSQL plans by its statistics of the time before:
    it takes any job that waits or runs for the only one, and an app for one of few.
    Mixed into Odoo's test classes."""

    allow_inherited_tests_method = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        app = cls.apps[0]
        app._enqueue("deploy")
        job = app.job_ids
        cls.env.flush_all()
        insert_like(job, DONE, uid="md5('done' || n)", state="'done'")
        job.action_cancel()
        cls.env.flush_all()
        cls.before_the_wave()
        count = WAITING + RUNNING
        namespaces = insert_like(app.namespace_id, count, name="'wave-' || n")
        apps = insert_like(
            app,
            count,
            name="'wave-' || n",
            hostname="'wave-' || n || '.example.com'",
            uid="md5('wave' || n)",
            access_token="NULL",
            config_map_id="NULL",
            secret_id="NULL",
            namespace_id=f"{namespaces[0]} - 1 + n",
        )
        jobs = insert_like(
            job,
            count,
            uid="md5('wave job' || n)",
            app_id=f"{apps[0]} - 1 + n",
            state="'done'",
        )
        cls.with_nothing_to_do()
        cls.cr.execute(
            "UPDATE kubernetes_job SET state = 'pending' WHERE id = ANY(%s)",
            [jobs[:WAITING]],
        )
        cls.cr.execute(
            "UPDATE kubernetes_job SET state = 'running', worker_id = %s, token = uid,"
            " lease_until = now() + interval '1 hour' WHERE id = ANY(%s)",
            [cls.worker.id, jobs[WAITING:]],
        )
        cls.env.invalidate_all()
        cls.waiting, cls.under_way = (
            cls.env["kubernetes.job"].browse(ids)
            for ids in (jobs[:WAITING], jobs[WAITING:])
        )

    @classmethod
    def before_the_wave(cls):
        """The first moment at which statistics may be made."""

    @classmethod
    def with_nothing_to_do(cls):
        """The second: the apps are there, and all their jobs are done."""

    @classmethod
    def make_statistics(cls):
        cls.cr.execute("ANALYZE kubernetes_job, kubernetes_app, kubernetes_namespace")

    def rows_read(self):
        """Rows that this transaction has read so far."""
        self.cr.execute(
            "SELECT sum(seq_tup_read + idx_tup_fetch)::bigint"
            " FROM pg_stat_xact_user_tables"
        )
        return self.cr.fetchone()[0]

    def check(self, call):
        before = self.rows_read()
        result = call()
        self.env.flush_all()
        self.assertLess((self.rows_read() - before) / (WAITING + RUNNING), MOST)
        return result

    def test_a_claim(self):
        answer = self.check(lambda: self.call("claim", self.claim_params(100)))
        self.assertEqual(len(answer["jobs"]), 100)

    def test_a_report(self):
        params = self.report_params(self.under_way[:100], steps=1)
        answer = self.check(lambda: self.call("report", params))
        self.assertEqual({job["answer"] for job in answer["jobs"]}, {"go_on"})

    def test_a_report_of_ends(self):
        params = self.done_params(self.under_way[:100])
        answer = self.check(lambda: self.call("report", params))
        self.assertEqual(len(answer["jobs"]), 100)

    def test_the_watch(self):
        self.check(lambda: self.env["kubernetes.job"]._cron_watch())

    def test_needs_attention(self):
        self.check(lambda: self.env["kubernetes.attention"].search([]).mapped("hint"))


@tagged("post_install", "-at_install")
class TestStatisticsOfFewApps(OldStatistics, CallsCase):
    """The shop was new, and there was one app."""

    @classmethod
    def before_the_wave(cls):
        cls.make_statistics()


@tagged("post_install", "-at_install")
class TestStatisticsOfDoneJobs(OldStatistics, CallsCase):
    """All apps were there, and no job waited or ran."""

    @classmethod
    def with_nothing_to_do(cls):
        cls.make_statistics()
