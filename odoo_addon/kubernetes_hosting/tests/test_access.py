# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user
from odoo.tools import mute_logger

from .common import KubernetesTransactionCase

READ_BY_USER = [
    "kubernetes.app",
    "kubernetes.app.change",
    "kubernetes.app.domain",
    "kubernetes.app.manifest",
    "kubernetes.attention",
    "kubernetes.cluster",
    "kubernetes.config.map",
    "kubernetes.config.map.action",
    "kubernetes.config.map.line",
    "kubernetes.environment",
    "kubernetes.hostname",
    "kubernetes.job",
    "kubernetes.job.step",
    "kubernetes.manifest",
    "kubernetes.manifest.content",
    "kubernetes.namespace",
    "kubernetes.namespace.found",
    "kubernetes.node.port",
    "kubernetes.package",
    "kubernetes.package.category",
    "kubernetes.package.version",
    "kubernetes.password.link",
    "kubernetes.repository",
    "kubernetes.repository.run",
    "kubernetes.reserved.name",
    "kubernetes.secret",
    "kubernetes.secret.line",
    "kubernetes.worker",
]
KEPT_BY_OPERATOR = [
    "kubernetes.app",
    "kubernetes.app.domain",
    "kubernetes.app.manifest",
    "kubernetes.config.map",
    "kubernetes.config.map.action",
    "kubernetes.config.map.line",
    "kubernetes.manifest",
    "kubernetes.repository",
    "kubernetes.secret",
    "kubernetes.secret.line",
]
KEPT_BY_ADMINISTRATOR = [
    "kubernetes.cluster",
    "kubernetes.environment",
    "kubernetes.reserved.name",
    "kubernetes.worker",
]
WRITTEN_BY_NOBODY = [
    "kubernetes.app.change",
    "kubernetes.attention",
    "kubernetes.attention.told",
    "kubernetes.hostname",
    "kubernetes.job",
    "kubernetes.job.step",
    "kubernetes.manifest.content",
    "kubernetes.namespace",
    "kubernetes.namespace.found",
    "kubernetes.node.port",
    "kubernetes.package",
    "kubernetes.package.category",
    "kubernetes.package.version",
    "kubernetes.password.guess",
    "kubernetes.password.link",
    "kubernetes.repository.run",
    "kubernetes.worker.key",
]
ALL = READ_BY_USER + [
    "kubernetes.attention.told",
    "kubernetes.app.apply",
    "kubernetes.app.delete",
    "kubernetes.app.request",
    "kubernetes.app.request.line",
    "kubernetes.app.reset",
    "kubernetes.app.restore",
    "kubernetes.config.map.import",
    "kubernetes.config.map.import.line",
    "kubernetes.database.moved",
    "kubernetes.namespace.adopt",
    "kubernetes.namespace.adopt.all",
    "kubernetes.package.install",
    "kubernetes.package.install.line",
    "kubernetes.password.guess",
    "kubernetes.worker.key",
    "kubernetes.worker.key.create",
    "kubernetes.worker.key.show",
]
WAYS = ("write", "create", "unlink")


