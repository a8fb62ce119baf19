//! YAML as kubectl reads it: Kubernetes' own splitting of streams, then sigs.k8s.io/yaml, that is go-yaml 2 followed by
//! Go's JSON.
//!
//! A stream that begins with `{` is read as JSON first. Any other is split at lines that begin with `---` before anything
//! is parsed, and of each part only the first document counts. Of duplicate keys the last wins. `yes`, `on`, `y` are
//! true; `0644` is 420, also as a key; `1e3` is 1000; `22:22` is a text; whole numbers beyond 64 bits become floats;
//! infinities are errors.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Number, Value};

use crate::divergence::{Warning, WarningKind};
use crate::error::Error;
use crate::grammar::json::Json;
use crate::grammar::parser::Parser;
use crate::grammar::scanner::Dialect;
use crate::grammar::{Content, Node, Place, Scalar, core_tag, decimal, number};
use crate::limits::Limits;

/// At most this many warnings of a kind are given for a document.
pub(crate) const MANY: usize = 100;
/// The longest path of which a place is kept.
const LONGEST_PATH: usize = 1024;

/// One document of a manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Position in the stream, from 1; empty documents count.
    pub number: u32,
    /// Line on which its content begins, from 1.
    pub line: u32,
    pub value: Value,
}

/// Line and column of each field by its path, as in `spec.ports[0].name`.
pub type Places = BTreeMap<String, (u32, u32)>;

/// Reads a stream. Empty documents are left out.
///
/// # Errors
///
/// Where kubectl refuses the stream, and where a limit is passed. An error says the number of its document.
pub fn read(stream: &str, limits: &Limits) -> Result<Vec<Document>, Error> {
    reading(stream, limits, |reader| {
        let documents = reader.documents.into_iter();
        documents.map(|read| read.document).collect()
    })
}

/// Where everything stands in a stream, by the number of the document; nothing of one that cannot be read. Costs as much
/// as reading it.
pub fn places(stream: &str, limits: &Limits) -> BTreeMap<u32, Places> {
    let read = reading(stream, limits, |reader| {
        let documents = reader.documents.iter();
        documents
            .map(|read| (read.document.number, read.places()))
            .collect()
    });
    read.unwrap_or_default()
}

/// Reads a stream to the end. An error comes with the number of its document.
pub(crate) fn reading<T>(
    stream: &str,
    limits: &Limits,
    then: impl FnOnce(Reader) -> T,
) -> Result<T, Error> {
    let text = stream.strip_prefix('\u{feff}').unwrap_or(stream);
    // kubectl looks that far for a brace.
    let begins_json = text
        .char_indices()
        .find(|(_, character)| !character.is_whitespace())
        .is_some_and(|(at, character)| character == '{' && at < 4096);
    let mut reader = Reader::new(limits);
    let rest = if begins_json {
        reader.json(text)?
    } else {
        text
    };
    let lines = with_go_lines(rest);
    // What is not cut into lines as it stands may be cut otherwise.
    reader.may_differ = begins_json || *lines != *stream;
    let lines_before = text[..text.len() - rest.len()].matches('\n').count();
    reader.yaml(&lines, number(lines_before))?;
    Ok(then(reader))
}

/// A document, and the node that it was made of.
pub(crate) struct Read<'a> {
    pub document: Document,
    pub node: Rc<Node<'a>>,
    /// Line of the stream that is the first one to the node, from 1.
    pub first_line: u32,
}

impl Read<'_> {
    /// Where each field stands.
    pub fn places(&self) -> Places {
        let mut decoder = Decoder::new(self.first_line);
        // It was read without an error before.
        let _ = decoder.value(&self.node, Some(""));
        decoder.places
    }
}

/// What was read so far.
pub(crate) struct Reader<'a> {
    limits: Limits,
    pub documents: Vec<Read<'a>>,
    /// Keys that stand there twice, and what is dropped.
    pub warnings: Vec<Warning>,
    /// The number of the document being read.
    pub number: u32,
    /// How many values all documents hold.
    nodes: usize,
    /// Whether Ansible may read another grammar in it, or other keys.
    pub may_differ: bool,
}

