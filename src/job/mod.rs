//! One file per kind of job: a short recipe that reads like the workflow it implements.
//!
//! A [`Runner`] makes a [`Task`] of a job (the cluster it is for, whose it is, its story) and gives it to its recipe:
//! [`deploy`], [`refresh`] or [`delete`]. A recipe calls the rooms, writes its steps into the [`Story`], and fills the
//! result as it goes, so that a job that fails or is stopped still tells what it left behind.

pub mod clusters;
mod delete;
mod deploy;
mod refresh;
mod seen;
pub mod story;
mod variables;

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use tracing::warn;

use crate::kubernetes::{self, Cluster, Owner, namespace};
use crate::manifest::{Fetcher, Limits};
use crate::odoo::contract::{AppSeen, Job, JobKind, JobResult, Outcome, OutcomeState};
use crate::problem::Problem;
use crate::settings::{self, Settings};

pub use clusters::Clusters;
pub use story::{Stop, Story};

/// How many apps of a cluster are looked at at once.
const LOOKS_AT_ONCE: usize = 4;

/// Does jobs, with what they share.
#[derive(Clone)]
pub struct Runner {
    clusters: Arc<Clusters>,
    shared: Arc<Shared>,
}

/// What all jobs share.
struct Shared {
    patience: settings::Deploy,
    fetcher: Fetcher,
}

/// One job with all that its recipe needs.
pub struct Task {
    pub job: Job,
    pub owner: Owner,
    pub cluster: Cluster,
    pub story: Arc<Story>,
    shared: Arc<Shared>,
}

impl Runner {
    /// A runner with nothing under way.
    pub fn new(settings: &Settings) -> Result<Self, Problem> {
        Ok(Self {
            clusters: Arc::new(Clusters::new(&settings.clusters)),
            shared: Arc::new(Shared {
                patience: settings.deploy.clone(),
                fetcher: Fetcher::new(Limits {
                    time: Duration::from_secs(settings.manifests.timeout_seconds),
                    bytes: usize::try_from(settings.manifests.max_bytes).unwrap_or(usize::MAX),
                    ..Limits::default()
                })?,
            }),
        })
    }

    /// The clusters it works on.
    pub fn clusters(&self) -> &Clusters {
        &self.clusters
    }

    /// Does a job. `database` is the UUID of the Odoo database it came from.
    pub async fn run(&self, job: Job, database: &str, story: Arc<Story>) -> Outcome {
        let mut result = JobResult::default();
        let ended = self.recipe(job, database, story.clone(), &mut result).await;
        outcome(ended, result, &story)
    }

    async fn recipe(
        &self,
        job: Job,
        database: &str,
        story: Arc<Story>,
        result: &mut JobResult,
    ) -> Result<(), Problem> {
        let app = &job.app;
        let task = Task {
            owner: seen::owner(database, app.id, &app.name, &app.environment),
            cluster: self.clusters.get(&job.cluster.name).await?,
            job,
            story,
            shared: self.shared.clone(),
        };
        match task.job.kind {
            JobKind::Deploy => deploy::deploy(&task, result).await,
            JobKind::Refresh => refresh::refresh(&task, result).await,
            JobKind::Delete => delete::delete(&task, result).await,
        }
    }

    /// What a cluster shows of a database's apps.
    pub async fn look(&self, cluster: &str, database: &str) -> Result<Vec<AppSeen>, Problem> {
        let cluster = self.clusters.get(cluster).await?;
        let namespaces = namespace::list(&cluster, database).await?;
        let looks = stream::iter(namespaces).map(|ours| {
            let cluster = &cluster;
            async move {
                let owner = seen::owner(database, ours.app, "", "");
                match kubernetes::observe(cluster, &ours.namespace, &owner).await {
                    Ok(seen) => Some(AppSeen {
                        id: ours.app,
                        namespace: ours.namespace,
                        observation: seen::observation(seen),
                    }),
                    // One app that cannot be looked at must not hide the others.
                    Err(problem) => {
                        warn!(app = ours.app, namespace = ours.namespace, "{problem}");
                        None
                    }
                }
            }
        });
        let seen = looks.buffer_unordered(LOOKS_AT_ONCE);
        Ok(seen.filter_map(async |seen| seen).collect().await)
    }
}

/// What Odoo is told of a recipe's end.
pub fn outcome(ended: Result<(), Problem>, result: JobResult, story: &Story) -> Outcome {
    let state = match (&ended, story.stop_reason()) {
        (Ok(()), _) => OutcomeState::Done,
        (Err(_), Some(Stop::Cancelled)) => OutcomeState::Cancelled,
        (Err(_), Some(Stop::Released | Stop::Lost)) => OutcomeState::Released,
        (Err(problem), None) if problem.retry => OutcomeState::Retry,
        (Err(_), None) => OutcomeState::Failed,
    };
    Outcome {
        state,
        error: ended.err(),
        result,
    }
}
