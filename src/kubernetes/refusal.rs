//! What the API server answered, as people can read it.

use std::fmt;
use std::time::Duration;

use http_body_util::LengthLimitError;
use kube::core::Status;

use super::cluster::{MOST_OBJECTS, MOST_OF_AN_ANSWER};
use crate::body;
use crate::object::Object;
use crate::problem::Problem;
use crate::redact::HIDDEN;

/// Why a call to the API server failed.
#[derive(Debug)]
pub(super) enum CallError {
    Timeout(Duration),
    /// The cluster may not be called any more.
    Fenced,
    /// The server answered, and the answer is no.
    Refused(Box<Status>),
    /// An answer that would take too much memory.
    TooLong,
    /// A list of more objects than any app has.
    TooMany,
    /// No answer that could be read.
    Unreachable(kube::Error),
}

impl From<kube::Error> for CallError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Refused(status),
            other if is_too_long(&other) => Self::TooLong,
            other => Self::Unreachable(other),
        }
    }
}

impl CallError {
    pub(super) fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    pub(super) fn is_forbidden(&self) -> bool {
        self.code() == Some(403)
    }

    pub(super) fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    fn code(&self) -> Option<u16> {
        match self {
            Self::Refused(status) => Some(status.code),
            _ => None,
        }
    }
}

fn is_too_long(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_too_long)
}

/// An error with its causes, each said once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// What a failed call means for the operator; `doing` completes "The cluster does not let the worker …".
pub(super) fn call_problem(error: &CallError, url: &str, doing: &str) -> Problem {
    match error {
        // What the job's story says of it, too; nobody is told, for the job is somebody else's.
        CallError::Fenced => {
            Problem::transient("lease_lost", "The job is no longer this worker's.")
        }
        CallError::Timeout(limit) => {
            Problem::transient("cluster_unreachable", format!("The cluster at {url} did not answer within {} s.", limit.as_secs_f32()))
                .hint("Check that the API server runs and is reachable from the worker.")
        }
        CallError::TooLong => Problem::new(
            "cluster_answer",
            format!("The worker could not {doing}: the cluster at {url} answers with more than {}, which is not read.", body::size(MOST_OF_AN_ANSWER)),
        )
        .hint("Look with kubectl what is so large, and delete what is not needed. If it is nothing, something else than an API server answers there."),
        CallError::TooMany => Problem::new(
            "cluster_answer",
            format!("The worker could not {doing}: the cluster at {url} has more than {MOST_OBJECTS} of them, which are not read."),
        )
        .hint("Look with kubectl what makes so many, and delete what is not needed: `kubectl get` with the flag --chunk-size shows them in parts."),
        CallError::Unreachable(error @ (kube::Error::Auth(_) | kube::Error::InferConfig(_) | kube::Error::InferKubeconfig(_))) => {
            Problem::new("cluster_credentials", format!("The credentials for the cluster at {url} cannot be used: {}.", chain(error)))
                .hint("Check the credentials in the worker's kubeconfig for this cluster.")
        }
        CallError::Unreachable(error) => {
            Problem::transient("cluster_unreachable", format!("The cluster at {url} cannot be reached: {}.", chain(error)))
                .hint("Check that the API server runs and is reachable from the worker.")
        }
        CallError::Refused(status) => match status.code {
            401 => Problem::new("cluster_credentials", format!("The cluster at {url} does not accept the worker's credentials."))
                .hint("Renew the credentials in the worker's kubeconfig for this cluster."),
            403 => Problem::new("cluster_forbidden", format!("The cluster does not let the worker {doing}: {}", sentence(&status.message)))
                .hint("Give the worker's account this permission; `chandlery check` lists all that it lacks."),
            429 | 500.. => Problem::transient("cluster_unreachable", format!("The cluster at {url} cannot {doing} now: {}", sentence(&status.message)))
                .hint("The API server is overloaded or one of its parts is down; it usually passes."),
            _ => Problem {
                retry: status.code == 409,
                ..Problem::new("cluster_refused", format!("The cluster refused to {doing}: {}", sentence(&status.message)))
            },
        },
    }
}

