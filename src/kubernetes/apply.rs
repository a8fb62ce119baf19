//! Server-side apply of an app's objects: one request for each whose version is known, or that is new. Those of one
//! manifest that do not need each other go side by side, and the manifests one after the other.

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use kube::api::{DynamicObject, ObjectMeta, Patch, PatchParams};
use serde_json::Value;

use super::error::CallError;
use super::owner::FIELD_MANAGER;
use super::refused::{self, Attempt};
use super::version::{Expected, TRIES, Version, Versions};
use super::{Cluster, Owner, retry, takeover, wave};
use crate::code::Code;
use crate::dependence::{self, Dependent};
use crate::object::{Kind, Kinds, Object, ObjectRef};
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;

/// How many objects of one app are applied at once.
const AT_ONCE: usize = 8;

/// On an object: which of its fields depend on a secret, as JSON pointers.
pub(super) const SECRET_FIELDS: &str = "chandlery.dev/secret-fields";

/// What applying an object did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Created,
    Changed,
    Unchanged,
}

/// What has been applied so far. Right also when applying was stopped or failed in the middle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    pub created: u32,
    pub changed: u32,
    pub unchanged: u32,
    /// The objects, in the order in which they were begun.
    pub inventory: Vec<ObjectRef>,
    /// The Jobs among those created.
    pub jobs: Vec<ObjectRef>,
    /// Begun, and nobody knows whether they arrived: their answers are still to come, or got lost.
    pub under_way: Vec<ObjectRef>,
    /// What is known of the objects now.
    pub versions: Versions,
}

impl Applied {
    fn begin(&mut self, object: &Object) {
        self.under_way.push(object.reference());
    }

    fn end(&mut self, object: &Object) {
        let ended = object.reference();
        self.under_way.retain(|object| *object != ended);
    }

    fn add(&mut self, object: &Object, change: Change) {
        match change {
            Change::Created => {
                self.created += 1;
                if object.reference().is_job() {
                    self.jobs.push(object.reference());
                }
            }
            Change::Changed => self.changed += 1,
            Change::Unchanged => self.unchanged += 1,
        }
        self.inventory.push(object.reference());
    }

    /// The inventory of an app whose deploy did not come to its end: what was there before, what has been applied, and what
    /// may have been: better named than forgotten.
    pub fn together_with(&self, before: &[ObjectRef]) -> Vec<ObjectRef> {
        let mut all: Vec<ObjectRef> = before
            .iter()
            .filter(|old| !self.inventory.iter().any(|new| new.is_same_object(old)))
            .cloned()
            .collect();
        all.extend(self.inventory.iter().cloned());
        for object in &self.under_way {
            if !all.iter().any(|known| known.is_same_object(object)) {
                all.push(object.clone());
            }
        }
        all
    }
}

/// Applies the objects, of which nothing is known but what watches tell. See [`apply_knowing`].
pub async fn apply(
    cluster: &Cluster,
    objects: &[Object],
    owner: &Owner,
    applied: &mut Applied,
    progress: impl FnMut(&Applied),
) -> Result<(), Problem> {
    apply_knowing(cluster, objects, owner, &Versions::new(), applied, progress).await
}

/// Applies the objects wave by wave, of some of which the version is known. Where one is refused no further one is begun;
/// of several that are refused the first in the manifests' order is told. `applied` always tells how far it came;
/// `progress` is called after each object.
pub async fn apply_knowing(
    cluster: &Cluster,
    objects: &[Object],
    owner: &Owner,
    known: &Versions,
    applied: &mut Applied,
    mut progress: impl FnMut(&Applied),
) -> Result<(), Problem> {
    let kinds = cluster.kinds().await?;
    for wave in wave::waves(objects) {
        let apply = |object| {
            let version = known.get(&Object::reference(object));
            apply_known(cluster, &kinds, object, owner, version).boxed()
        };
        side_by_side(&wave, apply, applied, &mut progress).await?;
    }
    Ok(())
}

