//! The counters: a fold over events, and what can be asked of it.

use std::collections::{BTreeMap, BTreeSet};

use segue_core::session::row::AHEAD_MS;
use serde::{Deserialize, Serialize};

use super::buckets::{Buckets, Cell, Cells};
use super::names::Names;
use super::segment::Segment;
use super::sum::{Share, Sum};
use super::tally::Tally;
use super::window::{By, Window};
use crate::catalog::{Catalogue, Event, Item};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
/// Minutes that are kept: an hour.
const MINUTES: i64 = 60;
/// Ten minutes that are kept: a day.
const TENS: i64 = 144;

/// Tallies by item, by the segment of the people, and by time.
///
/// Days are kept until nothing of them counts; they take some fifty bytes for each day on which people of a segment met an
/// item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    segments: Names<Segment>,
    items: Names<String>,
    /// The latest time at which an event was received.
    clock_ms: i64,
    minutes: Buckets,
    tens: Buckets,
    days: Buckets,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            segments: Names::default(),
            items: Names::default(),
            clock_ms: i64::MIN,
            minutes: Buckets::new(MINUTE_MS, Some(MINUTES)),
            tens: Buckets::new(10 * MINUTE_MS, Some(TENS)),
            days: Buckets::new(DAY_MS, None),
        }
    }
}

impl Counters {
    /// Those of a catalogue's events at these indices, read at `now_ms`.
    #[must_use]
    pub fn of(catalogue: &Catalogue, events: impl Iterator<Item = usize>, now_ms: i64) -> Self {
        let mut counters = Self::default();
        let (nobody, people) = (Segment::default(), catalogue.users.iter().map(Segment::of_user));
        let people: Vec<Segment> = people.collect();
        // No clock is taken to be further ahead: where events are, it is `now_ms` that is of another day.
        let ends_ms = catalogue.events.last().map_or(now_ms, |last| last.time_ms.saturating_sub(AHEAD_MS));
        let now_ms = now_ms.max(ends_ms);
        for index in events {
            let person = catalogue.event_users[index].map_or(&nobody, |user| &people[user as usize]);
            counters.fold(&catalogue.events[index], person, now_ms);
        }
        counters
    }

    /// Counts one event of somebody in `segment`, which was received at `received_ms`.
    ///
    /// An event counts in the time in which it happened: a late one where it belongs, one with a time in the future once
    /// that has come.
    pub fn fold(&mut self, event: &Event, segment: &Segment, received_ms: i64) {
        if received_ms > self.clock_ms {
            self.clock_ms = received_ms;
            self.minutes.forget(received_ms);
            self.tens.forget(received_ms);
        }
        let tally = Tally::of(event);
        if event.item.is_empty() || tally.is_empty() {
            return;
        }
        let segment = match segment.at(event) {
            Some(elsewhere) => self.segments.number(&elsewhere),
            None => self.segments.number(segment),
        };
        let cell = (segment, self.items.number(event.item.as_str()));
        for buckets in [&mut self.minutes, &mut self.tens, &mut self.days] {
            buckets.add(event.time_ms, self.clock_ms, cell, tally);
        }
    }

    /// The sums of a window that ends at `now_ms`, by name; `row` is an item's row of the table, whose creator and
    /// categories count.
    #[must_use]
    pub fn sums<'a>(
        &self,
        (window, now_ms): (Window, i64),
        by: By,
        row: impl Fn(&str) -> Option<&'a Item>,
    ) -> BTreeMap<String, Sum> {
        let keys = Keys::new(self, by, row);
        let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
        for (share, cells) in self.window(window, now_ms) {
            for (cell, tally) in cells {
                for key in keys.of(*cell) {
                    match sums.get_mut(key) {
                        Some(sum) => sum.add(tally, share),
                        None => sums.entry(key.clone()).or_default().add(tally, share),
                    }
                }
            }
        }
        sums
    }

    /// The buckets of a window, each with how much it counts.
    fn window(&self, window: Window, now_ms: i64) -> Vec<(Share, &Cells)> {
        let whole = |cells| (Share::WHOLE, cells);
        match window {
            Window::TenMinutes => self.minutes.last(10, now_ms).map(whole).collect(),
            Window::Hour => self.minutes.last(MINUTES, now_ms).map(whole).collect(),
            Window::Day => self.tens.last(TENS, now_ms).map(whole).collect(),
            Window::Decayed => {
                let days = self.days_taken_up(&|_| true);
                self.days.all().map(|(day, cells)| (Ages(&days).share(day), cells)).collect()
            }
        }
    }

    /// The days on which one of the items was taken up that `counts` lets through.
    pub(crate) fn days_taken_up(&self, counts: &dyn Fn(&str) -> bool) -> BTreeSet<i64> {
        let counts: Vec<bool> = self.items.all().iter().map(|item| counts(item)).collect();
        let is_taken_up = |((_, item), tally): (&Cell, &Tally)| tally.worth > 0 && counts[*item as usize];
        let taken_up = self.days.all().filter(|(_, cells)| cells.iter().any(is_taken_up));
        taken_up.map(|(day, _)| day).collect()
    }

    /// The tallies of each day (UTC, from 1970) by cell.
    pub(crate) fn days(&self) -> impl Iterator<Item = (i64, &Cells)> {
        self.days.all()
    }

    /// Whether something about this item was counted.
    pub(super) fn knows(&self, item: &str) -> bool {
        self.items.contains(item)
    }

    /// Lets go of days of which nothing counts any more, as [`Share::FADED`] days with something taken up followed.
    pub(super) fn forget_faded(&mut self) {
        if self.days.len() <= 2 * Share::FADED {
            return;
        }
        let days = self.days_taken_up(&|_| true);
        if let Some(first) = days.iter().rev().nth(Share::FADED) {
            self.days.forget_before(first + 1);
        }
    }

    /// The items by the numbers of cells.
    pub(crate) fn items(&self) -> &[String] {
        self.items.all()
    }

    /// The segments by the numbers of cells.
    pub(crate) fn segments(&self) -> &[Segment] {
        self.segments.all()
    }
}

/// Days on which something was taken up, to count ages by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ages<'a>(pub(crate) &'a BTreeSet<i64>);

impl Ages<'_> {
    /// What is left of something that happened on `day`.
    pub(crate) fn share(&self, day: i64) -> Share {
        Share::after(self.0.range(day + 1..).count())
    }
}

/// The names that cells count for.
struct Keys {
    by: By,
    of_items: Vec<Vec<String>>,
    of_segments: Vec<Vec<String>>,
}

impl Keys {
    fn new<'a>(counters: &Counters, by: By, row: impl Fn(&str) -> Option<&'a Item>) -> Self {
        let of_item = |item: &String| match by {
            By::Item => vec![item.clone()],
            By::Creator => row(item).map(|row| row.creator.clone()).into_iter().collect(),
            By::Category => row(item).map(|row| row.categories.clone()).unwrap_or_default(),
            By::Region => Vec::new(),
        };
        let of_segment = |segment: &Segment| segment.country.clone().into_iter().collect();
        let of_items = counters.items().iter().map(of_item).collect();
        Self { by, of_items, of_segments: counters.segments().iter().map(of_segment).collect() }
    }

    fn of(&self, (segment, item): Cell) -> &[String] {
        match self.by {
            By::Region => &self.of_segments[segment as usize],
            _ => &self.of_items[item as usize],
        }
    }
}
