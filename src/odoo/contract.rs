//! What the three calls say: the types of `tests/contract/*.json`.
//!
//! Times are RFC 3339 in UTC, durations seconds. Answers are read leniently: a newer Odoo may say more, and an older one
//! less, where a member says since when it is there and has a default. Every other member known here must be there.

use std::fmt;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use strum::{IntoStaticStr, VariantArray};

use crate::code::Code;
pub use crate::object::ObjectRef;
pub use crate::policy::{Limits, Policy};
use crate::problem::Problem;
use crate::redact::Redactor;
use crate::sentence;
use crate::sentence::Sentence;
pub use crate::uid::Uid;

/// The version of the contract that this program speaks. `tests/contract/README.md` says when it rises.
pub const NEWEST: u32 = 2;
/// The oldest version that Odoo's addons may speak.
pub const OLDEST: u32 = 1;

/// Whoever says no version is from before there was one.
fn first_version() -> u32 {
    1
}

/// What one of the calls asks, as it is sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct Request<T> {
    /// The version of the contract that the worker speaks. Since version 2; 1 where it is absent.
    #[cfg_attr(test, schemars(extend("default" = 1, "since" = 2)))]
    pub contract: u32,
    /// The oldest version that Odoo's addons may speak. Since version 2; 1 where it is absent.
    #[cfg_attr(test, schemars(extend("default" = 1, "since" = 2)))]
    pub contract_minimum: u32,
    #[serde(flatten)]
    pub call: T,
}

impl<T> Request<T> {
    /// In this program's version.
    pub fn new(call: T) -> Self {
        Self {
            contract: NEWEST,
            contract_minimum: OLDEST,
            call,
        }
    }
}

/// What one of the calls answers, as it comes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct Response<T> {
    /// The version of the contract that Odoo's addons speak. Since version 2; 1 where it is absent.
    #[serde(default = "first_version")]
    #[cfg_attr(test, schemars(extend("since" = 2)))]
    pub contract: u32,
    #[serde(flatten)]
    pub answer: T,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WorkerIdentity {
    /// The name in the worker's settings, as its record in Odoo shows it.
    pub name: String,
    /// A UUID made at every start: tells two processes of one name apart. Empty where somebody only looks whether it
    /// would work.
    pub instance: String,
    /// The name of the machine it runs on, for people. Since version 2; empty where it is absent.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("since" = 2)))]
    pub machine: String,
    /// The program's version.
    pub version: String,
}

/// `claim`: give me work.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct ClaimRequest {
    pub worker: WorkerIdentity,
    /// The clusters of this worker's settings, reachable or not.
    pub clusters: Vec<ClusterState>,
    /// The kinds of job this worker can do.
    pub kinds: Vec<JobKind>,
    /// `None` where the worker's settings name no Mailgun.
    pub mailgun: Option<Mailgun>,
    /// How many jobs may be handed out, at most.
    pub capacity: u32,
}

/// The Mailgun account of a worker, as far as Odoo knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct Mailgun {
    /// `us` or `eu`.
    #[cfg_attr(test, schemars(extend("enum" = ["us", "eu"])))]
    pub region: String,
    /// The operator's own domain, from which this worker sends invitations while an app's is not verified.
    /// Since version 2; `None` where it is absent.
    #[cfg_attr(test, schemars(extend("default" = null, "since" = 2)))]
    pub sending_domain: Option<String>,
}

/// A cluster as this worker sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct ClusterState {
    pub name: String,
    pub reachable: bool,
    /// The API server's version, such as `v1.35.4`; `None` while it was never reached.
    pub version: Option<String>,
    /// Why it is not reachable; empty when it is.
    #[serde(flatten, with = "sentence::as_message")]
    #[cfg_attr(test, schemars(with = "sentence::Message"))]
    pub message: Sentence,
    /// How much is there; `None` while nobody has looked. Since version 2; `None` where it is absent.
    #[cfg_attr(test, schemars(extend("default" = null, "since" = 2)))]
    pub capacity: Option<Capacity>,
}

/// How much the nodes of a cluster that take pods have, and how much of it pods ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct Capacity {
    /// How many nodes take pods.
    pub nodes: u32,
    /// How many of them are ready.
    pub nodes_ready: u32,
    /// What they can give to pods, in thousandths of a core.
    pub cpu_millicores: u32,
    /// How much of it pods ask for.
    pub cpu_millicores_requested: u32,
    /// What they can give to pods, in MiB.
    pub memory_mib: u32,
    /// How much of it pods ask for.
    pub memory_mib_requested: u32,
    /// How many pods they take.
    pub pods: u32,
    /// How many there are.
    pub pods_requested: u32,
    /// Why it is not known; empty when it is.
    #[serde(flatten, with = "sentence::as_message")]
    #[cfg_attr(test, schemars(with = "sentence::Message"))]
    pub message: Sentence,
}

/// What a job does.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum JobKind {
    /// Makes the cluster look as the manifests say.
    Deploy,
    /// Looks at the cluster and changes nothing.
    Refresh,
    /// Removes the app from the cluster.
    Delete,
    /// Scales the app down to nothing; its volumes, settings and address stay.
    Stop,
    /// Brings a stopped app back to what it was.
    Start,
    /// Replaces the app's pods, one after the other where its manifests say so.
    Restart,
    /// Gives the app fresh data: none, or what the product's reset manifests make.
    Reset,
    /// Says what a deploy would change, and changes nothing.
    Diff,
    /// Says what a manifest is made of. Needs no app and no cluster.
    Preview,
    /// Registers the app's hostname at Mailgun and sees to its DNS records and SMTP credentials.
    MailDomain,
    /// Sends the customer address, login and first password.
    Invitation,
    /// Hands a generated password to a browser, encrypted for it alone.
    Password,
    /// Takes over a namespace that an operator has chosen for the app.
    Adopt,
    /// Says which packages a repository has. Needs no app and no cluster.
    Index,
    /// Looks whether the DNS records of the app's domains are as they have to be.
    Domains,
    /// Deletes a namespace that an operator has chosen, of an app that Odoo does not know. Needs no app.
    Remove,
    /// Gives the app's domain at Mailgun up: before the app is taken back, or where a delete has left it.
    MailRelease,
}

impl JobKind {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether somebody sits before a screen and waits for it.
    pub fn is_awaited(self) -> bool {
        matches!(self, Self::Diff | Self::Preview | Self::Password)
    }
}

