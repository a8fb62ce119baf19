//! Writes of a lost attempt that reach the API server when its job is somebody else's
//! (`docs/adr/0011-what-a-lost-attempt-may-still-do.md`).

use axum::http::{Method, Request};
use http_body_util::BodyExt;
use kube::client::Body;

use super::counting::{Asked, Door};
use super::*;

/// Every object of which says which deploy has brought it.
const TITLED: [(&str, &str); 2] = [
    ("titled-config.yml", common::CONFIG),
    ("titled-workload.yml", common::WORKLOAD),
];

/// A worker that reaches the cluster through this door.
pub fn runner_behind(door: &Door, mut settings: Settings) -> Runner {
    let kubeconfig = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(kubeconfig.path(), door.kubeconfig().to_string()).unwrap();
    let cluster = Cluster {
        kubeconfig: kubeconfig.path().into(),
        ..Cluster::default()
    };
    settings.clusters.insert("demo".to_owned(), cluster);
    let runner = Runner::new(&settings).unwrap();
    // It is read when the cluster is first needed.
    std::mem::forget(kubeconfig);
    runner
}

/// An app in a cluster that loses one write.
struct Lossy {
    app: Arc<App>,
    door: Door,
    lossy: Runner,
    inventory: Option<Outcome>,
    titles: usize,
}

impl Lossy {
    async fn new(app: Arc<App>) -> Self {
        for (name, manifest) in TITLED {
            let titled = "metadata:\n  annotations: {title: '{{ title }}'}\n  name:";
            let manifest = manifest.replace("metadata:\n  name:", titled);
            app.serve(name, &manifest).await;
        }
        let door = Door::open(app.client.clone(), Duration::ZERO).await;
        let mut settings = settings();
        settings.deploy.ready_seconds = READY_SECONDS;
        let lossy = runner_behind(&door, settings);
        Self {
            app,
            door,
            lossy,
            inventory: None,
            titles: 0,
        }
    }

    /// A job of the app; a deploy brings another version of every object each time.
    fn job(&mut self, kind: &str, id: i64) -> Value {
        let mut job = self.app.job(kind);
        job["id"] = json!(id);
        job["options"] = json!({"keep_volumes": true});
        if kind == "deploy" {
            self.titles += 1;
        }
        job["config_map"][0]["value"] = json!(format!("title {}", self.titles));
        for (index, (name, _)) in TITLED.iter().enumerate() {
            job["manifests"][index]["url"] = json!(format!("{}/{name}", self.app.server.uri()));
        }
        match &self.inventory {
            Some(outcome) => after(job, outcome),
            None => job,
        }
    }

    async fn does(&mut self, kind: &str, id: i64) {
        let job = self.job(kind, id);
        let (outcome, _) = run(&runner(), job).await;
        assert_done(&outcome);
        if outcome.result.inventory.is_some() {
            self.inventory = Some(outcome);
        }
    }

    /// An attempt of which the write after so many others gets lost; `None` where it has no more writes.
    async fn loses(&mut self, kind: &str, id: i64, after: usize) -> Option<Asked> {
        let job = self.job(kind, id);
        self.door.asked();
        *self.door.loses.lock().unwrap() = Some(after);
        let (outcome, _) = run(&self.lossy, job).await;
        let left = self.door.loses.lock().unwrap().take();
        let mut asked = self.door.asked();
        if left.is_some() {
            assert_done(&outcome);
            return None;
        }
        asked.retain(|asked| asked.is_write() && asked.status == 504);
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.pop()
    }

    /// What people and manifests have written of an object.
    async fn content(&self, path: &str) -> Value {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = self.app.client.send(request).await.unwrap();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        let mut object: Value = serde_json::from_slice(&bytes).unwrap();
        object.as_object_mut().unwrap().remove("status");
        for member in ["resourceVersion", "managedFields"] {
            object["metadata"].as_object_mut().unwrap().remove(member);
        }
        object
    }

    /// The write that got lost arrives after all.
    async fn arrives(&self, lost: Asked) -> u16 {
        let request: Request<_> = lost.request.map(|body| Body::from(body.to_vec()));
        self.app
            .client
            .send(request)
            .await
            .unwrap()
            .status()
            .as_u16()
    }
}

/// Loses each write of a job in turn; another job follows, and then the write arrives.
async fn each_write(kind: &str, before: &[&str], meanwhile: &[&str]) {
    let (kind, before, meanwhile) = (kind.to_owned(), owned(before), owned(meanwhile));
    with_app(|app| async move {
        let mut lossy = Lossy::new(app).await;
        lossy.does("deploy", 1).await;
        let mut arrived = Vec::new();
        for number in 0.. {
            let id = 1000 + 100 * i64::try_from(number).unwrap();
            for (step, kind) in (10..).zip(&before) {
                lossy.does(kind, id + step).await;
            }
            let Some(lost) = lossy.loses(&kind, id, number).await else {
                break;
            };
            for (step, kind) in (50..).zip(&meanwhile) {
                lossy.does(kind, id + step).await;
            }
            let line = format!("{} {}", lost.request.method(), lost.path());
            let lost_is_delete = *lost.request.method() == Method::DELETE;
            let path = lost.request.uri().path().to_owned();
            let before = lossy.content(&path).await;
            let status = lossy.arrives(lost).await;
            // What the next job has found as it is to be is taken, and stays as it is.
            let same = status == 200 && lossy.content(&path).await == before;
            // No deploy had anything to write on these: what then remains is told in the decision.
            let own = lost_is_delete && path.contains("/chandlery-");
            assert!(
                same || own || matches!(status, 404 | 409 | 422),
                "{kind}: {line} was answered {status}, and so written"
            );
            arrived.push(format!("{line} {status}"));
        }
        assert!(!arrived.is_empty());
        let refused = arrived.iter().filter(|line| !line.ends_with(" 200"));
        let refused = refused.count();
        // The app's five objects, and what is noted of them.
        assert!(
            !matches!(kind.as_str(), "deploy" | "delete") || refused >= 4,
            "{arrived:#?}"
        );
    })
    .await;
}

fn owned(kinds: &[&str]) -> Vec<String> {
    kinds.iter().map(|kind| (*kind).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_write_of_a_lost_deploy_that_arrives_after_the_next_one_changes_anything() {
    each_write("deploy", &[], &["deploy"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_write_of_a_lost_stop_start_or_restart_that_arrives_late_changes_anything() {
    each_write("stop", &[], &["start", "deploy"]).await;
    each_write("start", &["stop"], &["start", "stop"]).await;
    each_write("restart", &[], &["restart"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_write_of_a_lost_delete_that_arrives_after_the_next_deploy_deletes_anything() {
    each_write("delete", &["deploy"], &["deploy"]).await;
}
