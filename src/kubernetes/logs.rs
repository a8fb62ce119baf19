//! The ends of the logs of containers that have failed: those of a Job, or those that keep an app from being ready.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt;
use kube::api::{Api, ListParams, LogParams};

use super::{Cluster, workload};
use crate::object::ObjectRef;
use crate::redact::Redactor;
use crate::sentence;
use crate::sentence::Sentence;

/// How many lines are read, …
const LINES: i64 = 20;
/// … of at most so many bytes: a line may be of any length, …
const MOST: i64 = 1 << 20;
/// … of which so many are kept, the last ones.
const BYTES: usize = 4096;
/// Logs of more containers than this are not shown.
const MOST_SHOWN: usize = 3;

/// The last lines of a log, and whose they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEnd {
    pub pod: String,
    pub container: String,
    /// As the container wrote them: may hold secrets.
    pub text: String,
}

/// The end of a log, in which no secret can be read, for people.
pub fn told(end: &LogEnd, redactor: &Redactor) -> Sentence {
    let text = redactor.text(&end.text);
    let told = sentence!(
        "The end of the log of pod {pod}, container {container}:",
        pod = &end.pod,
        container = &end.container
    );
    told.and("\n", last_bytes(&text))
}

/// Reads the end of the log of a Job's newest failed pod, or why it cannot be read.
pub async fn end_of_log(cluster: &Cluster, namespace: &str, job: &str) -> Result<LogEnd, String> {
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
    let selected = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={job}"));
    let mut pods = cluster
        .list(&api, &selected)
        .await
        .map_err(|error| error.to_string())?;
    pods.sort_by_key(|pod| (has_failed(pod), pod.metadata.creation_timestamp.clone()));
    let pod = pods.pop().ok_or("no pod of it is left")?;
    let (container, previous) =
        failed_container(&pod).ok_or("its pod has not started a container")?;
    let name = pod.name_any();
    let params = LogParams {
        container: Some(container.clone()),
        previous,
        tail_lines: Some(LINES),
        limit_bytes: Some(MOST),
        ..LogParams::default()
    };
    let text = cluster
        .call(api.logs(&name, &params))
        .await
        .map_err(|error| error.to_string())?;
    if text.trim().is_empty() {
        return Err(format!("container {container} of pod {name} wrote nothing"));
    }
    Ok(LogEnd {
        pod: name,
        container,
        text,
    })
}

/// The ends of the logs of the containers that keep a workload from being ready, init containers too, the newest pod's
/// first; of each container name one. What cannot be read is left out: these are words for people only.
pub async fn of_failing(cluster: &Cluster, workload: &ObjectRef) -> Vec<LogEnd> {
    let found = async {
        let kinds = cluster.kinds().await.ok()?;
        let api = cluster.api_of(&kinds, workload)?;
        let object = cluster.call(api.get_opt(&workload.name)).await.ok()??;
        let selector = workload::selector(&serde_json::to_value(object).ok()?)?;
        Some((workload.namespace.as_deref()?, selector))
    };
    match found.await {
        Some((namespace, selector)) => of_pods(cluster, namespace, &selector).await,
        None => Vec::new(),
    }
}

/// The same for the pods with these labels.
pub async fn of_pods(cluster: &Cluster, namespace: &str, selector: &str) -> Vec<LogEnd> {
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
    let selected = ListParams::default().labels(selector);
    let Ok(mut pods) = cluster.list(&api, &selected).await else {
        return Vec::new();
    };
    pods.sort_by_key(|pod| std::cmp::Reverse(pod.metadata.creation_timestamp.clone()));
    let mut ends: Vec<LogEnd> = Vec::new();
    for pod in &pods {
        for (container, previous) in failing_containers(pod) {
            if ends.len() == MOST_SHOWN || ends.iter().any(|end| end.container == container) {
                continue;
            }
            let params = LogParams {
                container: Some(container.clone()),
                previous,
                tail_lines: Some(LINES),
                limit_bytes: Some(MOST),
                ..LogParams::default()
            };
            let name = pod.name_any();
            let text = cluster.call(api.logs(&name, &params)).await;
            if let Ok(text) = text
                && !text.trim().is_empty()
            {
                ends.push(LogEnd {
                    pod: name,
                    container,
                    text,
                });
            }
        }
    }
    ends
}

/// The containers that ended badly, and whether it is the log from before they were started again that says why.
fn failing_containers(pod: &Pod) -> Vec<(String, bool)> {
    let status = pod.status.iter();
    let containers = status.flat_map(|status| {
        let of_init = status.init_container_statuses.iter().flatten();
        of_init.chain(status.container_statuses.iter().flatten())
    });
    containers
        .filter_map(|container| {
            if ended_badly(container.state.as_ref()) {
                return Some((container.name.clone(), false));
            }
            let again = !container.ready && ended_badly(container.last_state.as_ref());
            again.then(|| (container.name.clone(), true))
        })
        .collect()
}

