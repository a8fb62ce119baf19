//! Filters that make texts.

use super::Filter;
use crate::ansible::arguments::{Arguments, Given};
use crate::ansible::error::{Error, Result, fail};
use crate::ansible::methods::text::{capitalized, lines, replaced, split as split_text, stripped};
use crate::ansible::value::Value;
use crate::ansible::{format, limits, number, python};

pub const JINJA: &[Filter] = &[
    ("capitalize", &[], capitalize),
    ("center", &["width"], center),
    ("e", &[], escape),
    ("escape", &[], escape),
    ("filesizeformat", &["binary"], filesizeformat),
    ("forceescape", &[], escape),
    ("format", &["*", "**"], format_filter),
    ("indent", &["width", "first", "blank"], indent),
    ("lower", &[], lower),
    ("pprint", &[], pprint),
    ("replace", &["old", "new", "count"], replace),
    ("safe", &[], safe),
    ("striptags", &[], striptags),
    ("title", &[], title),
    ("trim", &["chars"], trim),
    (
        "truncate",
        &["length", "killwords", "end", "leeway"],
        truncate,
    ),
    ("upper", &[], upper),
    ("wordcount", &[], wordcount),
    (
        "wordwrap",
        &[
            "width",
            "break_long_words",
            "wrapstring",
            "break_on_hyphens",
        ],
        wordwrap,
    ),
    ("xmlattr", &["autospace"], xmlattr),
];

pub const FILTERS: &[Filter] = &[
    ("comment", &["style", "**"], comment),
    ("quote", &[], quote),
    ("split", &["sep", "maxsplit"], split),
];

fn only_text<'a>(value: &'a Value, filter: &str) -> Result<&'a str> {
    match value {
        Value::Text(text) => Ok(text),
        other => fail(format!(
            "`{filter}` needs a text, not {}",
            python::article(other)
        )),
    }
}

fn upper(value: &Value, _: &Arguments) -> Result<Value> {
    Ok(Value::from(python::text(value)?.to_uppercase()))
}

fn lower(value: &Value, _: &Arguments) -> Result<Value> {
    Ok(Value::from(python::text(value)?.to_lowercase()))
}

fn capitalize(value: &Value, _: &Arguments) -> Result<Value> {
    Ok(Value::from(capitalized(&python::text(value)?)))
}

/// Jinja2's: words begin behind blanks, hyphens and opening brackets only.
fn title(value: &Value, _: &Arguments) -> Result<Value> {
    let text = python::text(value)?;
    let mut result = String::new();
    let mut begins = true;
    for character in text.chars() {
        let between = crate::ansible::lexer::is_blank(character) || "-([{<".contains(character);
        if between {
            result.push(character);
        } else if begins {
            result.extend(character.to_uppercase());
        } else {
            result.extend(character.to_lowercase());
        }
        begins = between;
    }
    Ok(Value::from(result))
}

fn safe(value: &Value, _: &Arguments) -> Result<Value> {
    python::text(value).map(Value::from)
}

/// MarkupSafe's words for the five characters.
fn escape(value: &Value, _: &Arguments) -> Result<Value> {
    let text = python::text(value)?;
    let marks = text.bytes().filter(|byte| b"&<>'\"".contains(byte)).count();
    limits::text(text.len() + 4 * marks)?;
    Ok(Value::from(escaped(&text)))
}

/// A text as HTML shows it.
pub fn escaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => result.push_str("&amp;"),
            '<' => result.push_str("&lt;"),
            '>' => result.push_str("&gt;"),
            '\'' => result.push_str("&#39;"),
            '"' => result.push_str("&#34;"),
            other => result.push(other),
        }
    }
    result
}

fn trim(value: &Value, arguments: &Arguments) -> Result<Value> {
    let text = python::text(value)?;
    Ok(Value::text(stripped(
        &text,
        arguments.text("chars")?,
        true,
        true,
    )))
}

