//! Ansible's filters on single values.

use std::rc::Rc;

use crate::filters::Filter;
use crate::python::time;
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, print};

pub const FILTERS: &[Filter] = &[
    ("bool", &[], bool_),
    ("ternary", &["true_val", "false_val", "none_val"], ternary),
    ("mandatory", &["msg"], mandatory),
    ("type_debug", &[], type_debug),
    ("to_datetime", &["format"], to_datetime),
    ("strftime", &["second", "utc"], strftime),
];

fn bool_(value: &Value, _: &Arguments) -> Result<Value> {
    Ok(match value {
        Value::Bool(_) => value.clone(),
        Value::None => Value::Bool(false),
        Value::Text(text) => {
            Value::Bool(["yes", "on", "true", "1"].contains(&text.to_lowercase().as_str()))
        }
        number if number.is_number() => Value::Bool(number.equals(&Value::Int(1))?),
        // Ansible makes false of anything else, with a warning that shows it.
        other => {
            print::text(other)?;
            Value::Bool(false)
        }
    })
}

/// The branch that is not chosen may be undefined.
fn ternary(value: &Value, arguments: &Arguments) -> Result<Value> {
    value.check()?;
    let (yes, no) = (
        arguments.needed("true_val")?,
        arguments.needed("false_val")?,
    );
    if value.is_none()
        && let Some(none) = arguments.some("none_val")
    {
        return Ok(none.clone());
    }
    Ok(if value.truth()? {
        yes.clone()
    } else {
        no.clone()
    })
}

fn mandatory(value: &Value, arguments: &Arguments) -> Result<Value> {
    match value {
        Value::Marker(error) if error.is_undefined() => {
            let message = match arguments.some("msg") {
                Some(message) => print::text(message)?,
                None => format!("a mandatory value is missing: {}", error.message()),
            };
            let error = Error::undefined("", message);
            Ok(Value::Marker(Rc::new(error)))
        }
        value => Ok(value.clone()),
    }
}

fn type_debug(value: &Value, _: &Arguments) -> Result<Value> {
    Ok(Value::text(value.type_name()))
}

fn to_datetime(value: &Value, arguments: &Arguments) -> Result<Value> {
    let Value::Text(text) = value else {
        return fail(format!(
            "`to_datetime` needs a text, not {}",
            print::article(value)
        ));
    };
    let format = arguments.text("format")?.unwrap_or("%Y-%m-%d %H:%M:%S");
    time::strptime(text, format)
}

/// The value is the format.
fn strftime(value: &Value, arguments: &Arguments) -> Result<Value> {
    let Value::Text(format) = value else {
        return fail(format!(
            "`strftime` needs a format, not {}",
            print::article(value)
        ));
    };
    let seconds = match arguments.some("second") {
        None => {
            return Err(Error::unsupported(
                "`strftime` without seconds gives another time at each rendering",
                "Give it the seconds since 1970.",
            ));
        }
        Some(Value::Text(text)) => crate::value::number::parse_float(text),
        Some(number) if number.is_number() => crate::value::number::float(number).ok(),
        Some(_) => None,
    };
    let Some(seconds) = seconds else {
        return fail("`strftime` needs the seconds since 1970 as a number");
    };
    time::of_epoch(seconds, format, arguments.flag("utc")?).map(Value::from)
}
