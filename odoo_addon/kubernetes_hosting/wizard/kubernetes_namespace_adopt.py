# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields, models
from odoo.exceptions import UserError


class KubernetesNamespaceAdopt(models.TransientModel):
    """Takes a namespace over for an app, after the namespace's name was typed."""

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
    app_number = fields.Integer(related="found_id.app_number", related_sudo=False)
    app_uid = fields.Char(related="found_id.app_uid", related_sudo=False)
    created_at = fields.Datetime(related="found_id.created_at", related_sudo=False)
    app_id = fields.Many2one(
        "kubernetes.app",
        string="Take It Over for",
        domain="[('cluster_id', '=', cluster_id)]",
        context={"active_test": False},
        ondelete="cascade",
    )
    confirmed_name = fields.Char(
        string="Name of the Namespace", help="Type the namespace's name to confirm."
    )

    def action_adopt(self):
        self.ensure_one()
        if not self.app_id:
            raise UserError(
                self.env._("Choose the app that the namespace is to be taken over for.")
            )
        if (self.confirmed_name or "").strip() != self.found_id.name:
            raise UserError(
                self.env._(
                    "Nothing was taken over: type the namespace's name, %s, to"
                    " confirm.",
                    self.found_id.name,
                )
            )
        self.found_id._adopt(self.app_id)
        return {"type": "ir.actions.act_window_close"}


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
