//! The catalog's templates: rendered here and by Ansible they are the same text.

mod customer;

use std::collections::BTreeSet;
use std::path::Path;

use chandlery::ansible::{Resolved, Variables};
use chandlery::manifest::policy::{Rules, violations};
use chandlery::manifest::{Rendered, Source, inspect, parse, render};
use chandlery::object::{NO_RESTART, Object};
use chandlery::policy::{Limits, PodSecurity, Policy};

fn variables(case: &str) -> Resolved {
    let mut variables = Variables::new();
    for path in [
        "catalog/odoo/vars.yml".to_owned(),
        format!("tests/inputs/catalog/{case}/vars.yml"),
    ] {
        let text = std::fs::read_to_string(&path).unwrap();
        variables.extend(Variables::read(&text, &path).unwrap());
    }
    variables.resolve().unwrap()
}

fn rendered(template: &str, case: &str) -> Rendered {
    let source = Source::read(Path::new(&format!("catalog/odoo/{template}.yml"))).unwrap();
    render(&source, &variables(case)).unwrap_or_else(|problem| panic!("{problem}"))
}

/// What is applied: an app's own manifests, and on an integration those of its reset.
fn templates(case: &str) -> &'static [&'static str] {
    match case {
        "given" => &["postgres", "odoo", "reset"],
        _ => &["postgres", "odoo"],
    }
}

fn objects(case: &str) -> Vec<Object> {
    templates(case)
        .iter()
        .flat_map(|template| {
            let parsed = parse(&rendered(template, case), &variables(case))
                .unwrap_or_else(|problem| panic!("{problem}"));
            assert_eq!(parsed.warnings, []);
            parsed.objects
        })
        .collect()
}

fn find<'a>(objects: &'a [Object], kind: &str, name: &str) -> &'a serde_json::Value {
    &objects
        .iter()
        .find(|object| object.kind() == kind && object.name() == name)
        .unwrap_or_else(|| panic!("no {kind}/{name}"))
        .value
}

#[test]
fn the_catalog_renders_as_with_ansible() {
    for case in ["given", "all"] {
        for template in templates(case) {
            let expected =
                std::fs::read_to_string(format!("tests/inputs/catalog/{case}/{template}.yml"))
                    .unwrap();
            assert_eq!(
                rendered(template, case).text,
                expected,
                "{template} with {case}"
            );
        }
    }
}

#[test]
fn the_catalog_needs_no_variable_that_its_readme_does_not_explain() {
    let readme = std::fs::read_to_string("catalog/odoo/README.md").unwrap();
    let used: BTreeSet<String> = templates("given")
        .iter()
        .flat_map(|template| rendered(template, "given").variables)
        .collect();
    assert!(used.contains("odoo_image"));
    let unexplained: Vec<&String> = used
        .iter()
        .filter(|name| !readme.contains(&format!("`{name}`")))
        .collect();
    assert_eq!(unexplained, Vec::<&String>::new());
    let vars = std::fs::read_to_string("catalog/odoo/vars.yml").unwrap();
    let unused: Vec<String> = Variables::read(&vars, "vars.yml")
        .unwrap()
        .iter()
        .map(|(name, _)| name.to_owned())
        .filter(|name| !used.contains(name))
        .collect();
    assert_eq!(
        unused,
        Vec::<String>::new(),
        "in vars.yml, but no template uses it"
    );
}

#[test]
fn the_catalog_keeps_to_the_strict_policy_and_to_restricted_pods() {
    let restricted = Policy {
        pod_security: PodSecurity::Restricted,
        ..Policy::default()
    };
    for case in ["given", "all"] {
        let (objects, values) = (objects(case), variables(case));
        let text = |name: &str| values.get(name).unwrap().as_str().unwrap().to_owned();
        let siblings: Vec<String> =
            serde_json::from_value(values.get("sibling_namespaces").unwrap()).unwrap();
        for policy in [&Policy::default(), &restricted] {
            let rules = Rules {
                policy,
                cluster: "demo",
                ingress_class: &text("ingress_class"),
                namespace: &text("namespace"),
                hostname: &text("hostname"),
                domains: &[],
                siblings: &siblings,
                node_ports: &[],
                limits: Some(&Limits {
                    cpu_millicores: 8000,
                    memory_mib: 12288,
                    storage_gib: 50,
                    pods: 20,
                }),
                storage_classes: None,
                inventory: Some(&[]),
            };
            let found = violations(&objects, &rules);
            let told: Vec<String> = found
                .iter()
                .map(|violation| violation.problem("demo").to_string())
                .collect();
            assert_eq!(told, Vec::<String>::new(), "{case}");
        }
    }
}

