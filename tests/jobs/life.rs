//! Stop, start and restart.

use k8s_openapi::api::apps::v1::{DaemonSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};

use super::*;

/// One of each kind that makes pods, with Services so that it looks like an app.
const FLEET: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "{{ image }}"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: scaled}
spec:
  selector: {matchLabels: {app: scaled}}
  template:
    metadata: {labels: {app: scaled}}
    spec: {containers: [{name: web, image: "{{ image }}"}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: scaled}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: scaled}
  minReplicas: 3
  maxReplicas: 5
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: "{{ image }}"}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: "{{ image }}"}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec: {restartPolicy: Never, containers: [{name: nightly, image: "{{ image }}"}]}
"#;

/// A pod that no controller brings back.
const LONE_POD: &str = "
---
apiVersion: v1
kind: Pod
metadata: {name: lone}
spec: {containers: [{name: lone, image: '{{ image }}'}]}
";

async fn fleet_job(app: &App, kind: &str, manifest: &str) -> Value {
    app.serve("fleet.yml", manifest).await;
    let mut job = app.job(kind);
    // Not of the strict policy.
    let kinds = job["cluster"]["policy"]["kinds"].as_array_mut().unwrap();
    kinds.extend([json!("DaemonSet.apps"), json!("Pod")]);
    // A DaemonSet has a pod on every node.
    job["app"]["limits"] =
        json!({"cpu_millicores": 100000, "memory_mib": 100000, "storage_gib": 50, "pods": 100});
    job["manifests"] =
        json!([{"id": 3, "title": "Fleet", "url": format!("{}/fleet.yml", app.server.uri())}]);
    job
}

/// Another kind of job on the same app.
fn then(job: &Value, kind: &str, outcome: &Outcome) -> Value {
    let mut next = job.clone();
    next["kind"] = json!(kind);
    next["id"] = json!(job["id"].as_i64().unwrap() + 1);
    if let Some(inventory) = &outcome.result.inventory {
        next["app"]["inventory"] = json!(inventory);
    }
    next
}

fn api<K>(app: &App) -> Api<K>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    Api::namespaced(app.client.clone(), &app.namespace)
}

async fn replicas(app: &App, name: &str) -> i32 {
    let deployment = api::<Deployment>(app).get(name).await.unwrap();
    deployment.spec.unwrap().replicas.unwrap()
}

async fn pods(app: &App) -> Vec<String> {
    let pods = api::<Pod>(app).list(&ListParams::default()).await.unwrap();
    pods.iter().map(ResourceExt::name_any).collect()
}

/// How often the objects of a kind have been written.
async fn generations(app: &App) -> Vec<i64> {
    let mut generations = Vec::new();
    for name in ["web", "scaled"] {
        let deployment = api::<Deployment>(app).get(name).await.unwrap();
        generations.push(deployment.metadata.generation.unwrap());
    }
    let db = api::<StatefulSet>(app).get("db").await.unwrap();
    let agent = api::<DaemonSet>(app).get("agent").await.unwrap();
    let nightly = api::<CronJob>(app).get("nightly").await.unwrap();
    for metadata in [db.metadata, agent.metadata, nightly.metadata] {
        generations.push(metadata.generation.unwrap());
    }
    generations
}

