//! Filters that choose and rename the keys of mappings, and paths to what mappings hold.
//!
//! community.general's look at a list of mappings, ansible.utils' go down to any depth.

use indexmap::IndexMap;

use crate::filters::Filter;
use crate::python::regex::Pattern;
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Key, Value, limits, print};

pub const COMMUNITY: &[Filter] = &[
    ("keep_keys", &["target", "matching_parameter"], keep_listed),
    (
        "remove_keys",
        &["target", "matching_parameter"],
        remove_listed,
    ),
    (
        "replace_keys",
        &["target", "matching_parameter"],
        replace_listed,
    ),
];

pub const UTILS: &[Filter] = &[
    ("keep_keys", &["target", "matching_parameter"], keep),
    ("remove_keys", &["target", "matching_parameter"], remove),
    ("replace_keys", &["target", "matching_parameter"], replace),
    ("to_paths", &["prepend", "wantlist"], to_paths),
];

type Entries = IndexMap<Key, Value>;

/// How a key is compared with what is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    Equal,
    Start,
    End,
    Regex,
}

impl Match {
    fn read(arguments: &Arguments, equal: Option<&str>) -> Result<Self> {
        match (arguments.text("matching_parameter")?, equal) {
            (None, _) => Ok(Self::Equal),
            (Some(given), Some(equal)) if given == equal => Ok(Self::Equal),
            (Some("starts_with"), _) => Ok(Self::Start),
            (Some("ends_with"), _) => Ok(Self::End),
            (Some("regex"), _) => Ok(Self::Regex),
            (Some(other), _) => fail(format!("`matching_parameter` cannot be '{other}'")),
        }
    }

    fn holds(self, key: &Value, wanted: &str) -> Result<bool> {
        limits::step(1)?;
        let Value::Text(key) = key else {
            return match self {
                Self::Equal => Ok(false),
                _ => fail(format!("a key is {}, not a text", print::article(key))),
            };
        };
        match self {
            Self::Equal => Ok(&**key == wanted),
            Self::Start => Ok(key.starts_with(wanted)),
            Self::End => Ok(key.ends_with(wanted)),
            Self::Regex => Pattern::new(wanted, false, false)?.matches_start(key),
        }
    }

