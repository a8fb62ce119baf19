//! Whether objects keep to their cluster's policy.
//!
//! In come all objects of a deploy and [`Rules`] (the [`Policy`] and whose objects they are), out comes every
//! [`Violation`]: which rule, where, and what an administrator would have to change. Pure functions over JSON, one file
//! for each: [`kinds`] (which kinds), [`metadata`] (finalizers, owners, labels and annotations of other programs, with
//! [`annotation_values`]), [`pods`] (what a pod may do to its node and to other apps, with [`pod_security`], the Pod
//! Security Standards as the API server applies them), [`disruptions`] (what keeps a node from being taken out of
//! service), [`volumes`] (what may be mounted and claimed), [`tokens`] (Secrets and ServiceAccounts), [`services`],
//! [`hosts`] (the names under which an app answers) and [`network`] (NetworkPolicies).
//!
//! Where harm is possible, a field passes because it is known to be harmless, never because nobody thought of it: fields
//! that it does not know are refused. An absent value and `null` are the same, as for the API server.

mod annotation_values;
mod disruptions;
mod hosts;
mod kinds;
mod metadata;
mod network;
pub mod pod_security;
mod pods;
mod services;
mod tokens;
mod volumes;

use serde_json::Value;

pub use volumes::are_claimed;

use crate::code::Code;
use crate::object::{Object, ObjectRef};
use crate::policy::{Limits, PodSecurity, Policy, StorageClasses};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// How alike two fields must be for one to be offered for the other.
const ALIKE: f64 = 0.95;
/// More violations than this are counted, not told.
const MOST_TOLD: usize = 30;

/// The policy, and what it is held against.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    pub policy: &'a Policy,
    /// The cluster's name in Odoo.
    pub cluster: &'a str,
    /// The cluster's ingress class; may be empty.
    pub ingress_class: &'a str,
    /// The app's own namespace.
    pub namespace: &'a str,
    /// The app's own name.
    pub hostname: &'a str,
    /// Domains of its customer's own under which it may answer, too.
    pub domains: &'a [String],
    /// The namespaces of the same app in other environments.
    pub siblings: &'a [String],
    /// The ports of every node that are the app's own.
    pub node_ports: &'a [u16],
    /// `None` where they are not known.
    pub limits: Option<&'a Limits>,
    /// `None` where the cluster is not asked.
    pub storage_classes: Option<&'a StorageClasses>,
    /// What is in the cluster of the app already; `None` where only a part of the app is looked at, so that an object may
    /// refer to one that is not seen.
    pub inventory: Option<&'a [ObjectRef]>,
}

/// Whose objects are held against a policy.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    /// The app's own namespace.
    pub namespace: &'a str,
    /// The app's own name.
    pub hostname: &'a str,
    /// Domains of its customer's own under which it may answer, too.
    pub domains: &'a [String],
    /// The namespaces of the same app in other environments.
    pub siblings: &'a [String],
    /// The ports of every node that are the app's own.
    pub node_ports: &'a [u16],
}

impl<'a> Rules<'a> {
    /// For a part of an app. Who has all of its objects adds what they are to fit into.
    pub fn new(
        policy: &'a Policy,
        cluster: &'a str,
        ingress_class: &'a str,
        whose: Whose<'a>,
    ) -> Self {
        Self {
            policy,
            cluster,
            ingress_class,
            namespace: whose.namespace,
            hostname: whose.hostname,
            domains: whose.domains,
            siblings: whose.siblings,
            node_ports: whose.node_ports,
            limits: None,
            storage_classes: None,
            inventory: None,
        }
    }

    /// For one manifest of an app called `example`, like a preview.
    #[cfg(test)]
    pub fn of_tests(policy: &'a Policy) -> Self {
        let whose = Whose {
            namespace: "example-prod",
            hostname: "example.apps.example.com",
            domains: &[],
            siblings: &[],
            node_ports: &[],
        };
        Self::new(policy, "demo", "nginx", whose)
    }
}

/// What is refused, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The kind is not on the list.
    Kind,
    /// A check of the Pod Security Standards, by upstream's name, and its level.
    PodSecurity(&'static str, PodSecurity),
    /// What a pod does beyond those: where it runs, how long it stays, whose token it has.
    Pod,
    /// What would keep a pod on its node for good.
    Disruption,
    /// What a pod mounts.
    PodVolume,
    /// Storage that is not the app's own.
    Claim,
    /// A storage class that gives what stands ready.
    StorageClass,
    /// More storage than the app gets.
    Storage,
    /// What only the system writes on objects.
    Metadata,
    /// A label or annotation that another program acts on.
    Annotation,
    /// A label of Chandlery's own.
    OwnLabel,
    /// A Secret or ServiceAccount that gives a token of the cluster.
    Token,
    LoadBalancer,
    NodePort,
    /// A Service that leads elsewhere.
    Service,
    /// A name that is not the app's.
    Hostname,
    IngressClass,
    /// An Ingress that is more than a way from the app's name to its Services.
    Ingress,
    /// A NetworkPolicy that opens more than it may.
    Network,
}

