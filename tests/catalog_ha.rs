//! The templates of catalog/odoo-ha: rendered here and by Ansible they are the same text.

use std::collections::BTreeSet;
use std::path::Path;

use chandlery::ansible::{Resolved, Variables};
use chandlery::manifest::policy::{Rules, violations};
use chandlery::manifest::{Rendered, Source, parse, render};
use chandlery::object::Object;
use chandlery::policy::{Limits, PodSecurity, Policy};
use serde_json::{Value, json};

/// In the order in which they are applied.
const TEMPLATES: [&str; 5] = ["monitoring", "postgres", "odoo", "proxy", "checks"];
const CASES: [&str; 3] = ["given", "all", "node_port"];

fn read(path: &str) -> Variables {
    Variables::read(&std::fs::read_to_string(path).unwrap(), path).unwrap()
}

/// The variables of a case, and those of a test that win over them.
fn variables(case: &str, more: &str) -> Resolved {
    let mut variables = read("catalog/odoo-ha/vars.yml");
    variables.extend(read(&format!("tests/inputs/catalog-ha/{case}/vars.yml")));
    variables.extend(Variables::read(more, "test").unwrap());
    variables.resolve().unwrap()
}

fn source(template: &str) -> Source {
    let mut source = Source::read(Path::new(&format!("catalog/odoo-ha/{template}.yml"))).unwrap();
    for file in std::fs::read_dir("catalog/odoo-ha/templates").unwrap() {
        let file = file.unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        source
            .files
            .insert(file.file_name().to_str().unwrap(), Some(text));
    }
    source
}

fn rendered(template: &str, variables: &Resolved) -> Rendered {
    render(&source(template), variables).unwrap_or_else(|problem| panic!("{problem}"))
}

fn objects(variables: &Resolved) -> Vec<Object> {
    let of = |template: &&str| {
        let parsed = parse(&rendered(template, variables), variables)
            .unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!(parsed.warnings, []);
        parsed.objects
    };
    TEMPLATES.iter().flat_map(of).collect()
}

fn find<'a>(objects: &'a [Object], kind: &str, name: &str) -> &'a Value {
    &objects
        .iter()
        .find(|object| object.kind() == kind && object.name() == name)
        .unwrap_or_else(|| panic!("no {kind}/{name}"))
        .value
}

fn names(objects: &[Object], kind: &str) -> Vec<String> {
    objects
        .iter()
        .filter(|object| object.kind() == kind)
        .map(|object| object.name().to_owned())
        .collect()
}

fn pod<'a>(objects: &'a [Object], kind: &str, name: &str) -> &'a Value {
    &find(objects, kind, name)["spec"]["template"]["spec"]
}

fn variable(container: &Value, name: &str) -> Value {
    let environment = container["env"].as_array().unwrap();
    let found = environment.iter().find(|variable| variable["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}"))["value"].clone()
}

#[test]
fn the_package_renders_as_with_ansible() {
    for case in CASES {
        let variables = variables(case, "{}");
        for template in TEMPLATES {
            let path = format!("tests/inputs/catalog-ha/{case}/{template}.yml");
            let expected = std::fs::read_to_string(&path).unwrap();
            assert_eq!(rendered(template, &variables).text, expected, "{path}");
        }
    }
}

#[test]
fn the_package_needs_no_variable_that_its_readme_does_not_explain() {
    let readme = std::fs::read_to_string("catalog/odoo-ha/README.md").unwrap();
    let mut used = BTreeSet::new();
    for case in CASES {
        let variables = variables(case, "{}");
        used.extend(
            TEMPLATES
                .iter()
                .flat_map(|template| rendered(template, &variables).variables),
        );
    }
    let unexplained: Vec<&String> = used
        .iter()
        .filter(|name| !readme.contains(&format!("`{name}`")))
        .collect();
    assert_eq!(unexplained, Vec::<&String>::new());
    let given = read("catalog/odoo-ha/vars.yml");
    let unused: Vec<&str> = given
        .iter()
        .map(|(name, _)| name)
        .filter(|name| !used.contains(*name))
        .collect();
    assert_eq!(
        unused,
        Vec::<&str>::new(),
        "in vars.yml, but no template uses it"
    );
}