impl<'a> Reader<'a> {
    fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            documents: Vec::new(),
            warnings: Vec::new(),
            number: 0,
            nodes: 0,
            may_differ: false,
        }
    }

    /// Reads JSON values as long as there are any: what is left is YAML, unless two values made clear that all is JSON.
    fn json(&mut self, text: &'a str) -> Result<&'a str, Error> {
        let mut json = Json::new(text, Dialect::Go, &self.limits);
        let mut rest = text;
        loop {
            let error = match json.value() {
                Ok(None) => return Ok(""),
                Ok(Some(node)) => {
                    self.number += 1;
                    rest = &text[json.read()..];
                    self.document(node, 1)
                        .map_err(|error| error.in_document(self.number))?;
                    continue;
                }
                Err(error) => error.in_document(self.number + 1),
            };
            if self.number > 1 {
                return Err(error);
            }
            let blank = |character: char| character != '\n' && character.is_whitespace();
            let behind = rest.trim_start_matches(blank);
            // Go looks at 4 bytes at a time, and gives up when there are fewer.
            if behind.len() < 4 {
                return Err(error);
            }
            return Ok(behind.strip_prefix('\n').unwrap_or(behind));
        }
    }

    /// Reads YAML documents, split at lines that begin with `---`.
    fn yaml(&mut self, text: &'a str, mut line_number: u32) -> Result<(), Error> {
        let mut at = 0;
        let mut part: Option<(u32, usize)> = None;
        for line in text.split_inclusive('\n') {
            line_number = line_number.saturating_add(1);
            let begin = at;
            at += line.len();
            if let Some(marked) = line.strip_prefix("---") {
                let behind = marked.trim();
                if !behind.is_empty() && !behind.starts_with('#') {
                    let place = Place {
                        line: line_number,
                        column: 4,
                    };
                    if let Some((first_line, start)) = part {
                        self.part(&text[start..begin], first_line)?;
                    }
                    let shown: String = behind.chars().take(80).collect();
                    let message =
                        format!("only a comment may follow `---` on its line, not `{shown}`");
                    return Err(Error::at(place, message).in_document(self.number + 1));
                }
                let is_marker_to_all = marked.starts_with([' ', '\n'])
                    && marked
                        .bytes()
                        .all(|byte| matches!(byte, b' '..=b'~' | b'\n'));
                self.may_differ |= !is_marker_to_all;
                // The marker that ends a part is dropped, one before any other line belongs to the part.
                if let Some((first_line, start)) = part.take() {
                    self.part(&text[start..begin], first_line)?;
                    continue;
                }
            }
            part.get_or_insert((line_number, begin));
        }
        match part {
            Some((first_line, start)) => self.part(&text[start..], first_line),
            None => Ok(()),
        }
    }

    /// Reads the first document of a part.
    fn part(&mut self, text: &'a str, first_line: u32) -> Result<(), Error> {
        self.number = self.number.saturating_add(1);
        let number = self.number;
        let shift = |error: Error| {
            let place = error.place().below(first_line);
            error.moved(place).in_document(number)
        };
        refuse_marks(text).map_err(shift)?;
        let mut parser = Parser::new(text, Dialect::Go, &self.limits).map_err(shift)?;
        if let Some(node) = parser.document().map_err(shift)? {
            self.document(node, first_line).map_err(shift)?;
            if let Some(place) = parser.rest() {
                self.may_differ = true;
                self.warnings.push(Warning::new(
                    WarningKind::Dropped,
                    number,
                    place.below(first_line),
                    "kubectl drops what follows from here on: it reads one document between two lines `---`",
                ));
            }
        }
        self.may_differ |= parser.has_parted();
        Ok(())
    }

    fn document(&mut self, node: Rc<Node<'a>>, first_line: u32) -> Result<(), Error> {
        let mut decoder = Decoder::new(first_line);
        let value = decoder.value(&node, None)?;
        self.nodes += decoder.decoded;
        if self.nodes > self.limits.nodes {
            return Err(self.limits.too_many_nodes(node.place));
        }
        if value.is_null() {
            return Ok(());
        }
        self.may_differ |= !decoder.duplicates.is_empty();
        let number = self.number;
        let duplicates = decoder.duplicates.into_iter().map(|(place, message)| {
            Warning::new(WarningKind::DuplicateKey, number, place, message)
        });
        self.warnings.extend(duplicates);
        let document = Document {
            number,
            line: node.place.below(first_line).line,
            value,
        };
        self.documents.push(Read {
            document,
            node,
            first_line,
        });
        Ok(())
    }
}

/// Go reads line by line: each ends with a line feed, the last one, too, and one carriage return before it is dropped.
fn with_go_lines(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    if text.contains("\r\n") {
        text = Cow::Owned(text.replace("\r\n", "\n"));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.to_mut().push('\n');
    }
    text
}

