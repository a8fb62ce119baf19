//! Reaching a cluster's API server: by kubeconfig or from inside, with a limit on every call.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt;
use futures::future::BoxFuture;
use http_body_util::Limited;
use jiff::Timestamp;
use kube::api::{Api, DynamicObject, ListParams, ObjectList, PartialObjectMeta};
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersion};
use kube::{Client, Config};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell, Semaphore};
use tower::buffer::BufferLayer;
use tower::util::MapRequestLayer;
use tower_http::map_response_body::MapResponseBodyLayer;

use super::error::{self, CallError};
use super::fence::{self, Fence};
use super::memory::Memory;
use super::retry::RetryLayer;
use super::role_binding::Rights;
use crate::cause::chain;
use crate::code::Code;
use crate::object::{Kind, Kinds, ObjectRef};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;
use crate::slot;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one call to the API server may take, unless told otherwise.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer, in bytes: whoever answers must not fill the worker's memory. Objects are no longer than 3 MiB.
pub(super) const MOST_OF_AN_ANSWER: usize = 64 << 20;
/// How many objects of a list are asked for at once, …
const PAGE: u32 = 250;
/// … and how many there may be.
pub(super) const MOST_OBJECTS: usize = 20_000;
/// How many calls may be under way at once: many jobs may wait for one cluster, which is not to be asked more the slower it
/// answers. API servers take 600 by default, from everybody.
const CALLS_AT_ONCE: usize = 64;

/// How to reach a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// By a kubeconfig file; its current context unless one is named.
    Kubeconfig {
        path: PathBuf,
        context: Option<String>,
    },
    /// As the pod that the worker runs in.
    InCluster,
}

/// A cluster that can be called. Cheap to clone: clones share connections, what discovery found and
/// what watches tell.
#[derive(Clone)]
pub struct Cluster {
    pub(super) client: Client,
    pub(super) discovered: Arc<Mutex<Option<super::discovery::Discovered>>>,
    pub(super) memory: Arc<Memory>,
    pub(super) rights: Arc<Rights>,
    /// The name by which the API server knows the worker, from when it first had to bind its rights on.
    pub(super) account: Arc<OnceCell<String>>,
    call_timeout: Duration,
    calls: Arc<Semaphore>,
    fence: Option<Fence>,
    url: String,
    token_ends: Option<Timestamp>,
}

impl Cluster {
    /// Reads the credentials. The API server is first called by whatever is asked of the cluster then.
    ///
    /// A file that is missing, unreadable or lacks the context is a problem that stays.
    pub async fn connect(access: &Access) -> Result<Self, Problem> {
        let mut config = match access {
            Access::Kubeconfig { path, context } => {
                let wrong = |error: &dyn std::fmt::Display| {
                    Problem::new(Code::ClusterSettings, sentence!("The kubeconfig {path} cannot be used: {error}.", path = path.display().to_string(), error = error.to_string()))
                        .hint(sentence!("Check the cluster's `kubeconfig` and `context` in the worker's settings."))
                };
                let kubeconfig = Kubeconfig::read_from(path).map_err(|error| wrong(&chain(&error)))?;
                let options = KubeConfigOptions {
                    context: context.clone(),
                    ..KubeConfigOptions::default()
                };
                Config::from_custom_kubeconfig(kubeconfig, &options)
                    .await
                    .map_err(|error| wrong(&chain(&error)))?
            }
            Access::InCluster => Config::incluster().map_err(|error| {
                Problem::new(Code::ClusterSettings, sentence!("The worker does not run inside a cluster: {error}.", error = chain(&error)))
                .hint(sentence!("Set `in_cluster` only for a worker that runs as a pod with a service account; otherwise name a kubeconfig."))
            })?,
        };
        // kube's own retry lasts for many minutes, longer than a job's lease: retrying is the job queue's work.
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        let url = config.cluster_url.to_string();
        let token = config.auth_info.token.as_ref();
        let token_ends = token.and_then(|token| end_of(token.expose_secret()));
        // A kubeconfig may name a command that asks for credentials: it is waited for on a thread of its own.
        let client = tokio::task::spawn_blocking(move || client(config));
        let client = slot::unless_soon(tokio::time::timeout(CALL_TIMEOUT, client)).await;
        let Ok(Ok(client)) = client else {
            return Err(Problem::new(Code::ClusterUnreachable, sentence!("The credentials for {url} were not there within {seconds} s.", url, seconds = CALL_TIMEOUT.as_secs()))
            .hint(sentence!("See whether the command that the kubeconfig names for them (`exec`) comes to its end.")));
        };
        let client = client.map_err(|error| {
            Problem::new(
                Code::ClusterSettings,
                sentence!(
                    "The credentials for {url} cannot be used: {error}.",
                    url,
                    error = chain(&error)
                ),
            )
            .hint(sentence!(
                "Check the certificates, tokens and commands named in the kubeconfig."
            ))
        })?;
        Ok(Self {
            client,
            discovered: Arc::default(),
            memory: Arc::default(),
            rights: Arc::default(),
            account: Arc::default(),
            call_timeout: CALL_TIMEOUT,
            calls: Arc::new(Semaphore::new(CALLS_AT_ONCE)),
            fence: None,
            url,
            token_ends,
        })
    }

