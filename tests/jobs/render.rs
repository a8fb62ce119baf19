//! `chandlery render --diff` beside a deploy by the worker.

use std::process::Output;

use super::*;

async fn diff(app: &App, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_chandlery"));
    let uri = app.server.uri();
    command
        .args(["render", "--diff", "-n", &app.namespace])
        .arg("--kubeconfig")
        .arg(common::kubeconfig())
        .args(arguments)
        .args([format!("{uri}/config.yml"), format!("{uri}/workload.yml")])
        .output()
        .await
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_apply_would_do_is_shown_and_not_done() {
    with_app(|app| async move {
        let mut job = app.job("deploy");
        job["secret"] = json!([{"key": "postgres_password", "type": "string", "value": "old-hunter2", "generate": null}]);
        let host = format!("hostname={}.apps.localhost", app.namespace);
        let same = [
            "-e", "title='The web' image=docker.io/library/web:1 ingress_class=traefik",
            "-e", "{node_selector: {}}", "-e", &host, "-e", "postgres_password=old-hunter2",
        ];

        let new = diff(&app, &same).await;
        assert_eq!(new.status.code(), Some(1), "{new:?}");
        assert!(text(&new.stdout).contains("ConfigMap settings would be created"), "{new:?}");
        assert!(text(&new.stdout).contains("all of 5 objects would be created"), "{new:?}");
        assert!(!text(&new.stdout).contains("hunter"), "{new:?}");

        let (deployed, _) = run(&runner(), job).await;
        assert_done(&deployed);
        let unchanged = diff(&app, &same).await;
        assert_eq!(unchanged.status.code(), Some(0), "{unchanged:?}");
        assert!(text(&unchanged.stdout).starts_with("Nothing would change"), "{unchanged:?}");

        let changed = [&same[..], &["-e", "title=Other", "-e", "postgres_password=new-hunter3"]].concat();
        let changed = diff(&app, &changed).await;
        assert_eq!(changed.status.code(), Some(1), "{changed:?}");
        for line in ["-  title: The web\n", "+  title: Other\n", "•••••• (changed)"] {
            assert!(text(&changed.stdout).contains(line), "{changed:?}");
        }
        assert!(!text(&changed.stdout).contains("hunter"), "{changed:?}");

        app.serve("workload.yml", &common::WORKLOAD.replace("nodeSelector", "nodeSelektor")).await;
        let refused = diff(&app, &same).await;
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(text(&refused.stderr).contains("nodeSelektor: {{ node_selector }}"), "{refused:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_is_not_what_it_is_pinned_to_ends_before_anything_is_rendered_and_is_told_with_its_files()
 {
    with_app(|app| async move {
        let runner = runner();
        let text = "{% include 'x.j2' %}{% include 'y.j2' ignore missing %}";
        app.serve("pinned.yml", text).await;
        app.serve("x.j2", common::CONFIG).await;
        let mut job = app.job("deploy");
        let url = format!("{}/pinned.yml", app.server.uri());
        let pinned = |pin: Value| json!([{"id": 1, "title": "Pinned", "url": url, "pin": pin}]);
        job["manifests"] = pinned(Value::Null);
        let (first, _) = run(&runner, job.clone()).await;
        assert_done(&first);
        let seen = &first.result.manifests[0];
        assert_eq!(seen.files.len(), 1);
        assert_eq!(
            (seen.files[0].name.as_str(), seen.files[0].content.as_str()),
            ("x.j2", common::CONFIG)
        );
        job["manifests"] = pinned(json!(seen.digest));
        let (again, _) = run(&runner, after(job.clone(), &first)).await;
        assert_done(&again);

        // The file alone is another one.
        app.serve("x.j2", &common::CONFIG.replace("settings", "other"))
            .await;
        for kind in ["deploy", "diff"] {
            job["kind"] = json!(kind);
            let (changed, steps) = run(&runner, after(job.clone(), &first)).await;
            assert_eq!(changed.state, OutcomeState::Failed);
            let error = changed.error.unwrap();
            assert_eq!(
                (error.code.as_str(), error.retry),
                ("manifest_changed", false)
            );
            assert!(error.message.contains(&seen.digest), "{error}");
            assert_eq!(steps.last().unwrap().code, StepCode::Fetching);
            let now = &changed.result.manifests[0];
            assert!(error.message.contains(&now.digest), "{error}");
            assert!(now.files[0].content.contains("name: other"));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_whose_content_comes_with_the_job_is_used_as_it_was_whatever_is_at_its_url_now()
{
    with_app(|app| async move {
        let runner = runner();
        app.serve(
            "kept.yml",
            "{% include 'x.j2' %}{% include 'y.j2' ignore missing %}",
        )
        .await;
        app.serve("x.j2", common::CONFIG).await;
        let mut job = app.job("deploy");
        let url = format!("{}/kept.yml", app.server.uri());
        job["manifests"] = json!([{"id": 1, "title": "Kept", "url": url, "pin": null}]);
        let (first, _) = run(&runner, job.clone()).await;
        assert_done(&first);
        let seen = &first.result.manifests[0];

        app.serve("kept.yml", "nothing: of that kind").await;
        app.serve("x.j2", "").await;
        app.serve("y.j2", "kind: Unknown").await;
        let content = json!({"text": seen.content, "files": seen.files});
        job["manifests"][0]["pin"] = json!(seen.digest);
        job["manifests"][0]["content"] = content;
        let (again, steps) = run(&runner, after(job.clone(), &first)).await;
        assert_done(&again);
        assert_eq!(again.result.objects.unchanged, first.result.objects.created);
        assert_eq!(again.result.manifests, []);
        assert!(message(&steps, StepCode::Fetching).starts_with("1 manifest, "));

        job["manifests"][0]["content"]["text"] = json!("something: else");
        let (other, _) = run(&runner, after(job, &first)).await;
        assert_eq!(other.error.unwrap().code.as_str(), "manifest_changed");
    })
    .await;
}
