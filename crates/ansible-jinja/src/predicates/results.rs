//! Ansible's tests on the result of a task: they look at a mapping only.

use crate::predicates::Test;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, print};

pub const TESTS: &[Test] = &[
    ("change", &[], |value, _| changed(value)),
    ("changed", &[], |value, _| changed(value)),
    ("failed", &[], |value, _| says(value, "failed")),
    ("failure", &[], |value, _| says(value, "failed")),
    ("finished", &[], |value, _| says_or(value, "finished", true)),
    ("reachable", &[], |value, _| not(value, "unreachable")),
    ("skip", &[], |value, _| says(value, "skipped")),
    ("skipped", &[], |value, _| says(value, "skipped")),
    ("started", &[], |value, _| says_or(value, "started", true)),
    ("succeeded", &[], |value, _| not(value, "failed")),
    ("success", &[], |value, _| not(value, "failed")),
    ("successful", &[], |value, _| not(value, "failed")),
    ("timedout", &[], |value, _| timed_out(value)),
    ("unreachable", &[], |value, _| says(value, "unreachable")),
];

fn member(value: &Value, name: &str) -> Result<Option<Value>> {
    match value {
        Value::Dict(_) => value.member(name).map(Value::usable).transpose(),
        other => fail(format!(
            "the test needs the result of a task, which is a mapping, not {}",
            print::article(other)
        )),
    }
}

fn says(value: &Value, name: &str) -> Result<bool> {
    says_or(value, name, false)
}

fn not(value: &Value, name: &str) -> Result<bool> {
    says(value, name).map(|said| !said)
}

/// What a result says, or what counts where it says nothing: a task that does not run in the background has finished.
fn says_or(value: &Value, name: &str, default: bool) -> Result<bool> {
    member(value, name)?.map_or(Ok(default), |said| said.truth())
}

/// A task with a loop has changed something if one of its rounds has.
fn changed(value: &Value) -> Result<bool> {
    if let Some(changed) = member(value, "changed")? {
        return changed.truth();
    }
    let Some(results @ Value::List(_)) = member(value, "results")? else {
        return Ok(false);
    };
    let results = results.iterate()?;
    match results.first().cloned().map(Value::usable).transpose()? {
        None => return fail("list index out of range"),
        Some(Value::Dict(_)) => {}
        Some(_) => return Ok(false),
    }
    for result in &results {
        if says(result, "changed")? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn timed_out(value: &Value) -> Result<bool> {
    match member(value, "timedout")? {
        Some(details @ Value::Dict(_)) if details.truth()? => says(&details, "period"),
        Some(details) if details.truth()? => Err(Error::failed(format!(
            "'{}' object has no attribute 'get'",
            details.type_name()
        ))),
        _ => Ok(false),
    }
}
