//! Values encrypted with ansible-vault: opened with the passwords that the caller gives, and no others.
//!
//! The feature `vault` opens them. Without it they stay closed, and only templates that use them fail.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};

use crate::error::{Error, ErrorKind, Hint};

#[cfg(feature = "vault")]
mod passwords;

#[cfg(feature = "vault")]
pub use passwords::{DEFAULT_ID, Vault, read_password};

const HEADER: &str = "$ANSIBLE_VAULT";
/// At most this many texts are opened for one set of variables.
const MAX_TEXTS: usize = 250;

/// Why something stays closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// What is said of the thing that was encrypted: "is encrypted with …, but …".
    pub reason: String,
    pub(crate) hint: Hint,
}

impl Closed {
    /// The error of `what`, a subject such as "The file".
    pub fn error(&self, what: &str) -> Error {
        let message = format!("{what} {}.", self.reason);
        Error::new(ErrorKind::Encrypted, message).hint(self.hint.clone())
    }
}

/// Whether a text is what ansible-vault makes.
pub fn is_encrypted(text: &str) -> bool {
    text.starts_with(HEADER) && text.is_ascii()
}

/// A vault and what it has opened, each text once.
#[derive(Debug, Default)]
pub struct Opened {
    #[cfg(feature = "vault")]
    vault: Vault,
    texts: Mutex<Texts>,
}

#[derive(Debug, Default)]
struct Texts {
    opened: HashMap<String, Result<SecretString, Closed>>,
    tries: usize,
}

impl Opened {
    /// With nothing opened.
    #[cfg(feature = "vault")]
    pub fn by(vault: &Vault) -> Self {
        Self {
            vault: vault.clone(),
            texts: Mutex::default(),
        }
    }

    /// One that opens only these texts, and gives something else in place of what is inside.
    pub fn standing_in(&self, texts: &[&str], mut stand_in: impl FnMut(&str) -> String) -> Self {
        let texts = texts.iter().map(|text| {
            let opened = self.open(text);
            let other = opened.map(|plain| stand_in(plain.expose_secret()).into());
            ((*text).to_owned(), other)
        });
        Self {
            #[cfg(feature = "vault")]
            vault: Vault::default(),
            texts: Mutex::new(Texts {
                opened: texts.collect(),
                tries: 0,
            }),
        }
    }

    /// The text inside of one that is encrypted.
    pub fn open(&self, text: &str) -> Result<SecretString, Closed> {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = texts.opened.get(text) {
            return known.clone();
        }
        if texts.opened.len() >= MAX_TEXTS {
            return Err(Closed {
                reason: format!("is one of more than {MAX_TEXTS} encrypted values"),
                hint: "Keep several secrets in one encrypted value, or leave out those that no template uses.".into(),
            });
        }
        let opened = self.tried(text, &mut texts.tries);
        texts.opened.insert(text.to_owned(), opened.clone());
        opened
    }

    #[cfg(feature = "vault")]
    fn tried(&self, text: &str, tries: &mut usize) -> Result<SecretString, Closed> {
        self.vault.open_counting(text, tries)
    }

    #[cfg(not(feature = "vault"))]
    fn tried(&self, _text: &str, _tries: &mut usize) -> Result<SecretString, Closed> {
        Err(Closed {
            reason: "is encrypted with ansible-vault, which this program does not open".to_owned(),
            hint: Hint::default(),
        })
    }
}
