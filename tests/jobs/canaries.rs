//! Distinct values in every place that holds secrets, jobs of every kind, with faults too; then everything that
//! was written is searched for any part of them, in whatever form.

use std::io::Write;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chandlery::odoo::contract::Diff;
use chandlery::telemetry::{Metrics, logs};
use k8s_openapi::ByteString;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::layer::SubscriberExt;

use super::*;

/// What a worker logs, where a test can read it.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// All that was written by jobs, and the canaries that must not be in it.
#[derive(Default)]
struct Written {
    texts: Vec<(String, String)>,
    canaries: Vec<(String, String)>,
    log: Log,
    metrics: Metrics,
}

impl Written {
    /// A value that stands nowhere else.
    fn canary(&mut self, place: &str) -> String {
        // Letters of which no id or checksum is made.
        let letters = b"ghijkmnpqrstuvwxyz23456789GHJKLM";
        let random = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
        let random = random.iter().flat_map(|uuid| uuid.into_bytes()).take(24);
        let canary: String = random
            .map(|byte| char::from(letters[usize::from(byte) % 32]))
            .collect();
        let canary = canary + "/+&";
        self.canaries.push((place.to_owned(), canary.clone()));
        canary
    }

    fn watch(&mut self, place: &str, canary: &str) {
        self.canaries.push((place.to_owned(), canary.to_owned()));
    }

    /// Does a job and keeps what it tells.
    async fn run(&mut self, runner: &Runner, what: &str, job: Value) -> Outcome {
        let log = self.log.clone();
        let layer = logs::layer("trace", true, move || log.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        let (outcome, steps) = run(runner, job).with_subscriber(subscriber).await;
        self.metrics
            .job_ended(chandlery::odoo::contract::JobKind::Deploy, outcome.state);
        for step in &steps {
            self.metrics
                .step_took(step.code, step.seconds.unwrap_or_default());
        }
        if let Some(error) = &outcome.error {
            self.metrics.api_error("demo", error.code.label());
            self.texts.push((
                format!("{what}: error"),
                format!("{error} {}", error.drawn(100, false)),
            ));
        }
        let told = serde_json::to_string(&(&outcome, &steps)).unwrap();
        self.texts.push((what.to_owned(), told));
        outcome
    }

    /// Searches everything for eight letters or more of any canary, forward and backward, plain and encoded.
    async fn search(mut self, app: &App) {
        let logged = self.log.text();
        assert!(logged.contains("TRACE"), "it did log");
        self.texts.push(("log".to_owned(), logged));
        self.texts.push(("metrics".to_owned(), self.metrics.text()));
        for request in app.server.received_requests().await.unwrap() {
            let told = format!("{} {:?} {:?}", request.url, request.headers, request.body);
            self.texts.push(("request".to_owned(), told));
        }
        for (place, canary) in &self.canaries {
            let backward: String = canary.chars().rev().collect();
            let mut parts: Vec<String> = Vec::new();
            for text in [canary.clone(), backward, canary.to_uppercase()] {
                let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
                let encoded = (0..3).map(|offset| {
                    let bytes = [&[0; 2][..offset], text.as_bytes()].concat();
                    let encoded = STANDARD.encode(&bytes);
                    encoded[4..encoded.len() - 4].to_lowercase()
                });
                for (text, length) in encoded
                    .map(|text| (text, 10))
                    .chain([(text.to_lowercase(), 8), (hex, 16)])
                {
                    let letters: Vec<char> = text.chars().collect();
                    parts.extend(letters.windows(length).map(|part| part.iter().collect()));
                }
            }
            for (what, text) in &self.texts {
                let text = text.to_lowercase();
                let found = parts.iter().find(|part| text.contains(part.as_str()));
                if let Some(found) = found {
                    let at = text.find(found.as_str()).unwrap();
                    let around: String = text[..at]
                        .chars()
                        .rev()
                        .take(200)
                        .collect::<String>()
                        .chars()
                        .rev()
                        .collect();
                    panic!("{what} tells `{found}` of {place} ({canary}): …{around}{found}…");
                }
            }
        }
    }
}

/// Forms of a secret that no list of forms could hold.
const FORMS: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata:
  name: forms
  annotations: {"x/hash": "{{ SECRET | hash('sha1') }}", "x/back": "{{ SECRET | reverse }}"}
data:
  dsn: "postgres://u:{{ SECRET | urlencode }}@db/shop"
  basic: "{{ ('user:' ~ SECRET) | b64encode }}"
  upper: "{{ SECRET | upper }}"
  half: "{{ SECRET[:12] }}"
  rest: "{{ SECRET[12:] }}"
  letters: "{{ SECRET | list | join('-') }}"
  json: {{ {'p': SECRET} | to_json | to_json }}
  conf: |
    [options]
    title = {{ title }}
    back = {{ SECRET | reverse }}
"#;

/// The same, each of which fails.
const FAULTS: [(&str, &str); 9] = [
    (
        "name",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'n-{{ SECRET[:10] | lower }}'}\n",
    ),
    (
        "key",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {'{{ SECRET[:9] }}': x}\n",
    ),
    ("undefined", "a: {{ undef(hint=SECRET[1:]) }}\n"),
    ("type", "a: {{ SECRET.x.y }}\nb: {{ SECRET | from_json }}\n"),
    ("yaml", "a: [{{ SECRET | reverse }}\nb: }\n"),
    ("include", "{% include 'x-' ~ (SECRET | reverse) %}\n"),
    (
        "ignored include",
        "kind: A\n{% include 'x-' ~ SECRET[3:] ignore missing %}\n",
    ),
    (
        "label",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {x: '{{ SECRET | reverse }}!'}}\n",
    ),
    (
        "quoted",
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: '{{ SECRET | upper }}', ports: [{port: 80}]}\n",
    ),
];

