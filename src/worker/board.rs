//! The jobs this worker holds: their leases, what of their stories Odoo has not been told, and how they ended.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedMutexGuard};
use tokio::time::Instant;

use crate::job::story::Told;
use crate::job::{Stop, Story};
use crate::odoo::contract::{Answer, JobKind, JobReport, Outcome, ReportResponse, Token, Uid};
use crate::slot::Slot;

/// Reports are coalesced to about one in this time.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Somebody may want a silent job to stop: it is asked about as often as this, …
const ASK_EVERY: Duration = Duration::from_secs(5);
/// … or more seldom where so many are held that Odoo would be asked about more than one in this time.
const ASK_OF_EACH: Duration = Duration::from_millis(20);

/// The jobs this worker holds, by their id.
#[derive(Default)]
pub struct Board {
    held: Mutex<BTreeMap<i64, Held>>,
    /// Rings when there may be something to report, or another lease to watch.
    pub news: Arc<Notify>,
    /// Rings when a job has left the board.
    pub freed: Notify,
    apps: Mutex<HashMap<Uid, Arc<tokio::sync::Mutex<()>>>>,
}

struct Held {
    token: Token,
    /// `None` for a job that concerns no app.
    app: Option<Uid>,
    kind: JobKind,
    story: Arc<Story>,
    slot: Arc<Slot>,
    outcome: Option<Outcome>,
    lease: Lease,
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

    /// When to stop working, and when the last call to the cluster is dropped: a sixth before the end, for what the API
    /// server has taken of it by then.
    fn stop_at(self) -> Instant {
        self.from + self.length / 6 * 5
    }
}

/// A job that left the board, for the log and the metrics.
pub struct Ended {
    pub id: i64,
    pub kind: JobKind,
    pub outcome: Option<Outcome>,
    pub story: Arc<Story>,
}

/// One report's content, and what to remember when it was accepted.
pub struct Sent {
    pub report: JobReport,
    told: Told,
}

impl Held {
    fn has_news(&self) -> bool {
        self.outcome.is_some() || self.story.has_news()
    }
}

impl Board {
    /// Puts a job on the board and opens its story. `None` when it is there already in the very same attempt. An
    /// earlier attempt at it is no longer ours and ends.
    pub fn take(
        &self,
        id: i64,
        token: &Token,
        app: Option<Uid>,
        kind: JobKind,
        lease: Lease,
        slot: &Arc<Slot>,
    ) -> Option<Arc<Story>> {
        let mut held = self.held();
        if held.get(&id).is_some_and(|held| held.token == *token) {
            return None;
        }
        let story = Arc::new(Story::new(self.news.clone()));
        story.touch_until(lease.stop_at());
        let earlier = held.insert(
            id,
            Held {
                token: token.clone(),
                app,
                kind,
                story: story.clone(),
                slot: slot.clone(),
                outcome: None,
                lease,
            },
        );
        if let Some(earlier) = earlier {
            earlier.story.stop(Stop::Lost);
        }
        self.news.notify_one();
        Some(story)
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

    /// When the next report is due, given when the last one was sent.
    pub fn report_due(&self, last: Option<Instant>) -> Option<Instant> {
        let board = self.held();
        board
            .values()
            .map(|held| match last {
                _ if !held.has_news() => held.lease.renew_at(board.len()),
                Some(last) => last + REPORT_EVERY,
                None => held.lease.from,
            })
            .min()
    }

    /// One line for every job with news, and for those whose lease is to be renewed about now: a report does that.
    pub fn reports(&self) -> Vec<Sent> {
        let soon = Instant::now() + REPORT_EVERY;
        let board = self.held();
        board
            .iter()
            .filter(|(_, held)| held.has_news() || held.lease.renew_at(board.len()) <= soon)
            .map(|(&id, held)| {
                let (steps, told) = held.story.untold();
                let report = JobReport {
                    id,
                    token: held.token.clone(),
                    steps,
                    outcome: held.outcome.clone(),
                };
                Sent { report, told }
            })
            .collect()
    }

    /// Obeys the answers to a report that was sent at `sent_at`; returns the jobs that left the board.
    pub fn answered(
        &self,
        sent: Vec<Sent>,
        sent_at: Instant,
        response: &ReportResponse,
    ) -> Vec<Ended> {
        let mut board = self.held();
        let mut ended = Vec::new();
        for Sent { report, told } in sent {
            let answer = response.jobs.iter().find(|answer| answer.id == report.id);
            let (Some(answer), Some(held)) = (answer, board.get_mut(&report.id)) else {
                continue;
            };
            if held.token != report.token {
                continue;
            }
            held.story.told(told);
            held.lease = Lease::new(sent_at, response.lease_seconds);
            held.story.touch_until(held.lease.stop_at());
            let over = match (answer.answer, report.outcome) {
                (Answer::Stale, _) => {
                    held.story.stop(Stop::Lost);
                    Some(None)
                }
                (_, Some(outcome)) => Some(Some(outcome)),
                (Answer::Stop, None) => {
                    held.story.stop(Stop::Cancelled);
                    None
                }
                (Answer::GoOn, None) => None,
            };
            if let Some(outcome) = over
                && let Some(held) = board.remove(&report.id)
            {
                ended.push(Ended {
                    id: report.id,
                    kind: held.kind,
                    outcome,
                    story: held.story,
                });
            }
        }
        drop(board);
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
            held.story.touch_until(held.lease.stop_at());
        }
    }

