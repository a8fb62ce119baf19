//! What config/ ships: rights, systemd unit, example (L8). Needs a cluster (KUBECONFIG) for what a cluster has to accept.

use std::path::Path;
use std::process::Command;

use chandlery::kubernetes::permissions::{
    NEEDED, NEEDED_CLUSTER_WIDE, NEEDED_FOR_MAIL, NEEDED_TO_WATCH, Rights,
};
use chandlery::settings::Settings;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::pinned_kind;
use serde_json::Value;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config");

fn objects(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(format!("{CONFIG}/{file}")).unwrap();
    serde_saphyr::from_multiple(&text).unwrap()
}

fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    objects
        .iter()
        .find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
        .unwrap()
}

fn grants(role: &Value, group: &str, resource: &str, verb: &str) -> bool {
    let has = |list: &Value, word: &str| list.as_array().unwrap().iter().any(|item| item == word);
    role["rules"].as_array().unwrap().iter().any(|rule| {
        has(&rule["apiGroups"], group)
            && has(&rule["resources"], resource)
            && has(&rule["verbs"], verb)
    })
}

fn assert_grants(role: &Value, rights: &Rights) {
    for (group, resource, verbs) in rights {
        for verb in *verbs {
            assert!(
                grants(role, group, resource, verb),
                "{verb} {resource} {group}"
            );
        }
    }
}

#[test]
fn the_cluster_roles_grant_all_that_the_worker_needs_and_cluster_wide_namespaces_alone() {
    let objects = objects("rbac.yaml");
    let everywhere = named(&objects, "ClusterRole", "chandlery");
    let in_apps = named(&objects, "ClusterRole", "chandlery-app");
    assert_grants(everywhere, NEEDED_CLUSTER_WIDE);
    assert_grants(in_apps, NEEDED);
    assert_grants(in_apps, NEEDED_FOR_MAIL);
    for rule in everywhere["rules"].as_array().unwrap() {
        let named = rule["resourceNames"] == serde_json::json!(["chandlery-app"]);
        let what = (
            &rule["resources"][0],
            rule["resources"].as_array().unwrap().len(),
        );
        let verbs = &rule["verbs"];
        assert!(
            what == (&"namespaces".into(), 1)
                || what == (&"rolebindings".into(), 1) && *verbs == serde_json::json!(["create"])
                || what == (&"clusterroles".into(), 1) && named,
            "{rule}"
        );
    }
    for role in [everywhere, in_apps] {
        let text = role.to_string();
        assert!(!text.contains('*'), "no wildcard: {text}");
    }
    let bound: Vec<&Value> = objects
        .iter()
        .filter(|object| object["kind"] == "ClusterRoleBinding")
        .map(|binding| &binding["roleRef"]["name"])
        .collect();
    assert_eq!(
        bound,
        ["chandlery"],
        "chandlery-app in apps' namespaces only"
    );
}

#[test]
fn the_optional_rights_to_watch_read_and_write_nothing_else() {
    let objects = objects("rbac-watch.yaml");
    let role = named(&objects, "ClusterRole", "chandlery-watch");
    assert_grants(role, NEEDED_TO_WATCH);
    for rule in role["rules"].as_array().unwrap() {
        assert_eq!(rule["verbs"], serde_json::json!(["list", "watch"]));
        assert!(!rule["resources"].to_string().contains("secrets"), "{rule}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_accepts_the_rights_and_the_example_without_a_word() {
    std::env::var_os("KUBECONFIG")
        .expect("KUBECONFIG must name a kubeconfig of a cluster to test on");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = kube::Client::try_default().await.unwrap();
    for mut object in [
        "rbac.yaml",
        "rbac-watch.yaml",
        "admission-policy.yaml",
        "example/worker.yaml",
    ]
    .into_iter()
    .flat_map(objects)
    {
        let (group, version) = match object["apiVersion"].as_str().unwrap().split_once('/') {
            Some((group, version)) => (group.to_owned(), version.to_owned()),
            None => (
                String::new(),
                object["apiVersion"].as_str().unwrap().to_owned(),
            ),
        };
        let kind = object["kind"].as_str().unwrap().to_owned();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let gvk = GroupVersionKind {
            group,
            version,
            kind,
        };
        let (resource, _) = pinned_kind(&client, &gvk).await.unwrap();
        let api: Api<DynamicObject> = if object["metadata"]["namespace"].is_string() {
            // Nothing is made, so the real namespace need not be there.
            object["metadata"]["namespace"] = "default".into();
            Api::namespaced_with(client.clone(), "default", &resource)
        } else {
            Api::all_with(client.clone(), &resource)
        };
        let mut strictly = PatchParams::apply("chandlery-test").validation_strict();
        strictly.dry_run = true;
        strictly.force = true;
        api.patch(&name, &strictly, &Patch::Apply(&object))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn the_example_runs_without_root_on_a_read_only_system_with_valid_settings() {
    let objects = objects("example/worker.yaml");
    let deployment = objects
        .iter()
        .find(|object| object["kind"] == "Deployment")
        .unwrap();
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(
        container["securityContext"]["allowPrivilegeEscalation"],
        false
    );
    assert_eq!(pod["enableServiceLinks"], false);
    let settings = objects
        .iter()
        .find(|object| object["kind"] == "ConfigMap")
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, key) = (
        folder.path().join("chandlery.toml"),
        folder.path().join("key"),
    );
    std::fs::write(&key, "0123").unwrap();
    let text = settings["data"]["chandlery.toml"].as_str().unwrap();
    let text = text.replace("/etc/chandlery-key/key", key.to_str().unwrap());
    std::fs::write(&file, text).unwrap();
    let settings = Settings::load(Some(&file)).unwrap();
    assert!(settings.mailgun.access().is_none(), "only with its Secret");
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit_and_calls_it_safe() {
    let unit = std::fs::read_to_string(format!("{CONFIG}/chandlery.service")).unwrap();
    assert!(unit.contains("\nType=notify\n") && unit.contains("\nWatchdogSec="));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chandlery.service");
    std::fs::write(
        &file,
        unit.replace("/usr/bin/chandlery", env!("CARGO_BIN_EXE_chandlery")),
    )
    .unwrap();
    let verified = systemd_analyze(&["verify"], &file);
    assert_eq!(verified, (true, String::new()));
    let (safe, text) = systemd_analyze(&["security", "--offline=yes", "--threshold=20"], &file);
    assert!(safe, "{text}");
}

fn systemd_analyze(words: &[&str], file: &Path) -> (bool, String) {
    let output = Command::new("systemd-analyze")
        .args(words)
        .arg(file)
        .output()
        .expect("systemd-analyze is installed (Debian package systemd)");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    // Other units of the machine are none of ours.
    let ours: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("chandlery"))
        .collect();
    (output.status.success(), ours.join("\n"))
}
