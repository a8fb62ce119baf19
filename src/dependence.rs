//! Which fields depend on a secret: those that differ between two sets of stand-ins for all secrets. So it does not depend
//! on the secrets themselves which fields are hidden.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;

/// What is said where the secrets decide more than the values of fields that are known to depend on them: always the same,
/// since any place, object or reason would tell of them.
pub fn untold() -> Problem {
    Problem {
        is_free_of_secrets: true,
        ..Problem::new(Code::SecretDependent, sentence!("The manifests depend on a secret in a way that Chandlery does not tell: with its real content they fail or are refused, or become something else than with other contents of the same shape. Where and why is not told, since it would tell of the secret."))
    }
    .hint(sentence!("See whether all secrets have the right values. Use a secret only as a value, with `| to_json` around it, and neither in conditions, loops, indexes and sums nor in names: what a secret's content decides belongs into the config map."))
}

/// The part of a value that depends on a secret.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Dependent {
    #[default]
    Nothing,
    All,
    /// Of a text, some lines.
    Lines(Lines),
    Members(BTreeMap<String, Dependent>),
    Items(Items),
}

/// The lines of a text that depend on a secret.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lines {
    /// By their number, from 0; each with how many bytes at its beginning do not.
    pub by_number: BTreeMap<usize, usize>,
    /// What they set, as far as they are `name = value` or `name: value`.
    pub names: BTreeSet<String>,
}

/// What a line of the form `name = value` or `name: value` sets.
pub fn set_by(line: &str) -> Option<&str> {
    line.split_once(['=', ':']).map(|(name, _)| name.trim())
}

/// The items of a list of which a part depends on a secret.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Items {
    /// By their place.
    pub by_index: BTreeMap<usize, Dependent>,
    /// Those that have a name, by it.
    pub by_name: BTreeMap<String, Dependent>,
    /// How many items the list has.
    pub length: usize,
}

impl Dependent {
    /// What differs between a value and the one made with stand-ins. Fails where not even the keys of a mapping are the
    /// same, with its path.
    pub fn between(value: &Value, stand_in: &Value) -> Result<Self, String> {
        let mut path = String::new();
        match between(value, stand_in, &mut path) {
            Ok(found) => Ok(found),
            Err(KeysDiffer) => Err(path),
        }
    }

