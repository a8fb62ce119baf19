//! Files of a template: found beside it, over http and on disk, and nowhere else.

use std::sync::Once;

use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::with_files;
use crate::ansible::{Resolved, Variables};
use crate::manifest::{Fetcher, Limits, Reach, Rendered, Source, render};
use crate::problem::Problem;

fn fetcher() -> Fetcher {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Fetcher::new(Limits::default(), Reach::of_tests()).unwrap()
}

async fn serve(server: &MockServer, at: &str, text: &str) {
    Mock::given(path(at))
        .respond_with(ResponseTemplate::new(200).set_body_string(text))
        .mount(server)
        .await;
}

async fn rendered(address: &str, text: &str, variables: Resolved) -> Result<Rendered, Problem> {
    let source = Source::new("Odoo", address, text.to_owned());
    let make = move |source: &Source| render(source, &variables);
    let made = with_files(&fetcher(), address, source, make).await?;
    Ok(made.1)
}

#[tokio::test]
async fn files_come_from_the_folder_of_the_manifest() {
    let server = MockServer::start().await;
    serve(&server, "/app/templates/labels.j2", "app: {{ name }}\n").await;
    serve(&server, "/app/parts/more.j2", "tier: {{ tier }}\n").await;
    serve(
        &server,
        "/app/labels.j2",
        "the one in templates/ comes first",
    )
    .await;
    let mut variables = Variables::new();
    variables.set("name", "shop", "config map");
    variables.set("tier", "web", "config map");
    let rendered = rendered(
        &format!("{}/app/odoo.yml?ref=main", server.uri()),
        "{% include 'labels.j2' %}\n\n{% include 'parts/more.j2' %}\n{% include 'no' ignore missing %}\n",
        variables.resolve().unwrap(),
    )
    .await
    .unwrap();
    assert_eq!(rendered.text, "app: shop\ntier: web\n");
    assert_eq!(rendered.variables, ["name", "tier"]);
}

#[tokio::test]
async fn nothing_outside_of_the_folder_is_fetched() {
    let server = MockServer::start().await;
    serve(&server, "/secret.j2", "secret").await;
    let address = format!("{}/app/odoo.yml", server.uri());
    for name in [
        "../secret.j2",
        "/secret.j2",
        "http://127.0.0.1/secret.j2",
        "a/../../secret.j2",
    ] {
        let text = format!("a: 1\nb: {{% include '{name}' %}}\n");
        let problem = rendered(&address, &text, Resolved::default())
            .await
            .unwrap_err();
        assert!(problem.message.contains(name), "{problem}");
        assert_eq!(
            (problem.line, problem.column),
            (Some(2), Some(15)),
            "{problem}"
        );
        assert!(problem.hint.is_some(), "{problem}");
    }
    let requests = server.received_requests().await.unwrap();
    assert!(
        requests
            .iter()
            .all(|request| request.url.path().starts_with("/app/"))
    );
}

#[tokio::test]
async fn a_failure_in_a_file_names_it_and_the_line_that_uses_it() {
    let server = MockServer::start().await;
    serve(&server, "/labels.j2", "a: 1\nb: {{ nmae }}\n").await;
    let mut variables = Variables::new();
    variables.set("name", "shop", "config map");
    let problem = rendered(
        &format!("{}/odoo.yml", server.uri()),
        "x: 1\n{% include 'labels.j2' %}\n",
        variables.resolve().unwrap(),
    )
    .await
    .unwrap_err();
    assert_eq!(problem.line, Some(2));
    assert!(
        problem
            .message
            .contains("In `labels.j2`, line 2, column 7: 'nmae' is undefined"),
        "{problem}"
    );
    assert!(problem.hint.unwrap().contains("'name'"));
}

#[tokio::test]
async fn a_file_that_includes_others_without_end_is_refused() {
    let problem = rendered(
        "http://127.0.0.1:9/odoo.yml",
        "{% include 'a.j2' %}",
        Resolved::default(),
    )
    .await
    .unwrap_err();
    assert!(
        problem.message.contains("`a.j2`") && problem.retry,
        "{problem}"
    );
    let server = MockServer::start().await;
    serve(&server, "/endless.j2", "{% include 'endless.j2' %}").await;
    serve(
        &server,
        "/many.j2",
        "{% for n in range(99) %}{% include 'f' ~ n ignore missing %}{% endfor %}",
    )
    .await;
    for name in ["endless.j2", "many.j2"] {
        let problem = rendered(
            &format!("{}/odoo.yml", server.uri()),
            &format!("{{% include '{name}' %}}"),
            Resolved::default(),
        )
        .await
        .unwrap_err();
        assert!(problem.hint.is_some(), "{problem}");
    }
}

#[tokio::test]
async fn files_on_disk_are_found_beside_the_template() {
    let folder = "crates/ansible-jinja/tests/parity/templates/includes";
    let template = format!("{folder}/template.yml.j2");
    let vars = std::fs::read_to_string(format!("{folder}/vars.yml")).unwrap();
    let variables = Variables::read(&vars, "vars.yml")
        .unwrap()
        .resolve()
        .unwrap();
    let text = std::fs::read_to_string(&template).unwrap();
    let wanted = std::fs::read_to_string(
        "crates/ansible-jinja/tests/parity/expected/templates/includes/rendered",
    );
    let rendered = rendered(&template, &text, variables).await.unwrap();
    assert_eq!(rendered.text, wanted.unwrap());
}
