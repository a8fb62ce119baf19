# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import models


class KubernetesPackage(models.Model):
    """A package's product may stand in the shop at once."""

    _inherit = "kubernetes.package"

    def _product_values(self, version):
        return {
            **super()._product_values(version),
            "is_published": bool(self.env.context.get("kubernetes_publish")),
        }
