//! What the usual annotations of an Ingress may say. The controller is everybody's: a buffer of gigabytes for each request,
//! or an entry point of its own, would be taken from the others, and what it cannot read may keep it from loading what
//! the others have said. The same goes for cert-manager.

use ipnet::IpNet;

use crate::sentence;
use crate::sentence::Sentence;

/// More networks than these make the controller slow for all.
const MOST_NETWORKS: usize = 100;
const LONGEST_NAME: usize = 253;

/// What a value may be.
enum Shape {
    /// Bytes, also as `10m` or `1g`, up to so many MiB.
    Size(u64),
    /// A whole number up to this.
    Number(u64),
    /// `true` or `false`.
    Truth,
    /// `on` or `off`.
    Switch,
    /// Networks and addresses, separated by commas, not many.
    Networks,
    /// The name of an object.
    Name,
    /// One of these.
    One(&'static [&'static str]),
    /// Some of these, separated by commas.
    Of(&'static [&'static str]),
}

/// What is wrong with the value of an annotation, if it is one of the usual ones: `must be …`.
pub(super) fn problem(key: &str, value: &str) -> Option<Sentence> {
    let shape = shape(key)?;
    let fits = match shape {
        Shape::Size(most) => size(value).is_some_and(|bytes| bytes <= most << 20),
        Shape::Number(most) => number(value).is_some_and(|number| number <= most),
        // Who writes `on` gets no redirect, and harms nobody.
        Shape::Truth => ["true", "false", "on", "off"].contains(&value),
        Shape::Switch => ["on", "off"].contains(&value),
        Shape::Networks => {
            let is_network =
                |one: &str| one.parse::<IpNet>().is_ok() || one.parse::<std::net::IpAddr>().is_ok();
            value.split(',').count() <= MOST_NETWORKS
                && value.split(',').all(|one| is_network(one.trim()))
        }
        Shape::Name => {
            let is_plain = |sign: u8| {
                sign.is_ascii_lowercase() || sign.is_ascii_digit() || b".-".contains(&sign)
            };
            (1..=LONGEST_NAME).contains(&value.len()) && value.bytes().all(is_plain)
        }
        Shape::One(known) => known.contains(&value),
        Shape::Of(known) => value.split(',').all(|one| known.contains(&one.trim())),
    };
    (!fits).then(|| match shape {
        Shape::Size(most) => sentence!("must be a size up to {most}m, written as 512k or 1m", most),
        Shape::Number(most) => sentence!("must be a whole number from 0 to {most}", most),
        Shape::Truth => sentence!("must be true or false"),
        Shape::Switch => sentence!("must be on or off"),
        Shape::Networks => sentence!(
            "must be networks such as 192.0.2.0/24, separated by commas, {number} at most",
            number = MOST_NETWORKS
        ),
        Shape::Name => sentence!("must be the name of an issuer"),
        Shape::One(known) => sentence!("must be one of {known}", known = known.join(", ")),
        Shape::Of(known) => sentence!("must be of {known}", known = known.join(", ")),
    })
}

fn shape(key: &str) -> Option<Shape> {
    let (domain, name) = key.split_once('/')?;
    Some(match (domain, name) {
        ("nginx.ingress.kubernetes.io", name) => match name {
            "backend-protocol" => {
                Shape::One(&["HTTP", "HTTPS", "GRPC", "GRPCS", "FCGI", "AUTO_HTTP"])
            }
            "proxy-body-size" => Shape::Size(64 << 10),
            "client-body-buffer-size" => Shape::Size(16),
            "proxy-buffer-size" => Shape::Size(1),
            "proxy-buffers-number" => Shape::Number(64),
            "proxy-connect-timeout" => Shape::Number(75),
            "proxy-read-timeout" | "proxy-send-timeout" => Shape::Number(24 * 3600),
            "limit-connections" | "limit-rps" => Shape::Number(1_000_000),
            "force-ssl-redirect" | "ssl-redirect" => Shape::Truth,
            "proxy-buffering" | "proxy-request-buffering" => Shape::Switch,
            "whitelist-source-range" => Shape::Networks,
            _ => return None,
        },
        ("traefik.ingress.kubernetes.io", "router.entrypoints") => Shape::Of(&["web", "websecure"]),
        ("traefik.ingress.kubernetes.io", "router.tls") => Shape::Truth,
        ("cert-manager.io", "cluster-issuer" | "issuer") => Shape::Name,
        _ => return None,
    })
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() < 16 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn size(text: &str) -> Option<u64> {
    let (digits, unit) = match text.strip_suffix(['k', 'K', 'm', 'M', 'g', 'G']) {
        Some(digits) => (digits, text.as_bytes()[digits.len()].to_ascii_lowercase()),
        None => (text, b' '),
    };
    let shift = match unit {
        b'k' => 10,
        b'm' => 20,
        b'g' => 30,
        _ => 0,
    };
    number(digits)?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn every_usual_annotation_of_a_controller_has_a_shape() {
        for key in crate::policy::ANNOTATIONS {
            let controllers = [
                "cert-manager.io/",
                "nginx.ingress.kubernetes.io/",
                "traefik.ingress.kubernetes.io/",
            ];
            if controllers.iter().any(|domain| key.starts_with(domain)) {
                assert!(problem(key, "bogus value").is_some(), "{key}");
            }
        }
    }

    #[test]
    fn what_is_usual_passes_and_what_harms_others_does_not() {
        let nginx = |name: &str, value: &str| {
            problem(&format!("nginx.ingress.kubernetes.io/{name}"), value)
        };
        for (name, value) in [
            ("proxy-body-size", "0"),
            ("proxy-body-size", "10g"),
            ("proxy-buffer-size", "128k"),
            ("proxy-buffers-number", "8"),
            ("proxy-read-timeout", "3600"),
            ("ssl-redirect", "true"),
            ("proxy-buffering", "off"),
            ("whitelist-source-range", "192.0.2.0/24, 2001:db8::1"),
            ("backend-protocol", "HTTPS"),
        ] {
            assert_eq!(nginx(name, value), None, "{name}: {value}");
        }
        for (name, value) in [
            ("proxy-buffer-size", "8g"),
            ("proxy-buffer-size", "-1"),
            ("proxy-buffers-number", "1000000"),
            ("proxy-buffers-number", "8 8"),
            ("client-body-buffer-size", "99999999999999999999"),
            ("proxy-read-timeout", "10y"),
            ("whitelist-source-range", "all"),
            ("ssl-redirect", "yes"),
            ("backend-protocol", "HTTP,HTTPS"),
            ("whitelist-source-range", &["192.0.2.1"; 101].join(",")),
        ] {
            assert!(nginx(name, value).is_some(), "{name}: {value}");
        }
        let traefik = "traefik.ingress.kubernetes.io/router.entrypoints";
        assert_eq!(problem(traefik, "web, websecure"), None);
        assert_eq!(
            problem(traefik, "traefik,metrics").unwrap(),
            "must be of web, websecure"
        );
    }
}
