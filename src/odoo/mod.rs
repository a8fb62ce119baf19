//! The way to Odoo: what the three calls say ([`contract`]), how they are made ([`client`]), and how Odoo says that
//! there is work ([`wake`]).

pub mod client;
pub mod contract;
#[cfg(test)]
pub(crate) mod schema_tests;
pub mod wake;

pub use client::{CallError, Client};