fn width(width: i64) -> Result<usize> {
    let width = usize::try_from(width.max(0)).unwrap_or(usize::MAX);
    limits::text(width)?;
    Ok(width)
}

fn center(value: &Value, arguments: &Arguments) -> Result<Value> {
    let text = Value::from(python::text(value)?);
    let width = arguments.get("width").cloned().unwrap_or(Value::Int(80));
    crate::ansible::methods::call(&text, "center", Given::positional(vec![width]))
}

fn replace(value: &Value, arguments: &Arguments) -> Result<Value> {
    let text = python::text(value)?;
    let (old, new) = (
        python::text(arguments.needed("old")?)?,
        python::text(arguments.needed("new")?)?,
    );
    Ok(Value::from(replaced(
        &text,
        &old,
        &new,
        arguments.number("count")?.unwrap_or(-1),
    )?))
}

fn format_filter(value: &Value, arguments: &Arguments) -> Result<Value> {
    let named: Vec<(Value, Value)> = arguments
        .iter()
        .map(|(name, value)| (Value::text(name), value.clone()))
        .collect();
    if !named.is_empty() && !arguments.rest.is_empty() {
        return fail("can't handle positional and keyword arguments at the same time");
    }
    let values = if named.is_empty() {
        Value::tuple(arguments.rest.clone())
    } else {
        Value::dict(named)?
    };
    let text = python::text(value)?;
    let formatted = format::percent(&text, &values)?;
    // The very text, which may have come out of a vault.
    let untouched = formatted == text && !text.contains('%') && value.as_str().is_some();
    Ok(if untouched {
        value.clone()
    } else {
        Value::from(formatted)
    })
}

fn indent(value: &Value, arguments: &Arguments) -> Result<Value> {
    let text = only_text(value, "indent")?;
    let indention = match arguments.get("width") {
        Some(Value::Text(width)) => width.to_string(),
        _ => " ".repeat(width(arguments.number("width")?.unwrap_or(4))?),
    };
    let blank = arguments.flag("blank")?;
    // Jinja2 adds a line end, so that one at the end of the text survives the splitting into lines.
    let text = format!("{text}\n");
    let mut result = String::new();
    if arguments.flag("first")? {
        result.push_str(&indention);
    }
    for (index, line) in lines(&text, false).into_iter().enumerate() {
        if index > 0 {
            result.push('\n');
            if blank || !line.is_empty() {
                limits::text(indention.len())?;
                result.push_str(&indention);
            }
        }
        result.push_str(line);
    }
    limits::text(result.len())?;
    Ok(Value::from(result))
}

fn truncate(value: &Value, arguments: &Arguments) -> Result<Value> {
    let text = match value {
        Value::Text(text) => text.to_string(),
        other if other.len().is_ok() => {
            return Err(Error::unsupported(
                "`truncate` of a list is not supported",
                "Write a slice: `[:5]`.",
            ));
        }
        other => {
            return fail(format!(
                "object of type '{}' has no len()",
                other.type_name()
            ));
        }
    };
    let length = arguments.number("length")?.unwrap_or(255);
    let end = arguments.text("end")?.unwrap_or("...");
    let leeway = arguments.number("leeway")?.unwrap_or(5);
    let ending = end.chars().count() as i64;
    if length < ending {
        return fail(format!("expected length >= {ending}, got {length}"));
    }
    if leeway < 0 {
        return fail(format!("expected leeway >= 0, got {leeway}"));
    }
    if text.chars().count() as i64 <= length + leeway {
        return Ok(value.clone());
    }
    let kept: String = text
        .chars()
        .take(usize::try_from(length - ending).unwrap_or(0))
        .collect();
    let kept = if arguments.flag("killwords")? {
        kept.as_str()
    } else {
        kept.rsplit_once(' ')
            .map_or(kept.as_str(), |(head, _)| head)
    };
    Ok(Value::from(format!("{kept}{end}")))
}

