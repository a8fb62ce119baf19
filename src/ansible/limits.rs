//! What a rendering may take: a template from anywhere must not do harm.

use std::cell::Cell;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::error::{Error, Result};
use super::release;

/// Steps (values looked at, items made) one rendering may take: far beyond any manifest.
const STEPS: usize = 5_000_000;
/// Bytes of texts and lists that one rendering may make, those already dropped included.
const BYTES: usize = 32 * 1024 * 1024;
/// The longest text or list that one operation may make.
const ONE: usize = 8 * 1024 * 1024;
/// Where a regular expression or a hash takes long, steps say too little. Only the time counts that this thread works:
/// on a busy machine, a template may wait.
const TIME: Duration = Duration::from_millis(1500);
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
}

/// Runs with limits of its own, unless limits count already. What it returns holds no values of templates.
pub fn limited<T>(run: impl FnOnce() -> T) -> T {
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
        used.until.set(worked() + TIME);
    });
    run()
}

/// The processor time of this thread.
fn worked() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Counts steps.
pub fn step(count: usize) -> Result<()> {
    let is_too_much = USED.with(|used| {
        if !used.counts.get() {
            return false;
        }
        let steps = used.steps.get().saturating_add(count);
        used.steps.set(steps);
        let mut late = false;
        if steps - used.looked_at.get() >= 4096 {
            used.looked_at.set(steps);
            late = worked() > used.until.get();
        }
        late || steps > STEPS
    });
    if is_too_much {
        return Err(Error::unsupported(
            "the template takes too many steps",
            "Look for a loop that never ends, or that is far too long.",
        ));
    }
    Ok(())
}

/// Looks at the clock now, after something that may have taken long.
pub fn check_time() -> Result<()> {
    step(4096)
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
