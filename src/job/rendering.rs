//! From a job's manifests to objects that may go to its cluster: fetch → variables → render → parse → check.

use std::sync::Arc;

use super::step_log::{self, StepHandle};
use super::variables::{rules, variables};
use super::{JobContext, domain_ingress, policy_rules};
use crate::ansible::Files;
use crate::artefact::Served;
use crate::code::Code;
use crate::dependence;
use crate::kubernetes::generated::{self, Generated};
use crate::kubernetes::storage;
use crate::manifest::{self, Made, Rules, Source, Values, computed, hook, pin, policy, with_files};
use crate::object::Object;
use crate::odoo::contract::{
    FileSeen, JobResult, Manifest, ManifestContent, ManifestSeen, ManifestValues,
};
use crate::problem::Problem;
use crate::redact::Redactor;
use crate::sentence;

/// What is to be in the cluster.
pub struct Wanted {
    /// In the order of the manifests.
    pub objects: Vec<Object>,
    /// The hooks of charts, in the order of the manifests.
    pub hooks: Vec<Object>,
    /// All passwords made for the app, also those that are not in the cluster yet.
    pub generated: Generated,
    /// Whether there are such.
    pub has_new_values: bool,
    /// Hides the secrets.
    pub known: Redactor,
    /// Hides what the objects make of them, too, in what pods and programs beside the cluster say: any letter may be that.
    pub redactor: Redactor,
}

/// Fetches manifests and the files that they name, puts their contents into the result, and refuses those that are pinned to
/// another content. Those whose content came with the job are not fetched, nor told again. No secret has a part in it.
pub async fn fetch(
    context: &JobContext,
    manifests: &[Manifest],
    step: &StepHandle<'_>,
    result: &mut JobResult,
) -> Result<Vec<Source>, Problem> {
    let fetched = fetch_all(context, manifests, step, result).await;
    fetched.map_err(Problem::free_of_secrets)
}

