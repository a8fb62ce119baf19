//! `adopt`: takes a namespace over that an operator has chosen from what the cluster shows, with the mail domain that
//! belongs to it, and looks at it.

use super::{JobContext, mail_domain, refresh, step_log};
use crate::kubernetes::{self, Former};
use crate::odoo::contract::{FoundNamespace, JobResult, StepCode};
use crate::problem::Problem;

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
            step.say(format!(
                "The namespace {namespace} is this app's; {} got its labels",
                step_log::count(relabelled, "object")
            ));
            Ok(())
        })
        .await?;
    mail_domain::take_over(context, former.uid.as_deref()).await?;
    refresh::refresh(context, result).await
}
