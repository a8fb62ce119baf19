//! S6: what depends on a secret is known as such through every filter, and decides neither names nor what is fetched.

use std::sync::Once;

use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::ansible::vault::Vault;
use crate::manifest::{Fetcher, Limits, Reach, inspect, policy, with_files};
use crate::policy::Policy;
use crate::yaml::Data;

const SECRET: &str = "hunter2Hunter2";
/// `hunter2`, encrypted by the password `correct horse`.
const ENCRYPTED: &str = "$ANSIBLE_VAULT;1.2;AES256;prod\n3730363137323639373437390a646131356566663666313332333238333935316639303863323961\n376561343832613939386364633232306461616234393538636534326234643035636131390a3361\n636562323739303663353565626231646436366337653333356666323733\n";

fn variables() -> Variables {
    let vault = Vault::new([("prod".to_owned(), b"correct horse".to_vec().into())]);
    let mut variables = Variables::opened_by(&vault);
    variables.set_secret("admin_password", SECRET, "secret", true);
    variables.set_secret("login", "odoo:{{ admin_password }}", "secret", false);
    let structured = r#"{"user": "odoo", "password": "hunter2Hunter2"}"#;
    variables.set_secret("json", structured, "secret", true);
    variables.set("derived", "{{ admin_password | upper }}", "config map");
    variables.set("vaulted", Data::Vault(ENCRYPTED.to_owned()), "config map");
    variables.set("name", "shop", "config map");
    variables.insert(
        "production",
        crate::ansible::Variable {
            value: serde_json::json!({"name": "shop", "secrets": {"p": SECRET}}).into(),
            origin: "Chandlery".to_owned(),
            literal: true,
            secret: false,
            secret_member: Some("secrets"),
            written: None,
        },
    );
    variables
}

fn source(text: &str) -> Source {
    Source::new("Odoo", "http://example.com/odoo.yml", text.to_owned())
}

/// Renders without any file.
fn parsed(text: &str) -> Result<Parsed, Problem> {
    let (source, values) = (source(text), Twice::new(&variables()).unwrap());
    let made = match with_stand_ins(&source, &values) {
        Ok(made) => made,
        Err(Failure::Problem(problem)) => return Err(*problem),
        Err(needs) => panic!("{needs}"),
    };
    with_secrets(&source, made, &values)
}

/// All forms in which a host could be told of a secret, by the letters that a stand-in never has.
fn tells(text: &str) -> bool {
    let text = text.to_lowercase();
    ["hunter", "retnuh", "h-u-n", "odoo:"]
        .iter()
        .any(|part| text.contains(part))
}

#[tokio::test]
async fn no_request_for_a_file_carries_any_part_of_a_secret() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let fetcher = Fetcher::new(Limits::default(), Reach::of_tests()).unwrap();
    for template in [
        "{% include 'x-' ~ admin_password ignore missing %}",
        "{% include (admin_password | reverse) ignore missing %}",
        "{% include ['x-' ~ derived, 'y-' ~ derived] ignore missing %}",
        "{% for c in admin_password %}{% include 'n-' ~ loop.index ~ '-' ~ c ignore missing %}{% endfor %}",
        "{% if admin_password[0] == 'h' %}{% include 'is-h' ignore missing %}{% endif %}",
        "{% for c in 'abcdefgh' %}{% if admin_password[0] == c %}{% include 'is-' ~ c ignore missing %}{% endif %}{% endfor %}",
        "{% import 'x-' ~ login as x %}",
        "{% from 'x-' ~ production.secrets.p import x %}",
        "{% extends 'x-' ~ vaulted %}",
        "{% include 'x-' ~ (json | from_json).password ignore missing %}",
        "{% include 'x-' ~ (admin_password | b64encode) ignore missing %}",
        "{% include 'x-' ~ (admin_password | hash('md5')) ignore missing %}",
        "{% set name = admin_password[1:] %}{% include name ignore missing %}",
    ] {
        for answer in [404, 200] {
            let server = MockServer::start().await;
            Mock::given(any())
                .respond_with(ResponseTemplate::new(answer).set_body_string("{% set x = 1 %}"))
                .mount(&server)
                .await;
            let address = format!("{}/odoo.yml", server.uri());
            let given = Source::new("Odoo", &address, format!("a: 1\n{template}\n"));
            let values = Twice::new(&variables()).unwrap();
            let first = values.clone();
            let make = move |source: &Source| with_stand_ins(source, &first);
            let problem = match with_files(&fetcher, &address, given, make).await {
                Ok((source, made)) => {
                    let parsed = with_secrets(&source, made, &values);
                    parsed.expect_err(template)
                }
                Err(problem) => problem,
            };
            assert!(!tells(&format!("{problem:?}")), "{problem}");
            let requests = server.received_requests().await.unwrap();
            for request in requests {
                let path = request.url.path();
                assert!(
                    !tells(path) && !path.contains("/is-h"),
                    "{template}: {path}"
                );
                for form in ["aHVudGVyMkh1bnRlcjI", "f9ce40f0a1f1e0d3f5", &md5(SECRET)] {
                    assert!(!path.contains(form), "{template}: {path}");
                }
            }
            // The server waits for its own lock when it is dropped, which a task that has used up tokio's budget
            // would do for ever.
            tokio::task::yield_now().await;
        }
    }
}

