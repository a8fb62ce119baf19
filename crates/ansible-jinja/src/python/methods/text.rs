//! Methods of Python's texts, and of bytes as far as they lead back to texts.

use std::collections::HashSet;
use std::rc::Rc;

use crate::python::format;
use crate::value::arguments::{Arguments, Given};
use crate::value::error::{Error, Result, fail};
use crate::value::{Key, Value, limits, print};

pub const METHODS: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];
pub const OF_BYTES: &[&str] = &["decode", "hex"];

pub fn call_of_bytes(bytes: &[u8], name: &str, given: Given) -> Result<Value> {
    if name == "hex" {
        given.bind(name, &[])?;
        return Ok(Value::from(
            bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>(),
        ));
    }
    let given = given.bind(name, &["encoding", "errors"])?;
    decode(bytes, given.text("encoding")?.unwrap_or("utf-8")).map(Value::from)
}

/// Bytes as a text.
pub fn decode(bytes: &[u8], encoding: &str) -> Result<String> {
    match encoding.to_lowercase().replace('_', "-").as_str() {
        "utf-8" | "utf8" => String::from_utf8(bytes.to_vec())
            .map_err(|_| Error::failed("these bytes are no text in UTF-8")),
        "ascii" | "us-ascii" if bytes.is_ascii() => Ok(String::from_utf8_lossy(bytes).into_owned()),
        "ascii" | "us-ascii" => fail("these bytes are no text in ASCII"),
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "l1" => {
            Ok(bytes.iter().map(|byte| char::from(*byte)).collect())
        }
        "utf-16-le" | "utf-16le" | "utf-16-be" | "utf-16be" | "utf-16" | "utf16" => {
            let (bytes, big) = match (bytes, encoding.to_lowercase().contains("be")) {
                ([0xff, 0xfe, rest @ ..], _) if encoding.len() <= 6 => (rest, false),
                ([0xfe, 0xff, rest @ ..], _) if encoding.len() <= 6 => (rest, true),
                (bytes, big) => (bytes, big),
            };
            if bytes.len() % 2 != 0 {
                return fail("truncated data");
            }
            let units = bytes.chunks_exact(2).map(|pair| {
                if big {
                    u16::from_be_bytes([pair[0], pair[1]])
                } else {
                    u16::from_le_bytes([pair[0], pair[1]])
                }
            });
            char::decode_utf16(units)
                .collect::<Result<_, _>>()
                .map_err(|_| Error::failed("these bytes are no text in UTF-16"))
        }
        other => Err(unknown_encoding(other)),
    }
}

/// A text as bytes.
pub fn encode(text: &str, encoding: &str) -> Result<Vec<u8>> {
    let beyond = |name: &str, limit: u32| {
        text.chars()
            .map(|character| {
                u8::try_from(u32::from(character))
                    .ok()
                    .filter(|byte| u32::from(*byte) < limit)
            })
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(|| Error::failed(format!("'{name}' codec can't encode this text")))
    };
    let encoding = encoding.to_lowercase().replace('_', "-");
    match encoding.as_str() {
        "utf-8" | "utf8" => Ok(text.as_bytes().to_vec()),
        "ascii" | "us-ascii" => beyond("ascii", 128),
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "l1" => beyond("latin-1", 256),
        "utf-16-le" | "utf-16le" => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        "utf-16-be" | "utf-16be" => Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        "utf-16" | "utf16" => Ok([0xff, 0xfe]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
            .collect()),
        other => Err(unknown_encoding(other)),
    }
}

fn unknown_encoding(encoding: &str) -> Error {
    Error::unsupported(
        format!("the encoding `{encoding}` is not supported"),
        "Use utf-8, ascii, latin-1 or utf-16.",
    )
}

