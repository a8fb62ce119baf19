//! Jinja2's and Ansible's tests (`is …`).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::arguments::{Arguments, Given};
use super::error::{Error, Result, fail};
use super::filters::{self, Pattern};
use super::interpreter::caught;
use super::value::Value;
use super::{encrypted, limits, methods, number, operators, problems, python, vault};

type Test = (
    &'static str,
    &'static [&'static str],
    fn(&Value, &Arguments) -> Result<bool>,
);

/// Jinja2's own tests.
const JINJA: &[Test] = &[
    ("boolean", &[], |value, _| {
        Ok(matches!(value, Value::Bool(_)))
    }),
    ("callable", &[], |value, _| {
        Ok(matches!(value, Value::Object(object) if object.is_callable()))
    }),
    ("defined", &[], |value, _| {
        Ok(!matches!(value, Value::Marker(_) | Value::Nothing))
    }),
    ("divisibleby", &["num"], divisible_by),
    ("eq", &["other"], |value, given| compare("==", value, given)),
    ("equalto", &["other"], |value, given| {
        compare("==", value, given)
    }),
    ("==", &["other"], |value, given| compare("==", value, given)),
    ("escaped", &[], |_, _| Ok(false)),
    ("even", &[], |value, _| {
        remainder(value, &Value::Int(2)).map(|rest| !rest)
    }),
    ("false", &[], |value, _| {
        Ok(matches!(value, Value::Bool(false)))
    }),
    ("filter", &[], |value, _| {
        Ok(value.as_str().is_some_and(filters::exists))
    }),
    ("float", &[], |value, _| {
        Ok(matches!(value, Value::Float(_)))
    }),
    ("ge", &["other"], |value, given| compare(">=", value, given)),
    (">=", &["other"], |value, given| compare(">=", value, given)),
    ("gt", &["other"], |value, given| compare(">", value, given)),
    ("greaterthan", &["other"], |value, given| {
        compare(">", value, given)
    }),
    (">", &["other"], |value, given| compare(">", value, given)),
    ("in", &["seq"], |value, given| {
        given.needed("seq")?.contains(value)
    }),
    ("integer", &[], |value, _| {
        Ok(matches!(value, Value::Int(_) | Value::Big(_)))
    }),
    ("iterable", &[], |value, _| {
        Ok(match value {
            Value::Object(object) => object.iterate().is_some(),
            Value::Text(_)
            | Value::Bytes(_)
            | Value::List(_)
            | Value::Tuple(_)
            | Value::Dict(_)
            | Value::Set(_)
            | Value::Range(_)
            | Value::Nothing => true,
            _ => false,
        })
    }),
    ("le", &["other"], |value, given| compare("<=", value, given)),
    ("<=", &["other"], |value, given| compare("<=", value, given)),
    ("lower", &[], |value, _| is_case(value, "islower")),
    ("lt", &["other"], |value, given| compare("<", value, given)),
    ("lessthan", &["other"], |value, given| {
        compare("<", value, given)
    }),
    ("<", &["other"], |value, given| compare("<", value, given)),
    ("mapping", &[], |value, _| {
        Ok(matches!(value, Value::Dict(_)))
    }),
    ("ne", &["other"], |value, given| compare("!=", value, given)),
    ("!=", &["other"], |value, given| compare("!=", value, given)),
    ("none", &[], |value, _| Ok(value.is_none())),
    ("number", &[], |value, _| Ok(value.is_number())),
    ("odd", &[], |value, _| remainder(value, &Value::Int(2))),
    ("sameas", &["other"], same_as),
    ("sequence", &[], |value, _| {
        Ok(match value {
            Value::Text(_)
            | Value::Bytes(_)
            | Value::List(_)
            | Value::Tuple(_)
            | Value::Dict(_)
            | Value::Range(_) => true,
            Value::Object(object) => object.len().is_some() && object.iterate().is_some(),
            _ => false,
        })
    }),
    ("string", &[], |value, _| {
        Ok(matches!(value, Value::Text(_)))
    }),
    ("test", &[], |value, _| {
        Ok(value.as_str().is_some_and(exists))
    }),
    ("true", &[], |value, _| {
        Ok(matches!(value, Value::Bool(true)))
    }),
    ("undefined", &[], |value, _| {
        Ok(matches!(value, Value::Marker(_) | Value::Nothing))
    }),
    ("upper", &[], |value, _| is_case(value, "isupper")),
];

