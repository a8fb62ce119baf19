//! What can go wrong with a request, and how an operator reads it.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;

use super::client::{Mailgun, Region};
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// Why Mailgun did not do what it was asked.
#[derive(Debug, PartialEq)]
pub enum Error {
    /// No connection came about: the request never left.
    Unreachable { cause: String },
    /// The request left and no answer came: it may have been carried out.
    Unanswered { cause: String },
    /// 401.
    Key,
    /// 403: the key may not do this, or the domain or account is disabled.
    Forbidden { message: String },
    /// 404 in JSON. May pass: Mailgun is eventually consistent.
    NotFound { message: String },
    /// Another 4xx: something in the request is wrong.
    Refused { status: StatusCode, message: String },
    /// 429, and waiting would take longer than patience lasts.
    Busy { wait: Duration },
    /// 5xx.
    Failed { status: StatusCode, message: String },
    /// Something answered that is not Mailgun's API: the address is wrong, or a proxy answers in its place.
    NotTheApi { status: StatusCode },
    /// An answer that would take too much memory. What was asked may have been carried out.
    TooLong { limit: usize },
    /// No JSON, though it is said to be.
    Unreadable { line: usize, column: usize },
    /// JSON without what was asked for.
    Lacking { what: &'static str },
}

impl Error {
    /// What Mailgun did instead, to be put behind its name.
    pub(super) fn sentence(&self) -> Sentence {
        match self {
            Self::Unreachable { cause } => sentence!("cannot be reached: {cause}", cause),
            Self::Unanswered { cause } => sentence!("gave no answer: {cause}", cause),
            Self::Key => sentence!("does not accept the API key"),
            Self::Forbidden { message } => sentence!("does not allow it: {message}", message),
            Self::NotFound { message } => message.into(),
            Self::Refused { status, message } => sentence!(
                "refused it ({status}): {message}",
                status = status.to_string(),
                message
            ),
            Self::Busy { wait } => sentence!(
                "takes no more requests for {seconds} s",
                seconds = wait.as_secs_f64().ceil().to_string()
            ),
            Self::Failed { status, message } => sentence!(
                "failed ({status}) {message}",
                status = status.to_string(),
                message
            ),
            Self::NotTheApi { status } => sentence!(
                "answered with status {status}, but not as its API does",
                status = status.to_string()
            ),
            Self::TooLong { limit } => sentence!(
                "answered with more than {size}, which the worker does not read",
                size = crate::body::size(*limit)
            ),
            Self::Unreadable { line, column } => sentence!(
                "gave an answer that cannot be read (line {line}, column {column})",
                line = *line,
                column = *column
            ),
            Self::Lacking { what } => sentence!("gave an answer without {what}", what = *what),
        }
    }

    /// How an operator reads it; `doing` completes "Could not …".
    pub(super) fn problem(self, mailgun: &Mailgun, doing: impl Into<Sentence>) -> Problem {
        let message = sentence!(
            "Could not {doing}: Mailgun {reason}.",
            doing = doing.into(),
            reason = self.sentence()
        );
        let address = mailgun.address();
        match self {
            Self::Unreachable { .. } | Self::Unanswered { .. } => {
                Problem::new(Code::MailgunUnreachable, message)
                    .hint(sentence!("It is tried again. Can the worker's machine reach {address}?", address))
            }
            Self::Key => Problem::new(Code::MailgunKey, message).hint(sentence!("Give the worker an API key of the account (Mailgun: Account > API Security) that is valid for {address}. \
                 A domain's sending key is not enough.", address)),
            Self::Forbidden { .. } => Problem::new(Code::MailgunForbidden, message).hint(sentence!("Look at the domain and the account at Mailgun: one of them may be disabled, or the key may lack the role.")),
            Self::NotFound { .. } => Problem::new(Code::MailDomainMissing, message).hint(sentence!("Either Mailgun does not show a new domain yet (this passes), or it was deleted there or lives in the \
                 other region; the worker's is {region}.", region = name(mailgun.region()))),
            Self::Refused { .. } => Problem::new(Code::MailgunRefused, message)
                .hint(sentence!("Put right what Mailgun names, then try again.")),
            Self::Busy { .. } => Problem::new(Code::MailgunBusy, message).hint(sentence!("Mailgun limits the requests of an account a minute. It is tried again.")),
            Self::Failed { .. } => Problem::new(Code::MailgunFailed, message)
                .hint(sentence!("It is tried again. Mailgun tells about disturbances on its status page.")),
            Self::NotTheApi { .. } => Problem::new(Code::MailgunUrl, message).hint(sentence!("The worker asked {address}. Is that Mailgun's address, and does no proxy answer in its place?", address)),
            Self::TooLong { .. } => Problem::new(Code::MailgunAnswer, message).hint(sentence!("The worker asked {address}. Is that Mailgun's address, and does no proxy answer in its place?", address)),
            Self::Unreadable { .. } | Self::Lacking { .. } => Problem::new(Code::MailgunAnswer, message).hint(sentence!("The worker asked {address}. If that is Mailgun, its API has changed: update the worker.", address)),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sentence().fmt(f)
    }
}

impl std::error::Error for Error {}

pub(super) fn name(region: Region) -> &'static str {
    match region {
        Region::Us => "US",
        Region::Eu => "EU",
    }
}
