//! Gives values free that counting their owners alone would not free well: those that hold themselves, as lists and
//! macros can, and those that are nested deeper than the stack is.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use crate::value::error::Result;
use crate::value::object::Object;
use crate::value::{Dict, List, Value, limits};

/// Values within one another that are dropped on the stack.
const DEEP: usize = 64;

thread_local! {
    static HOLDERS: RefCell<Vec<Holder>> = const { RefCell::new(Vec::new()) };
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static LATER: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

/// Names that stand for values, which may hold the names in turn.
pub trait Emptied {
    /// Drops the values.
    fn empty(&self);
}

/// What may hold itself.
pub enum Holder {
    List(Weak<List>),
    Dict(Weak<Dict>),
    Object(Weak<dyn Object>),
    Names(Weak<dyn Emptied>),
}

impl Holder {
    fn empty(&self) {
        match self {
            Self::List(list) => drop(list.upgrade().map(|list| list.items.take())),
            Self::Dict(dict) => drop(dict.upgrade().map(|dict| dict.entries.take())),
            Self::Object(object) => object.upgrade().iter().for_each(|object| object.empty()),
            Self::Names(names) => names.upgrade().iter().for_each(|names| names.empty()),
        }
    }
}

/// Remembers what is to be emptied at the end of the rendering.
pub fn at_the_end(holder: Holder) -> Result<()> {
    limits::items(1)?;
    HOLDERS.with_borrow_mut(|holders| holders.push(holder));
    Ok(())
}

/// A list or mapping that gets another value, which may hold it.
pub fn changed(value: &Value) -> Result<()> {
    match value {
        Value::List(list) => at_the_end(Holder::List(Rc::downgrade(list))),
        Value::Dict(dict) => at_the_end(Holder::Dict(Rc::downgrade(dict))),
        Value::Object(object) => at_the_end(Holder::Object(Rc::downgrade(object))),
        _ => Ok(()),
    }
}

/// Whether other values stand in a value.
pub fn holds_others(value: &Value) -> bool {
    matches!(
        value,
        Value::List(_)
            | Value::Tuple(_)
            | Value::Dict(_)
            | Value::Set(_)
            | Value::Lazy(_)
            | Value::Object(_)
    )
}

/// Empties all that may hold itself: nothing of a rendering is used any more.
pub fn all() {
    for holder in HOLDERS.take() {
        holder.empty();
    }
}

/// Drops the values that stood in another one.
pub fn within(values: impl IntoIterator<Item = Value>) {
    let depth = DEPTH.get();
    if depth >= DEEP {
        LATER.with_borrow_mut(|later| later.extend(values.into_iter().filter(holds_others)));
        return;
    }
    DEPTH.set(depth + 1);
    values.into_iter().for_each(drop);
    if depth == 0 {
        while let Some(value) = LATER.with_borrow_mut(Vec::pop) {
            drop(value);
        }
    }
    DEPTH.set(depth);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_holds_itself_is_freed_at_the_end_of_the_rendering() {
        let left = limits::limited(&std::sync::Arc::default(), || {
            let list = Rc::new(List::default());
            let value = Value::List(list.clone());
            changed(&value).unwrap();
            list.items.borrow_mut().push(value);
            Rc::downgrade(&list)
        });
        assert!(left.upgrade().is_none());
    }

    #[test]
    fn values_that_are_nested_deeper_than_the_stack_can_be_dropped() {
        let nested: [fn(Value) -> Value; 3] = [
            |value| Value::list(vec![value]),
            |value| Value::tuple(vec![value, Value::None]),
            |value| Value::record([("a", value)]),
        ];
        for nest in nested {
            let deep = (0..300_000).fold(Value::None, |value, _| nest(value));
            drop(deep);
        }
        assert!(LATER.with_borrow(Vec::is_empty));
    }
}
