//! Filters that write and read JSON, YAML and Base64, and digests.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use minijinja::Error;
use minijinja::value::Value;
use serde_json::Value as Json;
use sha2::Digest;

use super::arguments::Arguments;
use super::{Filter, fail};
use crate::ansible::python;
use crate::yaml;

pub const FILTERS: &[Filter] = &[
    ("to_json", &["indent", "sort_keys", "ensure_ascii"], to_json),
    (
        "to_nice_json",
        &["indent", "sort_keys", "ensure_ascii"],
        to_nice_json,
    ),
    ("tojson", &["indent"], tojson),
    ("from_json", &[], from_json),
    (
        "to_yaml",
        &["indent", "width", "sort_keys", "default_flow_style"],
        to_yaml,
    ),
    (
        "to_nice_yaml",
        &["indent", "width", "sort_keys", "default_flow_style"],
        to_nice_yaml,
    ),
    ("from_yaml", &[], from_yaml),
    ("b64encode", &["encoding", "urlsafe"], b64encode),
    ("b64decode", &["encoding", "urlsafe"], b64decode),
    ("hash", &["hashtype"], hash),
    ("checksum", &[], hash),
    ("sha1", &[], hash),
];

fn to_json(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let indent = arguments.number("indent")?;
    let style = JsonStyle {
        indent: indent.map(|indent| usize::try_from(indent.clamp(0, 100)).unwrap_or(0)),
        sort_keys: arguments.flag("sort_keys"),
        ascii: arguments.get("ensure_ascii").is_none_or(python::truth),
    };
    Ok(Value::from(style.text(&python::to_json(value)?)))
}

fn to_nice_json(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let style = JsonStyle {
        indent: Some(
            usize::try_from(arguments.number("indent")?.unwrap_or(4).clamp(0, 100)).unwrap_or(4),
        ),
        sort_keys: arguments.get("sort_keys").is_none_or(python::truth),
        ascii: arguments.get("ensure_ascii").is_none_or(python::truth),
    };
    Ok(Value::from(style.text(&python::to_json(value)?)))
}

/// Jinja2's own: keys sorted, safe inside of HTML.
fn tojson(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let indent = arguments.number("indent")?;
    let style = JsonStyle {
        indent: indent.map(|indent| usize::try_from(indent.clamp(0, 100)).unwrap_or(0)),
        sort_keys: true,
        ascii: true,
    };
    let text = style.text(&python::to_json(value)?);
    Ok(Value::from(
        text.replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
            .replace('\'', "\\u0027"),
    ))
}

/// Python's `json.dumps`.
struct JsonStyle {
    indent: Option<usize>,
    sort_keys: bool,
    ascii: bool,
}

impl JsonStyle {
    fn text(&self, value: &Json) -> String {
        let mut out = String::new();
        self.write(&mut out, value, 0);
        out
    }

    fn write(&self, out: &mut String, value: &Json, level: usize) {
        match value {
            Json::Number(number) if number.is_f64() => {
                out.push_str(&python::float_text(number.as_f64().unwrap_or_default()))
            }
            Json::String(text) => self.write_text(out, text),
            Json::Array(items) if items.is_empty() => out.push_str("[]"),
            Json::Object(map) if map.is_empty() => out.push_str("{}"),
            Json::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.separate(out, index, level + 1);
                    self.write(out, item, level + 1);
                }
                self.end(out, level);
                out.push(']');
            }
            Json::Object(map) => {
                out.push('{');
                let mut entries: Vec<_> = map.iter().collect();
                if self.sort_keys {
                    entries.sort_by_key(|(key, _)| *key);
                }
                for (index, (key, item)) in entries.into_iter().enumerate() {
                    self.separate(out, index, level + 1);
                    self.write_text(out, key);
                    out.push_str(": ");
                    self.write(out, item, level + 1);
                }
                self.end(out, level);
                out.push('}');
            }
            plain => out.push_str(&plain.to_string()),
        }
    }

    fn separate(&self, out: &mut String, index: usize, level: usize) {
        match self.indent {
            None if index > 0 => out.push_str(", "),
            None => {}
            Some(_) => {
                if index > 0 {
                    out.push(',');
                }
                self.end(out, level);
            }
        }
    }

    fn end(&self, out: &mut String, level: usize) {
        if let Some(indent) = self.indent {
            out.push('\n');
            out.push_str(&" ".repeat(indent * level));
        }
    }

    fn write_text(&self, out: &mut String, text: &str) {
        out.push('"');
        for character in text.chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                character if character < ' ' || self.ascii && !character.is_ascii() => {
                    let mut units = [0; 2];
                    for unit in character.encode_utf16(&mut units) {
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
                character => out.push(character),
            }
        }
        out.push('"');
    }
}

