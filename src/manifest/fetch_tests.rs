//! Fetching against a server that misbehaves in every way.

use std::io::Write;
use std::net::{IpAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use url::Url;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{Fetcher, Limits};
use crate::manifest::reach::{LookUp, Reach, system};
use crate::problem::Problem;

fn fetcher(limits: Limits) -> Fetcher {
    reaching(Reach::of_tests(), limits, system())
}

fn reaching(reach: Reach, limits: Limits, look_up: LookUp) -> Fetcher {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Fetcher::looking_up(limits, reach, look_up).unwrap()
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
    assert_eq!(problem.code.as_str(), "manifest_fetch");
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

/// A step shows the message alone.
#[tokio::test]
async fn a_message_names_the_url_that_cannot_be_fetched() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    for (place, answer) in [
        ("/gone", ResponseTemplate::new(404)),
        ("/login", ResponseTemplate::new(403)),
        ("/broken", ResponseTemplate::new(500)),
        ("/slow", answer),
        ("/binary", ResponseTemplate::new(200).set_body_bytes([0xff])),
        (
            "/large",
            ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 1001]),
        ),
        (
            "/page",
            ResponseTemplate::new(200).set_body_raw("<html>", "text/html"),
        ),
        (
            "/elsewhere",
            ResponseTemplate::new(302).insert_header("location", "/elsewhere"),
        ),
    ] {
        Mock::given(path(place))
            .respond_with(answer)
            .mount(&server)
            .await;
    }
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let fetcher = fetcher(Limits {
        bytes: 1000,
        time: Duration::from_millis(300),
        ..Limits::default()
    });
    let of_server = [
        "gone",
        "login",
        "broken",
        "slow",
        "binary",
        "large",
        "page",
        "elsewhere",
    ];
    let urls = of_server.map(|place| format!("{}/{place}", server.uri()));
    for url in urls.into_iter().chain([
        format!("http://{closed}/odoo.yml"),
        "ftp://example.com/odoo.yml".to_owned(),
    ]) {
        let problem = fetcher.fetch("Odoo", &url).await.unwrap_err();
        assert!(
            problem.message.starts_with(&format!("{url}: ")),
            "{problem}"
        );
        assert_eq!(problem.to_string().matches(&url).count(), 1, "{problem}");
        let beside = fetcher
            .beside(&format!("{}/odoo.yml", server.uri()), "broken")
            .await;
        let message = beside.unwrap_err().message;
        assert!(
            message.contains(&format!("{}/broken", server.uri())),
            "{message}"
        );
    }
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
    for login in ["me:s3cret", "s3cret"] {
        let url = format!("http://{login}@127.0.0.1/odoo.yml");
        let problem = fetcher.fetch("Odoo", &url).await.unwrap_err();
        assert!(problem.message.contains("holds a login"), "{problem}");
        assert!(!problem.to_string().contains("s3cret"), "{problem}");
    }
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let problem = fetcher
        .fetch("Odoo", &format!("http://{closed}/odoo.yml"))
        .await
        .unwrap_err();
    assert!(problem.retry);
    assert!(problem.message.contains("cannot be reached"), "{problem}");
}

/// Settings as a worker has them that is to fetch `http://name/` from servers of tests: 127.0.0.2 stands for the internet.
fn reach_of(names: &[&str]) -> Reach {
    Reach {
        allow: vec!["127.0.0.2".parse().unwrap()],
        allow_http: names.iter().map(|name| name.parse().unwrap()).collect(),
        ..Reach::default()
    }
}

/// Answers every name with these addresses, the last ones again and again; counts.
fn answering(answers: &[&[&str]]) -> (LookUp, Arc<AtomicUsize>) {
    let answers: Vec<Vec<IpAddr>> = answers
        .iter()
        .map(|answer| answer.iter().map(|text| text.parse().unwrap()).collect())
        .collect();
    let asked = Arc::<AtomicUsize>::default();
    let count = asked.clone();
    let look_up: LookUp = Arc::new(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let answer = answers[number.min(answers.len() - 1)].clone();
        Box::pin(async move { Ok(answer) })
    });
    (look_up, asked)
}

