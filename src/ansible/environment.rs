//! minijinja, set as Ansible sets Jinja2, with limits that keep every template harmless.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io;
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, UndefinedBehavior};

use super::source::{self, Prepared};
use super::{Resolved, filters, methods, problems, python, tests};
use crate::problem::Problem;

/// Instructions one rendering may take: far beyond any manifest, well below two seconds.
const FUEL: u64 = 2_000_000;
/// Nesting of macros and loops.
const RECURSION: usize = 200;
/// Bytes a rendering may produce.
const MAX_OUTPUT: usize = 16 * 1024 * 1024;

/// Bytes (and items) that a value set in a template may have.
const MAX_VALUE: usize = 1024 * 1024;

thread_local! {
    /// What the rendering on this thread has printed so far, also into values that it only sets.
    static PRINTED: Cell<usize> = const { Cell::new(0) };
    /// How many values it has printed, and whether the last one was something other than a text.
    static VALUES: Cell<(usize, bool)> = const { Cell::new((0, false)) };
    /// The last value it has printed.
    static LAST: RefCell<Option<Value>> = const { RefCell::new(None) };
}

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
    static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(environment);
    let text = source::normalise(text);
    let problem = |error: &Failure| {
        variables
            .mask_problem(problems::explain(error, &text, Some(variables)).in_manifest(title, url))
    };
    let names = names(&ENVIRONMENT, &text).map_err(|error| problem(&error))?;
    if let Some((name, ring)) = names
        .iter()
        .find_map(|name| variables.rings.get_key_value(name))
    {
        let (line, column) = problems::place_of(&text, name);
        return Err(Problem {
            line: Some(line),
            column: Some(column),
            ..variables.mask_problem(ring.clone()).in_manifest(title, url)
        });
    }
    let known = |name: &str| variables.names().any(|known| known == name);
    if let Some(refusal) = controller(&names, &text, known) {
        return Err(problem(&Failure::Refused(refusal)));
    }
    let rendered = output(
        &ENVIRONMENT,
        &text,
        variables.context(),
        source::Place::Template,
    )
    .map_err(|error| problem(&error))?;
    Ok(Rendered {
        text: match rendered {
            Made::Text(text) | Made::Plain(_, text) => text,
        },
        variables: names
            .into_iter()
            .filter(|name| ENVIRONMENT.globals().all(|(global, _)| global != name))
            .collect(),
    })
}

/// The names of the variables that a template mentions, sorted. `title` and `url` say in problems which template it is.
pub fn mentioned(title: &str, url: &str, text: &str) -> Result<Vec<String>, Problem> {
    let environment = environment();
    let names = names(&environment, text).map_err(|error| {
        problems::explain(&error, &source::normalise(text), None).in_manifest(title, url)
    })?;
    let given = |name: &String| environment.globals().all(|(global, _)| global != name);
    Ok(names.into_iter().filter(given).collect())
}

/// minijinja as Ansible sets Jinja2: `trim_blocks`, the last line end kept, undefined values strict, nothing escaped.
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(false)
            .keep_trailing_newline(true)
            .build()
            .expect("Jinja2's own delimiters"),
    );
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(|out, _, value| {
        // What arrives undefined here is the missing `else` of an inline `if`: Jinja2 prints nothing for it, and
        // Ansible nothing for none.
        if value.is_undefined() || value.is_none() {
            return Ok(());
        }
        VALUES.set((VALUES.get().0 + 1, value.kind() != ValueKind::String));
        LAST.replace(Some(value.clone()));
        match value.as_str() {
            Some(text) => print(out, text),
            None => print(out, &python::text(value)?),
        }
    });
    environment.set_unknown_method_callback(methods::call);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    environment.set_debug(true);
    environment.remove_global("debug");
    environment.add_filter(source::CHAIN, |value: &Value| {
        if value.is_undefined() {
            Value::from_pairs(Vec::<(String, Value)>::new())
        } else {
            value.clone()
        }
    });
    environment.add_filter(source::LIMIT, |value: &Value| {
        let mut left = MAX_VALUE;
        limited(value, &mut left).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidOperation,
                "the value set here becomes too large",
            )
        })
    });
    filters::add(&mut environment);
    tests::add(&mut environment);
    environment
}

