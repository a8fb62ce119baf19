//! Methods of Python's lists, tuples, mappings and sets. Those that change a value change it for the rest of the
//! template, as in Ansible.

use indexmap::IndexMap;

use crate::value::arguments::Given;
use crate::value::error::{Error, Result, fail};
use crate::value::order::sorted;
use crate::value::{Dict, Key, List, Value, collect, limits, print};

pub const OF_LISTS: &[&str] = &[
    "append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse",
    "sort",
];
pub const OF_TUPLES: &[&str] = &["count", "index"];
pub const OF_DICTS: &[&str] = &[
    "clear",
    "copy",
    "fromkeys",
    "get",
    "items",
    "keys",
    "pop",
    "popitem",
    "setdefault",
    "update",
    "values",
];
pub const OF_SETS: &[&str] = &[
    "add",
    "copy",
    "difference",
    "discard",
    "intersection",
    "isdisjoint",
    "issubset",
    "issuperset",
    "symmetric_difference",
    "union",
];

pub fn call(value: &Value, name: &str, given: Given) -> Result<Value> {
    let adds = ["append", "extend", "insert", "setdefault", "update"];
    let mut values = given
        .positional
        .iter()
        .chain(given.named.iter().map(|(_, value)| value));
    if adds.contains(&name) && values.any(collect::holds_others) {
        collect::changed(value)?;
    }
    match value {
        Value::List(list) => of_list(value, list, name, given),
        Value::Dict(dict) => of_dict(dict, name, given),
        Value::Set(_) => of_set(value, name, given),
        _ => match name {
            "count" => count(&value.items()?, given),
            _ => index(&value.items()?, given),
        },
    }
}

fn count(items: &[Value], given: Given) -> Result<Value> {
    let given = given.bind("count", &["value"])?;
    let wanted = given.needed("value")?;
    let mut found = 0;
    for item in items {
        found += i64::from(item.equals(wanted)?);
    }
    Ok(Value::Int(found))
}

fn index(items: &[Value], given: Given) -> Result<Value> {
    let given = given.bind("index", &["value", "start", "stop"])?;
    let wanted = given.needed("value")?;
    let length = items.len() as i64;
    let bound = |number: i64| {
        (if number < 0 {
            (number + length).max(0)
        } else {
            number.min(length)
        }) as usize
    };
    let start = bound(given.number("start")?.unwrap_or(0));
    let stop = bound(given.number("stop")?.unwrap_or(length));
    for (index, item) in items.iter().enumerate().take(stop).skip(start) {
        if item.equals(wanted)? {
            return Ok(Value::from(index));
        }
    }
    fail(format!("{} is not in the list", print::repr(wanted)?))
}

fn of_list(value: &Value, list: &List, name: &str, given: Given) -> Result<Value> {
    let place = |index: i64, length: usize| {
        let index = if index < 0 {
            index + length as i64
        } else {
            index
        };
        usize::try_from(index).ok()
    };
    match name {
        "append" => {
            let given = given.bind(name, &["object"])?;
            limits::items(1)?;
            list.items
                .borrow_mut()
                .push(given.needed("object")?.clone());
            list.asked.set(true);
        }
        "clear" => {
            given.bind(name, &[])?;
            list.items.borrow_mut().clear();
        }
        "copy" => {
            given.bind(name, &[])?;
            return Ok(Value::list(list.items.borrow().clone()));
        }
        // A fault of Ansible's lists from variables, which count their own wrappers.
        "count" if list.given => {
            given.bind(name, &["value"])?.needed("value")?;
            if list.asked.get() {
                return Err(Error::unsupported(
                    "`.count()` of this list gives a wrong number with Ansible, and which one is hard to tell",
                    "Use `| select('eq', …) | length`.",
                ));
            }
            return Ok(Value::Int(0));
        }
        "count" => return count(&value.items()?, given),
        "extend" => {
            let given = given.bind(name, &["iterable"])?;
            let more = given.needed("iterable")?.iterate()?;
            limits::items(more.len())?;
            list.items.borrow_mut().extend(more);
            list.asked.set(true);
        }
        "index" => return index(&value.items()?, given),
        "insert" => {
            let given = given.bind(name, &["index", "object"])?;
            let index = given
                .number("index")?
                .ok_or_else(|| Error::failed("`.insert()` needs an index"))?;
            let object = given.needed("object")?.clone();
            limits::items(1)?;
            let length = list.items.borrow().len();
            let index = if index < 0 {
                (index + length as i64).max(0)
            } else {
                index.min(length as i64)
            };
            list.items
                .borrow_mut()
                .insert(usize::try_from(index).unwrap_or(0), object);
            list.asked.set(true);
        }
        "pop" => {
            let given = given.bind(name, &["index"])?;
            let length = list.items.borrow().len();
            if length == 0 {
                return fail("pop from empty list");
            }
            return match place(given.number("index")?.unwrap_or(-1), length)
                .filter(|index| *index < length)
            {
                Some(index) => Ok(list.items.borrow_mut().remove(index).forced()),
                None => fail("pop index out of range"),
            };
        }
        "remove" => {
            let wanted = given.bind(name, &["value"])?.needed("value")?.clone();
            for (index, item) in value.items()?.iter().enumerate() {
                if item.equals(&wanted)? {
                    list.items.borrow_mut().remove(index);
                    return Ok(Value::None);
                }
            }
            return fail("list.remove(x): x not in list");
        }
        "reverse" => {
            given.bind(name, &[])?;
            list.items.borrow_mut().reverse();
        }
        _ => {
            let given = given.bind(name, &["*", "key", "reverse"])?;
            if given.some("key").is_some() || !given.rest.is_empty() {
                return fail("`.sort()` takes `reverse` only; use the filter `sort`");
            }
            let items = sorted(
                value.items()?,
                |item| Ok(item.clone()),
                given.flag("reverse")?,
            )?;
            *list.items.borrow_mut() = items;
        }
    }
    Ok(Value::None)
}

