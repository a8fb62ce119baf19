//! What it means that the API server did not take an object: each thing that is wrong with its field, its line and a way
//! out.
//!
//! In come the server's answer, the object and what is in the cluster under its name; [`findings`] reads the answer (by
//! its causes where it has some, by its words where it has nothing else, and with the help of [`unnamed`] where these
//! name no field), [`advice`] says what to do, and [`problem`] puts it all together.

use kube::api::DynamicObject;
use kube::core::Status;
use serde_json::Value;

use super::advice::{self, Kind, Mismatch, Wanted, between, what_stands};
use super::error::{CallError, call_problem, ended, of_webhook};
use super::field;
use super::retry::is_uncounted;
use super::unnamed::{Ask, Questions};
use crate::code::Code;
use crate::dependence::Dependent;
use crate::object::Object;
use crate::problem::Problem;
use crate::redact::HIDDEN;
use crate::sentence;
use crate::sentence::Sentence;

/// More things that are wrong are counted, not told.
const MOST_TOLD: usize = 8;
/// More culprits than this are not searched for.
const MOST_SEARCHED: usize = 8;
/// Longer words of the server are cut, …
const LONGEST: usize = 240;
/// … as are longer values.
const LONGEST_VALUE: usize = 60;
/// What the server says of itself when it answers 500 without a reason; of all else it is the object that is wrong.
const OF_THE_SERVER: [&str; 12] = [
    "etcdserver:",
    "rpc error",
    "context deadline",
    "context canceled",
    "timed out",
    "timeout",
    "connection refused",
    "connection reset",
    "EOF",
    "leader",
    "transport is closing",
    "unavailable",
];

/// An object that was to be applied, and what is there already.
pub(super) struct Attempt<'a> {
    pub(super) object: &'a Object,
    pub(super) before: Option<&'a DynamicObject>,
    pub(super) url: &'a str,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    /// Empty where no field is meant.
    field: String,
    words: String,
    advice: Sentence,
}

/// What a failed call means. `ask` says what the server has against another object in this one's place, in a dry run.
pub(super) async fn problem<'a>(
    error: &CallError,
    attempt: &Attempt<'_>,
    ask: &'a Ask<'a>,
) -> Problem {
    let object = attempt.object;
    let kind = sentence!("apply a {kind}", kind = object.kind());
    let CallError::Refused(status) = error else {
        return object.locate(call_problem(
            error,
            attempt.url,
            sentence!("apply this object"),
        ));
    };
    let known = Known::new(attempt);
    match class(status) {
        Class::Call => object.locate(call_problem(error, attempt.url, &kind)),
        Class::Passes(code, hint) => {
            let message = match code {
                Code::AdmissionUnavailable => of_webhook(&status.message),
                _ => ended(&capital(&short(&known.without_secrets(&status.message)))).into(),
            };
            object.locate(Problem::new(code, message).hint(hint))
        }
        Class::Object => {
            let mut questions = Questions::new(ask);
            told(findings(status, &known, &mut questions).await, object)
        }
    }
}

/// Whose fault an answer is.
enum Class {
    /// The account's, the connection's or the server's.
    Call,
    /// It may pass: the code and the way out.
    Passes(Code, Sentence),
    /// The object's.
    Object,
}

