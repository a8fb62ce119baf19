//! Values as Python has and prints them.

use std::fmt::Write;

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};
use serde_json::{Map, Number, Value as Json};

/// A JSON value for templates.
pub fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), ..) => Value::from(number),
            (_, Some(number), _) => Value::from(number),
            (.., number) => Value::from(number.unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(from_json).collect::<Vec<_>>()),
        Json::Object(map) => Value::from_pairs(
            map.iter()
                .map(|(key, value)| (key.clone(), from_json(value))),
        ),
    }
}

/// A template's value as JSON. Numbers beyond 64 bits, infinities and undefined values have no JSON.
pub fn to_json(value: &Value) -> Result<Json, Error> {
    let no_json = |what: &str| {
        Error::new(
            ErrorKind::BadSerialization,
            format!("{what} cannot be written as JSON"),
        )
    };
    Ok(match value.kind() {
        ValueKind::Undefined => return Err(undefined(value)),
        ValueKind::None => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => {
            if value.is_integer() {
                if let Ok(number) = i64::try_from(value.clone()) {
                    Json::from(number)
                } else if let Ok(number) = u64::try_from(value.clone()) {
                    Json::from(number)
                } else {
                    return Err(no_json(&format!("the number {value}")));
                }
            } else {
                let number = f64::try_from(value.clone())?;
                Number::from_f64(number)
                    .map(Json::Number)
                    .ok_or_else(|| no_json(&float_text(number)))?
            }
        }
        ValueKind::String => Json::String(value.to_string()),
        ValueKind::Map => {
            let mut map = Map::new();
            for key in value.try_iter()? {
                let name = match key.kind() {
                    ValueKind::String => key.to_string(),
                    ValueKind::Bool => if key.is_true() { "true" } else { "false" }.to_owned(),
                    ValueKind::None => "null".to_owned(),
                    ValueKind::Number => text(&key)?,
                    _ => return Err(no_json("a key that is no text")),
                };
                map.insert(name, to_json(&value.get_item(&key)?)?);
            }
            Json::Object(map)
        }
        ValueKind::Seq | ValueKind::Iterable => value
            .try_iter()?
            .map(|item| to_json(&item))
            .collect::<Result<_, _>>()?,
        kind => return Err(no_json(&kind.to_string())),
    })
}

/// The error of using an undefined value where its name is no longer known.
pub fn undefined(_: &Value) -> Error {
    Error::from(ErrorKind::UndefinedError)
}

/// Unfolds iterators into lists and turns tuples into lists, as values of Ansible's variables are.
pub fn concrete(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => Ok(Value::from(
            value
                .try_iter()?
                .map(concrete)
                .collect::<Result<Vec<_>, _>>()?,
        )),
        ValueKind::Map => {
            let mut pairs = Vec::new();
            for key in value.try_iter()? {
                pairs.push((concrete(key.clone())?, concrete(value.get_item(&key)?)?));
            }
            Ok(Value::from_pairs(pairs))
        }
        ValueKind::Invalid => value.validate_kind(),
        ValueKind::Undefined => Err(undefined(&value)),
        _ => Ok(value),
    }
}

trait ValidateKind {
    fn validate_kind(self) -> Result<Value, Error>;
}

impl ValidateKind for Value {
    fn validate_kind(self) -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, self.to_string()))
    }
}

/// Python's `str()`.
pub fn text(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::Undefined => Err(undefined(value)),
        ValueKind::String => Ok(value.to_string()),
        _ => {
            let mut out = String::new();
            write_repr(&mut out, value)?;
            Ok(out)
        }
    }
}

/// Python's `repr()`.
fn write_repr(out: &mut String, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Undefined => return Err(undefined(value)),
        ValueKind::None => out.push_str("None"),
        ValueKind::Bool => out.push_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number if !value.is_integer() => {
            out.push_str(&float_text(f64::try_from(value.clone())?))
        }
        ValueKind::String => write_string_repr(out, &value.to_string()),
        ValueKind::Map => {
            out.push('{');
            for (index, key) in value.try_iter()?.enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_repr(out, &key)?;
                out.push_str(": ");
                write_repr(out, &value.get_item(&key)?)?;
            }
            out.push('}');
        }
        // Ansible 2.19 turns tuples into lists before they are printed.
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            for (index, item) in value.try_iter()?.enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_repr(out, &item)?;
            }
            out.push(']');
        }
        ValueKind::Invalid => return value.clone().validate_kind().map(drop),
        _ => write!(out, "{value}").map_err(Error::from)?,
    }
    Ok(())
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
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
            character => out.push(character),
        }
    }
    out.push(quote);
}

/// Close to Python's `str.isprintable`: controls, separators other than the blank, and unassigned private ranges are
/// escaped.
fn is_printable(character: char) -> bool {
    !(character.is_control()
        || (character.is_whitespace() && character != ' ')
        || matches!(u32::from(character), 0xad | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xe000..=0xf8ff | 0xfff9..=0xfffb))
}

/// Python's text of a float: the shortest that reads back, in exponent form below 1e-4 and from 1e16.
pub fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    let text = number.to_string();
    if text.contains('.') {
        text
    } else {
        format!("{text}.0")
    }
}

/// Python's truth.
pub fn truth(value: &Value) -> bool {
    value.is_true()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn floats_print_as_in_python() {
        for (number, text) in [
            (1.0, "1.0"),
            (1.5, "1.5"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.5e-7, "-2.5e-07"),
            (0.0, "0.0"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(float_text(number), text);
        }
    }

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
