//! What a cluster's strict policy refuses, and what is said of it: `tests/policy/*.txt`, each a manifest (and behind
//! `==> policy` what is other than strict, as JSON), and the problems. Every file has a test of its name.
//! `POLICY_WRITE=1` writes the problems anew; they are there to be read.

#[path = "../fuzz/policy.rs"]
mod made;

use std::fs;
use std::path::PathBuf;

use chandlery::ansible::Resolved;
use chandlery::manifest::policy::{Rules, Violation, violations};
use chandlery::manifest::{Rendered, parse};
use chandlery::policy::{Limits, Policy, StorageClasses};
use serde_json::Value;

const POLICY: &str = "==> policy\n";
const ERROR: &str = "==> error\n";
const LIMITS: Limits = Limits {
    cpu_millicores: 8000,
    memory_mib: 12288,
    storage_gib: 50,
    pods: 20,
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/policy")
}

/// The strict policy with some of its members replaced.
fn policy(changes: &str) -> Policy {
    let mut policy = serde_json::to_value(Policy::default()).unwrap();
    if !changes.is_empty() {
        let changes: Value = serde_json::from_str(changes).unwrap();
        for (name, value) in changes.as_object().unwrap() {
            policy[name] = value.clone();
        }
    }
    serde_json::from_value(policy).unwrap()
}

/// All problems that a manifest has with the policy, as a terminal shows them.
fn drawn(manifest: &str, policy: &Policy) -> Vec<String> {
    drawn_by(manifest, policy, |violation| {
        violation.problem("demo").drawn(100, false)
    })
}

fn drawn_by(manifest: &str, policy: &Policy, draw: impl Fn(&Violation) -> String) -> Vec<String> {
    drawn_on(manifest, policy, &storage_classes(), draw)
}

fn storage_classes() -> StorageClasses {
    StorageClasses {
        provisioned: vec!["fast".to_owned()],
        r#static: vec!["disks".to_owned()],
        default: Some("fast".to_owned()),
    }
}

fn drawn_on(
    manifest: &str,
    policy: &Policy,
    storage_classes: &StorageClasses,
    draw: impl Fn(&Violation) -> String,
) -> Vec<String> {
    drawn_with(manifest, policy, storage_classes, &[], draw)
}

fn drawn_with(
    manifest: &str,
    policy: &Policy,
    storage_classes: &StorageClasses,
    node_ports: &[u16],
    draw: impl Fn(&Violation) -> String,
) -> Vec<String> {
    let rendered = Rendered {
        title: "thief.yml".to_owned(),
        url: "thief.yml".to_owned(),
        text: manifest.to_owned(),
        template: manifest.to_owned(),
        artefact: None,
        variables: Vec::new(),
    };
    let objects = parse(&rendered, &Resolved::default()).unwrap().objects;
    let siblings = ["shop-int".to_owned()];
    let rules = Rules {
        policy,
        cluster: "demo",
        ingress_class: "traefik",
        namespace: "shop-prod",
        hostname: "shop.apps.example.com",
        domains: &[],
        siblings: &siblings,
        node_ports,
        limits: Some(&LIMITS),
        storage_classes: Some(storage_classes),
        inventory: Some(&[]),
    };
    violations(&objects, &rules).iter().map(draw).collect()
}

fn told(name: &str) {
    let path = folder().join(format!("{name}.txt"));
    let text = fs::read_to_string(&path).unwrap();
    let (input, expected) = text.split_once(ERROR).unwrap_or((&text, ""));
    let (manifest, changes) = input.split_once(POLICY).unwrap_or((input, ""));
    let found = drawn(manifest, &policy(changes));
    assert!(!found.is_empty(), "{name} passes");
    let found = found.join("\n\n") + "\n";
    if std::env::var_os("POLICY_WRITE").is_some() {
        fs::write(&path, format!("{input}{ERROR}{found}")).unwrap();
    } else {
        assert_eq!(found, expected, "{name}");
    }
}

