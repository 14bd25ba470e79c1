//! Prometheus metrics of the service.
//!
//! Whoever measures something calls the `metrics` crate where it happens; [`METRICS`] is the list of all there is, with
//! meanings. `docs/API.md`, the dashboard and the alert rules are checked against it.

mod clients;
mod counted;
mod list;
mod machine;
mod traces;

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

pub(crate) use clients::count_fallbacks;
pub(crate) use counted::Counted;
pub use list::{Kind, METRICS, Metric};
pub(crate) use machine::{free_bytes, set_gauges as set_machine_gauges};
pub use traces::Traces;
pub(crate) use traces::follow;

/// Bounds of the latency histograms, in seconds.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 30.0];

/// The process's metrics; installed once, however many services it runs (the tests run many).
pub fn install() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(start).clone()
}

fn start() -> PrometheusHandle {
    let builder = PrometheusBuilder::new();
    let builder = match builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS) {
        Ok(builder) => builder,
        Err(error) => {
            // Only an empty list of bounds is refused; summaries then stand in for histograms.
            tracing::error!(%error, "metric bounds were refused");
            PrometheusBuilder::new()
        }
    };
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::error!("another metrics recorder is installed; /metrics stays empty");
    }
    METRICS.iter().for_each(Metric::describe);
    handle
}

#[cfg(test)]
mod deploy_tests;
