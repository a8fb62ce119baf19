//! Filters that make texts.

use crate::filters::Filter;
use crate::python::format;
use crate::python::methods::text::{capitalized, lines, replaced, split as split_text, stripped};
use crate::value::arguments::{Arguments, Given};
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, limits, number, print};

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

pub const COMMUNITY: &[Filter] = &[
    ("unicode_normalize", &["form"], unicode_normalize),
    ("to_ini", &[], to_ini),
];

fn only_text<'a>(value: &'a Value, filter: &str) -> Result<&'a str> {
    match value {
        Value::Text(text) => Ok(text),
        other => fail(format!(
            "`{filter}` needs a text, not {}",
            print::article(other)
        )),
    }
}

fn upper(value: &Value, _: &Arguments) -> Result<Value> {
    Ok(Value::from(print::text(value)?.to_uppercase()))
}

fn lower(value: &Value, _: &Arguments) -> Result<Value> {
    Ok(Value::from(print::text(value)?.to_lowercase()))
}

fn capitalize(value: &Value, _: &Arguments) -> Result<Value> {
    Ok(Value::from(capitalized(&print::text(value)?)))
}

/// Jinja2's: words begin behind blanks, hyphens and opening brackets only.
fn title(value: &Value, _: &Arguments) -> Result<Value> {
    let text = print::text(value)?;
    let mut result = String::new();
    let mut begins = true;
    for character in text.chars() {
        let between = crate::python::chars::is_blank(character) || "-([{<".contains(character);
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
    print::text(value).map(Value::from)
}

/// MarkupSafe's words for the five characters.
fn escape(value: &Value, _: &Arguments) -> Result<Value> {
    let text = print::text(value)?;
    let marks = text.bytes().filter(|byte| b"&<>'\"".contains(byte)).count();
    limits::text(text.len() + 4 * marks)?;
    Ok(Value::from(escaped(&text)))
}

/// A text as HTML shows it, as the filter `escape` makes it.
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
    let text = print::text(value)?;
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
    let text = Value::from(print::text(value)?);
    let width = arguments.get("width").cloned().unwrap_or(Value::Int(80));
    crate::python::methods::call(&text, "center", Given::positional(vec![width]))
}

fn replace(value: &Value, arguments: &Arguments) -> Result<Value> {
    let text = print::text(value)?;
    let (old, new) = (
        print::text(arguments.needed("old")?)?,
        print::text(arguments.needed("new")?)?,
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
    let text = print::text(value)?;
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
        _ => " ".repeat(width(arguments.number_or("width", 4)?)?),
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
    let length = arguments.number_or("length", 255)?;
    let end = arguments.text_or("end", "...")?;
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
    let width = arguments.number_or("width", 79)?;
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
                print::repr(value).unwrap_or_default()
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
        return Ok(Value::from(format!("{} Bytes", bytes.trunc() + 0.0)));
    }
    let letters = if binary { "KMGTPEZY" } else { "kMGTPEZY" };
    let mut unit = base;
    let mut shown = String::new();
    for letter in letters.chars() {
        unit *= base;
        let number = print::fixed_text(base * bytes / unit, 1);
        shown = format!("{number} {letter}{suffix}");
        if bytes < unit {
            break;
        }
    }
    Ok(Value::from(shown))
}

fn wordcount(value: &Value, _: &Arguments) -> Result<Value> {
    let text = print::text(value)?;
    let words = text.split(|character: char| !(character.is_alphanumeric() || character == '_'));
    Ok(Value::from(words.filter(|word| !word.is_empty()).count()))
}

