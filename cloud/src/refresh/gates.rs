//! The gates that a generation passes before it is published: what is measured on a sample of its packs, and how far it
//! may be from the generation before.

use serde::{Deserialize, Serialize};

use segue_core::pack::VerifiedPack;

use super::{How, Report};

/// Places of a list that are looked at.
const PLACES: usize = 20;
/// Lists of a catalogue with fewer items are alike by necessity.
const ITEMS: usize = 200;
/// Pairs of people that have to be compared before anything is said about them.
const PAIRS: usize = 10;
/// People whose vectors are closer than this may well have the same list.
const ALIKE_PEOPLE: f32 = 0.99;
/// Lists may share this much of their first places.
const MOST_ALIKE: f64 = 0.9;
/// Lists have to be this diverse in comparison with items of different lists, and with the generation before.
const LEAST_DIVERSE: [f64; 2] = [0.02, 0.5];
/// The median score may move by so many interquartile ranges.
const MOST_DRIFT: f64 = 1.0;
/// A catalogue that changed more than this is another one, whose scores are not comparable.
const SAME_CATALOGUE: f64 = 0.2;

/// A gate that may be waived when what it found was intended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Gate {
    /// The first items of a list are not all alike.
    Diversity,
    /// The lists of different people are not all alike.
    Alikeness,
    /// Scores are distributed as in the generation before.
    Drift,
}

/// What the gates measured on a sample of packs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// Packs that a client accepted and ranked, each checked.
    pub packs_opened: usize,
    /// Mean of `1 - cosine` between the first 20 items of a list.
    pub diversity: f64,
    /// The same between items of different lists.
    pub diversity_between_lists: f64,
    /// Mean share of the first 20 items that lists of different people have in common; none with too few to compare.
    pub alikeness: Option<f64>,
    /// Median score of the first 20 places.
    pub score_median: f64,
    /// Interquartile range of these scores.
    pub score_spread: f64,
}

impl Measures {
    /// Measures packs of users.
    pub(super) fn of(packs: &[VerifiedPack], packs_opened: usize, items: usize) -> Self {
        let firsts: Vec<Vec<&[f32]>> = packs
            .iter()
            .map(|pack| pack.candidates().iter().take(PLACES).map(|one| one.vector.as_slice()).collect())
            .collect();
        let of_each = |at: usize, pack: &VerifiedPack| pack.candidates().len() * (at % 7) / 7;
        let mixed: Vec<&[f32]> = packs
            .iter()
            .enumerate()
            .filter_map(|(at, pack)| Some(pack.candidates().get(of_each(at, pack))?.vector.as_slice()))
            .collect();
        let mut scores: Vec<f32> = packs
            .iter()
            .flat_map(|pack| pack.candidates().iter().take(PLACES).map(|one| one.score))
            .collect();
        scores.sort_by(f32::total_cmp);
        let quantile = |share: f64| {
            let place = (scores.len().saturating_sub(1) as f64 * share) as usize;
            scores.get(place).map_or(0.0, |score| f64::from(*score))
        };
        Self {
            packs_opened,
            diversity: mean(firsts.iter().filter_map(|list| distance(list))).unwrap_or(0.0),
            diversity_between_lists: distance(&mixed).unwrap_or(0.0),
            alikeness: if items < ITEMS { None } else { alikeness(packs) },
            score_median: quantile(0.5),
            score_spread: quantile(0.75) - quantile(0.25),
        }
    }
}

/// The gates that `report` does not pass, in words; `before` is the report of the generation before.
pub(super) fn failures(report: &Report, before: Option<&Report>, waived: &[Gate]) -> Vec<String> {
    let mut failures = Vec::new();
    if report.self_recall < 1.0 || report.recall_at_100 < 0.95 {
        failures.push(format!(
            "index: self-recall {:.5} (needs 1), recall@100 {:.4} (needs 0.95)",
            report.self_recall, report.recall_at_100
        ));
    }
    let waivable = [
        (Gate::Diversity, diversity(&report.gates, before.map(|before| &before.gates))),
        (Gate::Alikeness, alike(&report.gates)),
        (
            Gate::Drift,
            before.filter(|before| is_comparable(report, before)).and_then(|before| drift(report, before)),
        ),
    ];
    let kept = waivable.into_iter().filter(|(gate, _)| !waived.contains(gate));
    failures.extend(kept.filter_map(|(_, failure)| failure));
    failures
}

fn diversity(now: &Measures, before: Option<&Measures>) -> Option<String> {
    let possible = LEAST_DIVERSE[0] * now.diversity_between_lists;
    let usual = before.map_or(0.0, |before| LEAST_DIVERSE[1] * before.diversity);
    let least = possible.max(usual);
    (now.diversity < least).then(|| {
        format!(
            "diversity: the first items of a list differ by {:.4} on average (needs {least:.4})",
            now.diversity
        )
    })
}

fn alike(now: &Measures) -> Option<String> {
    let share = now.alikeness.filter(|share| *share > MOST_ALIKE)?;
    Some(format!(
        "alikeness: different people's lists share {share:.2} of their items (at most {MOST_ALIKE})"
    ))
}

/// Whether the scores of two generations mean the same.
fn is_comparable(now: &Report, before: &Report) -> bool {
    let items = now.items.abs_diff(before.items) as f64 <= SAME_CATALOGUE * before.items as f64;
    let ranked = |report: &Report| 10 * report.lists.get(&How::Popular).copied().unwrap_or(0) <= report.packs;
    let same = |report: &Report| (report.dataset.clone(), report.ranker.clone(), report.policies.clone());
    items && ranked(now) && ranked(before) && same(now) == same(before)
}

