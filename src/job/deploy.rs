//! `deploy`: makes the cluster look as the manifests say.
//!
//! fetch → variables → render → parse → check → namespace → apply → prune → wait until ready → read the ingress.
//! Running it twice changes nothing the second time.

use super::rendering::{self, Wanted};
use super::story::{StepHandle, count};
use super::{Task, ready};
use crate::kubernetes::generated::Generated;
use crate::kubernetes::{self, Applied, generated, inventory, namespace};
use crate::object::Object;
use crate::odoo::contract::{JobResult, Manifest, ObjectCounts, StepCode};
use crate::problem::Problem;

/// The recipe.
pub async fn deploy(task: &Task, result: &mut JobResult) -> Result<(), Problem> {
    let wanted = prepare(task, &task.job.manifests, None, result).await?;
    bring(task, wanted, result).await
}

/// Fetches and renders. Nothing in the cluster is touched. `production` holds the secrets of the production app, where
/// the manifests may use them.
pub async fn prepare(
    task: &Task,
    manifests: &[Manifest],
    production: Option<&Generated>,
    result: &mut JobResult,
) -> Result<Wanted, Problem> {
    let sources = task
        .story
        .step(StepCode::Fetching, async |step| {
            rendering::fetch(task, manifests, step, result).await
        })
        .await?;
    task.story
        .step(StepCode::Rendering, async |step| {
            rendering::render(task, manifests, sources, production, step, result).await
        })
        .await
}

/// Brings to the cluster what is wanted there, takes away what is not, and waits until the app can be reached.
pub async fn bring(task: &Task, wanted: Wanted, result: &mut JobResult) -> Result<(), Problem> {
    let story = &task.story;
    story
        .step(StepCode::Namespace, async |step| {
            make_namespace(task, &wanted, step).await
        })
        .await?;
    let mut applied = Applied::default();
    let ended = story
        .step(StepCode::Applying, async |step| {
            apply(task, &wanted, &mut applied, step).await
        })
        .await;
    tell_applied(task, &wanted, &applied, ended.is_err(), result);
    // A thousand may wait from here on.
    drop(wanted);
    ended?;
    story
        .step(StepCode::Pruning, async |step| {
            prune(task, &applied, step, result).await
        })
        .await?;
    ready::until_reachable(task, &applied.inventory, result).await
}

async fn make_namespace(
    task: &Task,
    wanted: &Wanted,
    step: &StepHandle<'_>,
) -> Result<(), Problem> {
    let name = &task.app.namespace;
    let created = namespace::ensure(&task.cluster, name, &task.owner).await?;
    kubernetes::isolate(
        &task.cluster,
        name,
        &task.owner,
        &task.site.policy,
        &task.app.limits,
    )
    .await?;
    generated::store(&task.cluster, name, &task.owner, &wanted.generated).await?;
    step.say(match created {
        true => format!("{name} created"),
        false => format!("{name} is there"),
    });
    Ok(())
}

async fn apply(
    task: &Task,
    wanted: &Wanted,
    applied: &mut Applied,
    step: &StepHandle<'_>,
) -> Result<(), Problem> {
    let all = wanted.objects.len();
    let progress = |applied: &Applied| {
        step.say(format!(
            "{} of {}",
            applied.inventory.len(),
            count(all, "object")
        ))
    };
    kubernetes::apply(
        &task.cluster,
        &wanted.objects,
        &task.owner,
        applied,
        progress,
    )
    .await
    .map_err(|problem| wanted.redactor.problem(problem))?;
    // A stop has scaled down what the manifests may say nothing about.
    let started = kubernetes::start(&task.cluster, &task.app.namespace, &task.owner).await?;
    step.say(match started.len() {
        0 => changes(applied),
        started => format!(
            "{}; {} started again",
            changes(applied),
            count(started, "workload")
        ),
    });
    Ok(())
}

/// Puts down what is in the cluster now, also when applying did not come to its end.
fn tell_applied(
    task: &Task,
    wanted: &Wanted,
    applied: &Applied,
    cut_short: bool,
    result: &mut JobResult,
) {
    let mut inventory = applied.together_with(&task.app.inventory);
    if cut_short && task.story.stop_reason().is_some() {
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
    task: &Task,
    applied: &Applied,
    step: &StepHandle<'_>,
    result: &mut JobResult,
) -> Result<(), Problem> {
    let old = &task.app.inventory;
    let pruned = kubernetes::prune(
        &task.cluster,
        &task.app.namespace,
        old,
        &applied.inventory,
        &task.owner,
    )
    .await?;
    result.objects.pruned = u32::try_from(pruned.removed.len()).unwrap_or(u32::MAX);
    let names = |objects: &[_]| -> String {
        let names: Vec<String> = objects.iter().map(ToString::to_string).collect();
        names.join(", ")
    };
    let mut message = match pruned.removed.as_slice() {
        [] => "Nothing to remove".to_owned(),
        removed => format!("{} removed", names(removed)),
    };
    if !pruned.kept.is_empty() {
        message += &format!(
            "; kept though no manifest has it any more: {}",
            names(&pruned.kept)
        );
    }
    if pruned.held.is_empty() {
        step.say(message);
    } else {
        let held: Vec<String> = pruned.held.iter().map(ToString::to_string).collect();
        step.warn(format!(
            "{message}; being deleted, but still there: {}. The program that the finalizer belongs to must run and let go",
            held.join(", ")
        ));
    }
    let mut inventory = applied.inventory.clone();
    inventory.extend(pruned.kept);
    inventory.extend(pruned.held.into_iter().map(|held| held.object));
    let written = inventory::write(&task.cluster, &task.app.namespace, &task.owner, &inventory);
    let written = written.await;
    result.inventory = Some(inventory);
    written
}

/// What applying did, in a sentence.
fn changes(applied: &Applied) -> String {
    let all = count(applied.inventory.len(), "object");
    let parts: Vec<String> = [
        (applied.created, "created"),
        (applied.changed, "changed"),
        (applied.unchanged, "unchanged"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, word)| format!("{number} {word}"))
    .collect();
    if applied.created == 0 && applied.changed == 0 {
        format!("{all}, nothing changed")
    } else {
        format!("{all}: {}", parts.join(", "))
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
            unchanged: 0,
            inventory: vec![reference.clone(); 3],
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
