//! Arguments as ansible.utils checks them: each is turned into the type that its documentation names.

use num_bigint::BigInt;
use num_traits::{Pow, ToPrimitive};

use crate::python::methods;
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, number, print};

/// Digits of the largest whole number that is read from a text.
const MAX_DIGITS: usize = 1000;

/// The arguments of one call, the value that is filtered among them.
pub struct Options {
    callee: String,
    given: Vec<(&'static str, Value)>,
}

impl Options {
    /// Names the value and the arguments behind it. What is given by position beyond `positional` is dropped, as
    /// ansible.utils does; any of `known` can be given by name.
    pub fn read(
        value: &Value,
        arguments: &Arguments,
        positional: &[&'static str],
        known: &[&'static str],
    ) -> Result<Self> {
        let values = std::iter::once(value).chain(&arguments.rest).cloned();
        let mut options = Self {
            callee: arguments.callee().to_owned(),
            given: positional.iter().copied().zip(values).collect(),
        };
        for (name, value) in arguments.iter() {
            let Some(name) = known.iter().find(|known| **known == name) else {
                return fail(format!(
                    "`{}` has no argument `{name}`, only: {}",
                    options.callee,
                    known.join(", ")
                ));
            };
            options.given.retain(|(given, _)| given != name);
            options.given.push((name, value.clone()));
        }
        Ok(options)
    }

    /// An argument as it is.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.given
            .iter()
            .find(|(given, _)| *given == name)
            .map(|(_, value)| value)
    }

    /// A text that must be there, or that has a default; none is the empty one.
    pub fn text(&self, name: &str) -> Result<String> {
        self.raw(name).map_or(Ok(String::new()), as_text)
    }

    /// A text that may be missing.
    pub fn optional_text(&self, name: &str) -> Result<Option<String>> {
        self.raw(name)
            .filter(|value| !value.is_none())
            .map(as_text)
            .transpose()
    }

    /// A list of texts; a text is split at its commas.
    pub fn texts(&self, name: &str) -> Result<Vec<String>> {
        match self.raw(name) {
            Some(Value::Text(text)) => Ok(text.split(',').map(str::to_owned).collect()),
            Some(list @ Value::List(_)) => list.items()?.iter().map(as_text).collect(),
            Some(number) if number.is_number() => Ok(vec![print::text(number)?]),
            other => fail(format!(
                "the argument `{name}` of `{}` cannot be converted to a list: it is {}",
                self.callee,
                other.map_or_else(|| "missing".to_owned(), print::article)
            )),
        }
    }

    /// A whole number that may be missing, also as a text or a float.
    pub fn number(&self, name: &str) -> Result<Option<BigInt>> {
        let Some(value) = self.raw(name).filter(|value| !value.is_none()) else {
            return Ok(None);
        };
        let whole = match value {
            Value::Text(text) => decimal(text)?,
            other => number::whole(other),
        };
        match whole {
            Some(whole) => Ok(Some(whole)),
            None if value.is_sequence() => Err(Error::unsupported(
                format!(
                    "the argument `{name}` of `{}` must be a whole number, not a list",
                    self.callee
                ),
                "Write the number itself.",
            )),
            None => fail(format!(
                "the argument `{name}` of `{}` cannot be converted to a whole number",
                self.callee
            )),
        }
    }

    /// A whole number that must be given.
    pub fn needed_number(&self, name: &str) -> Result<BigInt> {
        self.number(name)?.ok_or_else(|| {
            Error::failed(format!(
                "`{}` needs a whole number as its argument `{name}`",
                self.callee
            ))
        })
    }
}

fn as_text(value: &Value) -> Result<String> {
    match value {
        Value::None => Ok(String::new()),
        Value::Bytes(bytes) => methods::text::decode(bytes, "utf-8"),
        other => print::text(other),
    }
}

/// The whole number that Python's `Decimal` reads: `12`, `1_000`, `12.0`, `1e3`.
fn decimal(text: &str) -> Result<Option<BigInt>> {
    let plain = text.trim().replace('_', "").to_lowercase();
    let (mantissa, exponent) = match plain.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, number::parse_integer(exponent, 10)),
        None => (plain.as_str(), Some(BigInt::ZERO)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let unsigned = |digits: &str| digits.chars().all(char::is_numeric);
    if !unsigned(fraction) || !unsigned(whole.trim_start_matches(['+', '-'])) {
        return Ok(None);
    }
    let (Some(digits), Some(exponent)) = (
        number::parse_integer(&format!("{whole}{fraction}"), 10),
        exponent,
    ) else {
        return Ok(None);
    };
    let shift = exponent - fraction.chars().count();
    let limit = MAX_DIGITS as i64;
    match shift.to_i64() {
        _ if digits == BigInt::ZERO => Ok(Some(digits)),
        Some(shift) if (0..limit).contains(&shift) => {
            Ok(Some(digits * Pow::pow(BigInt::from(10), shift as u64)))
        }
        Some(shift) if (-limit..0).contains(&shift) => {
            let divisor = Pow::pow(BigInt::from(10), shift.unsigned_abs());
            let exact = (&digits % &divisor) == BigInt::ZERO;
            Ok(exact.then(|| digits / divisor))
        }
        _ => Err(Error::unsupported(
            format!("the number {text} is too large here"),
            "Write the number itself.",
        )),
    }
}
