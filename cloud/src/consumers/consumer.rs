//! The counters of the log, from one start to the next.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::admitted::Admitted;
use super::counters::Counters;
use super::saved::{self, Saved};
use super::segment::Segment;
use crate::catalog::{User, jsonl};
use crate::dead_letters;
use crate::erasure::Erased;
use crate::events::{Conduct, Filter, LeftOut, StoreError, Tail};

/// Events counted between two looks at whether somebody waits for the counters.
const AT_ONCE: u64 = 50_000;

/// Counts what is in the log, each event once.
///
/// An event that was counted after the state was written is read again after a kill, and counted again into the state that
/// does not hold it: place and counters are one file. So every event counts once, however often it was read.
#[derive(Debug)]
pub struct Consumer {
    data: PathBuf,
    basis: Basis,
    tail: Tail,
    conduct: Conduct,
    admitted: Admitted,
    counters: Counters,
    left_out: LeftOut,
    /// The last event that was counted.
    seen: u64,
    /// The last event of the state on the disk.
    saved: u64,
}

impl Consumer {
    /// Goes on from the state in data folder `data`, or from the log's beginning where that was counted by another table of
    /// users or another `filter`, before somebody was forgotten, or is further than the log's last event `last`.
    ///
    /// # Errors
    /// When the tombstones or the table of users cannot be read.
    pub fn open(data: &Path, last: u64, filter: Filter) -> anyhow::Result<Self> {
        let mut consumer = Self::replaying(data, filter)?;
        let read = saved::read(data).unwrap_or_else(|error| {
            tracing::warn!("{error:#}");
            None
        });
        let fits = |saved: &Saved<Counters>| saved.basis == consumer.basis.version && saved.seen <= last;
        if let Some(saved) = read.filter(fits) {
            // What came in the same hour before is judged once more, as what follows is judged by it.
            consumer.tail = tail(data, saved.judged_from.saturating_sub(1))?;
            (consumer.counters, consumer.left_out) = (saved.counters, saved.left_out);
            (consumer.seen, consumer.saved) = (saved.seen, saved.seen);
        }
        Ok(consumer)
    }

    /// Begins at the log's beginning: the batch replay.
    ///
    /// # Errors
    /// As [`Consumer::open`].
    pub fn replaying(data: &Path, filter: Filter) -> anyhow::Result<Self> {
        Ok(Self {
            data: data.to_owned(),
            basis: Basis::read(data, filter)?,
            tail: tail(data, 0)?,
            conduct: Conduct::new(filter),
            admitted: Admitted::new(data),
            counters: Counters::default(),
            left_out: LeftOut::default(),
            seen: 0,
            saved: 0,
        })
    }

    /// Counts some of what came since, up to event number `last`; true when all of it is counted.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn catch_up(&mut self, last: u64) -> Result<bool, StoreError> {
        let before = self.tail.seen();
        let upto = last.min(before.saturating_add(AT_ONCE));
        let Self { basis, conduct, admitted, counters, left_out, seen, .. } = self;
        let read = self.tail.read(upto, |arrival| {
            if basis.erased.contains(&arrival.event.user) {
                return;
            }
            let verdict = conduct.judge(&arrival);
            if arrival.number <= *seen {
                return;
            }
            match verdict {
                Some(rule) => {
                    left_out.add(rule);
                    metrics::counter!("segue_events_unlikely_total", "rule" => rule.name()).increment(1);
                }
                None => {
                    let mut event = arrival.event;
                    if !admitted.admits(&event.item, counters) {
                        // It moves the clock and nothing else.
                        event.item.clear();
                    }
                    counters.fold(&event, basis.segment(&event.user), arrival.received_ms);
                }
            }
        });
        self.seen = self.seen.max(self.tail.seen());
        read?;
        Ok(self.tail.seen() >= last || self.tail.seen() == before)
    }

    /// Goes on after an event that cannot be read.
    pub fn pass_over(&mut self, number: u64) {
        self.tail.pass_over([number]);
    }

    /// Whether the counters have to be made anew: somebody was forgotten, or the table of users is another one.
    #[must_use]
    pub fn is_outdated(&self, erased: &Erased) -> bool {
        !(self.basis.erased.is_same(erased) && self.basis.users == version_of_users(&self.data))
            && self.basis.version != version(erased, &self.data, self.basis.filter)
    }

    /// Writes counters and place, durably and as one; does nothing where nothing was counted since.
    ///
    /// # Errors
    /// When the disk refuses; the state before is as it was.
    pub fn save(&mut self) -> anyhow::Result<()> {
        let (seen, left_out, judged_from) = (self.seen, self.left_out, self.conduct.begun());
        if seen != self.saved {
            self.counters.forget_faded();
            let basis = self.basis.version.clone();
            saved::write(
                &self.data,
                &Saved { seen, judged_from, basis, left_out, counters: &self.counters },
            )?;
            self.saved = seen;
        }
        Ok(())
    }

    /// The number of the last event that was counted.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// How many events were left out of them.
    #[must_use]
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// What comes after event number `seen`, but for dead letters.
fn tail(data: &Path, seen: u64) -> anyhow::Result<Tail> {
    let mut tail = Tail::new(data, seen);
    tail.pass_over(dead_letters::passed_over(data)?);
    Ok(tail)
}

/// What events are counted by.
#[derive(Debug)]
struct Basis {
    /// Those of people of whom country or age group is known.
    segments: HashMap<String, Segment>,
    nobody: Segment,
    erased: Erased,
    filter: Filter,
    users: String,
    version: String,
}

impl Basis {
    fn read(data: &Path, filter: Filter) -> anyhow::Result<Self> {
        let erased = Erased::read(data)?;
        let (users, version) = (version_of_users(data), version(&erased, data, filter));
        let table = data.join("users.jsonl");
        let rows: Vec<User> =
            if table.exists() { jsonl::read(&table).context("the table of users")? } else { Vec::new() };
        let segments = rows.into_iter().map(|row| (Segment::of_user(&row), row.user));
        let segments = segments.filter(|(segment, _)| *segment != Segment::default());
        let segments = segments.map(|(segment, user)| (user, segment)).collect();
        Ok(Self { segments, nobody: Segment::default(), erased, filter, users, version })
    }

    fn segment(&self, user: &str) -> &Segment {
        self.segments.get(user).unwrap_or(&self.nobody)
    }
}

/// Which tombstones, which table of users and which filter.
fn version(erased: &Erased, data: &Path, filter: Filter) -> String {
    format!("{} {} {filter:?}", erased.fingerprint(), version_of_users(data))
}

/// Another one for another table.
fn version_of_users(data: &Path) -> String {
    let version = std::fs::metadata(data.join("users.jsonl")).and_then(|metadata| {
        let written = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Ok(format!("{} {}", metadata.len(), written.as_nanos()))
    });
    version.unwrap_or_default()
}
