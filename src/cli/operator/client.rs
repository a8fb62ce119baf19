//! One call of Odoo's external API (`POST /json/2/<model>/<method>`), and what each bad answer means.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::body;
use crate::cause;
use crate::code::Code;
use crate::problem::Problem;

/// How long a call may take: what is waited for in Odoo is asked for again and again.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The longest answer, such as a comparison of many objects.
const MAX_ANSWER: usize = 64 << 20;

/// The door to Odoo's models, with an operator's rights.
pub struct Odoo {
    http: reqwest::Client,
    url: Url,
    database: String,
    key: SecretString,
}

/// What Odoo says of an error.
#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    name: String,
    #[serde(default)]
    message: String,
}

impl Odoo {
    /// A door with this key.
    pub fn new(mut url: Url, database: String, key: SecretString) -> Result<Self, Problem> {
        let wrong =
            |error: &dyn std::fmt::Display| Problem::new(Code::Settings, format!("{error}."));
        HeaderValue::from_str(&database).map_err(|error| wrong(&error))?;
        HeaderValue::from_str(key.expose_secret())
            .map_err(|_| Problem::new(Code::Settings, "The API key holds what no key holds."))?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("chandlery/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            // A redirect would carry the key elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| wrong(&error))?;
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Self {
            http,
            url,
            database,
            key,
        })
    }

    /// Calls a public method on these records, with its arguments by name.
    pub async fn call(
        &self,
        model: &str,
        method: &str,
        ids: &[i64],
        mut arguments: Value,
    ) -> Result<Value, Problem> {
        if !ids.is_empty() {
            arguments["ids"] = json!(ids);
        }
        let url = self
            .url
            .join(&format!("json/2/{model}/{method}"))
            .map_err(|error| Problem::new(Code::Internal, format!("{error}.")))?;
        let mut key = HeaderValue::from_str(&format!("Bearer {}", self.key.expose_secret()))
            .map_err(|error| Problem::new(Code::Internal, format!("{error}.")))?;
        key.set_sensitive(true);
        let mut request = self.http.post(url).header(AUTHORIZATION, key);
        if !self.database.is_empty() {
            request = request.header("X-Odoo-Database", &self.database);
        }
        let response = request
            .json(&arguments)
            .send()
            .await
            .map_err(|error| self.unreachable(error))?;
        let status = response.status();
        let answer = body::read(response, MAX_ANSWER)
            .await
            .map_err(|error| self.unreadable(&error))?;
        if status.is_success() {
            return serde_json::from_slice(&answer).map_err(|error| self.unreadable(&error));
        }
        Err(self.refused(status, &answer))
    }

    /// The records that a domain selects, with these fields.
    pub async fn search(
        &self,
        model: &str,
        domain: Value,
        fields: &[&str],
        order: &str,
    ) -> Result<Vec<Value>, Problem> {
        let arguments = json!({"domain": domain, "fields": fields, "order": order});
        let found = self.call(model, "search_read", &[], arguments).await?;
        serde_json::from_value(found).map_err(|error| self.unreadable(&error))
    }

    /// Makes a record; its id.
    pub async fn create(&self, model: &str, values: Value) -> Result<i64, Problem> {
        let made = self
            .call(model, "create", &[], json!({"vals_list": [values]}))
            .await?;
        made[0]
            .as_i64()
            .ok_or_else(|| self.unreadable(&format!("{model} was made without an id")))
    }

    fn unreachable(&self, error: reqwest::Error) -> Problem {
        let cause = cause::chain(&error.without_url());
        Problem::new(
            Code::OdooUnreachable,
            format!("Odoo at {} does not answer: {cause}.", self.url),
        )
        .hint("Check --url, and that Odoo runs.")
    }

    fn unreadable(&self, error: &dyn std::fmt::Display) -> Problem {
        Problem::new(
            Code::OdooUnreadable,
            format!("{} answers what cannot be read: {error}.", self.url),
        )
        .hint("Check that --url leads to Odoo 19.")
    }

    fn refused(&self, status: StatusCode, answer: &[u8]) -> Problem {
        let said: Option<Failure> = serde_json::from_slice(answer).ok();
        let url = &self.url;
        match (status, said) {
            (StatusCode::UNAUTHORIZED, _) => Problem::new(
                Code::OdooUnauthorized,
                format!("Odoo at {url} does not accept the API key."),
            )
            .hint("It may have expired: make a new one in your preferences in Odoo. A worker's key opens the worker's calls only."),
            (StatusCode::NOT_FOUND, Some(Failure { message, .. })) => {
                Problem::new(Code::OdooNotThere, format!("Odoo at {url}: {message}."))
                    .hint("The addons there may be older than this program: `chandlery upgrade-check`. Where Odoo serves several databases, name one by --database.")
            }
            (status, None) if status.is_server_error() => Problem::new(
                Code::OdooUnavailable,
                format!("Odoo at {url} is not available at the moment ({status})."),
            ),
            (status, None) => Problem::new(
                Code::OdooNotThere,
                format!("{url} does not know Odoo's external API ({status})."),
            )
            .hint("Check that --url leads to Odoo 19, and where it serves several databases, name one by --database."),
            (status, Some(Failure { name, message })) if status.is_server_error() => Problem::new(
                Code::OdooServer,
                format!("Odoo failed: {name}: {message}."),
            )
            .hint("Odoo's log has the details."),
            // Odoo's own words, as its screens say them.
            (_, Some(Failure { message, .. })) => Problem::new(Code::OdooRefused, message),
        }
    }
}
