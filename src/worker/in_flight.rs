//! The jobs this worker holds: their leases, which of their steps are still to be reported, and how they ended.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedMutexGuard};
use tokio::time::Instant;

use crate::job::step_log::Acked;
use crate::job::{CancelReason, StepLog};
use crate::kubernetes::fence::MARGIN;
use crate::odoo::contract::{Answer, JobKind, JobReport, Outcome, ReportResponse, Token, Uid};
use crate::slot::Slot;

/// How far a job is, is told about once in this time; that it ended, and what a screen waits for, at once.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// Somebody may want a silent job to stop: it is asked about as often as this, …
const ASK_EVERY: Duration = Duration::from_secs(5);
/// … or more seldom where so many are held that Odoo would be asked about more than one in this time.
const ASK_OF_EACH: Duration = Duration::from_millis(20);

/// The jobs this worker holds, by their id.
#[derive(Default)]
pub struct InFlight {
    held: Mutex<BTreeMap<i64, LeasedJob>>,
    /// Notified when there may be something to report, or another lease to watch.
    pub news: Arc<Notify>,
    /// Notified when a job is held no more.
    pub freed: Notify,
    apps: Mutex<HashMap<Uid, Arc<tokio::sync::Mutex<()>>>>,
}

struct LeasedJob {
    token: Token,
    /// `None` for a job that concerns no app.
    app: Option<Uid>,
    kind: JobKind,
    step_log: Arc<StepLog>,
    slot: Arc<Slot>,
    outcome: Option<Outcome>,
    lease: Lease,
    /// Whether somebody may want it to stop: it is asked about at once.
    is_asked_about: bool,
}

/// How long a job is ours. Counted from before the call that gave or renewed it, by a clock that is never set: so it
/// does not end later here than in Odoo.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    from: Instant,
    length: Duration,
}

impl Lease {
    /// `from` is when the call was sent, `seconds` what it answered.
    pub fn new(from: Instant, seconds: f64) -> Self {
        let length = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO);
        Self { from, length }
    }

    /// When to report at the latest: early enough for two more tries, and for a wish to stop to be heard soon.
    fn renew_at(self, held: usize) -> Instant {
        let held = u32::try_from(held).unwrap_or(u32::MAX);
        let every = ASK_EVERY.max(ASK_OF_EACH.saturating_mul(held));
        self.from + every.min(self.length / 3)
    }

    /// When to stop working, and when the last call to the cluster is dropped.
    fn stop_at(self) -> Instant {
        self.from + self.length - MARGIN.min(self.length / 6)
    }
}

/// A job that is held no more, for the log and the metrics.
pub struct FinishedJob {
    pub id: i64,
    pub kind: JobKind,
    pub outcome: Option<Outcome>,
    pub step_log: Arc<StepLog>,
}

/// One report's content, and what to remember when it was accepted.
pub struct PendingReport {
    pub report: JobReport,
    acked: Acked,
}

impl LeasedJob {
    fn has_news(&self) -> bool {
        self.outcome.is_some() || self.is_asked_about || self.step_log.has_news()
    }

    /// Whether its news are to be told at once.
    fn is_urgent(&self) -> bool {
        self.outcome.is_some()
            || self.is_asked_about
            || self.kind.is_awaited() && self.step_log.has_news()
    }
}

impl InFlight {
    /// Holds a job from now on and opens its step log. `None` when it is held already in the very same attempt. An
    /// earlier attempt at it is no longer ours and ends.
    pub fn take(
        &self,
        id: i64,
        token: &Token,
        app: Option<Uid>,
        kind: JobKind,
        lease: Lease,
        slot: &Arc<Slot>,
    ) -> Option<Arc<StepLog>> {
        let mut held = self.held();
        if held.get(&id).is_some_and(|held| held.token == *token) {
            return None;
        }
        let step_log = Arc::new(StepLog::new(self.news.clone()));
        step_log.touch_until(lease.stop_at());
        let earlier = held.insert(
            id,
            LeasedJob {
                token: token.clone(),
                app,
                kind,
                step_log: step_log.clone(),
                slot: slot.clone(),
                outcome: None,
                lease,
                is_asked_about: false,
            },
        );
        if let Some(earlier) = earlier {
            earlier.step_log.stop(CancelReason::Lost);
        }
        self.news.notify_one();
        Some(step_log)
    }

