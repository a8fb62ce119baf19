//! What may go to a cluster, and what may not.

use super::{Rules, check};
use crate::ansible::Resolved;
use crate::manifest::{Rendered, parse, policy};
use crate::object::{Kind, Kinds, Object};
use crate::policy::Policy;
use crate::problem::Problem;

fn kinds() -> Kinds {
    [
        ("v1", "ConfigMap", true),
        ("v1", "Secret", true),
        ("v1", "Namespace", false),
        ("apps/v1", "Deployment", true),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", false),
        ("rbac.authorization.k8s.io/v1", "Role", true),
        ("externaldns.k8s.io/v1alpha1", "DNSEndpoint", true),
    ]
    .into_iter()
    .map(|(api_version, kind, namespaced)| Kind {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        plural: format!("{}s", kind.to_lowercase()),
        namespaced,
    })
    .collect()
}

fn checked(text: &str, allowed: &[&str]) -> Result<Vec<Object>, Problem> {
    let rendered = Rendered {
        title: "Odoo".to_owned(),
        url: "http://example.com/odoo.yml".to_owned(),
        text: text.to_owned(),
        template: String::new(),
        artefact: None,
        variables: Vec::new(),
    };
    let mut policy = Policy::default();
    policy
        .kinds
        .extend(allowed.iter().map(|&kind| kind.to_owned()));
    check(
        parse(&rendered, &Resolved::default())?.objects,
        &Rules {
            kinds: &kinds(),
            policy: policy::Rules {
                policy: &policy,
                cluster: "demo",
                ingress_class: "",
                namespace: "shop-int",
                hostname: "shop-int.apps.localhost",
                domains: &[],
                siblings: &[],
                node_ports: &[],
                limits: None,
                storage_classes: None,
                inventory: Some(&[]),
            },
        },
    )
}

fn refused(text: &str) -> Problem {
    let problem = checked(text, &[]).unwrap_err();
    // What no document may be is found while reading it, the rest here.
    assert!(
        ["manifest_check", "manifest_parse", "manifest_policy"].contains(&problem.code.as_str()),
        "{problem}"
    );
    assert_eq!(problem.manifest.as_deref(), Some("Odoo"));
    assert!(problem.hint.is_some(), "{problem}");
    assert!(!problem.retry);
    problem
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n";

#[test]
fn objects_without_a_namespace_get_the_apps_own() {
    let objects = checked(MAP, &[]).unwrap();
    assert_eq!(objects[0].namespace(), Some("shop-int"));
    let same = checked(&format!("{MAP}  namespace: shop-int\n"), &[]).unwrap();
    assert_eq!(same[0].namespace(), Some("shop-int"));
}

#[test]
fn another_namespace_is_refused() {
    let problem = refused(&format!("{MAP}  namespace: kube-system\n"));
    assert!(
        problem.message.contains("kube-system") && problem.message.contains("shop-int"),
        "{problem}"
    );
    assert_eq!(
        (problem.field.as_deref(), problem.line),
        (Some("metadata.namespace"), Some(5))
    );
}

#[test]
fn kinds_of_the_whole_cluster_are_refused_unless_allowed() {
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: system:shop\n";
    let problem = refused(role);
    assert!(
        problem
            .hint
            .unwrap()
            .contains("ClusterRole.rbac.authorization.k8s.io")
    );
    let allowed = checked(role, &["ClusterRole.rbac.authorization.k8s.io"]).unwrap();
    assert_eq!(allowed[0].namespace(), None);
    let namespace = refused("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop-int\n");
    assert!(namespace.hint.unwrap().contains("namespace itself"));
}

#[test]
fn objects_must_be_whole() {
    for (text, field) in [
        ("kind: ConfigMap\nmetadata:\n  name: a\n", "apiVersion"),
        ("apiVersion: v1\nmetadata:\n  name: a\n", "kind"),
        (
            "apiVersion: 1\nkind: ConfigMap\nmetadata:\n  name: a\n",
            "apiVersion",
        ),
        ("apiVersion: v1\nkind: ConfigMap\n", "metadata.name"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: 123\n",
            "metadata.name",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \"\"\n",
            "metadata.name",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: My_App\n",
            "metadata.name",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  generateName: a-\n",
            "metadata.generateName",
        ),
    ] {
        assert_eq!(refused(text).field.as_deref(), Some(field), "{text}");
    }
    assert!(refused("just text\n").message.contains("not a mapping"));
}

/// 4294967297 replicas became 1, 99999999999 became 1215752191.
#[test]
fn a_number_that_the_api_server_would_cut_off_is_refused() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n";
    let probe = "template: {spec: {containers: [{ports: [{containerPort: 80}], livenessProbe: {periodSeconds: 1e10}}]}}";
    for (spec, field) in [
        ("replicas: 99999999999", "spec.replicas"),
        ("replicas: 4294967297", "spec.replicas"),
        ("replicas: -2147483649", "spec.replicas"),
        ("replicas: 99999999999999999999999", "spec.replicas"),
        (
            probe,
            "spec.template.spec.containers[0].livenessProbe.periodSeconds",
        ),
    ] {
        let problem = refused(&format!("{deployment}  {spec}\n"));
        assert_eq!(problem.field.as_deref(), Some(field), "{problem}");
        assert!(problem.message.contains("32 bits"), "{problem}");
    }
    // These have 64 bits, are amounts or of another type.
    for spec in [
        "replicas: 2147483647",
        "template: {spec: {activeDeadlineSeconds: 99999999999}}",
        "template: {spec: {containers: [{resources: {limits: {memory: 99999999999}}}]}}",
        "template: {spec: {volumes: [{name: a, emptyDir: {sizeLimit: 99999999999}}]}}",
    ] {
        let found = checked(&format!("{deployment}  {spec}\n"), &[]);
        assert!(found.is_ok(), "{spec}: {found:?}");
    }
}