/// Applies objects that do not need each other, some at once. They are begun in their order: so the first that is refused
/// is always among those that were begun.
async fn side_by_side<'a>(
    wave: &[&'a Object],
    apply: impl Fn(&'a Object) -> BoxFuture<'a, Result<(Change, Option<Version>), Problem>>,
    applied: &mut Applied,
    progress: &mut impl FnMut(&Applied),
) -> Result<(), Problem> {
    let before = applied.inventory.len();
    let place = |object: &ObjectRef| wave.iter().position(|one| one.reference() == *object);
    let mut waiting = wave.iter().enumerate();
    let mut begun = FuturesUnordered::new();
    let mut refused: Option<(usize, Problem)> = None;
    loop {
        while begun.len() < AT_ONCE
            && refused.is_none()
            && let Some((index, object)) = waiting.next()
        {
            applied.begin(object);
            begun.push(apply(object).map(move |ended| (index, ended)));
        }
        let Some((index, ended)) = begun.next().await else {
            break;
        };
        let object = wave[index];
        match ended {
            Ok((change, version)) => {
                applied.end(object);
                applied.add(object, change);
                applied.inventory[before..].sort_by_key(place);
                let version = version.map(|version| (object.reference(), version));
                applied.versions.extend(version);
                progress(applied);
            }
            Err(problem) => {
                // An object whose answer got lost may be there.
                if !problem.retry {
                    applied.end(object);
                }
                if refused.as_ref().is_none_or(|(first, _)| index < *first) {
                    refused = Some((index, problem));
                }
            }
        }
    }
    match refused {
        Some((_, problem)) => Err(problem),
        None => Ok(()),
    }
}

/// Applies one object: forced, since Chandlery owns what it applies, and with misspelt fields refused.
pub async fn apply_object(
    cluster: &Cluster,
    kinds: &Kinds,
    object: &Object,
    owner: &Owner,
) -> Result<Change, Problem> {
    let applied = apply_known(cluster, kinds, object, owner, None).await;
    applied.map(|(change, _)| change)
}

/// The same, and what is known of the object then. In one request where nothing stands against it; otherwise the object is
/// looked at first.
async fn apply_known(
    cluster: &Cluster,
    kinds: &Kinds,
    object: &Object,
    owner: &Owner,
    noted: Option<&Version>,
) -> Result<(Change, Option<Version>), Problem> {
    let kind = kind_of(kinds, object)?;
    let watched = cluster.memory.version(&object.reference(), owner);
    let known = watched.as_ref().or(noted);
    // Outside of the app's namespace an object may be anybody's, whatever is known of it.
    if kind.namespaced
        && let Some(expected) = Expected::known(known)
    {
        let api = cluster.api(kind, object.namespace());
        let patch = Patch::Apply(whole(&object.value, object, owner, expected));
        let params = params(false);
        let patched = cluster.call(api.patch(object.name(), &params, &patch));
        match patched.await {
            Ok(after) => {
                cluster.memory.wrote(&after);
                let change = match known {
                    None => Change::Created,
                    Some(known) if known.version == after.metadata.resource_version => {
                        Change::Unchanged
                    }
                    Some(_) => Change::Changed,
                };
                return Ok((change, Version::of(&after)));
            }
            // It is otherwise than was known, or refused: what is there says why.
            Err(CallError::Refused(status))
                if status.code != 429 && !retry::is_uncounted(&status) => {}
            Err(error) => {
                let attempt = Attempt {
                    object,
                    before: None,
                    url: cluster.url(),
                };
                // It is not the object that is at fault.
                let nothing = |_| async { None }.boxed();
                return Err(refused::problem(&error, &attempt, &nothing).await);
            }
        }
    }
    let (before, after) = match try_apply(cluster, kinds, object, owner, false).await {
        Err(problem) if !problem.retry && object.stand_in.is_some() => {
            return Err(refusal(cluster, kinds, std::slice::from_ref(object), owner).await);
        }
        applied => applied?,
    };
    let change = match before {
        None => Change::Created,
        Some(before) if same(&before, &after) => Change::Unchanged,
        Some(_) => Change::Changed,
    };
    Ok((change, Version::of(&after)))
}

/// What is said of objects of which the API server refuses one: what it has against the first of them that it refuses with
/// stand-ins for all secrets, in a dry run. If it takes them all, it is a secret that it has something against.
pub(super) async fn refusal(
    cluster: &Cluster,
    kinds: &Kinds,
    objects: &[Object],
    owner: &Owner,
) -> Problem {
    for object in objects {
        let told = object.with_stand_ins();
        if let Err(problem) = try_apply(cluster, kinds, &told, owner, true).await {
            // What is in the cluster already may be quoted.
            return match is_new(cluster, kinds, object).await {
                true => problem.free_of_secrets(),
                false => problem,
            };
        }
    }
    dependence::untold()
}

async fn is_new(cluster: &Cluster, kinds: &Kinds, object: &Object) -> bool {
    let Some(kind) = kinds.get(object.api_version(), object.kind()) else {
        return true;
    };
    let api = cluster.api(kind, object.namespace());
    matches!(cluster.call(api.get_opt(object.name())).await, Ok(None))
}

/// Applies one object, or only tries to with `dry_run`; returns how it was, if it was there, and how it is then.
pub(super) async fn try_apply(
    cluster: &Cluster,
    kinds: &Kinds,
    object: &Object,
    owner: &Owner,
    dry_run: bool,
) -> Result<(Option<DynamicObject>, DynamicObject), Problem> {
    let kind = kind_of(kinds, object)?;
    let api = cluster.api(kind, object.namespace());
    let mut tries = 0;
    let (before, error) = loop {
        tries += 1;
        let before = match cluster.call(api.get_opt(object.name())).await {
            Ok(before) => before,
            Err(error) => {
                let doing = sentence!("read {object}", object = object.reference());
                return Err(object.locate(cluster.problem(&error, doing)));
            }
        };
        if let Some(before) = &before
            && !kind.namespaced
            && !owner.owns(&before.metadata)
        {
            return Err(object.locate(
                Problem::new(Code::ObjectForeign, sentence!("{object} exists in the cluster and does not belong to this app.", object = object.reference()))
                    .hint(sentence!("Objects outside the app's namespace are never taken over. Give yours a name of its own, for example with the namespace in it.")),
            ));
        }
        let mut mine = None;
        if let Some(found) = &before {
            lasting(found, object)?;
            if !dry_run {
                mine = takeover::take_over(cluster, &api, object, found).await?;
            }
        }
        // Only the very object that was looked at: one of the same name made meanwhile may be somebody else's.
        let expected = match dry_run {
            true => Expected::Anything,
            false => Expected::seen(mine.as_ref().or(before.as_ref()).map(|seen| &seen.metadata)),
        };
        let patch = Patch::Apply(whole(&object.value, object, owner, expected));
        let params = params(dry_run);
        let patched = cluster.call(api.patch(object.name(), &params, &patch));
        match patched.await {
            Ok(after) => {
                if !dry_run {
                    cluster.memory.wrote(&after);
                }
                let after = match &before {
                    Some(found) if dry_run => {
                        takeover::preview(cluster, &api, object, found, after).await?
                    }
                    _ => after,
                };
                return Ok((before, after));
            }
            Err(error) if !dry_run && tries < TRIES && error.is_of_another() => {}
            Err(error) => break (before, error),
        }
    };
    let (api, try_out) = (&api, &params(true));
    let ask = |value: Value| {
        let patch = Patch::Apply(whole(&value, object, owner, Expected::Anything));
        let asked = async move {
            match cluster
                .call(api.patch(object.name(), try_out, &patch))
                .await
            {
                Err(CallError::Refused(status)) => Some(*status),
                _ => None,
            }
        };
        asked.boxed()
    };
    let attempt = Attempt {
        object,
        before: before.as_ref(),
        url: cluster.url(),
    };
    Err(refused::problem(&error, &attempt, &ask).await)
}

fn kind_of<'a>(kinds: &'a Kinds, object: &Object) -> Result<&'a Kind, Problem> {
    kinds
        .get(object.api_version(), object.kind())
        .ok_or_else(|| {
            object.locate(
                Problem::new(
                    Code::ApplyRefused,
                    sentence!(
                        "The cluster does not know {kind} of {api_version}.",
                        kind = object.kind(),
                        api_version = object.api_version()
                    ),
                )
                .hint(sentence!(
                    "Install what provides this kind, or correct apiVersion and kind."
                )),
            )
        })
}