fn md5(text: &str) -> String {
    let mut variables = Variables::new();
    variables.set("x", text, "test");
    let rendered = crate::ansible::render(
        "t",
        "t",
        "{{ x | hash('md5') }}",
        &variables.resolve().unwrap(),
    );
    rendered.unwrap().text
}

#[tokio::test]
async fn names_of_files_that_no_secret_decides_work_as_ever() {
    let problem =
        parsed("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n{% set x = 'b' %}\n");
    assert_eq!(problem.unwrap().objects.len(), 1);
    let given = source("{% include name ~ '.j2' %}");
    let values = Twice::new(&variables()).unwrap();
    let Err(Failure::Needs(name)) = with_stand_ins(&given, &values) else {
        panic!();
    };
    assert_eq!(name, "shop.j2");
}

#[test]
fn which_objects_there_are_and_how_they_are_called_never_depends_on_a_secret() {
    let object =
        |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n");
    for (text, what) in [
        (object("\"n-{{ admin_password | lower }}\""), "metadata.name"),
        (object("\"{{ admin_password | lower | reverse }}\""), "metadata.name"),
        (object("a") + "  namespace: x-{{ vaulted }}\n", "metadata.namespace"),
        (object("a").replace("ConfigMap", "A{{ production.secrets.p }}"), "kind"),
        (object("a").replace("v1", "{{ derived }}"), "apiVersion"),
        (object("a") + "data: {'{{ login }}': x}\n", "`data`"),
        (object("a") + "data:\n{% for c in login %}\n  k{{ loop.index }}-{{ c | replace(':', '') }}: x\n{% endfor %}\n", "`data`"),
        (
            object("a") + "{% for c in 'abcdefghijklmnopqrstuvwxyz' %}\n{% if c == admin_password[0] %}\n---\n" + &object("{{ c }}") + "{% endif %}\n{% endfor %}\n",
            "another document follows|depends on a secret",
        ),
        (
            "apiVersion: v1\nkind: List\nitems: {{ ([{'apiVersion': 'v1', 'kind': 'A', 'metadata': {'name': 'a'}}] * (admin_password | regex_replace('[^u]', '') | length)) | to_json }}\n".to_owned(),
            "this list holds",
        ),
    ] {
        let problem = parsed(&text).expect_err(&text);
        assert_eq!(problem.code, CODE, "{problem}");
        let told = format!("{problem:?}");
        assert!(what.split('|').any(|what| told.contains(what)), "{told}");
        assert!(!tells(&told), "{told}");
        assert!(problem.line.is_some() && problem.hint.is_some(), "{told}");
    }
}

#[test]
fn fields_that_depend_on_a_secret_are_known_through_every_filter() {
    for expression in [
        "admin_password",
        "admin_password | urlencode",
        "admin_password | b64encode",
        "('user:' ~ admin_password) | b64encode",
        "admin_password | upper",
        "admin_password[1:]",
        "admin_password | reverse",
        "admin_password | hash('sha256')",
        "admin_password | list | join('-')",
        "vaulted",
        "production.secrets.p",
        "login",
        "derived",
        "(json | from_json).password",
        "(admin_password == 'hunter2Hunter2') | string",
    ] {
        let text = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n    x/y: \"{{{{ {expression} }}}}\"\ndata:\n  plain: \"{{{{ name }}}}\"\n"
        );
        let objects = parsed(&text).unwrap().objects;
        let dependent = objects[0].dependent();
        assert!(
            dependent.touches("metadata.annotations.x/y"),
            "{expression}"
        );
        assert!(!dependent.touches("data.plain"), "{expression}");
        assert!(!dependent.touches("metadata.name"), "{expression}");
    }
}