#[test]
fn a_preview_of_the_catalog_without_values_is_not_refused_for_the_made_up_ones() {
    let path = "tests/inputs/catalog/given/vars.yml";
    let given = Variables::read(&std::fs::read_to_string(path).unwrap(), path).unwrap();
    let siblings = ["shop-prod".to_owned()];
    for template in templates("given") {
        let source = Source::read(Path::new(&format!("catalog/odoo/{template}.yml"))).unwrap();
        let rules = Rules {
            policy: &Policy::default(),
            cluster: "demo",
            ingress_class: "traefik",
            namespace: "shop-int",
            hostname: "shop-int.apps.example.com",
            domains: &[],
            siblings: &siblings,
            node_ports: &[],
            limits: None,
            storage_classes: None,
            inventory: None,
        };
        let found = inspect(&source, &given, &rules).unwrap();
        assert!(!found.missing.is_empty(), "{template}");
        assert_eq!(found.problems, [], "{template}");
    }
}

#[test]
fn pods_of_the_catalog_are_locked_down() {
    for case in ["given", "all"] {
        let objects = objects(case);
        let workloads: Vec<&Object> = objects
            .iter()
            .filter(|object| ["Deployment", "Job"].contains(&object.kind()))
            .collect();
        assert_eq!(workloads.len(), templates(case).len());
        for workload in workloads {
            let name = workload.name();
            let pod = &workload.value["spec"]["template"]["spec"];
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
            assert_eq!(
                pod["securityContext"]["seccompProfile"]["type"],
                "RuntimeDefault"
            );
            assert_eq!(pod["automountServiceAccountToken"], false);
            let all = ["containers", "initContainers"];
            for container in all.iter().filter_map(|kind| pod[kind].as_array()).flatten() {
                let context = &container["securityContext"];
                assert_eq!(context["readOnlyRootFilesystem"], true);
                assert_eq!(context["allowPrivilegeEscalation"], false);
                assert_eq!(context["capabilities"]["drop"], serde_json::json!(["ALL"]));
                assert!(container["resources"]["limits"]["memory"].is_string());
            }
            if workload.kind() == "Job" {
                continue;
            }
            assert_eq!(workload.value["spec"]["strategy"]["type"], "Recreate");
            let container = &pod["containers"][0];
            for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
                assert!(container[probe].is_object(), "{name} has no {probe}");
            }
        }
    }
}

