//! Variables: where they come from, how they refer to one another, and what they are in the end.

use std::collections::{BTreeMap, HashMap};

use indexmap::IndexMap;
use minijinja::Environment;
use minijinja::value::Value;
use serde_json::Value as Json;

use super::{environment, problems, python};
use crate::problem::Problem;
use crate::yaml;

/// The shortest secret that is looked for in messages: shorter ones would blacken every other word.
const SHORTEST_SECRET: usize = 4;

/// A variable as it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its value; texts in it may be templates.
    pub value: Json,
    /// Where it came from, for people: `config map`, `vars.yml`, …
    pub origin: String,
    /// Never a template, whatever it holds: a generated password, a value marked `!unsafe`.
    pub literal: bool,
    /// Must not appear in messages.
    pub secret: bool,
}

/// Variables by name, in order. Of two with one name the later wins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variables {
    by_name: IndexMap<String, Variable>,
    /// Values that Ansible reads and Chandlery cannot hold: a problem where they are used.
    unreadable: HashMap<String, Problem>,
}

impl Variables {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a `vars.yml` as Ansible does. `origin` names it for people.
    pub fn read(text: &str, origin: &str) -> Result<Self, Problem> {
        let mut variables = Self::new();
        for (name, value) in
            yaml::ansible::variables(text).map_err(|error| unreadable(&error, origin))?
        {
            variables.insert(
                &name,
                Variable {
                    value: value.value,
                    origin: origin.to_owned(),
                    literal: value.literal,
                    secret: false,
                },
            );
            if let Some(error) = value.problem {
                variables
                    .unreadable
                    .insert(name, unreadable(&error, origin));
            }
        }
        Ok(variables)
    }

    /// Sets a variable that anybody may see. Texts in its value may be templates.
    pub fn set(&mut self, name: &str, value: impl Into<Json>, origin: &str) {
        self.insert(
            name,
            Variable {
                value: value.into(),
                origin: origin.to_owned(),
                literal: false,
                secret: false,
            },
        );
    }

    /// Sets a variable that must not appear in messages; its value may be a template unless it is `literal`.
    pub fn set_secret(&mut self, name: &str, value: impl Into<Json>, origin: &str, literal: bool) {
        self.insert(
            name,
            Variable {
                value: value.into(),
                origin: origin.to_owned(),
                literal,
                secret: true,
            },
        );
    }

    /// Sets a variable, in place of an earlier one of this name.
    pub fn insert(&mut self, name: &str, variable: Variable) {
        self.unreadable.remove(name);
        self.by_name.insert(name.to_owned(), variable);
    }

    /// Adds all of the others, which win.
    pub fn extend(&mut self, others: Self) {
        self.unreadable
            .retain(|name, _| !others.by_name.contains_key(name));
        self.unreadable.extend(others.unreadable);
        self.by_name.extend(others.by_name);
    }

    /// Finds a variable as it was given.
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.by_name.get(name)
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Variable)> {
        self.by_name
            .iter()
            .map(|(name, variable)| (name.as_str(), variable))
    }

    /// Expands values that are templates of other values, in whatever order they stand.
    ///
    /// A value that is one expression keeps its type. What is wrong with a value (undefined names, syntax, a ring of
    /// values that need one another) is a problem only for a template that uses it, as with Ansible.
    pub fn resolve(&self) -> Result<Resolved, Problem> {
        let environment = environment::environment();
        let mut resolving = Resolving {
            variables: self,
            environment: &environment,
            values: IndexMap::new(),
            broken: HashMap::new(),
            rings: BTreeMap::new(),
            path: Vec::new(),
        };
        for name in self.by_name.keys() {
            // What is wrong is kept with the variable.
            let _ = resolving.variable(name);
        }
        let Resolving {
            values,
            broken,
            rings,
            ..
        } = resolving;
        let mut secrets = Vec::new();
        for (name, variable) in self.iter().filter(|(_, variable)| variable.secret) {
            texts(&variable.value, &mut secrets);
            if let Some(value) = values.get(name) {
                texts(&python::to_json(value).unwrap_or_default(), &mut secrets);
            }
        }
        secrets.retain(|secret| secret.chars().count() >= SHORTEST_SECRET);
        let encoded: Vec<String> = secrets
            .iter()
            .map(|secret| super::filters::encode_base64(secret.as_bytes()))
            .collect();
        secrets.extend(encoded);
        // The longest first, so that no part of one is left standing.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Ok(Resolved {
            values: values.into_iter().collect(),
            broken,
            rings,
            origins: self
                .iter()
                .map(|(name, variable)| (name.to_owned(), variable.origin.clone()))
                .collect(),
            secrets,
        })
    }
}

