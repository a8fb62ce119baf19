//! Reading a rendered manifest as kubectl does.

use std::sync::Arc;

use serde_json::Value;
use yaml_dialects::kubectl::Document;
use yaml_dialects::{ErrorKind, Limits, divergence};

use super::{Rendered, hook};
use crate::ansible::Resolved;
use crate::artefact::Format;
use crate::code::Code;
use crate::object::Object;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;
use crate::source_map::SourceMap;

/// More warnings than this help nobody.
const MOST_WARNINGS: usize = 100;

/// The objects of a manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// In their order; the items of a `List` in its place.
    pub objects: Vec<Object>,
    /// What is read, but probably not meant: keys that stand there twice, and what Ansible reads differently.
    pub warnings: Vec<Problem>,
    /// Texts in the objects that are made of secrets.
    pub secrets: Vec<String>,
}

/// Reads a rendered manifest. Empty documents are left out. `variables` say what must not appear in problems.
pub fn parse(rendered: &Rendered, variables: &Resolved) -> Result<Parsed, Problem> {
    read(rendered, variables).map(|read| read.objects(rendered))
}

/// The documents of a manifest, which are objects or lists of such.
#[derive(Clone)]
pub(super) struct Documents {
    pub all: Vec<Document>,
    pub warnings: Vec<Problem>,
    pub lines: SourceMap,
}

impl Documents {
    /// Takes the objects out.
    pub fn objects(self, rendered: &Rendered) -> Parsed {
        let lines = Arc::new(self.lines);
        let mut objects = Vec::new();
        for document in self.all {
            let whole = (document.value, document.line, String::new());
            unwrap(rendered, document.number, whole, &lines, &mut objects);
        }
        Parsed {
            objects,
            warnings: self.warnings,
            secrets: Vec::new(),
        }
    }
}

/// Reads the documents of a rendered manifest.
pub(super) fn read(rendered: &Rendered, variables: &Resolved) -> Result<Documents, Problem> {
    let lines = match rendered.artefact {
        Some(format) => {
            let is_of_chart = format == Format::Helm;
            SourceMap::of_tool(&rendered.text, is_of_chart, variables.redactor())
        }
        None => SourceMap::new(&rendered.template, &rendered.text, variables.redactor()),
    };
    let located = |document: u32, (line, column): (u32, u32), length, problem: Problem| {
        let problem = Problem {
            document: Some(document),
            ..problem.in_manifest(&rendered.title, &rendered.url)
        };
        variables.mask_problem(lines.locate(problem, line, column, length))
    };
    let stream = divergence::read(&rendered.text, &Limits::default()).map_err(|error| {
        let problem = Problem::new(Code::ManifestParse, sentence(error.message()));
        let problem = problem.hint(hint(error.kind()));
        let document = error.document().unwrap_or(1);
        located(document, (error.line(), error.column()), Some(1), problem)
    })?;
    let mut warnings = Vec::new();
    let found = &stream.warnings;
    for warning in found.iter().take(MOST_WARNINGS) {
        let problem = Problem::new(Code::ManifestParse, sentence(&warning.message));
        let place = (warning.line, warning.column);
        warnings.push(located(warning.document, place, None, problem));
    }
    for document in &stream.documents {
        let wrong = |message: Sentence, path: &str| {
            let place = lines.place(document.number, path);
            let problem = Problem {
                field: Some(path.to_owned()).filter(|path| !path.is_empty()),
                ..Problem::new(Code::ManifestParse, message)
            };
            located(
                document.number,
                place.unwrap_or((document.line, 1)),
                None,
                problem,
            )
        };
        let refused =
            |(message, path): (Sentence, String)| wrong(message, &path).hint(way_out(&path));
        let mut lists = Vec::new();
        shapes(&document.value, "", &mut lists).map_err(refused)?;
        if rendered.artefact == Some(Format::Helm)
            && let Some(problem) = hook::refused(&document.value)
        {
            let place = lines.place(document.number, "metadata.annotations");
            let place = place.unwrap_or((document.line, 1));
            return Err(located(document.number, place, None, problem));
        }
        for path in lists {
            let message = match path.as_str() {
                "" => sentence!(
                    "kubectl takes the items out of this list, Ansible reads it as one object."
                ),
                _ => {
                    sentence!(
                        "The items of this list within a list are taken out, too; kubectl refuses such a list."
                    )
                }
            };
            warnings.push(wrong(message, &member(&path, "kind")));
        }
    }
    Ok(Documents {
        all: stream.documents,
        warnings,
        lines,
    })
}