    /// Waits until nothing else is done to the app here, and keeps it so. An attempt that was lost may still be
    /// letting go of the cluster when the next one has been claimed.
    pub async fn alone_with(&self, app: Uid) -> OwnedMutexGuard<()> {
        let lock = {
            let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
            apps.retain(|_, lock| Arc::strong_count(lock) > 1);
            apps.entry(app).or_default().clone()
        };
        lock.lock_owned().await
    }

    /// Remembers how an attempt ended, to be reported. Ignored when the job is no longer held in this attempt.
    pub fn finish(&self, id: i64, token: &Token, outcome: Outcome) {
        if let Some(held) = self.held().get_mut(&id)
            && held.token == *token
        {
            held.outcome = Some(outcome);
            self.news.notify_one();
        }
    }

    /// Has those of the jobs that are held told of at once: the answer says whether one is to stop.
    pub fn ask_about(&self, ids: &[i64]) {
        let mut held = self.held();
        for id in ids {
            if let Some(held) = held.get_mut(id) {
                held.is_asked_about = true;
                self.news.notify_one();
            }
        }
    }

    /// When the next report is due, given when the last one was sent.
    pub fn report_due(&self, last: Option<Instant>) -> Option<Instant> {
        let in_flight = self.held();
        in_flight
            .values()
            .map(|held| match last {
                _ if !held.has_news() => held.lease.renew_at(in_flight.len()),
                Some(last) if !held.is_urgent() => last + PROGRESS_EVERY,
                _ => held.lease.from,
            })
            .min()
    }

    /// One line for every job with news, and for those whose lease is to be renewed about now: a report does that.
    pub fn reports(&self) -> Vec<PendingReport> {
        let soon = Instant::now() + PROGRESS_EVERY;
        let in_flight = self.held();
        in_flight
            .iter()
            .filter(|(_, held)| held.has_news() || held.lease.renew_at(in_flight.len()) <= soon)
            .map(|(&id, held)| {
                let (steps, acked) = held.step_log.pending();
                let report = JobReport {
                    id,
                    token: held.token.clone(),
                    steps,
                    outcome: held.outcome.clone(),
                };
                PendingReport { report, acked }
            })
            .collect()
    }

    /// Obeys the answers to a report that was sent at `sent_at`; returns the jobs that are held no more.
    pub fn answered(
        &self,
        sent: Vec<PendingReport>,
        sent_at: Instant,
        response: &ReportResponse,
    ) -> Vec<FinishedJob> {
        let mut in_flight = self.held();
        let mut ended = Vec::new();
        for PendingReport { report, acked } in sent {
            let answer = response.jobs.iter().find(|answer| answer.id == report.id);
            let (Some(answer), Some(held)) = (answer, in_flight.get_mut(&report.id)) else {
                continue;
            };
            if held.token != report.token {
                continue;
            }
            held.step_log.ack(acked);
            held.is_asked_about = false;
            held.lease = Lease::new(sent_at, response.lease_seconds);
            held.step_log.touch_until(held.lease.stop_at());
            let over = match (answer.answer, report.outcome) {
                (Answer::Stale, _) => {
                    held.step_log.stop(CancelReason::Lost);
                    Some(None)
                }
                (_, Some(outcome)) => Some(Some(outcome)),
                (Answer::Stop, None) => {
                    held.step_log.stop(CancelReason::Cancelled);
                    None
                }
                (Answer::GoOn, None) => None,
            };
            if let Some(outcome) = over
                && let Some(held) = in_flight.remove(&report.id)
            {
                ended.push(FinishedJob {
                    id: report.id,
                    kind: held.kind,
                    outcome,
                    step_log: held.step_log,
                });
            }
        }
        drop(in_flight);
        if !ended.is_empty() {
            self.freed.notify_one();
        }
        ended
    }

