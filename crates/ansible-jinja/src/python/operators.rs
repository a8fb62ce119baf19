//! Python's operators, and Jinja2's way from a value to its attributes and items.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::python::{format, methods};
use crate::value::error::{Error, Result, fail};
use crate::value::{Key, List, Range, Value, limits, markup, number, print};

/// `a.name`: an attribute or method, then a key.
pub fn attribute(value: &Value, name: &str, shown: impl Fn() -> String) -> Result<Value> {
    match value {
        Value::Marker(_) => return Ok(value.clone()),
        Value::Nothing => {
            return Err(Error::undefined(
                shown(),
                "the inline `if` has no `else`, and nothing is there to look into",
            ));
        }
        _ => {}
    }
    if let Some(found) = methods::attribute(value, name) {
        return found;
    }
    let item = match value {
        Value::Dict(dict) => dict.get(&Key::text(name)),
        Value::Object(object) => match object.item(&Value::text(name)) {
            Some(item) => return item,
            None => None,
        },
        _ => None,
    };
    Ok(item.unwrap_or_else(|| undefined(value, name, shown())))
}

/// `a[index]`: an item, then an attribute.
pub fn item(value: &Value, index: &Value, shown: impl Fn() -> String) -> Result<Value> {
    // The characters of a text are counted.
    if let Value::Text(_) = value {
        limits::step(value.weight())?;
    }
    match (value, index) {
        (Value::Marker(_), _) => return Ok(value.clone()),
        (_, Value::Marker(error)) => return Err((**error).clone()),
        (Value::Nothing, _) => {
            return Err(Error::undefined(
                shown(),
                "the inline `if` has no `else`, and nothing is there to look into",
            ));
        }
        _ => {}
    }
    if let Some(found) = subscript(value, index)? {
        return Ok(found);
    }
    if let Some(name) = index.as_str()
        && let Some(found) = methods::attribute(value, name)
    {
        return found;
    }
    Ok(undefined(value, &print::text(index)?, shown()))
}

/// Python's `value[index]`, none where there is no such item.
pub fn subscript(value: &Value, index: &Value) -> Result<Option<Value>> {
    let place = |length: usize| {
        let index = index.as_index()?;
        let index = if index < 0 {
            index.checked_add(i64::try_from(length).ok()?)?
        } else {
            index
        };
        usize::try_from(index).ok().filter(|index| *index < length)
    };
    Ok(match value {
        Value::Dict(dict) => match Key::new(index.clone()) {
            Ok(key) => dict.get(&key),
            Err(_) => None,
        },
        Value::List(list) => {
            let items = list.items.borrow();
            let item = place(items.len()).map(|index| items[index].clone());
            list.asked.set(true);
            drop(items);
            item.map(Value::forced)
        }
        Value::Tuple(items) => place(items.len()).map(|index| items[index].clone().forced()),
        Value::Text(text) if text.is_ascii() => {
            place(text.len()).map(|index| Value::text(&text[index..=index]))
        }
        Value::Text(text) => {
            let index = place(text.chars().count());
            index
                .and_then(|index| text.chars().nth(index))
                .map(|character| Value::from(character.to_string()))
        }
        Value::Bytes(bytes) => place(bytes.len()).map(|index| Value::Int(i64::from(bytes[index]))),
        Value::Range(range) => place(range.len()).and_then(|index| range.get(index)),
        Value::Object(object) => object.item(index).transpose()?,
        Value::Lazy(lazy) => return subscript(&lazy.value(), index),
        _ => None,
    })
}

/// What is not there.
pub fn undefined(value: &Value, name: &str, shown: String) -> Value {
    let of = match value {
        Value::Dict(_) => "a mapping without this key".to_owned(),
        Value::List(_) | Value::Tuple(_) => {
            format!("a list of {} items", value.len().unwrap_or_default())
        }
        other => print::article(other),
    };
    let holder = shown
        .rfind(['.', '['])
        .filter(|at| *at > 0 && !shown.contains('…'))
        .map(|at| shown[..at].to_owned());
    let mut error = match holder {
        Some(holder) => Error::unknown_because(&shown, format!("'{holder}' is {of}")),
        None => Error::unknown_name(&shown),
    };
    // That may be asked often, with a default: what it takes counts, and without steps left there is no hint.
    let is_small = limits::step(value.weight()).is_ok();
    if let Some(pairs) = value.pairs().filter(|_| is_small) {
        let keys: Vec<String> = pairs
            .iter()
            .filter_map(|(key, _)| key.as_str().map(str::to_owned))
            .collect();
        let letters: usize = keys.iter().map(String::len).sum();
        let is_small = limits::step(letters.saturating_mul(name.len()) / 64).is_ok();
        if is_small
            && let Some(near) = crate::suggest::nearest(name, keys.iter().map(String::as_str))
        {
            error = error.hint(format!("Did you mean '{near}'?"));
        }
    }
    Value::Marker(Rc::new(error))
}

