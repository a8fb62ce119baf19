//! What is known of an object before it is applied, so that one request is enough.
//!
//! A server-side apply may name the version that it is about: the API server then refuses it, and writes nothing, when the
//! object is another one by now. What has the version that our last apply or a watch told is as it was known then: ours, not
//! on its way out, and without fields of other tools. What is not known is expected not to be there. Wherever the API server
//! says that it is otherwise, the object is looked at first.

use std::collections::HashMap;

use kube::api::{DynamicObject, ObjectMeta};
use serde_json::Value;

use super::takeover;
use crate::object::ObjectRef;

/// No object ever has this version: etcd begins with it, and the first write gets the next. An apply that names it makes
/// the object, or is refused where one is there.
const OF_NOTHING: &str = "1";

/// How often somebody else may write on an object between a look at it and a write of ours: controllers do so while pods come
/// and go.
pub(super) const TRIES: u32 = 8;

/// What is known of objects.
pub type Versions = HashMap<ObjectRef, Version>;

/// One object as it was when something was known of it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub(super) uid: String,
    /// `None` where it says nothing by now: others write on the object, or it has to be looked at for another reason.
    pub(super) version: Option<String>,
}

impl Version {
    /// Of an object as the API server returned it.
    pub(super) fn of(object: &DynamicObject) -> Option<Self> {
        let metadata = &object.metadata;
        // Who writes the status makes a new version each time.
        let lasts = object.data.get("status").is_none()
            && metadata.deletion_timestamp.is_none()
            && !takeover::has_tools(metadata);
        Some(Self {
            uid: metadata.uid.clone()?,
            version: metadata.resource_version.clone().filter(|_| lasts),
        })
    }

    /// One word, which [`from_word`](Self::from_word) reads.
    pub(super) fn to_word(&self) -> String {
        match &self.version {
            Some(version) => format!("{}:{version}", self.uid),
            None => self.uid.clone(),
        }
    }

    pub(super) fn from_word(word: &str) -> Self {
        match word.split_once(':') {
            Some((uid, version)) => Self {
                uid: uid.to_owned(),
                version: Some(version.to_owned()),
            },
            None => Self {
                uid: word.to_owned(),
                version: None,
            },
        }
    }
}

/// What an apply expects to meet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected<'a> {
    Nothing,
    /// The very object, as it was.
    Version(&'a str, &'a str),
    Anything,
}

impl<'a> Expected<'a> {
    /// `None`: the object has to be looked at first.
    pub(super) fn known(version: Option<&'a Version>) -> Option<Self> {
        match version {
            None => Some(Self::Nothing),
            Some(known) => {
                let version = known.version.as_deref()?;
                Some(Self::Version(&known.uid, version))
            }
        }
    }

    /// What was looked at just now.
    pub(super) fn seen(found: Option<&'a ObjectMeta>) -> Self {
        match found {
            None => Self::Nothing,
            Some(found) => match (&found.uid, &found.resource_version) {
                (Some(uid), Some(version)) => Self::Version(uid, version),
                // No API server leaves them out.
                _ => Self::Anything,
            },
        }
    }

    /// Says so in what is applied.
    pub(super) fn put(self, value: &mut Value) {
        let (uid, version) = match self {
            Self::Nothing => (None, Some(OF_NOTHING)),
            Self::Version(uid, version) => (Some(uid), Some(version)),
            Self::Anything => (None, None),
        };
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            let members = [("uid", uid), ("resourceVersion", version)];
            for (name, member) in members {
                if let Some(member) = member {
                    metadata.insert(name.to_owned(), member.into());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(more: Value) -> DynamicObject {
        let mut object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "settings", "uid": "u-1", "resourceVersion": "7"},
        });
        for (name, value) in more.as_object().unwrap() {
            object[name] = value.clone();
        }
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn the_version_is_known_of_what_nobody_else_writes_on() {
        let quiet = Version::of(&object(json!({}))).unwrap();
        assert_eq!(quiet.to_word(), "u-1:7");
        assert_eq!(Version::from_word("u-1:7"), quiet);
        let by_kubectl = json!({"metadata": {
            "name": "settings", "uid": "u-1", "resourceVersion": "7",
            "managedFields": [{"manager": "kubectl", "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": {}}],
        }});
        let going = json!({"metadata": {
            "name": "settings", "uid": "u-1", "resourceVersion": "7", "deletionTimestamp": "2026-11-29T16:00:00Z",
        }});
        for others in [json!({"status": {}}), by_kubectl, going] {
            let known = Version::of(&object(others)).unwrap();
            assert_eq!(known.to_word(), "u-1");
            assert_eq!(Version::from_word("u-1"), known);
            assert!(Expected::known(Some(&known)).is_none(), "looked at first");
        }
    }

    #[test]
    fn what_is_expected_stands_in_the_metadata() {
        let put = |expected: Expected<'_>| {
            let mut value = json!({"metadata": {"name": "x"}});
            expected.put(&mut value);
            value["metadata"].take()
        };
        assert_eq!(
            put(Expected::known(None).unwrap()),
            json!({"name": "x", "resourceVersion": "1"})
        );
        assert_eq!(
            put(Expected::Version("u", "7")),
            json!({"name": "x", "uid": "u", "resourceVersion": "7"})
        );
        let found = ObjectMeta {
            uid: Some("u".to_owned()),
            resource_version: Some("8".to_owned()),
            ..ObjectMeta::default()
        };
        assert_eq!(
            put(Expected::seen(Some(&found))),
            json!({"name": "x", "uid": "u", "resourceVersion": "8"})
        );
        assert_eq!(
            put(Expected::seen(None)),
            json!({"name": "x", "resourceVersion": "1"})
        );
        assert_eq!(put(Expected::Anything), json!({"name": "x"}));
    }
}