/// The answer to `claim`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct ClaimResponse {
    /// UUID of the Odoo database: the owner written on everything in a cluster.
    pub database: String,
    /// How long a job is ours after a claim or a report, in seconds.
    pub lease_seconds: f64,
    /// How often to ask again when nothing wakes us, in seconds.
    pub poll_seconds: f64,
    /// The same while we listen where new work is announced. Since version 2; where it is absent, `poll_seconds`.
    #[cfg_attr(test, schemars(with = "f64", extend("since" = 2)))]
    pub idle_seconds: Option<f64>,
    /// How Odoo says that new work is there; `None` where it cannot.
    pub wake: Option<Wake>,
    /// Clusters we serve that Odoo has no record of.
    pub unknown_clusters: Vec<String>,
    /// Which clusters are ours to observe; the others are observed by other workers. Since version 2; `None` where it is
    /// absent: all are.
    #[cfg_attr(test, schemars(extend("default" = null, "since" = 2)))]
    pub observe: Option<Observe>,
    /// The jobs, each still as it came: one that cannot be read must not cost the others.
    #[cfg_attr(test, schemars(with = "Vec<Job>"))]
    pub jobs: Vec<Value>,
}

/// What this worker is to observe, and no other one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct Observe {
    /// The clusters' names.
    pub clusters: Vec<String>,
    /// How long they are ours after this claim; the next one renews it.
    pub seconds: f64,
}

/// Where on Odoo's bus new work is announced.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct Wake {
    /// An unguessable channel name; whoever knows it may listen.
    pub channel: String,
    /// The notification's type.
    pub event: String,
}

/// Proof that a job is ours in this attempt. Shown nowhere.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// One unit of work, with all that it needs.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct Job {
    pub id: i64,
    /// What marks in the cluster know the job by: its id may repeat after a database was restored.
    pub uid: Uid,
    /// From 1; counts every time the job was handed out and not handed back.
    pub attempt: u32,
    pub token: Token,
    #[cfg_attr(test, serde(flatten))]
    pub work: Work,
}

/// What is to be done. Members of a job that its kind has no use for are not looked at.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
#[cfg_attr(test, serde(untagged))]
pub enum Work {
    Preview(Box<PreviewJob>),
    Index(Box<IndexJob>),
    Remove(Box<RemoveJob>),
    App(Box<AppJob>),
}

/// Says what a manifest is made of. Needs no app.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
#[cfg_attr(test, serde(tag = "kind", rename = "preview"))]
#[cfg_attr(test, schemars(rename = "PreviewJob", transform = tests::of_preview))]
pub struct PreviewJob {
    /// `None` where it is not known which one is meant.
    pub cluster: Option<Cluster>,
    pub manifests: [Manifest; 1],
    #[serde(flatten)]
    pub values: ManifestValues,
}

/// Says which packages a repository has. Needs no app.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
#[cfg_attr(test, serde(tag = "kind", rename = "index"))]
#[cfg_attr(test, schemars(rename = "IndexJob", transform = tests::of_index))]
pub struct IndexJob {
    pub options: IndexOptions,
}

/// Deletes a namespace of an app that Odoo does not know.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
#[cfg_attr(test, serde(tag = "kind", rename = "remove"))]
#[cfg_attr(test, schemars(rename = "RemoveJob", transform = tests::of_remove))]
pub struct RemoveJob {
    pub cluster: Cluster,
    pub options: RemoveOptions,
}

/// Something is done to an app.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct AppJob {
    pub app: App,
    pub cluster: Cluster,
    #[serde(flatten)]
    pub action: Action,
}

/// What is done to an app, and what only that needs.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    Deploy(Manifests),
    Refresh {
        /// What is hidden in the logs that it reads. Since version 2; none where it is absent.
        #[serde(default)]
        #[cfg_attr(test, schemars(extend("since" = 2)))]
        secret: Vec<SecretLine>,
    },
    Delete {
        options: DeleteOptions,
    },
    Stop,
    Start,
    Restart,
    Reset {
        options: ResetOptions,
        /// In the order in which they are applied and awaited.
        reset_manifests: Vec<Manifest>,
        #[serde(flatten)]
        manifests: Manifests,
    },
    Diff(Manifests),
    MailDomain,
    Invitation {
        /// The mail to send.
        message: Message,
        /// The line of the first password.
        secret: Vec<SecretLine>,
    },
    Password {
        options: PasswordOptions,
        /// The line of the first password.
        secret: Vec<SecretLine>,
    },
    Adopt {
        options: AdoptOptions,
    },
    Domains {
        options: DomainsOptions,
    },
    MailRelease,
}

/// The app's manifests, and the values to render them with.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct Manifests {
    /// In the order in which they are applied.
    pub manifests: Vec<Manifest>,
    #[serde(flatten)]
    pub values: ManifestValues,
}

/// What manifests are rendered with, beside what the app itself gives.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct ManifestValues {
    /// The production app that the job's app stands beside; `None` on production itself and where there is none.
    pub production: Option<Production>,
    pub config_map: Vec<ConfigMapLine>,
    pub secret: Vec<SecretLine>,
}

/// The members of every job.
#[derive(Deserialize)]
struct AnyJob {
    id: i64,
    uid: Uid,
    kind: JobKind,
    attempt: u32,
    token: Token,
}

impl Job {
    /// Reads one job of a claim. Where it cannot be read, says whose it is as far as that can be told, so that Odoo
    /// can be told too instead of waiting for the lease to end.
    pub fn read(value: &Value) -> Result<Self, Unreadable> {
        let id = value.get("id").and_then(Value::as_i64);
        let token = value
            .get("token")
            .and_then(Value::as_str)
            .map(|token| Token(token.to_owned()));
        Self::from_value(value).map_err(|error| {
            // It quotes what it did not expect.
            let mut secrets = Vec::new();
            scalars(&value["secret"], &mut secrets);
            let reason = Redactor::new(secrets).text(&error.to_string());
            let problem = Problem::new(Code::Contract, sentence!("The worker cannot read this job: {reason}.", reason))
                .hint(sentence!("Odoo's addons and the worker are of versions that do not fit together: update the older one."));
            Unreadable { id, token, problem }
        })
    }

    fn from_value(value: &Value) -> Result<Self, serde_json::Error> {
        let AnyJob {
            id,
            uid,
            kind,
            attempt,
            token,
        } = AnyJob::deserialize(value)?;
        let work = match kind {
            JobKind::Preview => Work::Preview(Box::deserialize(value)?),
            JobKind::Index => Work::Index(Box::deserialize(value)?),
            JobKind::Remove => Work::Remove(Box::deserialize(value)?),
            _ => Work::App(Box::deserialize(value)?),
        };
        Ok(Self {
            id,
            uid,
            attempt,
            token,
            work,
        })
    }

