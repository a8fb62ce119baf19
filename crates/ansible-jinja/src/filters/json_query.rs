//! `json_query`: JMESPath, as Python's library evaluates it.

use jmespath::ast::{Ast, Comparator};

use crate::filters::Filter;
use crate::python::operators;
use crate::value::arguments::Arguments;
use crate::value::error::{Error, Result, fail};
use crate::value::{Key, Value, limits, number, print};

pub const FILTERS: &[Filter] = &[("json_query", &["expr"], json_query)];

/// Brackets and signs that one expression may have.
const MAX_LEVELS: usize = 300;
/// The longest expression, in bytes.
const MAX_LENGTH: usize = 8 * 1024;

fn json_query(value: &Value, arguments: &Arguments) -> Result<Value> {
    let text = arguments.needed_text("expr")?;
    // The parser goes one level down the stack for each.
    let levels = text.bytes().filter(|byte| b"([{!&".contains(byte)).count();
    if levels > MAX_LEVELS || text.len() > MAX_LENGTH {
        return Err(Error::unsupported(
            format!(
                "this expression for `json_query` has more than {MAX_LEVELS} brackets or {MAX_LENGTH} bytes"
            ),
            "Make several of it.",
        ));
    }
    let tree = jmespath::parse(text).map_err(|error| {
        let reason = error.to_string();
        Error::failed(format!(
            "JMESPathError in json_query filter plugin: {}",
            reason.lines().next().unwrap_or_default()
        ))
    })?;
    evaluate(&tree, value)
}

/// What JMESPath takes for false: nothing, and what is empty; no number is.
fn is_false(value: &Value) -> bool {
    match value {
        Value::None => true,
        Value::Bool(value) => !value,
        Value::Text(_) | Value::List(_) | Value::Dict(_) => {
            value.len().is_ok_and(|length| length == 0)
        }
        _ => false,
    }
}

fn list(value: &Value) -> Result<Option<Vec<Value>>> {
    match value {
        Value::List(_) => value.items().map(Some),
        _ => Ok(None),
    }
}

fn evaluate(tree: &Ast, value: &Value) -> Result<Value> {
    limits::step(1 + value.weight())?;
    let made = limits::deeper(|| node(tree, value))?;
    limits::step(made.weight())?;
    Ok(made)
}

fn node(tree: &Ast, value: &Value) -> Result<Value> {
    Ok(match tree {
        Ast::Identity { .. } => value.clone(),
        Ast::Field { name, .. } => match value {
            Value::Dict(dict) => match dict.get(&Key::text(name)) {
                Some(found) => found.usable()?,
                None => Value::None,
            },
            _ => Value::None,
        },
        Ast::Index { idx, .. } => match list(value)? {
            Some(_) => {
                operators::subscript(value, &Value::Int(i64::from(*idx)))?.unwrap_or(Value::None)
            }
            None => Value::None,
        },
        Ast::Literal { value, .. } => {
            let text = serde_json::to_string(&**value).unwrap_or_default();
            let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            print::from_json(&json)
        }
        Ast::Subexpr { lhs, rhs, .. } => evaluate(rhs, &evaluate(lhs, value)?)?,
        Ast::And { lhs, rhs, .. } => {
            let left = evaluate(lhs, value)?;
            if is_false(&left) {
                left
            } else {
                evaluate(rhs, value)?
            }
        }
        Ast::Or { lhs, rhs, .. } => {
            let left = evaluate(lhs, value)?;
            if is_false(&left) {
                evaluate(rhs, value)?
            } else {
                left
            }
        }
        Ast::Not { node, .. } => Value::Bool(is_false(&evaluate(node, value)?)),
        Ast::Condition {
            predicate, then, ..
        } => {
            if is_false(&evaluate(predicate, value)?) {
                Value::None
            } else {
                evaluate(then, value)?
            }
        }
        Ast::Comparison {
            comparator,
            lhs,
            rhs,
            ..
        } => compared(comparator, &evaluate(lhs, value)?, &evaluate(rhs, value)?)?,
        Ast::Flatten { node, .. } => match list(&evaluate(node, value)?)? {
            Some(items) => {
                let mut flat = Vec::new();
                for item in items {
                    match list(&item)? {
                        Some(inner) => flat.extend(inner),
                        None => flat.push(item),
                    }
                }
                limits::items(flat.len())?;
                Value::list(flat)
            }
            None => Value::None,
        },
        Ast::ObjectValues { node, .. } => match evaluate(node, value)?.pairs() {
            Some(pairs) => Value::list(pairs.into_iter().map(|(_, value)| value).collect()),
            None => Value::None,
        },
        Ast::Projection { lhs, rhs, .. } => match list(&evaluate(lhs, value)?)? {
            Some(items) => {
                let mut kept = Vec::new();
                for item in items {
                    let found = evaluate(rhs, &item)?;
                    if !found.is_none() {
                        limits::items(1)?;
                        kept.push(found);
                    }
                }
                Value::list(kept)
            }
            None => Value::None,
        },
        Ast::MultiList { elements, .. } => match value {
            Value::None => Value::None,
            _ => {
                limits::items(elements.len())?;
                Value::list(
                    elements
                        .iter()
                        .map(|element| evaluate(element, value))
                        .collect::<Result<_>>()?,
                )
            }
        },
        Ast::MultiHash { elements, .. } => match value {
            Value::None => Value::None,
            _ => {
                let pairs = elements
                    .iter()
                    .map(|pair| Ok((Value::text(&pair.key), evaluate(&pair.value, value)?)));
                Value::dict(pairs.collect::<Result<_>>()?)?
            }
        },
        Ast::Slice {
            start, stop, step, ..
        } => match list(value)? {
            Some(_) => {
                let bound = |bound: Option<i32>| {
                    bound.map_or(Value::None, |bound| Value::Int(i64::from(bound)))
                };
                operators::slice(
                    value,
                    &[bound(*start), bound(*stop), Value::Int(i64::from(*step))],
                )?
            }
            None => Value::None,
        },
        Ast::Expref { .. } => return fail("an expression `&…` stands in functions only"),
        Ast::Function { name, args, .. } => function(name, args, value)?,
    })
}

