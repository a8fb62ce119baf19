//! Jobs that do something once for a job of ours: run again when they are asked for again, but not by another attempt.

use std::time::Duration;

use kube::api::DeleteParams;
use serde_json::Value;

use super::patience::Patience;
use super::prune::{NEVER_PRUNED, delete_ours};
use super::{Cluster, Owner, status};
use crate::object::{Object, ObjectRef};
use crate::problem::Problem;
use crate::slot;
use crate::uid::Uid;

/// On an object: the job that applied it as part of an errand.
pub const ERRAND: &str = "chandlery.dev/reset-by-job";

/// How long a Job of an earlier errand may take to go.
const LIMIT: Duration = Duration::from_secs(300);

/// Marks an object as part of the errand of a job.
pub fn mark(object: &mut Object, job: &Uid) {
    let annotations = &mut object.value["metadata"]["annotations"];
    if !annotations.is_object() {
        *annotations = Value::Object(Default::default());
    }
    annotations[ERRAND] = job.as_str().into();
}

/// Makes room for the Jobs among the objects: those of the same name from earlier errands go with their pods. One of
/// this very errand stays, unless it has failed: then it is to be tried again.
pub async fn make_room(
    cluster: &Cluster,
    objects: &[Object],
    owner: &Owner,
    job: &Uid,
) -> Result<(), Problem> {
    let kinds = cluster.kinds().await?;
    let patience = Patience::new(LIMIT);
    for object in objects.iter().filter(|object| is_job(&object.reference())) {
        let reference = object.reference();
        let Some(api) = cluster.api_of(&kinds, &reference) else {
            continue;
        };
        loop {
            let found = cluster
                .call(api.get_opt(&reference.name))
                .await
                .map_err(|error| cluster.problem(&error, &format!("read {reference}")))?;
            let Some(found) = found.and_then(|found| serde_json::to_value(found).ok()) else {
                break;
            };
            let terminating = found["metadata"]["deletionTimestamp"].is_string();
            if !terminating {
                let ours = found["metadata"]["annotations"][ERRAND] == job.as_str();
                if ours && !matches!(status::status(&found), status::Status::Failed(_)) {
                    break;
                }
                let params = DeleteParams::foreground();
                if !delete_ours(cluster, &kinds, &reference, owner, &params).await? {
                    break;
                }
            }
            if patience.is_over() {
                return Err(Problem {
                    object: Some(reference.to_string()),
                    ..Problem::transient("not_deleted", format!("{reference} of an earlier reset does not go."))
                        .hint("Its pod does not end, or something holds it with a finalizer. The next attempt goes on from here.")
                });
            }
            slot::waiting(patience.pause()).await;
        }
    }
    Ok(())
}

/// Removes what an errand has applied, the last first. Volumes stay, and so do failed Jobs with `keep_jobs`: for their
/// logs.
pub async fn tidy(
    cluster: &Cluster,
    errand: &[ObjectRef],
    owner: &Owner,
    keep_jobs: bool,
) -> Result<(), Problem> {
    let kinds = cluster.kinds().await?;
    for reference in errand.iter().rev() {
        if NEVER_PRUNED.contains(&reference.kind.as_str()) || keep_jobs && is_job(reference) {
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

fn is_job(reference: &ObjectRef) -> bool {
    reference.group() == "batch" && reference.kind == "Job"
}
