//! What the annotations of ingress controllers and cert-manager may say: a controller takes their values for every app
//! it serves, so that a large one is at the others' cost, and one without sense may keep all of them from being served.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Part, Report, Rule};

/// The form of a value.
enum Form {
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Some of these words, separated by commas.
    SomeOf(&'static [&'static str]),
    /// A number from 1 to this one.
    UpTo(u64),
    /// An amount of bytes from 1 to this one, as nginx reads it.
    Bytes(u64),
    /// Networks or addresses, separated by commas.
    Networks,
    /// The name of an object.
    Name,
}

const ON_OFF: Form = Form::OneOf(&["on", "off"]);
const TRUE_FALSE: Form = Form::OneOf(&["true", "false"]);
const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
/// More networks than these make a controller slow for all.
const MOST_NETWORKS: usize = 100;
const LONGEST_NAME: usize = 253;

const FORMS: [(&str, Form); 19] = [
    ("cert-manager.io/cluster-issuer", Form::Name),
    ("cert-manager.io/issuer", Form::Name),
    (
        "nginx.ingress.kubernetes.io/backend-protocol",
        Form::OneOf(&["HTTP", "HTTPS", "GRPC", "GRPCS", "AUTO_HTTP", "FCGI"]),
    ),
    // Of memory, for every request.
    (
        "nginx.ingress.kubernetes.io/client-body-buffer-size",
        Form::Bytes(MIB),
    ),
    ("nginx.ingress.kubernetes.io/force-ssl-redirect", TRUE_FALSE),
    (
        "nginx.ingress.kubernetes.io/limit-connections",
        Form::UpTo(100_000),
    ),
    ("nginx.ingress.kubernetes.io/limit-rps", Form::UpTo(100_000)),
    // Of the controller's disk, for every request; 0 is without end.
    (
        "nginx.ingress.kubernetes.io/proxy-body-size",
        Form::Bytes(4 * KIB * MIB),
    ),
    (
        "nginx.ingress.kubernetes.io/proxy-buffer-size",
        Form::Bytes(256 * KIB),
    ),
    ("nginx.ingress.kubernetes.io/proxy-buffering", ON_OFF),
    (
        "nginx.ingress.kubernetes.io/proxy-buffers-number",
        Form::UpTo(16),
    ),
    // Seconds. nginx itself reaches no more than 75.
    (
        "nginx.ingress.kubernetes.io/proxy-connect-timeout",
        Form::UpTo(75),
    ),
    (
        "nginx.ingress.kubernetes.io/proxy-read-timeout",
        Form::UpTo(3600),
    ),
    (
        "nginx.ingress.kubernetes.io/proxy-request-buffering",
        ON_OFF,
    ),
    (
        "nginx.ingress.kubernetes.io/proxy-send-timeout",
        Form::UpTo(3600),
    ),
    ("nginx.ingress.kubernetes.io/ssl-redirect", TRUE_FALSE),
    (
        "nginx.ingress.kubernetes.io/whitelist-source-range",
        Form::Networks,
    ),
    // Traefik has more for its own use: its dashboard, its numbers.
    (
        "traefik.ingress.kubernetes.io/router.entrypoints",
        Form::SomeOf(&["web", "websecure"]),
    ),
    ("traefik.ingress.kubernetes.io/router.tls", TRUE_FALSE),
];

/// The value of an annotation that the policy lists.
pub(super) fn check(key: &str, part: &Part, report: &mut Report) {
    let Some((_, form)) = FORMS.iter().find(|(known, _)| *known == key) else {
        return;
    };
    if part.is_set() && !form.fits(part.text()) {
        report.refuse_with(
            Rule::Ingress,
            &part.path,
            format!("`{key}` may not be `{}`.", part.shown()),
            &format!("Write {}.", form.described()),
        );
    }
}

