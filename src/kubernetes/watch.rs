//! Hearing of changes to apps' objects as they happen, as far as the worker may watch. What is heard is kept in the
//! [`memory`](super::memory).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::{self, BoxStream, SelectAll};
use futures::{Stream, StreamExt, future};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, DynamicObject, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::Cluster;
use super::memory::{self, KEPT, Memory};
use super::owner::INSTANCE;
use super::permissions::NEEDED_TO_WATCH;
use crate::cause::chain;
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;

/// What a watch tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// Something in this namespace is another than before.
    Namespace(String),
    /// Watching has begun, or begun again: whatever may have changed before.
    Resync,
    /// Only namespaces can be heard of: the worker may not watch what is in them.
    NamespacesOnly,
}

type Changes = BoxStream<'static, Result<WatchEvent, Problem>>;

/// How often the worker looks whether it may watch meanwhile.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// How many objects of a list are read at once, where they are listed.
const PAGE: u32 = 100;

/// What changes of an Odoo database's apps, for as long as it is polled; as long it is kept in memory. Pods of workloads
/// carry no labels of ours: all of the cluster's are watched, by their metadata, and not kept. A problem is told, and
/// watching goes on after a pause.
///
/// Where the worker may not watch workloads, the stream says so and ends when it may: to be begun anew.
pub fn changes(cluster: &Cluster, instance: &str) -> Changes {
    let labelled = watcher::Config::default().labels(&format!("{INSTANCE}={instance}"));
    let instance = instance.to_owned();
    let cluster = cluster.clone();
    let begun = async move {
        match may_watch(&cluster).await {
            Ok(true) => {
                let keeping = Keeping::begin(&cluster, &instance);
                let mut all = SelectAll::new();
                for kind in 0..KEPT.len() {
                    all.push(keep(&cluster, kind, labelled.clone()));
                }
                all.push(pods(&cluster));
                all.inspect(move |_| _ = &keeping).boxed()
            }
            Ok(false) => stream::once(async { Ok(WatchEvent::NamespacesOnly) })
                .chain(namespaces(&cluster, labelled).take_until(until_it_may(cluster)))
                .boxed(),
            Err(problem) => stream::once(async { Err(problem) }).boxed(),
        }
    };
    stream::once(begun).flatten().boxed()
}

/// The memory is kept as long as this is.
struct Keeping(Arc<Memory>);

impl Keeping {
    fn begin(cluster: &Cluster, instance: &str) -> Self {
        cluster.memory.begin(instance);
        Self(cluster.memory.clone())
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Watches the objects of one kind and keeps them in memory.
fn keep(cluster: &Cluster, kind: usize, config: watcher::Config) -> Changes {
    let memory = cluster.memory.clone();
    let api = Api::<DynamicObject>::all_with(cluster.client.clone(), &memory::resource(kind));
    let url = cluster.url().to_owned();
    let heard = move |event| match event {
        Ok(Event::Init) => {
            memory.listing(kind);
            None
        }
        Ok(Event::InitApply(object)) => {
            memory.keep(kind, object);
            None
        }
        // Others are still being listed.
        Ok(Event::InitDone) => memory.listed(kind).then_some(Ok(WatchEvent::Resync)),
        Ok(Event::Apply(object)) => {
            let namespace = in_namespace(&object);
            memory
                .keep(kind, object)
                .then_some(Ok(WatchEvent::Namespace(namespace)))
        }
        Ok(Event::Delete(object)) => memory
            .forget(kind, &object.metadata)
            .then(|| Ok(WatchEvent::Namespace(in_namespace(&object)))),
        Err(error) => {
            memory.lost(kind);
            Some(Err(problem(&error, &url, KEPT[kind].3)))
        }
    };
    watch(api, config)
        .filter_map(move |event| future::ready(heard(event)))
        .boxed()
}

/// The pods of apps' workloads: that something happens to them, and in which of our namespaces.
fn pods(cluster: &Cluster) -> Changes {
    let memory = cluster.memory.clone();
    let api: Api<PartialObjectMeta<Pod>> = Api::all(cluster.client.clone());
    let url = cluster.url().to_owned();
    let heard = move |event| match event {
        Ok(Event::Apply(pod) | Event::Delete(pod)) => {
            let namespace = in_namespace(&pod);
            memory
                .stir(&namespace)
                .then_some(Ok(WatchEvent::Namespace(namespace)))
        }
        Ok(Event::InitDone) => memory.is_whole().then_some(Ok(WatchEvent::Resync)),
        Ok(Event::Init | Event::InitApply(_)) => None,
        Err(error) => Some(Err(problem(&error, &url, "pods"))),
    };
    watch(api, watcher::Config::default())
        .filter_map(move |event| future::ready(heard(event)))
        .boxed()
}

/// Namespaces alone, where nothing is kept.
fn namespaces(cluster: &Cluster, config: watcher::Config) -> Changes {
    let api: Api<PartialObjectMeta<Namespace>> = Api::all(cluster.client.clone());
    let url = cluster.url().to_owned();
    let heard = move |event| match event {
        Ok(Event::Apply(object) | Event::Delete(object)) => {
            Some(Ok(WatchEvent::Namespace(in_namespace(&object))))
        }
        Ok(Event::InitDone) => Some(Ok(WatchEvent::Resync)),
        Ok(Event::Init | Event::InitApply(_)) => None,
        Err(error) => Some(Err(problem(&error, &url, "namespaces"))),
    };
    watch(api, config)
        .filter_map(move |event| future::ready(heard(event)))
        .boxed()
}

/// Watches, and after each error anew from the list on, which leaves no gap. An API server that can send what is there at
/// the beginning of a watch need not list it.
fn watch<K>(
    api: Api<K>,
    config: watcher::Config,
) -> impl Stream<Item = Result<Event<K>, watcher::Error>>
where
    K: Resource<DynamicType: Clone> + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    let lists = Arc::new(AtomicBool::new(false));
    let begin = move || {
        let lists = lists.clone();
        let config = match lists.load(Ordering::Relaxed) {
            true => config.clone().page_size(PAGE),
            false => config.clone().streaming_lists(),
        };
        let watched = watcher::watcher(api.clone(), config);
        watched.scan(false, move |ended, event| {
            if matches!(&event, Err(error) if is_unknown(error)) {
                lists.store(true, Ordering::Relaxed);
            }
            let last = std::mem::replace(ended, event.is_err());
            future::ready((!last).then_some(event))
        })
    };
    let ever = stream::repeat_with(begin).flatten();
    let told = |event: &Result<Event<K>, watcher::Error>| !matches!(event, Err(error) if is_unknown(error));
    ever.default_backoff()
        .filter(move |event| future::ready(told(event)))
}

/// Whether the API server does not know, or does not allow, a list at the beginning of a watch.
fn is_unknown(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::WatchStartFailed(kube::Error::Api(status)) => {
            status.message.contains("sendInitialEvents")
        }
        _ => false,
    }
}

/// What is in no namespace is one itself.
fn in_namespace(object: &impl ResourceExt) -> String {
    object.namespace().unwrap_or_else(|| object.name_any())
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

fn problem(error: &watcher::Error, url: &str, plural: &str) -> Problem {
    Problem::new(Code::ClusterWatch, sentence!("The {plural} of the cluster at {url} cannot be watched: {error}.", plural, url, error = chain(error)))
    .hint(sentence!("`chandlery check` says whether the worker's account may watch; config/rbac-watch.yaml lets it."))
}
