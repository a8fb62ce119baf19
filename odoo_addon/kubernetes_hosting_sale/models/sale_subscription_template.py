# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import models


class SaleSubscriptionTemplate(models.Model):
    _inherit = "sale.subscription.template"

    def _kubernetes_period(self):
        """What one price pays for, as it stands behind it: ``/ month``, or
        ``/ 3 months``."""
        self.ensure_one()
        count = self.recurring_interval or 1
        unit = self.recurring_rule_type or "months"
        if count == 1:
            return {
                "days": self.env._("/ day"),
                "weeks": self.env._("/ week"),
                "months": self.env._("/ month"),
                "years": self.env._("/ year"),
            }[unit]
        return {
            "days": self.env._("/ %s days", count),
            "weeks": self.env._("/ %s weeks", count),
            "months": self.env._("/ %s months", count),
            "years": self.env._("/ %s years", count),
        }[unit]
