//! What the documentation does not promise to be absent: pages, old shapes, echoes, silence.

use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{basic_auth, body_string_contains, header_regex, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::domain::{find, register, release, verify};
use super::{
    Access, Mailgun, Mark, Message, Purpose, RecordType, Region, Registered, State, Validity,
};
use super::{credentials, message};
use crate::problem::Problem;

const NAME: &str = "shop.apps.example.com";
const KEY: &str = "key-0123456789abcdef";

fn access(url: &str) -> Access {
    // Another test may have chosen it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Access {
        region: Region::Eu,
        url: Some(url.to_owned()),
        key: SecretString::from(KEY),
        timeout: Duration::from_secs(300),
        patience: Duration::from_millis(300),
    }
}

fn mailgun(server: &MockServer) -> Mailgun {
    Mailgun::new(access(&server.uri())).unwrap()
}

fn mark() -> Mark {
    Mark::of("6ab9e2d4-0000-4000-8000-000000000000")
}

fn mail() -> Message {
    Message {
        from: format!("Shop <shop@{NAME}>"),
        to: vec!["alice@example.org".to_owned()],
        subject: "Your app".to_owned(),
        text: Some("The password is hunter2".to_owned()),
        ..Message::default()
    }
}

/// A domain with our mark, as Mailgun documents it.
fn details() -> Value {
    let selector = mark().selector().to_owned();
    json!({
        "domain": {"id": "1", "name": NAME, "state": "unverified", "type": "custom"},
        "sending_dns_records": [
            {"record_type": "TXT", "name": NAME, "value": "v=spf1 include:mailgun.org ~all", "valid": "unknown"},
            {"record_type": "TXT", "name": format!("{selector}._domainkey.{NAME}"), "value": "k=rsa; p=x", "valid": "valid"},
            {"record_type": "CNAME", "name": format!("email.{NAME}"), "value": "mailgun.org", "valid": "invalid"},
        ],
        "receiving_dns_records": [
            {"record_type": "MX", "value": "mxa.mailgun.org", "priority": "10", "valid": "unknown"},
            {"record_type": "MX", "value": "mxb.mailgun.org", "priority": "10", "valid": "unknown"},
        ],
    })
}

async fn answering(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(template)
        .mount(&server)
        .await;
    server
}

fn page(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw("<h1>Hello</h1>", "text/html")
}

fn said(status: u16, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({ "message": message }))
}

async fn requests(server: &MockServer, wanted: &str) -> usize {
    let seen = server.received_requests().await.unwrap();
    seen.iter()
        .filter(|request| request.method.as_str() == wanted)
        .count()
}

#[tokio::test]
async fn records_are_typed_and_in_the_same_order_however_mailgun_answers() {
    let server = answering(ResponseTemplate::new(200).set_body_json(details())).await;
    let domain = find(&mailgun(&server), NAME).await.unwrap().unwrap();
    let shown: Vec<_> = domain
        .records
        .iter()
        .map(|record| {
            (
                record.purpose,
                &record.record_type,
                record.name.as_str(),
                record.priority,
            )
        })
        .collect();
    let dkim = format!("{}._domainkey.{NAME}", mark().selector());
    assert_eq!(
        shown,
        [
            (
                Purpose::Sending,
                &RecordType::Cname,
                "email.shop.apps.example.com",
                None
            ),
            (Purpose::Sending, &RecordType::Txt, dkim.as_str(), None),
            (Purpose::Sending, &RecordType::Txt, NAME, None),
            (Purpose::Receiving, &RecordType::Mx, NAME, Some(10)),
            (Purpose::Receiving, &RecordType::Mx, NAME, Some(10)),
        ]
    );
    assert_eq!(
        domain
            .records
            .iter()
            .map(|record| record.validity)
            .collect::<Vec<_>>(),
        [
            Validity::Invalid,
            Validity::Valid,
            Validity::Unknown,
            Validity::Unknown,
            Validity::Unknown
        ]
    );

    let mut other = details();
    for list in ["sending_dns_records", "receiving_dns_records"] {
        other[list].as_array_mut().unwrap().reverse();
    }
    let server = answering(ResponseTemplate::new(200).set_body_json(other)).await;
    assert_eq!(
        find(&mailgun(&server), NAME).await.unwrap().unwrap(),
        domain
    );
}

