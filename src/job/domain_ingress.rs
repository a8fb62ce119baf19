//! The Ingress for the app's domains that its manifests say nothing of: beside theirs, with their backends.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::object::Object;
use crate::odoo::contract::{App, Cluster};
use crate::redact::Redactor;
use crate::source_map::SourceMap;

/// Its name; manifests may have none of this name.
pub const NAME: &str = "chandlery-domains";
const ISSUER: &str = "cert-manager.io/cluster-issuer";
/// What on an Ingress of a manifest's is about its own name: certificates and DNS records.
const OF_ITS_NAME: [&str; 2] = ["cert-manager.io/", "external-dns.alpha.kubernetes.io/"];

/// The Ingress that leads from the app's domains to where its own hostname leads; none where its manifests name all domains,
/// or have no Ingress.
pub fn beside(objects: &[Object], app: &App, site: &Cluster) -> Option<Object> {
    let named: BTreeSet<&str> = objects
        .iter()
        .filter(|object| is_ingress(object))
        .flat_map(|object| rules(&object.value))
        .filter_map(|rule| rule["host"].as_str())
        .collect();
    let domains = app.domains.iter().map(String::as_str);
    let domains: Vec<&str> = domains.filter(|domain| !named.contains(domain)).collect();
    let own = |object: &&Object| {
        is_ingress(object) && rules(&object.value).any(|rule| rule["host"] == app.hostname.as_str())
    };
    let sources: Vec<&Object> = objects.iter().filter(own).collect();
    let first = *sources.first().filter(|_| !domains.is_empty())?;
    let made = |values: &[&Value]| made(values, &domains, app, site);
    let values: Vec<&Value> = sources.iter().map(|source| &source.value).collect();
    let stand_ins = sources.iter();
    let stand_ins = stand_ins.map(|source| source.stand_in.as_ref().unwrap_or(&source.value));
    let stand_ins: Vec<&Value> = stand_ins.collect();
    let has_stand_ins = sources.iter().any(|source| source.stand_in.is_some());
    Some(Object {
        manifest: first.manifest.clone(),
        url: first.url.clone(),
        document: 1,
        line: 1,
        value: made(&values),
        path: String::new(),
        lines: Arc::new(SourceMap::new("", "", &Redactor::default())),
        stand_in: has_stand_ins.then(|| made(&stand_ins)),
    })
}

fn is_ingress(object: &Object) -> bool {
    object.kind() == "Ingress" && object.reference().group() == "networking.k8s.io"
}

fn rules(ingress: &Value) -> impl Iterator<Item = &Value> {
    ingress["spec"]["rules"].as_array().into_iter().flatten()
}

/// Of these, what leads from the app's hostname, for each of the domains; the class and what else a controller reads of the
/// first one.
fn made(sources: &[&Value], domains: &[&str], app: &App, site: &Cluster) -> Value {
    let first = sources[0];
    let mut annotations = Map::new();
    for (name, value) in first["metadata"]["annotations"]
        .as_object()
        .into_iter()
        .flatten()
    {
        if !OF_ITS_NAME.iter().any(|begin| name.starts_with(begin)) {
            annotations.insert(name.clone(), value.clone());
        }
    }
    let mut spec = Map::new();
    if let Some(class) = first["spec"].get("ingressClassName") {
        spec.insert("ingressClassName".to_owned(), class.clone());
    }
    let own = sources.iter().flat_map(|source| rules(source));
    let own = own.filter(|rule| rule["host"] == app.hostname.as_str());
    let own: Vec<&Value> = own.collect();
    let for_all = domains.iter().flat_map(|domain| {
        own.iter().map(|rule| {
            let mut rule = (*rule).clone();
            rule["host"] = (*domain).into();
            rule
        })
    });
    spec.insert("rules".to_owned(), for_all.collect());
    if !site.tls_issuer.is_empty() {
        annotations.insert(ISSUER.to_owned(), site.tls_issuer.as_str().into());
        let tls = domains
            .iter()
            .map(|domain| json!({"hosts": [domain], "secretName": secret_name(domain)}));
        spec.insert("tls".to_owned(), tls.collect());
    }
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": NAME, "namespace": app.namespace, "annotations": annotations},
        "spec": spec,
    })
}