/// What the API server gets: an object, or what stands in for it, as this app's.
fn whole(value: &Value, object: &Object, owner: &Owner, expected: Expected<'_>) -> Value {
    let mut value = value.clone();
    owner.label(&mut value);
    note_secret_fields(&mut value, object.dependent());
    expected.put(&mut value);
    value
}

fn params(dry_run: bool) -> PatchParams {
    PatchParams {
        dry_run,
        ..PatchParams::apply(FIELD_MANAGER)
            .force()
            .validation_strict()
    }
}

/// What is applied to an object that is being deleted goes with it.
fn lasting(before: &DynamicObject, object: &Object) -> Result<(), Problem> {
    if before.metadata.deletion_timestamp.is_none() {
        return Ok(());
    }
    let name = object.reference();
    let message = match waits_for(&before.metadata) {
        Some(waits) => sentence!(
            "{name} is being deleted and {waits}: what is applied to it now would go with it.",
            name,
            waits
        ),
        None => sentence!(
            "{name} is being deleted: what is applied to it now would go with it.",
            name
        ),
    };
    Err(object.locate(
        Problem::new(Code::ObjectTerminating, message)
            .hint(sentence!("It is applied when the old one is gone. A finalizer that stays belongs to a program that no longer runs: bring that back, or take the finalizer away with `kubectl edit`.")),
    ))
}

