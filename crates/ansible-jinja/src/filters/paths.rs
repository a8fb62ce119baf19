//! Filters on paths of files, as on Linux and (`win_…`) on Windows. None of them looks at a disk.

use crate::filters::Filter;
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, print};

pub const FILTERS: &[Filter] = &[
    ("basename", &[], basename),
    ("dirname", &[], dirname),
    ("splitext", &[], splitext),
    ("path_join", &[], path_join),
    ("normpath", &[], normpath),
    ("relpath", &["start"], relpath),
    ("commonpath", &[], commonpath),
    ("win_basename", &[], win_basename),
    ("win_dirname", &[], win_dirname),
    ("win_splitdrive", &[], win_splitdrive),
];

fn path<'a>(value: &'a Value, filter: &str) -> Result<&'a str> {
    match value {
        Value::Text(text) => Ok(text),
        other => fail(format!(
            "`{filter}` needs a text, not {}",
            print::article(other)
        )),
    }
}

fn basename(value: &Value, _: &Arguments) -> Result<Value> {
    Ok(Value::text(
        path(value, "basename")?
            .rsplit('/')
            .next()
            .unwrap_or_default(),
    ))
}

fn dirname(value: &Value, _: &Arguments) -> Result<Value> {
    let path = path(value, "dirname")?;
    let head = path.rfind('/').map_or("", |end| &path[..=end]);
    // The root keeps its slashes.
    let trimmed = head.trim_end_matches('/');
    Ok(Value::text(if trimmed.is_empty() { head } else { trimmed }))
}

/// A name that only begins with dots has no extension.
fn splitext(value: &Value, _: &Arguments) -> Result<Value> {
    let path = path(value, "splitext")?;
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    let dots = path[name..].len() - path[name..].trim_start_matches('.').len();
    let split = path[name + dots..]
        .rfind('.')
        .map_or(path.len(), |dot| name + dots + dot);
    Ok(Value::tuple(vec![
        Value::text(&path[..split]),
        Value::text(&path[split..]),
    ]))
}

fn path_join(value: &Value, _: &Arguments) -> Result<Value> {
    if let Value::Text(_) = value {
        return Ok(value.clone());
    }
    if !value.is_sequence() {
        return fail(format!(
            "|path_join expects string or sequence, got {}",
            print::article(value)
        ));
    }
    let items = value.items()?;
    let mut parts = items.iter().map(|part| path(part, "path_join"));
    let Some(first) = parts.next() else {
        return fail("`path_join` needs at least one part");
    };
    let mut joined = first?.to_owned();
    for part in parts {
        let part = part?;
        if part.starts_with('/') {
            joined = part.to_owned();
        } else {
            if !joined.is_empty() && !joined.ends_with('/') {
                joined.push('/');
            }
            joined.push_str(part);
        }
    }
    // The very text, which may have come out of a vault.
    let only = items.len() == 1 || joined.starts_with('/');
    let last = items.into_iter().last();
    Ok(last
        .filter(|last| only && last.as_str() == Some(&joined))
        .unwrap_or_else(|| Value::from(joined)))
}

fn normal(path: &str) -> String {
    // Exactly two slashes at the beginning stay two.
    let root = match path.len() - path.trim_start_matches('/').len() {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if !root.is_empty() => {}
            part => parts.push(part),
        }
    }
    match format!("{root}{}", parts.join("/")) {
        empty if empty.is_empty() => ".".to_owned(),
        normal => normal,
    }
}

fn normpath(value: &Value, _: &Arguments) -> Result<Value> {
    Ok(Value::from(normal(path(value, "normpath")?)))
}

