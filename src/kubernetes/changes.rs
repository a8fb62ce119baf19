//! Hearing of changes to apps' objects as they happen, as far as the worker may watch.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream, SelectAll};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{Api, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::Cluster;
use super::owner::INSTANCE;
use super::permissions::NEEDED_TO_WATCH;
use super::refusal;
use crate::problem::Problem;

/// What was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Something in this namespace, which need not be one of ours, is another than before.
    In(String),
    /// Watching has begun, or begun again: whatever may have changed before.
    Anything,
    /// Only namespaces can be heard of: the worker may not watch what is in them.
    NamespacesOnly,
}

/// How often the worker looks whether it may watch meanwhile.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// What changes of an Odoo database's apps, for as long as it is polled. Pods carry no labels of ours: all of the
/// cluster's are watched, by their metadata. A problem is told, and watching goes on after a pause.
///
/// Where the worker may not watch workloads, the stream says so and ends when it may: to be begun anew.
pub fn changes(cluster: &Cluster, instance: &str) -> BoxStream<'static, Result<Heard, Problem>> {
    let labelled = watcher::Config::default().labels(&format!("{INSTANCE}={instance}"));
    let cluster = cluster.clone();
    let begun = async move {
        let namespaces = watch::<Namespace>(&cluster, labelled.clone());
        match may_watch(&cluster).await {
            Ok(true) => {
                let mut all = SelectAll::new();
                all.push(namespaces);
                all.push(watch::<Deployment>(&cluster, labelled.clone()));
                all.push(watch::<StatefulSet>(&cluster, labelled.clone()));
                all.push(watch::<DaemonSet>(&cluster, labelled.clone()));
                all.push(watch::<Job>(&cluster, labelled.clone()));
                all.push(watch::<Ingress>(&cluster, labelled));
                all.push(watch::<Pod>(&cluster, watcher::Config::default()));
                all.boxed()
            }
            Ok(false) => stream::once(async { Ok(Heard::NamespacesOnly) })
                .chain(namespaces.take_until(until_it_may(cluster)))
                .boxed(),
            Err(problem) => stream::once(async { Err(problem) }).boxed(),
        }
    };
    stream::once(begun).flatten().boxed()
}

/// Whether the worker may watch workloads in the whole cluster.
async fn may_watch(cluster: &Cluster) -> Result<bool, Problem> {
    let missing = cluster.missing_permissions(NEEDED_TO_WATCH).await?;
    Ok(missing.is_empty())
}

async fn until_it_may(cluster: Cluster) {
    loop {
        tokio::time::sleep(ASK_AGAIN).await;
        if matches!(may_watch(&cluster).await, Ok(true)) {
            return;
        }
    }
}

fn watch<K>(
    cluster: &Cluster,
    config: watcher::Config,
) -> BoxStream<'static, Result<Heard, Problem>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    let api: Api<PartialObjectMeta<K>> = Api::all(cluster.client.clone());
    let url = cluster.url().to_owned();
    watcher::watcher(api, config)
        .default_backoff()
        .filter_map(move |event| {
            let heard = match event {
                // What is in no namespace is one itself.
                Ok(Event::Apply(object) | Event::Delete(object)) => Some(Ok(Heard::In(
                    object.namespace().unwrap_or_else(|| object.name_any()),
                ))),
                Ok(Event::InitDone) => Some(Ok(Heard::Anything)),
                Ok(Event::Init | Event::InitApply(_)) => None,
                Err(error) => Some(Err(problem(&error, &url, &K::plural(&())))),
            };
            async move { heard }
        })
        .boxed()
}

fn problem(error: &watcher::Error, url: &str, plural: &str) -> Problem {
    Problem::transient(
        "cluster_watch",
        format!(
            "The {plural} of the cluster at {url} cannot be watched: {}.",
            refusal::chain(error)
        ),
    )
    .hint("`chandlery check` says whether the worker's account may watch; config/rbac-watch.yaml lets it.")
}
