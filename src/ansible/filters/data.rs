//! Filters on lists and dictionaries.

use minijinja::Error;
use minijinja::value::{Value, ValueKind};

use super::arguments::Arguments;
use super::{Filter, fail};
use crate::ansible::python;

pub const FILTERS: &[Filter] = &[
    ("combine", &["*", "recursive", "list_merge"], combine),
    ("dict2items", &["key_name", "value_name"], dict2items),
    ("items2dict", &["key_name", "value_name"], items2dict),
    ("flatten", &["levels", "skip_nulls"], flatten),
    ("union", &["b"], union),
    ("intersect", &["b"], intersect),
    ("difference", &["b"], difference),
    ("symmetric_difference", &["b"], symmetric_difference),
    ("zip", &["*"], zip),
    ("subelements", &["subelements", "skip_missing"], subelements),
];

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

fn list(value: &Value, filter: &str) -> Result<Vec<Value>, Error> {
    if value.is_undefined() {
        return Err(python::undefined(value));
    }
    if !is_list(value) {
        return Err(fail(format!(
            "`{filter}` needs a list, not a {}",
            value.kind()
        )));
    }
    Ok(value.try_iter()?.collect())
}

/// A dictionary's pairs in their order.
fn pairs(value: &Value, filter: &str) -> Result<Vec<(Value, Value)>, Error> {
    if value.is_undefined() {
        return Err(python::undefined(value));
    }
    if value.kind() != ValueKind::Map {
        return Err(fail(format!(
            "`{filter}` needs a dictionary, not a {}",
            value.kind()
        )));
    }
    value
        .try_iter()?
        .map(|key| value.get_item(&key).map(|item| (key, item)))
        .collect()
}

fn dictionary(pairs: Vec<(Value, Value)>) -> Value {
    pairs
        .into_iter()
        .collect::<indexmap::IndexMap<Value, Value>>()
        .into_iter()
        .collect::<ValuePairs>()
        .0
}

/// Collects pairs with keys of any type into a dictionary.
struct ValuePairs(Value);

impl FromIterator<(Value, Value)> for ValuePairs {
    fn from_iter<I: IntoIterator<Item = (Value, Value)>>(pairs: I) -> Self {
        Self(Value::from_pairs(pairs))
    }
}

fn combine(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let recursive = arguments.flag("recursive");
    let lists = arguments
        .text("list_merge")?
        .unwrap_or_else(|| "replace".to_owned());
    if !matches!(
        lists.as_str(),
        "replace" | "keep" | "append" | "prepend" | "append_rp" | "prepend_rp"
    ) {
        return Err(fail(format!("`combine` has no list_merge `{lists}`")));
    }
    let mut dictionaries = Vec::new();
    for term in std::iter::once(value).chain(&arguments.rest) {
        if is_list(term) {
            dictionaries.extend(
                list(term, "combine")?
                    .into_iter()
                    .filter(|item| !item.is_none()),
            );
        } else {
            dictionaries.push(term.clone());
        }
    }
    let mut result = dictionary(Vec::new());
    for (index, dictionary) in dictionaries.iter().enumerate() {
        pairs(dictionary, "combine")?;
        result = if index == 0 {
            dictionary.clone()
        } else {
            merge(&result, dictionary, recursive, &lists)?
        };
    }
    Ok(result)
}

fn merge(low: &Value, high: &Value, recursive: bool, lists: &str) -> Result<Value, Error> {
    let mut merged: indexmap::IndexMap<Value, Value> = pairs(low, "combine")?.into_iter().collect();
    for (key, value) in pairs(high, "combine")? {
        let value = match merged.get(&key) {
            Some(old)
                if recursive && old.kind() == ValueKind::Map && value.kind() == ValueKind::Map =>
            {
                merge(old, &value, recursive, lists)?
            }
            Some(old) if is_list(old) && is_list(&value) => merge_lists(old, &value, lists)?,
            _ => value,
        };
        merged.insert(key, value);
    }
    Ok(dictionary(merged.into_iter().collect()))
}

fn merge_lists(low: &Value, high: &Value, how: &str) -> Result<Value, Error> {
    let (low, high) = (list(low, "combine")?, list(high, "combine")?);
    let without = |items: &[Value], others: &[Value]| {
        items
            .iter()
            .filter(|item| !others.contains(item))
            .cloned()
            .collect::<Vec<_>>()
    };
    Ok(Value::from(match how {
        "keep" => low,
        "append" => [low, high].concat(),
        "prepend" => [high, low].concat(),
        "append_rp" => [without(&low, &high), high].concat(),
        "prepend_rp" => {
            let low = without(&low, &high);
            [high, low].concat()
        }
        _ => high,
    }))
}

fn names(arguments: &Arguments) -> Result<(String, String), Error> {
    Ok((
        arguments
            .text("key_name")?
            .unwrap_or_else(|| "key".to_owned()),
        arguments
            .text("value_name")?
            .unwrap_or_else(|| "value".to_owned()),
    ))
}

fn dict2items(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let (key_name, value_name) = names(arguments)?;
    Ok(pairs(value, "dict2items")?
        .into_iter()
        .map(|(key, value)| {
            Value::from_pairs([(key_name.clone(), key), (value_name.clone(), value)])
        })
        .collect())
}

