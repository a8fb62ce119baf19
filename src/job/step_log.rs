//! The step log of one attempt at a job, with its cancellation. It knows the job's secrets,
//! and tells none.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use jiff::{Timestamp, Unit};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::code::Code;
use crate::kubernetes::Fence;
use crate::odoo::contract::{Step, StepCode, StepState};
use crate::problem::Problem;
use crate::redact::Redactor;
use crate::sentence;
use crate::sentence::Sentence;

/// Why a job has to end before its handler does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelReason {
    /// Odoo said so.
    Cancelled,
    /// This worker ends; another one will take the job.
    Released,
    /// It is no longer ours; the cluster must not be touched again.
    Lost,
}

/// The step log of one attempt. The handler writes it, the reporter reads it.
pub struct StepLog {
    steps: Mutex<Vec<Line>>,
    /// Notified when there is something new to report.
    news: Arc<Notify>,
    stop: CancellationToken,
    reason: OnceLock<CancelReason>,
    /// Until when the cluster may be touched.
    until: watch::Sender<Option<tokio::time::Instant>>,
    /// Hides the secrets of the job that are known by now.
    redactor: Mutex<Redactor>,
}

struct Line {
    step: Step,
    began: Instant,
    /// Counts changes, so that a change made while a report is under way is not taken as reported.
    revision: u64,
    acked: u64,
}

/// Which changes a report carried; handed back when it was accepted.
#[derive(Debug, Default)]
pub struct Acked(Vec<(usize, u64)>);

impl StepLog {
    /// An empty step log; `news` is notified of every change.
    pub fn new(news: Arc<Notify>) -> Self {
        Self {
            steps: Mutex::default(),
            news,
            stop: CancellationToken::new(),
            reason: OnceLock::new(),
            until: Fence::new().0,
            redactor: Mutex::default(),
        }
    }

    /// Moves the end of the time in which the cluster may be touched.
    pub fn touch_until(&self, end: tokio::time::Instant) {
        self.until.send_replace(Some(end));
    }

    /// What keeps the job's calls within that time.
    pub fn fence(&self) -> Fence {
        Fence::of(&self.until)
    }

    /// Hides these secrets, too, in all that is told from now on.
    pub fn hide(&self, secrets: &Redactor) {
        let mut known = self.redactor.lock().unwrap_or_else(PoisonError::into_inner);
        *known = known.with(secrets);
    }

    /// What hides the secrets of the job that are known by now.
    pub fn redactor(&self) -> Redactor {
        let known = self.redactor.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    /// Does one step: writes that it began, what it says meanwhile, and how it ended. A wish to stop drops the work
    /// where it waits.
    pub async fn step<T>(
        &self,
        code: StepCode,
        work: impl AsyncFnOnce(&StepHandle) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let handle = StepHandle {
            step_log: self,
            index: self.begin(code),
        };
        let ended = self.unless_stopped(work(&handle)).await.flatten();
        match &ended {
            Ok(_) => handle.end(StepState::Done, None),
            Err(problem) => handle.end(StepState::Failed, Some(handle.told(problem))),
        }
        ended
    }

    /// Waits for something unless the job is to stop: that wish drops it.
    pub fn unless_stopped<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> impl Future<Output = Result<T, Problem>> {
        // On the heap: a future that it is moved into would hold it twice.
        let work = Box::pin(work);
        async move {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => Err(self.stopped()),
                done = work => Ok(done),
            }
        }
    }

    /// Asks the job to end. The first reason counts.
    pub fn stop(&self, reason: CancelReason) {
        if reason == CancelReason::Lost {
            self.touch_until(tokio::time::Instant::now());
        }
        let _ = self.reason.set(reason);
        self.stop.cancel();
    }

    /// Why the job was asked to end.
    pub fn stop_reason(&self) -> Option<CancelReason> {
        self.reason.get().copied()
    }

