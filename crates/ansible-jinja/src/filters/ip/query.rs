//! `ipaddr` and its queries. What is no address is false; what a query does not fit is none or false, by the query.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use num_bigint::BigInt;
use num_traits::ToPrimitive;

use crate::filters::Filter;
use crate::filters::ip::options::Options;
use crate::python::netaddr;
use crate::python::netaddr::{
    first, last, like, network, of_number, shown, shown_network, span, usable, value, within,
};
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, limits, number, print};

pub const FILTERS: &[Filter] = &[
    ("ipaddr", &["*", "**"], filter_ipaddr),
    ("ipv4", &["*", "**"], |value, arguments| {
        versioned(value, arguments, 4)
    }),
    ("ipv6", &["*", "**"], |value, arguments| {
        versioned(value, arguments, 6)
    }),
    ("ipwrap", &["*", "**"], filter_ipwrap),
];

/// An address or network, and how it was written.
struct Subject {
    net: IpNet,
    /// Whether it was written with a prefix.
    prefixed: bool,
    /// What the queries that only ask give back.
    value: Value,
}

fn filter_ipaddr(value: &Value, arguments: &Arguments) -> Result<Value> {
    let names = ["value", "query", "version", "alias"];
    let options = Options::read(value, arguments, &names, &names)?;
    let value = typed(&options, arguments)?;
    let version = options
        .number("version")?
        .map(|version| version.to_i64().unwrap_or(-1));
    options.text("alias")?;
    ipaddr(&value, &options.text("query")?, version)
}

fn versioned(value: &Value, arguments: &Arguments, version: i64) -> Result<Value> {
    let names = ["value", "query"];
    let options = Options::read(value, arguments, &names, &names)?;
    let value = typed(&options, arguments)?;
    ipaddr(&value, &options.text("query")?, Some(version))
}

/// The value, which must be a text, a list or a whole number.
fn typed(options: &Options, arguments: &Arguments) -> Result<Value> {
    match options.raw("value") {
        Some(
            value @ (Value::Text(_)
            | Value::List(_)
            | Value::Int(_)
            | Value::Big(_)
            | Value::Bool(_)),
        ) => Ok(value.clone()),
        other => unrecognized(other, arguments),
    }
}

fn unrecognized<T>(value: Option<&Value>, arguments: &Arguments) -> Result<T> {
    fail(format!(
        "`{}` cannot be asked of {}",
        arguments.callee(),
        value.map_or_else(|| "nothing".to_owned(), print::article)
    ))
}

/// Puts IPv6 addresses into brackets; what is no address stays as it is.
fn filter_ipwrap(value: &Value, arguments: &Arguments) -> Result<Value> {
    let options = Options::read(value, arguments, &["value"], &["value", "query"])?;
    let value = match options.raw("value") {
        Some(value @ (Value::Text(_) | Value::List(_) | Value::Bool(_))) => value.clone(),
        other => return unrecognized(other, arguments),
    };
    let query = options.text("query")?;
    let wrapped = match &value {
        Value::List(_) => value.items().and_then(|items| {
            items
                .iter()
                .map(|item| {
                    if ipaddr(item, &query, None)?.truth()? {
                        ipaddr(item, "wrap", None)
                    } else {
                        Ok(item.clone())
                    }
                })
                .collect::<Result<Vec<_>>>()
                .map(Value::list)
        }),
        single => ipaddr(single, &query, None).and_then(|found| {
            if found.truth()? {
                ipaddr(&found, "wrap", None)
            } else {
                Ok(single.clone())
            }
        }),
    };
    match wrapped {
        Err(error) if !error.is_fatal() => Ok(value),
        wrapped => wrapped,
    }
}

/// Asks a query of an address, a network or each of a list, of which only true answers are kept.
pub fn ipaddr(value: &Value, query: &str, version: Option<i64>) -> Result<Value> {
    limits::step(4)?;
    if let Value::List(_) | Value::Tuple(_) = value {
        let mut kept = Vec::new();
        for item in value.items()? {
            let answer = limits::deeper(|| ipaddr(&item, query, version))?;
            if answer.truth()? {
                kept.push(answer);
            }
        }
        return Ok(Value::list(kept));
    }
    let version = version.filter(|version| *version != 0);
    let Some(subject) = read(value, version)? else {
        return Ok(Value::Bool(false));
    };
    if version.is_some_and(|version| version != self::version(subject.net)) {
        return Ok(Value::Bool(false));
    }
    if let Some(answer) = answer(query, &subject)? {
        return Ok(answer);
    }
    if !is_number(query)
        && let Some(around) = network(query)
    {
        return Ok(if contains(around, subject.net) {
            subject.value
        } else {
            Value::None
        });
    }
    by_index(query, &subject)
}

