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
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::Cluster;
use super::owner::FIELD_MANAGER;
use super::prune::NEVER_PRUNED;
use super::refusal::apply_problem;
use crate::object::Object;
use crate::problem::Problem;

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

/// Makes the fields ours that other tools have brought. The object itself stays as it is.
pub(super) async fn take_over(
    cluster: &Cluster,
    api: &Api<DynamicObject>,
    object: &Object,
    mut found: DynamicObject,
) -> Result<(), Problem> {
    // What a claim asks for cannot be changed once it has its volume.
    if NEVER_PRUNED.contains(&object.kind()) {
        return Ok(());
    }
    for _ in 0..TRIES {
        let entries = found.metadata.managed_fields.as_deref().unwrap_or_default();
        if !entries.iter().any(is_tools) {
            return Ok(());
        }
        let keep_replicas = object.value["spec"]["replicas"].is_null()
            && entries
                .iter()
                .any(|entry| is_tools(entry) && has_replicas(entry))
            && is_scaled(cluster, object).await?;
        let entries = taken_over(entries, object.api_version(), keep_replicas);
        let patch = json!({"metadata": {
            "resourceVersion": found.metadata.resource_version,
            "managedFields": entries,
        }});
        let params = PatchParams::default();
        let patch = Patch::Merge(patch);
        let patched = cluster.call(api.patch(object.name(), &params, &patch));
        match patched.await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_conflict() => {
                let read = cluster.call(api.get_opt(object.name())).await;
                match read.map_err(|error| apply_problem(&error, cluster.url(), object))? {
                    Some(again) => found = again,
                    None => return Ok(()),
                }
            }
            // It went meanwhile: it is made anew.
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(apply_problem(&error, cluster.url(), object)),
        }
    }
    Err(object.locate(
        Problem::transient(
            "apply_conflict",
            format!("{} changes all the time.", object.reference()),
        )
        .hint("Something else writes to it again and again: see who does (`kubectl get --show-managed-fields`), and let it stop."),
    ))
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
    let scalers = match cluster.call(api.list(&ListParams::default())).await {
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
