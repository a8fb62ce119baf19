//! Values that refer to one another, and what of them may be seen.

use serde_json::json;
use yaml_dialects::Data;

use super::{Variable, Variables, read_value};
use crate::error::ErrorKind;
use crate::render::render;

fn variables(text: &str) -> Variables {
    Variables::read(text, "vars.yml").unwrap()
}

#[test]
fn values_refer_to_one_another_in_any_order() {
    let resolved =
        variables("a: '{{ b }}-a'\nb: '{{ c }}-b'\nc: c\nlist: ['{{ a }}', {x: '{{ c }}'}]\n")
            .resolve();
    assert_eq!(resolved.get("a"), Some(json!("c-b-a")));
    assert_eq!(resolved.get("list"), Some(json!(["c-b-a", {"x": "c"}])));
}

#[test]
fn a_value_of_one_expression_keeps_its_type() {
    let resolved = variables("n: 5\nsame: '{{ n }}'\nsum: '{{ n + 1 }}'\ntext: ' {{ n }}'\nl: '{{ [n, none] }}'\nz: '{{ [1, 2] | map(\"string\") }}'\n")
        .resolve();
    assert_eq!(resolved.get("same"), Some(json!(5)));
    assert_eq!(resolved.get("sum"), Some(json!(6)));
    assert_eq!(resolved.get("text"), Some(json!(" 5")));
    assert_eq!(resolved.get("l"), Some(json!([5, null])));
    assert_eq!(resolved.get("z"), Some(json!(["1", "2"])));
}

#[test]
fn a_ring_of_values_is_shown_where_it_is_used() {
    let resolved = variables(
        "a: '{{ b }}'\nb: 'x{{ c }}'\nc: ['{{ a }}']\nother: 1\nme: '{{ me | default(1) }}'\n",
    )
    .resolve();
    assert_eq!(render("{{ other }}", &resolved).unwrap().text, "1");
    let problem = render("\n {{ b | default('x') }}", &resolved).unwrap_err();
    assert!(problem.message().contains("a → b → c → a"), "{problem}");
    assert_eq!((problem.line(), problem.column()), (Some(2), Some(5)));
    let itself = render("{{ me }}", &resolved).unwrap_err();
    assert!(itself.message().contains("`me` needs itself"), "{itself}");
}

#[test]
fn what_is_wrong_with_a_value_matters_only_where_it_is_used() {
    let resolved =
        variables("good: 1\nbad: '{{ nowhere }}'\nworse: '{{ 1 + }}'\nuses: 'x {{ bad }}'\n")
            .resolve();
    assert_eq!(render("{{ good }}", &resolved).unwrap().text, "1");
    let problem = render("\n{{ uses }}", &resolved).unwrap_err();
    assert_eq!(problem.line(), Some(2));
    assert!(
        problem.message().contains("`uses`")
            && problem.message().contains("'nowhere' is undefined"),
        "{problem}"
    );
    assert!(
        render("{{ worse }}", &resolved)
            .unwrap_err()
            .message()
            .contains("`worse` (vars.yml)")
    );
    assert_eq!(
        render("{{ bad | default('x') }}", &resolved).unwrap().text,
        "x"
    );
}

#[test]
fn the_later_of_two_wins() {
    let mut all = variables("a: 1\nb: '{{ a }}'\n");
    all.extend(variables("a: 2\n"));
    all.set("app_name", "shop", "the program");
    let resolved = all.resolve();
    assert_eq!(resolved.get("b"), Some(json!(2)));
    assert_eq!(resolved.origin("app_name"), Some("the program"));
}

#[test]
fn a_literal_is_never_a_template() {
    let mut all = variables("marked: !unsafe '{{ x }}'\nuses: '{{ password }}!'\n");
    all.set_secret("password", "{{ not }} a {% template", "secret", true);
    let resolved = all.resolve();
    assert_eq!(
        resolved.get("password"),
        Some(json!("{{ not }} a {% template"))
    );
    assert_eq!(
        resolved.get("uses"),
        Some(json!("{{ not }} a {% template!"))
    );
    assert_eq!(resolved.get("marked"), Some(json!("{{ x }}")));
}

#[test]
fn what_must_not_be_shown_is_listed_with_the_variables_that_hold_it() {
    let mut all = variables("uri: 'postgresql://odoo:{{ password }}@postgres'\nopen: 1\n");
    all.set_secret("password", "tops3cret", "secret", true);
    all.set_secret("templated", "key-{{ password }}", "secret", false);
    let resolved = all.resolve();
    let mut secrets = resolved.secrets();
    secrets.sort();
    assert_eq!(
        secrets,
        [
            "key-tops3cret",
            "key-{{ password }}",
            "tops3cret",
            "tops3cret"
        ]
    );
    assert_eq!(resolved.secret_names(), ["password", "templated", "uri"]);
}