fn class(status: &Status) -> Class {
    let message = status.message.as_str();
    if is_terminating(status) {
        return Class::Passes(
            Code::NamespaceTerminating,
            sentence!("The namespace is being deleted; the job starts again when it is gone."),
        );
    }
    if message.contains("failed calling webhook") {
        return Class::Passes(Code::AdmissionUnavailable, advice::webhook_down());
    }
    if is_too_large(status) || is_schema(status) || is_conversion(status) {
        return Class::Object;
    }
    if is_uncounted(status) {
        return Class::Passes(Code::QuotaUnknown, advice::uncounted());
    }
    match status.code {
        404 if status
            .details
            .as_ref()
            .is_some_and(|details| details.kind == "namespaces") =>
        {
            Class::Passes(
                Code::NamespaceGone,
                sentence!(
                    "Somebody has deleted the app's namespace; the next attempt makes it anew."
                ),
            )
        }
        409 => Class::Passes(
            Code::ApplyConflict,
            sentence!(
                "Something else changed the object at the same moment; the next attempt usually succeeds."
            ),
        ),
        403 if is_permission(message) => Class::Call,
        401 | 429 | 501.. => Class::Call,
        500 if message.contains("denied the request") => Class::Object,
        // Proxies answer without the server's words, the server's own faults have a reason.
        500 if !status.reason.is_empty()
            || OF_THE_SERVER.iter().any(|word| message.contains(word)) =>
        {
            Class::Call
        }
        _ => Class::Object,
    }
}

/// `User "x" cannot patch resource "y"`; all other 403 are admission's.
fn is_permission(message: &str) -> bool {
    message.contains("\" cannot ") && message.contains(" resource \"")
        || message.contains("is attempting to grant RBAC permissions")
}

fn is_terminating(status: &Status) -> bool {
    status
        .details
        .iter()
        .flat_map(|details| &details.causes)
        .any(|cause| cause.reason == "NamespaceTerminating")
        || status.message.contains("because it is being terminated")
}

/// Of the request as a whole, or of what etcd or the way to it take.
fn is_too_large(status: &Status) -> bool {
    status.code == 413
        || status.message.contains("request is too large")
        || status.message.contains("message larger than max")
}

/// The object does not fit its kind's schema.
fn is_schema(status: &Status) -> bool {
    status.message.starts_with("failed to create typed")
}

/// The object fits the schema, and cannot be read all the same: nothing says which field it is.
fn is_conversion(status: &Status) -> bool {
    let message = &status.message;
    message.starts_with("failed to convert new object")
        || message.starts_with("failed to update managed fields")
        || matches!(status.code, 400 | 500)
            && [
                "unable to convert",
                "error decoding",
                "cannot be handled as",
                "cannot unmarshal",
            ]
            .iter()
            .any(|words| message.contains(words))
}

/// What is known of the object, and what of it may be told.
struct Known<'a> {
    object: &'a Object,
    before: Value,
    dependent: Dependent,
}

impl<'a> Known<'a> {
    fn new(attempt: &Attempt<'a>) -> Self {
        let own = attempt.object.dependent();
        Self {
            object: attempt.object,
            before: attempt
                .before
                .and_then(|before| serde_json::to_value(before).ok())
                .unwrap_or_default(),
            dependent: match attempt.before {
                Some(before) => own.merged(&super::apply::secret_fields(before)),
                None => own.clone(),
            },
        }
    }

    fn is_secret(&self, path: &str) -> bool {
        self.dependent.touches(path)
            || self.object.kind() == "Secret"
                && (path.is_empty() || path.starts_with("data") || path.starts_with("stringData"))
    }

    /// A field's path as it is written everywhere, for one that the server names.
    fn path(&self, field: &str) -> String {
        let value = &self.object.value;
        let path = match field {
            "" | "[]" | "patch" | "<nil>" => String::new(),
            field => field::written(&field::steps(field.trim_start_matches('.'), value)),
        };
        let stands = |path: &str| field::find(value, path).is_some();
        // The server checks a list that it makes of one address, and claims under a name that no manifest knows.
        if path.starts_with("spec.clusterIPs") && !stands("spec.clusterIPs") {
            return "spec.clusterIP".to_owned();
        }
        // What a manifest writes in the clear is told of as it is stored.
        if self.object.kind() == "Secret"
            && let Some(rest) = path.strip_prefix("data")
            && !stands(&path)
            && stands(&format!("stringData{rest}"))
        {
            return format!("stringData{rest}");
        }
        match path.strip_prefix("spec.resources.") {
            Some(rest) if !stands(&path) => format!("spec.resources.requests.{rest}"),
            _ => path,
        }
    }

