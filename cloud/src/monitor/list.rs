//! Every metric of the service.

use metrics::{Label, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

/// How a metric's value moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only up, from 0 at the start of the process.
    Counter,
    /// Up and down.
    Gauge,
    /// How often a time lay below each bound.
    Histogram,
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// As Prometheus knows it.
    pub name: &'static str,
    /// How its value moves.
    pub kind: Kind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// Values of the only label that are known before anything happened.
    pub values: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

impl Metric {
    /// Tells the recorder its meaning, and makes it 0 where its labels are known: what is absent until it first
    /// happens is no alarm the first time.
    pub(super) fn describe(&self) {
        match self.kind {
            Kind::Counter => describe_counter!(self.name, self.help),
            Kind::Gauge => describe_gauge!(self.name, self.help),
            Kind::Histogram => describe_histogram!(self.name, self.help),
        }
        match (self.labels, self.values) {
            ([], _) => self.touch(Vec::new()),
            ([label], values) => {
                values.iter().for_each(|value| self.touch(vec![Label::new(*label, *value)]));
            }
            _ => {}
        }
    }

    fn touch(&self, labels: Vec<Label>) {
        match self.kind {
            Kind::Counter => counter!(self.name, labels).increment(0),
            Kind::Gauge => gauge!(self.name, labels).increment(0.0),
            Kind::Histogram => drop(histogram!(self.name, labels)),
        }
    }
}

const fn metric(
    kind: Kind,
    name: &'static str,
    labels: &'static [&'static str],
    values: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind, labels, values, help }
}

const STEPS: &[&str] =
    &["live_ranker", "previous_ranker", "pack_order", "own_top", "regional_popular", "global_popular"];
/// Those that alarms are made of.
const PROBLEMS: &[&str] = &[
    "events_busy",
    "events_unavailable",
    "generation_missing",
    "internal",
    "service_busy",
    "too_many_requests",
];
const FALLBACKS: &[&str] = &[
    "fallback_no_model",
    "fallback_model_pending",
    "fallback_model_refused",
    "fallback_pack_refused",
    "fallback_policy_refused",
    "fallback_scores_invalid",
    "fallback_model_failed",
    "fallback_deadline",
    "other",
];

