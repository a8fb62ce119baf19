//! YAML as Ansible reads variables: PyYAML, that is YAML 1.1 with libyaml's parser and SafeLoader's types.
//!
//! `yes` and `on` are true (`y` is a text), `0644` is 420, `22:22` is 1342, `1e3` is a text, merged keys yield to those
//! that stand in the mapping itself. A date is a [`Data::Date`], a huge number a [`Data::Big`]. A file that is JSON is
//! read as such.
//!
//! ```
//! use yaml_dialects::{Data, Limits, pyyaml};
//!
//! let read = pyyaml::variables("on: yes\nmode: 0644\nkey: !unsafe '{{'\n", &Limits::default())?;
//! assert_eq!(
//!     read.unwrap(),
//!     [
//!         ("True".to_owned(), Data::Bool(true)),
//!         ("mode".to_owned(), Data::Int(420)),
//!         ("key".to_owned(), Data::Literal("{{".to_owned())),
//!     ],
//! );
//! # Ok::<(), yaml_dialects::Error>(())
//! ```

mod data;
pub mod emit;
mod text;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::LazyLock;

use num_bigint::BigInt;
use num_traits::{FromPrimitive, ToPrimitive};
use regex::Regex;
use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::grammar::json::Json;
use crate::grammar::parser::Parser;
use crate::grammar::scanner::Dialect;
use crate::grammar::{Content, MERGE, Node, Place, Scalar, core_tag, decimal};
use crate::limits::Limits;

pub use data::Data;
pub use text::{float_text, offset_text, time_text};

/// Which tags are known beside YAML's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tags {
    /// None.
    Standard,
    /// `!unsafe` and `!vault`, as in Ansible's files of variables.
    Ansible,
}

/// What a scalar is for whoever gets it as JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
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

impl From<&Data> for Reading {
    fn from(data: &Data) -> Self {
        match data {
            Data::Null => Self::Null,
            Data::Bool(value) => Self::Bool(*value),
            Data::Int(number) => Self::Number(*number as f64),
            Data::Big(number) => Self::Number(number.to_f64().unwrap_or(f64::NAN)),
            Data::Float(number) if number.is_finite() => Self::Number(*number),
            Data::Float(_) => Self::Other("a number that is not finite"),
            Data::Text(text) | Data::Literal(text) => Self::Text(text.clone()),
            Data::Bytes(_) => Self::Other("bytes"),
            Data::Date(_) | Data::Time(..) => Self::Other("a date"),
            _ => Self::Other("a collection"),
        }
    }
}

/// A document of a manifest, as Ansible's module kubernetes.core.k8s reads it: without Ansible's own tags.
pub(crate) fn of_manifest(node: &Rc<Node>) -> Result<Data, Error> {
    Reader {
        tags: Tags::Standard,
    }
    .data(node)
}

/// A scalar of a manifest.
pub(crate) fn scalar_of_manifest(node: &Node, scalar: &Scalar) -> Result<Data, Error> {
    resolve(node, scalar, Tags::Standard)
}

/// A key as Python's JSON writes it, if it surely is what kubectl makes of it.
pub(crate) fn sent_key(data: &Data) -> Option<String> {
    match data {
        Data::Null => Some("null".to_owned()),
        Data::Bool(value) => Some(value.to_string()),
        Data::Int(number) if number.unsigned_abs() < 1 << 53 => Some(number.to_string()),
        _ => data.as_str().map(str::to_owned),
    }
}

/// The path of the first value that the API server would get differently.
pub(crate) fn first_difference(ours: &Value, theirs: &Data) -> Option<String> {
    fn compare(ours: &Value, theirs: &Data, path: &mut Vec<String>) -> bool {
        match (ours, theirs) {
            (Value::Array(ours), Data::List(theirs)) => {
                ours.len() == theirs.len()
                    && ours
                        .iter()
                        .zip(theirs)
                        .enumerate()
                        .all(|(index, (ours, theirs))| {
                            path.push(format!("[{index}]"));
                            let same = compare(ours, theirs, path);
                            if same {
                                path.pop();
                            }
                            same
                        })
            }
            (Value::Object(ours), Data::Map(theirs)) => {
                ours.len() == theirs.len()
                    && theirs.iter().all(|(key, theirs)| {
                        let Some((key, ours)) =
                            sent_key(key).and_then(|key| ours.get_key_value(&key))
                        else {
                            return false;
                        };
                        path.push(if path.is_empty() {
                            key.clone()
                        } else {
                            format!(".{key}")
                        });
                        let same = compare(ours, theirs, path);
                        if same {
                            path.pop();
                        }
                        same
                    })
            }
            (Value::Number(ours), Data::Int(_) | Data::Big(_) | Data::Float(_)) => {
                ours.as_f64().map(Reading::Number) == Some(Reading::from(theirs))
            }
            (Value::Null, Data::Null) => true,
            (Value::Bool(ours), Data::Bool(theirs)) => ours == theirs,
            (Value::String(ours), theirs) => theirs.as_str() == Some(ours),
            _ => false,
        }
    }
    let mut path = Vec::new();
    (!compare(ours, theirs, &mut path)).then(|| path.concat())
}

