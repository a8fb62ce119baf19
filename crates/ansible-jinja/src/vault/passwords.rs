//! The passwords of a vault, and what they open.
//!
//! A vault's text is a header (`$ANSIBLE_VAULT;1.2;AES256;id`) and hexadecimal digits: salt, signature and ciphertext.
//! As for Ansible the format's number says nothing, and the id is a hint: every password is tried.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aes::Aes256;
use aes::cipher::{KeyIvInit, StreamCipher};
use ctr::Ctr128BE;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;

use super::{Closed, HEADER, is_encrypted};
use crate::error::Advice;

/// The id of what is encrypted without one.
pub const DEFAULT_ID: &str = "default";
/// Of PBKDF2, as ansible-vault fixes them.
const ITERATIONS: u32 = 10_000;
const KEY: usize = 32;
const BLOCK: usize = 16;
/// At most this many tries of a password for one set of variables: each takes milliseconds.
const MAX_TRIES: usize = 500;

/// The vault passwords, each with its id.
#[derive(Clone, Debug, Default)]
pub struct Vault {
    passwords: Arc<[(String, SecretSlice<u8>)]>,
}

/// Reads a file that holds a vault password, without the blanks around it. The error says what is wrong with the file.
pub fn read_password(path: &Path) -> Result<SecretSlice<u8>, String> {
    let shown = path.display();
    let unreadable = |error| format!("{shown} cannot be read: {error}");
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(format!(
            "{shown} is a folder, not a file that holds a password"
        ));
    }
    if is_executable(&metadata) {
        return Err(format!(
            "{shown} is executable, and password scripts are not run: write what the script prints into a file, or take the permission to execute away with chmod a-x"
        ));
    }
    let content = SecretSlice::from(std::fs::read(path).map_err(unreadable)?);
    // As Python's strip() does for bytes.
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let bytes = content.expose_secret();
    let start = bytes
        .iter()
        .position(|byte| !blank(byte))
        .unwrap_or(bytes.len());
    let end = bytes
        .iter()
        .rposition(|byte| !blank(byte))
        .map_or(start, |last| last + 1);
    let password = &bytes[start..end];
    if password.is_empty() {
        return Err(format!("{shown} holds no password"));
    }
    if password.starts_with(HEADER.as_bytes()) {
        return Err(format!(
            "{shown} is itself encrypted: decrypt it with ansible-vault decrypt"
        ));
    }
    Ok(SecretSlice::from(password.to_vec()))
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;

    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &std::fs::Metadata) -> bool {
    false
}

impl Vault {
    /// A vault that these passwords open.
    pub fn new(passwords: impl IntoIterator<Item = (String, SecretSlice<u8>)>) -> Self {
        Self {
            passwords: passwords.into_iter().collect(),
        }
    }

    /// The text inside.
    pub fn open(&self, text: &str) -> Result<SecretString, Closed> {
        self.open_counting(text, &mut 0)
    }

    /// The text inside; counts the passwords that are tried.
    pub(super) fn open_counting(
        &self,
        text: &str,
        tries: &mut usize,
    ) -> Result<SecretString, Closed> {
        let envelope = Envelope::read(text)?;
        let is_for = |(id, _): &&(String, SecretSlice<u8>)| *id == envelope.id;
        let first = self.passwords.iter().filter(is_for);
        let others = self.passwords.iter().filter(|password| !is_for(password));
        for (_, password) in first.chain(others) {
            if *tries >= MAX_TRIES {
                return Err(Closed {
                    reason: format!(
                        "is one of encrypted values that take more than {MAX_TRIES} tries of a vault password"
                    ),
                    hint: "Encrypt each with the id of its password (--encrypt-vault-id), which is tried first, or keep several secrets in one encrypted value.".into(),
                });
            }
            *tries += 1;
            let Some(plain) = envelope.open(password) else {
                continue;
            };
            return String::from_utf8(plain)
                .map(SecretString::from)
                .map_err(|_| envelope.closed("but what is inside is not text in UTF-8"));
        }
        let id = &envelope.id;
        Err(Closed {
            hint: Advice::VaultPassword(id.clone()).into(),
            ..envelope.closed(&match self.passwords.len() {
                0 => "and there is no vault password to open it".to_owned(),
                1 => "and the only vault password does not open it".to_owned(),
                count => format!("and none of the {count} vault passwords opens it"),
            })
        })
    }
}

