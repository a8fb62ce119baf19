//! The worker's rights in an app's namespace: a RoleBinding of its own to the ClusterRole `chandlery-app`.
//!
//! Cluster-wide the worker may do next to nothing (config/rbac.yaml): what it needs for an app it may do in that app's
//! namespace, once this binding is there.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::ResourceAttributes;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{RoleBinding, RoleRef, Subject};
use kube::ResourceExt;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::time::{Instant, sleep};

use super::Cluster;
use super::owner::{FIELD_MANAGER, MANAGED_BY};
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;
use crate::slot;

/// The ClusterRole that says what the worker may do in an app's namespace.
pub const ROLE: &str = "chandlery-app";
/// The RoleBinding in each app's namespace.
pub const NAME: &str = "chandlery";

const GROUP: &str = "rbac.authorization.k8s.io";
/// How long the API server may take to let a new binding count.
const LIMIT: Duration = Duration::from_secs(10);
/// The same for a binding that another worker may have made a moment ago.
const LIMIT_OF_OTHERS: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);
/// How long it is trusted that the worker may still work in a namespace.
const FRESH: Duration = Duration::from_secs(30);

/// In which namespaces the worker was found to have its rights a moment ago: a job, of which each has its own, reads its
/// namespace several times.
#[derive(Default)]
pub(super) struct Rights(Mutex<HashMap<String, Instant>>);

impl Rights {
    /// By the uid that Kubernetes gave the namespace: another of the same name has another.
    fn are_known(&self, uid: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(uid).is_some_and(|at| at.elapsed() < FRESH)
    }

    fn know(&self, uid: String) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, at| at.elapsed() < FRESH);
        known.insert(uid, Instant::now());
    }
}

/// Makes sure that the worker may work in a namespace, which must be one of ours. Where it may already, be it by this
/// binding or since it may everywhere, nothing is written. One that was made just now is not asked about where the worker had
/// to bind its rights before.
///
/// # Errors
/// `namespace_access`: it may not, and cannot change that.
pub(super) async fn ensure(
    cluster: &Cluster,
    namespace: &Namespace,
    is_new: bool,
) -> Result<(), Problem> {
    let uid = namespace.uid().unwrap_or_default();
    if cluster.rights.are_known(&uid) {
        return Ok(());
    }
    let name = namespace.name_any();
    let has_bound = cluster.account.initialized();
    if is_new && has_bound || !may_work(cluster, &name).await? {
        bind(cluster, &name).await?;
    }
    cluster.rights.know(uid);
    Ok(())
}

async fn bind(cluster: &Cluster, namespace: &str) -> Result<(), Problem> {
    let account = cluster.account.get_or_try_init(|| account(cluster)).await?;
    let wanted = binding(account).ok_or_else(|| {
        without_rights(
            namespace,
            "its account is no ServiceAccount, to which it could bind them",
        )
    })?;
    let api: Api<RoleBinding> = Api::namespaced(cluster.client.clone(), namespace);
    let params = PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    let (limit, late) = match cluster.call(api.create(&params, &wanted)).await {
        Ok(_) => (
            LIMIT,
            format!("the RoleBinding {NAME} that it made does not count after 10 s"),
        ),
        Err(error) if error.is_conflict() => (
            LIMIT_OF_OTHERS,
            format!(
                "the RoleBinding {NAME} there gives them to somebody else, or its role lacks them"
            ),
        ),
        Err(error) if error.is_forbidden() => {
            return Err(without_rights(namespace, &error.to_string()));
        }
        Err(error) => {
            return Err(cluster.problem(
                &error,
                sentence!("bind its rights in {namespace}", namespace),
            ));
        }
    };
    let deadline = Instant::now() + limit;
    while !may_work(cluster, namespace).await? {
        if Instant::now() >= deadline {
            return Err(without_rights(namespace, &late));
        }
        slot::waiting(sleep(PAUSE)).await;
    }
    Ok(())
}

/// Whether the worker may do in a namespace what `chandlery-app` lets it do. All of it comes with one binding, so one
/// right stands for all: the one that nobody gets by other ways.
async fn may_work(cluster: &Cluster, namespace: &str) -> Result<bool, Problem> {
    cluster
        .may(ResourceAttributes {
            verb: Some("get".to_owned()),
            resource: Some("secrets".to_owned()),
            namespace: Some(namespace.to_owned()),
            ..ResourceAttributes::default()
        })
        .await
}

/// The name by which the API server knows the worker.
async fn account(cluster: &Cluster) -> Result<String, Problem> {
    let reviews: Api<SelfSubjectReview> = Api::all(cluster.client.clone());
    let answer = cluster
        .call(reviews.create(&PostParams::default(), &SelfSubjectReview::default()))
        .await
        .map_err(|error| cluster.problem(&error, sentence!("ask for its own name")))?;
    let user = answer.status.and_then(|status| status.user_info);
    Ok(user.and_then(|user| user.username).unwrap_or_default())
}

/// The binding to the account, which must be a ServiceAccount.
fn binding(account: &str) -> Option<RoleBinding> {
    let (namespace, name) = account
        .strip_prefix("system:serviceaccount:")?
        .split_once(':')?;
    Some(RoleBinding {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            labels: Some([(MANAGED_BY.to_owned(), FIELD_MANAGER.to_owned())].into()),
            ..ObjectMeta::default()
        },
        role_ref: RoleRef {
            api_group: GROUP.to_owned(),
            kind: "ClusterRole".to_owned(),
            name: ROLE.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: name.to_owned(),
            namespace: Some(namespace.to_owned()),
            ..Subject::default()
        }]),
    })
}

fn without_rights(namespace: &str, reason: &str) -> Problem {
    Problem {
        object: Some(format!("RoleBinding/{NAME}")),
        ..Problem::new(Code::NamespaceAccess, sentence!("The worker has no rights in the namespace {namespace}: {reason}.", namespace, reason = reason.trim_end_matches('.')))
        .hint(sentence!("Apply config/rbac.yaml of this version to the cluster; `chandlery check` says what still lacks. If the namespace has a RoleBinding {binding} that is not to the ClusterRole {role} and the worker's account, delete it: the worker makes its own.", binding = NAME, role = ROLE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn that_it_may_work_in_a_namespace_is_known_for_half_a_minute_and_of_no_other() {
        let rights = Rights::default();
        rights.know("one".to_owned());
        tokio::time::advance(FRESH / 2).await;
        rights.know("another".to_owned());
        assert!(rights.are_known("one") && !rights.are_known("none"));
        tokio::time::advance(FRESH / 2).await;
        assert!(!rights.are_known("one") && rights.are_known("another"));
    }

    #[test]
    fn the_rights_are_bound_to_the_workers_own_account_and_to_no_other_kind() {
        let bound = binding("system:serviceaccount:hosting:worker-1").unwrap();
        let subjects = bound.subjects.unwrap();
        assert_eq!(subjects.len(), 1);
        assert_eq!(
            (subjects[0].namespace.as_deref(), subjects[0].name.as_str()),
            (Some("hosting"), "worker-1")
        );
        assert_eq!(bound.role_ref.name, ROLE);
        for other in ["admin", "", "system:node:node-1", "system:serviceaccount:x"] {
            assert_eq!(binding(other), None, "{other}");
        }
    }
}
