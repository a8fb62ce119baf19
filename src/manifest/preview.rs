//! What the worker would make of templates, for people who write them: `chandlery render`.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::explain::Used;
use super::{
    Fetcher, Limits, Reach, Source, Values, of_archive, parse, render, with_files, with_secrets,
    with_stand_ins,
};
use crate::ansible::{self, Failure, Resolved};
use crate::archive::{self, Archive};
use crate::artefact::Tools;
use crate::code::Code;
use crate::object::Object;
use crate::problem::Problem;
use crate::sentence;

/// How to show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The rendered text.
    Text,
    /// The objects as kubectl would read them, as a JSON list.
    Json,
}

/// Renders templates (files or URLs, in order) with variables.
///
/// Gives all problems that can be found, not only the first.
pub async fn preview(
    values: &Resolved,
    templates: &[String],
    output: Output,
) -> Result<String, Vec<Problem>> {
    if output == Output::Json {
        let objects = objects(values, templates).await?;
        let objects: Vec<Value> = objects.into_iter().map(|object| object.value).collect();
        return serde_json::to_string_pretty(&objects)
            .map(|text| text + "\n")
            .map_err(|error| vec![Problem::new(Code::Internal, error.to_string())]);
    }
    let values = values.clone();
    let texts = each(templates, move |source| Ok(render(source, &values)?.text)).await?;
    let mut stream = String::new();
    for text in texts {
        // Several templates together stay one stream of documents.
        if !stream.is_empty() {
            if !stream.ends_with('\n') {
                stream.push('\n');
            }
            if !text.starts_with("---") {
                stream.push_str("---\n");
            }
        }
        stream.push_str(&text);
    }
    Ok(stream)
}

/// The objects of templates, as kubectl would read them, which know what of them depends on a secret. Which variables are
/// secret may be a guess: that is no reason to refuse any use of them.
pub async fn secret_objects(
    values: &Values,
    templates: &[String],
) -> Result<Vec<Object>, Vec<Problem>> {
    let values = values.clone();
    let objects = move |source: &Source| {
        let parsed = with_stand_ins(source, &values)
            .and_then(|made| Ok(with_secrets(source, made, &values)?));
        match parsed {
            // Who renders has the secrets, and may read what the API server says of them.
            Ok(parsed) => Ok(parsed
                .objects
                .into_iter()
                .map(|object| Object {
                    stand_in: None,
                    ..object
                })
                .collect()),
            Err(Failure::Problem(_)) => {
                let values = values.secret();
                Ok(parse(&render(source, values)?, values)?.objects)
            }
            Err(needs) => Err(needs),
        }
    };
    Ok(each(templates, objects)
        .await?
        .into_iter()
        .flatten()
        .collect())
}

/// The objects of templates, as kubectl would read them.
pub async fn objects(values: &Resolved, templates: &[String]) -> Result<Vec<Object>, Vec<Problem>> {
    let values = values.clone();
    let objects = move |source: &Source| Ok(parse(&render(source, &values)?, &values)?.objects);
    Ok(each(templates, objects)
        .await?
        .into_iter()
        .flatten()
        .collect())
}

/// The variables that templates mention.
pub async fn used(templates: &[String]) -> Result<Vec<Used>, Vec<Problem>> {
    let used = |source: &Source| {
        Ok(Used {
            template: source.title.clone(),
            variables: match source.artefact {
                // Its tool does not tell.
                Some(_) => Vec::new(),
                None => {
                    ansible::mentioned(&source.title, &source.url, &source.text, &source.files)?
                }
            },
        })
    };
    each(templates, used).await
}

/// Makes something of every template, with the files that it needs, or says of all that are wrong why.
async fn each<T: Send + 'static>(
    templates: &[String],
    make: impl Fn(&Source) -> Result<T, Failure> + Clone + Send + 'static,
) -> Result<Vec<T>, Vec<Problem>> {
    // What somebody names on the command line is meant; what it leads to may be anything.
    let reach = Reach::named(templates);
    let fetcher = Fetcher::new(Limits::default(), reach).map_err(|problem| vec![problem])?;
    let (mut made, mut problems) = (Vec::new(), Vec::new());
    for template in templates {
        let one = async {
            let source = source(&fetcher, template).await?;
            with_files(&fetcher, template, source, make.clone()).await
        };
        match one.await {
            Ok((_, one)) => made.push(one),
            Err(problem) => problems.push(problem),
        }
    }
    match problems.is_empty() {
        true => Ok(made),
        false => Err(problems),
    }
}

async fn source(fetcher: &Fetcher, template: &str) -> Result<Source, Problem> {
    let (path, part) = template.split_once('#').unwrap_or((template, ""));
    if archive::is_named(path) {
        let bytes = if path.starts_with("http://") || path.starts_with("https://") {
            fetcher.bytes(template, template).await?.1
        } else {
            std::fs::read(path).map_err(|error| {
                Problem::new(
                    Code::ManifestFetch,
                    sentence!("The file cannot be read: {error}.", error),
                )
                .in_manifest(template, template)
            })?
        };
        let archive =
            Archive::unpack(&bytes).map_err(|problem| problem.in_manifest(template, template))?;
        return match archive.file(part) {
            Some(_) => Source::packed(template, template, Arc::new(archive), part),
            None => of_archive(template, &bytes, part, &Tools::default()),
        };
    }
    if template.starts_with("http://") || template.starts_with("https://") {
        fetcher.fetch(template, template).await
    } else {
        Source::read(&PathBuf::from(template))
    }
}

#[cfg(test)]
#[path = "preview_tests.rs"]
mod tests;
