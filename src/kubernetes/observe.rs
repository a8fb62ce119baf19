//! What a cluster shows of an app at one moment, and nothing is changed by looking.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::core::ObjectMeta;
use serde_json::Value;

use super::ingress::{self, Ingress};
use super::{App, inventory, namespace, owned, scale, wait};
use crate::code::Code;
use crate::object::ObjectRef;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// How an app is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All of it is there, and ready.
    Running,
    /// Something is not ready, or gone; the message says what.
    Degraded,
    /// All its workloads are scaled to 0 or were otherwise stopped; one without workloads was told to stop.
    Stopped,
    /// Nothing of the app is in the cluster.
    Missing,
}

/// An app as the cluster shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    pub state: State,
    /// What is not ready and why; empty when all is.
    pub message: Sentence,
    pub ingress: Ingress,
    /// Each of its objects, by kind and name.
    pub objects: Vec<ObjectSeen>,
    /// When it was looked at.
    pub seen_at: Timestamp,
}

/// One object of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectSeen {
    pub object: ObjectRef,
    pub health: Health,
    /// `None` where it is not there.
    pub created_at: Option<Timestamp>,
    /// Of what its pods are made: the image of each container, in their order.
    pub images: Vec<String>,
    /// Why it is not ready, from itself, its pods and their events; empty when it is.
    pub message: Sentence,
}

/// How an object is, in the words of `kstatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// As its manifest says.
    Current,
    /// On the way, or not ready and may become so by itself.
    InProgress,
    /// It stays as it is until somebody changes something.
    Failed,
    /// It is being deleted.
    Terminating,
    /// It was there, and is not any more.
    NotFound,
}

impl ObjectSeen {
    fn gone(object: ObjectRef) -> Self {
        Self {
            object,
            health: Health::NotFound,
            created_at: None,
            images: Vec::new(),
            message: wait::gone(),
        }
    }

    fn there(object: ObjectRef, value: &Value, not_ready: Option<&wait::NotReady>) -> Self {
        let metadata = &value["metadata"];
        let created_at = metadata["creationTimestamp"].as_str();
        Self {
            object,
            health: match not_ready {
                None => Health::Current,
                Some(_) if metadata["deletionTimestamp"].is_string() => Health::Terminating,
                Some(not_ready) if not_ready.permanent => Health::Failed,
                Some(_) => Health::InProgress,
            },
            created_at: created_at.and_then(|time| time.parse().ok()),
            images: images(value),
            message: not_ready.map_or(Sentence::default(), |not_ready| not_ready.message.clone()),
        }
    }
}

