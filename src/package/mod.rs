//! Packages: an application as somebody offers it, in a folder of its own.
//!
//! A folder with a [`package.yml`](description::Description) that says what the package is called, which manifests make it,
//! which variables it has and what it needs; the manifests, Jinja templates as Ansible reads them; and a `vars.yml` with values
//! to start from. [`check`] says everything that is wrong with one: first what `package.schema.json` says of the
//! description, then what no schema can (files that are not there, a default that is none of the choices, variables that
//! nobody uses), at last what comes of its manifests with the defaults. [`index`] is for a folder of many, a repository: it makes
//! the file that tells of all of them, and reads it. docs/packages.md is for who writes one.

pub mod check;
pub mod description;
pub mod index;
mod located;
mod schema;

pub use check::{Checked, check};
pub use description::Description;
pub use index::Repository;

#[cfg(test)]
mod schema_tests;
