//! YAML as Ansible reads variables: PyYAML, that is YAML 1.1.
//!
//! `yes` and `on` are true (`y` is a text), `0644` is 420, `22:22` is 1342, `1e3` is a text, merged keys yield to those
//! that stand in the mapping itself. What JSON cannot hold (keys that are no texts, huge numbers, dates with times) is
//! refused with the advice to quote it, instead of being read as something else.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::{Content, Node, Scalar, YamlError, core_tag, read};

/// A value of a variables file.
#[derive(Clone, Debug, PartialEq)]
pub struct VariableValue {
    pub value: Value,
    /// It was marked `!unsafe`: never a template.
    pub literal: bool,
    /// Why Chandlery cannot hold what Ansible reads here; the value is null then.
    pub problem: Option<YamlError>,
}

/// What a scalar is for whoever gets it as JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// Something that JSON has no word for, as people call it.
    Other(&'static str),
}

impl std::fmt::Display for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => write!(f, "null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => write!(f, "the number {number}"),
            Self::Text(text) => write!(f, "the text `{text}`"),
            Self::Other(what) => write!(f, "{what}"),
        }
    }
}

/// What PyYAML reads, as kubectl's reading is compared with it; `None` where it refuses.
pub fn reading(scalar: &Scalar) -> Option<Reading> {
    let node = Node {
        line: 1,
        column: 1,
        tag: None,
        content: Content::Sequence(Vec::new()),
    };
    let tag = scalar.tag.as_deref().filter(|tag| *tag != "!");
    match tag.map(core_tag) {
        None if !scalar.plain => return Some(Reading::Text(scalar.text.clone())),
        None | Some(Some("int" | "float" | "bool" | "null")) => {}
        Some(Some("str")) => return Some(Reading::Text(scalar.text.clone())),
        Some(Some("binary")) => return Some(Reading::Other("bytes")),
        Some(Some("timestamp")) => return Some(Reading::Other("a date")),
        Some(_) => return None,
    }
    match plain(&node, &scalar.text) {
        Ok(Value::Null) => Some(Reading::Null),
        Ok(Value::Bool(value)) => Some(Reading::Bool(value)),
        Ok(Value::Number(number)) => Some(Reading::Number(number.as_f64().unwrap_or(f64::NAN))),
        Ok(value) => Some(Reading::Text(value.as_str().unwrap_or_default().to_owned())),
        Err(error) if !error.unsupported => None,
        // Whole numbers beyond 64 bits and dates.
        Err(_) => Some(match scalar.text.replace('_', "").parse::<f64>() {
            Ok(number) => Reading::Number(number),
            Err(_) => Reading::Other("a date, or a number that is not finite"),
        }),
    }
}

/// Reads a file of variables: one document, a mapping. An empty file holds none.
pub fn variables(text: &str) -> Result<Vec<(String, VariableValue)>, YamlError> {
    let Some(node) = single(text)? else {
        return Ok(Vec::new());
    };
    let pairs = match &node.content {
        Content::Mapping(pairs) => pairs,
        Content::Scalar(scalar) if matches!(resolve(&node, scalar)?, Value::Null) => {
            return Ok(Vec::new());
        }
        _ => {
            return Err(YamlError::at(
                &node,
                "variables must be a mapping of names to values",
            ));
        }
    };
    let mut variables: Vec<(String, VariableValue)> = Vec::new();
    for (key, value) in merged(pairs)? {
        let name = key_text(key)?;
        let (json, problem) = match to_json(value, is_unsafe(value)) {
            Ok(json) => (json, None),
            Err(problem) if problem.unsupported => (Value::Null, Some(problem)),
            Err(problem) => return Err(problem),
        };
        let read = VariableValue {
            literal: is_unsafe(value),
            value: json,
            problem,
        };
        match variables.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = read,
            None => variables.push((name, read)),
        }
    }
    Ok(variables)
}

/// Reads a single value, such as `[1, 2]` or `yes`.
pub fn value(text: &str) -> Result<Value, YamlError> {
    match single(text)? {
        Some(node) => to_json(&node, false),
        None => Ok(Value::Null),
    }
}

