//! What tells one app from every other: the words that [`crate::odoo`] and [`crate::kubernetes`] share.

use std::fmt;

use serde::{Deserialize, Serialize};

/// As long as a token is, in hexadecimal digits.
const DIGITS: usize = 32;

/// An app's random token. Odoo makes it once, with the app's record. Ids repeat after a database was restored; this
/// does not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("pattern" = "^[0-9a-f]{32}$")))]
#[serde(try_from = "String", into = "String")]
pub struct Uid(String);

impl Uid {
    /// Stands where there is no app.
    pub fn nobody() -> Self {
        Self("0".repeat(DIGITS))
    }

    /// The token as it stands in labels.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Uid {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == DIGITS && text.bytes().all(hexadecimal) {
            Ok(Self(text))
        } else {
            Err(format!(
                "'{text}' is not an app's uid, which has {DIGITS} hexadecimal digits in lower case"
            ))
        }
    }
}

impl From<Uid> for String {
    fn from(uid: Uid) -> Self {
        uid.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_token_is_one_for_an_empty_one_would_be_everybodys() {
        let uid = "0123456789abcdef0123456789abcdef";
        assert_eq!(Uid::try_from(uid.to_owned()).unwrap().as_str(), uid);
        for wrong in ["", "7", &uid[1..], &uid.to_uppercase(), &format!("{uid}0")] {
            assert!(Uid::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
