//! `version`: versions compared part by part, strictly, by semantic versioning, or by PEP 440.

use std::cmp::Ordering;
use std::sync::LazyLock;

use num_bigint::BigInt;
use regex::{Captures, Regex};

use crate::predicates::{Test, as_text};
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Value, limits, number, print};

pub const TESTS: &[Test] = &[
    ("version", PARAMETERS, version),
    ("version_compare", PARAMETERS, version),
];

const PARAMETERS: &[&str] = &["version", "operator", "strict", "version_type"];

/// `1.2`, `1.2.3`, `1.2a3`.
static STRICT: LazyLock<Regex> =
    LazyLock::new(|| expression(r"\A([0-9]+)\.([0-9]+)(?:\.([0-9]+))?(?:([ab])([0-9]+))?\n?\z"));

/// Numbers and runs of small letters; dots only separate, anything else stands between.
static PARTS: LazyLock<Regex> = LazyLock::new(|| expression(r"\d+|[a-z]+|\."));

/// https://semver.org's own grammar.
static SEMANTIC: LazyLock<Regex> = LazyLock::new(|| {
    expression(concat!(
        r"\A(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)",
        r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?",
        r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?\n?\z"
    ))
});

/// PEP 440, appendix B.
static PEP_440: LazyLock<Regex> = LazyLock::new(|| {
    expression(concat!(
        r"\A[\s\x1c-\x1f]*(?i-u:v?(?:([0-9]+)!)?([0-9]+(?:\.[0-9]+)*)",
        r"(?:[._-]?(alpha|a|beta|b|preview|pre|c|rc)[._-]?([0-9]+)?)?",
        r"(?:-([0-9]+)|([._-]?(?:post|rev|r)[._-]?([0-9]+)?))?",
        r"([._-]?dev[._-]?([0-9]+)?)?",
        r"(?:\+([a-z0-9]+(?:[._-][a-z0-9]+)*))?)[\s\x1c-\x1f]*\z"
    ))
});

fn expression(source: &str) -> Regex {
    Regex::new(source).expect("a valid expression")
}

fn version(value: &Value, given: &Arguments) -> Result<bool> {
    let other = given.needed("version")?;
    let (strict, kind) = (given.some("strict"), given.some("version_type"));
    if strict.is_some() && kind.is_some() {
        return fail("Cannot specify both 'strict' and 'version_type'");
    }
    if !value.truth()? || !other.truth()? {
        return fail("`version` needs two versions that are not empty");
    }
    let compare = match (strict, kind) {
        (Some(strict), _) if strict.truth()? => by::<Strict>,
        (_, Some(kind)) if kind.truth()? => match kind.as_str() {
            Some("loose") => loose,
            Some("strict") => by::<Strict>,
            Some("semver" | "semantic") => by::<Semantic>,
            Some("pep440") => by::<Pep440>,
            _ => {
                return fail(format!(
                    "Invalid version type ({}): loose, strict, semver, semantic, pep440",
                    print::text(kind)?
                ));
            }
        },
        _ => loose,
    };
    let operator = match given.get("operator") {
        None => "eq",
        Some(operator) => operator.as_str().unwrap_or_default(),
    };
    let wanted: fn(Ordering) -> bool = match operator {
        "==" | "=" | "eq" => Ordering::is_eq,
        "!=" | "<>" | "ne" => Ordering::is_ne,
        "<" | "lt" => Ordering::is_lt,
        "<=" | "le" => Ordering::is_le,
        ">" | "gt" => Ordering::is_gt,
        ">=" | "ge" => Ordering::is_ge,
        other => return fail(format!("`version` has no operator '{other}'")),
    };
    let (left, right) = (as_text(value)?, as_text(other)?);
    limits::step((left.len() + right.len()) / 16)?;
    compare(&left, &right).map(wanted)
}

/// A version that can be read and has a place in an order.
trait Version: Ord + Sized {
    fn read(text: &str) -> Result<Self>;
}

fn by<V: Version>(left: &str, right: &str) -> Result<Ordering> {
    Ok(V::read(left)?.cmp(&V::read(right)?))
}

fn invalid(text: &str) -> Error {
    Error::failed(format!("invalid version '{text}'"))
}

/// A number of any size.
fn whole(digits: &str) -> Result<BigInt> {
    number::parse_integer(digits, 10).ok_or_else(|| {
        Error::unsupported(
            format!("the number {digits} of a version is not supported"),
            "Write it with the digits 0 to 9, and shorter.",
        )
    })
}

/// A group of an expression as a number, which is zero where there is none.
fn group(found: &Captures, index: usize) -> Result<BigInt> {
    found
        .get(index)
        .map_or(Ok(BigInt::ZERO), |digits| whole(digits.as_str()))
}

