//! Slots: how many jobs compute and write at once. A job that waits for somebody else gives its slot back meanwhile and
//! takes one again to go on, so that no wait, however long, keeps other jobs from their work.
//!
//! Who waits says so by [`waiting`] or [`unless_soon`]; whose slot that is, is known by the task that the job runs on. Where
//! there is no job, both are nothing but the wait itself.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// What is answered within this time was not waited for.
const SOON: Duration = Duration::from_secs(1);

tokio::task_local! {
    static OURS: Arc<Slot>;
}

/// All slots of a worker.
pub struct Slots {
    free: Arc<Semaphore>,
    freed: Notify,
}

impl Slots {
    /// So many.
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(capacity)),
            freed: Notify::new(),
        })
    }

    /// How many nobody has, and nobody waits for.
    pub fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// Waits until a slot has become free that nobody waits for.
    pub async fn freed(&self) {
        self.freed.notified().await;
    }

    /// A place for a job's slot, which is taken at once where one is free.
    pub fn slot(self: &Arc<Self>) -> Arc<Slot> {
        let held = self.free.clone().try_acquire_owned().ok();
        Arc::new(Slot {
            slots: self.clone(),
            state: Mutex::new(State {
                held: held.map(|permit| self.held(permit)),
                away: 0,
                waits: 0,
            }),
        })
    }

    fn held(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Held {
        Held {
            permit: Some(permit),
            slots: self.clone(),
        }
    }
}

/// A slot that is held; free again when it is dropped.
struct Held {
    permit: Option<OwnedSemaphorePermit>,
    slots: Arc<Slots>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.permit = None;
        if self.slots.free() > 0 {
            self.slots.freed.notify_one();
        }
    }
}

/// One job's slot, or the lack of one while it waits.
pub struct Slot {
    slots: Arc<Slots>,
    state: Mutex<State>,
}

struct State {
    held: Option<Held>,
    /// How many parts of the job do without a slot at this moment: …
    away: u32,
    /// … and how many of these do nothing but wait.
    waits: u32,
}

impl Slot {
    /// Whether the job has one.
    fn is_held(&self) -> bool {
        self.state().held.is_some()
    }

    /// Whether nothing of the job is under way: it waits, or is about to go on and has no slot yet.
    pub fn is_idle(&self) -> bool {
        let state = self.state();
        state.held.is_none() && (state.away == 0 || state.waits > 0)
    }

    /// Waits until the job has one. They are given in the order in which they are asked for.
    pub async fn take(&self) {
        if self.is_held() {
            return;
        }
        // It is never closed.
        if let Ok(permit) = self.slots.free.clone().acquire_owned().await {
            let held = self.slots.held(permit);
            let mut state = self.state();
            if state.held.is_none() {
                state.held = Some(held);
            } else {
                drop(state);
                drop(held);
            }
        }
    }

    /// Does a job, whose waits give this slot back. At the end, however it comes, the job has none.
    pub async fn work<T>(self: &Arc<Self>, job: impl Future<Output = T>) -> T {
        struct Leave<'a>(&'a Slot);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.leave();
            }
        }
        let _leave = Leave(self);
        OURS.scope(self.clone(), job).await
    }

    fn leave(&self) {
        let held = self.state().held.take();
        drop(held);
    }

    /// Does without a slot until something has come that nobody here can hasten.
    async fn without<T>(&self, idle: bool, wait: impl Future<Output = T>) -> T {
        let lent = Lent::new(self, idle);
        let value = wait.await;
        lent.back().await;
        value
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slot that was given back for a while.
struct Lent<'a> {
    slot: &'a Slot,
    idle: bool,
}

impl<'a> Lent<'a> {
    fn new(slot: &'a Slot, idle: bool) -> Self {
        let mut state = slot.state();
        state.away += 1;
        state.waits += u32::from(idle);
        drop(state);
        slot.leave();
        Self { slot, idle }
    }

    /// Takes one again, unless another part of the job still waits: then that one does.
    async fn back(self) {
        let slot = self.slot;
        drop(self);
        if slot.state().away == 0 {
            slot.take().await;
        }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.slot.state();
        state.away -= 1;
        state.waits -= u32::from(self.idle);
    }
}

/// Waits; the job that does so has no slot until it goes on.
///
/// What is waited for goes to the heap: it may be large, and each future that it is moved into would hold it twice.
pub fn waiting<T>(wait: impl Future<Output = T>) -> impl Future<Output = T> {
    without(true, Box::pin(wait))
}

