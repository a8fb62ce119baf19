//! The worker's rights end at its apps' namespaces. With the account that config/ makes, against a real API server:
//! what it needs works, everything else is refused, by RBAC and once more by the admission policy.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::Request;
use chandlery::job::{Namespaces, Runner, StepLog};
use chandlery::kubernetes::permissions::{Kept, NEEDED, NEEDED_CLUSTER_WIDE, NEEDED_FOR_MAIL};
use chandlery::kubernetes::{Access, Cluster, WatchEvent, changes};
use chandlery::odoo::contract::{Job, Outcome, OutcomeState};
use chandlery::policy::POD_SECURITY_VERSION;
use chandlery::settings::{self, Settings};
use common::{App, DATABASE};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, ServiceAccount};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{
    Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, Request as ApiRequest,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

const ACCOUNT: &str = "system:serviceaccount:chandlery:chandlery";
/// Long enough for a busy machine, never waited for in full.
const PATIENCE: Duration = Duration::from_secs(60);

/// The worker's account, with the admission policy in force.
async fn account() -> Cluster {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cluster = connect(common::worker_kubeconfig()).await;
    let until = Instant::now() + PATIENCE;
    while cluster.keeps_to_its_namespaces().await.unwrap() != Kept::Wholly {
        assert!(Instant::now() < until, "the policy is never in force");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    cluster
}

async fn connect(path: std::path::PathBuf) -> Cluster {
    let access = Access::Kubeconfig {
        path,
        context: None,
    };
    Cluster::connect(&access).await.unwrap()
}

async fn config(path: std::path::PathBuf) -> Config {
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap()
}

/// The account with all rights that RBAC can give: what is refused then is refused by the policy.
async fn account_with_all_rights() -> Client {
    account().await;
    let mut config = config(common::kubeconfig()).await;
    config.auth_info.impersonate = Some(ACCOUNT.to_owned());
    config.auth_info.impersonate_groups = Some(vec!["system:masters".to_owned()]);
    Client::try_from(config).unwrap()
}

fn runner(kubeconfig: std::path::PathBuf) -> Runner {
    let mut settings: Settings = toml::from_str("manifests.allow = ['127.0.0.1']").unwrap();
    settings.deploy.ready_seconds = PATIENCE.as_secs();
    let cluster = settings::Cluster {
        kubeconfig,
        ..settings::Cluster::default()
    };
    settings.clusters.insert("demo".to_owned(), cluster);
    Runner::new(&settings).unwrap()
}

async fn run(runner: &Runner, job: Value) -> Outcome {
    let story = Arc::new(StepLog::new(Arc::default()));
    runner.run(Job::read(&job).unwrap(), DATABASE, story).await
}

#[track_caller]
fn assert_done(kind: &str, outcome: &Outcome) {
    assert_eq!(
        outcome.state,
        OutcomeState::Done,
        "{kind}: {:#?}",
        outcome.error
    );
}

/// An app as an earlier version deployed it, whose worker had rights everywhere.
async fn older_app() -> (App, Value) {
    let app = App::new().await;
    let deployed = run(&runner(common::kubeconfig()), app.job("deploy")).await;
    assert_done("deploy", &deployed);
    let inventory = json!(deployed.result.inventory);
    (app, inventory)
}

fn bindings(app: &App) -> Api<RoleBinding> {
    Api::namespaced(app.client.clone(), &app.namespace)
}

/// Takes the binding away, and waits until that counts.
async fn unbind(app: &App) {
    let deleted = bindings(app)
        .delete("chandlery", &DeleteParams::default())
        .await;
    assert!(deleted.is_ok(), "{deleted:?}");
    let client = Client::try_from(config(common::worker_kubeconfig()).await).unwrap();
    let pods = Api::<Pod>::namespaced(client, &app.namespace);
    let until = Instant::now() + PATIENCE;
    while pods.list(&ListParams::default()).await.is_ok() {
        assert!(Instant::now() < until, "the rights never end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_exactly_these_rights_an_app_lives_its_whole_life() {
    account().await;
    let app = App::new().await;
    let runner = runner(common::worker_kubeconfig());
    let mut inventory = json!([]);
    for kind in [
        "deploy", "refresh", "diff", "stop", "start", "restart", "deploy",
    ] {
        let mut job = app.job(kind);
        job["app"]["inventory"] = inventory.clone();
        let outcome = run(&runner, job).await;
        assert_done(kind, &outcome);
        if let Some(left) = outcome.result.inventory {
            inventory = json!(left);
        }
    }
    let binding = bindings(&app).get("chandlery").await.unwrap();
    assert_eq!(binding.role_ref.name, "chandlery-app");
    for keep_volumes in [true, false] {
        let mut job = app.job("delete");
        job["app"]["inventory"] = inventory.clone();
        job["options"] = json!({"keep_volumes": keep_volumes});
        let outcome = run(&runner, job).await;
        assert_done("delete", &outcome);
        assert_eq!(outcome.result.namespace_deleted, !keep_volumes);
        inventory = json!(outcome.result.inventory);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_older_than_the_binding_gets_it_from_whatever_comes_first() {
    account().await;
    let (app, inventory) = older_app().await;
    assert_eq!(bindings(&app).get_opt("chandlery").await.unwrap(), None);
    let runner = runner(common::worker_kubeconfig());

    let only = BTreeSet::from([app.namespace.clone()]);
    let seen = runner
        .look(
            "demo",
            DATABASE,
            Namespaces::Only(&only),
            &Default::default(),
        )
        .await
        .unwrap();
    assert_eq!(seen.apps.len(), 1, "looked at all the same");
    for kind in [
        "refresh", "diff", "stop", "start", "restart", "deploy", "delete",
    ] {
        unbind(&app).await;
        let mut job = app.job(kind);
        job["app"]["inventory"] = inventory.clone();
        let outcome = run(&runner, job).await;
        assert_done(kind, &outcome);
    }
    app.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_that_gives_the_rights_to_somebody_else_is_named_with_the_way_out() {
    account().await;
    let (app, _) = older_app().await;
    let foreign = serde_json::from_value(json!({
        "metadata": {"name": "chandlery"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": app.namespace}],
    }))
    .unwrap();
    bindings(&app)
        .create(&PostParams::default(), &foreign)
        .await
        .unwrap();
    let outcome = run(&runner(common::worker_kubeconfig()), app.job("refresh")).await;
    let error = outcome.error.unwrap();
    assert_eq!(error.code.as_str(), "namespace_access");
    assert!(error.message.contains(&app.namespace), "{error}");
    let hint = error.hint.unwrap();
    for words in ["config/rbac.yaml", "chandlery check", "delete it"] {
        assert!(hint.contains(words), "{hint}");
    }
    app.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_of_an_app_whose_namespace_goes_already_waits_for_it() {
    account().await;
    let (app, inventory) = older_app().await;
    // Something holds it until the worker waits.
    let configs: Api<ConfigMap> = Api::namespaced(app.client.clone(), &app.namespace);
    let hold = json!({"metadata": {"finalizers": ["chandlery.dev/test"]}});
    let release = json!({"metadata": {"finalizers": null}});
    let params = PatchParams::default();
    configs
        .patch("settings", &params, &Patch::Merge(hold))
        .await
        .unwrap();
    app.clean_up().await;
    let mut job = app.job("delete");
    job["app"]["inventory"] = inventory;
    let story = Arc::new(StepLog::new(Arc::default()));
    let told = story.clone();
    let deleting = tokio::spawn(async move {
        let runner = runner(common::worker_kubeconfig());
        runner.run(Job::read(&job).unwrap(), DATABASE, told).await
    });
    let until = Instant::now() + PATIENCE;
    while !story
        .pending()
        .0
        .iter()
        .any(|step| step.message.contains("Waiting until"))
    {
        assert!(!deleting.is_finished(), "{:#?}", deleting.await);
        assert!(Instant::now() < until, "it never waits");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    configs
        .patch("settings", &params, &Patch::Merge(release))
        .await
        .unwrap();
    let outcome = deleting.await.unwrap();
    assert_done("delete", &outcome);
    assert!(outcome.result.namespace_deleted);
}

fn ours(name: &str) -> Namespace {
    serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "chandlery"}},
    }))
    .unwrap()
}

fn dry_run() -> PostParams {
    PostParams {
        dry_run: true,
        ..PostParams::default()
    }
}

fn unique() -> String {
    format!(
        "access-{}",
        &uuid::Uuid::new_v4().simple().to_string()[..12]
    )
}

fn role_binding(role: &str, subjects: Value) -> Vec<u8> {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "stolen"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    });
    binding.to_string().into_bytes()
}

fn itself() -> Value {
    json!([{"kind": "ServiceAccount", "name": "chandlery", "namespace": "chandlery"}])
}

fn object(api_version: &str, kind: &str, more: Value) -> Vec<u8> {
    let mut object =
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "stolen"}});
    for (key, value) in more.as_object().unwrap() {
        object[key] = value.clone();
    }
    object.to_string().into_bytes()
}

