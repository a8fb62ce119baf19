//! Requests to Mailgun's API, and what comes back.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, Response, StatusCode, multipart, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::error::Error;
use crate::body::{self, BodyError};
use crate::code::Code;
use crate::loopback::is_loopback;
use crate::problem::Problem;
use crate::sentence;
use crate::slot;

/// What Mailgun documents as the wait after a 429, for the case that an answer leaves it out.
const USUAL_WAIT: Duration = Duration::from_secs(60);

/// So that an answer that says "at once" does not become a storm.
const LEAST_WAIT: Duration = Duration::from_millis(50);

/// The longest answer: many times a page of its longest list.
const MAX_ANSWER: usize = 4 << 20;

/// Errors of Mailgun are a sentence; whatever is longer is cut.
const LONGEST_MESSAGE: usize = 300;

/// Fields of a request that must not come back in an error.
const SECRET_FIELDS: [&str; 3] = ["password", "text", "html"];

/// Where an account's domains live. A domain is bound to the region it was made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    Us,
    Eu,
}

impl Region {
    /// The word of settings and contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Eu => "eu",
        }
    }

    /// The API's address.
    pub fn url(self) -> &'static str {
        match self {
            Self::Us => "https://api.mailgun.net",
            Self::Eu => "https://api.eu.mailgun.net",
        }
    }

    /// The server to which apps deliver their mail by SMTP.
    pub fn smtp_host(self) -> &'static str {
        match self {
            Self::Us => "smtp.mailgun.org",
            Self::Eu => "smtp.eu.mailgun.org",
        }
    }
}

/// How to reach an account.
#[derive(Clone, Debug)]
pub struct Access {
    pub region: Region,
    /// The API's address where it is not the region's own.
    pub url: Option<String>,
    /// An API key of the account (not a sending key, which opens one domain's messages only).
    pub key: SecretString,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long a call may wait in all, when Mailgun answers 429 and says when to come back.
    pub patience: Duration,
}

/// A Mailgun account.
#[derive(Clone, Debug)]
pub struct Mailgun {
    http: Client,
    base: Url,
    access: Access,
}

/// One request: a path of segments (which may hold any character) and the fields of its form.
pub(super) struct Request<'a> {
    pub method: Method,
    pub path: Vec<&'a str>,
    pub query: Vec<(&'a str, &'a str)>,
    pub fields: Vec<(String, String)>,
}

impl<'a> Request<'a> {
    pub fn new<const N: usize>(method: Method, path: [&'a str; N]) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            fields: Vec::new(),
        }
    }

    pub fn query(mut self, name: &'a str, value: &'a str) -> Self {
        self.query.push((name, value));
        self
    }

    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }
}

