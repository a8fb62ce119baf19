//! Ansible's Jinja dialect: the same template and variable files give the same text here.
//!
//! [`Variables`] come in from config maps, secrets and `vars.yml` files, in the order in which later ones win.
//! [`Variables::resolve`] expands values that are templates of one another, and [`render`] makes the text of a template
//! with the result. On the way [`source`] prepares a template for minijinja, [`environment`] sets minijinja as Ansible
//! sets Jinja2, [`python`] prints values as Python does, [`methods`] are those of Python's strings, lists and
//! dictionaries, and [`filters`] and [`tests`] are Jinja2's and Ansible's own. What would give another text than
//! Ansible is either made equal or refused by name.

mod environment;
mod filters;
mod methods;
mod problems;
mod python;
mod source;
mod tests;
mod variables;
pub mod vault;

pub use environment::{Rendered, environment, mentioned, render};
pub use python::float_text;
pub use variables::{Resolved, Variable, Variables, read_value};