pub fn call(text: &Rc<str>, name: &str, given: Given) -> Result<Value> {
    limits::read(text.len())?;
    let no_arguments = |given: Given| given.bind(name, &[]).map(drop);
    let all = |test: &dyn Fn(char) -> bool| !text.is_empty() && text.chars().all(test);
    let value = match name {
        "format" => {
            let formatted = format::format(text, &given)?;
            // The very text, which may have come out of a vault.
            return Ok(if text.contains(['{', '}']) {
                Value::from(formatted)
            } else {
                Value::Text(text.clone())
            });
        }
        "format_map" => {
            let given = given.bind(name, &["mapping"])?;
            let Some(pairs) = given.needed("mapping")?.pairs() else {
                return fail("`.format_map()` needs a mapping");
            };
            let named = pairs
                .into_iter()
                .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value)));
            let given = Given {
                positional: Vec::new(),
                named: named.collect(),
            };
            return format::format(text, &given).map(Value::from);
        }
        "upper" => no_arguments(given).map(|()| Value::from(text.to_uppercase()))?,
        "lower" => no_arguments(given).map(|()| Value::from(text.to_lowercase()))?,
        "casefold" => no_arguments(given)
            .map(|()| Value::from(text.to_lowercase().replace('ß', "ss").replace('ς', "σ")))?,
        "title" => no_arguments(given).map(|()| Value::from(title(text)))?,
        "capitalize" => no_arguments(given).map(|()| Value::from(capitalized(text)))?,
        "swapcase" => {
            no_arguments(given)?;
            let swapped = text.chars().map(|character| {
                if character.is_uppercase() {
                    character.to_lowercase().to_string()
                } else {
                    character.to_uppercase().to_string()
                }
            });
            Value::from(swapped.collect::<String>())
        }
        "strip" | "lstrip" | "rstrip" => {
            let given = given.bind(name, &["chars"])?;
            Value::text(stripped(
                text,
                given.text("chars")?,
                name != "rstrip",
                name != "lstrip",
            ))
        }
        "split" | "rsplit" => {
            let given = given.bind(name, &["sep", "maxsplit"])?;
            let limit = given.number("maxsplit")?.unwrap_or(-1);
            let separator = given.text("sep")?;
            Value::texts(if name == "split" {
                split(text, separator, limit)?
            } else {
                rsplit(text, separator, limit)?
            })
        }
        "splitlines" => {
            let given = given.bind(name, &["keepends"])?;
            // At most so many: some of these bytes end no line.
            let ends = |byte: &u8| matches!(byte, b'\n'..=b'\r' | 0x1c..=0x1e | 0x85 | 0xa8 | 0xa9);
            limits::items(1 + text.bytes().filter(ends).count())?;
            Value::texts(lines(text, given.flag("keepends")?))
        }
        "partition" | "rpartition" => {
            let given = given.bind(name, &["sep"])?;
            let separator = given.needed_text("sep")?;
            if separator.is_empty() {
                return fail("empty separator");
            }
            let found = if name == "partition" {
                text.split_once(separator)
            } else {
                text.rsplit_once(separator)
            };
            let empty = || Value::text("");
            // The very text, which may have come out of a vault.
            let whole = Value::Text(text.clone());
            Value::tuple(match found {
                Some((head, tail)) => [head, separator, tail].map(Value::text).to_vec(),
                None if name == "partition" => vec![whole, empty(), empty()],
                None => vec![empty(), empty(), whole],
            })
        }
        "join" => {
            let given = given.bind(name, &["iterable"])?;
            let mut joined = String::new();
            for (index, item) in given.needed("iterable")?.items()?.iter().enumerate() {
                let Value::Text(item) = item else {
                    return Err(Error::failed(format!(
                        "sequence item {index}: expected str instance, {} found",
                        item.type_name()
                    ))
                    .hint("The filter `join` makes texts of its items."));
                };
                if index > 0 {
                    joined.push_str(text);
                }
                joined.push_str(item);
                limits::text(item.len() + text.len())?;
            }
            Value::from(joined)
        }
        "replace" => {
            let given = given.bind(name, &["old", "new", "count"])?;
            let (old, new) = (given.needed_text("old")?, given.needed_text("new")?);
            Value::from(replaced(
                text,
                old,
                new,
                given.number("count")?.unwrap_or(-1),
            )?)
        }
        "find" | "rfind" | "index" | "rindex" | "count" => searched(text, name, given)?,
        "startswith" | "endswith" => {
            let given = given.bind(name, &["prefix", "start", "end"])?;
            let part = match window(text, &given)? {
                Some((part, _)) => part,
                None => return Ok(Value::Bool(false)),
            };
            let wanted = match given.needed("prefix")? {
                Value::Text(wanted) => vec![wanted.to_string()],
                Value::Tuple(items) => items
                    .iter()
                    .map(|item| {
                        item.as_str()
                            .map(str::to_owned)
                            .ok_or_else(|| Error::failed(format!("`.{name}()` needs texts")))
                    })
                    .collect::<Result<_>>()?,
                other => {
                    return fail(format!(
                        "{name} first arg must be str or a tuple of str, not {}",
                        other.type_name()
                    ));
                }
            };
            let fits = |wanted: &String| {
                if name == "startswith" {
                    part.starts_with(wanted.as_str())
                } else {
                    part.ends_with(wanted.as_str())
                }
            };
            Value::Bool(wanted.iter().any(fits))
        }
        "center" | "ljust" | "rjust" => {
            let given = given.bind(name, &["width", "fillchar"])?;
            let width = given
                .number("width")?
                .ok_or_else(|| Error::failed(format!("`.{name}()` needs a width")))?;
            let width = usize::try_from(width).unwrap_or(0);
            let fill = match given.text("fillchar")? {
                None => ' ',
                Some(fill) => {
                    let mut characters = fill.chars();
                    match (characters.next(), characters.next()) {
                        (Some(fill), None) => fill,
                        _ => return fail("The fill character must be exactly one character long"),
                    }
                }
            };
            let length = text.chars().count();
            let pad = width.saturating_sub(length);
            limits::text(pad)?;
            let left = match name {
                "center" => pad / 2 + (pad & width & 1),
                "rjust" => pad,
                _ => 0,
            };
            let fills = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
            Value::from(format!("{}{text}{}", fills(left), fills(pad - left)))
        }
        "zfill" => {
            let given = given.bind(name, &["width"])?;
            let width = usize::try_from(given.number("width")?.unwrap_or(0)).unwrap_or(0);
            let pad = width.saturating_sub(text.chars().count());
            limits::text(pad)?;
            let (sign, digits) = match text.chars().next() {
                Some('+' | '-') => text.split_at(1),
                _ => ("", &**text),
            };
            Value::from(format!("{sign}{}{digits}", "0".repeat(pad)))
        }
        "expandtabs" => {
            let given = given.bind(name, &["tabsize"])?;
            let size = usize::try_from(given.number("tabsize")?.unwrap_or(8)).unwrap_or(0);
            let mut out = String::new();
            let mut column = 0;
            for character in text.chars() {
                match character {
                    '\t' => {
                        let blanks = if size == 0 { 0 } else { size - column % size };
                        limits::text(blanks)?;
                        out.push_str(&" ".repeat(blanks));
                        column += blanks;
                    }
                    '\n' | '\r' => {
                        out.push(character);
                        column = 0;
                    }
                    _ => {
                        out.push(character);
                        column += 1;
                    }
                }
            }
            Value::from(out)
        }
        "removeprefix" => {
            let given = given.bind(name, &["prefix"])?;
            Value::text(
                text.strip_prefix(given.needed_text("prefix")?)
                    .unwrap_or(text),
            )
        }
        "removesuffix" => {
            let given = given.bind(name, &["suffix"])?;
            Value::text(
                text.strip_suffix(given.needed_text("suffix")?)
                    .unwrap_or(text),
            )
        }
        "encode" => {
            let given = given.bind(name, &["encoding", "errors"])?;
            Value::Bytes(Rc::from(encode(
                text,
                given.text("encoding")?.unwrap_or("utf-8"),
            )?))
        }
        "translate" => {
            let given = given.bind(name, &["table"])?;
            let Value::Dict(table) = given.needed("table")? else {
                return fail("`.translate()` needs a mapping");
            };
            limits::step(text.len() / 4)?;
            let mut out = String::new();
            for character in text.chars() {
                match table.get(&Key::new(Value::Int(i64::from(u32::from(character))))?) {
                    None => out.push(character),
                    Some(Value::None) => {}
                    Some(Value::Int(code)) => {
                        out.extend(u32::try_from(code).ok().and_then(char::from_u32))
                    }
                    Some(other) => out.push_str(&print::text(&other)?),
                }
            }
            Value::from(out)
        }
        "maketrans" => {
            let given = given.bind(name, &["x", "y", "z"])?;
            let code = |character: char| Value::Int(i64::from(u32::from(character)));
            let mut pairs = Vec::new();
            limits::items(given.text("z")?.unwrap_or_default().len())?;
            match (given.needed("x")?, given.text("y")?) {
                (Value::Text(from), Some(to)) => {
                    limits::items(2 * from.len())?;
                    if from.chars().count() != to.chars().count() {
                        return fail("the first two maketrans arguments must have equal length");
                    }
                    pairs.extend(from.chars().map(code).zip(to.chars().map(code)));
                }
                (Value::Dict(_), None) => {
                    for (key, value) in given.needed("x")?.pairs().unwrap_or_default() {
                        let key = match key.as_str().and_then(|key| key.chars().next()) {
                            Some(character) => code(character),
                            None => key,
                        };
                        pairs.push((key, value));
                    }
                }
                _ => return fail("`.maketrans()` needs a mapping, or two texts of one length"),
            }
            pairs.extend(
                given
                    .text("z")?
                    .unwrap_or_default()
                    .chars()
                    .map(|character| (code(character), Value::None)),
            );
            Value::dict(pairs)?
        }
        _ => {
            no_arguments(given)?;
            Value::Bool(match name {
                "isalnum" => all(&char::is_alphanumeric),
                "isalpha" => all(&char::is_alphabetic),
                "isascii" => text.is_ascii(),
                "isdecimal" => all(&is_decimal),
                "isdigit" => all(&|character| {
                    is_decimal(character) || "²³¹⁰⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉①②③④⑤⑥⑦⑧⑨".contains(character)
                }),
                "isnumeric" => all(&char::is_numeric),
                "isidentifier" => is_identifier(text),
                "islower" => {
                    text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)
                }
                "isupper" => {
                    text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)
                }
                "isprintable" => text.chars().all(print::is_printable),
                "isspace" => all(&crate::python::chars::is_blank),
                _ => is_title(text),
            })
        }
    };
    if let Value::Text(made) = &value {
        limits::text(made.len())?;
    }
    Ok(value)
}

