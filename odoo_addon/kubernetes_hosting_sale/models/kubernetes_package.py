# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import models
from odoo.exceptions import AccessError

from odoo.addons.kubernetes_hosting.models.kubernetes_limits import LIMITS
from odoo.addons.kubernetes_hosting.models.kubernetes_package_version import limits_of


class KubernetesPackage(models.Model):
    """A package becomes a product."""

    _inherit = "kubernetes.package"

    def action_make_product(self):
        """Ask for name, price and place, and make a product of the newest version."""
        self.ensure_one()
        version = self._installable()
        if not self.env["product.template"].has_access("create"):
            raise AccessError(
                self.env._(
                    "You may not make products. An administrator gives you the right"
                    " in the settings of your user: Product, Create."
                )
            )
        wizard = self.env["kubernetes.package.sell"]._of(version)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Make a Product of %s", self.title),
            "res_model": wizard._name,
            "res_id": wizard.id,
            "view_mode": "form",
            "target": "new",
        }


class KubernetesPackageVersion(models.Model):
    _inherit = "kubernetes.package.version"

    def _plan_limits(self, plan, product):
        """The limits of an attribute value that is a plan: enough for what it needs,
        where the product's are not; 0 leaves those."""
        needs, usual = limits_of(plan), product.sudo()
        return {
            name: needs[name] if needs.get(name, 0) > usual[name] else 0
            for name in LIMITS
        }


class KubernetesRepository(models.Model):
    _inherit = "kubernetes.repository"

    def _users(self):
        products = self.env["product.template"].sudo().with_context(active_test=False)
        used = products.search(
            [("package_version_id.package_id.repository_id", "=", self.id)], limit=5
        )
        return super()._users() + self._names_of(used)

    def _is_used_by_others(self):
        products = self.env["product.template"].with_context(active_test=False)
        return super()._is_used_by_others() or bool(
            products.search_count(
                [
                    ("package_version_id.package_id.repository_id", "=", self.id),
                    ("company_id", "!=", self.company_id.id),
                ],
                limit=1,
            )
        )
