//! Stopping an app's workloads and starting them again.
//!
//! What a workload was is written on itself, in the same write that stops it: whoever comes next, after whatever
//! happened, finds it there. Deployments and StatefulSets go to 0 replicas (a HorizontalPodAutoscaler rests while its
//! target is at 0), CronJobs and Jobs that run are suspended, a DaemonSet gets a node selector that no node has, and a
//! pod without a controller, which nothing can bring back, is deleted.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, OwnerReference};
use kstatus::Status;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams};
use kube::core::{Selector, SelectorExt};
use serde_json::{Value, json};

use super::change::change;
use super::namespace::{self, Found};
use super::owned::{self, reference};
use super::poll::Polling;
use super::prune::delete_ours;
use super::{App, Cluster};
use crate::code::Code;
use crate::object::ObjectRef;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;
use crate::slot;

/// On a stopped Deployment or StatefulSet: how many replicas it had.
pub const REPLICAS: &str = "chandlery.dev/replicas";
/// On what was suspended by a stop, and the label that a stopped DaemonSet asks of nodes. On the namespace of an app that has
/// nothing to stop, and was told to.
pub const STOPPED: &str = "chandlery.dev/stopped";

/// What makes pods, in the order in which it is stopped: first what makes others of these.
const WORKLOADS: [(&str, &str); 6] = [
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("v1", "Pod"),
];

/// What a stop did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// Stopped now.
    pub changed: Vec<ObjectRef>,
    /// Pods without a controller, deleted now: only a deploy brings them back.
    pub deleted: Vec<ObjectRef>,
    /// Pods in the namespace that go on, since what made them is not the app's.
    pub others: Vec<String>,
}

/// Stops what runs of the app and waits until its pods are gone, at most `limit`. What is stopped already, or is not
/// there, stays as it is.
pub async fn stop(
    app: &App,
    limit: Duration,
    mut progress: impl FnMut(&Sentence),
) -> Result<Stopped, Problem> {
    let App {
        cluster,
        namespace,
        owner,
    } = app;
    let polling = Polling::new(limit);
    let mut stopped = Stopped::default();
    if !is_there(app).await? {
        return Ok(stopped);
    }
    let mut workloads = owned::objects(app, &WORKLOADS).await?;
    workloads.extend(jobs_of_cron_jobs(cluster, namespace, &workloads).await?);
    for workload in &workloads {
        if is_lone_pod(workload) {
            let pod = reference(workload);
            let kinds = cluster.kinds().await?;
            if delete_ours(cluster, &kinds, &pod, owner, &DeleteParams::default()).await? {
                stopped.deleted.push(pod);
            }
        } else if change(cluster, workload, to_stop).await? {
            stopped.changed.push(reference(workload));
        }
    }
    let ended = async {
        loop {
            match left(app, &workloads).await {
                Ok((ours, others)) if ours.is_empty() => return Ok(others),
                Ok((ours, _)) => {
                    let ours: Vec<Sentence> = ours.into_iter().map(Sentence::from).collect();
                    wait(polling, &ours, &mut progress).await?;
                }
                // A short absence of the API server must not fail a stop that goes on without it.
                Err(problem) if problem.retry && !polling.is_over() => {
                    progress(&problem.message);
                    polling.pause().await;
                }
                Err(problem) => return Err(problem),
            }
        }
    };
    stopped.others = slot::waiting(ended).await?;
    if workloads.is_empty() && stopped.others.is_empty() {
        namespace::mark(app, STOPPED, "true").await?;
    }
    Ok(stopped)
}

/// Brings back what a stop has stopped; returns what that was. What was not stopped stays as it is.
pub async fn start(app: &App) -> Result<Vec<ObjectRef>, Problem> {
    let App {
        cluster, namespace, ..
    } = app;
    if !is_there(app).await? {
        return Ok(Vec::new());
    }
    namespace::unmark(app, STOPPED, "true").await?;
    let mut workloads = owned::objects(app, &WORKLOADS).await?;
    workloads.extend(jobs_of_cron_jobs(cluster, namespace, &workloads).await?);
    let mut started = Vec::new();
    // The other way round: what others come from begins last.
    for workload in workloads.iter().rev() {
        if change(cluster, workload, to_start).await? {
            started.push(reference(workload));
        }
    }
    Ok(started)
}

