//! Fetching a template over http or https, within limits, and remembering it for the next time.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use sha2::{Digest, Sha256};
use url::Url;

use super::computed;
use super::reach::{Inside, LookUp, Reach, Resolver, system};
use super::remembered::Remembered;
use crate::ansible::Files;
use crate::archive::{self, Archive};
use crate::artefact::Artefact;
use crate::cause::chain;
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;
use crate::slot;

/// How much longer than a manifest an index or an archive may take.
const PATIENCE: u32 = 3;
/// How large an archive of packages may be, in bytes.
const ARCHIVE: usize = 8 << 20;

/// How far fetching may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time for one template, redirects and all.
    pub time: Duration,
    /// Size of a template in bytes, unpacked.
    pub bytes: usize,
    /// Number of redirects followed.
    pub redirects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(10),
            bytes: 1024 * 1024,
            redirects: 5,
        }
    }
}

/// What is fetched, and how far that may go.
#[derive(Clone, Copy)]
struct Wanted {
    what: What,
    time: Duration,
    bytes: usize,
}

#[derive(Clone, Copy)]
enum What {
    Manifest,
    Index,
    Archive,
}

impl What {
    fn needs_login(self) -> Sentence {
        match self {
            Self::Manifest => sentence!(
                "The server wants a login: publish the manifest where the worker may read it."
            ),
            Self::Index => sentence!(
                "The server wants a login: publish the index where the worker may read it."
            ),
            Self::Archive => sentence!(
                "The server wants a login: publish the archive where the worker may read it."
            ),
        }
    }

    fn is_too_large(self, number: usize) -> Sentence {
        match self {
            Self::Manifest => sentence!("The manifest is larger than {number} KiB.", number),
            Self::Index => sentence!("The index is larger than {number} KiB.", number),
            Self::Archive => sentence!("The archive is larger than {number} KiB.", number),
        }
    }

    fn made_smaller(self) -> Sentence {
        match self {
            Self::Manifest => {
                sentence!("Check that the URL leads to a manifest, or split it into several.")
            }
            Self::Index => sentence!("Divide the repository into several."),
            Self::Archive => sentence!("Pack its packages one by one."),
        }
    }

    fn is_a_page(self) -> Sentence {
        match self {
            Self::Manifest => {
                sentence!("The server answered with a web page, not with a manifest.")
            }
            Self::Index => sentence!("The server answered with a web page, not with an index."),
            Self::Archive => {
                sentence!("The server answered with a web page, not with an archive.")
            }
        }
    }

    fn is_no_text(self, line: usize) -> Sentence {
        match self {
            Self::Manifest | Self::Archive => sentence!(
                "The manifest is not a text in UTF-8 (first wrong byte in line {line}).",
                line
            ),
            Self::Index => sentence!(
                "The index is not a text in UTF-8 (first wrong byte in line {line}).",
                line
            ),
        }
    }
}

/// A template as fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Title of the manifest.
    pub title: String,
    /// Where it came from.
    pub url: String,
    pub text: String,
    /// `sha256:` and the hexadecimal digest of the text, or of all that [`super::pin::gather`] has found.
    pub digest: String,
    /// The files that it uses, as far as they were looked for; of an archive, those that are worth showing.
    pub files: Files,
    /// The archive, where it is none of a template.
    pub artefact: Option<Artefact>,
    /// Where it came from an archive: that, and the folder in there that the template is in.
    pub packed: Option<(Arc<Archive>, String)>,
}

impl Source {
    /// A template from a text at hand.
    pub fn new(title: &str, url: &str, text: String) -> Self {
        Self {
            title: title.to_owned(),
            url: url.to_owned(),
            digest: digest(&text),
            text,
            files: Files::default(),
            artefact: None,
            packed: None,
        }
    }

    /// A template in an archive, by its path there.
    pub fn packed(
        title: &str,
        url: &str,
        archive: Arc<Archive>,
        path: &str,
    ) -> Result<Self, Problem> {
        let read = match archive.file(path) {
            Some(bytes) if bytes.len() > Limits::default().bytes => {
                let number = Limits::default().bytes / 1024;
                Err(What::Manifest.is_too_large(number))
            }
            Some(bytes) => text(bytes.to_vec(), What::Manifest),
            None if path.is_empty() => Err(sentence!(
                "The URL leads to an archive, and to no file in it."
            )),
            None => Err(sentence!("There is no file `{path}` in the archive.", path)),
        };
        let text = read.map_err(|message| {
            Problem::new(Code::ManifestFetch, message)
                .hint(sentence!("Name the file at the end of the URL, such as https://example.com/shop.tar.gz#shop.yml. Where one folder of the archive holds everything, it is left out."))
                .in_manifest(title, url)
        })?;
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        Ok(Self {
            packed: Some((archive, folder.to_owned())),
            ..Self::new(title, url, text)
        })
    }

