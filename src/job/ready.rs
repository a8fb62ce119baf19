//! The end of every recipe that makes an app run: waiting until it is ready, then looking for its address.

use std::time::Duration;

use super::story::StepHandle;
use super::{Task, seen};
use crate::kubernetes::patience::Patience;
use crate::kubernetes::{self, ingress, logs};
use crate::object::ObjectRef;
use crate::odoo::contract::{IngressState, JobResult, StepCode};
use crate::problem::Problem;
use crate::slot;

/// Waits until the objects are ready and the ingress has an address, and puts down what is seen then.
pub async fn until_reachable(
    task: &Task,
    objects: &[ObjectRef],
    result: &mut JobResult,
) -> Result<(), Problem> {
    let story = &task.story;
    let ended = story
        .step(StepCode::Waiting, async |step| {
            wait(task, objects, step).await
        })
        .await;
    if ended.is_ok() {
        story
            .step(StepCode::Ingress, async |step| {
                wait_for_ingress(task, step).await
            })
            .await?;
    }
    look(task, result).await;
    ended
}

/// Puts down what the cluster shows of the app now, unless the job is to stop.
pub async fn look(task: &Task, result: &mut JobResult) {
    if task.story.stop_reason().is_none() {
        let seen = kubernetes::observe(&task.cluster, &task.app.namespace, &task.owner).await;
        result.observation = seen.ok().map(seen::observation);
    }
}

async fn wait(task: &Task, objects: &[ObjectRef], step: &StepHandle<'_>) -> Result<(), Problem> {
    let limit = Duration::from_secs(task.shared.patience.ready_seconds);
    let waited =
        kubernetes::wait_until_ready(&task.cluster, objects, limit, |waiting| step.say(waiting))
            .await;
    match waited {
        Ok(()) => {
            step.say("Everything is ready");
            Ok(())
        }
        Err(problem) => Err(with_logs(task, objects, problem).await),
    }
}

/// Adds the ends of the logs of the containers that fail.
async fn with_logs(task: &Task, objects: &[ObjectRef], problem: Problem) -> Problem {
    let named = |object: &&ObjectRef| problem.object.as_deref() == Some(&object.to_string());
    let Some(object) = objects.iter().find(named) else {
        return problem;
    };
    let redactor = task.story.redactor();
    let mut message = problem.message.clone();
    for end in logs::of_failing(&task.cluster, object).await {
        message += &format!(
            "\nThe end of the log of pod {}, container {}:\n{}",
            end.pod,
            end.container,
            logs::last_bytes(&redactor.text(&end.text))
        );
    }
    Problem { message, ..problem }
}

/// No address is not a failure: some controllers never write one, and observing tells it when it comes.
async fn wait_for_ingress(task: &Task, step: &StepHandle<'_>) -> Result<(), Problem> {
    let patience = Patience::new(Duration::from_secs(task.shared.patience.ingress_seconds));
    loop {
        let seen = ingress::read(&task.cluster, &task.app.namespace, &task.owner).await?;
        let seen = seen::ingress(seen);
        let sentence = seen::ingress_sentence(&seen);
        if seen.state != IngressState::NoAddress {
            step.say(sentence);
            return Ok(());
        }
        if patience.is_over() {
            step.warn(sentence);
            return Ok(());
        }
        step.say(sentence);
        slot::waiting(patience.pause()).await;
    }
}
