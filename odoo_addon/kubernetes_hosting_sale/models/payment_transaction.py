# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import models


class PaymentTransaction(models.Model):
    """A payment for hostings becomes apps, however it is confirmed."""

    _inherit = "payment.transaction"

    def _update_state(self, allowed_states, target_state, state_message):
        """Confirm the order within moments, also when nobody's browser waits for it.

        A provider's webhook only changes the transaction; without this the order would
        be confirmed by a cron that runs every ten minutes.
        """
        changed = super()._update_state(allowed_states, target_state, state_message)
        if target_state in ("authorized", "done") and any(
            order._kubernetes_hosting_lines() for order in changed.sudo().sale_order_ids
        ):
            self.env.ref("payment.cron_post_process_payment_tx").sudo()._trigger()
        return changed

    def _post_process(self):
        res = super()._post_process()
        for transaction in self.sudo().filtered(lambda tx: tx.state == "done"):
            for order in transaction.sale_order_ids:
                if order._kubernetes_hosting_lines():
                    order._kubernetes_check_payments()
        return res
