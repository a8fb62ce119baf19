//! Telling Odoo what the clusters show of the apps outside any job: everything at the start, then what has changed, as
//! soon as the cluster says so and every now and then in any case. Where other workers serve the cluster, too, one of them
//! does so and the others stand by: Odoo says which. Those watch the cluster for their own jobs, and look at no app.

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::{JobHandler, Observes, Odoo, Worker};
use crate::job::{Look, Namespaces};
use crate::kubernetes::WatchEvent;
use crate::odoo::contract::{AppSeen, ClusterState, Observation, ObserveRequest, ObservedState};
use crate::problem::Problem;

/// How many apps one call tells of.
const APPS_PER_CALL: usize = 200;
/// How soon a cluster that was not reachable is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(10);
/// What changes seldom changes once: looked is about so long after the first change.
const SETTLE: Duration = Duration::from_secs(1);
/// How soon an app is looked at again that changed while it had a job.
const AFTER_JOB: Duration = Duration::from_secs(5);
/// How long a watch may take to begin before everything is looked at without it.
const BEGIN: Duration = Duration::from_secs(5);

/// What a cluster says has changed.
struct Watch {
    changes: BoxStream<'static, Result<WatchEvent, Problem>>,
    /// It ended, and has to be begun anew.
    ended: bool,
    /// It tells of all that changes.
    whole: bool,
    /// Something may have changed of which it has not told.
    gap: bool,
    /// It tells of namespaces alone.
    namespaces_only: bool,
    /// What goes wrong is logged once.
    complained: bool,
    /// The namespaces in which something is another than it was told, and when to look at them.
    changed: BTreeSet<String>,
    look: Option<Instant>,
}

impl Watch {
    fn new(changes: BoxStream<'static, Result<WatchEvent, Problem>>) -> Self {
        Self {
            changes,
            ended: false,
            whole: false,
            gap: true,
            namespaces_only: false,
            complained: false,
            changed: BTreeSet::new(),
            look: None,
        }
    }

    fn begin_again(&mut self, changes: BoxStream<'static, Result<WatchEvent, Problem>>) {
        *self = Self {
            changed: mem::take(&mut self.changed),
            look: self.look,
            ..Self::new(changes)
        };
    }

    /// Nothing is looked at: whatever changes meanwhile is to be found out later.
    fn stand_by(&mut self) {
        self.gap = true;
        self.look_again(BTreeSet::new());
    }

    /// All was looked at but for these, whose apps have a job.
    fn look_again(&mut self, busy: BTreeSet<String>) {
        self.look = (!busy.is_empty()).then(|| Instant::now() + AFTER_JOB);
        self.changed = busy;
    }
}

impl<O: Odoo, R: JobHandler> Worker<O, R> {
    /// Looks at one cluster again and again, for as long as it is polled.
    pub(super) async fn keep_observing(&self, cluster: &str) {
        let mut told = Told::default();
        let mut reachable = true;
        let mut watch: Option<Watch> = None;
        let mut said = false;
        let mut databases = self.database.subscribe();
        let mut observes = self.observes.subscribe();
        let mut ours = false;
        loop {
            let state = self.handler.check(cluster).await;
            if state.reachable != reachable {
                log_reachable(&state);
                reachable = state.reachable;
                // Only who reaches a cluster gets its jobs, and may observe it.
                if reachable {
                    self.wake_up.notify_one();
                }
            }
            if mem::replace(&mut ours, self.observes(cluster)) != ours {
                // Another one tells Odoo from now on, or has done so until now.
                told = Told::default();
                match ours {
                    true => info!(cluster, "this worker observes it"),
                    false => info!(cluster, "another worker observes it, this one stands by"),
                }
            }
            self.odoo_health.cluster(cluster, &state.message);
            let database = databases.borrow_and_update().clone();
            let pause = match reachable {
                true => self.observe_every,
                false => TRY_AGAIN.min(self.observe_every),
            };
            let until = Instant::now() + pause;
            // A new connection may be needed, of which an old watch would not know.
            watch = watch.filter(|_| reachable);
            let following = async {
                match database.filter(|_| reachable) {
                    Some(database) => {
                        let until = match &mut watch {
                            Some(watch) => {
                                self.look_round(cluster, &database, watch, &mut told).await;
                                if watch.ended {
                                    watch.begin_again(self.handler.changes(cluster, &database));
                                }
                                until
                            }
                            // What it tells at its beginning need not be asked for.
                            None => Instant::now() + BEGIN,
                        };
                        let watch = watch.get_or_insert_with(|| {
                            Watch::new(self.handler.changes(cluster, &database))
                        });
                        self.follow(cluster, &database, watch, until, &mut told, &mut said)
                            .await;
                    }
                    None => sleep_until(until).await,
                }
            };
            tokio::select! {
                () = following => {}
                // The first claim was answered: now it is known whose namespaces are ours. Or Odoo was away, perhaps to
                // be restored, and knows no more what it was told.
                Ok(()) = databases.changed() => told = Told::default(),
                () = until_other(&mut observes, cluster, ours) => {}
            }
        }
    }

