# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

# What a new cluster allows: the worker has the same lists for manifests that no cluster
# is known of, and a golden file of tests/contract shows them.
KINDS = """\
ConfigMap
Secret
Service
ServiceAccount
PersistentVolumeClaim
Deployment.apps
StatefulSet.apps
Job.batch
CronJob.batch
Ingress.networking.k8s.io
NetworkPolicy.networking.k8s.io
HorizontalPodAutoscaler.autoscaling
PodDisruptionBudget.policy
"""
ANNOTATIONS = """\
helm.sh/chart
kubernetes.io/description
kubectl.kubernetes.io/default-container
kubectl.kubernetes.io/restartedAt
cert-manager.io/cluster-issuer
cert-manager.io/issuer
nginx.ingress.kubernetes.io/backend-protocol
nginx.ingress.kubernetes.io/client-body-buffer-size
nginx.ingress.kubernetes.io/force-ssl-redirect
nginx.ingress.kubernetes.io/limit-connections
nginx.ingress.kubernetes.io/limit-rps
nginx.ingress.kubernetes.io/proxy-body-size
nginx.ingress.kubernetes.io/proxy-buffer-size
nginx.ingress.kubernetes.io/proxy-buffering
nginx.ingress.kubernetes.io/proxy-buffers-number
nginx.ingress.kubernetes.io/proxy-connect-timeout
nginx.ingress.kubernetes.io/proxy-read-timeout
nginx.ingress.kubernetes.io/proxy-request-buffering
nginx.ingress.kubernetes.io/proxy-send-timeout
nginx.ingress.kubernetes.io/ssl-redirect
nginx.ingress.kubernetes.io/whitelist-source-range
traefik.ingress.kubernetes.io/router.entrypoints
traefik.ingress.kubernetes.io/router.tls
"""


# What of a cluster the next Apply of an app brings into its namespace.
APPLIED_FIELDS = (
    "ingress_class",
    "tls_issuer",
    "pod_security",
    "quota",
    "network_policy",
    "ingress_namespaces",
    "dns_namespaces",
)


def lines(text):
    """The lines of a list in a field, blank ones left out."""
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


