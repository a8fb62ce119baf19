//! What a caller of the library sets: the limits of a rendering, and filters and tests of its own.
//!
//! They are those of the thread while [`within`] runs: a rendering stays on its thread, and hundreds of places need them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use yaml_dialects::Data;

use super::arguments::Given;
use super::error::{Error, Result};
use super::limits::{self, Limits};
use super::{Value, data};

/// The arguments of a call behind the value itself.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Call {
    /// Those given by position.
    pub positional: Vec<Data>,
    /// Those given by name.
    pub named: Vec<(String, Data)>,
}

/// A filter of the caller's own: what it makes of a value, or why it cannot.
pub type OwnFilter = dyn Fn(&Data, &Call) -> Result<Data, String> + Send + Sync;
/// A test of the caller's own.
pub type OwnTest = dyn Fn(&Data, &Call) -> Result<bool, String> + Send + Sync;

/// What is set.
#[derive(Clone)]
pub struct Settings {
    pub limits: Limits,
    pub filters: BTreeMap<String, Arc<OwnFilter>>,
    pub tests: BTreeMap<String, Arc<OwnTest>>,
    /// Tells sets of filters and tests apart: a template is read with the names that it may use. 0: none but the library's.
    pub names: u64,
    /// Whether Ansible has a filter of a name, for the test `filter`: filters use tests, and not the reverse.
    pub knows_filter: fn(&str) -> Result<bool>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            filters: BTreeMap::new(),
            tests: BTreeMap::new(),
            names: 0,
            knows_filter: |_| Ok(false),
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Arc<Settings>> = RefCell::default();
}

/// Runs with these settings.
pub fn within<T>(settings: &Arc<Settings>, run: impl FnOnce() -> T) -> T {
    struct Before(Option<Arc<Settings>>);
    impl Drop for Before {
        fn drop(&mut self) {
            if let Some(before) = self.0.take() {
                CURRENT.set(before);
            }
        }
    }
    let _before = Before(Some(CURRENT.replace(settings.clone())));
    run()
}

/// Which set of names counts.
pub fn names() -> u64 {
    CURRENT.with_borrow(|settings| settings.names)
}

/// Whether Ansible or the caller has a filter of this name.
pub fn knows_filter(name: &str) -> Result<bool> {
    let knows = CURRENT.with_borrow(|settings| settings.knows_filter);
    knows(name)
}

/// Whether the caller has a filter of this name.
pub fn has_filter(name: &str) -> bool {
    CURRENT.with_borrow(|settings| settings.filters.contains_key(name))
}

/// Whether the caller has a test of this name.
pub fn has_test(name: &str) -> bool {
    CURRENT.with_borrow(|settings| settings.tests.contains_key(name))
}

/// Puts a value through a filter of the caller's, if it has one of this name.
pub fn filter(name: &str, value: &Value, given: &Given) -> Option<Result<Value>> {
    let run = CURRENT.with_borrow(|settings| settings.filters.get(name).cloned())?;
    Some(
        called(name, value, given, |value, call| run(value, call))
            .and_then(|made| data::plain(&made)),
    )
}

/// Asks a test of the caller's, if it has one of this name.
pub fn test(name: &str, value: &Value, given: &Given) -> Option<Result<bool>> {
    let run = CURRENT.with_borrow(|settings| settings.tests.get(name).cloned())?;
    Some(called(name, value, given, |value, call| run(value, call)))
}

fn called<T>(
    name: &str,
    value: &Value,
    given: &Given,
    run: impl FnOnce(&Data, &Call) -> Result<T, String>,
) -> Result<T> {
    limits::step(4 + value.weight() + given.weight())?;
    let positional = given.positional.iter().map(data::of);
    let named = given.named.iter();
    let call = Call {
        positional: positional.collect::<Result<_>>()?,
        named: named
            .map(|(name, value)| Ok((name.clone(), data::of(value)?)))
            .collect::<Result<_>>()?,
    };
    run(&data::of(value)?, &call).map_err(|why| Error::failed(format!("`{name}`: {why}")))
}