/// A server at an address of this machine; the port may be given.
async fn server_at(address: &str, port: u16) -> MockServer {
    let listener = TcpListener::bind((address, port)).unwrap();
    let server = MockServer::builder().listener(listener).start().await;
    Mock::given(path("/odoo.yml"))
        .respond_with(
            ResponseTemplate::new(200)
                .insert_header("connection", "close")
                .set_body_string(address),
        )
        .mount(&server)
        .await;
    server
}

async fn refused(fetcher: &Fetcher, url: &str) -> Problem {
    let problem = fetcher.fetch("Odoo", url).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "manifest_fetch");
    assert!(!problem.retry, "{problem}");
    assert!(
        problem
            .hint
            .as_ref()
            .unwrap()
            .contains("`allow` under [manifests]"),
        "{problem}"
    );
    problem
}

async fn asked(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

#[tokio::test]
async fn a_url_of_this_machine_is_not_asked() {
    let server = server_at("127.0.0.1", 0).await;
    let fetcher = reaching(Reach::default(), Limits::default(), system());
    let port = server.address().port();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"] {
        refused(&fetcher, &format!("http://{host}:{port}/odoo.yml")).await;
    }
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "https://10.96.0.1/",
    ] {
        refused(&fetcher, url).await;
    }
    assert_eq!(asked(&server).await, 0);
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_not_asked() {
    let server = server_at("127.0.0.1", 0).await;
    let port = server.address().port();
    let fetcher = reaching(Reach::default(), Limits::default(), system());
    let problem = refused(&fetcher, &format!("http://localhost:{port}/odoo.yml")).await;
    assert!(
        problem.message.contains("`localhost` has the address "),
        "{problem}"
    );
    for inside in [
        "127.0.0.1",
        "::ffff:127.0.0.1",
        "::1",
        "10.96.0.1",
        "169.254.169.254",
        "fd00:ec2::254",
    ] {
        let (look_up, _) = answering(&[&[inside]]);
        let fetcher = reaching(reach_of(&["evil.example"]), Limits::default(), look_up);
        let problem = refused(&fetcher, &format!("http://evil.example:{port}/odoo.yml")).await;
        assert!(
            problem.message.contains("`evil.example` has the address "),
            "{problem}"
        );
        assert!(problem.message.contains(inside), "{problem}");
    }
    assert_eq!(asked(&server).await, 0);
}

#[tokio::test]
async fn an_address_is_judged_when_the_connection_is_made_and_none_other_is_used() {
    let outside = server_at("127.0.0.2", 0).await;
    let port = outside.address().port();
    let inside = server_at("127.0.0.1", port).await;
    let url = format!("http://rebinding.example:{port}/odoo.yml");
    // First the internet, then this machine: as a name does that is to be judged once and used another time.
    let (look_up, looked_up) = answering(&[&["127.0.0.2"], &["127.0.0.1"]]);
    let fetcher = reaching(reach_of(&["rebinding.example"]), Limits::default(), look_up);
    assert_eq!(fetcher.fetch("Odoo", &url).await.unwrap().text, "127.0.0.2");
    assert_eq!(
        looked_up.load(Ordering::SeqCst),
        1,
        "once for one connection"
    );
    refused(&fetcher, &url).await;
    // Both at once: the good one alone is used.
    let (look_up, _) = answering(&[&["127.0.0.1", "127.0.0.2"]]);
    let fetcher = reaching(reach_of(&["rebinding.example"]), Limits::default(), look_up);
    assert_eq!(fetcher.fetch("Odoo", &url).await.unwrap().text, "127.0.0.2");
    assert_eq!(asked(&inside).await, 0);
}

/// A server on the internet that redirects `/away` to a place, and `/app/templates/part.j2` as well.
async fn redirecting(to: &str) -> (MockServer, Fetcher) {
    let server = server_at("127.0.0.2", 0).await;
    for from in ["/away", "/app/templates/part.j2"] {
        Mock::given(path(from))
            .respond_with(
                ResponseTemplate::new(302)
                    .insert_header("location", to)
                    .set_body_string("x".repeat(2_000_000)),
            )
            .mount(&server)
            .await;
    }
    let (look_up, _) = answering(&[&["127.0.0.1"]]);
    let reach = reach_of(&["evil.example", "public.example"]);
    (server, reaching(reach, Limits::default(), look_up))
}

