//! What Python does with values: operators, methods, formats, dates, regular expressions, addresses.

pub mod addresses;
pub mod chars;
pub mod dict;
pub mod format;
pub mod methods;
pub mod netaddr;
pub mod operators;
pub mod regex;
pub mod time;