/// Reads the text of a value of type `yaml`: number, boolean, list, mapping, … `name` and `origin` say whose it is.
pub fn read_value(name: &str, text: &str, origin: &str) -> Result<Json, Problem> {
    yaml::ansible::value(text).map_err(|error| {
        Problem {
            line: Some(error.line),
            column: Some(error.column),
            ..Problem::new(
                "variables",
                format!(
                    "The value of `{name}` ({origin}) is not YAML: {}.",
                    error.message
                ),
            )
        }
        .hint("Correct the value, or make its type `string`.")
    })
}

fn unreadable(error: &yaml::YamlError, origin: &str) -> Problem {
    Problem {
        line: Some(error.line),
        column: Some(error.column),
        ..Problem::new("variables", format!("{}.", error.message)).in_manifest(origin, origin)
    }
}

/// All texts (and numbers) inside of a value.
fn texts(value: &Json, found: &mut Vec<String>) {
    match value {
        Json::String(text) => {
            found.push(text.clone());
            // A secret of several lines may be quoted by one of them.
            found.extend(
                text.lines()
                    .filter(|line| *line != text)
                    .map(|line| line.trim().to_owned()),
            );
        }
        Json::Number(number) => found.push(number.to_string()),
        Json::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Json::Object(map) => map.values().for_each(|item| texts(item, found)),
        Json::Null | Json::Bool(_) => {}
    }
}

/// Variables with all templates in them expanded.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    pub(super) values: BTreeMap<String, Value>,
    /// Why a variable has no value.
    pub(super) broken: HashMap<String, Problem>,
    /// The variables that need a ring of others, or a value that cannot be held: not even `default` can be asked of
    /// them.
    pub(super) rings: BTreeMap<String, Problem>,
    origins: HashMap<String, String>,
    secrets: Vec<String>,
}

impl Resolved {
    /// The value of a variable, if it has one and JSON can hold it.
    pub fn get(&self, name: &str) -> Option<Json> {
        python::to_json(self.values.get(name)?).ok()
    }

    /// The value of a variable with its type, or why it has none.
    pub fn value(&self, name: &str) -> Result<Value, Problem> {
        match (self.values.get(name), self.broken.get(name)) {
            (Some(value), _) => Ok(value.clone()),
            (None, Some(problem)) => Err(self.mask_problem(problem.clone())),
            (None, None) => Err(Problem::new(
                "variables",
                format!("The variable `{name}` is not set."),
            )),
        }
    }

    /// Where a variable came from.
    pub fn origin(&self, name: &str) -> Option<&str> {
        self.origins.get(name).map(String::as_str)
    }

    /// The names of all variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.origins.keys().map(String::as_str)
    }

    /// A text with the values of secret variables blackened.
    pub fn mask(&self, text: &str) -> String {
        self.secrets
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    /// A problem with the values of secret variables blackened.
    pub fn mask_problem(&self, problem: Problem) -> Problem {
        Problem {
            message: self.mask(&problem.message),
            hint: problem.hint.as_deref().map(|hint| self.mask(hint)),
            ..problem
        }
    }

    pub(super) fn context(&self) -> Value {
        Value::from(self.values.clone())
    }
}

struct Resolving<'a> {
    variables: &'a Variables,
    environment: &'a Environment<'static>,
    values: IndexMap<String, Value>,
    broken: HashMap<String, Problem>,
    rings: BTreeMap<String, Problem>,
    /// The variables being expanded now, each needed by the one before it.
    path: Vec<String>,
}

