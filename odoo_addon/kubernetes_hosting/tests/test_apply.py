# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from lxml import html

from odoo.exceptions import AccessError, UserError
from odoo.tools import mute_logger

from .test_life import LifeCase

DIFF = {
    "objects": [
        {
            "object": "Deployment odoo",
            "action": "change",
            "text": "@@ -4,3 +4,3 @@\n spec:\n-  replicas: 1\n+  replicas: 2\n",
        },
        {
            "object": "Secret <postgres>",
            "action": "create",
            "text": "+data:\n+  password: ••••••\n",
        },
        {"object": "ConfigMap old", "action": "delete", "text": ""},
    ],
    "unchanged": 5,
}


class TestApply(LifeCase):
    """Apply shows beforehand what would change; after it, and after Update, the ingress
    status is shown."""

    def review(self, app):
        action = app.action_review()
        return self.env[action["res_model"]].browse(action["res_id"])

    def compared(self, app, diff):
        wizard = self.review(app)
        self.claim()._conclude(self.outcome("done", diff=diff))
        self.env.invalidate_all()
        return wizard

    def online(self, state="online"):
        self.worker.announced_cluster_ids = self.cluster
        self.worker.state = state

    def test_apply_shows_what_would_change(self):
        app = self.deployed()
        self.online()
        wizard = self.review(app)
        self.assertEqual(app.state, "running")
        self.assertTrue(wizard.is_at_work)
        self.assertIn("compares them with the cluster", wizard.said)
        self.assertFalse(wizard.is_worker_missing)
        self.claim()._conclude(self.outcome("done", diff=DIFF))
        self.env.invalidate_all()  # as the next request sees it
        self.assertFalse(wizard.is_at_work)
        self.assertEqual(
            wizard.said,
            "3 objects would change, 5 stay the same. Secret values are masked.",
        )
        page = html.fromstring(f"<div>{wizard.diff_html}</div>")
        self.assertEqual(
            [" ".join(node.text_content().split()) for node in page.iter("summary")],
            [
                "change Deployment odoo",
                "create Secret <postgres>",
                "delete ConfigMap old",
            ],
        )
        added, removed = (
            page.xpath(f"//span[contains(@class, 'bg-{colour}-subtle')]")
            for colour in ("success", "danger")
        )
        self.assertEqual(
            [node.text for node in added],
            ["+  replicas: 2", "+data:", "+  password: ••••••"],
        )
        self.assertEqual([node.text for node in removed], ["-  replicas: 1"])
        wizard.action_confirm()
        self.assertEqual(app.state, "deploying")
        self.assertEqual(self.claim().kind, "deploy")

    def test_nothing_would_change(self):
        wizard = self.compared(self.deployed(), {"objects": [], "unchanged": 9})
        self.assertEqual(
            wizard.said,
            "Nothing would change. The cluster matches the manifests and values.",
        )
        self.assertIs(wizard.read(["diff_html"])[0]["diff_html"], False)

    def test_one_object_is_one(self):
        diff = {"objects": DIFF["objects"][:1], "unchanged": 5}
        wizard = self.compared(self.deployed(), diff)
        self.assertTrue(wizard.said.startswith("1 object would change, 5 stay"))

    def test_a_failed_comparison_says_why_and_can_be_repeated(self):
        app = self.deployed()
        wizard = self.review(app)
        first = wizard.job_id
        self.claim()._conclude(self.outcome("failed", "template_render"))
        self.env.invalidate_all()
        self.assertEqual(wizard.error_text, "It broke\nMend it")
        self.assertEqual(wizard.said, "The comparison failed.")
        self.assertEqual(app.state, "running")
        wizard.action_compare()
        self.assertNotEqual(wizard.job_id, first)
        self.assertTrue(wizard.is_at_work)
        self.assertFalse(wizard.error_text)

    def test_apply_without_looking(self):
        app, other = self.deployed(), self.deployed("wiki")
        wizard = self.review(app)
        wizard.action_confirm()
        self.assertEqual(app.state, "deploying")
        other.action_apply()
        self.assertEqual(other.state, "deploying")

    def test_no_worker_is_there(self):
        app = self.deployed()
        self.assertTrue(self.review(app).is_worker_missing)
        self.online("offline")
        self.assertTrue(self.review(app).is_worker_missing)
        self.online()
        self.assertFalse(self.review(app).is_worker_missing)

    def test_nothing_to_compare_without_manifests(self):
        app = self.create_app(manifest_line_ids=[])
        with self.assertRaisesRegex(UserError, "has no manifests"):
            app.action_review()

    def test_whoever_may_not_act_may_not_compare(self):
        app = self.deployed()
        user = self.create_user("user")
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            app.with_user(user).action_review()
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            self.env["kubernetes.app.apply"].with_user(user).create({"app_id": app.id})

    def test_ingress_status_after_apply_and_update(self):
        app = self.create_app()
        app.action_apply()
        self.claim()._conclude(
            self.outcome(
                "done",
                observation=self.observation(
                    "degraded",
                    self.now(),
                    "Deployment odoo: 0 of 1 ready",
                    "no_address",
                ),
            )
        )
        self.assertEqual(app.ingress_state, "no_address")
        self.assertEqual(app.ingress_hosts, "shop.apps.example.com")
        self.assertFalse(app.ingress_addresses)
        self.assertEqual(app.observed_message, "Deployment odoo: 0 of 1 ready")
        first = app.observed_at
        app.action_refresh()
        self.done("running")
        self.assertEqual(app.ingress_state, "ready")
        self.assertEqual(app.ingress_addresses, "127.0.0.1")
        self.assertEqual((app.observed_state, app.state), ("running", "running"))
        self.assertGreater(app.observed_at, first)

    def test_siblings_side_by_side(self):
        self.resettable()
        production, integration = self.env["kubernetes.app"].search(
            [("name", "=", "shop"), ("cluster_id", "=", self.cluster.id)], order="id"
        )
        self.assertEqual(production.sibling_count, 1)
        action = production.action_view_siblings()
        self.assertEqual(action["views"][0], (False, "kanban"))
        self.assertEqual(action["context"], {"search_default_group_environment": True})
        self.assertEqual(
            self.env["kubernetes.app"].search(action["domain"]),
            integration + production,
        )

    def test_link_to_the_running_app(self):
        app = self.deployed()
        self.assertEqual(
            app.action_open(),
            {
                "type": "ir.actions.act_url",
                "url": "http://shop.apps.example.com:8080",
                "target": "new",
            },
        )
