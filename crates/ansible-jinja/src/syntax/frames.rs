//! Which names have no value yet when a part of a template begins.
//!
//! Jinja2 decides about names before it runs anything. Where a part (a template, block, loop, macro, …) sets a name
//! before it uses it, the name is that part's own from its beginning: what stands within it and runs before the name is
//! set finds it undefined, even where a variable has the same name. Names used first, or set only in some branch, and
//! names that an outer part knows, are looked up outside until they are set.

use std::collections::HashMap;
use std::rc::Rc;

use crate::syntax::ast::{Block, Body, Expr, Macro, Stmt, Target};
use crate::syntax::names;

/// Finds the names of each part of a template, and gives its blocks.
pub fn analyse(body: &mut Body) -> Vec<Rc<Block>> {
    let mut blocks = Vec::new();
    part(body, Symbols::within(None), &mut blocks);
    blocks
}

/// How a name gets its first value in a part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Load {
    /// From outside.
    Outside,
    /// Not before it is set.
    Unset,
}

/// The names of one part.
#[derive(Clone)]
struct Symbols<'a> {
    outer: Option<&'a Symbols<'a>>,
    loads: HashMap<Rc<str>, Load>,
    stores: Vec<Rc<str>>,
}

impl<'a> Symbols<'a> {
    fn within(outer: Option<&'a Self>) -> Self {
        Self {
            outer,
            loads: HashMap::new(),
            stores: Vec::new(),
        }
    }

    fn is_known_outside(&self, name: &str) -> bool {
        let mut outer = self.outer;
        while let Some(symbols) = outer {
            if symbols.loads.contains_key(name) {
                return true;
            }
            outer = symbols.outer;
        }
        false
    }

    fn parameter(&mut self, name: &Rc<str>) {
        self.stores.push(name.clone());
        self.loads.insert(name.clone(), Load::Outside);
    }

    fn parameters(&mut self, target: &Target) {
        match target {
            Target::Name(name) => self.parameter(name),
            Target::Tuple(targets) => targets.iter().for_each(|target| self.parameters(target)),
            Target::Attribute(name, ..) => self.load(name),
        }
    }

    fn store(&mut self, name: &Rc<str>) {
        let load = if self.is_known_outside(name) {
            Load::Outside
        } else {
            Load::Unset
        };
        self.stores.push(name.clone());
        self.loads.entry(name.clone()).or_insert(load);
    }

    fn load(&mut self, name: &Rc<str>) {
        if !self.is_known_outside(name) {
            self.loads.entry(name.clone()).or_insert(Load::Outside);
        }
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Name(name) => self.store(name),
            Target::Tuple(targets) => targets.iter().for_each(|target| self.target(target)),
            Target::Attribute(name, ..) => self.load(name),
        }
    }

    fn expr(&mut self, expr: &Expr) {
        names::each(expr, &mut |name, _| self.load(name));
    }

    fn statements(&mut self, body: &[Stmt]) {
        body.iter().for_each(|statement| self.statement(statement));
    }

    /// What a statement does to the names of the part that it stands in.
    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Text(_) | Stmt::Block { .. } | Stmt::Scope(_) => {}
            Stmt::Output(value) => self.expr(value),
            Stmt::If(branches, otherwise) => self.branches(branches, otherwise),
            Stmt::For(each) => self.expr(&each.iterable),
            Stmt::Set(target, value) => {
                self.expr(value);
                self.target(target);
            }
            Stmt::SetBlock(target, ..) => self.target(target),
            Stmt::With(values, _) => values.iter().for_each(|(_, value)| self.expr(value)),
            Stmt::FilterBlock(filter, _) => self.expr(filter),
            Stmt::Macro(definition) => self.store(&definition.name),
            Stmt::CallBlock(_, call) => self.expr(call),
            Stmt::Include { file, .. } | Stmt::Extends { file, .. } => self.expr(file),
            Stmt::Import { file, name, .. } => {
                self.expr(file);
                self.store(name);
            }
            Stmt::FromImport { file, names, .. } => {
                self.expr(file);
                names.iter().for_each(|(_, name)| self.store(name));
            }
        }
    }

    /// A name that is set in a branch only is looked up outside, unless it was set before.
    fn branches(&mut self, branches: &[(Expr, Vec<Stmt>)], otherwise: &[Stmt]) {
        let Some(((condition, body), others)) = branches.split_first() else {
            return;
        };
        self.expr(condition);
        let mut first = self.clone();
        first.statements(body);
        // All `elif`s are one branch of it.
        let mut between = self.clone();
        for branch in others {
            between.branches(std::slice::from_ref(branch), &[]);
        }
        let mut last = self.clone();
        last.statements(otherwise);
        let before = self.stores.len();
        for branch in [first, between, last] {
            self.loads.extend(branch.loads);
            self.stores.extend_from_slice(&branch.stores[before..]);
        }
        let (known, new) = self.stores.split_at(before);
        for name in new.iter().filter(|name| !known.contains(name)) {
            self.loads.insert(name.clone(), Load::Outside);
        }
    }
}

