# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import time
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.http import root
from odoo.tests import HttpCase, new_test_user, tagged

from ..models import contract
from ..models.ir_http import KEY_SCOPE
from .common import KubernetesCase, KubernetesQueueCase, KubernetesTransactionCase


class TestWorker(KubernetesTransactionCase):
    """The worker's record, its technical user and its key."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.worker = cls.env["kubernetes.worker"].create({"name": "worker-1"})
        cls.keys = cls.env["res.users.apikeys"]

    def uid_of(self, key, scope=KEY_SCOPE):
        return self.keys._check_credentials(scope=scope, key=key)

    def test_technical_user_is_good_for_nothing_else(self):
        user = self.worker.user_id
        self.assertTrue(user.share)
        self.assertEqual(
            user.all_group_ids,
            self.env.ref("kubernetes_hosting.group_kubernetes_worker"),
        )

    def notes(self):
        return " ".join(self.worker.message_ids.mapped("body"))

    def days_left(self, moment):
        return (moment - fields.Datetime.now()) / timedelta(days=1)

    def test_a_key_expires_after_a_year_and_has_a_scope_of_its_own(self):
        key = self.worker._create_key()
        self.assertEqual(self.uid_of(key), self.worker.user_id.id)
        self.assertFalse(self.uid_of(key, scope="rpc"))
        record = self.keys.search([("user_id", "=", self.worker.user_id.id)])
        self.assertEqual(record.expiration_date, self.worker.key_ids.expires_at)
        self.assertAlmostEqual(self.days_left(record.expiration_date), 365, places=2)
        self.assertTrue(self.worker.key_created_at)

    def test_two_keys_are_valid_at_once_for_a_week(self):
        """A key is replaced without a gap."""
        first, second = self.worker._create_key(), self.worker._create_key()
        self.assertTrue(self.uid_of(first))
        self.assertTrue(self.uid_of(second))
        earlier, later = self.worker.key_ids.sorted("id")
        self.assertAlmostEqual(self.days_left(earlier.expires_at), 7, places=2)
        self.assertAlmostEqual(self.days_left(later.expires_at), 365, places=2)
        # A third does not lengthen the first one's time.
        self.worker._create_key(overlap=timedelta(days=30))
        self.assertAlmostEqual(self.days_left(earlier.expires_at), 7, places=2)
        earlier.action_revoke()
        self.assertFalse(self.uid_of(first))
        self.assertTrue(self.uid_of(second))
        self.worker._create_key(overlap=timedelta())
        self.assertFalse(self.uid_of(second))
        self.assertEqual(len(self.worker.key_ids), 1)

    def test_a_key_is_refused_after_its_time_and_told_of_until_there_is_another(self):
        rows = self.env["kubernetes.attention"]
        wanted = [("worker_id", "=", self.worker.id)]
        key = self.worker._create_key(valid=timedelta(days=31))
        self.assertFalse(rows.search(wanted))
        record = self.worker.key_ids
        record._end_at(fields.Datetime.now() + timedelta(days=29))
        row = rows.search(wanted)
        self.assertEqual(row.reason, "key_expiring")
        self.assertIn("Create Key", row.details)
        self.assertEqual(row.message, str(record.expires_at.date()))
        self.assertEqual(row.action_open()["res_id"], self.worker.id)
        self.assertTrue(self.uid_of(key))
        # The database's clock stands still in a test's transaction.
        record._end_at(fields.Datetime.now() - timedelta(days=1))
        self.env.flush_all()
        self.assertFalse(self.uid_of(key))
        self.assertEqual(rows.search(wanted).reason, "key_expired")
        self.env["kubernetes.job"]._cron_watch()
        self.env["kubernetes.job"]._cron_watch()
        self.assertTrue(record.is_expired)
        self.assertEqual(self.notes().count("expired"), 1)
        # Odoo throws the hash away; the row stays.
        self.keys._gc_user_apikeys()
        self.env.invalidate_all()
        self.assertTrue(record.exists())
        self.worker._create_key()
        self.assertFalse(record.exists())
        self.assertFalse(rows.search(wanted))

    def test_the_key_in_use_counts_not_the_newest(self):
        """A worker that still uses the earlier key is told of in time."""
        rows = self.env["kubernetes.attention"]
        wanted = [("worker_id", "=", self.worker.id)]
        self.worker._create_key()
        first = self.worker.key_ids
        first.last_used_at = fields.Datetime.now() - timedelta(hours=1)
        self.worker._create_key()
        self.assertEqual(rows.search(wanted).reason, "key_expiring")
        second = self.worker.key_ids - first
        second._used(second.sudo().api_key_id.id)
        self.assertFalse(rows.search(wanted))

    def test_the_chatter_says_who_did_what_with_the_keys_and_holds_no_key(self):
        boss = new_test_user(
            self.env,
            "key-boss",
            groups="kubernetes_hosting.group_kubernetes_administrator",
        )
        worker = self.worker.with_user(boss)
        before = self.worker.message_ids
        key = worker._create_key()
        other = worker._create_key()
        worker.key_ids.sorted("id")[1].action_revoke()
        notes = self.worker.message_ids - before
        self.assertEqual(len(notes), 3)
        self.assertEqual(notes.author_id, boss.partner_id)
        text = " ".join(notes.mapped("body"))
        self.assertIn("Key created, valid until", text)
        self.assertIn("earlier ones stay valid until", text)
        self.assertIn("revoked", text)
        for secret in (key, other):
            self.assertNotIn(secret[:8], text)

    def test_keys_of_before_get_an_end(self):
        """On the update."""
        keys = self.keys.with_user(self.worker.user_id).sudo()
        key = keys._generate(KEY_SCOPE, "old", False)
        self.env["kubernetes.worker"]._carry_over()
        self.assertTrue(self.uid_of(key))
        self.assertAlmostEqual(
            self.days_left(self.worker.key_ids.expires_at), 365, places=2
        )
        self.worker.key_ids.action_revoke()
        self.assertFalse(self.uid_of(key))

    def said(self, instance, seconds, machine="node-1"):
        """A process of the worker calls, so many seconds from now."""
        self.worker._seen(
            fields.Datetime.now() + timedelta(seconds=seconds),
            {
                "name": "w",
                "instance": instance,
                "version": "1",
                "machine": machine,
            },
            self.cluster,
        )

    def shared_rows(self):
        self.env.flush_all()
        return self.env["kubernetes.attention"].search([("reason", "=", "key_shared")])

    def test_two_workers_with_one_key_are_told_apart_and_of(self):
        for seconds in (-180, -120, -60, -1):
            self.said("a", seconds)
            self.said("b", seconds + 1, "node-2")
        self.assertTrue(self.worker.is_key_shared)
        self.assertEqual(self.worker.sharers, "node-1, node-2")
        text = self.worker.processes_text
        for word in ("node-1", "node-2", "(a)", "(b)"):
            self.assertIn(word, text)
        row = self.shared_rows()
        self.assertEqual((row.name, row.message), (self.worker.name, "node-1, node-2"))
        self.assertIn("a key of its own", row.with_context(lang="en_US").hint)
        self.assertEqual(row.action_open()["res_model"], "kubernetes.worker")
        # One of them got a key of its own, or was ended.
        self.worker.key_shared_at -= timedelta(minutes=6)
        self.worker.invalidate_recordset(["is_key_shared"])
        self.assertFalse(self.worker.is_key_shared)
        self.assertFalse(self.shared_rows())

    def test_a_worker_that_was_started_anew_is_one(self):
        for start, instance in enumerate("abcd"):
            for second in (0, 30, 59):
                self.said(instance, 60 * start + second - 240)
        self.assertFalse(self.worker.is_key_shared)
        self.assertEqual(len(self.worker.processes), 4)

    def test_a_worker_that_takes_over_from_the_one_before_it_is_one(self):
        """As a Deployment replaces its pod: the old one asks for some time yet."""
        for second in (-300, -200, -100, -60, -30):
            self.said("old", second, "pod-1")
        for second in (-70, -50, -10, 0):
            self.said("new", second, "pod-2")
        self.assertFalse(self.worker.is_key_shared)

    def test_who_only_looks_whether_it_would_work_is_no_process(self):
        self.said("a", 0)
        self.said("", 61)
        self.assertEqual([p["instance"] for p in self.worker.processes], ["a"])

    def test_processes_of_long_ago_are_forgotten(self):
        self.said("a", -3700)
        self.said("b", 0)
        self.assertEqual([p["instance"] for p in self.worker.processes], ["b"])

    def test_revoked_archived_and_deleted_workers_have_no_key(self):
        key = self.worker._create_key()
        self.worker.action_revoke_keys()
        self.assertFalse(self.uid_of(key))
        self.assertFalse(self.worker.key_created_at)
        key = self.worker._create_key()
        user = self.worker.user_id
        self.worker.active = False
        self.env.flush_all()
        self.assertFalse(self.uid_of(key))
        self.assertFalse(user.active)
        self.worker.active = True
        self.env.flush_all()
        self.assertTrue(self.uid_of(key))
        self.worker.unlink()
        self.env.flush_all()
        self.assertFalse(self.uid_of(key))
        self.assertFalse(user.active)

    def test_the_key_is_stored_nowhere(self):
        key = self.worker._create_key()
        self.env.flush_all()
        self.assertTrue(self.env["kubernetes.worker.key.show"]._abstract)
        self.cr.execute("SELECT key FROM res_users_apikeys")
        self.assertNotIn(key, str(self.cr.fetchall()))

    def test_whoever_may_see_workers_asks_for_all_versions(self):
        self.worker.write({"state": "online", "version": "0.1.0"})
        self.worker.contract_version = 1
        self.cluster.write({"state": "reachable", "version": "v1.35.4"})
        user = self.create_user("user")
        seen = self.env["kubernetes.worker"].with_user(user).upgrade_check()
        self.assertEqual(
            (seen["contract"], seen["contract_minimum"]),
            (contract.NEWEST, contract.OLDEST),
        )
        (worker,) = (one for one in seen["workers"] if one["name"] == "worker-1")
        self.assertEqual(
            worker,
            {
                "name": "worker-1",
                "state": "online",
                "version": "0.1.0",
                "contract": 1,
                "outdated": "",
            },
        )
        self.assertIn(
            {"name": "unit", "state": "reachable", "version": "v1.35.4"},
            seen["clusters"],
        )
        addons = {addon["name"]: addon for addon in seen["addons"]}
        ours = addons["kubernetes_hosting"]
        self.assertTrue(ours["available"].startswith("19.0."))
        self.assertEqual(ours["installed"], ours["available"])
        self.assertFalse(seen["database_moved"])
        # Before `odoo -u`.
        module = self.env["ir.module.module"].search(
            [("name", "=", "kubernetes_hosting")]
        )
        module.latest_version = "19.0.1.0.0"
        seen = self.env["kubernetes.worker"].with_user(user).upgrade_check()
        (ours,) = (one for one in seen["addons"] if one["name"] == module.name)
        self.assertEqual(ours["installed"], "19.0.1.0.0")
        stranger = new_test_user(self.env, "stranger", groups="base.group_user")
        with self.assertRaises(AccessError):
            self.env["kubernetes.worker"].with_user(stranger).upgrade_check()

    def test_of_two_workers_the_one_that_reaches_the_cluster_is_right(self):
        now = fields.Datetime.now()
        reached = {"reachable": True, "version": "v1.35.4", "message": ""}
        lost = {"reachable": False, "version": None, "message": "timed out"}
        self.cluster._seen(now, reached)
        self.cluster._seen(now + timedelta(seconds=1), lost)
        self.assertEqual(self.cluster.state, "reachable")
        self.cluster._seen(now + timedelta(seconds=60), lost)
        self.assertEqual(self.cluster.state, "unreachable")
        self.assertEqual(self.cluster.message, "timed out")
        self.cluster._seen(now + timedelta(seconds=61), reached)
        self.assertEqual(self.cluster.state, "reachable")
        self.assertFalse(self.cluster.message)


class TestObserver(KubernetesQueueCase):
    """Of the workers of a cluster one observes it, and the others stand by."""

    def setUp(self):
        super().setUp()
        self.now = fields.Datetime.now()

    def observes(self, worker, process, after=0, reachable=True, is_new=False):
        return self.cluster._let_observe(
            self.now + timedelta(seconds=after), worker, process, reachable, is_new
        )

    def test_one_observes_and_another_one_when_it_is_not_heard_of_any_more(self):
        first, second = self.worker, self.other_worker
        self.assertTrue(self.observes(first, "a"))
        self.assertEqual(self.cluster.observer_id, first)
        for after in (0, 60, 89):
            self.assertFalse(self.observes(second, "b", after), after)
        self.assertTrue(self.observes(first, "a", 60))
        self.assertFalse(self.observes(second, "b", 149))
        # It was killed after its last claim.
        self.assertTrue(self.observes(second, "b", 150))
        self.assertEqual(self.cluster.observer_id, second)
        self.assertFalse(self.observes(first, "a", 151))

    def test_who_does_not_reach_the_cluster_makes_way(self):
        first, second = self.worker, self.other_worker
        self.assertFalse(self.observes(first, "a", reachable=False))
        self.assertTrue(self.observes(first, "a"))
        self.assertFalse(self.observes(second, "b", 1, reachable=False))
        self.assertFalse(self.observes(first, "a", 2, reachable=False))
        self.assertTrue(self.observes(second, "b", 3))

    def test_a_worker_that_was_started_anew_goes_on_at_once(self):
        self.assertTrue(self.observes(self.worker, "a"))
        self.assertFalse(self.observes(self.other_worker, "b", 1, is_new=True))
        self.assertTrue(self.observes(self.worker, "a2", 2, is_new=True))
        # Two processes with one key do not take it from one another again and again.
        self.assertFalse(self.observes(self.worker, "a", 3))

    def test_a_clock_that_was_put_back_keeps_nobody_from_it_for_long(self):
        self.assertTrue(self.observes(self.worker, "a"))
        self.cluster.observed_until = self.now + timedelta(days=1)
        self.assertTrue(self.observes(self.other_worker, "b", 1))


@tagged("post_install", "-at_install")
class TestCreateKeyButton(KubernetesCase, HttpCase):
    def press(self, wizard):
        return self.make_jsonrpc_request(
            "/web/dataset/call_button/kubernetes.worker.key.create/action_create",
            {
                "model": "kubernetes.worker.key.create",
                "method": "action_create",
                "args": [wizard.ids],
                "kwargs": {},
            },
        )

    def test_button_asks_for_the_password_and_shows_the_key_once(self):
        administrator = self.create_user("administrator", login="boss")
        worker = self.env["kubernetes.worker"].create({"name": "worker-1"})
        self.authenticate("boss", "boss")
        action = worker.with_user(administrator).action_create_key()
        wizard = (
            self.env[action["res_model"]]
            .with_user(administrator)
            .with_context(**action["context"])
            .create({"valid_days": 10, "overlap_days": 3})
        )
        asked = self.press(wizard)
        self.assertEqual(asked["res_model"], "res.users.identitycheck")
        self.assertFalse(worker.key_created_at)

        session = root.session_store.get(self.opener.cookies["session_id"])
        session["identity-check-last"] = time.time()
        root.session_store.save(session)
        shown = self.press(wizard)
        self.assertEqual(shown["res_model"], "kubernetes.worker.key.show")
        key = shown["context"]["default_key"]
        uid = self.env["res.users.apikeys"]._check_credentials(scope=KEY_SCOPE, key=key)
        self.assertEqual(uid, worker.user_id.id)
        days = (worker.key_ids.expires_at - fields.Datetime.now()) / timedelta(days=1)
        self.assertAlmostEqual(days, 10, places=2)
        self.assertFalse(shown["context"]["default_earlier_until"])
        again = self.press(wizard)
        self.assertTrue(again["context"]["default_earlier_until"])
        form = self.env["kubernetes.worker.key.show"].with_user(administrator)
        self.assertEqual(
            form.with_context(default_key=key).onchange({}, [], {"key": {}})["value"],
            {"key": key},
        )
