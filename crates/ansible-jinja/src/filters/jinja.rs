//! Jinja2's own filters on lists and single values.

use std::rc::Rc;

use crate::filters::{Filter, apply, attribute_of, attribute_or};
use crate::predicates;
use crate::python::{methods, operators};
use crate::value::arguments::{Arguments, Given};
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, limits, number, print};

pub const FILTERS: &[Filter] = &[
    ("abs", &[], abs),
    ("attr", &["name"], attr),
    ("batch", &["linecount", "fill_with"], batch),
    ("count", &[], length),
    ("d", &["default_value", "boolean"], default),
    ("default", &["default_value", "boolean"], default),
    ("first", &[], first),
    ("float", &["default"], float),
    ("int", &["default", "base"], int),
    ("items", &[], items),
    ("join", &["d", "attribute"], join),
    ("last", &[], last),
    ("length", &[], length),
    ("list", &[], list),
    ("map", &["*", "**"], map),
    ("reject", &["*", "**"], reject),
    ("rejectattr", &["*", "**"], rejectattr),
    ("reverse", &[], reverse),
    ("round", &["precision", "method"], round),
    ("select", &["*", "**"], select),
    ("selectattr", &["*", "**"], selectattr),
    ("slice", &["slices", "fill_with"], slice),
    ("string", &[], string),
    ("sum", &["attribute", "start"], sum),
];

fn empty(which: &str) -> Value {
    Value::Marker(Rc::new(Error::undefined(
        which,
        format!("No {which} item, sequence was empty."),
    )))
}

fn abs(value: &Value, _: &Arguments) -> Result<Value> {
    match value {
        Value::Float(float) => Ok(Value::Float(float.abs())),
        Value::Delta(delta) => Ok(Value::Delta(delta.abs())),
        number if number.is_number() => Ok(Value::big(
            number::integer(number)
                .unwrap_or_default()
                .magnitude()
                .clone()
                .into(),
        )),
        other => fail(format!(
            "bad operand type for abs(): '{}'",
            other.type_name()
        )),
    }
}

/// Python's attributes of values, which keys of mappings are not.
fn attr(value: &Value, arguments: &Arguments) -> Result<Value> {
    let name = arguments.as_text("name")?.unwrap_or_default();
    match methods::attribute(value, &name) {
        Some(found) => found,
        None => Ok(operators::undefined(value, &name, name.clone())),
    }
}

fn count(arguments: &Arguments, name: &str) -> Result<usize> {
    match arguments.number(name)?.map(usize::try_from) {
        Some(Ok(count)) if count > 0 => Ok(count),
        _ => fail(format!(
            "the argument `{name}` of `{}` must be a number above 0",
            arguments.callee()
        )),
    }
}

fn batch(value: &Value, arguments: &Arguments) -> Result<Value> {
    let size = count(arguments, "linecount")?;
    let mut batches: Vec<Vec<Value>> = value.items()?.chunks(size).map(<[Value]>::to_vec).collect();
    if let (Some(fill), Some(last)) = (arguments.some("fill_with"), batches.last_mut()) {
        limits::items(size)?;
        last.resize(size, fill.clone());
    }
    Ok(Value::list(batches.into_iter().map(Value::list).collect()))
}

fn slice(value: &Value, arguments: &Arguments) -> Result<Value> {
    let slices = count(arguments, "slices")?;
    limits::items(slices)?;
    let items = value.items()?;
    let (size, longer) = (items.len() / slices, items.len() % slices);
    let mut result = Vec::new();
    let mut offset = 0;
    for index in 0..slices {
        let end = offset + size + usize::from(index < longer);
        let mut part = items[offset..end].to_vec();
        if index >= longer
            && let Some(fill) = arguments.some("fill_with")
        {
            part.push(fill.clone());
        }
        offset = end;
        result.push(Value::list(part));
    }
    Ok(Value::list(result))
}

/// Ansible's: only what is undefined is replaced, a failure stays one.
fn default(value: &Value, arguments: &Arguments) -> Result<Value> {
    let replacement = || {
        arguments
            .get("default_value")
            .cloned()
            .unwrap_or_else(|| Value::text(""))
    };
    let boolean = match arguments.get("boolean") {
        None => false,
        Some(Value::Bool(boolean)) => *boolean,
        Some(Value::Marker(error)) => return Err((**error).clone()),
        Some(other) => {
            return fail(format!(
                "The 'boolean' argument must be of type 'bool', not '{}'.",
                other.type_name()
            ));
        }
    };
    match value {
        Value::Marker(error) if error.is_undefined() => Ok(replacement()),
        value if boolean && !value.truth()? => Ok(replacement()),
        value => Ok(value.clone()),
    }
}

fn first(value: &Value, _: &Arguments) -> Result<Value> {
    let found = match value {
        Value::Range(range) => range.get(0),
        Value::Text(text) => text
            .chars()
            .next()
            .map(|character| Value::from(character.to_string())),
        other => other.iterate()?.into_iter().next(),
    };
    found.map_or_else(|| Ok(empty("first")), Value::usable)
}

