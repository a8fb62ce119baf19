# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from unittest.mock import patch

from psycopg2.errors import UniqueViolation

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tools import mute_logger

from .common import KINDS, KubernetesQueueCase

BOTH = ("unit", "other")
INVENTORY = [
    {
        "api_version": "v1",
        "kind": "Service",
        "namespace": "shop-prod",
        "name": "odoo",
    }
]
LIVE = "odoo.addons.kubernetes_hosting.models.kubernetes_live"


class MoveCase(KubernetesQueueCase):
    """Two clusters, one worker that serves both, one that serves the new one alone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.cluster.copy(
            {"name": "other", "url_pattern": "https://{hostname}", "company_id": False}
        )
        both = cls.cluster | cls.other
        cls.worker.cluster_ids = [Command.set(both.ids)]
        cls.worker.sudo().write(
            {"state": "online", "announced_cluster_ids": [Command.set(both.ids)]}
        )
        cls.other_worker.cluster_ids = [Command.set(cls.other.ids)]
        both.sudo().state = "reachable"
        cls.operator = cls.create_user("operator")
        cls.app = cls.create_app("shop")

    def setUp(self):
        super().setUp()
        self.app._enqueue("deploy")
        self.claim()._conclude(
            self.outcome(
                "done",
                observation=self.observation("running"),
                inventory=INVENTORY,
            )
        )
        self.old = self.app.namespace_id

    def start(self, keep_volumes=False):
        return self.app.with_user(self.operator)._move_to(self.other, keep_volumes)

    def take(self, **values):
        return self.claim(**{"limit": 1, "clusters": BOTH, **values})

    def done(self, **result):
        """The worker takes the next job and does it; returns the job."""
        job = self.take()
        deleted = job.kind in ("move_out", "delete")
        job._conclude(self.outcome("done", **{"namespace_deleted": deleted, **result}))
        return job

    def failed(self):
        job = self.take()
        job._conclude(self.outcome("failed", "apply_refused"))
        return job

    def story(self, move):
        return [
            (step.kind, step.state) for step in move.step_ids.sorted("sequence, id")
        ]

    def wizard(self, **values):
        return (
            self.env["kubernetes.app.relocate"]
            .with_user(self.operator)
            .create({"app_id": self.app.id, **values})
        )


class TestMove(MoveCase):
    def test_an_app_moves_with_each_step_in_the_story(self):
        """Issue 17, number 8."""
        app, old = self.app, self.old
        move = self.start()
        self.assertEqual(app.open_move_id, move)
        self.assertEqual(app.state, "running")
        self.assertEqual((move.step_id.kind, move.step_id.state), ("deploy", "running"))
        new = move.to_namespace_id
        self.assertEqual((new.cluster_id, new.state), (self.other, "new"))

        job = self.take()
        self.assertEqual((job.kind, job.cluster_id), ("move_in", self.other))
        self.assertEqual(new.state, "active")
        self.assertEqual((app.cluster_id, app.namespace_id), (self.cluster, old))
        job._conclude(
            self.outcome(
                "done",
                inventory=[{**INVENTORY[0], "name": "there"}],
                observation=self.observation("degraded"),
            )
        )
        self.assertEqual((app.cluster_id, app.namespace_id), (self.other, new))
        self.assertEqual(app.inventory[0]["name"], "there")
        self.assertEqual(app.hostname, "shop.apps.example.com")
        self.assertEqual(app.url, "https://shop.apps.example.com")
        self.assertEqual(app.hostname_ids.cluster_id, self.other)
        self.assertTrue(move.is_switched)
        self.assertEqual((old.state, app.state), ("active", "running"))

        out = self.take()
        if out.kind == "refresh":
            out._conclude(self.outcome("done", observation=self.observation("running")))
            out = self.take()
        self.assertEqual((out.kind, out.cluster_id), ("move_out", self.cluster))
        values = out._contract_values()
        self.assertEqual(values["app"]["namespace"], "shop-prod")
        self.assertEqual(values["app"]["inventory"], INVENTORY)
        self.assertFalse(values["options"]["keep_volumes"])
        self.assertEqual(values["secret"], [])
        out._conclude(self.outcome("done", namespace_deleted=True, inventory=[]))
        self.assertEqual((old.state, move.state), ("deleted", "done"))
        self.assertEqual(app.inventory[0]["name"], "there")
        self.assertFalse(app.open_move_id)
        self.assertEqual(
            self.story(move),
            [
                ("check", "done"),
                ("deploy", "done"),
                ("switch", "done"),
                ("delete", "done"),
            ],
        )
        for step in move.step_ids:
            self.assertLessEqual(step.started_at, step.finished_at)
        notes = "\n".join(app.message_ids.mapped("body"))
        self.assertIn("Move from the cluster unit to other requested", notes)
        self.assertIn("Moved from unit to other", notes)

    def test_the_worker_learns_where_the_passwords_are(self):
        self.start()
        values = self.take()._contract_values()
        self.assertEqual(
            values["options"],
            {"from": {"cluster": "unit", "namespace": "shop-prod"}},
        )
        self.assertEqual(values["cluster"]["name"], "other")
        self.assertEqual(values["app"]["uid"], self.app.uid)
        self.assertEqual(values["app"]["inventory"], [])
        self.assertEqual(values["app"]["url"], "https://shop.apps.example.com")
        self.assertEqual(len(values["manifests"]), 2)
        self.assertTrue(values["secret"])

    def test_its_domains_go_along(self):
        self.app.served_domains = ["www.example.org"]
        self.start()
        values = self.take()._contract_values()["app"]
        self.assertEqual(values["domains"], ["www.example.org"])
        # Nobody makes a certificate there.
        self.assertEqual(values["url"], "http://www.example.org")

    def test_only_a_worker_of_both_clusters_takes_it(self):
        self.start()
        self.assertFalse(self.take(worker=self.other_worker))
        self.assertFalse(self.take(clusters=("other",)))
        self.assertEqual(self.take().kind, "move_in")

    def test_an_older_worker_is_not_given_it(self):
        self.start()
        kinds = [kind for kind in KINDS if not kind.startswith("move")]
        self.assertFalse(self.take(kinds=kinds))

    def test_a_taken_name_is_not_shared(self):
        self.env["kubernetes.namespace"].create(
            {"name": "shop-prod", "cluster_id": self.other.id, "state": "kept"}
        )
        self.assertEqual(self.start().to_namespace_id.name, "shop-prod-2")

    def test_two_at_once_are_refused(self):
        move = self.start()
        with self.assertRaisesRegex(UserError, "being moved already"):
            self.start()
        with (
            self.assertRaises(UniqueViolation),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            move.create(
                {
                    "app_id": self.app.id,
                    "from_cluster_id": self.cluster.id,
                    "from_namespace_id": self.old.id,
                    "to_cluster_id": self.other.id,
                    "to_namespace_id": move.to_namespace_id.id,
                }
            )
            self.env.flush_all()

    def test_a_failed_step_says_so_and_goes_on_by_retry(self):
        move = self.start()
        job = self.failed()
        self.assertEqual((move.state, move.step_id.kind), ("failed", "deploy"))
        self.assertIn("passwords (Failed)\nIt broke", self.app.move_text)
        self.assertTrue(self.app.move_failed)
        self.assertEqual(
            (self.app.state, self.app.cluster_id), ("running", self.cluster)
        )
        reasons = self.env["kubernetes.attention"].search(
            [("app_id", "=", self.app.id)]
        )
        self.assertEqual(reasons.job_id, job)
        # By the job's own button as by the move's.
        job.with_user(self.operator).action_retry()
        self.assertEqual(move.state, "running")
        self.done()
        self.assertTrue(move.is_switched)
        while move.state == "running":
            self.done()
        self.assertEqual(
            self.story(move)[:4],
            [
                ("check", "done"),
                ("deploy", "failed"),
                ("deploy", "done"),
                ("switch", "done"),
            ],
        )
        with self.assertRaisesRegex(UserError, "has not failed"):
            move.with_user(self.operator).action_retry()

    def test_a_failed_delete_goes_on_by_retry_and_cannot_be_cancelled(self):
        move = self.start()
        self.done()
        while not (job := self.take()).kind == "move_out":
            job._conclude(self.outcome("done"))
        job._conclude(self.outcome("failed", "delete_timeout"))
        self.assertEqual((move.state, move.step_id.kind), ("failed", "delete"))
        self.assertEqual(self.app.state, "running")
        with self.assertRaisesRegex(UserError, "cannot be cancelled any more"):
            move.with_user(self.operator).action_cancel()
        self.app.with_user(self.operator).action_retry_move()
        self.done()
        self.assertEqual((move.state, self.old.state), ("done", "deleted"))

    def test_a_lost_worker_costs_no_more_than_time(self):
        move, lost, seconds = self.start(), [], 0
        while move.state == "running":
            with self.later(seconds):
                job = self.take()
            seconds += 120
            with self.later(seconds):
                if job.attempt == 1:
                    lost.append(job.kind)
                    self.jobs._expire_leases()
                    self.assertEqual((job.state, move.state), ("pending", "running"))
                else:
                    job._conclude(self.outcome("done", namespace_deleted=True))
        self.assertEqual(move.state, "done")
        self.assertLessEqual({"move_in", "move_out"}, set(lost))

    def test_what_did_not_follow_follows_later(self):
        """Odoo is killed, or fails, between a job's end and the next step."""
        move = self.start()
        with (
            patch.object(
                type(move), "_do_switch", side_effect=ValueError("x"), autospec=True
            ),
            mute_logger(LIVE),
        ):
            self.done()
        self.assertEqual((move.state, move.step_id.kind), ("running", "deploy"))
        self.assertEqual(self.app.cluster_id, self.cluster)
        self.env["kubernetes.job"]._cron_watch()
        self.assertTrue(move.is_switched)
        self.assertEqual(self.app.cluster_id, self.other)

    def test_an_apply_meanwhile_is_taken_along(self):
        move = self.start()
        job = self.take()
        self.app._enqueue("deploy")
        job._conclude(self.outcome("done"))
        self.assertTrue(move.is_switched)
        # It waited, and is done where the app is now.
        waiting = self.app._jobs([("kind", "=", "deploy"), ("state", "=", "pending")])
        self.assertEqual(waiting.cluster_id, self.other)

    def test_an_apply_done_meanwhile_is_done_there_again(self):
        move = self.start()
        self.failed()
        self.app._enqueue("deploy")
        self.assertEqual(self.done().kind, "deploy")
        self.app.action_retry_move()
        job = self.take()
        later = self.app._enqueue("deploy")
        later.sudo().attempt = 1
        job._conclude(self.outcome("done"))
        self.assertFalse(move.is_switched)
        self.assertEqual((move.step_id.kind, move.state), ("deploy", "running"))

    def test_what_was_changed_is_applied_with_the_move(self):
        self.app.limit_cpu = 4
        self.assertTrue(self.app.is_changed)
        self.start()
        self.done()
        self.assertFalse(self.app.is_changed)

    def test_a_stopped_app_is_stopped_there_too(self):
        self.app._enqueue("stop")
        self.done(observation=self.observation("stopped"))
        self.start()
        self.done()
        kinds = self.app._jobs([("state", "=", "pending")]).mapped("kind")
        self.assertIn("stop", kinds)
        self.assertEqual(self.app.wanted_state, "stopped")

    def test_observations_of_the_new_place_do_not_count_before_the_switch(self):
        move = self.start()
        self.take()
        seen = {
            "id": self.app.id,
            "uid": self.app.uid,
            "namespace": move.to_namespace_id.name,
            "observation": self.observation("degraded"),
        }
        call = self.env["kubernetes.worker.call"]
        self.assertFalse(call._observe_apps(self.other, [seen]))
        self.assertEqual(self.app.observed_state, "running")
        self.assertEqual(
            call._observe_apps(self.other, [{**seen, "namespace": "stranger"}]),
            ["stranger"],
        )

    def test_neither_side_is_taken_for_a_stranger(self):
        """Drift and orphans: both namespaces are known while the app moves."""
        move = self.start()
        job = self.take()
        self.assert_both_are_known(move, 60)
        job._conclude(self.outcome("done"))
        self.assertTrue(move.is_switched)
        self.assert_both_are_known(move, 120)

    def assert_both_are_known(self, move, seconds):
        found = self.env["kubernetes.namespace.found"]
        for cluster, namespace in (
            (self.cluster, move.from_namespace_id),
            (self.other, move.to_namespace_id),
        ):
            item = {
                "namespace": namespace.name,
                "object": "k",
                "uid": self.app.uid,
                "app": self.app.id,
                "name": "shop",
                "environment": "prod",
                "created_at": None,
                "labels": [],
            }
            with self.later(seconds):
                now = fields.Datetime.now()
                found._compare(cluster, {"looked_at": now, "namespaces": [item]})
            self.assertFalse(found.search([("cluster_id", "=", cluster.id)]))
            self.assertEqual(namespace.state, "active")