#[tokio::test]
async fn records_in_other_shapes_are_read_and_useless_ones_left_out() {
    let body = json!({
        "domain": {"name": NAME.to_uppercase(), "state": "new-state", "disabled": null},
        "sending_dns_records": null,
        "receiving_dns_records": [
            {"record_type": "MX", "name": "", "value": "mxa.mailgun.org", "priority": 20, "valid": "maybe"},
            {"record_type": "MX", "priority": "10"},
            {"record_type": "CAA", "name": "shop.apps.example.com.", "value": "0 issue ca"},
        ],
    });
    let server = answering(ResponseTemplate::new(200).set_body_json(body)).await;
    let domain = find(&mailgun(&server), NAME).await.unwrap().unwrap();
    assert_eq!(domain.state, State::Unverified);
    assert_eq!(domain.name, NAME);
    assert_eq!(domain.records.len(), 2);
    assert_eq!(domain.records[0].priority, Some(20));
    assert_eq!(domain.records[0].validity, Validity::Unknown);
    assert_eq!(
        domain.records[1].record_type,
        RecordType::Other("CAA".to_owned())
    );
    assert_eq!(domain.records[1].name, NAME);
    let stored = serde_json::to_value(&domain.records).unwrap();
    assert_eq!(stored[0]["record_type"], "MX");
    assert_eq!(stored[1]["record_type"], "CAA");
    assert_eq!(
        serde_json::from_value::<Vec<super::Record>>(stored).unwrap(),
        domain.records
    );
}

#[tokio::test]
async fn every_request_has_the_key_and_every_form_is_multipart() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v4/domains"))
        .and(basic_auth("api", KEY))
        .and(header_regex(
            "content-type",
            "^multipart/form-data; boundary=",
        ))
        .and(body_string_contains(mark().selector()))
        .respond_with(ResponseTemplate::new(200).set_body_json(details()))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path(format!("/v4/domains/{NAME}")))
        .and(basic_auth("api", KEY))
        .respond_with(said(404, "Domain not found"))
        .expect(1)
        .mount(&server)
        .await;
    let registered = register(&mailgun(&server), NAME, &mark()).await.unwrap();
    assert!(matches!(registered, Registered::Created(_)));
}

#[tokio::test]
async fn a_404_that_is_no_json_means_a_wrong_address_not_an_absent_domain() {
    let server = answering(page(404)).await;
    let mailgun = mailgun(&server);
    for problem in [
        register(&mailgun, NAME, &mark()).await.unwrap_err(),
        release(&mailgun, NAME, &mark()).await.unwrap_err(),
        verify(&mailgun, NAME).await.unwrap_err(),
        message::send(&mailgun, NAME, &mail()).await.unwrap_err(),
        credentials::ensure(&mailgun, NAME, "app", None)
            .await
            .unwrap_err(),
    ] {
        assert_eq!(problem.code.as_str(), "mailgun_url");
        assert!(!problem.retry);
        assert!(problem.hint.unwrap().contains(&server.uri()));
    }
    assert_eq!(requests(&server, "DELETE").await, 0);
}

