//! Item-kNN on the session: what was taken up together with its items (Sarwar and others, 2001).

use std::collections::HashMap;

use super::{Method, Question, Ranked, Sitting, Stage};
use crate::catalog::Catalogue;

/// Items of the session that count, the newest.
const ITEMS: usize = 50;

/// Which items did well together in a session.
#[derive(Debug, Clone, Default)]
pub struct Neighbours {
    /// Sessions as lists of items, each once.
    baskets: Vec<Vec<u32>>,
    /// Baskets of each item.
    of_item: Vec<Vec<u32>>,
}

impl Neighbours {
    /// Reads what did well in the events that a stage knows.
    #[must_use]
    pub fn new(stage: &Stage<'_>) -> Self {
        let catalogue = stage.catalogue();
        let positive = stage.known.iter().filter(|index| stage.rules.is_positive(&catalogue.events[**index]));
        Self::of(catalogue, positive.copied())
    }

    fn of(catalogue: &Catalogue, events: impl Iterator<Item = usize>) -> Self {
        let mut baskets: Vec<Vec<u32>> = Vec::new();
        let mut places: HashMap<(&str, &str), usize> = HashMap::new();
        for index in events {
            let Some(item) = catalogue.event_items[index] else { continue };
            let event = &catalogue.events[index];
            let place = *places.entry((&event.user, &event.session)).or_insert(baskets.len());
            if place == baskets.len() {
                baskets.push(Vec::new());
            }
            if !baskets[place].contains(&item) {
                baskets[place].push(item);
            }
        }
        let mut of_item = vec![Vec::new(); catalogue.items.len()];
        for (basket, items) in baskets.iter().enumerate() {
            items.iter().for_each(|item| of_item[*item as usize].push(basket as u32));
        }
        Self { baskets, of_item }
    }

    /// The cosine of each item that ever did well together with `item`.
    fn cosines(&self, item: u32) -> HashMap<u32, f32> {
        let mine = &self.of_item[item as usize];
        let mut together: HashMap<u32, f32> = HashMap::new();
        for basket in mine {
            for other in &self.baskets[*basket as usize] {
                *together.entry(*other).or_insert(0.0) += 1.0;
            }
        }
        for (other, count) in &mut together {
            *count /= (mine.len() as f32 * self.of_item[*other as usize].len() as f32).sqrt();
        }
        together
    }
}

/// Orders by the sum of cosines to the items that did well in the session.
pub(super) struct ItemKnn<'a> {
    neighbours: &'a Neighbours,
    /// Cosines to the session's items so far.
    cosines: HashMap<u32, HashMap<u32, f32>>,
}

impl<'a> ItemKnn<'a> {
    pub(super) fn new(neighbours: &'a Neighbours) -> Self {
        Self { neighbours, cosines: HashMap::new() }
    }
}

impl Method for ItemKnn<'_> {
    fn begin(&mut self, _: &Stage<'_>, _: &Sitting<'_>) -> anyhow::Result<()> {
        self.cosines.clear();
        Ok(())
    }

    fn rank(&mut self, question: &Question<'_>) -> anyhow::Result<Ranked> {
        let mut items: Vec<u32> = Vec::new();
        for item in question.did_well() {
            if !items.contains(&item) && items.len() < ITEMS {
                items.push(item);
            }
        }
        for item in &items {
            self.cosines.entry(*item).or_insert_with(|| self.neighbours.cosines(*item));
        }
        let score = |candidate: u32| {
            items.iter().map(|item| self.cosines[item].get(&candidate).copied().unwrap_or(0.0)).sum()
        };
        Ok(question.by_score(score))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    #[test]
    fn cosines_count_the_sessions_that_two_items_share() {
        let mut catalogue = samples::catalogue();
        catalogue.events.clear();
        let event = |id: &str, session: &str, item: usize| {
            let mut event = samples::event(id, 0, item, 1);
            event.session = session.to_owned();
            event
        };
        catalogue.add_events(vec![
            event("1", "a", 0),
            event("2", "a", 1),
            event("3", "a", 1),
            event("4", "b", 0),
            event("5", "c", 1),
            event("6", "c", 2),
        ]);
        let neighbours = Neighbours::of(&catalogue, 0..6);
        let cosines = neighbours.cosines(0);
        assert_eq!(cosines[&1], 0.5);
        assert_eq!(cosines.get(&2), None);
        assert!((cosines[&0] - 1.0).abs() < 1e-6);
    }
}
