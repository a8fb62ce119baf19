//! Python's way of giving arguments: by position or by name.

use minijinja::Error;
use minijinja::value::{Kwargs, Value};

use super::fail;
use crate::ansible::python;

/// The arguments of one call of a filter, by the names of its parameters.
pub struct Arguments {
    filter: &'static str,
    named: Vec<(String, Value)>,
    /// Arguments beyond the parameters, for a last parameter that begins with `*`.
    pub rest: Vec<Value>,
}

impl Arguments {
    /// Gives the arguments to the parameters. A parameter `*` takes all further ones, `**` any name.
    pub fn bind(
        filter: &'static str,
        parameters: &'static [&'static str],
        given: &[Value],
    ) -> Result<Self, Error> {
        let (positional, keywords) = match given.split_last() {
            Some((last, head)) if last.is_kwargs() => (head, Some(Kwargs::try_from(last.clone())?)),
            _ => (given, None),
        };
        let mut named: Vec<(String, Value)> = Vec::new();
        let mut rest = Vec::new();
        // What stands behind `*` can be given by name only.
        let mut names = parameters.iter().take_while(|name| !name.starts_with('*'));
        for value in positional {
            match names.next() {
                Some(name) => named.push(((*name).to_owned(), value.clone())),
                None if parameters.contains(&"*") => rest.push(value.clone()),
                None => {
                    return Err(fail(format!(
                        "`{filter}` takes at most {} arguments",
                        parameters.len()
                    )));
                }
            }
        }
        for name in keywords.iter().flat_map(Kwargs::args) {
            if !parameters.contains(&name) && !parameters.contains(&"**") {
                return Err(fail(format!("`{filter}` has no argument `{name}`")));
            }
            if named.iter().any(|(known, _)| known == name) {
                return Err(fail(format!("`{filter}` got its argument `{name}` twice")));
            }
            if let Some(keywords) = &keywords {
                named.push((name.to_owned(), keywords.get::<Value>(name)?));
            }
        }
        Ok(Self {
            filter,
            named,
            rest,
        })
    }

    /// An argument, if it was given.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.named
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    /// An argument that must be given.
    pub fn needed(&self, name: &str) -> Result<&Value, Error> {
        self.get(name)
            .ok_or_else(|| fail(format!("`{}` needs its argument `{name}`", self.filter)))
    }

    /// A text argument, as Python's `str` would make it.
    pub fn text(&self, name: &str) -> Result<Option<String>, Error> {
        self.get(name).map(python::text).transpose()
    }

    /// A boolean argument, by Python's truth.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(python::truth)
    }

    /// A whole number.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Error> {
        self.get(name)
            .filter(|value| !value.is_none())
            .map(|value| {
                i64::try_from(value.clone()).map_err(|_| {
                    fail(format!(
                        "the argument `{name}` of `{}` must be a whole number",
                        self.filter
                    ))
                })
            })
            .transpose()
    }

    /// All named arguments.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.named
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }
}