fn refused(case: &str, policy: &Policy) -> Vec<String> {
    let values = variables(case, "{}");
    let text = |name: &str| values.get(name).unwrap().as_str().unwrap().to_owned();
    let rules = Rules {
        policy,
        cluster: "demo",
        ingress_class: &text("ingress_class"),
        namespace: &text("namespace"),
        hostname: &text("hostname"),
        domains: &[],
        siblings: &[],
        node_ports: &[],
        limits: Some(&Limits {
            cpu_millicores: 8000,
            memory_mib: 12288,
            storage_gib: 50,
            pods: 20,
        }),
        inventory: Some(&[]),
        storage_classes: None,
    };
    violations(&objects(&values), &rules)
        .iter()
        .map(|violation| violation.problem("demo").to_string())
        .collect()
}

#[test]
fn the_package_keeps_to_the_strict_policy_and_to_restricted_pods() {
    let restricted = Policy {
        pod_security: PodSecurity::Restricted,
        ..Policy::default()
    };
    for case in ["given", "all"] {
        for policy in [&Policy::default(), &restricted] {
            assert_eq!(refused(case, policy), Vec::<String>::new(), "{case}");
        }
    }
}

#[test]
fn a_port_of_the_nodes_and_labels_for_grafana_take_a_policy_that_allows_them() {
    assert!(!refused("node_port", &Policy::default()).is_empty());
    let mut policy = Policy {
        node_port: true,
        ..Policy::default()
    };
    policy.annotations.push("grafana_dashboard".to_owned());
    assert_eq!(refused("node_port", &policy), Vec::<String>::new());

    let objects = objects(&variables("node_port", "{}"));
    let spec = &find(&objects, "Service", "proxy")["spec"];
    assert_eq!(spec["type"], "NodePort");
    assert_eq!(spec["ports"][0]["nodePort"], 30069);
    assert_eq!(names(&objects, "Ingress"), Vec::<String>::new());
    let conf = find(&objects, "ConfigMap", "proxy")["data"]["nginx.conf"].clone();
    // Whoever comes by a port of a node might say of himself what he likes.
    assert!(!conf.as_str().unwrap().contains("$http_x_forwarded"));
}

/// What an app gets by default (kubernetes.limits in the addons), with all of its pods at once.
#[test]
fn the_package_fits_into_the_usual_limits() {
    let objects = objects(&variables("given", "{}"));
    let amount = |value: &Value| {
        let text = value.as_str().unwrap();
        let digits = text.trim_end_matches(|sign: char| sign.is_alphabetic());
        let number: f64 = digits.parse().unwrap();
        match &text[digits.len()..] {
            "" => number * 1000.0,
            "m" | "Mi" => number,
            "Gi" => number * 1024.0,
            unit => panic!("{unit}"),
        }
    };
    let (mut cpu, mut memory, mut pods) = (0.0, 0.0, 0.0);
    for workload in &objects {
        let pod = &workload.value["spec"]["template"]["spec"];
        let Some(containers) = pod["containers"].as_array() else {
            continue;
        };
        let replicas = workload.value["spec"]["replicas"].as_f64().unwrap_or(1.0);
        pods += replicas;
        for container in containers {
            let limits = &container["resources"]["limits"];
            cpu += replicas * amount(&limits["cpu"]);
            memory += replicas * amount(&limits["memory"]);
        }
    }
    assert!(cpu <= 8000.0, "{cpu}");
    assert!(memory <= 12288.0, "{memory}");
    assert!(pods <= 20.0, "{pods}");
}

