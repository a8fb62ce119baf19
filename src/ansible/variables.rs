//! Variables: where they come from, how they refer to one another, and what they are in the end.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;
use secrecy::ExposeSecret;
use serde_json::Value as Json;

use super::error::{Error, Kind, Result as Evaluated};
use super::files::Files;
use super::interpreter::stored;
use super::release::Holder;
use super::scope::Context;
use super::standin::StandIns;
use super::template::{self, Place};
use super::value::Value;
use super::vault::{self, Opened, Vault};
use super::{data, encrypted, globals, limits, markup, play, problems, python, release};
use crate::problem::Problem;
use crate::redact::Redactor;
use crate::yaml::{self, Data};

/// A variable as it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its value; texts in it may be templates.
    pub value: Data,
    /// Where it came from, for people: `config map`, `vars.yml`, …
    pub origin: String,
    /// Never a template, whatever it holds: a generated password.
    pub literal: bool,
    /// Must not appear in messages.
    pub secret: bool,
    /// Of a mapping, the one member that must not.
    pub secret_member: Option<&'static str>,
    /// How it stands in its file, where it comes from one.
    pub written: Option<Written>,
}

/// The lines of a file that set a variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The first of them, from 1.
    pub line: u32,
    pub text: String,
}

impl Written {
    /// Finds a line of the value in the file: the line's number, and how many columns further right it begins there.
    pub fn find(&self, line: &str) -> Option<(u32, u32)> {
        let lines = self.text.lines().zip(self.line..);
        let mut found = lines.filter_map(|(written, number)| {
            let offset = written.find(line.trim())?;
            let indented = line.len() - line.trim_start().len();
            let before = written[..offset].chars().count().checked_sub(indented)?;
            Some((number, u32::try_from(before).ok()?))
        });
        found.next()
    }
}

/// Variables by name, in order. Of two with one name the later wins.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    by_name: IndexMap<String, Variable>,
    opened: Arc<Opened>,
}

impl Variables {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// No variables. What is encrypted in those to come is opened by this vault.
    pub fn opened_by(vault: &Vault) -> Self {
        Self {
            by_name: IndexMap::new(),
            opened: Arc::new(Opened::by(vault)),
        }
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
        let secret = vault::is_encrypted(text);
        let opened = match secret {
            true => Some(
                self.opened
                    .open(text)
                    .map_err(|closed| closed.problem("The file").in_manifest(origin, origin))?,
            ),
            false => None,
        };
        let text = opened
            .as_ref()
            .map_or(text, |opened| opened.expose_secret());
        let read = yaml::ansible::variables(text).map_err(|error| {
            let (message, excerpts) = match secret {
                // What the reader has to say may quote what is secret.
                true => (
                    "What is encrypted is not YAML that Ansible reads.".to_owned(),
                    Vec::new(),
                ),
                // What stands in the line may be a secret, too: nobody said yet which values are.
                false => (
                    problems::sentence(&error.message),
                    problems::of_file(text, origin, &error),
                ),
            };
            Problem {
                line: Some(error.line),
                column: Some(error.column),
                excerpts,
                ..Problem::new("variables", message)
            }
            .in_manifest(origin, origin)
        })?;
        let is_mapping = read.is_some();
        let mut written = written(text);
        for (name, value) in read.unwrap_or_default() {
            let variable = Variable {
                value,
                origin: origin.to_owned(),
                literal: false,
                secret,
                secret_member: None,
                written: written.remove(&name),
            };
            self.insert(&name, variable);
        }
        Ok(is_mapping)
    }

    /// Sets a variable that anybody may see. Texts in its value may be templates.
    pub fn set(&mut self, name: &str, value: impl Into<Data>, origin: &str) {
        self.insert(
            name,
            Variable {
                value: value.into(),
                origin: origin.to_owned(),
                literal: false,
                secret: false,
                secret_member: None,
                written: None,
            },
        );
    }

    /// Sets a variable that must not appear in messages; its value may be a template unless it is `literal`.
    pub fn set_secret(&mut self, name: &str, value: impl Into<Data>, origin: &str, literal: bool) {
        self.insert(
            name,
            Variable {
                value: value.into(),
                origin: origin.to_owned(),
                literal,
                secret: true,
                secret_member: None,
                written: None,
            },
        );
    }

    /// Sets a variable, in place of an earlier one of this name.
    pub fn insert(&mut self, name: &str, variable: Variable) {
        self.by_name.insert(name.to_owned(), variable);
    }

