//! `chandlery app`, `repo` and `upgrade-check` against a double of Odoo's external API: what is asked for, what is said,
//! and how the command ends. `tests/e2e/test_cli.py` runs them against a real one.

use std::process::Output;

use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, header, method, path};
use wiremock::{Mock, MockBuilder, MockServer, ResponseTemplate};

const APP: i64 = 7;

async fn run(server: &MockServer, arguments: &[&str]) -> Output {
    let (url, arguments) = (server.uri(), arguments.join("\n"));
    tokio::task::spawn_blocking(move || {
        assert_cmd::Command::cargo_bin("chandlery")
            .unwrap()
            .args(arguments.split('\n'))
            .env("ODOO_URL", url)
            .env("ODOO_API_KEY", "k3y")
            .output()
            .unwrap()
    })
    .await
    .unwrap()
}

fn said(output: &Output) -> (i32, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

fn call(called: &str) -> MockBuilder {
    Mock::given(method("POST"))
        .and(path(format!("/json/2/{called}")))
        .and(header("Authorization", "Bearer k3y"))
}

fn answer(called: &str, body: Value) -> Mock {
    call(called).respond_with(ResponseTemplate::new(200).set_body_json(body))
}

/// An answer to a call that carries this, and is made once.
fn once(called: &str, carried: Value, body: Value) -> Mock {
    call(called)
        .and(body_partial_json(carried))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .expect(1)
}

fn app() -> Value {
    json!({
        "id": APP, "name": "shop", "environment_id": [1, "Production"], "state": "running",
        "hostname": "shop.apps.example.com", "partner_id": [3, "Nora Neu"], "cluster_id": [2, "demo"],
        "namespace_id": [9, "shop-prod"], "url": "https://shop.apps.example.com", "uid": "0123",
        "state_message_shown": false, "config_map_id": [5, "shop"], "secret_id": [6, "shop"],
    })
}

/// An Odoo with one app, and a job of it.
async fn odoo(job_state: &str) -> MockServer {
    let server = MockServer::start().await;
    answer("kubernetes.app/search_read", json!([app()]))
        .mount(&server)
        .await;
    let job = json!([{
        "id": 41, "display_name": "Stop shop (prod)", "kind": "stop", "state": job_state,
        "result_text_shown": false, "error_message_shown": if job_state == "failed" { json!("It broke.") } else { json!(false) },
        "error_hint_shown": false,
    }]);
    answer("kubernetes.job/search_read", job)
        .mount(&server)
        .await;
    let steps =
        json!([{"id": 1, "name": "Scale to zero", "state": "done", "message_shown": "web"}]);
    answer("kubernetes.job.step/search_read", steps)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn apps_are_listed_for_people_and_for_programs() {
    let server = odoo("done").await;
    let (status, text) = said(&run(&server, &["app", "list"]).await);
    assert_eq!(status, 0, "{text}");
    assert_eq!(
        text,
        "NAME  ENVIRONMENT  STATE    ADDRESS                CLUSTER  CUSTOMER\n\
         shop  Production   running  shop.apps.example.com  demo     Nora Neu\n"
    );
    let (status, text) = said(&run(&server, &["app", "list", "--output", "json"]).await);
    assert_eq!(status, 0);
    let listed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(listed[0]["hostname"], "shop.apps.example.com");
}

#[tokio::test]
async fn a_button_is_pressed_once_and_its_job_is_followed_to_its_end() {
    for (state, expected) in [("done", 0), ("failed", 1), ("cancelled", 1)] {
        let server = odoo(state).await;
        once(
            "kubernetes.app/action_stop",
            json!({"ids": [APP]}),
            Value::Null,
        )
        .mount(&server)
        .await;
        let (status, text) = said(&run(&server, &["app", "stop", "shop/prod"]).await);
        assert_eq!(status, expected, "{text}");
        assert!(
            text.contains(&format!("Stop shop (prod): {state}")),
            "{text}"
        );
        assert!(text.contains("Scale to zero: done: web"), "{text}");
        assert_eq!(text.contains("It broke."), state == "failed");
    }
}

#[tokio::test]
async fn values_are_shown_and_secrets_are_masked() {
    let server = odoo("done").await;
    let lines = json!([{"id": 1, "key": "workers", "type": "yaml", "value": "4"}]);
    answer("kubernetes.config.map.line/search_read", lines)
        .mount(&server)
        .await;
    let secrets = json!([
        {"id": 1, "key": "smtp", "type": "string", "is_set": true, "generate": false},
        {"id": 2, "key": "database", "type": "string", "is_set": false, "generate": true},
        {"id": 3, "key": "token", "type": "string", "is_set": false, "generate": false},
    ]);
    answer("kubernetes.secret.line/search_read", secrets)
        .mount(&server)
        .await;
    let changes = json!([{"id": 1, "source": "config_map", "name": "workers"}]);
    answer("kubernetes.app.change/search_read", changes)
        .mount(&server)
        .await;
    let (status, text) = said(&run(&server, &["app", "get", "shop"]).await);
    assert_eq!(status, 0, "{text}");
    for line in [
        "  workers = 4   (not applied yet)",
        "  smtp = ********",
        "  database = generated in the cluster",
        "  token = (not set)",
    ] {
        assert!(text.lines().any(|said| said == line), "{line} in {text}");
    }
    for request in server.received_requests().await.unwrap() {
        let asked = String::from_utf8(request.body).unwrap();
        assert!(!asked.contains("stored_value"), "{asked}");
    }
}

/// A domain that nobody has proven yet, and one that is served.
fn domains() -> Value {
    json!([
        {
            "id": 31, "name": "xn--bcher-kva.example", "shown_name": "bücher.example", "state": "waiting",
            "enabled": true, "is_primary": false, "by_cname": true, "message_shown": "There is no record.",
            "record_value": "shop.apps.example.com", "addresses": false, "certificate_ends": false,
            "proof_name": "_chandlery.xn--bcher-kva.example", "proof_value": "chandlery-domain=77",
        },
        {
            "id": 32, "name": "www.example.org", "shown_name": "www.example.org", "state": "active",
            "enabled": true, "is_primary": true, "by_cname": true, "message_shown": false,
            "record_value": "shop.apps.example.com", "addresses": false, "certificate_ends": "2027-02-01 10:00:00",
            "proof_name": "_chandlery.www.example.org", "proof_value": "chandlery-domain=78",
        },
    ])
}

#[tokio::test]
async fn an_apps_domains_are_listed_with_the_records_that_are_missing() {
    let server = odoo("done").await;
    answer("kubernetes.app.domain/search_read", domains())
        .mount(&server)
        .await;
    let (status, text) = said(&run(&server, &["app", "domains", "shop/prod"]).await);
    assert_eq!(status, 0, "{text}");
    assert_eq!(
        text,
        "DOMAIN           STATE    ENABLED  PRIMARY  CERTIFICATE UNTIL\n\
         bücher.example   waiting  yes\n\
         www.example.org  active   yes      yes      2027-02-01 10:00:00\n\
         \n\
         xn--bcher-kva.example:\n  \
           There is no record.\n  \
           xn--bcher-kva.example. CNAME shop.apps.example.com.\n  \
           and without the CNAME _chandlery.xn--bcher-kva.example. TXT \"chandlery-domain=77\"\n"
    );
}

#[tokio::test]
async fn a_domain_is_added_and_each_button_pressed_by_either_of_its_names() {
    for (command, called, carried) in [
        ("remove", "unlink", json!({"ids": [31]})),
        (
            "enable",
            "write",
            json!({"ids": [31], "vals": {"enabled": true}}),
        ),
        (
            "disable",
            "write",
            json!({"ids": [31], "vals": {"enabled": false}}),
        ),
        ("primary", "action_primary", json!({"ids": [31]})),
        ("check", "action_check", json!({"ids": [31]})),
    ] {
        for name in ["bücher.example", "xn--bcher-kva.example"] {
            let server = odoo("done").await;
            answer("kubernetes.app.domain/search_read", domains())
                .mount(&server)
                .await;
            let called = format!("kubernetes.app.domain/{called}");
            once(&called, carried.clone(), json!(true))
                .mount(&server)
                .await;
            let asked = ["app", "domains", "shop", command, name];
            let (status, text) = said(&run(&server, &asked).await);
            assert_eq!(status, 0, "{text}");
        }
    }
    let server = odoo("done").await;
    answer("kubernetes.app.domain/search_read", domains())
        .mount(&server)
        .await;
    let carried = json!({"vals_list": [{"app_id": APP, "name": "new.example.org"}]});
    once("kubernetes.app.domain/create", carried, json!([33]))
        .mount(&server)
        .await;
    let asked = ["app", "domains", "shop", "add", "new.example.org"];
    let (status, text) = said(&run(&server, &asked).await);
    assert_eq!(status, 0, "{text}");
    let asked = ["app", "domains", "shop", "remove", "other.example.org"];
    let (status, text) = said(&run(&server, &asked).await);
    assert_eq!(status, 2, "{text}");
    assert!(
        text.contains("no domain 'other.example.org'") && text.contains("www.example.org"),
        "{text}"
    );
}

#[tokio::test]
async fn what_would_change_ends_with_one_as_of_kubectl_diff() {
    for (objects, expected) in [
        (
            json!([{"object": "Deployment/web", "action": "change", "text": "-a\n+b\n"}]),
            1,
        ),
        (json!([]), 0),
    ] {
        let server = MockServer::start().await;
        answer("kubernetes.app/search_read", json!([app()]))
            .mount(&server)
            .await;
        answer("kubernetes.app/action_review", json!({"res_id": 3}))
            .mount(&server)
            .await;
        answer(
            "kubernetes.app.apply/search_read",
            json!([{"id": 3, "job_id": [41, "Compare"]}]),
        )
        .mount(&server)
        .await;
        let job = json!([{
            "id": 41, "state": "done", "display_name": "Compare", "diff_summary": "As it is.",
            "result": {"diff": {"objects": objects, "unchanged": 2}},
        }]);
        answer("kubernetes.job/search_read", job)
            .mount(&server)
            .await;
        answer("kubernetes.job.step/search_read", json!([]))
            .mount(&server)
            .await;
        let (status, text) = said(&run(&server, &["app", "diff", "shop"]).await);
        assert_eq!(status, expected, "{text}");
        assert_eq!(
            text.contains("change Deployment/web\n-a\n+b\n"),
            expected == 1,
            "{text}"
        );
        assert!(text.contains("As it is."), "{text}");
        // Nobody is there to say yes.
        let (status, text) = said(&run(&server, &["app", "apply", "--diff", "shop"]).await);
        assert_eq!(status, 0, "{text}");
        let asked: Vec<String> = server
            .received_requests()
            .await
            .unwrap()
            .iter()
            .map(|request| request.url.path().to_owned())
            .collect();
        assert!(
            !asked
                .iter()
                .any(|path| path.contains("confirm") || path.contains("action_apply"))
        );
    }
}

#[tokio::test]
async fn a_secret_is_read_from_a_file_and_goes_where_it_cannot_be_read_back() {
    let server = odoo("done").await;
    for model in ["config.map.line", "app.change"] {
        answer(&format!("kubernetes.{model}/search_read"), json!([]))
            .mount(&server)
            .await;
    }
    answer(
        "kubernetes.secret.line/search_read",
        json!([{"id": 8, "key": "smtp", "is_set": true}]),
    )
    .mount(&server)
    .await;
    let written = json!({"ids": [8], "vals": {"value": "s3cr3t", "type": "string"}});
    once("kubernetes.secret.line/write", written, json!(true))
        .mount(&server)
        .await;
    let made = json!({"vals_list": [{"config_map_id": 5, "key": "workers", "value": "4", "type": "yaml"}]});
    once("kubernetes.config.map.line/create", made, json!([4]))
        .mount(&server)
        .await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cr3t\n").unwrap();
    let secret = format!("smtp={}", file.path().display());
    let arguments = [
        "app",
        "set",
        "shop",
        "--yaml",
        "workers=4",
        "--secret-file",
        &secret,
    ];
    let (status, text) = said(&run(&server, &arguments).await);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("Set: 2.") && !text.contains("s3cr3t"),
        "{text}"
    );
}

#[tokio::test]
async fn what_odoo_refuses_is_said_in_its_own_words() {
    let cases = [
        (
            401,
            json!({"name": "werkzeug.exceptions.Unauthorized", "message": "Invalid apikey"}),
            "does not accept the API key",
        ),
        (
            403,
            json!({"name": "odoo.exceptions.AccessError", "message": "You may not."}),
            "You may not.",
        ),
        (
            422,
            json!({"name": "odoo.exceptions.UserError", "message": "It has no manifests."}),
            "It has no manifests.",
        ),
        (
            500,
            json!({"name": "KeyError", "message": "x"}),
            "Odoo's log has the details",
        ),
        (
            404,
            json!({"name": "NotFound", "message": "the model does not exist"}),
            "upgrade-check",
        ),
    ];
    for (code, body, expected) in cases {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(code).set_body_json(body))
            .mount(&server)
            .await;
        let (status, text) = said(&run(&server, &["app", "list"]).await);
        assert_eq!(status, 2, "{text}");
        assert!(text.contains(expected) && !text.contains("k3y"), "{text}");
    }
}

