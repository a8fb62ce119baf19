//! Which names an expression cannot do without: those that are looked up whatever the other values are, and that neither
//! `default` nor `is defined` takes care of.

use std::rc::Rc;

use crate::syntax::ast::{Expr, Node, Stmt};

/// Filters and tests that can do with something undefined.
const FORGIVING: [&str; 7] = [
    "default",
    "d",
    "mandatory",
    "defined",
    "undefined",
    "ternary",
    "type_debug",
];

/// The expression that a statement evaluates first.
pub fn first_expr(statement: &Stmt) -> Option<&Expr> {
    match statement {
        Stmt::Output(expr) | Stmt::Set(_, expr) => Some(expr),
        Stmt::For(each) => Some(&each.iterable),
        Stmt::If(branches, _) => branches.first().map(|(condition, _)| condition),
        _ => None,
    }
}

/// The names with the expressions that look them up.
pub fn names<'a>(expr: &'a Expr, found: &mut Vec<(&'a Rc<str>, &'a Expr)>) {
    match &expr.node {
        Node::Name(name) => found.push((name, expr)),
        Node::Filter(_, name, _) | Node::Test(_, name, _) if is_forgiving(name) => {}
        Node::Filter(value, _, args) => {
            value.iter().for_each(|value| names(value, found));
            args.positional.iter().for_each(|value| names(value, found));
            args.named.iter().for_each(|(_, value)| names(value, found));
        }
        Node::Call(callee, args) => {
            names(callee, found);
            args.positional.iter().for_each(|value| names(value, found));
            args.named.iter().for_each(|(_, value)| names(value, found));
        }
        Node::Test(value, _, args) => {
            names(value, found);
            args.positional.iter().for_each(|value| names(value, found));
        }
        Node::List(items) | Node::Tuple(items) | Node::Concat(items) => {
            items.iter().for_each(|item| names(item, found));
        }
        Node::Dict(pairs) => pairs.iter().for_each(|(_, value)| names(value, found)),
        Node::Attribute(value, _) | Node::Unary(_, value) => names(value, found),
        Node::Slice(value, _) => names(value, found),
        // What follows depends on the first.
        Node::Binary("and" | "or", value, _) | Node::If(value, ..) => names(value, found),
        Node::Item(one, two) | Node::Binary(_, one, two) => {
            names(one, found);
            names(two, found);
        }
        Node::Compare(first, others) => {
            names(first, found);
            if let [(_, second), ..] = others.as_slice() {
                names(second, found);
            }
        }
        Node::Const(_) => {}
    }
}

fn is_forgiving(name: &str) -> bool {
    FORGIVING.contains(&name.rsplit('.').next().unwrap_or(name))
}
