//! Puts the list together place by place: the best candidate that breaks no rule.

use std::collections::BTreeMap;

use super::ListRules;
use crate::features::similarity;
use crate::pack::Candidate;

/// A candidate that may be placed, with its utility.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scored {
    pub(crate) index: usize,
    pub(crate) utility: f32,
}

/// The chosen candidates, best place first, at most `count`.
///
/// Greedy maximal marginal relevance under the list rules. When no candidate left satisfies all rules, they give
/// way in the order share, in a row, spacing, so that a list is never shorter than it could be. Utility ties are
/// broken by item id, so the order never depends on how candidates came in.
pub(crate) fn select(
    candidates: &[Candidate],
    scored: &[Scored],
    rules: &ListRules,
    count: usize,
) -> Vec<Scored> {
    let mut list = List {
        candidates,
        rules,
        count: count.min(scored.len()),
        chosen: Vec::new(),
        categories: BTreeMap::new(),
    };
    let mut left: Vec<Left> = normalised(scored);
    left.sort_by(|one, other| {
        let id = |left: &Left| &candidates[left.scored.index].item;
        other.relevance.total_cmp(&one.relevance).then_with(|| id(one).cmp(id(other)))
    });
    while list.chosen.len() < list.count {
        let Some(place) = list.best(&left) else { break };
        let taken = left.remove(place);
        let vector = &candidates[taken.scored.index].vector;
        if rules.diversity > 0.0 {
            for one in &mut left {
                one.closest = one.closest.max(similarity(vector, &candidates[one.scored.index].vector));
            }
        }
        list.take(taken.scored);
    }
    list.chosen
}

struct Left {
    scored: Scored,
    /// Utility scaled to 0..1 within this slate.
    relevance: f32,
    /// Largest similarity to a place above.
    closest: f32,
}

fn normalised(scored: &[Scored]) -> Vec<Left> {
    let low = scored.iter().map(|one| one.utility).reduce(f32::min).unwrap_or(0.0);
    let high = scored.iter().map(|one| one.utility).reduce(f32::max).unwrap_or(0.0);
    let range = if high > low { high - low } else { 1.0 };
    let left = |&scored: &Scored| Left { scored, relevance: (scored.utility - low) / range, closest: 0.0 };
    scored.iter().map(left).collect()
}

struct List<'a> {
    candidates: &'a [Candidate],
    rules: &'a ListRules,
    count: usize,
    chosen: Vec<Scored>,
    categories: BTreeMap<&'a str, usize>,
}

/// How many of the rules hold, strictest first.
const STRICTNESS: [u8; 4] = [3, 2, 1, 0];

impl<'a> List<'a> {
    fn best(&self, left: &[Left]) -> Option<usize> {
        STRICTNESS.iter().find_map(|&strictness| self.best_under(left, strictness))
    }

    fn best_under(&self, left: &[Left], strictness: u8) -> Option<usize> {
        let diversity = self.rules.diversity;
        let mut best: Option<(usize, f32)> = None;
        for (place, one) in left.iter().enumerate() {
            let highest = (1.0 - diversity) * one.relevance;
            // Sorted by relevance, and similarity only takes away: nothing further down can win.
            if best.is_some_and(|(_, value)| highest + diversity < value) {
                break;
            }
            let value = highest - diversity * one.closest;
            if best.is_none_or(|(_, best)| value > best) && self.allows(one.scored.index, strictness) {
                best = Some((place, value));
            }
        }
        best.map(|(place, _)| place)
    }

    fn allows(&self, index: usize, strictness: u8) -> bool {
        (strictness < 1 || self.creator_is_spaced(index))
            && (strictness < 2 || self.category_may_follow(index))
            && (strictness < 3 || self.category_has_room(index))
    }

    fn creator_is_spaced(&self, index: usize) -> bool {
        let creator = &self.candidates[index].creator;
        let recent = self.chosen.iter().rev().take(self.rules.creator_spacing as usize);
        creator.is_empty() || recent.into_iter().all(|one| self.candidates[one.index].creator != *creator)
    }

