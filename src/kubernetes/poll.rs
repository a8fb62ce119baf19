//! Waiting for something in the cluster: how long in all, and how long between two looks.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// How soon the cluster is looked at again at first, …
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
/// … and however long the wait is.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// How long something may take.
#[derive(Clone, Copy, Debug)]
pub struct Polling {
    began: Instant,
    limit: Duration,
}

impl Polling {
    /// So long from now on.
    pub fn new(limit: Duration) -> Self {
        Self {
            began: Instant::now(),
            limit,
        }
    }

    /// Whether it has taken so long.
    pub fn is_over(&self) -> bool {
        self.began.elapsed() >= self.limit
    }

    /// Pauses until the next look: a tenth of the time that was waited already. So what comes soon is seen soon, and a
    /// thousand jobs that wait long do not keep the API server from its work.
    pub async fn pause(&self) {
        let waited = self.began.elapsed();
        let left = self.limit.saturating_sub(waited);
        sleep(pause(waited).min(left)).await;
    }

    /// The same, unless something comes before.
    pub(super) async fn pause_unless(&self, comes: impl Future<Output = ()>) {
        tokio::select! {
            () = self.pause() => {}
            () = comes => {}
        }
    }

    /// Says what is waited for, as `until` words it, and pauses once. When it is over it is the problem that `late` makes of
    /// the names of what is `left`.
    pub(super) async fn wait(
        &self,
        left: &[Sentence],
        until: impl FnOnce(Sentence) -> Sentence,
        progress: &mut impl FnMut(&Sentence),
        late: impl FnOnce(Sentence) -> Problem,
    ) -> Result<(), Problem> {
        let what = match left {
            [one] => one.clone(),
            [first, more @ ..] => {
                sentence!("{first} and {number} more", first, number = more.len())
            }
            [] => Sentence::default(),
        };
        if self.is_over() {
            return Err(late(what));
        }
        progress(&until(what));
        self.pause().await;
        Ok(())
    }
}

fn pause(waited: Duration) -> Duration {
    (waited / 10).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_waited_for_long_is_looked_at_seldom_and_what_comes_is_seen_within_a_tenth() {
        let polling = Polling::new(Duration::from_secs(600));
        let began = Instant::now();
        let (mut looks, mut last) = (0, began);
        while !polling.is_over() {
            polling.pause().await;
            // Timers count in whole milliseconds.
            let late = last.elapsed().saturating_sub(Duration::from_millis(1));
            assert!(late <= SHORTEST_PAUSE.max((last - began) / 10), "{late:?}");
            last = Instant::now();
            looks += 1;
        }
        assert_eq!(began.elapsed().as_secs(), 600);
        assert!(looks <= 75, "{looks}");
    }
}
