//! Until when a cluster may be called: a job's lease, which is renewed as long as the job is ours.

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// A moment that may be moved. Calls of a [`Cluster`](super::Cluster) behind it end there, and none begins later.
#[derive(Clone, Debug)]
pub struct Fence(watch::Receiver<Option<Instant>>);

impl Fence {
    /// A fence, and what moves it; none stands anywhere yet.
    pub fn new() -> (watch::Sender<Option<Instant>>, Self) {
        let (moves, fence) = watch::channel(None);
        (moves, Self(fence))
    }

    /// The fence that somebody moves.
    pub fn of(moves: &watch::Sender<Option<Instant>>) -> Self {
        Self(moves.subscribe())
    }

    /// Waits until the moment is there.
    pub async fn passed(&self) {
        let mut moments = self.0.clone();
        loop {
            let moment = *moments.borrow_and_update();
            let passed = async {
                match moment {
                    Some(moment) => sleep_until(moment).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                moved = moments.changed() => {
                    if moved.is_err() {
                        // Nobody moves it any more.
                        return match moment {
                            Some(moment) => sleep_until(moment).await,
                            None => std::future::pending().await,
                        };
                    }
                }
                () = passed => return,
            }
        }
    }
}