/// Reads a file of variables: one document, a mapping; none where nothing stands. Keys become texts as Python writes them.
///
/// # Errors
///
/// Where Ansible refuses the file, and where a limit is passed. A value that Ansible reads and this library cannot hold is
/// no error, but a [`Data::Unreadable`].
pub fn variables(text: &str, limits: &Limits) -> Result<Option<Vec<(String, Data)>>, Error> {
    let (place, data) = match whole_json(text, limits) {
        Some(node) => (node.place, json_data(&node)?),
        None => match single(text, limits)? {
            Some(node) => (
                node.place,
                Reader {
                    tags: Tags::Ansible,
                }
                .data(&node)?,
            ),
            None => return Ok(None),
        },
    };
    let pairs = match data {
        Data::Map(pairs) => pairs,
        Data::Null => return Ok(None),
        Data::Unreadable(problem) => return Err(problem),
        _ => {
            return Err(Error::at(
                place,
                "variables must be a mapping of names to values",
            ));
        }
    };
    let mut variables: indexmap::IndexMap<String, Data> = indexmap::IndexMap::new();
    for (key, value) in pairs {
        if let Data::Bytes(_) = key {
            return Err(Error::unsupported(
                place,
                "bytes are not supported as the name of a variable",
            ));
        }
        variables.insert(name(&key), value);
    }
    Ok(Some(variables.into_iter().collect()))
}

/// A key that is no text, as Python writes it.
fn name(key: &Data) -> String {
    match key {
        Data::Null => "None".to_owned(),
        Data::Bool(true) => "True".to_owned(),
        Data::Bool(false) => "False".to_owned(),
        Data::Int(number) => number.to_string(),
        Data::Big(number) => number.to_string(),
        Data::Float(number) => float_text(*number),
        Data::Text(text) | Data::Literal(text) => text.clone(),
        other => other.iso_text(),
    }
}

/// Reads a single value, such as `[1, 2]` or `yes`.
///
/// # Errors
///
/// Where PyYAML refuses the text, where it holds a second document, and where a limit is passed.
pub fn value(text: &str, tags: Tags, limits: &Limits) -> Result<Data, Error> {
    match single(text, limits)? {
        Some(node) => Reader { tags }.data(&node),
        None => Ok(Data::Null),
    }
}

/// Reads all documents of a text, with the standard tags.
///
/// # Errors
///
/// Where PyYAML refuses one of them, and where a limit is passed.
pub fn values(text: &str, limits: &Limits) -> Result<Vec<Data>, Error> {
    let mut parser = Parser::new(text, Dialect::Libyaml, limits)?;
    let mut values = Vec::new();
    while let Some(node) = parser.document()? {
        values.push(
            Reader {
                tags: Tags::Standard,
            }
            .data(&node)?,
        );
    }
    Ok(values)
}

fn single<'a>(text: &'a str, limits: &Limits) -> Result<Option<Rc<Node<'a>>>, Error> {
    let mut parser = Parser::new(text, Dialect::Libyaml, limits)?;
    let first = parser.document()?;
    match parser.document()? {
        Some(second) => Err(Error::at(
            second.place,
            "a second document begins here, but only one is expected",
        )),
        None => Ok(first),
    }
}

/// A text that is JSON as a whole.
fn whole_json<'a>(text: &'a str, limits: &Limits) -> Option<Rc<Node<'a>>> {
    let mut json = Json::new(text, Dialect::Libyaml, limits);
    let node = json.value().ok()??;
    json.value().ok()?.is_none().then_some(node)
}

