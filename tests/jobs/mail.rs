//! Mail domains, invitations and first passwords, with Mailgun's double.

use std::io::Write;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use secrecy::ExposeSecret;
use tracing::instrument::WithSubscriber;

use super::*;
use crate::double::{Double, KEY};

/// A Deployment that uses the mail login, as soon as there is one, and one that needs no restart for it.
const MAILER: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: mailer}
spec:
  selector: {matchLabels: {app: mailer}}
  template:
    metadata: {labels: {app: mailer}}
    spec:
      containers:
        - name: mailer
          image: "{{ image }}"
          env:
            - name: SMTP_HOST
              valueFrom: {secretKeyRef: {name: chandlery-smtp, key: host, optional: true}}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: follower
  annotations: {chandlery.dev/no-restart: mail}
spec:
  selector: {matchLabels: {app: follower}}
  template:
    metadata: {labels: {app: follower}}
    spec:
      containers:
        - name: follower
          image: "{{ image }}"
          volumeMounts: [{name: smtp, mountPath: /etc/smtp}]
      volumes: [{name: smtp, secret: {secretName: chandlery-smtp, optional: true}}]
"#;

/// A password with everything that HTML has a meaning for.
const PASSWORD: &str = r#"a<b>&"c'd/#{e}"#;

/// The worker's settings with the double's account, as a file gives them.
fn with_mailgun(double: &Double) -> Settings {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        path.display().to_string()
    };
    let settings = format!(
        "[odoo]\nurl = 'http://127.0.0.1:1'\nkey_file = '{}'\n[mailgun]\nkey_file = '{}'\nurl = '{}'\n\
         [clusters.demo]\nkubeconfig = '{}'\n[deploy]\nready_seconds = {READY_SECONDS}\n{}",
        file("odoo-key", "x"),
        file("mailgun-key", KEY),
        double.urls["us"],
        common::worker_kubeconfig().display(),
        MANIFESTS,
    );
    Settings::load(Some(file("chandlery.toml", &settings).as_ref())).unwrap()
}

/// A deploy with [`MAILER`] beside the usual manifests.
fn deploy(app: &App) -> Value {
    let mut job = app.job("deploy");
    let url = format!("{}/mailer.yml", app.server.uri());
    let mailer = json!({"id": 3, "title": "Mailer", "url": url});
    job["manifests"].as_array_mut().unwrap().push(mailer);
    job
}

struct Scene {
    app: Arc<App>,
    double: Double,
    runner: Runner,
}

impl Scene {
    /// A deployed app and an account.
    async fn new(app: Arc<App>) -> Self {
        let double = Double::start();
        let runner = Runner::new(&with_mailgun(&double)).unwrap();
        app.serve("mailer.yml", MAILER).await;
        let (outcome, _) = run(&runner, deploy(&app)).await;
        assert_done(&outcome);
        Self {
            app,
            double,
            runner,
        }
    }

    fn hostname(&self) -> String {
        format!("{}.apps.localhost", self.app.namespace)
    }

    async fn run(&self, job: Value) -> (Outcome, Vec<Step>) {
        run(&self.runner, job).await
    }

    async fn mail_domain(&self) -> (Outcome, Vec<Step>) {
        self.run(self.app.job("mail_domain")).await
    }

    /// What the Secret of this name holds.
    async fn secret(&self, name: &str) -> Option<Value> {
        let secrets: Api<Secret> = Api::namespaced(self.app.client.clone(), &self.app.namespace);
        let data = secrets.get_opt(name).await.unwrap()?.data?;
        let text = |ByteString(bytes)| String::from_utf8(bytes).unwrap();
        Some(
            data.into_iter()
                .map(|(key, value)| (key, json!(text(value))))
                .collect(),
        )
    }

    async fn change_secret(&self, name: &str, patch: Value) {
        let secrets: Api<Secret> = Api::namespaced(self.app.client.clone(), &self.app.namespace);
        let params = PatchParams::default();
        secrets
            .patch(name, &params, &Patch::Merge(patch))
            .await
            .unwrap();
    }

    async fn delete_secret(&self, name: &str) {
        let secrets: Api<Secret> = Api::namespaced(self.app.client.clone(), &self.app.namespace);
        secrets
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }

