//! The order in which candidates should come: what the list search chose, what is left by worth, what has no score.

use super::rank::Scores;
use super::{Engine, Request};
use crate::budget::Budget;
use crate::error::Result;
use crate::policy::{self, Above, Eligible, ListRules};

/// All candidates that may be shown, in the order they should come.
pub(super) struct Line {
    /// Indices into the pack.
    pub(super) order: Vec<usize>,
    /// How many of them are where they belong; after the deadline the rest follows as it is.
    pub(super) searched: usize,
    /// What each candidate of the pack brings to a list by itself; 0 without a score.
    pub(super) worth: Vec<f32>,
}

impl Engine {
    pub(super) fn line(
        &self,
        request: &Request,
        eligible: &Eligible,
        scores: &Scores,
        budget: &mut Budget<'_>,
    ) -> Result<Line> {
        let surface = match self.surfaces.get(&request.surface) {
            Some(surface) if scores.fallback.is_none() => surface,
            _ => return Ok(Line::of_pack(eligible)),
        };
        let rules = &surface.policy.list;
        let (pack, traits) = (self.pack()?, self.traits()?);
        let utility = |&index: &usize| Some((index, *scores.utilities.get(index)?));
        let scored: Vec<(usize, f32)> = eligible.indices.iter().filter_map(utility).collect();
        let named = rules.search.continue_head.as_ref().zip(self.ranker.as_ref());
        let goes_on = named.map_or_else(Vec::new, |(name, ranker)| ranker.head(name));
        let entrants = policy::entrants(pack.candidates(), traits, rules, &scored, &goes_on, request.now_ms);
        let chosen = policy::search(traits, rules, &self.above(rules)?, &entrants, request.count, budget);
        let mut worth = vec![0.0; pack.candidates().len()];
        entrants.iter().for_each(|entrant| worth[entrant.index] = entrant.worth);
        let mut is_chosen = vec![false; entrants.len()];
        chosen.iter().for_each(|&at| is_chosen[at] = true);
        let rest = (0..entrants.len()).filter(|&at| !is_chosen[at]);
        let ranked = chosen.iter().copied().chain(rest).map(|at| entrants[at].index);
        let unscored = eligible.indices.iter().copied().filter(|index| *index >= scores.utilities.len());
        let searched = if budget.is_exhausted() { chosen.len() } else { usize::MAX };
        Ok(Line { order: ranked.chain(unscored).collect(), searched, worth })
    }

    /// What stands above the list, the nearest last, where the list is a queue.
    pub(super) fn above(&self, rules: &ListRules) -> Result<Vec<Above>> {
        let traits = self.traits()?;
        let most =
            [rules.creator, rules.category].map(|caps| caps.spacing.max(caps.in_a_row)).into_iter().max();
        let most = if rules.queue { most.unwrap_or(0) as usize } else { 0 };
        let newest = self.state.played().take(most);
        let mut above: Vec<Above> =
            newest.map(|play| traits.above(play.creator(), play.category())).collect();
        above.reverse();
        Ok(above)
    }
}

impl Line {
    fn of_pack(eligible: &Eligible) -> Self {
        Self { order: eligible.indices.clone(), searched: usize::MAX, worth: Vec::new() }
    }
}
