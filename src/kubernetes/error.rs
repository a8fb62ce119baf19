//! What the API server answered, as people can read it.

use std::fmt;
use std::time::Duration;

use http_body_util::LengthLimitError;
use kube::core::Status;

use super::advice::{self, uncounted, webhook_down};
use super::cluster::{MOST_OBJECTS, MOST_OF_AN_ANSWER};
use super::retry;
use crate::body;
use crate::cause::chain;
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// Why a call to the API server failed.
#[derive(Debug)]
pub(super) enum CallError {
    Timeout(Duration),
    /// The cluster may not be called any more.
    Fenced,
    /// The server answered, and the answer is no.
    Refused(Box<Status>),
    /// An answer that would take too much memory.
    TooLong,
    /// A list of more objects than any app has.
    TooMany,
    /// No answer that could be read.
    Unreachable(kube::Error),
}

impl From<kube::Error> for CallError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Refused(status),
            other if is_too_long(&other) => Self::TooLong,
            other => Self::Unreachable(other),
        }
    }
}

impl CallError {
    pub(super) fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    pub(super) fn is_forbidden(&self) -> bool {
        self.code() == Some(403)
    }

    pub(super) fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// Whether the object is another one, or another version, than a write was about. The API server takes another uid for a
    /// field that somebody wants to change.
    pub(super) fn is_of_another(&self) -> bool {
        match self {
            Self::Refused(status) => {
                let causes = status.details.iter().flat_map(|details| &details.causes);
                status.code == 409
                    || status.code == 422
                        && causes
                            .into_iter()
                            .any(|cause| cause.field == "metadata.uid")
            }
            _ => false,
        }
    }

    fn code(&self) -> Option<u16> {
        match self {
            Self::Refused(status) => Some(status.code),
            _ => None,
        }
    }
}

fn is_too_long(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_too_long)
}

/// What a failed call means for the operator; `doing` completes "The cluster does not let the worker …".
pub(super) fn call_problem(error: &CallError, url: &str, doing: impl Into<Sentence>) -> Problem {
    let doing = doing.into();
    match error {
        // What the job's step log says of it, too; nobody is told, for the job is somebody else's.
        CallError::Fenced => {
            Problem::new(Code::LeaseLost, sentence!("The job is no longer this worker's."))
        }
        CallError::Timeout(limit) => {
            Problem::new(Code::ClusterUnreachable, sentence!("The cluster at {url} did not answer within {seconds} s.", url, seconds = limit.as_secs_f32().to_string()))
                .hint(sentence!("Check that the API server runs and is reachable from the worker."))
        }
        CallError::TooLong => Problem::new(Code::ClusterAnswer, sentence!("The worker could not {doing}: the cluster at {url} answers with more than {size}, which is not read.", doing, url, size = body::size(MOST_OF_AN_ANSWER)))
        .hint(sentence!("Look with kubectl what is so large, and delete what is not needed. If it is nothing, something else than an API server answers there.")),
        CallError::TooMany => Problem::new(Code::ClusterAnswer, sentence!("The worker could not {doing}: the cluster at {url} has more than {number} of them, which are not read.", doing, url, number = MOST_OBJECTS))
        .hint(sentence!("Look with kubectl what makes so many, and delete what is not needed: `kubectl get` with the flag --chunk-size shows them in parts.")),
        CallError::Unreachable(error @ (kube::Error::Auth(_) | kube::Error::InferConfig(_) | kube::Error::InferKubeconfig(_))) => {
            Problem::new(Code::ClusterCredentials, sentence!("The credentials for the cluster at {url} cannot be used: {error}.", url, error = chain(error)))
                .hint(sentence!("Check the credentials in the worker's kubeconfig for this cluster."))
        }
        CallError::Unreachable(error) => {
            Problem::new(Code::ClusterUnreachable, sentence!("The cluster at {url} cannot be reached: {error}.", url, error = chain(error)))
                .hint(sentence!("Check that the API server runs and is reachable from the worker."))
        }
        CallError::Refused(status) => match status.code {
            401 => Problem::new(Code::ClusterCredentials, sentence!("The cluster at {url} does not accept the worker's credentials.", url))
                .hint(sentence!("Renew the credentials in the worker's kubeconfig for this cluster.")),
            _ if status.message.contains("failed calling webhook") => Problem::new(Code::AdmissionUnavailable, sentence!("The cluster cannot {doing} now: {message}.", doing, message = webhook_words(&status.message)))
                .hint(webhook_down()),
            _ if retry::is_uncounted(status) => Problem::new(Code::QuotaUnknown, sentence!("The cluster cannot {doing} yet: {message}", doing, message = ended(&status.message)))
                .hint(uncounted()),
            403 => Problem::new(Code::ClusterForbidden, sentence!("The cluster does not let the worker {doing}: {message}", doing, message = ended(&status.message)))
                .hint(sentence!("Give the worker's account this permission; `chandlery check` lists all that it lacks.")),
            429 | 500.. => Problem::new(Code::ClusterUnreachable, sentence!("The cluster at {url} cannot {doing} now: {message}", url, doing, message = ended(&status.message)))
                .hint(sentence!("The API server is overloaded or one of its parts is down; it usually passes.")),
            _ => Problem {
                retry: status.code == 409,
                ..Problem::new(Code::ClusterRefused, sentence!("The cluster refused to {doing}: {message}", doing, message = ended(&status.message)))
            },
        },
    }
}

/// An admission webhook that could not be called, and why, without the way in which Go says so. Without a reason it
/// answers with something else than a review.
fn webhook(message: &str) -> (&str, Option<&str>) {
    let name = advice::between(message, "failed calling webhook \"", "\"").unwrap_or_default();
    let why = message.rsplit(": ").next().unwrap_or_default();
    (name, Some(why).filter(|why| !why.contains(['{', '\\'])))
}

/// That an admission webhook could not be called.
pub(super) fn of_webhook(message: &str) -> Sentence {
    match webhook(message) {
        (name, None) => sentence!(
            "The admission webhook {name} answers with something else than a review.",
            name
        ),
        (name, Some(why)) => {
            sentence!(
                "The admission webhook {name} cannot be called: {why}.",
                name,
                why
            )
        }
    }
}

/// The same within a sentence.
fn webhook_words(message: &str) -> Sentence {
    match webhook(message) {
        (name, None) => sentence!(
            "the admission webhook {name} answers with something else than a review",
            name
        ),
        (name, Some(why)) => {
            sentence!(
                "the admission webhook {name} cannot be called: {why}",
                name,
                why
            )
        }
    }
}

/// Ends a text with a full stop.
pub(super) fn ended(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(limit) => write!(f, "no answer within {} s", limit.as_secs_f32()),
            Self::Fenced => f.write_str("the job is no longer this worker's"),
            Self::Refused(status) => f.write_str(&status.message),
            Self::TooLong => write!(
                f,
                "an answer of more than {}",
                body::size(MOST_OF_AN_ANSWER)
            ),
            Self::TooMany => write!(f, "more than {MOST_OBJECTS} objects"),
            Self::Unreachable(error) => f.write_str(&chain(error)),
        }
    }
}
