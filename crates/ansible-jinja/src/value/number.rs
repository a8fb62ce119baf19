//! Python's numbers: whole ones of any size, and floats.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{FromPrimitive, Pow, Signed, ToPrimitive, Zero};

use crate::value::error::{Error, Result, fail};
use crate::value::{Value, limits};

/// Bits of the largest whole number: beyond, even printing takes long.
const MAX_BITS: u64 = 100_000;

/// The whole number that a value is equal to, if there is one.
pub fn whole(value: &Value) -> Option<BigInt> {
    match value {
        Value::Bool(value) => Some(BigInt::from(u8::from(*value))),
        Value::Int(number) => Some(BigInt::from(*number)),
        Value::Big(number) => Some((**number).clone()),
        Value::Float(number) if number.is_finite() && number.fract() == 0.0 => {
            BigInt::from_f64(*number)
        }
        _ => None,
    }
}

/// The whole number that a value is by its type.
pub fn integer(value: &Value) -> Option<BigInt> {
    match value {
        Value::Float(_) => None,
        other => whole(other),
    }
}

/// A number as a float; fails for whole numbers beyond its range.
pub fn float(value: &Value) -> Result<f64> {
    match value {
        Value::Float(number) => Ok(*number),
        Value::Bool(value) => Ok(if *value { 1.0 } else { 0.0 }),
        Value::Int(number) => Ok(*number as f64),
        Value::Big(number) => match number.to_f64() {
            Some(float) if float.is_finite() => Ok(float),
            _ => fail("int too large to convert to float"),
        },
        _ => fail(format!("must be real number, not {}", value.type_name())),
    }
}

/// The order of two numbers; none for a NaN.
pub fn compare(one: &Value, two: &Value) -> Option<Ordering> {
    match (one, two) {
        (Value::Int(one), Value::Int(two)) => Some(one.cmp(two)),
        (Value::Float(one), Value::Float(two)) => one.partial_cmp(two),
        (Value::Float(float), _) => compare_float(*float, &integer(two)?),
        (_, Value::Float(float)) => compare_float(*float, &integer(one)?).map(Ordering::reverse),
        _ => Some(integer(one)?.cmp(&integer(two)?)),
    }
}

fn compare_float(float: f64, whole: &BigInt) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float.is_infinite() {
        return Some(if float > 0.0 {
            Ordering::Greater
        } else {
            Ordering::Less
        });
    }
    let floor = BigInt::from_f64(float.floor())?;
    Some(match floor.cmp(whole) {
        Ordering::Equal if float.fract() != 0.0 => Ordering::Greater,
        order => order,
    })
}

/// `+`, `-`, `*`, `/`, `//`, `%` or `**` of two numbers; none where one is no number.
pub fn calculate(operator: &str, left: &Value, right: &Value) -> Option<Result<Value>> {
    if !left.is_number() || !right.is_number() {
        return None;
    }
    if let (Some(left), Some(right)) = (left.as_index(), right.as_index()) {
        let result = match operator {
            "+" => left.checked_add(right),
            "-" => left.checked_sub(right),
            "*" => left.checked_mul(right),
            "//" if right != 0 => left
                .checked_div_euclid(right)
                .map(|_| Integer::div_floor(&left, &right)),
            "%" if right != 0 => left
                .checked_rem(right)
                .map(|_| Integer::mod_floor(&left, &right)),
            _ => None,
        };
        if let Some(result) = result {
            return Some(Ok(Value::Int(result)));
        }
    }
    Some(match (integer(left), integer(right)) {
        (Some(left), Some(right)) => integers(operator, &left, &right),
        _ => float(left).and_then(|left| floats(operator, left, float(right)?)),
    })
}

