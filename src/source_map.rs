//! A rendered manifest beside its template: shows where a problem of the rendered text comes from.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use similar::{Algorithm, DiffOp, capture_diff_slices};
use yaml_dialects::Limits;
use yaml_dialects::kubectl::{self, Places};

use crate::dependence::Dependent;
use crate::excerpt::{Excerpt, TextOf};
use crate::problem::Problem;
use crate::redact::{HIDDEN, Redactor};
use crate::sentence;

/// How Helm notes which file made what comes next.
pub const SOURCE: &str = "# Source: ";

/// The two texts. Shows no secret: neither the values of secret variables nor what a line makes of them.
#[derive(Clone, Default)]
pub struct SourceMap {
    template: String,
    rendered: String,
    /// Whether a tool made it of an archive: no line of a template belongs to one of its own.
    is_of_tool: bool,
    /// Whether that was a Helm chart.
    is_of_chart: bool,
    redactor: Redactor,
    /// What differs between the two, found when it is first asked for.
    changes: OnceLock<Vec<DiffOp>>,
    /// Where the fields of each document stand, found when it is first asked for.
    places: OnceLock<BTreeMap<u32, Places>>,
    /// What is rendered with stand-ins for all secrets.
    with_stand_ins: Option<String>,
    /// What of each document depends on a secret.
    dependent: BTreeMap<u32, Dependent>,
}

impl SourceMap {
    /// `rendered` was made of `template`. The redactor knows the secrets that it was made of.
    pub fn new(template: &str, rendered: &str, redactor: &Redactor) -> Self {
        Self {
            template: template.to_owned(),
            rendered: rendered.to_owned(),
            is_of_tool: false,
            is_of_chart: false,
            redactor: redactor.clone(),
            changes: OnceLock::new(),
            places: OnceLock::new(),
            with_stand_ins: None,
            dependent: BTreeMap::new(),
        }
    }

    /// What a tool made of an archive, with a Helm chart or something else.
    pub fn of_tool(made: &str, is_of_chart: bool, redactor: &Redactor) -> Self {
        Self {
            is_of_tool: true,
            is_of_chart,
            ..Self::new("", made, redactor)
        }
    }

    /// Whether it was made of a Helm chart.
    pub fn is_of_chart(&self) -> bool {
        self.is_of_chart
    }

    /// Says what is rendered with stand-ins for all secrets.
    pub fn beside(self, with_stand_ins: &str) -> Self {
        Self {
            with_stand_ins: Some(with_stand_ins.to_owned()),
            ..self
        }
    }

    /// Says what of each document depends on a secret.
    pub fn knowing(self, dependent: BTreeMap<u32, Dependent>) -> Self {
        Self { dependent, ..self }
    }

    /// What of a document depends on a secret.
    pub fn dependent(&self, document: u32) -> &Dependent {
        self.dependent.get(&document).unwrap_or(&Dependent::Nothing)
    }

