//! Manifests that are archives for others' tools: an archive as fetched becomes a [`Source`], and what its tool makes of it a
//! [`Rendered`].

use super::given::Given;
use super::{Fetcher, Rendered, Source, computed, digest};
use crate::ansible::{Files, Resolved};
use crate::archive::Archive;
use crate::artefact::{Artefact, Format, Tools, Values};
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;
use crate::source_map::SOURCE;

impl Fetcher {
    /// Fetches an archive. A part of the URL behind `#` names a folder in it.
    pub async fn fetch_archive(
        &self,
        title: &str,
        address: &str,
        format: Format,
        tools: &Tools,
    ) -> Result<Source, Problem> {
        let (url, bytes) = self.bytes(title, address).await?;
        let (title, tools) = (title.to_owned(), tools.clone());
        let read = move || {
            let part = url.split_once('#').map_or("", |(_, part)| part);
            let artefact = Archive::unpack(&bytes)
                .and_then(|archive| Artefact::new(format, archive, part, &tools))
                .map_err(|problem| problem.in_manifest(&title, &url))?;
            Ok(source(&title, &url, &bytes, artefact))
        };
        computed(read).await?
    }
}

/// An archive at hand, of either format. Its path is its title.
pub fn of_archive(path: &str, bytes: &[u8], part: &str, tools: &Tools) -> Result<Source, Problem> {
    let artefact = Archive::unpack(bytes)
        .and_then(|archive| Artefact::of_any(archive, part, tools))
        .map_err(|problem| problem.in_manifest(path, path))?;
    Ok(source(path, path, bytes, artefact))
}

fn source(title: &str, url: &str, bytes: &[u8], artefact: Artefact) -> Source {
    let mut files = Files::default();
    for (name, text) in artefact.shown() {
        files.insert(&name, Some(text));
    }
    let text = artefact.main().map_or("", |(_, text)| text).to_owned();
    Source {
        digest: digest(bytes),
        files,
        artefact: Some(artefact),
        ..Source::new(title, url, text)
    }
}

/// What the archive's tool makes of it.
pub(super) fn render(
    source: &Source,
    artefact: &Artefact,
    variables: &Resolved,
) -> Result<Rendered, Problem> {
    let located =
        |problem: Problem| variables.mask_problem(problem.in_manifest(&source.title, &source.url));
    let text = values(variables).and_then(|values| artefact.render(&values));
    Ok(Rendered {
        title: source.title.clone(),
        url: source.url.clone(),
        text: text.map_err(located)?,
        template: String::new(),
        artefact: Some(artefact.format()),
        variables: Vec::new(),
    })
}

/// The variables as a tool gets them.
fn values(variables: &Resolved) -> Result<Values, Problem> {
    let mut values = Values::default();
    for name in variables.names() {
        // Says why there is none.
        variables.value(name)?;
        let value = variables.get(name).ok_or_else(|| {
            Problem::new(
                Code::Variables,
                sentence!("The value of `{name}` cannot be written as YAML.", name),
            )
            .hint(sentence!(
                "Give it a value of texts, numbers, lists and mappings."
            ))
        })?;
        let part = match Given::NAMES.contains(&name) {
            true => &mut values.given,
            false => &mut values.own,
        };
        part.insert(name.to_owned(), value);
    }
    Ok(values)
}

/// Refuses what makes something else each time, although nothing has changed: every deploy would be another one.
pub(super) fn refuse_chance(
    source: &Source,
    variables: &Resolved,
    text: &str,
) -> Result<(), Problem> {
    let Some(artefact) = &source.artefact else {
        return Ok(());
    };
    let again = render(source, artefact, variables)?.text;
    let lines = text.lines().zip(again.lines());
    let Some((number, (line, _))) = lines.enumerate().find(|(_, (one, other))| one != other) else {
        return Ok(());
    };
    let mut before = text
        .lines()
        .take(number + 1)
        .collect::<Vec<_>>()
        .into_iter()
        .rev();
    let field = line.split_once(':').map_or(line, |(field, _)| field).trim();
    let file = before.find_map(|line| line.strip_prefix(SOURCE));
    let file = file.unwrap_or(artefact.format().program());
    Err(Problem::new(
        Code::TemplateRender,
        sentence!(
            "{file} makes up `{field}` anew each time, so that every deploy would change it.",
            file,
            field
        ),
    )
    .hint(sentence!(
        "Set the value that the chart would make up otherwise, such as a password, in the app's config map or secret."
    ))
    .in_manifest(&source.title, &source.url))
}
