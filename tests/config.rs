//! What config/ ships: rights, systemd unit, example. Needs a cluster (KUBECONFIG) for what a cluster has to accept.

use std::path::Path;
use std::process::Command;

use chandlery::kubernetes::permissions::{
    NEEDED, NEEDED_CLUSTER_WIDE, NEEDED_FOR_CAPACITY, NEEDED_FOR_MAIL, NEEDED_TO_WATCH, Rights,
};
use chandlery::policy::POD_SECURITY_VERSION;
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
fn the_cluster_roles_grant_all_that_the_worker_needs_and_cluster_wide_little_but_namespaces() {
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
                || what == (&"storageclasses".into(), 1) && *verbs == serde_json::json!(["list"])
                || what == (&"ingressclasses".into(), 1) && *verbs == serde_json::json!(["get"])
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

/// The worker itself must be able to set its own version.
#[test]
fn the_policy_lets_no_namespace_begin_with_an_older_pod_security_than_the_workers() {
    let objects = objects("admission-pod-security.yaml");
    let variables = objects[0]["spec"]["variables"].as_array().unwrap();
    let oldest = variables
        .iter()
        .find(|variable| variable["name"] == "oldest");
    let expression = oldest.unwrap()["expression"].as_str().unwrap();
    let least = POD_SECURITY_VERSION.strip_prefix("v1.").unwrap();
    assert!(expression.ends_with(&format!(": {least}")), "{expression}");
}

#[test]
fn the_optional_rights_to_watch_read_and_write_nothing_else() {
    let objects = objects("rbac-watch.yaml");
    let role = named(&objects, "ClusterRole", "chandlery-watch");
    assert_grants(role, NEEDED_TO_WATCH);
    assert_grants(role, NEEDED_FOR_CAPACITY);
    for rule in role["rules"].as_array().unwrap() {
        let mut verbs = rule["verbs"].as_array().unwrap().iter();
        assert!(
            verbs.all(|verb| verb == "list" || verb == "watch"),
            "{rule}"
        );
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
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    let memory = &container["resources"]["limits"]["memory"];
    assert!(memory.is_string(), "{container}");
    assert_eq!(pod["automountServiceAccountToken"], true);
    let rights = self::objects("rbac.yaml");
    let account = named(&rights, "ServiceAccount", "chandlery");
    assert_eq!(account["automountServiceAccountToken"], false, "no others");
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

/// /metrics answered on 0.0.0.0 to whoever asked.
#[test]
fn the_example_is_reached_by_the_monitoring_alone() {
    let objects = objects("example/worker.yaml");
    let deny = &named(&objects, "NetworkPolicy", "default-deny")["spec"];
    assert_eq!(deny["podSelector"], serde_json::json!({}));
    let both = serde_json::json!(["Ingress", "Egress"]);
    assert_eq!(deny["policyTypes"], both);
    assert!(deny["ingress"].is_null() && deny["egress"].is_null());

    let policy = &named(&objects, "NetworkPolicy", "chandlery")["spec"];
    let pod = &named(&objects, "Deployment", "chandlery")["spec"]["template"];
    assert_eq!(policy["policyTypes"], both);
    assert_eq!(
        policy["podSelector"]["matchLabels"],
        pod["metadata"]["labels"]
    );
    let allowed = policy["ingress"].as_array().unwrap();
    assert_eq!(allowed.len(), 1);
    let from = allowed[0]["from"].as_array().unwrap();
    assert_eq!(from.len(), 1);
    let monitoring = &from[0]["namespaceSelector"]["matchLabels"];
    assert_eq!(monitoring["kubernetes.io/metadata.name"], "monitoring");
    let port = &pod["spec"]["containers"][0]["ports"][0]["containerPort"];
    assert_eq!(&allowed[0]["ports"][0]["port"], port);
    for rule in policy["egress"].as_array().unwrap() {
        assert!(rule["ports"].is_array(), "no port is open for all: {rule}");
    }
}

#[test]
fn the_unit_bounds_what_the_worker_takes_and_leaves_no_core_dump() {
    let unit = std::fs::read_to_string(format!("{CONFIG}/chandlery.service")).unwrap();
    for line in [
        "LimitCORE=0",
        "MemoryMax=512M",
        "MemorySwapMax=0",
        "TasksMax=512",
    ] {
        assert!(unit.contains(&format!("\n{line}\n")), "{line}");
    }
}

/// Newcomers: `chandlery check` could not see what the service sees, and the Mailgun key was not provided for.
#[test]
fn every_file_that_the_unit_names_for_the_settings_is_a_credential_of_it() {
    let unit = std::fs::read_to_string(format!("{CONFIG}/chandlery.service")).unwrap();
    let named: Vec<&str> = unit
        .split("/run/credentials/chandlery.service/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(
        named,
        ["odoo-key", "kubeconfig", "mailgun-key", "vault-prod"]
    );
    for name in named {
        let line = format!("LoadCredential={name}:/etc/chandlery/{name}\n");
        assert!(unit.contains(&line), "{line}");
        assert!(
            unit.contains(&format!("0600 FILE /etc/chandlery/{name} ")) || name == "kubeconfig",
            "{name}"
        );
    }
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
    let (safe, text) = systemd_analyze(&["security", "--offline=yes", "--threshold=11"], &file);
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
