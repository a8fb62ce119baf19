//! Whose an object is: the labels by which Chandlery knows its own again.

use std::collections::BTreeMap;

use kube::core::ObjectMeta;
use serde_json::Value;

use crate::uid::Uid;

/// The field manager of everything Chandlery applies.
pub const FIELD_MANAGER: &str = "chandlery";
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// By this label an app's namespace and objects are known; the others are for people.
pub const UID: &str = "chandlery.dev/uid";
pub const INSTANCE: &str = "chandlery.dev/instance";
pub const APP: &str = "chandlery.dev/app";
pub const NAME: &str = "chandlery.dev/name";
pub const ENVIRONMENT: &str = "chandlery.dev/environment";
/// What Chandlery itself keeps in an app's namespace, beside what manifests hold: generated passwords, the credentials
/// for outgoing mail, the mail domain's DNS records, and what keeps the app to itself.
pub const OWN_NAMES: [&str; 6] = [
    "chandlery-generated",
    "chandlery-smtp",
    "chandlery-mail",
    "chandlery-quota",
    "chandlery-limits",
    "chandlery-default-deny",
];

/// Whether a deploy of ours applied an object. What controllers make of our objects may carry our labels, too.
pub(super) fn is_applied(metadata: &ObjectMeta) -> bool {
    let ours = metadata.managed_fields.iter().flatten().any(|entry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && entry.operation.as_deref() == Some("Apply")
    });
    ours && metadata.owner_references.iter().flatten().next().is_none()
}

/// The app that owns a namespace and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The app's random token: what does not bear it is somebody else's.
    pub uid: Uid,
    /// UUID of the Odoo database.
    pub instance: String,
    /// The app's id in that database, for people. It may have been another app's before the database was restored.
    pub app: i64,
    /// The app's name, for people who look at the namespace.
    pub name: String,
    /// The environment's code: `prod`, `int`, …
    pub environment: String,
}

impl Owner {
    /// The labels of every object of this app.
    pub fn object_labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (UID.to_owned(), self.uid.to_string()),
            (INSTANCE.to_owned(), self.instance.clone()),
            (APP.to_owned(), self.app.to_string()),
        ])
    }

    /// The labels of its namespace.
    pub fn namespace_labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.object_labels();
        labels.insert(MANAGED_BY.to_owned(), FIELD_MANAGER.to_owned());
        labels.insert(NAME.to_owned(), self.name.clone());
        labels.insert(ENVIRONMENT.to_owned(), self.environment.clone());
        labels
    }

    /// Selects this app's objects.
    pub fn selector(&self) -> String {
        format!("{UID}={},{INSTANCE}={}", self.uid, self.instance)
    }

    /// Whether an object in a cluster is this app's. A copy of the database has the same tokens; where it was given a
    /// UUID of its own, the original's objects are not the copy's.
    pub fn owns(&self, metadata: &ObjectMeta) -> bool {
        metadata
            .labels
            .as_ref()
            .is_some_and(|labels| self.matches(|label| labels.get(label).map(String::as_str)))
    }

    /// Whether a namespace is this app's: it must say so itself, beyond the labels of any object.
    pub fn owns_namespace(&self, metadata: &ObjectMeta) -> bool {
        self.owns(metadata)
            && metadata
                .labels
                .as_ref()
                .and_then(|labels| labels.get(MANAGED_BY))
                .is_some_and(|manager| manager == FIELD_MANAGER)
    }

    /// Puts this app's labels on an object before it is applied. Only its own metadata: selectors and pod templates
    /// stay as the manifest has them, so that an app's pods are not restarted by a label of ours.
    pub(super) fn label(&self, object: &mut Value) {
        let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
            return;
        };
        let labels = metadata
            .entry("labels")
            .or_insert_with(|| Value::Object(Default::default()));
        if labels.is_null() {
            *labels = Value::Object(Default::default());
        }
        if let Some(labels) = labels.as_object_mut() {
            for (key, value) in self.object_labels() {
                labels.insert(key, Value::String(value));
            }
        }
    }

    fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        label(UID) == Some(self.uid.as_str()) && label(INSTANCE) == Some(&self.instance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn uid(digit: char) -> Uid {
        Uid::try_from(digit.to_string().repeat(32)).unwrap()
    }

    fn owner() -> Owner {
        Owner {
            uid: uid('0'),
            instance: "5f0c1a52".to_owned(),
            app: 7,
            name: "shop".to_owned(),
            environment: "int".to_owned(),
        }
    }

    fn metadata(labels: BTreeMap<String, String>) -> ObjectMeta {
        ObjectMeta {
            labels: Some(labels),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn a_namespace_is_ours_only_with_all_three_labels() {
        let ours = owner().namespace_labels();
        assert!(owner().owns_namespace(&metadata(ours.clone())));
        for label in [MANAGED_BY, INSTANCE, UID] {
            let mut foreign = ours.clone();
            foreign.insert(label.to_owned(), "other".to_owned());
            assert!(
                !owner().owns_namespace(&metadata(foreign.clone())),
                "{label}"
            );
            foreign.remove(label);
            assert!(!owner().owns_namespace(&metadata(foreign)), "{label}");
        }
        assert!(!owner().owns_namespace(&ObjectMeta::default()));
    }

    /// After a database was restored, the next app gets the id of one that is still in the cluster.
    #[test]
    fn an_app_of_the_same_name_and_id_but_another_uid_owns_nothing_of_the_first() {
        let (first, second) = (
            owner(),
            Owner {
                uid: uid('1'),
                ..owner()
            },
        );
        assert!(!second.owns_namespace(&metadata(first.namespace_labels())));
        assert!(!second.owns(&metadata(first.object_labels())));
        assert_ne!(second.selector(), first.selector());
        let mut before_uids = first.namespace_labels();
        before_uids.remove(UID);
        assert!(!first.owns_namespace(&metadata(before_uids)));
    }

    #[test]
    fn labels_go_on_the_object_and_nowhere_else() {
        let mut object = json!({
            "metadata": {"name": "odoo", "labels": {"app": "odoo"}},
            "spec": {"selector": {"matchLabels": {"app": "odoo"}}, "template": {"metadata": {"labels": {"app": "odoo"}}}},
        });
        let spec = object["spec"].clone();
        owner().label(&mut object);
        assert_eq!(
            object["metadata"]["labels"],
            json!({
                "app": "odoo",
                "chandlery.dev/uid": "00000000000000000000000000000000",
                "chandlery.dev/instance": "5f0c1a52",
                "chandlery.dev/app": "7",
            })
        );
        assert_eq!(object["spec"], spec);
    }
}