fn last(value: &Value, _: &Arguments) -> Result<Value> {
    let found = match value {
        Value::Range(range) => range
            .len()
            .checked_sub(1)
            .and_then(|index| range.get(index)),
        Value::Set(_) => return fail("'set' object is not reversible"),
        other => other.iterate()?.pop(),
    };
    found.map_or_else(|| Ok(empty("last")), Value::usable)
}

fn float(value: &Value, arguments: &Arguments) -> Result<Value> {
    let default = || {
        Ok(arguments
            .get("default")
            .cloned()
            .unwrap_or(Value::Float(0.0)))
    };
    match value {
        Value::Text(text) => {
            number::parse_float(text).map_or_else(default, |float| Ok(Value::Float(float)))
        }
        number if number.is_number() => {
            number::float(number).map_or_else(|_| default(), |float| Ok(Value::Float(float)))
        }
        _ => default(),
    }
}

fn int(value: &Value, arguments: &Arguments) -> Result<Value> {
    let default = || arguments.get("default").cloned().unwrap_or(Value::Int(0));
    let base = arguments.number("base")?.unwrap_or(10);
    let base = u32::try_from(base)
        .ok()
        .filter(|base| *base == 0 || (2..=36).contains(base));
    Ok(match value {
        Value::Text(text) => {
            let Some(base) = base else {
                return Ok(number::parse_float(text)
                    .and_then(number::truncated)
                    .unwrap_or_else(default));
            };
            match number::parse_integer(text, base) {
                Some(whole) => Value::big(whole),
                None => number::parse_float(text)
                    .and_then(number::truncated)
                    .unwrap_or_else(default),
            }
        }
        Value::Float(float) if float.is_infinite() => {
            return fail("cannot convert float infinity to integer");
        }
        Value::Float(float) => number::truncated(*float).unwrap_or_else(default),
        number if number.is_number() => Value::big(number::integer(number).unwrap_or_default()),
        _ => default(),
    })
}

fn items(value: &Value, _: &Arguments) -> Result<Value> {
    value.check_values()?;
    match value.pairs() {
        Some(pairs) => Ok(Value::list(
            pairs
                .into_iter()
                .map(|(key, value)| Value::tuple(vec![key, value]))
                .collect(),
        )),
        None => fail("Can only get item pairs from a mapping."),
    }
}

fn join(value: &Value, arguments: &Arguments) -> Result<Value> {
    let between = arguments.as_text("d")?.unwrap_or_default();
    let path = arguments.some("attribute");
    let mut text = String::new();
    for (index, item) in value.items()?.into_iter().enumerate() {
        let item = match path {
            Some(path) => attribute_of(&item, path)?.usable()?,
            None => item,
        };
        if index > 0 {
            text.push_str(&between);
        }
        text.push_str(&print::text(&item)?);
        limits::text(between.len())?;
    }
    limits::text(text.len())?;
    Ok(Value::from(text))
}

fn length(value: &Value, _: &Arguments) -> Result<Value> {
    value.len().map(Value::from)
}

fn list(value: &Value, _: &Arguments) -> Result<Value> {
    match value {
        Value::Dict(_) | Value::Set(_) => value.iterate().map(Value::list),
        other => other.items().map(Value::list),
    }
}

/// What `map` makes of an item: an attribute of it, or what a filter gives.
fn map(value: &Value, arguments: &Arguments) -> Result<Value> {
    if !value.truth()? {
        return Ok(Value::list(Vec::new()));
    }
    let mut named: Vec<(String, Value)> = arguments
        .iter()
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    let mut positional = arguments.rest.iter().cloned();
    let attribute = named
        .iter()
        .position(|(name, _)| name == "attribute")
        .map(|index| named.remove(index).1);
    if let Some(path) = attribute.filter(|_| arguments.rest.is_empty()) {
        let default = named
            .iter()
            .position(|(name, _)| name == "default")
            .map(|index| named.remove(index).1);
        if let Some((name, _)) = named.first() {
            return fail(format!("Unexpected keyword argument '{name}'"));
        }
        // None as a default is no default.
        let default = default.filter(|default| !default.is_none());
        let items = value.iterate()?;
        let found = items
            .iter()
            .map(|item| attribute_or(item, &path, default.as_ref()));
        return found.collect::<Result<Vec<_>>>().map(Value::list);
    }
    let Some(name) = positional.next() else {
        return fail("map requires a filter argument");
    };
    let Value::Text(name) = name else {
        return fail("`map` needs the name of a filter");
    };
    let given = Given {
        positional: positional.collect(),
        named,
    };
    let items = value.iterate()?;
    items
        .into_iter()
        .map(|item| apply(&name, item, given.clone()))
        .collect::<Result<Vec<_>>>()
        .map(Value::list)
}

