//! Filters on URLs.

use std::sync::LazyLock;

use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, utf8_percent_encode,
};
use regex::Regex;

use crate::filters::Filter;
use crate::filters::text::escaped;
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, limits, print};

pub const JINJA: &[Filter] = &[
    ("urlencode", &[], urlencode),
    (
        "urlize",
        &[
            "trim_url_limit",
            "nofollow",
            "target",
            "rel",
            "extra_schemes",
        ],
        urlize,
    ),
];

pub const FILTERS: &[Filter] = &[
    ("urlsplit", &["query"], urlsplit),
    ("urldecode", &[], urldecode),
];

/// A text with `/` kept; pairs as in a query, with `+` for blanks.
fn urlencode(value: &Value, _: &Arguments) -> Result<Value> {
    let pairs = match value {
        Value::Dict(_) => value.pairs().unwrap_or_default(),
        Value::List(_) | Value::Tuple(_) | Value::Range(_) | Value::Set(_) => {
            let mut pairs = Vec::new();
            for pair in value.items()? {
                let pair = pair.items()?;
                let [key, item] = pair.as_slice() else {
                    return fail("`urlencode` of a list needs pairs");
                };
                pairs.push((key.clone(), item.clone()));
            }
            pairs
        }
        other => return percent_encoded(&print::text(other)?, true).map(Value::from),
    };
    let mut parts = Vec::new();
    for (key, item) in pairs {
        let encode = |value: &Value| {
            percent_encoded(&print::text(value)?, false).map(|text| text.replace("%20", "+"))
        };
        parts.push(format!("{}={}", encode(&key)?, encode(&item)?));
    }
    Ok(Value::from(parts.join("&")))
}

/// What RFC 3986 calls unreserved stays.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn percent_encode(text: &str, keep_slash: bool) -> PercentEncode<'_> {
    match keep_slash {
        true => utf8_percent_encode(text, const { &PLAIN.remove(b'/') }),
        false => utf8_percent_encode(text, PLAIN),
    }
}

/// A text as URLs have it, as the filter `urlencode` makes it: of a text with `keep_slash`, of the parts of a query without
/// (and with `+` for `%20`).
pub fn url_encoded(text: &str, keep_slash: bool) -> String {
    percent_encode(text, keep_slash).to_string()
}

fn percent_encoded(text: &str, keep_slash: bool) -> Result<String> {
    let encoded = percent_encode(text, keep_slash);
    limits::text(encoded.clone().map(str::len).sum())?;
    Ok(encoded.collect())
}

fn urldecode(value: &Value, _: &Arguments) -> Result<Value> {
    let Value::Text(text) = value else {
        return fail(format!(
            "`urldecode` needs a text, not {}",
            print::article(value)
        ));
    };
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
    Ok(Value::from(decoded))
}

/// Python's `urllib.parse.urlsplit`.
fn urlsplit(value: &Value, arguments: &Arguments) -> Result<Value> {
    let Value::Text(given) = value else {
        return fail(format!(
            "`urlsplit` needs a text, not {}",
            print::article(value)
        ));
    };
    let cleaned: String = given
        .trim_start_matches(|character: char| character <= ' ')
        .chars()
        .filter(|character| !['\t', '\r', '\n'].contains(character))
        .collect();
    let mut rest = cleaned.as_str();
    let mut scheme = String::new();
    if let Some((head, tail)) = rest.split_once(':')
        && head.starts_with(|first: char| first.is_ascii_alphabetic())
        && head
            .chars()
            .all(|next| next.is_ascii_alphanumeric() || "+-.".contains(next))
    {
        scheme = head.to_ascii_lowercase();
        rest = tail;
    }
    let mut netloc = "";
    if let Some(tail) = rest.strip_prefix("//") {
        let end = tail.find(['/', '?', '#']).unwrap_or(tail.len());
        (netloc, rest) = tail.split_at(end);
        if netloc.contains('[') != netloc.contains(']') {
            return fail("Invalid IPv6 URL");
        }
    }
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (user, host) = match netloc.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, netloc),
    };
    let (username, password) = match user.map(|user| {
        user.split_once(':')
            .map_or((user, None), |(user, word)| (user, Some(word)))
    }) {
        Some((username, password)) => (
            Value::text(username),
            password.map_or(Value::None, Value::text),
        ),
        None => (Value::None, Value::None),
    };
    let (hostname, port) = match host.strip_prefix('[') {
        Some(inner) => {
            let (address, tail) = inner.split_once(']').unwrap_or((inner, ""));
            (address, tail.strip_prefix(':').unwrap_or(""))
        }
        None => host.split_once(':').unwrap_or((host, "")),
    };
    let port = match port {
        "" => Value::None,
        port => match port.parse::<u16>() {
            Ok(number) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Value::Int(i64::from(number))
            }
            _ if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                return fail("Port out of range 0-65535");
            }
            _ => {
                return fail(format!(
                    "Port could not be cast to integer value as '{port}'"
                ));
            }
        },
    };
    let hostname = match hostname {
        "" => Value::None,
        name => {
            let (name, zone) = name
                .split_once('%')
                .map_or((name, None), |(name, zone)| (name, Some(zone)));
            let name = name.to_lowercase();
            Value::from(zone.map_or(name.clone(), |zone| format!("{name}%{zone}")))
        }
    };
    let parts = Value::record([
        ("fragment", Value::text(fragment)),
        ("hostname", hostname),
        ("netloc", Value::text(netloc)),
        ("password", password),
        ("path", Value::text(path)),
        ("port", port),
        ("query", Value::text(query)),
        ("scheme", Value::from(scheme)),
        ("username", username),
    ]);
    match arguments.text("query")? {
        None | Some("") => Ok(parts),
        Some(wanted) => parts
            .member(wanted)
            .ok_or_else(|| Error::failed(format!("unknown URL component: {wanted}"))),
    }
}

