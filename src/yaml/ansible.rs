//! YAML as Ansible reads variables: PyYAML, that is YAML 1.1.
//!
//! `yes` and `on` are true (`y` is a text), `0644` is 420, `22:22` is 1342, `1e3` is a text, merged keys yield to those
//! that stand in the mapping itself. A date is a [`Data::Date`], a huge number a [`Data::Big`].

use std::sync::LazyLock;

use num_bigint::BigInt;
use num_traits::ToPrimitive;
use regex::Regex;

use super::{Content, Data, Node, Scalar, YamlError, core_tag, read};

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
    Some(match plain(&node, &scalar.text).ok()? {
        Data::Null => Reading::Null,
        Data::Bool(value) => Reading::Bool(value),
        Data::Int(number) => Reading::Number(number as f64),
        Data::Big(number) => Reading::Number(number.to_f64().unwrap_or(f64::NAN)),
        Data::Float(number) if number.is_finite() => Reading::Number(number),
        Data::Text(text) => Reading::Text(text),
        _ => Reading::Other("a date, or a number that is not finite"),
    })
}

/// Reads a file of variables: one document, a mapping. An empty file holds none.
pub fn variables(text: &str) -> Result<Vec<(String, Data)>, YamlError> {
    let Some(node) = single(text)? else {
        return Ok(Vec::new());
    };
    let pairs = match &node.content {
        Content::Mapping(pairs) => pairs,
        Content::Scalar(scalar) if matches!(resolve(&node, scalar)?, Data::Null) => {
            return Ok(Vec::new());
        }
        _ => {
            return Err(YamlError::at(
                &node,
                "variables must be a mapping of names to values",
            ));
        }
    };
    let mut variables: Vec<(String, Data)> = Vec::new();
    for (key, value) in merged(pairs)? {
        let name = key_text(key)?;
        let read = data(value)?;
        match variables.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = read,
            None => variables.push((name, read)),
        }
    }
    Ok(variables)
}

/// Reads a single value, such as `[1, 2]` or `yes`.
pub fn value(text: &str) -> Result<Data, YamlError> {
    match single(text)? {
        Some(node) => data(&node),
        None => Ok(Data::Null),
    }
}

