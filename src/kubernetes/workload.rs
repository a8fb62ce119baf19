//! Why a workload is not ready: what its pods and their events say.

use serde_json::Value;

use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};
use kube::ResourceExt;
use kube::api::{Api, ListParams};

use super::Cluster;
use super::advice;
use super::error::CallError;
use crate::object::ObjectRef;
use crate::sentence;
use crate::sentence::Sentence;

/// Why it is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    /// `pod odoo-6c9 cannot pull its image: …`
    pub(super) text: Sentence,
    /// Whether it stays so until somebody changes something.
    pub(super) permanent: bool,
    pub(super) cause: Cause,
}

impl Reason {
    /// What the cluster says, and what may pass.
    fn told(text: Sentence) -> Self {
        Self {
            cause: Cause::told(&text),
            permanent: false,
            text,
        }
    }
}

/// What keeps an object from being ready, as far as there is something to do about it. Of several that meet the first
/// one counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// What the app gets is used up; says what there is to do about it.
    Limits(Sentence),
    /// So is what another ResourceQuota of the namespace gives.
    Quota,
    PodSecurity,
    /// The Deployment is paused.
    Paused,
    /// A container used more memory than its limit.
    Memory,
    /// A Job took longer than it may.
    Deadline,
    /// A Job's pods failed as often as they may.
    Failures,
    Image,
    Crash,
    Scheduling,
    Other,
}

impl Cause {
    /// The one that the API server's or a controller's words name.
    pub(super) fn told(words: &str) -> Self {
        let says = |text: &str| words.contains(text);
        if let Some(advice) = advice::of_own_quota(words) {
            Self::Limits(advice)
        } else if says("exceeded quota") || says("must specify") {
            Self::Quota
        } else if says("violates PodSecurity") {
            Self::PodSecurity
        } else if says("OOMKilled") {
            Self::Memory
        } else if says("DeadlineExceeded") || says("longer than specified deadline") {
            Self::Deadline
        } else if says("backoff limit") {
            Self::Failures
        } else {
            Self::Other
        }
    }

    /// What to do about it where an object of this kind is not ready.
    pub(super) fn hint(&self, kind: &str) -> Sentence {
        match self {
            Self::Limits(advice) => advice.clone(),
            Self::Quota => {
                sentence!(
                    "The namespace's ResourceQuota keeps its pods out: raise it, or lower what the manifest asks for."
                )
            }
            Self::PodSecurity => {
                sentence!(
                    "Change what the pod does, or have an administrator allow it in the cluster's policy: Pod Security."
                )
            }
            Self::Paused => {
                sentence!(
                    "Remove `paused: true` from the manifest and deploy again; where somebody paused it by hand, `kubectl rollout resume` goes on."
                )
            }
            Self::Memory => {
                sentence!(
                    "The container used more memory than its limit: raise `resources.limits.memory`, or have the app use less."
                )
            }
            Self::Deadline => {
                sentence!(
                    "Raise `spec.activeDeadlineSeconds` of the Job, or find in its log what takes so long."
                )
            }
            Self::Failures => {
                sentence!("Read the log of the Job's pods, and correct what they complain about.")
            }
            Self::Image => {
                sentence!(
                    "Check the image's name and tag, that the registry can be reached from the cluster, and its pull secret."
                )
            }
            Self::Crash => {
                sentence!(
                    "Read the container's log (`kubectl logs --previous`) and correct what it complains about."
                )
            }
            Self::Scheduling => {
                sentence!(
                    "Free or add resources in the cluster, or lower what the manifest requests."
                )
            }
            Self::Other if kind == "PersistentVolumeClaim" => {
                sentence!("Check the claim's storage class and that its provisioner runs.")
            }
            Self::Other => {
                sentence!(
                    "See the object's events in the cluster (`kubectl describe`), correct the cause and deploy again."
                )
            }
        }
    }
}

/// Waiting reasons of a container that no amount of time heals.
const PERMANENT: [&str; 2] = ["InvalidImageName", "ErrImageNeverPull"];