async fn fetch_all(
    context: &JobContext,
    manifests: &[Manifest],
    step: &StepHandle<'_>,
    result: &mut JobResult,
) -> Result<Vec<Source>, Problem> {
    let mut sources = Vec::new();
    for manifest in manifests {
        if let Some(content) = &manifest.content {
            sources.push(kept(manifest, content.clone()).await?);
            continue;
        }
        step.say_as_is(format!("{} ({})", manifest.title, manifest.url));
        let source = context.shared.fetch(manifest).await?;
        let source = pin::gather(&context.shared.fetcher, &manifest.url, source).await?;
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
    let size = format!("{:.1}", bytes as f64 / 1024.0);
    step.say_as_is(match sources.len() {
        1 => sentence!("1 manifest, {size} KiB", size),
        number => sentence!("{number} manifests, {size} KiB", number, size),
    });
    Ok(sources)
}

/// A manifest with the content that the job brings along.
async fn kept(manifest: &Manifest, content: ManifestContent) -> Result<Source, Problem> {
    let source = Source::new(&manifest.title, &manifest.url, content.text);
    let files = content.files.into_iter();
    computed(move || pin::kept(source, files.map(|file| (file.name, file.content)))).await?
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
    context: &JobContext,
    (manifests, sources): (&[Manifest], Vec<Source>),
    given: &ManifestValues,
    production: Option<&Generated>,
    step: &StepHandle<'_>,
    result: &mut JobResult,
) -> Result<Wanted, Problem> {
    let app = &context.app;
    let rules = rules(&given.secret)?;
    let made = match rules.is_empty() {
        true => Generated::new(),
        false => match generated::read(&context.target).await {
            // The next step meets the same and is the one to say so.
            Err(problem) if problem.code.is_of_namespace() => Generated::new(),
            read => read?,
        },
    };
    let there = made.len();
    let generated = generated::fill(made, &rules);
    let has_new_values = generated.len() > there;
    let vault = &context.shared.vault;
    let variables = variables(
        given,
        app,
        &context.cluster_record,
        &generated,
        production,
        vault,
    )
    .map_err(Problem::free_of_secrets)?;

    // Vaults compute: not on a thread that other jobs need for waiting.
    let values = computed(move || Values::new(&variables)).await??;
    context.step_log.hide(values.secret().redactor());
    let sources = knowing(context, sources).await?;
    // All that is told, and all that is fetched, comes from stand-ins: before any secret is rendered.
    let (all_made, drafts) = with_stand_ins(context, manifests, sources, &values, step, result)
        .await
        .map_err(Problem::free_of_secrets)?;
    let kinds = context.target.cluster.kinds().await?;
    let storage_classes = match policy::are_claimed(&drafts.objects) {
        true => Some(storage::classes(&context.target.cluster).await?),
        false => None,
    };
    let rules = Rules {
        kinds: &kinds,
        policy: policy::Rules {
            limits: Some(&app.limits),
            storage_classes: storage_classes.as_ref(),
            inventory: Some(&app.inventory),
            ..policy_rules(&context.cluster_record, app)
        },
    };
    check_drafts(drafts, &rules, step).map_err(Problem::free_of_secrets)?;
    let (mut objects, mut secrets) = (Vec::new(), Vec::new());
    for (source, made) in all_made {
        let values = values.clone();
        let parsed = computed(move || manifest::with_secrets(&source, made, &values)).await??;
        objects.extend(parsed.objects);
        secrets.extend(parsed.secrets);
    }
    let objects = manifest::check(objects, &rules).map_err(|problem| match values.differ() {
        true => dependence::untold(),
        false => problem.free_of_secrets(),
    })?;
    let (hooks, mut objects): (Vec<_>, Vec<_>) = objects.into_iter().partition(hook::is_hook);
    objects.extend(domain_ingress::beside(
        &objects,
        app,
        &context.cluster_record,
    ));
    let known = values.secret().redactor().clone();
    let redactor = known.and(secrets);
    Ok(Wanted {
        objects,
        hooks,
        generated,
        has_new_values,
        known,
        redactor,
    })
}

/// Tells charts what the cluster serves: they may ask.
async fn knowing(context: &JobContext, mut sources: Vec<Source>) -> Result<Vec<Source>, Problem> {
    if sources.iter().all(|source| source.artefact.is_none()) {
        return Ok(sources);
    }
    let kinds = context.target.cluster.kinds().await?;
    let mut api_versions: Vec<String> = kinds
        .iter()
        .flat_map(|kind| {
            let version = kind.api_version.clone();
            [format!("{version}/{}", kind.kind), version]
        })
        .collect();
    api_versions.sort_unstable();
    api_versions.dedup();
    let served = Arc::new(Served {
        version: context.target.cluster.version().await?,
        api_versions,
    });
    for source in &mut sources {
        if let Some(artefact) = &mut source.artefact {
            artefact.knowing(served.clone());
        }
    }
    Ok(sources)
}

/// What all manifests make with stand-ins for the secrets.
struct Drafts {
    objects: Vec<Object>,
    warnings: Vec<Problem>,
}

/// Renders all manifests with stand-ins for the secrets.
async fn with_stand_ins(
    context: &JobContext,
    manifests: &[Manifest],
    sources: Vec<Source>,
    values: &Values,
    step: &StepHandle<'_>,
    result: &mut JobResult,
) -> Result<(Vec<(Source, Made)>, Drafts), Problem> {
    let mut all_made = Vec::new();
    for (manifest, source) in manifests.iter().zip(sources) {
        let (values, pinned) = (values.clone(), manifest.pin.clone());
        let make = move |source: &Source| {
            manifest::with_stand_ins(source, &values)
                .map_err(|failure| pin::only_pinned(failure, source, pinned.as_deref()))
        };
        all_made.push(with_files(&context.shared.fetcher, &manifest.url, source, make).await?);
    }
    let (mut objects, mut warnings) = (Vec::new(), Vec::new());
    for (manifest, (source, made)) in manifests.iter().zip(&all_made) {
        let mut told = result.manifests.iter_mut();
        if let Some(seen) = told.find(|seen| seen.id == manifest.id) {
            seen.variables.clone_from(&made.rendered.variables);
        }
        if !source.files.is_empty() {
            let title = &source.title;
            step.say_as_is(match source.files.len() {
                1 => sentence!("{title} uses 1 file", title),
                number => sentence!("{title} uses {number} files", title, number),
            });
        }
        let parsed = made.objects();
        objects.extend(parsed.objects);
        warnings.extend(parsed.warnings);
    }
    Ok((all_made, Drafts { objects, warnings }))
}

/// Checks what stand-ins make, and says what is to be said of it.
fn check_drafts(drafts: Drafts, rules: &Rules<'_>, step: &StepHandle<'_>) -> Result<(), Problem> {
    let objects = manifest::check(drafts.objects, rules)?;
    if objects.is_empty() {
        return Err(Problem::new(Code::ManifestCheck, sentence!("The manifests hold no objects.")).hint(
            sentence!("Add manifests to the app, or delete the app: a deploy of nothing would remove all that runs."),
        ));
    }
    match drafts.warnings.first() {
        Some(warning) => step.warn_as_is(warning.to_string().replace('\n', " ")),
        None => step.say_as_is(step_log::objects(objects.len())),
    }
    Ok(())
}