class KubernetesCluster(models.Model):
    """What manifests may do on a cluster. The worker checks it before it applies; it
    also puts the Pod Security level, quota and NetworkPolicy into each namespace."""

    # Where apps may run has a file of its own, too.
    # pylint: disable-next=consider-merging-classes-inherited
    _inherit = "kubernetes.cluster"

    pod_security = fields.Selection(
        [
            ("restricted", "Restricted"),
            ("baseline", "Baseline"),
            ("privileged", "Privileged"),
        ],
        default="baseline",
        required=True,
        tracking=True,
        help="The Pod Security Standard that pods must meet. Baseline refuses what"
        " reaches the node. Restricted also asks for pods without root and without"
        " capabilities. Privileged refuses nothing: whoever may change a manifest then"
        " owns the nodes.",
    )
    allowed_kinds = fields.Text(
        default=KINDS,
        tracking=True,
        help="The kinds of object that manifests may hold, one per line as Kind.group,"
        " for example Deployment.apps; kinds of the core group have no group. A kind"
        " that belongs to the whole cluster, such as"
        " ClusterRole.rbac.authorization.k8s.io, is dangerous in the hands of whoever"
        " may change a manifest.",
    )
    allowed_annotations = fields.Text(
        default=ANNOTATIONS,
        tracking=True,
        help="The annotations and labels of other programs that manifests may set, one"
        " per line: whole names, or beginnings with a * at the end. Of labels without a"
        " domain only those need a line by which Grafana and the like load what is in"
        " ConfigMaps and Secrets, such as grafana_dashboard. Those of ingress"
        " controllers are the dangerous ones: snippets, auth-url, server-alias,"
        " canary and priorities change what other apps answer.",
    )
    static_storage_classes = fields.Char(
        tracking=True,
        help="The storage classes without a provisioner that volume claims of manifests"
        " may name, separated by commas; also classes that no one made, whose name only"
        " volumes bear. A claim of such a class takes any of its volumes that is free:"
        " bind each volume to the claim that it is for (claimRef).",
    )
    load_balancer = fields.Boolean(
        string="LoadBalancer Services",
        tracking=True,
        help="Services may have an address of their own outside the cluster.",
    )
    node_port = fields.Boolean(
        string="NodePort Services",
        tracking=True,
        help="Services may take a port of every node.",
    )
    quota = fields.Boolean(
        default=True,
        tracking=True,
        help="Each namespace gets a ResourceQuota and a LimitRange with what its app"
        " gets. Off: the next Apply of an app removes them.",
    )
    network_policy = fields.Boolean(
        default=True,
        tracking=True,
        help="Each namespace gets a NetworkPolicy. Its pods reach one another, the"
        " cluster's DNS and the internet, but neither other apps nor the cluster's own"
        " networks; from outside only the ingress controller reaches them. Manifests"
        " may open more for the same app only. Off: the next Apply of an app removes"
        " it, and manifests may hold any NetworkPolicy.",
    )
    ingress_namespaces = fields.Char(
        tracking=True,
        help="The namespaces from which the ingress controller reaches apps, separated"
        " by commas. Empty: every namespace but those of other apps. A controller on"
        " the network of its node may need a NetworkPolicy of your own.",
    )
    dns_namespaces = fields.Char(
        string="DNS Namespaces",
        tracking=True,
        help="The namespaces in which the cluster's DNS runs, separated by commas."
        " Empty: every namespace but those of other apps.",
    )

    @api.constrains("allowed_kinds")
    def _check_allowed_kinds(self):
        for cluster in self:
            for kind in lines(cluster.allowed_kinds):
                if not re.fullmatch(r"[A-Z][A-Za-z0-9]*(\.[a-z0-9.-]+)?", kind):
                    raise ValidationError(
                        self.env._(
                            "“%s” is not an allowed kind: write one Kind.group per"
                            " line, for example"
                            " ClusterRole.rbac.authorization.k8s.io.",
                            kind,
                        )
                    )

    @api.constrains("allowed_annotations")
    def _check_allowed_annotations(self):
        for cluster in self:
            for name in lines(cluster.allowed_annotations):
                if not re.fullmatch(
                    r"[a-z0-9.-]+/[A-Za-z0-9._-]*\*?|[A-Za-z][A-Za-z0-9_]*", name
                ):
                    raise ValidationError(
                        self.env._(
                            "“%s” is not the name of an annotation or label: write one"
                            " per line, for example cert-manager.io/cluster-issuer,"
                            " nginx.ingress.kubernetes.io/proxy-* or"
                            " grafana_dashboard.",
                            name,
                        )
                    )

    @api.constrains("ingress_namespaces", "dns_namespaces")
    def _check_namespaces(self):
        for cluster in self:
            for name in cluster._names(cluster.ingress_namespaces) + cluster._names(
                cluster.dns_namespaces
            ):
                if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name):
                    raise ValidationError(
                        self.env._("“%s” is not the name of a namespace.", name)
                    )

    @api.constrains("static_storage_classes")
    def _check_static_storage_classes(self):
        for cluster in self:
            for name in cluster._names(cluster.static_storage_classes):
                if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", name):
                    raise ValidationError(
                        self.env._("“%s” is not the name of a storage class.", name)
                    )

    @api.model
    def _names(self, text):
        return [name for name in re.split(r"[,\s]+", text or "") if name]

    def write(self, vals):
        self.check_access("write")
        before = {cluster: cluster._applied_values() for cluster in self.sudo()}
        result = super().write(vals)
        for cluster, values in before.items():
            after = cluster._applied_values()
            names = [
                self._fields[name]._description_string(self.env)
                for name in values
                if values[name] != after[name]
            ]
            if names:
                self.env["kubernetes.app.change"]._note(
                    cluster.app_ids, "policy", names
                )
        return result

    def _applied_values(self):
        """What of the cluster itself a deploy puts into the namespace of an app."""
        self.ensure_one()
        return {name: self[name] for name in APPLIED_FIELDS}

    def _policy_contract_values(self):
        """The policy as the contract's claim answer has it."""
        self.ensure_one()
        return {
            "pod_security": self.pod_security,
            "kinds": lines(self.allowed_kinds),
            "annotations": lines(self.allowed_annotations),
            "static_storage_classes": self._names(self.static_storage_classes),
            "load_balancer": self.load_balancer,
            "node_port": self.node_port,
            "quota": self.quota,
            "network_policy": self.network_policy,
            "ingress_namespaces": self._names(self.ingress_namespaces),
            "dns_namespaces": self._names(self.dns_namespaces),
        }