/// The path of a field of what stands at a path.
fn member(path: &str, field: &str) -> String {
    match path {
        "" => field.to_owned(),
        path => format!("{path}.{field}"),
    }
}

/// Looks at the shape of an object, or of a list and its items, and finds the lists.
fn shapes(value: &Value, path: &str, lists: &mut Vec<String>) -> Result<(), (Sentence, String)> {
    shape(value, path)?;
    if !is_list(value, path) {
        return Ok(());
    }
    lists.push(path.to_owned());
    let items = match &value["items"] {
        Value::Array(items) => items.len(),
        Value::Null => 0,
        _ => {
            let message = sentence!(
                "The field `items` must be a list: what has it is a list of objects to kubectl."
            );
            return Err((message, member(path, "items")));
        }
    };
    for index in 0..items {
        let path = member(path, &format!("items[{index}]"));
        shapes(&inherited(value, index), &path, lists)?;
    }
    Ok(())
}

/// What kubectl asks of a document before it looks further: a kind, and texts where only texts can stand.
fn shape(value: &Value, path: &str) -> Result<(), (Sentence, String)> {
    let at = |field: &str| member(path, field);
    let Some(object) = value.as_object() else {
        return Err((
            sentence!("This document is not a mapping with `apiVersion` and `kind`."),
            path.to_owned(),
        ));
    };
    match object.get("kind") {
        Some(Value::String(kind)) if !kind.is_empty() => {}
        Some(Value::Null) | None => {
            return Err((
                sentence!("The field `kind` is missing: it says what the document describes."),
                at("kind"),
            ));
        }
        Some(_) => {
            return Err((
                sentence!("The field `kind` must be a text that is not empty."),
                at("kind"),
            ));
        }
    }
    match object.get("apiVersion") {
        None | Some(Value::Null) => {}
        Some(Value::String(version)) if version.matches('/').count() <= 1 => {}
        Some(_) => {
            return Err((
                sentence!("The field `apiVersion` must be a text such as `v1` or `apps/v1`."),
                at("apiVersion"),
            ));
        }
    }
    let metadata = match object.get("metadata") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(metadata)) => metadata,
        Some(_) => {
            return Err((
                sentence!("The field `metadata` must be a mapping."),
                at("metadata"),
            ));
        }
    };
    for name in ["name", "namespace", "generateName"] {
        if metadata
            .get(name)
            .is_some_and(|value| !value.is_string() && !value.is_null())
        {
            return Err((
                sentence!(
                    "The field `metadata.{name}` must be a text; quote it.",
                    name
                ),
                at(&format!("metadata.{name}")),
            ));
        }
    }
    for name in ["labels", "annotations"] {
        let Some(values) = metadata.get(name).filter(|values| !values.is_null()) else {
            continue;
        };
        let Some(values) = values.as_object() else {
            return Err((
                sentence!("The field `metadata.{name}` must be a mapping.", name),
                at(&format!("metadata.{name}")),
            ));
        };
        let wrong: Vec<&String> = values
            .iter()
            .filter(|(_, value)| !value.is_string() && !value.is_null())
            .map(|(key, _)| key)
            .collect();
        if let Some(first) = wrong.first() {
            let message = match wrong.as_slice() {
                [one] => {
                    sentence!(
                        "The value of `{one}` in `metadata.{name}` must be a text; quote it.",
                        one,
                        name
                    )
                }
                several => {
                    let keys: Vec<String> = several.iter().map(|key| format!("`{key}`")).collect();
                    sentence!(
                        "The values of {keys} in `metadata.{name}` must be texts; quote them.",
                        keys = keys.join(", "),
                        name
                    )
                }
            };
            return Err((message, at(&format!("metadata.{name}.{first}"))));
        }
    }
    Ok(())
}

