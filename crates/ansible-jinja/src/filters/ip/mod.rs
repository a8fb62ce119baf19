//! ansible.utils' filters on addresses, networks and hardware addresses.
//!
//! [`options`] reads the arguments as that collection checks them. [`query`] (`ipaddr` with its queries, `ipv4`, `ipv6`,
//! `ipwrap`), [`subnets`] (one network within another), [`arithmetic`] (other addresses from one) and [`mac`] stand on
//! [`netaddr`](crate::python::netaddr).

mod arithmetic;
mod mac;
mod options;
mod query;
mod subnets;

use crate::filters::Filter;

pub const FILTERS: &[&[Filter]] = &[
    query::FILTERS,
    subnets::FILTERS,
    arithmetic::FILTERS,
    mac::FILTERS,
];