fn striptags(value: &Value, _: &Arguments) -> Result<Value> {
    let mut text = print::text(value)?;
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
            print::article(value)
        ));
    };
    let mut parts = Vec::new();
    for (key, item) in pairs {
        if item.is_none() || matches!(item, Value::Nothing) {
            continue;
        }
        item.check()?;
        let Value::Text(key) = &key else {
            return fail(format!(
                "an attribute's name must be a text, not {}",
                print::article(&key)
            ));
        };
        if key
            .chars()
            .any(|character| character.is_whitespace() || "/>=".contains(character))
        {
            return fail(format!("Invalid character in attribute name: '{key}'"));
        }
        parts.push(format!(
            "{}=\"{}\"",
            escaped(key),
            escaped(&print::text(&item)?)
        ));
    }
    let text = parts.join(" ");
    let space = arguments.flag_or("autospace", true)? && !text.is_empty();
    Ok(Value::from(if space { format!(" {text}") } else { text }))
}

/// Ansible's lists and mappings are no plain ones, which Python prints as `repr` does; long texts it breaks up.
fn pprint(value: &Value, _: &Arguments) -> Result<Value> {
    let text = print::repr(value)?;
    if matches!(value, Value::Text(_) | Value::Bytes(_)) && text.chars().count() > 80 {
        return Err(Error::unsupported(
            "`pprint` is supported for texts of one line only",
            "Use `wordwrap`, or `to_json` for a text in quotes.",
        ));
    }
    Ok(Value::from(text))
}

fn comment(value: &Value, arguments: &Arguments) -> Result<Value> {
    let text = only_text(value, "comment")?;
    let style = arguments.text_or("style", "plain")?;
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
            "beginning" => beginning = print::text(value)?,
            "end" => end = print::text(value)?,
            "prefix" => prefix = print::text(value)?,
            "postfix" => postfix = print::text(value)?,
            "newline" => newline = print::text(value)?,
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
        print::text(value)?
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

/// Composes or decomposes characters with accents and the like.
fn unicode_normalize(value: &Value, arguments: &Arguments) -> Result<Value> {
    use unicode_normalization::UnicodeNormalization;
    let text = only_text(value, "unicode_normalize")?;
    let form = match arguments.get("form") {
        None => "NFC",
        Some(_) => arguments.needed_text("form")?,
    };
    // A character may become 18.
    limits::text(text.len().saturating_mul(18))?;
    Ok(Value::from(match form {
        "NFC" => text.nfc().collect::<String>(),
        "NFD" => text.nfd().collect(),
        "NFKC" => text.nfkc().collect(),
        "NFKD" => text.nfkd().collect(),
        other => return fail(format!("'{other}' is not a valid form")),
    }))
}

/// Python's `configparser` writes sections, `DEFAULT` first.
fn to_ini(value: &Value, _: &Arguments) -> Result<Value> {
    let mapping = |value: &Value| {
        value.pairs().ok_or_else(|| {
            Error::failed(format!(
                "`to_ini` needs a mapping of mappings, not {}",
                print::article(value)
            ))
        })
    };
    let mut defaults = None;
    let mut sections = indexmap::IndexMap::new();
    for (name, section) in mapping(value)? {
        let mut lines = indexmap::IndexMap::new();
        for (key, item) in mapping(&section.usable()?)? {
            if item.is_none() {
                return fail("option values must be strings");
            }
            let text = print::text(&item)?.replace('\n', "\n\t");
            if lines.insert(print::text(&key)?, text).is_some() {
                return fail("an option stands there twice");
            }
        }
        let name = print::text(&name)?;
        if name == "DEFAULT" {
            defaults = Some(lines);
        } else if sections.insert(name.clone(), lines).is_some() {
            return fail(format!("the section '{name}' stands there twice"));
        }
    }
    let mut result = String::new();
    let defaults = defaults.filter(|lines| !lines.is_empty());
    let defaults = defaults.map(|lines| ("DEFAULT".to_owned(), lines));
    for (name, lines) in defaults.into_iter().chain(sections) {
        result.push_str(&format!("[{name}]\n"));
        for (key, text) in lines {
            result.push_str(&format!("{key} = {text}\n"));
        }
        result.push('\n');
    }
    limits::text(result.len())?;
    if result.pop().is_none() {
        return fail("`to_ini` needs a mapping that is not empty");
    }
    Ok(Value::from(result))
}
