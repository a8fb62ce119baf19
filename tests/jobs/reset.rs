//! Reset: from scratch, and by the product's reset manifests.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job as KubernetesJob;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};

use super::*;

/// A Job with what it needs. It never ends by itself where no node fits.
const COPY: &str = r#"
apiVersion: v1
kind: Secret
metadata: {name: copy}
stringData: {password: "{{ production.secrets.postgres_password }}"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: copy}
data: {from: "{{ production.namespace }}", to: "{{ namespace }}"}
---
apiVersion: batch/v1
kind: Job
metadata: {name: copy}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {{ copy_on | default({}) }}
      containers: [{name: copy, image: "{{ image }}"}]
"#;

fn reset(app: &App, mode: &str, before: &Outcome) -> Value {
    let mut job = after(app.job("reset"), before);
    job["id"] = json!(app.id + 1);
    job["options"] = json!({"reset": mode});
    if mode == "manifests" {
        job["reset_manifests"] =
            json!([{"id": 9, "title": "Copy", "url": format!("{}/copy.yml", app.server.uri())}]);
    }
    job
}

/// An integration app and, beside it, its production, both deployed.
async fn with_production<F: Future<Output = ()> + Send + 'static>(
    test: impl FnOnce(Arc<App>, Arc<App>, Outcome) -> F + Send + 'static,
) {
    with_app(|app| async move {
        with_app(|production| async move {
            let runner = runner();
            app.serve("copy.yml", COPY).await;
            let (beside, _) = run(&runner, production.job("deploy")).await;
            assert_done(&beside);
            let (deployed, _) = run(&runner, app.job("deploy")).await;
            assert_done(&deployed);
            test(app, production, deployed).await;
        })
        .await;
    })
    .await;
}

fn beside(mut job: Value, production: &App) -> Value {
    job["production"] = json!({
        "app": production.id, "uid": production.uid, "name": "web", "environment": "live",
        "namespace": production.namespace,
        "hostname": format!("{}.apps.localhost", production.namespace), "url": "http://web",
    });
    job
}

fn api<K>(app: &App) -> Api<K>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    Api::namespaced(app.client.clone(), &app.namespace)
}

async fn password(app: &App) -> String {
    let secret = api::<Secret>(app).get("chandlery-generated").await.unwrap();
    String::from_utf8(secret.data.unwrap()["postgres_password"].0.clone()).unwrap()
}

async fn claim(app: &App) -> Option<String> {
    let claims = api::<PersistentVolumeClaim>(app);
    claims
        .get_opt("data")
        .await
        .unwrap()
        .and_then(|claim| claim.uid())
}

