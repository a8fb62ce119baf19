# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields, models


class KubernetesEnvironment(models.Model):
    """An environment says whether its apps get mail domains."""

    _inherit = "kubernetes.environment"

    mail_domain = fields.Boolean(
        default=True,
        help="Apps of this environment get a mail domain of their own at Mailgun.",
    )
