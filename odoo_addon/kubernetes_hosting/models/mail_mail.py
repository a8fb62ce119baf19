# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import models

from ..tools.sentences import NOT_LEFT
from ..tools.told import told


class MailMail(models.Model):
    """An app hears whether its invitation left Odoo."""

    _inherit = "mail.mail"

    def _postprocess_sent_message(
        self, success_pids, success_emails, failure_reason=False, failure_type=None
    ):
        apps = self.env["kubernetes.app"].sudo()
        for app in apps.search([("invitation_mail_id", "in", self.ids)]):
            mail = app.invitation_mail_id
            if failure_type or failure_reason:
                app._invitation_failed(
                    told(
                        NOT_LEFT,
                        reason=failure_reason or mail.failure_reason or failure_type,
                    )
                )
            else:
                app._invitation_sent(mail.message_id)
        return super()._postprocess_sent_message(
            success_pids,
            success_emails,
            failure_reason=failure_reason,
            failure_type=failure_type,
        )