fn integers(operator: &str, left: &BigInt, right: &BigInt) -> Result<Value> {
    count(left.bits(), right.bits())?;
    let zero = |what: &str| Error::failed(format!("{what} by zero"));
    Ok(Value::big(match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => {
            check_bits(left.bits() + right.bits())?;
            left * right
        }
        "//" if right.is_zero() => return Err(zero("integer division or modulo")),
        "//" => left.div_floor(right),
        "%" if right.is_zero() => return Err(zero("integer modulo")),
        "%" => left.mod_floor(right),
        "/" if right.is_zero() => return Err(zero("division")),
        "/" => return quotient(left, right),
        "**" if right.is_negative() => {
            return floats(
                operator,
                float(&Value::big(left.clone()))?,
                float(&Value::big(right.clone()))?,
            );
        }
        "**" => {
            let exponent = right.to_u32().filter(|_| left.bits() > 1);
            match exponent {
                Some(exponent) => {
                    let bits = left.bits().saturating_mul(u64::from(exponent));
                    check_bits(bits)?;
                    count(bits, bits)?;
                    Pow::pow(left, exponent)
                }
                None if left.bits() > 1 => return Err(too_large()),
                None if right.is_zero() => BigInt::from(1),
                None if left.is_negative() && right.is_even() => -left,
                None => left.clone(),
            }
        }
        _ => {
            return fail(format!(
                "there is no operator `{operator}` for whole numbers"
            ));
        }
    }))
}

/// Counts what it takes to multiply, divide or write out numbers of so many bits: each digit of one by each of the other.
pub fn count(left: u64, right: u64) -> Result<()> {
    let digits = |bits: u64| bits as usize / 64;
    let (left, right) = (digits(left), digits(right));
    limits::step(1 + left + right + left.saturating_mul(right) / 64)
}

/// Refuses a whole number of more bits than one may have.
pub fn check_bits(bits: u64) -> Result<()> {
    if bits > MAX_BITS {
        Err(too_large())
    } else {
        Ok(())
    }
}

fn too_large() -> Error {
    Error::unsupported(
        "this number becomes too large",
        "Look for a power, a product or a shift that is far too high.",
    )
}

/// Python's `/` of whole numbers, rounded once.
fn quotient(left: &BigInt, right: &BigInt) -> Result<Value> {
    // Beyond 53 bits on either side, a scaled whole division keeps every bit that rounding needs.
    let exact = |number: &BigInt| number.bits() <= 53;
    if exact(left) && exact(right) {
        let (left, right) = (
            left.to_f64().unwrap_or(f64::NAN),
            right.to_f64().unwrap_or(f64::NAN),
        );
        return Ok(Value::Float(left / right));
    }
    let shift = 66 + right.bits() as i64 - left.bits() as i64;
    let (numerator, denominator) = if shift >= 0 {
        (left.abs() << shift as usize, right.abs())
    } else {
        (left.abs(), right.abs() << (-shift) as usize)
    };
    let (mut whole, rest) = numerator.div_rem(&denominator);
    if !rest.is_zero() {
        whole |= BigInt::from(1);
    }
    let value = whole.to_f64().unwrap_or(f64::INFINITY)
        * 2f64.powi(i32::try_from(-shift).unwrap_or(i32::MAX));
    if value.is_infinite() {
        return fail("integer division result too large for a float");
    }
    let negative = left.is_negative() != right.is_negative();
    Ok(Value::Float(if negative { -value } else { value }))
}

fn floats(operator: &str, left: f64, right: f64) -> Result<Value> {
    let zero = |what: &str| Err(Error::failed(format!("{what} by zero")));
    Ok(Value::Float(match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" if right == 0.0 => return zero("float division"),
        "/" => left / right,
        "//" if right == 0.0 => return zero("float floor division"),
        "//" => divmod(left, right).0,
        "%" if right == 0.0 => return zero("float modulo"),
        "%" => divmod(left, right).1,
        "**" if left == 0.0 && right < 0.0 => {
            return fail("0.0 cannot be raised to a negative power");
        }
        "**" if left < 0.0 && left.is_finite() && right.is_finite() && right.fract() != 0.0 => {
            return Err(Error::unsupported(
                "a power with a complex number as its result is not supported",
                "Raise a number that is not negative.",
            ));
        }
        "**" => {
            let power = left.powf(right);
            if power.is_infinite() && left.is_finite() && right.is_finite() {
                return fail("Numerical result out of range");
            }
            power
        }
        _ => return fail(format!("there is no operator `{operator}` for floats")),
    }))
}

