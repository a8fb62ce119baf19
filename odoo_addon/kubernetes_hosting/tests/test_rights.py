# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from contextlib import suppress

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import new_test_user
from odoo.tools import mute_logger

from .common import KubernetesTransactionCase


class RightsCase(KubernetesTransactionCase):
    """Two companies, an operator of each, and an app of the first one's customer."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        cls.other_company = cls.env["res.company"].create({"name": "Other"})
        cls.operator = cls.create_user("operator", login="operator")
        cls.other_operator = cls.create_user(
            "operator",
            login="other-operator",
            company_id=cls.other_company.id,
            company_ids=[Command.set(cls.other_company.ids)],
        )
        cls.app = cls.create_app()
        cls.attachment = cls.env["ir.attachment"].create(
            {"name": "private.txt", "raw": b"private"}
        )

    def refused(self):
        return self.assertRaises(UserError)


class TestSecretCopy(RightsCase):
    """S1: a copy of a secret is made with the rights of whoever asks for it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.template = cls.secret.with_user(cls.operator)

    @mute_logger("odoo.models", "odoo.addons.base.models.ir_rule")
    def test_s1_copying_a_secret_writes_no_field_that_only_jobs_write(self):
        for values in (
            {"state_message": "x"},
            {"wanted_state": "deleted"},
            {"inventory": []},
            {"namespace_id": False},
        ):
            with self.refused():
                self.template.copy(
                    {"name": "c", "app_ids": [Command.update(self.app.id, values)]}
                )

    @mute_logger("odoo.models", "odoo.addons.base.models.ir_rule")
    def test_s1_copying_a_secret_reaches_no_app_of_another_company(self):
        theirs = self.secret.with_user(self.other_operator)
        with self.refused():
            theirs.copy(
                {"app_ids": [Command.update(self.app.id, {"reset_mode": "empty"})]}
            )

    @mute_logger("odoo.models", "odoo.addons.base.models.ir_rule")
    def test_s1_copying_a_secret_queues_no_job_of_ones_own_making(self):
        job = Command.create(
            {"kind": "password", "options": {"key": "postgres_password"}}
        )
        with self.refused():
            self.template.copy(
                {"app_ids": [Command.update(self.app.id, {"job_ids": [job]})]}
            )
        self.assertFalse(self.app.job_ids)

    @mute_logger("odoo.models", "odoo.addons.base.models.ir_rule")
    def test_s1_copying_a_secret_opens_no_attachment(self):
        self.app._log("A note")
        note = Command.update(
            self.app.message_ids[:1].id,
            {"attachment_ids": [Command.update(self.attachment.id, {"public": True})]},
        )
        with self.refused():
            self.template.copy(
                {"app_ids": [Command.update(self.app.id, {"message_ids": [note]})]}
            )
        self.assertFalse(self.attachment.public)

    @mute_logger("odoo.models", "odoo.addons.base.models.ir_rule")
    def test_s1_defaults_of_the_context_are_the_callers_too(self):
        command = Command.update(self.app.id, {"state_message": "x"})
        with suppress(UserError), self.env.cr.savepoint():
            self.template.with_context(default_app_ids=[command]).copy()
        self.assertFalse(self.app.state_message)

    def test_a_copy_has_values_and_the_first_password(self):
        self.secret.line_ids[0].first_password = True
        copy = self.template.copy({"name": "Copy"})
        line = copy.sudo().line_ids[0]
        self.assertEqual(copy.name, "Copy")
        self.assertEqual(line.stored_value, "s3cr#t")
        self.assertTrue(line.first_password)


