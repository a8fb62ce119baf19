//! Charts and folders of others' tools, in an [`Archive`] → the YAML that those tools make of them: [`Archive::unpack`] →
//! [`Artefact::render`], which calls helm or kustomize by [`Tools`] in a [`confined`] process.
//!
//! The tools are what the field uses; what they read is somebody else's. So the archive is unpacked by rules of our own, and
//! the tool runs in a folder of its own, without network, with an empty environment, and within limits. What it makes goes
//! the way of every manifest: read, checked, applied.

pub mod confined;
mod helm;
mod kustomize;
mod process;
mod tools;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use tools::Tools;

use crate::archive::Archive;
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;

/// Which tool reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Helm,
    Kustomize,
}

impl Format {
    /// What its program is called.
    pub fn program(self) -> &'static str {
        match self {
            Self::Helm => "helm",
            Self::Kustomize => "kustomize",
        }
    }
}

/// What a cluster serves, as charts may ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Its version: `v1.35.4`.
    pub version: String,
    /// `apps/v1`, `apps/v1/Deployment`, …
    pub api_versions: Vec<String>,
}

/// An archive, and all that is needed to render it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artefact {
    format: Format,
    archive: Arc<Archive>,
    /// The folder that is meant, without a slash at its end; empty: the archive's own.
    folder: String,
    tools: Tools,
    served: Option<Arc<Served>>,
}

impl Artefact {
    /// Finds the folder in the archive that the tool is to read: where the archive has one folder that holds everything,
    /// what is in there counts; `part` names one in it.
    pub fn new(
        format: Format,
        archive: Archive,
        part: &str,
        tools: &Tools,
    ) -> Result<Self, Problem> {
        let top = archive.top();
        let mut folder = match format {
            Format::Helm => top.unwrap_or_default(),
            // A kustomization may lie beside its only base.
            Format::Kustomize if kustomize::main(&archive, "").is_some() => "",
            Format::Kustomize => top.unwrap_or_default(),
        }
        .to_owned();
        let part = part.trim_matches('/');
        if !part.is_empty() {
            folder = match folder.as_str() {
                "" => part.to_owned(),
                folder => format!("{folder}/{part}"),
            };
        }
        let artefact = Self {
            format,
            archive: Arc::new(archive),
            folder,
            tools: tools.clone(),
            served: None,
        };
        match artefact.main().is_some() {
            true => Ok(artefact),
            false => Err(artefact.is_none()),
        }
    }

    /// By what is in it: a chart, or a folder with a kustomization.
    pub fn of_any(archive: Archive, part: &str, tools: &Tools) -> Result<Self, Problem> {
        let is_chart = archive.text("Chart.yaml").is_some()
            || archive
                .top()
                .is_some_and(|top| archive.text(&format!("{top}/Chart.yaml")).is_some());
        let format = match is_chart {
            true => Format::Helm,
            false => Format::Kustomize,
        };
        Self::new(format, archive, part, tools)
    }

    fn is_none(&self) -> Problem {
        let (message, hint) = match self.format {
            Format::Helm => (
                sentence!("The archive is no Helm chart: it holds no folder with a `Chart.yaml`."),
                sentence!(
                    "Give the URL of what `helm package` makes, such as https://example.com/charts/shop-1.2.0.tgz."
                ),
            ),
            Format::Kustomize => (
                sentence!(
                    "The archive holds no `kustomization.yaml` in its folder `{folder}`.",
                    folder = match self.folder.as_str() {
                        "" => ".",
                        folder => folder,
                    }
                ),
                sentence!(
                    "Name the folder at the end of the URL, such as https://example.com/shop.tar.gz#overlays/prod."
                ),
            ),
        };
        Problem::new(Code::ManifestArchive, message).hint(hint)
    }

    /// The tool that reads it.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Says what the cluster serves.
    pub fn knowing(&mut self, served: Arc<Served>) {
        self.served = Some(served);
    }

    /// The name and text of the file that says what it is: `Chart.yaml`, or the kustomization.
    pub fn main(&self) -> Option<(String, &str)> {
        let name = match self.format {
            Format::Helm => Some("Chart.yaml"),
            Format::Kustomize => kustomize::main(&self.archive, &self.folder),
        }?;
        let path = self.within(name);
        let text = self.archive.text(&path)?;
        Some((path, text))
    }

    /// The path in the archive of what lies in its folder.
    fn within(&self, name: &str) -> String {
        match self.folder.as_str() {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        }
    }

    /// All texts but the main one, by their paths, as far as they are worth showing.
    pub fn shown(&self) -> Vec<(String, String)> {
        let main = self.main().map(|(path, _)| path);
        let texts = self.archive.shown();
        texts
            .filter(|(path, _)| Some(*path) != main.as_deref())
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .collect()
    }

    /// The YAML that the tool makes of it with these values.
    pub fn render(&self, values: &Values) -> Result<String, Problem> {
        match self.format {
            Format::Helm => helm::render(self, values),
            Format::Kustomize => kustomize::render(self, values),
        }
    }
}

/// The variables that it is rendered with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    /// An app's own.
    pub own: Map<String, Value>,
    /// Chandlery's. A chart may have values of the same names for something else.
    pub given: Map<String, Value>,
}

impl Values {
    /// A text that Chandlery gives.
    fn given(&self, name: &str) -> Option<&str> {
        self.given.get(name)?.as_str()
    }
}
