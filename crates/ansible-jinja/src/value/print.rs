//! How Python prints values.

use std::fmt::Write;

use serde_json::Value as Json;

use crate::value::error::{Result, fail};
use crate::value::{DateTime, Value, limits};
pub use yaml_dialects::pyyaml::{float_text, offset_text};

/// Nesting that is printed and converted: deeper only a value that holds itself is.
const MAX_DEPTH: usize = 200;

/// A JSON value for templates.
pub fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::big(number.into()),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::list(items.iter().map(from_json).collect()),
        Json::Object(map) => Value::from_entries(
            map.iter()
                .map(|(key, value)| (crate::value::Key::text(key), from_json(value)))
                .collect(),
        ),
    }
}

/// A type with its article, for messages.
pub fn article(value: &Value) -> String {
    match value {
        Value::None => "none".to_owned(),
        Value::Text(_) => "a text".to_owned(),
        Value::Dict(_) => "a mapping".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Int(_) | Value::Big(_) => "a whole number".to_owned(),
        other => format!("a {}", other.type_name()),
    }
}

/// Python's `str()`.
pub fn text(value: &Value) -> Result<String> {
    match value {
        Value::Text(text) => {
            limits::text(text.len())?;
            Ok(text.to_string())
        }
        Value::Nothing => Ok(String::new()),
        Value::Date(date, _) => Ok(date.to_string()),
        Value::Time(time) => Ok(time_text(*time, ' ')),
        Value::Delta(delta) => Ok(delta_text(*delta)),
        Value::Object(object) => object.text(),
        Value::Lazy(lazy) => text(&lazy.value()),
        other => repr(other),
    }
}

/// Python's `repr()`.
pub fn repr(value: &Value) -> Result<String> {
    let mut out = String::new();
    write_repr(&mut out, value, 0)?;
    limits::text(out.len())?;
    Ok(out)
}

fn write_repr(out: &mut String, value: &Value, depth: usize) -> Result<()> {
    limits::step(1)?;
    if depth > MAX_DEPTH {
        return fail("this value is nested too deep");
    }
    if out.len() > 16 * 1024 * 1024 {
        return limits::text(out.len());
    }
    let list = |out: &mut String, items: &[Value]| {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            write_repr(out, item, depth + 1)?;
        }
        Ok(())
    };
    match value {
        Value::None => out.push_str("None"),
        Value::Bool(value) => out.push_str(if *value { "True" } else { "False" }),
        Value::Int(number) => push(out, number),
        Value::Big(number) => {
            let digits = number.to_string();
            if digits.len() > 4300 {
                return fail("Exceeds the limit (4300 digits) for integer string conversion");
            }
            out.push_str(&digits);
        }
        Value::Float(number) => out.push_str(&float_text(*number)),
        Value::Text(text) => write_string_repr(out, text),
        Value::Bytes(bytes) => {
            out.push_str("b'");
            for byte in bytes.iter() {
                match byte {
                    b'\\' | b'\'' => out.extend(['\\', char::from(*byte)]),
                    b'\n' => out.push_str("\\n"),
                    b'\r' => out.push_str("\\r"),
                    b'\t' => out.push_str("\\t"),
                    b' '..=b'~' => out.push(char::from(*byte)),
                    _ => push(out, format_args!("\\x{byte:02x}")),
                }
            }
            out.push('\'');
        }
        Value::List(_) => {
            out.push('[');
            list(out, &value.items()?)?;
            out.push(']');
        }
        Value::Tuple(items) => {
            out.push('(');
            list(out, &value.items()?)?;
            out.push_str(if items.len() == 1 { ",)" } else { ")" });
        }
        Value::Dict(_) => {
            out.push('{');
            for (index, (key, item)) in value.pairs().unwrap_or_default().iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_repr(out, key, depth + 1)?;
                out.push_str(": ");
                write_repr(out, item, depth + 1)?;
            }
            out.push('}');
        }
        Value::Set(dict) if dict.entries.borrow().is_empty() => out.push_str("set()"),
        Value::Set(_) => {
            out.push('{');
            list(out, &value.items()?)?;
            out.push('}');
        }
        Value::Range(range) if range.step == 1 => {
            push(out, format_args!("range({}, {})", range.start, range.stop))
        }
        Value::Range(range) => push(
            out,
            format_args!("range({}, {}, {})", range.start, range.stop, range.step),
        ),
        Value::Date(date, _) => push(
            out,
            format_args!(
                "datetime.date({}, {}, {})",
                date.year(),
                date.month(),
                date.day()
            ),
        ),
        Value::Time(time) => write_time_repr(out, *time),
        Value::Delta(delta) => {
            let (days, seconds, micros) = delta_parts(*delta);
            let parts = [
                ("days", days),
                ("seconds", seconds),
                ("microseconds", micros),
            ];
            let parts: Vec<String> = parts
                .iter()
                .filter(|(_, number)| *number != 0)
                .map(|(name, number)| format!("{name}={number}"))
                .collect();
            let parts = if parts.is_empty() {
                "0".to_owned()
            } else {
                parts.join(", ")
            };
            push(out, format_args!("datetime.timedelta({parts})"));
        }
        Value::Omit => out.push_str("<<Omit>>"),
        Value::Nothing => out.push_str("Undefined"),
        Value::Marker(error) => return Err((**error).clone()),
        Value::Lazy(lazy) => write_repr(out, &lazy.value(), depth)?,
        Value::Object(object) => out.push_str(&object.text()?),
    }
    Ok(())
}