/// What keeps an object that is being deleted: `waits for the finalizer example.com/x`.
pub(super) fn waits_for(metadata: &ObjectMeta) -> Option<Sentence> {
    // Kubernetes' own, by which an object goes after those that it owns.
    let own = ["foregroundDeletion", "orphan"];
    let finalizers = metadata.finalizers.iter().flatten();
    let others: Vec<&str> = finalizers
        .map(String::as_str)
        .filter(|name| !own.contains(name))
        .collect();
    match others.as_slice() {
        [] => None,
        [name] => Some(sentence!("waits for the finalizer {name}", name)),
        names => Some(sentence!(
            "waits for the finalizers {names}",
            names = names.join(", ")
        )),
    }
}

/// Notes on an object which of its fields depend on a secret: when a later manifest says something else there, nobody else
/// knows it any more.
fn note_secret_fields(value: &mut Value, dependent: &Dependent) {
    if dependent.is_nothing() || value["kind"] == "Secret" {
        return;
    }
    let annotations = &mut value["metadata"]["annotations"];
    if annotations.is_null() {
        *annotations = Value::Object(Default::default());
    }
    annotations[SECRET_FIELDS] = Value::from(serde_json::json!(dependent.pointers()).to_string());
}

/// What of an object in the cluster depends on a secret, as it was applied.
pub(super) fn secret_fields(object: &DynamicObject) -> Dependent {
    let noted = object.metadata.annotations.as_ref();
    let noted = noted.and_then(|annotations| annotations.get(SECRET_FIELDS));
    let pointers: Vec<String> = noted
        .and_then(|noted| serde_json::from_str(noted).ok())
        .unwrap_or_default();
    let value = serde_json::to_value(object).unwrap_or_default();
    Dependent::at(&value, &pointers)
}

/// Whether an apply changed nothing. The version alone does not tell: controllers write an object's status meanwhile.
fn same(before: &DynamicObject, after: &DynamicObject) -> bool {
    if before.metadata.uid != after.metadata.uid {
        return false;
    }
    before.metadata.resource_version == after.metadata.resource_version
        || content(before) == content(after)
}

