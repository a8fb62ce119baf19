//! Which addresses and URLs are refused, spelling by spelling.

use std::net::IpAddr;

use url::Url;

use super::{Allowed, Network, Place, Reach, inside};

/// Every special range of IANA's registries (RFC 6890), each at its first and last address and beside them.
#[test]
fn addresses_that_are_not_on_the_internet_are_known_in_every_form() {
    for (text, expected) in [
        ("0.0.0.0", "unspecified"),
        ("0.255.255.255", "unspecified"),
        ("10.0.0.0", "private"),
        ("10.96.0.1", "private"),
        ("10.255.255.255", "private"),
        ("100.64.0.0", "NAT"),
        ("100.127.255.255", "NAT"),
        ("127.0.0.1", "own machine"),
        ("127.255.255.255", "own machine"),
        ("169.254.0.0", "link-local"),
        ("169.254.169.254", "link-local"),
        ("172.16.0.0", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.1", "reserved"),
        ("192.0.2.1", "documentation"),
        ("192.88.99.1", "6to4"),
        ("192.168.0.0", "private"),
        ("192.168.255.255", "private"),
        ("198.18.0.0", "benchmarks"),
        ("198.19.255.255", "benchmarks"),
        ("198.51.100.7", "documentation"),
        ("203.0.113.7", "documentation"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "broadcast"),
        ("::", "unspecified"),
        ("::1", "own machine"),
        ("::127.0.0.1", "not on the internet"),
        ("::ffff:127.0.0.1", "own machine"),
        ("::ffff:10.0.0.1", "private"),
        ("::ffff:169.254.169.254", "link-local"),
        ("::ffff:0:127.0.0.1", "not on the internet"),
        ("64:ff9b::127.0.0.1", "own machine"),
        ("64:ff9b::10.96.0.1", "private"),
        ("64:ff9b::169.254.169.254", "link-local"),
        ("64:ff9b:1::1", "local NAT64"),
        ("100::1", "not on the internet"),
        ("2001::1", "Teredo"),
        ("2001:0:5db8:d822:0:0:80ff:fffe", "Teredo"),
        ("2001:2::1", "reserved"),
        ("2001:10::1", "reserved"),
        ("2001:20::1", "reserved"),
        ("2001:1ff:ffff::1", "reserved"),
        ("2001:db8::1", "documentation"),
        ("2002:7f00:1::", "6to4"),
        ("2002:a00:1::1", "6to4"),
        ("3fff::1", "documentation"),
        ("4000::1", "not on the internet"),
        ("5f00::1", "not on the internet"),
        ("fc00::1", "private"),
        ("fd00:ec2::254", "private"),
        ("fdff:ffff::1", "private"),
        ("fe80::1", "link-local"),
        ("febf::1", "link-local"),
        ("fec0::1", "private"),
        ("ff02::1", "multicast"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast"),
    ] {
        let address: IpAddr = text.parse().unwrap();
        let what = inside(address).unwrap_or_else(|| panic!("{text} passes"));
        assert!(what.contains(expected), "{text}: {what}");
    }
    for text in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "::ffff:93.184.216.34",
        "64:ff9b::93.184.216.34",
        "2001:200::1",
        "2001:db9::1",
        "2606:4700:4700::1111",
        "2a00:1450:4001::1",
    ] {
        assert_eq!(inside(text.parse().unwrap()), None, "{text}");
    }
}

fn reach(allow: &[&str]) -> Reach {
    Reach {
        allow: allow.iter().map(|text| text.parse().unwrap()).collect(),
        ..Reach::default()
    }
}

fn refusal(reach: &Reach, url: &str) -> Option<String> {
    let problem = reach.check(&Url::parse(url).unwrap()).err()?;
    assert!(!problem.retry, "{problem}");
    assert!(problem.hint.is_some(), "{problem}");
    Some(problem.to_string())
}

#[test]
fn a_url_with_an_inside_address_is_refused_however_it_is_spelt() {
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "2130706433",
        "127.0.0.1.",
        "127。0。0。1",
        "１２７.0.0.1",
        "%31%32%37.0.0.1",
        "0",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
        "169.254.169.254",
        "0xa9fea9fe",
        "[::ffff:a9fe:a9fe]",
        "10.96.0.1",
        "192.168.1.1:8443",
        "[fd00::1]:8443",
    ] {
        for scheme in ["http", "https"] {
            let text = refusal(&reach(&[]), &format!("{scheme}://{host}/metrics"));
            let text = text.unwrap_or_else(|| panic!("{scheme}://{host} passes"));
            assert!(text.contains("has the address "), "{host}: {text}");
            assert!(text.contains("`allow` under [manifests]"), "{host}: {text}");
        }
    }
}

