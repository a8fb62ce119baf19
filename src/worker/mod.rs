//! The frame around the [`JobHandler`]: claim → dispatch → lease → report.
//!
//! [`claiming`](Worker::run) asks Odoo for as many jobs as there are free slots and starts each on a task of its own; one
//! that waits gives its [`slot`](crate::slot) back. [`in_flight`] holds them all with their leases and step logs; one loop
//! reports, one ends what is no longer ours, one per cluster observes. Nothing is kept elsewhere: a worker that is killed
//! leaves no trace but jobs whose lease ends.

mod claiming;
mod handler;
mod in_flight;
mod observing;
mod odoo_health;
mod reporting;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::job::{CancelReason, Capabilities, Look, Namespaces, StepLog};
use crate::kubernetes::WatchEvent;
use crate::odoo::contract::{
    ClaimRequest, ClaimResponse, ClusterState, Job, ObserveRequest, ObserveResponse, Outcome,
    ReportRequest, ReportResponse, Uid, Wake, WorkerIdentity,
};
use crate::odoo::{CallError, Client};
use crate::problem::Problem;
use crate::slot::Slots;
use crate::telemetry::{Health, Metrics};
use in_flight::InFlight;
use odoo_health::OdooHealth;

/// At the end jobs may go on for so long before they are handed back, …
const FINISH: Duration = Duration::from_secs(15);
/// … which may take so long. Together with the last claim's 5 s: within 30 s.
const HAND_BACK: Duration = Duration::from_secs(8);
/// How many jobs may wait beside those that have a slot. Each keeps what its manifests became in memory.
const MOST_WAITING: usize = 1000;

/// The three calls, as the worker makes them.
pub trait Odoo: Send + Sync + 'static {
    fn claim(
        &self,
        request: &ClaimRequest,
    ) -> impl Future<Output = Result<ClaimResponse, CallError>> + Send;
    fn report(
        &self,
        request: &ReportRequest,
    ) -> impl Future<Output = Result<ReportResponse, CallError>> + Send;
    fn observe(
        &self,
        request: &ObserveRequest,
    ) -> impl Future<Output = Result<ObserveResponse, CallError>> + Send;
    /// For messages.
    fn address(&self) -> String;
}

impl Odoo for Client {
    async fn claim(&self, request: &ClaimRequest) -> Result<ClaimResponse, CallError> {
        self.claim(request).await
    }

    async fn report(&self, request: &ReportRequest) -> Result<ReportResponse, CallError> {
        self.report(request).await
    }

    async fn observe(&self, request: &ObserveRequest) -> Result<ObserveResponse, CallError> {
        self.observe(request).await
    }

    fn address(&self) -> String {
        self.url().to_string()
    }
}

/// What the worker does with jobs and clusters.
pub trait JobHandler: Send + Sync + 'static {
    /// What can be done.
    fn capabilities(&self) -> Capabilities;
    /// The clusters served, as they were last found.
    fn clusters(&self) -> Vec<ClusterState>;
    /// Finds out how a cluster is now.
    fn check<'a>(&'a self, cluster: &'a str) -> BoxFuture<'a, ClusterState>;
    /// What a cluster shows of this Odoo database's apps in some namespaces; but not of `busy` ones.
    fn look<'a>(
        &'a self,
        cluster: &'a str,
        database: &'a str,
        of: Namespaces<'a>,
        busy: &'a BTreeSet<Uid>,
    ) -> BoxFuture<'a, Result<Look, Problem>>;
    /// What changes of this Odoo database's apps in a cluster, as it happens.
    fn changes(
        &self,
        cluster: &str,
        database: &str,
    ) -> BoxStream<'static, Result<WatchEvent, Problem>>;
    /// Does a job.
    fn run(
        &self,
        job: Job,
        database: String,
        step_log: Arc<StepLog>,
    ) -> BoxFuture<'static, Outcome>;
}

/// One worker.
pub struct Worker<O, R> {
    odoo: O,
    handler: R,
    identity: WorkerIdentity,
    capacity: usize,
    slots: Arc<Slots>,
    observe_every: Duration,
    in_flight: InFlight,
    odoo_health: OdooHealth,
    metrics: Arc<Metrics>,
    wake_up: Arc<Notify>,
    listening: Arc<AtomicBool>,
    wake: watch::Sender<Option<Wake>>,
    database: watch::Sender<Option<String>>,
    unknown_clusters: watch::Sender<Vec<String>>,
    observes: watch::Sender<Observes>,
}

/// Which clusters this worker observes. Of several workers of a cluster one does; Odoo says which, and the others stand by.
#[derive(Debug, PartialEq)]
enum Observes {
    /// Odoo has not answered yet.
    Unknown,
    /// An older Odoo does not say.
    All,
    /// These, each until then.
    Until(BTreeMap<String, Instant>),
}