fn json_data(node: &Rc<Node>) -> Result<Data, Error> {
    Ok(match &node.content {
        Content::Scalar(scalar) if scalar.plain => json_literal(&scalar.text)
            .ok_or_else(|| Error::at(node.place, "this number is too long"))?,
        Content::Scalar(scalar) => Data::from(&*scalar.text),
        Content::Sequence(items) => {
            Data::List(items.iter().map(json_data).collect::<Result<_, _>>()?)
        }
        Content::Mapping(pairs) => {
            let mut map = indexmap::IndexMap::new();
            for (key, value) in pairs {
                let Content::Scalar(key) = &key.content else {
                    continue;
                };
                if key.text.starts_with("__ansible_") {
                    return Ok(Data::Unreadable(Error::unsupported(
                        node.place,
                        format!(
                            "the key `{}` has a meaning of its own in JSON, which is not supported; write the file as YAML",
                            key.text
                        ),
                    )));
                }
                map.insert(key.text.to_string(), json_data(value)?);
            }
            Data::Map(
                map.into_iter()
                    .map(|(key, value)| (Data::Literal(key), value))
                    .collect(),
            )
        }
        Content::Alias(_) | Content::Ring(_) => Data::Null,
    })
}

/// SafeLoader's constructors.
struct Reader {
    tags: Tags,
}

impl Reader {
    fn data(&self, node: &Rc<Node>) -> Result<Data, Error> {
        let result = match &node.content {
            Content::Scalar(scalar) => self.scalar(node, scalar),
            Content::Sequence(items) => self.sequence(node, items),
            Content::Mapping(pairs) => self.mapping(node, pairs),
            Content::Alias(target) => self.data(target),
            Content::Ring(name) => Err(Error::unsupported(
                node.place,
                format!("this alias stands inside of what it stands for, `&{name}`"),
            )),
        };
        match result {
            Err(problem) if problem.kind() == ErrorKind::Unsupported => {
                Ok(Data::Unreadable(problem))
            }
            result => result,
        }
    }

    fn scalar(&self, node: &Node, scalar: &Scalar) -> Result<Data, Error> {
        Ok(match resolve(node, scalar, self.tags)? {
            Data::Text(text) if node.is_unsafe => Data::Literal(text),
            data => data,
        })
    }

    fn sequence(&self, node: &Node, items: &[Rc<Node>]) -> Result<Data, Error> {
        match self.collection_tag(node)? {
            "" | "seq" => items
                .iter()
                .map(|item| self.data(item))
                .collect::<Result<_, _>>()
                .map(Data::List),
            "omap" | "pairs" => items
                .iter()
                .map(|item| match &item.target().content {
                    Content::Mapping(pairs) if pairs.len() == 1 => {
                        let (key, value) = &pairs[0];
                        Ok(Data::List(vec![self.data(key)?, self.data(value)?]))
                    }
                    _ => Err(Error::at(
                        item.place,
                        "a mapping of one key is expected here",
                    )),
                })
                .collect::<Result<_, _>>()
                .map(Data::List),
            tag => Err(Error::at(
                node.place,
                format!("a list cannot be tagged `!!{tag}`"),
            )),
        }
    }

    fn mapping(&self, node: &Node, pairs: &[(Rc<Node>, Rc<Node>)]) -> Result<Data, Error> {
        match self.collection_tag(node)? {
            "" | "map" | "python/dict" => self.pairs(pairs).map(Data::Map),
            "set" => {
                let keys = self.pairs(pairs)?.into_iter().map(|(key, _)| key);
                Ok(Data::Set(keys.collect()))
            }
            tag if pairs.iter().any(
                |(key, _)| matches!(&key.content, Content::Scalar(scalar) if scalar.text == "="),
            ) =>
            {
                Err(Error::unsupported(
                    node.place,
                    format!("a mapping tagged `!!{tag}` is not supported"),
                ))
            }
            tag => Err(Error::at(
                node.place,
                format!("a mapping cannot be tagged `!!{tag}`"),
            )),
        }
    }

