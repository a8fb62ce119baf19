//! `reset`: gives the app fresh data. Either none at all: everything goes, volumes too, and is deployed from scratch with
//! the same passwords. Or what the reset manifests make of production's: they are applied one after the other, their
//! Jobs awaited, and the app restarted.
//!
//! What fresh data has replaced is gone, so a mark on the namespace says that it is there: another attempt at the same
//! job does not do it again to an app that somebody may be using by then.

use std::time::Duration;

use super::rendering::Wanted;
use super::story::{StepHandle, Stop, count};
use super::{Task, deploy, ready, restart, seen};
use crate::kubernetes::generated::{self, Generated};
use crate::kubernetes::restart::Reason;
use crate::kubernetes::{self, Applied, Keep, errand, logs, namespace};
use crate::object::{Object, ObjectRef};
use crate::odoo::contract::{JobResult, Manifest, ResetMode, StepCode};
use crate::problem::Problem;

/// On the namespace: the job whose fresh data is there.
const RESET: &str = "chandlery.dev/reset";
/// How long Kubernetes may take to let go of everything.
const DELETE_LIMIT: Duration = Duration::from_secs(600);
/// How long the Jobs of one reset manifest may take. A Job's own `activeDeadlineSeconds` usually ends it earlier.
const JOBS_LIMIT: Duration = Duration::from_secs(6 * 3600);

/// The recipe.
pub async fn reset(task: &Task, result: &mut JobResult) -> Result<(), Problem> {
    if task.app.environment == "prod" {
        return Err(Problem::new("reset_refused", "Production is never reset.")
            .hint("Reset the integration app instead."));
    }
    match task.job.options.reset {
        Some(ResetMode::Empty) => empty(task, result).await,
        Some(ResetMode::Manifests) => by_manifests(task, result).await,
        None => Err(Problem::new(
            "contract",
            "The job does not say how to reset the app.",
        )),
    }
}

/// From scratch. Nothing is deleted before it is known what is to come instead.
async fn empty(task: &Task, result: &mut JobResult) -> Result<(), Problem> {
    let wanted = deploy::prepare(task, &task.job.manifests, None, result).await?;
    task.story
        .step(StepCode::Deleting, async |step| {
            delete_all(task, step, result).await
        })
        .await?;
    deploy::bring(task, wanted, result).await
}

async fn delete_all(
    task: &Task,
    step: &StepHandle<'_>,
    result: &mut JobResult,
) -> Result<(), Problem> {
    let (cluster, app) = (&task.cluster, &task.app);
    if namespace::ensure(cluster, &app.namespace, &task.owner).await? {
        step.say("There was nothing to delete");
    } else if is_done(task).await? {
        step.say("Deleted by an earlier attempt");
    } else {
        let deleted = kubernetes::delete(
            cluster,
            &app.namespace,
            &app.inventory,
            &task.owner,
            Keep::Passwords,
            DELETE_LIMIT,
            |waiting| step.say(waiting),
        )
        .await?;
        result.inventory = Some(deleted.kept);
        step.say(format!(
            "{}, volumes among them",
            count(deleted.objects as usize, "object")
        ));
    }
    done(task).await
}

/// By the product's reset manifests.
async fn by_manifests(task: &Task, result: &mut JobResult) -> Result<(), Problem> {
    let story = &task.story;
    if task.job.reset_manifests.is_empty() {
        return Err(
            Problem::new("manifest_check", "The app has no reset manifests.")
                .hint("Add them to the app, or choose to reset it by starting from scratch."),
        );
    }
    let production = production(task).await?;
    let manifests: &[Manifest] = &task.job.reset_manifests;
    let mut wanted = deploy::prepare(task, manifests, production.as_ref(), result).await?;
    for object in &mut wanted.objects {
        errand::mark(object, &task.job.uid);
    }
    let mut applied = Applied::default();
    let ended = run_all(task, &wanted, &mut applied).await;
    let left = tidy(task, &wanted, &ended).await;
    if ended.is_err() || left.is_err() {
        result.inventory = Some(applied.together_with(&task.app.inventory));
    }
    ended?;
    left?;
    story
        .step(StepCode::Restarting, async |step| {
            restart::roll_out(task, Reason::Reset, step).await
        })
        .await?;
    ready::until_reachable(task, &task.app.inventory, result).await
}

/// Runs the reset manifests in their order, each in a step of its own.
async fn run_all(task: &Task, wanted: &Wanted, applied: &mut Applied) -> Result<(), Problem> {
    let from_one =
        |one: &Object, other: &Object| (&one.manifest, &one.url) == (&other.manifest, &other.url);
    for objects in wanted.objects.chunk_by(from_one) {
        task.story
            .step(StepCode::Resetting, async |step| {
                run(task, wanted, objects, applied, step).await
            })
            .await?;
    }
    done(task).await
}

