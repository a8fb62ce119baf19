//! Ansible's filters on lists and mappings.

use indexmap::IndexMap;

use crate::filters::{Filter, sequence};
use crate::python::operators;
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Key, Value, limits, print};

pub const FILTERS: &[Filter] = &[
    ("combine", &["*", "recursive", "list_merge"], combine),
    ("dict2items", &["key_name", "value_name"], dict2items),
    ("items2dict", &["key_name", "value_name"], items2dict),
    ("flatten", &["levels", "skip_nulls"], flatten),
    ("zip", &["*", "strict"], zip),
    ("zip_longest", &["*", "fillvalue"], zip_longest),
    ("product", &["*", "repeat"], product),
    ("permutations", &["r"], permutations),
    ("combinations", &["r"], combinations),
    ("subelements", &["subelements", "skip_missing"], subelements),
    ("extract", &["container", "morekeys"], extract),
    ("rekey_on_member", &["key", "duplicates"], rekey_on_member),
];

pub const COMMUNITY: &[Filter] = &[("dict", &[], dict), ("counter", &[], counter)];

/// A mapping's pairs.
fn pairs(value: &Value, filter: &str) -> Result<Vec<(Value, Value)>> {
    let pairs = value.pairs().ok_or_else(|| {
        Error::failed(format!(
            "`{filter}` needs a mapping, not {}",
            print::article(value)
        ))
    })?;
    pairs.iter().try_for_each(|(_, value)| value.check())?;
    Ok(pairs)
}

/// The pairs, among them those that are undefined.
fn entries(value: &Value, filter: &str) -> Result<IndexMap<Key, Value>> {
    match value {
        Value::Dict(dict) => Ok(dict.entries.borrow().clone()),
        other => fail(format!(
            "`{filter}` needs mappings, not {}",
            print::article(other)
        )),
    }
}

fn combine(value: &Value, arguments: &Arguments) -> Result<Value> {
    let mut terms = Vec::new();
    let null = |item: &Value| item.is_none() || matches!(item.as_str(), Some("None" | "null"));
    // Lists of mappings are unfolded, lists of lists are not.
    for term in std::iter::once(value)
        .chain(&arguments.rest)
        .filter(|term| !null(term))
    {
        match term {
            Value::List(_) | Value::Tuple(_) | Value::Range(_) => {
                terms.extend(term.items()?.into_iter().filter(|item| !null(item)))
            }
            _ => terms.push(term.clone()),
        }
    }
    terms.iter().try_for_each(Value::check_values)?;
    let Some(last) = terms.pop() else {
        return Ok(Value::from_entries(IndexMap::new()));
    };
    // A single one is given back as it is, whatever it is.
    if terms.is_empty() {
        return Ok(last);
    }
    let mut result = entries(&last, "combine")?;
    while let Some(term) = terms.pop() {
        result = merged(entries(&term, "combine")?, result, arguments)?;
    }
    Ok(Value::from_entries(result))
}

/// One mapping over another, by the arguments `recursive` and `list_merge`.
pub fn merged(
    low: IndexMap<Key, Value>,
    high: IndexMap<Key, Value>,
    arguments: &Arguments,
) -> Result<IndexMap<Key, Value>> {
    let lists = arguments.text_or("list_merge", "replace")?;
    if ![
        "replace",
        "keep",
        "append",
        "prepend",
        "append_rp",
        "prepend_rp",
    ]
    .contains(&lists)
    {
        return fail(format!("`combine` has no list_merge '{lists}'"));
    }
    merge(low, high, arguments.flag("recursive")?, lists)
}

