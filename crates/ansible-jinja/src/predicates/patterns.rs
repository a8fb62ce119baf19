//! Ansible's tests with regular expressions.

use crate::predicates::{Test, as_text};
use crate::python::regex::{Pattern, Searched};
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, print};

pub const TESTS: &[Test] = &[
    (
        "match",
        &["pattern", "ignorecase", "multiline"],
        |value, given| matches(value, given, "match"),
    ),
    (
        "regex",
        &["pattern", "ignorecase", "multiline", "match_type"],
        |value, given| match given.get("match_type") {
            None => matches(value, given, "search"),
            Some(Value::Text(kind)) => matches(value, given, kind),
            Some(other) => fail(format!(
                "the argument `match_type` of `regex` must be a text, not {}",
                print::article(other)
            )),
        },
    ),
    (
        "search",
        &["pattern", "ignorecase", "multiline"],
        |value, given| matches(value, given, "search"),
    ),
];

/// `match` begins at the start, `search` finds anywhere, `fullmatch` takes the whole. A `match_type` can be any method
/// of Python's expressions: what they give counts as true where it is not empty.
fn matches(value: &Value, given: &Arguments, kind: &str) -> Result<bool> {
    let text = as_text(value)?;
    let pattern = match given.get("pattern") {
        None => "",
        Some(Value::Text(pattern)) => pattern,
        Some(other) => {
            return fail(format!(
                "the argument `pattern` of `{}` must be a text, not {}",
                given.callee(),
                print::article(other)
            ));
        }
    };
    let pattern = Pattern::new(pattern, given.flag("ignorecase")?, given.flag("multiline")?)?;
    match kind {
        "search" | "findall" => Ok(pattern.captures(&Searched::new(&text))?.is_some()),
        "match" => pattern.matches_start(&text),
        "fullmatch" => pattern.matches_whole(&text),
        "split" | "finditer" | "scanner" => Ok(true),
        other if other.starts_with("__") => Err(Error::unsupported(
            format!("the match_type '{other}' is not supported"),
            "Use search, match or fullmatch.",
        )),
        other => fail(format!(
            "there is no match_type '{other}': use search, match or fullmatch"
        )),
    }
}