/// Words that look like addresses become links.
fn urlize(value: &Value, arguments: &Arguments) -> Result<Value> {
    let text = escaped(&print::text(value)?);
    if arguments.some("extra_schemes").is_some() {
        return Err(Error::unsupported(
            "`urlize` with extra schemes is not supported",
            "Write the links out.",
        ));
    }
    let limit = arguments
        .number("trim_url_limit")?
        .and_then(|limit| usize::try_from(limit).ok());
    let mut rel: Vec<String> = arguments
        .text("rel")?
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    if arguments.flag("nofollow")? {
        rel.push("nofollow".to_owned());
    }
    rel.push("noopener".to_owned());
    rel.sort();
    rel.dedup();
    let rel = format!(" rel=\"{}\"", escaped(&rel.join(" ")));
    let target = arguments
        .text("target")?
        .map(|target| format!(" target=\"{}\"", escaped(target)))
        .unwrap_or_default();
    let trim = |url: &str| match limit {
        Some(limit) if url.chars().count() > limit => {
            format!("{}...", url.chars().take(limit).collect::<String>())
        }
        _ => url.to_owned(),
    };
    let mut result = String::new();
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let blank = &piece[word.len()..];
        let (head, middle, tail) = unbracketed(word);
        let is_link = |expression: &LazyLock<Option<Regex>>, text: &str| {
            expression
                .as_ref()
                .is_some_and(|expression| expression.is_match(text))
        };
        let link = if is_link(&LINK, middle) {
            let begins = ["https://", "http://"];
            let scheme = match begins.iter().any(|scheme| middle.starts_with(scheme)) {
                true => "",
                false => "https://",
            };
            let shown = trim(middle);
            Some(format!(
                "<a href=\"{scheme}{middle}\"{rel}{target}>{shown}</a>"
            ))
        } else {
            let address = middle.strip_prefix("mailto:");
            match address.filter(|address| is_link(&ADDRESS, address)) {
                Some(address) => Some(format!("<a href=\"{middle}\">{address}</a>")),
                None if !middle.starts_with("www.")
                    && !middle.starts_with('@')
                    && !middle.contains(':')
                    && is_link(&ADDRESS, middle) =>
                {
                    Some(format!("<a href=\"mailto:{middle}\">{middle}</a>"))
                }
                None => None,
            }
        };
        limits::text(piece.len() + link.as_ref().map_or(0, String::len))?;
        result.push_str(head);
        result.push_str(link.as_deref().unwrap_or(middle));
        result.push_str(tail);
        result.push_str(blank);
    }
    limits::text(result.len())?;
    Ok(Value::from(result))
}

/// What `urlize` takes for an address of a page, and for one of a mailbox.
static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)^(?:
            (?:https?://|www\.)(?:(?:[\w%-]+\.)+)?(?:[a-z]{2,63}|xn--[\w%]{2,59})
            |(?:[\w%-]{2,63}\.)+(?:com|net|int|edu|gov|org|info|mil)
            |https?://(?:\d{1,3}(?:\.\d{1,3}){3}|\[(?:[\da-f]{0,4}:){2}(?:[\da-f]{0,4}:?){1,6}\])
        )(?::\d{1,5})?(?:[/?\#]\S*)?$",
    )
    .ok()
});
static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\S+@\w[\w.-]*\.\w+$").ok());

/// A word without the brackets before it, and without the brackets and signs behind it. What closes a bracket that is
/// open in the word belongs to it.
fn unbracketed(word: &str) -> (&str, &str, &str) {
    const OPENING: [&str; 2] = ["(", "&lt;"];
    const CLOSING: [&str; 4] = [")", ".", ",", "&gt;"];
    let mut begin = 0;
    while let Some(open) = OPENING
        .iter()
        .find(|open| word[begin..].starts_with(**open))
    {
        begin += open.len();
    }
    let mut end = word.len();
    while let Some(close) = CLOSING
        .iter()
        .find(|close| word[begin..end].ends_with(**close))
    {
        end -= close.len();
    }
    for (open, close) in [("(", ")"), ("&lt;", "&gt;")] {
        let opened = word[begin..end].matches(open).count();
        if opened <= word[begin..end].matches(close).count() {
            continue;
        }
        for _ in 0..opened.min(word[end..].matches(close).count()) {
            end += word[end..].find(close).map_or(0, |at| at + close.len());
        }
    }
    (&word[..begin], &word[begin..end], &word[end..])
}
