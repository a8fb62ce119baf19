//! Jinja2's own filters that minijinja reads in another way, and Ansible's small ones on single values.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};

use super::arguments::Arguments;
use super::{Filter, fail};
use crate::ansible::python;

pub const FILTERS: &[Filter] = &[
    ("default", &["default_value", "boolean"], default),
    ("d", &["default_value", "boolean"], default),
    ("string", &[], string),
    ("int", &["default", "base"], int),
    ("float", &["default"], float),
    ("bool", &[], bool_),
    ("ternary", &["true_val", "false_val", "none_val"], ternary),
    ("mandatory", &["msg"], mandatory),
    ("type_debug", &[], type_debug),
];

fn default(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    if value.is_undefined() || (arguments.flag("boolean") && !python::truth(value)) {
        return Ok(arguments
            .get("default_value")
            .cloned()
            .unwrap_or_else(|| Value::from("")));
    }
    Ok(value.clone())
}

fn string(value: &Value, _: &Arguments) -> Result<Value, Error> {
    python::text(value).map(Value::from)
}

fn int(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let default = || {
        arguments
            .get("default")
            .cloned()
            .unwrap_or_else(|| Value::from(0))
    };
    let base = u32::try_from(arguments.number("base")?.unwrap_or(10))
        .ok()
        .filter(|base| (2..=36).contains(base));
    match value.kind() {
        ValueKind::Undefined => Err(python::undefined(value)),
        ValueKind::Bool => Ok(Value::from(i64::from(value.is_true()))),
        ValueKind::Number if value.is_integer() => Ok(value.clone()),
        ValueKind::Number => Ok(truncated(f64::try_from(value.clone())?).unwrap_or_else(default)),
        ValueKind::String => {
            let text = value.to_string();
            let digits = text.trim().replace('_', "");
            let base = base.ok_or_else(|| fail("the base of `int` must be between 2 and 36"))?;
            let prefix = match base {
                2 => "0b",
                8 => "0o",
                16 => "0x",
                _ => "",
            };
            let (sign, magnitude) = match digits.strip_prefix('-') {
                Some(rest) => (-1, rest),
                None => (1, digits.strip_prefix('+').unwrap_or(&digits)),
            };
            let lower = magnitude.to_ascii_lowercase();
            let magnitude = lower.strip_prefix(prefix).unwrap_or(&lower);
            if let Ok(number) = i128::from_str_radix(magnitude, base)
                && !magnitude.starts_with(['+', '-'])
            {
                return Ok(whole(sign * number));
            }
            Ok(digits
                .parse::<f64>()
                .ok()
                .and_then(truncated)
                .unwrap_or_else(default))
        }
        _ => Ok(default()),
    }
}

fn whole(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| Value::from(number), Value::from)
}

fn truncated(number: f64) -> Option<Value> {
    (number.is_finite() && number.abs() < 1e38).then(|| whole(number.trunc() as i128))
}

fn float(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let default = || {
        arguments
            .get("default")
            .cloned()
            .unwrap_or_else(|| Value::from(0.0))
    };
    match value.kind() {
        ValueKind::Undefined => Err(python::undefined(value)),
        ValueKind::Bool => Ok(Value::from(if value.is_true() { 1.0 } else { 0.0 })),
        ValueKind::Number => Ok(Value::from(f64::try_from(value.clone())?)),
        ValueKind::String => Ok(value
            .to_string()
            .trim()
            .replace('_', "")
            .parse::<f64>()
            .map_or_else(|_| default(), Value::from)),
        _ => Ok(default()),
    }
}

fn bool_(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let known = |text: &str| match text.to_lowercase().as_str() {
        "yes" | "on" | "true" | "1" => Some(true),
        "no" | "off" | "false" | "0" => Some(false),
        _ => None,
    };
    match value.kind() {
        ValueKind::Undefined => Err(python::undefined(value)),
        ValueKind::Bool => Ok(value.clone()),
        // Ansible still makes false of anything else, with a warning.
        ValueKind::String => Ok(Value::from(known(&value.to_string()).unwrap_or(false))),
        ValueKind::Number if value.is_integer() => {
            Ok(Value::from(known(&value.to_string()).unwrap_or(false)))
        }
        ValueKind::Number => Ok(Value::from(f64::try_from(value.clone())? == 1.0)),
        _ => Ok(Value::from(false)),
    }
}

fn ternary(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(python::undefined(value));
    }
    if value.is_none()
        && let Some(none) = arguments.get("none_val").filter(|none| !none.is_none())
    {
        return Ok(none.clone());
    }
    let wanted = if python::truth(value) {
        "true_val"
    } else {
        "false_val"
    };
    arguments.needed("true_val")?;
    arguments.needed("false_val")?;
    arguments.needed(wanted).cloned()
}

fn mandatory(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    if value.is_undefined() {
        let message = arguments
            .text("msg")?
            .unwrap_or_else(|| "a mandatory variable is not defined".to_owned());
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    }
    Ok(value.clone())
}

fn type_debug(value: &Value, _: &Arguments) -> Result<Value, Error> {
    Ok(Value::from(match value.kind() {
        ValueKind::Undefined => "UndefinedMarker",
        ValueKind::None => "NoneType",
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Map => "dict",
        ValueKind::Seq | ValueKind::Iterable => "list",
        _ => return Err(fail("this value has no type that Python knows")),
    }))
}
