//! What a cluster's watches have told of our objects, so that nobody has to ask again: as much of each as state, reasons
//! and ingress are made of.
//!
//! [`changes`](super::changes()) fills it. It answers only while every kind is whole, that is listed once and watched
//! since; otherwise whoever reads it asks the API server. What the API server answers to a write of ours is kept as well:
//! so nobody reads an object here that is older than what this worker wrote.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ApiResource, DynamicObject};
use kube::core::{ObjectMeta, TypeMeta};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::owner::{self, INSTANCE, Owner, UID};
use super::version::Version;
use super::{App, takeover};
use crate::object::ObjectRef;

/// The kinds that are kept: API group, version, kind and plural name. The first one are the namespaces themselves.
pub(super) const KEPT: [(&str, &str, &str, &str); 10] = [
    ("", "v1", "Namespace", "namespaces"),
    ("networking.k8s.io", "v1", "Ingress", "ingresses"),
    ("apps", "v1", "Deployment", "deployments"),
    ("apps", "v1", "StatefulSet", "statefulsets"),
    ("apps", "v1", "DaemonSet", "daemonsets"),
    ("batch", "v1", "CronJob", "cronjobs"),
    ("batch", "v1", "Job", "jobs"),
    ("", "v1", "Pod", "pods"),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("", "v1", "Service", "services"),
];
const NAMESPACE: usize = 0;
/// Annotations of others are not read.
const OUR_ANNOTATIONS: &str = "chandlery.dev/";

/// The objects of one Odoo database in one cluster.
#[derive(Default)]
pub(super) struct Memory(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// The database whose objects are watched; empty while none are.
    instance: String,
    kinds: [Kind; KEPT.len()],
    namespaces: HashMap<String, Home>,
}

#[derive(Clone, Copy, Default)]
struct Kind {
    /// It was listed to its end, and is watched since.
    whole: bool,
    /// How often it was begun to be listed.
    lists: u32,
}

/// What is in one namespace.
struct Home {
    objects: BTreeMap<(usize, String), Entry>,
    changed: watch::Sender<()>,
}

struct Entry {
    /// Versions of one cluster are numbers, and grow.
    version: u64,
    /// The last list of its kind that it was in, or that was under way when it was written.
    list: u32,
    /// Whether its version says enough to write on it: it is not about to go, and other tools have no fields in it.
    is_plain: bool,
    /// Whether a deploy of ours applied it. What controllers make of our objects may carry our labels, too.
    applied: bool,
    /// As JSON, which takes a fifth of the room.
    json: Box<str>,
}

impl Memory {
    /// Begins anew, for the objects of this database.
    pub(super) fn begin(&self, instance: &str) {
        self.end();
        self.kept().instance = instance.to_owned();
    }

    /// Nothing is watched any more: whoever waits asks the API server from now on.
    pub(super) fn end(&self) {
        let mut kept = self.kept();
        kept.instance.clear();
        kept.kinds = Default::default();
        kept.namespaces.retain(|_, home| {
            home.objects.clear();
            home.is_used(true)
        });
    }

    /// A kind is about to be listed.
    pub(super) fn listing(&self, kind: usize) {
        let mut kept = self.kept();
        kept.kinds[kind].whole = false;
        kept.kinds[kind].lists += 1;
    }

    /// A kind was listed to its end: what was not in the list is gone. Returns whether all kinds are whole now.
    pub(super) fn listed(&self, kind: usize) -> bool {
        let mut kept = self.kept();
        kept.kinds[kind].whole = true;
        let list = kept.kinds[kind].lists;
        kept.namespaces.retain(|_, home| {
            let before = home.objects.len();
            home.objects
                .retain(|(of, _), entry| *of != kind || entry.list == list);
            home.is_used(home.objects.len() != before)
        });
        kept.is_whole()
    }

    /// Whether every kind is.
    pub(super) fn is_whole(&self) -> bool {
        self.kept().is_whole()
    }

