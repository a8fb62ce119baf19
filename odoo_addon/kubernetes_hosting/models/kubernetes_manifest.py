# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class KubernetesManifest(models.Model):
    """A YAML template by its URL. Odoo never opens it: the worker fetches it."""

    _name = "kubernetes.manifest"
    _description = "Kubernetes Manifest"
    _inherit = ["kubernetes.live", "mail.thread"]
    _order = "name, id"

    name = fields.Char(string="Title", required=True, tracking=True)
    url = fields.Char(
        string="URL",
        required=True,
        tracking=True,
        help="Where the worker fetches the template, by http or https.",
    )
    note = fields.Text()
    company_id = fields.Many2one("res.company")
    active = fields.Boolean(default=True)
    content = fields.Text(
        string="Last Content",
        readonly=True,
        copy=False,
        prefetch=False,
        help="The template as a worker last fetched it.",
    )
    digest = fields.Char(readonly=True, copy=False)
    variables = fields.Json(readonly=True, copy=False)
    variable_names = fields.Char(
        string="Variables Used", compute="_compute_variable_names"
    )
    fetched_at = fields.Datetime(
        string="Content Since",
        readonly=True,
        copy=False,
        help="When a worker first saw this content.",
    )
    app_manifest_ids = fields.One2many("kubernetes.app.manifest", "manifest_id")
    app_count = fields.Integer(compute="_compute_app_count")

    @api.depends("variables")
    def _compute_variable_names(self):
        for manifest in self:
            manifest.variable_names = ", ".join(manifest.variables or [])

    @api.depends("app_manifest_ids.app_id")
    def _compute_app_count(self):
        counts = dict(
            self.env["kubernetes.app.manifest"]._read_group(
                [("manifest_id", "in", self.ids), ("app_id.active", "=", True)],
                ["manifest_id"],
                ["app_id:count_distinct"],
            )
        )
        for manifest in self:
            manifest.app_count = counts.get(manifest, 0)

    @api.constrains("url")
    def _check_url(self):
        for manifest in self:
            try:
                url = urlsplit(manifest.url or "")
                usable = url.scheme in ("http", "https") and url.hostname
                credentials = url.username or url.password
            except ValueError:
                usable = credentials = None
            if not usable:
                raise ValidationError(
                    self.env._(
                        "“%s” is not a URL a worker can fetch: it begins with http://"
                        " or https:// and names a host.",
                        manifest.url,
                    )
                )
            if credentials:
                raise ValidationError(
                    self.env._(
                        "Do not put a password into a manifest's URL: every user could"
                        " read it. Serve the manifest where only the worker gets in."
                    )
                )

    def _remember(self, digest, content, variables):
        """Keep what a worker fetched, where it differs from what is known."""
        self.ensure_one()
        if self.digest != digest:
            self.write(
                {
                    "digest": digest,
                    "content": content,
                    "variables": variables,
                    "fetched_at": fields.Datetime.now(),
                }
            )

    def _contract_values(self):
        """The manifests as the contract's claim answer has them, in this order."""
        return [
            {"id": manifest.id, "title": manifest.name, "url": manifest.url}
            for manifest in self
        ]

    def action_view_apps(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "kubernetes_hosting.kubernetes_app_action"
        )
        action["domain"] = [("manifest_line_ids.manifest_id", "=", self.id)]
        return action
