//! PodDisruptionBudgets: a node that is taken out of service waits for its pods to move. One that never lets a pod move
//! keeps the node.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};
use serde::Deserialize;
use serde_json::Value;

use super::{Part, Report, Rule, Rules};
use crate::object::Object;
use crate::sentence;

pub(super) fn check(whole: &Part, objects: &[Object], rules: &Rules, report: &mut Report) {
    if whole.get("kind").text() != "PodDisruptionBudget" {
        return;
    }
    let spec = whole.get("spec");
    spec.only(
        &[
            "maxUnavailable",
            "minAvailable",
            "selector",
            "unhealthyPodEvictionPolicy",
        ],
        Rule::Disruption,
        report,
    );
    let most = spec.get("maxUnavailable");
    if told_amount(&most, report).is_some_and(|amount| amount.of(f64::INFINITY) < 1.0) {
        report.refuse_with(
            Rule::Disruption,
            &most.path,
            sentence!("No pod could ever move, so that its node cannot be taken out of service."),
            sentence!("Write `maxUnavailable: 1`."),
        );
    }
    let workloads: Vec<_> = workloads(objects)
        .filter(|workload| selects(&spec, &workload.labels))
        .collect();
    let least = spec.get("minAvailable");
    if let Some(amount) = told_amount(&least, report) {
        // Where only a part of the app is looked at, the pods may be in another.
        let pods = match workloads.is_empty() && rules.inventory.is_none() {
            true => f64::INFINITY,
            false => workloads.iter().map(|workload| workload.pods).sum(),
        };
        if amount.keeps_all(pods) {
            report.refuse_with(Rule::Disruption, &least.path, sentence!("As many pods as there are must stay, so that none could ever move, and its node cannot be taken out of service."), sentence!("Write `maxUnavailable: 1`."));
        }
    }
    // The API server moves no pod that two of them are about.
    let another = objects.iter().find(|object| {
        let spec = &object.value["spec"];
        let part = Part {
            value: spec,
            path: String::new(),
        };
        object.kind() == "PodDisruptionBudget"
            && object.name() != report.object.name()
            && (workloads.iter()).any(|workload| selects(&part, &workload.labels))
    });
    if let Some(another) = another {
        report.refuse_with(
            Rule::Disruption,
            &spec.get("selector").path,
            sentence!(
                "The PodDisruptionBudget {name} is about the same pods: with two, no pod can move.",
                name = another.name()
            ),
            sentence!("Remove one of them."),
        );
    }
}

/// A number of pods, or a part of them.
#[derive(Clone, Copy)]
enum Amount {
    Pods(f64),
    Percent(f64),
}

impl Amount {
    /// Kubernetes rounds up.
    fn of(self, pods: f64) -> f64 {
        match self {
            Self::Pods(number) => number,
            Self::Percent(0.0) => 0.0,
            Self::Percent(percent) => (percent * pods / 100.0).ceil(),
        }
    }

    fn keeps_all(self, pods: f64) -> bool {
        match self {
            Self::Percent(percent) if percent >= 100.0 => true,
            Self::Pods(0.0) | Self::Percent(0.0) => false,
            amount if pods.is_finite() => amount.of(pods) >= pods,
            _ => false,
        }
    }
}

/// The amount that stands there; refuses what is none.
fn told_amount(part: &Part, report: &mut Report) -> Option<Amount> {
    let found = amount(part);
    if part.is_set() && found.is_none() {
        report.refuse_with(
            Rule::Disruption,
            &part.path,
            sentence!("This must be a whole number of pods, or a percentage as text."),
            sentence!("Write a number such as `1`, or a percentage such as `50%`."),
        );
    }
    found
}

fn amount(part: &Part) -> Option<Amount> {
    let Value::String(text) = part.value else {
        return part
            .value
            .as_u64()
            .map(|number| Amount::Pods(number as f64));
    };
    let digits = text.strip_suffix('%')?;
    let percent: u32 = digits.parse().ok()?;
    Some(Amount::Percent(percent.into()))
}

struct Workload {
    labels: BTreeMap<String, String>,
    pods: f64,
}

/// What runs pods without an end, with how many.
fn workloads(objects: &[Object]) -> impl Iterator<Item = Workload> {
    let lasting = objects
        .iter()
        .filter(|object| matches!(object.kind(), "Deployment" | "StatefulSet"));
    lasting.map(|object| {
        let spec = &object.value["spec"];
        let labels = &spec["template"]["metadata"]["labels"];
        Workload {
            labels: BTreeMap::deserialize(labels).unwrap_or_default(),
            pods: spec["replicas"].as_f64().unwrap_or(1.0),
        }
    })
}

/// Whether a budget is about pods with these labels.
fn selects(spec: &Part, labels: &BTreeMap<String, String>) -> bool {
    let selector = LabelSelector::deserialize(spec.get("selector").value).unwrap_or_default();
    Selector::try_from(selector).is_ok_and(|selector| selector.matches(labels))
}
