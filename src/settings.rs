//! The worker's settings: a TOML file and the environment, checked as a whole before anything starts.
//!
//! Every key of the file is also an environment variable: `worker.capacity` is `CHANDLERY_WORKER__CAPACITY`. The
//! environment wins. `config/chandlery.toml` explains each key.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use toml::{Table, Value};
use url::Url;

use crate::ansible::vault;
use crate::artefact::Tools;
use crate::code::Code;
use crate::dns::Server;
use crate::loopback::is_loopback;
use crate::mailgun::{self, Region};
use crate::manifest::reach::{Allowed, Network, Place};
use crate::manifest::{Limits, Reach};
use crate::problem::Problem;

/// Where the settings are looked for when no `--config` names a file.
pub const DEFAULT_FILE: &str = "/etc/chandlery/chandlery.toml";

const PREFIX: &str = "CHANDLERY_";

/// Keys that are given by a file or the environment, never in the settings file itself.
const SECRETS: [&[&str]; 2] = [&["odoo", "key"], &["mailgun", "key"]];

/// How long one call to Mailgun may wait in all when Mailgun asks to come back later: longer than the minute that it
/// usually asks for.
const MAILGUN_PATIENCE: Duration = Duration::from_secs(90);

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub odoo: Odoo,
    pub worker: Worker,
    pub manifests: Manifests,
    pub artefacts: Artefacts,
    pub deploy: Deploy,
    pub mailgun: Mailgun,
    pub dns: DnsServers,
    pub vault: Vault,
    pub telemetry: Telemetry,
    /// The clusters this worker serves, under the names that Odoo knows them by.
    pub clusters: BTreeMap<String, Cluster>,
}

/// How to reach Odoo.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct Odoo {
    pub url: String,
    /// Below which address the websocket is, where it is not below `url`.
    pub websocket_url: String,
    /// Whether a host beyond this machine may be called over http.
    pub allow_http: bool,
    /// Sent as `X-Odoo-Database`; empty where the host name alone leads to the database.
    pub database: String,
    /// The file that holds the worker key; empty where the key comes by environment.
    pub key_file: PathBuf,
    /// How long one call may take.
    pub timeout_seconds: u64,
    #[serde(skip)]
    key: Key,
    #[serde(skip)]
    is_key_from_file: bool,
}

impl Default for Odoo {
    fn default() -> Self {
        Self {
            url: String::new(),
            websocket_url: String::new(),
            allow_http: false,
            database: String::new(),
            key_file: PathBuf::new(),
            timeout_seconds: 30,
            key: Key::default(),
            is_key_from_file: false,
        }
    }
}

impl Odoo {
    /// The worker key, as it was at the start.
    pub fn key(&self) -> &SecretString {
        &self.key.0
    }

    /// The file whose content is the worker key; none where it came by environment.
    pub fn key_in_file(&self) -> Option<&Path> {
        self.is_key_from_file.then_some(self.key_file.as_path())
    }
}

/// The key is compared nowhere; two settings differ in what can be written down.
#[derive(Clone, Debug, Default)]
struct Key(SecretString);

impl PartialEq for Key {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// How this worker works.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct Worker {
    /// The name Odoo shows; empty: the machine's host name.
    pub name: String,
    /// How many jobs compute and write at once. Those that wait do not count.
    pub capacity: u32,
    /// How often each cluster is looked at outside any job.
    pub observe_seconds: u64,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            name: String::new(),
            capacity: 24,
            observe_seconds: 30,
        }
    }
}

/// Limits on fetching manifests, and where they may come from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct Manifests {
    /// How long one manifest may take to arrive.
    pub timeout_seconds: u64,
    /// How long one manifest may be, in bytes.
    pub max_bytes: u64,
    /// Hosts and networks that manifests may come from although they are not on the internet.
    pub allow: Vec<Allowed>,
    /// Networks that they may not come from although they are on the internet.
    pub refuse: Vec<Network>,
    /// Hosts beyond this machine that may be asked over http.
    pub allow_http: Vec<Place>,
    /// What hosts get to read, each only what is its own.
    pub hosts: BTreeMap<Place, Host>,
}

/// What a host of manifests gets to read with every request.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct Host {
    /// The file that holds a token, sent as `Authorization: Bearer …`.
    pub token_file: PathBuf,
    /// Files that hold the value of a header, by the header's name.
    pub header_files: BTreeMap<String, PathBuf>,
    /// Headers that are no secret.
    pub headers: BTreeMap<String, Unshown>,
    #[serde(skip)]
    made: HeaderMap,
}

/// A text that may be a secret in the wrong place.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(transparent)]
pub struct Unshown(String);

impl fmt::Debug for Unshown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Host {
    /// Makes the headers of what the settings say; gives back what is wrong, by its key.
    fn make(&mut self) -> Vec<(KeyPath, String)> {
        let mut wrong = Vec::new();
        let mut made = HeaderMap::new();
        let mut add = |path: &[&str], name: &str, value: Result<String, String>| {
            let value = value.and_then(|value| header(name, &value));
            match value {
                Ok((name, value)) => {
                    made.insert(name, value);
                }
                Err(reason) => {
                    wrong.push((path.iter().map(|&key| key.to_owned()).collect(), reason));
                }
            }
        };
        for (name, value) in &self.headers {
            add(&["headers", name], name, Ok(value.0.clone()));
        }
        for (name, file) in &mut self.header_files {
            *file = at_home(file);
            let value = std::fs::read_to_string(&*file)
                .map(|text| text.trim().to_owned())
                .map_err(|error| format!("{} cannot be read: {error}", file.display()));
            add(&["header_files", name], name, value);
        }
        self.token_file = at_home(&self.token_file);
        let token = key("the token", &self.token_file, None).transpose();
        if let Some(token) = token {
            let bearer = token.map(|token| format!("Bearer {}", token.expose_secret()));
            add(&["token_file"], "Authorization", bearer);
        }
        self.made = made;
        wrong
    }
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("'{name}' is not the name of a header"))?;
    if value.is_empty() {
        return Err("is empty".to_owned());
    }
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| "holds what no header may hold, such as a line break".to_owned())?;
    value.set_sensitive(true);
    Ok((name, value))
}

