# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_datetime


class KubernetesAppRestore(models.TransientModel):
    """Shows how what a job has deployed differs from what an app is to be now, and
    restores the app to it."""

    _name = "kubernetes.app.restore"
    _description = "Restore a Kubernetes App"
    _inherit = ["kubernetes.record"]

    job_id = fields.Many2one("kubernetes.job", required=True, ondelete="cascade")
    app_id = fields.Many2one(related="job_id.app_id", related_sudo=False)
    changes = fields.Json(
        readonly=True, help="What was shown to whoever restores, as in the contract."
    )
    changes_html = fields.Html(compute="_compute_changes_html", sanitize=False)
    said = fields.Char(compute="_compute_said")
    missing_secrets = fields.Char(compute="_compute_missing_secrets")

    @api.depends("changes")
    @api.depends_context("lang")
    def _compute_changes_html(self):
        for wizard in self:
            wizard.changes_html = wizard.job_id._render_diff(wizard.changes or [])

    @api.depends("changes", "job_id.finished_at")
    @api.depends_context("lang", "tz")
    def _compute_said(self):
        for wizard in self:
            moment = format_datetime(
                self.env, wizard.job_id.finished_at, dt_format="short"
            )
            wizard.said = (
                self.env._("As deployed on %s, the following would change.", moment)
                if wizard.changes
                else self.env._(
                    "Nothing would change: values and manifests are as deployed on %s.",
                    moment,
                )
            )

    @api.depends("job_id.deployed", "app_id.secret_id.line_ids.key")
    def _compute_missing_secrets(self):
        for wizard in self:
            missing = wizard.app_id._missing_secrets(wizard.job_id)
            wizard.missing_secrets = ", ".join(missing)

    def _action_open(self):
        """Look at what would change, and show it."""
        self.ensure_one()
        self.app_id._check_may_restore(self.job_id)
        self._as_system().changes = self.app_id._restore_changes(self.job_id)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Restore %s", self.app_id.display_name),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    def action_look(self):
        """Look again."""
        self.app_id._check_operator()
        return self._action_open()

    def action_confirm(self):
        self.ensure_one()
        self.app_id._check_operator()
        self.app_id._check_may_restore(self.job_id)
        if (self.changes or []) != self.app_id._restore_changes(self.job_id):
            raise UserError(
                self.env._(
                    "The app has been changed since you looked at the difference. Press"
                    " “Look Again”, then “Restore and Apply”."
                )
            )
        self.app_id._restore(self.job_id)
        return {"type": "ir.actions.act_window_close"}