/// Finds the reason in the pods that a workload (or a Pod itself) selects. `None` when pods and events say nothing.
///
/// Pods and events are only asked for words: not being allowed to read them is no failure.
pub(super) async fn reason(cluster: &Cluster, object: &Value) -> Option<Reason> {
    let namespace = object["metadata"]["namespace"].as_str()?;
    match explain(cluster, namespace, object).await {
        Ok(reason) => reason,
        Err(error) => {
            tracing::debug!(%error, namespace, "the reason cannot be looked up");
            None
        }
    }
}

async fn explain(
    cluster: &Cluster,
    namespace: &str,
    object: &Value,
) -> Result<Option<Reason>, CallError> {
    let kind = object["kind"].as_str().unwrap_or_default();
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    if kind == "PersistentVolumeClaim" {
        // That no class provides it is told by an event that is no warning.
        let event = newest_event(cluster, namespace, kind, name, "").await?;
        return Ok(event.map(|event| Reason::told(event.into())));
    }
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
    let pods = if kind == "Pod" {
        cluster
            .call(pods.get_opt(name))
            .await?
            .into_iter()
            .collect()
    } else {
        let Some(selector) = selector(object) else {
            return Ok(None);
        };
        cluster
            .list(&pods, &ListParams::default().labels(&selector))
            .await?
    };
    let mut pods: Vec<Pod> = pods
        .into_iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .collect();
    // The newest pods are those of the rollout that is waited for.
    pods.sort_by_key(|pod| std::cmp::Reverse(pod.metadata.creation_timestamp.clone()));
    let cannot_make = match (pods.len() as i64) < wanted(object) {
        true => not_made(cluster, object).await?,
        false => None,
    };
    let of_pods = pods.iter().find_map(pod_reason);
    if let Some(text) = cannot_make {
        let told = Reason::told(text.into());
        return Ok(Some(match of_pods {
            Some(reason) => Reason {
                text: reason.text.and("; ", told.text),
                permanent: reason.permanent,
                cause: reason.cause.min(told.cause),
            },
            None => told,
        }));
    }
    if of_pods.is_some() {
        return Ok(of_pods);
    }
    for pod in &pods {
        if !is_ready(pod)
            && let Some(text) = newest_warning(cluster, namespace, "Pod", &pod.name_any()).await?
        {
            let told = Reason::told(text.into());
            return Ok(Some(Reason {
                text: sentence!(
                    "pod {name}: {event}",
                    name = pod.name_any(),
                    event = told.text
                ),
                ..told
            }));
        }
    }
    if pods.is_empty() {
        let event = newest_warning(cluster, namespace, kind, name).await?;
        return Ok(event.map(|event| Reason::told(event.into())));
    }
    Ok(None)
}

/// How many pods it is to have.
fn wanted(object: &Value) -> i64 {
    let spec = &object["spec"];
    match object["kind"].as_str() {
        Some("Deployment" | "StatefulSet" | "ReplicaSet") => spec["replicas"].as_i64().unwrap_or(1),
        Some("DaemonSet") => object["status"]["desiredNumberScheduled"]
            .as_i64()
            .unwrap_or(1),
        Some("Job") => 1,
        _ => 0,
    }
}

/// Why a controller cannot make pods (a quota, a policy, a missing service account): a Deployment's says so in a
/// condition, the others in an event.
async fn not_made(cluster: &Cluster, object: &Value) -> Result<Option<String>, CallError> {
    let condition = kstatus::condition(object, "ReplicaFailure");
    if let Some(failure) = condition.filter(|condition| condition["status"] == "True") {
        return Ok(Some(kstatus::reason(failure)));
    }
    let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
    let (kind, metadata) = (text(&object["kind"]), &object["metadata"]);
    let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
    let event = newest_event(cluster, &namespace, &kind, &name, "type=Warning").await?;
    Ok(event.filter(|event| event.starts_with("FailedCreate")))
}

/// How a Job ended that is no longer there.
pub(super) enum JobEnd {
    Done,
    Failed(Sentence),
}

