//! What can go wrong with a request, and how an operator reads it.

use std::time::Duration;

use reqwest::StatusCode;

use super::client::{Mailgun, Region};
use crate::code::Code;
use crate::problem::Problem;

/// Why Mailgun did not do what it was asked.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// No connection came about: the request never left.
    #[error("cannot be reached: {cause}")]
    Unreachable { cause: String },
    /// The request left and no answer came: it may have been carried out.
    #[error("gave no answer: {cause}")]
    Unanswered { cause: String },
    /// 401.
    #[error("does not accept the API key")]
    Key,
    /// 403: the key may not do this, or the domain or account is disabled.
    #[error("does not allow it: {message}")]
    Forbidden { message: String },
    /// 404 in JSON. May pass: Mailgun is eventually consistent.
    #[error("{message}")]
    NotFound { message: String },
    /// Another 4xx: something in the request is wrong.
    #[error("refused it ({status}): {message}")]
    Refused { status: StatusCode, message: String },
    /// 429, and waiting would take longer than patience lasts.
    #[error("takes no more requests for {} s", wait.as_secs_f64().ceil())]
    Busy { wait: Duration },
    /// 5xx.
    #[error("failed ({status}) {message}")]
    Failed { status: StatusCode, message: String },
    /// Something answered that is not Mailgun's API: the address is wrong, or a proxy answers in its place.
    #[error("answered with status {status}, but not as its API does")]
    NotTheApi { status: StatusCode },
    /// An answer that would take too much memory. What was asked may have been carried out.
    #[error("answered with more than {}, which the worker does not read", crate::body::size(*limit))]
    TooLong { limit: usize },
    /// No JSON, though it is said to be.
    #[error("gave an answer that cannot be read (line {line}, column {column})")]
    Unreadable { line: usize, column: usize },
    /// JSON without what was asked for.
    #[error("gave an answer without {what}")]
    Lacking { what: &'static str },
}

impl Error {
    /// How an operator reads it; `doing` completes "Could not …".
    pub(super) fn problem(self, mailgun: &Mailgun, doing: &str) -> Problem {
        let message = format!("Could not {doing}: Mailgun {self}.");
        let address = mailgun.address();
        match self {
            Self::Unreachable { .. } | Self::Unanswered { .. } => {
                Problem::new(Code::MailgunUnreachable, message)
                    .hint(format!("It is tried again. Can the worker's machine reach {address}?"))
            }
            Self::Key => Problem::new(Code::MailgunKey, message).hint(format!(
                "Give the worker an API key of the account (Mailgun: Account > API Security) that is valid for {address}. \
                 A domain's sending key is not enough."
            )),
            Self::Forbidden { .. } => Problem::new(Code::MailgunForbidden, message).hint(
                "Look at the domain and the account at Mailgun: one of them may be disabled, or the key may lack the role.",
            ),
            Self::NotFound { .. } => Problem::new(Code::MailDomainMissing, message).hint(format!(
                "Either Mailgun does not show a new domain yet (this passes), or it was deleted there or lives in the \
                 other region; the worker's is {}.",
                name(mailgun.region())
            )),
            Self::Refused { .. } => Problem::new(Code::MailgunRefused, message)
                .hint("Put right what Mailgun names, then try again."),
            Self::Busy { .. } => Problem::new(Code::MailgunBusy, message).hint(
                "Mailgun limits the requests of an account a minute. It is tried again.",
            ),
            Self::Failed { .. } => Problem::new(Code::MailgunFailed, message)
                .hint("It is tried again. Mailgun tells about disturbances on its status page."),
            Self::NotTheApi { .. } => Problem::new(Code::MailgunUrl, message).hint(format!(
                "The worker asked {address}. Is that Mailgun's address, and does no proxy answer in its place?"
            )),
            Self::TooLong { .. } => Problem::new(Code::MailgunAnswer, message).hint(format!(
                "The worker asked {address}. Is that Mailgun's address, and does no proxy answer in its place?"
            )),
            Self::Unreadable { .. } | Self::Lacking { .. } => Problem::new(Code::MailgunAnswer, message).hint(format!(
                "The worker asked {address}. If that is Mailgun, its API has changed: update the worker."
            )),
        }
    }
}

pub(super) fn name(region: Region) -> &'static str {
    match region {
        Region::Us => "US",
        Region::Eu => "EU",
    }
}