impl Form {
    fn fits(&self, value: &str) -> bool {
        match self {
            Self::OneOf(words) => words.contains(&value),
            Self::SomeOf(words) => value.split(',').all(|word| words.contains(&word.trim())),
            Self::UpTo(most) => number(value).is_some_and(|number| (1..=*most).contains(&number)),
            Self::Bytes(most) => bytes(value).is_some_and(|bytes| (1..=*most).contains(&bytes)),
            Self::Networks => {
                let is_network =
                    |text: &str| text.parse::<IpNet>().is_ok() || text.parse::<IpAddr>().is_ok();
                value.split(',').count() <= MOST_NETWORKS
                    && value.split(',').all(|text| is_network(text.trim()))
            }
            Self::Name => {
                let is_plain = |sign: char| {
                    sign.is_ascii_lowercase() || sign.is_ascii_digit() || ".-".contains(sign)
                };
                !value.is_empty() && value.len() <= LONGEST_NAME && value.chars().all(is_plain)
            }
        }
    }

    fn described(&self) -> String {
        match self {
            Self::OneOf(words) => format!("one of: {}", words.join(", ")),
            Self::SomeOf(words) => {
                format!("some of these, separated by commas: {}", words.join(", "))
            }
            Self::UpTo(most) => format!("a whole number from 1 to {most}"),
            Self::Bytes(most) => format!("an amount like 8k, {} at most", shown(*most)),
            Self::Networks => format!(
                "networks like 203.0.113.0/24, separated by commas, {MOST_NETWORKS} at most"
            ),
            Self::Name => "the name of an issuer".to_owned(),
        }
    }
}

/// Digits alone: no sign and no unit.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn bytes(text: &str) -> Option<u64> {
    let (digits, unit) = match text.char_indices().last()? {
        (end, 'k' | 'K') => (&text[..end], KIB),
        (end, 'm' | 'M') => (&text[..end], MIB),
        (end, 'g' | 'G') => (&text[..end], KIB * MIB),
        _ => (text, 1),
    };
    number(digits)?.checked_mul(unit)
}

fn shown(bytes: u64) -> String {
    match bytes {
        bytes if bytes % (KIB * MIB) == 0 => format!("{}g", bytes / (KIB * MIB)),
        bytes if bytes % MIB == 0 => format!("{}m", bytes / MIB),
        bytes => format!("{}k", bytes / KIB),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    #[test]
    fn every_annotation_of_the_strict_policy_that_a_controller_reads_has_a_form() {
        for name in Policy::default().annotations {
            let is_read = ["cert-manager.io/", "nginx.", "traefik."]
                .iter()
                .any(|beginning| name.starts_with(beginning));
            let known = FORMS.iter().any(|(known, _)| *known == name);
            assert_eq!(known, is_read, "{name}");
        }
    }

    #[test]
    fn a_value_fits_up_to_the_bound_of_its_form() {
        for (form, good, bad) in [
            (
                Form::UpTo(16),
                "1 16",
                "0 17 +1 -1 1s 1e1 99999999999999999999",
            ),
            (
                Form::Bytes(MIB),
                "1 8k 8K 1m 1M 1024k",
                "0 0k 2m 1025k 1g 8x k 8kk -8k 18014398509481985k",
            ),
            (
                Form::SomeOf(&["web", "websecure"]),
                "web websecure web,websecure",
                "traefik web,traefik , web,",
            ),
            (
                Form::Networks,
                "10.0.0.0/8 ::1 10.0.0.0/8,192.0.2.1",
                "10.0.0.0/33 x 10.0.0.0/8;",
            ),
            (Form::Name, "letsencrypt a.b-c", "A a/b é"),
            (ON_OFF, "on off", "On true ofF"),
        ] {
            for value in good.split(' ') {
                assert!(form.fits(value), "{value}");
            }
            for value in bad.split(' ').chain([""]) {
                assert!(!form.fits(value), "{value}");
            }
        }
        assert!(!Form::Networks.fits(&vec!["10.0.0.1"; 101].join(",")));
    }
}
