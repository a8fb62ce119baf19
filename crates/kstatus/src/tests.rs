//! The rules of kstatus, kind by kind.

use serde_json::{Value, json};

use super::{Reason, Status, status};

fn with(object: Value, more: Value) -> Value {
    let (mut object, more) = (object, more);
    for (key, value) in more.as_object().unwrap() {
        object[key] = value.clone();
    }
    object
}

fn in_progress(object: &Value) -> String {
    match status(object) {
        Status::InProgress(reason) => reason.to_string(),
        other => panic!("{other:?}: {object}"),
    }
}

fn failed(object: &Value) -> String {
    match status(object) {
        Status::Failed(reason) => reason.to_string(),
        other => panic!("{other:?}: {object}"),
    }
}

fn deployment(generation: i64, status: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generation": generation}, "spec": {"replicas": 2}, "status": status})
}

#[test]
fn a_deployment_is_current_when_its_newest_pods_are_available() {
    let available = json!([{"type": "Available", "status": "True"}]);
    let ready = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2, "conditions": available});
    assert_eq!(status(&deployment(2, ready.clone())), Status::Current);
    // The old version is ready, the new one not even seen.
    assert!(in_progress(&deployment(3, ready.clone())).contains("generation 3"));
    assert!(in_progress(&deployment(1, json!({}))).contains("not seen"));
    assert_eq!(
        in_progress(&deployment(
            2,
            with(ready.clone(), json!({"updatedReplicas": 1}))
        )),
        "1 of 2 pods updated"
    );
    assert_eq!(
        in_progress(&deployment(2, with(ready.clone(), json!({"replicas": 3})))),
        "1 old pods are still to go"
    );
    assert_eq!(
        in_progress(&deployment(
            2,
            with(ready.clone(), json!({"availableReplicas": 1}))
        )),
        "1 of 2 pods available"
    );
    let exceeded =
        json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]);
    assert!(
        failed(&deployment(2, with(ready, json!({"conditions": exceeded}))))
            .contains("made no progress")
    );
}

#[test]
fn a_stateful_set_is_current_when_all_its_pods_are_of_the_newest_revision() {
    let set = |status: Value| json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"generation": 1}, "spec": {"replicas": 1}, "status": status});
    let ready = json!({"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "currentReplicas": 1, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "a"});
    assert_eq!(status(&set(ready.clone())), Status::Current);
    assert_eq!(
        in_progress(&set(with(ready.clone(), json!({"updateRevision": "b"})))),
        "its pods are being updated"
    );
    assert_eq!(
        in_progress(&set(with(ready, json!({"readyReplicas": 0})))),
        "0 of 1 pods ready"
    );
}

#[test]
fn a_daemon_set_is_current_when_every_node_has_its_pod() {
    let set = |status: Value| json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"generation": 1}, "status": status});
    let ready = json!({"observedGeneration": 1, "desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2, "numberReady": 2});
    assert_eq!(status(&set(ready.clone())), Status::Current);
    assert_eq!(
        in_progress(&set(with(
            ready,
            json!({"numberReady": 1, "numberAvailable": 1})
        ))),
        "1 of 2 pods available"
    );
    assert!(in_progress(&set(json!({}))).contains("not seen"));
}

#[test]
fn a_job_is_current_when_it_is_complete_and_failed_when_it_gave_up() {
    let job = |status: Value| json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {}, "spec": {}, "status": status});
    assert_eq!(
        status(&job(
            json!({"conditions": [{"type": "Complete", "status": "True"}]})
        )),
        Status::Current
    );
    assert_eq!(
        failed(&job(
            json!({"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}]})
        )),
        "Job has reached the specified backoff limit"
    );
    assert!(in_progress(&job(json!({}))).contains("not started"));
    assert!(
        in_progress(&job(
            json!({"startTime": "2026-11-21T08:00:00Z", "active": 1, "failed": 2})
        ))
        .contains("2 failed so far")
    );
}

#[test]
fn pods_claims_and_load_balancers() {
    let object = |kind: &str, spec: Value, status: Value| json!({"apiVersion": "v1", "kind": kind, "metadata": {}, "spec": spec, "status": status});
    let pod = |status: Value| object("Pod", json!({}), status);
    assert_eq!(status(&pod(json!({"phase": "Succeeded"}))), Status::Current);
    assert_eq!(
        status(&pod(
            json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})
        )),
        Status::Current
    );
    assert!(in_progress(&pod(json!({"phase": "Running"}))).contains("not ready"));
    assert!(failed(&pod(json!({"phase": "Failed", "message": "evicted"}))).contains("evicted"));

    let claim = |phase: &str| object("PersistentVolumeClaim", json!({}), json!({"phase": phase}));
    assert_eq!(status(&claim("Bound")), Status::Current);
    assert!(in_progress(&claim("Pending")).contains("not bound"));
    assert!(failed(&claim("Lost")).contains("lost"));

    let service = |kind: &str, status: Value| {
        object(
            "Service",
            json!({"type": kind, "clusterIP": "10.0.0.1"}),
            status,
        )
    };
    assert_eq!(status(&service("ClusterIP", json!({}))), Status::Current);
    assert!(
        in_progress(&service("LoadBalancer", json!({"loadBalancer": {}}))).contains("no address")
    );
    assert_eq!(
        status(&service(
            "LoadBalancer",
            json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}})
        )),
        Status::Current
    );
}

