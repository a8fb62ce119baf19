//! From the text of a template to a tree, by Jinja2's grammar, and what can be told of a template from its tree alone.
//!
//! [`lexer`] and [`parser`] make the tree ([`ast`]), whose names [`frames`] settles; [`compiled`] keeps it for the next time.
//! [`names`] are the variables that it mentions, [`needed`] those that it cannot do without, [`named`] the files.

pub mod ast;
pub mod compiled;
mod frames;
pub mod lexer;
pub mod named;
pub mod names;
pub mod needed;
mod parser;