impl Default for Manifests {
    fn default() -> Self {
        Self {
            timeout_seconds: 10,
            max_bytes: 1024 * 1024,
            allow: Vec::new(),
            refuse: Vec::new(),
            allow_http: Vec::new(),
            hosts: BTreeMap::new(),
        }
    }
}

impl Manifests {
    /// How far fetching may go.
    pub fn limits(&self) -> Limits {
        Limits {
            time: Duration::from_secs(self.timeout_seconds),
            bytes: usize::try_from(self.max_bytes).unwrap_or(usize::MAX),
            ..Limits::default()
        }
    }

    /// Where manifests may come from.
    pub fn reach(&self) -> Reach {
        Reach {
            allow: self.allow.clone(),
            refuse: self.refuse.clone(),
            allow_http: self.allow_http.clone(),
            headers: self
                .hosts
                .iter()
                .map(|(place, host)| (place.clone(), host.made.clone()))
                .collect(),
        }
    }
}

/// The tools that read charts and folders of others, which run without network.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct Artefacts {
    /// The program `helm`; empty: what `PATH` leads to.
    pub helm: PathBuf,
    /// The program `kustomize`; empty: what `PATH` leads to.
    pub kustomize: PathBuf,
    /// The program that runs them without network; empty: this one.
    #[serde(skip)]
    pub launcher: PathBuf,
}

impl Artefacts {
    /// The tools that the settings name.
    pub fn tools(&self) -> Tools {
        Tools::new(&self.helm, &self.kustomize, &self.launcher)
    }
}

/// Polling of a deploy.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct Deploy {
    /// How long an app may take to become ready.
    pub ready_seconds: u64,
    /// How long to wait for the ingress controller's address before the job ends without one.
    pub ingress_seconds: u64,
}

impl Default for Deploy {
    fn default() -> Self {
        Self {
            ready_seconds: 600,
            ingress_seconds: 20,
        }
    }
}

/// The Mailgun account in which apps get their mail domains. Without a key there is none.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct Mailgun {
    /// Where the account's domains are made.
    pub region: Region,
    /// The file that holds the API key; empty where the key comes by environment, or there is none.
    pub key_file: PathBuf,
    /// The API's address; empty: the region's own.
    pub url: String,
    /// The operator's own domain in the account, from which invitations are sent while an app's is not verified; empty:
    /// there is none.
    pub sending_domain: String,
    /// How long one call may take.
    pub timeout_seconds: u64,
    #[serde(skip)]
    key: Key,
}

impl Default for Mailgun {
    fn default() -> Self {
        Self {
            region: Region::Us,
            key_file: PathBuf::new(),
            url: String::new(),
            sending_domain: String::new(),
            timeout_seconds: 30,
            key: Key::default(),
        }
    }
}

impl Mailgun {
    /// How to reach the account; `None` where no key is set.
    pub fn access(&self) -> Option<mailgun::Access> {
        let key = &self.key.0;
        (!key.expose_secret().is_empty()).then(|| mailgun::Access {
            region: self.region,
            url: Some(self.url.clone()).filter(|url| !url.is_empty()),
            key: key.clone(),
            timeout: Duration::from_secs(self.timeout_seconds),
            patience: MAILGUN_PATIENCE,
        })
    }
}

/// Where the DNS records of apps' domains are looked up.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct DnsServers {
    /// The servers to ask; empty: those of this machine.
    pub servers: Vec<Server>,
}

/// The passwords that open values encrypted with ansible-vault.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct Vault {
    /// The files that hold the passwords, by vault id.
    pub password_files: BTreeMap<String, PathBuf>,
    #[serde(skip)]
    passwords: Passwords,
}

/// They are compared nowhere, as a [`Key`].
#[derive(Clone, Debug, Default)]
struct Passwords(vault::Vault);

impl PartialEq for Passwords {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Vault {
    /// What the passwords open.
    pub fn opener(&self) -> &vault::Vault {
        &self.passwords.0
    }
}

/// What the worker tells about itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// Address of `/healthz`, `/readyz` and `/metrics`; empty: none.
    pub listen: String,
    /// What is logged, as tracing's filters say it.
    pub log: String,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9090".to_owned(),
            log: "info".to_owned(),
        }
    }
}

/// How to reach one cluster: by a kubeconfig, or from inside it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub struct Cluster {
    pub kubeconfig: PathBuf,
    /// The kubeconfig's context; empty: its current one.
    pub context: String,
    /// Whether the worker runs in this cluster and uses its pod's service account.
    pub in_cluster: bool,
}

impl Settings {
    /// Reads the file (where none is given, [`DEFAULT_FILE`] if it exists) and the process's environment.
    ///
    /// # Errors
    /// Everything that is wrong, at once: each problem names file or variable, key and reason.
    pub fn load(file: Option<&Path>) -> Result<Self, Vec<Problem>> {
        let default = Path::new(DEFAULT_FILE);
        let file = file.or_else(|| default.exists().then_some(default));
        Self::read(file, std::env::vars_os())
    }

