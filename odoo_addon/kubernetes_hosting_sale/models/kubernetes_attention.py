# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.tools import SQL

# Odoo confirms a paid order within moments; its cron comes every ten minutes.
CONFIRMED_MINUTES = 15


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
            "kubernetes_problem",
            "name",
            "partner_id",
            "state",
            "transaction_ids",
            "write_date",
        ],
        "payment.transaction": ["last_state_change", "reference", "state"],
        "product.template": ["kubernetes_hosting"],
        "sale.order.line": ["order_id", "product_id"],
        "sale.subscription": ["active", "name", "sale_order_id", "stage_id"],
    }

    reason = fields.Selection(
        selection_add=[
            ("order_pending", "Order without its apps"),
            ("order_unconfirmed", "Paid, not confirmed"),
            ("order_cancelled", "Cancelled, still invoiced"),
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
                self._order_columns("sale.kubernetes_problem", "sale.date_order"),
                SQL(
                    "sale_order sale WHERE sale.kubernetes_pending"
                    " AND sale.state = 'sale'"
                ),
            ),
            42: (
                "order_unconfirmed",
                "1",
                self._order_columns("paid.message", "paid.since"),
                # Whatever keeps Odoo from confirming it: the form says why.
                SQL(
                    """sale_order sale JOIN LATERAL (
                        SELECT string_agg(tx.reference, ', ') AS message,
                               min(tx.last_state_change) AS since
                          FROM sale_order_transaction_rel rel
                          JOIN payment_transaction tx ON tx.id = rel.transaction_id
                         WHERE rel.sale_order_id = sale.id
                           AND tx.state IN ('authorized', 'done')
                           AND tx.operation IS DISTINCT FROM 'refund'
                    ) paid ON paid.since < %s
                    WHERE sale.state IN ('draft', 'sent') AND EXISTS (
                        SELECT 1 FROM sale_order_line line
                          JOIN product_product product ON product.id = line.product_id
                          JOIN product_template template
                            ON template.id = product.product_tmpl_id
                         WHERE line.order_id = sale.id AND template.kubernetes_hosting)
                    """,
                    self._ago(CONFIRMED_MINUTES),
                ),
            ),
            43: (
                "order_cancelled",
                "2",
                self._order_columns("ended.message", "sale.write_date"),
                SQL(
                    """sale_order sale JOIN LATERAL (
                        SELECT string_agg(sub.name, ', ') AS message
                          FROM sale_subscription sub
                     LEFT JOIN sale_subscription_stage stage ON stage.id = sub.stage_id
                         WHERE sub.sale_order_id = sale.id AND sub.active
                           AND stage.type IS DISTINCT FROM 'post'
                    ) ended ON ended.message IS NOT NULL
                    WHERE sale.state = 'cancel' AND EXISTS (
                        SELECT 1 FROM sale_subscription sub
                     LEFT JOIN kubernetes_app app ON app.subscription_id = sub.id
                     LEFT JOIN sale_subscription_line line
                            ON line.sale_subscription_id = sub.id
                     LEFT JOIN product_product product ON product.id = line.product_id
                     LEFT JOIN product_template template
                            ON template.id = product.product_tmpl_id
                         WHERE sub.sale_order_id = sale.id
                           AND (app.id IS NOT NULL OR template.kubernetes_hosting))"""
                ),
            ),
            41: (
                "deletion_not_announced",
                "3",
                self._app_columns(
                    "mail.failure_reason", "app.state_since", has_words=False
                ),
                SQL(
                    """%s LEFT JOIN mail_mail mail ON mail.id = app.delete_mail_id
                    WHERE app.delete_on IS NOT NULL AND app.wanted_state <> 'deleted'
                      AND (mail.id IS NULL OR mail.state IN ('exception', 'cancel'))""",
                    self._app_tables(),
                ),
            ),
        }

    @api.model
    def _order_columns(self, message, since):
        return {
            "id": SQL("sale.id"),
            "sale_order_id": SQL("sale.id"),
            "partner_id": SQL("sale.partner_id"),
            "company_id": SQL("sale.company_id"),
            "name": SQL("sale.name"),
            "message": SQL(message),
            "since": SQL(since),
        }

    def _record(self):
        return self.sale_order_id or super()._record()
