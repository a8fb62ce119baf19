//! `password`: hands an app's first password to the browser that asked for it, and to nobody on the way.
//!
//! The browser made a key pair on P-256 and sent the public half. The worker makes one for this answer alone; both sides
//! derive one key from the two (ECDH, then HKDF-SHA256 without salt), under which the password travels (AES-256-GCM).
//! Odoo in between sees public keys and a ciphertext.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};

use super::JobContext;
use crate::code::Code;
use crate::odoo::contract::{JobResult, Password, PasswordOptions, SecretLine, StepCode};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// Says to HKDF what the key is for.
const INFO: &[u8] = b"chandlery password v1";

/// The handler of such a job.
pub async fn password(
    context: &JobContext,
    options: &PasswordOptions,
    secret: &[SecretLine],
    result: &mut JobResult,
) -> Result<(), Problem> {
    let sealed = context
        .step_log
        .step(StepCode::Password, async |_| {
            let browser = point(&options.public_key)?;
            let password = context.first_password(&options.key, secret).await?;
            seal(&browser, &password)
        })
        .await?;
    result.password = Some(sealed);
    Ok(())
}

/// The bytes of a public key. Whether they are a point of the curve shows when it is used.
fn point(public_key: &str) -> Result<Vec<u8>, Problem> {
    STANDARD
        .decode(public_key)
        .map_err(|_| bad_key(sentence!("it is not base64")))
}

fn seal(browser: &[u8], password: &SecretString) -> Result<Password, Problem> {
    let random = SystemRandom::new();
    let ours = EphemeralPrivateKey::generate(&ECDH_P256, &random).map_err(no_random)?;
    let public_key = ours.compute_public_key().map_err(no_random)?;
    let mut nonce = [0; NONCE_LEN];
    random.fill(&mut nonce).map_err(no_random)?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, browser);
    let ciphertext =
        agree_ephemeral(ours, &theirs, |shared| encrypt(shared, nonce, password))
            .map_err(|_| bad_key(sentence!("it is not an uncompressed point of P-256")))??;
    Ok(Password {
        public_key: STANDARD.encode(public_key),
        nonce: STANDARD.encode(nonce),
        ciphertext: STANDARD.encode(ciphertext),
    })
}

/// `shared` is the x coordinate that both sides arrive at.
fn encrypt(
    shared: &[u8],
    nonce: [u8; NONCE_LEN],
    password: &SecretString,
) -> Result<Vec<u8>, Problem> {
    let encrypted = || {
        let derived = Salt::new(HKDF_SHA256, &[]).extract(shared);
        let key: UnboundKey = derived.expand(&[INFO], &AES_256_GCM)?.into();
        let mut text = password.expose_secret().as_bytes().to_vec();
        LessSafeKey::new(key).seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::empty(),
            &mut text,
        )?;
        Ok::<_, Unspecified>(text)
    };
    encrypted().map_err(|_| {
        Problem::new(
            Code::Internal,
            sentence!("The worker could not encrypt the password."),
        )
    })
}

fn no_random(_: Unspecified) -> Problem {
    Problem::transient(
        Code::Internal,
        sentence!("The worker's machine gives no random numbers."),
    )
}

fn bad_key(reason: Sentence) -> Problem {
    Problem::new(
        Code::PasswordPublicKey,
        sentence!("The browser's public key cannot be used: {reason}.", reason),
    )
    .hint(sentence!("Open the link again in an up-to-date browser."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes_gcm::aead::{Aead, KeyInit};
    use aes_gcm::{Aes256Gcm, Key};
    use hkdf::Hkdf;
    use p256::PublicKey;
    use p256::ecdh::EphemeralSecret;
    use p256::elliptic_curve::Generate;
    use p256::elliptic_curve::sec1::ToSec1Point;
    use sha2::Sha256;

    #[test]
    fn a_known_shared_secret_gives_the_answer_that_other_implementations_give() {
        // Made with Python's cryptography 48.0.0 from two fixed key pairs.
        let shared = hex("4fe243908f378aa1c2a69538822e6ed908c3225d8692575507c649901245150a");
        let nonce = hex("000102030405060708090a0b").try_into().unwrap();
        let password = SecretString::from("pässword <1>");
        assert_eq!(
            encrypt(&shared, nonce, &password).unwrap(),
            hex("d955e8edefa7b027c8c93bd7835590c1aa6cfdeb694470e3661110058d")
        );
    }

    #[test]
    fn a_browser_of_another_make_reads_the_password() {
        for password in ["hunter2", "", "pässwörd <&> \"x\"", &"x".repeat(4096)] {
            let browser = EphemeralSecret::generate();
            let point = browser.public_key().to_sec1_point(false);
            let sealed = seal(point.as_bytes(), &SecretString::from(password)).unwrap();
            let again = seal(point.as_bytes(), &SecretString::from(password)).unwrap();
            assert_ne!(sealed.public_key, again.public_key, "a key pair for each");
            assert_ne!(sealed.nonce, again.nonce);
            assert!(!format!("{sealed:?}").contains("hunter2"));

            let read = |text: &str| STANDARD.decode(text).unwrap();
            let worker = PublicKey::from_sec1_bytes(&read(&sealed.public_key)).unwrap();
            let shared = browser.diffie_hellman(&worker);
            let mut key = [0; 32];
            Hkdf::<Sha256>::new(None, shared.raw_secret_bytes())
                .expand(INFO, &mut key)
                .unwrap();
            let nonce: [u8; 12] = read(&sealed.nonce).try_into().unwrap();
            let opened = Aes256Gcm::new(&Key::<Aes256Gcm>::from(key))
                .decrypt(&nonce.into(), read(&sealed.ciphertext).as_slice())
                .unwrap();
            assert_eq!(opened, password.as_bytes());
        }
    }

    #[test]
    fn a_bad_public_key_is_refused_with_the_reason_and_for_good() {
        let good = EphemeralSecret::generate()
            .public_key()
            .to_sec1_point(false);
        let mut off_the_curve = good.as_bytes().to_vec();
        off_the_curve[64] ^= 1;
        let compressed = [&[2_u8][..], &good.as_bytes()[1..33]].concat();
        let nowhere = [&[4_u8][..], &[0; 64]].concat();
        for bytes in [off_the_curve, compressed, nowhere, Vec::new(), vec![0]] {
            let problem = seal(&bytes, &SecretString::from("hunter2")).unwrap_err();
            assert_eq!(
                (problem.code.as_str(), problem.retry),
                ("password_public_key", false)
            );
            assert!(problem.message.contains("point of P-256"), "{problem}");
        }
        let problem = point("not base64!").unwrap_err();
        assert!(problem.message.contains("not base64"), "{problem}");
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }
}