    /// The short name of a collection's tag, empty if it has none.
    fn collection_tag<'n>(&self, node: &'n Node) -> Result<&'n str, Error> {
        match node.tag.as_deref() {
            None | Some("!") => Ok(""),
            Some("!unsafe") if self.tags == Tags::Ansible => Ok(""),
            Some(tag) => core_tag(tag)
                .filter(|tag| KNOWN.contains(tag))
                .ok_or_else(|| unknown(node, tag)),
        }
    }

    /// Of keys that are equal in Python, such as 1 and true, the first stays, with the last's value.
    fn pairs(&self, pairs: &[(Rc<Node>, Rc<Node>)]) -> Result<Vec<(Data, Data)>, Error> {
        let mut map: Vec<(Data, Data)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (key, value) in merged(pairs)? {
            let name = match self.key(key)? {
                Data::Text(text) => Data::Literal(text),
                Data::Vault(_) => {
                    return Err(Error::at(key.place, "a key cannot be encrypted"));
                }
                name => name,
            };
            let value = self.data(value)?;
            let identity = identity(&name, map.len());
            match places.get(&identity) {
                Some(place) => map[*place].1 = value,
                None => {
                    places.insert(identity, map.len());
                    map.push((name, value));
                }
            }
        }
        Ok(map)
    }

    fn key(&self, key: &Rc<Node>) -> Result<Data, Error> {
        match &key.target().content {
            Content::Scalar(scalar) if scalar.text == "=" && key.target().is_implicit(scalar) => {
                Ok(Data::from("="))
            }
            Content::Scalar(scalar) => self.scalar(key.target(), scalar),
            _ => Err(Error::at(
                key.place,
                "a key must be a single value, not a list or a mapping",
            )),
        }
    }
}

/// The tags that SafeLoader has constructors for.
const KNOWN: &[&str] = &[
    "null",
    "bool",
    "int",
    "float",
    "binary",
    "timestamp",
    "omap",
    "pairs",
    "set",
    "str",
    "seq",
    "map",
];

fn unknown(node: &Node, tag: &str) -> Error {
    Error::at(node.place, format!("the tag `{tag}` is unknown"))
}

/// What is the same for keys that are equal.
fn identity(key: &Data, number: usize) -> String {
    let whole = |number: BigInt| format!("number {number}");
    match key {
        Data::Bool(value) => whole(BigInt::from(*value)),
        Data::Int(number) => whole(BigInt::from(*number)),
        Data::Big(number) => whole(number.clone()),
        // No two of them are equal.
        Data::Float(value) if value.is_nan() => format!("nan {number}"),
        Data::Float(value) if value.fract() == 0.0 => {
            BigInt::from_f64(*value).map_or_else(|| format!("{value}"), whole)
        }
        Data::Text(text) | Data::Literal(text) => format!("text {text}"),
        other => format!("{other:?}"),
    }
}

/// A key and its value.
type Pair<'a> = (&'a Rc<Node<'a>>, &'a Rc<Node<'a>>);

/// Unfolds `<<`: merged keys come first, those of the mapping itself replace them.
fn merged<'a>(pairs: &'a [(Rc<Node<'a>>, Rc<Node<'a>>)]) -> Result<Vec<Pair<'a>>, Error> {
    let wrong = |node: &Node| {
        Err(Error::at(
            node.place,
            "only mappings can be merged with `<<`",
        ))
    };
    // To PyYAML whatever has the tag is one.
    let is_merge = |key: &Rc<Node>| {
        let key = key.target();
        key.is_merge_key() || key.tag.as_deref() == Some(MERGE)
    };
    let mut unfolded = Vec::new();
    for (_, value) in pairs.iter().filter(|(key, _)| is_merge(key)) {
        match &value.target().content {
            Content::Mapping(pairs) => unfolded.extend(merged(pairs)?),
            Content::Sequence(items) => {
                // Of several, the first wins.
                for item in items.iter().rev() {
                    let Content::Mapping(pairs) = &item.target().content else {
                        return wrong(item);
                    };
                    unfolded.extend(merged(pairs)?);
                }
            }
            _ => return wrong(value),
        }
    }
    let own = pairs.iter().filter(|(key, _)| !is_merge(key));
    unfolded.extend(own.map(|(key, value)| (key, value)));
    Ok(unfolded)
}

