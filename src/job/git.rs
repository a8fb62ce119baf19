//! `git`: looks at the app's own repository and tells what is at the head of its branch. And what other kinds do there: a
//! deploy commits what it deploys, a delete archives the repository or deletes it.

use super::JobContext;
use super::rendering::kept;
use super::step_log::StepHandle;
use crate::code::Code;
use crate::git::{Files, Hook, JOB, Repository};
use crate::manifest::Source;
use crate::odoo::contract::{
    FileSeen, Git, GitSeen, JobResult, Manifest, ManifestContent, ManifestFormat, ManifestSeen,
    OnDelete, StepCode,
};
use crate::problem::Problem;
use crate::sentence;

/// Where the manifests are.
const MANIFESTS: &str = "manifests/";
const VARS: &str = "vars.yml";
/// In a manifest's folder: a template, the files that it uses, or of what is an archive where that is.
const MANIFEST: &str = "manifest.yml";
const TEMPLATES: &str = "templates/";
const ARTEFACT: &str = "artefact.yml";
/// Characters of a commit's id that people read.
const SHORT: usize = 10;

/// Tells what somebody has pushed.
pub async fn look(
    context: &JobContext,
    manifests: &[Manifest],
    result: &mut JobResult,
) -> Result<(), Problem> {
    let Some(git) = &context.app.git else {
        return Ok(());
    };
    context
        .step_log
        .step(StepCode::Git, async |step| {
            let repository = repository(context, git)?;
            let Some(head) = repository.head().await? else {
                step.say(sentence!("There is no repository yet"));
                return Ok(());
            };
            let mut seen = GitSeen {
                url: repository.url(),
                commit: head.commit.clone(),
                title: head.title.clone(),
                author: head.author,
                vars: None,
                manifests: None,
            };
            let commit = short(&head.commit);
            if git.known.as_ref() == Some(&head.commit) {
                step.say(sentence!("Nothing was pushed since {commit}", commit));
            } else {
                let wanted = |path: &str| path == VARS || path.starts_with(MANIFESTS);
                let files = repository.texts(&head.commit, wanted).await?;
                seen.vars = files.get(VARS).cloned();
                seen.manifests = Some(read(manifests, &files).await?);
                step.say(sentence!(
                    "{commit} was pushed: {title}",
                    commit,
                    title = head.title
                ));
            }
            result.git = Some(seen);
            Ok(())
        })
        .await
}

/// The templates as they are in the repository. Charts and folders are not there.
async fn read(manifests: &[Manifest], files: &Files) -> Result<Vec<ManifestSeen>, Problem> {
    let mut seen = Vec::new();
    for (number, manifest) in manifests.iter().enumerate() {
        if manifest.format != ManifestFormat::Jinja {
            continue;
        }
        let folder = folder(number, manifest);
        let path = format!("{folder}/{MANIFEST}");
        let Some(text) = files.get(&path) else {
            return Err(Problem::new(Code::GitRefused, sentence!("The repository has no file {path}.", path))
                .hint(sentence!("Put it back, or take the manifest away in Odoo: which manifests an app has is said there.")));
        };
        let beside = format!("{folder}/{TEMPLATES}");
        let of_manifest: Vec<FileSeen> = files
            .iter()
            .filter_map(|(path, content)| {
                Some(FileSeen {
                    name: path.strip_prefix(&beside)?.to_owned(),
                    content: content.clone(),
                })
            })
            .collect();
        let content = ManifestContent {
            text: text.clone(),
            files: of_manifest,
        };
        let source = kept(manifest, content).await?;
        seen.push(ManifestSeen {
            id: manifest.id,
            digest: source.digest.clone(),
            content: source.text.clone(),
            files: super::rendering::files_seen(&source.files),
            variables: Vec::new(),
        });
    }
    Ok(seen)
}

/// Commits what is deployed. What somebody has pushed, and nobody has taken over, is not overwritten.
pub async fn commit(
    context: &JobContext,
    manifests: &[Manifest],
    committed: &[Files],
    result: &mut JobResult,
) -> Result<(), Problem> {
    let Some(git) = &context.app.git else {
        return Ok(());
    };
    context
        .step_log
        .step(StepCode::Git, async |step| {
            match commit_to(context, git, manifests, committed, step).await {
                Ok(seen) => result.git = Some(seen),
                // What customers wait for does not wait for the server.
                Err(problem) if problem.retry => step.warn_as_is(problem.message),
                Err(problem) => return Err(problem),
            }
            Ok(())
        })
        .await
}