class TestAccessComesFirst(RightsCase):
    """S9: nothing is said about a record before its access is checked."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.anna = new_test_user(
            cls.env, "anna", groups="base.group_portal", lang="en_US"
        )

    def said(self, function, *args):
        with (
            self.assertRaises(AccessError) as raised,
            mute_logger("odoo.models", "odoo.addons.base.models.ir_rule"),
        ):
            function(*args)
        return str(raised.exception)

    def test_s9_a_customer_learns_no_name_of_an_app(self):
        app = self.app.with_user(self.anna)
        for values in (
            {"name": "x"},
            {"name": self.app.name},
            {"environment_id": self.int.id},
            {"cluster_id": 0},
            {"company_id": 0},
            {"state": "running"},
        ):
            said = self.said(app.write, values)
            self.assertNotIn(self.app.name, said)
            self.assertNotIn("cannot change", said)

    def test_s9_the_right_value_answers_as_the_wrong_one(self):
        app = self.app.with_user(self.anna)
        self.assertEqual(
            self.said(app.write, {"name": self.app.name}),
            self.said(app.write, {"name": "wrong"}),
        )

    def test_s9_no_write_of_any_model_speaks_before_it_has_checked(self):
        app = self.app
        for record, values in (
            (self.cluster, {"domain": "other.example"}),
            (self.prod, {"code": "other"}),
            (app.config_map_id.line_ids[0], {"key": "x"}),
            (app.secret_id.line_ids[0], {"key": "x"}),
            (app.manifest_line_ids[0], {"sequence": 1}),
            (self.manifests[0], {"url": "https://other.example"}),
        ):
            for way in ("write", "unlink"):
                function = getattr(record.with_user(self.anna), way)
                said = self.said(function, *([values] if way == "write" else []))
                self.assertIn("not allowed to", said)

    def test_s9_another_companys_operator_learns_nothing_either(self):
        said = self.said(self.app.with_user(self.other_operator).write, {"name": "x"})
        self.assertNotIn("cannot change", said)


class TestSystemFields(RightsCase):
    """What no screen changes, nobody changes by RPC either, on no way."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.administrator = cls.create_user("administrator", login="administrator")
        cls.env["kubernetes.worker"].create({"name": "w"})

    def system_fields(self, model):
        return [f.name for f in model._fields.values() if model._is_system_field(f)]

    def test_every_model_of_ours_has_it(self):
        for name, model in self.env.registry.items():
            ours = name.startswith("kubernetes.") and not model._abstract
            if ours:
                self.assertTrue(
                    hasattr(model, "_as_system"),
                    f"Add kubernetes.record to the _inherit of {name}.",
                )

    def test_the_administrator_writes_none_of_them(self):
        for name in ("app", "cluster", "worker", "manifest", "secret", "config.map"):
            model = self.env[f"kubernetes.{name}"].with_user(self.administrator)
            fields = self.system_fields(model)
            record = model.search([], limit=1)
            self.assertTrue(fields and record, name)
            for field in fields:
                with self.assertRaisesRegex(UserError, field):
                    record.write({field: False})

    def test_they_are_not_given_by_a_create_or_its_context(self):
        apps = self.env["kubernetes.app"].with_user(self.operator)
        with self.refused():
            apps.create(self.app_values("wiki", state_message="x"))
        with self.refused():
            apps.with_context(default_state_message="x").create(self.app_values("wiki"))

    def test_what_the_system_makes_takes_no_default_of_the_caller(self):
        app = self.app.with_user(self.operator).with_context(
            default_state="done",
            default_result={"password": "x"},
            default_attachment_ids=[Command.set(self.attachment.ids)],
            default_worker_id=1,
        )
        app.action_apply()
        job = self.app.job_ids
        self.assertEqual(job.state, "pending")
        self.assertFalse(job.result or job.worker_id)
        self.assertFalse(self.app.message_ids.attachment_ids)

    def test_the_invitations_link_and_password_are_not_the_callers(self):
        template = self.env.ref("kubernetes_hosting.mail_template_app_invitation")
        template.body_html = (
            '<p>Hello <t t-out="object.invitation_password_url"/>'
            '<t t-out="object.invitation_password"/></p>'
        )
        app = self.app.with_context(kubernetes_password_url="https://evil.example")
        mail = app._render_invitation(kubernetes_password="placeholder")
        self.assertNotIn("evil", mail["body_html"])

    def test_a_copy_leaves_them_out(self):
        self.app.sudo().state_message = "x"
        copy = self.app.with_user(self.operator).copy()
        self.assertEqual(copy.state, "new")
        self.assertFalse(copy.state_message)

    def test_nobody_makes_or_retries_a_password_job(self):
        values = {"kind": "password", "app_id": self.app.id, "options": {}}
        job = self.env["kubernetes.job"].create({**values, "state": "failed"})
        for user in (self.operator, self.administrator):
            with self.refused(), mute_logger("odoo.addons.base.models.ir_model"):
                job.with_user(user).create(values)
            with self.refused():
                self.app.with_user(user).write({"job_ids": [Command.create(values)]})
            with self.refused():
                job.with_user(user).action_retry()

    def test_shared_values_that_an_app_takes_for_its_own_are_the_operators(self):
        theirs = self.env["kubernetes.secret"].create(
            {"name": "Theirs", "company_id": self.other_company.id}
        )
        app = self.app.with_user(self.operator)
        with self.refused(), mute_logger("odoo.addons.base.models.ir_rule"):
            app.write({"secret_id": theirs.id})


class TestNotThereOrNotYours(RightsCase):
    """Refusals are alike for what is somebody else's and for what is not there."""

    def said(self, record, method, *args):
        with (
            self.assertRaises(AccessError) as raised,
            mute_logger("odoo.models", "odoo.addons.base.models.ir_rule"),
        ):
            getattr(record, method)(*args)
        return str(raised.exception)

    def test_reading_writing_deleting_and_asking(self):
        app = self.app.with_user(self.other_operator)
        missing = app.browse(self.app.id + 1000)
        for method, *args in (
            ("read", ["name"]),
            ("read",),
            ("write", {"reset_mode": "empty"}),
            ("write", {"name": "x"}),
            ("unlink",),
            ("copy",),
            ("action_apply",),
            ("action_stop",),
            ("action_review",),
            ("action_reset",),
            ("action_delete",),
            ("action_view_namespace",),
            ("action_send_invitation",),
            ("action_check_mail_domain",),
            ("action_forget_mail_domain",),
        ):
            self.assertEqual(
                self.said(app, method, *args), self.said(missing, method, *args), method
            )
            self.assertNotIn(self.app.name, self.said(app, method, *args))

    def test_the_names_stay_unsaid_in_debug_mode_too(self):
        debug = self.env.ref("base.group_no_one")
        self.other_operator.group_ids += debug
        self.assertNotIn(
            self.app.name, self.said(self.app.with_user(self.other_operator), "read")
        )

    def test_who_works_for_both_companies_is_told_to_switch(self):
        self.other_operator.company_ids += self.company
        app = self.app.with_user(self.other_operator).with_context(
            allowed_company_ids=self.other_company.ids
        )
        self.assertIn("multi-company", self.said(app, "read", ["name"]))
