//! Texts that are marked as safe for HTML, which `escape`, `forceescape`, `safe` and `tojson` give.
//!
//! Ansible never escapes by itself, but such a text escapes whatever is added to it, and is not escaped again. Which
//! texts are marked is remembered beside them, for one rendering. Where a mark would change what comes out, and it is not
//! certain that there is one, the template is refused.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::value::error::{Error, Result};
use crate::value::{Value, print};

/// How sure it is that a text is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Certain,
    /// It was made of a marked one.
    Possible,
}

thread_local! {
    /// By the address of the text, which is kept so that no other text gets it.
    static MARKED: RefCell<HashMap<*const u8, (Rc<str>, Mark)>> = RefCell::default();
}

/// Forgets all marks: a rendering begins.
pub fn forget() {
    MARKED.with_borrow_mut(HashMap::clear);
}

/// Marks a text.
pub fn marked(value: Value, mark: Mark) -> Value {
    if let Value::Text(text) = &value {
        MARKED.with_borrow_mut(|marked| {
            marked.insert(text.as_ptr(), (text.clone(), mark));
        });
    }
    value
}

/// Whether a text is marked.
pub fn mark_of(value: &Value) -> Option<Mark> {
    let Value::Text(text) = value else {
        return None;
    };
    MARKED.with_borrow(|marked| match marked.is_empty() {
        true => None,
        false => marked.get(&text.as_ptr()).map(|(_, mark)| *mark),
    })
}

/// The result of something that was done with values, some of which may be marked. Refused where Jinja2 would escape one
/// of the others.
pub fn joined<'a>(result: Value, values: impl Iterator<Item = &'a Value> + Clone) -> Result<Value> {
    if values.clone().all(|value| mark_of(value).is_none()) {
        return Ok(result);
    }
    for other in values.filter(|value| mark_of(value).is_none()) {
        if print::text(other)?.contains(['<', '>', '&', '\'', '"']) {
            return Err(refused());
        }
    }
    match mark_of(&result) {
        Some(_) => Ok(result),
        None => Ok(marked(result, Mark::Possible)),
    }
}

/// Why a text that may be marked cannot be used here.
pub fn refused() -> Error {
    Error::unsupported(
        "a text that `escape`, `safe` or `tojson` gave escapes what is added to it, which is not supported here",
        "Put the whole together first, with `~`, then through the filter.",
    )
}
