//! Documents, lists and what is wrong with them.

use super::{Parsed, parse};
use crate::ansible::Variables;
use crate::manifest::Rendered;
use crate::object::Object;
use crate::problem::Problem;

fn parsed(text: &str) -> Result<Parsed, Problem> {
    let rendered = Rendered {
        title: "Odoo".to_owned(),
        url: "http://example.com/odoo.yml".to_owned(),
        text: text.to_owned(),
        template: String::new(),
        artefact: None,
        variables: Vec::new(),
    };
    let mut variables = Variables::new();
    variables.set_secret("password", "tops3cret", "secret", true);
    parse(&rendered, &variables.resolve().unwrap())
}

fn place(object: &Object, field: &str) -> (Option<u32>, Option<u32>) {
    let problem = object.locate_field(field, Problem::default());
    (problem.line, problem.column)
}

#[test]
fn objects_know_their_document_and_lines() {
    let objects = parsed(
        "# first\n---\n---\n\nkind: A\nspec:\n  a:\n    - b: 1\n---\n# empty\n---\nkind: B\n",
    )
    .unwrap()
    .objects;
    let places: Vec<_> = objects
        .iter()
        .map(|object| (object.kind(), object.line))
        .collect();
    assert_eq!(places, [("A", 5), ("B", 12)]);
    assert_eq!(place(&objects[0], "spec.a[0].b"), (Some(8), Some(7)));
    assert_ne!(objects[0].document, objects[1].document);
}

#[test]
fn a_list_is_unwrapped() {
    let objects = parsed("apiVersion: v1\nkind: List\nitems:\n  - kind: A\n    metadata:\n      name: a\n  - kind: B\n").unwrap().objects;
    let places: Vec<_> = objects
        .iter()
        .map(|object| (object.kind(), object.line))
        .collect();
    assert_eq!(places, [("A", 4), ("B", 7)]);
    assert_eq!(place(&objects[0], "metadata.name"), (Some(6), Some(7)));
}

#[test]
fn a_list_without_items_holds_no_object() {
    for items in ["items:", "items: []", "items: null", "items: ~"] {
        for kind in ["List", "ConfigMapList", "Thing"] {
            let text = format!("apiVersion: v1\nkind: {kind}\n{items}\n");
            assert_eq!(parsed(&text).unwrap().objects, [], "{text}");
        }
    }
}

#[test]
fn lists_within_lists_are_unwrapped_in_their_order() {
    let parsed = parsed(
        "apiVersion: v1\nkind: List\nitems:\n- kind: A\n- kind: List\n  items:\n  - kind: B\n  - kind: List\n    items:\n    - kind: C\n      metadata:\n        name: c\n  - apiVersion: v1\n    kind: List\n    items:\n- kind: DList\n  apiVersion: v1\n  items:\n  - metadata: {name: d}\n- kind: E\n",
    )
    .unwrap();
    let places: Vec<_> = parsed
        .objects
        .iter()
        .map(|object| (object.kind(), object.line))
        .collect();
    let expected = [("A", 4), ("B", 7), ("C", 10), ("D", 19), ("E", 20)];
    assert_eq!(places, expected);
    assert_eq!(
        place(&parsed.objects[2], "metadata.name"),
        (Some(12), Some(9))
    );
    assert_eq!(parsed.objects[3].value["apiVersion"], "v1");
    let within = parsed.warnings.iter();
    let within = within.filter(|warning| warning.message.contains("within a list"));
    assert_eq!(within.count(), 4);
}

#[test]
fn items_that_are_no_list_of_objects_are_refused_where_they_stand() {
    for (text, line, reason) in [
        ("kind: List\nitems: {}\n", 2, "must be a list"),
        ("kind: List\nitems: x\n", 2, "must be a list"),
        ("kind: List\nitems:\n- a\n", 3, "not a mapping"),
        ("kind: List\nitems:\n- null\n", 3, "not a mapping"),
        (
            "kind: List\nitems:\n- kind: List\n  items: x\n",
            4,
            "must be a list",
        ),
        (
            "kind: List\nitems:\n- kind: List\n  items:\n  - metadata: {}\n",
            5,
            "`kind` is missing",
        ),
    ] {
        let problem = parsed(text).unwrap_err();
        assert_eq!(problem.line, Some(line), "{text}: {problem}");
        assert!(problem.message.contains(reason), "{text}: {problem}");
    }
}

#[test]
fn a_key_that_stands_twice_is_warned_of() {
    let parsed = parsed("kind: A\ndata:\n  x: 1\n  x: 2\n").unwrap();
    assert_eq!(parsed.objects[0].value["data"]["x"], 2);
    assert_eq!(parsed.warnings.len(), 1);
    assert_eq!(parsed.warnings[0].line, Some(4));
    assert!(parsed.warnings[0].message.contains("`x`"));
}

#[test]
fn what_cannot_be_read_is_placed() {
    let tab = parsed("kind: A\n---\nkind: B\ndata:\n\tx: 1\n").unwrap_err();
    assert_eq!(
        (tab.code.as_str(), tab.document, tab.line),
        ("manifest_parse", Some(2), Some(5))
    );
    assert!(tab.hint.as_ref().unwrap().contains("tabs"), "{tab}");
    let colon = parsed("kind: A\ndata:\n  password: a: b\n").unwrap_err();
    assert_eq!(colon.line, Some(3));
    let separator = parsed("kind: A\n--- x\nkind: B\n").unwrap_err();
    assert_eq!(separator.line, Some(2));
    let secret = parsed("a: !!int tops3cret\n").unwrap_err();
    assert!(!secret.to_string().contains("tops3cret"), "{secret}");
}

#[test]
fn bombs_end_in_an_error() {
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        aliases.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    let deep = format!("a: {}{}\n", "[".repeat(5000), "]".repeat(5000));
    for text in [aliases, deep, "a: &a [*a]\n".to_owned()] {
        assert!(parsed(&text).is_err());
    }
}

#[test]
fn nothing_at_all_is_no_object() {
    for text in [
        "",
        "\n\n",
        "# only a comment\n",
        "---\n---\n",
        "null\n",
        "\u{feff}",
    ] {
        assert_eq!(parsed(text).unwrap().objects, [], "{text:?}");
    }
}
