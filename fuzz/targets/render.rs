//! Any template with any variables: it renders or it is refused, in bounded time and memory.
//!
//! An input is a template, and behind a line `==> vars` its variables file.

#![no_main]

use chandlery::ansible::{Variables, render};
use libfuzzer_sys::fuzz_target;

const VARS: &str = "\n==> vars\n";

fuzz_target!(|text: &str| {
    let (template, vars) = text.split_once(VARS).unwrap_or((text, ""));
    let Ok(variables) = Variables::read(vars, "vars.yml") else {
        return;
    };
    let Ok(resolved) = variables.resolve() else {
        return;
    };
    if let Err(problem) = render("fuzz", "fuzz", template, &resolved) {
        assert!(!problem.message.is_empty());
    }
    for name in resolved.names() {
        let _ = resolved.value(name);
    }
});
