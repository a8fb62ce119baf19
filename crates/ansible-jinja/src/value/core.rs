//! Values as Python has them: what templates compute with.

use std::cell::{Cell, OnceCell, RefCell};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;

use indexmap::IndexMap;
use num_bigint::BigInt;
use num_traits::ToPrimitive;

use crate::value::error::{Error, Result, fail};
use crate::value::object;
use crate::value::object::Object;
use crate::value::{collect, limits, number, print};

/// A value of a template.
#[derive(Clone)]
pub enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// A whole number beyond 64 bits.
    Big(Rc<BigInt>),
    Float(f64),
    Text(Rc<str>),
    Bytes(Rc<[u8]>),
    List(Rc<List>),
    Tuple(Tuple),
    Dict(Rc<Dict>),
    Set(Rc<Dict>),
    Range(Range),
    /// Of a date that a method made, Ansible says that it is less than no time, and equal to none: the second is false.
    Date(jiff::civil::Date, bool),
    Time(DateTime),
    Delta(jiff::SignedDuration),
    /// Leaves out the entry that it is the value of.
    Omit,
    /// What an inline `if` without `else` gives: it prints nothing.
    Nothing,
    /// Something undefined, or a failure: using it fails.
    Marker(Rc<Error>),
    /// A value within a list or mapping that is a template, not evaluated before it is asked for.
    Lazy(Rc<Lazy>),
    Object(Rc<dyn Object>),
}

/// A date with a time, and the offset from UTC where one is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DateTime {
    pub civil: jiff::civil::DateTime,
    pub offset: Option<jiff::tz::Offset>,
}

/// Python's `range`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub start: i64,
    pub stop: i64,
    pub step: i64,
}

impl Range {
    pub fn len(self) -> usize {
        let (span, step) = if self.step > 0 {
            (
                i128::from(self.stop) - i128::from(self.start),
                i128::from(self.step),
            )
        } else {
            (
                i128::from(self.start) - i128::from(self.stop),
                -i128::from(self.step),
            )
        };
        if span <= 0 {
            0
        } else {
            usize::try_from((span + step - 1) / step).unwrap_or(usize::MAX)
        }
    }

    pub fn get(self, index: usize) -> Option<Value> {
        (index < self.len()).then(|| Value::Int(self.start + index as i64 * self.step))
    }
}

/// A tuple, which nothing can change.
#[derive(Clone)]
pub struct Tuple(Rc<[Value]>);

impl Deref for Tuple {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.0
    }
}

impl Drop for Tuple {
    fn drop(&mut self) {
        if let Some(items) = Rc::get_mut(&mut self.0)
            && items.iter().any(collect::holds_others)
        {
            let items = items.iter_mut();
            collect::within(items.map(|item| std::mem::replace(item, Value::None)));
        }
    }
}

/// A list, which methods can change.
#[derive(Default)]
pub struct List {
    pub items: RefCell<Vec<Value>>,
    /// It is one of Ansible's own lists: it comes from variables, a filter or a call. Such a list counts its items
    /// wrongly until somebody has asked for them.
    pub given: bool,
    pub asked: Cell<bool>,
}

impl Drop for List {
    fn drop(&mut self) {
        if self.items.get_mut().iter().any(collect::holds_others) {
            collect::within(self.items.take());
        }
    }
}

/// A mapping (or the members of a set), which methods can change.
#[derive(Default)]
pub struct Dict {
    pub entries: RefCell<IndexMap<Key, Value>>,
    /// It is one of Ansible's own mappings: it comes from variables, a filter or a call.
    pub given: bool,
}

impl Drop for Dict {
    fn drop(&mut self) {
        let entries = self.entries.get_mut();
        if entries.values().any(collect::holds_others) {
            collect::within(self.entries.take().into_values());
        }
    }
}

/// A key of a mapping. `1`, `1.0` and `true` are one key.
#[derive(Clone)]
pub struct Key(Value);

/// A template in a list or mapping of variables.
pub struct Lazy {
    pub make: Box<dyn Fn() -> Value>,
    pub made: OnceCell<Value>,
}

