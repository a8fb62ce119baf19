//! A namespace for cases, and what somebody else than Chandlery does in the cluster.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use chandlery::kubernetes::{Access, App, Cluster, Owner, namespace};
use chandlery::problem::Problem;
use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersion;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Config};
use regex::Regex;
use serde_json::{Value, json};

use super::webhook::Webhook;
use super::yaml;

/// Long enough for a busy machine, never waited for in full.
const LIMIT: Duration = Duration::from_secs(300);
const FIELD_MANAGER: &str = "somebody";

fn kubeconfig() -> String {
    std::env::var("KUBECONFIG")
        .expect("set KUBECONFIG to a cluster for tests; `make test` brings one up")
}

async fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    Client::try_from(config).unwrap()
}

fn unique() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..12].to_owned()
}

/// An API group that nobody else has.
pub fn group() -> String {
    format!("refusals-{}.example.com", unique())
}

/// The kind `Thing`, removed at the end.
pub struct Definition {
    name: String,
}

impl Definition {
    pub async fn new(group: &str) -> Self {
        let name = format!("things.{group}");
        let rule = |rule: &str, message: &str| json!([{"rule": rule, "message": message}]);
        let text = |more: Value| {
            let mut text = json!({"type": "string"});
            for (key, value) in more.as_object().unwrap() {
                text[key] = value.clone();
            }
            text
        };
        let spec = json!({"type": "object", "required": ["size"], "properties": {
            "size": {"type": "integer", "minimum": 1, "maximum": 10},
            "color": text(json!({"enum": ["red", "blue"]})),
            "name": text(json!({"pattern": "^[a-z]+$", "maxLength": 5})),
            "when": text(json!({"format": "date-time"})),
            "text": text(json!({})),
            "storage": text(json!({"pattern": "^[0-9]+(Mi|Gi)$"})),
            "region": text(json!({"x-kubernetes-validations": rule("self == oldSelf", "region is immutable")})),
            "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": text(json!({}))},
            "more": {"type": "array", "maxItems": 2, "items": text(json!({}))},
        }, "x-kubernetes-validations": rule("!has(self.color) || self.color != 'red' || self.size < 9", "red things are smaller than 9")});
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
            "spec": {
                "group": group, "scope": "Namespaced", "names": {"plural": "things", "singular": "thing", "kind": "Thing"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}}],
            },
        });
        let client = client().await;
        let made = Self { name };
        apply(&client, &definition, "").await.unwrap();
        let established = |value: &Value| {
            let conditions = value["status"]["conditions"].as_array();
            let mut conditions = conditions.into_iter().flatten();
            conditions.any(|one| one["type"] == "Established" && one["status"] == "True")
        };
        until(&api(&client, &definition, ""), &made.name, established).await;
        made
    }
}

impl Drop for Definition {
    fn drop(&mut self) {
        let name = self.name.clone();
        cleanup(async move {
            let kind = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"});
            let api = api(&client().await, &kind, "");
            let _ = api.delete(&name, &DeleteParams::background()).await;
        });
    }
}

/// A namespace, removed at the end with what was made for it.
pub struct Home {
    pub cluster: Cluster,
    pub namespace: String,
    pub owner: Owner,
    pub group: String,
    client: Client,
    webhook: Webhook,
}

impl Home {
    pub fn app(&self) -> App {
        App {
            cluster: self.cluster.clone(),
            namespace: self.namespace.clone(),
            owner: self.owner.clone(),
        }
    }

    pub async fn new(group: &str) -> Self {
        let client = client().await;
        let access = Access::Kubeconfig {
            path: kubeconfig().into(),
            context: None,
        };
        let unique = unique();
        let home = Self {
            cluster: Cluster::connect(&access).await.unwrap(),
            namespace: format!("refusals-{unique}"),
            owner: Owner {
                uid: uuid::Uuid::new_v4()
                    .simple()
                    .to_string()
                    .try_into()
                    .unwrap(),
                instance: unique,
                app: 7,
                name: "shop".to_owned(),
                environment: "int".to_owned(),
            },
            group: group.to_owned(),
            client,
            webhook: Webhook::new(),
        };
        namespace::ensure(&home.app()).await.unwrap();
        home
    }

    pub fn host(&self) -> String {
        format!("{}.apps.localhost", self.namespace)
    }

    /// A case's text with what differs at every run.
    pub fn filled(&self, text: &str) -> String {
        let letters = Regex::new(r"\{\{ letters (\d+) \}\}").unwrap();
        let text = letters.replace_all(text, |found: &regex::Captures| {
            "x".repeat(found[1].parse().unwrap())
        });
        text.replace("{{ namespace }}", &self.namespace)
            .replace("{{ group }}", &self.group)
            .replace("{{ host }}", &self.host())
    }

