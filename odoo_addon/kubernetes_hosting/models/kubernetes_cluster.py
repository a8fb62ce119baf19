# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command

from ..tools.told import said as said_in
from ..tools.told import show, told_values
from .kubernetes_worker import SEEN_STEP, is_news

REACHED_LATELY = timedelta(seconds=30)
# For so long after a claim a worker observes a cluster alone: longer than from one
# claim to the next.
OBSERVE_SECONDS = 90


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
    tls_issuer = fields.Char(
        string="TLS Issuer",
        tracking=True,
        help="The ClusterIssuer of cert-manager that makes certificates for domains of"
        " customers; given to the manifests as the variable tls_issuer. Empty: none are"
        " made.",
    )
    company_id = fields.Many2one(
        "res.company",
        default=lambda self: self.env.company,
        index="btree_not_null",
        help="Empty: every company may use this cluster.",
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
        help="Not Seen: no worker has reported this cluster in the last two minutes.",
    )
    version = fields.Char(string="Kubernetes Version", readonly=True, copy=False)
    message = fields.Char(string="Message in English", readonly=True, copy=False)
    message_words = fields.Json(readonly=True, copy=False)
    message_shown = fields.Char(string="Message", compute="_compute_shown")
    last_seen = fields.Datetime(
        readonly=True, copy=False, help="When a worker last announced this cluster."
    )
    looked_at = fields.Datetime(
        string="Last Compared",
        readonly=True,
        copy=False,
        help="When a worker last looked at all namespaces of this database there.",
    )
    last_reached = fields.Datetime(
        readonly=True, copy=False, help="When a worker last reached this cluster."
    )
    observer_id = fields.Many2one(
        "kubernetes.worker",
        string="Observed By",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="Of the workers that reach the cluster, the one that tells what its apps"
        " are like. When it is not heard of any more, another one does so within a"
        " minute and a half.",
    )
    observer_process = fields.Char(readonly=True, copy=False)
    observed_until = fields.Datetime(readonly=True, copy=False)
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

    @api.depends("message", "message_words")
    @api.depends_context("lang")
    def _compute_shown(self):
        show(self, "message")

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

    def _check_domain_of_others(self):
        """Where the apps of one company answer, no other company's do: not at the same
        domain, not above it and not below it. Who works for all companies may divide a
        domain among them."""
        if self._works_for_all_companies():
            return
        for cluster in self.sudo():
            others = (
                self.sudo()
                .with_context(active_test=False)
                .search([("company_id", "!=", cluster.company_id.id)])
            )
            mine = f".{cluster.domain}"
            if any(
                mine.endswith(f".{domain}") or f".{domain}".endswith(mine)
                for domain in others.mapped("domain")
            ):
                raise ValidationError(
                    self.env._(
                        "The domain %s cannot be used: it is that of another company's"
                        " cluster, or lies above or below it. Choose another one, or"
                        " ask an administrator who works for all companies.",
                        cluster.domain,
                    )
                )

    @api.constrains("tls_issuer")
    def _check_tls_issuer(self):
        for cluster in self:
            if cluster.tls_issuer and not re.fullmatch(
                r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", cluster.tls_issuer
            ):
                raise ValidationError(
                    self.env._(
                        "“%s” is not the name of a ClusterIssuer.", cluster.tls_issuer
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

    @api.model_create_multi
    def create(self, vals_list):
        clusters = super().create(vals_list)
        clusters._check_may_share()
        clusters._check_domain_of_others()
        return clusters

    def write(self, vals):
        self.check_access("write")
        changes = {"name", "domain"} & set(vals)
        for cluster in self.sudo():
            # Archived (deleted) apps count too: their namespaces may still exist.
            apps = self.env["kubernetes.app"].sudo().with_context(active_test=False)
            if any(vals[name] != cluster[name] for name in changes) and (
                apps.search_count([("cluster_id", "=", cluster.id)], limit=1)
            ):
                raise UserError(
                    self.env._(
                        "Apps run on the cluster “%s”: its name and domain cannot"
                        " change any more. Create another cluster instead.",
                        cluster.name,
                    )
                )
        shared = self.filtered(lambda cluster: not cluster.company_id)
        companies = {cluster: cluster.company_id for cluster in self.sudo()}
        result = super().write(vals)
        (shared or self)._check_may_share(shared)
        if {"domain", "company_id"} & set(vals):
            self._check_domain_of_others()
        for cluster, company in companies.items():
            if cluster.company_id != company and not self.env.su:
                cluster._take_from_workers()
        return result

    def unlink(self):
        self.check_access("unlink")
        self._check_may_share()
        return super().unlink()

    def _check_may_share(self, before=None):
        """What a shared cluster allows, it allows to the apps of all companies: only
        who works for all of them makes, changes or deletes one, or one that was shared
        ``before``."""
        if self._works_for_all_companies():
            return
        if before or not all(cluster.company_id for cluster in self):
            raise AccessError(
                self.env._(
                    "A cluster without a company serves all companies: only an"
                    " administrator who works for all of them may make, change or"
                    " delete one, or give one a company. Give your cluster the company"
                    " that it is for."
                )
            )

    def _take_from_workers(self):
        """With another company a cluster opens other secrets: its workers were given
        it for what it was, and keys to it were made for that."""
        self.ensure_one()
        cluster = self._as_system().with_context(active_test=False)
        workers = cluster.worker_ids
        if workers:
            workers.write({"cluster_ids": [Command.unlink(cluster.id)]})
            cluster._message_log(
                body=self.env._(
                    "With its company the cluster has changed what a worker gets with"
                    " it, and was taken from: %s. Give it to the workers that are to"
                    " serve it now.",
                    ", ".join(workers.mapped("name")),
                ),
                author_id=self.env.user.partner_id.id,
            )

    def _online_workers(self):
        """The workers that serve this cluster, announce it and have been seen
        lately."""
        return self.sudo().worker_ids.filtered(
            lambda worker: worker.active
            and worker.state == "online"
            and self in worker.announced_cluster_ids
        )

    def _contract_values(self):
        """The cluster as the contract's claim answer has it."""
        self.ensure_one()
        return {
            "name": self.name,
            "domain": self.domain,
            "ingress_class": self.ingress_class or "",
            "tls_issuer": self.tls_issuer or "",
            "policy": self._policy_contract_values(),
        }

    def _seen(self, now, said):
        """Note what a worker says of this cluster, the contract's ``clusters`` entry.

        Of two workers the one that reaches the cluster is right, for as long as its
        word is fresh.
        """
        self.ensure_one()
        told = said_in(said)
        if said["reachable"]:
            values = {
                "state": "reachable",
                "version": said["version"],
                **told_values("message", False),
                "last_reached": now,
            }
        elif self.last_reached and now - self.last_reached < REACHED_LATELY:
            values = {}
        else:
            values = {"state": "unreachable", **told_values("message", told)}
        if said["reachable"] and said.get("capacity"):
            values["capacity"] = said["capacity"]
        changed = {name: v for name, v in values.items() if self[name] != v}
        # Several workers at once: no write for a second or two of difference.
        stale = not self.last_seen or now - self.last_seen >= SEEN_STEP
        if stale or changed.keys() - {"last_reached"}:
            before = self.last_seen
            self.write({**changed, "last_seen": now})
            if is_news(changed.keys() - {"last_reached"}, before, now):
                self._changed()

    def _let_observe(self, now, worker, process, reachable, is_new):
        """Whether a worker's process, which says whether it reaches the cluster, is to
        observe it from now on: one does at a time. The others get it when that one is
        not heard of any more, or does not reach it; a worker that was started anew
        (``is_new``) goes on where it was."""
        self.ensure_one()
        until = now + timedelta(seconds=OBSERVE_SECONDS)
        # A clock may have been put back.
        held = bool(self.observed_until) and now < self.observed_until <= until
        mine = held and self.observer_process == process
        if not reachable:
            if mine:
                self.observed_until = now
            return False
        if held and not mine and not (is_new and self.observer_id == worker):
            return False
        if not mine or until - self.observed_until >= SEEN_STEP:
            self.write(
                {
                    "observer_id": worker.id,
                    "observer_process": process,
                    "observed_until": until,
                }
            )
        return True

    def action_repair(self):
        """Compare all apps that this cluster is to have with it, show app by app what
        differs, and apply what is confirmed."""
        self.ensure_one()
        self.check_access("read")
        self.env["kubernetes.app"]._check_operator()
        apps = self.env["kubernetes.app"].search(
            [("cluster_id", "=", self.id), ("wanted_state", "!=", "deleted")]
        )
        if not apps:
            raise UserError(
                self.env._("No app is to run on the cluster %s.", self.name)
            )
        return apps.action_ask_apply()

    def action_view_apps(self):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "kubernetes_hosting.kubernetes_app_action"
        )
        action["domain"] = [("cluster_id", "=", self.id)]
        action["context"] = {"default_cluster_id": self.id}
        return action
