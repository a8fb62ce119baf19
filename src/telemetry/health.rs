//! Whether the worker lives and works, for those who watch it: `/healthz`, `/readyz`, `/metrics`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::metrics::Metrics;
use crate::code::Code;
use crate::problem::Problem;

/// Odoo was heard of lately when its last answer is no older than this.
const LATELY: Duration = Duration::from_secs(90);

/// What readiness is made of; told by the loops, read by `/readyz`.
#[derive(Default)]
pub struct Health(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    /// When Odoo answered last, and why not since.
    answered: Option<Instant>,
    failure: Option<String>,
    /// Per cluster, why it cannot be reached; empty when it can.
    clusters: BTreeMap<String, String>,
    stopping: bool,
}

impl Health {
    /// Odoo answered.
    pub fn odoo_answered(&self) {
        let mut seen = self.seen();
        seen.answered = Some(Instant::now());
        seen.failure = None;
    }

    /// Odoo did not answer.
    pub fn odoo_failed(&self, reason: &str) {
        self.seen().failure = Some(reason.to_owned());
    }

    /// How a cluster is; an empty message means well.
    pub fn cluster(&self, name: &str, message: &str) {
        self.seen()
            .clusters
            .insert(name.to_owned(), message.to_owned());
    }

    /// The worker takes no more jobs.
    pub fn stopping(&self) {
        self.seen().stopping = true;
    }

    /// Whether the worker can work: one line per thing, those that are wrong with their reason.
    pub fn report(&self) -> (bool, String) {
        let seen = self.seen();
        let mut ready = true;
        let mut lines = Vec::new();
        let mut say = |name: &str, wrong: Option<&str>| {
            ready &= wrong.is_none();
            lines.push(format!("{name}: {}\n", wrong.unwrap_or("ok")));
        };
        if seen.stopping {
            say("worker", Some("stopping"));
        }
        let lately = seen.answered.is_some_and(|at| at.elapsed() < LATELY);
        say(
            "odoo",
            match (lately, &seen.failure) {
                (true, _) => None,
                (false, Some(failure)) => Some(failure),
                (false, None) => Some("has not answered yet"),
            },
        );
        for (name, message) in &seen.clusters {
            say(
                &format!("cluster {name}"),
                Some(message.as_str()).filter(|message| !message.is_empty()),
            );
        }
        (ready, lines.concat())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins to answer on `address`; lasts as long as the process.
pub async fn serve(
    address: SocketAddr,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
) -> Result<(), Problem> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Problem::new(
            Code::Settings,
            format!("The worker cannot listen on {address}: {error}."),
        )
        .hint("Set telemetry.listen to an address that is free, or to nothing.")
    })?;
    let routes = routes(health, metrics);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(())
}

fn routes(health: Arc<Health>, metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(health)
        .merge(
            Router::new()
                .route("/metrics", get(counted))
                .with_state(metrics),
        )
}

async fn ready(State(health): State<Arc<Health>>) -> impl IntoResponse {
    let (ready, report) = health.report();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, report)
}

async fn counted(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], metrics.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ready_means_that_odoo_answered_lately_and_every_cluster_is_reachable() {
        let health = Health::default();
        assert_eq!(
            health.report(),
            (false, "odoo: has not answered yet\n".to_owned())
        );
        health.odoo_answered();
        health.cluster("demo", "");
        assert_eq!(
            health.report(),
            (true, "odoo: ok\ncluster demo: ok\n".to_owned())
        );
        health.cluster("edge", "connection refused");
        assert_eq!(
            health.report(),
            (
                false,
                "odoo: ok\ncluster demo: ok\ncluster edge: connection refused\n".to_owned()
            )
        );
        health.cluster("edge", "");
        health.odoo_failed("gone");
        assert!(health.report().0, "one failure is not yet away");
        tokio::time::advance(LATELY).await;
        assert!(health.report().1.starts_with("odoo: gone\n"));
        health.odoo_answered();
        health.stopping();
        assert!(!health.report().0);
    }

    #[tokio::test]
    async fn an_address_in_use_is_a_clear_problem() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let problem = serve(address, Arc::default(), Arc::default())
            .await
            .unwrap_err();
        assert!(
            problem.message.contains("Address already in use"),
            "{problem}"
        );
    }
}
