# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models


class KubernetesAppApply(models.TransientModel):
    """Shows what a deploy would change, as a worker compares it with the cluster, and
    deploys after that."""

    _name = "kubernetes.app.apply"
    _description = "Apply a Kubernetes App"
    _inherit = ["kubernetes.record"]

    app_id = fields.Many2one("kubernetes.app", required=True, ondelete="cascade")
    job_id = fields.Many2one(
        "kubernetes.job", string="Comparison", readonly=True, ondelete="cascade"
    )
    # As whoever looks, not as the system: the job may be somebody else's.
    job_state = fields.Selection(related="job_id.state", related_sudo=False)
    is_at_work = fields.Boolean(compute="_compute_is_at_work")
    is_worker_missing = fields.Boolean(compute="_compute_is_at_work")
    cluster_name = fields.Char(related="app_id.cluster_id.name", related_sudo=False)
    change_count = fields.Integer(
        related="job_id.diff_change_count", related_sudo=False
    )
    said = fields.Char(compute="_compute_said")
    diff_html = fields.Html(related="job_id.diff_html", related_sudo=False)
    error_text = fields.Text(compute="_compute_error_text")

    @api.depends(
        "job_id.state",
        "app_id.cluster_id.worker_ids.state",
        "app_id.cluster_id.worker_ids.announced_cluster_ids",
    )
    def _compute_is_at_work(self):
        for wizard in self:
            at_work = wizard.job_id.state in ("pending", "running")
            wizard.is_at_work = at_work
            wizard.is_worker_missing = at_work and not wizard.app_id._online_workers()

    @api.depends("job_id.error_message", "job_id.error_hint")
    def _compute_error_text(self):
        for wizard in self:
            job = wizard.job_id
            wizard.error_text = job._error_text() if job.state == "failed" else False

    @api.depends("job_id.state", "app_id.display_name")
    @api.depends_context("lang")
    def _compute_said(self):
        """How things stand, in a sentence that is always there to be spoken."""
        for wizard in self:
            job = wizard.job_id
            if job.state == "done":
                said = job.diff_summary
                if job.diff_change_count:
                    said += " " + self.env._("Secret values are masked.")
            elif job.state == "failed":
                said = self.env._("The comparison failed.")
            elif job.state == "cancelled":
                said = self.env._("The comparison was cancelled.")
            else:
                said = self.env._(
                    "A worker renders the manifests and compares them with the"
                    " cluster …"
                )
            wizard.said = said

    def _action_open(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Apply %s", self.app_id.display_name),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    def action_compare(self):
        """Ask for a comparison with the present manifests and values."""
        self.ensure_one()
        self.app_id._check_operator()
        self.app_id._check_manifests()
        self._as_system().job_id = self.app_id._enqueue("diff")
        return self._action_open()

    def action_confirm(self):
        self.ensure_one()
        self.app_id.action_apply()
        return {"type": "ir.actions.act_window_close"}
