//! The real jobs and clusters behind the worker's frame.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;

use super::JobHandler;
use crate::job::{Capabilities, Look, Namespaces, Runner, StepLog};
use crate::kubernetes::WatchEvent;
use crate::odoo::contract::{ClusterState, Job, Outcome, Uid};
use crate::problem::Problem;

impl JobHandler for Runner {
    fn capabilities(&self) -> Capabilities {
        self.capabilities().clone()
    }

    fn clusters(&self) -> Vec<ClusterState> {
        self.clusters().states()
    }

    fn check<'a>(&'a self, cluster: &'a str) -> BoxFuture<'a, ClusterState> {
        Box::pin(self.clusters().check(cluster))
    }

    fn look<'a>(
        &'a self,
        cluster: &'a str,
        database: &'a str,
        of: Namespaces<'a>,
        busy: &'a BTreeSet<Uid>,
    ) -> BoxFuture<'a, Result<Look, Problem>> {
        Box::pin(self.look(cluster, database, of, busy))
    }

    fn changes(
        &self,
        cluster: &str,
        database: &str,
    ) -> BoxStream<'static, Result<WatchEvent, Problem>> {
        self.changes(cluster, database)
    }

    fn run(
        &self,
        job: Job,
        database: String,
        step_log: Arc<StepLog>,
    ) -> BoxFuture<'static, Outcome> {
        let runner = self.clone();
        Box::pin(async move { runner.run(job, &database, step_log).await })
    }
}