    /// An answer without what differs at every run.
    pub fn without_names(&self, text: &str) -> String {
        let text = text
            .replace(&self.namespace, "NAMESPACE")
            .replace(&self.group, "GROUP")
            .replace(&self.webhook.address(), "127.0.0.1:PORT");
        let mut text = Regex::new("x{40,}")
            .unwrap()
            .replace_all(&text, "xxx…")
            .into_owned();
        for (what, with) in [
            (
                "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
                "UID",
            ),
            (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
            (r"10\.96\.\d+\.\d+", "ADDRESS"),
            (r"input byte \d+", "input byte N"),
            // Bound by now, or not yet.
            (r#""VolumeName": "[^"]*""#, r#""VolumeName": "…""#),
        ] {
            text = Regex::new(what)
                .unwrap()
                .replace_all(&text, with)
                .into_owned();
        }
        text
    }

    pub fn masked(&self, problem: &Problem) -> Problem {
        let masked = |text: &Option<String>| text.as_ref().map(|text| self.without_names(text));
        Problem {
            message: self.without_names(&problem.message).into(),
            hint: (problem.hint.as_deref()).map(|hint| self.without_names(hint).into()),
            field: masked(&problem.field),
            object: masked(&problem.object),
            ..problem.clone()
        }
    }

    /// Makes objects as an administrator.
    pub async fn make(&self, text: &str) {
        if let Some(name) = text.trim().strip_prefix("{{ webhook ") {
            let name = name.trim_end_matches(" }}");
            let value = self.webhook.configuration(name, &self.namespace);
            apply(&self.client, &value, &self.namespace).await.unwrap();
            return;
        }
        for value in yaml(&self.filled(text)) {
            apply(&self.client, &value, &self.namespace).await.unwrap();
        }
    }

    pub async fn by_hand(&self, text: &str) {
        for value in yaml(&self.filled(text)) {
            let api = api(&self.client, &value, &self.namespace);
            let name = value["metadata"]["name"].as_str().unwrap();
            let params = PatchParams::apply(FIELD_MANAGER).force();
            api.patch(name, &params, &Patch::Apply(&value))
                .await
                .unwrap();
        }
    }

    pub async fn label(&self, text: &str) {
        let labels: BTreeMap<&str, &str> = text
            .lines()
            .filter_map(|line| line.split_once(": "))
            .collect();
        let patch = Patch::Merge(json!({"metadata": {"labels": labels}}));
        let api: Api<Namespace> = Api::all(self.client.clone());
        let params = PatchParams::default();
        api.patch(&self.namespace, &params, &patch).await.unwrap();
    }

    fn named<'a>(&self, text: &'a str) -> (Api<DynamicObject>, &'a str) {
        let (kind, name) = text.trim().split_once(' ').unwrap();
        let value = json!({"apiVersion": "v1", "kind": kind});
        (api(&self.client, &value, &self.namespace), name)
    }

    pub async fn until(&self, text: &str, is: impl Fn(&Value) -> bool) {
        let (api, name) = self.named(text);
        until(&api, name, is).await;
    }

    /// Waits until config maps are refused with these words.
    pub async fn until_in_force(&self, words: &str) {
        let value = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "probe"}});
        let refused = async {
            loop {
                if let Some(answer) = self.answer(&value).await
                    && answer.contains(words)
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::time::timeout(LIMIT, refused).await.expect(words);
    }

    pub async fn delete(&self, text: &str) {
        let (api, name) = self.named(text);
        api.delete(name, &DeleteParams::background()).await.unwrap();
    }

    pub async fn delete_namespace(&self) {
        let api: Api<Namespace> = Api::all(self.client.clone());
        api.delete(&self.namespace, &DeleteParams::background())
            .await
            .unwrap();
    }

    /// What the API server has to say against an object.
    pub async fn answer(&self, value: &Value) -> Option<String> {
        let mut value = value.clone();
        if let Some(metadata) = value["metadata"].as_object_mut()
            && metadata.get("namespace").is_none_or(|given| given == "")
        {
            metadata.insert("namespace".to_owned(), self.namespace.clone().into());
        }
        match dry_run(&self.client, &value, &self.namespace).await? {
            kube::Error::Api(status) => {
                let reason = Some(status.reason).filter(|reason| !reason.is_empty());
                let reason = reason
                    .map(|reason| format!(" {reason}"))
                    .unwrap_or_default();
                Some(in_order(&format!(
                    "{}{reason}: {}",
                    status.code, status.message
                )))
            }
            other => Some(other.to_string()),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let name = self.namespace.clone();
        cleanup(async move {
            let client = client().await;
            let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &name);
            let none = Patch::Merge(json!({"metadata": {"finalizers": null}}));
            for held in ["held", "holds-it"] {
                let _ = maps.patch(held, &PatchParams::default(), &none).await;
            }
            let kinds = [
                (
                    "admissionregistration.k8s.io/v1",
                    "ValidatingWebhookConfiguration",
                ),
                (
                    "admissionregistration.k8s.io/v1",
                    "ValidatingAdmissionPolicyBinding",
                ),
                (
                    "admissionregistration.k8s.io/v1",
                    "ValidatingAdmissionPolicy",
                ),
                ("v1", "Namespace"),
            ];
            for (version, kind) in kinds {
                let api = api(&client, &json!({"apiVersion": version, "kind": kind}), "");
                let _ = api.delete(&name, &DeleteParams::background()).await;
            }
        });
    }
}

