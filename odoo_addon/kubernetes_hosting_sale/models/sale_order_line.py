# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import math
import re
import secrets
from itertools import chain, islice

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

NAME_LENGTH = 30  # of an app's name, at most


class SaleOrderLine(models.Model):
    """A line with a hosting product: each unit has a name, and later its apps."""

    # pylint: disable-next=consider-merging-classes-inherited
    _inherit = "sale.order.line"

    kubernetes_units = fields.Integer(
        string="Hostings",
        compute="_compute_kubernetes_units",
        help="How many names this line needs: one for each unit of a hosting product.",
    )
    kubernetes_reservation_ids = fields.One2many(
        "kubernetes.app.reservation",
        "sale_order_line_id",
        string="Reserved Names",
        copy=False,
    )
    kubernetes_app_ids = fields.One2many(
        "kubernetes.app", "sale_order_line_id", string="Apps", copy=False
    )
    kubernetes_app_names = fields.Char(
        string="App Names",
        compute="_compute_kubernetes_app_names",
        inverse="_inverse_kubernetes_app_names",
        compute_sudo=True,
        copy=False,
        help="One name for each unit, separated by commas. The name is the first part"
        " of the address: “shop” answers at shop.<domain>.",
    )

    @api.depends(
        "product_id",
        "product_id.kubernetes_hosting",
        "product_uom_qty",
        "product_uom_id",
        "display_type",
        "is_downpayment",
        "order_id.order_subscription_id",
    )
    def _compute_kubernetes_units(self):
        for line in self:
            if (
                line.display_type
                or line.is_downpayment
                or not line.product_id.kubernetes_hosting
                # A renewal pays for apps that exist.
                or line.order_id.order_subscription_id
            ):
                line.kubernetes_units = 0
                continue
            line.kubernetes_units = max(0, math.ceil(line._kubernetes_quantity()))

    def _kubernetes_quantity(self):
        """How much of its product the line sells, in the product's own unit."""
        self.ensure_one()
        quantity = self.product_uom_qty
        if self.product_uom_id:
            quantity = self.product_uom_id._compute_quantity(
                quantity, self.product_id.uom_id, round=False
            )
        return round(quantity, 4)

    @api.depends("kubernetes_reservation_ids.name", "kubernetes_reservation_ids.unit")
    def _compute_kubernetes_app_names(self):
        for line in self:
            names = {
                reservation.unit: reservation.name
                for reservation in line.kubernetes_reservation_ids
            }
            line.kubernetes_app_names = ", ".join(
                names.get(unit, "") for unit in range(1, max(names, default=0) + 1)
            )

    def _inverse_kubernetes_app_names(self):
        for order, lines in self.sudo().grouped("order_id").items():
            names = {}
            for line in lines:
                typed = (line.kubernetes_app_names or "").rstrip(" ,").split(",")
                typed = [name.strip() for name in typed]
                if len(typed) > max(line.kubernetes_units, 1) or (
                    typed != [""] and not line.kubernetes_units
                ):
                    raise ValidationError(
                        self.env._(
                            "The line “%(line)s” needs %(units)s names, and there are"
                            " %(names)s.",
                            line=line.product_id.display_name,
                            units=line.kubernetes_units,
                            names=len(typed),
                        )
                    )
                typed += [""] * (line.kubernetes_units - len(typed))
                names.update(
                    {
                        (line, unit): name
                        for unit, name in enumerate(typed, start=1)
                        if unit <= line.kubernetes_units
                    }
                )
            problems = order._kubernetes_set_names(names)
            # A name left open in a quotation is no mistake: the customer may choose.
            for (line, unit), problem in problems.items():
                if names[line, unit]:
                    raise ValidationError(problem)

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines.sudo().filtered("kubernetes_units").order_id._kubernetes_units_changed()
        return lines

    def write(self, vals):
        res = super().write(vals)
        if {"product_id", "product_uom_qty", "product_uom_id"} & set(vals):
            self.sudo()._kubernetes_drop_surplus_names()
            self.sudo().order_id._kubernetes_units_changed()
        return res

    @api.ondelete(at_uninstall=False)
    def _unlink_except_running(self):
        """Nobody would know any more what these were sold for."""
        for line in self.sudo():
            apps = line.kubernetes_app_ids.filtered(
                lambda app: app.wanted_state != "deleted"
            )
            subscription = line._kubernetes_subscription()
            if subscription.stage_type == "post":
                subscription = subscription.browse()
            if apps or subscription:
                raise UserError(
                    self.env._(
                        "The line “%(line)s” cannot be deleted: this of it still runs:"
                        " %(what)s. Set its quantity to 0, or end the subscription and"
                        " delete the apps first.",
                        line=line.product_id.display_name,
                        what=", ".join(
                            [
                                *subscription.mapped("name"),
                                *apps.mapped("display_name"),
                            ]
                        ),
                    )
                )

    def _kubernetes_surplus_apps(self):
        """The apps of units that are no longer ordered."""
        return self.kubernetes_app_ids.filtered(
            lambda app: (
                app.unit_no > app.sale_order_line_id.kubernetes_units
                and app.wanted_state != "deleted"
            )
        )

    def _kubernetes_drop_surplus_names(self):
        """Forget names and values of units that are no longer ordered."""
        for line in self:
            if line.state != "sale":
                for records in (
                    line.kubernetes_reservation_ids,
                    line.kubernetes_value_ids,
                ):
                    records.filtered(
                        lambda record, line=line: record.unit > line.kubernetes_units
                    ).unlink()

    def _kubernetes_target(self):
        """Where the line's apps will run: the cluster and the environments."""
        self.ensure_one()
        template = self.product_id.product_tmpl_id.sudo()
        return (
            template.kubernetes_cluster_id or self._kubernetes_place(),
            template.kubernetes_environment_ids.sorted(),
        )

    def _kubernetes_place(self):
        """Of several clusters the one on which the line's names are held, for as long
        as it fits, or else the first that does. What is paid for goes to one that
        takes no new apps rather than nowhere."""
        template = self.product_id.product_tmpl_id
        chosen = self._kubernetes_attribute_values()
        fitting = template._kubernetes_fitting(self.order_id.company_id, chosen)
        held = self.kubernetes_reservation_ids.sudo().hostname_ids.cluster_id
        paid = self.order_id.state == "sale"
        new = fitting._open(template._kubernetes_node_ports(chosen))
        return ((held & (fitting if paid else new)) or new or held or fitting)[:1]

    def _kubernetes_addresses(self):
        """How the addresses of the line's apps are made, for the page that asks names.

        A list of {environment, prefix, suffix}: the name goes between the last two.
        """
        self.ensure_one()
        cluster, environments = self._kubernetes_target()
        marker = "\0"  # never in a hostname
        addresses = []
        for environment in environments if cluster else ():
            prefix, suffix = environment._hostname(cluster, marker).split(marker)
            addresses.append(
                {"environment": environment.name, "prefix": prefix, "suffix": suffix}
            )
        return addresses

    def _kubernetes_reservation(self, unit):
        """The reservation of one unit, perhaps empty."""
        reservations = self.kubernetes_reservation_ids
        found = reservations.filtered(lambda reservation: reservation.unit == unit)
        # What is read of it is read of all.
        return found.with_prefetch(reservations.ids)

    def _kubernetes_name_available(self, unit, name):
        """Whether the unit could have the name; what it holds itself counts as free."""
        self.ensure_one()
        cluster, environments = self._kubernetes_target()
        return self.env["kubernetes.hostname"]._is_available(
            cluster,
            name,
            environments,
            ignore=self._kubernetes_reservation(unit).hostname_ids,
        )

    def _kubernetes_suggest_names(self, unit, name, limit=3):
        """A few free names that resemble a taken one."""
        self.ensure_one()
        endings = chain(("2", "app", "online", "3", "web"), map(str, range(4, 20)))
        wishes = (
            f"{name[: NAME_LENGTH - 1 - len(ending)].rstrip('-')}-{ending}"
            for ending in endings
        )
        return list(
            islice(
                (
                    wish
                    for wish in wishes
                    if self._kubernetes_is_valid_name(wish)
                    and self._kubernetes_name_available(unit, wish)
                ),
                limit,
            )
        )

    def _kubernetes_is_valid_name(self, name):
        try:
            self.env["kubernetes.app"]._check_app_name(name)
        except ValidationError:
            return False
        return True

    def _kubernetes_missing_units(self):
        """The units without apps. A unit's apps are made all or none."""
        self.ensure_one()
        apps = self.with_context(active_test=False).kubernetes_app_ids
        present = set(apps.mapped("unit_no"))
        return [
            unit for unit in range(1, self.kubernetes_units + 1) if unit not in present
        ]

    def _kubernetes_create_apps(self, unit):
        """Create one unit's apps, one per environment, and their deploy jobs.

        Returns the apps. Run in a savepoint: all or none.
        """
        self.ensure_one()
        reservation, remark = self._kubernetes_hold_any_name(unit)
        asked, given = self._kubernetes_asked(), self._kubernetes_given(unit)
        missing = self._kubernetes_value_problems(unit)
        template = self.product_id.product_tmpl_id
        subscription = self._kubernetes_subscription()
        apps = self.env["kubernetes.app"].create(
            [
                {
                    "name": reservation.name,
                    "cluster_id": hostname.cluster_id.id,
                    "environment_id": hostname.environment_id.id,
                    "partner_id": self.order_id.partner_id.id,
                    "company_id": self.order_id.company_id.id,
                    "product_id": self.product_id.id,
                    "sale_order_id": self.order_id.id,
                    "sale_order_line_id": self.id,
                    "unit_no": unit,
                    "subscription_id": subscription.id,
                    "package_version_id": template.package_version_id.id,
                    "package_digest": template.package_digest,
                    "hostname_ids": [fields.Command.link(hostname.id)],
                    "domains_allowed": template.kubernetes_domains_allowed,
                    "apply_allowed": template.kubernetes_apply_allowed,
                    "config_map_id": template.kubernetes_config_map_id.id,
                    "secret_id": template.kubernetes_secret_id.id,
                    **self._kubernetes_limits(),
                    "manifest_line_ids": template.kubernetes_manifest_ids._for_app(),
                    "reset_mode": template.kubernetes_reset_mode,
                    "reset_manifest_line_ids": (
                        template.kubernetes_reset_manifest_ids._for_app()
                    ),
                }
                for hostname in reservation.hostname_ids.sorted(
                    lambda hostname: (
                        hostname.environment_id.sequence,
                        hostname.environment_id.id,
                    )
                )
            ]
        )
        apps.hostname_ids.reservation_id = False
        for app in apps:
            variables = self._kubernetes_attribute_values().kubernetes_value_ids
            app._set_variables(variables._of_company(app.company_id))
            app._set_given(asked, given)
            app._enqueue("deploy")
        self.kubernetes_value_ids.filtered(
            lambda value: value.unit == unit and value.is_secret
        ).unlink()
        if remark:
            self.order_id._kubernetes_alert(apps[:1], "activity_app_named", remark)
        if missing:
            self.order_id._kubernetes_alert(
                apps[:1],
                "activity_values_missing",
                self.env._(
                    "The order was confirmed without values that its apps need: %s."
                    " Ask the customer, set them in the apps' ConfigMap or Secret, and"
                    " press “Apply”.",
                    ", ".join(
                        variable["title"]
                        for variable in asked
                        if variable["name"] in missing
                    ),
                ),
            )
        return apps

    def _kubernetes_limits(self):
        """How much each app of the line gets: what its product says, and in its place
        what the attribute values do."""
        self.ensure_one()
        return self.product_id.product_tmpl_id._kubernetes_limits_with(
            self._kubernetes_attribute_values()
        )

    def _kubernetes_unavailable(self):
        """Why the line cannot be sold, for operators: ``[(sentence, record)]``."""
        self.ensure_one()
        product = self.product_id.sudo()
        if not (product.active and product.sale_ok):
            return [(self.env._("It is archived or not for sale any more."), product)]
        template = product.product_tmpl_id
        company = self.order_id.company_id
        return (
            self._kubernetes_price_problems()
            or template._kubernetes_problems(company)
            or template._kubernetes_values_problems(
                company, self._kubernetes_attribute_values()
            )
        )

    def _kubernetes_price_problems(self):
        """Where the line would get more than its price is for: ``[(sentence,
        record)]``."""
        self.ensure_one()
        product, unit = self.product_id.sudo(), self.product_uom_id
        if unit and unit not in product.product_tmpl_id._get_available_uoms():
            sentence = self.env._(
                "It is sold by %(own)s, and not by %(unit)s.",
                own=product.uom_id.name,
                unit=unit.name,
            )
        elif self._kubernetes_quantity() != self.kubernetes_units:
            sentence = self.env._("It is sold as a whole, and not in parts.")
        elif self._kubernetes_chosen() != self._kubernetes_own_values():
            sentence = self.env._(
                "Attribute values were chosen that it does not have, or that exclude"
                " one another: %s.",
                ", ".join(self._kubernetes_chosen().mapped("display_name")),
            )
        else:
            return []
        return [(sentence, product)]

    def _kubernetes_chosen(self):
        return (
            self.product_id.product_template_attribute_value_ids
            | self.product_no_variant_attribute_value_ids
        )

    def _kubernetes_own_values(self):
        return self._kubernetes_values_of(self.product_id, self._kubernetes_chosen())

    @api.model
    def _kubernetes_values_of(self, product, chosen):
        """Of the chosen attribute values those that the product offers, one of each
        attribute but where several may be had."""
        own = chosen.filtered(
            lambda value: value.product_tmpl_id == product.product_tmpl_id
        )
        for line, values in own.grouped("attribute_line_id").items():
            if line.attribute_id.display_type != "multi":
                own -= values[1:]
        return own

    def _kubernetes_attribute_values(self):
        """The attribute values the line is sold with: those that make the variant,
        those that do not, and the only one of an attribute without a choice."""
        self.ensure_one()
        chosen = self._kubernetes_own_values()
        single = self.product_id.valid_product_template_attribute_line_ids.filtered(
            lambda line: (
                len(line.value_ids) == 1
                and line.attribute_id.display_type != "multi"
                and line not in chosen.attribute_line_id
            )
        )
        return chosen.product_attribute_value_id | single.value_ids

    def _kubernetes_hold_any_name(self, unit):
        """The unit's reservation with its hostnames held, and a remark for operators.

        A paid unit always gets a name: without one, or where the customer's has gone to
        somebody else, it is made from the order's. The remark is empty when all is as
        the customer wanted it.
        """
        self.ensure_one()
        reservation = self._kubernetes_reservation(unit)
        if reservation:
            try:
                reservation._hold()
                return reservation, ""
            except ValidationError as error:
                remark = self.env._(
                    "The customer wanted the name “%(name)s”: %(reason)s",
                    name=reservation.name,
                    reason=error.args[0],
                )
        else:
            remark = self.env._("The order was confirmed without a name for this app.")
            reservation = self.env["kubernetes.app.reservation"]
        for name in self._kubernetes_generated_names():
            if not self._kubernetes_is_valid_name(name):
                continue
            try:
                with self.env.cr.savepoint():
                    if reservation:
                        reservation.name = name
                    else:
                        reservation = reservation.create(
                            {"sale_order_line_id": self.id, "unit": unit, "name": name}
                        )
                    reservation._hold()
            except ValidationError:
                reservation = self._kubernetes_reservation(unit)
                continue
            remark += " " + self.env._(
                "It runs as “%s”. Ask the customer whether that will do.", name
            )
            return reservation, remark
        raise ValidationError(self.env._("No free name was found."))

    def _kubernetes_generated_names(self):
        """Names made from the order's: s00042, s00042-2 …, in the end random ones."""
        base = re.sub(r"[^a-z0-9]+", "-", (self.order_id.name or "").lower())
        base = base.strip("-")[: NAME_LENGTH - 4].strip("-")
        if len(base) < 3:
            base = f"app-{self.order_id.id}"
        yield base
        yield from (f"{base}-{number}" for number in range(2, 100))
        yield from (f"app-{secrets.token_hex(6)}" for _attempt in range(10))

    def _kubernetes_subscriptions(self):
        """Every subscription opened for the line, the latest first."""
        lines = self.env["sale.subscription.line"].search(
            [("sale_order_line_id", "in", self.ids)], order="id desc"
        )
        return lines.sale_subscription_id

    def _kubernetes_subscription(self):
        """The subscription that pays for the line's apps: an open one, if any."""
        subscriptions = self._kubernetes_subscriptions()
        return (
            subscriptions.filtered(lambda sub: sub.stage_type != "post")[:1]
            or (subscriptions[:1])
        )

    def get_subscription_line_values(self):
        return {**super().get_subscription_line_values(), "sale_order_line_id": self.id}
