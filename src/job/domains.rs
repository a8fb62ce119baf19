//! `domains`: looks whether the DNS records of the app's domains are as they have to be, and until when their certificates
//! are valid. Nothing is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use futures::{StreamExt, stream};
use jiff::Timestamp;

use super::JobContext;
use crate::dns::Dns;
use crate::kubernetes::{self, certificate};
use crate::odoo::contract::{DomainAsked, DomainSeen, DomainsOptions, JobResult, StepCode};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// How many domains are looked up at once.
const AT_ONCE: usize = 4;

/// Looks at all of them.
pub async fn domains(
    context: &JobContext,
    options: &DomainsOptions,
    result: &mut JobResult,
) -> Result<(), Problem> {
    let seen = context
        .step_log
        .step(StepCode::Domains, async |step| {
            let certificates = certificates(context).await;
            let own = own(context).await;
            let dns = &context.shared.dns;
            let looks = options.domains.iter().map(|asked| look(dns, &own, asked));
            let looks: Vec<_> = looks.collect();
            let mut seen: Vec<DomainSeen> = stream::iter(looks).buffered(AT_ONCE).collect().await;
            for domain in &mut seen {
                domain.certificate_ends = certificates.get(&domain.name).copied();
            }
            let missing = seen.iter().map(|domain| domain.message.clone());
            let missing = Sentence::joined(" ", missing);
            match missing.is_empty() {
                true => step.say(sentence!("All records are right")),
                false => step.warn(missing),
            }
            Ok(seen)
        })
        .await?;
    result.domains = Some(seen);
    Ok(())
}

/// Where a domain has to lead.
struct Own {
    hostname: String,
    addresses: BTreeSet<IpAddr>,
}

/// The app's hostname, and all addresses that lead to it: its own in the DNS, and those that its ingress has.
async fn own(context: &JobContext) -> Own {
    let hostname = context.app.hostname.clone();
    let mut addresses = BTreeSet::new();
    let mut names = vec![hostname.clone()];
    // What is not there yet leads nowhere.
    if let Ok(seen) = kubernetes::recall(&context.target).await {
        for address in seen.ingress.addresses {
            match address.parse() {
                Ok(address) => _ = addresses.insert(address),
                Err(_) => names.push(address),
            }
        }
    }
    for name in names {
        addresses.extend(
            context
                .shared
                .dns
                .addresses(&name)
                .await
                .unwrap_or_default(),
        );
    }
    Own {
        hostname,
        addresses,
    }
}

/// Of each name at which the app answers when its certificate ends. Where they cannot be read, nothing is known of them.
async fn certificates(context: &JobContext) -> BTreeMap<String, Timestamp> {
    let read = certificate::ends(&context.target).await;
    read.unwrap_or_default()
}

async fn look(dns: &Dns, own: &Own, asked: &DomainAsked) -> DomainSeen {
    let seen = async {
        Ok::<_, Problem>(Records {
            alias: dns.alias(&asked.name).await?,
            addresses: dns.addresses(&asked.name).await?,
            texts: dns.texts(&asked.proof_name).await?,
        })
    };
    match seen.await {
        Ok(records) => judged(&records, own, asked),
        Err(problem) => DomainSeen {
            answered: false,
            message: problem.message,
            ..nothing(asked)
        },
    }
}

/// What is published under a domain.
struct Records {
    alias: Option<String>,
    addresses: Vec<IpAddr>,
    texts: Vec<String>,
}

fn nothing(asked: &DomainAsked) -> DomainSeen {
    DomainSeen {
        name: asked.name.clone(),
        answered: true,
        proven: false,
        points: false,
        message: Sentence::default(),
        certificate_ends: None,
    }
}

