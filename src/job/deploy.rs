//! `deploy`: makes the cluster look as the manifests say.
//!
//! fetch → variables → render → parse → check → namespace → apply → prune → wait until ready → read the ingress.
//! Running it twice changes nothing the second time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::story::StepHandle;
use super::variables::{rules, variables};
use super::{Task, seen};
use crate::ansible::Resolved;
use crate::kubernetes::generated::{self, Generated};
use crate::kubernetes::{self, Applied, ingress, namespace};
use crate::manifest::{self, Rules, Source};
use crate::object::Object;
use crate::odoo::contract::{IngressState, JobResult, ManifestSeen, ObjectCounts, StepCode};
use crate::problem::Problem;

/// How often the ingress is looked at while it has no address.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The recipe.
pub async fn deploy(task: &Task, result: &mut JobResult) -> Result<(), Problem> {
    let story = &task.story;
    let sources = story
        .step(StepCode::Fetching, async |step| {
            fetch(task, step, result).await
        })
        .await?;
    let wanted = story
        .step(StepCode::Rendering, async |step| {
            render(task, sources, step, result).await
        })
        .await?;
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
    ended?;
    story
        .step(StepCode::Pruning, async |step| {
            prune(task, &applied, step, result).await
        })
        .await?;
    let ended = story
        .step(StepCode::Waiting, async |step| {
            wait(task, &applied, step).await
        })
        .await;
    if ended.is_ok() {
        story
            .step(StepCode::Ingress, async |step| {
                wait_for_ingress(task, step).await
            })
            .await?;
    }
    if story.stop_reason().is_none() {
        let seen = kubernetes::observe(&task.cluster, &task.app.namespace, &task.owner).await;
        result.observation = seen.ok().map(seen::observation);
    }
    ended
}

/// What is to be in the cluster.
struct Wanted {
    objects: Vec<Object>,
    generated: Generated,
    variables: Resolved,
}

async fn fetch(
    task: &Task,
    step: &StepHandle<'_>,
    result: &mut JobResult,
) -> Result<Vec<Source>, Problem> {
    let mut sources = Vec::new();
    for manifest in &task.job.manifests {
        step.say(format!("{} ({})", manifest.title, manifest.url));
        let source = task
            .shared
            .fetcher
            .fetch(&manifest.title, &manifest.url)
            .await?;
        result.manifests.push(ManifestSeen {
            id: manifest.id,
            digest: source.digest.clone(),
            content: source.text.clone(),
            variables: Vec::new(),
        });
        sources.push(source);
    }
    let bytes: usize = sources.iter().map(|source| source.text.len()).sum();
    step.say(format!(
        "{}, {:.1} KiB",
        count(sources.len(), "manifest"),
        bytes as f64 / 1024.0
    ));
    Ok(sources)
}

async fn render(
    task: &Task,
    sources: Vec<Source>,
    step: &StepHandle<'_>,
    result: &mut JobResult,
) -> Result<Wanted, Problem> {
    let app = &task.app;
    let rules = rules(&task.job)?;
    let made = match rules.is_empty() {
        true => Generated::new(),
        false => match generated::read(&task.cluster, &app.namespace, &task.owner).await {
            // The next step meets the same and is the one to say so.
            Err(problem) if problem.code.starts_with("namespace_") => Generated::new(),
            read => read?,
        },
    };
    let generated = generated::fill(made, &rules);
    let variables = variables(&task.job, &task.app, &task.site, &generated)?.resolve()?;

    // Templates compute: not on a thread that other jobs need for waiting.
    let rendering = {
        let variables = variables.clone();
        tokio::task::spawn_blocking(move || render_all(&sources, &variables))
    };
    let rendered = rendering.await.map_err(|_| {
        Problem::new(
            "internal",
            "The worker met a defect of its own while rendering.",
        )
    })??;
    for (seen, used) in result.manifests.iter_mut().zip(rendered.used) {
        seen.variables = used;
    }
    let kinds = task.cluster.kinds().await?;
    let rules = Rules {
        namespace: &app.namespace,
        allowed_kinds: &task.site.allowed_kinds,
        kinds: &kinds,
    };
    let objects = manifest::check(rendered.objects, &rules)
        .map_err(|problem| variables.mask_problem(problem))?;
    if objects.is_empty() {
        return Err(Problem::new("manifest_check", "The manifests hold no objects.").hint(
            "Add manifests to the app, or delete the app: a deploy of nothing would remove all that runs.",
        ));
    }
    match rendered.warnings.first() {
        Some(warning) => step.warn(variables.mask(&warning.to_string().replace('\n', " "))),
        None => step.say(count(objects.len(), "object")),
    }
    Ok(Wanted {
        objects,
        generated,
        variables,
    })
}

/// All manifests rendered and parsed.
#[derive(Default)]
struct RenderedAll {
    objects: Vec<Object>,
    /// The variables that each manifest uses.
    used: Vec<Vec<String>>,
    warnings: Vec<Problem>,
}

fn render_all(sources: &[Source], variables: &Resolved) -> Result<RenderedAll, Problem> {
    let mut all = RenderedAll::default();
    for source in sources {
        let rendered = manifest::render(source, variables)?;
        let parsed = manifest::parse(&rendered, variables)?;
        all.objects.extend(parsed.objects);
        all.warnings.extend(parsed.warnings);
        all.used.push(rendered.variables);
    }
    Ok(all)
}

async fn make_namespace(
    task: &Task,
    wanted: &Wanted,
    step: &StepHandle<'_>,
) -> Result<(), Problem> {
    let name = &task.app.namespace;
    let created = namespace::ensure(&task.cluster, name, &task.owner).await?;
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
    .map_err(|problem| wanted.variables.mask_problem(problem))?;
    step.say(changes(applied));
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
    let pruned = kubernetes::prune(&task.cluster, old, &applied.inventory, &task.owner).await?;
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
    step.say(message);
    let mut inventory = applied.inventory.clone();
    inventory.extend(pruned.kept);
    result.inventory = Some(inventory);
    Ok(())
}

async fn wait(task: &Task, applied: &Applied, step: &StepHandle<'_>) -> Result<(), Problem> {
    let limit = Duration::from_secs(task.shared.patience.ready_seconds);
    kubernetes::wait_until_ready(&task.cluster, &applied.inventory, limit, |waiting| {
        step.say(waiting)
    })
    .await?;
    step.say("Everything is ready");
    Ok(())
}

/// No address is not a failure: some controllers never write one, and observing tells it when it comes.
async fn wait_for_ingress(task: &Task, step: &StepHandle<'_>) -> Result<(), Problem> {
    let deadline = Instant::now() + Duration::from_secs(task.shared.patience.ingress_seconds);
    loop {
        let seen = ingress::read(&task.cluster, &task.app.namespace, &task.owner).await?;
        let seen = seen::ingress(seen);
        let sentence = seen::ingress_sentence(&seen);
        if seen.state != IngressState::NoAddress {
            step.say(sentence);
            return Ok(());
        }
        if Instant::now() >= deadline {
            step.warn(sentence);
            return Ok(());
        }
        step.say(sentence);
        sleep(LOOK_AGAIN).await;
    }
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

fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
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
