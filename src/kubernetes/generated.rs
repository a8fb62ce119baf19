//! Passwords made for an app: kept in the cluster only, in the Secret `chandlery-generated` of the app's namespace.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use rand::RngExt;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::namespace::{self, Found};
use super::owner::FIELD_MANAGER;
use super::{App, foreign_object};
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;

/// The Secret that holds them. Manifests may not have one of this name.
pub const SECRET_NAME: &str = "chandlery-generated";

/// Which characters a generated value is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// A-Z, a-z, 0-9.
    Alphanumeric,
    /// 0-9, a-f.
    Hex,
    /// All printable ASCII characters but the blank.
    Ascii,
}

impl Alphabet {
    fn characters(self) -> Vec<char> {
        match self {
            Self::Alphanumeric => ('A'..='Z').chain('a'..='z').chain('0'..='9').collect(),
            Self::Hex => ('0'..='9').chain('a'..='f').collect(),
            Self::Ascii => ('!'..='~').collect(),
        }
    }
}

/// A value that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub key: String,
    /// Number of characters, at least 1.
    pub length: usize,
    pub alphabet: Alphabet,
}

/// The values by key.
pub type Generated = BTreeMap<String, SecretString>;

/// Reads what earlier deploys made. Empty when the app has no namespace yet.
pub async fn read(app: &App) -> Result<Generated, Problem> {
    let App {
        cluster,
        namespace,
        owner,
    } = app;
    // What no watch knows of is looked for when the namespace is made.
    let is_absent = cluster.memory.lacks(&owner.instance, namespace)
        || cluster.memory.app(app).is_none() && namespace::find(app).await? == Found::Absent;
    if is_absent {
        return Ok(Generated::new());
    }
    let api: Api<Secret> = Api::namespaced(cluster.client.clone(), namespace);
    let found = cluster
        .call(api.get_opt(SECRET_NAME))
        .await
        .map_err(|error| {
            cluster.problem(
                &error,
                sentence!(
                    "read the secret {name} in {namespace}",
                    name = SECRET_NAME,
                    namespace
                ),
            )
        })?;
    // Another app's passwords are never this one's, wherever they stand.
    if found
        .as_ref()
        .is_some_and(|found| !owner.owns(&found.metadata))
    {
        return Err(foreign_object("Secret", SECRET_NAME));
    }
    let mut values = Generated::new();
    for (key, ByteString(bytes)) in found.and_then(|secret| secret.data).unwrap_or_default() {
        let text = String::from_utf8(bytes).map_err(|_| Problem {
            object: Some(format!("Secret/{SECRET_NAME}")),
            field: Some(format!("data.{key}")),
            ..Problem::new(
                Code::GeneratedSecret,
                sentence!(
                    "The generated value of {key} in the cluster is not text.",
                    key
                ),
            )
            .hint(sentence!(
                "Somebody changed the secret by hand: put a text there."
            ))
        })?;
        values.insert(key, SecretString::from(text));
    }
    Ok(values)
}

/// Makes the values that are missing with a cryptographic generator. A value that exists is never
/// changed, also when its rule has.
pub fn fill(mut values: Generated, rules: &[Rule]) -> Generated {
    for rule in rules {
        values
            .entry(rule.key.clone())
            .or_insert_with(|| generate(rule.length, rule.alphabet));
    }
    values
}

