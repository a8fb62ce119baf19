//! One file per kind of job: a short function that reads like the workflow it implements.
//!
//! A [`Runner`] makes a [`JobContext`] of a job (the cluster it is for, whose it is, its step log) and gives it to its handler:
//! [`deploy`], [`refresh`], [`stop`], …. A handler calls the rooms, writes its steps into the [`StepLog`], and fills the
//! result as it goes, so that a job that fails or is stopped still tells what it left behind.

mod adopt;
pub mod clusters;
mod delete;
mod deploy;
mod diff;
mod diff_text;
mod domain_ingress;
mod domains;
mod hooks;
mod index;
mod invitation;
mod mail_domain;
mod password;
mod preview;
mod ready;
mod refresh;
mod remove;
mod rendering;
mod reset;
mod restart;
mod start;
pub mod step_log;
mod stop;
mod to_contract;
pub mod variables;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use secrecy::{ExposeSecret, SecretString};
use strum::VariantArray;
use tracing::warn;

use crate::ansible::vault::Vault;
use crate::artefact::{Format, Tools};
use crate::code::Code;
use crate::dns::Dns;
use crate::kubernetes::{self, WatchEvent, generated, namespace};
use crate::mailgun;
use crate::manifest::{Fetcher, Source, policy};
use crate::odoo::contract::{
    self, Action, App, AppJob, AppSeen, CompleteLook, Job, JobKind, JobResult, Mailgun, Manifest,
    ManifestFormat, Outcome, OutcomeState, ResetMode, SecretLine, Uid, Work,
};
use crate::problem::Problem;
use crate::redact::Redactor;
use crate::sentence;
use crate::sentence::Sentence;
use crate::settings::{self, Settings};

pub use clusters::Clusters;
pub use diff::summary;
pub use diff_text::readable;
pub use step_log::{CancelReason, StepLog};

/// What a part of the app is held against on its cluster.
fn policy_rules<'a>(site: &'a contract::Cluster, app: &'a App) -> policy::Rules<'a> {
    let whose = policy::Whose {
        namespace: &app.namespace,
        hostname: &app.hostname,
        domains: &app.domains,
        siblings: &app.siblings,
        node_ports: &app.node_ports,
    };
    policy::Rules::new(&site.policy, &site.name, &site.ingress_class, whose)
}

/// How many apps of a cluster are looked at at once.
const LOOKS_AT_ONCE: usize = 4;

/// What a worker can do, as its settings allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The kinds of job it asks for.
    pub kinds: Vec<JobKind>,
    /// The Mailgun account it works with.
    pub mailgun: Option<Mailgun>,
}

impl Capabilities {
    /// Those of a worker with these settings.
    pub fn of(settings: &Settings) -> Self {
        let mailgun = settings.mailgun.access().map(|access| Mailgun {
            region: access.region.as_str().to_owned(),
            sending_domain: Some(settings.mailgun.sending_domain.clone())
                .filter(|domain| !domain.is_empty()),
        });
        let by_mailgun = |kind: &JobKind| {
            use JobKind::{Invitation, MailDomain, MailRelease};
            matches!(kind, MailDomain | MailRelease | Invitation)
        };
        let kinds = JobKind::VARIANTS
            .iter()
            .copied()
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
    capabilities: Capabilities,
    clusters: Arc<Clusters>,
    shared: Arc<Shared>,
}

/// Which of its namespaces a cluster is looked at in.
#[derive(Clone, Copy, Debug)]
pub enum Namespaces<'a> {
    /// Only these.
    Only(&'a BTreeSet<String>),
    /// All but these, of which it is known how their apps are.
    AllBut(&'a BTreeSet<String>),
}

impl Namespaces<'_> {
    /// Whether this one is among them.
    pub fn include(self, namespace: &str) -> bool {
        match self {
            Self::Only(namespaces) => namespaces.contains(namespace),
            Self::AllBut(namespaces) => !namespaces.contains(namespace),
        }
    }

    /// Whether all others are known.
    pub fn complete(self) -> bool {
        matches!(self, Self::AllBut(_))
    }
}

/// What a cluster shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    pub apps: Vec<AppSeen>,
    /// Where it is known of all namespaces.
    pub complete: Option<CompleteLook>,
    /// The namespaces of the apps that were left out because they are busy.
    pub busy: BTreeSet<String>,
}

/// What all jobs share.
struct Shared {
    patience: settings::Deploy,
    fetcher: Fetcher,
    tools: Tools,
    /// Opens values that are encrypted with ansible-vault.
    vault: Vault,
    /// `None` where the settings name no account.
    mailgun: Option<mailgun::Mailgun>,
    /// The operator's own domain there; empty: there is none.
    sending_domain: String,
    dns: Dns,
}

impl Shared {
    /// Fetches a manifest of any format.
    async fn fetch(&self, manifest: &Manifest) -> Result<Source, Problem> {
        let (title, url) = (&manifest.title, &manifest.url);
        let format = match manifest.format {
            ManifestFormat::Jinja => return self.fetcher.fetch(title, url).await,
            ManifestFormat::Helm => Format::Helm,
            ManifestFormat::Kustomize => Format::Kustomize,
        };
        let fetched = self.fetcher.fetch_archive(title, url, format, &self.tools);
        fetched.await
    }
}