/// The same after an apply, whose answers have told what the app's workloads are like: where the cluster is watched it is
/// asked for nothing as long as none was stopped.
pub async fn start_applied(app: &App) -> Result<Vec<ObjectRef>, Problem> {
    let memory = &app.cluster.memory;
    if let (Some((namespace, _)), Some(workloads)) =
        (memory.app(app), memory.objects(app, &WORKLOADS))
    {
        let annotations = namespace.annotations.unwrap_or_default();
        // Jobs that a CronJob has made carry no labels of ours.
        let runs = |(workload, _): &(Value, bool)| {
            workload["kind"] != "CronJob" && to_start(workload).is_none()
        };
        if !annotations.contains_key(STOPPED) && workloads.iter().all(runs) {
            return Ok(Vec::new());
        }
    }
    start(app).await
}

/// Whether a stop has stopped this object, which would run otherwise.
pub(super) fn was_stopped(workload: &Value) -> bool {
    match workload["kind"].as_str() {
        Some("Deployment" | "StatefulSet") => {
            workload["spec"]["replicas"] == 0
                && workload["metadata"]["annotations"][REPLICAS].is_string()
        }
        Some("DaemonSet") => {
            workload["spec"]["template"]["spec"]["nodeSelector"][STOPPED] == "true"
        }
        Some("CronJob" | "Job") => {
            workload["spec"]["suspend"] == true
                && workload["metadata"]["annotations"][STOPPED] == "true"
        }
        _ => false,
    }
}

/// The change that stops a workload; `None` when there is nothing to stop.
fn to_stop(workload: &Value) -> Option<Value> {
    let suspend =
        || json!({"metadata": {"annotations": {STOPPED: "true"}}, "spec": {"suspend": true}});
    match workload["kind"].as_str()? {
        "Deployment" | "StatefulSet" => {
            let replicas = workload["spec"]["replicas"].as_i64().unwrap_or(1);
            (replicas > 0).then(|| {
                json!({"metadata": {"annotations": {REPLICAS: replicas.to_string()}}, "spec": {"replicas": 0}})
            })
        }
        "DaemonSet" => (!was_stopped(workload))
            .then(|| json!({"spec": {"template": {"spec": {"nodeSelector": {STOPPED: "true"}}}}})),
        "CronJob" => (workload["spec"]["suspend"] != true).then(suspend),
        "Job" => (workload["spec"]["suspend"] != true && !is_over(workload)).then(suspend),
        _ => None,
    }
}

/// The change that brings a stopped workload back; `None` when no stop has stopped it. A mark that means nothing any
/// more, since somebody has started the workload by other means, goes.
pub(super) fn to_start(workload: &Value) -> Option<Value> {
    let annotations = &workload["metadata"]["annotations"];
    match workload["kind"].as_str()? {
        "Deployment" | "StatefulSet" => {
            let replicas = annotations[REPLICAS].as_str()?;
            let unmark = json!({"annotations": {REPLICAS: null}});
            if workload["spec"]["replicas"] != 0 {
                return Some(json!({"metadata": unmark}));
            }
            // Somebody may have written what is no number.
            let replicas: u32 = replicas.parse().unwrap_or(1);
            Some(json!({"metadata": unmark, "spec": {"replicas": replicas}}))
        }
        "DaemonSet" => was_stopped(workload)
            .then(|| json!({"spec": {"template": {"spec": {"nodeSelector": {STOPPED: null}}}}})),
        "CronJob" | "Job" => (annotations[STOPPED] == "true").then(
            || json!({"metadata": {"annotations": {STOPPED: null}}, "spec": {"suspend": false}}),
        ),
        _ => None,
    }
}

async fn is_there(app: &App) -> Result<bool, Problem> {
    Ok(namespace::find(app).await? == Found::Ours)
}

