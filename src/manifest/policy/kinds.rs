//! Which kinds manifests may hold.

use super::{Part, Report, Rule, Rules};
use crate::object::group_of;
use crate::sentence;

pub(super) fn check(whole: &Part, rules: &Rules, report: &mut Report) {
    let kind = whole.get("kind").text();
    let name = match group_of(whole.get("apiVersion").text()) {
        "" => kind.to_owned(),
        group => format!("{kind}.{group}"),
    };
    if rules.policy.kinds.contains(&name) {
        return;
    }
    let hint = match name.as_str() {
        "Namespace" => sentence!("Remove it: Chandlery makes the app's namespace itself."),
        "Pod" => sentence!("Use a Deployment or a Job: they replace a pod whose node is gone."),
        _ => sentence!("Remove it, or have `{name}` allowed.", name),
    };
    report.refuse_with(
        Rule::Kind,
        "kind",
        sentence!(
            "Manifests may not hold {name} objects on this cluster.",
            name
        ),
        hint,
    );
}
