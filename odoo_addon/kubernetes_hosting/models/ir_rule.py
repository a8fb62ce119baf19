# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import models


class IrRule(models.Model):
    _inherit = "ir.rule"

    def _make_access_error(self, operation, records):
        """Odoo names the records to whoever only has to switch to their company; to
        everybody else they are not there."""
        if not hasattr(records, "_not_yours_error"):
            return super()._make_access_error(operation, records)
        user = self.env.user
        known = records.sudo().exists()
        if (
            known == records
            and user._is_internal()
            and "company_id" in records._fields
            and records.with_user(user)
            .with_context(allowed_company_ids=user.company_ids.ids)
            .has_access(operation)
        ):
            return super()._make_access_error(operation, records)
        # What was read as the system to find that out is not for whoever asked.
        records.invalidate_recordset()
        return records._not_yours_error(operation)
