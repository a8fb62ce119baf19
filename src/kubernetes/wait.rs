//! Waiting until an app's objects have become what their manifests say.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use kstatus::{Pods, Reason, Status, status};
use serde_json::Value;
use tokio::sync::watch;

use super::Cluster;
use super::memory;
use super::poll::Polling;
use super::workload::{self, Cause, JobEnd};
use crate::code::Code;
use crate::object::{Kinds, ObjectRef};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;
use crate::slot;

/// What is said of an object that was there.
pub(super) fn gone() -> Sentence {
    sentence!("it is no longer in the cluster")
}

/// One object that is not (yet) what its manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReady {
    pub object: ObjectRef,
    /// What is missing, with the reason from pods and events where there is one.
    pub message: Sentence,
    /// Whether it stays so until somebody changes something.
    pub permanent: bool,
    /// What there is to do about it.
    pub cause: Cause,
}

impl NotReady {
    /// The object and what is missing.
    pub fn sentence(&self) -> Sentence {
        named(&self.object, self.message.clone())
    }
}

/// What is said of an object.
pub(super) fn named(object: &ObjectRef, message: Sentence) -> Sentence {
    Sentence::from(format!("{} {}", object.kind, object.name)).and(": ", message)
}

/// Waits until all objects are ready. `progress` is told what is waited for, each time that changes.
///
/// What can never succeed (a failed Job, a rollout over its own deadline, an image name that is none) ends the wait at
/// once; what may pass (an image that cannot be pulled now, no node with room) is waited for until `limit`.
///
/// What is ready is looked at again only when all else is. Where the cluster is watched the wait goes on as soon as it has
/// told that all is ready, and the cluster is asked for no more than the reason why something is not. The job that waits
/// has no slot after the first look.
pub async fn wait_until_ready(
    cluster: &Cluster,
    objects: &[ObjectRef],
    limit: Duration,
    mut progress: impl FnMut(&Sentence),
) -> Result<(), Problem> {
    let polling = Polling::new(limit);
    let mut told = Sentence::default();
    let mut left = objects.to_vec();
    let namespace = objects
        .iter()
        .find_map(|object| object.namespace.as_deref());
    let mut following = namespace.and_then(|namespace| cluster.memory.follow(namespace));
    // What was begun just now has no reason yet.
    let mut seen = look_at(cluster, &left, following.is_none()).await;
    if seen.as_ref().is_ok_and(Vec::is_empty) {
        return Ok(());
    }
    let mut looked_at_all = true;
    let ready = async {
        loop {
            match seen {
                Ok(missing) if missing.is_empty() && looked_at_all => return Ok(()),
                Ok(missing) if missing.is_empty() => {
                    left = objects.to_vec();
                    // What is not kept in memory was read during this wait.
                    if following.is_some() {
                        left.retain(|object| cluster.memory.get(object).is_some());
                    }
                    looked_at_all = true;
                    seen = not_ready(cluster, &left).await;
                    continue;
                }
                Ok(missing) => {
                    let message = still(&missing, polling, limit)?;
                    tell(&mut told, message, &mut progress);
                    left = missing.into_iter().map(|missing| missing.object).collect();
                    looked_at_all = false;
                }
                // A short absence of the API server must not fail a rollout that goes on without it.
                Err(problem) if problem.retry && !polling.is_over() => {
                    tell(&mut told, problem.message, &mut progress);
                }
                Err(problem) => return Err(problem),
            }
            polling
                .pause_unless(until_settled(cluster, &left, &mut following))
                .await;
            seen = not_ready(cluster, &left).await;
        }
    };
    slot::waiting(ready).await
}

/// Waits until what is kept in memory of the objects says that all are ready, or that one has failed.
async fn until_settled(
    cluster: &Cluster,
    objects: &[ObjectRef],
    following: &mut Option<watch::Receiver<()>>,
) {
    loop {
        memory::changed(following).await;
        let known = objects
            .iter()
            .filter_map(|object| cluster.memory.get(object));
        let mut missing = known.map(|object| status(&object));
        let mut waits = false;
        let failed = missing.any(|status| {
            waits |= matches!(status, Status::InProgress(_) | Status::Terminating);
            matches!(status, Status::Failed(_))
        });
        if failed || !waits {
            return;
        }
    }
}

