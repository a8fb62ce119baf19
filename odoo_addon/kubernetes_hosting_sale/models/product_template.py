# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from odoo.addons.kubernetes_hosting.models.kubernetes_app import USER
from odoo.addons.kubernetes_hosting.models.kubernetes_limits import LIMITS
from odoo.addons.kubernetes_hosting.models.kubernetes_record import ADDONS
from odoo.addons.kubernetes_hosting.tools.labels import read_selector


class ProductTemplate(models.Model):
    """A product may be a hosting: each unit sold becomes an app per environment."""

    _name = "product.template"
    _inherit = [
        "product.template",
        "kubernetes.limits",
        "kubernetes.protected",
        "kubernetes.packaged",
    ]
    _package_fields = (
        "kubernetes_config_map_id",
        "kubernetes_secret_id",
        "kubernetes_manifest_ids",
        "kubernetes_reset_manifest_ids",
    )

    kubernetes_hosting = fields.Boolean(
        help="Each unit sold becomes one app in each of the environments below.",
    )
    kubernetes_cluster_id = fields.Many2one(
        "kubernetes.cluster",
        string="Cluster",
        index="btree_not_null",
        check_company=True,
        groups=USER,
        ondelete="restrict",
        help="Where the apps run. Its domain ends their addresses.",
    )
    kubernetes_cluster_selector = fields.Char(
        string="Clusters by Labels",
        groups=USER,
        help="In the place of one cluster those with such labels, as kubectl -l has it:"
        " provider=harbour,place in (zurich,bern). The customer's choice of attribute"
        " values may say more, such as place=zurich; of those that are left, the one of"
        " which least is asked for is taken.",
    )
    kubernetes_place_ids = fields.Many2many(
        "kubernetes.cluster",
        string="May Run On",
        compute="_compute_kubernetes_place_ids",
        groups=USER,
        help="The clusters that take new apps of this product.",
    )
    kubernetes_config_map_id = fields.Many2one(
        "kubernetes.config.map",
        string="ConfigMap Template",
        index="btree_not_null",
        check_company=True,
        groups=USER,
        domain=[("is_template", "=", True)],
        ondelete="restrict",
        help="Each app gets a copy of its own.",
    )
    kubernetes_secret_id = fields.Many2one(
        "kubernetes.secret",
        string="Secret Template",
        index="btree_not_null",
        check_company=True,
        groups=USER,
        domain=[("is_template", "=", True)],
        ondelete="restrict",
        help="Each app gets a copy of its own.",
    )
    kubernetes_environment_ids = fields.Many2many(
        "kubernetes.environment",
        "kubernetes_product_environment_rel",
        "product_tmpl_id",
        "environment_id",
        string="Environments",
        groups=USER,
        ondelete="restrict",
        context={"active_test": False},
        help="One app is made in each of them for every unit sold.",
    )
    kubernetes_domains_allowed = fields.Boolean(
        string="Customers Add Domains",
        groups=USER,
        help="Customers add domains of their own to their apps in the portal. For https"
        " there the cluster needs a TLS issuer.",
    )
    kubernetes_apply_allowed = fields.Boolean(
        string="Customers Apply Changes",
        groups=USER,
        help="What the package lets customers set of their apps in the portal, they"
        " apply there, too. Otherwise somebody here does.",
    )
    kubernetes_manifest_ids = fields.One2many(
        "kubernetes.product.manifest",
        "product_tmpl_id",
        string="Manifests",
        groups=USER,
        domain=[("purpose", "=", "deploy")],
        context={"default_purpose": "deploy"},
        copy=True,
        help="Applied from first to last.",
    )
    kubernetes_reset_mode = fields.Selection(
        [("empty", "Deploy again with empty data"), ("manifests", "Run manifests")],
        string="Reset",
        required=True,
        default="empty",
        help="What a reset of an app does where its environment allows one: delete"
        " everything with all data and deploy from scratch, or run the reset manifests,"
        " for example Jobs that copy production here and neutralise it. Production is"
        " never reset.",
    )
    kubernetes_reset_manifest_ids = fields.One2many(
        "kubernetes.product.manifest",
        "product_tmpl_id",
        string="Reset Manifests",
        groups=USER,
        domain=[("purpose", "=", "reset")],
        context={"default_purpose": "reset"},
        copy=True,
        help="Run from first to last, each awaited.",
    )
    kubernetes_attribute_value_ids = fields.Many2many(
        "product.attribute.value",
        string="Values by Variant",
        compute="_compute_kubernetes_attribute_value_ids",
        groups=USER,
        help="The attribute values this product is sold with. The variables of those a"
        " customer chooses go into the config map of the app, in the place of the"
        " template's.",
    )
    kubernetes_app_count = fields.Integer(
        string="Apps",
        compute="_compute_kubernetes_app_count",
        groups=USER,
    )

    def _compute_kubernetes_app_count(self):
        counts = dict(
            self.env["kubernetes.app"]._read_group(
                [("product_id.product_tmpl_id", "in", self.ids)],
                ["product_id"],
                ["__count"],
            )
        )
        for template in self:
            template.kubernetes_app_count = sum(
                counts.get(product, 0)
                for product in template.with_context(
                    active_test=False
                ).product_variant_ids
            )

    @api.depends("attribute_line_ids.value_ids")
    def _compute_kubernetes_attribute_value_ids(self):
        for template in self:
            template.kubernetes_attribute_value_ids = (
                template.attribute_line_ids.value_ids
            )

    kubernetes_is_editable = fields.Boolean(
        compute="_compute_kubernetes_is_editable",
        groups=USER,
        help="Whether whoever looks may change the settings of Kubernetes.",
    )

    @api.depends("company_id")
    @api.depends_context("uid")
    def _compute_kubernetes_is_editable(self):
        for template in self:
            # A new one gets the company of whoever makes it.
            template.kubernetes_is_editable = (
                not template._origin or template._kubernetes_may_change()
            )

    @api.model_create_multi
    def create(self, vals_list):
        """A hosting product belongs to a company, as what it is made of does, unless
        somebody says that all companies share it."""
        templates = super().create(
            [
                {"company_id": self.env.company.id, **vals}
                if vals.get("kubernetes_hosting")
                else vals
                for vals in vals_list
            ]
        )
        templates.filtered("kubernetes_hosting")._kubernetes_check_may_share()
        return templates

    def write(self, vals):
        self.check_access("write")
        asked = self.browse()
        if any(
            (self._fields[name]._module or "").startswith(ADDONS)
            for name in vals
            if name in self._fields
        ):
            asked = self
        elif "company_id" in vals:
            # Nobody takes it from the others, nor gives them what they have made.
            asked = self.filtered("kubernetes_hosting")
        asked._kubernetes_check_may_share()
        result = super().write(vals)
        asked._kubernetes_check_may_share()
        return result

    def _kubernetes_may_change(self):
        administrator = "kubernetes_hosting.group_kubernetes_administrator"
        return bool(
            self.company_id or self.env.su or self.env.user.has_group(administrator)
        )

    def _kubernetes_check_may_share(self):
        """What all companies sell is the administrators' alone to make or change."""
        if not all(template._kubernetes_may_change() for template in self):
            raise AccessError(
                self.env._(
                    "The Kubernetes settings of a product that all companies share are"
                    " changed by Kubernetes administrators only. Give the product a"
                    " company, or ask one of them."
                )
            )

    @api.constrains(
        "company_id", "kubernetes_manifest_ids", "kubernetes_reset_manifest_ids"
    )
    def _check_kubernetes_manifest_companies(self):
        templates = self.sudo()
        (
            templates.kubernetes_manifest_ids | templates.kubernetes_reset_manifest_ids
        )._check_company()

    @api.constrains("kubernetes_hosting")
    def _check_kubernetes_attribute_keys(self):
        """One choice of a customer must not give a variable two values.

        Values of one attribute are alternatives, unless several can be ticked.
        """
        for template in self.filtered("kubernetes_hosting").sudo():
            seen = {}
            for line in template.attribute_line_ids:
                several = line.attribute_id.display_type == "multi"
                for value in line.value_ids:
                    group = value if several else line
                    for variable in value.kubernetes_value_ids:
                        first, other = seen.setdefault(variable.key, (group, value))
                        if first != group:
                            raise ValidationError(
                                self.env._(
                                    "The product “%(product)s” can be sold with both"
                                    " “%(first)s” and “%(second)s”, and both set the"
                                    " variable “%(key)s”. Remove it from one of them:"
                                    " Sales > Configuration > Attributes.",
                                    product=template.display_name,
                                    first=other.display_name,
                                    second=value.display_name,
                                    key=variable.key,
                                )
                            )

    @api.constrains(
        "kubernetes_hosting",
        "kubernetes_cluster_id",
        "kubernetes_cluster_selector",
        "kubernetes_environment_ids",
        "kubernetes_manifest_ids",
        "kubernetes_reset_mode",
        "kubernetes_reset_manifest_ids",
    )
    def _check_kubernetes_hosting(self):
        """What is missing here would fail after the customer has paid."""
        for template in self.filtered("kubernetes_hosting").sudo():
            missing = template._kubernetes_missing()
            if missing:
                raise ValidationError(
                    self.env._(
                        "The hosting product “%(product)s” lacks: %(missing)s. Fill"
                        " them in on its tab Kubernetes.",
                        product=template.display_name,
                        missing=", ".join(missing),
                    )
                )

    @api.depends(
        "kubernetes_cluster_id", "kubernetes_cluster_selector", "package_version_id"
    )
    @api.depends_context("uid", "company")
    def _compute_kubernetes_place_ids(self):
        for template in self:
            places = template._kubernetes_places(
                template.company_id or self.env.company
            )
            template.kubernetes_place_ids = places.sudo(False)._filtered_access("read")

    @api.constrains("kubernetes_cluster_selector")
    def _check_kubernetes_cluster_selector(self):
        for template in self.sudo():
            self.env["kubernetes.cluster"]._check_selector(
                template.kubernetes_cluster_selector
            )

    def _kubernetes_cluster_conditions(self, chosen=None):
        """What labels of a cluster the product, its package, and the attribute values
        ``chosen`` ask for."""
        self.ensure_one()
        template = self.sudo()
        conditions = read_selector(template.kubernetes_cluster_selector)
        conditions += template.package_version_id._cluster_conditions()
        for value in chosen.sudo() if chosen else ():
            conditions += read_selector(value.kubernetes_cluster_selector)
        return conditions

    def _kubernetes_fitting(self, company, chosen=None):
        """The clusters that apps of the product may run on, which ``company`` sells
        with the attribute values ``chosen``: also those that take no new ones."""
        self.ensure_one()
        template = self.sudo()
        clusters = template.kubernetes_cluster_id
        if not clusters and template.kubernetes_cluster_selector:
            clusters = clusters._of_company(company)
        return clusters._fitting(
            template._kubernetes_cluster_conditions(chosen),
            template.package_version_id._kubernetes_needed(),
        )

    def _kubernetes_places(self, company, chosen=None):
        """Those of them that take new apps."""
        return self._kubernetes_fitting(company, chosen)._open(
            self._kubernetes_node_ports(chosen)
        )

    def _kubernetes_node_ports(self, chosen=None):
        """How many ports of the nodes one purchase takes."""
        template = self.sudo()
        chosen = chosen or self.env["product.attribute.value"]
        limits = template._kubernetes_limits_with(chosen)
        return limits["limit_node_ports"] * len(template.kubernetes_environment_ids)

    def _kubernetes_no_place_text(self, title, chosen=None):
        return self.env["kubernetes.cluster"]._no_place_text(
            title,
            self._kubernetes_cluster_conditions(chosen),
            self.sudo().package_version_id._kubernetes_needed(),
            self._kubernetes_node_ports(chosen),
        )

    def _kubernetes_missing(self):
        """The labels of what a hosting product needs and this one has not."""
        self.ensure_one()
        missing = []
        if not self.kubernetes_cluster_id and not self.kubernetes_cluster_selector:
            missing.append(self.env._("a cluster"))
        if not self.kubernetes_environment_ids:
            missing.append(self.env._("environments"))
        if not self.kubernetes_manifest_ids:
            missing.append(self.env._("manifests"))
        if (
            self.kubernetes_reset_mode == "manifests"
            and not self.kubernetes_reset_manifest_ids
        ):
            missing.append(self.env._("reset manifests"))
        return missing

    def _kubernetes_limits_with(self, chosen):
        """How much each app gets that is sold with the attribute values ``chosen``:
        what the product says, and in its place what they do."""
        self.ensure_one()
        template, chosen = self.sudo(), chosen.sudo()
        return {
            name: max(chosen.mapped(name), default=0) or template[name]
            for name in LIMITS
        }

    def _kubernetes_period(self):
        """What its price pays for, such as ``/ month``; empty where it is paid once."""
        self.ensure_one()
        plan = self.sudo().subscription_template_id
        return plan._kubernetes_period() if self.sudo().subscribable and plan else ""

    @api.onchange("kubernetes_hosting")
    def _onchange_kubernetes_hosting(self):
        """Begin with what nearly every hosting product is."""
        if not self.kubernetes_hosting:
            return
        self.type = "service"
        if not self.company_id:
            self.company_id = self.env.company
        if not self.env.user.has_group(USER):
            return
        if not self.kubernetes_cluster_id and not self.kubernetes_cluster_selector:
            clusters = self.env["kubernetes.cluster"].search([], limit=2)
            self.kubernetes_cluster_id = clusters if len(clusters) == 1 else False
        if not self.kubernetes_environment_ids:
            self.kubernetes_environment_ids = self.env["kubernetes.environment"].search(
                ["|", ("is_production", "=", True), ("code", "=", "int")]
            )

    def action_update_package(self):
        """Move to the available version. Apps that were sold before stay as they
        are."""
        self._kubernetes_check_may_share()
        old = self.package_version_id
        result = super().action_update_package()
        self._kubernetes_update_plans(old, self.package_version_id)
        return result

    def _kubernetes_update_plans(self, old, version):
        """The plans that are offered become what the new version says of them, where
        nobody has changed them. New ones are not offered by that: their price is for
        somebody to set."""

        def lines(plan):
            return {
                item["name"]: (item["type"], item["value"])
                for item in (plan or {}).get("values", ())
            }

        before, after = old._plans(), version._plans()
        values = self.attribute_line_ids.value_ids
        for value in values.filtered(lambda value: value.kubernetes_plan in after):
            name = value.kubernetes_plan
            commands = self._changed_lines(
                value.kubernetes_value_ids, lines(before.get(name)), lines(after[name])
            )
            if commands:
                value.kubernetes_value_ids = commands
            limits = version._plan_limits(after[name], self)
            system = value.sudo()
            system.write(
                {limit: max(system[limit], least) for limit, least in limits.items()}
            )

    def action_view_kubernetes_apps(self):
        self.ensure_one()
        self.check_access("read")
        return self.env["kubernetes.app"]._action_view_sold(
            [("product_id.product_tmpl_id", "=", self.id)]
        )
