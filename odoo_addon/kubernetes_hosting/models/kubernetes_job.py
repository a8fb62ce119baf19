# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import random
import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

LEASE_SECONDS = 60
POLL_SECONDS = 5
WAKE_EVENT = "kubernetes.job/pending"

# The contract's error members, kept one field each.
ERROR_MEMBERS = (
    "code",
    "message",
    "hint",
    "manifest",
    "url",
    "document",
    "line",
    "column",
    "object",
    "field",
)


class KubernetesJob(models.Model):
    """One unit of work on one app.

    pending → running → done, failed or cancelled. A running job goes back to pending
    when its lease ends, when its error can be tried again, or when the worker hands it
    back. ``token`` is new with every claim, so that a late report of a lost worker is
    refused. Jobs are asked for by ``kubernetes.app._enqueue`` and moved on by the
    worker's calls; nobody writes them by hand.
    """

    _name = "kubernetes.job"
    _description = "Kubernetes Job"
    _order = "id desc"

    kind = fields.Selection(
        [("deploy", "Apply"), ("refresh", "Update"), ("delete", "Delete")],
        required=True,
        readonly=True,
    )
    app_id = fields.Many2one(
        "kubernetes.app", required=True, readonly=True, index=True, ondelete="cascade"
    )
    cluster_id = fields.Many2one(
        related="app_id.cluster_id", store=True, index=True, precompute=True
    )
    company_id = fields.Many2one(
        related="app_id.company_id", store=True, index=True, precompute=True
    )
    partner_id = fields.Many2one(related="app_id.partner_id")
    environment_id = fields.Many2one(related="app_id.environment_id", store=True)
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
    worker_id = fields.Many2one("kubernetes.worker", readonly=True, ondelete="set null")
    cancel_requested = fields.Boolean(readonly=True)
    options = fields.Json(readonly=True)
    requested_by = fields.Many2one("res.users", readonly=True, ondelete="set null")
    started_at = fields.Datetime(readonly=True)
    finished_at = fields.Datetime(readonly=True)
    duration = fields.Float(
        string="Seconds", compute="_compute_duration", digits=(16, 1)
    )
    result_text = fields.Char(string="Result", readonly=True)
    step_ids = fields.One2many("kubernetes.job.step", "job_id", readonly=True)

    error_code = fields.Char(readonly=True)
    error_message = fields.Text(readonly=True)
    error_hint = fields.Text(string="Way Out", readonly=True)
    error_manifest = fields.Char(string="Manifest", readonly=True)
    error_url = fields.Char(string="Manifest's URL", readonly=True)
    error_document = fields.Integer(string="Document", readonly=True)
    error_line = fields.Integer(string="Line", readonly=True)
    error_column = fields.Integer(string="Column", readonly=True)
    error_object = fields.Char(string="Object", readonly=True)
    error_field = fields.Char(string="Field", readonly=True)

    _claim_idx = models.Index("(priority, run_at, id) WHERE state = 'pending'")
    _lease_idx = models.Index("(lease_until) WHERE state = 'running'")
    _running_uniq = models.UniqueIndex(
        "(app_id) WHERE state = 'running'", "A job of this app is running already."
    )
    _pending_uniq = models.UniqueIndex(
        "(app_id, kind) WHERE state = 'pending'",
        "The same job of this app is waiting already.",
    )

    @api.depends("kind", "app_id.display_name")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for job in self:
            job.display_name = f"{job._kind_label()} {job.app_id.display_name}"

    @api.depends("started_at", "finished_at")
    def _compute_duration(self):
        for job in self:
            ended = job.finished_at if job.started_at else None
            job.duration = (ended - job.started_at).total_seconds() if ended else 0.0

    def _kind_label(self):
        self.ensure_one()
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        return kinds[self.kind]

    def _customer_label(self):
        self.ensure_one()
        return {
            "deploy": self.env._("Setting up your app"),
            "refresh": self.env._("Checking your app"),
            "delete": self.env._("Taking down your app"),
        }[self.kind]

    def _error_text(self):
        """What went wrong, where, and the way out, as operators read it."""
        self.ensure_one()
        parts = [self.error_message, self._error_place(), self.error_hint]
        return "\n".join(filter(None, parts)) or False

    def _error_place(self):
        """``Manifest Odoo, line 12, column 17``: what is known of it."""
        self.ensure_one()
        places = [
            ("manifest", self.env._("Manifest")),
            ("document", self.env._("document")),
            ("line", self.env._("line")),
            ("column", self.env._("column")),
            ("object", self.env._("object")),
            ("field", self.env._("field")),
        ]
        known = [(self[f"error_{name}"], label) for name, label in places]
        return ", ".join(f"{label} {value}" for value, label in known if value)

    # -- asking ------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        jobs = super().create(vals_list)
        jobs._wake_workers()
        return jobs

    def _join(self, options):
        """Somebody asks again for a job that waits: it no longer waits for its
        backoff, and the newest wish counts."""
        self.ensure_one()
        self.run_at = fields.Datetime.now()
        if options is not None:
            self.options = options
        self._wake_workers()

    def action_cancel(self):
        """Drop jobs that wait and ask the worker to stop those that run."""
        for job in self:
            job.app_id._check_operator()
            if job.state not in ("pending", "running"):
                raise UserError(
                    self.env._(
                        "%s is over; there is nothing left to cancel.",
                        job.display_name,
                    )
                )
            job.sudo()._cancel()
            job.app_id.sudo()._log(
                self.env._("%(job)s cancelled", job=job._kind_label())
            )
        self.app_id._update_state()

    def action_retry(self):
        """Ask again for what failed or was cancelled."""
        for job in self:
            job.app_id._check_operator()
            if job.state not in ("failed", "cancelled"):
                raise UserError(
                    self.env._(
                        "%s neither failed nor was cancelled; there is nothing to"
                        " retry.",
                        job.display_name,
                    )
                )
            job.app_id._enqueue(job.kind, job.options)

    def _cancel(self):
        for job in self:
            if job.state == "pending":
                job._finish("cancelled")
            elif job.state == "running" and not job.cancel_requested:
                job.cancel_requested = True

    # -- what the worker gets ----------------------------------------------------

    def _contract_values(self):
        """The job as the contract's claim answer has it. Only a deploy gets manifests,
        values and secrets: the others do not need them."""
        self.ensure_one()
        app, cluster = self.app_id, self.cluster_id
        deploy = self.kind == "deploy"
        return {
            "id": self.id,
            "kind": self.kind,
            "attempt": self.attempt,
            "token": self.token,
            "options": self.options or {},
            "cluster": {
                "name": cluster.name,
                "domain": cluster.domain,
                "ingress_class": cluster.ingress_class or "",
                "allowed_kinds": cluster._allowed_kinds(),
            },
            "app": {
                "id": app.id,
                "name": app.name,
                "environment": app.environment_id.code,
                "hostname": app.hostname,
                "url": app.url,
                "namespace": app.namespace_id.name,
                "wanted_state": app.wanted_state,
                "inventory": app.inventory or [],
            },
            "manifests": [
                {"id": manifest.id, "title": manifest.name, "url": manifest.url}
                for manifest in (app._manifests() if deploy else [])
            ],
            "config_map": [
                line._contract_values()
                for line in (app.config_map_id.line_ids if deploy else [])
            ],
            "secret": [
                line._contract_values()
                for line in (app.secret_id.line_ids if deploy else [])
            ],
        }

    # -- being worked on ---------------------------------------------------------

    @api.model
    def _claim(self, worker_id, cluster_names, kinds, limit):
        """Give a worker up to ``limit`` waiting jobs of these clusters; return them.

        One statement, which is to be the first of its transaction: it skips what
        others are taking at this moment, and fails with a serialization error (to be
        run again) when others took it since the transaction began. Of an app's waiting
        jobs only the oldest may be taken, and only when none of them runs.
        """
        now = fields.Datetime.now()
        self.flush_model()
        self.env.cr.execute(
            """
            WITH next AS (
                SELECT job.id
                  FROM kubernetes_job job
                  JOIN kubernetes_cluster cluster ON cluster.id = job.cluster_id
                 WHERE job.state = 'pending'
                   AND job.run_at <= %(now)s
                   AND cluster.active
                   AND cluster.name = ANY(%(clusters)s)
                   AND job.kind = ANY(%(kinds)s)
                   AND NOT EXISTS (
                        SELECT 1 FROM kubernetes_job other
                         WHERE other.app_id = job.app_id
                           AND (other.state = 'running'
                                OR other.state = 'pending' AND other.id < job.id))
              ORDER BY job.priority, job.run_at, job.id
                 LIMIT %(limit)s
                   FOR NO KEY UPDATE OF job SKIP LOCKED)
            UPDATE kubernetes_job job
               SET state = 'running',
                   attempt = job.attempt + 1,
                   token = replace(gen_random_uuid()::text, '-', ''),
                   worker_id = %(worker)s,
                   lease_until = %(lease)s,
                   started_at = COALESCE(job.started_at, %(now)s),
                   write_date = %(now)s
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
        jobs = self.search([("id", "in", ids)], order="priority, run_at, id")
        for job in jobs.filtered(lambda job: job.kind == "deploy"):
            # From now on the worker may have made it.
            if job.app_id.namespace_id.state == "new":
                job.app_id.namespace_id.state = "active"
        jobs.app_id._update_state()
        return jobs

    @api.model
    def _expire_leases(self):
        """Take back the jobs whose worker has not been heard of for a lease."""
        self.flush_model(["state", "lease_until"])
        self.env.cr.execute(
            """
            SELECT id FROM kubernetes_job
             WHERE state = 'running' AND lease_until < %s
             ORDER BY id
               FOR NO KEY UPDATE SKIP LOCKED
            """,
            [fields.Datetime.now()],
            log_exceptions=False,
        )
        for job in self.browse(row[0] for row in self.env.cr.fetchall()):
            error = {
                "code": "lease_lost",
                "message": f"The worker {job.worker_id.name or ''} was not heard of"
                f" any more during attempt {job.attempt}.",
                "hint": "See whether the worker runs and reaches Odoo, then retry.",
            }
            job._retry(error, delay=0)

    def _extend_lease(self):
        self.lease_until = fields.Datetime.now() + timedelta(seconds=LEASE_SECONDS)

    def _record_steps(self, steps):
        """Insert or update the steps of the present attempt by their number, so that
        a repeated report changes nothing."""
        self.ensure_one()
        known = {
            step.number: step
            for step in self.step_ids.filtered(lambda s: s.attempt == self.attempt)
        }
        for step in steps:
            if step["number"] in known:
                known[step["number"]].write(step)
            else:
                known[step["number"]] = self.env["kubernetes.job.step"].create(
                    {**step, "job_id": self.id, "attempt": self.attempt}
                )

    def _conclude(self, outcome):
        """Take over the outcome that the worker reports, the contract's ``outcome``."""
        self.ensure_one()
        state, error, result = outcome["state"], outcome["error"], outcome["result"]
        if result:
            self._take_over(result)
        if state == "retry":
            self._retry(error)
        elif state == "released":
            self._release()
        else:
            if state == "done" and self.kind == "delete":
                self.app_id._deleted(bool(result and result["namespace_deleted"]))
            self._finish(state, error, self._objects_text(result))

    def _take_over(self, result):
        """What the worker found out: manifests' contents, inventory, state."""
        app = self.app_id
        manifests = {manifest.id: manifest for manifest in app._manifests()}
        for seen in result["manifests"]:
            if seen["id"] in manifests:
                manifests[seen["id"]]._remember(
                    seen["digest"], seen["content"], seen["variables"]
                )
        if result["inventory"] is not None and result["inventory"] != app.inventory:
            app.inventory = result["inventory"]
        if result["observation"]:
            app._apply_observation(result["observation"])

    def _objects_text(self, result):
        objects = (result or {}).get("objects") or {}
        parts = [f"{count} {what}" for what, count in objects.items() if count]
        return ", ".join(parts) or False

    def _finish(self, state, error=None, result_text=False):
        """The end of a job. Steps still open share its fate."""
        self.ensure_one()
        values = {
            "state": state,
            "finished_at": fields.Datetime.now(),
            "token": False,
            "lease_until": False,
            "result_text": result_text,
            **self._error_values(error),
        }
        self.write(values)
        self._close_steps("done" if state == "done" else "failed")
        if state == "cancelled" and self.kind == "delete":
            self.app_id._stay()
        if state == "failed":
            self.app_id._log(
                self.env._("%(job)s failed", job=self._kind_label())
                + f": {self.error_message}"
            )
        self.app_id._update_state()

    def _retry(self, error, delay=None):
        """Back to waiting after an attempt that may succeed another time, or failed
        when the attempts are used up. ``delay`` in seconds; none: the backoff's."""
        self.ensure_one()
        self._close_steps("failed")
        if self.cancel_requested:
            self._finish("cancelled", error)
        elif self.attempt >= self.max_attempts:
            self._finish("failed", error)
        else:
            self._wait_again(self._backoff_seconds() if delay is None else delay, error)

    def _release(self):
        """Handed back by a worker that stops: at once for the next one, and not
        counted as an attempt."""
        self.ensure_one()
        self._close_steps("failed")
        if self.cancel_requested:
            self._finish("cancelled")
        else:
            self.max_attempts += 1
            self._wait_again(0, None)

    def _wait_again(self, delay, error):
        self.ensure_one()
        twin = self.search(
            [
                ("app_id", "=", self.app_id.id),
                ("kind", "=", self.kind),
                ("state", "=", "pending"),
            ]
        )
        if twin:
            # Asked for again meanwhile: that job does the work.
            self._finish("cancelled", error)
            return
        self.write(
            {
                "state": "pending",
                "run_at": fields.Datetime.now() + timedelta(seconds=delay),
                "token": False,
                "lease_until": False,
                **self._error_values(error),
            }
        )
        if not delay:
            self._wake_workers()
        self.app_id._update_state()

    def _backoff_seconds(self):
        """10 s, doubled with every attempt up to 10 minutes, and up to a fifth more
        so that many failed jobs do not come back in one moment."""
        self.ensure_one()
        seconds = min(10 * 2 ** max(self.attempt - 1, 0), 600)
        return seconds * random.uniform(1.0, 1.2)

    def _close_steps(self, state):
        self.step_ids.filtered(lambda step: step.state == "running").state = state

    def _error_values(self, error):
        return {f"error_{name}": (error or {}).get(name) for name in ERROR_MEMBERS}

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
        if self:
            self.env["bus.bus"]._sendone(self._wake_channel(), WAKE_EVENT, {})

    # -- cron --------------------------------------------------------------------

    @api.model
    def _cron_watch(self):
        """Every minute: leases that ended, and workers and clusters unheard of."""
        self.sudo()._expire_leases()
        self.env["kubernetes.worker"].sudo()._mark_unseen()
