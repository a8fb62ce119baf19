//! Taking away what an app's manifests no longer contain: the old inventory minus the new, and what an attempt has
//! applied that never came to say so.

use kube::api::{DeleteParams, Preconditions};

use super::apply::waits_for;
use super::owner::OWN_NAMES;
use super::{App, Cluster, Owner, owned};
use crate::object::{Kinds, ObjectRef};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// Kinds that are never pruned: they hold an app's data, or everything.
pub const NEVER_PRUNED: [&str; 3] = ["PersistentVolumeClaim", "PersistentVolume", "Namespace"];

/// What pruning did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Removed from the cluster.
    pub removed: Vec<ObjectRef>,
    /// No longer in the manifests, but kept: volumes. They stay in the inventory, so that they are not forgotten.
    pub kept: Vec<ObjectRef>,
    /// Asked to go, and still there. They stay in the inventory, too.
    pub held: Vec<Held>,
}

/// An object that is being deleted and stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub object: ObjectRef,
    /// What it waits for: `waits for the finalizer example.com/x`.
    pub waits: Sentence,
}

impl Held {
    /// The object, and what it waits for.
    pub fn sentence(&self) -> Sentence {
        sentence!(
            "{object} ({waits})",
            object = self.object,
            waits = self.waits
        )
    }
}

/// What asking for an object's deletion did.
pub(super) enum Removal {
    /// It was not there, or is not ours.
    Nothing,
    Removed,
    /// It stays until what it waits for has happened.
    Held(Sentence),
}

/// Removes what the new inventory lacks, the last applied first: objects of the old one, and others in the namespace
/// that a deploy of ours has applied. Only objects that still carry the app's labels are touched, and never volumes.
pub async fn prune(app: &App, old: &[ObjectRef], new: &[ObjectRef]) -> Result<Pruned, Problem> {
    let App { cluster, owner, .. } = app;
    let kinds = cluster.kinds().await?;
    let mut pruned = Pruned::default();
    for reference in left_over(app, &kinds, old, new).await? {
        if NEVER_PRUNED.contains(&reference.kind.as_str()) {
            pruned.kept.push(reference);
            continue;
        }
        let params = DeleteParams::background();
        match remove_ours(cluster, &kinds, &reference, owner, &params).await? {
            Removal::Nothing => {}
            Removal::Removed => pruned.removed.push(reference),
            Removal::Held(waits) => pruned.held.push(Held {
                object: reference,
                waits,
            }),
        }
    }
    Ok(pruned)
}

/// What [`prune`] would look at. An object of the old inventory may be gone already.
pub(super) async fn left_over(
    app: &App,
    kinds: &Kinds,
    old: &[ObjectRef],
    new: &[ObjectRef],
) -> Result<Vec<ObjectRef>, Problem> {
    let mut left_over = difference(old, new);
    // A worker that is killed while it applies cannot tell what it has applied.
    let known = [old, new].concat();
    for found in owned::search(app, kinds, &known).await? {
        let object = found.object;
        if found.applied
            && !OWN_NAMES.contains(&object.name.as_str())
            && !known.iter().any(|known| known.is_same_object(&object))
        {
            left_over.push(object);
        }
    }
    Ok(left_over)
}

fn difference(old: &[ObjectRef], new: &[ObjectRef]) -> Vec<ObjectRef> {
    old.iter()
        .rev()
        .filter(|old| !new.iter().any(|new| new.is_same_object(old)))
        .cloned()
        .collect()
}

/// Deletes an object if it is there and ours; says whether it was.
pub(super) async fn delete_ours(
    cluster: &Cluster,
    kinds: &Kinds,
    reference: &ObjectRef,
    owner: &Owner,
    params: &DeleteParams,
) -> Result<bool, Problem> {
    let removal = remove_ours(cluster, kinds, reference, owner, params).await?;
    Ok(!matches!(removal, Removal::Nothing))
}

/// Deletes an object if it is there and ours; says what became of it.
async fn remove_ours(
    cluster: &Cluster,
    kinds: &Kinds,
    reference: &ObjectRef,
    owner: &Owner,
    params: &DeleteParams,
) -> Result<Removal, Problem> {
    let Some(api) = cluster.api_of(kinds, reference) else {
        return Ok(Removal::Nothing);
    };
    let problem = |error| Problem {
        object: Some(reference.to_string()),
        ..cluster.problem(&error, sentence!("delete {reference}", reference))
    };
    let Some(found) = cluster
        .call(api.get_metadata_opt(&reference.name))
        .await
        .map_err(problem)?
    else {
        return Ok(Removal::Nothing);
    };
    if !owner.owns(&found.metadata) {
        return Ok(Removal::Nothing);
    }
    // Only the very object that was looked at: one of the same name made meanwhile may be somebody else's.
    let params = params.clone().preconditions(Preconditions {
        uid: found.metadata.uid,
        ..Preconditions::default()
    });
    match cluster.call(api.delete(&reference.name, &params)).await {
        // The object as it is then, where something keeps it.
        Ok(answer) => Ok(
            match answer.left().and_then(|left| waits_for(&left.metadata)) {
                Some(waits) => Removal::Held(waits),
                None => {
                    cluster.memory.deleted(reference);
                    Removal::Removed
                }
            },
        ),
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(Removal::Nothing),
        Err(error) => Err(problem(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_manifests_no_longer_contain_is_left_over_last_first() {
        let reference = |name: &str, api_version: &str| ObjectRef {
            api_version: api_version.to_owned(),
            kind: "ConfigMap".to_owned(),
            namespace: Some("shop".to_owned()),
            name: name.to_owned(),
        };
        let old = [
            reference("a", "v1"),
            reference("b", "v1"),
            reference("c", "v1"),
        ];
        let new = [reference("b", "v1")];
        let names: Vec<String> = difference(&old, &new)
            .into_iter()
            .map(|reference| reference.name)
            .collect();
        assert_eq!(names, ["c", "a"]);
    }
}