fn from_json(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let text = python::text(value)?;
    serde_json::from_str::<Json>(&text)
        .map(|json| python::from_json(&json))
        .map_err(|error| fail(format!("`from_json` cannot read this: {error}")))
}

fn to_yaml(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    dump(value, arguments, 2, yaml::dump::Flow::Leaves)
}

fn to_nice_yaml(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    dump(value, arguments, 4, yaml::dump::Flow::Never)
}

fn dump(
    value: &Value,
    arguments: &Arguments,
    indent: i64,
    flow: yaml::dump::Flow,
) -> Result<Value, Error> {
    let flow = match arguments.get("default_flow_style") {
        None => flow,
        Some(style) if style.is_none() => yaml::dump::Flow::Leaves,
        Some(style) if python::truth(style) => {
            return Err(fail("default_flow_style=true is not supported"));
        }
        Some(_) => yaml::dump::Flow::Never,
    };
    let style = yaml::dump::Style {
        indent: usize::try_from(arguments.number("indent")?.unwrap_or(indent).clamp(1, 100))
            .unwrap_or(2),
        width: usize::try_from(arguments.number("width")?.unwrap_or(80).max(1)).unwrap_or(80),
        sort_keys: arguments.get("sort_keys").is_none_or(python::truth),
        flow,
    };
    Ok(Value::from(style.text(&python::to_json(value)?)))
}

fn from_yaml(value: &Value, _: &Arguments) -> Result<Value, Error> {
    if value.is_none() {
        return Ok(value.clone());
    }
    yaml::ansible::value(&python::text(value)?)
        .map(|json| python::from_json(&json))
        .map_err(|error| {
            fail(format!(
                "`from_yaml` cannot read this: line {}: {}",
                error.line, error.message
            ))
        })
}

/// Standard Base64.
pub fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn only_utf8(arguments: &Arguments) -> Result<(), Error> {
    match arguments
        .text("encoding")?
        .map(|encoding| encoding.to_lowercase())
        .as_deref()
    {
        None | Some("utf-8" | "utf8" | "ascii") => Ok(()),
        Some(other) => Err(fail(format!("the encoding `{other}` is not supported"))),
    }
}

fn b64encode(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    only_utf8(arguments)?;
    let text = python::text(value)?;
    let engine = if arguments.flag("urlsafe") {
        &URL_SAFE
    } else {
        &STANDARD
    };
    Ok(Value::from(engine.encode(text)))
}

fn b64decode(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    only_utf8(arguments)?;
    let text: String = python::text(value)?.split_whitespace().collect();
    let engine = if arguments.flag("urlsafe") {
        &URL_SAFE
    } else {
        &STANDARD
    };
    engine
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .map(Value::from)
        .ok_or_else(|| fail("`b64decode` needs Base64 of a text in UTF-8"))
}

fn hash(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = python::text(value)?;
    let digest: Vec<u8> = match arguments.text("hashtype")?.as_deref() {
        None | Some("sha1") => sha1::Sha1::digest(text).to_vec(),
        Some("md5") => md5::Md5::digest(text).to_vec(),
        Some("sha224") => sha2::Sha224::digest(text).to_vec(),
        Some("sha256") => sha2::Sha256::digest(text).to_vec(),
        Some("sha384") => sha2::Sha384::digest(text).to_vec(),
        Some("sha512") => sha2::Sha512::digest(text).to_vec(),
        Some(other) => {
            return Err(fail(format!(
                "`hash` does not know {other}, use `hash('sha256')`"
            )));
        }
    };
    Ok(Value::from(
        digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>(),
    ))
}
