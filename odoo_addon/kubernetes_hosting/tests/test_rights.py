# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from contextlib import suppress

from psycopg2 import Error as DatabaseError

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from .common import KubernetesCase, KubernetesTransactionCase


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
    """A copy of a secret is made with the rights of whoever asks for it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.template = cls.secret.with_user(cls.operator)

    @mute_logger("odoo.models", "odoo.addons.base.models.ir_rule")
    def test_copying_a_secret_writes_no_field_that_only_jobs_write(self):
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
    def test_copying_a_secret_reaches_no_app_of_another_company(self):
        theirs = self.secret.with_user(self.other_operator)
        with self.refused():
            theirs.copy(
                {"app_ids": [Command.update(self.app.id, {"reset_mode": "empty"})]}
            )

    @mute_logger("odoo.models", "odoo.addons.base.models.ir_rule")
    def test_copying_a_secret_queues_no_job_of_ones_own_making(self):
        job = Command.create(
            {"kind": "password", "options": {"key": "postgres_password"}}
        )
        with self.refused():
            self.template.copy(
                {"app_ids": [Command.update(self.app.id, {"job_ids": [job]})]}
            )
        self.assertFalse(self.app.job_ids)

    @mute_logger("odoo.models", "odoo.addons.base.models.ir_rule")
    def test_copying_a_secret_opens_no_attachment(self):
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
    def test_defaults_of_the_context_are_the_callers_too(self):
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
    """Nothing is said about a record before its access is checked."""

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

    def test_a_customer_learns_no_name_of_an_app(self):
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

    def test_the_right_value_answers_as_the_wrong_one(self):
        app = self.app.with_user(self.anna)
        self.assertEqual(
            self.said(app.write, {"name": self.app.name}),
            self.said(app.write, {"name": "wrong"}),
        )

    def test_no_write_of_any_model_speaks_before_it_has_checked(self):
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

    def test_nobody_learns_an_address_by_opening_it(self):
        for user in (self.anna, self.other_operator):
            said = self.said(self.app.with_user(user).action_open)
            self.assertNotIn(self.app.name, said)

    def test_who_only_sees_apps_does_not_act_as_their_customer(self):
        self.app.invalidate_recordset()
        user = self.create_user("user")
        self.said(self.app.with_user(user)._customer_request, "restart")

    def test_another_companys_operator_learns_nothing_either(self):
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
                with self.assertRaisesRegex(UserError, f"(?i){field}"):
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


class TestWizards(RightsCase):
    """What somebody has begun in a wizard, a text with secrets too, is theirs."""

    @mute_logger("odoo.addons.base.models.ir_rule")
    def test_nobody_reads_another_ones_import(self):
        imports = self.env["kubernetes.config.map.import"].with_user(self.operator)
        mine = imports.create(
            {"text": "password: x", "line_ids": [Command.create({"key": "password"})]}
        )
        for user in (self.other_operator, self.create_user("administrator")):
            self.assertFalse(imports.with_user(user).search([]))
            for record in (mine, mine.line_ids):
                with self.assertRaises(AccessError):
                    record.with_user(user).read()


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
            ("action_ask_apply",),
            ("action_ask_stop",),
            ("action_review",),
            ("action_reset",),
            ("action_delete",),
            ("action_view_namespace",),
            ("action_send_invitation",),
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


class TestCompanies(RightsCase):
    """What somebody makes is their company's; what is shared, the
    administrators keep."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.administrator = cls.create_user("administrator", login="administrator")
        cls.values = {
            "kubernetes.config.map": {"name": "Values"},
            "kubernetes.secret": {"name": "Secret"},
            "kubernetes.manifest": {"name": "M", "url": "https://example.com/m.yml"},
        }

    def test_what_somebody_makes_is_their_companys(self):
        for model, values in self.values.items():
            record = self.env[model].with_user(self.operator).create(values)
            self.assertEqual(record.company_id, self.company, model)
            self.assertEqual(
                record.copy().company_id, self.company, f"a copy of {model}"
            )
            self.assertFalse(
                record.with_user(self.other_operator).search([("id", "=", record.id)])
            )
        cluster = (
            self.env["kubernetes.cluster"]
            .with_user(self.administrator)
            .create({"name": "new", "domain": "new.example"})
        )
        self.assertEqual(cluster.company_id, self.company)

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.models")
    def test_shared_records_are_read_by_all_and_kept_by_administrators(self):
        for model, values in self.values.items():
            values = {**values, "company_id": False}
            shared = self.env[model].create(values)
            for operator in (self.operator, self.other_operator):
                theirs = shared.with_user(operator)
                self.assertEqual(theirs.name, values["name"])
                for act in (
                    lambda theirs=theirs: theirs.write({"name": "x"}),
                    lambda theirs=theirs: theirs.write({"company_id": 1}),
                    theirs.unlink,
                    lambda theirs=theirs, values=values: theirs.create(values),
                ):
                    with self.assertRaises(AccessError, msg=model):
                        act()
                copy = theirs.copy()
                self.assertEqual(copy.company_id, operator.company_id)
                with self.assertRaises(AccessError, msg=model):
                    copy.company_id = False
            shared.with_user(self.administrator).name = "Kept"
            shared.with_user(self.administrator).unlink()

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.models")
    def test_nobody_adds_a_value_to_a_shared_template(self):
        self.config_map.company_id = False
        self.secret.company_id = False
        for values in (self.config_map, self.secret):
            line = values.line_ids[0].with_user(self.operator)
            self.assertTrue(line.key)
            for act in (
                lambda line=line: line.write({"sequence": 1}),
                line.unlink,
                lambda line=line, values=values: line.create(
                    {line._values_field: values.id, "key": "more", "value": "x"}
                ),
                lambda values=values: values.with_user(self.operator).write(
                    {"line_ids": [Command.create({"key": "more", "value": "x"})]}
                ),
            ):
                with self.assertRaises(AccessError):
                    act()

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.models")
    def test_nobody_moves_a_line_to_what_is_not_theirs(self):
        theirs = self.env["kubernetes.config.map"].create(
            {"name": "Theirs", "company_id": self.other_company.id}
        )
        line = self.config_map.line_ids[0].with_user(self.operator)
        with self.assertRaises(AccessError):
            line.write({"config_map_id": theirs.id})
        moved = self.config_map.with_user(self.operator)
        with self.assertRaises(AccessError):
            moved.write({"company_id": self.other_company.id})

    def test_an_app_takes_no_template_of_another_company(self):
        self.secret.company_id = self.other_company
        with self.assertRaisesRegex(UserError, "another company"):
            self.create_app("wiki")
        with self.assertRaisesRegex(UserError, "another company"):
            self.app.secret_id = self.secret

    def test_an_app_takes_no_manifest_of_another_company(self):
        theirs = self.env["kubernetes.manifest"].create(
            {
                "name": "Theirs",
                "url": "https://example.com/theirs.yml",
                "company_id": self.other_company.id,
            }
        )
        for field in ("manifest_line_ids", "reset_manifest_line_ids"):
            line = Command.create({"manifest_id": theirs.id})
            with self.assertRaisesRegex(UserError, "company"):
                self.app.with_user(self.operator).write({field: [line]})

    def test_hostnames_are_seen_by_the_company_of_their_app(self):
        hostnames = self.env["kubernetes.hostname"]
        self.assertTrue(hostnames.with_user(self.operator).search([]))
        self.assertFalse(hostnames.with_user(self.other_operator).search([]))

    def test_a_previews_job_is_of_the_company_of_who_asks(self):
        self.env["kubernetes.worker"].create(
            {"name": "w"}
        )._as_system().last_seen = fields.Datetime.now()
        manifests = self.env["kubernetes.manifest"].with_user(self.operator)
        manifests = manifests.with_context(allowed_company_ids=self.other_company.ids)
        with self.assertRaises(AccessError):
            manifests.request_preview("https://example.com/x.yml", "x")


