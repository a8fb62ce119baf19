//! One call to Odoo: JSON-RPC 2.0 over HTTP with the worker's key, and what each kind of bad answer means.
//!
//! Odoo answers nearly everything with HTTP 200: what went wrong stands in `error.data.name`. What comes as HTML never
//! reached the addon.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue, SET_COOKIE};
use reqwest::{StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tracing::info;

use super::contract::{
    ClaimRequest, ClaimResponse, OLDEST, ObserveRequest, ObserveResponse, ReportRequest,
    ReportResponse, Request, Response,
};
use crate::body::{self, BodyError};
use crate::code::Code;
use crate::problem::Problem;
use crate::settings;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer: many times what as many jobs need as a worker can take.
const MAX_ANSWER: usize = 16 << 20;
/// The code of the JSON-RPC error by which Odoo refuses a version of the contract.
const VERSION_ERROR: i64 = 426;

/// The door to Odoo's three calls. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: Url,
    /// Where Odoo's websocket is, when it is elsewhere.
    websocket_url: Option<Url>,
    database: String,
    /// The last good one.
    key: Arc<Mutex<SecretString>>,
    key_file: Option<PathBuf>,
    /// The oldest version of the contract that Odoo may speak, …
    oldest: u32,
    /// … and the one that its last answer was of; 0 while there is none that can be read.
    spoken: Arc<AtomicU32>,
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nothing answered, or not in time.
    #[error("Odoo at {url} does not answer: {reason}")]
    Unreachable { url: String, reason: String },
    /// Something in front of Odoo answered that Odoo is not there at the moment.
    #[error("Odoo at {url} is not available at the moment ({status})")]
    Unavailable { url: String, status: StatusCode },
    /// The key does not open the calls.
    #[error("Odoo at {url} does not accept the worker key")]
    Unauthorized { url: String },
    /// Whatever answers there does not know the calls.
    #[error("{url} does not know the worker's calls ({status})")]
    NotThere { url: String, status: StatusCode },
    /// The call reached Odoo and failed in there.
    #[error("Odoo failed: {name}: {message}")]
    Server { name: String, message: String },
    /// Odoo read the call and refuses what it says.
    #[error("Odoo refuses the call: {message}")]
    Refused {
        code: String,
        message: String,
        hint: Option<String>,
    },
    /// Odoo and the worker have no version of the contract in common. Says which of them to update.
    #[error("{message}")]
    Outdated { message: String },
    /// An answer that would take too much memory.
    #[error(
        "Odoo at {url} answers with more than {}, which the worker does not read",
        body::size(MAX_ANSWER)
    )]
    TooLong { url: String },
    /// An answer that is none.
    #[error("{url} answers what the worker cannot read: {reason}")]
    Unreadable { url: String, reason: String },
}

impl CallError {
    /// What programs tell it apart by.
    pub fn code(&self) -> Code {
        match self {
            Self::Unreachable { .. } => Code::OdooUnreachable,
            Self::Unavailable { .. } => Code::OdooUnavailable,
            Self::Unauthorized { .. } => Code::OdooUnauthorized,
            Self::NotThere { .. } => Code::OdooNotThere,
            Self::Server { .. } => Code::OdooServer,
            Self::Refused { .. } => Code::OdooRefused,
            Self::Outdated { .. } => Code::OdooOutdated,
            Self::TooLong { .. } => Code::OdooTooLong,
            Self::Unreadable { .. } => Code::OdooUnreadable,
        }
    }

