//! `kustomize build`. Kustomize has no variables: those of the app lie beside the kustomization as a ConfigMap that goes
//! nowhere (`config.kubernetes.io/local-config`), for its own `replacements` to take them from.

use serde_json::{Map, Value, json};

use super::tools::Work;
use super::{Archive, Artefact, Format, Values};
use crate::problem::Problem;

/// What the file with the variables is called.
const VARIABLES: &str = "chandlery.yaml";
/// The names that Kustomize looks for.
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The kustomization in a folder.
pub fn main(archive: &Archive, folder: &str) -> Option<&'static str> {
    NAMES.into_iter().find(|name| {
        let path = match folder {
            "" => (*name).to_owned(),
            folder => format!("{folder}/{name}"),
        };
        archive.text(&path).is_some()
    })
}

pub fn render(artefact: &Artefact, values: &Values) -> Result<String, Problem> {
    let folder = match artefact.folder.as_str() {
        "" => ".",
        folder => folder,
    };
    let path = artefact.within(VARIABLES);
    let work = Work {
        archive: &artefact.archive,
        file: Some((&path, variables(values))),
        input: String::new(),
    };
    let said = artefact
        .tools
        .run(Format::Kustomize, &["build", "--", folder], work)?;
    match said.status.success() {
        true => Ok(String::from_utf8_lossy(&said.output).into_owned()),
        false => Err(artefact.tools.ended(Format::Kustomize, &said.complaint)),
    }
}

/// The ConfigMap with all variables. What is no text is written as JSON.
fn variables(values: &Values) -> String {
    let all = values.own.iter().chain(&values.given);
    let data: Map<String, Value> = all
        .map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            (name.clone(), text.into())
        })
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "chandlery",
            "annotations": {"config.kubernetes.io/local-config": "true"},
        },
        "data": data,
    })
    .to_string()
}
