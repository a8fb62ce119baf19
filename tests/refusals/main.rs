//! What the API server refuses, and what Chandlery makes of it: the manifests in `*.cases` are applied to the API server
//! that KUBECONFIG names, and what is said of them must be what docs/refusals.md says. `UPDATE=1` writes that page anew.
//!
//! A case is a title (`###`) and sections: `[cluster]` (objects made beforehand by somebody else), `[before]` (applied by
//! Chandlery), `[by hand]` (applied over it by somebody else), `[manifest]` (refused), and what is to be waited for.

mod cluster;
mod page;
mod webhook;

use std::fs;
use std::path::Path;

use chandlery::ansible::Variables;
use chandlery::kubernetes::{Applied, apply};
use chandlery::manifest::{Rendered, Rules, check, parse, policy};
use chandlery::object::Object;
use chandlery::policy::{PodSecurity, Policy};
use chandlery::problem::Problem;
use regex::Regex;
use serde_json::Value;

use cluster::Home;
use page::Row;

/// Files with cases, in the page's order.
const FILES: [&str; 7] = [
    "config",
    "pods",
    "network",
    "storage",
    "scaling",
    "custom",
    "admission",
];
/// More than this nobody reads.
const LONGEST: usize = 1500;

struct Case {
    title: String,
    sections: Vec<(String, String)>,
}

impl Case {
    fn section(&self, name: &str) -> Option<&str> {
        let found = self.sections.iter().find(|(of, _)| of == name);
        found.map(|(_, text)| text.as_str())
    }
}

/// A file's heading and its cases.
fn read(file: &str) -> (String, Vec<Case>) {
    let path = Path::new("tests/refusals").join(format!("{file}.cases"));
    let text = fs::read_to_string(path).unwrap();
    let heading = text.lines().next().unwrap().trim_start_matches("# ");
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().skip(1) {
        if let Some(title) = line.strip_prefix("### ") {
            cases.push(Case {
                title: title.to_owned(),
                sections: Vec::new(),
            });
        } else if line.starts_with('[') {
            let name = line.trim_matches(['[', ']']).to_owned();
            let case = cases.last_mut().unwrap();
            case.sections.push((name, String::new()));
        } else if let Some((_, text)) = cases.last_mut().and_then(|case| case.sections.last_mut()) {
            text.push_str(line);
            text.push('\n');
        }
    }
    (heading.to_owned(), cases)
}

fn objects(home: &Home, text: &str) -> Result<Vec<Object>, Problem> {
    let rendered = Rendered {
        title: "Shop".to_owned(),
        url: "http://example.com/shop.yml".to_owned(),
        text: home.filled(text),
        template: String::new(),
        artefact: None,
        variables: Vec::new(),
    };
    Ok(parse(&rendered, &Variables::new().resolve()?)?.objects)
}

/// What a deploy does with these manifests, up to the API server's answer.
async fn deploy(home: &Home, text: &str) -> Result<Applied, Problem> {
    let objects = objects(home, text)?;
    let kinds = home.cluster.kinds().await?;
    let mut policy = Policy {
        pod_security: PodSecurity::Privileged,
        ..Policy::default()
    };
    for object in &objects {
        policy.kinds.push(match object.reference().group() {
            "" => object.kind().to_owned(),
            group => format!("{}.{group}", object.kind()),
        });
    }
    let objects = check(
        objects,
        &Rules {
            kinds: &kinds,
            policy: policy::Rules {
                policy: &policy,
                cluster: "demo",
                ingress_class: "nobody",
                namespace: &home.namespace,
                hostname: &home.host(),
                domains: &[],
                siblings: &[],
                node_ports: &[],
                limits: None,
                storage_classes: None,
                inventory: None,
            },
        },
    )?;
    let mut applied = Applied::default();
    apply(&home.cluster, &objects, &home.owner, &mut applied, |_| {}).await?;
    Ok(applied)
}

