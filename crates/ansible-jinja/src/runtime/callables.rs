//! What templates call, and the objects that Jinja2 gives them: macros, `loop`, `namespace`, `cycler`, `joiner`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use indexmap::IndexMap;

use crate::runtime::interpreter::{Interpreter, refuse_at_once};
use crate::runtime::scope::Scope;
use crate::syntax::ast::{For, Macro};
use crate::value::arguments::Given;
use crate::value::error::{Error, Result, fail};
use crate::value::object::Object;
use crate::value::{Key, Value, collect, limits};

/// A macro, or the body of a call block.
pub struct MacroObject {
    definition: Rc<Macro>,
    scope: Rc<Scope>,
    interpreter: Interpreter,
}

impl MacroObject {
    pub fn new(definition: Rc<Macro>, scope: Rc<Scope>, interpreter: &Interpreter) -> Self {
        Self {
            definition,
            scope,
            interpreter: Interpreter {
                undefined: None,
                strict: false,
                parent: None,
                at_once: None,
                ..interpreter.clone()
            },
        }
    }
}

impl Object for MacroObject {
    fn type_name(&self) -> &'static str {
        "Macro"
    }

    fn text(&self) -> Result<String> {
        Ok(format!("<Macro '{}'>", self.definition.name))
    }

    fn attribute(&self, name: &str) -> Option<Result<Value>> {
        Some(Ok(match name {
            "name" => Value::text(&*self.definition.name),
            "arguments" => Value::tuple(
                self.definition
                    .parameters
                    .iter()
                    .map(|(name, _)| Value::text(&**name))
                    .collect(),
            ),
            "catch_kwargs" => Value::Bool(self.definition.uses_kwargs),
            "catch_varargs" => Value::Bool(self.definition.uses_varargs),
            "caller" => Value::Bool(self.definition.uses_caller),
            _ => return None,
        }))
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn takes_markers(&self) -> bool {
        true
    }

    fn call(&self, given: Given) -> Result<Value> {
        let definition = &self.definition;
        refuse_at_once(&definition.body)
            .map_err(|error| error.in_file(&self.interpreter.file, 0))?;
        let scope = Scope::inner(&self.scope, &definition.body.unset);
        let mut positional = given.positional.into_iter();
        let mut named = given.named;
        for (name, default) in &definition.parameters {
            let by_name = named
                .iter()
                .position(|(known, _)| **known == **name)
                .map(|index| named.remove(index).1);
            let value = match (positional.next(), by_name) {
                (Some(_), Some(_)) => {
                    return fail(format!(
                        "macro '{}' got its argument '{name}' twice",
                        definition.name
                    ));
                }
                (Some(value), None) | (None, Some(value)) => value,
                (None, None) => match default {
                    Some(default) => self.interpreter.eval(default, &scope)?,
                    None => Value::Marker(Rc::new(Error::undefined(
                        &**name,
                        format!(
                            "parameter '{name}' of macro '{}' was not provided",
                            definition.name
                        ),
                    ))),
                },
            };
            scope.set(name, value);
        }
        let further: Vec<Value> = positional.collect();
        let declares = |name: &str| {
            definition
                .parameters
                .iter()
                .any(|(known, _)| &**known == name)
        };
        if definition.uses_caller && !declares("caller") {
            let caller = named
                .iter()
                .position(|(name, _)| name == "caller")
                .map(|index| named.remove(index).1);
            let none = || Value::Marker(Rc::new(Error::undefined("caller", "No caller defined")));
            scope.set(&Rc::from("caller"), caller.unwrap_or_else(none));
        }
        if definition.uses_kwargs {
            let entries = named
                .drain(..)
                .map(|(name, value)| (Key::text(&name), value));
            scope.set(&Rc::from("kwargs"), Value::from_entries(entries.collect()));
        } else if let Some((name, _)) = named.first() {
            return if name == "caller" {
                fail(format!(
                    "macro '{}' was invoked with two values for the special caller argument or does not use `caller()`",
                    definition.name
                ))
            } else {
                fail(format!(
                    "macro '{}' takes no keyword argument '{name}'",
                    definition.name
                ))
            };
        }
        if definition.uses_varargs {
            scope.set(&Rc::from("varargs"), Value::tuple(further));
        } else if !further.is_empty() {
            return fail(format!(
                "macro '{}' takes not more than {} argument(s)",
                definition.name,
                definition.parameters.len()
            ));
        }
        self.interpreter.run_inner(&definition.body, &scope)
    }
}

