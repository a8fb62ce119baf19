//! Stand-ins for secrets: other values of the same length and shape.
//!
//! What comes out differently where stand-ins take the place of all secrets depends on a secret, through whatever filter.
//! For that a stand-in must go wherever its secret goes. Letters become other letters of the same case, digits other
//! digits; all else stays, and with it what a text is: JSON, YAML or `name=value` lines keep their keys, URLs their
//! scheme and port, PEM texts their first and last line; an address stays an address, a date a date, hexadecimal digits
//! stay such, and base64 of a text becomes base64 of that text's stand-in. Lists and mappings keep their structure.
//! Of a template only what stands between its tags is a secret. Booleans, 0, 1 and nothing stay themselves.
//!
//! All that stays may be learned from a stand-in: the length of a secret and its signs, never its letters and digits.
//! Stand-ins are random, made anew for each job, and no letter or digit is that of the secret.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use jiff::ToSpan;
use num_bigint::BigInt;
use rand::RngExt;
use rand::rngs::ThreadRng;
use regex::{Captures, Regex};
use serde_json::Value as Json;

use super::lexer::{self, Kind, Syntax};
use super::template;
use crate::yaml::{self, Data};

/// Letters that make no word of YAML (`no`, `true`, `null`, `1e3`, `0x1`), whatever stands beside them.
const LETTERS: &[u8] = b"cdfghjklmpqrstvwz";
/// The same for hexadecimal digits.
const HEX_LETTERS: &[u8] = b"abcdf";
/// Shorter texts are not looked at for hexadecimal digits and base64: most of such a length are neither.
const ENCODED: usize = 8;
/// Structures within texts within structures: deeper ones are texts like any other.
const DEPTH: usize = 4;

/// What stays or changes as a whole within a text.
static PARTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let parts = [
        r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.-]*://)",
        r"(?P<pem>-----(?:BEGIN|END) [A-Z0-9 ]+-----)",
        r"(?P<address>\b(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}(?P<prefix>/[0-9]{1,2})?\b)",
        r"(?P<date>\b(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])\b)",
        r"(?P<time>\b(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?\b)",
    ];
    Regex::new(&parts.join("|")).ok()
});
/// Ports and escapes, in URLs only.
static OF_URLS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r":[0-9]{1,5}(?:[/?#,]|$)|%[0-9A-Fa-f]{2}").ok());
/// A key of YAML at the beginning of a line, and what may stand there instead of a value.
static YAML_KEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"^(\s*(?:- +)*(?:"[^"]*"|'[^']*'|[^\s"'\[\]{}#&*!|>%@,-][^:#]*?)\s*:(?:\s+(?:[|>][0-9+-]*|[&*!]\S*))?)(\s.*)?$"#).ok()
});
/// A `name =` at the beginning of a line.
static NAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(\s*(?:export\s+)?[A-Za-z_][\w.-]*\s*=)(.*)$").ok());

/// The stand-ins of one job: the same secret has the same one wherever it stands.
pub struct StandIns {
    known: HashMap<String, String>,
    random: ThreadRng,
    depth: usize,
}

impl StandIns {
    /// With none made yet.
    pub fn new() -> Self {
        Self {
            known: HashMap::new(),
            random: rand::rng(),
            depth: 0,
        }
    }

    /// The stand-in of a variable's value, whose texts are no templates where it is `literal`. What is encrypted stays.
    pub fn data(&mut self, data: &Data, literal: bool) -> Data {
        match data {
            Data::Text(text) if !literal && template::is_template(text) => {
                Data::Text(self.template(text))
            }
            Data::Text(text) => Data::Text(self.text(text)),
            Data::Literal(text) => Data::Literal(self.text(text)),
            Data::Int(number) => {
                let text = self.text(&number.to_string());
                Data::Int(text.parse().unwrap_or(number.wrapping_sub(1)))
            }
            Data::Big(number) => {
                let text = self.text(&number.to_string());
                Data::Big(text.parse().unwrap_or_else(|_| BigInt::from(0)))
            }
            Data::Float(number) if number.is_finite() => {
                let text = self.text(&number.to_string());
                Data::Float(text.parse().unwrap_or(0.5))
            }
            Data::Bytes(bytes) => Data::Bytes(match std::str::from_utf8(bytes) {
                Ok(text) => self.text(text).into_bytes(),
                Err(_) => bytes.iter().map(|byte| self.byte(*byte)).collect(),
            }),
            Data::Date(date) => {
                let days = self.random.random_range(1..300);
                Data::Date(date.saturating_sub(days.days()))
            }
            Data::Time(time, offset) => {
                let minutes = self.random.random_range(1..400_000);
                Data::Time(time.saturating_sub(minutes.minutes()), *offset)
            }
            Data::List(items) => {
                Data::List(items.iter().map(|item| self.data(item, literal)).collect())
            }
            Data::Set(items) => {
                Data::Set(items.iter().map(|item| self.data(item, literal)).collect())
            }
            Data::Map(pairs) => Data::Map(
                pairs
                    .iter()
                    .map(|(key, item)| (key.clone(), self.data(item, literal)))
                    .collect(),
            ),
            Data::Null | Data::Bool(_) | Data::Float(_) | Data::Vault(_) | Data::Unreadable(_) => {
                data.clone()
            }
        }
    }

