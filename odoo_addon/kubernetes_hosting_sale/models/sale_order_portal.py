# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields, models
from odoo.tools.misc import format_amount

# How soon a page asks again: while apps are set up, and while a payment is awaited.
SECONDS_AT_WORK = 2
SECONDS_PAYING = 10
# Between what a narrow button must not tear apart.
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


class SaleOrder(models.Model):
    """What a customer reads about the hostings of an order, before and after paying."""

    _inherit = "sale.order"

    def _thread_to_store(self, store, fields, *, request_list=None):
        """Who has nothing but the order's link reads its messages. What core gives them
        besides is the staff's: to-dos, which say what went wrong, files, followers."""
        if request_list and self.env.su and not self.sudo(False).has_access("read"):
            request_list = []
        return super()._thread_to_store(store, fields, request_list=request_list)

    def _kubernetes_renewals(self):
        """What the order costs after this payment, by how often: for each a ``price``
        with taxes, as text, its ``period`` (``/ month``) and the ``date`` on which it
        is due for the first time. Nothing for the order that renews a subscription:
        what follows is the subscription's to say."""
        self.ensure_one()
        order = self.sudo()
        if order.order_subscription_id:
            return []
        lines = order.order_line.filtered("product_id.subscribable")
        renewals = []
        for plan, of_plan in lines.grouped(
            lambda line: line.product_id.product_tmpl_id.subscription_template_id
        ).items():
            amount = sum(of_plan.mapped("price_total"))
            if not plan or not amount:
                continue
            subscription = order.subscription_ids.filtered(
                lambda opened, plan=plan: opened.template_id == plan
            )[:1]
            # The start of the next period, as a confirmation sets it.
            date = subscription.recurring_next_date or order.get_next_interval(
                plan.recurring_rule_type, plan.recurring_interval
            )
            renewals.append(
                {
                    "price": format_amount(self.env, amount, order.currency_id),
                    "period": plan._kubernetes_period(),
                    "date": fields.Date.to_date(date),
                }
            )
        return renewals

    def _kubernetes_pay_label(self):
        """What the button says that pays: the price now, and what follows. Empty where
        nothing follows: Odoo's own label will do."""
        self.ensure_one()
        renewals = self._kubernetes_renewals()
        if not renewals:
            return ""
        return self.env._(
            "Pay %(price)s now, then %(renewals)s",
            price=format_amount(self.env, self.amount_total, self.currency_id),
            renewals=" + ".join(
                f"{renewal['price']} {renewal['period']}".replace(" ", NO_BREAK_SPACE)
                for renewal in renewals
            ),
        )

    def _kubernetes_customer_status(self):
        """What the order has become, in words; for sudo.

        ``phase`` is one of: ``paying`` (the payment is on its way), ``refused`` (it
        failed), ``late`` (paid, and apps are not there yet), ``set_up`` (some apps are
        at work), ``done``, or empty where there is nothing to tell.
        """
        self.ensure_one()
        hostings = self._kubernetes_customer_hostings()
        phase = self._kubernetes_customer_phase(hostings)
        seconds = {
            "paying": SECONDS_PAYING,
            "late": SECONDS_PAYING,
            "set_up": SECONDS_AT_WORK,
        }
        return {
            "phase": phase,
            "added": self._kubernetes_has_added_units(),
            "hostings": hostings,
            "names": self.order_line.kubernetes_reservation_ids.hostname_ids.mapped(
                "hostname"
            ),
            "poll_seconds": seconds.get(phase, 0),
            # One sentence for screen readers, spoken whenever it changes.
            "announcement": ". ".join(
                f"{app['hostname']}: {app['state_label']}"
                for hosting in hostings
                for app in hosting["apps"]
            ),
        }

    def _kubernetes_customer_phase(self, hostings):
        if self.state == "sale":
            if self.kubernetes_pending:
                return "late"
            if any(app["at_work"] for hosting in hostings for app in hosting["apps"]):
                return "set_up"
            return "done" if hostings or self.kubernetes_missing_app else ""
        if self.state not in ("draft", "sent") or not self.kubernetes_hosting:
            return ""
        if self._kubernetes_payment_in_flight():
            return "paying"
        last = self.get_portal_last_transaction()
        return "refused" if last.state in ("cancel", "error") else ""

    def _kubernetes_customer_hostings(self):
        """The apps, those of one purchased unit together:
        ``[{"name", "apps": [{"hostname", "url", "state", ...}]}]``. Nothing of one
        that has become another customer's."""
        mine = self.partner_id.commercial_partner_id
        units = self.kubernetes_app_ids.filtered(
            lambda app: app.partner_id.commercial_partner_id == mine
        )
        summaries = units._customer_summaries()
        units = units.sorted(
            lambda app: (app.sale_order_line_id.sequence, app.unit_no, app.id)
        ).grouped(lambda app: (app.sale_order_line_id, app.unit_no))
        return [
            {
                "name": apps[0].name,
                "product": apps[0].product_id.display_name,
                "apps": [summaries[app] for app in apps],
            }
            for apps in units.values()
        ]
