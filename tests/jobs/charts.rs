//! Helm charts and folders for Kustomize, by the real tools. HELM and KUSTOMIZE say where they are.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::*;

const CHART: &str = "apiVersion: v2\nname: shop\nversion: 1.2.0\n";
const VALUES: &str = "replicas: 1\ngreeting: hello\nextra: true\npostgres_password: ''\n";
const SCHEMA: &str = r#"{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "properties": {"replicas": {"type": "integer"}, "web": {
    "type": "object", "properties": {"port": {"type": "integer", "maximum": 65535}}}}
}"#;
const DEPLOYMENT: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels: {app.kubernetes.io/managed-by: {{ .Release.Service }}}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      containers: [{name: shop, image: "docker.io/library/web:1"}]
"#;
const CONFIG: &str = r#"apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: {{ .Release.Namespace }}
data:
  greeting: {{ .Values.greeting | quote }}
  host: {{ .Values.global.chandlery.hostname }}
  cluster: {{ .Capabilities.KubeVersion.Version }}
  monitored: {{ .Capabilities.APIVersions.Has "batch/v1/CronJob" | quote }}
{{- if .Values.extra }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: extra
{{- end }}
"#;
const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData:\n  password: {{ .Values.postgres_password | quote }}\n";
const TEST: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: test\n  annotations: {helm.sh/hook: test}\nspec:\n  containers: [{name: test, image: x}]\n";

fn program(variable: &str) -> PathBuf {
    let place = std::env::var_os(variable);
    place
        .unwrap_or_else(|| panic!("{variable} must name the program"))
        .into()
}

/// As [`super::runner`], with the tools.
fn runner() -> Runner {
    let mut settings = settings();
    settings.deploy.ready_seconds = READY_SECONDS;
    settings.artefacts.helm = program("HELM");
    settings.artefacts.kustomize = program("KUSTOMIZE");
    settings.artefacts.launcher = env!("CARGO_BIN_EXE_chandlery").into();
    let cluster = Cluster {
        kubeconfig: common::worker_kubeconfig(),
        ..Cluster::default()
    };
    settings.clusters.insert("demo".to_owned(), cluster);
    Runner::new(&settings).unwrap()
}

fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, path, text.as_bytes())
            .unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// The chart, with other files in place of some or beside them.
fn chart(others: &[(&str, &str)]) -> Vec<u8> {
    let mut files = vec![
        ("shop/Chart.yaml", CHART),
        ("shop/values.yaml", VALUES),
        ("shop/values.schema.json", SCHEMA),
        ("shop/templates/deployment.yaml", DEPLOYMENT),
        ("shop/templates/config.yaml", CONFIG),
        ("shop/templates/secret.yaml", SECRET),
        ("shop/templates/tests/test.yaml", TEST),
    ];
    files.retain(|(path, _)| !others.iter().any(|(other, _)| path == other));
    files.extend(others);
    packed(&files)
}

/// A deploy of one archive.
async fn job(app: &App, format: &str, name: &str, archive: &[u8]) -> Value {
    let served = name.split('#').next().unwrap_or_default();
    app.serve(served, archive).await;
    let mut job = app.job("deploy");
    let url = format!("{}/{name}", app.server.uri());
    job["manifests"] =
        json!([{"id": 1, "title": "Shop", "url": url, "pin": null, "format": format}]);
    job["config_map"] = json!([]);
    job
}

fn set(job: &mut Value, key: &str, value: &str) {
    let lines = job["config_map"].as_array_mut().unwrap();
    lines.push(json!({"key": key, "type": "yaml", "value": value}));
}

/// Deploys an archive that is refused.
async fn refused(app: &App, format: &str, archive: &[u8]) -> chandlery::problem::Problem {
    let job = job(app, format, "shop.tgz", archive).await;
    let (outcome, _) = run(&runner(), job).await;
    assert_eq!(outcome.state, OutcomeState::Failed, "{:#?}", outcome.error);
    assert_eq!(outcome.result.inventory, None, "nothing was touched");
    outcome.error.unwrap()
}

