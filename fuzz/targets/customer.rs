//! Any text as what a customer calls an app: it is refused, or the catalog's manifests say the same as for any other.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/customer/mod.rs"]
mod customer;

fuzz_target!(|text: &str| {
    customer::is_refused(text);
});