class TestMoveCancelled(MoveCase):
    def test_before_anything_was_made(self):
        move = self.start()
        self.app.with_user(self.operator).action_cancel_move()
        self.assertEqual(move.state, "cancelled")
        self.assertEqual(move.to_namespace_id.state, "deleted")
        self.assertFalse(self.take())
        self.assertEqual(
            (self.app.cluster_id, self.app.namespace_id), (self.cluster, self.old)
        )
        self.assertEqual(
            self.story(move),
            [
                ("check", "done"),
                ("deploy", "cancelled"),
                ("switch", "cancelled"),
                ("delete", "cancelled"),
                ("undo", "done"),
            ],
        )
        self.start()

    def test_while_it_is_deployed_there(self):
        move = self.start()
        job = self.take()
        move.with_user(self.operator).action_cancel()
        self.assertTrue(job.cancel_requested)
        with self.assertRaisesRegex(UserError, "cannot be cancelled any more"):
            move.action_cancel()
        job._conclude(
            self.outcome("cancelled", inventory=[{**INVENTORY[0], "name": "there"}])
        )
        undo = self.take()
        self.assertEqual((undo.kind, undo.cluster_id), ("move_out", self.other))
        values = undo._contract_values()
        self.assertEqual(values["app"]["inventory"][0]["name"], "there")
        self.assertFalse(values["options"]["keep_volumes"])
        undo._conclude(self.outcome("done", namespace_deleted=True))
        self.assertEqual(move.state, "cancelled")
        self.assertEqual(move.to_namespace_id.state, "deleted")
        self.assertEqual((self.app.inventory, self.app.state), (INVENTORY, "running"))

    def test_too_late_for_the_worker(self):
        """The job was done before it heard of it."""
        move = self.start()
        job = self.take()
        move.action_cancel()
        job._conclude(self.outcome("done"))
        self.assertFalse(move.is_switched)
        self.assertEqual(self.done().kind, "move_out")
        self.assertEqual(move.state, "cancelled")

    def test_after_a_failure(self):
        move = self.start()
        self.failed()
        move.action_cancel()
        self.assertEqual(self.failed().kind, "move_out")
        self.assertEqual((move.state, move.step_id.kind), ("failed", "undo"))
        move.action_retry()
        self.done()
        self.assertEqual(move.state, "cancelled")
        self.assertFalse(
            self.env["kubernetes.attention"].search(
                [("app_id", "=", self.app.id), ("reason", "=", "job_failed")]
            )
        )

    def test_a_cancelled_job_stops_the_move(self):
        move = self.start()
        self.take().action_cancel()
        move.job_ids._conclude(self.outcome("cancelled"))
        self.assertEqual(move.state, "failed")
        self.assertEqual(move.step_message, "The job was cancelled.")
        move.action_retry()
        self.done()
        self.assertTrue(move.is_switched)


