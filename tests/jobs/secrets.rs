//! F3, F4: what jobs tell does not depend on secrets, whatever a manifest makes of them: for all secrets of one shape it is
//! the same, byte for byte.

use tracing::instrument::WithSubscriber;
use tracing_subscriber::layer::SubscriberExt;

use super::canaries::Log;
use super::*;

/// What a cluster has, and no secret.
const BASE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '7', w: '4711', hunter2Hunter2: x}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {app: a}, ports: [{port: 80}]}\n";
/// In a template, between two objects.
const OBJECT: &str = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n";

/// Two of each shape. No stand-in has their second letter.
const SECRETS: [(&str, u16, &str); 2] =
    [("hunter2Hunter2", 4711, "7"), ("zebras7Giraff9", 1234, "3")];

fn with_secrets(mut job: Value, (secret, pin, digit): (&str, u16, &str)) -> Value {
    job["secret"] = json!([
        {"key": "secret", "type": "string", "value": secret, "generate": null},
        {"key": "pin", "type": "yaml", "value": pin.to_string(), "generate": null},
        {"key": "digit", "type": "string", "value": digit, "generate": null},
    ]);
    job
}

fn with_manifest(app: &App, mut job: Value, file: &str) -> Value {
    job["manifests"] = json!([{"id": 1, "title": "Manifest 7", "url": format!("{}/{file}?7=4711", app.server.uri())}]);
    job
}