    /// The stand-in of a text that is no template.
    pub fn text(&mut self, text: &str) -> String {
        if let Some(known) = self.known.get(text) {
            return known.clone();
        }
        self.depth += 1;
        let made = self.made(text);
        self.depth -= 1;
        self.known.insert(text.to_owned(), made.clone());
        made
    }

    /// A template with stand-ins for what stands between its tags.
    fn template(&mut self, text: &str) -> String {
        let text = lexer::normalise(text);
        let Ok(tokens) = lexer::tokens(&text, 0, &Syntax::default()) else {
            return self.text(&text);
        };
        let mut made = String::new();
        let mut done = 0;
        for token in tokens {
            if let Kind::Data(_) = token.kind
                && token.at >= done
            {
                made.push_str(&text[done..token.at]);
                made.push_str(&self.text(&text[token.at..token.end]));
                done = token.end;
            }
        }
        made + &text[done..]
    }

    fn made(&mut self, text: &str) -> String {
        if is_no_secret(text) {
            return text.to_owned();
        }
        if self.depth <= DEPTH
            && let Some(made) = self.structure(text).or_else(|| self.base64(text))
        {
            return made;
        }
        if text.parse::<Ipv6Addr>().is_ok() || is_hex(text) {
            return self.hex(text);
        }
        let whole = |made: &Captures, name| made.name(name).is_some();
        let is_url = text.contains("://");
        let mut made = String::new();
        let mut done = 0;
        let found: Vec<Captures> = PARTS
            .iter()
            .flat_map(|parts| parts.captures_iter(text))
            .collect();
        for part in found {
            let Some(all) = part.get(0) else { continue };
            made.push_str(&self.plain(&text[done..all.start()], is_url));
            done = all.end();
            if whole(&part, "address") {
                let prefix = part.name("prefix").map_or("", |prefix| prefix.as_str());
                made.push_str(&self.address(&all.as_str()[..all.len() - prefix.len()]));
                made.push_str(prefix);
            } else if whole(&part, "date") {
                made.push_str(&self.unlike(all.as_str(), |random| {
                    format!(
                        "20{:02}-{:02}-{:02}",
                        random.random_range(0..38),
                        random.random_range(1..13),
                        random.random_range(1..29)
                    )
                }));
            } else if whole(&part, "time") {
                let time = self.unlike(all.as_str(), |random| {
                    format!(
                        "{:02}:{:02}:{:02}",
                        random.random_range(0..24),
                        random.random_range(0..60),
                        random.random_range(0..60)
                    )
                });
                made.push_str(&time[..all.len()]);
            } else {
                made.push_str(all.as_str());
            }
        }
        made + &self.plain(&text[done..], is_url)
    }

    /// Of JSON, YAML, `name=value` lines: the keys stay.
    fn structure(&mut self, text: &str) -> Option<String> {
        let begins = text.trim_start();
        if begins.starts_with(['{', '[']) {
            let json: Result<Json, _> = serde_json::from_str(text);
            if json.is_ok_and(|json| json.is_object() || json.is_array()) {
                return Some(self.json(text));
            }
        }
        let lines = || {
            text.lines().filter(|line| {
                !line.trim().is_empty() && !line.trim_start().starts_with(['#', ';'])
            })
        };
        let name = NAME.as_ref()?;
        let is_head = |line: &str| line.starts_with('[') && line.trim_end().ends_with(']');
        if lines().nth(1).is_some()
            && lines().any(|line| name.is_match(line))
            && lines().all(|line| is_head(line) || name.is_match(line))
        {
            return Some(self.lines(text, |line| match is_head(line) {
                true => Some((line.to_owned(), String::new())),
                false => after(name, line),
            }));
        }
        if !begins.starts_with(['{', '['])
            && !text.contains(": ")
            && !text.contains(":\n")
            && !begins.starts_with("- ")
        {
            return None;
        }
        let given = yaml::ansible::value(text, false).ok()?;
        if !matches!(given, Data::Map(_) | Data::List(_)) {
            return None;
        }
        let key = YAML_KEY.as_ref()?;
        let made = self.lines(text, |line| after(key, line));
        if yaml::ansible::value(&made, false).is_ok_and(|made| are_alike(&made, &given)) {
            return Some(made);
        }
        // Its text is written in a way that lines do not tell; JSON is YAML, too.
        let made = self.data(&given, true).to_json()?;
        Some(made.to_string())
    }