#[tokio::test]
async fn a_redirect_to_this_machine_is_not_followed() {
    let inside = server_at("127.0.0.1", 0).await;
    let port = inside.address().port();
    for to in [
        format!("http://127.0.0.1:{port}/odoo.yml"),
        format!("//127.0.0.1:{port}/odoo.yml"),
        format!("http://2130706433:{port}/odoo.yml"),
        format!("http://[::ffff:127.0.0.1]:{port}/odoo.yml"),
        format!("http://evil.example:{port}/odoo.yml"),
        format!("http://localhost:{port}/odoo.yml"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let (outside, fetcher) = redirecting(&to).await;
        let problem = refused(&fetcher, &format!("{}/away", outside.uri())).await;
        assert!(
            problem.message.contains("has the address"),
            "{to}: {problem}"
        );
        // A file that a template uses goes the same way.
        let address = format!("{}/app/odoo.yml", outside.uri());
        let problem = fetcher
            .beside(&address, "templates/part.j2")
            .await
            .unwrap_err();
        assert!(
            problem.message.contains("has the address"),
            "{to}: {problem}"
        );
    }
    for to in [
        "file:///etc/passwd",
        "ftp://public.example/x",
        "gopher://public.example/",
    ] {
        let (outside, fetcher) = redirecting(to).await;
        let problem = fetcher
            .fetch("Odoo", &format!("{}/away", outside.uri()))
            .await
            .unwrap_err();
        assert!(
            problem.message.contains("is not fetched"),
            "{to}: {problem}"
        );
    }
    assert_eq!(asked(&inside).await, 0);
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_not_used() {
    // The variables are this process's own, and other tests read them: a child sets them.
    if std::env::var_os("HTTP_PROXY").is_none() {
        let proxy = server_at("127.0.0.1", 0).await;
        let uri = proxy.uri();
        let name = "manifest::fetch::tests::a_proxy_of_the_environment_is_not_used";
        let child = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact"])
            .envs(["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, &uri)))
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .output()
            .await
            .unwrap();
        assert!(
            child.status.success(),
            "{}",
            String::from_utf8_lossy(&child.stdout)
        );
        assert_eq!(asked(&proxy).await, 0);
        return;
    }
    let (look_up, _) = answering(&[&["10.96.0.1"]]);
    let fetcher = reaching(reach_of(&["evil.example"]), Limits::default(), look_up);
    refused(&fetcher, "http://evil.example/odoo.yml").await;
}

#[tokio::test]
async fn a_host_that_the_settings_name_may_have_any_address_at_that_port_alone() {
    let server = server_at("127.0.0.1", 0).await;
    let port = server.address().port();
    let reach = Reach {
        allow: vec![format!("git.localhost:{port}").parse().unwrap()],
        ..Reach::default()
    };
    let (look_up, _) = answering(&[&["127.0.0.1"]]);
    let fetcher = reaching(reach, Limits::default(), look_up);
    let source = fetcher
        .fetch("Odoo", &format!("http://git.localhost:{port}/odoo.yml"))
        .await;
    assert_eq!(source.unwrap().text, "127.0.0.1");
    refused(&fetcher, &format!("http://other.localhost:{port}/odoo.yml")).await;
    refused(&fetcher, "http://git.localhost:1/odoo.yml").await;
}

#[tokio::test]
async fn a_small_answer_that_unpacks_to_much_is_given_up() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![b'x'; 64 * 1024 * 1024]).unwrap();
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 100_000);
    let response = ResponseTemplate::new(200)
        .insert_header("content-encoding", "gzip")
        .set_body_bytes(packed);
    let bomb = problem(response, Limits::default()).await;
    assert!(bomb.message.contains("larger than 1024 KiB"), "{bomb}");
}

#[tokio::test]
async fn what_was_fetched_with_an_etag_is_remembered_within_bounds() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(
            ResponseTemplate::new(200)
                .insert_header("etag", "\"one\"")
                .set_body_string("x".repeat(1024 * 1024 - 100)),
        )
        .mount(&server)
        .await;
    let fetcher = fetcher(Limits::default());
    for number in 0..20 {
        let url = format!("{}/{number}", server.uri());
        fetcher.fetch("Odoo", &url).await.unwrap();
    }
    let mut remembered = fetcher.remembered();
    let kept = (0..20).filter_map(|number| remembered.get(&format!("{}/{number}", server.uri())));
    let bytes: usize = kept.map(|known| known.content.len()).sum();
    assert!((1..=8 * 1024 * 1024).contains(&bytes), "{bytes}");
}

