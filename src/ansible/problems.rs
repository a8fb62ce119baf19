//! What went wrong in a template, for its author: the place in the original text, and names that come near.

use minijinja::{Error, ErrorKind};

use super::environment::Failure;
use super::{Resolved, environment};
use crate::problem::Problem;

/// How alike two names must be for one to be offered for the other.
const ALIKE: f64 = 0.8;

/// Explains a failure. `text` is what was rendered, its line ends normalised.
pub(super) fn explain(failure: &Failure, text: &str, variables: Option<&Resolved>) -> Problem {
    match failure {
        Failure::Refused(refusal) => {
            let (line, column) = place(text, refusal.offset);
            Problem {
                line: Some(line),
                column: Some(column),
                ..Problem::new("template_render", format!("{}.", refusal.message))
                    .hint(refusal.hint.as_str())
            }
        }
        Failure::Jinja(error, prepared) => {
            let (line, column) = match error.range() {
                Some(range) => {
                    let (line, column) = place(text, prepared.original(range.start));
                    (Some(line), Some(column))
                }
                None => (error.line().and_then(|line| u32::try_from(line).ok()), None),
            };
            let (message, hint) = match line {
                Some(line) if is_nameless(error) => {
                    let name = missing_in_line(text, line, variables);
                    undefined(name.as_deref().unwrap_or_default(), variables)
                }
                _ => words(error, variables),
            };
            Problem {
                line,
                column,
                hint,
                ..Problem::new("template_render", message)
            }
        }
    }
}

/// Line and column of a position, from 1.
fn place(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (
        u32::try_from(line).unwrap_or(u32::MAX),
        u32::try_from(column).unwrap_or(u32::MAX),
    )
}

/// Whether an undefined value was met that the error does not name, as filters do.
fn is_nameless(error: &Error) -> bool {
    error.kind() == ErrorKind::UndefinedError && name_of_undefined(error).is_empty()
}

fn name_of_undefined(error: &Error) -> &str {
    let detail = error.detail().unwrap_or_default();
    let name = detail.strip_suffix(" is undefined").unwrap_or_default();
    name.trim_matches('`')
}

/// A variable that a line mentions and nobody gives.
fn missing_in_line(text: &str, line: u32, variables: Option<&Resolved>) -> Option<String> {
    let line = text
        .lines()
        .nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    let environment = environment::environment();
    let mentioned = environment::names(&environment, line).ok()?;
    mentioned.into_iter().find(|name| {
        !environment.globals().any(|(global, _)| global == name)
            && variables.is_none_or(|known| known.names().all(|given| given != name))
    })
}

/// Line and column of the first place where a name stands in a text.
pub(super) fn place_of(text: &str, name: &str) -> (u32, u32) {
    place(text, offset_of(text, name))
}

/// The first place where a name stands in a text.
pub(super) fn offset_of(text: &str, name: &str) -> usize {
    let inside = |character: char| character.is_alphanumeric() || character == '_';
    text.match_indices(name)
        .find(|(start, _)| {
            !text[..*start].ends_with(inside) && !text[start + name.len()..].starts_with(inside)
        })
        .map_or(0, |(start, _)| start)
}

fn words(error: &Error, variables: Option<&Resolved>) -> (String, Option<String>) {
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::UndefinedError => undefined(name_of_undefined(error), variables),
        ErrorKind::UnknownFilter => {
            let name = between(detail, "filter ", " is unknown");
            unknown("filter", name, &super::filters::names())
        }
        ErrorKind::UnknownTest => {
            let name = between(detail, "test ", " is unknown");
            unknown("test", name, &super::tests::names())
        }
        ErrorKind::UnknownFunction => {
            let name = detail.trim_end_matches(" is unknown");
            match name {
                "lookup" | "query" | "q" => (
                    format!(
                        "`{name}` reads from the machine that Ansible runs on, which does not exist here."
                    ),
                    Some("Put the value into a config map or secret.".to_owned()),
                ),
                name => unknown("function", name, &[]),
            }
        }
        ErrorKind::OutOfFuel => (
            "The template takes too many steps.".to_owned(),
            Some("Look for a loop that never ends, or that is far too long.".to_owned()),
        ),
        ErrorKind::WriteFailure => {
            let cause = std::error::Error::source(error)
                .map(ToString::to_string)
                .unwrap_or_default();
            (
                sentence(&cause),
                Some("Look for a loop that is far too long.".to_owned()),
            )
        }
        ErrorKind::SyntaxError => (sentence(detail), None),
        _ => {
            let mut text = if detail.is_empty() {
                error.kind().to_string()
            } else {
                detail.to_owned()
            };
            let mut cause = std::error::Error::source(error);
            while let Some(inner) = cause {
                text = format!("{text}: {inner}");
                cause = inner.source();
            }
            (sentence(&text), None)
        }
    }
}

fn undefined(name: &str, variables: Option<&Resolved>) -> (String, Option<String>) {
    if name.is_empty() {
        return ("An undefined value is used.".to_owned(), None);
    }
    let root: String = name
        .chars()
        .take_while(|character| character.is_alphanumeric() || *character == '_')
        .collect();
    let message = format!("'{name}' is undefined.");
    let Some(variables) = variables else {
        return (message, None);
    };
    if let Some(broken) = variables.broken.get(&root) {
        return (
            format!("'{name}' is undefined: {}", sentence(&broken.message)),
            broken.hint.clone(),
        );
    }
    if variables.names().any(|known| known == root) {
        return (
            message,
            Some("The variable is there, but not what is asked of it.".to_owned()),
        );
    }
    if environment::environment()
        .globals()
        .any(|(global, _)| global == root)
        || root == "omit"
    {
        return (format!("'{root}' cannot be used here as a value."), None);
    }
    match nearest(&root, variables.names()) {
        Some(near) => (
            message,
            Some(format!(
                "Did you mean '{near}'? Add the key to the app's config map or correct the manifest."
            )),
        ),
        None => (
            message,
            Some(format!(
                "Add the key '{root}' to the app's config map or secret, or correct the manifest."
            )),
        ),
    }
}

fn unknown(what: &str, name: &str, known: &[&str]) -> (String, Option<String>) {
    let message = format!("The {what} '{name}' is unknown.");
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("Did you mean '{near}'?"),
        None => format!(
            "Chandlery does not know this {what}, or not yet: write the template without it."
        ),
    };
    (message, Some(hint))
}

/// The name that comes nearest, if one does.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let text = text.strip_prefix(before).unwrap_or(text);
    text.strip_suffix(after).unwrap_or(text)
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}
