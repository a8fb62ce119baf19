//! Preview: of a manifest alone, without app and cluster.

use super::*;

fn job(app: &App, manifest: &str) -> Value {
    let mut job = app.job("preview");
    job["cluster"] = Value::Null;
    job["app"] = Value::Null;
    job["manifests"] =
        json!([{"id": 0, "title": "Manifest", "url": format!("{}/{manifest}", app.server.uri())}]);
    job
}

/// A runner that knows no cluster at all.
fn alone() -> Runner {
    Runner::new(&settings()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_needs_no_cluster_and_tells_content_variables_and_objects() {
    with_app(|app| async move {
        let (outcome, steps) = run(&alone(), job(&app, "workload.yml")).await;
        assert_done(&outcome);
        use StepCode::*;
        assert_eq!(
            shown(&steps),
            [Fetching, Rendering].map(|code| (code, StepState::Done))
        );
        let preview = outcome.result.preview.unwrap();
        assert_eq!(preview.content, common::WORKLOAD);
        assert!(preview.digest.starts_with("sha256:"));
        assert_eq!(
            preview.variables,
            ["hostname", "image", "ingress_class", "node_selector"]
        );
        assert_eq!(
            (preview.missing.len(), preview.problems.len()),
            (0, 0),
            "{:?}",
            preview.problems
        );
        let kinds: Vec<&str> = preview
            .objects
            .iter()
            .map(|object| object.kind.as_str())
            .collect();
        assert_eq!(
            kinds,
            ["PersistentVolumeClaim", "Deployment", "Service", "Ingress"]
        );
        assert_eq!(preview.objects[1].name, "web");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_says_which_variables_the_chosen_config_map_lacks_and_where() {
    with_app(|app| async move {
        let mut job = job(&app, "workload.yml");
        job["config_map"] = json!([{"key": "imaeg", "type": "string", "value": "web"}]);
        let (outcome, _) = run(&alone(), job.clone()).await;
        assert_done(&outcome);
        let preview = outcome.result.preview.unwrap();
        assert_eq!(preview.missing, ["image", "node_selector"]);
        let lines: Vec<_> = preview
            .problems
            .iter()
            .map(|problem| problem.line)
            .collect();
        assert_eq!(lines, [Some(23), Some(26)]);
        assert_eq!(
            preview.objects.len(),
            4,
            "what it makes is told all the same"
        );

        job["config_map"] = json!([]);
        job["secret"] = json!([]);
        let (outcome, _) = run(&alone(), job).await;
        let preview = outcome.result.preview.unwrap();
        assert_eq!(preview.missing, ["image", "node_selector"]);
        assert_eq!(
            preview.problems,
            [],
            "where none is chosen that is no fault"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_template_and_one_that_cannot_be_fetched_are_previews_with_problems() {
    with_app(|app| async move {
        app.serve("broken.yml", "a: 1\nb: {{ c | }}\n").await;
        let (outcome, steps) = run(&alone(), job(&app, "broken.yml")).await;
        assert_done(&outcome);
        assert_eq!(steps[1].state, StepState::Warning);
        let preview = outcome.result.preview.unwrap();
        assert_eq!(preview.problems[0].line, Some(2));
        assert!(preview.problems[0].column.is_some());
        assert_ne!(preview.content, "");

        let (outcome, _) = run(&alone(), job(&app, "nowhere.yml")).await;
        assert_done(&outcome);
        let preview = outcome.result.preview.unwrap();
        assert_eq!(preview.problems[0].code.as_str(), "manifest_fetch");
        assert_eq!(
            (preview.content.as_str(), preview.digest.as_str()),
            ("", "")
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_a_reset_manifest_knows_production_and_shows_no_secret() {
    with_app(|app| async move {
        app.serve(
            "reset.yml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: '{{ production.name }}'}\nstringData:\n  p: '{{ production.secrets.postgres_password }}'\n",
        )
        .await;
        let mut job = job(&app, "reset.yml");
        job["secret"][0]["value"] = json!("hunter2hunter2");
        job["secret"][0]["generate"] = Value::Null;
        let (outcome, _) = run(&alone(), app_secret_generated(job)).await;
        assert_done(&outcome);
        assert!(!serde_json::to_string(&outcome).unwrap().contains("hunter2"));
        let preview = outcome.result.preview.unwrap();
        assert_eq!(preview.problems, []);
        assert_eq!(preview.objects[0].name, "example");
    })
    .await;
}

/// The same with a second line that is generated, as production's is.
fn app_secret_generated(mut job: Value) -> Value {
    let mut set = job["secret"][0].clone();
    set["key"] = json!("set");
    job["secret"] = json!([
        set,
        {"key": "postgres_password", "type": "string", "value": null, "generate": {"length": 12, "alphabet": "hex"}},
    ]);
    job
}
