//! What pods mount, and what storage an app claims: nothing of a node or of another network, nobody else's volume, and no
//! more than the app gets.

use super::{Part, Report, Rule, Rules, Violation, metadata, pods};
use crate::object::Object;
use crate::quantity;
use crate::sentence;

/// Volumes that hold what is the app's own, or the program itself.
const VOLUMES: [&str; 9] = [
    "configMap",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "name",
    "persistentVolumeClaim",
    "projected",
    "secret",
];
const PROJECTED: [&str; 3] = ["configMap", "downwardAPI", "secret"];
const CLAIM: [&str; 8] = [
    "accessModes",
    "dataSource",
    "dataSourceRef",
    "resources",
    "selector",
    "storageClassName",
    "volumeMode",
    "volumeName",
];
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// The volumes of a pod.
pub(super) fn check_pod(spec: &Part, rules: &Rules, report: &mut Report) {
    for volume in spec.get("volumes").items(Rule::PodVolume, report) {
        for (name, part) in volume.members() {
            // The Pod Security Standards say what there is to say of it.
            if !VOLUMES.contains(&name) && name != "hostPath" && part.is_set() {
                report.refuse(
                    Rule::PodVolume,
                    &part.path,
                    sentence!("A volume of the type {name} reaches outside the app.", name),
                );
            }
        }
        for source in volume
            .get("projected")
            .get("sources")
            .items(Rule::PodVolume, report)
        {
            for (name, part) in source.members() {
                if !PROJECTED.contains(&name) && part.is_set() {
                    report.refuse(
                        Rule::Pod,
                        &part.path,
                        match name {
                            "serviceAccountToken" => {
                                sentence!("The pod would get a token of the cluster.")
                            }
                            _ => sentence!("What {name} gives is the cluster's.", name),
                        },
                    );
                }
            }
        }
        let template = volume.get("ephemeral").get("volumeClaimTemplate");
        if template.is_set() {
            metadata::check(&template.get("metadata"), rules, report);
            check_claim(&template, rules, report);
        }
    }
}

/// Claims that are objects, or that a StatefulSet makes.
pub(super) fn check_claims(whole: &Part, rules: &Rules, report: &mut Report) {
    match whole.get("kind").text() {
        "PersistentVolumeClaim" => check_claim(whole, rules, report),
        "StatefulSet" => {
            let templates = whole.get("spec").get("volumeClaimTemplates");
            for template in templates.items(Rule::Claim, report) {
                metadata::check(&template.get("metadata"), rules, report);
                check_claim(&template, rules, report);
            }
        }
        _ => {}
    }
}

fn check_claim(claim: &Part, rules: &Rules, report: &mut Report) {
    let spec = &claim.get("spec");
    spec.only(&CLAIM, Rule::Claim, report);
    for (name, message) in [
        (
            "volumeName",
            sentence!("The claim names a volume, which may be somebody else's."),
        ),
        (
            "selector",
            sentence!(
                "The claim looks for a volume that is there already, which may be somebody else's."
            ),
        ),
    ] {
        let part = spec.get(name);
        if part.is_filled() {
            report.refuse(Rule::Claim, &part.path, message);
        }
    }
    check_class(claim, rules, report);
    for name in ["dataSource", "dataSourceRef"] {
        let source = spec.get(name);
        let (kind, group) = (source.get("kind"), source.get("apiGroup"));
        let is_own = matches!(
            (kind.text(), group.text()),
            ("PersistentVolumeClaim", "") | ("VolumeSnapshot", "snapshot.storage.k8s.io")
        );
        if source.is_filled() && !is_own {
            report.refuse_with(Rule::Claim, &source.path, sentence!("A claim may begin as a copy of a PersistentVolumeClaim or a VolumeSnapshot only."), sentence!("Remove it, or name one of the app's own namespace."));
        }
        let namespace = source.get("namespace");
        if namespace.is_set() && namespace.text() != rules.namespace {
            report.refuse(
                Rule::Claim,
                &namespace.path,
                sentence!("The claim would begin as a copy of another namespace's data."),
            );
        }
    }
    let storage = spec.get("resources").get("requests").get("storage");
    if storage.is_set() && quantity::read(storage.value).is_none_or(|bytes| bytes <= 0.0) {
        report.refuse_with(
            Rule::Claim,
            &storage.path,
            sentence!(
                "`{shown}` is no amount of storage.",
                shown = storage.shown()
            ),
            sentence!("Write it like 10Gi."),
        );
    }
}