    /// The steps that are still to be reported.
    pub fn pending(&self) -> (Vec<Step>, Acked) {
        let lines = self.lines();
        let news = || {
            lines
                .iter()
                .enumerate()
                .filter(|(_, line)| line.acked < line.revision)
        };
        (
            news().map(|(_, line)| line.step.clone()).collect(),
            Acked(news().map(|(index, line)| (index, line.revision)).collect()),
        )
    }

    /// Whether there is anything still to be reported.
    pub fn has_news(&self) -> bool {
        self.lines().iter().any(|line| line.acked < line.revision)
    }

    /// Remembers that a report was accepted.
    pub fn ack(&self, Acked(acked): Acked) {
        let mut lines = self.lines();
        for (index, revision) in acked {
            lines[index].acked = revision.max(lines[index].acked);
        }
    }

    /// The steps that are over, with how long they took in seconds.
    pub fn durations(&self) -> Vec<(StepCode, f64)> {
        self.lines()
            .iter()
            .filter_map(|line| Some((line.step.code, line.step.seconds?)))
            .collect()
    }

    fn stopped(&self) -> Problem {
        match self.stop_reason() {
            Some(CancelReason::Released) => {
                Problem::new(Code::Released, sentence!("Handed back: the worker stops."))
            }
            Some(CancelReason::Lost) => Problem::new(
                Code::LeaseLost,
                sentence!("The job is no longer this worker's."),
            ),
            Some(CancelReason::Cancelled) | None => {
                Problem::new(Code::Cancelled, sentence!("Cancelled."))
            }
        }
    }

    fn begin(&self, code: StepCode) -> usize {
        let mut lines = self.lines();
        let number = lines.len() as u32 + 1;
        lines.push(Line {
            step: Step {
                number,
                code,
                state: StepState::Running,
                started_at: now(),
                seconds: None,
                message: Sentence::default(),
            },
            began: Instant::now(),
            revision: 1,
            acked: 0,
        });
        self.news.notify_one();
        lines.len() - 1
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One step while it runs.
pub struct StepHandle<'a> {
    step_log: &'a StepLog,
    index: usize,
}

impl StepHandle<'_> {
    /// Says how far it is; the last word stays when the step is over.
    pub fn say(&self, message: impl Into<Sentence>) {
        let message = self.redacted(message);
        self.change(|line| line.step.message = message);
    }

    /// The same, for something that deserves a look though the job goes on.
    pub fn warn(&self, message: impl Into<Sentence>) {
        let message = self.redacted(message);
        self.change(|line| {
            line.step.message = message;
            line.step.state = StepState::Warning;
        });
    }

    /// The same as [`Self::say`], for words that are made without any secret: what would be hidden in them would tell that it
    /// is a secret.
    pub fn say_as_is(&self, message: impl Into<Sentence>) {
        let message = message.into();
        self.change(|line| line.step.message = message);
    }

    /// The same as [`Self::warn`], for such words.
    pub fn warn_as_is(&self, message: impl Into<Sentence>) {
        let message = message.into();
        self.change(|line| {
            line.step.message = message;
            line.step.state = StepState::Warning;
        });
    }

    fn told(&self, problem: &Problem) -> Sentence {
        match problem.is_free_of_secrets {
            true => problem.message.clone(),
            false => self.redacted(&problem.message),
        }
    }

    fn redacted(&self, message: impl Into<Sentence>) -> Sentence {
        self.step_log.redactor().sentence(&message.into())
    }

