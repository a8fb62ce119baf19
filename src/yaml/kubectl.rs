//! YAML as kubectl reads it: sigs.k8s.io/yaml, that is go-yaml 2 followed by Go's JSON.
//!
//! The stream is split at lines that begin with `---` before anything is parsed. Of duplicate keys the last wins.
//! `yes`, `on`, `y` are true; `0644` is 420, also as a key; `1e3` is 1000; `22:22` is a text; whole numbers beyond 64
//! bits become floats; infinities are errors.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Number, Value};

use super::{Content, Node, Scalar, YamlError, ansible, core_tag, read};

/// One document of a manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Position in the stream, from 1; empty documents count.
    pub number: u32,
    /// Line on which its content begins, from 1.
    pub line: u32,
    pub value: Value,
    /// Line and column of each field by its path, as in `spec.ports[0].name`.
    pub places: BTreeMap<String, (u32, u32)>,
    /// Keys that stand there twice, of which the last counts.
    pub duplicates: Vec<YamlError>,
    /// Scalars and keys that Ansible reads differently, unless it cannot read the document at all.
    pub readings: Vec<YamlError>,
}

/// Reads the documents of a stream. Empty ones are left out.
pub fn documents(stream: &str) -> Result<Vec<Document>, (u32, YamlError)> {
    let mut documents = Vec::new();
    for (index, (first_line, text)) in split(stream)?.into_iter().enumerate() {
        let number = super::number(index + 1);
        let shift = |error: YamlError| {
            let line = error.line + first_line - 1;
            (number, YamlError { line, ..error })
        };
        if index > 0 && text.starts_with('\u{feff}') {
            return Err((
                number,
                YamlError {
                    message: "a byte order mark stands here, within the stream".to_owned(),
                    line: first_line,
                    column: 1,
                    unsupported: true,
                },
            ));
        }
        let mut nodes = read(&text).map_err(shift)?.into_iter();
        let Some(node) = nodes.next() else {
            continue;
        };
        if let Some(second) = nodes.next() {
            // kubectl drops what follows without a word, and so would we.
            return Err(shift(YamlError::at(
                &second,
                "a second document begins here without a line `---` of its own",
            )));
        }
        let mut reading = Reading {
            first_line,
            places: BTreeMap::new(),
            duplicates: Vec::new(),
            readings: Some(Vec::new()),
        };
        let value = reading.value(&node, "").map_err(shift)?;
        if value.is_null() {
            continue;
        }
        documents.push(Document {
            number,
            line: node.line + first_line - 1,
            value,
            places: reading.places,
            duplicates: reading.duplicates,
            readings: reading.readings.unwrap_or_default(),
        });
    }
    Ok(documents)
}

/// Splits a stream at its `---` lines, as kubectl does: each part with the number of its first line.
fn split(stream: &str) -> Result<Vec<(u32, String)>, (u32, YamlError)> {
    let stream = stream.strip_prefix('\u{feff}').unwrap_or(stream);
    let mut parts: Vec<(u32, String)> = Vec::new();
    let mut part = (1, String::new());
    for (index, line) in stream.split_inclusive('\n').enumerate() {
        let number = super::number(index + 1);
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                return Err((
                    super::number(parts.len() + 1),
                    YamlError {
                        message: format!(
                            "only a comment may follow `---` on its line, not `{rest}`"
                        ),
                        line: number,
                        column: 4,
                        unsupported: false,
                    },
                ));
            }
            // The stream's first `---` only begins it.
            if !part.1.trim().is_empty() || !parts.is_empty() {
                parts.push(std::mem::take(&mut part));
            }
            part.0 = number + 1;
            part.1.clear();
        } else {
            part.1.push_str(line);
        }
    }
    parts.push(part);
    Ok(parts)
}

struct Reading {
    first_line: u32,
    places: BTreeMap<String, (u32, u32)>,
    duplicates: Vec<YamlError>,
    /// `None` once Ansible cannot read the document.
    readings: Option<Vec<YamlError>>,
}

impl Reading {
    /// Notes where Ansible reads a scalar differently.
    fn compare(&mut self, node: &Node, is_key: bool) -> Result<(), YamlError> {
        let tag = node.tag.as_deref().and_then(core_tag);
        let (ours, theirs, shown) = match &node.content {
            Content::Scalar(scalar) => (
                reading(resolve(node, scalar)?),
                ansible::reading(scalar),
                scalar.text.as_str(),
            ),
            _ => match tag {
                Some(tag @ ("set" | "omap" | "pairs")) => (
                    ansible::Reading::Other("what stands there"),
                    Some(ansible::Reading::Other("a collection of its own kind")),
                    tag,
                ),
                _ => return Ok(()),
            },
        };
        let Some(theirs) = theirs else {
            self.readings = None;
            return Ok(());
        };
        let same = if is_key {
            // PyYAML keeps the fraction of `1.0`, which JSON then writes.
            let is_fraction = matches!(theirs, ansible::Reading::Number(_)) && shown.contains('.');
            !is_fraction
                && as_key(&theirs)
                    .is_some_and(|theirs| key_text(node).is_ok_and(|ours| ours == theirs))
        } else {
            ours == theirs
        };
        if !same && let Some(readings) = &mut self.readings {
            readings.push(YamlError {
                message: format!(
                    "kubectl reads `{shown}` as {ours}, Ansible reads {theirs}; quote it to make it a text for both"
                ),
                line: node.line + self.first_line - 1,
                column: node.column,
                unsupported: false,
            });
        }
        Ok(())
    }

