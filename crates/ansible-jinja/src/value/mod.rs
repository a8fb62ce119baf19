//! Values as Python has them: what they are, how they compare and print, and what a rendering of them may take.

pub mod arguments;
pub mod collect;
mod core;
pub mod data;
pub mod encrypted;
pub mod error;
pub mod function;
pub mod limits;
mod marker;
pub mod markup;
pub mod number;
pub mod object;
pub mod order;
pub mod print;
pub mod settings;

pub use self::core::{DateTime, Dict, Key, Lazy, List, Range, Value};
pub use marker::caught;
