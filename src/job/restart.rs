//! `restart`: replaces the app's pods, once per job.

use super::step_log::StepHandle;
use super::{JobContext, ready};
use crate::kubernetes;
use crate::kubernetes::restart::Reason;
use crate::odoo::contract::{JobResult, StepCode, WantedState};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// Restarts all workloads and waits until they are ready.
pub async fn restart(context: &JobContext, result: &mut JobResult) -> Result<(), Problem> {
    context
        .step_log
        .step(StepCode::Restarting, async |step| {
            if context.app.wanted_state == WantedState::Stopped {
                return Err(kubernetes::restart::stopped());
            }
            roll_out(context, Reason::Asked, step).await
        })
        .await?;
    ready::until_reachable(context, &context.app.inventory, Vec::new(), result).await
}

/// Restarts what can be, and says what cannot.
pub async fn roll_out(
    context: &JobContext,
    reason: Reason,
    step: &StepHandle<'_>,
) -> Result<(), Problem> {
    let (app, job) = (&context.app, &context.job);
    let restarted = kubernetes::restart(&context.target, &app.inventory, reason, job).await?;
    let names: Vec<String> = restarted.objects.iter().map(ToString::to_string).collect();
    let message = match names.as_slice() {
        [] => sentence!("There is nothing to restart"),
        names => names.join(", ").into(),
    };
    match restarted.not.as_slice() {
        [] => step.say(message),
        not => step.warn(message.and(
            "; ",
            sentence!(
                "not restarted: {objects}",
                objects = Sentence::joined(", ", not.iter().cloned())
            ),
        )),
    }
    Ok(())
}