/// Both must be absolute, or both relative to the same folder, which need not be known.
fn relpath(value: &Value, arguments: &Arguments) -> Result<Value> {
    let depends = || {
        Error::unsupported(
            "`relpath` depends on the folder that Ansible runs in here",
            "Give absolute paths, or a start.",
        )
    };
    let to = path(value, "relpath")?;
    if to.is_empty() {
        return fail("no path specified");
    }
    let to = normal(to);
    let from = normal(arguments.text("start")?.ok_or_else(depends)?);
    let unknown = |path: &str| path == ".." || path.starts_with("../");
    if to.starts_with('/') != from.starts_with('/') || unknown(&to) || unknown(&from) {
        return Err(depends());
    }
    let parts = |path: &str| -> Vec<String> {
        let parts = path
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".");
        parts.map(str::to_owned).collect()
    };
    let (to, from) = (parts(&to), parts(&from));
    let common = to.iter().zip(&from).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", from.len() - common);
    let joined: Vec<&str> = up.chain(to[common..].iter().map(String::as_str)).collect();
    Ok(Value::from(if joined.is_empty() {
        ".".to_owned()
    } else {
        joined.join("/")
    }))
}

fn commonpath(value: &Value, _: &Arguments) -> Result<Value> {
    if !value.is_sequence() {
        return fail(format!(
            "|commonpath expects sequence, got {}",
            print::article(value)
        ));
    }
    let items = value.items()?;
    let paths: Vec<&str> = items
        .iter()
        .map(|item| path(item, "commonpath"))
        .collect::<Result<_>>()?;
    let Some(first) = paths.first() else {
        return fail("commonpath() arg is an empty sequence");
    };
    let absolute = first.starts_with('/');
    if paths.iter().any(|path| path.starts_with('/') != absolute) {
        return fail("Can't mix absolute and relative paths");
    }
    let split = |path: &str| -> Vec<String> {
        let parts = path
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".");
        parts.map(str::to_owned).collect()
    };
    let mut common = split(first);
    for path in &paths[1..] {
        let parts = split(path);
        let same = common
            .iter()
            .zip(&parts)
            .take_while(|(a, b)| a == b)
            .count();
        common.truncate(same);
    }
    Ok(Value::from(format!(
        "{}{}",
        if absolute { "/" } else { "" },
        common.join("/")
    )))
}

/// A drive or a share of a path of Windows, and the rest.
fn drive(path: &str) -> (&str, &str) {
    let plain = path.replace('/', "\\");
    if plain.starts_with("\\\\") {
        let long = plain
            .get(..8)
            .is_some_and(|head| head.eq_ignore_ascii_case("\\\\?\\UNC\\"));
        let next = |from: usize| {
            let found = plain.get(from..).and_then(|rest| rest.find('\\'));
            found.map(|at| from + at)
        };
        return match next(if long { 8 } else { 2 }).and_then(|host| next(host + 1)) {
            Some(end) => path.split_at(end),
            None => (path, ""),
        };
    }
    let mut characters = path.char_indices().skip(1);
    match characters.next() {
        Some((at, ':')) => path.split_at(at + 1),
        _ => ("", path),
    }
}

fn win_split(path: &str) -> (String, &str) {
    let slashes = ['\\', '/'];
    let (drive, rest) = drive(path);
    let (head, tail) = rest.split_at(rest.rfind(slashes).map_or(0, |at| at + 1));
    let trimmed = head.trim_end_matches(slashes);
    let head = if trimmed.is_empty() { head } else { trimmed };
    (format!("{drive}{head}"), tail)
}

fn win_basename(value: &Value, _: &Arguments) -> Result<Value> {
    Ok(Value::text(win_split(path(value, "win_basename")?).1))
}

fn win_dirname(value: &Value, _: &Arguments) -> Result<Value> {
    Ok(Value::from(win_split(path(value, "win_dirname")?).0))
}

fn win_splitdrive(value: &Value, _: &Arguments) -> Result<Value> {
    let (drive, rest) = drive(path(value, "win_splitdrive")?);
    Ok(Value::tuple(vec![Value::text(drive), Value::text(rest)]))
}