    /// Adds all of the others, which win.
    pub fn extend(&mut self, others: Self) {
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

    /// Whether any of them must not appear in messages.
    pub fn hold_secrets(&self) -> bool {
        self.by_name.values().any(|variable| {
            variable.secret || variable.secret_member.is_some() || is_encrypted(&variable.value)
        })
    }

    /// The same with stand-ins for all that must not appear in messages, also for what is encrypted.
    pub fn with_stand_ins(&self) -> Self {
        let mut stand_ins = StandIns::new();
        let mut encrypted = Vec::new();
        let by_name = self.by_name.iter().map(|(name, variable)| {
            vaults(&variable.value, &mut encrypted);
            let mut stand_in = |value: &Data| stand_ins.data(value, variable.literal);
            let mut other = variable.clone();
            if variable.secret {
                other.value = stand_in(&variable.value);
                other.written = None;
            } else if let (Some(member), Data::Map(pairs)) =
                (variable.secret_member, &mut other.value)
            {
                let members = pairs
                    .iter_mut()
                    .filter(|(key, _)| key.as_str() == Some(member));
                members.for_each(|(_, value)| *value = stand_in(value));
            }
            (name.clone(), other)
        });
        let by_name = by_name.collect();
        let opened = self
            .opened
            .standing_in(&encrypted, |plain| stand_ins.text(plain));
        Self {
            by_name,
            opened: Arc::new(opened),
        }
    }

    /// Makes them ready for templates, which expand values that are templates of other values, in whatever order they
    /// stand, when they ask for them.
    ///
    /// A value that is one expression keeps its type. What is wrong with a value (undefined names, syntax, a ring of
    /// values that need one another) is a problem only for a template that uses it, as with Ansible. So is what cannot
    /// be decrypted; all that can be is hidden in messages, whether it is used or not.
    pub fn resolve(&self) -> Result<Resolved, Problem> {
        let mut resolved = Resolved {
            variables: Arc::new(self.clone()),
            redactor: Redactor::default(),
        };
        let mut secrets = Vec::new();
        for (_, variable) in self.iter() {
            decrypted(&variable.value, &self.opened, &mut secrets);
        }
        for (_, variable) in self.iter() {
            if let (Some(member), Data::Map(pairs)) = (variable.secret_member, &variable.value) {
                let members = pairs.iter().filter(|(key, _)| key.as_str() == Some(member));
                members.for_each(|(_, value)| texts(value, &mut secrets));
            }
        }
        for (name, variable) in self.iter().filter(|(_, variable)| variable.secret) {
            texts(&variable.value, &mut secrets);
            if let Ok(value) = resolved.made(name) {
                texts(&value, &mut secrets);
            }
        }
        resolved.redactor = Redactor::new(secrets);
        Ok(resolved)
    }
}

/// The lines of each variable in a file: from its name at the beginning of a line to the next one.
fn written(text: &str) -> HashMap<String, Written> {
    let mut found: HashMap<String, Written> = HashMap::new();
    let mut name: Option<String> = None;
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        let key = line.split_once(':').map(|(key, _)| key.trim_end());
        let key = key.filter(|key| !key.starts_with([' ', '\t', '#', '-', '{', '[', '}', ']']));
        if let Some(key) = key {
            let key = key.trim_matches(['"', '\'']).to_owned();
            let (line, text) = (number, String::new());
            found.insert(key.clone(), Written { line, text });
            name = Some(key);
        }
        if let Some(written) = name.as_ref().and_then(|name| found.get_mut(name)) {
            written.text.push_str(line);
        }
    }
    found
}

