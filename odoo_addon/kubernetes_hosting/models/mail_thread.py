# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import models


class MailThread(models.AbstractModel):
    """A note on a record of ours is refused alike for what is not there and for what is
    somebody else's."""

    _inherit = "mail.thread"

    def _raise_for_invalid_parameters(self, *args, **kwargs):
        # The first that core does when it is asked to post; what comes next tells the
        # two apart.
        if hasattr(self, "_not_yours_error"):
            self.check_access("read")
        return super()._raise_for_invalid_parameters(*args, **kwargs)
