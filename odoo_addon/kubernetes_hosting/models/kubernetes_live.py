# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import logging

from odoo import models

from ..tools.isolated import error_summary, isolated, known_reason

CHANGED_EVENT = "kubernetes.changed"
USERS = "kubernetes_hosting.group_kubernetes_user"

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
        # Not `ref`, which looks each time whether the group is there.
        group = self.env["res.groups"].browse(
            self.env["ir.model.data"]._xmlid_to_res_id(USERS, raise_if_not_found=True)
        )
        for record in self:
            if (self._name, record.id) not in told:
                told.add((self._name, record.id))
                group._bus_send(CHANGED_EVENT, {"model": self._name, "id": record.id})

    def _run_isolated(self, step, *arguments):
        """Run one further step for this record that must not undo what came before: its
        failure is for the log and, where there is a chatter, for the operators."""
        self.ensure_one()

        def on_error(error):
            _logger.exception("%s failed for %s", step.__name__, self)
            self._message_log(
                body=self.env._(
                    "What follows by itself failed: %s. The log of Odoo says more.",
                    known_reason(self.env, error) or error_summary(error),
                ),
                author_id=self.env.ref("base.partner_root").id,
            )

        with isolated(self.env, on_error):
            step(*arguments)