    /// What it does.
    pub fn kind(&self) -> JobKind {
        match &self.work {
            Work::Preview(_) => JobKind::Preview,
            Work::Index(_) => JobKind::Index,
            Work::Remove(_) => JobKind::Remove,
            Work::App(job) => job.action.kind(),
        }
    }

    /// What it is done to; `None` for what needs no app.
    pub fn app(&self) -> Option<&App> {
        match &self.work {
            Work::Preview(_) | Work::Index(_) | Work::Remove(_) => None,
            Work::App(job) => Some(&job.app),
        }
    }

    /// The lines of the secret that it carries.
    pub fn secret(&self) -> &[SecretLine] {
        match &self.work {
            Work::Preview(job) => &job.values.secret,
            Work::Index(_) | Work::Remove(_) => &[],
            Work::App(job) => job.action.secret(),
        }
    }
}

impl Action {
    fn kind(&self) -> JobKind {
        match self {
            Self::Deploy(_) => JobKind::Deploy,
            Self::Refresh { .. } => JobKind::Refresh,
            Self::Delete { .. } => JobKind::Delete,
            Self::Stop => JobKind::Stop,
            Self::Start => JobKind::Start,
            Self::Restart => JobKind::Restart,
            Self::Reset { .. } => JobKind::Reset,
            Self::Diff(_) => JobKind::Diff,
            Self::MailDomain => JobKind::MailDomain,
            Self::Invitation { .. } => JobKind::Invitation,
            Self::Password { .. } => JobKind::Password,
            Self::Adopt { .. } => JobKind::Adopt,
            Self::Domains { .. } => JobKind::Domains,
            Self::MailRelease => JobKind::MailRelease,
        }
    }

    fn secret(&self) -> &[SecretLine] {
        match self {
            Self::Deploy(manifests) | Self::Diff(manifests) | Self::Reset { manifests, .. } => {
                &manifests.values.secret
            }
            Self::Refresh { secret }
            | Self::Invitation { secret, .. }
            | Self::Password { secret, .. } => secret,
            Self::Delete { .. }
            | Self::Stop
            | Self::Start
            | Self::Restart
            | Self::MailDomain
            | Self::MailRelease
            | Self::Adopt { .. }
            | Self::Domains { .. } => &[],
        }
    }
}

/// All texts and numbers in the lines of a secret but what says how to read them.
fn scalars(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| scalars(item, found)),
        Value::Object(members) => members
            .iter()
            .filter(|(key, _)| !matches!(key.as_str(), "key" | "type" | "generate"))
            .for_each(|(_, member)| scalars(member, found)),
        Value::Null | Value::Bool(_) => {}
    }
}

/// A job that came in a form this program does not know.
#[derive(Debug)]
pub struct Unreadable {
    pub id: Option<i64>,
    pub token: Option<Token>,
    pub problem: Problem,
}

/// How an app is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct DeleteOptions {
    /// Whether the app's volumes (and with them its namespace and generated secrets) stay. Absent means they stay.
    #[serde(default = "they_stay")]
    pub keep_volumes: bool,
}

fn they_stay() -> bool {
    true
}

/// How an app is reset.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct ResetOptions {
    pub reset: ResetMode,
}

/// Which password is asked for, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct PasswordOptions {
    /// The generated secret's key.
    pub key: String,
    /// The browser's public key: an uncompressed point of P-256 in base64.
    pub public_key: String,
}

/// Which namespace is taken over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct AdoptOptions {
    /// The namespace as the operator saw it.
    pub found: FoundNamespace,
}

/// Which namespace is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct RemoveOptions {
    pub namespace: String,
    /// The namespace as the operator saw it.
    pub found: FoundNamespace,
}

/// Whose a namespace was when an operator chose it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct FoundNamespace {
    /// As [`NamespaceSeen::object`].
    pub object: String,
    /// As [`NamespaceSeen::uid`].
    pub uid: Option<String>,
    /// As [`NamespaceSeen::app`].
    pub app: Option<i64>,
}

/// Which domains are looked at.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct DomainsOptions {
    pub domains: Vec<DomainAsked>,
}

/// A domain that somebody wants for the app.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct DomainAsked {
    /// In lower case, its labels in ASCII, without a dot at its end.
    pub name: String,
    /// Where the TXT record is that proves whose it is.
    pub proof_name: String,
    /// The text that it has to hold.
    pub proof: String,
    /// Whether a CNAME record to the app's own hostname proves it, too.
    pub by_cname: bool,
}

/// Which repository is read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct IndexOptions {
    /// The address of the folder that its `index.json` is in.
    pub url: String,
}

/// How a reset gives an app fresh data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResetMode {
    /// Everything is deleted, volumes too, and deployed from scratch. Generated passwords stay.
    Empty,
    /// The reset manifests are applied one after the other and their Jobs awaited.
    Manifests,
}

/// The cluster a job is for, as Odoo's record describes it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct Cluster {
    /// The name that this worker's settings know it by.
    pub name: String,
    pub domain: String,
    pub ingress_class: String,
    /// The ClusterIssuer of cert-manager that makes certificates for the domains of apps; empty: none are made. Since
    /// version 2.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("since" = 2)))]
    pub tls_issuer: String,
    /// What manifests may do there.
    pub policy: Policy,
}

/// The app a job is for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct App {
    pub id: i64,
    /// What the app is known by in a cluster: its id may repeat after a database was restored.
    pub uid: Uid,
    pub name: String,
    /// The environment's code: `prod`, `int`, …
    pub environment: String,
    /// Whether customers work in this environment: its apps are never reset. Since version 2; where it is absent the
    /// environment is production if its code is `prod`.
    #[cfg_attr(test, schemars(with = "bool", extend("since" = 2)))]
    pub is_production: Option<bool>,
    pub hostname: String,
    /// The domains of its customer's own at which it answers, too: proven by their DNS to be theirs, the primary one first.
    /// Since version 2.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("since" = 2)))]
    pub domains: Vec<String>,
    /// The name that `url` has: the first of the domains, or else `hostname`. Since version 2; where it is absent
    /// `hostname`.
    #[cfg_attr(test, schemars(with = "String", extend("since" = 2)))]
    pub primary_hostname: Option<String>,
    pub url: String,
    pub namespace: String,
    pub wanted_state: WantedState,
    /// How much it gets.
    pub limits: Limits,
    /// The namespaces of the same app in other environments of this cluster.
    pub siblings: Vec<String>,
    /// The ports of every node that are its own. Since version 2.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("since" = 2)))]
    pub node_ports: Vec<u16>,
    /// The name registered for it at Mailgun, if one is.
    pub mail_domain: Option<String>,
    /// By which mark its domain at Mailgun is known.
    pub mail_mark: MailMark,
    /// What the last deploys left in the cluster.
    pub inventory: Vec<ObjectRef>,
}

