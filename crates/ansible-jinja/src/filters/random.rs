//! `random` and `shuffle` with a seed: Python's own numbers, the same at each rendering.

use mt19937::MT19937;
use num_bigint::BigUint;
use rand::Rng;
use sha2::Digest;

use crate::filters::Filter;
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, limits, number, print};

pub const FILTERS: &[Filter] = &[
    ("random", &["start", "step", "seed"], random),
    ("shuffle", &["seed"], shuffle),
];

pub const COMMUNITY: &[Filter] = &[("random_mac", &["seed"], random_mac)];

/// Python's generator.
struct Twister(MT19937);

impl Twister {
    /// Python's `random.Random(seed)`.
    fn new(seed: &Value) -> Result<Self> {
        limits::step(16 + seed.weight())?;
        let number = match seed {
            Value::Text(text) => {
                let digest = sha2::Sha512::digest(text.as_bytes());
                BigUint::from_bytes_be(&[text.as_bytes(), digest.as_slice()].concat())
            }
            Value::Bytes(bytes) => {
                BigUint::from_bytes_be(&[&**bytes, sha2::Sha512::digest(bytes).as_slice()].concat())
            }
            Value::Float(float) if float.is_nan() => {
                return Err(Error::unsupported(
                    "`nan` as a seed gives other numbers in each run of Ansible",
                    "Use a whole number or a text.",
                ));
            }
            Value::Float(float) => BigUint::from(hash(*float) as u64),
            other => match number::whole(other) {
                Some(whole) => whole.magnitude().clone(),
                None => {
                    return fail(
                        "The only supported seed types are: None, int, float, str, bytes, and bytearray.",
                    );
                }
            },
        };
        let digits = number.to_u32_digits();
        let key = if digits.is_empty() { &[0][..] } else { &digits };
        Ok(Self(MT19937::new_with_slice_seed(key)))
    }

    /// A number of so many bits, at most 64.
    fn bits(&mut self, count: u32) -> u64 {
        if count == 0 {
            return 0;
        }
        if count <= 32 {
            return u64::from(self.0.next_u32() >> (32 - count));
        }
        let low = u64::from(self.0.next_u32());
        low | u64::from(self.0.next_u32() >> (64 - count)) << 32
    }

    /// A number below another one.
    fn below(&mut self, limit: u64) -> u64 {
        let bits = 64 - limit.leading_zeros();
        loop {
            let number = self.bits(bits);
            if number < limit {
                return number;
            }
        }
    }
}

/// Python's hash of a float: its value modulo 2^61 - 1.
fn hash(float: f64) -> i64 {
    const BITS: i64 = 61;
    const MODULUS: u64 = (1 << BITS) - 1;
    if float.is_infinite() {
        return if float > 0.0 { 314_159 } else { -314_159 };
    }
    let raw = float.to_bits();
    let fraction = raw & ((1 << 52) - 1);
    let exponent = (raw >> 52 & 0x7ff) as i64;
    let (mantissa, exponent) = match exponent {
        0 => (fraction, -1074),
        _ => (fraction | 1 << 52, exponent - 1075),
    };
    // A power of two turns the bits of a number round.
    let shift = exponent.rem_euclid(BITS) as u32;
    let turned = u128::from(mantissa) << shift;
    let hash = (turned % u128::from(MODULUS)) as i64;
    match if float < 0.0 { -hash } else { hash } {
        -1 => -2,
        hash => hash,
    }
}

fn without_seed(filter: &str) -> Error {
    Error::unsupported(
        format!(
            "`{filter}` without a seed gives something else at each rendering, so that nothing made of it would stay the same"
        ),
        format!("Give it a seed that stays: `{filter}(seed=app_name)`."),
    )
}

