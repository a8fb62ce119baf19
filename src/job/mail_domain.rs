//! `mail_domain`: gives the app's hostname a mail domain at Mailgun, and takes it away with the app.
//!
//! register → publish the DNS records → have Mailgun look at them once → SMTP credentials → restart what uses them.
//! Every step finds out what is there already, so that an attempt goes on where another one was cut off. The job is done
//! also while the domain is unverified: DNS takes its time, and Odoo asks again.

use std::net::IpAddr;

use tracing::warn;

use super::step_log::StepHandle;
use super::{JobContext, to_contract};
use crate::code::Code;
use crate::kubernetes::dns::Endpoint;
use crate::kubernetes::smtp::Login;
use crate::kubernetes::{Change, dns, ingress, namespace, smtp};
use crate::mailgun::{
    Domain, Mailgun, Mark, Purpose, Record, RecordType, Registered, Released, State, Validity,
    credentials, domain,
};
use crate::odoo::contract::{
    DnsRecord, JobResult, MailDomain, MailDomainState, MailMark, StepCode,
};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// The user of the domain that the app sends as.
const USER: &str = "noreply";

/// The record types that external-dns knows, as its kind's schema lists them.
const PUBLISHED_TYPES: [&str; 11] = [
    "A", "AAAA", "CNAME", "DNAME", "MX", "NAPTR", "NS", "PTR", "SRV", "TLSA", "TXT",
];

/// As long as one string of a TXT record may be (RFC 1035, 3.3), in bytes.
const TXT_STRING: usize = 255;

/// The handler of such a job.
pub async fn mail_domain(context: &JobContext, result: &mut JobResult) -> Result<(), Problem> {
    let step_log = &context.step_log;
    let mailgun = context.mailgun()?;
    let registered = step_log
        .step(StepCode::MailDomain, async |step| {
            register(context, mailgun, step).await
        })
        .await?;
    let found = result.mail_domain.insert(told(&registered, false));
    found.published = step_log
        .step(StepCode::DnsRecords, async |step| {
            publish(context, &registered, step).await
        })
        .await?;
    let published = found.published;
    let verified = step_log
        .step(StepCode::Verification, async |step| {
            verify(mailgun, registered, step).await
        })
        .await?;
    *found = told(&verified, published);
    if verified.state == State::Disabled {
        return Err(disabled(&verified));
    }
    step_log
        .step(StepCode::SmtpCredentials, async |step| {
            give_credentials(context, mailgun, step).await
        })
        .await
}

/// Gives up the domain of an app that is gone. That it cannot be done now is told as a warning, for the app itself is
/// deleted: Odoo asks for the release by itself then.
pub async fn release(context: &JobContext, result: &mut JobResult) -> Result<(), Problem> {
    let as_told = |problem| Problem {
        retry: false,
        ..problem
    };
    release_or(context, result, as_told).await
}

/// The handler of a release by itself. What waiting heals is a problem; what only a person can put right is told as a
/// warning: nothing is to wait for that.
pub async fn release_alone(context: &JobContext, result: &mut JobResult) -> Result<(), Problem> {
    release_or(context, result, |problem| problem).await
}

async fn release_or(
    context: &JobContext,
    result: &mut JobResult,
    judged: impl Fn(Problem) -> Problem,
) -> Result<(), Problem> {
    let Some(name) = &context.app.mail_domain else {
        return Ok(());
    };
    let (state, message) = context
        .step_log
        .step(StepCode::MailDomain, async |step| {
            let released = match context.mailgun() {
                Ok(mailgun) => domain::release(mailgun, name, &mark(context)).await,
                Err(problem) => Err(problem),
            };
            match released.map_err(&judged) {
                Ok(Released::Deleted) => step.say(sentence!("{name} is released at Mailgun", name)),
                Ok(Released::AlreadyGone) => {
                    step.say(sentence!("{name} is not at Mailgun any more", name))
                }
                Ok(Released::NotOurs) => step.warn(sentence!(
                    "{name} at Mailgun is not this app's and is left alone",
                    name
                )),
                Err(problem) if problem.retry => return Err(problem),
                Err(problem) => {
                    let message = sentence!(
                        "{name} is still at Mailgun: {problem}",
                        name,
                        problem = problem.message
                    );
                    step.warn(&message);
                    return Ok((MailDomainState::Unverified, message));
                }
            }
            Ok((MailDomainState::Released, Sentence::default()))
        })
        .await?;
    result.mail_domain = Some(MailDomain {
        name: name.clone(),
        state,
        published: false,
        message,
        records: Vec::new(),
    });
    Ok(())
}

