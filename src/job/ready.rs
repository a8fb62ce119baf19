//! The end of every job that makes an app run: waiting until it is ready, telling what its Jobs have said, then looking
//! for its address.

use std::time::Duration;

use super::step_log::StepHandle;
use super::{JobContext, to_contract};
use crate::kubernetes::poll::Polling;
use crate::kubernetes::{self, ingress, logs};
use crate::object::ObjectRef;
use crate::odoo::contract::{Health, IngressState, JobResult, StepCode};
use crate::problem::Problem;
use crate::sentence;
use crate::slot;

/// How many characters of the last line of a Job's log are told.
const LINE: usize = 300;
/// The logs of more objects than this are not read.
const MOST_LOGS: usize = 5;

/// Waits until the objects are ready and the ingress has an address, and puts down what is seen then. Of `jobs`, which
/// were begun just now, and of those that an earlier attempt began, is told what they said last.
pub async fn until_reachable(
    context: &JobContext,
    objects: &[ObjectRef],
    mut jobs: Vec<ObjectRef>,
    result: &mut JobResult,
) -> Result<(), Problem> {
    let step_log = &context.step_log;
    let unfinished = unfinished_jobs(context, objects).await;
    jobs.extend(
        unfinished
            .into_iter()
            .filter(|job| !jobs.contains(job))
            .collect::<Vec<_>>(),
    );
    let ended = step_log
        .step(StepCode::Waiting, async |step| {
            wait(context, objects, step).await
        })
        .await;
    if ended.is_ok() {
        for job in &jobs {
            let tell = async |step: &StepHandle<'_>| tell_job(context, job, step).await;
            step_log.step(StepCode::Waiting, tell).await?;
        }
        step_log
            .step(StepCode::Ingress, async |step| {
                wait_for_ingress(context, step).await
            })
            .await?;
    }
    recall(context, result).await;
    if ended.is_err() {
        add_logs(context, result).await;
    }
    ended
}

/// Adds to what was seen the ends of the logs of the objects that fail.
pub async fn add_logs(context: &JobContext, result: &mut JobResult) {
    let redactor = context.step_log.redactor();
    let objects = result.observation.iter_mut();
    let objects = objects.flat_map(|seen| seen.objects.iter_mut().flatten());
    let failing = objects.filter(|seen| matches!(seen.health, Health::Failed | Health::InProgress));
    for seen in failing.take(MOST_LOGS) {
        let ends = logs::of_failing(&context.target.cluster, &seen.object).await;
        let told = ends.iter().map(|end| {
            let text = redactor.text(&end.text);
            format!("{}/{}\n{}", end.pod, end.container, logs::last_bytes(&text))
        });
        seen.log = told.collect::<Vec<_>>().join("\n\n");
    }
}

/// The same from what is known already. What is no good news is looked at: an object may have gone a moment ago.
async fn recall(context: &JobContext, result: &mut JobResult) {
    match kubernetes::recall(&context.target).await {
        Ok(seen) if seen.state == kubernetes::State::Running => {
            result.observation = Some(to_contract::observation(seen));
        }
        _ => look(context, result).await,
    }
}

/// Puts down what the cluster shows of the app now, unless the job is to stop.
pub async fn look(context: &JobContext, result: &mut JobResult) {
    if context.step_log.stop_reason().is_none() {
        let seen = kubernetes::observe(&context.target).await;
        result.observation = seen.ok().map(to_contract::observation);
    }
}

async fn wait(
    context: &JobContext,
    objects: &[ObjectRef],
    step: &StepHandle<'_>,
) -> Result<(), Problem> {
    let limit = Duration::from_secs(context.shared.patience.ready_seconds);
    let waited = kubernetes::wait_until_ready(&context.target.cluster, objects, limit, |waiting| {
        step.say(waiting)
    })
    .await;
    match waited {
        Ok(()) => {
            step.say(sentence!("Everything is ready"));
            Ok(())
        }
        Err(problem) => Err(with_logs(context, objects, problem).await),
    }
}

/// The Jobs that are still to be waited for. What cannot be read is told when it is waited for.
async fn unfinished_jobs(context: &JobContext, objects: &[ObjectRef]) -> Vec<ObjectRef> {
    let jobs = objects.iter().filter(|object| object.is_job());
    let jobs: Vec<ObjectRef> = jobs.cloned().collect();
    let looked = context
        .step_log
        .unless_stopped(kubernetes::wait::not_ready(&context.target.cluster, &jobs));
    let unfinished = looked.await.flatten().unwrap_or_default();
    unfinished.into_iter().map(|job| job.object).collect()
}

/// Tells the last line of the log of a Job that has come to its end: a check says there what it found.
async fn tell_job(
    context: &JobContext,
    job: &ObjectRef,
    step: &StepHandle<'_>,
) -> Result<(), Problem> {
    let name = &job.name;
    let end = logs::end_of_log(&context.target.cluster, &context.app.namespace, name).await;
    let text = end.map(|end| context.step_log.redactor().text(&end.text));
    step.say(match text.as_deref().ok().and_then(last_line) {
        Some(line) => sentence!("Job {name}: {line}", name, line),
        None => sentence!("Job {name}: done", name),
    });
    Ok(())
}

/// The last line with something in it, cut where nobody would read on.
fn last_line(text: &str) -> Option<&str> {
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    let end = line
        .char_indices()
        .nth(LINE)
        .map_or(line.len(), |(at, _)| at);
    Some(&line[..end])
}

/// Adds the ends of the logs of the containers that fail.
async fn with_logs(context: &JobContext, objects: &[ObjectRef], problem: Problem) -> Problem {
    let named = |object: &&ObjectRef| problem.object.as_deref() == Some(&object.to_string());
    let Some(object) = objects.iter().find(named) else {
        return problem;
    };
    let redactor = context.step_log.redactor();
    let mut message = problem.message.clone();
    for end in logs::of_failing(&context.target.cluster, object).await {
        message = message.and("\n", logs::told(&end, &redactor));
    }
    Problem { message, ..problem }
}

/// No address is not a failure: some controllers never write one, and observing tells it when it comes.
async fn wait_for_ingress(context: &JobContext, step: &StepHandle<'_>) -> Result<(), Problem> {
    let polling = Polling::new(Duration::from_secs(context.shared.patience.ingress_seconds));
    let mut unknown = None;
    loop {
        let seen = ingress::read(&context.target).await?;
        let seen = to_contract::ingress(seen);
        let mut sentence = to_contract::ingress_sentence(&seen);
        if seen.state != IngressState::NoAddress {
            step.say(sentence);
            return Ok(());
        }
        if unknown.is_none() {
            unknown = Some(ingress::unknown_classes(&context.target).await?);
        }
        if let Some(names) = unknown.as_deref().filter(|names| !names.is_empty()) {
            sentence = sentence.and("; ", sentence!(
                "the cluster has no ingress class {names}, so that perhaps no controller looks at it: `kubectl get ingressclasses` lists those that there are",
                names = names.join(", ")
            ));
        }
        if polling.is_over() {
            step.warn(sentence);
            return Ok(());
        }
        step.say(sentence);
        slot::waiting(polling.pause()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_log_is_the_last_one_that_says_something() {
        assert_eq!(
            last_line("waiting\n  all is well \n\n"),
            Some("all is well")
        );
        assert_eq!(last_line(" \n\n"), None);
        let long = "ö".repeat(1000);
        assert_eq!(last_line(&long).unwrap().chars().count(), LINE);
    }
}
