# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError


class KubernetesAppRelocate(models.TransientModel):
    """Begins the move of an app to another cluster, after it was said what goes along
    and what does not."""

    _name = "kubernetes.app.relocate"
    _description = "Move a Kubernetes App to Another Cluster"
    _inherit = ["kubernetes.record"]

    app_id = fields.Many2one("kubernetes.app", required=True, ondelete="cascade")
    from_cluster_id = fields.Many2one(
        related="app_id.cluster_id", related_sudo=False, string="From"
    )
    place_ids = fields.Many2many("kubernetes.cluster", compute="_compute_place_ids")
    cluster_id = fields.Many2one(
        "kubernetes.cluster",
        string="To",
        compute="_compute_cluster_id",
        store=True,
        readonly=False,
        domain="[('id', 'in', place_ids)]",
    )
    hostname = fields.Char(related="app_id.hostname", related_sudo=False)
    problem = fields.Text(
        string="What Stands in the Way", compute="_compute_problem", compute_sudo=True
    )
    is_elsewhere = fields.Boolean(
        compute="_compute_is_elsewhere",
        help="The new cluster's own addresses lie in another domain than the app's.",
    )
    data_is_left = fields.Boolean(
        string="The data stays behind, and I have seen to it where it is needed"
    )
    keep_volumes = fields.Boolean(
        string="Keep the volumes on the old cluster",
        default=True,
        help="Until somebody deletes them on the move's form.",
    )

    @api.depends("app_id")
    def _compute_place_ids(self):
        for wizard in self:
            places = wizard.app_id.sudo()._places_to_move()
            wizard.place_ids = places.with_env(self.env)._filtered_access("read")

    @api.depends("place_ids")
    def _compute_cluster_id(self):
        """The one of which least is asked for."""
        for wizard in self:
            wizard.cluster_id = wizard.cluster_id or wizard.place_ids[:1]

    @api.depends("app_id", "cluster_id")
    def _compute_problem(self):
        for wizard in self:
            wizard.problem = False
            if not wizard.place_ids:
                wizard.problem = self.env._(
                    "There is no other cluster that takes new apps and that the app's"
                    " package may run on."
                )
            elif wizard.cluster_id:
                try:
                    wizard.app_id._check_may_move(wizard.cluster_id)
                except UserError as error:
                    wizard.problem = str(error)

    @api.depends("cluster_id.domain", "hostname")
    def _compute_is_elsewhere(self):
        for wizard in self:
            domain = wizard.cluster_id.domain
            wizard.is_elsewhere = bool(domain and wizard.hostname) and not (
                wizard.hostname.endswith(f".{domain}")
            )

    def action_confirm(self):
        """Begin to move."""
        self.ensure_one()
        self.app_id._check_operator()
        if not self.cluster_id:
            raise UserError(
                self.env._("Choose the cluster that the app is to move to.")
            )
        self.cluster_id.check_access("read")
        if not self.data_is_left:
            raise UserError(
                self.env._(
                    "Nothing was begun: the app begins with empty volumes on the new"
                    " cluster. Tick that you have seen to its data."
                )
            )
        self.app_id._move_to(self.cluster_id, self.keep_volumes)
        return {"type": "ir.actions.act_window_close"}
