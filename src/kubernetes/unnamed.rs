//! What the API server refuses without naming the field, or without naming all: it is asked again, in dry runs, about
//! the object without some of its parts.

use futures::future::BoxFuture;
use kube::core::Status;
use serde_json::Value;

use super::field::{self, Step};

/// How often the server is asked about one object.
const MOST_ASKED: usize = 200;

/// Says what the API server has against an object.
pub(super) type Ask<'a> = dyn Fn(Value) -> BoxFuture<'a, Option<Status>> + Send + Sync + 'a;

/// Asks the API server, and counts.
pub(super) struct Questions<'a> {
    ask: &'a Ask<'a>,
    left: usize,
}

impl<'a> Questions<'a> {
    pub(super) fn new(ask: &'a Ask<'a>) -> Self {
        Self {
            ask,
            left: MOST_ASKED,
        }
    }

    /// What the server has against an object; `None`: nothing, or it is not asked any more.
    pub(super) async fn ask(&mut self, value: &Value) -> Option<Status> {
        self.left = self.left.checked_sub(1)?;
        (self.ask)(value.clone()).await
    }

    /// The smallest part of an object because of which the server gives an answer like the one that it gave.
    ///
    /// `is_same` knows that answer. An object that lacks what the server needs to read it gets another one, which
    /// `is_needed` knows: such a part (a container's name) is none that is looked for.
    pub(super) async fn culprit(
        &mut self,
        object: &Value,
        is_same: impl Fn(&Status) -> bool + Send + Sync,
        is_needed: impl Fn(&Status) -> bool + Send + Sync,
    ) -> Option<Vec<Step>> {
        let mut current = object.clone();
        // Where it is in the object, and in what is left of it.
        let (mut path, mut place) = (Vec::new(), Vec::new());
        loop {
            let node = field::at(&current, &place)?.clone();
            let all = parts(&node, place.is_empty());
            let mut kept = all.clone();
            if kept.is_empty() {
                return Some(path);
            }
            let mut needed = vec![false; kept.len()];
            let mut size = kept.len().div_ceil(2);
            loop {
                let mut start = 0;
                while start < kept.len() {
                    let end = (start + size).min(kept.len());
                    let mut fewer = kept.clone();
                    fewer.drain(start..end);
                    let trial = with(&current, &place, only(&node, &all, &fewer));
                    let answer = self.ask(&trial).await;
                    if self.left == 0 {
                        return Some(path).filter(|path| !path.is_empty());
                    }
                    if answer.as_ref().is_some_and(&is_same) {
                        kept = fewer;
                        needed.drain(start..end);
                    } else {
                        if size == 1 {
                            needed[start] = answer.as_ref().is_some_and(&is_needed);
                        }
                        start = end;
                    }
                }
                if size == 1 {
                    break;
                }
                size = size.div_ceil(2);
            }
            let Some(chosen) = needed.iter().position(|needed| !needed) else {
                // It is refused whatever it holds.
                return Some(path);
            };
            current = with(&current, &place, only(&node, &all, &kept));
            place.push(match &kept[chosen] {
                Step::Item(_) => Step::Item(chosen),
                member => member.clone(),
            });
            path.push(kept[chosen].clone());
        }
    }
}

/// What may be left out of a value.
fn parts(value: &Value, is_whole: bool) -> Vec<Step> {
    match value {
        Value::Object(members) => members
            .keys()
            .filter(|name| {
                !is_whole || !["apiVersion", "kind", "metadata"].contains(&name.as_str())
            })
            .map(|name| Step::Member(name.clone()))
            .collect(),
        Value::Array(items) => (0..items.len()).map(Step::Item).collect(),
        _ => Vec::new(),
    }
}

/// A value that of `these` parts has only some.
fn only(value: &Value, these: &[Step], some: &[Step]) -> Value {
    match value {
        Value::Object(members) => {
            let mut members = members.clone();
            let gone = |name: &String| {
                let step = Step::Member(name.clone());
                these.contains(&step) && !some.contains(&step)
            };
            members.retain(|name, _| !gone(name));
            Value::Object(members)
        }
        Value::Array(items) => {
            let kept = some.iter().filter_map(|step| match step {
                Step::Item(index) => items.get(*index),
                Step::Member(_) => None,
            });
            Value::Array(kept.cloned().collect())
        }
        other => other.clone(),
    }
}

/// An object with another value at a place.
fn with(object: &Value, place: &[Step], value: Value) -> Value {
    let Some((first, rest)) = place.split_first() else {
        return value;
    };
    let mut object = object.clone();
    let inner = match first {
        Step::Member(name) => object.get_mut(name),
        Step::Item(index) => object.get_mut(index),
    };
    if let Some(inner) = inner {
        *inner = with(inner, rest, value);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use serde_json::json;

    fn refused(message: &str) -> Option<Status> {
        Some(Status::failure(message, ""))
    }

    /// Refuses `2GB` anywhere, and containers without names.
    fn server(value: &Value) -> Option<Status> {
        let containers = value["spec"]["containers"].as_array();
        if containers
            .into_iter()
            .flatten()
            .any(|one| one["name"].is_null())
        {
            return refused("no name");
        }
        match value.to_string().contains("2GB") {
            true => refused("no quantity"),
            false => None,
        }
    }

    async fn culprit(value: Value) -> (Option<String>, usize) {
        let ask = |value: Value| std::future::ready(server(&value)).boxed();
        let mut questions = Questions::new(&ask);
        let same = |status: &Status| status.message == "no quantity";
        let needed = |status: &Status| status.message == "no name";
        let found = questions.culprit(&value, same, needed).await;
        let asked = MOST_ASKED - questions.left;
        (found.map(|steps| field::written(&steps)), asked)
    }

    #[tokio::test]
    async fn the_part_that_is_refused_is_found_among_many() {
        let container = |name: &str, memory: &str| json!({"name": name, "image": "x", "resources": {"limits": {"cpu": "1", "memory": memory}}});
        let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {
            "restartPolicy": "Never", "containers": [container("a", "1G"), container("b", "2GB"), container("c", "1G")],
        }});
        let (found, asked) = culprit(object).await;
        assert_eq!(
            found.as_deref(),
            Some("spec.containers[1].resources.limits.memory")
        );
        assert!(asked < 40, "{asked} questions");
        let mut data = serde_json::Map::new();
        for number in 0..1000 {
            data.insert(format!("key-{number}"), json!("x"));
        }
        data.insert("key-777".to_owned(), json!("2GB"));
        let (found, asked) = culprit(json!({"kind": "Secret", "data": data})).await;
        assert_eq!(found.as_deref(), Some("data.key-777"));
        assert!(asked < 60, "{asked} questions");
    }

    #[tokio::test]
    async fn of_two_parts_the_first_questions_find_one() {
        let (found, _) = culprit(json!({"kind": "X", "a": ["2GB"], "b": {"c": "2GB"}})).await;
        assert!(
            ["a[0]", "b.c"].contains(&found.as_deref().unwrap()),
            "{found:?}"
        );
    }
}