    fn any(self, key: &Value, wanted: &[String]) -> Result<bool> {
        for wanted in wanted {
            if self.holds(key, wanted)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The mappings of a list, all of whose keys must be texts.
fn mappings(value: &Value, filter: &str) -> Result<Vec<Entries>> {
    let items = match value {
        Value::Text(_) | Value::List(_) | Value::Tuple(_) | Value::Range(_) => value.items()?,
        _ => {
            return fail(format!(
                "`{filter}` needs a list of mappings, not {}",
                print::article(value)
            ));
        }
    };
    let mut all = Vec::new();
    for item in items {
        let Value::Dict(dict) = &item else {
            return fail(format!(
                "`{filter}` needs a list of mappings, not of {}",
                item.type_name()
            ));
        };
        let entries = dict.entries.borrow().clone();
        if !entries
            .keys()
            .all(|key| matches!(key.value(), Value::Text(_)))
        {
            return fail(format!("`{filter}` needs texts as keys"));
        }
        all.push(entries);
    }
    Ok(all)
}

fn texts(value: &Value) -> Result<Vec<String>> {
    let text = |item: &Value| match item {
        Value::Text(text) => Ok(text.to_string()),
        other => fail(format!(
            "the items of `target` must be texts, not {}",
            print::article(other)
        )),
    };
    match value {
        Value::Text(_) => Ok(vec![text(value)?]),
        Value::List(_) | Value::Tuple(_) => value.items()?.iter().map(text).collect(),
        _ => fail("`target` must be a text or a list of texts"),
    }
}

fn listed(value: &Value, arguments: &Arguments, wanted: bool) -> Result<Value> {
    let mappings = mappings(value, arguments.callee())?;
    let matching = Match::read(arguments, Some("equal"))?;
    let target = texts(arguments.needed("target")?)?;
    if target.is_empty() || target == [""] && arguments.needed_text("target").is_ok() {
        return fail("`target` must not be empty");
    }
    if matching == Match::Regex && target.len() > 1 {
        return fail("with `matching_parameter='regex'` there can be one target only");
    }
    let mut result = Vec::new();
    for entries in mappings {
        let mut kept = Entries::new();
        for (key, item) in entries {
            if matching.any(key.value(), &target)? == wanted {
                kept.insert(key, item);
            }
        }
        result.push(Value::from_entries(kept));
    }
    Ok(Value::list(result))
}

fn keep_listed(value: &Value, arguments: &Arguments) -> Result<Value> {
    listed(value, arguments, true)
}

fn remove_listed(value: &Value, arguments: &Arguments) -> Result<Value> {
    listed(value, arguments, false)
}

/// Pairs of what is looked for and what stands there afterwards.
fn renamings(arguments: &Arguments) -> Result<Vec<(String, String)>> {
    let Value::List(_) = arguments.needed("target")? else {
        return fail("`target` must be a list of mappings with `before` and `after`");
    };
    let items = arguments.needed("target")?.items()?;
    if items.is_empty() {
        return fail("`target` must not be empty");
    }
    let member = |item: &Value, name: &str| match item.member(name) {
        Some(Value::Text(text)) => Ok(text.to_string()),
        _ => fail(format!("each item of `target` needs a text `{name}`")),
    };
    items
        .iter()
        .map(|item| Ok((member(item, "before")?, member(item, "after")?)))
        .collect()
}

fn replace_listed(value: &Value, arguments: &Arguments) -> Result<Value> {
    let mappings = mappings(value, arguments.callee())?;
    let matching = Match::read(arguments, Some("equal"))?;
    let renamings = renamings(arguments)?;
    let mut result = Vec::new();
    for entries in mappings {
        let mut renamed = Entries::new();
        for (key, item) in entries {
            let mut new = key;
            for (before, after) in &renamings {
                if matching.holds(new.value(), before)? {
                    new = Key::text(after);
                    break;
                }
            }
            renamed.insert(new, item);
        }
        result.push(Value::from_entries(renamed));
    }
    Ok(Value::list(result))
}

fn is_container(value: &Value) -> bool {
    matches!(value, Value::List(_) | Value::Dict(_))
}

fn container(value: &Value, filter: &str) -> Result<()> {
    if is_container(value) {
        return Ok(());
    }
    fail(format!(
        "`{filter}` needs a list or mapping, not {}",
        print::article(value)
    ))
}

/// ansible.utils' list of texts, which may also be one text with commas.
fn targets(arguments: &Arguments) -> Result<Vec<String>> {
    match arguments.needed("target")? {
        Value::Text(text) => Ok(text.split(',').map(str::to_owned).collect()),
        other => texts(other),
    }
}

fn is_empty(value: &Value) -> bool {
    is_container(value) && value.len().is_ok_and(|length| length == 0)
}

fn keep(value: &Value, arguments: &Arguments) -> Result<Value> {
    let target = targets(arguments)?;
    let matching = Match::read(arguments, None)?;
    container(value, "keep_keys")?;
    kept(value, &target, matching)
}

fn kept(value: &Value, target: &[String], matching: Match) -> Result<Value> {
    limits::step(target.len())?;
    limits::deeper(|| match value {
        Value::List(_) => value
            .items()?
            .iter()
            .map(|item| kept(item, target, matching))
            .collect::<Result<Vec<_>>>()
            .map(Value::list),
        Value::Dict(_) => {
            let mut result = Entries::new();
            for (key, item) in value.pairs().unwrap_or_default() {
                item.check()?;
                let inner = if is_container(&item) {
                    Some(kept(&item, target, matching)?)
                } else {
                    None
                };
                let mut matched = false;
                for wanted in target {
                    let found = if Match::Equal.holds(&key, wanted)? {
                        Some(item.clone())
                    } else {
                        match &inner {
                            None => matching.holds(&key, wanted)?.then(|| item.clone()),
                            Some(inner @ Value::List(_)) => {
                                let mut items = inner.items()?;
                                items.retain(|item| !is_empty(item));
                                (!items.is_empty()).then(|| Value::list(items))
                            }
                            Some(inner) => (!is_empty(inner)).then(|| inner.clone()),
                        }
                    };
                    if let Some(found) = found {
                        result.insert(Key::new(key.clone())?, found);
                        matched = true;
                    }
                }
                if let (false, Some(inner)) = (matched, inner)
                    && !is_empty(&inner)
                {
                    result.insert(Key::new(key)?, inner);
                }
            }
            Ok(Value::from_entries(result))
        }
        other => Ok(other.clone()),
    })
}

fn remove(value: &Value, arguments: &Arguments) -> Result<Value> {
    let target = targets(arguments)?;
    let matching = Match::read(arguments, None)?;
    container(value, "remove_keys")?;
    removed(value, &target, matching)
}

/// Without the keys, and in lists without what is empty, zero or false, as Ansible clears up.
fn removed(value: &Value, target: &[String], matching: Match) -> Result<Value> {
    limits::deeper(|| match value {
        Value::List(_) => {
            let mut items = Vec::new();
            for item in value.items()? {
                let item = without_keys(&item, target, matching)?;
                if item.truth()? {
                    items.push(removed(&item, target, matching)?);
                }
            }
            Ok(Value::list(items))
        }
        Value::Dict(_) => {
            let mut result = Entries::new();
            for (key, item) in without_keys(value, target, matching)?
                .pairs()
                .unwrap_or_default()
            {
                item.check()?;
                result.insert(Key::new(key)?, removed(&item, target, matching)?);
            }
            Ok(Value::from_entries(result))
        }
        other => Ok(other.clone()),
    })
}

fn without_keys(value: &Value, target: &[String], matching: Match) -> Result<Value> {
    let Value::Dict(dict) = value else {
        return Ok(value.clone());
    };
    let mut result = Entries::new();
    for (key, item) in dict.entries.borrow().iter() {
        if !matching.any(key.value(), target)? {
            result.insert(key.clone(), item.clone());
        }
    }
    Ok(Value::from_entries(result))
}

fn replace(value: &Value, arguments: &Arguments) -> Result<Value> {
    let renamings = renamings(arguments)?;
    let matching = Match::read(arguments, None)?;
    container(value, "replace_keys")?;
    replaced(value, &renamings, matching)
}

/// A renamed key goes to the end, unless its new name stood there before.
fn replaced(value: &Value, renamings: &[(String, String)], matching: Match) -> Result<Value> {
    limits::deeper(|| match value {
        Value::List(_) => value
            .items()?
            .iter()
            .map(|item| replaced(item, renamings, matching))
            .collect::<Result<Vec<_>>>()
            .map(Value::list),
        Value::Dict(dict) => {
            let mut entries = dict.entries.borrow().clone();
            for (before, after) in renamings {
                let keys: Vec<Key> = entries.keys().cloned().collect();
                for key in keys {
                    if matching.holds(key.value(), before)?
                        && let Some(item) = entries.shift_remove(&key)
                    {
                        entries.insert(Key::text(after), item);
                    }
                }
            }
            let mut result = Entries::new();
            for (key, item) in entries {
                result.insert(key, replaced(&item.usable()?, renamings, matching)?);
            }
            Ok(Value::from_entries(result))
        }
        other => Ok(other.clone()),
    })
}

/// Each value with the path that leads to it.
fn to_paths(value: &Value, arguments: &Arguments) -> Result<Value> {
    let wantlist = match arguments.some("wantlist") {
        None => false,
        Some(Value::Bool(flag)) => *flag,
        Some(_) => {
            return Err(Error::unsupported(
                "the argument `wantlist` of `to_paths` must be true or false",
                "Write `wantlist=true`.",
            ));
        }
    };
    let value = match arguments.text("prepend")? {
        None | Some("") => value.clone(),
        Some(name) => Value::record([(name, value.clone())]),
    };
    let paths = if is_empty(&value) {
        value
    } else {
        let mut paths = Entries::new();
        paths_into(&value, "", &mut paths)?;
        Value::from_entries(paths)
    };
    Ok(if wantlist {
        Value::list(vec![paths])
    } else {
        paths
    })
}

fn paths_into(value: &Value, name: &str, paths: &mut Entries) -> Result<()> {
    limits::text(name.len())?;
    limits::deeper(|| {
        match value {
            Value::Dict(_) | Value::List(_) if is_empty(value) => {
                if !name.is_empty() {
                    paths.insert(Key::text(name), value.clone());
                }
            }
            Value::Dict(_) => {
                for (key, item) in value.pairs().unwrap_or_default() {
                    let Value::Text(key) = &key else {
                        return Err(Error::unsupported(
                            "`to_paths` supports texts as keys only",
                            "Quote the keys.",
                        ));
                    };
                    let path = if name.is_empty() {
                        key.to_string()
                    } else if is_name(key) {
                        format!("{name}.{key}")
                    } else {
                        format!("{name}['{key}']")
                    };
                    paths_into(&item.usable()?, &path, paths)?;
                }
            }
            Value::List(_) => {
                for (index, item) in value.items()?.iter().enumerate() {
                    paths_into(item, &format!("{name}[{index}]"), paths)?;
                }
            }
            other => {
                paths.insert(Key::text(name), other.clone());
            }
        }
        Ok(())
    })
}

fn is_name(key: &str) -> bool {
    let key = key.strip_suffix('\n').unwrap_or(key);
    key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && key
            .chars()
            .all(|next| next.is_ascii_alphanumeric() || next == '_')
}
