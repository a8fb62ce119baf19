//! What the cluster shows of an app's ingress.

use std::collections::BTreeSet;

use k8s_openapi::api::networking::v1::{Ingress as KubernetesIngress, IngressClass};
use kube::api::{Api, ListParams};
use serde::Deserialize;
use serde_json::Value;

use super::App;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// Whether the app can be reached from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IngressState {
    /// The app has no Ingress.
    None,
    /// It has one, and the ingress controller has not written an address (some never do).
    NoAddress,
    /// All of its Ingress objects have an address.
    Ready,
}

/// All Ingress objects of an app together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingress {
    pub state: IngressState,
    /// Host names of all rules, each once, sorted.
    pub hosts: Vec<String>,
    /// IP addresses and host names under which the controller serves them, each once, sorted.
    pub addresses: Vec<String>,
    /// Whether every host is covered by a certificate's entry. False without hosts.
    pub tls: bool,
    /// What is missing, for people; empty when nothing is.
    pub message: Sentence,
}

impl Ingress {
    /// What an app without any Ingress object shows.
    pub(super) fn none() -> Self {
        summarise(&[])
    }
}

/// Reads the app's ingress.
pub async fn read(app: &App) -> Result<Ingress, Problem> {
    Ok(summarise(&list(app).await?))
}

pub(super) async fn list(app: &App) -> Result<Vec<KubernetesIngress>, Problem> {
    let App {
        cluster,
        namespace,
        owner,
    } = app;
    if let Some((_, objects)) = cluster.memory.app(app) {
        return Ok(typed(&objects));
    }
    let api: Api<KubernetesIngress> = Api::namespaced(cluster.client.clone(), namespace);
    cluster
        .list(&api, &ListParams::default().labels(&owner.selector()))
        .await
        .map_err(|error| {
            cluster.problem(
                &error,
                sentence!("list the ingresses of {namespace}", namespace),
            )
        })
}

/// The classes that the app's Ingress objects name and that the cluster does not have: no controller looks at these.
pub async fn unknown_classes(app: &App) -> Result<Vec<String>, Problem> {
    let App { cluster, .. } = app;
    let classes: Api<IngressClass> = Api::all(cluster.client.clone());
    let mut unknown = Vec::new();
    for name in classes_of(&list(app).await?) {
        match cluster.call(classes.get_metadata(&name)).await {
            Err(error) if error.is_not_found() => unknown.push(name),
            // Without the right nothing is said of them.
            Err(error) if error.is_forbidden() => {}
            Err(error) => return Err(cluster.problem(&error, sentence!("read ingress classes"))),
            Ok(_) => {}
        }
    }
    Ok(unknown)
}

/// Each once, sorted.
fn classes_of(ingresses: &[KubernetesIngress]) -> BTreeSet<String> {
    let specs = ingresses.iter().filter_map(|ingress| ingress.spec.as_ref());
    specs
        .filter_map(|spec| spec.ingress_class_name.clone())
        .collect()
}

/// The same of objects that were read already; those of other kinds are left out.
pub(super) fn of(objects: &[Value]) -> Ingress {
    summarise(&typed(objects))
}

fn typed(objects: &[Value]) -> Vec<KubernetesIngress> {
    let ingresses = objects.iter().filter(|object| object["kind"] == "Ingress");
    ingresses
        .filter_map(|object| KubernetesIngress::deserialize(object).ok())
        .collect()
}

