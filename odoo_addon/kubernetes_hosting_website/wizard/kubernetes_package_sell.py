# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields, models


class KubernetesPackageSell(models.TransientModel):
    """A package's product may stand in the shop at once."""

    _inherit = "kubernetes.package.sell"

    is_published = fields.Boolean(
        string="In the Shop at Once",
        help="Otherwise it is for you to publish, once it is as you want it.",
    )

    def _product_values(self):
        return {**super()._product_values(), "is_published": self.is_published}

    def _attribute_values(self):
        """The shop's filters have plans of single products not."""
        return {**super()._attribute_values(), "visibility": "hidden"}
