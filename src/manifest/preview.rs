//! What the worker would make of templates, for people who write them: `chandlery render`.

use std::path::PathBuf;

use serde_json::Value;

use super::{Fetcher, Limits, Source, parse, render, with_files};
use crate::ansible::Variables;
use crate::ansible::vault::Vault;
use crate::problem::Problem;

/// How to show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The rendered text.
    Text,
    /// The objects as kubectl would read them, as a JSON list.
    Json,
}

/// Renders templates (files or URLs, in order) with the variables of `vars.yml` files, of which later ones win. What is
/// encrypted in them is opened by `vault`.
///
/// Gives all problems that can be found, not only the first.
pub async fn preview(
    variables: &[PathBuf],
    vault: &Vault,
    templates: &[String],
    output: Output,
) -> Result<String, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut values = Variables::opened_by(vault);
    for path in variables {
        if let Err(problem) = read_variables(path, &mut values) {
            problems.push(problem);
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let values = values.resolve().map_err(|problem| vec![problem])?;
    let mut texts = String::new();
    let mut objects: Vec<Value> = Vec::new();
    let fetcher = Fetcher::new(Limits::default()).map_err(|problem| vec![problem])?;
    for template in templates {
        let shown = async {
            let source = source(&fetcher, template).await?;
            let values_here = values.clone();
            let make = move |source: &Source| render(source, &values_here);
            let (_, rendered) = with_files(&fetcher, template, source, make).await?;
            if output == Output::Json {
                objects.extend(
                    parse(&rendered, &values)?
                        .objects
                        .into_iter()
                        .map(|object| object.value),
                );
            }
            Ok::<_, Problem>(rendered.text)
        };
        match shown.await {
            Ok(text) => {
                // Several templates together stay one stream of documents.
                if !texts.is_empty() {
                    if !texts.ends_with('\n') {
                        texts.push('\n');
                    }
                    if !text.starts_with("---") {
                        texts.push_str("---\n");
                    }
                }
                texts.push_str(&text);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    match output {
        Output::Text => Ok(texts),
        Output::Json => serde_json::to_string_pretty(&objects)
            .map(|text| text + "\n")
            .map_err(|error| vec![Problem::new("internal", error.to_string())]),
    }
}

fn read_variables(path: &PathBuf, values: &mut Variables) -> Result<(), Problem> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Problem::new("variables", format!("The file cannot be read: {error}."))
            .in_manifest(&name, &name)
            .hint("Name a file of variables, as for `ansible-playbook -e @FILE`.")
    })?;
    values.load(&text, &name)
}

async fn source(fetcher: &Fetcher, template: &str) -> Result<Source, Problem> {
    if template.starts_with("http://") || template.starts_with("https://") {
        fetcher.fetch(template, template).await
    } else {
        Source::read(&PathBuf::from(template))
    }
}

#[cfg(test)]
#[path = "preview_tests.rs"]
mod tests;
