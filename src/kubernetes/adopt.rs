//! Taking a namespace over: it, and what is in it, get the labels of the app that an operator has chosen for it.

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, ObjectMeta, Patch, PatchParams};
use serde_json::json;

use super::owner::{APP, FIELD_MANAGER, INSTANCE, MANAGED_BY, OWN_NAMES, UID};
use super::version::TRIES;
use super::{App, dns, isolation, namespace, owned, role_binding};
use crate::code::Code;
use crate::object::ObjectRef;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// Whose a namespace was when the operator looked at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// The uid that Kubernetes gave the namespace.
    pub object: String,
    /// The uid of the app it was made for; `None` where it was made before apps had one.
    pub uid: Option<String>,
    /// The id of that app.
    pub app: Option<i64>,
}

impl Former {
    /// Selects what bears the former labels.
    fn selector(&self, instance: &str) -> String {
        match &self.uid {
            Some(uid) => format!("{UID}={uid},{INSTANCE}={instance}"),
            None => format!("!{UID},{INSTANCE}={instance},{APP}={}", self.app_label()),
        }
    }

    fn owned(&self, instance: &str, metadata: &ObjectMeta) -> bool {
        let label = |name: &str| metadata.labels.as_ref()?.get(name).map(String::as_str);
        label(INSTANCE) == Some(instance)
            && label(UID) == self.uid.as_deref()
            && (self.uid.is_some() || label(APP) == Some(&self.app_label()))
    }

    /// Whether a namespace still is the one that the operator looked at.
    pub(super) fn still_is(&self, instance: &str, metadata: &ObjectMeta) -> bool {
        let labels = metadata.labels.as_ref();
        let manager = labels.and_then(|labels| labels.get(MANAGED_BY));
        metadata.uid.as_ref() == Some(&self.object)
            && manager.is_some_and(|manager| manager == FIELD_MANAGER)
            && self.owned(instance, metadata)
    }

    fn app_label(&self) -> String {
        self.app.map(|app| app.to_string()).unwrap_or_default()
    }
}

/// Gives the namespace and what is in it to the app, if it still is as the operator saw it. The namespace comes last:
/// until then nothing of it is the app's. What is the app's already stays so, so that another attempt goes on where one
/// was cut off. Returns how many objects were given new labels, and the app's inventory, to which belongs what the last
/// deploy has noted on the namespace.
///
/// # Errors
/// `namespace_missing`, `namespace_other`: it is gone, or another one than was seen.
pub async fn adopt(
    app: &App,
    former: &Former,
    inventory: &[ObjectRef],
) -> Result<(usize, Vec<ObjectRef>), Problem> {
    let App {
        cluster,
        namespace,
        owner,
    } = app;
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let doing = sentence!("take over the namespace {namespace}", namespace);
    let found = cluster
        .call(api.get_opt(namespace))
        .await
        .map_err(|error| cluster.problem(&error, &doing))?;
    let Some(found) = found else {
        return Err(other(
            Code::NamespaceMissing,
            namespace,
            sentence!(
                "There is no namespace {namespace} in the cluster any more.",
                namespace
            ),
        ));
    };
    let ours = owner.owns_namespace(&found.metadata);
    let same = found.uid().as_deref() == Some(former.object.as_str());
    if !(same && ours || former.still_is(&owner.instance, &found.metadata)) {
        return Err(other(
            Code::NamespaceOther,
            namespace,
            sentence!(
                "The namespace {namespace} is not the one that was chosen any more: it was made anew or given to another app since.",
                namespace
            ),
        ));
    }
    if found.metadata.deletion_timestamp.is_some() {
        return Err(namespace::terminating(namespace));
    }
    role_binding::ensure(cluster, &found, false).await?;
    let mut inventory = inventory.to_vec();
    for noted in super::inventory::of(found.annotations()) {
        if !inventory.iter().any(|known| known.is_same_object(&noted)) {
            inventory.push(noted);
        }
    }
    let relabelled = relabel(app, former, &inventory).await?;
    if !ours {
        let patch = json!({"metadata": {
            "resourceVersion": found.metadata.resource_version,
            "labels": owner.namespace_labels(),
        }});
        let (params, patch) = (params(), Patch::Merge(patch));
        match cluster.call(api.patch(namespace, &params, &patch)).await {
            Ok(_) => {}
            Err(error) if error.is_conflict() => return Err(namespace::changed(namespace)),
            Err(error) => return Err(cluster.problem(&error, &doing)),
        }
    }
    Ok((relabelled, inventory))
}