const PATH_OF_BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces";

/// Attempts on what is not the worker's. `own` is a namespace of ours, `foreign` one of somebody else.
fn attempts(own: &str, foreign: &str) -> Vec<(&'static str, Request<Vec<u8>>)> {
    let (post, delete) = (PostParams::default(), DeleteParams::default());
    let merge = PatchParams::default();
    let apply = PatchParams::apply("chandlery").force();
    let namespaces = ApiRequest::new("/api/v1/namespaces");
    let within = |namespace: &str, plural: &str| {
        ApiRequest::new(format!("/api/v1/namespaces/{namespace}/{plural}"))
    };
    let bindings =
        |namespace: &str| ApiRequest::new(format!("{PATH_OF_BINDINGS}/{namespace}/rolebindings"));
    let label = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "chandlery"}}});
    let unlabel = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": null}}});
    let relabel = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "helm"}}});
    // With the label that it has, so that config/admission-pod-security.yaml has nothing against it.
    let whole = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": foreign, "labels": {
            "app.kubernetes.io/managed-by": "chandlery", "pod-security.kubernetes.io/enforce": "baseline",
        }},
    });
    let (pod, empty) = (
        json!({"spec": {"containers": [{"name": "x", "image": "x"}]}}),
        json!({}),
    );
    let forever = json!({"metadata": {"finalizers": ["example.com/never"]}});
    let owned = json!({"metadata": {"ownerReferences": [{
        "apiVersion": "v1", "kind": "Namespace", "name": own, "uid": uuid::Uuid::new_v4().to_string(),
    }]}});
    let made_forever = |metadata: &Value, spec: Value| {
        let mut namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "spec": spec,
            "metadata": {"name": "stolen", "labels": {"app.kubernetes.io/managed-by": "chandlery"}},
        });
        for (key, value) in metadata["metadata"].as_object().unwrap() {
            namespace["metadata"][key] = value.clone();
        }
        namespace.to_string().into_bytes()
    };
    let config_map = object("v1", "ConfigMap", empty.clone());
    let cluster_role = json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": itself(),
    });
    let several =
        json!([itself()[0], {"kind": "ServiceAccount", "name": "default", "namespace": own}]);
    let everybody = json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}]);
    let attempts = [
            ("delete kube-system", namespaces.delete("kube-system", &delete)),
            ("delete a foreign namespace", namespaces.delete(foreign, &delete)),
            ("label kube-system as ours", namespaces.patch("kube-system", &merge, &Patch::Merge(&label))),
            ("label a foreign namespace as ours", namespaces.patch(foreign, &merge, &Patch::Merge(&label))),
            ("apply our label to a foreign namespace", namespaces.patch(foreign, &apply, &Patch::Apply(&whole))),
            ("replace a foreign namespace", namespaces.replace(foreign, &post, whole.to_string().into_bytes())),
            ("take our label from our namespace", namespaces.patch(own, &merge, &Patch::Merge(&unlabel))),
            ("give our namespace to somebody else", namespaces.patch(own, &merge, &Patch::Merge(&relabel))),
            ("label the worker's own home", namespaces.patch("chandlery", &merge, &Patch::Merge(&label))),
            ("make a namespace without our label", namespaces.create(&post, object("v1", "Namespace", empty.clone()))),
            ("make one with a generated name", namespaces.create(&post, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "x-"}}).to_string().into_bytes())),
            ("keep our namespace for good", namespaces.patch(own, &merge, &Patch::Merge(&forever))),
            ("give our namespace an owner", namespaces.patch(own, &merge, &Patch::Merge(&owned))),
            ("make one that stays for good", namespaces.create(&post, made_forever(&forever, json!({})))),
            ("make one with an owner", namespaces.create(&post, made_forever(&owned, json!({})))),
            ("make one with a finalizer of its own", namespaces.create(&post, made_forever(&json!({"metadata": {}}), json!({"finalizers": ["example.com/never"]})))),
            ("finalize a foreign namespace", namespaces.replace_subresource("finalize", foreign, &post, whole.to_string().into_bytes())),
            ("finalize our namespace", namespaces.replace_subresource("finalize", own, &post, serde_json::to_vec(&ours(own)).unwrap())),
            ("write a foreign namespace's status", namespaces.patch_subresource("status", foreign, &merge, &Patch::Merge(&label))),
            ("create a ConfigMap in default", within("default", "configmaps").create(&post, config_map.clone())),
            ("apply a ConfigMap in a foreign namespace", within(foreign, "configmaps").patch("stolen", &apply, &Patch::Apply(&serde_json::from_slice::<Value>(&config_map).unwrap()))),
            ("create a pod in a foreign namespace", within(foreign, "pods").create(&post, object("v1", "Pod", pod.clone()))),
            ("create a pod in kube-system", within("kube-system", "pods").create(&post, object("v1", "Pod", pod))),
            ("create a pod beside the worker", within("chandlery", "configmaps").create(&post, config_map)),
            ("delete a ConfigMap of kube-system", within("kube-system", "configmaps").delete("kube-root-ca.crt", &delete)),
            ("delete all ConfigMaps of a foreign namespace", within(foreign, "configmaps").delete_collection(&delete, &ListParams::default())),
            ("bind itself in kube-system", bindings("kube-system").create(&post, role_binding("chandlery-app", itself()))),
            ("bind itself in a foreign namespace", bindings(foreign).create(&post, role_binding("chandlery-app", itself()))),
            ("bind itself at home", bindings("chandlery").create(&post, role_binding("chandlery-app", itself()))),
            ("bind cluster-admin", bindings(own).create(&post, role_binding("cluster-admin", itself()))),
            ("bind another account", bindings(own).create(&post, role_binding("chandlery-app", json!([{"kind": "ServiceAccount", "name": "default", "namespace": own}])))),
            ("bind another beside itself", bindings(own).create(&post, role_binding("chandlery-app", several))),
            ("bind everybody", bindings(own).create(&post, role_binding("chandlery-app", everybody))),
            ("bind nobody", bindings(own).create(&post, role_binding("chandlery-app", json!([])))),
            ("change the binding", bindings(own).patch("chandlery", &merge, &Patch::Merge(&json!({"subjects": null})))),
            ("delete the binding", bindings(own).delete("chandlery", &delete)),
            ("make a role", ApiRequest::new(format!("{PATH_OF_BINDINGS}/{own}/roles")).create(&post, object("rbac.authorization.k8s.io/v1", "Role", json!({"rules": []})))),
            ("bind itself everywhere", ApiRequest::new("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings").create(&post, object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", cluster_role))),
            ("have a token of kube-system", within("kube-system", "serviceaccounts").create_subresource("token", "default", &post, token_request())),
            ("have a token in our namespace", within(own, "serviceaccounts").create_subresource("token", "default", &post, token_request())),
            ("have its own token", within("chandlery", "serviceaccounts").create_subresource("token", "chandlery", &post, token_request())),
            ("enter a pod of ours", within(own, "pods/x/exec?command=sh&stdout=true&dummy=").create(&post, Vec::new())),
            ("enter a pod of kube-system", within("kube-system", "pods/x/exec?command=sh&stdout=true&dummy=").create(&post, Vec::new())),
            ("forward a port of a pod", within(own, "pods/x/portforward?ports=80&dummy=").create(&post, Vec::new())),
            ("reach through the API server", within("kube-system", "services/x/proxy").create(&post, Vec::new())),
            ("evict a pod of kube-system", within("kube-system", "pods").create_subresource("eviction", "stolen", &post, object("policy/v1", "Eviction", empty.clone()))),
            ("make a priority above all", ApiRequest::new("/apis/scheduling.k8s.io/v1/priorityclasses").create(&post, object("scheduling.k8s.io/v1", "PriorityClass", json!({"value": 1000000})))),
            ("make a volume of a node's disk", ApiRequest::new("/api/v1/persistentvolumes").create(&post, object("v1", "PersistentVolume", json!({"spec": {"capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/"}}})))),
        ];
    let made = attempts.map(|(what, request)| (what, request.unwrap()));
    made.into()
}

