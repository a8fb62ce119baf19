//! `stop`: keeps the app from running; its volumes, settings and address stay.

use std::time::Duration;

use super::{JobContext, ready};
use crate::kubernetes::{self, Stopped};
use crate::odoo::contract::{JobResult, StepCode};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// How long pods may take to end.
const LIMIT: Duration = Duration::from_secs(600);

/// Stops all that runs and waits until its pods are gone.
pub async fn stop(context: &JobContext, result: &mut JobResult) -> Result<(), Problem> {
    context
        .step_log
        .step(StepCode::Stopping, async |step| {
            let stopped =
                kubernetes::stop(&context.target, LIMIT, |waiting| step.say(waiting)).await?;
            let message = words(&stopped);
            match stopped.deleted.is_empty() && stopped.others.is_empty() {
                true => step.say(message),
                false => step.warn(message),
            }
            Ok(())
        })
        .await?;
    ready::look(context, result).await;
    Ok(())
}

fn words(stopped: &Stopped) -> Sentence {
    let mut parts = vec![match stopped.changed.len() {
        0 if stopped.deleted.is_empty() => sentence!("Nothing was running"),
        0 => sentence!("Stopped"),
        1 => sentence!("1 workload stopped"),
        number => sentence!("{number} workloads stopped", number),
    }];
    if !stopped.deleted.is_empty() {
        let deleted: Vec<String> = stopped.deleted.iter().map(ToString::to_string).collect();
        parts.push(sentence!(
            "{pods} deleted, since nothing can stop a pod without a controller: Start cannot bring it back, Apply does",
            pods = deleted.join(", ")
        ));
    }
    if !stopped.others.is_empty() {
        parts.push(sentence!(
            "not of this app's manifests and still running in its namespace: {objects}",
            objects = stopped.others.join(", ")
        ));
    }
    Sentence::joined("; ", parts)
}