/// Part by part. A number and a word have no order: then the whole comparison fails, also for equality.
fn loose(left: &str, right: &str) -> Result<Ordering> {
    let (left, right) = (parts(left)?, parts(right)?);
    for pair in left.iter().zip(&right) {
        let order = match pair {
            (Part::Number(left), Part::Number(right)) => left.cmp(right),
            (Part::Word(left), Part::Word(right)) => left.cmp(right),
            _ => {
                return fail(
                    "these versions cannot be compared: one has a number where the other has letters",
                );
            }
        };
        if order.is_ne() {
            return Ok(order);
        }
    }
    Ok(left.len().cmp(&right.len()))
}

enum Part {
    Number(BigInt),
    Word(String),
}

fn parts(version: &str) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let between = |parts: &mut Vec<Part>, word: &str| {
        if !word.is_empty() {
            parts.push(Part::Word(word.to_owned()));
        }
    };
    let mut end = 0;
    for found in PARTS.find_iter(version) {
        between(&mut parts, &version[end..found.start()]);
        end = found.end();
        let part = found.as_str();
        if part.starts_with(|first: char| first.is_numeric()) {
            parts.push(Part::Number(whole(part)?));
        } else if part != "." {
            parts.push(Part::Word(part.to_owned()));
        }
    }
    between(&mut parts, &version[end..]);
    Ok(parts)
}

/// Two or three numbers, then, before the version itself, `a` or `b` with a number.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Strict {
    numbers: [BigInt; 3],
    /// Without one, the version comes last.
    before: (bool, String, BigInt),
}

impl Version for Strict {
    fn read(text: &str) -> Result<Self> {
        let found = STRICT.captures(text).ok_or_else(|| invalid(text))?;
        let letter = found.get(4).map(|letter| letter.as_str().to_owned());
        Ok(Self {
            numbers: [group(&found, 1)?, group(&found, 2)?, group(&found, 3)?],
            before: (
                letter.is_none(),
                letter.unwrap_or_default(),
                group(&found, 5)?,
            ),
        })
    }
}

/// Three numbers, then what comes before the version itself. What stands behind `+` does not count.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Semantic {
    numbers: [BigInt; 3],
    is_release: bool,
    before: Vec<Identifier>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(BigInt),
    Word(String),
}

impl Version for Semantic {
    fn read(text: &str) -> Result<Self> {
        let found = SEMANTIC.captures(text).ok_or_else(|| invalid(text))?;
        let before: Vec<Identifier> = match found.get(4) {
            None => Vec::new(),
            Some(before) => before
                .as_str()
                .split('.')
                .map(|part| {
                    Ok(if part.chars().all(char::is_numeric) {
                        Identifier::Number(whole(part)?)
                    } else {
                        Identifier::Word(part.to_owned())
                    })
                })
                .collect::<Result<_>>()?,
        };
        Ok(Self {
            numbers: [group(&found, 1)?, group(&found, 2)?, group(&found, 3)?],
            is_release: before.is_empty(),
            before,
        })
    }
}

/// A version of Python's packages. The order of the fields is that of their weight.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pep440 {
    epoch: BigInt,
    /// Without the zeros at the end.
    release: Vec<BigInt>,
    /// A development release of the version itself, then `a`, `b`, `rc`, then the version itself.
    pre: (u8, BigInt),
    post: Option<BigInt>,
    /// Developed towards it, then the thing itself.
    dev: (bool, BigInt),
    /// Words come before numbers.
    local: Option<Vec<(Option<BigInt>, String)>>,
}

impl Version for Pep440 {
    fn read(text: &str) -> Result<Self> {
        let found = PEP_440.captures(text).ok_or_else(|| invalid(text))?;
        let mut release = found[2].split('.').map(whole).collect::<Result<Vec<_>>>()?;
        while release.last().is_some_and(|part| *part == BigInt::ZERO) {
            release.pop();
        }
        let post = if found.get(5).is_some() {
            Some(group(&found, 5)?)
        } else if found.get(6).is_some() {
            Some(group(&found, 7)?)
        } else {
            None
        };
        let is_dev = found.get(8).is_some();
        let kind = found.get(3).map(|kind| kind.as_str().to_ascii_lowercase());
        let rank = match kind.as_deref() {
            None if is_dev && post.is_none() => 0,
            Some("a" | "alpha") => 1,
            Some("b" | "beta") => 2,
            Some(_) => 3,
            None => 4,
        };
        let local = found.get(10).map(|local| {
            let parts = local.as_str().split(['.', '_', '-']);
            parts
                .map(|part| {
                    Ok(if part.bytes().all(|byte| byte.is_ascii_digit()) {
                        (Some(whole(part)?), String::new())
                    } else {
                        (None, part.to_ascii_lowercase())
                    })
                })
                .collect::<Result<_>>()
        });
        Ok(Self {
            epoch: group(&found, 1)?,
            release,
            pre: (rank, group(&found, 4)?),
            post,
            dev: (!is_dev, group(&found, 9)?),
            local: local.transpose()?,
        })
    }
}