/// Ansible's tests that need no machine to look at.
const ANSIBLE: &[Test] = &[
    ("all", &[], |value, _| {
        for item in value.items()? {
            if !item.truth()? {
                return Ok(false);
            }
        }
        Ok(true)
    }),
    ("any", &[], |value, _| {
        for item in value.items()? {
            if item.truth()? {
                return Ok(true);
            }
        }
        Ok(false)
    }),
    ("contains", &["item"], |value, given| {
        value.contains(given.needed("item")?)
    }),
    ("falsy", &["convert_bool"], |value, given| {
        truthy(value, given).map(|truth| !truth)
    }),
    ("inf", &[], |value, _| {
        only_number(value).map(f64::is_infinite)
    }),
    ("isnan", &[], |value, _| only_number(value).map(f64::is_nan)),
    ("nan", &[], |value, _| only_number(value).map(f64::is_nan)),
    ("issubset", &["b"], |value, given| {
        contains_all(given.needed("b")?, value)
    }),
    ("issuperset", &["b"], |value, given| {
        contains_all(value, given.needed("b")?)
    }),
    (
        "match",
        &["pattern", "ignorecase", "multiline"],
        |value, given| matches(value, given, "match"),
    ),
    (
        "regex",
        &["pattern", "ignorecase", "multiline", "match_type"],
        |value, given| {
            let kind = given.text("match_type")?.unwrap_or("search").to_owned();
            matches(value, given, &kind)
        },
    ),
    (
        "search",
        &["pattern", "ignorecase", "multiline"],
        |value, given| matches(value, given, "search"),
    ),
    ("subset", &["b"], |value, given| {
        contains_all(given.needed("b")?, value)
    }),
    ("superset", &["b"], |value, given| {
        contains_all(value, given.needed("b")?)
    }),
    ("truthy", &["convert_bool"], truthy),
    ("uri", &["schemes"], |value, given| {
        uri(value, given, &[], false)
    }),
    ("url", &["schemes"], |value, given| {
        uri(
            value,
            given,
            &["http", "https", "ftp", "sftp", "file"],
            true,
        )
    }),
    ("urn", &[], |value, given| {
        Ok(value
            .as_str()
            .is_some_and(|text| text.to_lowercase().starts_with("urn:"))
            && given.rest.is_empty())
    }),
    ("vault_encrypted", &[], |value, _| {
        Ok(encrypted::text_of(value).is_some_and(|text| vault::is_encrypted(&text)))
    }),
    (
        "version",
        &["version", "operator", "strict", "version_type"],
        version,
    ),
    (
        "version_compare",
        &["version", "operator", "strict", "version_type"],
        version,
    ),
];

/// Ansible's tests that ask a machine or the result of a task.
const REFUSED: &[&str] = &[
    "abs",
    "change",
    "changed",
    "directory",
    "exists",
    "failed",
    "failure",
    "file",
    "finished",
    "is_abs",
    "is_dir",
    "is_file",
    "is_link",
    "is_mount",
    "is_same_file",
    "link",
    "link_exists",
    "mount",
    "reachable",
    "same_file",
    "skip",
    "skipped",
    "started",
    "succeeded",
    "success",
    "successful",
    "timedout",
    "unreachable",
    "vaulted_file",
];

static TESTS: LazyLock<BTreeMap<String, &'static Test>> = LazyLock::new(|| {
    let jinja = JINJA.iter().map(|test| (test.0.to_owned(), test));
    let ansible = ANSIBLE.iter().flat_map(|test| {
        let name = test.0;
        [
            name.to_owned(),
            format!("ansible.builtin.{name}"),
            format!("ansible.legacy.{name}"),
        ]
        .map(|name| (name, test))
    });
    jinja.chain(ansible).collect()
});

