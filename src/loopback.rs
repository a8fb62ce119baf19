//! This machine itself, as URLs name it: what goes there is on no wire.

use url::{Host, Url};

/// Whether a URL leads to this machine. `localhost` and the names below it never lead elsewhere (RFC 6761).
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_several_spellings() {
        for (url, expected) in [
            ("http://localhost:8069", true),
            ("http://odoo.localhost", true),
            ("http://127.0.0.1", true),
            ("http://0x7f.1", true),
            ("http://2130706433", true),
            ("http://[::1]:8069", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("http://localhost.example.com", false),
            ("http://notlocalhost", false),
            ("http://10.0.0.1", false),
            ("http://[fe80::1]", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
