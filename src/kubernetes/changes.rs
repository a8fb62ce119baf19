//! Hearing of changes to apps' objects as they happen.

use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{Api, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::Cluster;
use super::owner::INSTANCE;
use super::refusal;
use crate::problem::Problem;

/// What was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Something in this namespace, which need not be one of ours, is another than before.
    In(String),
    /// Watching has begun, or begun again: whatever may have changed before.
    Anything,
}

/// What changes of an Odoo database's apps, for as long as it is polled. Pods carry no labels of ours: all of the
/// cluster's are watched, by their metadata. A problem is told, and watching goes on after a pause.
pub fn changes(cluster: &Cluster, instance: &str) -> BoxStream<'static, Result<Heard, Problem>> {
    let labelled = watcher::Config::default().labels(&format!("{INSTANCE}={instance}"));
    let mut all = SelectAll::new();
    all.push(watch::<Deployment>(cluster, labelled.clone()));
    all.push(watch::<StatefulSet>(cluster, labelled.clone()));
    all.push(watch::<DaemonSet>(cluster, labelled.clone()));
    all.push(watch::<Job>(cluster, labelled.clone()));
    all.push(watch::<Ingress>(cluster, labelled));
    all.push(watch::<Pod>(cluster, watcher::Config::default()));
    all.boxed()
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
                Ok(Event::Apply(object) | Event::Delete(object)) => {
                    object.namespace().map(|namespace| Ok(Heard::In(namespace)))
                }
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
    .hint("Give the worker's account the verb `watch`; config/rbac.yaml holds all that it needs.")
}
