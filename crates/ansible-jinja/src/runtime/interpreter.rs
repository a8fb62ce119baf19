//! Runs templates: statements one after the other, expressions as Python evaluates them.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use crate::python::{methods, operators};
use crate::runtime::callables::{LoopObject, MacroObject};
use crate::runtime::globals;
use crate::runtime::includes::{Blocks, Parent, Shared};
use crate::runtime::scope::Scope;
use crate::syntax::ast::{Args, Body, Expr, For, Node, Stmt, Target};
use crate::syntax::needed;
use crate::value::arguments::Given;
use crate::value::caught;
use crate::value::collect::Holder;
use crate::value::error::{Error, Result, fail};
use crate::value::{Key, Value, collect, limits, markup, print};
use crate::{filters, predicates};

/// Runs a template, macro or value.
#[derive(Clone)]
pub struct Interpreter {
    pub shared: Rc<Shared>,
    /// The file that is run; empty for the template itself.
    pub file: Rc<str>,
    /// Where the template itself uses that file.
    pub used_at: usize,
    /// The scope that blocks see.
    pub top: Rc<Scope>,
    /// The template's blocks, and those of what it extends.
    pub blocks: Blocks,
    /// What the template extends, once it does; none where it never does, or where that does not matter.
    pub parent: Option<Parent>,
    /// Names that were imported, which are not the template's own.
    pub imported: Rc<RefCell<Vec<Rc<str>>>>,
    /// Whether an undefined value is an error as soon as it is looked up: so it is within a loop that calls itself.
    pub strict: bool,
    /// Where undefined values are gathered, so that all of a template are found at once.
    pub undefined: Option<Rc<RefCell<Vec<Error>>>>,
    /// Within a block whose text is kept: what files print that are included without context. Jinja2 prints that at once,
    /// before the block.
    pub at_once: Option<Rc<RefCell<Vec<Printed>>>>,
}

/// Something that a template prints, with the expression that gave it.
#[derive(Clone)]
pub struct Printed {
    pub value: Value,
    place: Option<Place>,
}

/// Where an expression stands: position, length, the file, and where the template itself uses that.
#[derive(Clone)]
struct Place {
    at: usize,
    length: usize,
    file: Rc<str>,
    used_at: usize,
}

impl Printed {
    /// Says of a failure where it happened, unless that is known more precisely.
    pub fn placed(&self, error: Error) -> Error {
        match &self.place {
            Some(place) => error
                .at(place.at)
                .spanning_new(place.length)
                .in_file(&place.file, place.at)
                .in_file(&Rc::from(""), place.used_at),
            None => error,
        }
    }
}

impl From<Value> for Printed {
    fn from(value: Value) -> Self {
        Self { value, place: None }
    }
}

impl Interpreter {
    /// Runs the body of a macro or the like for what it prints: nothing, one value, or a text. What is undefined among
    /// that is its result; where a statement fails, all fails.
    pub fn run_inner(&self, body: &Body, scope: &Rc<Scope>) -> Result<Value> {
        let inner = Self {
            undefined: None,
            ..self.clone()
        };
        let mut out = Vec::new();
        inner.statements(&body.statements, scope, &mut out)?;
        caught(joined_values(out))
    }

    /// What an expression prints.
    fn printed(&self, value: Value, expr: &Expr) -> Printed {
        Printed {
            value: self.located(value, expr),
            place: Some(Place {
                at: expr.at,
                length: expr.length,
                file: self.file.clone(),
                used_at: self.used_at,
            }),
        }
    }

    /// Runs a block whose text is kept. What is printed at once within it goes out before it.
    fn keeping(
        &self,
        out: &mut Vec<Printed>,
        run: impl FnOnce(&Self) -> Result<Value>,
    ) -> Result<Value> {
        if self.at_once.is_some() {
            return run(self);
        }
        let at_once: Rc<RefCell<Vec<Printed>>> = Rc::default();
        let value = run(&Self {
            at_once: Some(at_once.clone()),
            ..self.clone()
        })?;
        out.extend(at_once.take());
        Ok(value)
    }

