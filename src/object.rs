//! Objects on their way from a manifest to a cluster, and the kinds a cluster knows: the words that the rooms
//! [`crate::manifest`] and [`crate::kubernetes`] share.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dependence::Dependent;
use crate::problem::Problem;
use crate::source_map::SourceMap;

/// On a workload, in its manifest: for what it is not restarted since it follows by itself, separated by commas. `mail`: a
/// new mail login; `reset`: data that a reset has replaced.
pub const NO_RESTART: &str = "chandlery.dev/no-restart";

/// Names one object in a cluster. An app's inventory is a list of these.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ObjectRef {
    /// `v1`, `apps/v1`, …
    pub api_version: String,
    /// `Deployment`, …
    pub kind: String,
    /// `None` for kinds that have no namespace.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
}

impl ObjectRef {
    /// The API group: `apps` of `apps/v1`, empty for the core group.
    pub fn group(&self) -> &str {
        group_of(&self.api_version)
    }

    /// Whether it is a Job, in whichever version.
    pub fn is_job(&self) -> bool {
        self.group() == "batch" && self.kind == "Job"
    }

    /// Whether both name the same object, be it in different versions of one API group.
    pub fn is_same_object(&self, other: &Self) -> bool {
        self.group() == other.group()
            && self.kind == other.kind
            && self.namespace == other.namespace
            && self.name == other.name
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// One Kubernetes object as a manifest describes it, and where it stands there.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Title of the manifest.
    pub manifest: String,
    /// Where the manifest came from.
    pub url: String,
    /// Number of the YAML document in the rendered manifest, from 1.
    pub document: u32,
    /// Line of the rendered manifest on which the object begins, from 1.
    pub line: u32,
    /// The object itself, as the API server gets it.
    pub value: Value,
    /// Its path in its document: `items[0]` in a list, empty elsewhere.
    pub path: String,
    /// The text that these lines are of, beside its template.
    pub lines: Arc<SourceMap>,
    /// The object with stand-ins for all secrets, where there may be any: what is said of it is said of this.
    pub stand_in: Option<Value>,
}

impl Object {
    /// `apiVersion`, empty when absent.
    pub fn api_version(&self) -> &str {
        self.value["apiVersion"].as_str().unwrap_or_default()
    }