/// What the events say of a Job that is gone, for example since its `ttlSecondsAfterFinished` are over. `None`: nothing.
pub(super) async fn end_of_job(cluster: &Cluster, job: &ObjectRef) -> Option<JobEnd> {
    let namespace = job.namespace.as_deref()?;
    let of_end = "reason!=SuccessfulCreate,reason!=SuccessfulDelete";
    let event = newest_event(cluster, namespace, "Job", &job.name, of_end).await;
    let event = event.ok().flatten()?;
    match event.split(": ").next()? {
        "Completed" => Some(JobEnd::Done),
        "BackoffLimitExceeded" | "DeadlineExceeded" | "PodFailurePolicy" => {
            Some(JobEnd::Failed(sentence!(
                "it has failed and is no longer in the cluster: {event}",
                event = &event
            )))
        }
        _ => None,
    }
}

/// What a pod says of itself.
fn pod_reason(pod: &Pod) -> Option<Reason> {
    let status = pod.status.as_ref()?;
    let name = pod.name_any();
    let containers = status
        .init_container_statuses
        .iter()
        .flatten()
        .chain(status.container_statuses.iter().flatten());
    for container in containers {
        if let Some(reason) = container_reason(container) {
            return Some(Reason {
                text: sentence!("pod {name} {problem}", name, problem = reason.text),
                ..reason
            });
        }
    }
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    if let Some(condition) = unscheduled {
        let reason = condition.reason.as_deref().unwrap_or("Unschedulable");
        let message = condition.message.as_deref().unwrap_or("no node fits");
        return Some(Reason {
            text: sentence!(
                "pod {name} cannot be scheduled: {reason}: {message}",
                name,
                reason,
                message
            ),
            permanent: false,
            cause: Cause::Scheduling,
        });
    }
    if status.phase.as_deref() == Some("Failed") {
        let reason = status.reason.as_deref().unwrap_or("Failed");
        let message = status
            .message
            .as_deref()
            .map(|message| format!(": {message}"))
            .unwrap_or_default();
        return Some(Reason::told(sentence!(
            "pod {name} has failed: {reason}",
            name,
            reason = format!("{reason}{message}")
        )));
    }
    None
}

/// What keeps a container from running, without the name of its pod.
fn container_reason(container: &ContainerStatus) -> Option<Reason> {
    let state = container.state.as_ref()?;
    let last_exit = container
        .last_state
        .as_ref()
        .and_then(|last| last.terminated.as_ref())
        .or(state.terminated.as_ref());
    let crash = match last_exit.and_then(|exit| exit.reason.as_deref()) {
        Some("OOMKilled") => Cause::Memory,
        _ => Cause::Crash,
    };
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().unwrap_or_default();
        let message = waiting
            .message
            .as_deref()
            .map(|message| format!(" ({message})"))
            .unwrap_or_default();
        let (text, cause) = match reason {
            "ErrImagePull"
            | "ImagePullBackOff"
            | "ImageInspectError"
            | "RegistryUnavailable"
            | "ErrImageNeverPull"
            | "InvalidImageName" => {
                let text = sentence!(
                    "cannot pull its image {image}: {reason}",
                    image = &container.image,
                    reason = format!("{reason}{message}")
                );
                (text, Cause::Image)
            }
            "CrashLoopBackOff" => {
                let exit = last_exit
                    .map(|exit| {
                        let why = exit
                            .reason
                            .as_deref()
                            .filter(|why| *why != "Error")
                            .map(|why| format!(", {why}"))
                            .unwrap_or_default();
                        sentence!(
                            "last exit code {code}",
                            code = format!("{}{why}", exit.exit_code)
                        )
                    })
                    .unwrap_or_default();
                let text = sentence!(
                    "keeps crashing: CrashLoopBackOff, container {container} restarted {number} times",
                    container = &container.name,
                    number = container.restart_count
                );
                let text = text.and(", ", exit);
                (text, crash)
            }
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
                let text = sentence!(
                    "cannot start its container {container}: {reason}",
                    container = &container.name,
                    reason = format!("{reason}{message}")
                );
                (text, Cause::Other)
            }
            _ => return None,
        };
        return Some(Reason {
            text,
            permanent: PERMANENT.contains(&reason),
            cause,
        });
    }
    // Between two crashes it runs for a while.
    if state.running.is_some()
        && !container.ready
        && let Some(exit) = last_exit.filter(|exit| exit.exit_code != 0)
    {
        let reason = exit.reason.as_deref().unwrap_or("Error");
        return Some(Reason {
            text: sentence!(
                "container {container} ended with exit code {code} ({reason}) and was started again, {number} times so far",
                container = &container.name,
                code = exit.exit_code,
                reason,
                number = container.restart_count
            ),
            permanent: false,
            cause: crash,
        });
    }
    if let Some(terminated) = state
        .terminated
        .as_ref()
        .filter(|terminated| terminated.exit_code != 0)
    {
        let reason = terminated.reason.as_deref().unwrap_or("Error");
        return Some(Reason {
            text: sentence!(
                "container {container} ended with exit code {code} ({reason})",
                container = &container.name,
                code = terminated.exit_code,
                reason
            ),
            permanent: false,
            cause: crash,
        });
    }
    None
}