#[tokio::test]
async fn pages_instead_of_json_are_told_apart_by_status() {
    for (status, code, retry) in [
        (200, "mailgun_url", false),
        (302, "mailgun_url", false),
        (400, "mailgun_url", false),
        (401, "mailgun_key", false),
        (403, "mailgun_url", false),
        (429, "mailgun_busy", true),
        (502, "mailgun_failed", true),
    ] {
        let server = answering(page(status)).await;
        let problem = find(&mailgun(&server), NAME).await.unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.retry),
            (code, retry),
            "{status}"
        );
        assert!(problem.hint.is_some());
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_key() {
    let elsewhere = answering(ResponseTemplate::new(200).set_body_json(details())).await;
    let server =
        answering(ResponseTemplate::new(307).insert_header("Location", elsewhere.uri().as_str()))
            .await;
    let problem = find(&mailgun(&server), NAME).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "mailgun_url");
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

/// Answers 429 a number of times, then with a domain.
async fn busy(times: u64, body: Value) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(429).set_body_json(body))
        .up_to_n_times(times)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_json(details()))
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn a_429_is_waited_out_as_long_as_it_says() {
    for seconds in [json!(0.1), json!("0.1")] {
        let server = busy(2, json!({"retry-seconds": seconds})).await;
        let begun = Instant::now();
        find(&mailgun(&server), NAME).await.unwrap().unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(200));
        assert_eq!(requests(&server, "GET").await, 3);
    }
}

#[tokio::test]
async fn patience_ends() {
    // 0.3 s of patience allow no wait of 60 s, said or usual, two waits of 0.14 s but not three, and no storm.
    for (body, asked) in [
        (json!({"retry-seconds": 60}), 1),
        (json!({"message": "Too many requests"}), 1),
        (json!({"retry-seconds": -1}), 1),
        (json!({"retry-seconds": 0.14}), 3),
        (json!({"retry-seconds": 0}), 7),
    ] {
        let server = busy(1000, body).await;
        let problem = find(&mailgun(&server), NAME).await.unwrap_err();
        assert_eq!(problem.code.as_str(), "mailgun_busy");
        assert!(problem.retry);
        assert_eq!(requests(&server, "GET").await, asked, "{problem}");
    }
}

#[tokio::test]
async fn a_form_is_sent_whole_again_after_a_429() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(429).set_body_json(json!({"retry-seconds": 0.05})))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(body_string_contains("alice@example.org"))
        .respond_with(
            ResponseTemplate::new(200).set_body_json(json!({"id": "<1@x>", "message": "Queued."})),
        )
        .mount(&server)
        .await;
    assert_eq!(
        message::send(&mailgun(&server), NAME, &mail())
            .await
            .unwrap(),
        "<1@x>"
    );
}

#[tokio::test]
async fn what_mailgun_echoes_is_stripped_of_secrets_and_short() {
    let password = SecretString::from("S3cret-of-the-app");
    let echo = format!("bad key {KEY}\nor S3cret-of-the-app {}", "x".repeat(5000));
    let server = answering(said(400, &echo)).await;
    let mailgun = mailgun(&server);
    let problem = credentials::ensure(&mailgun, NAME, "app", Some(password))
        .await
        .unwrap_err();
    assert_eq!(problem.code.as_str(), "mailgun_refused");
    assert!(
        problem.message.contains("bad key *** or *** xxx"),
        "{problem}"
    );
    assert!(problem.message.len() < 500);

    let server = answering(said(400, "cannot parse The password is hunter2")).await;
    let problem = message::send(&self::mailgun(&server), NAME, &mail())
        .await
        .unwrap_err();
    assert!(!problem.to_string().contains("hunter2"), "{problem}");
}

#[tokio::test]
async fn json_that_cannot_be_read_is_said_without_quoting_it() {
    let body = json!({"domain": "hunter2", "smtp_password": "hunter2"});
    for template in [
        ResponseTemplate::new(200).set_body_json(body),
        ResponseTemplate::new(200).set_body_raw("{\"hunter2", "application/json"),
        ResponseTemplate::new(200).set_body_json(json!("hunter2")),
    ] {
        let server = answering(template).await;
        let problem = find(&mailgun(&server), NAME).await.unwrap_err();
        assert_eq!(problem.code.as_str(), "mailgun_answer");
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
    }
}

