//! `delete`: removes the app, then releases its mail domain if that can be; its volumes stay unless the job says otherwise.

use std::time::Duration;

use super::step_log::objects;
use super::{JobContext, mail_domain};
use crate::kubernetes::{self, Keep};
use crate::odoo::contract::{DeleteOptions, JobResult, StepCode};
use crate::problem::Problem;
use crate::sentence;

/// How long Kubernetes may take to let go of everything.
const LIMIT: Duration = Duration::from_secs(600);

/// Deletes, and tells what is left.
pub async fn delete(
    context: &JobContext,
    options: &DeleteOptions,
    result: &mut JobResult,
) -> Result<(), Problem> {
    let app = &context.app;
    let namespace = &app.namespace;
    let keep = match options.keep_volumes {
        true => Keep::Volumes,
        false => Keep::Nothing,
    };
    // Domains first: nobody is to meet half an app.
    let doors = app.inventory.iter().any(kubernetes::is_door);
    let mut closed = 0;
    if doors {
        closed = context
            .step_log
            .step(StepCode::Closing, async |step| {
                let closed = kubernetes::close(&context.target, &app.inventory, LIMIT, |waiting| {
                    step.say(waiting)
                })
                .await?;
                step.say(sentence!(
                    "{objects} deleted; nobody comes in any more",
                    objects = objects(closed as usize)
                ));
                Ok(closed)
            })
            .await?;
    }
    let deleted = context
        .step_log
        .step(StepCode::Deleting, async |step| {
            let deleted =
                kubernetes::delete(&context.target, &app.inventory, keep, LIMIT, |waiting| {
                    step.say(waiting)
                })
                .await?;
            step.say(
                match (
                    deleted.objects,
                    deleted.namespace_deleted,
                    deleted.kept.len(),
                ) {
                    (0, true, _) => sentence!("There was nothing to delete"),
                    (number, true, _) => sentence!(
                        "{objects} and the namespace {namespace}",
                        objects = objects(number as usize),
                        namespace
                    ),
                    (number, false, 0) => objects(number as usize),
                    (number, false, kept) => objects(number as usize).and(
                        "; ",
                        match kept {
                            1 => sentence!("1 volume is kept in {namespace}", namespace),
                            _ => sentence!(
                                "{number} volumes are kept in {namespace}",
                                number = kept,
                                namespace
                            ),
                        },
                    ),
                },
            );
            Ok(deleted)
        })
        .await?;
    result.objects.pruned = match deleted.namespace_deleted {
        // Counted with what was in it.
        true => deleted.objects,
        false => closed + deleted.objects,
    };
    result.namespace_deleted = deleted.namespace_deleted;
    result.inventory = Some(deleted.kept);
    mail_domain::release(context, result).await
}
