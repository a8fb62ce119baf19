//! One file per kind of job: a short recipe that reads like the workflow it implements.
//!
//! A [`Runner`] makes a [`Task`] of a job (the cluster it is for, whose it is, its story) and gives it to its recipe:
//! [`deploy`], [`refresh`], [`stop`], …. A recipe calls the rooms, writes its steps into the [`Story`], and fills the
//! result as it goes, so that a job that fails or is stopped still tells what it left behind.

mod adopt;
pub mod clusters;
mod delete;
mod deploy;
mod diff;
mod invitation;
mod mail_domain;
mod password;
mod preview;
mod readable;
mod ready;
mod refresh;
mod rendering;
mod reset;
mod restart;
mod seen;
mod start;
mod stop;
pub mod story;
pub mod variables;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use secrecy::{ExposeSecret, SecretString};
use tracing::warn;

use crate::ansible::vault::Vault;
use crate::kubernetes::{self, Cluster, Heard, Owner, generated, namespace};
use crate::mailgun;
use crate::manifest::{Fetcher, policy};
use crate::odoo::contract::{
    self, App, AppSeen, CompleteLook, Job, JobKind, JobResult, Mailgun, Outcome, OutcomeState, Uid,
};
use crate::problem::Problem;
use crate::redact::Redactor;
use crate::settings::{self, Settings};

pub use clusters::Clusters;
pub use diff::summary;
pub use readable::readable;
pub use story::{Stop, Story};

/// What a part of the app is held against on its cluster.
fn policy_rules<'a>(site: &'a contract::Cluster, app: &'a App) -> policy::Rules<'a> {
    let whose = policy::Whose {
        namespace: &app.namespace,
        hostname: &app.hostname,
        siblings: &app.siblings,
    };
    policy::Rules::new(&site.policy, &site.name, &site.ingress_class, whose)
}

/// How many apps of a cluster are looked at at once.
const LOOKS_AT_ONCE: usize = 4;

/// What a worker can do, as its settings allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// The kinds of job it asks for.
    pub kinds: Vec<JobKind>,
    /// The Mailgun account it works with.
    pub mailgun: Option<Mailgun>,
}

impl Abilities {
    /// Those of a worker with these settings.
    pub fn of(settings: &Settings) -> Self {
        let mailgun = settings.mailgun.access().map(|access| Mailgun {
            region: access.region.as_str().to_owned(),
        });
        let by_mailgun = |kind: &JobKind| matches!(kind, JobKind::MailDomain | JobKind::Invitation);
        let kinds = JobKind::ALL
            .into_iter()
            .filter(|kind| mailgun.is_some() || !by_mailgun(kind));
        Self {
            kinds: kinds.collect(),
            mailgun,
        }
    }
}

/// Does jobs, with what they share.
#[derive(Clone)]
pub struct Runner {
    abilities: Abilities,
    clusters: Arc<Clusters>,
    shared: Arc<Shared>,
}

/// What a cluster shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    pub apps: Vec<AppSeen>,
    /// Where everything was looked at.
    pub complete: Option<CompleteLook>,
    /// The namespaces of the apps that were left out because they are busy.
    pub busy: BTreeSet<String>,
}

/// What all jobs share.
struct Shared {
    patience: settings::Deploy,
    fetcher: Fetcher,
    /// Opens values that are encrypted with ansible-vault.
    vault: Vault,
    /// `None` where the settings name no account.
    mailgun: Option<mailgun::Mailgun>,
}

/// One job on an app, with all that its recipe needs.
pub struct Task {
    pub job: Job,
    pub app: App,
    /// The app's cluster as Odoo describes it, …
    pub site: contract::Cluster,
    pub owner: Owner,
    /// … and the door to it.
    pub cluster: Cluster,
    pub story: Arc<Story>,
    shared: Arc<Shared>,
}

impl Task {
    /// The Mailgun account.
    fn mailgun(&self) -> Result<&mailgun::Mailgun, Problem> {
        self.shared.mailgun.as_ref().ok_or_else(|| {
            Problem::transient(
                "mailgun_unset",
                "This worker has no Mailgun account in its settings.",
            )
            .hint(
                "Set [mailgun] in the worker's settings; `chandlery check` says whether it works.",
            )
        })
    }

