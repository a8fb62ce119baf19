# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from .kubernetes_limits import USER


class KubernetesNodePort(models.Model):
    """A port of every node of a cluster that one app has: reserved when the app is
    made, and free again when the app is deleted."""

    _name = "kubernetes.node.port"
    _description = "Node Port of a Kubernetes App"
    _inherit = ["kubernetes.record"]
    _order = "cluster_id, number"
    _rec_name = "number"

    cluster_id = fields.Many2one(
        "kubernetes.cluster", required=True, readonly=True, ondelete="cascade"
    )
    number = fields.Integer(required=True, readonly=True)
    app_id = fields.Many2one(
        "kubernetes.app", required=True, readonly=True, index=True, ondelete="cascade"
    )

    _number_uniq = models.UniqueIndex(
        "(cluster_id, number)", "Another app has this node port already."
    )

    @api.model
    def _take(self, app, count):
        """Reserve the lowest ``count`` free ports of the app's cluster for it. Who takes
        the same ones at the same moment is told by PostgreSQL to begin again, as Odoo
        then does."""
        cluster = app.cluster_id
        first, last = cluster._node_ports()
        self.env.flush_all()
        taken = self.env.execute_query(
            SQL(
                """
                INSERT INTO kubernetes_node_port
                    (cluster_id, app_id, number, create_uid, write_uid,
                     create_date, write_date)
                SELECT %(cluster)s, %(app)s, free.number, %(user)s, %(user)s,
                    now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
                FROM generate_series(%(first)s, %(last)s) AS free (number)
                WHERE NOT EXISTS (
                    SELECT FROM kubernetes_node_port port
                    WHERE port.cluster_id = %(cluster)s
                        AND port.number = free.number
                )
                ORDER BY free.number
                LIMIT %(count)s
                ON CONFLICT DO NOTHING
                RETURNING id
                """,
                cluster=cluster.id,
                app=app.id,
                user=self.env.uid,
                first=first,
                last=last,
                count=count,
            )
        )
        if len(taken) < count:
            raise UserError(
                self.env._(
                    "The cluster “%(cluster)s” has no %(count)s free node ports for"
                    " %(app)s: %(free)s are left. An administrator widens the range"
                    " under “Node Ports” of the cluster's policy, or deletes apps that"
                    " have some.",
                    cluster=cluster.name,
                    count=count,
                    app=app.display_name,
                    free=len(taken),
                )
            )
        self.invalidate_model()


class KubernetesCluster(models.Model):
    """Which ports of its nodes apps may have."""

    # What concerns ports is together.
    # pylint: disable-next=consider-merging-classes-inherited
    _inherit = "kubernetes.cluster"

    node_port_range = fields.Char(
        string="Node Ports",
        tracking=True,
        help="The ports of the nodes that apps may have, such as 30000-30085: within"
        " the range of the API server (--service-node-port-range), and taken by nobody"
        " else. Each app has ports of its own; their numbers are the variable"
        " node_ports. Empty: none.",
    )
    free_node_ports = fields.Integer(compute="_compute_free_node_ports")

    @api.constrains("node_port_range")
    def _check_node_port_range(self):
        for cluster in self:
            text = cluster.node_port_range
            first, last = cluster._node_ports()
            if text and not 0 < first <= last < 65536:
                raise ValidationError(
                    self.env._(
                        "“%s” is no range of ports: write the first and the last one,"
                        " such as 30000-30085.",
                        text,
                    )
                )

    def _node_ports(self):
        """The first and the last port; where there are none, the last is the lower
        one."""
        self.ensure_one()
        found = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", self.node_port_range or "")
        return tuple(map(int, found.groups())) if found else (0, -1)

    @api.depends("node_port_range")
    def _compute_free_node_ports(self):
        for cluster in self:
            first, last = cluster._node_ports()
            taken = self.env["kubernetes.node.port"].sudo()
            cluster.free_node_ports = max(
                last
                - first
                + 1
                - taken.search_count(
                    [
                        ("cluster_id", "=", cluster.id),
                        ("number", ">=", first),
                        ("number", "<=", last),
                    ]
                ),
                0,
            )


class KubernetesApp(models.Model):
    """An app may have ports of the nodes."""

    # What concerns ports is together.
    # pylint: disable-next=consider-merging-classes-inherited
    _inherit = "kubernetes.app"

    node_port_ids = fields.One2many(
        "kubernetes.node.port", "app_id", copy=False, groups=USER
    )
    node_ports = fields.Json(
        readonly=True,
        copy=False,
        groups=USER,
        help="The ports of the nodes that are the app's: of node_port_ids as many as"
        " its limits say, for the worker, without another query.",
    )
    node_ports_text = fields.Char(
        string="Its Node Ports", compute="_compute_node_ports_text", groups=USER
    )

    @api.depends("node_ports")
    def _compute_node_ports_text(self):
        for app in self:
            app.node_ports_text = ", ".join(map(str, app.node_ports or ()))

    @api.model_create_multi
    def create(self, vals_list):
        apps = super().create(vals_list)
        apps._as_system()._hold_node_ports()
        return apps

    def write(self, vals):
        result = super().write(vals)
        if "limit_node_ports" in vals:
            self._as_system()._hold_node_ports()
        return result

    def _hold_node_ports(self):
        """Have as many ports as the limits say. Those that are too many stay the app's
        until it is deployed without them."""
        for app in self:
            missing = app.limit_node_ports - len(app.node_port_ids)
            if missing > 0:
                self.env["kubernetes.node.port"]._take(app, missing)
            ports = app.node_port_ids.mapped("number")[: app.limit_node_ports]
            if (app.node_ports or []) != ports:
                app.node_ports = ports or False

    def _contract_values(self, siblings=None):
        return {
            **super()._contract_values(siblings),
            "node_ports": self.node_ports or [],
        }

    def _deleted(self, namespace_deleted):
        """Its ports are free for others."""
        result = super()._deleted(namespace_deleted)
        self.node_port_ids.unlink()
        self.node_ports = False
        return result

    @api.autovacuum
    def _gc_node_ports(self):
        """Give back the ports that an app does without since it was deployed."""
        apps = self.search([("node_port_ids", "!=", False), ("is_changed", "=", False)])
        for app in apps:
            if app.wanted_state != "deleted" and not app.live_job_id:
                app.node_port_ids[app.limit_node_ports :].unlink()
