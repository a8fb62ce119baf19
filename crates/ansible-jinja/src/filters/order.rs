//! Filters that put items in an order, as Python does: numbers with numbers, texts with texts.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::filters::{Filter, attribute_of, folded};
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::object::Object;
use crate::value::order::sorted;
use crate::value::{Key, Value, limits, print};

pub const JINJA: &[Filter] = &[
    ("sort", &["reverse", "case_sensitive", "attribute"], sort),
    ("dictsort", &["case_sensitive", "by", "reverse"], dictsort),
    (
        "groupby",
        &["attribute", "default", "case_sensitive"],
        groupby,
    ),
];

pub const FILTERS: &[Filter] = &[
    ("min", &["case_sensitive", "attribute"], min),
    ("max", &["case_sensitive", "attribute"], max),
    ("unique", &["case_sensitive", "attribute"], unique),
    (
        "groupby",
        &["attribute", "default", "case_sensitive"],
        groupby,
    ),
];

/// What items are compared by: themselves or their attributes, texts in small letters unless asked otherwise.
fn key_of(
    arguments: &Arguments,
    several: bool,
) -> Result<impl Fn(&Value) -> Result<Value> + use<>> {
    let sensitive = arguments.flag("case_sensitive")?;
    let paths: Option<Vec<Value>> = match arguments.some("attribute") {
        None => None,
        Some(Value::Text(text)) if several => Some(text.split(',').map(Value::text).collect()),
        Some(path) => Some(vec![path.clone()]),
    };
    Ok(move |item: &Value| {
        let fold = |value: Value| if sensitive { Ok(value) } else { folded(value) };
        match &paths {
            None => fold(item.clone()),
            Some(paths) => {
                let mut keys = paths
                    .iter()
                    .map(|path| attribute_of(item, path)?.usable().and_then(fold))
                    .collect::<Result<Vec<_>>>()?;
                Ok(if keys.len() == 1 && !several {
                    keys.remove(0)
                } else {
                    Value::list(keys)
                })
            }
        }
    })
}

fn sort(value: &Value, arguments: &Arguments) -> Result<Value> {
    let key = key_of(arguments, true)?;
    sorted(value.items()?, key, arguments.switch("reverse")?).map(Value::list)
}

fn dictsort(value: &Value, arguments: &Arguments) -> Result<Value> {
    let sensitive = arguments.flag("case_sensitive")?;
    let position = match arguments.text_or("by", "key")? {
        "key" => 0,
        "value" => 1,
        _ => return fail("You can only sort by either \"key\" or \"value\""),
    };
    let Some(pairs) = value.pairs() else {
        return fail(format!(
            "`dictsort` needs a mapping, not {}",
            print::article(value)
        ));
    };
    value.check_values()?;
    let items = pairs
        .into_iter()
        .map(|(key, value)| Value::tuple(vec![key, value]))
        .collect();
    let key = |pair: &Value| {
        let part = pair.iterate()?.swap_remove(position);
        if sensitive { Ok(part) } else { folded(part) }
    };
    sorted(items, key, arguments.switch("reverse")?).map(Value::list)
}

/// The first item that none goes before.
fn extreme(value: &Value, arguments: &Arguments, wanted: Ordering) -> Result<Value> {
    let key = key_of(arguments, false)?;
    let mut best: Option<(Value, Value)> = None;
    let operator = if wanted == Ordering::Less { "<" } else { ">" };
    for item in value.items()? {
        let new = key(&item)?;
        let better = match &best {
            None => true,
            Some((old, _)) => new.order(old, operator)? == Some(wanted),
        };
        if better {
            best = Some((new, item));
        }
    }
    Ok(match best {
        Some((_, item)) => item,
        None => Value::Marker(Rc::new(Error::undefined(
            arguments.callee(),
            "No aggregated item, sequence was empty.",
        ))),
    })
}

fn min(value: &Value, arguments: &Arguments) -> Result<Value> {
    extreme(value, arguments, Ordering::Less)
}

fn max(value: &Value, arguments: &Arguments) -> Result<Value> {
    extreme(value, arguments, Ordering::Greater)
}

fn unique(value: &Value, arguments: &Arguments) -> Result<Value> {
    let fold = !arguments.flag("case_sensitive")?;
    let path = arguments.some("attribute");
    // Only the filter that Ansible falls back to knows lists and mappings, and neither of the two arguments.
    let falls_back =
        path.is_none() && !matches!(arguments.get("case_sensitive"), Some(Value::Bool(false)));
    let mut seen: Vec<Value> = Vec::new();
    let mut hashed = indexmap::IndexSet::new();
    let mut result = Vec::new();
    for item in value.items()? {
        let key = match path {
            Some(path) => attribute_of(&item, path)?.usable()?,
            None => item.clone(),
        };
        let key = if fold { folded(key)? } else { key };
        match Key::new(key.clone()) {
            Ok(key) => {
                if hashed.insert(key) {
                    result.push(item);
                }
            }
            Err(error) if !falls_back => return Err(error),
            Err(_) => {
                limits::step(seen.len())?;
                let mut known = false;
                for other in &seen {
                    known = known || other.equals(&key)?;
                }
                if !known {
                    seen.push(key);
                    result.push(item);
                }
            }
        }
    }
    Ok(Value::list(result))
}

/// A group: a pair that also has names.
struct Group {
    grouper: Value,
    list: Value,
}

impl Object for Group {
    fn type_name(&self) -> &'static str {
        "_GroupTuple"
    }

    fn text(&self) -> Result<String> {
        print::repr(&Value::tuple(vec![self.grouper.clone(), self.list.clone()]))
    }

    fn attribute(&self, name: &str) -> Option<Result<Value>> {
        match name {
            "grouper" => Some(Ok(self.grouper.clone())),
            "list" => Some(Ok(self.list.clone())),
            _ => None,
        }
    }

    fn item(&self, index: &Value) -> Option<Result<Value>> {
        match index.as_index()? {
            0 | -2 => Some(Ok(self.grouper.clone())),
            1 | -1 => Some(Ok(self.list.clone())),
            _ => None,
        }
    }

    fn iterate(&self) -> Option<Result<Vec<Value>>> {
        Some(Ok(vec![self.grouper.clone(), self.list.clone()]))
    }

    fn len(&self) -> Option<usize> {
        Some(2)
    }
}

fn groupby(value: &Value, arguments: &Arguments) -> Result<Value> {
    let path = arguments.needed("attribute")?;
    let sensitive = arguments.flag("case_sensitive")?;
    // A missing attribute is an error at once in Ansible, whatever the default is.
    let shown = |item: &Value| attribute_of(item, path)?.usable();
    let key = |item: &Value| {
        let value = shown(item)?;
        if sensitive { Ok(value) } else { folded(value) }
    };
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for item in sorted(value.items()?, key, false)? {
        let of = key(&item)?;
        match groups.last_mut() {
            Some((known, items)) if known.equals(&of)? => items.push(item),
            _ => groups.push((of, vec![item])),
        }
    }
    let mut result = Vec::new();
    for (of, items) in groups {
        // Without case, a group is called as its first item writes it.
        let grouper = if sensitive { of } else { shown(&items[0])? };
        result.push(Value::object(Group {
            grouper,
            list: Value::list(items),
        }));
    }
    Ok(Value::list(result))
}