    /// Line by line: `keep` tells what stays at the beginning of one, and what comes behind it.
    fn lines(&mut self, text: &str, keep: impl Fn(&str) -> Option<(String, String)>) -> String {
        let mut made = String::new();
        for whole in text.split_inclusive('\n') {
            let line = whole.trim_end_matches(['\n', '\r']);
            let (kept, value) = keep(line).unwrap_or_else(|| (String::new(), line.to_owned()));
            let blanks = value.len() - value.trim_start().len();
            made.push_str(&kept);
            made.push_str(&value[..blanks]);
            made.push_str(&self.text(&value[blanks..]));
            made.push_str(&whole[line.len()..]);
        }
        made
    }

    /// Of JSON, as it is written.
    fn json(&mut self, text: &str) -> String {
        let mut made = String::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let end = match next {
                '"' => text_end(rest),
                '-' | '0'..='9' => rest
                    .find(|next: char| !matches!(next, '-' | '+' | '.' | '0'..='9' | 'e' | 'E'))
                    .unwrap_or(rest.len()),
                _ => next.len_utf8(),
            };
            let (token, behind) = rest.split_at(end);
            rest = behind;
            match next {
                '"' if behind.trim_start().starts_with(':') => made.push_str(token),
                '"' => {
                    let inner = token.trim_matches('"');
                    made.push('"');
                    match inner.contains('\\') {
                        true => made.push_str(&self.escaped(inner)),
                        false => made.push_str(&self.text(inner)),
                    }
                    made.push('"');
                }
                '-' | '0'..='9' => {
                    let exponent = token.find(['e', 'E']).unwrap_or(token.len());
                    made.push_str(&self.text(&token[..exponent]));
                    made.push_str(&token[exponent..]);
                }
                _ => made.push_str(token),
            }
        }
        made
    }

    /// A text of JSON with escapes, which stay.
    fn escaped(&mut self, inner: &str) -> String {
        let mut made = String::new();
        let mut rest = inner;
        while let Some(at) = rest.find('\\') {
            made.push_str(&self.plain(&rest[..at], false));
            let length = match rest[at + 1..].chars().next() {
                Some('u') => 6,
                Some(sign) => 1 + sign.len_utf8(),
                None => 1,
            };
            let end = (at + length).min(rest.len());
            made.push_str(&rest[at..end]);
            rest = &rest[end..];
        }
        made + &self.plain(rest, false)
    }

    /// Of base64 of a text.
    fn base64(&mut self, text: &str) -> Option<String> {
        if text.len() < ENCODED {
            return None;
        }
        let (engine, bytes) = match STANDARD.decode(text) {
            Ok(bytes) => (&STANDARD, bytes),
            Err(_) => (&URL_SAFE, URL_SAFE.decode(text).ok()?),
        };
        let inner = String::from_utf8(bytes).ok()?;
        let is_text = |sign: char| !sign.is_control() || matches!(sign, '\n' | '\r' | '\t');
        if !inner.chars().all(is_text) {
            return None;
        }
        let made = self.text(&inner);
        (made != inner).then(|| engine.encode(made))
    }

    fn hex(&mut self, text: &str) -> String {
        let mut made = String::new();
        let mut begins = true;
        for next in text.chars() {
            made.push(match next {
                '0' if begins => next,
                '0'..='9' => self.digit(next, if begins { 1 } else { 0 }, 10),
                'a'..='f' => self.letter(next, HEX_LETTERS),
                'A'..='F' => self
                    .letter(next.to_ascii_lowercase(), HEX_LETTERS)
                    .to_ascii_uppercase(),
                _ => next,
            });
            begins = !next.is_ascii_hexdigit();
        }
        made
    }

    fn address(&mut self, address: &str) -> String {
        let parts: Vec<String> = address
            .split('.')
            .map(|part| {
                self.unlike(part, |random| {
                    let number: u8 = match part.len() {
                        1 => random.random_range(1..10),
                        2 => random.random_range(10..100),
                        _ => random.random_range(100..=255),
                    };
                    number.to_string()
                })
            })
            .collect();
        parts.join(".")
    }

    /// Something random that is not the same.
    fn unlike(&mut self, given: &str, make: impl Fn(&mut ThreadRng) -> String) -> String {
        loop {
            let made = make(&mut self.random);
            if !made.starts_with(given) {
                return made;
            }
        }
    }

    /// Letters and digits only; ports and escapes of URLs stay.
    fn plain(&mut self, text: &str, is_url: bool) -> String {
        let mut made = String::new();
        let mut done = 0;
        if is_url {
            let kept: Vec<_> = OF_URLS
                .iter()
                .flat_map(|kept| kept.find_iter(text))
                .collect();
            for kept in kept {
                made.push_str(&self.signs(&text[done..kept.start()]));
                made.push_str(kept.as_str());
                done = kept.end();
            }
        }
        made + &self.signs(&text[done..])
    }

    fn signs(&mut self, text: &str) -> String {
        let mut made = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let digits = rest.len()
                - rest
                    .trim_start_matches(|next: char| next.is_ascii_digit())
                    .len();
            if digits > 0 {
                made.push_str(&self.number(&rest[..digits]));
                rest = &rest[digits..];
                continue;
            }
            made.push(match next {
                'a'..='z' => self.letter(next, LETTERS),
                'A'..='Z' => self
                    .letter(next.to_ascii_lowercase(), LETTERS)
                    .to_ascii_uppercase(),
                other if !other.is_ascii() && other.is_alphanumeric() => self.neighbour(other),
                other => other,
            });
            rest = &rest[next.len_utf8()..];
        }
        made
    }

    /// Digits that stay a number: none becomes longer or shorter, and what is octal to YAML stays so.
    fn number(&mut self, digits: &str) -> String {
        let zero = digits.len() > 1 && digits.starts_with('0');
        let places = digits.chars().enumerate();
        places
            .map(|(place, digit)| match (place, zero, digit) {
                (0, true, _) => '0',
                (0, false, _) => self.digit(digit, 1, 10),
                (_, true, '8') => '9',
                (_, true, '9') => '8',
                (_, true, _) => self.digit(digit, 0, 8),
                (_, false, _) => self.digit(digit, 0, 10),
            })
            .collect()
    }

    fn digit(&mut self, given: char, from: u8, to: u8) -> char {
        loop {
            let made = char::from(b'0' + self.random.random_range(from..to));
            if made != given {
                return made;
            }
        }
    }

    fn letter(&mut self, given: char, letters: &[u8]) -> char {
        loop {
            let made = char::from(letters[self.random.random_range(0..letters.len())]);
            if made != given {
                return made;
            }
        }
    }

    fn byte(&mut self, given: u8) -> u8 {
        given.wrapping_add(self.random.random_range(1..=u8::MAX))
    }

    /// Another letter that stands near this one in Unicode, of the same case and as many bytes.
    fn neighbour(&mut self, given: char) -> char {
        let is_alike = |made: char| {
            made != given
                && made.is_alphanumeric()
                && made.is_lowercase() == given.is_lowercase()
                && made.is_uppercase() == given.is_uppercase()
                && made.len_utf8() == given.len_utf8()
        };
        let block = u32::from(given) & !0x3f;
        let near: Vec<char> = (block..block + 0x40)
            .filter_map(char::from_u32)
            .filter(|made| is_alike(*made))
            .collect();
        match near.is_empty() {
            true => given,
            false => near[self.random.random_range(0..near.len())],
        }
    }
}

