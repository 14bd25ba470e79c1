//! What is known of each person beyond a vector: what was taken up last, who is followed, what was seen when.

use std::collections::{BTreeSet, HashMap};

use segue_core::limits;

use super::barred::is_seen;
use super::subjects::mine;
use super::{Moment, Whose};
use crate::catalog::{Catalogue, Event, EventKind};
use crate::towers::history::profile_weight;

/// Items that stand for what a person took up last.
const RECENT: usize = 20;
/// Items that their profile is made of.
const REMEMBERED: usize = limits::PROFILE_ITEMS;

/// What is known of each person.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// Of each user: the items taken up last, newest first, each once.
    recent: Vec<Vec<u32>>,
    /// Of each user: creators followed.
    followed: Vec<BTreeSet<String>>,
    /// Of each user: when each item was seen last.
    seen_ms: Vec<HashMap<u32, i64>>,
}

impl People {
    /// Reads what is known at `moment`.
    #[must_use]
    pub fn new(catalogue: &Catalogue, moment: Moment) -> Self {
        Self::of(catalogue, moment, &mine(catalogue, Whose::Everybody))
    }

    /// As [`Self::new`], of the users alone who are `mine`.
    #[must_use]
    pub fn of(catalogue: &Catalogue, moment: Moment, mine: &[bool]) -> Self {
        let users = catalogue.users.len();
        let mut people = Self {
            recent: vec![Vec::new(); users],
            followed: vec![BTreeSet::new(); users],
            seen_ms: vec![HashMap::new(); users],
        };
        for index in moment.known(catalogue) {
            if let Some(user) = catalogue.event_users[index].filter(|user| mine[*user as usize]) {
                people.note(catalogue, user as usize, &catalogue.events[index], catalogue.event_items[index]);
            }
        }
        people.recent.iter_mut().for_each(|recent| recent.reverse());
        people
    }

    /// Forgets what is known of `user`.
    pub(super) fn clear(&mut self, user: usize) {
        self.recent[user].clear();
        self.followed[user].clear();
        self.seen_ms[user].clear();
    }

    /// Adds what `user` did after everything that is known of them.
    pub(super) fn meet(&mut self, catalogue: &Catalogue, user: usize, event: &Event, item: Option<u32>) {
        // Noted oldest first, read newest first.
        self.recent[user].reverse();
        self.note(catalogue, user, event, item);
        self.recent[user].reverse();
    }

    fn note(&mut self, catalogue: &Catalogue, user: usize, event: &Event, item: Option<u32>) {
        let creator = || {
            let named = event.context.get("creator").cloned();
            named.or_else(|| item.map(|item| catalogue.items[item as usize].creator.clone()))
        };
        match event.kind {
            EventKind::Follow => self.followed[user].extend(creator().filter(|creator| !creator.is_empty())),
            EventKind::Unfollow => {
                creator().map(|creator| self.followed[user].remove(&creator));
            }
            _ => {}
        }
        let Some(item) = item else { return };
        if is_seen(&event.kind) {
            self.seen_ms[user].insert(item, event.time_ms);
        }
        if profile_weight(event) > 0.0 {
            let recent = &mut self.recent[user];
            recent.retain(|other| *other != item);
            if recent.len() == REMEMBERED {
                recent.remove(0);
            }
            recent.push(item);
        }
    }

    /// The twenty items that `user` took up last, newest first.
    #[must_use]
    pub fn recent(&self, user: usize) -> &[u32] {
        let remembered = self.remembered(user);
        &remembered[..remembered.len().min(RECENT)]
    }

    /// The hundred items that `user` took up last, newest first.
    #[must_use]
    pub fn remembered(&self, user: usize) -> &[u32] {
        self.recent.get(user).map_or(&[], Vec::as_slice)
    }

    /// The creators that `user` follows.
    pub fn followed(&self, user: usize) -> impl Iterator<Item = &str> {
        self.followed.get(user).into_iter().flatten().map(String::as_str)
    }

    /// When `user` saw item `item` last, in milliseconds since 1970.
    #[must_use]
    pub fn seen_ms(&self, user: usize, item: usize) -> Option<i64> {
        self.seen_ms.get(user)?.get(&u32::try_from(item).ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{catalogue, event};
    use super::*;

    fn people(events: Vec<Event>) -> People {
        let mut catalogue = catalogue(40, 2);
        catalogue.add_events(events);
        People::new(&catalogue, Moment { until_ms: None, now_ms: 0 })
    }

    #[test]
    fn what_was_taken_up_last_comes_first_and_once() {
        let kinds =
            [(1, EventKind::Complete), (2, EventKind::Skip), (3, EventKind::Like), (1, EventKind::Like)];
        let events = kinds.into_iter().enumerate();
        let people = people(
            events.map(|(at, (item, kind))| event(&at.to_string(), 0, item, kind, at as i64)).collect(),
        );
        assert_eq!(people.recent(0), [1, 3]);
        assert!(people.recent(1).is_empty());
        assert_eq!(
            (people.seen_ms(0, 1), people.seen_ms(0, 2), people.seen_ms(0, 3)),
            (Some(0), Some(1), None)
        );
    }

    #[test]
    fn only_the_last_twenty_count_and_the_last_hundred_are_the_profile() {
        let events = (0..130).map(|at| event(&format!("{at:03}"), 1, at, EventKind::Complete, at as i64));
        let mut catalogue = catalogue(130, 2);
        catalogue.add_events(events.collect());
        let people = People::new(&catalogue, Moment { until_ms: None, now_ms: 0 });
        assert_eq!(people.recent(1), (110..130).rev().collect::<Vec<u32>>());
        assert_eq!(people.remembered(1), (30..130).rev().collect::<Vec<u32>>());
    }

    #[test]
    fn creators_are_followed_until_they_are_not_any_more() {
        let mut named = event("2", 0, 0, EventKind::Follow, 2);
        named.item.clear();
        named.context.insert("creator".into(), "c5".into());
        let events =
            vec![event("1", 0, 8, EventKind::Follow, 1), named, event("3", 0, 8, EventKind::Unfollow, 3)];
        assert_eq!(people(events).followed(0).collect::<Vec<_>>(), ["c5"]);
    }
}
