//! Asking Odoo for jobs and starting them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use backon::BackoffBuilder;
use futures::FutureExt;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

use super::in_flight::Lease;
use super::{JobHandler, MOST_WAITING, Observes, Odoo, Worker};
use crate::code::Code;
use crate::job::{Capabilities, outcome};
use crate::odoo::CallError;
use crate::odoo::contract::{
    CLUSTER_KIND, ClaimRequest, ClaimResponse, Job, JobKind, JobResult, Outcome, OutcomeState,
    Unreadable,
};
use crate::problem::Problem;
use crate::sentence;
use crate::slot;

/// A full worker still says that it is there, without asking for jobs.
const ASK_WHEN_FULL: Duration = Duration::from_secs(30);
/// However often it is woken, it asks no faster than this.
const ASK_AT_MOST: Duration = Duration::from_millis(200);
/// What a claim under way at the end may still take: its jobs would otherwise wait for their lease to end.
const LAST_CLAIM: Duration = Duration::from_secs(5);

impl<O: Odoo, R: JobHandler> Worker<O, R> {
    /// Claims until `closing`, then returns; the jobs claimed go on.
    pub(super) async fn claim_until(self: &Arc<Self>, closing: &CancellationToken) {
        let mut pauses = pauses();
        let mut crowded = false;
        while !closing.is_cancelled() {
            let asked = Instant::now();
            let Some(answer) = self.claim(self.room(), closing).await else {
                return;
            };
            let wait = match answer {
                Ok(response) => {
                    pauses = self::pauses();
                    self.answered();
                    self.start_all(response, asked)
                }
                Err(error) => {
                    self.odoo_health.failed("claim", &error);
                    pauses.next().unwrap_or(ASK_WHEN_FULL)
                }
            };
            if self.is_crowded() != crowded {
                crowded = !crowded;
                if crowded {
                    warn!(
                        "{MOST_WAITING} jobs wait, more than this worker holds: none is claimed until one goes on"
                    );
                }
            }
            let full = self.room() == 0;
            let pause = sleep(if full { ASK_WHEN_FULL } else { wait });
            tokio::select! {
                () = closing.cancelled() => return,
                () = self.until_room(full) => {}
                () = self.wake_up.notified(), if !full => {}
                () = pause => {}
            }
            tokio::select! {
                () = closing.cancelled() => return,
                () = sleep_until(asked + ASK_AT_MOST) => {}
            }
        }
    }

    /// How many jobs to ask for: as many as there are free slots, but for those whose jobs' outcomes Odoo has yet to take.
    fn room(&self) -> usize {
        let free = self.slots.free().saturating_sub(self.in_flight.ended());
        free.min((self.capacity + MOST_WAITING).saturating_sub(self.in_flight.len()))
    }

    /// Whether there is no room though slots are free.
    fn is_crowded(&self) -> bool {
        self.in_flight.len() >= self.capacity + MOST_WAITING
    }

    /// Waits until a job is over, or there is room again after there was none.
    async fn until_room(&self, full: bool) {
        loop {
            tokio::select! {
                () = self.in_flight.freed.notified() => {}
                () = self.slots.freed(), if full => {}
            }
            if !full || self.room() > 0 {
                return;
            }
        }
    }

    /// One claim. `None` when the worker ends and Odoo does not answer in the time left.
    async fn claim(
        &self,
        capacity: usize,
        closing: &CancellationToken,
    ) -> Option<Result<ClaimResponse, CallError>> {
        let Capabilities { kinds, mailgun } = self.handler.capabilities();
        let request = ClaimRequest {
            worker: self.identity.clone(),
            clusters: self.handler.clusters(),
            kinds,
            cluster_kinds: vec![CLUSTER_KIND.to_owned()],
            mailgun,
            capacity: u32::try_from(capacity).unwrap_or(u32::MAX),
        };
        let answer = tokio::select! {
            answer = self.odoo.claim(&request) => answer,
            () = async {
                closing.cancelled().await;
                sleep(LAST_CLAIM).await;
            } => return None,
        };
        self.metrics.claimed(answer.is_ok());
        Some(answer)
    }

