//! "An app is itself and nobody else": what another app has left in the cluster is never this app's.

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};

use super::*;

/// Newcomer's diary, 4: after a restore Carol's new app got Bob's id, name, and with them his namespace and password.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_a_new_app_of_the_same_name_and_id_gets_neither_namespace_nor_password() {
    with_app(|bob| async move {
        let runner = runner();
        let (deployed, _) = run(&runner, bob.job("deploy")).await;
        assert_done(&deployed);
        let secrets: Api<Secret> = Api::namespaced(bob.client.clone(), &bob.namespace);
        let his = secrets.get("chandlery-generated").await.unwrap();
        let namespaces: Api<Namespace> = Api::all(bob.client.clone());
        let namespace = namespaces.get(&bob.namespace).await.unwrap();

        for kind in [
            "deploy", "diff", "reset", "password", "refresh", "stop", "start", "restart", "delete",
        ] {
            let mut job = bob.job(kind);
            job["app"]["uid"] = json!(uuid::Uuid::new_v4().simple().to_string());
            job["options"] = json!({
                "keep_volumes": false, "reset": "empty", "key": "postgres_password",
                "public_key": "BGsX0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tKfA+eFivOM1drMV7Oy7ZAaDe/UfU=",
            });
            let (refused, _) = run(&runner, job).await;
            assert_eq!(refused.state, OutcomeState::Failed, "{kind}");
            assert_eq!(refused.error.unwrap().code.as_str(), "namespace_foreign", "{kind}");
            assert_eq!(refused.result.password, None, "{kind}");
        }

        let after = secrets.get("chandlery-generated").await.unwrap();
        assert_eq!(after, his);
        let after = namespaces.get(&bob.namespace).await.unwrap();
        assert_eq!(after.metadata.resource_version, namespace.metadata.resource_version);
    })
    .await;
}

/// What an older version of Chandlery has left: no uid on the namespace, and none on what is in it.
async fn forget_uids(app: &App) {
    let patch = Patch::Merge(json!({"metadata": {"labels": {"chandlery.dev/uid": null}}}));
    let (params, of) = (PatchParams::default(), &app.namespace);
    let namespaces: Api<Namespace> = Api::all(app.client.clone());
    namespaces.patch(of, &params, &patch).await.unwrap();
    let secrets: Api<Secret> = Api::namespaced(app.client.clone(), of);
    secrets
        .patch("chandlery-generated", &params, &patch)
        .await
        .unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(app.client.clone(), of);
    maps.patch("settings", &params, &patch).await.unwrap();
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(app.client.clone(), of);
    claims.patch("data", &params, &patch).await.unwrap();
    let deployments: Api<Deployment> = Api::namespaced(app.client.clone(), of);
    deployments.patch("web", &params, &patch).await.unwrap();
}

