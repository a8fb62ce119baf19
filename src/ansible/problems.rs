//! What went wrong in a template, for its author: the place in the original text, and names that come near.

use std::borrow::Cow;

use super::error::{Error, Kind, Need, Result};
use super::files::Files;
use super::{Resolved, globals, habits, lexer};
use crate::excerpt::{self, Excerpt, TextOf};
use crate::problem::Problem;
use crate::yaml::YamlError;

/// One of so many letters may be another one in a name that is offered for an unknown one.
const LETTERS: usize = 4;

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
    let texts = Texts {
        template: &text,
        files,
    };
    let mut all: Vec<Undefined> = errors.iter().flat_map(undefined).collect();
    all.sort_by_key(|one| texts.in_template(one.met));
    if let [only] = names(&all).as_slice() {
        return undefined_one(only, &all, first, &texts, variables);
    }
    if !all.is_empty() {
        return undefined_several(&all, &texts, variables);
    }
    if let Some(last) = first.needs().last() {
        return in_value(first, last, &texts, variables);
    }
    let own = texts.own(first);
    let advice = habits::advice(first.message(), first.hint_text(), first.place(), &own);
    let mut excerpts = texts.excerpts(first, advice.place, "");
    if let Some((offset, length, label)) = advice.also {
        let also = Excerpt::at(TextOf::Template, &own, offset, length).label(label);
        excerpts.insert(1.min(excerpts.len()), texts.named(first, also));
    }
    let message = texts.saying_file(first, &advice.message);
    let problem = Problem::new("template_render", sentence(&message));
    let place = match first.file() {
        Some(_) => texts.in_template(first),
        None => advice.place,
    };
    Problem {
        hint: advice.hint,
        ..at(place, &text, problem)
    }
    .with(excerpts)
}

/// What is wrong with a value; `last` is the variable that it is the value of.
fn in_value(error: &Error, last: &Need, texts: &Texts, variables: &Resolved) -> Problem {
    let advice = habits::advice(&last.message, error.hint_text(), last.place, &last.text);
    let message = error.message().replace(&last.message, &advice.message);
    let mut needs = error.needs().to_vec();
    if let Some(last) = needs.last_mut() {
        last.place = advice.place;
    }
    let mut excerpts = texts.excerpts(error, error.place(), "");
    excerpts.extend(of_values(&needs, variables, ""));
    let message = texts.saying_file(error, &message);
    let problem = Problem::new("template_render", sentence(&message));
    Problem {
        hint: advice.hint,
        ..at(texts.in_template(error), texts.template, problem)
    }
    .with(excerpts)
}

/// Something that is not there, where a template meets it.
struct Undefined<'a> {
    error: &'a Error,
    /// As it was written: `a.b[0]`; may be empty.
    name: &'a str,
    /// The failure that the template met, which says where.
    met: &'a Error,
}

/// An undefined value with all else that is undefined in the same value of a variable.
fn undefined(error: &Error) -> Vec<Undefined<'_>> {
    let found = std::iter::once(error).chain(error.also());
    let found = found.filter_map(|one| match one.kind() {
        Kind::Undefined(name) => Some(Undefined {
            error: one,
            name,
            met: error,
        }),
        _ => None,
    });
    found.collect()
}

/// What is undefined, each once, with the variables through which it is needed.
fn names<'a>(all: &[Undefined<'a>]) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut found = Vec::new();
    for one in all {
        let needs = one.error.needs().iter().map(|need| need.name.as_str());
        let entry = (one.name, needs.collect());
        if !found.contains(&entry) {
            found.push(entry);
        }
    }
    found
}

/// Says where in the template it is.
fn at(place: Option<(usize, usize)>, text: &str, problem: Problem) -> Problem {
    let place = place.map(|(offset, _)| excerpt::place(text, offset));
    Problem {
        line: place.map(|(line, _)| line),
        column: place.map(|(_, column)| column),
        ..problem
    }
}

/// A template and the files that it uses, with line ends as places count them.
struct Texts<'a> {
    template: &'a str,
    files: &'a Files,
}

