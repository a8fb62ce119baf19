//! Values that refer to one another, and what of them may be seen.

use serde_json::json;

use super::{Resolved, Variable, Variables, Vault, read_value};
use crate::ansible::render;
use crate::yaml::Data;

fn variables(text: &str) -> Variables {
    Variables::read(text, "vars.yml").unwrap()
}

#[test]
fn values_refer_to_one_another_in_any_order() {
    let resolved =
        variables("a: '{{ b }}-a'\nb: '{{ c }}-b'\nc: c\nlist: ['{{ a }}', {x: '{{ c }}'}]\n")
            .resolve()
            .unwrap();
    assert_eq!(resolved.get("a"), Some(json!("c-b-a")));
    assert_eq!(resolved.get("list"), Some(json!(["c-b-a", {"x": "c"}])));
}

#[test]
fn a_value_of_one_expression_keeps_its_type() {
    let resolved = variables("n: 5\nsame: '{{ n }}'\nsum: '{{ n + 1 }}'\ntext: ' {{ n }}'\nl: '{{ [n, none] }}'\nz: '{{ [1, 2] | map(\"string\") }}'\n")
        .resolve()
        .unwrap();
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
    .resolve()
    .unwrap();
    assert_eq!(
        render("t", "t", "{{ other }}", &resolved).unwrap().text,
        "1"
    );
    let problem = render("t", "t", "\n {{ b | default('x') }}", &resolved).unwrap_err();
    assert!(problem.message.contains("a → b → c → a"), "{problem}");
    assert_eq!((problem.line, problem.column), (Some(2), Some(5)));
    let itself = render("t", "t", "{{ me }}", &resolved).unwrap_err();
    assert!(itself.message.contains("`me` needs itself"), "{itself}");
}

#[test]
fn what_is_wrong_with_a_value_matters_only_where_it_is_used() {
    let resolved =
        variables("good: 1\nbad: '{{ nowhere }}'\nworse: '{{ 1 + }}'\nuses: 'x {{ bad }}'\n")
            .resolve()
            .unwrap();
    assert_eq!(render("t", "t", "{{ good }}", &resolved).unwrap().text, "1");
    let problem = render("t", "t", "\n{{ uses }}", &resolved).unwrap_err();
    assert_eq!(problem.line, Some(2));
    assert!(
        problem.message.contains("`uses`") && problem.message.contains("'nowhere' is undefined"),
        "{problem}"
    );
    assert!(
        render("t", "t", "{{ worse }}", &resolved)
            .unwrap_err()
            .message
            .contains("`worse` (vars.yml)")
    );
    assert_eq!(
        render("t", "t", "{{ bad | default('x') }}", &resolved)
            .unwrap()
            .text,
        "x"
    );
}

#[test]
fn the_later_of_two_wins() {
    let mut all = variables("a: 1\nb: '{{ a }}'\n");
    all.extend(variables("a: 2\n"));
    all.set("app_name", "shop", "Chandlery");
    let resolved = all.resolve().unwrap();
    assert_eq!(resolved.get("b"), Some(json!(2)));
    assert_eq!(resolved.origin("app_name"), Some("Chandlery"));
}