/// The `loop` of a loop's body.
pub struct LoopObject {
    pub index: Cell<usize>,
    /// What the loop walks through, as far as its `if` was asked: it is asked for an item when that is needed, as what it
    /// finds then may have been changed by the items before.
    items: RefCell<Vec<Value>>,
    pending: RefCell<std::vec::IntoIter<Value>>,
    depth: usize,
    changed: RefCell<Option<Vec<Value>>>,
    each: Rc<For>,
    scope: Rc<Scope>,
    interpreter: Interpreter,
}

impl LoopObject {
    pub fn new(
        items: Vec<Value>,
        depth: usize,
        each: Rc<For>,
        scope: Rc<Scope>,
        interpreter: &Interpreter,
    ) -> Self {
        Self {
            index: Cell::new(0),
            items: RefCell::default(),
            pending: RefCell::new(items.into_iter()),
            depth,
            changed: RefCell::new(None),
            each,
            scope,
            interpreter: interpreter.clone(),
        }
    }

    /// An item, if there are so many.
    pub fn item(&self, index: usize) -> Result<Option<Value>> {
        while self.items.borrow().len() <= index {
            let Some(item) = self.pending.borrow_mut().next() else {
                return Ok(None);
            };
            limits::step(1)?;
            if self.interpreter.is_chosen(&self.each, &item, &self.scope)? {
                self.items.borrow_mut().push(item);
            }
        }
        Ok(self.items.borrow().get(index).cloned())
    }

    fn length(&self) -> Result<usize> {
        self.item(usize::MAX)?;
        Ok(self.items.borrow().len())
    }

    fn neighbour(&self, index: Option<usize>, which: &str) -> Result<Value> {
        let item = match index {
            Some(index) => self.item(index)?,
            None => None,
        };
        Ok(match item {
            Some(item) => item,
            None => Value::Marker(Rc::new(Error::undefined(
                format!("loop.{which}"),
                format!("there is no {which} item"),
            ))),
        })
    }
}

impl Object for LoopObject {
    fn type_name(&self) -> &'static str {
        "LoopContext"
    }

    fn text(&self) -> Result<String> {
        Ok(format!(
            "<LoopContext {}/{}>",
            self.index.get() + 1,
            self.length()?
        ))
    }

    fn attribute(&self, name: &str) -> Option<Result<Value>> {
        let index = self.index.get();
        let found = match name {
            "index" => Ok(Value::from(index + 1)),
            "index0" => Ok(Value::from(index)),
            "revindex" => self.length().map(|length| Value::from(length - index)),
            "revindex0" => self.length().map(|length| Value::from(length - index - 1)),
            "first" => Ok(Value::Bool(index == 0)),
            "last" => self.item(index + 1).map(|next| Value::Bool(next.is_none())),
            "length" => self.length().map(Value::from),
            "depth" => Ok(Value::from(self.depth + 1)),
            "depth0" => Ok(Value::from(self.depth)),
            "previtem" => self.neighbour(index.checked_sub(1), "previous"),
            "nextitem" => self.neighbour(Some(index + 1), "next"),
            _ => return None,
        };
        Some(found)
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, given: Given) -> Result<Value> {
        if !self.each.recursive {
            return fail("The loop must have the 'recursive' marker to be called recursively.");
        }
        let [iterable] = given.positional.as_slice() else {
            return fail("a recursive loop is called with one value to walk through");
        };
        let inner = Interpreter {
            strict: true,
            undefined: None,
            ..self.interpreter.clone()
        };
        let mut out = Vec::new();
        inner.each(
            &self.each,
            iterable.clone(),
            &self.scope,
            self.depth + 1,
            &mut out,
        )?;
        crate::runtime::interpreter::joined_values(out)
    }

    fn len(&self) -> Option<usize> {
        self.length().ok()
    }

    fn methods(&self) -> &'static [&'static str] {
        &["changed", "cycle"]
    }

    fn call_method(&self, name: &str, given: Given) -> Result<Value> {
        match name {
            "changed" => self.changed(given),
            _ => self.cycle(&given),
        }
    }
}

impl LoopObject {
    /// `loop.cycle(…)`
    fn cycle(&self, given: &Given) -> Result<Value> {
        if given.positional.is_empty() {
            return fail("no items for cycling given");
        }
        Ok(given.positional[self.index.get() % given.positional.len()].clone())
    }