#[track_caller]
fn assert_state(outcome: &Outcome, state: ObservedState) {
    let seen = outcome.result.observation.as_ref().unwrap();
    assert_eq!(seen.state, state, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_all_pods_a_second_one_does_nothing_and_a_start_brings_back_what_was() {
    with_app(|app| async move {
        let runner = runner();
        let deploy = fleet_job(&app, "deploy", FLEET).await;
        let (deployed, _) = run(&runner, deploy.clone()).await;
        assert_done(&deployed);
        assert_state(&deployed, ObservedState::Running);
        // As its autoscaler, or somebody at the keyboard, has scaled it.
        scale(&app, "scaled", 3).await;

        let stop = then(&deploy, "stop", &deployed);
        let (stopped, steps) = run(&runner, stop.clone()).await;
        assert_done(&stopped);
        assert_eq!(shown(&steps), [(StepCode::Stopping, StepState::Done)]);
        assert_eq!(message(&steps, StepCode::Stopping), "5 workloads stopped");
        assert_state(&stopped, ObservedState::Stopped);
        assert_eq!(pods(&app).await, Vec::<String>::new());
        assert_eq!(replicas(&app, "web").await, 0);
        let before = generations(&app).await;

        let (again, steps) = run(&runner, stop).await;
        assert_done(&again);
        assert_eq!(message(&steps, StepCode::Stopping), "Nothing was running");
        assert_eq!(generations(&app).await, before, "nothing was written");

        let (started, steps) = run(&runner, then(&deploy, "start", &deployed)).await;
        assert_done(&started);
        assert_eq!(message(&steps, StepCode::Starting), "5 workloads started");
        assert_state(&started, ObservedState::Running);
        assert_eq!(replicas(&app, "web").await, 2);
        assert_eq!(replicas(&app, "scaled").await, 3);
        let nightly = api::<CronJob>(&app).get("nightly").await.unwrap();
        assert_eq!(nightly.spec.unwrap().suspend, Some(false));
        let web = api::<Deployment>(&app).get("web").await.unwrap();
        assert!(!web.annotations().contains_key("chandlery.dev/replicas"));
        api::<HorizontalPodAutoscaler>(&app)
            .get("scaled")
            .await
            .unwrap();

        let before = generations(&app).await;
        let (again, steps) = run(&runner, then(&deploy, "start", &deployed)).await;
        assert_done(&again);
        assert_eq!(message(&steps, StepCode::Starting), "Nothing was stopped");
        assert_eq!(generations(&app).await, before, "nothing was written");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_after_a_stop_takes_the_scale_back_also_where_the_manifest_names_none() {
    with_app(|app| async move {
        let runner = runner();
        let deploy = fleet_job(&app, "deploy", FLEET).await;
        let (deployed, _) = run(&runner, deploy.clone()).await;
        assert_done(&deployed);
        scale(&app, "scaled", 3).await;
        let (stopped, _) = run(&runner, then(&deploy, "stop", &deployed)).await;
        assert_done(&stopped);

        let (again, steps) = run(&runner, after(deploy, &deployed)).await;
        assert_done(&again);
        let applying = message(&steps, StepCode::Applying);
        assert!(applying.ends_with("started again"), "{applying}");
        assert_state(&again, ObservedState::Running);
        assert_eq!(replicas(&app, "web").await, 2);
        assert_eq!(replicas(&app, "scaled").await, 3);
        let agent = api::<DaemonSet>(&app).get("agent").await.unwrap();
        let status = agent.status.unwrap();
        assert!(status.number_ready > 0, "{status:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_was_killed_in_the_middle_is_brought_to_its_end_by_the_next_attempt() {
    with_app(|app| async move {
        let runner = runner();
        let deploy = fleet_job(&app, "deploy", FLEET).await;
        let (deployed, _) = run(&runner, deploy.clone()).await;
        assert_done(&deployed);
        // What a killed attempt leaves: one workload stopped, the others not.
        let mark = json!({"metadata": {"annotations": {"chandlery.dev/replicas": "2"}}, "spec": {"replicas": 0}});
        patch(&app, "web", mark).await;

        let stop = then(&deploy, "stop", &deployed);
        let (stopped, _) = run(&runner, stop).await;
        assert_done(&stopped);
        assert_state(&stopped, ObservedState::Stopped);
        let (started, _) = run(&runner, then(&deploy, "start", &deployed)).await;
        assert_done(&started);
        assert_eq!(replicas(&app, "web").await, 2, "what it was at first");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_without_a_controller_is_deleted_by_a_stop_and_a_start_says_that_apply_brings_it_back()
 {
    with_app(|app| async move {
        let runner = runner();
        let deploy = fleet_job(&app, "deploy", &format!("{FLEET}{LONE_POD}")).await;
        let (deployed, _) = run(&runner, deploy.clone()).await;
        assert_done(&deployed);
        // Somebody else's pod in the same namespace is none of our business.
        let other: Pod = serde_json::from_value(json!({
            "metadata": {"name": "other"}, "spec": {"containers": [{"name": "other", "image": "other"}]},
        }))
        .unwrap();
        api::<Pod>(&app).create(&PostParams::default(), &other).await.unwrap();

        let (stopped, steps) = run(&runner, then(&deploy, "stop", &deployed)).await;
        assert_done(&stopped);
        assert_eq!(shown(&steps), [(StepCode::Stopping, StepState::Warning)]);
        let words = message(&steps, StepCode::Stopping);
        assert!(words.contains("Pod/lone deleted"), "{words}");
        assert!(words.ends_with("still running in its namespace: Pod/other"), "{words}");
        assert_eq!(pods(&app).await, ["other"]);

        let (started, _) = run(&runner, then(&deploy, "start", &deployed)).await;
        assert_eq!(started.state, OutcomeState::Failed);
        let error = started.error.unwrap();
        assert_eq!(error.object.as_deref(), Some("Pod/lone"));
        assert!(error.to_string().contains("Press Apply"), "{error}");
        assert_eq!(replicas(&app, "web").await, 2, "what is there is started all the same");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_of_what_is_not_in_the_cluster_says_to_apply_and_a_stop_finds_nothing_running() {
    with_app(|app| async move {
        let runner = runner();
        let (stopped, steps) = run(&runner, app.job("stop")).await;
        assert_done(&stopped);
        assert_eq!(message(&steps, StepCode::Stopping), "Nothing was running");
        assert_state(&stopped, ObservedState::Missing);
        for kind in ["start", "restart"] {
            let (outcome, _) = run(&runner, app.job(kind)).await;
            assert_eq!(outcome.state, OutcomeState::Failed);
            let error = outcome.error.unwrap();
            assert!(error.to_string().contains("Press Apply"), "{error}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_replaces_every_pod_and_another_attempt_at_it_none() {
    with_app(|app| async move {
        let runner = runner();
        let deploy = fleet_job(&app, "deploy", FLEET).await;
        let (deployed, _) = run(&runner, deploy.clone()).await;
        assert_done(&deployed);
        let old = uids(&app).await;

        let restart = then(&deploy, "restart", &deployed);
        let (restarted, steps) = run(&runner, restart.clone()).await;
        assert_done(&restarted);
        use StepCode::*;
        assert_eq!(
            shown(&steps)[..2],
            [(Restarting, StepState::Done), (Waiting, StepState::Done)]
        );
        assert_state(&restarted, ObservedState::Running);
        let new = uids(&app).await;
        assert_eq!(new.len(), old.len());
        assert!(new.iter().all(|uid| !old.contains(uid)), "{old:?} {new:?}");

        let (again, steps) = run(&runner, restart.clone()).await;
        assert_done(&again);
        assert_eq!(
            message(&steps, Restarting),
            "Deployment/web, Deployment/scaled, StatefulSet/db, DaemonSet/agent",
            "in the manifest's order"
        );
        assert_eq!(uids(&app).await, new, "the same job replaces nothing twice");

        let (deployed, steps) = run(&runner, after(deploy.clone(), &deployed)).await;
        assert_done(&deployed);
        assert!(
            message(&steps, Applying).ends_with("nothing changed"),
            "{steps:?}"
        );
        assert_eq!(uids(&app).await, new, "nor does a deploy afterwards");

        let (next, _) = run(&runner, then(&restart, "restart", &deployed)).await;
        assert_done(&next);
        assert_ne!(uids(&app).await, new, "the next restart does");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_a_stopped_app_is_refused_in_words() {
    with_app(|app| async move {
        let runner = runner();
        let (deployed, _) = run(&runner, app.job("deploy")).await;
        assert_done(&deployed);
        let (stopped, _) = run(&runner, after(app.job("stop"), &deployed)).await;
        assert_done(&stopped);
        let (refused, _) = run(&runner, after(app.job("restart"), &deployed)).await;
        assert_eq!(refused.state, OutcomeState::Failed);
        let error = refused.error.unwrap();
        assert_eq!(error.code.as_str(), "stopped");
        assert!(error.to_string().contains("Start it instead"), "{error}");
    })
    .await;
}

/// The UIDs of all pods that are not ending.
async fn uids(app: &App) -> Vec<String> {
    let pods = api::<Pod>(app).list(&ListParams::default()).await.unwrap();
    let staying = pods
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none());
    let mut uids: Vec<String> = staying.filter_map(ResourceExt::uid).collect();
    uids.sort();
    uids
}

async fn scale(app: &App, name: &str, replicas: i32) {
    patch(app, name, json!({"spec": {"replicas": replicas}})).await;
}

async fn patch(app: &App, name: &str, patch: Value) {
    api::<Deployment>(app)
        .patch(name, &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
}

/// "Nothing of this app is in the cluster", of an app of which all is there.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_without_workloads_is_deployed_stopped_and_started_and_says_what_is_gone_of_it() {
    with_app(|app| async move {
        let runner = runner();
        let of_settings_alone = |kind: &str| {
            let mut job = app.job(kind);
            job["manifests"].as_array_mut().unwrap().pop();
            job
        };
        let (deployed, steps) = run(&runner, of_settings_alone("deploy")).await;
        assert_done(&deployed);
        assert_eq!(message(&steps, StepCode::Waiting), "Everything is ready");
        let state = |outcome: &Outcome| outcome.result.observation.as_ref().unwrap().state;
        assert_eq!(state(&deployed), ObservedState::Running);
        let all = runner
            .look(
                "demo",
                DATABASE,
                Namespaces::AllBut(&BTreeSet::new()),
                &Default::default(),
            )
            .await
            .unwrap();
        let ours = all.apps.iter().find(|seen| seen.id == app.id).unwrap();
        assert_eq!(ours.observation.state, ObservedState::Running);

        let (stopped, steps) = run(&runner, after(of_settings_alone("stop"), &deployed)).await;
        assert_done(&stopped);
        assert_eq!(message(&steps, StepCode::Stopping), "Nothing was running");
        assert_eq!(state(&stopped), ObservedState::Stopped);
        let (started, _) = run(&runner, after(of_settings_alone("start"), &deployed)).await;
        assert_done(&started);
        assert_eq!(state(&started), ObservedState::Running);

        let config_maps: Api<ConfigMap> = Api::namespaced(app.client.clone(), &app.namespace);
        config_maps
            .delete("settings", &Default::default())
            .await
            .unwrap();
        let mut more = of_settings_alone("refresh");
        more["app"]["inventory"] = json!(deployed.result.inventory);
        let (seen, _) = run(&runner, more).await;
        assert_done(&seen);
        assert_eq!(state(&seen), ObservedState::Missing);
        let (again, _) = run(&runner, after(of_settings_alone("deploy"), &deployed)).await;
        assert_done(&again);
        assert_eq!(state(&again), ObservedState::Running);
    })
    .await;
}
