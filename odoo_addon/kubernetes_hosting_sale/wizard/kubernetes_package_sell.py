# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import base64

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from odoo.addons.kubernetes_hosting.models.kubernetes_limits import LIMITS

PNG = b"\x89PNG"


class KubernetesPackageSell(models.TransientModel):
    """Makes a product of a package. Everything is filled in but the prices."""

    _name = "kubernetes.package.sell"
    _description = "Make a Product of a Package"
    _inherit = ["kubernetes.record"]
    _check_company_auto = True

    version_id = fields.Many2one(
        "kubernetes.package.version", required=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", compute="_compute_company_id")
    currency_id = fields.Many2one(related="company_id.currency_id")
    needs_text = fields.Text(related="version_id.needs_text", related_sudo=False)
    name = fields.Char(string="Product's Name", required=True)
    list_price = fields.Monetary(string="Price")
    cluster_id = fields.Many2one(
        "kubernetes.cluster",
        check_company=True,
        ondelete="cascade",
        help="Where the apps run.",
    )
    cluster_ids = fields.Many2many(
        related="version_id.cluster_ids", related_sudo=False, string="May Run On"
    )
    cluster_selector = fields.Char(
        string="Clusters by Labels",
        help="In the place of one cluster those with such labels, as kubectl -l has it:"
        " provider=harbour,place in (zurich,bern). Of those the one of which least is"
        " asked for is taken.",
    )
    line_ids = fields.One2many(
        "kubernetes.package.sell.line", "sell_id", string="Plans"
    )

    @api.depends("version_id")
    @api.depends_context("company")
    def _compute_company_id(self):
        for wizard in self:
            wizard.company_id = wizard.version_id._owner()

    @api.model
    def _of(self, version):
        """A new one for this version, filled in as far as it is known."""
        clusters = version._places()
        if not clusters:
            raise UserError(version._no_place_text())
        return self.create(
            {
                "version_id": version.id,
                "name": version.package_id.title,
                "cluster_id": clusters[:1].id,
                "line_ids": [
                    Command.create(
                        {
                            "sequence": 10 * number,
                            "plan": plan["name"],
                            "title": plan["title"],
                            "help": plan["help"],
                        }
                    )
                    for number, plan in enumerate(version._plans().values(), 1)
                ],
            }
        )

    @api.onchange("cluster_selector")
    def _onchange_cluster_selector(self):
        if self.cluster_selector:
            self.cluster_id = False

    def action_make(self):
        """Make the product, and open it."""
        self.ensure_one()
        version = self.version_id
        version.package_id._installable()
        if self.cluster_id:
            self.cluster_id._check_open()
            version._check_fits(self.cluster_id)
        product = self.env["product.template"].create(self._product_values())
        product._made_of(version)
        self._offer_plans(product)
        return {
            "type": "ir.actions.act_window",
            "res_model": "product.template",
            "res_id": product.id,
            "views": [(False, "form")],
        }

    def _product_values(self):
        """All that a purchase needs to become apps."""
        version, package = self.version_id, self.version_id.package_id
        config_map, secret = version._create_values(self.name, is_template=True)
        subscriptions = self.env["sale.subscription.template"]
        if subscriptions.has_access("read"):
            subscriptions = subscriptions.search([], limit=2)
        reset = version._manifests("reset")
        usual = self.env["product.template"].sudo().default_get(list(LIMITS))
        values = {
            "name": self.name,
            "type": "service",
            "list_price": self.list_price,
            "sale_ok": True,
            "company_id": self.company_id.id,
            "description_sale": package.summary,
            "kubernetes_hosting": True,
            "kubernetes_cluster_id": self.cluster_id.id,
            "kubernetes_cluster_selector": self.cluster_selector,
            "kubernetes_config_map_id": config_map.id,
            "kubernetes_secret_id": secret.id,
            "kubernetes_environment_ids": [Command.set(version._environments().ids)],
            "kubernetes_manifest_ids": self._product_lines(
                version._manifests("deploy"), "deploy"
            ),
            "kubernetes_apply_allowed": bool(version._asked_later()),
            "kubernetes_reset_mode": "manifests" if reset else "empty",
            "kubernetes_reset_manifest_ids": self._product_lines(reset, "reset"),
            **version._limits(usual),
        }
        if len(subscriptions) == 1:
            values.update(subscribable=True, subscription_template_id=subscriptions.id)
        # Odoo takes drawings from administrators only.
        if package.icon and base64.b64decode(package.icon).startswith(PNG):
            values["image_1920"] = package.icon
        return values

    @api.model
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

    def _offer_plans(self, product):
        """Let customers choose from the plans, each of which is a variant."""
        if not self.line_ids:
            return
        attribute = self.env["product.attribute"].create(self._attribute_values())
        plans = self.version_id._plans()
        for line, value in zip(self.line_ids, attribute.value_ids, strict=True):
            # What administrators alone set where all companies sell with a value: this
            # one is the product's alone.
            value.sudo().write(
                {
                    "kubernetes_plan": line.plan,
                    **self.version_id._plan_limits(plans[line.plan], product),
                }
            )
        product.attribute_line_ids = [
            Command.create(
                {
                    "attribute_id": attribute.id,
                    "value_ids": [Command.set(attribute.value_ids.ids)],
                }
            )
        ]

    def _attribute_values(self):
        """The attribute with a value for each plan: another product's plan of the same
        title is not this one."""
        plans = self.version_id._plans()
        return {
            "name": self.env._("Plan"),
            "create_variant": "always",
            "value_ids": [
                Command.create(
                    {
                        "name": line.title,
                        "sequence": number,
                        "default_extra_price": line.price_extra,
                        "kubernetes_description": line.help or False,
                        "kubernetes_value_ids": [
                            Command.create(
                                {
                                    "key": item["name"],
                                    "type": item["type"],
                                    "value": item["value"],
                                    "company_id": self.company_id.id,
                                }
                            )
                            for item in plans[line.plan]["values"]
                        ],
                    }
                )
                for number, line in enumerate(self.line_ids, 1)
            ],
        }


class KubernetesPackageSellLine(models.TransientModel):
    """A plan that customers can choose, and its price beside the product's."""

    _name = "kubernetes.package.sell.line"
    _description = "Plan of a Package to Sell"
    _inherit = ["kubernetes.record"]
    _rec_name = "title"
    _order = "sequence, id"

    sell_id = fields.Many2one(
        "kubernetes.package.sell", required=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="sell_id.currency_id", related_sudo=False)
    sequence = fields.Integer()
    plan = fields.Char(required=True)
    title = fields.Char(string="Plan's Title", required=True)
    help = fields.Char(string="What One Gets")
    price_extra = fields.Monetary(string="Extra Price")
