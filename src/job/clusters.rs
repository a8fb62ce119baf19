//! The clusters of the worker's settings: connected when first needed, and how each was last found.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::code::Code;
use crate::kubernetes::{Access, Cluster, capacity};
use crate::odoo::contract::{Capacity, ClusterState};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;
use crate::settings;

use super::to_contract;

/// A look at a cluster may take no longer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is counted what a cluster has: all nodes and pods are listed for that.
const COUNT_EVERY: Duration = Duration::from_secs(300);

/// The clusters served, by the names that Odoo knows them by.
pub struct Clusters(BTreeMap<String, Served>);

struct Served {
    access: Access,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    connected: Option<Cluster>,
    version: Option<String>,
    /// Why it is not reachable; `None` when it is.
    problem: Option<Problem>,
    capacity: Option<Capacity>,
    counted_at: Option<Instant>,
}

impl Clusters {
    /// Those of the settings; none is reached yet.
    pub fn new(settings: &BTreeMap<String, settings::Cluster>) -> Self {
        let served = settings.iter().map(|(name, cluster)| {
            let found = Found {
                problem: Some(Problem::new(
                    Code::ClusterUnreachable,
                    sentence!("It was not looked at yet."),
                )),
                ..Found::default()
            };
            let served = Served {
                access: access(cluster),
                found: Mutex::new(found),
            };
            (name.clone(), served)
        });
        Self(served.collect())
    }

    /// How each was last found.
    pub fn states(&self) -> Vec<ClusterState> {
        self.0
            .iter()
            .map(|(name, served)| served.state(name))
            .collect()
    }

    /// The door to a cluster.
    ///
    /// # Errors
    /// When it is not served here, or its credentials cannot be used.
    pub async fn get(&self, name: &str) -> Result<Cluster, Problem> {
        let served = self.0.get(name).ok_or_else(|| {
            Problem::new(
                Code::ClusterUnknown,
                sentence!("This worker does not serve the cluster '{name}'.", name),
            )
            .hint(sentence!(
                "Add it to the worker's settings, or correct the name of the cluster in Odoo."
            ))
        })?;
        served.connect().await
    }

    /// Finds out how a cluster is now.
    pub async fn check(&self, name: &str) -> ClusterState {
        let Some(served) = self.0.get(name) else {
            return ClusterState {
                name: name.to_owned(),
                reachable: false,
                version: None,
                message: sentence!("not in the worker's settings"),
                capacity: None,
            };
        };
        let look = async { served.connect().await?.version().await };
        let found = in_time(look).await;
        if found.is_ok() {
            served.count().await;
        }
        let mut seen = served.found();
        match found {
            Ok(version) => {
                seen.version = Some(version);
                seen.problem = None;
            }
            Err(problem) => {
                seen.problem = Some(problem);
                seen.capacity = None;
                seen.counted_at = None;
                // The kubeconfig may be corrected or renewed meanwhile: read it again.
                seen.connected = None;
            }
        }
        drop(seen);
        served.state(name)
    }
}

/// What a look at a cluster found, or that it takes too long.
async fn in_time<T>(look: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    timeout(CHECK_TIMEOUT, look).await.unwrap_or_else(|_| {
        Err(Problem::new(
            Code::ClusterUnreachable,
            sentence!("It did not answer in time."),
        ))
    })
}

impl Served {
    /// Counts what the cluster has, where that was long ago.
    async fn count(&self) {
        let now = Instant::now();
        let is_known = |at: Instant| now.duration_since(at) < COUNT_EVERY;
        if self.found().counted_at.is_some_and(is_known) {
            return;
        }
        let counted = in_time(async { capacity(&self.connect().await?).await }).await;
        let mut seen = self.found();
        seen.counted_at = Some(now);
        seen.capacity = Some(match counted {
            Ok(capacity) => to_contract::capacity(&capacity),
            Err(problem) => Capacity {
                message: problem.message,
                ..Capacity::default()
            },
        });
    }

    async fn connect(&self) -> Result<Cluster, Problem> {
        let connected = self.found().connected.clone();
        match connected {
            Some(cluster) => Ok(cluster),
            None => {
                let cluster = Cluster::connect(&self.access).await?;
                self.found().connected = Some(cluster.clone());
                Ok(cluster)
            }
        }
    }

    fn state(&self, name: &str) -> ClusterState {
        let found = self.found();
        ClusterState {
            name: name.to_owned(),
            reachable: found.problem.is_none(),
            version: found.version.clone(),
            message: found
                .problem
                .as_ref()
                .map_or(Sentence::default(), |problem| problem.message.clone()),
            capacity: found.capacity.clone(),
        }
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the settings say a cluster is reached.
pub fn access(cluster: &settings::Cluster) -> Access {
    if cluster.in_cluster {
        Access::InCluster
    } else {
        Access::Kubeconfig {
            path: cluster.kubeconfig.clone(),
            context: Some(cluster.context.clone()).filter(|context| !context.is_empty()),
        }
    }
}