    /// Whether nothing does.
    pub fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }

    /// The part of a member of a mapping.
    pub fn member(&self, key: &str) -> &Self {
        match self {
            Self::All => &Self::All,
            Self::Members(members) => members.get(key).unwrap_or(&Self::Nothing),
            _ => &Self::Nothing,
        }
    }

    /// Whether all of another part is in this one.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Nothing) | (Self::All, _) => true,
            (Self::Lines(lines), Self::Lines(others)) => {
                others.by_number.iter().all(|(number, kept)| {
                    let own = lines.by_number.get(number);
                    own.is_some_and(|own| own <= kept)
                })
            }
            (Self::Members(members), Self::Members(others)) => others.iter().all(|(key, part)| {
                let own = members.get(key);
                own.is_some_and(|own| own.covers(part))
            }),
            (Self::Items(items), Self::Items(others)) => {
                others.by_index.iter().all(|(index, part)| {
                    let own = items.by_index.get(index);
                    own.is_some_and(|own| own.covers(part))
                })
            }
            _ => false,
        }
    }

    /// Whether a field, by its path as the API server writes it, depends on a secret, or holds or is part of what does.
    /// A path that leads elsewhere than the value's own is taken for one that may.
    pub fn touches(&self, path: &str) -> bool {
        let path = path.trim_start_matches('.');
        match self {
            Self::Nothing => false,
            Self::All | Self::Lines(_) => true,
            _ if path.is_empty() => true,
            Self::Members(members) => members.iter().any(|(key, part)| {
                // A key may hold dots and brackets itself.
                let rests = [path.strip_prefix(key.as_str()), bracketed(path, key)];
                rests.into_iter().flatten().any(|rest| {
                    (rest.is_empty() || rest.starts_with(['.', '['])) && part.touches(rest)
                })
            }),
            Self::Items(items) => {
                let Some((index, rest)) = path
                    .strip_prefix('[')
                    .and_then(|inner| inner.split_once(']'))
                else {
                    return true;
                };
                match index.parse() {
                    Ok(index) => items
                        .by_index
                        .get(&index)
                        .is_some_and(|part| part.touches(rest)),
                    Err(_) => true,
                }
            }
        }
    }

    /// Where it is, as JSON pointers; of lines of a text with what they set, behind a line end.
    pub fn pointers(&self) -> Vec<String> {
        let below = |key: String, part: &Self| {
            let inner = part.pointers().into_iter();
            inner.map(move |rest| format!("/{key}{rest}"))
        };
        match self {
            Self::Nothing => Vec::new(),
            Self::All => vec![String::new()],
            Self::Lines(lines) if lines.names.is_empty() => vec!["\n".to_owned()],
            Self::Lines(lines) => lines.names.iter().map(|name| format!("\n{name}")).collect(),
            Self::Members(members) => {
                let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
                let members = members.iter();
                members
                    .flat_map(|(key, part)| below(escaped(key), part))
                    .collect()
            }
            Self::Items(items) => {
                let items = items.by_index.iter();
                items
                    .flat_map(|(index, part)| below(index.to_string(), part))
                    .collect()
            }
        }
    }

    /// What of a value is there.
    pub fn at(value: &Value, pointers: &[String]) -> Self {
        pointers.iter().fold(Self::Nothing, |all, pointer| {
            let (pointer, name) = match pointer.split_once('\n') {
                Some((pointer, name)) => (pointer, Some(name)),
                None => (pointer.as_str(), None),
            };
            let keys: Vec<String> = pointer
                .split('/')
                .skip(1)
                .map(|key| key.replace("~1", "/").replace("~0", "~"))
                .collect();
            all.merged(&at(value, &keys, name))
        })
    }

    /// What is in either.
    pub fn merged(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Nothing, other) | (other, Self::Nothing) => other.clone(),
            (Self::Members(members), Self::Members(others)) => {
                let mut merged = members.clone();
                for (key, other) in others {
                    let part = merged.get(key).unwrap_or(&Self::Nothing).merged(other);
                    merged.insert(key.clone(), part);
                }
                Self::Members(merged)
            }
            (Self::Items(items), Self::Items(others)) => {
                let mut merged = items.clone();
                for (index, other) in &others.by_index {
                    let part = merged.by_index.entry(*index).or_default();
                    *part = part.merged(other);
                }
                for (name, other) in &others.by_name {
                    let part = merged.by_name.entry(name.clone()).or_default();
                    *part = part.merged(other);
                }
                Self::Items(merged)
            }
            (Self::Lines(lines), Self::Lines(others)) => {
                let mut merged = lines.clone();
                for (number, kept) in &others.by_number {
                    let both = merged.by_number.entry(*number).or_insert(*kept);
                    *both = (*both).min(*kept);
                }
                merged.names.extend(others.names.iter().cloned());
                Self::Lines(merged)
            }
            _ => Self::All,
        }
    }
}

impl Items {
    /// What is in any of the items.
    pub fn any(&self) -> Dependent {
        let parts = self.by_index.values();
        parts.fold(Dependent::Nothing, |all, part| all.merged(part))
    }
}

fn at(value: &Value, keys: &[String], name: Option<&str>) -> Dependent {
    let Some((key, rest)) = keys.split_first() else {
        return match name {
            None => Dependent::All,
            Some(name) => Dependent::Lines(Lines {
                names: [name.to_owned()].into(),
                ..Lines::default()
            }),
        };
    };
    match value {
        Value::Object(members) => match members.get(key) {
            Some(member) => Dependent::Members([(key.clone(), at(member, rest, name))].into()),
            None => Dependent::Nothing,
        },
        Value::Array(items) => {
            let index = key.parse().ok();
            let Some((index, item)) = index.and_then(|index| Some((index, items.get(index)?)))
            else {
                return Dependent::Nothing;
            };
            let part = at(item, rest, name);
            let name = item["name"]
                .as_str()
                .map(|name| (name.to_owned(), part.clone()));
            Dependent::Items(Items {
                by_index: [(index, part)].into(),
                by_name: name.into_iter().collect(),
                length: items.len(),
            })
        }
        _ => Dependent::All,
    }
}