/// What ansible-vault wrote, taken apart.
struct Envelope {
    id: String,
    salt: Vec<u8>,
    signature: Vec<u8>,
    ciphertext: Vec<u8>,
}

impl Envelope {
    fn read(text: &str) -> Result<Self, Closed> {
        let again = |reason: String| Closed {
            reason,
            hint: "Encrypt it again with ansible-vault, and copy it whole.".into(),
        };
        if !is_encrypted(text) {
            return Err(again(
                "is marked as encrypted, but it does not begin as ansible-vault writes it, with $ANSIBLE_VAULT".to_owned(),
            ));
        }
        let mut lines = text.split(['\n', '\r']);
        let head: Vec<&str> = lines
            .next()
            .unwrap_or_default()
            .trim()
            .split(';')
            .map(str::trim)
            .collect();
        let id = head.get(3).copied().unwrap_or(DEFAULT_ID).to_owned();
        let closed = |but: &str| again(said_of(&id, but));
        match head.get(2) {
            Some(&"AES256") => {}
            Some(cipher) => {
                return Err(closed(&format!(
                    "but with the cipher `{cipher}`; only AES256 is known"
                )));
            }
            None => return Err(closed("but its header lacks format or cipher")),
        }
        let damaged = |reason: &str| closed(&format!("but damaged: {reason}"));
        let body: String = lines.collect();
        let inner = unhex(body.as_bytes()).map_err(damaged)?;
        let mut parts = inner.splitn(3, |byte| *byte == b'\n');
        let mut part = || unhex(parts.next().ok_or("a part of it is missing")?);
        let (salt, signature, ciphertext) = (
            part().map_err(damaged)?,
            part().map_err(damaged)?,
            part().map_err(damaged)?,
        );
        Ok(Self {
            id,
            salt,
            signature,
            ciphertext,
        })
    }

    fn closed(&self, but: &str) -> Closed {
        Closed {
            reason: said_of(&self.id, but),
            hint: "Encrypt it again with ansible-vault.".into(),
        }
    }

    /// `None` when the password is another one.
    fn open(&self, password: &SecretSlice<u8>) -> Option<Vec<u8>> {
        let mut derived = [0; KEY + KEY + BLOCK];
        let password = password.expose_secret();
        pbkdf2::pbkdf2_hmac::<Sha256>(password, &self.salt, ITERATIONS, &mut derived);
        let (cipher_key, rest) = derived.split_at(KEY);
        let (signing_key, counter) = rest.split_at(KEY);
        let signing = Hmac::<Sha256>::new_from_slice(signing_key).ok()?;
        let signing = signing.chain_update(&self.ciphertext);
        signing.verify_slice(&self.signature).ok()?;
        let mut plain = self.ciphertext.clone();
        let mut cipher = Ctr128BE::<Aes256>::new_from_slices(cipher_key, counter).ok()?;
        cipher.apply_keystream(&mut plain);
        let padding = usize::from(*plain.last()?);
        let length = plain.len().checked_sub(padding)?;
        let padded = plain.len().is_multiple_of(BLOCK)
            && (1..=BLOCK).contains(&padding)
            && plain[length..]
                .iter()
                .all(|byte| usize::from(*byte) == padding);
        padded.then(|| {
            plain.truncate(length);
            plain
        })
    }
}

