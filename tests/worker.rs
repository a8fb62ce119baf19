//! The program itself between a double of Odoo and a real API server (KUBECONFIG): killed, told to end, told twice.

mod common;
#[path = "common/counting.rs"]
mod counting;
#[path = "common/cluster.rs"]
mod double;

use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{App, DATABASE};
use counting::{Asked, Door};
use double::ClusterDouble;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::sync::watch;
use wiremock::matchers::path_regex;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

const KEY: &str = "0123456789abcdef";
/// Long enough for a busy machine, never waited for in full.
const PATIENCE: Duration = Duration::from_secs(300);

/// A queue of one app behind the three calls: one job at a time, with lease and token as Odoo has them.
#[derive(Clone)]
struct Odoo(
    Arc<Mutex<Queue>>,
    watch::Sender<Vec<Value>>,
    /// Apps as they were observed.
    watch::Sender<Vec<Value>>,
    /// How many times it was told of all namespaces.
    watch::Sender<u32>,
    /// All that it was told by `observe`.
    watch::Sender<Vec<Value>>,
);

#[derive(Default)]
struct Queue {
    pending: Vec<Value>,
    claims: u32,
    /// For how long after its claim one process observes alone; `None`: whoever wants.
    alone: Option<Duration>,
    observer: Option<(Value, Instant)>,
    /// The processes that have claimed.
    processes: Vec<Value>,
}

impl Queue {
    /// What a process that claims is to observe.
    fn observe(&mut self, process: &Value) -> Value {
        let Some(alone) = self.alone else {
            return Value::Null;
        };
        let now = Instant::now();
        let other = self.observer.as_ref();
        let held = other.is_some_and(|(other, until)| other != process && now < *until);
        let ours: &[&str] = match held {
            true => &[],
            false => {
                self.observer = Some((process.clone(), now + alone));
                &["demo"]
            }
        };
        json!({"clusters": ours, "seconds": alone.as_secs()})
    }
}

impl Odoo {
    async fn start(jobs: Vec<Value>) -> (Self, MockServer) {
        let queue = Queue {
            pending: jobs,
            ..Queue::default()
        };
        let odoo = Self(
            Arc::new(Mutex::new(queue)),
            watch::channel(Vec::new()).0,
            watch::channel(Vec::new()).0,
            watch::channel(0).0,
            watch::channel(Vec::new()).0,
        );
        let server = MockServer::start().await;
        Mock::given(path_regex("^/kubernetes_hosting/worker/"))
            .respond_with(odoo.clone())
            .mount(&server)
            .await;
        (odoo, server)
    }

    fn queue(&self, job: Value) {
        self.0.lock().unwrap().pending.push(job);
    }

    /// Waits for a job's report of which something is true, and returns it.
    async fn reported(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut reports = self.1.subscribe();
        let found = async {
            let reports = reports.wait_for(|all| all.iter().any(&is)).await.unwrap();
            reports.iter().find(|report| is(report)).unwrap().clone()
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(report) => report,
            Err(_) => panic!("never reported: {what}: {:#?}", self.1.borrow()),
        }
    }

    /// Waits until an app was observed like that, outside of any job.
    async fn observed(&self, app: &App, state: &str) {
        let mut seen = self.2.subscribe();
        let is = |seen: &Value| seen["id"] == app.id && seen["observation"]["state"] == state;
        let found = seen.wait_for(|all| all.iter().any(is));
        let found = tokio::time::timeout(PATIENCE, found).await.is_ok();
        assert!(found, "never seen {state}: {:#?}", self.2.borrow());
    }

    /// Waits until it was told by `observe` what is true of it.
    async fn told(&self, what: &str, is: impl Fn(&Value) -> bool) {
        let mut looks = self.4.subscribe();
        let found = looks.wait_for(|all| all.iter().any(&is));
        let found = tokio::time::timeout(PATIENCE, found).await.is_ok();
        assert!(found, "never told {what}: {:#?}", self.4.borrow());
    }

