//! What keeps an app to itself in its namespace, as the cluster's policy says: the labels of the Pod Security Standards, a
//! ResourceQuota and a LimitRange with what the app gets, a NetworkPolicy that keeps other apps out, and pods without a
//! token of the cluster. Made before the app's objects and brought up to date by every deploy; what the policy has turned
//! off is removed.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, ResourceQuota};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, DynamicObject, ObjectMeta, Patch, PatchParams, Preconditions};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::error::CallError;
use super::namespace::{self, Home};
use super::owner::{FIELD_MANAGER, MANAGED_BY};
use super::poll::Polling;
use super::version::{Expected, TRIES, Version, Versions};
use super::{App, Cluster, Owner, foreign_object};
use crate::code::Code;
use crate::object::ObjectRef;
use crate::policy::{Limits, POD_SECURITY_VERSION, PodSecurity, Policy, inside};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;
use crate::slot;

/// The objects' names. Manifests may not have one of these.
pub const QUOTA: &str = "chandlery-quota";
pub const LIMITS: &str = "chandlery-limits";
pub const DEFAULT_DENY: &str = "chandlery-default-deny";
/// Every namespace has it; pods that name no other have its token.
const ACCOUNT: &str = "default";
/// A container that says nothing of itself may take this part of what the app gets, …
const SHARE: u32 = 8;
/// … and asks for so little that it finds a place.
const REQUESTS: (&str, &str) = ("10m", "32Mi");

/// What the containers of a pod may write to the disk of its node, for each pod that the app may have: their own files,
/// logs and `emptyDir` volumes.
const DISK_OF_A_POD_GIB: u32 = 4;
/// Of that, a container that says nothing of itself gets this, and asks for none: not every node tells what it has.
const DISK: &str = "2Gi";

/// How many objects of a kind an app may have, far more than one needs: the API server keeps all of them in memory.
const COUNTS: [(&str, u32); 13] = [
    ("configmaps", 200),
    ("secrets", 200),
    ("services", 100),
    ("serviceaccounts", 100),
    ("persistentvolumeclaims", 100),
    ("deployments.apps", 100),
    ("statefulsets.apps", 100),
    ("jobs.batch", 500),
    ("cronjobs.batch", 50),
    ("ingresses.networking.k8s.io", 50),
    ("networkpolicies.networking.k8s.io", 100),
    ("horizontalpodautoscalers.autoscaling", 100),
    ("poddisruptionbudgets.policy", 100),
];

/// How long the cluster may take to count what a namespace uses.
const COUNTING_LIMIT: Duration = Duration::from_secs(60);
/// How soon it is looked at first; each further pause is twice as long, …
const COUNTED_SOON: Duration = Duration::from_millis(30);
/// … up to this.
const COUNTED_LATE: Duration = Duration::from_secs(1);

/// Puts all of it into the namespace, which must exist and be the app's.
pub async fn isolate(
    app: &App,
    policy: &Policy,
    limits: &Limits,
    node_ports: &[u16],
    home: &Home,
) -> Result<Versions, Problem> {
    let App {
        cluster,
        namespace,
        owner,
    } = app;
    let carried = home.metadata.labels.as_ref();
    if labels(policy)
        .iter()
        .any(|(name, value)| carried.and_then(|labels| labels.get(name)) != Some(value))
    {
        label(cluster, namespace, policy, home).await?;
    }
    let own = |object: Value| Own {
        namespace,
        owner,
        home,
        object,
    };
    let quotas = async {
        // First, so that no container is refused for what the LimitRange gives it.
        let range = own(limit_range(limits))
            .bring(cluster, policy.quota)
            .await?;
        let quota = own(quota(policy, limits, node_ports))
            .bring(cluster, policy.quota)
            .await?;
        if let Some(quota) = &quota {
            until_counted(cluster, namespace, quota).await?;
        }
        Ok([range, quota])
    };
    let ([range, quota], network, _) = futures::try_join!(
        quotas,
        own(network_policy(policy)).bring(cluster, policy.network_policy),
        own(account(policy)).apply(cluster),
    )?;
    let brought = [range, quota, network].into_iter().flatten();
    Ok(brought.filter_map(|object| known(&object)).collect())
}

fn known(object: &DynamicObject) -> Option<(ObjectRef, Version)> {
    let types = object.types.as_ref()?;
    let reference = ObjectRef {
        api_version: types.api_version.clone(),
        kind: types.kind.clone(),
        namespace: object.metadata.namespace.clone(),
        name: object.name_any(),
    };
    Some((reference, Version::of(object)?))
}