    /// Starts what was claimed; returns how long to wait before asking again.
    fn start_all(self: &Arc<Self>, response: ClaimResponse, asked: Instant) -> Duration {
        self.wake.send_if_modified(|wake| {
            let changed = *wake != response.wake;
            wake.clone_from(&response.wake);
            changed
        });
        self.unknown_clusters.send_if_modified(|unknown| {
            let changed = *unknown != response.unknown_clusters;
            if changed {
                for name in &response.unknown_clusters {
                    warn!(
                        "Odoo has no cluster named '{name}' for this worker; let the worker serve it there (Kubernetes > Configuration > Workers) or correct its name in the worker's settings"
                    );
                }
                unknown.clone_from(&response.unknown_clusters);
            }
            changed
        });
        self.observes
            .send_replace(Observes::answered(&response, asked));
        let lease = Lease::new(asked, response.lease_seconds);
        for job in response.jobs {
            match Job::read(&job) {
                Ok(job) => self.start(job, lease, response.database.clone()),
                Err(unreadable) => self.give_back_unreadable(unreadable, lease),
            }
        }
        self.database.send_if_modified(|database| {
            let changed = database.as_ref() != Some(&response.database);
            *database = Some(response.database);
            changed
        });
        self.metrics.jobs_held(self.in_flight.len());
        let idle = response.idle_seconds;
        let seconds = match idle.filter(|_| self.listening.load(Ordering::Relaxed)) {
            Some(idle) => idle,
            None => response.poll_seconds,
        };
        let seconds = seconds.clamp(0.2, 300.0);
        Duration::from_secs_f64(if seconds.is_nan() { 5.0 } else { seconds })
    }

    fn start(self: &Arc<Self>, job: Job, lease: Lease, database: String) {
        let (app, kind) = (job.app().map(|app| app.uid.clone()), job.kind());
        let slot = self.slots.slot();
        let Some(step_log) =
            self.in_flight
                .take(job.id, &job.token, app.clone(), kind, lease, &slot)
        else {
            return;
        };
        let span = info_span!(
            "job",
            job = job.id,
            app = job
                .app()
                .map(|app| format!("{}-{}", app.name, app.environment)),
            kind = kind.as_str(),
            attempt = job.attempt,
        );
        let worker = self.clone();
        let run = async move {
            info!("claimed");
            let (id, token) = (job.id, job.token.clone());
            let begun = async {
                let alone = match app {
                    Some(app) => Some(slot::waiting(worker.in_flight.alone_with(app)).await),
                    None => None,
                };
                slot.take().await;
                alone
            };
            let handled = async {
                let _alone = match step_log.unless_stopped(begun).await {
                    Ok(alone) => alone,
                    Err(stopped) => return outcome(Err(stopped), JobResult::default(), &step_log),
                };
                worker.handler.run(job, database, step_log.clone()).await
            };
            let outcome = AssertUnwindSafe(slot.work(handled))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| defect());
            match (&outcome.error, step_log.stop_reason()) {
                (None, _) => info!("done"),
                (Some(_), Some(reason)) => info!(?reason, "stopped"),
                (Some(problem), None) => error!(retry = problem.retry, "{problem}"),
            }
            worker.in_flight.finish(id, &token, outcome);
        };
        tokio::spawn(run.instrument(span));
    }

    fn give_back_unreadable(&self, unreadable: Unreadable, lease: Lease) {
        error!(job = unreadable.id, "{}", unreadable.problem);
        if let (Some(id), Some(token)) = (unreadable.id, unreadable.token) {
            let slot = self.slots.slot();
            self.in_flight
                .take(id, &token, None, JobKind::Refresh, lease, &slot);
            self.in_flight
                .finish(id, &token, failed(unreadable.problem));
        }
    }
}

/// The pauses between claims while Odoo is away.
fn pauses() -> impl Iterator<Item = Duration> + Send {
    backon::ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(Duration::from_secs(10))
        .with_jitter()
        .without_max_times()
        .build()
}

fn failed(problem: Problem) -> Outcome {
    Outcome {
        state: OutcomeState::Failed,
        error: Some(problem),
        result: JobResult::default(),
    }
}

fn defect() -> Outcome {
    failed(
        Problem::new(
            Code::Internal,
            sentence!("The worker met a defect of its own while it did this job."),
        )
        .hint(sentence!(
            "The worker's log says where; report it to Chandlery's developers."
        )),
    )
}
