//! Requests that the API server does not take at this very moment, and that are sent again for that reason: it has too
//! many, the quota of a new namespace has not reached its admission yet, or somebody else wrote at the same moment.
//!
//! All of these were refused whole, so that sending them again does nothing twice. What lasts longer than
//! [`LONGEST`] is told as it is: the job then waits, and not its request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use kube::client::Body;
use kube::core::Status;
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};
use tower::{BoxError, Layer, Service};

/// How long a request is sent again and again in all: less than one call may take.
const LONGEST: Duration = Duration::from_secs(20);
/// The first pause where the server names none; each further one is twice as long, …
const PAUSE: Duration = Duration::from_millis(50);
/// … up to this. Where the server has too many requests and does not say how long, it is this one.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What the API server answers.
type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// Sends again. While the API server says that it has too many requests, no other of the same client is sent either, as
/// its priority and fairness asks for: what it has to spare then is for others.
#[derive(Clone, Default)]
pub(super) struct RetryLayer {
    not_before: NotBefore,
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        Retry {
            inner,
            not_before: self.not_before.clone(),
        }
    }
}

#[derive(Clone)]
pub(super) struct Retry<S> {
    inner: S,
    not_before: NotBefore,
}

impl<S, B> Service<Request<Body>> for Retry<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Answer;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Answer, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The one that was asked whether it is ready is the one that is used.
        let next = self.inner.clone();
        let ready = Self {
            inner: std::mem::replace(&mut self.inner, next),
            not_before: self.not_before.clone(),
        };
        ready.send(request).boxed()
    }
}

impl<S> Retry<S> {
    async fn send<B>(mut self, mut request: Request<Body>) -> Result<Answer, BoxError>
    where
        S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let began = Instant::now();
        let mut pause = PAUSE;
        loop {
            let again = copy(&request);
            self.not_before.passed().await;
            let is_apply = is_apply(&request);
            std::future::poll_fn(|context| self.inner.poll_ready(context)).await?;
            let response = self.inner.call(request).await?;
            let response = response.map(|body| body.map_err(Into::into).boxed_unsync());
            let body = again
                .as_ref()
                .filter(|_| is_apply && response.status() == StatusCode::CONFLICT)
                .and_then(|request| request.body().try_clone());
            let names_version = match body {
                Some(body) => names_version(body).await,
                None => false,
            };
            let (response, wait) = not_now(response, is_apply && !names_version).await?;
            let (Some(wait), Some(again)) = (wait, again) else {
                return Ok(response);
            };
            let wait = match wait {
                Wait::Everybody(asked) => {
                    // Whoever answers may ask for years.
                    self.not_before.later(asked.min(LONGEST));
                    asked
                }
                Wait::This => pause,
            };
            if wait > LONGEST.saturating_sub(began.elapsed()) {
                return Ok(response);
            }
            sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            request = again;
        }
    }
}

/// Until when the API server takes no requests.
#[derive(Clone, Default)]
struct NotBefore(Arc<Mutex<Option<Instant>>>);

impl NotBefore {
    async fn passed(&self) {
        while let Some(moment) = self.moment().filter(|moment| *moment > Instant::now()) {
            sleep_until(moment).await;
        }
    }

    fn moment(&self) -> Option<Instant> {
        *self.locked()
    }

    fn later(&self, wait: Duration) {
        let mut moment = self.locked();
        *moment = (*moment).max(Some(Instant::now() + wait));
    }

