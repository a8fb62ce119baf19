//! A text that may be a template, from its tree to what it gives.

use std::cell::RefCell;
use std::rc::Rc;

use crate::files::Files;
use crate::runtime::includes::{Blocks, File, Shared, add_blocks};
use crate::runtime::interpreter::{Interpreter, Printed, joined};
use crate::runtime::scope::{Context, Scope};
use crate::syntax::ast::Template;
use crate::value::Value;
use crate::value::error::{Error, Result};

/// Runs a template that was read from a text, and may use the files. `undefined` gathers what is undefined, where all of it is wanted at once.
pub fn run(
    template: Rc<Template>,
    text: &str,
    variables: Rc<dyn Context>,
    files: Rc<Files>,
    undefined: Option<Rc<RefCell<Vec<Error>>>>,
) -> Result<Printed> {
    let file = File {
        name: Rc::from(""),
        template,
    };
    let blocks = Blocks::default();
    add_blocks(&blocks, &file);
    let interpreter = Interpreter {
        shared: Shared::new(files, variables.clone(), file.template.syntax.clone()),
        file: file.name.clone(),
        used_at: 0,
        top: Scope::top(variables),
        blocks,
        parent: None,
        imported: Rc::default(),
        strict: false,
        undefined,
        at_once: None,
    };
    let mut out = Vec::new();
    interpreter.template(&file, &mut out)?;
    let printed = joined(out)?;
    Ok(match &printed.value {
        Value::Text(result) => with_line_ends(result, text).into(),
        _ => printed,
    })
}

/// A text with as many line ends behind it as its template has: Ansible puts back what Jinja2 takes off.
fn with_line_ends(result: &Rc<str>, template: &str) -> Value {
    let ends = |text: &str| text.len() - text.trim_end_matches('\n').len();
    match ends(template).saturating_sub(ends(result)) {
        0 => Value::Text(result.clone()),
        missing => Value::from(format!("{result}{}", "\n".repeat(missing))),
    }
}
