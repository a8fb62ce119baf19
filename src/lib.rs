//! Chandlery's worker: it takes jobs from Odoo, deploys applications onto Kubernetes and reports back.
//!
//! Data flows one way. [`worker`] claims jobs and hands each to its handler in [`job`]; a handler calls the rooms
//! [`manifest`] (from a URL to checked objects, with [`ansible`]'s Jinja dialect), [`kubernetes`] (apply, prune,
//! readiness, ingress), [`mailgun`] (domains, messages), [`dns`] (what is published under a name) and [`odoo`] (the three calls); the rooms know nothing of each
//! other or of jobs. What goes wrong anywhere is a [`problem::Problem`]: what, where, and the way out. What people are told is a [`sentence`]. What must not be shown
//! is known as [`dependence`], and hidden by [`redact`]. Who waits gives back its [`slot`].
//! [`package`] says what is wrong with an application's package before anybody deploys it.

pub mod ansible;
pub mod archive;
pub mod artefact;
pub mod body;
pub mod cause;
pub mod check;
pub mod cli;
pub mod code;
pub mod dependence;
pub mod dns;
pub mod excerpt;
pub mod job;
pub mod kubernetes;
pub mod loopback;
pub mod mailgun;
pub mod manifest;
pub mod object;
pub mod odoo;
pub mod package;
pub mod policy;
pub mod problem;
pub mod quantity;
pub mod redact;
pub mod sentence;
pub mod settings;
pub mod slot;
pub mod source_map;
pub mod telemetry;
pub mod uid;
pub mod worker;
