//! What was done by programs rather than by people is not learned from: a session that takes up what another did in the same
//! order, and what somebody did who took up more than anyone can by hand.

use std::collections::{BTreeMap, BTreeSet};

use super::group_of;
use crate::catalog::{Catalogue, SessionLog};
use crate::towers::history::feedback_weight;

/// From so many items on, two sessions that take up the same one after the other are no accident: a program repeats itself, or a
/// log. In another order they may be: people like the same few things of a small catalogue.
const ALIKE: usize = 5;
/// Most that is learned from one person; nobody takes up more by hand in the time that is learned from.
const OF_A_PERSON: usize = 5_000;

/// What people and programs did so far.
#[derive(Debug, Default)]
pub(super) struct People {
    /// Items of the sessions that are long enough to tell.
    sessions: BTreeSet<Vec<u32>>,
    /// How much each group took up.
    taken: BTreeMap<u32, usize>,
}

impl People {
    /// Notes a session of these items, in order; whether a person may have done it.
    pub(super) fn did(&mut self, group: u32, items: Vec<u32>) -> bool {
        let taken = self.taken.entry(group).or_default();
        *taken += items.len();
        let by_hand = *taken <= OF_A_PERSON;
        (items.len() < ALIKE || self.sessions.insert(items)) && by_hand
    }
}

/// Leaves the sessions that people did; how many were left out.
pub(super) fn leave_out(catalogue: &Catalogue, sessions: &mut Vec<SessionLog>) -> usize {
    let (all, mut people) = (sessions.len(), People::default());
    sessions.retain(|session| people.did(group_of(catalogue, session), in_order(catalogue, &session.events)));
    all - sessions.len()
}

/// Those of these events, in time order, that are of sessions that people did, and how many sessions were left out.
pub(super) fn by_hand(catalogue: &Catalogue, events: &[usize]) -> (Vec<usize>, usize) {
    let mut asked = vec![false; catalogue.events.len()];
    events.iter().for_each(|event| asked[*event] = true);
    let mut sessions = catalogue.sessions();
    for session in &mut sessions {
        session.events.retain(|event| asked[*event as usize]);
    }
    sessions.retain(|session| !session.events.is_empty());
    let left_out = leave_out(catalogue, &mut sessions);
    let kept = sessions.iter().flat_map(|session| &session.events).map(|event| *event as usize);
    let mut kept: Vec<usize> = kept.collect();
    kept.sort_unstable();
    (kept, left_out)
}

/// Items that these events took up, each once, in the order in which they did first.
pub(super) fn in_order(catalogue: &Catalogue, events: &[u32]) -> Vec<u32> {
    let mut seen = BTreeSet::new();
    let took_up = |index: &&u32| feedback_weight(&catalogue.events[**index as usize]) > 0.0;
    let items = events.iter().filter(took_up).filter_map(|&index| catalogue.event_items[index as usize]);
    items.filter(|item| seen.insert(*item)).collect()
}

/// Items that these events took up, each with its largest weight.
pub(super) fn taken_up(catalogue: &Catalogue, events: &[u32]) -> BTreeMap<u32, f32> {
    let mut taken = BTreeMap::new();
    for &index in events {
        let weight = feedback_weight(&catalogue.events[index as usize]);
        if let (Some(item), true) = (catalogue.event_items[index as usize], weight > 0.0) {
            let largest = taken.entry(item).or_insert(0.0_f32);
            *largest = largest.max(weight);
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    #[test]
    fn a_long_session_that_comes_again_and_one_person_without_end_are_programs() {
        let mut people = People::default();
        let items = |from: u32| (from..from + ALIKE as u32).collect::<Vec<u32>>();
        assert!(people.did(1, items(0)) && people.did(1, items(1)));
        assert!(!people.did(2, items(0)));
        assert!(people.did(2, vec![7]) && people.did(3, vec![7]), "short ones are alike by chance");
        assert!(!people.did(4, (0..=OF_A_PERSON as u32).collect()));
    }

    #[test]
    fn a_session_that_was_done_again_is_left_out_and_counted() {
        let mut catalogue = samples::catalogue();
        let again = |user: usize| {
            (0..ALIKE).map(move |item| samples::event(&format!("{user}-{item}-x"), user, item, 9_000_000))
        };
        catalogue.add_events(again(0).chain(again(1)).collect());
        let mut sessions = catalogue.sessions();
        let before = sessions.len();
        assert_eq!(leave_out(&catalogue, &mut sessions), 1);
        assert_eq!(sessions.len(), before - 1);
        assert_eq!(leave_out(&catalogue, &mut sessions), 0);
    }

    #[test]
    fn two_people_with_the_same_few_items_in_another_order_are_people() {
        let mut catalogue = samples::catalogue();
        catalogue.events.clear();
        let taken = |user: usize, first: i64| {
            (0..ALIKE).map(move |at| {
                let item = if user == 0 { at } else { ALIKE - 1 - at };
                samples::event(&format!("{user}-{at}"), user, item, first + at as i64)
            })
        };
        catalogue.add_events(taken(0, 1_000).chain(taken(1, 1_000)).collect());
        assert_eq!(leave_out(&catalogue, &mut catalogue.sessions()), 0);
    }

    #[test]
    fn only_what_was_asked_for_is_by_hand() {
        let mut catalogue = samples::catalogue();
        catalogue.events.clear();
        let again = |user: usize| {
            (0..ALIKE)
                .map(move |item| samples::event(&format!("{user}-{item}"), user, item, 1_000 + item as i64))
        };
        catalogue.add_events(again(0).chain(again(1)).collect());
        let of = |user: &str| -> Vec<usize> {
            (0..catalogue.events.len()).filter(|event| catalogue.events[*event].user == user).collect()
        };
        let everything: Vec<usize> = (0..catalogue.events.len()).collect();
        assert_eq!(by_hand(&catalogue, &everything), (of("u0"), 1), "in time order, the first of the two");
        assert_eq!(by_hand(&catalogue, &of("u1")), (of("u1"), 0));
    }

    #[test]
    fn an_item_taken_up_twice_counts_once() {
        let mut catalogue = samples::catalogue();
        catalogue
            .add_events(vec![samples::event("again", 0, 2, 100_500), samples::event("more", 0, 2, 100_900)]);
        let sessions = catalogue.sessions();
        let session = sessions.iter().find(|session| session.user == Some(0)).unwrap();
        let taken = taken_up(&catalogue, &session.events);
        assert_eq!(taken.get(&2), Some(&1.0));
    }
}
