//! An app's namespace: made once, labelled as ours, never taken over from somebody else.

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, ListParams, ObjectMeta, PostParams};

use super::owner::{APP, FIELD_MANAGER, INSTANCE, MANAGED_BY};
use super::{Cluster, Owner};
use crate::problem::Problem;

/// Whose namespace that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nobody's: it does not exist.
    Absent,
    /// This app's.
    Ours,
}

/// One of our namespaces in a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OurNamespace {
    pub namespace: String,
    /// The app's id in Odoo.
    pub app: i64,
}

/// Looks whether the namespace exists and is this app's. Somebody else's, or one that is just being deleted, is a
/// problem.
pub async fn find(cluster: &Cluster, namespace: &str, owner: &Owner) -> Result<Found, Problem> {
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let Some(found) = cluster
        .call(api.get_opt(namespace))
        .await
        .map_err(|error| cluster.problem(&error, &format!("read the namespace {namespace}")))?
    else {
        return Ok(Found::Absent);
    };
    if !owner.owns_namespace(&found.metadata) {
        return Err(foreign(namespace));
    }
    if found.metadata.deletion_timestamp.is_some() {
        return Err(terminating(namespace));
    }
    Ok(Found::Ours)
}

/// Makes sure that the namespace exists and is this app's; says whether it had to be made.
pub async fn ensure(cluster: &Cluster, namespace: &str, owner: &Owner) -> Result<bool, Problem> {
    match find(cluster, namespace, owner).await? {
        Found::Ours => Ok(false),
        Found::Absent => {
            let api: Api<Namespace> = Api::all(cluster.client.clone());
            let wanted = Namespace {
                metadata: ObjectMeta {
                    name: Some(namespace.to_owned()),
                    labels: Some(owner.namespace_labels()),
                    ..ObjectMeta::default()
                },
                ..Namespace::default()
            };
            let params = PostParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PostParams::default()
            };
            match cluster.call(api.create(&params, &wanted)).await {
                Ok(_) => Ok(true),
                // Somebody was faster: it counts only if it is ours.
                Err(error) if error.is_conflict() => {
                    find(cluster, namespace, owner).await.map(|_| false)
                }
                Err(error) => {
                    Err(cluster.problem(&error, &format!("create the namespace {namespace}")))
                }
            }
        }
    }
}

/// All namespaces in the cluster that belong to this Odoo database.
pub async fn list(cluster: &Cluster, instance: &str) -> Result<Vec<OurNamespace>, Problem> {
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let selector = format!("{MANAGED_BY}={FIELD_MANAGER},{INSTANCE}={instance}");
    let found = cluster
        .call(api.list_metadata(&ListParams::default().labels(&selector)))
        .await
        .map_err(|error| cluster.problem(&error, "list namespaces"))?;
    Ok(found
        .into_iter()
        .filter_map(|namespace| {
            let app = namespace.labels().get(APP)?.parse().ok()?;
            Some(OurNamespace {
                namespace: namespace.name_any(),
                app,
            })
        })
        .collect())
}

fn foreign(namespace: &str) -> Problem {
    Problem {
        object: Some(format!("Namespace/{namespace}")),
        ..Problem::new("namespace_foreign", format!("The namespace {namespace} exists and does not belong to this app."))
            .hint("Chandlery never takes over a namespace. Remove or rename the one in the cluster, or give the app another name.")
    }
}

fn terminating(namespace: &str) -> Problem {
    Problem {
        object: Some(format!("Namespace/{namespace}")),
        ..Problem::transient("namespace_terminating", format!("The namespace {namespace} is still being deleted."))
            .hint("The job starts again when it is gone. If it stays for long, see the namespace's conditions in the cluster.")
    }
}