    /// Runs what `set` or a macro keeps: it is not lost in a template that extends another one.
    fn run_kept(&self, body: &Body, scope: &Rc<Scope>) -> Result<Value> {
        let inner = Self {
            parent: None,
            ..self.clone()
        };
        inner.run_inner(body, scope)
    }

    /// Runs statements.
    pub fn statements(
        &self,
        body: &[Stmt],
        scope: &Rc<Scope>,
        out: &mut Vec<Printed>,
    ) -> Result<()> {
        for statement in body {
            limits::step(1)?;
            let result = self
                .statement(statement, scope, out)
                .map_err(|error| error.in_file(&self.file, place_of(statement)));
            match (result, &self.undefined) {
                (Err(error), Some(undefined)) if error.is_undefined() => {
                    remember(undefined, error.in_file(&Rc::from(""), self.used_at));
                    self.remember_others(undefined, statement, scope);
                    if let Stmt::Set(target, _) | Stmt::SetBlock(target, ..) = statement {
                        // What follows from it is no news.
                        let _ = self.assign(target, Value::Nothing, scope);
                    }
                }
                (result, _) => result?,
            }
        }
        Ok(())
    }

    /// One undefined value hides the others of its expression.
    fn remember_others(
        &self,
        undefined: &RefCell<Vec<Error>>,
        statement: &Stmt,
        scope: &Rc<Scope>,
    ) {
        let mut names = Vec::new();
        if let Some(expr) = needed::first_expr(statement) {
            needed::names(expr, &mut names);
        }
        for (_, expr) in names {
            if let Ok(Value::Marker(error)) = self.eval(expr, scope)
                && error.is_undefined()
            {
                let error = (*error).clone().in_file(&self.file, expr.at);
                remember(undefined, error.in_file(&Rc::from(""), self.used_at));
            }
        }
    }

