//! Which names a template uses without setting them itself.

use std::rc::Rc;

use super::ast::{Args, Expr, Macro, Node, Stmt, Target};

/// The names used, in their order, each with its first place.
pub fn undeclared(body: &[Stmt]) -> Vec<(Rc<str>, usize)> {
    let mut finder = Finder {
        scopes: vec![Vec::new()],
        found: Vec::new(),
    };
    finder.body(body);
    finder.found
}

struct Finder {
    scopes: Vec<Vec<Rc<str>>>,
    found: Vec<(Rc<str>, usize)>,
}

impl Finder {
    fn set(&mut self, name: &Rc<str>) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(name.clone());
        }
    }

    fn inner(&mut self, run: impl FnOnce(&mut Self)) {
        self.scopes.push(Vec::new());
        run(self);
        self.scopes.pop();
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Name(name) => self.set(name),
            Target::Tuple(targets) => targets.iter().for_each(|target| self.target(target)),
            Target::Attribute(name, _, at) => self.name(name, *at),
        }
    }

    fn name(&mut self, name: &Rc<str>, at: usize) {
        let is_set = self.scopes.iter().any(|scope| scope.contains(name));
        if !is_set && !self.found.iter().any(|(known, _)| known == name) {
            self.found.push((name.clone(), at));
        }
    }

    fn body(&mut self, body: &[Stmt]) {
        body.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Text(_) => {}
            Stmt::Output(value) => self.expr(value),
            Stmt::If(branches, otherwise) => {
                for (condition, body) in branches {
                    self.expr(condition);
                    self.body(body);
                }
                self.body(otherwise);
            }
            Stmt::For(each) => {
                self.expr(&each.iterable);
                self.inner(|finder| {
                    finder.target(&each.target);
                    if let Some(filter) = &each.filter {
                        finder.expr(filter);
                    }
                    finder.set(&Rc::from("loop"));
                    finder.body(&each.body);
                });
                self.inner(|finder| finder.body(&each.otherwise));
            }
            Stmt::Set(target, value) => {
                self.expr(value);
                self.target(target);
            }
            Stmt::SetBlock(target, filter, body) => {
                self.inner(|finder| finder.body(body));
                if let Some(filter) = filter {
                    self.expr(filter);
                }
                self.target(target);
            }
            Stmt::With(values, body) => {
                values.iter().for_each(|(_, value)| self.expr(value));
                self.inner(|finder| {
                    values.iter().for_each(|(target, _)| finder.target(target));
                    finder.body(body);
                });
            }
            Stmt::FilterBlock(filter, body) => {
                self.expr(filter);
                self.inner(|finder| finder.body(body));
            }
            Stmt::Macro(definition) => {
                self.set(&definition.name);
                self.definition(definition);
            }
            Stmt::CallBlock(definition, call) => {
                self.expr(call);
                self.definition(definition);
            }
            Stmt::Block { body, .. } => self.inner(|finder| finder.body(body)),
            Stmt::Scope(body) => self.inner(|finder| finder.body(body)),
        }
    }

    fn definition(&mut self, definition: &Macro) {
        self.inner(|finder| {
            for (_, default) in &definition.parameters {
                default.iter().for_each(|default| finder.expr(default));
            }
            for (name, _) in &definition.parameters {
                finder.set(name);
            }
            for (uses, name) in [
                (definition.uses_varargs, "varargs"),
                (definition.uses_kwargs, "kwargs"),
                (definition.uses_caller, "caller"),
            ] {
                if uses {
                    finder.set(&Rc::from(name));
                }
            }
            finder.body(&definition.body);
        });
    }

    fn args(&mut self, args: &Args) {
        args.positional.iter().for_each(|value| self.expr(value));
        args.named.iter().for_each(|(_, value)| self.expr(value));
        args.rest.iter().for_each(|value| self.expr(value));
        args.rest_named.iter().for_each(|value| self.expr(value));
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.node {
            Node::Const(_) => {}
            Node::Name(name) => self.name(name, expr.at),
            Node::List(items) | Node::Tuple(items) | Node::Concat(items) => {
                items.iter().for_each(|item| self.expr(item));
            }
            Node::Dict(pairs) => {
                for (key, value) in pairs {
                    self.expr(key);
                    self.expr(value);
                }
            }
            Node::Attribute(value, _) | Node::Unary(_, value) => self.expr(value),
            Node::Item(one, two) | Node::Binary(_, one, two) => {
                self.expr(one);
                self.expr(two);
            }
            Node::Slice(value, parts) => {
                self.expr(value);
                parts.iter().flatten().for_each(|part| self.expr(part));
            }
            Node::Call(callee, args) => {
                self.expr(callee);
                self.args(args);
            }
            Node::Filter(value, _, args) => {
                value.iter().for_each(|value| self.expr(value));
                self.args(args);
            }
            Node::Test(value, _, args) => {
                self.expr(value);
                self.args(args);
            }
            Node::Compare(first, others) => {
                self.expr(first);
                others.iter().for_each(|(_, other)| self.expr(other));
            }
            Node::If(condition, value, otherwise) => {
                self.expr(condition);
                self.expr(value);
                otherwise.iter().for_each(|value| self.expr(value));
            }
        }
    }
}