    fn stands(&self, path: &str) -> bool {
        field::find(&self.object.value, path).is_some()
    }

    /// The words of the server without the values that they quote, if any of these depends on a secret.
    fn without_secrets(&self, words: &str) -> String {
        match self.dependent.is_nothing() && self.object.kind() != "Secret" {
            true => words.to_owned(),
            false => without_quotes(words),
        }
    }

    /// A value for people.
    fn shown(&self, path: &str, value: &Value) -> String {
        if self.is_secret(path) {
            return HIDDEN.to_owned();
        }
        match value {
            Value::Null => "nothing".to_owned(),
            Value::Object(_) | Value::Array(_) => what_stands(value).to_owned(),
            Value::String(text) => format!("`{}`", cut(text, LONGEST_VALUE)),
            other => format!("`{other}`"),
        }
    }
}

/// All that is wrong, as far as the server says so.
async fn findings(
    status: &Status,
    known: &Known<'_>,
    questions: &mut Questions<'_>,
) -> Vec<Finding> {
    if status
        .message
        .starts_with("failed to create typed live object")
    {
        return vec![Finding {
            field: String::new(),
            words: "what is in the cluster under this name no longer fits its kind's schema"
                .to_owned(),
            advice: advice::outgrown(known.object),
        }];
    }
    if is_schema(status) {
        return of_schema(status, known, questions).await;
    }
    if is_conversion(status) && !status.message.contains("strict decoding error") {
        return of_conversion(status, known, questions).await;
    }
    if is_too_large(status) {
        return vec![Finding {
            field: String::new(),
            words: "the object is too large for the API server".to_owned(),
            advice: advice::too_large(known.object),
        }];
    }
    let unknown: Vec<Finding> = quoted_after(&status.message, "unknown field ")
        .map(|path| unknown_field(known, &path))
        .collect();
    if !unknown.is_empty() {
        return unknown;
    }
    let causes = match status.reason.as_str() {
        "Invalid" => of_causes(status, known),
        _ => Vec::new(),
    };
    if causes.is_empty() {
        return vec![of_words(status, known)];
    }
    causes
}

/// `.data.port: expected string, got &value.valueUnstructured{Value:8069}`, one or several. The server stops in some places
/// at the first: it is asked again without what it has named.
async fn of_schema(
    status: &Status,
    known: &Known<'_>,
    questions: &mut Questions<'_>,
) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    let mut gone: Vec<Vec<field::Step>> = Vec::new();
    let mut rest = known.object.value.clone();
    let mut answer = Some(status.clone());
    while let Some(status) = answer.take().filter(is_schema) {
        let mut doomed = Vec::new();
        for line in schema_lines(&status.message) {
            let Some((path, words)) = field_path(line) else {
                continue;
            };
            let path = path.trim_start_matches('.');
            let (steps, mismatch) = mismatch(path, words, &rest);
            doomed.push(steps.clone());
            let path = field::written(&field::before_removal(steps, &gone));
            let finding = match mismatch {
                None => unknown_field(known, &path),
                Some(mismatch) => Finding {
                    advice: advice::of(&Kind::Type(&mismatch), known.object, &path),
                    words: mismatch.to_string(),
                    field: path,
                },
            };
            if !found.iter().any(|other| other.field == finding.field) {
                found.push(finding);
            }
        }
        if doomed.is_empty() || found.len() > MOST_TOLD {
            break;
        }
        // The last items of lists first, so that the others keep their numbers.
        doomed.sort();
        for steps in doomed.iter().rev() {
            field::remove(&mut rest, steps);
        }
        let originals = doomed
            .into_iter()
            .map(|steps| field::before_removal(steps, &gone));
        let originals: Vec<_> = originals.collect();
        gone.extend(originals);
        answer = questions.ask(&rest).await;
    }
    match found.is_empty() {
        true => vec![of_words(status, known)],
        false => by_line(found, known.object),
    }
}