    fn endpoints(&self) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("externaldns.k8s.io", "v1alpha1", "DNSEndpoint");
        let resource = ApiResource::from_gvk(&kind);
        Api::namespaced_with(self.app.client.clone(), &self.app.namespace, &resource)
    }

    /// What external-dns would do.
    async fn publish(&self) {
        let endpoint = self.endpoints().get("chandlery-mail").await.unwrap();
        let mut endpoint = serde_json::to_value(endpoint).unwrap();
        endpoint["kind"] = json!("DNSEndpoint");
        self.double.post("dns", endpoint).await;
    }

    async fn logs_in(&self) -> bool {
        let secret = self.secret("chandlery-smtp").await.unwrap();
        let text = |key: &str| secret[key].as_str().unwrap().to_owned();
        self.double
            .lets_in(&text("username"), &text("password"))
            .await
    }

    /// For which writing of the Secret a Deployment was restarted last.
    async fn restarted(&self, deployment: &str) -> Option<String> {
        let api: Api<Deployment> = Api::namespaced(self.app.client.clone(), &self.app.namespace);
        let template = api.get(deployment).await.unwrap().spec.unwrap().template;
        template
            .metadata?
            .annotations?
            .get("chandlery.dev/smtp")
            .cloned()
    }

    /// An invitation whose placeholder stands for the app's generated password.
    fn invitation(&self) -> Value {
        let mut job = self.app.job("invitation");
        let host = self.hostname();
        job["app"]["mail_domain"] = json!(host);
        job["message"] = json!({
            "from": format!("Harbour Hosting <noreply@{host}>"),
            "to": ["Customer <customer@demo.example>"],
            "reply_to": "hello@harbour.example",
            "subject": "Your app is ready",
            "html": "<p>Password: chandlery-password-5d1c2b</p>",
            "text": "Password: chandlery-password-5d1c2b\n",
            "password": {"placeholder": "chandlery-password-5d1c2b", "key": "postgres_password"},
        });
        job
    }

    async fn mails(&self) -> Vec<Value> {
        let mails = self.double.get("messages").await;
        mails.as_array().unwrap().clone()
    }

    async fn invited_by(&self) -> Option<String> {
        let api: Api<Namespace> = Api::all(self.app.client.clone());
        let namespace = api.get(&self.app.namespace).await.unwrap();
        namespace
            .metadata
            .annotations?
            .get("chandlery.dev/invitation")
            .cloned()
    }
}

async fn with_scene<F: Future<Output = ()> + Send + 'static>(
    test: impl FnOnce(Scene) -> F + Send + 'static,
) {
    with_app(|app| async move { test(Scene::new(app).await).await }).await;
}

/// What goes to Odoo and into the log: nothing of it may be secret.
fn told(outcome: &Outcome, steps: &[Step]) -> String {
    format!("{} {steps:?} {outcome:?}", json!(outcome))
}