    /// `kind`, empty when absent.
    pub fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    /// `metadata.name`, empty when absent.
    pub fn name(&self) -> &str {
        self.value["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// `metadata.namespace`.
    pub fn namespace(&self) -> Option<&str> {
        self.value["metadata"]["namespace"].as_str()
    }

    /// The name under which a cluster knows it.
    pub fn reference(&self) -> ObjectRef {
        ObjectRef {
            api_version: self.api_version().to_owned(),
            kind: self.kind().to_owned(),
            namespace: self.namespace().map(str::to_owned),
            name: self.name().to_owned(),
        }
    }

    /// The same with stand-ins for all secrets.
    pub fn with_stand_ins(&self) -> Self {
        let mut value = self.stand_in.as_ref().unwrap_or(&self.value).clone();
        // Where it is to be placed was found out meanwhile.
        if let Some(namespace) = self.namespace().filter(|_| value.is_object()) {
            value["metadata"]["namespace"] = namespace.into();
        }
        Self {
            value,
            stand_in: None,
            ..self.clone()
        }
    }

    /// What of it depends on a secret.
    pub fn dependent(&self) -> &Dependent {
        let whole = self.lines.dependent(self.document);
        match whole.member("items") {
            Dependent::Items(items) if !self.path.is_empty() => {
                let index = self.path.trim_start_matches("items[").trim_end_matches(']');
                let part = index
                    .parse()
                    .ok()
                    .and_then(|index| items.by_index.get(&index));
                part.unwrap_or(&Dependent::Nothing)
            }
            _ => whole,
        }
    }

    /// Says of a problem which object it concerns and where that stands.
    pub fn locate(&self, problem: Problem) -> Problem {
        Problem {
            column: None,
            ..self.at((self.line, 1), problem)
        }
    }

    /// The same, for one field: the line is the field's, or its nearest parent's that stands in the manifest.
    pub fn locate_field(&self, field: &str, problem: Problem) -> Problem {
        let problem = Problem {
            field: Some(field.to_owned()),
            ..problem
        };
        match self.place(field) {
            Some(place) => self.at(place, problem),
            None => self.locate(problem),
        }
    }

    /// The lines of all fields that a problem speaks of, each with what is to be said of it.
    pub fn locate_others(&self, fields: &[(String, String)], problem: Problem) -> Problem {
        let mut excerpts = Vec::new();
        for (field, label) in fields {
            if let Some((line, column)) = self.place(field) {
                let found = self.lines.locate(Problem::default(), line, column, None);
                let mut found = found.excerpts.into_iter();
                excerpts.extend(found.next().map(|first| first.label(label.as_str())));
                excerpts.extend(found);
            }
        }
        Problem {
            excerpts: Vec::new(),
            ..problem
        }
        .with(excerpts)
    }

    /// Where a field stands, or its nearest parent.
    fn place(&self, field: &str) -> Option<(u32, u32)> {
        match &*self.path {
            "" => self.lines.place(self.document, field),
            path => self.lines.place(self.document, &format!("{path}.{field}")),
        }
    }

    fn at(&self, (line, column): (u32, u32), problem: Problem) -> Problem {
        let object = match (self.kind(), self.name()) {
            ("", _) => None,
            (kind, "") => Some(kind.to_owned()),
            (kind, name) => Some(format!("{kind}/{name}")),
        };
        Problem {
            manifest: Some(self.manifest.clone()),
            url: Some(self.url.clone()),
            document: Some(self.document),
            object,
            ..self.lines.locate(problem, line, column, None)
        }
    }
}

/// A kind of object that a cluster serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// `v1`, `apps/v1`, …
    pub api_version: String,
    /// `Deployment`, …
    pub kind: String,
    /// The name in URLs: `deployments`, …
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

/// All kinds that a cluster serves, from its discovery.
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    by_name: HashMap<(String, String), Kind>,
}

impl Kinds {
    /// Finds a kind by `apiVersion` and `kind`.
    pub fn get(&self, api_version: &str, kind: &str) -> Option<&Kind> {
        self.by_name.get(&(api_version.to_owned(), kind.to_owned()))
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Kind> {
        self.by_name.values()
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        Self {
            by_name: kinds
                .into_iter()
                .map(|kind| ((kind.api_version.clone(), kind.kind.clone()), kind))
                .collect(),
        }
    }
}

/// The API group of an `apiVersion`: `apps` of `apps/v1`, empty for the core group.
pub fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use crate::redact::Redactor;
    use serde_json::json;

    #[test]
    fn a_field_is_found_by_its_nearest_parent_in_the_manifest() {
        let text = "kind: A\n---\n\nkind: Deployment\nmetadata:\n  name: odoo\nspec:\n  containers:\n    - image: x\n";
        let object = Object {
            manifest: "Odoo".to_owned(),
            url: "http://example.com/odoo.yml".to_owned(),
            document: 2,
            line: 4,
            value: json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "odoo"}}),
            path: String::new(),
            lines: Arc::new(SourceMap::new("", text, &Redactor::default())),
            stand_in: None,
        };
        let place = |field| {
            let problem = object.locate_field(field, Problem::new(Code::Internal, "x"));
            (problem.line, problem.column)
        };
        assert_eq!(place("spec.containers[0].image"), (Some(9), Some(7)));
        assert_eq!(place("spec.replicas"), (Some(7), Some(1)));
        assert_eq!(place("data"), (Some(4), None));
        assert_eq!(
            object
                .locate(Problem::new(Code::Internal, "x"))
                .object
                .as_deref(),
            Some("Deployment/odoo")
        );
    }

    #[test]
    fn an_object_is_the_same_in_another_version_of_its_group() {
        let reference = |api_version: &str, kind: &str| ObjectRef {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: Some("shop".to_owned()),
            name: "odoo".to_owned(),
        };
        assert!(
            reference("apps/v1", "Deployment")
                .is_same_object(&reference("apps/v1beta1", "Deployment"))
        );
        assert!(!reference("apps/v1", "Deployment").is_same_object(&reference("v1", "Deployment")));
    }
}
