# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.tools import format_datetime

# What becomes of a version, in the order in which it is told.
CHANGES = ("added", "changed", "restored", "gone")
# How many runs of a repository are kept.
KEPT_RUNS = 200


class KubernetesRepositoryRun(models.Model):
    """One index of a repository: what has changed, and what was wrong."""

    _name = "kubernetes.repository.run"
    _description = "Index Run of a Repository"
    _inherit = ["kubernetes.record"]
    _order = "id desc"

    repository_id = fields.Many2one(
        "kubernetes.repository",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        related="repository_id.company_id", store=True, index=True, precompute=True
    )
    state = fields.Selection(
        [("done", "Done"), ("failed", "Failed")], required=True, readonly=True
    )
    started_at = fields.Datetime(readonly=True)
    seconds = fields.Float(readonly=True, digits=(16, 1))
    worker_id = fields.Many2one(
        "kubernetes.worker", readonly=True, index="btree_not_null", ondelete="set null"
    )
    requested_by = fields.Many2one(
        "res.users",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="Empty: it was time.",
    )
    package_count = fields.Integer(string="Packages", readonly=True)
    changes = fields.Json(
        readonly=True,
        prefetch=False,
        help="What has become of versions: {word: [package and version]}.",
    )
    problems = fields.Json(string="Problems Found", readonly=True, prefetch=False)
    error = fields.Text(readonly=True)
    change_text = fields.Text(string="What Changed", compute="_compute_change_text")
    problem_count = fields.Integer(string="Problems", compute="_compute_problems")
    problem_html = fields.Html(
        string="What was Wrong", compute="_compute_problems", sanitize=False
    )

    @api.depends("started_at", "repository_id.name")
    @api.depends_context("lang", "tz")
    def _compute_display_name(self):
        zone = self.env.context.get("tz")
        for run in self:
            started = format_datetime(self.env, run.started_at, zone, "short")
            run.display_name = f"{run.repository_id.name} {started}".rstrip()

    @api.depends("changes")
    @api.depends_context("lang")
    def _compute_change_text(self):
        words = {
            "added": self.env._("New"),
            "changed": self.env._("Changed under the same version"),
            "restored": self.env._("Back again"),
            "gone": self.env._("Disappeared"),
        }
        for run in self:
            lines = [
                f"{words[word]}: {', '.join((run.changes or {})[word])}"
                for word in CHANGES
                if (run.changes or {}).get(word)
            ]
            run.change_text = "\n".join(lines)

    @api.depends("problems")
    @api.depends_context("lang")
    def _compute_problems(self):
        jobs = self.env["kubernetes.job"]
        for run in self:
            problems = run.problems or []
            run.problem_count = len(problems)
            run.problem_html = jobs._render_html(
                "kubernetes_hosting.package_problems",
                [jobs._problem_values(problem) for problem in problems],
            )

    @api.autovacuum
    def _gc_runs(self):
        """Of each repository the latest runs stay."""
        counts = self._read_group([], ["repository_id"], ["__count"])
        for repository, count in counts:
            if count > KEPT_RUNS:
                self.search(
                    [("repository_id", "=", repository.id)], offset=KEPT_RUNS
                ).unlink()
