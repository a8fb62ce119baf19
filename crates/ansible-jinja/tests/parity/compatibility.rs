//! `COMPATIBILITY.md`, made of the corpus: what each filter, test, statement and rule gives here.
//!
//! Which filters and tests there are is Ansible's own list (`expected/names.json`). What a case uses is found in its
//! text; whether a name is known here is asked of the renderer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

use ansible_jinja::{Resolved, render};
use regex::Regex;
use serde_json::Value as Json;

use super::State;

/// A case and what became of it.
pub struct Shown {
    pub family: String,
    pub name: String,
    pub state: State,
    /// All of its text in which a filter, test or statement may stand.
    pub source: String,
    /// A sentence of its own, not an expression.
    pub named: bool,
    /// Why it is refused.
    pub reason: String,
}

/// What a family is about: the comment at its beginning.
pub type Families = BTreeMap<String, String>;

const STATEMENTS: [&str; 19] = [
    "autoescape",
    "block",
    "break",
    "call",
    "continue",
    "debug",
    "do",
    "elif",
    "extends",
    "filter",
    "for",
    "from",
    "if",
    "import",
    "include",
    "macro",
    "raw",
    "set",
    "with",
];

/// The whole page.
pub fn page(cases: &[Shown], families: &Families, names: &Json) -> String {
    let count = |state| cases.iter().filter(|case| case.state == state).count();
    let mut page = format!(
        "# Does my template work here?

<!-- Made by `make parity` from tests/parity. Do not edit. -->

This library renders templates as Ansible does (ansible-core 2.19, Jinja2 3.1, PyYAML) and reads the result as kubectl 1.35
does. What it cannot render in the same way it refuses: the error names the construct, its line and column, and what to do
instead. It never makes something else of it in silence.

The proof is in [tests/parity](tests/parity/README.md): templates, variable files and YAML texts with what real Ansible
and real kubectl make of them. `cargo test --test parity` compares; `make parity` makes the results anew. Of {} cases here

| state | means | cases |
|---|---|---|
| same | the same text, the same value with its type, the same objects, or an error in both | {} |
| refused | Ansible or kubectl take it, this library says by name that it does not | {} |
| different | neither; there should be none | {} |

Filters and tests can be called by their short names where Ansible knows these, and by their full names
(`ansible.builtin.combine`). Names in *italics* need the full name, as in Ansible.

What depends on the machine in Ansible depends on the one that renders here: `strftime` without `utc=true` gives local time, that
of `TZ` or `/etc/localtime`.
",
        cases.len(),
        count(State::Same),
        count(State::Refused),
        count(State::Different),
    );
    let uses = Uses::of(cases);
    plugins(
        &mut page,
        "Filters",
        &names["filters"],
        &uses.filters,
        |name| format!("{{{{ 1 | {name} }}}}"),
    );
    plugins(&mut page, "Tests", &names["tests"], &uses.tests, |name| {
        format!("{{{{ 1 is {name} }}}}")
    });
    functions(&mut page, &names["functions"], &uses);
    lookups(&mut page, &names["lookups"], &uses);
    statements(&mut page, &uses);
    rules(&mut page, cases, families);
    page
}

/// The cases that use a name.
type Users<'a> = BTreeMap<String, Vec<&'a Shown>>;

struct Uses<'a> {
    filters: Users<'a>,
    tests: Users<'a>,
    statements: Users<'a>,
    functions: Users<'a>,
    lookups: Users<'a>,
}

