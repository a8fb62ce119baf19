//! `reset`: gives the app fresh data. Either none at all: everything goes, volumes too, and is deployed from scratch with
//! the same passwords. Or what the reset manifests make of production's: they are applied one after the other, their
//! Jobs awaited, and the app restarted.
//!
//! What fresh data has replaced is gone, so a mark on the namespace says that it is there: another attempt at the same
//! job does not do it again to an app that somebody may be using by then.

use std::time::Duration;

use super::rendering::Wanted;
use super::step_log::{CancelReason, StepHandle, objects};
use super::{JobContext, deploy, hooks, ready, restart, to_contract};
use crate::code::Code;
use crate::kubernetes::generated::{self, Generated};
use crate::kubernetes::restart::Reason;
use crate::kubernetes::{self, Applied, Keep, hook_job, inventory, logs, namespace};
use crate::object::{Object, ObjectRef};
use crate::odoo::contract::{JobResult, Manifest, ManifestValues, Manifests, Production, StepCode};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// On the namespace: the job whose fresh data is there.
const RESET: &str = "chandlery.dev/reset";
/// How long Kubernetes may take to let go of everything.
const DELETE_LIMIT: Duration = Duration::from_secs(600);
/// How long the Jobs of one reset manifest may take. A Job's own `activeDeadlineSeconds` usually ends it earlier.
const JOBS_LIMIT: Duration = Duration::from_secs(6 * 3600);

/// From scratch. Nothing is deleted before it is known what is to come instead.
pub async fn empty(
    context: &JobContext,
    job: &Manifests,
    result: &mut JobResult,
) -> Result<(), Problem> {
    only_beside_production(context)?;
    let wanted = deploy::prepare(context, &job.manifests, &job.values, None, result).await?;
    context
        .step_log
        .step(StepCode::Deleting, async |step| {
            delete_all(context, &wanted, step, result).await
        })
        .await?;
    deploy::bring(context, wanted, result).await
}

async fn delete_all(
    context: &JobContext,
    wanted: &Wanted,
    step: &StepHandle<'_>,
    result: &mut JobResult,
) -> Result<(), Problem> {
    let app = &context.app;
    if namespace::ensure(&context.target).await? {
        step.say(sentence!("There was nothing to delete"));
    } else if is_done(context).await? {
        step.say(sentence!("Deleted by an earlier attempt"));
    } else {
        let deleted = kubernetes::delete(
            &context.target,
            &app.inventory,
            Keep::Passwords,
            DELETE_LIMIT,
            |waiting| step.say(waiting),
        )
        .await?;
        hooks::forget(context, wanted).await?;
        result.inventory = Some(deleted.kept);
        step.say(objects(deleted.objects as usize).and(", ", sentence!("volumes among them")));
    }
    done(context).await
}

fn only_beside_production(context: &JobContext) -> Result<(), Problem> {
    match context.app.is_production() {
        true => Err(
            Problem::new(Code::ResetRefused, sentence!("Production is never reset."))
                .hint(sentence!("Reset the app of another environment instead.")),
        ),
        false => Ok(()),
    }
}

/// By the product's reset manifests.
pub async fn by_manifests(
    context: &JobContext,
    manifests: &[Manifest],
    values: &ManifestValues,
    result: &mut JobResult,
) -> Result<(), Problem> {
    only_beside_production(context)?;
    let step_log = &context.step_log;
    if manifests.is_empty() {
        return Err(Problem::new(
            Code::ManifestCheck,
            sentence!("The app has no reset manifests."),
        )
        .hint(sentence!(
            "Add them to the app, or choose to reset it by starting from scratch."
        )));
    }
    let production = production(context, values.production.as_ref()).await?;
    let mut wanted =
        deploy::prepare(context, manifests, values, production.as_ref(), result).await?;
    if let Some(hook) = wanted.hooks.first() {
        return Err(hook.locate(
            Problem::new(
                Code::ManifestCheck,
                sentence!("The hooks of a chart are not run in a reset."),
            )
            .hint(sentence!(
                "Switch it off by the chart's values; a reset manifest's own Jobs are run as they stand there."
            )),
        ));
    }
    for object in &mut wanted.objects {
        hook_job::mark(object, &context.job);
    }
    step_log.hide(&wanted.redactor);
    let objects: Vec<ObjectRef> = wanted.objects.iter().map(Object::reference).collect();
    inventory::announce(&context.target, None, &objects).await?;
    let mut applied = Applied::default();
    let ended = run_all(context, &wanted, &mut applied).await;
    let left = clean_up(context, &wanted, &ended).await;
    if ended.is_err() || left.is_err() {
        result.inventory = Some(applied.together_with(&context.app.inventory));
    }
    ended?;
    left?;
    step_log
        .step(StepCode::Restarting, async |step| {
            restart::roll_out(context, Reason::Reset, step).await
        })
        .await?;
    ready::until_reachable(context, &context.app.inventory, Vec::new(), result).await
}