    fn read(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Vec<Problem>> {
        let mut given = Given::default();
        if let Some(file) = file {
            given.read_file(file);
        }
        let secrets = given.read_environment(environment);
        given.finish(file, secrets)
    }
}

/// A key's path: `["worker", "capacity"]`.
type KeyPath = Vec<String>;

/// The secrets that the environment gives.
type Secrets = BTreeMap<KeyPath, SecretString>;

/// The values that were given, each with where it came from, and what is wrong so far.
#[derive(Default)]
struct Given {
    values: BTreeMap<KeyPath, (Value, String)>,
    problems: Vec<Problem>,
}

impl Given {
    fn read_file(&mut self, file: &Path) {
        let source = file.display().to_string();
        let table = std::fs::read_to_string(file)
            .map_err(|error| format!("cannot be read: {error}"))
            .and_then(|text| {
                // The library's own text would quote the line, and a line may hold a secret in the wrong place.
                text.parse::<Table>().map_err(|error| match error.span() {
                    Some(span) => format!(
                        "line {}: {}",
                        text[..span.start.min(text.len())].matches('\n').count() + 1,
                        error.message()
                    ),
                    None => error.message().to_owned(),
                })
            });
        match table {
            Ok(table) => self.take_table(&source, &mut Vec::new(), table),
            Err(reason) => self.wrong(&source, "", &reason),
        }
    }

    fn take_table(&mut self, source: &str, path: &mut KeyPath, table: Table) {
        for (key, value) in table {
            path.push(key);
            match value {
                Value::Table(table) if !table.is_empty() => self.take_table(source, path, table),
                _ if is_secret(path) => {
                    let key = path.join(".");
                    let variable = format!("{PREFIX}{}", path.join("__").to_uppercase());
                    self.wrong(source, &key, &format!("a secret does not belong into this file: set {key}_file, or the environment variable {variable}"));
                }
                value => match settings_of(path, &value) {
                    Ok(_) => {
                        self.values.insert(path.clone(), (value, source.to_owned()));
                    }
                    Err(reason) => self.wrong(source, &path.join("."), &reason),
                },
            }
            path.pop();
        }
    }

    /// Takes the variables that are ours; gives back the secrets among them.
    fn read_environment(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Secrets {
        let mut secrets = Secrets::new();
        for (name, value) in environment {
            let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
                continue;
            };
            let source = format!("environment variable {PREFIX}{rest}");
            let path: KeyPath = rest.to_lowercase().split("__").map(str::to_owned).collect();
            let key = path.join(".");
            let Some(text) = value.to_str() else {
                self.wrong(&source, &key, "is not UTF-8");
                continue;
            };
            if is_secret(&path) {
                secrets.insert(path, SecretString::from(text.trim()));
                continue;
            }
            // A variable has no type. Text comes first, so that a key's digits stay text where text is wanted.
            let as_text = Value::String(text.to_owned());
            let as_value = format!("value = {text}")
                .parse::<Table>()
                .ok()
                .and_then(|mut table| table.remove("value"))
                .filter(|value| value.is_bool() || value.is_integer() || value.is_array());
            let taken = match settings_of(&path, &as_text) {
                Ok(_) => Ok(as_text),
                Err(reason) => match as_value {
                    Some(value) => settings_of(&path, &value).map(|_| value),
                    None => Err(reason),
                },
            };
            match taken {
                Ok(value) => {
                    self.values.insert(path, (value, source));
                }
                Err(reason) => self.wrong(&source, &key, &reason),
            }
        }
        secrets
    }

    fn finish(mut self, file: Option<&Path>, secrets: Secrets) -> Result<Settings, Vec<Problem>> {
        let mut whole = Table::new();
        for (path, (value, _)) in &self.values {
            insert(&mut whole, path, value.clone());
        }
        let mut settings: Settings = match whole.try_into() {
            Ok(settings) => settings,
            Err(error) => {
                self.wrong("settings", "", error.message());
                Settings::default()
            }
        };
        if settings.worker.name.is_empty() {
            settings.worker.name = gethostname::gethostname().to_string_lossy().into_owned();
        }
        for cluster in settings.clusters.values_mut() {
            cluster.kubeconfig = at_home(&cluster.kubeconfig);
        }
        let nowhere = file.map_or("settings".to_owned(), |file| file.display().to_string());
        settings.mailgun.key_file = at_home(&settings.mailgun.key_file);
        settings.artefacts.helm = at_home(&settings.artefacts.helm);
        settings.artefacts.kustomize = at_home(&settings.artefacts.kustomize);
        let given = |path: &[&str]| {
            secrets.get(&path.iter().map(|&key| key.to_owned()).collect::<KeyPath>())
        };
        match key(
            "the worker key",
            &settings.odoo.key_file,
            given(&["odoo", "key"]),
        ) {
            Ok(Some(key)) => {
                settings.odoo.key = Key(key);
                settings.odoo.is_key_from_file = by_environment(given(&["odoo", "key"])).is_none();
            }
            Ok(None) => self.wrong_key(&nowhere, &["odoo", "key_file"], NO_WORKER_KEY),
            Err(reason) => self.wrong_key(&nowhere, &["odoo", "key_file"], &reason),
        }
        match key(
            "the Mailgun API key",
            &settings.mailgun.key_file,
            given(&["mailgun", "key"]),
        ) {
            Ok(found) => settings.mailgun.key = Key(found.unwrap_or_default()),
            Err(reason) => self.wrong_key(&nowhere, &["mailgun", "key_file"], &reason),
        }
        for (place, host) in &mut settings.manifests.hosts {
            for (path, reason) in host.make() {
                let place = place.to_string();
                let mut whole = vec!["manifests", "hosts", &place];
                whole.extend(path.iter().map(String::as_str));
                self.wrong_key(&nowhere, &whole, &reason);
            }
        }
        let mut passwords = Vec::new();
        for (id, file) in &mut settings.vault.password_files {
            *file = at_home(file);
            match vault::read_password(file) {
                Ok(password) => passwords.push((id.clone(), password)),
                Err(reason) => self.wrong_key(&nowhere, &["vault", "password_files", id], &reason),
            }
        }
        settings.vault.passwords = Passwords(vault::Vault::new(passwords));
        for (path, reason) in settings.wrong_values() {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            self.wrong_key(&nowhere, &path, &reason);
        }
        if self.problems.is_empty() {
            Ok(settings)
        } else {
            Err(self.problems)
        }
    }

