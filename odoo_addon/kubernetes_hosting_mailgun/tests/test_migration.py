# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from importlib.util import module_from_spec, spec_from_file_location

from odoo.tests import TransactionCase, tagged
from odoo.tools import file_path

MIGRATION = file_path("kubernetes_hosting/migrations/19.0.1.3.0/pre-migration.py")
# What an update deletes, with its data, where no addon claims it any more.
HOLDERS = (
    "ir.model",
    "ir.model.access",
    "ir.model.fields",
    "ir.model.fields.selection",
    "ir.rule",
)
# What has come to be since then.
LATER = ["selection__kubernetes_job__kind__mail_release"]


@tagged("post_install", "-at_install")
class TestMigration(TransactionCase):
    """On the update that makes it an addon of its own all its data stays."""

    def test_all_that_holds_data_is_handed_over(self):
        others = [("module", "=", "kubernetes_hosting"), ("model", "in", HOLDERS)]
        before = self.env["ir.model.data"].search(others)
        # Of a model that it extends, each addon claims the model, too.
        claimed = self.env["ir.model.data"].search(
            [
                ("module", "=", "kubernetes_hosting_mailgun"),
                ("model", "in", HOLDERS),
                ("name", "not in", before.mapped("name") + LATER),
            ]
        )
        self.assertIn("field_kubernetes_app__mail_domain", claimed.mapped("name"))
        # As it was in the version before.
        claimed.module = "kubernetes_hosting"
        self.env.flush_all()
        spec = spec_from_file_location("pre_migration", MIGRATION)
        migration = module_from_spec(spec)
        spec.loader.exec_module(migration)
        migration.migrate(self.env.cr, "19.0.1.2.0")
        self.env.invalidate_all()
        self.assertEqual(self.env["ir.model.data"].search(others), before)
        self.assertEqual(set(claimed.mapped("module")), {"kubernetes_hosting_mailgun"})
