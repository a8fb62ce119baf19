# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta

from odoo import models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.http import request
from odoo.tools import hmac

from odoo.addons.kubernetes_hosting.models.kubernetes_address_count import network
from odoo.addons.kubernetes_hosting_sale.models.kubernetes_app_reservation import (
    CART_HOURS,
)

# More than anybody buys at once; keeps a typing error from filling the page.
MAX_UNITS = 20


class SaleOrder(models.Model):
    """A cart with hostings is not paid before its apps have names."""

    _inherit = "sale.order"

    def _check_cart_is_ready_to_be_paid(self):
        res = super()._check_cart_is_ready_to_be_paid()
        self._kubernetes_check_sale()
        return res

    def _needs_customer_address(self):
        """Who subscribes is invoiced month by month: with an address, services or
        not."""
        return super()._needs_customer_address() or (
            self.sudo()._kubernetes_opens_subscription()
        )

    def _is_cart_ready(self):
        return super()._is_cart_ready() and not self._kubernetes_unavailable()

    def _kubernetes_unavailable(self):
        """What the shop no longer shows cannot be bought there either."""
        problems = super()._kubernetes_unavailable()
        for line in self._kubernetes_hosting_lines() if self.website_id else ():
            if not line.product_id.sudo().is_published:
                problems[line] = [
                    (
                        self.env._("It is not published in the shop any more."),
                        line.product_id,
                    )
                ]
        return problems

    def _verify_updated_quantity(
        self, order_line, product_id, new_qty, uom_id, **kwargs
    ):
        new_qty, warning = super()._verify_updated_quantity(
            order_line, product_id, new_qty, uom_id, **kwargs
        )
        product = self.env["product.product"].browse(product_id)
        if product.kubernetes_hosting and new_qty > MAX_UNITS:
            return MAX_UNITS, self.env._(
                "You can order %s of these at once. Please contact us for more.",
                MAX_UNITS,
            )
        return new_qty, warning

    def _kubernetes_names_held_until(self):
        """A cart keeps its names for hours after its customer was last seen at it."""
        if not self.website_id:
            return super()._kubernetes_names_held_until()
        seen = [self.kubernetes_named_at or self.create_date]
        # On a provider's page a payment may be under way that Odoo hears of later.
        seen += self.transaction_ids.mapped("last_state_change")
        seen += self.transaction_ids.mapped("create_date")
        return max(filter(None, seen)) + timedelta(hours=CART_HOURS)

    def _kubernetes_check_name_limit(self):
        """Names cost nothing before they are paid: a cart holds some, and gets no more
        while others of its customer or of the same network hold theirs."""
        if not self._kubernetes_limits_names():
            return
        scopes = self._kubernetes_name_scopes()
        self.env["kubernetes.name.holder"].sudo()._lock(scopes)
        names = self.env["kubernetes.app.reservation"].sudo()
        unpaid = names._unpaid_domain()
        if names.search_count(unpaid & Domain("order_id", "=", self.id)) >= MAX_UNITS:
            raise ValidationError(
                self.env._(
                    "One order can reserve %s names. Please contact us for more.",
                    MAX_UNITS,
                )
            )
        others = unpaid & Domain("order_id", "!=", self.id)
        limit = self.company_id.kubernetes_unpaid_names
        for domain, message in scopes.values():
            if names.search_count(others & domain, limit=limit) >= limit:
                raise ValidationError(message)

    def _kubernetes_limits_names(self):
        """Whether a customer holds names here without having paid: in a cart. Who asks
        is the request's user; the order itself is the system's in the portal."""
        self.ensure_one()
        user = request.env.user if request else self.env.user
        return (
            self.website_id
            and self.state != "sale"
            and not user._is_internal()
            and not any(
                payment.state in ("authorized", "done")
                for payment in self.sudo().transaction_ids
            )
        )

    def _kubernetes_name_scopes(self):
        """Whose names are counted together: ``{key: (domain, sentence)}``."""
        scopes = {}
        if not self._is_anonymous_cart():
            partner = self.partner_id.commercial_partner_id
            scopes[f"customer {partner.id}"] = (
                Domain("order_id.partner_id", "child_of", partner.ids),
                self.env._(
                    "Your other orders have reserved names already that are not paid"
                    " yet. Please complete one of them first, or come back tomorrow:"
                    " names that nobody has paid are free again after a day. If you"
                    " need more at once, please contact us."
                ),
            )
        address = self._kubernetes_address_hash()
        if address:
            scopes[f"address {address}"] = (
                Domain("address_hash", "=", address),
                self.env._(
                    "Other orders from your network have reserved names already that"
                    " are not paid yet. Please complete one of them first, sign in if"
                    " you have ordered before, or come back tomorrow: names that nobody"
                    " has paid are free again after a day. If you need more at once,"
                    " please contact us."
                ),
            )
        return scopes

    def _kubernetes_address_hash(self):
        """The network of a visitor or a new customer, hashed with the database's
        secret; False for who has paid an order: they are counted by account alone."""
        if not request or not self._kubernetes_limits_names():
            return False
        address = network(request.httprequest.remote_addr)
        if not address or self._kubernetes_customer_has_paid():
            return False
        scope = "kubernetes_hosting_website.address"
        return hmac(self.env(su=True), scope, address)

    def _kubernetes_customer_has_paid(self):
        if self._is_anonymous_cart():
            return False
        partner = self.partner_id.commercial_partner_id
        return bool(
            self.sudo().search_count(
                [
                    ("partner_id", "child_of", partner.ids),
                    ("state", "=", "sale"),
                    ("amount_total", ">", 0),
                ],
                limit=1,
            )
        )