    /// What happens to a kind is not heard of at the moment.
    pub(super) fn lost(&self, kind: usize) {
        self.kept().kinds[kind].whole = false;
    }

    /// Keeps an object as it is now, unless it is known as it was later. What is listed anew replaces all that was known
    /// before: versions begin again lower where the cluster's own database was restored. Returns whether something that is
    /// kept of it has changed.
    pub(super) fn keep(&self, kind: usize, object: DynamicObject) -> bool {
        let version = version(&object.metadata);
        let Some((namespace, name)) = place(kind, &object.metadata) else {
            return false;
        };
        let is_plain =
            object.metadata.deletion_timestamp.is_none() && !takeover::has_tools(&object.metadata);
        let applied = owner::is_applied(&object.metadata);
        let json = essence(kind, object).to_string().into_boxed_str();
        let mut kept = self.kept();
        let list = kept.kinds[kind].lists;
        let home = kept.home(&namespace);
        let entry = home.objects.entry((kind, name)).or_insert(Entry {
            version: 0,
            list,
            is_plain,
            applied,
            json: Box::default(),
        });
        if std::mem::replace(&mut entry.list, list) != list {
            entry.version = 0;
        }
        if entry.version > version {
            return false;
        }
        (entry.version, entry.is_plain, entry.applied) = (version, is_plain, applied);
        if entry.json == json {
            return false;
        }
        entry.json = json;
        home.changed.send_replace(());
        true
    }

    /// Keeps what the API server answered to a write of ours.
    pub(super) fn wrote(&self, object: &DynamicObject) {
        let types = object.types.as_ref();
        let kind = types.and_then(|types| kind_of(&types.api_version, &types.kind));
        if let Some(kind) = kind
            && self.kept().labelled(&object.metadata)
        {
            self.keep(kind, object.clone());
        }
    }

    /// Keeps a namespace that was just read or made.
    pub(super) fn read_namespace(&self, namespace: &Namespace) {
        if self.kept().labelled(&namespace.metadata) {
            let object = DynamicObject {
                types: None,
                metadata: namespace.metadata.clone(),
                data: json!({}),
            };
            self.keep(NAMESPACE, object);
        }
    }

    /// Whether all namespaces of a database are known, and this is none of them.
    pub(super) fn lacks(&self, instance: &str, namespace: &str) -> bool {
        let kept = self.kept();
        let home = kept.namespaces.get(namespace);
        let known = kept.is_whole() && kept.instance == instance;
        known && home.and_then(Home::namespace).is_none()
    }

    /// An object is gone.
    pub(super) fn forget(&self, kind: usize, metadata: &ObjectMeta) -> bool {
        let Some((namespace, name)) = place(kind, metadata) else {
            return false;
        };
        self.remove(&namespace, (kind, name), version(metadata))
    }

    /// We have deleted an object, and nothing keeps it.
    pub(super) fn deleted(&self, object: &ObjectRef) {
        if let Some(kind) = kind_of(&object.api_version, &object.kind)
            && let Some(namespace) = &object.namespace
        {
            self.remove(namespace, (kind, object.name.clone()), u64::MAX);
        }
    }

    fn remove(&self, namespace: &str, key: (usize, String), version: u64) -> bool {
        let mut kept = self.kept();
        let Some(home) = kept.namespaces.get_mut(namespace) else {
            return false;
        };
        let gone = home
            .objects
            .get(&key)
            .is_some_and(|entry| entry.version <= version)
            && home.objects.remove(&key).is_some();
        if !home.is_used(gone) {
            kept.namespaces.remove(namespace);
        }
        gone
    }

    /// Something has happened in a namespace that is not kept, to a pod of an app's workload. Returns whether the
    /// namespace is one of ours.
    pub(super) fn stir(&self, namespace: &str) -> bool {
        let kept = self.kept();
        let home = kept.namespaces.get(namespace);
        if let Some(home) = home {
            home.changed.send_replace(());
        }
        home.is_some()
    }

