//! Values with a behaviour of their own: functions, macros, `loop`, namespaces, bound methods.

use crate::value::Value;
use crate::value::arguments::Given;
use crate::value::error::{Error, Result, fail};

/// What a value with a behaviour of its own can be asked for.
pub trait Object {
    /// The name of its type in Python.
    fn type_name(&self) -> &'static str;

    /// Python's `str()`.
    fn text(&self) -> Result<String> {
        Ok(format!("<{}>", self.type_name()))
    }

    /// An attribute, if there is one of this name.
    fn attribute(&self, _name: &str) -> Option<Result<Value>> {
        None
    }

    /// The names of its methods.
    fn methods(&self) -> &'static [&'static str] {
        &[]
    }

    /// Calls one of its methods.
    fn call_method(&self, name: &str, _given: Given) -> Result<Value> {
        fail(format!(
            "'{}' object has no method `{name}`",
            self.type_name()
        ))
    }

    /// Sets an attribute, as `{% set object.name = … %}` does.
    fn set_attribute(&self, _name: &str, _value: Value) -> Result<()> {
        fail("cannot assign attribute on non-namespace object")
    }

    /// Drops the values of its attributes that can be set.
    fn empty(&self) {}

    /// An item, if it has items.
    fn item(&self, _index: &Value) -> Option<Result<Value>> {
        None
    }

    /// Calls it.
    fn call(&self, _given: Given) -> Result<Value> {
        fail(format!("'{}' object is not callable", self.type_name()))
    }

    /// Whether it can be called.
    fn is_callable(&self) -> bool {
        false
    }

    /// Whether undefined arguments are passed to it instead of being its result.
    fn takes_markers(&self) -> bool {
        false
    }

    /// The items, if it can be walked through.
    fn iterate(&self) -> Option<Result<Vec<Value>>> {
        None
    }

    /// Whether an item is among its items, if that can be told without walking through them.
    fn contains(&self, _item: &Value) -> Option<Result<bool>> {
        None
    }

    /// Why it can only be asked for its parts, if so.
    fn not_as_a_whole(&self) -> Option<Error> {
        None
    }

    /// The number of its items, if it has one.
    fn len(&self) -> Option<usize> {
        None
    }
}

/// Fails for what can only be asked for its parts.
pub fn check(value: &Value) -> Result<()> {
    match value {
        Value::Object(object) => object.not_as_a_whole().map_or(Ok(()), Err),
        _ => Ok(()),
    }
}