#[test]
fn pods_of_the_package_are_locked_down() {
    for case in CASES {
        let objects = objects(&variables(case, "{}"));
        for workload in &objects {
            let pod = &workload.value["spec"]["template"]["spec"];
            if pod.is_null() {
                continue;
            }
            let name = workload.name();
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
            assert_eq!(
                pod["securityContext"]["seccompProfile"]["type"],
                "RuntimeDefault"
            );
            assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
            for container in ["containers", "initContainers"]
                .iter()
                .filter_map(|kind| pod[kind].as_array())
                .flatten()
            {
                let context = &container["securityContext"];
                assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
                assert_eq!(context["allowPrivilegeEscalation"], false);
                assert_eq!(context["capabilities"]["drop"], json!(["ALL"]));
                assert!(container["resources"]["limits"]["memory"].is_string());
                // By this, what it uses is told apart from what others of its pod use.
                if pod["shareProcessNamespace"] == true && container["name"] != "setup" {
                    assert_eq!(variable(container, "CONTAINER"), container["name"]);
                }
            }
        }
    }
}

#[test]
fn pods_of_a_kind_are_kept_apart_where_there_are_nodes_enough() {
    let objects = objects(&variables("given", "{}"));
    for (kind, name, label) in [
        ("StatefulSet", "postgres-a", "postgres"),
        ("StatefulSet", "postgres-b", "postgres"),
        ("Deployment", "odoo", "odoo"),
        ("Deployment", "proxy", "proxy"),
    ] {
        let affinity = &pod(&objects, kind, name)["affinity"]["podAntiAffinity"];
        let term =
            &affinity["preferredDuringSchedulingIgnoredDuringExecution"][0]["podAffinityTerm"];
        assert_eq!(term["topologyKey"], "kubernetes.io/hostname", "{name}");
        let selector = &term["labelSelector"]["matchLabels"]["app.kubernetes.io/name"];
        assert_eq!(selector, label);
    }
}

#[test]
fn one_server_is_the_primary_and_the_other_its_standby() {
    for (primary, standby) in [("a", "b"), ("b", "a")] {
        let objects = objects(&variables("given", &format!("postgres_primary: {primary}")));
        for (server, role, other) in [(primary, "primary", standby), (standby, "standby", primary)]
        {
            let pod = pod(&objects, "StatefulSet", &format!("postgres-{server}"));
            let container = &pod["containers"][0];
            assert_eq!(variable(container, "ROLE"), role);
            assert_eq!(variable(container, "OTHER"), format!("postgres-{other}"));
        }
        for (service, server) in [("postgres", primary), ("postgres-standby", standby)] {
            let selector = &find(&objects, "Service", service)["spec"]["selector"];
            assert_eq!(
                selector["app.kubernetes.io/instance"],
                format!("postgres-{server}")
            );
        }
    }
}

#[test]
fn a_primary_that_is_none_of_the_two_is_refused() {
    let variables = variables("given", "postgres_primary: postgres-b");
    let refused = render(&source("postgres"), &variables).unwrap_err();
    let said = refused.to_string();
    assert!(said.contains("postgres_primary is to be a or b"), "{said}");
}

#[test]
fn no_odoo_has_a_volume() {
    let objects = objects(&variables("given", "{}"));
    let volumes = pod(&objects, "Deployment", "odoo")["volumes"].clone();
    for volume in volumes.as_array().unwrap() {
        assert!(volume["persistentVolumeClaim"].is_null(), "{volume}");
    }
    assert_eq!(
        names(&objects, "PersistentVolumeClaim"),
        ["shop-prometheus", "shop-postgres-a", "shop-postgres-b"]
    );
    let conf = find(&objects, "ConfigMap", "odoo")["data"]["odoo.conf"].clone();
    assert!(
        conf.as_str()
            .unwrap()
            .contains("\nserver_wide_modules = base,rpc,web,chandlery_ha\n")
    );
}