    fn locked(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who waits until it is sent again.
enum Wait {
    /// This request alone.
    This,
    /// All that goes to this API server.
    Everybody(Duration),
}

/// Whether an answer says that the request may be taken a moment later.
async fn not_now(response: Answer, is_apply: bool) -> Result<(Answer, Option<Wait>), BoxError> {
    match response.status() {
        StatusCode::TOO_MANY_REQUESTS => {
            let wait = retry_after(&response).unwrap_or(LONGEST_PAUSE);
            Ok((response, Some(Wait::Everybody(wait))))
        }
        StatusCode::FORBIDDEN | StatusCode::CONFLICT => {
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await?.to_bytes();
            let status: Option<Status> = serde_json::from_slice(&bytes).ok();
            let passes = status.is_some_and(|status| passes(&status, is_apply));
            let body = Full::new(bytes).map_err(|never| match never {});
            let response = Response::from_parts(parts, body.boxed_unsync());
            Ok((response, passes.then_some(Wait::This)))
        }
        _ => Ok((response, None)),
    }
}

fn passes(status: &Status, is_apply: bool) -> bool {
    if is_uncounted(status) {
        return true;
    }
    let details = status.details.as_ref();
    let of_quota = details.is_some_and(|details| details.kind == "resourcequotas");
    // Fields that are somebody else's stand in the causes: they stay so.
    let raced = details.is_none_or(|details| details.causes.is_empty());
    status.code == 409 && (of_quota || is_apply && raced)
}

/// Whether a quota is new and its admission does not know yet what of it is used. The API server has no reason or cause
/// for it, only these words (`k8s.io/apiserver/pkg/admission/plugin/resourcequota`).
pub(super) fn is_uncounted(status: &Status) -> bool {
    status.code == 403 && status.message.contains("status unknown for quota")
}

/// A server-side apply that names no version is not wrong because somebody else was faster.
fn is_apply(request: &Request<Body>) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/apply-patch"))
}

/// Whether an apply says which object, or which version of it, it is about.
async fn names_version(body: Body) -> bool {
    let Ok(body) = body.collect().await else {
        return false;
    };
    let object: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
    let metadata = &object["metadata"];
    !metadata["uid"].is_null() || !metadata["resourceVersion"].is_null()
}

/// What the server asks for, in seconds: a date is not what API servers send.
fn retry_after(response: &Answer) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    value.parse().ok().map(Duration::from_secs)
}

