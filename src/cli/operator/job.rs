//! Waits for jobs that were asked for, and tells of their steps meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::client::Odoo;
use super::{Answer, text};
use crate::code::Code;
use crate::problem::Problem;

/// How often it is asked how far a job is.
const PAUSE: Duration = Duration::from_millis(500);

/// Whether and how long a command waits for what it asked for.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Patience {
    /// Asks, and does not wait for the end
    #[arg(long)]
    no_wait: bool,
    /// Waits no longer than so many seconds; the job goes on
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    timeout: u64,
}

impl Patience {
    /// Waits for nothing.
    pub fn none() -> Self {
        Self {
            no_wait: true,
            timeout: 0,
        }
    }

    /// Waits as long as it takes.
    pub fn to_the_end() -> Self {
        Self {
            no_wait: false,
            timeout: u64::MAX,
        }
    }
}

/// The newest job of a record, `kubernetes.app` by `app_id` or `kubernetes.repository` by `repository_id`; 0 where there is
/// none.
pub async fn newest(odoo: &Odoo, (of, record): (&str, i64)) -> Result<i64, Problem> {
    let arguments =
        json!({"domain": [[of, "=", record]], "fields": ["id"], "order": "id desc", "limit": 1});
    let found = odoo
        .call("kubernetes.job", "search_read", &[], arguments)
        .await?;
    Ok(found[0]["id"].as_i64().unwrap_or(0))
}

/// The job of one of these kinds that was asked for: a new one, or the one that was joined.
async fn asked(
    odoo: &Odoo,
    (of, record): (&str, i64),
    kinds: &[&str],
    before: i64,
) -> Result<Option<i64>, Problem> {
    let domain = json!([
        [of, "=", record],
        ["kind", "in", kinds],
        "|",
        ["id", ">", before],
        ["state", "in", ["pending", "running"]],
    ]);
    let found = odoo
        .search("kubernetes.job", domain, &["id"], "id desc")
        .await?;
    Ok(found.first().and_then(|job| job["id"].as_i64()))
}

/// Waits for the job of one of these kinds that was asked for since the job `before`, and says what came of it.
pub async fn follow(
    odoo: &Odoo,
    of: (&str, i64),
    kinds: &[&str],
    before: i64,
    patience: Patience,
) -> Result<Answer, Problem> {
    let Some(asked) = asked(odoo, of, kinds, before).await? else {
        return Ok(Answer::well(Value::Null, "There was nothing to do."));
    };
    let job = wait(odoo, asked, patience).await?;
    Ok(Answer {
        table: told(&job),
        well: is_well(&job),
        json: job,
    })
}

/// Waits until a job is over, with a line on standard error for each step that begins or ends. The job as it is then, or as
/// it is now where nobody waits.
pub async fn wait(odoo: &Odoo, job: i64, patience: Patience) -> Result<Value, Problem> {
    let begun = Instant::now();
    let mut told = BTreeSet::new();
    loop {
        let state = look(odoo, job).await?;
        if patience.no_wait {
            return Ok(state);
        }
        for step in steps(odoo, job).await? {
            let state = text(&step, "state");
            let line = format!("{}: {state}", text(&step, "name"));
            if state != "running" && told.insert((step["id"].as_i64(), state)) {
                let message = text(&step, "message_shown");
                match message.is_empty() {
                    true => eprintln!("  {line}"),
                    false => eprintln!("  {line}: {message}"),
                }
            }
        }
        if !matches!(text(&state, "state").as_str(), "pending" | "running") {
            return Ok(state);
        }
        if begun.elapsed() >= Duration::from_secs(patience.timeout) {
            return Err(Problem::new(
                Code::NotReady,
                format!(
                    "The job {job} has not ended after {} s; it goes on.",
                    patience.timeout
                ),
            )
            .hint(format!(
                "`chandlery app logs --job {job}` tells how far it is."
            )));
        }
        sleep(PAUSE).await;
    }
}

/// A job as it is.
pub async fn look(odoo: &Odoo, job: i64) -> Result<Value, Problem> {
    let fields = [
        "display_name",
        "kind",
        "state",
        "attempt",
        "started_at",
        "finished_at",
        "error_code",
        "error_message_shown",
        "error_hint_shown",
        "result_text_shown",
    ];
    let found = odoo
        .search("kubernetes.job", json!([["id", "=", job]]), &fields, "id")
        .await?;
    found.into_iter().next().ok_or_else(|| {
        Problem::new(
            Code::OdooRefused,
            format!("There is no job {job}, or it is not yours."),
        )
    })
}

/// The steps of a job, in order.
pub async fn steps(odoo: &Odoo, job: i64) -> Result<Vec<Value>, Problem> {
    let fields = [
        "attempt",
        "number",
        "code",
        "name",
        "state",
        "started_at",
        "seconds",
        "message_shown",
    ];
    odoo.search(
        "kubernetes.job.step",
        json!([["job_id", "=", job]]),
        &fields,
        "attempt, number",
    )
    .await
}

/// What came of a job, in a line or two.
pub fn told(job: &Value) -> String {
    let (name, state) = (text(job, "display_name"), text(job, "state"));
    let mut lines = vec![format!("{name}: {state}")];
    for part in [
        "result_text_shown",
        "error_message_shown",
        "error_hint_shown",
    ] {
        let said = text(job, part);
        if !said.is_empty() {
            lines.push(format!("  {said}"));
        }
    }
    lines.join("\n")
}

/// Whether a job has not come to a bad end.
pub fn is_well(job: &Value) -> bool {
    !matches!(text(job, "state").as_str(), "failed" | "cancelled")
}