/// go-yaml looks for a byte order mark not where it is, but where its buffer begins, and drops other characters when it
/// finds one: only where the whole part fits into the buffer a mark is what it seems to be.
fn refuse_marks(text: &str) -> Result<(), Error> {
    let inner = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some(at) = inner.rfind('\u{feff}') else {
        return Ok(());
    };
    if inner.len() <= 500 && !inner.starts_with('\u{feff}') && inner[at..].chars().nth(5).is_some()
    {
        return Ok(());
    }
    let before = &inner[..at];
    Err(Error::unsupported(
        Place {
            line: number(before.matches('\n').count() + 1),
            column: number(
                before
                    .rsplit('\n')
                    .next()
                    .unwrap_or_default()
                    .chars()
                    .count()
                    + 1,
            ),
        },
        "a byte order mark stands here, within the stream; take it out",
    ))
}

/// What a document means to go-yaml.
struct Decoder {
    first_line: u32,
    places: Places,
    duplicates: Vec<(Place, String)>,
    /// How many values were decoded, and how many of them by way of aliases.
    decoded: usize,
    repeated: usize,
    within_alias: usize,
}

impl Decoder {
    fn new(first_line: u32) -> Self {
        Self {
            first_line,
            places: Places::new(),
            duplicates: Vec::new(),
            decoded: 1,
            repeated: 0,
            within_alias: 0,
        }
    }

    fn count(&mut self, node: &Node) -> Result<(), Error> {
        self.decoded += 1;
        self.repeated += usize::from(self.within_alias > 0);
        if self.repeated > 100
            && self.decoded > 1000
            && self.repeated as f64 / self.decoded as f64 > 0.99
        {
            return Err(Error::at(
                node.place,
                "nearly all of the document comes by way of aliases; kubectl refuses that",
            ));
        }
        Ok(())
    }

    fn shift(&self, place: Place) -> Place {
        place.below(self.first_line)
    }

    /// Runs something for what an alias stands for.
    fn through<T>(
        &mut self,
        node: &Rc<Node>,
        run: impl FnOnce(&mut Self, &Rc<Node>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.count(node)?;
        match &node.content {
            Content::Alias(target) => {
                self.within_alias += 1;
                self.count(target)?;
                let result = run(self, target);
                self.within_alias -= 1;
                result
            }
            Content::Ring(name) => Err(Error::at(
                node.place,
                format!("this alias stands inside of what it stands for, `&{name}`"),
            )),
            _ => run(self, node),
        }
    }

    /// The value of a node. With a path, notes where everything within it stands.
    fn value(&mut self, node: &Rc<Node>, path: Option<&str>) -> Result<Value, Error> {
        if let Some(path) = path.filter(|path| !path.is_empty()) {
            let Place { line, column } = self.shift(node.place);
            self.places.entry(path.to_owned()).or_insert((line, column));
        }
        self.through(node, |decoder, node| match &node.content {
            Content::Scalar(scalar) => json(node, scalar),
            Content::Sequence(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    let path = path.map(|path| format!("{path}[{index}]"));
                    decoder.value(item, path.as_deref())
                })
                .collect(),
            Content::Mapping(pairs) => {
                let mut mapping = Mapping {
                    map: Map::with_capacity(pairs.len()),
                    kinds: HashMap::new(),
                };
                decoder.mapping(pairs, path, &mut mapping)?;
                Ok(Value::Object(mapping.map))
            }
            Content::Alias(_) | Content::Ring(_) => Ok(Value::Null),
        })
    }

