//! Ansible's templating ([`ansible_jinja`]) as the worker uses it: what goes wrong is a [`Problem`], in words for an app's
//! operator, and in it secrets are hidden.

use std::fmt;

use ansible_jinja::{Advice, Error, ErrorKind, Label, Snippet, UndefinedNames};
use serde_json::Value as Json;
use yaml_dialects::Data;

pub use ansible_jinja::{Files, Rendered, StandInSet as Set, Variable, Written, texts, vault};

use crate::code::Code;
use crate::excerpt::{Excerpt, TextOf};
use crate::problem::Problem;
use crate::redact::Redactor;
use crate::sentence;
use crate::sentence::Sentence;

/// Variables by name, in order. Of two with one name the later wins.
#[derive(Clone, Debug, Default)]
pub struct Variables(ansible_jinja::Variables);

impl Variables {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// No variables. What is encrypted in those to come is opened by this vault.
    pub fn opened_by(vault: &vault::Vault) -> Self {
        Self(ansible_jinja::Variables::opened_by(vault))
    }

    /// Reads a `vars.yml` as Ansible does. `origin` names it for people.
    pub fn read(text: &str, origin: &str) -> Result<Self, Problem> {
        let mut variables = Self::new();
        variables.load(text, origin)?;
        Ok(variables)
    }

    /// Reads a `vars.yml` as Ansible does, also one that is encrypted as a whole: then all that it holds is secret. Its
    /// variables win. `origin` names it for people.
    pub fn load(&mut self, text: &str, origin: &str) -> Result<(), Problem> {
        self.load_some(text, origin).map(drop)
    }

    /// The same, and says whether a mapping stands there, be it an empty one.
    pub fn load_some(&mut self, text: &str, origin: &str) -> Result<bool, Problem> {
        self.0.load_some(text, origin).map_err(|error| {
            let problem = match error.kind() {
                ErrorKind::Encrypted => Problem::new(Code::Vault, error.message()),
                _ => Problem::new(Code::Variables, error.message()),
            };
            explained(problem, &error).in_manifest(origin, origin)
        })
    }

    /// Sets a variable that anybody may see. Texts in its value may be templates.
    pub fn set(&mut self, name: &str, value: impl Into<Data>, origin: &str) {
        self.0.set(name, value, origin);
    }

    /// Sets a variable that must not appear in messages; its value may be a template unless it is `literal`.
    pub fn set_secret(&mut self, name: &str, value: impl Into<Data>, origin: &str, literal: bool) {
        self.0.set_secret(name, value, origin, literal);
    }

    /// Sets a variable, in place of an earlier one of this name.
    pub fn insert(&mut self, name: &str, variable: Variable) {
        self.0.insert(name, variable);
    }

    /// Adds all of the others, which win.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Finds a variable as it was given.
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.0.get(name)
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Variable)> {
        self.0.iter()
    }

    /// Whether any of them must not appear in messages.
    pub fn hold_secrets(&self) -> bool {
        self.0.hold_secrets()
    }

    /// The same with the stand-ins of one set for all that must not appear in messages, also for what is encrypted.
    pub fn with_stand_ins(&self, set: Set) -> Self {
        Self(self.0.with_stand_ins(set))
    }

    /// Makes them ready for templates. All secrets that can be told are hidden in problems from here on.
    pub fn resolve(&self) -> Result<Resolved, Problem> {
        let variables = self.0.resolve();
        let names = variables.secret_names().into_iter().map(str::to_owned);
        let redactor = Redactor::new(variables.secrets()).knowing(names.collect());
        Ok(Resolved {
            variables,
            redactor,
        })
    }
}

/// Variables ready for templates, and what must not be shown of them.
#[derive(Clone, Default)]
pub struct Resolved {
    variables: ansible_jinja::Resolved,
    redactor: Redactor,
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.variables.fmt(f)
    }
}

impl Resolved {
    /// The value of a variable, if it has one and JSON can hold it.
    pub fn get(&self, name: &str) -> Option<Json> {
        self.variables.get(name)
    }

    /// The value of a variable with its type, or why it has none.
    pub fn value(&self, name: &str) -> Result<Data, Problem> {
        let value = self.variables.value(name);
        value.map_err(|error| self.mask_problem(of_rendering(&error)))
    }

