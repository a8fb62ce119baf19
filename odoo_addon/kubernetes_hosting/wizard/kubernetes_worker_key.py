# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.base.models.res_users import check_identity

VALID_DAYS = 365
OVERLAP_DAYS = 7


class KubernetesWorkerKeyCreate(models.TransientModel):
    """Asks how long a new key is to be good, and how long the earlier ones stay so."""

    _name = "kubernetes.worker.key.create"
    _description = "Create a Key of a Kubernetes Worker"
    _inherit = ["kubernetes.record"]

    worker_id = fields.Many2one("kubernetes.worker", required=True, ondelete="cascade")
    valid_days = fields.Integer(string="Valid for Days", default=VALID_DAYS)
    has_earlier = fields.Boolean(compute="_compute_has_earlier")
    overlap_days = fields.Integer(
        string="Earlier Keys Stay Valid for Days",
        default=OVERLAP_DAYS,
        help="0: they are revoked at once, and the worker stops until it has the new"
        " key.",
    )

    @api.depends("worker_id")
    def _compute_has_earlier(self):
        for wizard in self:
            wizard.has_earlier = bool(wizard.worker_id.key_ids)

    @check_identity
    def action_create(self):
        """Make the key and show it once."""
        self.ensure_one()
        self.worker_id.check_access("write")
        self.worker_id._check_shared_clusters()
        if not 1 <= self.valid_days <= 3650:
            raise UserError(self.env._("A key is valid for 1 to 3650 days."))
        if not 0 <= self.overlap_days <= 365:
            raise UserError(
                self.env._("Earlier keys can stay valid for 0 to 365 days.")
            )
        key = self.worker_id._create_key(
            timedelta(days=self.valid_days), timedelta(days=self.overlap_days)
        )
        keys = self.worker_id.sudo().key_ids.sorted("id", reverse=True)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Key of the Worker %s", self.worker_id.name),
            "res_model": "kubernetes.worker.key.show",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_key": key,
                "default_expires_at": keys[:1].expires_at,
                "default_earlier_until": max(keys[1:].mapped("expires_at"), default=0),
            },
        }


class KubernetesWorkerKeyShow(models.AbstractModel):
    """Shows a new key once. Abstract: the key is never stored, not for a moment."""

    _name = "kubernetes.worker.key.show"
    _description = "New Key of a Kubernetes Worker"

    # The web client asks for an id; there is no record to have one.
    id = fields.Id()
    key = fields.Char(readonly=True)
    expires_at = fields.Datetime(string="Valid Until", readonly=True)
    earlier_until = fields.Datetime(string="Earlier Keys Until", readonly=True)
