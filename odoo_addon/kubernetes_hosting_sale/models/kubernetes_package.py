# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import base64

from odoo import models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command

from odoo.addons.kubernetes_hosting.models.kubernetes_limits import LIMITS

PNG = b"\x89PNG"


class KubernetesPackage(models.Model):
    """A package becomes a product by one click."""

    _inherit = "kubernetes.package"

    def action_make_product(self):
        """Make a product of the newest version, and open it. It is for the operator to
        set its price and to publish it."""
        self.ensure_one()
        version = self._installable()
        products = self.env["product.template"]
        if not products.has_access("create"):
            raise AccessError(
                self.env._(
                    "You may not make products. An administrator gives you the right"
                    " in the settings of your user: Product, Create."
                )
            )
        product = products.create(self._product_values(version))
        product._made_of(version)
        return {
            "type": "ir.actions.act_window",
            "res_model": "product.template",
            "res_id": product.id,
            "views": [(False, "form")],
        }

    def _product_values(self, version):
        """What the product of this version is made of: all that a purchase needs to
        become apps."""
        config_map, secret = version._create_values(self.title, is_template=True)
        clusters = version._places()[:1]
        if not clusters:
            raise UserError(version._no_place_text())
        plans = self.env["sale.subscription.template"]
        if plans.has_access("read"):
            plans = plans.search([], limit=2)
        reset = version._manifests("reset")
        usual = self.env["product.template"].sudo().default_get(list(LIMITS))
        values = {
            "name": self.title,
            "type": "service",
            "list_price": 0.0,
            "sale_ok": True,
            "company_id": self.company_id.id,
            "description_sale": self.summary,
            "kubernetes_hosting": True,
            "kubernetes_cluster_id": clusters.id,
            "kubernetes_config_map_id": config_map.id,
            "kubernetes_secret_id": secret.id,
            "kubernetes_environment_ids": [Command.set(version._environments().ids)],
            "kubernetes_manifest_ids": self._product_lines(
                version._manifests("deploy"), "deploy"
            ),
            "kubernetes_reset_mode": "manifests" if reset else "empty",
            "kubernetes_reset_manifest_ids": self._product_lines(reset, "reset"),
            **version._limits(usual),
        }
        if len(plans) == 1:
            values.update(subscribable=True, subscription_template_id=plans.id)
        # Odoo takes drawings from administrators only.
        if self.icon and base64.b64decode(self.icon).startswith(PNG):
            values["image_1920"] = self.icon
        return values

    def _product_lines(self, manifests, purpose):
        return [
            Command.create(
                {
                    "sequence": 10 * number,
                    "manifest_id": manifest.id,
                    "purpose": purpose,
                }
            )
            for number, manifest in enumerate(manifests, 1)
        ]


class KubernetesRepository(models.Model):
    _inherit = "kubernetes.repository"

    def _users(self):
        products = self.env["product.template"].sudo().with_context(active_test=False)
        used = products.search(
            [("package_version_id.package_id.repository_id", "=", self.id)], limit=5
        )
        return super()._users() + used.mapped("display_name")