/// Finds the names of a part, whose parameters are known already, and of the parts within it.
fn part(body: &mut Body, mut symbols: Symbols, blocks: &mut Vec<Rc<Block>>) {
    symbols.statements(&body.statements);
    let unset = symbols
        .loads
        .iter()
        .filter(|(_, load)| **load == Load::Unset);
    body.unset = unset.map(|(name, _)| name.clone()).collect();
    parts_within(&mut body.statements, &symbols, blocks);
}

fn parts_within(body: &mut [Stmt], outer: &Symbols, blocks: &mut Vec<Rc<Block>>) {
    let inner = || Symbols::within(Some(outer));
    for statement in body {
        match statement {
            Stmt::If(branches, otherwise) => {
                for (_, body) in branches {
                    parts_within(body, outer, blocks);
                }
                parts_within(otherwise, outer, blocks);
            }
            Stmt::For(each) => {
                // Nothing else holds it yet.
                if let Some(each) = Rc::get_mut(each) {
                    let mut symbols = inner();
                    if each.uses_loop {
                        symbols.parameter(&Rc::from("loop"));
                    }
                    symbols.parameters(&each.target);
                    part(&mut each.body, symbols, blocks);
                    part(&mut each.otherwise, inner(), blocks);
                }
            }
            Stmt::With(values, body) => {
                let mut symbols = inner();
                values
                    .iter()
                    .for_each(|(target, _)| symbols.parameters(target));
                part(body, symbols, blocks);
            }
            Stmt::Macro(definition) | Stmt::CallBlock(definition, _) => {
                if let Some(definition) = Rc::get_mut(definition) {
                    macro_body(definition, inner(), blocks);
                }
            }
            Stmt::SetBlock(_, _, body) | Stmt::FilterBlock(_, body) | Stmt::Scope(body) => {
                part(body, inner(), blocks);
            }
            Stmt::Block { block, .. } => {
                if let Some(block) = Rc::get_mut(block) {
                    // A block knows nothing of what stands around it.
                    part(&mut block.body, Symbols::within(None), blocks);
                }
                blocks.push(block.clone());
            }
            Stmt::Text(_)
            | Stmt::Output(_)
            | Stmt::Set(..)
            | Stmt::Include { .. }
            | Stmt::Import { .. }
            | Stmt::FromImport { .. }
            | Stmt::Extends { .. } => {}
        }
    }
}

fn macro_body(definition: &mut Macro, mut symbols: Symbols, blocks: &mut Vec<Rc<Block>>) {
    for (used, name) in [
        (definition.uses_caller, "caller"),
        (definition.uses_kwargs, "kwargs"),
        (definition.uses_varargs, "varargs"),
    ] {
        if used {
            symbols.parameter(&Rc::from(name));
        }
    }
    for (name, _) in &definition.parameters {
        symbols.parameter(name);
    }
    for (_, default) in &definition.parameters {
        default.iter().for_each(|default| symbols.expr(default));
    }
    part(&mut definition.body, symbols, blocks);
    // A default that asks for a parameter behind it finds nothing.
    let parameters = definition.parameters.iter().map(|(name, _)| name.clone());
    definition.body.unset.extend(parameters);
}