async fn run(shared: &Home, case: &Case) -> Row {
    let own = match case.section("own namespace") {
        Some(_) => Some(Home::new(&shared.group).await),
        None => None,
    };
    let home = own.as_ref().unwrap_or(shared);
    let mut manifest = "";
    for (name, text) in &case.sections {
        match name.as_str() {
            "own namespace" => {}
            "namespace labels" => home.label(text).await,
            "cluster" => home.make(text).await,
            "before" => drop(deploy(home, text).await.unwrap()),
            "by hand" => home.by_hand(text).await,
            "bound" => {
                home.until(text, |value| value["status"]["phase"] == "Bound")
                    .await
            }
            "counted" => {
                home.until(text, |value| value["status"]["hard"].is_object())
                    .await
            }
            "in force" => home.until_in_force(text.trim()).await,
            "delete" => home.delete(text).await,
            "delete namespace" => home.delete_namespace().await,
            "manifest" => manifest = text,
            other => panic!("{}: what is [{other}]?", case.title),
        }
    }
    let server = match objects(home, manifest) {
        Ok(objects) => home.answer(&objects[0].value).await,
        Err(_) => None,
    };
    let problem = deploy(home, manifest).await.err();
    Row {
        title: case.title.clone(),
        server: server.map(|text| home.without_names(&text)),
        problem: problem.map(|problem| home.masked(&problem)),
    }
}

#[tokio::test]
async fn every_refusal_has_its_words_its_line_and_a_way_out_and_none_is_an_unreachable_cluster() {
    let group = cluster::group();
    let _definition = cluster::Definition::new(&group).await;
    let files = FILES.map(read);
    let mut sections = Vec::new();
    let running = files.iter().map(|(heading, cases)| {
        let group = &group;
        async move {
            let home = Home::new(group).await;
            let mut rows = Vec::new();
            for case in cases {
                rows.push(run(&home, case).await);
            }
            (heading.clone(), rows)
        }
    });
    for section in futures::future::join_all(running).await {
        sections.push(section);
    }
    let rows: Vec<&Row> = sections.iter().flat_map(|(_, rows)| rows).collect();
    let page = page::page(&sections);
    let path = Path::new("docs/refusals.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, &page).unwrap();
    }
    // Secrets, and the structures of the API server's own language.
    let never =
        Regex::new(r#"hunter\d|value\.value|\bv\d\w*\.[A-Z]|core\.[A-Z]|\{"|0x|Go (struct|value)"#)
            .unwrap();
    let mut refused = 0;
    for row in &rows {
        refused += usize::from(row.server.is_some());
        let Some(problem) = &row.problem else {
            continue;
        };
        let told = problem.to_string();
        let hint = problem.hint.as_deref().unwrap_or_default();
        assert_ne!(
            problem.code.as_str(),
            "cluster_unreachable",
            "{}: {told}",
            row.title
        );
        assert!(problem.line.is_some(), "{}: {told}", row.title);
        assert!(
            !hint.is_empty() && !hint.starts_with("Correct the manifest"),
            "{}: {told}",
            row.title
        );
        assert!(told.len() <= LONGEST, "{}: {told}", row.title);
        assert!(!never.is_match(&told), "{}: {told}", row.title);
    }
    assert!(refused >= 150, "{refused} are refused by the API server");
    let known = fs::read_to_string(path).unwrap_or_default();
    for (now, then) in page.lines().zip(known.lines()) {
        assert_eq!(
            now, then,
            "docs/refusals.md says otherwise; UPDATE=1 writes it"
        );
    }
    assert_eq!(page.lines().count(), known.lines().count());
}

/// A value as it goes to the API server.
fn yaml(text: &str) -> Vec<Value> {
    let rendered = Rendered {
        title: String::new(),
        url: String::new(),
        text: text.to_owned(),
        template: String::new(),
        artefact: None,
        variables: Vec::new(),
    };
    let parsed = parse(&rendered, &Variables::new().resolve().unwrap()).unwrap();
    parsed.objects.into_iter().map(|one| one.value).collect()
}
