//! A manifest rendered and read three times: with two sets of stand-ins for all secrets, and with the secrets themselves.
//!
//! What comes out differently with one set and with the other depends on a secret, through whatever filter: such fields
//! are known as [`Dependent`], and hidden wherever they would be shown. What stands in URLs, events and names (which
//! objects there are, how they are called, which keys they have, which files are fetched) must not depend on one.
//!
//! All that is said of a manifest is said of what the stand-ins make, which are the same for all secrets of one shape:
//! every place, object and field that a problem names comes from them. The secrets themselves may decide no more than
//! the values of the fields that are known to depend on them. Where they do, or where the manifest fails with them alone,
//! one sentence says so, and neither where nor why.

use std::collections::BTreeMap;

use serde_json::Value;

use super::parse::{self, Documents};
use super::{Parsed, Rendered, Source, archive, render};
use crate::ansible::{self, Failure, Resolved, Set, Variables};
use crate::code::Code;
use crate::dependence::{self, Dependent, secret_texts};
use crate::object::Object;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

fn way_out() -> Sentence {
    sentence!(
        "What a secret's content decides belongs into the config map: put the name, the key or the switch there, and leave to the secret what only the app needs to know. A preview of the manifest shows the same."
    )
}
/// What says which object it is, and must not depend on a secret.
const IDENTITY: [&str; 5] = [
    "apiVersion",
    "kind",
    "metadata.name",
    "metadata.namespace",
    "metadata.generateName",
];

/// A job's variables with their secrets, and with two sets of stand-ins in place of these.
#[derive(Clone, Debug)]
pub struct Values {
    secret: Resolved,
    one: Resolved,
    two: Resolved,
    /// Whether there is any secret at all.
    differ: bool,
}

impl Values {
    /// The variables as they are, and with stand-ins for their secrets.
    pub fn new(variables: &Variables) -> Result<Self, Problem> {
        let secret = variables.resolve()?;
        let differ = variables.hold_secrets();
        let set = |set| match differ {
            true => variables.with_stand_ins(set).resolve(),
            false => Ok(secret.clone()),
        };
        Ok(Self {
            one: set(Set::One)?,
            two: set(Set::Two)?,
            secret,
            differ,
        })
    }

    /// Whether there is any secret at all.
    pub fn differ(&self) -> bool {
        self.differ
    }

    /// The variables with the secrets.
    pub fn secret(&self) -> &Resolved {
        &self.secret
    }
}

/// What a template becomes with stand-ins for all secrets.
pub struct Made {
    pub rendered: Rendered,
    documents: Documents,
    /// The same with the other set.
    others: Documents,
    /// What of each document depends on a secret.
    dependent: BTreeMap<u32, Dependent>,
}

impl Made {
    /// The objects with stand-ins.
    pub fn objects(&self) -> Parsed {
        self.documents.clone().objects(&self.rendered)
    }
}

/// Renders and reads a template with both sets of stand-ins for all secrets. Only this may ask for files, and only this
/// says what is wrong.
pub fn with_stand_ins(source: &Source, values: &Values) -> Result<Made, Failure> {
    if !values.differ {
        let (rendered, documents) = made(source, &values.one)?;
        archive::refuse_chance(source, &values.one, &rendered.text)?;
        return Ok(Made {
            rendered,
            others: documents.clone(),
            documents,
            dependent: BTreeMap::new(),
        });
    }
    refuse_files(source, &values.one)?;
    let (rendered, mut documents) = match made(source, &values.one) {
        Err(Failure::Problem(problem)) if made(source, &values.two).is_ok() => {
            return Err(only_some(*problem).into());
        }
        made => made?,
    };
    archive::refuse_chance(source, &values.one, &rendered.text)?;
    let (other, others) = made(source, &values.two).map_err(|failure| match failure {
        Failure::Needs(_) => of_file(source, None),
        Failure::Problem(problem) => only_some(*problem),
    })?;
    documents.lines = documents.lines.beside(&other.text);
    let dependent = dependent(&documents, &others).map_err(|(document, line, what)| Problem {
        document: Some(document),
        ..documents.lines.locate(of(source, &what), line, 1, None)
    })?;
    documents.lines = documents.lines.knowing(dependent.clone());
    let made = Made {
        rendered,
        documents,
        others,
        dependent,
    };
    let (objects, others) = (
        made.objects().objects,
        made.others.clone().objects(&other).objects,
    );
    if places(&objects) != places(&others) {
        let what = sentence!("Which objects a list holds depends on a secret.");
        return Err(of(source, what).into());
    }
    for (object, other) in objects.iter().zip(&others) {
        if let Some(field) = other_identity(object, other) {
            let what = sentence!(
                "The field `{field}` of an object depends on a secret.",
                field
            );
            let problem = object.locate_field(field, of(source, &what));
            // Its name is made of a stand-in, and says nothing.
            let problem = Problem {
                object: None,
                ..problem
            };
            return Err(problem.into());
        }
    }
    Ok(made)
}

fn made(source: &Source, variables: &Resolved) -> Result<(Rendered, Documents), Failure> {
    let rendered = render(source, variables)?;
    let documents = parse::read(&rendered, variables)?;
    Ok((rendered, documents))
}