fn names(outcome: &Outcome) -> Vec<String> {
    let objects = outcome.result.inventory.iter().flatten();
    let mut names: Vec<String> = objects.map(ToString::to_string).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_is_deployed_with_the_apps_values_and_what_it_no_longer_makes_is_pruned() {
    with_app(|app| async move {
        let runner = runner();
        let archive = chart(&[]);
        let mut job = job(&app, "helm", "shop-1.2.0.tgz", &archive).await;
        set(&mut job, "greeting", "'Welcome to {{ app_name }}: yes'");
        let (first, steps) = run(&runner, job.clone()).await;
        assert_done(&first);
        assert_eq!(
            names(&first),
            [
                "ConfigMap/extra",
                "ConfigMap/settings",
                "Deployment/web",
                "Secret/login"
            ],
            "tests of a chart are no objects of an app"
        );
        let digest: String = Sha256::digest(&archive)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let seen = &first.result.manifests[0];
        assert_eq!(seen.digest, format!("sha256:{digest}"), "as sha256sum says");
        assert_eq!(seen.content, CHART);
        assert!(seen.files.iter().any(|file| file.content == CONFIG));

        let config_maps: Api<ConfigMap> = Api::namespaced(app.client.clone(), &app.namespace);
        let data = config_maps.get("settings").await.unwrap().data.unwrap();
        assert_eq!(data["greeting"], "Welcome to web: yes");
        assert_eq!(data["host"], format!("{}.apps.localhost", app.namespace));
        assert!(data["cluster"].starts_with("v1."), "{data:?}");
        assert_eq!(
            data["monitored"], "true",
            "it knows what the cluster serves"
        );
        let deployments: Api<Deployment> = Api::namespaced(app.client.clone(), &app.namespace);
        let deployment = deployments.get("web").await.unwrap();
        let labels = deployment.metadata.labels.unwrap();
        assert_eq!(labels["app.kubernetes.io/managed-by"], "Helm");
        assert_eq!(labels["chandlery.dev/uid"], app.uid, "{labels:?}");
        let secrets: Api<Secret> = Api::namespaced(app.client.clone(), &app.namespace);
        let login = secrets.get("login").await.unwrap().data.unwrap();
        let password = String::from_utf8(login["password"].0.clone()).unwrap();
        assert_eq!(password.len(), 24);
        let told = serde_json::to_string(&(&first, &steps)).unwrap();
        assert!(!told.contains(&password), "nobody is told of it");

        let (again, _) = run(&runner, after(job.clone(), &first)).await;
        assert_done(&again);
        assert_eq!(
            again.result.objects.unchanged, 4,
            "{:?}",
            again.result.objects
        );

        set(&mut job, "extra", "false");
        set(&mut job, "replicas", "2");
        let (second, _) = run(&runner, after(job, &again)).await;
        assert_done(&second);
        let objects = &second.result.objects;
        assert_eq!((objects.changed, objects.pruned), (1, 1), "{objects:?}");
        assert!(config_maps.get_opt("extra").await.unwrap().is_none());
        let spec = deployments.get("web").await.unwrap().spec.unwrap();
        assert_eq!(spec.replicas, Some(2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_the_charts_schema_refuses_is_named_by_its_field() {
    with_app(|app| async move {
        let mut job = job(&app, "helm", "shop.tgz", &chart(&[])).await;
        set(&mut job, "web", "{port: 99999999}");
        let (outcome, _) = run(&runner(), job).await;
        let error = outcome.error.unwrap();
        assert_eq!(error.field.as_deref(), Some("web.port"), "{error}");
        assert!(
            error.message.contains("65,535") || error.message.contains("65535"),
            "{error}"
        );
        assert!(error.message.contains("values.schema.json"), "{error}");
        assert_eq!(error.manifest.as_deref(), Some("Shop"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_helm_complains_of_is_shown_with_the_line_of_the_charts_file() {
    with_app(|app| async move {
        let config = CONFIG.replace(
            ".Values.greeting | quote",
            "required \"Say what it greets with.\" .Values.welcome",
        );
        let wrong = chart(&[("shop/templates/config.yaml", &config)]);
        let error = refused(&app, "helm", &wrong).await;
        assert_eq!(error.code.as_str(), "template_render");
        assert!(
            error.message.contains("Say what it greets with."),
            "{error}"
        );
        let excerpt = error.excerpts.first().expect("the line is shown");
        assert_eq!(excerpt.name.as_deref(), Some("shop/templates/config.yaml"));
        assert_eq!(excerpt.line, 7);
        assert!(excerpt.text.contains("required"), "{excerpt:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_the_policy_refuses_is_shown_as_rendered_with_the_file_that_made_it() {
    with_app(|app| async move {
        let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}\nrules: []\n";
        let error = refused(&app, "helm", &chart(&[("shop/templates/role.yaml", role)])).await;
        assert_eq!(error.code.as_str(), "manifest_policy", "{error}");
        assert_eq!(error.object.as_deref(), Some("ClusterRole/all"));
        let label = &error.excerpts[0].label;
        assert_eq!(label, "made by shop/templates/role.yaml");
    })
    .await;
}

/// A Job that is a hook.
fn hook(name: &str, events: &str, weight: &str) -> String {
    format!(
        r#"apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
  annotations: {{helm.sh/hook: "{events}", helm.sh/hook-weight: "{weight}"}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{{name: {name}, image: "docker.io/library/web:1"}}]
"#
    )
}

/// What a deploy has run, in order, and when it applied everything else.
fn ran(steps: &[Step]) -> Vec<&str> {
    let applying = steps.iter().filter(|step| step.code == StepCode::Applying);
    applying
        .map(|step| match step.message.as_str() {
            text if text.contains("objects") => "objects",
            text => text
                .strip_prefix("Hook Job/")
                .and_then(|text| text.strip_suffix(": done"))
                .unwrap_or(text),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_are_run_by_weight_before_and_after_at_an_installation_and_at_an_upgrade() {
    with_app(|app| async move {
        let archive = chart(&[
            (
                "shop/templates/a.yaml",
                &hook("second", "pre-install,pre-upgrade", "5"),
            ),
            ("shop/templates/b.yaml", &hook("first", "pre-install", "-5")),
            ("shop/templates/c.yaml", &hook("seed", "post-install", "0")),
            (
                "shop/templates/d.yaml",
                &hook("migrate", "post-upgrade,post-rollback", "0"),
            ),
        ]);
        let job = job(&app, "helm", "shop.tgz", &archive).await;
        let runner = runner();
        let (first, steps) = run(&runner, job.clone()).await;
        assert_done(&first);
        assert_eq!(ran(&steps), ["first", "second", "objects", "seed"]);
        assert_eq!(first.result.objects.created, 4, "hooks are not counted");
        assert!(
            names(&first).contains(&"Job/seed".to_owned()),
            "its log stays"
        );
        let jobs: Api<k8s_openapi::api::batch::v1::Job> =
            Api::namespaced(app.client.clone(), &app.namespace);
        let uid = async || jobs.get("second").await.unwrap().metadata.uid;
        let of_first = uid().await;
        let mut next = after(job.clone(), &first);
        next["id"] = json!(app.id + 1);
        let (again, steps) = run(&runner, next.clone()).await;
        assert_done(&again);
        assert_eq!(ran(&steps), ["second", "objects", "migrate"]);
        let of_second = uid().await;
        assert_ne!(of_first, of_second, "each deploy runs it");
        let (once_more, _) = run(&runner, next).await;
        assert_done(&once_more);
        assert_eq!(
            uid().await,
            of_second,
            "another attempt at the same one does not"
        );
        assert!(
            !names(&again).contains(&"Job/seed".to_owned()),
            "it goes with the next deploy"
        );
        let mut empty = after(job, &once_more);
        empty["id"] = json!(app.id + 2);
        empty["kind"] = json!("reset");
        empty["options"] = json!({"reset": "empty"});
        let (reset, steps) = run(&runner, empty).await;
        assert_done(&reset);
        assert_eq!(ran(&steps), ["first", "second", "objects", "seed"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_cannot_be_run_is_refused_by_name_with_what_to_do() {
    with_app(|app| async move {
        let hook = hook("dump", "pre-delete", "0");
        let error = refused(&app, "helm", &chart(&[("shop/templates/job.yaml", &hook)])).await;
        assert_eq!(error.object.as_deref(), Some("Job/dump"));
        assert!(error.message.contains("pre-delete"), "{error}");
        assert!(
            error
                .hint
                .is_some_and(|hint| hint.contains("chart's values"))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_that_makes_up_values_anew_each_time_is_refused() {
    with_app(|app| async move {
        let secret = SECRET.replace(".Values.postgres_password", "randAlphaNum 20");
        let chance = chart(&[("shop/templates/secret.yaml", &secret)]);
        let error = refused(&app, "helm", &chance).await;
        assert!(
            error
                .message
                .contains("shop/templates/secret.yaml makes up `password`"),
            "{error}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_does_not_end_and_one_that_makes_too_much_are_ended() {
    with_app(|app| async move {
        let many = "{{ range until 100000 }}{{ range until 100000 }}{{ range until 1000 }}{{ end }}{{ end }}{{ end }}";
        let endless = chart(&[("shop/templates/endless.yaml", many)]);
        let error = refused(&app, "helm", &endless).await;
        assert!(error.message.contains("within 20 s"), "{error}");
        let long = "x".repeat(1000);
        let much = format!("data: |\n{{{{ range until 8000 }}}}\n  {long}{{{{ end }}}}\n");
        let much = chart(&[("shop/templates/much.yaml", &much)]);
        let error = refused(&app, "helm", &much).await;
        assert!(error.message.contains("more than 4 MiB"), "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_without_end_is_refused_and_said_so() {
    with_app(|app| async move {
        let hungry = "{{ $all := list }}{{ range until 100000 }}{{ $all = append $all (repeat 100000 (toString .)) }}{{ end }}a: {{ len $all }}\n";
        let error = refused(&app, "helm", &chart(&[("shop/templates/hungry.yaml", hungry)])).await;
        let told = &error.message;
        assert!(told.contains("more memory") || told.contains("within 20 s"), "{error}");
        assert!(!told.contains("goroutine"), "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_leads_out_of_its_folder_is_refused() {
    with_app(|app| async move {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder
            .append_link(&mut header, "shop/values.yaml", "/etc/passwd")
            .unwrap();
        let link = builder.into_inner().unwrap().finish().unwrap();
        let error = refused(&app, "helm", &link).await;
        assert_eq!(error.code.as_str(), "manifest_archive");
        assert!(
            error.message.contains("the link `shop/values.yaml`"),
            "{error}"
        );
        let error = refused(&app, "helm", &packed(&[("shop/values.yaml", VALUES)])).await;
        assert!(error.message.contains("Chart.yaml"), "{error}");
        assert_eq!(error.manifest.as_deref(), Some("Shop"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_the_tool_names_the_setting_and_leaves_the_job_to_others() {
    with_app(|app| async move {
        let mut settings = settings();
        settings.artefacts.helm = "/nowhere/helm".into();
        let cluster = Cluster {
            kubeconfig: common::worker_kubeconfig(),
            ..Cluster::default()
        };
        settings.clusters.insert("demo".to_owned(), cluster);
        let job = job(&app, "helm", "shop.tgz", &chart(&[])).await;
        let (outcome, _) = run(&Runner::new(&settings).unwrap(), job).await;
        assert_eq!(outcome.state, OutcomeState::Retry);
        let error = outcome.error.unwrap();
        assert_eq!(error.code.as_str(), "manifest_tool");
        assert!(error.to_string().contains("artefacts.helm"), "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_a_chart_tells_its_objects_and_what_its_schema_refuses() {
    with_app(|app| async move {
        let mut job = job(&app, "helm", "shop.tgz", &chart(&[])).await;
        job["kind"] = json!("preview");
        job["cluster"] = Value::Null;
        job["app"] = Value::Null;
        let (outcome, _) = run(&runner(), job.clone()).await;
        assert_done(&outcome);
        let preview = outcome.result.preview.unwrap();
        assert_eq!(preview.problems, []);
        assert_eq!(preview.content, CHART);
        assert_eq!(preview.objects.len(), 4, "{:?}", preview.objects);
        set(&mut job, "replicas", "many");
        let (outcome, _) = run(&runner(), job).await;
        let problems = outcome.result.preview.unwrap().problems;
        assert_eq!(
            problems[0].field.as_deref(),
            Some("replicas"),
            "{problems:?}"
        );
    })
    .await;
}

const BASE: &str = "resources: [config.yaml]\n";
const OVERLAY: &str = r#"resources: [../../base, chandlery.yaml]
namePrefix: shop-
replacements:
  - source: {kind: ConfigMap, name: chandlery, fieldPath: data.hostname}
    targets:
      - select: {kind: ConfigMap, name: settings}
        fieldPaths: [data.host]
  - source: {kind: ConfigMap, name: chandlery, fieldPath: data.postgres_password}
    targets:
      - select: {kind: ConfigMap, name: settings}
        fieldPaths: [data.password]
"#;
const SETTINGS: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {host: '', password: ''}\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_for_kustomize_is_deployed_with_the_apps_variables() {
    with_app(|app| async move {
        let archive = packed(&[
            ("shop-main/base/kustomization.yaml", BASE),
            ("shop-main/base/config.yaml", SETTINGS),
            ("shop-main/overlays/prod/kustomization.yaml", OVERLAY),
        ]);
        let name = "shop.tar.gz#overlays/prod";
        let job = job(&app, "kustomize", name, &archive).await;
        let (first, steps) = run(&runner(), job.clone()).await;
        assert_done(&first);
        assert_eq!(
            names(&first),
            ["ConfigMap/shop-settings"],
            "its own goes nowhere"
        );
        let config_maps: Api<ConfigMap> = Api::namespaced(app.client.clone(), &app.namespace);
        let data = config_maps
            .get("shop-settings")
            .await
            .unwrap()
            .data
            .unwrap();
        assert_eq!(data["host"], format!("{}.apps.localhost", app.namespace));
        assert_eq!(data["password"].len(), 24);
        let told = serde_json::to_string(&(&first, &steps)).unwrap();
        assert!(!told.contains(&data["password"]), "nobody is told of it");
        let (again, _) = run(&runner(), after(job, &first)).await;
        assert_done(&again);
        assert_eq!(again.result.objects.unchanged, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_for_kustomize_reaches_nothing_in_the_network_nor_outside_of_it() {
    with_app(|app| async move {
        app.serve("remote.yaml", SETTINGS).await;
        let url = format!("{}/remote.yaml", app.server.uri());
        let remote = packed(&[("kustomization.yaml", &format!("resources: ['{url}']\n"))]);
        let error = refused(&app, "kustomize", &remote).await;
        assert!(error.message.starts_with("kustomize says: "), "{error}");
        let asked = app.server.received_requests().await.unwrap();
        let asked: Vec<&str> = asked.iter().map(|request| request.url.path()).collect();
        assert_eq!(
            asked,
            ["/shop.tgz"],
            "by the worker, and nothing by the tool"
        );
        let outside = packed(&[("kustomization.yaml", "resources: [/etc/hostname]\n")]);
        let error = refused(&app, "kustomize", &outside).await;
        assert!(error.message.contains("/etc/hostname"), "{error}");
    })
    .await;
}

#[test]
fn a_confined_program_has_neither_network_nor_other_programs() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let confined = |script: &str| {
        let said = Command::new(env!("CARGO_BIN_EXE_chandlery"))
            .args(["confined", "/bin/bash", "-c", script])
            .output()
            .unwrap();
        String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr)
    };
    assert_eq!(confined("echo here"), "here\n");
    let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected");
    let said = confined(&connect);
    assert!(
        !said.contains("connected") && said.contains("not permitted"),
        "{said}"
    );
    let said = confined("/bin/echo another; echo end");
    assert!(said.contains("fork") && !said.contains("another"), "{said}");
    let said = confined("ulimit -t; ulimit -d; ulimit -f");
    assert_eq!(said, "60\n393216\n16384\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_taken_out_of_an_archive_with_the_files_beside_it() {
    with_app(|app| async move {
        let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata:\n  {% include 'data.j2' %}\n";
        let archive = packed(&[
            ("shop/1.0/shop.yml", template),
            ("shop/1.0/templates/data.j2", "host: {{ hostname }}"),
        ]);
        let job = job(&app, "jinja", "shop.tar.gz#1.0/shop.yml", &archive).await;
        let hostname = job["app"]["hostname"].clone();
        let (outcome, _) = run(&runner(), job).await;
        assert_done(&outcome);
        let config_maps: Api<ConfigMap> = Api::namespaced(app.client.clone(), &app.namespace);
        let made = config_maps.get("settings").await.unwrap();
        assert_eq!(json!(made.data.unwrap()["host"]), hostname);
    })
    .await;
}
