//! What went wrong in a template, for its author: the place in the original text, and names that come near.

use std::borrow::Cow;

use crate::error::{
    self, Advice, Error, ErrorKind, Hint, Label, Snippet, TextOf, UndefinedNames, sentence,
};
use crate::explain::hints;
use crate::files::Files;
use crate::suggest::nearest;
use crate::syntax::lexer;
use crate::value::error::{Error as Failure, Kind, Need, Unknown};
use crate::value::function::without_call;
use crate::variables::Resolved;

/// Explains failures: what is undefined all at once, of others the first. `text` is the template.
pub fn explain(errors: &[Failure], text: &str, files: &Files, variables: &Resolved) -> Error {
    let text = lexer::normalise(text);
    let Some(first) = errors.first() else {
        return Error::new(ErrorKind::Failed, "The template failed without a reason.");
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
    let advice = hints::advice(first.message(), first.advice(), first.place(), &own);
    let mut snippets = texts.snippets(first, advice.place, None);
    if let Some((offset, length, label)) = advice.also
        && let Some(also) = Snippet::at(TextOf::Template, &own, offset, length)
    {
        let also = texts.named(first, also.label(label));
        snippets.insert(1.min(snippets.len()), also);
    }
    let message = texts.saying_file(first, &advice.message);
    let place = match first.file() {
        Some(_) => texts.in_template(first),
        None => advice.place,
    };
    Error::new(first.error_kind(), sentence(&message))
        .hint(advice.hint.unwrap_or_default())
        .at(in_text(place, &text))
        .with(snippets)
}

/// What is wrong with a value; `last` is the variable that it is the value of.
fn in_value(error: &Failure, last: &Need, texts: &Texts, variables: &Resolved) -> Error {
    let advice = hints::advice(&last.message, error.advice(), last.place, &last.text);
    let message = error.message().replace(&last.message, &advice.message);
    let mut needs = error.needs().to_vec();
    if let Some(last) = needs.last_mut() {
        last.place = advice.place;
    }
    let mut snippets = texts.snippets(error, error.place(), None);
    snippets.extend(of_values(&needs, variables, None));
    let message = texts.saying_file(error, &message);
    Error::new(error.error_kind(), sentence(&message))
        .hint(advice.hint.unwrap_or_default())
        .at(in_text(texts.in_template(error), texts.template))
        .with(snippets)
}

/// Something that is not there, where a template meets it.
struct Undefined<'a> {
    error: &'a Failure,
    /// As it was written: `a.b[0]`; may be empty.
    name: &'a str,
    /// The failure that the template met, which says where.
    met: &'a Failure,
}

/// An undefined value with all else that is undefined in the same value of a variable.
fn undefined(error: &Failure) -> Vec<Undefined<'_>> {
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

/// Line and column in the template.
fn in_text(place: Option<(usize, usize)>, text: &str) -> Option<(u32, u32)> {
    place.map(|(offset, _)| error::place(text, offset))
}

/// A template and the files that it uses, with line ends as places count them.
struct Texts<'a> {
    template: &'a str,
    files: &'a Files,
}

impl Texts<'_> {
    /// The text that a failure's place is in.
    fn own(&self, error: &Failure) -> Cow<'_, str> {
        let file = error
            .file()
            .and_then(|(file, _)| self.files.get(file).flatten());
        file.map_or(Cow::Borrowed(self.template), lexer::normalise)
    }

    /// Where in the template a failure is, or what uses the file that it is in.
    fn in_template(&self, error: &Failure) -> Option<(usize, usize)> {
        match error.file() {
            Some((_, used_at)) => Some((used_at, 1)),
            None => error.place(),
        }
    }

    /// Line and column, and the file where it is not the template itself.
    fn line<'e>(&self, error: &'e Failure) -> Option<(u32, u32, Option<&'e str>)> {
        let (line, column) = error::place(&self.own(error), error.place()?.0);
        Some((line, column, error.file().map(|(file, _)| file)))
    }

    /// The line with a mark at `place`; of a file the line of the template, too, that uses it.
    fn snippets(
        &self,
        error: &Failure,
        place: Option<(usize, usize)>,
        label: Option<Label>,
    ) -> Vec<Snippet> {
        let mut snippets: Vec<Snippet> = place
            .and_then(|(offset, length)| {
                let own = Snippet::at(TextOf::Template, &self.own(error), offset, length)?;
                Some(self.named(error, own.label(label)))
            })
            .into_iter()
            .collect();
        if let Some((file, used_at)) = error.file() {
            let used = Snippet::at(TextOf::Template, self.template, used_at, 1);
            snippets.extend(used.map(|used| used.label(Label::Uses(file.to_owned()))));
        }
        snippets
    }

    /// Names the file that a line is from.
    fn named(&self, error: &Failure, snippet: Snippet) -> Snippet {
        match error.file() {
            Some((file, _)) => snippet.named(file),
            None => snippet,
        }
    }

    /// Whether it stands in a file that the template uses.
    fn is_elsewhere(&self, error: &Failure) -> bool {
        matches!(self.line(error), Some((_, _, Some(_))))
    }

    /// A message that names the file, where it is not the template itself.
    fn saying_file(&self, error: &Failure, message: &str) -> String {
        match self.line(error) {
            Some((line, column, Some(file))) => {
                format!("In `{file}`, line {line}, column {column}: {message}")
            }
            _ => message.to_owned(),
        }
    }
}

