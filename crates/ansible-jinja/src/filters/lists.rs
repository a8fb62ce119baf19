//! community.general's filters on lists, and the order of versions.

use indexmap::{IndexMap, IndexSet};

use crate::filters::data::merged;
use crate::filters::{Filter, sequence};
use crate::predicates;
use crate::python::operators;
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::order::sorted;
use crate::value::{Key, Value, limits, number, print};

pub const COMMUNITY: &[Filter] = &[
    ("accumulate", &[], accumulate),
    ("dict_kv", &["key"], dict_kv),
    ("groupby_as_dict", &["attribute"], groupby_as_dict),
    ("lists_union", &["*", "flatten"], union),
    ("lists_intersect", &["*", "flatten"], intersect),
    ("lists_difference", &["*", "flatten"], difference),
    (
        "lists_symmetric_difference",
        &["*", "flatten"],
        symmetric_difference,
    ),
    (
        "lists_mergeby",
        &["*", "recursive", "list_merge"],
        lists_mergeby,
    ),
    ("version_sort", &["reverse"], version_sort),
];

pub const UTILS: &[Filter] = &[(
    "index_of",
    &["test", "value", "key", "fail_on_missing", "wantlist"],
    index_of,
)];

/// What Python calls a sequence: lists, and also texts and ranges.
fn python_sequence(value: &Value, filter: &str) -> Result<Vec<Value>> {
    match value {
        Value::Text(_) | Value::List(_) | Value::Tuple(_) | Value::Range(_) => value.items(),
        other => fail(format!(
            "`{filter}` needs a list, not {}",
            print::article(other)
        )),
    }
}

/// Items to look for, those that can be keys by their hash.
#[derive(Default)]
struct Members {
    hashed: IndexSet<Key>,
    others: Vec<Value>,
}

impl Members {
    fn of(items: impl IntoIterator<Item = Value>) -> Result<Self> {
        let mut members = Self::default();
        for item in items {
            members.insert(item)?;
        }
        Ok(members)
    }

    /// Whether it was not there yet.
    fn insert(&mut self, item: Value) -> Result<bool> {
        if self.contains(&item)? {
            return Ok(false);
        }
        match Key::new(item.clone()) {
            Ok(key) => {
                self.hashed.insert(key);
            }
            Err(_) => self.others.push(item),
        }
        Ok(true)
    }

