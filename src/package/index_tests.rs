use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const PACKAGE_YML: &str = "format: 1
name: hello
version: \"1.0\"
title: Hello
summary: A page that says hello.
manifests:
  deploy: [hello.yml]
variables:
  - {name: greeting, title: Greeting, default: Hello}
";
const HELLO_YML: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: hello
data:
  text: '{{ greeting }}'
";

fn folder_of() -> Url {
    folder("https://example.com/packages").unwrap()
}

fn entry_of(name: &str) -> Value {
    json!({
        "folder": name,
        "package": PACKAGE_YML.replace("name: hello", &format!("name: {name}")),
        "vars": null,
        "icon": null,
        "digests": {"hello.yml": digest(HELLO_YML)},
    })
}

fn index_of(packages: &[Value]) -> String {
    json!({"format": 1, "packages": packages}).to_string()
}

/// What is wrong with an index of one package that is changed like this.
fn wrong(change: impl Fn(&mut Value)) -> String {
    let mut entry = entry_of("hello");
    change(&mut entry);
    let read = read(&index_of(&[entry, entry_of("other")]), &folder_of()).unwrap();
    assert_eq!(read.packages.len(), 1, "the other one is there");
    let problems: Vec<String> = read.problems.iter().map(Problem::to_string).collect();
    problems.join("\n")
}

#[test]
fn a_package_is_what_its_texts_and_digests_say() {
    let read = read(&index_of(&[entry_of("hello")]), &folder_of()).unwrap();
    assert_eq!(read.problems, []);
    let [package] = &read.packages[..] else {
        panic!("{read:?}");
    };
    assert_eq!(package.description.title, "Hello");
    assert_eq!(package.url.as_str(), "https://example.com/packages/hello");
    let (purpose, manifest) = &package.manifests[0];
    assert_eq!(*purpose, "deploy");
    assert_eq!(
        manifest.url.as_str(),
        "https://example.com/packages/hello/hello.yml"
    );
    assert_eq!(manifest.digest, digest(HELLO_YML));
    // printf '%s  hello.yml\n%s  package.yml\n' … | sha256sum
    let lines = format!(
        "{}  hello.yml\n{}  package.yml\n",
        &digest(HELLO_YML)[7..],
        &digest(PACKAGE_YML)[7..]
    );
    assert_eq!(package.digest, digest(lines));
}

#[test]
fn whatever_changes_of_a_package_changes_its_digest() {
    let digest_of = |change: &dyn Fn(&mut Value)| {
        let mut entry = entry_of("hello");
        change(&mut entry);
        let read = read(&index_of(&[entry]), &folder_of()).unwrap();
        read.packages[0].digest.clone()
    };
    let mut seen = vec![digest_of(&|_| ())];
    let changes: [&dyn Fn(&mut Value); 3] = [
        &|entry| entry["digests"]["hello.yml"] = digest("other").into(),
        &|entry| entry["package"] = format!("{PACKAGE_YML}# changed\n").into(),
        &|entry| entry["vars"] = "more: 1\n".into(),
    ];
    for change in changes {
        let digest = digest_of(change);
        assert!(!seen.contains(&digest));
        seen.push(digest);
    }
}

#[test]
fn a_broken_package_is_named_with_line_and_column_and_costs_the_others_nothing() {
    let said = wrong(|entry| {
        let broken = PACKAGE_YML.replace("summary:", "sumary:");
        entry["package"] = broken.into();
    });
    let place = "https://example.com/packages/hello/package.yml, line 5, column 1: ";
    assert!(
        said.contains(&format!("{place}`sumary` is nothing")),
        "{said}"
    );
    assert!(said.contains("Did you mean `summary`?"), "{said}");
    let said = wrong(|entry| entry["vars"] = "a: [\n".into());
    assert!(
        said.contains("https://example.com/packages/hello/vars.yml, line "),
        "{said}"
    );
}