class TestMoveAndDelete(MoveCase):
    def test_deleted_before_the_switch_it_goes_on_both(self):
        move = self.start()
        job = self.take()
        self.app._enqueue("delete", {"keep_volumes": False})
        job._conclude(self.outcome("cancelled"))
        kinds = {self.done().kind, self.done().kind}
        self.assertEqual(kinds, {"delete", "move_out"})
        self.assertEqual((self.app.state, move.state), ("deleted", "cancelled"))
        self.assertEqual(self.old.state, "deleted")
        self.assertEqual(move.to_namespace_id.state, "deleted")

    def test_deleted_after_the_switch_it_goes_on_both(self):
        move = self.start()
        self.done()
        self.app._enqueue("delete", {"keep_volumes": False})
        places = set()
        while job := self.take():
            places.add((job.kind, job.cluster_id))
            job._conclude(self.outcome("done", namespace_deleted=True))
        self.assertLessEqual(
            {("delete", self.other), ("move_out", self.cluster)}, places
        )
        self.assertEqual((self.app.state, move.state), ("deleted", "done"))
        self.app.unlink()

    def test_kept_volumes_are_deleted_later(self):
        move = self.start(keep_volumes=True)
        self.done()
        while move.state == "running":
            job = self.take()
            job._conclude(self.outcome("done"))
        self.assertTrue(job.options["keep_volumes"])
        self.assertEqual((move.state, self.old.state), ("done", "kept"))
        self.assertEqual(self.old.moving_uid, self.app.uid)
        self.app._enqueue("delete", {"keep_volumes": False})
        self.done()
        with self.assertRaisesRegex(UserError, "may still be in the cluster"):
            self.app.unlink()
        move.with_user(self.operator).action_delete_volumes()
        with self.assertRaisesRegex(UserError, "being deleted already"):
            move.action_delete_volumes()
        self.done()
        self.assertEqual((move.state, self.old.state), ("done", "deleted"))
        self.app.unlink()