    fn statement(&self, statement: &Stmt, scope: &Rc<Scope>, out: &mut Vec<Printed>) -> Result<()> {
        match statement {
            Stmt::Text(_) | Stmt::Output(_) if self.is_extending() => {}
            Stmt::Text(text) => {
                limits::text(text.len())?;
                out.push(Value::Text(text.clone()).into());
            }
            Stmt::Output(expr) => {
                let value = self.eval(expr, scope)?;
                if self.undefined.is_some() {
                    check_deep(&value, 0)
                        .map_err(|error| error.at(expr.at).spanning_new(expr.length))?;
                }
                out.push(self.printed(snapshot(&value, 0), expr));
            }
            Stmt::If(branches, otherwise) => {
                for (condition, body) in branches {
                    if self.truth(condition, scope)? {
                        return self.statements(body, scope, out);
                    }
                }
                self.statements(otherwise, scope, out)?;
            }
            Stmt::For(each) => {
                let iterable = self.eval(&each.iterable, scope)?;
                limits::with_stack(|| self.each(each, iterable, scope, 0, out))?;
            }
            Stmt::Set(target, expr) => {
                let value = self.eval(expr, scope)?;
                self.assign(target, value, scope)
                    .map_err(|error| error.at(expr.at))?;
            }
            Stmt::SetBlock(target, filter, body) => {
                let mut value = self.keeping(out, |inner| {
                    inner.run_kept(body, &Scope::inner(scope, &body.unset))
                })?;
                if let Some(filter) = filter {
                    value = self.filtered(filter, value, scope)?;
                }
                self.assign(target, value, scope)?;
            }
            Stmt::With(values, body) => {
                let inner = Scope::inner(scope, &body.unset);
                let values: Vec<(&Target, Value)> = values
                    .iter()
                    .map(|(target, expr)| Ok((target, self.eval(expr, scope)?)))
                    .collect::<Result<_>>()?;
                for (target, value) in values {
                    self.assign(target, value, &inner)?;
                }
                self.statements(&body.statements, &inner, out)?;
            }
            Stmt::FilterBlock(filter, body) => {
                let value = self.keeping(out, |inner| {
                    inner.run_inner(body, &Scope::inner(scope, &body.unset))
                })?;
                out.push(self.printed(self.filtered(filter, value, scope)?, filter));
            }
            Stmt::Macro(definition) => {
                limits::items(8)?;
                let names: Weak<Scope> = Rc::downgrade(scope);
                collect::at_the_end(Holder::Names(names))?;
                let object = MacroObject::new(definition.clone(), scope.clone(), self);
                scope.set(&definition.name, Value::object(object));
            }
            Stmt::CallBlock(definition, call) => {
                let caller = MacroObject::new(definition.clone(), scope.clone(), self);
                let Node::Call(callee, args) = &call.node else {
                    return fail("`call` needs the call of a macro");
                };
                let mut given = self.given(args, scope)?;
                given
                    .named
                    .push(("caller".to_owned(), Value::object(caller)));
                let value = self.call(callee, given, call, scope)?;
                out.push(self.printed(value, call));
            }
            Stmt::Block { outermost, .. } if *outermost && self.is_extending() => {}
            Stmt::Block { block, .. } => self.block(block, scope, out)?,
            Stmt::Include {
                file,
                with_context,
                ignore_missing,
            } => self
                .include(file, *with_context, *ignore_missing, scope, out)
                .map_err(|error| self.placed(error, file))?,
            Stmt::Import {
                file,
                name,
                with_context,
            } => {
                let module = self
                    .import(file, *with_context, scope)
                    .map_err(|error| self.placed(error, file))?;
                scope.set(name, Value::object(module));
                self.imported.borrow_mut().push(name.clone());
            }
            Stmt::FromImport {
                file,
                names,
                with_context,
            } => {
                let module = self
                    .import(file, *with_context, scope)
                    .map_err(|error| self.placed(error, file))?;
                for (name, known) in names {
                    scope.set(known, module.name(name));
                    self.imported.borrow_mut().push(known.clone());
                }
            }
            Stmt::Extends { file } => self
                .extends(file, scope)
                .map_err(|error| self.placed(error, file))?,
            Stmt::Scope(body) => {
                let inner = Scope::inner(scope, &body.unset);
                self.statements(&body.statements, &inner, out)?;
            }
        }
        Ok(())
    }

    /// One level of a loop.
    pub fn each(
        &self,
        each: &Rc<For>,
        iterable: Value,
        scope: &Rc<Scope>,
        depth: usize,
        out: &mut Vec<Printed>,
    ) -> Result<()> {
        let at = |error: Error| {
            error
                .at(each.iterable.at)
                .spanning_new(each.iterable.length)
        };
        if each.recursive {
            let bodies = [&each.body, &each.otherwise];
            bodies.iter().try_for_each(|body| refuse_at_once(body))?;
        }
        let items = iterable.iterate().map_err(at)?;
        let state = Rc::new(LoopObject::new(
            items,
            depth,
            each.clone(),
            scope.clone(),
            self,
        ));
        if state.item(0).map_err(at)?.is_none() {
            let inner = Scope::inner(scope, &each.otherwise.unset);
            return self.statements(&each.otherwise.statements, &inner, out);
        }
        let name: Rc<str> = Rc::from("loop");
        let mut index = 0;
        while let Some(item) = state.item(index).map_err(at)? {
            limits::step(1).map_err(at)?;
            state.index.set(index);
            let inner = Scope::inner(scope, &each.body.unset);
            if each.uses_loop {
                inner.set(&name, Value::Object(state.clone()));
            }
            self.assign(&each.target, item, &inner).map_err(at)?;
            self.statements(&each.body.statements, &inner, out)
                .map_err(at)?;
            index += 1;
        }
        Ok(())
    }

