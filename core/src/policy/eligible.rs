//! Which candidates may be shown at all. Nothing after this can bring one back.
//!
//! Blocked, expired, barred in the region and near to what the person is not interested in: never. Seen too lately: only
//! when nothing else is left.

use super::Seen;
use super::traits::Traits;
use crate::pack::{Candidate, VerifiedPack};
use crate::session::{ItemFacts, State};

/// A candidate that may not be shown has no place among those that may.
const NO_PLACE: u32 = u32::MAX;
const HOUR_MS: f32 = 3_600_000.0;

/// Candidates that may be shown, as indices into the pack in the pack's order.
pub(crate) struct Eligible {
    pub(crate) indices: Vec<usize>,
    /// Nothing else was left, so items seen too lately are among them.
    pub(crate) seen_relaxed: bool,
    positions: Vec<u32>,
}

/// What decides whether a candidate may be shown.
pub(crate) struct Eligibility<'a> {
    pub(crate) pack: &'a VerifiedPack,
    pub(crate) traits: &'a Traits,
    pub(crate) state: &'a State,
    pub(crate) seen: &'a Seen,
    pub(crate) now_ms: i64,
    pub(crate) region: Option<&'a String>,
}

impl Eligible {
    /// Applies the rules to every candidate.
    pub(crate) fn of(rules: &Eligibility<'_>) -> Self {
        let candidates = rules.pack.candidates();
        let mut facts = vec![None; candidates.len()];
        rules.state.met(rules.pack).for_each(|(index, met)| facts[index] = Some(met));
        let mut may: Vec<bool> = rules.unbarred(&facts);
        rules.traits.outside(rules.region).for_each(|index| may[index] = false);
        let allowed: Vec<usize> = (0..candidates.len()).filter(|&index| may[index]).collect();
        let unseen: Vec<usize> =
            allowed.iter().copied().filter(|&index| !rules.is_seen(index, facts[index])).collect();
        let seen_relaxed = unseen.is_empty();
        let indices = if seen_relaxed { allowed } else { unseen };
        let mut positions = vec![NO_PLACE; candidates.len()];
        indices.iter().zip(0..).for_each(|(&index, position)| positions[index] = position);
        Self { indices, seen_relaxed, positions }
    }

    /// A candidate's place among the eligible ones in the pack's order.
    pub(crate) fn position(&self, index: usize) -> u32 {
        self.positions.get(index).copied().unwrap_or(NO_PLACE)
    }
}

impl Eligibility<'_> {
    /// Whether each candidate is neither barred nor past its end.
    fn unbarred(&self, facts: &[Option<&ItemFacts>]) -> Vec<bool> {
        let creators: Vec<&str> = self.state.barred_creators().collect();
        let categories: Vec<&str> = self.state.barred_categories().collect();
        let may = |(candidate, facts): (&Candidate, &Option<&ItemFacts>)| {
            let ended = candidate.ends_ms.is_some_and(|end| self.now_ms >= end);
            let creator = creators.contains(&candidate.creator.as_str());
            let category = candidate.categories.iter().any(|one| categories.contains(&one.as_str()));
            !(ended || creator || category || facts.is_some_and(ItemFacts::is_barred))
        };
        self.pack.candidates().iter().zip(facts).map(may).collect()
    }

    fn is_seen(&self, index: usize, facts: Option<&ItemFacts>) -> bool {
        let facts = facts.filter(|facts| facts.plays() > 0);
        let hours = |ms: i64| self.now_ms.saturating_sub(ms) as f32 / HOUR_MS;
        let live = facts.and_then(|facts| Some((facts.plays() as f32, hours(facts.last_seen_ms()?))));
        let before = || self.traits.seen_days(index, self.now_ms).map(|days| (1.0, days * 24.0));
        let any =
            |is_seen: &dyn Fn((f32, f32)) -> bool| live.is_some_and(is_seen) || before().is_some_and(is_seen);
        let played = facts.is_some_and(ItemFacts::is_played);
        match self.seen {
            Seen::Session => played,
            Seen::Never => any(&|_| true),
            Seen::Window { days } => played || any(&|(_, hours)| hours < *days as f32 * 24.0),
            Seen::Fatigue { half_life_hours, most } => {
                any(&|(plays, hours)| plays * libm::exp2f(-hours.max(0.0) / half_life_hours) > *most)
            }
        }
    }
}
