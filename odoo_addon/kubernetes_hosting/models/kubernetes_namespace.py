# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from psycopg2.errors import UniqueViolation

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import mute_logger


class KubernetesNamespace(models.Model):
    """A namespace that Chandlery made or will make for one app.

    The record holds its name for as long as the namespace may exist in the cluster. A
    deleted app's volumes stay in theirs, and so a later app of the same name gets
    another one instead of somebody else's data.
    """

    _name = "kubernetes.namespace"
    _description = "Kubernetes Namespace"
    _inherit = ["kubernetes.record"]
    _order = "cluster_id, name, id"

    name = fields.Char(required=True, readonly=True)
    cluster_id = fields.Many2one(
        "kubernetes.cluster",
        required=True,
        readonly=True,
        ondelete="restrict",
        index=True,
    )
    state = fields.Selection(
        [
            ("new", "Reserved"),
            ("active", "Active"),
            ("missing", "Not in the Cluster"),
            ("kept", "Volumes Kept"),
            ("deleted", "Deleted"),
        ],
        default="new",
        required=True,
        readonly=True,
        help="Reserved: not in the cluster yet. Not in the Cluster: it was there, and a"
        " worker that looked at the whole cluster did not find it. Volumes Kept: its"
        " app is deleted, the volumes are not. Deleted: gone from the cluster, the name"
        " is free again.",
    )
    without_uid = fields.Boolean(
        string="Without UID",
        readonly=True,
        help="Made before apps had a UID, and not taken over since.",
    )
    app_ids = fields.One2many(
        "kubernetes.app", "namespace_id", context={"active_test": False}
    )
    moving_uid = fields.Char(
        string="UID of the Moving App",
        readonly=True,
        copy=False,
        help="Of an app that is being moved here, or was moved away and has left"
        " something here.",
    )
    company_id = fields.Many2one("res.company", readonly=True, index="btree_not_null")

    _name_uniq = models.UniqueIndex(
        "(cluster_id, name) WHERE state != 'deleted'",
        "This namespace is in use on the cluster already.",
    )

    @api.model
    def _reserve(self, app, cluster=None):
        """Make the namespace record of ``app`` on its cluster, or on another one:
        ``shop-prod``, or the next free ``shop-prod-2``, ``shop-prod-3`` …"""
        cluster = cluster or app.cluster_id
        base = f"{app.name}-{app.environment_id.code}"
        namespaces = self.sudo()
        found = self.env["kubernetes.namespace.found"].sudo()
        number = 1
        while True:
            name = base if number == 1 else f"{base}-{number}"
            number += 1
            there = [("cluster_id", "=", cluster.id), ("name", "=", name)]
            if namespaces.search_count(
                [*there, ("state", "!=", "deleted")], limit=1
            ) or found.search_count(there, limit=1):
                continue
            try:
                with self.env.cr.savepoint(), mute_logger("odoo.sql_db"):
                    return namespaces.create(
                        {
                            "name": name,
                            "cluster_id": cluster.id,
                            "company_id": app.company_id.id,
                        }
                    )
            except UniqueViolation:
                # Taken a moment ago in a transaction this one cannot see.
                continue

    def _is_own(self, item):
        """Whether a namespace without a UID, an item of the contract's ``complete``, is
        this one by all that can be told."""
        app = self.app_ids
        return bool(
            self.without_uid
            and not item["uid"]
            and len(app) == 1
            and app.id == item["app"]
            and app.name == item["name"]
            and app.environment_id.code == item["environment"]
        )

    def _seen_in_cluster(self, with_uid):
        """A worker found them in the cluster; ``with_uid`` bear their app's UID."""
        with_uid.filtered("without_uid").without_uid = False
        back = self.filtered(lambda namespace: namespace.state == "missing")
        back.state = "active"
        back.app_ids._update_state()

    def _not_seen_in_cluster(self, looked_at):
        """A worker looked at the whole cluster and did not find them, before anything
        was done there that is known of."""
        # What moves is looked for by its move.
        gone = self.filtered(
            lambda namespace: namespace.state == "active" and not namespace.moving_uid
        )
        gone -= gone.app_ids._touched_since(looked_at).namespace_id
        gone.state = "missing"
        gone.app_ids._update_state()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_cluster(self):
        for namespace in self:
            if namespace.state in ("active", "missing", "kept"):
                raise UserError(
                    self.env._(
                        "The namespace %s may still exist in the cluster. Delete its"
                        " app together with its volumes; the name is free then.",
                        namespace.name,
                    )
                )