/// The same request once more; `None` where its body cannot be sent twice.
fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;
    use tower::service_fn;
    use tower::util::BoxCloneSyncService;

    use super::*;

    /// A status code, `Retry-After`, and the API server's words.
    type Planned = (u16, Option<&'static str>, Value);

    /// A server that gives these answers one after the other, the last one for ever; and how often it was asked.
    #[derive(Clone)]
    struct Server {
        client: BoxCloneSyncService<Request<Body>, Answer, BoxError>,
        asked: Arc<AtomicUsize>,
    }

    fn server(answers: Vec<Planned>) -> Server {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let service = service_fn(move |_: Request<Body>| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            let (code, retry_after, status) = answers[number.min(answers.len() - 1)].clone();
            async move {
                let mut response = Response::builder().status(code);
                if let Some(seconds) = retry_after {
                    response = response.header(RETRY_AFTER, seconds);
                }
                Ok(response.body(Full::new(Bytes::from(status.to_string())))?)
            }
        });
        let client = BoxCloneSyncService::new(RetryLayer::default().layer(service));
        Server { client, asked }
    }

    impl Server {
        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }

        async fn send(&self, content_type: &str) -> (u16, String) {
            self.send_body(content_type, "{}").await
        }

        async fn send_body(&self, content_type: &str, body: &str) -> (u16, String) {
            let request = Request::patch("/api/v1/namespaces/shop/secrets/x")
                .header(CONTENT_TYPE, content_type)
                .body(Body::from(body.as_bytes().to_vec()))
                .unwrap();
            let response = self.client.clone().call(request).await.unwrap();
            let code = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (code, String::from_utf8(body.to_vec()).unwrap())
        }
    }

    const APPLY: &str = "application/apply-patch+yaml";
    const MERGE: &str = "application/merge-patch+json";

    fn taken() -> Planned {
        (200, None, json!({"kind": "Secret"}))
    }

    fn refused(code: u16, message: &str, details: Value) -> Planned {
        let status = json!({"kind": "Status", "status": "Failure", "code": code, "message": message, "details": details});
        (code, None, status)
    }

    fn uncounted() -> Planned {
        let message = "secrets \"x\" is forbidden: status unknown for quota: chandlery-quota, resources: secrets";
        refused(403, message, json!({"kind": "secrets", "name": "x"}))
    }

    fn changed(kind: &str, causes: Value) -> Planned {
        let message = "Operation cannot be fulfilled: the object has been modified";
        refused(
            409,
            message,
            json!({"kind": kind, "name": "x", "causes": causes}),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_new_quota_refuses_is_sent_again_until_it_is_counted() {
        let server = server(vec![uncounted(), uncounted(), taken()]);
        for content_type in [MERGE, APPLY] {
            assert_eq!(server.send(content_type).await.0, 200);
        }
        assert_eq!(server.asked(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn what_lasts_is_told_in_the_servers_words() {
        let server = server(vec![uncounted()]);
        let began = Instant::now();
        let (code, words) = server.send(MERGE).await;
        assert_eq!(code, 403);
        assert!(words.contains("status unknown for quota: chandlery-quota"));
        assert!(began.elapsed() > LONGEST / 2 && began.elapsed() <= LONGEST);
        assert!(server.asked() < 40, "{}", server.asked());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_with_too_many_requests_gets_no_other_before_the_time_it_asks_for() {
        let busy = (429, Some("3"), json!({"kind": "Status", "code": 429}));
        let server = server(vec![busy, taken()]);
        let began = Instant::now();
        let first = tokio::spawn({
            let server = server.clone();
            async move { server.send(MERGE).await.0 }
        });
        sleep(Duration::from_secs(1)).await;
        assert_eq!(server.asked(), 1);
        let second = server.send(APPLY).await.0;
        assert!(
            began.elapsed() >= Duration::from_secs(3),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(
            (first.await.unwrap(), second, server.asked()),
            (200, 200, 3)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_asks_for_more_time_than_there_is_is_not_waited_for() {
        let server = server(vec![(429, Some("60"), json!({"code": 429}))]);
        let began = Instant::now();
        assert_eq!(server.send(APPLY).await.0, 429);
        assert_eq!((server.asked(), began.elapsed()), (1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_asks_for_years_keeps_others_no_longer_than_any_request() {
        let busy = (429, Some("18446744073709551615"), json!({"code": 429}));
        let server = server(vec![busy, taken()]);
        let began = Instant::now();
        assert_eq!(server.send(APPLY).await.0, 429);
        assert_eq!(server.send(APPLY).await.0, 200);
        assert_eq!((server.asked(), began.elapsed()), (2, LONGEST));
    }

    #[tokio::test(start_paused = true)]
    async fn an_apply_that_somebody_else_was_faster_than_is_sent_again_and_a_merge_is_not() {
        let causes =
            json!([{"reason": "FieldManagerConflict", "message": "conflict", "field": ".data"}]);
        for (answer, content_type, again) in [
            (changed("secrets", json!([])), APPLY, true),
            (changed("resourcequotas", json!([])), MERGE, true),
            // It names the version that it is about.
            (changed("secrets", json!([])), MERGE, false),
            (changed("secrets", causes), APPLY, false),
            (
                refused(
                    403,
                    "is forbidden: exceeded quota: x",
                    json!({"kind": "secrets"}),
                ),
                APPLY,
                false,
            ),
        ] {
            let server = server(vec![answer, taken()]);
            let (code, words) = server.send(content_type).await;
            assert_eq!(
                (code == 200, server.asked() == 2),
                (again, again),
                "{words}"
            );
        }
    }
    /// What is there then has to be looked at.
    #[tokio::test(start_paused = true)]
    async fn an_apply_that_names_the_version_it_is_about_is_told_at_once_that_it_is_another() {
        for metadata in [json!({"resourceVersion": "7"}), json!({"uid": "u"})] {
            let server = server(vec![changed("secrets", json!([])), taken()]);
            let body = json!({"metadata": metadata}).to_string();
            assert_eq!(server.send_body(APPLY, &body).await.0, 409);
            assert_eq!(server.asked(), 1);
        }
    }
}
