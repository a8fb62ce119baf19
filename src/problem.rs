//! What went wrong, where, and the way out: the one form in which errors reach people.
//!
//! Each room has its own error type; at the room's door it becomes a [`Problem`], which goes unchanged into the
//! contract (`error` of a job's outcome), the log and the terminal.

use std::borrow::Cow;
use std::fmt;

use annotate_snippets::{Annotation, AnnotationKind, Element, Level, Origin, Renderer, Snippet};

use serde::{Deserialize, Serialize};

use crate::code::{Code, Retry};
use crate::excerpt::{Excerpt, TextOf};
use crate::sentence;
use crate::sentence::Sentence;

/// More lines than this are not shown.
const MOST_EXCERPTS: usize = 50;

/// A failure as an operator reads it. Members that do not apply are `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Problem {
    /// A stable word for programs, in snake case: `manifest_fetch`, `template_render`, `apply_refused`, …
    pub code: Code,
    /// What is wrong, in one or two sentences. Never holds a secret.
    #[serde(flatten, with = "sentence::as_message")]
    #[cfg_attr(test, schemars(with = "sentence::Message"))]
    pub message: Sentence,
    /// The way out: what to do about it.
    #[serde(flatten, with = "sentence::as_hint")]
    #[cfg_attr(test, schemars(with = "sentence::Hint"))]
    pub hint: Option<Sentence>,
    /// Title of the manifest concerned.
    pub manifest: Option<String>,
    /// Where that manifest came from.
    pub url: Option<String>,
    /// Number of the YAML document within the manifest, from 1.
    pub document: Option<u32>,
    /// Line in the manifest (the template), from 1.
    pub line: Option<u32>,
    /// Column in that line, from 1; `None` where no single place in it is meant.
    pub column: Option<u32>,
    /// The object concerned, as `Kind/name`.
    pub object: Option<String>,
    /// Path of the field within the object, as the API server writes it (`spec.replicas`).
    pub field: Option<String>,
    /// Whether trying again later may help without anybody changing anything.
    pub retry: bool,
    /// The lines it speaks of, the most important one first.
    pub excerpts: Vec<Excerpt>,
    /// Whether it was made without any secret. Then it is told as it is: what is hidden in a text that anybody could have
    /// written tells that it is a secret.
    #[serde(skip)]
    pub is_free_of_secrets: bool,
}

impl Problem {
    /// A problem of this code. Where the code leaves open whether it may pass by itself, it stays until somebody changes
    /// something.
    pub fn new(code: Code, message: impl Into<Sentence>) -> Self {
        Self {
            code,
            message: message.into(),
            retry: code.retry() == Retry::Yes,
            ..Self::default()
        }
    }

    /// A problem that may pass by itself, of a code that leaves that open.
    pub fn transient(code: Code, message: impl Into<Sentence>) -> Self {
        Self {
            retry: true,
            ..Self::new(code, message)
        }
    }

    /// Adds the way out.
    pub fn hint(mut self, hint: impl Into<Sentence>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says that it was made without any secret.
    pub fn free_of_secrets(self) -> Self {
        Self {
            is_free_of_secrets: true,
            ..self
        }
    }

    /// Shows the lines it speaks of, each place once.
    pub fn with(mut self, excerpts: impl IntoIterator<Item = Excerpt>) -> Self {
        for excerpt in excerpts {
            if self.excerpts.len() < MOST_EXCERPTS && !self.excerpts.contains(&excerpt) {
                self.excerpts.push(excerpt);
            }
        }
        self
    }

    /// Says in which manifest it happened.
    pub fn in_manifest(mut self, title: &str, url: &str) -> Self {
        self.manifest = Some(title.to_owned());
        self.url = Some(url.to_owned());
        self
    }

    /// All of it for a terminal that is `width` characters wide: what is wrong, the lines with marks, the way out.
    /// `styled` adds colours.
    pub fn drawn(&self, width: usize, styled: bool) -> String {
        let renderer = match styled {
            true => Renderer::styled(),
            false => Renderer::plain(),
        };
        let mut message = self.message.to_string();
        let parts = [self.other_field(), self.object.as_deref()];
        for part in parts.into_iter().flatten() {
            message = format!("{part}: {message}");
        }
        let mut elements = self.places();
        if let Some(document) = self.document.filter(|number| *number > 1) {
            let text = format!("this is document {document} of the manifest");
            elements.push(Level::NOTE.message(text).into());
        }
        if let Some(hint) = &self.hint {
            elements.push(Level::HELP.message(hint.as_str()).into());
        }
        let group = Level::ERROR.primary_title(message).elements(elements);
        renderer.term_width(width).render(&[group])
    }

    /// The field, unless the message begins with it.
    fn other_field(&self) -> Option<&str> {
        let field = self.field.as_deref()?;
        let rest = self.message.strip_prefix(field);
        (!rest.is_some_and(|rest| rest.starts_with(':'))).then_some(field)
    }

    /// Where it happened: each line with its marks, or the bare place where no line is known.
    fn places(&self) -> Vec<Element<'_>> {
        if self.excerpts.is_empty() {
            let Some(path) = self.path(None) else {
                return Vec::new();
            };
            let origin = Origin::path(path);
            return vec![match (self.line, self.column) {
                (Some(line), Some(column)) => origin
                    .line(line as usize)
                    .char_column(column as usize)
                    .into(),
                (Some(line), None) => origin.line(line as usize).into(),
                (None, _) => origin.into(),
            }];
        }
        let same_line = |one: &Excerpt, other: &Excerpt| {
            (one.of, &one.name, one.line, one.from)
                == (other.of, &other.name, other.line, other.from)
        };
        let lines = self.excerpts.chunk_by(same_line);
        lines
            .enumerate()
            .map(|(index, marks)| self.line(marks, index == 0))
            .collect()
    }