#[test]
fn of_a_list_each_object_knows_its_own_fields() {
    let text = "apiVersion: v1\nkind: ConfigMapList\nitems:\n- metadata: {name: a}\n  data: {x: '{{ name }}'}\n- metadata: {name: b}\n  data: {x: '{{ login }}'}\n";
    let objects = parsed(text).unwrap().objects;
    assert!(!objects[0].dependent().touches("data.x"));
    assert!(objects[1].dependent().touches("data.x"));
}

#[test]
fn what_fails_for_a_secret_alone_is_told_without_a_word_of_it() {
    // Only this very value is refused.
    let text = "kind: A\nb: {{ undef(hint=admin_password[1:]) if admin_password.startswith('hun') else 1 }}\n";
    let problem = parsed(text).unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.line),
        (CODE, Some(2)),
        "{problem}"
    );
    assert!(
        !tells(&format!("{problem:?}")) && !problem.message.contains("unter2"),
        "{problem}"
    );
    // Only this very value is accepted.
    let text = "kind: A\nb: {{ 1 if admin_password.startswith('hun') else undef(hint=admin_password[1:]) }}\n";
    let problem = parsed(text).unwrap_err();
    assert_eq!(problem.code, CODE);
    assert!(
        !tells(&format!("{problem:?}")) && !problem.message.contains("unter2"),
        "{problem}"
    );
    // Every value fails alike: that is told as ever.
    let problem = parsed("kind: A\nb: {{ nmae }}\n").unwrap_err();
    assert!(problem.hint.unwrap().contains("'name'"));
}

#[test]
fn an_inspection_tells_nothing_of_a_secret_and_refuses_what_a_deploy_would() {
    let variables = variables().with_stand_ins();
    let policy = Policy::default();
    let rules = policy::Rules::of_tests(&policy);
    for text in [
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'n-{{ admin_password | lower }}'}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ admin_password | lower | reverse }}'}\n",
        "a: {{ undef(hint=admin_password[1:]) }}\n",
        "kind: [{{ login }}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {'{{ vaulted }}': x}}\n",
    ] {
        let found = inspect(&source(text), &variables, &rules).unwrap();
        assert!(!found.problems.is_empty(), "{text}");
        assert!(!tells(&format!("{found:?}")), "{found:?}");
    }
    let structured = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  user: '{{ (json | from_json).user }}'\n  p: '{{ production.secrets.p }}'\n";
    let found = inspect(&source(structured), &variables, &rules).unwrap();
    assert_eq!(
        (found.problems, found.missing.len(), found.objects.len()),
        (vec![], 0, 1)
    );
}

#[test]
fn a_secret_that_is_asked_for_by_its_name_is_known_as_one() {
    for text in [
        "kind: A\ndata:\n  x: {{ vars.admin_password | to_json }}\n",
        "kind: A\ndata:\n  x: {{ vars['admin_' ~ 'password'] | to_json }}\n",
        "kind: A\ndata:\n  x: {{ vars.get('derived') | to_json }}\n",
        "kind: A\ndata:\n  x: {{ lookup('vars', 'login') | to_json }}\n",
        "kind: A\ndata:\n  x: {{ q('vars', *q('varnames', '^admin')) | join | to_json }}\n",
        "kind: A\ndata:\n  x: {{ hostvars[inventory_hostname].vaulted | to_json }}\n",
        "kind: A\ndata:\n  x: {{ 'admin_password' | extract(vars) | to_json }}\n",
        "kind: A\ndata:\n  x: {{ q('dict', vars.production.secrets)[0].value | to_json }}\n",
    ] {
        let values = Twice::new(&variables()).unwrap();
        let made = with_stand_ins(&source(text), &values).unwrap_or_else(|_| panic!("{text}"));
        assert!(
            !tells(&made.rendered.text),
            "{text}: {}",
            made.rendered.text
        );
        let objects = with_secrets(&source(text), made, &values).unwrap();
        assert!(!objects.secrets.is_empty(), "{text}");
    }
    let name = "kind: A\nmetadata:\n  name: {{ vars['admin_' ~ 'password'] | lower }}\n";
    let problem = parsed(name).unwrap_err();
    assert_eq!(problem.code, CODE, "{problem}");
}

#[test]
fn a_secret_does_not_decide_what_a_list_within_a_list_holds() {
    let text = "kind: List\nitems:\n- kind: List\n  items: [{% if admin_password[0] == 'h' %}{kind: A}{% endif %}]\n";
    let problem = parsed(text).unwrap_err();
    assert_eq!(problem.code, CODE, "{problem}");
}
