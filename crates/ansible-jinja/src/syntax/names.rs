//! Which names a template uses without setting them itself.

use std::rc::Rc;

use crate::syntax::ast::{Args, Expr, Macro, Node, Stmt, Target};
use crate::value::{Value, limits};

/// Whether statements ask for a name before any of them sets it, in the order in which Jinja2 looks at them.
pub fn uses(body: &[Stmt], name: &str) -> bool {
    met_first(body, name) == Some(Met::Asked)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Met {
    Asked,
    Set,
}

fn met_first(body: &[Stmt], name: &str) -> Option<Met> {
    body.iter().find_map(|statement| met(statement, name))
}

fn met(statement: &Stmt, name: &str) -> Option<Met> {
    let asked = |expr: &Expr| {
        let mut found = None;
        each(expr, &mut |known, _| {
            if &**known == name {
                found = Some(Met::Asked);
            }
        });
        found
    };
    let within = |body: &[Stmt]| limits::with_stack(|| met_first(body, name));
    let set = |target: &Target| sets(target, name).then_some(Met::Set);
    match statement {
        Stmt::Text(_) | Stmt::Block { .. } => None,
        Stmt::Output(value) => asked(value),
        Stmt::If(branches, otherwise) => branches
            .iter()
            .find_map(|(condition, body)| asked(condition).or_else(|| within(body)))
            .or_else(|| within(otherwise)),
        Stmt::For(each) => set(&each.target)
            .or_else(|| asked(&each.iterable))
            .or_else(|| within(&each.body.statements))
            .or_else(|| within(&each.otherwise.statements))
            .or_else(|| each.filter.as_ref().and_then(asked)),
        Stmt::Set(target, value) => set(target).or_else(|| asked(value)),
        Stmt::SetBlock(target, filter, body) => set(target)
            .or_else(|| filter.as_ref().and_then(asked))
            .or_else(|| within(&body.statements)),
        Stmt::With(values, body) => values
            .iter()
            .find_map(|(target, _)| set(target))
            .or_else(|| values.iter().find_map(|(_, value)| asked(value)))
            .or_else(|| within(&body.statements)),
        Stmt::FilterBlock(filter, body) => within(&body.statements).or_else(|| asked(filter)),
        Stmt::Macro(definition) => met_in_macro(definition, name),
        Stmt::CallBlock(definition, call) => asked(call).or_else(|| met_in_macro(definition, name)),
        Stmt::Scope(body) => within(&body.statements),
        Stmt::Include { file, .. }
        | Stmt::Extends { file }
        | Stmt::Import { file, .. }
        | Stmt::FromImport { file, .. } => asked(file),
    }
}

fn met_in_macro(definition: &Macro, name: &str) -> Option<Met> {
    let mut parameters = definition.parameters.iter();
    if parameters.any(|(known, _)| &**known == name) {
        return Some(Met::Set);
    }
    let defaults = definition.parameters.iter();
    let mut defaults = defaults.filter_map(|(_, default)| default.as_ref());
    let asked = defaults.any(|default| {
        let mut found = false;
        each(default, &mut |known, _| found |= &**known == name);
        found
    });
    match asked {
        true => Some(Met::Asked),
        false => limits::with_stack(|| met_first(&definition.body.statements, name)),
    }
}

/// Whether a name is among those that are set.
pub fn sets(target: &Target, name: &str) -> bool {
    match target {
        Target::Name(known) => &**known == name,
        Target::Tuple(targets) => targets.iter().any(|target| sets(target, name)),
        Target::Attribute(..) => false,
    }
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
        each_part(expr, &mut |part| {
            for (name, at) in asked_for(part) {
                if !self.found.iter().any(|(known, _)| *known == name) {
                    self.found.push((name, at));
                }
            }
        });
    }
}