#[test]
fn a_kind_that_the_cluster_does_not_know_is_named_with_the_one_it_does() {
    let version =
        refused("apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata:\n  name: a\n");
    assert!(version.hint.unwrap().contains("apps/v1"));
    let kind = refused("apiVersion: apps/v1\nkind: Deploymnet\nmetadata:\n  name: a\n");
    assert!(kind.hint.unwrap().contains("Did you mean `Deployment`?"));
}

#[test]
fn the_same_object_twice_is_refused_with_both_places() {
    let problem = refused(&format!("{MAP}---\n{MAP}"));
    assert_eq!((problem.document, problem.line), (Some(2), Some(6)));
    assert!(problem.message.contains("document 1, line 1"), "{problem}");
    assert!(
        checked(
            &format!("{MAP}---\n{}", MAP.replace("ConfigMap", "Secret")),
            &[]
        )
        .is_ok()
    );
}

#[test]
fn the_names_of_chandlerys_own_objects_are_not_for_manifests() {
    for (api_version, kind, name) in [
        ("v1", "Secret", "chandlery-generated"),
        ("v1", "Secret", "chandlery-smtp"),
        (
            "externaldns.k8s.io/v1alpha1",
            "DNSEndpoint",
            "chandlery-mail",
        ),
    ] {
        let problem = refused(&format!(
            "apiVersion: {api_version}\nkind: {kind}\nmetadata:\n  name: {name}\n"
        ));
        assert!(
            problem.message.contains(&format!("{name} is taken")),
            "{problem}"
        );
    }
}

#[test]
fn all_that_the_policy_refuses_is_told_at_once_and_where() {
    let problem = refused(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  finalizers: [x/y]\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: b\n",
    );
    assert_eq!(problem.code.as_str(), "manifest_policy");
    assert_eq!(
        (problem.field.as_deref(), problem.line),
        (Some("metadata.finalizers"), Some(5))
    );
    assert!(
        problem
            .message
            .contains("Also refused:\n- Odoo, document 2, line 8: Namespace/b kind: Manifests may not hold Namespace"),
        "{problem}"
    );
}