    /// The same for people, with the way out.
    pub fn problem(&self) -> Problem {
        let problem = Problem::new(self.code(), format!("{self}."));
        match self {
            Self::Unreachable { .. } => {
                problem.hint("Check odoo.url in the worker's settings, and that Odoo runs.")
            }
            Self::Unavailable { .. } => {
                problem.hint("Odoo may be restarting. If it stays so, see Odoo and the proxy in front of it.")
            }
            Self::Unauthorized { .. } => problem.hint(
                "The key may have expired or been revoked. Create a new key in Odoo (Kubernetes > Configuration > Workers, button Create Key) and write it into the file that odoo.key_file names; check that the worker's record there is not archived.",
            ),
            Self::NotThere { .. } => problem.hint(
                "Check that odoo.url leads to Odoo, that the addon kubernetes_hosting is installed in the database, and set odoo.database where Odoo serves several databases.",
            ),
            Self::Server { .. } => problem.hint("Odoo's log has the details."),
            Self::Outdated { .. } => {
                problem.hint("Odoo's addons and the worker are released together: install those of one release.")
            }
            Self::TooLong { .. } => problem.hint(
                "Take fewer jobs at once (worker.capacity in the worker's settings), or make the apps' config maps and secrets smaller. If the answer is none of Odoo's, check odoo.url.",
            ),
            Self::Refused { hint: Some(hint), .. } => problem.hint(hint.clone()),
            Self::Refused { .. } | Self::Unreadable { .. } => problem.hint(
                "Odoo's addons and the worker may be of versions that do not fit together: update the older one.",
            ),
        }
    }
}