/// Python's `divmod` of floats: the rest has the divisor's sign.
fn divmod(left: f64, right: f64) -> (f64, f64) {
    let mut rest = left % right;
    let mut quotient = (left - rest) / right;
    if rest != 0.0 {
        if (right < 0.0) != (rest < 0.0) {
            rest += right;
            quotient -= 1.0;
        }
    } else {
        rest = 0f64.copysign(right);
    }
    let floor = if quotient == 0.0 {
        0f64.copysign(left / right)
    } else {
        let floor = quotient.floor();
        if quotient - floor > 0.5 {
            floor + 1.0
        } else {
            floor
        }
    };
    (floor, rest)
}

/// The value of a text as Python's `int(text, base)` reads it.
pub fn parse_integer(text: &str, base: u32) -> Option<BigInt> {
    let digits: String = text.trim().chars().map(ascii_digit).collect();
    let (negative, mut rest) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let mut base = base;
    let prefixes = [("0b", 2), ("0o", 8), ("0x", 16)];
    let lower = rest.to_ascii_lowercase();
    let mut prefixed = false;
    for (prefix, of) in prefixes {
        if lower.starts_with(prefix) && (base == of || base == 0) {
            rest = &rest[2..];
            rest = rest.strip_prefix('_').unwrap_or(rest);
            base = of;
            prefixed = true;
            break;
        }
    }
    if base == 0 {
        if rest.starts_with('0')
            && rest.bytes().any(|byte| byte != b'0' && byte != b'_')
            && !prefixed
        {
            return None;
        }
        base = 10;
    }
    if rest.is_empty() || rest.starts_with('_') || rest.ends_with('_') || rest.contains("__") {
        return None;
    }
    let plain = rest.replace('_', "");
    if plain.len() > 4300 || !plain.chars().all(|digit| digit.is_digit(base)) {
        return None;
    }
    let number = BigInt::parse_bytes(plain.as_bytes(), base)?;
    Some(if negative { -number } else { number })
}

/// The value of a text as Python's `float(text)` reads it.
pub fn parse_float(text: &str) -> Option<f64> {
    let text: String = text.trim().chars().map(ascii_digit).collect();
    let lower = text.to_ascii_lowercase();
    match lower.trim_start_matches(['+', '-']) {
        "inf" | "infinity" | "nan"
            if lower.len() - lower.trim_start_matches(['+', '-']).len() <= 1 =>
        {
            return lower.parse().ok();
        }
        _ => {}
    }
    if text.starts_with('_') || text.ends_with('_') || text.contains("__") {
        return None;
    }
    let bytes = text.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        let digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
        if *byte == b'_' && !(index > 0 && digit(index - 1) && digit(index + 1)) {
            return None;
        }
    }
    let plain = text.replace('_', "");
    if plain
        .bytes()
        .any(|byte| !(byte.is_ascii_digit() || b"+-.eE".contains(&byte)))
    {
        return None;
    }
    plain.parse().ok()
}

/// Python reads the digits of every script.
pub fn ascii_digit(character: char) -> char {
    const ZEROS: [u32; 20] = [
        0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6,
        0x0d66, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x17e0, 0x1810, 0xff10, 0x1d7ce,
    ];
    if character.is_ascii() {
        return character;
    }
    let code = u32::from(character);
    ZEROS
        .iter()
        .find(|zero| (**zero..**zero + 10).contains(&code))
        .and_then(|zero| char::from_digit(code - zero, 10))
        .unwrap_or(character)
}

/// A float cut to a whole number.
pub fn truncated(number: f64) -> Option<Value> {
    BigInt::from_f64(number.trunc()).map(Value::big)
}
