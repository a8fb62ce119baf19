//! What the worker may do in a cluster, asked of the API server itself.

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use kube::api::{Api, ObjectMeta, PostParams};

use super::error::CallError;
use super::owner::{FIELD_MANAGER, MANAGED_BY};
use super::{Cluster, role_binding};
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// One thing that the worker must be allowed to do.
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

/// What the worker needs in the whole cluster.
pub const NEEDED_CLUSTER_WIDE: &Rights = &[
    (
        "",
        "namespaces",
        &["get", "list", "watch", "create", "patch", "delete"],
    ),
    // Which of them make volumes.
    ("storage.k8s.io", "storageclasses", &["list"]),
    // Whether the one of an Ingress is there.
    ("networking.k8s.io", "ingressclasses", &["get"]),
    // To give itself its rights in an app's namespace.
    ("rbac.authorization.k8s.io", "rolebindings", &["create"]),
];

/// What it needs in an app's namespace, for apps made of the usual kinds. A resource may be `resource/subresource`.
pub const NEEDED: &Rights = &[
    ("", "configmaps", MANAGE),
    ("", "secrets", MANAGE),
    ("", "services", MANAGE),
    ("", "serviceaccounts", MANAGE),
    ("", "persistentvolumeclaims", MANAGE),
    ("", "pods", MANAGE),
    // What an app gets in its namespace.
    ("", "resourcequotas", &["get", "create", "patch", "delete"]),
    ("", "limitranges", &["get", "create", "patch", "delete"]),
    // Why a Job has failed.
    ("", "pods/log", &["get"]),
    ("", "events", &["list"]),
    ("apps", "deployments", MANAGE),
    ("apps", "statefulsets", MANAGE),
    ("apps", "daemonsets", MANAGE),
    ("batch", "jobs", MANAGE),
    ("batch", "cronjobs", MANAGE),
    ("networking.k8s.io", "ingresses", MANAGE),
    ("networking.k8s.io", "networkpolicies", MANAGE),
];

/// What it needs beyond that where it gives apps a mail domain.
pub const NEEDED_FOR_MAIL: &Rights = &[("externaldns.k8s.io", "dnsendpoints", MANAGE)];

const WATCH: &[&str] = &["list", "watch"];

/// What it needs in the whole cluster to hear at once of what changes in apps, and to keep it in memory; without it, it looks
/// every now and then.
pub const NEEDED_TO_WATCH: &Rights = &[
    ("", "pods", WATCH),
    ("", "services", WATCH),
    ("", "persistentvolumeclaims", WATCH),
    ("apps", "deployments", WATCH),
    ("apps", "statefulsets", WATCH),
    ("apps", "daemonsets", WATCH),
    ("batch", "jobs", WATCH),
    ("batch", "cronjobs", WATCH),
    ("networking.k8s.io", "ingresses", WATCH),
];

/// What it needs in the whole cluster to tell how much is free there; without it, nobody is told.
pub const NEEDED_FOR_CAPACITY: &Rights = &[("", "nodes", &["list"]), ("", "pods", &["list"])];

/// What nobody who only runs apps needs: each leads to other namespaces. Verb, group, resource, name, namespace.
const TOO_MUCH: [(&str, &str, &str, &str, &str); 9] = [
    ("get", "", "secrets", "", "kube-system"),
    ("list", "", "secrets", "", ""),
    ("create", "", "pods", "", "kube-system"),
    ("create", "", "pods/exec", "", "kube-system"),
    ("create", "", "serviceaccounts/token", "", "kube-system"),
    ("bind", RBAC, "clusterroles", "cluster-admin", ""),
    ("escalate", RBAC, "clusterroles", role_binding::ROLE, ""),
    ("create", RBAC, "clusterrolebindings", "", ""),
    ("impersonate", "", "users", "", ""),
];

/// Whether an admission policy keeps the worker's account in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// There is none, or it is not about this account.
    Nowhere,
    /// There is one, of an earlier version.
    Outdated,
    Wholly,
}

const OURS: (&str, &str) = (MANAGED_BY, FIELD_MANAGER);
const RBAC: &str = "rbac.authorization.k8s.io";

impl Cluster {
    /// Whether the cluster lets the worker do something.
    pub(super) async fn may(&self, asked: ResourceAttributes) -> Result<bool, Problem> {
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(asked),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let answer = self
            .call(reviews.create(&PostParams::default(), &review))
            .await
            .map_err(|error| self.problem(&error, sentence!("ask for its permissions")))?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }

