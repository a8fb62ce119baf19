//! The login with which an app delivers its own mail by SMTP.

use rand::distr::{Alphanumeric, SampleString};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};

use super::client::{Mailgun, Request};
use super::error::Error;
use crate::problem::Problem;
use crate::sentence;

/// As long as Mailgun allows, in characters.
const PASSWORD_LENGTH: usize = 32;

/// The shortest that Mailgun allows, in characters.
const SHORTEST_PASSWORD: usize = 5;

/// Submission with STARTTLS.
const PORT: u16 = 587;

/// What goes into a Secret of the app, and nowhere else.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub host: &'static str,
    pub port: u16,
    /// `user@domain`.
    pub login: String,
    pub password: SecretString,
}

/// Makes sure that `user` of the domain can log in, and says how.
///
/// `known` is the password that the app's Secret holds: it stays the same, and is set again should Mailgun have another.
/// Mailgun tells no password, so where none is known (or one that Mailgun would refuse) a new one is made with a
/// cryptographic generator and the old one ends. Repeating the call does no harm.
///
/// # Errors
/// `mail_domain_missing` (passes): the domain is not there, or not yet.
pub async fn ensure(
    mailgun: &Mailgun,
    domain: &str,
    user: &str,
    known: Option<SecretString>,
) -> Result<Credentials, Problem> {
    let login = format!("{user}@{domain}");
    let password = known.filter(fits).unwrap_or_else(generate);
    let problem = |error: Error| {
        error.problem(
            mailgun,
            sentence!("set the SMTP password of {login}", login),
        )
    };

    let change = Request::new(
        Method::PUT,
        ["v3", "domains", domain, "credentials", &login],
    )
    .field("password", password.expose_secret());
    match mailgun.call(change).await {
        Ok(_) => {}
        // Either the login or the domain is missing; the next answer tells.
        Err(Error::NotFound { .. }) => {
            let create = Request::new(Method::POST, ["v3", "domains", domain, "credentials"])
                .field("login", &login)
                .field("password", password.expose_secret());
            mailgun.call(create).await.map_err(problem)?;
        }
        Err(error) => return Err(problem(error)),
    }
    Ok(Credentials {
        host: mailgun.region().smtp_host(),
        port: PORT,
        login,
        password,
    })
}

fn fits(password: &SecretString) -> bool {
    (SHORTEST_PASSWORD..=PASSWORD_LENGTH).contains(&password.expose_secret().chars().count())
}

/// rand's thread generator is a cryptographic one, seeded by the operating system.
fn generate() -> SecretString {
    SecretString::from(Alphanumeric.sample_string(&mut rand::rng(), PASSWORD_LENGTH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_as_long_as_mailgun_allows_and_never_the_same() {
        let (one, other) = (generate(), generate());
        assert_eq!(one.expose_secret().len(), 32);
        assert!(
            one.expose_secret()
                .chars()
                .all(|c| c.is_ascii_alphanumeric())
        );
        assert_ne!(one.expose_secret(), other.expose_secret());
    }
}
