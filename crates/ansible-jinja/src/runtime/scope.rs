//! Names and what they stand for, from the innermost scope outwards.

use std::cell::RefCell;
use std::rc::Rc;

use crate::value::Value;
use crate::value::collect::Emptied;

/// What names stand for outside of a template: its variables.
pub trait Context: Emptied {
    /// The value of a variable, if there is one.
    fn get(&self, name: &str) -> Option<Value>;

    /// The names of the variables, in their order.
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_>;
}

/// No variables: what a file sees that is used without context.
pub struct NoVariables;

impl Context for NoVariables {
    fn get(&self, _name: &str) -> Option<Value> {
        None
    }

    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(std::iter::empty())
    }
}

impl Emptied for NoVariables {
    fn empty(&self) {}
}

impl Emptied for Scope {
    fn empty(&self) {
        drop(self.names.take());
    }
}

/// The names that a template, loop or macro sets.
pub struct Scope {
    names: RefCell<Vec<(Rc<str>, Named)>>,
    outer: Outer,
}

enum Named {
    Value(Value),
    /// It will be set here, but is not yet.
    Unset,
}

enum Outer {
    Scope(Rc<Scope>),
    /// The scope of what uses this file (or this scoped block): names that are not set there yet do not hide others.
    User(Rc<Scope>),
    /// What the names of a template's outermost statements are shared with: its blocks, parents, and who imports it.
    Shared(Rc<Scope>),
    Variables(Rc<dyn Context>),
}

impl Scope {
    fn new(outer: Outer) -> Rc<Self> {
        Rc::new(Self {
            names: RefCell::default(),
            outer,
        })
    }

    /// What a template shares with its blocks and parents.
    pub fn top(variables: Rc<dyn Context>) -> Rc<Self> {
        Self::new(Outer::Variables(variables))
    }

    /// The same for a file that sees the names of what uses it.
    pub fn of_file(user: &Rc<Self>) -> Rc<Self> {
        Self::new(Outer::User(user.clone()))
    }

    /// The scope of a template's outermost statements. `unset` are the names that begin undefined.
    pub fn outermost(top: &Rc<Self>, unset: &[Rc<str>]) -> Rc<Self> {
        let scope = Self::new(Outer::Shared(top.clone()));
        scope.begin(unset);
        scope
    }

    /// A scope within another one. `unset` are the names that begin undefined.
    pub fn inner(outer: &Rc<Self>, unset: &[Rc<str>]) -> Rc<Self> {
        let scope = Self::new(Outer::Scope(outer.clone()));
        scope.begin(unset);
        scope
    }

    fn begin(&self, unset: &[Rc<str>]) {
        let mut names = self.names.borrow_mut();
        names.extend(unset.iter().map(|name| (name.clone(), Named::Unset)));
    }

    /// Sets a name in this scope.
    pub fn set(&self, name: &Rc<str>, value: Value) {
        if let Outer::Shared(top) = &self.outer {
            top.set(name, value.clone());
        }
        self.set_own(name, value);
    }

    /// Sets a name in this scope, and shares it with nobody.
    pub fn set_own(&self, name: &Rc<str>, value: Value) {
        let mut names = self.names.borrow_mut();
        match names.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = Named::Value(value),
            None => names.push((name.clone(), Named::Value(value))),
        }
    }

    /// What a name stands for.
    pub fn get(&self, name: &str) -> Option<Value> {
        let (mut scope, mut user) = (self, false);
        loop {
            let names = scope.names.borrow();
            match names.iter().find(|(known, _)| &**known == name) {
                Some((_, Named::Value(value))) => return Some(value.clone()),
                Some((_, Named::Unset)) if !user => return None,
                _ => {}
            }
            match &scope.outer {
                Outer::Scope(outer) | Outer::Shared(outer) => scope = outer,
                Outer::User(outer) => (scope, user) = (outer, true),
                Outer::Variables(variables) => return variables.get(name),
            }
        }
    }

    /// The names set in this very scope, with their values.
    pub fn own(&self) -> Vec<(Rc<str>, Value)> {
        let names = self.names.borrow();
        let values = names.iter().filter_map(|(name, named)| match named {
            Named::Value(value) => Some((name.clone(), value.clone())),
            Named::Unset => None,
        });
        values.collect()
    }
}