/// Waits until what the namespace uses has been counted against the quota: before that the API server refuses all that
/// the quota is about.
async fn until_counted(
    cluster: &Cluster,
    namespace: &str,
    applied: &DynamicObject,
) -> Result<(), Problem> {
    if applied.data["status"]["hard"] == applied.data["spec"]["hard"] {
        return Ok(());
    }
    let api: Api<ResourceQuota> = Api::namespaced(cluster.client.clone(), namespace);
    let polling = Polling::new(COUNTING_LIMIT);
    let mut pause = COUNTED_SOON;
    loop {
        slot::waiting(sleep(pause)).await;
        pause = (pause * 2).min(COUNTED_LATE);
        let found = cluster.call(api.get(QUOTA)).await.map_err(|error| {
            cluster.problem(
                &error,
                sentence!(
                    "read the ResourceQuota {name} in {namespace}",
                    name = QUOTA,
                    namespace
                ),
            )
        })?;
        let wanted = found.spec.and_then(|spec| spec.hard);
        let counted = found.status.and_then(|status| status.hard);
        if counted == wanted {
            return Ok(());
        }
        if polling.is_over() {
            return Err(Problem {
                object: Some(format!("ResourceQuota/{QUOTA}")),
                ..Problem::new(
                    Code::QuotaUncounted,
                    sentence!(
                        "The cluster has not counted what {namespace} uses.",
                        namespace
                    ),
                )
                .hint(sentence!(
                    "That is the work of kube-controller-manager: see whether it runs."
                ))
            });
        }
    }
}

/// One of our objects on its way into a namespace.
struct Own<'a> {
    namespace: &'a str,
    owner: &'a Owner,
    home: &'a Home,
    object: Value,
}

impl Own<'_> {
    fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().unwrap_or_default()
    }

    fn kind(&self) -> &str {
        self.object["kind"].as_str().unwrap_or_default()
    }

    async fn bring(
        self,
        cluster: &Cluster,
        wanted: bool,
    ) -> Result<Option<DynamicObject>, Problem> {
        match wanted {
            true => self.apply(cluster).await.map(Some),
            false => self.remove(cluster).await.map(|()| None),
        }
    }

    async fn apply(mut self, cluster: &Cluster) -> Result<DynamicObject, Problem> {
        let api = self.api(cluster).await?;
        // The ServiceAccount is everybody's, and there before us.
        if self.kind() == "ServiceAccount" {
            return self
                .patch(cluster, &api, Expected::Anything)
                .await
                .map_err(|error| self.problem(cluster, &error, sentence!("put")));
        }
        self.owner.label(&mut self.object);
        let noted = self.home.versions.get(&self.reference());
        // What nothing is noted of may have been made by an attempt that was ended.
        let known = match noted {
            None if !self.home.is_new => None,
            noted => Expected::known(noted),
        };
        if let Some(expected) = known {
            match self.patch(cluster, &api, expected).await {
                // It is another one than was known: see whose.
                Err(error) if error.is_of_another() => {}
                patched => {
                    return patched
                        .map_err(|error| self.problem(cluster, &error, sentence!("put")));
                }
            }
        }
        let mut tries = 0;
        loop {
            let found = self.check(cluster).await?;
            tries += 1;
            let expected = Expected::seen(found.as_ref());
            match self.patch(cluster, &api, expected).await {
                // What it counts is written on the quota all the time.
                Err(error) if error.is_of_another() && tries < TRIES => {}
                patched => {
                    return patched
                        .map_err(|error| self.problem(cluster, &error, sentence!("put")));
                }
            }
        }
    }

    async fn patch(
        &self,
        cluster: &Cluster,
        api: &Api<DynamicObject>,
        expected: Expected<'_>,
    ) -> Result<DynamicObject, CallError> {
        let params = PatchParams::apply(FIELD_MANAGER)
            .force()
            .validation_strict();
        let mut object = self.object.clone();
        expected.put(&mut object);
        let patch = Patch::Apply(object);
        cluster.call(api.patch(self.name(), &params, &patch)).await
    }

    fn reference(&self) -> ObjectRef {
        ObjectRef {
            api_version: self.object["apiVersion"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            kind: self.kind().to_owned(),
            namespace: Some(self.namespace.to_owned()),
            name: self.name().to_owned(),
        }
    }

    async fn remove(&self, cluster: &Cluster) -> Result<(), Problem> {
        let api = self.api(cluster).await?;
        let mut tries = 0;
        while let Some(found) = self.check(cluster).await? {
            tries += 1;
            let params = DeleteParams::default().preconditions(Preconditions {
                uid: found.uid,
                resource_version: found.resource_version,
            });
            match cluster.call(api.delete(self.name(), &params)).await {
                Ok(_) => break,
                Err(error) if error.is_not_found() => break,
                Err(error) if error.is_of_another() && tries < TRIES => {}
                Err(error) => return Err(self.problem(cluster, &error, sentence!("remove"))),
            }
        }
        Ok(())
    }

    /// What is there. One of this name that is not ours is a problem.
    async fn check(&self, cluster: &Cluster) -> Result<Option<ObjectMeta>, Problem> {
        let api = self.api(cluster).await?;
        let found = cluster
            .call(api.get_metadata_opt(self.name()))
            .await
            .map_err(|error| self.problem(cluster, &error, sentence!("read")))?;
        match found {
            Some(found) if !self.owner.owns(&found.metadata) => {
                Err(foreign_object(self.kind(), self.name()))
            }
            found => Ok(found.map(|found| found.metadata)),
        }
    }

    async fn api(&self, cluster: &Cluster) -> Result<Api<DynamicObject>, Problem> {
        let api_version = self.object["apiVersion"].as_str().unwrap_or_default();
        let kinds = cluster.kinds().await?;
        match kinds.get(api_version, self.kind()) {
            Some(kind) => Ok(cluster.api(kind, Some(self.namespace))),
            None => Err(Problem::new(Code::ClusterKinds, sentence!("The cluster does not know {kind} of {api_version}.", kind = self.kind(), api_version))
            .hint(sentence!("Every Kubernetes has this kind: see whether the API server's group is switched off."))),
        }
    }

    fn problem(&self, cluster: &Cluster, error: &CallError, verb: Sentence) -> Problem {
        let (kind, name) = (self.kind(), self.name());
        Problem {
            object: Some(format!("{kind}/{name}")),
            ..cluster.problem(
                error,
                sentence!(
                    "{verb} the {kind} {name} in {namespace}",
                    verb,
                    kind,
                    name,
                    namespace = self.namespace
                ),
            )
        }
    }
}