fn is_decimal(character: char) -> bool {
    crate::value::number::ascii_digit(character).is_ascii_digit()
}

/// Whether a text could be a name in Python.
pub fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    characters
        .next()
        .is_some_and(|first| first == '_' || first.is_alphabetic())
        && characters.all(|character| character == '_' || character.is_alphanumeric())
}

fn is_title(text: &str) -> bool {
    let (mut cased, mut inside) = (false, false);
    for character in text.chars() {
        if character.is_uppercase() {
            if inside {
                return false;
            }
            (cased, inside) = (true, true);
        } else if character.is_lowercase() {
            if !inside {
                return false;
            }
            cased = true;
        } else {
            inside = false;
        }
    }
    cased
}

/// The first character in its form for the beginning of words: `ǆ` becomes `ǅ`, `ß` becomes `Ss`.
fn title_case(character: char) -> String {
    match character {
        'Ǆ' | 'ǅ' | 'ǆ' => "ǅ".to_owned(),
        'Ǉ' | 'ǈ' | 'ǉ' => "ǈ".to_owned(),
        'Ǌ' | 'ǋ' | 'ǌ' => "ǋ".to_owned(),
        'Ǳ' | 'ǲ' | 'ǳ' => "ǲ".to_owned(),
        _ => {
            let mut upper = character.to_uppercase();
            let first = upper.next().into_iter();
            first.chain(upper.flat_map(char::to_lowercase)).collect()
        }
    }
}