/// Whether there is a test of this name.
pub fn exists(name: &str) -> bool {
    TESTS.contains_key(name)
}

/// The names of all tests, for the one that a misspelt name is near to.
pub fn names() -> impl Iterator<Item = &'static str> {
    TESTS
        .keys()
        .map(String::as_str)
        .filter(|name| name.starts_with(char::is_alphabetic))
}

/// Why a test cannot be used.
pub fn unknown(name: &str) -> Error {
    let plain = name.strip_prefix("ansible.builtin.").unwrap_or(name);
    if REFUSED.contains(&plain) {
        return Error::unsupported(
            format!(
                "the test '{name}' is refused: it asks the machine that Ansible runs on, or the result of a task"
            ),
            "Put what it would say into a config map, as true or false.",
        );
    }
    let hint = match problems::nearest(name, names()) {
        Some(near) => format!("Did you mean '{near}'?"),
        None => "Chandlery does not know this test: write the template without it.".to_owned(),
    };
    Error::unsupported(format!("The test '{name}' is unknown."), hint)
}

/// Asks a test. A failure is a value, unless nothing may hide it.
pub fn call(name: &str, value: Value, given: Given) -> Result<Value> {
    let Some((plain, parameters, run)) = TESTS.get(name) else {
        return Err(unknown(name));
    };
    limits::step(1)?;
    let value = value.forced();
    if *plain == "vault_encrypted"
        && value.is_marker()
        && let Some(text) = encrypted::text_of(&value)
    {
        return Ok(Value::Bool(vault::is_encrypted(&text)));
    }
    if !matches!(*plain, "defined" | "undefined") {
        if value.is_marker() {
            return Ok(value);
        }
        if let Some(marker) = given.marker() {
            return Ok(marker.clone());
        }
    }
    if let Value::Marker(error) = &value
        && error.is_fatal()
    {
        return Err((**error).clone());
    }
    caught(
        given
            .bind(name, parameters)
            .and_then(|arguments| run(&value, &arguments))
            .map(Value::Bool),
    )
}

/// Whether a name is that of the test `vault_encrypted`.
pub fn is_vault_encrypted(name: &str) -> bool {
    TESTS
        .get(name)
        .is_some_and(|(plain, ..)| *plain == "vault_encrypted")
}

fn compare(operator: &str, value: &Value, given: &Arguments) -> Result<bool> {
    operators::compare(operator, value, given.needed("other")?)
}

fn is_case(value: &Value, method: &str) -> Result<bool> {
    let text = Value::from(python::text(value)?);
    methods::call(&text, method, Given::default())?.truth()
}

/// Numbers from variables and those of templates are not one object, in Ansible.
fn same_as(value: &Value, given: &Arguments) -> Result<bool> {
    let other = given.needed("other")?;
    if matches!(value, Value::Int(_) | Value::Text(_)) && value.is_same(other) {
        return Err(Error::unsupported(
            "`sameas` of numbers and texts says something about Python's memory only",
            "Use `==`.",
        ));
    }
    Ok(value.is_same(other))
}

fn remainder(value: &Value, by: &Value) -> Result<bool> {
    operators::binary("%", value, by)?.equals(&Value::Int(1))
}

fn divisible_by(value: &Value, given: &Arguments) -> Result<bool> {
    operators::binary("%", value, given.needed("num")?)?.equals(&Value::Int(0))
}

fn only_number(value: &Value) -> Result<f64> {
    number::float(value)
}

fn truthy(value: &Value, given: &Arguments) -> Result<bool> {
    if given.flag("convert_bool")? {
        let words = match value {
            Value::Text(text) => text.to_lowercase(),
            other if other.is_number() => python::text(other)?.to_lowercase(),
            _ => String::new(),
        };
        match words.as_str() {
            "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => return Ok(true),
            "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => return Ok(false),
            _ => {}
        }
    }
    value.truth()
}

