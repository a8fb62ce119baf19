# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re

from odoo import api, models
from odoo.exceptions import ValidationError

from .kubernetes_values import GIVEN_VARIABLES

# What customers can be asked for. Of lists and mappings no form asks.
FORM_TYPES = ("string", "text", "integer", "number", "boolean", "quantity")
# How long what a customer types may be.
LONGEST = {"text": 10000}
LONGEST_LINE = 1000
# How numbers and amounts are written.
WRITTEN = {
    "integer": re.compile(r"[+-]?[0-9]{1,18}"),
    "number": re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?"),
    "quantity": re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?(m|[kMGTPE]|[KMGTPE]i)?"),
}
# Manifests are templates, and values are, too: a customer's is text and nothing else.
TEMPLATE = re.compile(r"\{[{%#]")
# What no text field sends, nor YAML and the database take.
CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]"
)
BOOLEANS = {"true": "true", "yes": "true", "false": "false", "no": "false"}


class KubernetesPackageForm(models.AbstractModel):
    """The variables of a package that customers set: what a form asks for, and what may
    be given. Part of ``kubernetes.package.version``.

    A ``variable`` is the contract's; a ``line`` is ``{"type", "value"}`` as a config
    map's line has them, or None.
    """

    _name = "kubernetes.package.form"
    _description = "Variables of a Package that Customers Set"

    def _asked_when_buying(self):
        """What the customer is asked for at the checkout, also of what can be set
        later where nothing runs without it."""
        return [
            variable
            for variable in self._asked_of_customers()
            if variable["set_by"] == "checkout" or variable["required"]
        ]

    def _asked_later(self):
        """What the customer may set of an app that is there."""
        return [
            variable
            for variable in self._asked_of_customers()
            if variable["set_by"] == "customer"
        ]

    def _asked_of_customers(self):
        content = self.sudo().content if self else None
        return [
            variable
            for variable in (content or {}).get("variables", ())
            if variable["set_by"] in ("checkout", "customer")
            and variable["type"] in FORM_TYPES
            and variable["name"] not in GIVEN_VARIABLES
        ]

    @api.model
    def _form_field(self, variable, line, is_set=False, typed=None, problem=""):
        """One field of a form, as the template ``customer_field`` needs it: with what
        was ``typed``, or else what ``line`` says. A secret is never shown; ``is_set``
        says whether it has a value."""
        shown = self._shown(variable, line) if typed is None else typed
        options = [(choice["value"], choice["value"]) for choice in variable["choices"]]
        if not options and variable["type"] == "boolean":
            yes, no = self.env._("Yes"), self.env._("No")
            options = [("true", yes), ("false", no)]
        return {
            "name": variable["name"],
            "title": variable["title"],
            "help": variable["help"],
            "type": variable["type"],
            "secret": variable["secret"],
            "required": variable["required"],
            "longest": LONGEST.get(variable["type"], LONGEST_LINE),
            "options": [] if variable["secret"] else options,
            "value": "" if variable["secret"] else shown,
            "is_set": is_set,
            "problem": problem,
        }

    @api.model
    def _shown(self, variable, line):
        """The value as the form has it. Of a template or what is encrypted, which
        operators write, it has nothing: left so, it stays."""
        text = (line or {}).get("value") or ""
        is_tagged = line and line["type"] == "yaml" and text.lstrip().startswith("!")
        if TEMPLATE.search(text) or is_tagged:
            return ""
        if variable["type"] == "boolean":
            return BOOLEANS.get(text.strip().lower(), "")
        return text

    @api.model
    def _read_given(self, variable, text):
        """What a customer has typed for a variable, as a line. Raises a ValidationError
        in a customer's words where it is none of its choices, or not of its type."""
        kind, title = variable["type"], variable["title"]
        text = text.replace("\r\n", "\n")
        if not variable["secret"] and kind != "text":
            text = text.strip()
        if variable["choices"]:
            for choice in variable["choices"]:
                if choice["value"] == text:
                    return dict(choice)
            raise ValidationError(
                self.env._("%s: please choose one of the values of the list.", title)
            )
        if len(text) > LONGEST.get(kind, LONGEST_LINE):
            raise ValidationError(
                self.env._(
                    "%(title)s: please write %(number)s characters at most.",
                    title=title,
                    number=LONGEST.get(kind, LONGEST_LINE),
                )
            )
        if TEMPLATE.search(text):
            raise ValidationError(
                self.env._(
                    "%s: please write it without {{, {%% and {#: these have a meaning"
                    " of their own for us.",
                    title,
                )
            )
        if CONTROL.search(text):
            raise ValidationError(
                self.env._("%s: please write it without control characters.", title)
            )
        if kind != "text" and "\n" in text:
            raise ValidationError(self.env._("%s: please write one line.", title))
        if kind in ("string", "text"):
            return {"type": "string", "value": text}
        return self._read_written(kind, title, text)

    @api.model
    def _read_written(self, kind, title, text):
        """A number, an amount, or yes and no."""
        if kind == "boolean":
            if text in ("true", "false"):
                return {"type": "yaml", "value": text}
            raise ValidationError(self.env._("%s: please choose yes or no.", title))
        if WRITTEN[kind].fullmatch(text):
            if kind == "quantity":
                return {"type": "string", "value": text}
            # As YAML reads it: 010 is not eight.
            whole, point, fraction = text.lstrip("+-").partition(".")
            sign = "-" if text.startswith("-") else ""
            return {"type": "yaml", "value": f"{sign}{int(whole)}{point}{fraction}"}
        words = {
            "integer": self.env._("%s: please write a whole number, such as 5.", title),
            "number": self.env._("%s: please write a number, such as 5 or 2.5.", title),
            "quantity": self.env._(
                "%s: please write an amount with its unit, such as 500m or 2Gi.", title
            ),
        }
        raise ValidationError(words[kind])

    @api.model
    def _please_fill_in(self, variable):
        return self.env._("%s: please fill this in.", variable["title"])
