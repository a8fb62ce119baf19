//! `diff`: says what a deploy would change, from a dry run by the API server, and changes nothing.

use super::readable::readable;
use super::rendering::Wanted;
use super::story::{StepHandle, count};
use super::{Task, deploy};
use crate::kubernetes::{self, Comparison};
use crate::odoo::contract::{Diff, DiffAction, JobResult, StepCode};
use crate::problem::Problem;

/// Fetches and renders as a deploy does, then compares.
pub async fn diff(task: &Task, result: &mut JobResult) -> Result<(), Problem> {
    let wanted = deploy::prepare(task, &task.job.manifests, None, result).await?;
    result.diff = Some(
        task.story
            .step(StepCode::Comparing, async |step| {
                compare(task, &wanted, step).await
            })
            .await?,
    );
    Ok(())
}

async fn compare(task: &Task, wanted: &Wanted, step: &StepHandle<'_>) -> Result<Diff, Problem> {
    let all = wanted.objects.len();
    let comparison = kubernetes::compare(
        &task.cluster,
        &task.app.namespace,
        &wanted.objects,
        &task.app.inventory,
        &task.owner,
        |done| step.say(format!("{done} of {}", count(all, "object"))),
    )
    .await
    .map_err(|problem| wanted.redactor.problem(problem))?;
    let diff = readable(&comparison, &wanted.redactor);
    step.say(summary(&comparison, &diff, &task.app.namespace));
    Ok(diff)
}

/// What would change, in a sentence.
pub fn summary(comparison: &Comparison, diff: &Diff, namespace: &str) -> String {
    if comparison.is_new {
        return format!(
            "The namespace {namespace} is not there yet: all of {} would be created",
            count(diff.objects.len(), "object")
        );
    }
    let number = |action| {
        let objects = diff.objects.iter();
        objects.filter(|object| object.action == action).count()
    };
    let parts: Vec<String> = [
        (number(DiffAction::Create), "would be created"),
        (number(DiffAction::Change), "changed"),
        (number(DiffAction::Delete), "removed"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, word)| format!("{number} {word}"))
    .collect();
    match parts.is_empty() {
        true => format!(
            "Nothing would change; {} stay as they are",
            count(diff.unchanged as usize, "object")
        ),
        false => format!("{}, {} unchanged", parts.join(", "), diff.unchanged),
    }
}
