//! Telling Odoo what becomes of the jobs: steps as they happen, outcomes, and, by telling anything at all, that they
//! are still ours.

use std::time::{Duration, SystemTime};

use backon::BackoffBuilder;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{error, warn};

use super::in_flight::{FinishedJob, PendingReport};
use super::{JobHandler, Odoo, Worker};
use crate::odoo::CallError;
use crate::odoo::contract::{FileSeen, JobReport, JobResult, ReportRequest, ReportResponse};

/// A report may take no longer, so that another try fits into a lease.
const REPORT_TIMEOUT: Duration = Duration::from_secs(15);
/// How often leases are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many bytes of manifests and differences go into one report, at most; Odoo refuses what is much larger.
const REPORT_BYTES: usize = 8 * 1024 * 1024;
/// How many jobs go into one report, at most: Odoo takes it over in one transaction.
const REPORT_JOBS: usize = 100;
/// With nothing held there is nothing due; news ends this wait.
const NOTHING_DUE: Duration = Duration::from_secs(3600);

impl<O: Odoo, R: JobHandler> Worker<O, R> {
    /// Reports for as long as it is polled.
    pub(super) async fn keep_reporting(&self) {
        let mut last = None;
        let mut pauses = pauses();
        loop {
            let due = self.in_flight.report_due(last);
            tokio::select! {
                // There may be less time left than thought: look again.
                () = self.in_flight.news.notified() => continue,
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
            let looked = (SystemTime::now(), std::time::Instant::now());
            let soon = Instant::now() + LOOK_EVERY;
            sleep_until(
                self.in_flight
                    .next_expiry()
                    .map_or(soon, |end| end.min(soon)),
            )
            .await;
            // The clock of leases stands still while the machine sleeps, the calendar does not.
            let passed = looked.0.elapsed().unwrap_or_default();
            let slept = passed.saturating_sub(looked.1.elapsed());
            if slept > LOOK_EVERY {
                self.in_flight.slept(slept);
            }
            for lost in self.in_flight.expire() {
                warn!(
                    job = lost.id,
                    "Odoo could not be told of this job in time: it is dropped, for somebody else may have it now"
                );
                self.metrics.lease_lost();
                self.record(&lost);
            }
        }
    }

    /// Reports what there is to report. Where Odoo refuses it, each job is told alone, so that one cannot hold up the others.
    async fn report_all(&self) -> bool {
        let mut good = true;
        for sent in portions(self.in_flight.reports()) {
            match self.report(sent).await {
                Ok(all_answered) => good &= all_answered,
                Err((CallError::Refused { .. }, sent)) => {
                    for one in sent {
                        let id = one.report.id;
                        match self.report(vec![one]).await {
                            Ok(answered) => good &= answered,
                            Err((error, _)) => {
                                error!(job = id, "{}", error.problem());
                                good = false;
                            }
                        }
                    }
                }
                Err((error, _)) => {
                    self.odoo_health.failed("report", &error);
                    good = false;
                }
            }
        }
        good
    }

    /// Sends one report; returns whether Odoo had an answer for each of its jobs.
    async fn report(
        &self,
        sent: Vec<PendingReport>,
    ) -> Result<bool, (CallError, Vec<PendingReport>)> {
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
        self.answered();
        let answered = |job: &JobReport| response.jobs.iter().any(|answer| answer.id == job.id);
        let all_answered = request.jobs.iter().all(answered);
        for ended in self.in_flight.answered(sent, sent_at, &response) {
            self.record(&ended);
        }
        Ok(all_answered)
    }

    fn record(&self, ended: &FinishedJob) {
        if let Some(outcome) = &ended.outcome {
            self.metrics.job_ended(ended.kind, outcome.state);
            if let Some(error) = &outcome.error
                && error.code.is_mailguns()
            {
                self.metrics.api_error("mailgun", error.code.label());
            }
        }
        for (step, seconds) in ended.step_log.durations() {
            self.metrics.step_took(step, seconds);
        }
        self.metrics.jobs_held(self.in_flight.len());
    }
}

/// Divides what there is to report by its size and number.
fn portions(all: Vec<PendingReport>) -> Vec<Vec<PendingReport>> {
    let mut portions: Vec<Vec<PendingReport>> = Vec::new();
    let mut bytes = 0;
    for sent in all {
        let size: usize = sent
            .report
            .outcome
            .iter()
            .map(|outcome| size(&outcome.result))
            .sum();
        match portions.last_mut() {
            Some(portion) if bytes + size <= REPORT_BYTES && portion.len() < REPORT_JOBS => {
                portion.push(sent);
                bytes += size;
            }
            _ => {
                portions.push(vec![sent]);
                bytes = size;
            }
        }
    }
    portions
}

/// About how many bytes a result's texts take.
fn size(result: &JobResult) -> usize {
    let files = |files: &[FileSeen]| files.iter().map(|file| file.content.len()).sum::<usize>();
    let manifests = result
        .manifests
        .iter()
        .map(|manifest| manifest.content.len() + files(&manifest.files));
    let diff = result.diff.iter().flat_map(|diff| &diff.objects);
    let preview = result
        .preview
        .iter()
        .map(|preview| preview.content.len() + files(&preview.files));
    manifests
        .chain(diff.map(|object| object.text.len()))
        .chain(preview)
        .sum()
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