    /// A variable as it was given.
    pub fn given(&self, name: &str) -> Option<&Variable> {
        self.variables.given(name)
    }

    /// The variables that the value of a variable is made of, in the order in which it mentions them.
    pub fn needs(&self, name: &str) -> Vec<String> {
        self.variables.needs(name)
    }

    /// Whether a variable must not appear in messages: it is a secret, or something in it is encrypted.
    pub fn is_secret(&self, name: &str) -> bool {
        self.variables.is_secret(name)
    }

    /// The names of all variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.names()
    }

    /// Hides the values of secret variables.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// A text with the values of secret variables blackened.
    pub fn mask(&self, text: &str) -> String {
        self.redactor.text(text)
    }

    /// A problem with the values of secret variables blackened.
    pub fn mask_problem(&self, problem: Problem) -> Problem {
        self.redactor.problem(problem)
    }
}

/// Why a template has no text.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// It needs a file of this name, and nobody looked for it yet: `templates/NAME` in the template's folder, then `NAME`.
    Needs(String),
    Problem(Box<Problem>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needs(name) => write!(f, "The file `{name}` is needed."),
            Self::Problem(problem) => problem.fmt(f),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

/// Renders a template that needs no other files. `title` and `url` say in problems which template it is.
pub fn render(
    title: &str,
    url: &str,
    text: &str,
    variables: &Resolved,
) -> Result<Rendered, Problem> {
    ansible_jinja::render(text, &variables.variables)
        .map_err(|error| of_template(title, url, &error, variables))
}

/// Renders a template that may use files. It ends as soon as it needs one that nobody looked for yet.
pub fn render_with(
    title: &str,
    url: &str,
    text: &str,
    variables: &Resolved,
    files: &Files,
) -> Result<Rendered, Failure> {
    ansible_jinja::render_with(text, &variables.variables, files).map_err(|error| {
        match error.kind() {
            ErrorKind::NeedsFile(name) => Failure::Needs(name.clone()),
            _ => of_template(title, url, &error, variables).into(),
        }
    })
}

/// The names of the variables that a template and its files mention, sorted. `title` and `url` say in problems which
/// template it is.
pub fn mentioned(
    title: &str,
    url: &str,
    text: &str,
    files: &Files,
) -> Result<Vec<String>, Problem> {
    ansible_jinja::mentioned(text, files)
        .map_err(|error| of_template(title, url, &error, &Resolved::default()))
}

/// Makes sure that all files were looked for that a template names as text, and that those name in turn. Fails with the
/// first one that was not.
pub fn all_named(text: &str, files: &Files) -> Result<(), Failure> {
    match ansible_jinja::next_named(text, files) {
        Some(name) => Err(Failure::Needs(name)),
        None => Ok(()),
    }
}

/// Where a template uses a file of which a secret decides the name, or whether it is used: the line of the template, if
/// it is the template itself that does.
pub fn decides_file(text: &str, files: &Files, variables: &Resolved) -> Option<Option<u32>> {
    ansible_jinja::decides_file(text, files, &variables.variables)
}

/// Reads the text of a value of type `yaml`: number, boolean, list, mapping, … `name` and `origin` say whose it is.
pub fn read_value(name: &str, text: &str, origin: &str) -> Result<Data, Problem> {
    ansible_jinja::read_value(name, text, origin).map_err(|error| {
        explained(Problem::new(Code::Variables, error.message()), &error)
            .hint(sentence!("Correct the value, or make its type `string`."))
    })
}

/// The problem of what stays closed, a subject such as "The file".
pub fn of_closed(what: &str, closed: &vault::Closed) -> Problem {
    let error = closed.error(what);
    explained(Problem::new(Code::Vault, error.message()), &error)
}

fn of_template(title: &str, url: &str, error: &Error, variables: &Resolved) -> Problem {
    variables.mask_problem(of_rendering(error).in_manifest(title, url))
}

fn of_rendering(error: &Error) -> Problem {
    explained(Problem::new(Code::TemplateRender, message(error)), error)
}

/// What is wrong. What is undefined is what operators meet most, and is told in their language.
fn message(error: &Error) -> Sentence {
    match error.undefined() {
        [] => error.message().into(),
        [one] if one.lines.is_empty() => {
            let name = one.names.join("");
            match &one.needed_by {
                None => sentence!("'{name}' is undefined.", name),
                Some(chain) => sentence!("'{name}' is undefined, needed by {chain}.", name, chain),
            }
        }
        several => {
            let number: usize = several.iter().map(|one| one.names.len()).sum();
            let names = Sentence::joined(", ", several.iter().map(undefined));
            sentence!("{number} values are undefined: {names}.", number, names)
        }
    }
}

/// Names that are undefined, with the places that use them.
fn undefined(one: &UndefinedNames) -> Sentence {
    let names: Vec<String> = one.names.iter().map(|name| format!("'{name}'")).collect();
    let names = names.join(", ");
    let lines = one.lines.join(", ");
    let lines = match one.lines.len() {
        1 => sentence!("line {lines}", lines),
        _ => sentence!("lines {lines}", lines),
    };
    match &one.needed_by {
        None => sentence!("{names} ({lines})", names, lines),
        Some(chain) => sentence!(
            "{names} (needed by {chain}, used in {lines})",
            names,
            chain,
            lines
        ),
    }
}

/// A problem with what the error says of its place, the lines it speaks of, and what to do.
fn explained(problem: Problem, error: &Error) -> Problem {
    let advice = error.advice().iter().map(words);
    Problem {
        line: error.line(),
        column: error.column(),
        hint: Some(Sentence::joined(" ", advice)).filter(|hint| !hint.is_empty()),
        ..problem
    }
    .with(error.snippets().iter().map(excerpt))
}

/// What to do, where variables come from an app's config map and secret.
fn words(advice: &Advice) -> Sentence {
    match advice {
        Advice::AddVariable(name) => {
            sentence!(
                "Add the key '{name}' to the app's config map or secret, or correct the manifest.",
                name
            )
        }
        Advice::AddOrCorrect => {
            sentence!("Add the key to the app's config map or correct the manifest.")
        }
        Advice::AddVariables => {
            sentence!(
                "Add the missing keys to the app's config map or secret, or correct the manifest."
            )
        }
        Advice::SetVariable(name) => {
            sentence!(
                "Add the key '{name}' to the app's config map or secret.",
                name
            )
        }
        Advice::UseVariable(what) => sentence!("Put {what} into a config map or secret.", what),
        Advice::VaultPassword(id) => sentence!(
            "Name the file that holds the password of `{id}` in the worker's settings, [vault.password_files], or give `chandlery render` --vault-id {id}@FILE.",
            id
        ),
        Advice::Release(member) => match member.as_str() {
            "Namespace" => sentence!("Write `namespace`."),
            _ => sentence!("Write `app_name`."),
        },
        other => other.to_string().into(),
    }
}

/// What is said at a mark, as people read it.
fn label(label: &Label) -> Sentence {
    match label {
        Label::Uses(file) => sentence!("uses `{file}`", file),
        Label::Needs(name) => sentence!("needs `{name}`", name),
        Label::NeededBy(first, second) => sentence!("`{first}` needs `{second}`", first, second),
        Label::NotSet => sentence!("not set"),
        Label::NotSetButNear(near) => sentence!("not set; did you mean '{near}'?", near),
        Label::NotThere => sentence!("not there"),
        Label::ExpectedBefore => sentence!("expected before this"),
        Label::TagBegins(sign) => sentence!("the tag begins with `{sign}`", sign),
        Label::IsOpen(name) => sentence!("this `{name}` is open", name),
        other => other.to_string().into(),
    }
}

fn excerpt(snippet: &Snippet) -> Excerpt {
    let of = match snippet.of {
        ansible_jinja::TextOf::Value => TextOf::Value,
        _ => TextOf::Template,
    };
    let (text, column) = (&snippet.text, snippet.column);
    Excerpt {
        name: snippet.name.clone(),
        label: snippet.label.as_ref().map(label).unwrap_or_default(),
        ..Excerpt::of_line(of, text, snippet.line, column, snippet.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_undefined_is_told_in_parts_that_another_language_can_put_together() {
        let none = Variables::new().resolve().unwrap();
        let message = |text: &str| render("Web", "web.yml", text, &none).unwrap_err().message;
        assert_eq!(
            message("{{ a }}\n"),
            sentence!("'{name}' is undefined.", name = "a")
        );
        let one = |names: &str, lines: Sentence| sentence!("{names} ({lines})", names, lines);
        let names = Sentence::joined(
            ", ",
            [
                one("'a'", sentence!("lines {lines}", lines = "1, 2")),
                one("'b'", sentence!("line {lines}", lines = "2")),
            ],
        );
        assert_eq!(
            message("{{ a }}\n{{ b }} {{ a }}\n"),
            sentence!("{number} values are undefined: {names}.", number = 2, names)
        );
        let mut variables = Variables::new();
        variables.set("c", "{{ d }}", "vars.yml");
        let needs = variables.resolve().unwrap();
        assert_eq!(
            render("Web", "web.yml", "{{ c }}\n", &needs)
                .unwrap_err()
                .message,
            sentence!(
                "'{name}' is undefined, needed by {chain}.",
                name = "d",
                chain = "`c` (vars.yml)"
            )
        );
    }

    #[test]
    fn what_is_said_at_a_mark_is_a_sentence_too() {
        let labels = [
            (
                Label::Uses("a.yml".into()),
                sentence!("uses `{file}`", file = "a.yml"),
            ),
            (
                Label::Needs("b".into()),
                sentence!("needs `{name}`", name = "b"),
            ),
            (
                Label::NeededBy("a".into(), "b".into()),
                sentence!("`{first}` needs `{second}`", first = "a", second = "b"),
            ),
            (Label::NotSet, sentence!("not set")),
            (
                Label::NotSetButNear("b".into()),
                sentence!("not set; did you mean '{near}'?", near = "b"),
            ),
            (Label::NotThere, sentence!("not there")),
            (Label::ExpectedBefore, sentence!("expected before this")),
            (
                Label::TagBegins("{%"),
                sentence!("the tag begins with `{sign}`", sign = "{%"),
            ),
            (
                Label::IsOpen("if".into()),
                sentence!("this `{name}` is open", name = "if"),
            ),
        ];
        for (said, expected) in labels {
            assert_eq!(label(&said), expected);
            assert_eq!(expected, said.to_string(), "as the library has it");
        }
    }

    #[test]
    fn secrets_are_blackened_in_problems() {
        let mut all = Variables::read(
            "uri: 'postgresql://odoo:{{ password }}@postgres'\n",
            "vars.yml",
        )
        .unwrap();
        all.set_secret("password", "tops3cret", "secret", true);
        all.set_secret("templated", "key-{{ password }}", "secret", false);
        let resolved = all.resolve().unwrap();
        for template in [
            "{{ uri | from_json }}",
            "{{ uri | mandatory | regex_replace('(' ~ password, '') }}",
            "{{ templated.x.y }}",
            "{{ uri | nosuch }}",
        ] {
            let problem = render("t", "t", template, &resolved).unwrap_err();
            assert!(!problem.to_string().contains("tops3cret"), "{problem}");
        }
        assert_eq!(
            resolved.mask("a tops3cret b key-tops3cret dG9wczNjcmV0"),
            "a *** b *** ***"
        );
    }

    #[test]
    fn what_to_do_is_told_in_words_for_an_operator() {
        let variables = Variables::read("odoo_image: x\n", "vars.yml").unwrap();
        let resolved = variables.resolve().unwrap();
        for (template, hint) in [
            (
                "{{ odoo_imagee }}",
                "Did you mean 'odoo_image'? Add the key to the app's config map or correct the manifest.",
            ),
            (
                "{{ nowhere }}",
                "Add the key 'nowhere' to the app's config map or secret, or correct the manifest.",
            ),
            ("{{ now() }}", "Put the time into a config map or secret."),
            ("{{ .Release.Namespace }}", "Write `namespace`."),
        ] {
            let problem = render("Odoo", "u", template, &resolved).unwrap_err();
            assert_eq!(problem.code, Code::TemplateRender);
            assert_eq!(problem.url.as_deref(), Some("u"));
            assert_eq!(problem.hint.as_deref(), Some(hint), "{problem}");
        }
    }
}