impl App {
    /// Whether customers work in its environment.
    pub fn is_production(&self) -> bool {
        let by_code = self.environment == first_production();
        self.is_production.unwrap_or(by_code)
    }

    /// The name that its address has.
    pub fn primary_hostname(&self) -> &str {
        self.primary_hostname.as_deref().unwrap_or(&self.hostname)
    }

    /// All names at which it answers, the primary one first.
    pub fn hostnames(&self) -> Vec<String> {
        let mut names = self.domains.clone();
        names.push(self.hostname.clone());
        names
    }
}

/// The code that production had before an environment said whether it is production.
fn first_production() -> String {
    "prod".to_owned()
}

/// Whose mark a mail domain bears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MailMark {
    /// The app's own.
    App,
    /// The Odoo database's: this app registered it before apps had a uid.
    Database,
}

/// The production app beside a job's app.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct Production {
    /// Its id.
    pub app: i64,
    pub uid: Uid,
    pub name: String,
    /// Its environment's code. Since version 2.
    #[serde(default = "first_production")]
    #[cfg_attr(test, schemars(extend("since" = 2)))]
    pub environment: String,
    pub namespace: String,
    pub hostname: String,
    pub url: String,
}

/// What the app's owner wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WantedState {
    Running,
    Stopped,
    Deleted,
}

/// What reads a manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ManifestFormat {
    /// A template as Ansible has them.
    #[default]
    Jinja,
    /// An archive with a Helm chart.
    Helm,
    /// An archive with a folder for Kustomize.
    Kustomize,
}

/// A template, or an archive, to fetch.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct Manifest {
    pub id: i64,
    pub title: String,
    pub url: String,
    /// The digest that its content must have, as [`ManifestSeen::digest`]; `None`: any content will do.
    pub pin: Option<String>,
    /// Since version 2.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("since" = 2)))]
    pub format: ManifestFormat,
    /// What is used in the place of what is at the URL: it was deployed once, and is to be again. Since version 2; where it is
    /// absent, or `None`, the URL is fetched.
    #[cfg_attr(test, schemars(extend("default" = null, "since" = 2)))]
    pub content: Option<ManifestContent>,
}

/// A template as it was fetched once, and the files that it uses.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct ManifestContent {
    pub text: String,
    pub files: Vec<FileSeen>,
}

/// How the text of a line becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// The text as it is; may be a template.
    String,
    /// Read as a YAML value: number, boolean, list, mapping; strings in it may be templates.
    Yaml,
}

/// One value that anybody may read.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct ConfigMapLine {
    pub key: String,
    pub r#type: ValueType,
    pub value: String,
}

/// One value that nobody may see: given, or to be generated in the cluster.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct SecretLine {
    pub key: String,
    pub r#type: ValueType,
    #[cfg_attr(test, serde(serialize_with = "tests::expose"))]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub value: Option<SecretString>,
    pub generate: Option<Generate>,
}

/// The rule by which a value is generated at the first deploy.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct Generate {
    /// In characters.
    pub length: u32,
    /// `alphanumeric`, `hex` or `ascii`.
    #[cfg_attr(test, schemars(extend("enum" = ["alphanumeric", "hex", "ascii"])))]
    pub alphabet: String,
}

/// A mail to send.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct Message {
    /// `Name <address>`, as all addresses here.
    pub from: String,
    pub to: Vec<String>,
    pub reply_to: Option<String>,
    pub subject: String,
    pub html: String,
    pub text: String,
    /// Which text in `html` and `text` stands for which generated password.
    pub password: Option<PasswordPlace>,
}

/// Where a generated password goes in a mail.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct PasswordPlace {
    /// The text to replace: random, so that it stands nowhere else.
    #[serde(deserialize_with = "not_empty")]
    pub placeholder: String,
    /// The generated secret's key.
    pub key: String,
}

fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.is_empty() {
        true => Err(D::Error::custom("a placeholder is empty")),
        false => Ok(text),
    }
}

/// `report`: what became of the jobs I hold. Without an outcome it renews the lease.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct ReportRequest {
    pub worker: WorkerIdentity,
    pub jobs: Vec<JobReport>,
}

/// What is new of one job.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct JobReport {
    pub id: i64,
    pub token: Token,
    /// Steps that are new or have changed; Odoo keeps them by number, so that telling one twice is harmless.
    pub steps: Vec<Step>,
    /// `Some` ends the job.
    pub outcome: Option<Outcome>,
}

/// One line of a job's step log.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct Step {
    /// From 1, in the order in which they began.
    pub number: u32,
    pub code: StepCode,
    pub state: StepState,
    pub started_at: Timestamp,
    /// How long it took; `None` while it runs.
    pub seconds: Option<f64>,
    /// For an operator. Never holds a secret.
    #[serde(flatten, with = "sentence::as_message")]
    #[cfg_attr(test, schemars(with = "sentence::Message"))]
    pub message: Sentence,
}

/// What a step does; customers read its translated label.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum StepCode {
    Fetching,
    Rendering,
    Namespace,
    Applying,
    Pruning,
    Waiting,
    Ingress,
    Deleting,
    Stopping,
    Starting,
    Restarting,
    Resetting,
    Comparing,
    MailDomain,
    DnsRecords,
    Verification,
    SmtpCredentials,
    Invitation,
    Password,
    Adopting,
    Indexing,
    Domains,
    Closing,
}

impl StepCode {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Running,
    Done,
    Failed,
    /// Over, and something about it deserves a look.
    Warning,
}

/// How a job ended, and what it leaves behind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct Outcome {
    pub state: OutcomeState,
    pub error: Option<Problem>,
    /// `null` where a worker has nothing to say.
    #[cfg_attr(test, schemars(with = "Option<JobResult>"))]
    pub result: JobResult,
}

