//! An app's namespace: made once, labelled as ours, never taken over from somebody else.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::owner::{APP, ENVIRONMENT, FIELD_MANAGER, INSTANCE, MANAGED_BY, NAME, UID};
use super::version::Versions;
use super::{App, Cluster, Owner, inventory, role_binding};
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;

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

/// One of our namespaces in a cluster, by its own labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OurNamespace {
    pub namespace: String,
    /// The uid that Kubernetes gave the namespace: another one of the same name has another.
    pub object: String,
    /// The app's uid; `None` where it was made before apps had one.
    pub uid: Option<String>,
    /// The id that the app has, or had, in Odoo.
    pub app: Option<i64>,
    pub name: String,
    pub environment: String,
    pub created_at: Timestamp,
    /// All labels on it.
    pub labels: BTreeMap<String, String>,
}

/// Looks whether the namespace exists and is this app's. Somebody else's, or one that is just being deleted, is a
/// problem.
pub async fn find(app: &App) -> Result<Found, Problem> {
    match read(app).await? {
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
        .map_err(|error| {
            cluster.problem(
                &error,
                sentence!("read the namespace {namespace}", namespace),
            )
        })?;
    let Some(found) = found else {
        return Ok(None);
    };
    let label = |name: &str| found.labels().get(name).cloned();
    let owner = || {
        Some(Owner {
            uid: label(UID)?.try_into().ok()?,
            instance: label(INSTANCE)?,
            app: label(APP)?.parse().ok()?,
            name: label(NAME).unwrap_or_default(),
            environment: label(ENVIRONMENT).unwrap_or_default(),
        })
    };
    match owner().filter(|owner| owner.owns_namespace(&found.metadata)) {
        Some(owner) => Ok(Some(owner)),
        None => Err(foreign(&found, None)),
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
pub async fn mark(app: &App, annotation: &str, value: &str) -> Result<Marked, Problem> {
    let App { cluster, .. } = app;
    let found = existing(app).await?;
    if found.annotations().get(annotation).map(String::as_str) == Some(value) {
        return Ok(Marked::Before);
    }
    annotate(cluster, &found, json!({ annotation: value })).await?;
    Ok(Marked::Now)
}

/// Whether the app's namespace carries an annotation with this value.
pub async fn is_marked(app: &App, annotation: &str, value: &str) -> Result<bool, Problem> {
    let found = existing(app).await?;
    Ok(found.annotations().get(annotation).map(String::as_str) == Some(value))
}

/// Takes an annotation from the app's namespace, if it has this value.
pub async fn unmark(app: &App, annotation: &str, value: &str) -> Result<(), Problem> {
    let App { cluster, .. } = app;
    let found = existing(app).await?;
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
        Err(error) if error.is_conflict() => Err(changed(&name)),
        Err(error) => {
            Err(cluster.problem(&error, sentence!("annotate the namespace {name}", name)))
        }
    }
}

/// The app's namespace, which the caller cannot do without.
pub async fn require(app: &App) -> Result<(), Problem> {
    existing(app).await.map(|_| ())
}

async fn existing(app: &App) -> Result<Namespace, Problem> {
    let App { namespace, .. } = app;
    match read(app).await? {
        Some(found) => Ok(found),
        None => Err(Problem {
            object: Some(format!("Namespace/{namespace}")),
            ..Problem::new(
                Code::NamespaceMissing,
                sentence!(
                    "The app is not in the cluster: there is no namespace {namespace}.",
                    namespace
                ),
            )
            .hint(sentence!("Press Apply to deploy the app, then try again."))
        }),
    }
}

/// The namespace, if it exists and is this app's. All that works in a namespace comes by here, so the worker gets its
/// rights there where it lacks them: the namespace may be older than the binding.
pub(super) async fn read(app: &App) -> Result<Option<Namespace>, Problem> {
    let App {
        cluster,
        namespace,
        owner,
    } = app;
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let found = cluster
        .call(api.get_opt(namespace))
        .await
        .map_err(|error| {
            cluster.problem(
                &error,
                sentence!("read the namespace {namespace}", namespace),
            )
        })?;
    match found {
        None => Ok(None),
        Some(found) if !owner.owns_namespace(&found.metadata) => Err(foreign(&found, Some(owner))),
        Some(found) if found.metadata.deletion_timestamp.is_some() => Err(terminating(namespace)),
        Some(found) => {
            role_binding::ensure(cluster, &found, false).await?;
            Ok(Some(found))
        }
    }
}

/// The app's namespace as a job that works in it has found or made it.
pub struct Home {
    /// Whether it was made just now: nothing of the app can be in it.
    pub is_new: bool,
    /// What the last deploy has noted of the app's objects.
    pub versions: Versions,
    /// As it was then.
    pub(super) metadata: ObjectMeta,
}

impl Home {
    fn new(is_new: bool, namespace: Namespace) -> Self {
        let annotations = namespace.metadata.annotations.as_ref();
        Self {
            is_new,
            versions: annotations.map(inventory::versions).unwrap_or_default(),
            metadata: namespace.metadata,
        }
    }
}

/// Makes sure that the namespace exists and is this app's; says whether it had to be made.
pub async fn ensure(app: &App) -> Result<bool, Problem> {
    let labels = [(POD_SECURITY.to_owned(), "baseline".to_owned())];
    bring(app, labels.into()).await.map(|home| home.is_new)
}

/// The same with labels that one that is made has from its first moment on, and with what is known of it then.
pub async fn bring(app: &App, labels: BTreeMap<String, String>) -> Result<Home, Problem> {
    let App {
        cluster,
        namespace,
        owner,
    } = app;
    // What no watch knows is made at once: there is one more request where it is somebody else's.
    if !cluster.memory.lacks(&owner.instance, namespace)
        && let Some(found) = read(app).await?
    {
        cluster.memory.read_namespace(&found);
        return Ok(Home::new(false, found));
    }
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let mut all = owner.namespace_labels();
    all.extend(labels);
    let wanted = Namespace {
        metadata: ObjectMeta {
            name: Some(namespace.to_owned()),
            labels: Some(all),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    let params = PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    match cluster.call(api.create(&params, &wanted)).await {
        Ok(made) => {
            cluster.memory.read_namespace(&made);
            role_binding::ensure(cluster, &made, true).await?;
            Ok(Home::new(true, made))
        }
        // Somebody was faster, or had it before: it counts only if it is ours.
        Err(error) if error.is_conflict() => match read(app).await? {
            Some(found) => {
                cluster.memory.read_namespace(&found);
                Ok(Home::new(false, found))
            }
            None => Err(changed(namespace)),
        },
        Err(error) => Err(cluster.problem(
            &error,
            sentence!("create the namespace {namespace}", namespace),
        )),
    }
}

/// All namespaces in the cluster that belong to this Odoo database.
pub async fn list(cluster: &Cluster, instance: &str) -> Result<Vec<OurNamespace>, Problem> {
    if let Some(known) = cluster.memory.namespaces(instance) {
        let labelled = |namespace: &ObjectMeta| label(namespace, MANAGED_BY) == Some(FIELD_MANAGER);
        return Ok(known.into_iter().filter(labelled).map(ours).collect());
    }
    let selector = format!("{MANAGED_BY}={FIELD_MANAGER},{INSTANCE}={instance}");
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let found = cluster
        .list_metadata(&api, &ListParams::default().labels(&selector))
        .await
        .map_err(|error| cluster.problem(&error, sentence!("list namespaces")))?;
    Ok(found
        .into_iter()
        .map(|found| ours(found.metadata))
        .collect())
}

fn label<'a>(namespace: &'a ObjectMeta, name: &str) -> Option<&'a str> {
    let labels = namespace.labels.as_ref()?;
    labels.get(name).map(String::as_str)
}

fn ours(found: ObjectMeta) -> OurNamespace {
    let text = |name| label(&found, name).unwrap_or_default().to_owned();
    OurNamespace {
        uid: label(&found, UID).map(str::to_owned),
        app: label(&found, APP).and_then(|app| app.parse().ok()),
        name: text(NAME),
        environment: text(ENVIRONMENT),
        created_at: found
            .creation_timestamp
            .map_or(Timestamp::UNIX_EPOCH, |time| time.0),
        object: found.uid.unwrap_or_default(),
        namespace: found.name.unwrap_or_default(),
        labels: found.labels.unwrap_or_default(),
    }
}

/// Why a namespace is not the app's (`None`: of no app that Chandlery knows), and the way out.
fn foreign(found: &Namespace, owner: Option<&Owner>) -> Problem {
    let namespace = &found.name_any();
    let label = |name: &str| found.labels().get(name).map(String::as_str);
    let whose = sentence!(
        "the app {name} ({environment}), number {number}",
        name = label(NAME).unwrap_or_default(),
        environment = label(ENVIRONMENT).unwrap_or_default(),
        number = label(APP).unwrap_or("?"),
    );
    let another_name =
        || sentence!("Remove or rename the one in the cluster, or give the app another name.");
    let (message, hint) = if label(MANAGED_BY) != Some(FIELD_MANAGER) || label(INSTANCE).is_none() {
        (
            sentence!(
                "The namespace {namespace} exists and was not made by Chandlery.",
                namespace
            ),
            sentence!("Chandlery never takes over a namespace of somebody else.")
                .and(" ", another_name()),
        )
    } else if owner.is_some_and(|owner| label(INSTANCE) != Some(owner.instance.as_str())) {
        (
            sentence!(
                "The namespace {namespace} exists and belongs to another Odoo database, {database}.",
                namespace,
                database = label(INSTANCE).unwrap_or_default()
            ),
            sentence!("Chandlery never takes over a namespace of another Odoo database.")
                .and(" ", another_name()),
        )
    } else if label(UID).is_none() {
        (
            sentence!(
                "The namespace {namespace} exists and was made by an older version of Chandlery for {whose}: it has no uid, so nothing proves that it is this app's.",
                namespace,
                whose
            ),
            sentence!(
                "If it is, an operator takes it over in Odoo: Kubernetes > Configuration > Namespaces Found."
            ),
        )
    } else {
        (
            sentence!(
                "The namespace {namespace} exists and belongs to another app: {whose}. An app of the same name that Odoo has forgotten, as after the restore of a backup, is another app.",
                namespace,
                whose
            ),
            sentence!(
                "If it shall be this app's, an operator takes it over in Odoo: Kubernetes > Configuration > Namespaces Found. Otherwise press \"New Namespace\" on the app and apply it again."
            ),
        )
    };
    Problem {
        object: Some(format!("Namespace/{namespace}")),
        ..Problem::new(Code::NamespaceForeign, message).hint(hint)
    }
}

/// Somebody else was faster.
pub(super) fn changed(namespace: &str) -> Problem {
    Problem {
        object: Some(format!("Namespace/{namespace}")),
        ..Problem::new(
            Code::NamespaceChanged,
            sentence!(
                "Somebody else wrote on the namespace {namespace} at the same moment.",
                namespace
            ),
        )
        .hint(sentence!("The next attempt finds out what that was."))
    }
}

pub(super) fn terminating(namespace: &str) -> Problem {
    Problem {
        object: Some(format!("Namespace/{namespace}")),
        ..Problem::new(Code::NamespaceTerminating, sentence!("The namespace {namespace} is still being deleted.", namespace))
            .hint(sentence!("The job starts again when it is gone. If it stays for long, see the namespace's conditions in the cluster."))
    }
}
