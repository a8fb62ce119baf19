//! Rules by themselves; what manifests are told of them is in `tests/policy`.

use serde_json::json;

use super::*;

/// Upstream's own cases are pods; these are the places of the findings.
#[test]
fn a_finding_names_the_field_of_every_sort_of_container() {
    let pod = json!({"spec": {
        "initContainers": [{"securityContext": {"privileged": true}}],
        "containers": [{}, {"securityContext": {"privileged": true}}],
        "ephemeralContainers": [{"securityContext": {"privileged": 1}}],
    }});
    let found = pod_security::findings(&pod, "spec.template", PodSecurity::Baseline);
    let fields: Vec<&str> = found.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "spec.template.spec.initContainers[0].securityContext.privileged",
            "spec.template.spec.containers[1].securityContext.privileged",
            "spec.template.spec.ephemeralContainers[0].securityContext.privileged",
        ]
    );
}

#[test]
fn the_strict_policy_is_what_the_golden_file_says() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/contract/claim_response.json"
    );
    let claim: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(
        serde_json::to_value(Policy::default()).unwrap(),
        claim["jobs"][0]["cluster"]["policy"]
    );
}
