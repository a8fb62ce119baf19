//! What `package.schema.json` has against a description, in words for whoever writes one.

use std::sync::LazyLock;

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError, Validator};
use serde_json::Value;

use super::located::Located;
use crate::code::Code;
use crate::problem::Problem;

/// What the types of [`super::description`] say; who holds one against the other is their test.
const SCHEMA: &str = include_str!("package.schema.json");
/// Names that are less alike than this are not proposed.
const ALIKE: f64 = 0.8;

/// Everything that the schema has against it.
///
/// # Errors
/// A defect of the schema.
pub fn problems(located: &Located, value: &Value) -> Result<Vec<Problem>, Problem> {
    let (schema, validator) = READ.as_ref().map_err(|error| {
        Problem::new(Code::Internal, format!("The schema of packages: {error}."))
    })?;
    let errors = validator.iter_errors(value);
    Ok(errors
        .flat_map(|error| of_error(&error, schema, located))
        .collect())
}

/// The schema as it is read once, whatever the number of packages.
static READ: LazyLock<Result<(Value, Validator), String>> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(SCHEMA).map_err(|error| error.to_string())?;
    let validator = jsonschema::validator_for(&schema).map_err(|error| error.to_string())?;
    Ok((schema, validator))
});

fn of_error(error: &ValidationError<'_>, schema: &Value, located: &Located) -> Vec<Problem> {
    let pointer = error.instance_path().as_str();
    let path = path(pointer);
    let here = member(schema, pointer);
    let what = match path.as_str() {
        "" => "The package".to_owned(),
        path => format!("`{path}`"),
    };
    let one = |message: String, hint: Option<String>| {
        let problem = Problem {
            hint: hint.map(Into::into),
            ..Problem::new(Code::PackageInvalid, message)
        };
        vec![located.locate(&path, problem)]
    };
    // What a list is about its items are about.
    let list = pointer.rsplit_once('/').filter(|(_, last)| is_index(last));
    let meaning = || {
        let of_list = || {
            list.and_then(|(list, _)| member(schema, list))
                .and_then(description)
        };
        here.and_then(description).or_else(of_list)
    };
    match error.kind() {
        Kind::Required { property } => {
            let property = property.as_str().unwrap_or_default();
            let of_property = here.and_then(|here| child(schema, here, property));
            one(
                format!("{what} has no `{property}`."),
                of_property.and_then(description),
            )
        }
        Kind::AdditionalProperties { unexpected } => {
            let known = names(schema, here);
            let unknown = |name: &String| {
                let below = match path.as_str() {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                let problem = Problem::new(
                    Code::PackageInvalid,
                    format!("`{below}` is nothing that a package has."),
                );
                located.locate(&below, problem.hint(instead(name, &known)))
            };
            unexpected.iter().map(unknown).collect()
        }
        Kind::Type { kind } => {
            let wanted = match kind {
                TypeKind::Single(one) => type_word(*one).to_owned(),
                TypeKind::Multiple(several) => several
                    .iter()
                    .map(type_word)
                    .collect::<Vec<_>>()
                    .join(" or "),
            };
            let is = match error.instance().as_ref() {
                Value::Null => "nothing",
                Value::Bool(_) => "true or false",
                Value::Number(_) => "a number",
                Value::String(_) => "a text",
                Value::Array(_) => "a list",
                Value::Object(_) => "a mapping",
            };
            let quote = wanted == "a text" && matches!(is, "a number" | "true or false");
            let hint = match quote {
                true => Some("Put it in quotation marks.".to_owned()),
                false => meaning(),
            };
            one(format!("{what} is {is}; it must be {wanted}."), hint)
        }
        Kind::Enum { .. }
        | Kind::OneOfNotValid { .. }
        | Kind::AnyOf { .. }
        | Kind::Constant { .. } => {
            let mut words = Vec::new();
            choices(followed(schema, here.unwrap_or(&Value::Null)), &mut words);
            let value = error.instance().as_ref();
            one(
                format!("{what} is {value}; it must be one of {}.", words.join(", ")),
                meaning(),
            )
        }
        Kind::Pattern { .. } => one(
            format!("{what} cannot be {}.", error.instance().as_ref()),
            meaning(),
        ),
        Kind::MaxLength { limit } => one(
            format!("{what} is too long: it may have {limit} characters."),
            None,
        ),
        Kind::MaxItems { limit } => one(format!("{what} may have {limit} at most."), None),
        Kind::MinLength { .. } | Kind::MinItems { .. } => {
            one(format!("{what} is empty."), meaning())
        }
        Kind::Minimum { limit } => one(format!("{what} must be {limit} at least."), meaning()),
        Kind::Maximum { limit } => one(format!("{what} may be {limit} at most."), meaning()),
        _ => one(format!("{what}: {error}."), meaning()),
    }
}

fn type_word(json: JsonType) -> &'static str {
    match json {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "nothing",
        JsonType::Number => "a number",
        JsonType::Object => "a mapping",
        JsonType::String => "a text",
    }
}

/// `/variables/0/type` as people write it: `variables[0].type`.
fn path(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        if is_index(part) {
            path += &format!("[{part}]");
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path += &part.replace("~1", "/").replace("~0", "~");
        }
    }
    path
}

fn is_index(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_digit())
}

/// The schema of what stands at a pointer.
fn member<'a>(schema: &'a Value, pointer: &str) -> Option<&'a Value> {
    let mut here = schema;
    for part in pointer.split('/').skip(1) {
        here = child(schema, here, part)?;
    }
    Some(here)
}

/// The schema of a member, or of any item.
fn child<'a>(schema: &'a Value, here: &'a Value, name: &str) -> Option<&'a Value> {
    let here = followed(schema, here);
    [
        &here["properties"][name],
        &here["items"],
        &here["additionalProperties"],
    ]
    .into_iter()
    .find(|found| found.is_object())
}

fn followed<'a>(schema: &'a Value, here: &'a Value) -> &'a Value {
    let reference = here["$ref"].as_str();
    let pointer = reference.and_then(|reference| reference.strip_prefix('#'));
    pointer
        .and_then(|pointer| schema.pointer(pointer))
        .unwrap_or(here)
}

fn description(of: &Value) -> Option<String> {
    of["description"].as_str().map(str::to_owned)
}

fn names<'a>(schema: &'a Value, here: Option<&'a Value>) -> Vec<&'a str> {
    let properties = here.map(|here| &followed(schema, here)["properties"]);
    let properties = properties.and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect()
}

/// What may have been meant, or all that there is.
fn instead(name: &str, known: &[&str]) -> String {
    let alike = known
        .iter()
        .map(|known| (strsim::jaro_winkler(known, name), known));
    let nearest = alike.max_by(|one, other| one.0.total_cmp(&other.0));
    match nearest.filter(|(alike, _)| *alike >= ALIKE) {
        Some((_, nearest)) => format!("Did you mean `{nearest}`?"),
        None => format!("There are: {}.", known.join(", ")),
    }
}

/// The values that a schema allows.
fn choices(schema: &Value, words: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member) {
                    ("const", value) => words.push(value.to_string()),
                    ("enum", Value::Array(values)) => {
                        words.extend(values.iter().map(Value::to_string));
                    }
                    ("oneOf" | "anyOf", member) => choices(member, words),
                    _ => {}
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| choices(item, words)),
        _ => {}
    }
}
