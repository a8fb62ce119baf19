//! `restart`: replaces the app's pods, once per job.

use super::story::StepHandle;
use super::{Task, ready};
use crate::kubernetes;
use crate::kubernetes::restart::Reason;
use crate::odoo::contract::{JobResult, StepCode, WantedState};
use crate::problem::Problem;

/// Restarts all workloads and waits until they are ready.
pub async fn restart(task: &Task, result: &mut JobResult) -> Result<(), Problem> {
    task.story
        .step(StepCode::Restarting, async |step| {
            if task.app.wanted_state == WantedState::Stopped {
                return Err(kubernetes::restart::stopped());
            }
            roll_out(task, Reason::Asked, step).await
        })
        .await?;
    ready::until_reachable(task, &task.app.inventory, result).await
}

/// Restarts what can be, and says what cannot.
pub async fn roll_out(task: &Task, reason: Reason, step: &StepHandle<'_>) -> Result<(), Problem> {
    let (app, job) = (&task.app, &task.job.uid);
    let (namespace, inventory) = (&app.namespace, &app.inventory);
    let restarted = kubernetes::restart(
        &task.cluster,
        namespace,
        &task.owner,
        inventory,
        reason,
        job,
    )
    .await?;
    let names: Vec<String> = restarted.objects.iter().map(ToString::to_string).collect();
    let message = match names.as_slice() {
        [] => "There is nothing to restart".to_owned(),
        names => names.join(", "),
    };
    match restarted.not.as_slice() {
        [] => step.say(message),
        not => step.warn(format!("{message}; not restarted: {}", not.join(", "))),
    }
    Ok(())
}