fn content(object: &DynamicObject) -> (Option<Value>, Option<Value>, Value) {
    let mut data = object.data.clone();
    if let Some(data) = data.as_object_mut() {
        data.remove("status");
    }
    (
        serde_json::to_value(&object.metadata.labels).ok(),
        serde_json::to_value(&object.metadata.annotations).ok(),
        data,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(kind: &str, api_version: &str) -> ObjectRef {
        ObjectRef {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: Some("shop-int".to_owned()),
            name: "odoo".to_owned(),
        }
    }

    #[test]
    fn a_deploy_that_failed_keeps_the_old_inventory_and_adds_what_it_applied() {
        let applied = Applied {
            inventory: vec![
                reference("Service", "v1"),
                reference("Ingress", "networking.k8s.io/v1"),
            ],
            ..Applied::default()
        };
        let before = [
            reference("Ingress", "networking.k8s.io/v1beta1"),
            reference("Deployment", "apps/v1"),
        ];
        assert_eq!(
            applied.together_with(&before),
            [
                reference("Deployment", "apps/v1"),
                reference("Service", "v1"),
                reference("Ingress", "networking.k8s.io/v1"),
            ]
        );
    }
    fn object(name: &str) -> Object {
        Object {
            manifest: "Odoo".to_owned(),
            url: "https://example.com/odoo.yml".to_owned(),
            document: 1,
            line: 1,
            value: serde_json::json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}}),
            path: String::new(),
            lines: std::sync::Arc::new(crate::source_map::SourceMap::new(
                "",
                "",
                &Default::default(),
            )),
            stand_in: None,
        }
    }

    /// Applies `o0`, `o1`, … of which each takes so many milliseconds and is refused or not; says how many were under way at
    /// once.
    async fn applied(plan: &[(u64, Option<bool>)]) -> (Applied, Result<(), Problem>, usize) {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let objects: Vec<Object> = (0..plan.len())
            .map(|number| object(&format!("o{number}")))
            .collect();
        let wave: Vec<&Object> = objects.iter().collect();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut applied = Applied::default();
        let (now, most) = (&now, &most);
        let apply = |object: &Object| {
            let number: usize = object.name()[1..].parse().unwrap();
            let (name, (takes, refused)) = (object.name().to_owned(), plan[number]);
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(std::time::Duration::from_millis(takes)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                match refused {
                    None => Ok((Change::Created, None)),
                    Some(retry) => Err(Problem {
                        retry,
                        ..Problem::new(Code::ApplyRefused, name)
                    }),
                }
            }
            .boxed()
        };
        let ended = side_by_side(&wave, apply, &mut applied, &mut |_| {}).await;
        (applied, ended, most.load(Ordering::SeqCst))
    }

    fn names(objects: &[ObjectRef]) -> Vec<&str> {
        objects.iter().map(|object| object.name.as_str()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn objects_go_side_by_side_no_more_than_some_and_are_named_in_their_order() {
        let plan: Vec<(u64, Option<bool>)> = (0..20).map(|number| (100 - number, None)).collect();
        let began = tokio::time::Instant::now();
        let (applied, ended, most) = applied(&plan).await;
        ended.unwrap();
        assert_eq!((most, applied.created), (AT_ONCE, 20));
        assert!(began.elapsed() <= std::time::Duration::from_millis(300));
        let expected: Vec<String> = (0..20).map(|number| format!("o{number}")).collect();
        assert_eq!(names(&applied.inventory), expected);
        assert_eq!(applied.under_way, []);
    }

    #[tokio::test(start_paused = true)]
    async fn of_several_that_are_refused_the_first_is_told_whichever_is_sooner() {
        for (first, second) in [(10, 90), (90, 10)] {
            let mut plan = vec![(50, None); 12];
            plan[2] = (first, Some(false));
            plan[6] = (second, Some(false));
            let (applied, ended, _) = applied(&plan).await;
            assert_eq!(ended.unwrap_err().message, "o2");
            // Those that were begun come to their end, and are known.
            assert!(applied.inventory.len() >= 6, "{:?}", applied.inventory);
            assert_eq!(applied.under_way, []);
            assert!(
                !names(&applied.inventory).contains(&"o11"),
                "no more is begun"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_have_arrived_is_named_though_its_answer_was_lost_or_is_still_to_come() {
        let (lost, ended, _) = applied(&[(10, None), (20, Some(true)), (30, Some(false))]).await;
        assert!(ended.unwrap_err().retry);
        assert_eq!(names(&lost.under_way), ["o1"]);
        let before = [object("old").reference()];
        assert_eq!(names(&lost.together_with(&before)), ["old", "o0", "o1"]);
    }
}