/// How a job ended.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum OutcomeState {
    Done,
    /// Stays so until a person changes something.
    Failed,
    /// May pass by itself: Odoo hands it out again later.
    Retry,
    /// Handed back unfinished because the worker stops; anybody may take it at once.
    Released,
    /// Ended because Odoo said `stop`.
    Cancelled,
}

impl OutcomeState {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What a job found and did; also of a job that failed, as far as it came.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct JobResult {
    /// The templates as fetched, so that Odoo remembers the last content seen.
    pub manifests: Vec<ManifestSeen>,
    pub objects: ObjectCounts,
    /// What is in the cluster now, replacing what Odoo knows; `None`: Odoo keeps what it has.
    pub inventory: Option<Vec<ObjectRef>>,
    pub observation: Option<Observation>,
    pub namespace_deleted: bool,
    /// How the app's mail domain stands; `None`: not looked at.
    pub mail_domain: Option<MailDomain>,
    /// `invitation`: Mailgun's id of the mail, with its angle brackets.
    pub message_id: Option<String>,
    pub password: Option<Password>,
    pub diff: Option<Diff>,
    pub preview: Option<Preview>,
    /// `index`: what is in the repository. Since version 2; `None` where it is absent.
    #[cfg_attr(test, schemars(extend("default" = null, "since" = 2)))]
    pub index: Option<RepositoryIndex>,
    /// `domains`: what the DNS says of each. Since version 2; `None` where it is absent.
    #[cfg_attr(test, schemars(extend("default" = null, "since" = 2)))]
    pub domains: Option<Vec<DomainSeen>>,
}

/// What the DNS says of an app's domain.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct DomainSeen {
    pub name: String,
    /// Whether the DNS answered: otherwise nothing is known.
    pub answered: bool,
    /// Whether its records say that it is this app's.
    pub proven: bool,
    /// Whether it leads to the app.
    pub points: bool,
    /// What is missing; empty when nothing is.
    #[serde(flatten, with = "sentence::as_message")]
    #[cfg_attr(test, schemars(with = "sentence::Message"))]
    pub message: Sentence,
    /// When the certificate ends that the cluster has for it; `None` where it has none.
    pub certificate_ends: Option<Timestamp>,
}

/// What is in a repository of packages.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct RepositoryIndex {
    /// All versions of all packages that nothing is wrong with.
    pub packages: Vec<PackageSeen>,
    /// What is wrong with the others, with line and column in their texts where there is one.
    pub problems: Vec<Problem>,
}

/// One version of a package, as its repository's index tells of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct PackageSeen {
    pub name: String,
    pub version: String,
    /// Of all that the index says of it.
    pub digest: String,
    /// The address of its folder.
    pub url: String,
    pub title: String,
    pub summary: String,
    /// Paragraphs, in Markdown; may be empty.
    pub description: String,
    /// An SVG or PNG in base64; empty where it has none.
    pub icon: String,
    /// May be empty, as `home` and `licence` may.
    pub category: String,
    pub keywords: Vec<String>,
    pub home: String,
    pub licence: String,
    /// By what they are for, in the order in which they are applied.
    pub manifests: Vec<PackageManifest>,
    /// Codes, production first; never empty.
    pub environments: Vec<String>,
    /// In the order of a form.
    pub variables: Vec<PackageVariable>,
    /// What customers choose from when buying, in their order; often none.
    pub plans: Vec<PackagePlan>,
    pub needs: PackageNeeds,
    pub labels: Vec<Label>,
    /// Which clusters it may run on, by their labels: all conditions hold.
    pub selector: Vec<LabelCondition>,
    /// The text of its `package.yml`.
    pub text: String,
    /// The text of its `vars.yml`, which Ansible reads; empty where it has none.
    pub vars: String,
}

/// A manifest of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct PackageManifest {
    pub purpose: Purpose,
    /// Below the package's folder.
    pub path: String,
    pub url: String,
    /// As [`ManifestSeen::digest`].
    pub digest: String,
}

/// What a package's manifest is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    Deploy,
    Reset,
}

/// A variable of a package that somebody may set.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct PackageVariable {
    pub name: String,
    pub title: String,
    /// May be empty.
    pub help: String,
    /// `string`, `text`, `integer`, `number`, `boolean`, `quantity`, `list` or `mapping`.
    pub r#type: String,
    /// Its value where nobody sets it; `None`: it has none, or it stands in `vars.yml`.
    pub default: Option<PackageValue>,
    /// The only values that it may have; empty where it may have any.
    pub choices: Vec<PackageValue>,
    pub required: bool,
    pub secret: bool,
    pub generate: Option<PackageGenerate>,
    /// The customer gets it with the invitation.
    pub first_password: bool,
    /// `operator`, `checkout` or `customer`.
    pub set_by: String,
}

/// A value as a config map's line has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct PackageValue {
    pub r#type: ValueType,
    pub value: String,
}

/// What a customer chooses when buying: a product has a variant for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct PackagePlan {
    pub name: String,
    pub title: String,
    /// What one gets with it; may be empty.
    pub help: String,
    /// What it takes of a cluster, as [`PackageNeeds`] has it: empty where that is what the package needs.
    pub cpu: String,
    pub memory: String,
    pub storage: String,
    /// In the place of what the package gives.
    pub values: Vec<PackagePlanValue>,
}

/// A variable that a plan sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct PackagePlanValue {
    pub name: String,
    pub r#type: ValueType,
    pub value: String,
}

/// The rule by which a package has a value generated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct PackageGenerate {
    /// In characters.
    pub length: u32,
    /// `alphanumeric`, `hex` or `ascii`.
    pub alphabet: String,
}

/// What a package takes of a cluster. What is empty is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct PackageNeeds {
    /// The oldest version of Kubernetes, such as `1.30`.
    pub kubernetes: String,
    /// Kinds beyond those of every cluster, each with its group.
    pub kinds: Vec<String>,
    /// As Kubernetes writes amounts: `500m`, `2Gi`.
    pub cpu: String,
    pub memory: String,
    pub storage: String,
    pub node_ports: u32,
}

/// A label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct Label {
    pub key: String,
    pub value: String,
}

/// A condition on a label, in the words of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct LabelCondition {
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    pub values: Vec<String>,
}

/// An app's domain at Mailgun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct MailDomain {
    pub name: String,
    pub state: MailDomainState,
    /// Whether the records stand in the cluster as a `DNSEndpoint`.
    pub published: bool,
    /// What is missing; empty when nothing is.
    #[serde(flatten, with = "sentence::as_message")]
    #[cfg_attr(test, schemars(with = "sentence::Message"))]
    pub message: Sentence,
    pub records: Vec<DnsRecord>,
}

