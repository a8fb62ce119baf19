//! Which of a manifest's objects go to the cluster side by side, and which before others.

use crate::object::Object;

/// Kinds that say what others are, or where they are: first of all.
const HOMES: [&str; 7] = [
    "Namespace",
    "CustomResourceDefinition",
    "StorageClass",
    "PriorityClass",
    "RuntimeClass",
    "IngressClass",
    "PersistentVolume",
];
/// Kinds that others read, or are judged by, when they are made or begin to run.
const READ: [&str; 9] = [
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "PersistentVolumeClaim",
    // A binding is refused where its role is missing.
    "Role",
    "ClusterRole",
    "LimitRange",
    "ResourceQuota",
    // No pod shall run before it counts.
    "NetworkPolicy",
];

/// The objects in waves: those of one do not need each other, and each wave needs at most those before it. The manifests
/// keep their order.
pub(super) fn waves(objects: &[Object]) -> Vec<Vec<&Object>> {
    let from_one =
        |one: &Object, other: &Object| (&one.manifest, &one.url) == (&other.manifest, &other.url);
    let mut waves = Vec::new();
    for manifest in objects.chunk_by(from_one) {
        let mut of_this: [Vec<&Object>; 3] = Default::default();
        for object in manifest {
            of_this[rank(object.kind())].push(object);
        }
        waves.extend(of_this.into_iter().filter(|wave| !wave.is_empty()));
    }
    waves
}

fn rank(kind: &str) -> usize {
    if HOMES.contains(&kind) {
        0
    } else if READ.contains(&kind) {
        1
    } else {
        2
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::redact::Redactor;
    use crate::source_map::SourceMap;

    fn object(manifest: &str, kind: &str) -> Object {
        Object {
            manifest: manifest.to_owned(),
            url: format!("https://example.com/{manifest}.yml"),
            document: 1,
            line: 1,
            value: json!({"kind": kind, "metadata": {"name": "x"}}),
            path: String::new(),
            lines: Arc::new(SourceMap::new("", "", &Redactor::default())),
            stand_in: None,
        }
    }

    #[test]
    fn within_a_manifest_what_others_read_comes_first_and_manifests_keep_their_order() {
        let objects = [
            object("base", "Deployment"),
            object("base", "Secret"),
            object("base", "Namespace"),
            object("base", "Service"),
            object("base", "ConfigMap"),
            object("more", "Ingress"),
            object("more", "PersistentVolumeClaim"),
        ];
        let kinds: Vec<Vec<&str>> = waves(&objects)
            .into_iter()
            .map(|wave| wave.into_iter().map(Object::kind).collect())
            .collect();
        assert_eq!(
            kinds,
            [
                vec!["Namespace"],
                vec!["Secret", "ConfigMap"],
                vec!["Deployment", "Service"],
                vec!["PersistentVolumeClaim"],
                vec!["Ingress"],
            ]
        );
    }
}
