//! Typical mistakes of template authors, and what they are told: `tests/errors/*.txt`, each a template, the variables
//! if it needs any, and the error. `ERRORS_WRITE=1` writes the errors anew; they are there to be read.

use std::fs;
use std::path::Path;

use chandlery::ansible::{Failure, Variables};
use chandlery::manifest::{self, Source};
use chandlery::problem::Problem;

/// Begins the part with the variables, and the part with the error.
const VARS: &str = "==> vars.yml\n";
const ERROR: &str = "==> error\n";

fn problems(template: &str, vars: &str) -> Vec<Problem> {
    let source = Source::new("odoo.yml", "odoo.yml", template.to_owned());
    let made = || {
        let variables = Variables::read(vars, "vars.yml")?.resolve()?;
        let rendered = manifest::render(&source, &variables).map_err(|failure| match failure {
            Failure::Problem(problem) => *problem,
            Failure::Needs(file) => panic!("no file {file}"),
        })?;
        let parsed = manifest::parse(&rendered, &variables)?;
        let checked = parsed.objects.iter().map(manifest::well_formed);
        let mut problems: Vec<Problem> = checked.filter_map(Result::err).collect();
        problems.extend(parsed.warnings);
        Ok::<_, Problem>(problems)
    };
    made().unwrap_or_else(|problem| vec![problem])
}

#[test]
fn every_typical_mistake_is_told_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/errors");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    assert!(files.len() >= 60, "{} files", files.len());
    let mut different = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let (input, expected) = text.split_once(ERROR).unwrap_or((&text, ""));
        let (template, vars) = input.split_once(VARS).unwrap_or((input, ""));
        let found = problems(template, vars);
        let drawn: Vec<String> = found
            .iter()
            .map(|problem| problem.drawn(100, false))
            .collect();
        let drawn = drawn.join("\n\n") + "\n";
        if std::env::var_os("ERRORS_WRITE").is_some() {
            fs::write(&path, format!("{input}{ERROR}{drawn}")).unwrap();
        } else if drawn != expected {
            different.push(format!("{}:\n{drawn}", path.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
