//! The real recipes and clusters behind the worker's frame.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;

use super::Recipes;
use crate::job::{Abilities, Look, Runner, Story};
use crate::kubernetes::Heard;
use crate::odoo::contract::{ClusterState, Job, Outcome, Uid};
use crate::problem::Problem;

impl Recipes for Runner {
    fn abilities(&self) -> Abilities {
        self.abilities().clone()
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
        only: Option<&'a BTreeSet<String>>,
        busy: &'a BTreeSet<Uid>,
    ) -> BoxFuture<'a, Result<Look, Problem>> {
        Box::pin(self.look(cluster, database, only, busy))
    }

    fn changes(&self, cluster: &str, database: &str) -> BoxStream<'static, Result<Heard, Problem>> {
        self.changes(cluster, database)
    }

    fn run(&self, job: Job, database: String, story: Arc<Story>) -> BoxFuture<'static, Outcome> {
        let runner = self.clone();
        Box::pin(async move { runner.run(job, &database, story).await })
    }
}
