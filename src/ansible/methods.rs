//! Methods of Python's texts, lists and dictionaries: those of minijinja's Python compatibility, and what it lacks.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};
use minijinja_contrib::pycompat;

use super::filters::text::{centered, lines, split_text};
use super::python;

/// Methods that would change a value, which templates here cannot.
const CHANGING: [&str; 12] = [
    "append",
    "clear",
    "extend",
    "insert",
    "pop",
    "popitem",
    "remove",
    "reverse",
    "setdefault",
    "sort",
    "update",
    "add",
];

/// Calls a method; minijinja asks when a value has none of this name itself.
pub fn call(
    state: &mut State,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String => match text_method(&value.to_string(), method, arguments)? {
            Some(result) => Ok(result),
            None => pycompat::unknown_method_callback(state, value, method, arguments),
        },
        ValueKind::Seq | ValueKind::Map if CHANGING.contains(&method) => Err(fail(format!(
            "`.{method}()` changes a value, which is not supported; build a new one, for example with `+` or `combine`"
        ))),
        // Ansible's lists from variables count wrongly (always 0), those made in a template do not.
        ValueKind::Seq if method == "count" => Err(fail(
            "`.count()` of a list is not supported; use `select('equalto', …) | list | length`",
        )),
        ValueKind::Map if method == "copy" => Ok(value.clone()),
        ValueKind::Seq if method == "copy" => Ok(value.clone()),
        ValueKind::Seq if method == "index" => match arguments {
            [wanted] => value
                .try_iter()?
                .position(|item| item == *wanted)
                .map(Value::from)
                .ok_or_else(|| fail("the list does not hold what `.index()` looks for")),
            _ => Err(fail("`.index()` takes one argument")),
        },
        _ => pycompat::unknown_method_callback(state, value, method, arguments),
    }
}