/// Asks a query of a text, for the filters that build on it.
pub fn ask(text: &str, query: &str) -> Result<Value> {
    ipaddr(&Value::text(text), query, None)
}

fn version(net: IpNet) -> i64 {
    if net.addr().is_ipv4() { 4 } else { 6 }
}

/// Whether a network lies within another one; neither's host bits count.
fn contains(around: IpNet, inner: IpNet) -> bool {
    around.trunc().contains(&inner.trunc())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.chars().all(char::is_numeric)
}

fn read(value: &Value, version: Option<i64>) -> Result<Option<Subject>> {
    let text = match value {
        Value::Text(text) => text.to_string(),
        Value::Int(_) | Value::Big(_) => print::text(value)?,
        _ => return Ok(None),
    };
    if is_number(&text) {
        if let Some(version) = version.filter(|version| ![4, 6].contains(version)) {
            return fail(format!("there is no version {version} of IP: 4 or 6"));
        }
        return Ok(
            number::parse_integer(&text, 10).and_then(|number| of_whole(&number, value, version))
        );
    }
    if let Value::Text(_) = value {
        if let Some(net) = network(&text) {
            return Ok(Some(Subject {
                net,
                prefixed: text.contains('/'),
                value: value.clone(),
            }));
        }
        return Ok(of_numbers(&text));
    }
    Ok(None)
}

/// A number alone: an IPv4 address, or an IPv6 address when it is too large or asked for. The number zero is nothing,
/// its text an address.
fn of_whole(number: &BigInt, value: &Value, version: Option<i64>) -> Option<Subject> {
    if *number == BigInt::ZERO && value.as_str().is_none() {
        return None;
    }
    let bits = number.to_u128()?;
    let net = IpNet::from(match version {
        Some(6) => like(V6, bits)?,
        _ => of_number(bits),
    });
    Some(Subject {
        net,
        prefixed: false,
        value: Value::from(shown_network(net)),
    })
}

const V6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Two numbers, an address and its prefix: `167772160/8`.
fn of_numbers(text: &str) -> Option<Subject> {
    let (number, prefix) = text.split_once('/')?;
    let number = number::parse_integer(number, 10)?.to_u128()?;
    let prefix = number::parse_integer(prefix, 10)?.to_u8()?;
    let net = match number.to_u32() {
        Some(_) if prefix <= 32 => IpNet::new(of_number(number), prefix),
        _ => IpNet::new(like(V6, number)?, prefix),
    };
    net.ok().map(|net| Subject {
        net,
        prefixed: true,
        value: Value::from(shown_network(net)),
    })
}

