//! A template as it was understood.

use std::rc::Rc;

use crate::syntax::lexer::Syntax;
use crate::value::Value;

/// An expression and where it begins.
#[derive(Debug)]
pub struct Expr {
    pub node: Node,
    /// Position and length in the source.
    pub at: usize,
    pub length: usize,
    /// Expressions within one another, this one included.
    pub depth: usize,
}

impl Node {
    /// How deep the expressions in it are nested.
    pub fn depth(&self) -> usize {
        let all = |items: &[Expr]| items.iter().map(|item| item.depth).max().unwrap_or(0);
        let one = |item: &Option<Box<Expr>>| item.as_ref().map_or(0, |item| item.depth);
        match self {
            Self::Const(_) | Self::Name(_) => 0,
            Self::List(items) | Self::Tuple(items) | Self::Concat(items) => all(items),
            Self::Dict(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| key.depth.max(value.depth));
                pairs.max().unwrap_or(0)
            }
            Self::Attribute(inner, _) | Self::Unary(_, inner) => inner.depth,
            Self::Item(left, right) | Self::Binary(_, left, right) => left.depth.max(right.depth),
            Self::Slice(inner, parts) => parts.iter().map(one).fold(inner.depth, usize::max),
            Self::Call(inner, args) | Self::Test(inner, _, args) => inner.depth.max(args.depth()),
            Self::Filter(inner, _, args) => one(inner).max(args.depth()),
            Self::Compare(first, others) => {
                let others = others.iter().map(|(_, other)| other.depth);
                others.fold(first.depth, usize::max)
            }
            Self::If(condition, value, otherwise) => {
                condition.depth.max(value.depth).max(one(otherwise))
            }
        }
    }
}

impl Args {
    fn depth(&self) -> usize {
        let named = self.named.iter().map(|(_, value)| value);
        let rest = [&self.rest, &self.rest_named].into_iter().flatten();
        let all = self.positional.iter().chain(named);
        all.chain(rest.map(|rest| &**rest))
            .map(|value| value.depth)
            .max()
            .unwrap_or(0)
    }
}

/// What an expression is.
#[derive(Debug)]
pub enum Node {
    Const(Value),
    Name(Rc<str>),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Attribute(Box<Expr>, Rc<str>),
    Item(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, [Option<Box<Expr>>; 3]),
    Call(Box<Expr>, Args),
    Filter(Option<Box<Expr>>, Rc<str>, Args),
    Test(Box<Expr>, Rc<str>, Args),
    /// A comparison with one or more operators.
    Compare(Box<Expr>, Vec<(&'static str, Expr)>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    Unary(&'static str, Box<Expr>),
    Concat(Vec<Expr>),
    If(Box<Expr>, Box<Expr>, Option<Box<Expr>>),
}

/// The arguments of a call.
#[derive(Debug, Default)]
pub struct Args {
    pub positional: Vec<Expr>,
    pub named: Vec<(String, Expr)>,
    pub rest: Option<Box<Expr>>,
    pub rest_named: Option<Box<Expr>>,
}

/// What a value is assigned to.
#[derive(Debug)]
pub enum Target {
    Name(Rc<str>),
    Tuple(Vec<Target>),
    /// `namespace.attribute`
    Attribute(Rc<str>, Rc<str>, usize),
}

/// A statement.
#[derive(Debug)]
pub enum Stmt {
    Text(Rc<str>),
    Output(Expr),
    If(Vec<(Expr, Vec<Stmt>)>, Vec<Stmt>),
    For(Rc<For>),
    Set(Target, Expr),
    SetBlock(Target, Option<Expr>, Body),
    With(Vec<(Target, Expr)>, Body),
    FilterBlock(Expr, Body),
    Macro(Rc<Macro>),
    CallBlock(Rc<Macro>, Expr),
    /// `outermost`: it stands in no loop, macro or the like.
    Block {
        block: Rc<Block>,
        outermost: bool,
    },
    Include {
        file: Expr,
        with_context: bool,
        ignore_missing: bool,
    },
    Import {
        file: Expr,
        name: Rc<str>,
        with_context: bool,
    },
    /// Names of the file, and as what they are known here.
    FromImport {
        file: Expr,
        names: Vec<(Rc<str>, Rc<str>)>,
        with_context: bool,
    },
    Extends {
        file: Expr,
    },
    /// Statements in a scope of their own.
    Scope(Body),
}

/// Statements that set names of their own.
#[derive(Debug, Default)]
pub struct Body {
    pub statements: Vec<Stmt>,
    /// Names that are undefined until they are set here, whatever they stand for outside.
    pub unset: Vec<Rc<str>>,
}

/// A loop.
#[derive(Debug)]
pub struct For {
    pub target: Target,
    pub iterable: Expr,
    pub filter: Option<Expr>,
    pub body: Body,
    pub otherwise: Body,
    pub recursive: bool,
    /// Whether there is a `loop` in it: only where it is mentioned.
    pub uses_loop: bool,
}

/// A part that templates can replace which extend this one.
#[derive(Debug)]
pub struct Block {
    pub name: Rc<str>,
    pub scoped: bool,
    pub required: bool,
    pub body: Body,
    pub at: usize,
    /// Whether the body mentions `self` and `super`.
    pub uses_self: bool,
    pub uses_super: bool,
}

/// A macro, or the body of a call block.
#[derive(Debug)]
pub struct Macro {
    pub name: Rc<str>,
    pub parameters: Vec<(Rc<str>, Option<Expr>)>,
    pub body: Body,
    /// Whether the body mentions these names, which allows for further arguments.
    pub uses_varargs: bool,
    pub uses_kwargs: bool,
    pub uses_caller: bool,
}

/// A template.
#[derive(Debug)]
pub struct Template {
    pub body: Body,
    /// All blocks in it, however deep.
    pub blocks: Vec<Rc<Block>>,
    /// Names that it uses and does not set itself, with the first place of each.
    pub names: Vec<(Rc<str>, usize)>,
    /// Whether it mentions `self` outside of blocks.
    pub uses_self: bool,
    /// Whether it has an `extends`.
    pub extends: bool,
    /// How it is written.
    pub syntax: Syntax,
}