    /// One line with all of its marks.
    fn line<'a>(&'a self, marks: &'a [Excerpt], is_first: bool) -> Element<'a> {
        let first = &marks[0];
        // What was cut off at the beginning still counts; what is blank there is not shown.
        let cut = first.from.max(1) as usize - 1;
        let marks = marks.iter().enumerate();
        let marks = marks
            .filter(|(_, mark)| mark.length > 0)
            .map(|(index, mark)| {
                let kind = match is_first && index == 0 {
                    true => AnnotationKind::Primary,
                    false => AnnotationKind::Context,
                };
                let marked = mark.marked();
                let label = Some(mark.label.as_str()).filter(|label| !label.is_empty());
                kind.span(cut + marked.start..cut + marked.end).label(label)
            });
        Snippet::<Annotation>::source(format!("{:cut$}{}", "", first.text))
            .line_start(first.line as usize)
            .path(self.path(Some(first)))
            .fold(false)
            .annotations(marks)
            .into()
    }

    /// What a text is called: the manifest with its URL, what was rendered from it, a file, a variable.
    fn path(&self, excerpt: Option<&Excerpt>) -> Option<Cow<'_, str>> {
        let manifest = match (&self.manifest, &self.url) {
            (Some(title), Some(url)) if title != url => Cow::from(format!("{title}, {url}")),
            (Some(name), _) | (None, Some(name)) => Cow::from(name.as_str()),
            (None, None) => Cow::default(),
        };
        match excerpt {
            Some(Excerpt {
                name: Some(name), ..
            }) => Some(Cow::from(name.clone())),
            Some(Excerpt {
                of: TextOf::Rendered,
                ..
            }) => Some(format!("{manifest}, as rendered").into()),
            _ => Some(manifest).filter(|manifest| !manifest.is_empty()),
        }
    }
}

impl fmt::Display for Problem {
    /// One line for the place and what is wrong, one for the way out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(manifest) = &self.manifest {
            write!(f, "{manifest}")?;
            let told = |url: &str| url == manifest || self.message.starts_with(url);
            if let Some(url) = self.url.as_ref().filter(|url| !told(url)) {
                write!(f, " ({url})")?;
            }
            if let Some(document) = self.document {
                write!(f, ", document {document}")?;
            }
            if let Some(line) = self.line {
                write!(f, ", line {line}")?;
            }
            if let Some(column) = self.column {
                write!(f, ", column {column}")?;
            }
            write!(f, ": ")?;
        }
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        if let Some(field) = self.other_field() {
            write!(f, "{field}: ")?;
        }
        write!(f, "{}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(text: &str, column: u32, length: u32) -> Problem {
        let excerpt = Excerpt::line(TextOf::Template, text, 1, column, length).unwrap();
        Problem {
            line: Some(1),
            column: Some(column),
            excerpts: vec![excerpt],
            ..Problem::new(Code::TemplateRender, "'größe' is undefined.")
                .in_manifest("Odoo", "https://example.com/odoo.yml")
                .hint("Did you mean 'groesse'?")
        }
    }

    #[test]
    fn a_terminal_shows_the_line_with_what_is_meant_underlined() {
        assert_eq!(
            located("\tサイズ: {{ größe }}", 10, 5).drawn(80, false),
            "error: 'größe' is undefined.
 --> Odoo, https://example.com/odoo.yml:1:10
  |
1 |     サイズ: {{ größe }}
  |                ^^^^^
  |
  = help: Did you mean 'groesse'?"
        );
    }

    #[test]
    fn a_narrow_terminal_shows_the_part_of_a_long_line_that_is_meant() {
        let text = format!("a: {}{{{{ größe }}}}{}", "x".repeat(100), "y".repeat(100));
        let drawn = located(&text, 107, 5).drawn(40, false);
        assert!(drawn.contains("größe"), "{drawn}");
        let lines = drawn.lines().filter(|line| line.contains(" | "));
        assert!(lines.map(str::len).all(|length| length < 60), "{drawn}");
    }

    #[test]
    fn a_problem_says_where_what_and_the_way_out() {
        let problem = Problem {
            line: Some(12),
            column: Some(17),
            ..Problem::new(Code::TemplateRender, "'odoo_imagee' is undefined")
                .in_manifest("Odoo", "https://example.com/odoo.yml")
                .hint("Did you mean 'odoo_image'?")
        };
        assert_eq!(
            problem.to_string(),
            "Odoo (https://example.com/odoo.yml), line 12, column 17: 'odoo_imagee' is undefined\n  Did you mean 'odoo_image'?"
        );
    }
}