    /// Waits until so many processes have claimed; returns them in the order of their first claims.
    async fn claimed_by(&self, processes: usize) -> Vec<Value> {
        let claimed = async {
            loop {
                let known = self.0.lock().unwrap().processes.clone();
                if known.len() >= processes {
                    return known;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let claimed = tokio::time::timeout(PATIENCE, claimed).await;
        claimed.expect("it claims")
    }

    fn forget(&self) {
        self.1.send_modify(Vec::clear);
        self.2.send_modify(Vec::clear);
    }

    fn claims(&self) -> u32 {
        self.0.lock().unwrap().claims
    }
}

impl Respond for Odoo {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        assert_eq!(
            request.headers["Authorization"],
            format!("Bearer {KEY}").as_str()
        );
        let call: Value = request.body_json().unwrap();
        let params = &call["params"];
        let result = match request.url.path().rsplit('/').next().unwrap() {
            "claim" => {
                let mut queue = self.0.lock().unwrap();
                queue.claims += 1;
                let process = &params["worker"]["instance"];
                if !queue.processes.contains(process) {
                    queue.processes.push(process.clone());
                }
                let observe = queue.observe(process);
                assert_eq!(params["clusters"][0]["reachable"], true, "{params}");
                let count = queue
                    .pending
                    .len()
                    .min(params["capacity"].as_u64().unwrap() as usize);
                json!({
                    "database": DATABASE, "lease_seconds": 60, "poll_seconds": 0.2, "wake": null, "unknown_clusters": [],
                    "observe": observe,
                    "jobs": queue.pending.drain(..count).collect::<Vec<_>>(),
                })
            }
            "report" => {
                let jobs = params["jobs"].as_array().unwrap();
                self.1
                    .send_modify(|reports| reports.extend(jobs.iter().cloned()));
                let answers: Vec<Value> = jobs
                    .iter()
                    .map(|job| json!({"id": job["id"], "answer": "go_on"}))
                    .collect();
                json!({"jobs": answers, "lease_seconds": 60})
            }
            _ => {
                let apps = params["apps"].as_array().unwrap();
                self.2.send_modify(|seen| seen.extend(apps.iter().cloned()));
                let complete = params["complete"].is_object();
                self.3.send_modify(|rounds| *rounds += u32::from(complete));
                self.4.send_modify(|looks| looks.push(params.clone()));
                json!({"unknown": []})
            }
        };
        ResponseTemplate::new(200)
            .set_body_json(json!({"jsonrpc": "2.0", "id": call["id"], "result": result}))
    }
}

/// The program at work. Killed when dropped.
struct Worker {
    child: Child,
    log: watch::Receiver<String>,
    health: String,
}

impl Worker {
    fn start(odoo: &MockServer) -> Self {
        Self::start_with(odoo, |_| {})
    }

    fn start_with(odoo: &MockServer, more: impl FnOnce(&mut Command)) -> Self {
        // Free now, and nobody else is likely to take it within the next milliseconds.
        let listen = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_chandlery"));
        command
            .args([
                "worker",
                "--config",
                concat!(env!("CARGO_MANIFEST_DIR"), "/config/chandlery.toml"),
            ])
            .env("CHANDLERY_ODOO__URL", odoo.uri())
            .env("CHANDLERY_ODOO__KEY", KEY)
            .env("CHANDLERY_WORKER__NAME", "worker-1")
            .env("CHANDLERY_MANIFESTS__ALLOW", "['127.0.0.1']")
            .env(
                "CHANDLERY_CLUSTERS__DEMO__KUBECONFIG",
                common::worker_kubeconfig(),
            )
            .env("CHANDLERY_TELEMETRY__LISTEN", listen.to_string())
            .env("RUST_BACKTRACE", "1")
            .stderr(Stdio::piped());
        more(&mut command);
        let mut command = tokio::process::Command::from(command);
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (kept, log) = watch::channel(String::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                eprintln!("{line}");
                kept.send_modify(|log| log.push_str(&(line + "\n")));
            }
        });
        Self {
            child,
            log,
            health: format!("http://{listen}"),
        }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([name, &self.child.id().unwrap().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    async fn ended(&mut self) -> ExitStatus {
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => {
                // All that it wrote has been read when its end of the pipe is closed.
                let mut log = self.log.clone();
                while log.changed().await.is_ok() {}
                status.unwrap()
            }
            Err(_) => panic!("does not end: {}", self.log()),
        }
    }

    /// Waits until it has written this.
    async fn wrote(&self, what: &str) {
        let mut log = self.log.clone();
        let found = log.wait_for(|log| log.contains(what));
        let found = tokio::time::timeout(PATIENCE, found).await.is_ok();
        assert!(found, "never wrote {what}: {}", self.log());
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let response = reqwest::get(format!("{}{path}", self.health))
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    fn log(&self) -> String {
        self.log.borrow().clone()
    }
}

fn step(report: &Value, code: &str, state: &str) -> bool {
    let steps = report["steps"].as_array().unwrap();
    steps
        .iter()
        .any(|step| step["code"] == code && step["state"] == state)
}

/// A deploy whose pods no node takes: it waits until somebody ends it.
fn endless(app: &App) -> Value {
    let mut job = app.job("deploy");
    job["config_map"][2]["value"] = json!("{kind: none}");
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_done_end_to_end_and_health_metrics_and_log_tell_of_it() {
    let app = App::new().await;
    let (odoo, server) = Odoo::start(vec![app.job("deploy")]).await;
    let mut worker = Worker::start(&server);
    let report = odoo
        .reported("done", |report| report["outcome"]["state"] == "done")
        .await;
    assert_eq!(
        report["outcome"]["result"]["observation"]["ingress"]["state"],
        "ready"
    );
    assert_eq!(worker.get("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(
        worker.get("/readyz").await,
        (200, "odoo: ok\ncluster demo: ok\n".to_owned())
    );
    let (_, metrics) = worker.get("/metrics").await;
    assert!(
        metrics.contains("chandlery_jobs_total{kind=\"deploy\",outcome=\"done\"} 1"),
        "{metrics}"
    );
    assert!(
        metrics.contains("chandlery_step_duration_seconds_count{step=\"applying\"} 1"),
        "{metrics}"
    );
    worker.signal("-TERM");
    assert!(worker.ended().await.success());
    let log = worker.log();
    assert!(!log.contains(KEY), "{log}");
    let applied = log
        .lines()
        .find(|line| line.contains("5 objects: 5 created"))
        .expect(&log);
    let applied: Value = serde_json::from_str(applied).unwrap();
    assert_eq!(
        (&applied["span"]["job"], &applied["span"]["app"]),
        (&json!(app.id), &json!("web-int"))
    );
    app.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_may_watch_tells_at_once_what_changes_and_not_only_at_the_next_round() {
    let app = App::new().await;
    let (odoo, server) = Odoo::start(vec![app.job("deploy")]).await;
    let round = PATIENCE.as_secs() * 10;
    let _worker = Worker::start_with(&server, |command| {
        command
            .env("CHANDLERY_WORKER__OBSERVE_SECONDS", round.to_string())
            .env("CHANDLERY_CLUSTERS__DEMO__KUBECONFIG", common::kubeconfig());
    });
    odoo.reported("done", |report| report["outcome"]["state"] == "done")
        .await;
    odoo.observed(&app, "running").await;

    let deployments: Api<Deployment> = Api::namespaced(app.client.clone(), &app.namespace);
    let down = json!({"spec": {"replicas": 0}});
    deployments
        .patch("web", &PatchParams::default(), &Patch::Merge(down))
        .await
        .unwrap();
    odoo.observed(&app, "stopped").await;
    deployments
        .delete("web", &DeleteParams::foreground())
        .await
        .unwrap();
    let ingresses: Api<Ingress> = Api::namespaced(app.client.clone(), &app.namespace);
    ingresses
        .delete("web", &DeleteParams::default())
        .await
        .unwrap();
    odoo.observed(&app, "missing").await;
    app.clean_up().await;
}

/// All requests for an app and for its namespace, in the order in which they were answered. Its worker looks at the apps of
/// other tests, too.
fn told(app: &App, asked: &[Asked]) -> (Vec<String>, Vec<String>) {
    let is_of = |asked: &&Asked| {
        let makes_it = asked.is_write() && asked.path().starts_with("/api/v1/namespaces?");
        asked.path().contains(&app.namespace) || makes_it
    };
    let asked = asked.iter().filter(is_of);
    let (writes, reads): (Vec<&Asked>, Vec<&Asked>) = asked.partition(|asked| asked.is_write());
    let lines = |asked: Vec<&Asked>| {
        let line = |asked: &Asked| {
            format!(
                "{} {} {}",
                asked.request.method(),
                asked.path(),
                asked.status
            )
        };
        asked.into_iter().map(line).collect()
    };
    (lines(writes), lines(reads))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_asks_one_request_for_each_object_and_one_of_what_is_there_writes_nothing() {
    let app = App::new().await;
    let door = Door::open(app.client.clone(), Duration::ZERO).await;
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(kubeconfig.path(), door.kubeconfig().to_string()).unwrap();
    let (odoo, server) = Odoo::start(Vec::new()).await;
    let _worker = Worker::start_with(&server, |command| {
        command.env("CHANDLERY_CLUSTERS__DEMO__KUBECONFIG", kubeconfig.path());
    });
    // Its watches have told what is there.
    let mut rounds = odoo.3.subscribe();
    tokio::time::timeout(PATIENCE, rounds.wait_for(|rounds| *rounds > 0))
        .await
        .unwrap()
        .unwrap();
    let done = |report: &Value| report["outcome"]["state"] == "done";
    door.asked();
    odoo.queue(app.job("deploy"));
    let first = odoo.reported("done", done).await;
    let (writes, reads) = told(&app, &door.asked());
    let of_app = |lines: &[String]| -> Vec<String> {
        let plurals = [
            "configmaps/settings",
            "claims/data",
            "deployments/web",
            "services/web",
            "ingresses/web",
        ];
        let is_of = |line: &&String| plurals.iter().any(|plural| line.contains(plural));
        lines.iter().filter(is_of).cloned().collect()
    };
    let made = of_app(&writes);
    assert_eq!(made.len(), 5, "{writes:#?}");
    assert!(
        made.iter()
            .all(|line| line.starts_with("PATCH ") && line.ends_with(" 201")),
        "{made:#?}"
    );
    // What no watch tells is looked at when the app is observed, and never before it is applied.
    let watched = |lines: &[String]| -> Vec<String> {
        let mut lines = of_app(lines);
        lines.retain(|line| !line.contains("configmaps"));
        lines
    };
    assert_eq!(watched(&reads), Vec::<String>::new());
    // The namespace, what isolates it (four), the passwords, the app's objects, and what is noted of them.
    assert_eq!(writes.len(), 12, "{writes:#?}");

    odoo.observed(&app, "running").await;
    let namespaces: Api<Namespace> = Api::all(app.client.clone());
    let config_maps: Api<ConfigMap> = Api::namespaced(app.client.clone(), &app.namespace);
    let versions = async || {
        let namespace = namespaces.get(&app.namespace).await.unwrap();
        let map = config_maps.get("settings").await.unwrap();
        (
            namespace.metadata.resource_version,
            map.metadata.resource_version,
        )
    };
    let before = versions().await;
    // Controllers write on new objects for a moment longer, of which the watches tell.
    tokio::time::sleep(Duration::from_secs(5)).await;
    door.asked();
    odoo.forget();
    let mut again = app.job("deploy");
    again["app"]["inventory"] = first["outcome"]["result"]["inventory"].clone();
    odoo.queue(again);
    let second = odoo.reported("done", done).await;
    let objects = &second["outcome"]["result"]["objects"];
    assert_eq!(
        (&objects["unchanged"], &objects["changed"]),
        (&json!(5), &json!(0))
    );
    let (writes, reads) = told(&app, &door.asked());
    assert_eq!(of_app(&writes).len(), 5, "{writes:#?}");
    assert_eq!(watched(&reads), Vec::<String>::new());
    assert_eq!(versions().await, before);
    // What may be left over is known from the note on the namespace.
    let lists = |line: &&String| line.contains("labelSelector");
    assert_eq!(reads.iter().filter(lists).count(), 0, "{reads:#?}");
    // What isolates the app (four), and its objects: applied, and found as they are.
    assert_eq!(writes.len(), 9, "{writes:#?}");
    assert!(
        writes
            .iter()
            .all(|line| line.starts_with("PATCH ") && line.ends_with(" 200")),
        "{writes:#?}"
    );
    app.clean_up().await;
}

/// What a worker asks a cluster with so many apps in three rounds of observing, when it has found all of them.
async fn asked_at_rest(apps: usize, may_watch: bool) -> Vec<String> {
    let cluster = ClusterDouble::start(apps, DATABASE, may_watch).await;
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(kubeconfig.path(), cluster.kubeconfig().to_string()).unwrap();
    let (odoo, server) = Odoo::start(Vec::new()).await;
    let _worker = Worker::start_with(&server, |command| {
        command
            .env("CHANDLERY_WORKER__OBSERVE_SECONDS", "5")
            .env("CHANDLERY_CLUSTERS__DEMO__KUBECONFIG", kubeconfig.path());
    });
    let rounds = async |more: u32| {
        let mut rounds = odoo.3.subscribe();
        let until = *rounds.borrow() + more;
        let found = rounds.wait_for(|rounds| *rounds >= until);
        let found = tokio::time::timeout(PATIENCE, found).await;
        assert!(found.is_ok(), "asked: {:?}", cluster.asked());
    };
    rounds(2).await;
    let running = |seen: &&Value| seen["observation"]["state"] == "running";
    assert_eq!(odoo.2.borrow().iter().filter(running).count(), apps);
    cluster.asked();
    rounds(3).await;
    cluster.asked()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_changes_a_cluster_is_only_asked_for_its_version_however_many_apps_there_are()
{
    let (few, many) = tokio::join!(asked_at_rest(10, true), asked_at_rest(500, true));
    assert_eq!(few, ["GET /version"; 3]);
    assert_eq!(many, few);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_may_not_watch_asks_for_each_app_in_each_round() {
    let (few, more) = tokio::join!(asked_at_rest(10, false), asked_at_rest(20, false));
    assert!(
        more.len() > few.len() * 3 / 2,
        "{} {}",
        few.len(),
        more.len()
    );
}

/// Without rights in the whole cluster.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_may_not_watch_looks_every_now_and_then_and_says_so_once_without_an_error() {
    let app = App::new().await;
    let (odoo, server) = Odoo::start(vec![app.job("deploy")]).await;
    let worker = Worker::start_with(&server, |command| {
        command.env("CHANDLERY_WORKER__OBSERVE_SECONDS", "5");
    });
    odoo.observed(&app, "running").await;
    let deployments: Api<Deployment> = Api::namespaced(app.client.clone(), &app.namespace);
    let down = json!({"spec": {"replicas": 0}});
    deployments
        .patch("web", &PatchParams::default(), &Patch::Merge(down))
        .await
        .unwrap();
    odoo.observed(&app, "stopped").await;
    let log = worker.log();
    let said = log.matches("may not watch workloads").count();
    assert_eq!(said, 1, "{log}");
    assert!(!log.contains("cannot be watched"), "{log}");
    let (_, metrics) = worker.get("/metrics").await;
    assert!(!metrics.contains("cluster_watch"), "{metrics}");
    app.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_the_middle_is_started_again_and_still_gets_there() {
    let app = App::new().await;
    let (odoo, server) = Odoo::start(vec![endless(&app)]).await;
    let worker = Worker::start(&server);
    odoo.reported("waiting", |report| step(report, "waiting", "running"))
        .await;
    worker.signal("-KILL");
    drop(worker);
    odoo.forget();

    // The lease has ended: Odoo hands the job out again, with another token, knowing nothing of the first attempt.
    let mut again = app.job("deploy");
    again["attempt"] = json!(2);
    odoo.queue(again);
    let _worker = Worker::start(&server);
    let report = odoo
        .reported("done", |report| report["outcome"]["state"] == "done")
        .await;
    let result = &report["outcome"]["result"];
    assert_eq!(
        (
            &result["objects"]["created"],
            &result["objects"]["unchanged"]
        ),
        (&json!(0), &json!(4))
    );
    assert_eq!(result["inventory"].as_array().unwrap().len(), 5);
    let namespaces: Api<Namespace> = Api::all(app.client.clone());
    let ours = ListParams::default().labels(&format!("chandlery.dev/app={}", app.id));
    assert_eq!(namespaces.list(&ours).await.unwrap().items.len(), 1);
    app.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_end_it_claims_no_more_and_hands_back_what_it_holds() {
    let app = App::new().await;
    let (odoo, server) = Odoo::start(vec![endless(&app)]).await;
    let mut worker = Worker::start(&server);
    odoo.reported("waiting", |report| step(report, "waiting", "running"))
        .await;
    worker.signal("-TERM");
    let report = odoo
        .reported("an outcome", |report| report["outcome"].is_object())
        .await;
    assert_eq!(report["outcome"]["state"], "released");
    assert_eq!(
        report["outcome"]["result"]["inventory"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    assert!(worker.ended().await.success());
    let claims = odoo.claims();
    let log = worker.log();
    assert!(log.contains("no more jobs are claimed"), "{log}");
    assert_eq!(odoo.claims(), claims);
    app.clean_up().await;
}

/// "One customer's broken app stops everybody's jobs": each that waited took a slot for ten minutes.
#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_app_gets_done_while_more_broken_ones_wait_than_the_worker_has_slots() {
    let capacity = 2;
    let broken = futures::future::join_all((0..capacity + 5).map(|_| App::new())).await;
    let (odoo, server) = Odoo::start(broken.iter().map(endless).collect()).await;
    let mut worker = Worker::start_with(&server, |command| {
        command.env("CHANDLERY_WORKER__CAPACITY", capacity.to_string());
    });
    for app in &broken {
        odoo.reported("waiting", |report| {
            report["id"] == app.id && step(report, "waiting", "running")
        })
        .await;
    }
    let healthy = App::new().await;
    odoo.queue(healthy.job("deploy"));
    let report = odoo
        .reported("an outcome", |report| report["outcome"].is_object())
        .await;
    assert_eq!(report["id"], healthy.id, "the others wait");
    assert_eq!(report["outcome"]["state"], "done");

    // One of them becomes ready, and goes on.
    let deployments: Api<Deployment> =
        Api::namespaced(broken[0].client.clone(), &broken[0].namespace);
    let mended = json!({"spec": {"template": {"spec": {"nodeSelector": null}}}});
    deployments
        .patch("web", &PatchParams::default(), &Patch::Merge(mended))
        .await
        .unwrap();
    odoo.reported("the mended one", |report| {
        report["id"] == broken[0].id && report["outcome"]["state"] == "done"
    })
    .await;

    // Those that wait on are handed back as soon as the worker is told to end.
    worker.signal("-TERM");
    for app in &broken[1..] {
        odoo.reported("handed back", |report| {
            report["id"] == app.id && report["outcome"]["state"] == "released"
        })
        .await;
    }
    assert!(worker.ended().await.success());
    for app in broken.iter().chain([&healthy]) {
        app.clean_up().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_host_that_does_not_answer_keeps_nobody_else_waiting() {
    let slow = App::new().await;
    let hangs = ResponseTemplate::new(200).set_delay(PATIENCE);
    Mock::given(path_regex("^/hangs.yml$"))
        .respond_with(hangs)
        .mount(&slow.server)
        .await;
    let mut job = slow.job("deploy");
    job["manifests"][0]["url"] = json!(format!("{}/hangs.yml", slow.server.uri()));
    let (odoo, server) = Odoo::start(vec![job]).await;
    let _worker = Worker::start_with(&server, |command| {
        command
            .env("CHANDLERY_WORKER__CAPACITY", "1")
            .env("CHANDLERY_MANIFESTS__TIMEOUT_SECONDS", "300");
    });
    odoo.reported("fetching", |report| step(report, "fetching", "running"))
        .await;
    let app = App::new().await;
    odoo.queue(app.job("deploy"));
    let report = odoo
        .reported("an outcome", |report| report["outcome"].is_object())
        .await;
    assert_eq!(
        (&report["id"], &report["outcome"]["state"]),
        (&json!(app.id), &json!("done"))
    );
    app.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let app = App::new().await;
    let (odoo, server) = Odoo::start(vec![endless(&app)]).await;
    let mut worker = Worker::start(&server);
    odoo.reported("waiting", |report| step(report, "waiting", "running"))
        .await;
    worker.signal("-INT");
    worker.wrote("told to end").await;
    worker.signal("-INT");
    assert_eq!(worker.ended().await.code(), Some(130));
    app.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_on_the_cluster_is_observed_outside_any_job() {
    let app = App::new().await;
    let (odoo, server) = Odoo::start(vec![app.job("deploy")]).await;
    let mut worker = Worker::start(&server);
    odoo.reported("done", |report| report["outcome"]["state"] == "done")
        .await;
    let config_maps: Api<ConfigMap> = Api::namespaced(app.client.clone(), &app.namespace);
    assert!(config_maps.get_opt("settings").await.unwrap().is_some());
    worker.signal("-TERM");
    assert!(worker.ended().await.success());
    odoo.forget();
    // A worker that starts tells all it sees, without a job.
    let _another = Worker::start(&server);
    odoo.observed(&app, "running").await;
    app.clean_up().await;
}

/// Whether a look at the whole cluster names the app's namespace; `None` for other looks.
fn names(look: &Value, app: &App) -> Option<bool> {
    let all = look["complete"]["namespaces"].as_array()?;
    Some(all.iter().any(|seen| seen["namespace"] == app.namespace))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_workers_one_observes_and_when_it_is_killed_the_other_one_tells_what_is_gone() {
    let app = App::new().await;
    let (odoo, server) = Odoo::start(vec![app.job("deploy")]).await;
    odoo.0.lock().unwrap().alone = Some(Duration::from_secs(5));
    let often = |command: &mut Command| {
        command.env("CHANDLERY_WORKER__OBSERVE_SECONDS", "5");
    };
    let first = Worker::start_with(&server, often);
    odoo.reported("done", |report| report["outcome"]["state"] == "done")
        .await;
    odoo.claimed_by(1).await;
    let second = Worker::start_with(&server, often);
    let processes = odoo.claimed_by(2).await;
    let [one, other] = &processes[..] else {
        panic!("{processes:?}");
    };
    // Several rounds, and what changes meanwhile.
    odoo.forget();
    odoo.4.send_modify(Vec::clear);
    let deployments: Api<Deployment> = Api::namespaced(app.client.clone(), &app.namespace);
    let none = Patch::Merge(json!({"spec": {"replicas": 0}}));
    deployments
        .patch("web", &PatchParams::default(), &none)
        .await
        .unwrap();
    odoo.observed(&app, "stopped").await;
    let rounds = *odoo.3.borrow();
    let mut more = odoo.3.subscribe();
    let three = more.wait_for(|told| *told >= rounds + 3);
    tokio::time::timeout(PATIENCE, three)
        .await
        .unwrap()
        .unwrap();
    for look in odoo.4.borrow().iter() {
        assert_eq!(&look["worker"]["instance"], one, "the other one stands by");
        assert_ne!(names(look, &app), Some(false));
    }

    // The namespace goes while nobody observes.
    first.signal("-KILL");
    let namespaces: Api<Namespace> = Api::all(app.client.clone());
    namespaces
        .delete(&app.namespace, &DeleteParams::default())
        .await
        .unwrap();
    odoo.told("that it is gone", |look| {
        &look["worker"]["instance"] == other && names(look, &app) == Some(false)
    })
    .await;
    drop(second);
    app.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_when_it_is_ready_that_it_lives_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&place).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let (_odoo, server) = Odoo::start(Vec::new()).await;
    let mut worker = Worker::start_with(&server, |command| {
        command
            .env("NOTIFY_SOCKET", &place)
            .env("WATCHDOG_USEC", "400000");
    });
    let told = |what: &str| loop {
        let mut buffer = [0; 4096];
        let length = socket
            .recv(&mut buffer)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if text.contains(what) {
            return text;
        }
    };
    assert!(tokio::task::block_in_place(|| told("READY=1")).contains("STATUS=serving 1 clusters"));
    tokio::task::block_in_place(|| told("WATCHDOG=1"));
    server.reset().await;
    tokio::task::block_in_place(|| told("does not know the worker's calls"));
    worker.signal("-TERM");
    tokio::task::block_in_place(|| told("STOPPING=1"));
    assert!(worker.ended().await.success());
}

#[test]
fn bad_settings_are_refused_at_start_in_plain_words() {
    let output = Command::new(env!("CARGO_BIN_EXE_chandlery"))
        .args(["worker", "--config", "/nowhere/chandlery.toml"])
        .env("CHANDLERY_WORKER__CAPACTY", "3")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("error: /nowhere/chandlery.toml: cannot be read: No such file"),
        "{text}"
    );
    assert!(
        text.contains("CHANDLERY_WORKER__CAPACTY: worker.capacty: unknown field"),
        "{text}"
    );
}

#[test]
fn render_shows_text_and_objects_and_ends_with_2_on_errors() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let vars = file("vars.yml", "port: 80\nname: \"{{ app }}-web\"\napp: shop\n");
    let template = file(
        "t.yml",
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ name }}\nspec:\n  port: {{ port }}\n",
    );
    let render = |words: &[&str], template: &std::path::Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chandlery"));
        command
            .arg("render")
            .arg("--vars")
            .arg(&vars)
            .args(words)
            .arg(template)
            .output()
            .unwrap()
    };
    let text = render(&["--output", "text"], &template);
    assert!(text.status.success());
    assert!(
        String::from_utf8(text.stdout)
            .unwrap()
            .contains("  name: shop-web\nspec:\n  port: 80\n")
    );
    let objects = render(&["--output", "json"], &template);
    let objects: Value = serde_json::from_slice(&objects.stdout).unwrap();
    assert_eq!(objects[0]["spec"]["port"], 80);
    let broken = render(
        &["--output", "text"],
        &file("broken.yml", "a: {{ nmae }}\n"),
    );
    assert_eq!(broken.status.code(), Some(2));
    assert!(broken.stdout.is_empty());
    let text = String::from_utf8(broken.stderr).unwrap();
    assert!(
        text.contains("broken.yml:1:7") && text.contains("a: {{ nmae }}"),
        "{text}"
    );
}

#[test]
fn render_opens_what_ansible_vault_encrypted_with_the_password_files_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let value = "$ANSIBLE_VAULT;1.2;AES256;prod\n  3730363137323639373437390a633665353337666335363039353636303439386661653262373531\n  626131393335633237386366376637336237376635633733363634326437353962643561370a3534\n  386161363037626639363932303734313066323265376632316464313365\n";
    let one = file("one.yml", &format!("a: !vault |\n  {value}b: 1\n"));
    // `one: 1`, a secret, and values of other kinds.
    let whole = file(
        "whole.yml",
        "$ANSIBLE_VAULT;1.1;AES256\n3730363137323639373437390a633331663162663130636536336163323938636163313461363234\n626236313566623939343938383334643534303033326163616538653138366661303431330a3364\n64356239333734333836363663313731626331373132346536636462306431316131623165353439\n34316136636438326538633064386564336337353339346164393132633765613964366434646331\n37633332613661326463383438363934643063643237366163306438663662306665396332343438\n6365653561353435313235613639623062616239356631366630663562386539353534313332\n",
    );
    let template = file("t.yml", "{{ a }} {{ secret }} {{ one + b }}\n");
    let prod = format!("prod@{}", file("prod", "s3cret-prod\n"));
    let default = file("default", "correct horse\n");
    let render = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chandlery"));
        command
            .args(["render", "--vars", &one, "--vars", &whole])
            .args(words);
        let done = command.arg("--").arg(&template).output().unwrap();
        (
            done.status.code(),
            String::from_utf8(done.stdout).unwrap(),
            String::from_utf8(done.stderr).unwrap(),
        )
    };
    let both = ["--vault-id", &prod, "--vault-password-file", &default];
    let (status, text, error) = render(&both);
    assert_eq!(
        (status, text.as_str()),
        (Some(0), "prod-pw whole file 2\n"),
        "{error}"
    );

    let (status, text, error) = render(&["--vault-pass-file", &default]);
    assert_eq!((status, text.as_str()), (Some(2), ""));
    assert!(
        error.contains("The value of `a`")
            && error.contains("t.yml:1:4")
            && error.contains("(id `prod`)"),
        "{error}"
    );
    let (status, _, error) = render(&["--vault-id", &prod]);
    assert_eq!(status, Some(2));
    assert!(
        error.contains("The file is encrypted with ansible-vault (id `default`)")
            && error.contains("whole.yml"),
        "{error}"
    );

    let (status, _, error) = render(&[
        "--vault-id",
        "dev@prompt",
        "--vault-password-file",
        "/nowhere",
    ]);
    assert_eq!(status, Some(2));
    assert!(
        error.contains("--vault-id dev: Chandlery does not ask for passwords"),
        "{error}"
    );
    assert!(
        error.contains("--vault-password-file default: /nowhere cannot be read"),
        "{error}"
    );
}
