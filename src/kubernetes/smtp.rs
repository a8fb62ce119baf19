//! An app's own mail login: kept in the cluster only, in the Secret `chandlery-smtp` of the app's namespace.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::change::change;
use super::owner::FIELD_MANAGER;
use super::restart::Reason;
use super::{App, Change, foreign_object, owned};
use crate::code::Code;
use crate::object::{NO_RESTART, ObjectRef};
use crate::problem::Problem;
use crate::sentence;

/// The Secret that holds it. Manifests may not have one of this name, but refer to it: with `optional: true`, since it
/// comes to be only when the app runs.
pub const SECRET_NAME: &str = "chandlery-smtp";

/// On the Secret while its workloads have not been restarted since it was written: which writing that was.
const PENDING: &str = "chandlery.dev/restart-pending";

/// On the pod templates that refer to the Secret: for which writing they were restarted last.
const RESTARTED: &str = "chandlery.dev/smtp";

/// The workloads that may refer to it.
const WORKLOADS: [(&str, &str); 3] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
];

/// How an app delivers mail.
#[derive(Clone, Debug)]
pub struct Login {
    pub host: String,
    pub port: u16,
    pub username: String,
    pub password: SecretString,
    /// The address that its mails come from.
    pub from: String,
}

/// The password that the Secret holds, if there is one.
pub async fn password(app: &App) -> Result<Option<SecretString>, Problem> {
    let Some(found) = read(app).await? else {
        return Ok(None);
    };
    let password = found
        .data
        .and_then(|mut data| data.remove("password"))
        .and_then(|ByteString(bytes)| String::from_utf8(bytes).ok());
    Ok(password.map(SecretString::from))
}

/// Writes the login into the namespace, which must exist.
///
/// # Errors
/// `smtp_secret` (passes): another worker wrote it at the same moment; its password then is the one to use.
pub async fn store(app: &App, login: &Login) -> Result<Change, Problem> {
    let App {
        cluster,
        namespace,
        owner,
    } = app;
    let api: Api<Secret> = Api::namespaced(cluster.client.clone(), namespace);
    let data = BTreeMap::from(
        [
            ("host", login.host.as_str()),
            ("port", &login.port.to_string()),
            ("username", &login.username),
            ("password", login.password.expose_secret()),
            ("from", &login.from),
        ]
        .map(|(key, value)| (key.to_owned(), ByteString(value.as_bytes().to_vec()))),
    );
    let pending = BTreeMap::from([(PENDING.to_owned(), uuid::Uuid::new_v4().to_string())]);
    let (written, change) = match read(app).await? {
        Some(found) if found.data.as_ref() == Some(&data) => return Ok(Change::Unchanged),
        Some(found) => {
            // The version makes the server refuse when somebody else writes at the same moment.
            let patch = json!({
                "metadata": {"resourceVersion": found.metadata.resource_version, "annotations": pending},
                "data": data,
            });
            let params = PatchParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PatchParams::default()
            };
            let patch = Patch::Merge(patch);
            let patched = cluster.call(api.patch(SECRET_NAME, &params, &patch));
            (patched.await, Change::Changed)
        }
        None => {
            let secret = Secret {
                metadata: ObjectMeta {
                    name: Some(SECRET_NAME.to_owned()),
                    labels: Some(owner.object_labels()),
                    annotations: Some(pending),
                    ..ObjectMeta::default()
                },
                type_: Some("Opaque".to_owned()),
                data: Some(data),
                ..Secret::default()
            };
            let params = PostParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PostParams::default()
            };
            (
                cluster.call(api.create(&params, &secret)).await,
                Change::Created,
            )
        }
    };
    match written {
        Ok(_) => Ok(change),
        Err(error) if error.is_conflict() => Err(raced(namespace)),
        Err(error) => Err(Problem {
            object: Some(format!("Secret/{SECRET_NAME}")),
            ..cluster.problem(
                &error,
                sentence!("keep the mail login in {namespace}", namespace),
            )
        }),
    }
}

