//! Filters with regular expressions in Python's syntax. What the engine cannot match as Python would (references and
//! looking around inside of an expression) is refused.

use ::regex::{Captures, Regex, RegexBuilder};
use minijinja::Error;
use minijinja::value::{Value, ValueKind};

use super::arguments::Arguments;
use super::{Filter, fail, only_text};
use crate::ansible::python;

pub const FILTERS: &[Filter] = &[
    (
        "regex_replace",
        &[
            "pattern",
            "replacement",
            "ignorecase",
            "multiline",
            "count",
            "mandatory_count",
        ],
        replace,
    ),
    (
        "regex_search",
        &["regex", "*", "ignorecase", "multiline"],
        search,
    ),
    (
        "regex_findall",
        &["regex", "multiline", "ignorecase"],
        find_all,
    ),
    ("regex_escape", &["re_type"], escape),
];

/// At most this much memory for one expression.
const MAX_SIZE: usize = 1 << 20;

/// Compiles an expression with Python's flags.
pub fn compile(pattern: &str, ignore_case: bool, multi_line: bool) -> Result<Regex, Error> {
    // Python's `$` also stands before a line end at the very end, and `\Z` is what is `\z` here.
    if pattern.contains("\\z") {
        return Err(fail(
            "`\\z` is not known to Python's regular expressions; use `\\Z`",
        ));
    }
    let pattern = translate(pattern, multi_line);
    RegexBuilder::new(&pattern)
        .case_insensitive(ignore_case)
        .multi_line(multi_line)
        .size_limit(MAX_SIZE)
        .build()
        .map_err(|error| {
            let reason = error.to_string();
            let reason = reason
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ")
                .to_owned();
            fail(format!("this regular expression cannot be used: {reason}"))
        })
}

fn translate(pattern: &str, multi_line: bool) -> String {
    let mut result = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('Z') if !in_class => result.push_str("\\z"),
                Some(next) => {
                    result.push('\\');
                    result.push(next);
                }
                None => result.push('\\'),
            },
            '[' if in_class => result.push_str("\\["),
            '[' => {
                in_class = true;
                result.push('[');
                let mut rest = characters.clone();
                let mut first = rest.next();
                if first == Some('^') {
                    result.push('^');
                    characters.next();
                    first = rest.next();
                }
                if first == Some(']') {
                    result.push_str("\\]");
                    characters.next();
                }
            }
            ']' => {
                in_class = false;
                result.push(']');
            }
            // Two of these are set operations here, and plain characters in Python.
            '&' | '~' if in_class => {
                result.push('\\');
                result.push(character);
            }
            '$' if !in_class && !multi_line => result.push_str("(?:\\n?\\z)"),
            character => result.push(character),
        }
    }
    result
}

fn flags(pattern: &str, arguments: &Arguments) -> Result<Regex, Error> {
    compile(
        pattern,
        arguments.flag("ignorecase"),
        arguments.flag("multiline"),
    )
}

fn replace(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    for given in ["pattern", "replacement"] {
        if let Some(given) = arguments.get(given) {
            only_text(given, "regex_replace")?;
        }
    }
    let text = python::text(value)?;
    let pattern = arguments.text("pattern")?.unwrap_or_default();
    // `$` would otherwise take the last line end away with what it replaces.
    if pattern.ends_with('$') && text.ends_with('\n') && !arguments.flag("multiline") {
        return Err(fail(
            "`$` before a line end at the end of the text is not supported; trim the text first",
        ));
    }
    let regex = flags(&pattern, arguments)?;
    let replacement =
        Replacement::read(&arguments.text("replacement")?.unwrap_or_default(), &regex)?;
    let limit = arguments
        .number("count")?
        .filter(|&count| count > 0)
        .and_then(|count| usize::try_from(count).ok());
    let mut done = 0;
    let mut result = String::new();
    let mut last = 0;
    for captures in regex.captures_iter(&text) {
        if limit.is_some_and(|limit| done >= limit) {
            break;
        }
        let Some(whole) = captures.get(0) else {
            continue;
        };
        result.push_str(&text[last..whole.start()]);
        replacement.write(&captures, &mut result);
        last = whole.end();
        done += 1;
    }
    result.push_str(&text[last..]);
    if let Some(wanted) = arguments
        .number("mandatory_count")?
        .filter(|&wanted| wanted != 0)
        && usize::try_from(wanted).ok() != Some(done)
    {
        return Err(fail(format!(
            "`{pattern}` should match {wanted} times, but matches {done} times"
        )));
    }
    Ok(Value::from(result))
}

