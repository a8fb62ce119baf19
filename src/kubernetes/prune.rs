//! Taking away what an app's manifests no longer contain: the old inventory minus the new.

use kube::api::{DeleteParams, Preconditions};

use super::{Cluster, Owner};
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

/// Removes the objects of the old inventory that the new one lacks, the last applied first. Only objects that still
/// carry the app's labels are touched, and never volumes.
pub async fn prune(
    cluster: &Cluster,
    old: &[ObjectRef],
    new: &[ObjectRef],
    owner: &Owner,
) -> Result<Pruned, Problem> {
    let mut pruned = Pruned::default();
    let left_over: Vec<&ObjectRef> = left_over(old, new).collect();
    if left_over.is_empty() {
        return Ok(pruned);
    }
    let kinds = cluster.kinds().await?;
    for reference in left_over {
        if NEVER_PRUNED.contains(&reference.kind.as_str()) {
            pruned.kept.push(reference.clone());
        } else if delete_ours(
            cluster,
            &kinds,
            reference,
            owner,
            &DeleteParams::background(),
        )
        .await?
        {
            pruned.removed.push(reference.clone());
        }
    }
    Ok(pruned)
}

fn left_over<'a>(
    old: &'a [ObjectRef],
    new: &'a [ObjectRef],
) -> impl Iterator<Item = &'a ObjectRef> {
    old.iter()
        .rev()
        .filter(|old| !new.iter().any(|new| new.is_same_object(old)))
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
        let names: Vec<&str> = left_over(&old, &new)
            .map(|reference| reference.name.as_str())
            .collect();
        assert_eq!(names, ["c", "a"]);
    }
}
