//! Filters on URLs.

use super::Filter;
use super::text::escaped;
use crate::ansible::arguments::Arguments;
use crate::ansible::error::{Error, Result, fail};
use crate::ansible::value::Value;
use crate::ansible::{limits, python};

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
        other => return percent_encoded(&python::text(other)?, true).map(Value::from),
    };
    let mut parts = Vec::new();
    for (key, item) in pairs {
        let encode = |value: &Value| {
            percent_encoded(&python::text(value)?, false).map(|text| text.replace("%20", "+"))
        };
        parts.push(format!("{}={}", encode(&key)?, encode(&item)?));
    }
    Ok(Value::from(parts.join("&")))
}

fn percent_encoded(text: &str, keep_slash: bool) -> Result<String> {
    let is_plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) || keep_slash && byte == b'/'
    };
    let encoded = text.bytes().filter(|byte| !is_plain(*byte)).count();
    limits::text(text.len() + 2 * encoded)?;
    let mut result = String::with_capacity(text.len() + 2 * encoded);
    for byte in text.bytes() {
        if is_plain(byte) {
            result.push(char::from(byte));
        } else {
            result.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(result)
}

fn urldecode(value: &Value, _: &Arguments) -> Result<Value> {
    let Value::Text(text) = value else {
        return fail(format!(
            "`urldecode` needs a text, not {}",
            python::article(value)
        ));
    };
    let text = text.replace('+', " ");
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let hexadecimal = text
            .get(index + 1..index + 3)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match (
            bytes[index],
            hexadecimal.and_then(|digits| u8::from_str_radix(digits, 16).ok()),
        ) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                index += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                index += 1;
            }
        }
    }
    Ok(Value::from(String::from_utf8_lossy(&decoded).into_owned()))
}

/// Python's `urllib.parse.urlsplit`.
fn urlsplit(value: &Value, arguments: &Arguments) -> Result<Value> {
    let Value::Text(given) = value else {
        return fail(format!(
            "`urlsplit` needs a text, not {}",
            python::article(value)
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
    let text = escaped(&python::text(value)?);
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
        let mut middle = word;
        let mut head = String::new();
        while let Some(open) = ["(", "&lt;"].iter().find(|open| middle.starts_with(**open)) {
            head.push_str(open);
            middle = &middle[open.len()..];
        }
        let mut tail = String::new();
        while let Some(close) = [")", ".", ",", "&gt;"]
            .iter()
            .find(|close| middle.ends_with(**close))
        {
            let balanced =
                *close == ")" && middle.matches('(').count() >= middle.matches(')').count();
            if balanced {
                break;
            }
            middle = &middle[..middle.len() - close.len()];
            tail.insert_str(0, close);
        }
        let lower = middle.to_lowercase();
        let domain = |name: &str| {
            [".com", ".net", ".org"]
                .iter()
                .any(|end| name.split('/').next().unwrap_or("").ends_with(end))
        };
        let link = if lower.starts_with("https://") || lower.starts_with("http://") {
            (middle.len() > 8)
                .then(|| format!("<a href=\"{middle}\"{rel}{target}>{}</a>", trim(middle)))
        } else if (lower.starts_with("www.") || domain(&lower) && !lower.contains('@'))
            && lower.len() > 5
        {
            Some(format!(
                "<a href=\"https://{middle}\"{rel}{target}>{}</a>",
                trim(middle)
            ))
        } else if let Some(address) = lower.strip_prefix("mailto:") {
            address
                .contains('@')
                .then(|| format!("<a href=\"{middle}\">{}</a>", &middle[7..]))
        } else if lower.contains('@') && !lower.starts_with("www.") && !lower.contains(':') {
            let (_, host) = lower.split_once('@').unwrap_or_default();
            (host.contains('.') && !host.starts_with('.'))
                .then(|| format!("<a href=\"mailto:{middle}\">{middle}</a>"))
        } else {
            None
        };
        limits::text(piece.len() + link.as_ref().map_or(0, String::len))?;
        result.push_str(&head);
        result.push_str(&link.unwrap_or_else(|| middle.to_owned()));
        result.push_str(&tail);
        result.push_str(blank);
    }
    limits::text(result.len())?;
    Ok(Value::from(result))
}
