# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta

from odoo import api, fields, models

# How long names are held for somebody who has not paid.
CART_HOURS = 24
QUOTATION_DAYS = 30


class KubernetesAppReservation(models.Model):
    """The name a customer chose for one unit of an order line.

    While it holds its hostnames nobody else gets them. Once the order is confirmed they
    belong to the apps. A cart that is left alone loses the hostnames and keeps the
    name, so that whoever comes back finds it typed in already.
    """

    _name = "kubernetes.app.reservation"
    _description = "Reserved App Name"
    _inherit = ["kubernetes.record"]
    _order = "order_id desc, sale_order_line_id, unit"

    sale_order_line_id = fields.Many2one(
        "sale.order.line",
        string="Order Line",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    unit = fields.Integer(
        required=True,
        readonly=True,
        help="Which unit of the order line: 1 is the first.",
    )
    name = fields.Char(required=True, readonly=True)
    hostname_ids = fields.One2many(
        "kubernetes.hostname", "reservation_id", string="Hostnames", readonly=True
    )
    order_id = fields.Many2one(
        related="sale_order_line_id.order_id",
        store=True,
        index=True,
        ondelete="cascade",
    )
    partner_id = fields.Many2one(related="order_id.partner_id", store=True, index=True)
    company_id = fields.Many2one(related="order_id.company_id", store=True, index=True)
    state = fields.Selection(
        [("held", "Held"), ("released", "Released"), ("used", "Used")],
        compute="_compute_state",
        help="Held: nobody else can have the name. Released: the cart was left alone or"
        " cancelled, the name is free. Used: the apps exist.",
    )

    _unit_uniq = models.UniqueIndex(
        "(sale_order_line_id, unit)", "This unit of the order line has a name already."
    )

    @api.depends("hostname_ids", "sale_order_line_id.kubernetes_app_ids.unit_no")
    def _compute_state(self):
        for reservation in self.sudo():
            apps = reservation.sale_order_line_id.with_context(
                active_test=False
            ).kubernetes_app_ids
            if reservation.unit in apps.mapped("unit_no"):
                reservation.state = "used"
            else:
                reservation.state = "held" if reservation.hostname_ids else "released"

    def _hold(self):
        """Take the hostnames of the name; raise a ValidationError when one is taken.

        All or none; held ones are kept, ones that no longer fit the product are freed.
        """
        self.ensure_one()
        line = self.sale_order_line_id
        cluster, environments = line._kubernetes_target()
        if self._is_held():
            return
        with self.env.cr.savepoint():
            self._release()
            self.env["kubernetes.hostname"]._take(
                cluster, self.name, environments, {"reservation_id": self.id}
            )
            self.invalidate_recordset(["hostname_ids"])

    def _is_held(self):
        """Whether exactly the hostnames that the unit needs are held."""
        self.ensure_one()
        cluster, environments = self.sale_order_line_id._kubernetes_target()
        needed = {
            environment._hostname(cluster, self.name) for environment in environments
        }
        return bool(needed) and needed == set(self.hostname_ids.mapped("hostname"))

    def _release(self):
        """Free the hostnames; the name stays for the customer who comes back."""
        self.hostname_ids.unlink()

    @api.model
    def _release_abandoned(self):
        """Free the names of carts and quotations that were left alone (cron)."""
        now = fields.Datetime.now()
        reservations = self.search(
            [
                ("hostname_ids", "!=", False),
                ("order_id.state", "in", ("draft", "sent", "cancel")),
                (
                    "order_id.kubernetes_named_at",
                    "<",
                    now - timedelta(hours=CART_HOURS),
                ),
            ]
        )
        abandoned = reservations.order_id.filtered(
            lambda order: order._kubernetes_is_abandoned(now)
        )
        for order in abandoned.try_lock_for_update():
            order.order_line.kubernetes_reservation_ids._release()
        return abandoned
