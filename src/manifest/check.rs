//! Whether objects may go to the cluster: whole, of a kind that it knows, nowhere but in the app's own namespace, and as
//! the cluster's policy allows.

use super::{numbers, policy};
use crate::code::Code;
use crate::object::{Kind, Kinds, Object};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// Names under which the worker keeps objects of its own in an app's namespace, and what they are for.
const RESERVED: [(&str, &str, &str); 8] = [
    ("Secret", "chandlery-generated", "generated passwords"),
    ("Secret", "chandlery-smtp", "the app's mail login"),
    (
        "DNSEndpoint",
        "chandlery-mail",
        "the app's mail domain's DNS records",
    ),
    ("Ingress", "chandlery-domains", "the app's domains"),
    ("ResourceQuota", "chandlery-quota", "what the app gets"),
    ("LimitRange", "chandlery-limits", "what a container gets"),
    (
        "NetworkPolicy",
        "chandlery-default-deny",
        "what keeps other apps out",
    ),
    (
        "ServiceAccount",
        "default",
        "that pods get no token of the cluster",
    ),
];
/// How alike two names must be for one to be offered for the other.
const ALIKE: f64 = 0.85;

/// What is allowed.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The kinds that the cluster serves.
    pub kinds: &'a Kinds,
    /// The cluster's policy, and whose objects they are.
    pub policy: policy::Rules<'a>,
}

/// Checks all objects of a deploy together and puts those without a namespace into the app's.
pub fn check(objects: Vec<Object>, rules: &Rules) -> Result<Vec<Object>, Problem> {
    let mut checked: Vec<Object> = Vec::with_capacity(objects.len());
    for mut object in objects {
        let kind = identify(&object, rules.kinds)?;
        place(&mut object, kind, rules.policy.namespace)?;
        let reference = object.reference();
        if let Some(first) = checked
            .iter()
            .find(|first| first.reference().is_same_object(&reference))
        {
            return Err(object.locate(
                Problem::new(Code::ManifestCheck, sentence!("The same object stands in {manifest}, document {document}, line {line} already.", manifest = &first.manifest, document = first.document, line = first.line))
                .hint(sentence!("Remove one of them, or give it another name.")),
            ));
        }
        checked.push(object);
    }
    policy::refuse(&policy::violations(&checked, &rules.policy), &rules.policy)?;
    Ok(checked)
}

/// Finds the object's kind.
fn identify<'a>(object: &Object, kinds: &'a Kinds) -> Result<&'a Kind, Problem> {
    well_formed(object)?;
    kinds
        .get(object.api_version(), object.kind())
        .ok_or_else(|| unknown_kind(object, kinds))
}

/// What can be said of an object without knowing the cluster: it must have apiVersion, kind and a name.
pub fn well_formed(object: &Object) -> Result<(), Problem> {
    let wrong = |field: &str, message: Sentence, hint: Sentence| {
        Err(object.locate_field(field, Problem::new(Code::ManifestCheck, message).hint(hint)))
    };
    if !object.value.is_object() {
        return Err(object.locate(
            Problem::new(
                Code::ManifestCheck,
                sentence!("This document is not a Kubernetes object: it is not a mapping."),
            )
            .hint(sentence!(
                "Every document needs apiVersion, kind and metadata."
            )),
        ));
    }
    for field in ["apiVersion", "kind"] {
        match &object.value[field] {
            serde_json::Value::String(text) if !text.is_empty() => {}
            serde_json::Value::Null => {
                return wrong(
                    field,
                    sentence!("The object has no {field}.", field),
                    sentence!("Every object needs apiVersion, kind and metadata.name."),
                );
            }
            _ => {
                return wrong(
                    field,
                    sentence!("{field} is not a text.", field),
                    sentence!("Quote it."),
                );
            }
        }
    }
    let name = &object.value["metadata"]["name"];
    match name.as_str() {
        Some(name) => {
            if let Some(message) = wrong_name(name, object) {
                return wrong(
                    "metadata.name",
                    message,
                    sentence!("Correct the name, or the variables it is made of."),
                );
            }
        }
        None if name.is_null() && object.value["metadata"]["generateName"].is_string() => {
            return wrong(
                "metadata.generateName",
                sentence!(
                    "Objects need a fixed name; a generated one would be another at every deploy."
                ),
                sentence!("Write metadata.name instead of generateName."),
            );
        }
        None if name.is_null() => {
            return wrong(
                "metadata.name",
                sentence!("The object has no name."),
                sentence!("Give it one in metadata.name."),
            );
        }
        None => {
            return wrong(
                "metadata.name",
                sentence!("The object's name is not a text."),
                sentence!("Quote it: a name of digits is a number otherwise."),
            );
        }
    }
    if let Some(field) = numbers::too_large(object) {
        return wrong(
            &field,
            sentence!(
                "The number is too large for this field, which has 32 bits: the API server would take another one for it, in silence."
            ),
            sentence!("Write a number between -2147483648 and 2147483647."),
        );
    }
    Ok(())
}

