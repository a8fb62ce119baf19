//! From a job's manifests to objects that may go to its cluster: fetch → variables → render → parse → check.

use super::story::{StepHandle, count};
use super::variables::{rules, variables};
use super::{Task, policy_rules};
use crate::ansible::Files;
use crate::kubernetes::generated::{self, Generated};
use crate::manifest::{self, Rules, Source, Twice, pin, policy, with_files};
use crate::object::Object;
use crate::odoo::contract::{FileSeen, JobResult, Manifest, ManifestSeen};
use crate::problem::Problem;
use crate::redact::Redactor;

/// What is to be in the cluster.
pub struct Wanted {
    /// In the order of the manifests.
    pub objects: Vec<Object>,
    /// All passwords made for the app, also those that are not in the cluster yet.
    pub generated: Generated,
    /// Hides the secrets, and what the objects make of them.
    pub redactor: Redactor,
}

/// Fetches manifests and the files that they name, puts their contents into the result, and refuses those that are pinned to
/// another content.
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
        let source = pin::gather(&task.shared.fetcher, &manifest.url, source).await?;
        result.manifests.push(ManifestSeen {
            id: manifest.id,
            digest: source.digest.clone(),
            content: source.text.clone(),
            files: files_seen(&source.files),
            variables: Vec::new(),
        });
        sources.push(source);
    }
    // All of them were seen by now, and Odoo is told of each.
    for (manifest, source) in manifests.iter().zip(&sources) {
        pin::check(source, manifest.pin.as_deref())?;
    }
    let bytes: usize = sources.iter().map(|source| source.text.len()).sum();
    step.say(format!(
        "{}, {:.1} KiB",
        count(sources.len(), "manifest"),
        bytes as f64 / 1024.0
    ));
    Ok(sources)
}

/// Does what computes on a thread of its own, which nobody else needs for waiting.
async fn computed<T: Send + 'static>(
    compute: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(compute).await.map_err(|_| {
        Problem::new(
            "internal",
            "The worker met a defect of its own while rendering.",
        )
    })
}

/// Files as the contract has them.
pub fn files_seen(files: &Files) -> Vec<FileSeen> {
    let files = files.texts();
    files
        .map(|(name, text)| FileSeen {
            name: name.to_owned(),
            content: text.to_owned(),
        })
        .collect()
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
    let values = computed(move || Twice::new(&variables)).await??;
    task.story.hide(values.secret().redactor());
    // All files are fetched before any secret is rendered: which ones, and when, tells the manifests' host nothing.
    let mut all_made = Vec::new();
    for (manifest, source) in manifests.iter().zip(sources) {
        let (values, pinned) = (values.clone(), manifest.pin.clone());
        let make = move |source: &Source| {
            manifest::with_stand_ins(source, &values)
                .map_err(|failure| pin::only_pinned(failure, source, pinned.as_deref()))
        };
        all_made.push(with_files(&task.shared.fetcher, &manifest.url, source, make).await?);
    }
    let (mut objects, mut warnings, mut secrets) = (Vec::new(), Vec::new(), Vec::new());
    for ((manifest, (source, made)), seen) in
        manifests.iter().zip(all_made).zip(&mut result.manifests)
    {
        seen.variables = made.rendered.variables.clone();
        let values = values.clone();
        let (source, parsed) = computed(move || {
            let parsed = manifest::with_secrets(&source, made, &values);
            (source, parsed)
        })
        .await?;
        let parsed = parsed?;
        if !source.files.is_empty() {
            step.say(format!(
                "{} uses {}",
                manifest.title,
                count(source.files.len(), "file")
            ));
        }
        objects.extend(parsed.objects);
        warnings.extend(parsed.warnings);
        secrets.extend(parsed.secrets);
    }
    let redactor = values.secret().redactor().and(secrets);
    task.story.hide(&redactor);
    let kinds = task.cluster.kinds().await?;
    let rules = Rules {
        kinds: &kinds,
        policy: policy::Rules {
            limits: Some(&app.limits),
            inventory: Some(&app.inventory),
            ..policy_rules(&task.site, app)
        },
    };
    let objects = manifest::check(objects, &rules).map_err(|problem| redactor.problem(problem))?;
    if objects.is_empty() {
        return Err(Problem::new("manifest_check", "The manifests hold no objects.").hint(
            "Add manifests to the app, or delete the app: a deploy of nothing would remove all that runs.",
        ));
    }
    match warnings.first() {
        Some(warning) => step.warn(warning.to_string().replace('\n', " ")),
        None => step.say(count(objects.len(), "object")),
    }
    Ok(Wanted {
        objects,
        generated,
        redactor,
    })
}