#[tokio::test]
async fn an_answer_about_another_domain_is_refused() {
    let mut body = details();
    body["domain"]["name"] = json!("other.example.com");
    let server = answering(ResponseTemplate::new(200).set_body_json(body)).await;
    let problem = find(&mailgun(&server), NAME).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "mailgun_answer");
    assert!(problem.message.contains("other.example.com"));
}

#[tokio::test]
async fn a_name_that_exists_but_is_never_shown_is_tried_again_and_says_both_reasons() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(said(404, "Domain not found"))
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .respond_with(said(400, "This domain name already exists"))
        .mount(&server)
        .await;
    let problem = register(&mailgun(&server), NAME, &mark())
        .await
        .unwrap_err();
    assert_eq!(problem.code.as_str(), "mail_domain_missing");
    assert!(problem.retry);
    let hint = problem.hint.unwrap();
    assert!(
        hint.contains("this passes") && hint.contains("another Mailgun account"),
        "{hint}"
    );
}

#[tokio::test]
async fn another_400_at_creation_is_no_question_of_whose_it_is() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(said(404, "Domain not found"))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .respond_with(said(400, "Domain limit reached"))
        .mount(&server)
        .await;
    let problem = register(&mailgun(&server), NAME, &mark())
        .await
        .unwrap_err();
    assert_eq!(problem.code.as_str(), "mailgun_refused");
    assert!(
        problem.message.contains("Domain limit reached"),
        "{problem}"
    );
    assert!(!problem.retry);
}

#[tokio::test]
async fn a_mail_without_a_clear_answer_is_not_sent_again_by_itself() {
    for template in [
        ResponseTemplate::new(200).set_body_raw("{\"id\": \"<1@", "application/json"),
        page(504),
        ResponseTemplate::new(200)
            .set_body_json(json!({"id": "<1@x>"}))
            .set_delay(Duration::from_secs(600)),
    ] {
        let server = answering(template).await;
        let hurried = Mailgun::new(Access {
            timeout: Duration::from_secs(2),
            ..access(&server.uri())
        });
        let problem = message::send(&hurried.unwrap(), NAME, &mail())
            .await
            .unwrap_err();
        assert_eq!(problem.code.as_str(), "mail_unconfirmed");
        assert!(!problem.retry);
        assert!(problem.message.contains("alice@example.org"), "{problem}");
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
        assert_eq!(requests(&server, "POST").await, 1);
    }
}

#[tokio::test]
async fn a_mail_that_certainly_did_not_go_may_be_sent_again() {
    let server = answering(said(500, "Internal Server Error")).await;
    let problem = message::send(&mailgun(&server), NAME, &mail())
        .await
        .unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.retry),
        ("mailgun_failed", true)
    );

    let uri = server.uri();
    drop(server);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    assert_ne!(uri, free);
    let mailgun = Mailgun::new(access(&free)).unwrap();
    let problem = message::send(&mailgun, NAME, &mail()).await.unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.retry),
        ("mailgun_unreachable", true)
    );
}