#[tokio::test]
async fn an_app_that_is_not_there_or_not_the_only_one_is_told() {
    let mut other = app();
    other["hostname"] = json!("shop-int.apps.example.com");
    for (found, expected) in [
        (json!([]), "There is no app 'shop'"),
        (
            json!([app(), other]),
            "shop.apps.example.com, shop-int.apps.example.com",
        ),
    ] {
        let server = MockServer::start().await;
        answer("kubernetes.app/search_read", found)
            .mount(&server)
            .await;
        let (status, text) = said(&run(&server, &["app", "restart", "shop"]).await);
        assert_eq!(status, 2, "{text}");
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn a_repository_is_added_and_read() {
    let server = MockServer::start().await;
    let made = json!({"vals_list": [{"name": "Ours", "url": "https://apps.example.com"}]});
    once("kubernetes.repository/create", made, json!([12]))
        .mount(&server)
        .await;
    once(
        "kubernetes.repository/action_index",
        json!({"ids": [12]}),
        Value::Null,
    )
    .mount(&server)
    .await;
    let job = json!([{"id": 44, "state": "done", "display_name": "Index", "result_text_shown": "2 packages"}]);
    answer("kubernetes.job/search_read", job)
        .mount(&server)
        .await;
    answer("kubernetes.job.step/search_read", json!([]))
        .mount(&server)
        .await;
    let arguments = ["repo", "add", "Ours", "https://apps.example.com"];
    let (status, text) = said(&run(&server, &arguments).await);
    assert_eq!((status, text.as_str()), (0, "Index: done\n  2 packages\n"));
}

#[tokio::test]
async fn versions_that_do_not_fit_end_with_one() {
    for (contract, expected) in [(2, 0), (1, 1)] {
        let server = MockServer::start().await;
        let seen = json!({
            "contract": 2, "contract_minimum": 1, "database_moved": false,
            "addons": [{"name": "kubernetes_hosting", "installed": "19.0.1.4.0", "available": "19.0.1.4.0"}],
            "workers": [{"name": "w", "state": "online", "version": env!("CARGO_PKG_VERSION"), "contract": contract, "outdated": ""}],
            "clusters": [{"name": "demo", "state": "reachable", "version": "v1.35.4"}],
        });
        answer("kubernetes.worker/upgrade_check", seen)
            .mount(&server)
            .await;
        let (status, text) = said(&run(&server, &["upgrade-check"]).await);
        assert_eq!(status, expected, "{text}");
        assert_eq!(text.contains("update this worker"), expected == 1, "{text}");
        let output = run(&server, &["upgrade-check", "--output", "json"]).await;
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["fits"], expected == 0);
        assert_eq!(told["checked"].as_array().unwrap().len(), 4);
    }
}

#[test]
fn without_an_address_or_a_key_it_is_said_how_to_give_them() {
    let run = |variables: &[(&str, &str)]| {
        let mut command = assert_cmd::Command::cargo_bin("chandlery").unwrap();
        for name in ["ODOO_URL", "ODOO_API_KEY", "ODOO_API_KEY_FILE"] {
            command.env_remove(name);
        }
        said(
            &command
                .args(["app", "list"])
                .envs(variables.iter().copied())
                .output()
                .unwrap(),
        )
    };
    let (status, text) = run(&[]);
    assert_eq!(status, 2);
    assert!(text.contains("--url"), "{text}");
    let (_, text) = run(&[("ODOO_URL", "https://odoo.example.com")]);
    assert!(text.contains("ODOO_API_KEY"), "{text}");
    let (_, text) = run(&[
        ("ODOO_URL", "http://odoo.example.com"),
        ("ODOO_API_KEY", "k3y"),
    ]);
    assert!(
        text.contains("unencrypted") && !text.contains("k3y"),
        "{text}"
    );
}

#[test]
fn shells_complete_commands() {
    for shell in ["bash", "fish", "zsh"] {
        let output = assert_cmd::Command::cargo_bin("chandlery")
            .unwrap()
            .args(["completion", shell])
            .output()
            .unwrap();
        let (status, text) = said(&output);
        assert_eq!(status, 0);
        assert!(text.contains("upgrade-check"), "{shell}");
    }
}
