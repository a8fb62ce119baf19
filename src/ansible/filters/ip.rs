//! ansible.utils' filters on addresses and networks.

use super::Filter;

pub const FILTERS: &[Filter] = &[];
