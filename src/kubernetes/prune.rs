//! Taking away what an app's manifests no longer contain: the old inventory minus the new, and what an attempt has
//! applied that never came to say so.

use kube::api::{DeleteParams, Preconditions};

use super::owner::OWN_NAMES;
use super::{Cluster, Owner, labelled};
use crate::object::{Kinds, ObjectRef};
use crate::problem::Problem;

/// Kinds that are never pruned: they hold an app's data, or everything.
pub const NEVER_PRUNED: [&str; 3] = ["PersistentVolumeClaim", "PersistentVolume", "Namespace"];

/// What pruning did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Removed from the cluster.
    pub removed: Vec<ObjectRef>,
    /// No longer in the manifests, but kept: volumes. They stay in the inventory, so that they are not forgotten.
    pub kept: Vec<ObjectRef>,
}

/// Removes what the new inventory lacks, the last applied first: objects of the old one, and others in the namespace
/// that a deploy of ours has applied. Only objects that still carry the app's labels are touched, and never volumes.
pub async fn prune(
    cluster: &Cluster,
    namespace: &str,
    old: &[ObjectRef],
    new: &[ObjectRef],
    owner: &Owner,
) -> Result<Pruned, Problem> {
    let kinds = cluster.kinds().await?;
    let mut pruned = Pruned::default();
    for reference in left_over(cluster, &kinds, namespace, old, new, owner).await? {
        if NEVER_PRUNED.contains(&reference.kind.as_str()) {
            pruned.kept.push(reference);
        } else if delete_ours(
            cluster,
            &kinds,
            &reference,
            owner,
            &DeleteParams::background(),
        )
        .await?
        {
            pruned.removed.push(reference);
        }
    }
    Ok(pruned)
}

/// What [`prune`] would look at. An object of the old inventory may be gone already.
pub(super) async fn left_over(
    cluster: &Cluster,
    kinds: &Kinds,
    namespace: &str,
    old: &[ObjectRef],
    new: &[ObjectRef],
    owner: &Owner,
) -> Result<Vec<ObjectRef>, Problem> {
    let mut left_over = difference(old, new);
    // A worker that is killed while it applies cannot tell what it has applied.
    let known = [old, new].concat();
    for found in labelled::search(cluster, kinds, namespace, owner, &known).await? {
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
    let Some(api) = cluster.api_of(kinds, reference) else {
        return Ok(false);
    };
    let problem = |error| Problem {
        object: Some(reference.to_string()),
        ..cluster.problem(&error, &format!("delete {reference}"))
    };
    let Some(found) = cluster
        .call(api.get_metadata_opt(&reference.name))
        .await
        .map_err(problem)?
    else {
        return Ok(false);
    };
    if !owner.owns(&found.metadata) {
        return Ok(false);
    }
    // Only the very object that was looked at: one of the same name made meanwhile may be somebody else's.
    let params = params.clone().preconditions(Preconditions {
        uid: found.metadata.uid,
        ..Preconditions::default()
    });
    match cluster.call(api.delete(&reference.name, &params)).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(false),
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
