//! A domain's life: registered or adopted, verified, released.

use reqwest::Method;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::client::{Mailgun, Request};
use super::error::{self, Error};
use super::record::{self, Record, is_true, text};
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// A domain as Mailgun shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    pub id: String,
    pub name: String,
    pub state: State,
    /// Why Mailgun disabled it, in Mailgun's words.
    pub disabled: Option<String>,
    /// Ordered; equal whenever Mailgun answers the same records.
    pub records: Vec<Record>,
}

/// What a domain may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Active,
    /// Mailgun took its right to send; [`Domain::disabled`] says why.
    Disabled,
    /// Its records have not been seen: it may send 300 mails a day.
    Unverified,
}

/// The sign by which an app's domain is known: a DKIM selector that stands for one app, or for one Odoo database where
/// the domain was registered before apps had a uid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark(String);

impl Mark {
    /// The mark of an app by its uid, or of an Odoo database by its uuid.
    pub fn of(token: &str) -> Self {
        let digest = Sha256::digest(token.as_bytes());
        let digits: String = digest[..6]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self(format!("chandlery-{digits}"))
    }

    /// The DKIM selector.
    pub fn selector(&self) -> &str {
        &self.0
    }

    fn is_on(&self, domain: &Domain) -> bool {
        let name = format!("{}._domainkey.{}", self.0, domain.name);
        domain
            .records
            .iter()
            .any(|record| record.name.eq_ignore_ascii_case(&name))
    }
}

/// What [`register`] found or made.
#[derive(Clone, Debug, PartialEq)]
pub enum Registered {
    Created(Domain),
    /// It was there with our mark: from an earlier attempt, or a worker at the same moment.
    Adopted(Domain),
}

impl Registered {
    pub fn domain(&self) -> &Domain {
        match self {
            Self::Created(domain) | Self::Adopted(domain) => domain,
        }
    }
}

/// What [`release`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// Mailgun deletes it in the background.
    Deleted,
    AlreadyGone,
    /// It is in the account without our mark and stays.
    NotOurs,
}

/// Looks a domain up. `None`: this account has none of this name in this region, or does not show it yet.
pub async fn find(mailgun: &Mailgun, name: &str) -> Result<Option<Domain>, Problem> {
    let doing = sentence!("look up the mail domain {name}", name);
    match mailgun
        .call(Request::new(Method::GET, ["v4", "domains", name]))
        .await
    {
        Ok(answer) => match domain(&answer, name, mailgun, &doing)? {
            Some(domain) => Ok(Some(domain)),
            None => Err(lacking("the domain").problem(mailgun, &doing)),
        },
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.problem(mailgun, &doing)),
    }
}

/// How many domains the account has in its region: a call that changes nothing and that only a key of the whole account
/// opens.
pub async fn count(mailgun: &Mailgun) -> Result<u64, Problem> {
    let request = Request::new(Method::GET, ["v4", "domains"]).query("limit", "1");
    let answer = mailgun.call(request).await.and_then(|page| {
        let total = &page["total_count"];
        let counted = match text(total) {
            Some(text) => text.parse().ok(),
            None => total.as_u64(),
        };
        let shown = || page["items"].as_array().map(|items| items.len() as u64);
        counted.or_else(shown).ok_or(lacking("its domains"))
    });
    answer.map_err(|error| error.problem(mailgun, sentence!("list the account's domains")))
}

/// Makes sure that the account has the domain and that it bears the mark.
///
/// # Errors
/// `mail_domain_taken` (permanent): another account, or this one in the other region, has the name.
/// `mail_domain_foreign` (permanent): it is in the account, but not with our mark.
/// `mail_domain_missing` (passes): Mailgun says that it exists but does not show it yet.
pub async fn register(mailgun: &Mailgun, name: &str, mark: &Mark) -> Result<Registered, Problem> {
    if let Some(found) = find(mailgun, name).await? {
        return adopt(found, mark);
    }
    let answer = match create(mailgun, name, mark).await {
        Ok(answer) => answer,
        Err(Error::Refused { message, .. }) if says_it_exists(&message) => {
            return match find(mailgun, name).await? {
                Some(found) => adopt(found, mark),
                None => Err(unseen(mailgun, name, message)),
            };
        }
        Err(error) => return Err(error.problem(mailgun, registering(name))),
    };
    // That it is made, is said by the success alone; what it needs may have to be asked for.
    let told = domain(&answer, name, mailgun, &registering(name))?;
    let created = match told {
        Some(whole) if !whole.records.is_empty() => whole,
        part => (find(mailgun, name).await?)
            .or(part)
            .ok_or_else(|| unseen(mailgun, name, sentence!("it was just made")))?,
    };
    if !mark.is_on(&created) {
        tracing::warn!(domain = name, "Mailgun did not take the DKIM selector");
    }
    Ok(Registered::Created(created))
}

/// Has Mailgun look at the DNS now. The caller repeats it, with growing pauses, until the state is active.
///
/// # Errors
/// `mail_domain_missing` (passes): register it again.
pub async fn verify(mailgun: &Mailgun, name: &str) -> Result<Domain, Problem> {
    let doing = sentence!("verify the mail domain {name}", name);
    let answer = mailgun
        .call(Request::new(Method::PUT, ["v4", "domains", name, "verify"]))
        .await
        .map_err(|error| error.problem(mailgun, &doing))?;
    match domain(&answer, name, mailgun, &doing)? {
        Some(whole) if !whole.records.is_empty() => Ok(whole),
        part => (find(mailgun, name).await?).or(part).ok_or_else(|| {
            let message = "Domain not found".to_owned();
            Error::NotFound { message }.problem(mailgun, &doing)
        }),
    }
}