/// Where a text of JSON ends, which begins with a quote.
fn text_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, next) in text.char_indices().skip(1) {
        match next {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The part of a line that a pattern keeps, and the rest.
fn after(pattern: &Regex, line: &str) -> Option<(String, String)> {
    let found = pattern.captures(line)?;
    let group = |number| {
        found
            .get(number)
            .map_or("", |group| group.as_str())
            .to_owned()
    };
    Some((group(1), group(2)))
}

/// Whether two values have the same structure.
fn are_alike(one: &Data, other: &Data) -> bool {
    match (one, other) {
        (Data::Map(one), Data::Map(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|((key, one), (other_key, other))| {
                        key == other_key && are_alike(one, other)
                    })
        }
        (Data::List(one), Data::List(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| are_alike(one, other))
        }
        (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

/// Whether a text says no more than yes, no or nothing.
pub fn is_no_secret(text: &str) -> bool {
    const WORDS: [&str; 14] = [
        "", "0", "1", "~", "y", "n", "yes", "no", "on", "off", "true", "false", "null", "none",
    ];
    let text = text.trim();
    text.len() <= 5 && WORDS.contains(&text.to_lowercase().as_str())
}

/// Whether a text is made of hexadecimal digits, as keys, checksums and UUIDs are.
fn is_hex(text: &str) -> bool {
    let mut digits = text.chars().filter(|next| !matches!(next, '-' | ':'));
    digits.clone().count() >= ENCODED && digits.all(|next| next.is_ascii_hexdigit())
}

#[cfg(test)]
#[path = "standin_tests.rs"]
mod tests;
