//! The whole data folder in memory.

use std::collections::HashMap;
use std::path::Path;

use segue_core::session::event::Event;

use super::changes;
use super::dataset::Dataset;
use super::folded::Folded;
use super::jsonl;
use super::sessions;
use super::split::{Rule, Split};
use super::tables::{Collection, Item, User};
use crate::erasure::Erased;

/// The tables of a data folder, with lookups by id.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// What the tables hold.
    pub dataset: Dataset,
    /// Every item, in the file's order.
    pub items: Vec<Item>,
    /// Every user, in the file's order.
    pub users: Vec<User>,
    /// Every event, sorted by time, then event id.
    pub events: Vec<Event>,
    /// Playlists and libraries.
    pub collections: Vec<Collection>,
    /// How events are divided.
    pub split: Split,
    /// For each event whether it is held out from training.
    pub held_out: Vec<bool>,
    /// For each event the index of its item, where it has one.
    pub event_items: Vec<Option<u32>>,
    /// For each event the index of its user; none for anonymous people.
    pub event_users: Vec<Option<u32>>,
    /// What older events come to that are not held; nothing where all of them are.
    pub folded: Folded,
    /// How many of the last items came when everything else was settled.
    newcomers: usize,
    item_indices: HashMap<String, usize>,
    user_indices: HashMap<String, usize>,
}

/// One session of the log, its events in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionLog {
    /// Index of the user; none for anonymous people.
    pub user: Option<u32>,
    /// Indices of its events, in time order.
    pub events: Vec<u32>,
    /// Whether its last event is held out (a whole session is on one side except under leave-one-out).
    pub held_out: bool,
}

impl Catalogue {
    /// Reads a data folder, but for people who are to be forgotten.
    ///
    /// # Errors
    /// When the folder holds no data set, or a file is damaged.
    pub fn load(data: &Path) -> anyhow::Result<Self> {
        Self::load_with(data, u64::MAX)
    }

    /// As [`Self::load`], with the changes of items up to number `last`.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_with(data: &Path, last: u64) -> anyhow::Result<Self> {
        let mut catalogue = Self::load_without_events(data, last)?;
        let mut events: Vec<Event> = jsonl::read(&data.join("events.jsonl"))?;
        let erased = Erased::read(data)?;
        if !erased.is_empty() {
            events.retain(|row| !erased.contains(&row.user));
        }
        catalogue.add_events(events);
        Ok(catalogue)
    }

    /// As [`Self::load_with`], before anything happened.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_without_events(data: &Path, last: u64) -> anyhow::Result<Self> {
        let dataset = Dataset::read(data)?;
        let split = Split::read(data)?;
        let mut items = jsonl::read(&data.join("items.jsonl"))?;
        let mut changes = changes::read(data)?;
        changes.retain(|change| change.number <= last);
        changes::apply(&mut items, changes);
        let mut users: Vec<User> = jsonl::read(&data.join("users.jsonl"))?;
        let mut collections: Vec<Collection> = jsonl::read(&data.join("collections.jsonl"))?;
        let erased = Erased::read(data)?;
        if !erased.is_empty() {
            users.retain(|row| !erased.contains(&row.user));
            collections.retain(|row| !erased.contains(row.user.as_deref().unwrap_or_default()));
        }
        Ok(Self::new(dataset, items, users, Vec::new(), collections, split))
    }

    /// A catalogue of rows at hand; `events` need not be sorted.
    #[must_use]
    pub fn new(
        dataset: Dataset,
        items: Vec<Item>,
        users: Vec<User>,
        events: Vec<Event>,
        collections: Vec<Collection>,
        split: Split,
    ) -> Self {
        let item_indices = items.iter().enumerate().map(|(index, row)| (row.item.clone(), index)).collect();
        let user_indices = users.iter().enumerate().map(|(index, row)| (row.user.clone(), index)).collect();
        let mut catalogue = Self {
            dataset,
            items,
            users,
            events: Vec::new(),
            collections,
            split,
            held_out: Vec::new(),
            event_items: Vec::new(),
            event_users: Vec::new(),
            folded: Folded::default(),
            newcomers: 0,
            item_indices,
            user_indices,
        };
        catalogue.add_events(events);
        catalogue
    }

    /// Adds items, those that are known left out, of which the vectors of all others take no notice. Before their events.
    pub fn add_newcomers(&mut self, items: Vec<Item>) {
        for item in items {
            if !self.item_indices.contains_key(&item.item) {
                self.item_indices.insert(item.item.clone(), self.items.len());
                self.items.push(item);
                self.newcomers += 1;
            }
        }
    }

    /// How many of the items, the first ones, are no newcomers.
    #[must_use]
    pub fn settled(&self) -> usize {
        self.items.len() - self.newcomers
    }

    /// Adds events (such as those the service received) and sorts the log again.
    /// Users who are not in the table are added to it; an event whose id is already there is left out; events without
    /// a session are given one.
    pub fn add_events(&mut self, mut more: Vec<Event>) {
        if more.is_empty() && !self.events.is_empty() {
            return;
        }
        if !self.events.is_empty() {
            let known: std::collections::HashSet<&str> =
                self.events.iter().map(|event| event.event_id.as_str()).collect();
            more.retain(|event| !known.contains(event.event_id.as_str()));
        }
        for event in &more {
            if !event.user.is_empty() && !self.user_indices.contains_key(&event.user) {
                self.user_indices.insert(event.user.clone(), self.users.len());
                self.users.push(User { user: event.user.clone(), ..User::default() });
            }
        }
        self.events.append(&mut more);
        self.events.sort_by(|a, b| (a.time_ms, &a.event_id).cmp(&(b.time_ms, &b.event_id)));
        // Sent again after its id was no longer known: the same thing at the same time.
        self.events
            .dedup_by(|again, first| again.event_id == first.event_id && again.time_ms == first.time_ms);
        sessions::derive(&mut self.events);
        self.held_out = self.split.held_out(&self.events);
        let small = |index: Option<usize>| index.and_then(|index| u32::try_from(index).ok());
        self.event_items = self.events.iter().map(|event| small(self.item_index(&event.item))).collect();
        self.event_users = self.events.iter().map(|event| small(self.user_index(&event.user))).collect();
    }

    /// Divides the events by another rule than the one of `split.json`.
    pub fn divide(&mut self, rule: Rule) {
        self.split.rule = rule;
        self.held_out = self.split.held_out(&self.events);
    }

    /// The place of an item in [`Self::items`].
    #[must_use]
    pub fn item_index(&self, item: &str) -> Option<usize> {
        self.item_indices.get(item).copied()
    }

    /// The place of a user in [`Self::users`].
    #[must_use]
    pub fn user_index(&self, user: &str) -> Option<usize> {
        self.user_indices.get(user).copied()
    }

    /// The indices of the events that models may learn from, in time order.
    pub fn training_events(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.events.len()).filter(|index| self.teaches(*index))
    }

    /// Whether models may learn from an event: it is not held out, nor from after the end of learning. A session that began before
    /// that end is nobody's to judge, yet what it did later is from a time of which a model knows nothing.
    #[must_use]
    pub fn teaches(&self, index: usize) -> bool {
        let until_ms = self.split.rule.trained_until_ms().filter(|_| self.dataset.timed);
        !self.held_out[index] && until_ms.is_none_or(|until_ms| self.events[index].time_ms < until_ms)
    }

    /// Every session of the log, sorted by the time of its first event.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionLog> {
        let mut places: HashMap<(&str, &str), usize> = HashMap::new();
        let mut sessions: Vec<SessionLog> = Vec::new();
        for (index, event) in self.events.iter().enumerate() {
            let place = *places.entry((&event.user, &event.session)).or_insert_with(|| {
                sessions.push(SessionLog {
                    user: self.event_users[index],
                    events: Vec::new(),
                    held_out: false,
                });
                sessions.len() - 1
            });
            let session = &mut sessions[place];
            session.events.extend(u32::try_from(index));
            session.held_out = self.held_out[index];
        }
        sessions
    }
}