/// Prints a text, unless too much has been printed already.
fn print(out: &mut Output, text: &str) -> Result<(), Error> {
    let printed = PRINTED.get().saturating_add(text.len());
    PRINTED.set(printed);
    if printed > MAX_OUTPUT {
        return Err(too_long());
    }
    out.write_str(text).map_err(Error::from)
}

fn too_long() -> Error {
    Error::new(
        ErrorKind::InvalidOperation,
        format!(
            "the text becomes longer than {} MiB",
            MAX_OUTPUT / 1024 / 1024
        ),
    )
}

/// Takes a value's size off what is left. Gives the value, with iterators unfolded into lists (a sum of lists is one,
/// and would be walked through again by each value made of it); `None` when it is too large.
fn limited(value: &Value, left: &mut usize) -> Option<Value> {
    let own = value.as_str().map_or(1, |text| text.len().max(1));
    *left = left.checked_sub(own)?;
    match value.kind() {
        ValueKind::Iterable => {
            let mut items = Vec::new();
            for item in value.try_iter().ok()? {
                items.push(limited(&item, left)?);
            }
            Some(Value::from(items))
        }
        ValueKind::Seq => {
            for item in value.try_iter().ok()? {
                limited(&item, left)?;
            }
            Some(value.clone())
        }
        ValueKind::Map => {
            for key in value.try_iter().ok()? {
                limited(&key, left)?;
                limited(&value.get_item(&key).ok()?, left)?;
            }
            Some(value.clone())
        }
        _ => Some(value.clone()),
    }
}

/// What failed in making a text of a template.
#[derive(Debug)]
pub(super) enum Failure {
    /// Refused before minijinja saw it.
    Refused(source::Refusal),
    /// minijinja's error, whose places are those of the prepared text.
    Jinja(Box<Error>, Prepared),
}

/// Whether a text holds anything for Jinja.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// What Ansible knows of the machine that it runs on, and its own words for values.
const CONTROLLER: [&str; 16] = [
    "group_names",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "lookup",
    "now",
    "omit",
    "playbook_dir",
    "q",
    "query",
    "role_path",
    "undef",
    "vars",
];

/// Refuses names that Ansible gives a meaning of its own, unless they are variables here.
pub(super) fn controller(
    names: &BTreeSet<String>,
    text: &str,
    known: impl Fn(&str) -> bool,
) -> Option<source::Refusal> {
    let name = names
        .iter()
        .find(|name| CONTROLLER.contains(&name.as_str()) && !known(name))?;
    Some(source::Refusal {
        offset: problems::offset_of(text, name),
        message: match name.as_str() {
            "omit" | "undef" => format!("'{name}' cannot be used here as a value"),
            _ => format!(
                "`{name}` reads from the machine that Ansible runs on, which does not exist here"
            ),
        },
        hint: "Put the value into a config map or secret.".to_owned(),
    })
}

/// The names of variables that a template mentions.
pub(super) fn names(environment: &Environment, text: &str) -> Result<BTreeSet<String>, Failure> {
    let text = source::normalise(text);
    let prepared = source::prepare(&text, source::Place::Template).map_err(Failure::Refused)?;
    let names = match environment.template_from_str(&prepared.text) {
        Ok(template) => Ok(template.undeclared_variables(false)),
        Err(error) => Err(error),
    };
    match names {
        Ok(names) => Ok(names.into_iter().collect()),
        Err(error) => Err(Failure::Jinja(Box::new(error), prepared)),
    }
}

