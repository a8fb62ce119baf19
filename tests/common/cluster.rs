//! A double of an API server with many apps at rest: it answers what a worker asks, and counts it.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The cluster.
#[derive(Clone)]
pub struct ClusterDouble {
    apps: usize,
    database: String,
    /// Whether the worker may watch more than namespaces.
    may_watch: bool,
    /// Method and path of each request, with its query.
    requests: Arc<Mutex<Vec<String>>>,
    url: String,
}

impl ClusterDouble {
    /// One with so many apps of an Odoo database.
    pub async fn start(apps: usize, database: &str, may_watch: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let double = Self {
            apps,
            may_watch,
            database: database.to_owned(),
            requests: Arc::default(),
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let routes = Router::new().fallback(answer).with_state(double.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        double
    }

    pub fn kubeconfig(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "c", "user": {"token": "t"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        })
    }

    /// What was asked since the last time.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }

    /// The objects of one kind, as a watch tells them.
    fn objects(&self, plural: &str) -> Vec<Value> {
        (0..self.apps)
            .filter_map(|app| self.object(plural, app))
            .collect()
    }

    fn object(&self, plural: &str, app: usize) -> Option<Value> {
        let namespace = format!("shop-{app}");
        let inventory =
            format!("v1 ConfigMap {namespace}/settings\napps/v1 Deployment {namespace}/web");
        let of = |api_version: &str, kind: &str, name: &str, fields: Value| {
            let mut object = json!({
                "apiVersion": api_version, "kind": kind,
                "metadata": {
                    "name": name, "uid": format!("{kind}-{app}"), "resourceVersion": "7", "generation": 1,
                    "creationTimestamp": "2026-11-29T16:00:00Z",
                    "labels": {
                        "app.kubernetes.io/managed-by": "chandlery", "chandlery.dev/instance": self.database,
                        "chandlery.dev/uid": format!("{app:032x}"), "chandlery.dev/app": app.to_string(),
                    },
                },
            });
            match kind {
                "Namespace" => {
                    object["metadata"]["annotations"] =
                        json!({"chandlery.dev/inventory": inventory})
                }
                _ => object["metadata"]["namespace"] = namespace.as_str().into(),
            }
            let whole = object.as_object_mut().unwrap();
            whole.extend(fields.as_object().unwrap().clone());
            Some(object)
        };
        match plural {
            "namespaces" => of("v1", "Namespace", &namespace, json!({})),
            "deployments" => of(
                "apps/v1",
                "Deployment",
                "web",
                json!({
                    "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {
                        "metadata": {"labels": {"app": "web"}},
                        "spec": {"containers": [{"name": "web", "image": "web:1", "env": [{"name": "A", "value": "B"}]}]},
                    }},
                    "status": {
                        "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
                        "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}],
                    },
                }),
            ),
            "services" => of(
                "v1",
                "Service",
                "web",
                json!({
                    "spec": {"clusterIP": "10.0.0.1", "selector": {"app": "web"}, "ports": [{"port": 80}]},
                    "status": {"loadBalancer": {}},
                }),
            ),
            "ingresses" => of(
                "networking.k8s.io/v1",
                "Ingress",
                "web",
                json!({
                    "spec": {"rules": [{"host": format!("{namespace}.example.com")}]},
                    "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
                }),
            ),
            _ => None,
        }
    }
}

async fn answer(
    State(double): State<ClusterDouble>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    double
        .requests
        .lock()
        .unwrap()
        .push(format!("{method} {uri}"));
    let path = uri.path();
    let plural = path.rsplit('/').next().unwrap_or_default();
    if uri
        .query()
        .is_some_and(|query| query.contains("watch=true"))
    {
        return watched(double.objects(plural));
    }
    match path {
        "/version" => told(&json!({
            "major": "1", "minor": "35", "gitVersion": "v1.35.4", "gitCommit": "", "gitTreeState": "", "buildDate": "",
            "goVersion": "", "compiler": "", "platform": "",
        })),
        "/api" => told(&discovery(|group| group.is_empty())),
        "/apis" => told(&discovery(|group| !group.is_empty())),
        _ if path.ends_with("/selfsubjectaccessreviews") => {
            let mut review: Value = serde_json::from_slice(&body).unwrap();
            let namespace = review["spec"]["resourceAttributes"]["namespace"].as_str();
            let allowed = double.may_watch || namespace.is_some_and(|name| !name.is_empty());
            review["status"] = json!({"allowed": allowed});
            told(&review)
        }
        "/api/v1/namespaces" => told(&list(double.objects(plural))),
        _ if path.ends_with("/configmaps/settings") => told(&json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "settings"},
        })),
        _ => match path.split_once("/namespaces/shop-") {
            Some((_, rest)) => match rest.split_once('/') {
                Some((app, plural)) => told(&list(
                    double
                        .object(plural, app.parse().unwrap())
                        .into_iter()
                        .collect(),
                )),
                None => told(&double.object("namespaces", rest.parse().unwrap()).unwrap()),
            },
            None => panic!("{method} {uri}"),
        },
    }
}

const KINDS: [(&str, &str, &str); 10] = [
    ("", "configmaps", "ConfigMap"),
    ("", "pods", "Pod"),
    ("", "persistentvolumeclaims", "PersistentVolumeClaim"),
    ("", "services", "Service"),
    ("apps", "deployments", "Deployment"),
    ("apps", "statefulsets", "StatefulSet"),
    ("apps", "daemonsets", "DaemonSet"),
    ("batch", "cronjobs", "CronJob"),
    ("batch", "jobs", "Job"),
    ("networking.k8s.io", "ingresses", "Ingress"),
];

fn discovery(of: impl Fn(&str) -> bool) -> Value {
    let groups: BTreeSet<&str> = KINDS.iter().map(|(group, ..)| *group).collect();
    let items = groups.into_iter().filter(|group| of(group)).map(|group| {
        let kinds = KINDS.iter().filter(|kind| kind.0 == group);
        let resources = kinds.map(|(group, plural, kind)| {
            json!({
                "resource": plural, "responseKind": {"group": group, "version": "v1", "kind": kind},
                "scope": "Namespaced", "singularResource": "", "verbs": ["get", "list", "watch"],
            })
        });
        let resources: Vec<Value> = resources.collect();
        json!({"metadata": {"name": group}, "versions": [{"version": "v1", "freshness": "Current", "resources": resources}]})
    });
    let items: Vec<Value> = items.collect();
    json!({"apiVersion": "apidiscovery.k8s.io/v2", "kind": "APIGroupDiscoveryList", "metadata": {}, "items": items})
}

fn list(items: Vec<Value>) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "9"}, "items": items})
}

fn told(answer: &Value) -> Response {
    answer.to_string().into_response()
}

/// All objects, then a mark, then nothing more for as long as somebody listens.
fn watched(objects: Vec<Value>) -> Response {
    let mark = json!({"type": "BOOKMARK", "object": {
        "apiVersion": "v1", "kind": "x",
        "metadata": {"resourceVersion": "9", "annotations": {"k8s.io/initial-events-end": "true"}},
    }});
    let events = objects
        .into_iter()
        .map(|object| json!({"type": "ADDED", "object": object}))
        .chain([mark]);
    let lines: Vec<_> = events
        .map(|event| Ok::<_, Infallible>(Bytes::from(format!("{event}\n"))))
        .collect();
    Body::from_stream(stream::iter(lines).chain(stream::pending())).into_response()
}