/// A replacement in Python's syntax: `\1`, `\g<1>`, `\g<name>`, `\n`.
struct Replacement(Vec<Part>);

enum Part {
    Text(String),
    Group(usize),
    Name(String),
}

impl Replacement {
    fn read(text: &str, regex: &Regex) -> Result<Self, Error> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(index) = rest.find('\\') {
            plain.push_str(&rest[..index]);
            rest = &rest[index + 1..];
            let Some(character) = rest.chars().next() else {
                return Err(fail("the replacement ends with a single `\\`"));
            };
            if let Some(inner) = rest.strip_prefix("g<") {
                let end = inner
                    .find('>')
                    .ok_or_else(|| fail("`\\g<` in the replacement lacks its `>`"))?;
                let name = &inner[..end];
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(match name.parse() {
                    Ok(number) => Part::Group(number),
                    Err(_) => Part::Name(name.to_owned()),
                });
                rest = &inner[end + 1..];
            } else if character.is_ascii_digit() && character != '0' {
                let digits = rest
                    .chars()
                    .take(2)
                    .take_while(char::is_ascii_digit)
                    .count();
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(Part::Group(rest[..digits].parse().unwrap_or_default()));
                rest = &rest[digits..];
            } else {
                plain.push(match character {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    '\\' => '\\',
                    _ => {
                        return Err(fail(format!(
                            "`\\{character}` in the replacement is not supported"
                        )));
                    }
                });
                rest = &rest[character.len_utf8()..];
            }
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        for part in &parts {
            let known = match part {
                Part::Text(_) => true,
                Part::Group(number) => *number < regex.captures_len(),
                Part::Name(name) => regex.capture_names().flatten().any(|known| known == name),
            };
            if !known {
                return Err(fail(
                    "the replacement names a group that the expression does not have",
                ));
            }
        }
        Ok(Self(parts))
    }

    fn write(&self, captures: &Captures, out: &mut String) {
        for part in &self.0 {
            out.push_str(match part {
                Part::Text(text) => text,
                Part::Group(number) => captures.get(*number).map_or("", |group| group.as_str()),
                Part::Name(name) => captures.name(name).map_or("", |group| group.as_str()),
            });
        }
    }
}

fn search(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = python::text(value)?;
    let regex = flags(&python::text(arguments.needed("regex")?)?, arguments)?;
    let Some(captures) = regex.captures(&text) else {
        return Ok(Value::from(()));
    };
    let found = |group: Option<::regex::Match>| {
        group.map_or_else(|| Value::from(()), |group| Value::from(group.as_str()))
    };
    if arguments.rest.is_empty() {
        return Ok(found(captures.get(0)));
    }
    let mut groups = Vec::new();
    for argument in &arguments.rest {
        let name = python::text(argument)?;
        let group = if let Some(name) = name
            .strip_prefix("\\g<")
            .and_then(|name| name.strip_suffix('>'))
        {
            match name.parse::<usize>() {
                Ok(number) => captures.get(number),
                Err(_) => captures.name(name),
            }
        } else if let Some(number) = name
            .strip_prefix('\\')
            .and_then(|number| number.parse::<usize>().ok())
        {
            captures.get(number)
        } else {
            return Err(fail(format!(
                "`{name}` names no group: write `\\\\1` or `\\\\g<name>`"
            )));
        };
        groups.push(found(group));
    }
    Ok(Value::from(groups))
}

fn find_all(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = python::text(value)?;
    let regex = flags(&python::text(arguments.needed("regex")?)?, arguments)?;
    let group = |captures: &Captures, number: usize| {
        captures
            .get(number)
            .map_or("", |group| group.as_str())
            .to_owned()
    };
    Ok(regex
        .captures_iter(&text)
        .map(|captures| match captures.len() {
            1 => Value::from(group(&captures, 0)),
            2 => Value::from(group(&captures, 1)),
            more => Value::from(
                (1..more)
                    .map(|number| group(&captures, number))
                    .collect::<Vec<_>>(),
            ),
        })
        .collect())
}

/// Python's `re.escape`.
fn escape(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    if arguments
        .get("re_type")
        .is_some_and(|kind| kind.kind() != ValueKind::String || kind.as_str() != Some("python"))
    {
        return Err(fail("`regex_escape` knows the type `python` only"));
    }
    let mut result = String::new();
    for character in python::text(value)?.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(character) {
            result.push('\\');
        }
        result.push(character);
    }
    Ok(Value::from(result))
}