/// Runs the reset manifests in their order, each in a step of its own.
async fn run_all(
    context: &JobContext,
    wanted: &Wanted,
    applied: &mut Applied,
) -> Result<(), Problem> {
    let from_one =
        |one: &Object, other: &Object| (&one.manifest, &one.url) == (&other.manifest, &other.url);
    for objects in wanted.objects.chunk_by(from_one) {
        context
            .step_log
            .step(StepCode::Resetting, async |step| {
                run(context, wanted, objects, applied, step).await
            })
            .await?;
    }
    done(context).await
}

/// Applies one reset manifest and waits until its Jobs have come to their end.
async fn run(
    context: &JobContext,
    wanted: &Wanted,
    objects: &[Object],
    applied: &mut Applied,
    step: &StepHandle<'_>,
) -> Result<(), Problem> {
    let (cluster, owner) = (&context.target.cluster, &context.target.owner);
    let title = objects.first().map_or("", |object| &object.manifest);
    if namespace::find(&context.target).await? == namespace::Found::Absent {
        return Err(
            Problem::new(Code::NotThere, sentence!("The app is not in the cluster."))
                .hint(sentence!("Press Apply to deploy it; then it can be reset.")),
        );
    }
    if is_done(context).await? {
        step.say(sentence!("{title}: done by an earlier attempt", title));
        return Ok(());
    }
    step.say(title);
    // The Jobs may need what a stop has stopped.
    kubernetes::start(&context.target).await?;
    hook_job::delete_previous(cluster, objects, owner, &context.job).await?;
    kubernetes::apply(cluster, objects, owner, applied, |_| {}).await?;
    let references: Vec<ObjectRef> = objects.iter().map(Object::reference).collect();
    let waited = kubernetes::wait_until_ready(cluster, &references, JOBS_LIMIT, |waiting| {
        step.say(Sentence::from(title).and(": ", waiting))
    })
    .await;
    match waited {
        Ok(()) => {
            step.say(sentence!("{title}: done", title));
            Ok(())
        }
        Err(problem) => Err(with_log(context, wanted, problem).await),
    }
}

/// Adds the end of the log to the problem of a Job that has failed.
async fn with_log(context: &JobContext, wanted: &Wanted, problem: Problem) -> Problem {
    let Some(job) = problem
        .object
        .as_deref()
        .and_then(|object| object.strip_prefix("Job/"))
        .filter(|_| problem.code == Code::NotReady)
    else {
        return wanted.redactor.problem(problem);
    };
    let message = match logs::end_of_log(&context.target.cluster, &context.app.namespace, job).await
    {
        Ok(end) => logs::told(&end, &wanted.redactor),
        Err(reason) => sentence!(
            "Its log cannot be read: {reason}.",
            reason = reason.to_string()
        ),
    };
    wanted.redactor.problem(Problem {
        message: problem.message.and("\n", message),
        hint: Some(sentence!(
            "Correct what the Job complains about, then reset again: it starts from the beginning."
        )),
        ..problem
    })
}

/// Removes what only the reset needed: its objects may hold production's secrets. After a failure the Jobs stay for their
/// logs; a job that is not ours any more touches nothing.
async fn clean_up(
    context: &JobContext,
    wanted: &Wanted,
    ended: &Result<(), Problem>,
) -> Result<(), Problem> {
    let keep_jobs = match (ended, context.step_log.stop_reason()) {
        (_, Some(CancelReason::Released | CancelReason::Lost)) => return Ok(()),
        (Ok(()), _) | (Err(_), Some(CancelReason::Cancelled)) => false,
        // The next attempt goes on with them.
        (Err(problem), None) if problem.retry => return Ok(()),
        (Err(_), None) => true,
    };
    let objects = wanted.objects.iter().map(Object::reference);
    let only_for_the_reset: Vec<ObjectRef> = objects
        .filter(|object| {
            let inventory = &context.app.inventory;
            !inventory.iter().any(|known| known.is_same_object(object))
        })
        .collect();
    hook_job::clean_up(
        &context.target.cluster,
        &only_for_the_reset,
        &context.target.owner,
        keep_jobs,
    )
    .await
}

/// The generated secrets of the production app beside this one.
async fn production(
    context: &JobContext,
    beside: Option<&Production>,
) -> Result<Option<Generated>, Problem> {
    let Some(beside) = beside else {
        return Ok(None);
    };
    let production = kubernetes::App {
        cluster: context.target.cluster.clone(),
        namespace: beside.namespace.clone(),
        owner: to_contract::owner(
            &context.target.owner.instance,
            &beside.uid,
            beside.app,
            &beside.name,
            &beside.environment,
        ),
    };
    let secrets = generated::read(&production).await;
    secrets.map(Some).map_err(|problem| Problem {
        message: sentence!(
            "Production cannot be read: {problem}",
            problem = problem.message
        ),
        ..problem
    })
}

async fn is_done(context: &JobContext) -> Result<bool, Problem> {
    let job = context.job.as_str();
    namespace::is_marked(&context.target, RESET, job).await
}

async fn done(context: &JobContext) -> Result<(), Problem> {
    let job = context.job.as_str();
    namespace::mark(&context.target, RESET, job).await.map(drop)
}
