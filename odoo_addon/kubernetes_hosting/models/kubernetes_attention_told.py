# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

from ..tools.isolated import error_summary, isolated

_logger = logging.getLogger(__name__)

# What goes by itself sooner wakes nobody.
LASTS = timedelta(minutes=2)
# What went and came back within this is the same as before.
FORGOTTEN = timedelta(hours=1)
# Down and impaired.
SEVERITIES = ("1", "2")


class KubernetesAttentionTold(models.Model):
    """Which of the rows of *Needs Attention* a user on duty has been told of.

    A row is told once for as long as it is there, and again where it comes back after
    an hour. Nobody is told of what follows from a cause, or only needs review.
    """

    _name = "kubernetes.attention.told"
    _description = "Told of What Needs Attention"
    _inherit = ["kubernetes.record"]

    user_id = fields.Many2one(
        "res.users", required=True, readonly=True, ondelete="cascade"
    )
    row = fields.Integer(
        required=True, readonly=True, help="The row's id, which is no record's."
    )
    seen_at = fields.Datetime(
        required=True, readonly=True, help="When the row was there, the last time."
    )

    _row_uniq = models.UniqueIndex("(user_id, row)")

    @api.model
    def _cron_tell(self):
        """Every few minutes: tell whoever is on duty what they have not been told of,
        all of it in one mail."""
        told = self.sudo()
        told.search([("user_id.kubernetes_on_duty", "=", False)]).unlink()
        told.search([("seen_at", "<", fields.Datetime.now() - FORGOTTEN)]).unlink()
        for user in told._users_on_duty():

            def failed(error, user=user):
                _logger.error(
                    "%s was not told of what needs attention: %s",
                    user.login,
                    error_summary(error),
                )

            with isolated(self.env, failed):
                told._tell(user)

    @api.model
    def _users_on_duty(self):
        group = self.env.ref("kubernetes_hosting.group_kubernetes_user")
        return self.env["res.users"].search(
            [("kubernetes_on_duty", "=", True), ("all_group_ids", "in", group.ids)]
        )

    @api.model
    def _tell(self, user):
        """Tell the user of the rows that they may see and have not been told of."""
        now = fields.Datetime.now()
        rows = (
            self.env["kubernetes.attention"]
            .with_user(user)
            .with_context(
                allowed_company_ids=user.company_ids.ids, lang=user.lang, tz=user.tz
            )
            .search(
                Domain("cause_id", "=", False)
                & Domain("severity", "in", SEVERITIES)
                & (Domain("since", "=", False) | Domain("since", "<=", now - LASTS))
            )
        )
        known = self.search([("user_id", "=", user.id), ("row", "in", rows.ids)])
        known.seen_at = now
        new = rows - rows.browse(known.mapped("row"))
        if not new:
            return
        self.create(
            [{"user_id": user.id, "row": row.id, "seen_at": now} for row in new]
        )
        new._notify_on_duty(user)