fn states(steps: &[Step]) -> Vec<StepState> {
    steps.iter().map(|step| step.state).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_gets_its_mail_domain_with_records_published_and_a_login_in_the_cluster_only() {
    with_scene(|scene| async move {
        let (first, steps) = scene.mail_domain().await;
        assert_done(&first);
        use StepCode::*;
        use StepState::{Done, Warning};
        assert_eq!(
            shown(&steps),
            [(MailDomain, Done), (DnsRecords, Done), (Verification, Warning), (SmtpCredentials, Done)]
        );
        let host = scene.hostname();
        assert_eq!(message(&steps, MailDomain), format!("{host} is registered at Mailgun (us)"));
        assert_eq!(message(&steps, DnsRecords), "5 records published");
        assert!(
            message(&steps, Verification).ends_with(&format!(", TXT {host}")),
            "{steps:?}"
        );
        assert_eq!(
            message(&steps, SmtpCredentials),
            "Secret chandlery-smtp created; Deployment/mailer restarted to use it"
        );
        let result = json!(first.result.mail_domain);
        assert_eq!(
            (&result["name"], &result["state"], &result["published"]),
            (&json!(host), &json!("unverified"), &json!(true))
        );
        assert_eq!(result["records"].as_array().unwrap().len(), 5);
        assert!(result["records"].as_array().unwrap().contains(&json!({
            "purpose": "receiving", "type": "MX", "name": host, "value": "mxa.mailgun.org", "priority": 10,
            "validity": "unknown",
        })));

        let secret = scene.secret("chandlery-smtp").await.unwrap();
        assert_eq!(secret["host"], "smtp.mailgun.org");
        assert_eq!(secret["port"], "587");
        assert_eq!(secret["username"], format!("noreply@{host}"));
        assert_eq!(secret["from"], format!("noreply@{host}"));
        let password = secret["password"].as_str().unwrap();
        assert_eq!(password.len(), 32);
        assert!(scene.logs_in().await);
        let told = told(&first, &steps);
        assert!(!told.contains(password) && !told.contains(KEY), "{told}");

        let object = scene.endpoints().get("chandlery-mail").await.unwrap();
        let labels = object.metadata.labels.as_ref().unwrap();
        assert_eq!(labels["chandlery.dev/uid"], scene.app.uid);
        assert_eq!(labels["chandlery.dev/instance"], DATABASE);
        let endpoints = object.data["spec"]["endpoints"].as_array().unwrap();
        assert_eq!(endpoints.len(), 4, "{endpoints:?}");
        assert!(endpoints.contains(&json!({
            "dnsName": host, "recordType": "MX", "targets": ["10 mxa.mailgun.org", "10 mxb.mailgun.org"],
        })));

        // external-dns publishes them; the next job finds the domain verified and changes nothing.
        scene.publish().await;
        let restarted = scene.restarted("mailer").await;
        assert!(restarted.is_some());
        assert_eq!(scene.restarted("web").await, None, "it has no use for the login");
        assert_eq!(scene.restarted("follower").await, None, "it follows by itself");
        let (second, steps) = scene.mail_domain().await;
        assert_done(&second);
        assert_eq!(states(&steps), [Done; 4]);
        assert_eq!(message(&steps, MailDomain), format!("{host} was registered at Mailgun (us) before"));
        assert_eq!(message(&steps, Verification), "Mailgun sees the DNS records");
        assert_eq!(message(&steps, SmtpCredentials), "Secret chandlery-smtp unchanged");
        let result = json!(second.result.mail_domain);
        assert_eq!((&result["state"], &result["message"]), (&json!("active"), &json!("")));
        assert!(
            result["records"].as_array().unwrap().iter()
                .filter(|record| record["type"] == "TXT")
                .all(|record| record["validity"] == "valid"),
            "the long key, too: {result}"
        );
        assert_eq!(scene.secret("chandlery-smtp").await.unwrap()["password"], password);
        assert_eq!(scene.restarted("mailer").await, restarted, "not again");
        assert_eq!(scene.double.domains().await, [host]);

        // A deploy leaves the login and the records alone, and restarts nothing.
        let (outcome, _) = scene.run(deploy(&scene.app)).await;
        assert_done(&outcome);
        assert_eq!(scene.restarted("mailer").await, restarted);
        assert!(scene.secret("chandlery-smtp").await.is_some());
        assert!(scene.endpoints().get_opt("chandlery-mail").await.unwrap().is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_killed_after_any_request_to_mailgun_is_healed_by_the_next() {
    with_scene(|scene| async move {
        // The connection ends after Mailgun has done what it was asked: registered, verified, set the password.
        for (method, path) in [
            ("POST", "/v4/domains"),
            ("PUT", "/verify"),
            ("POST", "/credentials"),
        ] {
            scene
                .double
                .fault(json!({"fault": "cut", "when": "after", "method": method, "path": path}))
                .await;
            let (outcome, _) = scene.mail_domain().await;
            assert_eq!(
                outcome.state,
                OutcomeState::Retry,
                "{path}: {:?}",
                outcome.error
            );
            assert_eq!(outcome.error.unwrap().code.as_str(), "mailgun_unreachable");
            assert_eq!(scene.secret("chandlery-smtp").await, None);
        }
        let (outcome, _) = scene.mail_domain().await;
        assert_done(&outcome);
        assert!(
            scene.logs_in().await,
            "though Mailgun had a password that nobody knew"
        );
        assert_eq!(scene.double.domains().await, [scene.hostname()]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_was_lost_on_either_side_is_made_good() {
    with_scene(|scene| async move {
        assert_done(&scene.mail_domain().await.0);
        let first = scene.secret("chandlery-smtp").await.unwrap()["password"].clone();
        let restarted = scene.restarted("mailer").await;

        // The Secret is gone: another password, and the pods get it.
        scene.delete_secret("chandlery-smtp").await;
        assert_done(&scene.mail_domain().await.0);
        assert_ne!(
            scene.secret("chandlery-smtp").await.unwrap()["password"],
            first
        );
        assert!(scene.logs_in().await);
        let again = scene.restarted("mailer").await;
        assert_ne!(again, restarted);

        // Killed between storing and restarting: the mark on the Secret is still there.
        let pending = json!({"metadata": {"annotations": {"chandlery.dev/restart-pending": "1"}}});
        scene.change_secret("chandlery-smtp", pending).await;
        let (outcome, steps) = scene.mail_domain().await;
        assert_done(&outcome);
        assert_eq!(
            message(&steps, StepCode::SmtpCredentials),
            "Secret chandlery-smtp unchanged; Deployment/mailer restarted to use it"
        );
        assert_eq!(scene.restarted("mailer").await.as_deref(), Some("1"));

        // Somebody writes another password there: Mailgun takes it over.
        let password = json!({"stringData": {"password": "set-by-hand"}});
        scene.change_secret("chandlery-smtp", password).await;
        assert!(!scene.logs_in().await);
        assert_done(&scene.mail_domain().await.0);
        assert!(scene.logs_in().await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_somebody_else_has_is_told_clearly_and_the_app_runs_on() {
    with_scene(|scene| async move {
        scene
            .double
            .post("taken", json!({"name": scene.hostname()}))
            .await;
        let (outcome, steps) = scene.mail_domain().await;
        assert_eq!(outcome.state, OutcomeState::Failed);
        let error = outcome.error.as_ref().unwrap();
        assert_eq!(error.code.as_str(), "mail_domain_taken");
        assert!(error.hint.is_some());
        assert_eq!(shown(&steps), [(StepCode::MailDomain, StepState::Failed)]);
        assert_eq!(
            outcome.result.observation, None,
            "nothing is said of the app"
        );
        let (refreshed, _) = scene.run(scene.app.job("refresh")).await;
        assert_eq!(
            refreshed.result.observation.unwrap().state,
            ObservedState::Running
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_domain_is_told_in_mailguns_words() {
    with_scene(|scene| async move {
        assert_done(&scene.mail_domain().await.0);
        let state = json!({"state": "disabled", "reason": "Too many bounces"});
        scene
            .double
            .post(&format!("domains/{}", scene.hostname()), state)
            .await;
        let (outcome, _) = scene.mail_domain().await;
        assert_eq!(outcome.state, OutcomeState::Failed);
        let error = outcome.error.unwrap();
        assert_eq!(error.code.as_str(), "mail_domain_disabled");
        assert!(error.message.contains("Too many bounces"), "{error}");
        let told = outcome.result.mail_domain.unwrap();
        assert!(
            told.published && told.message.contains("Too many bounces"),
            "{told:?}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_not_in_the_cluster_gets_no_domain() {
    with_app(|app| async move {
        let double = Double::start();
        let runner = Runner::new(&with_mailgun(&double)).unwrap();
        for kind in ["mail_domain", "password"] {
            let mut job = app.job(kind);
            job["options"] = json!({"key": "postgres_password", "public_key": browser_key()});
            let (outcome, _) = run(&runner, job).await;
            assert_eq!(outcome.state, OutcomeState::Failed);
            assert_eq!(
                outcome.error.unwrap().code.as_str(),
                "namespace_missing",
                "{kind}"
            );
        }
        assert!(double.domains().await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_others_under_our_names_are_not_taken_over() {
    with_scene(|scene| async move {
        let foreign = Secret {
            metadata: ObjectMeta {
                name: Some("chandlery-smtp".to_owned()),
                ..ObjectMeta::default()
            },
            ..Secret::default()
        };
        let secrets: Api<Secret> = Api::namespaced(scene.app.client.clone(), &scene.app.namespace);
        secrets
            .create(&PostParams::default(), &foreign)
            .await
            .unwrap();
        let endpoint = json!({
            "apiVersion": "externaldns.k8s.io/v1alpha1", "kind": "DNSEndpoint",
            "metadata": {"name": "chandlery-mail"}, "spec": {"endpoints": []},
        });
        let endpoint: DynamicObject = serde_json::from_value(endpoint).unwrap();
        scene
            .endpoints()
            .create(&PostParams::default(), &endpoint)
            .await
            .unwrap();

        let (outcome, steps) = scene.mail_domain().await;
        assert_eq!(outcome.error.unwrap().code.as_str(), "object_foreign");
        let records = steps
            .iter()
            .find(|step| step.code == StepCode::DnsRecords)
            .unwrap();
        assert_eq!(records.state, StepState::Warning, "people can set them");
        assert!(!outcome.result.mail_domain.unwrap().published);
        assert_eq!(scene.secret("chandlery-smtp").await, None, "still empty");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_the_app_releases_its_domain() {
    with_scene(|scene| async move {
        assert_done(&scene.mail_domain().await.0);
        let host = scene.hostname();
        let delete = |keep_volumes: bool| {
            let mut job = scene.app.job("delete");
            job["options"] = json!({"keep_volumes": keep_volumes});
            job["app"]["mail_domain"] = json!(host);
            job
        };
        // Mailgun is out of order: the app goes, and what is left is told.
        scene
            .double
            .fault(json!({"fault": "server_error", "method": "DELETE"}))
            .await;
        let (outcome, steps) = scene.run(delete(true)).await;
        assert_done(&outcome);
        assert_eq!(
            shown(&steps),
            [
                (StepCode::Deleting, StepState::Done),
                (StepCode::MailDomain, StepState::Warning)
            ]
        );
        assert_eq!(json!(outcome.result.mail_domain)["state"], "unverified");
        assert_eq!(scene.double.domains().await, std::slice::from_ref(&host));
        assert_eq!(scene.secret("chandlery-smtp").await, None);
        assert!(
            scene.secret("chandlery-generated").await.is_some(),
            "the volumes need it"
        );
        assert!(
            scene
                .endpoints()
                .get_opt("chandlery-mail")
                .await
                .unwrap()
                .is_none()
        );

        // What only a person can put right is a warning: the app is deleted all the same.
        scene
            .double
            .fault(json!({"fault": "unauthorized", "method": "DELETE"}))
            .await;
        let (outcome, steps) = scene.run(delete(true)).await;
        assert_done(&outcome);
        assert_eq!(steps.last().unwrap().state, StepState::Warning);
        let told = json!(outcome.result.mail_domain);
        assert_eq!(told["state"], "unverified");
        assert!(
            told["message"]
                .as_str()
                .unwrap()
                .contains("still at Mailgun"),
            "{told}"
        );

        for word in ["is released at Mailgun", "is not at Mailgun any more"] {
            let (outcome, steps) = scene.run(delete(false)).await;
            assert_done(&outcome);
            assert_eq!(steps.last().unwrap().message, format!("{host} {word}"));
            assert_eq!(json!(outcome.result.mail_domain)["state"], "released");
            assert!(scene.double.domains().await.is_empty());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_domain_is_released_by_itself_and_waits_where_mailgun_is_out_of_order() {
    with_scene(|scene| async move {
        assert_done(&scene.mail_domain().await.0);
        let host = scene.hostname();
        let mut job = scene.app.job("mail_release");
        job["app"]["mail_domain"] = json!(host);
        scene
            .double
            .fault(json!({"fault": "server_error", "method": "DELETE"}))
            .await;
        let (outcome, steps) = scene.run(job.clone()).await;
        assert_eq!(outcome.state, OutcomeState::Retry);
        assert_eq!(shown(&steps), [(StepCode::MailDomain, StepState::Failed)]);
        assert_eq!(scene.double.domains().await, std::slice::from_ref(&host));
        // Mailgun does it, and the answer is lost, as is all that a killed worker would have told.
        scene
            .double
            .fault(json!({"fault": "cut", "when": "after", "method": "DELETE"}))
            .await;
        scene.run(job.clone()).await;
        for _ in 0..2 {
            let (outcome, steps) = scene.run(job.clone()).await;
            assert_done(&outcome);
            assert_eq!(shown(&steps), [(StepCode::MailDomain, StepState::Done)]);
            assert_eq!(json!(outcome.result.mail_domain)["state"], "released");
            assert!(scene.double.domains().await.is_empty());
        }
        assert!(
            scene.secret("chandlery-generated").await.is_some(),
            "the app is still there"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_by_a_worker_without_an_account_says_that_the_domain_is_left() {
    with_app(|app| async move {
        let mut job = app.job("delete");
        job["app"]["mail_domain"] = json!("shop.apps.localhost");
        let (outcome, steps) = run(&runner(), job).await;
        assert_done(&outcome);
        assert_eq!(steps.last().unwrap().state, StepState::Warning);
        assert_eq!(json!(outcome.result.mail_domain)["state"], "unverified");
        let (outcome, _) = run(&runner(), app.job("mail_domain")).await;
        assert_eq!(
            outcome.state,
            OutcomeState::Retry,
            "it goes to another worker"
        );
        assert_eq!(outcome.error.unwrap().code.as_str(), "mailgun_unset");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_invitation_holds_the_password_and_nobody_else_is_told_it() {
    with_scene(|scene| async move {
        assert_done(&scene.mail_domain().await.0);
        let data = json!({"stringData": {"postgres_password": PASSWORD}});
        scene.change_secret("chandlery-generated", data).await;
        let (outcome, steps) = scene.run(scene.invitation()).await;
        assert_done(&outcome);
        assert_eq!(shown(&steps), [(StepCode::Invitation, StepState::Done)]);
        assert_eq!(
            message(&steps, StepCode::Invitation),
            "Sent to customer@demo.example"
        );

        let mails = scene.mails().await;
        assert_eq!(mails.len(), 1);
        let mail = &mails[0];
        let shown = mail.to_string();
        assert!(!shown.contains("chandlery-password-5d1c2b"), "{shown}");
        let field = |name: &str| mail[name].as_str().unwrap().to_owned();
        assert_eq!(field("text").trim_end(), format!("Password: {PASSWORD}"));
        assert!(
            field("html").contains("a&lt;b&gt;&amp;&#34;c&#39;d/#{e}"),
            "{shown}"
        );
        assert!(shown.contains("hello@harbour.example"), "{shown}");

        let id = outcome.result.message_id.clone().unwrap();
        assert!(
            id.starts_with('<') && shown.contains(&id[1..id.len() - 1]),
            "{id} {shown}"
        );
        assert_eq!(
            scene.invited_by().await,
            Some(format!("{:032x}", scene.app.id))
        );
        assert!(!told(&outcome, &steps).contains(PASSWORD));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_invitation_is_sent_from_the_operators_domain_where_the_settings_name_it_and_from_no_other()
 {
    with_scene(|scene| async move {
        let own = "mail.harbour.example";
        scene.double.post("domains", json!({"name": own})).await;
        let mut job = scene.invitation();
        job["message"]["from"] = json!(format!("Harbour Hosting <noreply@{own}>"));
        let (outcome, _) = scene.run(job.clone()).await;
        assert_eq!(outcome.state, OutcomeState::Retry);
        let error = outcome.error.unwrap();
        assert_eq!(error.code.as_str(), "mail_sender");
        assert!(error.message.contains(&format!("'{own}'")), "{error}");
        assert_eq!(scene.mails().await.len(), 0);

        let mut settings = with_mailgun(&scene.double);
        settings.mailgun.sending_domain = own.to_owned();
        let (outcome, _) = run(&Runner::new(&settings).unwrap(), job).await;
        assert_done(&outcome);
        assert_eq!(scene.mails().await[0]["domain"], own);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_invitation_is_sent_once_and_again_only_by_another_job() {
    with_scene(|scene| async move {
        assert_done(&scene.mail_domain().await.0);
        // Mailgun takes the mail and the answer is lost.
        let lost = json!({"fault": "cut", "when": "after", "method": "POST", "path": "/messages"});
        scene.double.fault(lost).await;
        let (outcome, _) = scene.run(scene.invitation()).await;
        assert_eq!(
            outcome.state,
            OutcomeState::Failed,
            "not sent again by itself"
        );
        assert_eq!(outcome.error.unwrap().code.as_str(), "mail_unconfirmed");

        // The same for a worker that was killed there: the next attempt finds its own job's mark.
        let mut job = scene.invitation();
        job["attempt"] = json!(2);
        let (outcome, steps) = scene.run(job).await;
        assert_eq!(outcome.state, OutcomeState::Failed);
        let error = outcome.error.as_ref().unwrap();
        assert_eq!(
            (error.code.as_str(), error.retry),
            ("invitation_uncertain", false)
        );
        assert!(
            error
                .message
                .contains("customer@demo.example may have been sent"),
            "{error}"
        );
        assert!(
            error
                .hint
                .as_ref()
                .unwrap()
                .contains("Send Invitation Again"),
            "{error}"
        );
        assert_eq!(shown(&steps), [(StepCode::Invitation, StepState::Failed)]);
        assert_eq!(scene.mails().await.len(), 1);

        // On request: a job of its own.
        let mut job = scene.invitation();
        job["id"] = json!(scene.app.id + 1);
        assert_done(&scene.run(job).await.0);
        assert_eq!(scene.mails().await.len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_certainly_did_not_leave_is_sent_by_the_next_attempt() {
    with_scene(|scene| async move {
        assert_done(&scene.mail_domain().await.0);
        for fault in ["server_error", "html"] {
            scene
                .double
                .fault(
                    json!({"fault": fault, "status": 503, "method": "POST", "path": "/messages"}),
                )
                .await;
            let (outcome, _) = scene.run(scene.invitation()).await;
            assert_eq!(
                outcome.state,
                OutcomeState::Retry,
                "{fault}: {:?}",
                outcome.error
            );
            assert_eq!(scene.invited_by().await, None);
        }
        assert_done(&scene.run(scene.invitation()).await.0);
        assert_eq!(scene.mails().await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_password_that_is_set_or_left_out_or_missing() {
    with_scene(|scene| async move {
        assert_done(&scene.mail_domain().await.0);
        let mut set = scene.invitation();
        set["message"]["password"]["key"] = json!("chosen");
        set["secret"] =
            json!([{"key": "chosen", "type": "string", "value": "s3t-by-hand", "generate": null}]);
        let (outcome, steps) = scene.run(set).await;
        assert_done(&outcome);
        assert!(
            json!(scene.mails().await)
                .to_string()
                .contains("s3t-by-hand")
        );
        assert!(!told(&outcome, &steps).contains("s3t-by-hand"));

        let mut without = scene.invitation();
        without["id"] = json!(scene.app.id + 1);
        without["message"]["password"] = json!(null);
        assert_done(&scene.run(without).await.0);

        let mut missing = scene.invitation();
        missing["id"] = json!(scene.app.id + 2);
        missing["message"]["password"]["key"] = json!("nowhere");
        let (outcome, _) = scene.run(missing.clone()).await;
        assert_eq!(outcome.state, OutcomeState::Failed);
        let error = outcome.error.unwrap();
        assert_eq!(error.code.as_str(), "password_missing");
        assert!(error.message.contains("`nowhere`"), "{error}");
        assert_eq!(error.object.as_deref(), Some("Secret/chandlery-generated"));

        scene.delete_secret("chandlery-generated").await;
        missing["message"]["password"]["key"] = json!("postgres_password");
        let (outcome, _) = scene.run(missing).await;
        assert_eq!(outcome.error.unwrap().code.as_str(), "password_missing");
        assert_eq!(scene.mails().await.len(), 2);
    })
    .await;
}

/// A browser's public key that nobody has the other half of.
fn browser_key() -> &'static str {
    "BGsX0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tKfA+eFivOM1drMV7Oy7ZAaDe/UfU="
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_password_goes_to_one_browser_only() {
    with_app(|app| async move {
        let runner = runner();
        assert_done(&run(&runner, app.job("deploy")).await.0);
        let (browser, public_key) = browser::key_pair();
        let mut job = app.job("password");
        job["secret"] = json!([]);
        job["options"] = json!({"key": "postgres_password", "public_key": public_key});
        let (outcome, steps) = run(&runner, job.clone()).await;
        assert_done(&outcome);
        assert_eq!(shown(&steps), [(StepCode::Password, StepState::Done)]);
        assert_eq!(message(&steps, StepCode::Password), "");
        let secrets: Api<Secret> = Api::namespaced(app.client.clone(), &app.namespace);
        let data = secrets
            .get("chandlery-generated")
            .await
            .unwrap()
            .data
            .unwrap();
        let password = String::from_utf8(data["postgres_password"].0.clone()).unwrap();
        let sealed = outcome.result.password.as_ref().unwrap();
        assert_eq!(browser::open(browser, sealed), password);
        assert!(!told(&outcome, &steps).contains(&password));

        job["options"]["public_key"] = json!("AAAA");
        let (outcome, _) = run(&runner, job).await;
        assert_eq!(outcome.state, OutcomeState::Failed);
        assert_eq!(outcome.error.unwrap().code.as_str(), "password_public_key");
    })
    .await;
}

/// What the page in the browser does, by other libraries than the worker's.
mod browser {
    use aes_gcm::aead::{Aead, KeyInit};
    use aes_gcm::{Aes256Gcm, Key};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use chandlery::odoo::contract::Password;
    use hkdf::Hkdf;
    use p256::PublicKey;
    use p256::ecdh::EphemeralSecret;
    use p256::elliptic_curve::Generate;
    use p256::elliptic_curve::sec1::ToSec1Point;
    use sha2::Sha256;

    pub fn key_pair() -> (EphemeralSecret, String) {
        let secret = EphemeralSecret::generate();
        let point = secret.public_key().to_sec1_point(false);
        (secret, STANDARD.encode(point.as_bytes()))
    }

    pub fn open(secret: EphemeralSecret, sealed: &Password) -> String {
        let read = |text: &str| STANDARD.decode(text).unwrap();
        let worker = PublicKey::from_sec1_bytes(&read(&sealed.public_key)).unwrap();
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(None, secret.diffie_hellman(&worker).raw_secret_bytes())
            .expand(b"chandlery password v1", &mut key)
            .unwrap();
        let nonce: [u8; 12] = read(&sealed.nonce).try_into().unwrap();
        let text = Aes256Gcm::new(&Key::<Aes256Gcm>::from(key))
            .decrypt(&nonce.into(), read(&sealed.ciphertext).as_slice())
            .unwrap();
        String::from_utf8(text).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_secret_is_the_same_at_every_later_deploy_and_through_stop_start_and_reset() {
    with_app(|app| async move {
        let runner = runner();
        let values = async || {
            let secrets: Api<Secret> = Api::namespaced(app.client.clone(), &app.namespace);
            let data = secrets.get("chandlery-generated").await.unwrap().data.unwrap();
            let config_maps: Api<ConfigMap> = Api::namespaced(app.client.clone(), &app.namespace);
            let used = config_maps.get("settings").await.unwrap().data.unwrap();
            let text = |key: &str| String::from_utf8(data[key].0.clone()).unwrap();
            (text("postgres_password"), text("hex"), used["password"].clone())
        };
        let job = |kind: &str, last: &Outcome| {
            let mut job = after(app.job(kind), last);
            job["secret"].as_array_mut().unwrap().push(json!(
                {"key": "hex", "type": "string", "value": null, "generate": {"length": 64, "alphabet": "hex"}}
            ));
            if kind == "reset" {
                job["options"] = json!({"reset": "empty"});
            }
            job
        };
        let nothing = Outcome {
            state: OutcomeState::Done,
            error: None,
            result: Default::default(),
        };
        let mut first = job("deploy", &nothing);
        first["app"]["inventory"] = json!([]);
        let (mut last, _) = run(&runner, first).await;
        assert_done(&last);
        let made = values().await;
        assert_eq!((made.0.len(), made.1.len()), (24, 64));
        assert!(made.0.chars().all(|c| c.is_ascii_alphanumeric()), "{}", made.0);
        assert!(
            made.1.chars().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase()),
            "{}",
            made.1
        );
        assert_eq!(made.0, made.2, "it is what the app is given");

        for kind in ["deploy", "stop", "start", "restart", "reset", "deploy"] {
            let mut next = job(kind, &last);
            // Another rule changes nothing: what the data was made with counts.
            next["secret"][0]["generate"] = json!({"length": 8, "alphabet": "ascii"});
            let (outcome, steps) = run(&runner, next).await;
            assert_done(&outcome);
            assert_eq!(values().await, made, "after {kind}");
            let told = told(&outcome, &steps);
            assert!(!told.contains(&made.0) && !told.contains(&made.1), "{kind}: {told}");
            if outcome.result.inventory.is_some() {
                last = outcome;
            }
        }
    })
    .await;
}

/// What a worker logs, where a test can read it.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_ever_logged_however_much_is_logged() {
    with_scene(|scene| async move {
        let log = Log::default();
        let subscriber = {
            let log = log.clone();
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_writer(move || log.clone())
                .finish()
        };
        let (_, public_key) = browser::key_pair();
        let mut password = scene.app.job("password");
        password["options"] = json!({"key": "postgres_password", "public_key": public_key});
        let mut delete = scene.app.job("delete");
        delete["app"]["mail_domain"] = json!(scene.hostname());
        let mut secrets = vec![KEY.to_owned(), STANDARD.encode(format!("api:{KEY}"))];
        let jobs = async {
            // Faults make it say more.
            for path in ["/v4/domains", "/credentials", "/messages"] {
                let fault = json!({"fault": "server_error", "method": "POST", "path": path});
                scene.double.fault(fault).await;
            }
            for _ in 0..2 {
                scene.mail_domain().await;
            }
            assert_done(&scene.mail_domain().await.0);
            for name in ["chandlery-smtp", "chandlery-generated"] {
                let held = scene.secret(name).await.unwrap();
                let held = held.as_object().unwrap();
                secrets.extend(
                    held.iter()
                        .filter(|(key, _)| key.ends_with("password"))
                        .map(|(_, value)| value.as_str().unwrap().to_owned()),
                );
            }
            scene.run(scene.invitation()).await;
            assert_done(&scene.run(scene.invitation()).await.0);
            assert_done(&scene.run(password).await.0);
            assert_done(&scene.run(delete).await.0);
        };
        jobs.with_subscriber(subscriber).await;

        let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
        assert!(
            logged.contains("Mailgun") && logged.contains("TRACE"),
            "it did log"
        );
        assert_eq!(secrets.len(), 4);
        for secret in secrets {
            let line = logged.lines().find(|line| line.contains(&secret));
            assert_eq!(line, None, "{secret}");
        }
    })
    .await;
}

#[test]
fn the_account_is_announced_with_its_region_and_its_key_shown_nowhere() {
    let double = Double::start();
    let settings = with_mailgun(&double);
    let capabilities = chandlery::job::Capabilities::of(&settings);
    assert_eq!(
        json!(capabilities.mailgun),
        json!({"region": "us", "sending_domain": null})
    );
    let kinds: Vec<&str> = capabilities
        .kinds
        .iter()
        .map(|kind| kind.as_str())
        .collect();
    for kind in ["mail_domain", "invitation", "password"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    let access = settings.mailgun.access().unwrap();
    assert_eq!(access.key.expose_secret(), KEY);
    for shown in [
        format!("{settings:?}"),
        format!("{access:?}"),
        format!("{capabilities:?}"),
    ] {
        assert!(!shown.contains(KEY), "{shown}");
    }
}