#[test]
fn a_literal_is_never_a_template() {
    let mut all = variables("marked: !unsafe '{{ x }}'\nuses: '{{ password }}!'\n");
    all.set_secret("password", "{{ not }} a {% template", "secret", true);
    let resolved = all.resolve().unwrap();
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
fn secrets_are_blackened_in_problems() {
    let mut all = variables("uri: 'postgresql://odoo:{{ password }}@postgres'\n");
    all.set_secret("password", "tops3cret", "secret", true);
    all.set_secret("templated", "key-{{ password }}", "secret", false);
    let resolved = all.resolve().unwrap();
    for template in [
        "{{ uri | from_json }}",
        "{{ uri | mandatory | regex_replace('(' ~ password, '') }}",
        "{{ templated.x.y }}",
        "{{ uri | nosuch }}",
    ] {
        let problem = render("t", "t", template, &resolved).unwrap_err();
        assert!(!problem.to_string().contains("tops3cret"), "{problem}");
    }
    assert_eq!(
        resolved.mask("a tops3cret b key-tops3cret dG9wczNjcmV0"),
        "a *** b *** ***"
    );
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
    assert_eq!(Variables::read("", "vars.yml").unwrap().iter().count(), 0);
    let nothing = Variables::read("---\n# nothing\n", "vars.yml").unwrap();
    assert_eq!(nothing.iter().count(), 0);
}

#[test]
fn a_value_that_cannot_be_held_is_refused_where_it_is_used() {
    for (value, words) in [
        ("!vault x", "marked as encrypted"),
        ("!unsafe [1]", "!unsafe"),
    ] {
        let resolved = variables(&format!("a: 1\nb: {value}\n")).resolve().unwrap();
        assert_eq!(render("t", "t", "{{ a }}", &resolved).unwrap().text, "1");
        let problem = render("t", "t", "{{ b | default('x') }}", &resolved).unwrap_err();
        assert!(problem.message.contains(words), "{problem}");
        assert_eq!((problem.line, problem.column), (Some(1), Some(4)));
    }
}

#[test]
fn dates_and_numbers_of_any_size_keep_their_type() {
    let resolved = variables("big: 123456789012345678901234567890\nday: 2001-12-14\nt: '{{ big + 1 }} {{ day }}'\nn: {c: !unsafe '{{ x }}'}\n")
        .resolve()
        .unwrap();
    assert_eq!(
        resolved.get("t"),
        Some(json!("123456789012345678901234567891 2001-12-14"))
    );
    assert_eq!(resolved.get("n"), Some(json!({"c": "{{ x }}"})));
}

#[test]
fn all_that_is_undefined_is_named_at_once_and_through_values() {
    let resolved = variables("odoo_volume_name: '{{ odoo_hostname }}-data'\nodoo_host: h\n")
        .resolve()
        .unwrap();
    let problem = render(
        "postgres.yml",
        "u",
        "a: {{ one }}\nb: {{ odoo_volume_name }}\n",
        &resolved,
    )
    .unwrap_err();
    assert_eq!((problem.line, problem.column), (Some(1), Some(7)));
    assert_eq!(
        problem.message,
        "2 values are undefined: 'one' (line 1), 'odoo_hostname' (needed by `odoo_volume_name` (vars.yml), used in line 2)."
    );
    assert!(
        problem
            .hint
            .unwrap()
            .starts_with("Did you mean 'odoo_host' by 'odoo_hostname'?")
    );
}

#[test]
fn what_would_be_read_in_another_way_is_refused_with_its_place() {
    for (text, words) in [
        ("a: 1\n1: x\n", "does not read the key"),
        ("a: 1\nb: 2001-02-30\n", "no such day"),
        ("a: 1\nb: !nothing x\n", "!nothing"),
        ("a: 1\n- b\n", ""),
    ] {
        let problem = Variables::read(text, "vars.yml").unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.line),
            ("variables", Some(2)),
            "{text}: {problem}"
        );
        assert!(problem.message.contains(words), "{problem}");
    }
    assert!(
        Variables::read("just text", "vars.yml")
            .unwrap_err()
            .message
            .contains("mapping")
    );
}

#[test]
fn a_value_of_type_yaml_is_read() {
    assert_eq!(
        read_value("a", "[1, yes, {b: c}]", "config map").unwrap(),
        Data::from(json!([1, true, {"b": "c"}]))
    );
    assert_eq!(read_value("a", "", "config map").unwrap(), Data::Null);
    let problem = read_value("odoo_replicas", "[1", "config map").unwrap_err();
    assert!(
        problem.message.contains("`odoo_replicas` (config map)"),
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
    };
    all.insert("a", variable.clone());
    assert_eq!(all.iter().collect::<Vec<_>>(), [("a", &variable)]);
}