impl Texts<'_> {
    /// The text that a failure's place is in.
    fn own(&self, error: &Error) -> Cow<'_, str> {
        let file = error
            .file()
            .and_then(|(file, _)| self.files.get(file).flatten());
        file.map_or(Cow::Borrowed(self.template), lexer::normalise)
    }

    /// Where in the template a failure is, or what uses the file that it is in.
    fn in_template(&self, error: &Error) -> Option<(usize, usize)> {
        match error.file() {
            Some((_, used_at)) => Some((used_at, 1)),
            None => error.place(),
        }
    }

    /// Line and column, and the file where it is not the template itself.
    fn line<'e>(&self, error: &'e Error) -> Option<(u32, u32, Option<&'e str>)> {
        let (line, column) = excerpt::place(&self.own(error), error.place()?.0);
        Some((line, column, error.file().map(|(file, _)| file)))
    }

    /// The line with a mark at `place`; of a file the line of the template, too, that uses it.
    fn excerpts(
        &self,
        error: &Error,
        place: Option<(usize, usize)>,
        label: impl Into<String>,
    ) -> Vec<Excerpt> {
        let mut excerpts: Vec<Excerpt> = place
            .map(|(offset, length)| {
                let own = Excerpt::at(TextOf::Template, &self.own(error), offset, length);
                self.named(error, own.label(label))
            })
            .into_iter()
            .collect();
        if let Some((file, used_at)) = error.file() {
            let used = Excerpt::at(TextOf::Template, self.template, used_at, 1);
            excerpts.push(used.label(format!("uses `{file}`")));
        }
        excerpts
    }

    /// Names the file that a line is from.
    fn named(&self, error: &Error, excerpt: Excerpt) -> Excerpt {
        match error.file() {
            Some((file, _)) => excerpt.named(file),
            None => excerpt,
        }
    }

    /// A message that names the file, where it is not the template itself.
    fn saying_file(&self, error: &Error, message: &str) -> String {
        match self.line(error) {
            Some((line, column, Some(file))) => {
                format!("In `{file}`, line {line}, column {column}: {message}")
            }
            _ => message.to_owned(),
        }
    }
}

/// The lines of the values through which something was met, unless they are secret. `last` is said at the last mark.
fn of_values(needs: &[Need], variables: &Resolved, last: &str) -> Vec<Excerpt> {
    let mut excerpts = Vec::new();
    for (index, need) in needs.iter().enumerate() {
        if variables.is_secret(&need.name) {
            continue;
        }
        let label = match needs.get(index + 1) {
            Some(next) => format!("needs `{}`", next.name),
            None => last.to_owned(),
        };
        let (offset, length) = need.place.unwrap_or((0, need.text.len()));
        let found = Excerpt::at(TextOf::Value, &need.text, offset, length);
        excerpts.push(in_file(found, need, variables).label(label));
    }
    excerpts
}

/// A line of a value, as it stands in the variables' file where there is one.
fn in_file(found: Excerpt, need: &Need, variables: &Resolved) -> Excerpt {
    let given = variables.given(&need.name);
    let origin = given.map_or("", |given| given.origin.as_str());
    let written = given.and_then(|given| given.written.as_ref());
    let of_file = written.and_then(|written| {
        let whole = need.text.lines().nth(found.line as usize - 1)?;
        let (line, before) = written.find(whole)?;
        let column = found.column + before;
        let of_file = Excerpt::line(
            TextOf::Value,
            &written.text,
            line + 1 - written.line,
            column,
            found.length,
        )?;
        Some(Excerpt { line, ..of_file }.named(origin))
    });
    of_file.unwrap_or_else(|| found.named(format!("value of `{}` ({origin})", need.name)))
}

/// The line of a variables' file that cannot be read.
pub(super) fn of_file(text: &str, origin: &str, error: &YamlError) -> Vec<Excerpt> {
    let found = Excerpt::line(TextOf::Value, text, error.line, error.column, 1);
    found.map(|found| found.named(origin)).into_iter().collect()
}

/// One name that is undefined, with all the places that use it.
fn undefined_one(
    (name, _): &(&str, Vec<&str>),
    all: &[Undefined],
    first: &Error,
    texts: &Texts,
    variables: &Resolved,
) -> Problem {
    let (error, met) = all
        .first()
        .map_or((first, first), |one| (one.error, one.met));
    let (message, hint) = undefined_words(error, name, variables);
    let hyphen = met.place().filter(|_| error.needs().is_empty());
    let hint = hyphen
        .and_then(|place| habits::of_hyphen(&texts.own(met), place))
        .or(hint);
    let mut excerpts = Vec::new();
    for one in all {
        let label = match one.error.needs() {
            [] => String::new(),
            [only] => format!("`{}` needs `{name}`", only.name),
            [first, next, ..] => format!("`{}` needs `{}`", first.name, next.name),
        };
        excerpts.extend(texts.excerpts(one.met, one.met.place(), label));
    }
    excerpts.extend(of_values(error.needs(), variables, "not set"));
    at(
        texts.in_template(met),
        texts.template,
        Problem {
            hint,
            ..Problem::new("template_render", texts.saying_file(met, &message))
        },
    )
    .with(excerpts)
}