/// In the order in which they stand in the manifest.
fn by_line(mut found: Vec<Finding>, object: &Object) -> Vec<Finding> {
    found.sort_by_cached_key(|finding| {
        let line = object.locate_field(&finding.field, Problem::default()).line;
        (line, finding.field.clone())
    });
    found
}

/// The lines of an answer about a schema that name a field.
fn schema_lines(message: &str) -> impl Iterator<Item = &str> {
    let body = message.split_once("): ").map_or("", |(_, body)| body);
    body.strip_prefix("errors:")
        .unwrap_or(body)
        .split('\n')
        .map(str::trim_start)
        .filter(|line| line.starts_with('.'))
}

/// The path at the start of `.spec.containers[name="a: b"].x: message`, and the message.
fn field_path(text: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    for (index, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ':' if !quoted && text[index..].starts_with(": ") => {
                return Some((&text[..index], &text[index + 2..]));
            }
            _ => {}
        }
    }
    None
}

/// Where it is, and what is wrong; nothing for a field that does not exist.
fn mismatch<'a>(
    path: &str,
    words: &'a str,
    object: &'a Value,
) -> (Vec<field::Step>, Option<Mismatch<'a>>) {
    let mut steps = field::steps(path, object);
    let value = field::at(object, &steps);
    if words.contains("field not declared in schema") {
        return (steps, None);
    }
    if let Some(keys) = words.strip_prefix("duplicate entries for key ") {
        let keys = keys.trim_start_matches('[').trim_end_matches(']');
        let items = value.and_then(Value::as_array).into_iter().flatten();
        let mut same = items
            .enumerate()
            .filter(|(_, item)| field::has_keys(item, keys));
        let second = same.nth(1).map(|(index, _)| index);
        steps.extend(second.map(field::Step::Item));
        let keys = keys.trim_start_matches('=').replace('=', " ");
        return (steps, Some(Mismatch::Twice(keys)));
    }
    if let Some(wanted) = words.strip_prefix("expected ") {
        let wanted = match wanted.split([',', ' ']).next().unwrap_or_default() {
            "string" => Wanted::Text,
            "numeric" => Wanted::Number,
            "boolean" => Wanted::Flag,
            "list" => Wanted::List,
            "map" => Wanted::Mapping,
            other => Wanted::Other(other),
        };
        let value = value.unwrap_or(&Value::Null);
        return (steps, Some(Mismatch::Type(wanted, value)));
    }
    if let Some(rest) = words.strip_prefix("element ")
        && let Some((index, rest)) = rest.split_once(": ")
        && let Ok(index) = index.parse()
    {
        steps.push(field::Step::Item(index));
        let item = value.and_then(|items| items.get(index));
        let found = match rest.contains("omits key field") {
            true => Mismatch::Lacks(rest.split('"').nth(1).unwrap_or("name")),
            false => Mismatch::Type(Wanted::Mapping, item.unwrap_or(&Value::Null)),
        };
        return (steps, Some(found));
    }
    let words = words.split(", got ").next().unwrap_or_default();
    let words = Some(without_structures(words)).filter(|words| !words.is_empty());
    (steps, words.map(Mismatch::Other))
}

fn unknown_field(known: &Known, path: &str) -> Finding {
    Finding {
        field: path.to_owned(),
        words: "the cluster does not know this field (field not declared in schema)".to_owned(),
        advice: advice::of(&Kind::Unknown, known.object, path),
    }
}

