//! `chandlery render` without the command line around it.

use std::fs;

use super::{Output, preview};
use crate::ansible::Variables;

#[tokio::test]
async fn templates_are_shown_as_text_and_as_objects() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let variables = Variables::read("name: b\nmode: 0644\n", "vars.yml");
    let variables = variables.unwrap().resolve().unwrap();
    let one = file("one.yml", "kind: A\nname: {{ name }}\nmode: 0644\n")
        .display()
        .to_string();
    let two = file("two.yml", "kind: B\nmode: {{ mode }}")
        .display()
        .to_string();

    let text = preview(&variables, std::slice::from_ref(&one), Output::Text)
        .await
        .unwrap();
    assert_eq!(text, "kind: A\nname: b\nmode: 0644\n");
    let both = preview(&variables, &[one.clone(), two.clone()], Output::Text)
        .await
        .unwrap();
    assert_eq!(
        both,
        "kind: A\nname: b\nmode: 0644\n---\nkind: B\nmode: 420"
    );
    let objects = preview(&variables, &[one, two], Output::Json)
        .await
        .unwrap();
    let objects: serde_json::Value = serde_json::from_str(&objects).unwrap();
    assert_eq!(
        objects,
        serde_json::json!([{"kind": "A", "name": "b", "mode": 420}, {"kind": "B", "mode": 420}])
    );
}

#[tokio::test]
async fn every_template_that_is_wrong_is_named() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong.yml");
    fs::write(&wrong, "a: {{ nowhere }}\n").unwrap();
    let templates = [
        wrong.display().to_string(),
        "/nowhere/template.yml".to_owned(),
    ];
    let problems = preview(&Default::default(), &templates, Output::Text)
        .await
        .unwrap_err();
    let codes: Vec<&str> = problems
        .iter()
        .map(|problem| problem.code.as_str())
        .collect();
    assert_eq!(codes, ["template_render", "manifest_fetch"]);
    assert!(
        problems[0]
            .to_string()
            .contains("wrong.yml, line 1, column 7: 'nowhere' is undefined"),
        "{}",
        problems[0]
    );
}