/// What the namespace says of the pods that may run in it.
pub fn labels(policy: &Policy) -> BTreeMap<String, String> {
    let of_mode = |mode| {
        let label = format!("pod-security.kubernetes.io/{mode}");
        [
            (format!("{label}-version"), POD_SECURITY_VERSION.to_owned()),
            (label, policy.pod_security.as_str().to_owned()),
        ]
    };
    ["enforce", "warn", "audit"]
        .into_iter()
        .flat_map(of_mode)
        .collect()
}

/// Says on the namespace which pods the API server admits; its other labels stay.
async fn label(
    cluster: &Cluster,
    namespace: &str,
    policy: &Policy,
    home: &Home,
) -> Result<(), Problem> {
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let mut patch = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace, "labels": labels(policy)},
    });
    Expected::seen(Some(&home.metadata)).put(&mut patch);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    match cluster
        .call(api.patch(namespace, &params, &Patch::Apply(&patch)))
        .await
    {
        Ok(_) => Ok(()),
        Err(error) if error.is_of_another() => Err(namespace::changed(namespace)),
        Err(error) => Err(cluster.problem(
            &error,
            sentence!("label the namespace {namespace}", namespace),
        )),
    }
}

fn account(policy: &Policy) -> Value {
    let mut account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": ACCOUNT},
    });
    if policy.pod_security != PodSecurity::Privileged {
        account["automountServiceAccountToken"] = false.into();
    }
    account
}

fn quota(policy: &Policy, limits: &Limits, node_ports: &[u16]) -> Value {
    let disk = format!("{}Gi", limits.pods.saturating_mul(DISK_OF_A_POD_GIB));
    let mut hard = json!({
        "limits.cpu": format!("{}m", limits.cpu_millicores),
        "limits.memory": format!("{}Mi", limits.memory_mib),
        "limits.ephemeral-storage": disk,
        "requests.ephemeral-storage": disk,
        "requests.storage": format!("{}Gi", limits.storage_gib),
        "pods": limits.pods.to_string(),
    });
    for (kind, most) in COUNTS {
        hard[format!("count/{kind}")] = most.to_string().into();
    }
    // The check of the manifests refuses them first; this holds for whoever else writes there.
    if !policy.load_balancer {
        hard["services.loadbalancers"] = "0".into();
    }
    if !policy.load_balancer && !policy.node_port {
        // Each of them may be one of TCP and one of UDP.
        hard["services.nodeports"] = (2 * node_ports.len()).to_string().into();
    }
    json!({
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": QUOTA},
        "spec": {"hard": hard},
    })
}

/// A quota of limits refuses containers without any: these are theirs.
fn limit_range(limits: &Limits) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": LIMITS},
        "spec": {"limits": [{
            "type": "Container",
            "default": {
                "cpu": format!("{}m", limits.cpu_millicores.div_ceil(SHARE)),
                "memory": format!("{}Mi", limits.memory_mib.div_ceil(SHARE)),
                "ephemeral-storage": DISK,
            },
            "defaultRequest": {"cpu": REQUESTS.0, "memory": REQUESTS.1, "ephemeral-storage": "0"},
        }]},
    })
}

