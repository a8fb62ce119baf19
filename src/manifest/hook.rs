//! Hooks of Helm charts: objects that are brought before or after all others, at an installation, an upgrade or both.
//!
//! Helm leaves out those that are tests. Events that never happen to an app (a rollback is an upgrade here) count for nothing.

use serde_json::Value;

use crate::code::Code;
use crate::object::Object;
use crate::problem::Problem;
use crate::sentence;

const HOOK: &str = "helm.sh/hook";
const WEIGHT: &str = "helm.sh/hook-weight";
const DELETE_POLICY: &str = "helm.sh/hook-delete-policy";
/// Events at which hooks are run.
const RUN: [&str; 4] = ["pre-install", "post-install", "pre-upgrade", "post-upgrade"];
/// Events that never happen.
const NEVER: [&str; 2] = ["pre-rollback", "post-rollback"];
/// Kinds that are there once they are applied, as Jobs need them.
const BESIDE: [&str; 6] = [
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "NetworkPolicy",
];

fn annotation<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value["metadata"]["annotations"][name].as_str()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(',').map(str::trim);
    words.filter(|word| !word.is_empty())
}

/// Whether it is a hook. In other manifests than charts the annotation means nothing.
pub fn is_hook(object: &Object) -> bool {
    object.lines.is_of_chart() && annotation(&object.value, HOOK).is_some()
}

/// The hooks among objects that are run at an event, in the order in which Helm runs them.
pub fn at<'a>(objects: &'a [Object], event: &str) -> Vec<&'a Object> {
    let is_at = |object: &&Object| {
        let events = annotation(&object.value, HOOK).unwrap_or_default();
        words(events).any(|one| one == event)
    };
    let mut found: Vec<&Object> = objects.iter().filter(is_at).collect();
    found.sort_by_key(|object| {
        let weight = annotation(&object.value, WEIGHT).unwrap_or_default();
        let weight: i64 = weight.parse().unwrap_or_default();
        (weight, object.reference().is_job(), object.name())
    });
    found
}

/// Whether it is to go once it has done its work.
pub fn goes_when_done(object: &Object) -> bool {
    let policy = annotation(&object.value, DELETE_POLICY).unwrap_or_default();
    words(policy).any(|word| word == "hook-succeeded")
}

/// Refuses a hook that cannot be run as its chart means it, in what a document holds.
pub(super) fn refused(value: &Value) -> Option<Problem> {
    if let Some(hook) = annotation(value, HOOK) {
        return of_object(value, hook);
    }
    value["items"].as_array()?.iter().find_map(refused)
}

fn of_object(value: &Value, hook: &str) -> Option<Problem> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, name) = (text(&value["kind"]), text(&value["metadata"]["name"]));
    let other = words(hook).find(|event| !RUN.contains(event) && !NEVER.contains(event));
    let message = match other {
        Some(event) => sentence!(
            "The chart has a hook `{event}`, which is not run: only those of an installation and an upgrade are.",
            event
        ),
        None if kind == "Job" || BESIDE.contains(&kind.as_str()) => return None,
        None => sentence!(
            "The chart has a hook (`{hook}`) of the kind {kind}, and it is not known when that has done its work.",
            hook,
            kind
        ),
    };
    Some(Problem {
        object: Some(format!("{kind}/{name}")),
        field: Some(format!("metadata.annotations.{HOOK}")),
        ..Problem::new(Code::ManifestCheck, message).hint(sentence!(
            "Switch it off by the chart's values. What it does belongs into a Job, as a hook of an installation or an upgrade or in a manifest of its own."
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::source_map::SourceMap;

    fn object(kind: &str, name: &str, hook: &str, weight: &str) -> Object {
        let api_version = if kind == "Job" { "batch/v1" } else { "v1" };
        Object {
            manifest: "Shop".to_owned(),
            url: String::new(),
            document: 1,
            line: 1,
            value: json!({"apiVersion": api_version, "kind": kind, "metadata": {
                "name": name, "annotations": {HOOK: hook, WEIGHT: weight}}}),
            path: String::new(),
            lines: Arc::new(SourceMap::default()),
            stand_in: None,
        }
    }

    #[test]
    fn hooks_of_an_event_come_by_weight_and_jobs_after_what_they_need() {
        let objects = [
            object("Job", "late", "pre-install, pre-upgrade", "10"),
            object("Job", "first", "pre-install", "-5"),
            object("ConfigMap", "settings", "pre-install", "10"),
            object("Job", "other", "post-install", "0"),
        ];
        let names = |event| -> Vec<&str> {
            let hooks = at(&objects, event);
            hooks.into_iter().map(Object::name).collect()
        };
        assert_eq!(names("pre-install"), ["first", "settings", "late"]);
        assert_eq!(names("pre-upgrade"), ["late"]);
        assert_eq!(names("post-upgrade"), [""; 0]);
    }

    #[test]
    fn what_cannot_be_run_is_refused_by_name() {
        let refused = |kind, hook| refused(&object(kind, "x", hook, "0").value);
        assert_eq!(
            refused("Job", "post-install,post-upgrade,post-rollback"),
            None
        );
        assert_eq!(refused("Secret", "pre-install"), None);
        for (kind, hook, part) in [
            ("Job", "pre-delete", "`pre-delete`"),
            ("Job", "post-install,post-delete", "`post-delete`"),
            ("Pod", "pre-install", "of the kind Pod"),
        ] {
            let problem = refused(kind, hook).unwrap();
            assert_eq!(problem.object, Some(format!("{kind}/x")));
            assert!(problem.message.contains(part), "{problem}");
        }
        let list = json!({"kind": "List", "items": [object("Pod", "x", "pre-install", "0").value]});
        assert!(super::refused(&list).is_some());
    }
}
