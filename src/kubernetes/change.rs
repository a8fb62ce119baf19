//! A change to an object that is there, in view of what it is like.
//!
//! It names the version that it was decided on: the API server refuses it when the object is another one by then, so that a
//! write of a lost attempt that arrives late changes nothing.

use kube::api::{Patch, PatchParams};
use serde_json::Value;

use super::owner::FIELD_MANAGER;
use super::version::TRIES;
use super::{Cluster, owned};
use crate::problem::Problem;
use crate::sentence;

/// Merges into the object what `wanted` makes of it, and says whether there was something to change. Where somebody wrote on
/// it meanwhile it is looked at, and decided on, again; one that went is left alone.
///
/// # Errors
/// Those of the API server. `cluster_refused` (passes): it changes all the time.
pub(super) async fn change(
    cluster: &Cluster,
    object: &Value,
    wanted: impl Fn(&Value) -> Option<Value>,
) -> Result<bool, Problem> {
    let reference = owned::reference(object);
    let kinds = cluster.kinds().await?;
    let Some(api) = cluster.api_of(&kinds, &reference) else {
        return Ok(false);
    };
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let problem = |error| Problem {
        object: Some(reference.to_string()),
        ..cluster.problem(&error, sentence!("change {object}", object = reference))
    };
    let mut found = object.clone();
    let mut tries = 0;
    loop {
        let Some(mut change) = wanted(&found) else {
            return Ok(false);
        };
        tries += 1;
        for member in ["uid", "resourceVersion"] {
            change["metadata"][member] = found["metadata"][member].clone();
        }
        let change = Patch::Merge(change);
        let patched = cluster.call(api.patch(&reference.name, &params, &change));
        match patched.await {
            Ok(after) => {
                cluster.memory.wrote(&after);
                return Ok(true);
            }
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) if error.is_of_another() && tries < TRIES => {}
            Err(error) => return Err(problem(error)),
        }
        let read = cluster.call(api.get_opt(&reference.name)).await;
        match read.map_err(problem)? {
            Some(again) if again.metadata.uid.as_deref() == object["metadata"]["uid"].as_str() => {
                let (api_version, kind) = (&object["apiVersion"], &object["kind"]);
                found = serde_json::to_value(again).unwrap_or_default();
                found["apiVersion"] = api_version.clone();
                found["kind"] = kind.clone();
            }
            _ => return Ok(false),
        }
    }
}
