//! What is told of an app's objects, with the ends of the logs of what fails.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};

use super::counting::Door;
use super::late::runner_behind;
use super::*;
use chandlery::odoo::contract::{Health, ObjectSeen};

/// One of the app's objects as a job has told it.
fn object(outcome: &Outcome, kind: &str) -> ObjectSeen {
    let seen = outcome.result.observation.as_ref().unwrap();
    let objects = seen.objects.as_ref().unwrap();
    let found = objects.iter().find(|seen| seen.object.kind == kind);
    found.unwrap_or_else(|| panic!("{objects:?}")).clone()
}

/// A pod that fails again and again; the log of a simulated one is the test's own.
async fn fail(app: &App) {
    let pods: Api<Pod> = Api::namespaced(app.client.clone(), &app.namespace);
    let status = Patch::Merge(json!({"status": {"containerStatuses": [{
        "name": "web", "image": "", "imageID": "", "ready": false, "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1}},
    }]}}));
    for pod in pods.list(&ListParams::default()).await.unwrap() {
        let name = pod.name_any();
        pods.patch_status(&name, &PatchParams::default(), &status)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_tells_each_object_and_the_end_of_the_log_of_what_fails_without_a_secret() {
    with_app(|app| async move {
        let (deployed, _) = run(&runner(), app.job("deploy")).await;
        assert_done(&deployed);
        let web = object(&deployed, "Deployment");
        assert_eq!((web.health, web.log.as_str()), (Health::Current, ""));
        assert!(web.created_at.is_some());
        assert_eq!(object(&deployed, "ConfigMap").health, Health::Current);

        let mut job = app.job("deploy");
        job["config_map"][2]["value"] = json!("{kind: none}");
        let door = Door::open(app.client.clone(), Duration::ZERO).await;
        let mut impatient = settings();
        impatient.deploy.ready_seconds = 1;
        let (failed, _) = run(&runner_behind(&door, impatient), after(job, &deployed)).await;
        assert_eq!(failed.error.unwrap().code.as_str(), "not_ready");
        fail(&app).await;
        let secrets: Api<Secret> = Api::namespaced(app.client.clone(), &app.namespace);
        let generated = secrets
            .get("chandlery-generated")
            .await
            .unwrap()
            .data
            .unwrap();
        let generated = String::from_utf8(generated.into_values().next().unwrap().0).unwrap();
        *door.log.lock().unwrap() =
            Some(format!("as hunter2-hunter2\nor {generated}\nno database\n"));

        let mut job = app.job("refresh");
        job["secret"] = json!([
            {"key": "set", "type": "string", "value": "hunter2-hunter2", "generate": null},
        ]);
        let (refreshed, _) = run(&runner_behind(&door, settings()), job).await;
        assert_done(&refreshed);
        let web = object(&refreshed, "Deployment");
        assert_eq!(web.health, Health::InProgress, "{web:?}");
        assert!(!web.message.is_empty());
        assert!(
            web.log.contains("/web\n") && web.log.ends_with("no database"),
            "{web:?}"
        );
        for secret in ["hunter2", &generated] {
            assert!(!web.log.contains(secret), "{}", web.log);
        }
        assert_eq!(object(&refreshed, "ConfigMap").log, "");
    })
    .await;
}