/// The Jobs that the app's CronJobs have made, which carry no labels of ours.
async fn jobs_of_cron_jobs(
    cluster: &Cluster,
    namespace: &str,
    workloads: &[Value],
) -> Result<Vec<Value>, Problem> {
    let cron_jobs: Vec<&str> = uids(workloads, &["CronJob"]);
    if cron_jobs.is_empty() {
        return Ok(Vec::new());
    }
    let api: Api<Job> = Api::namespaced(cluster.client.clone(), namespace);
    let jobs = cluster
        .list(&api, &ListParams::default())
        .await
        .map_err(|error| {
            cluster.problem(&error, sentence!("list jobs in {namespace}", namespace))
        })?;
    let known = uids(workloads, &["Job"]);
    Ok(jobs
        .into_iter()
        .filter(|job| {
            made_by(job.owner_references(), &cron_jobs)
                && !known.contains(&job.uid().unwrap_or_default().as_str())
        })
        .filter_map(|job| {
            let mut value = serde_json::to_value(job).ok()?;
            value["apiVersion"] = "batch/v1".into();
            value["kind"] = "Job".into();
            Some(value)
        })
        .collect())
}

/// What a stop waits for, and the pods that go on: when no pod runs, the workloads have yet to see that, or whoever looks
/// at the app next takes it for one that still stops.
async fn left(app: &App, workloads: &[Value]) -> Result<(Vec<String>, Vec<String>), Problem> {
    let App {
        cluster, namespace, ..
    } = app;
    let (mut ours, others) = running(cluster, namespace, workloads).await?;
    if ours.is_empty() {
        let workloads = owned::objects(app, &WORKLOADS).await?;
        let stopping = workloads.iter().filter(|workload| {
            was_stopped(workload) && matches!(kstatus::status(workload), Status::InProgress(_))
        });
        ours.extend(stopping.map(|workload| reference(workload).to_string()));
    }
    Ok((ours, others))
}

/// The pods that still run: those that the workloads have made, and all others in the namespace.
async fn running(
    cluster: &Cluster,
    namespace: &str,
    workloads: &[Value],
) -> Result<(Vec<String>, Vec<String>), Problem> {
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
    let pods = cluster
        .list(&api, &ListParams::default())
        .await
        .map_err(|error| {
            cluster.problem(&error, sentence!("list pods in {namespace}", namespace))
        })?;
    let jobs = uids(workloads, &["Job"]);
    let lone = uids(workloads, &["Pod"]);
    let selectors: Vec<Selector> = workloads.iter().filter_map(selector).collect();
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for pod in pods {
        let phase = pod
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        if matches!(phase, Some("Succeeded" | "Failed")) {
            continue;
        }
        let is_ours = lone.contains(&pod.uid().unwrap_or_default().as_str())
            || made_by(pod.owner_references(), &jobs)
            || selectors
                .iter()
                .any(|selector| selector.matches(pod.labels()));
        let name = format!("Pod/{}", pod.name_any());
        if is_ours {
            ours.push(name);
        } else {
            others.push(name);
        }
    }
    Ok((ours, others))
}

async fn wait(
    polling: Polling,
    left: &[Sentence],
    progress: &mut impl FnMut(&Sentence),
) -> Result<(), Problem> {
    let late = |what: Sentence| {
        Problem::new(Code::NotStopped, sentence!("Still running: {what}.", what))
            .hint(sentence!("The pod does not end, or the node it runs on is away. The next attempt goes on waiting; `kubectl describe` says more."))
    };
    let until = |what: Sentence| sentence!("Waiting until {what} has ended", what);
    polling.wait(left, until, progress, late).await
}

fn is_lone_pod(workload: &Value) -> bool {
    workload["kind"] == "Pod"
        && workload["metadata"]["ownerReferences"].is_null()
        && workload["metadata"]["deletionTimestamp"].is_null()
        && !matches!(
            workload["status"]["phase"].as_str(),
            Some("Succeeded" | "Failed")
        )
}

