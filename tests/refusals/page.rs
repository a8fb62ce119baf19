//! docs/refusals.md.

use std::fmt::Write;

use chandlery::problem::Problem;

/// What became of one case.
pub struct Row {
    pub title: String,
    /// The API server's own answer; `None`: it was not asked or has nothing to say against it.
    pub server: Option<String>,
    /// What Chandlery says; `None`: it is applied.
    pub problem: Option<Problem>,
}

const HEAD: &str = "# What the API server refuses

Each row was provoked: `tests/refusals` applies these manifests to a real API server and compares what is said with this
page, which it also writes (`UPDATE=1 cargo test --test refusals`). The manifests are in the files of that folder, under the
same titles; lines are counted from `[manifest]`. `NAMESPACE` and the like stand for names that differ at every run.

*Again*: whether the job is tried again by itself, because the cause may pass. An answer of an API server that is overloaded
or has lost its database (429, 503, 504, `etcdserver: …`) is none of these: such a job is tried again as
`cluster_unreachable`.
";
/// Longer answers are cut on the page.
const KEPT: usize = 360;

pub fn page(sections: &[(String, Vec<Row>)]) -> String {
    let mut page = HEAD.to_owned();
    for (heading, rows) in sections {
        write!(page, "\n## {}\n\n| | the API server | Chandlery | where | way out | again |\n|---|---|---|---|---|---|\n", heading.trim_end_matches('.')).unwrap();
        for row in rows {
            page.push_str(&line(row));
        }
    }
    page
}

fn line(row: &Row) -> String {
    let server = row.server.as_deref().unwrap_or("–");
    let Some(problem) = &row.problem else {
        let cells = [&row.title, server, "applied", "", "", ""];
        return cells.map(cell).join("|").trim_end().to_owned() + "|\n";
    };
    let mut lines: Vec<u32> = problem.line.into_iter().collect();
    for excerpt in &problem.excerpts {
        if !lines.contains(&excerpt.line) {
            lines.push(excerpt.line);
        }
    }
    let lines: Vec<String> = lines.iter().map(u32::to_string).collect();
    let place = match &problem.field {
        Some(field) => format!("line {}\n{field}", lines.join(", ")),
        None => format!("line {}", lines.join(", ")),
    };
    let again = if problem.retry { "yes" } else { "no" };
    let hint = problem.hint.as_deref().unwrap_or_default();
    let message = format!("`{}`\n{}", problem.code, problem.message);
    let cells = [&row.title, server, &message, &place, hint, again];
    format!("|{}|\n", cells.map(cell).join("|"))
}

fn cell(text: &str) -> String {
    let mut text: String = text.trim().to_owned();
    if text.chars().count() > KEPT * 3 {
        text = text.chars().take(KEPT).collect::<String>() + " …";
    }
    let text = text.replace('|', "\\|").replace('<', "&lt;");
    format!(" {} ", text.replace('\n', "<br>"))
}