/// Where its volume comes from. A class without a provisioner, one that does not exist, and none at all give whatever volume
/// stands ready.
fn check_class(claim: &Part, rules: &Rules, report: &mut Report) {
    let old = claim
        .get("metadata")
        .get("annotations")
        .get(metadata::STORAGE_CLASS);
    if old.is_set() {
        report.refuse_with(Rule::Claim, &old.path, sentence!("The annotation counts before the field `storageClassName`, and not every program knows it."), sentence!("Write `storageClassName` instead."));
    }
    let class = claim.get("spec").get("storageClassName");
    if class.is_set() && class.text().is_empty() {
        report.refuse_with(Rule::Claim, &class.path, sentence!("A claim of no storage class takes a volume that is there already, which may be somebody else's."), sentence!("Leave it out for the cluster's default class, or name one."));
        return;
    }
    let Some(classes) = rules.storage_classes else {
        return;
    };
    let others = match classes.provisioned.as_slice() {
        [] => sentence!("Have the cluster's administrator add a class with a provisioner."),
        names => sentence!(
            "Name a class with a provisioner: {names}.",
            names = names.join(", ")
        ),
    };
    let name = match (class.text(), &classes.default) {
        ("", None) => {
            report.refuse_with(Rule::Claim, &class.path, sentence!("The claim names no storage class, and the cluster has no default one: it would take a volume that is there already, which may be somebody else's."), others);
            return;
        }
        ("", Some(default)) => default,
        (name, _) => name,
    };
    let is_named = |names: &[String]| names.iter().any(|known| known == name);
    if is_named(&classes.provisioned) || is_named(&rules.policy.static_storage_classes) {
        return;
    }
    let why = match is_named(&classes.r#static) {
        true => format!("The storage class `{name}` has no provisioner"),
        false => format!("The cluster has no storage class `{name}`"),
    };
    report.refuse_with(Rule::StorageClass, &class.path, sentence!("{why}: the claim would take any volume of that class that is there already, which may be somebody else's.", why), others);
}

/// Whether some claim is among the objects, so that the cluster's storage classes matter.
pub fn are_claimed(objects: &[Object]) -> bool {
    objects.iter().any(|object| {
        let whole = Part {
            value: &object.value,
            path: String::new(),
        };
        let is_ephemeral = |(pod, _): &(Part, Vec<Part>)| {
            let volumes = pod.get("spec").get("volumes");
            let mut volumes = volumes.value.as_array().into_iter().flatten();
            volumes.any(|volume| !volume["ephemeral"].is_null())
        };
        matches!(object.kind(), "PersistentVolumeClaim" | "StatefulSet")
            || pods::templates(&whole).iter().any(is_ephemeral)
    })
}

/// All claims together against what the app gets.
pub(super) fn check_sum<'a>(objects: &'a [Object], rules: &Rules) -> Vec<Violation<'a>> {
    let Some(limits) = rules.limits.filter(|_| rules.policy.quota) else {
        return Vec::new();
    };
    let mut sum = 0.0;
    for object in objects {
        for (field, bytes) in claimed(object) {
            sum += bytes;
            if sum > f64::from(limits.storage_gib) * GIB {
                return vec![Violation {
                    rule: Rule::Storage,
                    object,
                    field,
                    message: sentence!(
                        "With this claim the app's volumes have {sum} GiB, more than the {limit} GiB that it gets.",
                        sum = format!("{:.1}", sum / GIB),
                        limit = limits.storage_gib
                    ),
                    hint: sentence!("Claim less."),
                }];
            }
        }
    }
    Vec::new()
}

/// The storage that an object claims, with its field.
fn claimed(object: &Object) -> Vec<(String, f64)> {
    let whole = Part {
        value: &object.value,
        path: String::new(),
    };
    let spec = whole.get("spec");
    let bytes = |claim: &Part, times: f64| {
        let storage = claim.get("resources").get("requests").get("storage");
        let bytes = quantity::read(storage.value).unwrap_or_default();
        (storage.path, bytes * times)
    };
    match object.kind() {
        "PersistentVolumeClaim" => vec![bytes(&spec, 1.0)],
        "StatefulSet" => {
            let replicas = spec.get("replicas").value.as_f64().unwrap_or(1.0);
            let templates = spec.get("volumeClaimTemplates");
            let templates = templates.value.as_array().into_iter().flatten().enumerate();
            templates
                .map(|(index, value)| {
                    let template = Part {
                        value,
                        path: format!("spec.volumeClaimTemplates[{index}]"),
                    };
                    bytes(&template.get("spec"), replicas)
                })
                .collect()
        }
        _ => Vec::new(),
    }
}
