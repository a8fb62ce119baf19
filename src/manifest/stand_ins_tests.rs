//! What depends on a secret is known as such through every filter, and decides neither names nor what is fetched.

use std::sync::Once;

use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};
use yaml_dialects::Data;

use super::*;
use crate::ansible::vault::Vault;
use crate::code::Code;
use crate::manifest::{Fetcher, Limits, Reach, inspect, policy, with_files};
use crate::policy::Policy;

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
    let (source, values) = (source(text), Values::new(&variables()).unwrap());
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
            let values = Values::new(&variables()).unwrap();
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
    let values = Values::new(&variables()).unwrap();
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
            "apiVersion: v1\nkind: List\nitems: {{ ([{'apiVersion': 'v1', 'kind': 'A', 'metadata': {'name': 'a'}}] * (admin_password | hash('md5') | regex_replace('[^a-f]', '') | length)) | to_json }}\n".to_owned(),
            "this list holds",
        ),
    ] {
        let problem = parsed(&text).expect_err(&text);
        assert_eq!(problem.code, Code::SecretDependent, "{problem}");
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
fn what_is_so_for_a_secret_alone_is_told_without_a_place_and_without_a_word_of_it() {
    for text in [
        // Only this very value is refused.
        "kind: A\nb: {{ undef(hint=admin_password[1:]) if admin_password.startswith('hun') else 1 }}\n",
        "kind: A\nb: {{ '[' if admin_password.startswith('hun') else 1 }}\n",
        "kind: A\n{% if admin_password.startswith('hun') %}\n---\nkind: B\n{% endif %}\n",
        // A field that depends on a secret for this value only.
        "kind: A\nb: {{ (admin_password == 'hunter2Hunter2') | string | to_json }}\n",
    ] {
        assert_eq!(
            parsed(text).expect_err(text),
            dependence::untold(),
            "{text}"
        );
    }
    // What is so for no other value is told of the others.
    let text = "kind: A\nb: {{ 1 if admin_password.startswith('hun') else undef(hint=admin_password[1:]) }}\n";
    let problem = parsed(text).unwrap_err();
    assert_eq!(problem.line, Some(2));
    assert!(
        !tells(&format!("{problem:?}")) && !problem.message.contains("unter2"),
        "{problem}"
    );
    // Every value fails alike: that is told as ever.
    let problem = parsed("kind: A\nb: {{ nmae }}\n").unwrap_err();
    assert!(problem.hint.unwrap().contains("'name'"));
}

/// All that is told of a manifest.
fn told(text: &str, secret: &str, pin: u16) -> String {
    let mut variables = Variables::new();
    variables.set_secret("secret", secret, "secret", true);
    variables.set_secret("pin", i64::from(pin), "secret", true);
    let policy = Policy::default();
    let rules = policy::Rules::of_tests(&policy);
    let values = Values::new(&variables).unwrap();
    let hidden = |problem: Problem| {
        let problem = values
            .secret()
            .redactor()
            .problem(problem.free_of_secrets());
        format!("{problem:?} {}", problem.drawn(80, false))
    };
    let source = source(text);
    let made = match with_stand_ins(&source, &values) {
        Ok(made) => made,
        Err(Failure::Problem(problem)) => return hidden(*problem),
        Err(Failure::Needs(file)) => return format!("needs {file}"),
    };
    let first = made.objects();
    let refused = policy::violations(&first.objects, &rules);
    if let Err(problem) = policy::refuse(&refused, &rules) {
        return hidden(problem);
    }
    let parsed = match with_secrets(&source, made, &values) {
        Ok(parsed) => parsed,
        Err(problem) => return hidden(problem),
    };
    let refused = policy::violations(&parsed.objects, &rules);
    if policy::refuse(&refused, &rules).is_err() {
        return hidden(dependence::untold());
    }
    let mut told = format!("{:?}", parsed.warnings);
    for object in &parsed.objects {
        told += &format!(
            "\n{} {} {:?} {} {:?}",
            object.document,
            object.path,
            object.reference(),
            object.line,
            object.dependent(),
        );
        for field in ["spec.x", "data.a", "data.b", "metadata.name"] {
            told += &hidden(object.locate_field(field, Problem::new(Code::Internal, "x")));
        }
    }
    told
}

/// F3: whatever a template lets a secret decide, what is told is the same for all secrets of one shape, or the one
/// sentence that tells nothing.
#[test]
fn what_is_told_does_not_depend_on_a_secret() {
    const OBJECT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n";
    let secrets = [
        ("hunter2Hunter2", 4711),
        ("zebras7Giraff9", 1234),
        ("abcxyz0Abcxyz1", 1000),
        ("aaaaaa9Zaaaaa1", 9999),
        ("qwertz5Qwertz5", 7000),
    ];
    // Of templates by which nothing is found out, and of those by which one may ask whether a secret is this or that.
    let mut kinds = [0; 2];
    for template in [
        // Loops, and where in them something is wrong.
        "{% for c in secret %}\nx{{ loop.index }}: {{ undef(hint='x') if c == 'a' else 1 }}\n{% endfor %}",
        "data:\n  a: [{% for c in secret %}{{ '}' if c == 'a' else '1,' }}\n{% endfor %}]",
        "data:\n{% for c in secret %}\n  k{{ loop.index }}: {{ 1 if c == 'a' else 'x' }}\n{% endfor %}",
        "{% for c in 'abcdefghijklmnopqrstuvwxyz' if c == secret[0] %}\n  {{ c }}: [\n{% endfor %}",
        // Branches.
        "data:\n{% if secret[0] == 'a' %}\n  a: [\n{% else %}\n\n\n  b: [\n{% endif %}",
        "data: {a: '{{ 'x' if secret[0] == 'a' else 'y' }}'}",
        "data: {a: {{ 'x' if secret[0] < 'm' else 'y' }}}",
        "data:\n{% if secret[0] < 'm' %}\n\n\n\n{% endif %}\n  a: {{ secret }}\n  b: x",
        "{% if secret[0] == 'a' %}\ndata: {a: b}\n{% endif %}",
        // Slices, expressions, hashes.
        "data: {a: '{{ secret[:3] }}', b: '{{ secret | regex_replace('[a-m]', 'x') }}'}",
        "data: {a: '{{ secret | regex_search('^a.*$') }}'}",
        "data: {a: '{{ secret | hash('md5') }}', b: '{{ (secret | hash('md5'))[0] in '01234567' }}'}",
        "data: {a: {{ secret | hash('md5') | regex_replace('[0-9]', '') | length }}}",
        // Arithmetic.
        "data: {a: '{{ 1 // (pin - 4711) }}'}",
        "data: {a: '{{ pin + 1 }}', b: '{{ pin % 2 }}'}",
        "data: {a: '{{ [1, 2, 3][pin % 4] }}'}",
        "data: {a: '{{ {4711: 1}[pin] }}'}",
        "data: {a: '{{ ['b'] | list | map('extract', [pin]) | list }}'}",
        // Keys and names.
        "data: {'k{{ pin }}': x}",
        "data: {'k{{ pin % 2 }}': x}",
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'a{{ secret | lower }}'}",
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'a{{ pin % 3 }}'}",
        "---\napiVersion: v1\nkind: {{ 'Secret' if pin > 3000 else 'ConfigMap' }}\nmetadata: {name: b}",
        "data: {a: x, {{ 'a' if pin % 2 else 'b' }}: y}",
        // Files.
        "{% include 'f' ~ pin %}",
        "{% if pin > 5000 %}{% include 'f' %}{% endif %}",
        // How many documents, items, lines and letters.
        "{% for n in range(pin % 5) %}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b{{ n }}}\n{% endfor %}",
        "---\napiVersion: v1\nkind: List\nitems: [{% for n in range(pin % 5) %}{apiVersion: v1, kind: ConfigMap, metadata: {name: 'b{{ n }}'}},{% endfor %}]",
        "data:\n  a: |\n    x\n    {{ 'y' * pin }}\n{% for n in range(pin % 7) %}\n    z\n{% endfor %}\n  b: c",
        "data: {a: '{{ 'x' * pin }}'}",
        // Depth and length of the work.
        "{% macro m(n) %}{{ m(n - 1) if n > 0 else '' }}{% endmacro %}\n{{ m(pin) }}",
        "{% macro m(n) %}{{ m(n - 1) if n > 0 else '' }}{% endmacro %}\n{{ m(pin % 50) }}",
        "data: {a: '{% for n in range(pin * pin * pin) %}{% endfor %}'}",
        // Filters that quote what they are given.
        "data: {a: {{ secret | from_json }}}",
        "data: {a: {{ secret.x.y }}}",
        "data: {a: {{ lookup(secret) }}}",
        "data: {a: {{ vars[secret] }}}",
        "data: {a: {{ (secret ~ '!') | b64decode }}}",
        "data: {a: {{ undef(hint=secret) }}}",
        "data: {a: {{ 'x' | hash(secret) }}}",
        "{{ secret }}: [",
        "a{{ secret }}",
        // The policy.
        "  finalizers: [{{ 'a/b' if secret[0] == 'a' }}]",
        "  labels: {'{{ 'x' if pin % 2 else 'app.kubernetes.io/managed-by' }}': y}",
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {hostNetwork: {{ (secret[0] == 'a') | to_json }}, containers: [{name: a, image: b}]}",
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{% for c in secret %}{name: 'a{{ loop.index }}', image: b, securityContext: {privileged: {{ (c == 'a') | to_json }}}},{% endfor %}]}",
        // What a guess in the manifest would show.
        "data: {a: 'hunter2Hunter2 zebras7Giraff9 4711 1234', b: '{{ secret }}'}",
        "data: {a: 'a b c d e f g h', b: '{{ secret[0] }}'}\nx: [",
        "# hunter2Hunter2 4711\nx: [",
    ] {
        let text = format!("{OBJECT}{template}\n");
        let all: Vec<String> = secrets
            .iter()
            .map(|(secret, pin)| told(&text, secret, *pin))
            .collect();
        let untold = dependence::untold();
        let untold = format!("{untold:?} {}", untold.drawn(80, false));
        let mut others: Vec<&String> = all.iter().filter(|told| **told != untold).collect();
        kinds[usize::from(others.len() < all.len())] += 1;
        others.dedup();
        assert!(
            others.len() < 2,
            "{text}\n{}",
            others[0].clone() + "\n" + others[1]
        );
    }
    assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
}

#[test]
fn an_inspection_tells_nothing_of_a_secret_and_refuses_what_a_deploy_would() {
    let variables = variables().with_stand_ins(Set::One);
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
        let values = Values::new(&variables()).unwrap();
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
    assert_eq!(problem.code, Code::SecretDependent, "{problem}");
}

#[test]
fn a_secret_does_not_decide_what_a_list_within_a_list_holds() {
    let text = "kind: List\nitems:\n- kind: List\n  items: [{% if admin_password[0] == 'h' %}{kind: A}{% endif %}]\n";
    let problem = parsed(text).unwrap_err();
    assert_eq!(problem.code, Code::SecretDependent, "{problem}");
}