    /// Merged keys count from where `<<` stands: they replace what stood before, and are replaced by what follows.
    fn mapping(
        &mut self,
        pairs: &[(Rc<Node>, Rc<Node>)],
        path: Option<&str>,
        mapping: &mut Mapping,
    ) -> Result<(), Error> {
        // The keys before, once one of them is known to come again.
        let mut seen: Option<HashSet<String>> = None;
        for (index, (key, value)) in pairs.iter().enumerate() {
            if key.is_merge_key() {
                self.merge(value, path, mapping)?;
                continue;
            }
            let (name, kind) = self.through(key, |_, node| {
                key_text(node).map_err(|error| error.moved(key.place))
            })?;
            let path = path
                .map(|path| {
                    if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    }
                })
                .filter(|path| path.len() <= LONGEST_PATH);
            let place = self.shift(key.place);
            if let Some(path) = &path {
                self.places.insert(path.clone(), (place.line, place.column));
            }
            let known = mapping.kind(&name);
            if known.is_some_and(|known| known != kind) {
                return Err(Error::unsupported(
                    key.place,
                    format!(
                        "the key `{name}` stands here once more, written as a value of another type: kubectl takes either of the two; take one out"
                    ),
                ));
            }
            if kind != KeyKind::Text {
                mapping.kinds.insert(name.clone(), kind);
            }
            let read = self.value(value, path.as_deref())?;
            if known.is_some() {
                let seen = seen.get_or_insert_with(|| names(&pairs[..index]));
                if !seen.insert(name.clone()) && self.duplicates.len() < MANY {
                    let message =
                        format!("the key `{name}` stands here a second time; the last one counts");
                    self.duplicates.push((place, message));
                }
            } else if let Some(seen) = &mut seen {
                seen.insert(name.clone());
            }
            mapping.map.insert(name, read);
        }
        Ok(())
    }

    fn merge(
        &mut self,
        value: &Rc<Node>,
        path: Option<&str>,
        mapping: &mut Mapping,
    ) -> Result<(), Error> {
        let wrong = |node: &Node| {
            Err(Error::at(
                node.place,
                "only mappings can be merged with `<<`",
            ))
        };
        match &value.content {
            // Of several, the first wins. Only a list that stands here itself is one.
            Content::Sequence(items) => {
                for item in items.iter().rev() {
                    if !matches!(item.target().content, Content::Mapping(_)) {
                        return wrong(item);
                    }
                    self.merge(item, path, mapping)?;
                }
                Ok(())
            }
            _ => self.through(value, |decoder, node| match &node.content {
                Content::Mapping(pairs) => decoder.mapping(pairs, path, mapping),
                _ => wrong(value),
            }),
        }
    }
}

/// A mapping as it is made.
struct Mapping {
    map: Map<String, Value>,
    /// The type of each key that was no text before.
    kinds: HashMap<String, KeyKind>,
}

impl Mapping {
    fn kind(&self, name: &str) -> Option<KeyKind> {
        self.map
            .contains_key(name)
            .then(|| self.kinds.get(name).copied().unwrap_or(KeyKind::Text))
    }
}

