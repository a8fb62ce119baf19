# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import time
from datetime import timedelta

from odoo import fields
from odoo.http import root
from odoo.tests import HttpCase, tagged

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

    def test_a_key_never_expires_and_has_a_scope_of_its_own(self):
        key = self.worker._create_key()
        self.assertEqual(self.uid_of(key), self.worker.user_id.id)
        self.assertFalse(self.uid_of(key, scope="rpc"))
        record = self.keys.search([("user_id", "=", self.worker.user_id.id)])
        self.assertFalse(record.expiration_date)
        self.assertTrue(self.worker.key_created_at)

    def test_a_new_key_revokes_the_earlier_ones(self):
        first, second = self.worker._create_key(), self.worker._create_key()
        self.assertFalse(self.uid_of(first))
        self.assertTrue(self.uid_of(second))

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
        self.assertTrue(self.env["kubernetes.worker.key"]._abstract)
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
    def press(self, worker):
        return self.make_jsonrpc_request(
            "/web/dataset/call_button/kubernetes.worker/action_create_key",
            {
                "model": "kubernetes.worker",
                "method": "action_create_key",
                "args": [worker.ids],
                "kwargs": {},
            },
        )

    def test_button_asks_for_the_password_and_shows_the_key_once(self):
        administrator = self.create_user("administrator", login="boss")
        worker = self.env["kubernetes.worker"].create({"name": "worker-1"})
        self.authenticate("boss", "boss")
        asked = self.press(worker)
        self.assertEqual(asked["res_model"], "res.users.identitycheck")
        self.assertFalse(worker.key_created_at)

        session = root.session_store.get(self.opener.cookies["session_id"])
        session["identity-check-last"] = time.time()
        root.session_store.save(session)
        shown = self.press(worker)
        self.assertEqual(shown["res_model"], "kubernetes.worker.key")
        key = shown["context"]["default_key"]
        uid = self.env["res.users.apikeys"]._check_credentials(scope=KEY_SCOPE, key=key)
        self.assertEqual(uid, worker.user_id.id)
        form = self.env["kubernetes.worker.key"].with_user(administrator)
        self.assertEqual(
            form.with_context(default_key=key).onchange({}, [], {"key": {}})["value"],
            {"key": key},
        )
