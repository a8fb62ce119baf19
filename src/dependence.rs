//! Which fields depend on a secret: those that differ where stand-ins take the place of all secrets.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The part of a value that depends on a secret.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Dependent {
    #[default]
    Nothing,
    All,
    /// Of a text, these lines, from 0.
    Lines(BTreeSet<usize>),
    Members(BTreeMap<String, Dependent>),
    Items(Items),
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

    /// All that must not be shown of a value: each text, and of a text the lines, as they stand, that depend on a secret.
    pub fn texts(&self, value: &Value, found: &mut Vec<String>) {
        match (self, value) {
            (Self::Nothing, _) => {}
            (Self::Lines(lines), Value::String(text)) => {
                found.push(text.clone());
                let numbered = text.lines().enumerate();
                found.extend(
                    numbered
                        .filter(|(number, _)| lines.contains(number))
                        .map(|(_, line)| line.trim().to_owned()),
                );
            }
            (_, Value::String(text)) => found.push(text.clone()),
            (_, Value::Number(number)) => found.push(number.to_string()),
            (_, Value::Object(members)) => members
                .iter()
                .for_each(|(key, value)| self.member(key).texts(value, found)),
            (Self::Items(items), Value::Array(values)) => {
                for (index, part) in &items.by_index {
                    if let Some(value) = values.get(*index) {
                        part.texts(value, found);
                    }
                }
            }
            (Self::All, Value::Array(values)) => {
                values.iter().for_each(|value| self.texts(value, found));
            }
            _ => {}
        }
    }
}

/// Behind `[key]` at the beginning of a path.
fn bracketed<'a>(path: &'a str, key: &str) -> Option<&'a str> {
    path.strip_prefix('[')?.strip_prefix(key)?.strip_prefix(']')
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
            let pairs = lines.iter().zip(others).enumerate();
            Dependent::Lines(
                pairs
                    .filter(|(_, (line, other))| *line != other)
                    .map(|(number, _)| number)
                    .collect(),
            )
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
        let dependent = found(
            value.clone(),
            json!({"conf": "a = 1\n pw = qwrtzp7\n", "n": 34, "list": ["x", {"y": "w"}]}),
        );
        let mut texts = Vec::new();
        dependent.texts(&value, &mut texts);
        assert_eq!(texts, ["a = 1\n pw = hunter2\n", "pw = hunter2", "12", "z"]);
    }
}
