//! Python's `sorted`.

use std::cmp::Ordering;

use crate::value::Value;
use crate::value::error::Result;

/// Sorts by a key, keeping the order of what is equal.
pub fn sorted(
    items: Vec<Value>,
    key: impl Fn(&Value) -> Result<Value>,
    reverse: bool,
) -> Result<Vec<Value>> {
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        keyed.push((key(&item)?.usable()?, item));
    }
    let mut problem = None;
    // Python asks whether the second one is less than the first.
    keyed.sort_by(|(one, _), (two, _)| {
        if problem.is_some() {
            return Ordering::Equal;
        }
        let order = one.order(two, "<").unwrap_or_else(|error| {
            problem = Some(error);
            None
        });
        let order = order.unwrap_or(Ordering::Equal);
        if reverse { order.reverse() } else { order }
    });
    match problem {
        Some(error) => Err(error),
        None => Ok(keyed.into_iter().map(|(_, item)| item).collect()),
    }
}
