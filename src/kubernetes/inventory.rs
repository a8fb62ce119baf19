//! An app's inventory on its namespace: which objects a deploy has brought, so that whoever looks at the app later knows of
//! every kind, and of what is gone, and the next deploy of what it meets.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

use super::owner::{FIELD_MANAGER, OWN_NAMES};
use super::version::{Version, Versions};
use super::{App, Cluster, namespace};
use crate::object::{Kinds, ObjectRef};
use crate::problem::Problem;
use crate::sentence;

/// On the namespace: a line for each object.
const INVENTORY: &str = "chandlery.dev/inventory";
/// Kubernetes takes 256 KiB of annotations on one object.
const LONGEST: usize = 200 * 1024;
/// How many objects are read at once.
const AT_ONCE: usize = 8;
/// Kinds of which being there is all that there is to know. Their contents are not read: they may be long, or secret.
const ONLY_THERE: [&str; 3] = ["ConfigMap", "Secret", "ServiceAccount"];

/// Writes down what a deploy has brought.
pub async fn write(app: &App, inventory: &[ObjectRef]) -> Result<(), Problem> {
    write_knowing(app, inventory, &Versions::new()).await
}

/// The same with what is known of the objects, and of those that Chandlery itself keeps there. A longer list than an
/// annotation can hold is left out.
pub async fn write_knowing(
    app: &App,
    inventory: &[ObjectRef],
    versions: &Versions,
) -> Result<(), Problem> {
    let App {
        cluster, namespace, ..
    } = app;
    let found = match cluster.memory.app(app) {
        Some((known, _)) => known,
        None => match namespace::read(app).await? {
            Some(found) => found.metadata,
            None => return Ok(()),
        },
    };
    let text = Some(to_text(inventory, versions)).filter(|text| text.len() <= LONGEST);
    let annotations = found.annotations.as_ref();
    if annotations.and_then(|annotations| annotations.get(INVENTORY)) == text.as_ref() {
        return Ok(());
    }
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let patch = json!({"metadata": {
        "uid": found.uid,
        "annotations": {INVENTORY: text},
    }});
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let patch = Patch::Merge(patch);
    let patched = cluster.call(api.patch(namespace, &params, &patch));
    match patched.await {
        Ok(written) => {
            cluster.memory.read_namespace(&written);
            Ok(())
        }
        Err(error) => {
            let doing = format!("annotate the namespace {namespace}");
            Err(cluster.problem(&error, &doing))
        }
    }
}

/// What was written down; nothing where no deploy has done so.
pub(super) fn of(annotations: &BTreeMap<String, String>) -> Vec<ObjectRef> {
    let lines = lines(annotations).map(|(object, _)| object);
    let of_app = |object: &ObjectRef| !OWN_NAMES.contains(&object.name.as_str());
    lines.filter(of_app).collect()
}

/// What was written down of the objects, and of those that Chandlery itself keeps there.
pub(super) fn versions(annotations: &BTreeMap<String, String>) -> Versions {
    lines(annotations)
        .filter_map(|(object, word)| Some((object, Version::from_word(word?))))
        .collect()
}

fn lines(
    annotations: &BTreeMap<String, String>,
) -> impl Iterator<Item = (ObjectRef, Option<&str>)> {
    let text = annotations.get(INVENTORY).map_or("", String::as_str);
    text.lines().filter_map(from_line)
}

/// Whether there is nothing to wait for in an object that was applied.
pub fn is_ready_at_once(object: &ObjectRef) -> bool {
    object.group().is_empty() && ONLY_THERE.contains(&object.kind.as_str())
}

/// The objects of an inventory as they are, and those that are gone. What the worker may not read counts as neither.
pub(super) async fn look(
    cluster: &Cluster,
    inventory: &[ObjectRef],
) -> Result<(Vec<Value>, Vec<ObjectRef>), Problem> {
    if inventory.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let kinds = cluster.kinds().await?;
    let looks: Vec<_> = inventory
        .iter()
        .map(|object| get(cluster, &kinds, object))
        .collect();
    let looked: Vec<Look> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
    let (mut there, mut gone) = (Vec::new(), Vec::new());
    for (object, look) in inventory.iter().zip(looked) {
        match look {
            Look::There(value) => there.push(value),
            Look::Gone => gone.push(object.clone()),
            Look::Hidden => {}
        }
    }
    Ok((there, gone))
}