class TestMoves(RightsCase):
    """What is in use stays with the company of its users, and a secret with its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.both = cls.create_user(
            "administrator",
            login="both",
            company_ids=[Command.set((cls.company + cls.other_company).ids)],
        )

    def test_the_values_of_an_app_stay_with_its_company(self):
        for values in (self.app.config_map_id, self.app.secret_id):
            values = values.with_user(self.both)
            for company in (self.other_company.id, False):
                with (
                    self.assertRaisesRegex(UserError, "in use by another company"),
                    self.env.cr.savepoint(),
                ):
                    values.company_id = company
                with (
                    self.assertRaisesRegex(UserError, "in use by another company"),
                    self.env.cr.savepoint(),
                ):
                    values.sudo().company_id = company
        loose = self.env["kubernetes.secret"].create(
            {"name": "Loose", "company_id": False}
        )
        with (
            self.assertRaisesRegex(UserError, "in use by another company"),
            self.env.cr.savepoint(),
        ):
            self.app.secret_id = loose
        loose.company_id = self.company
        self.app.secret_id = loose

    def test_a_line_stays_with_its_company(self):
        for name, values in (("config.map", self.config_map), ("secret", self.secret)):
            theirs = self.env[f"kubernetes.{name}"].create(
                {"name": "Theirs", "company_id": self.other_company.id}
            )
            line = values.line_ids[0].with_user(self.both)
            with (
                self.assertRaisesRegex(UserError, "cannot go to another"),
                self.env.cr.savepoint(),
            ):
                line.write({line._values_field: theirs.id})
            own = values.copy({"line_ids": False})
            line.write({line._values_field: own.id})

    def test_the_copy_of_a_secret_stays_with_its_company(self):
        secret = self.secret.with_user(self.both)
        companies = self.other_company + self.company
        for copied in (
            lambda: secret.copy({"company_id": self.other_company.id}),
            lambda: secret.with_context(allowed_company_ids=companies.ids).copy(),
            lambda: secret.copy({"company_id": False}),
        ):
            with (
                self.assertRaisesRegex(UserError, "stays with its company"),
                self.env.cr.savepoint(),
            ):
                copied()
        self.assertEqual(secret.copy().company_id, self.company)
        app = self.app.with_user(self.both)
        app = app.with_context(allowed_company_ids=companies.ids).copy()
        self.assertEqual(app.secret_id.company_id, self.company)

    def test_a_manifest_in_use_stays_with_the_company_of_its_apps(self):
        manifest = self.manifests[0].with_user(self.both)
        with self.assertRaises(UserError) as raised, self.env.cr.savepoint():
            manifest.company_id = self.other_company
        self.assertIn("in use by another company", str(raised.exception))
        self.assertNotIn(self.app.name, str(raised.exception))
        manifest.company_id = False

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.models", "odoo.sql_db")
    def test_nothing_goes_to_a_company_that_its_user_does_not_work_for(self):
        """All models with a company that somebody writes."""
        tried = 0
        stranger = self.create_user(
            "administrator",
            login="stranger",
            company_id=self.other_company.id,
            company_ids=[Command.set(self.other_company.ids)],
        )
        for name, model in self.env.items():
            field = model._fields.get("company_id")
            if (
                not name.startswith("kubernetes.")
                or model._abstract
                or not field
                or not field.store
                or not model.with_user(stranger).has_access("write")
            ):
                continue
            tried += 1
            records = model.with_user(stranger)
            for number in (self.company.id, 2**30):
                with self.assertRaises(AccessError, msg=name), self.env.cr.savepoint():
                    records.write({"company_id": number})
            with suppress(UserError, DatabaseError), self.env.cr.savepoint():
                made = records.create({"company_id": self.company.id})
                self.fail(f"{name}: {made}")
        self.assertGreaterEqual(tried, 5)


class TestAnothersJob(RightsCase):
    """A job's result is for whoever asked: to others of the same company it is not
    there."""

    def test_a_colleagues_preview_answers_as_one_that_is_not_there(self):
        job = self.env["kubernetes.job"].create(
            {
                "kind": "preview",
                "company_id": self.company.id,
                "options": {"title": "Theirs", "url": "https://example.com/x.yml"},
                "requested_by": self.operator.id,
            }
        )
        colleague = self.create_user("operator", login="colleague")
        colleague.group_ids += self.env.ref("base.group_no_one")
        theirs = job.with_user(colleague)
        missing = theirs.browse(2**30)
        for method, *args in (
            ("read", ["state"]),
            ("read",),
            ("web_read", {"state": {}}),
            ("write", {}),
            ("unlink",),
            ("copy",),
            ("action_cancel",),
            ("action_retry",),
            ("get_formview_action",),
            ("export_data", ["display_name"]),
        ):
            said = []
            for record in (theirs, missing):
                self.env.invalidate_all()
                try:
                    with (
                        mute_logger("odoo.models", "odoo.addons.base.models.ir_rule"),
                        self.env.cr.savepoint(),
                    ):
                        said.append(str(getattr(record, method)(*args)))
                except UserError as error:
                    said.append(f"{type(error).__name__} {error}")
            said[0] = said[0].replace(str(job.id), str(2**30))
            self.assertEqual(said[0], said[1], method)
            self.assertNotIn("Theirs", said[0])


class TestNotes(RightsCase):
    """A note on a record that is not there is refused like one on somebody else's."""

    def test_a_note_is_refused_alike(self):
        anna = new_test_user(self.env, "anna", groups="base.group_portal", lang="en_US")
        worker = self.create_worker("mine")
        mine = [self.manifests[0], self.config_map, self.cluster]
        for record in mine:
            record.company_id = self.company
        worker.cluster_ids = self.cluster
        for record in (self.app, worker, *mine):
            for user in (self.other_operator, anna):
                said = []
                for number in (record.id, 2**30):
                    theirs = record.with_user(user).browse(number)
                    with (
                        self.assertRaises(AccessError) as refused,
                        mute_logger("odoo.models", "odoo.addons.base.models.ir_rule"),
                    ):
                        theirs.message_post(body="x")
                    said.append(str(refused.exception))
                self.assertEqual(*said, (record, user.login))


