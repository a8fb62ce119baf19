//! Whether a Kubernetes object has become what its manifest says, by the rules that kubectl-like tools share: kstatus of
//! sigs.k8s.io/cli-utils.
//!
//! ```
//! use kstatus::{Reason, Status, status};
//! use serde_json::json;
//!
//! let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}});
//! assert_eq!(status(&claim), Status::InProgress(Reason::NotBound));
//! assert_eq!(status(&claim).to_string(), "in progress: it is not bound to a volume yet");
//! ```
//!
//! It looks at the object's JSON alone. The texts begin in lower case and have no full stop.

use std::fmt;

use serde_json::Value;

/// How far an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is what its manifest says.
    Current,
    /// It is on the way: what is missing.
    InProgress(Reason),
    /// It will not get there without a change: why.
    Failed(Reason),
    /// It is being deleted.
    Terminating,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => f.write_str("current"),
            Self::InProgress(what) => write!(f, "in progress: {what}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Terminating => f.write_str("terminating"),
        }
    }
}

/// Why an object is not what its manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// In the words of its controller.
    Told(String),
    /// Its controller has not seen it yet.
    Unseen,
    /// Its controller has seen an earlier version only.
    Outdated {
        generation: i64,
        observed: i64,
    },
    /// A rollout took longer than it may without any progress, in seconds.
    NoProgress(i64),
    /// A rollout that somebody has paused.
    Paused,
    /// Not all of its pods are so far.
    Pods {
        are: Pods,
        now: i64,
        wanted: i64,
    },
    /// So many pods more than it needs.
    PodsToGo(i64),
    /// So many pods of the version before.
    OldPodsToGo(i64),
    PodsNotAvailable,
    PodsNotScheduled,
    PodsBeingUpdated,
    /// A Job without a pod yet.
    NotStarted,
    /// A Job with so many pods at work, and so many that failed.
    JobRuns {
        active: i64,
        failed: i64,
    },
    PodFailed,
    PodNotReady,
    PodPending,
    PodWithoutPhase,
    /// A claim without a volume.
    NotBound,
    /// A claim whose volume is no more.
    VolumeLost,
    /// A Service without the address of its load balancer.
    NoLoadBalancer,
    /// A definition of a kind that is not served yet.
    NotEstablished,
}

/// What pods have become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pods {
    Created,
    Scheduled,
    Labelled,
    Updated,
    Current,
    Available,
    Ready,
}

impl fmt::Display for Pods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Scheduled => "scheduled",
            Self::Labelled => "labelled",
            Self::Updated => "updated",
            Self::Current => "current",
            Self::Available => "available",
            Self::Ready => "ready",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Told(words) => words,
            Self::Outdated {
                generation,
                observed,
            } => {
                return write!(
                    f,
                    "its controller has not yet seen generation {generation}, only {observed}"
                );
            }
            Self::NoProgress(seconds) => {
                return write!(f, "its rollout made no progress for {seconds} s");
            }
            Self::Pods { are, now, wanted } => return write!(f, "{now} of {wanted} pods {are}"),
            Self::PodsToGo(number) => return write!(f, "{number} pods are still to go"),
            Self::OldPodsToGo(number) => return write!(f, "{number} old pods are still to go"),
            Self::JobRuns { active, failed: 0 } => {
                return write!(f, "it is running ({active} active)");
            }
            Self::JobRuns { active, failed } => {
                return write!(f, "it is running ({active} active, {failed} failed so far)");
            }
            Self::Unseen => "its controller has not seen it yet",
            Self::Paused => "it is paused (`spec.paused: true`), so its pods are not replaced",
            Self::PodsNotAvailable => "its pods are not available yet",
            Self::PodsNotScheduled => "its pods are not scheduled yet",
            Self::PodsBeingUpdated => "its pods are being updated",
            Self::NotStarted => "it has not started yet",
            Self::PodFailed => "the pod has failed",
            Self::PodNotReady => "the pod is running but not ready",
            Self::PodPending => "the pod is pending",
            Self::PodWithoutPhase => "the pod has no phase yet",
            Self::NotBound => "it is not bound to a volume yet",
            Self::VolumeLost => "its volume is lost",
            Self::NoLoadBalancer => "its load balancer has no address yet",
            Self::NotEstablished => "it is not established yet",
        })
    }
}

