//! Filters with regular expressions.

use std::rc::Rc;

use crate::filters::Filter;
use crate::python::regex::{Captures, Pattern, Searched};
use crate::value::arguments::Arguments;
use crate::value::error::{Result, fail};
use crate::value::{Value, limits, print};

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

fn compiled(arguments: &Arguments, pattern: &str) -> Result<Rc<Pattern>> {
    Pattern::new(
        pattern,
        arguments.flag("ignorecase")?,
        arguments.flag("multiline")?,
    )
}

fn replace(value: &Value, arguments: &Arguments) -> Result<Value> {
    let text = print::text(value)?;
    let pattern = arguments.text_or("pattern", "")?;
    let regex = compiled(arguments, pattern)?;
    let replacement = Replacement::read(arguments.text_or("replacement", "")?, &regex)?;
    let limit = match arguments.number_or("count", 0)? {
        0 => usize::MAX,
        count => usize::try_from(count).unwrap_or(0),
    };
    let mut result = String::new();
    let mut last = 0;
    let mut done = 0;
    let searched = Searched::new(&text);
    for captures in regex.all(&searched, limit)? {
        let Some(whole) = captures.get(0) else {
            continue;
        };
        result.push_str(&text[last..whole.start()]);
        replacement.write(&captures, &mut result)?;
        last = whole.end();
        done += 1;
        limits::text(whole.end() - whole.start() + 1)?;
    }
    result.push_str(&text[last..]);
    limits::text(result.len())?;
    if let Some(wanted) = arguments
        .number("mandatory_count")?
        .filter(|wanted| *wanted != 0)
        && usize::try_from(wanted).ok() != Some(done)
    {
        return fail(format!(
            "'{pattern}' should match {wanted} times, but matches {done} times"
        ));
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
    fn read(text: &str, regex: &Pattern) -> Result<Self> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        let group = |number: usize| {
            if number < regex.groups() {
                Ok(Part::Group(number))
            } else {
                fail(format!("invalid group reference {number}"))
            }
        };
        while let Some(index) = rest.find('\\') {
            plain.push_str(&rest[..index]);
            rest = &rest[index + 1..];
            let Some(character) = rest.chars().next() else {
                return fail("bad escape (end of pattern)");
            };
            let octal = |digits: &str| u32::from_str_radix(digits, 8).ok().and_then(char::from_u32);
            if let Some(inner) = rest.strip_prefix("g<") {
                let Some(end) = inner.find('>') else {
                    return fail("missing >, unterminated name");
                };
                let name = &inner[..end];
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(match name.parse::<usize>() {
                    Ok(number) => group(number)?,
                    Err(_) if regex.has_group(name) => Part::Name(name.to_owned()),
                    Err(_) => return fail(format!("unknown group name '{name}'")),
                });
                rest = &inner[end + 1..];
            } else if character == '0' {
                let length = 1 + rest[1..]
                    .chars()
                    .take(2)
                    .take_while(|next| ('0'..='7').contains(next))
                    .count();
                plain.extend(octal(&rest[..length]));
                rest = &rest[length..];
            } else if character.is_ascii_digit() {
                let digits = rest
                    .chars()
                    .take(3)
                    .take_while(char::is_ascii_digit)
                    .count();
                let three = &rest[..digits];
                if digits == 3
                    && three.bytes().all(|byte| byte < b'8')
                    && three.as_bytes()[0] <= b'3'
                {
                    plain.extend(octal(three));
                    rest = &rest[3..];
                    continue;
                }
                let length = digits.min(2);
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(group(rest[..length].parse().unwrap_or_default())?);
                rest = &rest[length..];
            } else {
                match character {
                    'n' => plain.push('\n'),
                    't' => plain.push('\t'),
                    'r' => plain.push('\r'),
                    'a' => plain.push('\u{7}'),
                    'b' => plain.push('\u{8}'),
                    'f' => plain.push('\u{c}'),
                    'v' => plain.push('\u{b}'),
                    '\\' => plain.push('\\'),
                    letter if letter.is_ascii_alphabetic() => {
                        return fail(format!("bad escape \\{letter}"));
                    }
                    other => {
                        plain.push('\\');
                        plain.push(other);
                    }
                }
                rest = &rest[character.len_utf8()..];
            }
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }

    fn write(&self, captures: &Captures, out: &mut String) -> Result<()> {
        for part in &self.0 {
            let part = match part {
                Part::Text(text) => text,
                Part::Group(number) => captures.get(*number).map_or("", |group| group.as_str()),
                Part::Name(name) => captures.name(name).map_or("", |group| group.as_str()),
            };
            limits::text(part.len())?;
            out.push_str(part);
        }
        Ok(())
    }
}

fn search(value: &Value, arguments: &Arguments) -> Result<Value> {
    enum Wanted {
        Number(usize),
        Name(String),
    }
    let text = print::text(value)?;
    let mut wanted = Vec::new();
    for argument in &arguments.rest {
        let name = print::text(argument)?;
        if let Some(rest) = name.strip_prefix("\\g") {
            let Some(inner) = rest
                .strip_prefix('<')
                .and_then(|rest| rest.rfind('>').map(|end| &rest[..end]))
            else {
                return fail("a group is written `\\g<name>`");
            };
            // Ansible looks for a group of this name, also when it is a number.
            wanted.push(Wanted::Name(inner.to_owned()));
        } else if let Some(rest) = name.strip_prefix('\\') {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            match digits.parse() {
                Ok(number) => wanted.push(Wanted::Number(number)),
                Err(_) => return fail(format!("`{name}` names no group")),
            }
        } else {
            return fail("Unknown argument");
        }
    }
    let regex = compiled(arguments, arguments.needed_text("regex")?)?;
    let text = Searched::new(&text);
    let Some(captures) = regex.captures(&text)? else {
        return Ok(Value::None);
    };
    let found = |group: Option<fancy_regex::Match>| {
        group.map_or(Value::None, |group| Value::text(group.as_str()))
    };
    if wanted.is_empty() {
        return Ok(found(captures.get(0)));
    }
    let groups = wanted.into_iter().map(|wanted| match wanted {
        Wanted::Number(number) if number < regex.groups() => Ok(found(captures.get(number))),
        Wanted::Name(name) if regex.has_group(&name) => Ok(found(captures.name(&name))),
        _ => fail("no such group"),
    });
    groups.collect::<Result<Vec<_>>>().map(Value::list)
}

fn find_all(value: &Value, arguments: &Arguments) -> Result<Value> {
    let text = print::text(value)?;
    let regex = compiled(arguments, arguments.needed_text("regex")?)?;
    let group = |captures: &Captures, number: usize| {
        Value::text(captures.get(number).map_or("", |group| group.as_str()))
    };
    let text = Searched::new(&text);
    let mut found = Vec::new();
    for captures in regex.all(&text, usize::MAX)? {
        let groups = captures.iter().flatten();
        limits::text(groups.map(|group| group.as_str().len()).sum())?;
        found.push(match captures.len() {
            1 => group(&captures, 0),
            2 => group(&captures, 1),
            more => Value::tuple((1..more).map(|number| group(&captures, number)).collect()),
        });
    }
    Ok(Value::list(found))
}

/// Python's `re.escape`, or what a basic expression of POSIX needs.
fn escape(value: &Value, arguments: &Arguments) -> Result<Value> {
    let special = match arguments.text_or("re_type", "python")? {
        "python" => "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}",
        "posix_basic" => "].[^$*\\",
        "posix_extended" => return fail("Regex type (posix_extended) not yet implemented"),
        other => return fail(format!("Invalid regex type ({other})")),
    };
    let mut result = String::new();
    for character in print::text(value)?.chars() {
        if special.contains(character) {
            result.push('\\');
        }
        result.push(character);
    }
    limits::text(result.len())?;
    Ok(Value::from(result))
}
