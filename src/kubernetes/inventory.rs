//! An app's inventory on its namespace: which objects a deploy has brought, so that whoever looks at the app later knows of
//! every kind, and of what is gone, and the next deploy of what it meets.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ObjectMeta, Patch, PatchParams};
use serde_json::{Value, json};

use super::namespace::Home;
use super::owner::{FIELD_MANAGER, OWN_NAMES};
use super::version::{TRIES, Version, Versions};
use super::{App, Cluster, namespace};
use crate::object::{Kinds, ObjectRef};
use crate::problem::Problem;
use crate::sentence;

/// On the namespace: a line for each object.
const INVENTORY: &str = "chandlery.dev/inventory";
/// The first line of a note in which every object stood before it was applied. Workers of before wrote none, and only
/// afterwards.
const WHOLE: &str = "noted-first";
/// After an object in the place of what is known of it: it was about to be applied.
const ANNOUNCED: &str = "-";
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
    let text = Some(to_text(inventory, versions)).filter(|text| text.len() <= LONGEST);
    let known = app.cluster.memory.app(app).map(|(known, _)| known);
    put(app, known, |_| text.clone()).await
}

/// Writes down what is about to be applied, so that whatever becomes of this attempt, the next one knows where to look for
/// what is left over. Returns what was written down before; `None` where there may be more than that: nothing was, by
/// a worker that did not do so beforehand, or it is too long.
pub async fn announce(
    app: &App,
    home: Option<&Home>,
    wanted: &[ObjectRef],
) -> Result<Option<Vec<ObjectRef>>, Problem> {
    let mut before = None;
    let known = home.map(|home| home.metadata.clone());
    put(app, known, |annotations| {
        before = noted(annotations);
        announced(annotations, wanted)
    })
    .await?;
    Ok(before)
}

