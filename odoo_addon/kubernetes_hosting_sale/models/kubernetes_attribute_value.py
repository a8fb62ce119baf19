# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models

from odoo.addons.kubernetes_hosting.models.kubernetes_config_map import (
    GIVEN_VARIABLES,
    check_keys,
)


class KubernetesAttributeValue(models.Model):
    """What choosing an attribute value, such as the size “L”, means for the app.

    Each record is one variable. It goes into the config map of every app sold with that
    attribute value, in the place of the template's variable of the same key.
    """

    _name = "kubernetes.attribute.value"
    _description = "Variable of an Attribute Value"
    _rec_name = "key"
    _order = "sequence, id"

    value_id = fields.Many2one(
        "product.attribute.value",
        string="Attribute Value",
        required=True,
        index=True,
        ondelete="cascade",
    )
    sequence = fields.Integer(default=10)
    key = fields.Char(required=True)
    type = fields.Selection(
        [("string", "Text"), ("yaml", "YAML")],
        required=True,
        default="string",
        help="Text: the value as it stands. YAML: the value is read as YAML, for"
        " numbers, true and false, lists and mappings. Both may contain {{ variables"
        " }}.",
    )
    value = fields.Text()
    is_overridden = fields.Boolean(
        compute="_compute_is_overridden",
        help="Chandlery gives this variable itself; the value here has no effect.",
    )

    _key_uniq = models.UniqueIndex(
        "(value_id, key)", "This key stands at the attribute value already."
    )

    @api.depends("key")
    def _compute_is_overridden(self):
        for line in self:
            line.is_overridden = line.key in GIVEN_VARIABLES

    @api.constrains("key")
    def _check_key(self):
        check_keys(self)

    @api.constrains("key", "value_id")
    def _check_key_on_products(self):
        lines = self.sudo().value_id.pav_attribute_line_ids
        lines.product_tmpl_id._check_kubernetes_attribute_keys()