    fn contains(&self, item: &Value) -> Result<bool> {
        limits::step(1)?;
        if let Ok(key) = Key::new(item.clone()) {
            return Ok(self.hashed.contains(&key));
        }
        limits::step(self.others.len())?;
        for other in &self.others {
            if other.equals(item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn without_duplicates(items: Vec<Value>) -> Result<Vec<Value>> {
    let mut members = Members::default();
    let mut kept = Vec::new();
    for item in items {
        if members.insert(item.clone())? {
            kept.push(item);
        }
    }
    Ok(kept)
}

/// The items that stand in the others, or those that do not.
fn filtered(items: Vec<Value>, others: Vec<Value>, wanted: bool) -> Result<Vec<Value>> {
    let others = Members::of(others)?;
    let mut kept = Vec::new();
    for item in items {
        if others.contains(&item)? == wanted {
            kept.push(item);
        }
    }
    Ok(kept)
}

/// The lists of a call; `flatten` unfolds a list of lists.
fn lists(value: &Value, arguments: &Arguments) -> Result<Vec<Value>> {
    let all = std::iter::once(value).chain(&arguments.rest);
    if !arguments.flag("flatten")? {
        return Ok(all.cloned().collect());
    }
    let mut flat = Vec::new();
    for list in all {
        let items = sequence(list, arguments.callee())?;
        if items.iter().all(Value::is_sequence) {
            flat.extend(items);
        } else {
            flat.push(list.clone());
        }
    }
    Ok(flat)
}

/// Goes from list to list; one list alone is given back as it is.
fn folded(
    value: &Value,
    arguments: &Arguments,
    first: fn(&Value) -> Result<Value>,
    next: fn(&Value, &Value) -> Result<Value>,
) -> Result<Value> {
    let lists = lists(value, arguments)?;
    let mut rest = lists.iter();
    let Some(head) = rest.next() else {
        return Ok(Value::list(Vec::new()));
    };
    if lists.len() == 1 {
        return Ok(head.clone());
    }
    rest.try_fold(first(head)?, |result, list| next(&result, list))
}

fn joined(one: &Value, two: &Value) -> Result<Value> {
    operators::binary("+", one, two)
}

fn distinct(list: &Value) -> Result<Value> {
    without_duplicates(list.items()?).map(Value::list)
}

fn union(value: &Value, arguments: &Arguments) -> Result<Value> {
    let single = lists(value, arguments)?.len() < 2;
    let all = folded(value, arguments, |list| Ok(list.clone()), joined)?;
    if single { Ok(all) } else { distinct(&all) }
}

fn intersect(value: &Value, arguments: &Arguments) -> Result<Value> {
    folded(value, arguments, distinct, |one, two| {
        filtered(one.items()?, two.items()?, true).map(Value::list)
    })
}

fn difference(value: &Value, arguments: &Arguments) -> Result<Value> {
    folded(value, arguments, distinct, |one, two| {
        filtered(one.items()?, two.items()?, false).map(Value::list)
    })
}

fn symmetric_difference(value: &Value, arguments: &Arguments) -> Result<Value> {
    folded(
        value,
        arguments,
        |list| Ok(list.clone()),
        |one, two| {
            let both = filtered(one.items()?, two.items()?, true)?;
            let all = without_duplicates(joined(one, two)?.items()?)?;
            filtered(all, both, false).map(Value::list)
        },
    )
}

/// Sums of the first item, the first two, and so on.
fn accumulate(value: &Value, _: &Arguments) -> Result<Value> {
    let mut sums: Vec<Value> = Vec::new();
    for item in python_sequence(value, "accumulate")? {
        let sum = match sums.last() {
            Some(last) => operators::binary("+", last, &item)?,
            None => item,
        };
        sums.push(sum);
    }
    Ok(Value::list(sums))
}

fn dict_kv(value: &Value, arguments: &Arguments) -> Result<Value> {
    Value::dict(vec![(arguments.needed("key")?.clone(), value.clone())])
}

fn groupby_as_dict(value: &Value, arguments: &Arguments) -> Result<Value> {
    let attribute = Key::new(arguments.needed("attribute")?.clone())?;
    let mut groups = IndexMap::new();
    for (index, item) in python_sequence(value, "groupby_as_dict")?
        .into_iter()
        .enumerate()
    {
        let Value::Dict(dict) = &item else {
            return fail(format!("Sequence element #{index} is not a mapping"));
        };
        let Some(of) = dict.get(&attribute) else {
            return fail(format!(
                "Attribute not contained in element #{index} of sequence"
            ));
        };
        let of = Key::new(of)?;
        if groups.contains_key(&of) {
            return fail(format!(
                "Multiple sequence entries have attribute value {}",
                print::repr(of.value())?
            ));
        }
        groups.insert(of, item);
    }
    Ok(Value::from_entries(groups))
}

/// Merges mappings of several lists that agree in one member.
fn lists_mergeby(value: &Value, arguments: &Arguments) -> Result<Value> {
    let mut terms: Vec<&Value> = std::iter::once(value).chain(&arguments.rest).collect();
    let Some(index) = terms.pop().filter(|_| !terms.is_empty()) else {
        return fail("At least one list and index are needed.");
    };
    let mut lists = Vec::new();
    for term in terms {
        let items = python_sequence(term, "lists_mergeby")?;
        let nested = |item: &Value| python_sequence(item, "lists_mergeby").is_ok();
        if items.is_empty() {
            continue;
        }
        if items.iter().all(nested) {
            lists.extend(items);
        } else {
            lists.push(term.clone());
        }
    }
    let Some(mut result) = lists.pop() else {
        return Ok(Value::list(Vec::new()));
    };
    if lists.is_empty() {
        return Ok(result);
    }
    let Value::Text(name) = index else {
        return fail("the last argument of `lists_mergeby` must be the name of a member");
    };
    let key = Key::text(name);
    while let Some(list) = lists.pop() {
        let mut groups: IndexMap<Key, IndexMap<Key, Value>> = IndexMap::new();
        for item in list.items()?.into_iter().chain(result.items()?) {
            let Value::Dict(dict) = &item else {
                return fail("Elements of list arguments for lists_mergeby must be dictionaries");
            };
            let Some(of) = dict.get(&key) else {
                continue;
            };
            let known = groups.entry(Key::new(of)?).or_default();
            let high = dict.entries.borrow().clone();
            known.extend(merged(known.clone(), high, arguments)?);
        }
        let groups = groups.into_values().map(Value::from_entries).collect();
        let by = |item: &Value| Ok(item.member(name).unwrap_or(Value::None));
        result = Value::list(sorted(groups, by, false)?);
    }
    Ok(result)
}

/// The parts of a version by which Python's `LooseVersion` compares.
fn version(value: &Value) -> Result<Value> {
    let Value::Text(text) = value else {
        return fail(format!(
            "`version_sort` needs texts, not {}",
            print::article(value)
        ));
    };
    let kind = |character: char| match character {
        '.' => 0,
        'a'..='z' => 1,
        digit if digit.is_ascii_digit() => 2,
        other if other.is_numeric() => 3,
        _ => 4,
    };
    let mut parts = Vec::new();
    let mut rest = &**text;
    while let Some(first) = rest.chars().next() {
        let end = rest
            .find(|next| kind(next) != kind(first))
            .unwrap_or(rest.len());
        let (part, tail) = rest.split_at(end);
        rest = tail;
        match kind(first) {
            0 => {}
            2 => parts.push(number::parse_integer(part, 10).map_or(Value::None, Value::big)),
            3 => {
                return Err(Error::unsupported(
                    "`version_sort` with digits of other scripts is not supported",
                    "Write versions with the digits 0 to 9.",
                ));
            }
            _ => parts.push(Value::text(part)),
        }
    }
    Ok(Value::list(parts))
}

fn version_sort(value: &Value, arguments: &Arguments) -> Result<Value> {
    let items = value.items()?;
    let empty = |item: &Value| !item.truth().unwrap_or(true);
    if items.iter().any(empty) {
        return if items.len() == 1 {
            Ok(Value::list(items))
        } else {
            fail("`version_sort` cannot compare a version that is empty")
        };
    }
    sorted(items, version, arguments.flag("reverse")?).map(Value::list)
}

/// Where in a list the items stand for which a test holds.
fn index_of(value: &Value, arguments: &Arguments) -> Result<Value> {
    let items = sequence(value, "index_of")?;
    let given = arguments.needed_text("test")?;
    let (name, inverted) = if let Some(rest) = given.strip_prefix('!') {
        let name = rest.trim_start_matches('!');
        (if name == "=" { "==" } else { name }, true)
    } else if given.starts_with("not ") {
        // Ansible strips these letters, not the word.
        (given.trim_start_matches(['n', 'o', 't', ' ']), true)
    } else {
        (given, false)
    };
    if !predicates::exists(name) {
        return fail(format!("the test '{name}' was not found"));
    }
    let right = match arguments.some("value") {
        Some(right) if name == "in" && !matches!(right, Value::List(_)) => {
            Some(Value::list(vec![right.clone()]))
        }
        right => right.cloned(),
    };
    let key = arguments.text("key")?.map(Key::text);
    let boolean = |name: &str| match arguments.some(name) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(Error::unsupported(
            format!("the argument `{name}` of `index_of` must be true or false"),
            format!("Write `{name}=true`."),
        )),
    };
    let (fail_on_missing, wantlist) = (boolean("fail_on_missing")?, boolean("wantlist")?);
    let mut found = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let entry = match (&key, item) {
            (None, item) => item.clone(),
            (Some(key), Value::Dict(dict)) => match dict.get(key) {
                Some(entry) => entry,
                None if fail_on_missing => {
                    return fail(format!(
                        "{} was not found in the item {index}",
                        print::repr(key.value())?
                    ));
                }
                None => continue,
            },
            _ => return fail("with a key, `index_of` needs a list of mappings"),
        };
        let given = crate::value::arguments::Given::positional(right.iter().cloned().collect());
        if predicates::call(name, entry, given)?.truth()? != inverted {
            found.push(Value::from(index));
        }
    }
    Ok(match found.as_slice() {
        [one] if !wantlist => one.clone(),
        _ => Value::list(found),
    })
}
