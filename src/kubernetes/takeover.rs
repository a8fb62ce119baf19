//! Fields that other tools have brought into an object from manifests of their own.
//!
//! An app has one source, its manifests. What kubectl, Ansible or Helm have put into one of its objects before, or since,
//! would otherwise stay for good: server-side apply removes only what the same manager applied. So these tools' fields become
//! ours before an apply, as `kubectl apply --server-side` does it with those of `kubectl apply`; what the manifest does not
//! have then goes.
//!
//! Theirs stay who do not bring manifests but look after single fields: controllers (their status and annotations), a
//! HorizontalPodAutoscaler (replicas), and people who say of one field what it is to be (`kubectl scale`, `rollout`, `set`,
//! `label`, `annotate`, `patch`): the mark of a `kubectl rollout restart`, taken away, would restart all pods.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use kube::api::{Api, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams};
use serde_json::{Value, json};

use super::Cluster;
use super::error::CallError;
use super::owner::FIELD_MANAGER;
use super::prune::NEVER_PRUNED;
use crate::code::Code;
use crate::object::Object;
use crate::problem::Problem;
use crate::sentence;

/// The managers of tools that bring whole objects: `kubectl apply` (by its old name, too), `create`, `replace` and `edit`,
/// Ansible's `kubernetes.core` and what else uses Python's client, Helm.
const TOOLS: [&str; 7] = [
    "kubectl-client-side-apply",
    "kubectl",
    "kubectl-create",
    "kubectl-replace",
    "kubectl-edit",
    "OpenAPI-Generator",
    "helm",
];
/// What `kubectl apply`, or who does as it does, was last given. It goes with the fields: it may hold a secret, and would
/// make the next `kubectl apply` remove what is ours.
const LAST_APPLIED: &str = "f:kubectl.kubernetes.io/last-applied-configuration";
/// How often somebody else may write to the object at the same moment.
const TRIES: u32 = 5;

/// Makes the fields ours that other tools have brought. The object itself stays as it is; where something was written, it is
/// returned as it is then.
pub(super) async fn take_over(
    cluster: &Cluster,
    api: &Api<DynamicObject>,
    object: &Object,
    found: &DynamicObject,
) -> Result<Option<DynamicObject>, Problem> {
    // What a claim asks for cannot be changed once it has its volume.
    if NEVER_PRUNED.contains(&object.kind()) {
        return Ok(None);
    }
    let mut again = None;
    for _ in 0..TRIES {
        let found = again.as_ref().unwrap_or(found);
        let entries = found.metadata.managed_fields.as_deref().unwrap_or_default();
        if !entries.iter().any(is_tools) {
            return Ok(again);
        }
        let keep_replicas = keeps_replicas(cluster, object, entries).await?;
        let entries = taken_over(entries, object.api_version(), keep_replicas);
        let patch = json!({"metadata": {
            "resourceVersion": found.metadata.resource_version,
            "managedFields": entries,
        }});
        let params = PatchParams::default();
        let patch = Patch::Merge(patch);
        let patched = cluster.call(api.patch(object.name(), &params, &patch));
        match patched.await {
            Ok(taken) => return Ok(Some(taken)),
            Err(error) if error.is_conflict() => {
                let read = cluster.call(api.get_opt(object.name())).await;
                match read.map_err(|error| problem(cluster, &error, object))? {
                    Some(read) => again = Some(read),
                    None => return Ok(None),
                }
            }
            // It went meanwhile: it is made anew.
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(problem(cluster, &error, object)),
        }
    }
    Err(object.locate(
        Problem::new(
            Code::ApplyConflict,
            sentence!("{object} changes all the time.", object = object.reference()),
        )
        .hint(sentence!("Something else writes to it again and again: see who does (`kubectl get --show-managed-fields`), and let it stop.")),
    ))
}