#[test]
fn a_changed_configuration_replaces_the_pods_that_have_it_one_after_the_other() {
    let checksums = |more: &str| {
        let objects = objects(&variables("given", more));
        [
            ("Deployment", "odoo"),
            ("Deployment", "proxy"),
            ("StatefulSet", "postgres-a"),
            ("Deployment", "prometheus"),
        ]
        .map(|(kind, name)| {
            let object = find(&objects, kind, name);
            if kind == "Deployment" && name != "prometheus" {
                let update = &object["spec"]["strategy"]["rollingUpdate"];
                assert_eq!(*update, json!({"maxSurge": 0, "maxUnavailable": 1}));
            }
            object["spec"]["template"]["metadata"]["annotations"]["checksum/config"].clone()
        })
    };
    let before = checksums("{}");
    for (more, changed) in [
        ("odoo_log_level: debug", [true, false, false, false]),
        ("proxy_cache_size: 1g", [false, true, false, false]),
        ("postgres_shared_buffers: 1GB", [false, false, true, false]),
        ("postgres_password: new", [true, false, true, false]),
        (
            "postgres_replication_password: new",
            [false, false, true, false],
        ),
        ("odoo_admin_password: new", [false; 4]),
        ("postgres_primary: b", [false; 4]),
        ("prometheus_scrape_seconds: 5", [false, false, false, true]),
    ] {
        let after = checksums(more);
        let seen: Vec<bool> = before.iter().zip(&after).map(|(a, b)| a != b).collect();
        assert_eq!(seen, changed, "{more}");
    }
}

#[test]
fn the_checks_run_again_when_something_has_changed_and_have_no_name_that_tells_a_secret() {
    let jobs = |more: &str| names(&objects(&variables("given", more)), "Job");
    let before = jobs("{}");
    let kinds: Vec<&str> = before
        .iter()
        .map(|name| name.rsplit_once('-').unwrap().0)
        .collect();
    assert_eq!(
        kinds,
        [
            "check-replication",
            "check-members",
            "check-cache",
            "check-metrics"
        ]
    );
    for more in ["checks_run: 2", "postgres_primary: b", "odoo_replicas: 4"] {
        assert!(
            jobs(more).iter().all(|name| !before.contains(name)),
            "{more}"
        );
    }
    for more in ["{}", "postgres_password: new", "odoo_admin_password: new"] {
        assert_eq!(jobs(more), before, "{more}");
    }
    assert_eq!(jobs("monitoring: false").len(), 3);
}

#[test]
fn without_monitoring_nothing_measures() {
    let objects = objects(&variables("all", "{}"));
    for (kind, name) in [
        ("StatefulSet", "postgres-a"),
        ("Deployment", "odoo"),
        ("Deployment", "proxy"),
    ] {
        let pod = pod(&objects, kind, name);
        assert_eq!(pod["containers"].as_array().unwrap().len(), 1, "{name}");
        assert!(pod["shareProcessNamespace"].is_null(), "{name}");
    }
    assert!(!names(&objects, "Deployment").contains(&"prometheus".to_owned()));
}

#[test]
fn the_dashboard_is_json_whose_panels_each_ask_for_something() {
    let objects = objects(&variables("given", "{}"));
    let text = find(&objects, "ConfigMap", "odoo-dashboard")["data"]["odoo.json"].clone();
    let dashboard: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() > 10);
    for panel in panels {
        assert!(panel["targets"][0]["expr"].is_string(), "{panel}");
    }
}

#[test]
fn the_proxies_know_websockets_and_what_may_be_kept() {
    let objects = objects(&variables("given", "{}"));
    let conf = find(&objects, "ConfigMap", "proxy")["data"]["nginx.conf"].clone();
    let conf = conf.as_str().unwrap();
    for line in [
        "proxy_pass http://websocket;",
        "proxy_set_header Upgrade $http_upgrade;",
        "proxy_cache static;",
        "add_header X-Cache-Status $upstream_cache_status always;",
        "proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;",
    ] {
        assert!(conf.contains(line), "{line}");
    }
    assert_eq!(conf.matches('{').count(), conf.matches('}').count());
}
