//! What a cluster shows of an app at one moment, and nothing is changed by looking.

use jiff::Timestamp;
use kube::api::ListParams;
use serde_json::Value;

use super::ingress::{self, Ingress};
use super::{Cluster, Owner, namespace, readiness};
use crate::object::ObjectRef;
use crate::problem::Problem;

/// How an app is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All its workloads are ready.
    Running,
    /// Something is not ready; the message says what.
    Degraded,
    /// All its workloads are scaled to 0.
    Stopped,
    /// Nothing of the app is in the cluster.
    Missing,
}

/// An app as the cluster shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    pub state: State,
    /// What is not ready and why; empty when all is.
    pub message: String,
    pub ingress: Ingress,
    /// When it was looked at.
    pub seen_at: Timestamp,
}

/// The kinds that tell how an app is.
const LOOKED_AT: [(&str, &str); 7] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("v1", "Pod"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Service"),
];
/// Those of them that can be scaled to 0.
const SCALABLE: [&str; 2] = ["Deployment", "StatefulSet"];
/// At most this many objects are named in a message.
const NAMED: usize = 3;

/// Looks at an app. A namespace that is not the app's is a problem, one that does not exist is [`State::Missing`].
pub async fn observe(
    cluster: &Cluster,
    namespace: &str,
    owner: &Owner,
) -> Result<Observation, Problem> {
    let seen_at = Timestamp::now();
    match namespace::find(cluster, namespace, owner).await {
        Ok(namespace::Found::Ours) => {}
        Ok(namespace::Found::Absent) => {
            return Ok(Observation {
                state: State::Missing,
                message: format!("The namespace {namespace} is not in the cluster"),
                ingress: Ingress::none(),
                seen_at,
            });
        }
        Err(problem) if problem.code == "namespace_terminating" => {
            return Ok(Observation {
                state: State::Missing,
                message: problem.message.trim_end_matches('.').to_owned(),
                ingress: Ingress::none(),
                seen_at,
            });
        }
        Err(problem) => return Err(problem),
    }
    let ingress = ingress::read(cluster, namespace, owner).await?;
    let objects = list(cluster, namespace, owner).await?;
    let workloads: Vec<&Value> = objects
        .iter()
        .filter(|object| object["kind"] != "PersistentVolumeClaim" && object["kind"] != "Service")
        .collect();
    if workloads.is_empty() && ingress.state == ingress::IngressState::None {
        return Ok(Observation {
            state: State::Missing,
            message: format!("Nothing of the app runs in the namespace {namespace}"),
            ingress,
            seen_at,
        });
    }
    let scalable: Vec<&&Value> = workloads
        .iter()
        .filter(|object| {
            object["kind"]
                .as_str()
                .is_some_and(|kind| SCALABLE.contains(&kind))
        })
        .collect();
    let stopped = !scalable.is_empty()
        && scalable
            .iter()
            .all(|object| object["spec"]["replicas"] == 0)
        && workloads.iter().all(|object| object["kind"] != "DaemonSet");
    let mut missing = Vec::new();
    for object in &objects {
        // Volumes that wait for their first pod do so for good while the app is stopped.
        if stopped && object["kind"] == "PersistentVolumeClaim" {
            continue;
        }
        if let Some(not_ready) = readiness::explain(cluster, &reference(object), object).await {
            missing.push(not_ready.to_string());
        }
    }
    let state = match (missing.is_empty(), stopped) {
        (true, true) => State::Stopped,
        (true, false) => State::Running,
        (false, _) => State::Degraded,
    };
    let more = missing.len().saturating_sub(NAMED);
    missing.truncate(NAMED);
    let mut message = missing.join("; ");
    if more > 0 {
        message.push_str(&format!("; and {more} more"));
    }
    Ok(Observation {
        state,
        message,
        ingress,
        seen_at,
    })
}

async fn list(cluster: &Cluster, namespace: &str, owner: &Owner) -> Result<Vec<Value>, Problem> {
    let kinds = cluster.kinds().await?;
    let selected = ListParams::default().labels(&owner.selector());
    let mut objects = Vec::new();
    for (api_version, kind) in LOOKED_AT {
        let Some(kind) = kinds.get(api_version, kind) else {
            continue;
        };
        let found = cluster
            .call(cluster.api(kind, Some(namespace)).list(&selected))
            .await
            .map_err(|error| {
                cluster.problem(&error, &format!("list {} in {namespace}", kind.plural))
            })?;
        for object in found {
            let mut value = serde_json::to_value(object).unwrap_or_default();
            // Items of a list do not name their own type.
            value["apiVersion"] = kind.api_version.clone().into();
            value["kind"] = kind.kind.clone().into();
            objects.push(value);
        }
    }
    Ok(objects)
}

fn reference(object: &Value) -> ObjectRef {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ObjectRef {
        api_version: text(&object["apiVersion"]),
        kind: text(&object["kind"]),
        namespace: object["metadata"]["namespace"].as_str().map(str::to_owned),
        name: text(&object["metadata"]["name"]),
    }
}
