//! "An app is itself and nobody else": what another app has left in the cluster is never this app's.

use k8s_openapi::api::core::v1::Secret;

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
            assert_eq!(refused.error.unwrap().code, "namespace_foreign", "{kind}");
            assert_eq!(refused.result.password, None, "{kind}");
        }

        let after = secrets.get("chandlery-generated").await.unwrap();
        assert_eq!(after, his);
        let after = namespaces.get(&bob.namespace).await.unwrap();
        assert_eq!(after.metadata.resource_version, namespace.metadata.resource_version);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_takes_no_passwords_from_a_production_that_is_another_app() {
    with_app(|app| async move {
        with_app(|production| async move {
            let runner = runner();
            let (beside, _) = run(&runner, production.job("deploy")).await;
            assert_done(&beside);
            let (deployed, _) = run(&runner, app.job("deploy")).await;
            assert_done(&deployed);
            let mut job = after(app.job("reset"), &deployed);
            job["options"] = json!({"reset": "manifests"});
            job["reset_manifests"] = json!([job["manifests"][0]]);
            job["production"] = json!({
                "app": production.id, "uid": uuid::Uuid::new_v4().simple().to_string(), "name": "web",
                "namespace": production.namespace, "hostname": "web.apps.localhost", "url": "http://web",
            });
            let (refused, _) = run(&runner, job).await;
            assert_eq!(refused.state, OutcomeState::Failed);
            assert_eq!(refused.error.unwrap().code, "namespace_foreign");
        })
        .await;
    })
    .await;
}
