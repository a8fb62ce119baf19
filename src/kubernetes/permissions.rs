//! What the worker may do in a cluster, asked of the API server itself.

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::{Api, PostParams};

use super::Cluster;
use crate::problem::Problem;

/// One thing that the worker must be allowed to do, in every namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// `get`, `patch`, …
    pub verb: &'static str,
    /// API group, empty for the core group.
    pub group: &'static str,
    /// Plural name: `deployments`, …; `pods/log` for a subresource.
    pub resource: &'static str,
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        Ok(())
    }
}

/// Rights by group, resource and verbs.
pub type Rights = [(&'static str, &'static str, &'static [&'static str])];

const MANAGE: &[&str] = &["get", "list", "create", "patch", "delete"];
/// What an app is made to run with is also watched, so that Odoo hears of it when it changes.
const MANAGE_AND_WATCH: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];

/// What the worker needs for apps made of the usual kinds. A resource may be `resource/subresource`.
pub const NEEDED: &Rights = &[
    ("", "namespaces", MANAGE),
    ("", "configmaps", MANAGE),
    // Not `list`: the worker reads no secrets but those it made.
    ("", "secrets", &["get", "create", "patch", "delete"]),
    ("", "services", MANAGE),
    ("", "serviceaccounts", MANAGE),
    ("", "persistentvolumeclaims", MANAGE),
    // What an app gets in its namespace.
    ("", "resourcequotas", &["get", "create", "patch", "delete"]),
    ("", "limitranges", &["get", "create", "patch", "delete"]),
    ("", "pods", MANAGE_AND_WATCH),
    // Why a Job has failed.
    ("", "pods/log", &["get"]),
    ("", "events", &["list"]),
    ("apps", "deployments", MANAGE_AND_WATCH),
    ("apps", "statefulsets", MANAGE_AND_WATCH),
    ("apps", "daemonsets", MANAGE_AND_WATCH),
    ("batch", "jobs", MANAGE_AND_WATCH),
    ("batch", "cronjobs", MANAGE),
    ("networking.k8s.io", "ingresses", MANAGE_AND_WATCH),
    ("networking.k8s.io", "networkpolicies", MANAGE),
];

/// What it needs beyond that where it gives apps a mail domain.
pub const NEEDED_FOR_MAIL: &Rights = &[("externaldns.k8s.io", "dnsendpoints", MANAGE)];

impl Cluster {
    /// What of `rights` the cluster does not let the worker do. Empty is good.
    pub async fn missing_permissions(&self, rights: &Rights) -> Result<Vec<Permission>, Problem> {
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let needed = rights.iter().flat_map(|&(group, resource, verbs)| {
            verbs.iter().map(move |&verb| Permission {
                verb,
                group,
                resource,
            })
        });
        stream::iter(needed)
            .map(|permission| {
                let reviews = &reviews;
                async move {
                    let (resource, subresource) = match permission.resource.split_once('/') {
                        Some((resource, subresource)) => (resource, Some(subresource)),
                        None => (permission.resource, None),
                    };
                    let review = SelfSubjectAccessReview {
                        spec: SelfSubjectAccessReviewSpec {
                            resource_attributes: Some(ResourceAttributes {
                                group: Some(permission.group.to_owned()),
                                resource: Some(resource.to_owned()),
                                subresource: subresource.map(str::to_owned),
                                verb: Some(permission.verb.to_owned()),
                                ..ResourceAttributes::default()
                            }),
                            ..SelfSubjectAccessReviewSpec::default()
                        },
                        ..SelfSubjectAccessReview::default()
                    };
                    let answer = self
                        .call(reviews.create(&PostParams::default(), &review))
                        .await
                        .map_err(|error| self.problem(&error, "ask for its permissions"))?;
                    let allowed = answer.status.is_some_and(|status| status.allowed);
                    Ok::<_, Problem>((!allowed).then_some(permission))
                }
            })
            .buffered(8)
            .try_filter_map(|missing| async move { Ok(missing) })
            .try_collect()
            .await
    }
}
