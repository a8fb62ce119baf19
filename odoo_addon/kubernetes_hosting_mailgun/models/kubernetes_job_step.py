# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, models


class KubernetesJobStep(models.Model):
    """The steps of jobs at Mailgun."""

    _inherit = "kubernetes.job.step"

    @api.model
    def _names(self):
        return {
            **super()._names(),
            "mail_domain": self.env._("Mail domain"),
            "dns_records": self.env._("Publish DNS records"),
            "verification": self.env._("Verify the mail domain"),
            "smtp_credentials": self.env._("SMTP credentials"),
            "invitation": self.env._("Send the invitation"),
        }

    @api.model
    def _labels(self):
        return {
            **super()._labels(),
            "mail_domain": self.env._("Setting up mail"),
            "dns_records": self.env._("Publishing the mail settings"),
            "verification": self.env._("Checking the mail settings"),
            "smtp_credentials": self.env._("Connecting the app to mail"),
            "invitation": self.env._("Sending your invitation"),
        }