/// The answer to a query by name; none where there is no such query.
fn answer(query: &str, subject: &Subject) -> Result<Option<Value>> {
    let Subject {
        net,
        prefixed,
        value: given,
    } = subject;
    let (net, prefixed) = (*net, *prefixed);
    let (ip, prefix) = (net.addr(), net.prefix_len());
    let (network, broadcast) = (net.network(), net.broadcast());
    let is_host = ip != network;
    // netaddr knows no broadcast address of one or two addresses.
    let several = span(net) > 1;
    let with_prefix = |ip| format!("{}/{prefix}", shown(ip));
    let text = |text: String| Value::from(text);
    let address = |ip| Value::from(shown(ip));
    let given_if = |holds: bool| if holds { given.clone() } else { Value::None };
    let needs_network = || {
        if prefixed {
            Ok(())
        } else {
            fail("Not a network address")
        }
    };
    Ok(Some(match query {
        "" if prefixed => text(shown_network(net)),
        "" => address(ip),
        "6to4" => six_to_four(subject)?,
        "address" | "ip" => {
            if !several || is_host || ip.is_ipv6() {
                address(ip)
            } else {
                Value::None
            }
        }
        "address/prefix" | "gateway" | "gw" | "host/prefix" | "hostnet" | "router" => {
            if several && (ip == network || ip == broadcast) {
                Value::Bool(false)
            } else {
                text(with_prefix(ip))
            }
        }
        "bool" => Value::Bool(true),
        "broadcast" if several => address(broadcast),
        "broadcast" => Value::None,
        "cidr" => text(shown_network(net)),
        "cidr_lookup" => return fail("the query `cidr_lookup` needs a network instead"),
        "first_usable" => {
            needs_network()?;
            usable(net).map_or(Value::None, |(lowest, _)| address(of_number(lowest)))
        }
        "host" if !several || is_host => text(shown_network(net)),
        "host" => Value::None,
        "hostmask" | "wildcard" => address(net.hostmask()),
        "int" if prefixed => text(format!("{}/{prefix}", value(ip))),
        "int" => Value::big(value(ip).into()),
        "ip/prefix" | "ip_netmask" => {
            if span(net) == 1 || several && is_host {
                text(if query == "ip/prefix" {
                    with_prefix(ip)
                } else {
                    format!("{} {}", shown(ip), shown(net.netmask()))
                })
            } else {
                Value::None
            }
        }
        "ipv4" if ip.is_ipv4() => given.clone(),
        "ipv4" => to_ipv4(net).map_or(Value::Bool(false), |net| text(shown_network(net))),
        "ipv6" if ip.is_ipv4() => text(format!("{}/{}", shown(mapped(value(ip))), prefix + 96)),
        "ipv6" => given.clone(),
        "v4" | "v6" => {
            return fail(format!(
                "the query `{query}` fails in Ansible, too: write `ip{query}`"
            ));
        }
        "last_usable" => {
            needs_network()?;
            usable(net).map_or(Value::None, |(_, highest)| address(of_number(highest)))
        }
        "link-local" => given_if(within(ip, &["169.254.0.0/16", "fe80::/10"])),
        "lo" | "loopback" => given_if(within(ip, &["127.0.0.0/8", "::1/128"])),
        "multicast" => given_if(is_multicast(net)),
        "unicast" => given_if(!is_multicast(net)),
        "net" if span(net) > 0 && !is_host => text(with_prefix(network)),
        "net" => Value::None,
        "netmask" => address(net.netmask()),
        "network" | "network_id" => address(network),
        "network/prefix" | "subnet" => text(with_prefix(network)),
        "network_netmask" => text(format!("{} {}", shown(network), shown(net.netmask()))),
        "network_wildcard" => text(format!("{} {}", shown(network), shown(net.hostmask()))),
        "next_usable" | "previous_usable" => {
            needs_network()?;
            let back = query == "previous_usable";
            let next = || {
                let next = if back {
                    value(ip).checked_sub(1)
                } else {
                    value(ip).checked_add(1)
                };
                next.ok_or_else(|| Error::failed("there is no address beyond this one"))
            };
            match usable(net) {
                Some((lowest, highest)) => match next()? {
                    next if (lowest..=highest).contains(&next) => address(of_number(next)),
                    _ => Value::None,
                },
                None => Value::None,
            }
        }
        "peer" => {
            needs_network()?;
            address(of_number(peer(net)?))
        }
        "prefix" => Value::Int(i64::from(prefix)),
        "private" => given_if(!netaddr::is_global(ip)),
        "public" => given_if(is_public(ip)),
        "range_usable" => {
            needs_network()?;
            usable(net).map_or(Value::None, |(lowest, highest)| {
                text(format!(
                    "{}-{}",
                    shown(of_number(lowest)),
                    shown(of_number(highest))
                ))
            })
        }
        "revdns" => text(reverse_name(ip)),
        "size" => Value::big(size(net)),
        "size_usable" => Value::big(match span(net) {
            0 => BigInt::ZERO,
            1 => BigInt::from(2),
            _ => size(net) - 2,
        }),
        "type" => Value::text(if span(net) == 0 || is_host {
            "address"
        } else {
            "network"
        }),
        "version" => Value::Int(version(net)),
        "wrap" if ip.is_ipv4() => given.clone(),
        "wrap" if prefixed => text(format!("[{}]/{prefix}", shown(ip))),
        "wrap" => text(format!("[{}]", shown(ip))),
        _ => return Ok(None),
    }))
}