    /// The app's first password: the set value where the job carries one, otherwise what was generated for the app.
    async fn first_password(&self, key: &str) -> Result<SecretString, Problem> {
        let mut lines = self.job.secret.iter();
        if let Some(line) = lines.find(|line| line.key == key && line.value.is_some()) {
            let text = variables::set_text(line, &self.shared.vault)?;
            return Ok(self.hidden(text));
        }
        let namespace = &self.app.namespace;
        namespace::require(&self.cluster, namespace, &self.owner).await?;
        let mut made = generated::read(&self.cluster, namespace, &self.owner).await?;
        let made = made.remove(key).map(|text| self.hidden(text));
        made.ok_or_else(|| Problem {
            object: Some(format!("Secret/{}", generated::SECRET_NAME)),
            ..Problem::new(
                "password_missing",
                format!("The app has no password under the key `{key}`."),
            )
            .hint("See that the app's secret has a line of this key with a value or a rule to generate one, press Apply, then try again.")
        })
    }

    /// A secret that nothing tells from now on.
    fn hidden(&self, secret: SecretString) -> SecretString {
        let redactor = Redactor::new([secret.expose_secret().to_owned()]);
        self.story.hide(&redactor);
        secret
    }

    /// A job that lacks what its kind needs.
    fn misfit(&self, what: &str) -> Problem {
        misfit(self.job.kind, what)
    }
}

fn misfit(kind: JobKind, what: &str) -> Problem {
    Problem::new(
        "contract",
        format!("A job of the kind '{}' needs {what}.", kind.as_str()),
    )
    .hint("Odoo's addons and the worker are of versions that do not fit together: update the older one.")
}

impl Runner {
    /// A runner with nothing under way.
    pub fn new(settings: &Settings) -> Result<Self, Problem> {
        Ok(Self {
            abilities: Abilities::of(settings),
            clusters: Arc::new(Clusters::new(&settings.clusters)),
            shared: Arc::new(Shared {
                mailgun: settings
                    .mailgun
                    .access()
                    .map(mailgun::Mailgun::new)
                    .transpose()?,
                patience: settings.deploy.clone(),
                vault: settings.vault.opener().clone(),
                fetcher: Fetcher::new(settings.manifests.limits(), settings.manifests.reach())?,
            }),
        })
    }

    /// What it can do.
    pub fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    /// The clusters it works on.
    pub fn clusters(&self) -> &Clusters {
        &self.clusters
    }

    /// Does a job. `database` is the UUID of the Odoo database it came from.
    pub async fn run(&self, job: Job, database: &str, story: Arc<Story>) -> Outcome {
        let mut result = JobResult::default();
        story.hide(&variables::secrets(&job));
        let ended = self.recipe(job, database, story.clone(), &mut result).await;
        outcome(ended, result, &story)
    }

    async fn recipe(
        &self,
        job: Job,
        database: &str,
        story: Arc<Story>,
        result: &mut JobResult,
    ) -> Result<(), Problem> {
        // What concerns no app needs no cluster.
        if job.kind == JobKind::Preview && job.app.is_none() {
            return preview::preview(&self.shared, &job, &story, result).await;
        }
        let task = self.task(job, database, story).await?;
        match task.job.kind {
            JobKind::Deploy => deploy::deploy(&task, result).await,
            JobKind::Refresh => refresh::refresh(&task, result).await,
            JobKind::Delete => delete::delete(&task, result).await,
            JobKind::Diff => diff::diff(&task, result).await,
            JobKind::Reset => reset::reset(&task, result).await,
            JobKind::Stop => stop::stop(&task, result).await,
            JobKind::Start => start::start(&task, result).await,
            JobKind::Restart => restart::restart(&task, result).await,
            JobKind::MailDomain => mail_domain::mail_domain(&task, result).await,
            JobKind::Invitation => invitation::invitation(&task, result).await,
            JobKind::Password => password::password(&task, result).await,
            JobKind::Adopt => adopt::adopt(&task, result).await,
            JobKind::Preview => {
                preview::preview(&task.shared, &task.job, &task.story, result).await
            }
        }
    }

    /// A job on an app, with the door to its cluster.
    async fn task(&self, job: Job, database: &str, story: Arc<Story>) -> Result<Task, Problem> {
        let (Some(app), Some(site)) = (job.app.clone(), job.cluster.clone()) else {
            return Err(misfit(job.kind, "an app and its cluster"));
        };
        Ok(Task {
            owner: seen::owner(database, &app.uid, app.id, &app.name, &app.environment),
            cluster: self.clusters.get(&site.name).await?.fenced(story.fence()),
            job,
            app,
            site,
            story,
            shared: self.shared.clone(),
        })
    }