fn items2dict(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let (key_name, value_name) = names(arguments)?;
    let mut result = Vec::new();
    for item in list(value, "items2dict")? {
        let (key, value) = (item.get_attr(&key_name)?, item.get_attr(&value_name)?);
        if key.is_undefined() || value.is_undefined() {
            return Err(fail(format!(
                "`items2dict` needs the keys `{key_name}` and `{value_name}` in every item"
            )));
        }
        result.push((key, value));
    }
    Ok(dictionary(result))
}

fn flatten(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let skip_nulls = arguments.get("skip_nulls").is_none_or(python::truth);
    let mut result = Vec::new();
    flatten_into(value, arguments.number("levels")?, skip_nulls, &mut result)?;
    Ok(Value::from(result))
}

fn flatten_into(
    value: &Value,
    levels: Option<i64>,
    skip_nulls: bool,
    result: &mut Vec<Value>,
) -> Result<(), Error> {
    for item in list(value, "flatten")? {
        let null = item.is_none() || matches!(item.as_str(), Some("None" | "null"));
        if skip_nulls && null {
            continue;
        }
        if is_list(&item) && levels.is_none_or(|levels| levels >= 1) {
            flatten_into(&item, levels.map(|levels| levels - 1), skip_nulls, result)?;
        } else {
            result.push(item);
        }
    }
    Ok(())
}

fn unique(items: impl IntoIterator<Item = Value>) -> Value {
    let mut result: Vec<Value> = Vec::new();
    for item in items {
        if !result.contains(&item) {
            result.push(item);
        }
    }
    Value::from(result)
}

fn both(
    value: &Value,
    arguments: &Arguments,
    filter: &str,
) -> Result<(Vec<Value>, Vec<Value>), Error> {
    Ok((list(value, filter)?, list(arguments.needed("b")?, filter)?))
}

/// Ansible gives what its sets give: sorted for the smallest whole numbers, in an order of chance for texts, and in
/// another order of its own for other numbers, which is refused.
fn as_set(result: Value, filter: &str) -> Result<Value, Error> {
    let mut items: Vec<Value> = result.try_iter()?.collect();
    let numbers = |item: &Value| matches!(item.kind(), ValueKind::Number | ValueKind::Bool);
    if items.len() > 1 && items.iter().all(numbers) {
        let small = |item: &Value| {
            item.is_integer() && u8::try_from(item.clone()).is_ok_and(|number| number < 8)
        };
        if !items.iter().all(small) {
            return Err(fail(format!(
                "the order in which `{filter}` gives these numbers is not supported"
            )));
        }
        items.sort();
    }
    Ok(Value::from(items))
}

fn union(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let (a, b) = both(value, arguments, "union")?;
    as_set(unique(a.into_iter().chain(b)), "union")
}

fn intersect(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let (a, b) = both(value, arguments, "intersect")?;
    as_set(
        unique(a.into_iter().filter(|item| b.contains(item))),
        "intersect",
    )
}

fn difference(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let (a, b) = both(value, arguments, "difference")?;
    as_set(
        unique(a.into_iter().filter(|item| !b.contains(item))),
        "difference",
    )
}

fn symmetric_difference(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let (a, b) = both(value, arguments, "symmetric_difference")?;
    let only_a: Vec<Value> = a.iter().filter(|item| !b.contains(item)).cloned().collect();
    let only_b = b.into_iter().filter(|item| !a.contains(item));
    as_set(
        unique(only_a.into_iter().chain(only_b)),
        "symmetric_difference",
    )
}

fn zip(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let mut lists = vec![list(value, "zip")?];
    for other in &arguments.rest {
        lists.push(list(other, "zip")?);
    }
    let length = lists.iter().map(Vec::len).min().unwrap_or(0);
    Ok((0..length)
        .map(|index| {
            Value::from(
                lists
                    .iter()
                    .map(|list| list[index].clone())
                    .collect::<Vec<_>>(),
            )
        })
        .collect())
}

fn subelements(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let elements: Vec<Value> = match value.kind() {
        ValueKind::Map => pairs(value, "subelements")?
            .into_iter()
            .map(|(_, value)| value)
            .collect(),
        _ => list(value, "subelements")?,
    };
    let path = arguments.needed("subelements")?;
    let path: Vec<String> = if is_list(path) {
        list(path, "subelements")?
            .iter()
            .map(python::text)
            .collect::<Result<_, _>>()?
    } else {
        python::text(path)?.split('.').map(str::to_owned).collect()
    };
    let mut result = Vec::new();
    for element in elements {
        let mut values = element.clone();
        for part in &path {
            values = values.get_attr(part)?;
            if values.is_undefined() {
                if arguments.flag("skip_missing") {
                    values = Value::from(Vec::<Value>::new());
                    break;
                }
                return Err(fail(format!(
                    "`subelements` finds no key `{part}` in an element"
                )));
            }
        }
        for item in list(&values, "subelements")? {
            result.push(Value::from(vec![element.clone(), item]));
        }
    }
    Ok(Value::from(result))
}