/// Waits for an answer, which usually comes soon. The job keeps its slot for a second and has none from then on.
pub fn unless_soon<T>(call: impl Future<Output = T>) -> impl Future<Output = T> {
    let mut call = Box::pin(call);
    async move {
        match tokio::time::timeout(SOON, &mut call).await {
            Ok(value) => value,
            Err(_) => without(false, call).await,
        }
    }
}

async fn without<T>(idle: bool, wait: impl Future<Output = T>) -> T {
    match OURS.try_with(Clone::clone) {
        Ok(slot) => slot.without(idle, wait).await,
        Err(_) => wait.await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt;
    use tokio::time::{Instant, sleep};

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    #[tokio::test(start_paused = true)]
    async fn a_thousand_jobs_wait_at_once_and_no_more_than_four_compute() {
        static COMPUTING: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        async fn compute() {
            MOST.fetch_max(
                COMPUTING.fetch_add(1, Ordering::SeqCst) + 1,
                Ordering::SeqCst,
            );
            sleep(Duration::from_millis(10)).await;
            COMPUTING.fetch_sub(1, Ordering::SeqCst);
        }
        let slots = Slots::new(4);
        let began = Instant::now();
        let jobs = (0..1000).map(|_| {
            let slot = slots.slot();
            tokio::spawn(async move {
                slot.take().await;
                let job = async {
                    compute().await;
                    waiting(sleep(LONG)).await;
                    compute().await;
                };
                slot.work(job).await;
            })
        });
        futures::future::join_all(jobs).await;
        assert_eq!(MOST.load(Ordering::SeqCst), 4);
        assert!(
            began.elapsed() < LONG + Duration::from_secs(6),
            "all waited at the same time"
        );
        assert_eq!(slots.free(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_is_free_again_after_a_panic_and_after_a_job_that_is_dropped_where_it_is() {
        let slots = Slots::new(1);
        let slot = slots.slot();
        let job = slot.work(async { panic!("a defect") });
        let ended = std::panic::AssertUnwindSafe(job).catch_unwind().await;
        assert!(ended.is_err());
        assert_eq!(slots.free(), 1);

        let slot = slots.slot();
        for job in [
            slot.work(sleep(LONG)).boxed(),
            slot.work(waiting(sleep(LONG))).boxed(),
            slot.work(unless_soon(sleep(LONG))).boxed(),
        ] {
            slot.take().await;
            assert!(
                tokio::time::timeout(Duration::from_secs(5), job)
                    .await
                    .is_err()
            );
            assert_eq!((slots.free(), slot.state().away), (1, 0));
        }
    }

    /// A job that is stopped while it waits for a slot leaves the queue.
    #[tokio::test(start_paused = true)]
    async fn who_no_longer_wants_a_slot_keeps_nobody_from_it() {
        let slots = Slots::new(1);
        let (first, second, third) = (slots.slot(), slots.slot(), slots.slot());
        assert_eq!([&first, &second].map(|slot| slot.is_held()), [true, false]);
        assert!(tokio::time::timeout(SOON, second.take()).await.is_err());
        first.work(async {}).await;
        assert!(third.take().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_answered_soon_keeps_the_slot_and_what_hangs_does_not() {
        let slots = Slots::new(1);
        let slot = slots.slot();
        slot.work(async {
            unless_soon(async { assert_eq!(slots.free(), 0) }).await;
            unless_soon(async {
                sleep(SOON * 2).await;
                assert_eq!(slots.free(), 1);
            })
            .await;
            assert_eq!(slots.free(), 0, "it goes on with one");
        })
        .await;
    }

    /// Objects are looked at several at once: the slot comes back when the job as a whole goes on.
    #[tokio::test(start_paused = true)]
    async fn parts_of_a_job_that_wait_at_once_give_back_and_take_one_slot() {
        let slots = Slots::new(2);
        let slot = slots.slot();
        slot.work(async {
            futures::future::join(waiting(sleep(SOON)), waiting(sleep(SOON * 3))).await;
            assert_eq!(slots.free(), 1);
        })
        .await;
        assert_eq!(slots.free(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_job_a_wait_is_only_a_wait() {
        assert_eq!(
            waiting(async { 1 }).await + unless_soon(async { 2 }).await,
            3
        );
    }
}