    /// Line and column, in the rendered text, of a field of a document, or of its nearest parent that stands there.
    pub fn place(&self, document: u32, field: &str) -> Option<(u32, u32)> {
        let places = self
            .places
            .get_or_init(|| kubectl::places(&self.rendered, &Limits::default()));
        let places = places.get(&document)?;
        let mut path = field;
        loop {
            if let Some(place) = places.get(path) {
                return Some(*place);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }

    /// Says of a problem at a place of the rendered text where the template makes it, and shows both lines. The column
    /// stays where both are the same. `length` counts characters; `None` is the rest of the line.
    pub fn locate(&self, problem: Problem, line: u32, column: u32, length: Option<u32>) -> Problem {
        let length = length.unwrap_or_else(|| {
            let text = self.rendered.split('\n').nth(line as usize - 1);
            let rest = text.map_or(0, |text| text.trim_end().chars().count());
            (rest as u32 + 1).saturating_sub(column).max(1)
        });
        let rendered = Excerpt::line(TextOf::Rendered, &self.rendered, line, column, length);
        if self.is_of_tool {
            let rendered = rendered.map(|found| match self.differs(line as usize) {
                true => between("", found),
                false => found.masked(|text| self.redactor.text(text)),
            });
            let file = self.file_of(line as usize);
            return problem.with(rendered.map(|found| match file {
                Some(file) => found.label(sentence!("made by {file}", file)),
                None => found,
            }));
        }
        if self.template.is_empty() {
            return Problem {
                line: Some(line),
                column: Some(column),
                ..problem
            };
        }
        let origin = self.origin(line as usize);
        if origin.same {
            return Problem {
                line: Some(origin.line),
                column: Some(column),
                ..problem
            }
            .with(Excerpt::line(
                TextOf::Template,
                &self.template,
                origin.line,
                column,
                length,
            ));
        }
        let template = self
            .template
            .split('\n')
            .nth(origin.line as usize - 1)
            .unwrap_or_default();
        let is_secret = self.differs(line as usize) || self.tainted(origin.made_of);
        let rendered = rendered.map(|found| match is_secret {
            true => between(template, found),
            false => found.masked(|text| self.redactor.text(text)),
        });
        let start = template
            .chars()
            .take_while(|next| next.is_whitespace())
            .count() as u32;
        let whole = template.trim().chars().count() as u32;
        let template = Excerpt::line(
            TextOf::Template,
            &self.template,
            origin.line,
            start + 1,
            whole,
        );
        Problem {
            line: Some(origin.line),
            column: None,
            ..problem
        }
        .with(rendered)
        .with(template.map(|template| template.label(sentence!("rendered from this line"))))
    }

    /// The chart's file that made a line, from 1, as Helm notes it above.
    fn file_of(&self, line: usize) -> Option<&str> {
        let mut file = None;
        for text in self.rendered.split('\n').take(line) {
            file = text.strip_prefix(SOURCE).or(file);
        }
        file
    }

    /// The template's line for one of the rendered text, both from 1.
    fn origin(&self, line: usize) -> Origin {
        let old: Vec<&str> = self.template.lines().collect();
        let new: Vec<&str> = self.rendered.lines().collect();
        let index = line.saturating_sub(1);
        let found = self
            .changes
            .get_or_init(|| capture_diff_slices(Algorithm::Patience, &old, &new))
            .iter()
            .find(|op| op.new_range().contains(&index));
        let number = |index: usize| u32::try_from(index.min(old.len().max(1) - 1) + 1).unwrap_or(1);
        let Some(op) = found else {
            return Origin {
                line: number(index),
                same: false,
                made_of: 0..old.len(),
            };
        };
        let (before, after) = (op.old_range(), op.new_range());
        let aligned = (index - after.start).min(before.len().saturating_sub(1)) + before.start;
        // Of lines that were changed together the one that begins most alike, and of these the one in its place.
        let likeness = |candidate: &usize| {
            let far = candidate.abs_diff(aligned);
            (
                beginning(old[*candidate], new[index]).trim().len(),
                std::cmp::Reverse(far),
            )
        };
        let line = match op {
            DiffOp::Replace { .. } => before.clone().max_by_key(likeness).unwrap_or(aligned),
            _ => aligned,
        };
        Origin {
            line: number(line),
            same: matches!(op, DiffOp::Equal { .. }),
            made_of: before.start.saturating_sub(1)..before.end + 1,
        }
    }

    /// Whether a line of the rendered text, from 1, is another one with stand-ins for all secrets.
    fn differs(&self, line: usize) -> bool {
        let Some(other) = &self.with_stand_ins else {
            return false;
        };
        let line = self.rendered.split('\n').nth(line.saturating_sub(1));
        match self.rendered.matches('\n').count() == other.matches('\n').count() {
            true => {
                let mut pairs = self.rendered.split('\n').zip(other.split('\n'));
                pairs.any(|(one, other)| Some(one) == line && one != other)
            }
            false => !other.split('\n').any(|other| Some(other) == line),
        }
    }

    /// Whether any of the template's lines uses a secret variable, or what is made of one.
    fn tainted(&self, lines: Range<usize>) -> bool {
        let mut secret: HashSet<&str> = words(&self.template)
            .filter(|word| self.redactor.hides_variable(word))
            .collect();
        if secret.is_empty() {
            return false;
        }
        // What a statement sets from a secret is one, too.
        let statements: Vec<&str> = self.template.split("{%").skip(1).collect();
        loop {
            let known = secret.len();
            for statement in &statements {
                let inner = statement.split("%}").next().unwrap_or_default();
                if words(inner).any(|word| secret.contains(word)) {
                    secret.extend(words(inner).filter(|word| !KEYWORDS.contains(word)));
                }
            }
            if secret.len() == known {
                break;
            }
        }
        let mut of_lines = self.template.lines().skip(lines.start).take(lines.len());
        of_lines.any(|line| words(line).any(|word| secret.contains(word)))
    }
}

/// Where a line of the rendered text comes from.
struct Origin {
    line: u32,
    same: bool,
    /// The lines of the template of which one made it, from 0.
    made_of: Range<usize>,
}

const KEYWORDS: [&str; 10] = [
    "for", "in", "if", "set", "with", "macro", "call", "filter", "not", "is",
];

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|next: char| !(next.is_alphanumeric() || next == '_'))
        .filter(|word| !word.is_empty())
}

