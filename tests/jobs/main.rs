//! Whole jobs against a real API server (KUBECONFIG), each test in a namespace of its own.

mod canaries;
mod charts;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/counting.rs"]
mod counting;
mod diff;
#[path = "../common/double.rs"]
mod double;
mod identity;
mod late;
mod life;
mod logs;
mod mail;
mod policy;
mod preview;
mod render;
mod reset;
mod secrets;
mod vault;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chandlery::job::{CancelReason, Namespaces, Runner, StepLog};
use chandlery::odoo::contract::{
    IngressState, Job, ObservedState, Outcome, OutcomeState, Step, StepCode, StepState,
};
use chandlery::settings::{Cluster, Settings};
use common::{App, DATABASE};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolumeClaim, Secret};
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

/// What the settings of a worker need to fetch from the servers of tests.
const MANIFESTS: &str = "[manifests]\nallow = ['127.0.0.1']\n";
/// How long an app of these tests may take to become ready.
const READY_SECONDS: u64 = 60;

fn settings() -> Settings {
    toml::from_str(MANIFESTS).unwrap()
}

/// With exactly the rights of config/, like all that runs jobs.
fn runner() -> Runner {
    let mut settings = settings();
    settings.deploy.ready_seconds = READY_SECONDS;
    let cluster = Cluster {
        kubeconfig: common::worker_kubeconfig(),
        ..Cluster::default()
    };
    settings.clusters.insert("demo".to_owned(), cluster);
    Runner::new(&settings).unwrap()
}