async fn commit_to(
    context: &JobContext,
    git: &Git,
    manifests: &[Manifest],
    committed: &[Files],
    step: &StepHandle<'_>,
) -> Result<GitSeen, Problem> {
    let repository = repository(context, git)?;
    let hook = Hook {
        url: &git.hook.url,
        secret: &git.hook.secret.0,
    };
    let is_known = git.known.is_some();
    repository.ensure(&mark(context), is_known, &hook).await?;
    let head = repository.head().await?.ok_or_else(|| {
        Problem::transient(
            Code::GitUnreachable,
            sentence!("The repository has no branch yet."),
        )
    })?;
    let job = context.job.to_string();
    // An attempt before this one may have committed, and nobody has heard of it.
    let is_own = head.job.as_ref() == Some(&job);
    if is_known && git.known.as_ref() != Some(&head.commit) && !is_own {
        return Err(Problem::new(Code::GitChanged, sentence!(
            "{commit} was pushed to the app's repository by {author}, and is not taken over: {title}",
            commit = short(&head.commit), author = &head.author, title = &head.title
        ))
        .hint(sentence!("The app says “Changed in Git”: look at the difference there, and take it over or leave it.")));
    }
    let files = files(context, git, manifests, committed);
    let message = format!("Deploy {}\n\n{JOB}{job}\n", context.app.name);
    let commit = repository
        .commit(&head.commit, &files, MANIFESTS, &message)
        .await?;
    step.say(match &commit {
        Some(commit) => sentence!("{commit} committed", commit = short(commit)),
        None => sentence!(
            "Nothing differs from {commit}",
            commit = short(&head.commit)
        ),
    });
    Ok(GitSeen {
        url: repository.url(),
        title: String::new(),
        author: String::new(),
        commit: commit.unwrap_or(head.commit),
        vars: None,
        manifests: None,
    })
}

/// The app is deleted: its repository is archived or deleted, too.
pub async fn release(context: &JobContext) -> Result<(), Problem> {
    let Some(git) = &context.app.git else {
        return Ok(());
    };
    if git.known.is_none() {
        return Ok(());
    }
    context
        .step_log
        .step(StepCode::Git, async |step| {
            let repository = repository(context, git)?;
            match git.on_delete {
                OnDelete::Archive => {
                    repository.archive(&mark(context)).await?;
                    step.say(sentence!("The repository is archived"));
                }
                OnDelete::Delete => {
                    repository.delete(&mark(context)).await?;
                    step.say(sentence!("The repository is deleted"));
                }
            }
            Ok(())
        })
        .await
}

fn repository<'a>(context: &'a JobContext, git: &Git) -> Result<Repository<'a>, Problem> {
    Repository::new(&context.shared.fetcher, &git.url, &git.owner, &git.name)
}

/// By which the repository is known to be this app's.
fn mark(context: &JobContext) -> String {
    format!("Chandlery app {}", context.app.uid)
}

/// All that the repository is to hold.
fn files(context: &JobContext, git: &Git, manifests: &[Manifest], committed: &[Files]) -> Files {
    let mut files = Files::from([
        ("README.md".to_owned(), readme(context)),
        (VARS.to_owned(), git.vars.clone()),
    ]);
    for (number, (manifest, committed)) in manifests.iter().zip(committed).enumerate() {
        let folder = folder(number, manifest);
        files.extend(
            committed
                .iter()
                .map(|(path, text)| (format!("{folder}/{path}"), text.clone())),
        );
    }
    files
}

/// What is committed of a manifest, by its path in the manifest's folder.
pub fn committed(manifest: &Manifest, source: &Source) -> Files {
    if source.artefact.is_some() {
        let format = match manifest.format {
            ManifestFormat::Jinja => "jinja",
            ManifestFormat::Helm => "helm",
            ManifestFormat::Kustomize => "kustomize",
        };
        let told = serde_json::json!({
            "format": format, "url": source.url, "digest": source.digest,
        });
        // JSON is YAML, too.
        return Files::from([(ARTEFACT.to_owned(), format!("{told:#}\n"))]);
    }
    let beside = source.files.texts();
    let beside = beside.map(|(name, text)| (format!("{TEMPLATES}{name}"), text.to_owned()));
    beside
        .chain([(MANIFEST.to_owned(), source.text.clone())])
        .collect()
}

/// `manifests/010-postgresql`: in their order.
fn folder(number: usize, manifest: &Manifest) -> String {
    let words: Vec<String> = manifest
        .title
        .to_lowercase()
        .split(|sign: char| !sign.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let name = match words.is_empty() {
        true => "manifest".to_owned(),
        false => words.join("-"),
    };
    format!("{MANIFESTS}{:03}-{name}", (number + 1) * 10)
}

fn short(commit: &str) -> String {
    commit.chars().take(SHORT).collect()
}

fn readme(context: &JobContext) -> String {
    let app = &context.app;
    format!(
        "# {} ({})\n\n\
         {}\n\n\
         What is deployed in the namespace `{}`: the templates in `manifests`, in the order of their folders, with the values of\n\
         `vars.yml`. Secrets are not in here; they stay where they are.\n\n\
         ## The way back\n\n\
         What you push to `{}` shows on the app in Odoo as *Changed in Git* with the difference, and is deployed by *Restore and\n\
         Apply*, or by itself where the environment says so. To go back to an earlier commit, revert to it and push:\n\n    \
         git revert --no-edit COMMIT..HEAD && git push\n\n\
         or press *Restore* on the job that has deployed it. Which manifests there are is said in Odoo. Without Odoo:\n\n    \
         chandlery render -e @vars.yml manifests/*/manifest.yml\n",
        app.name,
        app.environment,
        app.url,
        app.namespace,
        crate::git::BRANCH,
    )
}