/// A host of this machine that wants a header, as the settings give it.
fn with_header(mut reach: Reach, place: &str) -> Reach {
    let mut headers = HeaderMap::new();
    headers.insert("private-token", HeaderValue::from_static("hunter2"));
    reach.headers.insert(place.parse().unwrap(), headers);
    reach
}

/// The headers that were received, request by request.
async fn tokens(server: &MockServer) -> Vec<Option<String>> {
    let requests = server.received_requests().await.unwrap();
    let token = |request: &wiremock::Request| {
        let value = request.headers.get("private-token")?;
        Some(value.to_str().unwrap().to_owned())
    };
    requests.iter().map(token).collect()
}

#[tokio::test]
async fn headers_go_to_their_own_host_and_port_and_never_on_with_a_redirect() {
    let own = server_at("127.0.0.1", 0).await;
    let other = server_at("127.0.0.1", 0).await;
    let redirect = |to: String| ResponseTemplate::new(302).insert_header("location", to);
    for (server, from, to) in [
        (&own, "/same", "/odoo.yml".to_owned()),
        (&own, "/away", format!("{}/odoo.yml", other.uri())),
        (&own, "/and-back", format!("{}/back", other.uri())),
        (&other, "/back", format!("{}/odoo.yml", own.uri())),
    ] {
        let mock = Mock::given(path(from)).respond_with(redirect(to));
        mock.mount(server).await;
    }
    let place = own.address().to_string();
    let reach = with_header(Reach::of_tests(), &place);
    let fetcher = reaching(reach, Limits::default(), system());
    let token = Some("hunter2".to_owned());
    for (server, from, to_own, to_other) in [
        (&own, "/odoo.yml", vec![token.clone()], vec![]),
        (&own, "/same", vec![token.clone(), token.clone()], vec![]),
        (&own, "/away", vec![token.clone()], vec![None]),
        (&own, "/and-back", vec![token.clone(), None], vec![None]),
        // Somebody else's redirect does not make use of what the settings hold.
        (&other, "/back", vec![None], vec![None]),
        (&other, "/odoo.yml", vec![], vec![None]),
    ] {
        let before = (tokens(&own).await.len(), tokens(&other).await.len());
        let url = format!("{}{from}", server.uri());
        fetcher.fetch("Odoo", &url).await.unwrap();
        assert_eq!(tokens(&own).await[before.0..], to_own, "{from}");
        assert_eq!(tokens(&other).await[before.1..], to_other, "{from}");
    }
}

#[test]
fn headers_go_over_no_wire_that_others_read() {
    let reach = with_header(Reach::default(), "git.example.com");
    for (url, expected) in [
        ("https://git.example.com/odoo.yml", 1),
        ("https://GIT.example.com:443/odoo.yml", 1),
        ("http://git.example.com/odoo.yml", 0),
        ("http://git.example.com:443/odoo.yml", 0),
        ("https://git.example.com:8443/odoo.yml", 0),
        ("https://a.git.example.com/odoo.yml", 0),
        ("https://git.example.com.evil.example/odoo.yml", 0),
        ("https://git.example.com.:443/odoo.yml", 0),
    ] {
        let headers = reach.headers(&url.parse().unwrap());
        assert_eq!(headers.len(), expected, "{url}");
    }
}

#[test]
fn a_redirect_never_leads_from_https_to_http() {
    let fetcher = reaching(reach_of(&["git.example.com"]), Limits::default(), system());
    let url = |text: &str| Url::parse(text).unwrap();
    let https = url("https://git.example.com/odoo.yml");
    for to in [
        "http://git.example.com/odoo.yml",
        "http://127.0.0.2/odoo.yml",
    ] {
        let problem = fetcher.may_go_on(&https, &url(to)).unwrap_err();
        assert!(problem.message.contains("from https to http"), "{problem}");
    }
    let http = url("http://git.example.com/odoo.yml");
    assert_eq!(fetcher.may_go_on(&http, &https), Ok(()));
    assert_eq!(fetcher.may_go_on(&http, &http), Ok(()));
}
