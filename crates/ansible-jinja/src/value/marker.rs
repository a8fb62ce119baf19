//! Failures as values: what is undefined or failed becomes a value, which fails when it is used.

use std::rc::Rc;

use crate::value::Value;
use crate::value::error::Result;

/// A failure becomes a value that fails when it is used, unless nothing may hide it.
pub fn caught(result: Result<Value>) -> Result<Value> {
    match result {
        Err(error) if !error.is_fatal() => Ok(Value::Marker(Rc::new(error))),
        result => result,
    }
}