    fn wrong_key(&mut self, nowhere: &str, path: &[&str], reason: &str) {
        let path: KeyPath = path.iter().map(|&key| key.to_owned()).collect();
        let source = match self.values.get(&path) {
            Some((_, source)) => source.clone(),
            None => nowhere.to_owned(),
        };
        self.wrong(&source, &path.join("."), reason);
    }

    fn wrong(&mut self, source: &str, key: &str, reason: &str) {
        let message = match key {
            "" => format!("{source}: {reason}"),
            key => format!("{source}: {key}: {reason}"),
        };
        self.problems.push(Problem::new(Code::Settings, message));
    }
}

const NO_WORKER_KEY: &str = "the worker has no key: create one in Odoo (Kubernetes > Configuration > Workers), write it into a file that only the worker may read and name it here, or set CHANDLERY_ODOO__KEY";

/// Whether it is written as DNS compares it.
fn is_domain(text: &str) -> bool {
    matches!(url::Host::parse(text), Ok(url::Host::Domain(name)) if name == text && name.contains('.'))
}

fn is_secret(path: &[String]) -> bool {
    SECRETS.iter().any(|secret| path == *secret)
}

/// A key by environment, where an empty one counts as none.
fn by_environment(key: Option<&SecretString>) -> Option<&SecretString> {
    key.filter(|key| !key.expose_secret().is_empty())
}

/// A key from the environment or from its file.
fn key(
    what: &str,
    file: &Path,
    given: Option<&SecretString>,
) -> Result<Option<SecretString>, String> {
    let key = match by_environment(given) {
        Some(key) => key.clone(),
        None if file.as_os_str().is_empty() => return Ok(None),
        None => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
            SecretString::from(text.trim())
        }
    };
    checked(what, key).map(Some)
}

/// Refuses what cannot be a key: it goes into a header.
pub(crate) fn checked(what: &str, key: SecretString) -> Result<SecretString, String> {
    let text = key.expose_secret();
    if text.is_empty() {
        return Err(format!("{what} is empty"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "{what} holds more than one word; it must be the key alone"
        ));
    }
    Ok(key)
}

impl Settings {
    /// Values of the right type that still make no sense.
    fn wrong_values(&self) -> Vec<(KeyPath, String)> {
        let mut wrong = Vec::new();
        let mut say = |path: &[&str], reason: String| {
            wrong.push((path.iter().map(|&key| key.to_owned()).collect(), reason));
        };
        if self.odoo.url.is_empty() {
            say(
                &["odoo", "url"],
                "is not set; it is Odoo's address, such as https://odoo.example.com".to_owned(),
            );
        }
        for (name, address) in [
            ("url", &self.odoo.url),
            ("websocket_url", &self.odoo.websocket_url),
        ] {
            match Url::parse(address) {
                _ if address.is_empty() => {}
                Err(url::ParseError::RelativeUrlWithoutBase) => say(
                    &["odoo", name],
                    "must begin with http:// or https://".to_owned(),
                ),
                Err(error) => say(&["odoo", name], format!("is not an address: {error}")),
                Ok(url) if !matches!(url.scheme(), "http" | "https") => say(
                    &["odoo", name],
                    "must begin with http:// or https://".to_owned(),
                ),
                Ok(url) if url.password().is_some() || !url.username().is_empty() => say(
                    &["odoo", name],
                    "holds a login; the worker uses its key alone".to_owned(),
                ),
                Ok(url)
                    if url.scheme() == "http" && !is_loopback(&url) && !self.odoo.allow_http =>
                {
                    say(
                        &["odoo", name],
                        format!(
                            "'{address}' would send the worker key and the secrets of every job unencrypted: use https://, or set odoo.allow_http = true where nobody else is on the way",
                        ),
                    )
                }
                Ok(_) => {}
            }
        }
        for (path, value, from, to) in [
            (
                ["odoo", "timeout_seconds"],
                self.odoo.timeout_seconds,
                1,
                300,
            ),
            (["worker", "capacity"], self.worker.capacity.into(), 1, 1000),
            (
                ["worker", "observe_seconds"],
                self.worker.observe_seconds,
                5,
                86_400,
            ),
            (
                ["manifests", "timeout_seconds"],
                self.manifests.timeout_seconds,
                1,
                300,
            ),
            (
                ["manifests", "max_bytes"],
                self.manifests.max_bytes,
                1024,
                16 * 1024 * 1024,
            ),
            (
                ["deploy", "ready_seconds"],
                self.deploy.ready_seconds,
                1,
                86_400,
            ),
            (
                ["deploy", "ingress_seconds"],
                self.deploy.ingress_seconds,
                0,
                3_600,
            ),
            (
                ["mailgun", "timeout_seconds"],
                self.mailgun.timeout_seconds,
                1,
                300,
            ),
        ] {
            if !(from..=to).contains(&value) {
                say(&path, format!("{value} is not between {from} and {to}"));
            }
        }
        if !self.mailgun.url.is_empty()
            && let Err(reason) = mailgun::check_address(&self.mailgun.url, self.mailgun.region)
        {
            say(&["mailgun", "url"], reason);
        }
        let domain = &self.mailgun.sending_domain;
        if !domain.is_empty() && !is_domain(domain) {
            say(
                &["mailgun", "sending_domain"],
                format!("'{domain}' is not the name of a domain such as mail.example.com"),
            );
        }
        if !self.telemetry.listen.is_empty()
            && let Err(error) = self.telemetry.listen.parse::<SocketAddr>()
        {
            say(
                &["telemetry", "listen"],
                format!(
                    "'{}' is not an IP address and port such as 127.0.0.1:9090: {error}",
                    self.telemetry.listen
                ),
            );
        }
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.telemetry.log) {
            say(
                &["telemetry", "log"],
                format!("is not a log filter such as info or info,kube=debug: {error}"),
            );
        }
        if self.clusters.is_empty() {
            say(
                &["clusters"],
                "no cluster is set; add [clusters.NAME] with kubeconfig, or in_cluster = true"
                    .to_owned(),
            );
        }
        for (name, cluster) in &self.clusters {
            let kubeconfig = !cluster.kubeconfig.as_os_str().is_empty();
            if kubeconfig == cluster.in_cluster {
                say(
                    &["clusters", name],
                    "needs either kubeconfig (a file) or in_cluster = true".to_owned(),
                );
            } else if cluster.in_cluster && !cluster.context.is_empty() {
                say(
                    &["clusters", name, "context"],
                    "has no meaning with in_cluster = true".to_owned(),
                );
            }
        }
        wrong
    }
}

