//! Compare: what Apply would change, from a server-side dry run.

use chandlery::odoo::contract::{Diff, DiffAction};

use super::*;

fn diff(outcome: Outcome) -> Diff {
    assert_done(&outcome);
    outcome.result.diff.unwrap()
}

fn actions(diff: &Diff) -> Vec<(&str, DiffAction)> {
    let objects = diff.objects.iter();
    objects
        .map(|object| (object.object.as_str(), object.action))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_deploy_everything_would_be_created_and_nothing_is() {
    with_app(|app| async move {
        let (outcome, steps) = run(&runner(), app.job("diff")).await;
        let words = message(&steps, StepCode::Comparing);
        assert!(
            words.contains("is not there yet: all of 5 objects would be created"),
            "{words}"
        );
        let diff = diff(outcome);
        assert!(
            diff.objects
                .iter()
                .all(|object| object.action == DiffAction::Create)
        );
        assert_eq!((diff.objects.len(), diff.unchanged), (5, 0));
        let settings = &diff.objects[0];
        assert_eq!(settings.object, "ConfigMap settings");
        assert!(
            settings.text.contains("+  title: The web\n"),
            "{}",
            settings.text
        );
        assert!(
            settings.text.contains("+  password: ••••••\n"),
            "{}",
            settings.text
        );
        let namespaces: Api<Namespace> = Api::all(app.client.clone());
        assert!(namespaces.get_opt(&app.namespace).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_shows_what_would_change_and_go_and_changes_nothing() {
    with_app(|app| async move {
        let runner = runner();
        let mut job = app.job("deploy");
        job["secret"] = json!([{"key": "postgres_password", "type": "string", "value": "old-hunter2", "generate": null}]);
        let (deployed, _) = run(&runner, job.clone()).await;
        assert_done(&deployed);
        let mut job = after(job, &deployed);
        job["kind"] = json!("diff");

        let (same, steps) = run(&runner, job.clone()).await;
        assert_eq!(
            message(&steps, StepCode::Comparing),
            "Nothing would change; 5 objects stay as they are"
        );
        assert_eq!(actions(&diff(same)), []);

        let config_maps: Api<ConfigMap> = Api::namespaced(app.client.clone(), &app.namespace);
        let before = config_maps.get("settings").await.unwrap();
        job["config_map"][0]["value"] = json!("Another title");
        job["secret"][0]["value"] = json!("new-hunter3");
        app.serve(
            "less.yml",
            common::WORKLOAD.split("\n---\napiVersion: networking").next().unwrap(),
        )
        .await;
        job["manifests"][1]["url"] = json!(format!("{}/less.yml", app.server.uri()));
        let (outcome, steps) = run(&runner, job).await;
        assert!(!serde_json::to_string(&outcome).unwrap().contains("hunter"));
        assert_eq!(message(&steps, StepCode::Comparing), "1 changed, 1 removed, 3 unchanged");
        let diff = diff(outcome);
        assert_eq!(
            actions(&diff),
            [("ConfigMap settings", DiffAction::Change), ("Ingress web", DiffAction::Delete)]
        );
        let text = &diff.objects[0].text;
        assert!(text.starts_with("@@ "), "{text}");
        for line in ["-  title: The web\n", "+  title: Another title\n", "+  password: •••••• (changed)\n"] {
            assert!(text.contains(line), "{text}");
        }
        for noise in ["managedFields", "resourceVersion", "status"] {
            assert!(!text.contains(noise), "{text}");
        }
        let now = config_maps.get("settings").await.unwrap();
        assert_eq!(now.metadata.resource_version, before.metadata.resource_version);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_server_would_refuse_is_named_before_anything_is_applied() {
    with_app(|app| async move {
        let runner = runner();
        let (deployed, _) = run(&runner, app.job("deploy")).await;
        assert_done(&deployed);
        app.serve(
            "misspelt.yml",
            &common::WORKLOAD.replace("nodeSelector", "nodeSelektor"),
        )
        .await;
        let mut job = after(app.job("diff"), &deployed);
        job["manifests"][1]["url"] = json!(format!("{}/misspelt.yml", app.server.uri()));
        let (outcome, _) = run(&runner, job).await;
        assert_eq!(outcome.state, OutcomeState::Failed);
        let error = outcome.error.unwrap();
        assert_eq!(error.object.as_deref(), Some("Deployment/web"));
        assert!(error.line.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_of_a_stopped_app_shows_that_apply_starts_it() {
    with_app(|app| async move {
        let runner = runner();
        let (deployed, _) = run(&runner, app.job("deploy")).await;
        assert_done(&deployed);
        let (stopped, _) = run(&runner, after(app.job("stop"), &deployed)).await;
        assert_done(&stopped);
        let (outcome, _) = run(&runner, after(app.job("diff"), &deployed)).await;
        let diff = diff(outcome);
        assert_eq!(actions(&diff), [("Deployment web", DiffAction::Change)]);
        let text = &diff.objects[0].text;
        assert!(text.contains("-  replicas: 0\n+  replicas: 1\n"), "{text}");
    })
    .await;
}
