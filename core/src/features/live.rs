//! The `live` columns: what the session says about each candidate, written anew after each event.
//!
//! Nothing here looks a candidate up: creators and categories are asked for once per distinct name of the pack, and
//! the items that were shown are met in one pass over both, since both are in order of their ids.

use std::collections::BTreeMap;
use std::slice;

use super::column::Column;
use super::source::{LIVE, LiveSource};
use super::transform::Raw;
use super::{Schema, similarity};
use crate::pack::Candidate;
use crate::session::State;

/// Writes the `live` table of one pack's candidates.
#[derive(Debug, Clone)]
pub(super) struct Live {
    columns: Vec<Column<LiveSource>>,
    width: usize,
    creators: Groups,
    categories: Groups,
    /// Places in the pack, by item id.
    by_item: Vec<usize>,
}

impl Live {
    pub(super) fn new(schema: &Schema, candidates: &[Candidate]) -> Self {
        let mut by_item: Vec<usize> = (0..candidates.len()).collect();
        by_item.sort_by(|&one, &other| candidates[one].item.cmp(&candidates[other].item));
        Self {
            columns: Column::resolve(&schema.live, LIVE, schema.dimension),
            width: schema.live_width().max(1),
            creators: Groups::new(candidates.iter().map(|one| slice::from_ref(&one.creator))),
            categories: Groups::new(candidates.iter().map(|one| one.categories.as_slice())),
            by_item,
        }
    }

    /// Writes f32 `[C, live width]`.
    pub(super) fn write(&self, candidates: &[Candidate], state: &State, rows: &mut [f32]) {
        for column in &self.columns {
            let numbers = self.numbers(column.source, candidates, state);
            for (row, number) in rows.chunks_exact_mut(self.width).zip(numbers) {
                column.write(Raw::Number(number), row);
            }
        }
    }

    fn numbers(&self, source: LiveSource, candidates: &[Candidate], state: &State) -> Vec<f32> {
        let nearness = |to: &[f32]| candidates.iter().map(|one| similarity(to, &one.vector)).collect();
        match source {
            LiveSource::InterestSimilarity => nearness(&state.interest()),
            LiveSource::AversionSimilarity => nearness(&state.aversion()),
            LiveSource::LastPositiveSimilarity => nearness(newest(state, |strength| strength > 0.0)),
            LiveSource::LastNegativeSimilarity => nearness(newest(state, |strength| strength < 0.0)),
            LiveSource::CreatorAffinity => self.creators.means(|name| state.creator_affinity(name)),
            LiveSource::CategoryAffinity => {
                self.categories.means(|name| state.category_affinity(slice::from_ref(name)))
            }
            LiveSource::Impressions => self.impressions(candidates, state),
        }
    }

    fn impressions(&self, candidates: &[Candidate], state: &State) -> Vec<f32> {
        let mut numbers = vec![0.0; candidates.len()];
        let mut shown = state.shown().peekable();
        for &place in &self.by_item {
            let (Some(candidate), Some(number)) = (candidates.get(place), numbers.get_mut(place)) else {
                continue;
            };
            let item = candidate.item.as_str();
            while shown.next_if(|(other, _)| *other < item).is_some() {}
            if let Some((_, times)) = shown.peek().filter(|(other, _)| *other == item) {
                *number = *times as f32;
            }
        }
        numbers
    }
}

/// Vector of the newest remembered item whose event had such a strength.
fn newest(state: &State, wanted: fn(f32) -> bool) -> &[f32] {
    state.remembered().rev().find(|event| wanted(event.strength)).map_or(&[], |event| &event.vector)
}

/// The distinct names that candidates bear, and which of them each bears.
#[derive(Debug, Clone)]
struct Groups {
    names: Vec<String>,
    /// Places in `names`, candidate after candidate.
    borne: Vec<usize>,
    /// How many names each candidate bears.
    counts: Vec<usize>,
}

impl Groups {
    fn new<'a>(names_of: impl Iterator<Item = &'a [String]>) -> Self {
        let mut groups = Self { names: Vec::new(), borne: Vec::new(), counts: Vec::new() };
        let mut places = BTreeMap::new();
        for names in names_of {
            groups.counts.push(names.len());
            for name in names {
                let place = *places.entry(name).or_insert_with(|| {
                    groups.names.push(name.clone());
                    groups.names.len() - 1
                });
                groups.borne.push(place);
            }
        }
        groups
    }

    /// Each candidate's mean over the names it bears; 0 where it bears none.
    fn means(&self, number: impl Fn(&String) -> f32) -> Vec<f32> {
        let numbers: Vec<f32> = self.names.iter().map(number).collect();
        let mut borne = self.borne.iter();
        let mean = |&count: &usize| {
            borne.by_ref().take(count).map(|&place| numbers[place]).sum::<f32>() / count.max(1) as f32
        };
        self.counts.iter().map(mean).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_asked_for_once_and_averaged_by_candidate() {
        let names: Vec<Vec<String>> = vec![vec!["a".into(), "b".into()], vec![], vec!["b".into()]];
        let groups = Groups::new(names.iter().map(Vec::as_slice));
        let asked = std::cell::RefCell::new(Vec::new());
        let means = groups.means(|name| {
            asked.borrow_mut().push(name.clone());
            if name == "a" { 1.0 } else { 3.0 }
        });
        assert_eq!(means, [2.0, 0.0, 3.0]);
        assert_eq!(*asked.borrow(), ["a", "b"]);
    }
}