impl Mailgun {
    /// Checks the settings; sends nothing.
    pub fn new(access: Access) -> Result<Self, Problem> {
        let text = access.url.as_deref().unwrap_or(access.region.url());
        let base = address(text).map_err(|reason| {
            Problem::new(Code::MailgunUrl, sentence!("{reason}.", reason)).hint(sentence!(
                "Leave the address out to use {url} or set one that begins with https://.",
                url = access.region.url()
            ))
        })?;
        if access.key.expose_secret().is_empty() {
            return Err(
                Problem::new(Code::MailgunKey, sentence!("The Mailgun API key is empty.")).hint(sentence!("Give the worker an API key of the account (Mailgun: Account > API Security).")),
            );
        }
        let http = Client::builder()
            .timeout(access.timeout)
            // The API never redirects; a redirect means that something else answers.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("chandlery/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Problem::new(Code::Internal, sentence!("No HTTP client: {error}", error))
            })?;
        Ok(Self { http, base, access })
    }

    /// The region that the settings name.
    pub fn region(&self) -> Region {
        self.access.region
    }

    /// Where requests go, as an operator may read it.
    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Asks Mailgun, and asks again as long as it says 429 and patience lasts. Answers with the JSON of a success, null
    /// where it has no body: what an answer must hold to be of use is said by who asked.
    pub(super) async fn call(&self, request: Request<'_>) -> Result<Value, Error> {
        let mut waited = Duration::ZERO;
        loop {
            let wait = match slot::unless_soon(self.ask(&request)).await {
                Err(Error::Busy { wait }) => wait,
                answer => return answer,
            };
            let wait = wait.max(LEAST_WAIT);
            if waited + wait > self.access.patience {
                return Err(Error::Busy { wait });
            }
            tracing::info!(seconds = wait.as_secs_f64(), "Mailgun asks to wait");
            slot::waiting(tokio::time::sleep(wait)).await;
            waited += wait;
        }
    }

    async fn ask(&self, request: &Request<'_>) -> Result<Value, Error> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("an http address has a path")
            .pop_if_empty()
            .extend(&request.path);
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let mut sent = self
            .http
            .request(request.method.clone(), url)
            .basic_auth("api", Some(self.access.key.expose_secret()));
        if !request.fields.is_empty() {
            let form = request
                .fields
                .iter()
                .fold(multipart::Form::new(), |form, (name, value)| {
                    form.text(name.clone(), value.clone())
                });
            sent = sent.multipart(form);
        }
        let response = sent.send().await.map_err(unanswered)?;
        let status = response.status();
        tracing::debug!(method = %request.method, path = request.path.join("/"), %status, "Mailgun");
        let json = is_json(&response);
        let body = body::read(response, MAX_ANSWER)
            .await
            .map_err(|error| match error {
                BodyError::TooLong(limit) => Error::TooLong { limit },
                BodyError::Lost(error) => unanswered(error),
            })?;
        if status.is_success() {
            if body.trim_ascii().is_empty() {
                return Ok(Value::Null);
            }
            return match serde_json::from_slice(&body) {
                Ok(answer) => Ok(answer),
                // What serde says may quote the answer, which may hold a password.
                Err(error) if json => Err(Error::Unreadable {
                    line: error.line(),
                    column: error.column(),
                }),
                Err(_) => Err(Error::NotTheApi { status }),
            };
        }
        Err(self.refusal(status, &body, request))
    }

    fn refusal(&self, status: StatusCode, body: &[u8], request: &Request<'_>) -> Error {
        let body: Option<Value> = serde_json::from_slice(body).ok();
        let said = body
            .as_ref()
            .filter(|body| body.is_object())
            .map(|body| self.without_secrets(said(body), request));
        match (status, said) {
            (StatusCode::UNAUTHORIZED, _) => Error::Key,
            (StatusCode::TOO_MANY_REQUESTS, _) => Error::Busy {
                wait: body.as_ref().and_then(retry_seconds).unwrap_or(USUAL_WAIT),
            },
            (status, said) if status.is_server_error() => Error::Failed {
                status,
                message: said.unwrap_or_default(),
            },
            (StatusCode::FORBIDDEN, Some(message)) => Error::Forbidden { message },
            (StatusCode::NOT_FOUND, Some(message)) => Error::NotFound { message },
            (status, Some(message)) if status.is_client_error() => {
                Error::Refused { status, message }
            }
            (status, _) => Error::NotTheApi { status },
        }
    }

    /// Mailgun's own words on one line, without the key and what else we sent in confidence.
    fn without_secrets(&self, message: &str, request: &Request<'_>) -> String {
        let confidential = request
            .fields
            .iter()
            .filter(|(name, value)| SECRET_FIELDS.contains(&name.as_str()) && !value.is_empty())
            .map(|(_, value)| value.as_str());
        let mut message = message.to_owned();
        for secret in confidential.chain([self.access.key.expose_secret()]) {
            message = message.replace(secret, "***");
        }
        let words: Vec<&str> = message.split_whitespace().collect();
        words.join(" ").chars().take(LONGEST_MESSAGE).collect()
    }
}

/// Says what is wrong with an address of the API, and that leaving it out is the way to the region's own.
pub fn check_address(text: &str, region: Region) -> Result<(), String> {
    match address(text) {
        Ok(_) => Ok(()),
        Err(reason) => Err(format!("{reason}; leave it empty to use {}", region.url())),
    }
}

/// The base address, refused where the key would travel in the clear.
fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|error| format!("'{text}' is not an address of Mailgun's API: {error}"))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(format!(
            "'{text}' would send the Mailgun API key unencrypted"
        )),
        _ => Err(format!("'{text}' is not an http address")),
    }
}

fn is_json(response: &Response) -> bool {
    response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"))
}

/// What an error says, which should be its `message`.
fn said(body: &Value) -> &str {
    ["message", "Message", "error", "Error"]
        .iter()
        .find_map(|member| body[*member].as_str())
        .unwrap_or("no reason given")
}

/// `retry-seconds`, a number or its text.
fn retry_seconds(body: &Value) -> Option<Duration> {
    let value = &body["retry-seconds"];
    let seconds = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Tells a request that never left from one that may have been carried out.
fn unanswered(error: reqwest::Error) -> Error {
    let unreachable = error.is_connect();
    let timeout = error.is_timeout();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let cause = match timeout {
        true => "no answer in time".to_owned(),
        false => cause.to_string(),
    };
    match unreachable {
        true => Error::Unreachable { cause },
        false => Error::Unanswered { cause },
    }
}
