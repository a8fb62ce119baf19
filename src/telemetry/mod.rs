//! What the worker tells about itself: [`logs`], [`metrics`], [`health`], and systemd ([`systemd`]).

pub mod health;
pub mod logs;
pub mod metrics;
pub mod systemd;

pub use health::Health;
pub use metrics::Metrics;
