//! One network within another: parts, positions, what is inside, and what several make together.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use num_bigint::BigInt;
use num_traits::{Pow, ToPrimitive};

use crate::filters::Filter;
use crate::filters::ip::options::Options;
use crate::filters::ip::query::{ask, ipaddr, nth, size};
use crate::python::addresses;
use crate::python::netaddr::{
    first, last, like, network, of_number, shown, shown_network, value, width,
};
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, limits, number};

pub const FILTERS: &[Filter] = &[
    ("ipsubnet", &["*", "**"], ipsubnet),
    ("network_in_network", &["*", "**"], |value, arguments| {
        is_inside(value, arguments, ["network", "broadcast"])
    }),
    ("network_in_usable", &["*", "**"], |value, arguments| {
        is_inside(value, arguments, ["first_usable", "last_usable"])
    }),
    ("reduce_on_network", &["*", "**"], reduce_on_network),
    ("nthhost", &["*", "**"], nthhost),
    ("cidr_merge", &["*", "**"], cidr_merge),
    ("usable_range", &[], usable_range),
];

/// The network of a text: with its host bits for an address, without for a network.
pub fn normalized(text: &str) -> Result<Option<IpNet>> {
    Ok(ask(text, "cidr")?.as_str().and_then(network))
}

/// The size of a part, or its place: how many parts there are, the part of a number, or the number of a part.
fn ipsubnet(value: &Value, arguments: &Arguments) -> Result<Value> {
    let names = ["value", "query", "index"];
    let options = Options::read(value, arguments, &names, &names)?;
    let (text, query) = (options.text("value")?, options.text("query")?);
    let index = options.number("index")?;
    let Some(net) = normalized(&text)?.map(|net| net.trunc()) else {
        return Ok(Value::Bool(false));
    };
    if query.is_empty() {
        return Ok(Value::from(shown_network(net)));
    }
    if !query.chars().all(char::is_numeric) {
        return position(net, &query);
    }
    let Some(wanted) = number::parse_integer(&query, 10) else {
        return fail(format!("`{query}` is no number"));
    };
    let bits = width(net.addr());
    let Some(wanted) = wanted.to_u8().filter(|wanted| *wanted <= bits) else {
        return Ok(Value::Bool(false));
    };
    if net.prefix_len() == bits {
        return around(net, wanted, index);
    }
    let deeper = i32::from(wanted) - i32::from(net.prefix_len());
    let Some(mut index) = index else {
        if deeper < 0 {
            return fail(format!("Requested subnet size of {wanted} is invalid"));
        }
        let count: BigInt = Pow::pow(BigInt::from(2), deeper as u32);
        return Ok(Value::from(count.to_string()));
    };
    if deeper < 0 {
        // A part that is larger than the whole: netaddr finds one, at the beginning.
        if index != BigInt::ZERO {
            return Ok(Value::Bool(false));
        }
    } else {
        let count: BigInt = Pow::pow(BigInt::from(2), deeper as u32);
        if index < BigInt::ZERO {
            index += &count;
        }
        if index < BigInt::ZERO || index >= count {
            return Ok(Value::Bool(false));
        }
    }
    let start = BigInt::from(first(net)) + (index << usize::from(bits - wanted));
    let start = start
        .to_u128()
        .map(of_number)
        .and_then(|ip| network(&format!("{}/{wanted}", shown(ip))))
        .ok_or_else(|| Error::failed(format!("there is no such part of {}", shown_network(net))))?;
    Ok(Value::from(shown_network(start)))
}

/// A network around one address: the one asked for, or one of those from there inwards.
fn around(net: IpNet, wanted: u8, index: Option<BigInt>) -> Result<Value> {
    let bits = i64::from(width(net.addr()));
    let count = bits - i64::from(wanted);
    let index = match index {
        None => 0,
        Some(index) => {
            let index = index.to_i64().unwrap_or(i64::from(i32::MIN));
            if index.saturating_mul(2) > bits + 1 || index < -count {
                return Ok(Value::Bool(false));
            }
            index
        }
    };
    let index = if index < 0 { index + count } else { index };
    if !(0..count).contains(&index) {
        return fail(format!(
            "there is no network number {index} around {} from /{wanted} on",
            shown(net.addr())
        ));
    }
    IpNet::new(net.addr(), wanted + index as u8)
        .map(|net| Value::from(shown_network(net.trunc())))
        .map_err(|_| Error::failed("there is no such network"))
}