#[test]
fn the_ingress_leads_to_both_ports_of_odoo() {
    let objects = objects("all");
    let ingress = find(&objects, "Ingress", "odoo");
    let paths = ingress["spec"]["rules"][0]["http"]["paths"]
        .as_array()
        .unwrap();
    let routes: Vec<(&str, &str)> = paths
        .iter()
        .map(|path| {
            (
                path["path"].as_str().unwrap(),
                path["backend"]["service"]["port"]["name"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(routes, [("/websocket", "websocket"), ("/", "http")]);
    assert_eq!(
        ingress["spec"]["tls"][0]["hosts"][0],
        "shop.apps.example.com"
    );
    let ports = find(&objects, "Service", "odoo")["spec"]["ports"].clone();
    assert_eq!(
        (&ports[0]["port"], &ports[1]["port"]),
        (&8069.into(), &8072.into())
    );
}

#[test]
fn production_gives_its_files_only_to_the_reset_of_its_integration() {
    let production = objects("all");
    let policy = &find(&production, "NetworkPolicy", "odoo")["spec"]["ingress"][1];
    let from = &policy["from"][0];
    assert_eq!(
        from["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"],
        "shop-int"
    );
    assert_eq!(
        from["podSelector"]["matchLabels"]["app.kubernetes.io/name"],
        "odoo-reset"
    );
    assert_eq!(policy["ports"][0]["port"], "files");
    let pod = &find(&production, "Deployment", "odoo")["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][1]["name"], "files");
    assert_eq!(pod["containers"][1]["volumeMounts"][0]["readOnly"], true);

    let integration = objects("given");
    let pod = &find(&integration, "Deployment", "odoo")["spec"]["template"]["spec"];
    assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
    assert!(find(&integration, "ConfigMap", "odoo")["data"]["files.py"].is_null());
    let reset = &find(&integration, "Job", "odoo-reset")["spec"]["template"];
    let affinity = &reset["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        [0];
    let selector = &affinity["labelSelector"]["matchLabels"]["app.kubernetes.io/component"];
    let odoo = &find(&integration, "Deployment", "odoo")["spec"]["template"]["metadata"]["labels"];
    assert_eq!(*selector, odoo["app.kubernetes.io/component"]);
    // Matching itself, it is scheduled also where Odoo does not run.
    assert_eq!(
        *selector,
        reset["metadata"]["labels"]["app.kubernetes.io/component"]
    );
}

#[test]
fn odoo_sends_mail_through_the_apps_own_domain_and_runs_without_one() {
    let objects = objects("given");
    let odoo = find(&objects, "Deployment", "odoo");
    let pod = &odoo["spec"]["template"]["spec"];
    let volumes = pod["volumes"].as_array().unwrap();
    let smtp = volumes
        .iter()
        .find(|volume| volume["name"] == "smtp")
        .unwrap();
    assert_eq!(smtp["secret"]["secretName"], "chandlery-smtp");
    assert_eq!(smtp["secret"]["optional"], true);
    for container in [&pod["initContainers"][0], &pod["containers"][0]] {
        let mounts = container["volumeMounts"].as_array().unwrap();
        let mount = mounts.iter().find(|mount| mount["name"] == "smtp").unwrap();
        assert_eq!(mount["mountPath"], "/etc/chandlery-smtp");
        // A mount of one file would never follow the Secret.
        assert!(mount["subPath"].is_null());
    }
    assert_eq!(odoo["metadata"]["annotations"][NO_RESTART], "mail");
}

#[test]
fn a_reset_leaves_postgresql_running() {
    let postgres = objects("given");
    let postgres = find(&postgres, "Deployment", "postgres");
    assert_eq!(postgres["metadata"]["annotations"][NO_RESTART], "reset");
}

#[test]
fn postgresql_gets_the_fast_shutdown_whatever_the_image_says() {
    let objects = objects("given");
    let pod = &find(&objects, "Deployment", "postgres")["spec"]["template"]["spec"];
    let stop = &pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"];
    assert_eq!(
        *stop,
        serde_json::json!(["pg_ctl", "--mode=fast", "--no-wait", "stop"])
    );
}

/// A start is seen within a second; the time that it may take is as long as it was.
#[test]
fn every_container_says_when_it_has_started() {
    let objects = objects("all");
    for (deployment, seconds) in [("odoo", [300, 60].as_slice()), ("postgres", &[600])] {
        let pod = &find(&objects, "Deployment", deployment)["spec"]["template"]["spec"];
        let containers = pod["containers"].as_array().unwrap();
        assert_eq!(containers.len(), seconds.len());
        for (container, seconds) in containers.iter().zip(seconds) {
            let probe = &container["startupProbe"];
            assert_eq!(probe["periodSeconds"], 1, "{}", container["name"]);
            assert_eq!(probe["failureThreshold"], *seconds, "{}", container["name"]);
        }
    }
}

#[test]
fn the_job_of_a_reset_finds_room_beside_odoo() {
    let objects = objects("given");
    let pod = &find(&objects, "Job", "odoo-reset")["spec"]["template"]["spec"];
    let resources = &pod["containers"][0]["resources"];
    assert_eq!(
        resources["requests"],
        serde_json::json!({"cpu": "10m", "memory": "64Mi"})
    );
    assert_eq!(resources["limits"]["memory"], "3Gi");
}

#[test]
fn every_connection_to_postgresql_notices_that_the_server_is_gone() {
    let objects = objects("given");
    let service = &find(&objects, "ConfigMap", "odoo")["data"]["pg_service.conf"];
    let service = service.as_str().unwrap();
    for setting in ["connect_timeout", "tcp_user_timeout", "keepalives_idle"] {
        assert!(service.contains(&format!("\n{setting}=")), "{setting}");
    }
    let odoo = &find(&objects, "Deployment", "odoo")["spec"]["template"]["spec"];
    let reset = &find(&objects, "Job", "odoo-reset")["spec"]["template"]["spec"];
    for container in [
        &odoo["initContainers"][0],
        &odoo["containers"][0],
        &reset["containers"][0],
    ] {
        let environment = container["env"].as_array().unwrap();
        let value = |name: &str| {
            let found = environment.iter().find(|variable| variable["name"] == name);
            found.unwrap_or_else(|| panic!("no {name}"))["value"].clone()
        };
        assert_eq!(value("PGSERVICE"), "odoo");
        assert_eq!(value("PGSERVICEFILE"), "/etc/odoo/pg_service.conf");
        let mounts = container["volumeMounts"].as_array().unwrap();
        assert!(mounts.iter().any(|mount| mount["mountPath"] == "/etc/odoo"));
    }
}

#[test]
fn a_changed_password_restarts_what_uses_it_and_nothing_else() {
    let checksums = |password: &str, admin: &str| {
        let mut all = Variables::new();
        for path in [
            "catalog/odoo/vars.yml",
            "tests/inputs/catalog/given/vars.yml",
        ] {
            all.extend(Variables::read(&std::fs::read_to_string(path).unwrap(), path).unwrap());
        }
        all.set_secret("postgres_password", password, "secret", true);
        all.set_secret("odoo_admin_password", admin, "secret", true);
        let all = all.resolve().unwrap();
        ["postgres", "odoo"].map(|template| {
            let source = Source::read(Path::new(&format!("catalog/odoo/{template}.yml"))).unwrap();
            let objects = parse(&render(&source, &all).unwrap(), &all).unwrap().objects;
            find(&objects, "Deployment", template)["spec"]["template"]["metadata"]["annotations"]["checksum/config"].clone()
        })
    };
    let before = checksums("one", "x");
    let after = checksums("two", "x");
    assert_ne!(before[0], after[0], "PostgreSQL");
    assert_ne!(before[1], after[1], "Odoo");
    assert_eq!(before, checksums("one", "y"));
}

#[test]
fn names_that_yaml_reads_as_something_else_stay_names() {
    for name in [
        "null",
        "true",
        "no",
        "on",
        "123",
        "1e3",
        "0x41",
        "0644",
        "1.5",
        "2026-11-29",
        "1-2",
        "a",
        "x--y",
    ] {
        assert!(!customer::is_refused(name), "{name}");
    }
}

#[test]
fn no_name_of_a_customer_changes_what_the_manifests_say() {
    for name in [
        "",
        "a\"\nkind: ClusterRole\n#",
        "a\"}",
        "a\\",
        "{{ 7 * 7 }}",
        "{% raw %}",
        "{#",
        "a\n---\n",
        "a\u{2028}b",
        "a: b",
        "*a",
        "&a",
        "!vault",
        "a b",
        "Shop",
        "ä",
    ] {
        assert!(customer::is_refused(name), "{name:?}");
    }
    // Others, made by a rule, the same on every machine.
    let signs: Vec<char> = "ab09-.\"'\\\n\t :#{}[]%&*!|>,?@`~=/$<ä\u{0}\u{85}"
        .chars()
        .collect();
    let mut state = 20_261_129_u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    for _ in 0..2000 {
        let length = 1 + next(8);
        let name: String = (0..length).map(|_| signs[next(signs.len())]).collect();
        customer::is_refused(&name);
    }
}
