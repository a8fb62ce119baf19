//! What a rendering may take: a template from anywhere must not do harm.
//!
//! What counts is work, so that the same template ends the same way on every machine: steps, and bytes that are made.
//! Whatever takes longer than a step says how many it is worth: a block that a hash takes in, bytes that a regular
//! expression may look at, digits that are multiplied. The clock is for what nobody thought of.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::value::collect;
use crate::value::error::{Error, Result};
use crate::value::settings::{self, Settings};

/// What one rendering may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Steps: values looked at, items made. None takes longer than a fifth of a microsecond in a release build.
    pub steps: usize,
    /// Bytes of texts and lists that are made, those already dropped included.
    pub bytes: usize,
    /// The longest text or list that one operation makes.
    pub longest: usize,
    /// The last resort, which ought to be far beyond what so many steps take. Only the time counts that the thread works:
    /// on a busy machine, a template may wait.
    pub time: Duration,
    /// Calls of macros, values that are templates of others, and loops that call themselves, within one another. The stack
    /// grows as it must.
    pub depth: usize,
}

impl Default for Limits {
    /// Far beyond what a configuration file takes, and a second or so of work.
    fn default() -> Self {
        Self {
            steps: 5_000_000,
            bytes: 32 * 1024 * 1024,
            longest: 8 * 1024 * 1024,
            time: Duration::from_secs(60),
            depth: 150,
        }
    }
}

/// Steps from one look at the clock to the next.
const LOOK: usize = 4096;
/// Bytes of a text that are worth a step where every one is looked at.
const STEP: usize = 256;
/// Stack to have at hand before going deeper, and how much is added where it is missing.
const STACK: (usize, usize) = (256 * 1024, 2 * 1024 * 1024);

thread_local! {
    static USED: Used = const {
        Used {
            limits: Cell::new(None),
            steps: Cell::new(0),
            bytes: Cell::new(0),
            depth: Cell::new(0),
            looked_at: Cell::new(0),
            until: Cell::new(Duration::ZERO),
            rendering: Cell::new(0),
        }
    };
}

/// What was taken so far.
struct Used {
    /// The limits, where they count.
    limits: Cell<Option<Limits>>,
    steps: Cell<usize>,
    bytes: Cell<usize>,
    depth: Cell<usize>,
    /// The step at which the clock was looked at.
    looked_at: Cell<usize>,
    until: Cell<Duration>,
    /// Which rendering of this thread it is.
    rendering: Cell<u64>,
}

/// Runs with settings and their limits, unless limits count already. What it returns holds no values of templates.
pub fn limited<T>(settings: &Arc<Settings>, run: impl FnOnce() -> T) -> T {
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            collect::all();
            USED.with(|used| used.limits.set(None));
        }
    }
    if USED.with(|used| used.limits.get().is_some()) {
        return run();
    }
    let _end = End;
    USED.with(|used| {
        used.limits.set(Some(settings.limits));
        used.steps.set(0);
        used.bytes.set(0);
        used.depth.set(0);
        used.looked_at.set(0);
        used.until
            .set(worked().saturating_add(settings.limits.time));
        used.rendering.set(used.rendering.get() + 1);
    });
    settings::within(settings, run)
}

/// Which rendering of this thread this is: what one has kept for later, such as a compiled expression, is none of the
/// next one's, which would else take fewer steps for the same template.
pub fn rendering() -> u64 {
    USED.with(|used| used.rendering.get())
}

/// The processor time of this thread.
fn worked() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Counts steps.
pub fn step(count: usize) -> Result<()> {
    let (too_many, late) = USED.with(|used| {
        let Some(limits) = used.limits.get() else {
            return (false, None);
        };
        let steps = used.steps.get().saturating_add(count);
        used.steps.set(steps);
        if steps > limits.steps {
            return (true, None);
        }
        if steps - used.looked_at.get() < LOOK {
            return (false, None);
        }
        used.looked_at.set(steps);
        (
            false,
            Some(limits.time).filter(|_| worked() >= used.until.get()),
        )
    });
    if too_many {
        return Err(Error::limit(
            "the template takes too many steps",
            "Look for a loop that never ends, or that is far too long.",
        ));
    }
    if let Some(time) = late {
        return Err(Error::limit(
            format!("the template takes more than {} seconds", time.as_secs()),
            "Look for what may take so long: make texts and lists shorter, or do it less often.",
        ));
    }
    Ok(())
}

