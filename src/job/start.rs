//! `start`: brings a stopped app back to what it was.

use super::{JobContext, ready};
use crate::code::Code;
use crate::kubernetes::{self, wait};
use crate::odoo::contract::{JobResult, StepCode};
use crate::problem::Problem;
use crate::sentence;

/// Starts what was stopped and waits until the app is ready.
pub async fn start(context: &JobContext, result: &mut JobResult) -> Result<(), Problem> {
    let app = &context.app;
    context
        .step_log
        .step(StepCode::Starting, async |step| {
            let started = kubernetes::start(&context.target).await?;
            let missing = wait::missing(&context.target.cluster, &app.inventory).await?;
            if let Some(first) = missing.first() {
                return Err(not_there(&first.to_string(), missing.len()));
            }
            if app.inventory.is_empty() && started.is_empty() {
                return Err(Problem::new(
                    Code::NotThere,
                    sentence!("Nothing of the app is in the cluster."),
                )
                .hint(sentence!("Press Apply to deploy it.")));
            }
            step.say(match started.len() {
                0 => sentence!("Nothing was stopped"),
                1 => sentence!("1 workload started"),
                number => sentence!("{number} workloads started", number),
            });
            Ok(())
        })
        .await?;
    ready::until_reachable(context, &app.inventory, Vec::new(), result).await
}

fn not_there(first: &str, missing: usize) -> Problem {
    let message = match missing {
        1 => sentence!("{first} is not in the cluster any more.", first),
        number => sentence!(
            "{first} and {more} more objects are not in the cluster any more.",
            first,
            more = number - 1
        ),
    };
    Problem {
        object: Some(first.to_owned()),
        ..Problem::new(Code::NotThere, message).hint(sentence!(
            "Press Apply: it makes what is missing. Start only brings back what was stopped."
        ))
    }
}