fn single(text: &str) -> Result<Option<Node>, YamlError> {
    let mut documents = read(text)?.into_iter();
    let first = documents.next();
    match documents.next() {
        Some(second) => Err(YamlError::at(
            &second,
            "a second document begins here, but only one is expected",
        )),
        None => Ok(first),
    }
}

fn is_unsafe(node: &Node) -> bool {
    matches!(&node.content, Content::Scalar(scalar) if scalar.tag.as_deref() == Some("!unsafe"))
}

/// Lists and mappings may carry the tags of lists and mappings.
fn check_tag(node: &Node) -> Result<(), YamlError> {
    let Some(tag) = node.tag.as_deref() else {
        return Ok(());
    };
    match (core_tag(tag), &node.content) {
        (Some("seq"), Content::Sequence(_)) | (Some("map"), Content::Mapping(_)) => Ok(()),
        (None, _) if tag == "!" => Ok(()),
        (Some("set" | "omap" | "pairs"), _) | (None, _)
            if tag == "!unsafe" || core_tag(tag).is_some() =>
        {
            Err(YamlError::unsupported(
                node,
                format!("the tag `{tag}` is not read on lists and mappings"),
            ))
        }
        _ => Err(YamlError::at(node, format!("the tag `{tag}` is unknown"))),
    }
}

fn to_json(node: &Node, literal: bool) -> Result<Value, YamlError> {
    check_tag(node)?;
    match &node.content {
        Content::Scalar(scalar) => {
            if is_unsafe(node)
                && !literal
                && (scalar.text.contains("{{") || scalar.text.contains("{%"))
            {
                return Err(YamlError::unsupported(
                    node,
                    "`!unsafe` is read on a variable itself, not yet on a value inside of one",
                ));
            }
            resolve(node, scalar)
        }
        Content::Sequence(items) => items.iter().map(|item| to_json(item, false)).collect(),
        Content::Mapping(pairs) => {
            let mut map = Map::new();
            for (key, value) in merged(pairs)? {
                map.insert(key_text(key)?, to_json(value, false)?);
            }
            Ok(Value::Object(map))
        }
    }
}

/// Unfolds `<<`: merged keys come first, those of the mapping itself replace them.
fn merged(pairs: &[(Node, Node)]) -> Result<Vec<(&Node, &Node)>, YamlError> {
    let mut unfolded = Vec::new();
    for (_, value) in pairs.iter().filter(|(key, _)| key.is_merge_key()) {
        match &value.content {
            Content::Mapping(pairs) => unfolded.extend(merged(pairs)?),
            Content::Sequence(items) => {
                // Of several, the first wins.
                for item in items.iter().rev() {
                    let Content::Mapping(pairs) = &item.content else {
                        return Err(YamlError::at(item, "only mappings can be merged with `<<`"));
                    };
                    unfolded.extend(merged(pairs)?);
                }
            }
            Content::Scalar(_) => {
                return Err(YamlError::at(
                    value,
                    "only mappings can be merged with `<<`",
                ));
            }
        }
    }
    unfolded.extend(
        pairs
            .iter()
            .filter(|(key, _)| !key.is_merge_key())
            .map(|(key, value)| (key, value)),
    );
    Ok(unfolded)
}

fn key_text(key: &Node) -> Result<String, YamlError> {
    let Content::Scalar(scalar) = &key.content else {
        return Err(YamlError::at(
            key,
            "a key must be a text, not a list or a mapping",
        ));
    };
    match resolve(key, scalar)? {
        Value::String(text) => Ok(text),
        _ => Err(YamlError::at(
            key,
            format!(
                "Ansible does not read the key `{}` as a text; quote it",
                scalar.text
            ),
        )),
    }
}