    /// Notified whenever something in a namespace has changed. `None` where this is not heard of.
    pub(super) fn follow(&self, namespace: &str) -> Option<watch::Receiver<()>> {
        let mut kept = self.kept();
        kept.is_whole()
            .then(|| kept.home(namespace).changed.subscribe())
    }

    /// An object as it is, if it is one of those that are kept.
    pub(super) fn get(&self, object: &ObjectRef) -> Option<Value> {
        let kind = kind_of(&object.api_version, &object.kind)?;
        let key = (kind, object.name.clone());
        let kept = self.kept();
        let home = kept.namespaces.get(object.namespace.as_deref()?)?;
        let entry = home.objects.get(&key).filter(|_| kept.is_whole())?;
        serde_json::from_str(&entry.json).ok()
    }

    /// What is known of an app's object before it is applied, if it is one of those that are kept. Also where a watch was
    /// lost: what has changed since then has another version.
    pub(super) fn version(&self, object: &ObjectRef, owner: &Owner) -> Option<Version> {
        let kind = kind_of(&object.api_version, &object.kind)?;
        let kept = self.kept();
        let home = kept.namespaces.get(object.namespace.as_deref()?)?;
        let entry = home.objects.get(&(kind, object.name.clone()))?;
        let known: DynamicObject = serde_json::from_str(&entry.json).ok()?;
        let says_enough = entry.is_plain && entry.version > 0 && owner.owns(&known.metadata);
        Some(Version {
            uid: known.metadata.uid?,
            version: says_enough.then(|| entry.version.to_string()),
        })
    }

    /// Of some kinds that are kept, the objects of the app in its namespace, and whether a deploy of ours applied them.
    /// `None` where they are not known.
    pub(super) fn objects(&self, app: &App, kinds: &[(&str, &str)]) -> Option<Vec<(Value, bool)>> {
        let kept = self.kept();
        let known = kept.is_whole() && kept.instance == app.owner.instance;
        let home = kept.namespaces.get(&app.namespace).filter(|_| known)?;
        let mut found = Vec::new();
        for (api_version, kind) in kinds {
            let kind = kind_of(api_version, kind)?;
            let of_kind = home.objects.iter().filter(|((of, _), _)| *of == kind);
            for (_, entry) in of_kind {
                let object: Value = serde_json::from_str(&entry.json).ok()?;
                if object["metadata"]["labels"][UID] == app.owner.uid.as_str() {
                    found.push((object, entry.applied));
                }
            }
        }
        Some(found)
    }

    /// The app's namespace and its objects. `None`: it has to be looked at, since they are not kept, or the namespace is
    /// not there, not the app's, or about to go.
    pub(super) fn app(&self, app: &App) -> Option<(ObjectMeta, Vec<Value>)> {
        let kept = self.kept();
        let known = kept.is_whole() && kept.instance == app.owner.instance;
        let home = kept.namespaces.get(&app.namespace).filter(|_| known)?;
        let namespace = home.namespace()?;
        if !app.owner.owns_namespace(&namespace) || namespace.deletion_timestamp.is_some() {
            return None;
        }
        let objects = home
            .objects
            .iter()
            .filter(|((kind, _), _)| *kind != NAMESPACE);
        let objects = objects.filter_map(|(_, entry)| serde_json::from_str(&entry.json).ok());
        let ours = |object: &Value| object["metadata"]["labels"][UID] == app.owner.uid.as_str();
        Some((namespace, objects.filter(ours).collect()))
    }