fn manifests(app: &App, names: &[&str]) -> Value {
    let all = names.iter().zip(1..).map(|(name, id)| {
        json!({"id": id, "title": format!("M{id}"), "url": format!("{}/{name}.yml", app.server.uri())})
    });
    all.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_part_of_a_secret_in_any_form_is_in_anything_that_jobs_write() {
    with_app(|app| async move {
        let runner = runner();
        let mut written = Written::default();
        let (given, structured) = (written.canary("given"), written.canary("yaml"));
        let secret = |given: &str| {
            json!([
                {"key": "given", "type": "string", "value": given, "generate": null},
                {"key": "templated", "type": "string", "value": "u:{{ given }}", "generate": null},
                {"key": "structured", "type": "yaml", "value": format!("{{p: {}}}", json!(structured)), "generate": null},
                {"key": "short", "type": "string", "value": "q7", "generate": null},
                {"key": "made", "type": "string", "value": null, "generate": {"length": 24, "alphabet": "alphanumeric"}},
            ])
        };
        let secrets = ["given", "templated", "structured.p", "made", "from_config"];
        let mut names = Vec::new();
        for (number, name) in secrets.iter().enumerate() {
            let text = FORMS.replace("SECRET", name).replace("name: forms", &format!("name: forms-{number}"));
            app.serve(&format!("forms-{number}.yml"), &text).await;
            names.push(format!("forms-{number}"));
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let job = |kind: &str, secret: Value, names: &[&str]| {
            let mut job = app.job(kind);
            job["secret"] = secret;
            job["manifests"] = manifests(&app, names);
            let config_map = job["config_map"].as_array_mut().unwrap();
            config_map.push(json!({"key": "from_config", "type": "string", "value": "c-{{ given }}"}));
            job
        };

        // What is not there yet, what is there, what changes, and what goes.
        let compared = written.run(&runner, "diff of new", job("diff", secret(&given), &names)).await;
        assert_done(&compared);
        let deployed = written.run(&runner, "deploy", job("deploy", secret(&given), &names)).await;
        assert_done(&deployed);
        let held: Api<Secret> = Api::namespaced(app.client.clone(), &app.namespace);
        let ByteString(made) = held.get("chandlery-generated").await.unwrap().data.unwrap()["made"].clone();
        written.watch("generated", std::str::from_utf8(&made).unwrap());
        let other = written.canary("given later");
        let changed = after(job("diff", secret(&other), &names), &deployed);
        let compared = written.run(&runner, "diff of changed", changed).await;
        assert_done(&compared);
        let Diff { objects, .. } = compared.result.diff.unwrap();
        assert_eq!(objects.len(), 3, "given, templated and what a config map makes of it");
        assert!(objects[0].text.contains("+  upper: •••••• (changed)\n"), "{}", objects[0].text);
        assert!(objects[0].text.contains("title = The web\n"), "{}", objects[0].text);
        // What was made of a secret is one also where the next manifest says something else.
        for number in 0..secrets.len() {
            let plain = format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: forms-{number}, annotations: {{x/back: plain}}}}\ndata: {{upper: plain, half: plain, conf: 'a = 1'}}\n"
            );
            app.serve(&format!("plain-{number}.yml"), &plain).await;
        }
        let plain = ["plain-0", "plain-1", "plain-2", "plain-3", "plain-4"];
        let plain = after(job("diff", secret(&given), &plain), &deployed);
        let compared = written.run(&runner, "diff of plain", plain).await;
        assert_done(&compared);
        assert_eq!(compared.result.diff.unwrap().objects.len(), 5);
        let fewer = after(job("diff", secret(&given), &names[..2]), &deployed);
        assert_done(&written.run(&runner, "diff of fewer", fewer).await);
        let again = after(job("deploy", secret(&given), &names), &deployed);
        assert_done(&written.run(&runner, "deploy again", again).await);

        for (what, text) in FAULTS {
            for name in ["given", "templated", "structured.p", "made", "from_config"] {
                app.serve(&format!("{what}-{name}.yml").replace(' ', "-"), &text.replace("SECRET", name)).await;
                let file = format!("{what}-{name}").replace(' ', "-");
                for kind in ["preview", "diff", "deploy"] {
                    let mut job = after(job(kind, secret(&given), &[&file]), &deployed);
                    if kind == "preview" {
                        job["app"] = Value::Null;
                        job["cluster"] = Value::Null;
                    }
                    let outcome = written.run(&runner, &format!("{kind} of {what}, {name}"), job).await;
                    let problems = outcome.result.preview.map_or(0, |preview| preview.problems.len());
                    let told = outcome.error.is_some() || problems > 0;
                    assert!(told || kind == "preview", "{kind} of {what}, {name}");
                }
            }
        }
        for kind in ["refresh", "stop", "start", "restart", "password", "reset"] {
            let mut job = after(job(kind, secret(&given), &names), &deployed);
            job["options"] = json!({"key": "given", "public_key": "bm8ga2V5", "reset": "empty"});
            written.run(&runner, kind, job).await;
        }
        let delete = after(job("delete", secret(&given), &names), &deployed);
        assert_done(&written.run(&runner, "delete", delete).await);
        written.search(&app).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_part_of_productions_secrets_is_in_anything_that_a_reset_writes() {
    with_app(|app| async move {
        with_app(|production| async move {
            let runner = runner();
            let mut written = Written::default();
            let beside = written
                .run(&runner, "deploy of production", production.job("deploy"))
                .await;
            assert_done(&beside);
            let held: Api<Secret> =
                Api::namespaced(production.client.clone(), &production.namespace);
            let data = held.get("chandlery-generated").await.unwrap().data.unwrap();
            let ByteString(password) = &data["postgres_password"];
            written.watch("production", std::str::from_utf8(password).unwrap());
            assert_done(&written.run(&runner, "deploy", app.job("deploy")).await);
            let secret = "production.secrets.postgres_password";
            let faults = FAULTS
                .iter()
                .map(|(what, text)| (*what, text.replace("SECRET", secret)));
            let all = faults.chain([("forms", FORMS.replace("SECRET", secret))]);
            for (what, text) in all {
                let file = what.replace(' ', "-");
                app.serve(&format!("{file}.yml"), &text).await;
                let mut job = app.job("reset");
                job["options"] = json!({"reset": "manifests"});
                job["reset_manifests"] = manifests(&app, &[&file]);
                job["production"] = json!({
                    "app": production.id, "uid": production.uid, "name": "web", "environment": "live",
                    "namespace": production.namespace,
                    "hostname": "web.apps.localhost", "url": "http://web",
                });
                let outcome = written.run(&runner, &format!("reset by {what}"), job).await;
                assert_eq!(
                    outcome.error.is_none(),
                    what == "forms",
                    "{what}: {:?}",
                    outcome.error
                );
            }
            written.search(&app).await;
        })
        .await;
    })
    .await;
}
