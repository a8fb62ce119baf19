# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError

# Of as many apps the wizard asks for comparisons by itself: they go before other jobs.
COMPARED_APPS = 50


class KubernetesAppRequest(models.TransientModel):
    """Says app by app what a request for one or several apps would change, and asks
    for it once."""

    _name = "kubernetes.app.request"
    _description = "Request for Kubernetes Apps"
    _inherit = ["kubernetes.record"]

    kind = fields.Selection(
        [
            ("deploy", "Apply"),
            ("stop", "Stop"),
            ("start", "Start"),
            ("restart", "Restart"),
        ],
        required=True,
    )
    line_ids = fields.One2many(
        "kubernetes.app.request.line", "request_id", string="Apps"
    )
    said = fields.Char(compute="_compute_said")
    is_at_work = fields.Boolean(compute="_compute_is_at_work")
    is_possible = fields.Boolean(compute="_compute_is_possible")
    is_idle = fields.Boolean(
        compute="_compute_is_idle", help="All were compared, and nothing would change."
    )
    is_mixed = fields.Boolean(
        compute="_compute_is_idle",
        help="Of those that were compared, something would change in some only.",
    )
    is_uncompared = fields.Boolean(
        compute="_compute_is_idle", help="They are too many to be compared unasked."
    )

    @api.depends("line_ids.job_id.state")
    def _compute_is_at_work(self):
        for request in self:
            states = request.line_ids.job_id.mapped("state")
            request.is_at_work = "pending" in states or "running" in states

    @api.depends("line_ids.refusal")
    def _compute_is_possible(self):
        for request in self:
            request.is_possible = bool(request._possible())

    @api.depends("line_ids.job_id.state", "line_ids.refusal")
    def _compute_is_idle(self):
        for request in self:
            lines = request._possible()
            changing = request._changing()
            compared = lines.filtered(lambda line: line.job_id.state == "done")
            request.is_idle = compared == lines and not changing
            request.is_mixed = bool(changing) and changing != lines
            request.is_uncompared = request.kind == "deploy" and not lines.job_id

    def _changing(self):
        """The lines in whose apps something would change, as a comparison has shown."""
        return self._possible().filtered(
            lambda line: line.job_id.state == "done" and line.change_count
        )

    def _possible(self):
        """The lines whose apps can be asked."""
        return self.line_ids.filtered(lambda line: not line.refusal)

    @api.depends("kind", "is_at_work", "line_ids.refusal", "line_ids.outcome")
    @api.depends_context("lang")
    def _compute_said(self):
        for request in self:
            possible = request._possible()
            refused = len(request.line_ids) - len(possible)
            parts = []
            if possible:
                parts.append(request._consequence(possible.app_id))
            if request.line_ids.job_id:
                parts.append(request._comparison(possible))
            if refused == 1:
                parts.append(self.env._("1 app is left out; the list says why."))
            elif refused:
                parts.append(
                    self.env._("%s apps are left out; the list says why.", refused)
                )
            request.said = " ".join(parts)

    def _consequence(self, apps):
        """What becomes of the apps that can be asked."""
        self.ensure_one()
        if len(apps) == 1:
            words = {
                "deploy": self.env._(
                    "%s will be deployed with its present manifests and values.",
                    apps.display_name,
                ),
                "stop": self.env._(
                    "%s will be stopped. It does not answer until it is started again;"
                    " its data stays.",
                    apps.display_name,
                ),
                "start": self.env._("%s will be started.", apps.display_name),
                "restart": self.env._(
                    "%s will be restarted. It does not answer meanwhile.",
                    apps.display_name,
                ),
            }
        else:
            words = {
                "deploy": self.env._(
                    "%s apps will be deployed with their present manifests and values.",
                    len(apps),
                ),
                "stop": self.env._(
                    "%s apps will be stopped. They do not answer until they are started"
                    " again; their data stays.",
                    len(apps),
                ),
                "start": self.env._("%s apps will be started.", len(apps)),
                "restart": self.env._(
                    "%s apps will be restarted. They do not answer meanwhile.",
                    len(apps),
                ),
            }
        return words[self.kind]

    def _comparison(self, lines):
        """How far the comparisons with the cluster are."""
        compared = lines.filtered(lambda line: line.job_id.state == "done")
        if self.is_at_work:
            return self.env._(
                "A worker compares them with the cluster: %(compared)s of %(all)s"
                " done.",
                compared=len(compared),
                all=len(lines),
            )
        changing = compared.filtered("change_count")
        return self.env._(
            "In %(changing)s of %(all)s something would change.",
            changing=len(changing),
            all=len(lines),
        )

    def _compare(self):
        """Ask for comparisons where they are few enough to be looked at."""
        self.ensure_one()
        if self.kind == "deploy" and len(self._possible()) <= COMPARED_APPS:
            self._compare_all()

    def _compare_all(self):
        lines = self._possible()
        jobs = lines.app_id._enqueue_all("diff").grouped("app_id")
        for line in lines:
            line._as_system().job_id = jobs[line.app_id]

    def action_compare(self):
        """Compare all of them, however many they are."""
        self.ensure_one()
        self.env["kubernetes.app"]._check_operator()
        self._compare_all()
        return self._action_open()

    def _action_open(self):
        self.ensure_one()
        label = self._kind_label()
        if len(self.line_ids) == 1:
            name = f"{label}: {self.line_ids.app_id.display_name}"
        else:
            name = self.env._(
                "%(job)s: %(count)s apps", job=label, count=len(self.line_ids)
            )
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
        }

    def _kind_label(self):
        return dict(self._fields["kind"]._description_selection(self.env))[self.kind]

    def action_confirm(self):
        """Ask for the jobs. Of several apps, show them: there they can be watched, and
        cancelled."""
        self.ensure_one()
        return self._confirm(self._possible().app_id)

    def action_confirm_changing(self):
        """The same only where something would change: what differs between Odoo and
        the cluster becomes as Odoo says, and all else is left alone."""
        self.ensure_one()
        return self._confirm(self._changing().app_id)

    def _confirm(self, apps):
        if not apps:
            raise UserError(
                self.env._("None of these apps can be asked for this; see the list.")
            )
        apps._ask_each(self.kind)
        if len(self.line_ids) == 1:
            return {"type": "ir.actions.act_window_close"}
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "kubernetes_hosting.kubernetes_job_action"
        )
        jobs = self.env["kubernetes.job"].search(
            [
                ("app_id", "in", apps.ids),
                ("kind", "in", ("deploy", self.kind)),
                ("state", "in", ("pending", "running")),
            ]
        )
        return {
            **action,
            "name": self._action_open()["name"],
            "domain": [("id", "in", jobs.ids)],
            "context": {},
        }