class TestAccess(KubernetesTransactionCase):
    """User sees, operator acts, administrator manages clusters and worker keys;
    portal users see their own apps; companies see their own records."""

    def may(self, user, model, way):
        return self.env[model].with_user(user).has_access(way)

    def test_every_model_has_its_place_in_these_lists(self):
        stored = {
            name
            for name in self.env.registry
            if name.startswith("kubernetes.")
            and not self.env[name]._abstract
            and self.env[name]._original_module == "kubernetes_hosting"
        }
        self.assertEqual(stored, set(ALL) - {"kubernetes.worker.key.show"})

    def test_user_sees_and_changes_nothing(self):
        user = self.create_user("user")
        for model in READ_BY_USER:
            self.assertTrue(self.may(user, model, "read"), model)
            for way in WAYS:
                self.assertFalse(self.may(user, model, way), f"{way} {model}")

    def test_operator_acts(self):
        operator = self.create_user("operator")
        for model in KEPT_BY_OPERATOR:
            for way in WAYS:
                self.assertTrue(self.may(operator, model, way), f"{way} {model}")
        for model in KEPT_BY_ADMINISTRATOR + WRITTEN_BY_NOBODY:
            for way in WAYS:
                self.assertFalse(self.may(operator, model, way), f"{way} {model}")

    def test_administrator_manages(self):
        administrator = self.create_user("administrator")
        for model in KEPT_BY_OPERATOR + KEPT_BY_ADMINISTRATOR:
            for way in WAYS:
                self.assertTrue(self.may(administrator, model, way), f"{way} {model}")
        for model in WRITTEN_BY_NOBODY:
            for way in WAYS:
                self.assertFalse(self.may(administrator, model, way), f"{way} {model}")

    def test_nobody_else_sees_anything(self):
        employee = new_test_user(self.env, "employee", groups="base.group_user")
        worker = self.env["kubernetes.worker"].create({"name": "w"}).user_id
        public = self.env.ref("base.public_user")
        for user in (employee, worker, public):
            for model in ALL:
                for way in ("read", *WAYS):
                    self.assertFalse(
                        self.may(user, model, way), f"{user.login} {way} {model}"
                    )

    # -- buttons -----------------------------------------------------------------

    def test_user_cannot_act(self):
        user = self.create_user("user")
        app = self.create_app()
        job = app._enqueue("deploy")
        mine = app.with_user(user)
        for act in (
            mine.action_apply,
            mine.action_refresh,
            mine.action_delete,
            job.with_user(user).action_cancel,
            job.with_user(user).action_retry,
        ):
            with self.assertRaises(AccessError):
                act()
        with self.assertRaises(AccessError):
            self.env["kubernetes.app.delete"].with_user(user).create(
                {"app_id": app.id, "confirmed_name": "unit/shop-prod"}
            )
        self.assertEqual(job.state, "pending")

    def test_operator_can_act(self):
        operator = self.create_user("operator")
        app = self.env["kubernetes.app"].with_user(operator).create(self.app_values())
        app.action_apply()
        app.job_ids.action_cancel()
        app.job_ids.action_retry()
        app.action_refresh()
        self.env["kubernetes.app.delete"].with_user(operator).create(
            {"app_id": app.id, "confirmed_name": "unit/shop-prod"}
        ).action_confirm()
        self.assertEqual(app.state, "deleting")
        self.assertEqual(app.job_ids.requested_by, operator)

    def test_only_the_administrator_handles_keys(self):
        worker = self.env["kubernetes.worker"].create({"name": "w"})
        worker._create_key()
        for group in ("user", "operator"):
            person = self.create_user(group)
            for records, method in (
                (worker, "action_create_key"),
                (worker, "action_revoke_keys"),
                (worker.key_ids, "action_revoke"),
                (worker.key_ids, "read"),
            ):
                with self.assertRaises(AccessError):
                    getattr(records.with_user(person), method)()
            with self.assertRaises(AccessError):
                worker.with_user(person).read(["user_id"])

    # -- portal ------------------------------------------------------------------

    def test_portal_user_sees_only_apps_of_the_own_company(self):
        company = self.env["res.partner"].create({"name": "Acme", "is_company": True})
        anna, ben = (
            new_test_user(self.env, login, groups="base.group_portal", lang="en_US")
            for login in ("anna", "ben")
        )
        anna.partner_id.parent_id = company
        hers = self.create_app("hers", partner_id=anna.partner_id.id)
        companys = self.create_app("companys", partner_id=company.id)
        his = self.create_app("his", partner_id=ben.partner_id.id)
        nobodys = self.create_app("nobodys", partner_id=False)
        apps = self.env["kubernetes.app"].with_user(anna)
        self.assertEqual(apps.search([]).ids, (hers + companys).sorted("id desc").ids)
        for other in his + nobodys:
            with self.assertRaises(AccessError), mute_logger("odoo.models"):
                other.with_user(anna).read(["name"])

    def test_portal_user_reads_no_technical_field(self):
        anna = new_test_user(self.env, "anna", groups="base.group_portal", lang="en_US")
        app = self.create_app(partner_id=anna.partner_id.id)
        app._enqueue("deploy")
        hers = app.with_user(anna)
        self.assertEqual(hers.url, "http://shop.apps.example.com:8080")
        self.assertEqual(hers.customer_state, "Being set up")
        for field in (
            "state_message",
            "state_message_shown",
            "state_message_words",
            "inventory",
            "cluster_id",
            "namespace_id",
            "config_map_id",
            "secret_id",
            "manifest_line_ids",
            "observed_message",
            "ingress_message",
            "ingress_addresses",
            "job_ids",
        ):
            with self.assertRaises(AccessError):
                hers.read([field])

    def test_portal_user_changes_nothing_and_sees_no_job(self):
        anna = new_test_user(self.env, "anna", groups="base.group_portal", lang="en_US")
        app = self.create_app(partner_id=anna.partner_id.id)
        for way in WAYS:
            self.assertFalse(app.with_user(anna).has_access(way))
        for model in set(ALL) - {"kubernetes.app", "kubernetes.environment"}:
            self.assertFalse(self.may(anna, model, "read"), model)
        with self.assertRaises(AccessError):
            app.with_user(anna).action_apply()

    def test_portal_user_sees_no_note_of_the_chatter(self):
        anna = new_test_user(self.env, "anna", groups="base.group_portal", lang="en_US")
        app = self.create_app(partner_id=anna.partner_id.id)
        app.action_apply()
        self.env.flush_all()
        self.cr.precommit.run()
        self.assertTrue(app.message_ids)
        messages = self.env["mail.message"].with_user(anna)
        self.assertFalse(
            messages.search([("model", "=", app._name), ("res_id", "=", app.id)])
        )

    # -- companies ---------------------------------------------------------------

    def test_companies_see_their_own(self):
        other = self.env["res.company"].create({"name": "Other"})
        person = self.create_user(
            "administrator",
            company_id=self.env.company.id,
            company_ids=[self.env.company.id],
        )
        stranger = self.create_user(
            "administrator",
            login="stranger",
            company_id=other.id,
            company_ids=[other.id],
        )
        app = self.create_app()
        self.manifests.company_id = False
        self.config_map.company_id = self.secret.company_id = False
        job = app._enqueue("deploy")
        mine = [
            app,
            job,
            app.namespace_id,
            app.config_map_id,
            app.config_map_id.line_ids,
            app.secret_id,
            app.secret_id.line_ids,
            app.manifest_line_ids,
        ]
        shared = [self.cluster, self.manifests, self.config_map, self.secret]
        for records in mine + shared:
            self.assertEqual(
                records.with_user(person).search([("id", "in", records.ids)]), records
            )
        for records in mine:
            self.assertFalse(
                records.with_user(stranger).search([("id", "in", records.ids)]),
                records,
            )
        for records in shared:
            self.assertTrue(
                records.with_user(stranger).search([("id", "in", records.ids)])
            )

    def test_another_companys_cluster_is_refused(self):
        self.cluster.company_id = self.env["res.company"].create({"name": "Other"})
        with self.assertRaises(UserError):
            self.create_app()

    def test_operator_cannot_use_another_companys_template(self):
        self.config_map.company_id = self.env["res.company"].create({"name": "Other"})
        operator = self.create_user("operator")
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            self.env["kubernetes.app"].with_user(operator).create(self.app_values())
