//! `adopt`: takes a namespace over that an operator has chosen from what the cluster shows, with the mail domain that
//! belongs to it, and looks at it.

use super::{JobContext, mail_domain, refresh};
use crate::kubernetes::{self, Former};
use crate::odoo::contract::{FoundNamespace, JobResult, StepCode};
use crate::problem::Problem;
use crate::sentence;

/// The handler of such a job.
pub async fn adopt(
    context: &JobContext,
    found: &FoundNamespace,
    result: &mut JobResult,
) -> Result<(), Problem> {
    let former = Former {
        object: found.object.clone(),
        uid: found.uid.clone(),
        app: found.app,
    };
    let app = &context.app;
    context
        .step_log
        .step(StepCode::Adopting, async |step| {
            let namespace = &app.namespace;
            let relabelled = kubernetes::adopt(&context.target, &former, &app.inventory).await?;
            let taken = sentence!("The namespace {namespace} is this app's", namespace);
            step.say(taken.and(
                "; ",
                match relabelled {
                    1 => sentence!("1 object got its labels"),
                    number => sentence!("{number} objects got its labels", number),
                },
            ));
            Ok(())
        })
        .await?;
    mail_domain::take_over(context, former.uid.as_deref()).await?;
    refresh::refresh(context, result).await
}