/// Puts the app's mark in the place of the former one, where the account has the domain and it bears that. Returns whether
/// it did. The name of the DKIM record changes with it: the new one is to be published.
pub async fn take_over(
    mailgun: &Mailgun,
    name: &str,
    former: &Mark,
    mark: &Mark,
) -> Result<bool, Problem> {
    match find(mailgun, name).await? {
        Some(found) if former.is_on(&found) && !mark.is_on(&found) => {}
        _ => return Ok(false),
    }
    let request = Request::new(Method::PUT, ["v3", "domains", name, "dkim_selector"])
        .field("dkim_selector", mark.selector());
    match mailgun.call(request).await {
        Ok(_) => Ok(true),
        Err(error) => {
            Err(error.problem(mailgun, sentence!("take over the mail domain {name}", name)))
        }
    }
}

/// Deletes the domain, with its credentials, if it is ours.
pub async fn release(mailgun: &Mailgun, name: &str, mark: &Mark) -> Result<Released, Problem> {
    match find(mailgun, name).await? {
        None => return Ok(Released::AlreadyGone),
        Some(found) if !mark.is_on(&found) => return Ok(Released::NotOurs),
        Some(_) => {}
    }
    let request = Request::new(Method::DELETE, ["v3", "domains", name]);
    match mailgun.call(request).await {
        Ok(_) => Ok(Released::Deleted),
        Err(Error::NotFound { .. }) => Ok(Released::AlreadyGone),
        Err(error) => {
            Err(error.problem(mailgun, sentence!("release the mail domain {name}", name)))
        }
    }
}

async fn create(mailgun: &Mailgun, name: &str, mark: &Mark) -> Result<Value, Error> {
    let request = Request::new(Method::POST, ["v4", "domains"])
        .field("name", name)
        .field("spam_action", "disabled")
        .field("dkim_key_size", "2048")
        .field("dkim_selector", mark.selector())
        // Otherwise a parent domain in the same account signs, and neither key nor mark is the app's own.
        .field("force_dkim_authority", "true")
        .field("use_automatic_sender_security", "false")
        .field("web_scheme", "https");
    mailgun.call(request).await
}

/// The domain of an answer, or `None` where it shows none: only for who looks it up is that the end.
fn domain(
    answer: &Value,
    name: &str,
    mailgun: &Mailgun,
    doing: &Sentence,
) -> Result<Option<Domain>, Problem> {
    let answered = &answer["domain"];
    if !answered.is_object() {
        return Ok(None);
    }
    if let Some(other) = text(&answered["name"])
        && !other.trim_end_matches('.').eq_ignore_ascii_case(name)
    {
        return Err(Problem::new(
            Code::MailgunAnswer,
            sentence!(
                "Could not {doing}: Mailgun answered for {other} instead.",
                doing,
                other
            ),
        )
        .hint(sentence!(
            "The worker asked {address}.",
            address = mailgun.address()
        )));
    }
    let disabled = &answered["disabled"];
    let reason = ["reason", "note", "code"]
        .iter()
        .find_map(|member| text(&disabled[*member]))
        .or(text(disabled));
    let state = text(&answered["state"]).map(str::to_ascii_lowercase);
    let state = match state.as_deref() {
        Some("active") => State::Active,
        Some("disabled") => State::Disabled,
        // A word of a later time.
        Some(_) => State::Unverified,
        None if is_true(&answered["is_disabled"]) => State::Disabled,
        None => State::Unverified,
    };
    Ok(Some(Domain {
        records: record::records(
            name,
            &answer["sending_dns_records"],
            &answer["receiving_dns_records"],
        ),
        id: match &answered["id"] {
            Value::Number(number) => number.to_string(),
            other => text(other).unwrap_or_default().to_owned(),
        },
        name: name.to_owned(),
        state,
        disabled: reason.map(str::to_owned),
    }))
}

fn lacking(what: &'static str) -> Error {
    Error::Lacking { what }
}

fn adopt(found: Domain, mark: &Mark) -> Result<Registered, Problem> {
    if mark.is_on(&found) {
        return Ok(Registered::Adopted(found));
    }
    let name = &found.name;
    Err(Problem::new(Code::MailDomainForeign, sentence!("The Mailgun account has the domain {name} already, but Chandlery did not register it for this app.", name))
    .hint(sentence!("Give the app another name. If the app shall take the domain over, set its DKIM selector at Mailgun to '{selector}' \
         (PUT /v3/domains/{name}/dkim_selector) or delete it there, then try again.", selector = mark.selector(), name)))
}

/// Mailgun's words for a name of one's own and for one of others.
fn says_it_exists(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("already exists") || is_taken(&message)
}

fn is_taken(message: &str) -> bool {
    message.to_lowercase().contains("already taken")
}

/// The name can be neither found nor created.
fn unseen(mailgun: &Mailgun, name: &str, message: impl Into<Sentence>) -> Problem {
    let message = message.into();
    let region = error::name(mailgun.region());
    if is_taken(&message) {
        return Problem::new(Code::MailDomainTaken, sentence!("Somebody else has the mail domain {name} at Mailgun: {message}.", name, message))
        .hint(sentence!("It belongs to another Mailgun account, or to this one in another region than {region}. Delete it there, \
             ask Mailgun's support to release it, or give the app another name.", region));
    }
    Problem::new(Code::MailDomainMissing, sentence!("Mailgun says of the mail domain {name} that it exists, but does not show it: {message}.", name, message))
    .hint(sentence!("If it was registered moments ago, this passes. Otherwise it belongs to another Mailgun account, or to this one \
         in another region than {region}.", region))
}

fn registering(name: &str) -> Sentence {
    sentence!("register the mail domain {name}", name)
}
