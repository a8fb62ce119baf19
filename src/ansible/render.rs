//! From a template and its variables to a text.

use std::cell::RefCell;
use std::rc::Rc;

use super::error::{Error, Result};
use super::interpreter::stored;
use super::template::{self, Place};
use super::value::Value;
use super::{Resolved, globals, limits, problems, python};
use crate::problem::Problem;

/// A rendered template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub text: String,
    /// The names of the variables that the template mentions, sorted.
    pub variables: Vec<String>,
}

/// Renders a template with the variables. `title` and `url` say in problems which template it is.
pub fn render(
    title: &str,
    url: &str,
    text: &str,
    variables: &Resolved,
) -> Result<Rendered, Problem> {
    let undefined: Rc<RefCell<Vec<Error>>> = Rc::default();
    let made = limits::limited(|| make(text, variables, &undefined));
    // All that is undefined comes first: what fails may follow from it.
    let mut errors = undefined.take();
    match made {
        Ok(rendered) if errors.is_empty() => return Ok(rendered),
        Ok(_) => {}
        // A limit that is met between two statements has no place of its own.
        Err(error) if errors.is_empty() || error.is_fatal() => errors = vec![error.at(0)],
        Err(_) => {}
    }
    let problem = problems::explain(&errors, text, variables);
    Err(variables.mask_problem(problem.in_manifest(title, url)))
}

fn make(text: &str, variables: &Resolved, undefined: &Rc<RefCell<Vec<Error>>>) -> Result<Rendered> {
    let names = &template::compiled(text, Place::Template)?.names;
    variables.refuse_controller(names)?;
    let value = template::run(
        text,
        Place::Template,
        variables.context()?,
        Some(undefined.clone()),
    )?;
    let text = match stored(&value, true)? {
        Value::None => String::new(),
        value => python::text(&value)?,
    };
    let variables = variables_of(names);
    Ok(Rendered { text, variables })
}

/// The names of the variables that a template mentions, sorted. `title` and `url` say in problems which template it is.
pub fn mentioned(title: &str, url: &str, text: &str) -> Result<Vec<String>, Problem> {
    match template::compiled(text, Place::Template) {
        Ok(template) => Ok(variables_of(&template.names)),
        Err(error) => {
            Err(problems::explain(&[error], text, &Resolved::default()).in_manifest(title, url))
        }
    }
}

fn variables_of(names: &[(Rc<str>, usize)]) -> Vec<String> {
    let names = names.iter().map(|(name, _)| name.to_string());
    let mut variables: Vec<String> = names
        .filter(|name| !globals::NAMES.contains(&name.as_str()))
        .collect();
    variables.sort();
    variables
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