fn judged(records: &Records, own: &Own, asked: &DomainAsked) -> DomainSeen {
    let is_alias = records
        .alias
        .as_ref()
        .is_some_and(|alias| *alias == own.hostname);
    let leads_here = |address: &IpAddr| own.addresses.contains(address);
    let points = is_alias || records.addresses.iter().any(leads_here);
    let has_text = records.texts.iter().any(|text| text.trim() == asked.proof);
    let proven = has_text || asked.by_cname && is_alias;
    let name = &asked.name;
    let hostname = &own.hostname;
    let message = match (points, proven) {
        (true, true) => Sentence::default(),
        (true, false) => sentence!(
            "{name} leads here, but the TXT record {proof_name} with the text {proof} is missing.",
            name,
            proof_name = &asked.proof_name,
            proof = &asked.proof
        ),
        (false, _) => match (&records.alias, records.addresses.as_slice()) {
            (Some(alias), _) => sentence!(
                "{name} is a CNAME to {alias}, and not to {hostname}.",
                name,
                alias,
                hostname
            ),
            (None, []) => sentence!(
                "{name} has no record that leads to {hostname}.",
                name,
                hostname
            ),
            (None, found) => {
                let found: Vec<String> = found.iter().map(ToString::to_string).collect();
                sentence!(
                    "{name} has the address {found}, which does not lead to {hostname}.",
                    name,
                    found = found.join(", "),
                    hostname
                )
            }
        },
    };
    DomainSeen {
        proven,
        points,
        message,
        ..nothing(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROOF: &str = "chandlery-domain=0123";

    fn asked(by_cname: bool) -> DomainAsked {
        DomainAsked {
            name: "www.example.org".to_owned(),
            proof_name: "_chandlery.www.example.org".to_owned(),
            proof: PROOF.to_owned(),
            by_cname,
        }
    }

    fn seen(
        alias: &str,
        addresses: &[&str],
        texts: &[&str],
        by_cname: bool,
    ) -> (bool, bool, String) {
        let own = Own {
            hostname: "shop.apps.example.com".to_owned(),
            addresses: ["203.0.113.7", "2001:db8::7"]
                .map(|ip| ip.parse().unwrap())
                .into(),
        };
        let records = Records {
            alias: Some(alias.to_owned()).filter(|alias| !alias.is_empty()),
            addresses: addresses.iter().map(|ip| ip.parse().unwrap()).collect(),
            texts: texts.iter().map(|&text| text.to_owned()).collect(),
        };
        let seen = judged(&records, &own, &asked(by_cname));
        (seen.points, seen.proven, seen.message.to_string())
    }

    #[test]
    fn a_cname_to_the_apps_own_hostname_leads_here_and_proves_it() {
        let right = seen("shop.apps.example.com", &["203.0.113.7"], &[], true);
        assert_eq!(right, (true, true, String::new()));
        let of_a_former = seen("shop.apps.example.com", &["203.0.113.7"], &[], false);
        assert_eq!((of_a_former.0, of_a_former.1), (true, false));
        assert!(
            of_a_former
                .2
                .contains("TXT record _chandlery.www.example.org"),
            "{}",
            of_a_former.2
        );
        let (points, proven, message) = seen("other.apps.example.com", &["192.0.2.1"], &[], true);
        assert_eq!((points, proven), (false, false));
        assert_eq!(
            message,
            "www.example.org is a CNAME to other.apps.example.com, and not to shop.apps.example.com."
        );
    }

    #[test]
    fn an_address_leads_here_and_proves_nothing() {
        for address in ["203.0.113.7", "2001:db8::7"] {
            let (points, proven, _) = seen("", &[address], &[], true);
            assert_eq!((points, proven), (true, false), "{address}");
            let right = seen("", &[address], &["v=spf1 -all", PROOF], true);
            assert_eq!(right, (true, true, String::new()), "{address}");
        }
        // All apps of the cluster have this address, by an alias of another one, too.
        let (points, proven, _) = seen("other.apps.example.com", &["203.0.113.7"], &[], true);
        assert_eq!((points, proven), (true, false));
    }

    #[test]
    fn a_text_of_another_app_proves_nothing() {
        for text in ["chandlery-domain=4567", "chandlery-domain=01234", ""] {
            let (_, proven, _) = seen("", &["203.0.113.7"], &[text], true);
            assert!(!proven, "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        assert_eq!(
            seen("", &[], &[], true).2,
            "www.example.org has no record that leads to shop.apps.example.com."
        );
        assert_eq!(
            seen("", &["192.0.2.1", "192.0.2.2"], &[PROOF], true).2,
            "www.example.org has the address 192.0.2.1, 192.0.2.2, which does not lead to shop.apps.example.com."
        );
    }
}
