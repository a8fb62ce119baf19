# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.modules import get_module_path
from odoo.modules.migration import load_script
from odoo.tests import TransactionCase, tagged

OURS = "kubernetes_hosting"


@tagged("post_install", "-at_install")
class TestXmlIds(TransactionCase):
    """One convention, Odoo's own: ``<model>_rule_<who>``, ``<model>_view_<type>`` and
    ``<model>_action`` for models of ours, ``ir_cron_…``, ``menu_…``. A view that
    extends another addon's has that one's name."""

    def named(self, model):
        """``[(record, name)]`` of what our addons' files define."""
        found = self.env["ir.model.data"].search(
            [("module", "=like", f"{OURS}%"), ("model", "=", model)]
        )
        records = self.env[model].with_context(active_test=False)
        named = [(records.browse(data.res_id), data.name) for data in found]
        self.assertTrue(named)
        return named

    def test_rules_are_named_after_their_model(self):
        for rule, name in self.named("ir.rule"):
            self.assertRegex(name, f"^{rule.model_id.model.replace('.', '_')}_rule_")

    def test_crons(self):
        for _cron, name in self.named("ir.cron"):
            self.assertRegex(name, "^ir_cron_")

    def test_menus(self):
        for _menu, name in self.named("ir.ui.menu"):
            self.assertRegex(name, "^menu_")

    def test_actions_are_named_after_their_model(self):
        for action, name in self.named("ir.actions.act_window"):
            model = action.res_model.replace(".", "_")
            self.assertEqual(name, f"{model}_action")

    def test_views_of_our_models_are_named_after_them(self):
        for view, name in self.named("ir.ui.view"):
            if (view.model or "").startswith("kubernetes."):
                model = view.model.replace(".", "_")
                self.assertRegex(name, f"^{model}_view_{view.type}")

    def test_an_update_leaves_the_crons_that_are_there(self):
        cron = self.env.ref("kubernetes_hosting.ir_cron_watch")
        data = self.env["ir.model.data"]
        mine = data.search([("model", "=", "ir.cron"), ("res_id", "=", cron.id)])
        mine.name = "cron_watch"
        self.env.flush_all()
        script = load_script(
            f"{get_module_path(OURS)}/migrations/19.0.1.2.0/pre-migration.py", "pre"
        )
        script.migrate(self.env.cr, "19.0.1.1.0")
        self.env.invalidate_all()
        self.assertEqual(mine.name, "ir_cron_watch")
