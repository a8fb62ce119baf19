//! What a pod may do, wherever its description stands: in a Pod, or in the template of what makes pods.
//!
//! At the level `privileged` an administrator trusts the manifests with the nodes, so that nothing of a pod is refused.
//! At the others come, beyond the Pod Security Standards: no place on the control plane or on nodes reserved for others,
//! none that depends on other apps' pods, no rank before others, no token of the cluster, no ServiceAccount but the app's
//! own, no stay that a delete would have to wait for, and no field that is not known here.

use serde_json::Value;

use super::pod_security::{self, containers};
use super::{Part, Report, Rule, Rules, metadata, volumes};
use crate::object::Object;
use crate::policy::PodSecurity;
use crate::sentence;

/// A pod that takes longer to end keeps deletes and stops from ending.
const LONGEST_END: f64 = 600.0;
/// More ended Jobs than these are nobody's to read.
const MOST_HISTORY: f64 = 10.0;
const CONTROL_PLANE: &str = "node-role.kubernetes.io/";
/// What the API server has every pod tolerate for a while, so that it moves when its node is gone.
const NODE_TROUBLES: [&str; 2] = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
];

const POD: [&str; 35] = [
    "activeDeadlineSeconds",
    "affinity",
    "automountServiceAccountToken",
    "containers",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "ephemeralContainers",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostUsers",
    "hostname",
    "imagePullSecrets",
    "initContainers",
    "nodeName",
    "nodeSelector",
    "os",
    "preemptionPolicy",
    "priorityClassName",
    "readinessGates",
    "resources",
    "restartPolicy",
    "schedulerName",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "subdomain",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
    "volumes",
];
const CONTAINER: [&str; 26] = [
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "name",
    "ports",
    "readinessProbe",
    "resizePolicy",
    "resources",
    "restartPolicy",
    "restartPolicyRules",
    "securityContext",
    "startupProbe",
    "stdin",
    "stdinOnce",
    "targetContainerName",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeDevices",
    "volumeMounts",
    "workingDir",
];
const POD_CONTEXT: [&str; 13] = [
    "appArmorProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "seLinuxChangePolicy",
    "seLinuxOptions",
    "seccompProfile",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "sysctls",
    "windowsOptions",
];
const CONTAINER_CONTEXT: [&str; 12] = [
    "allowPrivilegeEscalation",
    "appArmorProfile",
    "capabilities",
    "privileged",
    "procMount",
    "readOnlyRootFilesystem",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "seLinuxOptions",
    "seccompProfile",
    "windowsOptions",
];
const MOUNT: [&str; 7] = [
    "mountPath",
    "mountPropagation",
    "name",
    "readOnly",
    "recursiveReadOnly",
    "subPath",
    "subPathExpr",
];

pub(super) fn check(whole: &Part, objects: &[Object], rules: &Rules, report: &mut Report) {
    for (pod, above) in templates(whole) {
        for part in above {
            metadata::check(&part.get("metadata"), rules, report);
        }
        let spec = pod.get("spec");
        if rules.policy.pod_security == PodSecurity::Privileged {
            continue;
        }
        for finding in pod_security::findings(pod.value, &pod.path, rules.policy.pod_security) {
            let rule = Rule::PodSecurity(finding.check, finding.level);
            report.refuse(rule, &finding.field, finding.message);
        }
        check_fields(&spec, report);
        check_place(&spec, report);
        check_end(&spec, report);
        check_account(&spec, objects, rules, report);
        volumes::check_pod(&spec, rules, report);
    }
    if matches!(whole.get("kind").text(), "Job" | "CronJob")
        && rules.policy.pod_security != PodSecurity::Privileged
    {
        let job = match whole.get("kind").text() {
            "Job" => whole.get("spec"),
            _ => whole.get("spec").get("jobTemplate").get("spec"),
        };
        let manager = job.get("managedBy");
        if manager.is_filled() {
            report.refuse(
                Rule::Pod,
                &manager.path,
                sentence!("Another program would run the Job."),
            );
        }
        for name in ["failedJobsHistoryLimit", "successfulJobsHistoryLimit"] {
            let limit = whole.get("spec").get(name);
            if limit.is_set() && limit.value.as_f64().is_none_or(|most| most > MOST_HISTORY) {
                report.refuse_with(
                    Rule::Pod,
                    &limit.path,
                    sentence!(
                        "A CronJob may keep {number} ended Jobs at most.",
                        number = MOST_HISTORY
                    ),
                    sentence!("Write a smaller number."),
                );
            }
        }
    }
}

