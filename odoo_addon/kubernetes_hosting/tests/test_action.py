# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tools import mute_logger

from .test_life import LifeCase


class TestAction(LifeCase):
    """What an operator does to an app by a value has a name, a description and a
    button."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.operator = cls.create_user("operator")
        cls.config_map.action_ids = [
            Command.create(
                {
                    "name": f"Promote {server}",
                    "description": "When the other one is gone.",
                    "key": "primary",
                    "value": server,
                }
            )
            for server in "ab"
        ]
        cls.config_map.line_ids = [Command.create({"key": "primary", "value": "a"})]

    def setUp(self):
        super().setUp()
        self.app = self.deployed().with_user(self.operator)
        self.promote_a, self.promote_b = self.app.config_map_action_ids

    def value(self):
        lines = self.app.config_map_line_ids
        return lines.filtered(lambda line: line.key == "primary").value

    def test_an_app_has_the_actions_of_its_template(self):
        self.assertEqual(self.promote_b.name, "Promote b")
        self.assertEqual(self.promote_b.description, "When the other one is gone.")
        self.assertNotEqual(self.promote_b.config_map_id, self.config_map)

    def test_one_that_is_done_is_told_from_one_that_is_not(self):
        self.assertEqual(
            (self.promote_a | self.promote_b).mapped("is_done"), [True, False]
        )

    def test_it_sets_the_value_and_shows_what_would_change(self):
        opened = self.promote_b.action_run()
        self.assertEqual(self.value(), "b")
        wizard = self.env[opened["res_model"]].browse(opened["res_id"])
        self.assertEqual(wizard.app_id, self.app)
        self.assertEqual((wizard.job_id.kind, wizard.job_id.state), ("diff", "pending"))
        self.assertTrue(self.promote_b.is_done)
        self.assertFalse(self.promote_a.is_done)
        self.env.flush_all()
        self.env.cr.precommit.run()
        self.assertTrue(self.app.is_changed, "Nothing is applied yet")
        self.assertIn("primary: a → b", self.app.message_ids[0].preview)

    def test_a_value_that_is_not_there_is_added(self):
        self.promote_b.key = "other"
        self.assertFalse(self.promote_b.is_done)
        self.promote_b.action_run()
        lines = self.app.config_map_line_ids
        self.assertEqual(lines.filtered(lambda line: line.key == "other").value, "b")

    def test_it_is_done_to_an_app_only(self):
        with self.assertRaisesRegex(UserError, "done to an app"):
            self.config_map.action_ids[0].action_run()

    @mute_logger("odoo.addons.base.models.ir_model")
    def test_who_only_looks_does_nothing(self):
        looking = self.promote_b.with_user(self.create_user("user"))
        self.assertEqual(looking.name, "Promote b")
        with self.assertRaises(AccessError):
            looking.action_run()
        self.assertEqual(self.value(), "a")
