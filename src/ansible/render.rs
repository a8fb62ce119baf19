//! From a template and its variables to a text.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use super::ast::Template;
use super::error::{Error, Kind, Result};
use super::files::Files;
use super::interpreter::stored;
use super::template::{self, Place};
use super::value::Value;
use super::{Resolved, globals, limits, markup, names, problems, python};
use crate::problem::Problem;

/// A rendered template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub text: String,
    /// The names of the variables that the template and its files mention, sorted.
    pub variables: Vec<String>,
}

/// Why a template has no text.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// It needs a file of this name, and nobody looked for it yet: `templates/NAME` in the template's folder, then `NAME`.
    Needs(String),
    Problem(Box<Problem>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needs(name) => write!(f, "The file `{name}` is needed."),
            Self::Problem(problem) => problem.fmt(f),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

/// Renders a template that needs no other files. `title` and `url` say in problems which template it is.
pub fn render(
    title: &str,
    url: &str,
    text: &str,
    variables: &Resolved,
) -> Result<Rendered, Problem> {
    let files = Files::default();
    rendered(text, variables, &files).map_err(|errors| {
        let problem = problems::explain(&errors, text, &files, variables);
        variables.mask_problem(problem.in_manifest(title, url))
    })
}

/// Renders a template that may use files. It ends as soon as it needs one that nobody looked for yet.
pub fn render_with(
    title: &str,
    url: &str,
    text: &str,
    variables: &Resolved,
    files: &Files,
) -> Result<Rendered, Failure> {
    rendered(text, variables, files).map_err(|errors| match errors[..].first().map(Error::kind) {
        Some(Kind::Needs(name)) => Failure::Needs(name.clone()),
        _ => {
            let problem = problems::explain(&errors, text, files, variables);
            variables
                .mask_problem(problem.in_manifest(title, url))
                .into()
        }
    })
}

/// The text, or everything that is wrong.
fn rendered(text: &str, variables: &Resolved, files: &Files) -> Result<Rendered, Vec<Error>> {
    let undefined: Rc<RefCell<Vec<Error>>> = Rc::default();
    markup::forget();
    let made = limits::limited(|| make(text, variables, files, &undefined));
    // All that is undefined comes first: what fails may follow from it.
    let errors = undefined.take();
    match made {
        Ok(rendered) if errors.is_empty() => Ok(rendered),
        // A limit that is met between two statements has no place of its own.
        Err(error) if errors.is_empty() || error.is_fatal() => Err(vec![error.at(0)]),
        _ => Err(errors),
    }
}

fn make(
    text: &str,
    variables: &Resolved,
    files: &Files,
    undefined: &Rc<RefCell<Vec<Error>>>,
) -> Result<Rendered> {
    if !template::is_template(text) {
        return Ok(Rendered {
            text: text.to_owned(),
            variables: Vec::new(),
        });
    }
    let template = template::compiled(text, Place::Template)?;
    variables.refuse_controller(&template.names)?;
    let mentioned = mentioned_names(&template, files);
    let shared = Rc::new(files.clone());
    let printed = template::run(
        template,
        text,
        variables.context(shared.clone())?,
        shared,
        Some(undefined.clone()),
    )?;
    let text = stored(&printed.value, true).and_then(|value| match value {
        Value::None => Ok(String::new()),
        value => python::text(&value),
    });
    let text = text.map_err(|error| printed.placed(error))?;
    Ok(Rendered {
        text,
        variables: mentioned,
    })
}

/// The names of the variables that a template and its files mention, sorted. `title` and `url` say in problems which
/// template it is.
pub fn mentioned(
    title: &str,
    url: &str,
    text: &str,
    files: &Files,
) -> Result<Vec<String>, Problem> {
    match template::compiled(text, Place::Template) {
        Ok(template) => Ok(mentioned_names(&template, files)),
        Err(error) => {
            let problem = problems::explain(&[error], text, files, &Resolved::default());
            Err(problem.in_manifest(title, url))
        }
    }
}

fn mentioned_names(template: &Template, files: &Files) -> Vec<String> {
    let mut mentioned = template.names.clone();
    let mut assigned = Vec::new();
    for (_, text) in files.texts() {
        // What is wrong with a file is a problem only where it is used.
        let Ok(file) = template::compiled_file(text, &template.syntax) else {
            continue;
        };
        // What one of the templates sets is most likely no variable for the others.
        if assigned.is_empty() {
            assigned = names::assigned(&template.body.statements);
        }
        assigned.extend(names::assigned(&file.body.statements));
        mentioned.extend(file.names.iter().cloned());
    }
    let own = template.names.len();
    let mut variables: Vec<String> = mentioned
        .iter()
        .enumerate()
        .filter(|(index, (name, _))| *index < own || !assigned.contains(name))
        .map(|(_, (name, _))| name.to_string())
        .filter(|name| {
            let is_own = [&globals::NAMES[..], &globals::IN_PART].concat();
            !is_own.contains(&name.as_str()) && name != globals::MANAGED.0
        })
        .collect();
    variables.sort();
    variables.dedup();
    variables
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
