//! Whether Odoo is there: told once when it goes and once when it is back, not every second.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;
use tracing::{error, info};

use crate::odoo::CallError;
use crate::telemetry::{Health, Metrics, systemd};

/// What the last calls to Odoo met with.
pub struct Contact {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    away: Mutex<Option<Away>>,
}

struct Away {
    since: Instant,
    message: String,
}

impl Contact {
    pub fn new(health: Arc<Health>, metrics: Arc<Metrics>) -> Self {
        Self {
            health,
            metrics,
            away: Mutex::default(),
        }
    }

    /// A call was answered. Returns whether the last one was not.
    pub fn answered(&self) -> bool {
        self.health.odoo_answered();
        let away = self
            .away
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(away) = &away {
            systemd::status("at work");
            info!(
                "Odoo is back after {:.0} s",
                away.since.elapsed().as_secs_f64()
            );
        }
        away.is_some()
    }

    /// How a cluster is; an empty message means well.
    pub fn cluster(&self, name: &str, message: &str) {
        self.health.cluster(name, message);
    }

    /// The worker takes no more jobs.
    pub fn stopping(&self) {
        self.health.stopping();
    }

    /// A call failed. Logged when that is new, or for a new reason.
    pub fn failed(&self, call: &str, error: &CallError) {
        let message = error.to_string();
        self.metrics.api_error("odoo", error.kind());
        self.health.odoo_failed(&message);
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        if away.as_ref().is_none_or(|away| away.message != message) {
            systemd::status(&message);
            error!(call, "{}; trying again until it works", error.problem());
            let since = away.as_ref().map_or_else(Instant::now, |away| away.since);
            *away = Some(Away { since, message });
        }
    }
}