/// `… error decoding from json: illegal base64 data at input byte 3`: the fields are searched for.
async fn of_conversion(
    status: &Status,
    known: &Known<'_>,
    questions: &mut Questions<'_>,
) -> Vec<Finding> {
    let same_as = |message: &str| -> String {
        message
            .chars()
            .filter(|one| !one.is_ascii_digit())
            .collect()
    };
    let wanted = same_as(&status.message);
    let mut rest = known.object.value.clone();
    let mut found = Vec::new();
    while found.len() < MOST_SEARCHED {
        let culprit = questions
            .culprit(
                &rest,
                |answer| same_as(&answer.message) == wanted,
                is_schema,
            )
            .await;
        let Some(steps) = culprit else {
            break;
        };
        field::remove(&mut rest, &steps);
        found.push(field::before_removal(steps, &found));
        let answer = questions.ask(&rest).await;
        if answer.is_none_or(|answer| same_as(&answer.message) != wanted) {
            break;
        }
    }
    let findings: Vec<Finding> = found
        .iter()
        .map(|steps| {
            let path = field::written(steps);
            let value = field::at(&known.object.value, steps).unwrap_or(&Value::Null);
            let shown = known.shown(&path, value);
            let (words, kind) = conversion_words(&status.message, &shown, value);
            Finding {
                advice: advice::of(&kind, known.object, &path),
                words: words.clone(),
                field: path,
            }
        })
        .collect();
    match findings.is_empty() {
        true => vec![of_words(status, known)],
        false => by_line(findings, known.object),
    }
}

fn conversion_words<'a>(message: &str, shown: &str, value: &'a Value) -> (String, Kind<'a>) {
    if message.contains("quantit") {
        return (format!("{shown} is no quantity"), Kind::Quantity(value));
    }
    if message.contains("base64") {
        return ("the value is not base64".to_owned(), Kind::Base64);
    }
    if let Value::Number(number) = value {
        return match number.is_f64() {
            true => (
                format!("must be a whole number, but {shown} stands there"),
                Kind::Whole,
            ),
            false => (
                format!("{shown} is too large a number for this field"),
                Kind::Large,
            ),
        };
    }
    let last = message.rsplit(": ").next().unwrap_or_default();
    let words = without_quotes(&without_structures(last));
    (format!("{shown} cannot be read: {words}"), Kind::Other(""))
}

/// What the server finds wrong, each once.
fn of_causes(status: &Status, known: &Known) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for cause in status.details.iter().flat_map(|details| &details.causes) {
        if cause.message.is_empty() {
            continue;
        }
        let several = status
            .details
            .as_ref()
            .is_some_and(|one| one.causes.len() > 1);
        if several
            && cause
                .message
                .contains("some validation rules were not checked")
        {
            continue;
        }
        for finding in of_cause(&cause.field, &cause.message, known) {
            if !found.contains(&finding) {
                found.push(finding);
            }
        }
    }
    // What the server fills in from another field is wrong with it.
    let copies: Vec<Finding> = found
        .iter()
        .filter(|one| {
            !one.field.is_empty()
                && !known.stands(&one.field)
                && found.iter().any(|other| {
                    other.words == one.words
                        && other.field != one.field
                        && known.stands(&other.field)
                        && parent(&other.field) == parent(&one.field)
                })
        })
        .cloned()
        .collect();
    found.retain(|one| !copies.contains(one));
    // Of an object that is new nothing can be kept from being changed.
    if known.before.is_null() && found.iter().any(|one| !is_immutable(&one.words)) {
        found.retain(|one| !is_immutable(&one.words));
    }
    by_line(found, known.object)
}

fn parent(path: &str) -> &str {
    path.rfind(['.', '[']).map_or("", |end| &path[..end])
}

/// Whether the server says that a field cannot be changed.
fn is_immutable(words: &str) -> bool {
    [
        "immutable",
        "may not change once set",
        "updates to statefulset spec for fields other than",
        "updates may not change fields other than",
        "cannot change roleRef",
        "cannot be changed",
        "field can not be",
    ]
    .iter()
    .any(|known| words.contains(known))
}

