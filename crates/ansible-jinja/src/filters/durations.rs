//! community.general's `to_seconds` and the like: a duration such as `1d 2h` in one unit.

use crate::filters::Filter;
use crate::filters::jinja::rounded;
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, print};

pub const COMMUNITY: &[Filter] = &[
    (
        "to_time_unit",
        &["unit", "*", "year", "month"],
        to_time_unit,
    ),
    (
        "to_milliseconds",
        &["*", "year", "month"],
        |value, given| duration(value, given, "ms"),
    ),
    ("to_seconds", &["*", "year", "month"], |value, given| {
        duration(value, given, "s")
    }),
    ("to_minutes", &["*", "year", "month"], |value, given| {
        duration(value, given, "m")
    }),
    ("to_hours", &["*", "year", "month"], |value, given| {
        duration(value, given, "h")
    }),
    ("to_days", &["*", "year", "month"], |value, given| {
        duration(value, given, "d")
    }),
    ("to_weeks", &["*", "year", "month"], |value, given| {
        duration(value, given, "w")
    }),
    ("to_months", &["*", "year", "month"], |value, given| {
        duration(value, given, "mo")
    }),
    ("to_years", &["*", "year", "month"], |value, given| {
        duration(value, given, "y")
    }),
];

/// The milliseconds of a unit; any number of `s` may stand behind its name.
fn milliseconds(unit: &str) -> Option<i64> {
    const SECOND: i64 = 1000;
    const DAY: i64 = 24 * 60 * 60 * SECOND;
    let short = match unit.trim_end_matches('s') {
        "millisecond" | "msec" | "msecond" => "ms",
        "sec" | "second" => "s",
        "min" | "minute" => "m",
        "hour" => "h",
        "day" => "d",
        "week" => "w",
        "month" => "mo",
        "year" => "y",
        _ => unit,
    };
    Some(match short {
        "ms" => 1,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 60 * 60 * SECOND,
        "d" => DAY,
        "w" => 7 * DAY,
        "mo" => 30 * DAY,
        "y" => 365 * DAY,
        _ => return None,
    })
}

fn to_time_unit(value: &Value, arguments: &Arguments) -> Result<Value> {
    let unit = match arguments.get("unit") {
        None => "ms",
        Some(_) => arguments.needed_text("unit")?,
    };
    duration(value, arguments, unit)
}

fn duration(value: &Value, arguments: &Arguments, unit: &str) -> Result<Value> {
    let filter = arguments.callee();
    let Value::Text(text) = value else {
        return fail(format!(
            "`{filter}` needs a text, not {}",
            print::article(value)
        ));
    };
    if &**text == "0" {
        return Ok(Value::Int(0));
    }
    if !arguments.rest.is_empty() {
        return fail(format!("`{filter}` takes no further arguments by position"));
    }
    if arguments.get("year").is_some() || arguments.get("month").is_some() {
        return Err(Error::unsupported(
            format!(
                "`{filter}` with days of a year or month is not supported: with Ansible it changes all later conversions, too"
            ),
            "Write the duration in days.",
        ));
    }
    let Some(divisor) = milliseconds(unit) else {
        return fail(format!("`{filter}` cannot convert to the unit '{unit}'"));
    };
    let mut total = 0i64;
    for part in text.split_whitespace() {
        let wrong = || Error::failed(format!("`{filter}` cannot read the duration '{text}'"));
        let (sign, rest) = part.strip_prefix('-').map_or((1, part), |rest| (-1, rest));
        let end = rest
            .find(|next: char| !next.is_ascii_digit())
            .unwrap_or(rest.len());
        let (digits, rest) = rest.split_at(end);
        let end = rest
            .find(|next: char| !next.is_alphanumeric() && next != '_')
            .unwrap_or(rest.len());
        if digits.is_empty() {
            return Err(wrong());
        }
        let factor = milliseconds(&rest[..end]).ok_or_else(wrong)?;
        total = digits
            .parse::<i64>()
            .ok()
            .and_then(|number| number.checked_mul(sign * factor))
            .and_then(|number| total.checked_add(number))
            .filter(|total| total.unsigned_abs() < 1 << 53)
            .ok_or_else(|| {
                Error::unsupported(
                    format!("the duration '{text}' is too long"),
                    "Write a shorter one.",
                )
            })?;
    }
    Ok(Value::Float(rounded(total as f64 / divisor as f64, 12)))
}