/// One job on an app, with all that its handler needs.
pub struct JobContext {
    /// The job's own uid.
    pub job: Uid,
    pub app: App,
    /// The app's cluster as Odoo describes it, …
    pub cluster_record: contract::Cluster,
    /// … and where the app is there.
    pub target: kubernetes::App,
    pub step_log: Arc<StepLog>,
    shared: Arc<Shared>,
}

impl JobContext {
    /// The Mailgun account.
    fn mailgun(&self) -> Result<&mailgun::Mailgun, Problem> {
        self.shared.mailgun.as_ref().ok_or_else(|| {
            Problem::new(
                Code::MailgunUnset,
                sentence!("This worker has no Mailgun account in its settings."),
            )
            .hint(sentence!(
                "Set [mailgun] in the worker's settings; `chandlery check` says whether it works."
            ))
        })
    }

    /// The app's first password: the set value where the job's secret has one, otherwise what was generated for the app.
    async fn first_password(
        &self,
        key: &str,
        secret: &[SecretLine],
    ) -> Result<SecretString, Problem> {
        let mut lines = secret.iter();
        if let Some(line) = lines.find(|line| line.key == key && line.value.is_some()) {
            let text = variables::set_text(line, &self.shared.vault)?;
            return Ok(self.hidden(text));
        }
        namespace::require(&self.target).await?;
        let mut made = generated::read(&self.target).await?;
        let made = made.remove(key).map(|text| self.hidden(text));
        made.ok_or_else(|| Problem {
            object: Some(format!("Secret/{}", generated::SECRET_NAME)),
            ..Problem::new(Code::PasswordMissing, sentence!("The app has no password under the key `{key}`.", key))
            .hint(sentence!("See that the app's secret has a line of this key with a value or a rule to generate one, press Apply, then try again."))
        })
    }

    /// A secret that nothing tells from now on.
    fn hidden(&self, secret: SecretString) -> SecretString {
        let redactor = Redactor::new([secret.expose_secret().to_owned()]);
        self.step_log.hide(&redactor);
        secret
    }
}

impl Runner {
    /// A runner with nothing under way.
    pub fn new(settings: &Settings) -> Result<Self, Problem> {
        Ok(Self {
            capabilities: Capabilities::of(settings),
            clusters: Arc::new(Clusters::new(&settings.clusters)),
            shared: Arc::new(Shared {
                mailgun: settings
                    .mailgun
                    .access()
                    .map(mailgun::Mailgun::new)
                    .transpose()?,
                sending_domain: settings.mailgun.sending_domain.clone(),
                dns: Dns::new(&settings.dns.servers),
                patience: settings.deploy.clone(),
                vault: settings.vault.opener().clone(),
                tools: settings.artefacts.tools(),
                fetcher: Fetcher::new(settings.manifests.limits(), settings.manifests.reach())?,
            }),
        })
    }

    /// What it can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The clusters it works on.
    pub fn clusters(&self) -> &Clusters {
        &self.clusters
    }

    /// Does a job. `database` is the UUID of the Odoo database it came from.
    pub async fn run(&self, job: Job, database: &str, step_log: Arc<StepLog>) -> Outcome {
        let mut result = JobResult::default();
        step_log.hide(&variables::secrets(job.secret()));
        let ended = self
            .dispatch(job, database, step_log.clone(), &mut result)
            .await;
        outcome(ended, result, &step_log)
    }

    async fn dispatch(
        &self,
        job: Job,
        database: &str,
        step_log: Arc<StepLog>,
        result: &mut JobResult,
    ) -> Result<(), Problem> {
        let work = match job.work {
            // What concerns no app needs no cluster.
            Work::Preview(work) => {
                return preview::preview(&self.shared, &work, &step_log, result).await;
            }
            Work::Index(work) => {
                return index::index(&self.shared, &work, &step_log, result).await;
            }
            Work::Remove(work) => {
                let cluster = self.clusters.get(&work.cluster.name).await?;
                let cluster = cluster.fenced(step_log.fence());
                return remove::remove(&cluster, database, &work, &step_log, result).await;
            }
            Work::App(work) => *work,
        };
        let AppJob {
            app,
            cluster: site,
            action,
        } = work;
        let context = &JobContext {
            job: job.uid,
            target: kubernetes::App {
                cluster: self
                    .clusters
                    .get(&site.name)
                    .await?
                    .fenced(step_log.fence()),
                namespace: app.namespace.clone(),
                owner: to_contract::owner(database, &app.uid, app.id, &app.name, &app.environment),
            },
            app,
            cluster_record: site,
            step_log,
            shared: self.shared.clone(),
        };
        match &action {
            Action::Deploy(manifests) => deploy::deploy(context, manifests, result).await,
            Action::Refresh { .. } => refresh::with_logs(context, result).await,
            Action::Delete { options } => delete::delete(context, options, result).await,
            Action::Diff(manifests) => diff::diff(context, manifests, result).await,
            Action::Reset {
                options,
                reset_manifests,
                manifests,
            } => match options.reset {
                ResetMode::Empty => reset::empty(context, manifests, result).await,
                ResetMode::Manifests => {
                    reset::by_manifests(context, reset_manifests, &manifests.values, result).await
                }
            },
            Action::Stop => stop::stop(context, result).await,
            Action::Start => start::start(context, result).await,
            Action::Restart => restart::restart(context, result).await,
            Action::MailDomain => mail_domain::mail_domain(context, result).await,
            Action::Invitation { message, secret } => {
                invitation::invitation(context, message, secret, result).await
            }
            Action::Password { options, secret } => {
                password::password(context, options, secret, result).await
            }
            Action::Adopt { options } => adopt::adopt(context, &options.found, result).await,
            Action::Domains { options } => domains::domains(context, options, result).await,
            Action::MailRelease => mail_domain::release_alone(context, result).await,
        }
    }

