//! DNS records for external-dns: the `DNSEndpoint` of an app, where the cluster has that kind.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::App;
use super::owner::FIELD_MANAGER;
use super::version::{Expected, TRIES};
use crate::problem::Problem;
use crate::sentence;

/// external-dns' kind; a cluster without external-dns' CRD does not serve it.
pub const API_VERSION: &str = "externaldns.k8s.io/v1alpha1";
pub const KIND: &str = "DNSEndpoint";

/// The object that holds an app's mail records. Manifests may not have one of this name.
pub const NAME: &str = "chandlery-mail";

/// All records of one type and name, as external-dns reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub name: String,
    /// `TXT`, `MX`, …
    pub record_type: String,
    /// One per record, as the record's data stands in a zone file, host names without a dot at their end.
    pub targets: Vec<String>,
}

/// Has external-dns publish exactly these records for the app, whose namespace must exist. `false`: nobody there does
/// such things.
pub async fn publish(app: &App, endpoints: &[Endpoint]) -> Result<bool, Problem> {
    let App {
        cluster,
        namespace,
        owner,
    } = app;
    let kinds = cluster.kinds().await?;
    let Some(kind) = kinds.get(API_VERSION, KIND) else {
        return Ok(false);
    };
    let api = cluster.api(kind, Some(namespace));
    let problem = |error| Problem {
        object: Some(format!("{KIND}/{NAME}")),
        ..cluster.problem(
            &error,
            sentence!("publish DNS records in {namespace}", namespace),
        )
    };
    let mut tries = 0;
    loop {
        let found = cluster.call(api.get_metadata_opt(NAME)).await;
        let found = found.map_err(problem)?;
        if let Some(found) = &found
            && !owner.owns(&found.metadata)
        {
            return Err(super::foreign_object(KIND, NAME));
        }
        tries += 1;
        let mut wanted = object(namespace, endpoints);
        owner.label(&mut wanted);
        Expected::seen(found.as_ref().map(|found| &found.metadata)).put(&mut wanted);
        let params = PatchParams::apply(FIELD_MANAGER)
            .force()
            .validation_strict();
        let wanted = Patch::Apply(&wanted);
        match cluster.call(api.patch(NAME, &params, &wanted)).await {
            Ok(_) => return Ok(true),
            // external-dns writes on it, too.
            Err(error) if error.is_of_another() && tries < TRIES => {}
            Err(error) => return Err(problem(error)),
        }
    }
}

fn object(namespace: &str, endpoints: &[Endpoint]) -> Value {
    let endpoints: Vec<Value> = endpoints
        .iter()
        .map(|endpoint| {
            json!({
                "dnsName": endpoint.name,
                "recordType": endpoint.record_type,
                "targets": endpoint.targets,
            })
        })
        .collect();
    json!({
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {"endpoints": endpoints},
    })
}