    fn value(&mut self, node: &Node, path: &str) -> Result<Value, YamlError> {
        if !path.is_empty() {
            self.places
                .entry(path.to_owned())
                .or_insert((node.line + self.first_line - 1, node.column));
        }
        self.compare(node, false)?;
        match &node.content {
            Content::Scalar(scalar) => json(node, scalar),
            Content::Sequence(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| self.value(item, &format!("{path}[{index}]")))
                .collect(),
            Content::Mapping(pairs) => {
                let mut map = Map::new();
                self.mapping(pairs, path, &mut map)?;
                Ok(Value::Object(map))
            }
        }
    }

    /// Merged keys count from where `<<` stands: they replace what stood before, and are replaced by what follows.
    fn mapping(
        &mut self,
        pairs: &[(Node, Node)],
        path: &str,
        map: &mut Map<String, Value>,
    ) -> Result<(), YamlError> {
        let mut seen = Vec::new();
        for (key, value) in pairs {
            if key.is_merge_key() {
                match &value.content {
                    Content::Mapping(merged) => self.mapping(merged, path, map)?,
                    Content::Sequence(items) => {
                        for item in items.iter().rev() {
                            let Content::Mapping(merged) = &item.content else {
                                return Err(YamlError::at(
                                    item,
                                    "only mappings can be merged with `<<`",
                                ));
                            };
                            self.mapping(merged, path, map)?;
                        }
                    }
                    Content::Scalar(_) => {
                        return Err(YamlError::at(
                            value,
                            "only mappings can be merged with `<<`",
                        ));
                    }
                }
                continue;
            }
            let name = key_text(key)?;
            self.compare(key, true)?;
            let path = match path {
                "" => name.clone(),
                path => format!("{path}.{name}"),
            };
            if seen.contains(&name) {
                self.duplicates.push(YamlError {
                    message: format!(
                        "the key `{name}` stands here a second time; the last one counts"
                    ),
                    line: key.line + self.first_line - 1,
                    column: key.column,
                    unsupported: false,
                });
            }
            self.places
                .insert(path.clone(), (key.line + self.first_line - 1, key.column));
            let value = self.value(value, &path)?;
            map.insert(name.clone(), value);
            seen.push(name);
        }
        Ok(())
    }
}

fn reading(resolved: Resolved) -> ansible::Reading {
    match resolved {
        Resolved::Null => ansible::Reading::Null,
        Resolved::Bool(value) => ansible::Reading::Bool(value),
        Resolved::Int(number) => ansible::Reading::Number(number as f64),
        Resolved::Unsigned(number) => ansible::Reading::Number(number as f64),
        Resolved::Float(number) => ansible::Reading::Number(number),
        Resolved::Text(text) => ansible::Reading::Text(text),
    }
}

/// Ansible's reading of a key, as Python's JSON writes it. Fractions look different there.
fn as_key(reading: &ansible::Reading) -> Option<String> {
    match reading {
        ansible::Reading::Null => Some("null".to_owned()),
        ansible::Reading::Bool(value) => Some(value.to_string()),
        ansible::Reading::Number(number) if number.fract() == 0.0 => Some(number.to_string()),
        ansible::Reading::Text(text) => Some(text.clone()),
        ansible::Reading::Number(_) | ansible::Reading::Other(_) => None,
    }
}

fn json(node: &Node, scalar: &Scalar) -> Result<Value, YamlError> {
    Ok(match resolve(node, scalar)? {
        Resolved::Null => Value::Null,
        Resolved::Bool(value) => Value::Bool(value),
        Resolved::Text(text) => Value::String(text),
        Resolved::Int(number) => Value::from(number),
        // Go's JSON has whole numbers of 63 bits only.
        Resolved::Unsigned(number) => Value::from(number as f64),
        Resolved::Float(number) => float(number).map(Value::Number).ok_or_else(|| {
            YamlError::at(
                node,
                format!("`{}` is not a number that JSON can hold", scalar.text),
            )
        })?,
    })
}

/// Go writes whole floats below 1e21 without a fraction, so that they arrive as whole numbers.
fn float(number: f64) -> Option<Number> {
    if number.fract() == 0.0 && number.abs() < 9.2e18 {
        return Some(Number::from(number as i64));
    }
    Number::from_f64(number)
}