    /// `loop.changed(…)`
    fn changed(&self, given: Given) -> Result<Value> {
        let mut last = self.changed.borrow_mut();
        let same = match &*last {
            Some(last) => {
                Value::tuple(last.clone()).equals(&Value::tuple(given.positional.clone()))?
            }
            None => false,
        };
        if same {
            return Ok(Value::Bool(false));
        }
        *last = Some(given.positional);
        Ok(Value::Bool(true))
    }
}

/// `namespace(…)`
pub struct Namespace(RefCell<IndexMap<String, Value>>);

impl Drop for Namespace {
    fn drop(&mut self) {
        self.empty();
    }
}

impl Namespace {
    pub fn create(given: Given) -> Result<Value> {
        let mut attributes = IndexMap::new();
        for value in given.positional {
            let Some(pairs) = value.pairs() else {
                return fail("`namespace` takes mappings and named values");
            };
            for (key, value) in pairs {
                attributes.insert(crate::value::print::text(&key)?, value);
            }
        }
        attributes.extend(given.named);
        limits::items(8 + 4 * attributes.len())?;
        Ok(Value::object(Self(RefCell::new(attributes))))
    }
}

impl Object for Namespace {
    fn type_name(&self) -> &'static str {
        "Namespace"
    }

    fn text(&self) -> Result<String> {
        let entries = self
            .0
            .borrow()
            .iter()
            .map(|(name, value)| (Key::text(name), value.clone()))
            .collect();
        Ok(format!(
            "<Namespace {}>",
            crate::value::print::repr(&Value::from_entries(entries))?
        ))
    }

    fn attribute(&self, name: &str) -> Option<Result<Value>> {
        self.0.borrow().get(name).cloned().map(Ok)
    }

    fn item(&self, index: &Value) -> Option<Result<Value>> {
        self.attribute(index.as_str()?)
    }

    fn set_attribute(&self, name: &str, value: Value) -> Result<()> {
        limits::step(1)?;
        let before = self.0.borrow_mut().insert(name.to_owned(), value);
        drop(before);
        Ok(())
    }

    fn empty(&self) {
        collect::within(self.0.take().into_values());
    }
}

/// `cycler(…)`
pub struct Cycler {
    items: Vec<Value>,
    position: Cell<usize>,
}

impl Cycler {
    pub fn create(given: Given) -> Result<Value> {
        if given.positional.is_empty() {
            return fail("at least one item has to be provided");
        }
        limits::items(4 + given.positional.len())?;
        Ok(Value::object(Self {
            items: given.positional,
            position: Cell::new(0),
        }))
    }
}

impl Object for Cycler {
    fn type_name(&self) -> &'static str {
        "Cycler"
    }

    fn text(&self) -> Result<String> {
        Err(Error::unsupported(
            "this text would be different each time",
            "Ask for a value of it.",
        ))
    }

    fn attribute(&self, name: &str) -> Option<Result<Value>> {
        Some(Ok(match name {
            "current" => self.items[self.position.get()].clone(),
            "items" => Value::tuple(self.items.clone()),
            "pos" => Value::from(self.position.get()),
            _ => return None,
        }))
    }

    fn methods(&self) -> &'static [&'static str] {
        &["next", "reset"]
    }

    fn call_method(&self, name: &str, given: Given) -> Result<Value> {
        given.bind(name, &[])?;
        let position = self.position.get();
        Ok(match name {
            "next" => {
                self.position.set((position + 1) % self.items.len());
                self.items[position].clone()
            }
            _ => {
                self.position.set(0);
                Value::None
            }
        })
    }
}

/// `joiner(…)`: nothing when it is called first, the separator from then on.
pub struct Joiner {
    separator: Value,
    used: Cell<bool>,
}

impl Joiner {
    pub fn create(given: Given) -> Result<Value> {
        let given = given.bind("joiner", &["sep"])?;
        Ok(Value::object(Self {
            separator: given
                .get("sep")
                .cloned()
                .unwrap_or_else(|| Value::text(", ")),
            used: Cell::new(false),
        }))
    }
}

impl Object for Joiner {
    fn type_name(&self) -> &'static str {
        "Joiner"
    }

    fn text(&self) -> Result<String> {
        Err(Error::unsupported(
            "this text would be different each time",
            "Ask for a value of it.",
        ))
    }

    fn attribute(&self, name: &str) -> Option<Result<Value>> {
        match name {
            "sep" => Some(Ok(self.separator.clone())),
            "used" => Some(Ok(Value::Bool(self.used.get()))),
            _ => None,
        }
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, given: Given) -> Result<Value> {
        given.bind("joiner", &[])?;
        Ok(if self.used.replace(true) {
            self.separator.clone()
        } else {
            Value::text("")
        })
    }
}