/// What is waited for, in words.
///
/// # Errors
/// When that is in vain, or takes too long.
fn still(missing: &[NotReady], polling: Polling, limit: Duration) -> Result<Sentence, Problem> {
    if let Some(failure) = missing.iter().find(|missing| missing.permanent) {
        return Err(failed(failure, failure.sentence()));
    }
    let Some(first) = missing.first() else {
        return Ok(Sentence::default());
    };
    if polling.is_over() {
        return Err(failed(
            first,
            sentence!(
                "{object} (not ready after {seconds} s)",
                object = first.sentence(),
                seconds = limit.as_secs()
            ),
        ));
    }
    Ok(match missing.len() {
        1 => first.sentence(),
        2 => first
            .sentence()
            .and("; ", sentence!("1 more object is not ready")),
        number => first.sentence().and(
            "; ",
            sentence!("{number} more objects are not ready", number = number - 1),
        ),
    })
}

/// Looks once: which objects are not ready, and why.
pub async fn not_ready(cluster: &Cluster, objects: &[ObjectRef]) -> Result<Vec<NotReady>, Problem> {
    look_at(cluster, objects, true).await
}

async fn look_at(
    cluster: &Cluster,
    objects: &[ObjectRef],
    with_reasons: bool,
) -> Result<Vec<NotReady>, Problem> {
    let kinds = cluster.kinds().await?;
    let looks: Vec<_> = objects
        .iter()
        .map(|object| look(cluster, &kinds, object, with_reasons))
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
        ..cluster.problem(&error, sentence!("read {object}", object))
    })
}

async fn look(
    cluster: &Cluster,
    kinds: &Kinds,
    object: &ObjectRef,
    with_reasons: bool,
) -> Result<Option<NotReady>, Problem> {
    if let Some(value) = cluster.memory.get(object) {
        return Ok(match said(object, &value) {
            Some(told) if with_reasons || told.permanent => explain(cluster, object, &value).await,
            told => told,
        });
    }
    let not_there = |message: Sentence| NotReady {
        object: object.clone(),
        message,
        permanent: false,
        cause: Cause::Other,
    };
    let Some(api) = cluster.api_of(kinds, object) else {
        return Ok(Some(not_there(sentence!(
            "the cluster no longer serves this kind"
        ))));
    };
    let found = match cluster.call(api.get_opt(&object.name)).await {
        Ok(found) => found,
        Err(error) => {
            return Err(Problem {
                object: Some(object.to_string()),
                ..cluster.problem(&error, sentence!("read {object}", object))
            });
        }
    };
    match found.map(serde_json::to_value) {
        Some(Ok(value)) => Ok(explain(cluster, object, &value).await),
        _ if object.kind == "Job" => Ok(match workload::end_of_job(cluster, object).await {
            Some(JobEnd::Done) => None,
            Some(JobEnd::Failed(message)) => Some(NotReady {
                permanent: true,
                cause: Cause::told(&message),
                ..not_there(message)
            }),
            None => Some(not_there(gone())),
        }),
        _ => Ok(Some(not_there(gone()))),
    }
}

/// Says of an object as the cluster returned it why it is not ready; `None` when it is.
pub(super) async fn explain(
    cluster: &Cluster,
    object: &ObjectRef,
    value: &Value,
) -> Option<NotReady> {
    let told = said(object, value)?;
    // A claim that waits for its first pod is the pod's concern, and nobody's where there is none.
    if object.kind == "PersistentVolumeClaim" && workload::waits_for_a_pod(cluster, value).await {
        return None;
    }
    let Some(reason) = workload::reason(cluster, value).await else {
        return Some(told);
    };
    Some(match told.permanent {
        true => NotReady {
            message: told.message.and(": ", reason.text),
            cause: told.cause.min(reason.cause),
            ..told
        },
        false => NotReady {
            message: reason.text,
            permanent: reason.permanent,
            cause: reason.cause,
            ..told
        },
    })
}

/// What the object itself says; `None` when it is ready.
fn said(object: &ObjectRef, value: &Value) -> Option<NotReady> {
    let (message, permanent) = match status(value) {
        Status::Current => return None,
        Status::InProgress(reason) => (worded(&reason), false),
        Status::Failed(reason) => (worded(&reason), true),
        Status::Terminating => (sentence!("it is being deleted"), false),
    };
    let cause = match permanent && value["spec"]["paused"] == true {
        true => Cause::Paused,
        false => Cause::told(&message),
    };
    Some(NotReady {
        object: object.clone(),
        message,
        permanent,
        cause,
    })
}