/// Fails where so many steps are not left, and counts none.
pub fn room(count: usize) -> Result<()> {
    let (steps, limits) = USED.with(|used| (used.steps.get(), used.limits.get()));
    if limits.is_some_and(|limits| steps.saturating_add(count) > limits.steps) {
        return step(count);
    }
    Ok(())
}

/// Counts a text that is looked at from end to end.
pub fn read(bytes: usize) -> Result<()> {
    step(bytes / STEP)
}

/// Counts a text that is about to be made.
pub fn text(bytes: usize) -> Result<()> {
    make(bytes, "the text becomes too long")
}

/// Counts a list or mapping that is about to be made.
pub fn items(count: usize) -> Result<()> {
    step(count / 8)?;
    make(count.saturating_mul(32), "the list becomes too long")
}

fn make(bytes: usize, what: &str) -> Result<()> {
    let is_too_much = USED.with(|used| {
        let Some(limits) = used.limits.get() else {
            return false;
        };
        let all = used.bytes.get().saturating_add(bytes);
        used.bytes.set(all);
        bytes > limits.longest || all > limits.bytes
    });
    if is_too_much {
        return Err(Error::limit(
            what,
            "Look for a loop or a repetition that is far too long.",
        ));
    }
    Ok(())
}

/// Goes one call deeper.
pub fn deeper<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    let change = |by: isize| {
        USED.with(|used| {
            let depth = used.depth.get().saturating_add_signed(by);
            used.depth.set(depth);
            let most = used.limits.get().map(|limits| limits.depth);
            most.filter(|most| depth > *most)
        })
    };
    if let Some(most) = change(1) {
        change(-1);
        return Err(Error::limit(
            format!("this calls itself more than {most} times"),
            "Look for a macro, a loop or a value that never comes to an end.",
        ));
    }
    let result = with_stack(run);
    change(-1);
    result
}

/// Runs with enough stack for one more level.
pub fn with_stack<T>(run: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(STACK.0, STACK.1, run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_time<T>(time: Duration, run: impl FnOnce() -> T) -> T {
        let mut settings = Settings::default();
        settings.limits.time = time;
        limited(&Arc::new(settings), run)
    }

    fn usual<T>(run: impl FnOnce() -> T) -> T {
        limited(&Arc::default(), run)
    }

    #[test]
    fn the_clock_stops_what_takes_long_without_many_steps() {
        let ended = with_time(Duration::ZERO, || {
            step(LOOK - 1)?;
            step(1)
        });
        let error = ended.unwrap_err();
        assert!(error.to_string().contains("more than 0 seconds"), "{error}");
        assert!(with_time(Duration::ZERO, || step(LOOK - 1)).is_ok());
    }

    #[test]
    fn steps_are_counted_and_not_the_time_that_they_take() {
        let steps = Limits::default().steps;
        assert!(with_time(Duration::MAX, || step(steps)).is_ok());
        let error = with_time(Duration::MAX, || step(steps + 1)).unwrap_err();
        assert!(error.to_string().contains("too many steps"), "{error}");
    }

    #[test]
    fn each_rendering_has_limits_of_its_own() {
        let steps = Limits::default().steps;
        let first = usual(|| {
            step(steps).unwrap();
            rendering()
        });
        let second = usual(|| {
            step(steps).unwrap();
            // One within another is no other.
            usual(rendering)
        });
        assert_ne!(first, second);
        assert!(usual(|| step(steps).and_then(|()| usual(|| step(1)))).is_err());
    }
}