/// All that a job tells: its outcome, its steps and what is logged.
async fn told(runner: &Runner, job: Value) -> (Outcome, String) {
    let log = Log::default();
    let to = log.clone();
    let layer = chandlery::telemetry::logs::layer("info", false, move || to.clone());
    let subscriber = tracing_subscriber::registry().with(layer);
    let (outcome, steps) = run(runner, job).with_subscriber(subscriber).await;
    let mut all = serde_json::to_string_pretty(&outcome).unwrap();
    if let Some(error) = &outcome.error {
        all += &error.drawn(100, false);
    }
    for step in steps {
        all += &format!("\n{:?} {:?} {}", step.code, step.state, step.message);
    }
    for line in log.text().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        all += &format!("\n{} {}", line["level"], line["message"]);
    }
    (outcome, all)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_jobs_tell_is_the_same_for_all_secrets_of_one_shape() {
    with_app(|app| async move {
        let runner = runner();
        app.serve("base.yml", BASE).await;
        let templates = [
            // What the manifest itself says may be a guess, or what somebody else's template makes.
            "data: {x: '7', w: '3 a 4711 1234', hunter2Hunter2: x, zebras7Giraff9: '{{ secret }}', n: '{{ digit }}'}",
            "data: {x: 'h u n t e r z b a s', w: '{{ secret[0] }}', z: '{{ secret[1:3] }}'}",
            "data:\n  x: |\n    hunter2Hunter2: {{ secret }}\n    4711 = {{ secret | hash('md5') }}\n    zebras7Giraff9\n",
            // Places.
            "data: {x: '{{ digit }}'\n# 7 hunter2Hunter2 4711",
            "data:\n{% for c in secret %}\n  k{{ loop.index }}: {{ 1 if c in 'eu' else 'x' }}\n{% endfor %}",
            "data: {x: '{{ undef(hint=secret) if secret[1] in 'eu' else 'x' }}'}",
            "data: {x: '{{ [1, 2][pin] }}'}",
            "data: {x: '{{ 1 // (pin - 4711) // (pin - 1234) }}'}",
            "data: {'{{ secret }}': x}",
            "data: {x: y, '{{ 'x' if secret[1] in 'eu' else 'z' }}': z}",
            "  labels: {x: '{{ secret }}!'}\n",
            // Numbers of things.
            "{% for n in range(pin % 1000 // 10) %}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c{{ n }}}\n{% endfor %}",
            // What the policy refuses.
            "  finalizers: ['{{ secret }}/x']",
            "{% if secret[1] in 'eu' %}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {hostNetwork: true, containers: [{name: a, image: b}]}\n{% endif %}",
            "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: p}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: '{{ pin * 1000 }}Gi'}}}",
            // What the API server refuses: whatever the secret is, and only this one.
            "data: {x: {{ pin }}}",
            "---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {app: a}, clusterIP: '{{ secret }}', ports: [{port: 80}]}",
            "---\napiVersion: v1\nkind: Service\nmetadata: {name: t7}\nspec: {selector: {app: a}, ports: [{port: {{ pin + (70000 if secret[1] in 'eu' else 0) }}}]}",
            "---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {app: a}, ports: [{port: {{ pin + (70000 if secret[1] in 'eu' else 0) }}}]}",
        ];
        let deployed = SECRETS.map(|secrets| {
            let job = with_manifest(&app, app.job("deploy"), "base.yml");
            with_secrets(job, secrets)
        });
        for round in ["new", "there"] {
            if round == "there" {
                let [first, _] = &deployed;
                assert_done(&run(&runner, first.clone()).await.0);
            }
            for (number, template) in templates.iter().enumerate() {
                let file = format!("{round}-{number}.yml");
                app.serve(&file, &format!("{BASE}{OBJECT}{template}\n")).await;
                let mut is_refused = false;
                for kind in ["preview", "diff", "deploy"] {
                    // Applying the second would find what the first has left.
                    if kind == "deploy" && !(round == "there" && is_refused) {
                        continue;
                    }
                    let mut job = with_manifest(&app, app.job(kind), &file);
                    if kind == "preview" {
                        job["app"] = Value::Null;
                        job["cluster"] = Value::Null;
                    }
                    let [one, two] = SECRETS.map(|secrets| with_secrets(job.clone(), secrets));
                    if kind == "deploy" {
                        // What can be made before something is refused is there for both then.
                        told(&runner, one.clone()).await;
                    }
                    let (outcome, one) = told(&runner, one).await;
                    is_refused = outcome.state == OutcomeState::Failed;
                    let (_, two) = told(&runner, two).await;
                    assert_eq!(one, two, "{kind} of {template}");
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_server_has_against_a_secret_names_no_object() {
    with_app(|app| async move {
        let runner = runner();
        app.serve("base.yml", BASE).await;
        let base = with_secrets(with_manifest(&app, app.job("deploy"), "base.yml"), SECRETS[0]);
        assert_done(&run(&runner, base).await.0);
        let port = "---\napiVersion: v1\nkind: Service\nmetadata: {name: t}\nspec: {selector: {app: a}, ports: [{port: {{ pin + (70000 if secret[1] in 'eu' else 0) }}}]}\n";
        app.serve("port.yml", &format!("{BASE}{port}")).await;
        for kind in ["diff", "deploy"] {
            let job = with_secrets(with_manifest(&app, app.job(kind), "port.yml"), SECRETS[0]);
            let (outcome, _) = run(&runner, job).await;
            let error = outcome.error.unwrap();
            assert_eq!(error.code.as_str(), "secret_dependent", "{error}");
            assert_eq!((error.object, error.line, error.field), (None, None, None));
        }
    })
    .await;
}

/// F4: a stand-in is not what the secret is not.
#[tokio::test(flavor = "multi_thread")]
async fn many_previews_do_not_show_a_secret_by_what_they_leave_out() {
    with_app(|app| async move {
        let texts = [
            "a: {{ undef(hint='<' ~ digit ~ '>') }}",
            "{% for n in range(digit | int) %}\n{% endfor %}\nb: [",
            "{{ {'2': 1}[digit] }}{{ {'3': 1}[digit] }}",
        ];
        for (number, text) in texts.iter().enumerate() {
            let file = format!("{number}.yml");
            app.serve(&file, &format!("{OBJECT}{text}\n")).await;
            let mut job = with_manifest(&app, app.job("preview"), &file);
            job["app"] = Value::Null;
            job["cluster"] = Value::Null;
            let mut all = Vec::new();
            for digit in ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"] {
                let job = with_secrets(job.clone(), ("x", 1, digit));
                all.push(told(&Runner::new(&settings()).unwrap(), job).await.1);
            }
            all.dedup();
            assert_eq!(all.len(), 1, "{text}: {} {}", all[0], all[all.len() - 1]);
        }
    })
    .await;
}