/// How a mail domain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MailDomainState {
    /// Registered; Mailgun does not see its DNS records yet.
    Unverified,
    /// Mail can be sent.
    Active,
    /// No longer registered.
    Released,
}

/// One DNS record that a mail domain needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct DnsRecord {
    /// `sending` or `receiving`.
    pub purpose: String,
    /// `TXT`, `MX`, `CNAME`, …
    pub r#type: String,
    pub name: String,
    pub value: String,
    /// For MX.
    pub priority: Option<u16>,
    /// What Mailgun saw of it: `valid`, `invalid` or `unknown`.
    pub validity: String,
}

/// A password that only the browser which asked for it can read. All members are base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct Password {
    /// The worker's, made for this answer: an uncompressed point of P-256.
    pub public_key: String,
    /// 12 bytes.
    pub nonce: String,
    /// AES-256-GCM, its tag at the end.
    pub ciphertext: String,
}

/// What a deploy would change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct Diff {
    /// The objects that would change, in the order of the deploy, those that would be removed last.
    pub objects: Vec<ObjectDiff>,
    /// How many objects stay as they are.
    pub unchanged: u32,
}

/// What a deploy would change of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct ObjectDiff {
    /// `Kind name`.
    pub object: String,
    pub action: DiffAction,
    /// A unified diff of the object's YAML, secrets masked; all of it is new when the object is created.
    pub text: String,
}

/// What would happen to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DiffAction {
    Create,
    Change,
    Delete,
}

/// What a manifest is made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct Preview {
    /// As [`ManifestSeen::digest`]; empty when the manifest or a file that it names could not be fetched.
    pub digest: String,
    /// Empty when it could not be fetched.
    pub content: String,
    /// As [`ManifestSeen::files`].
    pub files: Vec<FileSeen>,
    /// The variables it uses, sorted.
    pub variables: Vec<String>,
    /// Those of them that nobody gives.
    pub missing: Vec<String>,
    pub objects: Vec<PreviewObject>,
    /// Why it could not be deployed as it is, with line and column in the content where there is one.
    pub problems: Vec<Problem>,
    /// What can be deployed but is probably not meant.
    pub warnings: Vec<Problem>,
}

/// One object that a manifest makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct PreviewObject {
    pub kind: String,
    pub api_version: String,
    pub name: String,
}

/// A template's content as fetched.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct ManifestSeen {
    pub id: i64,
    /// `sha256:` and a hash in hexadecimal: of the content or, where it names files that are there, of all of them.
    pub digest: String,
    pub content: String,
    /// The files that the template names as text, and that those name in turn, by their names.
    pub files: Vec<FileSeen>,
    /// The variables the template uses.
    pub variables: Vec<String>,
}

/// A file that a template uses, as fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FileSeen {
    /// As the template names it.
    pub name: String,
    pub content: String,
}

/// What applying and pruning did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct ObjectCounts {
    pub created: u32,
    pub changed: u32,
    pub unchanged: u32,
    pub pruned: u32,
}

/// What the cluster shows of an app.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct Observation {
    pub state: ObservedState,
    /// Why it is degraded; empty otherwise.
    #[serde(flatten, with = "sentence::as_message")]
    #[cfg_attr(test, schemars(with = "sentence::Message"))]
    pub message: Sentence,
    pub ingress: Ingress,
    /// Each of its objects. Since version 2; `None` where it is absent: nothing is said of them.
    #[cfg_attr(test, schemars(extend("default" = null, "since" = 2)))]
    pub objects: Option<Vec<ObjectSeen>>,
    pub seen_at: Timestamp,
}

/// One object of an app as the cluster shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct ObjectSeen {
    #[serde(flatten)]
    pub object: ObjectRef,
    pub health: Health,
    /// `None` where it is not there.
    pub created_at: Option<Timestamp>,
    /// Of what its pods are made: the image of each container, in their order.
    pub images: Vec<String>,
    /// Why it is not ready; empty when it is.
    #[serde(flatten, with = "sentence::as_message")]
    #[cfg_attr(test, schemars(with = "sentence::Message"))]
    pub message: Sentence,
    /// The ends of the logs of what fails, as far as a job has read them; empty otherwise. Never holds a secret.
    pub log: String,
}

/// How an object is, in the words of kstatus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As its manifest says.
    Current,
    InProgress,
    /// It stays as it is until somebody changes something.
    Failed,
    /// It is being deleted.
    Terminating,
    /// It was there, and is not any more.
    NotFound,
}

/// The app as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ObservedState {
    /// All workloads are ready.
    Running,
    /// Something is not ready.
    Degraded,
    /// All workloads are scaled to zero.
    Stopped,
    /// Nothing of the app is in the cluster.
    Missing,
}

/// The way from outside to an app.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct Ingress {
    pub state: IngressState,
    pub hosts: Vec<String>,
    /// IP addresses or host names the ingress controller has published.
    pub addresses: Vec<String>,
    pub tls: bool,
    #[serde(flatten, with = "sentence::as_message")]
    #[cfg_attr(test, schemars(with = "sentence::Message"))]
    pub message: Sentence,
}

/// How the way from outside stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum IngressState {
    /// The app has no Ingress object.
    None,
    /// There is one, but no ingress controller has published an address for it.
    NoAddress,
    Ready,
}

/// The answer to `report`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct ReportResponse {
    pub jobs: Vec<JobAnswer>,
    pub lease_seconds: f64,
}

/// What to do with one job.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct JobAnswer {
    pub id: i64,
    pub answer: Answer,
}

/// What to do with a job that was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Still ours (or, after an outcome: accepted).
    GoOn,
    /// Somebody asked to cancel it: end it and report `cancelled`.
    Stop,
    /// Not ours any more: drop it without touching the cluster again.
    Stale,
}

/// `observe`: what the cluster shows of apps outside any job.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct ObserveRequest {
    pub worker: WorkerIdentity,
    pub cluster: String,
    pub apps: Vec<AppSeen>,
    /// After a look at the whole cluster; `None` after one at some namespaces only.
    pub complete: Option<CompleteLook>,
}

/// All namespaces of this database in a cluster: what is not among them is not there.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct CompleteLook {
    /// From before the look.
    pub looked_at: Timestamp,
    pub namespaces: Vec<NamespaceSeen>,
}

