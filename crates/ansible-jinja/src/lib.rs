//! Ansible's templating: the same template and variable files give the same text as with ansible-core, or an error that
//! names what is not supported. Never another text in silence.
//!
//! ```
//! use ansible_jinja::{Variables, render};
//!
//! let mut variables = Variables::read("port: 8080\nurl: \"http://{{ host }}:{{ port }}\"\n", "vars.yml")?;
//! variables.set("host", "example.com", "the command line");
//! let rendered = render("url: {{ url | upper }}\n", &variables.resolve())?;
//! assert_eq!(rendered.text, "url: HTTP://EXAMPLE.COM:8080\n");
//! # Ok::<(), ansible_jinja::Error>(())
//! ```
//!
//! What goes wrong is explained to the template's author, all that is undefined at once, with line and column, the lines
//! that are meant, and what to do:
//!
//! ```
//! use ansible_jinja::{ErrorKind, Variables, render};
//!
//! let variables = Variables::read("odoo_image: odoo:19\n", "vars.yml")?.resolve();
//! let error = render("image: {{ odoo_imagee }}\n", &variables).unwrap_err();
//! assert_eq!(*error.kind(), ErrorKind::Undefined);
//! assert_eq!((error.line(), error.column()), (Some(1), Some(11)));
//! assert_eq!(error.message(), "'odoo_imagee' is undefined.");
//! assert_eq!(error.advice()[0].to_string(), "Did you mean 'odoo_image'?");
//! # Ok::<(), ansible_jinja::Error>(())
//! ```
//!
//! Nothing here reads files: a template that includes others ends with [`ErrorKind::NeedsFile`] until [`Files`] hold what it
//! asks for.
//!
//! ```
//! use ansible_jinja::{ErrorKind, Files, Resolved, render_with};
//!
//! let (template, variables) = ("{% include 'part.j2' %}", Resolved::default());
//! let mut files = Files::default();
//! let text = loop {
//!     match render_with(template, &variables, &files) {
//!         Ok(rendered) => break rendered.text,
//!         Err(error) => match error.kind() {
//!             ErrorKind::NeedsFile(name) => files.insert(name, Some(format!("this is {name}"))),
//!             _ => panic!("{error}"),
//!         },
//!     }
//! };
//! assert_eq!(text, "this is part.j2");
//! ```
//!
//! A template may come from anywhere: it is bounded by [`Limits`], which an [`Environment`] sets. The feature `vault` (on by
//! default) opens what is encrypted with ansible-vault.
//!
//! Inside, data flows one way: `syntax` reads a template into a tree, `runtime` runs it with the values of `value`, which do
//! what `python` does, go through `filters` and are asked by `predicates`; `variables` expand one another when they are asked
//! for; `explain` says what went wrong.

mod environment;
mod error;
mod explain;
mod files;
mod filters;
mod predicates;
mod python;
mod render;
mod runtime;
mod secrets;
mod suggest;
mod syntax;
mod value;
mod variables;
pub mod vault;

pub use environment::Environment;
pub use error::{Advice, Error, ErrorKind, Label, Snippet, TextOf, UndefinedNames};
pub use files::Files;
pub use filters::text::escaped;
pub use filters::urls::url_encoded;
pub use render::{Rendered, mentioned, render, render_with};
pub use secrets::file_choice::decides_file;
pub use secrets::stand_ins::Set as StandInSet;
pub use syntax::named::next_named;
pub use value::limits::Limits;
pub use value::settings::Call;
pub use variables::{Resolved, Variable, Variables, Written, read_value, texts};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