    /// What of `rights` the cluster does not let the worker do in all its namespaces. Empty is good.
    pub async fn missing_permissions(&self, rights: &Rights) -> Result<Vec<Permission>, Problem> {
        let questions: Vec<_> = each(rights)
            .into_iter()
            .map(|permission| self.lacks(permission))
            .collect();
        stream::iter(questions)
            .buffered(8)
            .try_filter_map(|missing| async move { Ok(missing) })
            .try_collect()
            .await
    }

    async fn lacks(&self, permission: Permission) -> Result<Option<Permission>, Problem> {
        let Permission {
            verb,
            group,
            resource,
        } = permission;
        let allowed = self.may(asked(verb, group, resource, "", "")).await?;
        Ok((!allowed).then_some(permission))
    }

    /// What of `rights` the worker would not have in an app's namespace: neither everywhere nor by the ClusterRole that
    /// it binds itself to there. Empty is good.
    ///
    /// # Errors
    /// `permissions`: it may not bind itself to it, or there is no such role.
    pub async fn missing_in_apps(&self, rights: &Rights) -> Result<Vec<Permission>, Problem> {
        let mut missing = self.missing_permissions(rights).await?;
        if missing.is_empty() {
            return Ok(missing);
        }
        let binds = asked("bind", RBAC, "clusterroles", role_binding::ROLE, "");
        if !self.may(binds).await? {
            return Err(without_role(sentence!("bind itself to")));
        }
        let roles: Api<ClusterRole> = Api::all(self.client.clone());
        let role = match self.call(roles.get(role_binding::ROLE)).await {
            Ok(role) => role,
            Err(error) if error.is_not_found() => return Err(without_role(sentence!("find"))),
            Err(error) if error.is_forbidden() => return Err(without_role(sentence!("read"))),
            Err(error) => return Err(self.problem(&error, sentence!("read a ClusterRole"))),
        };
        let rules = role.rules.unwrap_or_default();
        missing.retain(|permission| !rules.iter().any(|rule| grants(rule, permission)));
        Ok(missing)
    }

    /// What the worker may do though it never needs it. Empty is good.
    pub async fn needless_permissions(&self) -> Result<Vec<String>, Problem> {
        let mut needless = Vec::new();
        for (verb, group, resource, name, namespace) in TOO_MUCH {
            if self
                .may(asked(verb, group, resource, name, namespace))
                .await?
            {
                let mut words = format!("{verb} {resource}");
                if !name.is_empty() {
                    words += &format!(" {name}");
                }
                words += match namespace {
                    "" => " in the whole cluster",
                    _ => " in kube-system",
                };
                needless.push(words);
            }
        }
        Ok(needless)
    }

    /// Whether the cluster keeps the worker to namespaces labelled as ours, as config/admission-policy.yaml makes it:
    /// tried by a dry run, which writes nothing.
    pub async fn keeps_to_its_namespaces(&self) -> Result<Kept, Problem> {
        let kept_forever = ObjectMeta {
            finalizers: Some(vec!["chandlery.dev/check".to_owned()]),
            ..labelled(&[OURS])
        };
        self.keeps(ObjectMeta::default(), kept_forever).await
    }

    /// Whether it keeps the worker from pods that take over a node, as config/admission-pod-security.yaml makes it.
    pub async fn keeps_pods_from_nodes(&self) -> Result<Kept, Problem> {
        let enforce = "pod-security.kubernetes.io/enforce";
        let version = "pod-security.kubernetes.io/enforce-version";
        let old = labelled(&[OURS, (enforce, "baseline"), (version, "v1.0")]);
        self.keeps(labelled(&[OURS, (enforce, "privileged")]), old)
            .await
    }

    /// Whether the worker cannot make the first namespace, nor the second, which an earlier version of the policy let
    /// pass.
    async fn keeps(&self, first: ObjectMeta, second: ObjectMeta) -> Result<Kept, Problem> {
        let wrong = |error: &CallError| self.problem(error, sentence!("create namespaces"));
        // Where this is refused it is for another reason.
        self.try_namespace(labelled(&[OURS]))
            .await
            .map_err(|error| wrong(&error))?;
        for (metadata, otherwise) in [(first, Kept::Nowhere), (second, Kept::Outdated)] {
            match self.try_namespace(metadata).await {
                Ok(()) => return Ok(otherwise),
                Err(error) if error.is_forbidden() => {}
                Err(error) => return Err(wrong(&error)),
            }
        }
        Ok(Kept::Wholly)
    }

