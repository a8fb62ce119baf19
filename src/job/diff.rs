//! `diff`: says what a deploy would change, from a dry run by the API server, and changes nothing.

use super::diff_text::readable;
use super::rendering::Wanted;
use super::step_log::{StepHandle, count};
use super::{JobContext, deploy};
use crate::kubernetes::{self, Comparison};
use crate::odoo::contract::{Diff, DiffAction, JobResult, Manifests, StepCode};
use crate::problem::Problem;

/// Fetches and renders as a deploy does, then compares.
pub async fn diff(
    context: &JobContext,
    job: &Manifests,
    result: &mut JobResult,
) -> Result<(), Problem> {
    let wanted = deploy::prepare(context, &job.manifests, &job.values, None, result).await?;
    result.diff = Some(
        context
            .step_log
            .step(StepCode::Comparing, async |step| {
                compare(context, &wanted, step).await
            })
            .await?,
    );
    Ok(())
}

async fn compare(
    context: &JobContext,
    wanted: &Wanted,
    step: &StepHandle<'_>,
) -> Result<Diff, Problem> {
    let all = wanted.objects.len();
    let comparison = kubernetes::compare(
        &context.target,
        &wanted.objects,
        &context.app.inventory,
        |done| step.say_as_is(format!("{done} of {}", count(all, "object"))),
    )
    .await
    .map_err(|problem| wanted.known.problem(problem))?;
    let diff = readable(&comparison, &wanted.known);
    step.say_as_is(summary(&comparison, &diff, &context.app.namespace));
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
