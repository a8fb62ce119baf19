# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from lxml import etree

from odoo.exceptions import UserError, ValidationError
from odoo.tests import new_test_user
from odoo.tools.safe_eval import safe_eval

from .common import KubernetesTransactionCase


class TestApp(KubernetesTransactionCase):
    """An app's life: created, asked for things, deleted."""

    def test_created_app_is_ready_to_be_deployed(self):
        app = self.create_app()
        self.assertEqual(app.hostname, "shop.apps.example.com")
        self.assertEqual(app.url, "http://shop.apps.example.com:8080")
        self.assertEqual(app.namespace_id.name, "shop-prod")
        self.assertEqual(app.namespace_id.state, "new")
        self.assertEqual(app.display_name, "shop (prod)")
        self.assertEqual(app.state, "new")
        self.assertEqual(app._manifests(), self.manifests)
        self.assertFalse(app.job_ids)

    def test_created_for_a_visitor_who_has_paid(self):
        """The public user confirms a paid order under sudo; nothing may fail, not at
        the end of the transaction either."""
        public = self.env.ref("base.public_user")
        values = self.app_values()
        env = self.env(user=public, su=True)
        app = env["kubernetes.app"].create(values)
        job = app._enqueue("deploy")
        env.flush_all()
        self.cr.precommit.run()
        self.assertEqual(app.state, "deploying")
        self.assertEqual(job.requested_by, public)
        self.assertEqual(app.company_id, self.env.company)
        self.assertFalse(app.message_follower_ids)
        note = app.message_ids.filtered(lambda m: "Apply requested" in m.body)
        self.assertEqual(note.author_id, self.env.ref("base.partner_root"))

    def test_created_for_a_portal_customer_under_sudo(self):
        buyer = new_test_user(
            self.env, "buyer", groups="base.group_portal", lang="en_US"
        )
        env = self.env(user=buyer, su=True)
        app = env["kubernetes.app"].create(
            self.app_values(partner_id=buyer.partner_id.id)
        )
        app._enqueue("deploy")
        env.flush_all()
        self.cr.precommit.run()
        self.assertFalse(app.message_follower_ids)
        self.assertFalse(app.config_map_id.message_follower_ids)
        self.assertEqual(app.message_ids[0].author_id, buyer.partner_id)

    def test_a_failed_creation_leaves_nothing(self):
        before = self.env["kubernetes.hostname"].search_count([])
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.env["kubernetes.app"].create(
                [self.app_values("wiki"), self.app_values("wiki")]
            )
        self.assertEqual(self.env["kubernetes.hostname"].search_count([]), before)

    def test_identity_cannot_change(self):
        app = self.create_app()
        for values in (
            {"name": "other"},
            {"environment_id": self.int.id},
            {"cluster_id": self.cluster.copy({"name": "other"}).id},
        ):
            with self.assertRaisesRegex(UserError, "cannot change"):
                app.write(values)
        app.write({"name": "shop", "environment_id": self.prod.id})

    def test_what_jobs_write_nobody_else_writes(self):
        operator = self.create_user("operator")
        app = self.create_app().with_user(operator)
        for values in (
            {"state": "running"},
            {"wanted_state": "deleted"},
            {"inventory": []},
            {"hostname": "www.example.com"},
            {"active": False},
            {"ingress_state": "ready"},
        ):
            with self.assertRaisesRegex(UserError, "set by Chandlery itself"):
                app.write(values)
        with self.assertRaisesRegex(UserError, "set by Chandlery itself"):
            app.create(self.app_values("wiki", state="running"))
        app.partner_id = False

    # -- Apply, Update, Delete ---------------------------------------------------

    def test_apply_and_update_join_what_waits(self):
        app = self.create_app()
        app.action_apply()
        app.action_apply()
        app.action_refresh()
        app.action_refresh()
        self.assertEqual(sorted(app.job_ids.mapped("kind")), ["deploy", "refresh"])
        self.assertEqual(app.state, "deploying")

    def test_update_alone_leaves_the_state(self):
        app = self.create_app()
        app.action_refresh()
        self.assertEqual(app.state, "new")

    def test_apply_without_manifests_says_what_to_do(self):
        app = self.create_app(manifest_line_ids=[])
        with self.assertRaisesRegex(UserError, "has no manifests"):
            app.action_apply()

    def test_mass_apply_from_the_list(self):
        apps = self.create_app("shop") + self.create_app("wiki")
        apps.action_apply()
        self.assertEqual(len(apps.job_ids), 2)

    def test_chatter_says_who_asked_for_what(self):
        operator = self.create_user("operator")
        app = self.create_app()
        app.with_user(operator).action_apply()
        note = app.message_ids[0]
        self.assertEqual(note.author_id, operator.partner_id)
        self.assertIn("Apply requested", note.body)
        app.with_user(operator).action_apply()
        self.assertIn("requested again", app.message_ids[0].body)
        self.assertTrue(note.is_internal or note.subtype_id.internal)

    def test_chatter_notes_notify_nobody(self):
        app = self.create_app()
        follower = self.env["res.partner"].create(
            {"name": "Follower", "email": "follower@example.com"}
        )
        app.message_subscribe(follower.ids)
        app.action_apply()
        self.assertFalse(app.message_ids.notification_ids)

    def delete_wizard(self, app, **values):
        action = app.action_delete()
        return (
            self.env[action["res_model"]]
            .with_context(**action["context"])
            .create(values)
        )

    def test_delete_asks_for_what_no_other_app_has(self):
        app = self.create_app()
        integration = self.create_app(environment=self.int)
        right = self.delete_wizard(app).confirmation
        self.assertEqual(right, "unit/shop-prod")
        other = self.delete_wizard(integration).confirmation
        self.assertEqual(other, "unit/shop-int")
        for wrong in ("", "shop", "shop-prod", other, False):
            with self.assertRaisesRegex(UserError, "type unit/shop-prod to confirm"):
                self.delete_wizard(app, confirmed_name=wrong).action_confirm()
        self.assertFalse(app.job_ids)
        self.delete_wizard(app, confirmed_name=f" {right} ").action_confirm()
        self.assertEqual(app.job_ids.kind, "delete")
        self.assertEqual(app.state, "deleting")
        self.assertEqual(app.wanted_state, "deleted")

    def test_delete_and_reset_say_whose_app_it_is_and_name_the_volumes(self):
        app = self.create_app(environment=self.int)
        app.inventory = [
            {"kind": kind, "name": name, "api_version": "v1"}
            for kind, name in (
                ("PersistentVolumeClaim", "odoo"),
                ("Service", "odoo"),
                ("PersistentVolumeClaim", "postgres"),
            )
        ]
        wizard = self.delete_wizard(app)
        self.assertEqual(wizard.volumes, "odoo, postgres")
        reset = self.env["kubernetes.app.reset"].create({"app_id": app.id})
        for question in (wizard, reset):
            self.assertEqual(question.partner_id, self.customer)
            self.assertEqual(question.environment_id, self.int)
            self.assertEqual(question.hostname, app.hostname)

    def test_delete_keeps_volumes_unless_ticked(self):
        app = self.create_app()
        self.delete_wizard(app, confirmed_name="unit/shop-prod").action_confirm()
        self.assertEqual(app.job_ids.options, {"keep_volumes": True})
        self.delete_wizard(
            app, confirmed_name="unit/shop-prod", delete_volumes=True
        ).action_confirm()
        self.assertEqual(len(app.job_ids), 1)
        self.assertEqual(app.job_ids.options, {"keep_volumes": False})

    def test_an_app_being_deleted_is_not_deployed(self):
        app = self.create_app()
        app._enqueue("delete")
        for ask in (app.action_apply, app.action_refresh):
            with self.assertRaisesRegex(UserError, "deleted or about to be"):
                ask()

    # -- deleting the record -----------------------------------------------------

    def test_record_of_a_living_app_cannot_be_deleted(self):
        app = self.create_app()
        app.namespace_id.state = "active"
        with self.assertRaisesRegex(UserError, "Press “Delete”"):
            app.unlink()
        with self.assertRaisesRegex(UserError, "may still exist"):
            app.namespace_id.unlink()

    def test_record_of_an_app_with_a_waiting_job_cannot_be_deleted(self):
        app = self.create_app()
        job = app._enqueue("deploy")
        with self.assertRaisesRegex(UserError, "Press “Delete”"):
            app.unlink()
        job.action_cancel()
        app.unlink()
        self.assertFalse(app.exists())

    def test_record_of_an_app_never_deployed_can_be_deleted(self):
        app = self.create_app()
        namespace = app.namespace_id
        app.unlink()
        self.assertFalse(namespace.exists())
        self.assertEqual(self.create_app().namespace_id.name, "shop-prod")

    def test_default_cluster_where_there_is_only_one(self):
        self.env["kubernetes.cluster"].search([("id", "!=", self.cluster.id)]).write(
            {"active": False}
        )
        defaults = self.env["kubernetes.app"].default_get(["cluster_id"])
        self.assertEqual(defaults["cluster_id"], self.cluster.id)
        self.cluster.copy({"name": "other"})
        defaults = self.env["kubernetes.app"].default_get(["cluster_id"])
        self.assertFalse(defaults.get("cluster_id"))

    def test_needs_attention_filter(self):
        view = self.env.ref("kubernetes_hosting.kubernetes_app_view_search")
        node = etree.fromstring(view.arch).find(".//filter[@name='attention']")
        domain = safe_eval(node.get("domain"))
        failed, running, waiting = (
            self.create_app(name) for name in ("failed", "running", "waiting")
        )
        failed.state = "failed"
        running.write({"state": "running", "ingress_state": "ready"})
        waiting.write({"state": "running", "ingress_state": "no_address"})
        found = self.env["kubernetes.app"].search(domain)
        self.assertIn(failed, found)
        self.assertIn(waiting, found)
        self.assertNotIn(running, found)
