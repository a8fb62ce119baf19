# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, models


class PaymentProvider(models.Model):
    """A provider's place in its journal is made when it is switched on.

    Odoo makes it when the journal is first looked at. Where nobody has done so before
    the first customers pay, two payments at one moment make two of it, and from then on
    no payment of this provider is booked, and no paid order confirmed.
    """

    _inherit = "payment.provider"

    @api.model_create_multi
    def create(self, vals_list):
        providers = super().create(vals_list)
        providers._kubernetes_take_place()
        return providers

    def write(self, vals):
        result = super().write(vals)
        if {"state", "code", "company_id"} & set(vals):
            self._kubernetes_take_place()
        return result

    def _kubernetes_take_place(self):
        """Look at the journals: whatever is missing there is made by that."""
        self.filtered(lambda provider: provider.state != "disabled").mapped(
            "journal_id"
        )