    /// When the next lease ends.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.held().values().map(|held| held.lease.stop_at()).min()
    }

    /// Takes time off all leases that the clock did not count: the machine was asleep.
    pub fn slept(&self, time: Duration) {
        for held in self.held().values_mut() {
            held.lease.length = held.lease.length.saturating_sub(time);
            held.step_log.touch_until(held.lease.stop_at());
        }
    }

    /// Stops and drops the jobs whose lease has ended; somebody else may have them now.
    pub fn expire(&self) -> Vec<FinishedJob> {
        let now = Instant::now();
        let mut lost = Vec::new();
        self.held().retain(|&id, held| {
            let ours = held.lease.stop_at() > now;
            if !ours {
                lost.push(FinishedJob {
                    id,
                    kind: held.kind,
                    outcome: None,
                    step_log: held.step_log.clone(),
                });
            }
            ours
        });
        for lost in &lost {
            lost.step_log.stop(CancelReason::Lost);
        }
        if !lost.is_empty() {
            self.freed.notify_one();
        }
        lost
    }

    /// Asks every job to end.
    pub fn stop_all(&self, reason: CancelReason) {
        for held in self.held().values() {
            held.step_log.stop(reason);
        }
    }

    /// Asks the jobs to end that only wait.
    pub fn stop_waiting(&self, reason: CancelReason) {
        for held in self.held().values().filter(|held| held.slot.is_idle()) {
            held.step_log.stop(reason);
        }
    }

    /// How many jobs are over and still to be reported.
    pub fn ended(&self) -> usize {
        let in_flight = self.held();
        in_flight
            .values()
            .filter(|held| held.outcome.is_some())
            .count()
    }

    /// How many jobs are held.
    pub fn len(&self) -> usize {
        self.held().len()
    }

    /// The apps that have a job here.
    pub fn apps(&self) -> BTreeSet<Uid> {
        let in_flight = self.held();
        in_flight
            .values()
            .filter_map(|held| held.app.clone())
            .collect()
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<i64, LeasedJob>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::odoo::contract::JobAnswer;
    use crate::slot::Slots;

    #[tokio::test(start_paused = true)]
    async fn a_lease_also_ends_while_the_machine_sleeps() {
        let in_flight = InFlight::default();
        let token = Token("a".to_owned());
        let lease = Lease::new(Instant::now(), 60.0);
        let step_log = in_flight
            .take(
                1,
                &token,
                Some(Uid::nobody()),
                JobKind::Deploy,
                lease,
                &Slots::new(1).slot(),
            )
            .unwrap();
        in_flight.slept(Duration::from_secs(30));
        assert!(in_flight.expire().is_empty());
        in_flight.slept(Duration::from_secs(3600));
        // Nobody has looked at the in_flight yet, and the cluster is out of reach.
        step_log.fence().passed().await;
        assert_eq!(in_flight.expire().len(), 1);
        assert_eq!(step_log.stop_reason(), Some(CancelReason::Lost));
    }

    #[tokio::test(start_paused = true)]
    async fn the_cluster_is_out_of_reach_10_s_before_the_lease_ends() {
        let in_flight = InFlight::default();
        let token = Token("a".to_owned());
        let began = Instant::now();
        let lease = Lease::new(began, 60.0);
        let step_log = in_flight
            .take(
                1,
                &token,
                Some(Uid::nobody()),
                JobKind::Deploy,
                lease,
                &Slots::new(1).slot(),
            )
            .unwrap();
        step_log.fence().passed().await;
        assert_eq!(began.elapsed().as_secs(), 50);

        // A renewal gives it back, and an answer that the job is somebody else's takes it away at once.
        let answered = |answer| ReportResponse {
            jobs: vec![JobAnswer { id: 1, answer }],
            lease_seconds: 60.0,
        };
        let renewed = Instant::now();
        in_flight.answered(in_flight.reports(), renewed, &answered(Answer::GoOn));
        step_log.fence().passed().await;
        assert_eq!(renewed.elapsed().as_secs(), 50);
        in_flight.answered(in_flight.reports(), Instant::now(), &answered(Answer::GoOn));
        tokio::time::sleep(ASK_EVERY).await;
        let asked = Instant::now();
        in_flight.answered(in_flight.reports(), asked, &answered(Answer::Stale));
        step_log.fence().passed().await;
        assert_eq!(asked.elapsed().as_secs(), 0);
    }
}
