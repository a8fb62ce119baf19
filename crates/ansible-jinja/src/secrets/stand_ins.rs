//! Stand-ins for secrets: other values of the same length and shape, of which there are two sets.
//!
//! What comes out differently with one set and with the other depends on a secret, through whatever filter. For that a
//! stand-in must go wherever its secret goes. Letters become letters of the same case, digits digits; all else stays, and
//! with it what a text is: JSON, YAML or `name=value` lines keep their keys, URLs their scheme and port, PEM texts their
//! first and last line; an address stays an address, a date a date, hexadecimal digits stay such, and base64 of a text
//! becomes base64 of that text's stand-in. Lists and mappings keep their structure. Of a template only what stands between
//! its tags is a secret. Booleans and nothing stay themselves.
//!
//! All that stays is the secret's shape, and it may be learned from a stand-in. Nothing else may: a stand-in is made of
//! the name of its variable and the shape alone. All secrets of one shape have the same, in every process, and
//! the secret itself is as likely to be it as any other. Where both sets have a letter, a digit or a part of a date, they
//! have two different ones.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::Ipv6Addr;
use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use jiff::civil;
use num_bigint::BigInt;
use regex::{Captures, Regex};
use serde_json::Value as Json;
use yaml_dialects::{Data, Limits, pyyaml};

use crate::syntax::compiled;
use crate::syntax::lexer::{self, Kind, Syntax};
use crate::variables::Variables;

/// Letters that make no word of YAML (`no`, `true`, `null`, `1e3`, `0x1`), whatever stands beside them.
const LETTERS: &[u8] = b"cdfghjklmpqrstvwz";
/// The same for hexadecimal digits.
const HEX_LETTERS: &[u8] = b"abcdf";
/// Digits that make no octal number, and no boolean, wherever they stand.
const DIGITS: &[u8] = b"23456789";
/// Integers of so many digits are not all held by 64 bits.
const LONG: usize = 19;
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

/// Which stand-ins: of two sets that have nothing in common but their shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    One,
    Two,
}

impl Variables {
    /// The same with the stand-ins of one set for all that must not appear in messages, also for what is encrypted.
    pub fn with_stand_ins(&self, set: Set) -> Self {
        let mut encrypted = Vec::new();
        let by_name = self.by_name.iter().map(|(name, variable)| {
            vaults(&variable.value, &mut encrypted);
            let mut stand_ins = StandIns::new(set, name);
            let mut stand_in = |value: &Data| stand_ins.data(value, variable.literal);
            let mut other = variable.clone();
            if variable.secret {
                other.value = stand_in(&variable.value);
                other.written = None;
            } else if let (Some(member), Data::Map(pairs)) =
                (variable.secret_member, &mut other.value)
            {
                let members = pairs
                    .iter_mut()
                    .filter(|(key, _)| key.as_str() == Some(member));
                members.for_each(|(_, value)| *value = stand_in(value));
            }
            (name.clone(), other)
        });
        let by_name = by_name.collect();
        let mut of_encrypted = StandIns::new(set, "");
        let opened = self
            .opened
            .standing_in(&encrypted, |plain| of_encrypted.text(plain));
        Self {
            by_name,
            opened: Arc::new(opened),
        }
    }
}

/// All texts inside of a value that are encrypted.
fn vaults<'a>(value: &'a Data, found: &mut Vec<&'a str>) {
    match value {
        Data::Vault(text) => found.push(text),
        Data::List(items) => items.iter().for_each(|item| vaults(item, found)),
        Data::Map(pairs) => pairs.iter().for_each(|(_, item)| vaults(item, found)),
        _ => {}
    }
}

/// Makes the stand-ins of one variable.
pub struct StandIns<'a> {
    set: Set,
    /// The variable's name: two secrets of one shape are seldom the same.
    name: &'a str,
    /// How many choices were made.
    made: u64,
    depth: usize,
}

impl<'a> StandIns<'a> {
    /// Those of one set for a variable.
    pub fn new(set: Set, name: &'a str) -> Self {
        Self {
            set,
            name,
            made: 0,
            depth: 0,
        }
    }

    /// One of so many. The other set chooses another one.
    fn choose(&mut self, of: u16) -> u16 {
        let mut hasher = DefaultHasher::new();
        (self.name, self.made).hash(&mut hasher);
        self.made += 1;
        let (of, random) = (u64::from(of.max(1)), hasher.finish());
        let first = random % of;
        let chosen = match self.set {
            Set::Two if of > 1 => (first + 1 + random / of % (of - 1)) % of,
            _ => first,
        };
        u16::try_from(chosen).unwrap_or_default()
    }

    /// One of the numbers from the first to the last.
    fn between(&mut self, first: u16, last: u16) -> u16 {
        first + self.choose(last - first + 1)
    }

