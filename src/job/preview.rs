//! `preview`: says what a manifest is made of. Needs no app and no cluster: the variables that Chandlery itself gives have
//! the values of an example.
//!
//! What is wrong with the manifest is what was asked for, not a failure of the job.

use std::ops::Range;

use super::rendering::files_seen;
use super::step_log::{StepLog, objects, problems};
use super::variables::{rules, variables};
use super::{Shared, policy_rules};
use crate::ansible::vault::Vault;
use crate::ansible::{Set, Variables};
use crate::code::Code;
use crate::kubernetes::generated::{self, Generated};
use crate::manifest::{self, Inspection, Source, pin, with_files};
use crate::odoo::contract::{
    App, Cluster, JobResult, Limits, MailMark, Manifest, ManifestValues, Policy, Preview,
    PreviewJob, PreviewObject, Production, StepCode, Uid, WantedState,
};
use crate::problem::Problem;

/// Fetches the manifest and looks at it.
pub async fn preview(
    shared: &Shared,
    job: &PreviewJob,
    step_log: &StepLog,
    result: &mut JobResult,
) -> Result<(), Problem> {
    let [manifest] = &job.manifests;
    let fetched = step_log
        .step(StepCode::Fetching, async |step| {
            Ok(match shared.fetch(manifest).await {
                Ok(source) => {
                    step.say_as_is(format!("{:.1} KiB", source.text.len() as f64 / 1024.0));
                    Ok(source)
                }
                Err(problem) => {
                    step.warn_as_is(&problem.message);
                    Err(problem)
                }
            })
        })
        .await?;
    result.preview = Some(match fetched {
        Ok(source) => {
            step_log
                .step(StepCode::Rendering, async |step| {
                    let preview = look(shared, job, manifest, source).await?;
                    match preview.problems.len() {
                        0 => step.say_as_is(objects(preview.objects.len())),
                        number => step.warn_as_is(problems(number)),
                    }
                    Ok(preview)
                })
                .await?
        }
        Err(problem) => Preview {
            problems: vec![problem],
            ..Preview::default()
        },
    });
    Ok(())
}

async fn look(
    shared: &Shared,
    job: &PreviewJob,
    manifest: &Manifest,
    source: Source,
) -> Result<Preview, Problem> {
    let mut preview = Preview {
        content: source.text.clone(),
        ..Preview::default()
    };
    let source = match pin::gather(&shared.fetcher, &manifest.url, source).await {
        Ok(source) => source,
        Err(problem) => {
            preview.problems.push(problem);
            return Ok(preview);
        }
    };
    preview.digest.clone_from(&source.digest);
    preview.files = files_seen(&source.files);
    let (app, site) = example(job);
    // What a preview tells may be made of the values in any way: it never has the secrets themselves.
    let variables = match given(&job.values, &app, &site, &shared.vault) {
        Ok(variables) => variables.with_stand_ins(Set::One),
        Err(problem) => {
            // Its line counts in the value, not in the manifest.
            preview.problems.push(Problem {
                line: None,
                column: None,
                ..problem
            });
            return Ok(preview);
        }
    };
    let pinned = manifest.pin.clone();
    let inspect = move |source: &Source| {
        manifest::inspect(source, &variables, &policy_rules(&site, &app))
            .map_err(|failure| pin::only_pinned(failure, source, pinned.as_deref()))
    };
    let found = match with_files(&shared.fetcher, &manifest.url, source, inspect).await {
        Ok((_, found)) => found,
        Err(problem) if problem.code == Code::Internal => return Err(problem),
        Err(problem) => {
            preview.problems.push(problem);
            return Ok(preview);
        }
    };
    let Inspection {
        variables,
        missing,
        undefined,
        problems,
        warnings,
        objects,
    } = found;
    preview.variables = variables;
    preview.missing = missing;
    // Where no values were chosen it is no fault that they are missing.
    if !(job.values.config_map.is_empty() && job.values.secret.is_empty()) {
        preview.problems = undefined;
    }
    preview.problems.extend(problems);
    preview.warnings = warnings;
    preview.objects = objects
        .iter()
        .map(|object| PreviewObject {
            kind: object.kind().to_owned(),
            api_version: object.api_version().to_owned(),
            name: object.name().to_owned(),
        })
        .collect();
    Ok(preview)
}

/// As many as an app has at most.
const NODE_PORTS: Range<u16> = 30000..30100;

/// An app called `example`, on the cluster that the job names or on one with the strict policy.
fn example(job: &PreviewJob) -> (App, Cluster) {
    let app = App {
        id: 0,
        uid: Uid::nobody(),
        name: "example".to_owned(),
        environment: "prod".to_owned(),
        is_production: Some(true),
        hostname: "example.apps.example.com".to_owned(),
        domains: vec!["www.example.com".to_owned()],
        primary_hostname: Some("www.example.com".to_owned()),
        url: "https://www.example.com".to_owned(),
        namespace: "example-prod".to_owned(),
        wanted_state: WantedState::Running,
        limits: Limits {
            cpu_millicores: 0,
            memory_mib: 0,
            storage_gib: 0,
            pods: 0,
        },
        siblings: vec!["example-int".to_owned()],
        node_ports: NODE_PORTS.collect(),
        mail_domain: None,
        mail_mark: MailMark::App,
        inventory: Vec::new(),
        git: None,
    };
    let site = job.cluster.clone().unwrap_or_else(|| Cluster {
        name: "example".to_owned(),
        domain: "apps.example.com".to_owned(),
        ingress_class: "nginx".to_owned(),
        tls_issuer: "issuer".to_owned(),
        policy: Policy::default(),
    });
    (app, site)
}

/// The variables as the app would have them.
fn given(
    values: &ManifestValues,
    app: &App,
    site: &Cluster,
    vault: &Vault,
) -> Result<Variables, Problem> {
    let generated = generated::fill(Generated::new(), &rules(&values.secret)?);
    let beside = Production {
        app: 0,
        uid: Uid::nobody(),
        name: app.name.clone(),
        environment: app.environment.clone(),
        namespace: app.namespace.clone(),
        hostname: app.hostname.clone(),
        url: app.url.clone(),
    };
    let values = ManifestValues {
        production: Some(beside),
        ..values.clone()
    };
    variables(&values, app, site, &generated, Some(&generated), vault)
}