/// The value of a variable that is a template: of one expression, what it gives; otherwise a text.
pub(super) fn evaluate(
    environment: &Environment,
    text: &str,
    known: &Resolved,
) -> Result<Value, Problem> {
    let text = source::normalise(text);
    let explain = |error: &Failure, text: &str| {
        let problem = problems::explain(error, text, Some(known));
        // Where minijinja knows no place, it is the expression as a whole.
        Problem {
            line: problem.line.or(Some(1)),
            column: problem.column.or(Some(1)),
            ..problem
        }
    };
    let body = text.strip_suffix('\n').unwrap_or(&text);
    let Some(expression) = source::single_expression(body) else {
        return output(environment, &text, known.context(), source::Place::Value)
            .map_err(|error| explain(&error, &text))
            .and_then(|output| match output {
                Made::Text(text) => Ok(Value::from(text)),
                Made::Plain(value, _) => python::concrete(value).map_err(|error| {
                    explain(&Failure::Jinja(Box::new(error), Prepared::default()), &text)
                }),
            });
    };
    let prepared = source::prepare_expression(expression)
        .map_err(|refusal| explain(&Failure::Refused(refusal), expression))?;
    PRINTED.set(0);
    let value = environment
        .compile_expression_owned(prepared.text.clone())
        .and_then(|compiled| compiled.eval(known.context()))
        .and_then(|value| match value.kind() {
            ValueKind::Undefined => Err(undefined_expression(expression)),
            _ => python::concrete(value),
        })
        .map_err(|error| explain(&Failure::Jinja(Box::new(error), prepared), expression))?;
    Ok(match value.as_str() {
        Some(result) if text.ends_with('\n') => Value::from(with_line_ends(result, &text)),
        _ => value,
    })
}

/// A text with as many line ends behind it as its template has: Ansible puts back what Jinja2 takes off.
fn with_line_ends(result: &str, template: &str) -> String {
    let ends = |text: &str| text.len() - text.trim_end_matches('\n').len();
    let missing = ends(template).saturating_sub(ends(result));
    format!("{result}{}", "\n".repeat(missing))
}

/// An expression that gives an undefined value is named as it stands.
fn undefined_expression(expression: &str) -> Error {
    Error::new(
        ErrorKind::UndefinedError,
        format!("`{}` is undefined", expression.trim()),
    )
}

/// What a text becomes: one value and its text where it gives nothing else, and none where it gives nothing at all.
enum Made {
    Text(String),
    Plain(Value, String),
}

fn output(
    environment: &Environment,
    text: &str,
    context: Value,
    place: source::Place,
) -> Result<Made, Failure> {
    let prepared = source::prepare(text.strip_suffix('\n').unwrap_or(text), place)
        .map_err(Failure::Refused)?;
    let mut out = Limited::default();
    PRINTED.set(0);
    VALUES.set((0, false));
    LAST.take();
    let result = environment
        .template_from_str(&prepared.text)
        .and_then(|template| template.render_captured_to(context, &mut out).map(drop));
    match result {
        // Only whole texts are written, so what arrives is UTF-8.
        Ok(()) => {
            let result = String::from_utf8_lossy(&out.bytes).into_owned();
            // What is nothing, or one value and no text, has no line end of its own.
            let plain = match VALUES.get() {
                (0, _) => result.is_empty(),
                (1, other) => other && PRINTED.get() == result.len(),
                _ => false,
            };
            Ok(if plain {
                Made::Plain(LAST.take().unwrap_or_else(|| Value::from(())), result)
            } else {
                Made::Text(with_line_ends(&result, text))
            })
        }
        Err(error) => Err(Failure::Jinja(Box::new(error), prepared)),
    }
}

/// Takes a rendering up to the limit.
#[derive(Default)]
struct Limited {
    bytes: Vec<u8>,
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::Error::other(format!(
                "the text becomes longer than {} MiB",
                MAX_OUTPUT / 1024 / 1024
            )));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "environment_tests.rs"]
mod environment_tests;