    async fn try_namespace(&self, metadata: ObjectMeta) -> Result<(), CallError> {
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(format!("chandlery-check-{}", uuid::Uuid::new_v4())),
                ..metadata
            },
            ..Namespace::default()
        };
        let params = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let api: Api<Namespace> = Api::all(self.client.clone());
        self.call(api.create(&params, &namespace)).await.map(drop)
    }
}

fn labelled(labels: &[(&str, &str)]) -> ObjectMeta {
    let labels = labels.iter();
    let labels = labels.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    ObjectMeta {
        labels: Some(labels.collect()),
        ..ObjectMeta::default()
    }
}

fn each(rights: &Rights) -> Vec<Permission> {
    let mut each = Vec::new();
    for &(group, resource, verbs) in rights {
        each.extend(verbs.iter().map(|&verb| Permission {
            verb,
            group,
            resource,
        }));
    }
    each
}

fn asked(
    verb: &str,
    group: &str,
    resource: &str,
    name: &str,
    namespace: &str,
) -> ResourceAttributes {
    let (resource, subresource) = match resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource)),
        None => (resource, None),
    };
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ResourceAttributes {
        group: some(group),
        resource: some(resource),
        subresource: subresource.map(str::to_owned),
        verb: some(verb),
        name: some(name),
        namespace: some(namespace),
        ..ResourceAttributes::default()
    }
}

fn grants(rule: &PolicyRule, permission: &Permission) -> bool {
    let has = |list: &Option<Vec<String>>, word: &str| {
        list.iter().flatten().any(|one| one == word || one == "*")
    };
    has(&rule.api_groups, permission.group)
        && has(&rule.resources, permission.resource)
        && has(&Some(rule.verbs.clone()), permission.verb)
        && rule.resource_names.iter().flatten().next().is_none()
}

fn without_role(doing: Sentence) -> Problem {
    let role = role_binding::ROLE;
    Problem::new(Code::Permissions, sentence!("The worker cannot {doing} the ClusterRole {role}, which gives it its rights in apps' namespaces.", doing, role))
    .hint(sentence!("Apply config/rbac.yaml of this version to the cluster."))
}

/// Rights as people read them: one line for each resource.
pub fn grouped(permissions: &[Permission]) -> Vec<String> {
    let mut lines = Vec::new();
    for same in permissions
        .chunk_by(|one, other| (one.group, one.resource) == (other.group, other.resource))
    {
        let verbs: Vec<&str> = same.iter().map(|permission| permission.verb).collect();
        let (mut verbs, resource) = (verbs.join(", "), same[0].to_string());
        if let Some((_, resource)) = resource.split_once(' ') {
            verbs += &format!(" {resource}");
        }
        lines.push(verbs);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_rights_are_told_by_resource_and_not_verb_by_verb() {
        let permission = |verb, group, resource| Permission {
            verb,
            group,
            resource,
        };
        let missing = [
            permission("get", "", "pods"),
            permission("list", "", "pods"),
            permission("get", "", "pods/log"),
            permission("patch", "apps", "deployments"),
        ];
        assert_eq!(
            grouped(&missing),
            ["get, list pods", "get pods/log", "patch deployments.apps"]
        );
    }

    #[test]
    fn a_rule_for_named_objects_alone_gives_no_right_to_a_kind() {
        let rule = |resource_names: &[&str], verbs: &[&str]| PolicyRule {
            api_groups: Some(vec!["apps".to_owned()]),
            resources: Some(vec!["deployments".to_owned()]),
            resource_names: Some(
                resource_names
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect(),
            ),
            verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
            ..PolicyRule::default()
        };
        let wanted = Permission {
            verb: "patch",
            group: "apps",
            resource: "deployments",
        };
        assert!(grants(&rule(&[], &["get", "patch"]), &wanted));
        assert!(grants(&rule(&[], &["*"]), &wanted));
        assert!(!grants(&rule(&[], &["get"]), &wanted));
        assert!(!grants(&rule(&["web"], &["patch"]), &wanted));
    }
}
