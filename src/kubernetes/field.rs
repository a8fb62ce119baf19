//! Paths of fields as the API server writes them, in three ways, and what stands there in an object.

use serde_json::Value;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Member(String),
    Item(usize),
}

/// A path as it is written everywhere else: members with a dot, items with their number.
pub(super) fn written(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Member(name) if path.is_empty() => path.push_str(name),
            Step::Member(name) => {
                path.push('.');
                path.push_str(name);
            }
            Step::Item(index) => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

/// Reads `.spec.containers[name="odoo"].env[0]`, `data[tls.key]` and `metadata.annotations.a.b/c` by what the object
/// holds: a member's name may have dots, an item may be named by its keys. Also of what is not there.
pub(super) fn steps(path: &str, object: &Value) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut value = Some(object);
    let mut rest = path;
    while !rest.is_empty() {
        let step = if let Some(inner) = rest.strip_prefix('[') {
            let end = end_of_key(inner);
            rest = inner.get(end + 1..).unwrap_or_default();
            item(&inner[..end], value)
        } else {
            let text = rest.strip_prefix('.').unwrap_or(rest);
            let end = end_of_name(text, value);
            rest = &text[end..];
            Step::Member(text[..end].to_owned())
        };
        value = value.and_then(|value| below(value, &step));
        steps.push(step);
    }
    steps
}

/// What stands at a path.
pub(super) fn at<'a>(object: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    steps.iter().try_fold(object, below)
}

/// What stands at a path as it is [`written`].
pub(super) fn find<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    at(object, &steps(path, object))
}

/// Takes away what stands at a path.
pub(super) fn remove(object: &mut Value, steps: &[Step]) {
    let Some((last, parents)) = steps.split_last() else {
        return;
    };
    let mut value = object;
    for step in parents {
        let inner = match step {
            Step::Member(name) => value.get_mut(name),
            Step::Item(index) => value.get_mut(index),
        };
        let Some(inner) = inner else {
            return;
        };
        value = inner;
    }
    match (last, value) {
        (Step::Member(name), Value::Object(members)) => {
            members.shift_remove(name);
        }
        (Step::Item(index), Value::Array(items)) if *index < items.len() => {
            items.remove(*index);
        }
        _ => {}
    }
}

/// The path in an object of what is at `steps` when the parts at `gone` have been removed.
pub(super) fn before_removal(mut steps: Vec<Step>, gone: &[Vec<Step>]) -> Vec<Step> {
    let mut gone: Vec<&Vec<Step>> = gone.iter().collect();
    gone.sort();
    for gone in gone {
        let Some((Step::Item(removed), parents)) = gone.split_last() else {
            continue;
        };
        if steps.starts_with(parents)
            && let Some(Step::Item(index)) = steps.get_mut(parents.len())
            && *index >= *removed
        {
            *index += 1;
        }
    }
    steps
}

fn below<'a>(value: &'a Value, step: &Step) -> Option<&'a Value> {
    match step {
        Step::Member(name) => value.get(name),
        Step::Item(index) => value.get(index),
    }
}

/// The item with this number or these keys (`name="odoo"`), or a member in brackets.
fn item(key: &str, value: Option<&Value>) -> Step {
    if let Some(name) = value.and_then(|value| value.as_object()?.get_key_value(key)) {
        return Step::Member(name.0.clone());
    }
    if let Ok(index) = key.parse() {
        return Step::Item(index);
    }
    let items = value.and_then(Value::as_array);
    match items.and_then(|items| items.iter().position(|item| has_keys(item, key))) {
        Some(index) => Step::Item(index),
        None => Step::Member(key.trim_matches('"').to_owned()),
    }
}

/// Whether an item of a list has these keys: `containerPort=80,protocol="TCP"`, `="a"` for the item itself.
pub(super) fn has_keys(item: &Value, keys: &str) -> bool {
    keys.split(',')
        .filter_map(|part| part.split_once('='))
        .all(|(name, wanted)| {
            let value = if name.is_empty() { item } else { &item[name] };
            match serde_json::from_str::<Value>(wanted) {
                // The server fills in a port's default protocol.
                Ok(_) if value.is_null() => name == "protocol",
                Ok(wanted) => *value == wanted,
                Err(_) => false,
            }
        })
}

/// Where a key in brackets ends; it may hold quoted brackets.
fn end_of_key(inner: &str) -> usize {
    let mut quoted = false;
    for (at, next) in inner.char_indices() {
        match next {
            '"' => quoted = !quoted,
            ']' if !quoted => return at,
            _ => {}
        }
    }
    inner.len()
}

/// Where a member's name ends: by the longest that there is, else at the next dot or bracket.
fn end_of_name(text: &str, value: Option<&Value>) -> usize {
    let members = value.and_then(Value::as_object);
    let known = members.into_iter().flatten().map(|(name, _)| name.as_str());
    known
        .filter(|name| {
            let rest = text.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
        .map(str::len)
        .filter(|length| *length > 0)
        .max()
        .or_else(|| text.find(['.', '[']))
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn items_behind_removed_ones_have_their_old_numbers() {
        let object = json!({"a": [0, 1, 2, 3]});
        let gone = ["a[2]", "a[0]"].map(|path| steps(path, &object));
        let found = before_removal(steps("a[1]", &object), &gone);
        assert_eq!(written(&found), "a[3]");
    }

    #[test]
    fn a_path_is_read_by_what_the_object_holds() {
        let object = json!({
            "data": {"tls.key": "x", ".dockerconfigjson": "y"},
            "metadata": {"annotations": {"a.b/c": "d"}},
            "spec": {
                "containers": [{"name": "a]b"}, {"name": "odoo", "ports": [{"containerPort": 80}]}],
                "tags": ["a", "b"],
            },
        });
        for (given, expected) in [
            ("data[tls.key]", "data.tls.key"),
            ("data[.dockerconfigjson]", "data..dockerconfigjson"),
            ("data..dockerconfigjson", "data..dockerconfigjson"),
            (".metadata.annotations.a.b/c", "metadata.annotations.a.b/c"),
            (
                r#".spec.containers[name="odoo"].ports[containerPort=80,protocol="TCP"].name"#,
                "spec.containers[1].ports[0].name",
            ),
            (
                r#"spec.containers[name="a]b"].image"#,
                "spec.containers[0].image",
            ),
            (r#"spec.tags[="b"]"#, "spec.tags[1]"),
            ("spec.resources[storage]", "spec.resources.storage"),
            ("spec.none[3].x", "spec.none[3].x"),
        ] {
            assert_eq!(written(&steps(given, &object)), expected, "{given}");
        }
        assert_eq!(
            find(&object, "spec.containers[1].name"),
            Some(&json!("odoo"))
        );
    }
}
