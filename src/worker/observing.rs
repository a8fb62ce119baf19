//! Telling Odoo what the clusters show of the apps outside any job: everything at the start, then what has changed, as
//! soon as the cluster says so and every now and then in any case.

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::{Odoo, Recipes, Worker};
use crate::job::Look;
use crate::kubernetes::Heard;
use crate::odoo::contract::{AppSeen, ClusterState, Observation, ObserveRequest};
use crate::problem::Problem;

/// How many apps one call tells of.
const APPS_PER_CALL: usize = 200;
/// How soon a cluster that was not reachable is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(10);
/// What changes seldom changes once: looked is about so long after the first change.
const SETTLE: Duration = Duration::from_secs(1);
/// How soon an app is looked at again that changed while it had a job.
const AFTER_JOB: Duration = Duration::from_secs(5);

/// What a cluster says has changed.
struct Watch {
    changes: BoxStream<'static, Result<Heard, Problem>>,
    /// It ended, and has to be begun anew.
    ended: bool,
    /// What goes wrong is logged once.
    complained: bool,
    /// The namespaces in which something is another than it was told, and when to look at them.
    changed: BTreeSet<String>,
    look: Option<Instant>,
}

impl Watch {
    /// All was looked at but for these, whose apps have a job.
    fn look_again(&mut self, busy: BTreeSet<String>) {
        self.look = (!busy.is_empty()).then(|| Instant::now() + AFTER_JOB);
        self.changed = busy;
    }
}

impl<O: Odoo, R: Recipes> Worker<O, R> {
    /// Looks at one cluster again and again, for as long as it is polled.
    pub(super) async fn keep_observing(&self, cluster: &str) {
        let mut told = Told::default();
        let mut reachable = true;
        let mut watch: Option<Watch> = None;
        let mut said = false;
        let mut databases = self.database.subscribe();
        loop {
            let state = self.recipes.check(cluster).await;
            if state.reachable != reachable {
                log_reachable(&state);
                reachable = state.reachable;
            }
            self.contact.cluster(cluster, &state.message);
            let database = databases.borrow_and_update().clone();
            let pause = match reachable {
                true => self.observe_every,
                false => TRY_AGAIN.min(self.observe_every),
            };
            let until = Instant::now() + pause;
            // A new connection may be needed, of which an old watch would not know.
            watch = watch.filter(|watch| reachable && !watch.ended);
            let following = async {
                match database.filter(|_| reachable) {
                    Some(database) => {
                        let busy = self.observe(cluster, &database, None, &mut told).await;
                        let watch = watch.get_or_insert_with(|| Watch {
                            changes: self.recipes.changes(cluster, &database),
                            ended: false,
                            complained: false,
                            changed: BTreeSet::new(),
                            look: None,
                        });
                        watch.look_again(busy);
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
            }
        }
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
                    let busy = self
                        .observe(cluster, database, Some(&mem::take(&mut watch.changed)), told)
                        .await;
                    watch.look_again(busy);
                }
                change = watch.changes.next(), if !watch.ended => {
                    let soon = Instant::now() + SETTLE;
                    match change {
                        Some(Ok(Heard::In(namespace))) => {
                            watch.changed.insert(namespace);
                            watch.look = Some(watch.look.map_or(soon, |look| look.min(soon)));
                        }
                        Some(Ok(Heard::Anything)) => until = until.min(soon),
                        // As its rights are meant to be, unless somebody wants it otherwise: nothing to warn of.
                        Some(Ok(Heard::NamespacesOnly)) => if !mem::replace(said, true) {
                            info!(
                                cluster,
                                "what changes in apps by itself is seen up to {} s late: the worker's account may not watch workloads; config/rbac-watch.yaml lets it",
                                self.observe_every.as_secs()
                            );
                        },
                        Some(Err(problem)) => self.complain(cluster, watch, &problem),
                        None => watch.ended = true,
                    }
                }
            }
        }
    }

    fn complain(&self, cluster: &str, watch: &mut Watch, problem: &Problem) {
        self.metrics.api_error(cluster, &problem.code);
        if !mem::replace(&mut watch.complained, true) {
            warn!(
                cluster,
                "changes may be seen up to {} s late: {problem}",
                self.observe_every.as_secs()
            );
        }
    }

    /// Looks at all apps, or at those in some namespaces, and tells what is new. Returns the namespaces of those that were
    /// left out because they have a job.
    async fn observe(
        &self,
        cluster: &str,
        database: &str,
        only: Option<&BTreeSet<String>>,
        told: &mut Told,
    ) -> BTreeSet<String> {
        // A job tells of its app itself, and a look in the middle of one would only confuse.
        let apps_at_work = self.board.apps();
        let look = self.recipes.look(cluster, database, only, &apps_at_work);
        let Look {
            apps,
            mut complete,
            mut busy,
        } = match look.await {
            Ok(seen) => seen,
            Err(problem) => {
                self.metrics.api_error(cluster, &problem.code);
                warn!(cluster, "{problem}");
                return BTreeSet::new();
            }
        };
        // Some may have got a job since.
        let apps_at_work = self.board.apps();
        let (begun, seen): (Vec<_>, Vec<_>) = apps
            .into_iter()
            .partition(|app| apps_at_work.contains(&app.uid));
        busy.extend(begun.into_iter().map(|app| app.namespace));
        for namespace in &busy {
            told.forget(namespace);
        }
        if only.is_none() {
            told.keep_only(&seen);
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
                    self.contact.failed("observe", &error);
                    break;
                }
            }
        }
        busy
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

    fn keep_only(&mut self, seen: &[AppSeen]) {
        self.0
            .retain(|namespace, _| seen.iter().any(|app| app.namespace == *namespace));
    }
}