/// What PyYAML's SafeLoader makes of a scalar.
fn resolve(node: &Node, scalar: &Scalar, tags: Tags) -> Result<Data, Error> {
    let text = &*scalar.text;
    let cannot =
        |wanted: &str| Error::at(node.place, format!("cannot read `{text}` as a {wanted}"));
    let wanted = match node.tag.as_deref() {
        None if !scalar.plain => return Ok(Data::from(text)),
        // Ansible looks at what is marked as if it were plain, even where it is quoted.
        None | Some("!") => return plain(node, text),
        Some("!unsafe") if tags == Tags::Ansible => return plain(node, text),
        // It is opened where it is used.
        Some(tag @ ("!vault" | "!vault-encrypted")) if tags == Tags::Ansible => {
            return match plain(node, text)? {
                Data::Text(text) => Ok(Data::Vault(text)),
                _ => Err(Error::at(
                    node.place,
                    format!("the tag `{tag}` needs a text that ansible-vault has made"),
                )),
            };
        }
        Some("tag:yaml.org,2002:python/unicode") if tags == Tags::Ansible => "str",
        Some(tag) => core_tag(tag)
            .filter(|tag| KNOWN.contains(tag))
            .ok_or_else(|| unknown(node, tag))?,
    };
    match wanted {
        "str" => Ok(Data::from(text)),
        "null" => Ok(Data::Null),
        "bool" => match text.to_lowercase().as_str() {
            "yes" | "true" | "on" => Ok(Data::Bool(true)),
            "no" | "false" | "off" => Ok(Data::Bool(false)),
            _ => Err(cannot("bool")),
        },
        "int" => integer(text).ok_or_else(|| cannot("int")),
        "float" => fraction(text).ok_or_else(|| cannot("float")),
        "timestamp" => match plain(node, text)? {
            data @ (Data::Date(_) | Data::Time(..)) => Ok(data),
            _ => Err(cannot("timestamp")),
        },
        "binary" => binary(text)
            .map(Data::Bytes)
            .ok_or_else(|| cannot("text in base64")),
        tag => Err(Error::at(
            node.place,
            format!("`{text}` cannot be tagged `!!{tag}`"),
        )),
    }
}

/// Python's base64 skips what is not in its alphabet, and stops at the padding.
fn binary(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    if !text.is_ascii() {
        return None;
    }
    let in_alphabet =
        |character: &char| character.is_ascii_alphanumeric() || matches!(character, '+' | '/');
    let mut digits: String = text
        .chars()
        .filter(|character| in_alphabet(character) || *character == '=')
        .collect();
    if let Some(end) = digits.find('=') {
        let needed = (4 - end % 4) % 4;
        let padding = digits[end..]
            .chars()
            .take_while(|character| *character == '=')
            .count();
        if needed == 3 || padding < needed {
            return None;
        }
        if digits[end..].len() > padding && needed == 0 {
            return None;
        }
        digits.truncate(end);
    } else if !digits.len().is_multiple_of(4) {
        return None;
    }
    base64::engine::general_purpose::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        base64::engine::GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone),
    )
    .decode(digits)
    .ok()
}

/// Whether a plain scalar of this text is read as something other than the text.
pub fn means_something_else(text: &str) -> bool {
    let node = Node {
        place: Place::default(),
        tag: None,
        is_unsafe: false,
        content: Content::default(),
    };
    matches!(text, "=" | "<<") || !matches!(plain(&node, text), Ok(Data::Text(_)))
}

/// What a scalar without a tag is. Only a marked one can end in a line end: that is no part of what PyYAML looks at, but of
/// what it then reads.
fn plain(node: &Node, text: &str) -> Result<Data, Error> {
    let Some(line) = text.strip_suffix('\n').filter(|line| !line.is_empty()) else {
        return plain_line(node, text);
    };
    match plain_line(node, line)? {
        Data::Text(_) => Ok(Data::from(text)),
        data @ Data::Bool(_) => Err(with_line_end(node, line, &data)),
        data @ Data::Float(number) if !number.is_finite() => Err(with_line_end(node, line, &data)),
        data => Ok(data),
    }
}

fn with_line_end(node: &Node, line: &str, data: &Data) -> Error {
    let what = match data {
        Data::Bool(_) => "true or false",
        _ => "a number",
    };
    Error::at(
        node.place,
        format!(
            "Ansible cannot read `{line}` with a line end behind it as {what}; leave the line end out"
        ),
    )
}

