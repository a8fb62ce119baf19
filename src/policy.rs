//! What a cluster's administrator lets apps do there, as Odoo tells it: the words that the rooms [`crate::manifest`],
//! [`crate::kubernetes`] and [`crate::odoo`] share. The rules themselves are [`crate::manifest::policy`]'s.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// One cluster's policy. Its default is the strict one that every new cluster has in Odoo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Policy {
    /// The Pod Security Standard that pods must meet.
    pub pod_security: PodSecurity,
    /// The kinds that manifests may hold, as `Kind.group` (`Kind` in the core group).
    pub kinds: Vec<String>,
    /// The labels and annotations of other programs that manifests may set: whole names, or beginnings with a `*`.
    pub annotations: Vec<String>,
    /// The storage classes that make no volumes and from which claims may nevertheless take one that stands ready.
    /// Since version 2 of the contract.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("since" = 2)))]
    pub static_storage_classes: Vec<String>,
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Limits {
    /// Of all its containers together, in thousandths of a core.
    pub cpu_millicores: u32,
    /// Of all its containers together.
    pub memory_mib: u32,
    /// Of all its volumes together.
    pub storage_gib: u32,
    pub pods: u32,
}

/// The storage classes of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageClasses {
    /// The names of those that have volumes made as they are claimed.
    pub provisioned: Vec<String>,
    /// The names of those whose volumes somebody makes beforehand.
    pub r#static: Vec<String>,
    /// The one that claims without any get.
    pub default: Option<String>,
}

/// The version of the Pod Security Standards that is checked, and that namespaces are labelled with.
pub const POD_SECURITY_VERSION: &str = "v1.35";

/// The networks that are not on the internet, and what they are; the narrower one comes first. Manifests are not fetched
/// from there, and pods are not let out to there.
pub const INSIDE: [(IpNet, &str); 30] = [
    (v4([0, 0, 0, 0], 8), "unspecified"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "shared behind a provider's NAT"),
    (v4([127, 0, 0, 0], 8), "the worker's own machine"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "reserved"),
    (v4([192, 0, 2, 0], 24), "for documentation"),
    (v4([192, 88, 99, 0], 24), "a relay for 6to4"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "for benchmarks"),
    (v4([198, 51, 100, 0], 24), "for documentation"),
    (v4([203, 0, 113, 0], 24), "for documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([255, 255, 255, 255], 32), "broadcast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified"),
    (
        v6([0, 0, 0, 0, 0, 0, 0, 1], 128),
        "the worker's own machine",
    ),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "private"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "private"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
    (
        v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
        "translated by a local NAT64",
    ),
    // Teredo, benchmarks and ORCHID are in there.
    (
        v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
        "reserved or tunnelled by Teredo",
    ),
    (
        v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
        "for documentation",
    ),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "tunnelled by 6to4"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "for documentation"),
    // All but 2000::/3, which is what the internet uses.
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 3), "not on the internet"),
    (v6([0x4000, 0, 0, 0, 0, 0, 0, 0], 2), "not on the internet"),
    (v6([0x8000, 0, 0, 0, 0, 0, 0, 0], 1), "not on the internet"),
];

/// The same, without those that are within others.
pub fn inside() -> Vec<IpNet> {
    IpNet::aggregate(&INSIDE.iter().map(|(network, _)| *network).collect())
}

const fn v4(bytes: [u8; 4], bits: u8) -> IpNet {
    let [a, b, c, d] = bytes;
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits))
}

const fn v6(words: [u16; 8], bits: u8) -> IpNet {
    let [a, b, c, d, e, f, g, h] = words;
    IpNet::V6(Ipv6Net::new_assert(
        Ipv6Addr::new(a, b, c, d, e, f, g, h),
        bits,
    ))
}

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
            static_storage_classes: Vec::new(),
            load_balancer: false,
            node_port: false,
            quota: true,
            network_policy: true,
            ingress_namespaces: Vec::new(),
            dns_namespaces: Vec::new(),
        }
    }
}