    /// Reads a template from a file; its path is its title.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let name = path.display().to_string();
        let problem = |message: Sentence| {
            Problem::new(Code::ManifestFetch, message).in_manifest(&name, &name)
        };
        let bytes = std::fs::read(path)
            .map_err(|error| problem(sentence!("The file cannot be read: {error}.", error)))?;
        let text = text(bytes, What::Manifest).map_err(problem)?;
        Ok(Self::new(&name, &name, text))
    }
}

/// Fetches templates. One for the whole program, so that what did not change is not fetched again.
pub struct Fetcher {
    /// Connects to what is on the internet or in a network that the settings allow.
    outside: Client,
    /// Connects to hosts that the settings name.
    allowed: Client,
    reach: Arc<Reach>,
    limits: Limits,
    remembered: Mutex<Remembered>,
}

impl Fetcher {
    /// Makes the clients. Fails only where the machine's certificates cannot be read.
    pub fn new(limits: Limits, reach: Reach) -> Result<Self, Problem> {
        Self::looking_up(limits, reach, system())
    }

    /// The same with another way to find the addresses of names.
    fn looking_up(limits: Limits, reach: Reach, look_up: LookUp) -> Result<Self, Problem> {
        let reach = Arc::new(reach);
        let client = |reach: Option<Arc<Reach>>| {
            Client::builder()
                .user_agent(concat!("chandlery/", env!("CARGO_PKG_VERSION")))
                // A proxy would look up the names itself, whatever their addresses are: none from the environment.
                .no_proxy()
                .dns_resolver(Resolver {
                    look_up: look_up.clone(),
                    reach,
                })
                // Each hop is judged like the first.
                .redirect(Policy::none())
                .build()
                .map_err(|error| {
                    Problem::new(
                        Code::Internal,
                        sentence!(
                            "No HTTP client can be made: {error}.",
                            error = causes(&error)
                        ),
                    )
                })
        };
        Ok(Self {
            outside: client(Some(reach.clone()))?,
            allowed: client(None)?,
            reach,
            limits,
            remembered: Mutex::default(),
        })
    }

    /// Fetches a template.
    ///
    /// What the server cannot give now (no connection, no time, 5xx, 429) may pass; anything else stays wrong until
    /// somebody corrects the URL or the file behind it.
    pub async fn fetch(&self, title: &str, address: &str) -> Result<Source, Problem> {
        let url = parsed(address)
            .map_err(|problem| named(problem, address).in_manifest(title, address))?;
        let shown = without_login(&url);
        if let Some(path) = archive::path_within(&url) {
            let archive = self.archive(&url).await;
            let archive = archive.map_err(|problem| problem.in_manifest(title, &shown))?;
            return Source::packed(title, &shown, archive, &path);
        }
        let text = self.text(&url, self.manifest()).await;
        let text = text.and_then(|text| text.map_err(|status| named(absent(status), &shown)));
        let text = text.map_err(|problem| problem.in_manifest(title, &shown))?;
        Ok(Source::new(title, &shown, text))
    }

    /// Fetches a file that a template uses, from the folder that the template's own address is in; none where there is no
    /// such file. `path` is relative and has no `..`.
    pub async fn beside(&self, address: &str, path: &str) -> Result<Option<String>, Problem> {
        let mut url = parsed(address)?;
        url.path_segments_mut()
            .map_err(|()| unusable("it has no path"))?
            .pop()
            .extend(path.split('/'));
        Ok(self.text(&url, self.manifest()).await?.ok())
    }

    /// Fetches the index of a repository of packages, of so many bytes at most; none where there is no such file.
    pub async fn index(&self, url: &Url, bytes: usize) -> Result<Option<String>, Problem> {
        let wanted = Wanted {
            what: What::Index,
            time: self.limits.time * PATIENCE,
            bytes,
        };
        Ok(self.text(url, wanted).await?.ok())
    }

    /// Fetches an archive of packages. What the URL names in it is nothing to the server.
    pub async fn archive(&self, url: &Url) -> Result<Arc<Archive>, Problem> {
        let wanted = Wanted {
            what: What::Archive,
            time: self.limits.time * PATIENCE,
            bytes: ARCHIVE,
        };
        let bytes = self.file(url, wanted).await?;
        let unpacked = computed(move || Archive::unpack(&bytes)).await?;
        let archive = unpacked.map_err(|problem| named(problem, &without_login(url)))?;
        Ok(Arc::new(archive))
    }