/// How many addresses a network has.
pub fn size(net: IpNet) -> BigInt {
    BigInt::from(span(net)) + 1
}

fn is_multicast(net: IpNet) -> bool {
    ["224.0.0.0/4", "ff00::/8"]
        .iter()
        .filter_map(|around| around.parse::<IpNet>().ok())
        .any(|around| contains(around, net))
}

fn is_public(ip: IpAddr) -> bool {
    !is_multicast(ip.into())
        && netaddr::is_global(ip)
        && !netaddr::is_netmask(ip)
        && !netaddr::is_hostmask(ip)
}

/// The IPv6 network that belongs to an IPv4 address, or the value if it lies in such a network.
fn six_to_four(subject: &Subject) -> Result<Value> {
    let net = subject.net;
    let is_host = net.addr() != net.network();
    if net.addr().is_ipv6() {
        let inside = within(net.addr(), &["2002::/16"]);
        return Ok(match (subject.prefixed, inside) {
            (true, true) if is_host => subject.value.clone(),
            (true, _) => Value::Bool(false),
            (false, true) => subject.value.clone(),
            (false, false) => Value::Bool(false),
        });
    }
    let ip = net.addr();
    if span(net) > 0 && !is_host || netaddr::is_global(ip) && !is_public(ip) {
        return Ok(Value::Bool(false));
    }
    let bits = value(ip);
    Ok(Value::from(format!(
        "2002:{:04x}:{:04x}::1/48",
        bits >> 16,
        bits & 0xffff
    )))
}

/// The IPv4 network of an IPv6 network that holds one, mapped or in its last bits.
fn to_ipv4(net: IpNet) -> Option<IpNet> {
    let bits = value(net.addr());
    let bits = match bits.to_u32() {
        Some(bits) => bits,
        None => bits.checked_sub(0xffff_0000_0000)?.to_u32()?,
    };
    let prefix = net.prefix_len().checked_sub(96)?;
    IpNet::new(of_number(u128::from(bits)), prefix).ok()
}

fn mapped(bits: u128) -> IpAddr {
    of_number(0xffff_0000_0000 + bits)
}

/// The other end of a network with two hosts.
fn peer(net: IpNet) -> Result<u128> {
    let bits = value(net.addr());
    match (span(net), bits % 4) {
        (1, _) => Ok(bits ^ 1),
        (3, 0) => fail("Network address of /30 has no peer"),
        (3, 3) => fail("Broadcast address of /30 has no peer"),
        (3, _) => Ok(bits ^ 3),
        _ => fail("Not a point-to-point network"),
    }
}

/// The name under which DNS keeps the name of an address.
fn reverse_name(ip: IpAddr) -> String {
    let (mut parts, zone): (Vec<String>, _) = match ip {
        IpAddr::V4(ip) => (
            ip.octets().iter().map(u8::to_string).collect(),
            "in-addr.arpa.",
        ),
        IpAddr::V6(ip) => (
            format!("{:032x}", ip.to_bits())
                .chars()
                .map(String::from)
                .collect(),
            "ip6.arpa.",
        ),
    };
    parts.reverse();
    format!("{}.{zone}", parts.join("."))
}

/// An address of a network by its number, from the end when it is negative.
fn by_index(query: &str, subject: &Subject) -> Result<Value> {
    let net = subject.net;
    if number::parse_float(query).is_none() {
        return fail(format!("`ipaddr` has no query '{query}'"));
    }
    if span(net) == 0 {
        return Ok(Value::from(if subject.prefixed {
            shown_network(net)
        } else {
            shown(net.addr())
        }));
    }
    let found = number::parse_integer(query, 10).and_then(|index| nth(net, &index));
    Ok(match found {
        Some(ip) => Value::from(format!("{}/{}", shown(ip), net.prefix_len())),
        None => Value::Bool(false),
    })
}

/// An address of a network by its number, from the end when it is negative.
pub fn nth(net: IpNet, index: &BigInt) -> Option<IpAddr> {
    let bits = if *index < BigInt::ZERO {
        BigInt::from(last(net)) + 1 + index
    } else {
        BigInt::from(first(net)) + index
    };
    let bits = bits.to_u128()?;
    (first(net)..=last(net))
        .contains(&bits)
        .then(|| like(net.addr(), bits))?
}
