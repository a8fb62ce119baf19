//! `chandlery check`: one line per thing the worker needs; each wrong thing provoked.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const KEY: &str = "0123456789abcdef";
const MAILGUN_KEY: &str = "key-fedcba9876543210";

/// Odoo and an API server as `check` sees them, and a folder for the settings.
struct Scene {
    odoo: MockServer,
    cluster: MockServer,
    folder: tempfile::TempDir,
}

impl Scene {
    /// Everything works.
    async fn good() -> Self {
        let scene = Self::with(|_| true).await;
        scene.odoo_knows(json!([])).await;
        scene
    }

    async fn with(allowed: fn(&Value) -> bool) -> Self {
        let cluster = MockServer::start().await;
        let version = json!({
            "major": "1", "minor": "35", "gitVersion": "v1.35.4", "gitCommit": "", "gitTreeState": "", "buildDate": "",
            "goVersion": "", "compiler": "", "platform": "",
        });
        Mock::given(path("/version"))
            .respond_with(ResponseTemplate::new(200).set_body_json(version))
            .mount(&cluster)
            .await;
        Mock::given(path(
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        ))
        .respond_with(move |request: &Request| {
            let mut review: Value = request.body_json().unwrap();
            review["status"] = json!({"allowed": allowed(&review["spec"]["resourceAttributes"])});
            ResponseTemplate::new(201).set_body_json(review)
        })
        .mount(&cluster)
        .await;
        let scene = Self {
            odoo: MockServer::start().await,
            cluster,
            folder: tempfile::tempdir().unwrap(),
        };
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "demo",
            "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "demo"}}],
            "clusters": [{"name": "demo", "cluster": {"server": scene.cluster.uri()}}],
            "users": [{"name": "demo", "user": {}}],
        });
        std::fs::write(scene.kubeconfig(), kubeconfig.to_string()).unwrap();
        scene
    }

    async fn odoo_knows(&self, unknown_clusters: Value) {
        let answer = json!({"jsonrpc": "2.0", "id": "claim", "result": {
            "database": "5f0c1a52-c5f0-11f0-8de9-0242ac120002", "lease_seconds": 60, "poll_seconds": 5, "wake": null,
            "unknown_clusters": unknown_clusters, "jobs": [],
        }});
        Mock::given(method("POST"))
            .and(path("/kubernetes_hosting/worker/claim"))
            .and(header("Authorization", format!("Bearer {KEY}").as_str()))
            .respond_with(move |request: &Request| {
                let claim: Value = request.body_json().unwrap();
                assert_eq!(claim["params"]["capacity"], 0, "a check takes no job");
                ResponseTemplate::new(200).set_body_json(&answer)
            })
            .mount(&self.odoo)
            .await;
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    fn settings(&self) -> String {
        format!(
            "[odoo]\nurl = '{}'\n[clusters.demo]\nkubeconfig = '{}'\n",
            self.odoo.uri(),
            self.kubeconfig().display()
        )
    }

    /// Runs `check`; returns exit status and lines, and makes sure that the key is nowhere.
    async fn check(&self, settings: &str) -> (i32, String) {
        let file = self.folder.path().join("chandlery.toml");
        std::fs::write(&file, settings).unwrap();
        let output = chandlery(&file).await;
        let text =
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        for key in [KEY, MAILGUN_KEY] {
            assert!(!text.contains(key), "{text}");
        }
        (output.status.code().unwrap(), text)
    }
}