    /// Whether a loop's `if` lets an item through. It knows of the loops around it, not of its own.
    pub fn is_chosen(&self, each: &For, item: &Value, scope: &Rc<Scope>) -> Result<bool> {
        let Some(filter) = &each.filter else {
            return Ok(true);
        };
        let inner = Scope::inner(scope, &[]);
        self.assign(&each.target, item.clone(), &inner)?;
        self.truth(filter, &inner)
    }

    fn assign(&self, target: &Target, value: Value, scope: &Rc<Scope>) -> Result<()> {
        match target {
            Target::Name(name) => scope.set(name, value),
            Target::Tuple(targets) => {
                let items = value.usable()?.iterate()?;
                if items.len() != targets.len() {
                    let problem = if items.len() > targets.len() {
                        "too many"
                    } else {
                        "not enough"
                    };
                    return fail(format!(
                        "{problem} values to unpack: {} names for {} values",
                        targets.len(),
                        items.len()
                    ));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign(target, item, scope)?;
                }
            }
            Target::Attribute(name, attribute, at) => match scope.get(name) {
                Some(Value::Object(object)) => {
                    if collect::holds_others(&value) {
                        collect::changed(&Value::Object(object.clone()))?;
                    }
                    object
                        .set_attribute(attribute, value)
                        .map_err(|error| error.at(*at))?;
                }
                Some(Value::Marker(error)) => return Err((*error).clone()),
                None => {
                    return Err(Error::unknown_name(name).at(*at).spanning(name.len()));
                }
                Some(_) => {
                    return Err(
                        Error::failed("cannot assign attribute on non-namespace object")
                            .hint("Only attributes of a `namespace()` can be set.")
                            .at(*at),
                    );
                }
            },
        }
        Ok(())
    }

    fn truth(&self, expr: &Expr, scope: &Rc<Scope>) -> Result<bool> {
        self.eval(expr, scope)?
            .truth()
            .map_err(|error| error.at(expr.at).spanning_new(expr.length))
    }

    /// Evaluates an expression. What is undefined is a value, too, until it is used.
    pub fn eval(&self, expr: &Expr, scope: &Rc<Scope>) -> Result<Value> {
        limits::step(1)?;
        let value = limits::with_stack(|| self.node(expr, scope))
            .map_err(|error| self.placed(error, expr))?
            .forced();
        if let Value::Marker(error) = &value {
            if error.is_fatal() || self.strict && error.is_undefined() {
                return Err(self.placed((**error).clone(), expr));
            }
            return Ok(self.located(value, expr));
        }
        Ok(value)
    }

    /// Says of a failure where it happened, unless that is known more precisely.
    fn placed(&self, error: Error, expr: &Expr) -> Error {
        error
            .at(expr.at)
            .spanning_new(expr.length)
            .in_file(&self.file, expr.at)
    }

    /// Says of a value that fails where it is used, unless its own place is known.
    fn located(&self, value: Value, expr: &Expr) -> Value {
        match value {
            Value::Marker(error) if error.lacks_place(&self.file) => {
                Value::Marker(Rc::new(self.placed((*error).clone(), expr)))
            }
            value => value,
        }
    }