/// What it means that the server did not take an object: the manifest, document, line and field, and the server's own
/// words.
pub(super) fn apply_problem(error: &CallError, url: &str, object: &Object) -> Problem {
    let CallError::Refused(status) = error else {
        return object.locate(call_problem(error, url, "apply this object"));
    };
    match status.code {
        401 | 429 | 500.. if !is_admission(status) && !is_schema(status) => {
            object.locate(call_problem(error, url, "apply this object"))
        }
        403 if is_terminating(status) => object.locate(
            Problem::transient("namespace_terminating", sentence(&status.message))
                .hint("The namespace is being deleted; the job starts again when it is gone."),
        ),
        403 if !is_admission(status) && !is_quota(status) => object.locate(call_problem(
            error,
            url,
            &format!("apply a {}", object.kind()),
        )),
        code => {
            let status = &without_secrets(status, object);
            let field = field_of(status, object);
            let problem = Problem {
                retry: code == 409,
                ..Problem::new("apply_refused", words(status))
                    .hint(hint_for(status, field.as_deref()))
            };
            let problem = match field {
                Some(field) => object.locate_field(&field, problem),
                None => object.locate(problem),
            };
            match causes(status).as_slice() {
                several @ [_, _, ..] => object.locate_others(several, problem),
                _ => problem,
            }
        }
    }
}

/// The same answer without what it quotes of fields that depend on a secret.
fn without_secrets(status: &Status, object: &Object) -> Status {
    let mut status = status.clone();
    let dependent = object.dependent();
    if dependent.is_nothing() {
        return status;
    }
    for cause in status
        .details
        .iter_mut()
        .flat_map(|details| &mut details.causes)
    {
        let field = match cause.field.as_str() {
            "" | "patch" | "<nil>" => String::new(),
            field => by_index(field.trim_start_matches('.'), object),
        };
        if dependent.touches(&field) {
            cause.message = without_quotes(&cause.message);
        }
    }
    status.message = without_quotes(&status.message);
    status
}

/// A sentence of the API server without the values that it quotes: `Invalid value: "x": must be …`.
fn without_quotes(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    loop {
        let next = ["value: ", "Not found: "]
            .iter()
            .filter_map(|mark| rest.find(mark).map(|at| at + mark.len()))
            .min();
        let Some(start) = next else {
            return kept + rest;
        };
        kept.push_str(&rest[..start]);
        kept.push_str(HIDDEN);
        rest = &rest[start..];
        rest = match rest.strip_prefix('"') {
            Some(inner) => &inner[end_of_quote(inner)..],
            None => {
                // A number ends with the colon; of anything else nobody can say where it does.
                let end = rest.find(": ").unwrap_or(rest.len());
                match rest[..end].contains(['{', '[', '(', '"', '\n']) {
                    true => "",
                    false => &rest[end..],
                }
            }
        };
    }
}