    /// Fetches what is no text, and gives the URL as it may be shown.
    pub(super) async fn bytes(
        &self,
        title: &str,
        address: &str,
    ) -> Result<(String, Vec<u8>), Problem> {
        let url = parsed(address)
            .map_err(|problem| named(problem, address).in_manifest(title, address))?;
        let shown = without_login(&url);
        let bytes = self.file(&url, self.manifest()).await;
        let bytes = bytes.map_err(|problem| problem.in_manifest(title, &shown))?;
        Ok((shown, bytes))
    }

    /// Fetches what has to be there.
    async fn file(&self, url: &Url, wanted: Wanted) -> Result<Vec<u8>, Problem> {
        let answer = in_time(wanted, self.ask(url, wanted)).await;
        let answer = answer.and_then(|answer| answer.map_err(absent));
        answer.map_err(|problem| named(problem, &without_login(url)))
    }

    fn manifest(&self) -> Wanted {
        Wanted {
            what: What::Manifest,
            time: self.limits.time,
            bytes: self.limits.bytes,
        }
    }

    async fn text(&self, url: &Url, wanted: Wanted) -> Result<Answer<String>, Problem> {
        let answer = in_time(wanted, self.ask(url, wanted)).await;
        let answer = answer.and_then(|answer| match answer {
            Ok(bytes) => text(bytes, wanted.what)
                .map(Ok)
                .map_err(|message| Problem::new(Code::ManifestFetch, message)),
            Err(absent) => Ok(Err(absent)),
        });
        answer.map_err(|problem| named(problem, &without_login(url)))
    }

    async fn ask(&self, url: &Url, wanted: Wanted) -> Result<Answer<Vec<u8>>, Problem> {
        let mut url = url.clone();
        // What is meant of a file is nothing to its server.
        url.set_fragment(None);
        let url = &url;
        let known = self.remembered().get(url.as_str());
        let etag = known.as_ref().map(|known| known.etag.clone());
        let response = self.follow(url, etag).await?;
        if response.status() == StatusCode::NOT_MODIFIED
            && let Some(known) = known
        {
            return Ok(Ok(known.content.to_vec()));
        }
        if matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::GONE) {
            return Ok(Err(response.status()));
        }
        let response = accepted(response, wanted.what)?;
        let etag = response.headers().get(ETAG).cloned();
        let bytes = self.body(response, wanted).await?;
        match etag {
            Some(etag) => self.remembered().insert(url.as_str(), etag, &bytes),
            None => self.remembered().forget(url.as_str()),
        }
        Ok(Ok(bytes))
    }

    /// The response at the end of all redirects. Their bodies are not read.
    async fn follow(&self, url: &Url, etag: Option<HeaderValue>) -> Result<Response, Problem> {
        let mut url = url.clone();
        self.reach.check(&url)?;
        let mut headers = self.reach.headers(&url);
        for _ in 0..=self.limits.redirects {
            let response = self.hop(&url, headers.clone(), etag.clone()).await?;
            let Some(next) = redirect(&response, &url)? else {
                return Ok(response);
            };
            self.may_go_on(&url, &next).map_err(|problem| Problem {
                message: sentence!("The server redirects: {message}", message = problem.message),
                ..problem
            })?;
            // What a host gets to read, another one does not, nor does it get its own by somebody else's redirect.
            if next.origin() != url.origin() {
                headers = HeaderMap::new();
            }
            url = next;
        }
        Err(Problem::new(
            Code::ManifestFetch,
            sentence!(
                "The server redirects more than {redirects} times.",
                redirects = self.limits.redirects
            ),
        )
        .hint(sentence!("Correct the URL to where it leads in the end.")))
    }

    /// Judges where a redirect leads.
    fn may_go_on(&self, from: &Url, to: &Url) -> Result<(), Problem> {
        if from.scheme() == "https" && to.scheme() == "http" {
            return Err(Problem::new(
                Code::ManifestFetch,
                sentence!("it leads from https to http."),
            )
            .hint(sentence!(
                "Correct the URL to where it leads in the end, by https."
            )));
        }
        self.reach.check(to)
    }

    /// Asks once.
    async fn hop(
        &self,
        url: &Url,
        mut headers: HeaderMap,
        etag: Option<HeaderValue>,
    ) -> Result<Response, Problem> {
        if let Some(etag) = etag {
            headers.insert(IF_NONE_MATCH, etag);
        }
        let client = match self.reach.allows(url) {
            true => &self.allowed,
            false => &self.outside,
        };
        let request = client.get(url.clone()).headers(headers);
        request
            .send()
            .await
            .map_err(|error| match refused_addresses(&error) {
                Some(addresses) => Reach::inside(url, addresses),
                None => unreachable(&error),
            })
    }

    async fn body(&self, mut response: Response, wanted: Wanted) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| unreachable(&error))?
        {
            if bytes.len() + chunk.len() > wanted.bytes {
                return Err(Problem::new(
                    Code::ManifestFetch,
                    wanted.what.is_too_large(wanted.bytes / 1024),
                )
                .hint(wanted.what.made_smaller()));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Remembered> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

async fn in_time<T>(
    wanted: Wanted,
    asked: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let asked = tokio::time::timeout(wanted.time, asked);
    slot::unless_soon(asked).await.unwrap_or_else(|_| {
        Err(Problem::transient(
            Code::ManifestFetch,
            sentence!(
                "The server did not answer in full within {seconds} s.",
                seconds = wanted.time.as_secs_f32()
            ),
        )
        .hint(sentence!(
            "Check that the server is reachable from the worker."
        )))
    })
}

fn absent(status: StatusCode) -> Problem {
    Problem::new(
        Code::ManifestFetch,
        sentence!("The server answered {status}.", status),
    )
    .hint(sentence!(
        "There is no manifest at this URL: correct it, or put the file there."
    ))
}

/// The same problem with the URL that was asked for in its message: a step shows nothing else.
fn named(problem: Problem, url: &str) -> Problem {
    if url.is_empty() {
        return problem;
    }
    Problem {
        message: sentence!("{url}: {message}", url, message = problem.message),
        ..problem
    }
}

/// A file, or how its server says that there is none.
type Answer<T> = Result<T, StatusCode>;

/// Where a response sends on to.
fn redirect(response: &Response, from: &Url) -> Result<Option<Url>, Problem> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(LOCATION) else {
        return Ok(None);
    };
    let next = location.to_str().ok().and_then(|to| from.join(to).ok());
    next.map(Some).ok_or_else(|| {
        Problem::new(
            Code::ManifestFetch,
            sentence!("The server redirects to what is no URL."),
        )
        .hint(sentence!("Correct the URL to where it leads in the end."))
    })
}

/// The addresses that were found where none of them may be connected to.
fn refused_addresses(error: &reqwest::Error) -> Option<&str> {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(Inside(addresses)) = inner.downcast_ref() {
            return Some(addresses);
        }
        cause = inner.source();
    }
    None
}