#[test]
fn what_the_index_lacks_of_a_package_is_told() {
    for (expected, change) in [
        (
            "There is no file `hello.yml`",
            (|entry| entry["digests"] = json!({})) as fn(&mut Value),
        ),
        ("The digest of `hello.yml` is none", |entry| {
            entry["digests"]["hello.yml"] = "sha256:1".into();
        }),
        ("`packages[0]` is no package", |entry| {
            entry["digests"] = json!([]);
        }),
        ("The folder `../up` is not below", |entry| {
            entry["folder"] = "../up".into();
        }),
        ("The folder `/etc` is not below", |entry| {
            entry["folder"] = "/etc".into();
        }),
        ("The index has a picture that", |entry| {
            entry["icon"] = BASE64.encode("<svg/>").into();
        }),
        ("`../x.yml` leads out of the package", |entry| {
            entry["package"] = PACKAGE_YML.replace("[hello.yml]", "[../x.yml]").into();
        }),
        ("longer than 1024 KiB", |entry| {
            entry["vars"] = "#".repeat(2 << 20).into();
        }),
    ] {
        let said = wrong(change);
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn a_picture_is_the_one_that_the_package_names() {
    let with = |icon: Vec<u8>| {
        wrong(move |entry| {
            let package = format!("{PACKAGE_YML}icon: hello.svg\n");
            entry["package"] = package.into();
            entry["icon"] = BASE64.encode(&icon).into();
        })
    };
    let mut entry = entry_of("hello");
    entry["package"] = format!("{PACKAGE_YML}icon: hello.svg\n").into();
    entry["icon"] = BASE64.encode("<svg/>").into();
    let read = read(&index_of(&[entry]), &folder_of()).unwrap();
    assert_eq!(read.problems, []);
    assert!(read.packages[0].icon.is_some());
    for icon in [b"\x89PNG\r\n\x1a\n".to_vec(), vec![b'<'; 64 << 10], vec![]] {
        assert!(with(icon).contains("is no such picture"));
    }
}

#[test]
fn a_version_is_in_one_folder_and_a_package_may_have_several() {
    let mut again = entry_of("hello");
    again["folder"] = "again".into();
    let mut newer = entry_of("hello");
    newer["folder"] = "newer".into();
    newer["package"] = PACKAGE_YML.replace("\"1.0\"", "\"1.1\"").into();
    let read = read(&index_of(&[entry_of("hello"), again, newer]), &folder_of()).unwrap();
    assert_eq!(read.packages.len(), 2);
    let [problem] = &read.problems[..] else {
        panic!("{read:?}");
    };
    assert_eq!(problem.message, "hello 1.0 is in the folder `hello`, too.");
}

#[test]
fn what_is_no_index_is_refused_with_its_place() {
    let refused = |text: &str| read(text, &folder_of()).unwrap_err();
    let problem = refused("{\"format\": 1,\n \"packages\": [}");
    assert_eq!((problem.line, problem.column), (Some(2), Some(15)));
    assert_eq!(problem.code, Code::RepositoryInvalid);
    assert!(refused("<html>").message.contains("no index of packages"));
    assert!(
        refused("{\"format\": 2, \"packages\": []}")
            .message
            .contains("format is 2")
    );
    let many: Vec<Value> = (0..=MOST).map(|_| json!(null)).collect();
    assert!(refused(&index_of(&many)).message.contains("5000 are read"));
}

#[test]
fn an_address_is_that_of_a_folder() {
    for address in [
        "https://example.com/packages",
        "https://example.com/packages/",
    ] {
        let folder = folder(address).unwrap();
        assert_eq!(
            below(&folder, FILE).as_str(),
            "https://example.com/packages/index.json"
        );
    }
    assert_eq!(
        below(&folder("https://example.com").unwrap(), "a b/c?d").as_str(),
        "https://example.com/a%20b/c%3Fd"
    );
    for address in ["packages", "mailto:a@b", "https://x/?a", "https://x/#a"] {
        let problem = folder(address).unwrap_err();
        assert!(problem.message.contains("cannot be that of a repository"));
    }
}

async fn fetched(server: &MockServer, reach: Reach) -> Result<String, Problem> {
    let fetcher = Fetcher::new(Limits::default(), reach).unwrap();
    fetch(&fetcher, &folder(&server.uri()).unwrap()).await
}

async fn serving(answer: ResponseTemplate) -> MockServer {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = MockServer::start().await;
    Mock::given(path("/index.json"))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn an_index_that_cannot_be_fetched_is_told_with_the_way_out() {
    let not_found = serving(ResponseTemplate::new(404)).await;
    let problem = fetched(&not_found, Reach::of_tests()).await.unwrap_err();
    assert!(
        problem
            .message
            .contains("/index.json: There is no index.json")
    );
    assert!(problem.hint.unwrap().contains("chandlery package index"));
    assert!(!problem.retry);

    let large = "x".repeat(BYTES + 1);
    let large = serving(ResponseTemplate::new(200).set_body_string(large)).await;
    let problem = fetched(&large, Reach::of_tests()).await.unwrap_err();
    assert!(
        problem
            .message
            .contains("The index is larger than 8192 KiB")
    );

    let broken = serving(ResponseTemplate::new(503)).await;
    let problem = fetched(&broken, Reach::of_tests()).await.unwrap_err();
    assert_eq!((problem.code, problem.retry), (Code::RepositoryFetch, true));
}

#[tokio::test]
async fn a_host_that_the_settings_do_not_allow_is_never_asked() {
    let answer = ResponseTemplate::new(200).set_body_string(index_of(&[]));
    let server = serving(answer).await;
    let problem = fetched(&server, Reach::default()).await.unwrap_err();
    assert_eq!(problem.code, Code::RepositoryFetch);
    assert!(problem.hint.unwrap().contains("adds \"127.0.0.1:"));
    assert_eq!(server.received_requests().await.unwrap().len(), 0);

    // Nor by a redirect of one that they allow.
    let elsewhere = ResponseTemplate::new(302).insert_header("location", "http://10.0.0.1/");
    let redirecting = serving(elsewhere).await;
    let problem = fetched(&redirecting, Reach::of_tests()).await.unwrap_err();
    assert!(
        problem.message.contains("The server redirects"),
        "{problem}"
    );
}

fn package(root: &Path, name: &str, description: &str) {
    let folder = root.join(name);
    fs::create_dir_all(folder.join("templates")).unwrap();
    fs::write(folder.join(PACKAGE), description).unwrap();
    fs::write(folder.join("hello.yml"), HELLO_YML).unwrap();
}

#[tokio::test]
async fn a_folder_of_packages_becomes_a_repository_that_can_be_read() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root = tempfile::tempdir().unwrap();
    package(root.path(), "hello/1.0", PACKAGE_YML);
    let newer = PACKAGE_YML.replace("\"1.0\"", "\"1.1\"");
    package(root.path(), "hello/1.1", &newer);
    package(root.path(), ".hidden", "nothing");
    fs::create_dir(root.path().join("images")).unwrap();
    let (text, number) = make(root.path()).await.unwrap();
    assert_eq!(number, 2);
    let read = read(&text, &folder_of()).unwrap();
    assert_eq!(read.problems, []);
    let urls: Vec<&str> = read.packages.iter().map(|one| one.url.as_str()).collect();
    assert_eq!(
        urls,
        [
            "https://example.com/packages/hello/1.0",
            "https://example.com/packages/hello/1.1"
        ]
    );
    assert_eq!(read.packages[0].manifests[0].1.digest, digest(HELLO_YML));
    assert_eq!(
        make(root.path()).await.unwrap().0,
        text,
        "it is the same each time"
    );
}

/// A tar archive, packed with gzip, of the files below a folder, all in one folder of it.
fn archive_of(folder: &Path) -> Vec<u8> {
    let packed = GzEncoder::new(Vec::new(), Compression::fast());
    let mut builder = tar::Builder::new(packed);
    builder.append_dir_all("hello-1.0", folder).unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}

fn zip_of(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in files {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(*name, options).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

async fn serving_archive(name: &str, bytes: Vec<u8>) -> MockServer {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = MockServer::start().await;
    Mock::given(path(format!("/{name}")))
        .respond_with(
            ResponseTemplate::new(200)
                .insert_header("etag", "\"1\"")
                .set_body_bytes(bytes),
        )
        .mount(&server)
        .await;
    server
}

/// The repository at an address, and what a worker later fetches of its only manifest.
async fn read_from(address: &str) -> (Repository, Source) {
    let fetcher = Fetcher::new(Limits::default(), Reach::of_tests()).unwrap();
    let folder = folder(address).unwrap();
    let text = fetch(&fetcher, &folder).await.unwrap();
    let read = read(&text, &folder).unwrap();
    assert_eq!(read.problems, []);
    let manifest = &read.packages[0].manifests[0].1;
    let source = fetcher.fetch("Hello", manifest.url.as_str()).await.unwrap();
    let source = pin::gather(&fetcher, manifest.url.as_str(), source)
        .await
        .unwrap();
    assert_eq!(pin::check(&source, Some(&manifest.digest)), Ok(()));
    (read, source)
}

const USING_YML: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: hello
data:
  text: '{{ greeting }}'
  {% include 'labels.j2' %}
";

#[tokio::test]
async fn a_package_may_be_an_archive() {
    let root = tempfile::tempdir().unwrap();
    package(root.path(), "hello", PACKAGE_YML);
    fs::write(root.path().join("hello/hello.yml"), USING_YML).unwrap();
    fs::write(root.path().join("hello/templates/labels.j2"), "a: b\n").unwrap();
    let packed = archive_of(&root.path().join("hello"));
    let server = serving_archive("hello.tar.gz", packed).await;
    let address = format!("{}/hello.tar.gz", server.uri());
    let (read, source) = read_from(&address).await;
    let manifest = &read.packages[0].manifests[0].1;
    assert_eq!(read.packages[0].url.as_str(), address);
    assert_eq!(manifest.url.as_str(), format!("{address}#hello.yml"));
    assert_eq!(source.text, USING_YML);
    // Its files come from the archive as well, which is fetched for the index and for the manifest, and for nothing else.
    let files: Vec<(&str, &str)> = source.files.texts().collect();
    assert_eq!(files, [("labels.j2", "a: b\n")]);
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
    // As of a folder with the same files.
    let (text, _) = make(root.path()).await.unwrap();
    let folder = super::read(&text, &folder_of()).unwrap();
    assert_eq!(folder.packages[0].digest, read.packages[0].digest);

    let files = [("package.yml", PACKAGE_YML), ("hello.yml", HELLO_YML)];
    let server = serving_archive("hello.zip", zip_of(&files)).await;
    let (read, source) = read_from(&format!("{}/hello.zip", server.uri())).await;
    assert_eq!(read.packages.len(), 1);
    assert_eq!(source.text, HELLO_YML);
}

#[tokio::test]
async fn a_repository_may_be_an_archive_and_have_archives() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root = tempfile::tempdir().unwrap();
    package(root.path(), "hello/1.0", PACKAGE_YML);
    let (text, _) = make(root.path()).await.unwrap();
    fs::write(root.path().join(FILE), text).unwrap();
    let server = serving_archive("all.tgz", archive_of(root.path())).await;
    let address = format!("{}/all.tgz", server.uri());
    let (read, _) = read_from(&address).await;
    assert_eq!(
        read.packages[0].manifests[0].1.url.as_str(),
        format!("{address}#hello/1.0/hello.yml")
    );

    // An index names the archives beside it.
    let packed = archive_of(&root.path().join("hello/1.0"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("hello-1.0.tar.gz"), &packed).unwrap();
    fs::write(folder.path().join("pictures.zip"), zip_of(&[("a.png", "")])).unwrap();
    let (text, number) = make(folder.path()).await.unwrap();
    assert_eq!(number, 1, "{text}");
    let server = serving_archive("hello-1.0.tar.gz", packed).await;
    Mock::given(path("/index.json"))
        .respond_with(ResponseTemplate::new(200).set_body_string(&text))
        .mount(&server)
        .await;
    let (read, _) = read_from(&server.uri()).await;
    assert_eq!(
        read.packages[0].manifests[0].1.url.as_str(),
        format!("{}/hello-1.0.tar.gz#hello.yml", server.uri())
    );
    // None of it in another archive.
    let within = super::folder("https://example.com/all.zip").unwrap();
    let problems = super::read(&text, &within).unwrap().problems;
    assert!(problems[0].message.contains("in an archive itself"));
}

#[tokio::test]
async fn what_is_wrong_with_an_archive_is_told_with_the_way_out() {
    let root = tempfile::tempdir().unwrap();
    let broken = PACKAGE_YML.replace("name: hello", "name: Hello");
    package(root.path(), "hello", &broken);
    let server = serving_archive("a.tgz", archive_of(&root.path().join("hello"))).await;
    let fetcher = Fetcher::new(Limits::default(), Reach::of_tests()).unwrap();
    let at = |name: &str| folder(&format!("{}/{name}", server.uri())).unwrap();
    let text = fetch(&fetcher, &at("a.tgz")).await.unwrap();
    let problem = &read(&text, &at("a.tgz")).unwrap().problems[0];
    assert!(problem.url.as_ref().unwrap().ends_with("a.tgz#package.yml"));
    assert_eq!((problem.line, problem.column), (Some(2), Some(1)));

    let problem = fetch(&fetcher, &at("none.zip")).await.unwrap_err();
    assert_eq!(problem.code, Code::RepositoryFetch);
    assert!(problem.message.contains("404"), "{problem}");
    for (bytes, said) in [
        (
            zip_of(&[("a.yml", "")]),
            "neither an index.json nor a package.yml",
        ),
        (zip_of(&[("../a.yml", "")]), "not below its own folder"),
        (b"<html>".to_vec(), "The archive cannot be read"),
        (
            vec![0; (8 << 20) + 1],
            "The archive is larger than 8192 KiB",
        ),
    ] {
        let server = serving_archive("b.zip", bytes).await;
        let address = folder(&format!("{}/b.zip", server.uri())).unwrap();
        let problem = fetch(&fetcher, &address).await.unwrap_err();
        assert_eq!(problem.code, Code::RepositoryFetch);
        assert!(problem.message.contains(said), "{problem}");
        assert!(problem.message.contains("/b.zip"), "{problem}");
        assert!(problem.hint.is_some(), "{problem}");
    }
    // A manifest that is not in there.
    let address = format!("{}#other.yml", at("a.tgz"));
    let problem = fetcher.fetch("Other", &address).await.unwrap_err();
    assert_eq!(problem.code, Code::ManifestFetch);
    assert!(
        problem
            .message
            .contains("no file `other.yml` in the archive"),
        "{problem}"
    );
}

#[tokio::test]
async fn no_index_is_made_of_packages_with_problems() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root = tempfile::tempdir().unwrap();
    let problems = make(root.path()).await.unwrap_err();
    assert!(problems[0].message.contains("no package in this folder"));
    package(root.path(), "hello", PACKAGE_YML);
    package(root.path(), "copy", PACKAGE_YML);
    let problems = make(root.path()).await.unwrap_err();
    assert!(problems[0].message.contains("is in the folder `copy`, too"));
    package(root.path(), "copy", "format: 1\n");
    let problems = make(root.path()).await.unwrap_err();
    assert!(
        problems[0]
            .url
            .as_ref()
            .unwrap()
            .ends_with("copy/package.yml")
    );
}
