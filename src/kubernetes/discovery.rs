//! Which kinds of objects a cluster serves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::discovery::{Discovery, Scope};

use super::Cluster;
use crate::object::{Kind, Kinds};
use crate::problem::Problem;
use crate::sentence;

/// How long what was found is trusted: an operator who installs a new kind does not want to wait longer.
const FRESH: Duration = Duration::from_secs(30);

/// What discovery found, and when.
pub(super) struct Discovered {
    at: Instant,
    kinds: Arc<Kinds>,
}

impl Cluster {
    /// All kinds that the cluster serves, not older than half a minute.
    pub async fn kinds(&self) -> Result<Arc<Kinds>, Problem> {
        // Who waits for somebody else's look does not begin one of the same length after it.
        self.call(self.look_for_kinds())
            .await
            .map_err(|error| self.problem(&error, sentence!("list the kinds it serves")))
    }

    async fn look_for_kinds(&self) -> kube::Result<Arc<Kinds>> {
        let mut discovered = self.discovered.lock().await;
        if let Some(found) = discovered
            .as_ref()
            .filter(|found| found.at.elapsed() < FRESH)
        {
            return Ok(found.kinds.clone());
        }
        let discovery = Discovery::new(self.client.clone()).run_aggregated().await?;
        let mut kinds = Vec::new();
        for group in discovery.groups() {
            for version in group.versions() {
                for (resource, capabilities) in group.versioned_resources(version) {
                    kinds.push(Kind {
                        api_version: resource.api_version,
                        kind: resource.kind,
                        plural: resource.plural,
                        namespaced: capabilities.scope == Scope::Namespaced,
                    });
                }
            }
        }
        let kinds: Arc<Kinds> = Arc::new(kinds.into_iter().collect());
        *discovered = Some(Discovered {
            at: Instant::now(),
            kinds: kinds.clone(),
        });
        Ok(kinds)
    }
}
