//! From checked objects to a running app in a cluster, and what can be seen of it.
//!
//! In come an [`App`] (a [`Cluster`], which says how to reach it, a namespace, and an [`Owner`]: whose it is) and objects; out come what changed, whether
//! it runs, and its ingress. The files in the order in which a deploy meets them: [`cluster`] reaches the API server
//! (no longer than a [`fence`] lets it, and by [`retry`] again where it takes no more at this moment), [`permissions`], [`discovery`], [`storage`] and [`capacity`] ask what it allows, knows and has, [`owner`] says
//! what is ours, [`generated`] keeps passwords made for an app, [`namespace`] makes its home, in which [`role_binding`]
//! gives the worker its rights, [`isolation`] keeps it to itself there, [`apply`] (in [`wave`]s, by the [`version`] that is known, after a [`takeover`] from other tools) and
//! [`prune`] bring the objects there and take away what is no longer wanted, [`wait`] waits (by the rules of [`kstatus`], with the reasons that [`workload`]
//! finds in pods and events), [`ingress`] and [`observe`] look (at what
//! the [`inventory`] names, too), and [`watch`] says when to look again
//! and keeps a [`memory`] of what there is, which they read instead of the cluster where there is one. [`diff`] says
//! beforehand what [`apply`] would change. [`scale`] stops and starts, [`restart`] replaces the pods (each by a [`change`]), [`hook_job`] runs the
//! Jobs of a reset (whose [`logs`] say why they failed), [`dns`] and [`smtp`] keep what a mail domain gave the app, [`certificate`] says until when certificates are valid,
//! [`delete`] removes it all, also what only [`owned`] finds, and [`remove`](mod@remove) what is of no app that Odoo knows; all that waits does so with [`poll`].
//! [`error`] turns what the API server answers into problems that people can read, and [`refused`] what it has against
//! an object: with the [`field`] that is meant, if need be searched for ([`unnamed`]), and the way out ([`advice`]).

mod adopt;
mod advice;
pub mod app;
pub mod apply;
pub mod capacity;
pub mod certificate;
mod change;
pub mod cluster;
pub mod delete;
pub mod diff;
pub mod discovery;
pub mod dns;
mod error;
pub mod fence;
mod field;
pub mod generated;
pub mod hook_job;
pub mod ingress;
pub mod inventory;
pub mod isolation;
pub mod logs;
mod memory;
pub mod namespace;
pub mod observe;
mod owned;
pub mod owner;
pub mod permissions;
pub mod poll;
pub mod prune;
mod refused;
pub mod remove;
pub mod restart;
mod retry;
pub mod role_binding;
pub mod scale;
pub mod smtp;
pub mod storage;
mod takeover;
mod unnamed;
pub mod version;
pub mod wait;
pub mod watch;
mod wave;
mod workload;

pub use adopt::{Former, adopt};
pub use app::App;
pub use apply::{Applied, Change, apply, apply_knowing, apply_object};
pub use capacity::{Capacity, capacity};
pub use cluster::{Access, Cluster};
pub use delete::{Deleted, Keep, close, delete, is_door};
pub use diff::{Comparison, Difference, compare};
pub use fence::Fence;
pub use ingress::{Ingress, IngressState};
pub use isolation::isolate;
pub use observe::{Health, ObjectSeen, Observation, State, observe, recall};
pub use owner::Owner;
pub use prune::prune;
pub use remove::remove;
pub use restart::{Restarted, restart};
pub use scale::{Stopped, start, start_applied, stop};
pub use version::Versions;
pub use wait::wait_until_ready;
pub use watch::{WatchEvent, changes};

use crate::code::Code;
use crate::problem::Problem;
use crate::sentence;

/// An object under a name of ours that does not carry the app's labels.
fn foreign_object(kind: &str, name: &str) -> Problem {
    Problem {
        object: Some(format!("{kind}/{name}")),
        ..Problem::new(Code::ObjectForeign, sentence!("The app's namespace has a {kind} {name} that Chandlery did not make for this app.", kind, name))
        .hint(sentence!("Chandlery never takes over an object. Remove or rename the {kind}; its name is Chandlery's own.", kind))
    }
}
