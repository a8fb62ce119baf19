//! Server-side apply of an app's objects, one after the other in the manifests' order.

use futures::FutureExt;
use kube::api::{DynamicObject, ObjectMeta, Patch, PatchParams};
use serde_json::Value;

use super::error::CallError;
use super::owner::FIELD_MANAGER;
use super::refused::{self, Attempt};
use super::{Cluster, Owner, takeover};
use crate::code::Code;
use crate::dependence::{self, Dependent};
use crate::object::{Kinds, Object, ObjectRef};
use crate::problem::Problem;

/// On an object: which of its fields depend on a secret, as JSON pointers.
pub(super) const SECRET_FIELDS: &str = "chandlery.dev/secret-fields";

/// What applying an object did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Created,
    Changed,
    Unchanged,
}

/// What has been applied so far. Right also when applying was stopped or failed in the middle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    pub created: u32,
    pub changed: u32,
    pub unchanged: u32,
    /// The objects, in the order applied.
    pub inventory: Vec<ObjectRef>,
    /// The Jobs among those created.
    pub jobs: Vec<ObjectRef>,
}

impl Applied {
    fn add(&mut self, object: &Object, change: Change) {
        match change {
            Change::Created => {
                self.created += 1;
                if object.reference().is_job() {
                    self.jobs.push(object.reference());
                }
            }
            Change::Changed => self.changed += 1,
            Change::Unchanged => self.unchanged += 1,
        }
        self.inventory.push(object.reference());
    }

    /// The inventory of an app whose deploy did not come to its end: what was there before and what has been applied.
    pub fn together_with(&self, before: &[ObjectRef]) -> Vec<ObjectRef> {
        let mut all: Vec<ObjectRef> = before
            .iter()
            .filter(|old| !self.inventory.iter().any(|new| new.is_same_object(old)))
            .cloned()
            .collect();
        all.extend(self.inventory.iter().cloned());
        all
    }
}

/// Applies the objects in order and stops at the first that is refused. `applied` always tells how far it came;
/// `progress` is called after each object.
pub async fn apply(
    cluster: &Cluster,
    objects: &[Object],
    owner: &Owner,
    applied: &mut Applied,
    mut progress: impl FnMut(&Applied),
) -> Result<(), Problem> {
    let kinds = cluster.kinds().await?;
    for object in objects {
        // An object whose answer got lost may be there: better named in the inventory than forgotten.
        let change = match apply_object(cluster, &kinds, object, owner).await {
            Ok(change) => change,
            Err(problem) => {
                if problem.retry {
                    applied.inventory.push(object.reference());
                }
                return Err(problem);
            }
        };
        applied.add(object, change);
        progress(applied);
    }
    Ok(())
}

/// Applies one object: forced, since Chandlery owns what it applies, and with misspelt fields refused.
pub async fn apply_object(
    cluster: &Cluster,
    kinds: &Kinds,
    object: &Object,
    owner: &Owner,
) -> Result<Change, Problem> {
    let (before, after) = match try_apply(cluster, kinds, object, owner, false).await {
        Err(problem) if !problem.retry && object.stand_in.is_some() => {
            return Err(refusal(cluster, kinds, std::slice::from_ref(object), owner).await);
        }
        applied => applied?,
    };
    Ok(match before {
        None => Change::Created,
        Some(before) if same(&before, &after) => Change::Unchanged,
        Some(_) => Change::Changed,
    })
}

/// What is said of objects of which the API server refuses one: what it has against the first of them that it refuses with
/// stand-ins for all secrets, in a dry run. If it takes them all, it is a secret that it has something against.
pub(super) async fn refusal(
    cluster: &Cluster,
    kinds: &Kinds,
    objects: &[Object],
    owner: &Owner,
) -> Problem {
    for object in objects {
        let told = object.with_stand_ins();
        if let Err(problem) = try_apply(cluster, kinds, &told, owner, true).await {
            // What is in the cluster already may be quoted.
            return match is_new(cluster, kinds, object).await {
                true => problem.free_of_secrets(),
                false => problem,
            };
        }
    }
    dependence::untold()
}

async fn is_new(cluster: &Cluster, kinds: &Kinds, object: &Object) -> bool {
    let Some(kind) = kinds.get(object.api_version(), object.kind()) else {
        return true;
    };
    let api = cluster.api(kind, object.namespace());
    matches!(cluster.call(api.get_opt(object.name())).await, Ok(None))
}