impl Value {
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Rc::from(text.as_ref()))
    }

    pub fn list(items: Vec<Self>) -> Self {
        Self::List(Rc::new(List {
            items: RefCell::new(items),
            given: false,
            asked: Cell::new(false),
        }))
    }

    pub fn tuple(items: Vec<Self>) -> Self {
        Self::Tuple(Tuple(Rc::from(items)))
    }

    pub fn dict(pairs: Vec<(Self, Self)>) -> Result<Self> {
        let mut entries = IndexMap::new();
        for (key, value) in pairs {
            entries.insert(Key::new(key)?, value);
        }
        Ok(Self::from_entries(entries))
    }

    pub fn from_entries(entries: IndexMap<Key, Self>) -> Self {
        Self::Dict(Rc::new(Dict {
            entries: RefCell::new(entries),
            given: false,
        }))
    }

    pub fn set(items: Vec<Self>) -> Result<Self> {
        let mut entries = IndexMap::new();
        for item in items {
            entries.entry(Key::new(item)?).or_insert(Self::None);
        }
        Ok(Self::Set(Rc::new(Dict {
            entries: RefCell::new(entries),
            given: false,
        })))
    }

    /// A mapping with texts as keys.
    pub fn record<const N: usize>(pairs: [(&str, Self); N]) -> Self {
        Self::from_entries(
            pairs
                .into_iter()
                .map(|(key, value)| (Key::text(key), value))
                .collect(),
        )
    }

    pub fn object(object: impl Object + 'static) -> Self {
        Self::Object(Rc::new(object))
    }

    pub fn big(number: BigInt) -> Self {
        number
            .to_i64()
            .map_or_else(|| Self::Big(Rc::new(number)), Self::Int)
    }

    pub fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::list(texts.into_iter().map(Self::text).collect())
    }

    /// The name of its type in Python.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Big(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Set(_) => "set",
            Self::Range(_) => "range",
            Self::Date(_, _) => "date",
            Self::Time(_) => "datetime",
            Self::Delta(_) => "timedelta",
            Self::Omit => "_OmitType",
            Self::Nothing => "Undefined",
            Self::Marker(error) if error.is_undefined() => "UndefinedMarker",
            Self::Marker(_) => "CapturedExceptionMarker",
            Self::Lazy(lazy) => lazy.value().type_name(),
            Self::Object(object) => object.type_name(),
        }
    }

    /// The value itself: what a lazy one gives.
    pub fn forced(self) -> Self {
        match self {
            Self::Lazy(lazy) => lazy.value(),
            value => value,
        }
    }

    /// The value as filters and calls get and give it: Ansible makes lists and mappings of its own of those that a
    /// template made, so that what is changed in them later does not change the template's.
    pub fn own(self) -> Result<Self> {
        let all = |items: &[Self]| -> Result<Vec<Self>> {
            limits::items(items.len() + 4)?;
            limits::step(items.len() / 8 + 1)?;
            let items = items.iter().cloned();
            items
                .map(|item| limits::with_stack(|| item.own()))
                .collect()
        };
        Ok(match &self {
            Self::List(list) if !list.given => Self::List(Rc::new(List {
                items: RefCell::new(all(&list.items.borrow())?),
                given: true,
                asked: Cell::new(false),
            })),
            Self::Dict(dict) if !dict.given => {
                let entries = dict.entries.borrow();
                limits::items(3 * entries.len() + 4)?;
                limits::step(entries.len() / 8 + 1)?;
                let entries = entries
                    .iter()
                    .map(|(key, item)| {
                        Ok((key.clone(), limits::with_stack(|| item.clone().own())?))
                    })
                    .collect::<Result<_>>()?;
                Self::Dict(Rc::new(Dict {
                    entries: RefCell::new(entries),
                    given: true,
                }))
            }
            Self::Tuple(items)
                if items
                    .iter()
                    .any(|item| matches!(item, Self::List(_) | Self::Dict(_) | Self::Tuple(_))) =>
            {
                Self::tuple(all(items)?)
            }
            _ => self,
        })
    }

    /// The value, unless it is undefined or failed.
    pub fn usable(self) -> Result<Self> {
        match self.forced() {
            Self::Marker(error) => Err((*error).clone()),
            value => Ok(value),
        }
    }

    /// Fails for a value that is undefined or failed.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Marker(error) => Err((**error).clone()),
            Self::Lazy(lazy) => lazy.value().check(),
            _ => Ok(()),
        }
    }

    pub fn is_marker(&self) -> bool {
        matches!(self, Self::Marker(_))
    }

    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn is_number(&self) -> bool {
        matches!(
            self,
            Self::Bool(_) | Self::Int(_) | Self::Big(_) | Self::Float(_)
        )
    }

    pub fn is_sequence(&self) -> bool {
        matches!(self, Self::List(_) | Self::Tuple(_))
    }

    /// Python's `__index__`: a whole number.
    pub fn as_index(&self) -> Option<i64> {
        match self {
            Self::Bool(value) => Some(i64::from(*value)),
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// How many steps one look at all of it counts.
    pub fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len() / 256,
            Self::Bytes(bytes) => bytes.len() / 256,
            Self::List(list) => list.items.borrow().len() / 32,
            Self::Tuple(items) => items.len() / 32,
            Self::Dict(dict) | Self::Set(dict) => dict.entries.borrow().len() / 32,
            // To write it out or read it takes longer the longer it is.
            Self::Big(number) => {
                let digits = number.bits() as usize / 64;
                1 + digits * digits / 64
            }
            _ => 0,
        }
    }

    /// Python's truth.
    pub fn truth(&self) -> Result<bool> {
        Ok(match self {
            Self::None | Self::Nothing => false,
            Self::Bool(value) => *value,
            Self::Int(number) => *number != 0,
            Self::Big(_) | Self::Date(_, _) | Self::Time(_) | Self::Omit => true,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(list) => !list.items.borrow().is_empty(),
            Self::Tuple(items) => !items.is_empty(),
            Self::Dict(dict) | Self::Set(dict) => !dict.entries.borrow().is_empty(),
            Self::Range(range) => range.len() > 0,
            Self::Delta(delta) => !delta.is_zero(),
            Self::Marker(error) => return Err((**error).clone()),
            Self::Lazy(lazy) => return lazy.value().truth(),
            Self::Object(object) => object.len().is_none_or(|length| length > 0),
        })
    }

    /// Python's `len`.
    pub fn len(&self) -> Result<usize> {
        Ok(match self {
            Self::Text(text) => text.chars().count(),
            Self::Bytes(bytes) => bytes.len(),
            Self::List(list) => list.items.borrow().len(),
            Self::Tuple(items) => items.len(),
            Self::Dict(dict) | Self::Set(dict) => dict.entries.borrow().len(),
            Self::Range(range) => range.len(),
            Self::Nothing => 0,
            Self::Marker(error) => return Err((**error).clone()),
            Self::Lazy(lazy) => return lazy.value().len(),
            Self::Object(object) => match object.len() {
                Some(length) => length,
                None => {
                    object::check(self)?;
                    return fail(format!(
                        "object of type '{}' has no len()",
                        object.type_name()
                    ));
                }
            },
            _ => {
                return fail(format!(
                    "object of type '{}' has no len()",
                    self.type_name()
                ));
            }
        })
    }

    /// The items that Python's iteration gives; undefined ones among them.
    pub fn iterate(&self) -> Result<Vec<Self>> {
        let items: Vec<Self> = match self {
            Self::Text(text) => {
                limits::items(text.len())?;
                let mut buffer = [0; 4];
                text.chars()
                    .map(|character| Self::text(character.encode_utf8(&mut buffer)))
                    .collect()
            }
            Self::Bytes(bytes) => bytes
                .iter()
                .map(|byte| Self::Int(i64::from(*byte)))
                .collect(),
            Self::List(list) => {
                let items = list.items.borrow().clone();
                limits::items(items.len())?;
                list.asked.set(true);
                items.into_iter().map(Self::forced).collect()
            }
            Self::Tuple(items) => {
                limits::items(items.len())?;
                items.iter().cloned().map(Self::forced).collect()
            }
            Self::Dict(dict) | Self::Set(dict) => {
                limits::items(dict.entries.borrow().len())?;
                dict.entries
                    .borrow()
                    .keys()
                    .map(|key| key.0.clone())
                    .collect()
            }
            Self::Range(range) => {
                limits::items(range.len())?;
                (0..range.len())
                    .filter_map(|index| range.get(index))
                    .collect()
            }
            Self::Nothing => Vec::new(),
            Self::Marker(error) => return Err((**error).clone()),
            Self::Lazy(lazy) => return lazy.value().iterate(),
            Self::Object(object) => {
                return match object.iterate() {
                    Some(items) => items,
                    None => fail(format!("'{}' object is not iterable", object.type_name())),
                };
            }
            _ => return fail(format!("'{}' object is not iterable", self.type_name())),
        };
        Ok(items)
    }

    /// The items, none of which may be undefined.
    pub fn items(&self) -> Result<Vec<Self>> {
        let items = self.iterate()?;
        items.iter().try_for_each(Self::check)?;
        Ok(items)
    }

    /// The pairs of a mapping, values undefined ones among them.
    pub fn pairs(&self) -> Option<Vec<(Self, Self)>> {
        match self {
            Self::Dict(dict) => {
                let entries: Vec<_> = dict
                    .entries
                    .borrow()
                    .iter()
                    .map(|(key, value)| (key.0.clone(), value.clone()))
                    .collect();
                Some(
                    entries
                        .into_iter()
                        .map(|(key, value)| (key, value.forced()))
                        .collect(),
                )
            }
            Self::Lazy(lazy) => lazy.value().pairs(),
            _ => None,
        }
    }

    /// Fails where a value of a mapping is undefined or failed.
    pub fn check_values(&self) -> Result<()> {
        let pairs = self.pairs().unwrap_or_default();
        pairs.iter().try_for_each(|(_, value)| value.check())
    }

    /// What a mapping holds for a text.
    pub fn member(&self, key: &str) -> Option<Self> {
        match self {
            Self::Dict(dict) => dict.get(&Key::text(key)),
            _ => None,
        }
    }

    /// Whether two values are one and the same object, as far as that can be told.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) | (Self::Omit, Self::Omit) => true,
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::List(one), Self::List(two)) => Rc::ptr_eq(one, two),
            (Self::Dict(one), Self::Dict(two)) => Rc::ptr_eq(one, two),
            (Self::Tuple(one), Self::Tuple(two)) => Rc::ptr_eq(&one.0, &two.0),
            (Self::Text(one), Self::Text(two)) => Rc::ptr_eq(one, two),
            (Self::Int(one), Self::Int(two)) => one == two,
            (Self::Object(one), Self::Object(two)) => Rc::ptr_eq(one, two),
            _ => false,
        }
    }

    /// Python's `==`.
    pub fn equals(&self, other: &Self) -> Result<bool> {
        limits::step(1 + self.weight())?;
        self.check()?;
        other.check()?;
        object::check(self)?;
        object::check(other)?;
        Ok(match (self, other) {
            (Self::Lazy(one), _) => return one.value().equals(other),
            (_, Self::Lazy(two)) => return self.equals(&two.value()),
            (Self::None, Self::None)
            | (Self::Omit, Self::Omit)
            | (Self::Nothing, Self::Nothing) => true,
            (one, two) if one.is_number() && two.is_number() => {
                number::compare(one, two) == Some(Ordering::Equal)
            }
            (Self::Text(one), Self::Text(two)) => one == two,
            (Self::Bytes(one), Self::Bytes(two)) => one == two,
            (Self::List(one), Self::List(two)) if Rc::ptr_eq(one, two) => true,
            (Self::Dict(one), Self::Dict(two)) if Rc::ptr_eq(one, two) => true,
            (Self::List(_), Self::List(_)) | (Self::Tuple(_), Self::Tuple(_)) => {
                if self.len()? != other.len()? {
                    return Ok(false);
                }
                return limits::deeper(|| {
                    for (one, two) in self.items()?.iter().zip(&other.items()?) {
                        if !one.equals(two)? {
                            return Ok(false);
                        }
                    }
                    Ok(true)
                });
            }
            (Self::Dict(one), Self::Dict(two)) => {
                if one.entries.borrow().len() != two.entries.borrow().len() {
                    return Ok(false);
                }
                return limits::deeper(|| {
                    for (key, value) in self.pairs().unwrap_or_default() {
                        match two.get(&Key(key)) {
                            Some(other) if value.equals(&other)? => {}
                            _ => return Ok(false),
                        }
                    }
                    Ok(true)
                });
            }
            (Self::Set(one), Self::Set(two)) => {
                let (one, two) = (one.entries.borrow(), two.entries.borrow());
                one.len() == two.len() && one.keys().all(|key| two.contains_key(key))
            }
            (Self::Range(one), Self::Range(two)) => {
                one.len() == two.len()
                    && (one.len() == 0
                        || one.start == two.start && (one.len() == 1 || one.step == two.step))
            }
            (Self::Date(one, _), Self::Date(two, _)) => one == two,
            // A date looks at no more of a time than its day. A time is equal to no date.
            (Self::Date(one, given), Self::Time(two)) => *given && *one == two.civil.date(),
            (Self::Time(one), Self::Time(two)) => one.order(*two) == Some(Ordering::Equal),
            (Self::Delta(one), Self::Delta(two)) => one == two,
            (Self::Object(one), Self::Object(two)) => Rc::ptr_eq(one, two),
            _ => false,
        })
    }

    /// Python's `<` and its like; fails for what has no order.
    pub fn order(&self, other: &Self, operator: &str) -> Result<Option<Ordering>> {
        limits::step(1 + self.weight().min(other.weight()))?;
        self.check()?;
        other.check()?;
        match (self, other) {
            (Self::Lazy(one), _) => one.value().order(other, operator),
            (_, Self::Lazy(two)) => self.order(&two.value(), operator),
            (one, two) if one.is_number() && two.is_number() => Ok(number::compare(one, two)),
            (Self::Text(one), Self::Text(two)) => Ok(Some(one.chars().cmp(two.chars()))),
            (Self::Bytes(one), Self::Bytes(two)) => Ok(Some(one.cmp(two))),
            (Self::List(_), Self::List(_)) | (Self::Tuple(_), Self::Tuple(_)) => {
                limits::deeper(|| {
                    for (one, two) in self.items()?.iter().zip(&other.items()?) {
                        if !one.equals(two)? {
                            return one.order(two, operator);
                        }
                    }
                    Ok(Some(self.len()?.cmp(&other.len()?)))
                })
            }
            (Self::Set(one), Self::Set(two)) => {
                let (one, two) = (one.entries.borrow(), two.entries.borrow());
                let within = one.keys().all(|key| two.contains_key(key));
                let around = two.keys().all(|key| one.contains_key(key));
                Ok(match (within, around) {
                    (true, true) => Some(Ordering::Equal),
                    (true, false) => Some(Ordering::Less),
                    (false, true) => Some(Ordering::Greater),
                    (false, false) => None,
                })
            }
            (Self::Date(one, _), Self::Date(two, _)) => Ok(Some(one.cmp(two))),
            (Self::Date(one, true), Self::Time(two)) => Ok(Some(one.cmp(&two.civil.date()))),
            (Self::Time(one), Self::Time(two)) if one.offset.is_some() == two.offset.is_some() => {
                Ok(one.order(*two))
            }
            (Self::Delta(one), Self::Delta(two)) => Ok(Some(one.cmp(two))),
            _ => fail(format!(
                "'{operator}' not supported between instances of '{}' and '{}'",
                self.type_name(),
                other.type_name()
            )),
        }
    }

    /// Python's `in`.
    pub fn contains(&self, item: &Self) -> Result<bool> {
        limits::step(1 + self.weight())?;
        self.check()?;
        item.check()?;
        if let Self::Object(object) = self
            && let Some(found) = object.contains(item)
        {
            return found;
        }
        match self {
            Self::Lazy(lazy) => lazy.value().contains(item),
            Self::Text(text) => match item {
                Self::Text(part) => Ok(text.contains(&**part)),
                _ => fail(format!(
                    "'in <string>' requires string as left operand, not {}",
                    item.type_name()
                )),
            },
            Self::Dict(dict) | Self::Set(dict) => {
                let key = Key::new(item.clone())?;
                Ok(dict.entries.borrow().contains_key(&key))
            }
            Self::Range(range) => match item {
                Self::Int(_) | Self::Bool(_) => {
                    let number = item.as_index().unwrap_or_default();
                    let offset = i128::from(number) - i128::from(range.start);
                    Ok(offset % i128::from(range.step) == 0
                        && offset / i128::from(range.step) >= 0
                        && offset / i128::from(range.step) < range.len() as i128)
                }
                Self::Float(number) => Ok((0..range.len().min(1_000_000)).any(|index| {
                    range.start as f64 + (index as f64) * range.step as f64 == *number
                })),
                _ => Ok(false),
            },
            Self::List(_) | Self::Tuple(_) | Self::Object(_) | Self::Nothing | Self::Bytes(_) => {
                for known in self.items()? {
                    if known.is_same(item) || known.equals(item)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => fail(format!(
                "argument of type '{}' is not iterable",
                self.type_name()
            )),
        }
    }
}

impl DateTime {
    fn order(self, other: Self) -> Option<Ordering> {
        match (self.offset, other.offset) {
            (Some(one), Some(two)) => {
                let one = one.to_timestamp(self.civil).ok()?;
                Some(one.cmp(&two.to_timestamp(other.civil).ok()?))
            }
            (None, None) => Some(self.civil.cmp(&other.civil)),
            _ => None,
        }
    }
}

impl Lazy {
    pub fn value(&self) -> Value {
        if let Some(made) = self.made.get() {
            return made.clone();
        }
        // A value that needs itself is made, as an error, while it is being made.
        let value = (self.make)();
        self.made.get_or_init(|| value).clone()
    }
}

impl Dict {
    /// What it holds for a key.
    pub fn get(&self, key: &Key) -> Option<Value> {
        let value = self.entries.borrow().get(key).cloned();
        value.map(Value::forced)
    }
}

impl Key {
    /// A key, which must be something that cannot change.
    pub fn new(value: Value) -> Result<Self> {
        let value = value.usable()?;
        object::check(&value)?;
        match &value {
            Value::List(_) | Value::Dict(_) | Value::Set(_) => {
                return fail(format!("unhashable type: '{}'", value.type_name()));
            }
            Value::Tuple(items) => limits::deeper(|| {
                limits::step(items.len())?;
                items
                    .iter()
                    .try_for_each(|item| Self::new(item.clone()).map(drop))
            })?,
            // It is hashed.
            other => limits::step(other.weight())?,
        }
        Ok(Self(value))
    }

    pub fn text(text: &str) -> Self {
        Self(Value::text(text))
    }

    pub fn value(&self) -> &Value {
        &self.0
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Value::Text(one), Value::Text(two)) => one == two,
            // They are hashed differently.
            (Value::Date(_, _), Value::Time(_)) | (Value::Time(_), Value::Date(_, _)) => false,
            (one, two) => one.equals(two).unwrap_or(false),
        }
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Value::Text(text) => text.hash(state),
            Value::Bytes(bytes) => bytes.hash(state),
            Value::Tuple(items) => limits::with_stack(|| {
                items.iter().for_each(|item| Self(item.clone()).hash(state));
            }),
            Value::Date(date, _) => date.hash(state),
            number if number.is_number() => match number::whole(number) {
                Some(whole) => whole.hash(state),
                None => {
                    if let Value::Float(float) = number {
                        float.to_bits().hash(state);
                    }
                }
            },
            other => other.type_name().hash(state),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match print::repr(self) {
            Ok(text) => f.write_str(&text),
            Err(error) => write!(f, "<{error}>"),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Rc::from(text))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::big(BigInt::from(number))
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::list(items)
    }
}