    fn category_may_follow(&self, index: usize) -> bool {
        let most = self.rules.category_in_a_row as usize;
        let Some(category) = self.category(index) else { return true };
        let recent = || self.chosen.iter().rev().take(most);
        most == 0 || recent().count() < most || recent().any(|one| self.category(one.index) != Some(category))
    }

    fn category_has_room(&self, index: usize) -> bool {
        let most = libm::ceilf(self.rules.category_share * self.count as f32) as usize;
        self.category(index)
            .is_none_or(|category| self.categories.get(category).is_none_or(|&taken| taken < most))
    }

    fn category(&self, index: usize) -> Option<&'a str> {
        self.candidates[index].categories.first().map(String::as_str)
    }

    fn take(&mut self, scored: Scored) {
        if let Some(category) = self.category(scored.index) {
            *self.categories.entry(category).or_default() += 1;
        }
        self.chosen.push(scored);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(item: &str, creator: &str, category: &str, vector: [f32; 2]) -> Candidate {
        Candidate {
            item: item.into(),
            vector: vector.into(),
            score: 0.0,
            creator: creator.into(),
            categories: vec![category.into()],
            columns: [].into(),
            ends_ms: None,
            display: None,
        }
    }

    fn chosen(candidates: &[Candidate], rules: &ListRules, count: usize) -> Vec<String> {
        let scored: Vec<_> = (0..candidates.len())
            .map(|index| Scored { index, utility: 1.0 - index as f32 / candidates.len() as f32 })
            .collect();
        select(candidates, &scored, rules, count)
            .iter()
            .map(|one| candidates[one.index].item.clone())
            .collect()
    }

    const FREE: ListRules =
        ListRules { diversity: 0.0, creator_spacing: 0, category_in_a_row: 0, category_share: 1.0 };

    #[test]
    fn one_creator_is_spaced_and_still_fills_the_list_when_alone() {
        let rules = ListRules { creator_spacing: 1, ..FREE };
        let mixed =
            [("a", "x"), ("b", "x"), ("c", "y")].map(|(item, by)| candidate(item, by, "k", [1.0, 0.0]));
        assert_eq!(chosen(&mixed, &rules, 3), ["a", "c", "b"]);
        let alone = ["a", "b", "c"].map(|item| candidate(item, "x", "k", [1.0, 0.0]));
        assert_eq!(chosen(&alone, &rules, 3), ["a", "b", "c"]);
    }

    #[test]
    fn a_category_keeps_to_its_share_and_its_run() {
        let kinds = ["k", "k", "k", "k", "l", "m"];
        let items: Vec<_> = (0..6).map(|at| candidate(&format!("{at}"), "", kinds[at], [1.0, 0.0])).collect();
        assert_eq!(chosen(&items, &ListRules { category_in_a_row: 2, ..FREE }, 4), ["0", "1", "4", "2"]);
        assert_eq!(chosen(&items, &ListRules { category_share: 0.5, ..FREE }, 4), ["0", "1", "4", "5"]);
    }

    #[test]
    fn diversity_prefers_what_is_unlike_the_places_above() {
        let items = [
            candidate("a", "", "k", [1.0, 0.0]),
            candidate("b", "", "k", [1.0, 0.0]),
            candidate("c", "", "k", [0.0, 1.0]),
        ];
        assert_eq!(chosen(&items, &FREE, 3), ["a", "b", "c"]);
        assert_eq!(chosen(&items, &ListRules { diversity: 0.6, ..FREE }, 3), ["a", "c", "b"]);
    }

    #[test]
    fn equal_utility_is_ordered_by_id() {
        let items = ["b", "a"].map(|item| candidate(item, "", "k", [1.0, 0.0]));
        let scored = [0, 1].map(|index| Scored { index, utility: 0.5 });
        let list = select(&items, &scored, &FREE, 2);
        assert_eq!(items[list[0].index].item, "a");
    }
}
