//! Runs templates: [`template`] begins, [`interpreter`] goes through the tree (with [`includes`] for other files), with names
//! in [`scope`]s, [`globals`] and [`lookups`] that every template can call, and [`play`], what Ansible calls all variables.

mod callables;
pub mod globals;
mod includes;
pub mod interpreter;
mod lookups;
pub mod play;
pub mod scope;
pub mod template;