fn key_text(key: &Node) -> Result<String, YamlError> {
    let Content::Scalar(scalar) = &key.content else {
        return Err(YamlError::at(
            key,
            "a key must be a text, not a list or a mapping",
        ));
    };
    Ok(match resolve(key, scalar)? {
        Resolved::Null => return Err(YamlError::at(key, "a key must be a text, not null")),
        Resolved::Bool(value) => value.to_string(),
        Resolved::Text(text) => text,
        Resolved::Int(number) => number.to_string(),
        Resolved::Unsigned(_) => {
            return Err(YamlError::at(
                key,
                "this number is too large for a key; quote it",
            ));
        }
        Resolved::Float(number) => float_key(number),
    })
}

/// A number as a key, with the precision of 32 bits as Go's `%g` writes it.
fn float_key(number: f64) -> String {
    let number = number as f32;
    if number.is_nan() {
        return ".nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number == 0.0 || (-4..6).contains(&exponent) {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
}

/// What go-yaml 2 makes of a scalar.
fn resolve(node: &Node, scalar: &Scalar) -> Result<Resolved, YamlError> {
    let text = scalar.text.as_str();
    let wanted = match scalar.tag.as_deref() {
        None if !scalar.plain => return Ok(Resolved::Text(text.to_owned())),
        None => None,
        // The non-specific tag `!` means a text.
        Some("!") => return Ok(Resolved::Text(text.to_owned())),
        Some(tag) => core_tag(tag),
    };
    let cannot = |wanted: &str| YamlError::at(node, format!("cannot read `{text}` as a {wanted}"));
    match (wanted, scalar.tag.is_some()) {
        (Some("str"), _) => Ok(Resolved::Text(text.to_owned())),
        (Some("binary"), _) => {
            use base64::Engine;
            base64::engine::general_purpose::STANDARD
                .decode(text.replace(['\n', ' '], ""))
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .map(Resolved::Text)
                .ok_or_else(|| cannot("text in base64"))
        }
        (None, true) => Ok(Resolved::Text(text.to_owned())),
        (None, false) => Ok(plain(text)),
        (Some(wanted), _) => match (wanted, plain(text)) {
            ("null", value @ Resolved::Null)
            | ("bool", value @ Resolved::Bool(_))
            | ("int", value @ (Resolved::Int(_) | Resolved::Unsigned(_)))
            | ("float", value @ Resolved::Float(_)) => Ok(value),
            ("float", Resolved::Int(number)) => Ok(Resolved::Float(number as f64)),
            ("timestamp", Resolved::Text(text)) => Ok(Resolved::Text(text)),
            ("null" | "bool" | "int" | "float" | "timestamp", _) => Err(cannot(wanted)),
            _ => Ok(Resolved::Text(text.to_owned())),
        },
    }
}

fn plain(text: &str) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Resolved::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Resolved::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Resolved::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Resolved::Float(f64::NEG_INFINITY),
        _ => {}
    }
    static FLOAT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
            .expect("a valid expression")
    });
    match text.as_bytes()[0] {
        // Go takes no `_` before the first digit.
        b'.' if text.starts_with("._") => Resolved::Text(text.to_owned()),
        b'.' => match text.replace('_', "").parse::<f64>() {
            Ok(number)
                if text.bytes().skip(1).all(|byte| {
                    byte.is_ascii_digit() || matches!(byte, b'e' | b'E' | b'+' | b'-' | b'_')
                }) =>
            {
                Resolved::Float(number)
            }
            _ => Resolved::Text(text.to_owned()),
        },
        b'0'..=b'9' | b'+' | b'-' if !is_timestamp(text) => {
            let digits = text.replace('_', "");
            if let Some(number) = integer(&digits) {
                return number;
            }
            if FLOAT.is_match(&digits)
                && let Ok(number) = digits.parse::<f64>()
                && number.is_finite()
            {
                return Resolved::Float(number);
            }
            Resolved::Text(text.to_owned())
        }
        _ => Resolved::Text(text.to_owned()),
    }
}

/// Go's ParseInt and ParseUint with base 0: 0x, 0o, 0b and a leading 0 for octal.
fn integer(digits: &str) -> Option<Resolved> {
    let (negative, magnitude) = match digits.as_bytes().first()? {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits),
    };
    let lower = magnitude.to_ascii_lowercase();
    let (base, number) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if number.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = u64::from_str_radix(number, base).ok()?;
    match (negative, i64::try_from(magnitude)) {
        (false, Ok(number)) => Some(Resolved::Int(number)),
        // ParseUint takes no sign.
        (false, Err(_)) if !digits.starts_with('+') => Some(Resolved::Unsigned(magnitude)),
        (true, Ok(number)) => Some(Resolved::Int(-number)),
        (true, Err(_)) if magnitude == 1 << 63 => Some(Resolved::Int(i64::MIN)),
        _ => None,
    }
}

/// Timestamps stay texts; only that they are no numbers matters, and no timestamp looks like one but by its dashes.
fn is_timestamp(text: &str) -> bool {
    text.len() > 4
        && text.as_bytes()[..4].iter().all(u8::is_ascii_digit)
        && text.as_bytes()[4] == b'-'
}
