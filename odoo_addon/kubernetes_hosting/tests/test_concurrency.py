# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import threading
from contextlib import contextmanager
from unittest.mock import patch

from odoo import SUPERUSER_ID, api, fields
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.modules.registry import DummyRLock, Registry
from odoo.service.model import retrying
from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL, mute_logger

from ..models import contract
from .common import insert_like

CALLS = "odoo.addons.kubernetes_hosting.models.kubernetes_worker_call"
JOB = "odoo.addons.kubernetes_hosting.models.kubernetes_job"
CALLS_LOG = CALLS
WORKER = {"name": "w", "instance": "i", "version": "0.1.0", "machine": ""}
APPS = 40
THREADS = 6
# Many workers, and what waits for them.
WORKERS = 8
WAITING = 5000
AT_ONCE = 100


@tagged("post_install", "-at_install")
class TestConcurrency(TransactionCase):
    """Two at once, on committed data over connections of their own. What a test
    commits it removes again."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Odoo holds this lock while tests run; threads need the registry too.
        cls.startClassPatcher(patch.object(Registry, "_lock", DummyRLock()))
        cls.made = {}
        cls.addClassCleanup(cls.remove)
        with cls.committed() as env:
            cluster = env["kubernetes.cluster"].create(
                {"name": "at-once", "domain": "at-once.example.com"}
            )
            workers = env["kubernetes.worker"].create(
                [
                    {"name": name, "cluster_ids": [Command.set(cluster.ids)]}
                    for name in ("at-once-1", "at-once-2")
                ]
            )
            cls.made = {"kubernetes.cluster": cluster.ids}
            cls.made["kubernetes.worker"] = workers.ids
            cls.cluster_id = cluster.id
            cls.worker_uids = workers.user_id.ids
            cls.prod_id = env.ref("kubernetes_hosting.environment_prod").id

    @classmethod
    @contextmanager
    def committed(cls, uid=SUPERUSER_ID):
        with cls.registry.cursor() as cr:
            yield api.Environment(cr, uid, {})

    @classmethod
    def remove(cls):
        with cls.committed() as env:
            # What a thread that hangs may hold is not waited for without end.
            env.cr.execute("SET LOCAL lock_timeout = '60s'")
            apps = (
                env["kubernetes.app"]
                .with_context(active_test=False)
                .search([("cluster_id", "in", cls.made.get("kubernetes.cluster", []))])
            )
            apps.job_ids.unlink()
            apps.namespace_id.state = "new"
            apps.unlink()
            workers = env["kubernetes.worker"].browse(
                cls.made.get("kubernetes.worker", [])
            )
            users = workers.user_id
            env["bus.bus"].search([]).unlink()
            workers.unlink()
            partners = users.partner_id
            users.unlink()
            partners.unlink()
            env["kubernetes.cluster"].browse(
                cls.made.get("kubernetes.cluster", [])
            ).unlink()

    def make_apps(self, prefix, count, kinds=("deploy",)):
        with self.committed() as env:
            apps = env["kubernetes.app"].create(
                [
                    {
                        "name": f"{prefix}-{n}",
                        "environment_id": self.prod_id,
                        "cluster_id": self.cluster_id,
                    }
                    for n in range(count)
                ]
            )
            for app in apps:
                for kind in kinds:
                    app._enqueue(kind)
            return apps.ids

    def together(self, function, count=THREADS):
        """Run a function in threads that start at one moment; return what each gave,
        exceptions too."""
        barrier = threading.Barrier(count)
        results = [None] * count

        def run(n):
            barrier.wait()
            try:
                results[n] = function(n)
            except Exception as error:
                results[n] = error

        # One that is stuck keeps no process from its end.
        threads = [
            threading.Thread(target=run, args=[n], daemon=True) for n in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def call(self, name, params, worker=0):
        return self.call_as(self.worker_uids[worker], name, params)

    def call_as(self, uid, name, params):
        with self.committed(uid) as env:
            return env["kubernetes.worker.call"]._answer(name, params)

    def claim(self, n=0, capacity=3):
        return self.claim_as(self.worker_uids[n % 2], capacity)

    def claim_as(self, uid, capacity):
        answer = self.call_as(
            uid,
            "claim",
            {
                "worker": WORKER,
                "clusters": [
                    {
                        "name": "at-once",
                        "reachable": True,
                        "version": "v1.35.4",
                        "message": "",
                    }
                ],
                "kinds": ["deploy", "refresh", "delete", "preview"],
                "mailgun": None,
                "capacity": capacity,
            },
        )
        return answer["jobs"]

    def report(self, jobs, state=None, n=0):
        outcome = state and {"state": state, "error": None, "result": None}
        return self.call(
            "report",
            {
                "worker": WORKER,
                "jobs": [
                    {
                        "id": job["id"],
                        "token": job["token"],
                        "steps": [],
                        "outcome": outcome,
                    }
                    for job in jobs
                ],
            },
            n % 2,
        )["jobs"]

    def raise_first(self, results):
        for result in results:
            if isinstance(result, Exception):
                raise result

    def test_a_refusal_is_kept_though_the_call_fails(self):
        with self.assertRaises(contract.VersionError), mute_logger(CALLS_LOG):
            self.call("claim", {"contract": 9, "contract_minimum": 8})
        with self.committed() as env:
            worker = env["kubernetes.worker"].browse(self.made["kubernetes.worker"][0])
            self.assertEqual((worker.state, worker.outdated), ("refused", "addons"))
        self.claim()
        with self.committed() as env:
            worker = env["kubernetes.worker"].browse(self.made["kubernetes.worker"][0])
            self.assertEqual((worker.state, worker.outdated), ("online", False))

    def test_claims_at_once_get_different_jobs_and_leave_none(self):
        app_ids = self.make_apps("claim", APPS)

        def drain(n):
            mine = []
            while jobs := self.claim(n):
                mine += jobs
            return mine

        results = self.together(drain)
        self.raise_first(results)
        claimed = [job["app"]["id"] for result in results for job in result]
        self.assertEqual(sorted(claimed), sorted(app_ids))
        self.assertGreater(len([result for result in results if result]), 1)
        for n, result in enumerate(results):
            self.report(result, "done", n)

    def many_workers(self):
        """Their users."""
        with self.committed() as env:
            workers = env["kubernetes.worker"].create(
                [
                    {
                        "name": f"many-{n}",
                        "cluster_ids": [Command.set([self.cluster_id])],
                    }
                    for n in range(WORKERS)
                ]
            )
            self.made["kubernetes.worker"] += workers.ids
            return workers.user_id.ids

    def many_jobs(self, count):
        """Of an app each, with rows of their own alone; they are gone afterwards."""
        (app_id,) = self.make_apps("many", 1)
        with self.committed() as env:
            app = env["kubernetes.app"].browse(app_id)
            namespaces = insert_like(app.namespace_id, count, name="'many-' || n")
            apps = insert_like(
                app,
                count,
                name="'many-' || n",
                hostname="'many-' || n || '.at-once.example.com'",
                uid="md5('many' || n)",
                access_token="NULL",
                config_map_id="NULL",
                secret_id="NULL",
                namespace_id=f"{namespaces[0]} - 1 + n",
            )
            jobs = insert_like(
                app.job_ids, count, uid="md5('job' || n)", app_id=f"{apps[0]} - 1 + n"
            )
            app.job_ids.action_cancel()

        def remove():
            with self.committed() as env:
                for table, ids in (
                    ("kubernetes_job", jobs),
                    ("kubernetes_app", apps),
                    ("kubernetes_namespace", namespaces),
                ):
                    env.cr.execute(
                        SQL(
                            "DELETE FROM %s WHERE id = ANY(%s)",
                            SQL.identifier(table),
                            ids,
                        )
                    )

        self.addCleanup(remove)
        return jobs

    def test_eight_workers_share_5000_jobs_and_none_claims_twice_for_it(self):
        """Each job is given away once, no claim fails or waits to be run again, and
        nothing is logged."""
        jobs, users = self.many_jobs(WAITING), self.many_workers()

        def drain(n):
            mine = []
            while found := self.claim_as(users[n], AT_ONCE):
                mine += [job["id"] for job in found]
            return mine

        with (
            # However slow this machine is.
            patch(f"{CALLS}.TURN_SECONDS", 86400),
            patch(f"{JOB}.LEASE_SECONDS", 86400),
            patch(f"{CALLS}.time.sleep") as slept,
            self.assertNoLogs("odoo.sql_db", "WARNING"),
            self.assertNoLogs(CALLS_LOG, "WARNING"),
        ):
            results = self.together(drain, WORKERS)
        self.raise_first(results)
        self.assertEqual(sorted(sum(results, [])), jobs)
        self.assertGreater(len([result for result in results if result]), 1)
        slept.assert_not_called()

    def test_a_claim_that_does_not_end_keeps_no_other_one_waiting_for_ever(self):
        self.make_apps("stuck", 1)
        with self.committed() as stuck, patch(f"{CALLS}.TURN_SECONDS", 0.05):
            stuck.cr.execute(stuck["kubernetes.worker.call"]._turn())
            jobs = self.claim()
        self.assertEqual(len(jobs), 1)
        self.report(jobs, "done")

    def test_one_running_job_per_app_whoever_claims(self):
        self.make_apps("single", 4, ("deploy", "refresh"))
        seen = []
        lock = threading.Lock()
        working = set()

        def work(n):
            for _round in range(12):
                for job in self.claim(n, capacity=2):
                    with lock:
                        self.assertNotIn(job["app"]["id"], working)
                        working.add(job["app"]["id"])
                        seen.append(job["id"])
                    with lock:
                        working.discard(job["app"]["id"])
                    self.report([job], "done", n)

        self.raise_first(self.together(work))
        self.assertEqual(len(seen), 8)
        self.assertEqual(len(set(seen)), 8)

    def test_two_who_ask_for_the_same_get_one_job(self):
        (app_id,) = self.make_apps("ask", 1, ())

        def ask(_n):
            with self.committed() as env:
                return retrying(
                    lambda: env["kubernetes.app"].browse(app_id)._enqueue("deploy").id,
                    env,
                )

        with mute_logger("odoo.service.model", "odoo.sql_db"):
            results = self.together(ask, 3)
        self.raise_first(results)
        self.assertEqual(len(set(results)), 1)
        self.report(self.claim(), "done")

    def deployed(self, prefix):
        """An app that was deployed, committed."""
        (app_id,) = self.make_apps(prefix, 1)
        self.report(self.claim(), "done")
        return app_id

    def ask_at_once(self, app_id, kinds, count):
        def ask(n):
            with self.committed() as env:
                return retrying(
                    lambda: (
                        env["kubernetes.app"]
                        .browse(app_id)
                        ._enqueue(kinds[n % len(kinds)])
                        .id
                    ),
                    env,
                )

        with mute_logger("odoo.service.model", "odoo.sql_db"):
            results = self.together(ask, count)
        self.raise_first(results)
        return results

    def drop_waiting(self, app_id):
        with self.committed() as env:
            env["kubernetes.job"].search(
                [("app_id", "=", app_id), ("state", "=", "pending")]
            ).action_cancel()

    def test_stop_and_start_at_once_leave_one_wish(self):
        app_id = self.deployed("wish")
        self.ask_at_once(app_id, ("stop", "start"), 4)
        with self.committed() as env:
            app = env["kubernetes.app"].browse(app_id)
            waiting = app.job_ids.filtered(lambda job: job.state == "pending")
            self.assertEqual(len(waiting), 1)
            wishes = {"stop": ("stopped", "stopping"), "start": ("running", "starting")}
            self.assertEqual((app.wanted_state, app.state), wishes[waiting.kind])
        self.drop_waiting(app_id)

    def test_delete_and_apply_at_once_delete(self):
        app_id = self.deployed("gone")

        def ask(n):
            with self.committed() as env:
                app = env["kubernetes.app"].browse(app_id)
                try:
                    return retrying(
                        lambda: app._enqueue("delete" if n % 2 else "deploy").kind, env
                    )
                except UserError as error:
                    return str(error)

        with mute_logger("odoo.service.model", "odoo.sql_db"):
            self.raise_first(self.together(ask, 4))
        with self.committed() as env:
            app = env["kubernetes.app"].browse(app_id)
            waiting = app.job_ids.filtered(lambda job: job.state == "pending")
            self.assertEqual(waiting.mapped("kind"), ["delete"])
            self.assertEqual((app.wanted_state, app.state), ("deleted", "deleting"))
        self.drop_waiting(app_id)

    def test_two_who_compare_at_once_share_the_comparison(self):
        app_id = self.deployed("compare")
        self.assertEqual(len(set(self.ask_at_once(app_id, ("diff",), 3))), 1)
        self.drop_waiting(app_id)

    def test_a_preview_goes_to_one_worker(self):
        with self.committed() as env:
            job_id = env["kubernetes.job"]._enqueue_preview("M", "https://x.test/m").id
        results = self.together(lambda n: self.claim(n, capacity=1))
        self.raise_first(results)
        claimed = [job["id"] for result in results for job in result]
        self.assertEqual(claimed, [job_id])
        with self.committed() as env:
            env["kubernetes.job"].browse(job_id).unlink()

    def test_two_who_want_the_same_name_at_the_same_moment(self):
        def take(_n):
            with self.committed() as env:
                return (
                    env["kubernetes.app"]
                    .create(
                        {
                            "name": "wanted",
                            "environment_id": self.prod_id,
                            "cluster_id": self.cluster_id,
                        }
                    )
                    .id
                )

        results = self.together(take)
        won = [result for result in results if isinstance(result, int)]
        lost = [result for result in results if not isinstance(result, int)]
        self.assertEqual(len(won), 1)
        for error in lost:
            self.assertIsInstance(error, ValidationError)
            self.assertIn("already taken", str(error))

    def allow_node_ports(self, count):
        with self.committed() as env:
            cluster = env["kubernetes.cluster"].browse(self.cluster_id)
            apps = cluster.app_ids.filtered("limit_node_ports")
            apps.namespace_id.state = "new"
            apps.unlink()
            cluster.node_port_range = f"31000-{31000 + count - 1}"

    def take_node_ports(self, env, name):
        app = env["kubernetes.app"].create(
            {
                "name": name,
                "environment_id": self.prod_id,
                "cluster_id": self.cluster_id,
                "limit_node_ports": 2,
            }
        )
        return app._contract_values()["node_ports"]

    def test_node_ports_taken_since_a_transaction_began_are_left_alone(self):
        self.allow_node_ports(4)
        with self.committed() as late:
            # From now on it does not see what others commit.
            late.cr.execute("SELECT FROM kubernetes_node_port")
            with self.committed() as early:
                self.assertEqual(self.take_node_ports(early, "early"), [31000, 31001])
            self.assertEqual(self.take_node_ports(late, "late"), [31002, 31003])

    def test_apps_that_want_node_ports_at_the_same_moment_get_different_ones(self):
        self.allow_node_ports(2 * THREADS)

        def take(n):
            with self.committed() as env:
                return retrying(lambda: self.take_node_ports(env, f"port-{n}"), env)

        with mute_logger("odoo.service.model", "odoo.sql_db"):
            results = self.together(take)
        self.raise_first(results)
        ports = [port for result in results for port in result]
        self.assertEqual(sorted(ports), list(range(31000, 31000 + 2 * THREADS)))

    def test_two_apps_created_at_once_from_one_template(self):
        with self.committed() as env:
            template = env["kubernetes.config.map"].create(
                {
                    "name": "T",
                    "is_template": True,
                    "line_ids": [Command.create({"key": "a", "value": "1"})],
                }
            )

        def create(n):
            with self.committed() as env:
                return (
                    env["kubernetes.app"]
                    .create(
                        {
                            "name": f"templated-{n}",
                            "environment_id": self.prod_id,
                            "cluster_id": self.cluster_id,
                            "config_map_id": template.id,
                        }
                    )
                    .config_map_id.id
                )

        results = self.together(create)
        self.raise_first(results)
        self.assertEqual(len(set(results)), THREADS)

    def test_a_late_report_of_a_lost_worker_is_stale(self):
        (app_id,) = self.make_apps("late", 1)
        (first,) = self.claim(0)
        with self.committed() as env:
            env["kubernetes.job"].browse(first["id"]).lease_until = "2020-01-01"
        (second,) = self.claim(1)
        self.assertEqual(second["id"], first["id"])
        self.assertEqual(second["attempt"], 2)
        self.assertNotEqual(second["token"], first["token"])
        self.assertEqual(self.report([first], "failed")[0]["answer"], "stale")
        self.assertEqual(self.report([second])[0]["answer"], "stale")
        self.assertEqual(self.report([second], n=1)[0]["answer"], "go_on")
        self.assertEqual(self.report([second], "done", 1)[0]["answer"], "go_on")
        with self.committed() as env:
            self.assertEqual(env["kubernetes.app"].browse(app_id).state, "running")

    def test_reports_and_cancels_at_once_lose_nothing(self):
        self.make_apps("both", 6)
        jobs = self.claim(capacity=6)
        self.assertEqual(len(jobs), 6)

        def act(n):
            if n % 2:
                return self.report(jobs)
            with self.committed() as env:
                return retrying(
                    lambda: env["kubernetes.job"].browse(jobs[n]["id"]).action_cancel(),
                    env,
                )

        with mute_logger("odoo.service.model", "odoo.sql_db"):
            self.raise_first(self.together(act))
        answers = [answer["answer"] for answer in self.report(jobs)]
        self.assertEqual(answers, ["stop", "go_on"] * 3)
        self.report(jobs, "cancelled")

    def test_two_reports_at_once_invite_the_customer_once(self):
        """Several observations, each of which makes the app reachable."""
        with self.committed() as env:
            customer = env["res.partner"].create(
                {"name": "At Once", "email": "at-once@demo.example"}
            )
            app = env["kubernetes.app"].create(
                {
                    "name": "invited",
                    "environment_id": self.prod_id,
                    "cluster_id": self.cluster_id,
                    "partner_id": customer.id,
                }
            )
            job = app._enqueue("deploy")
            job._finish("done")
            seen = {
                "id": app.id,
                "uid": app.uid,
                "namespace": app.namespace_id.name,
                "observation": {
                    "state": "running",
                    "message": "",
                    "ingress": {
                        "state": "ready",
                        "hosts": [app.hostname],
                        "addresses": ["192.0.2.1"],
                        "tls": True,
                        "message": "",
                    },
                    "seen_at": fields.Datetime.now(),
                },
            }

        def observe(_n):
            with self.committed(self.worker_uids[0]) as env:
                calls = env["kubernetes.worker.call"]
                look = {"cluster": "at-once", "apps": [seen], "complete": None}
                return calls._observe(look)["unknown"]

        with mute_logger("odoo.sql_db"):
            self.assertEqual(self.together(observe), [[]] * THREADS)
        with self.committed() as env:
            mails = env["mail.mail"].search([("email_to", "ilike", "at-once@demo")])
            invited = env["kubernetes.app"].browse(seen["id"])
            try:
                self.assertEqual(len(mails), 1)
                self.assertEqual(invited.invitation_mail_id, mails)
                self.assertEqual(invited.invitation_state, "sending")
            finally:
                mails.unlink()
                invited.partner_id = False
                env["res.partner"].browse(customer.id).unlink()