#[tokio::test]
async fn a_mail_that_cannot_be_sent_is_refused_before_it_leaves() {
    let server = answering(page(500)).await;
    let mailgun = mailgun(&server);
    for (message, why) in [
        (
            Message {
                to: vec![],
                ..mail()
            },
            "no recipient",
        ),
        (
            Message {
                text: None,
                ..mail()
            },
            "neither text nor HTML",
        ),
        (
            Message {
                subject: "Hi\r\nBcc: eve@example.org".to_owned(),
                ..mail()
            },
            "line break",
        ),
        (
            Message {
                headers: vec![("Reply-To".to_owned(), "a\nb".to_owned())],
                ..mail()
            },
            "line break",
        ),
        (
            Message {
                to: vec!["a@example.org\n".to_owned()],
                ..mail()
            },
            "line break",
        ),
    ] {
        let problem = message::send(&mailgun, NAME, &message).await.unwrap_err();
        assert_eq!(problem.code.as_str(), "mail_invalid");
        assert!(problem.message.contains(why), "{problem}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[test]
fn bad_settings_are_refused_with_the_way_out() {
    let refused = |access: Access| -> Problem { Mailgun::new(access).unwrap_err() };
    for (url, why) in [
        ("http://api.mailgun.net", "unencrypted"),
        ("http://127.evil.example", "unencrypted"),
        ("ftp://127.0.0.1", "not an http address"),
        ("api.mailgun.net", "not an address"),
    ] {
        let problem = refused(access(url));
        assert_eq!(problem.code.as_str(), "mailgun_url");
        assert!(problem.message.contains(why), "{problem}");
        assert!(problem.hint.unwrap().contains("https://api.eu.mailgun.net"));
    }
    let empty = Access {
        key: SecretString::from(""),
        ..access("https://api.mailgun.net")
    };
    assert_eq!(refused(empty).code.as_str(), "mailgun_key");
    for url in [
        "http://127.0.0.1:8025",
        "http://[::1]:8025/",
        "http://localhost:1",
        "https://proxy.example/mailgun",
    ] {
        Mailgun::new(access(url)).unwrap();
    }
}

#[tokio::test]
async fn an_address_may_have_a_path() {
    let server = MockServer::start().await;
    Mock::given(path(format!("/mailgun/v4/domains/{NAME}")))
        .respond_with(ResponseTemplate::new(200).set_body_json(details()))
        .mount(&server)
        .await;
    for end in ["mailgun", "mailgun/"] {
        let mailgun = Mailgun::new(access(&format!("{}/{end}", server.uri()))).unwrap();
        assert!(find(&mailgun, NAME).await.unwrap().is_some());
    }
}

#[test]
fn each_region_has_its_address_and_smtp_server() {
    for (region, address, smtp) in [
        (Region::Us, "https://api.mailgun.net", "smtp.mailgun.org"),
        (
            Region::Eu,
            "https://api.eu.mailgun.net",
            "smtp.eu.mailgun.org",
        ),
    ] {
        let mailgun = Mailgun::new(Access {
            region,
            url: None,
            ..access("")
        })
        .unwrap();
        assert_eq!(mailgun.address(), address);
        assert_eq!(region.smtp_host(), smtp);
    }
}

#[test]
fn secrets_are_never_printed() {
    let access = access("https://api.mailgun.net");
    let mailgun = Mailgun::new(access.clone()).unwrap();
    let credentials = credentials::Credentials {
        host: "smtp.mailgun.org",
        port: 587,
        login: format!("app@{NAME}"),
        password: SecretString::from("hunter2"),
    };
    let printed = format!("{access:?} {mailgun:?} {credentials:?} {:?}", mail());
    assert!(!printed.contains(KEY), "{printed}");
    assert!(!printed.contains("hunter2"), "{printed}");
    assert!(printed.contains("alice@example.org"));
}

#[test]
fn a_mark_is_a_selector_of_its_database_only() {
    let selector = mark().selector().to_owned();
    assert_eq!(mark().selector(), selector);
    assert_ne!(Mark::of("another").selector(), selector);
    assert!(selector.starts_with("chandlery-") && selector.len() < 64);
    assert!(
        selector
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    );
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up_with_a_way_out() {
    let url = crate::body::tests::endless_server().await;
    let mailgun = Mailgun::new(access(&url)).unwrap();
    let problem = find(&mailgun, NAME).await.unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.retry),
        ("mailgun_answer", false)
    );
    assert!(problem.message.contains("more than 4 MiB"), "{problem}");
    assert!(problem.hint.unwrap().contains(&url));
    // A mail may have been taken all the same.
    let problem = message::send(&mailgun, NAME, &mail()).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "mail_unconfirmed");
}

/// Answers a GET with the domain and everything else as the template says.
async fn making(template: ResponseTemplate, known_before: bool) -> MockServer {
    let server = MockServer::start().await;
    if !known_before {
        Mock::given(method("GET"))
            .respond_with(said(404, "Domain not found"))
            .up_to_n_times(1)
            .mount(&server)
            .await;
    }
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_json(details()))
        .mount(&server)
        .await;
    Mock::given(wiremock::matchers::any())
        .respond_with(template)
        .mount(&server)
        .await;
    server
}

