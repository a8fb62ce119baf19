# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import json
import math
import secrets
import unicodedata
from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..tools.sentences import PLACES
from ..tools.together import know_lines
from ..tools.told import (
    joined,
    show,
    told,
    told_by,
    worded,
    worded_problem,
    words_of,
)

LEASE_SECONDS = 60
POLL_SECONDS = 5
# A worker that listens to the bus asks at least so often.
IDLE_SECONDS = 60
WAKE_EVENT = "kubernetes.job/pending"
# The system parameter that says for how many days finished jobs are kept.
JOB_RETENTION = "kubernetes_hosting.job_retention_days"
JOB_RETENTION_DAYS = 30
# What the vacuum removes in one transaction.
GC_BATCH = 1000

# Kinds that change the app in the cluster: its state follows from them, and the latest
# wish wins among them.
CHANGING_KINDS = ("deploy", "stop", "start", "restart", "reset", "delete")
# Of these, those that are confirmed before they are asked for, for what they lose.
LOSING_KINDS = ("delete", "reset")
# Somebody sits and waits for these: they come first, and one failure is the answer.
AWAITED_KINDS = ("diff", "preview", "password")
# Of these, too, each who asks gets an answer of their own: nobody else reads it.
OWN_KINDS = ("diff",)
# Kinds that render the app's manifests.
RENDERING_KINDS = ("deploy", "reset", "diff")
# The error of a job whose manifest is not what it is pinned to.
MANIFEST_CHANGED = "manifest_changed"
# What screens need of a job's result.
KEPT_RESULTS = ("diff", "preview", "password")

# The contract's error members, kept one field each.
ERROR_MEMBERS = (
    "code",
    "message",
    "message_words",
    "hint",
    "hint_words",
    "manifest",
    "url",
    "document",
    "line",
    "column",
    "object",
    "field",
    "excerpts",
)


def _width(sign):
    return 2 if unicodedata.east_asian_width(sign) in "FW" else 1