    fn node(&self, expr: &Expr, scope: &Rc<Scope>) -> Result<Value> {
        match &expr.node {
            Node::Const(value) => Ok(value.clone()),
            Node::Name(name) => Ok(scope
                .get(name)
                .or_else(|| globals::get(name, &self.shared.variables))
                .unwrap_or_else(|| {
                    let error = Error::unknown_name(name);
                    Value::Marker(Rc::new(error.at(expr.at).spanning(expr.length)))
                })),
            Node::List(items) => {
                limits::items(4 + items.len())?;
                Ok(Value::list(self.all(items, scope)?))
            }
            Node::Tuple(items) => {
                limits::items(1 + items.len())?;
                Ok(Value::tuple(self.all(items, scope)?))
            }
            Node::Dict(pairs) => {
                limits::items(4 + 3 * pairs.len())?;
                let mut entries = indexmap::IndexMap::with_capacity(pairs.len());
                for (key, value) in pairs {
                    let key = Key::new(self.eval(key, scope)?)?;
                    entries.insert(key, self.eval(value, scope)?);
                }
                Ok(Value::from_entries(entries))
            }
            Node::Attribute(inner, name) => {
                let value = self.eval(inner, scope)?;
                operators::attribute(&value, name, || dotted(expr))
            }
            Node::Item(inner, index) => {
                let value = self.eval(inner, scope)?;
                let index = self.eval(index, scope)?;
                operators::item(&value, &index, || dotted(expr))
            }
            Node::Slice(inner, parts) => {
                let value = self.eval(inner, scope)?;
                let mut bounds = [Value::None, Value::None, Value::None];
                for (bound, part) in bounds.iter_mut().zip(parts) {
                    if let Some(part) = part {
                        *bound = self.eval(part, scope)?;
                    }
                }
                markup::joined(operators::slice(&value, &bounds)?, std::iter::once(&value))
            }
            Node::Call(callee, args) => {
                let given = self.given(args, scope)?;
                self.call(callee, given, expr, scope)
            }
            Node::Filter(Some(value), name, args) => {
                let value = self.eval(value, scope)?;
                let given = self.given(args, scope)?;
                filters::call(name, value, given)
            }
            Node::Filter(None, ..) => fail("a filter stands here without a value"),
            Node::Test(value, name, args) => {
                let is_path = matches!(
                    value.node,
                    Node::Name(_) | Node::Attribute(..) | Node::Item(..)
                );
                let value = match self.eval(value, scope) {
                    // This can be asked of what cannot be opened, too.
                    Err(error)
                        if is_path
                            && error.encrypted_text().is_some()
                            && predicates::is_vault_encrypted(name) =>
                    {
                        Value::Marker(Rc::new(error))
                    }
                    value => value?,
                };
                let given = self.given(args, scope)?;
                predicates::call(name, value, given)
            }
            Node::Compare(first, others) => {
                let mut left = self.eval(first, scope)?;
                for (operator, right) in others {
                    let right = self.eval(right, scope)?;
                    if !operators::compare(operator, &left, &right)? {
                        return Ok(Value::Bool(false));
                    }
                    left = right;
                }
                Ok(Value::Bool(true))
            }
            Node::Binary("and", left, right) => {
                let value = self.eval(left, scope)?;
                if value.truth()? {
                    self.eval(right, scope)
                } else {
                    Ok(value)
                }
            }
            Node::Binary("or", left, right) => {
                let value = self.eval(left, scope)?;
                if value.truth()? {
                    Ok(value)
                } else {
                    self.eval(right, scope)
                }
            }
            Node::Binary(operator, left, right) => {
                let left = self.eval(left, scope)?;
                let right = self.eval(right, scope)?;
                operators::binary(operator, &left, &right)
            }
            Node::Unary("not", value) => Ok(Value::Bool(!self.eval(value, scope)?.truth()?)),
            Node::Unary(sign, value) => operators::unary(sign, &self.eval(value, scope)?),
            Node::Concat(parts) => {
                let mut text = String::new();
                for part in parts {
                    let value = self.eval(part, scope)?.usable()?;
                    text.push_str(&print::text(&value)?);
                }
                limits::text(text.len())?;
                Ok(Value::from(text))
            }
            Node::If(condition, value, otherwise) => {
                if self.truth(condition, scope)? {
                    self.eval(value, scope)
                } else {
                    match otherwise {
                        Some(otherwise) => self.eval(otherwise, scope),
                        None => Ok(Value::Nothing),
                    }
                }
            }
        }
    }

    fn all(&self, items: &[Expr], scope: &Rc<Scope>) -> Result<Vec<Value>> {
        items.iter().map(|item| self.eval(item, scope)).collect()
    }