    /// What changes of a database's apps in a cluster, as it happens. Ends when the cluster cannot be used.
    pub fn changes(
        &self,
        cluster: &str,
        database: &str,
    ) -> BoxStream<'static, Result<Heard, Problem>> {
        let clusters = self.clusters.clone();
        let (cluster, database) = (cluster.to_owned(), database.to_owned());
        stream::once(async move { clusters.get(&cluster).await })
            .map_ok(move |cluster| kubernetes::changes(&cluster, &database))
            .try_flatten()
            .boxed()
    }

    /// What a cluster shows of a database's apps, of all or of those in some namespaces; but not of `busy` ones.
    pub async fn look(
        &self,
        cluster: &str,
        database: &str,
        only: Option<&BTreeSet<String>>,
        busy: &BTreeSet<Uid>,
    ) -> Result<Look, Problem> {
        let looked_at = seen::now();
        let cluster = self.clusters.get(cluster).await?;
        let mut namespaces = namespace::list(&cluster, database).await?;
        let complete = only.is_none().then(|| CompleteLook {
            looked_at,
            namespaces: namespaces.iter().cloned().map(seen::namespace).collect(),
        });
        namespaces.retain(|ours| only.is_none_or(|only| only.contains(&ours.namespace)));
        // Without a uid it is not known whose it is.
        let apps = namespaces
            .into_iter()
            .filter_map(|mut ours| Some((Uid::try_from(ours.uid.take()?).ok()?, ours)));
        let (busy, apps): (Vec<_>, Vec<_>) = apps.partition(|(uid, _)| busy.contains(uid));
        let looks = stream::iter(apps).map(|(uid, ours)| {
            let cluster = &cluster;
            async move {
                let app = ours.app.unwrap_or_default();
                let owner = seen::owner(database, &uid, app, "", "");
                match kubernetes::observe(cluster, &ours.namespace, &owner).await {
                    Ok(seen) => Some(AppSeen {
                        id: app,
                        uid,
                        namespace: ours.namespace,
                        observation: seen::observation(seen),
                    }),
                    // One app that cannot be looked at must not hide the others.
                    Err(problem) => {
                        warn!(app, namespace = ours.namespace, "{problem}");
                        None
                    }
                }
            }
        });
        let seen = looks.buffer_unordered(LOOKS_AT_ONCE);
        Ok(Look {
            apps: seen.filter_map(|seen| async move { seen }).collect().await,
            complete,
            busy: busy.into_iter().map(|(_, ours)| ours.namespace).collect(),
        })
    }
}

/// What Odoo is told of a recipe's end.
pub fn outcome(ended: Result<(), Problem>, result: JobResult, story: &Story) -> Outcome {
    let state = match (&ended, story.stop_reason()) {
        (Ok(()), _) => OutcomeState::Done,
        (Err(_), Some(Stop::Cancelled)) => OutcomeState::Cancelled,
        (Err(_), Some(Stop::Released | Stop::Lost)) => OutcomeState::Released,
        (Err(problem), None) if problem.retry => OutcomeState::Retry,
        (Err(_), None) => OutcomeState::Failed,
    };
    let redactor = story.redactor();
    Outcome {
        state,
        error: ended.err().map(|problem| redactor.problem(problem)),
        result: redacted(result, &redactor),
    }
}

/// A result whose sentences tell no secret. The names in it are made of none.
fn redacted(mut result: JobResult, redactor: &Redactor) -> JobResult {
    let hide = |text: &mut String| *text = redactor.text(text);
    if let Some(observation) = &mut result.observation {
        hide(&mut observation.message);
        observation.ingress.hosts.iter_mut().for_each(hide);
    }
    if let Some(domain) = &mut result.mail_domain {
        hide(&mut domain.message);
    }
    for object in result.diff.iter_mut().flat_map(|diff| &mut diff.objects) {
        hide(&mut object.object);
        hide(&mut object.text);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_mailgun_account_no_mail_jobs_are_asked_for() {
        let abilities = Abilities::of(&Settings::default());
        assert_eq!(abilities.mailgun, None);
        assert!(abilities.kinds.contains(&JobKind::Deploy));
        for kind in [JobKind::MailDomain, JobKind::Invitation] {
            assert!(!abilities.kinds.contains(&kind), "{kind:?}");
        }
    }
}
