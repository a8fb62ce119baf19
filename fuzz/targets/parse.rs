//! Any text as kubectl and as Ansible read it: it is read or refused, in bounded time and memory.

#![no_main]

use chandlery::ansible::{Resolved, Variables};
use chandlery::manifest::{Rendered, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let rendered = Rendered {
        title: "fuzz".to_owned(),
        url: "fuzz".to_owned(),
        template: String::new(),
        artefact: None,
        text: text.to_owned(),
        variables: Vec::new(),
    };
    if let Err(problem) = parse(&rendered, &Resolved::default()) {
        assert!(problem.line.is_some() && problem.column.is_some(), "{problem}");
    }
    let _ = Variables::read(text, "vars.yml");
});
