//! Addresses and networks as netaddr reads and prints them. A network keeps its host bits: `10.0.0.5/24`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use num_traits::ToPrimitive;

use crate::value::number;

/// What IANA lists as not reachable from everywhere, then the exceptions within.
const NOT_GLOBAL: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "::/127",
    "::ffff:0:0/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
];
const GLOBAL: &[&str] = &[
    "192.0.0.9/32",
    "192.0.0.10/32",
    "2001:1::1/128",
    "2001:1::2/128",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:20::/28",
    "2001:30::/28",
];

/// Reads an address without a prefix.
pub fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// Reads an address with a prefix, netmask or hostmask; without one, the network is the address alone.
pub fn network(text: &str) -> Option<IpNet> {
    let (ip, prefix) = match text.split_once('/') {
        Some((ip, prefix)) => (address(ip)?, Some(prefix)),
        None => (address(text)?, None),
    };
    let prefix = match prefix {
        None => width(ip),
        Some(prefix) => match number::parse_integer(prefix, 10) {
            Some(number) => number.to_u8()?,
            None => mask_length(address(prefix).filter(|mask| width(*mask) == width(ip))?)?,
        },
    };
    IpNet::new(ip, prefix).ok()
}

/// The prefix that a netmask or hostmask stands for.
pub fn mask_length(mask: IpAddr) -> Option<u8> {
    let ones = value(mask).count_ones() as u8;
    if is_netmask(mask) {
        Some(ones)
    } else {
        is_hostmask(mask).then(|| width(mask) - ones)
    }
}

/// Ones, then zeros.
pub fn is_netmask(ip: IpAddr) -> bool {
    let inverted = value(ip) ^ all_ones(ip);
    inverted & inverted.wrapping_add(1) == 0
}

/// Zeros, then ones.
pub fn is_hostmask(ip: IpAddr) -> bool {
    value(ip) & value(ip).wrapping_add(1) == 0
}

/// The address as a number.
pub fn value(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// The bits of an address.
pub fn width(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn all_ones(ip: IpAddr) -> u128 {
    u128::MAX >> (128 - u32::from(width(ip)))
}

/// The address of a number, of the same version as another one.
pub fn like(ip: IpAddr, number: u128) -> Option<IpAddr> {
    match ip {
        IpAddr::V4(_) => number.to_u32().map(|bits| Ipv4Addr::from_bits(bits).into()),
        IpAddr::V6(_) => Some(Ipv6Addr::from_bits(number).into()),
    }
}

/// The address of a number alone: small ones are IPv4, also where they came from an IPv6 network.
pub fn of_number(number: u128) -> IpAddr {
    match number.to_u32() {
        Some(bits) => Ipv4Addr::from_bits(bits).into(),
        None => Ipv6Addr::from_bits(number).into(),
    }
}

/// The first address, as a number.
pub fn first(net: IpNet) -> u128 {
    value(net.network())
}

/// The last address, as a number.
pub fn last(net: IpNet) -> u128 {
    value(net.broadcast())
}

/// How many addresses a network has beside the first.
pub fn span(net: IpNet) -> u128 {
    last(net) - first(net)
}

/// The lowest and highest address for hosts, where there are several: both of two, all but the outermost of more.
pub fn usable(net: IpNet) -> Option<(u128, u128)> {
    match span(net) {
        0 => None,
        1 => Some((first(net), last(net))),
        _ => Some((first(net) + 1, last(net) - 1)),
    }
}

/// Whether an address can be reached from everywhere.
pub fn is_global(ip: IpAddr) -> bool {
    !within(ip, NOT_GLOBAL) || within(ip, GLOBAL)
}

/// Whether an address lies in one of these networks.
pub fn within(ip: IpAddr, networks: &[&str]) -> bool {
    networks
        .iter()
        .filter_map(|net| net.parse::<IpNet>().ok())
        .any(|net| net.contains(&ip))
}

/// An address as the C library prints it: also `::1.2.3.4`, where only the last 32 bits are set.
pub fn shown(ip: IpAddr) -> String {
    match ip {
        IpAddr::V6(ip) if ip.to_bits() >> 32 == 0 && ip.to_bits() >> 16 != 0 => {
            format!("::{}", Ipv4Addr::from_bits(ip.to_bits() as u32))
        }
        ip => ip.to_string(),
    }
}

/// A network with its host bits and prefix.
pub fn shown_network(net: IpNet) -> String {
    format!("{}/{}", shown(net.addr()), net.prefix_len())
}
