//! What a name that nothing has may have been meant for.

use crate::error::Advice;
use crate::value::error::{Error, Result};

/// One of so many letters may be another one in a name that is offered for an unknown one.
const LETTERS: usize = 4;

/// The name that comes nearest, if one does: with few letters changed, swapped or missing, or cut off at its end.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let letters = wanted.chars().count();
    let candidates = known.filter_map(|known| {
        let lower = known.to_lowercase();
        let is_cut = letters >= 4 && lower.starts_with(&wanted) && lower.len() <= 2 * wanted.len();
        let changes = match is_cut {
            true => 1,
            false => strsim::osa_distance(&wanted, &lower),
        };
        let is_near = changes <= letters.div_ceil(LETTERS) && changes < letters;
        is_near.then_some((changes, lower.chars().count().abs_diff(letters), known))
    });
    candidates.min().map(|(_, _, known)| known)
}

/// Why a filter or a test cannot be used: it is refused for a reason, with what helps then, or nothing has its name.
pub fn unusable<'a>(
    what: &str,
    name: &str,
    refused: Option<(&str, Advice)>,
    known: impl Iterator<Item = &'a str>,
) -> Error {
    if let Some((reason, advice)) = refused {
        return Error::unsupported(
            format!("the {what} '{name}' is refused: it {reason}"),
            advice,
        );
    }
    let hint = match nearest(name, known) {
        Some(near) => format!("Did you mean '{near}'?"),
        None => "Write the template without it.".to_owned(),
    };
    Error::unsupported(format!("The {what} '{name}' is unknown."), hint)
}

/// Says that nothing has this name, unless it is one of a collection, of which this library knows a part only.
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