/// One namespace of this database, by its own labels.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct NamespaceSeen {
    pub namespace: String,
    /// The uid that Kubernetes gave it: one that was made anew has another.
    pub object: String,
    /// The app's uid as it stands there; `None` where it was made before apps had one.
    pub uid: Option<String>,
    /// The id of the app it was made for. Another app may have it since the database was restored.
    pub app: Option<i64>,
    pub name: String,
    pub environment: String,
    pub created_at: Timestamp,
    /// All labels that stand on it. Since version 2; none where it is absent.
    #[cfg_attr(test, schemars(extend("default" = [], "since" = 2)))]
    pub labels: Vec<Label>,
}

/// One app as the cluster shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(Deserialize, schemars::JsonSchema))]
pub struct AppSeen {
    /// The id on the namespace, for people.
    pub id: i64,
    pub uid: Uid,
    pub namespace: String,
    pub observation: Observation,
}

/// The answer to `observe`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize, schemars::JsonSchema))]
pub struct ObserveResponse {
    /// Namespaces of apps that Odoo has no record of.
    pub unknown: Vec<String>,
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde::{Serializer, de::DeserializeOwned};
    use serde_json::json;

    use super::*;

    /// The tag that is written, which schemars does not see.
    pub(super) fn of_preview(schema: &mut schemars::Schema) {
        with_its_kind(schema, "preview");
    }

    pub(super) fn of_index(schema: &mut schemars::Schema) {
        with_its_kind(schema, "index");
    }

    pub(super) fn of_remove(schema: &mut schemars::Schema) {
        with_its_kind(schema, "remove");
    }

    fn with_its_kind(schema: &mut schemars::Schema, kind: &str) {
        schema.ensure_object();
        let kind = json!({"type": "string", "const": kind});
        schema.get_mut("properties").unwrap()["kind"] = kind;
        let required = schema.get_mut("required").unwrap();
        required.as_array_mut().unwrap().push(json!("kind"));
    }

    pub(super) fn expose<S: Serializer>(
        value: &Option<SecretString>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value
            .as_ref()
            .map(|value| value.expose_secret())
            .serialize(serializer)
    }