fn of_cause(named: &str, message: &str, known: &Known) -> Vec<Finding> {
    let mut path = known.path(named);
    let object = known.object;
    if path.is_empty()
        && (message.contains("denied request") || message.contains("denied the request"))
    {
        let (field, advice) = advice::of_admission(message, object);
        return vec![Finding {
            field,
            words: plain(message),
            advice,
        }];
    }
    if is_immutable(message) && !known.before.is_null() {
        return vec![immutable(&path, message, known)];
    }
    let mut words = match known.is_secret(&path) {
        true => without_quotes(message),
        false => message.to_owned(),
    };
    words = without_structures(&words);
    if path == "metadata.labels" || path == "metadata.annotations" {
        path = labelled(&path, message, object);
    }
    if named == "[]" || matches!(path.as_str(), "data" | "stringData") && words.contains("Too long")
    {
        if path.is_empty() {
            path = "data".to_owned();
        }
        let advice = advice::too_large(object);
        return vec![Finding {
            field: path,
            words: plain(&words),
            advice,
        }];
    }
    // `spec.strategy: Unsupported value: {"Type":"Rolling", …}`
    let kind_of = format!("{path}.type");
    if message.contains("alue: {")
        && !message.contains("cannot be both")
        && let Some(given) = field::find(&object.value, &kind_of)
    {
        words = words.replacen("value: ", &format!("value: {given}: "), 1);
        path = kind_of;
    }
    // `requests: … must be less than or equal to memory limit of 1Gi`
    if let Some(resource) = between(&words, "less than or equal to ", " limit of") {
        let of = format!("{path}.{resource}");
        if known.stands(&of) {
            path = of;
        }
    }
    if let Some(left) = left_over(&path, message, known) {
        let advice = advice::left_over(&left, object);
        let names: Vec<String> = left.iter().map(|field| format!("`{field}`")).collect();
        let words = format!(
            "{}; the cluster still has {} from before, which the manifest does not mention",
            plain(&words),
            names.join(" and ")
        );
        return vec![Finding {
            field: path,
            words,
            advice,
        }];
    }
    // What is not in the manifest has the value that the server gives it.
    let absent = [
        "Invalid value: 0: ",
        "Invalid value: \"\": ",
        "Invalid value: null: ",
    ];
    if !path.is_empty()
        && !known.stands(&path)
        && let Some(rest) = absent.iter().find_map(|start| words.strip_prefix(start))
    {
        words = format!("Required value: {rest}");
    }
    vec![Finding {
        advice: advice::of(&Kind::Other(&words), object, &path),
        words: plain(&words),
        field: path,
    }]
}

/// Which label or annotation is meant: the one that is quoted.
fn labelled(path: &str, message: &str, object: &Object) -> String {
    let Some(quoted) = quoted_after(message, "value: ").next() else {
        return path.to_owned();
    };
    let labels = field::find(&object.value, path).and_then(Value::as_object);
    let mut labels = labels.into_iter().flatten();
    let found = labels.find(|(name, value)| **name == quoted || **value == quoted);
    match found {
        Some((name, _)) => format!("{path}.{name}"),
        None => path.to_owned(),
    }
}

/// The fields in the cluster that a manifest does not name and that exclude what it says.
fn left_over(path: &str, message: &str, known: &Known) -> Option<Vec<String>> {
    let excludes = [
        "may not be specified when",
        "may not specify more than 1",
        "must not be set when",
    ];
    if known.before.is_null() || !excludes.iter().any(|words| message.contains(words)) {
        return None;
    }
    if !known.stands(path) {
        return field::find(&known.before, path).map(|_| vec![path.to_owned()]);
    }
    let parent = parent(path);
    let (now, then) = (
        field::find(&known.object.value, parent)?.as_object()?,
        field::find(&known.before, parent)?.as_object()?,
    );
    let left: Vec<String> = then
        .keys()
        .filter(|name| !now.contains_key(*name))
        .map(|name| format!("{parent}.{name}"))
        .collect();
    (!left.is_empty()).then_some(left)
}

