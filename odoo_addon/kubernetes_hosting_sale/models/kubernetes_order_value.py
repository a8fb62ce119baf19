# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class KubernetesOrderValue(models.Model):
    """What a customer has given for a variable of the package when buying, for one unit
    of an order line.

    It is text as it was typed, and read again whenever it is used: a package may allow
    other values by then. The unit's apps get it; a secret is forgotten here once they
    have it.
    """

    _name = "kubernetes.order.value"
    _description = "Value Given When Buying"
    _inherit = ["kubernetes.record"]
    _rec_name = "key"
    _order = "sale_order_line_id, unit, id"

    sale_order_line_id = fields.Many2one(
        "sale.order.line",
        string="Order Line",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    unit = fields.Integer(
        required=True,
        readonly=True,
        help="Which unit of the order line: 1 is the first.",
    )
    key = fields.Char(required=True, readonly=True)
    value = fields.Text(readonly=True)
    is_secret = fields.Boolean(readonly=True)
    secret_value = fields.Char(
        readonly=True,
        copy=False,
        exportable=False,
        prefetch=False,
        groups=fields.NO_ACCESS,
    )
    order_id = fields.Many2one(
        related="sale_order_line_id.order_id",
        store=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="order_id.company_id", store=True, index=True)

    _key_uniq = models.UniqueIndex(
        "(sale_order_line_id, unit, key)",
        "This unit of the order line has a value for this already.",
    )

    def _typed(self):
        """The text that the customer has typed; for sudo."""
        self.ensure_one()
        return (self.secret_value if self.is_secret else self.value) or ""

    @api.autovacuum
    def _gc_secrets(self):
        """Secrets for what nobody has bought in the end are forgotten."""
        now = fields.Datetime.now()
        kept = self.search(
            [
                ("is_secret", "=", True),
                ("order_id.state", "in", ("draft", "sent", "cancel")),
            ]
        )
        orders = kept.order_id.filtered(
            lambda order: order._kubernetes_is_abandoned(now)
        )
        kept.filtered(lambda value: value.order_id in orders).unlink()


class SaleOrderLine(models.Model):
    """What the customer is asked for each unit beside its name, and what they gave."""

    _inherit = "sale.order.line"

    kubernetes_value_ids = fields.One2many(
        "kubernetes.order.value",
        "sale_order_line_id",
        string="Values Given",
        copy=False,
    )
    kubernetes_values_given = fields.Char(
        string="Values of Apps",
        compute="_compute_kubernetes_values_given",
        compute_sudo=True,
        help="What the customer has given when buying. Secrets are not shown.",
    )

    @api.depends(
        "kubernetes_value_ids.key",
        "kubernetes_value_ids.value",
        "kubernetes_value_ids.unit",
    )
    def _compute_kubernetes_values_given(self):
        for line in self:
            several = line.kubernetes_units > 1
            line.kubernetes_values_given = ", ".join(
                (f"{value.unit}: " if several else "")
                + f"{value.key} = "
                + ("…" if value.is_secret else value.value or "")
                for value in line.kubernetes_value_ids.sorted()
            )

    def _kubernetes_bought_keys(self):
        """The variables that the chosen attribute values set: they are paid for, and
        nobody changes them by typing."""
        variables = self._kubernetes_attribute_values().sudo().kubernetes_value_ids
        return set(variables._of_company(self.order_id.company_id).mapped("key"))

    def _kubernetes_asked(self):
        """The variables that the customer is asked for, as the contract has them."""
        self.ensure_one()
        version = self.product_id.product_tmpl_id.sudo().package_version_id
        asked = version._asked_when_buying() if version else []
        bought = self._kubernetes_bought_keys() if asked else ()
        return [variable for variable in asked if variable["name"] not in bought]

    def _kubernetes_value(self, unit, name):
        """What is kept for a unit, perhaps nothing."""
        return self.sudo().kubernetes_value_ids.filtered(
            lambda value: value.unit == unit and value.key == name
        )

    def _kubernetes_product_line(self, variable):
        """The line of the product's values that holds a variable; for sudo."""
        template = self.product_id.product_tmpl_id.sudo()
        values = (
            template.kubernetes_secret_id
            if variable["secret"]
            else template.kubernetes_config_map_id
        )
        return values.line_ids.filtered(lambda line: line.key == variable["name"])

    def _kubernetes_has_default(self, variable):
        line = self._kubernetes_product_line(variable)
        if variable["secret"]:
            return bool(line.is_set or line.generate)
        return bool(line.value)

    def _kubernetes_form(self, unit, typed=None, problems=None):
        """The fields of a unit's form, with what was ``typed`` and refused, or else
        with what is kept, or the product has."""
        self.ensure_one()
        typed, problems = typed or {}, problems or {}
        version = self.product_id.product_tmpl_id.sudo().package_version_id
        fields_of_form = []
        for variable in self._kubernetes_asked():
            name = variable["name"]
            kept = self._kubernetes_value(unit, name)
            line = self._kubernetes_product_line(variable)
            shown = kept._typed() if kept and not variable["secret"] else None
            fields_of_form.append(
                version._form_field(
                    variable,
                    None if variable["secret"] or not line else line._contract_values(),
                    is_set=bool(kept),
                    typed=typed.get(name, shown),
                    problem=problems.get(name, ""),
                )
            )
        return fields_of_form

    def _kubernetes_give(self, unit, typed):
        """Keep what the customer has typed for variables of a unit, ``{name: text}``;
        returns ``{name: sentence}`` for what cannot be, and what was kept before stays.
        Raises a ValidationError in a customer's words for what they are not asked for:
        then nothing of it is kept."""
        self.ensure_one()
        asked = {variable["name"]: variable for variable in self._kubernetes_asked()}
        unknown = [name for name in typed if name not in asked]
        if unknown:
            raise ValidationError(
                self.env._(
                    "This cannot be set here: %s. Please look at the form again, and"
                    " send it once more.",
                    ", ".join(unknown),
                )
            )
        version = self.product_id.product_tmpl_id.sudo().package_version_id
        problems = {}
        for name in filter(typed.__contains__, asked):
            variable, text = asked[name], typed[name]
            try:
                if text.strip():
                    version._read_given(variable, text)
            except ValidationError as error:
                problems[name] = error.args[0]
                continue
            self._kubernetes_keep(unit, variable, text)
        return {**self._kubernetes_value_problems(unit), **problems}

    def _kubernetes_keep(self, unit, variable, text):
        """Keep a text that may be; in the place of none the product's own value is
        meant, and of a secret what is kept already."""
        kept = self._kubernetes_value(unit, variable["name"])
        if not text.strip():
            if not variable["secret"]:
                kept.unlink()
            return
        member = "secret_value" if variable["secret"] else "value"
        if kept and kept._typed() == text:
            return
        if kept:
            kept.write({member: text})
            return
        kept.create(
            {
                "sale_order_line_id": self.id,
                "unit": unit,
                "key": variable["name"],
                "is_secret": variable["secret"],
                member: text,
            }
        )

    def _kubernetes_value_problems(self, unit):
        """What a unit lacks, or may no longer have: ``{name: sentence}``."""
        self.ensure_one()
        version = self.product_id.product_tmpl_id.sudo().package_version_id
        problems = {}
        for variable in self._kubernetes_asked():
            kept = self._kubernetes_value(unit, variable["name"])
            if kept:
                try:
                    version._read_given(variable, kept._typed())
                except ValidationError as error:
                    problems[variable["name"]] = error.args[0]
            elif variable["required"] and not self._kubernetes_has_default(variable):
                problems[variable["name"]] = version._please_fill_in(variable)
        return problems

    def _kubernetes_given(self, unit):
        """What a unit's apps get, ``{name: type and value}``: what may not be any more
        is left out."""
        self.ensure_one()
        version = self.product_id.product_tmpl_id.sudo().package_version_id
        wrong = self._kubernetes_value_problems(unit)
        given = {}
        for variable in self._kubernetes_asked():
            kept = self._kubernetes_value(unit, variable["name"])
            if kept and variable["name"] not in wrong:
                given[variable["name"]] = version._read_given(variable, kept._typed())
        return given
