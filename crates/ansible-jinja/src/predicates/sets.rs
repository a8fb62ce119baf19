//! Ansible's tests on what a collection holds.

use indexmap::IndexSet;

use crate::predicates::Test;
use crate::predicates::jinja::holds;
use crate::value::error::Result;
use crate::value::{Key, Value};

pub const TESTS: &[Test] = &[
    ("all", &[], |value, _| Ok(!finds(value, false)?)),
    ("any", &[], |value, _| finds(value, true)),
    ("contains", &["value"], |value, given| {
        holds(value, given.needed("value")?)
    }),
    ("issubset", &["b"], |value, given| {
        is_subset(value, given.needed("b")?)
    }),
    ("issuperset", &["b"], |value, given| {
        is_subset(given.needed("b")?, value)
    }),
    ("subset", &["b"], |value, given| {
        is_subset(value, given.needed("b")?)
    }),
    ("superset", &["b"], |value, given| {
        is_subset(given.needed("b")?, value)
    }),
];

/// Whether one of the items is as true as wanted; those behind it are not looked at.
fn finds(value: &Value, wanted: bool) -> Result<bool> {
    for item in value.iterate()? {
        if item.truth()? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_subset(items: &Value, around: &Value) -> Result<bool> {
    let set = |value: &Value| -> Result<IndexSet<Key>> {
        value.items()?.into_iter().map(Key::new).collect()
    };
    let (items, around) = (set(items)?, set(around)?);
    Ok(items.iter().all(|item| around.contains(item)))
}
