//! `deploy`: makes the cluster look as the manifests say.
//!
//! fetch → variables → render → parse → check → namespace → apply → prune → wait until ready → read the ingress.
//! Running it twice changes nothing the second time.

use super::hooks::Hooks;
use super::rendering::{self, Wanted};
use super::step_log::{StepHandle, objects};
use super::{JobContext, git, ready};
use crate::kubernetes::generated::Generated;
use crate::kubernetes::namespace::Home;
use crate::kubernetes::prune::{Held, Pruned};
use crate::kubernetes::{self, Applied, Versions, generated, inventory, isolation, namespace};
use crate::object::{Object, ObjectRef};
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
    git::commit(context, &job.manifests, &wanted.committed, result).await?;
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
    let (home, own, hooks, noted) = step_log
        .step(StepCode::Namespace, async |step| {
            let (home, own) = make_namespace(context, &wanted, step).await?;
            let hooks = Hooks::of(context, &wanted).await?;
            let mut objects: Vec<_> = wanted.objects.iter().map(Object::reference).collect();
            objects.extend(hooks.references());
            let noted = inventory::announce(&context.target, Some(&home), &objects).await?;
            Ok((home, own, hooks, noted))
        })
        .await?;
    let (mut applied, mut of_hooks) = (Applied::default(), Applied::default());
    let redactor = &wanted.redactor;
    let mut ended = hooks.run_before(context, &mut of_hooks, redactor).await;
    if ended.is_ok() {
        ended = step_log
            .step(StepCode::Applying, async |step| {
                apply(context, &wanted, &home, &mut applied, step).await
            })
            .await;
    }
    if ended.is_ok() {
        ended = hooks.run_after(context, &mut of_hooks, redactor).await;
    }
    applied.inventory.extend(of_hooks.inventory);
    applied.jobs.extend(of_hooks.jobs);
    applied.under_way.extend(of_hooks.under_way);
    applied.versions.extend(of_hooks.versions);
    applied.versions.extend(own);
    tell_applied(context, &applied, result);
    let redactor = wanted.redactor.clone();
    // A thousand may wait from here on.
    drop(wanted);
    ended?;
    step_log
        .step(StepCode::Pruning, async |step| {
            let old = (context.app.inventory.as_slice(), noted.as_deref());
            prune(context, &home, old, &applied, step, result).await
        })
        .await?;
    step_log.hide(&redactor);
    let mut objects = applied.inventory;
    objects.retain(|object| !inventory::is_ready_at_once(object));
    ready::until_reachable(context, &objects, applied.jobs, result).await
}

async fn make_namespace(
    context: &JobContext,
    wanted: &Wanted,
    step: &StepHandle<'_>,
) -> Result<(Home, Versions), Problem> {
    let name = &context.app.namespace;
    let policy = &context.cluster_record.policy;
    let home = namespace::bring(&context.target, isolation::labels(policy)).await?;
    let own = kubernetes::isolate(
        &context.target,
        policy,
        &context.app.limits,
        &context.app.node_ports,
        &home,
    )
    .await?;
    if wanted.has_new_values {
        generated::store(&context.target, &wanted.generated).await?;
    }
    step.say_as_is(match home.is_new {
        true => sentence!("{name} created", name),
        false => sentence!("{name} is there", name),
    });
    Ok((home, own))
}

async fn apply(
    context: &JobContext,
    wanted: &Wanted,
    home: &Home,
    applied: &mut Applied,
    step: &StepHandle<'_>,
) -> Result<(), Problem> {
    let all = wanted.objects.len();
    let progress = |applied: &Applied| step.say_as_is(part_of(applied.inventory.len(), all));
    kubernetes::apply_knowing(
        &context.target.cluster,
        &wanted.objects,
        &context.target.owner,
        &home.versions,
        applied,
        progress,
    )
    .await
    .map_err(|problem| wanted.known.problem(problem))?;
    // A stop has scaled down what the manifests may say nothing about.
    let started = kubernetes::start_applied(&context.target).await?;
    step.say_as_is(match started.len() {
        0 => changes(applied),
        1 => changes(applied).and("; ", sentence!("1 workload started again")),
        number => changes(applied).and("; ", sentence!("{number} workloads started again", number)),
    });
    Ok(())
}

/// Puts down what is in the cluster now, also when applying did not come to its end.
fn tell_applied(context: &JobContext, applied: &Applied, result: &mut JobResult) {
    result.inventory = Some(applied.together_with(&context.app.inventory));
    result.objects = ObjectCounts {
        created: applied.created,
        changed: applied.changed,
        unchanged: applied.unchanged,
        pruned: 0,
    };
}

async fn prune(
    context: &JobContext,
    home: &Home,
    (old, noted): (&[ObjectRef], Option<&[ObjectRef]>),
    applied: &Applied,
    step: &StepHandle<'_>,
    result: &mut JobResult,
) -> Result<(), Problem> {
    let pruned = match home.is_new && old.is_empty() {
        // Nothing can be there but what was just applied.
        true => Pruned::default(),
        false => kubernetes::prune(&context.target, old, noted, &applied.inventory).await?,
    };
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
        let held = pruned.held.iter().map(Held::sentence);
        step.warn(message.and("; ", sentence!(
            "being deleted, but still there: {objects}. The program that the finalizer belongs to must run and let go",
            objects = Sentence::joined(", ", held)
        )));
    }
    let mut inventory = applied.inventory.clone();
    inventory.extend(pruned.kept);
    inventory.extend(pruned.held.into_iter().map(|held| held.object));
    let written = inventory::write_knowing(&context.target, &inventory, &applied.versions);
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