/// Whether a Job has come to its end.
fn is_over(job: &Value) -> bool {
    ["Complete", "Failed"].into_iter().any(|kind| {
        kstatus::condition(job, kind).is_some_and(|condition| condition["status"] == "True")
    })
}

/// The selector of a workload's pods; none for a Job, whose pods are known by their owner.
fn selector(workload: &Value) -> Option<Selector> {
    if !matches!(
        workload["kind"].as_str(),
        Some("Deployment" | "StatefulSet" | "DaemonSet")
    ) {
        return None;
    }
    let selector: LabelSelector =
        serde_json::from_value(workload["spec"]["selector"].clone()).ok()?;
    selector.try_into().ok()
}

fn uids<'a>(workloads: &'a [Value], kinds: &[&str]) -> Vec<&'a str> {
    workloads
        .iter()
        .filter(|workload| kinds.iter().any(|kind| workload["kind"] == *kind))
        .filter_map(|workload| workload["metadata"]["uid"].as_str())
        .collect()
}

fn made_by(owners: &[OwnerReference], uids: &[&str]) -> bool {
    owners
        .iter()
        .any(|owner| uids.contains(&owner.uid.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies a JSON merge patch (RFC 7396), as the API server does.
    fn merged(mut target: Value, patch: &Value) -> Value {
        let Some(patch) = patch.as_object() else {
            return patch.clone();
        };
        if !target.is_object() {
            target = json!({});
        }
        for (key, change) in patch {
            if change.is_null() {
                target.as_object_mut().unwrap().shift_remove(key);
            } else {
                target[key] = merged(target[key].take(), change);
            }
        }
        target
    }

    #[test]
    fn what_is_stopped_twice_and_started_twice_is_what_it_was() {
        for before in [
            json!({"kind": "Deployment", "metadata": {"annotations": {"a": "b"}}, "spec": {"replicas": 3}}),
            json!({"kind": "StatefulSet", "metadata": {"annotations": {"a": "b"}}, "spec": {"replicas": 1}}),
            json!({"kind": "CronJob", "metadata": {"annotations": {"a": "b"}}, "spec": {"suspend": false}}),
            json!({"kind": "Job", "metadata": {"annotations": {"a": "b"}}, "spec": {"suspend": false}}),
            json!({"kind": "DaemonSet", "metadata": {}, "spec": {"template": {"spec": {"nodeSelector": {"disk": "ssd"}}}}}),
        ] {
            assert!(!was_stopped(&before));
            assert_eq!(to_start(&before), None, "{before}");
            let stopped = merged(before.clone(), &to_stop(&before).unwrap());
            assert!(was_stopped(&stopped), "{stopped}");
            assert_eq!(to_stop(&stopped), None, "{stopped}");
            let started = merged(stopped.clone(), &to_start(&stopped).unwrap());
            assert_eq!(started, before);
            assert_eq!(to_start(&started), None, "{started}");
        }
    }

    #[test]
    fn what_the_manifests_keep_down_is_not_started() {
        for resting in [
            json!({"kind": "Deployment", "metadata": {}, "spec": {"replicas": 0}}),
            json!({"kind": "CronJob", "metadata": {}, "spec": {"suspend": true}}),
            json!({"kind": "Job", "metadata": {}, "spec": {}, "status": {"conditions": [{"type": "Complete", "status": "True"}]}}),
        ] {
            assert_eq!(to_stop(&resting), None, "{resting}");
            assert_eq!(to_start(&resting), None, "{resting}");
            assert!(!was_stopped(&resting));
        }
    }

    #[test]
    fn a_workload_scaled_up_by_hand_after_a_stop_only_loses_the_mark() {
        let by_hand = json!({"kind": "Deployment", "metadata": {"annotations": {REPLICAS: "3"}}, "spec": {"replicas": 5}});
        assert_eq!(
            to_start(&by_hand),
            Some(json!({"metadata": {"annotations": {REPLICAS: null}}}))
        );
        let stopped = merged(by_hand.clone(), &to_stop(&by_hand).unwrap());
        assert_eq!(stopped["metadata"]["annotations"][REPLICAS], "5");
    }
}
