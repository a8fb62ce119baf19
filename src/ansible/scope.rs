//! Names and what they stand for, from the innermost scope outwards.

use std::cell::RefCell;
use std::rc::Rc;

use super::value::Value;

/// What names stand for outside of a template: its variables.
pub trait Context {
    /// The value of a variable, if there is one.
    fn get(&self, name: &str) -> Option<Value>;

    /// Drops the values that were made.
    fn empty(&self);
}

/// The names that a template, loop or macro sets.
pub struct Scope {
    names: RefCell<Vec<(Rc<str>, Value)>>,
    outer: Outer,
}

enum Outer {
    Scope(Rc<Scope>),
    Variables(Rc<dyn Context>),
}

impl Scope {
    /// The outermost scope of a template.
    pub fn top(variables: Rc<dyn Context>) -> Rc<Self> {
        Rc::new(Self {
            names: RefCell::default(),
            outer: Outer::Variables(variables),
        })
    }

    /// A scope within another one.
    pub fn inner(outer: &Rc<Self>) -> Rc<Self> {
        Rc::new(Self {
            names: RefCell::default(),
            outer: Outer::Scope(outer.clone()),
        })
    }

    /// Sets a name in this scope.
    pub fn set(&self, name: &Rc<str>, value: Value) {
        let mut names = self.names.borrow_mut();
        match names.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => names.push((name.clone(), value)),
        }
    }

    /// Drops the values of all names.
    pub fn empty(&self) {
        drop(self.names.take());
    }

    /// What a name stands for.
    pub fn get(&self, name: &str) -> Option<Value> {
        let mut scope = self;
        loop {
            if let Some((_, value)) = scope
                .names
                .borrow()
                .iter()
                .find(|(known, _)| &**known == name)
            {
                return Some(value.clone());
            }
            match &scope.outer {
                Outer::Scope(outer) => scope = outer,
                Outer::Variables(variables) => return variables.get(name),
            }
        }
    }
}