/// Makes the domain of an app that was taken over the present app's, where it is at Mailgun with the mark of the former
/// one: its uid, or the database where that had none. Without a Mailgun account it stays as it is, and so it does when
/// only a person can put right what is in the way: a registration says then how to go on.
pub async fn take_over(context: &JobContext, former: Option<&str>) -> Result<(), Problem> {
    let Ok(mailgun) = context.mailgun() else {
        return Ok(());
    };
    let name = &context.app.hostname;
    let former = Mark::of(former.unwrap_or(&context.target.owner.instance));
    context
        .step_log
        .step(StepCode::MailDomain, async |step| {
            match domain::take_over(mailgun, name, &former, &mark(context)).await {
                Ok(true) => step.say(sentence!(
                    "{name} at Mailgun is this app's now; its DKIM record has a new name",
                    name
                )),
                Ok(false) => step.say(sentence!(
                    "There is no mail domain {name} of the former app at Mailgun",
                    name
                )),
                Err(problem) if problem.retry => return Err(problem),
                Err(problem) => {
                    let hint = problem.hint.clone().unwrap_or_default();
                    let told = problem.message.clone().and("\n  ", hint);
                    step.warn(sentence!(
                        "{name} is not taken over: {problem}",
                        name,
                        problem = told
                    ));
                }
            }
            Ok(())
        })
        .await
}

fn mark(context: &JobContext) -> Mark {
    Mark::of(match context.app.mail_mark {
        MailMark::App => context.target.owner.uid.as_str(),
        MailMark::Database => &context.target.owner.instance,
    })
}

async fn register(
    context: &JobContext,
    mailgun: &Mailgun,
    step: &StepHandle<'_>,
) -> Result<Domain, Problem> {
    // An app that is not there gets no domain that nobody would release.
    namespace::require(&context.target).await?;
    let name = &context.app.hostname;
    let region = mailgun.region().as_str();
    Ok(
        match domain::register(mailgun, name, &mark(context)).await? {
            Registered::Created(domain) => {
                step.say(sentence!(
                    "{name} is registered at Mailgun ({region})",
                    name,
                    region
                ));
                domain
            }
            Registered::Adopted(domain) => {
                step.say(sentence!(
                    "{name} was registered at Mailgun ({region}) before",
                    name,
                    region
                ));
                domain
            }
        },
    )
}

/// Whether all records stand in the cluster for external-dns. That they do not is never a failure: people can set them.
async fn publish(
    context: &JobContext,
    domain: &Domain,
    step: &StepHandle<'_>,
) -> Result<bool, Problem> {
    let ingress = ingress::read(&context.target).await?;
    let addresses = to_contract::ingress(ingress).addresses;
    let (endpoints, left_out) = endpoints(&domain.records, &context.app.hostname, &addresses);
    match dns::publish(&context.target, &endpoints).await {
        Ok(false) => {
            step.warn(sentence!(
                "The cluster has no external-dns with its kind DNSEndpoint. Set the DNS records by hand"
            ));
            Ok(false)
        }
        Ok(true) if left_out.is_empty() => {
            step.say(sentence!(
                "{number} records published",
                number = domain.records.len()
            ));
            Ok(true)
        }
        Ok(true) => {
            step.warn(sentence!(
                "{number} of {all} records published; not published: {records}",
                number = domain.records.len() - left_out.len(),
                all = domain.records.len(),
                records = Sentence::joined("; ", left_out)
            ));
            Ok(false)
        }
        Err(problem) if problem.retry => Err(problem),
        Err(problem) => {
            step.warn(problem.message.and(
                " ",
                sentence!("Set the DNS records by hand, or put that right."),
            ));
            Ok(false)
        }
    }
}

