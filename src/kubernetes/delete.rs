//! Removing an app from a cluster: its objects, last applied first, or its whole namespace; done when all is gone.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, Preconditions};

use super::apply::waits_for;
use super::generated::SECRET_NAME;
use super::owner::OWN_NAMES;
use super::poll::Polling;
use super::prune::{NEVER_PRUNED, Removal, delete_ours, remove};
use super::{App, Cluster, Owner, namespace, owned};
use crate::code::Code;
use crate::object::{Kinds, ObjectRef};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;
use crate::slot;

/// What a delete leaves in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The namespace with its PersistentVolumeClaims, and the generated passwords that the data in them needs.
    Volumes,
    /// The namespace with what Chandlery itself keeps there, passwords above all: for an app that begins anew.
    Passwords,
    Nothing,
}

/// What a delete did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Number of objects removed; of a namespace that went as a whole, those named in the inventory.
    pub objects: u32,
    /// Whether the namespace is gone too.
    pub namespace_deleted: bool,
    /// What stays in the cluster: the volumes, where they are kept.
    pub kept: Vec<ObjectRef>,
}

/// Removes an app but for what is to be kept, and waits until it is gone, at most `limit`.
///
/// An app that is not there is deleted already. A namespace that is not the app's is a problem and not touched.
pub async fn delete(
    app: &App,
    inventory: &[ObjectRef],
    keep: Keep,
    limit: Duration,
    mut progress: impl FnMut(&Sentence),
) -> Result<Deleted, Problem> {
    let App {
        cluster,
        namespace,
        owner,
    } = app;
    let polling = Polling::new(limit);
    let kinds = cluster.kinds().await?;
    let mut deleted = Deleted::default();
    let (present, going) = match namespace::find(app).await {
        Ok(found) => (found == namespace::Found::Ours, false),
        // It is ours and goes already, with all that is in it, the worker's rights there too: what is left is to wait.
        Err(problem) if problem.code == Code::NamespaceTerminating => (true, true),
        Err(problem) => return Err(problem),
    };
    // What stands outside the namespace does not go with it.
    let mut outside = Vec::new();
    for reference in inventory
        .iter()
        .rev()
        .filter(|reference| reference.namespace.as_deref() != Some(namespace))
    {
        if keep == Keep::Volumes && is_volume(reference) {
            deleted.kept.push(reference.clone());
        } else if delete_ours(
            cluster,
            &kinds,
            reference,
            owner,
            &DeleteParams::background(),
        )
        .await?
        {
            deleted.objects += 1;
            outside.push(reference.clone());
        }
    }
    if !present {
        deleted.namespace_deleted = true;
    } else if keep != Keep::Nothing && !going {
        let inside = inventory
            .iter()
            .rev()
            .filter(|reference| reference.namespace.as_deref() == Some(namespace));
        let found = owned::search(app, &kinds, inventory).await?;
        let doomed = doomed(inside, found.into_iter().map(|found| found.object), keep);
        for reference in &doomed {
            // In the foreground, so that an object is gone only when its pods are.
            if delete_ours(
                cluster,
                &kinds,
                reference,
                owner,
                &DeleteParams::foreground(),
            )
            .await?
            {
                deleted.objects += 1;
            }
        }
        wait_until_gone(app, &kinds, &doomed, polling, &mut progress).await?;
        let volumes = volumes(cluster, &kinds, namespace).await?;
        if keep == Keep::Volumes {
            deleted
                .kept
                .extend(volumes.into_iter().map(|claim| claim.object));
        } else {
            deleted.objects +=
                delete_volumes(cluster, &kinds, namespace, volumes, polling, &mut progress).await?;
        }
    } else {
        deleted.objects += u32::try_from(
            inventory
                .iter()
                .filter(|reference| reference.namespace.as_deref() == Some(namespace))
                .count(),
        )
        .unwrap_or(u32::MAX);
        let is_ours = |metadata: &_| owner.owns_namespace(metadata);
        let gone = delete_namespace(cluster, namespace, is_ours, polling, &mut progress);
        slot::waiting(gone).await?;
        deleted.namespace_deleted = true;
    }
    let gone = async {
        loop {
            let left = still_there(cluster, &kinds, &outside, owner).await?;
            if left.is_empty() {
                return Ok(deleted);
            }
            wait(polling, &left, &mut progress).await?;
        }
    };
    slot::waiting(gone).await
}