class TestSiblings(RightsCase):
    """Siblings reach one another in the cluster: they are of one company and of one
    customer."""

    def siblings(self, app):
        return app.sudo()._sibling_namespaces()

    def test_an_app_of_the_same_name_in_another_company_is_no_sibling(self):
        for partner in (False, self.customer.id):
            name = f"same-{bool(partner)}".lower()
            mine = self.create_app(name, partner_id=partner)
            test = self.env["kubernetes.environment"].search([("code", "=", "test")])
            theirs = (
                self.env["kubernetes.app"]
                .with_user(self.other_operator)
                .create(
                    {
                        "name": name,
                        "environment_id": test.id,
                        "cluster_id": self.cluster.id,
                        "partner_id": partner,
                    }
                )
            )
            self.assertEqual(self.siblings(mine), [])
            self.assertEqual(self.siblings(theirs), [])
            self.assertFalse(mine.sibling_count or theirs.sudo().sibling_count)
            own = self.create_app(name, self.int, partner_id=partner)
            self.assertEqual(self.siblings(mine), [own.namespace_id.name])
            mine.invalidate_recordset(["sibling_count"])
            self.assertEqual(mine.sibling_count, 1)

    def test_an_app_of_another_customer_is_no_sibling(self):
        mine = self.create_app("mine", partner_id=False)
        theirs = self.create_app("mine", self.int)
        self.assertEqual(self.siblings(mine), [])
        self.assertEqual(self.siblings(theirs), [])