async fn verify(
    mailgun: &Mailgun,
    domain: Domain,
    step: &StepHandle<'_>,
) -> Result<Domain, Problem> {
    let domain = match domain.state {
        State::Unverified => domain::verify(mailgun, &domain.name).await?,
        State::Active | State::Disabled => domain,
    };
    match domain.state {
        State::Active => step.say(sentence!("Mailgun sees the DNS records")),
        State::Unverified => step.warn(missing(&domain)),
        State::Disabled => step.warn(disabled(&domain).message),
    }
    Ok(domain)
}

async fn give_credentials(
    context: &JobContext,
    mailgun: &Mailgun,
    step: &StepHandle<'_>,
) -> Result<(), Problem> {
    let app = &context.target;
    let known = smtp::password(app).await?;
    // The Secret comes second: were it not stored, the next attempt would set another password.
    let made = credentials::ensure(mailgun, &context.app.hostname, USER, known).await?;
    let login = Login {
        host: made.host.to_owned(),
        port: made.port,
        from: made.login.clone(),
        username: made.login,
        password: context.hidden(made.password),
    };
    let name = smtp::SECRET_NAME;
    let message = match smtp::store(app, &login).await? {
        Change::Created => sentence!("Secret {name} created", name),
        Change::Changed => sentence!("Secret {name} changed", name),
        Change::Unchanged => sentence!("Secret {name} unchanged", name),
    };
    step.say(&message);
    let restarted = smtp::restart_users(app).await?;
    if !restarted.is_empty() {
        let names: Vec<String> = restarted.iter().map(ToString::to_string).collect();
        let restarted = sentence!("{objects} restarted to use it", objects = names.join(", "));
        step.say(message.and("; ", restarted));
    }
    Ok(())
}

/// What Mailgun does not see yet, as far as it matters for sending.
fn missing(domain: &Domain) -> Sentence {
    let needed = |record: &&Record| {
        record.purpose == Purpose::Sending
            && record.record_type == RecordType::Txt
            && record.validity != Validity::Valid
    };
    let missing: Vec<Sentence> = domain
        .records
        .iter()
        .filter(needed)
        .map(|record| match record.validity {
            Validity::Invalid => {
                sentence!("TXT {name} (something else is there)", name = &record.name)
            }
            _ => format!("TXT {}", record.name).into(),
        })
        .collect();
    match missing.is_empty() {
        true => sentence!("Mailgun does not see the DNS records yet"),
        false => sentence!(
            "Mailgun does not see the DNS records yet: {records}",
            records = Sentence::joined(", ", missing)
        ),
    }
}

fn disabled(domain: &Domain) -> Problem {
    let name = &domain.name;
    let message = match &domain.disabled {
        Some(reason) => sentence!(
            "Mailgun has disabled the mail domain {name}: {reason}.",
            name,
            reason
        ),
        None => sentence!("Mailgun has disabled the mail domain {name}.", name),
    };
    Problem::new(Code::MailDomainDisabled, message).hint(sentence!(
        "Clear that up with Mailgun's support; then ask for the mail domain again."
    ))
}

/// The domain in the words of the contract.
fn told(domain: &Domain, published: bool) -> MailDomain {
    let (state, message) = match domain.state {
        State::Active => (MailDomainState::Active, Sentence::default()),
        State::Unverified => (MailDomainState::Unverified, missing(domain)),
        State::Disabled => (MailDomainState::Unverified, disabled(domain).message),
    };
    let record = |record: &Record| DnsRecord {
        purpose: match record.purpose {
            Purpose::Sending => "sending",
            Purpose::Receiving => "receiving",
        }
        .to_owned(),
        r#type: record.record_type.as_str().to_owned(),
        name: record.name.clone(),
        value: record.value.clone(),
        priority: record.priority,
        validity: match record.validity {
            Validity::Valid => "valid",
            Validity::Invalid => "invalid",
            Validity::Unknown => "unknown",
        }
        .to_owned(),
    };
    MailDomain {
        name: domain.name.clone(),
        state,
        published,
        message,
        records: domain.records.iter().map(record).collect(),
    }
}

