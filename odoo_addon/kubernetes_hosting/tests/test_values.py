# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from psycopg2.errors import ForeignKeyViolation, UniqueViolation

from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.tools import mute_logger

from .common import KubernetesTransactionCase


class TestValues(KubernetesTransactionCase):
    """Config maps and secrets: templates are copied, secret values never come back."""

    def test_each_app_gets_its_own_copy_of_the_templates(self):
        first, second = self.create_app("shop"), self.create_app("shop", self.int)
        first.config_map_id.line_ids[0].value = "odoo:18.0"
        self.assertEqual(second.config_map_id.line_ids[0].value, "odoo:19.0")
        self.assertEqual(self.config_map.line_ids[0].value, "odoo:19.0")
        self.assertEqual(first.config_map_id.name, "shop (prod)")
        self.assertFalse(first.config_map_id.is_template)
        self.assertEqual(first.secret_id.template_id, self.secret)

    def test_apps_made_in_one_go_from_one_template(self):
        apps = self.env["kubernetes.app"].create(
            [self.app_values("shop"), self.app_values("shop", self.int)]
        )
        self.assertEqual(len(apps.config_map_id), 2)

    def test_an_app_without_templates_gets_empty_ones(self):
        app = self.create_app(config_map_id=False, secret_id=False)
        self.assertTrue(app.config_map_id)
        self.assertFalse(app.config_map_id.line_ids)
        self.assertTrue(app.secret_id)

    def test_another_template_replaces_the_apps_own_copy(self):
        app = self.create_app()
        before = app.config_map_id
        other = self.env["kubernetes.config.map"].create(
            {
                "name": "Other",
                "is_template": True,
                "line_ids": [Command.create({"key": "other", "value": "1"})],
            }
        )
        app.config_map_id = other
        self.assertEqual(app.config_map_id.template_id, other)
        self.assertEqual(app.config_map_id.line_ids.key, "other")
        self.assertFalse(before.exists())

    def test_values_belong_to_one_app_only(self):
        first, second = self.create_app("shop"), self.create_app("wiki")
        with (
            self.assertRaises(UniqueViolation),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            second.config_map_id = first.config_map_id

    def test_bad_and_double_keys_are_refused(self):
        for lines in (self.config_map.line_ids, self.secret.line_ids):
            for key in ("a-b", "1st", "", "a b", "ä"):
                with self.assertRaisesRegex(ValidationError, "not a key"):
                    lines[0].key = key
            with (
                self.assertRaises(UniqueViolation),
                mute_logger("odoo.sql_db"),
                self.env.cr.savepoint(),
            ):
                lines[0].key = lines[1].key

    def test_a_key_that_chandlery_gives_itself_is_marked(self):
        line = self.config_map.line_ids[0]
        self.assertFalse(line.is_overridden)
        line.key = "hostname"
        self.assertTrue(line.is_overridden)

    def test_generate_needs_a_sensible_rule(self):
        line = self.secret.line_ids[1]
        for length in (0, 7, 257):
            with self.assertRaisesRegex(ValidationError, "length"):
                line.generate_length = length
        line.generate_length = 24
        with self.assertRaisesRegex(ValidationError, "is text"):
            line.type = "yaml"

    # -- secret values -----------------------------------------------------------

    def test_operator_sets_a_value_and_nobody_reads_it_back(self):
        operator = self.create_user("operator")
        secret = self.secret.with_user(operator)
        line = secret.line_ids[0]
        line.value = "n3w"
        self.assertEqual(line.value, "")
        self.assertEqual(line.read(["value"])[0]["value"], "")
        self.assertEqual(self.secret.line_ids[0].sudo().stored_value, "n3w")
        created = (
            self.env["kubernetes.secret.line"]
            .with_user(operator)
            .create({"secret_id": secret.id, "key": "token", "value": "t0ken"})
        )
        self.assertEqual(created.value, "")
        self.assertTrue(created.is_set)
        self.assertEqual(created.sudo().stored_value, "t0ken")

    def test_where_the_value_of_a_secret_is(self):
        app = self.create_app()
        app.secret_id.line_ids = [Command.create({"key": "given_later"})]

        def origins():
            return {line.key: line.origin for line in app.secret_id.line_ids}

        expected = {
            "smtp_password": "Set here",
            "postgres_password": "Generated at the first deploy",
            "given_later": "Missing",
        }
        self.assertEqual(origins(), expected)
        app.inventory = [
            {
                "api_version": "v1",
                "kind": "Secret",
                "namespace": "shop-prod",
                "name": "x",
            }
        ]
        expected["postgres_password"] = "Generated, in the cluster only"
        self.assertEqual(origins(), expected)

    def test_an_empty_value_keeps_what_is_set(self):
        line = self.secret.line_ids[0]
        line.write({"value": "", "sequence": 3})
        self.assertEqual(line.stored_value, "s3cr#t")

    def test_user_and_operator_get_at_no_value_in_any_way(self):
        for group in ("user", "operator"):
            person = self.create_user(group)
            person.group_ids += self.env.ref("base.group_allow_export")
            lines = self.secret.with_user(person).line_ids
            line = lines[0]
            self.assertEqual(line.key, "smtp_password")
            with self.assertRaises(AccessError):
                line.read(["stored_value"])
            with self.assertRaises(AccessError):
                _value = line.stored_value
            with self.assertRaises(AccessError):
                lines.search([("stored_value", "like", "s3")])
            with self.assertRaises(AccessError):
                lines.search([], order="stored_value")
            with self.assertRaises(AccessError):
                lines._read_group([], ["stored_value"], ["__count"])
            with self.assertRaises(AccessError):
                lines.export_data(["stored_value"])
            self.assertNotIn("s3cr#t", str(lines.read()))
            self.assertNotIn("s3cr#t", str(lines.export_data(["key", "value"])))
            self.assertNotIn("stored_value", lines.fields_get())

    def test_operator_copies_a_secret_without_reading_it(self):
        operator = self.create_user("operator")
        copy = self.secret.with_user(operator).copy()
        self.assertEqual(copy.sudo().line_ids[0].stored_value, "s3cr#t")

    def test_operators_app_gets_the_templates_secret_values(self):
        operator = self.create_user("operator")
        app = self.env["kubernetes.app"].with_user(operator).create(self.app_values())
        self.assertEqual(app.sudo().secret_id.line_ids[0].stored_value, "s3cr#t")
        with self.assertRaises(AccessError):
            app.secret_id.line_ids.read(["stored_value"])

    def test_secret_values_reach_no_log_of_changes(self):
        app = self.create_app()
        app.secret_id.line_ids[0].value = "n3w"
        app.action_apply()
        self.env.flush_all()
        self.cr.precommit.run()
        self.assertNotIn("n3w", str(app.message_ids.mapped("body")))
        self.assertNotIn("message_ids", self.env["kubernetes.secret"]._fields)

    def test_app_given_to_delete_its_values_go_with_it(self):
        app = self.create_app()
        config_map, secret = app.config_map_id, app.secret_id
        app.unlink()
        self.assertFalse(config_map.exists() or secret.exists())
        self.assertTrue(self.config_map.exists() and self.secret.exists())

    def test_values_in_use_cannot_be_deleted(self):
        app = self.create_app()
        with (
            self.assertRaises(ForeignKeyViolation),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            app.config_map_id.unlink()
        self.assertTrue(app.config_map_id.exists())
