# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.tools import SQL


class KubernetesAttention(models.Model):
    """What was sold may need an operator, too."""

    _inherit = "kubernetes.attention"
    _depends = {
        "kubernetes.app": ["delete_mail_id", "delete_on", "wanted_state"],
        "mail.mail": ["failure_reason", "state"],
        "sale.order": [
            "company_id",
            "date_order",
            "kubernetes_pending",
            "name",
            "partner_id",
            "state",
        ],
    }

    reason = fields.Selection(
        selection_add=[
            ("order_pending", "Order without its apps"),
            ("deletion_not_announced", "Customer could not be told"),
        ]
    )
    sale_order_id = fields.Many2one("sale.order", string="Order", readonly=True)

    @api.model
    def _columns(self):
        return {**super()._columns(), "sale_order_id": SQL("NULL::integer")}

    @api.model
    def _parts(self):
        return {
            **super()._parts(),
            40: (
                "order_pending",
                "1",
                {
                    "id": SQL("sale.id"),
                    "sale_order_id": SQL("sale.id"),
                    "partner_id": SQL("sale.partner_id"),
                    "company_id": SQL("sale.company_id"),
                    "name": SQL("sale.name"),
                    "since": SQL("sale.date_order"),
                },
                SQL(
                    "sale_order sale WHERE sale.kubernetes_pending"
                    " AND sale.state = 'sale'"
                ),
            ),
            41: (
                "deletion_not_announced",
                "3",
                self._app_columns("mail.failure_reason", "app.state_since"),
                SQL(
                    """%s LEFT JOIN mail_mail mail ON mail.id = app.delete_mail_id
                    WHERE app.delete_on IS NOT NULL AND app.wanted_state <> 'deleted'
                      AND (mail.id IS NULL OR mail.state IN ('exception', 'cancel'))""",
                    self._app_tables(),
                ),
            ),
        }

    def _record(self):
        return self.sale_order_id or super()._record()
