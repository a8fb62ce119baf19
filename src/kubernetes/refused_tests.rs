use super::*;
use futures::FutureExt;
use std::sync::Arc;

use serde_json::json;

use crate::dependence::Dependent;
use crate::excerpt::TextOf;
use crate::redact::Redactor;
use crate::source_map::SourceMap;

const TEMPLATE: &str =
    "kind: Service\nmetadata:\n  name: {{ app }}_web\nspec:\n  ports:\n    - port: 99999\n";
const RENDERED: &str =
    "kind: Service\nmetadata:\n  name: shop_web\nspec:\n  ports:\n    - port: 99999\n";

/// What is said of an answer by a server that has no other.
fn of(status: Status, object: &Object) -> Problem {
    let attempt = Attempt {
        object,
        before: None,
        url: "https://127.0.0.1",
    };
    let error = CallError::Refused(Box::new(status));
    let silent = |_: Value| std::future::ready(None).boxed();
    let told = problem(&error, &attempt, &silent);
    futures::executor::block_on(told)
}

fn refused(causes: serde_json::Value) -> Problem {
    let status: Status = serde_json::from_value(json!({
        "status": "Failure",
        "message": "Service \"shop_web\" is invalid",
        "reason": "Invalid",
        "code": 422,
        "details": {"causes": causes},
    }))
    .unwrap();
    let object = Object {
        manifest: "Odoo".to_owned(),
        url: "http://example.com/odoo.yml".to_owned(),
        document: 1,
        line: 1,
        value: json!({"kind": "Service", "metadata": {"name": "shop_web"}}),
        path: String::new(),
        lines: Arc::new(SourceMap::new(TEMPLATE, RENDERED, &Redactor::default())),
        stand_in: None,
    };
    of(status, &object)
}

#[test]
fn a_refusal_has_manifest_document_line_field_and_the_servers_words() {
    let problem = refused(json!([
        {"field": "spec.ports[0].port", "message": "must be between 1 and 65535", "reason": "FieldValueInvalid"}
    ]));
    assert_eq!(
        problem.message,
        "spec.ports[0].port: must be between 1 and 65535."
    );
    assert_eq!(problem.field.as_deref(), Some("spec.ports[0].port"));
    assert_eq!(
        (problem.document, problem.line, problem.column),
        (Some(1), Some(6), Some(7))
    );
    assert_eq!(problem.excerpts[0].text, "    - port: 99999");
}

/// The API server quotes what it refuses.
#[test]
fn what_is_quoted_of_a_field_that_depends_on_a_secret_is_hidden() {
    let rendered = RENDERED.replace("99999", "\"retnuh\"");
    let value = json!({"kind": "Service", "metadata": {"name": "shop_web"}, "spec": {"ports": [{"port": "retnuh"}]}});
    let other = json!({"kind": "Service", "metadata": {"name": "shop_web"}, "spec": {"ports": [{"port": "qwrtzp"}]}});
    let dependent = Dependent::between(&value, &other).unwrap();
    let lines = SourceMap::new(TEMPLATE, &rendered, &Redactor::default())
        .beside(&rendered.replace("retnuh", "qwrtzp"));
    let object = Object {
        manifest: "Odoo".to_owned(),
        url: "http://example.com/odoo.yml".to_owned(),
        document: 1,
        line: 1,
        value,
        path: String::new(),
        lines: Arc::new(lines.knowing([(1, dependent)].into())),
        stand_in: None,
    };
    for message in [
        r#"Invalid value: "ret\"nuh": must be a port"#,
        "Invalid value: retnuh: must be a port",
        r#"Invalid value: core.Port{Port:"retnuh: x"}: must be a port"#,
        r#"Unsupported value: "retnuh": supported values: "a", "b""#,
    ] {
        let status: Status = serde_json::from_value(json!({
            "status": "Failure",
            "message": format!("Service \"shop_web\" is invalid: spec.ports[0].port: {message}"),
            "reason": "Invalid",
            "code": 422,
            "details": {"causes": [
                {"field": "spec.ports[0].port", "message": message, "reason": "FieldValueInvalid"},
                {"field": "metadata.name", "message": "Invalid value: \"shop_web\": a DNS-1035 label"},
            ]},
        }))
        .unwrap();
        let problem = of(status, &object);
        let told = format!("{problem:?}");
        assert!(!told.contains("retnuh"), "{told}");
        assert!(
            told.contains("alue: ***") && told.contains("shop_web"),
            "{told}"
        );
    }
}

