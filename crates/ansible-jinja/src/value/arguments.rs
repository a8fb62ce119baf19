//! Python's way of giving arguments: by position or by name.

use crate::value::error::{Error, Result, fail};
use crate::value::{Value, print};

/// The arguments of a call as they were written.
#[derive(Clone, Debug, Default)]
pub struct Given {
    pub positional: Vec<Value>,
    pub named: Vec<(String, Value)>,
}

impl Given {
    pub fn positional(positional: Vec<Value>) -> Self {
        Self {
            positional,
            named: Vec::new(),
        }
    }

    /// The arguments as Ansible passes them on.
    pub fn own(self) -> Result<Self> {
        let positional = self.positional.into_iter().map(Value::own);
        let named = self.named.into_iter();
        Ok(Self {
            positional: positional.collect::<Result<_>>()?,
            named: named
                .map(|(name, value)| Ok((name, value.own()?)))
                .collect::<Result<_>>()?,
        })
    }

    /// How many steps one look at all of them counts.
    pub fn weight(&self) -> usize {
        let named = self.named.iter().map(|(_, value)| value);
        self.positional.iter().chain(named).map(Value::weight).sum()
    }

    /// The first argument that is undefined or failed.
    pub fn marker(&self) -> Option<&Value> {
        let named = self.named.iter().map(|(_, value)| value);
        self.positional
            .iter()
            .chain(named)
            .find(|value| value.is_marker())
    }

    /// Gives the arguments to parameters.
    ///
    /// A parameter `*` takes all further ones by position; those behind it can be given by name only. `**` takes any
    /// name.
    pub fn bind(self, callee: &str, parameters: &'static [&'static str]) -> Result<Arguments> {
        let mut bound = Arguments {
            callee: callee.to_owned(),
            named: Vec::with_capacity(parameters.len()),
            rest: Vec::new(),
        };
        let mut names = parameters.iter().take_while(|name| !name.starts_with('*'));
        for value in self.positional {
            match names.next() {
                Some(name) => bound.named.push(((*name).to_owned(), value)),
                None if parameters.contains(&"*") => bound.rest.push(value),
                None => {
                    return fail(format!(
                        "`{callee}` takes at most {} arguments",
                        parameters
                            .iter()
                            .filter(|name| !name.starts_with('*'))
                            .count()
                    ));
                }
            }
        }
        for (name, value) in self.named {
            if !parameters.contains(&name.as_str()) && !parameters.contains(&"**") {
                return fail(format!("`{callee}` has no argument `{name}`"));
            }
            if bound.get(&name).is_some() {
                return fail(format!("`{callee}` got its argument `{name}` twice"));
            }
            bound.named.push((name, value));
        }
        Ok(bound)
    }
}

/// The arguments of one call, by the names of the parameters.
#[derive(Debug)]
pub struct Arguments {
    callee: String,
    named: Vec<(String, Value)>,
    /// Arguments beyond the parameters, for a parameter `*`.
    pub rest: Vec<Value>,
}

impl Arguments {
    /// The name of what is called.
    pub fn callee(&self) -> &str {
        &self.callee
    }

    /// An argument, if it was given.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.named
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    /// An argument that was given and is not none.
    pub fn some(&self, name: &str) -> Option<&Value> {
        self.get(name).filter(|value| !value.is_none())
    }

    /// An argument that must be given.
    pub fn needed(&self, name: &str) -> Result<&Value> {
        self.get(name)
            .ok_or_else(|| Error::failed(format!("`{}` needs its argument `{name}`", self.callee)))
    }

    /// A text argument.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.some(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => fail(format!(
                "the argument `{name}` of `{}` must be a text, not {}",
                self.callee,
                print::article(other)
            )),
        }
    }

    /// A text argument; none is no text.
    pub fn text_or<'a>(&'a self, name: &str, default: &'a str) -> Result<&'a str> {
        match self.get(name) {
            None => Ok(default),
            Some(_) => self.needed_text(name),
        }
    }

    /// A whole number; none is no number.
    pub fn number_or(&self, name: &str, default: i64) -> Result<i64> {
        match (self.get(name), self.number(name)?) {
            (None, _) => Ok(default),
            (Some(_), Some(number)) => Ok(number),
            (Some(_), None) => fail(format!(
                "the argument `{name}` of `{}` must be a whole number, not none",
                self.callee
            )),
        }
    }

    /// A text argument that must be given.
    pub fn needed_text(&self, name: &str) -> Result<&str> {
        self.needed(name)?;
        self.text(name)?.ok_or_else(|| {
            Error::failed(format!(
                "the argument `{name}` of `{}` must be a text",
                self.callee
            ))
        })
    }

    /// An argument as Python's `str` would make it.
    pub fn as_text(&self, name: &str) -> Result<Option<String>> {
        self.get(name).map(print::text).transpose()
    }

    /// A boolean argument, by Python's truth.
    pub fn flag(&self, name: &str) -> Result<bool> {
        self.flag_or(name, false)
    }

    /// A boolean argument, by Python's truth.
    pub fn flag_or(&self, name: &str, default: bool) -> Result<bool> {
        self.get(name).map_or(Ok(default), Value::truth)
    }

    /// A boolean argument, for which whole numbers can stand, but nothing else.
    pub fn switch(&self, name: &str) -> Result<bool> {
        let number = self.number_or(name, 0)?;
        if i32::try_from(number).is_err() {
            return fail(format!(
                "the argument `{name}` of `{}` is too large",
                self.callee
            ));
        }
        Ok(number != 0)
    }

    /// A whole number.
    pub fn number(&self, name: &str) -> Result<Option<i64>> {
        self.some(name)
            .map(|value| {
                value.as_index().ok_or_else(|| {
                    Error::failed(format!(
                        "the argument `{name}` of `{}` must be a whole number, not {}",
                        self.callee,
                        print::article(value)
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
