# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re

from psycopg2.errors import UniqueViolation

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import mute_logger

from .kubernetes_limits import USER


class KubernetesNodePort(models.Model):
    """A port of every node of a cluster that one app has: reserved when the app is
    made, and free again when the app is deleted. The unique index decides between two
    who want it."""

    _name = "kubernetes.node.port"
    _description = "Node Port of a Kubernetes App"
    _inherit = ["kubernetes.record"]
    # What an app's manifests call its first port stays its first.
    _order = "id"
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
        """Reserve the lowest ``count`` free ports of the app's cluster for it."""
        cluster, taken = app.cluster_id, 0
        for number in cluster._free_node_ports():
            if taken == count:
                break
            values = {"cluster_id": cluster.id, "number": number, "app_id": app.id}
            try:
                with self.env.cr.savepoint(), mute_logger("odoo.sql_db"):
                    self.sudo().create(values)
                taken += 1
            except UniqueViolation:
                # Another app has it since this transaction began: the next one.
                continue
        if taken < count:
            raise UserError(
                self.env._(
                    "The cluster “%(cluster)s” has not enough free node ports for"
                    " %(app)s: %(count)s more are needed, %(free)s are left. An"
                    " administrator widens the range under “Node Ports” of the"
                    " cluster's policy, or deletes apps that have some.",
                    cluster=cluster.name,
                    count=count,
                    app=app.display_name,
                    free=taken,
                )
            )


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
            first, last = cluster._node_port_bounds()
            if cluster.node_port_range and not 0 < first <= last < 65536:
                raise ValidationError(
                    self.env._(
                        "“%s” is no range of ports: write the first and the last one,"
                        " such as 30000-30085.",
                        cluster.node_port_range,
                    )
                )

    def _node_port_bounds(self):
        """The first and the last port; where there are none, the last is the lower
        one."""
        self.ensure_one()
        found = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", self.node_port_range or "")
        return tuple(map(int, found.groups())) if found else (0, -1)

    def _free_node_ports(self):
        """The ports of the range that no app has, the lowest first."""
        first, last = self._node_port_bounds()
        if last < first:
            return []
        ports = self.env["kubernetes.node.port"].sudo()
        taken = set(ports.search([("cluster_id", "=", self.id)]).mapped("number"))
        return [number for number in range(first, last + 1) if number not in taken]

    @api.depends("node_port_range")
    def _compute_free_node_ports(self):
        for cluster in self:
            cluster.free_node_ports = len(cluster._free_node_ports())


class KubernetesApp(models.Model):
    """An app may have ports of the nodes."""

    # What concerns ports is together.
    # pylint: disable-next=consider-merging-classes-inherited
    _inherit = "kubernetes.app"

    node_port_ids = fields.One2many(
        "kubernetes.node.port", "app_id", readonly=True, copy=False, groups=USER
    )
    node_ports_text = fields.Char(
        string="Its Node Ports", compute="_compute_node_ports_text", groups=USER
    )

    @api.depends("node_port_ids.number", "limit_node_ports")
    def _compute_node_ports_text(self):
        for app in self:
            app.node_ports_text = ", ".join(map(str, app._node_ports()))

    def _node_ports(self):
        """The numbers of its ports, as many as its limits say."""
        self.ensure_one()
        # Most apps have none: no query for them.
        count = self.limit_node_ports
        return self.node_port_ids.mapped("number")[:count] if count else []

    @api.model_create_multi
    def create(self, vals_list):
        apps = super().create(vals_list)
        apps._as_system()._take_node_ports()
        return apps

    def write(self, vals):
        result = super().write(vals)
        if "limit_node_ports" in vals:
            self._as_system()._take_node_ports()
        return result

    def _take_node_ports(self):
        """Reserve what is missing. What is too much stays the app's until it is
        deployed without it (``_gc_node_ports``)."""
        for app in self:
            if app.limit_node_ports and app.wanted_state != "deleted":
                missing = app.limit_node_ports - len(app.node_port_ids)
                if missing > 0:
                    self.env["kubernetes.node.port"]._take(app, missing)

    def _contract_values(self, siblings=None):
        return {
            **super()._contract_values(siblings),
            "node_ports": self._node_ports(),
        }

    def _deleted(self, namespace_deleted):
        """Its ports are free for others."""
        self.node_port_ids.unlink()
        return super()._deleted(namespace_deleted)

    @api.autovacuum
    def _gc_node_ports(self):
        """Give back the ports that apps do without since they were deployed."""
        apps = self.search([("node_port_ids", "!=", False), ("is_changed", "=", False)])
        for app in apps:
            if app.wanted_state != "deleted" and not app.live_job_id:
                app.node_port_ids[app.limit_node_ports :].unlink()