/// Successes that say little.
fn scanty() -> Vec<ResponseTemplate> {
    vec![
        said(200, "Domain has been created"),
        said(201, "created"),
        ResponseTemplate::new(200),
        ResponseTemplate::new(204),
        ResponseTemplate::new(200).set_body_raw(" \n", "application/json"),
        ResponseTemplate::new(200).set_body_json(json!(null)),
        ResponseTemplate::new(200).set_body_json(json!({"domain": null})),
        ResponseTemplate::new(200).set_body_json(json!({"domain": {"name": NAME}})),
        ResponseTemplate::new(200).set_body_json(json!({
            "domain": {"name": NAME, "state": "unverified"},
            "sending_dns_records": null, "receiving_dns_records": [],
        })),
    ]
}

#[tokio::test]
async fn a_success_that_says_little_is_read_on_from() {
    for template in scanty() {
        let server = making(template.clone(), false).await;
        let registered = register(&mailgun(&server), NAME, &mark()).await.unwrap();
        let Registered::Created(domain) = registered else {
            panic!("adopted");
        };
        assert_eq!(domain.records.len(), 5);

        let server = making(template.clone(), true).await;
        let mailgun = mailgun(&server);
        assert_eq!(verify(&mailgun, NAME).await.unwrap(), domain);
        assert_eq!(
            release(&mailgun, NAME, &mark()).await.unwrap(),
            super::Released::Deleted
        );
        credentials::ensure(&mailgun, NAME, "app", None)
            .await
            .unwrap();
        assert_eq!(message::send(&mailgun, NAME, &mail()).await.unwrap(), "");
    }
}

#[tokio::test]
async fn what_was_just_made_and_is_not_shown_yet_passes() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(said(200, "Domain has been created"))
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .respond_with(said(404, "Domain not found"))
        .mount(&server)
        .await;
    let problem = register(&mailgun(&server), NAME, &mark())
        .await
        .unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.retry),
        ("mail_domain_missing", true)
    );
}

#[tokio::test]
async fn only_a_look_that_shows_no_domain_is_fatal() {
    for body in [json!({"message": "ok"}), json!([]), json!({"domain": []})] {
        let server = answering(ResponseTemplate::new(200).set_body_json(body)).await;
        let problem = find(&mailgun(&server), NAME).await.unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.retry),
            ("mailgun_answer", false)
        );
        assert!(problem.message.contains("without the domain"), "{problem}");
    }
}

