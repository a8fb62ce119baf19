# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import time
from datetime import timedelta

from odoo import fields
from odoo.http import root
from odoo.tests import HttpCase, new_test_user, tagged

from ..models.ir_http import KEY_SCOPE
from .common import KubernetesCase, KubernetesTransactionCase


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

    def test_two_workers_with_one_key_are_told(self):
        def said(instance):
            self.worker._seen(
                fields.Datetime.now(),
                {"name": "w", "instance": instance, "version": "1"},
                self.cluster,
            )

        for instance in ("a", "a", "b", "c"):
            said(instance)
            self.assertFalse(self.worker.is_key_shared, instance)
        self.assertEqual(self.worker.earlier_instance, "b")
        said("b")
        self.assertTrue(self.worker.is_key_shared)

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
