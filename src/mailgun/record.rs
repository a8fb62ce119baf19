//! The DNS records that a domain needs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One record to publish. Records are ordered as their members are, so that the same domain gives the same list
/// whatever the order Mailgun answered in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Record {
    pub purpose: Purpose,
    pub record_type: RecordType,
    /// The full name, without a dot at its end.
    pub name: String,
    /// A host, an address or, for TXT, the whole text, which may be longer than the 255 characters of one string.
    pub value: String,
    /// For MX.
    pub priority: Option<u16>,
    /// What Mailgun saw when it last looked.
    pub validity: Validity,
}

/// What a record is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// SPF, DKIM and tracking. The domain becomes active when SPF and DKIM are published.
    Sending,
    /// MX, needed only where Mailgun shall take mail for the domain.
    Receiving,
}

/// The type of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RecordType {
    #[serde(rename = "A")]
    A,
    #[serde(rename = "CNAME")]
    Cname,
    #[serde(rename = "MX")]
    Mx,
    #[serde(rename = "TXT")]
    Txt,
    /// One that Mailgun did not document when this was written.
    #[serde(untagged)]
    Other(String),
}

impl RecordType {
    /// As it is written: `TXT`, …
    pub fn as_str(&self) -> &str {
        match self {
            Self::A => "A",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Txt => "TXT",
            Self::Other(name) => name,
        }
    }
}

/// What Mailgun saw of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    Valid,
    /// Something else is published.
    Invalid,
    /// Not looked yet, or nothing found.
    #[serde(other)]
    Unknown,
}

/// A record as Mailgun writes it.
#[derive(Deserialize)]
pub(super) struct Answered {
    record_type: RecordType,
    /// Absent on MX in Mailgun's older answers.
    name: Option<String>,
    value: Option<String>,
    /// A number in a text.
    #[serde(default)]
    priority: Value,
    valid: Option<Validity>,
}

/// The records of a domain in their order. One without a value cannot be published and is left out.
pub(super) fn records(
    domain: &str,
    sending: Option<Vec<Answered>>,
    receiving: Option<Vec<Answered>>,
) -> Vec<Record> {
    let of = |purpose, answered: Option<Vec<Answered>>| {
        answered
            .unwrap_or_default()
            .into_iter()
            .filter_map(move |record| record.typed(purpose, domain))
    };
    let mut records: Vec<Record> = of(Purpose::Sending, sending)
        .chain(of(Purpose::Receiving, receiving))
        .collect();
    records.sort();
    records
}

impl Answered {
    fn typed(self, purpose: Purpose, domain: &str) -> Option<Record> {
        let priority = match &self.priority {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64().and_then(|number| number.try_into().ok()),
        };
        Some(Record {
            purpose,
            record_type: self.record_type,
            name: self
                .name
                .filter(|name| !name.is_empty())
                .map_or(domain.to_owned(), |name| {
                    name.trim_end_matches('.').to_owned()
                }),
            value: self.value.filter(|value| !value.is_empty())?,
            priority,
            validity: self.valid.unwrap_or(Validity::Unknown),
        })
    }
}
