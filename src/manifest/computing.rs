//! What computes: on a thread of its own, which nobody else needs for waiting, and so many of them at once that their memory
//! does not grow with the number of jobs.

use tokio::sync::Semaphore;

use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;

/// So many compute at once in this process; the others wait for their turn. A rendering makes up to 32 MiB.
const AT_ONCE: usize = 8;

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

/// What a rendering, or something that belongs to one, comes to.
pub async fn computed<T: Send + 'static>(
    compute: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let turn = TURNS.acquire().await.expect("it is never closed");
    // It goes on when nobody waits for it any more.
    let computing = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        compute()
    });
    computing.await.map_err(|_| {
        Problem::new(
            Code::Internal,
            sentence!("The worker met a defect of its own while rendering."),
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier};

    use super::*;

    #[tokio::test]
    async fn so_many_compute_at_once_and_no_more() {
        static COMPUTING: AtomicUsize = AtomicUsize::new(0);
        let together = Arc::new(Barrier::new(AT_ONCE));
        let each = (0..4 * AT_ONCE).map(|_| {
            let together = together.clone();
            computed(move || {
                let computing = COMPUTING.fetch_add(1, Ordering::SeqCst) + 1;
                together.wait();
                COMPUTING.fetch_sub(1, Ordering::SeqCst);
                computing
            })
        });
        let most = futures::future::join_all(each).await;
        let most = most.into_iter().map(|seen| seen.unwrap()).max();
        assert_eq!(most, Some(AT_ONCE));
    }

    #[tokio::test]
    async fn a_defect_is_told_as_one_and_gives_its_turn_back() {
        for _ in 0..=AT_ONCE {
            let ended = computed::<()>(|| panic!("a defect")).await;
            assert_eq!(ended.unwrap_err().code, Code::Internal);
        }
    }
}
