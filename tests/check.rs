//! `chandlery check`: one line per thing the worker needs; each wrong thing provoked.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path, query_param};
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
    /// Everything works, with exactly the rights that are needed.
    async fn good() -> Self {
        let scene = Self::with(enough).await;
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
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "chandlery-app"}, "rules": rules()});
        Mock::given(path(
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/chandlery-app",
        ))
        .respond_with(ResponseTemplate::new(200).set_body_json(role))
        .mount(&cluster)
        .await;
        Mock::given(method("POST"))
            .and(path("/api/v1/namespaces"))
            .and(query_param("dryRun", "All"))
            .respond_with(|request: &Request| {
                let namespace: Value = request.body_json().unwrap();
                let (metadata, labels) = (&namespace["metadata"], &namespace["metadata"]["labels"]);
                let level = &labels["pod-security.kubernetes.io/enforce"];
                let version = &labels["pod-security.kubernetes.io/enforce-version"];
                let lets_pass = labels.is_object()
                    && metadata["finalizers"].is_null()
                    && level != "privileged"
                    && version.is_null();
                match lets_pass {
                    true => ResponseTemplate::new(201).set_body_json(namespace),
                    false => refused(),
                }
            })
            .with_priority(9)
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
        std::fs::set_permissions(scene.kubeconfig(), Permissions::from_mode(0o600)).unwrap();
        scene
    }

    async fn odoo_knows(&self, unknown_clusters: Value) {
        self.odoo_answers(json!({"result": {
            "contract": 2,
            "database": "5f0c1a52-c5f0-11f0-8de9-0242ac120002", "lease_seconds": 60, "poll_seconds": 5, "wake": null,
            "unknown_clusters": unknown_clusters, "jobs": [],
        }}))
        .await;
    }

    async fn odoo_answers(&self, answer: Value) {
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

/// What the account of config/rbac.yaml may do in the whole cluster.
fn enough(asked: &Value) -> bool {
    let words = [&asked["verb"], &asked["resource"], &asked["name"]];
    match words.map(|word| word.as_str().unwrap_or_default()) {
        [_, "namespaces", _]
        | ["create", "rolebindings", _]
        | ["list", "storageclasses", _]
        | ["get", "ingressclasses", _] => true,
        ["bind", "clusterroles", name] => name == "chandlery-app",
        _ => false,
    }
}

/// The rules of the ClusterRole in config/rbac.yaml.
fn rules() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/rbac.yaml");
    let objects: Vec<Value> =
        serde_saphyr::from_multiple(&std::fs::read_to_string(file).unwrap()).unwrap();
    let role = |object: &&Value| {
        object["kind"] == "ClusterRole" && object["metadata"]["name"] == "chandlery-app"
    };
    objects.iter().find(role).unwrap()["rules"].clone()
}

fn refused() -> ResponseTemplate {
    ResponseTemplate::new(403).set_body_json(json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403,
        "message": "forbidden",
    }))
}