class TestMoveRefused(MoveCase):
    def refused(self, words):
        with self.assertRaisesRegex(UserError, words):
            self.start()
        self.assertFalse(self.app.move_ids)

    def test_where_it_is_already(self):
        with self.assertRaisesRegex(UserError, "is on unit already"):
            self.app._move_to(self.cluster, False)

    def test_onto_a_cluster_that_is_drained(self):
        self.other.sudo().draining = True
        self.refused("is being drained")

    def test_onto_one_that_is_full(self):
        self.other.sudo().capacity = {
            "nodes": 1,
            "nodes_ready": 1,
            "cpu_millicores": 1000,
            "cpu_millicores_requested": 1000,
            "memory_mib": 1024,
            "memory_mib_requested": 1,
            "pods": 10,
            "pods_requested": 1,
            "message": "",
        }
        self.refused("has no room")

    def test_without_a_worker_of_both(self):
        self.worker.sudo().announced_cluster_ids = self.other
        self.refused("No worker that is online reaches both")

    def test_of_another_company(self):
        company = self.env["res.company"].create({"name": "Other"})
        self.other.sudo().company_id = company
        self.refused("of another company")

    def test_an_app_that_is_not_there(self):
        self.app = self.create_app("fresh")
        self.refused("there is nothing to move")

    def test_a_reset_while_it_moves(self):
        self.start()
        with self.assertRaisesRegex(UserError, "is being moved to another cluster"):
            self.app._check_may_enqueue("reset", {"reset": "empty"})

    def test_by_who_only_looks(self):
        move = self.start()
        self.failed()
        person = self.create_user("user")
        with self.assertRaises(AccessError):
            self.app.with_user(person).action_move()
        for action in ("action_retry", "action_cancel", "action_delete_volumes"):
            with self.assertRaises(AccessError):
                getattr(move.with_user(person), action)()


