//! ansible.utils' filters on addresses, networks and hardware addresses.
//!
//! [`options`] reads the arguments as that collection checks them; [`address`] reads and prints addresses and networks
//! as netaddr does, on which [`query`] (`ipaddr` with its queries, `ipv4`, `ipv6`, `ipwrap`), [`subnets`] (one network
//! within another), [`arithmetic`] (other addresses from one) and [`mac`] stand. [`python`] reads addresses as Python's
//! own module does, which is stricter; ansible.utils' tests ask it, too.

mod address;
mod arithmetic;
mod mac;
mod options;
pub mod python;
mod query;
mod subnets;

use super::Filter;

pub const FILTERS: &[&[Filter]] = &[
    query::FILTERS,
    subnets::FILTERS,
    arithmetic::FILTERS,
    mac::FILTERS,
];
