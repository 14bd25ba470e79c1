//! What item vectors learn from: which items were taken up together, and which words describe them.
//!
//! A basket is what one person took up, what one session did (neither with what programs did), a collection, or the items that
//! share a word (creator, category, value of an attribute). In `all/` they are of every training event, in `0/`, `1/` and so on
//! of what describes the items while that part of the sessions is learned from ([`Snapshot::parts`]).
//!
//! | file | holds |
//! |---|---|
//! | `items.json` | ids of the items, in catalogue order |
//! | `FOLDER/entries.npy` i32 `[E, 2]` | basket and item |
//! | `FOLDER/weights.npy` f32 `[E]` | how much the entry says |
//! | `FOLDER/groups.npy` i32 `[B]` | whose basket it is; -1 where it is a word |

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::{Snapshot, npy, programs};
use crate::catalog::{Catalogue, Collection};
use crate::towers::history::{Histories, Signal};
use crate::towers::none;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Items.
    pub items: usize,
    /// Baskets in `all/`.
    pub baskets: usize,
    /// Parts of the sessions.
    pub parts: usize,
    /// Sessions left out of `all/` because a program did them, as for the towers.
    pub automatic: usize,
    /// Collections left out: nothing says that they are from before the end of learning.
    pub collections_left_out: usize,
}

/// Writes the arrays into `out`.
///
/// # Errors
/// When there is nothing to learn from, or a file cannot be written.
pub fn write(catalogue: &Catalogue, out: &Path) -> anyhow::Result<Summary> {
    let parts = Snapshot::parts(catalogue)?;
    let training: Vec<usize> = catalogue.training_events().collect();
    let end_ms = catalogue.split.rule.trained_until_ms();
    let all = Baskets::of(catalogue, &training, end_ms);
    all.write(&out.join("all"))?;
    for (at, part) in parts.iter().enumerate() {
        Baskets::of(catalogue, &part.known, end_ms.map(|_| part.time_ms)).write(&out.join(at.to_string()))?;
    }
    let ids: Vec<&str> = catalogue.items.iter().map(|item| item.item.as_str()).collect();
    std::fs::write(out.join("items.json"), serde_json::to_vec(&ids)?)?;
    let known = catalogue.collections.iter().filter(|one| is_before(one, end_ms)).count();
    Ok(Summary {
        items: ids.len(),
        baskets: all.groups.len(),
        parts: parts.len(),
        automatic: all.automatic,
        collections_left_out: catalogue.collections.len() - known,
    })
}

/// Whether a collection was made before `end_ms`; one without a time may be from after it.
fn is_before(collection: &Collection, end_ms: Option<i64>) -> bool {
    end_ms.is_some_and(|end_ms| collection.time_ms.is_some_and(|time_ms| time_ms < end_ms))
}

#[derive(Debug, Default)]
struct Baskets {
    entries: Vec<u32>,
    weights: Vec<f32>,
    groups: Vec<i32>,
    automatic: usize,
}

/// The group of words, which are nobody's.
const WORD: i32 = -1;

impl Baskets {
    fn of(catalogue: &Catalogue, events: &[usize], end_ms: Option<i64>) -> Self {
        let (events, automatic) = programs::by_hand(catalogue, events);
        let histories = Histories::of(catalogue, events.into_iter());
        let mut baskets = Self { automatic, ..Self::default() };
        for (user, signals) in histories.users.iter().enumerate() {
            baskets.add(&taken_up(signals), user as i32);
        }
        let mut strangers = catalogue.users.len() as i32..;
        let mut group = |user: Option<usize>| match user {
            Some(user) => user as i32,
            None => strangers.next().unwrap_or(i32::MAX),
        };
        for (user, signals) in histories.session_users.iter().zip(&histories.sessions) {
            let group = group(*user);
            baskets.add(&taken_up(signals), group);
        }
        for collection in catalogue.collections.iter().filter(|one| is_before(one, end_ms)) {
            let items = collection.items.iter().filter_map(|item| catalogue.item_index(item));
            let user = collection.user.as_ref().and_then(|user| catalogue.user_index(user));
            baskets.add(&items.map(|item| (item, 1.0)).collect(), group(user));
        }
        let mut words: BTreeMap<String, BTreeMap<usize, f32>> = BTreeMap::new();
        for (index, item) in catalogue.items.iter().enumerate() {
            for word in none::item_words(catalogue, item) {
                words.entry(word).or_default().insert(index, 1.0);
            }
        }
        words.values().for_each(|items| baskets.add(items, WORD));
        baskets
    }

