//! The hooks of charts in a deploy: Jobs, and what those need, one after the other in the order of their weights, each awaited.
//!
//! Whether a chart is installed or upgraded is not asked of a release, of which there is none: the namespace says which
//! charts have come to the end of their hooks. A Job runs once for each job in Odoo, and not once for each attempt at it;
//! what the last deploy has run stays until the next one, for its log.

use std::time::Duration;

use super::JobContext;
use super::rendering::Wanted;
use super::step_log::StepHandle;
use crate::code::Code;
use crate::kubernetes::{self, Applied, hook_job, logs, namespace};
use crate::manifest::{digest, hook};
use crate::object::{Object, ObjectRef};
use crate::odoo::contract::StepCode;
use crate::problem::Problem;
use crate::redact::Redactor;
use crate::sentence;

/// How long one may take. A Job's own `activeDeadlineSeconds` usually ends it earlier.
const LIMIT: Duration = Duration::from_secs(3600);
/// On the namespace, with a word for the chart's manifest: its hooks have been run.
const INSTALLED: &str = "chandlery.dev/installed-";

/// Those of a deploy.
pub struct Hooks {
    before: Vec<Object>,
    after: Vec<Object>,
    /// What the namespace is to say when they have been run.
    marks: Vec<String>,
}

impl Hooks {
    /// Those that this deploy is to run: of a chart that has never come to its end here those of an installation, of others
    /// those of an upgrade. The namespace must be there.
    pub async fn of(context: &JobContext, wanted: &Wanted) -> Result<Self, Problem> {
        let mut hooks = Self {
            before: Vec::new(),
            after: Vec::new(),
            marks: Vec::new(),
        };
        for objects in wanted.hooks.chunk_by(are_of_one) {
            let mark = mark(objects);
            let is_there = namespace::is_marked(&context.target, &mark, "yes").await?;
            let (before, after) = match is_there {
                true => ("pre-upgrade", "post-upgrade"),
                false => ("pre-install", "post-install"),
            };
            let of_job = |object: &Object| {
                let mut object = object.clone();
                if object.reference().is_job() {
                    hook_job::mark(&mut object, &context.job);
                }
                object
            };
            hooks
                .before
                .extend(hook::at(objects, before).into_iter().map(of_job));
            hooks
                .after
                .extend(hook::at(objects, after).into_iter().map(of_job));
            hooks.marks.push(mark);
        }
        Ok(hooks)
    }

    /// All that they bring.
    pub fn references(&self) -> impl Iterator<Item = ObjectRef> {
        let all = self.before.iter().chain(&self.after);
        all.map(Object::reference)
    }

    /// Runs those that come before everything else.
    pub async fn run_before(
        &self,
        context: &JobContext,
        applied: &mut Applied,
        redactor: &Redactor,
    ) -> Result<(), Problem> {
        run_all(context, &self.before, applied, redactor).await
    }

    /// Runs those that come after everything else, and notes that all were run.
    pub async fn run_after(
        &self,
        context: &JobContext,
        applied: &mut Applied,
        redactor: &Redactor,
    ) -> Result<(), Problem> {
        run_all(context, &self.after, applied, redactor).await?;
        for mark in &self.marks {
            namespace::mark(&context.target, mark, "yes").await?;
        }
        Ok(())
    }
}

/// Of a chart's hooks, what the namespace says when they have been run.
fn mark(objects: &[Object]) -> String {
    let title = objects.first().map_or("", |object| &object.manifest);
    let digest = digest(title);
    let word = digest.trim_start_matches("sha256:").chars().take(12);
    format!("{INSTALLED}{}", word.collect::<String>())
}

/// Everything is gone: what comes next is an installation.
pub async fn forget(context: &JobContext, wanted: &Wanted) -> Result<(), Problem> {
    for objects in wanted.hooks.chunk_by(are_of_one) {
        namespace::unmark(&context.target, &mark(objects), "yes").await?;
    }
    Ok(())
}

fn are_of_one(one: &Object, other: &Object) -> bool {
    (&one.manifest, &one.url) == (&other.manifest, &other.url)
}

async fn run_all(
    context: &JobContext,
    objects: &[Object],
    applied: &mut Applied,
    redactor: &Redactor,
) -> Result<(), Problem> {
    for object in objects {
        context
            .step_log
            .step(StepCode::Applying, async |step| {
                run(context, object, applied, redactor, step).await
            })
            .await?;
    }
    Ok(())
}

/// Applies one, and waits until it has done its work.
async fn run(
    context: &JobContext,
    object: &Object,
    applied: &mut Applied,
    redactor: &Redactor,
    step: &StepHandle<'_>,
) -> Result<(), Problem> {
    let (cluster, owner) = (&context.target.cluster, &context.target.owner);
    let reference = object.reference();
    step.say_as_is(sentence!("Hook {reference}", reference));
    let objects = std::slice::from_ref(object);
    hook_job::delete_previous(cluster, objects, owner, &context.job).await?;
    kubernetes::apply(cluster, objects, owner, applied, |_| {}).await?;
    let references = std::slice::from_ref(&reference);
    let waited = kubernetes::wait_until_ready(cluster, references, LIMIT, |waiting| {
        step.say(sentence!("Hook {reference}: {waiting}", reference, waiting));
    });
    if let Err(problem) = waited.await {
        return Err(with_log(context, &reference, problem, redactor).await);
    }
    if hook::goes_when_done(object) {
        hook_job::clean_up(cluster, references, owner, false).await?;
        applied
            .inventory
            .retain(|known| !known.is_same_object(&reference));
        applied
            .jobs
            .retain(|known| !known.is_same_object(&reference));
    }
    step.say_as_is(sentence!("Hook {reference}: done", reference));
    Ok(())
}

/// Adds the end of the log to the problem of a Job that has failed.
async fn with_log(
    context: &JobContext,
    hook: &ObjectRef,
    problem: Problem,
    redactor: &Redactor,
) -> Problem {
    if !hook.is_job() || problem.code != Code::NotReady {
        return redactor.problem(problem);
    }
    let (cluster, namespace) = (&context.target.cluster, &context.app.namespace);
    let message = match logs::end_of_log(cluster, namespace, &hook.name).await {
        Ok(end) => logs::told(&end, redactor),
        Err(reason) => sentence!(
            "Its log cannot be read: {reason}.",
            reason = reason.to_string()
        ),
    };
    redactor.problem(Problem {
        message: problem.message.and("\n", message),
        hint: Some(sentence!(
            "Correct what the Job complains about, then press Apply again: it starts from the beginning."
        )),
        ..problem
    })
}
