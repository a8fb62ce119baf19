//! Replacing an app's pods, as `kubectl rollout restart` does: by an annotation on the pod template.

use serde_json::{Value, json};

use super::App;
use super::change::change;
use super::namespace::{self, Found};
use super::owned::{self, reference};
use super::scale::was_stopped;
use crate::code::Code;
use crate::object::{NO_RESTART, ObjectRef};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;
use crate::uid::Uid;

/// On a pod template: the job that restarted it last.
pub const RESTARTED: &str = "chandlery.dev/restarted-by-job";

/// Why workloads are restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Somebody wants it.
    Asked,
    /// A reset has replaced what the app works with (`reset`).
    Reset,
    /// The app's mail login is new (`mail`).
    Mail,
}

impl Reason {
    /// Whether this is a reason for a workload with this [`NO_RESTART`], which may follow by itself.
    pub(super) fn concerns(self, without: Option<&str>) -> bool {
        let word = match self {
            Self::Asked => return true,
            Self::Reset => "reset",
            Self::Mail => "mail",
        };
        !without.is_some_and(|list| list.split(',').any(|listed| listed.trim() == word))
    }
}

const WORKLOADS: [(&str, &str); 3] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
];

/// What a restart did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restarted {
    /// What restarts for this job, be it since now or since an earlier attempt.
    pub objects: Vec<ObjectRef>,
    /// What does not, and why.
    pub not: Vec<Sentence>,
}

/// Restarts each workload of the app that has reason to, once per `job`: another attempt at the same job finds its mark
/// and leaves it. They begin in the order of `inventory`, what others need first.
///
/// An app of which nothing runs because it was stopped is a problem.
pub async fn restart(
    app: &App,
    inventory: &[ObjectRef],
    reason: Reason,
    job: &Uid,
) -> Result<Restarted, Problem> {
    let App {
        cluster, namespace, ..
    } = app;
    if namespace::find(app).await? == Found::Absent {
        return Err(Problem::new(
            Code::NotThere,
            sentence!(
                "The namespace {namespace} is not in the cluster: there is nothing to restart.",
                namespace
            ),
        )
        .hint(sentence!("Press Apply to deploy the app.")));
    }
    let mut workloads = owned::objects(app, &WORKLOADS).await?;
    workloads.sort_by_key(|workload| {
        let object = reference(workload);
        let place = inventory.iter().position(|one| one.is_same_object(&object));
        place.unwrap_or(usize::MAX)
    });
    if workloads.iter().any(was_stopped) && !workloads.iter().any(runs) {
        return Err(stopped());
    }
    let mut restarted = Restarted::default();
    let concerned = |workload: &&Value| {
        let without = workload["metadata"]["annotations"][NO_RESTART].as_str();
        runs(workload) && reason.concerns(without)
    };
    for workload in workloads.iter().filter(concerned) {
        let object = reference(workload);
        if let Some(reason) = stands_still(workload) {
            restarted.not.push(sentence!(
                "{object} {reason}",
                object = object.to_string(),
                reason
            ));
            continue;
        }
        let mark = |workload: &Value| {
            let annotations = json!({ RESTARTED: job });
            let template = json!({"metadata": {"annotations": annotations}});
            (!is_restarted_by(workload, job)).then(|| json!({"spec": {"template": template}}))
        };
        change(cluster, workload, mark).await?;
        restarted.objects.push(object);
    }
    Ok(restarted)
}

/// That an app cannot be restarted because it is stopped.
pub fn stopped() -> Problem {
    Problem::new(
        Code::Stopped,
        sentence!("The app is stopped; there is nothing to restart."),
    )
    .hint(sentence!("Start it instead."))
}

fn runs(workload: &Value) -> bool {
    workload["spec"]["replicas"] != 0 && !was_stopped(workload)
}

fn is_restarted_by(workload: &Value, job: &Uid) -> bool {
    let annotations = &workload["spec"]["template"]["metadata"]["annotations"];
    annotations[RESTARTED] == job.as_str()
}

/// Why a workload would not follow a change of its template.
fn stands_still(workload: &Value) -> Option<Sentence> {
    if workload["spec"]["paused"] == true {
        return Some(sentence!(
            "is paused: `kubectl rollout resume` lets it go on"
        ));
    }
    (workload["spec"]["updateStrategy"]["type"] == "OnDelete").then(|| {
        sentence!("replaces its pods only when they are deleted (updateStrategy OnDelete)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_says_for_what_it_is_not_restarted() {
        for (without, asked, reset, mail) in [
            (None, true, true, true),
            (Some("reset"), true, false, true),
            (Some("mail"), true, true, false),
            (Some("mail, reset"), true, false, false),
            (Some("resets"), true, true, true),
        ] {
            assert_eq!(Reason::Asked.concerns(without), asked, "{without:?}");
            assert_eq!(Reason::Reset.concerns(without), reset, "{without:?}");
            assert_eq!(Reason::Mail.concerns(without), mail, "{without:?}");
        }
    }
}