/// What two lines have in common at their beginning, up to a tag.
fn beginning<'a>(template: &str, rendered: &'a str) -> &'a str {
    let both = template.chars().zip(rendered.chars());
    let alike = both.take_while(|(one, other)| one == other && *one != '{');
    &rendered[..alike.map(|(character, _)| character.len_utf8()).sum()]
}

/// A rendered line of which only what its template says itself is left, at its beginning.
fn between(template: &str, rendered: Excerpt) -> Excerpt {
    let start = beginning(template, &rendered.text);
    let column = start.chars().count() as u32 + 1;
    Excerpt {
        text: format!("{start}{HIDDEN}"),
        from: 1,
        column,
        length: HIDDEN.len() as u32,
        ..rendered
    }
}

impl PartialEq for SourceMap {
    fn eq(&self, other: &Self) -> bool {
        (&self.template, &self.rendered) == (&other.template, &other.rendered)
    }
}

impl fmt::Debug for SourceMap {
    /// Without what was rendered, which holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceMap")
            .field("template", &self.template)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ansible::Variables;
    use crate::code::Code;

    fn problem(template: &str, rendered: &str, line: u32) -> Problem {
        let mut variables = Variables::new();
        variables.set_secret("password", "hunter2", "secret", false);
        variables.set("login", "odoo:{{ password }}", "config map");
        let lines = SourceMap::new(template, rendered, variables.resolve().unwrap().redactor());
        lines.locate(Problem::new(Code::Internal, "x"), line, 4, None)
    }

    fn texts(problem: &Problem) -> Vec<(TextOf, u32, &str)> {
        let excerpts = problem.excerpts.iter();
        excerpts
            .map(|one| (one.of, one.line, one.text.as_str()))
            .collect()
    }

    #[test]
    fn a_line_that_is_the_same_in_both_is_shown_once_with_its_column() {
        let template = "{% for n in [1, 2] %}\nb: {{ n }}\n{% endfor %}\nc: [\n";
        let found = problem(template, "b: 1\nb: 2\nc: [\n", 3);
        assert_eq!((found.line, found.column), (Some(4), Some(4)));
        assert_eq!(texts(&found), [(TextOf::Template, 4, "c: [")]);
    }

    #[test]
    fn a_line_that_was_made_is_shown_beside_the_one_that_made_it() {
        let found = problem("a: 1\nb: {{ n }}\nc: 2\n", "a: 1\nb: x: y\nc: 2\n", 2);
        assert_eq!((found.line, found.column), (Some(2), None));
        assert_eq!(
            texts(&found),
            [
                (TextOf::Rendered, 2, "b: x: y"),
                (TextOf::Template, 2, "b: {{ n }}")
            ]
        );
    }

    #[test]
    fn what_a_secret_became_is_shown_nowhere() {
        for (template, rendered) in [
            ("a: \"{{ password | upper }}\"\n", "a: \"HUNTER2\"\n"),
            ("a: {{ login | b64encode }}!\n", "a: b2RvbzpodW50ZXIy!\n"),
            (
                "{% for part in password %}\na: {{ part }}\n{% endfor %}\n",
                "a: h\na: u\na: n\n",
            ),
            (
                "{% set key = password | reverse %}\na: {{ key }}\n",
                "a: 2retnuh\n",
            ),
        ] {
            let found = problem(template, rendered, 1);
            let shown = format!("{found:?} {}", found.drawn(80, false));
            for part in ["HUNTER2", "b2Rvb", "2retnuh", "a: h"] {
                assert!(!shown.contains(part), "{shown}");
            }
            assert!(found.excerpts[0].text.starts_with("a: "), "{shown}");
            assert!(found.excerpts[0].text.contains("***"), "{shown}");
        }
    }
}
