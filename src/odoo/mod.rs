//! The three calls to Odoo: what they say ([`contract`]).

pub mod contract;
