//! Until when a cluster may be called: a job's lease, which is renewed as long as the job is ours.

use std::time::Duration;

use http::{Method, Request, Uri};
use kube::client::Body;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How long before its lease ends a job makes no call any more. So long the API server may work at a write that it has read:
/// what began in time is over before somebody else may have the job.
pub const MARGIN: Duration = Duration::from_secs(10);

/// Has the API server give a write up after [`MARGIN`], whatever keeps it from ending it: it then answers 504, and nothing is
/// written. Its own limit is 60 s (`--request-timeout`).
pub(super) fn limit(mut request: Request<Body>) -> Request<Body> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return request;
    }
    let mut parts = request.uri().clone().into_parts();
    let path = request.uri().path();
    let query = match request.uri().query() {
        Some(query) if !query.is_empty() => format!("{query}&"),
        _ => String::new(),
    };
    let limited = format!("{path}?{query}timeout={}s", MARGIN.as_secs());
    parts.path_and_query = limited.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}

/// A moment that may be moved. Calls of a [`Cluster`](super::Cluster) behind it end there, and none begins later.
#[derive(Clone, Debug)]
pub struct Fence(watch::Receiver<Option<Instant>>);

impl Fence {
    /// A fence, and what moves it; none stands anywhere yet.
    pub fn new() -> (watch::Sender<Option<Instant>>, Self) {
        let (moves, fence) = watch::channel(None);
        (moves, Self(fence))
    }

    /// The fence that somebody moves.
    pub fn of(moves: &watch::Sender<Option<Instant>>) -> Self {
        Self(moves.subscribe())
    }

    /// Waits until the moment is there.
    pub async fn passed(&self) {
        let mut moments = self.0.clone();
        loop {
            let moment = *moments.borrow_and_update();
            let passed = async {
                match moment {
                    Some(moment) => sleep_until(moment).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                moved = moments.changed() => {
                    if moved.is_err() {
                        // Nobody moves it any more.
                        return match moment {
                            Some(moment) => sleep_until(moment).await,
                            None => std::future::pending().await,
                        };
                    }
                }
                () = passed => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_server_gives_a_write_up_before_the_lease_ends_and_reads_as_before() {
        let limited = |method: &str, uri: &str| {
            let request = Request::builder().method(method).uri(uri);
            limit(request.body(Body::empty()).unwrap())
                .uri()
                .to_string()
        };
        let server = "https://10.0.0.1:6443/api/v1/namespaces/shop";
        let patch = format!("{server}?&force=true");
        assert_eq!(limited("PATCH", &patch), format!("{patch}&timeout=10s"));
        for method in ["POST", "PUT", "DELETE"] {
            assert_eq!(limited(method, server), format!("{server}?timeout=10s"));
        }
        assert_eq!(limited("GET", server), server);
    }
}
