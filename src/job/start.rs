//! `start`: brings a stopped app back to what it was.

use super::story::count;
use super::{Task, ready};
use crate::kubernetes::{self, readiness};
use crate::odoo::contract::{JobResult, StepCode};
use crate::problem::Problem;

/// Starts what was stopped and waits until the app is ready.
pub async fn start(task: &Task, result: &mut JobResult) -> Result<(), Problem> {
    let app = &task.app;
    task.story
        .step(StepCode::Starting, async |step| {
            let started = kubernetes::start(&task.cluster, &app.namespace, &task.owner).await?;
            let missing = readiness::missing(&task.cluster, &app.inventory).await?;
            if let Some(first) = missing.first() {
                return Err(not_there(&first.to_string(), missing.len()));
            }
            if app.inventory.is_empty() && started.is_empty() {
                return Err(
                    Problem::new("not_there", "Nothing of the app is in the cluster.")
                        .hint("Press Apply to deploy it."),
                );
            }
            step.say(match started.len() {
                0 => "Nothing was stopped".to_owned(),
                started => format!("{} started", count(started, "workload")),
            });
            Ok(())
        })
        .await?;
    ready::until_reachable(task, &app.inventory, result).await
}

fn not_there(first: &str, missing: usize) -> Problem {
    let message = match missing {
        1 => format!("{first} is not in the cluster any more."),
        more => format!(
            "{first} and {} more objects are not in the cluster any more.",
            more - 1
        ),
    };
    Problem {
        object: Some(first.to_owned()),
        ..Problem::new("not_there", message)
            .hint("Press Apply: it makes what is missing. Start only brings back what was stopped.")
    }
}
