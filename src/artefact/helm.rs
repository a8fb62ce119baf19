//! `helm template`. The values are an app's own variables; those of Chandlery stand under `global.chandlery`, where a chart
//! asks for them.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use super::tools::Work;
use super::{Artefact, Format, Values};
use crate::excerpt::{Excerpt, TextOf};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// What a chart writes to use Chandlery's own variables.
const ASKED_FOR: &str = "global.chandlery";
/// Characters that Helm allows in a release's name.
const RELEASE: usize = 53;
/// Helm's words for a line of a template: `shop/templates/web.yaml:7:12`.
static PLACE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"([\w.-]+(?:/[\w.-]+)+):(\d+)(?::(\d+))?").ok());
/// What Helm says before it tells what the schema refuses.
const SCHEMA: &str = "values don't meet the specifications of the schema";
/// One of these: `- at '/web/replicas': got string, want integer`.
static REFUSED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m)^\s*- at '([^']*)': (.*)$").ok());

pub fn render(artefact: &Artefact, values: &Values) -> Result<String, Problem> {
    let release = values.given("app_name").unwrap_or("app");
    let release: String = release.chars().take(RELEASE).collect();
    let mut arguments = vec![
        "template".to_owned(),
        release.trim_end_matches(['-', '.']).to_owned(),
        format!("./{}", artefact.folder),
        "--namespace".to_owned(),
        values.given("namespace").unwrap_or("default").to_owned(),
        "--values".to_owned(),
        "-".to_owned(),
        "--include-crds".to_owned(),
        "--skip-tests".to_owned(),
    ];
    if let Some(served) = &artefact.served {
        arguments.extend(["--kube-version".to_owned(), served.version.clone()]);
        for version in &served.api_versions {
            arguments.extend(["--api-versions".to_owned(), version.clone()]);
        }
    }
    let work = Work {
        archive: &artefact.archive,
        file: None,
        input: of_chart(artefact, values).to_string(),
    };
    let said = artefact.tools.run(Format::Helm, &arguments, work)?;
    match said.status.success() {
        true => Ok(String::from_utf8_lossy(&said.output).into_owned()),
        false => Err(refused(artefact, &said.complaint)),
    }
}

/// The values as the chart gets them.
fn of_chart(artefact: &Artefact, values: &Values) -> Value {
    let mut all = values.own.clone();
    // A schema may allow no others.
    if artefact.archive.mentions(&artefact.folder, ASKED_FOR) {
        let global = all.entry("global").or_insert_with(|| json!({}));
        if let Some(global) = global.as_object_mut() {
            global.insert("chandlery".to_owned(), values.given.clone().into());
        }
    }
    all.into()
}

/// What Helm complains of, by its place: a field of the values, or the line of a template.
fn refused(artefact: &Artefact, complaint: &str) -> Problem {
    if complaint.contains(SCHEMA)
        && let Some(problem) = by_schema(artefact, complaint)
    {
        return problem;
    }
    let problem = artefact.tools.ended(Format::Helm, complaint);
    let found = PLACE.as_ref().and_then(|place| {
        let found = place.captures(complaint)?;
        let number = |group| found.get(group)?.as_str().parse().ok();
        Some((found.get(1)?.as_str(), number(2)?, number(3)))
    });
    let Some((path, line, column)) = found else {
        return problem;
    };
    // Helm begins with the chart's name, whatever its folder is called.
    let file = path.split_once('/').map(|(_, rest)| artefact.within(rest));
    let text = file.and_then(|file| artefact.archive.text(&file));
    let excerpt = text.and_then(|text| {
        let column = column.map_or(1, |column: u32| column + 1);
        Excerpt::line(TextOf::Value, text, line, column, u32::MAX)
    });
    problem.with(excerpt.map(|excerpt| excerpt.named(path)))
}

/// What the chart's `values.schema.json` refuses: the first by its field, the others in words.
fn by_schema(artefact: &Artefact, complaint: &str) -> Option<Problem> {
    let refused = REFUSED.as_ref()?;
    let mut found = refused.captures_iter(complaint).map(|found| {
        let part = |group| found.get(group).map_or("", |part| part.as_str());
        (field(part(1)), part(2).trim())
    });
    let (first, message) = found.next()?;
    let others = found.map(|(field, message)| sentence!("{field}: {message}", field, message));
    let message = Sentence::joined(
        "; ",
        [sentence!(
            "The chart's values.schema.json refuses the value: {message}",
            message
        )]
        .into_iter()
        .chain(others),
    );
    let problem = artefact.tools.ended(Format::Helm, complaint);
    Some(
        Problem {
            message,
            field: Some(first).filter(|field| !field.is_empty()),
            ..problem
        }
        .hint(sentence!(
            "Correct the value in the app's config map; the chart's values.schema.json says what it may be."
        )),
    )
}

/// `/web/0/replicas` as `web[0].replicas`.
fn field(pointer: &str) -> String {
    let mut field = String::new();
    for part in pointer.split('/').filter(|part| !part.is_empty()) {
        let part = part.replace("~1", "/").replace("~0", "~");
        match part.parse::<u32>() {
            Ok(index) if !field.is_empty() => field += &format!("[{index}]"),
            _ if field.is_empty() => field = part,
            _ => field += &format!(".{part}"),
        }
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_written_as_people_write_it() {
        assert_eq!(field("/web/0/replicas"), "web[0].replicas");
        assert_eq!(field(""), "");
    }
}
