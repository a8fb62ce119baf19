//! `refresh`: looks at the app in the cluster and changes nothing.

use super::{JobContext, ready, to_contract};
use crate::kubernetes::{self, generated};
use crate::odoo::contract::{IngressState, JobResult, ObservedState, StepCode};
use crate::problem::Problem;
use crate::sentence;

/// The handler of such a job: it also tells the ends of the logs of what fails.
pub async fn with_logs(context: &JobContext, result: &mut JobResult) -> Result<(), Problem> {
    refresh(context, result).await?;
    // Without what is to be hidden in them no log is told.
    if let Ok(made) = generated::read(&context.target).await {
        for secret in made.into_values() {
            context.hidden(secret);
        }
        ready::add_logs(context, result).await;
    }
    Ok(())
}

/// Looks at the workloads, then tells of the ingress.
pub async fn refresh(context: &JobContext, result: &mut JobResult) -> Result<(), Problem> {
    let seen = context
        .step_log
        .step(StepCode::Waiting, async |step| {
            let seen = kubernetes::observe(&context.target).await?;
            let seen = to_contract::observation(seen);
            match seen.state {
                ObservedState::Running => step.say(sentence!("Everything is ready")),
                ObservedState::Stopped => step.say(sentence!("Stopped")),
                ObservedState::Degraded | ObservedState::Missing => step.warn(&seen.message),
            }
            Ok(seen)
        })
        .await?;
    context
        .step_log
        .step(StepCode::Ingress, async |step| {
            let sentence = to_contract::ingress_sentence(&seen.ingress);
            match seen.ingress.state {
                IngressState::NoAddress => step.warn(sentence),
                IngressState::None | IngressState::Ready => step.say(sentence),
            }
            Ok(())
        })
        .await?;
    result.observation = Some(seen);
    Ok(())
}
