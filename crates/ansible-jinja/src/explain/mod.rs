//! From a failure to what its author is told: [`diagnostics`] finds the place and names that come near, [`hints`] the habits
//! that people bring from other languages.

pub mod diagnostics;
mod hints;
