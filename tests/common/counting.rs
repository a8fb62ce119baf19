//! A door to the API server that counts what goes through it, and may hold writes up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, TRANSFER_ENCODING};
use axum::http::{Method, Request, Uri};
use axum::response::Response;
use http_body_util::BodyExt;
use kube::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// One request that came through.
#[derive(Clone, Debug)]
pub struct Asked {
    pub request: Request<Bytes>,
    /// What the API server said.
    pub status: u16,
    /// How many writes were under way when it came, itself among them.
    #[allow(dead_code)]
    pub beside: usize,
}

impl Asked {
    pub fn is_write(&self) -> bool {
        !matches!(*self.request.method(), Method::GET)
    }

    /// With its query.
    pub fn path(&self) -> String {
        self.request.uri().to_string()
    }
}

/// The door.
#[derive(Clone)]
pub struct Door {
    client: Client,
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    under_way: Arc<Mutex<usize>>,
    holds: Duration,
    /// After so many writes one gets lost: the API server does not see it, and who asked is told that it came to no end.
    pub loses: Arc<Mutex<Option<usize>>>,
    /// What every pod has written: nobody runs simulated ones.
    pub log: Arc<Mutex<Option<String>>>,
}

impl Door {
    /// One to the cluster of this client; each write takes so much longer.
    pub async fn open(client: Client, holds: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = Self {
            client,
            url: format!("http://{}", listener.local_addr().unwrap()),
            asked: Arc::default(),
            under_way: Arc::default(),
            holds,
            loses: Arc::default(),
            log: Arc::default(),
        };
        let routes = Router::new().fallback(pass).with_state(door.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        door
    }

    pub fn kubeconfig(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "c", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        })
    }

    /// What was asked since the last time, in the order in which it was answered; watches and what finds out about the
    /// cluster left out.
    pub fn asked(&self) -> Vec<Asked> {
        let mut asked = std::mem::take(&mut *self.asked.lock().unwrap());
        let of_cluster = ["/api", "/apis", "/version"];
        asked.retain(|asked| {
            !asked.path().contains("watch=true")
                && !of_cluster.contains(&asked.request.uri().path())
        });
        asked
    }
}

impl Door {
    fn is_lost(&self, request: &Request<Bytes>) -> bool {
        let asks = request.uri().path().contains("selfsubject");
        if asks || *request.method() == Method::GET {
            return false;
        }
        let mut loses = self.loses.lock().unwrap();
        let is_lost = *loses == Some(0);
        *loses = loses.and_then(|after| after.checked_sub(1));
        is_lost
    }
}

/// What an API server answers that has given up.
fn lost() -> Response<kube::client::Body> {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "Timeout", "code": 504,
        "message": "Timeout: request did not complete within requested timeout",
    });
    let answer = Response::builder().status(504);
    let answer = answer.header(CONTENT_TYPE, "application/json");
    answer
        .body(kube::client::Body::from(
            serde_json::to_vec(&status).unwrap(),
        ))
        .unwrap()
}

async fn pass(
    State(door): State<Door>,
    method: Method,
    uri: Uri,
    headers: axum::http::HeaderMap,
    body: Bytes,
) -> Response {
    let mut request = Request::builder().method(method.clone()).uri(uri);
    for name in [ACCEPT, CONTENT_TYPE] {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    let is_patch = method == Method::PATCH;
    let beside = {
        let mut under_way = door.under_way.lock().unwrap();
        *under_way += usize::from(is_patch);
        *under_way
    };
    let request = request.body(body).unwrap();
    let whole = request
        .clone()
        .map(|body| kube::client::Body::from(body.to_vec()));
    let log = door.log.lock().unwrap().clone();
    let log = log.filter(|_| request.uri().path().ends_with("/log"));
    let answer = match (log, door.is_lost(&request)) {
        (Some(log), _) => Response::new(kube::client::Body::from(log.into_bytes())),
        (None, true) => lost(),
        (None, false) => door.client.send(whole).await.unwrap(),
    };
    if is_patch {
        tokio::time::sleep(door.holds).await;
        *door.under_way.lock().unwrap() -= 1;
    }
    door.asked.lock().unwrap().push(Asked {
        request,
        status: answer.status().as_u16(),
        beside,
    });
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove(TRANSFER_ENCODING);
    Response::from_parts(parts, Body::new(body.map_err(axum::Error::new)))
}