    /// All namespaces of a database. `None` where they are not kept.
    pub(super) fn namespaces(&self, instance: &str) -> Option<Vec<ObjectMeta>> {
        let kept = self.kept();
        let known = kept.is_whole() && kept.instance == instance;
        known.then(|| {
            kept.namespaces
                .values()
                .filter_map(Home::namespace)
                .collect()
        })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is_whole(&self) -> bool {
        self.kinds.iter().all(|kind| kind.whole)
    }

    fn home(&mut self, namespace: &str) -> &mut Home {
        let home = || Home {
            objects: BTreeMap::new(),
            changed: watch::channel(()).0,
        };
        self.namespaces
            .entry(namespace.to_owned())
            .or_insert_with(home)
    }

    /// Whether the watches would tell of an object.
    fn labelled(&self, metadata: &ObjectMeta) -> bool {
        let labels = metadata.labels.as_ref();
        let instance = labels.and_then(|labels| labels.get(INSTANCE));
        !self.instance.is_empty() && instance == Some(&self.instance)
    }
}

impl Home {
    fn namespace(&self) -> Option<ObjectMeta> {
        let ((kind, _), entry) = self.objects.first_key_value()?;
        let namespace: DynamicObject = serde_json::from_str(&entry.json).ok()?;
        (*kind == NAMESPACE).then_some(namespace.metadata)
    }

