# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields
from odoo.tests import tagged

from odoo.addons.kubernetes_hosting.tests import test_attention


@tagged("post_install", "-at_install")
class TestMailAttention(test_attention.TestAttention):
    """What needs an operator of apps' mail."""

    def test_a_mail_domain_that_is_unverified_for_an_hour_or_failed(self):
        self.app.write({"state": "running", "mail_state": "unverified"})
        self.app.mail_registered_at = self.ago(minutes=50)
        self.assertFalse(self.reasons())
        self.app.mail_registered_at = self.ago(minutes=61)
        self.assertEqual(self.reasons(), ["mail_unverified"])
        self.app.write({"mail_state": "failed", "mail_message": "Somebody has it."})
        self.assertEqual(self.rows().message, "Somebody has it.")
        self.app.write({"state": "deleted", "active": False})
        self.assertEqual(self.reasons(), ["mail_failed"], "it is still registered")

    def test_mail_of_an_app_is_no_symptom_of_its_cluster(self):
        self.cluster.write({"state": "unreachable"})
        self.app.write({"state": "running", "mail_state": "failed"})
        self.app.mail_registered_at = fields.Datetime.now()
        row = self.rows().filtered(lambda row: row.reason == "mail_failed")
        self.assertFalse(row.cause_id)

    def test_a_job_that_no_worker_has_a_mailgun_key_for(self):
        self.worker.announced_cluster_ids = self.cluster
        self.waiting("mail_domain")
        self.assertIn("Mailgun key", self.hint())
        self.worker.mailgun_region = "eu"
        self.assertNotIn("Mailgun", self.hint())