class TestMoveWizard(MoveCase):
    def test_it_begins_after_the_tick(self):
        wizard = self.wizard()
        self.assertEqual(wizard.place_ids, self.other)
        self.assertEqual(wizard.cluster_id, self.other)
        self.assertFalse(wizard.problem)
        self.assertFalse(wizard.is_elsewhere)
        self.assertTrue(wizard.keep_volumes)
        with self.assertRaisesRegex(UserError, "Tick that you have seen to its data"):
            wizard.action_confirm()
        wizard.data_is_left = True
        wizard.action_confirm()
        self.assertEqual(self.app.open_move_id.to_cluster_id, self.other)
        self.assertTrue(self.app.open_move_id.keep_volumes)

    def test_it_says_what_stands_in_the_way(self):
        self.worker.sudo().state = "offline"
        self.assertIn("No worker that is online", self.wizard().problem)
        self.other.sudo().draining = True
        wizard = self.wizard()
        self.assertFalse(wizard.cluster_id)
        self.assertIn("There is no other cluster", wizard.problem)
        with self.assertRaisesRegex(UserError, "Choose the cluster"):
            wizard.action_confirm()

    def test_it_says_that_the_address_lies_elsewhere(self):
        third = self.cluster.copy(
            {"name": "third", "domain": "third.example.org", "company_id": False}
        )
        self.assertTrue(self.wizard(cluster_id=third.id).is_elsewhere)


class TestMoveInThePortal(MoveCase):
    def test_the_customer_reads_that_it_is_moved(self):
        self.start()
        status = self.app._customer_status()
        self.assertIn("moving your app to another place", status["explanation"])
        self.assertTrue(status["ask_again"])
        for word in ("unit", "other", "cluster", "namespace"):
            self.assertNotIn(word, status["explanation"].split())
        self.take()
        self.assertEqual(self.app._customer_status()["job"]["state"], "done")
        self.assertEqual(self.app.customer_state, "Running")
