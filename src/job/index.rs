//! `index`: says which packages a repository has. Needs no app and no cluster.
//!
//! One request brings the index, which holds the packages' texts; what is wrong with some of them is told, and costs the
//! others nothing.

use url::Url;

use super::Shared;
use super::step_log::{StepLog, count};
use crate::body::size;
use crate::code::Code;
use crate::odoo::contract::{
    IndexJob, JobResult, Label, LabelCondition, PackageGenerate, PackageManifest, PackageNeeds,
    PackageSeen, PackageValue, PackageVariable, Purpose, RepositoryIndex, StepCode, ValueType,
};
use crate::package::description::{Description, Operator, Selector, Variable};
use crate::package::index::{self, Package};
use crate::problem::Problem;

/// The environment of a package that names none.
const PRODUCTION: &str = "prod";

/// Fetches the index of the repository and reads it.
pub async fn index(
    shared: &Shared,
    job: &IndexJob,
    step_log: &StepLog,
    result: &mut JobResult,
) -> Result<(), Problem> {
    let (folder, text) = step_log
        .step(StepCode::Fetching, async |step| {
            let folder = index::folder(&job.options.url)?;
            let text = index::fetch(&shared.fetcher, &folder).await?;
            step.say_as_is(size(text.len()));
            Ok((folder, text))
        })
        .await?;
    let index = step_log
        .step(StepCode::Indexing, async |step| {
            let index = read(text, folder).await?;
            let packages = count(index.packages.len(), "package");
            match index.problems.len() {
                0 => step.say_as_is(packages),
                wrong => step.warn_as_is(format!("{packages}, {}", count(wrong, "problem"))),
            }
            Ok(index)
        })
        .await?;
    result.index = Some(index);
    Ok(())
}

/// Reads on a thread of its own, which nobody else needs for waiting.
async fn read(text: String, folder: Url) -> Result<RepositoryIndex, Problem> {
    let reading = tokio::task::spawn_blocking(move || index::read(&text, &folder));
    let repository = reading.await.map_err(|_| {
        Problem::new(
            Code::Internal,
            "The worker met a defect of its own while reading the index.",
        )
    })??;
    Ok(RepositoryIndex {
        packages: repository.packages.into_iter().map(package).collect(),
        problems: repository.problems,
    })
}

fn package(package: Package) -> PackageSeen {
    let Package {
        description,
        url,
        digest,
        text,
        vars,
        icon,
        manifests,
    } = package;
    let Description {
        format: _,
        name,
        version,
        title,
        summary,
        description,
        icon: _,
        category,
        keywords,
        home,
        licence,
        manifests: _,
        environments,
        variables,
        needs,
        labels,
        selector,
    } = description;
    PackageSeen {
        name,
        version,
        digest,
        url: url.into(),
        title,
        summary,
        description: description.unwrap_or_default(),
        icon: icon.unwrap_or_default(),
        category: category.unwrap_or_default(),
        keywords,
        home: home.unwrap_or_default(),
        licence: licence.unwrap_or_default(),
        manifests: manifests
            .into_iter()
            .map(|(purpose, manifest)| PackageManifest {
                purpose: match purpose {
                    "reset" => Purpose::Reset,
                    _ => Purpose::Deploy,
                },
                path: manifest.path,
                url: manifest.url.into(),
                digest: manifest.digest,
            })
            .collect(),
        environments: match environments.is_empty() {
            true => vec![PRODUCTION.to_owned()],
            false => environments,
        },
        variables: variables.into_iter().map(variable).collect(),
        needs: PackageNeeds {
            kubernetes: needs.kubernetes.unwrap_or_default(),
            kinds: needs.kinds,
            cpu: needs.cpu.unwrap_or_default(),
            memory: needs.memory.unwrap_or_default(),
            storage: needs.storage.unwrap_or_default(),
            node_ports: needs.node_ports,
        },
        labels: labels
            .into_iter()
            .map(|(key, value)| Label { key, value })
            .collect(),
        selector: selector.map(conditions).unwrap_or_default(),
        text,
        vars: vars.unwrap_or_default(),
    }
}

fn variable(variable: Variable) -> PackageVariable {
    PackageVariable {
        name: variable.name,
        title: variable.title,
        help: variable.help.unwrap_or_default(),
        r#type: word(variable.r#type),
        default: variable.default.map(value),
        choices: variable.choices.into_iter().map(value).collect(),
        required: variable.required,
        secret: variable.secret,
        generate: variable.generated.map(|rule| PackageGenerate {
            length: rule.length,
            alphabet: word(rule.alphabet),
        }),
        first_password: variable.first_password,
        set_by: word(variable.set_by),
    }
}

fn word(word: impl Into<&'static str>) -> String {
    word.into().to_owned()
}

/// A text stands as it is, all else as JSON, which is YAML.
fn value(value: serde_json::Value) -> PackageValue {
    match value {
        serde_json::Value::String(value) => PackageValue {
            r#type: ValueType::String,
            value,
        },
        other => PackageValue {
            r#type: ValueType::Yaml,
            value: other.to_string(),
        },
    }
}

fn conditions(selector: Selector) -> Vec<LabelCondition> {
    let equal = selector
        .match_labels
        .into_iter()
        .map(|(key, value)| LabelCondition {
            key,
            operator: word(Operator::In),
            values: vec![value],
        });
    let expressions = selector
        .match_expressions
        .into_iter()
        .map(|one| LabelCondition {
            key: one.key,
            operator: word(one.operator),
            values: one.values,
        });
    equal.chain(expressions).collect()
}