fn merge(
    low: IndexMap<Key, Value>,
    high: IndexMap<Key, Value>,
    recursive: bool,
    lists: &str,
) -> Result<IndexMap<Key, Value>> {
    limits::items(low.len() + high.len())?;
    let same = || {
        let (low, high) = (low.clone(), high.clone());
        Value::from_entries(low).equals(&Value::from_entries(high))
    };
    // Equal mappings take the order of the higher one.
    if low.is_empty() || low.len() == high.len() && same()? {
        return Ok(high);
    }
    let mut merged = low;
    if !recursive && lists == "replace" {
        merged.extend(high);
        return Ok(merged);
    }
    for (key, value) in high {
        let value = match merged.get(&key).cloned().map(Value::forced) {
            None => value,
            Some(old) => {
                let value = value.forced();
                match (&old, &value) {
                    (Value::Dict(old), Value::Dict(new)) if recursive => {
                        let (old, new) =
                            (old.entries.borrow().clone(), new.entries.borrow().clone());
                        Value::from_entries(limits::deeper(|| merge(old, new, recursive, lists))?)
                    }
                    (Value::List(_), Value::List(_)) => {
                        Value::list(merge_lists(&old, &value, lists)?)
                    }
                    _ => value,
                }
            }
        };
        merged.insert(key, value);
    }
    Ok(merged)
}

fn merge_lists(low: &Value, high: &Value, how: &str) -> Result<Vec<Value>> {
    let (low, high) = (low.items()?, high.items()?);
    limits::items(low.len() + high.len())?;
    let without = |items: &[Value], others: &[Value]| -> Result<Vec<Value>> {
        let mut kept = Vec::new();
        for item in items {
            let mut known = false;
            for other in others {
                known = known || item.equals(other)?;
            }
            if !known {
                kept.push(item.clone());
            }
        }
        Ok(kept)
    };
    Ok(match how {
        "keep" => low,
        "append" => [low, high].concat(),
        "prepend" => [high, low].concat(),
        "append_rp" => [without(&low, &high)?, high].concat(),
        "prepend_rp" => {
            let rest = without(&low, &high)?;
            [high, rest].concat()
        }
        _ => high,
    })
}

fn names(arguments: &Arguments) -> Result<(Value, Value)> {
    let name = |parameter: &str, default: &str| {
        arguments
            .get(parameter)
            .cloned()
            .unwrap_or_else(|| Value::text(default))
    };
    Ok((name("key_name", "key"), name("value_name", "value")))
}

fn dict2items(value: &Value, arguments: &Arguments) -> Result<Value> {
    let (key_name, value_name) = names(arguments)?;
    let record =
        |(key, value)| Value::dict(vec![(key_name.clone(), key), (value_name.clone(), value)]);
    pairs(value, "dict2items")?
        .into_iter()
        .map(record)
        .collect::<Result<Vec<_>>>()
        .map(Value::list)
}

fn items2dict(value: &Value, arguments: &Arguments) -> Result<Value> {
    let (key_name, value_name) = names(arguments)?;
    let mut result = Vec::new();
    for item in sequence(value, "items2dict")? {
        let Value::Dict(item) = &item else {
            return fail(format!(
                "items2dict requires a list of dictionaries, got a list of {}",
                item.type_name()
            ));
        };
        let member = |name: &Value| -> Result<Value> {
            match item.get(&Key::new(name.clone())?) {
                Some(found) => found.usable(),
                None => Err(Error::failed(format!(
                    "`items2dict` finds no key {} in an item",
                    print::repr(name)?
                ))),
            }
        };
        result.push((member(&key_name)?, member(&value_name)?));
    }
    Value::dict(result)
}

fn flatten(value: &Value, arguments: &Arguments) -> Result<Value> {
    let skip_nulls = arguments.flag_or("skip_nulls", true)?;
    let levels = arguments.number("levels")?;
    let mut result = Vec::new();
    flatten_into(value, levels, skip_nulls, &mut result)?;
    Ok(Value::list(result))
}

fn flatten_into(
    value: &Value,
    levels: Option<i64>,
    skip_nulls: bool,
    result: &mut Vec<Value>,
) -> Result<()> {
    for item in value.items()? {
        let null = matches!(&item, Value::None) || matches!(item.as_str(), Some("None" | "null"));
        if skip_nulls && null {
            continue;
        }
        let deeper = levels.is_none_or(|levels| levels >= 1);
        if item.is_sequence() && deeper {
            limits::deeper(|| {
                flatten_into(&item, levels.map(|levels| levels - 1), skip_nulls, result)
            })?;
        } else {
            item.check_values()?;
            result.push(item);
        }
    }
    Ok(())
}

