//! Manifests read here and by kubectl: the same objects, or a refusal where kubectl refuses too. `kubectl.json` holds plain
//! scalars and documents, and what `kubectl label --local -o json` reads.

use serde::Deserialize;
use serde_json::Value;
use yaml_dialects::{Limits, kubectl};

#[derive(Deserialize)]
struct Case {
    text: String,
    /// The objects that kubectl reads; `None` where it refuses.
    expected: Option<Vec<Value>>,
}

/// Numbers beyond 63 bits are the same when they are the same for JSON.
fn comparable(value: &Value) -> Value {
    match value {
        Value::Number(number) if !number.is_i64() => Value::from(number.as_f64()),
        Value::Array(items) => items.iter().map(comparable).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), comparable(value)))
            .collect(),
        other => other.clone(),
    }
}

/// The objects of a document: kubectl takes those of a list out.
fn objects(document: &Value) -> Vec<Value> {
    match document["items"].as_array() {
        Some(items) => items.iter().map(comparable).collect(),
        None => vec![comparable(document)],
    }
}

#[test]
fn manifests_are_read_as_by_kubectl() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("kubectl.json")).unwrap();
    assert!(cases.len() > 150);
    let mut wrong = Vec::new();
    for Case { text, expected } in cases {
        let ours = kubectl::read(&text, &Limits::default());
        match (ours, expected) {
            (Ok(documents), Some(expected)) => {
                let ours: Vec<Value> = documents
                    .iter()
                    .flat_map(|document| objects(&document.value))
                    .collect();
                if ours != expected.iter().map(comparable).collect::<Vec<_>>() {
                    let (ours, expected) = (Value::from(ours), Value::from(expected));
                    wrong.push(format!("{text:?}\n  here    {ours}\n  kubectl {expected}"));
                }
            }
            (Err(_), None) => {}
            (Ok(documents), None) => {
                wrong.push(format!(
                    "{text:?}\n  here    {documents:?}\n  kubectl refuses"
                ));
            }
            (Err(error), Some(expected)) => {
                let expected = Value::from(expected);
                wrong.push(format!("{text:?}\n  here    {error}\n  kubectl {expected}"));
            }
        }
    }
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count} differ:\n{}", wrong.join("\n"));
}
