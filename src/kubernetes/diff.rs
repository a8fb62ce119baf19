//! What applying would change, from the API server's own dry run. Nothing is changed by comparing.

use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;

use super::apply::{SECRET_FIELDS, refusal, secret_fields, try_apply};
use super::prune::{self, NEVER_PRUNED};
use super::{App, inventory, namespace, scale, wait};
use crate::dependence::Dependent;
use crate::object::{Object, ObjectRef};
use crate::problem::Problem;

/// One object that would not stay as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub object: ObjectRef,
    /// As it is in the cluster, without what servers and controllers write; `None`: it is not there.
    pub before: Option<Value>,
    /// As it would be; `None`: it would be removed.
    pub after: Option<Value>,
    /// What of it depends on a secret, or did when it was applied, and must not be shown.
    pub dependent: Dependent,
    /// The object as its manifest makes it with stand-ins for all secrets, where there may be any.
    pub stand_in: Option<Value>,
}

/// What applying would change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// In the order in which the objects would be applied; what would be removed comes last.
    pub differences: Vec<Difference>,
    pub unchanged: u32,
    /// Whether the namespace is still to be made, so that nothing could be compared.
    pub is_new: bool,
}

/// Compares the objects with what is in the cluster. An object that the API server would refuse is a problem.
pub async fn compare(
    app: &App,
    objects: &[Object],
    known: &[ObjectRef],
    mut progress: impl FnMut(usize),
) -> Result<Comparison, Problem> {
    let App { cluster, owner, .. } = app;
    let mut comparison = Comparison::default();
    let Some(found) = namespace::read(app).await? else {
        comparison.is_new = true;
        comparison.differences = objects.iter().map(new).collect();
        return Ok(comparison);
    };
    let noted = inventory::noted(found.annotations());
    let kinds = cluster.kinds().await?;
    for (index, object) in objects.iter().enumerate() {
        progress(index + 1);
        let (before, after) = match try_apply(cluster, &kinds, object, owner, true).await {
            Err(problem) if !problem.retry && has_secrets(objects) => {
                return Err(refusal(cluster, &kinds, objects, owner).await);
            }
            compared => compared?,
        };
        let Some(before) = before else {
            comparison.differences.push(new(object));
            continue;
        };
        let dependent = object.dependent().merged(&secret_fields(&before));
        let (before, after) = (content(before), started(content(after)));
        if before == after {
            comparison.unchanged += 1;
        } else {
            comparison.differences.push(Difference {
                object: object.reference(),
                before: Some(before),
                after: Some(after),
                dependent,
                stand_in: object.stand_in.clone(),
            });
        }
    }
    let wanted: Vec<ObjectRef> = objects.iter().map(Object::reference).collect();
    let mut doomed = prune::left_over(app, &kinds, known, noted.as_deref(), &wanted).await?;
    doomed.retain(|object| !NEVER_PRUNED.contains(&object.kind.as_str()));
    let gone = wait::missing(cluster, &doomed).await?;
    doomed.retain(|object| !gone.contains(object));
    comparison
        .differences
        .extend(doomed.into_iter().map(|object| Difference {
            object,
            before: None,
            after: None,
            dependent: Dependent::Nothing,
            stand_in: None,
        }));
    Ok(comparison)
}

/// A new object is shown as its manifest has it: what the server fills in was asked for by nobody.
fn new(object: &Object) -> Difference {
    Difference {
        object: object.reference(),
        before: None,
        after: Some(object.value.clone()),
        dependent: object.dependent().clone(),
        stand_in: object.stand_in.clone(),
    }
}

fn has_secrets(objects: &[Object]) -> bool {
    objects.iter().any(|object| object.stand_in.is_some())
}

/// An object without what servers and controllers write.
fn content(object: DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.shift_remove("status");
    }
    let Some(metadata) = value["metadata"].as_object_mut() else {
        return value;
    };
    for noise in [
        "managedFields",
        "resourceVersion",
        "uid",
        "generation",
        "creationTimestamp",
        "selfLink",
    ] {
        metadata.shift_remove(noise);
    }
    if let Some(annotations) = metadata
        .get_mut("annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.shift_remove("deployment.kubernetes.io/revision");
        annotations.shift_remove("kubectl.kubernetes.io/last-applied-configuration");
        annotations.shift_remove(SECRET_FIELDS);
        if annotations.is_empty() {
            metadata.shift_remove("annotations");
        }
    }
    value
}

/// A deploy also takes back what a stop has done.
fn started(mut object: Value) -> Value {
    if let Some(change) = scale::to_start(&object) {
        merge(&mut object, &change);
    }
    object
}

/// A JSON merge patch (RFC 7396), as the API server applies it.
fn merge(target: &mut Value, patch: &Value) {
    let Some(changes) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Default::default());
    }
    for (key, change) in changes {
        match target.as_object_mut() {
            Some(members) if change.is_null() => {
                members.shift_remove(key);
            }
            Some(members) => merge(members.entry(key).or_insert(Value::Null), change),
            None => {}
        }
    }
}