impl Observes {
    /// As a claim has answered that was sent at this moment.
    fn answered(response: &ClaimResponse, asked: Instant) -> Self {
        match &response.observe {
            None => Self::All,
            Some(ours) => {
                let seconds = Duration::try_from_secs_f64(ours.seconds.min(3600.0));
                let until = asked + seconds.unwrap_or_default();
                let clusters = ours.clusters.iter();
                Self::Until(clusters.map(|name| (name.clone(), until)).collect())
            }
        }
    }

    /// Whether this cluster is among them.
    fn include(&self, cluster: &str) -> bool {
        match self {
            Self::Unknown => false,
            Self::All => true,
            Self::Until(clusters) => clusters
                .get(cluster)
                .is_some_and(|until| Instant::now() < *until),
        }
    }
}

impl<O: Odoo, R: JobHandler> Worker<O, R> {
    /// A call to Odoo was answered. After an absence what was told of the apps is told again.
    fn answered(&self) {
        if self.odoo_health.answered() {
            self.database.send_modify(|_| ());
        }
    }

    /// A worker that has not begun. Notifying `wake_up` makes it claim at once.
    pub fn new(
        odoo: O,
        handler: R,
        settings: &crate::settings::Worker,
        health: Arc<Health>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            odoo,
            handler,
            identity: WorkerIdentity {
                name: settings.name.clone(),
                instance: uuid::Uuid::new_v4().to_string(),
                machine: gethostname::gethostname().to_string_lossy().into_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            capacity: settings.capacity as usize,
            slots: Slots::new(settings.capacity as usize),
            observe_every: Duration::from_secs(settings.observe_seconds),
            in_flight: InFlight::default(),
            odoo_health: OdooHealth::new(health, metrics.clone()),
            metrics,
            wake_up: Arc::default(),
            listening: Arc::default(),
            wake: watch::channel(None).0,
            database: watch::channel(None).0,
            unknown_clusters: watch::channel(Vec::new()).0,
            observes: watch::channel(Observes::Unknown).0,
        }
    }

    /// What makes the worker claim at once when it is notified.
    pub fn wake_up(&self) -> Arc<Notify> {
        self.wake_up.clone()
    }

    /// Whether somebody will notify it as soon as there is work: then the worker asks seldom.
    pub fn listening(&self) -> Arc<AtomicBool> {
        self.listening.clone()
    }

    /// Somebody wants to cancel these jobs: asks Odoo about those that it holds.
    pub fn cancelled(&self, ids: &[i64]) {
        self.in_flight.ask_about(ids);
    }

    /// The channel on which Odoo announces work, as the last claim named it.
    pub fn wake(&self) -> watch::Receiver<Option<Wake>> {
        self.wake.subscribe()
    }

    /// Works until `closing`; then claims no more, gives the jobs some time to finish, and hands back the others.
    /// Returns within 30 s.
    pub async fn run(self: Arc<Self>, closing: CancellationToken) {
        let mut loops = JoinSet::new();
        let names: Vec<String> = self
            .handler
            .clusters()
            .into_iter()
            .map(|cluster| cluster.name)
            .collect();
        // What is claimed first is for clusters known to be reachable.
        tokio::select! {
            _ = futures::future::join_all(names.iter().map(|name| self.handler.check(name))) => {}
            () = closing.cancelled() => return,
        }
        for name in names {
            let worker = self.clone();
            loops.spawn(async move { worker.keep_observing(&name).await });
        }
        let worker = self.clone();
        loops.spawn(async move { worker.keep_reporting().await });
        let worker = self.clone();
        loops.spawn(async move { worker.keep_leases().await });

        self.claim_until(&closing).await;
        self.odoo_health.stopping();
        // They leave nothing half done, and may go on waiting elsewhere.
        self.in_flight.stop_waiting(CancelReason::Released);
        match self.in_flight.len() {
            0 => {}
            held => info!(
                "no more jobs are claimed; {held} at work have {} s to finish",
                FINISH.as_secs()
            ),
        }
        if timeout(FINISH, self.all_reported()).await.is_err() {
            self.in_flight.stop_all(CancelReason::Released);
            if timeout(HAND_BACK, self.all_reported()).await.is_err() {
                let held = self.in_flight.len();
                warn!(
                    "Odoo could not be told of {held} jobs; they go to another worker when their lease ends"
                );
            }
        }
    }

    async fn all_reported(&self) {
        while self.in_flight.len() > 0 {
            sleep(Duration::from_millis(100)).await;
        }
    }
}