/// Applies one object, or only tries to with `dry_run`; returns how it was, if it was there, and how it is then.
pub(super) async fn try_apply(
    cluster: &Cluster,
    kinds: &Kinds,
    object: &Object,
    owner: &Owner,
    dry_run: bool,
) -> Result<(Option<DynamicObject>, DynamicObject), Problem> {
    let Some(kind) = kinds.get(object.api_version(), object.kind()) else {
        return Err(object.locate(
            Problem::new(
                Code::ApplyRefused,
                format!(
                    "The cluster does not know {} of {}.",
                    object.kind(),
                    object.api_version()
                ),
            )
            .hint("Install what provides this kind, or correct apiVersion and kind."),
        ));
    };
    let api = cluster.api(kind, object.namespace());
    let before = match cluster.call(api.get_opt(object.name())).await {
        Ok(before) => before,
        Err(error) => {
            let doing = format!("read {}", object.reference());
            return Err(object.locate(cluster.problem(&error, &doing)));
        }
    };
    if let Some(before) = &before
        && !kind.namespaced
        && !owner.owns(&before.metadata)
    {
        return Err(object.locate(
            Problem::new(Code::ObjectForeign, format!("{} exists in the cluster and does not belong to this app.", object.reference()))
                .hint("Objects outside the app's namespace are never taken over. Give yours a name of its own, for example with the namespace in it."),
        ));
    }
    if let Some(found) = &before {
        lasting(found, object)?;
        if !dry_run {
            takeover::take_over(cluster, &api, object, found.clone()).await?;
        }
    }
    let whole = |value: &Value| {
        let mut value = value.clone();
        owner.label(&mut value);
        note_secret_fields(&mut value, object.dependent());
        value
    };
    let params = PatchParams {
        dry_run,
        ..PatchParams::apply(FIELD_MANAGER)
            .force()
            .validation_strict()
    };
    let patch = Patch::Apply(whole(&object.value));
    let error = match cluster
        .call(api.patch(object.name(), &params, &patch))
        .await
    {
        Ok(after) => {
            if !dry_run {
                cluster.memory.wrote(&after);
            }
            let after = match &before {
                Some(found) if dry_run => {
                    takeover::preview(cluster, &api, object, found, after).await?
                }
                _ => after,
            };
            return Ok((before, after));
        }
        Err(error) => error,
    };
    let try_out = PatchParams {
        dry_run: true,
        ..params
    };
    let (api, try_out) = (&api, &try_out);
    let ask = |value: Value| {
        let patch = Patch::Apply(whole(&value));
        let asked = async move {
            match cluster
                .call(api.patch(object.name(), try_out, &patch))
                .await
            {
                Err(CallError::Refused(status)) => Some(*status),
                _ => None,
            }
        };
        asked.boxed()
    };
    let attempt = Attempt {
        object,
        before: before.as_ref(),
        url: cluster.url(),
    };
    Err(refused::problem(&error, &attempt, &ask).await)
}

/// What is applied to an object that is being deleted goes with it.
fn lasting(before: &DynamicObject, object: &Object) -> Result<(), Problem> {
    if before.metadata.deletion_timestamp.is_none() {
        return Ok(());
    }
    let waits = match waits_for(&before.metadata) {
        Some(waits) => format!(" and {waits}"),
        None => String::new(),
    };
    Err(object.locate(
        Problem::new(Code::ObjectTerminating, format!("{} is being deleted{waits}: what is applied to it now would go with it.", object.reference()))
            .hint("It is applied when the old one is gone. A finalizer that stays belongs to a program that no longer runs: bring that back, or take the finalizer away with `kubectl edit`."),
    ))
}

/// What keeps an object that is being deleted: `waits for the finalizer example.com/x`.
pub(super) fn waits_for(metadata: &ObjectMeta) -> Option<String> {
    // Kubernetes' own, by which an object goes after those that it owns.
    let own = ["foregroundDeletion", "orphan"];
    let finalizers = metadata.finalizers.iter().flatten();
    let others: Vec<&str> = finalizers
        .map(String::as_str)
        .filter(|name| !own.contains(name))
        .collect();
    match others.as_slice() {
        [] => None,
        [one] => Some(format!("waits for the finalizer {one}")),
        several => Some(format!("waits for the finalizers {}", several.join(", "))),
    }
}

/// Notes on an object which of its fields depend on a secret: when a later manifest says something else there, nobody else
/// knows it any more.
fn note_secret_fields(value: &mut Value, dependent: &Dependent) {
    if dependent.is_nothing() || value["kind"] == "Secret" {
        return;
    }
    let annotations = &mut value["metadata"]["annotations"];
    if annotations.is_null() {
        *annotations = Value::Object(Default::default());
    }
    annotations[SECRET_FIELDS] = Value::from(serde_json::json!(dependent.pointers()).to_string());
}

/// What of an object in the cluster depends on a secret, as it was applied.
pub(super) fn secret_fields(object: &DynamicObject) -> Dependent {
    let noted = object.metadata.annotations.as_ref();
    let noted = noted.and_then(|annotations| annotations.get(SECRET_FIELDS));
    let pointers: Vec<String> = noted
        .and_then(|noted| serde_json::from_str(noted).ok())
        .unwrap_or_default();
    let value = serde_json::to_value(object).unwrap_or_default();
    Dependent::at(&value, &pointers)
}

/// Whether an apply changed nothing. The version alone does not tell: controllers write an object's status meanwhile.
fn same(before: &DynamicObject, after: &DynamicObject) -> bool {
    if before.metadata.uid != after.metadata.uid {
        return false;
    }
    before.metadata.resource_version == after.metadata.resource_version
        || content(before) == content(after)
}

fn content(object: &DynamicObject) -> (Option<Value>, Option<Value>, Value) {
    let mut data = object.data.clone();
    if let Some(data) = data.as_object_mut() {
        data.remove("status");
    }
    (
        serde_json::to_value(&object.metadata.labels).ok(),
        serde_json::to_value(&object.metadata.annotations).ok(),
        data,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(kind: &str, api_version: &str) -> ObjectRef {
        ObjectRef {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: Some("shop-int".to_owned()),
            name: "odoo".to_owned(),
        }
    }

    #[test]
    fn a_deploy_that_failed_keeps_the_old_inventory_and_adds_what_it_applied() {
        let applied = Applied {
            inventory: vec![
                reference("Service", "v1"),
                reference("Ingress", "networking.k8s.io/v1"),
            ],
            ..Applied::default()
        };
        let before = [
            reference("Ingress", "networking.k8s.io/v1beta1"),
            reference("Deployment", "apps/v1"),
        ];
        assert_eq!(
            applied.together_with(&before),
            [
                reference("Deployment", "apps/v1"),
                reference("Service", "v1"),
                reference("Ingress", "networking.k8s.io/v1"),
            ]
        );
    }
}
