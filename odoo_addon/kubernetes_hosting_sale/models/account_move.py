# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import models


class AccountMove(models.Model):
    """A credit note gives money back, and stops neither apps nor subscriptions: it is
    told."""

    _inherit = "account.move"

    def _post(self, soft=True):
        posted = super()._post(soft)
        for credit in posted.filtered(lambda move: move.move_type == "out_refund"):
            for order in credit.sudo().line_ids.sale_line_ids.order_id:
                if order.state == "sale" and order._kubernetes_hosting_lines():
                    order = order._kubernetes_as_system()
                    order._kubernetes_alert(
                        order,
                        "activity_payment",
                        order._kubernetes_refunded_note(credit.name),
                    )
        return posted