impl Client {
    /// `url` is Odoo's address, `database` may be empty, `timeout` limits each call as a whole.
    pub fn new(
        url: &str,
        database: &str,
        key: SecretString,
        timeout: Duration,
    ) -> Result<Self, Problem> {
        let wrong =
            |error: &dyn std::fmt::Display| Problem::new(Code::Settings, format!("odoo: {error}."));
        let http = reqwest::Client::builder()
            .user_agent(concat!("chandlery/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(timeout)
            // A redirect would carry the key elsewhere, and turn the call into a page view.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| wrong(&error))?;
        HeaderValue::from_str(database).map_err(|error| wrong(&error))?;
        let url = folder(Url::parse(url).map_err(|error| wrong(&error))?);
        Ok(Self {
            http,
            url,
            websocket_url: None,
            database: database.to_owned(),
            key: Arc::new(Mutex::new(key)),
            key_file: None,
            oldest: OLDEST,
            spoken: Arc::default(),
        })
    }

    /// Lets the content of a file be the key, read before each call: keys expire, and whoever writes a new one into the
    /// file need not restart the worker.
    pub fn with_key_in(mut self, file: &Path) -> Self {
        self.key_file = Some(file.to_owned());
        self
    }

    /// Odoo's websocket is at another address than the calls: at its own port, say.
    pub fn with_websocket_at(mut self, url: Url) -> Self {
        self.websocket_url = Some(folder(url));
        self
    }

    /// The key as it is now. While the file cannot be read, or is just being written, the last one stays.
    async fn key(&self) -> SecretString {
        let read = match &self.key_file {
            Some(file) => tokio::fs::read_to_string(file).await.ok(),
            None => None,
        };
        let mut key = self.key.lock().expect("nobody panics with the key");
        if let Some(text) = read
            && let Ok(new) = settings::checked("the worker key", SecretString::from(text.trim()))
            && new.expose_secret() != key.expose_secret()
        {
            info!("the worker key in its file is another one now, and is used from here on");
            *key = new;
        }
        key.clone()
    }

    /// Odoo's address, ending in `/`.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The address below which Odoo's websocket is, ending in `/`.
    pub fn websocket_url(&self) -> &Url {
        self.websocket_url.as_ref().unwrap_or(&self.url)
    }

    /// The cookie of a visitor's session in the database, where one has to be named. A websocket lives in a session, and
    /// one by X-Odoo-Database has none.
    pub async fn visitor(&self) -> Result<Option<String>, reqwest::Error> {
        if self.database.is_empty() {
            return Ok(None);
        }
        let mut login = self
            .url
            .join("web/login")
            .expect("a fixed path joins any address");
        login.query_pairs_mut().append_pair("db", &self.database);
        let response = self.http.get(login).send().await?;
        Ok(response
            .headers()
            .get_all(SET_COOKIE)
            .iter()
            .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
            .find(|cookie| cookie.starts_with("session_id="))
            .map(str::to_owned))
    }

    /// The database that is asked for; empty where the host name decides.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The version of the contract that Odoo's last answer was of; `None` while there is none.
    pub fn spoken(&self) -> Option<u32> {
        Some(self.spoken.load(Ordering::Relaxed)).filter(|version| *version > 0)
    }

    /// Asks for jobs.
    pub async fn claim(&self, request: &ClaimRequest) -> Result<ClaimResponse, CallError> {
        // Addons from before versions do not look whether they are too old: no job is to be handed out in vain.
        if self.oldest > 1 && self.spoken().is_none() && request.capacity > 0 {
            let asking = ClaimRequest {
                capacity: 0,
                ..request.clone()
            };
            self.call::<ClaimResponse>("claim", &asking).await?;
        }
        self.call("claim", request).await
    }

    /// Tells what became of jobs; renews their leases.
    pub async fn report(&self, request: &ReportRequest) -> Result<ReportResponse, CallError> {
        self.call("report", request).await
    }

    /// Tells what a cluster shows.
    pub async fn observe(&self, request: &ObserveRequest) -> Result<ObserveResponse, CallError> {
        self.call("observe", request).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        name: &str,
        request: &impl Serialize,
    ) -> Result<T, CallError> {
        let response = self.response(name, &Request::new(request)).await;
        // Odoo may be another one after it was away.
        self.spoken.store(0, Ordering::Relaxed);
        let Response { contract, answer } = response?;
        if contract < self.oldest {
            return Err(CallError::Outdated {
                message: format!(
                    "Update the addons in Odoo: they speak version {contract} of the contract, and this worker needs version {} or newer",
                    self.oldest
                ),
            });
        }
        self.spoken.store(contract, Ordering::Relaxed);
        answered(self.url.as_str(), answer)
    }

    async fn response(
        &self,
        name: &str,
        params: &impl Serialize,
    ) -> Result<Response<Map<String, Value>>, CallError> {
        let url = self
            .url
            .join(&format!("kubernetes_hosting/worker/{name}"))
            .expect("a fixed path joins any address");
        let request = json!({"jsonrpc": "2.0", "method": "call", "id": name, "params": params});
        let unreachable = |error: reqwest::Error| CallError::Unreachable {
            url: self.url.to_string(),
            reason: reason(&error),
        };
        let mut call = self
            .http
            .post(url)
            .bearer_auth(self.key().await.expose_secret())
            .json(&request);
        if !self.database.is_empty() {
            call = call.header("X-Odoo-Database", &self.database);
        }
        let response = call.send().await.map_err(unreachable)?;
        let status = response.status();
        let is_json = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        let body = body::read(response, MAX_ANSWER)
            .await
            .map_err(|error| match error {
                BodyError::TooLong(_) => CallError::TooLong {
                    url: self.url.to_string(),
                },
                BodyError::Lost(error) => unreachable(error),
            })?;
        read(self.url.as_str(), status, is_json, &body)
    }
}

/// The address with a `/` at its end, so that paths join it.
fn folder(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    url
}

/// The envelope of JSON-RPC 2.0.
#[derive(Deserialize)]
struct Envelope {
    result: Option<Value>,
    error: Option<RpcError>,
}

#[derive(Deserialize)]
struct RpcError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: RpcErrorData,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RpcErrorData {
    name: String,
    message: String,
}

/// A result that is a refusal in the contract's own form.
#[derive(Deserialize)]
struct Refusal {
    code: String,
    message: String,
    #[serde(default)]
    hint: Option<String>,
}

/// Makes an answer of any version, or the reason why it is none, of what came back.
fn read(
    url: &str,
    status: StatusCode,
    is_json: bool,
    body: &[u8],
) -> Result<Response<Map<String, Value>>, CallError> {
    let url = url.to_owned();
    match status {
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            return Err(CallError::Unavailable { url, status });
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(CallError::Unauthorized { url });
        }
        status if !status.is_success() || !is_json => {
            return Err(CallError::NotThere { url, status });
        }
        _ => {}
    }
    let unreadable = |reason: String| CallError::Unreadable {
        url: url.clone(),
        reason,
    };
    let envelope: Envelope =
        serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))?;
    if let Some(RpcError {
        code,
        message,
        data,
    }) = envelope.error
    {
        return Err(match data.name.as_str() {
            _ if code == VERSION_ERROR => CallError::Outdated {
                message: message.trim_end_matches('.').to_owned(),
            },
            "werkzeug.exceptions.Unauthorized"
            | "werkzeug.exceptions.Forbidden"
            | "odoo.exceptions.AccessDenied"
            | "odoo.exceptions.AccessError"
            | "odoo.http.SessionExpiredException" => CallError::Unauthorized { url },
            "werkzeug.exceptions.NotFound" => CallError::NotThere {
                url,
                status: StatusCode::NOT_FOUND,
            },
            "" => CallError::Server {
                name: "Error".to_owned(),
                message,
            },
            name => CallError::Server {
                name: name.to_owned(),
                message: data.message,
            },
        });
    }
    let Some(result) = envelope.result else {
        return Err(unreadable("neither a result nor an error".to_owned()));
    };
    serde_json::from_value(result).map_err(|error| unreadable(error.to_string()))
}