/// Reads the text of a value of type `yaml`: number, boolean, list, mapping, … `name` and `origin` say whose it is.
pub fn read_value(name: &str, text: &str, origin: &str) -> Result<Data, Problem> {
    yaml::ansible::value(text, true).map_err(|error| {
        Problem {
            line: Some(error.line),
            column: Some(error.column),
            excerpts: problems::of_file(text, &format!("value of `{name}` ({origin})"), &error),
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

fn is_encrypted(value: &Data) -> bool {
    match value {
        Data::Vault(_) => true,
        Data::List(items) => items.iter().any(is_encrypted),
        Data::Map(pairs) => pairs.iter().any(|(_, item)| is_encrypted(item)),
        _ => false,
    }
}

/// All texts inside of a value that are encrypted.
fn vaults<'a>(value: &'a Data, found: &mut Vec<&'a str>) {
    match value {
        Data::Vault(text) => found.push(text),
        Data::List(items) => items.iter().for_each(|item| vaults(item, found)),
        Data::Map(pairs) => pairs.iter().for_each(|(_, item)| vaults(item, found)),
        _ => {}
    }
}

/// All texts inside of a value that were encrypted and can be opened.
fn decrypted(value: &Data, opened: &Opened, found: &mut Vec<String>) {
    match value {
        Data::Vault(text) => {
            if let Ok(plain) = opened.open(text) {
                texts(&Data::from(plain.expose_secret()), found);
            }
        }
        Data::List(items) => items.iter().for_each(|item| decrypted(item, opened, found)),
        Data::Map(pairs) => pairs
            .iter()
            .for_each(|(_, item)| decrypted(item, opened, found)),
        _ => {}
    }
}

/// All texts (and numbers) inside of a value.
pub fn texts(value: &Data, found: &mut Vec<String>) {
    match value {
        Data::Text(text) | Data::Literal(text) => found.push(text.clone()),
        Data::Int(number) => found.push(number.to_string()),
        Data::Big(number) => found.push(number.to_string()),
        Data::Float(number) => found.push(python::float_text(*number)),
        Data::List(items) | Data::Set(items) => items.iter().for_each(|item| texts(item, found)),
        Data::Map(pairs) => pairs.iter().for_each(|(_, item)| texts(item, found)),
        Data::Null
        | Data::Bool(_)
        | Data::Vault(_)
        | Data::Bytes(_)
        | Data::Date(_)
        | Data::Time(..)
        | Data::Unreadable(_) => {}
    }
}

/// Variables ready for templates.
#[derive(Clone, Default)]
pub struct Resolved {
    variables: Arc<Variables>,
    redactor: Redactor,
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.names().collect();
        f.debug_tuple("Resolved").field(&names).finish()
    }
}

impl Resolved {
    /// The value of a variable, if it has one and JSON can hold it.
    pub fn get(&self, name: &str) -> Option<Json> {
        self.made(name).ok()?.to_json()
    }

    /// The value of a variable with its type, or why it has none.
    pub fn value(&self, name: &str) -> Result<Data, Problem> {
        self.made(name).map_err(|error| {
            let text = self
                .variables
                .get(name)
                .and_then(|variable| variable.value.as_str())
                .unwrap_or_default();
            let problem = problems::explain(&[error], text, &Files::default(), self);
            // Where no place is known, it is the value as a whole.
            self.mask_problem(Problem {
                line: problem.line.or(Some(1)),
                column: problem.column.or(Some(1)),
                ..problem
            })
        })
    }

    fn made(&self, name: &str) -> Evaluated<Data> {
        markup::forget();
        limits::limited(|| {
            let Some(variable) = self.variables.get(name) else {
                return Err(Error::undefined(
                    name,
                    format!("The variable `{name}` is not set"),
                ));
            };
            let context = Made::new(self, Rc::default(), false)?;
            let value = match &variable.value {
                // Its own place in the text is known here.
                Data::Text(text) if !variable.literal && template::is_template(text) => {
                    context.within(name, |context| context.evaluate(text))?
                }
                _ => context.get(name).unwrap_or(Value::None),
            };
            to_data(&stored(&value, true)?)
        })
    }

    /// Where a variable came from.
    pub fn origin(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(|variable| variable.origin.as_str())
    }

    /// A variable as it was given.
    pub fn given(&self, name: &str) -> Option<&Variable> {
        self.variables.get(name)
    }

    /// Whether a variable must not appear in messages: it is a secret, or something in it is encrypted.
    pub fn is_secret(&self, name: &str) -> bool {
        self.variables
            .get(name)
            .is_some_and(|variable| variable.secret || is_encrypted(&variable.value))
    }

    /// The variables that the value of a variable is made of, in the order in which it mentions them.
    pub fn needs(&self, name: &str) -> Vec<String> {
        let mut needed = Vec::new();
        if let Some(variable) = self
            .variables
            .get(name)
            .filter(|variable| !variable.literal)
        {
            collect_names(&variable.value, &mut needed);
        }
        needed
    }

    /// The names of all variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(name, _)| name)
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

    /// The variables for one rendering, whose values may use the files, too.
    pub(super) fn context(&self, files: Rc<Files>) -> Evaluated<Rc<dyn Context>> {
        Ok(Made::new(self, files, true)?)
    }

    /// Refuses names that Ansible gives a meaning of its own, unless they are variables here.
    pub(super) fn refuse_controller(&self, names: &[(Rc<str>, usize)]) -> Evaluated<()> {
        let refused = names
            .iter()
            .find(|(name, _)| globals::is_controllers(name) && self.variables.get(name).is_none());
        match refused {
            Some((name, at)) => Err(globals::controller(name).at(*at).spanning(name.len())),
            None => Ok(()),
        }
    }
}

fn collect_names(value: &Data, found: &mut Vec<String>) {
    match value {
        Data::Text(text) if template::is_template(text) => {
            if let Ok(template) = template::compiled(text, Place::Value) {
                for (name, _) in &template.names {
                    if !globals::NAMES.contains(&&**name)
                        && !globals::IN_PART.contains(&&**name)
                        && !found.iter().any(|known| **known == **name)
                    {
                        found.push(name.to_string());
                    }
                }
            }
        }
        Data::List(items) => items.iter().for_each(|item| collect_names(item, found)),
        Data::Map(pairs) => pairs
            .iter()
            .for_each(|(_, item)| collect_names(item, found)),
        _ => {}
    }
}

/// The values of variables during one rendering, each made when it is first asked for.
struct Made {
    resolved: Resolved,
    files: Rc<Files>,
    /// A template file is rendered, not a value alone.
    for_template: bool,
    values: RefCell<HashMap<String, Value>>,
    /// The variables being made now, each needed by the one before it.
    path: RefCell<Vec<String>>,
    encrypted: encrypted::Kept,
    this: std::rc::Weak<Made>,
}

impl Made {
    fn new(resolved: &Resolved, files: Rc<Files>, for_template: bool) -> Evaluated<Rc<Self>> {
        let made = Rc::new_cyclic(|this| Self {
            resolved: resolved.clone(),
            files,
            for_template,
            values: RefCell::default(),
            path: RefCell::default(),
            encrypted: encrypted::Kept::default(),
            this: this.clone(),
        });
        let this: std::rc::Weak<dyn Context> = made.this.clone();
        release::at_the_end(Holder::Variables(this))?;
        Ok(made)
    }

    /// Makes something of a variable, unless that is being done already.
    fn within(&self, name: &str, make: impl FnOnce(&Self) -> Evaluated<Value>) -> Evaluated<Value> {
        self.path.borrow_mut().push(name.to_owned());
        let value = limits::deeper(|| make(self));
        self.path.borrow_mut().pop();
        value
    }

    fn evaluate(&self, text: &str) -> Evaluated<Value> {
        let template = template::compiled(text, Place::Value)?;
        self.resolved.refuse_controller(&template.names)?;
        let this: Rc<dyn Context> = match self.this.upgrade() {
            Some(this) => this,
            None => return Err(Error::fatal("the variables are gone")),
        };
        match template::run(template, text, this, self.files.clone(), None)?.value {
            Value::Marker(error) => Err((*error).clone()),
            value => Ok(value),
        }
    }

    /// The value of a text of a variable, or why it has none.
    fn text(&self, name: &str, text: &str) -> Value {
        let made = self.within(name, |made| made.evaluate(text));
        made.unwrap_or_else(|error| {
            if error.is_fatal() && error.place().is_none() && error.encrypted_text().is_none()
                || matches!(error.kind(), Kind::Needs(_))
            {
                return Value::Marker(Rc::new(error));
            }
            let error = match error.is_undefined() {
                true => self.with_all_undefined(name, error, text),
                false => error,
            };
            let origin = self.resolved.origin(name).unwrap_or_default();
            let message = match error.kind() {
                Kind::Undefined(_) | Kind::Ring => error.message().to_owned(),
                _ => format!(
                    "the value of `{name}` ({origin}) cannot be made: {}",
                    error.message()
                ),
            };
            let error = error.needed_by(name, text).seen_from_outside(message);
            Value::Marker(Rc::new(error))
        })
    }

    /// The value of a text that is encrypted, or why it stays so.
    fn vault(&self, name: &str, text: &str) -> Value {
        match self.resolved.variables.opened.open(text) {
            Ok(plain) => self.encrypted.value(plain.expose_secret(), text),
            Err(closed) => {
                let origin = self.resolved.origin(name).unwrap_or_default();
                let message = format!("The value of `{name}` ({origin}) {}.", closed.reason);
                Value::Marker(Rc::new(Error::encrypted(message, text).hint(closed.hint)))
            }
        }
    }

    /// Looks for what else is undefined in a value, so that all of it is told at once.
    fn with_all_undefined(&self, name: &str, error: Error, text: &str) -> Error {
        let Some(this) = self.this.upgrade() else {
            return error;
        };
        let undefined: Rc<RefCell<Vec<Error>>> = Rc::default();
        let (files, gathered) = (self.files.clone(), Some(undefined.clone()));
        let _ = self.within(name, |_| {
            let template = template::compiled(text, Place::Value)?;
            template::run(template, text, this, files, gathered).map(|printed| printed.value)
        });
        let others = undefined.take().into_iter();
        let others: Vec<Error> = others
            .filter(|other| other.kind() != error.kind())
            .collect();
        error.and(others)
    }

    fn ring(&self, name: &str) -> Value {
        let path = self.path.borrow();
        let start = path.iter().position(|known| known == name).unwrap_or(0);
        let mut ring: Vec<&str> = path[start..].iter().map(String::as_str).collect();
        ring.dedup();
        // It begins with the one that was given first, wherever it was entered.
        let given = |name: &str| self.resolved.variables.by_name.get_index_of(name);
        let first = ring
            .iter()
            .enumerate()
            .min_by_key(|(_, name)| given(name))
            .map_or(0, |(index, _)| index);
        ring.rotate_left(first);
        let first = ring.first().copied().unwrap_or(name);
        let message = if ring.len() <= 1 {
            format!("The variable `{first}` needs itself.")
        } else {
            format!(
                "These variables need one another: {} → {first}.",
                ring.join(" → ")
            )
        };
        let origin = self.resolved.origin(first).unwrap_or_default();
        Value::Marker(Rc::new(Error::ring(message).hint(format!(
            "Give one of them a value of its own; `{first}` comes from: {origin}."
        ))))
    }
}

impl Context for Made {
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.resolved.names())
    }

    fn empty(&self) {
        drop(self.values.take());
    }

    fn get(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.values.borrow().get(name) {
            return Some(value.clone());
        }
        let found = self.resolved.variables.get(name);
        // Ansible's own `vars` replaces a variable of this name.
        let Some(variable) = found.filter(|_| name != "vars") else {
            let (managed, text) = globals::MANAGED;
            if self.for_template && name == managed {
                return Some(Value::text(text));
            }
            let this: std::rc::Weak<dyn Context> = self.this.clone();
            return play::get(name, &this);
        };
        if self.path.borrow().iter().any(|known| known == name) {
            return Some(self.ring(name));
        }
        let value = match &variable.value {
            Data::Text(text) if !variable.literal && template::is_template(text) => {
                self.text(name, text)
            }
            data => {
                let make = |text: data::Text| {
                    let (text, is_vault) = match text {
                        data::Text::Template(text) => (text, false),
                        data::Text::Vault(text) => (text, true),
                    };
                    if !is_vault && (variable.literal || !template::is_template(text)) {
                        return Value::text(text);
                    }
                    let (this, name, text) = (self.this.clone(), name.to_owned(), text.to_owned());
                    let making = Cell::new(false);
                    data::lazy(move || match this.upgrade() {
                        None => Value::Marker(Rc::new(Error::fatal("the variables are gone"))),
                        Some(made) if is_vault => made.vault(&name, &text),
                        Some(made) if making.replace(true) => made.ring(&name),
                        Some(made) => made.text(&name, &text),
                    })
                };
                data::value(data, &make).unwrap_or_else(|error| Value::Marker(Rc::new(error)))
            }
        };
        self.values
            .borrow_mut()
            .insert(name.to_owned(), value.clone());
        Some(value)
    }
}

