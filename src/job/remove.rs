//! `remove`: deletes a namespace that an operator has chosen from what the cluster shows, of an app that Odoo does not know.

use std::time::Duration;

use super::step_log::{StepLog, objects};
use crate::kubernetes::{self, Cluster};
use crate::odoo::contract::{JobResult, RemoveJob, StepCode};
use crate::problem::Problem;
use crate::sentence;

/// How long Kubernetes may take to let go of everything.
const LIMIT: Duration = Duration::from_secs(600);

/// Deletes it, if it still is as the operator saw it.
pub async fn remove(
    cluster: &Cluster,
    database: &str,
    job: &RemoveJob,
    step_log: &StepLog,
    result: &mut JobResult,
) -> Result<(), Problem> {
    let namespace = &job.options.namespace;
    let former = super::adopt::former(&job.options.found);
    let gone = step_log
        .step(StepCode::Deleting, async |step| {
            let gone =
                kubernetes::remove(cluster, database, namespace, &former, LIMIT, |waiting| {
                    step.say(waiting)
                })
                .await?;
            step.say(match gone {
                None => sentence!("There was nothing to delete"),
                Some(number) => sentence!(
                    "{objects} and the namespace {namespace}",
                    objects = objects(number),
                    namespace
                ),
            });
            Ok(gone)
        })
        .await?;
    result.objects.pruned = gone
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or_default();
    result.namespace_deleted = true;
    Ok(())
}