async fn relabel(app: &App, former: &Former, inventory: &[ObjectRef]) -> Result<usize, Problem> {
    let App {
        cluster,
        namespace,
        owner,
    } = app;
    let kinds = cluster.kinds().await?;
    let selector = former.selector(&owner.instance);
    let mut objects = owned::relabelled(cluster, &kinds, namespace, &selector, inventory).await?;
    // Secrets cannot be listed, and what stands outside the namespace is known by the inventory alone.
    let own = OWN_NAMES.map(|name| {
        let (api_version, kind) = match name {
            dns::NAME => (dns::API_VERSION, dns::KIND),
            isolation::QUOTA => ("v1", "ResourceQuota"),
            isolation::LIMITS => ("v1", "LimitRange"),
            isolation::DEFAULT_DENY => ("networking.k8s.io/v1", "NetworkPolicy"),
            _ => ("v1", "Secret"),
        };
        ObjectRef {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        }
    });
    for object in own.iter().chain(inventory) {
        if !objects.iter().any(|known| known.is_same_object(object)) {
            objects.push(object.clone());
        }
    }
    let mut relabelled = 0;
    for object in &objects {
        let Some(api) = cluster.api_of(&kinds, object) else {
            continue;
        };
        let problem = |error| Problem {
            object: Some(object.to_string()),
            ..cluster.problem(
                &error,
                sentence!("take over {object} in {namespace}", object, namespace),
            )
        };
        for left in (0..TRIES).rev() {
            let found = cluster.call(api.get_metadata_opt(&object.name)).await;
            let found = found.map_err(problem)?;
            let Some(found) = found.filter(|found| former.owned(&owner.instance, &found.metadata))
            else {
                break;
            };
            let patch = json!({"metadata": {
                "resourceVersion": found.metadata.resource_version,
                "labels": owner.object_labels(),
            }});
            let (params, patch) = (params(), Patch::Merge(patch));
            let patched = cluster.call(api.patch_metadata(&object.name, &params, &patch));
            match patched.await {
                Ok(_) => relabelled += 1,
                Err(error) if error.is_not_found() => {}
                // Its controller has written on it meanwhile.
                Err(error) if error.is_conflict() && left > 0 => continue,
                Err(error) if error.is_conflict() => return Err(namespace::changed(namespace)),
                Err(error) => return Err(problem(error)),
            }
            break;
        }
    }
    Ok(relabelled)
}

fn params() -> PatchParams {
    PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

pub(super) fn other(code: Code, namespace: &str, message: Sentence) -> Problem {
    Problem {
        object: Some(format!("Namespace/{namespace}")),
        ..Problem::new(code, message).hint(sentence!("Nothing was changed. Look at the list again (Kubernetes > Configuration > Namespaces Found); it is a minute old at most."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn former(uid: Option<&str>) -> Former {
        Former {
            object: "0e9f".to_owned(),
            uid: uid.map(str::to_owned),
            app: Some(7),
        }
    }

    fn metadata(labels: &[(&str, &str)]) -> ObjectMeta {
        let labels = labels.iter();
        ObjectMeta {
            labels: Some(
                labels
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
            ),
            ..ObjectMeta::default()
        }
    }

    /// Whose namespace may be deleted or taken over: of copies of a database and of other ones never another's.
    #[test]
    fn a_namespace_is_the_one_that_was_seen_by_all_its_labels_and_its_own_uid() {
        let seen = || ObjectMeta {
            uid: Some("0e9f".to_owned()),
            ..metadata(&[
                (MANAGED_BY, FIELD_MANAGER),
                (INSTANCE, "db"),
                (APP, "7"),
                (UID, "abc"),
            ])
        };
        let former = former(Some("abc"));
        assert!(former.still_is("db", &seen()));
        assert!(!former.still_is("another database", &seen()));
        let made_anew = ObjectMeta {
            uid: Some("1e9f".to_owned()),
            ..seen()
        };
        assert!(!former.still_is("db", &made_anew));
        for label in [MANAGED_BY, INSTANCE, UID] {
            let mut other = seen();
            let labels = other.labels.as_mut().unwrap();
            labels.insert(label.to_owned(), "other".to_owned());
            assert!(!former.still_is("db", &other), "{label}");
            other.labels.as_mut().unwrap().remove(label);
            assert!(!former.still_is("db", &other), "{label}");
        }
    }

    #[test]
    fn only_what_bears_the_very_labels_that_were_seen_is_taken_over() {
        let before_uids = metadata(&[(INSTANCE, "db"), (APP, "7")]);
        let with_uid = metadata(&[(INSTANCE, "db"), (APP, "7"), (UID, "abc")]);
        assert!(former(None).owned("db", &before_uids));
        assert!(!former(None).owned("db", &with_uid));
        assert!(former(Some("abc")).owned("db", &with_uid));
        assert!(!former(Some("abc")).owned("db", &before_uids));
        assert!(!former(Some("abc")).owned("another database", &with_uid));
        let of_another = metadata(&[(INSTANCE, "db"), (APP, "8")]);
        assert!(!former(None).owned("db", &of_another));
        assert!(!former(None).owned("db", &ObjectMeta::default()));
        assert_eq!(
            former(None).selector("db"),
            "!chandlery.dev/uid,chandlery.dev/instance=db,chandlery.dev/app=7"
        );
    }
}