async fn chandlery(file: &Path) -> Output {
    let file = file.to_owned();
    tokio::task::spawn_blocking(move || {
        Command::cargo_bin("chandlery")
            .unwrap()
            .args(["check", "--config"])
            .arg(file)
            .env("CHANDLERY_ODOO__KEY", KEY)
            // Which programs the machine has is nothing that tests hang on.
            .env("PATH", "")
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
         ok     contract: both sides speak version 2\n\
         ok     database: 5f0c1a52-c5f0-11f0-8de9-0242ac120002\n\
         ok     Mailgun: no key is set; Odoo sends invitations by its own outgoing mail\n\
         ok     Helm charts: no helm is found; only manifests of this format need it (artefacts.helm)\n\
         ok     folders for Kustomize: no kustomize is found; only manifests of this format need it (artefacts.kustomize)\n\
         ok     cluster demo: {}/ answers, Kubernetes v1.35.4\n\
         ok     cluster demo, permissions: the worker may do all it needs\n\
         ok     cluster demo, admission policy: the worker is kept to its own namespaces\n\
         ok     cluster demo, Pod Security: the worker makes no pods that reach their nodes\n\
         ok     cluster demo, watching: not allowed (list, watch pods; list, watch services; list, watch persistentvolumeclaims; list, watch deployments.apps; list, watch statefulsets.apps; list, watch daemonsets.apps; list, watch jobs.batch; list, watch cronjobs.batch; list, watch ingresses.networking.k8s.io): each app is looked at every 30 s (worker.observe_seconds); apply config/rbac-watch.yaml to see at once what changes, and to ask for nothing else\n\
         ok     cluster demo, capacity: not told (list nodes; list pods not allowed): Odoo does not show how much is free; apply config/rbac-watch.yaml to let it\n\
         ok     cluster demo: known to Odoo\n",
        scene.odoo.uri(),
        scene.cluster.uri()
    );
    assert_eq!((status, text.as_str()), (0, expected.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tools_of_charts_and_folders_are_run_as_the_worker_runs_them() {
    let scene = Scene::good().await;
    let helm = scene.folder.path().join("helm");
    let settings = |path: &Path| {
        let path = path.display();
        format!("[artefacts]\nhelm = '{path}'\n{}", scene.settings())
    };
    std::fs::write(&helm, "#!/bin/sh\necho v3.19.0\n").unwrap();
    let (status, text) = scene.check(&settings(&helm)).await;
    assert_eq!(status, 0, "{text}");
    let missing = format!(
        "warn   Helm charts: The worker finds no program at {}, where its settings have helm.\n         Install helm",
        helm.display()
    );
    assert!(text.contains(&missing), "it may not be run: {text}");
    std::fs::set_permissions(&helm, Permissions::from_mode(0o755)).unwrap();
    let (_, text) = scene.check(&settings(&helm)).await;
    let found = format!(
        "ok     Helm charts: {} v3.19.0, without network\n",
        helm.display()
    );
    assert!(text.contains(&found), "{text}");
    // It needs another program, and gets none.
    std::fs::write(&helm, "#!/bin/sh\n/bin/echo v3.19.0\n").unwrap();
    let (_, text) = scene.check(&settings(&helm)).await;
    assert!(text.contains("warn   Helm charts: helm says: "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odoo_of_another_version_is_warned_of_and_one_that_does_not_fit_is_wrong() {
    let version = |name: &str| -> Value {
        let file = format!("{}/tests/contract/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    };
    let older = version("v1/claim_response");
    let mut newer = version("claim_response");
    newer["contract"] = json!(7);
    for (answer, status, expected) in [
        (
            json!({"result": older}),
            0,
            "warn   contract: Odoo speaks version 1, this worker version 2.\n         They work together, but for what is new. Update the addons in Odoo.\n",
        ),
        (
            json!({"result": newer}),
            0,
            "warn   contract: Odoo speaks version 7, this worker version 2.\n         They work together, but for what is new. Update the worker.\n",
        ),
        (
            json!({"error": version("version_error")}),
            1,
            "wrong  Odoo: Update the worker: it speaks version 1 of the contract with Odoo, and these addons need version 2 or newer.\n         Odoo's addons and the worker are released together: install those of one release.\n",
        ),
    ] {
        let scene = Scene::with(enough).await;
        scene.odoo_answers(answer).await;
        let (found, text) = scene.check(&scene.settings()).await;
        assert!(text.contains(expected), "{text}");
        assert_eq!(found, status, "{text}");
    }
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
async fn odoo_over_http_is_named_with_the_way_out() {
    let scene = Scene::good().await;
    let settings = scene
        .settings()
        .replace(&scene.odoo.uri(), "http://odoo.example.com");
    let (status, text) = scene.check(&settings).await;
    assert_eq!(status, 1);
    assert!(
        text.contains("odoo.url: 'http://odoo.example.com' would send the worker key"),
        "{text}"
    );
    assert!(
        text.contains("use https://, or set odoo.allow_http = true"),
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

/// Newcomers met "one list of about a hundred verbs".
#[tokio::test(flavor = "multi_thread")]
async fn permissions_that_the_worker_lacks_are_named_by_resource() {
    let scene = Scene::with(|asked| enough(asked) && asked["verb"] != "patch").await;
    scene.odoo_knows(json!([])).await;
    let (status, text) = scene.check(&scene.settings()).await;
    assert_eq!(status, 1);
    assert!(
        text.contains("wrong  cluster demo, permissions: The worker may not: patch namespaces.\n"),
        "{text}"
    );
    assert!(text.contains("config/rbac.yaml"), "{text}");

    let scene = Scene::good().await;
    let role = json!({"metadata": {}, "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]});
    Mock::given(path(
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/chandlery-app",
    ))
    .respond_with(ResponseTemplate::new(200).set_body_json(role))
    .with_priority(1)
    .mount(&scene.cluster)
    .await;
    let (status, text) = scene.check(&scene.settings()).await;
    assert_eq!(status, 1);
    for line in [
        "wrong  cluster demo, permissions: The worker may not:\n",
        "\n         get, list, create, patch, delete configmaps\n",
        "\n         list, create, patch, delete secrets\n",
        "\n         get, list, create, patch, delete ingresses.networking.k8s.io\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_the_role_for_apps_is_told_in_one_sentence() {
    let scene = Scene::with(|asked| enough(asked) && asked["resource"] != "clusterroles").await;
    scene.odoo_knows(json!([])).await;
    let (status, text) = scene.check(&scene.settings()).await;
    assert_eq!(status, 1);
    assert!(
        text.contains(
            "permissions: The worker cannot bind itself to the ClusterRole chandlery-app"
        ),
        "{text}"
    );
}

/// `check` called the administrator's kubeconfig fine.
#[tokio::test(flavor = "multi_thread")]
async fn rights_that_reach_further_than_needed_are_warned_of() {
    let scene = Scene::with(|_| true).await;
    scene.odoo_knows(json!([])).await;
    Mock::given(method("POST"))
        .and(path("/api/v1/namespaces"))
        .respond_with(|request: &Request| {
            let namespace: Value = request.body_json().unwrap();
            ResponseTemplate::new(201).set_body_json(namespace)
        })
        .with_priority(1)
        .mount(&scene.cluster)
        .await;
    let (status, text) = scene.check(&scene.settings()).await;
    assert_eq!(status, 0, "it works: {text}");
    for words in [
        "warn   cluster demo, rights beyond: The worker may do what it never needs:\n",
        "\n         get secrets in kube-system\n",
        "\n         bind clusterroles cluster-admin in the whole cluster\n",
        "Give it the account of config/rbac.yaml",
        "warn   cluster demo, admission policy: Nothing keeps the worker to its own namespaces",
        "Apply config/admission-policy.yaml",
        "warn   cluster demo, Pod Security: Nothing keeps the worker's account from pods that take over their nodes.",
        "apply config/admission-pod-security.yaml",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("watching"), "{text}");
}

/// Policies that say nothing of finalizers, and nothing of the version of the Pod Security Standards.
#[tokio::test(flavor = "multi_thread")]
async fn admission_policies_of_an_earlier_version_are_warned_of() {
    let scene = Scene::good().await;
    Mock::given(method("POST"))
        .and(path("/api/v1/namespaces"))
        .respond_with(|request: &Request| {
            let namespace: Value = request.body_json().unwrap();
            let labels = &namespace["metadata"]["labels"];
            let level = &labels["pod-security.kubernetes.io/enforce"];
            match labels.is_object() && level != "privileged" {
                true => ResponseTemplate::new(201).set_body_json(namespace),
                false => refused(),
            }
        })
        .with_priority(1)
        .mount(&scene.cluster)
        .await;
    let (status, text) = scene.check(&scene.settings()).await;
    assert_eq!(status, 0, "it works: {text}");
    for thing in ["admission policy", "Pod Security"] {
        let line = format!(
            "warn   cluster demo, {thing}: The cluster's policy for the worker's account is one of an earlier version"
        );
        assert!(text.contains(&line), "{line}: {text}");
    }
}

/// Newcomers made it by `kubectl create token`, which ends after an hour.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_before_long_is_warned_of() {
    let scene = Scene::good().await;
    for (hours, warned) in [(1, true), (29 * 24, true), (32 * 24, false)] {
        let end = jiff::Timestamp::now().as_second() + hours * 3600 - 30;
        let claims = URL_SAFE_NO_PAD.encode(json!({"exp": end}).to_string());
        let kubeconfig = std::fs::read_to_string(scene.kubeconfig()).unwrap();
        let mut kubeconfig: Value = serde_json::from_str(&kubeconfig).unwrap();
        kubeconfig["users"][0]["user"]["token"] = json!(format!("e30.{claims}.c2ln"));
        std::fs::write(scene.kubeconfig(), kubeconfig.to_string()).unwrap();
        let (status, text) = scene.check(&scene.settings()).await;
        assert_eq!(status, 0, "{text}");
        let line = "warn   cluster demo, token: The kubeconfig's token ends in ";
        assert_eq!(text.contains(line), warned, "{hours}: {text}");
        assert!(!text.contains(&claims), "{text}");
    }
}

/// Nobody remarked on a key that all may read.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_every_user_of_the_machine_may_read_is_warned_of() {
    let scene = Scene::good().await;
    let key = scene.folder.path().join("odoo-key");
    std::fs::write(&key, KEY).unwrap();
    let settings = scene.settings().replace(
        "[clusters",
        &format!("key_file = '{}'\n[clusters", key.display()),
    );
    let mode = |mode| Permissions::from_mode(mode);
    for file in [&key, &scene.kubeconfig()] {
        for other in [&key, &scene.kubeconfig()] {
            std::fs::set_permissions(other, mode(0o600)).unwrap();
        }
        let line = format!("warn   file {}: Every user", file.display());
        let (_, text) = scene.check(&settings).await;
        assert!(!text.contains("warn "), "{text}");
        std::fs::set_permissions(file, mode(0o640)).unwrap();
        let (_, text) = scene.check(&settings).await;
        assert!(!text.contains("warn "), "a group may be meant: {text}");
        std::fs::set_permissions(file, mode(0o644)).unwrap();
        let (status, text) = scene.check(&settings).await;
        assert!(status == 0 && text.contains(&line), "{text}");
        assert!(
            text.contains(&format!("chmod 600 {}", file.display())),
            "{text}"
        );
    }
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
async fn a_sending_domain_that_cannot_send_is_named_with_the_way_out() {
    let scene = Scene::good().await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({"total_count": 1, "items": []}));
    let (server, settings) = mailgun(&scene, answer).await;
    let settings = settings.replace(
        "[mailgun]",
        "[mailgun]\nsending_domain = 'mail.harbour.example'",
    );
    let domain = |state: &str| {
        let domain = json!({"name": "mail.harbour.example", "state": state});
        ResponseTemplate::new(200).set_body_json(json!({"domain": domain}))
    };
    let none = json!({"message": "Domain not found"});
    let none = ResponseTemplate::new(404).set_body_json(none);
    for (answer, said) in [
        (domain("active"), None),
        (domain("unverified"), Some("is not verified there")),
        (none, Some("is not there")),
    ] {
        let _shown = Mock::given(method("GET"))
            .and(path("/v4/domains/mail.harbour.example"))
            .respond_with(answer)
            .mount_as_scoped(&server)
            .await;
        let (status, text) = scene.check(&settings).await;
        match said {
            None => {
                assert_eq!(status, 0, "{text}");
                assert!(
                    text.contains("; invitations may come from mail.harbour.example\n"),
                    "{text}"
                );
            }
            Some(said) => {
                assert_eq!(status, 1, "{text}");
                let line = format!(
                    "Invitations cannot come from mail.harbour.example: the domain {said} (region eu)."
                );
                assert!(text.contains(&line), "{text}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_to_publish_dns_records_is_asked_for_only_with_mailgun() {
    let scene = Scene::good().await;
    let mut rules = rules();
    rules
        .as_array_mut()
        .unwrap()
        .retain(|rule| rule["resources"] != json!(["dnsendpoints"]));
    Mock::given(path(
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/chandlery-app",
    ))
    .respond_with(ResponseTemplate::new(200).set_body_json(json!({"metadata": {}, "rules": rules})))
    .with_priority(1)
    .mount(&scene.cluster)
    .await;
    assert_eq!(scene.check(&scene.settings()).await.0, 0);
    let answer = json!({"total_count": 0, "items": []});
    let (_server, settings) =
        mailgun(&scene, ResponseTemplate::new(200).set_body_json(answer)).await;
    let (status, text) = scene.check(&settings).await;
    assert_eq!(status, 1);
    assert!(
        text.contains(
            "The worker may not: get, list, create, patch, delete dnsendpoints.externaldns.k8s.io."
        ),
        "{text}"
    );
}
