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
        """Tell the screens of all users of the Kubernetes menu after the commit, in one
        message of a transaction: ``{model: ids}``."""
        precommit = self.env.cr.precommit
        if self and CHANGED_EVENT not in precommit.data:
            precommit.data[CHANGED_EVENT] = {}
            precommit.add(self.browse()._tell_changed)
        for record in self:
            told = precommit.data[CHANGED_EVENT].setdefault(self._name, {})
            told[record.id] = True

    def _tell_changed(self):
        changed = self.env.cr.precommit.data.pop(CHANGED_EVENT, {})
        # Not `ref`, which looks each time whether the group is there.
        group = self.env["res.groups"].browse(
            self.env["ir.model.data"]._xmlid_to_res_id(USERS, raise_if_not_found=True)
        )
        group._bus_send(
            CHANGED_EVENT, {model: list(told) for model, told in changed.items()}
        )

    def _run_isolated(self, step, *arguments):
        """Run one further step for this record that must not undo what came before: its
        failure is for the log and, where there is a chatter, for the operators."""
        self.ensure_one()

        def on_error(error):
            _logger.exception("%s failed for %s", step.__name__, self)
            if "message_ids" not in self._fields:
                return
            self._message_log(
                body=self.env._(
                    "What follows by itself failed: %s. The log of Odoo says more.",
                    known_reason(self.env, error) or error_summary(error),
                ),
                author_id=self.env.ref("base.partner_root").id,
            )

        with isolated(self.env, on_error):
            step(*arguments)
