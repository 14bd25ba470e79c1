//! What is left of events that a refresh does not hold: counts, which come to the same in whatever order they are made.

use std::collections::{BTreeMap, HashMap};

use segue_core::session::event::Event;

use crate::consumers::{Counters, Segment, Tally};
use crate::towers::history::feedback_weight;

const DAY_MS: i64 = 86_400_000;

/// The counts of events that were read and let go of, since their people have many later ones.
#[derive(Debug, Clone, Default)]
pub struct Folded {
    /// The counters of those of the tables.
    pub tables: Counters,
    /// The counters of those that the service received.
    pub received: Counters,
    /// What the events about each item come to.
    items: HashMap<String, (Tally, u32)>,
    /// How many events about known items there were on each day from 1970.
    days: BTreeMap<i64, u64>,
    /// How many there were of each person.
    people: HashMap<String, u64>,
    events: usize,
}

impl Folded {
    /// Counts an event of somebody in `segment`; `is_known` says whether its item is.
    pub(crate) fn add(
        &mut self,
        event: &Event,
        segment: &Segment,
        (is_known, is_received): (bool, bool),
        now_ms: i64,
    ) {
        self.events += 1;
        if !event.user.is_empty() {
            match self.people.get_mut(&event.user) {
                Some(events) => *events += 1,
                None => {
                    self.people.insert(event.user.clone(), 1);
                }
            }
        }
        let counters = if is_received { &mut self.received } else { &mut self.tables };
        counters.fold(event, segment, now_ms.max(event.time_ms));
        if is_known {
            *self.days.entry(event.time_ms.div_euclid(DAY_MS)).or_default() += 1;
            let (tally, taken_up) = self.items.entry(event.item.clone()).or_default();
            *tally += Tally::of(event);
            *taken_up += u32::from(feedback_weight(event) > 0.0);
        }
    }

    /// How many events there were.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events
    }

    /// How many of them were those of `user`.
    #[must_use]
    pub fn events_of(&self, user: &str) -> u64 {
        self.people.get(user).copied().unwrap_or_default()
    }

    /// How many of them were about known items.
    #[must_use]
    pub fn about_items(&self) -> usize {
        usize::try_from(self.days.values().sum::<u64>()).unwrap_or(usize::MAX)
    }

    /// What the events about each item come to, and how many of them took it up.
    pub fn items(&self) -> impl Iterator<Item = (&str, Tally, u32)> {
        self.items.iter().map(|(item, (tally, taken_up))| (item.as_str(), *tally, *taken_up))
    }

    /// When the day began on which all but `stragglers` of the first ones had happened; none without events about known
    /// items.
    #[must_use]
    pub fn begins_ms(&self, stragglers: usize) -> Option<i64> {
        let mut before = 0;
        let first = self.days.iter().find(|(_, events)| {
            before += **events;
            before > stragglers as u64
        });
        first.or(self.days.last_key_value()).map(|(day, _)| day * DAY_MS)
    }

    /// How often items were played on each day, with the middle of the day.
    pub fn plays(&self) -> Vec<(i64, BTreeMap<&str, u64>)> {
        let mut days: BTreeMap<i64, BTreeMap<&str, u64>> = BTreeMap::new();
        for counters in [&self.tables, &self.received] {
            for (day, cells) in counters.days() {
                let plays = days.entry(day).or_default();
                for ((_, item), tally) in cells.iter().filter(|(_, tally)| tally.played > 0) {
                    let name = counters.items()[*item as usize].as_str();
                    *plays.entry(name).or_default() += u64::from(tally.played);
                }
            }
        }
        days.into_iter().map(|(day, plays)| (day * DAY_MS + DAY_MS / 2, plays)).collect()
    }
}