#[cfg(test)]
mod tests {
    use segue_core::session::event::EventKind;

    use super::*;
    use crate::catalog::dataset::Counts;

    fn catalogue() -> Catalogue {
        let dataset = Dataset {
            format: 1,
            name: "made".into(),
            attributes: Vec::new(),
            categories: Vec::new(),
            counts: Counts::default(),
            surface: "radio".into(),
            timed: true,
        };
        let items = ["a", "b"].map(|item| Item { item: item.into(), ..Item::default() });
        let events = [("e2", "b", 20), ("e1", "a", 10), ("e3", "a", 30)].map(|(id, item, time_ms)| {
            let mut event = Event::new(id, item, EventKind::Complete, time_ms);
            event.user = "u".into();
            event.session = if time_ms < 30 { "s1".into() } else { "s2".into() };
            event
        });
        let split = Split::new(Rule::Time { boundary_ms: 25 });
        Catalogue::new(dataset, items.into(), Vec::new(), events.into(), Vec::new(), split)
    }

    #[test]
    fn events_are_sorted_and_point_to_their_rows() {
        let catalogue = catalogue();
        assert_eq!(catalogue.events.iter().map(|event| event.time_ms).collect::<Vec<_>>(), [10, 20, 30]);
        assert_eq!(catalogue.event_items, [Some(0), Some(1), Some(0)]);
        assert_eq!(catalogue.user_index("u"), Some(0));
        assert_eq!(catalogue.training_events().collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn what_a_session_did_after_the_boundary_is_neither_learned_from_nor_held_out() {
        let mut catalogue = catalogue();
        catalogue.divide(Rule::Time { boundary_ms: 15 });
        assert_eq!(catalogue.held_out, [false, false, true]);
        assert_eq!(catalogue.training_events().collect::<Vec<_>>(), [0]);
        catalogue.divide(Rule::Window { from_ms: 0, validation_ms: 15, boundary_ms: 25, until_ms: 40 });
        assert_eq!(catalogue.training_events().collect::<Vec<_>>(), [0]);
        catalogue.dataset.timed = false;
        assert_eq!(catalogue.training_events().collect::<Vec<_>>(), [0, 1], "times mean nothing");
    }

    #[test]
    fn sessions_are_whole_and_in_order() {
        let sessions = catalogue().sessions();
        assert_eq!(sessions.len(), 2);
        assert_eq!(sessions[0].events, [0, 1]);
        assert_eq!((sessions[0].held_out, sessions[1].held_out), (false, true));
    }

    #[test]
    fn received_events_without_a_session_are_not_one_session_of_strangers() {
        let mut catalogue = catalogue();
        catalogue.add_events(["x", "y"].map(|id| Event::new(id, "a", EventKind::Like, 40)).into());
        let sessions = catalogue.sessions();
        assert_eq!(sessions.len(), 4);
        assert!(sessions[2..].iter().all(|session| session.user.is_none() && session.events.len() == 1));
    }

    #[test]
    fn an_event_that_is_added_twice_counts_once() {
        let mut catalogue = catalogue();
        let mut late = Event::new("e9", "b", EventKind::Like, 5);
        late.user = "w".into();
        catalogue.add_events(vec![late.clone(), late.clone()]);
        catalogue.add_events(vec![late]);
        assert_eq!(catalogue.events.len(), 4);
        assert_eq!(catalogue.events[0].event_id, "e9");
        assert_eq!(catalogue.users[1].user, "w");
    }
}
