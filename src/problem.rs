//! What went wrong, where, and the way out: the one form in which errors reach people.
//!
//! Each room has its own error type; at the room's door it becomes a [`Problem`], which goes unchanged into the
//! contract (`error` of a job's outcome), the log and the terminal.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A failure as an operator reads it. Members that do not apply are `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// A stable word for programs, in snake case: `manifest_fetch`, `template_render`, `apply_refused`, …
    pub code: String,
    /// What is wrong, in one or two sentences. Never holds a secret.
    pub message: String,
    /// The way out: what to do about it.
    pub hint: Option<String>,
    /// Title of the manifest concerned.
    pub manifest: Option<String>,
    /// Where that manifest came from.
    pub url: Option<String>,
    /// Number of the YAML document within the manifest, from 1.
    pub document: Option<u32>,
    /// Line in the manifest (template) or, for a parse error, in its rendered text, from 1.
    pub line: Option<u32>,
    /// Column in that line, from 1.
    pub column: Option<u32>,
    /// The object concerned, as `Kind/name`.
    pub object: Option<String>,
    /// Path of the field within the object, as the API server writes it (`spec.replicas`).
    pub field: Option<String>,
    /// Whether trying again later may help without anybody changing anything.
    pub retry: bool,
}

impl Problem {
    /// A problem that stays until somebody changes something.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            ..Self::default()
        }
    }

    /// A problem that may pass by itself: a network, a server that is restarting.
    pub fn transient(code: &str, message: impl Into<String>) -> Self {
        Self {
            retry: true,
            ..Self::new(code, message)
        }
    }

    /// Adds the way out.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says in which manifest it happened.
    pub fn in_manifest(mut self, title: &str, url: &str) -> Self {
        self.manifest = Some(title.to_owned());
        self.url = Some(url.to_owned());
        self
    }
}

impl fmt::Display for Problem {
    /// One line for the place and what is wrong, one for the way out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(manifest) = &self.manifest {
            write!(f, "{manifest}")?;
            if let Some(url) = self.url.as_ref().filter(|url| *url != manifest) {
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
        if let Some(field) = &self.field {
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
    use super::Problem;

    #[test]
    fn a_problem_says_where_what_and_the_way_out() {
        let problem = Problem {
            line: Some(12),
            column: Some(17),
            ..Problem::new("template_render", "'odoo_imagee' is undefined")
                .in_manifest("Odoo", "https://example.com/odoo.yml")
                .hint("Did you mean 'odoo_image'?")
        };
        assert_eq!(
            problem.to_string(),
            "Odoo (https://example.com/odoo.yml), line 12, column 17: 'odoo_imagee' is undefined\n  Did you mean 'odoo_image'?"
        );
    }
}
