# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields, models


class ResUsers(models.Model):
    """Whoever is on duty is told of what needs attention."""

    _inherit = "res.users"

    kubernetes_on_duty = fields.Boolean(
        string="On Duty",
        copy=False,
        help="What is down or impaired is told to you by e-mail, or in your inbox, as"
        " you have your notifications: each cause once, without what follows from it.",
    )

    @property
    def SELF_READABLE_FIELDS(self):
        return super().SELF_READABLE_FIELDS + ["kubernetes_on_duty"]

    @property
    def SELF_WRITEABLE_FIELDS(self):
        return super().SELF_WRITEABLE_FIELDS + ["kubernetes_on_duty"]
