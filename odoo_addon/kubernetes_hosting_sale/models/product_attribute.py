# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from odoo.addons.kubernetes_hosting.models.kubernetes_app import USER
from odoo.addons.kubernetes_hosting.models.kubernetes_limits import LIMITS

# What decides on the apps of all companies that sell with a value.
ADMINISTERED = (*LIMITS, "kubernetes_cluster_selector")


class ProductAttributeValue(models.Model):
    """An attribute value may carry variables for the apps that are sold with it."""

    _name = "product.attribute.value"
    _inherit = ["product.attribute.value", "kubernetes.protected"]

    kubernetes_value_ids = fields.One2many(
        "kubernetes.attribute.value",
        "value_id",
        string="Variables",
        copy=True,
        groups=USER,
        help="They go into the config map of every app that is sold with this attribute"
        " value, in the place of the template's.",
    )
    kubernetes_plan = fields.Char(
        string="Plan of the Package",
        readonly=True,
        groups=USER,
        help="What the package calls the plan that this value was made of.",
    )
    kubernetes_description = fields.Char(
        string="Description for Customers",
        translate=True,
        help="What one gets with this value, as the shop says it beside its name, such"
        " as “2 CPU cores, 4 GB memory, 50 GB disk”.",
    )
    kubernetes_summary = fields.Char(
        string="Variables in Short",
        compute="_compute_kubernetes_summary",
        groups=USER,
    )

    @api.depends("kubernetes_value_ids.key", "kubernetes_value_ids.value")
    def _compute_kubernetes_summary(self):
        for value in self:
            value.kubernetes_summary = ", ".join(
                f"{line.key} = {(line.value or '').strip()}"
                for line in value.kubernetes_value_ids.sorted()
            )

    kubernetes_cluster_selector = fields.Char(
        string="Clusters by Labels",
        groups=USER,
        help="Apps sold with this value run only on clusters with such labels, as"
        " kubectl -l has it: place=zurich,provider=harbour. So customers choose where"
        " their app runs, at a price of its own.",
    )
    limit_cpu = fields.Float(
        string="CPU (Cores)",
        digits=(8, 3),
        groups=USER,
        help="What an app sold with this value gets; 0: what its product says. Of"
        " several values the highest counts.",
    )
    limit_memory = fields.Float(string="Memory (GiB)", digits=(8, 3), groups=USER)
    limit_storage = fields.Integer(string="Storage (GiB)", groups=USER)
    limit_pods = fields.Integer(string="Pods", groups=USER)
    limit_node_ports = fields.Integer(string="Node Ports", groups=USER)

    kubernetes_is_editable = fields.Boolean(
        compute="_compute_kubernetes_is_editable",
        groups=USER,
        help="Whether whoever looks may change limits and clusters.",
    )

    @api.depends_context("uid")
    def _compute_kubernetes_is_editable(self):
        self.kubernetes_is_editable = self._kubernetes_may_limit()

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if any(vals.get(name) for name in ADMINISTERED):
                self._kubernetes_check_may_limit()
        return super().create(vals_list)

    def write(self, vals):
        self.check_access("write")
        for value in self.sudo():
            if any(
                (vals[name] or False) != (value[name] or False)
                for name in ADMINISTERED
                if name in vals
            ):
                self._kubernetes_check_may_limit()
        return super().write(vals)

    @api.model
    def _kubernetes_may_limit(self):
        """Attribute values are all companies': what they all sell, the administrators
        alone change."""
        administrator = "kubernetes_hosting.group_kubernetes_administrator"
        return self.env.su or self.env.user.has_group(administrator)

    @api.model
    def _kubernetes_check_may_limit(self):
        if not self._kubernetes_may_limit():
            raise AccessError(
                self.env._(
                    "All companies sell with an attribute value: what an app gets with"
                    " it is set by Kubernetes administrators only."
                )
            )

    @api.constrains("kubernetes_cluster_selector")
    def _check_kubernetes_cluster_selector(self):
        for value in self.sudo():
            self.env["kubernetes.cluster"]._check_selector(
                value.kubernetes_cluster_selector
            )

    @api.constrains(*LIMITS)
    def _check_kubernetes_limits(self):
        # Whoever may not see them may create what has them.
        for value in self.sudo():
            for name, most in LIMITS.items():
                if not 0 <= value[name] <= most:
                    raise ValidationError(
                        self.env._(
                            "%(number)s is not between 0 and %(most)s.",
                            number=value[name],
                            most=most,
                        )
                    )

    def action_kubernetes_values(self):
        """The form in which the variables are edited."""
        self.ensure_one()
        self.kubernetes_value_ids.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.display_name,
            "res_model": "product.attribute.value",
            "res_id": self.id,
            "views": [
                (
                    self.env.ref(
                        "kubernetes_hosting_sale.product_attribute_value_form"
                    ).id,
                    "form",
                )
            ],
            "target": "new",
        }


class ProductTemplateAttributeLine(models.Model):
    """The attributes that a hosting product offers must not contradict each other."""

    _inherit = "product.template.attribute.line"

    @api.constrains("attribute_id", "value_ids", "active", "product_tmpl_id")
    def _check_kubernetes_attribute_keys(self):
        self.product_tmpl_id._check_kubernetes_attribute_keys()