fn cleanup(work: impl Future<Output = ()> + Send + 'static) {
    let done = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work);
    });
    let _ = done.join();
}

/// An answer without what the server leaves to chance: the order of what it finds, and which of several fields that do
/// not exist it names.
fn in_order(answer: &str) -> String {
    if answer.contains("field not declared in schema") {
        let head = answer.split("): ").next().unwrap_or_default();
        return format!("{head}): … field not declared in schema");
    }
    let sorted = |items: Vec<&str>, between: &str| {
        let mut items = items;
        items.sort_unstable();
        items.join(between)
    };
    if let Some((head, errors)) = answer.split_once("errors:\n") {
        return format!("{head}errors:\n{}", sorted(errors.lines().collect(), "\n"));
    }
    let Some((head, list)) = answer.split_once(" is invalid: [") else {
        return answer.to_owned();
    };
    let field =
        Regex::new(r", ((?:spec|data|metadata|rules|subjects|roleRef|<nil>)[.\[:])").unwrap();
    let list = field.replace_all(list.trim_end_matches(']'), "\u{0}$1");
    format!(
        "{head} is invalid: [{}]",
        sorted(list.split('\0').collect(), ", ")
    )
}

/// The door to a kind by the plural that all kinds here have.
fn api(client: &Client, value: &Value, namespace: &str) -> Api<DynamicObject> {
    let (version, kind) = (
        value["apiVersion"].as_str().unwrap(),
        value["kind"].as_str().unwrap(),
    );
    let version: GroupVersion = version.parse().unwrap();
    let plural = match kind {
        "Ingress" => "ingresses".to_owned(),
        _ if kind.ends_with("Policy") => {
            format!("{}ies", kind.to_lowercase().trim_end_matches('y'))
        }
        _ => format!("{}s", kind.to_lowercase()),
    };
    let resource = ApiResource {
        api_version: version.api_version(),
        group: version.group,
        version: version.version,
        kind: kind.to_owned(),
        plural,
    };
    let cluster_wide = [
        "CustomResourceDefinition",
        "Namespace",
        "ValidatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ];
    match cluster_wide.contains(&kind) {
        true => Api::all_with(client.clone(), &resource),
        false => Api::namespaced_with(client.clone(), namespace, &resource),
    }
}

async fn apply(client: &Client, value: &Value, namespace: &str) -> kube::Result<DynamicObject> {
    let name = value["metadata"]["name"].as_str().unwrap_or_default();
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let api = api(client, value, namespace);
    api.patch(name, &params, &Patch::Apply(value)).await
}

/// The answer to what Chandlery would send.
async fn dry_run(client: &Client, value: &Value, namespace: &str) -> Option<kube::Error> {
    let name = value["metadata"]["name"].as_str()?;
    let params = PatchParams {
        dry_run: true,
        ..PatchParams::apply("chandlery").force().validation_strict()
    };
    let api = api(client, value, namespace);
    api.patch(name, &params, &Patch::Apply(value)).await.err()
}

async fn until(api: &Api<DynamicObject>, name: &str, is: impl Fn(&Value) -> bool) {
    let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let seen = watcher(api.clone(), only).applied_objects();
    let found = seen.filter_map(|one| {
        let value = one.ok().and_then(|one| serde_json::to_value(one).ok());
        std::future::ready(value.filter(|value| is(value)))
    });
    let mut found = pin!(found);
    let found = tokio::time::timeout(LIMIT, found.next()).await;
    assert!(matches!(found, Ok(Some(_))), "waited in vain for {name}");
}