    fn end(&self, state: StepState, message: Option<Sentence>) {
        self.change(|line| {
            if line.step.state == StepState::Running || state == StepState::Failed {
                line.step.state = state;
            }
            if let Some(message) = message {
                line.step.message = message;
            }
            let seconds = line.began.elapsed().as_secs_f64();
            line.step.seconds = Some((seconds * 1000.0).round() / 1000.0);
            let step = line.step.code.as_str();
            match line.step.state {
                StepState::Done | StepState::Running => {
                    info!(step, seconds, "{}", line.step.message);
                }
                StepState::Warning | StepState::Failed => {
                    warn!(step, seconds, "{}", line.step.message);
                }
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Line)) {
        let mut lines = self.step_log.lines();
        let line = &mut lines[self.index];
        let before = line.step.clone();
        change(line);
        if line.step != before {
            line.revision += 1;
            self.step_log.news.notify_one();
        }
    }
}

/// The time, as fine as the contract tells it.
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(Unit::Millisecond).unwrap_or(now)
}

/// A number of objects.
pub fn objects(number: usize) -> Sentence {
    match number {
        1 => sentence!("1 object"),
        _ => sentence!("{number} objects", number),
    }
}

/// A number of problems.
pub fn problems(number: usize) -> Sentence {
    match number {
        1 => sentence!("1 problem"),
        _ => sentence!("{number} problems", number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step_log() -> StepLog {
        StepLog::new(Arc::default())
    }

    fn shown(step_log: &StepLog) -> Vec<(u32, StepState, String)> {
        let (steps, _) = step_log.pending();
        steps
            .into_iter()
            .map(|step| (step.number, step.state, step.message.into()))
            .collect()
    }

    #[tokio::test]
    async fn steps_are_told_as_they_happen_and_only_what_is_new() {
        let step_log = step_log();
        let result = step_log
            .step(StepCode::Fetching, async |step| {
                let (steps, acked) = step_log.pending();
                assert_eq!(
                    (steps[0].state, steps[0].seconds),
                    (StepState::Running, None)
                );
                step_log.ack(acked);
                assert!(!step_log.has_news());
                step.say("2 manifests");
                assert!(step_log.has_news());
                Ok(5)
            })
            .await;
        assert_eq!(result.unwrap(), 5);
        let (steps, acked) = step_log.pending();
        assert!(steps[0].seconds.is_some());
        assert_eq!(
            shown(&step_log),
            [(1, StepState::Done, "2 manifests".to_owned())]
        );
        step_log.ack(acked);
        assert!(step_log.pending().0.is_empty());
    }

    #[tokio::test]
    async fn a_change_during_a_report_is_told_by_the_next_one() {
        let step_log = step_log();
        step_log
            .step(StepCode::Applying, async |step| {
                let (_, acked) = step_log.pending();
                step.say("3 of 9 objects");
                step_log.ack(acked);
                assert_eq!(
                    shown(&step_log),
                    [(1, StepState::Running, "3 of 9 objects".to_owned())]
                );
                Ok(())
            })
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_failed_step_says_why_and_a_warning_stays_one() {
        let step_log = step_log();
        let failed: Result<(), _> = step_log
            .step(StepCode::Fetching, async |_| {
                Err(Problem::new(Code::Internal, "it broke"))
            })
            .await;
        assert_eq!(failed.unwrap_err().code, Code::Internal);
        step_log
            .step(StepCode::Ingress, async |step| {
                step.warn("no address yet");
                Ok(())
            })
            .await
            .unwrap();
        assert_eq!(
            shown(&step_log),
            [
                (1, StepState::Failed, "it broke".to_owned()),
                (2, StepState::Warning, "no address yet".to_owned())
            ]
        );
    }

    #[tokio::test]
    async fn a_wish_to_stop_ends_the_step_that_waits_and_those_that_would_follow() {
        let step_log = step_log();
        let stopped: Result<(), _> = step_log
            .step(StepCode::Waiting, async |_| {
                step_log.stop(CancelReason::Cancelled);
                std::future::pending().await
            })
            .await;
        assert_eq!(stopped.unwrap_err().code.as_str(), "cancelled");
        let next: Result<(), _> = step_log
            .step(StepCode::Ingress, async |_| panic!("must not begin"))
            .await;
        assert_eq!(next.unwrap_err().code.as_str(), "cancelled");
        step_log.stop(CancelReason::Lost);
        assert_eq!(
            step_log.stop_reason(),
            Some(CancelReason::Cancelled),
            "the first reason counts"
        );
    }
}
