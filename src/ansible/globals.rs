//! The functions that every template can call.

use super::arguments::Given;
use super::callables::{Cycler, Function, Joiner, Namespace};
use super::error::{Error, Result, fail};
use super::python;
use super::value::{Key, Range, Value};

/// Their names.
pub const NAMES: [&str; 12] = [
    "cycler",
    "dict",
    "joiner",
    "lipsum",
    "lookup",
    "namespace",
    "now",
    "omit",
    "q",
    "query",
    "range",
    "undef",
];

/// What a name stands for that is no variable.
pub fn get(name: &str) -> Option<Value> {
    Some(match name {
        "omit" => Value::Omit,
        "range" => Function::value("range", range),
        "dict" => Function::value("dict", dict),
        "namespace" => Function::value("namespace", Namespace::create),
        "cycler" => Function::value("cycler", Cycler::create),
        "joiner" => Function::value("joiner", Joiner::create),
        "undef" => Function::value("undef", undef),
        "lipsum" => Function::value("lipsum", |_| {
            Err(Error::unsupported(
                "`lipsum` makes another text each time",
                "Write the text itself: what is applied must not change by itself.",
            ))
        }),
        "now" | "lookup" | "query" | "q" => {
            let name = name.to_owned();
            Function::value(&name.clone(), move |_| Err(controller(&name)))
        }
        _ => return None,
    })
}

/// Why a name of Ansible's own has no value here.
pub fn controller(name: &str) -> Error {
    let (what, hint) = match name {
        "now" => (
            "gives another time at each rendering, so that every Apply would change something"
                .to_owned(),
            "Put the time into a config map.",
        ),
        _ => (
            "reads from the machine that Ansible runs on, which does not exist here".to_owned(),
            "Put the value into a config map or secret.",
        ),
    };
    Error::unsupported(format!("`{name}` {what}"), hint)
}

/// What Ansible calls itself in every template, unless a variable has this name.
pub const MANAGED: (&str, &str) = ("ansible_managed", "Ansible managed");

/// Names of what Ansible knows of the play, the inventory and the machine, beside all that begin with `ansible_`.
const CONTROLLER: [&str; 18] = [
    "group_names",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "play_hosts",
    "playbook_dir",
    "role_path",
    "template_destpath",
    "template_fullpath",
    "template_host",
    "template_mtime",
    "template_path",
    "template_run_date",
    "template_uid",
    "vars",
];

/// Whether Ansible gives this name a meaning that does not exist here.
pub fn is_controllers(name: &str) -> bool {
    CONTROLLER.contains(&name) || name.starts_with("ansible_") && name != MANAGED.0
}

fn range(given: Given) -> Result<Value> {
    let numbers: Vec<i64> = given
        .positional
        .iter()
        .map(|value| {
            value.as_index().ok_or_else(|| {
                Error::failed(format!(
                    "'{}' object cannot be interpreted as an integer",
                    value.type_name()
                ))
            })
        })
        .collect::<Result<_>>()?;
    if !given.named.is_empty() {
        return fail("range() takes no keyword arguments");
    }
    let (start, stop, step) = match numbers.as_slice() {
        [stop] => (0, *stop, 1),
        [start, stop] => (*start, *stop, 1),
        [_, _, 0] => return fail("range() arg 3 must not be zero"),
        [start, stop, step] => (*start, *stop, *step),
        other => {
            return fail(format!(
                "range expected 1 to 3 arguments, got {}",
                other.len()
            ));
        }
    };
    Ok(Value::Range(Range { start, stop, step }))
}

/// Python's `dict(…)`: a mapping or pairs, then named values.
pub fn dict(given: Given) -> Result<Value> {
    let mut entries = indexmap::IndexMap::new();
    match given.positional.as_slice() {
        [] => {}
        [source] => match source.pairs() {
            Some(pairs) => {
                source.check_values()?;
                for (key, value) in pairs {
                    entries.insert(Key::new(key)?, value);
                }
            }
            None => {
                for pair in source.items()? {
                    let pair = pair.iterate()?;
                    let [key, value] = pair.as_slice() else {
                        return fail(format!(
                            "dictionary update sequence element has length {}; 2 is required",
                            pair.len()
                        ));
                    };
                    entries.insert(Key::new(key.clone())?, value.clone());
                }
            }
        },
        other => {
            return fail(format!(
                "dict expected at most 1 argument, got {}",
                other.len()
            ));
        }
    }
    for (name, value) in given.named {
        entries.insert(Key::text(&name), value);
    }
    Ok(Value::from_entries(entries))
}

fn undef(given: Given) -> Result<Value> {
    let given = given.bind("undef", &["hint"])?;
    let message = match given.some("hint") {
        Some(hint) => python::text(hint)?,
        None => "Mandatory variable has not been overridden".to_owned(),
    };
    Ok(Value::Marker(std::rc::Rc::new(Error::undefined(
        "", message,
    ))))
}
