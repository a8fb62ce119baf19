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
    static USED: Cell<Option<Used>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Used {
    steps: usize,
    bytes: usize,
    depth: usize,
    looked_at: usize,
    until: Duration,
}

/// Runs with limits of its own, unless limits count already. What it returns holds no values of templates.
pub fn limited<T>(run: impl FnOnce() -> T) -> T {
    struct Restore(Option<Used>);
    impl Drop for Restore {
        fn drop(&mut self) {
            release::all();
            USED.set(self.0);
        }
    }
    if USED.get().is_some() {
        return run();
    }
    let _restore = Restore(None);
    USED.set(Some(Used {
        steps: 0,
        bytes: 0,
        depth: 0,
        looked_at: 0,
        until: worked() + TIME,
    }));
    run()
}

/// The processor time of this thread.
fn worked() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Counts steps.
pub fn step(count: usize) -> Result<()> {
    let Some(mut used) = USED.get() else {
        return Ok(());
    };
    used.steps = used.steps.saturating_add(count);
    let mut late = false;
    if used.steps - used.looked_at >= 4096 {
        used.looked_at = used.steps;
        late = worked() > used.until;
    }
    USED.set(Some(used));
    if late || used.steps > STEPS {
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
    let Some(mut used) = USED.get() else {
        return Ok(());
    };
    used.bytes = used.bytes.saturating_add(bytes);
    USED.set(Some(used));
    if bytes > ONE || used.bytes > BYTES {
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
        USED.get().map_or(0, |mut used| {
            used.depth = used.depth.saturating_add_signed(by);
            USED.set(Some(used));
            used.depth
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