impl Resolving<'_> {
    /// Makes the value of a variable. An error also concerns all that use it: a ring, or a value that cannot be held.
    fn variable(&mut self, name: &str) -> Result<(), Problem> {
        if let Some(ring) = self.rings.get(name) {
            return Err(ring.clone());
        }
        if self.values.contains_key(name) || self.broken.contains_key(name) {
            return Ok(());
        }
        let Some(variable) = self.variables.get(name) else {
            return Ok(());
        };
        if let Some(problem) = self.variables.unreadable.get(name) {
            // A value it is, which `default` must not replace.
            self.rings.insert(name.to_owned(), problem.clone());
            self.broken.insert(name.to_owned(), problem.clone());
            return Err(problem.clone());
        }
        if let Some(start) = self.path.iter().position(|known| known == name) {
            return Err(self.ring(start, name));
        }
        if variable.literal {
            self.values
                .insert(name.to_owned(), python::from_json(&variable.value));
            return Ok(());
        }
        self.path.push(name.to_owned());
        let value = self.expand(&variable.value);
        self.path.pop();
        let value = value.inspect_err(|ring| {
            self.rings.insert(name.to_owned(), ring.clone());
            self.broken.insert(name.to_owned(), ring.clone());
        })?;
        match value {
            Ok(value) => {
                self.values.insert(name.to_owned(), value);
            }
            Err(problem) => {
                let problem = Problem {
                    message: format!(
                        "the value of `{name}` ({}) cannot be made: {}",
                        variable.origin, problem.message
                    ),
                    ..problem
                };
                self.broken.insert(name.to_owned(), problem);
            }
        }
        Ok(())
    }

    /// Expands the templates in a value. The outer error is a ring, the inner one concerns this value alone.
    fn expand(&mut self, value: &Json) -> Result<Result<Value, Problem>, Problem> {
        match value {
            Json::String(text) if environment::is_template(text) => {
                let names = match environment::names(self.environment, text) {
                    Ok(names) => names,
                    Err(error) => return Ok(Err(problems::explain(&error, text, None))),
                };
                let known = |name: &str| self.variables.get(name).is_some();
                if let Some(refusal) = environment::controller(&names, text, known) {
                    let failure = environment::Failure::Refused(refusal);
                    return Err(problems::explain(&failure, text, None));
                }
                for name in names {
                    self.variable(&name).map_err(|ring| {
                        let (line, column) = problems::place_of(text, &name);
                        Problem {
                            line: ring.line.or(Some(line)),
                            column: ring.column.or(Some(column)),
                            ..ring
                        }
                    })?;
                }
                let known = Resolved {
                    values: self
                        .values
                        .iter()
                        .map(|(name, value)| (name.clone(), value.clone()))
                        .collect(),
                    broken: self.broken.clone(),
                    origins: self
                        .variables
                        .iter()
                        .map(|(name, variable)| (name.to_owned(), variable.origin.clone()))
                        .collect(),
                    rings: BTreeMap::new(),
                    secrets: Vec::new(),
                };
                Ok(environment::evaluate(self.environment, text, &known))
            }
            Json::Array(items) => {
                let mut expanded = Vec::new();
                for item in items {
                    match self.expand(item)? {
                        Ok(value) => expanded.push(value),
                        Err(problem) => return Ok(Err(problem)),
                    }
                }
                Ok(Ok(Value::from(expanded)))
            }
            Json::Object(map) => {
                let mut expanded = Vec::new();
                for (key, item) in map {
                    match self.expand(item)? {
                        Ok(value) => expanded.push((key.clone(), value)),
                        Err(problem) => return Ok(Err(problem)),
                    }
                }
                Ok(Ok(Value::from_pairs(expanded)))
            }
            plain => Ok(Ok(python::from_json(plain))),
        }
    }

    fn ring(&self, start: usize, name: &str) -> Problem {
        let ring: Vec<&str> = self.path[start..]
            .iter()
            .map(String::as_str)
            .chain([name])
            .collect();
        let message = if ring.len() == 2 {
            format!("The variable `{name}` needs itself.")
        } else {
            format!("These variables need one another: {}.", ring.join(" → "))
        };
        let origin = self
            .variables
            .get(name)
            .map(|variable| variable.origin.as_str())
            .unwrap_or_default();
        Problem::new("variables", message).hint(format!(
            "Give one of them a value of its own; `{name}` comes from: {origin}."
        ))
    }
}

#[cfg(test)]
#[path = "variables_tests.rs"]
mod tests;
