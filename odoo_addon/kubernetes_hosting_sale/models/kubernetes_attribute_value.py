# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models


class KubernetesAttributeValue(models.Model):
    """What choosing an attribute value, such as the size “L”, means for the app.

    Each record is one variable. It goes into the config map of every app sold with that
    attribute value, in the place of the template's variable of the same key.
    """

    _name = "kubernetes.attribute.value"
    _description = "Variable of an Attribute Value"
    _inherit = ["kubernetes.variable"]

    value_id = fields.Many2one(
        "product.attribute.value",
        string="Attribute Value",
        required=True,
        index=True,
        ondelete="cascade",
    )
    value = fields.Text()
    company_id = fields.Many2one(
        "res.company",
        index="btree_not_null",
        help="Only what this company sells gets it. Empty: what all companies sell;"
        " administrators alone change it.",
    )

    _key_uniq = models.UniqueIndex(
        "(value_id, key, COALESCE(company_id, 0))",
        "This key stands at the attribute value already.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        # No default of the field's: what is there already stays shared.
        company = self.env.company.id
        return super().create([{"company_id": company, **vals} for vals in vals_list])

    def _of_company(self, company):
        """Those that hold for what ``company`` sells; its own before shared ones."""
        lines = self.filtered(
            lambda line: not line.company_id or line.company_id == company
        )
        own = lines.filtered("company_id").mapped("key")
        return lines.filtered(lambda line: line.company_id or line.key not in own)

    @api.constrains("type", "value")
    def _check_vaults(self):
        """The app's config map refuses what nobody can decrypt: here it is said before
        somebody has paid for it."""
        config_maps = self.env["kubernetes.config.map"]
        for line in self:
            config_maps._refuse_damaged_vault(line.key, line.type, line.value)

    @api.constrains("key", "value_id")
    def _check_key_on_products(self):
        lines = self.sudo().value_id.pav_attribute_line_ids
        lines.product_tmpl_id._check_kubernetes_attribute_keys()
