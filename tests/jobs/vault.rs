//! Values encrypted with ansible-vault: opened on the way into the cluster, and nowhere else.

use super::*;

const MANIFEST: &str = "\
apiVersion: v1
kind: Secret
metadata:
  name: database
stringData:
  password: {{ database_password | to_json }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: plain
data:
  dsn: postgres://odoo:{{ database_password }}@db/shop
";

/// `hunter2`, encrypted by the password `correct horse`.
const ENCRYPTED: &str = "!vault |
  $ANSIBLE_VAULT;1.2;AES256;prod
  3730363137323639373437390a646131356566663666313332333238333935316639303863323961
  376561343832613939386364633232306461616234393538636534326234643035636131390a3361
  636562323739303663353565626231646436366337653333356666323733
";

fn runner_with(password: &str) -> Runner {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let settings = format!(
        "[odoo]\nurl = 'http://127.0.0.1:1'\nkey_file = '{}'\n[clusters.demo]\nkubeconfig = '{}'\n{}[vault.password_files]\nprod = '{}'\n",
        file("key", "key").display(),
        common::worker_kubeconfig().display(),
        MANIFESTS,
        file("password", password).display(),
    );
    Runner::new(&Settings::load(Some(&file("chandlery.toml", &settings))).unwrap()).unwrap()
}

async fn job(app: &App, kind: &str) -> Value {
    app.serve("vault.yml", MANIFEST).await;
    let mut job = app.job(kind);
    job["config_map"] = json!([{"key": "database_password", "type": "yaml", "value": ENCRYPTED}]);
    job["secret"] = json!([]);
    job["manifests"] =
        json!([{"id": 1, "title": "Vault", "url": format!("{}/vault.yml", app.server.uri())}]);
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_value_reaches_the_cluster_in_clear_and_nobody_is_told_of_it() {
    with_app(|app| async move {
        let runner = runner_with("correct horse");
        let (compared, compared_steps) = run(&runner, job(&app, "diff").await).await;
        assert_done(&compared);
        let (deployed, steps) = run(&runner, job(&app, "deploy").await).await;
        assert_done(&deployed);
        let secrets: Api<Secret> = Api::namespaced(app.client.clone(), &app.namespace);
        let data = secrets.get("database").await.unwrap().data.unwrap();
        assert_eq!(data["password"].0, b"hunter2");
        let told = serde_json::to_string(&(compared, compared_steps, deployed, steps)).unwrap();
        for secret in ["hunter2", "aHVudGVyMg", "correct horse"] {
            assert!(!told.contains(secret), "{told}");
        }
        // Nor of one that is going: the next version no longer holds it in clear.
        let mut changed = job(&app, "diff").await;
        app.serve(
            "gone.yml",
            &MANIFEST.replace("postgres://odoo:{{ database_password }}@", ""),
        )
        .await;
        changed["app"]["inventory"] = json!([]);
        changed["manifests"][0]["url"] = json!(format!("{}/gone.yml", app.server.uri()));
        let (compared, _) = run(&runner, changed).await;
        let told = serde_json::to_string(&compared).unwrap();
        assert!(told.contains("-  dsn: ••••••"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_password_a_deploy_ends_with_the_id_it_needs_and_nothing_is_lost() {
    with_app(|app| async move {
        let runner = runner_with("correct horse");
        let (deployed, _) = run(&runner, job(&app, "deploy").await).await;
        assert_done(&deployed);
        let again = after(job(&app, "deploy").await, &deployed);
        let (failed, steps) = run(&runner_with("another"), again).await;
        assert_eq!(failed.state, OutcomeState::Failed);
        let error = failed.error.unwrap();
        assert_eq!(
            (error.code.as_str(), error.line),
            ("template_render", Some(6))
        );
        assert!(
            error.message.contains(
                "`database_password` (config map) is encrypted with ansible-vault (id `prod`)"
            ),
            "{error}"
        );
        assert!(error.hint.unwrap().contains("[vault.password_files]"));
        assert_eq!(steps.last().unwrap().code, StepCode::Rendering);
        assert_eq!(failed.result.inventory, None, "nothing was touched");
        let secrets: Api<Secret> = Api::namespaced(app.client.clone(), &app.namespace);
        assert!(secrets.get_opt("database").await.unwrap().is_some());
    })
    .await;
}