/// What of a field that cannot be changed is changed, from what to what.
fn immutable(path: &str, message: &str, known: &Known) -> Finding {
    let mut changes = Vec::new();
    let free: Vec<String> = quoted_by(message, '\'')
        .chain(["resources".to_owned()])
        .collect();
    let (then, now) = (
        field::find(&known.before, path).unwrap_or(&Value::Null),
        field::find(&known.object.value, path).unwrap_or(&Value::Null),
    );
    let free = if path == "spec" { free.as_slice() } else { &[] };
    differences(path, then, now, free, &mut changes);
    let object = known.object;
    let shrunk = message.contains("can not be less than");
    let advice = match shrunk {
        true => advice::shrunk(),
        false => advice::immutable(object, changes.first().map_or(path, |(path, ..)| path)),
    };
    if known.is_secret(path) && changes.len() == 1 {
        changes.clear();
    }
    let says: Vec<String> = changes
        .iter()
        .take(MOST_TOLD)
        .map(|(path, then, now)| {
            format!(
                "{path}: {} → {}",
                known.shown(path, then),
                known.shown(path, now)
            )
        })
        .collect();
    let what = match shrunk {
        true => "cannot be made smaller",
        false => "field is immutable",
    };
    match changes.as_slice() {
        [(path, then, now)] => Finding {
            field: path.clone(),
            words: format!(
                "{what}: the cluster has {}, the manifest says {}",
                known.shown(path, then),
                known.shown(path, now)
            ),
            advice,
        },
        [] => Finding {
            field: path.to_owned(),
            words: what.to_owned(),
            advice,
        },
        [(first, ..), ..] => Finding {
            field: first.clone(),
            words: format!("{what} ({})", says.join("; ")),
            advice,
        },
    }
}

/// What a manifest says otherwise than the cluster, each leaf. What it does not name is the server's own.
fn differences<'a>(
    path: &str,
    then: &'a Value,
    now: &'a Value,
    free: &[String],
    found: &mut Vec<(String, &'a Value, &'a Value)>,
) {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            for (name, value) in now.iter().filter(|(name, _)| !free.contains(name)) {
                let then = then.get(name).unwrap_or(&Value::Null);
                differences(&format!("{path}.{name}"), then, value, &[], found);
            }
            if path.ends_with("matchLabels") {
                let gone = then.iter().filter(|(name, _)| !now.contains_key(*name));
                found.extend(
                    gone.map(|(name, value)| (format!("{path}.{name}"), value, &Value::Null)),
                );
            }
        }
        (Value::Array(then), Value::Array(now)) if then.len() == now.len() => {
            for (index, (then, now)) in then.iter().zip(now).enumerate() {
                differences(&format!("{path}[{index}]"), then, now, &[], found);
            }
        }
        _ if then != now => found.push((path.to_owned(), then, now)),
        _ => {}
    }
}

/// An answer that names no field: admission, above all.
fn of_words(status: &Status, known: &Known) -> Finding {
    let message = known.without_secrets(&status.message);
    // `services "web" is forbidden: …` and `Service "web" is invalid: …` only name the object again.
    let rest = ["\" is forbidden: ", "\" is invalid: "]
        .iter()
        .find_map(|preamble| message.split_once(preamble))
        .map_or(message.as_str(), |(_, rest)| rest);
    let words = without_structures(rest);
    let (field, advice) = advice::of_admission(&words, known.object);
    Finding {
        field,
        words: plain(&words),
        advice,
    }
}

