//! Fetching a template over http or https, within limits, and remembering it for the next time.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use sha2::{Digest, Sha256};
use url::Url;

use crate::ansible::Files;
use crate::problem::Problem;

/// At most this many templates are remembered.
const REMEMBERED: usize = 256;

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

/// A template as fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Title of the manifest.
    pub title: String,
    /// Where it came from, without a password that the URL may hold.
    pub url: String,
    pub text: String,
    /// `sha256:` and the hexadecimal digest of the text.
    pub digest: String,
    /// The files that it uses, as far as they were looked for; the digest says nothing of them.
    pub files: Files,
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
        }
    }

    /// Reads a template from a file; its path is its title.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let name = path.display().to_string();
        let problem =
            |message: String| Problem::new("manifest_fetch", message).in_manifest(&name, &name);
        let bytes = std::fs::read(path)
            .map_err(|error| problem(format!("The file cannot be read: {error}.")))?;
        let text = text(bytes).map_err(problem)?;
        Ok(Self::new(&name, &name, text))
    }
}

/// Fetches templates. One for the whole program, so that what did not change is not fetched again.
pub struct Fetcher {
    client: Client,
    limits: Limits,
    remembered: Mutex<HashMap<String, Remembered>>,
}

struct Remembered {
    etag: HeaderValue,
    text: String,
}

impl Fetcher {
    /// Makes the client. Fails only where the machine's certificates cannot be read.
    pub fn new(limits: Limits) -> Result<Self, Problem> {
        let client = Client::builder()
            .user_agent(concat!("chandlery/", env!("CARGO_PKG_VERSION")))
            .timeout(limits.time)
            .redirect(Policy::limited(limits.redirects))
            .build()
            .map_err(|error| {
                Problem::new(
                    "internal",
                    format!("No HTTP client can be made: {}.", chain(&error)),
                )
            })?;
        Ok(Self {
            client,
            limits,
            remembered: Mutex::default(),
        })
    }

    /// Fetches a template.
    ///
    /// What the server cannot give now (no connection, no time, 5xx, 429) may pass; anything else stays wrong until
    /// somebody corrects the URL or the file behind it.
    pub async fn fetch(&self, title: &str, address: &str) -> Result<Source, Problem> {
        let wrong = |reason: &str| {
            Problem::new(
                "manifest_fetch",
                format!("The URL cannot be used: {reason}."),
            )
            .in_manifest(title, address)
            .hint("Give the manifest a URL that begins with http:// or https://.")
        };
        let url = Url::parse(address).map_err(|error| wrong(&error.to_string()))?;
        let shown = without_password(&url);
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(&format!("`{}` is not fetched", url.scheme())));
        }
        let answer = self.text(&url).await.and_then(|answer| match answer {
            Answer::Text(text) => Ok(text),
            Answer::Absent(status) => Err(Problem::new(
                "manifest_fetch",
                format!("The server answered {status}."),
            )
            .hint("There is no manifest at this URL: correct it, or put the file there.")),
        });
        let text = answer.map_err(|problem| problem.in_manifest(title, &shown))?;
        Ok(Source::new(title, &shown, text))
    }

    /// Fetches a file that a template uses, from the folder that the template's own address is in; none where there is no
    /// such file. `path` is relative and has no `..`.
    pub async fn beside(&self, address: &str, path: &str) -> Result<Option<String>, Problem> {
        let wrong = |reason: &str| {
            Problem::new(
                "manifest_fetch",
                format!("The URL cannot be used: {reason}."),
            )
        };
        let mut url = Url::parse(address).map_err(|error| wrong(&error.to_string()))?;
        url.path_segments_mut()
            .map_err(|()| wrong("it has no path"))?
            .pop()
            .extend(path.split('/'));
        Ok(match self.text(&url).await? {
            Answer::Text(text) => Some(text),
            Answer::Absent(_) => None,
        })
    }

    async fn text(&self, url: &Url) -> Result<Answer, Problem> {
        let mut request = self.client.get(url.clone());
        let etag = self
            .remembered()
            .get(url.as_str())
            .map(|known| known.etag.clone());
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = request
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        if response.status() == StatusCode::NOT_MODIFIED
            && let Some(known) = self.remembered().get(url.as_str())
        {
            return Ok(Answer::Text(known.text.clone()));
        }
        if matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::GONE) {
            return Ok(Answer::Absent(response.status()));
        }
        let response = accepted(response)?;
        let etag = response.headers().get(ETAG).cloned();
        let text = text(self.body(response).await?)
            .map_err(|message| Problem::new("manifest_fetch", message))?;
        let mut remembered = self.remembered();
        match etag {
            Some(etag) => {
                if remembered.len() >= REMEMBERED {
                    remembered.clear();
                }
                remembered.insert(
                    url.to_string(),
                    Remembered {
                        etag,
                        text: text.clone(),
                    },
                );
            }
            None => {
                remembered.remove(url.as_str());
            }
        }
        Ok(Answer::Text(text))
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.unreachable(&error))?
        {
            if bytes.len() + chunk.len() > self.limits.bytes {
                return Err(Problem::new(
                    "manifest_fetch",
                    format!(
                        "The manifest is larger than {} KiB.",
                        self.limits.bytes / 1024
                    ),
                )
                .hint("Check that the URL leads to a manifest, or split it into several."));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn unreachable(&self, error: &reqwest::Error) -> Problem {
        if error.is_redirect() {
            return Problem::new(
                "manifest_fetch",
                format!(
                    "The server redirects more than {} times.",
                    self.limits.redirects
                ),
            )
            .hint("Correct the URL to where it leads in the end.");
        }
        if error.is_timeout() {
            return Problem::transient(
                "manifest_fetch",
                format!(
                    "The server did not answer in full within {} s.",
                    self.limits.time.as_secs_f32()
                ),
            )
            .hint("Check that the server is reachable from the worker.");
        }
        Problem::transient(
            "manifest_fetch",
            format!("The server cannot be reached: {}.", chain(error)),
        )
        .hint("Check the URL, and that the server is reachable from the worker.")
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashMap<String, Remembered>> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a server says of a file.
enum Answer {
    Text(String),
    /// There is none.
    Absent(StatusCode),
}

/// Takes a response only if it is a manifest's.
fn accepted(response: Response) -> Result<Response, Problem> {
    let status = response.status();
    if !status.is_success() {
        let problem = Problem {
            retry: status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS,
            ..Problem::new("manifest_fetch", format!("The server answered {status}."))
        };
        return Err(problem.hint(match status.as_u16() {
            401 | 403 => {
                "The server wants a login: publish the manifest where the worker may read it."
            }
            _ => "Check the URL, and the server behind it.",
        }));
    }
    let html = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/html"));
    if html {
        return Err(Problem::new(
            "manifest_fetch",
            "The server answered with a web page, not with a manifest.",
        )
        .hint("Use the address of the raw file."));
    }
    Ok(response)
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        format!("The manifest is not a text in UTF-8 (first wrong byte in line {line}).")
    })
}

fn digest(text: &str) -> String {
    let digest = Sha256::digest(text);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn without_password(url: &Url) -> String {
    let mut shown = url.clone();
    if shown.password().is_some() {
        // Fails only for URLs that cannot have one.
        let _ = shown.set_password(Some("***"));
    }
    shown.to_string()
}

/// An error with its causes, without the URL (which may hold a password).
fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    if text.is_empty() {
        "it broke off".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