fn push(out: &mut String, text: impl std::fmt::Display) {
    let _ = write!(out, "{text}");
}

/// Python prefers single quotes, and double ones where only single ones stand inside.
fn write_string_repr(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            character if character == quote => {
                out.push('\\');
                out.push(character);
            }
            character if !is_printable(character) => {
                let code = u32::from(character);
                match code {
                    0..=0xff => push(out, format_args!("\\x{code:02x}")),
                    0x100..=0xffff => push(out, format_args!("\\u{code:04x}")),
                    _ => push(out, format_args!("\\U{code:08x}")),
                }
            }
            character => out.push(character),
        }
    }
    out.push(quote);
}

/// Close to Python's `str.isprintable`: controls, separators other than the blank, and unassigned private ranges are
/// escaped.
pub fn is_printable(character: char) -> bool {
    !(character.is_control()
        || (character.is_whitespace() && character != ' ')
        || matches!(u32::from(character), 0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x8e2 | 0x180e | 0x200b..=0x200f
            | 0x2028..=0x202e | 0x2060..=0x206f | 0xd7fc..=0xd7ff | 0xfdd0..=0xfdef | 0xfeff | 0xe000..=0xf8ff | 0xfff0..=0xfffb
            | 0xfffe | 0xffff | 0xe0000..=0x10ffff))
}

/// A float with so many digits behind the point, as Python's `%.2f` writes it.
pub fn fixed_text(number: f64, digits: usize) -> String {
    match number.is_nan() {
        true => "nan".to_owned(),
        false => format!("{number:.digits$}"),
    }
}

/// Python's `isoformat`, with a separator between date and time.
pub fn time_text(time: DateTime, separator: char) -> String {
    yaml_dialects::pyyaml::time_text(time.civil, time.offset, separator)
}

fn write_time_repr(out: &mut String, time: DateTime) {
    let civil = time.civil;
    push(
        out,
        format_args!(
            "datetime.datetime({}, {}, {}, {}, {}",
            civil.year(),
            civil.month(),
            civil.day(),
            civil.hour(),
            civil.minute()
        ),
    );
    let micros = civil.subsec_nanosecond() / 1000;
    if civil.second() != 0 || micros != 0 {
        push(out, format_args!(", {}", civil.second()));
    }
    if micros != 0 {
        push(out, format_args!(", {micros}"));
    }
    if let Some(offset) = time.offset {
        if offset.seconds() == 0 {
            out.push_str(", tzinfo=datetime.timezone.utc");
        } else {
            let delta = jiff::SignedDuration::from_secs(i64::from(offset.seconds()));
            let mut inner = String::new();
            let _ = write_repr(&mut inner, &Value::Delta(delta), 0);
            push(out, format_args!(", tzinfo=datetime.timezone({inner})"));
        }
    }
    out.push(')');
}

/// Days, seconds and microseconds of a span, as Python keeps them: only the days may be negative.
pub fn delta_parts(delta: jiff::SignedDuration) -> (i64, i64, i64) {
    let micros = i64::try_from(delta.as_micros()).unwrap_or(i64::MAX);
    let day = 86_400_000_000;
    let days = micros.div_euclid(day);
    let rest = micros.rem_euclid(day);
    (days, rest / 1_000_000, rest % 1_000_000)
}

fn delta_text(delta: jiff::SignedDuration) -> String {
    let (days, seconds, micros) = delta_parts(delta);
    let mut text = String::new();
    if days != 0 {
        let plural = if days.abs() == 1 { "" } else { "s" };
        push(&mut text, format_args!("{days} day{plural}, "));
    }
    push(
        &mut text,
        format_args!(
            "{}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        ),
    );
    if micros != 0 {
        push(&mut text, format_args!(".{micros:06}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn containers_print_as_in_python() {
        let value =
            from_json(&json!([null, true, "it's", "a\"b", "it's \"x\"", "z\u{e4}h\n", {"a": 1.0}]));
        assert_eq!(
            text(&value).unwrap(),
            r#"[None, True, "it's", 'a"b', 'it\'s "x"', 'zäh\n', {'a': 1.0}]"#
        );
    }
}