/// The number of a part within a network, from one on.
fn position(net: IpNet, query: &str) -> Result<Value> {
    let Some(whole) = normalized(query)? else {
        return fail(format!(
            "You must pass a valid subnet or IP address; {query} is invalid"
        ));
    };
    // A network is taken without its host bits, an address with them; either way they are shifted out.
    let shift = u32::from(width(net.addr()))
        .checked_sub(u32::from(whole.prefix_len()))
        .ok_or_else(|| Error::failed(format!("{query} is of another version")))?;
    let shifted = |bits: u128| bits.checked_shr(shift).unwrap_or(0);
    let bits = value(net.addr());
    if shifted(bits) != shifted(value(whole.addr())) {
        return fail(format!(
            "{} is not in the subnet {}",
            shown_network(net),
            shown_network(whole.trunc())
        ));
    }
    let Some(deeper) = net.prefix_len().checked_sub(whole.prefix_len()) else {
        return fail(format!("{query} is smaller than {}", shown_network(net)));
    };
    let number = bits
        .checked_shr(u32::from(width(net.addr()) - net.prefix_len()))
        .unwrap_or(0);
    let mask = 1u128
        .checked_shl(u32::from(deeper))
        .map_or(u128::MAX, |bit| bit - 1);
    let number: BigInt = BigInt::from(number & mask) + 1;
    Ok(Value::from(number.to_string()))
}

/// Whether a network lies between two addresses of another one.
fn is_inside(value: &Value, arguments: &Arguments, ends: [&str; 2]) -> Result<Value> {
    let names = ["value", "test"];
    let options = Options::read(value, arguments, &names, &names)?;
    let around = subnet_of(Some(&options.text("value")?))?;
    let inner = subnet_of(options.optional_text("test")?.as_deref())?;
    let (lowest, highest) = (end(&around, ends[0])?, end(&around, ends[1])?);
    let (from, to) = (end(&inner, "network")?, end(&inner, "broadcast")?);
    let range = lowest..=highest;
    Ok(Value::Bool(range.contains(&from) && range.contains(&to)))
}

/// A text's network without host bits, or false.
fn subnet_of(text: Option<&str>) -> Result<Value> {
    match ask(text.unwrap_or_default(), "subnet") {
        Err(error) if !error.is_fatal() => Ok(Value::Bool(false)),
        subnet => subnet,
    }
}

/// The number of an address that a query finds in a network, or of its own address. Of nothing it is zero: so netaddr's
/// false compares.
fn end(net: &Value, query: &str) -> Result<BigInt> {
    let mut found = ipaddr(net, query, None)?;
    if !found.truth()? {
        found = ipaddr(net, "address", None)?;
    }
    let number = ipaddr(&found, "int", None)?;
    Ok(number::integer(&number).unwrap_or_default())
}

fn reduce_on_network(value: &Value, arguments: &Arguments) -> Result<Value> {
    let names = ["value", "network"];
    let options = Options::read(value, arguments, &names, &names)?;
    let around = subnet_of(options.optional_text("network")?.as_deref())?;
    let range = end(&around, "network")?..=end(&around, "broadcast")?;
    let mut kept = Vec::new();
    for text in options.texts("value")? {
        let inner = subnet_of(Some(&text))?;
        if range.contains(&end(&inner, "network")?) && range.contains(&end(&inner, "broadcast")?) {
            kept.push(Value::from(text));
        }
    }
    Ok(Value::list(kept))
}

/// An address of a network by its number.
fn nthhost(value: &Value, arguments: &Arguments) -> Result<Value> {
    let names = ["value", "query"];
    let options = Options::read(value, arguments, &names, &names)?;
    let query = options.text("query")?;
    let (Some(net), Some(index)) = (
        normalized(&options.text("value")?)?,
        number::parse_integer(&query, 10),
    ) else {
        return Ok(Value::Bool(false));
    };
    if index >= size(net) {
        return Ok(Value::Bool(false));
    }
    match nth(net, &index) {
        Some(ip) => Ok(Value::from(shown(ip))),
        None => fail("index out range for address range size!"),
    }
}

