//! Filters that compare items with one another, as Python does: numbers with numbers, texts with texts.

use std::cmp::Ordering;

use minijinja::Error;
use minijinja::value::{Value, ValueKind};

use super::arguments::Arguments;
use super::{Filter, fail};
use crate::ansible::python;

pub const FILTERS: &[Filter] = &[
    ("sort", &["reverse", "case_sensitive", "attribute"], sort),
    ("min", &["case_sensitive", "attribute"], min),
    ("max", &["case_sensitive", "attribute"], max),
    ("reverse", &[], reverse),
    ("attr", &["name"], attr),
    ("escape", &[], escape),
    ("e", &[], escape),
    ("pprint", &[], pprint),
];

/// Compares two items, or says that Python cannot.
fn compare(a: &Value, b: &Value) -> Result<Ordering, Error> {
    let number = |value: &Value| matches!(value.kind(), ValueKind::Number | ValueKind::Bool);
    let as_number = |value: &Value| match value.kind() {
        ValueKind::Bool => Value::from(i64::from(value.is_true())),
        _ => value.clone(),
    };
    match (a.kind(), b.kind()) {
        (ValueKind::String, ValueKind::String) => Ok(a.as_str().cmp(&b.as_str())),
        _ if number(a) && number(b) => Ok(as_number(a).cmp(&as_number(b))),
        (ValueKind::Seq, ValueKind::Seq) => {
            let (mut a, mut b) = (a.try_iter()?, b.try_iter()?);
            loop {
                match (a.next(), b.next()) {
                    (None, None) => return Ok(Ordering::Equal),
                    (None, _) => return Ok(Ordering::Less),
                    (_, None) => return Ok(Ordering::Greater),
                    (Some(a), Some(b)) if a == b => {}
                    (Some(a), Some(b)) => return compare(&a, &b),
                }
            }
        }
        (ValueKind::Undefined, _) | (_, ValueKind::Undefined) => Err(python::undefined(a)),
        (a, b) => Err(fail(format!("Python cannot compare a {a} with a {b}"))),
    }
}

/// Items with what they are compared by: themselves or their attributes, texts in small letters.
fn keyed(value: &Value, arguments: &Arguments, filter: &str) -> Result<Vec<(Value, Value)>, Error> {
    if value.is_undefined() {
        return Err(python::undefined(value));
    }
    let sensitive = arguments.flag("case_sensitive");
    let fold = |value: Value| match value.as_str() {
        Some(text) if !sensitive => Value::from(text.to_lowercase()),
        _ => value,
    };
    let attribute = arguments.get("attribute").filter(|name| !name.is_none());
    let attributes: Option<Vec<String>> = attribute
        .map(|name| python::text(name).map(|names| names.split(',').map(str::to_owned).collect()))
        .transpose()?;
    let mut keyed = Vec::new();
    for item in value.try_iter()? {
        let mut keys = Vec::new();
        for path in attributes.iter().flatten() {
            let found = path.split('.').try_fold(item.clone(), |item, part| {
                match part.parse::<usize>() {
                    Ok(index) => item.get_item_by_index(index),
                    Err(_) => item.get_attr(part),
                }
            })?;
            if found.is_undefined() {
                return Err(fail(format!("`{filter}` finds no `{path}` in an item")));
            }
            keys.push(fold(found));
        }
        let key = match keys.len() {
            0 => fold(item.clone()),
            1 => keys.remove(0),
            _ => Value::from(keys),
        };
        keyed.push((key, item));
    }
    Ok(keyed)
}

fn sort(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let mut items = keyed(value, arguments, "sort")?;
    let reverse = arguments.flag("reverse");
    let mut problem = None;
    items.sort_by(|(a, _), (b, _)| {
        let order = compare(a, b).unwrap_or_else(|error| {
            problem.get_or_insert(error);
            Ordering::Equal
        });
        if reverse { order.reverse() } else { order }
    });
    match problem {
        Some(error) => Err(error),
        None => Ok(items.into_iter().map(|(_, item)| item).collect()),
    }
}

/// The first item that none goes before.
fn extreme(
    value: &Value,
    arguments: &Arguments,
    filter: &str,
    before: Ordering,
) -> Result<Value, Error> {
    let mut best: Option<(Value, Value)> = None;
    for (key, item) in keyed(value, arguments, filter)? {
        let better = match &best {
            None => true,
            Some((other, _)) => compare(&key, other)? == before,
        };
        if better {
            best = Some((key, item));
        }
    }
    best.map(|(_, item)| item)
        .ok_or_else(|| fail(format!("`{filter}` finds nothing in an empty list")))
}

fn min(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    extreme(value, arguments, "min", Ordering::Less)
}

fn max(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    extreme(value, arguments, "max", Ordering::Greater)
}

fn reverse(value: &Value, _: &Arguments) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Undefined => Err(python::undefined(value)),
        ValueKind::String => Ok(Value::from(
            value.to_string().chars().rev().collect::<String>(),
        )),
        _ => {
            let mut items: Vec<Value> = value.try_iter()?.collect();
            items.reverse();
            Ok(Value::from(items))
        }
    }
}

/// Python's attributes of values, which keys of mappings are not.
fn attr(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let name = arguments.needed("name")?;
    Err(fail(format!(
        "`attr` finds no keys: a {} has no attribute {name}; write `['…']`",
        value.kind()
    )))
}

/// MarkupSafe's words for the five characters.
fn escape(value: &Value, _: &Arguments) -> Result<Value, Error> {
    if value.is_safe() {
        return Ok(value.clone());
    }
    let text = python::text(value)?
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&#39;")
        .replace('"', "&#34;");
    Ok(Value::from_safe_string(text))
}

/// What fits into one line; Python breaks longer ones up in ways of its own.
fn pprint(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let list = python::text(&Value::from(vec![value.clone()]))?;
    let text = &list[1..list.len() - 1];
    // Dictionaries print sorted there.
    if text.chars().count() > 80
        || (value.kind() != ValueKind::String && text.matches(':').count() > 1)
    {
        return Err(fail("`pprint` is supported for short values only"));
    }
    Ok(Value::from(text))
}
