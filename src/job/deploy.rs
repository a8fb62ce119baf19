//! `deploy`: makes the cluster look as the manifests say.
//!
//! fetch → variables → render → parse → check → namespace → apply → prune → wait until ready → read the ingress.
//! Running it twice changes nothing the second time.

use super::rendering::{self, Wanted};
use super::step_log::{StepHandle, objects};
use super::{JobContext, ready};
use crate::kubernetes::generated::Generated;
use crate::kubernetes::{self, Applied, generated, inventory, namespace};
use crate::object::Object;
use crate::odoo::contract::{
    JobResult, Manifest, ManifestValues, Manifests, ObjectCounts, StepCode,
};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// The handler of such a job.
pub async fn deploy(
    context: &JobContext,
    job: &Manifests,
    result: &mut JobResult,
) -> Result<(), Problem> {
    let wanted = prepare(context, &job.manifests, &job.values, None, result).await?;
    bring(context, wanted, result).await
}

/// Fetches and renders. Nothing in the cluster is touched. `production` holds the secrets of the production app, where
/// the manifests may use them.
pub async fn prepare(
    context: &JobContext,
    manifests: &[Manifest],
    values: &ManifestValues,
    production: Option<&Generated>,
    result: &mut JobResult,
) -> Result<Wanted, Problem> {
    let sources = context
        .step_log
        .step(StepCode::Fetching, async |step| {
            rendering::fetch(context, manifests, step, result).await
        })
        .await?;
    context
        .step_log
        .step(StepCode::Rendering, async |step| {
            let fetched = (manifests, sources);
            rendering::render(context, fetched, values, production, step, result).await
        })
        .await
}

/// Brings to the cluster what is wanted there, takes away what is not, and waits until the app can be reached.
pub async fn bring(
    context: &JobContext,
    wanted: Wanted,
    result: &mut JobResult,
) -> Result<(), Problem> {
    let step_log = &context.step_log;
    step_log
        .step(StepCode::Namespace, async |step| {
            make_namespace(context, &wanted, step).await
        })
        .await?;
    let mut applied = Applied::default();
    let ended = step_log
        .step(StepCode::Applying, async |step| {
            apply(context, &wanted, &mut applied, step).await
        })
        .await;
    tell_applied(context, &wanted, &applied, ended.is_err(), result);
    let redactor = wanted.redactor.clone();
    // A thousand may wait from here on.
    drop(wanted);
    ended?;
    step_log
        .step(StepCode::Pruning, async |step| {
            prune(context, &applied, step, result).await
        })
        .await?;
    step_log.hide(&redactor);
    ready::until_reachable(context, &applied.inventory, applied.jobs, result).await
}

async fn make_namespace(
    context: &JobContext,
    wanted: &Wanted,
    step: &StepHandle<'_>,
) -> Result<(), Problem> {
    let name = &context.app.namespace;
    let created = namespace::ensure(&context.target).await?;
    kubernetes::isolate(
        &context.target,
        &context.cluster_record.policy,
        &context.app.limits,
    )
    .await?;
    generated::store(&context.target, &wanted.generated).await?;
    step.say_as_is(match created {
        true => sentence!("{name} created", name),
        false => sentence!("{name} is there", name),
    });
    Ok(())
}

async fn apply(
    context: &JobContext,
    wanted: &Wanted,
    applied: &mut Applied,
    step: &StepHandle<'_>,
) -> Result<(), Problem> {
    let all = wanted.objects.len();
    let progress = |applied: &Applied| step.say_as_is(part_of(applied.inventory.len(), all));
    kubernetes::apply(
        &context.target.cluster,
        &wanted.objects,
        &context.target.owner,
        applied,
        progress,
    )
    .await
    .map_err(|problem| wanted.known.problem(problem))?;
    // A stop has scaled down what the manifests may say nothing about.
    let started = kubernetes::start(&context.target).await?;
    step.say_as_is(match started.len() {
        0 => changes(applied),
        1 => changes(applied).and("; ", sentence!("1 workload started again")),
        number => changes(applied).and("; ", sentence!("{number} workloads started again", number)),
    });
    Ok(())
}