    /// The stand-in of a variable's value, whose texts are no templates where it is `literal`. What is encrypted stays.
    pub fn data(&mut self, data: &Data, literal: bool) -> Data {
        match data {
            Data::Text(text) if !literal && compiled::is_template(text) => {
                Data::Text(self.template(text))
            }
            Data::Text(text) => Data::Text(self.text(text)),
            Data::Literal(text) => Data::Literal(self.text(text)),
            Data::Int(number) => {
                let text = self.integer(&number.to_string());
                Data::Int(text.parse().unwrap_or_default())
            }
            Data::Big(number) => {
                let text = self.integer(&number.to_string());
                Data::Big(text.parse().unwrap_or_else(|_| BigInt::from(0)))
            }
            Data::Float(number) if number.is_finite() => {
                let text = self.text(&number.to_string());
                Data::Float(text.parse().unwrap_or(0.5))
            }
            Data::Bytes(bytes) => Data::Bytes(match std::str::from_utf8(bytes) {
                Ok(text) => self.text(text).into_bytes(),
                Err(_) => bytes
                    .iter()
                    .map(|_| self.choose(256).to_be_bytes()[1])
                    .collect(),
            }),
            Data::Date(_) => Data::Date(self.day()),
            Data::Time(time, offset) => {
                let (day, [hour, minute, second]) = (self.day(), self.clock());
                let fraction = match time.subsec_nanosecond() {
                    0 => 0,
                    _ => i32::from(self.between(1, 999)) * 1_000_000,
                };
                let clock = civil::time(hour, minute, second, fraction);
                Data::Time(day.to_datetime(clock), *offset)
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
        self.depth += 1;
        let made = self.made(text);
        self.depth -= 1;
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
        if says_nothing(text) {
            return text.to_owned();
        }
        if self.depth <= DEPTH
            && let Some(made) = self.structure(text).or_else(|| self.base64(text))
        {
            return made;
        }
        let (address, prefix) = text.split_at(text.find('/').unwrap_or(text.len()));
        if address.parse::<Ipv6Addr>().is_ok() {
            return self.hex(address) + prefix;
        }
        if is_hex(text) {
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
                made.push_str(&self.day().to_string());
            } else if whole(&part, "time") {
                let [hour, minute, second] = self.clock();
                let time = format!("{hour:02}:{minute:02}:{second:02}");
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
        let given = pyyaml::value(text, pyyaml::Tags::Standard, &Limits::default()).ok()?;
        if !matches!(given, Data::Map(_) | Data::List(_)) {
            return None;
        }
        let key = YAML_KEY.as_ref()?;
        let made = self.lines(text, |line| after(key, line));
        if pyyaml::value(&made, pyyaml::Tags::Standard, &Limits::default())
            .is_ok_and(|made| are_alike(&made, &given))
        {
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
        if says_nothing(&inner) || !inner.chars().any(char::is_alphanumeric) {
            return None;
        }
        Some(engine.encode(self.text(&inner)))
    }

    fn hex(&mut self, text: &str) -> String {
        text.chars()
            .map(|next| match next {
                '0'..='9' => self.one_of(DIGITS),
                'a'..='f' => self.one_of(HEX_LETTERS),
                'A'..='F' => self.one_of(HEX_LETTERS).to_ascii_uppercase(),
                _ => next,
            })
            .collect()
    }

    fn address(&mut self, address: &str) -> String {
        let parts = address.split('.').map(|part| {
            let number = match part.len() {
                1 => self.between(1, 9),
                2 => self.between(10, 99),
                _ => self.between(100, 255),
            };
            number.to_string()
        });
        parts.collect::<Vec<_>>().join(".")
    }

    fn day(&mut self) -> civil::Date {
        let (year, month, day) = (self.choose(38), self.between(1, 12), self.between(1, 28));
        let small = |number: u16| i8::try_from(number).unwrap_or(1);
        civil::date(2000 + i16::from(small(year)), small(month), small(day))
    }

    /// Hour, minute and second.
    fn clock(&mut self) -> [i8; 3] {
        [24, 60, 60].map(|of| i8::try_from(self.choose(of)).unwrap_or_default())
    }

    /// An integer of as many digits, which 64 bits hold if there are not more.
    fn integer(&mut self, text: &str) -> String {
        let made = self.signs(text);
        match made.trim_start_matches('-').len() {
            LONG => made.replacen('9', "8", 1),
            _ => made,
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
        text.chars()
            .map(|next| match next {
                '0'..='9' => self.one_of(DIGITS),
                'a'..='z' => self.one_of(LETTERS),
                'A'..='Z' => self.one_of(LETTERS).to_ascii_uppercase(),
                other if !other.is_ascii() && other.is_alphanumeric() => self.neighbour(other),
                other => other,
            })
            .collect()
    }

    fn one_of(&mut self, signs: &[u8]) -> char {
        let chosen = self.choose(u16::try_from(signs.len()).unwrap_or(1));
        char::from(signs[usize::from(chosen)])
    }

    /// A letter that stands near this one in Unicode, of the same case and as many bytes.
    fn neighbour(&mut self, given: char) -> char {
        let is_alike = |made: &char| {
            made.is_alphanumeric()
                && made.is_lowercase() == given.is_lowercase()
                && made.is_uppercase() == given.is_uppercase()
                && made.len_utf8() == given.len_utf8()
        };
        let block = u32::from(given) & !0x3f;
        let near: Vec<char> = (block..block + 0x40)
            .filter_map(char::from_u32)
            .filter(is_alike)
            .collect();
        let chosen = self.choose(u16::try_from(near.len()).unwrap_or(1));
        near.get(usize::from(chosen)).copied().unwrap_or(given)
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

/// Whether a text says no more than yes, no or nothing. A digit may be a secret of one digit.
fn says_nothing(text: &str) -> bool {
    const WORDS: [&str; 12] = [
        "", "~", "y", "n", "yes", "no", "on", "off", "true", "false", "null", "none",
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
#[path = "stand_ins_tests.rs"]
mod tests;