/// The keys that stand there themselves.
fn names(pairs: &[(Rc<Node>, Rc<Node>)]) -> HashSet<String> {
    let keys = pairs.iter().map(|(key, _)| key);
    keys.filter(|key| !key.is_merge_key())
        .filter_map(|key| key_text(key.target()).ok())
        .map(|(name, _)| name)
        .collect()
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum KeyKind {
    Bool,
    Int,
    Float,
    Text,
}

fn json(node: &Node, scalar: &Scalar) -> Result<Value, Error> {
    Ok(match resolve(node, scalar)? {
        Resolved::Null => Value::Null,
        Resolved::Bool(value) => Value::Bool(value),
        Resolved::Text(text) => Value::String(text),
        Resolved::Int(number) => Value::from(number),
        // Go's JSON has whole numbers of 63 bits only.
        Resolved::Unsigned(number) => Value::from(number as f64),
        Resolved::Float(number) => float(number).map(Value::Number).ok_or_else(|| {
            Error::at(
                node.place,
                format!("`{}` is not a number that JSON can hold", scalar.text),
            )
        })?,
    })
}

/// Go writes floats below 1e21 with their shortest digits, filled up with zeros: what is whole and fits into 63 bits
/// arrives as a whole number.
fn float(number: f64) -> Option<Number> {
    let whole = (number.fract() == 0.0).then(|| number.to_string().parse::<i64>().ok());
    whole
        .flatten()
        .map(Number::from)
        .or_else(|| Number::from_f64(number))
}

pub(crate) fn key_text(key: &Node) -> Result<(String, KeyKind), Error> {
    let Content::Scalar(scalar) = &key.content else {
        return Err(Error::at(
            key.place,
            "a key must be a text, not a list or a mapping",
        ));
    };
    Ok(match resolve(key, scalar)? {
        Resolved::Null => return Err(Error::at(key.place, "a key must be a text, not null")),
        Resolved::Bool(value) => (value.to_string(), KeyKind::Bool),
        Resolved::Text(text) => (text, KeyKind::Text),
        Resolved::Int(number) => (number.to_string(), KeyKind::Int),
        Resolved::Unsigned(_) => {
            return Err(Error::at(
                key.place,
                "this number is too large for a key; quote it",
            ));
        }
        Resolved::Float(number) => (float_key(number), KeyKind::Float),
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

pub(crate) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
}

/// What go-yaml 2 makes of a scalar.
pub(crate) fn resolve(node: &Node, scalar: &Scalar) -> Result<Resolved, Error> {
    let text = &*scalar.text;
    let as_text = || Ok(Resolved::Text(text.to_owned()));
    let wanted = match node.tag.as_deref() {
        None if scalar.plain => return Ok(plain(text)),
        None => return as_text(),
        Some(tag) => core_tag(tag).unwrap_or_default(),
    };
    let found = match wanted {
        "binary" => {
            return binary(text)
                .map(Resolved::Text)
                .ok_or_else(|| Error::at(node.place, format!("`{text}` is no text in base64")));
        }
        "timestamp" if is_timestamp(text) => return as_text(),
        "null" | "bool" | "int" | "float" | "timestamp" => plain(text),
        // Tags that it does not know mean nothing to it.
        _ => return as_text(),
    };
    match (wanted, found) {
        ("float", Resolved::Int(number)) => Ok(Resolved::Float(number as f64)),
        ("null", found @ Resolved::Null)
        | ("bool", found @ Resolved::Bool(_))
        | ("int", found @ (Resolved::Int(_) | Resolved::Unsigned(_)))
        | ("float", found @ Resolved::Float(_)) => Ok(found),
        _ => Err(Error::at(
            node.place,
            format!("cannot read `{text}` as a {wanted}"),
        )),
    }
}

/// Go's base64 skips line ends, and nothing else. What is not UTF-8 is replaced, byte by byte.
fn binary(text: &str) -> Option<String> {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        base64::engine::GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    )
    .decode(text.replace(['\n', '\r'], ""))
    .ok()?;
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Some(text)
}

/// What a word is that is no text.
pub(crate) fn word(text: &str) -> Option<Resolved> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Resolved::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Resolved::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Resolved::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Resolved::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

fn plain(text: &str) -> Resolved {
    if let Some(word) = word(text) {
        return word;
    }
    static FLOAT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
            .expect("a valid expression")
    });
    static POINT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?$").expect("a valid expression")
    });
    let fraction = |digits: &str| {
        digits
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
    };
    if let Some(number) = decimal(text) {
        return Resolved::Int(number);
    }
    let number = match text.as_bytes()[0] {
        b'.' if POINT.is_match(text) => fraction(&text.replace('_', "")).map(Resolved::Float),
        b'0'..=b'9' | b'+' | b'-' if text.len() < 1024 => {
            let digits = text.replace('_', "");
            integer(&digits).or_else(|| {
                let is_float = FLOAT.is_match(&digits);
                is_float
                    .then(|| fraction(&digits).map(Resolved::Float))
                    .flatten()
            })
        }
        _ => None,
    };
    number.unwrap_or_else(|| Resolved::Text(text.to_owned()))
}

/// Go's ParseInt and ParseUint with base 0: 0x, 0o, 0b and a leading 0 for octal. Behind `0b` go-yaml takes a sign, too.
fn integer(digits: &str) -> Option<Resolved> {
    let (negative, magnitude) = match digits.as_bytes().first()? {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits),
    };
    let lower = magnitude.to_ascii_lowercase();
    if let Some(signed) = digits
        .strip_prefix("0b")
        .filter(|rest| rest.starts_with(['+', '-']))
    {
        return i64::from_str_radix(signed, 2).ok().map(Resolved::Int);
    }
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

/// Whether go-yaml takes a text as a timestamp, which stays a text.
fn is_timestamp(text: &str) -> bool {
    static TIME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:(?:[Tt]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?(?:Z|[-+]([0-9]{2}):([0-9]{2})))| ([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?)?$")
            .expect("a valid expression")
    });
    let Some(parts) = TIME.captures(text) else {
        return false;
    };
    let number = |index: usize| {
        parts
            .get(index)
            .and_then(|part| part.as_str().parse::<u32>().ok())
    };
    let small = |index: usize, limit: u32| number(index).is_none_or(|number| number < limit);
    let day = |index: usize| {
        number(index)
            .and_then(|number| i8::try_from(number).ok())
            .unwrap_or(-1)
    };
    let year = number(1)
        .and_then(|year| i16::try_from(year).ok())
        .unwrap_or(-1);
    jiff::civil::Date::new(year, day(2), day(3)).is_ok()
        && small(4, 24)
        && small(5, 60)
        && small(6, 60)
        && small(7, 25)
        && small(8, 60)
        && small(9, 24)
        && small(10, 60)
        && small(11, 60)
}