fn summarise(ingresses: &[KubernetesIngress]) -> Ingress {
    let mut hosts = Vec::new();
    let mut covered: Vec<&str> = Vec::new();
    let mut addresses = Vec::new();
    let mut waiting = Vec::new();
    for ingress in ingresses {
        let spec = ingress.spec.as_ref();
        hosts.extend(
            spec.iter()
                .flat_map(|spec| spec.rules.iter().flatten())
                .filter_map(|rule| rule.host.clone()),
        );
        covered.extend(
            spec.iter()
                .flat_map(|spec| spec.tls.iter().flatten())
                .flat_map(|tls| tls.hosts.iter().flatten())
                .map(String::as_str),
        );
        let before = addresses.len();
        let points = ingress
            .status
            .iter()
            .filter_map(|status| status.load_balancer.as_ref())
            .flat_map(|balancer| balancer.ingress.iter().flatten());
        for point in points {
            addresses.extend(point.ip.clone().filter(|ip| !ip.is_empty()));
            addresses.extend(
                point
                    .hostname
                    .clone()
                    .filter(|hostname| !hostname.is_empty()),
            );
        }
        if addresses.len() == before {
            waiting.push(ingress.metadata.name.clone().unwrap_or_default());
        }
    }
    for list in [&mut hosts, &mut addresses] {
        list.sort();
        list.dedup();
    }
    let (state, message) = match (ingresses.len(), waiting.as_slice()) {
        (0, _) => (IngressState::None, Sentence::default()),
        (_, []) => (IngressState::Ready, Sentence::default()),
        (_, waiting) => (
            IngressState::NoAddress,
            sentence!(
                "The ingress controller has not written an address to {names} yet",
                names = waiting.join(", ")
            ),
        ),
    };
    Ingress {
        state,
        tls: !hosts.is_empty()
            && hosts
                .iter()
                .all(|host| covered.iter().any(|covered| covers(covered, host))),
        hosts,
        addresses,
        message,
    }
}

/// Whether a certificate's host, which may be a wildcard for one label, covers a host.
fn covers(pattern: &str, host: &str) -> bool {
    pattern == host
        || pattern
            .strip_prefix("*.")
            .zip(host.split_once('.'))
            .is_some_and(|(domain, (_, rest))| domain == rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ingress(
        name: &str,
        host: &str,
        tls: Option<&str>,
        address: Option<serde_json::Value>,
    ) -> KubernetesIngress {
        serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {"rules": [{"host": host}], "tls": tls.map(|tls| vec![json!({"hosts": [tls]})])},
            "status": {"loadBalancer": {"ingress": address.map(|address| vec![address])}},
        }))
        .unwrap()
    }

    #[test]
    fn no_ingress_no_address_and_ready_are_told_apart() {
        assert_eq!(summarise(&[]).state, IngressState::None);

        let waiting = summarise(&[ingress("odoo", "shop.example.com", None, None)]);
        assert_eq!(waiting.state, IngressState::NoAddress);
        assert_eq!(waiting.hosts, ["shop.example.com"]);
        assert!(waiting.message.contains("odoo"), "{}", waiting.message);

        let ready = summarise(&[
            ingress(
                "odoo",
                "shop.example.com",
                None,
                Some(json!({"ip": "192.0.2.1"})),
            ),
            ingress(
                "mail",
                "mail.example.com",
                None,
                Some(json!({"hostname": "lb.example.com"})),
            ),
        ]);
        assert_eq!(ready.state, IngressState::Ready);
        assert_eq!(ready.hosts, ["mail.example.com", "shop.example.com"]);
        assert_eq!(ready.addresses, ["192.0.2.1", "lb.example.com"]);
        assert_eq!(ready.message, "");
    }

    #[test]
    fn one_ingress_without_an_address_is_not_ready() {
        let both = summarise(&[
            ingress(
                "odoo",
                "shop.example.com",
                None,
                Some(json!({"ip": "192.0.2.1"})),
            ),
            ingress("mail", "mail.example.com", None, None),
        ]);
        assert_eq!(both.state, IngressState::NoAddress);
        assert_eq!(both.addresses, ["192.0.2.1"]);
    }

    #[test]
    fn tls_means_that_every_host_is_covered() {
        let tls = |pattern| summarise(&[ingress("odoo", "shop.example.com", pattern, None)]).tls;
        assert!(tls(Some("shop.example.com")));
        assert!(tls(Some("*.example.com")));
        assert!(!tls(Some("*.com")));
        assert!(!tls(Some("other.example.com")));
        assert!(!tls(None));
    }
}
