//! Between values of templates and YAML.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use yaml_dialects::Data;
use yaml_dialects::pyyaml::emit::{Item, float_text};

use crate::value::error::{Error, Result, fail};
use crate::value::{DateTime, Dict, Key, Lazy, List, Value, encrypted, limits, print};

/// A value as it was read, none of its texts a template.
pub fn plain(data: &Data) -> Result<Value> {
    value(data, &|text| match text {
        Text::Template(text) => Value::text(text),
        Text::Vault(_) => Value::Marker(Rc::new(Error::fatal(
            "encrypted values are read in values of variables only",
        ))),
    })
}

/// A text whose value is made elsewhere.
#[derive(Clone, Copy, Debug)]
pub enum Text<'a> {
    /// It may be a template.
    Template(&'a str),
    /// It is encrypted with ansible-vault.
    Vault(&'a str),
}

/// A value of variables; `make` makes the values of the texts in it.
pub fn value(data: &Data, make: &dyn Fn(Text) -> Value) -> Result<Value> {
    limits::step(1)?;
    Ok(match data {
        Data::Null => Value::None,
        Data::Bool(value) => Value::Bool(*value),
        Data::Int(number) => Value::Int(*number),
        Data::Big(number) => Value::big(number.clone()),
        Data::Float(number) => Value::Float(*number),
        Data::Text(text) => make(Text::Template(text)),
        Data::Literal(text) => Value::text(text),
        Data::Vault(text) => make(Text::Vault(text)),
        Data::Bytes(bytes) => Value::Bytes(Rc::from(bytes.as_slice())),
        Data::Date(date) => Value::Date(*date, true),
        Data::Time(civil, offset) => Value::Time(DateTime {
            civil: *civil,
            offset: *offset,
        }),
        Data::List(items) => Value::List(Rc::new(List {
            items: RefCell::new(
                items
                    .iter()
                    .map(|item| value(item, make))
                    .collect::<Result<_>>()?,
            ),
            given: true,
            asked: Cell::new(false),
        })),
        Data::Map(pairs) => {
            let mut entries = indexmap::IndexMap::with_capacity(pairs.len());
            for (key, item) in pairs {
                entries.insert(Key::new(plain(key)?)?, value(item, make)?);
            }
            Value::Dict(Rc::new(Dict {
                entries: RefCell::new(entries),
                given: true,
            }))
        }
        Data::Set(items) => Value::set(items.iter().map(plain).collect::<Result<_>>()?)?,
        Data::Unreadable(problem) => Value::Marker(Rc::new(Error::fatal(problem.message()))),
    })
}

/// A value that is made when it is first asked for.
pub fn lazy(make: impl Fn() -> Value + 'static) -> Value {
    Value::Lazy(Rc::new(Lazy {
        make: Box::new(make),
        made: OnceCell::new(),
    }))
}

/// A value as `to_yaml` writes it. Its keys are sorted as PyYAML does: not at all where they have no order.
pub fn dumped(value: &Value, sort_keys: bool) -> Result<Item> {
    item(value, sort_keys, 0)
}

fn item(value: &Value, sort_keys: bool, depth: usize) -> Result<Item> {
    limits::items(4)?;
    limits::step(1)?;
    if depth > 150 {
        return fail("this value is nested too deep, or holds itself");
    }
    let identity = |pointer: *const ()| pointer as usize;
    let all = |items: &[Value]| -> Result<Vec<Item>> {
        items
            .iter()
            .map(|inner| item(inner, sort_keys, depth + 1))
            .collect()
    };
    if let Some(text) = encrypted::text_of(value) {
        return match text.bytes().all(|byte| matches!(byte, b'\n' | b'!'..=b'~')) {
            true => Ok(Item::Vault(text.to_string())),
            false => Err(Error::unsupported(
                "an encrypted text with blanks cannot be written by `to_yaml`",
                "Encrypt it again with ansible-vault.",
            )),
        };
    }
    Ok(match value {
        Value::None => Item::Plain("null", "null".to_owned()),
        Value::Bool(value) => Item::Plain("bool", value.to_string()),
        Value::Float(number) => Item::Plain("float", float_text(*number)),
        Value::Time(DateTime {
            offset: Some(offset),
            ..
        }) if offset.seconds() % 60 != 0 => {
            return Err(Error::unsupported(
                "a time whose offset from UTC has seconds is not supported in `to_yaml`",
                "Make a text of it: `.strftime('%Y-%m-%d')`.",
            ));
        }
        Value::Date(_, _) | Value::Time(_) => Item::Plain("timestamp", print::text(value)?),
        number if number.is_number() => Item::Plain("int", print::text(number)?),
        Value::Text(text) => Item::Text(text.to_string()),
        Value::Bytes(bytes) => Item::Bytes(bytes.to_vec()),
        Value::List(list) => Item::List(identity(Rc::as_ptr(list).cast()), all(&value.items()?)?),
        Value::Tuple(items) => Item::List(identity(items.as_ptr().cast()), all(&value.items()?)?),
        Value::Set(set) => Item::Set(identity(Rc::as_ptr(set).cast()), all(&value.items()?)?),
        Value::Dict(dict) => {
            let mut pairs = value.pairs().unwrap_or_default();
            if sort_keys {
                let keys = pairs.iter().map(|(key, _)| key.clone()).collect();
                if let Ok(keys) = crate::value::order::sorted(keys, |key| Ok(key.clone()), false) {
                    let mut by_key: indexmap::IndexMap<Key, Value> = pairs
                        .into_iter()
                        .map(|(key, item)| Ok((Key::new(key)?, item)))
                        .collect::<Result<_>>()?;
                    pairs = keys
                        .into_iter()
                        .map(|key| {
                            let item = by_key
                                .swap_remove(&Key::new(key.clone())?)
                                .unwrap_or(Value::None);
                            Ok((key, item))
                        })
                        .collect::<Result<_>>()?;
                }
            }
            let pairs = pairs.iter().map(|(key, inner)| {
                Ok((
                    item(key, sort_keys, depth + 1)?,
                    item(inner, sort_keys, depth + 1)?,
                ))
            });
            Item::Map(
                identity(Rc::as_ptr(dict).cast()),
                pairs.collect::<Result<_>>()?,
            )
        }
        Value::Object(object) if object.iterate().is_some() => {
            let items = object.iterate().unwrap_or_else(|| Ok(Vec::new()))?;
            Item::List(identity(Rc::as_ptr(object).cast()), all(&items)?)
        }
        Value::Marker(error) => return Err((**error).clone()),
        Value::Lazy(lazy) => item(&lazy.value(), sort_keys, depth)?,
        other => {
            return fail(format!(
                "cannot represent {} in YAML",
                print::article(other)
            ));
        }
    })
}

/// A value that variables can hold.
pub fn of(value: &Value) -> Result<Data> {
    limits::items(2)?;
    Ok(match value {
        Value::None => Data::Null,
        Value::Bool(value) => Data::Bool(*value),
        Value::Int(number) => Data::Int(*number),
        Value::Big(number) => Data::Big((**number).clone()),
        Value::Float(number) => Data::Float(*number),
        Value::Text(text) => Data::Literal(text.to_string()),
        Value::Bytes(bytes) => Data::Bytes(bytes.to_vec()),
        Value::Date(date, _) => Data::Date(*date),
        Value::Time(time) => Data::Time(time.civil, time.offset),
        Value::Dict(_) => {
            let pairs = value.pairs().unwrap_or_default();
            let pairs = pairs.iter().map(|(key, item)| Ok((of(key)?, of(item)?)));
            Data::Map(pairs.collect::<Result<_>>()?)
        }
        Value::List(_) | Value::Tuple(_) => {
            Data::List(value.items()?.iter().map(of).collect::<Result<_>>()?)
        }
        Value::Marker(error) => return Err((**error).clone()),
        other => {
            return Err(Error::failed(format!(
                "a variable cannot hold {}",
                print::article(other)
            )));
        }
    })
}