    fn given(&self, args: &Args, scope: &Rc<Scope>) -> Result<Given> {
        let mut given = Given::positional(self.all(&args.positional, scope)?);
        for (name, value) in &args.named {
            given.named.push((name.clone(), self.eval(value, scope)?));
        }
        if let Some(rest) = &args.rest {
            given.positional.extend(self.eval(rest, scope)?.items()?);
        }
        if let Some(rest) = &args.rest_named {
            let value = self.eval(rest, scope)?.usable()?;
            let Some(pairs) = value.pairs() else {
                return fail(format!(
                    "argument after ** must be a mapping, not {}",
                    value.type_name()
                ));
            };
            for (key, value) in pairs {
                let Some(key) = key.as_str() else {
                    return fail("keywords must be strings");
                };
                if given.named.iter().any(|(known, _)| known == key) {
                    return fail(format!("got multiple values for keyword argument '{key}'"));
                }
                given.named.push((key.to_owned(), value));
            }
        }
        Ok(given)
    }

    fn call(&self, callee: &Expr, given: Given, expr: &Expr, scope: &Rc<Scope>) -> Result<Value> {
        if let Node::Attribute(object, name) = &callee.node {
            let object = self.eval(object, scope)?;
            if methods::exists(&object, name) {
                if let Some(marker) = given.marker() {
                    return Ok(marker.clone());
                }
                let given = given.own()?;
                let arguments = given.positional.clone();
                let made = methods::call(&object, name, given).and_then(Value::own);
                return caught(made.and_then(|made| {
                    markup::joined(made, std::iter::once(&object).chain(&arguments))
                }));
            }
            let function = operators::attribute(&object, name, || dotted(callee))?;
            return self.call_value(function, given, callee);
        }
        let function = self.eval(callee, scope)?;
        let _ = expr;
        self.call_value(function, given, callee)
    }

    fn call_value(&self, function: Value, given: Given, callee: &Expr) -> Result<Value> {
        match function.forced() {
            Value::Marker(error) if error.is_fatal() => Err((*error).clone()),
            Value::Marker(error) => Ok(Value::Marker(error)),
            Value::Object(object) if object.is_callable() => {
                if !object.takes_markers()
                    && let Some(marker) = given.marker()
                {
                    return Ok(marker.clone());
                }
                if given.named.iter().any(|(name, _)| name == "self") {
                    return fail("got multiple values for argument 'self'");
                }
                caught(limits::deeper(|| object.call(given.own()?)?.own()))
            }
            other => caught(Err(Error::failed(format!(
                "`{}` cannot be called: it is {}",
                dotted(callee),
                print::article(&other)
            )))),
        }
    }

    /// Puts a value through the filters of a block.
    fn filtered(&self, filter: &Expr, value: Value, scope: &Rc<Scope>) -> Result<Value> {
        let Node::Filter(inner, name, args) = &filter.node else {
            return fail("a block is put through filters only");
        };
        let value = match inner {
            Some(inner) => self.filtered(inner, value, scope)?,
            None => value,
        };
        let given = self.given(args, scope)?;
        filters::call(name, value, given).map_err(|error| error.at(filter.at))
    }
}

impl Error {
    /// Gives the length of what is meant, where only the place was known.
    fn spanning_new(self, length: usize) -> Self {
        match self.place() {
            Some((_, 1)) => self.spanning(length),
            _ => self,
        }
    }
}

fn remember(undefined: &RefCell<Vec<Error>>, error: Error) {
    let mut known = undefined.borrow_mut();
    let is_known = known.iter().any(|known| {
        known.kind() == error.kind()
            && known.place() == error.place()
            && known.file() == error.file()
    });
    if !is_known && known.len() < 100 {
        known.push(error);
    }
}