impl Rule {
    /// The field of the cluster's policy by which an administrator may allow it.
    fn setting(self) -> Option<Sentence> {
        match self {
            Self::Kind => Some(sentence!("Allowed Kinds")),
            Self::PodSecurity(_, PodSecurity::Restricted) => {
                Some(sentence!("Pod Security (Baseline or Privileged)"))
            }
            Self::PodSecurity(..) | Self::Pod | Self::PodVolume => {
                Some(sentence!("Pod Security (Privileged)"))
            }
            Self::Annotation => Some(sentence!("Allowed Annotations")),
            Self::LoadBalancer => Some(sentence!("LoadBalancer Services")),
            Self::NodePort => Some(sentence!("NodePort Services")),
            Self::Network => Some(sentence!("Network Policy")),
            Self::Storage => Some(sentence!("Quota")),
            Self::StorageClass => Some(sentence!("Static Storage Classes")),
            Self::Claim
            | Self::Disruption
            | Self::Metadata
            | Self::OwnLabel
            | Self::Token
            | Self::Service
            | Self::Hostname
            | Self::IngressClass
            | Self::Ingress => None,
        }
    }

    /// How it is called in messages.
    fn name(self) -> Sentence {
        match self {
            Self::PodSecurity(check, level) => {
                sentence!(
                    "Pod Security {level}, {check}",
                    level = level.as_str(),
                    check
                )
            }
            Self::Kind => sentence!("allowed kinds"),
            Self::Pod => sentence!("pods"),
            Self::Disruption => sentence!("disruption budgets"),
            Self::PodVolume => sentence!("volumes of pods"),
            Self::Claim => sentence!("volume claims"),
            Self::StorageClass => sentence!("storage classes"),
            Self::Storage => sentence!("storage of the app"),
            Self::Metadata => sentence!("metadata"),
            Self::Annotation => sentence!("annotations and labels of other programs"),
            Self::OwnLabel => sentence!("labels of Chandlery"),
            Self::Token => sentence!("tokens of the cluster"),
            Self::LoadBalancer => sentence!("LoadBalancer Services"),
            Self::NodePort => sentence!("NodePort Services"),
            Self::Service => sentence!("Services"),
            Self::Hostname => sentence!("hostnames"),
            Self::IngressClass => sentence!("ingress class"),
            Self::Ingress => sentence!("Ingresses"),
            Self::Network => sentence!("network policies"),
        }
    }
}

/// One thing that is refused.
#[derive(Clone, Debug)]
pub struct Violation<'a> {
    pub rule: Rule,
    pub object: &'a Object,
    /// Path of the field within the object.
    pub field: String,
    pub message: Sentence,
    /// What else to do than to ask an administrator.
    pub hint: Sentence,
}

impl Violation<'_> {
    /// For people: what, where, and the way out.
    pub fn problem(&self, cluster: &str) -> Problem {
        let own = match self.hint.as_str() {
            "" if matches!(self.rule, Rule::PodSecurity(_, PodSecurity::Restricted)) => {
                sentence!("Correct it.")
            }
            "" => sentence!("Remove it."),
            _ => self.hint.clone(),
        };
        let allow = match (self.rule, self.rule.setting()) {
            (Rule::IngressClass, _) => sentence!(
                "An administrator may change the class under Kubernetes > Configuration > Clusters > {cluster}: Ingress Class.",
                cluster
            ),
            (Rule::Storage, _) => {
                sentence!("An operator may change the app's limits on its page Limits.")
            }
            (_, Some(setting)) => sentence!(
                "An administrator may allow this under Kubernetes > Configuration > Clusters > {cluster} > Policy: {setting}.",
                cluster,
                setting
            ),
            (_, None) => sentence!("No policy allows this."),
        };
        let problem = Problem::new(
            Code::ManifestPolicy,
            sentence!(
                "{message} (Rule: {name}.)",
                message = &self.message,
                name = self.rule.name()
            ),
        )
        .hint(own.and(" ", allow));
        self.object.locate_field(&self.field, problem)
    }
}