/// Where a text quoted by Go ends, behind its quote.
fn end_of_quote(inner: &str) -> usize {
    let mut escaped = false;
    for (at, next) in inner.char_indices() {
        match next {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    inner.len()
}

/// Server-side apply answers 500 when an object does not fit its kind's schema, though nothing of the server is broken.
fn is_schema(status: &Status) -> bool {
    status
        .message
        .starts_with("failed to create typed patch object")
}

fn is_terminating(status: &Status) -> bool {
    status
        .details
        .iter()
        .flat_map(|details| &details.causes)
        .any(|cause| cause.reason == "NamespaceTerminating")
        || status.message.contains("because it is being terminated")
}

fn is_admission(status: &Status) -> bool {
    status.message.contains("admission webhook")
        || status.message.contains("ValidatingAdmissionPolicy")
        || status.message.contains("violates PodSecurity")
}

fn is_quota(status: &Status) -> bool {
    status.message.contains("exceeded quota")
        || status.message.contains("maximum")
        || status.message.contains("minimum")
}

/// What the server finds wrong, each once: the field, empty where it names none, and its words.
fn causes(status: &Status) -> Vec<(String, String)> {
    let mut causes = Vec::new();
    if status.reason != "Invalid" {
        return causes;
    }
    for cause in status.details.iter().flat_map(|details| &details.causes) {
        let field = match cause.field.as_str() {
            "" | "patch" | "<nil>" => "",
            field => field.trim_start_matches('.'),
        };
        let cause = (field.to_owned(), cause.message.clone());
        if !cause.1.is_empty() && !causes.contains(&cause) {
            causes.push(cause);
        }
    }
    causes
}

/// The server's own words, without the preamble that only names the object again; of several causes each on a line of
/// its own.
fn words(status: &Status) -> String {
    let causes: Vec<String> = causes(status)
        .into_iter()
        .map(|(field, message)| match field.as_str() {
            "" => message,
            _ => format!("{field}: {message}"),
        })
        .collect();
    match causes.as_slice() {
        [] => {}
        [only] => return sentence(only),
        several => {
            return format!(
                "The API server finds {} things wrong:\n- {}",
                several.len(),
                several.join("\n- ")
            );
        }
    }
    // `failed to create typed patch object (ns/name; kind): .spec.x: field not declared in schema`
    let words = match status.message.split_once("): .") {
        Some((_, rest)) if is_schema(status) => rest,
        _ => &status.message,
    };
    // Go's way to say that something of another type stands there; the value may be a secret.
    match words.split_once("&value.") {
        Some((head, _)) => sentence(&format!("{head}something else")),
        None => sentence(words),
    }
}

/// The path of the field that the server complains about.
fn field_of(status: &Status, object: &Object) -> Option<String> {
    let named = status
        .details
        .iter()
        .flat_map(|details| &details.causes)
        .map(|cause| cause.field.as_str())
        .find(|field| !matches!(*field, "" | "patch" | "<nil>"));
    if let Some(field) = named {
        return Some(field.trim_start_matches('.').to_owned());
    }
    // `.spec.template.spec.containers[name="odoo"].imagee: field not declared in schema` and
    // `strict decoding error: unknown field "spec.replica"`
    let message = &status.message;
    let path = if let Some((_, rest)) = message.split_once("unknown field \"") {
        rest.split('"').next()?.to_owned()
    } else if let Some((_, rest)) = message.split_once("): .") {
        field_path(rest)?.to_owned()
    } else {
        return None;
    };
    Some(by_index(&path, object))
}

/// The path at the start of `spec.containers[name="a: b"].x: message`.
fn field_path(text: &str) -> Option<&str> {
    let mut quoted = false;
    for (index, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ':' if !quoted => return Some(&text[..index]),
            _ => {}
        }
    }
    None
}

/// Turns a path with list keys (`containers[name="odoo"]`) into one with numbers, as everywhere else.
fn by_index(path: &str, object: &Object) -> String {
    let mut result = String::new();
    let mut value = Some(&object.value);
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let Some(end) = inner.find(']') else {
                result.push_str(rest);
                break;
            };
            let key = &inner[..end];
            rest = &inner[end + 1..];
            let list = value.and_then(|value| value.as_array());
            let index = key.parse::<usize>().ok().or_else(|| {
                let wanted: Vec<(&str, &str)> = key
                    .split(',')
                    .filter_map(|part| part.split_once('='))
                    .map(|(name, value)| (name, value.trim_matches('"')))
                    .collect();
                list?.iter().position(|item| {
                    wanted.iter().all(|(name, wanted)| match &item[*name] {
                        serde_json::Value::String(text) => text == wanted,
                        // The server fills in a port's default protocol.
                        serde_json::Value::Null => *name == "protocol",
                        other => other.to_string().as_str() == *wanted,
                    })
                })
            });
            match index {
                Some(index) => {
                    result.push_str(&format!("[{index}]"));
                    value = list.and_then(|list| list.get(index));
                }
                None => {
                    result.push_str(&format!("[{key}]"));
                    value = None;
                }
            }
        } else {
            let text = rest.strip_prefix('.').unwrap_or(rest);
            let end = text.find(['.', '[']).unwrap_or(text.len());
            if !result.is_empty() {
                result.push('.');
            }
            result.push_str(&text[..end]);
            value = value.and_then(|value| value.get(&text[..end]));
            rest = &text[end..];
        }
    }
    result
}

