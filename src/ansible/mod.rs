//! Ansible's Jinja dialect: the same template and variable files give the same text here.
//!
//! [`Variables`] come in from config maps, secrets and `vars.yml` files, in the order in which later ones win;
//! [`Variables::resolve`] gives them to [`render`], which makes the text of a template. [`render_with`] does so with other
//! [`Files`], and ends with [`Failure::Needs`] when one is needed that nobody looked for yet: nothing here reads files.
//!
//! On the way, [`lexer`] and [`parser`] read a template by Jinja2's grammar into a tree ([`ast`]), whose names [`frames`]
//! settles; [`interpreter`] (with [`includes`] for other files) runs it with values as Python has them ([`value`],
//! [`number`], [`operators`], [`methods`], [`format`]), which print as in Python ([`python`]). Some values carry a mark:
//! what came out of a [`vault`] ([`encrypted`]), and what is safe in HTML ([`markup`]). [`filters`] and [`tests`] are
//! Jinja2's and Ansible's, one file per family, and [`lookups`] those of Ansible's that read nothing from outside; [`play`]
//! is what Ansible calls all variables. [`limits`] keeps every template harmless, [`release`] gives free what it
//! made. A failure is an [`error`] with its place, which [`problems`] explains to the template's author, by the habits
//! that people bring from elsewhere ([`habits`]) and with all else that is undefined ([`needed`]).
//! What would give another text than Ansible is either made equal or refused by name. [`standin`] makes other values in
//! place of secrets, and [`secrecy`] tells where a secret decides which file is used.

mod arguments;
mod ast;
mod callables;
mod data;
mod encrypted;
mod error;
mod files;
mod filters;
mod format;
mod frames;
mod globals;
mod habits;
mod includes;
mod interpreter;
mod lexer;
mod limits;
mod lookups;
mod markup;
mod methods;
mod named;
mod names;
mod needed;
mod number;
mod object;
mod operators;
mod parser;
mod play;
mod problems;
mod python;
mod release;
mod render;
mod scope;
mod secrecy;
mod standin;
mod template;
mod tests;
mod time;
mod value;
mod variables;
pub mod vault;

pub use files::Files;
pub use filters::{encode_base64, escaped};
pub use named::all_named;
pub use python::{float_text, iso_text};
pub use render::{Failure, Rendered, mentioned, render, render_with};
pub use secrecy::decides_file;
pub use standin::is_no_secret;
pub use variables::{Resolved, Variable, Variables, Written, read_value, texts};
