# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError


class KubernetesSold(models.AbstractModel):
    """What hosting products are made of: while one is sold with it, it stays.

    ``_product_path`` leads from a product to these records.
    """

    _name = "kubernetes.sold"
    _description = "Part of Hosting Products"
    _product_path = None

    def _kubernetes_products(self):
        """The hosting products that are sold with any of these records; for sudo."""
        paths = self._product_path
        domain = fields.Domain.OR(
            fields.Domain(path, "in", self.ids)
            for path in ([paths] if isinstance(paths, str) else paths)
        )
        products = self.env["product.template"].sudo()
        return products.with_context(active_test=True).search(
            domain & fields.Domain("kubernetes_hosting", "=", True)
        )

    def write(self, vals):
        self.check_access("write")
        if vals.get("active") is False:
            self._kubernetes_refuse_while_sold(
                lambda names: self.env._(
                    "It cannot be archived while hosting products are sold with it:"
                    " %s. Choose another one in their tab Kubernetes first, or archive"
                    " the products.",
                    names,
                )
            )
        if not vals.get("is_template", True):
            self._kubernetes_refuse_while_sold(
                lambda names: self.env._(
                    "It has to stay a template: the apps of these hosting products get"
                    " copies of it: %s. Choose another template in their tab"
                    " Kubernetes first.",
                    names,
                )
            )
        result = super().write(vals)
        company = vals.get("company_id")
        if company:
            self._kubernetes_refuse_while_sold(
                lambda names: self.env._(
                    "It cannot belong to this company while products of another one"
                    " are sold with it: %s. Choose another one in their tab Kubernetes"
                    " first, or leave the company empty.",
                    names,
                ),
                lambda product: product.company_id.id != company,
            )
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_sold(self):
        self._kubernetes_refuse_while_sold(
            lambda names: self.env._(
                "It cannot be deleted while hosting products are sold with it: %s."
                " Choose another one in these products first.",
                names,
            )
        )

    def _kubernetes_refuse_while_sold(self, sentence, which=None):
        for record in self:
            products = record._kubernetes_products().filtered(which or (lambda _p: 1))
            if products:
                # Shared ones are in use by companies whose products the user does not
                # see.
                seen = products.with_env(self.env)._filtered_access("read")
                names = seen.mapped("display_name")
                if len(seen) < len(products):
                    names.append(self.env._("products of other companies"))
                raise UserError(
                    self.env._(
                        "%(record)s: %(problem)s",
                        record=record.sudo().display_name,
                        problem=sentence(", ".join(names)),
                    )
                )


class KubernetesCluster(models.Model):
    _name = "kubernetes.cluster"
    _inherit = ["kubernetes.cluster", "kubernetes.sold"]
    _product_path = "kubernetes_cluster_id"


class KubernetesEnvironment(models.Model):
    _name = "kubernetes.environment"
    _inherit = ["kubernetes.environment", "kubernetes.sold"]
    _product_path = "kubernetes_environment_ids"


class KubernetesManifest(models.Model):
    _name = "kubernetes.manifest"
    _inherit = ["kubernetes.manifest", "kubernetes.sold"]
    _product_path = (
        "kubernetes_manifest_ids.manifest_id",
        "kubernetes_reset_manifest_ids.manifest_id",
    )


class KubernetesConfigMap(models.Model):
    _name = "kubernetes.config.map"
    _inherit = ["kubernetes.config.map", "kubernetes.sold"]
    _product_path = "kubernetes_config_map_id"

    def _is_shared(self):
        """What products are sold with is copied, whatever else is said of it."""
        return super()._is_shared() or bool(self and self._kubernetes_products())


class KubernetesSecret(models.Model):
    _name = "kubernetes.secret"
    _inherit = ["kubernetes.secret", "kubernetes.sold"]
    _product_path = "kubernetes_secret_id"

    def _is_shared(self):
        """What products are sold with is copied, whatever else is said of it."""
        return super()._is_shared() or bool(self and self._kubernetes_products())


class SaleSubscriptionTemplate(models.Model):
    """Without it a hosting would be sold that nobody is invoiced for."""

    _name = "sale.subscription.template"
    _inherit = ["sale.subscription.template", "kubernetes.sold"]
    _product_path = "subscription_template_id"
