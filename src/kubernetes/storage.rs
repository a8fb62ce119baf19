//! Where the volumes of a cluster's claims come from.

use std::cmp::Reverse;

use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt;
use kube::api::{Api, ListParams};

use super::Cluster;
use crate::policy::StorageClasses;
use crate::problem::Problem;
use crate::sentence;

/// Of classes whose volumes nobody makes.
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";
/// Either one marks the default class.
const DEFAULT: [&str; 2] = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];

/// The storage classes of a cluster.
pub async fn classes(cluster: &Cluster) -> Result<StorageClasses, Problem> {
    let api: Api<StorageClass> = Api::all(cluster.client.clone());
    let found = cluster
        .list(&api, &ListParams::default())
        .await
        .map_err(|error| cluster.problem(&error, sentence!("list storage classes")))?;
    Ok(sorted(&found))
}

fn sorted(found: &[StorageClass]) -> StorageClasses {
    let names = |are_static: bool| {
        let found = found.iter();
        let found = found.filter(|class| (class.provisioner == NO_PROVISIONER) == are_static);
        found.map(ResourceExt::name_any).collect()
    };
    let is_default = |class: &&StorageClass| {
        let marks = |name| class.annotations().get(name).map(String::as_str) == Some("true");
        DEFAULT.into_iter().any(marks)
    };
    // Where there are several, Kubernetes takes the newest.
    let default = found.iter().filter(is_default).min_by_key(|class| {
        let created = class.creation_timestamp().map(|time| time.0);
        (Reverse(created), class.name_any())
    });
    StorageClasses {
        provisioned: names(false),
        r#static: names(true),
        default: default.map(ResourceExt::name_any),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn class(name: &str, provisioner: &str, created: &str, default: Option<&str>) -> StorageClass {
        let mut class = json!({
            "metadata": {"name": name, "creationTimestamp": created, "annotations": {}},
            "provisioner": provisioner,
        });
        if let Some(annotation) = default {
            class["metadata"]["annotations"][annotation] = "true".into();
        }
        serde_json::from_value(class).unwrap()
    }

    #[test]
    fn classes_without_a_provisioner_are_told_from_others_and_the_newest_default_counts() {
        let (old, new) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
        let found = sorted(&[
            class("disks", NO_PROVISIONER, old, Some(DEFAULT[0])),
            class("fast", "csi.example.com", new, Some(DEFAULT[1])),
            class("first", "csi.example.com", new, Some(DEFAULT[0])),
            class("plain", "csi.example.com", new, None),
        ]);
        assert_eq!(found.provisioned, ["fast", "first", "plain"]);
        assert_eq!(found.r#static, ["disks"]);
        assert_eq!(found.default.as_deref(), Some("fast"));
        assert_eq!(sorted(&[]).default, None);
    }
}