/// `a[start:stop:step]`.
pub fn slice(value: &Value, bounds: &[Value; 3]) -> Result<Value> {
    for bound in bounds {
        bound.check()?;
        if !bound.is_none() && bound.as_index().is_none() {
            return fail("slice indices must be integers or None");
        }
    }
    // The items that are wanted, as a range of their places.
    let indices = |length: usize| -> Result<Range> {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let step = bounds[2].as_index().unwrap_or(1);
        if step == 0 {
            return fail("slice step cannot be zero");
        }
        let (low, high) = if step > 0 {
            (0, length)
        } else {
            (-1, length - 1)
        };
        let bound = |value: &Value, default: i64| match value.as_index() {
            None => default,
            Some(index) if index < 0 => (index.saturating_add(length)).max(low),
            Some(index) => index.min(high),
        };
        let (start, stop) = if step > 0 {
            (bound(&bounds[0], low), bound(&bounds[1], high))
        } else {
            (bound(&bounds[0], high), bound(&bounds[1], low))
        };
        Ok(Range { start, stop, step })
    };
    let places = |wanted: Range| {
        (0..wanted.len()).filter_map(move |index| {
            usize::try_from(wanted.start + index as i64 * wanted.step).ok()
        })
    };
    Ok(match value {
        Value::Marker(_) => value.clone(),
        Value::Text(text) => {
            let characters: Vec<char> = text.chars().collect();
            limits::text(text.len())?;
            Value::from(
                places(indices(characters.len())?)
                    .map(|index| characters[index])
                    .collect::<String>(),
            )
        }
        Value::Bytes(bytes) => {
            limits::text(bytes.len())?;
            Value::Bytes(
                places(indices(bytes.len())?)
                    .map(|index| bytes[index])
                    .collect(),
            )
        }
        Value::List(list) => {
            let items = list.items.borrow().clone();
            limits::items(items.len())?;
            Value::List(Rc::new(List {
                items: places(indices(items.len())?)
                    .map(|index| items[index].clone())
                    .collect::<Vec<_>>()
                    .into(),
                given: list.given,
                asked: list.asked.clone(),
            }))
        }
        Value::Tuple(items) => {
            limits::items(items.len())?;
            Value::tuple(
                places(indices(items.len())?)
                    .map(|index| items[index].clone())
                    .collect(),
            )
        }
        Value::Range(range) => {
            let step = bounds[2].as_index().unwrap_or(1);
            let wanted = indices(range.len())?;
            let start = places(wanted).next().and_then(|index| range.get(index));
            let start = start
                .and_then(|value| value.as_index())
                .unwrap_or(range.start);
            let step = range.step.saturating_mul(step);
            Value::Range(Range {
                start,
                stop: start.saturating_add(step.saturating_mul(wanted.len() as i64)),
                step,
            })
        }
        Value::Lazy(lazy) => return slice(&lazy.value(), bounds),
        Value::Dict(_) => return fail("unhashable type: 'slice'"),
        other => {
            return fail(format!(
                "'{}' object is not subscriptable",
                other.type_name()
            ));
        }
    })
}

/// A comparison.
pub fn compare(operator: &str, left: &Value, right: &Value) -> Result<bool> {
    Ok(match operator {
        "==" => left.equals(right)?,
        "!=" => !left.equals(right)?,
        "in" => right.contains(left)?,
        "not in" => !right.contains(left)?,
        _ => {
            let order = left.order(right, operator)?;
            match operator {
                "<" => order == Some(Ordering::Less),
                "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
                ">" => order == Some(Ordering::Greater),
                _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            }
        }
    })
}

/// `-a` and `+a`.
pub fn unary(sign: &str, value: &Value) -> Result<Value> {
    value.check()?;
    if let Value::Delta(delta) = value {
        return Ok(Value::Delta(if sign == "-" { -*delta } else { *delta }));
    }
    let zero = match value {
        Value::Float(number) => {
            return Ok(Value::Float(if sign == "-" { -number } else { *number }));
        }
        value if value.is_number() => Value::Int(0),
        _ => {
            return fail(format!(
                "bad operand type for unary {sign}: '{}'",
                value.type_name()
            ));
        }
    };
    binary(sign, &zero, value)
}