macro_rules! refused {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $($(#[$doc])* #[test] fn $name() { told(stringify!($name)); })*

        #[test]
        fn every_file_has_a_test_of_its_name() {
            let mut tests = vec![$(stringify!($name)),*];
            tests.sort_unstable();
            let mut files: Vec<String> = fs::read_dir(folder())
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
                .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
                .collect();
            files.sort();
            assert_eq!(files, tests);
        }
    };
}

refused! {
    /// Labels without a domain.
    s5_labels_that_programs_pick_out
    /// Pods that would be placed before, instead of or by those of others.
    s7_neighbours
    /// What would take from others what the ingress controller has, or write over what is Chandlery's.
    s7_values_of_annotations
    /// S3
    s3_host_path
    /// S3
    s3_host_path_in_a_cron_job
    /// S3
    s3_host_network_pid_and_ipc
    /// S3
    s3_host_port
    /// S3
    s3_host_address
    /// S3
    s3_capability_sys_admin
    /// S3
    s3_capability_with_its_long_name
    /// S3
    s3_seccomp_unconfined
    /// S3
    s3_app_armor_unconfined
    /// S3
    s3_se_linux_user
    /// S3
    s3_proc_mount
    /// S3
    s3_sysctl
    /// S3
    s3_privileged
    /// S3
    s3_privileged_init_container
    /// S3
    s3_privileged_as_a_text
    /// S3
    s3_privileged_in_other_letters
    /// S3
    s3_windows_host_process
    /// S3
    s3_probe_of_another_host
    /// S3
    s3_mount_propagation
    /// S3
    s3_system_priority_and_every_node
    /// S3
    s3_control_plane
    /// S3
    s3_node_name
    /// S3
    s3_device_claim
    /// S3
    s3_automounted_token
    /// S3
    s3_token_volume
    /// S3
    s3_account_of_somebody_else
    /// S3
    s3_account_with_a_token
    /// S3
    s3_token_secret
    /// S3
    s3_bootstrap_secret
    /// S3
    s3_service_load_balancer
    /// S3
    s3_service_load_balancer_with_somebodys_address
    /// S3
    s3_service_node_port
    /// S3
    s3_service_external_ips
    /// S3
    s3_service_external_name
    /// S3
    s3_service_with_a_fixed_address
    /// S3
    s3_service_without_selector
    /// S3
    s3_endpoints
    /// S3
    s3_volume_of_somebody_else
    /// S3
    s3_volume_by_its_labels
    /// S3
    s3_volume_without_a_class
    /// S3
    s3_volume_of_a_class_without_a_provisioner
    /// S3
    s3_data_of_another_namespace
    /// S3
    s3_data_of_another_kind
    /// S3
    s3_petabyte
    /// S3
    s3_petabyte_by_replicas
    /// S3
    s3_ephemeral_claim
    /// S3
    s3_volumes_of_other_networks
    /// S3
    s3_network_policy_that_lets_everybody_in
    /// S3
    s3_network_policy_that_lets_in_every_namespace
    /// S3
    s3_network_policy_that_lets_out_everywhere
    /// S3
    s3_network_policy_that_lets_out_to_the_clusters_networks
    /// L4
    l4_network_policy_by_the_apps_name
    /// L10
    l10_finalizer
    /// L10
    l10_finalizer_of_pods
    /// L10
    l10_pods_that_take_a_year_to_end
    /// S3
    s3_owner
    /// S3
    s3_fields_of_the_api_server
    /// S3
    s3_labels_of_others
    /// S3
    s3_annotations_of_pods
    /// S3
    s3_kinds
    /// S3
    s3_bare_pod
    /// S3
    s3_job_of_another_program
    /// S3
    s3_affinity_to_pods_of_other_apps
    /// S3
    s3_tolerations_of_reserved_nodes
    /// S3
    s3_history_of_millions_of_jobs
    /// S3
    s3_budget_that_lets_no_pod_move
    s3_budget_that_is_no_amount
    /// S3
    s3_budget_that_is_rounded_up_to_all_pods
    /// S3
    s3_two_budgets_for_the_same_pods
    /// S4
    s4_host_of_another_app
    /// S4
    s4_host_below_the_apps_own
    /// S4
    s4_wildcard_host
    /// S4
    s4_no_host
    /// S4
    s4_default_backend
    /// S4
    s4_certificate_for_another_name
    /// S4
    s4_host_in_another_case
    /// S4
    s4_ingress_snippet
    /// S4
    s4_value_that_becomes_configuration
    /// S4
    s4_path_that_becomes_a_rule
    /// S4
    s4_backend_that_is_no_service
    /// S4
    s4_alias_of_another_name
    /// S4
    s4_external_dns_of_another_name
    /// S4
    s4_another_ingress_class
    /// S4
    s4_dns_endpoint
    /// S4
    s4_dns_endpoint_of_another_name
    /// S4
    s4_routes_of_controllers
    /// S4
    s4_value_without_sense
    /// S4
    s4_certificate_in_a_secret_of_chandlery
    /// S3
    s3_network_policy_that_lets_out_to_what_is_not_the_internet
    /// S3
    s3_network_policy_that_lets_out_to_the_port_of_dns
    restricted_pod
}

#[test]
fn an_ordinary_app_passes() {
    let manifest = fs::read_to_string(folder().join("ordinary.yml")).unwrap();
    assert_eq!(drawn(&manifest, &Policy::default()), Vec::<String>::new());
}

/// As of an app with a port of its own, with these members of the policy.
#[test]
fn a_service_takes_the_apps_own_ports_of_the_nodes_and_no_other() {
    let found = |changes: &str, r#type: &str, port: &str| {
        let manifest = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: game}}\nspec:\n  type: {type}\n  selector: {{app: game}}\n  ports: [{{port: 1, {port}}}]\n"
        );
        let place = |violation: &Violation| {
            let message = &violation.message;
            format!("{}: {message}", violation.field)
        };
        let policy = policy(changes);
        drawn_with(&manifest, &policy, &storage_classes(), &[30001], place)
    };
    let refused = [
        "spec.ports[0].nodePort: The Service would take a port of every node that is not one of the app's.",
    ];
    for own in ["{}", r#"{"load_balancer": true}"#] {
        assert!(found(own, "NodePort", "nodePort: 30001").is_empty());
        for other in ["nodePort: 30002", "nodePort: '30001'", "name: any"] {
            assert_eq!(found(own, "NodePort", other), refused, "{own} {other}");
        }
    }
    assert_eq!(found("{}", "ClusterIP", "nodePort: 30002"), refused);
    assert!(found("{}", "ClusterIP", "name: http").is_empty());
    // Who may take all of them may take those of the policy.
    for all in ["nodePort: 30002", "name: any"] {
        assert!(found(r#"{"node_port": true}"#, "NodePort", all).is_empty());
    }
    assert!(found(r#"{"load_balancer": true}"#, "LoadBalancer", "name: any").is_empty());
}

#[test]
fn what_is_allowed_on_the_cluster_passes() {
    let privileged = policy(
        r#"{"pod_security": "privileged", "load_balancer": true, "node_port": true, "network_policy": false,
            "kinds": ["Pod", "Service", "NetworkPolicy.networking.k8s.io", "Deployment.apps", "Job.batch", "CronJob.batch"]}"#,
    );
    for name in [
        "s3_host_path",
        "s3_host_network_pid_and_ipc",
        "s3_capability_sys_admin",
        "s3_privileged",
        "s3_service_load_balancer",
        "s3_service_node_port",
        "s3_network_policy_that_lets_everybody_in",
        "s3_network_policy_that_lets_out_everywhere",
        "s3_system_priority_and_every_node",
        "s3_affinity_to_pods_of_other_apps",
        "s3_tolerations_of_reserved_nodes",
        "s3_history_of_millions_of_jobs",
        "s3_job_of_another_program",
        "s3_bare_pod",
    ] {
        let text = fs::read_to_string(folder().join(format!("{name}.txt"))).unwrap();
        let manifest = text.split("==>").next().unwrap();
        assert_eq!(drawn(manifest, &privileged), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_class_without_a_provisioner_passes_where_the_policy_names_it() {
    let text = fs::read_to_string(folder().join("s3_volume_of_a_class_without_a_provisioner.txt"));
    let manifest = text.unwrap();
    let manifest = manifest.split("==>").next().unwrap();
    let fields = |names: &str| {
        let policy = policy(&format!("{{\"static_storage_classes\": {names}}}"));
        drawn_by(manifest, &policy, |violation| violation.field.clone())
    };
    assert_eq!(fields("[]").len(), 5);
    let annotation = "metadata.annotations.volume.beta.kubernetes.io/storage-class";
    assert_eq!(
        fields(r#"["disks"]"#),
        ["spec.storageClassName", annotation]
    );
    assert_eq!(fields(r#"["disks", "manual"]"#), [annotation]);
}

#[test]
fn a_claim_without_a_class_passes_where_the_clusters_default_has_a_provisioner() {
    let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: a}\nspec: {accessModes: [ReadWriteOnce]}\n";
    let messages = |default: Option<&str>| {
        let classes = StorageClasses {
            default: default.map(str::to_owned),
            ..storage_classes()
        };
        let draw = |violation: &Violation| violation.message.to_string();
        drawn_on(claim, &Policy::default(), &classes, draw).join("\n")
    };
    assert_eq!(messages(Some("fast")), "");
    let refused = messages(Some("disks"));
    assert!(refused.contains("`disks` has no provisioner"), "{refused}");
    let refused = messages(None);
    assert!(
        refused.contains("the cluster has no default one"),
        "{refused}"
    );
}

/// A short run of the fuzz target `policy`, the same every time.
#[test]
fn a_made_up_manifest_never_passes_with_a_forbidden_field() {
    let mut state: u64 = 7;
    for _ in 0..3_000 {
        let bytes: Vec<u8> = (0..16)
            .map(|_| {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                (state >> 56) as u8
            })
            .collect();
        let made = made::make(&bytes);
        let (harmless, forbidden) = (found(&made.harmless), found(&made.forbidden));
        assert_eq!(harmless, 0, "{}", made.harmless);
        assert_ne!(forbidden, 0, "{}\n{}", made.what, made.forbidden);
    }
}

fn found(manifest: &str) -> usize {
    drawn_by(manifest, &Policy::default(), |_| String::new()).len()
}
