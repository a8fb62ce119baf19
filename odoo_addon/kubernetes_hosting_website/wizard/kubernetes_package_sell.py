# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields, models
from odoo.exceptions import UserError


class KubernetesPackageSell(models.TransientModel):
    """A package's product may stand in the shop at once."""

    _inherit = "kubernetes.package.sell"

    is_published = fields.Boolean(
        string="In the Shop at Once",
        help="Otherwise it is for you to publish, once it is as you want it.",
    )

    def action_make(self):
        """Nothing is given away by an oversight: in the shop anybody can take it."""
        if self.is_published:
            self._check_prices()
        return super().action_make()

    def _check_prices(self):
        compared = self.currency_id.compare_amounts
        if not self.line_ids and compared(self.list_price, 0) <= 0:
            raise UserError(
                self.env._(
                    "%s has no price, and in the shop anybody could take it for"
                    " nothing. Give it a price, or leave “In the Shop at Once” out.",
                    self.name,
                )
            )
        free = self.line_ids.filtered(
            lambda line: compared(self.list_price + line.price_extra, 0) <= 0
        )
        if free:
            raise UserError(
                self.env._(
                    "These plans have no price, and in the shop anybody could take them"
                    " for nothing: %s. Give the product or the plans a price, or leave"
                    " “In the Shop at Once” out.",
                    ", ".join(free.mapped("title")),
                )
            )

    def _product_values(self):
        return {**super()._product_values(), "is_published": self.is_published}

    def _attribute_values(self):
        """The shop's filters have plans of single products not."""
        return {**super()._attribute_values(), "visibility": "hidden"}
