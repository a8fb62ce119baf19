# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import logging

from psycopg2 import Error as DatabaseError

from odoo import models
from odoo.exceptions import ConcurrencyError

CHANGED_EVENT = "kubernetes.changed"

_logger = logging.getLogger(__name__)


class KubernetesLive(models.AbstractModel):
    """Records that the workers' reports change while somebody looks at them."""

    _name = "kubernetes.live"
    _description = "Kubernetes Record that Screens Follow"
    _inherit = ["kubernetes.record"]

    def _changed(self):
        """Tell the screens of all users of the Kubernetes menu after the commit, once
        per record: ``{"model", "id"}``."""
        told = self.env.cr.precommit.data.setdefault(CHANGED_EVENT, set())
        group = self.env.ref("kubernetes_hosting.group_kubernetes_user").sudo()
        for record in self:
            if (self._name, record.id) not in told:
                told.add((self._name, record.id))
                group._bus_send(CHANGED_EVENT, {"model": self._name, "id": record.id})

    def _go_on(self, step, *arguments):
        """Run one further step for this record that must not undo what came before: its
        failure is for the log and, where there is a chatter, for the operators."""
        self.ensure_one()
        try:
            with self.env.cr.savepoint():
                step(*arguments)
        except (DatabaseError, ConcurrencyError):
            # Somebody else changed the same rows: the whole transaction runs again.
            raise
        except Exception as error:
            _logger.exception("%s failed for %s", step.__name__, self)
            self._message_log(
                body=self.env._(
                    "What follows by itself failed: %s. The log of Odoo says more.",
                    error,
                ),
                author_id=self.env.ref("base.partner_root").id,
            )