fn plain_line(node: &Node, text: &str) -> Result<Data, Error> {
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
    if let Some(number) = decimal(text) {
        return Ok(Data::Int(number));
    }
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Data::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Data::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Data::Bool(false)
        }
        "=" | "<<" => {
            return Err(Error::at(
                node.place,
                format!("Ansible refuses a plain `{text}`; quote it"),
            ));
        }
        // PyYAML, too, looks at the first character before anything else.
        _ if !text.starts_with(['+', '-', '.']) && !text.as_bytes()[0].is_ascii_digit() => {
            Data::from(text)
        }
        _ if INT.is_match(text) => integer(text).ok_or_else(|| {
            Error::at(
                node.place,
                format!("`{text}` is no number that can be read; quote it"),
            )
        })?,
        _ if FLOAT.is_match(text) => fraction(text).ok_or_else(|| {
            Error::at(
                node.place,
                format!("`{text}` is no number that can be read; quote it"),
            )
        })?,
        _ if DATE.is_match(text) => match text.parse::<jiff::civil::Date>() {
            Ok(date) if date.year() > 0 => Data::Date(date),
            _ => return Err(no_such_day(node, text)),
        },
        _ => match TIME.captures(text) {
            Some(parts) => time(&parts).ok_or_else(|| no_such_day(node, text))?,
            None => Data::from(text),
        },
    })
}

fn no_such_day(node: &Node, text: &str) -> Error {
    Error::at(
        node.place,
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
    let year = i16::try_from(number(1)?).ok().filter(|year| *year > 0)?;
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
        Some(seconds) if seconds.abs() < 24 * 3600 => {
            Some(jiff::tz::Offset::from_seconds(seconds).ok()?)
        }
        Some(_) => return None,
        None => None,
    };
    Some(Data::Time(date.to_datetime(time), offset))
}

/// As `int` reads digits of a base, with its prefix and a sign of its own.
fn python_integer(digits: &str, base: u32) -> Option<BigInt> {
    let digits = digits.trim();
    let (negative, digits) = match digits.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, digits.strip_prefix('+').unwrap_or(digits)),
    };
    let lower = digits.to_ascii_lowercase();
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        _ => "",
    };
    let digits = lower.strip_prefix(prefix).unwrap_or(&lower);
    // Python refuses longer ones.
    let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !plain || base == 10 && digits.len() > 4300 {
        return None;
    }
    let number = BigInt::parse_bytes(digits.as_bytes(), base)?;
    Some(if negative { -number } else { number })
}

fn integer(text: &str) -> Option<Data> {
    let digits = text.replace('_', "");
    let (negative, magnitude) = match digits.as_bytes().first()? {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits.as_str()),
    };
    let magnitude = if let Some(rest) = magnitude.strip_prefix("0b") {
        python_integer(rest, 2)?
    } else if let Some(rest) = magnitude.strip_prefix("0x") {
        python_integer(rest, 16)?
    } else if magnitude == "0" {
        BigInt::ZERO
    } else if magnitude.starts_with('0') {
        python_integer(magnitude, 8)?
    } else if magnitude.contains(':') {
        if magnitude.len() > 4300 {
            return None;
        }
        magnitude.split(':').try_fold(BigInt::ZERO, |sum, part| {
            Some(sum * 60 + python_integer(part, 10)?)
        })?
    } else {
        python_integer(magnitude, 10)?
    };
    Some(whole(if negative { -magnitude } else { magnitude }))
}

fn whole(number: BigInt) -> Data {
    number.to_i64().map_or_else(|| Data::Big(number), Data::Int)
}

/// As `float` reads a text.
fn python_float(text: &str) -> Option<f64> {
    let text = text.trim();
    // Rust reads the same words and digits.
    text.parse().ok()
}

fn fraction(text: &str) -> Option<Data> {
    let digits = text.replace('_', "").to_lowercase();
    let (negative, magnitude) = match digits.as_bytes().first()? {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits.as_str()),
    };
    let number = match magnitude {
        ".inf" => f64::INFINITY,
        ".nan" => f64::NAN,
        // The smallest part first: additions in another order give other last digits.
        _ if magnitude.contains(':') => {
            let mut base = 1.0;
            let mut sum = 0.0;
            for part in magnitude.rsplit(':') {
                sum += python_float(part)? * base;
                base *= 60.0;
            }
            sum
        }
        _ => python_float(magnitude)?,
    };
    Some(Data::Float(if negative { -number } else { number }))
}

/// A number or word of JSON, as Python reads it.
fn json_literal(text: &str) -> Option<Data> {
    Some(match text {
        "null" => Data::Null,
        "true" => Data::Bool(true),
        "false" => Data::Bool(false),
        "NaN" => Data::Float(f64::NAN),
        "Infinity" => Data::Float(f64::INFINITY),
        "-Infinity" => Data::Float(f64::NEG_INFINITY),
        _ if text.contains(['.', 'e', 'E']) => Data::Float(text.parse().ok()?),
        _ => whole(python_integer(text, 10)?),
    })
}