/// The descriptions of pods in an object, each with the templates that it stands in, whose metadata goes onto objects, too.
/// (An object's own metadata is everybody's.)
pub(super) fn templates<'a>(whole: &Part<'a>) -> Vec<(Part<'a>, Vec<Part<'a>>)> {
    let spec = whole.get("spec");
    match whole.get("kind").text() {
        "Pod" => vec![(whole.clone(), Vec::new())],
        "CronJob" => {
            let job = spec.get("jobTemplate");
            let pod = job.get("spec").get("template");
            vec![(pod.clone(), vec![job, pod])]
        }
        "PodTemplate" => {
            let pod = whole.get("template");
            vec![(pod.clone(), vec![pod])]
        }
        // Also kinds of others: what has a pod's template there is looked at as one.
        _ if spec.get("template").get("spec").is_set() => {
            let pod = spec.get("template");
            vec![(pod.clone(), vec![pod])]
        }
        _ => Vec::new(),
    }
}

fn check_fields(spec: &Part, report: &mut Report) {
    spec.only(&POD, Rule::Pod, report);
    let context = spec.get("securityContext");
    context.only(&POD_CONTEXT, Rule::Pod, report);
    for name in [
        "containers",
        "initContainers",
        "ephemeralContainers",
        "imagePullSecrets",
    ] {
        spec.get(name).items(Rule::Pod, report);
    }
    context.get("sysctls").items(Rule::Pod, report);
    check_resources(&spec.get("resources"), report);
    for container in containers(spec) {
        container.only(&CONTAINER, Rule::Pod, report);
        let context = container.get("securityContext");
        context.only(&CONTAINER_CONTEXT, Rule::Pod, report);
        let capabilities = context.get("capabilities");
        capabilities.only(&["add", "drop"], Rule::Pod, report);
        capabilities.get("add").items(Rule::Pod, report);
        check_resources(&container.get("resources"), report);
        for port in container.get("ports").items(Rule::Pod, report) {
            // The node's addresses, though without a port of it.
            if port.get("hostIP").is_filled() {
                report.refuse(
                    Rule::Pod,
                    &port.get("hostIP").path,
                    sentence!("The container would listen on an address of the node."),
                );
            }
        }
        for mount in container.get("volumeMounts").items(Rule::Pod, report) {
            let propagation = mount.get("mountPropagation");
            if propagation.is_set() && propagation.text() != "None" {
                report.refuse(
                    Rule::PodVolume,
                    &propagation.path,
                    sentence!("Mounts would pass between the node and the container."),
                );
            }
            mount.only(&MOUNT, Rule::PodVolume, report);
        }
    }
}

/// No devices and no huge pages, which no quota of an app counts.
fn check_resources(resources: &Part, report: &mut Report) {
    resources.only(&["limits", "requests"], Rule::Pod, report);
    for of in ["limits", "requests"] {
        let amounts = resources.get(of);
        amounts.only(&["cpu", "ephemeral-storage", "memory"], Rule::Pod, report);
    }
}

/// Where it runs, and before whom.
fn check_place(spec: &Part, report: &mut Report) {
    let node = spec.get("nodeName");
    if node.is_filled() {
        report.refuse(
            Rule::Pod,
            &node.path,
            sentence!("A pod that names its node is not asked whether it may run there."),
        );
    }
    let scheduler = spec.get("schedulerName");
    if scheduler.is_set() && scheduler.text() != "default-scheduler" {
        report.refuse(
            Rule::Pod,
            &scheduler.path,
            sentence!("Another scheduler would choose the node."),
        );
    }
    let priority = spec.get("priorityClassName");
    if priority.is_filled() {
        report.refuse(Rule::Pod, &priority.path, sentence!("The pod would come before others, and displace other apps' pods or the cluster's own."));
    }
    for toleration in spec.get("tolerations").items(Rule::Pod, report) {
        check_toleration(&toleration, report);
    }
    let control_plane = |key: &str| key.starts_with(CONTROL_PLANE);
    for (key, part) in spec.get("nodeSelector").members() {
        if control_plane(key) {
            report.refuse(
                Rule::Pod,
                &part.path,
                sentence!("The pod asks for the cluster's control plane."),
            );
        }
    }
    let affinity = spec.get("affinity");
    affinity.only(
        &["nodeAffinity", "podAffinity", "podAntiAffinity"],
        Rule::Pod,
        report,
    );
    for name in ["podAffinity", "podAntiAffinity"] {
        check_pod_affinity(&affinity.get(name), report);
    }
    for (_, part) in affinity.get("nodeAffinity").members() {
        expressions(&part, &mut |expression| {
            // `DoesNotExist` keeps away from it.
            if control_plane(expression.get("key").text())
                && ["In", "Exists"].contains(&expression.get("operator").text())
            {
                report.refuse(
                    Rule::Pod,
                    &expression.get("key").path,
                    sentence!("The pod asks for the cluster's control plane."),
                );
            }
        });
    }
}