fn hint_for(status: &Status, field: Option<&str>) -> String {
    let message = &status.message;
    if message.contains("field is immutable")
        || message.contains("may not change once set")
        || message.contains("updates to statefulset spec for fields other than")
        || message.contains("spec is immutable")
        || message.contains("field can not be")
    {
        "This field cannot be changed on an object that exists. Put the old value back, give the object a new name, or delete the object in the cluster and deploy again.".to_owned()
    } else if message.contains("field not declared in schema") || message.contains("unknown field")
    {
        match field {
            Some(field) => format!("The cluster does not know the field `{field}`: check its spelling and indentation in the manifest."),
            None => "The cluster does not know one of the fields: check spelling and indentation in the manifest.".to_owned(),
        }
    } else if message.contains("expected string, got") {
        "The field takes a text. Quote what stands there, for example `\"{{ value }}\"` or `{{ value | to_json }}`: without quotes, digits become a number and `yes` a boolean.".to_owned()
    } else if is_quota(status) {
        "Raise what the app gets on its page Limits and press Apply, or lower what the manifest asks for. A quota that is not Chandlery's is raised in the namespace.".to_owned()
    } else if is_admission(status) {
        "A policy of the cluster refuses the object: change the manifest or the policy.".to_owned()
    } else if status.code == 409 {
        "Something else changed the object at the same moment; the next attempt usually succeeds."
            .to_owned()
    } else {
        "Correct the manifest, or the values it uses.".to_owned()
    }
}

