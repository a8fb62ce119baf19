//! Reading a rendered manifest as kubectl does.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Rendered;
use crate::ansible::Resolved;
use crate::object::Object;
use crate::problem::Problem;
use crate::yaml::kubectl::{self, Document};

/// The objects of a manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// In their order; the items of a `List` in its place.
    pub objects: Vec<Object>,
    /// What is read, but probably not meant: keys that stand there twice, and what Ansible reads differently.
    pub warnings: Vec<Problem>,
}

/// Reads a rendered manifest. Empty documents are left out. `variables` say what must not appear in problems.
pub fn parse(rendered: &Rendered, variables: &Resolved) -> Result<Parsed, Problem> {
    let documents = kubectl::documents(&rendered.text).map_err(|(document, error)| {
        let problem = Problem {
            document: Some(document),
            line: Some(error.line),
            column: Some(error.column),
            ..Problem::new("manifest_parse", sentence(&error.message))
                .in_manifest(&rendered.title, &rendered.url)
        };
        variables.mask_problem(problem.hint(hint(&error.message)))
    })?;
    let mut parsed = Parsed::default();
    for document in documents {
        for duplicate in document.duplicates.iter().chain(&document.readings) {
            let problem = Problem {
                document: Some(document.number),
                line: Some(duplicate.line),
                column: Some(duplicate.column),
                ..Problem::new("manifest_parse", sentence(&duplicate.message))
                    .in_manifest(&rendered.title, &rendered.url)
            };
            parsed.warnings.push(variables.mask_problem(problem));
        }
        unwrap(rendered, document, &mut parsed.objects);
    }
    Ok(parsed)
}

/// Takes the items out of a `List`, as kubectl does.
fn unwrap(rendered: &Rendered, document: Document, objects: &mut Vec<Object>) {
    let object = |value: Value, line: u32, places: BTreeMap<String, (u32, u32)>| Object {
        manifest: rendered.title.clone(),
        url: rendered.url.clone(),
        document: document.number,
        line,
        value,
        places,
    };
    let is_list = document.value["kind"]
        .as_str()
        .is_some_and(|kind| kind.ends_with("List"))
        && document.value["items"].is_array();
    if !is_list {
        objects.push(object(document.value, document.line, document.places));
        return;
    }
    let Value::Array(items) = document.value["items"].clone() else {
        return;
    };
    for (index, item) in items.into_iter().enumerate() {
        let prefix = format!("items[{index}]");
        let line = document
            .places
            .get(&prefix)
            .map_or(document.line, |(line, _)| *line);
        let places = document
            .places
            .iter()
            .filter_map(|(path, place)| {
                Some((
                    path.strip_prefix(&prefix)?.strip_prefix('.')?.to_owned(),
                    *place,
                ))
            })
            .collect();
        objects.push(object(item, line, places));
    }
}

fn hint(message: &str) -> &'static str {
    if message.contains("tab") {
        "YAML is indented with blanks, never with tabs."
    } else if message.contains("more than") {
        "Write the values out instead of repeating them by aliases."
    } else {
        "The line counts in the rendered text; `chandlery render` shows it. A value that holds `: `, `#` or quotes must itself be quoted, for example with `| to_json`."
    }
}

fn sentence(text: &str) -> String {
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
