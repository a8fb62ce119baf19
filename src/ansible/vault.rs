//! Values encrypted with ansible-vault, formats 1.1 and 1.2: decrypted in the worker only, with the passwords of its
//! settings.

use std::fmt;

use aes::Aes256;
use aes::cipher::{KeyIvInit, StreamCipher};
use ctr::Ctr128BE;
use ring::{hmac, pbkdf2};
use secrecy::{ExposeSecret, SecretString};

use crate::problem::Problem;

const HEADER: &str = "$ANSIBLE_VAULT";
/// Of PBKDF2, as ansible-vault fixes them.
const ITERATIONS: std::num::NonZeroU32 = std::num::NonZeroU32::new(10_000).unwrap();
const KEY: usize = 32;
const BLOCK: usize = 16;

/// The vault passwords, each with its id.
#[derive(Clone, Debug, Default)]
pub struct Vault {
    passwords: Vec<(Option<String>, SecretString)>,
}

/// Whether a text is what ansible-vault makes.
pub fn is_encrypted(text: &str) -> bool {
    text.starts_with(HEADER)
}

impl Vault {
    /// A vault that these passwords open. An id is a hint, as it is for Ansible: the password of the id that a text
    /// names is tried first, then all others.
    pub fn new(passwords: Vec<(Option<String>, SecretString)>) -> Self {
        Self { passwords }
    }

    /// The text inside.
    pub fn decrypt(&self, text: &str) -> Result<SecretString, Problem> {
        let envelope = Envelope::read(text).map_err(|reason| {
            Problem::new("vault", format!("The value cannot be decrypted: {reason}."))
                .hint("Encrypt it again with ansible-vault, and copy it whole.")
        })?;
        let of_id = |(id, _): &&(Option<String>, SecretString)| id.is_some() && *id == envelope.id;
        let first = self.passwords.iter().filter(of_id);
        let others = self.passwords.iter().filter(|password| !of_id(password));
        for (_, password) in first.chain(others) {
            let Some(plain) = envelope.open(password) else {
                continue;
            };
            return String::from_utf8(plain)
                .map(SecretString::from)
                .map_err(|_| {
                    Problem::new("vault", "What was encrypted is not text.")
                        .hint("Only texts in UTF-8 can be values.")
                });
        }
        let (which, whose) = match &envelope.id {
            Some(id) => (format!(" with the id {id}"), format!(" ({id}@FILE)")),
            None => Default::default(),
        };
        Err(Problem::new(
            "vault",
            format!(
                "The value, encrypted by ansible-vault{which}, is opened by none of the worker's {} vault passwords.",
                self.passwords.len()
            ),
        )
        .hint(format!(
            "Name the file that holds its password{whose} in the worker's settings, vault.password_files."
        )))
    }
}

/// What ansible-vault wrote, taken apart.
struct Envelope {
    id: Option<String>,
    salt: Vec<u8>,
    signature: Vec<u8>,
    ciphertext: Vec<u8>,
}

impl Envelope {
    fn read(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let head: Vec<&str> = lines.next().unwrap_or_default().trim().split(';').collect();
        let id = match head.as_slice() {
            [HEADER, "1.1", "AES256"] => None,
            [HEADER, "1.2", "AES256", id] => Some((*id).to_owned()),
            [HEADER, version @ ("1.1" | "1.2"), cipher, ..] => {
                return Err(format!(
                    "it is of format {version} with the cipher {cipher}, and only AES256 is known"
                ));
            }
            [HEADER, version, ..] => return Err(format!("its format {version} is not known")),
            _ => return Err("it is not encrypted with ansible-vault".to_owned()),
        };
        let body: String = lines.map(str::trim).collect();
        let inner = unhex(body.as_bytes())?;
        let mut parts = inner.splitn(3, |byte| *byte == b'\n');
        let mut part = || unhex(parts.next().ok_or("a part of it is missing")?);
        Ok(Self {
            id,
            salt: part()?,
            signature: part()?,
            ciphertext: part()?,
        })
    }

