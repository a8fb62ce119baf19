//! Jinja2's and Ansible's filters, where minijinja has none or others: [`core`] those of Jinja2 itself, [`text`] and
//! [`regex`] those that make texts, [`data`] those on lists and dictionaries, [`order`] those
//! that compare items, [`paths`] those on paths of files, [`encoding`] JSON, YAML and Base64.
//!
//! Ansible's can also be called by their full names (`ansible.builtin.combine`).

mod arguments;
mod core;
mod data;
mod encoding;
mod order;
mod paths;
mod regex;
pub mod text;

use minijinja::value::{Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind};

pub use encoding::encode_base64;
pub use regex::compile as compile_regex;

use arguments::Arguments;

/// A filter: its name, the names of its parameters after the value, what it does.
type Filter = (
    &'static str,
    &'static [&'static str],
    fn(&Value, &Arguments) -> Result<Value, Error>,
);

fn all() -> impl Iterator<Item = &'static Filter> {
    [
        core::FILTERS,
        text::FILTERS,
        regex::FILTERS,
        data::FILTERS,
        order::FILTERS,
        paths::FILTERS,
        encoding::FILTERS,
    ]
    .into_iter()
    .flatten()
}

/// Adds the filters to an environment, in place of minijinja's own.
pub fn add(environment: &mut Environment) {
    for &(name, parameters, function) in all() {
        let filter = move |value: &Value, arguments: Rest<ValueOrKwargs>| {
            function(
                value,
                &Arguments::bind(name, parameters, &arguments.into_values())?,
            )
        };
        environment.add_filter(name, filter);
        environment.add_filter(format!("ansible.builtin.{name}"), filter);
    }
    // minijinja's own that Jinja2 does not have: a template that uses them would not work with Ansible.
    for name in ["chain", "lines", "split"] {
        if all().all(|(known, ..)| *known != name) {
            environment.remove_filter(name);
        }
    }
}

/// The names of all filters, for the one that a misspelt name is near to.
pub fn names() -> Vec<&'static str> {
    const JINJA: [&str; 33] = [
        "abs",
        "attr",
        "batch",
        "capitalize",
        "dictsort",
        "escape",
        "first",
        "float",
        "format",
        "groupby",
        "items",
        "last",
        "length",
        "list",
        "lower",
        "map",
        "max",
        "min",
        "pprint",
        "reject",
        "rejectattr",
        "replace",
        "reverse",
        "round",
        "safe",
        "select",
        "selectattr",
        "slice",
        "sort",
        "sum",
        "title",
        "trim",
        "upper",
    ];
    all().map(|(name, ..)| *name).chain(JINJA).collect()
}

/// A text that a filter needs as such.
fn only_text(value: &Value, filter: &str) -> Result<(), Error> {
    if value.kind() == ValueKind::String || value.is_undefined() {
        Ok(())
    } else {
        Err(fail(format!(
            "`{filter}` needs a text, not a {}",
            value.kind()
        )))
    }
}

fn fail(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}
