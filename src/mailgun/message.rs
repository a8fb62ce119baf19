//! One mail, sent.

use std::fmt;

use reqwest::{Method, StatusCode};
use url::Host;

use super::client::{Mailgun, Request};
use super::error::Error;
use super::record::text;
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;

/// A mail. Its bodies may hold a password, so that `Debug` does not show them.
#[derive(Clone, Default)]
pub struct Message {
    /// `Name <user@domain>`, the name quoted where it holds a comma or the like; the domain should be the one it is sent
    /// from.
    pub from: String,
    /// At least one recipient, each in the same form.
    pub to: Vec<String>,
    pub subject: String,
    /// Needed: this, `html`, or both.
    pub text: Option<String>,
    pub html: Option<String>,
    /// Further headers, such as `Reply-To`; 16 kB in all. With a `Message-Id` of one's own that stays the same,
    /// recipients may tell a mail that was sent twice.
    pub headers: Vec<(String, String)>,
    /// For Mailgun's statistics.
    pub tags: Vec<String>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("from", &self.from)
            .field("to", &self.to)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// Hands the mail to Mailgun and returns its message id, empty where Mailgun says none.
///
/// Links are not rewritten and opening is not tracked: an invitation's links are nobody else's.
///
/// # Errors
/// `mail_unconfirmed` (permanent): no answer came, so that the mail may be on its way. It is not sent again by itself.
/// `mail_invalid` (permanent): it has no recipient or no body, or a line break where none may be.
pub async fn send(mailgun: &Mailgun, domain: &str, message: &Message) -> Result<String, Problem> {
    check(message)?;
    let recipients = message.to.join(", ");
    let request = Request {
        fields: fields(message),
        ..Request::new(Method::POST, ["v3", domain, "messages"])
    };
    match mailgun.call(request).await {
        // Mailgun has taken it, whatever else the answer holds.
        Ok(queued) => Ok(text(&queued["id"]).unwrap_or_default().to_owned()),
        Err(error) if is_unconfirmed(&error) => Err(Problem::new(Code::MailUnconfirmed, sentence!("Mailgun did not confirm the mail to {recipients}, which may have been sent: it {error}.", recipients, error = error.sentence()))
        .hint(sentence!("Look for the recipient in Mailgun's log of the domain. If the mail is not there, send it again."))),
        Err(error) => Err(error.problem(mailgun, sentence!("send a mail to {recipients}", recipients))),
    }
}

/// Whether Mailgun may have taken the mail all the same.
fn is_unconfirmed(error: &Error) -> bool {
    match error {
        Error::Unanswered { .. } | Error::Unreadable { .. } | Error::TooLong { .. } => true,
        Error::Failed { status, .. } => *status == StatusCode::GATEWAY_TIMEOUT,
        _ => false,
    }
}

fn fields(message: &Message) -> Vec<(String, String)> {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut fields = vec![field("from", &ascii_domains(&message.from))];
    fields.extend(message.to.iter().map(|to| field("to", &ascii_domains(to))));
    fields.push(field("subject", &message.subject));
    fields.extend(message.text.iter().map(|text| field("text", text)));
    fields.extend(message.html.iter().map(|html| field("html", html)));
    fields.extend(
        message
            .headers
            .iter()
            .map(|(name, value)| match name.as_str() {
                "Reply-To" => field("h:Reply-To", &ascii_domains(value)),
                _ => field(&format!("h:{name}"), value),
            }),
    );
    fields.extend(message.tags.iter().map(|tag| field("o:tag", tag)));
    fields.push(field("o:tracking", "no"));
    fields
}

/// Addresses with their domains as mail servers take them, in ASCII (IDNA). What is not ASCII before the `@` stays:
/// Mailgun sends to such addresses by SMTPUTF8.
fn ascii_domains(addresses: &str) -> String {
    let (mut ascii, mut rest, mut quoted) = (String::new(), addresses, false);
    while let Some(at) = rest.find(['"', '\\', '@']) {
        let (before, found) = rest.split_at(at);
        ascii += before;
        // Of a backslash the next character belongs to it.
        let length = match found.starts_with('\\') {
            true => found.chars().take(2).map(char::len_utf8).sum(),
            false => 1,
        };
        let (sign, after) = found.split_at(length);
        ascii += sign;
        rest = after;
        quoted ^= sign == "\"";
        if sign == "@" && !quoted {
            let end = |c: char| c.is_whitespace() || ",;<>()\"".contains(c);
            let (domain, after) = rest.split_at(rest.find(end).unwrap_or(rest.len()));
            match Host::parse(domain) {
                Ok(Host::Domain(name)) if !domain.is_ascii() => ascii += &name,
                _ => ascii += domain,
            }
            rest = after;
        }
    }
    ascii + rest
}

fn check(message: &Message) -> Result<(), Problem> {
    let lines = [&message.from, &message.subject]
        .into_iter()
        .chain(&message.to)
        .chain(
            message
                .headers
                .iter()
                .flat_map(|(name, value)| [name, value]),
        );
    let wrong = if message.to.is_empty() {
        sentence!("it has no recipient")
    } else if message.text.is_none() && message.html.is_none() {
        sentence!("it has neither text nor HTML")
    } else if lines.into_iter().any(|line| line.contains(['\r', '\n'])) {
        sentence!("an address, the subject or a header has a line break")
    } else {
        return Ok(());
    };
    Err(Problem::new(
        Code::MailInvalid,
        sentence!("The mail cannot be sent: {wrong}.", wrong),
    )
    .hint(sentence!(
        "Correct the mail template or the customer's address, then send it again."
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_in_any_script_become_ascii_and_nothing_else_changes() {
        for (given, ascii) in [
            ("info@müller.example", "info@xn--mller-kva.example"),
            ("jörg@MÜLLER.example", "jörg@xn--mller-kva.example"),
            (
                "\"Müller @ Söhne \\\" ü\" <a@straße.example>, b@x.example; c@пример.рф",
                "\"Müller @ Söhne \\\" ü\" <a@xn--strae-oqa.example>, b@x.example; c@xn--e1afmkfd.xn--p1ai",
            ),
            ("a@X.example", "a@X.example"),
            ("a@😀 .example", "a@xn--e28h .example"),
            ("ends in a \\", "ends in a \\"),
            ("@", "@"),
            ("", ""),
        ] {
            assert_eq!(ascii_domains(given), ascii);
        }
    }
}