fn is_ready(pod: &Pod) -> bool {
    pod.status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Whether a claim gets its volume with the first pod that uses it, and no pod does.
pub(super) async fn waits_for_a_pod(cluster: &Cluster, claim: &Value) -> bool {
    let metadata = &claim["metadata"];
    let (Some(namespace), Some(name)) = (metadata["namespace"].as_str(), metadata["name"].as_str())
    else {
        return false;
    };
    let waits = async {
        let events: Api<Event> = Api::namespaced(cluster.client.clone(), namespace);
        let fields = format!(
            "involvedObject.kind=PersistentVolumeClaim,involvedObject.name={name},reason=WaitForFirstConsumer"
        );
        let waits = ListParams::default().fields(&fields);
        if cluster
            .call(events.list_metadata(&waits))
            .await?
            .items
            .is_empty()
        {
            return Ok(false);
        }
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
        let pods = cluster.list(&pods, &ListParams::default()).await?;
        let mut volumes = pods.iter().flat_map(|pod| {
            pod.spec
                .iter()
                .flat_map(|spec| spec.volumes.iter().flatten())
        });
        Ok::<_, CallError>(!volumes.any(|volume| {
            let claim = volume.persistent_volume_claim.as_ref();
            claim.is_some_and(|claim| claim.claim_name == name)
        }))
    };
    // Not being allowed to read events is no failure.
    waits.await.unwrap_or(false)
}

/// The newest warning about one object.
async fn newest_warning(
    cluster: &Cluster,
    namespace: &str,
    kind: &str,
    name: &str,
) -> Result<Option<String>, CallError> {
    newest_event(cluster, namespace, kind, name, "type=Warning").await
}

/// The newest event about one object, of those that a selector of fields leaves.
async fn newest_event(
    cluster: &Cluster,
    namespace: &str,
    kind: &str,
    name: &str,
    only: &str,
) -> Result<Option<String>, CallError> {
    let events: Api<Event> = Api::namespaced(cluster.client.clone(), namespace);
    let fields = format!("involvedObject.kind={kind},involvedObject.name={name},{only}");
    let fields = fields.trim_end_matches(',');
    let events = cluster
        .list(&events, &ListParams::default().fields(fields))
        .await?;
    let newest = events.into_iter().max_by_key(|event| {
        let times = [
            event
                .series
                .as_ref()
                .and_then(|series| series.last_observed_time.as_ref())
                .map(|time| time.0),
            event.last_timestamp.as_ref().map(|time| time.0),
            event.event_time.as_ref().map(|time| time.0),
            event
                .metadata
                .creation_timestamp
                .as_ref()
                .map(|time| time.0),
        ];
        times.into_iter().flatten().max()
    });
    Ok(newest.map(|event| {
        let reason = event.reason.unwrap_or_default();
        let message = event.message.unwrap_or_default();
        format!("{reason}: {message}")
    }))
}

/// The label selector of a workload's pods.
pub(super) fn selector(object: &Value) -> Option<String> {
    let labels = object["spec"]["selector"]["matchLabels"].as_object()?;
    let pairs: Vec<String> = labels
        .iter()
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
        .collect();
    (!pairs.is_empty()).then(|| pairs.join(","))
}