/// Applies one reset manifest and waits until its Jobs have come to their end.
async fn run(
    task: &Task,
    wanted: &Wanted,
    objects: &[Object],
    applied: &mut Applied,
    step: &StepHandle<'_>,
) -> Result<(), Problem> {
    let (cluster, owner) = (&task.cluster, &task.owner);
    let title = objects.first().map_or("", |object| &object.manifest);
    if namespace::find(cluster, &task.app.namespace, owner).await? == namespace::Found::Absent {
        return Err(Problem::new("not_there", "The app is not in the cluster.")
            .hint("Press Apply to deploy it; then it can be reset."));
    }
    if is_done(task).await? {
        step.say(format!("{title}: done by an earlier attempt"));
        return Ok(());
    }
    step.say(title);
    // The Jobs may need what a stop has stopped.
    kubernetes::start(cluster, &task.app.namespace, owner).await?;
    errand::make_room(cluster, objects, owner, &task.job.uid).await?;
    kubernetes::apply(cluster, objects, owner, applied, |_| {})
        .await
        .map_err(|problem| wanted.redactor.problem(problem))?;
    let references: Vec<ObjectRef> = objects.iter().map(Object::reference).collect();
    let waited = kubernetes::wait_until_ready(cluster, &references, JOBS_LIMIT, |waiting| {
        step.say(format!("{title}: {waiting}"))
    })
    .await;
    match waited {
        Ok(()) => {
            step.say(format!("{title}: done"));
            Ok(())
        }
        Err(problem) => Err(with_log(task, wanted, problem).await),
    }
}

/// Adds the end of the log to the problem of a Job that has failed.
async fn with_log(task: &Task, wanted: &Wanted, problem: Problem) -> Problem {
    let Some(job) = problem
        .object
        .as_deref()
        .and_then(|object| object.strip_prefix("Job/"))
        .filter(|_| problem.code == "not_ready")
    else {
        return wanted.redactor.problem(problem);
    };
    let message = match logs::end_of_log(&task.cluster, &task.app.namespace, job).await {
        Ok(end) => {
            let text = wanted.redactor.text(&end.text);
            format!(
                "{}\nThe end of the log of pod {}, container {}:\n{}",
                problem.message,
                end.pod,
                end.container,
                logs::last_bytes(&text)
            )
        }
        Err(reason) => format!("{}\nIts log cannot be read: {reason}.", problem.message),
    };
    wanted.redactor.problem(Problem {
        message,
        hint: Some(
            "Correct what the Job complains about, then reset again: it starts from the beginning."
                .to_owned(),
        ),
        ..problem
    })
}

/// Removes what only the reset needed: its objects may hold production's secrets. After a failure the Jobs stay for their
/// logs; a job that is not ours any more touches nothing.
async fn tidy(task: &Task, wanted: &Wanted, ended: &Result<(), Problem>) -> Result<(), Problem> {
    let keep_jobs = match (ended, task.story.stop_reason()) {
        (_, Some(Stop::Released | Stop::Lost)) => return Ok(()),
        (Ok(()), _) | (Err(_), Some(Stop::Cancelled)) => false,
        // The next attempt goes on with them.
        (Err(problem), None) if problem.retry => return Ok(()),
        (Err(_), None) => true,
    };
    let objects = wanted.objects.iter().map(Object::reference);
    let only_for_the_reset: Vec<ObjectRef> = objects
        .filter(|object| {
            let inventory = &task.app.inventory;
            !inventory.iter().any(|known| known.is_same_object(object))
        })
        .collect();
    errand::tidy(&task.cluster, &only_for_the_reset, &task.owner, keep_jobs).await
}

/// The generated secrets of the production app beside this one.
async fn production(task: &Task) -> Result<Option<Generated>, Problem> {
    let Some(beside) = &task.job.production else {
        return Ok(None);
    };
    let owner = seen::owner(
        &task.owner.instance,
        &beside.uid,
        beside.app,
        &beside.name,
        "prod",
    );
    let secrets = generated::read(&task.cluster, &beside.namespace, &owner).await;
    secrets.map(Some).map_err(|problem| Problem {
        message: format!("Production cannot be read: {}", problem.message),
        ..problem
    })
}

async fn is_done(task: &Task) -> Result<bool, Problem> {
    let job = task.job.uid.as_str();
    namespace::is_marked(&task.cluster, &task.app.namespace, &task.owner, RESET, job).await
}

async fn done(task: &Task) -> Result<(), Problem> {
    let job = task.job.uid.as_str();
    namespace::mark(&task.cluster, &task.app.namespace, &task.owner, RESET, job)
        .await
        .map(drop)
}