/// All that the policy refuses of these objects, in their order.
pub fn violations<'a>(objects: &'a [Object], rules: &Rules) -> Vec<Violation<'a>> {
    let mut found = Vec::new();
    for object in objects {
        let mut report = Report {
            object,
            found: Vec::new(),
        };
        let whole = Part {
            value: &object.value,
            path: String::new(),
        };
        kinds::check(&whole, rules, &mut report);
        metadata::check(&whole.get("metadata"), rules, &mut report);
        pods::check(&whole, objects, rules, &mut report);
        volumes::check_claims(&whole, rules, &mut report);
        disruptions::check(&whole, objects, rules, &mut report);
        tokens::check(&whole, rules, &mut report);
        services::check(&whole, rules, &mut report);
        hosts::check(&whole, rules, &mut report);
        network::check(&whole, rules, &mut report);
        found.extend(report.found);
    }
    found.extend(volumes::check_sum(objects, rules));
    found
}

/// One problem that tells all violations, the first with its lines.
pub fn refuse(violations: &[Violation], rules: &Rules) -> Result<(), Problem> {
    let problem = |violation: &Violation| violation.problem(rules.cluster);
    let Some((first, others)) = violations.split_first() else {
        return Ok(());
    };
    let mut told = problem(first);
    if !others.is_empty() {
        told.message = told.message.and("\n", sentence!("Also refused:"));
    }
    for violation in others.iter().take(MOST_TOLD) {
        let other = problem(violation);
        let line = other.line.unwrap_or_default();
        let place = sentence!(
            "- {manifest}, document {document}, line {line}: {object} {field}: {message}",
            manifest = &violation.object.manifest,
            document = violation.object.document,
            line,
            object = other.object.as_deref().unwrap_or_default(),
            field = &violation.field,
            message = other.message,
        );
        told.message = told.message.and("\n", place);
        told = told.with(other.excerpts);
    }
    if others.len() > MOST_TOLD {
        let more = sentence!("… and {number} more.", number = others.len() - MOST_TOLD);
        told.message = told.message.and("\n", more);
    }
    Err(told)
}

/// Collects what is wrong with one object.
struct Report<'a> {
    object: &'a Object,
    found: Vec<Violation<'a>>,
}

impl Report<'_> {
    fn refuse(&mut self, rule: Rule, field: &str, message: impl Into<Sentence>) {
        self.refuse_with(rule, field, message, "");
    }

    fn refuse_with(
        &mut self,
        rule: Rule,
        field: &str,
        message: impl Into<Sentence>,
        hint: impl Into<Sentence>,
    ) {
        self.found.push(Violation {
            rule,
            object: self.object,
            field: field.to_owned(),
            message: message.into(),
            hint: hint.into(),
        });
    }
}

/// A part of an object, and where it stands in it.
#[derive(Clone, Debug)]
struct Part<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Part<'a> {
    fn get(&self, name: &str) -> Part<'a> {
        Part {
            value: &self.value[name],
            path: match self.path.as_str() {
                "" => name.to_owned(),
                path => format!("{path}.{name}"),
            },
        }
    }

    fn is_set(&self) -> bool {
        !self.value.is_null()
    }

    /// Whether it is a text, a list or a mapping with something in it, a number other than 0, or `true`.
    fn is_filled(&self) -> bool {
        match self.value {
            Value::Null | Value::Bool(false) => false,
            Value::Bool(true) => true,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty(),
        }
    }

    /// The text, empty where it is none.
    fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    /// How the value is shown in messages.
    fn shown(&self) -> String {
        match self.value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    fn members(&self) -> Vec<(&'a str, Part<'a>)> {
        let members = self.value.as_object().into_iter().flatten();
        members
            .map(|(name, _)| (name.as_str(), self.get(name)))
            .collect()
    }

    /// The items of a list.
    fn items(&self, rule: Rule, report: &mut Report) -> Vec<Part<'a>> {
        match self.value {
            Value::Null => Vec::new(),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, value)| Part {
                    value,
                    path: format!("{}[{index}]", self.path),
                })
                .collect(),
            _ => {
                report.refuse_with(
                    rule,
                    &self.path,
                    sentence!("This must be a list."),
                    sentence!("Write a list."),
                );
                Vec::new()
            }
        }
    }

    /// Refuses fields that are not known to be harmless or looked at.
    fn only(&self, known: &[&str], rule: Rule, report: &mut Report) {
        if self.is_set() && !self.value.is_object() {
            report.refuse_with(
                rule,
                &self.path,
                sentence!("This must be a mapping."),
                sentence!("Write a mapping."),
            );
        }
        for (name, part) in self.members() {
            if known.contains(&name) || !part.is_set() {
                continue;
            }
            let alike = known
                .iter()
                .map(|known| {
                    (
                        strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase()),
                        known,
                    )
                })
                .filter(|(alike, _)| *alike >= ALIKE)
                .max_by(|(one, _), (other, _)| one.total_cmp(other))
                .map(|(_, known)| sentence!("Did you mean `{known}`?", known = *known));
            report.refuse_with(
                rule,
                &part.path,
                sentence!(
                    "The field `{name}` is not one that manifests may use here.",
                    name
                ),
                alike.unwrap_or_default(),
            );
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
