//! What the API server answered, as people can read it.

use std::fmt;
use std::time::Duration;

use http_body_util::LengthLimitError;
use kube::core::Status;

use super::advice::{self, UNCOUNTED, WEBHOOK_DOWN};
use super::cluster::{MOST_OBJECTS, MOST_OF_AN_ANSWER};
use super::retry;
use crate::body;
use crate::cause::chain;
use crate::code::Code;
use crate::problem::Problem;

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
pub(super) fn call_problem(error: &CallError, url: &str, doing: &str) -> Problem {
    match error {
        // What the job's step log says of it, too; nobody is told, for the job is somebody else's.
        CallError::Fenced => {
            Problem::new(Code::LeaseLost, "The job is no longer this worker's.")
        }
        CallError::Timeout(limit) => {
            Problem::new(Code::ClusterUnreachable, format!("The cluster at {url} did not answer within {} s.", limit.as_secs_f32()))
                .hint("Check that the API server runs and is reachable from the worker.")
        }
        CallError::TooLong => Problem::new(
            Code::ClusterAnswer,
            format!("The worker could not {doing}: the cluster at {url} answers with more than {}, which is not read.", body::size(MOST_OF_AN_ANSWER)),
        )
        .hint("Look with kubectl what is so large, and delete what is not needed. If it is nothing, something else than an API server answers there."),
        CallError::TooMany => Problem::new(
            Code::ClusterAnswer,
            format!("The worker could not {doing}: the cluster at {url} has more than {MOST_OBJECTS} of them, which are not read."),
        )
        .hint("Look with kubectl what makes so many, and delete what is not needed: `kubectl get` with the flag --chunk-size shows them in parts."),
        CallError::Unreachable(error @ (kube::Error::Auth(_) | kube::Error::InferConfig(_) | kube::Error::InferKubeconfig(_))) => {
            Problem::new(Code::ClusterCredentials, format!("The credentials for the cluster at {url} cannot be used: {}.", chain(error)))
                .hint("Check the credentials in the worker's kubeconfig for this cluster.")
        }
        CallError::Unreachable(error) => {
            Problem::new(Code::ClusterUnreachable, format!("The cluster at {url} cannot be reached: {}.", chain(error)))
                .hint("Check that the API server runs and is reachable from the worker.")
        }
        CallError::Refused(status) => match status.code {
            401 => Problem::new(Code::ClusterCredentials, format!("The cluster at {url} does not accept the worker's credentials."))
                .hint("Renew the credentials in the worker's kubeconfig for this cluster."),
            _ if status.message.contains("failed calling webhook") => Problem::new(Code::AdmissionUnavailable, sentence(&format!("The cluster cannot {doing} now: {}", webhook_words(&status.message))))
                .hint(WEBHOOK_DOWN),
            _ if retry::is_uncounted(status) => Problem::new(Code::QuotaUnknown, format!("The cluster cannot {doing} yet: {}", sentence(&status.message)))
                .hint(UNCOUNTED),
            403 => Problem::new(Code::ClusterForbidden, format!("The cluster does not let the worker {doing}: {}", sentence(&status.message)))
                .hint("Give the worker's account this permission; `chandlery check` lists all that it lacks."),
            429 | 500.. => Problem::new(Code::ClusterUnreachable, format!("The cluster at {url} cannot {doing} now: {}", sentence(&status.message)))
                .hint("The API server is overloaded or one of its parts is down; it usually passes."),
            _ => Problem {
                retry: status.code == 409,
                ..Problem::new(Code::ClusterRefused, format!("The cluster refused to {doing}: {}", sentence(&status.message)))
            },
        },
    }
}

/// An admission webhook that could not be called, without the way in which Go says so.
pub(super) fn webhook_words(message: &str) -> String {
    let name = advice::between(message, "failed calling webhook \"", "\"").unwrap_or_default();
    let why = message.rsplit(": ").next().unwrap_or_default();
    match why.contains(['{', '\\']) {
        true => format!("the admission webhook {name} answers with something else than a review"),
        false => format!("the admission webhook {name} cannot be called: {why}"),
    }
}

/// Ends a text with a full stop.
pub(super) fn sentence(text: &str) -> String {
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