/// Writes the values into the namespace, which must exist. Values that are there already stay as they are; were they
/// made by somebody else in the meantime, that is a problem that passes with the next attempt.
pub async fn store(app: &App, values: &Generated) -> Result<(), Problem> {
    let App {
        cluster,
        namespace,
        owner,
    } = app;
    if values.is_empty() {
        return Ok(());
    }
    let api: Api<Secret> = Api::namespaced(cluster.client.clone(), namespace);
    let doing = sentence!("keep generated values in {namespace}", namespace);
    let problem = |error| Problem {
        object: Some(format!("Secret/{SECRET_NAME}")),
        ..cluster.problem(&error, &doing)
    };
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(SECRET_NAME.to_owned()),
            labels: Some(owner.object_labels()),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        data: Some(values.iter().map(in_bytes).collect()),
        ..Secret::default()
    };
    let params = PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    // Mostly there is none yet: values are stored when some were made.
    match cluster.call(api.create(&params, &secret)).await {
        Ok(_) => return Ok(()),
        Err(error) if error.is_conflict() => {}
        Err(error) => return Err(problem(error)),
    }
    let found = cluster.call(api.get_opt(SECRET_NAME)).await;
    // It went at the same moment.
    let Some(found) = found.map_err(problem)? else {
        return Err(raced(namespace));
    };
    if !owner.owns(&found.metadata) {
        return Err(foreign_object("Secret", SECRET_NAME));
    }
    let there = found.data.unwrap_or_default();
    let mut missing = BTreeMap::new();
    for (key, value) in values {
        match there.get(key) {
            Some(ByteString(bytes)) if bytes == value.expose_secret().as_bytes() => {}
            Some(_) => return Err(raced(namespace)),
            None => {
                missing.insert(key, ByteString(value.expose_secret().as_bytes().to_vec()));
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    // The version makes the server refuse when somebody else adds values at the same moment.
    let patch =
        json!({"metadata": {"resourceVersion": found.metadata.resource_version}, "data": missing});
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    match cluster
        .call(api.patch(SECRET_NAME, &params, &Patch::Merge(patch)))
        .await
    {
        Ok(_) => Ok(()),
        Err(error) if error.is_conflict() => Err(raced(namespace)),
        Err(error) => Err(problem(error)),
    }
}

fn in_bytes((key, value): (&String, &SecretString)) -> (String, ByteString) {
    let bytes = value.expose_secret().as_bytes().to_vec();
    (key.clone(), ByteString(bytes))
}

fn generate(length: usize, alphabet: Alphabet) -> SecretString {
    let characters = alphabet.characters();
    let mut random = rand::rng();
    SecretString::from(
        (0..length)
            .map(|_| characters[random.random_range(0..characters.len())])
            .collect::<String>(),
    )
}

fn raced(namespace: &str) -> Problem {
    Problem {
        object: Some(format!("Secret/{SECRET_NAME}")),
        ..Problem::transient(
            Code::GeneratedSecret,
            sentence!(
                "Another worker made passwords for {namespace} at the same moment.",
                namespace
            ),
        )
        .hint(sentence!("The next attempt uses those."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(key: &str, length: usize, alphabet: Alphabet) -> Rule {
        Rule {
            key: key.to_owned(),
            length,
            alphabet,
        }
    }

    #[test]
    fn values_have_the_length_and_alphabet_of_their_rule() {
        for (alphabet, fits) in [
            (
                Alphabet::Alphanumeric,
                (|c| c.is_ascii_alphanumeric()) as fn(char) -> bool,
            ),
            (Alphabet::Hex, |c| {
                c.is_ascii_hexdigit() && !c.is_ascii_uppercase()
            }),
            (Alphabet::Ascii, |c| c.is_ascii_graphic()),
        ] {
            let values = fill(Generated::new(), &[rule("password", 500, alphabet)]);
            let value = values["password"].expose_secret();
            assert_eq!(value.len(), 500);
            assert!(value.chars().all(fits), "{alphabet:?}: {value}");
        }
    }

    #[test]
    fn a_value_that_exists_is_never_changed() {
        let first = fill(Generated::new(), &[rule("a", 32, Alphabet::Hex)]);
        let second = fill(
            first.clone(),
            &[rule("a", 64, Alphabet::Ascii), rule("b", 32, Alphabet::Hex)],
        );
        assert_eq!(first["a"].expose_secret(), second["a"].expose_secret());
        assert_ne!(second["a"].expose_secret(), second["b"].expose_secret());
    }
}
