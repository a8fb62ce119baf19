//! Jinja2's and Ansible's tests (`is …`), where minijinja has none or others.

use std::cmp::Ordering;

use minijinja::value::{Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind};

use super::{filters, python};

/// Adds the tests to an environment, in place of minijinja's own.
pub fn add(environment: &mut Environment) {
    // Python's view of types: a text and a dictionary are sequences too, and True is a number.
    environment.add_test("sequence", |value: &Value| {
        matches!(
            value.kind(),
            ValueKind::String | ValueKind::Map | ValueKind::Seq
        )
    });
    environment.add_test("iterable", |value: &Value| {
        matches!(
            value.kind(),
            ValueKind::String | ValueKind::Map | ValueKind::Seq | ValueKind::Iterable
        )
    });
    environment.add_test("number", |value: &Value| {
        matches!(value.kind(), ValueKind::Number | ValueKind::Bool)
    });
    for (name, anchored) in [("match", true), ("search", false), ("regex", false)] {
        let test = move |value: &Value, pattern: String, arguments: Rest<ValueOrKwargs>| {
            matches(value, &pattern, &arguments.into_values(), anchored)
        };
        environment.add_test(name, test);
        environment.add_test(format!("ansible.builtin.{name}"), test);
    }
    let version = |value: &Value, other: &Value, arguments: Rest<ValueOrKwargs>| {
        version(value, other, &arguments.into_values())
    };
    let subset = |value: &Value, other: &Value| contains_all(other, value);
    let superset = |value: &Value, other: &Value| contains_all(value, other);
    let contains = |value: &Value, item: &Value| contains(value, item);
    let any = |value: &Value| {
        value
            .try_iter()
            .map(|mut items| items.any(|item| python::truth(&item)))
    };
    let all = |value: &Value| {
        value
            .try_iter()
            .map(|mut items| items.all(|item| python::truth(&item)))
    };
    let truthy = |value: &Value| defined(value).map(|()| python::truth(value));
    let falsy = |value: &Value| defined(value).map(|()| !python::truth(value));
    for prefix in ["", "ansible.builtin."] {
        environment.add_test(format!("{prefix}version"), version);
        environment.add_test(format!("{prefix}version_compare"), version);
        environment.add_test(format!("{prefix}subset"), subset);
        environment.add_test(format!("{prefix}superset"), superset);
        environment.add_test(format!("{prefix}contains"), contains);
        environment.add_test(format!("{prefix}any"), any);
        environment.add_test(format!("{prefix}all"), all);
        environment.add_test(format!("{prefix}truthy"), truthy);
        environment.add_test(format!("{prefix}falsy"), falsy);
    }
    // Only `defined` and `undefined` can be asked of an undefined value.
    environment.add_test("none", |value: &Value| {
        defined(value).map(|()| value.is_none())
    });
    environment.add_test("string", |value: &Value| {
        defined(value).map(|()| value.kind() == ValueKind::String)
    });
    environment.add_test("mapping", |value: &Value| {
        defined(value).map(|()| value.kind() == ValueKind::Map)
    });
    environment.add_test("boolean", |value: &Value| {
        defined(value).map(|()| value.kind() == ValueKind::Bool)
    });
    environment.add_test("odd", |value: &Value| {
        remainder(value, 2, "odd").map(|rest| rest != 0)
    });
    environment.add_test("even", |value: &Value| {
        remainder(value, 2, "even").map(|rest| rest == 0)
    });
    environment.add_test("divisibleby", |value: &Value, by: i64| {
        remainder(value, by, "divisibleby").map(|rest| rest == 0)
    });
    // minijinja's own that Jinja2 does not have.
    environment.remove_test("startingwith");
    environment.remove_test("endingwith");
}

/// The names of all tests, for the one that a misspelt name is near to.
pub fn names() -> Vec<&'static str> {
    vec![
        "all",
        "any",
        "boolean",
        "contains",
        "defined",
        "divisibleby",
        "eq",
        "equalto",
        "escaped",
        "even",
        "false",
        "falsy",
        "filter",
        "float",
        "ge",
        "greaterthan",
        "gt",
        "in",
        "integer",
        "iterable",
        "le",
        "lessthan",
        "lower",
        "lt",
        "mapping",
        "match",
        "ne",
        "none",
        "number",
        "odd",
        "regex",
        "sameas",
        "search",
        "sequence",
        "string",
        "subset",
        "superset",
        "test",
        "true",
        "truthy",
        "undefined",
        "upper",
        "version",
    ]
}