/// Makes what a call answers, or Odoo's refusal, of a result in a version that this program speaks.
fn answered<T: DeserializeOwned>(
    url: &str,
    mut answer: Map<String, Value>,
) -> Result<T, CallError> {
    let unreadable = |error: serde_json::Error| CallError::Unreadable {
        url: url.to_owned(),
        reason: error.to_string(),
    };
    if let Some(refusal) = answer.remove("error") {
        let Refusal {
            code,
            message,
            hint,
        } = serde_json::from_value(refusal).map_err(unreadable)?;
        return Err(CallError::Refused {
            code,
            message,
            hint,
        });
    }
    serde_json::from_value(Value::Object(answer)).map_err(unreadable)
}

/// The innermost cause says it best: reqwest's own text repeats the address.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::odoo::contract::{NEWEST, WorkerIdentity};
    use wiremock::matchers::{body_partial_json, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    fn client(url: &str, database: &str) -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::new(
            url,
            database,
            SecretString::from("k3y"),
            Duration::from_secs(300),
        )
        .unwrap()
    }

    fn request() -> ReportRequest {
        ReportRequest {
            worker: WorkerIdentity {
                machine: "m".to_owned(),
                name: "worker-1".to_owned(),
                instance: "i".to_owned(),
                version: "0.1.0".to_owned(),
            },
            jobs: Vec::new(),
        }
    }

    async fn answered(template: ResponseTemplate) -> Result<ReportResponse, CallError> {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(template)
            .mount(&server)
            .await;
        client(&server.uri(), "").report(&request()).await
    }

    fn rpc_error(name: &str, message: &str) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(json!({
            "jsonrpc": "2.0", "id": "report",
            "error": {"code": 0, "message": "Odoo Server Error", "data": {
                "name": name, "message": message, "debug": "Traceback (most recent call last): …", "arguments": [], "context": {},
            }},
        }))
    }

    #[tokio::test]
    async fn a_call_carries_key_database_and_params_and_reads_the_result() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/odoo/kubernetes_hosting/worker/report"))
            .and(header("Authorization", "Bearer k3y"))
            .and(header("X-Odoo-Database", "shop"))
            .and(header("Content-Type", "application/json"))
            .and(body_partial_json(
                json!({"jsonrpc": "2.0", "params": {"worker": {"name": "worker-1"}}}),
            ))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({
                "jsonrpc": "2.0", "id": "report", "result": {"jobs": [], "lease_seconds": 60},
            })))
            .expect(1)
            .mount(&server)
            .await;
        let response = client(&format!("{}/odoo", server.uri()), "shop")
            .report(&request())
            .await
            .unwrap();
        assert_eq!(response.lease_seconds, 60.0);
    }

    #[tokio::test]
    async fn a_bad_key_is_told_by_the_errors_name_not_by_the_status() {
        for name in [
            "werkzeug.exceptions.Unauthorized",
            "odoo.exceptions.AccessDenied",
        ] {
            let error = answered(rpc_error(name, "no")).await.unwrap_err();
            assert!(matches!(error, CallError::Unauthorized { .. }), "{error}");
            assert!(error.problem().hint.unwrap().contains("Create Key"));
        }
    }

    /// A key is replaced while the worker runs.
    #[tokio::test]
    async fn a_new_key_in_the_file_is_used_from_the_next_call_on() {
        let server = MockServer::start().await;
        let accept = |key: &str| {
            Mock::given(header("Authorization", format!("Bearer {key}").as_str()))
                .respond_with(
                    ResponseTemplate::new(200)
                        .set_body_json(json!({"result": {"jobs": [], "lease_seconds": 60}})),
                )
                .expect(1)
                .mount_as_scoped(&server)
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        let write = |text: &str| std::fs::write(file.path(), text).unwrap();
        write("first\n");
        let client = client(&server.uri(), "").with_key_in(file.path());
        let first = accept("first").await;
        client.report(&request()).await.unwrap();
        drop(first);
        write("second\n");
        let second = accept("second").await;
        client.clone().report(&request()).await.unwrap();
        drop(second);
        // What is no key, as in the middle of being written, changes nothing.
        for text in ["", "two words"] {
            write(text);
            let _second = accept("second").await;
            client.report(&request()).await.unwrap();
        }
        std::fs::remove_file(file.path()).unwrap();
        let _second = accept("second").await;
        client.report(&request()).await.unwrap();
    }

    #[tokio::test]
    async fn an_error_in_odoo_is_told_without_its_traceback() {
        let error = answered(rpc_error(
            "psycopg2.errors.DiskFull",
            "No space left on device",
        ))
        .await
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "Odoo failed: psycopg2.errors.DiskFull: No space left on device"
        );
        assert!(!error.problem().to_string().contains("Traceback"));
    }

    #[tokio::test]
    async fn html_means_that_the_addon_was_not_reached() {
        for status in [200, 404] {
            let page =
                ResponseTemplate::new(status).set_body_raw("<html>Not Found</html>", "text/html");
            let error = answered(page).await.unwrap_err();
            assert!(matches!(error, CallError::NotThere { .. }), "{error}");
            assert!(error.problem().hint.unwrap().contains("odoo.database"));
        }
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed_with_the_key() {
        let page = ResponseTemplate::new(303)
            .insert_header("Location", "http://127.0.0.1:1/web/database/selector");
        let error = answered(page).await.unwrap_err();
        assert!(matches!(error, CallError::NotThere { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_proxy_without_odoo_means_wait() {
        for status in [502, 503, 504] {
            let error = answered(ResponseTemplate::new(status).set_body_string("Bad Gateway"))
                .await
                .unwrap_err();
            assert!(matches!(error, CallError::Unavailable { .. }), "{error}");
            assert!(error.problem().retry);
        }
    }

    #[tokio::test]
    async fn nothing_listening_says_so_with_the_address() {
        let error = client("http://127.0.0.1:1", "")
            .report(&request())
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("Odoo at http://127.0.0.1:1/ does not answer: Connection refused"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn an_answer_that_never_ends_is_given_up_with_a_way_out() {
        let url = body::tests::endless_server().await;
        let error = client(&url, "").report(&request()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Odoo at {url}/ answers with more than 16 MiB, which the worker does not read")
        );
        assert!(error.problem().hint.unwrap().contains("worker.capacity"));
        assert!(!error.problem().retry);
    }

    #[tokio::test]
    async fn silence_ends_with_the_timeout() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(600)))
            .mount(&server)
            .await;
        let client = Client::new(
            &server.uri(),
            "",
            SecretString::from("k3y"),
            Duration::from_millis(50),
        )
        .unwrap();
        let error = client.report(&request()).await.unwrap_err();
        assert!(error.to_string().ends_with("no answer in time"), "{error}");
    }

    #[tokio::test]
    async fn an_answer_without_result_or_with_a_strange_one_is_refused() {
        let empty =
            ResponseTemplate::new(200).set_body_json(json!({"jsonrpc": "2.0", "id": "report"}));
        let error = answered(empty).await.unwrap_err();
        assert!(matches!(error, CallError::Unreadable { .. }), "{error}");
        let strange = ResponseTemplate::new(200).set_body_json(json!({"result": {"jobs": "many"}}));
        let error = answered(strange).await.unwrap_err();
        assert!(matches!(error, CallError::Unreadable { .. }), "{error}");
        let cut = ResponseTemplate::new(200).set_body_raw("{\"result\": ", "application/json");
        let error = answered(cut).await.unwrap_err();
        assert!(matches!(error, CallError::Unreadable { .. }), "{error}");
    }

    fn golden(name: &str) -> Value {
        let path = format!("{}/tests/contract/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn asking(capacity: u32) -> ClaimRequest {
        let request = golden("claim_request");
        let request: Request<ClaimRequest> = serde_json::from_value(request).unwrap();
        ClaimRequest {
            capacity,
            ..request.call
        }
    }

    /// An Odoo that answers every claim with the golden file.
    async fn claims(golden_file: &str) -> MockServer {
        let server = MockServer::start().await;
        let answer = json!({"jsonrpc": "2.0", "id": "claim", "result": golden(golden_file)});
        Mock::given(path("/kubernetes_hosting/worker/claim"))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer))
            .mount(&server)
            .await;
        server
    }

    async fn capacities(server: &MockServer) -> Vec<Value> {
        let calls = server.received_requests().await.unwrap();
        let params = calls.iter().map(|call| call.body_json::<Value>().unwrap());
        params
            .map(|call| call["params"]["capacity"].clone())
            .collect()
    }

    #[tokio::test]
    async fn every_call_says_its_version_and_the_oldest_that_it_understands() {
        let server = claims("claim_response").await;
        let client = client(&server.uri(), "");
        assert_eq!(client.spoken(), None);
        let asked = golden("claim_request");
        let capacity = asked["capacity"].as_u64().unwrap().try_into().unwrap();
        let claim = client.claim(&asking(capacity)).await.unwrap();
        assert!(!claim.jobs.is_empty());
        assert_eq!(client.spoken(), Some(NEWEST));
        let sent = &server.received_requests().await.unwrap()[0];
        let sent: Value = sent.body_json().unwrap();
        assert_eq!(sent["params"], asked);
    }

    #[tokio::test]
    async fn an_odoo_from_before_versions_goes_on_working() {
        let server = claims("v1/claim_response").await;
        let client = client(&server.uri(), "");
        let claim = client.claim(&asking(8)).await.unwrap();
        assert_eq!(claim.jobs.len(), 7);
        assert_eq!(client.spoken(), Some(1));
        assert_eq!(capacities(&server).await, [8]);
    }

    #[tokio::test]
    async fn an_odoo_below_the_minimum_is_refused_before_it_hands_out_jobs() {
        let server = claims("v1/claim_response").await;
        let mut client = client(&server.uri(), "");
        client.oldest = 2;
        for _ in 0..2 {
            let error = client.claim(&asking(8)).await.unwrap_err();
            assert_eq!(
                error.to_string(),
                "Update the addons in Odoo: they speak version 1 of the contract, and this worker needs version 2 or newer"
            );
            assert_eq!(error.problem().code.as_str(), "odoo_outdated");
        }
        assert_eq!(capacities(&server).await, [0, 0]);
        let server = claims("claim_response").await;
        let mut client = self::client(&server.uri(), "");
        client.oldest = 2;
        client.claim(&asking(8)).await.unwrap();
        client.claim(&asking(8)).await.unwrap();
        assert_eq!(capacities(&server).await, [0, 8, 8]);
    }

    #[tokio::test]
    async fn a_refused_version_says_which_of_the_two_to_update() {
        let refusal = json!({"jsonrpc": "2.0", "id": "report", "error": golden("version_error")});
        let refusal = ResponseTemplate::new(200).set_body_json(refusal);
        let error = answered(refusal).await.unwrap_err();
        assert!(matches!(error, CallError::Outdated { .. }), "{error}");
        assert!(
            error
                .to_string()
                .starts_with("Update the worker: it speaks version 1"),
            "{error}"
        );
        assert!(!error.problem().message.ends_with(".."), "{error}");
    }

    #[tokio::test]
    async fn a_refusal_keeps_odoos_words_and_hint() {
        let refusal = ResponseTemplate::new(200).set_body_json(json!({"result": {"error": {
            "code": "bad_params", "message": "capacity must be a number", "hint": "Update the worker.",
        }}}));
        let error = answered(refusal).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "Odoo refuses the call: capacity must be a number"
        );
        assert_eq!(error.problem().hint.as_deref(), Some("Update the worker."));
    }
}