    /// What changes of a database's apps in a cluster, as it happens. Ends when the cluster cannot be used.
    pub fn changes(
        &self,
        cluster: &str,
        database: &str,
    ) -> BoxStream<'static, Result<WatchEvent, Problem>> {
        let clusters = self.clusters.clone();
        let (cluster, database) = (cluster.to_owned(), database.to_owned());
        stream::once(async move { clusters.get(&cluster).await })
            .map_ok(move |cluster| kubernetes::changes(&cluster, &database))
            .try_flatten()
            .boxed()
    }

    /// What a cluster shows of a database's apps in some namespaces; but not of `busy` ones.
    pub async fn look(
        &self,
        cluster: &str,
        database: &str,
        of: Namespaces<'_>,
        busy: &BTreeSet<Uid>,
    ) -> Result<Look, Problem> {
        let looked_at = to_contract::now();
        let cluster = self.clusters.get(cluster).await?;
        let mut namespaces = namespace::list(&cluster, database).await?;
        let complete = of.complete().then(|| CompleteLook {
            looked_at,
            namespaces: namespaces
                .iter()
                .cloned()
                .map(to_contract::namespace)
                .collect(),
        });
        namespaces.retain(|ours| of.include(&ours.namespace));
        // Without a uid it is not known whose it is.
        let apps = namespaces
            .into_iter()
            .filter_map(|mut ours| Some((Uid::try_from(ours.uid.take()?).ok()?, ours)));
        let (busy, apps): (Vec<_>, Vec<_>) = apps.partition(|(uid, _)| busy.contains(uid));
        let looks = stream::iter(apps).map(|(uid, ours)| {
            let id = ours.app.unwrap_or_default();
            let app = kubernetes::App {
                cluster: cluster.clone(),
                namespace: ours.namespace,
                owner: to_contract::owner(database, &uid, id, "", ""),
            };
            async move {
                match kubernetes::recall(&app).await {
                    Ok(seen) => Some(AppSeen {
                        id,
                        uid,
                        namespace: app.namespace,
                        observation: to_contract::observation(seen),
                    }),
                    // One app that cannot be looked at must not hide the others.
                    Err(problem) => {
                        warn!(app = id, namespace = app.namespace, "{problem}");
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

/// What Odoo is told of a handler's end.
pub fn outcome(ended: Result<(), Problem>, result: JobResult, step_log: &StepLog) -> Outcome {
    let state = match (&ended, step_log.stop_reason()) {
        (Ok(()), _) => OutcomeState::Done,
        (Err(_), Some(CancelReason::Cancelled)) => OutcomeState::Cancelled,
        (Err(_), Some(CancelReason::Released | CancelReason::Lost)) => OutcomeState::Released,
        (Err(problem), None) if problem.retry => OutcomeState::Retry,
        (Err(_), None) => OutcomeState::Failed,
    };
    let redactor = step_log.redactor();
    Outcome {
        state,
        error: ended.err().map(|problem| redactor.problem(problem)),
        result: redacted(result, &redactor),
    }
}

/// A result whose sentences tell no secret. The names in it are made of none, and in what a comparison shows they are
/// hidden already.
fn redacted(mut result: JobResult, redactor: &Redactor) -> JobResult {
    let hide = |text: &mut String| *text = redactor.text(text);
    let hide_in = |sentence: &mut Sentence| *sentence = redactor.sentence(sentence);
    if let Some(observation) = &mut result.observation {
        hide_in(&mut observation.message);
        for object in observation.objects.iter_mut().flatten() {
            hide_in(&mut object.message);
            hide(&mut object.log);
        }
        observation.ingress.hosts.iter_mut().for_each(hide);
    }
    if let Some(domain) = &mut result.mail_domain {
        hide_in(&mut domain.message);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_mailgun_account_no_mail_jobs_are_asked_for() {
        let capabilities = Capabilities::of(&Settings::default());
        assert_eq!(capabilities.mailgun, None);
        assert!(capabilities.kinds.contains(&JobKind::Deploy));
        for kind in [JobKind::MailDomain, JobKind::Invitation] {
            assert!(!capabilities.kinds.contains(&kind), "{kind:?}");
        }
    }
}
