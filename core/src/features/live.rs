//! The `live` columns: what the session says about each candidate, written anew after each event.
//!
//! For all candidates nothing is looked up one by one: creators and categories are asked for once per distinct name of the pack, and
//! the items that were shown are met in one pass over both, since both are in order of their ids.

use std::collections::BTreeMap;
use std::slice;

use super::column::Column;
use super::source::{LIVE, LiveSource};
use super::transform::Raw;
use super::{Schema, similarity};
use crate::pack::{Candidate, VerifiedPack};
use crate::session::State;

/// Writes the `live` table of one pack's candidates.
#[derive(Debug, Clone)]
pub(super) struct Live {
    columns: Vec<Column<LiveSource>>,
    width: usize,
    creators: Groups,
    categories: Groups,
}

impl Live {
    pub(super) fn new(schema: &Schema, candidates: &[Candidate]) -> Self {
        Self {
            columns: Column::resolve(&schema.live, LIVE, schema.dimension),
            width: schema.live_width().max(1),
            creators: Groups::new(candidates.iter().map(|one| slice::from_ref(&one.creator))),
            categories: Groups::new(candidates.iter().map(|one| one.categories.as_slice())),
        }
    }

    /// Writes f32 `[C, live width]`.
    pub(super) fn write(&self, pack: &VerifiedPack, state: &State, table: &mut [f32]) {
        for column in &self.columns {
            let numbers = match column.source {
                LiveSource::CreatorAffinity => self.creators.means(|name| state.creator_affinity(name)),
                LiveSource::CategoryAffinity => {
                    self.categories.means(|name| state.category_affinity(slice::from_ref(name)))
                }
                LiveSource::Impressions => impressions(pack, state),
                source => numbers(source, pack.candidates().iter(), state),
            };
            self.put(column, numbers, table);
        }
    }

    /// Writes f32 `[rows, live width]`: a few candidates are looked up one by one.
    pub(super) fn write_some(&self, candidates: &[&Candidate], state: &State, table: &mut [f32]) {
        for column in &self.columns {
            self.put(column, numbers(column.source, candidates.iter().copied(), state), table);
        }
    }

    fn put(&self, column: &Column<LiveSource>, numbers: Vec<f32>, table: &mut [f32]) {
        for (row, number) in table.chunks_exact_mut(self.width).zip(numbers) {
            column.write(Raw::Number(number), row);
        }
    }
}

fn impressions(pack: &VerifiedPack, state: &State) -> Vec<f32> {
    let mut numbers = vec![0.0; pack.candidates().len()];
    state.met(pack).for_each(|(place, facts)| numbers[place] = facts.impressions() as f32);
    numbers
}

/// What the session says about these candidates, one by one.
fn numbers<'a>(
    source: LiveSource,
    candidates: impl Iterator<Item = &'a Candidate>,
    state: &State,
) -> Vec<f32> {
    let nearness = |to: &[f32], all: &mut dyn Iterator<Item = &'a Candidate>| {
        all.map(|one| similarity(to, &one.vector)).collect()
    };
    let mut all = candidates;
    match source {
        LiveSource::InterestSimilarity => nearness(&state.interest(), &mut all),
        LiveSource::AversionSimilarity => nearness(&state.aversion(), &mut all),
        LiveSource::LastPositiveSimilarity => nearness(newest(state, |strength| strength > 0.0), &mut all),
        LiveSource::LastNegativeSimilarity => nearness(newest(state, |strength| strength < 0.0), &mut all),
        LiveSource::SessionSimilarity => nearness(&state.lasting_interest(), &mut all),
        LiveSource::CreatorAffinity => all.map(|one| state.creator_affinity(&one.creator)).collect(),
        LiveSource::CategoryAffinity => all.map(|one| state.category_affinity(&one.categories)).collect(),
        LiveSource::Impressions => all.map(|one| state.impressions(&one.item) as f32).collect(),
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
