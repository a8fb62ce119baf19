# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models


class KubernetesWorker(models.Model):
    """A worker says whether it has a Mailgun account."""

    _inherit = "kubernetes.worker"

    mailgun_region = fields.Selection(
        [("us", "US"), ("eu", "EU")],
        readonly=True,
        copy=False,
        help="Where the worker's Mailgun account is. Empty: the worker has none, and"
        " registers no mail domains and sends no invitations.",
    )
    mailgun_sending_domain = fields.Char(
        readonly=True,
        copy=False,
        help="The operator's own domain, from which the worker sends invitations while"
        " an app's mail domain is not verified. Empty: Odoo sends those itself.",
    )

    @api.model
    def _mailgun_values(self, mailgun):
        return {
            **super()._mailgun_values(mailgun),
            "mailgun_region": mailgun["region"] if mailgun else False,
            "mailgun_sending_domain": (
                mailgun["sending_domain"] or False if mailgun else False
            ),
        }
