# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .kubernetes_worker import SEEN_STEP, is_news

REACHED_LATELY = timedelta(seconds=30)


class KubernetesCluster(models.Model):
    """A Kubernetes cluster as Odoo knows it: by name.

    How to reach it stands in the settings of the workers that serve it. What they say
    of it (state, version, message) is written by their claims alone.
    """

    _name = "kubernetes.cluster"
    _description = "Kubernetes Cluster"
    _inherit = ["kubernetes.live", "mail.thread"]
    _order = "name"
    _check_company_auto = True

    name = fields.Char(
        required=True,
        tracking=True,
        help="The name under which the workers' settings know this cluster.",
    )
    domain = fields.Char(
        required=True,
        tracking=True,
        help="Apps answer at <name>.<domain>. A wildcard DNS record of this domain"
        " points to the cluster's ingress controller.",
    )
    url_pattern = fields.Char(
        string="URL Pattern",
        required=True,
        default="https://{hostname}",
        help="How the link to an app is made from its hostname. Change it for a cluster"
        " without TLS or with a port of its own: http://{hostname}:8080",
    )
    ingress_class = fields.Char(
        help="Given to the manifests as the variable ingress_class."
    )
    allowed_kinds = fields.Text(
        tracking=True,
        help="Kinds outside an app's own namespace that its manifests may create,"
        " one per line as Kind.group, for example"
        " ClusterRole.rbac.authorization.k8s.io. Empty: none.",
    )
    company_id = fields.Many2one(
        "res.company", help="Empty: every company may use this cluster."
    )
    active = fields.Boolean(default=True)
    state = fields.Selection(
        [
            ("unknown", "Not Seen"),
            ("reachable", "Reachable"),
            ("unreachable", "Unreachable"),
        ],
        default="unknown",
        readonly=True,
        copy=False,
        tracking=True,
        help="Not Seen: no worker has announced this cluster lately.",
    )
    version = fields.Char(string="Kubernetes Version", readonly=True, copy=False)
    message = fields.Char(readonly=True, copy=False)
    last_seen = fields.Datetime(
        readonly=True, copy=False, help="When a worker last announced this cluster."
    )
    last_reached = fields.Datetime(
        readonly=True, copy=False, help="When a worker last reached this cluster."
    )
    worker_ids = fields.Many2many(
        "kubernetes.worker",
        "kubernetes_worker_cluster_rel",
        "cluster_id",
        "worker_id",
        string="Served By",
        readonly=True,
        copy=False,
        help="The workers to which an administrator gave this cluster.",
    )
    app_ids = fields.One2many("kubernetes.app", "cluster_id")
    app_count = fields.Integer(compute="_compute_app_count")

    _name_uniq = models.UniqueIndex(
        "(name)", "There is a cluster with this name already."
    )

    @api.depends("app_ids")
    def _compute_app_count(self):
        counts = dict(
            self.env["kubernetes.app"]._read_group(
                [("cluster_id", "in", self.ids)], ["cluster_id"], ["__count"]
            )
        )
        for cluster in self:
            cluster.app_count = counts.get(cluster, 0)

    @api.constrains("domain")
    def _check_domain(self):
        label = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
        for cluster in self:
            domain = cluster.domain or ""
            # A hostname has at most 253 characters, 64 of them before the domain.
            if len(domain) > 189 or not re.fullmatch(rf"{label}(\.{label})*", domain):
                raise ValidationError(
                    self.env._(
                        "“%s” is not a domain: write it in lower case and without"
                        " http:// or a dot at the ends, for example apps.example.com.",
                        domain,
                    )
                )

    @api.constrains("url_pattern")
    def _check_url_pattern(self):
        for cluster in self:
            if not re.fullmatch(
                r"https?://\{hostname\}(:[0-9]{1,5})?", cluster.url_pattern or ""
            ):
                raise ValidationError(
                    self.env._(
                        "The URL pattern “%s” cannot be used: it is http:// or"
                        " https://, then {hostname}, then a port where it needs one.",
                        cluster.url_pattern,
                    )
                )

    @api.constrains("allowed_kinds")
    def _check_allowed_kinds(self):
        for cluster in self:
            for kind in cluster._allowed_kinds():
                if not re.fullmatch(r"[A-Z][A-Za-z0-9]*(\.[a-z0-9.-]+)?", kind):
                    raise ValidationError(
                        self.env._(
                            "“%s” is not an allowed kind: write one Kind.group per"
                            " line, for example"
                            " ClusterRole.rbac.authorization.k8s.io.",
                            kind,
                        )
                    )

    def write(self, vals):
        self.check_access("write")
        changes = {"name", "domain"} & set(vals)
        for cluster in self.sudo():
            # Archived (deleted) apps count too: their namespaces may still exist.
            apps = cluster.with_context(active_test=False).app_ids
            if apps and any(vals[name] != cluster[name] for name in changes):
                raise UserError(
                    self.env._(
                        "Apps run on the cluster “%s”: its name and domain cannot"
                        " change any more. Create another cluster instead.",
                        cluster.name,
                    )
                )
        return super().write(vals)

    def _online_workers(self):
        """The workers that serve this cluster, announce it and have been seen
        lately."""
        return self.sudo().worker_ids.filtered(
            lambda worker: worker.active
            and worker.state == "online"
            and self in worker.announced_cluster_ids
        )

    def _allowed_kinds(self):
        """The allow-list as a list, blank lines left out."""
        self.ensure_one()
        lines = (self.allowed_kinds or "").splitlines()
        return [line.strip() for line in lines if line.strip()]

    def _contract_values(self):
        """The cluster as the contract's claim answer has it."""
        self.ensure_one()
        return {
            "name": self.name,
            "domain": self.domain,
            "ingress_class": self.ingress_class or "",
            "allowed_kinds": self._allowed_kinds(),
        }

    def _seen(self, now, said):
        """Note what a worker says of this cluster, the contract's ``clusters`` entry.

        Of two workers the one that reaches the cluster is right, for as long as its
        word is fresh.
        """
        self.ensure_one()
        if said["reachable"]:
            values = {
                "state": "reachable",
                "version": said["version"],
                "message": False,
                "last_reached": now,
            }
        elif self.last_reached and now - self.last_reached < REACHED_LATELY:
            values = {}
        else:
            values = {"state": "unreachable", "message": said["message"]}
        changed = {name: v for name, v in values.items() if self[name] != v}
        # Several workers at once: no write for a second or two of difference.
        stale = not self.last_seen or now - self.last_seen >= SEEN_STEP
        if stale or changed.keys() - {"last_reached"}:
            before = self.last_seen
            self.write({**changed, "last_seen": now})
            if is_news(changed.keys() - {"last_reached"}, before, now):
                self._changed()

    def action_view_apps(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "kubernetes_hosting.kubernetes_app_action"
        )
        action["domain"] = [("cluster_id", "=", self.id)]
        action["context"] = {"default_cluster_id": self.id}
        return action
