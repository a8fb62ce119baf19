# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import logging

from markupsafe import escape

from odoo import models
from odoo.tools import html2plaintext

from odoo.addons.kubernetes_hosting.tools.isolated import isolated

_logger = logging.getLogger(__name__)

XMLID = "kubernetes_hosting_sale."


class KubernetesAlert(models.AbstractModel):
    """What is sold (an order, a subscription) tells operators what needs a person.

    Needs the fields ``user_id`` (salesperson) and ``company_id``.
    """

    _name = "kubernetes.alert"
    _description = "To-dos for Kubernetes Operators"

    def _kubernetes_alert(self, record, activity_type, note):
        """Put a to-do on ``record`` for an operator, once while it is open; what it
        says, a plain text, is kept true. A to-do that cannot be made undoes nothing."""
        self.ensure_one()
        # What others said is in it: a mail server, for one.
        html = escape(note)

        def tell():
            to_do = record.activity_search([XMLID + activity_type])[:1]
            if not to_do:
                record.activity_schedule(
                    XMLID + activity_type,
                    note=html,
                    user_id=self._kubernetes_operator(record).id,
                )
            elif html2plaintext(to_do.note).split() != note.split():
                to_do.note = html

        self._kubernetes_attempt(record, tell)

    def _kubernetes_alert_over(self, record, activity_types):
        """What was to be done is done."""
        self._kubernetes_attempt(
            record,
            lambda: record.activity_feedback([XMLID + name for name in activity_types]),
        )

    def _kubernetes_attempt(self, record, tell):
        def on_error(_error):
            _logger.exception("The to-dos of %s could not be kept", record)

        with isolated(self.env, on_error):
            tell()

    def _kubernetes_operator(self, record):
        """Who gets the to-do: the salesperson, an operator, an administrator.

        The first who may see the record.
        """
        operators = self.env.ref("kubernetes_hosting.group_kubernetes_operator")
        users = self.user_id | operators.all_user_ids | self.env.ref("base.user_admin")
        for user in users.filtered(lambda user: user.active and not user.share):
            user_record = record.with_user(user).with_company(self.company_id)
            if self.company_id in user.company_ids and user_record.has_access("read"):
                return user
        return self.env["res.users"]