/// `hunter2`, encrypted without an id by the password `correct horse`.
const ENCRYPTED: &str = "!vault |
    $ANSIBLE_VAULT;1.1;AES256
    3730363137323639373437390a646131356566663666313332333238333935316639303863323961
    376561343832613939386364633232306461616234393538636534326234643035636131390a3361
    636562323739303663353565626231646436366337653333356666323733
";

fn encrypted(text: &str, password: &str) -> Resolved {
    let password = password.as_bytes().to_vec().into();
    let vault = Vault::new([("default".to_owned(), password)]);
    let mut variables = Variables::opened_by(&vault);
    variables.load(text, "vars.yml").unwrap();
    variables.resolve().unwrap()
}

#[test]
fn what_is_encrypted_is_opened_where_it_is_used_and_hidden_in_messages() {
    let text = format!("l:\n- k: {ENCRYPTED}b: '{{{{ l[0].k }}}}'\n");
    let resolved = encrypted(&text, "correct horse");
    let text = render("t", "t", "{{ b }} {{ l[0].k | b64encode }}", &resolved)
        .unwrap()
        .text;
    assert_eq!(text, "hunter2 aHVudGVyMg==");
    assert_eq!(resolved.mask(&text), "*** ***");
    assert!(resolved.is_secret("l"));
    let problem = render("t", "t", "{{ {}[b] }}", &resolved).unwrap_err();
    assert!(!problem.to_string().contains("hunter2"), "{problem}");
    assert!(!format!("{resolved:?}").contains("hunter2"));
}

#[test]
fn what_stays_encrypted_is_named_with_its_id_and_the_way_out_where_it_is_used() {
    let prod = ENCRYPTED.replace("1.1;AES256", "1.2;AES256;prod");
    let resolved = encrypted(&format!("a: {prod}b: 1\nc: 'x{{{{ a }}}}'\n"), "another");
    assert_eq!(render("t", "t", "{{ b }}", &resolved).unwrap().text, "1");
    for template in [
        "{{ a }}",
        "{{ c }}",
        "{{ a | default('x') }}",
        "{{ a is defined }}",
    ] {
        let problem = render("t", "t", template, &resolved).unwrap_err();
        assert!(
            problem.message.contains(
                "The value of `a` (vars.yml) is encrypted with ansible-vault (id `prod`), and the only vault password does not open it"
            ),
            "{problem}"
        );
        assert_eq!(
            (problem.line, problem.column),
            (Some(1), Some(4)),
            "{problem}"
        );
        let hint = problem.hint.unwrap();
        assert!(
            hint.contains("[vault.password_files]") && hint.contains("--vault-id prod@FILE"),
            "{hint}"
        );
    }
}

#[test]
fn an_encrypted_file_is_secret_as_a_whole() {
    let text = "$ANSIBLE_VAULT;1.1;AES256
3730363137323639373437390a633331663162663130636536336163323938636163313461363234
626236313566623939343938383334643534303033326163616538653138366661303431330a3364
64356239333734333836363663313731626331373132346536636462306431316131623165353439
34316136636438326538633064386564336337353339346164393132633765613964366434646331
37633332613661326463383438363934643063643237366163306438663662306665396332343438
6365653561353435313235613639623062616239356631366630663562386539353534313332
";
    let resolved = encrypted(text, "correct horse");
    assert!(resolved.is_secret("secret"));
    assert_eq!(resolved.mask("the whole file"), "the ***");
    let problem = Variables::read(text, "vars.yml").unwrap_err();
    assert_eq!(problem.code, "vault");
    assert!(
        problem.to_string().starts_with("vars.yml: The file is encrypted with ansible-vault (id `default`), and there is no vault password"),
        "{problem}"
    );
}