/// Jinja2's `wordwrap`: each line of the text is wrapped by itself, as Python's `textwrap` does.
fn wordwrap(value: &Value, arguments: &Arguments) -> Result<Value> {
    let text = only_text(value, "wordwrap")?;
    let width = arguments.number("width")?.unwrap_or(79);
    let Some(width) = usize::try_from(width).ok().filter(|width| *width > 0) else {
        return fail(format!("invalid width {width} (must be > 0)"));
    };
    let between = arguments.text("wrapstring")?.unwrap_or("\n");
    let break_words = arguments.flag_or("break_long_words", true)?;
    let break_hyphens = arguments.flag_or("break_on_hyphens", true)?;
    let mut wrapped = Vec::new();
    for line in lines(text, false) {
        wrapped.push(wrap(line, width, break_words, break_hyphens)?.join(between));
    }
    let result = wrapped.join(between);
    limits::text(result.len())?;
    Ok(Value::from(result))
}

/// Python's `textwrap.wrap` without expanding tabs, replacing blanks and breaking at them.
fn wrap(text: &str, width: usize, break_words: bool, break_hyphens: bool) -> Result<Vec<String>> {
    let count = |text: &str| text.chars().count();
    let mut chunks: std::collections::VecDeque<String> = chunks(text, break_hyphens).into();
    let mut result = Vec::new();
    while let Some(chunk) = chunks.front() {
        // The rest of a long word is copied for each line.
        limits::step(1 + chunk.len() / 256)?;
        let mut line = String::new();
        let mut length = 0;
        if chunks.front().is_some_and(|chunk| chunk.trim().is_empty()) && !result.is_empty() {
            chunks.pop_front();
        }
        while let Some(chunk) = chunks.front() {
            if length + count(chunk) > width {
                break;
            }
            length += count(chunk);
            line.push_str(chunk);
            chunks.pop_front();
        }
        if let Some(chunk) = chunks.front_mut()
            && count(chunk) > width
        {
            let space = if width < 1 { 1 } else { width - length };
            if break_words {
                let mut end = chunk
                    .char_indices()
                    .nth(space)
                    .map_or(chunk.len(), |(end, _)| end);
                if break_hyphens && count(chunk) > space {
                    let head = &chunk[..end];
                    if let Some(hyphen) = head.rfind('-').filter(|hyphen| {
                        *hyphen > 0 && head[..*hyphen].chars().any(|next| next != '-')
                    }) {
                        end = hyphen + 1;
                    }
                }
                line.push_str(&chunk[..end]);
                *chunk = chunk[end..].to_owned();
                if chunk.is_empty() {
                    chunks.pop_front();
                }
            } else if line.is_empty()
                && let Some(chunk) = chunks.pop_front()
            {
                line.push_str(&chunk);
            }
        }
        // Blanks at the end of a line are dropped.
        let mut end = line.as_str();
        if let Some(last) = last_chunk(end)
            && last.trim().is_empty()
        {
            end = &end[..end.len() - last.len()];
        }
        if !end.is_empty() {
            result.push(end.to_owned());
        }
    }
    Ok(result)
}

/// The run of blanks, or of other characters, at the end.
fn last_chunk(text: &str) -> Option<&str> {
    let blank = text.chars().next_back()?.is_whitespace();
    let start = text
        .char_indices()
        .rev()
        .take_while(|(_, character)| character.is_whitespace() == blank)
        .last()?
        .0;
    Some(&text[start..])
}

/// Words and the blanks between them; words may end at hyphens between letters.
fn chunks(text: &str, break_hyphens: bool) -> Vec<String> {
    let mut chunks: Vec<String> = Vec::new();
    let characters: Vec<char> = text.chars().collect();
    let letter = |index: Option<usize>| {
        index
            .and_then(|index| characters.get(index))
            .is_some_and(|next| next.is_alphabetic() || *next == '_')
    };
    let mut chunk = String::new();
    for (index, &character) in characters.iter().enumerate() {
        if let Some(last) = chunk.chars().next_back()
            && last.is_whitespace() != character.is_whitespace()
        {
            chunks.push(std::mem::take(&mut chunk));
        }
        chunk.push(character);
        let breaks = break_hyphens
            && character == '-'
            && letter(index.checked_sub(1))
            && index >= 2
            && (letter(index.checked_sub(2)) || characters.get(index - 2) == Some(&'-'))
            && letter(Some(index + 1))
            && letter(Some(index + 2));
        if breaks {
            chunks.push(std::mem::take(&mut chunk));
        }
    }
    if !chunk.is_empty() {
        chunks.push(chunk);
    }
    chunks
}