/// Python's `str.title`: every run of letters begins with a capital, also after an apostrophe.
pub fn title(text: &str) -> String {
    let mut result = String::new();
    let mut inside = false;
    for character in text.chars() {
        let cased = character.is_alphabetic()
            && (character.is_lowercase() || character.is_uppercase() || "ǅǈǋǲ".contains(character));
        if !cased {
            result.push(character);
        } else if inside {
            result.extend(character.to_lowercase());
        } else {
            result.push_str(&title_case(character));
        }
        inside = cased;
    }
    result
}

/// Python's `str.capitalize`.
pub fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => title_case(first) + &characters.as_str().to_lowercase(),
        None => String::new(),
    }
}

/// Python's `str.strip`, on one or both sides.
pub fn stripped<'a>(text: &'a str, characters: Option<&str>, left: bool, right: bool) -> &'a str {
    let given: Option<HashSet<char>> = characters.map(|characters| characters.chars().collect());
    let drop = |character: char| match &given {
        Some(given) => given.contains(&character),
        None => crate::python::chars::is_blank(character),
    };
    let text = if left {
        text.trim_start_matches(drop)
    } else {
        text
    };
    if right {
        text.trim_end_matches(drop)
    } else {
        text
    }
}

/// Python's `str.replace`; a negative count is no limit.
pub fn replaced(text: &str, old: &str, new: &str, count: i64) -> Result<String> {
    let found = if old.is_empty() {
        text.chars().count() + 1
    } else {
        text.matches(old).count()
    };
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(found);
    limits::text(text.len().saturating_add(count.saturating_mul(new.len())))?;
    Ok(text.replacen(old, new, count))
}

