//! What the worker counts, as Prometheus reads it.

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use strum::VariantArray;

use crate::odoo::contract::{JobKind, OutcomeState, StepCode};

/// The counters, each with a method that says what happened.
pub struct Metrics {
    registry: Registry,
    jobs: Family<JobLabels, Counter>,
    running: Gauge,
    steps: Family<StepLabels, Histogram>,
    claims: Family<ResultLabels, Counter>,
    leases_lost: Counter,
    api_errors: Family<ErrorLabels, Counter>,
    clusters: Family<ClusterLabels, Gauge>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct JobLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StepLabels {
    step: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ErrorLabels {
    api: String,
    error: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ClusterLabels {
    cluster: String,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("chandlery");
        let metrics = Self {
            jobs: Family::default(),
            running: Gauge::default(),
            steps: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.01, 3.0, 11))
            }),
            claims: Family::default(),
            leases_lost: Counter::default(),
            api_errors: Family::default(),
            clusters: Family::default(),
            registry: Registry::default(),
        };
        // `increase` does not see the step from nothing to 1.
        for kind in JobKind::VARIANTS {
            for outcome in OutcomeState::VARIANTS {
                metrics.jobs_that_ended(*kind, *outcome);
            }
        }
        for is_answered in [true, false] {
            metrics.claims_made(is_answered);
        }
        registry.register(
            "jobs",
            "Jobs that ended, by kind and outcome",
            metrics.jobs.clone(),
        );
        registry.register(
            "jobs_held",
            "Jobs held at the moment",
            metrics.running.clone(),
        );
        registry.register_with_unit(
            "step_duration",
            "Time a step took",
            Unit::Seconds,
            metrics.steps.clone(),
        );
        registry.register("claims", "Claims made, by result", metrics.claims.clone());
        registry.register(
            "leases_lost",
            "Jobs lost because their lease ended",
            metrics.leases_lost.clone(),
        );
        registry.register(
            "api_errors",
            "Failed calls to Odoo, to clusters and to Mailgun",
            metrics.api_errors.clone(),
        );
        registry.register(
            "cluster_reachable",
            "Whether the cluster's API server answered when it was last asked",
            metrics.clusters.clone(),
        );
        registry.register(
            "build",
            "The program",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        Self {
            registry,
            ..metrics
        }
    }
}

impl Metrics {
    /// A job's outcome was accepted.
    pub fn job_ended(&self, kind: JobKind, outcome: OutcomeState) {
        self.jobs_that_ended(kind, outcome).inc();
    }

    fn jobs_that_ended(&self, kind: JobKind, outcome: OutcomeState) -> Counter {
        let labels = JobLabels {
            kind: kind.as_str(),
            outcome: outcome.as_str(),
        };
        self.jobs.get_or_create_owned(&labels)
    }

    /// How many jobs are held now.
    pub fn jobs_held(&self, jobs: usize) {
        self.running.set(i64::try_from(jobs).unwrap_or(i64::MAX));
    }

    /// A step is over.
    pub fn step_took(&self, step: StepCode, seconds: f64) {
        self.steps
            .get_or_create(&StepLabels {
                step: step.as_str(),
            })
            .observe(seconds);
    }

    /// A claim was answered, or not.
    pub fn claimed(&self, answered: bool) {
        self.claims_made(answered).inc();
    }

    fn claims_made(&self, answered: bool) -> Counter {
        let result = if answered { "answered" } else { "failed" };
        self.claims.get_or_create_owned(&ResultLabels { result })
    }

    /// A job was lost because its lease ended before Odoo could be reached.
    pub fn lease_lost(&self) {
        self.leases_lost.inc();
    }

    /// A call failed: to `odoo`, to `mailgun`, or to the cluster of that name.
    pub fn api_error(&self, api: &str, error: &str) {
        self.api_errors
            .get_or_create(&ErrorLabels {
                api: api.to_owned(),
                error: error.to_owned(),
            })
            .inc();
    }

    /// How a cluster was found when it was last asked.
    pub fn cluster(&self, name: &str, is_reachable: bool) {
        let labels = ClusterLabels {
            cluster: name.to_owned(),
        };
        self.clusters
            .get_or_create(&labels)
            .set(i64::from(is_reachable));
    }

    /// All of it, in the OpenMetrics text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes any text");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_steps_claims_lease_losses_and_api_errors_are_counted() {
        let metrics = Metrics::default();
        metrics.job_ended(JobKind::Deploy, OutcomeState::Done);
        metrics.job_ended(JobKind::Deploy, OutcomeState::Done);
        metrics.jobs_held(3);
        metrics.step_took(StepCode::Applying, 0.5);
        metrics.claimed(true);
        metrics.lease_lost();
        metrics.api_error("odoo", "unreachable");
        metrics.cluster("demo", true);
        metrics.cluster("demo", false);
        let text = metrics.text();
        for line in [
            "chandlery_jobs_total{kind=\"deploy\",outcome=\"done\"} 2",
            "chandlery_jobs_held 3",
            "chandlery_step_duration_seconds_sum{step=\"applying\"} 0.5",
            "chandlery_claims_total{result=\"answered\"} 1",
            "chandlery_leases_lost_total 1",
            "chandlery_api_errors_total{api=\"odoo\",error=\"unreachable\"} 1",
            "chandlery_cluster_reachable{cluster=\"demo\"} 0",
            concat!(
                "chandlery_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn what_has_not_happened_yet_is_counted_as_nothing() {
        let text = Metrics::default().text();
        for line in [
            "chandlery_jobs_total{kind=\"adopt\",outcome=\"failed\"} 0",
            "chandlery_claims_total{result=\"answered\"} 0",
            "chandlery_claims_total{result=\"failed\"} 0",
            "chandlery_leases_lost_total 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