    /// Adds a basket of two items or more.
    fn add(&mut self, items: &BTreeMap<usize, f32>, group: i32) {
        if items.len() < 2 {
            return;
        }
        let basket = self.groups.len() as u32;
        for (item, weight) in items {
            self.entries.extend([basket, *item as u32]);
            self.weights.push(*weight);
        }
        self.groups.push(group);
    }

    fn write(&self, out: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
        npy::write_integers(out, "entries", &[self.weights.len(), 2], &self.entries)?;
        npy::write_floats(out, "weights", &[self.weights.len()], &self.weights)?;
        npy::write_signed(out, "groups", &[self.groups.len()], &self.groups)
    }
}

/// The items of these signals that were taken up, with the sum of what was said for each.
fn taken_up(signals: &[Signal]) -> BTreeMap<usize, f32> {
    let mut items = BTreeMap::new();
    for signal in signals.iter().filter(|signal| signal.weight > 0.0) {
        *items.entry(signal.item).or_insert(0.0) += signal.weight;
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    #[test]
    fn a_basket_holds_what_one_person_took_up_and_words_what_is_alike() {
        let catalogue = samples::catalogue();
        let baskets = Baskets::of(&catalogue, &catalogue.training_events().collect::<Vec<_>>(), None);
        let items = |basket: u32| -> Vec<u32> {
            baskets.entries.chunks_exact(2).filter(|entry| entry[0] == basket).map(|entry| entry[1]).collect()
        };
        // The first user keeps to even items; the last words are the tempos.
        assert_eq!(baskets.groups[0], 0);
        assert!(items(0).len() > 1 && items(0).iter().all(|item| item % 2 == 0));
        let is_rock =
            |basket: u32| items(basket) == (0..samples::ITEMS as u32).step_by(2).collect::<Vec<_>>();
        assert!((0u32..).zip(&baskets.groups).any(|(basket, group)| *group == WORD && is_rock(basket)));
    }

    #[test]
    fn one_thing_taken_up_is_together_with_nothing() {
        let mut catalogue = samples::catalogue();
        catalogue.events.clear();
        catalogue.add_events(vec![samples::event("only", 0, samples::ITEMS - 1, 1_000)]);
        let baskets = Baskets::of(&catalogue, &[0], None);
        assert!(!baskets.groups.is_empty() && baskets.groups.iter().all(|group| *group == WORD));
    }

    #[test]
    fn a_session_that_a_program_repeated_is_one_basket() {
        let mut catalogue = samples::catalogue();
        catalogue.events.clear();
        let again = |user: usize| {
            (0..6).map(move |item| samples::event(&format!("{user}-{item}"), user, item, 1_000))
        };
        catalogue.add_events(again(0).chain(again(1)).collect());
        let events: Vec<usize> = (0..catalogue.events.len()).collect();
        let baskets = Baskets::of(&catalogue, &events, None);
        assert_eq!(baskets.automatic, 1);
        assert_eq!(
            baskets.groups.iter().filter(|group| **group != WORD).count(),
            2,
            "one person, one session: nobody did the other"
        );
    }

    #[test]
    fn a_collection_that_may_be_from_later_is_left_out_and_counted() {
        let mut catalogue = samples::catalogue();
        let collection =
            |time_ms| Collection { items: vec!["i0".into(), "i1".into()], time_ms, ..Collection::default() };
        catalogue.collections = vec![collection(Some(1)), collection(None), collection(Some(i64::MAX))];
        let folder = tempfile::tempdir().unwrap();
        let summary = write(&catalogue, folder.path()).unwrap();
        assert_eq!((summary.collections_left_out, summary.parts), (2, 4));
        assert!(
            folder.path().join("0/entries.npy").exists() && folder.path().join("all/groups.npy").exists()
        );
    }
}
