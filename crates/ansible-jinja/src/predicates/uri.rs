//! Ansible's tests on URIs: what Python's `urlparse` takes apart.

use crate::predicates::Test;
use crate::python::addresses;
use crate::value::Value;
use crate::value::arguments::Arguments;
use crate::value::error::Result;

pub const TESTS: &[Test] = &[
    ("uri", &["schemes"], |value, given| uri(value, given, false)),
    ("url", &["schemes"], |value, given| uri(value, given, true)),
    ("urn", &[], |value, _| {
        Ok(parsed(value).is_some_and(|(scheme, _)| scheme == "urn"))
    }),
];

/// Characters that contain one of `/?#@:` in the form that hostnames are compared in.
const DISGUISED: &str = "⁇⁈⁉℀℁℅℆⩴︓︖﹕﹖﹟﹫＃／：？＠";

fn uri(value: &Value, given: &Arguments, located: bool) -> Result<bool> {
    let schemes = given.get("schemes");
    let restricted = schemes.map_or(Ok(false), Value::truth)?;
    let Some((scheme, host)) = parsed(value) else {
        return Ok(false);
    };
    let fits = match schemes {
        // The scheme of what is no text is one of no list.
        Some(_) if restricted && value.as_str().is_none() => false,
        Some(schemes) if restricted => match schemes.contains(&Value::text(&scheme)) {
            Err(error) if error.is_fatal() => return Err(error),
            fits => fits.unwrap_or(false),
        },
        _ => true,
    };
    Ok(fits && (!located || !host.is_empty() || scheme == "file"))
}

/// Scheme, and host with port and user; none where there is an error. Nothing at all is an empty URI. The scheme of
/// what is no text is no text either, and equals none.
fn parsed(value: &Value) -> Option<(String, String)> {
    let text: &str = match value {
        Value::Text(text) => text,
        Value::Bytes(bytes) => std::str::from_utf8(bytes)
            .ok()
            .filter(|text| text.is_ascii())?,
        other => return (!other.truth().ok()?).then(Default::default),
    };
    let text: String = text
        .trim_start_matches(|character: char| character <= ' ')
        .chars()
        .filter(|character| !['\t', '\r', '\n'].contains(character))
        .collect();
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest))
            if scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme
                    .chars()
                    .all(|next| next.is_ascii_alphanumeric() || "+-.".contains(next)) =>
        {
            (scheme.to_ascii_lowercase(), rest)
        }
        _ => (String::new(), text.as_str()),
    };
    let host = rest.strip_prefix("//").map_or("", |rest| {
        &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]
    });
    let valid = !host.contains(|character| DISGUISED.contains(character)) && brackets_fit(host);
    let scheme = value.as_str().map(|_| scheme).unwrap_or_default();
    valid.then(|| (scheme, host.to_owned()))
}

/// Brackets hold an IPv6 address (or one of a later version), with nothing but a port behind it.
fn brackets_fit(host: &str) -> bool {
    if !host.contains(['[', ']']) {
        return true;
    }
    if host.contains('[') != host.contains(']') {
        return false;
    }
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let inner = match host.split_once('[') {
        Some((before, rest)) => {
            let (inner, behind) = rest.split_once(']').unwrap_or((rest, ""));
            if !before.is_empty() || !(behind.is_empty() || behind.starts_with(':')) {
                return false;
            }
            inner
        }
        None => host.split(':').next().unwrap_or_default(),
    };
    match inner.strip_prefix('v') {
        Some(later) => later.split_once('.').is_some_and(|(version, rest)| {
            let hexadecimal = version.bytes().all(|byte| byte.is_ascii_hexdigit());
            hexadecimal && !version.is_empty() && !rest.is_empty()
        }),
        None => addresses::address(inner).is_some_and(|(ip, _)| ip.is_ipv6()),
    }
}
