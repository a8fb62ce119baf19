//! An app's mail domain at Mailgun: registered, verified, given SMTP credentials, sent from, released.
//!
//! In come the account's [`Access`] and an app's hostname; out come a [`Domain`] with the DNS [`Record`]s to publish,
//! [`Credentials`] for the app's own mail, a message id. [`client`] speaks HTTP and turns what Mailgun answers into an
//! [`error`]; [`domain`] (with its [`record`]s), [`credentials`] and [`message`] are what a handler calls, in this order:
//!
//! 1. [`domain::register`] on every attempt. It is idempotent: it creates the domain, or finds what an earlier attempt
//!    or another worker made at the same moment.
//! 2. Publish the records.
//! 3. [`domain::verify`], again after growing pauses, until the domain is [`State::Active`]. A problem
//!    `mail_domain_missing` means that the domain went away in between (Mailgun deletes in the background): begin at 1.
//! 4. [`credentials::ensure`] with the password that the app's Secret holds already, if any.
//! 5. [`message::send`].
//! 6. [`domain::release`] when the app is deleted. It is idempotent, too.
//!
//! [`domain::take_over`] comes before all of them where the app takes over what another app left in the cluster.
//!
//! No call repeats itself but after a 429, when Mailgun says how long to wait; whether to come back later is said by
//! [`Problem::retry`](crate::problem::Problem::retry).
//!
//! # Whose domain is it?
//!
//! Mailgun's names are unique over all accounts and both regions, but what it shows is bound to the account and region
//! of the key: `GET /v4/domains/{name}` answers 404 for a domain of anybody else. So a domain that is found belongs to
//! the operator's account; a name that can be neither found nor created belongs to another account, or to this account
//! in the other region.
//!
//! That is not yet Chandlery's. The account may hold the operator's own mail domains, and a customer who names an app
//! like one of them must neither be given its credentials nor, by deleting the app, delete it. Mailgun has no labels, so
//! Chandlery leaves its [`Mark`] in the one free text that is set together with the creation and shown ever after: the
//! DKIM selector (`chandlery-1a2b3c4d5e6f._domainkey.<name>`). It stands for one app, so that a later app of the
//! same hostname never gets the domain of an earlier one. A domain in the account with the mark is adopted, one without
//! it is refused with a problem that says the way out, as a namespace of somebody else is.

pub mod client;
pub mod credentials;
pub mod domain;
pub mod error;
pub mod message;
pub mod record;

pub use client::{Access, Mailgun, Region, check_address};
pub use credentials::Credentials;
pub use domain::{Domain, Mark, Registered, Released, State};
pub use error::Error;
pub use message::Message;
pub use record::{Purpose, Record, RecordType, Validity};

#[cfg(test)]
mod client_tests;