/// A value that variables can hold.
fn to_data(value: &Value) -> Evaluated<Data> {
    limits::items(2)?;
    Ok(match value {
        Value::None => Data::Null,
        Value::Bool(value) => Data::Bool(*value),
        Value::Int(number) => Data::Int(*number),
        Value::Big(number) => Data::Big((**number).clone()),
        Value::Float(number) => Data::Float(*number),
        Value::Text(text) => Data::Literal(text.to_string()),
        Value::Bytes(bytes) => Data::Bytes(bytes.to_vec()),
        Value::Date(date, _) => Data::Date(*date),
        Value::Time(time) => Data::Time(time.civil, time.offset),
        Value::Dict(_) => {
            let pairs = value.pairs().unwrap_or_default();
            let pairs = pairs
                .iter()
                .map(|(key, item)| Ok((to_data(key)?, to_data(item)?)));
            Data::Map(pairs.collect::<Evaluated<_>>()?)
        }
        Value::List(_) | Value::Tuple(_) => Data::List(
            value
                .items()?
                .iter()
                .map(to_data)
                .collect::<Evaluated<_>>()?,
        ),
        Value::Marker(error) => return Err((**error).clone()),
        other => {
            return Err(Error::failed(format!(
                "a variable cannot hold {}",
                python::article(other)
            )));
        }
    })
}

#[cfg(test)]
#[path = "variables_tests.rs"]
mod tests;