    /// Looks at everything. Where the watch tells of all that changes, that is what has changed and what is not well: the
    /// reason for that may be another one by now, of which no watch tells.
    async fn look_round(&self, cluster: &str, database: &str, watch: &mut Watch, told: &mut Told) {
        if !self.observes(cluster) {
            return watch.stand_by();
        }
        let mut known = BTreeSet::new();
        if watch.whole && !mem::take(&mut watch.gap) {
            known = told.well();
            known.retain(|namespace| !watch.changed.contains(namespace));
        }
        let busy = self
            .observe(cluster, database, Namespaces::AllBut(&known), told)
            .await;
        watch.look_again(busy);
    }

    /// Looks at what changes, until it is time to look at everything.
    async fn follow(
        &self,
        cluster: &str,
        database: &str,
        watch: &mut Watch,
        until: Instant,
        told: &mut Told,
        said: &mut bool,
    ) {
        let mut until = until;
        loop {
            tokio::select! {
                () = sleep_until(watch.look.unwrap_or(until).min(until)) => {
                    if Instant::now() >= until {
                        return;
                    }
                    if !self.observes(cluster) {
                        watch.stand_by();
                        continue;
                    }
                    let changed = mem::take(&mut watch.changed);
                    let busy = self
                        .observe(cluster, database, Namespaces::Only(&changed), told)
                        .await;
                    watch.look_again(busy);
                }
                change = watch.changes.next(), if !watch.ended => {
                    let soon = Instant::now() + SETTLE;
                    match change {
                        Some(Ok(WatchEvent::Namespace(namespace))) => {
                            watch.changed.insert(namespace);
                            watch.look = Some(watch.look.map_or(soon, |look| look.min(soon)));
                        }
                        Some(Ok(WatchEvent::Resync)) => {
                            (watch.whole, watch.gap) = (!watch.namespaces_only, true);
                            until = until.min(soon);
                        }
                        // As its rights are meant to be, unless somebody wants it otherwise: nothing to warn of.
                        Some(Ok(WatchEvent::NamespacesOnly)) => {
                            watch.namespaces_only = true;
                            if !mem::replace(said, true) {
                                info!(
                                    cluster,
                                    "what changes in apps by itself is seen up to {} s late: the worker's account may not watch workloads; config/rbac-watch.yaml lets it",
                                    self.observe_every.as_secs()
                                );
                            }
                        }
                        Some(Err(problem)) => {
                            watch.whole = false;
                            self.complain(cluster, watch, &problem);
                        }
                        None => (watch.ended, watch.whole) = (true, false),
                    }
                }
            }
        }
    }

    /// Whether it is this worker that observes the cluster.
    fn observes(&self, cluster: &str) -> bool {
        self.observes.borrow().include(cluster)
    }

    fn complain(&self, cluster: &str, watch: &mut Watch, problem: &Problem) {
        self.metrics.api_error(cluster, problem.code.label());
        if !mem::replace(&mut watch.complained, true) {
            warn!(
                cluster,
                "changes may be seen up to {} s late: {problem}",
                self.observe_every.as_secs()
            );
        }
    }

