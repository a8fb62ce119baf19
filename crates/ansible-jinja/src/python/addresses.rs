//! Addresses as Python's own module reads and prints them: networks have no host bits, IPv6 addresses may have a zone.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::python::netaddr;
use crate::python::netaddr::{value, width};

pub use crate::python::netaddr::within;

/// A network, and the zone that its address was written with.
pub struct Network {
    pub net: IpNet,
    pub zone: Option<String>,
}

/// Reads an address, and its zone.
pub fn address(text: &str) -> Option<(IpAddr, Option<String>)> {
    let (plain, zone) = match text.split_once('%') {
        Some((_, zone)) if zone.is_empty() || zone.contains(['%', '/']) => return None,
        Some((plain, zone)) => (plain, Some(zone.to_owned())),
        None => (text, None),
    };
    let ip: IpAddr = plain.parse().ok()?;
    (ip.is_ipv6() || zone.is_none()).then_some((ip, zone))
}

/// Reads a network without host bits. A prefix is digits alone; IPv4 may have a netmask or hostmask instead.
pub fn network(text: &str) -> Option<Network> {
    let (ip, prefix) = match text.split_once('/') {
        Some((ip, prefix)) => (ip, Some(prefix)),
        None => (text, None),
    };
    let (ip, zone) = address(ip)?;
    let prefix = match prefix {
        None => width(ip),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        Some(mask) if ip.is_ipv4() => {
            netaddr::mask_length(netaddr::address(mask).filter(IpAddr::is_ipv4)?)?
        }
        Some(_) => return None,
    };
    let net = IpNet::new(ip, prefix).ok()?;
    (net.addr() == net.network()).then_some(Network { net, zone })
}

/// Whether a network lies within another one. With the same address, both must have the same zone.
pub fn is_within(inner: &Network, around: &Network) -> bool {
    let (start, end) = (value(around.net.addr()), value(around.net.broadcast()));
    let from = value(inner.net.addr());
    width(inner.net.addr()) == width(around.net.addr())
        && (start < from || start == from && inner.zone == around.zone)
        && value(inner.net.broadcast()) <= end
}

/// Whether an address is kept for private and special use. Shared addresses (100.64.0.0/10) are neither private nor
/// global; of a mapped IPv4 address, that address decides.
pub fn is_private(ip: IpAddr) -> bool {
    let ip = match ip {
        IpAddr::V6(full) => full.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    };
    !netaddr::is_global(ip) && !is_shared(ip)
}

/// Whether an address can be reached from everywhere.
pub fn is_global(ip: IpAddr) -> bool {
    !is_private(ip) && !is_shared(ip)
}

fn is_shared(ip: IpAddr) -> bool {
    within(ip, &["100.64.0.0/10"])
}

/// An address without its zeros; never with an IPv4 address at its end.
pub fn shown(ip: IpAddr) -> String {
    let IpAddr::V6(ip) = ip else {
        return ip.to_string();
    };
    // The longest run of zeros: the first of several, and more than one group.
    let parts = ip.segments();
    let mut longest = 0..0;
    let mut start = 0;
    for (index, part) in parts.iter().enumerate() {
        if *part != 0 {
            start = index + 1;
        } else if index + 1 - start > longest.len() {
            longest = start..index + 1;
        }
    }
    let groups = |parts: &[u16]| {
        let parts: Vec<String> = parts.iter().map(|part| format!("{part:x}")).collect();
        parts.join(":")
    };
    if longest.len() < 2 {
        return groups(&parts);
    }
    format!(
        "{}::{}",
        groups(&parts[..longest.start]),
        groups(&parts[longest.end..])
    )
}