#[test]
fn vars_files_are_read_as_ansible_does() {
    let all = variables(
        "a: yes\nb: 0644\nc: 22:22\nd: 1e3\ne: y\nf: 1_000\ng: 1.5\nbase: &b {x: 1, y: 1}\nm:\n  y: 2\n  <<: *b\n",
    );
    let value = |name: &str| all.get(name).unwrap().value.to_json().unwrap();
    assert_eq!(value("a"), json!(true));
    assert_eq!(value("b"), json!(420));
    assert_eq!(value("c"), json!(1342));
    assert_eq!(value("d"), json!("1e3"));
    assert_eq!(value("e"), json!("y"));
    assert_eq!(value("f"), json!(1000));
    assert_eq!(value("g"), json!(1.5));
    assert_eq!(value("m"), json!({"x": 1, "y": 2}));
    for nothing in ["", "---\n# nothing\n"] {
        let none = Variables::read(nothing, "vars.yml").unwrap();
        assert_eq!(none.iter().count(), 0, "{nothing}");
    }
}

#[test]
fn a_value_that_cannot_be_held_is_refused_where_it_is_used() {
    for (value, words) in [("!vault x", "marked as encrypted"), ("&r [*r]", "`&r`")] {
        let resolved = variables(&format!("a: 1\nb: {value}\n")).resolve();
        assert_eq!(render("{{ a }}", &resolved).unwrap().text, "1");
        let problem = render("{{ b | default('x') }}", &resolved).unwrap_err();
        assert!(problem.message().contains(words), "{problem}");
        assert_eq!((problem.line(), problem.column()), (Some(1), Some(4)));
    }
}

#[test]
fn dates_and_numbers_of_any_size_keep_their_type() {
    let resolved = variables("big: 123456789012345678901234567890\nday: 2001-12-14\nt: '{{ big + 1 }} {{ day }}'\nn: {c: !unsafe '{{ x }}'}\n")
        .resolve();
    assert_eq!(
        resolved.get("t"),
        Some(json!("123456789012345678901234567891 2001-12-14"))
    );
    assert_eq!(resolved.get("n"), Some(json!({"c": "{{ x }}"})));
}

#[test]
fn all_that_is_undefined_is_named_at_once_and_through_values() {
    let resolved =
        variables("odoo_volume_name: '{{ odoo_hostname }}-data'\nodoo_host: h\n").resolve();
    let problem = render("a: {{ one }}\nb: {{ odoo_volume_name }}\n", &resolved).unwrap_err();
    assert_eq!((problem.line(), problem.column()), (Some(1), Some(7)));
    assert_eq!(
        problem.message(),
        "2 values are undefined: 'one' (line 1), 'odoo_hostname' (needed by `odoo_volume_name` (vars.yml, line 1), used in line 2)."
    );
    assert!(
        problem.advice()[0]
            .to_string()
            .starts_with("Did you mean 'odoo_host' by 'odoo_hostname'?")
    );
}

#[test]
fn what_would_be_read_in_another_way_is_refused_with_its_place() {
    for (text, words) in [
        ("a: 1\n[b]: x\n", "a key must be"),
        ("a: 1\nb: 2001-02-30\n", "no such day"),
        ("a: 1\nb: !nothing x\n", "!nothing"),
        ("a: 1\n- b\n", ""),
    ] {
        let problem = Variables::read(text, "vars.yml").unwrap_err();
        assert_eq!(
            (problem.kind(), problem.line()),
            (&ErrorKind::Yaml, Some(2)),
            "{text}: {problem}"
        );
        assert!(problem.message().contains(words), "{problem}");
    }
    assert!(
        Variables::read("just text", "vars.yml")
            .unwrap_err()
            .message()
            .contains("mapping")
    );
}

#[test]
fn a_value_of_type_yaml_is_read() {
    assert_eq!(
        read_value("a", "[1, yes, {b: c}]", "the form").unwrap(),
        Data::from(json!([1, true, {"b": "c"}]))
    );
    assert_eq!(read_value("a", "", "the form").unwrap(), Data::Null);
    let problem = read_value("odoo_replicas", "[1", "the form").unwrap_err();
    assert!(
        problem.message().contains("`odoo_replicas` (the form)"),
        "{problem}"
    );
}

#[test]
fn a_value_that_needs_itself_and_something_undefined_ends_in_an_error() {
    let variables =
        Variables::read("a: \"{% if nosuch %}{% endif %}{{ a }}\"\n", "vars.yml").unwrap();
    let resolved = variables.resolve();
    let problem = render("{{ a }}", &resolved).unwrap_err();
    assert!(
        problem.message().contains("'nosuch' is undefined"),
        "{problem}"
    );
}

#[test]
fn a_variable_can_be_put_as_a_whole() {
    let mut all = Variables::new();
    let variable = Variable {
        value: Data::Int(1),
        origin: "test".to_owned(),
        literal: false,
        secret: false,
        secret_member: None,
        written: None,
    };
    all.insert("a", variable.clone());
    assert_eq!(all.iter().collect::<Vec<_>>(), [("a", &variable)]);
}
