//! Whole numbers that the API server would take for others: what is too large for one of its 32-bit fields is cut off
//! there in silence, and 4294967297 replicas become 1.
//! (Fields that take a name or a percentage as well it reads in another way.)

use serde_json::Value;

use crate::object::{Object, group_of};

/// All 32-bit fields of what manifests may hold, by their names, with as much of the path as tells them from others.
const FIELDS: [&str; 44] = [
    "averageUtilization",
    "backoffLimit",
    "backoffLimitPerIndex",
    "completions",
    "containerPort",
    "defaultMode",
    "endPort",
    "exitCodes.values",
    "failedJobsHistoryLimit",
    "failureThreshold",
    "grpc.port",
    "healthCheckNodePort",
    "hostPort",
    "initialDelaySeconds",
    "items.mode",
    "lun",
    "maxExpirationSeconds",
    "maxFailedIndexes",
    "maxReplicas",
    "maxSkew",
    "minDomains",
    "minReadySeconds",
    "minReplicas",
    "nodePort",
    "onExitCodes.values",
    "ordinals.start",
    "parallelism",
    "partition",
    "periodSeconds",
    "policies.value",
    "port.number",
    "ports.port",
    "priority",
    "progressDeadlineSeconds",
    "replicas",
    "revisionHistoryLimit",
    "stabilizationWindowSeconds",
    "succeededCount",
    "successfulJobsHistoryLimit",
    "successThreshold",
    "targetCPUUtilizationPercentage",
    "timeoutSeconds",
    "ttlSecondsAfterFinished",
    "weight",
];

/// Of an object, what has no such fields or is not the manifest's.
const NOBODYS: [&str; 5] = ["binaryData", "data", "metadata", "status", "stringData"];

/// The path of the first field whose number does not fit into it.
pub(super) fn too_large(object: &Object) -> Option<String> {
    let group = group_of(object.api_version());
    // Kinds of others have fields of others, which their own schemas bound.
    if group.contains('.') && group != "networking.k8s.io" {
        return None;
    }
    let members = object.value.as_object()?.iter();
    let own = members.filter(|(name, _)| !NOBODYS.contains(&name.as_str()));
    own.map(|(name, value)| find(value, name, name))
        .find_map(|found| found)
}

/// `names` is the path without the places in lists.
fn find(value: &Value, path: &str, names: &str) -> Option<String> {
    match value {
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            find(value, &format!("{path}.{name}"), &format!("{names}.{name}"))
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, value)| find(value, &format!("{path}[{index}]"), names)),
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or(f64::INFINITY);
            let fits = (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number);
            let is_known = || {
                FIELDS.iter().any(|field| {
                    let before = names.strip_suffix(field);
                    before.is_some_and(|before| before.ends_with('.'))
                })
            };
            (!fits && is_known()).then(|| path.to_owned())
        }
        _ => None,
    }
}