fn contains_all(value: &Value, items: &Value) -> Result<bool> {
    use super::value::Key;
    let mut known = indexmap::IndexSet::new();
    for item in value.items()? {
        known.insert(Key::new(item)?);
    }
    for item in items.items()? {
        if !known.contains(&Key::new(item)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `match` begins at the start, `search` finds anywhere, `fullmatch` takes the whole.
fn matches(value: &Value, given: &Arguments, kind: &str) -> Result<bool> {
    let text = python::text(value)?;
    let pattern = given.text("pattern")?.unwrap_or_default();
    let (ignore_case, multi_line) = (given.flag("ignorecase")?, given.flag("multiline")?);
    match kind {
        "search" => Ok(Pattern::new(pattern, ignore_case, multi_line)?
            .captures(&text, 0, false)?
            .is_some()),
        "match" => Pattern::new(pattern, ignore_case, multi_line)?.matches_start(&text),
        "fullmatch" => Pattern::new(&format!("(?:{pattern})\\Z"), ignore_case, multi_line)?
            .matches_start(&text),
        other => fail(format!("there is no match_type '{other}'")),
    }
}

fn uri(value: &Value, given: &Arguments, schemes: &[&str], with_host: bool) -> Result<bool> {
    let Some(text) = value.as_str() else {
        return Ok(false);
    };
    let Some((scheme, rest)) = text.split_once(':') else {
        return Ok(false);
    };
    let valid = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|next| next.is_ascii_alphanumeric() || "+-.".contains(next));
    let scheme = scheme.to_lowercase();
    let mut allowed: Vec<String> = schemes.iter().map(|scheme| (*scheme).to_owned()).collect();
    if let Some(given) = given.some("schemes") {
        allowed = given
            .items()?
            .iter()
            .map(python::text)
            .collect::<Result<_>>()?;
    }
    let host = rest
        .strip_prefix("//")
        .map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let fits = allowed.is_empty() || allowed.contains(&scheme);
    Ok(valid
        && fits
        && (!with_host || scheme == "file" || host.is_some_and(|host| !host.is_empty())))
}

/// Compares versions: loosely, part by part, or by the rules that are asked for.
fn version(value: &Value, given: &Arguments) -> Result<bool> {
    let operator = given.text("operator")?.unwrap_or("==");
    let (left, right) = (
        python::text(value)?,
        given.as_text("version")?.unwrap_or_default(),
    );
    if left.is_empty() || right.is_empty() {
        return fail("`version` needs two versions that are not empty");
    }
    let kind = match (given.text("version_type")?, given.some("strict")) {
        (Some(_), Some(_)) => return fail("Cannot specify both 'strict' and 'version_type'"),
        (Some(kind), None) => kind,
        (None, Some(strict)) if strict.truth()? => "strict",
        (None, _) => "loose",
    };
    let order = match kind {
        "loose" => loose(&parts(&left), &parts(&right))?,
        "strict" => strict(&left)?.cmp(&strict(&right)?),
        "semver" | "semantic" => semantic(&left, &right)?,
        "pep440" => {
            return Err(Error::unsupported(
                "versions by PEP 440 are not supported",
                "Use `version_type='semver'` or leave it out.",
            ));
        }
        other => {
            return fail(format!(
                "Invalid version type ({other}): loose, strict, semver, semantic, pep440"
            ));
        }
    };
    Ok(match operator {
        "==" | "=" | "eq" => order == Ordering::Equal,
        "!=" | "<>" | "ne" => order != Ordering::Equal,
        "<" | "lt" => order == Ordering::Less,
        "<=" | "le" => order != Ordering::Greater,
        ">" | "gt" => order == Ordering::Greater,
        ">=" | "ge" => order != Ordering::Less,
        other => return fail(format!("`version` has no operator '{other}'")),
    })
}

#[derive(PartialEq)]
enum Part {
    Number(u64),
    Word(String),
}

/// Numbers, and runs of letters; dots only separate.
fn parts(version: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = version;
    while let Some(character) = rest.chars().next() {
        let same = |next: char| {
            if character.is_ascii_digit() {
                next.is_ascii_digit()
            } else if character.is_ascii_lowercase() {
                next.is_ascii_lowercase()
            } else {
                !next.is_ascii_digit()
                    && !next.is_ascii_lowercase()
                    && next != '.'
                    && character != '.'
            }
        };
        let end = rest[character.len_utf8()..]
            .find(|next| !same(next))
            .map_or(rest.len(), |end| end + character.len_utf8());
        let part = &rest[..end];
        if character.is_ascii_digit() {
            parts.push(
                part.parse()
                    .map_or_else(|_| Part::Word(part.to_owned()), Part::Number),
            );
        } else if character != '.' {
            parts.push(Part::Word(part.to_owned()));
        }
        rest = &rest[end..];
    }
    parts
}

fn loose(left: &[Part], right: &[Part]) -> Result<Ordering> {
    for (left, right) in left.iter().zip(right) {
        let order = match (left, right) {
            (Part::Number(left), Part::Number(right)) => left.cmp(right),
            (Part::Word(left), Part::Word(right)) => left.cmp(right),
            _ => {
                return fail(
                    "these versions cannot be compared: one has a number where the other has letters",
                );
            }
        };
        if order != Ordering::Equal {
            return Ok(order);
        }
    }
    Ok(left.len().cmp(&right.len()))
}

/// `1.2`, `1.2.3`, `1.2a3`: numbers, then `a` or `b` before the release itself.
fn strict(version: &str) -> Result<([u64; 3], (char, u64))> {
    let wrong = || Error::failed(format!("invalid version number '{version}'"));
    let (numbers, before) = match version.find(['a', 'b']) {
        Some(at) => {
            let letter = version[at..].chars().next().unwrap_or('a');
            (
                &version[..at],
                (letter, version[at + 1..].parse().map_err(|_| wrong())?),
            )
        }
        None => (version, ('z', 0)),
    };
    let parts: Vec<u64> = numbers
        .split('.')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|_| wrong())?;
    match parts.as_slice() {
        [major, minor] => Ok(([*major, *minor, 0], before)),
        [major, minor, patch] => Ok(([*major, *minor, *patch], before)),
        _ => Err(wrong()),
    }
}

fn semantic(left: &str, right: &str) -> Result<Ordering> {
    let read = |version: &str| -> Result<([u64; 3], Vec<String>)> {
        let wrong = || Error::failed(format!("invalid semantic version '{version}'"));
        let core = version.split('+').next().unwrap_or_default();
        let (numbers, before) = core
            .split_once('-')
            .map_or((core, None), |(numbers, before)| (numbers, Some(before)));
        let parts: Vec<&str> = numbers.split('.').collect();
        let leading_zero = |part: &&str| part.len() > 1 && part.starts_with('0');
        if parts.len() != 3 || parts.iter().any(leading_zero) {
            return Err(wrong());
        }
        let mut numbers = [0; 3];
        for (number, part) in numbers.iter_mut().zip(&parts) {
            *number = part.parse().map_err(|_| wrong())?;
        }
        let before: Vec<String> = before
            .map(|before| before.split('.').map(str::to_owned).collect())
            .unwrap_or_default();
        if before.iter().any(|part| {
            part.is_empty()
                || !part
                    .chars()
                    .all(|next| next.is_ascii_alphanumeric() || next == '-')
        }) {
            return Err(wrong());
        }
        Ok((numbers, before))
    };
    let ((left, left_before), (right, right_before)) = (read(left)?, read(right)?);
    if left != right {
        return Ok(left.cmp(&right));
    }
    match (left_before.is_empty(), right_before.is_empty()) {
        (true, true) => return Ok(Ordering::Equal),
        (true, false) => return Ok(Ordering::Greater),
        (false, true) => return Ok(Ordering::Less),
        (false, false) => {}
    }
    for (left, right) in left_before.iter().zip(&right_before) {
        let order = match (left.parse::<u64>(), right.parse::<u64>()) {
            (Ok(left), Ok(right)) => left.cmp(&right),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => left.cmp(right),
        };
        if order != Ordering::Equal {
            return Ok(order);
        }
    }
    Ok(left_before.len().cmp(&right_before.len()))
}
