# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from psycopg2.errors import UniqueViolation

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import mute_logger


class KubernetesHostname(models.Model):
    """A hostname that is taken. The unique index decides between two who want it."""

    _name = "kubernetes.hostname"
    _description = "Kubernetes Hostname"
    _inherit = ["kubernetes.record"]
    _rec_name = "hostname"
    _order = "hostname"

    hostname = fields.Char(required=True, readonly=True)
    app_name = fields.Char(required=True, readonly=True)
    environment_id = fields.Many2one(
        "kubernetes.environment",
        required=True,
        readonly=True,
        ondelete="restrict",
        index=True,
    )
    cluster_id = fields.Many2one(
        "kubernetes.cluster",
        required=True,
        readonly=True,
        ondelete="restrict",
        index=True,
    )
    app_id = fields.Many2one(
        "kubernetes.app", readonly=True, index=True, ondelete="cascade"
    )

    company_id = fields.Many2one(
        "res.company", compute="_compute_company_id", store=True, index=True
    )

    _hostname_uniq = models.UniqueIndex(
        "(hostname)", "This name is already taken. Please choose another one."
    )

    @api.depends("app_id.company_id")
    def _compute_company_id(self):
        """Whose name it is; others learn that it is taken, and nothing more."""
        for hostname in self:
            hostname.company_id = hostname.app_id.company_id

    @api.model
    def _is_available(self, cluster, name, environments, ignore=None):
        """Whether no hostname of ``name`` in ``environments`` is taken.

        ``ignore`` are records that the asker holds already. An answer for people who
        are typing: only ``_take`` decides.
        """
        hostnames = [
            environment._hostname(cluster, name) for environment in environments
        ]
        taken = self.sudo().search([("hostname", "in", hostnames)])
        return not (taken - ignore if ignore else taken)

    @api.model
    def _take(self, cluster, name, environments, values=None):
        """Take the hostnames of the app ``name`` in ``environments`` on ``cluster``.

        All or none. ``values`` go into every record and say who holds them, for
        example ``{"app_id": 7}``. Returns the records; raises a ValidationError that a
        customer can read when the name breaks a rule or is taken.
        """
        self.env["kubernetes.app"]._check_app_name(name)
        if not cluster:
            raise ValidationError(
                self.env._(
                    "There is no place at the moment where your app could run. Please"
                    " contact us."
                )
            )
        vals_list = [
            {
                "hostname": environment._hostname(cluster, name),
                "app_name": name,
                "environment_id": environment.id,
                "cluster_id": cluster.id,
                **(values or {}),
            }
            for environment in environments
        ]
        # One order for all, so that two who want the same names never deadlock.
        vals_list.sort(key=lambda vals: vals["hostname"])
        try:
            with self.env.cr.savepoint(), mute_logger("odoo.sql_db"):
                return self.sudo().create(vals_list)
        except UniqueViolation as error:
            raise ValidationError(
                self.env._(
                    "The name “%s” is already taken. Please choose another one.", name
                )
            ) from error
