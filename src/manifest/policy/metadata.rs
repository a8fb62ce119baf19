//! What manifests may say of an object beyond its name: no finalizers and owners, and of the labels and annotations of
//! other programs only those that the policy lists.

use super::{Part, Report, Rule, Rules, annotation_values};
use crate::object::NO_RESTART;
use crate::sentence;

/// Labels that mean something to people only.
const RECOMMENDED: &str = "app.kubernetes.io/";
/// What a chart says to Helm: it is read from the chart, and means nothing in the cluster.
const TO_HELM: [&str; 4] = [
    "helm.sh/hook",
    "helm.sh/hook-weight",
    "helm.sh/hook-delete-policy",
    "helm.sh/resource-policy",
];
/// The old way to say an Ingress' class; its value is looked at with the Ingress.
pub(super) const INGRESS_CLASS: &str = "kubernetes.io/ingress.class";
/// The old way to say a claim's storage class, looked at with the claim.
pub(super) const STORAGE_CLASS: &str = "volume.beta.kubernetes.io/storage-class";
/// Labels without a domain by which programs that are usual in clusters pick ConfigMaps and Secrets out of all namespaces,
/// to load dashboards, data sources, alerts, rules and settings from them.
const PICKED_OUT: [(&str, &str); 12] = [
    ("grafana_dashboard", "Grafana"),
    ("grafana_datasource", "Grafana"),
    ("grafana_datasources", "Grafana"),
    ("grafana_alert", "Grafana"),
    ("grafana_notifier", "Grafana"),
    ("grafana_plugin", "Grafana"),
    ("loki_rule", "Loki"),
    ("mimir_rule", "Mimir"),
    ("prometheus", "Prometheus"),
    ("prometheus_rule", "Prometheus"),
    ("thanos_rule", "Thanos"),
    ("alertmanagerConfig", "Alertmanager"),
];
/// Chandlery's own.
const OWN: &str = "chandlery.dev";
/// Fields of metadata that are no manifest's.
const WRITTEN_BY_SERVER: [&str; 9] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
    "generateName",
];
/// Such an annotation becomes part of the controller's configuration file, …
const WRITTEN_INTO_FILES: [&str; 2] = ["nginx.ingress.kubernetes.io", "nginx.org"];
/// … where these signs begin something new.
const BREAK_OUT: [char; 10] = ['{', '}', ';', '\n', '\r', '\\', '$', '`', '"', '\''];

/// The metadata of an object, of a pod template or of a claim's template.
pub(super) fn check(metadata: &Part, rules: &Rules, report: &mut Report) {
    for name in ["finalizers", "ownerReferences"] {
        let part = metadata.get(name);
        if part.is_filled() {
            report.refuse(
                Rule::Metadata,
                &part.path,
                match name {
                    "finalizers" => {
                        sentence!("A finalizer would keep the object, and its namespace, from being deleted.")
                    }
                    _ => sentence!("An owner would have the object deleted by somebody else."),
                },
            );
        }
    }
    for (name, part) in metadata.members() {
        let known = [
            "name",
            "namespace",
            "labels",
            "annotations",
            "finalizers",
            "ownerReferences",
        ];
        if part.is_set() && !known.contains(&name) {
            let (message, hint) = match WRITTEN_BY_SERVER.contains(&name) {
                true => (
                    sentence!("`{name}` is written by the API server only.", name),
                    sentence!(
                        "Remove it: `kubectl get -o yaml` shows it, but it belongs to the object in a cluster, not in a manifest."
                    ),
                ),
                false => (
                    sentence!(
                        "There is no field `{name}` in the metadata of an object.",
                        name
                    ),
                    sentence!("Check its spelling and indentation."),
                ),
            };
            report.refuse_with(Rule::Metadata, &part.path, message, hint);
        }
    }
    for (of, word) in [("labels", "label"), ("annotations", "annotation")] {
        for (key, part) in metadata.get(of).members() {
            check_key(key, &part, word, rules, report);
        }
    }
}

fn check_key(key: &str, part: &Part, word: &str, rules: &Rules, report: &mut Report) {
    let Some((domain, _)) = key.split_once('/').filter(|(domain, _)| is_domain(domain)) else {
        let picked_out = PICKED_OUT.iter().find(|(label, _)| *label == key);
        if let Some((_, program)) = picked_out
            && word == "label"
            && matches!(report.object.kind(), "ConfigMap" | "Secret")
            && !allowed(key, &rules.policy.annotations)
        {
            report.refuse(Rule::Annotation, &part.path, sentence!("By the label `{key}` {program} takes objects out of every namespace for its own.", key, program));
        }
        return;
    };
    if word == "annotation" && key == NO_RESTART
        || TO_HELM.contains(&key) && report.object.lines.is_of_chart()
    {
        return;
    }
    if domain == OWN || domain.ends_with(&format!(".{OWN}")) {
        report.refuse(
            Rule::OwnLabel,
            &part.path,
            sentence!(
                "The {word} `{key}` is Chandlery's: it says whose the object is.",
                word,
                key
            ),
        );
        return;
    }
    if word == "label" && key.starts_with(RECOMMENDED)
        || [INGRESS_CLASS, STORAGE_CLASS].contains(&key)
    {
        return;
    }
    if !allowed(key, &rules.policy.annotations) {
        report.refuse(
            Rule::Annotation,
            &part.path,
            sentence!(
                "The {word} `{key}` is for the program that {domain} belongs to.",
                word,
                key,
                domain
            ),
        );
        return;
    }
    if word == "annotation"
        && let Some(problem) = annotation_values::problem(key, part.text())
    {
        report.refuse_with(
            Rule::Ingress,
            &part.path,
            sentence!(
                "The value of `{key}` {problem}: the program that reads it is shared with others.",
                key,
                problem
            ),
            sentence!("Write such a value, or leave the annotation out."),
        );
        return;
    }
    if WRITTEN_INTO_FILES.contains(&domain) && part.text().contains(BREAK_OUT) {
        report.refuse_with(Rule::Ingress, &part.path, sentence!("The value of `{key}` becomes part of the ingress controller's configuration, and holds signs that mean something there.", key), sentence!("Write a plain value."));
    }
}

/// A prefix without a dot (`checksum/config`) belongs to nobody.
fn is_domain(prefix: &str) -> bool {
    prefix.contains('.')
}

fn allowed(key: &str, list: &[String]) -> bool {
    list.iter().any(|entry| match entry.strip_suffix('*') {
        Some(beginning) => key.starts_with(beginning),
        None => key == entry,
    })
}