fn of_dict(dict: &Dict, name: &str, given: Given) -> Result<Value> {
    let pairs = || -> Vec<(Value, Value)> {
        let entries: Vec<_> = dict
            .entries
            .borrow()
            .iter()
            .map(|(key, value)| (key.value().clone(), value.clone()))
            .collect();
        entries
            .into_iter()
            .map(|(key, value)| (key, value.forced()))
            .collect()
    };
    let default = |given: &crate::value::arguments::Arguments| {
        given.get("default").cloned().unwrap_or(Value::None)
    };
    Ok(match name {
        "keys" => {
            given.bind(name, &[])?;
            Value::list(pairs().into_iter().map(|(key, _)| key).collect())
        }
        "values" => {
            given.bind(name, &[])?;
            Value::list(pairs().into_iter().map(|(_, value)| value).collect())
        }
        "items" => {
            given.bind(name, &[])?;
            // Those of a mapping from variables are looked at all at once.
            let entries = dict.entries.borrow().clone();
            let lazy = entries
                .values()
                .filter(|value| matches!(value, Value::Lazy(_)));
            lazy.into_iter().try_for_each(Value::check)?;
            Value::list(
                pairs()
                    .into_iter()
                    .map(|(key, value)| Value::tuple(vec![key, value]))
                    .collect(),
            )
        }
        "get" => {
            let given = given.bind(name, &["key", "default"])?;
            let key = Key::new(given.needed("key")?.clone())?;
            dict.get(&key).unwrap_or_else(|| default(&given))
        }
        "copy" => {
            given.bind(name, &[])?;
            Value::from_entries(dict.entries.borrow().clone())
        }
        "fromkeys" => {
            // Ansible's mappings from variables have lost this method.
            return Err(Error::failed("`.fromkeys()` does not work with Ansible")
                .hint("Use `dict(keys | product([value]))`."));
        }
        "clear" => {
            given.bind(name, &[])?;
            dict.entries.borrow_mut().clear();
            Value::None
        }
        "update" => {
            let Value::Dict(more) = crate::python::dict::dict(given)? else {
                return Ok(Value::None);
            };
            let more = more.entries.borrow().clone();
            limits::items(more.len())?;
            dict.entries.borrow_mut().extend(more);
            Value::None
        }
        "setdefault" => {
            let given = given.bind(name, &["key", "default"])?;
            let key = Key::new(given.needed("key")?.clone())?;
            match dict.get(&key) {
                Some(value) => value,
                None => {
                    limits::items(1)?;
                    dict.entries.borrow_mut().insert(key, default(&given));
                    default(&given)
                }
            }
        }
        "pop" => {
            let given = given.bind(name, &["key", "default"])?;
            let key = Key::new(given.needed("key")?.clone())?;
            let removed = dict.entries.borrow_mut().shift_remove(&key);
            match (removed, given.get("default")) {
                (Some(value), _) => value.forced(),
                (None, Some(default)) => default.clone(),
                (None, None) => {
                    return fail(format!(
                        "the mapping has no key {}",
                        print::repr(key.value())?
                    ));
                }
            }
        }
        _ => {
            given.bind(name, &[])?;
            let last = dict.entries.borrow_mut().pop();
            match last {
                Some((key, value)) => Value::tuple(vec![key.value().clone(), value.forced()]),
                None => return fail("popitem(): dictionary is empty"),
            }
        }
    })
}

fn of_set(value: &Value, name: &str, given: Given) -> Result<Value> {
    let own = value.items()?;
    let set = |items: &[Value]| -> Result<IndexMap<Key, ()>> {
        items
            .iter()
            .map(|item| Ok((Key::new(item.clone())?, ())))
            .collect()
    };
    if name == "add" || name == "discard" {
        let item = given.bind(name, &["item"])?.needed("item")?.clone();
        if let Value::Set(dict) = value {
            let key = Key::new(item)?;
            if name == "add" {
                dict.entries.borrow_mut().entry(key).or_insert(Value::None);
            } else {
                dict.entries.borrow_mut().shift_remove(&key);
            }
        }
        return Ok(Value::None);
    }
    if name == "copy" {
        return Value::set(own);
    }
    let mut other = Vec::new();
    for more in &given.positional {
        other.extend(more.items()?);
    }
    let (mine, theirs) = (set(&own)?, set(&other)?);
    let without =
        |items: Vec<Value>, known: &IndexMap<Key, ()>, keep: bool| -> Result<Vec<Value>> {
            let mut kept = Vec::new();
            for item in items {
                if known.contains_key(&Key::new(item.clone())?) == keep {
                    kept.push(item);
                }
            }
            Ok(kept)
        };
    Ok(match name {
        "union" => Value::set(own.into_iter().chain(other).collect())?,
        "intersection" => Value::set(without(own, &theirs, true)?)?,
        "difference" => Value::set(without(own, &theirs, false)?)?,
        "symmetric_difference" => {
            let mut items = without(own, &theirs, false)?;
            items.extend(without(other, &mine, false)?);
            Value::set(items)?
        }
        "issubset" => Value::Bool(mine.keys().all(|key| theirs.contains_key(key))),
        "issuperset" => Value::Bool(theirs.keys().all(|key| mine.contains_key(key))),
        _ => Value::Bool(!mine.keys().any(|key| theirs.contains_key(key))),
    })
}