/// Ends a text with a full stop.
fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(limit) => write!(f, "no answer within {} s", limit.as_secs_f32()),
            Self::Fenced => f.write_str("the job is no longer this worker's"),
            Self::Refused(status) => f.write_str(&status.message),
            Self::TooLong => write!(
                f,
                "an answer of more than {}",
                body::size(MOST_OF_AN_ANSWER)
            ),
            Self::TooMany => write!(f, "more than {MOST_OBJECTS} objects"),
            Self::Unreachable(error) => f.write_str(&chain(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use serde_json::json;

    use crate::ansible::Resolved;
    use crate::dependence::Dependent;
    use crate::excerpt::TextOf;
    use crate::lines::Lines;

    const TEMPLATE: &str =
        "kind: Service\nmetadata:\n  name: {{ app }}_web\nspec:\n  ports:\n    - port: 99999\n";
    const RENDERED: &str =
        "kind: Service\nmetadata:\n  name: shop_web\nspec:\n  ports:\n    - port: 99999\n";

    fn refused(causes: serde_json::Value) -> Problem {
        let status: Status = serde_json::from_value(json!({
            "status": "Failure",
            "message": "Service \"shop_web\" is invalid",
            "reason": "Invalid",
            "code": 422,
            "details": {"causes": causes},
        }))
        .unwrap();
        let object = Object {
            manifest: "Odoo".to_owned(),
            url: "http://example.com/odoo.yml".to_owned(),
            document: 1,
            line: 1,
            value: json!({"kind": "Service", "metadata": {"name": "shop_web"}}),
            path: String::new(),
            lines: Arc::new(Lines::new(TEMPLATE, RENDERED, &Resolved::default())),
        };
        let error = CallError::Refused(Box::new(status));
        apply_problem(&error, "https://127.0.0.1", &object)
    }

    #[test]
    fn a_refusal_has_manifest_document_line_field_and_the_servers_words() {
        let problem = refused(json!([
            {"field": "spec.ports[0].port", "message": "must be between 1 and 65535", "reason": "FieldValueInvalid"}
        ]));
        assert_eq!(
            problem.message,
            "spec.ports[0].port: must be between 1 and 65535."
        );
        assert_eq!(problem.field.as_deref(), Some("spec.ports[0].port"));
        assert_eq!(
            (problem.document, problem.line, problem.column),
            (Some(1), Some(6), Some(7))
        );
        assert_eq!(problem.excerpts[0].text, "    - port: 99999");
    }

    /// S15: the API server quotes what it refuses.
    #[test]
    fn what_is_quoted_of_a_field_that_depends_on_a_secret_is_hidden() {
        let rendered = RENDERED.replace("99999", "\"retnuh\"");
        let value = json!({"kind": "Service", "metadata": {"name": "shop_web"}, "spec": {"ports": [{"port": "retnuh"}]}});
        let other = json!({"kind": "Service", "metadata": {"name": "shop_web"}, "spec": {"ports": [{"port": "qwrtzp"}]}});
        let dependent = Dependent::between(&value, &other).unwrap();
        let lines = Lines::new(TEMPLATE, &rendered, &Resolved::default())
            .beside(&rendered.replace("retnuh", "qwrtzp"));
        let object = Object {
            manifest: "Odoo".to_owned(),
            url: "http://example.com/odoo.yml".to_owned(),
            document: 1,
            line: 1,
            value,
            path: String::new(),
            lines: Arc::new(lines.knowing([(1, dependent)].into())),
        };
        for message in [
            r#"Invalid value: "ret\"nuh": must be a port"#,
            "Invalid value: retnuh: must be a port",
            r#"Invalid value: core.Port{Port:"retnuh: x"}: must be a port"#,
            r#"Unsupported value: "retnuh": supported values: "a", "b""#,
        ] {
            let status: Status = serde_json::from_value(json!({
                "status": "Failure",
                "message": format!("Service \"shop_web\" is invalid: spec.ports[0].port: {message}"),
                "reason": "Invalid",
                "code": 422,
                "details": {"causes": [
                    {"field": "spec.ports[0].port", "message": message, "reason": "FieldValueInvalid"},
                    {"field": "metadata.name", "message": "Invalid value: \"shop_web\": a DNS-1035 label"},
                ]},
            }))
            .unwrap();
            let error = CallError::Refused(Box::new(status));
            let problem = apply_problem(&error, "https://127.0.0.1", &object);
            let told = format!("{problem:?}");
            assert!(!told.contains("retnuh"), "{told}");
            assert!(
                told.contains("alue: ***") && told.contains("shop_web"),
                "{told}"
            );
        }
    }

    #[test]
    fn of_several_causes_each_has_a_line_of_its_own() {
        let problem = refused(json!([
            {"field": "metadata.name", "message": "a DNS-1035 label", "reason": "FieldValueInvalid"},
            {"field": "spec.ports[0].port", "message": "must be between 1 and 65535", "reason": "FieldValueInvalid"}
        ]));
        assert_eq!(
            problem.message,
            "The API server finds 2 things wrong:\n- metadata.name: a DNS-1035 label\n- spec.ports[0].port: must be between 1 and 65535"
        );
        let shown: Vec<_> = problem
            .excerpts
            .iter()
            .map(|one| (one.of, one.line, one.label.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                (TextOf::Rendered, 3, "a DNS-1035 label"),
                (TextOf::Template, 3, "rendered from this line"),
                (TextOf::Template, 6, "must be between 1 and 65535"),
            ]
        );
    }
}
