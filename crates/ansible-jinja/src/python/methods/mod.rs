//! Methods and attributes of Python's own types.

mod collections;
mod numbers;
pub mod text;

use std::rc::Rc;

use crate::python::time;
use crate::value::arguments::Given;
use crate::value::error::{Error, Result};
use crate::value::function::Function;
use crate::value::{Value, limits};

/// Whether a value has a method of this name.
pub fn exists(value: &Value, name: &str) -> bool {
    match value {
        Value::Text(_) => text::METHODS.contains(&name),
        Value::Bytes(_) => text::OF_BYTES.contains(&name),
        Value::List(_) => collections::OF_LISTS.contains(&name),
        Value::Tuple(_) => collections::OF_TUPLES.contains(&name),
        Value::Dict(_) => collections::OF_DICTS.contains(&name),
        Value::Set(_) => collections::OF_SETS.contains(&name),
        Value::Range(_) => collections::OF_TUPLES.contains(&name),
        Value::Bool(_) | Value::Int(_) | Value::Big(_) => numbers::OF_WHOLE.contains(&name),
        Value::Float(_) => numbers::OF_FLOATS.contains(&name),
        Value::Date(_, _) | Value::Time(_) | Value::Delta(_) => {
            time::methods(value).contains(&name)
        }
        Value::Object(object) => object.methods().contains(&name),
        _ => false,
    }
}

/// Calls a method that exists.
pub fn call(value: &Value, name: &str, given: Given) -> Result<Value> {
    limits::step(1 + value.weight() + given.weight())?;
    let made = match value {
        Value::Text(text) => text::call(text, name, given),
        Value::Bytes(bytes) => text::call_of_bytes(bytes, name, given),
        Value::Date(_, _) | Value::Time(_) | Value::Delta(_) => time::call(value, name, given),
        Value::Object(object) => object.call_method(name, given),
        number if number.is_number() => numbers::call(value, name, given),
        _ => collections::call(value, name, given),
    }?;
    if let Value::Bytes(bytes) = &made {
        limits::text(bytes.len())?;
    }
    Ok(made)
}

/// An attribute or a bound method, if there is one of this name.
pub fn attribute(value: &Value, name: &str) -> Option<Result<Value>> {
    if exists(value, name) {
        let (of, method) = (value.clone(), name.to_owned());
        return Some(Ok(Function::value(name, move |given| {
            call(&of, &method, given)
        })));
    }
    let found = match value {
        Value::Object(object) => object.attribute(name),
        Value::Date(_, _) | Value::Time(_) | Value::Delta(_) => {
            time::attribute(value, name).map(Ok)
        }
        number if number.is_number() => numbers::attribute(value, name).map(Ok),
        Value::Range(range) => match name {
            "start" => Some(Ok(Value::Int(range.start))),
            "stop" => Some(Ok(Value::Int(range.stop))),
            "step" => Some(Ok(Value::Int(range.step))),
            _ => None,
        },
        _ => None,
    };
    if found.is_none()
        && name.starts_with("__")
        && name.ends_with("__")
        && !matches!(value, Value::Marker(_))
    {
        // What is found by these names, Ansible's sandbox does not show.
        let is_key = value.member(name).is_some();
        if !is_key {
            let error = Error::undefined(
                name,
                format!(
                    "access to attribute '{name}' of '{}' object is unsafe",
                    value.type_name()
                ),
            );
            return Some(Ok(Value::Marker(Rc::new(error))));
        }
    }
    found
}