#[test]
fn other_kinds_go_by_their_conditions() {
    let custom = |status: Value| json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"generation": 2}, "status": status});
    assert_eq!(status(&custom(json!({}))), Status::Current);
    assert_eq!(
        in_progress(&custom(
            json!({"conditions": [{"type": "Ready", "status": "False", "message": "warming up"}]})
        )),
        "warming up"
    );
    assert!(in_progress(&custom(json!({"observedGeneration": 1}))).contains("generation 2"));
    assert_eq!(
        failed(&custom(
            json!({"conditions": [{"type": "Stalled", "status": "True", "reason": "Broken"}]})
        )),
        "Broken"
    );
    assert_eq!(
        in_progress(&custom(
            json!({"conditions": [{"type": "Reconciling", "status": "True", "message": "soon"}]})
        )),
        "soon"
    );
    let leaving = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"deletionTimestamp": "2026-11-21T08:00:00Z"}});
    assert_eq!(status(&leaving), Status::Terminating);
    // An ingress controller may never write an address: that is no failure.
    let ingress = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {}, "status": {"loadBalancer": {}}});
    assert_eq!(status(&ingress), Status::Current);
}

#[test]
fn a_paused_rollout_fails_and_an_autoscaler_without_target_is_on_its_way() {
    let paused = |updated: i64| {
        status(
            &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generation": 2},
            "spec": {"replicas": 1, "paused": true},
            "status": {"observedGeneration": 2, "replicas": 1, "updatedReplicas": updated, "readyReplicas": 1, "availableReplicas": 1,
                "conditions": [{"type": "Available", "status": "True"}]}}),
        )
    };
    assert!(matches!(paused(0), Status::Failed(Reason::Paused)));
    assert_eq!(paused(1), Status::Current);
    let scaler = |reason: &str| {
        status(
            &json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "status": {"conditions": [{"type": "AbleToScale", "status": "False", "reason": reason, "message": "no target"}]}}),
        )
    };
    assert_eq!(
        scaler("FailedGetScale"),
        Status::InProgress(Reason::Told("no target".to_owned()))
    );
    assert_eq!(scaler("BackoffBoth"), Status::Current);
    let budget = status(
        &json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "status": {"conditions": [{"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "no controllers"}]}}),
    );
    assert_eq!(
        budget,
        Status::InProgress(Reason::Told("no controllers".to_owned()))
    );
}