/// What applying would make of an object that tools have fields in: `after` is what a dry run has made of it, in which these
/// fields still are theirs. The API server says what comes of it when they go.
pub(super) async fn preview(
    cluster: &Cluster,
    api: &Api<DynamicObject>,
    object: &Object,
    found: &DynamicObject,
    after: DynamicObject,
) -> Result<DynamicObject, Problem> {
    let entries = found.metadata.managed_fields.as_deref().unwrap_or_default();
    if NEVER_PRUNED.contains(&object.kind()) || !entries.iter().any(is_tools) {
        return Ok(after);
    }
    let mut doomed = json!({});
    for entry in entries.iter().filter(|entry| is_tools(entry)) {
        if entry.api_version.as_deref() == Some(object.api_version()) {
            unite(&mut doomed, fields(entry));
        }
    }
    if keeps_replicas(cluster, object, entries).await? {
        subtract(&mut doomed, &json!({"f:spec": {"f:replicas": {}}}));
    }
    let now = after.metadata.managed_fields.iter().flatten();
    for entry in now.filter(|entry| !is_tools(entry)) {
        subtract(&mut doomed, &fields(entry));
    }
    let before = plain(found);
    let mut rest = plain(&after);
    remove(&mut rest, &doomed);
    let params = PatchParams {
        dry_run: true,
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let patch = Patch::Merge(changes(&before, &rest));
    cluster
        .call(api.patch(object.name(), &params, &patch))
        .await
        .map_err(|error| problem(cluster, &error, object))
}

fn problem(cluster: &Cluster, error: &CallError, object: &Object) -> Problem {
    object.locate(cluster.problem(error, "take over the fields of other tools in this object"))
}

async fn keeps_replicas(
    cluster: &Cluster,
    object: &Object,
    entries: &[ManagedFieldsEntry],
) -> Result<bool, Problem> {
    let in_question = object.value["spec"]["replicas"].is_null()
        && entries
            .iter()
            .any(|entry| is_tools(entry) && has_replicas(entry));
    Ok(in_question && is_scaled(cluster, object).await?)
}

/// Whether tools have fields in an object.
pub(super) fn has_tools(metadata: &ObjectMeta) -> bool {
    metadata.managed_fields.iter().flatten().any(is_tools)
}

/// Whether these are the fields of a tool that brings manifests.
fn is_tools(entry: &ManagedFieldsEntry) -> bool {
    let manager = entry.manager.as_deref().unwrap_or_default();
    // What scales or reports goes by a subresource.
    let is_whole = entry.subresource.as_deref().unwrap_or_default().is_empty();
    let has_last_applied = fields(entry)["f:metadata"]["f:annotations"]
        .get(LAST_APPLIED)
        .is_some();
    is_whole && manager != FIELD_MANAGER && (TOOLS.contains(&manager) || has_last_applied)
}

fn has_replicas(entry: &ManagedFieldsEntry) -> bool {
    fields(entry)["f:spec"].get("f:replicas").is_some()
}

/// Whether a HorizontalPodAutoscaler says how many pods a workload has.
async fn is_scaled(cluster: &Cluster, object: &Object) -> Result<bool, Problem> {
    let Some(namespace) = object.namespace() else {
        return Ok(false);
    };
    let api: Api<HorizontalPodAutoscaler> = Api::namespaced(cluster.client.clone(), namespace);
    let scalers = match cluster.list(&api, &ListParams::default()).await {
        Ok(scalers) => scalers,
        Err(error) if error.is_forbidden() || error.is_not_found() => return Ok(false),
        Err(error) => {
            let doing = format!("list horizontalpodautoscalers in {namespace}");
            return Err(cluster.problem(&error, &doing));
        }
    };
    Ok(scalers.iter().any(|scaler| {
        scaler.spec.as_ref().is_some_and(|spec| {
            let target = &spec.scale_target_ref;
            target.kind == object.kind() && target.name == object.name()
        })
    }))
}

/// Who owns which fields when those of the tools are ours. Fields that are named by another version of the API cannot be
/// told as ours and are nobody's from now on, as kubectl has it.
fn taken_over(
    entries: &[ManagedFieldsEntry],
    api_version: &str,
    keep_replicas: bool,
) -> Vec<ManagedFieldsEntry> {
    let (tools, mut others): (Vec<_>, Vec<_>) = entries.iter().cloned().partition(is_tools);
    let ours = others.iter().position(|entry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && entry.operation.as_deref() == Some("Apply")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
    });
    let mut ours = match ours {
        Some(ours) => others.remove(ours),
        None => ManagedFieldsEntry {
            manager: Some(FIELD_MANAGER.to_owned()),
            operation: Some("Apply".to_owned()),
            api_version: Some(api_version.to_owned()),
            fields_type: Some("FieldsV1".to_owned()),
            fields_v1: None,
            subresource: None,
            time: tools.iter().filter_map(|entry| entry.time.clone()).max(),
        },
    };
    let mut all = fields(&ours);
    for entry in tools {
        if entry.api_version != ours.api_version {
            continue;
        }
        let mut theirs = fields(&entry);
        if keep_replicas
            && let Some(spec) = theirs.get_mut("f:spec").and_then(Value::as_object_mut)
            && let Some(replicas) = spec.shift_remove("f:replicas")
        {
            let replicas = json!({"f:spec": {"f:replicas": replicas}});
            others.push(ManagedFieldsEntry {
                fields_v1: Some(FieldsV1(replicas)),
                ..entry
            });
        }
        unite(&mut all, theirs);
    }
    ours.fields_v1 = Some(FieldsV1(all));
    others.push(ours);
    others
}