#[test]
fn a_refusal_names_host_address_setting_and_who_may_change_it() {
    let text = refusal(&reach(&[]), "https://10.1.2.3:8443/odoo.yml").unwrap();
    assert_eq!(
        text,
        "The host `10.1.2.3` has the address 10.1.2.3 (private): manifests are fetched from the internet only.\n  \
         Correct the URL. If that host is meant, whoever runs the worker adds \"10.1.2.3:8443\" or its network to \
         `allow` under [manifests] in the worker's settings."
    );
    // What the refusal says to add is what lifts it.
    for host in ["10.1.2.3:8443", "[fd00::1]:8443", "[fd00::1]", "10.1.2.3"] {
        let url = format!("https://{host}/odoo.yml");
        let text = refusal(&reach(&[]), &url).unwrap();
        let added = text.split('"').nth(1).unwrap();
        assert_eq!(refusal(&reach(&[added]), &url), None, "{added}");
    }
}

#[test]
fn hosts_and_networks_are_allowed_exactly_as_the_settings_name_them() {
    let port = reach(&["127.0.0.1:8090"]);
    assert_eq!(refusal(&port, "http://127.0.0.1:8090/odoo.yml"), None);
    assert_eq!(refusal(&port, "http://0x7f.1:8090/odoo.yml"), None);
    for other in [
        "http://127.0.0.1:9091/metrics",
        "http://127.0.0.1/",
        "http://127.0.0.2:8090/",
        "http://[::1]:8090/",
        "https://10.0.0.1:8090/",
    ] {
        assert!(refusal(&port, other).is_some(), "{other}");
    }
    let network = reach(&["10.1.0.0/16"]);
    assert_eq!(refusal(&network, "https://10.1.255.1/odoo.yml"), None);
    assert_eq!(
        refusal(&network, "https://[::ffff:10.1.0.1]/odoo.yml"),
        None
    );
    assert!(refusal(&network, "https://10.2.0.1/odoo.yml").is_some());
    let refused = Reach {
        refuse: vec!["93.184.0.0/16".parse().unwrap()],
        ..Reach::default()
    };
    for url in [
        "https://93.184.216.34/",
        "https://[64:ff9b::93.184.216.34]/",
    ] {
        let text = refusal(&refused, url).unwrap();
        assert!(text.contains("refused by the worker's settings"), "{text}");
    }
    assert_eq!(refusal(&refused, "https://93.185.216.34/"), None);
}

#[test]
fn http_is_refused_beyond_this_machine_unless_the_settings_name_the_host() {
    let text = refusal(&reach(&[]), "http://example.com/odoo.yml").unwrap();
    assert!(text.contains("over http"), "{text}");
    assert!(
        text.contains("\"example.com\" to `allow_http` under [manifests]"),
        "{text}"
    );
    let reach = Reach {
        allow_http: vec!["example.com".parse().unwrap()],
        ..reach(&["10.1.0.0/16"])
    };
    assert_eq!(refusal(&reach, "http://EXAMPLE.com:8080/odoo.yml"), None);
    assert!(refusal(&reach, "http://a.example.com/odoo.yml").is_some());
    assert!(
        refusal(&reach, "http://10.1.0.1/odoo.yml").is_some(),
        "allowed, but not by http"
    );
}

#[test]
fn a_login_in_a_url_is_refused_and_not_shown() {
    for url in [
        "https://me:s3cret@example.com/",
        "https://s3cret@example.com/",
    ] {
        let text = refusal(&reach(&[]), url).unwrap();
        assert!(text.contains("holds a login"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn settings_are_read_as_they_are_written() {
    for text in [
        "git.example.com",
        "git.example.com:8443",
        "127.0.0.1:8090",
        "[::1]:80",
        "10.1.0.0/16",
        "fd00::/8",
    ] {
        let allowed: Allowed = text.parse().unwrap();
        assert_eq!(String::from(allowed), text);
    }
    assert_eq!(
        "GIT.example.com".parse::<Place>(),
        "git.example.com".parse()
    );
    assert_eq!("10.1.2.3/16".parse::<Network>(), "10.1.0.0/16".parse());
    for text in [
        "",
        "*.example.com",
        "https://x",
        "x/y",
        "me@x",
        "x:port",
        "x:99999",
        "10.0.0.0/33",
    ] {
        assert!(text.parse::<Allowed>().is_err(), "{text}");
    }
}
