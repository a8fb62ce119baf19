//! Snippets rendered here and by Ansible: the same text, or a refusal where Ansible refuses too. What is refused here
//! and not by Ansible is listed by name; nothing may silently differ.

use ansible_jinja::{Variables, render};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    template: String,
    /// What Ansible makes of it; `None` where it refuses.
    expected: Option<String>,
}

/// What is refused here with a clear message, and not by Ansible.
const REFUSED: &[&str] = &[
    // The order of Python's sets.
    "{{ list | union([9, 1]) | sort }} {{ list | intersect([1, 9]) }} {{ list | difference([1]) | sort }} {{ list | symmetric_difference([1, 9]) | sort }}",
    "{{ lookup('env', 'HOME') }}",
    // What a list from variables counts depends on what was asked of it before.
    "{{ list.index(1) }} {{ list.count(1) }}",
    // `sameas` of numbers says something about Python's memory only.
    "{{ 4 is even }} {{ 3 is odd }} {{ 6 is divisibleby 3 }} {{ 'a' is in ['a'] }} {{ 'abc' is lower }} {{ 'ABC' is upper }} {{ 1 is sameas 1 }}",
];

#[test]
fn snippets_render_as_with_ansible() {
    let text = std::fs::read_to_string("tests/dialect/vars.yml").unwrap();
    let variables = Variables::read(&text, "vars.yml").unwrap().resolve();
    let cases: Vec<Case> =
        serde_json::from_str(&std::fs::read_to_string("tests/dialect/cases.json").unwrap())
            .unwrap();
    assert!(cases.len() > 150);
    let mut wrong = Vec::new();
    for case in cases {
        let ours = render(&case.template, &variables);
        let template = &case.template;
        match (ours, case.expected) {
            (Ok(ours), Some(expected)) if ours.text == expected => {}
            (Err(_), None) => {}
            (Err(problem), Some(_)) if REFUSED.contains(&template.as_str()) => {
                assert!(!problem.message().is_empty());
            }
            (Ok(ours), expected) => wrong.push(format!(
                "{template:?}\n  here    {:?}\n  Ansible {expected:?}",
                ours.text
            )),
            (Err(problem), expected) => wrong.push(format!(
                "{template:?}\n  here    {problem}\n  Ansible {expected:?}"
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
