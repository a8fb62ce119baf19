# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re
from datetime import timedelta
from difflib import unified_diff
from itertools import pairwise
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..tools.told import worded_problem
from .kubernetes_job import CHANGING_KINDS, MANIFEST_CHANGED

# A worker asks every few seconds: where none did for so long, none is there.
WORKER_THERE = timedelta(minutes=1)
# What is known of a URL's content; a new URL knows nothing of it.
SEEN_FIELDS = (
    "content",
    "files",
    "digest",
    "variables",
    "fetched_at",
    "preview",
    "previewed_at",
    "problem_count",
)
BLOCK = re.compile(r"\{%[-+]?\s*(\w+)([^%]*)|(\{#)|(#\})")
BLOCKS = frozenset(
    "if for macro call filter raw block with autoescape trans set".split()
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# Of more lines than this it is not looked for which of them are the same: a manifest's
# host could make that take for ever.
MOST_LINES = 1000


def text_diff(old, new):
    """How a text has changed, as a unified diff; empty where it has not. Signs that
    nobody sees are spelt out."""
    old, new = old.split("\n"), new.split("\n")
    if max(len(old), len(new)) > MOST_LINES:
        start = end = 0
        most = min(len(old), len(new))
        while start < most and old[start] == new[start]:
            start += 1
        while end < most - start and old[-1 - end] == new[-1 - end]:
            end += 1
        old, new = old[start : len(old) - end], new[start : len(new) - end]
    if max(len(old), len(new)) > MOST_LINES:
        lines = [f"-{line}" for line in old] + [f"+{line}" for line in new]
    else:
        lines = list(unified_diff(old, new, lineterm=""))[2:]
    return "\n".join(map(_visible, lines))


def changes_of(old, new):
    """How texts have changed, each by its name, as the contract has a ``diff``."""
    changes = []
    for name in [*new, *(name for name in old if name not in new)]:
        text = text_diff(old.get(name, ""), new.get(name, ""))
        if name not in old or not old[name] and text:
            action = "create"
        elif name not in new:
            action = "delete"
        else:
            action = "change"
        if text or action != "change":
            changes.append({"object": name, "action": action, "text": text})
    return changes


def _visible(line):
    return "".join(
        sign if sign.isprintable() or sign == "\t" else f"<U+{ord(sign):04X}>"
        for sign in line
    )


class KubernetesManifest(models.Model):
    """A YAML template by its URL. Odoo never opens it: the worker fetches it."""

    _name = "kubernetes.manifest"
    _description = "Kubernetes Manifest"
    _inherit = ["kubernetes.live", "mail.thread"]
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(string="Title", required=True, tracking=True)
    url = fields.Char(
        string="URL",
        required=True,
        tracking=True,
        help="Where the worker fetches the template, by http or https.",
    )
    format = fields.Selection(
        [
            ("jinja", "Jinja Template"),
            ("helm", "Helm Chart"),
            ("kustomize", "Kustomize Folder"),
        ],
        default="jinja",
        required=True,
        tracking=True,
        help="What is at the URL: a YAML template as Ansible has them, a chart as"
        " helm package makes it (.tgz), or an archive (.tar.gz) of a folder with a"
        " kustomization.yaml, whose subfolder stands behind a # in the URL.",
    )
    note = fields.Text()
    company_id = fields.Many2one(
        "res.company",
        copy=False,
        default=lambda self: self.env.company,
        index="btree_not_null",
        help="Empty: every company may use it, and administrators alone change it.",
    )
    active = fields.Boolean(default=True)
    content = fields.Text(
        string="Last Content",
        readonly=True,
        copy=False,
        prefetch=False,
        help="The template as a worker last fetched it.",
    )
    files = fields.Json(
        readonly=True,
        copy=False,
        prefetch=False,
        help="The files that the template names, as a worker last fetched them.",
    )
    digest = fields.Char(
        readonly=True,
        copy=False,
        help="Of the content that a worker last fetched: the template and the files"
        " that it names.",
    )
    pin = fields.Char(
        string="Pinned Digest",
        readonly=True,
        copy=False,
        tracking=True,
        help="Workers use the manifest only with this content. Empty: with whatever"
        " they find.",
    )
    pinned_content = fields.Text(readonly=True, copy=False, prefetch=False)
    pinned_files = fields.Json(readonly=True, copy=False, prefetch=False)
    is_changed = fields.Boolean(
        string="Changed since it was Pinned",
        compute="_compute_is_changed",
        store=True,
    )
    change_html = fields.Html(
        string="What has Changed", compute="_compute_change_html", sanitize=False
    )
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
        check_company=True,
        help="Whose values the preview is rendered with.",
    )
    preview_secret_id = fields.Many2one(
        "kubernetes.secret",
        string="Preview with Secret",
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        check_company=True,
        help="Whose values the preview is rendered with; they are never shown.",
    )
    package_version_id = fields.Many2one(
        "kubernetes.package.version",
        string="Package",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="The version of a package that it is part of.",
    )
    package_path = fields.Char(
        readonly=True, copy=False, help="Where it is in the package."
    )
    content_ids = fields.One2many(
        "kubernetes.manifest.content",
        "manifest_id",
        readonly=True,
        copy=False,
        help="Contents that workers have fetched of it.",
    )
    app_manifest_ids = fields.One2many("kubernetes.app.manifest", "manifest_id")
    app_count = fields.Integer(compute="_compute_app_count")
    is_editable = fields.Boolean(
        compute="_compute_is_editable",
        help="Whether the user may change it: shared manifests are the"
        " administrators'.",
    )

    @api.depends("company_id")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_is_editable(self):
        saved = self._origin
        kept = set(saved._filtered_access("write").ids)
        for manifest in self:
            origin = manifest._origin
            manifest.is_editable = not origin or origin.id in kept

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

    @api.depends("pin", "digest")
    def _compute_is_changed(self):
        for manifest in self:
            pin, digest = manifest.pin, manifest.digest
            manifest.is_changed = bool(pin and digest and pin != digest)

    @api.depends("is_changed", "content", "files", "pinned_content", "pinned_files")
    @api.depends_context("lang")
    def _compute_change_html(self):
        for manifest in self:
            changes = manifest._changes() if manifest.is_changed else []
            manifest.change_html = self.env["kubernetes.job"]._render_diff(changes)

    def _changes(self):
        """What is other than pinned, text by text, as the contract has a ``diff``."""
        return changes_of(
            self._texts(self.pinned_content, self.pinned_files),
            self._texts(self.content, self.files),
        )

    def _kept_content(self, digest):
        """The content with this digest, if it is kept."""
        self.ensure_one()
        return self.sudo().content_ids.filtered(
            lambda content: content.digest == digest
        )

    def _texts(self, content, files):
        """A content of it, each text by its name."""
        self.ensure_one()
        named = {item["name"]: item["content"] for item in files or []}
        return {self.name: content or "", **named}

    @api.constrains("pin")
    def _check_pin(self):
        for manifest in self:
            if manifest.pin and not DIGEST.fullmatch(manifest.pin):
                raise ValidationError(
                    self.env._(
                        "“%s” is not a digest: sha256: and 64 hexadecimal digits.",
                        manifest.pin,
                    )
                )

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
        moved = self.filtered(
            lambda manifest: any(
                name in vals and manifest[name] != vals[name]
                for name in ("url", "format")
            )
        )
        used = self._used_contents()
        result = super().write(vals)
        if moved:
            super(KubernetesManifest, moved._as_system()).write(
                dict.fromkeys(SEEN_FIELDS, False)
            )
        if "pin" in vals:
            for manifest in self:
                super(KubernetesManifest, manifest).write(manifest._pinned_values())
            self._resume()
        self._note_changes(used)
        return result

    def _move(self, urls):
        """Let the manifests of a package be fetched where it is now, ``{path: url}``:
        pinned as they are, nothing else changes. Returns those that have moved."""
        moved = self.filtered(
            lambda manifest: (
                urls.get(manifest.package_path, manifest.url) != manifest.url
            )
        )
        for manifest in moved:
            url = urls[manifest.package_path]
            super(KubernetesManifest, manifest).write({"url": url})
        return moved

    def _used_contents(self):
        """Each manifest with what the next deploy uses of it, as far as Odoo knows."""
        return {
            manifest: (
                (manifest.url, manifest.format),
                manifest.pin or manifest.digest,
            )
            for manifest in self.sudo()
        }

    def _note_changes(self, before):
        """Apps that have other contents of these in the cluster are not what is wanted
        any more; but not the one whose deploy has just fetched it."""
        after = self._used_contents()
        applied = self.env.context.get("kubernetes_applied_app")
        for manifest, (url, content) in before.items():
            now_url, now_content = after[manifest]
            if now_url != url or (content and now_content != content):
                lines = self.env["kubernetes.app.manifest"].sudo()
                lines = lines.search(
                    [
                        ("manifest_id", "=", manifest.id),
                        ("purpose", "=", "deploy"),
                        ("held_digest", "=", False),
                        ("app_id", "!=", applied),
                    ]
                )
                self.env["kubernetes.app.change"]._note(
                    lines.app_id, "manifest", [manifest.name]
                )

    # -- pin ---------------------------------------------------------------------

    def action_pin(self):
        """Use the manifest only with the content that is shown, whose digest the form
        sends along as ``seen_digest``."""
        self.ensure_one()
        self.check_access("write")
        if not self.digest:
            raise UserError(
                self.env._("No worker has fetched the manifest yet. Preview it first.")
                if self.company_id
                else self.env._(
                    "No worker has fetched the manifest yet. Preview it first; what"
                    " several companies share is told only by a worker that serves a"
                    " cluster of all companies."
                )
            )
        if self.env.context.get("seen_digest") != self.digest:
            raise UserError(
                self.env._(
                    "The manifest has changed again since you looked at it. Look at"
                    " it once more, then press Pin."
                )
            )
        self._as_system().pin = self.digest

    def action_unpin(self):
        """Use the manifest with whatever content it has."""
        self.check_access("write")
        self._as_system().pin = False

    def _pinned_values(self):
        """The content that it is pinned to, kept to say later what has changed. A pin
        to another content than the one that is known leaves what was kept."""
        self.ensure_one()
        if self.pin and self.pin != self.digest:
            return {}
        return {
            "pinned_content": self.content if self.pin else False,
            "pinned_files": self.files if self.pin else False,
        }

    def _resume(self):
        """Ask again for what failed because manifests had changed, where nobody has
        asked for anything else since and no other manifest is in the way."""
        jobs = self.env["kubernetes.job"].sudo()
        failed = jobs.search(
            [
                ("app_id.manifest_line_ids.manifest_id", "in", self.ids),
                ("app_id.wanted_state", "!=", "deleted"),
                ("kind", "in", ("deploy", "reset")),
                ("state", "=", "failed"),
                ("error_code", "=", MANIFEST_CHANGED),
            ]
        )
        for job in failed:
            app = job.app_id
            later = app._jobs(
                [
                    ("id", ">", job.id),
                    ("kind", "in", CHANGING_KINDS),
                    ("state", "!=", "cancelled"),
                ],
                limit=1,
            )
            if not later and not app._changed_manifests():
                app._run_isolated(app._enqueue, job.kind, job.options)

    # -- what is certain of it ---------------------------------------------------

    def _certain_documents(self):
        """Of the content last seen the lines that every app gets, document by document.

        What stands in a block of Jinja's is left out, as are included files: a worker
        alone knows what becomes of those.
        """
        self.ensure_one()
        if self.format != "jinja":
            return []
        documents, depth = [[]], 0
        content = self.content or ""
        if "{% extends" in content or "{%- extends" in content:
            return []
        for line in content.splitlines():
            marks = list(BLOCK.finditer(line))
            if not marks and not depth:
                if re.match(r"---(\s|$)", line):
                    documents.append([])
                elif line.strip() and not line.lstrip().startswith("#"):
                    documents[-1].append(line)
            for mark in marks:
                word, rest, opened, closed = mark.groups()
                is_block = word in BLOCKS and not (word == "set" and "=" in rest)
                if opened or is_block:
                    depth += 1
                elif closed or (word or "").startswith("end"):
                    depth = max(0, depth - 1)
        return documents

    def _certain_claims(self):
        """The storage that the volumes of every app claim at least, as it is written:
        ``[(text, times)]``."""
        claims = []
        for document in self._certain_documents():
            replicas = [
                line.split(":", 1)[1].strip()
                for line in document
                if re.match(r"  replicas:", line)
            ]
            times = 1
            if "kind: StatefulSet" in document and replicas:
                times = int(replicas[0]) if replicas[0].isdigit() else 0
            elif not {"kind: StatefulSet", "kind: PersistentVolumeClaim"} & set(
                document
            ):
                continue
            for before, line in pairwise(document):
                found = re.fullmatch(r"""\s+storage:\s*["']?(.*?)["']?\s*""", line)
                if found and before.strip() == "requests:":
                    claims.append((found[1], times))
        return claims

    def _certain_variables(self):
        """The variables without which no app can be deployed: those that are written
        out as they are, and that neither the manifest sets nor Ansible gives."""
        names = {
            name
            for document in self._certain_documents()
            for line in document
            for name in re.findall(r"\{\{-?\s*([A-Za-z_]\w*)\s*-?\}\}", line)
        }
        return names & set(self.variables or [])

    # -- preview -----------------------------------------------------------------

    @api.model
    def request_preview(
        self,
        url,
        title,
        manifest_id=False,
        config_map_id=False,
        secret_id=False,
        manifest_format="jinja",
    ):
        """Ask a worker for a preview of a URL, saved or not. A record that the user
        may only read stays as it is.

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
        job = jobs._enqueue_preview(
            title, url, manifest, config_map, secret, manifest_format
        )
        return {"state": "waiting", "job_id": job.id}

    def _ask_preview(self):
        """Let a worker fetch them, although nobody waits for it."""
        self.env["kubernetes.job"]._as_system().create(
            [
                {
                    "kind": "preview",
                    "manifest_id": manifest.id,
                    "company_id": (manifest.company_id or self.env.company).id,
                    "options": {
                        "title": manifest.name,
                        "url": manifest.url,
                        "config_map_id": False,
                        "secret_id": False,
                        "format": manifest.format,
                    },
                    "requested_by": self.env.uid,
                }
                for manifest in self
            ]
        )

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
                "preview": self._worded_preview(preview),
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
                **self._worded_preview(found),
                "digest": self.digest or "",
                "content": self.content or "",
                "files": self.files or [],
            },
            "previewed_at": self.previewed_at or self.fetched_at,
        }

    @api.model
    def _worded_preview(self, preview):
        """A preview whose problems and warnings are in the reader's language."""
        return preview | {
            name: [worded_problem(self.env, problem) for problem in preview[name]]
            for name in ("problems", "warnings")
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
        if job.options.get("format", "jinja") != self.format:
            return
        if not self._is_told_by(job.worker_id):
            return
        if preview["digest"]:
            self._remember(
                preview["digest"],
                preview["content"],
                preview["variables"],
                preview["files"],
            )
            self.env["kubernetes.manifest.content"]._keep(self)
        # All users read the record: what was made with a secret is for whoever asked.
        kept = {} if job.options["secret_id"] else preview
        self.write(
            {
                "preview": {
                    name: value
                    for name, value in kept.items()
                    if name not in ("content", "digest", "files")
                },
                "previewed_at": fields.Datetime.now(),
                "problem_count": len(preview["problems"]),
            }
        )
        self._changed()

    def _is_told_by(self, worker):
        """Whether what this worker fetched is kept here for all to see. What all
        companies share is told by workers of all companies only: by those that were
        given a shared cluster."""
        self.ensure_one()
        if self.company_id:
            return True
        clusters = worker.with_context(active_test=False).cluster_ids
        return bool(
            not all(cluster.company_id for cluster in clusters)
            or self.env["res.company"].sudo().search_count([], limit=2) == 1
        )

    def _remember(self, digest, content, variables, files=()):
        """Keep what a worker fetched, where it differs from what is known."""
        self.ensure_one()
        if self.digest != digest:
            was_changed = self.is_changed
            self.write(
                {
                    "digest": digest,
                    "content": content,
                    "files": list(files),
                    "variables": variables,
                    "fetched_at": fields.Datetime.now(),
                    # It was of the content before.
                    "preview": False,
                    "previewed_at": False,
                    "problem_count": 0,
                }
            )
            self._changed()
            if self.pin == digest and not self.pinned_content:
                # Pinned before anybody had fetched it.
                self.write(self._pinned_values())
            if was_changed and not self.is_changed:
                self._resume()

    def _contract_values(self):
        """The manifests as the contract's claim answer has them, in this order."""
        return [
            {
                "id": manifest.id,
                "title": manifest.name,
                "url": manifest.url,
                "pin": manifest.pin or None,
                "format": manifest.format,
                "content": None,
            }
            for manifest in self
        ]

    def action_import_values(self):
        """Open the import of the chart's own values into a new config map."""
        self.ensure_one()
        self.env["kubernetes.config.map"].check_access("create")
        names = [
            item["name"]
            for item in self.files or []
            if item["name"].rpartition("/")[2] == "values.yaml"
        ]
        if self.format != "helm" or not names:
            raise UserError(
                self.env._("No worker has fetched a chart with a values.yaml here yet.")
            )
        # Those of its subcharts lie deeper.
        name = min(names, key=len)
        text = next(item["content"] for item in self.files if item["name"] == name)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Values of the Chart"),
            "res_model": "kubernetes.config.map.import",
            "view_mode": "form",
            "target": "new",
            "context": {"default_name": self.name, "default_text": text},
        }

    def action_view_apps(self):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "kubernetes_hosting.kubernetes_app_action"
        )
        action["domain"] = [("manifest_line_ids.manifest_id", "=", self.id)]
        return action
