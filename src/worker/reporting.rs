//! Telling Odoo what becomes of the jobs: steps as they happen, outcomes, and, by telling anything at all, that they
//! are still ours.

use std::time::Duration;

use backon::BackoffBuilder;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{error, warn};

use super::board::{Ended, Sent};
use super::{Odoo, Recipes, Worker};
use crate::odoo::CallError;
use crate::odoo::contract::{ReportRequest, ReportResponse};

/// A report may take no longer, so that another try fits into a lease.
const REPORT_TIMEOUT: Duration = Duration::from_secs(15);
/// With nothing held there is nothing due; news ends this wait.
const NOTHING_DUE: Duration = Duration::from_secs(3600);

impl<O: Odoo, R: Recipes> Worker<O, R> {
    /// Reports for as long as it is polled.
    pub(super) async fn keep_reporting(&self) {
        let mut last = None;
        let mut pauses = pauses();
        loop {
            let due = self.board.report_due(last);
            tokio::select! {
                // There may be less time left than thought: look again.
                () = self.board.news.notified() => continue,
                () = sleep_until(due.unwrap_or_else(|| Instant::now() + NOTHING_DUE)) => {}
            }
            last = Some(Instant::now());
            if self.report_all().await {
                pauses = self::pauses();
            } else {
                sleep(pauses.next().unwrap_or(Duration::from_secs(5))).await;
            }
        }
    }

    /// Stops jobs whose lease has ended, for as long as it is polled.
    pub(super) async fn keep_leases(&self) {
        loop {
            // A claim or an accepted report moves the next end of a lease only further away, or there was none.
            let next = self.board.next_expiry();
            let at = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(1));
            sleep_until(at.min(Instant::now() + Duration::from_secs(1))).await;
            for lost in self.board.expire() {
                warn!(
                    job = lost.id,
                    "Odoo could not be told of this job in time: it is dropped, for somebody else may have it now"
                );
                self.metrics.lease_lost();
                self.record(&lost);
            }
        }
    }

    /// One report of everything held. Where Odoo refuses it, each job is told alone, so that one cannot hold up the
    /// others.
    async fn report_all(&self) -> bool {
        let sent = self.board.reports();
        if sent.is_empty() {
            return true;
        }
        match self.report(sent).await {
            Ok(()) => true,
            Err((CallError::Refused { .. }, sent)) if sent.len() > 1 => {
                let mut good = true;
                for one in sent {
                    let id = one.report.id;
                    if let Err((error, _)) = self.report(vec![one]).await {
                        error!(job = id, "{}", error.problem());
                        good = false;
                    }
                }
                good
            }
            Err((error, _)) => {
                self.contact.failed("report", &error);
                false
            }
        }
    }

    async fn report(&self, sent: Vec<Sent>) -> Result<(), (CallError, Vec<Sent>)> {
        let sent_at = Instant::now();
        let request = ReportRequest {
            worker: self.identity.clone(),
            jobs: sent.iter().map(|sent| sent.report.clone()).collect(),
        };
        let answer = timeout(REPORT_TIMEOUT, self.odoo.report(&request))
            .await
            .unwrap_or_else(|_| {
                Err(CallError::Unreachable {
                    url: self.odoo.address(),
                    reason: "no answer in time".to_owned(),
                })
            });
        let response: ReportResponse = match answer {
            Ok(response) => response,
            Err(error) => return Err((error, sent)),
        };
        self.contact.answered();
        for ended in self.board.answered(sent, sent_at, &response) {
            self.record(&ended);
        }
        Ok(())
    }

    fn record(&self, ended: &Ended) {
        if let Some(outcome) = &ended.outcome {
            self.metrics.job_ended(ended.kind, outcome.state);
        }
        for (step, seconds) in ended.story.durations() {
            self.metrics.step_took(step, seconds);
        }
        self.metrics.jobs_held(self.board.len());
    }
}

/// The pauses between reports while Odoo is away: short, for a lease may end.
fn pauses() -> impl Iterator<Item = Duration> + Send {
    backon::ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(Duration::from_secs(5))
        .with_jitter()
        .without_max_times()
        .build()
}
