# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from ..tools.labels import SelectorError, matches, read_labels, read_selector, written
from ..tools.told import said, worded
from .contract import KUBERNETES

# A label that each cluster has by itself: what kind it is.
KIND_LABEL = "chandlery.dev/kind"


def minor_version(text):
    """``v1.35.4`` and ``1.35`` as ``(1, 35)``; empty where it is none."""
    found = re.match(r"v?([0-9]+)\.([0-9]+)", text or "")
    return tuple(map(int, found.groups())) if found else ()


class KubernetesCluster(models.Model):
    """Where new apps may run: on which clusters, by their labels, and how much is free
    there."""

    _inherit = "kubernetes.cluster"

    labels = fields.Char(
        tracking=True,
        help="What packages, repositories, products and the values of attributes choose"
        " clusters by, such as place=zurich,provider=harbour,gpu=.",
    )
    draining = fields.Boolean(
        readonly=True,
        copy=False,
        tracking=True,
        help="No new app is made on it. Those that are there go on.",
    )
    capacity = fields.Json(string="Capacity as Told", readonly=True, copy=False)
    capacity_text = fields.Text(string="Capacity", compute="_compute_capacity")
    requested_percent = fields.Integer(
        string="Requested (%)",
        compute="_compute_capacity",
        help="Of CPU, memory and pods that of which most is asked for.",
    )

    @api.depends("capacity")
    @api.depends_context("lang")
    def _compute_capacity(self):
        for cluster in self:
            seen = cluster.capacity or {}
            why = said(seen)
            if not seen or why:
                cluster.requested_percent = 0
                cluster.capacity_text = (
                    worded(self.env, str(why), why.words) if why else False
                )
                continue
            shares = cluster._shares()
            cluster.requested_percent = max(shares.values())
            cluster.capacity_text = "\n".join(
                (
                    self.env._(
                        "%(ready)s of %(all)s nodes ready",
                        ready=seen["nodes_ready"],
                        all=seen["nodes"],
                    ),
                    self.env._(
                        "CPU: %(asked)s of %(all)s cores requested (%(share)s %%)",
                        asked=f"{seen['cpu_millicores_requested'] / 1000:g}",
                        all=f"{seen['cpu_millicores'] / 1000:g}",
                        share=shares["cpu_millicores"],
                    ),
                    self.env._(
                        "Memory: %(asked)s of %(all)s GiB requested (%(share)s %%)",
                        asked=f"{seen['memory_mib_requested'] / 1024:.1f}",
                        all=f"{seen['memory_mib'] / 1024:.1f}",
                        share=shares["memory_mib"],
                    ),
                    self.env._(
                        "Pods: %(asked)s of %(all)s (%(share)s %%)",
                        asked=seen["pods_requested"],
                        all=seen["pods"],
                        share=shares["pods"],
                    ),
                )
            )

    def _shares(self):
        """How many percent pods ask for of what the nodes can give."""
        self.ensure_one()
        seen = self.capacity
        return {
            name: round(100 * seen[f"{name}_requested"] / seen[name])
            if seen[name]
            else 100
            for name in ("cpu_millicores", "memory_mib", "pods")
        }

    @api.constrains("labels")
    def _check_labels(self):
        for cluster in self:
            try:
                labels = read_labels(cluster.labels)
            except SelectorError as error:
                raise ValidationError(
                    self.env._(
                        "“%s” cannot be read. Labels are written as"
                        " place=zurich,provider=harbour.",
                        error.part,
                    )
                ) from error
            if KIND_LABEL in labels:
                raise ValidationError(
                    self.env._(
                        "Every cluster has the label %s by itself: leave it out, and"
                        " set the cluster's kind.",
                        KIND_LABEL,
                    )
                )

    @api.model
    def _check_selector(self, text):
        """Refuse what is no selector of clusters."""
        try:
            read_selector(text)
        except SelectorError as error:
            raise ValidationError(
                self.env._(
                    "“%s” cannot be read. A selector is written as"
                    " place=zurich,provider!=harbour,gpu in (a100,h100),!old.",
                    error.part,
                )
            ) from error

    # -- draining ----------------------------------------------------------------

    def action_drain(self):
        """No new app is made on it from now on."""
        self.check_access("write")
        self._check_may_share()
        self._as_system().draining = True
        self._changed()

    def action_end_draining(self):
        """New apps are made on it again."""
        self.check_access("write")
        self._check_may_share()
        self._as_system().draining = False
        self._changed()

    # -- choosing ----------------------------------------------------------------

    @api.model
    def _of_company(self, company):
        """The clusters that a company's apps may run on."""
        return self.search(Domain("company_id", "in", (False, company.id)))

    def _all_labels(self):
        """Its labels, with the one that it has by itself."""
        self.ensure_one()
        return {**read_labels(self.labels), KIND_LABEL: self.kind}

    @api.model
    def _asks_for_kind(self, conditions):
        """Whether the conditions say which kind a cluster has to be of: what says
        nothing of it is for Kubernetes."""
        return any(key == KIND_LABEL for key, *_others in conditions)

    def _fitting(self, conditions, kubernetes="", any_kind=False):
        """Those of these whose labels, kind and version are as they have to be, the one
        of which least is asked for first. Where the conditions do not ask for a kind,
        it is Kubernetes; ``any_kind``: each is taken."""
        wanted = minor_version(kubernetes)
        if not any_kind and not self._asks_for_kind(conditions):
            conditions = [*conditions, (KIND_LABEL, "In", [KUBERNETES])]

        def fits(cluster):
            there = minor_version(cluster.version)
            new_enough = not wanted or not there or there >= wanted
            return new_enough and matches(conditions, cluster._all_labels())

        return self.filtered(fits).sorted(
            lambda cluster: (cluster.requested_percent, cluster.name)
        )

    def _open(self, node_ports=0):
        """Those of these that take new apps, with so many ports of the nodes."""
        return self.filtered(
            lambda cluster: not cluster.draining
            and (not node_ports or len(cluster._free_node_ports()) >= node_ports)
        )

    @api.model
    def _no_place_text(self, title, conditions, kubernetes="", node_ports=0):
        """That nothing can run anywhere, and what to do about it."""
        needs = [written(conditions)] if conditions else []
        if kubernetes:
            needs.append(self.env._("Kubernetes %s or newer", kubernetes))
        if node_ports:
            needs.append(self.env._("%s free node ports", node_ports))
        if not needs:
            return self.env._(
                "No cluster takes “%s”: there is none, or each is being drained. Add a"
                " cluster, or end its draining, under Configuration > Clusters.",
                title,
            )
        values = {"title": title, "needs": ", ".join(needs)}
        if node_ports:
            return self.env._(
                "No cluster takes “%(title)s”, which needs one with %(needs)s. Label a"
                " cluster so, end its draining, or widen “Node Ports” of its policy,"
                " under Configuration > Clusters.",
                **values,
            )
        return self.env._(
            "No cluster takes “%(title)s”, which needs one with %(needs)s. Label a"
            " cluster so, or end its draining, under Configuration > Clusters.",
            **values,
        )

    def _check_room(self, app):
        """Refuse an app for which there is no room by what a worker has told."""
        self.ensure_one()
        if not self.capacity or said(self.capacity):
            return
        full = max(self._shares().values())
        if full >= 100:
            raise UserError(
                self.env._(
                    "The cluster %(cluster)s has no room for %(app)s: %(share)s %% of"
                    " what its nodes can give is asked for already.",
                    cluster=self.name,
                    app=app.display_name,
                    share=full,
                )
            )

    def _check_open(self):
        """Refuse a new app on a cluster that takes none."""
        for cluster in self:
            if cluster.draining:
                raise UserError(
                    self.env._(
                        "The cluster “%s” is being drained: no new app is made on it."
                        " Choose another one, or end its draining first.",
                        cluster.name,
                    )
                )
