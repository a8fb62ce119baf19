//! Fetching against a server that misbehaves in every way.

use std::sync::Once;
use std::time::Duration;

use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{Fetcher, Limits};
use crate::problem::Problem;

fn fetcher(limits: Limits) -> Fetcher {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Fetcher::new(limits).unwrap()
}

async fn serving(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/odoo.yml"))
        .respond_with(response)
        .mount(&server)
        .await;
    server
}

async fn problem(response: ResponseTemplate, limits: Limits) -> Problem {
    let server = serving(response).await;
    let url = format!("{}/odoo.yml", server.uri());
    let problem = fetcher(limits).fetch("Odoo", &url).await.unwrap_err();
    assert_eq!(problem.code, "manifest_fetch");
    assert_eq!(problem.manifest.as_deref(), Some("Odoo"));
    assert_eq!(problem.url.as_deref(), Some(url.as_str()));
    problem
}

#[tokio::test]
async fn a_template_comes_with_its_digest() {
    let server = serving(ResponseTemplate::new(200).set_body_string("a: {{ b }}\n")).await;
    let source = fetcher(Limits::default())
        .fetch("Odoo", &format!("{}/odoo.yml", server.uri()))
        .await
        .unwrap();
    assert_eq!(source.text, "a: {{ b }}\n");
    assert_eq!(
        source.digest,
        "sha256:83c0b82ef5a5594229b1de4c48440864f2b97155feeaa73d41f1be89911e1b12"
    );
}

#[tokio::test]
async fn what_did_not_change_is_not_sent_again() {
    let server = MockServer::start().await;
    Mock::given(header("if-none-match", "\"one\""))
        .respond_with(ResponseTemplate::new(304))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/odoo.yml"))
        .respond_with(
            ResponseTemplate::new(200)
                .insert_header("etag", "\"one\"")
                .set_body_string("text"),
        )
        .expect(1)
        .mount(&server)
        .await;
    let fetcher = fetcher(Limits::default());
    let url = format!("{}/odoo.yml", server.uri());
    let first = fetcher.fetch("Odoo", &url).await.unwrap();
    assert_eq!(fetcher.fetch("Odoo", &url).await.unwrap(), first);
}

#[tokio::test]
async fn a_missing_file_stays_missing_and_a_broken_server_may_heal() {
    let missing = problem(ResponseTemplate::new(404), Limits::default()).await;
    assert!(!missing.retry);
    assert!(missing.message.contains("404 Not Found"), "{missing}");
    for status in [500, 502, 503, 429] {
        let broken = problem(ResponseTemplate::new(status), Limits::default()).await;
        assert!(broken.retry, "{broken}");
        assert!(broken.message.contains(&status.to_string()), "{broken}");
    }
    let login = problem(ResponseTemplate::new(403), Limits::default()).await;
    assert!(!login.retry);
    assert!(login.hint.unwrap().contains("login"));
}

#[tokio::test]
async fn a_manifest_that_is_too_large_or_too_slow_is_given_up() {
    let limits = Limits {
        bytes: 1000,
        time: Duration::from_millis(300),
        ..Limits::default()
    };
    let large = problem(
        ResponseTemplate::new(200).set_body_string("x".repeat(1001)),
        limits,
    )
    .await;
    assert!(large.message.contains("larger than"), "{large}");
    assert!(!large.retry);
    let slow = problem(
        ResponseTemplate::new(200).set_delay(Duration::from_secs(30)),
        limits,
    )
    .await;
    assert!(slow.message.contains("within 0.3 s"), "{slow}");
    assert!(slow.retry);
}

#[tokio::test]
async fn redirects_are_followed_but_not_for_ever() {
    let server = MockServer::start().await;
    Mock::given(path("/loop"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", "/loop"))
        .mount(&server)
        .await;
    Mock::given(path("/once"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", "/there"))
        .mount(&server)
        .await;
    Mock::given(path("/there"))
        .respond_with(ResponseTemplate::new(200).set_body_string("text"))
        .mount(&server)
        .await;
    let fetcher = fetcher(Limits::default());
    assert_eq!(
        fetcher
            .fetch("Odoo", &format!("{}/once", server.uri()))
            .await
            .unwrap()
            .text,
        "text"
    );
    let endless = fetcher
        .fetch("Odoo", &format!("{}/loop", server.uri()))
        .await
        .unwrap_err();
    assert!(
        endless.message.contains("redirects more than 5 times"),
        "{endless}"
    );
}

#[tokio::test]
async fn what_is_no_manifest_is_refused() {
    let binary = problem(
        ResponseTemplate::new(200).set_body_bytes(b"a: b\nc: \xff\n".to_vec()),
        Limits::default(),
    )
    .await;
    assert!(
        binary.message.contains("UTF-8") && binary.message.contains("line 2"),
        "{binary}"
    );
    let page = problem(
        ResponseTemplate::new(200).set_body_raw("<html>", "text/html; charset=utf-8"),
        Limits::default(),
    )
    .await;
    assert!(page.message.contains("web page"), "{page}");
}

#[tokio::test]
async fn urls_that_cannot_be_fetched_are_refused_and_passwords_not_shown() {
    let fetcher = fetcher(Limits::default());
    for url in ["ftp://example.com/x", "file:///etc/passwd", "odoo.yml", ""] {
        let problem = fetcher.fetch("Odoo", url).await.unwrap_err();
        assert!(problem.message.contains("URL cannot be used"), "{problem}");
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let problem = fetcher
        .fetch("Odoo", &format!("http://me:s3cret@{closed}/odoo.yml"))
        .await
        .unwrap_err();
    assert!(problem.retry);
    assert!(problem.message.contains("cannot be reached"), "{problem}");
    assert!(!problem.to_string().contains("s3cret"), "{problem}");
}
