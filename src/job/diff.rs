//! `diff`: says what a deploy would change, from a dry run by the API server, and changes nothing.

use super::deploy::part_of;
use super::diff_text::readable;
use super::rendering::Wanted;
use super::step_log::StepHandle;
use super::{JobContext, deploy};
use crate::kubernetes::{self, Comparison};
use crate::odoo::contract::{Diff, DiffAction, JobResult, Manifests, StepCode};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

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
        |done| step.say_as_is(part_of(done, all)),
    )
    .await
    .map_err(|problem| wanted.known.problem(problem))?;
    let diff = readable(&comparison, &wanted.known);
    step.say_as_is(summary(&comparison, &diff, &context.app.namespace));
    Ok(diff)
}

/// What would change, in a sentence.
pub fn summary(comparison: &Comparison, diff: &Diff, namespace: &str) -> Sentence {
    if comparison.is_new {
        return match diff.objects.len() {
            1 => sentence!(
                "The namespace {namespace} is not there yet: all of 1 object would be created",
                namespace
            ),
            number => sentence!(
                "The namespace {namespace} is not there yet: all of {number} objects would be created",
                namespace,
                number
            ),
        };
    }
    let number = |action| {
        let objects = diff.objects.iter();
        objects.filter(|object| object.action == action).count()
    };
    let [created, changed, removed] =
        [DiffAction::Create, DiffAction::Change, DiffAction::Delete].map(number);
    let parts = [
        (
            created,
            sentence!("{number} would be created", number = created),
        ),
        (changed, sentence!("{number} changed", number = changed)),
        (removed, sentence!("{number} removed", number = removed)),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let parts = Sentence::joined(", ", parts.map(|(_, part)| part));
    let number = diff.unchanged;
    match (parts.is_empty(), number) {
        (true, 1) => sentence!("Nothing would change; 1 object stays as it is"),
        (true, _) => sentence!(
            "Nothing would change; {number} objects stay as they are",
            number
        ),
        (false, _) => parts.and(", ", sentence!("{number} unchanged", number)),
    }
}
