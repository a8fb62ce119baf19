//! The Jobs of a reset: they run once for each job in Odoo, and not once for each attempt at it.

use std::time::Duration;

use kube::api::DeleteParams;
use serde_json::Value;

use super::poll::Polling;
use super::prune::{NEVER_PRUNED, delete_ours};
use super::{Cluster, Owner};
use crate::code::Code;
use crate::object::{Object, ObjectRef};
use crate::problem::Problem;
use crate::sentence;
use crate::slot;
use crate::uid::Uid;

/// On an object: the job that applied it as part of a reset.
pub const RESET_BY_JOB: &str = "chandlery.dev/reset-by-job";

/// How long a Job of an earlier reset may take to go.
const LIMIT: Duration = Duration::from_secs(300);

/// Marks an object as part of the reset of a job.
pub fn mark(object: &mut Object, job: &Uid) {
    let annotations = &mut object.value["metadata"]["annotations"];
    if !annotations.is_object() {
        *annotations = Value::Object(Default::default());
    }
    annotations[RESET_BY_JOB] = job.as_str().into();
}

/// Deletes what is in the way of the Jobs among the objects: those of the same name from earlier resets go with their pods. One of
/// this very reset stays, unless it has failed: then it is to be tried again.
pub async fn delete_previous(
    cluster: &Cluster,
    objects: &[Object],
    owner: &Owner,
    job: &Uid,
) -> Result<(), Problem> {
    let kinds = cluster.kinds().await?;
    let polling = Polling::new(LIMIT);
    for object in objects.iter().filter(|object| object.reference().is_job()) {
        let reference = object.reference();
        let Some(api) = cluster.api_of(&kinds, &reference) else {
            continue;
        };
        loop {
            let found = cluster
                .call(api.get_opt(&reference.name))
                .await
                .map_err(|error| {
                    cluster.problem(&error, sentence!("read {reference}", reference))
                })?;
            let Some(found) = found.and_then(|found| serde_json::to_value(found).ok()) else {
                break;
            };
            let terminating = found["metadata"]["deletionTimestamp"].is_string();
            if !terminating {
                let ours = found["metadata"]["annotations"][RESET_BY_JOB] == job.as_str();
                if ours && !matches!(kstatus::status(&found), kstatus::Status::Failed(_)) {
                    break;
                }
                let params = DeleteParams::foreground();
                if !delete_ours(cluster, &kinds, &reference, owner, &params).await? {
                    break;
                }
            }
            if polling.is_over() {
                return Err(Problem {
                    object: Some(reference.to_string()),
                    ..Problem::new(Code::NotDeleted, sentence!("{reference} of an earlier reset does not go.", reference))
                        .hint(sentence!("Its pod does not end, or something holds it with a finalizer. The next attempt goes on from here."))
                });
            }
            slot::waiting(polling.pause()).await;
        }
    }
    Ok(())
}

/// Removes what a reset has applied, the last first. Volumes stay, and so do failed Jobs with `keep_jobs`: for their
/// logs.
pub async fn clean_up(
    cluster: &Cluster,
    applied: &[ObjectRef],
    owner: &Owner,
    keep_jobs: bool,
) -> Result<(), Problem> {
    let kinds = cluster.kinds().await?;
    for reference in applied.iter().rev() {
        if NEVER_PRUNED.contains(&reference.kind.as_str()) || keep_jobs && reference.is_job() {
            continue;
        }
        delete_ours(
            cluster,
            &kinds,
            reference,
            owner,
            &DeleteParams::background(),
        )
        .await?;
    }
    Ok(())
}