fn random(value: &Value, arguments: &Arguments) -> Result<Value> {
    let Some(seed) = arguments.some("seed") else {
        return Err(without_seed("random"));
    };
    let mut twister = Twister::new(seed)?;
    let (start, step) = (arguments.some("start"), arguments.some("step"));
    let given = |value: Option<&Value>| value.is_some_and(|value| value.truth().unwrap_or(true));
    if let Some(end) = value.as_index() {
        let whole = |value: Option<&Value>, default: i64| match value {
            Some(value) if value.truth()? => value.as_index().ok_or_else(|| {
                Error::failed(format!(
                    "'{}' object cannot be interpreted as an integer",
                    value.type_name()
                ))
            }),
            _ => Ok(default),
        };
        let (start, step) = (whole(start, 0)?, whole(step, 1)?);
        let width = i128::from(end) - i128::from(start);
        let step = i128::from(step);
        let count = if step > 0 {
            (width + step - 1).div_euclid(step)
        } else {
            (width + step + 1) / step
        };
        let count = u64::try_from(count).ok().filter(|count| *count > 0);
        let Some(count) = count else {
            return fail(format!("empty range in randrange({start}, {end})"));
        };
        let chosen = i128::from(twister.below(count));
        let number = i128::from(start) + step * chosen;
        return Ok(Value::big(number.into()));
    }
    if matches!(value, Value::Float(_) | Value::Big(_) | Value::None) {
        return fail("random can only be used on sequences and integers");
    }
    if given(start) || given(step) {
        return fail("start and step can only be used with integer values");
    }
    if let Value::Dict(_) | Value::Set(_) = value {
        return fail("a mapping has no first item to choose from");
    }
    let count = value.len()?;
    if count == 0 {
        return fail("Cannot choose from an empty sequence");
    }
    let index = usize::try_from(twister.below(count as u64)).unwrap_or(0);
    match value {
        Value::Range(range) => range.get(index).map_or_else(|| fail("out of range"), Ok),
        other => other.iterate()?.swap_remove(index).usable(),
    }
}

fn shuffle(value: &Value, arguments: &Arguments) -> Result<Value> {
    let seed = match arguments.some("seed") {
        Some(seed) if seed.truth()? => seed,
        _ => return Err(without_seed("shuffle")),
    };
    // Ansible gives back what it cannot shuffle.
    let Ok(mut items) = value.iterate() else {
        return Ok(value.clone());
    };
    items.iter().try_for_each(Value::check)?;
    limits::step(items.len())?;
    if let Ok(mut twister) = Twister::new(seed) {
        for index in (1..items.len()).rev() {
            let other = usize::try_from(twister.below(index as u64 + 1)).unwrap_or(0);
            items.swap(index, other);
        }
    }
    Ok(Value::list(items))
}

/// The rest of a MAC address behind the given beginning.
fn random_mac(value: &Value, arguments: &Arguments) -> Result<Value> {
    let Value::Text(text) = value else {
        return fail(format!(
            "`random_mac` needs a text, not {}",
            print::article(value)
        ));
    };
    let Some(seed) = arguments.some("seed") else {
        return Err(without_seed("random_mac"));
    };
    let text = text.to_lowercase();
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() > 5 {
        return fail(format!(
            "Invalid value ({text}) for random_mac: it has more than 5 parts"
        ));
    }
    // Only the beginning of a part is looked at.
    let is_byte =
        |part: &&str| part.len() >= 2 && part.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if let Some(wrong) = parts.iter().find(|part| !is_byte(part)) {
        return fail(format!(
            "Invalid value ({text}) for random_mac: '{wrong}' is no hexadecimal byte"
        ));
    }
    let mut twister = Twister::new(seed)?;
    let low = 0x10_0000_0000u64;
    let number = low + twister.below(0x100_0000_0000 - low);
    let digits = format!("{number:x}");
    let mut mac = text.clone();
    for index in 0..6 - parts.len() {
        mac.push(':');
        mac.push_str(&digits[index * 2..index * 2 + 2]);
    }
    Ok(Value::from(mac))
}
