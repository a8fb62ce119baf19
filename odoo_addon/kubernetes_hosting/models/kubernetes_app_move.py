# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.sentences import JOB_CANCELLED
from ..tools.told import show, told, told_values

# The steps in their order, of which a move has what its app needs.
STEPS = ("check", "deploy", "switch", "delete", "undo")
# A move in these states is not at its end.
OPEN = ("running", "failed")
# After these of its jobs the app is not in the other cluster as it is here any more.
OUTDATING_KINDS = ("deploy", "reset")


class KubernetesAppMove(models.Model):
    """The way of one app from its cluster to another one.

    Its steps are made when it begins, and ``_go_on`` does what comes next until it
    waits for a job: whoever is killed on the way, the lines say where it stands. Until
    the step ``switch`` the app is in its old cluster and all that is in the new one can
    be taken back; from then on it is in the new one, and what is left in the old one
    only waits to be deleted.
    """

    _name = "kubernetes.app.move"
    _description = "Move of an App to Another Cluster"
    _inherit = ["kubernetes.live"]
    _order = "id desc"

    app_id = fields.Many2one(
        "kubernetes.app", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="app_id.company_id", store=True, index=True)
    from_cluster_id = fields.Many2one(
        "kubernetes.cluster",
        string="From",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    to_cluster_id = fields.Many2one(
        "kubernetes.cluster",
        string="To",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    from_namespace_id = fields.Many2one(
        "kubernetes.namespace",
        string="Old Namespace",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    to_namespace_id = fields.Many2one(
        "kubernetes.namespace",
        string="New Namespace",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    from_namespace_state = fields.Selection(
        related="from_namespace_id.state",
        related_sudo=False,
        string="Old Namespace's State",
    )
    state = fields.Selection(
        [
            ("running", "Under Way"),
            ("failed", "Failed"),
            ("done", "Done"),
            ("cancelled", "Cancelled"),
        ],
        required=True,
        default="running",
        readonly=True,
    )
    is_cancelling = fields.Boolean(
        string="Being Taken Back",
        readonly=True,
        help="Somebody has cancelled it: what was made in the new cluster goes.",
    )
    is_switched = fields.Boolean(
        string="Switched",
        readonly=True,
        help="The app is in the new cluster. From then on the move can only be"
        " finished.",
    )
    keep_volumes = fields.Boolean(
        string="Keep the Old Volumes",
        readonly=True,
        help="The volumes in the old cluster stay until somebody deletes them here.",
    )
    requested_by = fields.Many2one(
        "res.users", readonly=True, index="btree_not_null", ondelete="set null"
    )
    finished_at = fields.Datetime(readonly=True)
    from_inventory = fields.Json(readonly=True, prefetch=False)
    to_inventory = fields.Json(readonly=True, prefetch=False)
    step_ids = fields.One2many(
        "kubernetes.app.move.step", "move_id", string="Steps", readonly=True
    )
    step_id = fields.Many2one(
        "kubernetes.app.move.step", string="Step", compute="_compute_step_id"
    )
    step_message = fields.Text(compute="_compute_step_id")
    job_ids = fields.One2many("kubernetes.job", "move_id", readonly=True)

    _open_uniq = models.UniqueIndex(
        "(app_id) WHERE state IN ('running', 'failed')",
        "The app is being moved already.",
    )

    @api.depends("app_id.display_name", "to_cluster_id.name")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for move in self:
            move.display_name = self.env._(
                "%(app)s to %(cluster)s",
                app=move.app_id.display_name,
                cluster=move.to_cluster_id.name,
            )

    @api.depends("state", "step_ids.state", "step_ids.message")
    @api.depends_context("lang")
    def _compute_step_id(self):
        """Where it stands: at what is to be done next, or at what failed."""
        for move in self:
            begun = move.step_ids.sorted("sequence, id").filtered(
                lambda step: step.state != "cancelled"
            )
            step = move._next_step()
            if move.state == "failed":
                step = begun.filtered(lambda step: step.state == "failed").sorted("id")
            move.step_id = step[-1:] or begun[-1:]
            move.step_message = move.step_id.message_shown

    def _next_step(self):
        """The step that is under way, or is to be begun; empty at the end."""
        self.ensure_one()
        steps = self.step_ids.sorted("sequence, id")
        return steps.filtered(lambda step: step.state in ("waiting", "running"))[:1]

    def _is_cancellable(self):
        return self.state in OPEN and not self.is_cancelling and not self.is_switched

    def _text(self):
        """Where it stands, in a sentence and what went wrong; empty without a move."""
        if not self:
            return ""
        values = {
            "cluster": self.to_cluster_id.name,
            "step": self.step_id._label(),
            "state": self.step_id._state_label(),
        }
        if self.is_cancelling:
            text = self.env._(
                "The move to %(cluster)s is being taken back: %(step)s (%(state)s)",
                **values,
            )
        else:
            text = self.env._(
                "Is being moved to %(cluster)s: %(step)s (%(state)s)", **values
            )
        return "\n".join(filter(None, [text, self.step_message]))

    # -- beginning ---------------------------------------------------------------

    @api.model
    def _begin(self, app, cluster, keep_volumes):
        """Begin to move ``app``, which may be moved there; return the move."""
        system = app._as_system()
        move = self._as_system().create(
            {
                "app_id": app.id,
                "from_cluster_id": system.cluster_id.id,
                "from_namespace_id": system.namespace_id.id,
                "to_cluster_id": cluster.id,
                "to_namespace_id": self.env["kubernetes.namespace"]
                ._reserve(system, cluster)
                .id,
                "keep_volumes": keep_volumes,
                "requested_by": self.env.uid,
            }
        )
        move.to_namespace_id.moving_uid = system.uid
        for kind in ("check", "deploy", "switch", "delete"):
            move._add_step(kind)
        # Who asked has checked it just now.
        move.step_ids[0]._end("done")
        app._log(
            self.env._(
                "Move from the cluster %(old)s to %(new)s requested",
                old=system.cluster_id.name,
                new=cluster.sudo().name,
            )
        )
        move._go_on()
        return move

    def _add_step(self, kind):
        self.ensure_one()
        return self.step_ids.create(
            {"move_id": self.id, "kind": kind, "sequence": STEPS.index(kind)}
        )

    # -- going on ----------------------------------------------------------------

    def _go_on(self):
        """Do what comes next, until it waits for a job, has failed or is at its end.
        Does nothing while a job is at work."""
        self.ensure_one()
        while self.state == "running":
            step = self._next_step()
            if not step:
                self._finish()
            elif step.state == "running":
                break
            else:
                getattr(self, f"_do_{step.kind}")(step)
        self._changed()
        self.app_id._changed()

    def _do_deploy(self, step):
        step._ask("move_in", self.to_cluster_id)

    def _do_switch(self, step):
        """From here on the app is in the new cluster."""
        if self._is_outdated():
            self._add_step("deploy")
            return
        self.is_switched = True
        self.from_inventory = self.app_id.inventory
        self.from_namespace_id.moving_uid = self.app_id.uid
        self.to_namespace_id.moving_uid = False
        self.app_id._take_place(self)
        step._end("done")

    def _do_delete(self, step):
        step._ask("move_out", self.from_cluster_id, {"keep_volumes": self.keep_volumes})

    def _do_undo(self, step):
        if self.to_namespace_id.state == "new":
            # Nothing was made there.
            self.to_namespace_id.state = "deleted"
            step._end("done")
            return
        step._ask("move_out", self.to_cluster_id, {"keep_volumes": False})

    def _is_outdated(self):
        """Whether the app was deployed here again after it was deployed there."""
        last = self.job_ids.filtered(lambda job: job.kind == "move_in").sorted("id")
        return bool(
            self.app_id._jobs(
                [
                    ("id", ">", last[-1:].id),
                    ("kind", "in", OUTDATING_KINDS),
                    ("attempt", ">", 0),
                ],
                limit=1,
            )
        )

    def _finish(self):
        self.write(
            {
                "state": "cancelled" if self.is_cancelling else "done",
                "finished_at": fields.Datetime.now(),
            }
        )
        namespaces = self.from_namespace_id | self.to_namespace_id
        # What is kept stays known as the app's.
        namespaces.filtered(lambda n: n.state != "kept").moving_uid = False
        # The company's language: a worker has none, and everybody reads the chatter.
        lang = self.company_id.sudo().partner_id.lang or self.env.lang
        env = self.with_context(lang=lang).env
        names = {"old": self.from_cluster_id.name, "new": self.to_cluster_id.name}
        self.app_id._log(
            env._("Move from %(old)s to %(new)s cancelled", **names)
            if self.is_cancelling
            else env._("Moved from %(old)s to %(new)s", **names)
        )

    # -- what comes of its jobs --------------------------------------------------

    def _after_move_in(self, job, result):
        """The app is deployed there."""
        self._step_of(job)._end("done")
        self._go_on()

    def _after_move_out(self, job, result):
        """The app is gone from there, but for its volumes where they are kept."""
        deleted = result is None or result["namespace_deleted"]
        namespace = self._namespace_of(job)
        namespace.state = "deleted" if deleted else "kept"
        if deleted:
            namespace.moving_uid = False
        self._step_of(job)._end("done")
        self._go_on()

    def _after_failed(self, job):
        self._step_failed(job, job._error_told())

    def _after_cancelled(self, job):
        if self.is_cancelling and job.kind == "move_in":
            self._step_of(job)._end("cancelled")
            self._go_on()
        else:
            self._step_failed(job, told(JOB_CANCELLED))

    def _step_failed(self, job, message):
        """It waits for somebody from now on. Once it is at its end, only a deletion of
        what was kept can fail."""
        self._step_of(job)._end("failed", message)
        if self.state == "running":
            self.state = "failed"
        self._changed()
        self.app_id._changed()

    def _step_of(self, job):
        return self.step_ids.filtered(lambda step: step.job_id == job)

    def _namespace_of(self, job):
        """The namespace that one of its jobs is about."""
        there = job.cluster_id == self.to_cluster_id
        return self.to_namespace_id if there else self.from_namespace_id

    def _take_inventory(self, job, inventory):
        """What a worker says that is left or was brought there."""
        there = job.cluster_id == self.to_cluster_id
        self["to_inventory" if there else "from_inventory"] = inventory

    def _job_values(self, job):
        """Where one of its jobs is done, as the contract has it: what differs from the
        app's own place."""
        self.ensure_one()
        app, cluster = self.app_id, job.cluster_id
        there = cluster == self.to_cluster_id
        siblings = app.search(app._sibling_domain(cluster))
        inventory = self.to_inventory if there else self.from_inventory
        values = {
            "app": {
                "namespace": self._namespace_of(job).name,
                "url": app._url_on(cluster),
                "siblings": app._sibling_namespaces(siblings, cluster),
                "inventory": inventory or [],
            },
            "production": app._production_values(siblings, cluster),
        }
        if job.kind == "move_in":
            values["options"] = {
                "from": {
                    "cluster": self.from_cluster_id.name,
                    "namespace": self.from_namespace_id.name,
                }
            }
        return values

    # -- being asked -------------------------------------------------------------

    def _check_operator(self):
        self.app_id._check_operator()

    def action_retry(self):
        """Go on from the step that failed."""
        self._check_operator()
        for move in self.sudo():
            if move.state != "failed":
                raise UserError(
                    self.env._(
                        "The move of %s has not failed; there is nothing to retry.",
                        move.app_id.display_name,
                    )
                )
            move._as_system()._retry()
            move.with_user(self.env.user).sudo().app_id._log(
                self.env._("Move to %s retried", move.to_cluster_id.name)
            )

    def _retry(self):
        self.ensure_one()
        self._add_step(self.step_id.kind)
        self.state = "running"
        self._go_on()

    def action_cancel(self):
        """Take back what was made in the new cluster; the app stays where it is."""
        self._check_operator()
        for move in self.sudo():
            if not move._is_cancellable():
                raise UserError(
                    self.env._(
                        "The move of %s cannot be cancelled any more: its app is in the"
                        " new cluster already, or nothing is under way. To bring it"
                        " back, finish this move and move it again.",
                        move.app_id.display_name,
                    )
                )
            move._as_system()._cancel()
            move.with_user(self.env.user).sudo().app_id._log(
                self.env._("Move to %s is being cancelled", move.to_cluster_id.name)
            )

    def _cancel(self):
        self.ensure_one()
        self.write({"is_cancelling": True, "state": "running"})
        self.step_ids.filtered(lambda step: step.state == "waiting")._end("cancelled")
        self._add_step("undo")
        self._live_jobs()._cancel()
        self._go_on()

    def action_delete_volumes(self):
        """Delete what was kept in the old cluster."""
        self._check_operator()
        for move in self.sudo():
            if move.from_namespace_state != "kept" or move._live_jobs():
                raise UserError(
                    self.env._(
                        "No volumes of %s are kept in its old cluster, or they are"
                        " being deleted already.",
                        move.app_id.display_name,
                    )
                )
            step = move._as_system()._add_step("delete")
            step._ask("move_out", move.from_cluster_id, {"keep_volumes": False})
            move.with_user(self.env.user).sudo().app_id._log(
                self.env._(
                    "Deletion of the volumes kept on %s requested",
                    move.from_cluster_id.name,
                )
            )

    def _app_deleted(self):
        """The app is to be deleted: a move does not bring it anywhere any more."""
        for move in self.filtered(lambda move: move.state in OPEN):
            if move._is_cancellable():
                move._cancel()
            elif move.state == "failed":
                move._retry()

    def _live_jobs(self):
        return self.job_ids.filtered(lambda job: job.state in ("pending", "running"))

    @api.model
    def _go_on_left(self):
        """Go on where a step's job came to its end and what follows from it did not,
        as when Odoo was killed in between."""
        steps = self.env["kubernetes.app.move.step"].search(
            [
                ("state", "=", "running"),
                ("job_id.state", "in", ("done", "failed", "cancelled")),
            ]
        )
        for step in steps:
            job, move = step.job_id, step.move_id
            kind = job.kind if job.state == "done" else job.state
            arguments = (job, None) if job.state == "done" else (job,)
            move._run_isolated(getattr(move, f"_after_{kind}"), *arguments)


class KubernetesAppMoveStep(models.Model):
    """One line of a move's story."""

    _name = "kubernetes.app.move.step"
    _description = "Step of a Move"
    _inherit = ["kubernetes.record"]
    _order = "move_id, sequence, id"
    _rec_name = "kind"

    move_id = fields.Many2one(
        "kubernetes.app.move",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    sequence = fields.Integer(required=True, readonly=True)
    kind = fields.Selection(
        [
            ("check", "Check the new cluster"),
            ("deploy", "Deploy there, with the same values and passwords"),
            ("switch", "Switch the address"),
            ("delete", "Delete in the old cluster"),
            ("undo", "Take back what was made in the new cluster"),
        ],
        string="Step",
        required=True,
        readonly=True,
    )
    state = fields.Selection(
        [
            ("waiting", "Waiting"),
            ("running", "Running"),
            ("done", "Done"),
            ("failed", "Failed"),
            ("cancelled", "Left Out"),
        ],
        required=True,
        default="waiting",
        readonly=True,
    )
    started_at = fields.Datetime(readonly=True)
    finished_at = fields.Datetime(readonly=True)
    job_id = fields.Many2one(
        "kubernetes.job", readonly=True, index="btree_not_null", ondelete="set null"
    )
    message = fields.Text(string="Message as Told", readonly=True)
    message_words = fields.Json(readonly=True)
    message_shown = fields.Text(string="Message", compute="_compute_shown")

    @api.depends("message", "message_words")
    @api.depends_context("lang")
    def _compute_shown(self):
        show(self, "message")

    def _label(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        return labels.get(self.kind, "")

    def _state_label(self):
        labels = dict(self._fields["state"]._description_selection(self.env))
        return labels.get(self.state, "")

    def _ask(self, kind, cluster, options=None):
        """Begin this step with a job of ``kind`` in ``cluster``."""
        self.ensure_one()
        move = self.move_id
        job = self.env["kubernetes.job"].create(
            {
                "kind": kind,
                "app_id": move.app_id.id,
                "move_id": move.id,
                "cluster_id": cluster.id,
                "options": options or {},
                "requested_by": move.requested_by.id,
            }
        )
        self.write(
            {
                "state": "running",
                "started_at": fields.Datetime.now(),
                "job_id": job.id,
            }
        )

    def _end(self, state, message=False):
        now = fields.Datetime.now()
        for step in self:
            step.write(
                {
                    "state": state,
                    "started_at": step.started_at or (state != "cancelled" and now),
                    "finished_at": now,
                    **told_values("message", message),
                }
            )