/// Renders and reads the template with the secrets, which may decide nothing but the values of the fields that are known
/// to depend on them. The files are those that the stand-ins have asked for.
pub fn with_secrets(source: &Source, before: Made, values: &Values) -> Result<Parsed, Problem> {
    if !values.differ {
        return Ok(before.objects());
    }
    let (rendered, real) = made(source, &values.secret).map_err(|_| dependence::untold())?;
    let of_secrets = of_secrets(&real, &before).ok_or_else(dependence::untold)?;
    let mut secrets = Vec::new();
    for (document, other) in real.all.iter().zip(&before.documents.all) {
        secret_texts(&document.value, &other.value, &mut secrets);
    }
    let Made {
        rendered: told,
        mut documents,
        ..
    } = before;
    documents.lines = documents.lines.knowing(of_secrets);
    let mut parsed = documents.objects(&told);
    let real = real.objects(&rendered).objects;
    if places(&real) != places(&parsed.objects) {
        return Err(dependence::untold());
    }
    for (object, real) in parsed.objects.iter_mut().zip(real) {
        if other_identity(object, &real).is_some() {
            return Err(dependence::untold());
        }
        let stand_in = std::mem::replace(&mut object.value, real.value);
        object.stand_in = Some(stand_in);
    }
    Ok(Parsed { secrets, ..parsed })
}

/// What of each document depends on a secret, by what it holds with the secrets; none if that is more than is known.
fn of_secrets(real: &Documents, before: &Made) -> Option<BTreeMap<u32, Dependent>> {
    let (ones, twos) = (&before.documents.all, &before.others.all);
    if real.all.len() != ones.len() {
        return None;
    }
    let mut found = BTreeMap::new();
    for ((document, one), two) in real.all.iter().zip(ones).zip(twos) {
        let part = Dependent::between(&document.value, &one.value).ok()?;
        let other = Dependent::between(&document.value, &two.value).ok()?;
        let part = part.merged(&other);
        let known = before.dependent.get(&one.number);
        if document.number != one.number || !known.unwrap_or(&Dependent::Nothing).covers(&part) {
            return None;
        }
        if !part.is_nothing() {
            found.insert(document.number, part);
        }
    }
    Some(found)
}

fn places(objects: &[Object]) -> Vec<(u32, &str)> {
    let places = objects.iter();
    places
        .map(|object| (object.document, object.path.as_str()))
        .collect()
}

/// A field by which two are not the same object.
fn other_identity(object: &Object, other: &Object) -> Option<&'static str> {
    IDENTITY.into_iter().find(|field| {
        let path = format!("/{}", field.replace('.', "/"));
        object.value.pointer(&path) != other.value.pointer(&path)
    })
}

/// What of each document depends on a secret; or document, line and what is wrong.
fn dependent(
    documents: &Documents,
    others: &Documents,
) -> Result<BTreeMap<u32, Dependent>, (u32, u32, Sentence)> {
    let mut found = BTreeMap::new();
    for (index, document) in documents.all.iter().enumerate() {
        let wrong = |what: Sentence| (document.number, document.line, what);
        let other = others.all.get(index);
        let Some(other) = other.filter(|other| other.number == document.number) else {
            return Err(wrong(sentence!(
                "Whether this document is there depends on a secret."
            )));
        };
        let part = Dependent::between(&document.value, &other.value).map_err(|path| {
            wrong(match path.as_str() {
                "" => sentence!("Which fields this document has depends on a secret."),
                path => sentence!("Which keys `{path}` has depends on a secret.", path),
            })
        })?;
        let is_list = |value: &Value| value.get("items").is_some();
        if (is_list(&document.value) || is_list(&other.value))
            && (part == Dependent::All || *part.member("items") == Dependent::All)
        {
            return Err(wrong(sentence!(
                "Which objects this list holds depends on a secret."
            )));
        }
        if !part.is_nothing() {
            found.insert(document.number, part);
        }
    }
    match others.all.get(documents.all.len()) {
        None => Ok(found),
        Some(_) => {
            let last = documents.all.last();
            let (number, line) = last.map_or((1, 1), |last| (last.number, last.line));
            let what = sentence!("Whether another document follows this one depends on a secret.");
            Err((number, line, what))
        }
    }
}

fn of(source: &Source, what: impl Into<Sentence>) -> Problem {
    Problem::new(Code::SecretDependent, what)
        .in_manifest(&source.title, &source.url)
        .hint(way_out())
}

/// A problem of one set of stand-ins only.
fn only_some(problem: Problem) -> Problem {
    let message = sentence!(
        "Only some contents of a secret make this a manifest; with another one of the same shape: {problem}",
        problem = &problem.message
    );
    Problem {
        message,
        code: Code::SecretDependent,
        ..problem
    }
    .hint(way_out())
}

/// Refuses a template that uses files whose names depend on a secret, before it asks for any.
pub(super) fn refuse_files(source: &Source, variables: &Resolved) -> Result<(), Problem> {
    if source.artefact.is_some() {
        return Ok(());
    }
    match ansible::decides_file(&source.text, &source.files, variables) {
        Some(line) => Err(of_file(source, line)),
        None => Ok(()),
    }
}

fn of_file(source: &Source, line: Option<u32>) -> Problem {
    Problem {
        line,
        ..of(
            source,
            sentence!(
                "The name of an included file depends on a secret, or whether a file is included does. Nothing was fetched under that name."
            ),
        )
    }
}

#[cfg(test)]
#[path = "stand_ins_tests.rs"]
mod tests;