    /// Tells who follows it that something has changed; says whether anybody does, or anything is there.
    fn is_used(&self, changed: bool) -> bool {
        if changed {
            self.changed.send_replace(());
        }
        !self.objects.is_empty() || self.changed.receiver_count() > 0
    }
}

/// Waits until something has changed in a namespace that is followed; for good where none is.
pub(super) async fn changed(following: &mut Option<watch::Receiver<()>>) {
    if let Some(changed) = following
        && changed.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// The door to a kind.
pub(super) fn resource(kind: usize) -> ApiResource {
    let (group, version, kind, plural) = KEPT[kind];
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: api_version(group, version),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}

fn api_version(group: &str, version: &str) -> String {
    match group {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    }
}

/// Whether the objects of a kind are kept.
pub(super) fn is_kept(api_version: &str, kind: &str) -> bool {
    kind_of(api_version, kind).is_some()
}

fn kind_of(api_version: &str, kind: &str) -> Option<usize> {
    let group = crate::object::group_of(api_version);
    let is = |kept: &(&str, &str, &str, &str)| kept.0 == group && kept.2 == kind;
    KEPT.iter().position(is)
}

/// The namespace that an object is in, or that it is, and its name.
fn place(kind: usize, metadata: &ObjectMeta) -> Option<(String, String)> {
    let name = metadata.name.clone()?;
    let namespace = match kind {
        NAMESPACE => name.clone(),
        _ => metadata.namespace.clone()?,
    };
    Some((namespace, name))
}

fn version(metadata: &ObjectMeta) -> u64 {
    let version = metadata.resource_version.as_deref().unwrap_or_default();
    version.parse().unwrap_or_default()
}

/// What of an object is read: neither who wrote what of it, nor what its containers are like.
fn essence(kind: usize, mut object: DynamicObject) -> Value {
    let metadata = &mut object.metadata;
    metadata.managed_fields = None;
    metadata.resource_version = None;
    metadata.owner_references = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.retain(|name, _| name.starts_with(OUR_ANNOTATIONS));
    }
    let ApiResource {
        api_version, kind, ..
    } = resource(kind);
    if let Some(spec) = object.data.get_mut("spec") {
        match spec.as_object_mut() {
            Some(spec) if kind == "Pod" => spec.clear(),
            Some(spec) => _ = spec.shift_remove("volumeClaimTemplates"),
            None => {}
        }
        if let Some(template) = spec.get_mut("template") {
            *template = json!({
                "metadata": {"labels": template["metadata"]["labels"].take()},
                "spec": {
                    "nodeSelector": template["spec"]["nodeSelector"].take(),
                    "containers": images(&template["spec"]),
                },
            });
        }
        if let Some(template) = spec.get_mut("jobTemplate") {
            let containers = images(&template["spec"]["template"]["spec"]);
            *template = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        }
    }
    object.types = Some(TypeMeta { api_version, kind });
    serde_json::to_value(object).unwrap_or_default()
}

/// The containers of a pod's specification: of each its image.
fn images(pod: &Value) -> Vec<Value> {
    let containers = pod["containers"].as_array().into_iter().flatten();
    containers
        .map(|container| json!({"image": container["image"]}))
        .collect()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::kubernetes::owner::Owner;
    use crate::uid::Uid;

    const DEPLOYMENT: usize = 2;
    const SERVICE: usize = 9;
    const DATABASE: &str = "5f0c1a52";

    fn owner() -> Owner {
        Owner {
            uid: Uid::try_from("0".repeat(32)).unwrap(),
            instance: DATABASE.to_owned(),
            app: 7,
            name: "shop".to_owned(),
            environment: "int".to_owned(),
        }
    }

    /// An object of the app in the namespace `shop`, as the API server tells it.
    fn object(kind: usize, name: &str, version: u64, data: Value) -> DynamicObject {
        let resource = resource(kind);
        let mut object = json!({
            "apiVersion": resource.api_version, "kind": resource.kind,
            "metadata": {
                "name": name, "uid": "u", "resourceVersion": version.to_string(),
                "labels": owner().namespace_labels(),
                "annotations": {"chandlery.dev/x": "1", "kubectl.kubernetes.io/y": "2"},
                "managedFields": [{"manager": "chandlery"}],
            },
        });
        if kind != NAMESPACE {
            object["metadata"]["namespace"] = "shop".into();
        }
        let fields = object.as_object_mut().unwrap();
        fields.extend(data.as_object().unwrap().clone());
        serde_json::from_value(object).unwrap()
    }

    fn deployment(version: u64, ready: u32) -> DynamicObject {
        let data = json!({
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:1", "env": [{"name": "PASSWORD", "value": "in clear"}]}]},
            }},
            "status": {"readyReplicas": ready},
        });
        object(DEPLOYMENT, "web", version, data)
    }

    fn web() -> ObjectRef {
        ObjectRef {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: Some("shop".to_owned()),
            name: "web".to_owned(),
        }
    }

    /// A memory of an app of these objects.
    fn whole(objects: &[(usize, DynamicObject)]) -> Memory {
        let memory = Memory::default();
        memory.begin(DATABASE);
        let namespace = object(NAMESPACE, "shop", 1, json!({}));
        memory.keep(NAMESPACE, namespace);
        for kind in 0..KEPT.len() {
            memory.listing(kind);
            if kind == NAMESPACE {
                memory.keep(kind, object(NAMESPACE, "shop", 1, json!({})));
            }
            for (_, object) in objects.iter().filter(|(of, _)| *of == kind) {
                memory.keep(kind, object.clone());
            }
            assert_eq!(memory.listed(kind), kind + 1 == KEPT.len());
        }
        memory
    }

    fn ready(memory: &Memory) -> Option<Value> {
        Some(memory.get(&web())?["status"]["readyReplicas"].take())
    }

    #[test]
    fn of_an_object_is_kept_what_its_state_is_made_of_and_nothing_else() {
        let memory = whole(&[(DEPLOYMENT, deployment(2, 1))]);
        let kept = memory.get(&web()).unwrap();
        assert_eq!(
            kept,
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {
                    "name": "web", "namespace": "shop", "uid": "u",
                    "labels": owner().namespace_labels(),
                    "annotations": {"chandlery.dev/x": "1"},
                },
                "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"nodeSelector": null, "containers": [{"image": "web:1"}]},
                }},
                "status": {"readyReplicas": 1},
            })
        );
        let pod = object(
            7,
            "lone",
            3,
            json!({"spec": {"containers": []}, "status": {"phase": "Running"}}),
        );
        assert_eq!(essence(7, pod)["spec"], json!({}));
    }

    #[test]
    fn nothing_is_known_before_each_kind_was_listed_nor_while_one_is_lost_nor_at_the_end() {
        let memory = Memory::default();
        memory.wrote(&deployment(2, 1));
        assert!(memory.kept().namespaces.is_empty(), "nothing is watched");
        memory.begin(DATABASE);
        memory.listing(DEPLOYMENT);
        memory.keep(DEPLOYMENT, deployment(2, 1));
        assert!(!memory.listed(DEPLOYMENT));
        assert_eq!((ready(&memory), memory.namespaces(DATABASE)), (None, None));
        assert!(memory.follow("shop").is_none());

        let memory = whole(&[(DEPLOYMENT, deployment(2, 1))]);
        assert_eq!(ready(&memory), Some(json!(1)));
        assert_eq!(memory.namespaces(DATABASE).unwrap().len(), 1);
        assert_eq!(memory.namespaces("another"), None);
        memory.lost(SERVICE);
        assert_eq!(ready(&memory), None);
        memory.listing(SERVICE);
        assert!(memory.listed(SERVICE));
        assert_eq!(ready(&memory), Some(json!(1)));
        memory.end();
        assert_eq!(ready(&memory), None);
        assert!(memory.kept().namespaces.is_empty());
    }

    /// After an answer that the version is too old (410) a kind is listed again.
    #[test]
    fn what_is_not_in_a_later_list_is_gone_but_for_what_was_written_meanwhile() {
        let service = |name| object(SERVICE, name, 5, json!({}));
        let memory = whole(&[
            (DEPLOYMENT, deployment(2, 1)),
            (SERVICE, service("old")),
            (SERVICE, service("kept")),
        ]);
        let mut following = memory.follow("shop").unwrap();
        memory.lost(SERVICE);
        memory.listing(SERVICE);
        memory.keep(SERVICE, service("kept"));
        memory.wrote(&object(SERVICE, "new", 9, json!({})));
        assert!(memory.listed(SERVICE));
        let names = || {
            let kept = memory.kept();
            let objects = kept.namespaces["shop"].objects.keys();
            objects.map(|(_, name)| name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(), ["shop", "web", "kept", "new"]);
        assert!(following.has_changed().unwrap());
        following.mark_unchanged();
    }

    /// As after a restore of etcd.
    #[test]
    fn what_is_listed_anew_is_as_it_is_even_where_versions_have_begun_again() {
        let memory = whole(&[(DEPLOYMENT, deployment(9, 0))]);
        assert!(!memory.keep(DEPLOYMENT, deployment(3, 1)), "told late");
        memory.lost(DEPLOYMENT);
        memory.listing(DEPLOYMENT);
        assert!(memory.keep(DEPLOYMENT, deployment(3, 1)));
        assert!(memory.listed(DEPLOYMENT));
        assert_eq!(ready(&memory), Some(json!(1)));
        assert!(memory.keep(DEPLOYMENT, deployment(4, 0)));
    }

    #[tokio::test]
    async fn what_this_worker_wrote_is_not_replaced_by_what_was_before_it() {
        let memory = whole(&[(DEPLOYMENT, deployment(2, 1))]);
        memory.wrote(&deployment(9, 0));
        assert_eq!(ready(&memory), Some(json!(0)));
        assert!(!memory.keep(DEPLOYMENT, deployment(8, 1)), "told late");
        assert!(!memory.forget(DEPLOYMENT, &deployment(7, 1).metadata));
        assert_eq!(ready(&memory), Some(json!(0)));
        assert!(memory.keep(DEPLOYMENT, deployment(10, 1)));
        assert_eq!(ready(&memory), Some(json!(1)));
        // Somebody else's is not kept.
        let mut foreign = object(SERVICE, "theirs", 11, json!({}));
        foreign.metadata.labels = None;
        memory.wrote(&foreign);
        assert!(
            memory
                .app(&app())
                .unwrap()
                .1
                .iter()
                .all(|object| object["metadata"]["name"] != "theirs")
        );
    }

    #[test]
    fn only_what_is_kept_and_changes_is_a_change() {
        let memory = whole(&[(DEPLOYMENT, deployment(2, 1))]);
        let mut following = memory.follow("shop");
        assert!(!memory.keep(DEPLOYMENT, deployment(3, 1)));
        assert!(changed(&mut following).now_or_never().is_none());
        assert!(memory.keep(DEPLOYMENT, deployment(4, 0)));
        assert!(changed(&mut following).now_or_never().is_some());
        assert!(memory.forget(DEPLOYMENT, &deployment(5, 0).metadata));
        assert!(!memory.forget(DEPLOYMENT, &deployment(5, 0).metadata));
        assert!(changed(&mut following).now_or_never().is_some());
        // Of pods of workloads only that something happens to them is known, and only where the namespace is ours.
        assert!(memory.stir("shop"));
        assert!(changed(&mut following).now_or_never().is_some());
        assert!(!memory.stir("theirs"));
        memory.end();
        assert!(
            changed(&mut following).now_or_never().is_some(),
            "who waits has to ask"
        );
        assert!(changed(&mut None).now_or_never().is_none());
    }

    fn app() -> App {
        App {
            cluster: crate::kubernetes::cluster::tests::nowhere(),
            namespace: "shop".to_owned(),
            owner: owner(),
        }
    }

    #[tokio::test]
    async fn an_app_is_known_by_its_namespace_and_its_uid() {
        let mut other = object(SERVICE, "other", 3, json!({}));
        let labels = other.metadata.labels.as_mut().unwrap();
        labels.insert(UID.to_owned(), "1".repeat(32));
        let memory = whole(&[(DEPLOYMENT, deployment(2, 1)), (SERVICE, other)]);
        let (namespace, objects) = memory.app(&app()).unwrap();
        assert_eq!(namespace.name.as_deref(), Some("shop"));
        assert_eq!(objects.len(), 1, "the other one is another app's");
        let hers = App {
            owner: Owner {
                uid: Uid::try_from("1".repeat(32)).unwrap(),
                ..owner()
            },
            ..app()
        };
        assert!(memory.app(&hers).is_none());
        memory.keep(
            NAMESPACE,
            object(
                NAMESPACE,
                "shop",
                3,
                json!({"metadata": {
                    "name": "shop", "resourceVersion": "3", "labels": owner().namespace_labels(),
                    "deletionTimestamp": "2026-11-29T16:00:00Z",
                }}),
            ),
        );
        assert!(memory.app(&app()).is_none(), "it is about to go");
    }

    /// What docs/operations.md says of the worker's memory.
    #[test]
    fn an_app_takes_some_kilobytes() {
        let conditions: Vec<Value> = ["Available", "Progressing"]
            .iter()
            .map(|kind| json!({"type": kind, "status": "True", "reason": "MinimumReplicasAvailable",
                "lastUpdateTime": "2026-11-29T16:00:00Z", "lastTransitionTime": "2026-11-29T16:00:00Z",
                "message": "Deployment has minimum availability and is as it should be."}))
            .collect();
        let mut deployment = deployment(2, 1);
        deployment.data["status"]["conditions"] = conditions.into();
        let memory = whole(&[
            (DEPLOYMENT, deployment),
            (
                SERVICE,
                object(
                    SERVICE,
                    "web",
                    2,
                    json!({"spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80, "targetPort": 80, "protocol": "TCP"}], "selector": {"app": "web"}, "type": "ClusterIP"}}),
                ),
            ),
        ]);
        let kept = memory.kept();
        let bytes: usize = kept.namespaces["shop"]
            .objects
            .values()
            .map(|entry| entry.json.len())
            .sum();
        assert!(bytes < 3 * 1024, "{bytes}");
    }
}
