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
    pub method: Method,
    /// With its query.
    pub path: String,
    /// What the API server said.
    pub status: u16,
    /// How many writes were under way when it came, itself among them.
    #[allow(dead_code)]
    pub beside: usize,
}

impl Asked {
    pub fn is_write(&self) -> bool {
        !matches!(self.method, Method::GET)
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
            !asked.path.contains("watch=true")
                && !of_cluster.contains(&asked.path.split('?').next().unwrap())
        });
        asked
    }
}

async fn pass(
    State(door): State<Door>,
    method: Method,
    uri: Uri,
    headers: axum::http::HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path_and_query().unwrap().to_string();
    let mut request = Request::builder().method(method.clone()).uri(&path);
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
    let request = request
        .body(kube::client::Body::from(body.to_vec()))
        .unwrap();
    let answer = door.client.send(request).await.unwrap();
    if is_patch {
        tokio::time::sleep(door.holds).await;
        *door.under_way.lock().unwrap() -= 1;
    }
    door.asked.lock().unwrap().push(Asked {
        method,
        path,
        status: answer.status().as_u16(),
        beside,
    });
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove(TRANSFER_ENCODING);
    Response::from_parts(parts, Body::new(body.map_err(axum::Error::new)))
}