/// The fewest networks that hold the same addresses, or the one that spans them all.
fn cidr_merge(value: &Value, arguments: &Arguments) -> Result<Value> {
    let names = ["value", "action"];
    let options = Options::read(value, arguments, &names, &names)?;
    let texts = options.texts("value")?;
    let action = match options.raw("action") {
        None => "merge".to_owned(),
        Some(_) => options.text("action")?,
    };
    let read = |text: &String| {
        network(text).ok_or_else(|| Error::failed(format!("cidr_merge: invalid IPNetwork {text}")))
    };
    match action.as_str() {
        "merge" => {
            let networks = texts.iter().map(read).collect::<Result<Vec<_>>>()?;
            let merged = merged(networks)?;
            Ok(Value::texts(merged.into_iter().map(shown_network)))
        }
        "span" if texts.is_empty() => Ok(Value::None),
        "span" => {
            let networks = texts.iter().map(read).collect::<Result<Vec<_>>>()?;
            spanning(&networks).map(|net| Value::from(shown_network(net)))
        }
        other => fail(format!("cidr_merge: invalid action '{other}'")),
    }
}

/// netaddr's order: version, first address, size, host bits.
fn order(net: IpNet) -> (u8, u128, u8, u128) {
    (
        width(net.addr()),
        first(net),
        net.prefix_len(),
        value(net.addr()),
    )
}

/// What is merged with nothing keeps its host bits.
fn merged(mut networks: Vec<IpNet>) -> Result<Vec<IpNet>> {
    networks.sort_by_key(|net| {
        (
            width(net.addr()),
            last(*net),
            first(*net),
            net.prefix_len(),
            value(net.addr()),
        )
    });
    // From the last on, each is joined with those before it that touch it.
    let mut ranges: Vec<(IpNet, u128, u128, bool)> = Vec::new();
    for net in networks.into_iter().rev() {
        match ranges.last_mut() {
            Some((next, from, _, joined))
                if next.addr().is_ipv4() == net.addr().is_ipv4()
                    && from.saturating_sub(1) <= last(net) =>
            {
                *from = first(net).min(*from);
                *joined = true;
            }
            _ => ranges.push((net, first(net), last(net), false)),
        }
    }
    let mut result = Vec::new();
    for (net, from, to, joined) in ranges.into_iter().rev() {
        if joined {
            result.extend(covering(net.addr(), from, to));
        } else {
            result.push(net);
        }
    }
    limits::items(result.len())?;
    Ok(result)
}

/// The networks that hold exactly the addresses from one to another.
fn covering(of: IpAddr, from: u128, to: u128) -> Vec<IpNet> {
    match (like(of, from), like(of, to)) {
        (Some(IpAddr::V4(from)), Some(IpAddr::V4(to))) => {
            Ipv4Subnets::new(from, to, 0).map(IpNet::from).collect()
        }
        (Some(IpAddr::V6(from)), Some(IpAddr::V6(to))) => {
            Ipv6Subnets::new(from, to, 0).map(IpNet::from).collect()
        }
        _ => Vec::new(),
    }
}

/// One network that holds them all. As netaddr finds it, it may be larger than needed.
fn spanning(networks: &[IpNet]) -> Result<IpNet> {
    let lowest = networks.iter().copied().min_by_key(|net| order(*net));
    let highest = networks.iter().copied().max_by_key(|net| order(*net));
    let (Some(lowest), Some(highest)) = (lowest, highest) else {
        return fail("IP sequence must contain at least 2 elements!");
    };
    if networks.len() == 1 {
        return Ok(lowest);
    }
    if lowest.addr().is_ipv4() != highest.addr().is_ipv4() {
        return fail("IP sequence cannot contain both IPv4 and IPv6!");
    }
    let mut bits = last(highest);
    let mut prefix = highest.prefix_len();
    while prefix > 0 && bits > first(lowest) {
        prefix -= 1;
        let shift = u32::from(width(highest.addr()) - prefix);
        bits &= u128::MAX.checked_shl(shift).unwrap_or(0);
    }
    like(highest.addr(), bits)
        .and_then(|ip| IpNet::new(ip, prefix).ok())
        .ok_or_else(|| Error::failed("there is no such network"))
}

/// All addresses of a network, the outermost included.
fn usable_range(value: &Value, _: &Arguments) -> Result<Value> {
    let Some(net) = value.as_str().and_then(addresses::network) else {
        return fail("`usable_range` needs a network without host bits");
    };
    let count = size(net.net);
    limits::items(count.to_usize().unwrap_or(usize::MAX))?;
    let addresses = (first(net.net)..=last(net.net))
        .filter_map(|bits| like(net.net.addr(), bits))
        .map(addresses::shown);
    Ok(Value::record([
        ("usable_ips", Value::texts(addresses)),
        ("number_of_ips", Value::big(count)),
    ]))
}
