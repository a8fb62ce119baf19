# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..models.kubernetes_limits import LIMITS


class KubernetesPackageInstall(models.TransientModel):
    """Installs apps of a package that nobody has bought: one in each environment."""

    _name = "kubernetes.package.install"
    _description = "Install a Package"
    _inherit = ["kubernetes.record"]
    _check_company_auto = True

    version_id = fields.Many2one(
        "kubernetes.package.version", required=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", compute="_compute_company_id")
    needs_text = fields.Text(related="version_id.needs_text", related_sudo=False)
    name = fields.Char(
        string="App's Name",
        help="3 to 30 lower-case letters, digits and hyphens. It becomes part of the"
        " app's address and cannot change.",
    )
    cluster_id = fields.Many2one(
        "kubernetes.cluster", check_company=True, ondelete="cascade"
    )
    cluster_ids = fields.Many2many(
        related="version_id.cluster_ids", related_sudo=False, string="Clusters"
    )
    environment_ids = fields.Many2many("kubernetes.environment", string="Environments")
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        check_company=True,
        help="The customer's contacts see the app in their portal. Empty: it is yours.",
    )
    line_ids = fields.One2many(
        "kubernetes.package.install.line", "install_id", string="Values That It Needs"
    )

    @api.depends("version_id")
    @api.depends_context("company")
    def _compute_company_id(self):
        for wizard in self:
            wizard.company_id = wizard.version_id._owner()

    @api.model
    def _of(self, version):
        """A new one for this version, filled in as far as it is known."""
        production = version._environments()[:1]
        clusters = version._places()
        if not clusters:
            raise UserError(version._no_place_text())
        return self.create(
            {
                "version_id": version.id,
                "cluster_id": clusters.id if len(clusters) == 1 else False,
                "environment_ids": [Command.set(production.ids)],
                "line_ids": [
                    Command.create(
                        {
                            "key": item["name"],
                            "title": item["title"],
                            "help": item["help"],
                            "type": "string"
                            if item["type"] in ("string", "text", "quantity")
                            else "yaml",
                            "is_secret": item["secret"],
                        }
                    )
                    for item in version._required()
                ],
            }
        )

    def action_install(self):
        """Make the apps and deploy them."""
        self.ensure_one()
        version = self.version_id
        version.package_id._installable()
        self._check_complete()
        self.cluster_id._check_open()
        version._check_fits(self.cluster_id)
        apps = self.env["kubernetes.app"]
        for environment in self.environment_ids.sorted(
            lambda environment: not environment.is_production
        ):
            apps |= self._create_app(environment)
        apps._made_of(version)
        apps._enqueue_all("deploy")
        # What was typed as a secret is not to stay here.
        self.line_ids.unlink()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "kubernetes_hosting.kubernetes_app_action"
        )
        action["domain"] = [("id", "in", apps.ids)]
        action["context"] = {}
        if len(apps) == 1:
            action.update(views=[(False, "form")], view_mode="form", res_id=apps.id)
        return action

    def _check_complete(self):
        missing = [
            label
            for label, value in (
                (self.env._("a name"), self.name),
                (self.env._("a cluster"), self.cluster_id),
                (self.env._("an environment"), self.environment_ids),
                *((line.title, line._entered()) for line in self.line_ids),
            )
            if not value
        ]
        if missing:
            raise UserError(
                self.env._("Please give what is missing: %s.", ", ".join(missing))
            )

    def _create_app(self, environment):
        """The app in one environment, with values of its own."""
        version = self.version_id
        config_map, secret = version._create_values(self.name, is_template=False)
        for line in self.line_ids:
            values = secret if line.is_secret else config_map
            mine = values.line_ids.filtered(lambda one, key=line.key: one.key == key)
            mine.write({"type": line.type, "value": line._entered()})
        usual = self.env["kubernetes.app"].sudo().default_get(list(LIMITS))
        reset = version._manifests("reset")
        app = self.env["kubernetes.app"].create(
            {
                "name": (self.name or "").strip(),
                "environment_id": environment.id,
                "cluster_id": self.cluster_id.id,
                "partner_id": self.partner_id.id,
                "company_id": self.company_id.id,
                "config_map_id": config_map.id,
                "secret_id": secret.id,
                "reset_mode": "manifests" if reset else "empty",
                "manifest_line_ids": self._lines(version._manifests("deploy")),
                "reset_manifest_line_ids": self._lines(reset, purpose="reset"),
                **version._limits(usual),
            }
        )
        for values in (config_map, secret):
            values.name = app.display_name
        return app

    @api.model
    def _lines(self, manifests, **values):
        return [
            Command.create(
                {"sequence": 10 * number, "manifest_id": manifest.id, **values}
            )
            for number, manifest in enumerate(manifests, 1)
        ]


class KubernetesPackageInstallLine(models.TransientModel):
    """A value without which the package cannot be deployed."""

    _name = "kubernetes.package.install.line"
    _description = "Value of a Package to Install"
    _inherit = ["kubernetes.record"]
    _rec_name = "title"

    install_id = fields.Many2one(
        "kubernetes.package.install", required=True, ondelete="cascade"
    )
    key = fields.Char(required=True)
    title = fields.Char(required=True)
    help = fields.Char()
    type = fields.Selection(
        [("string", "Text"), ("yaml", "YAML")], required=True, default="string"
    )
    is_secret = fields.Boolean()
    value = fields.Char()
    secret_value = fields.Char(string="Secret")

    def _entered(self):
        self.ensure_one()
        return (self.secret_value if self.is_secret else self.value) or ""