/// Whether the items are taken out of what stands at a path: of every document that has such a field, as kubectl does,
/// and of lists within it.
fn is_list(value: &Value, path: &str) -> bool {
    let is_called_so = || {
        let kind = value["kind"].as_str();
        kind.is_some_and(|kind| kind.ends_with("List"))
    };
    value.get("items").is_some() && (path.is_empty() || is_called_so())
}

/// An item of a list, with the kind that a `ConfigMapList` gives to items that have none.
fn inherited(list: &Value, index: usize) -> Value {
    let mut item = list["items"][index].clone();
    let kind = list["kind"]
        .as_str()
        .and_then(|kind| kind.strip_suffix("List"))
        .filter(|kind| !kind.is_empty());
    if let (Some(kind), Some(object)) = (kind, item.as_object_mut()) {
        for (name, value) in [
            ("apiVersion", list["apiVersion"].clone()),
            ("kind", Value::from(kind)),
        ] {
            if object.get(name).is_none_or(Value::is_null) {
                object.insert(name.to_owned(), value);
            }
        }
    }
    item
}

/// Takes the items out of a list. `line` is where it stands.
fn unwrap(
    rendered: &Rendered,
    number: u32,
    (value, line, path): (Value, u32, String),
    lines: &Arc<SourceMap>,
    objects: &mut Vec<Object>,
) {
    if !is_list(&value, &path) {
        objects.push(Object {
            manifest: rendered.title.clone(),
            url: rendered.url.clone(),
            document: number,
            line,
            value,
            path,
            lines: lines.clone(),
            stand_in: None,
        });
        return;
    }
    for index in 0..value["items"].as_array().map_or(0, Vec::len) {
        let path = member(&path, &format!("items[{index}]"));
        let line = lines.place(number, &path).map_or(line, |(line, _)| line);
        let item = (inherited(&value, index), line, path);
        unwrap(rendered, number, item, lines, objects);
    }
}

/// What to do about a document that is no object, or about one of its fields.
fn way_out(path: &str) -> Sentence {
    let field = path.rsplit_once("metadata.").map_or("", |(_, field)| field);
    if path.ends_with("kind") || path.ends_with("apiVersion") {
        sentence!(
            "Every document needs texts in `apiVersion` and `kind`, such as `apps/v1` and `Deployment`."
        )
    } else if field.contains('.') || matches!(field, "name" | "namespace" | "generateName") {
        sentence!(
            "Write quotes around it, for example `\"{{{{ value }}}}\"`: without them, digits become a number and `yes` a boolean."
        )
    } else if path.ends_with("metadata") || !field.is_empty() {
        sentence!("Write a mapping: a line `name: value` for each, indented below.")
    } else {
        sentence!(
            "Every document needs `apiVersion`, `kind` and `metadata`. A text such as `---` in the wrong place cuts a document in two."
        )
    }
}

fn hint(kind: ErrorKind) -> Sentence {
    match kind {
        ErrorKind::Tab => sentence!("YAML is indented with blanks, never with tabs."),
        ErrorKind::TooDeep | ErrorKind::TooManyNodes | ErrorKind::TooMuchRepeated => {
            sentence!("Write the values out instead of repeating them by aliases.")
        }
        _ => {
            sentence!(
                "A value that holds `: `, `#` or quotes must itself be quoted, for example with `| to_json`."
            )
        }
    }
}

/// A text of a library's error, from its capital letter to its full stop.
pub(crate) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let text: String = characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default();
    if text.ends_with(['.', '!', '?']) {
        text
    } else {
        format!("{text}.")
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