/// Only those that Kubernetes gives every pod itself: what a node is reserved for is not the app's to say.
fn check_toleration(toleration: &Part, report: &mut Report) {
    let key = toleration.get("key");
    let is_given_to_all = NODE_TROUBLES.contains(&key.text())
        && toleration.get("effect").text() == "NoExecute"
        && toleration.get("tolerationSeconds").value.is_number();
    if is_given_to_all {
        return;
    }
    let (at, message) = if !key.is_filled() {
        (
            key.path,
            sentence!("The pod would run on every node, whatever it is reserved for."),
        )
    } else if key.text().starts_with(CONTROL_PLANE) {
        (
            key.path,
            sentence!("The pod would run on the cluster's control plane."),
        )
    } else if NODE_TROUBLES.contains(&key.text()) {
        (
            toleration.path.clone(),
            sentence!(
                "The pod would stay on a node that is not there: write `effect: NoExecute` and `tolerationSeconds`."
            ),
        )
    } else {
        (
            key.path,
            sentence!("The pod would run on nodes that are reserved or taken out of service."),
        )
    };
    report.refuse(Rule::Pod, &at, message);
}

/// Near which pods it runs, and far from which: the app's own alone. What keeps away from other apps' pods keeps them
/// from starting.
fn check_pod_affinity(affinity: &Part, report: &mut Report) {
    affinity.only(
        &[
            "preferredDuringSchedulingIgnoredDuringExecution",
            "requiredDuringSchedulingIgnoredDuringExecution",
        ],
        Rule::Pod,
        report,
    );
    let mut terms = affinity
        .get("requiredDuringSchedulingIgnoredDuringExecution")
        .items(Rule::Pod, report);
    for weighted in affinity
        .get("preferredDuringSchedulingIgnoredDuringExecution")
        .items(Rule::Pod, report)
    {
        weighted.only(&["podAffinityTerm", "weight"], Rule::Pod, report);
        terms.push(weighted.get("podAffinityTerm"));
    }
    for term in terms {
        // An empty selector selects every namespace, an empty list none but the pod's own.
        for (name, part) in term.members() {
            if part.is_filled() && name == "namespaces"
                || part.is_set() && name == "namespaceSelector"
            {
                report.refuse_with(Rule::Pod, &part.path, sentence!("The pod would be placed by pods of other namespaces, and could keep them from starting."), sentence!("Remove it: without it the app's own pods are meant."));
            }
        }
        term.only(
            &[
                "labelSelector",
                "matchLabelKeys",
                "mismatchLabelKeys",
                "namespaceSelector",
                "namespaces",
                "topologyKey",
            ],
            Rule::Pod,
            report,
        );
    }
}

/// Calls for every expression of a node affinity, required or preferred.
fn expressions(part: &Part, heard: &mut impl FnMut(&Part)) {
    if part.get("key").is_set() && part.get("operator").is_set() {
        heard(part);
    }
    match part.value {
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                let path = format!("{}[{index}]", part.path);
                expressions(&Part { value, path }, heard);
            }
        }
        Value::Object(_) => {
            for (_, member) in part.members() {
                expressions(&member, heard);
            }
        }
        _ => {}
    }
}

fn check_end(spec: &Part, report: &mut Report) {
    let end = spec.get("terminationGracePeriodSeconds");
    let of_probes = containers(spec).into_iter().flat_map(|container| {
        ["livenessProbe", "startupProbe"]
            .map(|probe| container.get(probe).get("terminationGracePeriodSeconds"))
    });
    for end in std::iter::once(end).chain(of_probes) {
        if end.is_set()
            && end
                .value
                .as_f64()
                .is_none_or(|seconds| seconds > LONGEST_END)
        {
            report.refuse_with(Rule::Pod, &end.path, sentence!("A pod may take {seconds} seconds to end at most: deletes and stops wait for it.", seconds = LONGEST_END), sentence!("Write a smaller number."));
        }
    }
}

/// Whose token it has.
fn check_account(spec: &Part, objects: &[Object], rules: &Rules, report: &mut Report) {
    let automount = spec.get("automountServiceAccountToken");
    if automount.is_set() && automount.value != &Value::Bool(false) {
        report.refuse(
            Rule::Pod,
            &automount.path,
            sentence!("The pod would get a token of the cluster."),
        );
    }
    let Some(inventory) = rules.inventory else {
        return;
    };
    for name in ["serviceAccountName", "serviceAccount"] {
        let account = spec.get(name);
        let is_own = account.text() == "default"
            || objects
                .iter()
                .any(|object| object.kind() == "ServiceAccount" && object.name() == account.text())
            || inventory.iter().any(|object| {
                object.kind == "ServiceAccount"
                    && object.name == account.text()
                    && object.namespace.as_deref() == Some(rules.namespace)
            });
        if account.is_filled() && !is_own {
            report.refuse_with(
                Rule::Pod,
                &account.path,
                sentence!(
                    "The manifests have no ServiceAccount `{shown}`.",
                    shown = account.shown()
                ),
                sentence!("Leave it out, or add the ServiceAccount to the manifests."),
            );
        }
    }
}
