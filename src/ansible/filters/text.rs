//! Filters that make texts.

use minijinja::Error;
use minijinja::value::{Value, ValueKind};

use super::arguments::Arguments;
use super::{Filter, fail, only_text};
use crate::ansible::python;

pub const FILTERS: &[Filter] = &[
    ("indent", &["width", "first", "blank"], indent),
    ("join", &["d", "attribute"], join),
    ("comment", &["style", "**"], comment),
    ("quote", &[], quote),
    ("split", &["sep", "maxsplit"], split),
    ("center", &["width"], center),
    ("replace", &["old", "new", "count"], replace),
    ("urlencode", &[], urlencode),
    ("wordcount", &[], wordcount),
];

fn indent(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    only_text(value, "indent")?;
    let text = python::text(value)?;
    let indention = match arguments.get("width") {
        Some(width) if width.kind() == ValueKind::String => width.to_string(),
        _ => " ".repeat(width(arguments.number("width")?.unwrap_or(4))?),
    };
    // Jinja2 adds a line end, so that one at the end of the text survives the splitting into lines.
    let text = format!("{text}\n");
    let lines = lines(&text);
    let mut result = String::new();
    if arguments.flag("first") {
        result.push_str(&indention);
    }
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            result.push('\n');
            if arguments.flag("blank") || !line.is_empty() {
                result.push_str(&indention);
            }
        }
        result.push_str(line);
    }
    Ok(Value::from(result))
}

/// A width that Python would take: negative is none.
fn width(width: i64) -> Result<usize, Error> {
    let width = usize::try_from(width.max(0)).unwrap_or(usize::MAX);
    if width > 10_000 {
        return Err(fail("a width of more than 10000 characters is refused"));
    }
    Ok(width)
}

/// Python's `str.splitlines()`.
pub fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        if matches!(
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
            lines.push(&text[start..index]);
            start = index + character.len_utf8();
            if character == '\r' && characters.peek().is_some_and(|(_, next)| *next == '\n') {
                characters.next();
                start += 1;
            }
        }
    }
    if start < text.len() {
        lines.push(&text[start..]);
    }
    lines
}

fn join(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(python::undefined(value));
    }
    let between = arguments.text("d")?.unwrap_or_default();
    let attribute = arguments.text("attribute")?;
    let mut texts = Vec::new();
    for item in value.try_iter()? {
        let item = match &attribute {
            None => item,
            Some(path) => {
                path.split('.')
                    .try_fold(item, |item, part| match part.parse::<usize>() {
                        Ok(index) => item.get_item_by_index(index),
                        Err(_) => item.get_attr(part),
                    })?
            }
        };
        texts.push(python::text(&item)?);
    }
    Ok(Value::from(texts.join(&between)))
}

fn comment(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = python::text(value)?;
    let style = arguments
        .text("style")?
        .unwrap_or_else(|| "plain".to_owned());
    let (mut beginning, mut decoration, mut end) = match style.as_str() {
        "plain" => (String::new(), "# ".to_owned(), String::new()),
        "erlang" => (String::new(), "% ".to_owned(), String::new()),
        "c" => (String::new(), "// ".to_owned(), String::new()),
        "cblock" => ("/*".to_owned(), " * ".to_owned(), " */".to_owned()),
        "xml" => ("<!--".to_owned(), " - ".to_owned(), "-->".to_owned()),
        _ => return Err(fail(format!("`comment` has no style `{style}`"))),
    };
    if let Some(given) = arguments.text("decoration")? {
        decoration = given;
    }
    let mut prefix = decoration.trim_end().to_owned();
    let mut postfix = prefix.clone();
    let mut newline = "\n".to_owned();
    let (mut prefix_count, mut postfix_count) = (1, 1);
    for (name, value) in arguments.iter() {
        match name {
            "style" | "decoration" => {}
            "beginning" => beginning = python::text(value)?,
            "end" => end = python::text(value)?,
            "prefix" => prefix = python::text(value)?,
            "postfix" => postfix = python::text(value)?,
            "newline" => newline = python::text(value)?,
            "prefix_count" => prefix_count = width(arguments.number(name)?.unwrap_or(1))?,
            "postfix_count" => postfix_count = width(arguments.number(name)?.unwrap_or(1))?,
            _ => return Err(fail(format!("`comment` has no argument `{name}`"))),
        }
    }
    let mut result = String::new();
    if !beginning.is_empty() {
        result.push_str(&beginning);
        result.push_str(&newline);
    }
    if !prefix.is_empty() {
        let line = if prefix == newline {
            newline.clone()
        } else {
            format!("{prefix}{newline}")
        };
        result.push_str(&line.repeat(prefix_count));
    }
    let decorated = format!(
        "{decoration}{}",
        text.replace(&newline, &format!("{newline}{decoration}"))
    );
    result.push_str(&decorated.replace(
        &format!("{decoration}{newline}"),
        &format!("{}{newline}", decoration.trim_end()),
    ));
    for _ in 0..postfix_count {
        result.push_str(&newline);
        result.push_str(&postfix);
    }
    if !end.is_empty() {
        result.push_str(&newline);
        result.push_str(&end);
    }
    Ok(Value::from(result))
}