fn fail(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// Methods of texts. `None` leaves the method to minijinja.
fn text_method(text: &str, method: &str, arguments: &[Value]) -> Result<Option<Value>, Error> {
    let argument = |index: usize| {
        arguments
            .get(index)
            .ok_or_else(|| fail(format!("`.{method}()` lacks an argument")))
    };
    let string = |index: usize| argument(index).and_then(python::text);
    let width = || {
        let width = usize::try_from(argument(0)?.clone()).unwrap_or(0);
        if width > 10_000 {
            Err(fail("a width of more than 10000 characters is refused"))
        } else {
            Ok(width)
        }
    };
    let fill = || match arguments.get(1) {
        None => Ok(' '),
        Some(fill) => {
            let fill = python::text(fill)?;
            let mut characters = fill.chars();
            match (characters.next(), characters.next()) {
                (Some(fill), None) => Ok(fill),
                _ => Err(fail("the fill of a text must be one character")),
            }
        }
    };
    let padding = |count: usize, fill: char| std::iter::repeat_n(fill, count).collect::<String>();
    let missing = |width: usize| width.saturating_sub(text.chars().count());
    Ok(Some(match method {
        "split" => {
            let (positional, keywords) = match arguments.split_last() {
                Some((last, head)) if last.is_kwargs() => {
                    (head, Some(Kwargs::try_from(last.clone())?))
                }
                _ => (arguments, None),
            };
            let named = |name: &str| {
                keywords
                    .as_ref()
                    .and_then(|keywords| keywords.get::<Value>(name).ok())
            };
            let separator = positional
                .first()
                .cloned()
                .or_else(|| named("sep"))
                .filter(|separator| !separator.is_none());
            let separator = separator.as_ref().map(python::text).transpose()?;
            let limit = match positional.get(1).cloned().or_else(|| named("maxsplit")) {
                Some(limit) => {
                    i64::try_from(limit).map_err(|_| fail("`maxsplit` must be a whole number"))?
                }
                None => -1,
            };
            Value::from(split_text(text, separator.as_deref(), limit)?)
        }
        "rsplit" => {
            let limit = match arguments.get(1) {
                Some(limit) => i64::try_from(limit.clone())
                    .map_err(|_| fail("`maxsplit` must be a whole number"))?,
                None => -1,
            };
            match (
                arguments.first().filter(|separator| !separator.is_none()),
                usize::try_from(limit),
            ) {
                (Some(separator), Ok(limit)) => {
                    let separator = python::text(separator)?;
                    if separator.is_empty() {
                        return Err(fail("an empty separator cannot split a text"));
                    }
                    let mut parts: Vec<String> = text
                        .rsplitn(limit.saturating_add(1), separator.as_str())
                        .map(str::to_owned)
                        .collect();
                    parts.reverse();
                    Value::from(parts)
                }
                (separator, Err(_)) => Value::from(split_text(
                    text,
                    separator.map(python::text).transpose()?.as_deref(),
                    -1,
                )?),
                (None, Ok(_)) => return Err(fail("`.rsplit()` with a limit needs a separator")),
            }
        }
        "splitlines" if arguments.is_empty() => {
            Value::from(lines(text).into_iter().map(Value::from).collect::<Vec<_>>())
        }
        "zfill" => {
            let (sign, digits) = match text.chars().next() {
                Some(sign @ ('+' | '-')) => (sign.to_string(), &text[1..]),
                _ => (String::new(), text),
            };
            Value::from(format!("{sign}{}{digits}", padding(missing(width()?), '0')))
        }
        "ljust" => Value::from(format!("{text}{}", padding(missing(width()?), fill()?))),
        "rjust" => Value::from(format!("{}{text}", padding(missing(width()?), fill()?))),
        "center" => Value::from(centered(text, width()?, fill()?)),
        "removeprefix" => {
            let prefix = string(0)?;
            Value::from(text.strip_prefix(prefix.as_str()).unwrap_or(text))
        }
        "removesuffix" => {
            let suffix = string(0)?;
            Value::from(text.strip_suffix(suffix.as_str()).unwrap_or(text))
        }
        "partition" | "rpartition" => {
            let separator = string(0)?;
            if separator.is_empty() {
                return Err(fail("an empty separator cannot split a text"));
            }
            let parts = if method == "partition" {
                text.split_once(separator.as_str())
            } else {
                text.rsplit_once(separator.as_str())
            };
            let parts = match parts {
                Some((head, tail)) => [head, separator.as_str(), tail],
                None if method == "partition" => [text, "", ""],
                None => ["", "", text],
            };
            Value::from(parts.map(str::to_owned).to_vec())
        }
        "index" => {
            let wanted = string(0)?;
            let found = text
                .find(wanted.as_str())
                .ok_or_else(|| fail("the text does not hold what `.index()` looks for"))?;
            Value::from(text[..found].chars().count())
        }
        "swapcase" => Value::from(
            text.chars()
                .map(|character| {
                    if character.is_uppercase() {
                        character.to_lowercase().to_string()
                    } else {
                        character.to_uppercase().to_string()
                    }
                })
                .collect::<String>(),
        ),
        "title" => Value::from(title(text)),
        "join" => {
            let mut parts = Vec::new();
            for item in argument(0)?.try_iter()? {
                if item.kind() != ValueKind::String {
                    return Err(fail(format!(
                        "`.join()` takes texts only, not a {}; use the filter `join`",
                        item.kind()
                    )));
                }
                parts.push(item.to_string());
            }
            Value::from(parts.join(text))
        }
        _ => return Ok(None),
    }))
}

/// Python's `str.title`: every run of letters begins with a capital, also after an apostrophe.
fn title(text: &str) -> String {
    let mut result = String::new();
    let mut inside = false;
    for character in text.chars() {
        if !character.is_alphabetic() {
            result.push(character);
        } else if inside {
            result.extend(character.to_lowercase());
        } else {
            result.extend(character.to_uppercase());
        }
        inside = character.is_alphabetic();
    }
    result
}
