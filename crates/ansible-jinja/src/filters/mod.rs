//! Jinja2's and Ansible's filters, one file per family.

mod data;
mod durations;
mod encoding;
mod hashing;
pub mod ip;
mod jinja;
mod json_query;
mod keys;
mod lists;
mod numbers;
pub mod order;
mod paths;
mod random;
mod regex;
mod sets;
pub mod text;
mod types;
pub mod urls;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::error::Advice;
use crate::python::operators;
use crate::suggest;
use crate::value::arguments::{Arguments, Given};
use crate::value::error::{Error, Result, fail};
use crate::value::markup::Mark;
use crate::value::object;
use crate::value::settings;
use crate::value::settings::Settings;
use crate::value::{Value, caught, limits, markup};

/// A filter's name, the names of its parameters behind the value, and what it does.
pub type Filter = (
    &'static str,
    &'static [&'static str],
    fn(&Value, &Arguments) -> Result<Value>,
);

/// Where a filter comes from, which decides under which full name it can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Jinja,
    Ansible,
    Utils,
    /// Also without its full name, by a redirect of Ansible's.
    Redirected(&'static str),
    Community,
}

static ENTRIES: LazyLock<BTreeMap<String, &'static Filter>> = LazyLock::new(|| {
    let mut entries = BTreeMap::new();
    for (families, origin) in [
        (
            &[
                jinja::FILTERS,
                order::JINJA,
                text::JINJA,
                encoding::JINJA,
                urls::JINJA,
            ][..],
            Origin::Jinja,
        ),
        (
            &[
                types::FILTERS,
                data::FILTERS,
                sets::FILTERS,
                encoding::FILTERS,
                hashing::FILTERS,
                numbers::FILTERS,
                order::FILTERS,
                paths::FILTERS,
                random::FILTERS,
                regex::FILTERS,
                text::FILTERS,
                urls::FILTERS,
            ],
            Origin::Ansible,
        ),
        (&[keys::UTILS, lists::UTILS], Origin::Utils),
        (ip::FILTERS, Origin::Utils),
        (
            &[json_query::FILTERS, random::COMMUNITY],
            Origin::Redirected("community.general"),
        ),
        (
            &[
                data::COMMUNITY,
                durations::COMMUNITY,
                hashing::COMMUNITY,
                keys::COMMUNITY,
                lists::COMMUNITY,
                text::COMMUNITY,
            ],
            Origin::Community,
        ),
    ] {
        for filter in families.iter().flat_map(|family| family.iter()) {
            let (name, ..) = filter;
            let names = match origin {
                Origin::Jinja => vec![(*name).to_owned(), format!("ansible.builtin.{name}")],
                Origin::Ansible => vec![
                    (*name).to_owned(),
                    format!("ansible.builtin.{name}"),
                    format!("ansible.legacy.{name}"),
                ],
                Origin::Utils => vec![format!("ansible.utils.{name}")],
                Origin::Redirected(collection) => {
                    vec![
                        (*name).to_owned(),
                        format!("ansible.builtin.{name}"),
                        format!("ansible.legacy.{name}"),
                        format!("{collection}.{name}"),
                    ]
                }
                Origin::Community => vec![format!("community.general.{name}")],
            };
            for name in names {
                entries.insert(name, filter);
            }
        }
    }
    entries
});

/// Filters that Ansible has and this library refuses, and why.
const REFUSED: &[(&str, &str)] = &[
    ("expanduser", "reads from the machine that Ansible runs on"),
    ("expandvars", "reads from the machine that Ansible runs on"),
    ("realpath", "reads from the machine that Ansible runs on"),
    ("fileglob", "reads from the machine that Ansible runs on"),
    ("vault", "encrypts differently at each rendering"),
    ("unvault", "needs a password that templates must not hold"),
    (
        "ansible.utils.validate",
        "needs what is installed where Ansible runs",
    ),
];

fn plain(name: &str) -> &str {
    name.strip_prefix("ansible.builtin.")
        .or_else(|| name.strip_prefix("ansible.legacy."))
        .unwrap_or(name)
}

/// The usual settings, which know these filters.
pub fn settings() -> Arc<Settings> {
    static USUAL: LazyLock<Arc<Settings>> = LazyLock::new(|| {
        Arc::new(Settings {
            knows_filter: known,
            ..Settings::default()
        })
    });
    USUAL.clone()
}

/// Whether there is a filter of this name.
pub fn exists(name: &str) -> bool {
    ENTRIES.contains_key(name) || settings::has_filter(name)
}

/// Whether Ansible has a filter of this name; fails where that depends on its collections.
pub fn known(name: &str) -> Result<bool> {
    if exists(name) || REFUSED.iter().any(|(refused, _)| *refused == plain(name)) {
        return Ok(true);
    }
    suggest::in_collection(name)
}