enum Look {
    There(Value),
    Gone,
    Hidden,
}

async fn get(cluster: &Cluster, kinds: &Kinds, object: &ObjectRef) -> Result<Look, Problem> {
    let Some(api) = cluster.api_of(kinds, object) else {
        return Ok(Look::Gone);
    };
    let found = match ONLY_THERE.contains(&object.kind.as_str()) {
        true => {
            let found = cluster.call(api.get_metadata_opt(&object.name)).await;
            found.map(|found| found.map(|found| json!({"metadata": found.metadata})))
        }
        false => {
            let found = cluster.call(api.get_opt(&object.name)).await;
            found.map(|found| found.map(|found| serde_json::to_value(found).unwrap_or_default()))
        }
    };
    match found {
        Ok(Some(mut value)) => {
            value["apiVersion"] = object.api_version.as_str().into();
            value["kind"] = object.kind.as_str().into();
            Ok(Look::There(value))
        }
        Ok(None) => Ok(Look::Gone),
        Err(error) if error.is_forbidden() => Ok(Look::Hidden),
        Err(error) => Err(Problem {
            object: Some(object.to_string()),
            ..cluster.problem(&error, sentence!("read {object}", object))
        }),
    }
}

/// A line for each object: its `apiVersion`, kind and place, and in one more word what is known of it. What Chandlery keeps
/// there of its own comes last.
fn to_text(inventory: &[ObjectRef], versions: &Versions) -> String {
    let own = versions
        .keys()
        .filter(|object| OWN_NAMES.contains(&object.name.as_str()) && !inventory.contains(object));
    let own: BTreeSet<&ObjectRef> = own.collect();
    let lines: Vec<String> = inventory
        .iter()
        .chain(own)
        .map(|object| {
            let place = match &object.namespace {
                Some(namespace) => format!("{namespace}/"),
                None => String::new(),
            };
            let version = match versions.get(object) {
                Some(version) => format!(" {}", version.to_word()),
                None => String::new(),
            };
            format!(
                "{} {} {place}{}{version}",
                object.api_version, object.kind, object.name
            )
        })
        .collect();
    lines.join("\n")
}

fn from_line(line: &str) -> Option<(ObjectRef, Option<&str>)> {
    let mut words = line.split(' ');
    let (api_version, kind, place) = (words.next()?, words.next()?, words.next()?);
    let (namespace, name) = match place.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name),
        None => (None, place),
    };
    let object = ObjectRef {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace,
        name: name.to_owned(),
    };
    Some((object, words.next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_on_a_namespace_is_read_again() {
        let object = |api_version: &str, kind: &str, namespace: Option<&str>| ObjectRef {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: "web:1.x".to_owned(),
        };
        let inventory = [
            object("apps/v1", "Deployment", Some("shop-int")),
            object("rbac.authorization.k8s.io/v1", "ClusterRole", None),
        ];
        let text = to_text(&inventory, &Versions::new());
        let annotations = BTreeMap::from([(INVENTORY.to_owned(), text)]);
        assert_eq!(of(&annotations), inventory);
        assert_eq!(versions(&annotations), Versions::new());
        // With what is known of them, and of what is no manifest's.
        let quota = ObjectRef {
            name: OWN_NAMES[3].to_owned(),
            ..object("v1", "ResourceQuota", Some("shop-int"))
        };
        let known = Versions::from([
            (inventory[0].clone(), Version::from_word("u-1:7")),
            (quota, Version::from_word("u-2")),
        ]);
        let text = to_text(&inventory, &known);
        let annotations = BTreeMap::from([(INVENTORY.to_owned(), text)]);
        assert_eq!(of(&annotations), inventory);
        assert_eq!(versions(&annotations), known);
        assert_eq!(of(&BTreeMap::new()), []);
        let odd = BTreeMap::from([(INVENTORY.to_owned(), "by hand\n\nx".to_owned())]);
        assert_eq!(of(&odd), []);
    }
}