async fn pods(app: &App) -> Vec<String> {
    let pods = api::<Pod>(app)
        .list(&ListParams::default().labels("app=web"))
        .await
        .unwrap();
    let staying = pods
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none());
    staying.filter_map(ResourceExt::uid).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_reset_deploys_from_scratch_with_the_same_passwords_and_only_once_per_job() {
    with_app(|app| async move {
        let runner = runner();
        let (deployed, _) = run(&runner, app.job("deploy")).await;
        assert_done(&deployed);
        let (before, volume) = (password(&app).await, claim(&app).await);

        let job = reset(&app, "empty", &deployed);
        let (done, steps) = run(&runner, job.clone()).await;
        assert_done(&done);
        use StepCode::*;
        let codes: Vec<StepCode> = steps.iter().map(|step| step.code).collect();
        assert_eq!(
            codes,
            [
                Fetching, Rendering, Deleting, Namespace, Applying, Pruning, Waiting, Ingress
            ]
        );
        assert!(
            message(&steps, Deleting).ends_with("volumes among them"),
            "{steps:?}"
        );
        assert_eq!(done.result.inventory.as_ref().unwrap().len(), 5);
        assert_eq!(
            done.result.observation.as_ref().unwrap().state,
            ObservedState::Running
        );
        assert_eq!(password(&app).await, before);
        let fresh = claim(&app).await;
        assert_ne!(fresh, volume, "the data is another");

        let (again, steps) = run(&runner, job).await;
        assert_done(&again);
        assert_eq!(message(&steps, Deleting), "Deleted by an earlier attempt");
        assert_eq!(
            claim(&app).await,
            fresh,
            "what the first attempt made is kept"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_reset_whose_manifests_cannot_be_rendered_deletes_nothing() {
    with_app(|app| async move {
        let runner = runner();
        let (deployed, _) = run(&runner, app.job("deploy")).await;
        assert_done(&deployed);
        let volume = claim(&app).await;
        let mut job = reset(&app, "empty", &deployed);
        job["config_map"] = json!([]);
        let (failed, _) = run(&runner, job).await;
        assert_eq!(failed.state, OutcomeState::Failed);
        assert_eq!(claim(&app).await, volume);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_follows_by_itself_is_not_restarted_after_a_reset() {
    with_production(|app, production, deployed| async move {
        let deployments = api::<Deployment>(&app);
        let follows = json!({"metadata": {"annotations": {"chandlery.dev/no-restart": "reset"}}});
        deployments
            .patch("web", &PatchParams::default(), &Patch::Merge(follows))
            .await
            .unwrap();
        let old = pods(&app).await;
        let job = beside(reset(&app, "manifests", &deployed), &production);
        let (done, steps) = run(&runner(), job).await;
        assert_done(&done);
        assert_eq!(
            message(&steps, StepCode::Restarting),
            "There is nothing to restart"
        );
        assert_eq!(pods(&app).await, old);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_manifests_know_production_are_awaited_and_leave_nothing_but_the_data() {
    with_production(|app, production, deployed| async move {
        let runner = runner();
        let old = pods(&app).await;
        let job = beside(reset(&app, "manifests", &deployed), &production);
        let (done, steps) = run(&runner, job.clone()).await;
        assert_done(&done);
        use StepCode::*;
        let codes: Vec<StepCode> = steps.iter().map(|step| step.code).collect();
        assert_eq!(
            codes,
            [Fetching, Rendering, Resetting, Restarting, Waiting, Ingress]
        );
        assert_eq!(message(&steps, Resetting), "Copy: done");
        let told = serde_json::to_string(&(&done, &steps)).unwrap();
        assert!(
            !told.contains(&password(&production).await),
            "production's password is told nobody"
        );
        assert_eq!(done.result.inventory, None, "Odoo keeps what it has");
        assert_eq!(done.result.manifests.len(), 1);
        assert!(
            pods(&app).await.iter().all(|pod| !old.contains(pod)),
            "restarted"
        );
        assert!(
            api::<KubernetesJob>(&app)
                .get_opt("copy")
                .await
                .unwrap()
                .is_none()
        );
        assert!(api::<Secret>(&app).get_opt("copy").await.unwrap().is_none());
        assert!(claim(&app).await.is_some());

        let (again, steps) = run(&runner, job).await;
        assert_done(&again);
        assert_eq!(
            message(&steps, Resetting),
            "Copy: done by an earlier attempt"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn production_is_read_only_where_its_namespace_says_that_it_is_that_app() {
    with_production(|app, production, deployed| async move {
        let mut job = beside(reset(&app, "manifests", &deployed), &production);
        job["production"]["uid"] = json!(app.uid);
        let (outcome, _) = run(&runner(), job).await;
        assert_eq!(outcome.state, OutcomeState::Failed);
        assert_eq!(outcome.error.unwrap().code.as_str(), "namespace_foreign");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_fails_the_reset_says_that_its_log_cannot_be_read_and_can_be_run_again() {
    with_production(|app, production, deployed| async move {
        let runner = runner();
        app.serve(
            "copy.yml",
            &COPY.replace("backoffLimit: 0", "activeDeadlineSeconds: 1"),
        )
        .await;
        let mut job = beside(reset(&app, "manifests", &deployed), &production);
        job["config_map"]
            .as_array_mut()
            .unwrap()
            .push(json!({"key": "copy_on", "type": "yaml", "value": "{kind: none}"}));
        let (failed, steps) = run(&runner, job.clone()).await;
        assert_eq!(failed.state, OutcomeState::Failed);
        let error = failed.error.as_ref().unwrap();
        assert_eq!(
            (error.code.as_str(), error.object.as_deref()),
            ("not_ready", Some("Job/copy"))
        );
        assert!(
            error.message.contains("longer than specified deadline"),
            "{error}"
        );
        assert!(
            error.message.contains("Its log cannot be read: "),
            "{error}"
        );
        assert_eq!(
            steps.last().unwrap().code,
            StepCode::Resetting,
            "not restarted"
        );
        assert!(
            api::<KubernetesJob>(&app)
                .get_opt("copy")
                .await
                .unwrap()
                .is_some(),
            "kept for its log"
        );
        assert!(api::<Secret>(&app).get_opt("copy").await.unwrap().is_none());

        app.serve("copy.yml", COPY).await;
        job["config_map"].as_array_mut().unwrap().pop();
        let (done, _) = run(&runner, job).await;
        assert_done(&done);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_that_is_cancelled_ends_its_job_and_one_that_is_lost_touches_nothing_more() {
    with_production(|app, production, deployed| async move {
        let runner = runner();
        for reason in [CancelReason::Lost, CancelReason::Cancelled] {
            let mut job = beside(reset(&app, "manifests", &deployed), &production);
            job["config_map"]
                .as_array_mut()
                .unwrap()
                .push(json!({"key": "copy_on", "type": "yaml", "value": "{kind: none}"}));
            let news = Arc::new(tokio::sync::Notify::new());
            let story = Arc::new(StepLog::new(news.clone()));
            let running = tokio::spawn({
                let (runner, story) = (runner.clone(), story.clone());
                async move { runner.run(Job::read(&job).unwrap(), DATABASE, story).await }
            });
            let waiting = async {
                loop {
                    news.notified().await;
                    let (steps, _) = story.pending();
                    let last = steps.last().unwrap();
                    if last.code == StepCode::Resetting && last.message.contains("Job copy:") {
                        return;
                    }
                }
            };
            let waited =
                tokio::time::timeout(Duration::from_secs(READY_SECONDS / 2), waiting).await;
            assert!(waited.is_ok(), "{:#?}", story.pending().0);
            story.stop(reason);
            let outcome = running.await.unwrap();
            let jobs = api::<KubernetesJob>(&app);
            if reason == CancelReason::Lost {
                assert!(jobs.get_opt("copy").await.unwrap().is_some());
            } else {
                assert_eq!(outcome.state, OutcomeState::Cancelled);
                let left = jobs.get_opt("copy").await.unwrap();
                assert!(left.is_none_or(|job| job.metadata.deletion_timestamp.is_some()));
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_attempt_waits_for_the_job_that_a_killed_one_has_begun() {
    with_production(|app, production, deployed| async move {
        let runner = runner();
        let job = beside(reset(&app, "manifests", &deployed), &production);
        // What a killed attempt leaves: the Job at work. Another reset's would be replaced.
        let begun = |by: i64| -> KubernetesJob {
            serde_json::from_value(json!({
                "metadata": {
                    "name": "copy",
                    "labels": {"chandlery.dev/uid": app.uid, "chandlery.dev/instance": DATABASE},
                    "annotations": {"chandlery.dev/reset-by-job": format!("{by:032x}")},
                },
                "spec": {"backoffLimit": 0, "template": {"spec": {
                    "restartPolicy": "Never", "nodeSelector": {}, "containers": [{"name": "copy", "image": "docker.io/library/web:1"}],
                }}},
            }))
            .unwrap()
        };
        let jobs = api::<KubernetesJob>(&app);
        let seen = jobs.create(&PostParams::default(), &begun(app.id + 1)).await.unwrap();
        // So that it is still there to be looked at when the reset is over.
        let mut job = job;
        job["app"]["inventory"].as_array_mut().unwrap().push(
            json!({"api_version": "batch/v1", "kind": "Job", "namespace": app.namespace, "name": "copy"}),
        );
        let (done, _) = run(&runner, job.clone()).await;
        assert_done(&done);
        assert_eq!(jobs.get("copy").await.unwrap().uid(), seen.uid(), "the same Job");

        job["id"] = json!(app.id + 2);
        let (next, _) = run(&runner, job).await;
        assert_done(&next);
        assert_ne!(jobs.get("copy").await.unwrap().uid(), seen.uid(), "the next reset runs it anew");
        jobs.delete("copy", &DeleteParams::background()).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn production_is_never_reset() {
    with_app(|app| async move {
        let runner = runner();
        let (deployed, _) = run(&runner, app.job("deploy")).await;
        let volume = claim(&app).await;
        for mode in ["empty", "manifests"] {
            let mut job = reset(&app, mode, &deployed);
            job["app"]["environment"] = json!("live");
            job["app"]["is_production"] = json!(true);
            let (outcome, _) = run(&runner, job).await;
            assert_eq!(outcome.state, OutcomeState::Failed);
            assert_eq!(outcome.error.unwrap().code.as_str(), "reset_refused");
        }
        assert_eq!(claim(&app).await, volume);
    })
    .await;
}