/// Python's `shlex.quote`.
fn quote(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let text = if value.is_none() {
        String::new()
    } else {
        python::text(value)?
    };
    let safe =
        |character: char| character.is_ascii_alphanumeric() || "_@%+=:,./-".contains(character);
    Ok(Value::from(if text.is_empty() {
        "''".to_owned()
    } else if text.chars().all(safe) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\"'\"'"))
    }))
}

/// Python's `str.split`.
fn split(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    only_text(value, "split")?;
    let text = python::text(value)?;
    let separator = match arguments
        .get("sep")
        .filter(|separator| !separator.is_none())
    {
        Some(separator) => Some(python::text(separator)?),
        None => None,
    };
    split_text(
        &text,
        separator.as_deref(),
        arguments.number("maxsplit")?.unwrap_or(-1),
    )
    .map(Value::from)
}

/// Python's `str.split`: without a separator at any blanks, none of them kept.
pub fn split_text(text: &str, separator: Option<&str>, limit: i64) -> Result<Vec<String>, Error> {
    let limit = usize::try_from(limit).map_or(usize::MAX, |limit| limit.saturating_add(1));
    match separator {
        Some("") => Err(fail("an empty separator cannot split a text")),
        Some(separator) => Ok(text.splitn(limit, separator).map(str::to_owned).collect()),
        None => {
            let mut parts = Vec::new();
            let mut rest = text.trim_start();
            while !rest.is_empty() {
                if parts.len() + 1 == limit {
                    parts.push(rest.to_owned());
                    break;
                }
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                parts.push(rest[..end].to_owned());
                rest = rest[end..].trim_start();
            }
            Ok(parts)
        }
    }
}

fn center(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let width = width(arguments.number("width")?.unwrap_or(80))?;
    Ok(Value::from(centered(&python::text(value)?, width, ' ')))
}

/// Python's `str.center`, which puts the odd blank to the left of texts of even length in an odd width.
pub fn centered(text: &str, width: usize, fill: char) -> String {
    let length = text.chars().count();
    let pad = width.saturating_sub(length);
    let left = pad / 2 + (pad & width & 1);
    let fill = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    format!("{}{text}{}", fill(left), fill(pad - left))
}

fn replace(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = python::text(value)?;
    let old = python::text(arguments.needed("old")?)?;
    let new = python::text(arguments.needed("new")?)?;
    Ok(Value::from(match arguments.number("count")? {
        Some(count) if count >= 0 => {
            text.replacen(&old, &new, usize::try_from(count).unwrap_or(usize::MAX))
        }
        _ => text.replace(&old, &new),
    }))
}

/// A text with `/` kept; pairs as in a query, with `+` for blanks.
fn urlencode(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let pairs: Vec<(Value, Value)> = match value.kind() {
        ValueKind::Map => value
            .try_iter()?
            .map(|key| value.get_item(&key).map(|item| (key, item)))
            .collect::<Result<_, _>>()?,
        ValueKind::Seq | ValueKind::Iterable => value
            .try_iter()?
            .map(|pair| Ok((pair.get_item_by_index(0)?, pair.get_item_by_index(1)?)))
            .collect::<Result<_, Error>>()?,
        _ => return Ok(Value::from(percent_encoded(&python::text(value)?, true))),
    };
    let mut parts = Vec::new();
    for (key, item) in pairs {
        let encode = |value: &Value| {
            python::text(value).map(|text| percent_encoded(&text, false).replace("%20", "+"))
        };
        parts.push(format!("{}={}", encode(&key)?, encode(&item)?));
    }
    Ok(Value::from(parts.join("&")))
}

fn percent_encoded(text: &str, keep_slash: bool) -> String {
    let mut result = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) || keep_slash && byte == b'/' {
            result.push(char::from(byte));
        } else {
            result.push_str(&format!("%{byte:02X}"));
        }
    }
    result
}

fn wordcount(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let text = python::text(value)?;
    let words = text
        .split(|character: char| !(character.is_alphanumeric() || character == '_'))
        .filter(|word| !word.is_empty())
        .count();
    Ok(Value::from(words))
}