/// Shuts out who visits the app, before anything that answers them goes: removes the Ingresses of the inventory and waits
/// until they are gone, at most `limit`. Returns how many there were.
pub async fn close(
    app: &App,
    inventory: &[ObjectRef],
    limit: Duration,
    mut progress: impl FnMut(&Sentence),
) -> Result<u32, Problem> {
    let App { cluster, owner, .. } = app;
    let polling = Polling::new(limit);
    match namespace::find(app).await {
        Ok(namespace::Found::Ours) => {}
        // What is gone or goes as a whole has no doors to close.
        Ok(_) => return Ok(0),
        Err(problem) if problem.code == Code::NamespaceTerminating => return Ok(0),
        Err(problem) => return Err(problem),
    }
    let kinds = cluster.kinds().await?;
    let mut closed = Vec::new();
    for reference in inventory.iter().rev().filter(|object| is_door(object)) {
        let params = DeleteParams::background();
        if delete_ours(cluster, &kinds, reference, owner, &params).await? {
            closed.push(reference.clone());
        }
    }
    let gone = async {
        loop {
            let left = still_there(cluster, &kinds, &closed, owner).await?;
            if left.is_empty() {
                return Ok(u32::try_from(closed.len()).unwrap_or(u32::MAX));
            }
            wait(polling, &left, &mut progress).await?;
        }
    };
    slot::waiting(gone).await
}

/// Whether visitors come in by it.
pub fn is_door(object: &ObjectRef) -> bool {
    object.kind == "Ingress" && object.group() == "networking.k8s.io"
}

/// What to delete and in which order: the inventory's objects, then what else was found. Volumes come later, if at all.
fn doomed<'a>(
    inventory: impl Iterator<Item = &'a ObjectRef>,
    found: impl Iterator<Item = ObjectRef>,
    keep: Keep,
) -> Vec<ObjectRef> {
    let mut doomed: Vec<ObjectRef> = inventory.cloned().collect();
    for found in found {
        if !doomed.iter().any(|known| known.is_same_object(&found)) {
            doomed.push(found);
        }
    }
    doomed.retain(|reference| {
        let kept = match keep {
            Keep::Volumes => reference.kind == "Secret" && reference.name == SECRET_NAME,
            Keep::Passwords => OWN_NAMES.contains(&reference.name.as_str()),
            Keep::Nothing => false,
        };
        !kept && !is_volume(reference)
    });
    doomed
}

fn is_volume(reference: &ObjectRef) -> bool {
    NEVER_PRUNED.contains(&reference.kind.as_str())
}

/// Deletes all claims of the app's own namespace, those too that a StatefulSet has made without our labels.
async fn delete_volumes(
    cluster: &Cluster,
    kinds: &Kinds,
    namespace: &str,
    claims: Vec<Claim>,
    polling: Polling,
    progress: &mut impl FnMut(&Sentence),
) -> Result<u32, Problem> {
    let mut left = claims;
    let mut deleted = 0;
    for claim in &left {
        let Claim { object, uid } = claim;
        // One of the same name made later holds other data.
        let is_meant = |found: &ObjectMeta| found.uid == *uid;
        let params = DeleteParams::background();
        match remove(cluster, kinds, object, &params, is_meant).await? {
            Removal::Nothing => {}
            Removal::Removed | Removal::Held(_) => deleted += 1,
        }
    }
    let gone = async {
        while !left.is_empty() {
            let names = left.iter().map(|claim| claim.object.to_string().into());
            wait(polling, &names.collect::<Vec<_>>(), progress).await?;
            left = volumes(cluster, kinds, namespace).await?;
        }
        Ok(deleted)
    };
    slot::waiting(gone).await
}

async fn wait_until_gone(
    app: &App,
    kinds: &Kinds,
    doomed: &[ObjectRef],
    polling: Polling,
    progress: &mut impl FnMut(&Sentence),
) -> Result<(), Problem> {
    let App {
        cluster,
        namespace,
        owner,
    } = app;
    let gone = async {
        loop {
            let mut left = still_there(cluster, kinds, doomed, owner).await?;
            left.extend(ending_pods(cluster, namespace).await?);
            if left.is_empty() {
                return Ok(());
            }
            wait(polling, &left, progress).await?;
        }
    };
    slot::waiting(gone).await
}

