//! From checked objects to a running app in a cluster, and what can be seen of it.
//!
//! In come a [`Cluster`] (how to reach it), an [`Owner`] (whose app it is) and objects; out come what changed, whether
//! it runs, and its ingress. The files in the order in which a deploy meets them: [`cluster`] reaches the API server
//! (no longer than a [`fence`] lets it), [`permissions`] and [`discovery`] ask what it allows and knows, [`owner`] says
//! what is ours, [`generated`] keeps passwords made for an app, [`namespace`] makes its home, in which [`role_binding`]
//! gives the worker its rights, [`isolation`] keeps it to itself there, [`apply`] (after a [`takeover`] from other tools) and
//! [`prune`] bring the objects there and take away what is no longer wanted, [`readiness`] waits (by the rules in [`status`], with the reasons that [`workload`]
//! finds in pods and events), [`ingress`] and [`observe`] look (at what
//! the [`inventory`] names, too), and [`changes`] says when to look again. [`compare`] says
//! beforehand what [`apply`] would change. [`scale`] stops and starts, [`restart`] replaces the pods, [`errand`] runs the
//! Jobs of a reset (whose [`logs`] say why they failed), [`dns`] and [`smtp`] keep what a mail domain gave the app,
//! [`delete`] removes it all, also what only [`labelled`] finds; all that waits does so with [`patience`].
//! [`refusal`] turns what the API server answers into problems that people can read, and [`refused`] what it has against
//! an object: with the [`field`] that is meant, if need be searched for ([`unnamed`]), and the way out ([`advice`]).

mod adopt;
mod advice;
pub mod apply;
pub mod changes;
pub mod cluster;
pub mod compare;
pub mod delete;
pub mod discovery;
pub mod dns;
pub mod errand;
pub mod fence;
mod field;
pub mod generated;
pub mod ingress;
pub mod inventory;
pub mod isolation;
mod labelled;
pub mod logs;
pub mod namespace;
pub mod observe;
pub mod owner;
pub mod patience;
pub mod permissions;
pub mod prune;
pub mod readiness;
mod refusal;
mod refused;
pub mod restart;
pub mod role_binding;
pub mod scale;
pub mod smtp;
pub mod status;
mod takeover;
mod unnamed;
mod workload;

pub use adopt::{Former, adopt};
pub use apply::{Applied, Change, apply, apply_object};
pub use changes::{Heard, changes};
pub use cluster::{Access, Cluster};
pub use compare::{Comparison, Difference, compare};
pub use delete::{Deleted, Keep, delete};
pub use fence::Fence;
pub use ingress::{Ingress, IngressState};
pub use isolation::isolate;
pub use observe::{Observation, State, observe};
pub use owner::Owner;
pub use prune::prune;
pub use readiness::wait_until_ready;
pub use restart::{Restarted, restart};
pub use scale::{Stopped, start, stop};

use crate::problem::Problem;

/// An object under a name of ours that does not carry the app's labels.
fn foreign_object(kind: &str, name: &str) -> Problem {
    Problem {
        object: Some(format!("{kind}/{name}")),
        ..Problem::new(
            "object_foreign",
            format!("The app's namespace has a {kind} {name} that Chandlery did not make for this app."),
        )
        .hint(format!("Chandlery never takes over an object. Remove or rename the {kind}; its name is Chandlery's own."))
    }
}
