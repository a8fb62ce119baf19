//! Telling Odoo what the clusters show of the apps outside any job: everything at the start, then what has changed.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{info, warn};

use super::{Odoo, Recipes, Worker};
use crate::odoo::contract::{AppSeen, ClusterState, Observation, ObserveRequest};

/// How many apps one call tells of.
const APPS_PER_CALL: usize = 200;
/// How soon a cluster that was not reachable is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(10);

impl<O: Odoo, R: Recipes> Worker<O, R> {
    /// Looks at one cluster again and again, for as long as it is polled.
    pub(super) async fn keep_observing(&self, cluster: &str) {
        let mut told = Told::default();
        let mut reachable = true;
        loop {
            let state = self.recipes.check(cluster).await;
            if state.reachable != reachable {
                log_reachable(&state);
                reachable = state.reachable;
            }
            self.contact.cluster(cluster, &state.message);
            let database = self.database.borrow().clone();
            if let Some(database) = database.filter(|_| state.reachable) {
                self.observe(cluster, &database, &mut told).await;
            }
            let pause = if reachable {
                self.observe_every
            } else {
                TRY_AGAIN.min(self.observe_every)
            };
            let mut database = self.database.subscribe();
            tokio::select! {
                () = sleep(pause) => {}
                // The first claim was answered: now it is known whose namespaces are ours.
                Ok(()) = database.changed() => {}
            }
        }
    }

    async fn observe(&self, cluster: &str, database: &str, told: &mut Told) {
        let seen = match self.recipes.look(cluster, database).await {
            Ok(seen) => seen,
            Err(problem) => {
                self.metrics.api_error(cluster, &problem.code);
                warn!(cluster, "{problem}");
                return;
            }
        };
        // A job tells of its app itself, and a look in the middle of one would only confuse.
        let (busy, seen): (Vec<_>, Vec<_>) =
            seen.into_iter().partition(|app| self.board.has_app(app.id));
        for app in busy {
            told.forget(app.id);
        }
        told.keep_only(&seen);
        let news: Vec<AppSeen> = seen.into_iter().filter(|app| told.is_news(app)).collect();
        for apps in news.chunks(APPS_PER_CALL) {
            let request = ObserveRequest {
                worker: self.identity.clone(),
                cluster: cluster.to_owned(),
                apps: apps.to_vec(),
            };
            match self.odoo.observe(&request).await {
                Ok(response) => {
                    self.contact.answered();
                    told.remember(apps);
                    for id in response.unknown {
                        info!(
                            cluster,
                            app = id,
                            "a namespace says it belongs to an app that Odoo does not know"
                        );
                    }
                }
                // Nothing is lost: what was not told is still news in the next round.
                Err(error) => return self.contact.failed("observe", &error),
            }
        }
    }
}

fn log_reachable(state: &ClusterState) {
    if state.reachable {
        info!(cluster = state.name, "reachable again");
    } else {
        warn!(cluster = state.name, "not reachable: {}", state.message);
    }
}

/// What Odoo was told of each app, apart from when it was seen.
#[derive(Default)]
struct Told(HashMap<i64, Observation>);

impl Told {
    fn is_news(&self, app: &AppSeen) -> bool {
        self.0.get(&app.id).is_none_or(|told| {
            let now = Observation {
                seen_at: told.seen_at,
                ..app.observation.clone()
            };
            now != *told
        })
    }

    fn remember(&mut self, apps: &[AppSeen]) {
        for app in apps {
            self.0.insert(app.id, app.observation.clone());
        }
    }

    fn forget(&mut self, id: i64) {
        self.0.remove(&id);
    }

    fn keep_only(&mut self, seen: &[AppSeen]) {
        self.0.retain(|id, _| seen.iter().any(|app| app.id == *id));
    }
}