/// The names of all filters, for the one that a misspelt name is near to.
pub fn names() -> impl Iterator<Item = &'static str> {
    ENTRIES.keys().map(String::as_str)
}

/// Why a filter cannot be used.
pub fn unknown(name: &str) -> Error {
    let refused = REFUSED
        .iter()
        .find(|(refused, _)| *refused == plain(name))
        .map(|(_, reason)| (*reason, Advice::UseVariable("the value that it would give")));
    suggest::unusable("filter", name, refused, names())
}

/// Puts a value through a filter. A failure is a value, too, unless nothing may hide it.
pub fn call(name: &str, value: Value, given: Given) -> Result<Value> {
    if settings::has_filter(name) {
        return of_caller(name, value, given);
    }
    let Some((name, parameters, run)) = ENTRIES.get(name) else {
        return Err(unknown(name));
    };
    limits::step(4 + value.weight() + given.weight())?;
    let takes_markers = matches!(
        *name,
        "default" | "d" | "mandatory" | "type_debug" | "ternary"
    );
    let value = value.forced().own()?;
    let given = given.own()?;
    if !takes_markers && !matches!(*name, "extract" | "map") {
        let named = given.named.iter().map(|(_, value)| value);
        let all = std::iter::once(&value)
            .chain(&given.positional)
            .chain(named);
        for value in all {
            object::check(value)?;
        }
    }
    if !takes_markers {
        if value.is_marker() {
            return Ok(value);
        }
        if let Some(marker) = given.marker() {
            return Ok(marker.clone());
        }
    }
    let mark = markup::mark_of(&value);
    match mark {
        Some(Mark::Certain) if matches!(*name, "escape" | "e") => return Ok(value),
        Some(Mark::Possible) if matches!(*name, "escape" | "e") => return Err(markup::refused()),
        _ => {}
    }
    let arguments: Vec<Value> = given.positional.clone();
    let made = given
        .bind(name, parameters)
        .and_then(|arguments| run(&value, &arguments))
        .and_then(Value::own);
    caught(made.map(|made| match *name {
        "escape" | "e" | "forceescape" | "safe" | "tojson" => markup::marked(made, Mark::Certain),
        _ => {
            let from_marked =
                mark.is_some() || arguments.iter().any(|one| markup::mark_of(one).is_some());
            match markup::mark_of(&made) {
                None if from_marked => markup::marked(made, Mark::Possible),
                _ => made,
            }
        }
    }))
}

/// Puts a value through a filter of the caller's own.
fn of_caller(name: &str, value: Value, given: Given) -> Result<Value> {
    let (value, given) = (value.forced().own()?, given.own()?);
    if let Some(marker) = Some(&value)
        .filter(|value| value.is_marker())
        .or(given.marker())
    {
        return Ok(marker.clone());
    }
    caught(settings::filter(name, &value, &given).unwrap_or_else(|| Err(unknown(name))))
}

/// Calls a filter as `map` does, where a failure ends the whole.
fn apply(name: &str, value: Value, given: Given) -> Result<Value> {
    call(name, value, given)
}

/// What Jinja2's `attribute=` finds in an item: a path with points, numbers as indices.
fn attribute_of(item: &Value, path: &Value) -> Result<Value> {
    attribute_or(item, path, None)
}

/// The same with a default, which is what is looked into further wherever a part of the path is missing.
fn attribute_or(item: &Value, path: &Value, default: Option<&Value>) -> Result<Value> {
    let or_default = |found: Value| match default {
        Some(default) if found.is_marker() => default.clone(),
        _ => found,
    };
    match path {
        Value::Text(path) => {
            let mut value = item.clone();
            for part in path.split('.') {
                let index = match part.parse::<i64>() {
                    Ok(index) if part.bytes().all(|byte| byte.is_ascii_digit()) => {
                        Value::Int(index)
                    }
                    _ => Value::text(part),
                };
                value = or_default(operators::item(&value, &index, || path.to_string())?);
            }
            Ok(value)
        }
        Value::None => Ok(item.clone()),
        index => operators::item(item, index, || "an item".to_owned()).map(or_default),
    }
}

/// Texts in small letters, for comparisons that do not mind.
fn folded(value: Value) -> Result<Value> {
    match value {
        Value::Text(text) => {
            limits::text(text.len())?;
            Ok(Value::from(text.to_lowercase()))
        }
        value => Ok(value),
    }
}

/// A list or tuple, as Ansible's own filters want it.
fn sequence(value: &Value, filter: &str) -> Result<Vec<Value>> {
    match value {
        Value::List(_) | Value::Tuple(_) => value.items(),
        other => fail(format!(
            "`{filter}` needs a list, not {}",
            crate::value::print::article(other)
        )),
    }
}
