//! Tracks whether Odoo answers; logs transitions only.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;
use tracing::{error, info};

use crate::odoo::CallError;
use crate::telemetry::{Health, Metrics, systemd};

/// What the last calls to Odoo met with.
pub struct OdooHealth {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    away: Mutex<Option<Away>>,
}

struct Away {
    since: Instant,
    message: String,
}

impl OdooHealth {
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
        self.metrics.cluster(name, message.is_empty());
    }

    /// The worker takes no more jobs.
    pub fn stopping(&self) {
        self.health.stopping();
    }

    /// A call failed. Logged when that is new, or for a new reason.
    pub fn failed(&self, call: &str, error: &CallError) {
        let message = error.to_string();
        self.metrics.api_error("odoo", error.code().label());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_cluster_is_can_be_read_from_readiness_and_metrics() {
        let (health, metrics) = (Arc::<Health>::default(), Arc::<Metrics>::default());
        let odoo_health = OdooHealth::new(health.clone(), metrics.clone());
        for (message, reachable) in [("", 1), ("connection refused", 0)] {
            odoo_health.cluster("demo", message);
            let line = format!("chandlery_cluster_reachable{{cluster=\"demo\"}} {reachable}\n");
            assert!(metrics.text().contains(&line), "{}", metrics.text());
            let told = if message.is_empty() { "ok" } else { message };
            assert!(health.report().1.contains(told), "{}", health.report().1);
        }
    }
}
