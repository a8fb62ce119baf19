//! How much the nodes of a cluster have, and how much of it pods ask for.

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, ListParams};
use kube::core::{ApiResource, Object};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Cluster;
use super::error::CallError;
use crate::code::Code;
use crate::problem::Problem;
use crate::quantity;
use crate::sentence;
use crate::sentence::Sentence;

/// Pods that have come to their end ask for nothing, and those without a node have nothing yet.
const AT_WORK: &str = "status.phase!=Succeeded,status.phase!=Failed,spec.nodeName!=";

/// What the nodes that take pods have, and what of it is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Capacity {
    /// How many nodes take pods, …
    pub nodes: usize,
    /// … and how many of them are ready.
    pub nodes_ready: usize,
    pub allocatable: Amounts,
    pub requested: Amounts,
}

/// As nodes have them and pods ask for them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Amounts {
    /// Cores.
    pub cpu: f64,
    /// Bytes.
    pub memory: f64,
    pub pods: f64,
}

impl Amounts {
    fn of(amounts: &Map<String, Value>) -> Self {
        let read = |name| {
            amounts
                .get(name)
                .and_then(quantity::read)
                .unwrap_or_default()
        };
        Self {
            cpu: read("cpu"),
            memory: read("memory"),
            pods: read("pods"),
        }
    }

    fn each(self, other: Self, of: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            cpu: of(self.cpu, other.cpu),
            memory: of(self.memory, other.memory),
            pods: of(self.pods, other.pods),
        }
    }

    fn plus(self, other: Self) -> Self {
        self.each(other, |one, other| one + other)
    }
}

