# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.tools import SQL

from .kubernetes_job import MAIL_KINDS

# How long a domain may wait for its DNS records before it needs somebody.
VERIFICATION_MINUTES = 60


class KubernetesAttention(models.Model):
    """Mail domains may need an operator, too."""

    _inherit = "kubernetes.attention"
    _depends = {
        "kubernetes.app": [
            "mail_message",
            "mail_message_words",
            "mail_registered_at",
            "mail_state",
        ]
    }

    reason = fields.Selection(
        selection_add=[
            ("mail_unverified", "Domain not verified"),
            ("mail_failed", "Mail domain failed"),
        ]
    )

    @api.model
    def _parts(self):
        return {
            **super()._parts(),
            7: (
                "mail_unverified",
                "3",
                self._app_columns("app.mail_message", "app.mail_registered_at"),
                SQL(
                    """%s WHERE app.active AND app.mail_state = 'unverified'
                      AND app.mail_registered_at < %s""",
                    self._app_tables(),
                    self._ago(VERIFICATION_MINUTES),
                ),
            ),
            8: (
                "mail_failed",
                "2",
                # Of a deleted app, too: its domain is still registered.
                self._app_columns("app.mail_message", "app.mail_registered_at"),
                SQL("%s WHERE app.mail_state = 'failed'", self._app_tables()),
            ),
        }

    @api.model
    def _kinds_told_otherwise(self):
        return (*super()._kinds_told_otherwise(), *MAIL_KINDS)
