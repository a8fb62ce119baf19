//! Telling systemd how the worker is. Does nothing where no systemd listens.

use std::time::Duration;

use sd_notify::NotifyState;

/// The worker has started. `status` is what `systemctl status` shows.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// What `systemctl status` shows from now on.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// The worker is about to end.
pub fn stopping() {
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("finishing or handing back its jobs"),
    ]);
}

/// Shows the watchdog that the runtime still turns, twice per period; lasts as long as the process.
pub async fn watchdog() {
    match sd_notify::watchdog_enabled() {
        None => std::future::pending().await,
        Some(period) => {
            let mut ticks = tokio::time::interval((period / 2).max(Duration::from_millis(100)));
            loop {
                ticks.tick().await;
                tell(&[NotifyState::Watchdog]);
            }
        }
    }
}

fn tell(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("systemd cannot be told: {error}");
    }
}
