# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import json
import logging
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models import contract
from ..models.kubernetes_job import WAKE_EVENT
from .calls import COUNTS, WORKER, CallsCase

_logger = logging.getLogger(__name__)

CALLS_LOG = "odoo.addons.kubernetes_hosting.models.kubernetes_worker_call"
LIVE_LOG = "odoo.addons.kubernetes_hosting.models.kubernetes_live"
# How many queries a call may cost, however many jobs or apps it is about.
CLAIM, REPORT, OBSERVE = 12, 12, 10
ERROR = {
    **dict.fromkeys(
        ("manifest", "url", "document", "line", "column", "object", "field")
    ),
    "code": "template_render",
    "message": "It broke",
    "message_words": None,
    "hint": "Mend it",
    "hint_words": None,
    "retry": False,
    "excerpts": [],
}


@tagged("post_install", "-at_install")
class TestCalls(CallsCase):
    """A call of a worker is one transaction, and costs as many queries for a hundred
    jobs as for one."""

    def check_costs(self, name, prepare, most):
        """The call costs as much for each number of jobs, and ``most`` queries."""
        costs = {}
        for count in (1, *COUNTS):  # the first time Odoo fills its own caches
            savepoint = self.cr.savepoint(flush=False)
            params = prepare(count)
            self.settle()
            limit = most if costs else 1000
            with self.assertQueryCount(limit), self.statements() as found:
                self.call(name, params)
            savepoint.close(rollback=True)
            self.cr.clear()
            self.env.invalidate_all(flush=False)
            costs[count] = found
        numbers = {count: len(found) for count, found in costs.items()}
        _logger.info("%s: %s queries", name, numbers)
        self.assertEqual(len(set(numbers.values())), 1, "\n".join(costs[COUNTS[-1]]))
        self.assertNotIn("SAVEPOINT", " ".join(costs[COUNTS[-1]]))

    def test_a_claim(self):
        def prepare(count):
            self.known()
            for app in self.apps[:count]:
                app._enqueue("deploy")
            return self.claim_params(count)

        self.check_costs("claim", prepare, CLAIM)

    def test_a_claim_of_what_failed_before_and_was_changed_meanwhile(self):
        def prepare(count):
            jobs = self.claimed(count)
            for job in jobs:
                job._conclude({"state": "retry", "error": ERROR, "result": None})
            self.apps[:count].limit_pods = 30
            jobs.run_at = self.now
            self.known()
            return self.claim_params(count)

        self.check_costs("claim", prepare, CLAIM)

    def test_a_claim_that_finds_nothing(self):
        def prepare(_count):
            self.known()
            return self.claim_params(10)

        self.check_costs("claim", prepare, CLAIM)

    def test_a_report_of_jobs_without_news(self):
        self.check_costs(
            "report", lambda n: self.report_params(self.claimed(n), steps=0), REPORT
        )

    def test_a_report_of_steps(self):
        self.check_costs(
            "report", lambda n: self.report_params(self.claimed(n)), REPORT
        )

    def test_a_report_of_deploys_that_are_done(self):
        self.check_costs("report", lambda n: self.done_params(self.claimed(n)), REPORT)

    def test_a_report_of_other_kinds_that_are_done(self):
        for kind in ("restart", "diff"):
            with self.subTest(kind):

                def prepare(count, kind=kind):
                    for app in self.apps[:count]:
                        app._enqueue("deploy")
                    self.claim(limit=count)._finish("done")
                    jobs = self.claimed(count, kind)
                    return self.report_params(jobs, "done", observation=self.seen())

                self.check_costs("report", prepare, REPORT)

    def test_a_report_of_failures(self):
        for state in ("failed", "retry", "released", "cancelled"):
            with self.subTest(state):

                def prepare(count, state=state):
                    error = ERROR if state in ("failed", "retry") else None
                    return self.report_params(self.claimed(count), state, error)

                self.check_costs("report", prepare, REPORT)

    def test_a_look(self):
        self.check_costs("observe", self.observe_params, OBSERVE)

    def test_a_look_at_what_ran_and_is_gone(self):
        def prepare(count):
            for app in self.apps[:count]:
                app._enqueue("deploy")
            params = self.done_params(self.claim(limit=count))
            self.call("report", params)
            return self.observe_params(count, state="missing", seconds=5)

        self.check_costs("observe", prepare, OBSERVE)

    def test_a_look_at_all_namespaces(self):
        def prepare(count):
            params = self.observe_params(count)
            params["complete"] = {
                "looked_at": self.seen()["seen_at"],
                "namespaces": [
                    {
                        "namespace": app.namespace_id.name,
                        "object": app.uid,
                        "uid": app.uid,
                        "app": app.id,
                        "name": app.name,
                        "environment": "prod",
                        "created_at": self.seen()["seen_at"],
                        "labels": [],
                    }
                    for app in self.apps[:count]
                ],
            }
            return params

        self.check_costs("observe", prepare, OBSERVE)

    # -- what else holds of a claim ---------------------------------------------------

    def test_an_hour_without_the_api_server_costs_no_attempt(self):
        """Who does not reach a cluster gets no jobs of it; afterwards all are had at
        once, as many as the worker can take."""
        away = self.claim_params(100)
        away["clusters"][0] |= {"reachable": False, "version": None, "message": "away"}
        jobs = self.env["kubernetes.job"]
        for app in self.apps:
            jobs |= app._enqueue("deploy")
        for minute in range(60):
            with self.later(60 * minute):
                self.assertEqual(self.call("claim", away)["jobs"], [])
        self.env.invalidate_all()
        self.assertEqual(set(jobs.mapped("attempt")), {0})
        with self.later(3600):
            answer = self.call("claim", self.claim_params(40))
        self.assertEqual(len(answer["jobs"]), 40)
        self.assertEqual({job["attempt"] for job in answer["jobs"]}, {1})

    def test_what_failed_in_one_moment_does_not_come_back_in_one(self):
        jobs = self.claimed(100)
        jobs.attempt = 7
        self.settle()
        self.call("report", self.report_params(jobs, "retry", ERROR))
        self.env.invalidate_all()
        moments = jobs.mapped("run_at")
        self.assertEqual(set(jobs.mapped("state")), {"pending"})
        self.assertGreater(max(moments) - min(moments), timedelta(minutes=1))
        busiest = max(map(moments.count, moments))
        self.assertLess(busiest, 20, "of 100 in two minutes")

    # -- who observes --------------------------------------------------------------

    def asked(self, worker, process):
        """A process of the worker claims. Returns which clusters it is to observe, and
        how soon it is to ask again."""
        self.env.flush_all()
        answer = self.calls.with_user(worker.sudo().user_id)._answer(
            "claim",
            {
                "contract": 2,
                "contract_minimum": 1,
                **self.claim_params(0),
                "worker": {**WORKER, "instance": process},
            },
        )
        self.env.invalidate_all()
        return answer["observe"]["clusters"], answer["idle_seconds"]

    def test_of_the_workers_of_a_cluster_one_is_to_observe_it_and_the_others_stand_by(
        self,
    ):
        ours = [self.cluster.name]
        self.assertEqual(self.asked(self.worker, "a"), (ours, 60))
        self.assertEqual(self.asked(self.other_worker, "b"), ([], 60))
        self.assertEqual(self.asked(self.worker, "a"), (ours, 60))
        # The one is killed: the other one asks when its time is over, not much later.
        self.cluster.observed_until = fields.Datetime.now() + timedelta(seconds=20)
        clusters, seconds = self.asked(self.other_worker, "b")
        self.assertFalse(clusters)
        self.assertTrue(5 <= seconds <= 20, seconds)
        self.cluster.observed_until = fields.Datetime.now()
        self.assertEqual(self.asked(self.other_worker, "b"), (ours, 60))
        self.assertEqual(self.asked(self.worker, "a")[0], [])

    def test_who_only_looks_whether_it_would_work_takes_no_cluster_from_anybody(self):
        self.assertEqual(self.asked(self.worker, "")[0], [])
        self.assertTrue(self.asked(self.worker, "a")[0])
        self.assertEqual(self.asked(self.worker, "")[0], [])
        self.assertTrue(self.asked(self.worker, "a")[0])

    # -- what else holds of a whole set ----------------------------------------------

    def answers(self, params):
        said = self.call("report", params)["jobs"]
        self.env.invalidate_all()
        return [answer["answer"] for answer in said]

    def broken(self, method, bad):
        """What breaks for one job alone."""
        model = type(self.jobs)
        original = getattr(model, method)

        def maybe(job, *arguments):
            if job == bad:
                raise ValueError("what nobody thought of")
            return original(job, *arguments)

        return patch.object(model, method, maybe)

    @mute_logger(CALLS_LOG)
    def test_one_bad_job_in_a_report_harms_no_other(self):
        jobs = self.claimed(3)
        params = self.done_params(jobs)
        bad = jobs[1]
        with self.broken("_take_over", bad):
            self.assertEqual(self.answers(params), ["go_on"] * 3)
        self.assertEqual(jobs.mapped("state"), ["done", "pending", "done"])
        self.assertEqual(bad.error_code, "odoo_failed")
        self.assertIn("what the worker reported (ValueError)", bad.error_message)
        self.assertEqual(jobs[0].app_id.state, "running")
        self.assertEqual(bad.app_id.state, "deploying")
        self.assertEqual(jobs[2].step_ids.mapped("state"), ["done", "done"])

    @mute_logger(CALLS_LOG)
    def test_steps_that_cannot_be_kept_end_the_attempt(self):
        jobs = self.claimed(2)
        read = contract.read

        def misread(call, params):
            params = read(call, params)
            params["jobs"][0]["steps"][0]["state"] = "broken"
            return params

        with patch.object(contract, "read", misread):
            self.env.cr.execute(
                "ALTER TABLE kubernetes_job_step ADD CONSTRAINT known_states"
                " CHECK (state <> 'broken')"
            )
            with mute_logger("odoo.sql_db"):
                answers = self.answers(self.report_params(jobs))
        self.assertEqual(answers, ["stale", "go_on"])
        self.assertEqual(jobs.mapped("state"), ["pending", "running"])
        self.assertEqual(len(jobs[1].step_ids), 2)

    @mute_logger(CALLS_LOG, LIVE_LOG)
    def test_what_follows_and_fails_undoes_no_report(self):
        jobs = self.claimed(2)
        app = jobs[0].app_id

        def hook(of, job, result):
            if of == app:
                raise ValueError("no such member")

        params = self.done_params(jobs)
        with patch.object(type(app), "_after_deploy", hook, create=True):
            self.assertEqual(self.answers(params), ["go_on"] * 2)
        self.assertEqual(jobs.mapped("state"), ["done", "done"])
        self.assertIn("no such member", app.message_ids[:1].body)

    def test_the_same_job_twice_in_a_report_is_taken_over_in_turn(self):
        job = self.claimed(1)
        params = self.report_params(job)
        params["jobs"] += self.report_params(job, "done")["jobs"]
        self.assertEqual(self.answers(params), ["go_on", "go_on"])
        self.assertEqual(job.state, "done")

    def test_screens_and_workers_are_told_once_in_a_transaction(self):
        jobs = self.claimed(10)
        for app in jobs.app_id:
            app._enqueue("refresh")
        self.settle()
        bus = self.env["bus.bus"].sudo()
        bus.search([]).unlink()
        self.answers(self.done_params(jobs))
        told = [json.loads(message) for message in bus.search([]).mapped("message")]
        self.assertEqual(
            sorted(item["type"] for item in told), ["kubernetes.changed", WAKE_EVENT]
        )
        (changed,) = (
            item["payload"] for item in told if item["type"] == "kubernetes.changed"
        )
        self.assertEqual(set(changed["kubernetes.job"]), set(jobs.ids))
        self.assertEqual(set(changed["kubernetes.app"]), set(jobs.app_id.ids))

    def test_the_chatter_has_the_states_of_each_app_and_nothing_of_its_ingress(self):
        jobs = self.claimed(3)
        self.answers(self.done_params(jobs))
        for app in jobs.app_id:
            tracked = app.message_ids[:1].tracking_value_ids
            self.assertEqual(tracked.field_id.name, "state")
            self.assertEqual(
                (tracked.old_value_char, tracked.new_value_char),
                ("Deploying", "Running"),
            )
            self.assertEqual(app.ingress_state, "no_address")