#[tokio::test]
async fn members_that_are_missing_or_of_another_type_are_read_as_far_as_they_go() {
    let disabled = |domain: Value| async move {
        let body = json!({"domain": domain, "sending_dns_records": {}});
        let server = answering(ResponseTemplate::new(200).set_body_json(body)).await;
        let domain = find(&mailgun(&server), NAME).await.unwrap().unwrap();
        (domain.state, domain.disabled)
    };
    for (domain, state, reason) in [
        (json!({}), State::Unverified, None),
        (
            json!({"name": null, "state": null, "id": 5, "more": [1]}),
            State::Unverified,
            None,
        ),
        (
            json!({"name": format!("{NAME}."), "state": 5}),
            State::Unverified,
            None,
        ),
        (
            json!({"state": "Active", "disabled": false}),
            State::Active,
            None,
        ),
        (
            json!({"is_disabled": "true", "disabled": {"reason": null, "note": "Bounces."}}),
            State::Disabled,
            Some("Bounces."),
        ),
        (
            json!({"state": "disabled", "disabled": "Bounces."}),
            State::Disabled,
            Some("Bounces."),
        ),
        (
            json!({"state": "disabled", "disabled": {"code": "x", "permanently": "no"}}),
            State::Disabled,
            Some("x"),
        ),
    ] {
        let shown = disabled(domain.clone()).await;
        assert_eq!(shown, (state, reason.map(str::to_owned)), "{domain}");
    }

    let body = json!({
        "domain": {},
        "sending_dns_records": [
            null, "TXT", {}, {"record_type": "TXT"}, {"value": "x"},
            {"record_type": "txt", "value": "x", "name": 5, "valid": true, "cached": null},
            {"record_type": "TXT", "value": "y", "valid": "VALID", "is_active": "no"},
            {"record_type": "TXT", "value": "z", "valid": "false"},
        ],
        "receiving_dns_records": [
            {"record_type": "MX", "value": "a", "priority": " 10 "},
            {"record_type": "MX", "value": "b", "priority": null},
            {"record_type": "MX", "value": "c", "priority": "low"},
        ],
    });
    let server = answering(ResponseTemplate::new(200).set_body_json(body)).await;
    let domain = find(&mailgun(&server), NAME).await.unwrap().unwrap();
    let shown: Vec<_> = domain
        .records
        .iter()
        .map(|record| (record.value.as_str(), record.priority, record.validity))
        .collect();
    assert_eq!(
        shown,
        [
            ("x", None, Validity::Valid),
            ("y", None, Validity::Valid),
            ("z", None, Validity::Unknown),
            ("a", Some(10), Validity::Unknown),
            ("b", None, Validity::Unknown),
            ("c", None, Validity::Unknown),
        ]
    );
}

#[tokio::test]
async fn an_error_without_its_message_is_still_the_error() {
    for body in [
        json!({}),
        json!({"message": null}),
        json!({"error": "Domain not found"}),
    ] {
        let server = answering(ResponseTemplate::new(404).set_body_json(body)).await;
        let mailgun = mailgun(&server);
        assert_eq!(find(&mailgun, NAME).await.unwrap(), None);
        assert_eq!(
            release(&mailgun, NAME, &mark()).await.unwrap(),
            super::Released::AlreadyGone
        );
    }
    let template = ResponseTemplate::new(400).set_body_json(json!({"Error": "bad name"}));
    let server = answering(template).await;
    let problem = find(&mailgun(&server), NAME).await.unwrap_err();
    assert!(problem.message.contains("bad name"), "{problem}");
}

#[tokio::test]
async fn domains_are_counted_by_what_the_list_shows() {
    for (body, count) in [
        (json!({"total_count": 3, "items": []}), 3),
        (json!({"total_count": "3"}), 3),
        (json!({"total_count": null, "items": [{}]}), 1),
    ] {
        let server = answering(ResponseTemplate::new(200).set_body_json(body)).await;
        let counted = super::domain::count(&mailgun(&server)).await.unwrap();
        assert_eq!(counted, count);
    }
    let server = answering(said(200, "ok")).await;
    let problem = super::domain::count(&mailgun(&server)).await.unwrap_err();
    assert!(problem.message.contains("without its domains"), "{problem}");
}

#[tokio::test]
async fn a_mail_goes_to_domains_in_any_script() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(body_string_contains("info@xn--mller-kva.example"))
        .and(body_string_contains("ops@xn--mller-kva.example"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"id": "<1@x>"})))
        .mount(&server)
        .await;
    let mail = Message {
        to: vec!["Müller <info@müller.example>".to_owned()],
        headers: vec![("Reply-To".to_owned(), "ops@müller.example".to_owned())],
        ..mail()
    };
    let id = message::send(&mailgun(&server), NAME, &mail).await.unwrap();
    assert_eq!(id, "<1@x>");
}