/// What PyYAML's SafeLoader makes of a scalar.
fn resolve(node: &Node, scalar: &Scalar) -> Result<Value, YamlError> {
    let text = scalar.text.as_str();
    let wanted = match scalar.tag.as_deref() {
        None if !scalar.plain => return Ok(Value::from(text)),
        None => None,
        Some("!" | "!unsafe") if !scalar.plain => return Ok(Value::from(text)),
        Some("!" | "!unsafe") => None,
        Some("!vault" | "!vault-encrypted") => {
            return Err(YamlError::unsupported(
                node,
                "values encrypted with ansible-vault cannot be read yet",
            ));
        }
        Some(tag) => match core_tag(tag) {
            Some("str") => return Ok(Value::from(text)),
            Some(core @ ("int" | "float" | "bool" | "null")) => Some(core),
            _ => return Err(YamlError::at(node, format!("the tag `{tag}` is unknown"))),
        },
    };
    let value = plain(node, text)?;
    match (wanted, &value) {
        (Some("float"), Value::Number(number)) => Ok(number
            .as_f64()
            .and_then(serde_json::Number::from_f64)
            .map_or(Value::Null, Value::Number)),
        (None, _)
        | (Some("null"), Value::Null)
        | (Some("bool"), Value::Bool(_))
        | (Some("int"), Value::Number(_)) => Ok(value),
        (Some(wanted), _) => Err(YamlError::at(
            node,
            format!("cannot read `{text}` as a {wanted}"),
        )),
    }
}

/// Whether a plain scalar of this text is read as something other than the text.
pub fn means_something_else(text: &str) -> bool {
    let node = Node {
        line: 1,
        column: 1,
        tag: None,
        content: Content::Sequence(Vec::new()),
    };
    matches!(text, "=" | "<<") || !matches!(plain(&node, text), Ok(Value::String(_)))
}

fn plain(node: &Node, text: &str) -> Result<Value, YamlError> {
    static INT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$")
            .expect("a valid expression")
    });
    static FLOAT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$")
            .expect("a valid expression")
    });
    static TIME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}")
            .expect("a valid expression")
    });
    static DATE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$").expect("a valid expression"));
    let refuse = |what: &str| {
        Err(YamlError::unsupported(
            node,
            format!("Ansible reads `{text}` as {what}; quote it to make it a text"),
        ))
    };
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        _ if INT.is_match(text) => match integer(text) {
            Some(number) => number,
            None => return refuse("a whole number of more than 64 bits"),
        },
        _ if FLOAT.is_match(text) => match fraction(text) {
            Some(number) => number,
            None => return refuse("a number that is not finite"),
        },
        "=" | "<<" => {
            return Err(YamlError::at(
                node,
                format!("Ansible refuses a plain `{text}`; quote it"),
            ));
        }
        _ if DATE.is_match(text) => {
            if text.parse::<jiff::civil::Date>().is_err() {
                return Err(YamlError::at(
                    node,
                    format!("`{text}` looks like a date, but there is no such day; quote it"),
                ));
            }
            return refuse("a date");
        }
        _ if TIME.is_match(text) => return refuse("a date with a time"),
        _ => Value::from(text),
    })
}

fn integer(text: &str) -> Option<Value> {
    let digits = text.replace('_', "");
    let (negative, magnitude) = match digits.as_bytes()[0] {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits.as_str()),
    };
    let magnitude: i128 = if let Some(rest) = magnitude.strip_prefix("0b") {
        i128::from_str_radix(rest, 2).ok()?
    } else if let Some(rest) = magnitude.strip_prefix("0x") {
        i128::from_str_radix(rest, 16).ok()?
    } else if magnitude.contains(':') {
        magnitude.split(':').try_fold(0i128, |sum, part| {
            sum.checked_mul(60)?.checked_add(part.parse().ok()?)
        })?
    } else if magnitude.len() > 1 && magnitude.starts_with('0') {
        i128::from_str_radix(&magnitude[1..], 8).ok()?
    } else {
        magnitude.parse().ok()?
    };
    let number = if negative { -magnitude } else { magnitude };
    i64::try_from(number)
        .map(Value::from)
        .or_else(|_| u64::try_from(number).map(Value::from))
        .ok()
}

fn fraction(text: &str) -> Option<Value> {
    let digits = text.replace('_', "").to_ascii_lowercase();
    let number = if digits.contains(':') {
        let (negative, magnitude) = match digits.as_bytes()[0] {
            b'-' => (true, &digits[1..]),
            b'+' => (false, &digits[1..]),
            _ => (false, digits.as_str()),
        };
        let sum = magnitude.split(':').try_fold(0.0, |sum, part| {
            Some(sum * 60.0 + part.parse::<f64>().ok()?)
        })?;
        if negative { -sum } else { sum }
    } else {
        digits.parse().ok()?
    };
    serde_json::Number::from_f64(number).map(Value::Number)
}
