//! How long a typical manifest takes: four documents, twenty values. `make benchmark` puts Jinja2 with PyYAML and
//! Ansible beside it.
//!
//! Prints one `name<TAB>microseconds` a line: the median of many runs, the templates compiled already.

use std::hint::black_box;
use std::time::{Duration, Instant};

use chandlery::ansible::{Rendered as Text, Resolved, Variables, render};
use chandlery::manifest::{Rendered, parse};

const FOLDER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/crates/ansible-jinja/tests/parity/templates/web-app"
);
/// How long each thing is measured.
const TIME: Duration = Duration::from_secs(2);

fn main() {
    let read =
        |name: &str| std::fs::read_to_string(format!("{FOLDER}/{name}")).expect("the template");
    let (template, vars) = (read("template.yml.j2"), read("vars.yml"));

    let variables = || Variables::read(&vars, "vars.yml").expect("variables");
    let resolved = || variables().resolve().expect("resolved");
    let ready = resolved();
    let text = |resolved: &Resolved| -> Text {
        render("web-app", "web-app", &template, resolved).expect("a text")
    };
    let rendered = Rendered {
        title: "web-app".to_owned(),
        url: "web-app".to_owned(),
        text: text(&ready).text,
        variables: Vec::new(),
        template: String::new(),
        artefact: None,
    };
    let objects = |rendered: &Rendered| parse(rendered, &ready).expect("objects").objects;
    assert_eq!(objects(&rendered).len(), 4);

    measure("variables", resolved);
    measure("render", || text(&ready));
    measure("parse", || objects(&rendered));
    measure("render and parse", || {
        let rendered = Rendered {
            text: text(&ready).text,
            ..rendered.clone()
        };
        objects(&rendered)
    });
}

fn measure<T>(name: &str, run: impl Fn() -> T) {
    let begun = Instant::now();
    let mut times = Vec::new();
    while begun.elapsed() < TIME {
        let start = Instant::now();
        black_box(run());
        times.push(start.elapsed());
    }
    times.sort();
    println!("{name}\t{:.1}", times[times.len() / 2].as_secs_f64() * 1e6);
}