#[test]
fn of_several_causes_each_has_a_line_of_its_own() {
    let problem = refused(json!([
        {"field": "metadata.name", "message": "a DNS-1035 label", "reason": "FieldValueInvalid"},
        {"field": "spec.ports[0].port", "message": "must be between 1 and 65535", "reason": "FieldValueInvalid"}
    ]));
    assert_eq!(
        problem.message,
        "The API server finds 2 things wrong:\n- line 3, metadata.name: a DNS-1035 label\n- line 6, spec.ports[0].port: must be between 1 and 65535"
    );
    let shown: Vec<_> = problem
        .excerpts
        .iter()
        .map(|one| (one.of, one.line, one.label.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (TextOf::Rendered, 3, "a DNS-1035 label"),
            (TextOf::Template, 3, "rendered from this line"),
            (TextOf::Template, 6, "must be between 1 and 65535"),
        ]
    );
}

/// What is said of a ConfigMap with an answer of this code, reason and message.
fn answered(code: u16, reason: &str, message: &str) -> Problem {
    let status: Status = serde_json::from_value(json!({
        "status": "Failure", "code": code, "reason": reason, "message": message,
    }))
    .unwrap();
    let object = Object {
        manifest: "Odoo".to_owned(),
        url: "http://example.com/odoo.yml".to_owned(),
        document: 1,
        line: 1,
        value: json!({"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "b"}}),
        path: String::new(),
        lines: Arc::new(SourceMap::new(
            "",
            "kind: ConfigMap\n",
            &Redactor::default(),
        )),
        stand_in: None,
    };
    of(status, &object)
}

#[test]
fn what_is_the_servers_own_trouble_is_tried_again() {
    for (code, reason, message) in [
        (
            429,
            "TooManyRequests",
            "too many requests, please try again later",
        ),
        (500, "", "etcdserver: leader changed"),
        (500, "", "etcdserver: request timed out"),
        (
            500,
            "",
            "rpc error: code = Unavailable desc = error reading from server: EOF",
        ),
        (
            500,
            "InternalError",
            "Internal error occurred: resource quota evaluation timed out",
        ),
        (
            502,
            "Failed to parse error data",
            "<html>Bad Gateway</html>",
        ),
        (503, "ServiceUnavailable", "apiserver is shutting down"),
        (
            504,
            "Timeout",
            "Timeout: request did not complete within requested timeout",
        ),
    ] {
        let problem = answered(code, reason, message);
        assert_eq!(
            (problem.code.as_str(), problem.retry),
            ("cluster_unreachable", true),
            "{message}"
        );
    }
    let unknown = answered(
        403,
        "Forbidden",
        "configmaps \"x\" is forbidden: status unknown for quota: small, resources: count/configmaps",
    );
    assert_eq!(
        (unknown.code.as_str(), unknown.retry),
        ("quota_unknown", true)
    );
    let gone = answered(
        409,
        "Conflict",
        "Operation cannot be fulfilled on configmaps \"x\": the object has been modified",
    );
    assert_eq!((gone.code.as_str(), gone.retry), ("apply_conflict", true));
    let forbidden = answered(
        403,
        "Forbidden",
        "configmaps \"x\" is forbidden: User \"worker\" cannot patch resource \"configmaps\" in API group \"\"",
    );
    assert_eq!(
        (forbidden.code.as_str(), forbidden.retry),
        ("cluster_forbidden", false)
    );
}

#[test]
fn what_is_wrong_with_the_object_is_not_tried_again_in_whatever_words() {
    for (code, message) in [
        (500, "etcdserver: request is too large"),
        (
            500,
            "rpc error: code = ResourceExhausted desc = trying to send message larger than max (2398103 vs. 2097152)",
        ),
        (
            500,
            "failed to convert new object (shop/x; /v1, Kind=ConfigMap) to proper version: unexpected EOF",
        ),
        (
            500,
            "failed to create typed live object (shop/x; /v1, Kind=ConfigMap): .data: expected map, got &{1}",
        ),
        (500, "no kind \"X\" is registered"),
        (
            400,
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
        ),
        (413, "Request entity too large: limit is 3145728"),
    ] {
        let problem = answered(code, "", message);
        assert_eq!(
            (problem.code.as_str(), problem.retry),
            ("apply_refused", false),
            "{message}"
        );
        assert!(
            problem.hint.is_some_and(|hint| !hint.is_empty()),
            "{message}"
        );
    }
}
