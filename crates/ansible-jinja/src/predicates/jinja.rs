//! Jinja2's own tests.

use crate::predicates::Test;
use crate::python::{methods, operators};
use crate::value::arguments::{Arguments, Given};
use crate::value::error::{Error, Result};
use crate::value::markup::Mark;
use crate::value::settings;
use crate::value::{Key, Value, limits, markup, print};

pub const TESTS: &[Test] = &[
    ("boolean", &[], |value, _| {
        Ok(matches!(value, Value::Bool(_)))
    }),
    ("callable", &[], |value, _| {
        Ok(matches!(value, Value::Object(object) if object.is_callable()))
    }),
    ("defined", &[], |value, _| {
        Ok(!matches!(value, Value::Marker(_) | Value::Nothing))
    }),
    ("divisibleby", &["num"], |value, given| {
        leaves(value, given.needed("num")?, 0)
    }),
    ("eq", &["other"], |value, given| compare("==", value, given)),
    ("equalto", &["other"], |value, given| {
        compare("==", value, given)
    }),
    ("==", &["other"], |value, given| compare("==", value, given)),
    ("escaped", &[], |value, _| match markup::mark_of(value) {
        Some(Mark::Possible) => Err(markup::refused()),
        mark => Ok(mark.is_some()),
    }),
    ("even", &[], |value, _| leaves(value, &Value::Int(2), 0)),
    ("false", &[], |value, _| {
        Ok(matches!(value, Value::Bool(false)))
    }),
    ("filter", &[], |value, _| {
        named(value, settings::knows_filter)
    }),
    ("float", &[], |value, _| {
        Ok(matches!(value, Value::Float(_)))
    }),
    ("ge", &["other"], |value, given| compare(">=", value, given)),
    (">=", &["other"], |value, given| compare(">=", value, given)),
    ("gt", &["other"], |value, given| compare(">", value, given)),
    ("greaterthan", &["other"], |value, given| {
        compare(">", value, given)
    }),
    (">", &["other"], |value, given| compare(">", value, given)),
    ("in", &["seq"], |value, given| {
        holds(given.needed("seq")?, value)
    }),
    ("integer", &[], |value, _| {
        Ok(matches!(value, Value::Int(_) | Value::Big(_)))
    }),
    ("iterable", &[], |value, _| {
        Ok(match value {
            Value::Object(object) => object.iterate().is_some(),
            Value::Text(_)
            | Value::Bytes(_)
            | Value::List(_)
            | Value::Tuple(_)
            | Value::Dict(_)
            | Value::Set(_)
            | Value::Range(_)
            | Value::Nothing => true,
            _ => false,
        })
    }),
    ("le", &["other"], |value, given| compare("<=", value, given)),
    ("<=", &["other"], |value, given| compare("<=", value, given)),
    ("lower", &[], |value, _| is_case(value, "islower")),
    ("lt", &["other"], |value, given| compare("<", value, given)),
    ("lessthan", &["other"], |value, given| {
        compare("<", value, given)
    }),
    ("<", &["other"], |value, given| compare("<", value, given)),
    ("mapping", &[], |value, _| {
        Ok(matches!(value, Value::Dict(_)))
    }),
    ("ne", &["other"], |value, given| compare("!=", value, given)),
    ("!=", &["other"], |value, given| compare("!=", value, given)),
    ("none", &[], |value, _| Ok(value.is_none())),
    ("number", &[], |value, _| Ok(value.is_number())),
    ("odd", &[], |value, _| leaves(value, &Value::Int(2), 1)),
    ("sameas", &["other"], same_as),
    ("sequence", &[], |value, _| {
        Ok(match value {
            Value::Text(_)
            | Value::Bytes(_)
            | Value::List(_)
            | Value::Tuple(_)
            | Value::Dict(_)
            | Value::Range(_) => true,
            Value::Object(object) => object.len().is_some() && object.iterate().is_some(),
            _ => false,
        })
    }),
    ("string", &[], |value, _| {
        Ok(matches!(value, Value::Text(_)))
    }),
    ("test", &[], |value, _| {
        named(value, crate::predicates::known)
    }),
    ("true", &[], |value, _| {
        Ok(matches!(value, Value::Bool(true)))
    }),
    ("undefined", &[], |value, _| {
        Ok(matches!(value, Value::Marker(_) | Value::Nothing))
    }),
    ("upper", &[], |value, _| is_case(value, "isupper")),
];

