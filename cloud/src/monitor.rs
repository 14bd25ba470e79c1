//! Prometheus metrics of the service; `docs/API.md` lists them.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

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
    describe();
    handle
}

fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!("segue_http_requests_total", "Requests by resource, method and status");
    describe_histogram!("segue_http_request_seconds", "Time to the answer's head, by resource");
    describe_counter!("segue_events_accepted_total", "Events stored");
    describe_counter!("segue_events_duplicate_total", "Events whose id was stored before");
    describe_counter!("segue_events_rejected_total", "Events refused, by code");
    describe_gauge!("segue_events_stored", "Events in the log");
    describe_histogram!("segue_event_commit_seconds", "Time to write and sync one group of batches");
    describe_counter!("segue_event_commit_failures_total", "Groups of batches that could not be stored");
    describe_gauge!("segue_generation", "The generation being served; 0 when there is none");
    describe_gauge!("segue_generation_packs", "Packs in the generation being served");
    describe_gauge!("segue_generation_age_seconds", "Time since the served generation was made");
    describe_counter!(
        "segue_generation_load_failures_total",
        "Published generations that could not be served"
    );
    describe_gauge!("segue_refresh_seconds", "Time it took to make the served generation");
    describe_gauge!("segue_refresh_self_recall", "Share of items found by their own vector");
    describe_gauge!("segue_refresh_recall_at_100", "Recall of retrieval against exact search");
    describe_gauge!("segue_refresh_lists", "Lists of the served generation, by how they came about");
    describe_gauge!("segue_pack_bytes_median", "Median bytes of a served pack");
    describe_gauge!("segue_pack_bytes_max", "Bytes of the largest served pack");
    describe_counter!("segue_refresh_runs_total", "Refreshes started by the service, by result");
}
