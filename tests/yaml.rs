//! Manifests read here and by kubectl: the same objects, or a refusal where kubectl refuses too.

use chandlery::ansible::Resolved;
use chandlery::manifest::{Rendered, parse};
use serde::Deserialize;
use serde_json::Value;

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

#[test]
fn manifests_are_read_as_by_kubectl() {
    let cases: Vec<Case> =
        serde_json::from_str(&std::fs::read_to_string("tests/inputs/yaml/kubectl.json").unwrap())
            .unwrap();
    assert!(cases.len() > 150);
    let mut wrong = Vec::new();
    for case in cases {
        let rendered = Rendered {
            title: "Test".to_owned(),
            url: "test".to_owned(),
            text: case.text.clone(),
            template: String::new(),
            variables: Vec::new(),
        };
        let text = &case.text;
        let ours = parse(&rendered, &Resolved::default()).map(|parsed| {
            parsed
                .objects
                .into_iter()
                .map(|object| comparable(&object.value))
                .collect::<Vec<_>>()
        });
        let expected = case
            .expected
            .map(|objects| objects.iter().map(comparable).collect::<Vec<_>>());
        match (ours, expected) {
            (Ok(ours), Some(expected)) if ours == expected => {}
            (Err(_), None) => {}
            (Ok(ours), Some(expected)) => wrong.push(format!(
                "{text:?}\n  here    {}\n  kubectl {}",
                Value::from(ours),
                Value::from(expected)
            )),
            (Ok(ours), None) => wrong.push(format!(
                "{text:?}\n  here    {}\n  kubectl refuses",
                Value::from(ours)
            )),
            (Err(problem), expected) => wrong.push(format!(
                "{text:?}\n  here    {problem}\n  kubectl {expected:?}"
            )),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
