# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import models

# How soon a page asks again: while apps are set up, and while a payment is awaited.
SECONDS_AT_WORK = 2
SECONDS_PAYING = 10


class SaleOrder(models.Model):
    """What a customer reads about the hostings of an order, before and after paying."""

    _inherit = "sale.order"

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
        ``[{"name", "apps": [{"hostname", "url", "state", ...}]}]``."""
        units = self.kubernetes_app_ids.sorted(
            lambda app: (app.sale_order_line_id.sequence, app.unit_no, app.id)
        ).grouped(lambda app: (app.sale_order_line_id, app.unit_no))
        return [
            {
                "name": apps[0].name,
                "product": apps[0].product_id.display_name,
                "apps": [app._customer_summary() for app in apps],
            }
            for apps in units.values()
        ]