fn lists(value: &Value, arguments: &Arguments) -> Result<Vec<Vec<Value>>> {
    std::iter::once(value)
        .chain(&arguments.rest)
        .map(Value::items)
        .collect()
}

fn zip(value: &Value, arguments: &Arguments) -> Result<Value> {
    let lists = lists(value, arguments)?;
    let length = lists.iter().map(Vec::len).min().unwrap_or(0);
    if arguments.flag("strict")? && lists.iter().any(|list| list.len() != length) {
        return fail("zip() arguments are of different lengths");
    }
    let row = |index: usize| Value::tuple(lists.iter().map(|list| list[index].clone()).collect());
    Ok(Value::list((0..length).map(row).collect()))
}

fn zip_longest(value: &Value, arguments: &Arguments) -> Result<Value> {
    let lists = lists(value, arguments)?;
    let fill = arguments.get("fillvalue").cloned().unwrap_or(Value::None);
    let length = lists.iter().map(Vec::len).max().unwrap_or(0);
    let row = |index: usize| {
        Value::tuple(
            lists
                .iter()
                .map(|list| list.get(index).unwrap_or(&fill).clone())
                .collect(),
        )
    };
    Ok(Value::list((0..length).map(row).collect()))
}

fn product(value: &Value, arguments: &Arguments) -> Result<Value> {
    let lists = lists(value, arguments)?;
    let repeat = usize::try_from(arguments.number_or("repeat", 1)?)
        .map_err(|_| Error::failed("repeat argument cannot be negative"))?;
    let size = lists
        .iter()
        .fold(1usize, |size, list| size.saturating_mul(list.len()));
    let total = (0..repeat).try_fold(1usize, |total, _| {
        total.checked_mul(size).filter(|total| *total < 10_000_000)
    });
    limits::items(
        total
            .unwrap_or(usize::MAX)
            .saturating_mul(lists.len().max(1)),
    )?;
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for _ in 0..repeat {
        for list in &lists {
            let longer = |row: &Vec<Value>, item: &Value| {
                row.iter().cloned().chain([item.clone()]).collect()
            };
            rows = rows
                .iter()
                .flat_map(|row| list.iter().map(move |item| longer(row, item)))
                .collect();
        }
    }
    Ok(Value::list(rows.into_iter().map(Value::tuple).collect()))
}

/// The choices of `r` out of the items, by their positions.
fn choices(value: &Value, arguments: &Arguments, ordered: bool) -> Result<Value> {
    let items = value.items()?;
    let size = match arguments.number("r")? {
        None if ordered => items.len(),
        None => return fail("`combinations` needs the number of items to choose"),
        Some(size) => usize::try_from(size).map_err(|_| Error::failed("r must be non-negative"))?,
    };
    let mut result = Vec::new();
    let mut path = Vec::new();
    if size <= items.len() {
        choose(&items, size, ordered, &mut path, &mut result)?;
    }
    Ok(Value::list(result))
}

fn choose(
    items: &[Value],
    size: usize,
    ordered: bool,
    path: &mut Vec<usize>,
    result: &mut Vec<Value>,
) -> Result<()> {
    limits::step(1)?;
    if path.len() == size {
        limits::items(size + 1)?;
        result.push(Value::tuple(
            path.iter().map(|index| items[*index].clone()).collect(),
        ));
        return Ok(());
    }
    let start = if ordered {
        0
    } else {
        path.last().map_or(0, |last| last + 1)
    };
    for index in start..items.len() {
        if !path.contains(&index) {
            path.push(index);
            limits::with_stack(|| choose(items, size, ordered, path, result))?;
            path.pop();
        }
    }
    Ok(())
}

fn permutations(value: &Value, arguments: &Arguments) -> Result<Value> {
    choices(value, arguments, true)
}

fn combinations(value: &Value, arguments: &Arguments) -> Result<Value> {
    choices(value, arguments, false)
}