fn drift(now: &Report, before: &Report) -> Option<String> {
    let spread = before.gates.score_spread.max(1e-6);
    let drift = (now.gates.score_median - before.gates.score_median).abs() / spread;
    (drift > MOST_DRIFT).then(|| {
        format!(
            "drift: the median score went from {:.4} to {:.4}, {drift:.1} interquartile ranges (at most {MOST_DRIFT})",
            before.gates.score_median, now.gates.score_median
        )
    })
}

/// Mean share of first places that pairs of people with different vectors have in common.
fn alikeness(packs: &[VerifiedPack]) -> Option<f64> {
    let ids = |pack: &VerifiedPack| -> Vec<String> {
        pack.candidates().iter().take(PLACES).map(|one| one.item.clone()).collect()
    };
    let shares: Vec<f64> = packs
        .windows(2)
        .filter(|pair| cosine(pair[0].user(), pair[1].user()) < ALIKE_PEOPLE)
        .map(|pair| {
            let (one, other) = (ids(&pair[0]), ids(&pair[1]));
            one.iter().filter(|item| other.contains(item)).count() as f64 / one.len().max(1) as f64
        })
        .collect();
    if shares.len() < PAIRS { None } else { mean(shares.into_iter()) }
}

/// Mean of `1 - cosine` over all pairs.
fn distance(vectors: &[&[f32]]) -> Option<f64> {
    let pairs = vectors
        .iter()
        .enumerate()
        .flat_map(|(at, one)| vectors[at + 1..].iter().map(move |other| 1.0 - f64::from(cosine(one, other))));
    mean(pairs)
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let dot = |one: &[f32], other: &[f32]| one.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt().max(1e-12)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut text = serde_json::json!({
            "generation": 2, "run": "r", "base": 1, "rolled_back_to": null, "shards": 1, "dataset": "d", "policies": {},
            "lists": {}, "items": 1000, "users": 10, "events": 5, "packs": 10, "region_packs": 1, "towers": "none",
            "ranker": null, "index": "hnsw", "asked_index": "hnsw", "model": null, "received": 0, "changed": 0,
            "self_recall": 1.0, "recall_at_100": 0.99,
            "pack_vector_recall_at_10": 1.0, "refresh_users_per_second": 1.0, "seconds": 1.0, "seconds_load": 1.0,
            "seconds_prepare": 1.0, "seconds_packs": 1.0, "pack_bytes_median": 1, "pack_bytes_max": 1,
            "ranking_bytes_median": 1, "ranking_bytes_max": 1, "expires_ms": 1, "remarks": [],
            "gates": {
                "packs_opened": 10, "diversity": 0.4, "diversity_between_lists": 0.8, "alikeness": 0.3,
                "score_median": 1.0, "score_spread": 0.5
            }
        });
        text["provider"] = "cpu".into();
        text["filter"] = serde_json::to_value(crate::events::Filter::default()).unwrap();
        serde_json::from_value(text).unwrap()
    }

    /// The gates that a changed report does not pass, after an unchanged one.
    fn failing(change: impl FnOnce(&mut Report), waived: &[Gate]) -> Vec<String> {
        let mut now = report();
        change(&mut now);
        let failures = failures(&now, Some(&report()), waived);
        failures.iter().map(|failure| failure.split(':').next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn a_generation_like_the_one_before_passes() {
        assert!(failing(|_| (), &[]).is_empty());
        assert!(failures(&report(), None, &[]).is_empty());
    }

    #[test]
    fn each_gate_stops_what_it_is_there_for() {
        assert_eq!(failing(|now| now.self_recall = 0.9999, &[]), ["index"]);
        assert_eq!(failing(|now| now.recall_at_100 = 0.94, &[]), ["index"]);
        assert_eq!(failing(|now| now.gates.diversity = 0.19, &[]), ["diversity"]);
        assert_eq!(failing(|now| now.gates.alikeness = Some(0.95), &[]), ["alikeness"]);
        assert_eq!(failing(|now| now.gates.score_median = 1.6, &[]), ["drift"]);
    }

    #[test]
    fn what_was_intended_is_waived_but_never_the_index() {
        assert!(failing(|now| now.gates.score_median = 9.0, &[Gate::Drift]).is_empty());
        assert_eq!(failing(|now| now.gates.score_median = 9.0, &[Gate::Diversity]), ["drift"]);
        let all = [Gate::Diversity, Gate::Alikeness, Gate::Drift];
        assert_eq!(failing(|now| now.self_recall = 0.5, &all), ["index"]);
    }

    #[test]
    fn scores_of_another_ranker_policy_or_catalogue_are_not_compared() {
        let drifted = |change: fn(&mut Report)| {
            failing(
                |now| {
                    now.gates.score_median = 9.0;
                    change(now);
                },
                &[],
            )
        };
        assert_eq!(drifted(|_| ()), ["drift"]);
        assert!(drifted(|now| now.ranker = Some("other".into())).is_empty());
        assert!(drifted(|now| now.policies = [("radio".to_owned(), "other".to_owned())].into()).is_empty());
        assert!(drifted(|now| now.items = 3_000).is_empty());
        assert!(drifted(|now| now.lists = [(How::Popular, 2)].into()).is_empty());
    }
}
