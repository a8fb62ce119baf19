# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError


class KubernetesEnvironment(models.Model):
    """What an app is for: production, integration, test, development.

    The code ends up in namespaces and labels, so it never changes once apps use it.
    The hostname pattern is one DNS label with ``{app}`` in the place of the app's name.
    """

    _name = "kubernetes.environment"
    _description = "Kubernetes Environment"
    _inherit = ["kubernetes.record"]
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(
        required=True,
        help="Short name used in namespaces and labels: lower-case letters and digits,"
        " beginning with a letter.",
    )
    hostname_pattern = fields.Char(
        required=True,
        default="{app}",
        help="The first part of an app's address. {app} stands for the app's name:"
        " with {app}-int the app “shop” answers at shop-int.<domain>.",
    )
    sequence = fields.Integer(default=10)
    color = fields.Integer()
    active = fields.Boolean(default=True)
    is_production = fields.Boolean(
        string="Production",
        help="Customers work with the apps of this environment. They are never reset,"
        " and the apps of the other environments may read what is in them when they are"
        " reset.",
    )
    reset_allowed = fields.Boolean(
        compute="_compute_reset_allowed",
        store=True,
        readonly=False,
        help="Apps of this environment can be reset, which loses their data. Never"
        " those of production.",
    )
    restart_allowed = fields.Boolean(
        default=True,
        string="Customers May Restart",
        help="Customers restart apps of this environment in their portal. Nothing that"
        " is saved is lost.",
    )
    app_ids = fields.One2many(
        "kubernetes.app",
        "environment_id",
        groups="kubernetes_hosting.group_kubernetes_user",
    )

    _code_uniq = models.UniqueIndex(
        "(code)", "There is an environment with this code already."
    )

    @api.depends("code")
    def _compute_reset_allowed(self):
        for environment in self:
            environment.reset_allowed = environment.code in ("int", "test", "dev")

    @api.constrains("reset_allowed", "is_production")
    def _check_reset_allowed(self):
        for environment in self:
            if environment.reset_allowed and environment.is_production:
                raise ValidationError(
                    self.env._(
                        "Apps in production are never reset: “%s” is either production,"
                        " or its apps can be reset.",
                        environment.name,
                    )
                )

    @api.constrains("code")
    def _check_code(self):
        for environment in self:
            if not re.fullmatch(r"[a-z][a-z0-9]{0,14}", environment.code or ""):
                raise ValidationError(
                    self.env._(
                        "The code “%s” cannot be used: use 1 to 15 lower-case letters"
                        " and digits, beginning with a letter.",
                        environment.code,
                    )
                )

    @api.constrains("hostname_pattern")
    def _check_hostname_pattern(self):
        for environment in self:
            pattern = environment.hostname_pattern or ""
            # The longest name (30) and 33 more make 63, the limit of a DNS label.
            fits = len(pattern) <= 33 + len("{app}")
            if not fits or not re.fullmatch(
                r"([a-z0-9][a-z0-9-]*)?\{app\}([a-z0-9-]*[a-z0-9])?", pattern
            ):
                raise ValidationError(
                    self.env._(
                        "The hostname pattern “%s” cannot be used: it needs {app} once,"
                        " and around it at most 33 lower-case letters, digits and"
                        " hyphens, with no hyphen at either end.",
                        pattern,
                    )
                )

    def write(self, vals):
        self.check_access("write")
        changes = {"code", "hostname_pattern"} & set(vals)
        for environment in self.sudo():
            # Archived (deleted) apps keep their namespace, labelled with the code.
            apps = environment.with_context(active_test=False).app_ids
            if apps and any(vals[name] != environment[name] for name in changes):
                raise UserError(
                    self.env._(
                        "Apps use the environment “%s”: its code and hostname pattern"
                        " cannot change any more. Create another environment instead.",
                        environment.name,
                    )
                )
            in_use = apps.filtered(lambda app: app.state != "deleted")
            if (
                in_use
                and environment.is_production
                and not vals.get("is_production", True)
            ):
                raise UserError(
                    self.env._(
                        "Apps use the environment “%s”, so it stays production: their"
                        " data could be lost by a reset otherwise. Create another"
                        " environment instead.",
                        environment.name,
                    )
                )
        return super().write(vals)

    def _hostname(self, cluster, name):
        """The hostname of the app ``name`` in this environment on ``cluster``."""
        self.ensure_one()
        return f"{self.hostname_pattern.replace('{app}', name)}.{cluster.domain}"