/// The job by which an operator takes the namespace over that `look` has shown.
async fn adopt(app: &App, runner: &Runner) -> Value {
    let look = runner
        .look(
            "demo",
            DATABASE,
            Namespaces::AllBut(&BTreeSet::new()),
            &Default::default(),
        )
        .await
        .unwrap();
    let namespaces = look.complete.unwrap().namespaces;
    let seen = namespaces
        .into_iter()
        .find(|seen| seen.namespace == app.namespace);
    let seen = seen.expect("the look names every namespace of the database");
    let mut job = app.job("adopt");
    job["options"] = json!({"found": {"object": seen.object, "uid": seen.uid, "app": seen.app}});
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_before_uids_is_taken_over_once_and_the_next_apply_changes_nothing_else() {
    with_app(|app| async move {
        let runner = runner();
        let (deployed, _) = run(&runner, app.job("deploy")).await;
        assert_done(&deployed);
        let secrets: Api<Secret> = Api::namespaced(app.client.clone(), &app.namespace);
        let password = secrets.get("chandlery-generated").await.unwrap().data;
        forget_uids(&app).await;

        let (refused, _) = run(&runner, after(app.job("deploy"), &deployed)).await;
        let error = refused.error.unwrap();
        assert_eq!(error.code.as_str(), "namespace_foreign");
        assert!(error.hint.unwrap().contains("Namespaces Found"));
        let look = runner
            .look(
                "demo",
                DATABASE,
                Namespaces::AllBut(&BTreeSet::new()),
                &Default::default(),
            )
            .await
            .unwrap();
        assert!(look.apps.iter().all(|seen| seen.namespace != app.namespace));

        let job = adopt(&app, &runner).await;
        assert_eq!(job["options"]["found"]["uid"], Value::Null);
        let (adopted, steps) = run(&runner, job.clone()).await;
        assert_done(&adopted);
        let said = message(&steps, StepCode::Adopting);
        assert!(said.contains(&app.namespace), "{said}");
        assert_eq!(
            adopted.result.observation.unwrap().state,
            ObservedState::Running
        );
        let ours = ListParams::default().labels(&format!("chandlery.dev/uid={}", app.uid));
        let claims: Api<PersistentVolumeClaim> =
            Api::namespaced(app.client.clone(), &app.namespace);
        assert_eq!(claims.list(&ours).await.unwrap().items.len(), 1);
        let secret = secrets.get("chandlery-generated").await.unwrap();
        assert_eq!(secret.labels()["chandlery.dev/uid"], app.uid);

        // The same job again, as after a worker that was killed, does no harm.
        let (again, _) = run(&runner, job).await;
        assert_done(&again);
        let (applied, _) = run(&runner, after(app.job("deploy"), &deployed)).await;
        assert_done(&applied);
        assert_eq!(applied.result.objects.created, 0);
        assert_eq!(
            secrets.get("chandlery-generated").await.unwrap().data,
            password
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_very_namespace_that_the_operator_saw_is_taken_over() {
    with_app(|app| async move {
        let runner = runner();
        let (deployed, _) = run(&runner, app.job("deploy")).await;
        assert_done(&deployed);
        let chosen = adopt(&app, &runner).await;
        let newcomer = uuid::Uuid::new_v4().simple().to_string();

        // Made anew since, of another app than was seen, seen without a uid: not what was chosen.
        for found in [
            json!({"object": "another", "uid": app.uid, "app": app.id}),
            json!({"object": chosen["options"]["found"]["object"], "uid": "0".repeat(32), "app": app.id}),
            json!({"object": chosen["options"]["found"]["object"], "uid": null, "app": app.id}),
        ] {
            let mut job = chosen.clone();
            job["app"]["uid"] = json!(newcomer);
            job["options"]["found"] = found;
            let (refused, _) = run(&runner, job).await;
            assert_eq!(refused.state, OutcomeState::Failed);
            assert_eq!(refused.error.unwrap().code.as_str(), "namespace_other");
        }
        let (still_his, _) = run(&runner, app.job("refresh")).await;
        assert_done(&still_his);

        // The app that was entered again after a restore gets it, with the passwords that its data needs.
        let mut job = chosen;
        job["app"]["uid"] = json!(newcomer);
        job["app"]["id"] = json!(app.id + 1);
        let (adopted, _) = run(&runner, job).await;
        assert_done(&adopted);
        let (not_his, _) = run(&runner, app.job("refresh")).await;
        assert_eq!(not_his.error.unwrap().code.as_str(), "namespace_foreign");
        let mut deploy = app.job("deploy");
        deploy["app"]["uid"] = json!(newcomer);
        // What its last deploy had brought is known to whoever entered it again.
        assert_eq!(
            adopted.result.inventory.as_ref().unwrap().len(),
            deployed.result.inventory.as_ref().unwrap().len()
        );
        let (applied, _) = run(&runner, deploy).await;
        assert_done(&applied);
        assert_eq!(applied.result.objects.created, 0);
    })
    .await;
}

/// The job by which an operator deletes the namespace that `look` has shown.
async fn removal(app: &App, runner: &Runner) -> Value {
    let mut job = adopt(app, runner).await;
    job["kind"] = json!("remove");
    job["options"]["namespace"] = json!(app.namespace);
    job["app"] = Value::Null;
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_very_namespace_that_the_operator_saw_is_deleted_and_all_that_is_in_it() {
    with_app(|app| async move {
        let runner = runner();
        let (deployed, _) = run(&runner, app.job("deploy")).await;
        assert_done(&deployed);
        let chosen = removal(&app, &runner).await;
        let object = &chosen["options"]["found"]["object"];

        // Made anew since, another app's by now, seen without a uid: not what was chosen.
        for found in [
            json!({"object": "another", "uid": app.uid, "app": app.id}),
            json!({"object": object, "uid": "0".repeat(32), "app": app.id}),
            json!({"object": object, "uid": null, "app": app.id}),
        ] {
            let mut job = chosen.clone();
            job["options"]["found"] = found;
            let (refused, _) = run(&runner, job).await;
            assert_eq!(refused.state, OutcomeState::Failed);
            assert_eq!(refused.error.unwrap().code.as_str(), "namespace_other");
        }
        // Another Odoo database has seen nothing of it, whatever it asks for.
        let job = Job::read(&chosen).unwrap();
        let story = Arc::new(StepLog::new(Arc::default()));
        let refused = runner.run(job, "another database", story).await;
        assert_eq!(refused.error.unwrap().code.as_str(), "namespace_other");
        // Nor is one touched that was never ours.
        let mut others = chosen.clone();
        others["options"]["namespace"] = json!("kube-system");
        let (refused, _) = run(&runner, others).await;
        assert_eq!(refused.error.unwrap().code.as_str(), "namespace_other");
        let (still_there, _) = run(&runner, app.job("refresh")).await;
        assert_done(&still_there);

        let (removed, steps) = run(&runner, chosen.clone()).await;
        assert_done(&removed);
        assert!(removed.result.namespace_deleted);
        let said = message(&steps, StepCode::Deleting);
        assert!(said.contains(&app.namespace), "{said}");
        let namespaces: Api<Namespace> = Api::all(app.client.clone());
        assert!(namespaces.get_opt(&app.namespace).await.unwrap().is_none());
        // The same job again, as after a worker that was killed, finds nothing.
        let (again, _) = run(&runner, chosen).await;
        assert_done(&again);
    })
    .await;
}

/// Job ids repeat after a restore as app ids do: the next reset of that number would find itself done already.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_has_the_id_of_an_earlier_one_is_not_done_by_it() {
    with_app(|app| async move {
        let runner = runner();
        let (deployed, _) = run(&runner, app.job("deploy")).await;
        assert_done(&deployed);
        let claims: Api<PersistentVolumeClaim> =
            Api::namespaced(app.client.clone(), &app.namespace);
        let mut job = after(app.job("reset"), &deployed);
        job["options"] = json!({"reset": "empty"});
        let mut volumes = vec![claims.get("data").await.unwrap().uid()];
        for uid in ["1".repeat(32), "2".repeat(32)] {
            job["uid"] = json!(uid);
            let (reset, _) = run(&runner, job.clone()).await;
            assert_done(&reset);
            volumes.push(claims.get("data").await.unwrap().uid());
        }
        volumes.dedup();
        assert_eq!(volumes.len(), 3, "each reset gave fresh volumes");
    })
    .await;
}