/// The lines of the values through which something was met, unless they are secret. `last` is said at the last mark.
fn of_values(needs: &[Need], variables: &Resolved, last: Option<&Label>) -> Vec<Snippet> {
    let mut snippets = Vec::new();
    for (index, need) in needs.iter().enumerate() {
        if variables.is_secret(&need.name) {
            continue;
        }
        let label = match needs.get(index + 1) {
            Some(next) => Some(Label::Needs(next.name.clone())),
            None => last.cloned(),
        };
        let (offset, length) = need.place.unwrap_or((0, need.text.len()));
        let found = Snippet::at(TextOf::Value, &need.text, offset, length);
        snippets.extend(found.map(|found| in_file(found, need, variables).label(label)));
    }
    snippets
}

/// A line of a value, as it stands in the variables' file where there is one.
fn in_file(found: Snippet, need: &Need, variables: &Resolved) -> Snippet {
    let given = variables.given(&need.name);
    let origin = given.map_or("", |given| given.origin.as_str());
    let written = given.and_then(|given| given.written.as_ref());
    let of_file = written.and_then(|written| {
        let whole = need.text.lines().nth(found.line as usize - 1)?;
        let (line, before) = written.find(whole)?;
        let column = found.column + before;
        let of_file = Snippet::line(
            TextOf::Value,
            &written.text,
            line + 1 - written.line,
            column,
            found.length,
        )?;
        Some(Snippet { line, ..of_file }.named(origin))
    });
    of_file.unwrap_or_else(|| found.named(format!("value of `{}` ({origin})", need.name)))
}

/// One name that is undefined, with all the places that use it.
fn undefined_one(
    (name, _): &(&str, Vec<&str>),
    all: &[Undefined],
    first: &Failure,
    texts: &Texts,
    variables: &Resolved,
) -> Error {
    let (error, met) = all
        .first()
        .map_or((first, first), |one| (one.error, one.met));
    let Said {
        message,
        hint,
        is_all,
    } = undefined_words(error, name, variables);
    let hyphen = met.place().filter(|_| error.needs().is_empty());
    let hint = hyphen
        .and_then(|place| hints::of_hyphen(&texts.own(met), place))
        .map(Hint::from)
        .or(hint);
    let mut snippets = Vec::new();
    for one in all {
        let label = match one.error.needs() {
            [] => None,
            [only] => Some(Label::NeededBy(only.name.clone(), (*name).to_owned())),
            [first, next, ..] => Some(Label::NeededBy(first.name.clone(), next.name.clone())),
        };
        snippets.extend(texts.snippets(one.met, one.met.place(), label));
    }
    snippets.extend(of_values(error.needs(), variables, Some(&Label::NotSet)));
    let parts = UndefinedNames {
        names: vec![(*name).to_owned()],
        lines: Vec::new(),
        needed_by: Some(error.needs())
            .filter(|needs| !needs.is_empty())
            .map(|needs| chain(needs, variables)),
    };
    let parts = Some(parts).filter(|_| is_all && !texts.is_elsewhere(met));
    let message = texts.saying_file(met, &message);
    Error::new(error.error_kind(), message)
        .undefined_names(parts.into_iter().collect())
        .hint(hint.unwrap_or_default())
        .at(in_text(texts.in_template(met), texts.template))
        .with(snippets)
}

/// What is said of an undefined value.
struct Said {
    message: String,
    hint: Option<Hint>,
    /// Whether its name and what needs it is all that the message says.
    is_all: bool,
}

