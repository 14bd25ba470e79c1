//! What each candidate brings to a list by itself: its relevance, with what the young get and the popular lose.

use super::list::ListRules;
use super::traits::Traits;
use crate::pack::Candidate;

/// A candidate that may be placed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Entrant {
    /// Its index in the pack.
    pub(crate) index: usize,
    /// Its utility scaled to 0..1 within this list, plus what the rules add and take away.
    pub(crate) worth: f32,
    /// P(the person goes on after it).
    pub(crate) goes_on: f32,
}

/// The candidates that have a utility, best first, ties by item id: the order never depends on how they came in.
///
/// `goes_on` has one value per candidate of the pack where the ranker predicts it.
pub(crate) fn entrants(
    candidates: &[Candidate],
    traits: &Traits,
    rules: &ListRules,
    scored: &[(usize, f32)],
    goes_on: &[f32],
    now_ms: i64,
) -> Vec<Entrant> {
    let low = scored.iter().map(|(_, utility)| *utility).reduce(f32::min).unwrap_or(0.0);
    let high = scored.iter().map(|(_, utility)| *utility).reduce(f32::max).unwrap_or(0.0);
    let range = if high > low { high - low } else { 1.0 };
    let entrant = |&(index, utility): &(usize, f32)| Entrant {
        index,
        worth: (utility - low) / range + adjustment(traits, rules, index, now_ms),
        goes_on: goes_on.get(index).copied().unwrap_or(rules.search.goes_on).clamp(0.0, 1.0),
    };
    let mut entrants: Vec<Entrant> = scored.iter().map(entrant).collect();
    let id = |one: &Entrant| candidates.get(one.index).map(|candidate| candidate.item.as_str());
    entrants.sort_by(|one, other| other.worth.total_cmp(&one.worth).then_with(|| id(one).cmp(&id(other))));
    entrants
}

fn adjustment(traits: &Traits, rules: &ListRules, index: usize, now_ms: i64) -> f32 {
    let is_young = || traits.age_days(index, now_ms).is_some_and(|days| days * 24.0 < rules.fresh.hours);
    let boost = if rules.fresh.boost > 0.0 && is_young() { rules.fresh.boost } else { 0.0 };
    boost - rules.popularity.penalty * (traits.popularity(index) - rules.popularity.above).max(0.0)
}
