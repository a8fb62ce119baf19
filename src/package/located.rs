//! `package.yml` as it was written: every problem gets its line.

use serde_json::Value;
use yaml_dialects::kubectl::{self, Places};
use yaml_dialects::{Error, Limits};

use crate::code::Code;
use crate::excerpt::{Excerpt, TextOf};
use crate::manifest::sentence;
use crate::problem::Problem;

/// The text of a description, and what stands where.
pub struct Located {
    name: String,
    text: String,
    places: Places,
}

impl Located {
    /// Reads a text that people call `name`; gives what stands in it.
    ///
    /// # Errors
    /// Where it is not one mapping in YAML.
    pub fn read(name: &str, text: String) -> Result<(Self, Value), Problem> {
        let limits = Limits::default();
        let documents = kubectl::read(&text, &limits);
        let mut located = Self {
            name: name.to_owned(),
            text,
            places: Places::new(),
        };
        let mut documents = documents.map_err(|error| located.unreadable(&error))?;
        let (first, more) = (documents.first(), documents.get(1));
        let hint = "It is one mapping: `format: 1`, then `name:`, `version:` and the rest; docs/packages.md shows one.";
        let not_one = |message: &str, line| {
            let problem = Problem::new(Code::PackageInvalid, message).hint(hint);
            Err(located.at(problem, line, 1, 0))
        };
        match (first, more) {
            (None, _) => return not_one("Nothing stands in it.", 1),
            (Some(first), _) if !first.value.is_object() => {
                return not_one("It is no mapping.", first.line);
            }
            (_, Some(more)) => return not_one("A second document begins here.", more.line),
            _ => {}
        }
        let first = documents.swap_remove(0);
        let mut places = kubectl::places(&located.text, &limits);
        located.places = places.remove(&first.number).unwrap_or_default();
        Ok((located, first.value))
    }

    fn unreadable(&self, error: &Error) -> Problem {
        let problem = Problem::new(Code::PackageInvalid, sentence(error.message()));
        self.at(problem, error.line(), error.column(), 1)
    }

    /// Says where a member stands, given as `variables[0].type`; where it does not stand there, its nearest parent.
    pub fn locate(&self, path: &str, problem: Problem) -> Problem {
        let mut path = path;
        loop {
            if let Some(&(line, column)) = self.places.get(path) {
                // Of a mapping's member the key is meant, of a list's the place where it begins.
                let key = path.rsplit('.').next().unwrap_or(path);
                let length = match key.ends_with(']') {
                    true => 1,
                    false => u32::try_from(key.chars().count()).unwrap_or(1),
                };
                return self.at(problem, line, column, length);
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None if path.is_empty() => return self.at(problem, 1, 1, 0),
                None => path = "",
            }
        }
    }

    fn at(&self, problem: Problem, line: u32, column: u32, length: u32) -> Problem {
        let problem = Problem {
            line: Some(line),
            column: Some(column),
            ..problem.in_manifest(&self.name, &self.name)
        };
        problem.with(Excerpt::line(
            TextOf::Template,
            &self.text,
            line,
            column,
            length,
        ))
    }
}