/// What an undefined value is called, and through which variables it is needed.
fn undefined_words(error: &Failure, name: &str, variables: &Resolved) -> Said {
    let root = root(name);
    let known = variables.names().any(|known| known == root);
    let own = error.advice().cloned();
    let (message, is_all) = match (error.needs(), error.unknown()) {
        // Why, the hint says.
        ([], Some(_)) => (format!("'{name}' is undefined"), true),
        ([], None) => (error.message().to_owned(), false),
        (needs, unknown) => {
            let chain = chain(needs, variables);
            let message = format!("{}, needed by {chain}", error.message());
            (message, unknown == Some(&Unknown::Only))
        }
    };
    let said = |hint| Said {
        message: sentence(&message),
        hint,
        is_all,
    };
    if root.is_empty() {
        return said(own);
    }
    if let Some(hint) = hints::of_name(name).filter(|_| error.needs().is_empty()) {
        return said(Some(hint.into()));
    }
    if known {
        let there = "The variable is there, but not what is asked of it";
        let hint = match own {
            Some(own) if own.starts_with("Did you mean") => own.behind(format!("{there}.")),
            Some(own) => own,
            None => match error.unknown() {
                Some(Unknown::Because(why)) if error.needs().is_empty() => {
                    format!("{there}: {}", sentence(why)).into()
                }
                _ => format!("{there}.").into(),
            },
        };
        return said(Some(hint));
    }
    if let Some(error) = without_call(root) {
        return Said {
            message: sentence(error.message()),
            hint: error.advice().cloned(),
            is_all: false,
        };
    }
    let hint = match nearest(root, variables.names()) {
        Some(near) => Hint::from(Advice::AddOrCorrect).behind(format!("Did you mean '{near}'?")),
        None => Advice::AddVariable(root.to_owned()).into(),
    };
    said(Some(hint))
}

/// Everything that is undefined, with the lines that use it.
fn undefined_several(all: &[Undefined], texts: &Texts, variables: &Resolved) -> Error {
    let line = |one: &Undefined| match texts.line(one.met) {
        Some((line, _, Some(file))) => format!("{line} of `{file}`"),
        Some((line, ..)) => line.to_string(),
        None => "1".to_owned(),
    };
    let found = names(all);
    let mut shown: Vec<UndefinedNames> = Vec::new();
    let mut snippets = Vec::new();
    let mut hints: Vec<String> = Vec::new();
    for (name, needs) in &found {
        let same = |one: &&Undefined| {
            one.name == *name && one.error.needs().iter().map(|need| &need.name).eq(needs)
        };
        let mut lines: Vec<String> = all.iter().filter(same).map(line).collect();
        lines.dedup();
        let root = root(name);
        let known = variables.names().any(|known| known == root);
        let near = nearest(root, variables.names()).filter(|_| !known);
        let said = match near {
            Some(near) => Label::NotSetButNear(near.to_owned()),
            None if known => Label::NotThere,
            None => Label::NotSet,
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
        let habit = here.and_then(|place| hints::of_hyphen(&texts.own(first.met), place));
        // A hyphen makes two names of one: it is explained once.
        if let Some(habit) = habit.or_else(|| hints::of_name(name))
            && !hints
                .iter()
                .any(|known| known.starts_with("`-`") || *known == habit)
        {
            hints.push(habit);
        }
        let needs = first.error.needs();
        let needed_by = (!needs.is_empty()).then(|| chain(needs, variables));
        match shown.last_mut() {
            Some(last) if last.lines == lines && last.needed_by == needed_by => {
                last.names.push((*name).to_owned());
            }
            _ => shown.push(UndefinedNames {
                names: vec![(*name).to_owned()],
                lines,
                needed_by,
            }),
        }
        let label = match needs {
            [] => said.clone(),
            [only] => Label::NeededBy(only.name.clone(), (*name).to_owned()),
            [first, next, ..] => Label::NeededBy(first.name.clone(), next.name.clone()),
        };
        for one in all.iter().filter(same) {
            snippets.extend(texts.snippets(one.met, one.met.place(), Some(label.clone())));
        }
        snippets.extend(of_values(needs, variables, Some(&said)));
    }
    let mut hint: Vec<Advice> = hints.into_iter().map(Advice::Say).collect();
    hint.push(Advice::AddVariables);
    let texts_of_shown: Vec<String> = shown.iter().map(UndefinedNames::to_string).collect();
    let message = format!(
        "{} values are undefined: {}.",
        found.len(),
        texts_of_shown.join(", ")
    );
    let place = all.first().and_then(|one| texts.in_template(one.met));
    Error::new(ErrorKind::Undefined, message)
        .undefined_names(shown)
        .hint(Hint(hint))
        .at(in_text(place, texts.template))
        .with(snippets)
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
