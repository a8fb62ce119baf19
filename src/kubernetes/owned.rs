//! Finding an app's objects by its labels, also those that no inventory names.

use futures::{StreamExt, TryStreamExt, stream};
use kube::ResourceExt;
use kube::api::ListParams;
use kube::core::DynamicObject;
use serde_json::Value;

use super::owner::is_applied;
use super::{App, Cluster, dns, memory};
use crate::object::{Kind, Kinds, ObjectRef, group_of};
use crate::problem::Problem;
use crate::sentence;

/// How many lists are asked for at once.
const AT_ONCE: usize = 8;

/// The kinds in which objects of an app are looked for that its inventory does not name: workloads first, so that
/// nothing runs any more when what it uses goes.
const SEARCHED: [(&str, &str); 15] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("v1", "Pod"),
    ("networking.k8s.io/v1", "Ingress"),
    ("v1", "Service"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "ServiceAccount"),
    (dns::API_VERSION, dns::KIND),
];

/// An object found by its labels.
pub(super) struct Found {
    pub(super) object: ObjectRef,
    /// Whether a deploy of ours applied it. What controllers make of our objects may carry our labels, too.
    pub(super) applied: bool,
}

/// Whole objects with the app's labels in the namespace, of kinds that the worker may list.
pub(super) async fn objects(app: &App, of: &[(&str, &str)]) -> Result<Vec<Value>, Problem> {
    let App {
        cluster,
        namespace,
        owner,
    } = app;
    let kinds = cluster.kinds().await?;
    let selected = ListParams::default().labels(&owner.selector());
    let mut objects = Vec::new();
    for (api_version, kind) in of {
        let Some(kind) = kinds.get(api_version, kind) else {
            continue;
        };
        let found = cluster
            .list(&cluster.api(kind, Some(namespace)), &selected)
            .await
            .map_err(|error| {
                cluster.problem(
                    &error,
                    sentence!(
                        "list {plural} in {namespace}",
                        plural = kind.plural,
                        namespace
                    ),
                )
            })?;
        objects.extend(found.into_iter().map(|object| whole(kind, object)));
    }
    Ok(objects)
}

/// Names of objects with the app's labels in the namespace, of the usual kinds and of those that an inventory names. A
/// kind that may not be listed is left to the inventory.
pub(super) async fn search(
    app: &App,
    kinds: &Kinds,
    inventory: &[ObjectRef],
) -> Result<Vec<Found>, Problem> {
    let App {
        cluster,
        namespace,
        owner,
    } = app;
    let (kept, others): (Vec<_>, Vec<_>) = SEARCHED
        .iter()
        .partition(|(api_version, kind)| memory::is_kept(api_version, kind));
    let Some(known) = cluster.memory.objects(app, &kept) else {
        let selector = owner.selector();
        return selected(cluster, kinds, namespace, &selector, &SEARCHED, inventory).await;
    };
    let mut found: Vec<Found> = known
        .into_iter()
        .map(|(object, applied)| Found {
            object: reference(&object),
            applied,
        })
        .collect();
    let mut inventory = inventory.to_vec();
    inventory.retain(|object| !memory::is_kept(&object.api_version, &object.kind));
    let selector = owner.selector();
    found.extend(selected(cluster, kinds, namespace, &selector, &others, &inventory).await?);
    Ok(found)
}

/// The same of what other labels select, volumes among them.
pub(super) async fn relabelled(
    cluster: &Cluster,
    kinds: &Kinds,
    namespace: &str,
    selector: &str,
    inventory: &[ObjectRef],
) -> Result<Vec<ObjectRef>, Problem> {
    let of = [&SEARCHED[..], &[("v1", "PersistentVolumeClaim")]].concat();
    let found = selected(cluster, kinds, namespace, selector, &of, inventory).await?;
    Ok(found.into_iter().map(|found| found.object).collect())
}

async fn selected(
    cluster: &Cluster,
    kinds: &Kinds,
    namespace: &str,
    selector: &str,
    of: &[(&str, &str)],
    inventory: &[ObjectRef],
) -> Result<Vec<Found>, Problem> {
    let mut searched: Vec<&Kind> = of
        .iter()
        .filter_map(|(api_version, kind)| kinds.get(api_version, kind))
        .collect();
    for object in inventory {
        let known = |kind: &&&Kind| {
            kind.kind == object.kind && group_of(&kind.api_version) == object.group()
        };
        if searched.iter().find(known).is_none()
            && let Some(kind) = kinds.get(&object.api_version, &object.kind)
            && kind.namespaced
        {
            searched.push(kind);
        }
    }
    let selected = ListParams::default().labels(selector);
    let lists: Vec<_> = searched
        .into_iter()
        .map(|kind| list(cluster, kind, namespace, &selected))
        .collect();
    let found: Vec<Vec<Found>> = stream::iter(lists).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

async fn list(
    cluster: &Cluster,
    kind: &Kind,
    namespace: &str,
    selected: &ListParams,
) -> Result<Vec<Found>, Problem> {
    let listed = match cluster
        .list_metadata(&cluster.api(kind, Some(namespace)), selected)
        .await
    {
        Ok(listed) => listed,
        Err(error) if error.is_forbidden() => return Ok(Vec::new()),
        Err(error) => {
            return Err(cluster.problem(
                &error,
                sentence!(
                    "list {plural} in {namespace}",
                    plural = kind.plural,
                    namespace
                ),
            ));
        }
    };
    let found = listed.iter().map(|object| Found {
        object: ObjectRef {
            api_version: kind.api_version.clone(),
            kind: kind.kind.clone(),
            namespace: Some(namespace.to_owned()),
            name: object.name_any(),
        },
        applied: is_applied(&object.metadata),
    });
    Ok(found.collect())
}

/// The name of an object as the API server returned it.
pub(super) fn reference(object: &Value) -> ObjectRef {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ObjectRef {
        api_version: text(&object["apiVersion"]),
        kind: text(&object["kind"]),
        namespace: object["metadata"]["namespace"].as_str().map(str::to_owned),
        name: text(&object["metadata"]["name"]),
    }
}

/// Items of a list do not name their own type.
fn whole(kind: &Kind, object: DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    value["apiVersion"] = kind.api_version.clone().into();
    value["kind"] = kind.kind.clone().into();
    value
}