fn token_request() -> Vec<u8> {
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}});
    request.to_string().into_bytes()
}

/// A namespace of ours and one of somebody else, for as long as a test runs.
async fn two_namespaces() -> (Api<Namespace>, String, String) {
    let client = Client::try_from(config(common::kubeconfig()).await).unwrap();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let (own, foreign) = (unique(), unique());
    let mut other = ours(&foreign);
    // Of pods there config/admission-pod-security.yaml says nothing.
    let label = (
        "pod-security.kubernetes.io/enforce".to_owned(),
        "baseline".to_owned(),
    );
    other.metadata.labels = Some([label].into());
    let post = PostParams::default();
    for namespace in [&ours(&own), &other] {
        namespaces.create(&post, namespace).await.unwrap();
    }
    let bound = serde_json::from_value(json!({
        "metadata": {"name": "chandlery"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "chandlery-app"},
        "subjects": itself(),
    }));
    let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), &own);
    bindings.create(&post, &bound.unwrap()).await.unwrap();
    let there = serde_json::from_value(json!({"metadata": {"name": "there"}})).unwrap();
    let config_maps: Api<ConfigMap> = Api::namespaced(client, &foreign);
    config_maps.create(&post, &there).await.unwrap();
    (namespaces, own, foreign)
}

async fn remove(namespaces: &Api<Namespace>, names: [&str; 2]) {
    for name in names {
        let found = namespaces.get(name).await.unwrap();
        assert_eq!(found.metadata.deletion_timestamp, None, "{name}");
        let _ = namespaces.delete(name, &DeleteParams::default()).await;
    }
}