class KubernetesJob(models.Model):
    """One unit of work on one app, the preview of a manifest, or the index of a
    repository.

    pending → running → done, failed or cancelled. A running job goes back to pending
    when its lease ends, when its error can be tried again, or when the worker hands it
    back. ``token`` is new with every claim, so that a late report of a lost worker is
    refused. Jobs are asked for by ``kubernetes.app._enqueue`` and moved on by the
    worker's calls; nobody writes them by hand.
    """

    _name = "kubernetes.job"
    _description = "Kubernetes Job"
    _inherit = ["kubernetes.live"]
    _order = "id desc"

    # Marks in the cluster (mail sent, data reset) are this job's by it: ids repeat
    # after a backup was restored.
    uid = fields.Char(
        string="UID",
        required=True,
        readonly=True,
        copy=False,
        default=lambda self: secrets.token_hex(16),
    )
    kind = fields.Selection(
        [
            ("deploy", "Apply"),
            ("refresh", "Update"),
            ("stop", "Stop"),
            ("start", "Start"),
            ("restart", "Restart"),
            ("reset", "Reset"),
            ("delete", "Delete"),
            ("diff", "Compare"),
            ("preview", "Preview"),
            ("password", "First Password"),
            ("adopt", "Take Over"),
            ("index", "Index"),
            ("domains", "Check Domains"),
            ("remove", "Delete Namespace"),
        ],
        required=True,
        readonly=True,
    )
    app_id = fields.Many2one(
        "kubernetes.app",
        readonly=True,
        index=True,
        ondelete="cascade",
        help="Empty for the preview of a manifest, the index of a repository and the"
        " removal of a namespace that no app here has.",
    )
    manifest_id = fields.Many2one(
        "kubernetes.manifest",
        string="Previewed Manifest",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
        help="The manifest that a preview is of; empty while it is not saved.",
    )
    repository_id = fields.Many2one(
        "kubernetes.repository",
        string="Indexed Repository",
        readonly=True,
        ondelete="cascade",
        help="The repository that an index is of; empty while it is not saved.",
    )
    found_id = fields.Many2one(
        "kubernetes.namespace.found",
        string="Namespace to Delete",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="The namespace of no app here that is deleted.",
    )
    cluster_id = fields.Many2one(
        "kubernetes.cluster",
        compute="_compute_cluster_id",
        store=True,
        index=True,
        precompute=True,
        # What has no app says where it is done when it is made.
        readonly=False,
    )
    company_id = fields.Many2one(
        "res.company",
        compute="_compute_company_id",
        store=True,
        index=True,
        precompute=True,
        # A preview says whose it is when it is made.
        readonly=False,
    )
    partner_id = fields.Many2one(related="app_id.partner_id", related_sudo=False)
    environment_id = fields.Many2one(
        related="app_id.environment_id", store=True, index=True, precompute=True
    )
    state = fields.Selection(
        [
            ("pending", "Waiting"),
            ("running", "Running"),
            ("done", "Done"),
            ("failed", "Failed"),
            ("cancelled", "Cancelled"),
        ],
        required=True,
        default="pending",
        readonly=True,
        index=True,
    )
    priority = fields.Integer(
        default=10, readonly=True, help="Lower comes first among waiting jobs."
    )
    run_at = fields.Datetime(
        string="Not Before",
        required=True,
        default=fields.Datetime.now,
        readonly=True,
    )
    attempt = fields.Integer(
        default=0, readonly=True, help="How often a worker has taken this job."
    )
    max_attempts = fields.Integer(default=8, readonly=True)
    token = fields.Char(readonly=True, copy=False, groups=fields.NO_ACCESS)
    lease_until = fields.Datetime(
        readonly=True,
        help="Without news from its worker until then, the job goes to another one.",
    )
    worker_id = fields.Many2one(
        "kubernetes.worker", readonly=True, index="btree_not_null", ondelete="set null"
    )
    cancel_requested = fields.Boolean(readonly=True)
    options = fields.Json(readonly=True)
    requested_by = fields.Many2one(
        "res.users", readonly=True, index="btree_not_null", ondelete="set null"
    )
    started_at = fields.Datetime(readonly=True)
    finished_at = fields.Datetime(readonly=True)
    duration = fields.Float(
        string="Seconds", compute="_compute_duration", digits=(16, 1)
    )
    is_unserved = fields.Boolean(
        compute="_compute_is_unserved",
        compute_sudo=True,
        help="It waits, and no worker serves its cluster.",
    )
    deployed = fields.Json(
        readonly=True,
        copy=False,
        prefetch=False,
        help="What it was to bring when a worker took it, and has brought where it is"
        " done: values, manifests with their digests, the package's version, and the"
        " names of secrets.",
    )
    is_restorable = fields.Boolean(
        compute="_compute_is_restorable",
        help="The app can be restored to what the job has deployed.",
    )
    result_text = fields.Char(readonly=True)
    result_text_words = fields.Json(readonly=True)
    result_text_shown = fields.Char(string="Objects", compute="_compute_shown")
    result = fields.Json(
        readonly=True,
        prefetch=False,
        help="What a screen shows of it: a comparison, a preview, or a password"
        " that only the browser which asked can read.",
    )
    diff_html = fields.Html(
        string="What Would Change", compute="_compute_diff", sanitize=False
    )
    diff_change_count = fields.Integer(string="Changes", compute="_compute_diff")
    diff_unchanged_count = fields.Integer(string="Unchanged", compute="_compute_diff")
    diff_summary = fields.Char(string="Summary", compute="_compute_diff")
    step_ids = fields.One2many("kubernetes.job.step", "job_id", readonly=True)

    error_code = fields.Char(readonly=True)
    # In English as it was told, and beside it what it is made of; operators read the
    # third, in their language.
    error_message = fields.Text(string="Error Message in English", readonly=True)
    error_message_words = fields.Json(readonly=True)
    error_message_shown = fields.Text(string="Error Message", compute="_compute_shown")
    error_hint = fields.Text(readonly=True)
    error_hint_words = fields.Json(readonly=True)
    error_hint_shown = fields.Text(string="How to Fix", compute="_compute_shown")
    error_manifest = fields.Char(string="Manifest's Name", readonly=True)
    error_manifest_id = fields.Many2one(
        "kubernetes.manifest",
        string="Manifest",
        compute="_compute_error_manifest_id",
        help="The manifest that the error speaks of, where the app still has it.",
    )
    error_url = fields.Char(string="Manifest's URL", readonly=True)
    error_document = fields.Integer(string="Document", readonly=True)
    error_line = fields.Integer(string="Line", readonly=True)
    error_column = fields.Integer(string="Column", readonly=True)
    error_object = fields.Char(string="Object", readonly=True)
    error_field = fields.Char(string="Field", readonly=True)
    error_excerpts = fields.Json(
        readonly=True,
        prefetch=False,
        help="The lines that the error speaks of, as in the contract.",
    )
    error_html = fields.Html(
        string="Where", compute="_compute_error_html", sanitize=False
    )

    _claim_idx = models.Index("(priority, run_at, id) WHERE state = 'pending'")
    _lease_idx = models.Index("(lease_until) WHERE state = 'running'")
    # The app's latest jobs of a kind, and what the vacuum compares a job with.
    _latest_idx = models.Index("(app_id, kind, state, id)")
    _finished_idx = models.Index("(finished_at) WHERE finished_at IS NOT NULL")
    _running_uniq = models.UniqueIndex(
        "(app_id) WHERE state = 'running'", "A job of this app is running already."
    )
    _app_check = models.Constraint(
        "CHECK (app_id IS NOT NULL OR kind IN ('preview', 'index', 'remove'))",
        "A job needs an app.",
    )
    _index_uniq = models.UniqueIndex(
        "(repository_id) WHERE state IN ('pending', 'running')",
        "The repository is being indexed already.",
    )
    _found_uniq = models.UniqueIndex(
        "(found_id) WHERE state IN ('pending', 'running')",
        "The namespace is being deleted already.",
    )
    _repository_idx = models.Index("(repository_id) WHERE repository_id IS NOT NULL")
    _pending_uniq = models.UniqueIndex(
        "(app_id, kind) WHERE state = 'pending' AND kind <> 'diff'",
        "The same job of this app is waiting already.",
    )
    _pending_own_uniq = models.UniqueIndex(
        "(app_id, kind, requested_by) WHERE state = 'pending' AND kind = 'diff'",
        "The same job of this app is waiting already.",
    )

    @api.depends("app_id.cluster_id")
    def _compute_cluster_id(self):
        for job in self:
            job.cluster_id = job.app_id.cluster_id or job.cluster_id

    @api.depends("app_id.company_id")
    def _compute_company_id(self):
        for job in self:
            job.company_id = job.app_id.company_id or self.env.company

    @api.depends("kind", "app_id.display_name", "repository_id.name", "options")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for job in self:
            options = job.options or {}
            about = (
                job.app_id.display_name
                or job.repository_id.name
                or options.get("title")
                or (job.kind == "index" and options.get("url"))
                or options.get("namespace")
                or ""
            )
            job.display_name = f"{job._kind_label()} {about}".strip()

    @api.depends("started_at", "finished_at")
    def _compute_duration(self):
        for job in self:
            ended = job.finished_at if job.started_at else None
            job.duration = (ended - job.started_at).total_seconds() if ended else 0.0

    @api.depends("state", "cluster_id.worker_ids.active")
    def _compute_is_unserved(self):
        for job in self:
            job.is_unserved = (
                job.state == "pending"
                and job.cluster_id
                and not job.cluster_id.worker_ids
            )

    @api.depends("state", "deployed")
    def _compute_is_restorable(self):
        # Not what it was: of many jobs that is much.
        self.flush_model(["state", "deployed"])
        done = self.env.execute_query(
            SQL(
                """
                SELECT id FROM kubernetes_job
                 WHERE id = ANY(%s) AND state = 'done' AND deployed IS NOT NULL
                """,
                self.ids,
            )
        )
        done = self.browse(job_id for (job_id,) in done)
        for job in self:
            job.is_restorable = job._origin in done

    @api.depends("result")
    @api.depends_context("lang")
    def _compute_diff(self):
        for job in self:
            diff = (job.result or {}).get("diff") or {"objects": [], "unchanged": 0}
            job.diff_change_count = len(diff["objects"])
            job.diff_unchanged_count = diff["unchanged"]
            job.diff_summary = job._diff_summary()
            job.diff_html = job._render_diff(diff["objects"])

    @api.depends("error_excerpts", "error_manifest")
    @api.depends_context("lang")
    def _compute_error_html(self):
        for job in self:
            excerpts = job.error_excerpts or []
            job.error_html = self._render_html(
                "kubernetes_hosting.error_excerpts",
                [job._excerpt_values(item) for item in excerpts],
            )

    @api.depends(
        "error_message",
        "error_message_words",
        "error_hint",
        "error_hint_words",
        "result_text",
        "result_text_words",
    )
    @api.depends_context("lang")
    def _compute_shown(self):
        show(self, "error_message", "error_hint", "result_text")

    @api.depends("error_manifest", "app_id", "manifest_id")
    def _compute_error_manifest_id(self):
        for job in self:
            manifests = job.manifest_id
            if job.app_id:
                manifests |= job.app_id._manifests() | job.app_id._reset_manifests()
            job.error_manifest_id = manifests.filtered(
                lambda manifest, name=job.error_manifest: manifest.name == name
            )[:1]

    @api.model
    def _render_html(self, template, items):
        """The template's text for these items; nothing where there are none."""
        return bool(items) and self.env["ir.qweb"]._render(template, {"items": items})

    def _excerpt_values(self, excerpt):
        """A line that the error speaks of, with what is meant pointed at."""
        start = excerpt["column"] - excerpt["from"]
        end = start + excerpt["length"]
        text = excerpt["text"]
        before, marked, after = text[:start], text[start:end], text[end:]
        number = str(excerpt["line"])
        # Wide characters take the place of two.
        blank = "".join("\t" if sign == "\t" else " " * _width(sign) for sign in before)
        label = worded(self.env, excerpt["label"], excerpt.get("label_words"))
        carets = "^" * max(sum(map(_width, marked)), 1) if excerpt["length"] else ""
        return {
            "title": self._excerpt_title(excerpt),
            "before": f"{number} | {before}",
            "marked": marked,
            "after": f"{after}\n{' ' * len(number)} | ",
            "pointed": f"{blank}{carets} {label}".rstrip(),
        }

    def _excerpt_title(self, excerpt):
        """``Odoo, line 12``: whose line it is."""
        name = excerpt["name"] or self.error_manifest or ""
        if excerpt["of"] == "rendered":
            return self.env._(
                "%(manifest)s as rendered, line %(line)s",
                manifest=name,
                line=excerpt["line"],
            )
        return self.env._("%(name)s, line %(line)s", name=name, line=excerpt["line"])

    @api.model
    def _problem_values(self, problem):
        """A problem of the contract to be read: where, what, how to fix it."""
        place = problem["url"] or problem["manifest"] or ""
        if problem["line"]:
            place = self.env._(
                "%(name)s, line %(line)s", name=place, line=problem["line"]
            )
        if problem["line"] and problem["column"]:
            place = self.env._(
                "%(place)s, column %(column)s", place=place, column=problem["column"]
            )
        excerpts = [
            {**self._excerpt_values(excerpt), "title": place}
            for excerpt in problem["excerpts"]
        ]
        shown = worded_problem(self.env, problem)
        return {**shown, "place": place, "excerpts": excerpts}

    @api.model
    def _render_diff(self, objects):
        """The comparison to be read: each object with its lines that would change."""
        return self._render_html(
            "kubernetes_hosting.diff",
            [{**item, "lines": item["text"].splitlines()} for item in objects],
        )

    def _diff_summary(self):
        """What the comparison has shown, in one sentence."""
        self.ensure_one()
        changed, same = self.diff_change_count, self.diff_unchanged_count
        if not changed:
            return self.env._(
                "Nothing would change. The cluster matches the manifests and values."
            )
        if changed == 1:
            return self.env._("1 object would change, %s stay the same.", same)
        return self.env._(
            "%(changed)s objects would change, %(same)s stay the same.",
            changed=changed,
            same=same,
        )

    def _kind_label(self):
        self.ensure_one()
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        return kinds[self.kind]

    def _why_waiting(self):
        """Why no worker takes this job, as far as Odoo knows."""
        self.ensure_one()
        cluster = self.cluster_id.sudo()
        workers = cluster.worker_ids.filtered("active")
        online = cluster._online_workers()
        name = cluster.name
        if not cluster.active:
            return self.env._("The cluster %s is archived: no worker gets it.", name)
        if not workers:
            return self.env._(
                "No worker serves the cluster %s. An administrator gives it to one"
                " under Configuration > Workers.",
                name,
            )
        if not online:
            silent = workers.filtered(lambda worker: worker.state == "online")
            if silent:
                return self.env._(
                    "The worker %(worker)s is online, but the cluster %(cluster)s is"
                    " not in its settings.",
                    worker=silent[0].name,
                    cluster=name,
                )
            return self.env._("No worker that serves the cluster %s is online.", name)
        if cluster.state != "reachable":
            return self.env._("No worker reaches the cluster %s.", name)
        return self._why_untaken(online)

    def _why_untaken(self, online):
        """Why none of these workers has taken the job yet."""
        self.ensure_one()
        return self.env._(
            "The workers are online and work on %(jobs)s other jobs, or are too old for"
            " “%(job)s”.",
            jobs=sum(online.mapped("running_job_count")),
            job=self._kind_label(),
        )

    def _customer_label(self):
        self.ensure_one()
        return {
            "deploy": self.env._("Setting up your app"),
            "refresh": self.env._("Checking your app"),
            "stop": self.env._("Stopping your app"),
            "start": self.env._("Starting your app"),
            "restart": self.env._("Restarting your app"),
            "reset": self.env._("Resetting your app"),
            "delete": self.env._("Taking down your app"),
            "diff": self.env._("Checking your app"),
            "password": self.env._("Fetching your password"),
            "adopt": self.env._("Checking your app"),
            "domains": self.env._("Checking your domains"),
        }.get(self.kind, "")

    def _customer_done_label(self):
        """What was done, as a customer reads it."""
        self.ensure_one()
        return {
            "deploy": self.env._("Set up"),
            "refresh": self.env._("Checked"),
            "stop": self.env._("Stopped"),
            "start": self.env._("Started"),
            "restart": self.env._("Restarted"),
            "reset": self.env._("Data reset"),
            "delete": self.env._("Taken down"),
        }.get(self.kind, self._customer_label())

    def _customer_activity(self):
        """What it was about, as a customer reads it of one that came to nothing."""
        self.ensure_one()
        return {
            "deploy": self.env._("Setup"),
            "refresh": self.env._("Check"),
            "stop": self.env._("Stop"),
            "start": self.env._("Start"),
            "restart": self.env._("Restart"),
            "reset": self.env._("Reset of the data"),
            "delete": self.env._("Removal"),
            "domains": self.env._("Check of the domains"),
        }.get(self.kind, self._customer_label())

    def _customer_title(self):
        """What the job does, or what came of it."""
        self.ensure_one()
        ended = {
            "failed": self.env._("did not work"),
            "cancelled": self.env._("cancelled"),
        }
        if self.state == "done":
            return self._customer_done_label()
        if self.state in ended:
            return f"{self._customer_activity()}: {ended[self.state]}"
        return self._customer_label()

    def _error_text(self):
        """The same as operators read it."""
        text = self._error_told()
        return worded(self.env, text, text and words_of(text))

    def _error_told(self):
        """What went wrong, where, and the way out; False where nothing did."""
        self.ensure_one()
        message, hint = told_by(self, "error_message"), told_by(self, "error_hint")
        return joined("\n", [message, self._error_place(), hint])

    def _error_place(self):
        """``Manifest Odoo, line 12, column 17``: what is known of it."""
        self.ensure_one()
        known = {name: self[f"error_{name}"] for name in PLACES}
        return joined(
            ", ",
            [told(PLACES[name], place=place) for name, place in known.items() if place],
        )

    # -- asking ------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        awaited = {"priority": 1, "max_attempts": 1}
        jobs = super().create(
            [
                {**awaited, **vals} if vals.get("kind") in AWAITED_KINDS else vals
                for vals in vals_list
            ]
        )
        jobs._changed_with_app()
        jobs._wake_workers()
        return jobs

    def write(self, vals):
        result = super().write(vals)
        if set(vals) != {"lease_until"}:
            self._changed_with_app()
        return result

    def _changed_with_app(self):
        """What a job has come to is shown with its app, too."""
        self._changed()
        self.app_id._changed()

    @api.model
    def _enqueue_preview(
        self,
        title,
        url,
        manifest=None,
        config_map=None,
        secret=None,
        manifest_format="jinja",
    ):
        """Ask a worker to fetch and read the manifest at ``url``; return the job.

        ``manifest`` is its record where it is saved. The variables of ``config_map``
        and ``secret`` are what it is rendered with. The outcome stands in ``result``,
        as ``preview`` of the contract, and with the record where the user may change
        it. Whoever may not write manifests, or read this one and the values, is
        refused.
        """
        manifest = manifest or self.env["kubernetes.manifest"]
        config_map = config_map or self.env["kubernetes.config.map"]
        secret = secret or self.env["kubernetes.secret"]
        company = self._preview_company(manifest, config_map, secret)
        options = {
            "title": title or url,
            "url": url,
            "config_map_id": config_map.id,
            "secret_id": secret.id,
            "format": manifest_format,
        }
        return (
            self._as_system()
            .with_company(company)
            .create(
                {
                    "kind": "preview",
                    "manifest_id": manifest._filtered_access("write").id,
                    "company_id": company.id,
                    "options": options,
                    "requested_by": self.env.uid,
                }
            )
        )

    @api.model
    def _enqueue_index(self, repository, url, company, **values):
        """Ask a worker what is in the repository at ``url``; return the job. Of a
        saved ``repository`` it is taken over; of another one the outcome stands in
        ``result``, in short."""
        return self._as_system().create(
            {
                "kind": "index",
                "repository_id": repository.id,
                "company_id": company.id,
                "options": {"url": url},
                **values,
            }
        )

    @api.model
    def _preview_company(self, manifest, config_map, secret):
        """Whose preview it is, and so which workers may get it: the company of what it
        is made of; where all of that is shared, the company of whoever asks. Refuses
        those who may not preview these."""
        self.env["kubernetes.manifest"].check_access("write")
        # Whoever previews sees what the values make of the manifest.
        manifest.check_access("read")
        config_map.check_access("read")
        secret.check_access("read")
        companies = manifest.company_id | config_map.company_id | secret.company_id
        if len(companies) > 1:
            raise UserError(
                self.env._(
                    "The manifest, the config map and the secret of a preview belong to"
                    " one company; these belong to several: %s.",
                    ", ".join(companies.mapped("name")),
                )
            )
        return companies or self.env.company

    def _join(self, options, delay=0):
        """Somebody asks again for jobs that wait: they no longer wait for their
        backoff, and the newest wish counts."""
        run_at = fields.Datetime.now() + timedelta(seconds=delay)
        self.filtered(lambda job: job.run_at > run_at).write({"run_at": run_at})
        if options is not None:
            self.write({"options": options})
        self._wake_workers()

    @api.model
    def _joinable(self, apps, kind, user):
        """The apps' waiting jobs that a request of this user for this kind joins, one
        of each app at most."""
        waiting = [
            ("app_id", "in", apps.ids),
            ("kind", "=", kind),
            ("state", "=", "pending"),
        ]
        if kind in OWN_KINDS:
            waiting.append(("requested_by", "=", user.id))
        return self.search(waiting)

    def _check_operator(self):
        """Whoever may not change an app or manifest may not handle its jobs either."""
        for job in self:
            about = job.app_id or job.repository_id
            (about or self.env["kubernetes.manifest"]).check_access("write")

    def action_cancel(self):
        """Drop jobs that wait and ask the worker to stop those that run."""
        self._check_operator()
        for job in self:
            if job.state not in ("pending", "running"):
                raise UserError(
                    self.env._(
                        "%s is over; there is nothing left to cancel.",
                        job.display_name,
                    )
                )
        self._as_system()._cancel()
        self._note_on_apps(
            lambda job: self.env._("%(job)s cancelled", job=job._kind_label())
        )
        self.app_id._update_state()

    def _note_on_apps(self, body):
        """In the chatter of each job's app what ``body`` says of the job."""
        bodies = {
            app: Markup("<br/>").join(body(job) for job in jobs)
            for app, jobs in self.filtered("app_id").grouped("app_id").items()
        }
        self.env["kubernetes.app"].sudo()._log_each(bodies)

    def action_retry(self):
        """Ask again for what failed or was cancelled."""
        self._check_operator()
        losing = self.filtered(lambda job: job.kind in LOSING_KINDS)
        outdated = losing - losing._last_wishes()
        for job in self:
            if job.state not in ("failed", "cancelled"):
                raise UserError(
                    self.env._(
                        "%s neither failed nor was cancelled; there is nothing to"
                        " retry.",
                        job.display_name,
                    )
                )
            if job.kind == "password":
                raise UserError(
                    self.env._(
                        "Only the customer's browser asks for the first password: the"
                        " customer opens the link again."
                    )
                )
            if job.kind == "remove":
                raise UserError(
                    self.env._(
                        "%s loses data. Ask for it on the namespace (Configuration >"
                        " Namespaces Found), which says what is lost.",
                        job.display_name,
                    )
                )
            if job in outdated:
                raise UserError(
                    self.env._(
                        "%s loses data, and was cancelled, or something else was done"
                        " since. Ask for it on the app, which says what is lost.",
                        job.display_name,
                    )
                )
        self._ask_again()

    def action_restore(self):
        """Show what would change if the app was again what this job has deployed."""
        self.ensure_one()
        self._check_operator()
        wizard = self.env["kubernetes.app.restore"].create({"job_id": self.id})
        return wizard._action_open()

    def _ask_again(self):
        """Ask for what these jobs were to do."""
        of_apps = self.filtered("app_id")
        wishes = of_apps.grouped(
            lambda job: (job.kind, json.dumps(job.options, sort_keys=True))
        )
        for (kind, options), jobs in wishes.items():
            jobs.app_id._ask(kind, json.loads(options))
        of_apps._note_on_apps(
            lambda job: self.env._(
                "%(job)s retried after job %(number)s",
                job=job._kind_label(),
                number=job.id,
            )
        )
        for job in self - of_apps:
            if job.kind == "index":
                job._retry_index()
            else:
                job._retry_preview()

    def _retry_index(self):
        self.ensure_one()
        if not self.repository_id:
            raise UserError(
                self.env._(
                    "This was a look at a repository that is not saved. Enter its URL"
                    " again under Library > Repositories."
                )
            )
        self.repository_id.action_index()

    def _last_wishes(self):
        """Those of the jobs that failed, and after which nobody has asked for anything
        that changes their app."""
        later = self._read_group(
            [
                ("id", ">", min(self.ids, default=0)),
                ("app_id", "in", self.app_id.ids),
                ("kind", "in", CHANGING_KINDS),
                ("state", "!=", "cancelled"),
            ],
            ["app_id"],
            ["id:max"],
        )
        latest = {app: number for app, number in later}
        return self.filtered(
            lambda job: job.state == "failed" and latest.get(job.app_id, 0) <= job.id
        )

    def _retry_preview(self):
        self.ensure_one()
        options = self.options
        self._enqueue_preview(
            options["title"],
            options["url"],
            self.manifest_id,
            self.env["kubernetes.config.map"].browse(options["config_map_id"]),
            self.env["kubernetes.secret"].browse(options["secret_id"]),
            options.get("format", "jinja"),
        )

    def _cancel(self):
        running = self.filtered(
            lambda job: job.state == "running" and not job.cancel_requested
        )
        if running:
            running.cancel_requested = True
            self.env["bus.bus"]._sendone(
                self._wake_channel(), WAKE_EVENT, {"cancelled": running.ids}
            )
        self.filtered(lambda job: job.state == "pending")._finish("cancelled")

    # -- what the worker gets ----------------------------------------------------

    def _contract_values(self, siblings=None):
        """The job as the contract's claim answer has it. Manifests, values and secrets
        go only with the kinds that render them. ``siblings`` are those of each app."""
        self.ensure_one()
        app = self.app_id
        known = app._siblings() if siblings is None else siblings
        siblings = known.get(app, app.browse())
        values = {
            "id": self.id,
            "uid": self.uid,
            "kind": self.kind,
            "attempt": self.attempt,
            "token": self.token,
            "options": dict(self.options or {}),
            "cluster": self.cluster_id._contract_values() if self.cluster_id else None,
            "app": app._contract_values(siblings) if app else None,
            "production": app._production_values(siblings) if app else None,
            "manifests": [],
            "reset_manifests": [],
            "config_map": [],
            "secret": [],
            "message": None,
        }
        if self.kind == "preview":
            values.update(self._preview_values())
        elif self.kind == "index":
            values["options"] = {"url": values["options"]["url"]}
        elif self.kind in RENDERING_KINDS:
            values.update(
                manifests=app.manifest_line_ids.sorted()._contract_values(),
                config_map=app.config_map_id._contract_values(),
                secret=app.secret_id._contract_values(),
            )
        elif self.kind == "domains":
            values["options"] = app._domains_contract_values()
        elif self.kind == "delete":
            # What else it is for concerns nobody but Odoo.
            values["options"].pop("take_back", None)
        elif self.kind == "refresh":
            # To hide them in the logs that it reads.
            values["secret"] = app.secret_id._contract_values()
        elif self.kind == "password":
            values["secret"] = app._first_password_contract_values()
        if self.kind == "reset" and values["options"].get("reset") == "manifests":
            values["reset_manifests"] = app._reset_manifests()._contract_values()
        return values

    def _preview_values(self):
        """What a preview needs instead of an app: the manifest as it was typed, and
        the values it is to be rendered with."""
        self.ensure_one()
        options = self.options
        config_map = self._previewed("kubernetes.config.map", options["config_map_id"])
        secret = self._previewed("kubernetes.secret", options["secret_id"])
        return {
            "options": {},
            "cluster": self._preview_cluster_values(),
            "manifests": [
                {
                    "id": self.manifest_id.id or 0,
                    "title": options["title"],
                    "url": options["url"],
                    "pin": self.manifest_id.pin or None,
                    "format": options.get("format", "jinja"),
                    "content": None,
                }
            ],
            "config_map": config_map._contract_values(),
            "secret": secret._contract_values(),
        }

    def _preview_cluster_values(self):
        """The company's only cluster, whose policy the manifest is held against; None
        where there are several: that is the strict policy then."""
        clusters = self.env["kubernetes.cluster"].search(
            [("company_id", "in", (False, self.company_id.id))], limit=2
        )
        return clusters._contract_values() if len(clusters) == 1 else None

    def _previewed(self, model, record_id):
        """The values to preview with, unless they went or became another company's
        since they were asked for."""
        record = self.env[model].browse(record_id).exists()
        company = record.company_id
        return record if not company or company == self.company_id else record.browse()

    # -- being worked on ---------------------------------------------------------

    @api.model
    def _claim(self, worker_id, cluster_names, kinds, limit):
        """Give a worker up to ``limit`` waiting jobs of these clusters, as far as it
        serves them; return them.

        One statement, which reads each job that waits or runs once, whatever
        PostgreSQL's statistics say: a wave of orders comes before they know of it, and
        a plan made for one waiting job would then read all of them for each. Claims
        take turns. What others write at this moment it skips, and it fails with a
        serialization error (to be run again) when somebody has written it since the
        transaction began. Of an app's due jobs that this worker can do only the oldest
        may be taken, and only when none of them runs. Of equal priority, customers take
        turns: who has the fewest jobs under way comes first, however many wait behind
        that one. A cluster serves the jobs of its company. A preview has no app: it
        goes to a worker with any cluster that serves the preview's company.
        """
        now = fields.Datetime.now()
        self.flush_model()
        self.env["kubernetes.worker"].flush_model(["cluster_ids"])
        self.env["kubernetes.cluster"].flush_model(["active", "company_id", "name"])
        for model in (
            "kubernetes.app",
            "kubernetes.app.manifest",
            "kubernetes.config.map.line",
            "kubernetes.manifest",
            "kubernetes.secret.line",
        ):
            self.env[model].flush_model()
        self.env["res.partner"].flush_model(["commercial_partner_id"])
        self.env.cr.execute(
            """
            WITH open AS MATERIALIZED (
                SELECT job.id,
                       job.app_id,
                       job.cluster_id,
                       job.company_id,
                       job.priority,
                       job.run_at,
                       partner.commercial_partner_id AS customer,
                       job.state = 'running' AS runs,
                       job.state = 'pending'
                           AND job.run_at <= %(now)s
                           AND job.kind = ANY(%(kinds)s) AS waits
                  FROM kubernetes_job job
             LEFT JOIN kubernetes_app app ON app.id = job.app_id
             LEFT JOIN res_partner partner ON partner.id = app.partner_id
                 WHERE job.state IN ('pending', 'running')),
            served AS MATERIALIZED (
                SELECT cluster.id,
                       cluster.company_id,
                       cluster.name = ANY(%(clusters)s) AS reachable
                  FROM kubernetes_worker_cluster_rel given
                  JOIN kubernetes_cluster cluster ON cluster.id = given.cluster_id
                 WHERE given.worker_id = %(worker)s
                   AND cluster.active),
            beside AS (
                SELECT open.*,
                       BOOL_OR(runs) OVER app AS app_runs,
                       MIN(id) FILTER (WHERE waits) OVER app AS oldest,
                       CASE WHEN customer IS NULL THEN 0
                            ELSE COUNT(*) FILTER (WHERE runs) OVER (
                                PARTITION BY customer) END AS running
                  FROM open
                WINDOW app AS (PARTITION BY app_id)),
            due AS MATERIALIZED (
                SELECT id,
                       running + ROW_NUMBER() OVER (
                           PARTITION BY priority, app_id IS NULL, customer
                               ORDER BY run_at, id) AS turn
                  FROM beside
                 WHERE waits
                   AND (app_id IS NULL OR id = oldest AND NOT app_runs)
                   AND EXISTS (
                        SELECT 1
                          FROM served
                         WHERE (served.company_id IS NULL
                                OR served.company_id = beside.company_id)
                           AND (beside.cluster_id IS NULL
                                OR served.id = beside.cluster_id
                                   AND served.reachable))),
            next AS (
                SELECT job.id
                  FROM kubernetes_job job
                  JOIN due ON due.id = job.id
              ORDER BY job.priority, due.turn, job.run_at, job.id
                 LIMIT %(limit)s
                   FOR NO KEY UPDATE OF job SKIP LOCKED)
            UPDATE kubernetes_job job
               SET state = 'running',
                   attempt = job.attempt + 1,
                   token = replace(gen_random_uuid()::text, '-', ''),
                   worker_id = %(worker)s,
                   lease_until = %(lease)s,
                   started_at = COALESCE(job.started_at, %(now)s),
                   write_date = %(now)s,
                   -- What it is given to bring. Nothing is said of what secrets are.
                   deployed = (
                        SELECT jsonb_build_object(
                               'version', app.package_version_id,
                               'package_digest', app.package_digest,
                               'config_map', (
                                SELECT COALESCE(jsonb_agg(jsonb_build_object(
                                       'key', line.key, 'type', line.type,
                                       'value', COALESCE(line.value, ''))
                                       ORDER BY line.sequence, line.id), '[]')
                                  FROM kubernetes_config_map_line line
                                 WHERE line.config_map_id = app.config_map_id),
                               'secret', (
                                SELECT COALESCE(jsonb_agg(
                                       line.key ORDER BY line.sequence, line.id), '[]')
                                  FROM kubernetes_secret_line line
                                 WHERE line.secret_id = app.secret_id),
                               'manifests', (
                                SELECT COALESCE(jsonb_agg(jsonb_build_object(
                                       'id', manifest.id, 'title', manifest.name,
                                       'url', manifest.url,
                                       'format', manifest.format,
                                       'digest', line.held_digest)
                                       ORDER BY line.sequence, line.id), '[]')
                                  FROM kubernetes_app_manifest line
                                  JOIN kubernetes_manifest manifest
                                    ON manifest.id = line.manifest_id
                                 WHERE line.app_id = app.id
                                   AND line.purpose = 'deploy'))
                          FROM kubernetes_app app
                         WHERE app.id = job.app_id
                           AND (job.kind = 'deploy'
                                OR job.kind = 'reset'
                                   AND job.options ->> 'reset' = 'empty')),
                   -- What stopped the attempt before is told by its steps.
                   error_code = NULL, error_message = NULL, error_hint = NULL,
                   error_message_words = NULL, error_hint_words = NULL,
                   error_manifest = NULL, error_url = NULL, error_document = NULL,
                   error_line = NULL, error_column = NULL, error_object = NULL,
                   error_field = NULL, error_excerpts = NULL
              FROM next
             WHERE job.id = next.id
         RETURNING job.id
            """,
            {
                "now": now,
                "clusters": cluster_names,
                "kinds": kinds,
                "limit": limit,
                "worker": worker_id,
                "lease": now + timedelta(seconds=LEASE_SECONDS),
            },
            log_exceptions=False,
        )
        ids = [row[0] for row in self.env.cr.fetchall()]
        self.invalidate_model(flush=False)
        jobs, deciding = self._read_for_claim(ids)
        jobs._changed_with_app()
        jobs.filtered(lambda job: job.kind in RENDERING_KINDS)._take_changes_along()
        # From now on the worker may have made it.
        made = jobs.filtered(lambda job: job.kind in ("deploy", "reset"))
        made.app_id.namespace_id.filtered(
            lambda namespace: namespace.state in ("new", "missing")
        ).state = "active"
        jobs.app_id._update_state(deciding)
        return jobs

    @api.model
    def _read_for_claim(self, ids):
        """Read all that is needed to hand these jobs out. Returns them in the order in
        which they are to be done, and the jobs that decide on the states of their
        apps."""
        if not ids:
            return self.browse(), self.browse()
        apps = self._apps_of(ids)
        own = SQL("FROM kubernetes_app WHERE id = ANY(%s)", apps)
        jobs, found = self._read_with_apps(
            ids,
            ("kubernetes.job", self._deciding(apps)),
            ("kubernetes.cluster", SQL("id IN (SELECT cluster_id %s)", own)),
            ("kubernetes.environment", SQL("id IN (SELECT environment_id %s)", own)),
            ("res.partner", SQL("id IN (SELECT partner_id %s)", own)),
            (
                "kubernetes.manifest.content",
                SQL(
                    "id IN (SELECT content_id FROM kubernetes_app_manifest"
                    " WHERE app_id = ANY(%s))",
                    apps,
                ),
                "content",
                "files",
            ),
            (
                "kubernetes.config.map.line",
                SQL("config_map_id IN (SELECT config_map_id %s)", own),
            ),
            (
                "kubernetes.secret.line",
                SQL("secret_id IN (SELECT secret_id %s)", own),
                "stored_value",
            ),
        )
        deciding, *_others, config_lines, secret_lines = found
        know_lines(jobs.app_id.config_map_id, "line_ids", config_lines)
        know_lines(jobs.app_id.secret_id, "line_ids", secret_lines)
        return jobs.sorted("priority, run_at, id"), deciding

    # -- waking ------------------------------------------------------------------

    @api.model
    def _wake_channel(self):
        """The unguessable bus channel on which workers hear of new jobs."""
        parameters = self.env["ir.config_parameter"].sudo()
        channel = parameters.get_param("kubernetes_hosting.wake_channel")
        if not channel:
            channel = f"kubernetes_worker_{secrets.token_hex(16)}"
            parameters.set_param("kubernetes_hosting.wake_channel", channel)
        return channel

    def _wake_workers(self):
        """Tell the workers after the commit that there is something to claim. Only a
        hint: they ask every few seconds anyway."""
        now, told = fields.Datetime.now(), self.env.cr.precommit.data
        if WAKE_EVENT not in told and any(
            job.state == "pending" and job.run_at <= now for job in self
        ):
            told[WAKE_EVENT] = True
            self.env["bus.bus"]._sendone(self._wake_channel(), WAKE_EVENT, {})

    @api.model
    def _idle_seconds(self, clusters):
        """How soon a worker of these clusters asks again that hears of new jobs: when
        something becomes due of which nobody tells."""
        self.flush_model(["state", "run_at", "lease_until", "cluster_id"])
        moments = SQL(", ").join(self._due_moments(clusters))
        ((due,),) = self.env.execute_query(SQL("SELECT LEAST(%s)", moments))
        if not due:
            return IDLE_SECONDS
        seconds = math.ceil((due - fields.Datetime.now()).total_seconds())
        return max(POLL_SECONDS, min(seconds, IDLE_SECONDS))

    @api.model
    def _due_moments(self, clusters):
        """When the next job of these clusters becomes due, and when the next lease
        ends, in SQL. Whoever makes way for what is due already tells of it."""
        return [
            SQL(
                """
                (SELECT min(CASE state WHEN 'running' THEN lease_until ELSE run_at END)
                   FROM kubernetes_job
                  WHERE (state = 'running' OR state = 'pending' AND run_at > %s)
                    AND (cluster_id = ANY(%s) OR cluster_id IS NULL))
                """,
                fields.Datetime.now(),
                clusters.ids,
            )
        ]

    # -- cron --------------------------------------------------------------------

    @api.autovacuum
    def _gc_awaited(self):
        """Comparisons, previews and passwords are of no use after a day; what an index
        has found stands in the repository's history."""
        gone = self.search(
            [
                ("kind", "in", (*AWAITED_KINDS, "index")),
                ("state", "in", ("done", "failed", "cancelled")),
                ("finished_at", "<", fields.Datetime.now() - timedelta(days=1)),
            ],
            limit=GC_BATCH,
        )
        gone.unlink()
        return len(gone), len(gone) == GC_BATCH

    @api.autovacuum
    def _gc_finished(self):
        """Jobs that came to their end go, with their steps, after the days of the
        settings. The last one of each kind and outcome of an app stays: from it follows
        the app's state, whether it was ever deployed, and what has been begun."""
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT job.id
                  FROM kubernetes_job job
                 WHERE job.state IN ('done', 'failed', 'cancelled')
                   AND job.finished_at < %s
                   AND (job.app_id IS NULL OR EXISTS (
                        SELECT 1
                          FROM kubernetes_job later
                         WHERE later.app_id = job.app_id
                           AND later.kind = job.kind
                           AND later.state = job.state
                           AND (later.attempt > 0) = (job.attempt > 0)
                           AND (later.finished_at, later.id)
                             > (job.finished_at, job.id)))
                 LIMIT %s
                """,
                fields.Datetime.now() - self._retention(),
                GC_BATCH,
            )
        )
        self.browse(job_id for (job_id,) in rows).unlink()
        return len(rows), len(rows) == GC_BATCH

    @api.model
    def _retention(self):
        """How long what is over is kept."""
        value = (
            self.env["ir.config_parameter"]
            .sudo()
            .get_param(JOB_RETENTION, JOB_RETENTION_DAYS)
        )
        try:
            return timedelta(days=max(int(value), 1))
        except ValueError:
            raise UserError(
                self.env._(
                    "The system parameter %(key)s is “%(value)s”, which is no whole"
                    " number of days. Set it in the settings of Kubernetes.",
                    key=JOB_RETENTION,
                    value=value,
                )
            ) from None

    @api.model
    def _cron_watch(self):
        """Every minute: leases that ended, workers and clusters unheard of, keys that
        expired, and imports left open."""
        self.sudo()._expire_leases()
        self.env["kubernetes.worker"].sudo()._mark_unseen()
        self.env["kubernetes.worker.key"].sudo()._expire()
        self.env["kubernetes.config.map.import"]._drop_left_over()
