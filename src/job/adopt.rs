//! `adopt`: takes a namespace over that an operator has chosen from what the cluster shows, with the mail domain that
//! belongs to it, and looks at it.

use super::{Task, mail_domain, refresh, story};
use crate::kubernetes::{self, Former};
use crate::odoo::contract::{JobResult, StepCode};
use crate::problem::Problem;

/// The recipe.
pub async fn adopt(task: &Task, result: &mut JobResult) -> Result<(), Problem> {
    let Some(found) = &task.job.options.found else {
        return Err(task.misfit("the namespace that was found"));
    };
    let former = Former {
        object: found.object.clone(),
        uid: found.uid.clone(),
        app: found.app,
    };
    let app = &task.app;
    task.story
        .step(StepCode::Adopting, async |step| {
            let (cluster, namespace) = (&task.cluster, &app.namespace);
            let relabelled =
                kubernetes::adopt(cluster, namespace, &task.owner, &former, &app.inventory).await?;
            step.say(format!(
                "The namespace {namespace} is this app's; {} got its labels",
                story::count(relabelled, "object")
            ));
            Ok(())
        })
        .await?;
    mail_domain::take_over(task, former.uid.as_deref()).await?;
    refresh::refresh(task, result).await
}