/// Restarts the workloads that refer to the Secret and do not follow it by themselves, once for every time it was written: also when the worker that wrote
/// it did not come to this. Tells which.
pub async fn restart_users(app: &App) -> Result<Vec<ObjectRef>, Problem> {
    let App {
        cluster, namespace, ..
    } = app;
    let Some(secret) = read(app).await? else {
        return Ok(Vec::new());
    };
    let Some(writing) = secret.annotations().get(PENDING) else {
        return Ok(Vec::new());
    };
    let mut restarted = Vec::new();
    for workload in users(app).await? {
        // By a merge and not by server-side apply, so that the next apply leaves it there and restarts nothing.
        let mark = |workload: &Value| {
            let annotations = &workload["spec"]["template"]["metadata"]["annotations"];
            let annotations =
                (annotations[RESTARTED] != *writing).then(|| json!({ RESTARTED: writing }));
            annotations.map(|annotations| {
                json!({"spec": {"template": {"metadata": {"annotations": annotations}}}})
            })
        };
        if change(&app.cluster, &workload, mark).await? {
            restarted.push(owned::reference(&workload));
        }
    }
    let done = json!({"metadata": {
        "resourceVersion": secret.metadata.resource_version,
        "annotations": {PENDING: null},
    }});
    let api: Api<Secret> = Api::namespaced(cluster.client.clone(), namespace);
    match cluster
        .call(api.patch(SECRET_NAME, &PatchParams::default(), &Patch::Merge(done)))
        .await
    {
        Ok(_) => Ok(restarted),
        Err(error) if error.is_conflict() => Err(raced(namespace)),
        Err(error) => Err(cluster.problem(
            &error,
            sentence!(
                "note on {name} in {namespace} that its workloads were restarted",
                name = SECRET_NAME,
                namespace
            ),
        )),
    }
}

async fn read(app: &App) -> Result<Option<Secret>, Problem> {
    let App {
        cluster,
        namespace,
        owner,
    } = app;
    let api: Api<Secret> = Api::namespaced(cluster.client.clone(), namespace);
    let found = cluster
        .call(api.get_opt(SECRET_NAME))
        .await
        .map_err(|error| {
            cluster.problem(
                &error,
                sentence!(
                    "read the secret {name} in {namespace}",
                    name = SECRET_NAME,
                    namespace
                ),
            )
        })?;
    match found {
        Some(found) if !owner.owns(&found.metadata) => Err(foreign_object("Secret", SECRET_NAME)),
        found => Ok(found),
    }
}

/// The app's workloads whose pods refer to the Secret and do not follow it by themselves.
async fn users(app: &App) -> Result<Vec<Value>, Problem> {
    let mut workloads = owned::objects(app, &WORKLOADS).await?;
    workloads.retain(|workload| {
        let without = workload["metadata"]["annotations"][NO_RESTART].as_str();
        mentions(&workload["spec"]["template"]["spec"]) && Reason::Mail.concerns(without)
    });
    Ok(workloads)
}

/// Whether a pod's description names the Secret, be it for a variable, all variables or a volume.
fn mentions(value: &Value) -> bool {
    match value {
        Value::String(text) => text == SECRET_NAME,
        Value::Array(items) => items.iter().any(mentions),
        Value::Object(members) => members.values().any(mentions),
        _ => false,
    }
}

fn raced(namespace: &str) -> Problem {
    Problem {
        object: Some(format!("Secret/{SECRET_NAME}")),
        ..Problem::new(
            Code::SmtpSecret,
            sentence!(
                "Another worker wrote the mail login of {namespace} at the same moment.",
                namespace
            ),
        )
        .hint(sentence!("The next attempt uses that one."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_refer_to_the_secret_is_seen() {
        for pod in [
            json!({"containers": [{"envFrom": [{"secretRef": {"name": SECRET_NAME, "optional": true}}]}]}),
            json!({"initContainers": [{"env": [
                {"name": "X", "valueFrom": {"secretKeyRef": {"name": SECRET_NAME, "key": "host"}}}
            ]}]}),
            json!({"volumes": [{"name": "smtp", "secret": {"secretName": SECRET_NAME}}]}),
            json!({"volumes": [{"name": "all", "projected": {"sources": [{"secret": {"name": SECRET_NAME}}]}}]}),
        ] {
            assert!(mentions(&pod), "{pod}");
        }
        let other =
            json!({"containers": [{"envFrom": [{"secretRef": {"name": "chandlery-smtp-2"}}]}]});
        assert!(!mentions(&other));
    }

    #[test]
    fn the_password_is_not_shown_by_debug() {
        let login = Login {
            host: "smtp.mailgun.org".to_owned(),
            port: 587,
            username: "noreply@shop.example.com".to_owned(),
            password: SecretString::from("hunter2"),
            from: "noreply@shop.example.com".to_owned(),
        };
        assert!(!format!("{login:?}").contains("hunter2"));
    }
}