fn subelements(value: &Value, arguments: &Arguments) -> Result<Value> {
    let elements = match value {
        Value::Dict(_) => pairs(value, "subelements")?
            .into_iter()
            .map(|(_, value)| value)
            .collect(),
        Value::List(_) | Value::Tuple(_) => value.items()?,
        _ => return fail("obj must be a list of dicts or a nested dict"),
    };
    let path: Vec<Value> = match arguments.needed("subelements")? {
        Value::Text(path) => path.split('.').map(Value::text).collect(),
        list @ (Value::List(_) | Value::Tuple(_)) => list.items()?,
        _ => return fail("subelements must be a list or a string"),
    };
    let mut result = Vec::new();
    for element in elements {
        let mut values = element.clone();
        for part in &path {
            let Value::Dict(dict) = &values else {
                return fail(format!(
                    "the key {} should point to a dictionary",
                    print::repr(part)?
                ));
            };
            match dict.get(&Key::new(part.clone())?) {
                Some(found) => values = found.usable()?,
                None if arguments.flag("skip_missing")? => {
                    values = Value::list(Vec::new());
                    break;
                }
                None => {
                    return fail(format!(
                        "could not find {} key in iterated item",
                        print::repr(part)?
                    ));
                }
            }
        }
        if !values.is_sequence() {
            return fail(format!(
                "the key {} should point to a list",
                print::repr(path.last().unwrap_or(&Value::None))?
            ));
        }
        for item in values.items()? {
            limits::items(3)?;
            result.push(Value::tuple(vec![element.clone(), item]));
        }
    }
    Ok(Value::list(result))
}

fn extract(value: &Value, arguments: &Arguments) -> Result<Value> {
    let mut found = operators::item(arguments.needed("container")?, value, || {
        "extract".to_owned()
    })?;
    if let Some(more) = arguments.some("morekeys") {
        let keys = if more.is_sequence() {
            more.items()?
        } else {
            vec![more.clone()]
        };
        for key in keys {
            found = operators::item(&found, &key, || "extract".to_owned())?;
        }
    }
    Ok(found)
}

fn rekey_on_member(value: &Value, arguments: &Arguments) -> Result<Value> {
    let overwrite = match arguments.text_or("duplicates", "error")? {
        "error" => false,
        "overwrite" => true,
        other => {
            return fail(format!(
                "duplicates parameter to rekey_on_member has unknown value {other}"
            ));
        }
    };
    let items = match value {
        Value::Dict(_) => pairs(value, "rekey_on_member")?
            .into_iter()
            .map(|(_, value)| value)
            .collect(),
        Value::List(_) | Value::Tuple(_) => value.items()?,
        _ => return fail("Type is not a valid list, set, or dict"),
    };
    let key = Key::new(arguments.needed("key")?.clone())?;
    let mut result = IndexMap::new();
    for item in items {
        let Value::Dict(dict) = &item else {
            return fail("List item is not a valid dict");
        };
        let Some(member) = dict.get(&key) else {
            return fail(format!("Key {} was not found", print::repr(key.value())?));
        };
        let member = Key::new(member)?;
        if !overwrite && result.contains_key(&member) {
            return fail(format!(
                "Key {} is not unique, cannot convert to dict",
                print::repr(member.value())?
            ));
        }
        result.insert(member, item);
    }
    Ok(Value::from_entries(result))
}

/// community.general's: pairs to a mapping.
fn dict(value: &Value, _: &Arguments) -> Result<Value> {
    crate::python::dict::dict(crate::value::arguments::Given::positional(vec![
        value.clone(),
    ]))
}

fn counted(value: &Value) -> Result<Vec<Value>> {
    match value {
        Value::Text(_) | Value::Range(_) => value.items(),
        _ => sequence(value, "community.general.counter"),
    }
}

/// community.general's: how often each item stands in a list.
fn counter(value: &Value, _: &Arguments) -> Result<Value> {
    let mut counts: IndexMap<Key, i64> = IndexMap::new();
    for item in counted(value)? {
        *counts.entry(Key::new(item)?).or_default() += 1;
    }
    Ok(Value::from_entries(
        counts
            .into_iter()
            .map(|(key, count)| (key, Value::Int(count)))
            .collect(),
    ))
}
