# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError


class KubernetesNamespaceAdopt(models.TransientModel):
    """Takes a namespace over for an app, creates its app again or deletes it, after
    the namespace's name was typed."""

    _name = "kubernetes.namespace.adopt"
    _description = "Take Over a Namespace"
    _inherit = ["kubernetes.record"]

    found_id = fields.Many2one(
        "kubernetes.namespace.found", required=True, ondelete="cascade"
    )
    cluster_id = fields.Many2one(related="found_id.cluster_id", related_sudo=False)
    name = fields.Char(related="found_id.name", related_sudo=False, string="Name")
    app_name = fields.Char(related="found_id.app_name", related_sudo=False)
    environment_code = fields.Char(
        related="found_id.environment_code", related_sudo=False
    )
    created_at = fields.Datetime(related="found_id.created_at", related_sudo=False)
    choice = fields.Selection(
        [
            ("existing", "Take it over for an app that is here"),
            ("new", "Create its app again and take it over for that"),
            ("delete", "Delete it with all its data"),
        ],
        string="What to Do",
        required=True,
        default="existing",
    )
    new_name = fields.Char(
        string="App's Name", compute="_compute_new", store=True, readonly=False
    )
    new_environment_id = fields.Many2one(
        "kubernetes.environment",
        string="Environment",
        compute="_compute_new",
        store=True,
        readonly=False,
        ondelete="cascade",
    )
    new_partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        ondelete="cascade",
        help="The cluster does not say whose app it was.",
    )
    app_id = fields.Many2one(
        "kubernetes.app",
        string="Take It Over for",
        domain="[('cluster_id', '=', cluster_id)]",
        context={"active_test": False},
        ondelete="cascade",
    )
    confirmation = fields.Char(
        string="To Confirm, Type",
        compute="_compute_confirmation",
        help="The cluster and the namespace.",
    )
    confirmed_name = fields.Char(string="Confirmation")

    @api.depends("found_id")
    def _compute_confirmation(self):
        """Of two clusters' namespaces with one name, the other one is not meant."""
        for wizard in self:
            found = wizard.found_id
            wizard.confirmation = f"{found.cluster_id.name}/{found.name}"

    @api.depends("found_id")
    def _compute_new(self):
        """What the labels on the namespace say."""
        environments = self.env["kubernetes.environment"]
        for wizard in self:
            wizard.new_name = wizard.app_name
            wizard.new_environment_id = environments.search(
                [("code", "=", wizard.environment_code or "")], limit=1
            )

    def action_adopt(self):
        """Take the namespace over for the app that was chosen."""
        self.ensure_one()
        if not self.app_id:
            raise UserError(
                self.env._("Choose the app that the namespace is to be taken over for.")
            )
        self._check_confirmed()
        self.found_id._adopt(self.app_id)
        return {"type": "ir.actions.act_window_close"}

    def action_adopt_as_new(self):
        """Create the app again, take the namespace over for it, and open it."""
        self.ensure_one()
        if not (self.new_name and self.new_environment_id):
            raise UserError(
                self.env._("Enter the name and the environment that the app had.")
            )
        self._check_confirmed()
        app = self.found_id._adopt_as_new(
            self.new_name, self.new_environment_id, self.new_partner_id
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": app._name,
            "res_id": app.id,
            "views": [(False, "form")],
        }

    def action_delete(self):
        """Delete the namespace, and follow the job."""
        self.ensure_one()
        self._check_confirmed()
        job = self.found_id._remove()
        return {
            "type": "ir.actions.act_window",
            "res_model": job._name,
            "res_id": job.id,
            "views": [(False, "form")],
        }

    def _check_confirmed(self):
        if (self.confirmed_name or "").strip() != self.confirmation:
            raise UserError(
                self.env._(
                    "Nothing was done: type %s to confirm, the cluster and the"
                    " namespace.",
                    self.confirmation,
                )
            )


class KubernetesNamespaceAdoptAll(models.TransientModel):
    """Takes over, once and after they were seen, the namespaces that apps of this
    database had before apps had a UID."""

    _name = "kubernetes.namespace.adopt.all"
    _description = "Take Over Namespaces Without UID"
    _inherit = ["kubernetes.record"]

    found_ids = fields.Many2many(
        "kubernetes.namespace.found",
        string="Namespaces",
        domain=[("state", "=", "own")],
        default=lambda self: self.env["kubernetes.namespace.found"].search(
            [("state", "=", "own")]
        ),
    )

    def action_adopt(self):
        self.ensure_one()
        if any(found.state != "own" for found in self.found_ids):
            raise UserError(
                self.env._(
                    "Only namespaces whose app is known are taken over together."
                    " Choose an app for the others one by one."
                )
            )
        for found in self.found_ids:
            found._adopt(found.app_id)
        return {"type": "ir.actions.act_window_close"}