/// Most names are DNS names; those of RBAC only must be usable in a URL.
fn wrong_name(name: &str, object: &Object) -> Option<Sentence> {
    if name.is_empty() {
        return Some(sentence!("The object's name is empty."));
    }
    if name.len() > 253 {
        return Some(sentence!(
            "The object's name has {number} characters, more than 253.",
            number = name.len()
        ));
    }
    let usable = if object
        .api_version()
        .starts_with("rbac.authorization.k8s.io/")
    {
        name != "." && name != ".." && !name.contains(['/', '%'])
    } else {
        let inner = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.'
        };
        let edge = |byte: Option<&u8>| {
            byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let bytes = name.as_bytes();
        bytes.iter().all(|byte| inner(*byte)) && edge(bytes.first()) && edge(bytes.last())
    };
    (!usable).then(|| {
        sentence!("`{name}` cannot be an object's name: lower-case letters, digits, `-` and `.` only, a letter or digit at both ends.", name)
    })
}

fn unknown_kind(object: &Object, kinds: &Kinds) -> Problem {
    let (api_version, kind) = (object.api_version(), object.kind());
    let mut elsewhere: Vec<&str> = kinds
        .iter()
        .filter(|known| known.kind == kind)
        .map(|known| known.api_version.as_str())
        .collect();
    elsewhere.sort_unstable();
    let (field, hint) = if elsewhere.is_empty() {
        let near = kinds
            .iter()
            .map(|known| (strsim::jaro_winkler(&known.kind, kind), known.kind.as_str()))
            .filter(|(alike, _)| *alike >= ALIKE)
            .max_by(|(one, _), (other, _)| one.total_cmp(other));
        let hint = match near {
            Some((_, near)) => sentence!("Did you mean `{near}`?", near),
            None => sentence!(
                "Install what provides this kind in the cluster, or correct kind and apiVersion."
            )
            .to_owned(),
        };
        ("kind", hint)
    } else {
        (
            "apiVersion",
            sentence!(
                "The cluster serves {kind} as {elsewhere}.",
                kind,
                elsewhere = elsewhere.join(", ")
            ),
        )
    };
    object.locate_field(
        field,
        Problem::new(
            Code::ManifestCheck,
            sentence!(
                "The cluster does not know {kind} of {api_version}.",
                kind,
                api_version
            ),
        )
        .hint(hint),
    )
}

/// Refuses what stands elsewhere than in the app's namespace, and fills in the namespace where none is given.
fn place(object: &mut Object, kind: &Kind, own: &str) -> Result<(), Problem> {
    let mut namespace = object.value["metadata"]["namespace"].clone();
    // The API server takes an empty one for none.
    if namespace == "" {
        namespace = serde_json::Value::Null;
        object.value["metadata"]["namespace"] = serde_json::Value::Null;
    }
    if !kind.namespaced {
        if !namespace.is_null() {
            return Err(object.locate_field(
                "metadata.namespace",
                Problem::new(
                    Code::ManifestCheck,
                    sentence!("A {kind} has no namespace.", kind = kind.kind),
                )
                .hint(sentence!("Remove metadata.namespace.")),
            ));
        }
        return Ok(());
    }
    for (reserved, name, purpose) in RESERVED {
        if kind.kind == reserved && object.name() == name {
            return Err(object.locate_field(
                "metadata.name",
                Problem::new(
                    Code::ManifestCheck,
                    sentence!(
                        "The name {name} is taken: Chandlery keeps {purpose} there.",
                        name,
                        purpose
                    ),
                )
                .hint(sentence!("Give the {reserved} another name.", reserved)),
            ));
        }
    }
    match namespace {
        serde_json::Value::Null => {
            object.value["metadata"]["namespace"] = own.into();
            Ok(())
        }
        serde_json::Value::String(given) if given == own => Ok(()),
        given => {
            let given = given
                .as_str()
                .map_or_else(|| given.to_string(), str::to_owned);
            Err(object.locate_field(
                "metadata.namespace",
                Problem::new(
                    Code::ManifestCheck,
                    sentence!(
                        "The object stands in the namespace {given}, but the app's is {own}.",
                        given,
                        own
                    ),
                )
                .hint(sentence!(
                    "Remove metadata.namespace, or write `{{{{ namespace }}}}`."
                )),
            ))
        }
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
