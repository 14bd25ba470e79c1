//! The feature schema that new rankers are trained with.

use segue_core::features::{
    CandidateFeature, ContextFeature, EventFeature, Head, HeadKind, Schema, Transform,
};
use segue_core::limits;
use segue_core::session::EventKind;

use crate::catalog::Dataset;

/// Heads of the ranker, in the output's order.
pub const HEADS: [&str; 4] = ["complete", "skip", "like", "next"];

/// The schema of a ranker over vectors of `dimension` entries.
#[must_use]
pub fn schema(dataset: &Dataset, dimension: usize) -> Schema {
    Schema {
        format: Schema::FORMAT,
        version: "target-attention-1".into(),
        dataset: dataset.schema_hash(),
        dimension,
        slots: limits::SESSION_EVENTS,
        candidate: candidate(),
        event: event(),
        context: context(),
        heads: HEADS.map(|name| Head { name: name.into(), kind: HeadKind::Probability }).into(),
    }
}

fn candidate() -> Vec<CandidateFeature> {
    let scaled = || Transform::ZScore { mean: 0.0, deviation: 2.0 };
    let features = [
        ("vector", Transform::Identity),
        ("user_similarity", Transform::Identity),
        ("interest_similarity", Transform::Identity),
        ("aversion_similarity", Transform::Identity),
        ("last_positive_similarity", Transform::Identity),
        ("last_negative_similarity", Transform::Identity),
        ("creator_affinity", scaled()),
        ("category_affinity", scaled()),
        ("impressions", Transform::Logarithm { factor: 0.5 }),
        ("column:popularity", Transform::Identity),
        ("column:popularity_rank", Transform::Identity),
        ("column:completion_rate", Transform::Identity),
        ("column:age_days", Transform::Logarithm { factor: 0.1 }),
        ("column:duration_seconds", Transform::Logarithm { factor: 0.15 }),
    ];
    features
        .map(|(source, transform)| CandidateFeature { name: name(source), source: source.into(), transform })
        .into()
}

fn event() -> Vec<EventFeature> {
    let kinds = EventKind::KNOWN.iter().map(|kind| kind.name().to_owned()).collect();
    let features = [
        ("vector", Transform::Identity),
        ("strength", Transform::Identity),
        ("kind", Transform::OneHot { values: kinds }),
        ("played_fraction", Transform::Identity),
        ("played_seconds", Transform::Logarithm { factor: 0.15 }),
    ];
    features
        .map(|(source, transform)| EventFeature { name: name(source), source: source.into(), transform })
        .into()
}

fn context() -> Vec<ContextFeature> {
    let features = [
        ("session_events", Transform::Logarithm { factor: 0.25 }),
        ("session_negative_share", Transform::Identity),
    ];
    features
        .map(|(source, transform)| ContextFeature { name: name(source), source: source.into(), transform })
        .into()
}

fn name(source: &str) -> String {
    source.trim_start_matches("column:").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    #[test]
    fn the_core_accepts_it() {
        let schema = schema(&samples::catalogue().dataset, 64);
        let read = Schema::from_json(&serde_json::to_vec(&schema).unwrap()).unwrap();
        assert_eq!(read, schema);
        assert_eq!(read.candidate_width(), 64 + 13);
    }
}