/// The last bytes of a text, from the beginning of a line where one begins there.
pub fn last_bytes(text: &str) -> &str {
    let text = text.trim_end();
    if text.len() <= BYTES {
        return text;
    }
    let mut start = text.len() - BYTES;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    match text[start..].find('\n') {
        Some(end) => &text[start + end + 1..],
        None => &text[start..],
    }
}

fn has_failed(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    status.and_then(|status| status.phase.as_deref()) == Some("Failed")
        || failed_container(pod).is_some_and(|(_, previous)| previous)
}

/// The container to ask: the first that ended badly, now or before it was started again; else the last that runs.
fn failed_container(pod: &Pod) -> Option<(String, bool)> {
    let status = pod.status.as_ref()?;
    let all = || {
        status
            .init_container_statuses
            .iter()
            .flatten()
            .chain(status.container_statuses.iter().flatten())
    };
    let now = all().find(|container| ended_badly(container.state.as_ref()));
    let before = all().find(|container| ended_badly(container.last_state.as_ref()));
    let running = |container: &&ContainerStatus| {
        let state = container.state.as_ref();
        state.is_some_and(|state| state.running.is_some() || state.terminated.is_some())
    };
    now.map(|container| (container.name.clone(), false))
        .or_else(|| before.map(|container| (container.name.clone(), true)))
        .or_else(|| {
            all()
                .rfind(running)
                .map(|container| (container.name.clone(), false))
        })
}

fn ended_badly(state: Option<&k8s_openapi::api::core::v1::ContainerState>) -> bool {
    state
        .and_then(|state| state.terminated.as_ref())
        .is_some_and(|terminated| terminated.exit_code != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(status: serde_json::Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "copy-1"}, "status": status})).unwrap()
    }

    #[test]
    fn the_container_that_ended_badly_is_asked_also_when_it_runs_again() {
        let bad = json!({"terminated": {"exitCode": 3}});
        let good = json!({"terminated": {"exitCode": 0}});
        let running = json!({"running": {}});
        let container = |name: &str,
                         state: &serde_json::Value,
                         last: Option<&serde_json::Value>| {
            json!({"name": name, "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state, "lastState": last.unwrap_or(&json!({}))})
        };
        let init = pod(json!({
            "initContainerStatuses": [container("first", &good, None), container("second", &bad, None)],
            "containerStatuses": [container("main", &json!({"waiting": {}}), None)],
        }));
        assert_eq!(failed_container(&init), Some(("second".to_owned(), false)));
        let again = pod(json!({"containerStatuses": [container("main", &running, Some(&bad))]}));
        assert_eq!(failed_container(&again), Some(("main".to_owned(), true)));
        let at_work = pod(json!({"containerStatuses": [container("main", &running, None)]}));
        assert_eq!(failed_container(&at_work), Some(("main".to_owned(), false)));
        assert_eq!(failed_container(&pod(json!({"phase": "Pending"}))), None);
    }

    #[test]
    fn every_container_that_fails_is_asked_for_its_log_init_containers_too() {
        let container = |name: &str,
                         state: serde_json::Value,
                         last: serde_json::Value,
                         ready: bool| json!({"name": name, "image": "", "imageID": "", "ready": ready, "restartCount": 0, "state": state, "lastState": last});
        let bad = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        let running = json!({"running": {}});
        let found = failing_containers(&pod(json!({
            "initContainerStatuses": [
                container("done", json!({"terminated": {"exitCode": 0}}), json!({}), true),
                container("migrate", waiting, bad.clone(), false),
            ],
            "containerStatuses": [
                container("web", bad.clone(), json!({}), false),
                container("again", running.clone(), bad.clone(), false),
                container("well", running, bad, true),
            ],
        })));
        let expected = [("migrate", true), ("web", false), ("again", true)];
        assert_eq!(
            found,
            expected.map(|(name, previous)| (name.to_owned(), previous))
        );
    }

    #[test]
    fn a_long_log_is_cut_at_its_beginning_between_two_lines() {
        assert_eq!(last_bytes("one\ntwo\n"), "one\ntwo");
        let long: String = (0..1000).map(|number| format!("line {number}\n")).collect();
        let end = last_bytes(&long);
        assert!(end.len() <= BYTES && end.starts_with("line ") && end.ends_with("line 999"));
        assert_eq!(last_bytes(&"ö".repeat(BYTES)).len(), BYTES);
    }
}
