//! Variables: where they come from, how they refer to one another, and what they are in the end.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;
use secrecy::ExposeSecret;
use serde_json::Value as Json;
use yaml_dialects::{Data, pyyaml};

use crate::error::{self, ErrorKind, Snippet, TextOf, sentence};
use crate::files::Files;
use crate::filters;
use crate::runtime::interpreter::stored;
use crate::runtime::scope::Context;
use crate::runtime::{globals, play, template};
use crate::syntax::compiled::{self, Place};
use crate::value::collect::{Emptied, Holder};
use crate::value::error::{Error, Kind, Result as Evaluated};
use crate::value::settings::{self, Settings};
use crate::value::{Value, collect, data, encrypted, limits, markup, print};
#[cfg(feature = "vault")]
use crate::vault::Vault;
use crate::vault::{self, Opened};

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
    pub(crate) by_name: IndexMap<String, Variable>,
    pub(crate) opened: Arc<Opened>,
}

impl Variables {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// No variables. What is encrypted in those to come is opened by this vault.
    #[cfg(feature = "vault")]
    pub fn opened_by(vault: &Vault) -> Self {
        Self {
            by_name: IndexMap::new(),
            opened: Arc::new(Opened::by(vault)),
        }
    }

    /// Reads a `vars.yml` as Ansible does. `origin` names it for people.
    pub fn read(text: &str, origin: &str) -> Result<Self, error::Error> {
        let mut variables = Self::new();
        variables.load(text, origin)?;
        Ok(variables)
    }

    /// Reads a `vars.yml` as Ansible does, also one that is encrypted as a whole: then all that it holds is secret. Its
    /// variables win. `origin` names it for people.
    pub fn load(&mut self, text: &str, origin: &str) -> Result<(), error::Error> {
        self.load_some(text, origin).map(drop)
    }

