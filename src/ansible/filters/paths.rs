//! Filters on paths of files, as on Linux. None of them looks at a disk.

use minijinja::Error;
use minijinja::value::{Value, ValueKind};

use super::arguments::Arguments;
use super::{Filter, fail, only_text};
use crate::ansible::python;

pub const FILTERS: &[Filter] = &[
    ("basename", &[], basename),
    ("dirname", &[], dirname),
    ("splitext", &[], splitext),
    ("path_join", &[], path_join),
    ("normpath", &[], normpath),
    ("relpath", &["start"], relpath),
];

fn path(value: &Value, filter: &str) -> Result<String, Error> {
    only_text(value, filter)?;
    python::text(value)
}

fn basename(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let path = path(value, "basename")?;
    Ok(Value::from(path.rsplit('/').next().unwrap_or_default()))
}

fn dirname(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let path = path(value, "dirname")?;
    let head = path.rfind('/').map_or("", |end| &path[..=end]);
    // The root keeps its slashes.
    let trimmed = head.trim_end_matches('/');
    Ok(Value::from(if trimmed.is_empty() { head } else { trimmed }))
}

/// A name that only begins with dots has no extension.
fn splitext(value: &Value, _: &Arguments) -> Result<Value, Error> {
    let path = path(value, "splitext")?;
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    let dots = path[name..].len() - path[name..].trim_start_matches('.').len();
    let split = path[name + dots..]
        .rfind('.')
        .map_or(path.len(), |dot| name + dots + dot);
    Ok(Value::from(vec![
        path[..split].to_owned(),
        path[split..].to_owned(),
    ]))
}

fn path_join(value: &Value, _: &Arguments) -> Result<Value, Error> {
    if value.kind() == ValueKind::String {
        return Ok(value.clone());
    }
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(fail("`path_join` needs a text or a list of texts"));
    }
    let mut parts = value.try_iter()?.map(|part| path(&part, "path_join"));
    let mut joined = parts
        .next()
        .ok_or_else(|| fail("`path_join` needs at least one part"))??;
    for part in parts {
        let part = part?;
        if part.starts_with('/') {
            joined = part;
        } else {
            if !joined.is_empty() && !joined.ends_with('/') {
                joined.push('/');
            }
            joined.push_str(&part);
        }
    }
    Ok(Value::from(joined))
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

fn normpath(value: &Value, _: &Arguments) -> Result<Value, Error> {
    Ok(Value::from(normal(&path(value, "normpath")?)))
}

/// Both must be absolute, or both relative to the same folder, which need not be known.
fn relpath(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let to = normal(&path(value, "relpath")?);
    let from = arguments.text("start")?.ok_or_else(|| {
        fail("`relpath` without a start depends on the folder that Ansible runs in")
    })?;
    let from = normal(&from);
    let unknown = |path: &str| path == ".." || path.starts_with("../");
    if to.starts_with('/') != from.starts_with('/') || unknown(&to) || unknown(&from) {
        return Err(fail(
            "`relpath` depends on the folder that Ansible runs in here",
        ));
    }
    let parts = |path: &str| -> Vec<String> {
        path.split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .map(str::to_owned)
            .collect()
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