/// Where cert-manager keeps a domain's certificate: a domain may be longer than the name of a Secret.
fn secret_name(domain: &str) -> String {
    let hash = Sha256::digest(domain.as_bytes());
    let hash: String = hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("chandlery-tls-{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::odoo::contract::{AppJob, Job, Work};

    fn app_and_site(domains: &[&str], issuer: &str) -> (App, Cluster) {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/contract/claim_response.json"
        );
        let claim: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut job = claim["jobs"][0].clone();
        job["app"]["domains"] = json!(domains);
        job["cluster"]["tls_issuer"] = json!(issuer);
        let Work::App(job) = Job::read(&job).unwrap().work else {
            panic!("it is of an app");
        };
        let AppJob { app, cluster, .. } = *job;
        (app, cluster)
    }

    fn object(value: Value) -> Object {
        Object {
            manifest: "Odoo".to_owned(),
            url: "https://example.com/odoo.yml".to_owned(),
            document: 1,
            line: 1,
            value,
            path: String::new(),
            lines: Arc::new(SourceMap::new("", "", &Redactor::default())),
            stand_in: None,
        }
    }

    fn ingress(hosts: &[&str]) -> Object {
        let rules: Vec<Value> = hosts
            .iter()
            .map(|host| {
                json!({"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix",
                    "backend": {"service": {"name": "odoo", "port": {"number": 8069}}}}]}})
            })
            .collect();
        object(json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": "odoo", "annotations": {
                "nginx.ingress.kubernetes.io/proxy-body-size": "1g",
                "cert-manager.io/issuer": "own",
                "external-dns.alpha.kubernetes.io/hostname": "shop-int.apps.localhost",
            }},
            "spec": {"ingressClassName": "traefik", "rules": rules},
        }))
    }

    const OWN: &str = "shop-int.apps.localhost";

    #[test]
    fn domains_that_manifests_do_not_name_lead_to_where_the_hostname_leads() {
        let (app, site) = app_and_site(&["www.example.org", "example.org"], "letsencrypt");
        let made = beside(&[ingress(&[OWN, "example.org"])], &app, &site).unwrap();
        let value = &made.value;
        assert_eq!(made.reference().to_string(), "Ingress/chandlery-domains");
        assert_eq!(made.namespace(), Some("shop-int"));
        assert_eq!(value["spec"]["ingressClassName"], "traefik");
        let rules = value["spec"]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), 1, "the manifest names the other itself");
        assert_eq!(rules[0]["host"], "www.example.org");
        let path = &rules[0]["http"]["paths"][0];
        assert_eq!(path["backend"]["service"]["name"], "odoo");
        let annotations = value["metadata"]["annotations"].as_object().unwrap();
        let names: Vec<&String> = annotations.keys().collect();
        assert_eq!(
            names,
            ["nginx.ingress.kubernetes.io/proxy-body-size", ISSUER]
        );
        assert_eq!(annotations[ISSUER], "letsencrypt");
        let tls = value["spec"]["tls"].as_array().unwrap();
        assert_eq!(tls[0]["hosts"], json!(["www.example.org"]));
        let secret = tls[0]["secretName"].as_str().unwrap();
        assert!(
            secret.starts_with("chandlery-tls-") && secret.len() == 30,
            "{secret}"
        );
    }

    #[test]
    fn without_an_issuer_nobody_makes_a_certificate() {
        let (app, site) = app_and_site(&["www.example.org"], "");
        let made = beside(&[ingress(&[OWN])], &app, &site).unwrap();
        assert_eq!(made.value["spec"]["tls"], Value::Null);
        assert_eq!(made.value["metadata"]["annotations"][ISSUER], Value::Null);
    }

    #[test]
    fn where_there_is_nothing_to_lead_to_there_is_none() {
        let (app, site) = app_and_site(&["www.example.org"], "x");
        assert_eq!(beside(&[], &app, &site), None);
        assert_eq!(
            beside(&[ingress(&["www.example.org", OWN])], &app, &site),
            None
        );
        let other = object(
            json!({"apiVersion": "v1", "kind": "Ingress", "metadata": {"name": "x"},
            "spec": {"rules": [{"host": OWN}]}}),
        );
        assert_eq!(beside(&[other], &app, &site), None);
        let (app, site) = app_and_site(&[], "x");
        assert_eq!(beside(&[ingress(&[OWN])], &app, &site), None);
    }

    #[test]
    fn what_is_said_of_it_has_stand_ins_for_secrets() {
        let (app, site) = app_and_site(&["www.example.org"], "");
        let mut source = ingress(&[OWN]);
        let mut stand_in = source.value.clone();
        stand_in["spec"]["rules"][0]["http"]["paths"][0]["path"] = json!("/stand-in");
        source.stand_in = Some(stand_in);
        let made = beside(&[source], &app, &site).unwrap();
        let path = |value: &Value| value["spec"]["rules"][0]["http"]["paths"][0]["path"].clone();
        assert_eq!(path(&made.value), "/");
        assert_eq!(path(made.stand_in.as_ref().unwrap()), "/stand-in");
    }
}