    /// Changes how long one call may take.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// The same cluster for one job, which calls nothing behind the fence, and finds out for itself what it may do: another
    /// job may have been done long ago.
    pub fn fenced(mut self, fence: Fence) -> Self {
        self.fence = Some(fence);
        self.rights = Arc::default();
        self
    }

    /// The API server's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// When the kubeconfig's token ends to be valid, where it says so. One that is read anew from a file, as inside a
    /// cluster, is not meant.
    pub fn token_ends(&self) -> Option<Timestamp> {
        self.token_ends
    }

    /// The API server's version, such as `v1.35.4`.
    pub async fn version(&self) -> Result<String, Problem> {
        self.call(self.client.apiserver_version())
            .await
            .map(|info| info.git_version)
            .map_err(|error| self.problem(&error, sentence!("read the version")))
    }

    /// Calls the API server with the limit on time, and not behind the fence: there the call is dropped, and with it the
    /// connection that it is on, before somebody else may have the job.
    ///
    /// What remains is a request that the API server has read already: it ends the work on it when the connection is gone, or
    /// after [`fence::MARGIN`]. `docs/adr/0011-what-a-lost-attempt-may-still-do.md` says what else there may be.
    ///
    /// A job whose call hangs has no slot until it is answered.
    pub(super) fn call<T>(
        &self,
        call: impl Future<Output = kube::Result<T>>,
    ) -> impl Future<Output = Result<T, CallError>> {
        // On the heap: each future that it is moved into would hold it twice.
        let call = Box::pin(call);
        let passed = async {
            match &self.fence {
                Some(fence) => fence.passed().await,
                None => std::future::pending().await,
            }
        };
        let answer = async {
            // It is never closed.
            let _under_way = self.calls.acquire().await.ok();
            tokio::time::timeout(self.call_timeout, call).await
        };
        slot::unless_soon(async {
            tokio::select! {
                biased;
                () = passed => Err(CallError::Fenced),
                answer = answer => match answer {
                    Ok(answer) => answer.map_err(CallError::from),
                    Err(_) => Err(CallError::Timeout(self.call_timeout)),
                },
            }
        })
    }

    /// All objects that are selected, page by page.
    pub(super) async fn list<K>(
        &self,
        api: &Api<K>,
        selected: &ListParams,
    ) -> Result<Vec<K>, CallError>
    where
        K: Clone + DeserializeOwned + std::fmt::Debug,
    {
        self.pages(selected, |page| {
            async move { api.list(&page).await }.boxed()
        })
        .await
    }

    /// The same without what is in the objects.
    pub(super) async fn list_metadata<K>(
        &self,
        api: &Api<K>,
        selected: &ListParams,
    ) -> Result<Vec<PartialObjectMeta<K>>, CallError>
    where
        K: Clone + DeserializeOwned + std::fmt::Debug,
    {
        self.pages(selected, |page| {
            async move { api.list_metadata(&page).await }.boxed()
        })
        .await
    }