/// The part between `start` and `end`, counted in characters, with its offset; none where `start` lies behind.
fn window<'a>(text: &'a str, given: &Arguments) -> Result<Option<(&'a str, usize)>> {
    let length = text.chars().count() as i64;
    let start = given.number("start")?.unwrap_or(0);
    let bound = |number: i64| {
        if number < 0 {
            (number + length).max(0)
        } else {
            number
        }
    };
    let (start, end) = (
        bound(start),
        bound(given.number("end")?.unwrap_or(length)).min(length),
    );
    if start > length || start > end {
        return Ok(None);
    }
    let offset = |count: i64| {
        let count = usize::try_from(count).unwrap_or(0);
        text.char_indices()
            .nth(count)
            .map_or(text.len(), |(offset, _)| offset)
    };
    Ok(Some((
        &text[offset(start)..offset(end)],
        usize::try_from(start).unwrap_or(0),
    )))
}

fn searched(text: &str, name: &str, given: Given) -> Result<Value> {
    let given = given.bind(name, &["sub", "start", "end"])?;
    let wanted = given.needed_text("sub")?;
    let window = window(text, &given)?;
    if name == "count" {
        return Ok(Value::from(window.map_or(0, |(part, _)| {
            if wanted.is_empty() {
                part.chars().count() + 1
            } else {
                part.matches(wanted).count()
            }
        })));
    }
    let found = window.and_then(|(part, offset)| {
        let at = if name.starts_with('r') {
            part.rfind(wanted)
        } else {
            part.find(wanted)
        }?;
        Some(part[..at].chars().count() + offset)
    });
    match found {
        Some(at) => Ok(Value::from(at)),
        None if name.ends_with("find") => Ok(Value::Int(-1)),
        None => fail("substring not found"),
    }
}

/// Python's `str.split`: without a separator at any blanks, none of them kept.
pub fn split(text: &str, separator: Option<&str>, limit: i64) -> Result<Vec<String>> {
    let limit = usize::try_from(limit).map_or(usize::MAX, |limit| limit.saturating_add(1));
    limits::items(text.len() / 2)?;
    match separator {
        Some("") => fail("empty separator"),
        Some(separator) => Ok(text.splitn(limit, separator).map(str::to_owned).collect()),
        None => {
            let blank = crate::python::chars::is_blank;
            let mut parts = Vec::new();
            let mut rest = text.trim_start_matches(blank);
            while !rest.is_empty() {
                if parts.len() + 1 == limit {
                    // Python keeps what stands behind, blanks at the end included.
                    parts.push(rest.trim_end_matches(blank).to_owned());
                    break;
                }
                let end = rest.find(blank).unwrap_or(rest.len());
                parts.push(rest[..end].to_owned());
                rest = rest[end..].trim_start_matches(blank);
            }
            Ok(parts)
        }
    }
}

fn rsplit(text: &str, separator: Option<&str>, limit: i64) -> Result<Vec<String>> {
    let Ok(limit) = usize::try_from(limit) else {
        return split(text, separator, -1);
    };
    limits::items(text.len() / 2)?;
    let mut parts: Vec<String> = match separator {
        Some("") => return fail("empty separator"),
        Some(separator) => text
            .rsplitn(limit.saturating_add(1), separator)
            .map(str::to_owned)
            .collect(),
        None => {
            let blank = crate::python::chars::is_blank;
            let mut parts = Vec::new();
            let mut rest = text.trim_end_matches(blank);
            while !rest.is_empty() {
                if parts.len() == limit {
                    parts.push(rest.trim_start_matches(blank).to_owned());
                    break;
                }
                let start = rest.rfind(blank).map_or(0, |at| {
                    at + rest[at..].chars().next().map_or(1, char::len_utf8)
                });
                parts.push(rest[start..].to_owned());
                rest = rest[..start].trim_end_matches(blank);
            }
            parts
        }
    };
    parts.reverse();
    Ok(parts)
}

/// Python's `str.splitlines`.
pub fn lines(text: &str, keep_ends: bool) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        if !matches!(
            character,
            '\n' | '\r'
                | '\u{b}'
                | '\u{c}'
                | '\u{1c}'
                | '\u{1d}'
                | '\u{1e}'
                | '\u{85}'
                | '\u{2028}'
                | '\u{2029}'
        ) {
            continue;
        }
        let mut end = index + character.len_utf8();
        if character == '\r' && characters.next_if(|(_, next)| *next == '\n').is_some() {
            end += 1;
        }
        lines.push(&text[start..if keep_ends { end } else { index }]);
        start = end;
    }
    if start < text.len() {
        lines.push(&text[start..]);
    }
    lines
}