impl<'a> Uses<'a> {
    fn of(cases: &'a [Shown]) -> Self {
        static FILTER: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r#"(?:\||\bfilter\b)\s*([a-z_][\w.]*)|\bmap\(\s*['"]([\w.]+)['"]"#).unwrap()
        });
        static TEST: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(
                r#"\bis\s+(?:not\s+)?([a-z_][\w.]*)|\b(?:select|reject)\(\s*['"]([\w.]+)['"]|attr\(\s*['"][^'"]*['"],\s*['"]([\w.]+)['"]"#,
            )
            .unwrap()
        });
        static STATEMENT: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"\{%[-+]?\s*([a-z]+)").unwrap());
        static FUNCTION: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"\b([a-z_]+)\(|\b(omit)\b").unwrap());
        static LOOKUP: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"\b(?:lookup|query|q)\('(?:ansible\.builtin\.)?([\w.]+)'").unwrap()
        });
        let found = |expression: &Regex| {
            let mut users = Users::new();
            for case in cases
                .iter()
                .filter(|case| !case.family.starts_with("yaml/"))
            {
                let names: BTreeSet<&str> = expression
                    .captures_iter(&case.source)
                    .filter_map(|found| found.iter().skip(1).flatten().next())
                    .map(|name| name.as_str())
                    .collect();
                for name in names {
                    users.entry(name.to_owned()).or_default().push(case);
                }
            }
            users
        };
        Self {
            filters: found(&FILTER),
            tests: found(&TEST),
            statements: found(&STATEMENT),
            functions: found(&FUNCTION),
            lookups: found(&LOOKUP),
        }
    }
}

/// A table for each collection.
fn plugins(
    page: &mut String,
    title: &str,
    names: &Json,
    users: &Users,
    call: impl Fn(&str) -> String,
) {
    writeln!(page, "\n## {title}").unwrap();
    let names = names.as_object().expect("full names");
    let collection = |full: &str| full.rsplit_once('.').expect("a full name").0.to_owned();
    for wanted in [
        "jinja",
        "ansible.builtin",
        "ansible.utils",
        "community.general",
    ] {
        let title = match wanted {
            "jinja" => "Jinja2's own",
            other => other,
        };
        writeln!(
            page,
            "\n### {title}\n\n| name | state | cases | what is refused |\n|---|---|---|---|"
        )
        .unwrap();
        for (full, short) in names.iter().filter(|(full, _)| collection(full) == wanted) {
            let name = full.rsplit('.').next().unwrap_or(full);
            let short = short.as_bool().unwrap_or_default();
            let called: Vec<&str> = match (wanted, short) {
                ("jinja", _) => vec![name],
                (_, true) => vec![name, full],
                (_, false) => vec![full],
            };
            let cases = of(users, &called);
            let shown = if short {
                format!("`{name}`")
            } else {
                format!("*`{name}`*")
            };
            let (state, refused) = match why_not(&call(called[called.len() - 1])) {
                Some(reason) => ("refused", reason),
                None => (state(&cases), reasons(&cases)),
            };
            writeln!(page, "| {shown} | {state} | {} | {refused} |", cases.len()).unwrap();
        }
    }
}

/// The cases that use one of the names, without those that are refused for something else.
fn of<'a>(users: &Users<'a>, names: &[&str]) -> Vec<&'a Shown> {
    let mut cases: Vec<&Shown> = Vec::new();
    for name in names {
        for case in users.get(*name).into_iter().flatten() {
            let concerns = case.state != State::Refused || case.reason.contains(name);
            if concerns && !cases.iter().any(|known| std::ptr::eq(*known, *case)) {
                cases.push(case);
            }
        }
    }
    cases
}

/// Why a call of a filter or test is refused, whatever it is called with.
fn why_not(template: &str) -> Option<String> {
    let problem = render(template, &Resolved::default()).err()?;
    let refused =
        problem.message().contains("is refused: ") || problem.message().contains("' is unknown");
    refused.then(|| {
        let reason = problem
            .message()
            .split_once("is refused: ")
            .map(|(_, reason)| reason);
        cell(reason.unwrap_or("not there"))
    })
}

fn state(cases: &[&Shown]) -> &'static str {
    let worst = cases.iter().map(|case| case.state).max();
    match worst {
        None => "there, no case",
        Some(State::Same) => "same",
        Some(State::Refused) if cases.iter().all(|case| case.state == State::Refused) => "refused",
        Some(State::Refused) => "same, in part refused",
        Some(State::Different) => "**different**",
    }
}

/// What is refused, each reason once.
fn reasons(cases: &[&Shown]) -> String {
    let refused = cases.iter().filter(|case| case.state == State::Refused);
    let reasons: BTreeSet<&str> = refused.map(|case| case.reason.as_str()).collect();
    cell(&reasons.into_iter().collect::<Vec<_>>().join("<br>"))
}