/// The texts of a value that are others in the one made with stand-ins: each as a whole and, line by line, the part of it
/// that differs.
pub fn secret_texts(value: &Value, stand_in: &Value, found: &mut Vec<String>) {
    match (value, stand_in) {
        (Value::Object(members), Value::Object(others)) => {
            for (key, member) in members {
                secret_texts(member, others.get(key).unwrap_or(&Value::Null), found);
            }
        }
        (Value::Object(members), _) => {
            for member in members.values() {
                secret_texts(member, &Value::Null, found);
            }
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            for (item, other) in items.iter().zip(others) {
                secret_texts(item, other, found);
            }
        }
        (Value::Array(items), _) => {
            for item in items {
                secret_texts(item, &Value::Null, found);
            }
        }
        (value, other) if value == other => {}
        (Value::Number(number), _) => found.push(number.to_string()),
        (Value::String(text), Value::String(other)) => {
            let count = text.lines().count();
            if count == other.lines().count() {
                for (line, other) in text.lines().zip(other.lines()) {
                    if line != other {
                        found.push(line.trim().to_owned());
                        found.push(differing(line, other).to_owned());
                    }
                }
            }
            // Of several lines, those that stay the same are no secret.
            if count > 1 && count == other.lines().count() {
                return;
            }
            found.push(text.clone());
        }
        (Value::String(text), _) => found.push(text.clone()),
        _ => {}
    }
}

/// The part of a line between what it has in common with another one at both ends.
fn differing<'a>(line: &'a str, other: &str) -> &'a str {
    let start = common(line.chars(), other.chars());
    let (line, other) = (&line[start..], &other[start..]);
    let end = common(line.chars().rev(), other.chars().rev());
    &line[..line.len() - end]
}

/// How many bytes are the same.
fn common(one: impl Iterator<Item = char>, other: impl Iterator<Item = char>) -> usize {
    let pairs = one.zip(other);
    let alike = pairs.take_while(|(one, other)| one == other);
    alike.map(|(one, _)| one.len_utf8()).sum()
}

/// Behind `[key]` at the beginning of a path.
fn bracketed<'a>(path: &'a str, key: &str) -> Option<&'a str> {
    path.strip_prefix('[')?.strip_prefix(key)?.strip_prefix(']')
}

/// How many bytes at the beginning of a line only say what it sets: `name = ` or `name: `, the same in another line.
pub fn beginning(line: &str, other: &str) -> usize {
    let same = &line[..common(line.chars(), other.chars())];
    let name = same.find(['=', ':']).map_or(0, |sign| sign + 1);
    same.len() - same[name..].trim_start().len()
}

struct KeysDiffer;

