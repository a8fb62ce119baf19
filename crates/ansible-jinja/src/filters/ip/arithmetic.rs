//! Other addresses from one: counted on, cut, or written in another way.

use std::net::IpAddr;

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use crate::filters::Filter;
use crate::filters::ip::options::Options;
use crate::filters::ip::subnets::normalized;
use crate::python::addresses;
use crate::python::netaddr::{address, like, network, of_number, shown, usable, value, width};
use crate::value::Value;
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};

pub const FILTERS: &[Filter] = &[
    ("ipmath", &["*", "**"], ipmath),
    ("ipcut", &["*", "**"], ipcut),
    ("ip4_hex", &["*", "**"], ip4_hex),
    ("ipv6form", &["*", "**"], ipv6form),
    ("next_nth_usable", &["*", "**"], |value, arguments| {
        nth_usable(value, arguments, 1)
    }),
    ("previous_nth_usable", &["*", "**"], |value, arguments| {
        nth_usable(value, arguments, -1)
    }),
];

fn invalid(text: &str) -> Error {
    Error::failed(format!(
        "You must pass a valid IP address; {text} is invalid"
    ))
}

fn beyond() -> Error {
    Error::failed("result outside valid IP address boundary!")
}

fn ipmath(value: &Value, arguments: &Arguments) -> Result<Value> {
    let names = ["value", "amount"];
    let options = Options::read(value, arguments, &names, &names)?;
    let text = options.text("value")?;
    let ip = if text.contains('/') {
        network(&text).map(|net| net.addr())
    } else {
        address(&text)
    };
    let ip = ip.ok_or_else(|| invalid(&text))?;
    let sum = BigInt::from(self::value(ip)) + options.needed_number("amount")?;
    let sum = sum.to_u128().and_then(|bits| like(ip, bits));
    sum.map(|ip| Value::from(shown(ip))).ok_or_else(beyond)
}

/// The first bits of an address, or the last ones, in groups from the left.
fn ipcut(value: &Value, arguments: &Arguments) -> Result<Value> {
    let names = ["value", "amount"];
    let options = Options::read(value, arguments, &names, &names)?;
    let text = options.text("value")?;
    let ip = address(&text).ok_or_else(|| invalid(&text))?;
    let amount = options.needed_number("amount")?;
    let length = usize::from(width(ip));
    let bits = format!("{:0length$b}", self::value(ip));
    let kept = amount
        .magnitude()
        .to_usize()
        .map_or(length, |kept| kept.min(length));
    let kept = if amount < BigInt::ZERO {
        &bits[length - kept..]
    } else {
        &bits[..kept]
    };
    let (size, separator) = if ip.is_ipv4() { (8, ".") } else { (16, ":") };
    let mut groups = Vec::new();
    let mut rest = kept;
    while !rest.is_empty() {
        let (group, tail) = rest.split_at(size.min(rest.len()));
        rest = tail;
        let group = u16::from_str_radix(group, 2).unwrap_or_default();
        groups.push(if ip.is_ipv4() {
            group.to_string()
        } else {
            format!("{group:x}")
        });
    }
    Ok(Value::from(groups.join(separator)))
}

fn ip4_hex(value: &Value, arguments: &Arguments) -> Result<Value> {
    let names = ["arg", "delimiter"];
    let options = Options::read(value, arguments, &names, &names)?;
    let text = options.text("arg")?;
    let Some(IpAddr::V4(ip)) = address(&text) else {
        return Err(invalid(&text));
    };
    let octets: Vec<String> = ip
        .octets()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    Ok(Value::from(octets.join(&options.text("delimiter")?)))
}

/// An address without its zeros, with all of them, or with one per empty group.
fn ipv6form(value: &Value, arguments: &Arguments) -> Result<Value> {
    let names = ["value", "format"];
    let options = Options::read(value, arguments, &names, &names)?;
    let text = options.text("value")?;
    let read = || addresses::address(&text).ok_or_else(|| invalid(&text));
    Ok(Value::from(
        match options.optional_text("format")?.as_deref() {
            Some("compress") => {
                let (ip, zone) = read()?;
                match zone {
                    Some(zone) => format!("{}%{zone}", addresses::shown(ip)),
                    None => addresses::shown(ip),
                }
            }
            Some("expand") => match read()? {
                (IpAddr::V6(ip), None) => groups(ip.segments().map(|part| format!("{part:04x}"))),
                (IpAddr::V4(ip), None) => ip.to_string(),
                _ => return Err(invalid(&text)),
            },
            Some("x509") => match address(&text) {
                Some(IpAddr::V6(ip)) => groups(ip.segments().map(|part| format!("{part:x}"))),
                _ => return Err(invalid(&text)),
            },
            _ => return fail("`ipv6form` has the formats compress, expand and x509"),
        },
    ))
}

fn groups(parts: [String; 8]) -> String {
    parts.join(":")
}

/// A usable address of the same network, so many behind this one.
fn nth_usable(value: &Value, arguments: &Arguments, sign: i8) -> Result<Value> {
    let names = ["value", "offset"];
    let options = Options::read(value, arguments, &names, &names)?;
    // A wrong number is an error whatever the value is; a missing one only of an address.
    let offset = options.number("offset")?;
    let Some(net) = normalized(&options.text("value")?)? else {
        return Ok(Value::Bool(false));
    };
    let Some(offset) = offset else {
        return fail("Must pass in an integer");
    };
    let Some((lowest, highest)) = usable(net) else {
        return Ok(Value::None);
    };
    let wanted = BigInt::from(self::value(net.addr())) + offset * sign;
    let wanted = wanted.to_u128().ok_or_else(beyond)?;
    Ok(if (lowest..=highest).contains(&wanted) {
        Value::from(shown(of_number(wanted)))
    } else {
        Value::None
    })
}
