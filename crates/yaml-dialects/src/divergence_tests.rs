//! What no corpus can hold: what is random with kubectl, warnings, places, and bombs.

use super::{Stream, Warning};
use crate::{Error, ErrorKind, Limits};

fn read(text: &str) -> Result<Stream, Error> {
    super::read(text, &Limits::default())
}

fn messages(text: &str) -> Vec<(u32, u32, String)> {
    let warnings = read(text).unwrap().warnings;
    warnings
        .into_iter()
        .map(
            |Warning {
                 line,
                 column,
                 message,
                 ..
             }| (line, column, message),
        )
        .collect()
}

#[test]
fn keys_that_become_one_text_are_refused_for_kubectl_takes_either() {
    for text in [
        "a: {1: x, \"1\": y}",
        "a: {1: x, 1.0: y}",
        "a: {true: x, \"true\": y}",
    ] {
        let error = read(text).unwrap_err();
        assert!(
            error.kind() == ErrorKind::Unsupported && error.message().contains("another type"),
            "{error:?}"
        );
    }
    assert!(read("a: {1: x, 0x1: y}").is_ok());
}

#[test]
fn what_kubectl_drops_is_warned_of() {
    let dropped = messages("a: 1\n...\nb: 2\n");
    assert_eq!((dropped[0].0, dropped[0].1), (3, 1));
    assert!(dropped[0].2.contains("kubectl drops"), "{dropped:?}");
    assert_eq!(messages("a: 1\n...\n# nothing\n"), []);
}

#[test]
fn both_readings_of_a_scalar_are_told_with_its_place() {
    let found = messages("---\na: 1\n---\nb:\n  - 22:22\n  - 0644\n  - \"22:22\"\n");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].0, found[0].1), (5, 5));
    let message = &found[0].2;
    for part in ["`22:22`", "the text `22:22`", "the number 1342", "quote it"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_key_that_is_read_differently_is_told_with_its_place() {
    let found = messages("a:\n  y: 1\n");
    assert_eq!((found[0].0, found[0].1), (2, 3));
    assert!(
        found[0].2.contains("Ansible reads the text `y`"),
        "{found:?}"
    );
}

#[test]
fn another_grammar_is_told_where_it_matters() {
    let found = messages("a:\n  b: {c:d, e:,f: g}\n");
    assert!(
        found.iter().all(|(line, ..)| *line == 2) && !found.is_empty(),
        "{found:?}"
    );
}

#[test]
fn what_ansible_cannot_read_is_not_compared() {
    assert_eq!(messages("a: 22:22\nb: !mine 1\n"), []);
}

#[test]
fn the_error_stands_where_the_fault_is() {
    for (text, line, column) in [
        ("a: b: c\n", 1, 5),
        ("a:\n\tb: 1\n", 2, 1),
        ("a: \"x\ny: 1\n", 1, 4),
        ("a: [1, 2\nb: 1\n", 2, 2),
        ("a: 1\nb\nc: 2\n", 2, 1),
        ("a: *x\n", 1, 4),
        ("a: \"\\q\"\n", 1, 5),
        ("a: @x\n", 1, 4),
        ("a: 1\n---\nb: 1\n c: 2\n", 4, 3),
    ] {
        let error = read(text).unwrap_err();
        assert_eq!(
            (error.line(), error.column()),
            (line, column),
            "{text:?}: {}",
            error.message()
        );
    }
}

#[test]
fn bombs_end_in_an_error_soon() {
    let repeated = |text: &str, times: usize| text.repeat(times);
    let bombs = [
        repeated("[", 1 << 20),
        repeated("{a: ", 1 << 18),
        repeated("- ", 1 << 19),
        repeated("? ", 1 << 19),
        format!("a: {}", repeated("&a ", 1 << 18)),
        format!(
            "a: &a {}\nb: [{}]",
            "x".repeat(1 << 16),
            repeated("*a, ", 1 << 16)
        ),
        format!("a: &a [x]\nb: [{}]", repeated("*a, ", 1 << 18)),
        format!("[{}]", repeated("a, ", 1 << 19)),
        repeated("{}\n---\n", 1 << 18),
        format!("{{\"a\": {}", repeated("[", 1 << 20)),
        repeated("a: &a\n", 1 << 17),
    ];
    for bomb in bombs {
        let began = std::time::Instant::now();
        let result = read(&bomb);
        assert!(result.is_err(), "{}", &bomb[..40]);
        assert!(
            began.elapsed() < std::time::Duration::from_secs(20),
            "{}",
            &bomb[..40]
        );
    }
}
