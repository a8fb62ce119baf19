//! `refresh`: looks at the app in the cluster and changes nothing.

use super::{Task, seen};
use crate::kubernetes;
use crate::odoo::contract::{IngressState, JobResult, ObservedState, StepCode};
use crate::problem::Problem;

/// Looks at the workloads, then tells of the ingress.
pub async fn refresh(task: &Task, result: &mut JobResult) -> Result<(), Problem> {
    let seen = task
        .story
        .step(StepCode::Waiting, async |step| {
            let app = &task.app;
            let seen = kubernetes::observe(&task.cluster, &app.namespace, &task.owner).await?;
            let seen = seen::observation(seen);
            match seen.state {
                ObservedState::Running => step.say("Everything is ready"),
                ObservedState::Stopped => step.say("Stopped"),
                ObservedState::Degraded | ObservedState::Missing => step.warn(&seen.message),
            }
            Ok(seen)
        })
        .await?;
    task.story
        .step(StepCode::Ingress, async |step| {
            let sentence = seen::ingress_sentence(&seen.ingress);
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
