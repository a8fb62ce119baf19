//! Ansible's filters on numbers and sizes.

use crate::filters::Filter;
use crate::filters::jinja::rounded;
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, number, print};

pub const FILTERS: &[Filter] = &[
    ("log", &["base"], log),
    ("pow", &["y"], pow),
    ("root", &["base"], root),
    ("human_readable", &["isbits", "unit"], human_readable),
    (
        "human_to_bytes",
        &["default_unit", "isbits"],
        human_to_bytes,
    ),
];

/// The letters of units, the largest first, with their powers of 1024.
const UNITS: [(char, i32); 9] = [
    ('Y', 8),
    ('Z', 7),
    ('E', 6),
    ('P', 5),
    ('T', 4),
    ('G', 3),
    ('M', 2),
    ('K', 1),
    ('B', 0),
];

fn only_number(value: &Value, filter: &str) -> Result<f64> {
    if !value.is_number() {
        return fail(format!("{filter}() can only be used on numbers"));
    }
    number::float(value)
}

fn log(value: &Value, arguments: &Arguments) -> Result<Value> {
    let x = only_number(value, "log")?;
    let base = arguments
        .get("base")
        .map(|base| only_number(base, "log"))
        .transpose()?;
    if x <= 0.0 || base.is_some_and(|base| base <= 0.0) {
        return fail("math domain error");
    }
    Ok(Value::Float(match base {
        None => x.ln() / std::f64::consts::E.ln(),
        Some(10.0) => x.log10(),
        Some(1.0) => return fail("float division by zero"),
        Some(base) => x.ln() / base.ln(),
    }))
}

fn pow(value: &Value, arguments: &Arguments) -> Result<Value> {
    let (x, y) = (
        only_number(value, "pow")?,
        only_number(arguments.needed("y")?, "pow")?,
    );
    let power = x.powf(y);
    if power.is_nan() && !x.is_nan() && !y.is_nan() || power.is_infinite() && x == 0.0 {
        return fail("math domain error");
    }
    if power.is_infinite() && x.is_finite() && y.is_finite() {
        return fail("math range error");
    }
    Ok(Value::Float(power))
}

fn root(value: &Value, arguments: &Arguments) -> Result<Value> {
    let x = only_number(value, "root")?;
    let base = match arguments.get("base") {
        None => 2.0,
        Some(Value::Text(text)) => number::parse_float(text)
            .ok_or_else(|| Error::failed("root() can only be used on numbers"))?,
        Some(base) => only_number(base, "root")?,
    };
    let result = if base == 2.0 {
        x.sqrt()
    } else if base == 0.0 {
        return fail("float division by zero");
    } else {
        x.powf(1.0 / base)
    };
    if result.is_nan() && !x.is_nan() {
        return fail("root() can only be used on numbers");
    }
    Ok(Value::Float(result))
}

fn human_readable(value: &Value, arguments: &Arguments) -> Result<Value> {
    let bits = arguments.flag("isbits")?;
    let size = match value {
        Value::Text(text) => number::parse_float(text).filter(|_| false),
        other if other.is_number() => Some(number::float(other)?),
        _ => None,
    };
    let Some(size) = size else {
        return fail("human_readable() failed on bad input");
    };
    let base = if bits { "bits" } else { "Bytes" };
    let unit = arguments.text("unit")?;
    for (letter, power) in UNITS {
        let limit = 1024f64.powi(power);
        let wanted = match unit {
            None => size >= limit,
            Some(unit) => unit.to_uppercase().starts_with(letter) || unit.is_empty(),
        };
        if !wanted && power > 0 {
            continue;
        }
        let suffix = if power == 0 {
            base.to_owned()
        } else {
            format!("{letter}{}", if bits { "b" } else { "B" })
        };
        let number = print::fixed_text(size / limit, 2);
        return Ok(Value::from(format!("{number} {suffix}")));
    }
    Ok(Value::None)
}

fn human_to_bytes(value: &Value, arguments: &Arguments) -> Result<Value> {
    let bits = arguments.flag("isbits")?;
    let wrong = || {
        Error::failed(format!(
            "human_to_bytes() can't interpret {}",
            print::repr(value).unwrap_or_default()
        ))
    };
    let text = print::text(value)?;
    // A number, an optional letter, and what follows it.
    let trimmed = text.trim_start();
    let end = trimmed
        .char_indices()
        .scan(false, |point, (index, character)| {
            let continues =
                character.is_ascii_digit() || character == '.' && !std::mem::replace(point, true);
            continues.then_some(index + character.len_utf8())
        })
        .last()
        .unwrap_or(0);
    let (digits, rest) = trimmed.split_at(end);
    let number: f64 = number::parse_float(digits)
        .filter(|_| digits.starts_with(|first: char| first.is_ascii_digit()))
        .ok_or_else(wrong)?;
    let suffix: String = rest
        .trim_start()
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect();
    if rest.trim_start().len() > suffix.len()
        && !rest.trim_start()[suffix.len()..].trim().is_empty()
    {
        return Err(wrong());
    }
    let unit = if suffix.is_empty() {
        arguments
            .text("default_unit")?
            .unwrap_or_default()
            .to_owned()
    } else {
        suffix
    };
    if unit.is_empty() {
        return whole(number);
    }
    let mut letters = unit.chars();
    let letter = letters.next().unwrap_or('B').to_ascii_uppercase();
    let power = UNITS
        .iter()
        .find(|(known, _)| *known == letter)
        .map(|(_, power)| *power)
        .ok_or_else(wrong)?;
    let class = letters.as_str();
    let fits = match (power, class) {
        (_, "") => true,
        (0, _) => {
            let word = unit.to_lowercase();
            if bits {
                ["bit", "bits"].contains(&word.as_str())
            } else {
                ["byte", "bytes"].contains(&word.as_str())
            }
        }
        (_, "b") => bits,
        (_, "B") => !bits,
        (_, word) => {
            let word = word.to_lowercase();
            if bits {
                ["bit", "bits"].contains(&word.as_str())
            } else {
                ["byte", "bytes"].contains(&word.as_str())
            }
        }
    };
    if !fits {
        return Err(wrong());
    }
    whole(number * 1024f64.powi(power))
}

/// Python's `int(round(…))`.
fn whole(number: f64) -> Result<Value> {
    number::truncated(rounded(number, 0)).ok_or_else(|| Error::failed("this size is too large"))
}