/// Runs a test with an app and cleans up behind it, however it ends.
async fn with_app<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(Arc<App>) -> F) {
    let app = Arc::new(App::new().await);
    let ended = tokio::spawn(test(app.clone())).await;
    app.clean_up().await;
    if let Err(error) = ended {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// Does a job; returns its outcome and its steps.
async fn run(runner: &Runner, mut job: Value) -> (Outcome, Vec<Step>) {
    // Another id is another job, unless the test says which uid it has.
    let uid_of = |id: &Value| format!("{:032x}", id.as_i64().unwrap_or_default());
    if job["uid"] == uid_of(&job["app"]["id"]) {
        job["uid"] = json!(uid_of(&job["id"]));
    }
    let story = Arc::new(StepLog::new(Arc::default()));
    let outcome = runner
        .run(Job::read(&job).unwrap(), DATABASE, story.clone())
        .await;
    (outcome, story.pending().0)
}

/// The next job of the app, knowing what the last one left.
fn after(mut job: Value, outcome: &Outcome) -> Value {
    job["app"]["inventory"] = json!(outcome.result.inventory);
    job
}

fn shown(steps: &[Step]) -> Vec<(StepCode, StepState)> {
    steps.iter().map(|step| (step.code, step.state)).collect()
}

fn message(steps: &[Step], code: StepCode) -> &str {
    &steps.iter().find(|step| step.code == code).unwrap().message
}

#[track_caller]
fn assert_done(outcome: &Outcome) {
    assert_eq!(outcome.state, OutcomeState::Done, "{:#?}", outcome.error);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_brings_the_app_to_its_address_and_a_second_one_changes_nothing_and_says_so() {
    with_app(|app| async move {
        let runner = runner();
        let (first, steps) = run(&runner, app.job("deploy")).await;
        assert_done(&first);
        use StepCode::*;
        let expected = [
            Fetching, Rendering, Namespace, Applying, Pruning, Waiting, Ingress,
        ];
        assert_eq!(shown(&steps), expected.map(|code| (code, StepState::Done)));
        assert!(
            message(&steps, Fetching).starts_with("2 manifests, "),
            "{steps:?}"
        );
        assert_eq!(message(&steps, Applying), "5 objects: 5 created");
        assert_eq!(message(&steps, Waiting), "Everything is ready");
        let host = format!("{}.apps.localhost", app.namespace);
        assert!(
            message(&steps, Ingress).starts_with(&format!("{host} has the address ")),
            "{steps:?}"
        );

        let result = &first.result;
        assert_eq!((result.objects.created, result.objects.unchanged), (5, 0));
        assert_eq!(result.inventory.as_ref().unwrap().len(), 5);
        assert_eq!(
            result.manifests[0].variables,
            ["postgres_password", "title"]
        );
        assert_eq!(result.manifests[1].content, common::WORKLOAD);
        let observation = result.observation.as_ref().unwrap();
        assert_eq!(observation.state, ObservedState::Running, "{observation:?}");
        assert_eq!(observation.ingress.state, IngressState::Ready);
        assert_eq!(observation.ingress.hosts, [host]);
        assert!(!observation.ingress.addresses.is_empty());

        let config_maps: Api<ConfigMap> = Api::namespaced(app.client.clone(), &app.namespace);
        let settings = config_maps.get("settings").await.unwrap().data.unwrap();
        assert_eq!(settings["title"], "The web");
        let password = settings["password"].clone();
        assert_eq!(password.len(), 24);
        assert!(
            !serde_json::to_string(&first).unwrap().contains(&password),
            "nobody is told of it"
        );

        let (second, steps) = run(&runner, after(app.job("deploy"), &first)).await;
        assert_done(&second);
        assert_eq!(
            (second.result.objects.created, second.result.objects.changed),
            (0, 0)
        );
        assert_eq!(second.result.objects.unchanged, 5);
        assert_eq!(message(&steps, Applying), "5 objects, nothing changed");
        let settings = config_maps.get("settings").await.unwrap().data.unwrap();
        assert_eq!(settings["password"], password, "generated once");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_manifests_no_longer_hold_is_removed_but_never_volumes() {
    with_app(|app| async move {
        let runner = runner();
        let (first, _) = run(&runner, app.job("deploy")).await;
        assert_done(&first);
        let mut job = after(app.job("deploy"), &first);
        job["manifests"].as_array_mut().unwrap().pop();
        let (second, steps) = run(&runner, job).await;
        assert_done(&second);
        assert_eq!(second.result.objects.pruned, 3);
        let pruning = message(&steps, StepCode::Pruning);
        assert!(
            pruning.contains("Deployment/web") && pruning.contains("kept though"),
            "{pruning}"
        );
        let claims: Api<PersistentVolumeClaim> =
            Api::namespaced(app.client.clone(), &app.namespace);
        assert!(claims.get_opt("data").await.unwrap().is_some());
        let kinds: Vec<String> = second
            .result
            .inventory
            .unwrap()
            .into_iter()
            .map(|object| object.kind)
            .collect();
        assert_eq!(
            kinds,
            ["ConfigMap", "PersistentVolumeClaim"],
            "not forgotten"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_of_somebody_else_is_refused_and_not_touched() {
    with_app(|app| async move {
        let namespaces: Api<Namespace> = Api::all(app.client.clone());
        let foreign = Namespace {
            metadata: ObjectMeta {
                name: Some(app.namespace.clone()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        namespaces
            .create(&PostParams::default(), &foreign)
            .await
            .unwrap();
        for kind in ["deploy", "delete"] {
            let mut job = app.job(kind);
            job["options"] = json!({"keep_volumes": false});
            let (outcome, steps) = run(&runner(), job).await;
            assert_eq!(outcome.state, OutcomeState::Failed);
            assert_eq!(outcome.error.unwrap().code.as_str(), "namespace_foreign");
            let last = steps.last().unwrap();
            assert!(
                matches!(last.code, StepCode::Namespace | StepCode::Deleting),
                "{last:?}"
            );
            let left = namespaces.get(&app.namespace).await.unwrap();
            assert!(left.metadata.deletion_timestamp.is_none());
        }
        let config_maps: Api<ConfigMap> = Api::namespaced(app.client.clone(), &app.namespace);
        assert!(config_maps.get_opt("settings").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_deploy_names_manifest_and_line_and_can_be_repeated() {
    with_app(|app| async move {
        app.serve(
            "broken.yml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \"{{ titel }}\"\n",
        )
        .await;
        let mut job = app.job("deploy");
        job["manifests"][1]["url"] = json!(format!("{}/broken.yml", app.server.uri()));
        let runner = runner();
        let (outcome, steps) = run(&runner, job).await;
        assert_eq!(outcome.state, OutcomeState::Failed);
        let error = outcome.error.as_ref().unwrap();
        assert_eq!(
            (error.code.as_str(), error.manifest.as_deref(), error.line),
            ("template_render", Some("Workload"), Some(4))
        );
        assert_eq!(steps.last().unwrap().state, StepState::Failed);
        assert_eq!(
            outcome.result.manifests.len(),
            2,
            "what was fetched is told"
        );
        assert_eq!(outcome.result.inventory, None, "nothing was touched");
        let (outcome, _) = run(&runner, app.job("deploy")).await;
        assert_done(&outcome);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_the_api_server_refuses_is_named_and_what_came_before_stays_known() {
    with_app(|app| async move {
        app.serve(
            "misspelt.yml",
            &common::WORKLOAD.replace("  template:", "  replikas: 1\n  template:"),
        )
        .await;
        let mut job = app.job("deploy");
        job["manifests"][1]["url"] = json!(format!("{}/misspelt.yml", app.server.uri()));
        let (outcome, _) = run(&runner(), job).await;
        let error = outcome.error.unwrap();
        assert_eq!(outcome.state, OutcomeState::Failed, "{error}");
        assert_eq!(error.code.as_str(), "apply_refused");
        assert_eq!(error.object.as_deref(), Some("Deployment/web"));
        assert!(error.to_string().contains("replikas"), "{error}");
        let kinds: Vec<String> = outcome
            .result
            .inventory
            .unwrap()
            .into_iter()
            .map(|object| object.kind)
            .collect();
        // What goes beside it comes to its end.
        let expected = ["ConfigMap", "PersistentVolumeClaim", "Service", "Ingress"];
        assert_eq!(kinds, expected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_that_waits_can_be_cancelled_and_then_deleted() {
    with_app(|app| async move {
        let runner = runner();
        let mut job = app.job("deploy");
        job["config_map"][2]["value"] = json!("{kind: none}");
        let news = Arc::new(tokio::sync::Notify::new());
        let story = Arc::new(StepLog::new(news.clone()));
        let running = tokio::spawn({
            let (runner, story, job) = (runner.clone(), story.clone(), job.clone());
            async move { runner.run(Job::read(&job).unwrap(), DATABASE, story).await }
        });
        let unschedulable = async {
            loop {
                news.notified().await;
                let (steps, _) = story.pending();
                let last = steps.last().unwrap();
                if last.code == StepCode::Waiting && last.message.contains("cannot be scheduled") {
                    return;
                }
            }
        };
        let waited =
            tokio::time::timeout(Duration::from_secs(READY_SECONDS / 2), unschedulable).await;
        assert!(waited.is_ok(), "{:#?}", story.pending().0);
        story.stop(CancelReason::Cancelled);
        let outcome = running.await.unwrap();
        assert_eq!(outcome.state, OutcomeState::Cancelled);
        assert_eq!(outcome.result.inventory.as_ref().unwrap().len(), 5);

        let (deleted, _) = run(&runner, after(app.job("delete"), &outcome)).await;
        assert_done(&deleted);
        let deployments: Api<Deployment> = Api::namespaced(app.client.clone(), &app.namespace);
        assert!(deployments.get_opt("web").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_keeps_the_volumes_and_the_next_deploy_finds_them_until_one_takes_all() {
    with_app(|app| async move {
        let runner = runner();
        let (deployed, _) = run(&runner, app.job("deploy")).await;
        assert_done(&deployed);
        let secrets: Api<Secret> = Api::namespaced(app.client.clone(), &app.namespace);
        let generated = secrets.get("chandlery-generated").await.unwrap().data;

        let (deleted, steps) = run(&runner, after(app.job("delete"), &deployed)).await;
        assert_done(&deleted);
        assert!(!deleted.result.namespace_deleted);
        assert!(
            message(&steps, StepCode::Deleting).contains("1 volume is kept"),
            "{steps:?}"
        );
        let kept = deleted.result.inventory.as_ref().unwrap();
        assert_eq!(
            (kept.len(), kept[0].kind.as_str()),
            (1, "PersistentVolumeClaim")
        );
        let deployments: Api<Deployment> = Api::namespaced(app.client.clone(), &app.namespace);
        assert!(deployments.get_opt("web").await.unwrap().is_none());
        assert_eq!(
            secrets.get("chandlery-generated").await.unwrap().data,
            generated
        );

        let (again, _) = run(&runner, after(app.job("deploy"), &deleted)).await;
        assert_done(&again);
        assert_eq!(
            (again.result.objects.created, again.result.objects.unchanged),
            (4, 1)
        );
        assert_eq!(
            secrets.get("chandlery-generated").await.unwrap().data,
            generated
        );

        let mut all = after(app.job("delete"), &again);
        all["options"] = json!({"keep_volumes": false});
        let (deleted, _) = run(&runner, all.clone()).await;
        assert_done(&deleted);
        assert!(deleted.result.namespace_deleted);
        let namespaces: Api<Namespace> = Api::all(app.client.clone());
        assert!(namespaces.get_opt(&app.namespace).await.unwrap().is_none());
        let (again, _) = run(&runner, all).await;
        assert_done(&again);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_shuts_visitors_out_before_anything_that_answers_them_goes() {
    with_app(|app| async move {
        let runner = runner();
        let (deployed, _) = run(&runner, app.job("deploy")).await;
        assert_done(&deployed);
        let ingresses: Api<k8s_openapi::api::networking::v1::Ingress> =
            Api::namespaced(app.client.clone(), &app.namespace);
        let deployments: Api<Deployment> = Api::namespaced(app.client.clone(), &app.namespace);
        let held_by =
            |finalizers: Value| Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
        let patch = held_by(json!(["example.com/held"]));
        let params = PatchParams::default();
        ingresses.patch("web", &params, &patch).await.unwrap();
        let mut job = after(app.job("delete"), &deployed);
        job["options"] = json!({"keep_volumes": false});
        let deleting = tokio::spawn({
            let runner = runner.clone();
            async move { run(&runner, job).await }
        });
        let closing = async {
            loop {
                let ingress = ingresses.get("web").await.unwrap();
                if ingress.metadata.deletion_timestamp.is_some() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let closed = tokio::time::timeout(Duration::from_secs(READY_SECONDS), closing).await;
        assert!(closed.is_ok());
        let web = deployments.get("web").await.unwrap();
        assert_eq!(web.metadata.deletion_timestamp, None, "it still answers");
        let patch = held_by(json!(null));
        ingresses.patch("web", &params, &patch).await.unwrap();
        let (deleted, steps) = deleting.await.unwrap();
        assert_done(&deleted);
        assert!(deleted.result.namespace_deleted);
        let codes: Vec<StepCode> = steps.iter().map(|step| step.code).collect();
        assert_eq!(codes, [StepCode::Closing, StepCode::Deleting]);
        assert_eq!(
            message(&steps, StepCode::Closing),
            "1 object deleted; nobody comes in any more"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_tells_what_is_there_and_changes_nothing() {
    with_app(|app| async move {
        let runner = runner();
        let (nothing, _) = run(&runner, app.job("refresh")).await;
        assert_done(&nothing);
        assert_eq!(
            nothing.result.observation.unwrap().state,
            ObservedState::Missing
        );
        let (deployed, _) = run(&runner, app.job("deploy")).await;
        assert_done(&deployed);
        let (seen, steps) = run(&runner, app.job("refresh")).await;
        assert_done(&seen);
        assert_eq!(
            shown(&steps),
            [
                (StepCode::Waiting, StepState::Done),
                (StepCode::Ingress, StepState::Done)
            ]
        );
        assert_eq!(seen.result.inventory, None, "Odoo keeps what it has");
        let observation = seen.result.observation.unwrap();
        assert_eq!(
            (observation.state, observation.ingress.state),
            (ObservedState::Running, IngressState::Ready)
        );

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
        assert_eq!(
            (ours.namespace.as_str(), ours.observation.state),
            (app.namespace.as_str(), ObservedState::Running)
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingress_class_that_the_cluster_does_not_have_is_told_while_waiting() {
    with_app(|app| async move {
        let mut settings = settings();
        settings.deploy.ready_seconds = READY_SECONDS;
        settings.deploy.ingress_seconds = 0;
        let cluster = Cluster {
            kubeconfig: common::worker_kubeconfig(),
            ..Cluster::default()
        };
        settings.clusters.insert("demo".to_owned(), cluster);
        let mut job = app.job("deploy");
        job["cluster"]["ingress_class"] = json!("unheard-of");
        let (deployed, steps) = run(&Runner::new(&settings).unwrap(), job).await;
        assert_done(&deployed);
        let told = message(&steps, StepCode::Ingress);
        assert!(
            told.contains("the cluster has no ingress class unheard-of"),
            "{told}"
        );
    })
    .await;
}

/// A check that comes with a manifest: a Job, which is over when it has found what it looked for.
const CHECK: &str = r#"
apiVersion: batch/v1
kind: Job
metadata: {name: check}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: check, image: "{{ image }}"}]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn each_job_that_a_deploy_waited_for_is_a_step_of_its_story_and_only_once() {
    with_app(|app| async move {
        app.serve("check.yml", CHECK).await;
        let mut job = app.job("deploy");
        job["manifests"][1]["url"] = json!(format!("{}/check.yml", app.server.uri()));
        let runner = runner();
        let (deployed, steps) = run(&runner, job.clone()).await;
        assert_done(&deployed);
        let waited: Vec<&str> = steps
            .iter()
            .filter(|step| step.code == StepCode::Waiting)
            .map(|step| step.message.as_str())
            .collect();
        // The log of a simulated pod cannot be read.
        assert_eq!(waited, ["Everything is ready", "Job check: done"]);
        let (again, steps) = run(&runner, after(job, &deployed)).await;
        assert_done(&again);
        let told = steps.iter().any(|step| step.message.contains("check"));
        assert!(!told, "nothing was waited for: {steps:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_of_nothing_is_refused_for_it_would_remove_everything() {
    with_app(|app| async move {
        let runner = runner();
        let (deployed, _) = run(&runner, app.job("deploy")).await;
        assert_done(&deployed);
        let mut job = after(app.job("deploy"), &deployed);
        job["manifests"] = json!([]);
        let (outcome, _) = run(&runner, job).await;
        assert_eq!(outcome.state, OutcomeState::Failed);
        let deployments: Api<Deployment> = Api::namespaced(app.client.clone(), &app.namespace);
        assert!(deployments.get_opt("web").await.unwrap().is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_for_a_cluster_that_is_not_served_here_says_so_and_may_be_tried_elsewhere() {
    with_app(|app| async move {
        let mut job = app.job("deploy");
        job["cluster"]["name"] = json!("moon");
        let (outcome, _) = run(&runner(), job).await;
        assert_eq!(outcome.state, OutcomeState::Retry);
        assert!(outcome.error.unwrap().message.contains("'moon'"));
    })
    .await;
}