/// One problem that tells all of it.
fn told(found: Vec<Finding>, object: &Object) -> Problem {
    let line = |finding: &Finding| object.locate_field(&finding.field, Problem::default()).line;
    let message = match found.as_slice() {
        [only] if only.field.is_empty() => ended(&capital(&only.words)).into(),
        [only] => ended(&format!("{}: {}", only.field, only.words)).into(),
        several => {
            let mut told = vec![sentence!(
                "The API server finds {number} things wrong:",
                number = several.len()
            )];
            for finding in several.iter().take(MOST_TOLD) {
                let place = Sentence::from(finding.field.as_str());
                let words = place.and(": ", finding.words.as_str());
                told.push(match line(finding) {
                    Some(line) => sentence!("- line {line}, {words}", line, words),
                    None => Sentence::from(format!("- {words}")),
                });
            }
            if several.len() > MOST_TOLD {
                told.push(sentence!(
                    "… and {number} more",
                    number = several.len() - MOST_TOLD
                ));
            }
            Sentence::joined("\n", told)
        }
    };
    // Each way out once, with the lines that it is for.
    let mut ways: Vec<(&Sentence, Vec<String>)> = Vec::new();
    for finding in found.iter().take(MOST_TOLD) {
        let line = line(finding).map(|line| line.to_string());
        match ways.iter_mut().find(|(way, _)| **way == finding.advice) {
            Some((_, lines)) => lines.extend(line.filter(|line| !lines.contains(line))),
            None => ways.push((&finding.advice, line.into_iter().collect())),
        }
    }
    let hint = match ways.as_slice() {
        [(only, _)] => (*only).clone(),
        several => {
            let several = several.iter().map(|(way, lines)| match lines.as_slice() {
                [] => (*way).clone(),
                [line] => sentence!("Line {line}: {way}", line, way = *way),
                lines => sentence!("Lines {lines}: {way}", lines = lines.join(", "), way = *way),
            });
            Sentence::joined("\n", several)
        }
    };
    let problem = Problem::new(Code::ApplyRefused, message).hint(hint);
    let first = found.first().map_or("", |first| first.field.as_str());
    let problem = match first {
        "" => object.locate(problem),
        field => object.locate_field(field, problem),
    };
    match found.as_slice() {
        several @ [_, _, ..] => {
            let several: Vec<(String, String)> = several
                .iter()
                .map(|finding| (finding.field.clone(), finding.words.clone()))
                .collect();
            object.locate_others(&several, problem)
        }
        _ => problem,
    }
}

/// The server's words as people like to read them: short, without regular expressions.
fn plain(words: &str) -> String {
    let mut words = words.trim().to_owned();
    while let Some(start) = words.find(", regex used for validation is '") {
        let end = words[start..]
            .find("')")
            .map_or(words.len(), |end| start + end + 1);
        words.replace_range(start..end, "");
    }
    if words == "Required value" {
        words = "Required value, which the manifest does not give".to_owned();
    }
    short(&words)
}

fn short(words: &str) -> String {
    cut(words, LONGEST)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{} …", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).collect()
}

/// Words without the structures that they quote (`Invalid value: {"matchLabels":…}: field is immutable`,
/// `core.Port{Port:1}`), and without what is changed line by line.
fn without_structures(text: &str) -> String {
    let text = text.split("\n@@").next().unwrap_or_default();
    let Some(start) = text.find("value: ").map(|at| at + "value: ".len()) else {
        return text.to_owned();
    };
    let (head, value) = text.split_at(start);
    if value.starts_with('"')
        || !value
            .split(": ")
            .next()
            .unwrap_or_default()
            .contains(['{', '[', '('])
    {
        return text.to_owned();
    }
    match end_of_structure(value) {
        Some(end) => {
            head.trim_end_matches("value: ").to_owned()
                + "value: "
                + value[end..].trim_start_matches(": ")
        }
        None => head.trim_end_matches(": ").to_owned(),
    }
}

/// Where a structure in JSON or Go's way to write it ends.
fn end_of_structure(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, next) in text.char_indices() {
        match next {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
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

/// The quoted texts that follow a mark.
fn quoted_after<'a>(text: &'a str, mark: &'a str) -> impl Iterator<Item = String> + 'a {
    text.match_indices(mark).filter_map(move |(at, _)| {
        let inner = text[at + mark.len()..].strip_prefix('"')?;
        let end = end_of_quote(inner).checked_sub(1)?;
        Some(inner[..end].to_owned())
    })
}

/// The texts in quotes of one sort.
fn quoted_by(text: &str, quote: char) -> impl Iterator<Item = String> {
    text.split(quote).skip(1).step_by(2).map(str::to_owned)
}

#[cfg(test)]
#[path = "refused_tests.rs"]
mod tests;