/// Deletes a namespace for as long as it `is_ours`, and waits until it is gone.
pub(super) async fn delete_namespace(
    cluster: &Cluster,
    namespace: &str,
    is_ours: impl Fn(&ObjectMeta) -> bool,
    polling: Polling,
    progress: &mut impl FnMut(&Sentence),
) -> Result<(), Problem> {
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let doing = sentence!("delete the namespace {namespace}", namespace);
    loop {
        let found = cluster
            .call(api.get_opt(namespace))
            .await
            .map_err(|error| cluster.problem(&error, &doing))?;
        let Some(found) = found.filter(|found| is_ours(&found.metadata)) else {
            return Ok(());
        };
        if found.metadata.deletion_timestamp.is_none() {
            let params = DeleteParams::background().preconditions(Preconditions {
                uid: found.metadata.uid.clone(),
                // It may be given to somebody else meanwhile.
                resource_version: found.metadata.resource_version.clone(),
            });
            match cluster.call(api.delete(namespace, &params)).await {
                Ok(_) => {}
                Err(error) if error.is_not_found() || error.is_conflict() => {}
                Err(error) => return Err(cluster.problem(&error, &doing)),
            }
        }
        let stuck: Vec<String> = found
            .status
            .iter()
            .flat_map(|status| status.conditions.iter().flatten())
            .filter(|condition| condition.status == "True")
            .filter_map(|condition| condition.message.clone())
            .collect();
        let what = match stuck.is_empty() {
            true => format!("Namespace/{namespace}"),
            false => format!("Namespace/{namespace}: {}", stuck.join("; ")),
        };
        wait(polling, &[what.into()], progress).await?;
    }
}

/// Which of the objects are in the cluster and ours, with what they wait for.
async fn still_there(
    cluster: &Cluster,
    kinds: &Kinds,
    objects: &[ObjectRef],
    owner: &Owner,
) -> Result<Vec<Sentence>, Problem> {
    let mut left = Vec::new();
    for reference in objects {
        let Some(api) = cluster.api_of(kinds, reference) else {
            continue;
        };
        let found = cluster
            .call(api.get_metadata_opt(&reference.name))
            .await
            .map_err(|error| cluster.problem(&error, sentence!("read {reference}", reference)))?;
        let Some(found) = found.filter(|found| owner.owns(&found.metadata)) else {
            continue;
        };
        left.push(match waits_for(&found.metadata) {
            Some(waits) => sentence!("{object} ({waits})", object = reference, waits),
            None => reference.to_string().into(),
        });
    }
    Ok(left)
}

/// Pods that are still ending hold their volumes.
async fn ending_pods(cluster: &Cluster, namespace: &str) -> Result<Vec<Sentence>, Problem> {
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
    let pods = cluster
        .list_metadata(&api, &ListParams::default())
        .await
        .map_err(|error| {
            cluster.problem(&error, sentence!("list pods in {namespace}", namespace))
        })?;
    Ok(pods
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_some())
        .map(|pod| format!("Pod/{}", pod.name_any()).into())
        .collect())
}

/// A volume of the app.
struct Claim {
    object: ObjectRef,
    uid: Option<String>,
}

async fn volumes(cluster: &Cluster, kinds: &Kinds, namespace: &str) -> Result<Vec<Claim>, Problem> {
    let Some(kind) = kinds.get("v1", "PersistentVolumeClaim") else {
        return Ok(Vec::new());
    };
    let claims = cluster
        .list_metadata(&cluster.api(kind, Some(namespace)), &ListParams::default())
        .await
        .map_err(|error| {
            cluster.problem(&error, sentence!("list volumes in {namespace}", namespace))
        })?;
    Ok(claims
        .iter()
        .map(|claim| Claim {
            object: ObjectRef {
                api_version: kind.api_version.clone(),
                kind: kind.kind.clone(),
                namespace: Some(namespace.to_owned()),
                name: claim.name_any(),
            },
            uid: claim.metadata.uid.clone(),
        })
        .collect())
}

async fn wait(
    polling: Polling,
    left: &[Sentence],
    progress: &mut impl FnMut(&Sentence),
) -> Result<(), Problem> {
    let late = |what: Sentence| {
        Problem::new(Code::NotDeleted, sentence!("Still in the cluster: {what}.", what))
            .hint(sentence!("Something holds it, usually a finalizer whose controller does not run. The next attempt goes on from here."))
    };
    let until = |what: Sentence| sentence!("Waiting until {what} is gone", what);
    polling.wait(left, until, progress, late).await
}