fn fields(entry: &ManagedFieldsEntry) -> Value {
    match &entry.fields_v1 {
        Some(FieldsV1(fields)) if fields.is_object() => fields.clone(),
        _ => json!({}),
    }
}

/// A set of fields is a tree, whose names are the paths.
fn unite(all: &mut Value, more: Value) {
    let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) else {
        return;
    };
    for (name, more) in more {
        unite(all.entry(name).or_insert_with(|| json!({})), more);
    }
}

/// Takes fields out of a set of fields. A name that has others below it is a field itself where it has `.` among them.
fn subtract(set: &mut Value, less: &Value) {
    let (Some(set), Some(less)) = (set.as_object_mut(), less.as_object()) else {
        return;
    };
    for (name, less) in less {
        let Some(part) = set.get_mut(name) else {
            continue;
        };
        let is_leaf = |value: &Value| value.as_object().is_none_or(|value| value.is_empty());
        let gone = match (is_leaf(part), is_leaf(less)) {
            (true, true) => true,
            (true, false) => less.get(".").is_some(),
            (false, true) => {
                subtract(part, &json!({".": {}}));
                is_leaf(part)
            }
            (false, false) => {
                subtract(part, less);
                is_leaf(part)
            }
        };
        if gone {
            set.shift_remove(name);
        }
    }
}

/// Takes fields out of an object.
fn remove(value: &mut Value, set: &Value) {
    for (name, below) in set.as_object().into_iter().flatten() {
        let whole = below.as_object().is_none_or(|below| below.is_empty());
        let itself = whole || below.get(".").is_some();
        let Some((how, what)) = name.split_once(':') else {
            continue;
        };
        match (how, &mut *value) {
            ("f", Value::Object(members)) => {
                let Some(member) = members.get_mut(what) else {
                    continue;
                };
                if !whole {
                    remove(member, below);
                }
                let is_empty = match member {
                    Value::Object(members) => members.is_empty(),
                    Value::Array(items) => items.is_empty(),
                    _ => false,
                };
                if whole || itself && is_empty {
                    members.shift_remove(what);
                }
            }
            ("k", Value::Array(items)) => {
                let keys: Value = serde_json::from_str(what).unwrap_or_default();
                let is_it = |item: &Value| {
                    let mut keys = keys.as_object().into_iter().flatten();
                    keys.all(|(key, value)| item[key] == *value)
                };
                match itself {
                    true => items.retain(|item| !is_it(item)),
                    false => {
                        let its = items.iter_mut().filter(|item| is_it(item));
                        its.for_each(|item| remove(item, below));
                    }
                }
            }
            ("v", Value::Array(items)) => {
                let value: Value = serde_json::from_str(what).unwrap_or_default();
                items.retain(|item| *item != value);
            }
            _ => {}
        }
    }
}

/// An object without what no patch is about.
fn plain(object: &DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.shift_remove("status");
    }
    if let Some(metadata) = value["metadata"].as_object_mut() {
        metadata.retain(|name, _| name == "labels" || name == "annotations");
    }
    value
}

