//! What went wrong in a template, for its author: the place in the original text, and names that come near.

use super::error::{Error, Kind, Result};
use super::files::Files;
use super::{Resolved, globals, lexer};
use crate::problem::Problem;

/// How alike two names must be for one to be offered for the other.
const ALIKE: f64 = 0.8;

/// Explains failures: what is undefined all at once, of others the first. `text` is the template.
pub(super) fn explain(
    errors: &[Error],
    text: &str,
    files: &Files,
    variables: &Resolved,
) -> Problem {
    let text = lexer::normalise(text);
    let Some(first) = errors.first() else {
        return Problem::new("internal", "The template failed without a reason.");
    };
    let (line, column) = first.place().map_or((None, None), |(offset, _)| {
        // The problem itself stands in the template: where it uses the file.
        let offset = first.file().map_or(offset, |(_, used_at)| used_at);
        let (line, column) = place(&text, offset);
        (Some(line), Some(column))
    });
    let (message, hint) = match first.kind() {
        Kind::Undefined(_) if errors.len() > 1 => several(errors, &text, files, variables),
        Kind::Undefined(name) => undefined(first, name, variables),
        _ => (
            sentence(first.message()),
            first.hint_text().map(str::to_owned),
        ),
    };
    let message = match place_in_file(first, files) {
        Some((file, line, column)) if errors.len() == 1 => {
            format!("In `{file}`, line {line}, column {column}: {message}")
        }
        _ => message,
    };
    Problem {
        line,
        column,
        hint,
        ..Problem::new("template_render", message)
    }
}

/// The file that a failure is in, if it is not the template itself, with line and column.
fn place_in_file<'a>(error: &'a Error, files: &Files) -> Option<(&'a str, u32, u32)> {
    let (file, _) = error.file()?;
    let text = lexer::normalise(files.get(file).flatten()?);
    let (line, column) = place(&text, error.place()?.0);
    Some((file, line, column))
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

/// What an undefined value is called, and through which variables it is needed.
fn undefined(error: &Error, name: &str, variables: &Resolved) -> (String, Option<String>) {
    let root = root(name);
    let known = variables.names().any(|known| known == root);
    let own = error.hint_text().map(str::to_owned);
    let message = match error.needed_by_names() {
        [] if name.is_empty() => error.message().to_owned(),
        [] if error
            .message()
            .starts_with(&format!("'{name}' is undefined")) =>
        {
            format!("'{name}' is undefined")
        }
        [] => error.message().to_owned(),
        names => format!("{}, needed by {}", error.message(), chain(names, variables)),
    };
    if root.is_empty() {
        return (sentence(&message), own);
    }
    if known {
        let hint = own.unwrap_or_else(|| match error.message().split_once(": ") {
            Some((_, why)) if error.needed_by_names().is_empty() => {
                format!(
                    "The variable is there, but not what is asked of it: {}",
                    sentence(why)
                )
            }
            _ => "The variable is there, but not what is asked of it.".to_owned(),
        });
        let hint = if hint.starts_with("Did you mean") {
            format!("The variable is there, but not what is asked of it. {hint}")
        } else {
            hint
        };
        return (sentence(&message), Some(hint));
    }
    if globals::NAMES.contains(&root) {
        return (format!("'{root}' cannot be used here as a value."), own);
    }
    let hint = match nearest(root, variables.names()) {
        Some(near) => format!(
            "Did you mean '{near}'? Add the key to the app's config map or correct the manifest."
        ),
        None => format!(
            "Add the key '{root}' to the app's config map or secret, or correct the manifest."
        ),
    };
    (sentence(&message), Some(hint))
}

/// Everything that is undefined, with the lines that use it.
fn several(
    errors: &[Error],
    text: &str,
    files: &Files,
    variables: &Resolved,
) -> (String, Option<String>) {
    let mut found: Vec<(&str, Vec<String>, &[String])> = Vec::new();
    for error in errors {
        let Kind::Undefined(name) = error.kind() else {
            continue;
        };
        let line = match place_in_file(error, files) {
            Some((file, line, _)) => format!("{line} of `{file}`"),
            None => {
                let line = error.place().map_or(1, |(offset, _)| place(text, offset).0);
                line.to_string()
            }
        };
        match found
            .iter_mut()
            .find(|(known, _, names)| known == name && *names == error.needed_by_names())
        {
            Some((_, lines, _)) if lines.contains(&line) => {}
            Some((_, lines, _)) => lines.push(line),
            None => found.push((name, vec![line], error.needed_by_names())),
        }
    }
    if let [(name, ..)] = found.as_slice() {
        return undefined(&errors[0], name, variables);
    }
    let shown: Vec<String> = found
        .iter()
        .map(|(name, lines, names)| {
            let lines = format!(
                "line{} {}",
                if lines.len() > 1 { "s" } else { "" },
                lines.join(", ")
            );
            match names {
                [] => format!("'{name}' ({lines})"),
                names => format!(
                    "'{name}' (needed by {}, used in {lines})",
                    chain(names, variables)
                ),
            }
        })
        .collect();
    let mut hints: Vec<String> = Vec::new();
    for (name, ..) in &found {
        let root = root(name);
        let known = variables.names().any(|known| known == root);
        if let Some(near) = nearest(root, variables.names()).filter(|_| !known) {
            let hint = format!("Did you mean '{near}' by '{root}'?");
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
    }
    hints.push(
        "Add the missing keys to the app's config map or secret, or correct the manifest."
            .to_owned(),
    );
    (
        format!(
            "{} values are undefined: {}.",
            found.len(),
            shown.join(", ")
        ),
        Some(hints.join(" ")),
    )
}

/// The name of the variable in `a.b[0]`.
fn root(name: &str) -> &str {
    let end = name
        .find(|character: char| !(character.is_alphanumeric() || character == '_'))
        .unwrap_or(name.len());
    &name[..end]
}

/// Variables that need one another, from the one that the template mentions on.
fn chain(names: &[String], variables: &Resolved) -> String {
    let shown = names.iter().map(|name| match variables.origin(name) {
        Some(origin) => format!("`{name}` ({origin})"),
        None => format!("`{name}`"),
    });
    shown.collect::<Vec<_>>().join(" through ")
}

/// The name that comes nearest, if one does.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

/// Says that nothing has this name, unless it is one of a collection, of which Chandlery knows a part only.
pub fn in_collection(name: &str) -> Result<bool> {
    let of_ansible = name.starts_with("ansible.builtin.") || name.starts_with("ansible.legacy.");
    if of_ansible || name.split('.').count() < 3 {
        return Ok(false);
    }
    Err(Error::unsupported(
        format!("whether there is a '{name}' depends on the collections that Ansible has"),
        "Write true or false.",
    ))
}

/// A text with a capital at its beginning and a full stop at its end.
fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}
