//! Errors that lead to their cause, and templates that must not do harm.

use super::render;
use crate::error::{Error, ErrorKind};
use crate::variables::Variables;

fn problem(template: &str) -> Error {
    let variables = Variables::read("odoo_image: x\nlist: [1, 2]\ndict: {a: 1}\n", "vars.yml")
        .unwrap()
        .resolve();
    render(template, &variables).unwrap_err()
}

fn hint(error: &Error) -> String {
    let advice = error.advice().iter().map(ToString::to_string);
    advice.collect::<Vec<_>>().join(" ")
}

#[test]
fn an_undefined_name_is_named_with_its_place_and_the_nearest() {
    let problem = problem("a: 1\r\nimage: {{ odoo_imagee }}\n");
    assert_eq!((problem.line(), problem.column()), (Some(2), Some(11)));
    assert_eq!(problem.message(), "'odoo_imagee' is undefined.");
    assert!(hint(&problem).starts_with("Did you mean 'odoo_image'?"));
}

#[test]
fn a_name_is_told_in_parts_where_the_message_says_no_more() {
    for (template, names) in [
        ("{{ nowhere }}", &["nowhere"][..]),
        ("{{ dict.b }}", &["dict.b"]),
        ("{{ nowhere }} {{ dict.b }}", &["nowhere", "dict.b"]),
        // What somebody writes may read alike.
        ("{{ undef(hint=\"'' is undefined\") }}", &[]),
        ("{{ [] | first }}", &[]),
    ] {
        let problem = problem(template);
        let told = problem.undefined().iter().flat_map(|one| &one.names);
        assert_eq!(told.collect::<Vec<_>>(), names, "{problem}");
    }
}

#[test]
fn an_undefined_name_is_named_behind_filters_too() {
    let problem = problem("a: 1\npassword: {{ postgres_password | string | b64encode }}\n");
    assert_eq!(problem.line(), Some(2));
    assert_eq!(problem.message(), "'postgres_password' is undefined.");
    assert!(hint(&problem).contains("'postgres_password'"));
}

#[test]
fn the_place_is_right_behind_chains_too() {
    let problem = problem("{{ dict.x.y | default('') }} {{ nowhere }}");
    assert_eq!((problem.line(), problem.column()), (Some(1), Some(33)));
}

#[test]
fn unknown_filters_and_tests_are_named_with_the_nearest() {
    assert!(hint(&problem("{{ dict | to_nice_yml }}")).contains("'to_nice_yaml'"));
    assert!(hint(&problem("{{ dict is maping }}")).contains("'mapping'"));
    let lookup = problem("{{ lookup('file', '/etc/passwd') }}");
    assert!(
        lookup.message().contains("the lookup 'file' is refused"),
        "{lookup}"
    );
}

#[test]
fn syntax_errors_have_a_place() {
    let problem = problem("a: 1\nb: {{ 1 + }}\n");
    assert_eq!(problem.line(), Some(2));
    assert!(problem.column().is_some());
}

#[test]
fn a_key_that_is_missing_in_a_known_variable_is_told_apart() {
    let problem = problem("{{ dict.nope }}");
    assert_eq!(problem.message(), "'dict.nope' is undefined.");
    assert!(hint(&problem).contains("The variable is there"));
}

#[test]
fn the_variables_of_a_template_are_known() {
    let variables = Variables::read("a: 1\nb: [1]\n", "vars.yml")
        .unwrap()
        .resolve();
    let rendered = render(
        "{{ a }}{% for x in b %}{{ x }}{% endfor %}{{ range(1) | list }}{{ c | default('') }}",
        &variables,
    )
    .unwrap();
    assert_eq!(rendered.variables, ["a", "b", "c"]);
}

#[test]
fn templates_that_would_do_harm_end_in_a_clear_error() {
    for template in [
        "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{{ c }}{% endfor %}{% endfor %}{% endfor %}",
        "{{ range(1000000000) | list }}",
        "{{ 'x' * 1000000000 }}",
        "{% for a in range(99999) %}{{ 'x' * 10000 }}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ 'a'.ljust(1000000000) }}",
        "{{ 'a' | indent(1000000000) }}",
        "{{ '((a+)+)+b' | regex_replace('(((a{1,99}){1,99}){1,99}){1,99}', '') }}",
        "{% set x = 'x' * 100 %}{% for a in range(60) %}{% set y %}{{ x }}{% endset %}{% endfor %}{% macro m(x) %}{{ x }}{{ x }}{% endmacro %}{{ m(m(m(m(m(m(m(m(m(m(m(m(m(m(m(m(m(m(m(m(x)))))))))))))))))))) }}",
        "{% set ns = namespace(x=[1]) %}{% for a in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x | length }}",
        "{% set ns = namespace(x='x') %}{% for a in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x | length }}",
    ] {
        // tests/bombs.rs measures what it takes.
        assert!(!problem(template).message().is_empty(), "{template}");
    }
}

#[test]
fn a_failure_says_of_which_kind_it_is() {
    for (template, kind) in [
        ("{{ nowhere }}", ErrorKind::Undefined),
        ("{{ dict.nope.x }}", ErrorKind::Undefined),
        ("{{ 1 + }}", ErrorKind::Syntax),
        ("{% if %}", ErrorKind::Syntax),
        ("{{ 1 | nosuch }}", ErrorKind::Unsupported),
        ("{{ lookup('file', 'x') }}", ErrorKind::Unsupported),
        ("{{ 1 + 'a' }}", ErrorKind::Failed),
        ("{{ range(1000000000) | list }}", ErrorKind::Limit),
        ("{% include 'x' %}", ErrorKind::NeedsFile("x".to_owned())),
    ] {
        let error = problem(template);
        assert_eq!(*error.kind(), kind, "{template}");
        assert!(
            error.line().is_some() && error.column().is_some(),
            "{error}"
        );
    }
}
