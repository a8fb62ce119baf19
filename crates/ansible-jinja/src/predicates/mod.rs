//! Jinja2's and Ansible's tests (`is …`), one file per family.

mod jinja;
mod network;
mod patterns;
mod results;
mod sets;
mod truth;
mod uri;
mod versions;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::error::Advice;
use crate::python::methods;
use crate::suggest;
use crate::value::arguments::{Arguments, Given};
use crate::value::error::{Error, Result};
use crate::value::object;
use crate::value::settings;
use crate::value::{Value, caught, encrypted, limits, print};
use crate::vault;

/// A test's name, the names of its parameters behind the value, and what it says.
type Test = (
    &'static str,
    &'static [&'static str],
    fn(&Value, &Arguments) -> Result<bool>,
);

/// Tests that Ansible has and this library refuses, and why.
const REFUSED: &[(&[&str], &str)] = &[
    (
        &[
            "directory",
            "exists",
            "file",
            "is_dir",
            "is_file",
            "is_link",
            "is_mount",
            "is_same_file",
            "link",
            "link_exists",
            "mount",
            "same_file",
            "vaulted_file",
        ],
        "looks at the machine that Ansible runs on",
    ),
    (
        &["ansible.utils.resolvable"],
        "asks the network that Ansible runs in",
    ),
    (
        &[
            "ansible.utils.validate",
            "community.general.a_module",
            "community.general.fqdn_valid",
        ],
        "needs what is installed where Ansible runs",
    ),
    (
        &["community.general.ansible_type"],
        "says something about Python's types only",
    ),
];

static TESTS: LazyLock<BTreeMap<String, &'static Test>> = LazyLock::new(|| {
    let mut tests = BTreeMap::new();
    for test in jinja::TESTS {
        let name = test.0;
        tests.insert(name.to_owned(), test);
        if name.starts_with(char::is_alphabetic) {
            tests.insert(format!("ansible.builtin.{name}"), test);
        }
    }
    for name in ["defined", "undefined"] {
        tests.insert(format!("ansible.legacy.{name}"), tests[name]);
    }
    for test in [
        patterns::TESTS,
        results::TESTS,
        sets::TESTS,
        truth::TESTS,
        uri::TESTS,
        versions::TESTS,
    ]
    .into_iter()
    .flatten()
    {
        let name = test.0;
        tests.insert(name.to_owned(), test);
        tests.insert(format!("ansible.builtin.{name}"), test);
        tests.insert(format!("ansible.legacy.{name}"), test);
    }
    for test in network::TESTS {
        tests.insert(format!("ansible.utils.{}", test.0), test);
    }
    tests
});

fn refused(name: &str) -> Option<&'static str> {
    let plain = name
        .strip_prefix("ansible.builtin.")
        .or_else(|| name.strip_prefix("ansible.legacy."))
        .unwrap_or(name);
    REFUSED
        .iter()
        .find(|(names, _)| names.contains(&plain))
        .map(|(_, reason)| *reason)
}

/// Whether there is a test of this name.
pub fn exists(name: &str) -> bool {
    TESTS.contains_key(name) || settings::has_test(name)
}

/// Whether Ansible has a test of this name; fails where that depends on its collections.
pub fn known(name: &str) -> Result<bool> {
    if exists(name) || refused(name).is_some() {
        return Ok(true);
    }
    suggest::in_collection(name)
}

/// The names of all tests, for the one that a misspelt name is near to.
pub fn names() -> impl Iterator<Item = &'static str> {
    TESTS
        .keys()
        .map(String::as_str)
        .filter(|name| name.starts_with(char::is_alphabetic))
}

/// Why a test cannot be used.
pub fn unknown(name: &str) -> Error {
    let advice = Advice::UseVariable("what it would say, true or false,");
    let refused = refused(name).map(|reason| (reason, advice));
    suggest::unusable("test", name, refused, names())
}

/// Asks a test. A failure is a value, unless nothing may hide it.
pub fn call(name: &str, value: Value, given: Given) -> Result<Value> {
    if settings::has_test(name) {
        return of_caller(name, value, given);
    }
    let Some((plain, parameters, run)) = TESTS.get(name) else {
        return Err(unknown(name));
    };
    limits::step(1 + value.weight() + given.weight())?;
    let value = value.forced();
    if *plain == "vault_encrypted"
        && value.is_marker()
        && let Some(text) = encrypted::text_of(&value)
    {
        return Ok(Value::Bool(vault::is_encrypted(&text)));
    }
    if !matches!(*plain, "defined" | "undefined") {
        if !matches!(*plain, "in") {
            object::check(&value)?;
        }
        if value.is_marker() {
            return Ok(value);
        }
        if let Some(marker) = given.marker() {
            return Ok(marker.clone());
        }
    }
    if let Value::Marker(error) = &value
        && error.is_fatal()
    {
        return Err((**error).clone());
    }
    caught(
        given
            .bind(name, parameters)
            .and_then(|arguments| run(&value, &arguments))
            .map(Value::Bool),
    )
}

/// Asks a test of the caller's own.
fn of_caller(name: &str, value: Value, given: Given) -> Result<Value> {
    let (value, given) = (value.forced().own()?, given.own()?);
    if let Some(marker) = Some(&value)
        .filter(|value| value.is_marker())
        .or(given.marker())
    {
        return Ok(marker.clone());
    }
    let said = settings::test(name, &value, &given).unwrap_or_else(|| Err(unknown(name)));
    caught(said.map(Value::Bool))
}

/// Whether a name is that of the test `vault_encrypted`.
pub fn is_vault_encrypted(name: &str) -> bool {
    TESTS
        .get(name)
        .is_some_and(|(plain, ..)| *plain == "vault_encrypted")
}

/// A value as a text; bytes are read as UTF-8.
fn as_text(value: &Value) -> Result<String> {
    match value {
        Value::Bytes(bytes) => methods::text::decode(bytes, "utf-8"),
        other => print::text(other),
    }
}