fn between(value: &Value, other: &Value, path: &mut String) -> Result<Dependent, KeysDiffer> {
    Ok(match (value, other) {
        (Value::Object(members), Value::Object(others)) => {
            if members.len() != others.len() || !members.keys().eq(others.keys()) {
                return Err(KeysDiffer);
            }
            let mut found = BTreeMap::new();
            for (key, member) in members {
                let length = path.len();
                if length > 0 {
                    path.push('.');
                }
                path.push_str(key);
                let part = between(member, &others[key], path)?;
                path.truncate(length);
                if !part.is_nothing() {
                    found.insert(key.clone(), part);
                }
            }
            match found.is_empty() {
                true => Dependent::Nothing,
                false => Dependent::Members(found),
            }
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            let mut found = Items {
                length: items.len(),
                ..Items::default()
            };
            for (index, (item, other)) in items.iter().zip(others).enumerate() {
                let length = path.len();
                path.push_str(&format!("[{index}]"));
                let part = between(item, other, path)?;
                path.truncate(length);
                if part.is_nothing() {
                    continue;
                }
                if let (Some(name), true) = (item["name"].as_str(), item["name"] == other["name"]) {
                    found.by_name.insert(name.to_owned(), part.clone());
                }
                found.by_index.insert(index, part);
            }
            match found.by_index.is_empty() {
                true => Dependent::Nothing,
                false => Dependent::Items(found),
            }
        }
        (Value::String(text), Value::String(other)) if text != other => {
            let lines: Vec<&str> = text.lines().collect();
            let others: Vec<&str> = other.lines().collect();
            if lines.len() < 2 || lines.len() != others.len() {
                return Ok(Dependent::All);
            }
            let mut found = Lines::default();
            for (number, (line, other)) in lines.iter().zip(others).enumerate() {
                if *line != other {
                    let kept = beginning(line, other);
                    found.by_number.insert(number, kept);
                    // A name that differs itself is none to tell.
                    let name = set_by(line).filter(|_| set_by(&line[..kept]).is_some());
                    found.names.extend(name.map(str::to_owned));
                }
            }
            Dependent::Lines(found)
        }
        (value, other) if value == other => Dependent::Nothing,
        _ => Dependent::All,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(value: Value, stand_in: Value) -> Dependent {
        Dependent::between(&value, &stand_in).unwrap()
    }

    #[test]
    fn what_differs_depends_on_a_secret_and_nothing_else_does() {
        let dependent = found(
            json!({"a": {"b": 1, "x.y/z": "s"}, "list": [{"name": "n", "v": "s", "w": 1}, 2], "text": "a\nb s\n"}),
            json!({"a": {"b": 1, "x.y/z": "t"}, "list": [{"name": "n", "v": "t", "w": 1}, 2], "text": "a\nb t\n"}),
        );
        for path in [
            "a",
            "a.x.y/z",
            "a[x.y/z]",
            ".list[0].v",
            "list",
            "list[0]",
            "text",
            "",
        ] {
            assert!(dependent.touches(path), "{path}");
        }
        for path in ["a.b", "list[0].w", "list[1]", "other", "a.x"] {
            assert!(!dependent.touches(path), "{path}");
        }
        assert!(
            Dependent::between(&json!([1, "a"]), &json!([1, "a"]))
                .unwrap()
                .is_nothing()
        );
    }

    #[test]
    fn it_can_be_noted_and_found_again_in_what_has_become_of_the_value() {
        let value = json!({"a/b": {"~": 1, "c": 2}, "list": [{"x": 1}, {"name": "n", "v": "s", "w": 1}], "t": "a\nb=b\nc"});
        let other = json!({"a/b": {"~": 3, "c": 2}, "list": [{"x": 1}, {"name": "n", "v": "t", "w": 1}], "t": "a\nb=d\ne"});
        let pointers = found(value.clone(), other).pointers();
        assert_eq!(pointers, ["/a~1b/~0", "/list/1/v", "/t\nb"]);
        let again = Dependent::at(&value, &pointers);
        assert_eq!(again.pointers(), pointers);
        let Dependent::Items(items) = again.member("list") else {
            panic!();
        };
        assert!(items.by_name.contains_key("n"));
        assert_eq!(
            Dependent::at(&json!({"list": []}), &pointers).pointers(),
            Vec::<String>::new()
        );
    }

    #[test]
    fn keys_that_differ_are_told_by_the_mapping_they_stand_in() {
        let differ = Dependent::between(
            &json!({"a": [{"hunter2": 1}]}),
            &json!({"a": [{"qwrtzp7": 1}]}),
        );
        assert_eq!(differ, Err("a[0]".to_owned()));
        assert_eq!(
            Dependent::between(&json!({"a": 1, "b": 2}), &json!({"a": 1})),
            Err(String::new())
        );
        assert_eq!(found(json!([1, 2]), json!([1])), Dependent::All);
    }

    #[test]
    fn of_a_text_of_several_lines_only_those_that_differ_are_secret() {
        let value = json!({"conf": "a = 1\n pw = hunter2\n", "n": 12, "list": ["x", {"y": "z"}]});
        let other = json!({"conf": "a = 1\n pw = qwrtzp7\n", "n": 34, "list": ["x", {"y": "w"}]});
        let dependent = found(value.clone(), other.clone());
        let lines = Dependent::Lines(Lines {
            by_number: [(1, " pw = ".len())].into(),
            names: ["pw".to_owned()].into(),
        });
        assert_eq!(*dependent.member("conf"), lines);
        let mut texts = Vec::new();
        secret_texts(&value, &other, &mut texts);
        assert_eq!(texts, ["pw = hunter2", "hunter2", "12", "z", "z", "z"]);
    }
}
