//! Values as PyYAML reads them: what JSON has, and whole numbers of any size, dates, bytes, sets, keys of any type.

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use num_bigint::BigInt;
use serde_json::Value as Json;

use super::text::time_text;
use crate::error::Error;

/// A value of a variables file, with its type.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    Null,
    Bool(bool),
    Int(i64),
    /// A whole number beyond 64 bits.
    Big(BigInt),
    Float(f64),
    /// A text, which may be a template.
    Text(String),
    /// A text that is never a template: marked `!unsafe`, or generated.
    Literal(String),
    /// A text that is encrypted with ansible-vault, as it was written; what is inside is never a template.
    Vault(String),
    Bytes(Vec<u8>),
    Date(Date),
    /// A date with a time, and its offset from UTC if it has one.
    Time(DateTime, Option<Offset>),
    List(Vec<Data>),
    Map(Vec<(Data, Data)>),
    Set(Vec<Data>),
    /// What PyYAML reads and this library cannot hold: an error where it is used. It is of kind
    /// [`Unsupported`](crate::ErrorKind::Unsupported).
    Unreadable(Error),
}

impl Data {
    /// The value with all its texts as they stand, none of them a template.
    pub fn literal(self) -> Self {
        match self {
            Self::Text(text) => Self::Literal(text),
            Self::List(items) => Self::List(items.into_iter().map(Self::literal).collect()),
            Self::Map(pairs) => Self::Map(
                pairs
                    .into_iter()
                    .map(|(key, value)| (key, value.literal()))
                    .collect(),
            ),
            other => other,
        }
    }

    /// The value as JSON, where JSON can hold it.
    pub fn to_json(&self) -> Option<Json> {
        Some(match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(number) => Json::from(*number),
            Self::Big(number) => Json::from(u64::try_from(number.clone()).ok()?),
            Self::Float(number) => Json::Number(serde_json::Number::from_f64(*number)?),
            Self::Text(text) | Self::Literal(text) => Json::from(text.as_str()),
            Self::List(items) => items
                .iter()
                .map(Self::to_json)
                .collect::<Option<Vec<_>>>()?
                .into(),
            Self::Map(pairs) => {
                let mut map = serde_json::Map::new();
                for (key, value) in pairs {
                    let (Self::Text(key) | Self::Literal(key)) = key else {
                        return None;
                    };
                    map.insert(key.clone(), value.to_json()?);
                }
                Json::Object(map)
            }
            Self::Vault(_)
            | Self::Bytes(_)
            | Self::Date(_)
            | Self::Time(..)
            | Self::Set(_)
            | Self::Unreadable(_) => return None,
        })
    }

    /// A date or time in the form of ISO 8601; nothing for other values.
    pub fn iso_text(&self) -> String {
        match self {
            Self::Date(date) => date.to_string(),
            Self::Time(civil, offset) => time_text(*civil, *offset, 'T'),
            _ => String::new(),
        }
    }

    /// The text that it is.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Literal(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&Json> for Data {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => Self::Int(number),
                (None, Some(number)) => Self::Big(number.into()),
                (None, None) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Json::Object(map) => Self::Map(
                map.iter()
                    .map(|(key, value)| (Self::Literal(key.clone()), Self::from(value)))
                    .collect(),
            ),
        }
    }
}

impl From<Json> for Data {
    fn from(json: Json) -> Self {
        Self::from(&json)
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Data {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Data {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Data {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}
