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
