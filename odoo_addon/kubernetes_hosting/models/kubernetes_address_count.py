# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import ipaddress
from datetime import timedelta

from odoo import api, fields, models

from .kubernetes_job import GC_BATCH


def network(address):
    """The network that an address stands for: itself, and of IPv6 its /64, which is
    the least that one customer of a provider has. Empty where there is none."""
    try:
        address = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))


class KubernetesAddressCount(models.AbstractModel):
    """What visitors did, by the network they came from, so that whoever does it too
    often has to wait. Behind a reverse proxy Odoo learns the addresses only with
    ``proxy_mode``."""

    _name = "kubernetes.address.count"
    _description = "Counted by Address"
    _inherit = ["kubernetes.record"]

    address = fields.Char(required=True, readonly=True, index=True)

    _limit = 20
    _window = timedelta(minutes=10)

    @api.model
    def _count(self, address):
        since = fields.Datetime.now() - self._window
        return self.search_count(
            [("address", "=", network(address)), ("create_date", ">", since)]
        )

    @api.model
    def _too_many(self, address):
        return self._count(address) >= self._limit

    @api.model
    def _add(self, address):
        return self.create({"address": network(address)})

    @api.autovacuum
    def _gc_counted(self):
        # Odoo calls it on this model, too, which has no table.
        if self._abstract:
            return 0, False
        before = fields.Datetime.now() - timedelta(days=1)
        gone = self.search([("create_date", "<", before)], limit=GC_BATCH)
        gone.unlink()
        return len(gone), len(gone) == GC_BATCH
