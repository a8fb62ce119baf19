//! `adopt`: takes a namespace over that an operator has chosen from what the cluster shows, with the mail domain that
//! belongs to it, and looks at it.

use super::{JobContext, mail_domain, refresh};
use crate::kubernetes::{self, Former};
use crate::odoo::contract::{FoundNamespace, JobResult, StepCode};
use crate::problem::Problem;
use crate::sentence;

/// A namespace as an operator saw it.
pub fn former(found: &FoundNamespace) -> Former {
    Former {
        object: found.object.clone(),
        uid: found.uid.clone(),
        app: found.app,
    }
}

/// The handler of such a job. What its last deploy has brought is the app's inventory from then on.
pub async fn adopt(
    context: &JobContext,
    found: &FoundNamespace,
    result: &mut JobResult,
) -> Result<(), Problem> {
    let former = former(found);
    let app = &context.app;
    context
        .step_log
        .step(StepCode::Adopting, async |step| {
            let namespace = &app.namespace;
            let (relabelled, inventory) =
                kubernetes::adopt(&context.target, &former, &app.inventory).await?;
            result.inventory = Some(inventory);
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
