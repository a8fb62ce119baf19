//! Filters that make digests, hashed passwords and UUIDs.

use sha2::Digest;

use crate::filters::Filter;
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, limits, print};

pub const FILTERS: &[Filter] = &[
    ("hash", &["hashtype"], hash),
    ("checksum", &[], sha1),
    ("sha1", &[], sha1),
    ("md5", &[], md5),
    (
        "password_hash",
        &["hashtype", "salt", "salt_size", "rounds", "ident"],
        password_hash,
    ),
    ("to_uuid", &["namespace"], to_uuid),
];

pub const COMMUNITY: &[Filter] = &[("crc32", &[], crc32)];

/// Ansible's own name space for UUIDs.
const ANSIBLE: uuid::Uuid = uuid::uuid!("361E6D51-FAEC-444A-9079-341386DA8E2E");

/// The characters of salts, in the order that crypt gives them.
const SALT: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Bytes that a hash takes in at once; each time is worth a step.
const BLOCK: usize = 64;
/// What one of bcrypt's rounds is worth in steps: it encrypts a block 1042 times.
const BCRYPT_ROUND: usize = 256;

/// What is to be hashed.
fn bytes(value: &Value) -> Result<Vec<u8>> {
    let bytes = match value {
        Value::Bytes(bytes) => bytes.to_vec(),
        other => print::text(other)?.into_bytes(),
    };
    limits::step(bytes.len() / BLOCK)?;
    Ok(bytes)
}

fn hexadecimal(digest: &[u8]) -> Value {
    Value::from(
        digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>(),
    )
}

fn hash(value: &Value, arguments: &Arguments) -> Result<Value> {
    let data = bytes(value)?;
    let given = arguments.text_or("hashtype", "sha1")?;
    // OpenSSL's names may have any case, Python's own may not.
    let kind = match given.to_lowercase() {
        lower if lower.starts_with("sha3") || lower.starts_with("blake2") => given.to_owned(),
        lower => lower,
    };
    Ok(hexadecimal(&match kind.as_str() {
        "sha1" => sha1::Sha1::digest(data).to_vec(),
        "md5" => md5::Md5::digest(data).to_vec(),
        "sha224" => sha2::Sha224::digest(data).to_vec(),
        "sha256" => sha2::Sha256::digest(data).to_vec(),
        "sha384" => sha2::Sha384::digest(data).to_vec(),
        "sha512" => sha2::Sha512::digest(data).to_vec(),
        "sha512_256" | "sha512-256" => sha2::Sha512_256::digest(data).to_vec(),
        "sha512_224" | "sha512-224" => sha2::Sha512_224::digest(data).to_vec(),
        "blake2b" => blake2::Blake2b512::digest(data).to_vec(),
        "blake2s" => blake2::Blake2s256::digest(data).to_vec(),
        "sha3_224" => sha3::Sha3_224::digest(data).to_vec(),
        "sha3_256" => sha3::Sha3_256::digest(data).to_vec(),
        "sha3_384" => sha3::Sha3_384::digest(data).to_vec(),
        "sha3_512" => sha3::Sha3_512::digest(data).to_vec(),
        "ripemd160" | "sm3" => {
            return Err(Error::unsupported(
                format!("the hash `{kind}` is not supported"),
                "Use `hash('sha256')`.",
            ));
        }
        _ => return fail(format!("unsupported hash type {kind}")),
    }))
}

/// community.general's: hexadecimal digits without zeros in front.
fn crc32(value: &Value, _: &Arguments) -> Result<Value> {
    match value {
        Value::Text(_) | Value::Bytes(_) => {
            let sum = crc32fast::hash(&bytes(value)?);
            Ok(Value::from(format!("{sum:x}")))
        }
        other => fail(format!(
            "`crc32` needs a text, not {}",
            print::article(other)
        )),
    }
}

fn sha1(value: &Value, _: &Arguments) -> Result<Value> {
    Ok(hexadecimal(&sha1::Sha1::digest(bytes(value)?)))
}

fn md5(value: &Value, _: &Arguments) -> Result<Value> {
    Ok(hexadecimal(&md5::Md5::digest(bytes(value)?)))
}

fn to_uuid(value: &Value, arguments: &Arguments) -> Result<Value> {
    let namespace = match arguments.get("namespace") {
        None => ANSIBLE,
        Some(Value::Text(text)) => {
            uuid::Uuid::parse_str(text.trim_matches(['{', '}'])).map_err(|_| {
                Error::failed(format!(
                    "Invalid value '{text}' for 'namespace': badly formed hexadecimal UUID string"
                ))
            })?
        }
        Some(_) => return fail("the name space of `to_uuid` is a text"),
    };
    // A UUID of version 5: SHA-1 of name space and name.
    let name = bytes(&Value::from(print::text(value)?))?;
    let digest = sha1::Sha1::digest([namespace.as_bytes(), name.as_slice()].concat());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Ok(Value::from(
        uuid::Builder::from_sha1_bytes(bytes)
            .into_uuid()
            .to_string(),
    ))
}

