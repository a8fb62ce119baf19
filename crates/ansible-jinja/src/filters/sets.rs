//! Ansible's filters that treat lists as sets.

use std::collections::HashSet;

use num_traits::ToPrimitive;

use crate::filters::{Filter, sequence};
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Key, Value, limits, number};

pub const FILTERS: &[Filter] = &[
    ("union", &["b"], union),
    ("intersect", &["b"], intersect),
    ("difference", &["b"], difference),
    ("symmetric_difference", &["b"], symmetric_difference),
];

struct Both {
    a: Vec<Value>,
    b: Vec<Value>,
    hashable: bool,
}

fn both(value: &Value, arguments: &Arguments) -> Result<Both> {
    let a = items(value, arguments)?;
    let b = items(arguments.needed("b")?, arguments)?;
    limits::step(a.len().saturating_mul(b.len()) / 16)?;
    let hashable = a
        .iter()
        .chain(&b)
        .all(|item| Key::new(item.clone()).is_ok());
    Ok(Both { a, b, hashable })
}

fn items(value: &Value, arguments: &Arguments) -> Result<Vec<Value>> {
    match value {
        Value::List(_) | Value::Tuple(_) => sequence(value, arguments.callee()),
        other => other.items(),
    }
}

/// What was seen of a list: by hash where all can be hashed, as Python's sets have it, else one by one.
enum Seen {
    Hashed(HashSet<Key>),
    Listed(Vec<Value>),
}

impl Both {
    fn seen(&self, items: &[Value]) -> Result<Seen> {
        Ok(match self.hashable {
            true => Seen::Hashed(items.iter().cloned().map(Key::new).collect::<Result<_>>()?),
            false => Seen::Listed(items.to_vec()),
        })
    }

    /// The items, each once.
    fn unique(&self, items: impl IntoIterator<Item = Value>) -> Result<Vec<Value>> {
        let mut seen = self.seen(&[])?;
        let mut result = Vec::new();
        for item in items {
            if !seen.holds(&item)? {
                match &mut seen {
                    Seen::Hashed(known) => drop(known.insert(Key::new(item.clone())?)),
                    Seen::Listed(known) => known.push(item.clone()),
                }
                result.push(item);
            }
        }
        Ok(result)
    }

    /// What stands in one of two lists, or in both.
    fn filtered(&self, items: &[Value], others: &[Value], wanted: bool) -> Result<Vec<Value>> {
        let seen = self.seen(others)?;
        let mut kept = Vec::new();
        for item in items {
            if seen.holds(item)? == wanted {
                kept.push(item.clone());
            }
        }
        self.unique(kept)
    }
}

impl Seen {
    fn holds(&self, wanted: &Value) -> Result<bool> {
        match self {
            Self::Hashed(known) => Ok(known.contains(&Key::new(wanted.clone())?)),
            Self::Listed(known) => {
                for item in known {
                    if item.equals(wanted)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

/// Python's sets have an order of their own. Of small whole numbers it is known: by their place in a table of the
/// right size; of texts it is another one in every run of Ansible.
fn as_set(items: Vec<Value>, both: &Both, filter: &str) -> Result<Value> {
    if !both.hashable || items.len() < 2 {
        return Ok(Value::list(items));
    }
    if !items.iter().all(Value::is_number) {
        return Ok(Value::list(items));
    }
    let wholes: Option<Vec<u64>> = items
        .iter()
        .map(|item| number::whole(item).and_then(|whole| whole.to_u64()))
        .collect();
    // A table is never smaller than 8 places, and has more than its items.
    match wholes {
        Some(wholes) if wholes.iter().all(|whole| *whole < 8) => {
            let mut pairs: Vec<(u64, Value)> = wholes.into_iter().zip(items).collect();
            pairs.sort_by_key(|(whole, _)| *whole);
            Ok(Value::list(
                pairs.into_iter().map(|(_, item)| item).collect(),
            ))
        }
        _ => Err(Error::unsupported(
            format!("the order in which `{filter}` gives these numbers is Python's own"),
            "Put `| sort` behind lists of texts instead, or make the numbers texts.",
        )),
    }
}

fn union(value: &Value, arguments: &Arguments) -> Result<Value> {
    let both = both(value, arguments)?;
    let items = both.unique(both.a.iter().chain(&both.b).cloned())?;
    as_set(items, &both, "union")
}

fn intersect(value: &Value, arguments: &Arguments) -> Result<Value> {
    let both = both(value, arguments)?;
    as_set(both.filtered(&both.a, &both.b, true)?, &both, "intersect")
}

fn difference(value: &Value, arguments: &Arguments) -> Result<Value> {
    let both = both(value, arguments)?;
    as_set(both.filtered(&both.a, &both.b, false)?, &both, "difference")
}

fn symmetric_difference(value: &Value, arguments: &Arguments) -> Result<Value> {
    let both = both(value, arguments)?;
    if both.a.is_empty() && both.b.is_empty() && value.is_none() {
        return fail("`symmetric_difference` needs lists");
    }
    let mut items = both.filtered(&both.a, &both.b, false)?;
    items.extend(both.filtered(&both.b, &both.a, false)?);
    as_set(items, &both, "symmetric_difference")
}