/// Fails where something undefined stands within a value that is printed.
fn check_deep(value: &Value, depth: usize) -> Result<()> {
    if depth > 100 {
        return Ok(());
    }
    match value {
        Value::Marker(_) | Value::Lazy(_) => value.check(),
        Value::List(_) | Value::Tuple(_) => value
            .iterate()?
            .iter()
            .try_for_each(|item| check_deep(item, depth + 1)),
        Value::Dict(_) => {
            let pairs = value.pairs().unwrap_or_default();
            pairs
                .iter()
                .try_for_each(|(_, item)| check_deep(item, depth + 1))
        }
        _ => Ok(()),
    }
}

/// A collection as it is now: methods that change it later do not change what is printed.
fn snapshot(value: &Value, depth: usize) -> Value {
    if depth > 100 {
        return value.clone();
    }
    match value {
        Value::List(list) => Value::List(Rc::new(crate::value::List {
            items: RefCell::new(
                list.items
                    .borrow()
                    .iter()
                    .map(|item| snapshot(item, depth + 1))
                    .collect(),
            ),
            given: list.given,
            asked: list.asked.clone(),
        })),
        Value::Dict(dict) => {
            let entries = dict.entries.borrow();
            Value::from_entries(
                entries
                    .iter()
                    .map(|(key, item)| (key.clone(), snapshot(item, depth + 1)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

/// Where a statement's first expression stands.
fn place_of(statement: &Stmt) -> usize {
    match statement {
        Stmt::Output(expr)
        | Stmt::Set(_, expr)
        | Stmt::FilterBlock(expr, _)
        | Stmt::CallBlock(_, expr)
        | Stmt::Include { file: expr, .. }
        | Stmt::Import { file: expr, .. }
        | Stmt::FromImport { file: expr, .. }
        | Stmt::Extends { file: expr } => expr.at,
        Stmt::If(branches, _) => branches.first().map_or(0, |(expr, _)| expr.at),
        Stmt::For(each) => each.iterable.at,
        Stmt::With(values, _) => values.first().map_or(0, |(_, expr)| expr.at),
        Stmt::Block { block, .. } => block.at,
        Stmt::Text(_) | Stmt::SetBlock(..) | Stmt::Macro(_) | Stmt::Scope(_) => 0,
    }
}

/// What was printed, as one value: nothing is none, a single value stays what it is, several make a text.
pub fn joined_values(out: Vec<Printed>) -> Result<Value> {
    joined(out).map(|printed| printed.value)
}

/// The same with its place, where it is a single value.
pub fn joined(out: Vec<Printed>) -> Result<Printed> {
    let mut values: Vec<Printed> = out
        .into_iter()
        .map(|printed| Printed {
            value: printed.value.forced(),
            ..printed
        })
        .filter(|printed| !printed.value.is_none())
        .collect();
    match values.len() {
        0 => return Ok(Value::None.into()),
        1 => return Ok(values.swap_remove(0)),
        _ => {}
    }
    let mut text = String::new();
    for printed in values {
        let part = match &printed.value {
            Value::Text(part) => {
                text.push_str(part);
                continue;
            }
            Value::Omit => continue,
            Value::Bytes(bytes) => crate::python::methods::text::decode(bytes, "utf-8"),
            other => stored(other, false).and_then(|value| print::text(&value)),
        };
        text.push_str(&part.map_err(|error| printed.placed(error))?);
    }
    limits::text(text.len())?;
    Ok(Value::from(text).into())
}

/// Refuses what runs as a Python function of its own (a macro, a call block, a recursive loop) and holds an `include` without
/// context, whether that is reached or not: what is printed at once is then all that it gives, as a list.
pub fn refuse_at_once(body: &Body) -> Result<()> {
    match printed_at_once(&body.statements) {
        None => Ok(()),
        Some(file) => Err(Error::unsupported(
            "`include … without context` is refused within a macro, a `call` and a recursive loop: Ansible prints a Python list there",
            "Leave out `without context`, or put the `include` outside.",
        )
        .at(file.at)
        .spanning(file.length)),
    }
}

/// The first file that is included without context by the statements, and by what runs as one function with them.
fn printed_at_once(body: &[Stmt]) -> Option<&Expr> {
    body.iter().find_map(|statement| match statement {
        Stmt::Include {
            file,
            with_context: false,
            ..
        } => Some(file),
        Stmt::If(branches, otherwise) => branches
            .iter()
            .find_map(|(_, body)| printed_at_once(body))
            .or_else(|| printed_at_once(otherwise)),
        Stmt::For(each) if !each.recursive => printed_at_once(&each.body.statements)
            .or_else(|| printed_at_once(&each.otherwise.statements)),
        Stmt::SetBlock(_, _, body)
        | Stmt::With(_, body)
        | Stmt::FilterBlock(_, body)
        | Stmt::Scope(body) => printed_at_once(&body.statements),
        _ => None,
    })
}

/// A value as Ansible keeps and prints it: tuples become lists, `omit` leaves out its entry, nothing undefined is left.
/// `whole` says that it is all that a template gives, which must be something that variables can hold.
pub fn stored(value: &Value, whole: bool) -> Result<Value> {
    stored_at(value, whole, 0)
}

fn stored_at(value: &Value, whole: bool, depth: usize) -> Result<Value> {
    limits::items(2)?;
    limits::step(1)?;
    if depth > 150 {
        return fail("this value is nested too deep");
    }
    let list = |items: Vec<Value>| -> Result<Value> {
        let items = items.iter().filter(|item| !matches!(item, Value::Omit));
        Ok(Value::list(
            items
                .map(|item| stored_at(item, whole, depth + 1))
                .collect::<Result<_>>()?,
        ))
    };
    Ok(match value {
        Value::List(_) | Value::Tuple(_) => list(value.iterate()?)?,
        Value::Dict(_) => {
            let mut entries = indexmap::IndexMap::new();
            for (key, item) in value.pairs().unwrap_or_default() {
                if !matches!(item, Value::Omit) {
                    // A tuple becomes a list, which cannot be a key.
                    let key = Key::new(stored_at(&key, whole, depth + 1)?)?;
                    entries.insert(key, stored_at(&item, whole, depth + 1)?);
                }
            }
            Value::from_entries(entries)
        }
        Value::Marker(error) => return Err((**error).clone()),
        Value::Lazy(lazy) => stored_at(&lazy.value(), whole, depth)?,
        Value::Object(object) if whole => match object.iterate() {
            Some(items) => list(items?)?,
            None => return unsupported(value),
        },
        Value::Set(_) if whole => list(value.iterate()?)?,
        Value::Range(_) | Value::Nothing | Value::Delta(_) if whole => return unsupported(value),
        Value::Omit if depth == 0 && whole => {
            return fail("the whole value is `omit`, which leaves nothing");
        }
        other => other.clone(),
    })
}

fn unsupported<T>(value: &Value) -> Result<T> {
    Err(Error::failed(format!(
        "Type '{}' is unsupported for variable storage",
        value.type_name()
    ))
    .hint(match value {
        Value::Range(_) => "Put `| list` behind it.",
        Value::Nothing => "The inline `if` is false, and has no `else`.",
        _ => "Make a text, a number, a list or a mapping of it.",
    }))
}

/// An expression as it would be written: `a.b[0]`.
pub fn dotted(expr: &Expr) -> String {
    match &expr.node {
        Node::Name(name) => name.to_string(),
        Node::Attribute(inner, name) => format!("{}.{name}", dotted(inner)),
        Node::Item(inner, index) => match &index.node {
            Node::Const(value) => format!("{}[{value:?}]", dotted(inner)),
            _ => format!("{}[{}]", dotted(inner), dotted(index)),
        },
        Node::Call(callee, _) => format!("{}(…)", dotted(callee)),
        Node::Filter(Some(inner), name, _) => format!("{} | {name}", dotted(inner)),
        Node::Const(value) => format!("{value:?}"),
        _ => "…".to_owned(),
    }
}
