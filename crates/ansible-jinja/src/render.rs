//! From a template and its variables to a text.

use std::cell::RefCell;
use std::rc::Rc;

use yaml_dialects::Data;

use crate::error::Error;
use crate::explain::diagnostics;
use crate::files::Files;
use crate::runtime::interpreter::stored;
use crate::runtime::{globals, template};
use crate::syntax::ast::Template;
use crate::syntax::compiled::{self, Place};
use crate::syntax::names;
use crate::value::error::{Error as Failure, Result as Evaluated};
use crate::value::{Value, limits, markup, print};
use crate::variables::Resolved;

/// A rendered template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub text: String,
    /// The names of the variables that the template and its files mention, sorted.
    pub variables: Vec<String>,
}

/// Renders a template that needs no other files.
///
/// # Errors
///
/// All that is undefined at once, or else the first other failure;
/// [`ErrorKind::NeedsFile`](crate::ErrorKind::NeedsFile) where it needs a file.
pub fn render(text: &str, variables: &Resolved) -> Result<Rendered, Error> {
    render_with(text, variables, &Files::default())
}

/// Renders a template that may use files. It ends as soon as it needs one that nobody looked for yet, with
/// [`ErrorKind::NeedsFile`](crate::ErrorKind::NeedsFile): nothing here reads files.
///
/// # Errors
///
/// As [`render`].
pub fn render_with(text: &str, variables: &Resolved, files: &Files) -> Result<Rendered, Error> {
    rendered(text, variables, files)
        .map_err(|errors| diagnostics::explain(&errors, text, files, variables))
}

impl Resolved {
    /// The value of a variable with its type.
    ///
    /// # Errors
    ///
    /// Why it has none.
    pub fn value(&self, name: &str) -> Result<Data, Error> {
        self.made(name).map_err(|error| {
            let given = self.given(name);
            let text = given.and_then(|given| given.value.as_str());
            let text = text.unwrap_or_default();
            let error = diagnostics::explain(&[error], text, &Files::default(), self);
            // Where no place is known, it is the value as a whole.
            let place = error.line().zip(error.column());
            error.at(place.or(Some((1, 1))))
        })
    }
}

/// The text, or everything that is wrong.
fn rendered(text: &str, variables: &Resolved, files: &Files) -> Result<Rendered, Vec<Failure>> {
    let undefined: Rc<RefCell<Vec<Failure>>> = Rc::default();
    markup::forget();
    let made = limits::limited(&variables.settings, || {
        make(text, variables, files, &undefined)
    });
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
    undefined: &Rc<RefCell<Vec<Failure>>>,
) -> Evaluated<Rendered> {
    if !compiled::is_template(text) {
        return Ok(Rendered {
            text: text.to_owned(),
            variables: Vec::new(),
        });
    }
    let template = compiled::compiled(text, Place::Template)?;
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
        value => print::text(&value),
    });
    let text = text.map_err(|error| printed.placed(error))?;
    Ok(Rendered {
        text,
        variables: mentioned,
    })
}

/// The names of the variables that a template and its files mention, sorted.
///
/// # Errors
///
/// Where the template cannot be read. What is wrong with a file is an error only where it is used.
pub fn mentioned(text: &str, files: &Files) -> Result<Vec<String>, Error> {
    match compiled::compiled(text, Place::Template) {
        Ok(template) => Ok(mentioned_names(&template, files)),
        Err(error) => Err(diagnostics::explain(
            &[error],
            text,
            files,
            &Resolved::default(),
        )),
    }
}

fn mentioned_names(template: &Template, files: &Files) -> Vec<String> {
    let mut mentioned = template.names.clone();
    let mut assigned = Vec::new();
    for (_, text) in files.texts() {
        // What is wrong with a file is a problem only where it is used.
        let Ok(file) = compiled::compiled_file(text, &template.syntax) else {
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