/// Pods reach one another, the cluster's DNS and the internet; the ingress controller reaches them. Manifests' own
/// NetworkPolicies add to that what the app needs beyond.
fn network_policy(policy: &Policy) -> Value {
    let of_family = |four: bool| -> Vec<String> {
        let networks = inside().into_iter();
        let networks = networks.filter(|network| network.addr().is_ipv4() == four);
        networks.map(|network| network.to_string()).collect()
    };
    let dns = ["UDP", "TCP"].map(|protocol| json!({"port": 53, "protocol": protocol}));
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": DEFAULT_DENY},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{"podSelector": {}}, namespaces(&policy.ingress_namespaces)]}],
            "egress": [
                {"to": [{"podSelector": {}}]},
                {"to": [namespaces(&policy.dns_namespaces)], "ports": dns},
                {"to": [
                    {"ipBlock": {"cidr": "0.0.0.0/0", "except": of_family(true)}},
                    {"ipBlock": {"cidr": "::/0", "except": of_family(false)}},
                ]},
            ],
        },
    })
}

/// The pods of namespaces by name, or of all but those of apps.
fn namespaces(names: &[String]) -> Value {
    let expression = match names {
        [] => json!({"key": MANAGED_BY, "operator": "NotIn", "values": [FIELD_MANAGER]}),
        names => json!({"key": "kubernetes.io/metadata.name", "operator": "In", "values": names}),
    };
    json!({"namespaceSelector": {"matchExpressions": [expression]}})
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        cpu_millicores: 8000,
        memory_mib: 12288,
        storage_gib: 50,
        pods: 20,
    };

    #[test]
    fn a_container_that_says_nothing_gets_a_part_of_what_the_app_gets() {
        let quota = quota(&Policy::default(), &LIMITS, &[]);
        assert_eq!(quota["spec"]["hard"]["limits.memory"], "12288Mi");
        assert_eq!(quota["spec"]["hard"]["services.nodeports"], "0");
        let own = super::quota(&Policy::default(), &LIMITS, &[30001, 30002]);
        assert_eq!(own["spec"]["hard"]["services.nodeports"], "4");
        for of in ["limits", "requests"] {
            assert_eq!(
                quota["spec"]["hard"][format!("{of}.ephemeral-storage")],
                "80Gi"
            );
        }
        assert_eq!(quota["spec"]["hard"]["count/secrets"], "200");
        let range = limit_range(&LIMITS);
        assert_eq!(range["spec"]["limits"][0]["default"]["memory"], "1536Mi");
        assert_eq!(range["spec"]["limits"][0]["default"]["cpu"], "1000m");
        assert_eq!(
            range["spec"]["limits"][0]["default"]["ephemeral-storage"],
            "2Gi"
        );
    }

    #[test]
    fn every_kind_of_the_strict_policy_is_counted() {
        let counted = COUNTS.map(|(kind, _)| kind);
        for kind in Policy::default().kinds {
            let lower = kind.to_lowercase();
            let (kind, group) = lower.split_once('.').unwrap_or((&lower, ""));
            let found = counted.iter().any(|counted| {
                let (plural, counted_group) = counted.split_once('.').unwrap_or((counted, ""));
                // policies, ingresses
                plural.starts_with(kind.trim_end_matches('y')) && group == counted_group
            });
            assert!(found, "{kind}");
        }
    }

    #[test]
    fn other_apps_are_kept_out_also_where_no_namespace_is_named() {
        let policy = network_policy(&Policy::default());
        let from = &policy["spec"]["ingress"][0]["from"][1]["namespaceSelector"];
        assert_eq!(
            from["matchExpressions"][0],
            json!({"key": "app.kubernetes.io/managed-by", "operator": "NotIn", "values": ["chandlery"]})
        );
        let named = network_policy(&Policy {
            ingress_namespaces: vec!["traefik".to_owned()],
            ..Policy::default()
        });
        let from = &named["spec"]["ingress"][0]["from"][1]["namespaceSelector"];
        assert_eq!(from["matchExpressions"][0]["values"], json!(["traefik"]));
    }

    #[test]
    fn pods_are_let_out_to_the_internet_and_not_to_the_clouds_credentials() {
        let policy = network_policy(&Policy::default());
        let except = &policy["spec"]["egress"][2]["to"][0]["ipBlock"]["except"];
        let except = except.as_array().unwrap();
        assert!(except.contains(&json!("169.254.0.0/16")));
        assert!(except.contains(&json!("10.0.0.0/8")));
        let except = &policy["spec"]["egress"][2]["to"][1]["ipBlock"]["except"];
        assert_eq!(
            except,
            &json!([
                "::/3",
                "2001::/23",
                "2001:db8::/32",
                "2002::/16",
                "3fff::/20",
                "4000::/2",
                "8000::/1"
            ])
        );
    }
}