    /// Looks at the apps in some namespaces and tells what is new. Returns the namespaces of those that were left out
    /// because they have a job.
    async fn observe(
        &self,
        cluster: &str,
        database: &str,
        of: Namespaces<'_>,
        told: &mut Told,
    ) -> BTreeSet<String> {
        // A job tells of its app itself, and a look in the middle of one would only confuse.
        let apps_at_work = self.in_flight.apps();
        let look = self.handler.look(cluster, database, of, &apps_at_work);
        let Look {
            apps,
            mut complete,
            mut busy,
        } = match look.await {
            Ok(seen) => seen,
            Err(problem) => {
                self.metrics.api_error(cluster, problem.code.label());
                warn!(cluster, "{problem}");
                return BTreeSet::new();
            }
        };
        // Some may have got a job since.
        let apps_at_work = self.in_flight.apps();
        let (begun, seen): (Vec<_>, Vec<_>) = apps
            .into_iter()
            .partition(|app| apps_at_work.contains(&app.uid));
        busy.extend(begun.into_iter().map(|app| app.namespace));
        for namespace in &busy {
            told.forget(namespace);
        }
        if let Some(all) = &complete {
            let all = all.namespaces.iter().map(|ours| ours.namespace.as_str());
            told.keep_only(&all.collect());
        }
        let news: Vec<AppSeen> = seen.into_iter().filter(|app| told.is_news(app)).collect();
        let mut chunks: Vec<&[AppSeen]> = news.chunks(APPS_PER_CALL).collect();
        // That nothing has changed of what is there does not say that everything is there.
        if chunks.is_empty() && complete.is_some() {
            chunks.push(&[]);
        }
        for apps in chunks {
            let request = ObserveRequest {
                worker: self.identity.clone(),
                cluster: cluster.to_owned(),
                apps: apps.to_vec(),
                complete: complete.take(),
            };
            match self.odoo.observe(&request).await {
                Ok(response) => {
                    self.answered();
                    told.remember(apps);
                    for namespace in response.unknown {
                        info!(
                            cluster,
                            namespace,
                            "this namespace says it belongs to an app that Odoo does not know"
                        );
                    }
                }
                // Nothing is lost: what was not told is still news in the next round.
                Err(error) => {
                    self.odoo_health.failed("observe", &error);
                    break;
                }
            }
        }
        busy
    }
}

/// Waits until Odoo says otherwise of a cluster.
async fn until_other(observes: &mut watch::Receiver<Observes>, cluster: &str, ours: bool) {
    let other = observes.wait_for(|observes| observes.include(cluster) != ours);
    if other.await.is_err() {
        std::future::pending().await
    }
}

fn log_reachable(state: &ClusterState) {
    if state.reachable {
        info!(cluster = state.name, "reachable again");
    } else {
        warn!(cluster = state.name, "not reachable: {}", state.message);
    }
}

/// What Odoo was told of the app in each namespace, apart from when it was seen.
#[derive(Default)]
struct Told(HashMap<String, Observation>);

impl Told {
    fn is_news(&self, app: &AppSeen) -> bool {
        self.0.get(&app.namespace).is_none_or(|told| {
            let now = Observation {
                seen_at: told.seen_at,
                ..app.observation.clone()
            };
            now != *told
        })
    }

    fn remember(&mut self, apps: &[AppSeen]) {
        for app in apps {
            self.0
                .insert(app.namespace.clone(), app.observation.clone());
        }
    }

    fn forget(&mut self, namespace: &str) {
        self.0.remove(namespace);
    }

    fn keep_only(&mut self, namespaces: &BTreeSet<&str>) {
        self.0
            .retain(|namespace, _| namespaces.contains(namespace.as_str()));
    }

    /// The namespaces of the apps with which all is well.
    fn well(&self) -> BTreeSet<String> {
        let well = self.0.iter().filter(|(_, told)| {
            matches!(told.state, ObservedState::Running | ObservedState::Stopped)
        });
        well.map(|(namespace, _)| namespace.clone()).collect()
    }
}