/// Reads all documents of a text.
pub fn values(text: &str) -> Result<Vec<Data>, YamlError> {
    read(text)?.iter().map(data).collect()
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

fn data(node: &Node) -> Result<Data, YamlError> {
    let tag = node.tag.as_deref().and_then(core_tag);
    match (tag, &node.content) {
        (Some("set"), Content::Mapping(pairs)) => {
            return Ok(Data::Set(
                pairs
                    .iter()
                    .map(|(key, _)| data(key))
                    .collect::<Result<_, _>>()?,
            ));
        }
        (Some("omap" | "pairs"), Content::Sequence(items)) => {
            let mut pairs = Vec::new();
            for item in items {
                let Content::Mapping(inner) = &item.content else {
                    return Err(YamlError::at(item, "a mapping of one key is expected here"));
                };
                for (key, value) in inner {
                    pairs.push(Data::List(vec![data(key)?, data(value)?]));
                }
            }
            return Ok(Data::List(pairs));
        }
        _ => {}
    }
    if let Err(problem) = check_tag(node) {
        return if problem.unsupported {
            Ok(Data::Unreadable(problem))
        } else {
            Err(problem)
        };
    }
    match &node.content {
        Content::Scalar(scalar) => match resolve(node, scalar) {
            Err(problem) if problem.unsupported => Ok(Data::Unreadable(problem)),
            Ok(Data::Text(text)) if is_unsafe(node) => Ok(Data::Literal(text)),
            other => other,
        },
        Content::Sequence(items) => items
            .iter()
            .map(data)
            .collect::<Result<_, _>>()
            .map(Data::List),
        Content::Mapping(pairs) => {
            let mut map: Vec<(Data, Data)> = Vec::new();
            let mut places: std::collections::HashMap<String, usize> =
                std::collections::HashMap::new();
            for (key, value) in merged(pairs)? {
                let Content::Scalar(scalar) = &key.content else {
                    return Err(YamlError::at(
                        key,
                        "a key must be a text, not a list or a mapping",
                    ));
                };
                let name = match resolve(key, scalar)? {
                    Data::Text(text) => Data::Literal(text),
                    Data::Vault(_) => {
                        return Err(YamlError::at(key, "a key cannot be encrypted"));
                    }
                    other => other,
                };
                let value = data(value)?;
                match places.get(&format!("{name:?}")) {
                    Some(place) => map[*place].1 = value,
                    None => {
                        places.insert(format!("{name:?}"), map.len());
                        map.push((name, value));
                    }
                }
            }
            Ok(Data::Map(map))
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
        Data::Text(text) => Ok(text),
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
fn resolve(node: &Node, scalar: &Scalar) -> Result<Data, YamlError> {
    let text = scalar.text.as_str();
    let wanted = match scalar.tag.as_deref() {
        None | Some("!") if !scalar.plain => return Ok(Data::from(text)),
        // Behind this tag quotes make no text of what Ansible reads as something else.
        Some("!unsafe") => match text.strip_suffix('\n').map(|line| plain(node, line)) {
            None | Some(Ok(Data::Text(_))) => None,
            Some(_) => {
                return Err(YamlError::unsupported(
                    node,
                    "`!unsafe` is not read before a block that holds no text; write it in one line",
                ));
            }
        },
        None | Some("!") => None,
        // It is opened where it is used.
        Some(tag @ ("!vault" | "!vault-encrypted")) => {
            return match plain(node, text)? {
                Data::Text(text) => Ok(Data::Vault(text)),
                _ => Err(YamlError::at(
                    node,
                    format!("the tag `{tag}` needs a text that ansible-vault has made"),
                )),
            };
        }
        Some(tag) => match core_tag(tag) {
            Some("str") => return Ok(Data::from(text)),
            Some("binary") => {
                use base64::Engine;
                let digits: String = text.split_whitespace().collect();
                return base64::engine::general_purpose::STANDARD
                    .decode(digits)
                    .map(Data::Bytes)
                    .map_err(|error| {
                        YamlError::at(node, format!("failed to decode base64 data: {error}"))
                    });
            }
            Some(core @ ("int" | "float" | "bool" | "null" | "timestamp")) => Some(core),
            _ => return Err(YamlError::at(node, format!("the tag `{tag}` is unknown"))),
        },
    };
    let value = plain(node, text)?;
    match (wanted, &value) {
        (Some("float"), Data::Int(number)) => Ok(Data::Float(*number as f64)),
        (Some("float"), Data::Text(text)) if text.parse::<f64>().is_ok() => {
            Ok(Data::Float(text.parse().unwrap_or(f64::NAN)))
        }
        (None, _)
        | (Some("null"), Data::Null)
        | (Some("bool"), Data::Bool(_))
        | (Some("float"), Data::Float(_))
        | (Some("timestamp"), Data::Date(_) | Data::Time(..))
        | (Some("int"), Data::Int(_) | Data::Big(_)) => Ok(value),
        (Some("null"), _) => Ok(Data::Null),
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
    matches!(text, "=" | "<<") || !matches!(plain(&node, text), Ok(Data::Text(_)))
}

fn plain(node: &Node, text: &str) -> Result<Data, YamlError> {
    static INT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$")
            .expect("a valid expression")
    });
    static FLOAT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$")
            .expect("a valid expression")
    });
    static TIME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt]|[ \t]+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?(?:[ \t]*(Z|([-+])([0-9]{1,2})(?::([0-9]{2}))?))?$")
            .expect("a valid expression")
    });
    static DATE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$").expect("a valid expression"));
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Data::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Data::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Data::Bool(false)
        }
        _ if INT.is_match(text) => integer(text).ok_or_else(|| {
            YamlError::at(
                node,
                format!("`{text}` is no number that can be read; quote it"),
            )
        })?,
        _ if FLOAT.is_match(text) => fraction(text).ok_or_else(|| {
            YamlError::at(
                node,
                format!("`{text}` is no number that can be read; quote it"),
            )
        })?,
        "=" | "<<" => {
            return Err(YamlError::at(
                node,
                format!("Ansible refuses a plain `{text}`; quote it"),
            ));
        }
        _ if DATE.is_match(text) => match text.parse::<jiff::civil::Date>() {
            Ok(date) => Data::Date(date),
            Err(_) => return Err(no_such_day(node, text)),
        },
        _ => match TIME.captures(text) {
            Some(parts) => time(&parts).ok_or_else(|| no_such_day(node, text))?,
            None => Data::from(text),
        },
    })
}

