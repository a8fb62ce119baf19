# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.tests import HttpCase, JsonRpcException, new_test_user, tagged
from odoo.tools import mute_logger

from .common import KubernetesCase

BUTTONS = (
    "action_apply",
    "action_ask_apply",
    "action_ask_restart",
    "action_ask_start",
    "action_ask_stop",
    "action_refresh",
    "action_review",
    "action_stop",
    "action_start",
    "action_restart",
    "action_reset",
    "action_delete",
)
PRIVATE = (
    ("_enqueue", ["restart"]),
    ("_ask", ["restart"]),
    ("_customer_request", ["reset"]),
    ("_drop_wishes", []),
    ("_log", ["x"]),
)


@tagged("post_install", "-at_install")
class TestRpc(KubernetesCase, HttpCase):
    """What the buttons do is refused by RPC, too, to whom they are not shown."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.anna = new_test_user(
            cls.env, "anna", groups="base.group_portal", lang="en_US"
        )
        cls.production = cls.create_app("shop", partner_id=cls.anna.partner_id.id)
        cls.app = cls.create_app("shop", cls.int, partner_id=cls.anna.partner_id.id)
        cls.env["kubernetes.job"].create(
            [
                {"kind": "deploy", "app_id": app.id, "state": "done"}
                for app in cls.app + cls.production
            ]
        )
        cls.app._update_state()

    def call(self, model, method, *args):
        return self.make_jsonrpc_request(
            f"/web/dataset/call_kw/{model}/{method}",
            {"model": model, "method": method, "args": args, "kwargs": {}},
        )

    def assert_refused(self, name, model, method, *args):
        with (
            self.assertRaises(JsonRpcException, msg=method) as raised,
            mute_logger("odoo.http", "odoo.models", "odoo.addons.base.models.ir_rule"),
        ):
            self.call(model, method, *args)
        self.assertEqual(str(raised.exception), name, method)

    def test_a_customer_reaches_nothing(self):
        self.authenticate("anna", "anna")
        refused = "odoo.exceptions.AccessError"
        jobs = self.app.job_ids + self.production.job_ids
        for app in self.app + self.production:
            for button in BUTTONS:
                self.assert_refused(refused, "kubernetes.app", button, app.ids)
            for method, args in PRIVATE:
                self.assert_refused(refused, "kubernetes.app", method, app.ids, *args)
            self.assert_refused(
                refused, "kubernetes.app", "write", app.ids, {"reset_mode": "empty"}
            )
            for wizard in ("apply", "reset", "delete"):
                self.assert_refused(
                    refused,
                    f"kubernetes.app.{wizard}",
                    "create",
                    [{"app_id": app.id}],
                )
        for method in ("action_cancel", "action_retry"):
            self.assert_refused(refused, "kubernetes.job", method, jobs.ids)
        self.assert_refused(refused, "kubernetes.job", "read", jobs.ids, ["result"])
        self.assert_refused(refused, "kubernetes.job", "create", [{"kind": "deploy"}])
        self.assert_refused(
            refused, "kubernetes.environment", "write", self.prod.ids, {"name": "x"}
        )
        self.env.invalidate_all()
        self.assertEqual(self.app.job_ids + self.production.job_ids, jobs)

    def test_production_is_not_reset_by_rpc(self):
        self.create_user("operator", login="operator")
        self.authenticate("operator", "operator")
        refused = "odoo.exceptions.UserError"
        production = self.production
        self.assert_refused(refused, "kubernetes.app", "action_reset", production.ids)
        (wizard,) = self.call(
            "kubernetes.app.reset", "create", [{"app_id": production.id}]
        )
        self.assert_refused(refused, "kubernetes.app.reset", "action_confirm", [wizard])
        (wizard,) = self.call(
            "kubernetes.app.reset", "create", [{"app_id": self.app.id}]
        )
        self.call("kubernetes.app.reset", "action_confirm", [wizard])
        self.env.invalidate_all()
        self.assertEqual(self.app.state, "resetting")
        self.assertNotIn("reset", production.job_ids.mapped("kind"))
        # A preview's values, a job or an app of one's own making are no way round.
        self.assert_refused(
            "odoo.exceptions.AccessError",
            "kubernetes.job",
            "create",
            [{"kind": "reset", "app_id": production.id}],
        )
        self.assert_refused(
            "odoo.exceptions.AccessError",
            "kubernetes.environment",
            "write",
            self.prod.ids,
            {"reset_allowed": True},
        )