fn filesizeformat(value: &Value, arguments: &Arguments) -> Result<Value> {
    let bytes = match value {
        Value::Text(text) => number::parse_float(text).ok_or_else(|| {
            Error::failed(format!(
                "could not convert string to float: {}",
                python::repr(value).unwrap_or_default()
            ))
        })?,
        other => number::float(other)?,
    };
    let binary = arguments.flag("binary")?;
    let (base, suffix) = if binary {
        (1024f64, "iB")
    } else {
        (1000f64, "B")
    };
    if bytes == 1.0 {
        return Ok(Value::text("1 Byte"));
    }
    if bytes < base {
        return Ok(Value::from(format!("{} Bytes", bytes.trunc())));
    }
    let letters = if binary { "KMGTPEZY" } else { "kMGTPEZY" };
    let mut unit = base;
    let mut shown = String::new();
    for letter in letters.chars() {
        unit *= base;
        shown = format!("{:.1} {letter}{suffix}", base * bytes / unit);
        if bytes < unit {
            break;
        }
    }
    Ok(Value::from(shown))
}

fn wordcount(value: &Value, _: &Arguments) -> Result<Value> {
    let text = python::text(value)?;
    let words = text.split(|character: char| !(character.is_alphanumeric() || character == '_'));
    Ok(Value::from(words.filter(|word| !word.is_empty()).count()))
}

