//! Waiting until an app's objects have become what their manifests say.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::Cluster;
use super::patience::Patience;
use super::status::{Status, status};
use super::workload::{self, JobEnd};
use crate::object::{Kinds, ObjectRef};
use crate::problem::Problem;
use crate::slot;

/// What is said of an object that was there.
pub(super) const GONE: &str = "it is no longer in the cluster";

/// One object that is not (yet) what its manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReady {
    pub object: ObjectRef,
    /// What is missing, with the reason from pods and events where there is one.
    pub message: String,
    /// Whether it stays so until somebody changes something.
    pub permanent: bool,
}

impl std::fmt::Display for NotReady {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {}: {}",
            self.object.kind, self.object.name, self.message
        )
    }
}

/// Waits until all objects are ready. `progress` is told what is waited for, each time that changes.
///
/// What can never succeed (a failed Job, a rollout over its own deadline, an image name that is none) ends the wait at
/// once; what may pass (an image that cannot be pulled now, no node with room) is waited for until `limit`.
///
/// What is ready is looked at again only when all else is. The job that waits has no slot after the first look.
pub async fn wait_until_ready(
    cluster: &Cluster,
    objects: &[ObjectRef],
    limit: Duration,
    mut progress: impl FnMut(&str),
) -> Result<(), Problem> {
    let patience = Patience::new(limit);
    let mut told = String::new();
    let mut left = objects.to_vec();
    let mut seen = not_ready(cluster, &left).await;
    if seen.as_ref().is_ok_and(Vec::is_empty) {
        return Ok(());
    }
    let ready = async {
        loop {
            match seen {
                Ok(missing) if missing.is_empty() && left.len() == objects.len() => return Ok(()),
                Ok(missing) if missing.is_empty() => {
                    left = objects.to_vec();
                    seen = not_ready(cluster, &left).await;
                    continue;
                }
                Ok(missing) => {
                    let message = still(&missing, patience, limit)?;
                    tell(&mut told, message, &mut progress);
                    left = missing.into_iter().map(|missing| missing.object).collect();
                }
                // A short absence of the API server must not fail a rollout that goes on without it.
                Err(problem) if problem.retry && !patience.is_over() => {
                    tell(&mut told, problem.message, &mut progress);
                }
                Err(problem) => return Err(problem),
            }
            patience.pause().await;
            seen = not_ready(cluster, &left).await;
        }
    };
    slot::waiting(ready).await
}

/// What is waited for, in words.
///
/// # Errors
/// When that is in vain, or takes too long.
fn still(missing: &[NotReady], patience: Patience, limit: Duration) -> Result<String, Problem> {
    if let Some(failure) = missing.iter().find(|missing| missing.permanent) {
        return Err(failed(failure, failure.to_string()));
    }
    let Some(first) = missing.first() else {
        return Ok(String::new());
    };
    if patience.is_over() {
        return Err(failed(
            first,
            format!("{first} (not ready after {} s)", limit.as_secs()),
        ));
    }
    Ok(match missing.len() {
        1 => first.to_string(),
        more => format!("{first}; {} more objects are not ready", more - 1),
    })
}

/// Looks once: which objects are not ready, and why.
pub async fn not_ready(cluster: &Cluster, objects: &[ObjectRef]) -> Result<Vec<NotReady>, Problem> {
    let kinds = cluster.kinds().await?;
    let looks: Vec<_> = objects
        .iter()
        .map(|object| look(cluster, &kinds, object))
        .collect();
    stream::iter(looks)
        .buffered(8)
        .try_filter_map(|missing| async move { Ok(missing) })
        .try_collect()
        .await
}

/// Which of the objects are not in the cluster.
pub async fn missing(cluster: &Cluster, objects: &[ObjectRef]) -> Result<Vec<ObjectRef>, Problem> {
    let kinds = cluster.kinds().await?;
    let looks: Vec<_> = objects
        .iter()
        .map(|object| exists(cluster, &kinds, object))
        .collect();
    let exist: Vec<bool> = stream::iter(looks).buffered(8).try_collect().await?;
    let missing = objects.iter().zip(exist).filter(|(_, exists)| !exists);
    Ok(missing.map(|(object, _)| object.clone()).collect())
}

async fn exists(cluster: &Cluster, kinds: &Kinds, object: &ObjectRef) -> Result<bool, Problem> {
    let Some(api) = cluster.api_of(kinds, object) else {
        return Ok(false);
    };
    let found = cluster.call(api.get_metadata_opt(&object.name)).await;
    found.map(|found| found.is_some()).map_err(|error| Problem {
        object: Some(object.to_string()),
        ..cluster.problem(&error, &format!("read {object}"))
    })
}

