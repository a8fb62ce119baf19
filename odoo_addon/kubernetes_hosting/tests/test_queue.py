# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError

from ..models.kubernetes_job import (
    IDLE_SECONDS,
    LEASE_SECONDS,
    POLL_SECONDS,
    WAKE_EVENT,
)
from .common import KubernetesQueueCase


class TestQueue(KubernetesQueueCase):
    """The queue: what a worker gets, and what becomes of it."""

    # -- claim -------------------------------------------------------------------

    def test_claim_gives_a_lease_and_a_token(self):
        app = self.create_app()
        job = app._enqueue("deploy")
        self.assertEqual(self.claim(), job)
        self.assertEqual(job.state, "running")
        self.assertEqual(job.attempt, 1)
        self.assertEqual(len(job.token), 32)
        self.assertEqual(job.worker_id, self.worker)
        left = (job.lease_until - fields.Datetime.now()).total_seconds()
        self.assertAlmostEqual(left, LEASE_SECONDS, delta=2)
        self.assertEqual(app.namespace_id.state, "active")

    def test_claim_takes_no_more_than_asked_for(self):
        for name in ("shop", "wiki", "forum"):
            self.create_app(name)._enqueue("deploy")
        self.assertEqual(len(self.claim(limit=2)), 2)
        self.assertEqual(len(self.claim(limit=0)), 0)
        self.assertEqual(len(self.claim(limit=2)), 1)
        self.assertFalse(self.claim())

    def test_claim_goes_by_priority_then_time_then_age(self):
        old, early, first = (
            self.create_app(name)._enqueue("deploy")
            for name in ("old", "early", "first")
        )
        early.run_at -= timedelta(minutes=1)
        first.priority = 1
        self.assertEqual(self.claim().ids, [first.id, early.id, old.id])

    def test_customers_take_turns_however_many_jobs_one_of_them_has(self):
        partners = self.env["res.partner"]
        many, few = partners.create([{"name": "Many"}, {"name": "Few"}])
        person = partners.create({"name": "Person", "parent_id": many.id})
        jobs = {}
        for n in range(6):
            app = self.create_app(f"many-{n}", partner_id=(many, person)[n % 2].id)
            jobs[f"many-{n}"] = app._enqueue("deploy")
        for n in range(2):
            app = self.create_app(f"few-{n}", partner_id=few.id)
            jobs[f"few-{n}"] = app._enqueue("deploy")
        names = {job: name for name, job in jobs.items()}

        def next_ones(limit):
            return sorted(names[job] for job in self.claim(limit=limit))

        self.assertEqual(next_ones(2), ["few-0", "many-0"])
        # Those under way count: one that waits for an hour makes nobody else wait.
        self.assertEqual(next_ones(1), ["many-1"])
        self.assertEqual(next_ones(1), ["few-1"])
        jobs["many-5"].priority = 1
        self.assertEqual(next_ones(1), ["many-5"])
        self.assertEqual(len(next_ones(10)), 3, "nothing is held back for others")

    def test_claim_only_of_clusters_and_kinds_the_worker_serves(self):
        self.create_app()._enqueue("deploy")
        self.assertFalse(self.claim(clusters=["elsewhere"]))
        self.assertFalse(self.claim(clusters=[]))
        self.assertFalse(self.claim(kinds=["refresh"]))
        self.cluster.active = False
        self.assertFalse(self.claim())
        self.cluster.active = True
        self.assertTrue(self.claim())

    def test_one_running_job_per_app_and_the_oldest_first(self):
        app = self.create_app()
        deploy = app._enqueue("deploy")
        refresh = app._enqueue("refresh")
        self.assertEqual(self.claim(), deploy)
        again = app._enqueue("deploy")
        self.assertFalse(self.claim())
        deploy._conclude(self.outcome("done"))
        self.assertEqual(self.claim(), refresh)
        refresh._conclude(self.outcome("done"))
        self.assertEqual(self.claim(), again)

    def test_a_waiting_backoff_holds_back_nothing(self):
        app = self.create_app()
        deploy = app._enqueue("deploy")
        refresh = app._enqueue("refresh")
        deploy.run_at = fields.Datetime.now() + timedelta(minutes=5)
        self.assertEqual(self.claim(), refresh)
        with self.later(301):
            self.assertFalse(self.claim())
            refresh._conclude(self.outcome("done"))
            self.assertEqual(self.claim(), deploy)

    def test_what_this_worker_cannot_do_holds_back_nothing(self):
        app = self.create_app()
        other = app._enqueue("refresh")
        deploy = app._enqueue("deploy")
        self.assertEqual(self.claim(kinds=["deploy"]), deploy)
        self.assertEqual(other.state, "pending")

    def test_each_attempt_has_a_token_of_its_own(self):
        job = self.create_app()._enqueue("deploy")
        self.claim()
        first = job.token
        job._conclude(self.outcome("released"))
        self.assertFalse(job.token)
        self.claim()
        self.assertNotEqual(job.token, first)

    def test_the_token_is_for_nobody_to_read(self):
        self.create_app()._enqueue("deploy")
        job = self.claim().with_user(self.create_user("administrator"))
        with self.assertRaises(AccessError):
            job.read(["token"])
        with self.assertRaises(AccessError):
            job.search([("token", "!=", False)])

    # -- asking ------------------------------------------------------------------

    def test_a_second_request_joins_the_waiting_job_at_once(self):
        app = self.create_app()
        job = app._enqueue("deploy")
        job.run_at = fields.Datetime.now() + timedelta(minutes=5)
        self.assertEqual(app._enqueue("deploy"), job)
        self.assertLessEqual(job.run_at, fields.Datetime.now())

    def test_a_request_while_it_runs_waits_for_its_turn(self):
        app = self.create_app()
        running = app._enqueue("deploy")
        self.claim()
        waiting = app._enqueue("deploy")
        self.assertNotEqual(running, waiting)
        self.assertEqual(app._enqueue("deploy"), waiting)

    def test_delete_wins(self):
        app = self.create_app()
        running = app._enqueue("deploy")
        self.claim()
        waiting = app._enqueue("deploy") + app._enqueue("refresh")
        delete = app._enqueue("delete", {"keep_volumes": True})
        self.assertEqual(waiting.mapped("state"), ["cancelled", "cancelled"])
        self.assertTrue(running.cancel_requested)
        self.assertEqual(app.state, "deleting")
        running._conclude(self.outcome("cancelled"))
        self.assertEqual(self.claim(), delete)

    def test_new_jobs_wake_the_workers(self):
        with patch.object(
            type(self.env["bus.bus"]), "_sendone", autospec=True
        ) as sendone:
            self.create_app()._enqueue("deploy")
        calls = [call.args[1:] for call in sendone.call_args_list]
        self.assertIn((self.jobs._wake_channel(), WAKE_EVENT, {}), calls)

    def test_workers_hear_at_once_which_running_jobs_are_to_end(self):
        self.create_app()._enqueue("deploy")
        running = self.claim()
        waiting = self.create_app("other")._enqueue("deploy")
        jobs = running | waiting
        with patch.object(
            type(self.env["bus.bus"]), "_sendone", autospec=True
        ) as sendone:
            jobs.action_cancel()
            running.action_cancel()
        calls = [call.args[1:] for call in sendone.call_args_list]
        told = [call for call in calls if call[1] == WAKE_EVENT]
        self.assertEqual(
            told, [(self.jobs._wake_channel(), WAKE_EVENT, {"cancelled": running.ids})]
        )

    def test_the_wake_channel_cannot_be_guessed_and_stays(self):
        channel = self.jobs._wake_channel()
        self.assertRegex(channel, r"^kubernetes_worker_[0-9a-f]{32}$")
        self.assertEqual(self.jobs._wake_channel(), channel)

    def test_a_worker_that_is_woken_asks_again_when_something_is_due(self):
        """Nobody tells it of a retry, or of a lease that ends."""
        self.assertEqual(self.jobs._idle_seconds(self.cluster), IDLE_SECONDS)
        job = self.create_app()._enqueue("deploy")
        # Of this one somebody told.
        self.assertEqual(self.jobs._idle_seconds(self.cluster), IDLE_SECONDS)
        for delay, seconds in ((20, 20), (2, POLL_SECONDS), (600, IDLE_SECONDS)):
            job.run_at = fields.Datetime.now() + timedelta(seconds=delay)
            self.assertAlmostEqual(
                self.jobs._idle_seconds(self.cluster), seconds, delta=1
            )
        job.run_at = fields.Datetime.now()
        self.claim()
        job.lease_until = fields.Datetime.now() + timedelta(seconds=30)
        self.assertAlmostEqual(self.jobs._idle_seconds(self.cluster), 30, delta=1)
        job._finish("done")
        self.assertEqual(self.jobs._idle_seconds(self.cluster), IDLE_SECONDS)
        # What another worker gets is not waited for.
        job.write({"state": "pending", "run_at": fields.Datetime.now()})
        other = self.env["kubernetes.cluster"]
        self.assertEqual(self.jobs._idle_seconds(other), IDLE_SECONDS)

    def test_what_was_held_back_by_a_job_of_its_app_is_told_when_that_ends(self):
        app = self.create_app()
        app._enqueue("deploy")
        running = self.claim()
        app._enqueue("refresh")
        self.env.cr.flush()
        with patch.object(
            type(self.env["bus.bus"]), "_sendone", autospec=True
        ) as sendone:
            running._conclude(self.outcome("done"))
        calls = [call.args[1:] for call in sendone.call_args_list]
        self.assertIn((self.jobs._wake_channel(), WAKE_EVENT, {}), calls)

    # -- lease -------------------------------------------------------------------

    def test_a_lost_lease_puts_the_job_back_and_counts_the_attempt(self):
        app = self.create_app()
        job = app._enqueue("deploy")
        self.claim()
        job._record_steps(
            [
                {
                    "number": 1,
                    "code": "fetching",
                    "state": "running",
                    "started_at": fields.Datetime.now(),
                    "seconds": None,
                    "message": "",
                }
            ]
        )
        with self.later(LEASE_SECONDS - 5):
            self.jobs._expire_leases()
            self.assertEqual(job.state, "running")
        with self.later(LEASE_SECONDS + 5):
            self.jobs._expire_leases()
            self.assertEqual(job.state, "pending")
            self.assertEqual(job.error_code, "lease_lost")
            self.assertIn("worker-1", job.error_message)
            self.assertEqual(job.step_ids.state, "failed")
            self.assertEqual(app.state, "deploying")
            self.assertEqual(self.claim(worker=self.other_worker), job)
            self.assertEqual(job.attempt, 2)
            self.assertEqual(job.worker_id, self.other_worker)

    def test_news_extend_the_lease(self):
        job = self.create_app()._enqueue("deploy")
        self.claim()
        with self.later(LEASE_SECONDS - 5):
            job._extend_lease()
        with self.later(LEASE_SECONDS + 5):
            self.jobs._expire_leases()
            self.assertEqual(job.state, "running")

    def test_used_up_attempts_fail_the_job(self):
        app = self.create_app()
        job = app._enqueue("deploy")
        for attempt in range(1, 9):
            with self.later(attempt * 1000):
                self.assertEqual(self.claim(), job)
                self.assertEqual(job.attempt, attempt)
            with self.later(attempt * 1000 + LEASE_SECONDS + 5):
                self.jobs._expire_leases()
        self.assertEqual(job.state, "failed")
        self.assertEqual(app.state, "failed")
        self.assertIn("worker runs", app.state_message)

    def test_the_cron_takes_back_jobs_and_marks_the_unseen(self):
        self.worker._seen(
            fields.Datetime.now(),
            {"name": "w", "instance": "i", "version": "1", "machine": ""},
            self.cluster,
        )
        self.cluster._seen(
            fields.Datetime.now(),
            {"reachable": True, "version": "v1.35.4", "message": ""},
        )
        job = self.create_app()._enqueue("deploy")
        self.claim()
        with self.later(300):
            cron = self.env.ref("kubernetes_hosting.ir_cron_watch")
            cron.ir_actions_server_id.run()
        self.assertEqual(job.state, "pending")
        self.assertEqual(self.worker.state, "offline")
        self.assertEqual(self.cluster.state, "unknown")

    def test_what_was_said_of_a_cluster_or_asked_for_ends_with_its_state(self):
        self.worker.sudo().write(
            {
                "state": "online",
                "last_seen": fields.Datetime.now(),
                "asked_clusters": "edge",
            }
        )
        self.cluster._seen(
            fields.Datetime.now(),
            {"reachable": False, "version": None, "message": "connection refused"},
        )
        self.assertEqual(self.cluster.message, "connection refused")
        with self.later(300):
            cron = self.env.ref("kubernetes_hosting.ir_cron_watch")
            cron.ir_actions_server_id.run()
        self.assertEqual(self.cluster.state, "unknown")
        self.assertFalse(self.cluster.message)
        self.assertEqual(self.worker.state, "offline")
        self.assertFalse(self.worker.asked_clusters)

    # -- outcome -----------------------------------------------------------------

    def test_done(self):
        app = self.create_app()
        job = app._enqueue("deploy")
        self.claim()
        inventory = [
            {"api_version": "v1", "kind": "Service", "namespace": "n", "name": "odoo"}
        ]
        job._conclude(
            self.outcome(
                "done",
                observation=self.observation("running"),
                inventory=inventory,
                manifests=[
                    {
                        "id": self.manifests[0].id,
                        "digest": "sha256:1",
                        "content": "kind: Service",
                        "files": [],
                        "variables": ["a", "b"],
                    },
                    {
                        "id": self.manifests[0].copy().id,
                        "digest": "sha256:2",
                        "content": "not this app's",
                        "files": [],
                        "variables": [],
                    },
                ],
            )
        )
        self.assertEqual(job.state, "done")
        self.assertFalse(job.token or job.lease_until)
        self.assertEqual(app.state, "running")
        self.assertEqual(app.inventory, inventory)
        rows = app._shown_objects()
        self.assertEqual(
            [(row["kind"], row["name"], row["health"]) for row in rows],
            [("Service", "odoo", "unknown")],
        )
        self.assertEqual(app.ingress_state, "ready")
        self.assertEqual(self.manifests[0].content, "kind: Service")
        self.assertEqual(self.manifests[0].variables, ["a", "b"])
        self.assertFalse(
            self.env["kubernetes.manifest"].search([("digest", "=", "sha256:2")])
        )

    def test_inventory_null_keeps_what_is_known(self):
        app = self.deployed()
        app.inventory = [{"api_version": "v1", "kind": "Pod", "name": "a"}]
        app._enqueue("refresh")
        self.claim()._conclude(self.outcome("done"))
        self.assertTrue(app.inventory)

    def test_failed(self):
        app = self.create_app()
        app._enqueue("deploy")
        job = self.claim()
        job._conclude(self.outcome("failed", "template_render"))
        self.assertEqual(job.state, "failed")
        self.assertEqual(app.state, "failed")
        self.assertEqual(app.state_message, "It broke\nMend it")
        notes = " ".join(app.message_ids.mapped("body"))
        self.assertIn("Apply failed: It broke", notes)

    def test_retry_waits_longer_each_time_up_to_ten_minutes(self):
        job = self.create_app()._enqueue("deploy")
        at_least = [10, 20, 40, 80, 160, 320, 600]
        for attempt, seconds in enumerate(at_least, 1):
            with self.later(attempt * 10000):
                self.claim()
                self.assertEqual(job.attempt, attempt)
                job._conclude(self.outcome("retry", "cluster_unreachable"))
                self.assertEqual(job.state, "pending")
                delay = (job.run_at - fields.Datetime.now()).total_seconds()
                self.assertGreaterEqual(delay, seconds)
                self.assertLessEqual(delay, seconds * 1.2)
                self.assertFalse(self.claim())
        with self.later(100000):
            self.claim()
            job._conclude(self.outcome("retry", "cluster_unreachable"))
        self.assertEqual(job.attempt, 8)
        self.assertEqual(job.state, "failed")

    def test_a_retrying_app_says_what_is_wrong(self):
        app = self.create_app()
        app._enqueue("deploy")
        self.claim()._conclude(self.outcome("retry", "cluster_unreachable"))
        self.assertEqual(app.state, "deploying")
        self.assertEqual(app.state_message, "It broke\nMend it")

    def test_an_attempt_that_runs_says_nothing_of_the_one_before(self):
        app = self.create_app()
        job = app._enqueue("deploy")
        self.claim()._conclude(self.outcome("retry", "cluster_unreachable"))
        with self.later(100):
            self.assertEqual(self.claim(), job)
            self.assertEqual((job.state, job.attempt), ("running", 2))
            self.assertFalse(job._error_text())
            self.assertFalse(job.error_code)
            self.assertFalse(app.state_message)
            # Its own error takes the place, and none is left when it goes well.
            job._conclude(self.outcome("retry", "manifest_fetch"))
            self.assertEqual(job.error_code, "manifest_fetch")
            self.assertEqual(app.state_message, "It broke\nMend it")

    def test_released_is_free_at_once_and_does_not_count(self):
        job = self.create_app()._enqueue("deploy")
        for _restart in range(20):
            self.claim()
            job._conclude(self.outcome("released"))
            self.assertEqual(job.state, "pending")
        self.assertEqual(job.max_attempts - job.attempt, 8)
        self.assertEqual(self.claim(worker=self.other_worker), job)

    def test_cancel_of_a_waiting_job(self):
        app = self.create_app()
        job = app._enqueue("deploy")
        job.action_cancel()
        self.assertEqual(job.state, "cancelled")
        self.assertEqual(app.state, "new")
        self.assertFalse(self.claim())

    def test_cancel_of_a_running_job(self):
        app = self.create_app()
        job = app._enqueue("deploy")
        self.claim()
        job.action_cancel()
        self.assertEqual(job.state, "running")
        self.assertTrue(job.cancel_requested)
        job._conclude(self.outcome("cancelled"))
        self.assertEqual(job.state, "cancelled")
        with self.assertRaisesRegex(UserError, "nothing left to cancel"):
            job.action_cancel()

    def test_a_cancelled_job_is_not_tried_again(self):
        for end in ("retry", "released"):
            app = self.create_app(f"app-{end}")
            job = app._enqueue("deploy")
            self.claim()
            job.action_cancel()
            job._conclude(self.outcome(end, "cluster_unreachable"))
            self.assertEqual(job.state, "cancelled")

    def test_a_cancelled_job_of_a_lost_worker_is_cancelled(self):
        job = self.create_app()._enqueue("deploy")
        self.claim()
        job.action_cancel()
        with self.later(LEASE_SECONDS + 5):
            self.jobs._expire_leases()
        self.assertEqual(job.state, "cancelled")

    def test_retry_by_hand(self):
        app = self.create_app()
        job = app._enqueue("deploy")
        with self.assertRaisesRegex(UserError, "nothing to retry"):
            job.action_retry()
        self.claim()._conclude(self.outcome("failed", "template_render"))
        job.action_retry()
        self.assertEqual(app.state, "deploying")
        self.assertNotEqual(self.claim(), job)

    def test_a_retry_gives_way_to_a_newer_request(self):
        app = self.create_app()
        first = app._enqueue("deploy")
        self.claim()
        second = app._enqueue("deploy")
        first._conclude(self.outcome("retry", "cluster_unreachable"))
        self.assertEqual(first.state, "cancelled")
        self.assertEqual(first.error_code, "cluster_unreachable")
        self.assertEqual(self.claim(), second)

    # -- the app's state ---------------------------------------------------------

    def test_observations_move_the_state(self):
        app = self.deployed()
        now = fields.Datetime.now()
        for n, (seen, state) in enumerate(
            [
                ("degraded", "degraded"),
                ("stopped", "stopped"),
                ("missing", "degraded"),
                ("running", "running"),
            ]
        ):
            app._apply_observation(
                self.observation(seen, now + timedelta(seconds=n), message="why")
            )
            self.assertEqual(app.state, state)

    def test_older_observations_are_dropped(self):
        app = self.deployed()
        app._apply_observation(
            self.observation("degraded", app.observed_at - timedelta(seconds=1))
        )
        self.assertEqual(app.state, "running")

    def test_what_another_worker_saw_counts_whatever_its_clock_says(self):
        """Each tells what is news to it, and nothing twice: what was dropped would
        never be known."""
        app = self.deployed()
        earlier = app.observed_at - timedelta(minutes=2)
        ahead = fields.Datetime.now() + timedelta(minutes=2)
        for run, seen_at, state in (
            ("first", ahead, "degraded"),
            ("second", fields.Datetime.now(), "running"),
            ("third", earlier, "degraded"),
        ):
            seen = self.observation(state, seen_at)
            app.with_context(kubernetes_worker_run=run)._apply_observation(seen)
            self.assertEqual((app.state, app.observed_by), (state, run))
        before = self.observation("running", earlier - timedelta(seconds=1))
        app.with_context(kubernetes_worker_run="third")._apply_observation(before)
        self.assertEqual(app.state, "degraded", "older news of the same worker")

    def test_a_deploy_that_got_ready_late_heals(self):
        app = self.create_app()
        app._enqueue("deploy")
        self.claim()._conclude(self.outcome("failed", "not_ready"))
        self.assertEqual(app.state, "failed")
        app._apply_observation(
            self.observation("running", fields.Datetime.now() + timedelta(seconds=9))
        )
        self.assertEqual(app.state, "running")

    def test_a_broken_template_stays_failed_while_the_old_version_runs(self):
        app = self.deployed()
        app._enqueue("deploy")
        self.claim()._conclude(self.outcome("failed", "template_render"))
        app._apply_observation(
            self.observation("running", fields.Datetime.now() + timedelta(seconds=9))
        )
        self.assertEqual(app.state, "failed")
        self.assertEqual(app.observed_state, "running")

    def test_a_failed_deploy_can_be_repeated_or_deleted(self):
        app = self.create_app()
        app._enqueue("deploy")
        self.claim()._conclude(self.outcome("failed", "apply_refused"))
        app.action_apply()
        self.claim()._conclude(self.outcome("failed", "apply_refused"))
        app._enqueue("delete", {"keep_volumes": False})
        self.claim()._conclude(self.outcome("done", namespace_deleted=True))
        self.assertEqual(app.state, "deleted")

    # -- delete ------------------------------------------------------------------

    def test_a_deleted_app_frees_its_name_and_never_opens_its_volumes(self):
        app = self.deployed()
        app._enqueue("delete", {"keep_volumes": True})
        self.claim()._conclude(self.outcome("done", inventory=[]))
        self.assertEqual(app.state, "deleted")
        self.assertFalse(app.active)
        self.assertFalse(app.hostname_ids)
        self.assertEqual(app.namespace_id.state, "kept")
        second = self.deployed()
        self.assertEqual(second.namespace_id.name, "shop-prod-2")
        second._enqueue("delete", {"keep_volumes": False})
        self.claim()._conclude(self.outcome("done", namespace_deleted=True))
        self.assertEqual(second.namespace_id.state, "deleted")
        self.assertEqual(self.create_app().namespace_id.name, "shop-prod-2")

    def test_kept_volumes_can_be_deleted_later(self):
        app = self.deployed()
        app._enqueue("delete", {"keep_volumes": True})
        self.claim()._conclude(self.outcome("done"))
        with self.assertRaisesRegex(UserError, "Delete Volumes"):
            app.unlink()
        wizard = self.env["kubernetes.app.delete"].create(
            {"app_id": app.id, "confirmed_name": "unit/shop-prod"}
        )
        self.assertTrue(wizard.delete_volumes)
        wizard.action_confirm()
        self.assertEqual(app.state, "deleting")
        self.claim()._conclude(self.outcome("done", namespace_deleted=True))
        self.assertEqual(app.namespace_id.state, "deleted")
        self.assertEqual(app.state, "deleted")
        with self.assertRaisesRegex(UserError, "deleted already"):
            app._enqueue("delete")
        app.unlink()

    def test_a_cancelled_delete_leaves_an_app_that_can_be_applied(self):
        app = self.deployed()
        app._enqueue("delete").action_cancel()
        self.assertEqual(app.state, "running")
        self.assertEqual(app.wanted_state, "running")
        app.action_apply()

    def test_a_failed_delete_can_be_repeated(self):
        app = self.deployed()
        app._enqueue("delete", {"keep_volumes": True})
        job = self.claim()
        job._conclude(self.outcome("failed", "apply_refused"))
        self.assertEqual(app.state, "failed")
        self.assertTrue(app.hostname_ids)
        job.action_retry()
        self.claim()._conclude(self.outcome("done"))
        self.assertEqual(app.state, "deleted")

    def test_observations_of_a_deleted_app_change_nothing(self):
        app = self.deployed()
        app._enqueue("delete", {"keep_volumes": True})
        self.claim()._conclude(self.outcome("done"))
        app._apply_observation(
            self.observation("running", fields.Datetime.now() + timedelta(seconds=9))
        )
        self.assertEqual(app.state, "deleted")
        self.assertEqual(app.observed_state, "unknown")