class KubernetesAppRequestLine(models.TransientModel):
    """What the request would make of one app."""

    _name = "kubernetes.app.request.line"
    _description = "Request for a Kubernetes App"
    _inherit = ["kubernetes.record"]

    request_id = fields.Many2one(
        "kubernetes.app.request", required=True, ondelete="cascade", index=True
    )
    app_id = fields.Many2one("kubernetes.app", required=True, ondelete="cascade")
    job_id = fields.Many2one(
        "kubernetes.job", string="Comparison", readonly=True, ondelete="cascade"
    )
    environment_id = fields.Many2one(
        related="app_id.environment_id", related_sudo=False
    )
    is_production = fields.Boolean(
        related="app_id.environment_id.is_production", related_sudo=False
    )
    partner_id = fields.Many2one(related="app_id.partner_id", related_sudo=False)
    hostname = fields.Char(related="app_id.hostname", related_sudo=False)
    state = fields.Selection(related="app_id.state", related_sudo=False)
    # As whoever looks, not as the system: the job may be somebody else's.
    change_count = fields.Integer(
        related="job_id.diff_change_count", related_sudo=False
    )
    diff_html = fields.Html(related="job_id.diff_html", related_sudo=False)
    refusal = fields.Text(compute="_compute_refusal")
    outcome = fields.Text(string="What Changes", compute="_compute_outcome")

    @api.depends("app_id", "request_id.kind")
    @api.depends_context("lang")
    def _compute_refusal(self):
        for kind, lines in self.grouped(lambda line: line.request_id.kind).items():
            refusals = lines.app_id._refusals(kind)
            for line in lines:
                line.refusal = refusals.get(line.app_id, False)

    @api.depends("refusal", "job_id.state", "job_id.error_message", "request_id.kind")
    @api.depends_context("lang")
    def _compute_outcome(self):
        words = {
            "deploy": self.env._("Is deployed"),
            "stop": self.env._("Is stopped"),
            "start": self.env._("Is started"),
            "restart": self.env._("Is restarted"),
        }
        for line in self:
            if line.refusal:
                line.outcome = line.refusal
            elif line.job_id:
                line.outcome = line._comparison()
            else:
                line.outcome = words.get(line.request_id.kind)

    def _comparison(self):
        """What the comparison has shown."""
        job = self.job_id
        if job.state in ("pending", "running"):
            return self.env._("Comparing …")
        if job.state == "done":
            return job.diff_summary
        return job._error_text() or self.env._("The comparison was cancelled.")
