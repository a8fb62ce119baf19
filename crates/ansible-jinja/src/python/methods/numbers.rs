//! Methods of Python's numbers.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive};

use crate::value::arguments::Given;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, number};

pub const OF_WHOLE: &[&str] = &[
    "__and__",
    "__lshift__",
    "__or__",
    "__rshift__",
    "__xor__",
    "as_integer_ratio",
    "bit_count",
    "bit_length",
    "conjugate",
];
pub const OF_FLOATS: &[&str] = &["as_integer_ratio", "conjugate", "hex", "is_integer"];

pub fn attribute(value: &Value, name: &str) -> Option<Value> {
    match (name, value) {
        ("real", Value::Bool(_)) => number::integer(value).map(Value::big),
        ("real", _) => Some(value.clone()),
        ("imag", Value::Float(_)) => Some(Value::Float(0.0)),
        ("imag", _) => Some(Value::Int(0)),
        ("numerator", Value::Bool(_) | Value::Int(_) | Value::Big(_)) => {
            number::integer(value).map(Value::big)
        }
        ("denominator", Value::Bool(_) | Value::Int(_) | Value::Big(_)) => Some(Value::Int(1)),
        _ => None,
    }
}

/// Python's `float.hex()`.
fn hexadecimal(float: f64) -> String {
    let sign = if float.is_sign_negative() && !float.is_nan() {
        "-"
    } else {
        ""
    };
    if float.is_nan() {
        return "nan".to_owned();
    }
    if float.is_infinite() {
        return format!("{sign}inf");
    }
    if float == 0.0 {
        return format!("{sign}0x0.0p+0");
    }
    let bits = float.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let (first, exponent) = match (bits >> 52) & 0x7ff {
        0 => (0, -1022),
        exponent => (1, exponent as i64 - 1023),
    };
    format!("{sign}0x{first}.{fraction:013x}p{exponent:+}")
}

pub fn call(value: &Value, name: &str, given: Given) -> Result<Value> {
    if let Value::Float(float) = value {
        given.bind(name, &[])?;
        return match name {
            "is_integer" => Ok(Value::Bool(float.is_finite() && float.fract() == 0.0)),
            "conjugate" => Ok(value.clone()),
            "hex" => Ok(Value::from(hexadecimal(*float))),
            _ => Err(Error::unsupported(
                "`.as_integer_ratio()` of a float is not supported",
                "Write the two whole numbers.",
            )),
        };
    }
    let whole = number::integer(value).unwrap_or_default();
    if name.starts_with("__") {
        let given = given.bind(name, &["other"])?;
        let Some(other) = number::integer(given.needed("other")?) else {
            return fail(format!("`{name}` needs a whole number"));
        };
        // What it grows by.
        let before = if name == "__lshift__" {
            whole.bits()
        } else {
            0
        };
        let shift = || -> Result<usize> {
            if other.is_negative() {
                return fail("negative shift count");
            }
            let shift = other.to_u64().unwrap_or(u64::MAX);
            number::check_bits(shift.saturating_add(before))?;
            Ok(shift as usize)
        };
        number::count(whole.bits(), 0)?;
        return Ok(Value::big(match name {
            "__and__" => whole & other,
            "__or__" => whole | other,
            "__xor__" => whole ^ other,
            "__lshift__" => whole << shift()?,
            _ => whole >> shift()?,
        }));
    }
    given.bind(name, &[])?;
    Ok(match name {
        "bit_length" => Value::big(BigInt::from(whole.bits())),
        "bit_count" => Value::big(BigInt::from(whole.magnitude().count_ones())),
        "as_integer_ratio" => Value::tuple(vec![Value::big(whole), Value::Int(1)]),
        _ => Value::big(whole),
    })
}
