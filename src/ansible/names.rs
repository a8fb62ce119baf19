//! Which names a template uses without setting them itself.

use std::rc::Rc;

use super::ast::{Args, Expr, Macro, Node, Stmt, Target};

/// Whether statements use a name that they do not set themselves.
pub fn uses(body: &[Stmt], name: &str) -> bool {
    undeclared(body).iter().any(|(known, _)| &**known == name)
}

/// The names used, in their order, each with its first place.
pub fn undeclared(body: &[Stmt]) -> Vec<(Rc<str>, usize)> {
    let mut finder = Finder {
        scopes: vec![Vec::new()],
        found: Vec::new(),
        assigned: Vec::new(),
    };
    finder.body(body);
    finder.found
}

/// All names that are set, wherever.
pub fn assigned(body: &[Stmt]) -> Vec<Rc<str>> {
    let mut finder = Finder {
        scopes: vec![Vec::new()],
        found: Vec::new(),
        assigned: Vec::new(),
    };
    finder.body(body);
    finder.assigned
}

struct Finder {
    assigned: Vec<Rc<str>>,
    scopes: Vec<Vec<Rc<str>>>,
    found: Vec<(Rc<str>, usize)>,
}

impl Finder {
    fn set(&mut self, name: &Rc<str>) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(name.clone());
        }
        self.assigned.push(name.clone());
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
                    finder.body(&each.body.statements);
                });
                self.inner(|finder| finder.body(&each.otherwise.statements));
            }
            Stmt::Set(target, value) => {
                self.expr(value);
                self.target(target);
            }
            Stmt::SetBlock(target, filter, body) => {
                self.inner(|finder| finder.body(&body.statements));
                if let Some(filter) = filter {
                    self.expr(filter);
                }
                self.target(target);
            }
            Stmt::With(values, body) => {
                values.iter().for_each(|(_, value)| self.expr(value));
                self.inner(|finder| {
                    values.iter().for_each(|(target, _)| finder.target(target));
                    finder.body(&body.statements);
                });
            }
            Stmt::FilterBlock(filter, body) => {
                self.expr(filter);
                self.inner(|finder| finder.body(&body.statements));
            }
            Stmt::Macro(definition) => {
                self.set(&definition.name);
                self.definition(definition);
            }
            Stmt::CallBlock(definition, call) => {
                self.expr(call);
                self.definition(definition);
            }
            Stmt::Block { block, .. } => self.inner(|finder| {
                for (used, name) in [(block.uses_self, "self"), (block.uses_super, "super")] {
                    if used {
                        finder.set(&Rc::from(name));
                    }
                }
                finder.body(&block.body.statements);
            }),
            Stmt::Scope(body) => self.inner(|finder| finder.body(&body.statements)),
            Stmt::Include { file, .. } | Stmt::Extends { file } => self.expr(file),
            Stmt::Import { file, name, .. } => {
                self.expr(file);
                self.set(name);
            }
            Stmt::FromImport { file, names, .. } => {
                self.expr(file);
                names.iter().for_each(|(_, name)| self.set(name));
            }
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
            finder.body(&definition.body.statements);
        });
    }

    fn expr(&mut self, expr: &Expr) {
        each(expr, &mut |name, at| self.name(name, at));
    }
}

/// Hears of every name in an expression, and where it stands.
pub fn each(expr: &Expr, heard: &mut dyn FnMut(&Rc<str>, usize)) {
    match &expr.node {
        Node::Const(_) => {}
        Node::Name(name) => heard(name, expr.at),
        Node::List(items) | Node::Tuple(items) | Node::Concat(items) => {
            items.iter().for_each(|item| each(item, heard));
        }
        Node::Dict(pairs) => {
            for (key, value) in pairs {
                each(key, heard);
                each(value, heard);
            }
        }
        Node::Attribute(value, _) | Node::Unary(_, value) => each(value, heard),
        Node::Item(one, two) | Node::Binary(_, one, two) => {
            each(one, heard);
            each(two, heard);
        }
        Node::Slice(value, parts) => {
            each(value, heard);
            parts.iter().flatten().for_each(|part| each(part, heard));
        }
        Node::Call(callee, args) => {
            each(callee, heard);
            each_argument(args, heard);
        }
        Node::Filter(value, _, args) => {
            value.iter().for_each(|value| each(value, heard));
            each_argument(args, heard);
        }
        Node::Test(value, _, args) => {
            each(value, heard);
            each_argument(args, heard);
        }
        Node::Compare(first, others) => {
            each(first, heard);
            others.iter().for_each(|(_, other)| each(other, heard));
        }
        Node::If(condition, value, otherwise) => {
            each(condition, heard);
            each(value, heard);
            otherwise.iter().for_each(|value| each(value, heard));
        }
    }
}

fn each_argument(args: &Args, heard: &mut dyn FnMut(&Rc<str>, usize)) {
    args.positional.iter().for_each(|value| each(value, heard));
    args.named.iter().for_each(|(_, value)| each(value, heard));
    args.rest.iter().for_each(|value| each(value, heard));
    args.rest_named.iter().for_each(|value| each(value, heard));
}