    /// The same, and says whether a mapping stands there, be it an empty one.
    pub fn load_some(&mut self, text: &str, origin: &str) -> Result<bool, error::Error> {
        let secret = vault::is_encrypted(text);
        let opened = match secret {
            true => Some(
                self.opened
                    .open(text)
                    .map_err(|closed| closed.error("The file"))?,
            ),
            false => None,
        };
        let text = opened
            .as_ref()
            .map_or(text, |opened| opened.expose_secret());
        let read = pyyaml::variables(text, &yaml_dialects::Limits::default()).map_err(|error| {
            match secret {
                // What the reader has to say may quote what is secret.
                true => error::Error::new(
                    ErrorKind::Yaml,
                    "What is encrypted is not YAML that Ansible reads.",
                )
                .at(Some((error.line(), error.column()))),
                // What stands in the line may be a secret, too: nobody said yet which values are.
                false => error::Error::new(ErrorKind::Yaml, sentence(error.message()))
                    .with(of_file(text, origin, &error))
                    .because(error),
            }
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

    /// Makes them ready for templates, which expand values that are templates of other values, in whatever order they
    /// stand, when they ask for them.
    ///
    /// A value that is one expression keeps its type. What is wrong with a value (undefined names, syntax, values that
    /// need one another) is an error only for a template that uses it, as with Ansible. So is what cannot be decrypted.
    pub fn resolve(&self) -> Resolved {
        self.resolve_with(filters::settings())
    }

    pub(crate) fn resolve_with(&self, settings: Arc<Settings>) -> Resolved {
        Resolved {
            variables: Arc::new(self.clone()),
            settings,
        }
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

/// Reads the text of a value as YAML: a number, a boolean, a list, a mapping, … `name` and `origin` say whose it is.
///
/// # Errors
///
/// Where it is not YAML that Ansible reads.
pub fn read_value(name: &str, text: &str, origin: &str) -> Result<Data, error::Error> {
    let tags = pyyaml::Tags::Ansible;
    pyyaml::value(text, tags, &yaml_dialects::Limits::default()).map_err(|error| {
        let message = format!(
            "The value of `{name}` ({origin}) is not YAML: {}.",
            error.message()
        );
        error::Error::new(ErrorKind::Yaml, message)
            .hint("Correct the value.")
            .with(of_file(
                text,
                &format!("value of `{name}` ({origin})"),
                &error,
            ))
            .because(error)
    })
}

/// The line of a text that cannot be read.
fn of_file(text: &str, origin: &str, error: &yaml_dialects::Error) -> Option<Snippet> {
    let found = Snippet::line(TextOf::Value, text, error.line(), error.column(), 1);
    found.map(|found| found.named(origin))
}

fn is_encrypted(value: &Data) -> bool {
    match value {
        Data::Vault(_) => true,
        Data::List(items) => items.iter().any(is_encrypted),
        Data::Map(pairs) => pairs.iter().any(|(_, item)| is_encrypted(item)),
        _ => false,
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
        Data::Float(number) => found.push(print::float_text(*number)),
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
#[derive(Clone)]
pub struct Resolved {
    variables: Arc<Variables>,
    pub(crate) settings: Arc<Settings>,
}

impl Default for Resolved {
    fn default() -> Self {
        Variables::default().resolve()
    }
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

    pub(crate) fn made(&self, name: &str) -> Evaluated<Data> {
        markup::forget();
        limits::limited(&self.settings, || {
            let Some(variable) = self.variables.get(name) else {
                return Err(Error::undefined(
                    name,
                    format!("The variable `{name}` is not set"),
                ));
            };
            let context = Made::new(self, Rc::default(), false)?;
            let value = match &variable.value {
                // Its own place in the text is known here.
                Data::Text(text) if !variable.literal && compiled::is_template(text) => {
                    context.within(name, |context| context.evaluate(text))?
                }
                _ => context.get(name).unwrap_or(Value::None),
            };
            data::of(&stored(&value, true)?)
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
            settings::within(&self.settings, || {
                collect_names(&variable.value, &mut needed)
            });
        }
        needed
    }

    /// The names of all variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(name, _)| name)
    }

    /// All texts that must not be shown: what secret variables hold and are made to be, and all that is decrypted and can
    /// be, whether a template uses it or not. What a template makes of them is not known here.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = Vec::new();
        for (_, variable) in self.variables.iter() {
            decrypted(&variable.value, &self.variables.opened, &mut secrets);
            if let (Some(member), Data::Map(pairs)) = (variable.secret_member, &variable.value) {
                let members = pairs.iter().filter(|(key, _)| key.as_str() == Some(member));
                members.for_each(|(_, value)| texts(value, &mut secrets));
            }
        }
        for (name, variable) in self
            .variables
            .iter()
            .filter(|(_, variable)| variable.secret)
        {
            texts(&variable.value, &mut secrets);
            if let Ok(value) = self.made(name) {
                texts(&value, &mut secrets);
            }
        }
        secrets
    }

    /// The names of the variables that are secret, or whose values are made of such.
    pub fn secret_names(&self) -> Vec<&str> {
        let mut secret: Vec<&str> = self.names().filter(|name| self.is_secret(name)).collect();
        if secret.is_empty() {
            return secret;
        }
        let needs: Vec<(&str, Vec<String>)> =
            self.names().map(|name| (name, self.needs(name))).collect();
        loop {
            let known = secret.len();
            for (name, needed) in &needs {
                let uses = |secret: &[&str]| needed.iter().any(|one| secret.contains(&&**one));
                if !secret.contains(name) && uses(&secret) {
                    secret.push(name);
                }
            }
            if secret.len() == known {
                return secret;
            }
        }
    }

    /// The variables for one rendering, whose values may use the files, too.
    pub(crate) fn context(&self, files: Rc<Files>) -> Evaluated<Rc<dyn Context>> {
        Ok(Made::new(self, files, true)?)
    }

    /// Refuses names that Ansible gives a meaning of its own, unless they are variables here.
    pub(crate) fn refuse_controller(&self, names: &[(Rc<str>, usize)]) -> Evaluated<()> {
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
        Data::Text(text) if compiled::is_template(text) => {
            if let Ok(template) = compiled::compiled(text, Place::Value) {
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
        collect::at_the_end(Holder::Names(made.this.clone()))?;
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
        let template = compiled::compiled(text, Place::Value)?;
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
            let template = compiled::compiled(text, Place::Value)?;
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

impl Emptied for Made {
    fn empty(&self) {
        drop(self.values.take());
    }
}

impl Context for Made {
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.resolved.names())
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
            Data::Text(text) if !variable.literal && compiled::is_template(text) => {
                self.text(name, text)
            }
            data => {
                let make = |text: data::Text| {
                    let (text, is_vault) = match text {
                        data::Text::Template(text) => (text, false),
                        data::Text::Vault(text) => (text, true),
                    };
                    if !is_vault && (variable.literal || !compiled::is_template(text)) {
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

#[cfg(test)]
#[path = "variables_tests.rs"]
mod tests;