fn password_hash(value: &Value, arguments: &Arguments) -> Result<Value> {
    let kind = arguments.text_or("hashtype", "sha512")?;
    let kind = match kind {
        "sha512_crypt" => "sha512",
        "sha256_crypt" => "sha256",
        "bcrypt" => "blowfish",
        "md5_crypt" => "md5",
        other => other,
    };
    if !["sha512", "sha256", "blowfish", "md5"].contains(&kind) {
        return fail(format!(
            "{kind} is not in the list of supported passlib algorithms: md5, blowfish, sha256, sha512"
        ));
    }
    let Value::Text(password) = value else {
        return fail(format!(
            "secret must be unicode or bytes, not {}",
            value.type_name()
        ));
    };
    let Some(salt) = arguments.text("salt")? else {
        return Err(Error::unsupported(
            "`password_hash` without a salt gives another hash at each rendering",
            "Give it a salt: `password_hash('sha512', 'a-fixed-salt')`, generated once.",
        ));
    };
    if salt.bytes().any(|byte| !SALT.contains(&byte)) {
        return fail("invalid characters in salt");
    }
    let rounds = arguments.number("rounds")?;
    match kind {
        "sha512" | "sha256" => sha_crypt(password, salt, rounds, kind == "sha512"),
        "blowfish" => bcrypt(password, salt, rounds, arguments.text("ident")?),
        _ if rounds.is_some() || arguments.some("ident").is_some() => Err(Error::unsupported(
            "`password_hash('md5')` has neither rounds nor an ident",
            "Use `password_hash('sha512', salt)`.",
        )),
        _ => md5_crypt(password, salt),
    }
}

/// The `$1$` of Unix: a thousand rounds of MD5.
fn md5_crypt(password: &str, salt: &str) -> Result<Value> {
    if salt.len() > 8 {
        return fail("salt too large (md5_crypt requires <= 8 chars)");
    }
    if password.len() > 4096 {
        return fail("password too long");
    }
    if password.contains('\0') {
        return fail("md5_crypt does not allow NULL bytes in password");
    }
    count_rounds(1000, 16, 64, password, salt)?;
    let (word, salt_bytes) = (password.as_bytes(), salt.as_bytes());
    let inner = md5::Md5::digest([word, salt_bytes, word].concat());
    let mut first = [word, b"$1$", salt_bytes].concat();
    first.extend((0..word.len()).map(|index| inner[index % 16]));
    let mut length = word.len();
    while length > 0 {
        first.push(if length & 1 == 1 { 0 } else { word[0] });
        length >>= 1;
    }
    let mut digest = md5::Md5::digest(first).to_vec();
    for round in 0..1000 {
        let odd = round % 2 == 1;
        let mut data = if odd { word.to_vec() } else { digest.clone() };
        if round % 3 != 0 {
            data.extend(salt_bytes);
        }
        if round % 7 != 0 {
            data.extend(word);
        }
        data.extend(if odd { &digest } else { word });
        digest = md5::Md5::digest(data).to_vec();
    }
    let text = crypt_text(&digest, &MD5_ORDER);
    Ok(Value::from(format!("$1${salt}${text}")))
}

fn sha_crypt(password: &str, salt: &str, rounds: Option<i64>, long: bool) -> Result<Value> {
    if salt.len() > 16 {
        return fail("salt too large (sha512_crypt requires <= 16 chars)");
    }
    let rounds = rounds.unwrap_or(if long { 656_000 } else { 535_000 });
    let rounds = match u32::try_from(rounds) {
        Ok(rounds @ 1000..=2_000_000) => rounds,
        Ok(rounds @ 2_000_001..=999_999_999) => {
            return Err(Error::unsupported(
                format!("{rounds} rounds of a hash take too long"),
                "Use at most 2000000 rounds.",
            ));
        }
        _ => return fail("rounds must be between 1000 and 999999999"),
    };
    if password.len() > 4096 {
        return fail("password too long");
    }
    let (digest, block) = if long { (64, 128) } else { (32, 64) };
    count_rounds(rounds as usize, digest, block, password, salt)?;
    let params =
        sha_crypt::Params::new(rounds).map_err(|_| Error::failed("these rounds cannot be used"))?;
    let digest = if long {
        crypt_text(
            &sha_crypt::sha512_crypt(password.as_bytes(), salt.as_bytes(), params),
            &SHA512_ORDER,
        )
    } else {
        crypt_text(
            &sha_crypt::sha256_crypt(password.as_bytes(), salt.as_bytes(), params),
            &SHA256_ORDER,
        )
    };
    let kind = if long { 6 } else { 5 };
    let shown = if rounds == 5000 {
        String::new()
    } else {
        format!("rounds={rounds}$")
    };
    Ok(Value::from(format!("${kind}${shown}{salt}${digest}")))
}

