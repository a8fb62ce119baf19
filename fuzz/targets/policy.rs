//! A manifest with a forbidden field never passes the strict policy, and the same without it does.

#![no_main]

#[path = "../policy.rs"]
mod made;

use chandlery::ansible::Resolved;
use chandlery::manifest::policy::{Rules, violations};
use chandlery::manifest::{Rendered, parse};
use chandlery::policy::{Limits, Policy, StorageClasses};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let made = made::make(bytes);
    assert!(!refused(&made.harmless), "{}", made.harmless);
    assert!(
        refused(&made.forbidden),
        "{}\n{}",
        made.what,
        made.forbidden
    );
});

fn refused(text: &str) -> bool {
    let rendered = Rendered {
        title: "fuzz".to_owned(),
        url: "fuzz".to_owned(),
        template: String::new(),
        artefact: None,
        text: text.to_owned(),
        variables: Vec::new(),
    };
    let Ok(parsed) = parse(&rendered, &Resolved::default()) else {
        return true;
    };
    let rules = Rules {
        policy: &Policy::default(),
        cluster: "demo",
        ingress_class: "traefik",
        namespace: "shop-prod",
        hostname: "shop.apps.example.com",
        domains: &[],
        siblings: &[],
        node_ports: &[],
        limits: Some(&Limits {
            cpu_millicores: 8000,
            memory_mib: 12288,
            storage_gib: 50,
            pods: 20,
        }),
        storage_classes: Some(&StorageClasses {
            provisioned: vec!["fast".to_owned()],
            r#static: vec!["disks".to_owned()],
            default: Some("fast".to_owned()),
        }),
        inventory: Some(&[]),
    };
    !violations(&parsed.objects, &rules).is_empty()
}