/// The records as external-dns takes them, those of one name and type together, and which cannot be published, each with
/// the reason.
///
/// The app must stay reachable. A CNAME or an address under its hostname would take the place of its own address; and
/// where its address is a host name, thus itself a CNAME, no other record may stand beside it: external-dns would drop the
/// CNAME for the other record's sake.
fn endpoints(
    records: &[Record],
    hostname: &str,
    addresses: &[String],
) -> (Vec<Endpoint>, Vec<Sentence>) {
    let hostname = hostname.to_lowercase();
    let alias = match addresses
        .iter()
        .any(|address| address.parse::<IpAddr>().is_ok())
    {
        true => None,
        false => addresses.first(),
    };
    let mut endpoints: Vec<Endpoint> = Vec::new();
    let mut left_out = Vec::new();
    for record in records {
        let name = record.name.to_lowercase();
        let record_type = record.record_type.as_str();
        let reason = if name != hostname && !name.ends_with(&format!(".{hostname}")) {
            Some(sentence!("it is not the app's"))
        } else if !PUBLISHED_TYPES.contains(&record_type) {
            Some(sentence!("external-dns does not know this type"))
        } else if name == hostname && !matches!(record_type, "MX" | "TXT") {
            Some(sentence!(
                "it would take the place of the app's own address"
            ))
        } else if name == hostname {
            alias.map(|alias| sentence!("the app's address there is the host name {alias}, beside which no other record may stand", alias))
        } else {
            None
        };
        if let Some(reason) = reason {
            left_out.push(Sentence::from(format!("{record_type} {name}")).and(": ", reason));
            continue;
        }
        let target = target(record);
        match endpoints
            .iter_mut()
            .find(|endpoint| endpoint.name == name && endpoint.record_type == record_type)
        {
            Some(endpoint) => endpoint.targets.push(target),
            None => endpoints.push(Endpoint {
                name,
                record_type: record_type.to_owned(),
                targets: vec![target],
            }),
        }
    }
    for reason in &left_out {
        warn!("not published: {reason}");
    }
    (endpoints, left_out)
}

/// A record's data as it stands in a zone file (RFC 1035, 5.1), but without the dot that ends a host name there:
/// external-dns refuses it.
fn target(record: &Record) -> String {
    match record.record_type {
        RecordType::Txt => quoted(&record.value),
        RecordType::Mx => format!(
            "{} {}",
            record.priority.unwrap_or(10),
            record.value.trim_end_matches('.')
        ),
        _ => record.value.trim_end_matches('.').to_owned(),
    }
}