fn striptags(value: &Value, _: &Arguments) -> Result<Value> {
    let mut text = python::text(value)?;
    while let Some(start) = text.find("<!--") {
        match text[start..].find("-->") {
            Some(end) => text.replace_range(start..start + end + 3, ""),
            None => break,
        }
    }
    while let Some(start) = text.find('<') {
        limits::step(1 + text.len() / 64)?;
        match text[start..].find('>') {
            Some(end) => text.replace_range(start..=start + end, ""),
            None => break,
        }
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.contains('&') {
        let plain = [
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&#39;", "'"),
            ("&#34;", "\""),
            ("&quot;", "\""),
            ("&nbsp;", "\u{a0}"),
            ("&amp;", "&"),
        ]
        .iter()
        .fold(text, |text, (word, character)| {
            text.replace(word, character)
        });
        return Ok(Value::from(plain));
    }
    Ok(Value::from(text))
}

fn xmlattr(value: &Value, arguments: &Arguments) -> Result<Value> {
    let Some(pairs) = value.pairs() else {
        return fail(format!(
            "`xmlattr` needs a mapping, not {}",
            python::article(value)
        ));
    };
    let mut parts = Vec::new();
    for (key, item) in pairs {
        if item.is_none() || matches!(item, Value::Nothing) {
            continue;
        }
        item.check()?;
        let key = python::text(&key)?;
        if key
            .chars()
            .any(|character| character.is_whitespace() || "/>=".contains(character))
        {
            return fail(format!("Invalid character in attribute name: '{key}'"));
        }
        parts.push(format!(
            "{}=\"{}\"",
            escaped(&key),
            escaped(&python::text(&item)?)
        ));
    }
    let text = parts.join(" ");
    let space = arguments.flag_or("autospace", true)? && !text.is_empty();
    Ok(Value::from(if space { format!(" {text}") } else { text }))
}

/// What fits into one line; Python breaks longer ones up in ways of its own.
fn pprint(value: &Value, _: &Arguments) -> Result<Value> {
    let text = sorted_repr(value, 0)?;
    if text.chars().count() > 80 {
        return Err(Error::unsupported(
            "`pprint` is supported for values of one line only",
            "Use `to_nice_json` or `to_nice_yaml`.",
        ));
    }
    Ok(Value::from(text))
}

/// Python's `repr`, with the keys of mappings sorted.
fn sorted_repr(value: &Value, depth: usize) -> Result<String> {
    if depth > 50 {
        return fail("this value is nested too deep");
    }
    let inner = |items: &[Value]| -> Result<String> {
        let texts: Result<Vec<String>> = items
            .iter()
            .map(|item| sorted_repr(item, depth + 1))
            .collect();
        Ok(texts?.join(", "))
    };
    Ok(match value {
        Value::Dict(_) => {
            let pairs = value.pairs().unwrap_or_default();
            let keys: Vec<Value> = pairs.iter().map(|(key, _)| key.clone()).collect();
            let keys =
                super::order::sorted(keys.clone(), |key| Ok(key.clone()), false).unwrap_or(keys);
            let mut texts = Vec::new();
            for key in keys {
                let item = pairs
                    .iter()
                    .find(|(known, _)| known.is_same(&key) || known.equals(&key).unwrap_or(false));
                if let Some((key, item)) = item {
                    texts.push(format!(
                        "{}: {}",
                        python::repr(key)?,
                        sorted_repr(item, depth + 1)?
                    ));
                }
            }
            format!("{{{}}}", texts.join(", "))
        }
        Value::List(_) => format!("[{}]", inner(&value.items()?)?),
        Value::Tuple(items) if items.len() == 1 => format!("({},)", inner(&value.items()?)?),
        Value::Tuple(_) => format!("({})", inner(&value.items()?)?),
        other => python::repr(other)?,
    })
}

fn comment(value: &Value, arguments: &Arguments) -> Result<Value> {
    let text = only_text(value, "comment")?;
    let style = arguments.text("style")?.unwrap_or("plain");
    let (mut beginning, mut decoration, mut end) = match style {
        "plain" => (String::new(), "# ".to_owned(), String::new()),
        "erlang" => (String::new(), "% ".to_owned(), String::new()),
        "c" => (String::new(), "// ".to_owned(), String::new()),
        "cblock" => ("/*".to_owned(), " * ".to_owned(), " */".to_owned()),
        "xml" => ("<!--".to_owned(), " - ".to_owned(), "-->".to_owned()),
        _ => {
            return fail(format!(
                "Invalid style '{style}': plain, erlang, c, cblock and xml exist"
            ));
        }
    };
    if let Some(given) = arguments.as_text("decoration")? {
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
            // Ansible takes any name, and does nothing with it.
            _ => {}
        }
    }
    limits::text(prefix.len().saturating_mul(prefix_count))?;
    limits::text(postfix.len().saturating_mul(postfix_count))?;
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
        replaced(text, &newline, &format!("{newline}{decoration}"), -1)?
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
    limits::text(result.len())?;
    Ok(Value::from(result))
}

/// Python's `shlex.quote`.
fn quote(value: &Value, _: &Arguments) -> Result<Value> {
    let text = if value.is_none() {
        String::new()
    } else {
        python::text(value)?
    };
    let safe =
        |character: char| character.is_ascii_alphanumeric() || "_@%+=:,./-".contains(character);
    Ok(if text.is_empty() {
        Value::text("''")
    } else if !text.chars().all(safe) {
        Value::from(format!("'{}'", text.replace('\'', "'\"'\"'")))
    } else if let Value::Text(_) = value {
        // The very text, which may have come out of a vault.
        value.clone()
    } else {
        Value::from(text)
    })
}

/// Python's `str.split`.
fn split(value: &Value, arguments: &Arguments) -> Result<Value> {
    let text = only_text(value, "split")?;
    let limit = arguments.number("maxsplit")?.unwrap_or(-1);
    split_text(text, arguments.text("sep")?, limit).map(Value::texts)
}
