//! The feature schema that new rankers are trained with.

use segue_core::features::{Calibration, Feature, Head, HeadKind, Schema, Transform};
use segue_core::limits;
use segue_core::session::EventKind;

use crate::catalog::Dataset;

/// Heads of the ranker, in the output's order: probabilities, then amounts.
pub const HEADS: [&str; PROBABILITIES + 1] = ["complete", "skip", "like", "next", "watch_seconds"];
/// How many of them are probabilities.
pub const PROBABILITIES: usize = 4;

/// The schema of a ranker over a table of item vectors: with what is taken up lately, since a table knows of no item when
/// it was new, as towers do; with all that the session spoke for, as neighbours go by; and with the seconds that an item would be
/// watched where the data tells them.
#[must_use]
pub fn of_table(dataset: &Dataset, dimension: usize, tells_seconds: bool) -> Schema {
    let mut schema = schema(dataset, dimension);
    schema.candidate.push(feature(("column:recent_popularity", Transform::Identity)));
    schema.live.push(feature(("session_similarity", Transform::Identity)));
    if tells_seconds {
        schema.heads.extend(HEADS[PROBABILITIES..].iter().map(|name| head(name, HeadKind::Amount)));
    }
    schema
}

/// The schema of a ranker over vectors of `dimension` entries.
#[must_use]
pub fn schema(dataset: &Dataset, dimension: usize) -> Schema {
    Schema {
        format: Schema::FORMAT,
        version: "target-attention-1".into(),
        dataset: dataset.schema_hash(),
        // Training writes which, once they are there.
        towers: None,
        dimension,
        slots: limits::SESSION_EVENTS,
        candidate: candidate(),
        live: live(),
        event: event(),
        context: context(),
        heads: HEADS[..PROBABILITIES].iter().map(|name| head(name, HeadKind::Probability)).collect(),
    }
}

fn head(name: &str, kind: HeadKind) -> Head {
    Head { name: name.into(), kind, calibration: Calibration::None }
}

fn candidate() -> Vec<Feature> {
    let features = [
        ("vector", Transform::Identity),
        ("user_similarity", Transform::Identity),
        ("column:popularity", Transform::Identity),
        ("column:popularity_rank", Transform::Identity),
        ("column:completion_rate", Transform::Identity),
        ("column:age_days", Transform::Logarithm { factor: 0.1 }),
        ("column:duration_seconds", Transform::Logarithm { factor: 0.15 }),
    ];
    features.map(feature).into()
}

fn live() -> Vec<Feature> {
    let scaled = || Transform::ZScore { mean: 0.0, deviation: 2.0 };
    let features = [
        ("interest_similarity", Transform::Identity),
        ("aversion_similarity", Transform::Identity),
        ("last_positive_similarity", Transform::Identity),
        ("last_negative_similarity", Transform::Identity),
        ("creator_affinity", scaled()),
        ("category_affinity", scaled()),
        ("impressions", Transform::Logarithm { factor: 0.5 }),
    ];
    features.map(feature).into()
}

fn event() -> Vec<Feature> {
    let kinds = EventKind::KNOWN.iter().map(|kind| kind.name().to_owned()).collect();
    let features = [
        ("vector", Transform::Identity),
        ("strength", Transform::Identity),
        ("kind", Transform::OneHot { values: kinds }),
        ("played_fraction", Transform::Identity),
        ("played_seconds", Transform::Logarithm { factor: 0.15 }),
    ];
    features.map(feature).into()
}

fn context() -> Vec<Feature> {
    let features = [
        ("session_events", Transform::Logarithm { factor: 0.25 }),
        ("session_negative_share", Transform::Identity),
        ("session_focus", Transform::Identity),
        ("session_discovery", Transform::Identity),
        ("session_drift", Transform::Identity),
    ];
    features.map(feature).into()
}

fn feature((source, transform): (&str, Transform)) -> Feature {
    Feature { name: source.trim_start_matches("column:").to_owned(), source: source.into(), transform }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    #[test]
    fn the_core_accepts_it() {
        let dataset = samples::catalogue().dataset;
        let schemas = [
            (schema(&dataset, 64), 6, 7, 4),
            (of_table(&dataset, 64, false), 7, 8, 4),
            (of_table(&dataset, 64, true), 7, 8, 5),
        ];
        for (schema, numbers, live, heads) in schemas {
            let read = Schema::from_json(&serde_json::to_vec(&schema).unwrap()).unwrap();
            assert_eq!(read, schema);
            assert_eq!(
                (read.candidate_width(), read.live_width(), read.heads.len()),
                (64 + numbers, live, heads)
            );
        }
    }
}
