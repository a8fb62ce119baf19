//! YAML as the two programs read it that operators of Kubernetes know: [`kubectl`] for manifests, and [`pyyaml`] for
//! Ansible's files of variables; [`divergence`] says where the two part in a manifest.
//!
//! The programs disagree with each other, and with YAML 1.2, about words such as `yes`, `0644`, `1e3` or `22:22`, and in
//! some points about the grammar. Each reader here gives what its program gives, or an [`Error`] where the program refuses
//! the text, with line and column.
//!
//! ```
//! use yaml_dialects::{Limits, divergence};
//!
//! let manifest = "kind: ConfigMap\ndata:\n  mode: 0644\n  opens: 22:22\n";
//! let stream = divergence::read(manifest, &Limits::default())?;
//!
//! // What kubectl sends to the API server:
//! assert_eq!(stream.documents[0].value["data"]["mode"], 420);
//! assert_eq!(stream.documents[0].value["data"]["opens"], "22:22");
//! // Where Ansible would send something else:
//! let warning = &stream.warnings[0];
//! assert_eq!((warning.line, warning.column), (4, 10));
//! assert_eq!(
//!     warning.message,
//!     "kubectl reads `22:22` as the text `22:22`, Ansible reads the number 1342; quote it to make it a text for both",
//! );
//! # Ok::<(), yaml_dialects::Error>(())
//! ```
//!
//! An error says what is wrong, of which kind it is, and where:
//!
//! ```
//! use yaml_dialects::{ErrorKind, Limits, kubectl};
//!
//! let error = kubectl::read("a: 1\n---\nb:\n\tc: 2\n", &Limits::default()).unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Tab);
//! assert_eq!((error.document(), error.line(), error.column()), (Some(2), 4, 1));
//! ```
//!
//! [`Limits`] bound what a text may take: it can come from anywhere. [`pyyaml::emit`] writes YAML as PyYAML does.
//!
//! Inside, a text goes through a scanner (tokens) and a parser (nodes, which remember where they stand and how they were
//! written), both by libyaml's grammar with the points in which its ports differ. A schema then says what each node means.

pub mod divergence;
mod error;
mod grammar;
pub mod kubectl;
mod limits;
pub mod pyyaml;

pub use error::{Error, ErrorKind};
pub use limits::Limits;
pub use pyyaml::Data;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