/// Why an attempt was refused; fails where it was not.
fn refusal(what: &str, answer: kube::Result<String>) -> String {
    match answer {
        Err(kube::Error::Api(status)) if status.code == 403 => status.message.clone(),
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_accounts_token_everything_outside_its_namespaces_is_refused() {
    account().await;
    let client = Client::try_from(config(common::worker_kubeconfig()).await).unwrap();
    let (namespaces, own, foreign) = two_namespaces().await;
    for (what, request) in attempts(&own, &foreign) {
        refusal(what, client.request_text(request).await);
    }
    let get = |path: &str, name: &str| ApiRequest::new(path).get(name, &Default::default());
    let list = |path: &str| ApiRequest::new(path).list(&ListParams::default());
    for (what, request) in [
        (
            "a Secret of kube-system",
            get("/api/v1/namespaces/kube-system/secrets", "x"),
        ),
        (
            "its own Secret",
            get("/api/v1/namespaces/chandlery/secrets", "chandlery-token"),
        ),
        ("all Secrets", list("/api/v1/secrets")),
        ("all pods", list("/api/v1/pods")),
        (
            "the pods of default",
            list("/api/v1/namespaces/default/pods"),
        ),
        ("all ConfigMaps", list("/api/v1/configmaps")),
        ("all Deployments", list("/apis/apps/v1/deployments")),
        ("nodes", list("/api/v1/nodes")),
        (
            "another ClusterRole",
            get(
                "/apis/rbac.authorization.k8s.io/v1/clusterroles",
                "cluster-admin",
            ),
        ),
    ] {
        refusal(what, client.request_text(request.unwrap()).await);
    }
    remove(&namespaces, [&own, &foreign]).await;
}

/// Somebody may bind more to the account by mistake.
#[tokio::test(flavor = "multi_thread")]
async fn the_policy_alone_refuses_it_too_whatever_rbac_allows() {
    let client = account_with_all_rights().await;
    let (namespaces, own, foreign) = two_namespaces().await;
    for (what, request) in attempts(&own, &foreign) {
        // Kubernetes itself keeps this one.
        let by_server = what == "delete kube-system";
        let message = refusal(what, client.request_text(request).await);
        let policy = match what {
            // config/admission-pod-security.yaml refuses it, too, and the API server names one of them.
            "create a pod in kube-system" => "ValidatingAdmissionPolicy 'chandlery",
            _ => "ValidatingAdmissionPolicy 'chandlery'",
        };
        assert!(by_server || message.contains(policy), "{what}: {message}");
    }
    remove(&namespaces, [&own, &foreign]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_of_the_system_is_not_ours_whatever_label_it_bears_and_an_apps_is() {
    let client = account_with_all_rights().await;
    let mut tried = Vec::new();
    let admin = Client::try_from(config(common::kubeconfig()).await).unwrap();
    let namespaces: Api<Namespace> = Api::all(admin);
    let params = PatchParams::default();
    let name = "kube-node-lease";
    for label in ["chandlery", ""] {
        let label = (!label.is_empty()).then_some(label);
        let change = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": label}}});
        let labelled = namespaces
            .patch(name, &params, &Patch::Merge(&change))
            .await;
        labelled.unwrap();
        let mark = json!({"metadata": {"annotations": {"x": "y"}}});
        let marked =
            ApiRequest::new("/api/v1/namespaces").patch(name, &params, &Patch::Merge(&mark));
        let config_maps = ApiRequest::new(format!("/api/v1/namespaces/{name}/configmaps"));
        let made = config_maps.create(&dry_run(), object("v1", "ConfigMap", json!({})));
        tried.push(("mark it", client.request_text(marked.unwrap()).await));
        tried.push(("write in it", client.request_text(made.unwrap()).await));
    }
    for (what, answer) in tried {
        refusal(what, answer);
    }
    // The same in a namespace of ours is let through.
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let name = unique();
    namespaces
        .create(&PostParams::default(), &ours(&name))
        .await
        .unwrap();
    let mark = json!({"metadata": {"annotations": {"chandlery.dev/reset": "1"}}});
    namespaces
        .patch(&name, &PatchParams::default(), &Patch::Merge(mark))
        .await
        .unwrap();
    let bindings = ApiRequest::new(format!("{PATH_OF_BINDINGS}/{name}/rolebindings"));
    let bound = bindings.create(
        &PostParams::default(),
        role_binding("chandlery-app", itself()),
    );
    client.request_text(bound.unwrap()).await.unwrap();
    namespaces
        .delete(&name, &DeleteParams::default())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_these_rights_enough_and_not_too_many_and_an_administrators_too_many() {
    let cluster = account().await;
    let lacks = |missing: Vec<_>| assert_eq!(missing, []);
    lacks(
        cluster
            .missing_permissions(NEEDED_CLUSTER_WIDE)
            .await
            .unwrap(),
    );
    lacks(cluster.missing_in_apps(NEEDED).await.unwrap());
    lacks(cluster.missing_in_apps(NEEDED_FOR_MAIL).await.unwrap());
    assert_eq!(
        cluster.needless_permissions().await.unwrap(),
        Vec::<String>::new()
    );
    assert!(
        !cluster
            .missing_permissions(NEEDED)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(cluster.token_ends(), None, "its token stays valid");

    let admin = connect(common::kubeconfig()).await;
    lacks(admin.missing_in_apps(NEEDED).await.unwrap());
    let needless = admin.needless_permissions().await.unwrap();
    assert!(
        needless.contains(&"get secrets in kube-system".to_owned()),
        "{needless:?}"
    );
    assert_eq!(
        admin.keeps_to_its_namespaces().await.unwrap(),
        Kept::Nowhere
    );
    assert_eq!(admin.keeps_pods_from_nodes().await.unwrap(), Kept::Nowhere);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_may_not_watch_says_so_once_and_still_hears_of_its_namespaces() {
    let cluster = account().await;
    let instance = uuid::Uuid::new_v4().to_string();
    let mut heard = changes(&cluster, &instance);
    let next = tokio::time::timeout(PATIENCE, heard.next()).await.unwrap();
    assert_eq!(next.unwrap().unwrap(), WatchEvent::NamespacesOnly);
    let next = tokio::time::timeout(PATIENCE, heard.next()).await.unwrap();
    assert_eq!(next.unwrap().unwrap(), WatchEvent::Resync);

    let client = Client::try_from(config(common::worker_kubeconfig()).await).unwrap();
    let namespaces: Api<Namespace> = Api::all(client);
    let name = unique();
    let mut namespace = ours(&name);
    let labels = namespace.metadata.labels.as_mut().unwrap();
    labels.insert("chandlery.dev/instance".to_owned(), instance);
    namespaces
        .create(&PostParams::default(), &namespace)
        .await
        .unwrap();
    let next = tokio::time::timeout(PATIENCE, heard.next()).await.unwrap();
    assert_eq!(next.unwrap().unwrap(), WatchEvent::Namespace(name.clone()));
    namespaces
        .delete(&name, &DeleteParams::default())
        .await
        .unwrap();
}

/// Number 10: what is refused here is refused by a policy, and not by the accident of a flag.
#[tokio::test(flavor = "multi_thread")]
async fn the_tests_cluster_refuses_what_a_real_one_refuses_and_no_more() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let admin = Client::try_from(config(common::kubeconfig()).await).unwrap();
    let namespaces: Api<Namespace> = Api::all(admin.clone());
    let privileged = serde_json::from_value(json!({
        "metadata": {"name": "privileged"},
        "spec": {
            "automountServiceAccountToken": false,
            "containers": [{"name": "x", "image": "x", "securityContext": {"privileged": true}}],
        },
    }))
    .unwrap();
    for (level, lets_in) in [("privileged", true), ("baseline", false)] {
        let mut namespace = ours(&unique());
        let labels = namespace.metadata.labels.as_mut().unwrap();
        labels.insert(
            "pod-security.kubernetes.io/enforce".to_owned(),
            level.to_owned(),
        );
        let made = namespaces.create(&PostParams::default(), &namespace).await;
        let name = made.unwrap().metadata.name.unwrap();
        let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), &name);
        let until = Instant::now() + PATIENCE;
        while accounts.get_opt("default").await.unwrap().is_none() {
            assert!(Instant::now() < until, "no account is made");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let pods: Api<Pod> = Api::namespaced(admin.clone(), &name);
        let answer = pods.create(&dry_run(), &privileged).await;
        let _ = namespaces.delete(&name, &DeleteParams::default()).await;
        match answer {
            Ok(_) => assert!(lets_in, "{level}"),
            Err(error) => assert!(
                !lets_in && error.to_string().contains("violates PodSecurity"),
                "{level}: {error}"
            ),
        }
    }

    // A node may read and write what is its own.
    let mut config = config(common::kubeconfig()).await;
    config.auth_info.impersonate = Some("system:node:node-1".to_owned());
    config.auth_info.impersonate_groups = Some(vec!["system:nodes".to_owned()]);
    let node = Client::try_from(config).unwrap();
    let nodes = ApiRequest::new("/api/v1/nodes");
    let mark = json!({"metadata": {"annotations": {"chandlery.dev/test": "x"}}});
    let other = nodes.patch("node-2", &PatchParams::default(), &Patch::Merge(&mark));
    refusal("mark another node", node.request_text(other.unwrap()).await);
    let secrets = ApiRequest::new("/api/v1/secrets").list(&ListParams::default());
    refusal("list Secrets", node.request_text(secrets.unwrap()).await);
}

/// The example, in the namespace that config/rbac.yaml makes.
#[tokio::test(flavor = "multi_thread")]
async fn the_examples_pod_meets_the_strictest_pod_security_which_its_namespace_enforces() {
    account().await;
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/config/example/worker.yaml"
    ));
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text.unwrap()).unwrap();
    let is_deployment = |object: &&Value| object["kind"] == "Deployment";
    let mut template = objects.iter().find(is_deployment).unwrap()["spec"]["template"].clone();
    // 0440, which only kubectl reads as an octal number.
    for volume in template["spec"]["volumes"].as_array_mut().unwrap() {
        if volume["secret"].is_object() {
            volume["secret"]["defaultMode"] = json!(0o440);
        }
    }
    let mut pod: Pod = serde_json::from_value(template).unwrap();
    pod.metadata.name = Some("chandlery-test".to_owned());
    let admin = Client::try_from(config(common::kubeconfig()).await).unwrap();
    let pods: Api<Pod> = Api::namespaced(admin, "chandlery");
    pods.create(&dry_run(), &pod).await.unwrap();
    pod.spec.as_mut().unwrap().host_network = Some(true);
    let refused = pods.create(&dry_run(), &pod).await.unwrap_err();
    assert!(
        refused.to_string().contains("violates PodSecurity"),
        "{refused}"
    );
}

/// A token that makes pods with the node's disk owns the node.
#[tokio::test(flavor = "multi_thread")]
async fn the_account_makes_no_pods_where_kubernetes_does_not_keep_them_from_the_node() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let admin = Client::try_from(config(common::kubeconfig()).await).unwrap();
    // The same policy for an account of this test alone.
    let name = unique();
    let account = format!("system:serviceaccount:{name}:{name}");
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/config/admission-pod-security.yaml"
    ))
    .unwrap()
    .replace(ACCOUNT, &account)
    .replace("chandlery-pod-security", &name);
    let group = "/apis/admissionregistration.k8s.io/v1";
    let kinds = [
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
    ];
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    for (plural, object) in kinds.iter().zip(objects) {
        let kind = ApiRequest::new(format!("{group}/{plural}"));
        let made = kind.create(&PostParams::default(), object.to_string().into_bytes());
        admin.request_text(made.unwrap()).await.unwrap();
    }
    let mut config = config(common::kubeconfig()).await;
    config.auth_info.impersonate = Some(account);
    config.auth_info.impersonate_groups = Some(vec!["system:masters".to_owned()]);
    let client = Client::try_from(config).unwrap();
    let namespaces: Api<Namespace> = Api::all(client.clone());

    let labels = |level: Option<&str>| json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}});
    let (post, params) = (PostParams::default(), PatchParams::default());
    let until = Instant::now() + PATIENCE;
    let lowered = loop {
        let mut namespace = ours(&name);
        let level = ("pod-security.kubernetes.io/enforce", "privileged");
        let labels = namespace.metadata.labels.as_mut().unwrap();
        labels.insert(level.0.to_owned(), level.1.to_owned());
        match namespaces.create(&dry_run(), &namespace).await {
            Ok(_) => assert!(Instant::now() < until, "the policy is never in force"),
            Err(error) => break error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    namespaces.create(&post, &ours(&name)).await.unwrap();
    let pods = ApiRequest::new(format!("/api/v1/namespaces/{name}/pods"));
    let pod = json!({"spec": {"containers": [{"name": "x", "image": "x"}]}});
    let workload = json!({"spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod["spec"]},
    }});
    let deployments = ApiRequest::new(format!("/apis/apps/v1/namespaces/{name}/deployments"));
    let deployment = object("apps/v1", "Deployment", workload);
    let mut refused = vec![("begin with privileged", lowered)];
    for (what, request) in [
        (
            "a pod",
            pods.create(&post, object("v1", "Pod", pod.clone())),
        ),
        (
            "a Deployment",
            deployments.create(&post, deployment.clone()),
        ),
    ] {
        let answer = client.request_text(request.unwrap()).await;
        refused.push((what, refusal(what, answer)));
    }
    let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), &name);
    let until = Instant::now() + PATIENCE;
    while accounts.get_opt("default").await.unwrap().is_none() {
        assert!(Instant::now() < until, "no account is made");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // What the administrator has made there the account does not change either, but for what makes no other pods.
    for (plural, request) in [
        ("pods", pods.create(&post, object("v1", "Pod", pod.clone()))),
        ("deployments", deployments.create(&post, deployment.clone())),
    ] {
        let made = admin.request_text(request.unwrap()).await;
        assert!(made.is_ok(), "{plural}: {made:?}");
    }
    let image = json!({"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}});
    let image = Patch::Merge(image);
    let changed = deployments.patch("stolen", &params, &image);
    let answer = client.request_text(changed.unwrap()).await;
    refused.push(("change a Deployment's pods", refusal("change", answer)));
    let container = json!({"spec": {"ephemeralContainers": [{"name": "y", "image": "x"}]}});
    let strategic = Patch::Strategic(container);
    let ephemeral = pods.patch_subresource("ephemeralcontainers", "stolen", &params, &strategic);
    let answer = client.request_text(ephemeral.unwrap()).await;
    refused.push(("add a container to a pod", refusal("add", answer)));
    let change = json!({"metadata": {"labels": {"a": "c"}}, "spec": {"replicas": 0}});
    for change in [
        deployments.patch("stolen", &params, &Patch::Merge(&change)),
        pods.patch(
            "stolen",
            &params,
            &Patch::Merge(json!({"metadata": {"labels": {"a": "c"}}})),
        ),
    ] {
        client.request_text(change.unwrap()).await.unwrap();
    }
    let version = |version: Option<&str>| json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce-version": version}}});
    let old = Patch::Merge(version(Some("v1.20")));
    let answer = namespaces.patch(&name, &params, &old).await;
    refused.push(("begin with an old version", answer.unwrap_err().to_string()));
    for raise in [
        labels(Some("baseline")),
        version(Some(POD_SECURITY_VERSION)),
        version(Some("latest")),
    ] {
        let raise = Patch::Merge(raise);
        namespaces.patch(&name, &params, &raise).await.unwrap();
    }
    for (what, change) in [
        ("lower it", labels(Some("privileged"))),
        ("take it away", labels(None)),
        ("lower its version", version(Some(POD_SECURITY_VERSION))),
        ("take its version away", version(None)),
    ] {
        let change = Patch::Merge(change);
        let answer = namespaces.patch(&name, &params, &change).await;
        refused.push((what, answer.unwrap_err().to_string()));
    }
    // The server may need a moment to know the label.
    let until = Instant::now() + PATIENCE;
    loop {
        let changed = deployments.patch("stolen", &params, &image);
        match client.request_text(changed.unwrap()).await {
            Ok(_) => break,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for plural in kinds {
        let kind = ApiRequest::new(format!("{group}/{plural}"));
        let gone = kind.delete(&name, &DeleteParams::default());
        admin.request_text(gone.unwrap()).await.unwrap();
    }
    let _ = namespaces.delete(&name, &DeleteParams::default()).await;
    for (what, message) in refused {
        assert!(
            message.contains(&format!("ValidatingAdmissionPolicy '{name}'")),
            "{what}: {message}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_namespace_is_kept_from_the_node_from_its_first_moment() {
    account().await;
    let app = App::new().await;
    let outcome = run(&runner(common::worker_kubeconfig()), app.job("deploy")).await;
    assert_done("deploy", &outcome);
    let namespaces: Api<Namespace> = Api::all(app.client.clone());
    let made = namespaces.get(&app.namespace).await.unwrap();
    let labels = made.metadata.labels.unwrap();
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "baseline");
    app.clean_up().await;
}