fn said_of(id: &str, but: &str) -> String {
    format!("is encrypted with ansible-vault (id `{id}`), {but}")
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn unhex(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    if !text.len().is_multiple_of(2) {
        return Err("it has an odd number of hexadecimal digits");
    }
    text.chunks_exact(2)
        .map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8))
        .collect::<Option<_>>()
        .ok_or("it holds something else than hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::vault::{MAX_TEXTS, Opened};

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

    fn password(text: &str) -> SecretSlice<u8> {
        SecretSlice::from(text.as_bytes().to_vec())
    }

    fn vault() -> Vault {
        Vault::new([
            (DEFAULT_ID.to_owned(), password("open sesame")),
            ("prod".to_owned(), password("pröd-pass")),
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
            assert_eq!(vault().open(text).unwrap().expose_secret(), expected);
            // Other line ends, and a format that is to come.
            let other = text.replace('\n', "\r\n").replace(";1.", ";9.");
            assert_eq!(vault().open(&other).unwrap().expose_secret(), expected);
        }
    }

    #[test]
    fn an_id_is_a_hint_only() {
        let passwords = [
            ("prod".to_owned(), password("another")),
            ("old".to_owned(), password("pröd-pass")),
        ];
        assert!(Vault::new(passwords).open(PROD).is_ok());
    }

    #[test]
    fn without_the_password_it_stays_closed_and_says_which_is_missing() {
        let one = Vault::new([(DEFAULT_ID.to_owned(), password("hunter2"))]);
        let closed = one.open(PROD).unwrap_err();
        assert_eq!(
            closed.reason,
            "is encrypted with ansible-vault (id `prod`), and the only vault password does not open it"
        );
        assert!(
            closed
                .hint
                .to_string()
                .contains("password of the vault id `prod`"),
            "{closed:?}"
        );
        assert!(!format!("{one:?} {closed:?}").contains("hunter2"));
        let none = Vault::default().open(ONE).unwrap_err();
        assert!(none.reason.contains("(id `default`)"), "{none:?}");
        assert!(
            none.reason
                .ends_with("there is no vault password to open it")
        );
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
            // Ansible takes no blanks between the digits either.
            (ONE.replace('\n', "\n  "), "something else than hexadecimal"),
            (
                "$ANSIBLE_VAULT;1.1;AES256\n6161".to_owned(),
                "a part of it is missing",
            ),
            ("$ANSIBLE_VAULT;1.1".to_owned(), "lacks format or cipher"),
            (ONE.replace("AES256", "AES"), "cipher `AES`;"),
            ("hunter2".to_owned(), "does not begin as ansible-vault"),
            (ONE.replace("6164\n", "6165\n"), "opens it"),
        ] {
            let closed = vault().open(&text).unwrap_err();
            assert!(closed.reason.contains(reason), "{reason}: {closed:?}");
            assert!(!format!("{closed:?}").contains("hunter2"), "{closed:?}");
        }
    }

    #[test]
    fn a_text_is_opened_once_and_not_too_many_are() {
        let opened = Opened::by(&vault());
        for _ in 0..1000 {
            assert_eq!(opened.open(ONE).unwrap().expose_secret(), "hunter2");
        }
        for number in 1..MAX_TEXTS {
            opened
                .open(&format!("$ANSIBLE_VAULT;{number}"))
                .unwrap_err();
        }
        let closed = opened.open(PROD).unwrap_err();
        assert!(closed.reason.contains("more than 250"), "{closed:?}");
        assert!(!format!("{opened:?}").contains("hunter2"), "{opened:?}");
    }

    #[test]
    fn passwords_are_not_tried_without_end() {
        let passwords = (0..3).map(|number| {
            let id = format!("id{number}");
            (id.clone(), password(&id))
        });
        let vault = Vault::new(passwords);
        let mut tries = MAX_TRIES - 3;
        let closed = vault.open_counting(ONE, &mut tries).unwrap_err();
        assert!(closed.reason.contains("none of the 3"), "{closed:?}");
        let closed = vault.open_counting(PROD, &mut tries).unwrap_err();
        assert!(closed.reason.contains("more than 500 tries"), "{closed:?}");
    }

    #[test]
    fn a_password_is_read_as_ansible_reads_it_or_the_file_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let read = |content: &[u8], mode: u32| {
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            read_password(&path).map(|password| password.expose_secret().to_vec())
        };
        assert_eq!(
            read(b" open \xff sesame\r\n\n", 0o600).unwrap(),
            b"open \xff sesame"
        );
        for (content, mode, reason) in [
            (&b""[..], 0o600, "holds no password"),
            (b"\n \t", 0o600, "holds no password"),
            (b"#!/bin/sh\n", 0o700, "password scripts are not run"),
            (ONE.as_bytes(), 0o600, "is itself encrypted"),
        ] {
            let error = read(content, mode).unwrap_err();
            assert!(error.contains(reason), "{error}");
            assert!(error.contains(&path.display().to_string()), "{error}");
        }
        assert!(
            read_password(folder.path())
                .unwrap_err()
                .contains("is a folder")
        );
        let gone = folder.path().join("gone");
        assert!(
            read_password(&gone)
                .unwrap_err()
                .contains("cannot be read: No such file")
        );
    }
}
