//! An app's inventory on its namespace: which objects a deploy has brought, so that whoever looks at the app later knows of
//! every kind, and of what is gone.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

use super::owner::FIELD_MANAGER;
use super::{App, Cluster, namespace};
use crate::object::{Kinds, ObjectRef};
use crate::problem::Problem;

/// On the namespace: a line for each object.
const INVENTORY: &str = "chandlery.dev/inventory";
/// Kubernetes takes 256 KiB of annotations on one object.
const LONGEST: usize = 200 * 1024;
/// How many objects are read at once.
const AT_ONCE: usize = 8;
/// Kinds of which being there is all that there is to know. Their contents are not read: they may be long, or secret.
const ONLY_THERE: [&str; 3] = ["ConfigMap", "Secret", "ServiceAccount"];

/// Writes down what a deploy has brought. A longer list than an annotation can hold is left out.
pub async fn write(app: &App, inventory: &[ObjectRef]) -> Result<(), Problem> {
    let App {
        cluster, namespace, ..
    } = app;
    let Some(found) = namespace::read(app).await? else {
        return Ok(());
    };
    let text = Some(to_text(inventory)).filter(|text| text.len() <= LONGEST);
    let annotations = found.metadata.annotations.as_ref();
    if annotations.and_then(|annotations| annotations.get(INVENTORY)) == text.as_ref() {
        return Ok(());
    }
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let patch = json!({"metadata": {
        "uid": found.metadata.uid,
        "annotations": {INVENTORY: text},
    }});
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let patch = Patch::Merge(patch);
    let patched = cluster.call(api.patch(namespace, &params, &patch));
    patched.await.map(drop).map_err(|error| {
        let doing = format!("annotate the namespace {namespace}");
        cluster.problem(&error, &doing)
    })
}

/// What was written down; nothing where no deploy has done so.
pub(super) fn of(annotations: &BTreeMap<String, String>) -> Vec<ObjectRef> {
    let text = annotations.get(INVENTORY).map_or("", String::as_str);
    text.lines().filter_map(from_line).collect()
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
            ..cluster.problem(&error, format!("read {object}"))
        }),
    }
}

fn to_text(inventory: &[ObjectRef]) -> String {
    let lines: Vec<String> = inventory
        .iter()
        .map(|object| {
            let place = match &object.namespace {
                Some(namespace) => format!("{namespace}/"),
                None => String::new(),
            };
            format!(
                "{} {} {place}{}",
                object.api_version, object.kind, object.name
            )
        })
        .collect();
    lines.join("\n")
}

fn from_line(line: &str) -> Option<ObjectRef> {
    let mut words = line.split(' ');
    let (api_version, kind, place) = (words.next()?, words.next()?, words.next()?);
    let (namespace, name) = match place.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name),
        None => (None, place),
    };
    Some(ObjectRef {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace,
        name: name.to_owned(),
    })
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
        let text = to_text(&inventory);
        let annotations = BTreeMap::from([(INVENTORY.to_owned(), text)]);
        assert_eq!(of(&annotations), inventory);
        assert_eq!(of(&BTreeMap::new()), []);
        let odd = BTreeMap::from([(INVENTORY.to_owned(), "by hand\n\nx".to_owned())]);
        assert_eq!(of(&odd), []);
    }
}
