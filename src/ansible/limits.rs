//! What a rendering may take: a template from anywhere must not do harm.
//!
//! What counts is work, so that the same template ends the same way on every machine: steps, and bytes that are made.
//! Whatever takes longer than a step says how many it is worth: a block that a hash takes in, bytes that a regular
//! expression may look at, digits that are multiplied. The clock is for what nobody thought of.

use std::cell::Cell;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::error::{Error, Result};
use super::release;

/// Steps (values looked at, items made) one rendering may take: far beyond any manifest. None takes longer than a fifth
/// of a microsecond in a release build.
const STEPS: usize = 5_000_000;
/// Bytes of texts and lists that one rendering may make, those already dropped included.
const BYTES: usize = 32 * 1024 * 1024;
/// The longest text or list that one operation may make.
const ONE: usize = 8 * 1024 * 1024;
/// The last resort, far beyond what so many steps take even in a debug build. Only the time counts that this thread
/// works: on a busy machine, a template may wait.
const TIME: Duration = Duration::from_secs(60);
/// Steps from one look at the clock to the next.
const LOOK: usize = 4096;
/// Bytes of a text that are worth a step where every one is looked at.
const STEP: usize = 256;
/// Calls of macros, values that are templates of others, and loops that call themselves, within one another.
const DEPTH: usize = 150;
/// Stack to have at hand before going deeper, and how much is added where it is missing.
const STACK: (usize, usize) = (256 * 1024, 2 * 1024 * 1024);

thread_local! {
    static USED: Used = const {
        Used {
            counts: Cell::new(false),
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
    /// Whether limits count.
    counts: Cell<bool>,
    steps: Cell<usize>,
    bytes: Cell<usize>,
    depth: Cell<usize>,
    /// The step at which the clock was looked at.
    looked_at: Cell<usize>,
    until: Cell<Duration>,
    /// Which rendering of this thread it is.
    rendering: Cell<u64>,
}

/// Runs with limits of its own, unless limits count already. What it returns holds no values of templates.
pub fn limited<T>(run: impl FnOnce() -> T) -> T {
    limited_to(TIME, run)
}

fn limited_to<T>(time: Duration, run: impl FnOnce() -> T) -> T {
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            release::all();
            USED.with(|used| used.counts.set(false));
        }
    }
    if USED.with(|used| used.counts.replace(true)) {
        return run();
    }
    let _end = End;
    USED.with(|used| {
        used.steps.set(0);
        used.bytes.set(0);
        used.depth.set(0);
        used.looked_at.set(0);
        used.until.set(worked() + time);
        used.rendering.set(used.rendering.get() + 1);
    });
    run()
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
        if !used.counts.get() {
            return (false, false);
        }
        let steps = used.steps.get().saturating_add(count);
        used.steps.set(steps);
        if steps > STEPS {
            return (true, false);
        }
        if steps - used.looked_at.get() < LOOK {
            return (false, false);
        }
        used.looked_at.set(steps);
        (false, worked() >= used.until.get())
    });
    if too_many {
        return Err(Error::unsupported(
            "the template takes too many steps",
            "Look for a loop that never ends, or that is far too long.",
        ));
    }
    if late {
        return Err(Error::unsupported(
            format!("the template takes more than {} seconds", TIME.as_secs()),
            "Look for what may take so long: make texts and lists shorter, or do it less often.",
        ));
    }
    Ok(())
}

/// Fails where so many steps are not left, and counts none.
pub fn room(count: usize) -> Result<()> {
    let steps = USED.with(|used| used.steps.get());
    if steps.saturating_add(count) > STEPS {
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
        if !used.counts.get() {
            return false;
        }
        let all = used.bytes.get().saturating_add(bytes);
        used.bytes.set(all);
        bytes > ONE || all > BYTES
    });
    if is_too_much {
        return Err(Error::unsupported(
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
            if used.counts.get() { depth } else { 0 }
        })
    };
    if change(1) > DEPTH {
        change(-1);
        return Err(Error::unsupported(
            format!("this calls itself more than {DEPTH} times"),
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

    #[test]
    fn the_clock_stops_what_takes_long_without_many_steps() {
        let ended = limited_to(Duration::ZERO, || {
            step(LOOK - 1)?;
            step(1)
        });
        let error = ended.unwrap_err();
        assert!(
            error.to_string().contains("more than 60 seconds"),
            "{error}"
        );
        assert!(limited_to(Duration::ZERO, || step(LOOK - 1)).is_ok());
    }

    #[test]
    fn steps_are_counted_and_not_the_time_that_they_take() {
        assert!(limited_to(Duration::MAX / 2, || step(STEPS)).is_ok());
        let error = limited_to(Duration::MAX / 2, || step(STEPS + 1)).unwrap_err();
        assert!(error.to_string().contains("too many steps"), "{error}");
    }

    #[test]
    fn each_rendering_has_limits_of_its_own() {
        let first = limited(|| {
            step(STEPS).unwrap();
            rendering()
        });
        let second = limited(|| {
            step(STEPS).unwrap();
            // One within another is no other.
            limited(rendering)
        });
        assert_ne!(first, second);
        assert!(limited(|| step(STEPS).and_then(|()| limited(|| step(1)))).is_err());
    }
}