fn unreachable(error: &reqwest::Error) -> Problem {
    Problem::transient(
        Code::ManifestFetch,
        sentence!(
            "The server cannot be reached: {error}.",
            error = causes(error)
        ),
    )
    .hint(sentence!(
        "Check the URL, and that the server is reachable from the worker."
    ))
}

/// Takes a response only if it is that of a manifest, or what else is wanted.
fn accepted(response: Response, what: What) -> Result<Response, Problem> {
    let status = response.status();
    if !status.is_success() {
        let problem = Problem {
            retry: status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS,
            ..Problem::new(
                Code::ManifestFetch,
                sentence!("The server answered {status}.", status),
            )
        };
        return Err(problem.hint(match status.as_u16() {
            401 | 403 => what.needs_login(),
            _ => sentence!("Check the URL, and the server behind it."),
        }));
    }
    let html = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/html"));
    if html {
        return Err(Problem::new(Code::ManifestFetch, what.is_a_page())
            .hint(sentence!("Use the address of the raw file.")));
    }
    Ok(response)
}

fn text(bytes: Vec<u8>, what: What) -> Result<String, Sentence> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        what.is_no_text(line)
    })
}

pub fn digest(text: impl AsRef<[u8]>) -> String {
    let digest = Sha256::digest(text);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn parsed(address: &str) -> Result<Url, Problem> {
    Url::parse(address).map_err(|error| unusable(&error.to_string()))
}

fn unusable(reason: &str) -> Problem {
    Problem::new(
        Code::ManifestFetch,
        sentence!("The URL cannot be used: {reason}.", reason),
    )
    .hint(sentence!(
        "Give the manifest a URL that begins with https://."
    ))
}

/// A login is refused, and not shown.
fn without_login(url: &Url) -> String {
    let mut shown = url.clone();
    if !shown.username().is_empty() || shown.password().is_some() {
        // These fail only for URLs that cannot have one.
        let _ = shown.set_password(None);
        let _ = shown.set_username("***");
    }
    shown.to_string()
}

/// The causes of an error, without what it says itself: the URL (which may hold a password).
fn causes(error: &reqwest::Error) -> String {
    std::error::Error::source(error).map_or_else(|| "it broke off".to_owned(), chain)
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