/// Arithmetic, and what Python's texts and collections make of its operators.
pub fn binary(operator: &str, left: &Value, right: &Value) -> Result<Value> {
    left.check()?;
    right.check()?;
    if let Some(result) = number::calculate(operator, left, right) {
        return result;
    }
    match (operator, left, right) {
        ("%", Value::Text(format), _) => {
            let text = format::percent(format, right).map(Value::from)?;
            return match markup::mark_of(left) {
                Some(_) => markup::joined(text, [left, right].into_iter()),
                None => Ok(text),
            };
        }
        ("+", Value::Text(one), Value::Text(two)) => {
            limits::text(one.len() + two.len())?;
            let text = Value::from(format!("{one}{two}"));
            return markup::joined(text, [left, right].into_iter());
        }
        ("+", Value::List(_), Value::List(_)) => {
            let mut items = raw_items(left);
            items.extend(raw_items(right));
            limits::items(items.len())?;
            // Some of its items may be counted wrongly, some not.
            let given = matches!(left, Value::List(list) if list.given)
                || matches!(right, Value::List(list) if list.given);
            return Ok(Value::List(Rc::new(List {
                items: items.into(),
                given,
                asked: true.into(),
            })));
        }
        ("+", Value::Tuple(_), Value::Tuple(_)) => {
            let mut items = left.iterate()?;
            items.extend(right.iterate()?);
            return Ok(Value::tuple(items));
        }
        ("*", sequence, count) | ("*", count, sequence)
            if matches!(sequence, Value::Text(_) | Value::List(_) | Value::Tuple(_))
                && count.as_index().is_some() =>
        {
            let repeated = repeat(sequence, count.as_index().unwrap_or_default())?;
            return markup::joined(repeated, std::iter::once(sequence));
        }
        ("-", Value::Set(_), Value::Set(two)) => {
            let two = two.entries.borrow();
            let kept = left
                .items()?
                .into_iter()
                .filter(|item| Key::new(item.clone()).is_ok_and(|key| !two.contains_key(&key)));
            return Value::set(kept.collect());
        }
        ("+", Value::Date(date, given), Value::Delta(delta))
        | ("+", Value::Delta(delta), Value::Date(date, given)) => {
            let days = print::delta_parts(*delta).0;
            return date
                .checked_add(jiff::Span::new().days(days))
                .map(|date| Value::Date(date, *given))
                .map_err(|_| out_of_range());
        }
        ("-", Value::Date(one, _), Value::Date(two, _)) => {
            let days = one.duration_since(*two);
            return Ok(Value::Delta(days));
        }
        ("+" | "-", Value::Time(time), Value::Delta(delta))
        | ("+", Value::Delta(delta), Value::Time(time)) => {
            let delta = if operator == "-" { -*delta } else { *delta };
            let mut time = *time;
            time.civil = time.civil.checked_add(delta).map_err(|_| out_of_range())?;
            return Ok(Value::Time(time));
        }
        ("-", Value::Time(one), Value::Time(two))
            if one.offset.is_some() == two.offset.is_some() =>
        {
            let shift =
                |offset: Option<jiff::tz::Offset>| offset.map_or(0, jiff::tz::Offset::seconds);
            let shift = i64::from(shift(two.offset)) - i64::from(shift(one.offset));
            let between = one.civil.duration_since(two.civil);
            return Ok(Value::Delta(
                between + jiff::SignedDuration::from_secs(shift),
            ));
        }
        ("-", Value::Time(_), Value::Time(_)) => {
            return fail("can't subtract offset-naive and offset-aware datetimes");
        }
        ("+", Value::Delta(one), Value::Delta(two)) => return Ok(Value::Delta(*one + *two)),
        ("-", Value::Delta(one), Value::Delta(two)) => return Ok(Value::Delta(*one - *two)),
        ("/", Value::Delta(one), Value::Delta(two)) if !two.is_zero() => {
            return Ok(Value::Float(one.as_secs_f64() / two.as_secs_f64()));
        }
        ("*", Value::Delta(delta), count) | ("*", count, Value::Delta(delta))
            if count.as_index().is_some() =>
        {
            let count =
                i32::try_from(count.as_index().unwrap_or_default()).map_err(|_| out_of_range())?;
            return delta
                .checked_mul(count)
                .map(Value::Delta)
                .ok_or_else(out_of_range);
        }
        _ => {}
    }
    if operator == "+" && matches!(left, Value::Text(_)) {
        return fail(format!(
            "can only concatenate str (not \"{}\") to str",
            right.type_name()
        ))
        .map_err(|error: Error| {
            error.hint("Use `~`, which makes texts of both, or the filter `string`.")
        });
    }
    fail(format!(
        "unsupported operand type(s) for {operator}: '{}' and '{}'",
        left.type_name(),
        right.type_name()
    ))
}

fn out_of_range() -> Error {
    Error::failed("date value out of range")
}

/// The items, those not asked for yet as they are.
fn raw_items(value: &Value) -> Vec<Value> {
    match value {
        Value::List(list) => list.items.borrow().clone(),
        _ => Vec::new(),
    }
}

fn repeat(sequence: &Value, count: i64) -> Result<Value> {
    let count = usize::try_from(count).unwrap_or(0);
    match sequence {
        Value::Text(text) => {
            limits::text(text.len().saturating_mul(count))?;
            Ok(Value::from(text.repeat(count)))
        }
        Value::Tuple(items) => {
            limits::items(items.len().saturating_mul(count))?;
            Ok(Value::tuple(repeated(items, count)))
        }
        _ => {
            let items = raw_items(sequence);
            limits::items(items.len().saturating_mul(count))?;
            Ok(Value::list(repeated(&items, count)))
        }
    }
}

fn repeated(items: &[Value], count: usize) -> Vec<Value> {
    std::iter::repeat_n(items, count)
        .flatten()
        .cloned()
        .collect()
}
