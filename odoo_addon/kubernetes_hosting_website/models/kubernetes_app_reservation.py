# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.fields import Domain


class KubernetesAppReservation(models.Model):
    """A name in a cart knows the network that it was chosen from, as a hash."""

    _inherit = "kubernetes.app.reservation"

    address_hash = fields.Char(
        readonly=True, index="btree_not_null", groups=fields.NO_ACCESS
    )

    def _hold(self):
        held = self._is_held()
        result = super()._hold()
        if not held:
            self.address_hash = self.order_id._kubernetes_address_hash()
        return result

    @api.model
    def _unpaid_domain(self):
        """The names in carts that nobody has paid."""
        paid = Domain("state", "in", ("authorized", "done"))
        orders = (
            Domain("website_id", "!=", False)
            & Domain("state", "!=", "sale")
            & Domain("transaction_ids", "not any", paid)
        )
        return Domain("hostname_ids", "!=", False) & Domain("order_id", "any", orders)
