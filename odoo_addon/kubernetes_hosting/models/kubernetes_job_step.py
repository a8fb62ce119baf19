# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models

from ..tools.told import show


class KubernetesJobStep(models.Model):
    """One line of a job's step log, as the worker reported it.

    ``message`` is English, for operators, who read it in their language as
    ``message_shown``; customers see ``label`` and state.
    """

    _name = "kubernetes.job.step"
    _description = "Step of a Kubernetes Job"
    _inherit = ["kubernetes.record"]
    _order = "job_id, attempt, number"

    job_id = fields.Many2one(
        "kubernetes.job", required=True, readonly=True, ondelete="cascade"
    )
    attempt = fields.Integer(required=True, readonly=True)
    worker_id = fields.Many2one(
        "kubernetes.worker",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="The worker of this attempt.",
    )
    number = fields.Integer(required=True, readonly=True)
    code = fields.Char(required=True, readonly=True)
    name = fields.Char(string="Step", compute="_compute_name")
    label = fields.Char(
        string="Customer's Words",
        compute="_compute_label",
        help="What a customer reads of the step.",
    )
    state = fields.Selection(
        [
            ("running", "Running"),
            ("done", "Done"),
            ("warning", "Warning"),
            ("failed", "Failed"),
        ],
        required=True,
        readonly=True,
    )
    started_at = fields.Datetime(readonly=True)
    seconds = fields.Float(readonly=True, digits=(16, 2))
    message = fields.Text(string="Message in English", readonly=True)
    message_words = fields.Json(readonly=True)
    message_shown = fields.Text(string="Message", compute="_compute_shown")

    _number_uniq = models.UniqueIndex("(job_id, attempt, number)")

    @api.depends("code")
    @api.depends_context("lang")
    def _compute_name(self):
        names = self._names()
        for step in self:
            step.name = names.get(step.code) or step.code

    @api.depends("message", "message_words")
    @api.depends_context("lang")
    def _compute_shown(self):
        show(self, "message")

    @api.model
    def _names(self):
        """The operators' words for each code; a newer worker may know more codes."""
        return {
            "fetching": self.env._("Fetch manifests"),
            "rendering": self.env._("Render manifests"),
            "namespace": self.env._("Namespace"),
            "applying": self.env._("Apply objects"),
            "pruning": self.env._("Prune objects"),
            "waiting": self.env._("Wait until ready"),
            "ingress": self.env._("Read the ingress"),
            "closing": self.env._("Delete Ingresses"),
            "deleting": self.env._("Delete objects"),
            "stopping": self.env._("Scale to zero"),
            "starting": self.env._("Scale back"),
            "restarting": self.env._("Restart workloads"),
            "resetting": self.env._("Run reset manifests"),
            "comparing": self.env._("Compare with the cluster"),
            "password": self.env._("Encrypt the password"),
            "adopting": self.env._("Take the namespace over"),
            "indexing": self.env._("Read the packages"),
            "domains": self.env._("Look at the DNS"),
        }

    @api.depends("code")
    @api.depends_context("lang")
    def _compute_label(self):
        labels = self._labels()
        for step in self:
            step.label = labels.get(step.code) or self.env._("Working")

    @api.model
    def _labels(self):
        """The customer's words for each code; a newer worker may know more codes."""
        return {
            "fetching": self.env._("Gathering what your app needs"),
            "rendering": self.env._("Preparing the configuration"),
            "namespace": self.env._("Reserving the space"),
            "applying": self.env._("Installing"),
            "pruning": self.env._("Tidying up"),
            "waiting": self.env._("Starting the app"),
            "ingress": self.env._("Connecting the address"),
            "closing": self.env._("Closing the address"),
            "deleting": self.env._("Removing the app"),
            "stopping": self.env._("Stopping the app"),
            "starting": self.env._("Starting the app"),
            "restarting": self.env._("Restarting the app"),
            "resetting": self.env._("Resetting the data"),
            "comparing": self.env._("Checking for changes"),
            "password": self.env._("Fetching your password"),
            "adopting": self.env._("Checking for changes"),
            # No app of a customer's has such a job.
            "indexing": self.env._("Working"),
            "domains": self.env._("Checking your domains"),
        }

    def _customer_values(self):
        """What a customer sees of the step."""
        self.ensure_one()
        states = {
            "running": self.env._("in progress"),
            "done": self.env._("done"),
            "warning": self.env._("done, with a remark"),
            "failed": self.env._("did not work"),
        }
        return {
            "label": self.label,
            "state": self.state,
            "state_label": states[self.state],
        }
