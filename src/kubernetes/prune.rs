//! Taking away what an app's manifests no longer contain: the old inventory minus the new, and what an attempt has
//! applied that never came to say so.

use kube::api::{DeleteParams, ObjectMeta, Preconditions};

use super::apply::waits_for;
use super::owner::OWN_NAMES;
use super::version::TRIES;
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

/// Removes what the new inventory lacks, the last applied first: objects of the old one, and those that were noted before
/// they were applied; where there is no such note, others in the namespace that a deploy of ours has applied. Only objects
/// that still carry the app's labels are touched, and never volumes.
pub async fn prune(
    app: &App,
    old: &[ObjectRef],
    noted: Option<&[ObjectRef]>,
    new: &[ObjectRef],
) -> Result<Pruned, Problem> {
    let App { cluster, owner, .. } = app;
    let kinds = cluster.kinds().await?;
    let mut pruned = Pruned::default();
    for reference in left_over(app, &kinds, old, noted, new).await? {
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
    noted: Option<&[ObjectRef]>,
    new: &[ObjectRef],
) -> Result<Vec<ObjectRef>, Problem> {
    let mut left_over = difference(old, new);
    // A worker that is killed while it applies cannot tell what it has applied.
    if let Some(noted) = noted {
        left_over.extend(difference(noted, &[old, new].concat()));
        return Ok(left_over);
    }
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
    remove(cluster, kinds, reference, params, |found| owner.owns(found)).await
}

/// Deletes an object if it is there and meant. The request names the version that was looked at: one of the same name made
/// meanwhile may be somebody else's, and what a lost attempt asks for must not happen after what the next one has brought.
pub(super) async fn remove(
    cluster: &Cluster,
    kinds: &Kinds,
    reference: &ObjectRef,
    params: &DeleteParams,
    is_meant: impl Fn(&ObjectMeta) -> bool,
) -> Result<Removal, Problem> {
    let Some(api) = cluster.api_of(kinds, reference) else {
        return Ok(Removal::Nothing);
    };
    let problem = |error| Problem {
        object: Some(reference.to_string()),
        ..cluster.problem(&error, sentence!("delete {reference}", reference))
    };
    let mut tries = 0;
    loop {
        let found = cluster.call(api.get_metadata_opt(&reference.name)).await;
        let found = found.map_err(problem)?;
        let Some(found) = found.filter(|found| is_meant(&found.metadata)) else {
            return Ok(Removal::Nothing);
        };
        tries += 1;
        let params = params.clone().preconditions(Preconditions {
            uid: found.metadata.uid,
            resource_version: found.metadata.resource_version,
        });
        return match cluster.call(api.delete(&reference.name, &params)).await {
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
            Err(error) if error.is_not_found() => Ok(Removal::Nothing),
            Err(error) if error.is_conflict() && tries < TRIES => continue,
            Err(error) => Err(problem(error)),
        };
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