    async fn pages<'a, T: Clone>(
        &self,
        selected: &ListParams,
        ask: impl Fn(ListParams) -> BoxFuture<'a, kube::Result<ObjectList<T>>>,
    ) -> Result<Vec<T>, CallError> {
        let mut page = selected.clone().limit(PAGE);
        let mut all = Vec::new();
        loop {
            let list = self.call(ask(page.clone())).await?;
            all.extend(list.items);
            if all.len() > MOST_OBJECTS {
                return Err(CallError::TooMany);
            }
            match list.metadata.continue_.filter(|more| !more.is_empty()) {
                Some(more) => page.continue_token = Some(more),
                None => return Ok(all),
            }
        }
    }

    /// What a failed call means; `doing` completes "The cluster does not let the worker …".
    pub(super) fn problem(&self, error: &CallError, doing: impl Into<Sentence>) -> Problem {
        error::call_problem(error, &self.url, doing)
    }

    /// The door to all objects of a kind, in a namespace if the kind has them.
    pub(super) fn api(&self, kind: &Kind, namespace: Option<&str>) -> Api<DynamicObject> {
        let resource = resource(kind);
        match namespace {
            Some(namespace) if kind.namespaced => {
                Api::namespaced_with(self.client.clone(), namespace, &resource)
            }
            _ => Api::all_with(self.client.clone(), &resource),
        }
    }

    /// The door to one object. `None` when the cluster no longer serves its kind, which then cannot exist there.
    pub(super) fn api_of(
        &self,
        kinds: &Kinds,
        reference: &ObjectRef,
    ) -> Option<Api<DynamicObject>> {
        let kind = kinds
            .get(&reference.api_version, &reference.kind)
            // An inventory may name a version that the cluster has dropped since: any other of the group will do.
            .or_else(|| {
                kinds.iter().find(|kind| {
                    kind.kind == reference.kind
                        && crate::object::group_of(&kind.api_version) == reference.group()
                })
            })?;
        Some(self.api(kind, reference.namespace.as_deref()))
    }
}

/// A client that reads no more of an answer than there may be, and sends again what is not taken at this moment.
fn client(config: Config) -> kube::Result<Client> {
    let bounded = MapResponseBodyLayer::new(|body| Limited::new(body, MOST_OF_AN_ANSWER));
    let builder = ClientBuilder::try_from(config)?;
    let buffered = BufferLayer::new(CALLS_AT_ONCE);
    let builder = builder.with_layer(&bounded).with_layer(&buffered);
    let builder = builder.with_layer(&MapRequestLayer::new(fence::limit));
    Ok(builder.with_layer(&RetryLayer::default()).build())
}

fn resource(kind: &Kind) -> ApiResource {
    // Discovery gave the version, so it can be read.
    let version: GroupVersion = kind
        .api_version
        .parse()
        .unwrap_or_else(|_| GroupVersion::gv("", "v1"));
    ApiResource {
        group: version.group.clone(),
        version: version.version.clone(),
        api_version: kind.api_version.clone(),
        kind: kind.kind.clone(),
        plural: kind.plural.clone(),
    }
}