/// Every metric, by what it is about.
pub const METRICS: &[Metric] = &[
    metric(
        Kind::Counter,
        "segue_http_requests_total",
        &["resource", "method", "status"],
        &[],
        "requests answered",
    ),
    metric(
        Kind::Histogram,
        "segue_http_request_seconds",
        &["resource"],
        &[],
        "time from a request's head to its answer's",
    ),
    metric(Kind::Gauge, "segue_http_requests_in_flight", &[], &[], "requests that are being answered"),
    metric(Kind::Counter, "segue_http_problems_total", &["code"], PROBLEMS, "errors answered, by code"),
    metric(
        Kind::Counter,
        "segue_requests_limited_total",
        &["by"],
        &["address", "person", "service"],
        "requests refused as one of these asks too often",
    ),
    metric(Kind::Gauge, "segue_http_connections", &[], &[], "open connections"),
    metric(Kind::Counter, "segue_events_accepted_total", &[], &[], "events stored"),
    metric(Kind::Counter, "segue_events_duplicate_total", &[], &[], "events whose id was stored before"),
    metric(Kind::Counter, "segue_events_rejected_total", &["code"], &[], "events refused, by code"),
    metric(
        Kind::Counter,
        "segue_events_unlikely_total",
        &["rule"],
        &["rate", "item", "repeat"],
        "events in the log that count for nothing, as no person acts so",
    ),
    metric(
        Kind::Counter,
        "segue_dead_letters_total",
        &["refuser"],
        &["intake", "counters"],
        "events kept apart because they were refused three times",
    ),
    metric(Kind::Gauge, "segue_dead_letters", &[], &[], "events that are kept apart"),
    metric(
        Kind::Gauge,
        "segue_erasure_waits_seconds",
        &[],
        &[],
        "time since the first of those asked to be forgotten whose rows are still there; 0 where nobody waits",
    ),
    metric(Kind::Gauge, "segue_events_stored", &[], &[], "events in the log"),
    metric(
        Kind::Gauge,
        "segue_event_ids",
        &[],
        &[],
        "ids of events that are known, so that one sent again counts once",
    ),
    metric(Kind::Gauge, "segue_event_ids_most", &[], &[], "how many may be (`limits.dedup_ids`)"),
    metric(Kind::Gauge, "segue_events_waiting_bytes", &[], &[], "bytes of events that wait to be written"),
    metric(
        Kind::Gauge,
        "segue_event_lag_seconds",
        &["consumer"],
        &["log", "counters"],
        "how long the oldest event waits that a consumer has not taken in; `log` is the disk",
    ),
    metric(
        Kind::Gauge,
        "segue_people_waiting",
        &[],
        &[],
        "people who did something that is not in their pack yet, of those in memory",
    ),
    metric(
        Kind::Gauge,
        "segue_freshness_seconds",
        &["quantile"],
        &["0.5", "0.99", "1"],
        "how long they wait since the first of it; 1 is who waits longest",
    ),
    metric(
        Kind::Histogram,
        "segue_event_commit_seconds",
        &[],
        &[],
        "time to write and sync one group of batches",
    ),
    metric(Kind::Histogram, "segue_event_sync_seconds", &[], &[], "time of that for the sync"),
    metric(
        Kind::Counter,
        "segue_event_commit_failures_total",
        &[],
        &[],
        "groups of batches that could not be stored",
    ),
    metric(
        Kind::Gauge,
        "segue_events_failing",
        &[],
        &[],
        "1 as long as the last group of batches could not be stored",
    ),
    metric(Kind::Counter, "segue_item_changes_total", &[], &[], "items put in or withdrawn"),
    metric(Kind::Counter, "segue_onboardings_total", &[], &[], "surveys of newcomers that became a profile"),
    metric(
        Kind::Counter,
        "segue_packs_handed_out_total",
        &["from"],
        &["memory", "disk"],
        "packs handed out, whole or as what changed, by where they were found: in `memory`, or on the `disk`, as those that had to be looked through for what ended",
    ),
    metric(
        Kind::Gauge,
        "segue_kept_pack_bytes",
        &[],
        &[],
        "memory that packs of the served generation take which were handed out, as they were made and with an end for what was withdrawn (`limits.kept_pack_bytes` for each of the two), and what changed of them (a quarter of it)",
    ),
    metric(Kind::Counter, "segue_packs_on_demand_total", &[], &[], "packs made on demand"),
    metric(
        Kind::Gauge,
        "segue_on_demand_prepare_seconds",
        &[],
        &[],
        "time it took to get ready for packs on demand, the last time",
    ),
    metric(
        Kind::Counter,
        "segue_recommendations_total",
        &["step"],
        STEPS,
        "lists made by the service, by step of the ladder",
    ),
    metric(
        Kind::Counter,
        "segue_slates_total",
        &["from", "result"],
        &[],
        "lists with what the model saw, for the training log: made by the `service` or told of by a `device`, and `kept`, `passed_over` (no room, their person forgotten meanwhile, or not drawn, which is not counted of the service's), `rejected` or `failed`",
    ),
    metric(
        Kind::Counter,
        "segue_client_fallbacks_total",
        &["reason"],
        FALLBACKS,
        "impressions in the pack's order that clients report, by reason",
    ),
    metric(Kind::Gauge, "segue_live_people", &[], &[], "people whose latest events are in memory"),
    metric(Kind::Gauge, "segue_generation", &[], &[], "the generation being served; 0 when there is none"),
    metric(Kind::Gauge, "segue_generation_packs", &[], &[], "its packs"),
    metric(Kind::Gauge, "segue_generation_age_seconds", &[], &[], "time since it was made"),
    metric(Kind::Gauge, "segue_generation_period_seconds", &[], &[], "how often a new one is expected"),
    metric(Kind::Gauge, "segue_generation_expires_seconds", &[], &[], "time until clients stop accepting it"),
    metric(
        Kind::Counter,
        "segue_generation_load_failures_total",
        &[],
        &[],
        "published generations that could not be served",
    ),
    metric(Kind::Gauge, "segue_refresh_seconds", &[], &[], "time it took to make the served generation"),
    metric(Kind::Gauge, "segue_refresh_self_recall", &[], &[], "share of items found by their own vector"),
    metric(Kind::Gauge, "segue_refresh_recall_at_100", &[], &[], "recall of retrieval against exact search"),
    metric(
        Kind::Gauge,
        "segue_refresh_lists",
        &["how"],
        &[],
        "lists of the served generation, by how they came about",
    ),
    metric(
        Kind::Gauge,
        "segue_refresh_vectors",
        &["how"],
        &[],
        "item vectors of the served generation: reused from before, or made",
    ),
    metric(
        Kind::Gauge,
        "segue_refresh_running",
        &[],
        &[],
        "1 while a refresh runs that the service started, on request too",
    ),
    metric(
        Kind::Counter,
        "segue_refresh_runs_total",
        &["result"],
        &["succeeded", "failed", "stopped"],
        "refreshes started by the service, on request too, by result",
    ),
    metric(
        Kind::Gauge,
        "segue_training_log_age_seconds",
        &[],
        &[],
        "time since the end of the newest hour that the training log has, a day and an hour where all is well; since the first event where nothing was written",
    ),
    metric(
        Kind::Gauge,
        "segue_training_log_period_seconds",
        &[],
        &[],
        "how often the service has the training log written; 0 where it does not",
    ),
    metric(
        Kind::Counter,
        "segue_training_log_runs_total",
        &["result"],
        &["succeeded", "failed", "stopped"],
        "times that the service had the training log written, by result",
    ),
    metric(
        Kind::Counter,
        "segue_expire_events_runs_total",
        &["result"],
        &["succeeded", "failed", "stopped"],
        "times that the service had old events let go of, by result",
    ),
    metric(Kind::Gauge, "segue_pack_bytes_median", &[], &[], "median bytes of a served pack"),
    metric(Kind::Gauge, "segue_pack_bytes_max", &[], &[], "bytes of the largest served pack"),
    metric(
        Kind::Counter,
        "segue_trace_batches_total",
        &["result"],
        &["sent", "failed"],
        "batches of spans for the collector of traces",
    ),
    metric(Kind::Gauge, "segue_disk_free_bytes", &[], &[], "bytes free where the data folder lies"),
    metric(Kind::Gauge, "segue_resident_bytes", &[], &[], "memory of the process"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_in_the_documents_table() {
        let document = include_str!("../../../docs/API.md");
        for metric in METRICS {
            let labels = metric.labels.join(",");
            let name = if labels.is_empty() {
                metric.name.to_owned()
            } else {
                format!("{}{{{labels}}}", metric.name)
            };
            let row = format!("| `{name}` | {} |", metric.help);
            assert!(document.contains(&row), "docs/API.md lacks the row\n{row}");
        }
    }

    #[test]
    fn the_reasons_of_clients_are_those_of_the_core() {
        let named = segue_core::reason::ReasonCode::ALL.iter().map(|code| code.name());
        let mut fallbacks: Vec<&str> = named.filter(|name| name.starts_with("fallback_")).collect();
        fallbacks.push("other");
        assert_eq!(fallbacks, FALLBACKS);
    }

    #[test]
    fn the_problems_that_alarms_are_made_of_are_codes_of_the_service() {
        let codes = crate::error::Code::ALL.map(crate::error::Code::name);
        assert!(PROBLEMS.iter().all(|problem| codes.contains(problem)));
    }

    #[test]
    fn what_can_be_known_reads_0_before_it_happened() {
        let text = super::super::install().render();
        for metric in METRICS.iter().filter(|metric| metric.labels.is_empty() || !metric.values.is_empty()) {
            assert!(text.contains(&format!("# TYPE {} ", metric.name)), "{} is not printed", metric.name);
        }
    }
}