class TestCustomers(RightsCase):
    """The operators' notes are not the customer's, to read or to search by."""

    def test_a_customer_searches_no_note(self):
        anna = new_test_user(self.env, "anna", groups="base.group_portal", lang="en_US")
        self.app.partner_id = anna.partner_id
        self.app.action_apply()
        apps = self.env["kubernetes.app"].with_user(anna)
        self.assertEqual(apps.search([]), self.app)
        for domain in (
            [("message_ids.body", "like", "Apply requested")],
            [("message_ids", "any", [("body", "like", "Apply")])],
            [("message_ids", "!=", False)],
            [("website_message_ids.body", "like", "Apply")],
            [("message_follower_ids.partner_id", "!=", False)],
            [("message_partner_ids", "!=", False)],
            [("message_has_error", "=", True)],
            [("activity_ids.summary", "like", "x")],
        ):
            with self.assertRaises(AccessError, msg=domain):
                apps.search_count(domain)
        for field in ("message_ids", "message_partner_ids", "website_message_ids"):
            with self.assertRaises(AccessError):
                apps.browse(self.app.id).read([field])
            self.assertNotIn(field, apps.fields_get())


@tagged("post_install", "-at_install")
class TestExport(KubernetesCase, HttpCase):
    """A config map that is not yours answers as one that is not there."""

    def test_the_export_answers_alike(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.config_map.company_id = other
        self.create_user("user", login="reader")
        new_test_user(self.env, "anna", groups="base.group_portal")
        for login in ("reader", "anna"):
            self.authenticate(login, login)
            for number in (self.config_map.id, self.config_map.id + 1000):
                answer = self.url_open(
                    f"/kubernetes_hosting/config_map/{number}/vars.yml"
                )
                self.assertEqual(answer.status_code, 404, (login, number))
