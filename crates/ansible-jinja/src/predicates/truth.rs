//! Ansible's tests on a single value: its truth, its kind, and whether a path is absolute.

use num_traits::{One, Zero};

use crate::predicates::{Test, as_text};
use crate::value::arguments::Arguments;
use crate::value::error::{Result, fail};
use crate::value::{Value, encrypted, number, print};
use crate::vault;

pub const TESTS: &[Test] = &[
    ("abs", &[], |value, _| is_absolute(value)),
    ("falsy", &["convert_bool"], |value, given| {
        truthy(value, given).map(|truth| !truth)
    }),
    ("is_abs", &[], |value, _| is_absolute(value)),
    ("isnan", &[], |value, _| is_nan(value)),
    ("nan", &[], |value, _| is_nan(value)),
    ("truthy", &["convert_bool"], truthy),
    ("vault_encrypted", &[], |value, _| {
        Ok(encrypted::text_of(value).is_some_and(|text| vault::is_encrypted(&text)))
    }),
];

fn truthy(value: &Value, given: &Arguments) -> Result<bool> {
    if given.flag("convert_bool")?
        && let Some(known) = boolean(value)?
    {
        return Ok(known);
    }
    value.truth()
}

/// The truth of words and numbers that Ansible takes for booleans.
fn boolean(value: &Value) -> Result<Option<bool>> {
    if let Some(number) = number::whole(value) {
        return Ok(if number.is_one() {
            Some(true)
        } else {
            number.is_zero().then_some(false)
        });
    }
    let (Value::Text(_) | Value::Bytes(_)) = value else {
        return Ok(None);
    };
    let word = as_text(value)?.to_lowercase();
    Ok(match word.trim() {
        "y" | "yes" | "on" | "1" | "true" | "t" => Some(true),
        "n" | "no" | "off" | "0" | "false" | "f" => Some(false),
        _ => None,
    })
}

fn is_nan(value: &Value) -> Result<bool> {
    match value {
        Value::Nothing => fail("the inline `if` is false, and has no `else`"),
        number if number.is_number() => number::float(number).map(f64::is_nan),
        _ => Ok(false),
    }
}

fn is_absolute(value: &Value) -> Result<bool> {
    match value {
        Value::Text(path) => Ok(path.starts_with('/')),
        Value::Bytes(path) => Ok(path.starts_with(b"/")),
        other => fail(format!("a path is a text, not {}", print::article(other))),
    }
}
