//! Deleting a namespace of an app that Odoo does not know, after an operator has seen it: that very one and no other.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams};

use super::adopt::{self, Former};
use super::delete::delete_namespace;
use super::poll::Polling;
use super::prune::delete_ours;
use super::{Cluster, Owner, inventory};
use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;
use crate::sentence::Sentence;
use crate::uid::Uid;

/// Deletes the namespace with all that is in it, and what its inventory names outside of it, if it still is as the operator
/// saw it: the same one, of the same app of this Odoo database. Waits until it is gone, at most `limit`. Returns how many
/// objects its inventory named; `None` where there was no such namespace.
///
/// # Errors
/// `namespace_other`: another one than was seen. Nothing was touched then.
pub async fn remove(
    cluster: &Cluster,
    instance: &str,
    namespace: &str,
    former: &Former,
    limit: Duration,
    mut progress: impl FnMut(&Sentence),
) -> Result<Option<usize>, Problem> {
    let polling = Polling::new(limit);
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let found = cluster
        .call(api.get_opt(namespace))
        .await
        .map_err(|error| {
            let doing = sentence!("read the namespace {namespace}", namespace);
            cluster.problem(&error, doing)
        })?;
    let Some(found) = found else {
        return Ok(None);
    };
    if !former.still_is(instance, &found.metadata) {
        return Err(adopt::other(
            Code::NamespaceOther,
            namespace,
            sentence!(
                "The namespace {namespace} is not the one that was chosen any more: it was made anew or given to another app since.",
                namespace
            ),
        ));
    }
    let inventory = inventory::of(&found.metadata.annotations.unwrap_or_default());
    // What stands outside the namespace does not go with it. It is known to be of the same app by its uid alone.
    if let Some(owner) = owner(instance, former) {
        let kinds = cluster.kinds().await?;
        let outside = inventory
            .iter()
            .rev()
            .filter(|object| object.namespace.as_deref() != Some(namespace));
        for object in outside {
            delete_ours(cluster, &kinds, object, &owner, &DeleteParams::background()).await?;
        }
    }
    let is_it = |metadata: &_| former.still_is(instance, metadata);
    delete_namespace(cluster, namespace, is_it, polling, &mut progress).await?;
    Ok(Some(inventory.len()))
}

fn owner(instance: &str, former: &Former) -> Option<Owner> {
    Some(Owner {
        uid: Uid::try_from(former.uid.clone()?).ok()?,
        instance: instance.to_owned(),
        app: former.app.unwrap_or_default(),
        name: String::new(),
        environment: String::new(),
    })
}