/// Of nodes and pods only what is counted is read: there may be many.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct NodeSpec {
    unschedulable: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct NodeStatus {
    allocatable: Map<String, Value>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Condition {
    r#type: String,
    status: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodSpec {
    node_name: String,
    containers: Vec<Container>,
    init_containers: Vec<Container>,
    overhead: Map<String, Value>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Container {
    restart_policy: String,
    resources: Resources,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Resources {
    requests: Map<String, Value>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Nothing {}

/// What a cluster has, by two lists: its nodes and its pods.
///
/// # Errors
/// Also where the worker's account may not list them, which it need not.
pub async fn capacity(cluster: &Cluster) -> Result<Capacity, Problem> {
    let listed = |error: &CallError, what: Sentence| match error.is_forbidden() {
        true => Problem::new(
            Code::ClusterForbidden,
            sentence!(
                "The worker may not {what} in the whole cluster; config/rbac-watch.yaml lets it.",
                what
            ),
        ),
        false => cluster.problem(error, what),
    };
    let nodes: Api<Object<NodeSpec, NodeStatus>> =
        Api::all_with(cluster.client.clone(), &ApiResource::erase::<Node>(&()));
    let nodes = cluster.list(&nodes, &ListParams::default()).await;
    let nodes = nodes.map_err(|error| listed(&error, sentence!("list nodes")))?;
    let pods: Api<Object<PodSpec, Nothing>> =
        Api::all_with(cluster.client.clone(), &ApiResource::erase::<Pod>(&()));
    let pods = cluster
        .list(&pods, &ListParams::default().fields(AT_WORK))
        .await;
    let pods = pods.map_err(|error| listed(&error, sentence!("list pods")))?;
    Ok(counted(&nodes, pods.iter().map(|pod| &pod.spec)))
}

fn counted<'a>(
    nodes: &[Object<NodeSpec, NodeStatus>],
    pods: impl Iterator<Item = &'a PodSpec>,
) -> Capacity {
    let mut capacity = Capacity::default();
    let mut names = Vec::new();
    for node in nodes.iter().filter(|node| !node.spec.unschedulable) {
        capacity.nodes += 1;
        names.extend(node.metadata.name.as_deref());
        let Some(status) = &node.status else { continue };
        let is_ready =
            |condition: &Condition| condition.r#type == "Ready" && condition.status == "True";
        if status.conditions.iter().any(is_ready) {
            capacity.nodes_ready += 1;
        }
        capacity.allocatable = capacity.allocatable.plus(Amounts::of(&status.allocatable));
    }
    names.sort_unstable();
    for pod in pods.filter(|pod| names.binary_search(&pod.node_name.as_str()).is_ok()) {
        capacity.requested = capacity.requested.plus(asked_for(pod));
    }
    capacity
}

/// What the scheduler counts for a pod: its containers together with those that stay beside them, or, where that is more,
/// the init container that asks for most with those that were begun before it.
fn asked_for(pod: &PodSpec) -> Amounts {
    let (mut beside, mut most) = (Amounts::default(), Amounts::default());
    for container in &pod.init_containers {
        let own = Amounts::of(&container.resources.requests);
        if container.restart_policy == "Always" {
            beside = beside.plus(own);
        }
        let at_once = match container.restart_policy.as_str() {
            "Always" => beside,
            _ => beside.plus(own),
        };
        most = most.each(at_once, f64::max);
    }
    let containers = pod.containers.iter();
    let containers = containers.map(|container| Amounts::of(&container.resources.requests));
    let all = containers.fold(beside, Amounts::plus);
    Amounts {
        pods: 1.0,
        ..all.each(most, f64::max).plus(Amounts::of(&pod.overhead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str, unschedulable: bool, ready: &str) -> Object<NodeSpec, NodeStatus> {
        serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
            "spec": {"unschedulable": unschedulable, "podCIDR": "10.0.0.0/24"},
            "status": {
                "allocatable": {"cpu": "3500m", "memory": "8Gi", "pods": "110"},
                "conditions": [{"type": "Ready", "status": ready}],
            },
        }))
        .unwrap()
    }

    fn pod(spec: Value) -> PodSpec {
        serde_json::from_value(spec).unwrap()
    }

    fn asks(cpu: &str, memory: &str) -> Value {
        json!({"name": "c", "resources": {"requests": {"cpu": cpu, "memory": memory}}})
    }

    #[test]
    fn what_nodes_have_is_held_against_what_their_pods_ask_for() {
        let nodes = [
            node("one", false, "True"),
            node("two", false, "Unknown"),
            node("drained", true, "True"),
        ];
        let pods = [
            pod(
                json!({"nodeName": "one", "containers": [asks("500m", "1Gi"), asks("0.5", "1Gi")]}),
            ),
            pod(json!({"nodeName": "two", "containers": [{"name": "asks for nothing"}]})),
            pod(json!({"nodeName": "drained", "containers": [asks("2", "4Gi")]})),
        ];
        let seen = counted(&nodes, pods.iter());
        assert_eq!((seen.nodes, seen.nodes_ready), (2, 1));
        let gib = 1024_f64.powi(3);
        assert_eq!(
            seen.allocatable,
            Amounts {
                cpu: 7.0,
                memory: 16.0 * gib,
                pods: 220.0
            }
        );
        assert_eq!(
            seen.requested,
            Amounts {
                cpu: 1.0,
                memory: 2.0 * gib,
                pods: 2.0
            }
        );
    }

    #[test]
    fn a_pod_asks_for_what_the_scheduler_counts() {
        let mut sidecar = asks("100m", "64Mi");
        sidecar["restartPolicy"] = "Always".into();
        let with_init = |init: Value| {
            asked_for(&pod(json!({
                "initContainers": init, "containers": [asks("500m", "128Mi")],
                "overhead": {"cpu": "50m"},
            })))
        };
        let cpu = |init| (with_init(init).cpu * 1000.0).round();
        assert_eq!(cpu(json!([])), 550.0);
        assert_eq!(cpu(json!([sidecar])), 650.0);
        assert_eq!(cpu(json!([asks("2", "1Mi")])), 2050.0);
        assert_eq!(cpu(json!([sidecar, asks("2", "1Mi")])), 2150.0);
    }

    #[tokio::test]
    async fn who_may_not_list_nodes_is_told_what_lets_them() {
        let server = wiremock::MockServer::start().await;
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403,
            "reason": "Forbidden", "message": "nodes is forbidden"});
        wiremock::Mock::given(wiremock::matchers::path("/api/v1/nodes"))
            .respond_with(wiremock::ResponseTemplate::new(403).set_body_json(status))
            .mount(&server)
            .await;
        let cluster = crate::kubernetes::cluster::tests::at(&server.uri()).await;
        let problem = capacity(&cluster).await.unwrap_err();
        assert_eq!(problem.code, Code::ClusterForbidden);
        assert_eq!(
            problem.message,
            "The worker may not list nodes in the whole cluster; config/rbac-watch.yaml lets it."
        );
    }
}
