# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command

from .kubernetes_limits import USER


class KubernetesApp(models.Model):
    """What customers set of their apps: the variables that the package lets them."""

    # pylint: disable-next=consider-merging-classes-inherited
    _inherit = "kubernetes.app"

    apply_allowed = fields.Boolean(
        string="Customer Applies Changes",
        groups=USER,
        help="What the customer has set in the portal, they apply there, too. Not while"
        " something else of the app is changed and not applied.",
    )

    def _customer_variables(self):
        """The variables that the customer may set, as the contract has them; for
        sudo."""
        self.ensure_one()
        version = self.package_version_id
        return version._asked_later() if version else []

    def _given_line(self, variable):
        """The line of the app's values that holds a variable; for sudo."""
        self.ensure_one()
        values = self.secret_id if variable["secret"] else self.config_map_id
        return values.line_ids.filtered(lambda line: line.key == variable["name"])

    def _set_given(self, variables, given):
        """Put what a customer gave, ``{name: type and value}``, into the app's own
        values; for sudo."""
        self.ensure_one()
        for variable in variables:
            name = variable["name"]
            if name not in given:
                continue
            vals = dict(given[name])
            if variable["secret"]:
                vals["generate"] = False
            line = self._given_line(variable)
            if line:
                line.write(vals)
                continue
            values = self.secret_id if variable["secret"] else self.config_map_id
            last = max(values.line_ids.mapped("sequence"), default=0)
            values.line_ids = [
                Command.create({"key": name, "sequence": last + 1} | vals)
            ]

    # -- the customer ------------------------------------------------------------

    def _customer_settings(self, typed=None, problems=None):
        """The form of the customer's page, with what was ``typed`` and refused; None
        where there is nothing to set."""
        self.ensure_one()
        app = self.sudo()
        variables = app._customer_variables()
        if not variables or app.wanted_state == "deleted":
            return None
        typed, problems = typed or {}, problems or {}
        version = app.package_version_id
        settings = []
        for variable in variables:
            name, line = variable["name"], app._given_line(variable)
            secret = variable["secret"]
            settings.append(
                version._form_field(
                    variable,
                    None if secret or not line else line._contract_values(),
                    is_set=bool(secret and (line.is_set or line.generate)),
                    typed=typed.get(name),
                    problem=problems.get(name, ""),
                )
            )
        return settings

    def _customer_set(self, typed):
        """Set variables as the customer, whose own rights decide whose app it is:
        ``{name: text}``. All or none: returns ``{name: sentence}`` for those that
        cannot be. Raises a UserError in a customer's words for what is not theirs to
        set."""
        self.ensure_one()
        self.check_access("write" if self.env.user._is_internal() else "read")
        app = self.sudo()
        settings = {field["name"]: field for field in app._customer_settings() or ()}
        unknown = [name for name in typed if name not in settings]
        if unknown:
            raise UserError(
                self.env._(
                    "This cannot be set here: %s. Perhaps your app has changed"
                    " meanwhile: open its page again.",
                    ", ".join(unknown),
                )
            )
        variables = app._customer_variables()
        given, problems = {}, {}
        for variable in variables:
            name = variable["name"]
            text = typed.get(name, "").replace("\r\n", "\n")
            # What is left as it was shown stays, also what is not shown.
            if name not in typed or text == settings[name]["value"]:
                continue
            try:
                given[name] = app._read_setting(variable, text)
            except ValidationError as error:
                problems[name] = error.args[0]
        if not problems:
            app._set_given(variables, given)
        return problems

    def _read_setting(self, variable, text):
        """What was typed, or in the place of nothing the package's own value."""
        version = self.package_version_id
        if text.strip():
            return version._read_given(variable, text)
        for line in version._config_map_lines(True):
            if line["key"] == variable["name"] and not variable["required"]:
                return {"type": line["type"], "value": line["value"]}
        raise ValidationError(version._please_fill_in(variable))

    def _customer_changes(self):
        """What the customer may have set and is not in the cluster yet; for sudo."""
        self.ensure_one()
        names = {variable["name"] for variable in self._customer_variables()}
        return self.change_ids.filtered(
            lambda change: change.source in ("config_map", "secret")
            and change.name in names
        )

    def _is_allowed_to_customer(self, kind):
        if kind != "deploy":
            return super()._is_allowed_to_customer(kind)
        mine = self._customer_changes()
        # What others have changed, they apply.
        others = (self.change_ids - mine).filtered(lambda change: not change.job_id)
        return bool(self.apply_allowed and mine and not others)

    def _customer_changed(self):
        """What the page says of settings that are not applied yet, and whether the
        customer may do so; None where all are."""
        self.ensure_one()
        app = self.sudo()
        if not app.change_ids or app.wanted_state == "deleted":
            return None
        changes = app._customer_changes()
        if not changes:
            return None
        under_way = app._jobs(
            [("kind", "=", "deploy"), ("state", "in", ("pending", "running"))]
        )
        if "pending" in under_way.mapped("state") or changes.job_id & under_way:
            return {"text": self.env._("What was set is being applied."), "can": False}
        text = self.env._("Settings are changed and not applied yet.")
        can = self._customer_can("deploy")
        if can:
            text += " " + self.env._(
                "While they are, your app may not answer for about a minute."
            )
        elif app.apply_allowed and app.wanted_state == "running":
            text += " " + self.env._(
                "You can apply them once nothing else of your app is under way."
            )
        else:
            text += " " + self.env._("Our team sees it and applies them.")
        return {"text": text, "can": can}
