# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import ValidationError

# A worker asks every few seconds: where none did for so long, none is there.
WORKER_THERE = timedelta(minutes=1)
# What is known of a URL's content; a new URL knows nothing of it.
SEEN_FIELDS = (
    "content",
    "digest",
    "variables",
    "fetched_at",
    "preview",
    "previewed_at",
    "problem_count",
)


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
    fetched_at = fields.Datetime(
        string="Content Since",
        readonly=True,
        copy=False,
        help="When a worker first saw this content.",
    )
    preview = fields.Json(
        readonly=True,
        copy=False,
        prefetch=False,
        help="What a worker found at the last preview, without the content.",
    )
    previewed_at = fields.Datetime(
        string="Last Preview",
        readonly=True,
        copy=False,
        help="When a worker last fetched it for a preview.",
    )
    problem_count = fields.Integer(
        string="Problems",
        readonly=True,
        copy=False,
        help="How many problems the last preview found.",
    )
    preview_config_map_id = fields.Many2one(
        "kubernetes.config.map",
        string="Preview with ConfigMap",
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="Whose values the preview is rendered with.",
    )
    preview_secret_id = fields.Many2one(
        "kubernetes.secret",
        string="Preview with Secret",
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="Whose values the preview is rendered with; they are never shown.",
    )
    app_manifest_ids = fields.One2many("kubernetes.app.manifest", "manifest_id")
    app_count = fields.Integer(compute="_compute_app_count")

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
            problem = self._url_problem(manifest.url)
            if problem:
                raise ValidationError(problem)

    @api.model
    def _url_problem(self, text):
        """Why no worker can fetch this URL, or None."""
        try:
            url = urlsplit(text or "")
            usable = url.scheme in ("http", "https") and url.hostname
            credentials = url.username or url.password
        except ValueError:
            usable = credentials = None
        if not usable:
            return self.env._(
                "“%s” is not a URL a worker can fetch: it begins with http://"
                " or https:// and names a host.",
                text,
            )
        if credentials:
            return self.env._(
                "Do not put a password into a manifest's URL: every user could"
                " read it. Serve the manifest where only the worker gets in."
            )
        return None

    def write(self, vals):
        self.check_access("write")
        moved = self.filtered(lambda m: "url" in vals and m.url != vals["url"])
        result = super().write(vals)
        if moved:
            super(KubernetesManifest, moved._as_system()).write(
                dict.fromkeys(SEEN_FIELDS, False)
            )
        return result

    # -- preview -----------------------------------------------------------------

    @api.model
    def request_preview(
        self, url, title, manifest_id=False, config_map_id=False, secret_id=False
    ):
        """Ask a worker for a preview of a URL, saved or not.

        Returns ``{"state": …}``: ``refused`` with a message, ``no_worker``, or
        ``waiting`` with the ``job_id`` for ``preview_result``.
        """
        manifest = self.browse(manifest_id or [])
        config_map = self.env["kubernetes.config.map"].browse(config_map_id or [])
        secret = self.env["kubernetes.secret"].browse(secret_id or [])
        jobs = self.env["kubernetes.job"]
        company = jobs._preview_company(manifest, config_map, secret)
        problem = self._url_problem(url)
        if problem:
            return {"state": "refused", "message": problem}
        if not self._is_worker_there(company):
            return {"state": "no_worker"}
        job = jobs._enqueue_preview(title, url, manifest, config_map, secret)
        return {"state": "waiting", "job_id": job.id}

    @api.model
    def preview_result(self, job_id):
        """What came of a preview: ``{"state": …}`` with ``waiting``, ``no_worker``
        (nobody takes it), ``failed`` with a message, or ``done`` with the contract's
        ``preview`` and when it was made."""
        job = self.env["kubernetes.job"].search(
            [("id", "=", job_id), ("kind", "=", "preview")]
        )
        if job.state in ("pending", "running"):
            there = self._is_worker_there(job.company_id)
            return {"state": "waiting" if there else "no_worker"}
        preview = (job.result or {}).get("preview")
        if job.state == "done" and preview:
            return {
                "state": "done",
                "preview": preview,
                "previewed_at": job.finished_at,
            }
        return {
            "state": "failed",
            "message": job._error_text()
            if job.error_message
            else self.env._("The preview was cancelled. Ask for it again."),
        }

    def stored_preview(self, url):
        """What is known of a saved manifest without asking a worker; of another URL
        than the saved one, nothing."""
        self.ensure_one()
        if url != self.url or not (self.digest or self.preview):
            return {"state": "none"}
        found = self.preview or {
            "variables": self.variables or [],
            "missing": [],
            "objects": [],
            "problems": [],
            "warnings": [],
        }
        return {
            "state": "done",
            "preview": {
                **found,
                "digest": self.digest or "",
                "content": self.content or "",
            },
            "previewed_at": self.previewed_at or self.fetched_at,
        }

    @api.model
    def _is_worker_there(self, company):
        """Whether a worker that may have previews of this company was seen lately."""
        since = fields.Datetime.now() - WORKER_THERE
        workers = self.env["kubernetes.worker"].sudo()
        return bool(
            workers.search_count(
                [
                    ("last_seen", ">=", since),
                    ("cluster_ids.company_id", "in", [*company.ids, False]),
                ],
                limit=1,
            )
        )

    def _after_preview(self, job, result):
        """A preview of this record is there. Where the URL changed meanwhile, it says
        nothing of the record."""
        self.ensure_one()
        preview = (result or {}).get("preview")
        if not preview or job.options["url"] != self.url:
            return
        if preview["digest"]:
            self._remember(preview["digest"], preview["content"], preview["variables"])
        # All users read the record: what was made with a secret is for whoever asked.
        kept = {} if job.options["secret_id"] else preview
        self.write(
            {
                "preview": {
                    name: value
                    for name, value in kept.items()
                    if name not in ("content", "digest")
                },
                "previewed_at": fields.Datetime.now(),
                "problem_count": len(preview["problems"]),
            }
        )
        self._changed()

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
