//! The names under which an app answers: its own hostname, wherever a controller reads one.

use super::metadata::INGRESS_CLASS;
use super::{Part, Report, Rule, Rules};
use crate::sentence;

/// Annotations whose values are host names, separated by commas or blanks. That the policy lists one does not give an app
/// another's name.
const HOSTS: [&str; 9] = [
    "cert-manager.io/alt-names",
    "cert-manager.io/common-name",
    "external-dns.alpha.kubernetes.io/hostname",
    "external-dns.alpha.kubernetes.io/internal-hostname",
    "haproxy-ingress.github.io/server-alias",
    "ingress.kubernetes.io/server-alias",
    "nginx.ingress.kubernetes.io/server-alias",
    "projectcontour.io/aliases",
    "traefik.ingress.kubernetes.io/router.tls.domains.0.main",
];
/// Secrets of this name are Chandlery's own.
const OWN_NAMES: &str = "chandlery-";
const TRAEFIK_DOMAINS: &str = "traefik.ingress.kubernetes.io/router.tls.domains.";

pub(super) fn check(whole: &Part, rules: &Rules, report: &mut Report) {
    for (key, part) in whole.get("metadata").get("annotations").members() {
        if HOSTS.contains(&key) || key.starts_with(TRAEFIK_DOMAINS) {
            let names = part.text().split([',', ' ', '\n', '\t']);
            for name in names.map(str::trim).filter(|name| !name.is_empty()) {
                check_name(name, &part.path, rules, report);
            }
        }
    }
    match whole.get("kind").text() {
        "Ingress" => check_ingress(whole, rules, report),
        "DNSEndpoint" => {
            let endpoints = whole.get("spec").get("endpoints");
            for endpoint in endpoints.items(Rule::Hostname, report) {
                let name = endpoint.get("dnsName");
                check_name(&name.shown(), &name.path, rules, report);
            }
        }
        _ => {}
    }
}

fn check_name(name: &str, field: &str, rules: &Rules, report: &mut Report) {
    if name != rules.hostname {
        report.refuse_with(
            Rule::Hostname,
            field,
            sentence!(
                "The name {name} is not the app's: that is {hostname}.",
                name,
                hostname = rules.hostname
            ),
            sentence!("Write `{{{{ hostname }}}}`."),
        );
    }
}

/// Of an Ingress: the app's own name, or a domain that is its customer's. What else reads names (programs that publish DNS
/// records or make certificates) has the app's own alone.
fn check_host(name: &str, field: &str, rules: &Rules, report: &mut Report) {
    if !rules.domains.iter().any(|domain| domain == name) {
        check_name(name, field, rules, report);
    }
}

fn check_ingress(whole: &Part, rules: &Rules, report: &mut Report) {
    let spec = whole.get("spec");
    spec.only(
        &["defaultBackend", "ingressClassName", "rules", "tls"],
        Rule::Ingress,
        report,
    );
    check_class(&spec.get("ingressClassName"), rules, report);
    let annotations = whole.get("metadata").get("annotations");
    check_class(&annotations.get(INGRESS_CLASS), rules, report);
    let backend = spec.get("defaultBackend");
    if backend.is_set() {
        report.refuse_with(
            Rule::Hostname,
            &backend.path,
            sentence!("A default backend answers to every name that nobody else has."),
            sentence!("Write a rule with `host: {{{{ hostname }}}}`."),
        );
    }
    for tls in spec.get("tls").items(Rule::Ingress, report) {
        tls.only(&["hosts", "secretName"], Rule::Ingress, report);
        let secret = tls.get("secretName");
        if secret.text().starts_with(OWN_NAMES) {
            report.refuse_with(
                Rule::Ingress,
                &secret.path,
                sentence!(
                    "The Secret is Chandlery's: a certificate would be written over what is in it."
                ),
                sentence!("Name another Secret."),
            );
        }
        for host in tls.get("hosts").items(Rule::Ingress, report) {
            check_host(&host.shown(), &host.path, rules, report);
        }
    }
    for rule in spec.get("rules").items(Rule::Ingress, report) {
        rule.only(&["host", "http"], Rule::Ingress, report);
        let host = rule.get("host");
        if host.is_filled() {
            check_host(&host.shown(), &host.path, rules, report);
        } else {
            report.refuse_with(
                Rule::Hostname,
                &host.path,
                sentence!("A rule without a host answers to every name."),
                sentence!("Write `host: {{{{ hostname }}}}`."),
            );
        }
        let http = rule.get("http");
        http.only(&["paths"], Rule::Ingress, report);
        for path in http.get("paths").items(Rule::Ingress, report) {
            path.only(&["backend", "path", "pathType"], Rule::Ingress, report);
            path.get("backend")
                .only(&["service"], Rule::Ingress, report);
            let path = path.get("path");
            let plain =
                |sign: char| sign.is_ascii_alphanumeric() || "/-._~%+@:!&,=*".contains(sign);
            if path.is_set() && !(path.value.is_string() && path.text().chars().all(plain)) {
                report.refuse_with(Rule::Ingress, &path.path, sentence!("The path becomes part of the ingress controller's configuration, and holds signs that mean something there."), sentence!("Write a plain path, for example `/`."));
            }
        }
    }
}

/// The cluster's own class, or the cluster's default.
fn check_class(class: &Part, rules: &Rules, report: &mut Report) {
    if class.is_filled() && class.text() != rules.ingress_class {
        report.refuse_with(
            Rule::IngressClass,
            &class.path,
            match rules.ingress_class {
                "" => sentence!(
                    "The Ingress names the class {shown}, and the cluster has none in Odoo.",
                    shown = class.shown()
                ),
                own => sentence!(
                    "The Ingress names the class {shown}, but the cluster's is {own}.",
                    shown = class.shown(),
                    own
                ),
            },
            sentence!("Write `{{{{ ingress_class }}}}`."),
        );
    }
}
