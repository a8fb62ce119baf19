//! From a job's manifests to objects that may go to its cluster: fetch → variables → render → parse → check.

use super::Task;
use super::story::{StepHandle, count};
use super::variables::{rules, variables};
use crate::ansible::Resolved;
use crate::kubernetes::generated::{self, Generated};
use crate::manifest::{self, Rules, Source, policy, with_files};
use crate::object::Object;
use crate::odoo::contract::{JobResult, Manifest, ManifestSeen};
use crate::problem::Problem;

/// What is to be in the cluster.
pub struct Wanted {
    /// In the order of the manifests.
    pub objects: Vec<Object>,
    /// All passwords made for the app, also those that are not in the cluster yet.
    pub generated: Generated,
    /// What was rendered with; knows what must not be shown.
    pub variables: Resolved,
}

/// Fetches manifests, and puts their contents into the result.
pub async fn fetch(
    task: &Task,
    manifests: &[Manifest],
    step: &StepHandle<'_>,
    result: &mut JobResult,
) -> Result<Vec<Source>, Problem> {
    let mut sources = Vec::new();
    for manifest in manifests {
        step.say(format!("{} ({})", manifest.title, manifest.url));
        let source = task
            .shared
            .fetcher
            .fetch(&manifest.title, &manifest.url)
            .await?;
        result.manifests.push(ManifestSeen {
            id: manifest.id,
            digest: source.digest.clone(),
            content: source.text.clone(),
            variables: Vec::new(),
        });
        sources.push(source);
    }
    let bytes: usize = sources.iter().map(|source| source.text.len()).sum();
    step.say(format!(
        "{}, {:.1} KiB",
        count(sources.len(), "manifest"),
        bytes as f64 / 1024.0
    ));
    Ok(sources)
}

/// Renders what was fetched (and the files that it uses), reads it as kubectl does, and checks that it may go to the cluster. `production` holds the
/// secrets of the production app, where the manifests may use them.
pub async fn render(
    task: &Task,
    manifests: &[Manifest],
    sources: Vec<Source>,
    production: Option<&Generated>,
    step: &StepHandle<'_>,
    result: &mut JobResult,
) -> Result<Wanted, Problem> {
    let app = &task.app;
    let rules = rules(&task.job)?;
    let made = match rules.is_empty() {
        true => Generated::new(),
        false => match generated::read(&task.cluster, &app.namespace, &task.owner).await {
            // The next step meets the same and is the one to say so.
            Err(problem) if problem.code.starts_with("namespace_") => Generated::new(),
            read => read?,
        },
    };
    let generated = generated::fill(made, &rules);
    let vault = &task.shared.vault;
    let variables = variables(&task.job, app, &task.site, &generated, production, vault)?;

    // Vaults compute: not on a thread that other jobs need for waiting.
    let resolving = tokio::task::spawn_blocking(move || variables.resolve());
    let variables = resolving.await.map_err(|_| {
        Problem::new(
            "internal",
            "The worker met a defect of its own while reading the variables.",
        )
    })??;
    let (mut objects, mut warnings) = (Vec::new(), Vec::new());
    for ((manifest, source), seen) in manifests.iter().zip(sources).zip(&mut result.manifests) {
        let variables = variables.clone();
        let make = move |source: &Source| {
            let rendered = manifest::render(source, &variables)?;
            Ok((manifest::parse(&rendered, &variables)?, rendered.variables))
        };
        let made = with_files(&task.shared.fetcher, &manifest.url, source, make).await?;
        let (source, (parsed, used)) = made;
        if !source.files.is_empty() {
            step.say(format!(
                "{} uses {}",
                manifest.title,
                count(source.files.len(), "file")
            ));
        }
        objects.extend(parsed.objects);
        warnings.extend(parsed.warnings);
        seen.variables = used;
    }
    let kinds = task.cluster.kinds().await?;
    let rules = Rules {
        kinds: &kinds,
        policy: policy::Rules {
            policy: &task.site.policy,
            cluster: &task.site.name,
            ingress_class: &task.site.ingress_class,
            namespace: &app.namespace,
            hostname: &app.hostname,
            siblings: &app.siblings,
            limits: Some(&app.limits),
            inventory: Some(&app.inventory),
        },
    };
    let objects =
        manifest::check(objects, &rules).map_err(|problem| variables.mask_problem(problem))?;
    if objects.is_empty() {
        return Err(Problem::new("manifest_check", "The manifests hold no objects.").hint(
            "Add manifests to the app, or delete the app: a deploy of nothing would remove all that runs.",
        ));
    }
    match warnings.first() {
        Some(warning) => step.warn(variables.mask(&warning.to_string().replace('\n', " "))),
        None => step.say(count(objects.len(), "object")),
    }
    Ok(Wanted {
        objects,
        generated,
        variables,
    })
}
