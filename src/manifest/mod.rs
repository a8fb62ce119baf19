//! From a URL to objects that may go to the cluster: [`Fetcher::fetch`] → [`render`] → [`parse`] → [`check`].
//!
//! A [`Source`] is a template's text as fetched, a [`Rendered`] what Ansible's dialect ([`crate::ansible`]) makes of it,
//! and an [`Object`](crate::object::Object) one Kubernetes object with its place in that text. All but fetching are
//! pure functions; [`with_files`] calls them again when a template turns out to need another file. For a job all of it is
//! done [`with_stand_ins`] for the secrets and then [`with_secrets`] themselves. [`inspect`] says of
//! one template all that can be said without a cluster, [`preview`] shows on the terminal what templates become,
//! [`explain`] where their values come from, of which those that [`given`] names come from Chandlery itself. [`policy`] is what [`check`] holds the objects against. What goes wrong names manifest, line, object, field and the way out.

mod archive;
mod check;
mod computing;
pub mod explain;
mod fetch;
mod files;
pub mod given;
pub mod hook;
mod inspect;
mod numbers;
mod parse;
pub mod pin;
pub mod policy;
pub mod preview;
pub mod reach;
mod remembered;
mod stand_ins;

pub use archive::of_archive;
pub use check::{Rules, check, well_formed};
pub use computing::computed;
pub use fetch::{Fetcher, Limits, Source, digest};
pub use files::with_files;
pub use inspect::{Inspection, inspect};
pub(crate) use parse::sentence;
pub use parse::{Parsed, parse};
pub use reach::Reach;
pub use stand_ins::{Made, Values, with_secrets, with_stand_ins};

use crate::ansible::{self, Failure, Resolved};
use crate::artefact;

/// A template's text with the variables filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Title of the manifest.
    pub title: String,
    /// Where its template came from.
    pub url: String,
    /// The text, which holds secrets.
    pub text: String,
    /// What it was rendered from.
    pub template: String,
    /// The tool that made it of an archive, where it was not rendered from a template.
    pub artefact: Option<artefact::Format>,
    /// The names of the variables that the template mentions, sorted.
    pub variables: Vec<String>,
}

/// Renders a template as Ansible would, with the files that it has by now; of an archive, what its tool makes of it.
pub fn render(source: &Source, variables: &Resolved) -> Result<Rendered, Failure> {
    if let Some(artefact) = &source.artefact {
        return Ok(archive::render(source, artefact, variables)?);
    }
    let rendered = ansible::render_with(
        &source.title,
        &source.url,
        &source.text,
        variables,
        &source.files,
    )?;
    Ok(Rendered {
        title: source.title.clone(),
        url: source.url.clone(),
        text: rendered.text,
        template: source.text.clone(),
        artefact: None,
        variables: rendered.variables,
    })
}