/// Counts the rounds of crypt, a step for each block of the hash: every round takes in the last digest, nearly always
/// the password twice, and most often the salt; at least one block.
fn count_rounds(
    rounds: usize,
    digest: usize,
    block: usize,
    password: &str,
    salt: &str,
) -> Result<()> {
    // Behind these, a block's padding and length.
    let bytes = digest + 2 * password.len() + salt.len() + block / 8 + 1;
    limits::step(rounds.saturating_mul(bytes.max(block)) / block)
}

/// The order in which crypt takes the bytes of a digest, three at a time.
const SHA512_ORDER: [u8; 64] = [
    42, 21, 0, 1, 43, 22, 23, 2, 44, 45, 24, 3, 4, 46, 25, 26, 5, 47, 48, 27, 6, 7, 49, 28, 29, 8,
    50, 51, 30, 9, 10, 52, 31, 32, 11, 53, 54, 33, 12, 13, 55, 34, 35, 14, 56, 57, 36, 15, 16, 58,
    37, 38, 17, 59, 60, 39, 18, 19, 61, 40, 41, 20, 62, 63,
];
const SHA256_ORDER: [u8; 32] = [
    20, 10, 0, 11, 1, 21, 2, 22, 12, 23, 13, 3, 14, 4, 24, 5, 25, 15, 26, 16, 6, 17, 7, 27, 8, 28,
    18, 29, 19, 9, 30, 31,
];

const MD5_ORDER: [u8; 16] = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];

/// crypt's own Base64, lowest bits first.
fn crypt_text(digest: &[u8], order: &[u8]) -> String {
    let mut text = String::new();
    for group in order.chunks(3) {
        let mut bits = 0u32;
        for (place, index) in group.iter().enumerate() {
            bits |= u32::from(digest[usize::from(*index)]) << (8 * place);
        }
        for place in 0..=group.len() {
            text.push(char::from(SALT64[(bits >> (6 * place)) as usize & 63]));
        }
    }
    text
}

/// The alphabet of that Base64.
const SALT64: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn bcrypt(password: &str, salt: &str, rounds: Option<i64>, ident: Option<&str>) -> Result<Value> {
    let version = match ident.unwrap_or("2b") {
        "2b" | "$2b$" => bcrypt::Version::TwoB,
        "2a" | "$2a$" => bcrypt::Version::TwoA,
        "2y" | "$2y$" => bcrypt::Version::TwoY,
        other => return fail(format!("invalid ident: {other}")),
    };
    let rounds = rounds.unwrap_or(12);
    let cost = match u32::try_from(rounds) {
        Ok(cost @ 4..=14) => cost,
        Ok(15..=31) => {
            return Err(Error::unsupported(
                format!("bcrypt with 2^{rounds} rounds takes too long"),
                "Use at most 14 rounds.",
            ));
        }
        _ => return fail("rounds must be between 4 and 31"),
    };
    if salt.len() < 22 {
        return fail("salt too small (bcrypt requires exactly 22 chars)");
    }
    if salt.len() > 22 {
        return fail("salt too large (bcrypt requires exactly 22 chars)");
    }
    if password.contains('\0') {
        return fail("bcrypt does not allow NULL bytes in password");
    }
    let mut bytes = [0u8; 16];
    let (mut bits, mut count, mut next) = (0u32, 0, 0);
    for digit in salt.bytes() {
        let value = SALT.iter().position(|known| *known == digit).unwrap_or(0) as u32;
        bits = bits << 6 | value;
        count += 6;
        if count >= 8 && next < 16 {
            count -= 8;
            bytes[next] = (bits >> count) as u8;
            next += 1;
        }
    }
    limits::step(BCRYPT_ROUND << cost)?;
    let hashed = bcrypt::hash_with_salt(password.as_bytes(), cost, bytes)
        .map_err(|error| Error::failed(format!("bcrypt fails: {error}")))?;
    Ok(Value::from(hashed.format_for_version(version)))
}
