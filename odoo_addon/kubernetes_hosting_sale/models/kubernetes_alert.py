# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import logging

from psycopg2.extensions import TransactionRollbackError

from odoo import models
from odoo.exceptions import ConcurrencyError
from odoo.tools import html2plaintext

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
        says is kept true. A to-do that cannot be made undoes nothing."""
        self.ensure_one()

        def tell():
            to_do = record.activity_search([XMLID + activity_type])[:1]
            if not to_do:
                record.activity_schedule(
                    XMLID + activity_type,
                    note=note,
                    user_id=self._kubernetes_operator(record).id,
                )
            elif html2plaintext(to_do.note).split() != note.split():
                to_do.note = note

        self._kubernetes_attempt(record, tell)

    def _kubernetes_alert_over(self, record, activity_types):
        """What was to be done is done."""
        self._kubernetes_attempt(
            record,
            lambda: record.activity_feedback([XMLID + name for name in activity_types]),
        )

    def _kubernetes_attempt(self, record, tell):
        self.env.cr.flush()  # what fails here is not the to-do's
        try:
            with self.env.cr.savepoint():
                tell()
        except (TransactionRollbackError, ConcurrencyError):
            raise  # Odoo repeats all of it
        except Exception:
            _logger.exception("The to-dos of %s could not be kept", record)

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