    /// Stops and drops the jobs whose lease has ended; somebody else may have them now.
    pub fn expire(&self) -> Vec<Ended> {
        let now = Instant::now();
        let mut lost = Vec::new();
        self.held().retain(|&id, held| {
            let ours = held.lease.stop_at() > now;
            if !ours {
                lost.push(Ended {
                    id,
                    kind: held.kind,
                    outcome: None,
                    story: held.story.clone(),
                });
            }
            ours
        });
        for lost in &lost {
            lost.story.stop(Stop::Lost);
        }
        if !lost.is_empty() {
            self.freed.notify_one();
        }
        lost
    }

    /// Asks every job to end.
    pub fn stop_all(&self, reason: Stop) {
        for held in self.held().values() {
            held.story.stop(reason);
        }
    }

    /// Asks the jobs to end that only wait.
    pub fn stop_waiting(&self, reason: Stop) {
        for held in self.held().values().filter(|held| held.slot.is_idle()) {
            held.story.stop(reason);
        }
    }

    /// How many jobs are over, and Odoo has not been told.
    pub fn ended(&self) -> usize {
        let board = self.held();
        board.values().filter(|held| held.outcome.is_some()).count()
    }

    /// How many jobs are held.
    pub fn len(&self) -> usize {
        self.held().len()
    }

    /// The apps that have a job here.
    pub fn apps(&self) -> BTreeSet<Uid> {
        let board = self.held();
        board.values().filter_map(|held| held.app.clone()).collect()
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<i64, Held>> {
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
        let board = Board::default();
        let token = Token("a".to_owned());
        let lease = Lease::new(Instant::now(), 60.0);
        let story = board
            .take(
                1,
                &token,
                Some(Uid::nobody()),
                JobKind::Deploy,
                lease,
                &Slots::new(1).slot(),
            )
            .unwrap();
        board.slept(Duration::from_secs(30));
        assert!(board.expire().is_empty());
        board.slept(Duration::from_secs(3600));
        // Nobody has looked at the board yet, and the cluster is out of reach.
        story.fence().passed().await;
        assert_eq!(board.expire().len(), 1);
        assert_eq!(story.stop_reason(), Some(Stop::Lost));
    }

    #[tokio::test(start_paused = true)]
    async fn l6_the_cluster_is_out_of_reach_a_sixth_before_the_lease_ends() {
        let board = Board::default();
        let token = Token("a".to_owned());
        let began = Instant::now();
        let lease = Lease::new(began, 60.0);
        let story = board
            .take(
                1,
                &token,
                Some(Uid::nobody()),
                JobKind::Deploy,
                lease,
                &Slots::new(1).slot(),
            )
            .unwrap();
        story.fence().passed().await;
        assert_eq!(began.elapsed().as_secs(), 50);

        // A renewal gives it back, and an answer that the job is somebody else's takes it away at once.
        let answered = |answer| ReportResponse {
            jobs: vec![JobAnswer { id: 1, answer }],
            lease_seconds: 60.0,
        };
        let renewed = Instant::now();
        board.answered(board.reports(), renewed, &answered(Answer::GoOn));
        story.fence().passed().await;
        assert_eq!(renewed.elapsed().as_secs(), 50);
        board.answered(board.reports(), Instant::now(), &answered(Answer::GoOn));
        tokio::time::sleep(ASK_EVERY).await;
        let asked = Instant::now();
        board.answered(board.reports(), asked, &answered(Answer::Stale));
        story.fence().passed().await;
        assert_eq!(asked.elapsed().as_secs(), 0);
    }
}
