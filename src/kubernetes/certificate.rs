//! Until when the certificates are valid that an app's Ingress objects name.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::Api;
use x509_parser::pem::Pem;

use super::{App, ingress};
use crate::problem::Problem;
use crate::sentence;

/// The key of a Secret of the type `kubernetes.io/tls` that holds the certificate; its private key is not looked at.
const CERTIFICATE: &str = "tls.crt";

/// Of each host with a certificate when that ends.
pub async fn ends(app: &App) -> Result<BTreeMap<String, Timestamp>, Problem> {
    let cluster = &app.cluster;
    let api: Api<Secret> = Api::namespaced(cluster.client.clone(), &app.namespace);
    let mut ends = BTreeMap::new();
    for (name, hosts) in named(&ingress::list(app).await?) {
        let found = cluster.call(api.get_opt(&name)).await;
        let found = found.map_err(|error| {
            cluster.problem(
                &error,
                sentence!(
                    "read the Secret {name} in {namespace}",
                    name,
                    namespace = &app.namespace
                ),
            )
        })?;
        let data = found.and_then(|secret| secret.data).unwrap_or_default();
        if let Some(end) = data.get(CERTIFICATE).and_then(|pem| end_of(&pem.0)) {
            ends.extend(hosts.into_iter().map(|host| (host, end)));
        }
    }
    Ok(ends)
}

/// The Secrets that the Ingress objects name, with their hosts.
fn named(ingresses: &[Ingress]) -> BTreeMap<String, Vec<String>> {
    let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let specs = ingresses.iter().filter_map(|ingress| ingress.spec.as_ref());
    for tls in specs.flat_map(|spec| spec.tls.iter().flatten()) {
        if let Some(name) = &tls.secret_name {
            let hosts = tls.hosts.iter().flatten().cloned();
            named.entry(name.clone()).or_default().extend(hosts);
        }
    }
    named
}

/// When the first certificate of a chain ends, which is the host's own.
fn end_of(pem: &[u8]) -> Option<Timestamp> {
    let first = Pem::iter_from_buffer(pem).next()?.ok()?;
    let certificate = first.parse_x509().ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hosts_of_one_secret_are_together() {
        let ingress = |secret: Option<&str>, hosts: &[&str]| -> Ingress {
            serde_json::from_value(
                json!({"spec": {"tls": [{"secretName": secret, "hosts": hosts}]}}),
            )
            .unwrap()
        };
        let named = named(&[
            ingress(Some("a"), &["one", "two"]),
            ingress(Some("a"), &["three"]),
            ingress(None, &["four"]),
        ]);
        assert_eq!(named.len(), 1);
        assert_eq!(named["a"], ["one", "two", "three"]);
    }

    #[test]
    fn a_certificate_says_when_it_ends_and_what_is_none_says_nothing() {
        let pem = include_bytes!("../../tests/inputs/certificate.pem");
        assert_eq!(end_of(pem).unwrap().to_string(), "2036-11-27T15:08:32Z");
        for other in [
            &b""[..],
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            b"x",
        ] {
            assert_eq!(end_of(other), None);
        }
    }
}