/// Writes the note that `text` makes of the annotations as they are, where it is another one.
async fn put(
    app: &App,
    mut known: Option<ObjectMeta>,
    mut text: impl FnMut(&BTreeMap<String, String>) -> Option<String>,
) -> Result<(), Problem> {
    let App {
        cluster, namespace, ..
    } = app;
    let mut tries = 0;
    loop {
        let found = match known.take() {
            Some(known) => known,
            None => match namespace::read(app).await? {
                Some(found) => found.metadata,
                None => return Ok(()),
            },
        };
        let annotations = found.annotations.unwrap_or_default();
        let text = text(&annotations);
        if annotations.get(INVENTORY) == text.as_ref() {
            return Ok(());
        }
        tries += 1;
        let api: Api<Namespace> = Api::all(cluster.client.clone());
        // The version makes the server refuse a note of a lost attempt that arrives late.
        let patch = json!({"metadata": {
            "uid": found.uid,
            "resourceVersion": found.resource_version,
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
                return Ok(());
            }
            Err(error) if error.is_of_another() && tries < TRIES => {}
            Err(error) => {
                let doing = format!("annotate the namespace {namespace}");
                return Err(cluster.problem(&error, &doing));
            }
        }
    }
}

/// The note with what it lacks of `wanted`.
fn announced(annotations: &BTreeMap<String, String>, wanted: &[ObjectRef]) -> Option<String> {
    let text = annotations.get(INVENTORY)?;
    let noted = noted(annotations).unwrap_or_default();
    let is_new = |object: &&ObjectRef| !noted.iter().any(|noted| noted.is_same_object(object));
    let new: Vec<String> = wanted
        .iter()
        .filter(is_new)
        .map(|object| format!("{} {ANNOUNCED}", line(object)))
        .collect();
    match text.strip_prefix(WHOLE) {
        Some(rest) if !new.is_empty() => {
            let longer = format!("{text}\n{}", new.join("\n"));
            // One that does not hold everything must not say so.
            Some(
                Some(longer)
                    .filter(|text| text.len() <= LONGEST)
                    .unwrap_or_else(|| rest.trim_start().to_owned()),
            )
        }
        _ => Some(text.clone()),
    }
}

/// What a deploy has brought as far as it was written down; nothing where none has done so.
pub(super) fn of(annotations: &BTreeMap<String, String>) -> Vec<ObjectRef> {
    let brought = lines(annotations).filter(|(_, word)| *word != Some(ANNOUNCED));
    of_app(brought.map(|(object, _)| object))
}

/// The same with what was about to be brought; `None` where there may be more.
pub(super) fn noted(annotations: &BTreeMap<String, String>) -> Option<Vec<ObjectRef>> {
    let text = annotations.get(INVENTORY)?;
    let is_whole = text.lines().next() == Some(WHOLE);
    is_whole.then(|| of_app(lines(annotations).map(|(object, _)| object)))
}

fn of_app(objects: impl Iterator<Item = ObjectRef>) -> Vec<ObjectRef> {
    objects
        .filter(|object| !OWN_NAMES.contains(&object.name.as_str()))
        .collect()
}

/// What was written down of the objects, and of those that Chandlery itself keeps there.
pub(super) fn versions(annotations: &BTreeMap<String, String>) -> Versions {
    lines(annotations)
        .filter_map(|(object, word)| {
            let word = word.filter(|word| *word != ANNOUNCED)?;
            Some((object, Version::from_word(word)))
        })
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

/// After a first line that says that nothing is missing, a line for each object: its `apiVersion`, kind and place, and in one
/// more word what is known of it. What Chandlery keeps there of its own comes last.
fn to_text(inventory: &[ObjectRef], versions: &Versions) -> String {
    let own = versions
        .keys()
        .filter(|object| OWN_NAMES.contains(&object.name.as_str()) && !inventory.contains(object));
    let own: BTreeSet<&ObjectRef> = own.collect();
    let objects = inventory.iter().chain(own).map(|object| {
        let line = line(object);
        match versions.get(object) {
            Some(version) => format!("{line} {}", version.to_word()),
            None => line,
        }
    });
    let lines: Vec<String> = iter::once(WHOLE.to_owned()).chain(objects).collect();
    lines.join("\n")
}

fn line(object: &ObjectRef) -> String {
    let ObjectRef {
        api_version,
        kind,
        namespace,
        name,
    } = object;
    match namespace {
        Some(namespace) => format!("{api_version} {kind} {namespace}/{name}"),
        None => format!("{api_version} {kind} {name}"),
    }
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
        // What is about to be applied stands there as well, but is nothing that was brought.
        let next = object("v1", "Service", Some("shop-int"));
        let wanted = [inventory[0].clone(), next.clone()];
        let text = announced(&annotations, &wanted).unwrap();
        let more = BTreeMap::from([(INVENTORY.to_owned(), text.clone())]);
        assert_eq!(of(&more), inventory);
        assert_eq!(versions(&more), known);
        let all = [inventory.to_vec(), vec![next]].concat();
        assert_eq!(noted(&more), Some(all));
        assert_eq!(announced(&more, &wanted), Some(text), "once is enough");
        assert_eq!(announced(&BTreeMap::new(), &wanted), None);
        // One by a worker of before, or too long a one, may lack something.
        let before = annotations[INVENTORY].replace(WHOLE, "").trim().to_owned();
        let before = BTreeMap::from([(INVENTORY.to_owned(), before)]);
        assert_eq!((noted(&before), of(&before)), (None, inventory.to_vec()));
        assert_eq!(announced(&before, &wanted), Some(before[INVENTORY].clone()));
        let many: Vec<ObjectRef> = (0..LONGEST / 20)
            .map(|number| ObjectRef {
                name: number.to_string(),
                ..wanted[1].clone()
            })
            .collect();
        assert_eq!(
            announced(&annotations, &many),
            Some(before[INVENTORY].clone())
        );
        let odd = BTreeMap::from([(INVENTORY.to_owned(), "by hand\n\nx".to_owned())]);
        assert_eq!(of(&odd), []);
    }
}