/// What an undefined value is called, and through which variables it is needed.
fn undefined_words(error: &Error, name: &str, variables: &Resolved) -> (String, Option<String>) {
    let root = root(name);
    let known = variables.names().any(|known| known == root);
    let own = error.hint_text().map(str::to_owned);
    let message = match error.needs() {
        [] if name.is_empty() => error.message().to_owned(),
        [] if error
            .message()
            .starts_with(&format!("'{name}' is undefined")) =>
        {
            format!("'{name}' is undefined")
        }
        [] => error.message().to_owned(),
        needs => format!("{}, needed by {}", error.message(), chain(needs, variables)),
    };
    if root.is_empty() {
        return (sentence(&message), own);
    }
    if let Some(hint) = habits::of_name(name).filter(|_| error.needs().is_empty()) {
        return (sentence(&message), Some(hint));
    }
    if known {
        let hint = own.unwrap_or_else(|| match error.message().split_once(": ") {
            Some((_, why)) if error.needs().is_empty() => {
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
    if let Some(error) = globals::without_call(root) {
        let hint = error.hint_text().map(str::to_owned);
        return (sentence(error.message()), hint);
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
fn undefined_several(all: &[Undefined], texts: &Texts, variables: &Resolved) -> Problem {
    let line = |one: &Undefined| match texts.line(one.met) {
        Some((line, _, Some(file))) => format!("{line} of `{file}`"),
        Some((line, ..)) => line.to_string(),
        None => "1".to_owned(),
    };
    let found = names(all);
    let mut shown: Vec<(String, String)> = Vec::new();
    let mut excerpts = Vec::new();
    let mut hints: Vec<String> = Vec::new();
    for (name, needs) in &found {
        let same = |one: &&Undefined| {
            one.name == *name && one.error.needs().iter().map(|need| &need.name).eq(needs)
        };
        let mut lines: Vec<String> = all.iter().filter(same).map(line).collect();
        lines.dedup();
        let lines = format!(
            "line{} {}",
            if lines.len() > 1 { "s" } else { "" },
            lines.join(", ")
        );
        let root = root(name);
        let known = variables.names().any(|known| known == root);
        let near = nearest(root, variables.names()).filter(|_| !known);
        let said = match near {
            Some(near) => format!("not set; did you mean '{near}'?"),
            None if known => "not there".to_owned(),
            None => "not set".to_owned(),
        };
        if let Some(near) = near {
            let hint = format!("Did you mean '{near}' by '{root}'?");
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
        let Some(first) = all.iter().find(same) else {
            continue;
        };
        let here = first.met.place();
        let here = here.filter(|_| first.error.needs().is_empty());
        let habit = here.and_then(|place| habits::of_hyphen(&texts.own(first.met), place));
        // A hyphen makes two names of one: it is explained once.
        if let Some(habit) = habit.or_else(|| habits::of_name(name))
            && !hints
                .iter()
                .any(|known| known.starts_with("`-`") || *known == habit)
        {
            hints.push(habit);
        }
        let needs = first.error.needs();
        let used = match needs {
            [] => lines,
            needs => format!("needed by {}, used in {lines}", chain(needs, variables)),
        };
        match shown.last_mut() {
            Some((names, known)) if *known == used => *names = format!("{names}, '{name}'"),
            _ => shown.push((format!("'{name}'"), used)),
        }
        let label = match needs {
            [] => said.clone(),
            [only] => format!("`{}` needs `{name}`", only.name),
            [first, next, ..] => format!("`{}` needs `{}`", first.name, next.name),
        };
        for one in all.iter().filter(same) {
            excerpts.extend(texts.excerpts(one.met, one.met.place(), label.as_str()));
        }
        excerpts.extend(of_values(needs, variables, &said));
    }
    hints.push(
        "Add the missing keys to the app's config map or secret, or correct the manifest."
            .to_owned(),
    );
    let shown = shown
        .iter()
        .map(|(names, used)| format!("{names} ({used})"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    let message = format!("{} values are undefined: {shown}.", found.len());
    at(
        all.first().and_then(|one| texts.in_template(one.met)),
        texts.template,
        Problem::new("template_render", message),
    )
    .hint(hints.join(" "))
    .with(excerpts)
}

/// The name of the variable in `a.b[0]`.
fn root(name: &str) -> &str {
    let end = name
        .find(|character: char| !(character.is_alphanumeric() || character == '_'))
        .unwrap_or(name.len());
    &name[..end]
}

/// Variables that need one another, from the one that the template mentions on.
fn chain(needs: &[Need], variables: &Resolved) -> String {
    let shown = needs.iter().map(|Need { name, .. }| {
        let given = variables.given(name);
        match given.map(|given| (&given.origin, &given.written)) {
            Some((origin, Some(written))) => format!("`{name}` ({origin}, line {})", written.line),
            Some((origin, None)) => format!("`{name}` ({origin})"),
            None => format!("`{name}`"),
        }
    });
    shown.collect::<Vec<_>>().join(" through ")
}

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

/// A text with a full stop at its end.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}