/// What the settings become with one value alone, or why they refuse it.
fn settings_of(path: &[String], value: &Value) -> Result<Settings, String> {
    let mut table = Table::new();
    insert(&mut table, path, value.clone());
    table
        .try_into::<Settings>()
        .map_err(|error| error.message().to_owned())
}

fn insert(table: &mut Table, path: &[String], value: Value) {
    let Some((last, tables)) = path.split_last() else {
        return;
    };
    let mut inner = table;
    for key in tables {
        let entry = inner
            .entry(key)
            .or_insert_with(|| Value::Table(Table::new()));
        if !entry.is_table() {
            *entry = Value::Table(Table::new());
        }
        let Value::Table(next) = entry else { return };
        inner = next;
    }
    inner.insert(last.clone(), value);
}

/// `~/…` as a shell reads it.
pub fn at_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const ENOUGH: &str = r#"
        [odoo]
        url = "https://odoo.example.com"
        [clusters.demo]
        kubeconfig = "/etc/kube"
    "#;

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Settings, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let environment = environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        Settings::read(Some(file.path()), environment).map_err(|problems| {
            let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
            shown
                .join("\n")
                .replace(&file.path().display().to_string(), "FILE")
        })
    }

    const KEY: (&str, &str) = ("CHANDLERY_ODOO__KEY", "0123456789");

    fn shipped() -> String {
        std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/config/chandlery.toml"
        ))
        .unwrap()
    }

    /// The keys of a table, as paths.
    fn keys(value: &Value, path: &str, into: &mut Vec<String>) {
        match value {
            Value::Table(table) => {
                for (key, value) in table {
                    keys(value, &format!("{path}.{key}"), into);
                }
            }
            _ => into.push(path.trim_start_matches('.').to_owned()),
        }
    }

    #[test]
    fn the_shipped_file_says_the_defaults() {
        let shipped: Settings = toml::from_str(&shipped()).unwrap();
        assert_eq!(shipped, Settings::default());
    }

    #[test]
    fn the_shipped_file_explains_every_key() {
        let shipped = shipped();
        // Lines such as `#[clusters.demo]` and `#key_file = …` are settings commented out; prose has a space there.
        let uncommented: String = shipped
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => {
                    format!("{rest}\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let mut explained = Vec::new();
        keys(
            &Value::Table(uncommented.parse().unwrap()),
            "",
            &mut explained,
        );
        toml::from_str::<Settings>(&uncommented).unwrap();
        let host = Host {
            header_files: BTreeMap::from([("PRIVATE-TOKEN".to_owned(), PathBuf::new())]),
            headers: BTreeMap::from([("Accept".to_owned(), Unshown::default())]),
            ..Host::default()
        };
        let example = Settings {
            clusters: BTreeMap::from([("demo".to_owned(), Cluster::default())]),
            manifests: Manifests {
                hosts: BTreeMap::from([("git.example.com".parse().unwrap(), host)]),
                ..Manifests::default()
            },
            vault: Vault {
                password_files: BTreeMap::from([("prod".to_owned(), PathBuf::new())]),
                ..Vault::default()
            },
            ..Settings::default()
        };
        let mut known = Vec::new();
        keys(&Value::try_from(example).unwrap(), "", &mut known);
        explained.sort();
        known.sort();
        assert_eq!(explained, known);

        let mut comment = false;
        for line in shipped.lines() {
            let key = line.trim_start_matches('#');
            if key.starts_with(|c: char| c.is_ascii_lowercase()) && key.contains(" = ") {
                assert!(comment, "no comment above: {line}");
            }
            comment = line.starts_with("# ");
        }
    }

    #[test]
    fn the_environment_wins_over_the_file_for_every_type_of_key() {
        let settings = read(
            ENOUGH,
            &[
                KEY,
                ("CHANDLERY_ODOO__DATABASE", "007"),
                ("CHANDLERY_WORKER__CAPACITY", "3"),
                ("CHANDLERY_CLUSTERS__DEMO__KUBECONFIG", "/other"),
                ("CHANDLERY_CLUSTERS__EDGE__IN_CLUSTER", "true"),
                (
                    "CHANDLERY_MANIFESTS__ALLOW",
                    "['127.0.0.1:8090', 'git.example.com', '10.1.0.0/16']",
                ),
                ("UNRELATED", "x"),
                ("CHANDLERY", "/usr/bin/chandlery"),
            ],
        )
        .unwrap();
        assert_eq!(settings.odoo.database, "007");
        assert_eq!(settings.worker.capacity, 3);
        assert_eq!(settings.clusters["demo"].kubeconfig, Path::new("/other"));
        assert!(settings.clusters["edge"].in_cluster);
        assert_eq!(settings.odoo.key().expose_secret(), "0123456789");
        let allowed: Vec<String> = settings
            .manifests
            .allow
            .into_iter()
            .map(Into::into)
            .collect();
        assert_eq!(
            allowed,
            ["127.0.0.1:8090", "git.example.com", "10.1.0.0/16"]
        );
    }

    #[test]
    fn the_environment_alone_is_enough() {
        let environment = [
            KEY,
            ("CHANDLERY_ODOO__URL", "http://127.0.0.1:8069"),
            ("CHANDLERY_CLUSTERS__DEMO__KUBECONFIG", "/etc/kube"),
        ];
        let settings = Settings::read(
            None,
            environment.map(|(name, value)| (name.into(), value.into())),
        )
        .unwrap();
        assert_eq!(settings.odoo.url, "http://127.0.0.1:8069");
        assert!(!settings.worker.name.is_empty(), "the machine's name");
    }

    #[test]
    fn unknown_keys_are_refused_with_file_key_and_reason() {
        let error = read(&format!("[worker]\ncapacty = 3\n{ENOUGH}"), &[KEY]).unwrap_err();
        assert!(
            error.starts_with(
                "FILE: worker.capacty: unknown field `capacty`, expected one of `name`, `capacity`"
            ),
            "{error}"
        );
        let error = read(&format!("colour = 'red'\n{ENOUGH}"), &[KEY]).unwrap_err();
        assert!(
            error.starts_with("FILE: colour: unknown field `colour`"),
            "{error}"
        );
    }

    #[test]
    fn unknown_variables_are_refused_with_their_name() {
        let error = read(ENOUGH, &[KEY, ("CHANDLERY_WORKER__CAPACTY", "3")]).unwrap_err();
        assert!(
            error.starts_with(
                "environment variable CHANDLERY_WORKER__CAPACTY: worker.capacty: unknown field"
            ),
            "{error}"
        );
        let error = read(ENOUGH, &[KEY, ("CHANDLERY_URL", "x")]).unwrap_err();
        assert!(
            error.starts_with("environment variable CHANDLERY_URL: url: unknown field"),
            "{error}"
        );
    }

    #[test]
    fn bad_values_are_refused_with_where_they_came_from() {
        for (text, expected) in [
            (
                "[worker]\ncapacity = 'many'",
                "FILE: worker.capacity: invalid type: string \"many\"",
            ),
            (
                "[worker]\ncapacity = 1.5",
                "FILE: worker.capacity: invalid type: floating point",
            ),
            (
                "[worker]\ncapacity = 0",
                "FILE: worker.capacity: 0 is not between 1 and 1000",
            ),
            (
                "[worker]\ncapacity = -1",
                "FILE: worker.capacity: invalid value: integer `-1`",
            ),
            ("worker = 3", "FILE: worker: invalid type: integer `3`"),
            (
                "[telemetry]\nlisten = 'localhost'",
                "FILE: telemetry.listen: 'localhost' is not an IP address and port",
            ),
            (
                "[telemetry]\nlog = 'chandlery=loud'",
                "FILE: telemetry.log: is not a log filter",
            ),
            (
                "[mailgun]\nregion = 'asia'",
                "FILE: mailgun.region: unknown variant `asia`, expected `us` or `eu`",
            ),
            (
                "[mailgun]\nurl = 'http://api.mailgun.net'",
                "FILE: mailgun.url: 'http://api.mailgun.net' would send the Mailgun API key unencrypted",
            ),
            (
                "[odoo]\nurl = 'http://odoo.example.com'",
                "FILE: odoo.url: 'http://odoo.example.com' would send the worker key and the secrets of every job unencrypted: use https://, or set odoo.allow_http = true",
            ),
            (
                "[odoo]\nwebsocket_url = 'odoo:8072'",
                "FILE: odoo.websocket_url: must begin with http:// or https://",
            ),
            (
                "[mailgun]\ntimeout_seconds = 0",
                "FILE: mailgun.timeout_seconds: 0 is not between 1 and 300",
            ),
            (
                "[mailgun]\nsending_domain = 'hello@mail.example.com'",
                "FILE: mailgun.sending_domain: 'hello@mail.example.com' is not the name of a domain",
            ),
            (
                "[mailgun]\nsending_domain = 'mail'",
                "FILE: mailgun.sending_domain: 'mail' is not the name of a domain",
            ),
            (
                "[mailgun]\nkey_file = '/nowhere/key'",
                "FILE: mailgun.key_file: /nowhere/key cannot be read: No such file",
            ),
            (
                "[manifests]\nallow = ['10.1.0.0/99']",
                "FILE: manifests.allow: '10.1.0.0/99' is neither a host (git.example.com, 127.0.0.1:8090) nor a network",
            ),
            (
                "[manifests]\nallow = ['https://git.example.com']",
                "FILE: manifests.allow: 'https://git.example.com' is neither a host",
            ),
            (
                "[manifests]\nrefuse = ['git.example.com']",
                "FILE: manifests.refuse: 'git.example.com' is not a network such as 10.1.0.0/16",
            ),
            (
                "[manifests]\nallow_http = ['*.example.com']",
                "FILE: manifests.allow_http: '*.example.com' is not a host such as git.example.com",
            ),
            (
                "[clusters.edge]",
                "FILE: clusters.edge: needs either kubeconfig (a file) or in_cluster = true",
            ),
            (
                "[clusters.edge]\nin_cluster = true\ncontext = 'x'",
                "FILE: clusters.edge.context: has no meaning",
            ),
        ] {
            let rest = match text.starts_with("[odoo]") {
                true => "[clusters.demo]\nkubeconfig = '/etc/kube'",
                false => ENOUGH,
            };
            let error = read(&format!("{text}\n{rest}"), &[KEY]).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let error = read(ENOUGH, &[KEY, ("CHANDLERY_WORKER__CAPACITY", "many")]).unwrap_err();
        assert!(
            error.starts_with("environment variable CHANDLERY_WORKER__CAPACITY: worker.capacity:"),
            "{error}"
        );
        let error = read(ENOUGH, &[KEY, ("CHANDLERY_ODOO__URL", "ftp://x")]).unwrap_err();
        assert!(
            error.starts_with("environment variable CHANDLERY_ODOO__URL: odoo.url: must begin"),
            "{error}"
        );
    }

    #[test]
    fn odoo_is_called_over_http_only_on_this_machine_or_where_the_settings_say_so() {
        for (url, good) in [
            ("https://odoo.example.com", true),
            ("http://127.0.0.1:8069", true),
            ("http://localhost:8069", true),
            ("http://[::1]:8069", true),
            ("http://odoo.example.com", false),
            ("http://10.0.0.7:8069", false),
            ("http://odoo.odoo.svc:8069", false),
            ("http://127.0.0.1.example.com", false),
        ] {
            let given = [KEY, ("CHANDLERY_ODOO__URL", url)];
            let read_so = read(ENOUGH, &given);
            assert_eq!(read_so.is_ok(), good, "{url}: {:?}", read_so.err());
            let allowed = [&given[..], &[("CHANDLERY_ODOO__ALLOW_HTTP", "true")]].concat();
            assert!(read(ENOUGH, &allowed).is_ok(), "{url}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let error = read("[worker]\ncapacity = 0\nname = 3\n", &[]).unwrap_err();
        for key in [
            "odoo.url",
            "odoo.key_file",
            "clusters",
            "worker.capacity",
            "worker.name",
        ] {
            assert!(error.contains(&format!("FILE: {key}: ")), "{key}: {error}");
        }
    }

    #[test]
    fn an_address_without_its_beginning_is_told_how_to_begin() {
        for address in [
            "127.0.0.1:14069",
            "odoo.example.com",
            "localhost:8069",
            "ftp://odoo",
        ] {
            let text = format!("[odoo]\nurl = '{address}'\n");
            let error = read(&text, &[KEY]).unwrap_err();
            let told = "FILE: odoo.url: must begin with http:// or https://";
            assert!(error.contains(told), "{address}: {error}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_or_is_no_toml_is_named() {
        let error = Settings::read(Some(Path::new("/nowhere/chandlery.toml")), []).unwrap_err();
        assert!(
            error[0]
                .message
                .starts_with("/nowhere/chandlery.toml: cannot be read: No such file")
        );
        let error = read("[odoo]\nurl = \nkey = hunter2", &[KEY]).unwrap_err();
        assert!(error.starts_with("FILE: line 2: "), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn secrets_come_only_by_environment_or_file_reference() {
        let text = ENOUGH.replace("[odoo]", "[odoo]\nkey = 'hunter2'");
        let error = read(&text, &[KEY]).unwrap_err();
        assert!(
            error.starts_with("FILE: odoo.key: a secret does not belong into this file"),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");

        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"hunter2\n").unwrap();
        let name = file.path().to_str().unwrap();
        let settings = read(ENOUGH, &[("CHANDLERY_ODOO__KEY_FILE", name)]).unwrap();
        assert_eq!(settings.odoo.key().expose_secret(), "hunter2");
        assert_eq!(settings.odoo.key_in_file(), Some(file.path()));
        let by_both = [KEY, ("CHANDLERY_ODOO__KEY_FILE", name)];
        assert_eq!(read(ENOUGH, &by_both).unwrap().odoo.key_in_file(), None);

        let error = read(ENOUGH, &[("CHANDLERY_ODOO__KEY_FILE", "/nowhere/key")]).unwrap_err();
        assert_eq!(
            error,
            "environment variable CHANDLERY_ODOO__KEY_FILE: odoo.key_file: /nowhere/key cannot be read: No such file or directory (os error 2)"
        );
        let error = read(ENOUGH, &[("CHANDLERY_ODOO__KEY", "two words")]).unwrap_err();
        assert!(!error.contains("two words"), "{error}");
    }

    #[test]
    fn mailgun_is_there_only_with_a_key_which_comes_by_environment_or_file_reference() {
        assert!(read(ENOUGH, &[KEY]).unwrap().mailgun.access().is_none());
        // An empty variable is how containers leave something out.
        let settings = read(ENOUGH, &[KEY, ("CHANDLERY_MAILGUN__KEY", "")]).unwrap();
        assert!(settings.mailgun.access().is_none());

        let given = [
            KEY,
            ("CHANDLERY_MAILGUN__KEY", "hunter2"),
            ("CHANDLERY_MAILGUN__REGION", "eu"),
            ("CHANDLERY_MAILGUN__URL", "http://127.0.0.1:8025"),
            ("CHANDLERY_MAILGUN__TIMEOUT_SECONDS", "7"),
        ];
        let access = read(ENOUGH, &given).unwrap().mailgun.access().unwrap();
        assert_eq!(access.key.expose_secret(), "hunter2");
        assert_eq!(access.region, Region::Eu);
        assert_eq!(access.url.as_deref(), Some("http://127.0.0.1:8025"));
        assert_eq!(access.timeout, Duration::from_secs(7));

        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"hunter2\n").unwrap();
        let text = format!(
            "[mailgun]\nkey_file = '{}'\n{ENOUGH}",
            file.path().display()
        );
        let access = read(&text, &[KEY]).unwrap().mailgun.access().unwrap();
        assert_eq!(access.key.expose_secret(), "hunter2");
        assert_eq!((access.region, access.url), (Region::Us, None));

        let error = read(&format!("[mailgun]\nkey = 'hunter2'\n{ENOUGH}"), &[KEY]).unwrap_err();
        assert!(
            error.contains("FILE: mailgun.key: a secret does not belong into this file: set mailgun.key_file, or the environment variable CHANDLERY_MAILGUN__KEY"),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
        let error = read(ENOUGH, &[KEY, ("CHANDLERY_MAILGUN__KEY", "two words")]).unwrap_err();
        assert!(
            error.contains("the Mailgun API key holds more than one word"),
            "{error}"
        );
        assert!(!error.contains("two words"), "{error}");
    }

    #[test]
    fn vault_passwords_come_from_files_by_id_and_what_is_wrong_with_one_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        let (good, empty) = (file("good", "hunter2\n"), file("empty", "\n"));
        let text = format!("{ENOUGH}\n[vault.password_files]\nprod = '{good}'");
        let by_environment = ("CHANDLERY_VAULT__PASSWORD_FILES__TEST", good.as_str());
        let settings = read(&text, &[KEY, by_environment]).unwrap();
        let ids: Vec<&String> = settings.vault.password_files.keys().collect();
        assert_eq!(ids, ["prod", "test"]);
        assert!(!format!("{settings:?}").contains("hunter2"));

        let error = read(&text.replace(&good, &empty), &[KEY]).unwrap_err();
        assert_eq!(
            error,
            format!("FILE: vault.password_files.prod: {empty} holds no password")
        );
        let error = read(&text.replace(&good, "/nowhere/password"), &[KEY]).unwrap_err();
        assert!(
            error.contains(
                "vault.password_files.prod: /nowhere/password cannot be read: No such file"
            ),
            "{error}"
        );
        let error = read(&text, &[KEY, (by_environment.0, &empty)]).unwrap_err();
        assert!(
            error.starts_with("environment variable CHANDLERY_VAULT__PASSWORD_FILES__TEST: "),
            "{error}"
        );
    }

    #[test]
    fn what_hosts_of_manifests_get_to_read_comes_from_files_and_is_shown_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        let (token, header) = (file("token", "hunter2\n"), file("header", "hunter3\n"));
        let text = format!(
            "{ENOUGH}\n[manifests.hosts.\"git.example.com:8443\"]\ntoken_file = '{token}'\n\
             header_files = {{ PRIVATE-TOKEN = '{header}' }}\nheaders = {{ Accept = 'hunter4' }}"
        );
        let settings = read(&text, &[KEY]).unwrap();
        let reach = settings.manifests.reach();
        let headers = reach.headers(&Url::parse("https://git.example.com:8443/x").unwrap());
        assert_eq!(headers["authorization"], "Bearer hunter2");
        assert_eq!(headers["private-token"], "hunter3");
        assert_eq!(headers["accept"], "hunter4");
        for shown in [
            format!("{settings:?}"),
            format!("{reach:?}"),
            format!("{headers:?}"),
        ] {
            assert!(!shown.contains("hunter"), "{shown}");
        }

        let key = "FILE: manifests.hosts.git.example.com:8443";
        for (old, new, expected) in [
            (
                &token,
                "/nowhere/token",
                "token_file: /nowhere/token cannot be read: No such file",
            ),
            (
                &header,
                "/nowhere/header",
                "header_files.PRIVATE-TOKEN: /nowhere/header cannot be read",
            ),
            (
                &token,
                &file("two", "two hunter2 words"),
                "token_file: the token holds more than one word",
            ),
            (
                &header,
                &file("lines", "hunter3\nhunter3"),
                "header_files.PRIVATE-TOKEN: holds what no header may hold",
            ),
        ] {
            let error = read(&text.replace(old, new), &[KEY]).unwrap_err();
            assert!(error.contains(&format!("{key}.{expected}")), "{error}");
            assert!(!error.contains("hunter"), "{error}");
        }
        let error = read(&text.replace("Accept", "'a b'"), &[KEY]).unwrap_err();
        assert!(
            error.contains(&format!("{key}.headers.a b: 'a b' is not the name")),
            "{error}"
        );
    }

    #[test]
    fn the_key_is_never_printed() {
        let keys = [
            ("CHANDLERY_ODOO__KEY", "hunter2"),
            ("CHANDLERY_MAILGUN__KEY", "hunter2"),
        ];
        let settings = read(ENOUGH, &keys).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert!(!toml::to_string(&settings).unwrap().contains("hunter2"));
    }
}