async fn look(
    cluster: &Cluster,
    kinds: &Kinds,
    object: &ObjectRef,
) -> Result<Option<NotReady>, Problem> {
    let gone = |message: &str| NotReady {
        object: object.clone(),
        message: message.to_owned(),
        permanent: false,
    };
    let Some(api) = cluster.api_of(kinds, object) else {
        return Ok(Some(gone("the cluster no longer serves this kind")));
    };
    let found = match cluster.call(api.get_opt(&object.name)).await {
        Ok(found) => found,
        Err(error) => {
            return Err(Problem {
                object: Some(object.to_string()),
                ..cluster.problem(&error, &format!("read {object}"))
            });
        }
    };
    match found.map(serde_json::to_value) {
        Some(Ok(value)) => Ok(explain(cluster, object, &value).await),
        _ if object.kind == "Job" => Ok(match workload::end_of_job(cluster, object).await {
            Some(JobEnd::Done) => None,
            Some(JobEnd::Failed(message)) => Some(NotReady {
                permanent: true,
                ..gone(&message)
            }),
            None => Some(gone(GONE)),
        }),
        _ => Ok(Some(gone(GONE))),
    }
}

/// Says of an object as the cluster returned it why it is not ready; `None` when it is.
pub(super) async fn explain(
    cluster: &Cluster,
    object: &ObjectRef,
    value: &Value,
) -> Option<NotReady> {
    let (message, permanent) = match status(value) {
        Status::Current => return None,
        Status::InProgress(message) => (message, false),
        Status::Failed(message) => (message, true),
        Status::Terminating => ("it is being deleted".to_owned(), false),
    };
    // A claim that waits for its first pod is the pod's concern, and nobody's where there is none.
    if object.kind == "PersistentVolumeClaim" && workload::waits_for_a_pod(cluster, value).await {
        return None;
    }
    let reason = workload::reason(cluster, value).await;
    Some(match reason {
        Some(reason) => NotReady {
            object: object.clone(),
            message: if permanent {
                format!("{message}: {}", reason.text)
            } else {
                reason.text
            },
            permanent: permanent || reason.permanent,
        },
        None => NotReady {
            object: object.clone(),
            message,
            permanent,
        },
    })
}

fn tell(told: &mut String, message: String, progress: &mut impl FnMut(&str)) {
    if *told != message {
        progress(&message);
        *told = message;
    }
}

fn failed(missing: &NotReady, message: String) -> Problem {
    let hint = if message.contains("exceeded quota: chandlery-quota") {
        "Raise what the app gets on its page Limits and press Apply, or lower what the manifest asks for."
    } else if message.contains("exceeded quota") || message.contains("must specify") {
        "The namespace's ResourceQuota keeps its pods out: raise it, or lower what the manifest asks for."
    } else if message.contains("violates PodSecurity") {
        "Change what the pod does, or have an administrator allow it in the cluster's policy: Pod Security."
    } else if message.contains("it is paused") {
        "Remove `paused: true` from the manifest and deploy again; where somebody paused it by hand, `kubectl rollout resume` goes on."
    } else if message.contains("OOMKilled") {
        "The container used more memory than its limit: raise `resources.limits.memory`, or have the app use less."
    } else if message.contains("DeadlineExceeded")
        || message.contains("longer than specified deadline")
    {
        "Raise `spec.activeDeadlineSeconds` of the Job, or find in its log what takes so long."
    } else if message.contains("backoff limit") {
        "Read the log of the Job's pods, and correct what they complain about."
    } else if message.contains("cannot pull its image") {
        "Check the image's name and tag, that the registry can be reached from the cluster, and its pull secret."
    } else if message.contains("keeps crashing") || message.contains("exit code") {
        "Read the container's log (`kubectl logs --previous`) and correct what it complains about."
    } else if message.contains("cannot be scheduled") {
        "Free or add resources in the cluster, or lower what the manifest requests."
    } else if missing.object.kind == "PersistentVolumeClaim" {
        "Check the claim's storage class and that its provisioner runs."
    } else {
        "See the object's events in the cluster (`kubectl describe`), correct the cause and deploy again."
    };
    Problem {
        object: Some(missing.object.to_string()),
        ..Problem::new("not_ready", format!("{message}.")).hint(hint)
    }
}