/// The kinds that are looked for by the app's labels, whatever its inventory says.
const LOOKED_AT: [(&str, &str); 9] = [
    ("networking.k8s.io/v1", "Ingress"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("v1", "Pod"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Service"),
];
/// The kinds that make pods.
const WORKLOADS: [&str; 6] = [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "CronJob",
    "Job",
    "Pod",
];
/// At most this many objects are named in a message.
const NAMED: usize = 3;

/// Looks at an app. A namespace that is not the app's is a problem, one that does not exist is [`State::Missing`].
pub async fn observe(app: &App) -> Result<Observation, Problem> {
    let seen_at = Timestamp::now();
    let missing = |message: Sentence| Observation {
        state: State::Missing,
        message,
        ingress: Ingress::none(),
        objects: Vec::new(),
        seen_at,
    };
    match namespace::read(app).await {
        Ok(Some(namespace)) => {
            let objects = owned::objects(app, &LOOKED_AT).await?;
            judge(app, namespace.metadata, objects, seen_at).await
        }
        Ok(None) => Ok(missing(sentence!(
            "The namespace {namespace} is not in the cluster",
            namespace = &app.namespace
        ))),
        Err(problem) if problem.code == Code::NamespaceTerminating => Ok(missing(sentence!(
            "The namespace {namespace} is still being deleted",
            namespace = &app.namespace
        ))),
        Err(problem) => Err(problem),
    }
}

/// The same from what the cluster's watches have told, where they do. Only of kinds that are not watched, and of the
/// reason why something is not ready, the cluster is asked.
pub async fn recall(app: &App) -> Result<Observation, Problem> {
    match app.cluster.memory.app(app) {
        Some((namespace, objects)) => judge(app, namespace, objects, Timestamp::now()).await,
        None => observe(app).await,
    }
}

/// How an app is whose namespace and labelled objects are these.
async fn judge(
    app: &App,
    namespace: ObjectMeta,
    mut objects: Vec<Value>,
    seen_at: Timestamp,
) -> Result<Observation, Problem> {
    let annotations = namespace.annotations.unwrap_or_default();
    let App {
        cluster, namespace, ..
    } = app;
    let mut inventory = inventory::of(&annotations);
    let runs = inventory.is_empty() || inventory.iter().any(runs);
    inventory.retain(|known| {
        let mut listed = objects.iter().map(owned::reference);
        !listed.any(|listed| listed.is_same_object(known))
    });
    let (others, mut gone) = inventory::look(cluster, &inventory).await?;
    objects.extend(others);
    // One that is over may be removed by Kubernetes itself.
    gone.retain(|gone| gone.kind != "Job");
    let ingress = ingress::of(&objects);
    let workloads: Vec<&Value> = objects
        .iter()
        .filter(|object| WORKLOADS.contains(&object["kind"].as_str().unwrap_or_default()))
        .collect();
    let nothing = match runs {
        true => workloads.is_empty() && ingress.state == ingress::IngressState::None,
        false => objects.is_empty() && !gone.is_empty(),
    };
    if nothing {
        let there = |object| ObjectSeen::there(owned::reference(object), object, None);
        let seen = gone.into_iter().map(ObjectSeen::gone);
        let seen = seen.chain(objects.iter().map(there)).collect();
        return Ok(Observation {
            state: State::Missing,
            message: match runs {
                true => sentence!(
                    "Nothing of the app runs in the namespace {namespace}",
                    namespace
                ),
                false => sentence!(
                    "Nothing of the app is in the namespace {namespace}",
                    namespace
                ),
            },
            ingress,
            objects: in_order(seen),
            seen_at,
        });
    }
    let stopped = match workloads.is_empty() {
        true => annotations.contains_key(scale::STOPPED),
        false => is_stopped(&workloads),
    };
    // A stop deletes pods that nothing can stop.
    gone.retain(|gone| !(stopped && gone.kind == "Pod"));
    let mut seen: Vec<ObjectSeen> = gone.iter().cloned().map(ObjectSeen::gone).collect();
    let mut missing = match stopped {
        true => Vec::new(),
        false => nothing_behind(&objects),
    };
    missing.extend(gone.iter().map(|gone| wait::named(gone, wait::gone())));
    for object in &objects {
        let reference = owned::reference(object);
        // Volumes that wait for their first pod do so for good while the app is stopped.
        let not_ready = match stopped && object["kind"] == "PersistentVolumeClaim" {
            true => None,
            false => wait::explain(cluster, &reference, object).await,
        };
        missing.extend(not_ready.as_ref().map(wait::NotReady::sentence));
        seen.push(ObjectSeen::there(reference, object, not_ready.as_ref()));
    }
    let state = match (missing.is_empty(), stopped) {
        (true, true) => State::Stopped,
        (true, false) => State::Running,
        (false, _) => State::Degraded,
    };
    let more = missing.len().saturating_sub(NAMED);
    missing.truncate(NAMED);
    if more > 0 {
        missing.push(sentence!("and {number} more", number = more));
    }
    let message = Sentence::joined("; ", missing);
    Ok(Observation {
        state,
        message,
        ingress,
        objects: in_order(seen),
        seen_at,
    })
}

/// The images of a workload's containers. Those of a pod are as its node tells them: of its specification nothing is kept.
fn images(object: &Value) -> Vec<String> {
    let containers = match object["kind"].as_str() {
        Some("CronJob") => "/spec/jobTemplate/spec/template/spec/containers",
        Some("Pod") => "/status/containerStatuses",
        _ => "/spec/template/spec/containers",
    };
    let containers = object.pointer(containers).and_then(Value::as_array);
    let containers = containers.into_iter().flatten();
    containers
        .filter_map(|container| container["image"].as_str().map(str::to_owned))
        .collect()
}

/// By kind and name, however they were found: so that what is the same is told once.
fn in_order(mut objects: Vec<ObjectSeen>) -> Vec<ObjectSeen> {
    objects.sort_by(|one, other| {
        let key = |seen: &ObjectSeen| (seen.object.kind.clone(), seen.object.name.clone());
        key(one).cmp(&key(other))
    });
    objects
}

/// Whether the app is not there without this object, or another one of these kinds.
fn runs(object: &ObjectRef) -> bool {
    object.kind != "Job" && WORKLOADS.contains(&object.kind.as_str()) || object.kind == "Ingress"
}

/// Whether something of the app would run, and nothing does.
fn is_stopped(workloads: &[&Value]) -> bool {
    let resting = |workload: &Value| match workload["kind"].as_str() {
        Some("Deployment" | "StatefulSet") => workload["spec"]["replicas"] == 0,
        Some("CronJob") => workload["spec"]["suspend"] == true,
        // A Job that is over was never what makes the app run.
        Some("Job") => true,
        _ => scale::was_stopped(workload),
    };
    let counts = |workload: &&&Value| workload["kind"] != "Job";
    workloads.iter().any(|workload| counts(&workload))
        && workloads.iter().all(|workload| resting(workload))
}

/// What an ingress leads to that is scaled to 0, though the rest of the app runs: it answers nobody.
fn nothing_behind(objects: &[Value]) -> Vec<Sentence> {
    let of_kind = |kind: &'static str| objects.iter().filter(move |object| object["kind"] == kind);
    let services: BTreeSet<&str> = of_kind("Ingress").flat_map(backends).collect();
    let mut resting = Vec::new();
    for service in of_kind("Service") {
        let name = service["metadata"]["name"].as_str().unwrap_or_default();
        let Some(selector) = service["spec"]["selector"].as_object() else {
            continue;
        };
        if !services.contains(name) || selector.is_empty() {
            continue;
        }
        let labels = |object: &Value| object["spec"]["template"]["metadata"]["labels"].clone();
        let behind: Vec<&Value> = objects
            .iter()
            .filter(|object| {
                let labels = labels(object);
                object["spec"]["selector"].is_object()
                    && selector.iter().all(|(key, value)| labels[key] == *value)
            })
            .collect();
        let rests = |object: &&Value| object["spec"]["replicas"] == 0 || scale::was_stopped(object);
        if !behind.is_empty() && behind.iter().all(rests) {
            let names: Vec<String> = behind
                .iter()
                .map(|object| owned::reference(object).to_string())
                .collect();
            resting.push(sentence!(
                "nothing runs behind the ingress: {workloads} (Service {name}) is scaled to 0",
                workloads = names.join(", "),
                name
            ));
        }
    }
    resting
}

/// The names of the Services that an Ingress leads to.
fn backends(ingress: &Value) -> Vec<&str> {
    let rules = ingress["spec"]["rules"].as_array();
    let paths = rules
        .into_iter()
        .flatten()
        .flat_map(|rule| rule["http"]["paths"].as_array().into_iter().flatten());
    paths
        .map(|path| &path["backend"])
        .chain([&ingress["spec"]["defaultBackend"]])
        .filter_map(|backend| backend["service"]["name"].as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_app_is_stopped_when_all_that_would_run_is_kept_from_it() {
        let stopped = |workloads: &[Value]| is_stopped(&workloads.iter().collect::<Vec<_>>());
        let down = json!({"kind": "Deployment", "spec": {"replicas": 0}});
        let up = json!({"kind": "StatefulSet", "spec": {"replicas": 1}});
        let over = json!({"kind": "Job"});
        let daemons = json!({"kind": "DaemonSet", "spec": {"template": {"spec": {}}}});
        let resting = json!({"kind": "DaemonSet", "spec": {"template": {"spec": {"nodeSelector": {scale::STOPPED: "true"}}}}});
        let timer = json!({"kind": "CronJob", "metadata": {}, "spec": {"suspend": false}});
        let no_timer = json!({"kind": "CronJob", "metadata": {"annotations": {scale::STOPPED: "true"}}, "spec": {"suspend": true}});
        assert!(stopped(&[
            down.clone(),
            resting.clone(),
            no_timer.clone(),
            over.clone()
        ]));
        assert!(stopped(&[no_timer]));
        for running in [&up, &daemons, &timer] {
            assert!(!stopped(&[down.clone(), running.clone()]), "{running}");
        }
        assert!(!stopped(&[over]), "nothing was there to stop");
    }

    #[test]
    fn an_ingress_that_leads_to_what_is_scaled_to_0_is_named() {
        let workload = |name: &str, replicas: i64| {
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
                "replicas": replicas, "selector": {}, "template": {"metadata": {"labels": {"app": name, "tier": "x"}}},
            }})
        };
        let service = |name: &str| json!({"kind": "Service", "metadata": {"name": name}, "spec": {"selector": {"app": name}}});
        let ingress = json!({"kind": "Ingress", "spec": {"rules": [
            {"http": {"paths": [{"backend": {"service": {"name": "odoo"}}}]}},
        ]}});
        let objects = |odoo, postgres| {
            [
                ingress.clone(),
                service("odoo"),
                service("postgres"),
                workload("odoo", odoo),
                workload("postgres", postgres),
            ]
        };
        assert_eq!(nothing_behind(&objects(1, 1)), Vec::<Sentence>::new());
        assert_eq!(
            nothing_behind(&objects(1, 0)),
            Vec::<Sentence>::new(),
            "no ingress leads there"
        );
        assert_eq!(
            nothing_behind(&objects(0, 1)),
            ["nothing runs behind the ingress: Deployment/odoo (Service odoo) is scaled to 0"]
        );
    }
}