/// A text as quoted strings, each no longer than a string may be; whoever reads the record puts them together again.
fn quoted(text: &str) -> String {
    let mut strings = vec![String::new()];
    let mut bytes = 0;
    for character in text.chars() {
        if bytes + character.len_utf8() > TXT_STRING {
            strings.push(String::new());
            bytes = 0;
        }
        bytes += character.len_utf8();
        if let Some(string) = strings.last_mut() {
            if matches!(character, '"' | '\\') {
                string.push('\\');
            }
            string.push(character);
        }
    }
    let strings: Vec<String> = strings
        .iter()
        .map(|string| format!("\"{string}\""))
        .collect();
    strings.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "shop.apps.example.com";

    fn record(record_type: &str, name: &str, value: &str, priority: Option<u16>) -> Record {
        Record {
            purpose: if record_type == "MX" {
                Purpose::Receiving
            } else {
                Purpose::Sending
            },
            record_type: serde_json::from_value(record_type.into()).unwrap(),
            name: name.to_owned(),
            value: value.to_owned(),
            priority,
            validity: Validity::Unknown,
        }
    }

    fn usual() -> Vec<Record> {
        vec![
            record("TXT", HOST, "v=spf1 include:mailgun.org ~all", None),
            record(
                "TXT",
                &format!("s1._domainkey.{HOST}"),
                "k=rsa; p=MIIB",
                None,
            ),
            record("CNAME", &format!("email.{HOST}"), "mailgun.org.", None),
            record("MX", HOST, "mxa.mailgun.org", Some(10)),
            record("MX", HOST, "mxb.mailgun.org.", Some(20)),
        ]
    }

    fn shown(endpoints: &[Endpoint]) -> Vec<String> {
        endpoints
            .iter()
            .map(|endpoint| {
                format!(
                    "{} {} {}",
                    endpoint.record_type,
                    endpoint.name,
                    endpoint.targets.join(" | ")
                )
            })
            .collect()
    }

    #[test]
    fn records_of_one_name_and_type_are_one_endpoint_in_the_form_external_dns_documents() {
        let (endpoints, left_out) = endpoints(&usual(), HOST, &["203.0.113.7".to_owned()]);
        assert_eq!(
            shown(&endpoints),
            [
                "TXT shop.apps.example.com \"v=spf1 include:mailgun.org ~all\"",
                "TXT s1._domainkey.shop.apps.example.com \"k=rsa; p=MIIB\"",
                "CNAME email.shop.apps.example.com mailgun.org",
                "MX shop.apps.example.com 10 mxa.mailgun.org | 20 mxb.mailgun.org",
            ]
        );
        assert_eq!(left_out, [""; 0]);
    }

    #[test]
    fn a_long_key_is_cut_into_strings_of_255_that_give_it_back() {
        let key = format!("k=rsa; p={}", "Ab1+".repeat(100));
        let text = quoted(&key);
        let strings: Vec<&str> = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap()
            .split("\" \"")
            .collect();
        assert_eq!(
            strings
                .iter()
                .map(|string| string.len())
                .collect::<Vec<_>>(),
            [255, 154]
        );
        assert_eq!(strings.concat(), key);
        assert_eq!(quoted(r#"a "b" \c"#), r#""a \"b\" \\c""#);
        assert_eq!(quoted(&"é".repeat(128)).matches("\" \"").count(), 1);
    }

    #[test]
    fn no_record_takes_the_place_of_the_apps_own_address() {
        let mut records = usual();
        records.push(record("CNAME", HOST, "mailgun.org", None));
        records.push(record("A", &HOST.to_uppercase(), "203.0.113.9", None));
        let (endpoints, left_out) = endpoints(&records, HOST, &["203.0.113.7".to_owned()]);
        assert_eq!(endpoints.len(), 4);
        assert_eq!(
            left_out,
            [
                "CNAME shop.apps.example.com: it would take the place of the app's own address",
                "A shop.apps.example.com: it would take the place of the app's own address",
            ]
        );
    }

    #[test]
    fn nothing_is_put_beside_an_address_that_is_itself_a_cname() {
        let (only_alias, left_out) = endpoints(&usual(), HOST, &["lb.example.net".to_owned()]);
        assert_eq!(
            shown(&only_alias),
            [
                "TXT s1._domainkey.shop.apps.example.com \"k=rsa; p=MIIB\"",
                "CNAME email.shop.apps.example.com mailgun.org",
            ]
        );
        assert_eq!(left_out.len(), 3);
        assert!(
            left_out[0].ends_with(
                "is the host name lb.example.net, beside which no other record may stand"
            ),
            "{left_out:?}"
        );
        // With an address beside the host name external-dns publishes no CNAME.
        let addresses = ["203.0.113.7".to_owned(), "lb.example.net".to_owned()];
        assert_eq!(endpoints(&usual(), HOST, &addresses).1, [""; 0]);
    }

    #[test]
    fn records_of_others_and_of_unknown_types_are_left_out() {
        let records = [
            record("TXT", "s1._domainkey.example.com", "k=rsa", None),
            record("TXT", "notshop.apps.example.com", "x", None),
            record("SPF", HOST, "v=spf1", None),
        ];
        let (endpoints, left_out) = endpoints(&records, HOST, &[]);
        assert!(endpoints.is_empty());
        assert_eq!(
            left_out,
            [
                "TXT s1._domainkey.example.com: it is not the app's",
                "TXT notshop.apps.example.com: it is not the app's",
                "SPF shop.apps.example.com: external-dns does not know this type",
            ]
        );
    }
}
