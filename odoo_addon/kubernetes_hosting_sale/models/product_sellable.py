# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain

from odoo.addons.kubernetes_hosting.models.kubernetes_app import USER
from odoo.addons.kubernetes_hosting.models.kubernetes_values import GIVEN_VARIABLES

# How Kubernetes writes amounts.
AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)([KMGTP]i|[kMGTP])?")
UNITS = {
    None: 1,
    **{f"{sign}i": 1024**power for power, sign in enumerate("KMGTP", 1)},
    **{sign: 1000**power for power, sign in enumerate("kMGTP", 1)},
}
# Of more variants than this the first ones are looked at for the product's banner. The
# one that is bought always is.
MOST_VARIANTS = 50


def gibibytes(text):
    """An amount of storage as Kubernetes reads it, in GiB; None where it is none."""
    amount = AMOUNT.fullmatch((text or "").strip().strip("\"'"))
    return amount and float(amount[1]) * UNITS[amount[2]] / 1024**3


class ProductTemplate(models.Model):
    """What would keep a paid hosting from running is found before it is sold.

    The shop then has the product as not available, the checkout looks again before the
    payment, and the product says why. What is paid for all the same is made as far as
    it can be (see ``sale.order._kubernetes_fulfil``). docs/paid-orders.md lists all.
    """

    _inherit = "product.template"

    kubernetes_problems = fields.Html(
        string="Not Sellable Because",
        compute="_compute_kubernetes_problems",
        groups=USER,
        sanitize=False,
    )
    kubernetes_not_sellable = fields.Boolean(
        string="Not Sellable",
        compute="_compute_kubernetes_problems",
        search="_search_kubernetes_not_sellable",
        groups=USER,
    )

    def _compute_kubernetes_problems(self):
        for template in self:
            problems = []
            if template.kubernetes_hosting and template._origin:
                problems = template._origin._kubernetes_sale_problems()
            template.kubernetes_not_sellable = bool(problems)
            template.kubernetes_problems = problems and self.env["ir.qweb"]._render(
                "kubernetes_hosting_sale.product_problems",
                {"problems": problems, "called": self._kubernetes_called},
            )

    @api.model
    def _search_kubernetes_not_sellable(self, operator, value):
        if operator != "in":
            return NotImplemented
        hostings = self.search([("kubernetes_hosting", "=", True)])
        broken = hostings.filtered(lambda t: t.sudo()._kubernetes_sale_problems())
        domain = Domain("id", "in", broken.ids)
        return domain if True in value else ~domain

    # -- what is wrong -------------------------------------------------------------

    def _kubernetes_sale_problems(self):
        """All that keeps the product or one of its variants from being sold, for
        operators: ``[(sentence, record to look at)]``."""
        self.ensure_one()
        template = self.sudo()
        company = template.company_id or self.env.company
        problems = template._kubernetes_problems(company)
        if problems:
            return problems
        for variant in template.product_variant_ids[:MOST_VARIANTS]:
            chosen = variant.product_template_attribute_value_ids
            others = template.attribute_line_ids.product_template_value_ids - chosen
            for text, record in template._kubernetes_values_problems(
                company,
                chosen.product_attribute_value_id,
                others.product_attribute_value_id,
            ):
                if (text, record) not in problems:
                    problems.append((text, record))
        return problems

    def _kubernetes_problems(self, company):
        """What keeps every variant from being sold by ``company``."""
        self.ensure_one()
        template = self.sudo().with_context(active_test=False)
        problems = []
        missing = template._kubernetes_missing()
        if missing:
            problems.append(
                (
                    self.env._(
                        "It lacks: %s. Fill them in on the tab Kubernetes.",
                        ", ".join(missing),
                    ),
                    template,
                )
            )
        if template.subscribable and not template.subscription_template_id:
            problems.append(
                (
                    self.env._(
                        "It opens a subscription and has no subscription template:"
                        " nobody would be invoiced. Choose one on the tab Sales."
                    ),
                    template,
                )
            )
        for part in template._kubernetes_parts():
            problem = template._kubernetes_part_problem(part, company)
            if problem:
                problems.append((problem, part))
        places = template._kubernetes_places(company)
        if not places and not missing:
            problems.append(
                (
                    template._kubernetes_no_place_text(template.name),
                    template.kubernetes_cluster_id or template,
                )
            )
        for cluster in places.filtered(lambda place: not place.ingress_class):
            problems += [
                (
                    self.env._(
                        "The cluster “%s” has no ingress class, and this manifest asks"
                        " for one. Enter it in the cluster.",
                        self._kubernetes_called(cluster),
                    ),
                    manifest,
                )
                for manifest in template.kubernetes_manifest_ids.manifest_id
                if manifest._asks_ingress_class()
            ]
        return problems

    def _kubernetes_parts(self):
        """The records that the product's apps are made of; for sudo."""
        self.ensure_one()
        manifests = self.kubernetes_manifest_ids.manifest_id
        if self.kubernetes_reset_mode == "manifests":
            manifests |= self.kubernetes_reset_manifest_ids.manifest_id
        return [
            *self.kubernetes_cluster_id,
            *self.kubernetes_environment_ids,
            *self.kubernetes_config_map_id,
            *self.kubernetes_secret_id,
            *manifests,
        ]

    def _kubernetes_part_problem(self, part, company):
        if not part.active:
            return self.env._("This is archived. Unarchive it, or choose another one:")
        owner = "company_id" in part._fields and part.company_id
        if owner and owner != company:
            if not self._kubernetes_is_seen(owner):
                return self.env._(
                    "This belongs to another company, and %(company)s sells the"
                    " product. Choose another one:",
                    company=company.sudo().name,
                )
            return self.env._(
                "This belongs to the company %(owner)s, and %(company)s sells the"
                " product. Choose another one:",
                owner=owner.name,
                company=company.sudo().name,
            )
        return ""

    @api.model
    def _kubernetes_is_seen(self, record):
        """Whether the user may read the record, whatever the code that asks may."""
        return record.sudo(False).has_access("read")

    @api.model
    def _kubernetes_called(self, record):
        """How a record that is named in a problem is called for the user: of what they
        do not see only what it is."""
        if self._kubernetes_is_seen(record):
            return record.display_name
        return self.env["ir.model"]._get(record._name).name

    def _kubernetes_values_problems(self, company, chosen, others=()):
        """What keeps the product from being sold with the attribute values ``chosen``;
        ``others`` may be chosen in addition."""
        self.ensure_one()
        template = self.sudo()
        variables = chosen.sudo().kubernetes_value_ids._of_company(company)
        values = {
            line.key: line.value
            for line in (*template.kubernetes_config_map_id.line_ids, *variables)
        }
        later = others.sudo().kubernetes_value_ids.mapped("key") if others else ()
        known = {
            *values,
            *template.kubernetes_secret_id.line_ids.mapped("key"),
            *later,
            *GIVEN_VARIABLES,
        }
        names = ", ".join(chosen.mapped("name")) or template.name
        problems = []
        places = template._kubernetes_places(company, chosen)
        if not places:
            text = template._kubernetes_no_place_text(
                f"{template.name} ({names})" if chosen else template.name, chosen
            )
            problems.append((text, template))
        unset = template._kubernetes_unset(values, later)
        if unset:
            problems.append(
                (
                    self.env._(
                        "%(names)s: the package has no value for %(variables)s. Set it"
                        " in the product's config map or secret:",
                        names=names,
                        variables=", ".join(unset),
                    ),
                    template.package_version_id,
                )
            )
        claimed = 0
        for manifest in template.kubernetes_manifest_ids.sorted().manifest_id:
            lacking = sorted(manifest._certain_variables() - known)
            if lacking:
                problems.append(
                    (
                        self.env._(
                            "%(names)s: nobody gives the variables %(variables)s. Add"
                            " them to the product's config map; they are used by:",
                            names=names,
                            variables=", ".join(lacking),
                        ),
                        manifest,
                    )
                )
            for text, times in manifest._certain_claims():
                variable = re.fullmatch(r"\{\{-?\s*(\w+)\s*-?\}\}", text)
                text = values.get(variable[1]) if variable else text
                claimed += (gibibytes(text) or 0) * times
        limit = self._kubernetes_limits_with(chosen)["limit_storage"]
        # Less than the worker's own sum is no fault.
        if any(places.mapped("quota")) and claimed > limit:
            problems.append(
                (
                    self.env._(
                        "%(names)s: the volumes of an app have %(claimed)g GiB, and it"
                        " gets %(limit)g GiB of storage. Raise “Storage (GiB)” of the"
                        " attribute value or of the product, or make the volumes"
                        " smaller:",
                        names=names,
                        claimed=round(claimed, 1),
                        limit=limit,
                    ),
                    template,
                )
            )
        return problems

    def _kubernetes_unset(self, values, later):
        """The titles of what the product's package wants to be set, and nobody has or
        is asked for: ``values`` are those of the config map and the variant, ``later``
        the keys that may be chosen in addition."""
        self.ensure_one()
        version = self.package_version_id
        later = {*later, *(item["name"] for item in version._asked_when_buying())}
        secrets = {
            line.key: line.is_set or line.generate
            for line in self.kubernetes_secret_id.line_ids
        }
        return [
            item["title"]
            for item in (version._required() if version else ())
            if item["name"] not in later
            and not (secrets if item["secret"] else values).get(item["name"])
        ]

    @api.model
    def _kubernetes_give_templates_back(self):
        """What products are sold with is a template, and no app's own (migration)."""
        for name in ("config_map_id", "secret_id"):
            products = self.with_context(active_test=False).search(
                [(f"kubernetes_{name}.is_template", "=", False)]
            )
            for values in products[f"kubernetes_{name}"]:
                apps = values.with_context(active_test=False).app_ids
                values.is_template = True
                for app in apps:
                    app[name] = values._copy_for_app(app)

    # -- what cannot be made so ----------------------------------------------------

    @api.constrains("kubernetes_config_map_id", "kubernetes_secret_id")
    def _check_kubernetes_templates(self):
        for template in self.sudo():
            for values in (
                *template.kubernetes_config_map_id,
                *template.kubernetes_secret_id,
            ):
                if not values.is_template:
                    raise ValidationError(
                        self.env._(
                            "“%s” is no template, and each app gets a copy of one."
                            " Tick “Template” in it, or choose another one.",
                            values.name,
                        )
                    )

    @api.constrains("kubernetes_hosting")
    def _check_kubernetes_paid(self):
        """What was paid for as a hosting is not taken away by a tick."""
        for template in self.sudo().filtered(lambda t: not t.kubernetes_hosting):
            orders = self.env["sale.order"].sudo()
            lines = Domain(
                "order_line.product_id",
                "in",
                template.with_context(active_test=False).product_variant_ids.ids,
            )
            waiting = orders.search(
                lines
                & (
                    Domain("kubernetes_pending", "=", True)
                    | (
                        Domain("state", "in", ("draft", "sent"))
                        & Domain(
                            "transaction_ids.state",
                            "in",
                            ("pending", "authorized", "done"),
                        )
                    )
                )
            )
            if waiting:
                seen = waiting.sudo(False)._filtered_access("read")
                names = seen.mapped("name")
                if len(seen) < len(waiting):
                    names.append(self.env._("orders that are not yours to read"))
                raise ValidationError(
                    self.env._(
                        "The product “%(product)s” has to stay a hosting until what was"
                        " paid for is made: %(orders)s.",
                        product=template.display_name,
                        orders=", ".join(names),
                    )
                )


class KubernetesManifest(models.Model):
    _inherit = "kubernetes.manifest"

    def _asks_ingress_class(self):
        """Whether an Ingress of every app has the cluster's ingress class."""
        return any(
            re.fullmatch(
                r"""\s+ingressClassName:\s*["']?\{\{-?\s*ingress_class\s*-?\}\}["']?\s*""",
                line,
            )
            for document in self._certain_documents()
            for line in document
        )