/// What [`kstatus`] says, as a sentence.
fn worded(reason: &Reason) -> Sentence {
    match *reason {
        Reason::Told(ref words) => words.into(),
        Reason::Unseen => sentence!("its controller has not seen it yet"),
        Reason::Outdated {
            generation,
            observed,
        } => sentence!(
            "its controller has not yet seen generation {generation}, only {observed}",
            generation,
            observed
        ),
        Reason::NoProgress(seconds) => {
            sentence!("its rollout made no progress for {seconds} s", seconds)
        }
        Reason::Paused => {
            sentence!("it is paused (`spec.paused: true`), so its pods are not replaced")
        }
        Reason::Pods { are, now, wanted } => match are {
            Pods::Created => sentence!("{now} of {wanted} pods created", now, wanted),
            Pods::Scheduled => sentence!("{now} of {wanted} pods scheduled", now, wanted),
            Pods::Labelled => sentence!("{now} of {wanted} pods labelled", now, wanted),
            Pods::Updated => sentence!("{now} of {wanted} pods updated", now, wanted),
            Pods::Current => sentence!("{now} of {wanted} pods current", now, wanted),
            Pods::Available => sentence!("{now} of {wanted} pods available", now, wanted),
            Pods::Ready => sentence!("{now} of {wanted} pods ready", now, wanted),
        },
        Reason::PodsToGo(number) => sentence!("{number} pods are still to go", number),
        Reason::OldPodsToGo(number) => sentence!("{number} old pods are still to go", number),
        Reason::PodsNotAvailable => sentence!("its pods are not available yet"),
        Reason::PodsNotScheduled => sentence!("its pods are not scheduled yet"),
        Reason::PodsBeingUpdated => sentence!("its pods are being updated"),
        Reason::NotStarted => sentence!("it has not started yet"),
        Reason::JobRuns { active, failed: 0 } => {
            sentence!("it is running ({active} active)", active)
        }
        Reason::JobRuns { active, failed } => sentence!(
            "it is running ({active} active, {failed} failed so far)",
            active,
            failed
        ),
        Reason::PodFailed => sentence!("the pod has failed"),
        Reason::PodNotReady => sentence!("the pod is running but not ready"),
        Reason::PodPending => sentence!("the pod is pending"),
        Reason::PodWithoutPhase => sentence!("the pod has no phase yet"),
        Reason::NotBound => sentence!("it is not bound to a volume yet"),
        Reason::VolumeLost => sentence!("its volume is lost"),
        Reason::NoLoadBalancer => sentence!("its load balancer has no address yet"),
        Reason::NotEstablished => sentence!("it is not established yet"),
    }
}

fn tell(told: &mut Sentence, message: Sentence, progress: &mut impl FnMut(&Sentence)) {
    if *told != message {
        progress(&message);
        *told = message;
    }
}

fn failed(missing: &NotReady, message: Sentence) -> Problem {
    let hint = missing.cause.hint(&missing.object.kind);
    Problem {
        object: Some(missing.object.to_string()),
        ..Problem::new(Code::NotReady, sentence!("{message}.", message)).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_worded_as_the_library_says_it() {
        let pods = [
            Pods::Created,
            Pods::Scheduled,
            Pods::Labelled,
            Pods::Updated,
            Pods::Current,
            Pods::Available,
            Pods::Ready,
        ];
        let of_pods = pods.map(|are| Reason::Pods {
            are,
            now: 1,
            wanted: 3,
        });
        let others = [
            Reason::Told("quota {x}".to_owned()),
            Reason::Unseen,
            Reason::Outdated {
                generation: 2,
                observed: 1,
            },
            Reason::NoProgress(600),
            Reason::Paused,
            Reason::PodsToGo(2),
            Reason::OldPodsToGo(2),
            Reason::PodsNotAvailable,
            Reason::PodsNotScheduled,
            Reason::PodsBeingUpdated,
            Reason::NotStarted,
            Reason::JobRuns {
                active: 1,
                failed: 0,
            },
            Reason::JobRuns {
                active: 1,
                failed: 2,
            },
            Reason::PodFailed,
            Reason::PodNotReady,
            Reason::PodPending,
            Reason::PodWithoutPhase,
            Reason::NotBound,
            Reason::VolumeLost,
            Reason::NoLoadBalancer,
            Reason::NotEstablished,
        ];
        for reason in of_pods.into_iter().chain(others) {
            assert_eq!(worded(&reason), reason.to_string());
        }
    }
}
