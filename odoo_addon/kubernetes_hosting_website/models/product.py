# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import models


class ProductTemplate(models.Model):
    """The shop has a hosting as not available where what is sold would not run."""

    _inherit = "product.template"

    def _kubernetes_is_available(self):
        """Whether the website's company can sell the product in any variant."""
        self.ensure_one()
        if not self.kubernetes_hosting:
            return True
        company = self.env["website"].get_current_website().company_id
        return not self.sudo()._kubernetes_problems(company)

    def _is_add_to_cart_possible(self, parent_combination=None):
        return self._kubernetes_is_available() and super()._is_add_to_cart_possible(
            parent_combination
        )

    def _website_show_quick_add(self):
        return self._kubernetes_is_available() and super()._website_show_quick_add()

    def _is_combination_possible(
        self, combination, parent_combination=None, ignore_no_variant=False
    ):
        """A variant whose apps would not run is none that the shop offers."""
        possible = super()._is_combination_possible(
            combination, parent_combination, ignore_no_variant
        )
        website = self.env["website"].get_current_website(fallback=False)
        if not possible or not website or not self.kubernetes_hosting:
            return possible
        # The attributes that make no variant may be asked about later.
        chosen = combination.sudo()
        others = self.sudo().attribute_line_ids.product_template_value_ids - chosen
        return not self.sudo()._kubernetes_values_problems(
            website.company_id,
            chosen.product_attribute_value_id,
            others.product_attribute_value_id if ignore_no_variant else (),
        )


class ProductProduct(models.Model):
    _inherit = "product.product"

    def _is_add_to_cart_allowed(self):
        template = self.product_tmpl_id
        return template._kubernetes_is_available() and super()._is_add_to_cart_allowed()

    def _website_show_quick_add(self):
        template = self.product_tmpl_id
        return template._kubernetes_is_available() and super()._website_show_quick_add()