async fn chandlery(file: &Path) -> Output {
    let file = file.to_owned();
    tokio::task::spawn_blocking(move || {
        Command::cargo_bin("chandlery")
            .unwrap()
            .args(["check", "--config"])
            .arg(file)
            .env("CHANDLERY_ODOO__KEY", KEY)
            .output()
            .unwrap()
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_is_well_every_line_says_ok() {
    let scene = Scene::good().await;
    let (status, text) = scene.check(&scene.settings()).await;
    let expected = format!(
        "ok     settings: read\n\
         ok     Odoo: {} answers and accepts the key\n\
         ok     database: 5f0c1a52-c5f0-11f0-8de9-0242ac120002\n\
         ok     Mailgun: no key is set; Odoo sends invitations by its own outgoing mail\n\
         ok     cluster demo: {}/ answers, Kubernetes v1.35.4\n\
         ok     cluster demo, permissions: the worker may do all it needs\n\
         ok     cluster demo: known to Odoo\n",
        scene.odoo.uri(),
        scene.cluster.uri()
    );
    assert_eq!((status, text.as_str()), (0, expected.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_named() {
    let scene = Scene::good().await;
    let (status, text) = scene
        .check(&format!("[worker]\ncapacity = 0\n{}", scene.settings()))
        .await;
    assert_eq!(status, 1);
    assert!(text.starts_with("wrong  settings: "), "{text}");
    assert!(
        text.contains("chandlery.toml: worker.capacity: 0 is not between 1 and 1000"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn odoo_that_does_not_answer_is_named_and_the_rest_is_checked_all_the_same() {
    let scene = Scene::good().await;
    let settings = scene
        .settings()
        .replace(&scene.odoo.uri(), "http://127.0.0.1:1");
    let (status, text) = scene.check(&settings).await;
    assert_eq!(status, 1);
    assert!(
        text.contains(
            "wrong  Odoo: Odoo at http://127.0.0.1:1/ does not answer: Connection refused"
        ),
        "{text}"
    );
    assert!(text.contains("         Check odoo.url"), "{text}");
    assert!(text.contains("ok     cluster demo: "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_key_is_named_with_the_way_to_a_new_one() {
    let scene = Scene::with(|_| true).await;
    let answer = json!({"jsonrpc": "2.0", "id": "claim", "error": {"code": 0, "message": "Odoo Server Error", "data": {
        "name": "werkzeug.exceptions.Unauthorized", "message": "401 Unauthorized", "debug": "Traceback",
    }}});
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&scene.odoo)
        .await;
    let (status, text) = scene.check(&scene.settings()).await;
    assert_eq!(status, 1);
    assert!(text.contains("does not accept the worker key"), "{text}");
    assert!(text.contains("Create Key"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_addon_or_database_is_named() {
    let scene = Scene::with(|_| true).await;
    Mock::given(method("POST"))
        .respond_with(
            ResponseTemplate::new(404).set_body_raw("<html>No database is selected", "text/html"),
        )
        .mount(&scene.odoo)
        .await;
    let (status, text) = scene.check(&scene.settings()).await;
    assert_eq!(status, 1);
    assert!(
        text.contains("does not know the worker's calls (404 Not Found)"),
        "{text}"
    );
    assert!(text.contains("set odoo.database"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_odoo_does_not_know_is_named() {
    let scene = Scene::with(|_| true).await;
    scene.odoo_knows(json!(["demo"])).await;
    let (status, text) = scene.check(&scene.settings()).await;
    assert_eq!(status, 1);
    assert!(
        text.contains("wrong  cluster demo: Odoo has no cluster named 'demo' for this worker."),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_that_is_missing_or_lacks_the_context_is_named() {
    let scene = Scene::good().await;
    let settings = scene
        .settings()
        .replace("kubeconfig = '", "kubeconfig = '/nowhere");
    let (status, text) = scene.check(&settings).await;
    assert_eq!(status, 1);
    assert!(
        text.contains("wrong  cluster demo: The kubeconfig /nowhere"),
        "{text}"
    );

    let (status, text) = scene
        .check(&format!("{}context = 'other'\n", scene.settings()))
        .await;
    assert_eq!(status, 1);
    assert!(
        text.contains("wrong  cluster demo: ") && text.contains("other"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_does_not_answer_is_named() {
    let scene = Scene::good().await;
    let kubeconfig = std::fs::read_to_string(scene.kubeconfig()).unwrap();
    std::fs::write(
        scene.kubeconfig(),
        kubeconfig.replace(&scene.cluster.uri(), "http://127.0.0.1:1"),
    )
    .unwrap();
    let (status, text) = scene.check(&scene.settings()).await;
    assert_eq!(status, 1);
    assert!(
        text.contains("wrong  cluster demo: ") && text.contains("127.0.0.1:1"),
        "{text}"
    );
    assert!(text.contains("ok     Odoo: "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_that_the_worker_lacks_are_named() {
    let scene =
        Scene::with(|asked| asked["resource"] != "ingresses" || asked["verb"] == "get").await;
    scene.odoo_knows(json!([])).await;
    let (status, text) = scene.check(&scene.settings()).await;
    assert_eq!(status, 1);
    assert!(
        text.contains(
            "wrong  cluster demo, permissions: The worker may not: list ingresses.networking.k8s.io"
        ),
        "{text}"
    );
    assert!(text.contains("config/rbac.yaml"), "{text}");
}

/// Mailgun's API with this answer to the list of domains, and settings that lead to it.
async fn mailgun(scene: &Scene, answer: ResponseTemplate) -> (MockServer, String) {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/v4/domains"))
        .respond_with(answer)
        .mount(&server)
        .await;
    let key = scene.folder.path().join("mailgun-key");
    std::fs::write(&key, format!("{MAILGUN_KEY}\n")).unwrap();
    let settings = format!(
        "[mailgun]\nregion = 'eu'\nkey_file = '{}'\nurl = '{}'\n{}",
        key.display(),
        server.uri(),
        scene.settings()
    );
    (server, settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailgun_key_that_works_is_said_so_and_never_shown() {
    let scene = Scene::good().await;
    let answer = json!({"total_count": 12, "items": []});
    let (server, settings) =
        mailgun(&scene, ResponseTemplate::new(200).set_body_json(answer)).await;
    let (status, text) = scene.check(&settings).await;
    assert_eq!(status, 0, "{text}");
    let line = format!(
        "ok     Mailgun: {} answers and accepts the key; domains in the region eu: 12\n",
        server.uri()
    );
    assert!(text.contains(&line), "{text}");
    let asked = &server.received_requests().await.unwrap()[0];
    assert_eq!(asked.url.query(), Some("limit=1"));
    assert!(
        asked.headers["authorization"]
            .to_str()
            .unwrap()
            .starts_with("Basic ")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailgun_key_that_does_not_work_is_named_with_the_way_out() {
    let scene = Scene::good().await;
    let refused = ResponseTemplate::new(401).set_body_string("Forbidden");
    let (_server, settings) = mailgun(&scene, refused).await;
    let (status, text) = scene.check(&settings).await;
    assert_eq!(status, 1);
    assert!(
        text.contains("wrong  Mailgun: Could not list the account's domains: Mailgun does not accept the API key."),
        "{text}"
    );
    assert!(
        text.contains("A domain's sending key is not enough"),
        "{text}"
    );
    assert!(
        text.contains("ok     cluster demo: known to Odoo"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_to_publish_dns_records_is_asked_for_only_with_mailgun() {
    let scene = Scene::with(|asked| asked["resource"] != "dnsendpoints").await;
    scene.odoo_knows(json!([])).await;
    assert_eq!(scene.check(&scene.settings()).await.0, 0);
    let answer = json!({"total_count": 0, "items": []});
    let (_server, settings) =
        mailgun(&scene, ResponseTemplate::new(200).set_body_json(answer)).await;
    let (status, text) = scene.check(&settings).await;
    assert_eq!(status, 1);
    assert!(
        text.contains("The worker may not: get dnsendpoints.externaldns.k8s.io, list dnsendpoints"),
        "{text}"
    );
}
