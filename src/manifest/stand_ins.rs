//! A manifest rendered and read twice: with stand-ins for all secrets, and with the secrets themselves.
//!
//! What comes out differently depends on a secret, through whatever filter: such fields are known as [`Dependent`], and
//! hidden wherever they would be shown. What stands in URLs, events and names (which objects there are, how they are
//! called, which keys they have, which files are fetched) must not depend on one. All that can be said of a manifest is
//! said of the rendering with stand-ins, so that no word of it can come from a secret.

use std::collections::BTreeMap;

use serde_json::Value;

use super::parse::{self, Documents};
use super::{Parsed, Rendered, Source, render};
use crate::ansible::{self, Failure, Resolved, Variables};
use crate::dependence::{Dependent, secret_texts};
use crate::object::Object;
use crate::problem::Problem;

/// Says that a secret decides what it must not decide.
const CODE: &str = "secret_dependent";
const WAY_OUT: &str = "What a secret's content decides belongs into the config map: put the name, the key or the switch there, and leave to the secret what only the app needs to know. A preview of the manifest shows the same.";

/// A job's variables twice.
#[derive(Clone, Debug)]
pub struct Twice {
    secret: Resolved,
    stand_ins: Resolved,
    /// Whether there is any secret at all.
    differ: bool,
}

impl Twice {
    /// The variables as they are, and with stand-ins for their secrets.
    pub fn new(variables: &Variables) -> Result<Self, Problem> {
        let differ = variables.hold_secrets();
        let secret = variables.resolve()?;
        let stand_ins = match differ {
            true => variables.with_stand_ins().resolve()?,
            false => secret.clone(),
        };
        Ok(Self {
            secret,
            stand_ins,
            differ,
        })
    }

    /// Two sets of stand-ins for the same variables: what differs between them depends on a secret, which is in neither.
    pub(super) fn of_stand_ins(variables: &Variables) -> Result<Self, Problem> {
        Ok(Self {
            secret: variables.with_stand_ins().resolve()?,
            stand_ins: variables.resolve()?,
            differ: variables.hold_secrets(),
        })
    }

    /// The variables with the secrets.
    pub fn secret(&self) -> &Resolved {
        &self.secret
    }
}

/// What a template becomes with stand-ins for all secrets.
pub struct Made {
    pub rendered: Rendered,
    documents: Documents,
}

/// Renders and reads a template with stand-ins for all secrets. Only this may ask for files.
pub fn with_stand_ins(source: &Source, values: &Twice) -> Result<Made, Failure> {
    if values.differ {
        refuse_files(source, &values.stand_ins)?;
    }
    match made(source, &values.stand_ins) {
        Err(Failure::Problem(problem)) if values.differ && made(source, &values.secret).is_ok() => {
            let message = format!(
                "Only some contents of a secret make this a manifest; with another one of the same shape: {}",
                problem.message
            );
            let problem = Problem {
                message,
                code: CODE.to_owned(),
                ..*problem
            };
            Err(problem.hint(WAY_OUT).into())
        }
        made => made,
    }
}

fn made(source: &Source, variables: &Resolved) -> Result<Made, Failure> {
    let rendered = render(source, variables)?;
    let documents = parse::read(&rendered, variables)?;
    Ok(Made {
        rendered,
        documents,
    })
}