fn functions(page: &mut String, names: &Json, uses: &Uses) {
    writeln!(
        page,
        "\n## Functions and names\n\n| name | state | cases | why |\n|---|---|---|---|"
    )
    .unwrap();
    for name in names
        .as_array()
        .expect("names")
        .iter()
        .filter_map(Json::as_str)
    {
        let cases = of(&uses.functions, &[name]);
        let controller = cases.iter().find(|case| {
            case.family == "jinja/controller"
                && case.source.contains(&format!("{name}("))
                && !matches!(name, "lookup" | "q" | "query")
        });
        let (state, why) = match controller {
            Some(case) => ("refused", cell(&case.reason)),
            None => (state(&cases), reasons(&cases)),
        };
        writeln!(page, "| `{name}` | {state} | {} | {why} |", cases.len()).unwrap();
    }
}

fn lookups(page: &mut String, names: &Json, uses: &Uses) {
    writeln!(
        page,
        "\n## Lookups\n\nBy `lookup`, `query` and `q`. `vars` and `hostvars[inventory_hostname]` give single variables by their names, too;\nthe latter as Ansible has what the inventory or `--extra-vars` sets.\n\n| name | state | cases | what is refused |\n|---|---|---|---|"
    )
    .unwrap();
    for name in names
        .as_array()
        .expect("names")
        .iter()
        .filter_map(Json::as_str)
    {
        let cases = uses.lookups.get(name).map_or(&[][..], Vec::as_slice);
        let (state, why) = match why_not(&format!("{{{{ lookup('{name}') }}}}")) {
            Some(why) => ("refused", why),
            None => (state(cases), reasons(cases)),
        };
        writeln!(page, "| `{name}` | {state} | {} | {why} |", cases.len()).unwrap();
    }
}

fn statements(page: &mut String, uses: &Uses) {
    writeln!(
        page,
        "\n## Statements\n\n| name | state | cases | what is refused |\n|---|---|---|---|"
    )
    .unwrap();
    for name in STATEMENTS {
        let cases = of(&uses.statements, &[name]);
        let state = match name {
            "break" | "continue" | "debug" | "do" => "an error, as in Ansible",
            _ => state(&cases),
        };
        writeln!(
            page,
            "| `{name}` | {state} | {} | {} |",
            cases.len(),
            reasons(&cases)
        )
        .unwrap();
    }
}

/// Family by family: what it is about, and its sentences.
fn rules(page: &mut String, cases: &[Shown], families: &Families) {
    writeln!(
        page,
        "\n## Rules\n\nEach family of cases, its sentences, and all that is refused in it."
    )
    .unwrap();
    for (family, about) in families {
        let own: Vec<&Shown> = cases.iter().filter(|case| case.family == *family).collect();
        let count = |state| own.iter().filter(|case| case.state == state).count();
        let (same, refused, different) = (
            count(State::Same),
            count(State::Refused),
            count(State::Different),
        );
        let place = match family.as_str() {
            "templates" => "templates".to_owned(),
            family => format!("cases/{family}.cases"),
        };
        writeln!(page, "\n### [{family}](tests/parity/{place})\n\n{about}").unwrap();
        writeln!(
            page,
            "\n{same} same, {refused} refused, {different} different."
        )
        .unwrap();
        for case in own.iter().filter(|case| case.state != State::Same) {
            let state = if case.state == State::Different {
                "**different**"
            } else {
                "refused"
            };
            write!(page, "\n- {state}: {}", code(&case.name)).unwrap();
            if !case.reason.is_empty() {
                write!(page, " — {}", case.reason).unwrap();
            }
        }
        if own.iter().any(|case| case.state != State::Same) {
            page.push('\n');
        }
        let sentences: Vec<String> = own
            .iter()
            .filter(|case| case.named && case.state == State::Same)
            .map(|case| case.name.replace('<', "&lt;"))
            .collect();
        if !sentences.is_empty() {
            writeln!(
                page,
                "\n<details><summary>The same in both</summary>\n\n{}.\n\n</details>",
                sentences.join("; ")
            )
            .unwrap();
        }
    }
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Text that stands as it is, whatever signs are in it.
fn code(text: &str) -> String {
    let fence = if text.contains('`') { "``" } else { "`" };
    let room = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{room}{text}{room}{fence}")
}