fn fail(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

fn defined(value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        Err(python::undefined(value))
    } else {
        Ok(())
    }
}

fn remainder(value: &Value, by: i64, test: &str) -> Result<i64, Error> {
    defined(value)?;
    let number = match value.kind() {
        ValueKind::Bool => i64::from(value.is_true()),
        _ => i64::try_from(value.clone())
            .map_err(|_| fail(format!("`{test}` needs a whole number of 64 bits")))?,
    };
    number
        .checked_rem(by)
        .ok_or_else(|| fail(format!("`{test}` cannot divide by {by}")))
}

/// `match` begins at the start, `search` and `regex` find anywhere.
fn matches(
    value: &Value,
    pattern: &str,
    arguments: &[Value],
    anchored: bool,
) -> Result<bool, Error> {
    let text = python::text(value)?;
    let (mut ignore_case, mut multi_line) = (false, false);
    for (index, argument) in arguments.iter().enumerate() {
        if argument.is_kwargs() {
            let keywords = minijinja::value::Kwargs::try_from(argument.clone())?;
            ignore_case |= keywords.get::<Option<bool>>("ignorecase")?.unwrap_or(false);
            multi_line |= keywords.get::<Option<bool>>("multiline")?.unwrap_or(false);
            keywords.assert_all_used()?;
        } else if index == 0 {
            ignore_case = python::truth(argument);
        } else if index == 1 {
            multi_line = python::truth(argument);
        } else {
            return Err(fail(
                "a test with a regular expression takes at most 3 arguments",
            ));
        }
    }
    let regex = filters::compile_regex(pattern, ignore_case, multi_line)?;
    Ok(match regex.find(&text) {
        Some(_) if anchored => {
            // The first match need not be the one at the start.
            let anchored =
                filters::compile_regex(&format!("\\A(?:{pattern})"), ignore_case, multi_line)?;
            anchored.is_match(&text)
        }
        found => found.is_some(),
    })
}

fn contains(value: &Value, item: &Value) -> Result<bool, Error> {
    defined(value)?;
    match value.kind() {
        ValueKind::String => Ok(value.to_string().contains(&python::text(item)?)),
        _ => Ok(value.try_iter()?.any(|known| known == *item)),
    }
}

fn contains_all(value: &Value, items: &Value) -> Result<bool, Error> {
    defined(value)?;
    defined(items)?;
    let known: Vec<Value> = value.try_iter()?.collect();
    Ok(items.try_iter()?.all(|item| known.contains(&item)))
}

/// Compares versions part by part, numbers as numbers.
fn version(value: &Value, other: &Value, arguments: &[Value]) -> Result<bool, Error> {
    let mut operator = "==".to_owned();
    for (index, argument) in arguments.iter().enumerate() {
        if argument.is_kwargs() {
            let keywords = minijinja::value::Kwargs::try_from(argument.clone())?;
            if let Some(given) = keywords.get::<Option<String>>("operator")? {
                operator = given;
            }
            keywords
                .assert_all_used()
                .map_err(|_| fail("`version` is supported with its argument `operator` only"))?;
        } else if index == 0 {
            operator = python::text(argument)?;
        } else {
            return Err(fail(
                "`version` is supported with its argument `operator` only",
            ));
        }
    }
    let (left, right) = (python::text(value)?, python::text(other)?);
    if left.is_empty() || right.is_empty() {
        return Err(fail("`version` needs two versions that are not empty"));
    }
    let order = compare(&parts(&left), &parts(&right))?;
    Ok(match operator.as_str() {
        "==" | "=" | "eq" => order == Ordering::Equal,
        "!=" | "<>" | "ne" => order != Ordering::Equal,
        "<" | "lt" => order == Ordering::Less,
        "<=" | "le" => order != Ordering::Greater,
        ">" | "gt" => order == Ordering::Greater,
        ">=" | "ge" => order != Ordering::Less,
        other => return Err(fail(format!("`version` has no operator `{other}`"))),
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

fn compare(left: &[Part], right: &[Part]) -> Result<Ordering, Error> {
    for (left, right) in left.iter().zip(right) {
        let order = match (left, right) {
            (Part::Number(left), Part::Number(right)) => left.cmp(right),
            (Part::Word(left), Part::Word(right)) => left.cmp(right),
            _ => {
                return Err(fail(
                    "these versions cannot be compared: one has a number where the other has letters",
                ));
            }
        };
        if order != Ordering::Equal {
            return Ok(order);
        }
    }
    Ok(left.len().cmp(&right.len()))
}