    /// `None` when the password is another one.
    fn open(&self, password: &SecretString) -> Option<Vec<u8>> {
        let mut derived = [0; KEY + KEY + BLOCK];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            ITERATIONS,
            &self.salt,
            password.expose_secret().as_bytes(),
            &mut derived,
        );
        let (cipher_key, rest) = derived.split_at(KEY);
        let (signing_key, counter) = rest.split_at(KEY);
        let signing_key = hmac::Key::new(hmac::HMAC_SHA256, signing_key);
        hmac::verify(&signing_key, &self.ciphertext, &self.signature).ok()?;
        let mut plain = self.ciphertext.clone();
        let mut cipher = Ctr128BE::<Aes256>::new_from_slices(cipher_key, counter).ok()?;
        cipher.apply_keystream(&mut plain);
        let padding = usize::from(*plain.last()?);
        let length = plain.len().checked_sub(padding)?;
        let padded = (1..=BLOCK).contains(&padding)
            && plain[length..]
                .iter()
                .all(|byte| usize::from(*byte) == padding);
        padded.then(|| {
            plain.truncate(length);
            plain
        })
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn unhex(text: &[u8]) -> Result<Vec<u8>, String> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    if !text.len().is_multiple_of(2) {
        return Err("it has an odd number of hexadecimal digits".to_owned());
    }
    text.chunks_exact(2)
        .map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8))
        .collect::<Option<_>>()
        .ok_or_else(|| "it holds something else than hexadecimal digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made by ansible-core 2.19's ansible-vault.
    const ONE: &str = "$ANSIBLE_VAULT;1.1;AES256
66336638383132396662666539653033373865646432666331343966363635303132646635326632
6234643037313064616631346430656662653033333263330a333033613065366633303133373664
34653631613635383563393335306166333532656264313537353131643634323531633130646439
3363623565343939660a633639616635386532303931393431363534653432303939643932363338
6164
";
    const PROD: &str = "$ANSIBLE_VAULT;1.2;AES256;prod
39656163303830386164366132373762393265383238323536653066343734396565313363376666
3066613430643837613434393763343539646634643438630a623235646361626265616434343036
66316164356161326631346363623564633765346238326536323739393638396533313038386466
3665303061663035660a383966613835366465373639373434653166326162393339636462333035
38306634363364383738663230656162633932393363373335353266346630343632623331396262
63383133376139363934636166303538663133646663363634323765306431333763323033353530
316434323665303339303230343636646564
";
    const EMPTY: &str = "$ANSIBLE_VAULT;1.1;AES256
34316462613531373062663239666539386230613235666166626435353632373765303134633163
6236346334336130303933353663306332356338383537610a313666663963653536386531626532
33623463336234613235386566326538393965336130633738616630323932626434323536336563
6436373037333966340a373834643231363134363634313639343535323464323935333763323634
3730
";

    fn vault() -> Vault {
        Vault::new(vec![
            (None, SecretString::from("open sesame")),
            (Some("prod".to_owned()), SecretString::from("pröd-pass")),
        ])
    }

    #[test]
    fn what_ansible_vault_wrote_is_read() {
        for (text, expected) in [
            (ONE, "hunter2"),
            (
                PROD,
                "Grüße: {{ x }}\nzweite Zeile mit mehr als sechzehn Zeichen\n",
            ),
            (EMPTY, ""),
        ] {
            assert!(is_encrypted(text));
            assert_eq!(vault().decrypt(text).unwrap().expose_secret(), expected);
            // As it stands in a vars.yml, with other line ends.
            let copied = text.replace('\n', "\r\n    ");
            assert_eq!(vault().decrypt(&copied).unwrap().expose_secret(), expected);
        }
    }

    #[test]
    fn an_id_is_a_hint_only() {
        let passwords = vec![
            (Some("prod".to_owned()), SecretString::from("another")),
            (Some("old".to_owned()), SecretString::from("pröd-pass")),
        ];
        assert!(Vault::new(passwords).decrypt(PROD).is_ok());
    }

    #[test]
    fn without_the_password_it_stays_closed_and_says_which_is_missing() {
        let one = Vault::new(vec![(None, SecretString::from("hunter2"))]);
        let problem = one.decrypt(PROD).unwrap_err();
        assert!(
            problem.message.contains("the id prod")
                && problem.message.contains("none of the worker's 1"),
            "{problem}"
        );
        assert!(
            problem.hint.as_ref().unwrap().contains("prod@FILE"),
            "{problem}"
        );
        assert!(!format!("{one:?} {problem:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_damaged_is_refused_with_the_reason() {
        let cut = &ONE[..ONE.len() - 2];
        for (text, reason) in [
            (cut.to_owned(), "odd number"),
            (
                ONE.replace("6633", "66xx"),
                "something else than hexadecimal",
            ),
            (
                ONE.replace("0a33", "2033").replace("0a63", "2063"),
                "something else than hexadecimal",
            ),
            (
                "$ANSIBLE_VAULT;1.1;AES256\n6161".to_owned(),
                "a part of it is missing",
            ),
            (ONE.replace("1.1", "9.9"), "format 9.9"),
            (ONE.replace("AES256", "AES"), "cipher AES,"),
            ("hunter2".to_owned(), "not encrypted with ansible-vault"),
            (ONE.replace("6164\n", "6165\n"), "opened by none"),
        ] {
            let problem = vault().decrypt(&text).unwrap_err();
            assert_eq!(problem.code, "vault");
            assert!(problem.message.contains(reason), "{reason}: {problem}");
            assert!(!problem.to_string().contains("hunter2"), "{problem}");
        }
    }
}
