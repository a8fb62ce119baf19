//! ansible.utils' tests on addresses and networks, as Python's own module reads them. What it cannot read is false.

use std::net::IpAddr;

use crate::predicates::Test;
use crate::python::addresses;
use crate::python::addresses::Network;
use crate::value::arguments::Arguments;
use crate::value::error::{Result, fail};
use crate::value::{Value, print};

pub const TESTS: &[Test] = &[
    ("in_any_network", &["networks"], |value, given| {
        among(value, given).map(|count| count > 0)
    }),
    ("in_network", &["network"], |value, given| {
        Ok(lies_in(value, given.needed("network")?))
    }),
    ("in_one_network", &["networks"], |value, given| {
        among(value, given).map(|count| count == 1)
    }),
    ("ip", &[], |value, _| Ok(network(value).is_some())),
    ("ip_address", &[], |value, _| Ok(address(value).is_some())),
    ("ipv4", &[], |value, _| {
        Ok(network(value).is_some_and(|net| net.net.addr().is_ipv4()))
    }),
    ("ipv4_address", &[], |value, _| {
        Ok(address(value).is_some_and(|ip| ip.is_ipv4()))
    }),
    ("ipv4_hostmask", &[], |value, _| {
        Ok(is_mask(value, |net| net.net.hostmask()))
    }),
    ("ipv4_netmask", &[], |value, _| {
        Ok(is_mask(value, |net| net.net.netmask()))
    }),
    ("ipv6", &[], |value, _| {
        Ok(network(value).is_some_and(|net| net.net.addr().is_ipv6()))
    }),
    ("ipv6_address", &[], |value, _| {
        Ok(address(value).is_some_and(|ip| ip.is_ipv6()))
    }),
    ("ipv6_ipv4_mapped", &[], |value, _| {
        Ok(within(value, &["::ffff:0:0/96"]))
    }),
    ("ipv6_sixtofour", &[], |value, _| {
        Ok(within(value, &["2002::/16"]))
    }),
    ("ipv6_teredo", &[], |value, _| {
        Ok(within(value, &["2001::/32"]))
    }),
    ("loopback", &[], |value, _| {
        Ok(within(value, &["127.0.0.0/8", "::1/128"]))
    }),
    ("mac", &[], |value, _| is_mac(value)),
    ("multicast", &[], |value, _| {
        Ok(within(value, &["224.0.0.0/4", "ff00::/8"]))
    }),
    ("private", &[], |value, _| {
        Ok(address(value).is_some_and(addresses::is_private))
    }),
    ("public", &[], |value, _| {
        Ok(address(value).is_some_and(addresses::is_global))
    }),
    ("reserved", &[], |value, _| Ok(within(value, RESERVED))),
    ("subnet_of", &["network_b"], |value, given| {
        Ok(lies_in(value, given.needed("network_b")?))
    }),
    ("supernet_of", &["network_b"], |value, given| {
        Ok(lies_in(given.needed("network_b")?, value))
    }),
    ("unspecified", &[], |value, _| {
        Ok(address(value).is_some_and(|ip| ip.is_unspecified()))
    }),
];

/// What the IETF keeps for later.
const RESERVED: &[&str] = &[
    "240.0.0.0/4",
    "::/8",
    "100::/8",
    "200::/7",
    "400::/6",
    "800::/5",
    "1000::/4",
    "4000::/3",
    "6000::/3",
    "8000::/3",
    "a000::/3",
    "c000::/3",
    "e000::/4",
    "f000::/5",
    "f800::/6",
    "fe00::/9",
];

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        other => other.as_str(),
    }
}

fn address(value: &Value) -> Option<IpAddr> {
    addresses::address(text(value)?).map(|(ip, _)| ip)
}

fn network(value: &Value) -> Option<Network> {
    addresses::network(text(value)?)
}

fn within(value: &Value, networks: &[&str]) -> bool {
    address(value).is_some_and(|ip| addresses::within(ip, networks))
}

fn lies_in(value: &Value, around: &Value) -> bool {
    match (network(value), network(around)) {
        (Some(inner), Some(around)) => addresses::is_within(&inner, &around),
        _ => false,
    }
}

/// In how many of the networks it lies.
fn among(value: &Value, given: &Arguments) -> Result<usize> {
    match given.needed("networks")? {
        // The letters of a text are no networks.
        Value::Text(_) => Ok(0),
        networks @ Value::List(_) => Ok(networks
            .items()?
            .iter()
            .filter(|network| lies_in(value, network))
            .count()),
        other => fail(format!(
            "`{}` needs a list of networks, not {}",
            given.callee(),
            print::article(other)
        )),
    }
}

/// Whether a text is the mask of the network that it makes of 10.0.0.0.
fn is_mask(value: &Value, mask: fn(&Network) -> IpAddr) -> bool {
    value.as_str().is_some_and(|text| {
        addresses::network(&format!("10.0.0.0/{text}"))
            .is_some_and(|net| mask(&net).to_string() == text)
    })
}

/// Six bytes with `:` or `-`, three groups with `.`, or nothing but digits.
fn is_mac(value: &Value) -> Result<bool> {
    let Value::Text(text) = value else {
        return fail(format!("`mac` needs a text, not {}", print::article(value)));
    };
    let text = text.strip_suffix('\n').unwrap_or(text);
    let digits = |part: &str, count: usize| {
        part.len() == count && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let bytes: Vec<&str> = text.split([':', '-']).collect();
    let groups: Vec<&str> = text.split('.').collect();
    Ok(digits(text, 12)
        || bytes.len() == 6 && bytes.iter().all(|part| digits(part, 2))
        || groups.len() == 3 && groups.iter().all(|part| digits(part, 4)))
}