/// Puts down what is in the cluster now, also when applying did not come to its end.
fn tell_applied(
    context: &JobContext,
    wanted: &Wanted,
    applied: &Applied,
    cut_short: bool,
    result: &mut JobResult,
) {
    let mut inventory = applied.together_with(&context.app.inventory);
    if cut_short && context.step_log.stop_reason().is_some() {
        // The one under way when the job was stopped may have arrived: better named than forgotten.
        let under_way = wanted
            .objects
            .get(applied.inventory.len())
            .map(Object::reference);
        inventory
            .extend(under_way.filter(|new| !inventory.iter().any(|old| old.is_same_object(new))));
    }
    result.inventory = Some(inventory);
    result.objects = ObjectCounts {
        created: applied.created,
        changed: applied.changed,
        unchanged: applied.unchanged,
        pruned: 0,
    };
}

async fn prune(
    context: &JobContext,
    applied: &Applied,
    step: &StepHandle<'_>,
    result: &mut JobResult,
) -> Result<(), Problem> {
    let old = &context.app.inventory;
    let pruned = kubernetes::prune(&context.target, old, &applied.inventory).await?;
    result.objects.pruned = u32::try_from(pruned.removed.len()).unwrap_or(u32::MAX);
    let names = |objects: &[_]| -> String {
        let names: Vec<String> = objects.iter().map(ToString::to_string).collect();
        names.join(", ")
    };
    let mut message = match pruned.removed.as_slice() {
        [] => sentence!("Nothing to remove"),
        removed => sentence!("{objects} removed", objects = names(removed)),
    };
    if !pruned.kept.is_empty() {
        let kept = sentence!(
            "kept though no manifest has it any more: {objects}",
            objects = names(&pruned.kept)
        );
        message = message.and("; ", kept);
    }
    if pruned.held.is_empty() {
        step.say_as_is(message);
    } else {
        let held: Vec<String> = pruned.held.iter().map(ToString::to_string).collect();
        step.warn(message.and("; ", sentence!(
            "being deleted, but still there: {objects}. The program that the finalizer belongs to must run and let go",
            objects = held.join(", ")
        )));
    }
    let mut inventory = applied.inventory.clone();
    inventory.extend(pruned.kept);
    inventory.extend(pruned.held.into_iter().map(|held| held.object));
    let written = inventory::write(&context.target, &inventory);
    let written = written.await;
    result.inventory = Some(inventory);
    written
}

/// What applying did, in a sentence.
fn changes(applied: &Applied) -> Sentence {
    let all = objects(applied.inventory.len());
    let Applied {
        created,
        changed,
        unchanged,
        ..
    } = *applied;
    let parts = [
        (created, sentence!("{number} created", number = created)),
        (changed, sentence!("{number} changed", number = changed)),
        (
            unchanged,
            sentence!("{number} unchanged", number = unchanged),
        ),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    if created == 0 && changed == 0 {
        all.and(", ", sentence!("nothing changed"))
    } else {
        all.and(": ", Sentence::joined(", ", parts.map(|(_, part)| part)))
    }
}

/// How far it is with all objects.
pub fn part_of(done: usize, all: usize) -> Sentence {
    match all {
        1 => sentence!("{done} of 1 object", done),
        _ => sentence!("{done} of {all} objects", done, all),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectRef;

    #[test]
    fn applying_says_what_changed_and_that_nothing_did() {
        let reference = ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Service".to_owned(),
            namespace: Some("shop".to_owned()),
            name: "odoo".to_owned(),
        };
        let mut applied = Applied {
            created: 2,
            changed: 1,
            inventory: vec![reference.clone(); 3],
            ..Applied::default()
        };
        assert_eq!(changes(&applied), "3 objects: 2 created, 1 changed");
        applied = Applied {
            unchanged: 1,
            inventory: vec![reference],
            ..Applied::default()
        };
        assert_eq!(changes(&applied), "1 object, nothing changed");
    }
}
