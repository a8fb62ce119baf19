//! Hardware addresses of 48 or 64 bits, in the forms that netaddr knows, and the IPv6 address made from one.

use std::sync::LazyLock;

use num_traits::ToPrimitive;
use regex::Regex;

use crate::filters::Filter;
use crate::filters::ip::options::Options;
use crate::filters::ip::subnets::normalized;
use crate::python::netaddr::{first, shown};
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, number};

pub const FILTERS: &[Filter] = &[
    ("hwaddr", &["*", "**"], |value, arguments| {
        let names = ["value", "query", "alias"];
        hwaddr(value, arguments, &names)
    }),
    ("macaddr", &["*", "**"], |value, arguments| {
        hwaddr(value, arguments, &["value", "query"])
    }),
    ("slaac", &["*", "**"], slaac),
];

/// A hardware address.
struct Mac {
    bits: u64,
    /// Whether it has 48 bits and not 64.
    short: bool,
}

/// How the words of an address are written.
struct Form {
    word_bits: u32,
    separator: &'static str,
    digits: usize,
    upper: bool,
}

/// An expression for so many words of so many digits.
fn words(count: usize, separator: &str, least: usize, most: usize) -> Regex {
    let word = format!("([0-9A-Fa-f]{{{least},{most}}})");
    let source = format!("\\A{}\n?\\z", vec![word; count].join(separator));
    Regex::new(&source).expect("a valid expression")
}

static SHORT: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    vec![
        words(6, ":", 1, 2),
        words(6, "-", 1, 2),
        words(3, ":", 1, 4),
        words(3, "-", 1, 4),
        words(3, "\\.", 1, 4),
        words(2, "-", 5, 6),
        words(2, ":", 5, 6),
        words(1, "", 11, 12),
    ]
});

static LONG: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    vec![
        words(8, ":", 1, 2),
        words(8, "-", 1, 2),
        words(4, ":", 1, 4),
        words(4, "-", 1, 4),
        words(4, "\\.", 1, 4),
        words(1, "", 16, 16),
    ]
});

impl Mac {
    /// Reads one of the forms with 48 bits, then a decimal number, then the same for 64 bits.
    fn read(text: &str) -> Option<Self> {
        let decimal = || number::parse_integer(text, 10)?.to_u64();
        let short = parsed(text, &SHORT, 48).or_else(|| decimal().filter(|bits| bits >> 48 == 0));
        let mac = |bits, short| Self { bits, short };
        short.map(|bits| mac(bits, true)).or_else(|| {
            parsed(text, &LONG, 64)
                .or_else(decimal)
                .map(|bits| mac(bits, false))
        })
    }

    /// The identifier of an IPv6 interface that has this address.
    fn interface(&self) -> u64 {
        let long = if self.short {
            (self.bits >> 24) << 40 | 0xff_fe00_0000 | self.bits & 0xff_ffff
        } else {
            self.bits
        };
        long ^ 0x0200_0000_0000_0000
    }

    /// The address in words; fails for one of 64 bits that needs more than 48.
    fn written(&self, form: &Form) -> Result<Value> {
        if self.bits >> 48 != 0 {
            return fail("integer out of bounds: this form has 48 bits");
        }
        let count = 48 / form.word_bits;
        let words: Vec<String> = (1..=count)
            .map(|index| {
                let word = self.bits >> (48 - index * form.word_bits)
                    & (u64::MAX >> (64 - form.word_bits));
                let word = format!("{word:0width$x}", width = form.digits);
                if form.upper {
                    word.to_uppercase()
                } else {
                    word
                }
            })
            .collect();
        Ok(Value::from(words.join(form.separator)))
    }
}

fn parsed(text: &str, forms: &[Regex], bits: u32) -> Option<u64> {
    let found = forms.iter().find_map(|form| form.captures(text))?;
    let count = found.len() as u32 - 1;
    found.iter().skip(1).try_fold(0u64, |sum, word| {
        let word = u64::from_str_radix(word?.as_str(), 16).ok()?;
        Some(sum.checked_shl(bits / count).unwrap_or(0) | word)
    })
}

fn hwaddr(value: &Value, arguments: &Arguments, names: &[&'static str]) -> Result<Value> {
    let options = Options::read(value, arguments, names, names)?;
    let (text, query) = (options.text("value")?, options.text("query")?);
    let Some(mac) = Mac::read(&text) else {
        return match query.as_str() {
            "" | "bool" => Ok(Value::None),
            _ => fail(format!(
                "{}: not a hardware address: {text}",
                arguments.callee()
            )),
        };
    };
    let form = |word_bits, separator, digits, upper| Form {
        word_bits,
        separator,
        digits,
        upper,
    };
    mac.written(&match query.as_str() {
        "" => return Ok(Value::from(text)),
        "bool" => return Ok(Value::Bool(true)),
        "int" => return Ok(Value::big(mac.bits.into())),
        "bare" => form(48, "", 12, true),
        "cisco" => form(16, ".", 4, false),
        "eui48" | "win" => form(8, "-", 2, true),
        "linux" => form(8, ":", 2, false),
        "pgsql" | "postgresql" | "psql" => form(24, ":", 6, false),
        "unix" => form(8, ":", 1, false),
        other => {
            return fail(format!(
                "{}: unknown filter type: {other}",
                arguments.callee()
            ));
        }
    })
}

/// The address that an interface gives itself in an IPv6 network.
fn slaac(value: &Value, arguments: &Arguments) -> Result<Value> {
    let names = ["value", "query"];
    let options = Options::read(value, arguments, &names, &names)?;
    let query = options.text("query")?;
    let (Some(net), Some(mac)) = (
        normalized(&options.text("value")?)?.filter(|net| net.addr().is_ipv6()),
        Mac::read(&query),
    ) else {
        return Ok(Value::Bool(false));
    };
    let address = first(net)
        .checked_add(u128::from(mac.interface()))
        .ok_or_else(|| Error::failed("there is no address beyond the last one"))?;
    Ok(Value::from(shown(
        std::net::Ipv6Addr::from_bits(address).into(),
    )))
}