/// Renders and reads the template with the secrets, which may decide nothing but the values of fields. The files are
/// those that the stand-ins have asked for.
pub fn with_secrets(source: &Source, before: Made, values: &Twice) -> Result<Parsed, Problem> {
    let Made {
        rendered: other,
        documents: others,
    } = before;
    if !values.differ {
        return Ok(others.objects(&other));
    }
    let Made {
        rendered,
        mut documents,
    } = made(source, &values.secret).map_err(|failure| match failure {
        Failure::Needs(_) => of_file(source, None),
        Failure::Problem(problem) => without_values(source, *problem),
    })?;
    documents.lines = documents.lines.beside(&other.text);
    let dependent = dependent(&documents, &others).map_err(|(document, line, what)| Problem {
        document: Some(document),
        ..documents.lines.locate(of(source, &what), line, 1, None)
    })?;
    documents.lines = documents.lines.knowing(dependent);
    let mut secrets = Vec::new();
    for (document, other) in documents.all.iter().zip(&others.all) {
        secret_texts(&document.value, &other.value, &mut secrets);
    }
    let others = others.objects(&other);
    let parsed = Parsed {
        // Those of the other rendering quote no secret.
        warnings: others.warnings,
        secrets,
        ..documents.objects(&rendered)
    };
    let places = |objects: &[Object]| -> Vec<(u32, String)> {
        let places = objects.iter();
        places
            .map(|object| (object.document, object.path.clone()))
            .collect()
    };
    if places(&parsed.objects) != places(&others.objects) {
        let what = "Which objects a list holds depends on a secret.";
        return Err(of(source, what));
    }
    for (object, other) in parsed.objects.iter().zip(&others.objects) {
        for field in [
            "apiVersion",
            "kind",
            "metadata.name",
            "metadata.namespace",
            "metadata.generateName",
        ] {
            let path = format!("/{}", field.replace('.', "/"));
            if object.value.pointer(&path) != other.value.pointer(&path) {
                let problem = object.locate_field(
                    field,
                    of(
                        source,
                        &format!("The field `{field}` of an object depends on a secret."),
                    ),
                );
                // Its name is what must not be told.
                return Err(Problem {
                    object: None,
                    ..problem
                });
            }
        }
    }
    Ok(parsed)
}

/// What of each document depends on a secret; or document, line and what is wrong.
fn dependent(
    documents: &Documents,
    others: &Documents,
) -> Result<BTreeMap<u32, Dependent>, (u32, u32, String)> {
    let mut found = BTreeMap::new();
    for (index, document) in documents.all.iter().enumerate() {
        let wrong = |what: String| (document.number, document.line, what);
        let other = others.all.get(index);
        let Some(other) = other.filter(|other| other.number == document.number) else {
            return Err(wrong(
                "Whether this document is there depends on a secret.".to_owned(),
            ));
        };
        let part = Dependent::between(&document.value, &other.value).map_err(|path| {
            wrong(match path.as_str() {
                "" => "Which fields this document has depends on a secret.".to_owned(),
                path => format!("Which keys `{path}` has depends on a secret."),
            })
        })?;
        let is_list = |value: &Value| value.get("items").is_some();
        if (is_list(&document.value) || is_list(&other.value))
            && (part == Dependent::All || *part.member("items") == Dependent::All)
        {
            return Err(wrong(
                "Which objects this list holds depends on a secret.".to_owned(),
            ));
        }
        if !part.is_nothing() {
            found.insert(document.number, part);
        }
    }
    match others.all.get(documents.all.len()) {
        None => Ok(found),
        Some(_) => {
            let last = documents.all.last();
            let (number, line) = last.map_or((1, 1), |last| (last.number, last.line));
            let what = "Whether another document follows this one depends on a secret.";
            Err((number, line, what.to_owned()))
        }
    }
}

fn of(source: &Source, what: &str) -> Problem {
    Problem::new(CODE, what)
        .in_manifest(&source.title, &source.url)
        .hint(WAY_OUT)
}

/// Refuses a template that uses files whose names depend on a secret, before it asks for any.
pub(super) fn refuse_files(source: &Source, variables: &Resolved) -> Result<(), Problem> {
    match ansible::decides_file(&source.text, &source.files, variables) {
        Some(line) => Err(of_file(source, line)),
        None => Ok(()),
    }
}

fn of_file(source: &Source, line: Option<u32>) -> Problem {
    Problem {
        line,
        ..of(
            source,
            "The name of an included file depends on a secret, or whether a file is included does. Nothing was fetched under that name.",
        )
    }
}

/// A problem that only the secrets make: its place, and none of its words.
fn without_values(source: &Source, problem: Problem) -> Problem {
    Problem {
        document: problem.document,
        line: problem.line,
        ..of(
            source,
            "The manifest fails with the contents of its secrets, and does not with others of the same shape. What is wrong is not told, since it tells of a secret.",
        )
        .hint("Correct the secret whose value is used there, for example by quoting it in the manifest with `| to_json`. What a secret's content decides belongs into the config map.")
    }
}

#[cfg(test)]
#[path = "stand_ins_tests.rs"]
mod tests;