/// The merge patch (RFC 7396) that makes one value another.
fn changes(before: &Value, after: &Value) -> Value {
    let (Some(old), Some(new)) = (before.as_object(), after.as_object()) else {
        return after.clone();
    };
    let gone = old
        .keys()
        .filter(|name| !new.contains_key(*name))
        .map(|name| (name.clone(), Value::Null));
    let changed = new
        .iter()
        .filter(|(name, value)| old.get(*name) != Some(value));
    let changed = changed.map(|(name, value)| {
        let before = old.get(name).unwrap_or(&Value::Null);
        (name.clone(), changes(before, value))
    });
    Value::Object(gone.chain(changed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: Value) -> ManagedFieldsEntry {
        ManagedFieldsEntry {
            manager: Some(manager.to_owned()),
            operation: Some(operation.to_owned()),
            api_version: Some("v1".to_owned()),
            fields_v1: Some(FieldsV1(fields)),
            ..ManagedFieldsEntry::default()
        }
    }

    #[test]
    fn the_fields_of_tools_become_ours_and_those_of_others_stay() {
        let ours = entry("chandlery", "Apply", json!({"f:data": {"f:a": {}}}));
        let kubectl = entry(
            "kubectl-client-side-apply",
            "Update",
            json!({"f:data": {".": {}, "f:a": {}, "f:legacy": {}}}),
        );
        let another_version = ManagedFieldsEntry {
            api_version: Some("v1beta1".to_owned()),
            ..entry("helm", "Update", json!({"f:data": {"f:old": {}}}))
        };
        let by_hand = entry("kubectl-patch", "Update", json!({"f:data": {"f:b": {}}}));
        let scale = ManagedFieldsEntry {
            subresource: Some("scale".to_owned()),
            ..entry("kubectl", "Update", json!({"f:spec": {"f:replicas": {}}}))
        };
        let own_marks = entry("chandlery", "Update", json!({"f:metadata": {}}));
        let others = [by_hand.clone(), scale.clone(), own_marks.clone()];
        let all = [&others[..], &[kubectl, another_version, ours]].concat();
        let after = taken_over(&all, "v1", false);
        let united = json!({"f:data": {".": {}, "f:a": {}, "f:legacy": {}}});
        assert_eq!(after[..3], others);
        assert_eq!(after[3..], [entry("chandlery", "Apply", united)]);
    }

    #[test]
    fn who_was_given_to_kubectl_apply_is_known_by_its_annotation_whatever_the_name() {
        let annotation = json!({"f:metadata": {"f:annotations": {LAST_APPLIED: {}}}});
        assert!(is_tools(&entry("ci", "Update", annotation)));
        assert!(!is_tools(&entry("ci", "Update", json!({"f:data": {}}))));
    }

    #[test]
    fn replicas_that_somebody_else_looks_after_stay_the_tools_and_nothing_else_does() {
        let spec = json!({"f:spec": {"f:replicas": {}, "f:paused": {}}});
        let data = json!({"f:data": {"f:a": {}}});
        let all = [
            entry("helm", "Update", spec),
            entry("kubectl", "Update", data),
        ];
        let after = taken_over(&all, "v1", true);
        assert_eq!(
            after,
            [
                entry("helm", "Update", json!({"f:spec": {"f:replicas": {}}})),
                ManagedFieldsEntry {
                    fields_type: Some("FieldsV1".to_owned()),
                    ..entry(
                        "chandlery",
                        "Apply",
                        json!({"f:spec": {"f:paused": {}}, "f:data": {"f:a": {}}})
                    )
                },
            ]
        );
    }

    #[test]
    fn a_field_goes_from_maps_and_lists_unless_another_has_it() {
        let mut doomed = json!({"f:spec": {
            "f:selector": {".": {}, "f:a": {}, "f:b": {}},
            "f:list": {".": {}, "k:{\"name\":\"x\"}": {".": {}, "f:name": {}, "f:value": {}}, "k:{\"name\":\"y\"}": {".": {}, "f:name": {}, "f:value": {}}},
            "f:set": {"v:\"one\"": {}, "v:\"two\"": {}},
            "f:mine": {".": {}, "f:old": {}},
            "f:atomic": {},
        }});
        subtract(
            &mut doomed,
            &json!({"f:spec": {
                "f:selector": {"f:a": {}},
                "f:list": {"k:{\"name\":\"y\"}": {".": {}, "f:name": {}}},
                "f:set": {"v:\"two\"": {}},
                "f:mine": {},
            }}),
        );
        let mut object = json!({"spec": {
            "selector": {"a": 1, "b": 2},
            "list": [{"name": "x", "value": 1}, {"name": "y", "value": 2}],
            "set": ["one", "two", "three"],
            "mine": {"old": 1},
            "atomic": {"a": 1},
        }});
        let before = object.clone();
        remove(&mut object, &doomed);
        assert_eq!(
            object,
            json!({"spec": {
                "selector": {"a": 1},
                "list": [{"name": "y"}],
                "set": ["two", "three"],
                "mine": {},
            }})
        );
        assert_eq!(
            changes(&before, &object),
            json!({"spec": {
                "atomic": null,
                "selector": {"b": null},
                "list": [{"name": "y"}],
                "set": ["two", "three"],
                "mine": {"old": null},
            }})
        );
    }
}