/// Keeps the items for which a test, or truth itself, is as wanted.
fn chosen(value: &Value, arguments: &Arguments, by_attribute: bool, wanted: bool) -> Result<Value> {
    // Jinja looks no further at what is false, whatever it is.
    if !value.truth()? {
        return Ok(Value::list(Vec::new()));
    }
    let mut positional = arguments.rest.iter().cloned();
    let path = if by_attribute {
        match positional.next() {
            Some(path) => Some(path),
            None => return fail("Missing parameter for attribute name"),
        }
    } else {
        None
    };
    let test = positional.next();
    let given = Given {
        positional: positional.collect(),
        named: arguments
            .iter()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect(),
    };
    let mut kept = Vec::new();
    for item in value.iterate()? {
        let subject = match &path {
            Some(path) => attribute_of(&item, path)?,
            None => item.clone(),
        };
        let result = match &test {
            None => subject.truth()?,
            Some(Value::Text(name)) => predicates::call(name, subject, given.clone())?.truth()?,
            Some(_) => return fail(format!("`{}` needs the name of a test", arguments.callee())),
        };
        if result == wanted {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn select(value: &Value, arguments: &Arguments) -> Result<Value> {
    chosen(value, arguments, false, true)
}

fn reject(value: &Value, arguments: &Arguments) -> Result<Value> {
    chosen(value, arguments, false, false)
}

fn selectattr(value: &Value, arguments: &Arguments) -> Result<Value> {
    chosen(value, arguments, true, true)
}

fn rejectattr(value: &Value, arguments: &Arguments) -> Result<Value> {
    chosen(value, arguments, true, false)
}

fn reverse(value: &Value, _: &Arguments) -> Result<Value> {
    if let Value::Text(text) = value {
        return Ok(Value::from(text.chars().rev().collect::<String>()));
    }
    let mut items = value
        .items()
        .map_err(|_| Error::failed("argument must be iterable"))?;
    items.reverse();
    Ok(Value::list(items))
}

/// Python's `round` rounds halves to even; `ceil` and `floor` go through a power of ten.
fn round(value: &Value, arguments: &Arguments) -> Result<Value> {
    let precision = arguments.number_or("precision", 0)?;
    let method = arguments.text_or("method", "common")?;
    if !["common", "ceil", "floor"].contains(&method) {
        return fail("method must be common, ceil or floor");
    }
    if !value.is_number() {
        return fail(format!(
            "type {} doesn't define __round__ method",
            value.type_name()
        ));
    }
    if method != "common" {
        let factor = 10f64.powi(i32::try_from(precision).unwrap_or(0));
        let scaled = number::float(value)? * factor;
        let rounded = if method == "ceil" {
            scaled.ceil()
        } else {
            scaled.floor()
        };
        if !rounded.is_finite() {
            return fail(format!(
                "cannot convert float {} to integer",
                print::float_text(rounded)
            ));
        }
        return Ok(Value::Float(rounded / factor));
    }
    match value {
        Value::Float(float) => Ok(Value::Float(rounded(*float, precision))),
        whole if precision >= 0 => Ok(Value::big(number::integer(whole).unwrap_or_default())),
        whole => {
            let unit =
                num_bigint::BigInt::from(10).pow(u32::try_from(-precision).unwrap_or(0).min(1000));
            let whole = number::integer(whole).unwrap_or_default();
            let (quotient, rest) = num_integer::Integer::div_mod_floor(&whole, &unit);
            let twice: num_bigint::BigInt = rest * 2;
            let up = twice > unit || twice == unit && num_integer::Integer::is_odd(&quotient);
            Ok(Value::big(
                (quotient + num_bigint::BigInt::from(u8::from(up))) * unit,
            ))
        }
    }
}

/// A float to so many decimals, rounded by its exact value.
pub fn rounded(float: f64, precision: i64) -> f64 {
    if !float.is_finite() || precision > 300 {
        return float;
    }
    if precision >= 0 {
        let decimals = usize::try_from(precision).unwrap_or(0);
        return format!("{float:.decimals$}").parse().unwrap_or(float);
    }
    let unit = 10f64.powi(i32::try_from(-precision).unwrap_or(300).min(308));
    (float / unit).round_ties_even() * unit
}

fn string(value: &Value, _: &Arguments) -> Result<Value> {
    match value {
        // The very text, which may have come out of a vault.
        Value::Text(_) => Ok(value.clone()),
        other => print::text(other).map(Value::from),
    }
}

fn sum(value: &Value, arguments: &Arguments) -> Result<Value> {
    let mut total = arguments.get("start").cloned().unwrap_or(Value::Int(0));
    if let Value::Text(_) = total {
        return fail("sum() can't sum strings [use ''.join(seq) instead]");
    }
    let path = arguments.some("attribute");
    for item in value.items()? {
        let item = match path {
            Some(path) => attribute_of(&item, path)?.usable()?,
            None => item,
        };
        total = operators::binary("+", &total, &item)?;
    }
    Ok(total)
}
