//! What a cluster's administrator lets apps do there, as Odoo tells it: the words that the rooms [`crate::manifest`],
//! [`crate::kubernetes`] and [`crate::odoo`] share. The rules themselves are [`crate::manifest::policy`]'s.

use serde::{Deserialize, Serialize};

/// One cluster's policy. Its default is the strict one that every new cluster has in Odoo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The Pod Security Standard that pods must meet.
    pub pod_security: PodSecurity,
    /// The kinds that manifests may hold, as `Kind.group` (`Kind` in the core group).
    pub kinds: Vec<String>,
    /// The labels and annotations of other programs that manifests may set: whole names, or beginnings with a `*`.
    pub annotations: Vec<String>,
    /// Whether Services may be of the type `LoadBalancer`.
    pub load_balancer: bool,
    /// Whether Services may be of the type `NodePort`.
    pub node_port: bool,
    /// Whether the namespace gets a ResourceQuota and a LimitRange with the app's limits.
    pub quota: bool,
    /// Whether the namespace gets a NetworkPolicy that keeps other apps out.
    pub network_policy: bool,
    /// Where the ingress controller runs; empty: in any namespace but another app's.
    pub ingress_namespaces: Vec<String>,
    /// Where the cluster's DNS runs; empty: in any namespace but another app's.
    pub dns_namespaces: Vec<String>,
}

/// A level of the Pod Security Standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PodSecurity {
    Privileged,
    Baseline,
    Restricted,
}

impl PodSecurity {
    /// The word of the contract and of the namespace's labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// How much an app gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Of all its containers together, in thousandths of a core.
    pub cpu_millicores: u32,
    /// Of all its containers together.
    pub memory_mib: u32,
    /// Of all its volumes together.
    pub storage_gib: u32,
    pub pods: u32,
}

/// The version of the Pod Security Standards that is checked, and that namespaces are labelled with.
pub const POD_SECURITY_VERSION: &str = "v1.35";

/// What is not the internet: private and shared networks, link-local addresses (a cloud's credentials), the machine
/// itself, multicast, and what leads to them by a translation or a tunnel.
pub const INSIDE: [&str; 19] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/3",
    // Also IPv4 in IPv6's clothes.
    "::/64",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "2001::/23",
    "2002::/16",
    "fc00::/7",
    "fe80::/9",
    "ff00::/8",
];

const KINDS: [&str; 13] = [
    "ConfigMap",
    "Secret",
    "Service",
    "ServiceAccount",
    "PersistentVolumeClaim",
    "Deployment.apps",
    "StatefulSet.apps",
    "Job.batch",
    "CronJob.batch",
    "Ingress.networking.k8s.io",
    "NetworkPolicy.networking.k8s.io",
    "HorizontalPodAutoscaler.autoscaling",
    "PodDisruptionBudget.policy",
];

/// The annotations and labels of other programs that an app may have by default.
pub const ANNOTATIONS: [&str; 23] = [
    "helm.sh/chart",
    "kubernetes.io/description",
    "kubectl.kubernetes.io/default-container",
    "kubectl.kubernetes.io/restartedAt",
    "cert-manager.io/cluster-issuer",
    "cert-manager.io/issuer",
    "nginx.ingress.kubernetes.io/backend-protocol",
    "nginx.ingress.kubernetes.io/client-body-buffer-size",
    "nginx.ingress.kubernetes.io/force-ssl-redirect",
    "nginx.ingress.kubernetes.io/limit-connections",
    "nginx.ingress.kubernetes.io/limit-rps",
    "nginx.ingress.kubernetes.io/proxy-body-size",
    "nginx.ingress.kubernetes.io/proxy-buffer-size",
    "nginx.ingress.kubernetes.io/proxy-buffering",
    "nginx.ingress.kubernetes.io/proxy-buffers-number",
    "nginx.ingress.kubernetes.io/proxy-connect-timeout",
    "nginx.ingress.kubernetes.io/proxy-read-timeout",
    "nginx.ingress.kubernetes.io/proxy-request-buffering",
    "nginx.ingress.kubernetes.io/proxy-send-timeout",
    "nginx.ingress.kubernetes.io/ssl-redirect",
    "nginx.ingress.kubernetes.io/whitelist-source-range",
    "traefik.ingress.kubernetes.io/router.entrypoints",
    "traefik.ingress.kubernetes.io/router.tls",
];

impl Default for Policy {
    fn default() -> Self {
        Self {
            pod_security: PodSecurity::Baseline,
            kinds: KINDS.map(str::to_owned).to_vec(),
            annotations: ANNOTATIONS.map(str::to_owned).to_vec(),
            load_balancer: false,
            node_port: false,
            quota: true,
            network_policy: true,
            ingress_namespaces: Vec::new(),
            dns_namespaces: Vec::new(),
        }
    }
}
