//! Issue 17, number 8: an app moves from one cluster to another. Both are contexts of one API server, told apart by their
//! names and by the app's namespaces.

use super::*;

/// A worker of two clusters.
fn runner_of_both() -> Runner {
    let mut settings = settings();
    settings.deploy.ready_seconds = READY_SECONDS;
    for name in ["demo", "other"] {
        let cluster = Cluster {
            kubeconfig: common::worker_kubeconfig(),
            ..Cluster::default()
        };
        settings.clusters.insert(name.to_owned(), cluster);
    }
    Runner::new(&settings).unwrap()
}

fn there(app: &App) -> String {
    format!("{}-2", app.namespace)
}

/// The app is in `demo` and moves to `other`.
fn move_in(app: &App) -> Value {
    let mut job = app.job("move_in");
    job["id"] = json!(app.id + 1);
    job["cluster"]["name"] = json!("other");
    job["app"]["namespace"] = json!(there(app));
    job["options"] = json!({"from": {"cluster": "demo", "namespace": app.namespace}});
    job
}

async fn passwords(app: &App, namespace: &str) -> Option<Secret> {
    let api: Api<Secret> = Api::namespaced(app.client.clone(), namespace);
    api.get_opt("chandlery-generated").await.unwrap()
}

async fn is_there(app: &App, namespace: &str) -> bool {
    let api: Api<Namespace> = Api::all(app.client.clone());
    api.get_opt(namespace).await.unwrap().is_some()
}

/// What a namespace holds, with the versions that it has.
async fn objects(app: &App, namespace: &str) -> Vec<(String, Option<String>)> {
    let deployments: Api<Deployment> = Api::namespaced(app.client.clone(), namespace);
    let maps: Api<ConfigMap> = Api::namespaced(app.client.clone(), namespace);
    let mut all = Vec::new();
    for object in deployments.list(&Default::default()).await.unwrap() {
        // Its status changes by itself.
        let generation = object.metadata.generation.map(|number| number.to_string());
        all.push((object.metadata.name.unwrap(), generation));
    }
    for object in maps.list(&Default::default()).await.unwrap() {
        all.push((
            object.metadata.name.unwrap(),
            object.metadata.resource_version,
        ));
    }
    all
}

async fn clean_up(app: &App) {
    let api: Api<Namespace> = Api::all(app.client.clone());
    let _ = api.delete(&there(app), &Default::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_moves_with_its_passwords_and_nothing_of_others_is_touched() {
    with_app(|app| async move {
        let runner = runner_of_both();
        let (first, _) = run(&runner, app.job("deploy")).await;
        assert_done(&first);
        let old = passwords(&app, &app.namespace).await.unwrap().data.unwrap();
        let before = objects(&app, &app.namespace).await;

        // Done twice, as after a worker that was killed before it could report.
        let (moved, _) = run(&runner, move_in(&app)).await;
        assert_done(&moved);
        let (again, steps) = run(&runner, after(move_in(&app), &moved)).await;
        assert_done(&again);
        assert!(
            message(&steps, StepCode::Applying).ends_with("nothing changed"),
            "{steps:?}"
        );
        let secret = passwords(&app, &there(&app)).await.unwrap();
        assert_eq!(secret.data.unwrap(), old);
        let labels = secret.metadata.labels.unwrap();
        assert!(labels.values().any(|value| *value == app.uid), "{labels:?}");
        let result = &moved.result;
        assert_eq!(
            result.observation.as_ref().unwrap().state,
            ObservedState::Running
        );
        for object in result.inventory.as_ref().unwrap() {
            assert_eq!(object.namespace.as_deref(), Some(&*there(&app)));
        }
        // The old one still serves.
        assert_eq!(objects(&app, &app.namespace).await, before);

        let stays = objects(&app, &there(&app)).await;
        let mut out = after(app.job("move_out"), &first);
        out["id"] = json!(app.id + 2);
        out["options"] = json!({"keep_volumes": false});
        for _attempt in ["once", "again"] {
            let (left, steps) = run(&runner, out.clone()).await;
            assert_done(&left);
            assert_eq!(
                shown(&steps),
                [
                    (StepCode::Closing, StepState::Done),
                    (StepCode::Deleting, StepState::Done)
                ],
                "the mail domain stays"
            );
            assert!(left.result.namespace_deleted);
            assert!(!is_there(&app, &app.namespace).await);
        }
        assert_eq!(objects(&app, &there(&app)).await, stays);
        assert_eq!(
            passwords(&app, &there(&app)).await.unwrap().data.unwrap(),
            old
        );
        clean_up(&app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_does_not_move_without_its_passwords() {
    with_app(|app| async move {
        let runner = runner_of_both();
        let (outcome, _) = run(&runner, move_in(&app)).await;
        assert_eq!(outcome.state, OutcomeState::Failed);
        let error = outcome.error.unwrap();
        assert!(
            error
                .message
                .starts_with("The app's passwords cannot be read where it moves from: "),
            "{error}"
        );
        assert!(!is_there(&app, &there(&app)).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_does_not_serve_the_old_cluster_says_so() {
    with_app(|app| async move {
        let mut job = move_in(&app);
        job["options"]["from"]["cluster"] = json!("elsewhere");
        let (outcome, _) = run(&runner_of_both(), job).await;
        let error = outcome.error.unwrap();
        assert_eq!(
            error.message,
            "This worker does not serve the cluster 'elsewhere'."
        );
    })
    .await;
}