/// The `exp` of a JSON web token.
fn end_of(token: &str) -> Option<Timestamp> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Timestamp::from_second(claims["exp"].as_i64()?).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;
    use std::sync::atomic::{AtomicBool, Ordering};
    use tokio::sync::watch;
    use tokio::time::{Instant, sleep};

    /// Sets a flag when it is dropped.
    struct Dropped<'a>(&'a AtomicBool);

    impl Drop for Dropped<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// A cluster whose API server is at this address.
    pub(in crate::kubernetes) async fn at(url: &str) -> Cluster {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubeconfig");
        let kubeconfig = format!(
            "{{apiVersion: v1, kind: Config, current-context: c, clusters: [{{name: c, cluster: {{server: '{url}'}}}}], \
             users: [{{name: c, user: {{token: t}}}}], contexts: [{{name: c, context: {{cluster: c, user: c}}}}]}}"
        );
        std::fs::write(&path, kubeconfig).unwrap();
        let context = None;
        let access = Access::Kubeconfig { path, context };
        Cluster::connect(&access).await.unwrap()
    }

    #[tokio::test]
    async fn an_answer_that_never_ends_ends_at_the_limit_and_says_of_what() {
        let url = crate::body::tests::endless_server().await;
        let cluster = at(&url).await;
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), "shop");
        let listed = cluster.list(&pods, &ListParams::default()).await;
        let error = listed.unwrap_err();
        let problem = cluster.problem(&error, "list pods in shop");
        assert_eq!(
            (problem.code.as_str(), problem.retry),
            ("cluster_answer", false)
        );
        assert_eq!(
            problem.message,
            format!(
                "The worker could not list pods in shop: the cluster at {url}/ answers with more than 64 MiB, which is not read."
            )
        );
        assert!(problem.hint.unwrap().contains("kubectl"));
        // Of one object, too, and of what is no list.
        let one = cluster.call(pods.get("shop-1")).await.unwrap_err();
        assert!(matches!(one, CallError::TooLong), "{one}");
        assert_eq!(
            cluster.version().await.unwrap_err().code.as_str(),
            "cluster_answer"
        );
        assert_eq!(
            cluster.kinds().await.unwrap_err().code.as_str(),
            "cluster_answer"
        );
    }

    fn page(names: impl Iterator<Item = u32>, more: &str) -> wiremock::ResponseTemplate {
        let items: Vec<_> = names
            .map(|name| json!({"metadata": {"name": name.to_string()}}))
            .collect();
        let body = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {"continue": more}, "items": items});
        wiremock::ResponseTemplate::new(200).set_body_json(body)
    }

    #[tokio::test]
    async fn lists_are_read_page_by_page_to_their_end() {
        use wiremock::matchers::{query_param, query_param_is_missing};
        let server = wiremock::MockServer::start().await;
        let first = wiremock::Mock::given(query_param("limit", "250"))
            .and(query_param("labelSelector", "a=b"));
        first
            .and(query_param_is_missing("continue"))
            .respond_with(page(0..250, "more"))
            .mount(&server)
            .await;
        wiremock::Mock::given(query_param("continue", "more"))
            .and(query_param("labelSelector", "a=b"))
            .respond_with(page(250..260, ""))
            .mount(&server)
            .await;
        let cluster = at(&server.uri()).await;
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), "shop");
        let selected = ListParams::default().labels("a=b");
        let listed = cluster.list(&pods, &selected).await.unwrap();
        assert_eq!(listed.len(), 260);
        let listed = cluster.list_metadata(&pods, &selected).await.unwrap();
        assert_eq!(listed.len(), 260);
    }

    #[tokio::test]
    async fn a_list_without_end_is_given_up() {
        let server = wiremock::MockServer::start().await;
        wiremock::Mock::given(wiremock::matchers::any())
            .respond_with(page(0..2500, "more"))
            .mount(&server)
            .await;
        let cluster = at(&server.uri()).await;
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), "shop");
        let listed = cluster.list_metadata(&pods, &ListParams::default()).await;
        let problem = cluster.problem(&listed.unwrap_err(), "list pods in shop");
        assert_eq!(problem.code.as_str(), "cluster_answer");
        assert!(problem.message.contains("more than 20000"), "{problem}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_whose_call_hangs_has_no_slot_and_the_cluster_is_not_asked_ever_more() {
        let (_moves, cluster) = fenced();
        let slots = crate::slot::Slots::new(8);
        let began = Instant::now();
        let jobs = (0..CALLS_AT_ONCE + 10).map(|_| {
            let (slot, cluster) = (slots.slot(), cluster.clone());
            tokio::spawn(async move {
                slot.take().await;
                let call = cluster.call(std::future::pending::<kube::Result<()>>());
                slot.work(call).await
            })
        });
        let jobs: Vec<_> = jobs.collect();
        sleep(CALL_TIMEOUT / 2).await;
        assert_eq!(cluster.calls.available_permits(), 0);
        assert_eq!(slots.free(), 8);
        for job in jobs {
            assert!(matches!(job.await.unwrap(), Err(CallError::Timeout(_))));
        }
        assert!(began.elapsed() < CALL_TIMEOUT * 4, "{:?}", began.elapsed());
    }

    fn fenced() -> (watch::Sender<Option<Instant>>, Cluster) {
        let (moves, fence) = Fence::new();
        (moves, nowhere().fenced(fence))
    }

    /// A cluster that nobody can reach.
    pub(in crate::kubernetes) fn nowhere() -> Cluster {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut config = Config::new("http://127.0.0.1:1".parse().unwrap());
        config.default_retry = false;
        Cluster {
            client: Client::try_from(config).unwrap(),
            discovered: Arc::default(),
            memory: Arc::default(),
            rights: Arc::default(),
            account: Arc::default(),
            call_timeout: CALL_TIMEOUT,
            calls: Arc::new(Semaphore::new(CALLS_AT_ONCE)),
            fence: None,
            url: String::new(),
            token_ends: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_under_way_is_dropped_when_the_lease_ends() {
        let (moves, cluster) = fenced();
        let began = Instant::now();
        moves.send_replace(Some(began + Duration::from_secs(20)));
        let dropped = AtomicBool::new(false);
        let write = async {
            let _guard = Dropped(&dropped);
            std::future::pending::<kube::Result<()>>().await
        };
        let ended = cluster.call(write).await;
        assert!(matches!(ended, Err(CallError::Fenced)), "{ended:?}");
        assert!(dropped.load(Ordering::Relaxed));
        assert_eq!(began.elapsed().as_secs(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn no_call_begins_when_the_lease_has_ended() {
        let (moves, cluster) = fenced();
        moves.send_replace(Some(Instant::now()));
        sleep(Duration::from_secs(1)).await;
        let ended = cluster
            .call(async { panic!("is asked") as kube::Result<()> })
            .await;
        assert!(matches!(ended, Err(CallError::Fenced)), "{ended:?}");
        let problem = cluster.problem(&CallError::Fenced, "write");
        assert_eq!(problem.code.as_str(), "lease_lost");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_renewed_lets_a_call_go_on() {
        let (moves, cluster) = fenced();
        let began = Instant::now();
        moves.send_replace(Some(began + Duration::from_secs(10)));
        let renewing = async {
            sleep(Duration::from_secs(9)).await;
            moves.send_replace(Some(began + Duration::from_secs(60)));
            std::future::pending::<()>().await;
        };
        let slow = cluster.call(async {
            sleep(Duration::from_secs(25)).await;
            Ok(7)
        });
        tokio::select! {
            () = renewing => unreachable!("for ever"),
            answer = slow => assert_eq!(answer.unwrap(), 7),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_is_lost_early_ends_a_call_at_once() {
        let (moves, cluster) = fenced();
        let began = Instant::now();
        moves.send_replace(Some(began + Duration::from_secs(50)));
        let losing = async {
            sleep(Duration::from_secs(3)).await;
            moves.send_replace(Some(Instant::now()));
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = losing => unreachable!("for ever"),
            ended = cluster.call(std::future::pending::<kube::Result<()>>()) => {
                assert!(matches!(ended, Err(CallError::Fenced)), "{ended:?}");
            }
        }
        assert_eq!(began.elapsed().as_secs(), 3);
    }

    #[test]
    fn a_token_says_when_it_ends_and_others_say_nothing() {
        let token = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        let ends = end_of(&token(
            r#"{"exp": 1795968000, "sub": "system:serviceaccount:x:y"}"#,
        ));
        assert_eq!(ends.unwrap().to_string(), "2026-11-29T16:00:00Z");
        for other in [
            token(r#"{"sub": "x"}"#).as_str(),
            "",
            "abc",
            "a.b.c",
            "a.!.c",
        ] {
            assert_eq!(end_of(other), None, "{other}");
        }
    }
}
