# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from contextlib import suppress

from odoo.exceptions import UserError
from odoo.fields import Command
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