fn no_such_day(node: &Node, text: &str) -> YamlError {
    YamlError::at(
        node,
        format!("`{text}` looks like a date, but there is no such day; quote it"),
    )
}

fn time(parts: &regex::Captures) -> Option<Data> {
    let number = |index: usize| {
        parts
            .get(index)
            .map_or(Some(0), |part| part.as_str().parse::<i32>().ok())
    };
    let small = |index: usize| number(index).and_then(|number| i8::try_from(number).ok());
    let fraction = parts.get(7).map_or("", |part| part.as_str());
    let micros: i32 = format!("{:0<6}", &fraction[..fraction.len().min(6)])
        .parse()
        .ok()?;
    let year = i16::try_from(number(1)?).ok()?;
    let date = jiff::civil::Date::new(year, small(2)?, small(3)?).ok()?;
    let time = jiff::civil::Time::new(small(4)?, small(5)?, small(6)?, micros * 1000).ok()?;
    let offset = match (parts.get(8).map(|zone| zone.as_str()), parts.get(9)) {
        (None, _) => None,
        (Some("Z"), _) => Some(0),
        (Some(_), sign) => {
            let seconds = number(10)? * 3600 + number(11)? * 60;
            Some(if sign.is_some_and(|sign| sign.as_str() == "-") {
                -seconds
            } else {
                seconds
            })
        }
    };
    let offset = match offset {
        Some(seconds) => Some(jiff::tz::Offset::from_seconds(seconds).ok()?),
        None => None,
    };
    Some(Data::Time(date.to_datetime(time), offset))
}

fn integer(text: &str) -> Option<Data> {
    let digits = text.replace('_', "");
    let (negative, magnitude) = match digits.as_bytes()[0] {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits.as_str()),
    };
    let parse = |digits: &str, base: u32| BigInt::parse_bytes(digits.as_bytes(), base);
    let magnitude = if let Some(rest) = magnitude.strip_prefix("0b") {
        parse(rest, 2)?
    } else if let Some(rest) = magnitude.strip_prefix("0x") {
        parse(rest, 16)?
    } else if magnitude.contains(':') {
        magnitude
            .split(':')
            .try_fold(BigInt::ZERO, |sum, part| Some(sum * 60 + parse(part, 10)?))?
    } else if magnitude.len() > 1 && magnitude.starts_with('0') {
        parse(&magnitude[1..], 8)?
    } else {
        parse(magnitude, 10)?
    };
    let number = if negative { -magnitude } else { magnitude };
    Some(number.to_i64().map_or_else(|| Data::Big(number), Data::Int))
}

fn fraction(text: &str) -> Option<Data> {
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
        match digits.as_str() {
            ".nan" => f64::NAN,
            ".inf" | "+.inf" => f64::INFINITY,
            "-.inf" => f64::NEG_INFINITY,
            digits => digits.parse().ok()?,
        }
    };
    Some(Data::Float(number))
}
