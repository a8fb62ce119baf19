//! One pause of waiting for something to end, or the problem that it takes too long.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::problem::Problem;

/// How often the cluster is asked while waiting.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// Says what is waited for (`Waiting until Pod/odoo is gone`) and pauses once. After the deadline it is the problem
/// that `late` makes of the names of what is `left`.
pub(super) async fn wait(
    deadline: Instant,
    left: &[String],
    end: &str,
    progress: &mut impl FnMut(&str),
    late: impl FnOnce(&str) -> Problem,
) -> Result<(), Problem> {
    let what = match left {
        [one] => one.clone(),
        [first, more @ ..] => format!("{first} and {} more", more.len()),
        [] => String::new(),
    };
    if Instant::now() >= deadline {
        return Err(late(&what));
    }
    progress(&format!("Waiting until {what} {end}"));
    sleep(PAUSE).await;
    Ok(())
}