/// Applies the rules to an object as the API server returned it.
pub fn status(object: &Value) -> Status {
    if object["metadata"]["deletionTimestamp"].is_string() {
        return Status::Terminating;
    }
    if let Some(status) = generic(object) {
        return status;
    }
    let group = group_of(text(&object["apiVersion"]));
    match (group, text(&object["kind"])) {
        ("apps", "Deployment") => deployment(object),
        ("apps", "StatefulSet") => stateful_set(object),
        ("apps", "ReplicaSet") => replica_set(object),
        ("apps", "DaemonSet") => daemon_set(object),
        ("batch", "Job") => job(object),
        ("", "Pod") => pod(object),
        ("", "PersistentVolumeClaim") => persistent_volume_claim(object),
        ("", "Service") => service(object),
        ("autoscaling", "HorizontalPodAutoscaler") => horizontal_pod_autoscaler(object),
        ("policy", "PodDisruptionBudget") => pod_disruption_budget(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => custom_resource_definition(object),
        // kstatus knows of these, and of every kind without rules, that being there is enough: an Ingress without an
        // address among them.
        (_, "Ingress" | "ConfigMap" | "Secret" | "CronJob") => Status::Current,
        _ => ready_condition(object),
    }
}

/// What holds for every kind: the controller must have seen the newest version, and must not report itself stuck.
fn generic(object: &Value) -> Option<Status> {
    let generation = object["metadata"]["generation"].as_i64();
    let observed = object["status"]["observedGeneration"].as_i64();
    if let (Some(generation), Some(observed)) = (generation, observed)
        && observed != generation
    {
        return Some(Status::InProgress(Reason::Outdated {
            generation,
            observed,
        }));
    }
    if let Some(condition) =
        condition(object, "Stalled").filter(|condition| condition["status"] == "True")
    {
        return Some(Status::Failed(Reason::Told(reason(condition))));
    }
    if let Some(condition) =
        condition(object, "Reconciling").filter(|condition| condition["status"] == "True")
    {
        return Some(Status::InProgress(Reason::Told(reason(condition))));
    }
    None
}

/// Kinds without rules of their own, custom resources among them, may carry a `Ready` condition.
fn ready_condition(object: &Value) -> Status {
    match condition(object, "Ready") {
        Some(ready) if ready["status"] != "True" => Status::InProgress(Reason::Told(reason(ready))),
        _ => Status::Current,
    }
}

fn deployment(object: &Value) -> Status {
    let (spec, status) = (&object["spec"], &object["status"]);
    if let Some(progressing) = condition(object, "Progressing")
        && progressing["reason"] == "ProgressDeadlineExceeded"
    {
        return Status::Failed(Reason::NoProgress(
            spec["progressDeadlineSeconds"].as_i64().unwrap_or(600),
        ));
    }
    if object["metadata"]["generation"].is_i64() && !status["observedGeneration"].is_i64() {
        return Status::InProgress(Reason::Unseen);
    }
    let wanted = spec["replicas"].as_i64().unwrap_or(1);
    let [replicas, updated, ready, available] = counts(
        status,
        [
            "replicas",
            "updatedReplicas",
            "readyReplicas",
            "availableReplicas",
        ],
    );
    if updated < wanted && spec["paused"] == true {
        return Status::Failed(Reason::Paused);
    }
    if updated < wanted {
        return waiting(Pods::Updated, updated, wanted);
    }
    if replicas > wanted {
        return Status::InProgress(Reason::OldPodsToGo(replicas - wanted));
    }
    if available < updated {
        return waiting(Pods::Available, available, updated);
    }
    if ready < wanted {
        return waiting(Pods::Ready, ready, wanted);
    }
    if let Some(available) = condition(object, "Available")
        && available["status"] != "True"
    {
        return Status::InProgress(Reason::Told(reason(available)));
    }
    if condition(object, "Available").is_none() && wanted > 0 {
        return Status::InProgress(Reason::PodsNotAvailable);
    }
    Status::Current
}

fn stateful_set(object: &Value) -> Status {
    let (spec, status) = (&object["spec"], &object["status"]);
    if object["metadata"]["generation"].is_i64() && !status["observedGeneration"].is_i64() {
        return Status::InProgress(Reason::Unseen);
    }
    if spec["updateStrategy"]["type"] == "OnDelete" {
        return Status::Current;
    }
    let wanted = spec["replicas"].as_i64().unwrap_or(1);
    let [replicas, ready, current, updated] = counts(
        status,
        [
            "replicas",
            "readyReplicas",
            "currentReplicas",
            "updatedReplicas",
        ],
    );
    if replicas < wanted {
        return waiting(Pods::Created, replicas, wanted);
    }
    if ready < wanted {
        return waiting(Pods::Ready, ready, wanted);
    }
    if replicas > wanted {
        return Status::InProgress(Reason::PodsToGo(replicas - wanted));
    }
    if let Some(partition) = spec["updateStrategy"]["rollingUpdate"]["partition"]
        .as_i64()
        .filter(|&partition| partition > 0)
    {
        let wanted = (wanted - partition).max(0);
        if updated < wanted {
            return waiting(Pods::Updated, updated, wanted);
        }
        return Status::Current;
    }
    if current < wanted {
        return waiting(Pods::Current, current, wanted);
    }
    if status["currentRevision"] != status["updateRevision"] {
        return Status::InProgress(Reason::PodsBeingUpdated);
    }
    Status::Current
}

fn replica_set(object: &Value) -> Status {
    let (spec, status) = (&object["spec"], &object["status"]);
    if object["metadata"]["generation"].is_i64() && !status["observedGeneration"].is_i64() {
        return Status::InProgress(Reason::Unseen);
    }
    if let Some(failure) =
        condition(object, "ReplicaFailure").filter(|condition| condition["status"] == "True")
    {
        return Status::InProgress(Reason::Told(reason(failure)));
    }
    let wanted = spec["replicas"].as_i64().unwrap_or(1);
    let [replicas, labelled, available, ready] = counts(
        status,
        [
            "replicas",
            "fullyLabeledReplicas",
            "availableReplicas",
            "readyReplicas",
        ],
    );
    if labelled < wanted {
        return waiting(Pods::Labelled, labelled, wanted);
    }
    if available < wanted {
        return waiting(Pods::Available, available, wanted);
    }
    if ready < wanted {
        return waiting(Pods::Ready, ready, wanted);
    }
    if replicas > wanted {
        return Status::InProgress(Reason::PodsToGo(replicas - wanted));
    }
    Status::Current
}

fn daemon_set(object: &Value) -> Status {
    let status = &object["status"];
    if !status["observedGeneration"].is_i64() {
        return Status::InProgress(Reason::Unseen);
    }
    let Some(wanted) = status["desiredNumberScheduled"].as_i64() else {
        return Status::InProgress(Reason::PodsNotScheduled);
    };
    let [current, updated, available, ready] = counts(
        status,
        [
            "currentNumberScheduled",
            "updatedNumberScheduled",
            "numberAvailable",
            "numberReady",
        ],
    );
    if current < wanted {
        return waiting(Pods::Scheduled, current, wanted);
    }
    if updated < wanted {
        return waiting(Pods::Updated, updated, wanted);
    }
    if available < wanted {
        return waiting(Pods::Available, available, wanted);
    }
    if ready < wanted {
        return waiting(Pods::Ready, ready, wanted);
    }
    Status::Current
}

/// kstatus calls a Job current as soon as it has started. What needs a Job (a migration, a first database) does not run
/// before it, so here a Job is current when it is complete.
fn job(object: &Value) -> Status {
    if let Some(failed) =
        condition(object, "Failed").filter(|condition| condition["status"] == "True")
    {
        return Status::Failed(Reason::Told(reason(failed)));
    }
    if condition(object, "Complete").is_some_and(|condition| condition["status"] == "True") {
        return Status::Current;
    }
    if object["spec"]["suspend"] == true {
        return Status::Current;
    }
    if !object["status"]["startTime"].is_string() {
        return Status::InProgress(Reason::NotStarted);
    }
    let [active, failed] = counts(&object["status"], ["active", "failed"]);
    Status::InProgress(Reason::JobRuns { active, failed })
}

fn pod(object: &Value) -> Status {
    match text(&object["status"]["phase"]) {
        "Succeeded" => Status::Current,
        "Failed" => Status::Failed(match text(&object["status"]["message"]) {
            "" => Reason::PodFailed,
            message => Reason::Told(message.to_owned()),
        }),
        "Running" => match condition(object, "Ready") {
            Some(ready) if ready["status"] == "True" => Status::Current,
            _ => Status::InProgress(Reason::PodNotReady),
        },
        "Pending" => Status::InProgress(Reason::PodPending),
        _ => Status::InProgress(Reason::PodWithoutPhase),
    }
}

fn persistent_volume_claim(object: &Value) -> Status {
    match text(&object["status"]["phase"]) {
        "Bound" => Status::Current,
        "Lost" => Status::Failed(Reason::VolumeLost),
        _ => Status::InProgress(Reason::NotBound),
    }
}

fn service(object: &Value) -> Status {
    let spec = &object["spec"];
    if spec["type"] == "LoadBalancer" {
        let no_address = object["status"]["loadBalancer"]["ingress"]
            .as_array()
            .is_none_or(Vec::is_empty);
        if text(&spec["clusterIP"]).is_empty() || no_address {
            return Status::InProgress(Reason::NoLoadBalancer);
        }
    }
    Status::Current
}

fn pod_disruption_budget(object: &Value) -> Status {
    if object["metadata"]["generation"].is_i64() && !object["status"]["observedGeneration"].is_i64()
    {
        return Status::InProgress(Reason::Unseen);
    }
    if let Some(unknown) = condition(object, "DisruptionAllowed")
        && unknown["reason"] == "SyncFailed"
    {
        return Status::InProgress(Reason::Told(reason(unknown)));
    }
    Status::Current
}

/// kstatus takes one that is there for current. One whose target is not there does nothing at all; one without metrics
/// keeps the pods that there are.
fn horizontal_pod_autoscaler(object: &Value) -> Status {
    match condition(object, "AbleToScale") {
        Some(able) if able["reason"] == "FailedGetScale" => {
            Status::InProgress(Reason::Told(reason(able)))
        }
        _ => Status::Current,
    }
}

fn custom_resource_definition(object: &Value) -> Status {
    if let Some(accepted) = condition(object, "NamesAccepted")
        && accepted["status"] == "False"
    {
        return Status::Failed(Reason::Told(reason(accepted)));
    }
    match condition(object, "Established") {
        Some(established) if established["status"] == "True" => Status::Current,
        _ => Status::InProgress(Reason::NotEstablished),
    }
}

/// Finds a condition of the object by type.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"]
        .as_array()?
        .iter()
        .find(|condition| condition["type"] == kind)
}

/// A condition's message, or its reason where it has none.
pub fn reason(condition: &Value) -> String {
    match (text(&condition["message"]), text(&condition["reason"])) {
        ("", "") => format!(
            "{} is {}",
            text(&condition["type"]),
            text(&condition["status"])
        ),
        ("", reason) => reason.to_owned(),
        (message, _) => message.to_owned(),
    }
}

/// `apps` of `apps/v1`, nothing of `v1`.
fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

fn counts<const N: usize>(status: &Value, fields: [&str; N]) -> [i64; N] {
    fields.map(|field| status[field].as_i64().unwrap_or(0))
}

fn waiting(are: Pods, now: i64, wanted: i64) -> Status {
    Status::InProgress(Reason::Pods { are, now, wanted })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
