# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import UserError
from odoo.fields import Command

from .test_apply import DIFF
from .test_life import LifeCase


class TestChange(LifeCase):
    """Wanted against applied: an app says what was changed of it, by whom, until it is
    in the cluster."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.operator = cls.create_user("operator")

    def setUp(self):
        super().setUp()
        self.app = self.deployed().with_user(self.operator)

    def changes(self, app=None):
        self.env.flush_all()
        self.env.cr.precommit.run()
        self.env.invalidate_all()
        return [(change.source, change.name) for change in (app or self.app).change_ids]

    def edit(self, value="odoo:20.0"):
        self.app.config_map_id.line_ids[0].value = value

    def test_nothing_is_changed_after_a_deploy(self):
        self.assertEqual(self.changes(), [])
        self.assertFalse(self.app.is_changed)

    def test_a_value_with_who_changed_it_until_it_is_applied(self):
        self.edit()
        self.assertEqual(self.changes(), [("config_map", "odoo_image")])
        change = self.app.change_ids
        self.assertEqual(change.user_id, self.operator)
        self.assertEqual(change.display_name, "ConfigMap: odoo_image")
        self.assertIn(
            f"ConfigMap: odoo_image ({self.operator.name}, ", self.app.change_text
        )
        found = self.app.search([("is_changed", "=", True)])
        self.assertIn(self.app, found)
        self.assertNotIn(self.app, self.app.search([("is_changed", "=", False)]))
        self.app.action_apply()
        self.assertTrue(self.app.is_changed)
        self.done("running")
        self.assertEqual(self.changes(), [])

    def test_the_same_once_more_is_one_change(self):
        self.edit()
        self.changes()
        self.edit("odoo:21.0")
        self.assertEqual(self.changes(), [("config_map", "odoo_image")])

    def test_apply_stands_with_the_values(self):
        values = self.app.config_map_id
        self.assertFalse(values.changed_app_id)
        with self.assertRaisesRegex(UserError, "nothing here"):
            values.action_apply()
        self.edit()
        self.changes()
        self.assertEqual(values.changed_app_id, self.app)
        self.assertFalse(self.app.secret_id.changed_app_id)
        self.assertEqual(values.action_apply()["res_model"], "kubernetes.app.apply")

    def test_a_secret_and_the_order_of_manifests_and_limits(self):
        self.app.secret_id.line_ids[0].value = "n3w"
        self.app.manifest_line_ids[0].unlink()
        self.app.limit_pods = 21
        self.assertEqual(
            sorted(self.changes()),
            [
                ("limits", "Pods"),
                ("order", "PostgreSQL, Odoo → Odoo"),
                ("secret", "smtp_password"),
            ],
        )

    def test_what_is_changed_while_a_deploy_runs_stays(self):
        self.edit()
        self.changes()
        self.app.action_apply()
        job = self.claim()
        self.app.limit_pods = 21
        self.edit("odoo:21.0")
        self.assertEqual(len(self.changes()), 2)
        job._conclude(self.outcome("done"))
        self.assertEqual(len(self.changes()), 2)

    def test_a_failed_deploy_applies_nothing(self):
        self.edit()
        self.changes()
        self.app.action_apply()
        self.failed()
        self.assertEqual(len(self.changes()), 1)

    def test_a_comparison_that_finds_nothing_says_so(self):
        for diff, left in ((DIFF, 1), ({"objects": [], "unchanged": 3}, 0)):
            self.edit(f"odoo:{left}")
            self.changes()
            self.app.action_review()
            self.claim()._conclude(self.outcome("done", diff=diff))
            self.assertEqual(len(self.changes()), left)

    def test_a_manifests_new_content(self):
        manifest = self.manifests[0]
        other = self.deployed("wiki")
        seen = {"content": "x", "variables": [], "files": []}
        manifest._remember(f"sha256:{1:064}", **seen)
        self.assertEqual(self.changes(), [], "known for the first time")
        self.app.action_apply()
        told = {"id": manifest.id, "digest": f"sha256:{2:064}", **seen}
        self.claim()._conclude(self.outcome("done", manifests=[told]))
        self.assertEqual(self.changes(), [], "its own deploy has fetched it")
        self.assertEqual(self.changes(other), [("manifest", "PostgreSQL")])
        manifest.url = "https://example.com/other.yml"
        self.assertEqual(self.changes(), [("manifest", "PostgreSQL")])

    def test_a_manifests_other_format(self):
        self.manifests[0].format = "helm"
        self.assertEqual(self.changes(), [("manifest", "PostgreSQL")])

    def test_a_manifests_new_content_that_two_deploys_have_fetched(self):
        manifest = self.manifests[0]
        other = self.deployed("wiki")
        seen = {"content": "x", "variables": [], "files": []}
        manifest._remember(f"sha256:{1:064}", **seen)
        self.app.action_apply()
        other.action_apply()
        told = {"id": manifest.id, "digest": f"sha256:{2:064}", **seen}
        for job in self.claim(limit=2):
            job._conclude(self.outcome("done", manifests=[told]))
            self.changes()
        self.assertEqual((self.changes(), self.changes(other)), ([], []))

    def test_a_pinned_manifest_changes_with_its_pin(self):
        manifest = self.manifests[0]
        seen = {"content": "x", "variables": [], "files": []}
        manifest._remember(f"sha256:{1:064}", **seen)
        manifest.pin = f"sha256:{1:064}"
        manifest._remember(f"sha256:{2:064}", **seen)
        self.assertEqual(self.changes(), [])
        manifest.pin = f"sha256:{2:064}"
        self.assertEqual(self.changes(), [("manifest", "PostgreSQL")])

    def test_the_policy_of_the_cluster(self):
        self.cluster.quota = False
        self.assertEqual(self.changes(), [("policy", "Quota")])
        self.cluster.allowed_kinds = "Service"
        self.assertEqual(len(self.changes()), 1, "it only refuses")

    def test_what_was_never_deployed_differs_from_nothing(self):
        app = self.create_app("wiki")
        app.config_map_id.line_ids = [Command.create({"key": "x", "value": "1"})]
        app.limit_pods = 3
        self.assertEqual(self.changes(app), [])