fn compared(comparator: &Comparator, left: &Value, right: &Value) -> Result<Value> {
    let is_number = |value: &Value| value.is_number() && !matches!(value, Value::Bool(_));
    let equal = || -> Result<bool> {
        // A boolean is no number there.
        if matches!(left, Value::Bool(_)) != matches!(right, Value::Bool(_)) {
            return Ok(false);
        }
        left.equals(right)
    };
    let operator = match comparator {
        Comparator::Equal => return Ok(Value::Bool(equal()?)),
        Comparator::NotEqual => return Ok(Value::Bool(!equal()?)),
        Comparator::LessThan => "<",
        Comparator::LessThanEqual => "<=",
        Comparator::GreaterThan => ">",
        Comparator::GreaterThanEqual => ">=",
    };
    let comparable = |value: &Value| is_number(value) || matches!(value, Value::Text(_));
    if !comparable(left) || !comparable(right) {
        return Ok(Value::None);
    }
    operators::compare(operator, left, right).map(Value::Bool)
}

fn function(name: &str, args: &[Ast], value: &Value) -> Result<Value> {
    // Texts and numbers from files of variables carry marks there, which these functions take for unknown types.
    if matches!(
        name,
        "sort_by" | "max" | "min" | "max_by" | "min_by" | "sort" | "sum" | "avg"
    ) {
        return Err(Error::unsupported(
            format!("`{name}` of `json_query` fails with Ansible for values from variables"),
            "Use the filters `sort`, `max`, `min` or `sum` behind it.",
        ));
    }
    if name == "map" {
        let [Ast::Expref { ast, .. }, items] = args else {
            return fail("invalid arity for function map()");
        };
        let Some(items) = list(&evaluate(items, value)?)? else {
            return fail("In function map(), invalid type for value, expected one of: ['array']");
        };
        return items
            .iter()
            .map(|item| evaluate(ast, item))
            .collect::<Result<Vec<_>>>()
            .map(Value::list);
    }
    let args: Vec<Value> = args
        .iter()
        .map(|arg| evaluate(arg, value))
        .collect::<Result<_>>()?;
    let wrong = |expected: &str| {
        fail(format!(
            "In function {name}(), invalid type for value, expected one of: [{expected}]"
        ))
    };
    let float = |value: &Value| number::float(value);
    Ok(match (name, args.as_slice()) {
        ("length", [Value::Text(_) | Value::List(_) | Value::Dict(_)]) => {
            Value::from(args[0].len()?)
        }
        ("length", [_]) => return wrong("'string', 'array', 'object'"),
        ("keys", [Value::Dict(_)]) => Value::list(args[0].iterate()?),
        ("values", [Value::Dict(_)]) => Value::list(
            args[0]
                .pairs()
                .unwrap_or_default()
                .into_iter()
                .map(|(_, value)| value)
                .collect(),
        ),
        ("keys" | "values", [_]) => return wrong("'object'"),
        ("not_null", [_, ..]) => args
            .iter()
            .find(|value| !value.is_none())
            .cloned()
            .unwrap_or(Value::None),
        ("type", [value]) => Value::text(match value {
            Value::None => "null",
            Value::Bool(_) => "boolean",
            Value::Text(_) => "string",
            Value::List(_) => "array",
            Value::Dict(_) => "object",
            _ => "number",
        }),
        ("to_string", [Value::Text(_)]) => args[0].clone(),
        ("to_string", [_]) => {
            let separators = Value::tuple(vec![Value::text(","), Value::text(":")]);
            let given = crate::value::arguments::Given {
                positional: Vec::new(),
                named: vec![("separators".to_owned(), separators)],
            };
            crate::filters::call("to_json", args[0].clone(), given)?.usable()?
        }
        ("to_number", [Value::Text(text)]) => number::parse_integer(text, 10)
            .map(Value::big)
            .or_else(|| number::parse_float(text).map(Value::Float))
            .unwrap_or(Value::None),
        ("to_number", [number]) if number.is_number() && !matches!(number, Value::Bool(_)) => {
            number.clone()
        }
        ("to_number", [_]) => Value::None,
        ("to_array", [Value::List(_)]) => args[0].clone(),
        ("to_array", [_]) => Value::list(vec![args[0].clone()]),
        ("contains", [Value::Text(text), Value::Text(part)]) => Value::Bool(text.contains(&**part)),
        ("contains", [Value::List(_), item]) => Value::Bool(args[0].contains(item)?),
        ("contains", [_, _]) => return wrong("'array', 'string'"),
        ("starts_with", [Value::Text(text), Value::Text(part)]) => {
            Value::Bool(text.starts_with(&**part))
        }
        ("ends_with", [Value::Text(text), Value::Text(part)]) => {
            Value::Bool(text.ends_with(&**part))
        }
        ("starts_with" | "ends_with", [_, _]) => return wrong("'string'"),
        ("join", [Value::Text(between), Value::List(_)]) => {
            let texts = args[1].items()?;
            let texts: Option<Vec<&str>> = texts.iter().map(Value::as_str).collect();
            match texts {
                Some(texts) => {
                    let between_all = texts.len().saturating_mul(between.len());
                    let own: usize = texts.iter().map(|text| text.len()).sum();
                    limits::text(own.saturating_add(between_all))?;
                    Value::from(texts.join(between))
                }
                None => return wrong("'array-string'"),
            }
        }
        ("reverse", [Value::Text(text)]) => {
            limits::text(text.len())?;
            Value::from(text.chars().rev().collect::<String>())
        }
        ("reverse", [Value::List(_)]) => {
            let mut items = args[0].items()?;
            items.reverse();
            Value::list(items)
        }
        ("merge", [_, ..]) => {
            let mut pairs = Vec::new();
            for arg in &args {
                match arg.pairs() {
                    Some(more) => {
                        limits::items(3 * more.len())?;
                        pairs.extend(more);
                    }
                    None => return wrong("'object'"),
                }
            }
            Value::dict(pairs)?
        }
        ("abs", [number]) if number.is_number() => {
            if let Value::Float(float) = number {
                Value::Float(float.abs())
            } else {
                Value::big(
                    number::integer(number)
                        .unwrap_or_default()
                        .magnitude()
                        .clone()
                        .into(),
                )
            }
        }
        ("ceil" | "floor", [number]) if number.is_number() => {
            let float = float(number)?;
            number::truncated(if name == "ceil" {
                float.ceil()
            } else {
                float.floor()
            })
            .unwrap_or(Value::None)
        }
        ("abs" | "ceil" | "floor", [_]) => return wrong("'number'"),
        (
            "length" | "keys" | "values" | "type" | "to_string" | "to_number" | "to_array"
            | "contains" | "starts_with" | "ends_with" | "join" | "reverse" | "merge" | "abs"
            | "ceil" | "floor" | "not_null",
            _,
        ) => return fail(format!("invalid arity or type for function {name}()")),
        _ => return fail(format!("Unknown function: {name}()")),
    })
}