    fn golden(name: &str) -> Value {
        let path = format!("{}/tests/contract/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    /// The same instant has several spellings (`…09Z`, `…09.000Z`), the same number two (`60`, `60.0`).
    fn normal(value: Value) -> Value {
        match value {
            Value::String(text) => match text.parse::<Timestamp>() {
                Ok(time) => json!(time.to_string()),
                Err(_) => Value::String(text),
            },
            Value::Number(number) => json!(number.as_f64()),
            Value::Array(items) => items.into_iter().map(normal).collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(key, value)| (key, normal(value)))
                .collect(),
            other => other,
        }
    }

    fn read_and_write_back<T: DeserializeOwned + Serialize>(name: &str) -> T {
        let expected = golden(name);
        let read: T = serde_json::from_value(expected.clone()).unwrap();
        assert_eq!(
            normal(serde_json::to_value(&read).unwrap()),
            normal(expected),
            "{name}"
        );
        read
    }

    /// A job of the golden file without what its kind has no use for, which is null or empty there.
    fn of_its_kind(mut job: Value, written: &Value) -> Value {
        let members = job.as_object_mut().unwrap();
        members.retain(|name, value| {
            let is_used = written.get(name).is_some();
            // Production is told of every job on an app, the values only of those that render.
            let is_nothing = [json!(null), json!([]), json!({})].contains(value);
            assert!(
                is_used || is_nothing || name == "production",
                "{name}: {value}"
            );
            is_used
        });
        job
    }

    #[test]
    fn a_job_that_lacks_what_its_kind_needs_is_not_read() {
        let claim = golden("claim_response");
        let job = |kind: &str| {
            let jobs = claim["jobs"].as_array().unwrap();
            let job = jobs.iter().find(|job| job["kind"] == kind);
            job.unwrap_or_else(|| panic!("no {kind}")).clone()
        };
        for (kind, change, reason) in [
            (
                "deploy",
                json!({"app": null}),
                "invalid type: null, expected struct App",
            ),
            (
                "delete",
                json!({"cluster": null}),
                "invalid type: null, expected struct Cluster",
            ),
            ("reset", json!({"options": {}}), "missing field `reset`"),
            (
                "reset",
                json!({"options": {"reset": "half"}}),
                "unknown variant `half`",
            ),
            (
                "password",
                json!({"options": {"key": "k"}}),
                "missing field `public_key`",
            ),
            ("adopt", json!({"options": {}}), "missing field `found`"),
            (
                "remove",
                json!({"options": {}}),
                "missing field `namespace`",
            ),
            (
                "invitation",
                json!({"message": null}),
                "invalid type: null, expected struct Message",
            ),
            ("preview", json!({"manifests": []}), "invalid length 0"),
        ] {
            let mut job = job(kind);
            for (name, value) in change.as_object().unwrap() {
                job[name] = value.clone();
            }
            let problem = Job::read(&job).unwrap_err().problem;
            assert!(problem.message.contains(reason), "{kind}: {problem}");
        }
        let mut job = job("invitation");
        job["message"]["password"] = json!({"placeholder": "", "key": "k"});
        let problem = Job::read(&job).unwrap_err().problem;
        assert!(
            problem.message.contains("a placeholder is empty"),
            "{problem}"
        );
    }

    #[test]
    fn every_golden_file_is_read_and_written_back_without_loss() {
        read_and_write_back::<Request<ClaimRequest>>("claim_request");
        let claim = read_and_write_back::<Response<ClaimResponse>>("claim_response");
        for job in claim.answer.jobs {
            let read = Job::read(&job).unwrap();
            let written = serde_json::to_value(&read).unwrap();
            assert_eq!(normal(written.clone()), normal(of_its_kind(job, &written)));
        }
        read_and_write_back::<Request<ReportRequest>>("report_request");
        read_and_write_back::<Response<ReportResponse>>("report_response");
        read_and_write_back::<Request<ObserveRequest>>("observe_request");
        read_and_write_back::<Response<ObserveResponse>>("observe_response");
    }

    /// What an older Odoo answers: the golden files of its version.
    #[test]
    fn answers_of_the_first_version_are_read() {
        let read = |name: &str| golden(&format!("v1/{name}"));
        let claim: Response<ClaimResponse> =
            serde_json::from_value(read("claim_response")).unwrap();
        assert_eq!(claim.contract, 1);
        assert_eq!(claim.answer.jobs.len(), 7);
        for value in claim.answer.jobs {
            let job = Job::read(&value).unwrap();
            let environment = value["app"]["environment"].as_str();
            assert_eq!(
                job.app().map(App::is_production),
                environment.map(|code| code == "prod")
            );
            if let Work::App(job) = job.work
                && let Action::Reset { manifests, .. } = job.action
            {
                assert_eq!(manifests.values.production.unwrap().environment, "prod");
            }
        }
        let report: Response<ReportResponse> =
            serde_json::from_value(read("report_response")).unwrap();
        assert_eq!((report.contract, report.answer.jobs.len()), (1, 8));
        let observe: Response<ObserveResponse> =
            serde_json::from_value(read("observe_response")).unwrap();
        assert_eq!((observe.contract, observe.answer.unknown.len()), (1, 1));
    }

    #[test]
    fn a_job_that_cannot_be_read_quotes_no_secret() {
        let job = &golden("claim_response")["jobs"][0];
        for value in [json!(47110815), json!(["hunter2"]), json!({"x": "hunter2"})] {
            let mut job = job.clone();
            job["secret"] =
                json!([{"key": "k", "type": "string", "value": value, "generate": null}]);
            let problem = Job::read(&job).unwrap_err().problem;
            let told = problem.to_string();
            assert!(told.contains("cannot read this job"), "{told}");
            assert!(
                !told.contains("47110815") && !told.contains("hunter2"),
                "{told}"
            );
        }
    }

    #[test]
    fn every_golden_file_is_read_by_a_test() {
        let mut names: Vec<String> =
            std::fs::read_dir(format!("{}/tests/contract", env!("CARGO_MANIFEST_DIR")))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| name.ends_with(".json") && !name.ends_with(".schema.json"))
                .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "claim_request.json",
                "claim_response.json",
                "observe_request.json",
                "observe_response.json",
                "report_request.json",
                "report_response.json",
                "version_error.json",
                "vocabulary.json"
            ]
        );
    }

    /// Changes one thing in a value: a step down for each number of the rule, and another value there.
    fn mutated(value: &mut Value, next: &mut impl FnMut(usize) -> usize) {
        let strange = [
            json!(null),
            json!(true),
            json!(-1),
            json!(u64::MAX),
            json!(1e308),
            json!(""),
            json!("\u{0}\u{202e}"),
            json!("x".repeat(5000)),
            json!([]),
            json!({}),
            json!([[{}]]),
        ];
        let length = match value {
            Value::Array(items) => items.len(),
            Value::Object(members) => members.len(),
            _ => 0,
        };
        if length == 0 || next(8) == 0 {
            *value = strange[next(strange.len())].clone();
            return;
        }
        let at = next(length);
        match (value, next(8)) {
            (Value::Array(items), 0) => drop(items.remove(at)),
            (Value::Array(items), 1) => items.push(items[at].clone()),
            (Value::Array(items), _) => mutated(&mut items[at], next),
            (Value::Object(members), kind) => {
                let key = members.keys().nth(at).expect("there are so many").clone();
                match kind {
                    0 => drop(members.remove(&key)),
                    1 => {
                        let value = members.remove(&key).unwrap_or_default();
                        members.insert(format!("{key}_"), value);
                    }
                    _ => mutated(&mut members[&key], next),
                }
            }
            _ => {}
        }
    }

    /// `make fuzz` does the same for longer.
    #[test]
    fn mutated_answers_are_read_or_refused_and_a_job_that_is_read_holds() {
        let mut state = 20_261_129_u64;
        let mut next = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as usize % below
        };
        let (claim, report) = (golden("claim_response"), golden("report_response"));
        let observe = golden("observe_response");
        let (mut read, mut refused) = (0, 0);
        for _ in 0..300 {
            let jobs = claim["jobs"].as_array().unwrap();
            let mut job = jobs[next(jobs.len())].clone();
            for _ in 0..=next(3) {
                mutated(&mut job, &mut next);
            }
            match Job::read(&job) {
                Ok(first) => {
                    read += 1;
                    let written = serde_json::to_value(&first).unwrap();
                    let second = Job::read(&written).unwrap();
                    assert_eq!(serde_json::to_value(&second).unwrap(), written);
                }
                Err(unreadable) => {
                    refused += 1;
                    assert_eq!(unreadable.id, job.get("id").and_then(Value::as_i64));
                    assert_eq!(unreadable.problem.code.as_str(), "contract");
                }
            }
            let mut answers = [claim.clone(), report.clone(), observe.clone()];
            for answer in &mut answers {
                mutated(answer, &mut next);
            }
            let [claim, report, observe] = answers;
            let _ = serde_json::from_value::<ClaimResponse>(claim);
            let _ = serde_json::from_value::<ReportResponse>(report);
            let _ = serde_json::from_value::<ObserveResponse>(observe);
        }
        assert!(read > 5 && refused > 100, "{read} read, {refused} refused");
    }

    #[test]
    fn a_newer_odoo_may_say_more() {
        let mut claim = golden("claim_response");
        claim["jobs"][0]["color"] = json!("green");
        claim["mood"] = json!("good");
        let claim: ClaimResponse = serde_json::from_value(claim).unwrap();
        assert_eq!(Job::read(&claim.jobs[0]).unwrap().id, 42);
    }

    #[test]
    fn a_job_that_cannot_be_read_says_whose_it_is_and_why() {
        let mut job = golden("claim_response")["jobs"][0].clone();
        job["kind"] = json!("dance");
        let unreadable = Job::read(&job).unwrap_err();
        assert_eq!(unreadable.id, Some(42));
        assert!(unreadable.token.is_some());
        assert!(
            unreadable.problem.message.contains("dance"),
            "{}",
            unreadable.problem
        );
    }

    #[test]
    fn the_words_of_the_contract_are_those_that_are_sent() {
        for kind in JobKind::VARIANTS {
            assert_eq!(json!(kind), json!(kind.as_str()));
        }
        for code in StepCode::VARIANTS {
            assert_eq!(json!(code), json!(code.as_str()));
        }
        for state in OutcomeState::VARIANTS {
            assert_eq!(json!(state), json!(state.as_str()));
        }
    }

    #[test]
    fn secrets_and_tokens_are_not_shown_by_debug() {
        let job = Job::read(&golden("claim_response")["jobs"][0]).unwrap();
        let shown = format!("{job:?}");
        assert!(!shown.contains("s3cr#t"), "{shown}");
        assert!(
            !shown.contains("c2a1f3b8e5d94f0fb6a7c8d9e0f1a2b3"),
            "{shown}"
        );
    }
}
