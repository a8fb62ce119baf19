//! `index`: says which packages a repository has. Needs no app and no cluster.
//!
//! One request brings the index, which holds the packages' texts; what is wrong with some of them is told, and costs the
//! others nothing.

use url::Url;

use super::Shared;
use super::step_log::{StepLog, problems};
use crate::code::Code;
use crate::odoo::contract::{
    IndexJob, JobResult, Label, LabelCondition, PackageGenerate, PackageManifest, PackageNeeds,
    PackagePlan, PackagePlanValue, PackageSeen, PackageValue, PackageVariable, Purpose,
    RepositoryIndex, StepCode, ValueType,
};
use crate::package::description::{Description, Operator, Plan, Selector, Variable};
use crate::package::index::{self, Package};
use crate::problem::Problem;
use crate::sentence;

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
            step.say_as_is(format!("{:.1} KiB", text.len() as f64 / 1024.0));
            Ok((folder, text))
        })
        .await?;
    let index = step_log
        .step(StepCode::Indexing, async |step| {
            let index = read(text, folder).await?;
            let packages = match index.packages.len() {
                1 => sentence!("1 package"),
                number => sentence!("{number} packages", number),
            };
            match index.problems.len() {
                0 => step.say_as_is(packages),
                wrong => step.warn_as_is(packages.and(", ", problems(wrong))),
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
            sentence!("The worker met a defect of its own while reading the index."),
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
        plans,
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
        plans: plans.into_iter().map(plan).collect(),
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

fn plan(plan: Plan) -> PackagePlan {
    PackagePlan {
        name: plan.name,
        title: plan.title,
        help: plan.help.unwrap_or_default(),
        cpu: plan.cpu.unwrap_or_default(),
        memory: plan.memory.unwrap_or_default(),
        storage: plan.storage.unwrap_or_default(),
        values: plan
            .values
            .into_iter()
            .map(|(name, given)| {
                let PackageValue { r#type, value } = value(given);
                PackagePlanValue {
                    name,
                    r#type,
                    value,
                }
            })
            .collect(),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::job::{Runner, StepLog};
    use crate::odoo::contract::{Job, Outcome, OutcomeState, Step, StepState};
    use crate::settings::Settings;

    const MANIFEST: &str =
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    /// A package with everything that one can have.
    fn entry(name: &str) -> Value {
        let package = format!(
            "format: 1
name: {name}
version: \"1.0\"
title: Wiki
summary: Pages.
category: Knowledge
manifests: {{deploy: [a.yml], reset: [b.yml]}}
environments: [prod, int]
variables:
  - {{name: language, title: Language, default: en, choices: [en, de], set_by: checkout}}
  - {{name: pages, title: Pages, type: integer, default: 10}}
  - {{name: key, title: Key, secret: true, generated: {{length: 20, alphabet: hex}}, first_password: true}}
plans:
  - {{name: small, title: Small}}
  - {{name: large, title: Large, help: For many., cpu: \"2\", values: {{pages: 100}}}}
needs: {{cpu: 500m, node_ports: 1}}
labels: {{tier: base}}
selector:
  matchLabels: {{zone: a}}
  matchExpressions: [{{key: gpu, operator: Exists}}]
"
        );
        json!({
            "folder": name,
            "package": package,
            "vars": "image: wiki:1\n",
            "icon": null,
            "digests": {"a.yml": MANIFEST, "b.yml": MANIFEST},
        })
    }

    async fn served(packages: &[Value]) -> MockServer {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = MockServer::start().await;
        let text = json!({"format": 1, "packages": packages}).to_string();
        Mock::given(any())
            .respond_with(ResponseTemplate::new(200).set_body_string(text))
            .mount(&server)
            .await;
        server
    }

    async fn done(url: &str) -> (Outcome, Vec<Step>) {
        let path = format!(
            "{}/tests/contract/claim_response.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let claim: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let jobs = claim["jobs"].as_array().unwrap();
        let mut job = jobs
            .iter()
            .find(|job| job["kind"] == "index")
            .unwrap()
            .clone();
        job["options"]["url"] = url.into();
        let mut settings = Settings::default();
        settings.manifests.allow = vec!["127.0.0.1".parse().unwrap()];
        let log = Arc::new(StepLog::new(Arc::default()));
        let runner = Runner::new(&settings).unwrap();
        let job = Job::read(&job).unwrap();
        let outcome = runner.run(job, "database", log.clone()).await;
        (outcome, log.pending().0)
    }

    #[tokio::test]
    async fn odoo_is_told_all_that_a_product_is_made_of() {
        let server = served(&[entry("wiki")]).await;
        let (outcome, steps) = done(&server.uri()).await;
        assert_eq!(outcome.state, OutcomeState::Done, "{:?}", outcome.error);
        let codes: Vec<StepCode> = steps.iter().map(|step| step.code).collect();
        assert_eq!(codes, [StepCode::Fetching, StepCode::Indexing]);
        let index = outcome.result.index.unwrap();
        assert_eq!(index.problems, []);
        let [package] = &index.packages[..] else {
            panic!("{index:?}");
        };
        assert_eq!((&*package.name, &*package.category), ("wiki", "Knowledge"));
        assert_eq!(package.environments, ["prod", "int"]);
        assert_eq!(package.vars, "image: wiki:1\n");
        let manifests: Vec<(Purpose, &str)> = package
            .manifests
            .iter()
            .map(|one| (one.purpose, one.url.as_str()))
            .collect();
        let url = |path: &str| format!("{}/wiki/{path}", server.uri());
        assert_eq!(
            manifests,
            [
                (Purpose::Deploy, &*url("a.yml")),
                (Purpose::Reset, &*url("b.yml"))
            ]
        );
        let [language, pages, key] = &package.variables[..] else {
            panic!("{package:?}");
        };
        let value = |kind, value: &str| PackageValue {
            r#type: kind,
            value: value.to_owned(),
        };
        assert_eq!(language.default, Some(value(ValueType::String, "en")));
        assert_eq!((language.choices.len(), &*language.set_by), (2, "checkout"));
        assert_eq!(pages.default, Some(value(ValueType::Yaml, "10")));
        assert_eq!(key.generate.as_ref().unwrap().alphabet, "hex");
        assert!(key.secret && key.first_password);
        let [small, large] = &package.plans[..] else {
            panic!("{package:?}");
        };
        assert_eq!((&*small.name, small.values.len()), ("small", 0));
        assert_eq!((&*large.title, &*large.help), ("Large", "For many."));
        assert_eq!((&*large.cpu, &*large.memory), ("2", ""));
        let [pages] = &large.values[..] else {
            panic!("{large:?}");
        };
        let given = (&*pages.name, pages.r#type, &*pages.value);
        assert_eq!(given, ("pages", ValueType::Yaml, "100"));
        let conditions: Vec<(&str, &str)> = package
            .selector
            .iter()
            .map(|one| (&*one.key, &*one.operator))
            .collect();
        assert_eq!(conditions, [("zone", "In"), ("gpu", "Exists")]);
        assert_eq!(package.needs.node_ports, 1);
    }

    #[tokio::test]
    async fn of_a_thousand_packages_one_request_tells_all() {
        let packages: Vec<Value> = (0..1000)
            .map(|number| entry(&format!("p{number}")))
            .collect();
        let server = served(&packages).await;
        let before = std::time::Instant::now();
        let (outcome, _) = done(&server.uri()).await;
        let took = before.elapsed();
        assert_eq!(outcome.result.index.unwrap().packages.len(), 1000);
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
        println!("1000 packages took {took:?}");
        assert!(took.as_secs() < 10, "{took:?}");
    }

    #[tokio::test]
    async fn a_package_with_problems_is_a_warning_and_a_missing_index_a_failure() {
        let mut broken = entry("broken");
        broken["package"] = "format: 1\nname: Broken\n".into();
        let server = served(&[broken, entry("wiki")]).await;
        let (outcome, steps) = done(&server.uri()).await;
        assert_eq!(outcome.state, OutcomeState::Done);
        assert_eq!(steps[1].state, StepState::Warning);
        let index = outcome.result.index.unwrap();
        assert_eq!(index.packages.len(), 1);
        let problem = &index.problems[0];
        assert_eq!(problem.code, Code::PackageInvalid);
        assert!(problem.line.is_some() && problem.column.is_some());

        let nothing = MockServer::start().await;
        let (outcome, _) = done(&nothing.uri()).await;
        assert_eq!(outcome.state, OutcomeState::Failed);
        let error = outcome.error.unwrap();
        assert_eq!(error.code, Code::RepositoryFetch);
        assert!(error.message.contains("no index.json"), "{error}");
        assert_eq!(outcome.result.index, None);
    }
}
