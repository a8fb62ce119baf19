//! An app's namespace: made once, labelled as ours, never taken over from somebody else.

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::owner::{APP, ENVIRONMENT, FIELD_MANAGER, INSTANCE, MANAGED_BY, NAME};
use super::{Cluster, Owner, role_binding};
use crate::problem::Problem;

/// Which pods the API server lets into a namespace. From its first moment on, so that nothing can run there before.
const POD_SECURITY: &str = "pod-security.kubernetes.io/enforce";

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
    match read(cluster, namespace, owner).await? {
        None => Ok(Found::Absent),
        Some(_) => Ok(Found::Ours),
    }
}

/// Whose a namespace is, by its own labels; `None` where there is no such namespace.
///
/// # Errors
/// `namespace_foreign`: it is nobody's that Chandlery knows.
pub async fn owner(cluster: &Cluster, namespace: &str) -> Result<Option<Owner>, Problem> {
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let found = cluster
        .call(api.get_opt(namespace))
        .await
        .map_err(|error| cluster.problem(&error, &format!("read the namespace {namespace}")))?;
    let Some(found) = found else {
        return Ok(None);
    };
    let label = |name: &str| found.labels().get(name).cloned();
    let owner = || {
        Some(Owner {
            instance: label(INSTANCE)?,
            app: label(APP)?.parse().ok()?,
            name: label(NAME).unwrap_or_default(),
            environment: label(ENVIRONMENT).unwrap_or_default(),
        })
    };
    match owner().filter(|owner| owner.owns_namespace(&found.metadata)) {
        Some(owner) => Ok(Some(owner)),
        None => Err(foreign(namespace)),
    }
}

/// Whether [`mark`] changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    Now,
    /// It carried this very value.
    Before,
}

/// Puts an annotation on the app's namespace, in place of any other value.
///
/// # Errors
/// `namespace_changed` (passes): somebody else wrote on it at the same moment.
pub async fn mark(
    cluster: &Cluster,
    namespace: &str,
    owner: &Owner,
    annotation: &str,
    value: &str,
) -> Result<Marked, Problem> {
    let found = existing(cluster, namespace, owner).await?;
    if found.annotations().get(annotation).map(String::as_str) == Some(value) {
        return Ok(Marked::Before);
    }
    annotate(cluster, &found, json!({ annotation: value })).await?;
    Ok(Marked::Now)
}

/// Whether the app's namespace carries an annotation with this value.
pub async fn is_marked(
    cluster: &Cluster,
    namespace: &str,
    owner: &Owner,
    annotation: &str,
    value: &str,
) -> Result<bool, Problem> {
    let found = existing(cluster, namespace, owner).await?;
    Ok(found.annotations().get(annotation).map(String::as_str) == Some(value))
}

/// Takes an annotation from the app's namespace, if it has this value.
pub async fn unmark(
    cluster: &Cluster,
    namespace: &str,
    owner: &Owner,
    annotation: &str,
    value: &str,
) -> Result<(), Problem> {
    let found = existing(cluster, namespace, owner).await?;
    if found.annotations().get(annotation).map(String::as_str) != Some(value) {
        return Ok(());
    }
    annotate(cluster, &found, json!({ annotation: null })).await
}

async fn annotate(cluster: &Cluster, found: &Namespace, annotations: Value) -> Result<(), Problem> {
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let name = found.name_any();
    // The version makes the server refuse when somebody else writes at the same moment.
    let patch = json!({"metadata": {
        "resourceVersion": found.metadata.resource_version,
        "annotations": annotations,
    }});
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    match cluster
        .call(api.patch(&name, &params, &Patch::Merge(patch)))
        .await
    {
        Ok(_) => Ok(()),
        Err(error) if error.is_conflict() => Err(Problem {
            object: Some(format!("Namespace/{name}")),
            ..Problem::transient(
                "namespace_changed",
                format!("Somebody else wrote on the namespace {name} at the same moment."),
            )
            .hint("The next attempt finds out what that was.")
        }),
        Err(error) => Err(cluster.problem(&error, &format!("annotate the namespace {name}"))),
    }
}

/// The app's namespace, which the caller cannot do without.
pub async fn require(cluster: &Cluster, namespace: &str, owner: &Owner) -> Result<(), Problem> {
    existing(cluster, namespace, owner).await.map(|_| ())
}

async fn existing(cluster: &Cluster, namespace: &str, owner: &Owner) -> Result<Namespace, Problem> {
    match read(cluster, namespace, owner).await? {
        Some(found) => Ok(found),
        None => Err(Problem {
            object: Some(format!("Namespace/{namespace}")),
            ..Problem::new(
                "namespace_missing",
                format!("The app is not in the cluster: there is no namespace {namespace}."),
            )
            .hint("Press Apply to deploy the app, then try again.")
        }),
    }
}

/// The namespace, if it exists and is this app's. All that works in a namespace comes by here, so the worker gets its
/// rights there where it lacks them: the namespace may be older than the binding.
async fn read(
    cluster: &Cluster,
    namespace: &str,
    owner: &Owner,
) -> Result<Option<Namespace>, Problem> {
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let found = cluster
        .call(api.get_opt(namespace))
        .await
        .map_err(|error| cluster.problem(&error, &format!("read the namespace {namespace}")))?;
    match found {
        None => Ok(None),
        Some(found) if !owner.owns_namespace(&found.metadata) => Err(foreign(namespace)),
        Some(found) if found.metadata.deletion_timestamp.is_some() => Err(terminating(namespace)),
        Some(found) => {
            role_binding::ensure(cluster, namespace).await?;
            Ok(Some(found))
        }
    }
}

/// Makes sure that the namespace exists and is this app's; says whether it had to be made.
pub async fn ensure(cluster: &Cluster, namespace: &str, owner: &Owner) -> Result<bool, Problem> {
    match find(cluster, namespace, owner).await? {
        Found::Ours => Ok(false),
        Found::Absent => {
            let api: Api<Namespace> = Api::all(cluster.client.clone());
            let mut labels = owner.namespace_labels();
            labels.insert(POD_SECURITY.to_owned(), "baseline".to_owned());
            let wanted = Namespace {
                metadata: ObjectMeta {
                    name: Some(namespace.to_owned()),
                    labels: Some(labels),
                    ..ObjectMeta::default()
                },
                ..Namespace::default()
            };
            let params = PostParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PostParams::default()
            };
            match cluster.call(api.create(&params, &wanted)).await {
                Ok(_) => role_binding::ensure(cluster, namespace)
                    .await
                    .map(|()| true),
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
