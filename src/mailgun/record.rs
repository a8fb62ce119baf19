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
    fn named(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "A" => Self::A,
            "CNAME" => Self::Cname,
            "MX" => Self::Mx,
            "TXT" => Self::Txt,
            other => Self::Other(other.to_owned()),
        }
    }

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

impl Validity {
    fn named(value: &Value) -> Self {
        match text(value).map(str::to_ascii_lowercase).as_deref() {
            Some("valid") => Self::Valid,
            Some("invalid") => Self::Invalid,
            _ if is_true(value) => Self::Valid,
            _ => Self::Unknown,
        }
    }
}

/// The records of a domain in their order. One without type or value cannot be published and is left out.
pub(super) fn records(domain: &str, sending: &Value, receiving: &Value) -> Vec<Record> {
    let of = |purpose, answered: &Value| -> Vec<Record> {
        let records = answered.as_array().map(Vec::as_slice).unwrap_or_default();
        records
            .iter()
            .filter_map(|record| typed(record, purpose, domain))
            .collect()
    };
    let mut records = of(Purpose::Sending, sending);
    records.extend(of(Purpose::Receiving, receiving));
    records.sort();
    records
}

/// A record as Mailgun writes it: `name` is absent on MX in its older answers, `priority` is a number in a text.
fn typed(answered: &Value, purpose: Purpose, domain: &str) -> Option<Record> {
    let name = text(&answered["name"]).map_or(domain, |name| name.trim_end_matches('.'));
    let priority = &answered["priority"];
    Some(Record {
        purpose,
        record_type: RecordType::named(text(&answered["record_type"])?),
        name: name.to_owned(),
        value: text(&answered["value"])?.to_owned(),
        priority: match text(priority) {
            Some(text) => text.parse().ok(),
            None => priority.as_u64().and_then(|number| number.try_into().ok()),
        },
        validity: Validity::named(&answered["valid"]),
    })
}

/// A text that says something.
pub(super) fn text(value: &Value) -> Option<&str> {
    value
        .as_str()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// `true`, also as a text.
pub(super) fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or_default()
        || text(value).is_some_and(|text| {
            text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("yes")
        })
}