fn compare(operator: &str, value: &Value, given: &Arguments) -> Result<bool> {
    let other = given.needed("other")?;
    match operator {
        "==" => equal(value, other),
        "!=" => equal(value, other).map(|equal| !equal),
        _ => operators::compare(operator, value, other),
    }
}

/// Python's `==` within a plugin of Ansible: every list and mapping that is compared must be defined throughout.
pub fn equal(value: &Value, other: &Value) -> Result<bool> {
    limits::step(1)?;
    for side in [value, other] {
        match side {
            Value::List(_) => side.items().map(|_| ())?,
            Value::Dict(_) => side
                .pairs()
                .unwrap_or_default()
                .iter()
                .try_for_each(|(_, item)| item.check())?,
            _ => {}
        }
    }
    let same = |one: &Value, two: &Value| {
        Ok::<_, Error>(one.is_same(two) || limits::deeper(|| equal(one, two))?)
    };
    match (value, other) {
        (Value::List(_), Value::List(_)) | (Value::Tuple(_), Value::Tuple(_)) => {
            let (ours, theirs) = (value.iterate()?, other.iterate()?);
            if ours.len() != theirs.len() {
                return Ok(false);
            }
            for (one, two) in ours.iter().zip(&theirs) {
                if !same(one, two)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Dict(ours), Value::Dict(theirs)) => {
            if ours.entries.borrow().len() != theirs.entries.borrow().len() {
                return Ok(false);
            }
            for (key, one) in value.pairs().unwrap_or_default() {
                match theirs.get(&Key::new(key)?) {
                    Some(two) if same(&one, &two)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        _ => value.equals(other),
    }
}

/// Python's `in` within a plugin of Ansible.
pub fn holds(sequence: &Value, wanted: &Value) -> Result<bool> {
    let items = match sequence {
        Value::List(_) => sequence.items()?,
        Value::Tuple(_) => sequence.iterate()?,
        other => return other.contains(wanted),
    };
    for item in items {
        item.check()?;
        if item.is_same(wanted) || equal(&item, wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_case(value: &Value, method: &str) -> Result<bool> {
    let text = Value::from(print::text(value)?);
    methods::call(&text, method, Given::default())?.truth()
}

/// Whether two values are one object. Ansible makes a copy of some and keeps others, so that this can be said only of
/// what differs anyway, and of what exists once.
fn same_as(value: &Value, given: &Arguments) -> Result<bool> {
    let other = given.needed("other")?;
    let unknown = match (value, other) {
        (Value::None, Value::None)
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Omit, Value::Omit) => false,
        (Value::Object(_), Value::Object(_)) => !value.is_same(other),
        (Value::List(list), _) if list.given && value.is_same(other) => false,
        (Value::Float(one), Value::Float(two)) => one == two || one.is_nan() && two.is_nan(),
        _ => value.type_name() == other.type_name() && value.equals(other)?,
    };
    if unknown {
        return Err(Error::unsupported(
            "`sameas` of such values says something about Python's memory only",
            "Use `==`.",
        ));
    }
    Ok(value.is_same(other))
}

/// Python's `%`, which formats a text.
fn leaves(value: &Value, by: &Value, rest: i64) -> Result<bool> {
    operators::binary("%", value, by)?.equals(&Value::Int(rest))
}

/// Whether something of this name exists. Of what is no text, Ansible says so, too.
fn named(value: &Value, known: fn(&str) -> Result<bool>) -> Result<bool> {
    match value {
        Value::Text(name) => known(name),
        other => Key::new(other.clone()).map(|_| true),
    }
}