/// The variables that an expression asks for by names that stand in it: `vars['name']`, `lookup('vars', 'name')`.
pub fn asked_for(expr: &Expr) -> Vec<(Rc<str>, usize)> {
    let text = |expr: &Expr| match &expr.node {
        Node::Const(Value::Text(text)) => Some((text.clone(), expr.at)),
        _ => None,
    };
    match &expr.node {
        Node::Item(of, key) if is_all(of) => text(key).into_iter().collect(),
        Node::Attribute(of, name) if is_all(of) && &**name != "get" => {
            vec![(name.clone(), expr.at)]
        }
        Node::Call(callee, args) => {
            let names = match &callee.node {
                Node::Attribute(of, method) if is_all(of) && &**method == "get" => {
                    args.positional.get(..1)
                }
                _ if looks_up(expr) == Some("vars") => args.positional.get(1..),
                _ => None,
            };
            names.unwrap_or_default().iter().filter_map(text).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether an expression is all variables: `vars`, `hostvars[inventory_hostname]`.
pub fn is_all(expr: &Expr) -> bool {
    let is_name =
        |expr: &Expr, wanted: &str| matches!(&expr.node, Node::Name(name) if &**name == wanted);
    match &expr.node {
        Node::Name(name) => &**name == "vars",
        Node::Item(of, _) => is_name(of, "hostvars"),
        Node::Call(callee, _) => {
            matches!(&callee.node, Node::Attribute(of, _) if is_name(of, "hostvars"))
        }
        _ => false,
    }
}

/// The name of the lookup that an expression calls; empty where it does not stand there.
pub fn looks_up(expr: &Expr) -> Option<&str> {
    let Node::Call(callee, args) = &expr.node else {
        return None;
    };
    match &callee.node {
        Node::Name(name) if matches!(&**name, "lookup" | "query" | "q") => {
            let name = args.positional.first().map(|name| &name.node);
            Some(match name {
                Some(Node::Const(Value::Text(name))) => {
                    let short = name.strip_prefix("ansible.builtin.");
                    short
                        .or_else(|| name.strip_prefix("ansible.legacy."))
                        .unwrap_or(name)
                }
                _ => "",
            })
        }
        _ => None,
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

/// Hears of every part of an expression, itself included.
fn each_part(expr: &Expr, heard: &mut dyn FnMut(&Expr)) {
    heard(expr);
    for part in parts(expr) {
        limits::with_stack(|| each_part(part, heard));
    }
}

/// The expressions that an expression is made of.
pub fn parts(expr: &Expr) -> Vec<&Expr> {
    match &expr.node {
        Node::Const(_) | Node::Name(_) => Vec::new(),
        Node::List(items) | Node::Tuple(items) | Node::Concat(items) => items.iter().collect(),
        Node::Dict(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).collect(),
        Node::Attribute(value, _) | Node::Unary(_, value) => vec![value],
        Node::Item(one, two) | Node::Binary(_, one, two) => vec![one, two],
        Node::Slice(value, parts) => {
            let parts = parts.iter().flatten().map(|part| &**part);
            std::iter::once(&**value).chain(parts).collect()
        }
        Node::Call(value, args) | Node::Test(value, _, args) => {
            std::iter::once(&**value).chain(arguments(args)).collect()
        }
        Node::Filter(value, _, args) => {
            let value = value.iter().map(|value| &**value);
            value.chain(arguments(args)).collect()
        }
        Node::Compare(first, others) => {
            let others = others.iter().map(|(_, other)| other);
            std::iter::once(&**first).chain(others).collect()
        }
        Node::If(condition, value, otherwise) => {
            let otherwise = otherwise.iter().map(|value| &**value);
            [&**condition, &**value]
                .into_iter()
                .chain(otherwise)
                .collect()
        }
    }
}

pub fn arguments(args: &Args) -> Vec<&Expr> {
    let named = args.named.iter().map(|(_, value)| value);
    let rest = [&args.rest, &args.rest_named].into_iter().flatten();
    let rest = rest.map(|value| &**value);
    args.positional.iter().chain(named).chain(rest).collect()
}
