//! Tallies by the time in which things happened.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::tally::Tally;

/// Whose and which item: numbers of a segment and of an item.
pub(crate) type Cell = (u32, u32);

/// What happened in one bucket of time.
pub(crate) type Cells = HashMap<Cell, Tally>;

/// Buckets of one width.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Buckets {
    width_ms: i64,
    /// How many are kept up to the one that the clock is in; all, without it.
    kept: Option<i64>,
    buckets: BTreeMap<i64, Cells>,
}

impl Buckets {
    pub(super) fn new(width_ms: i64, kept: Option<i64>) -> Self {
        Self { width_ms, kept, buckets: BTreeMap::new() }
    }

    /// Adds what happened at `time_ms`, if that is still of interest by the clock.
    pub(super) fn add(&mut self, time_ms: i64, clock_ms: i64, cell: Cell, tally: Tally) {
        let bucket = time_ms.div_euclid(self.width_ms);
        if self.first(clock_ms).is_none_or(|first| bucket >= first) {
            *self.buckets.entry(bucket).or_default().entry(cell).or_default() += tally;
        }
    }

    /// Lets go of what is older than what is kept. What was let go of would not have been added either, so it does not
    /// matter which came first.
    pub(super) fn forget(&mut self, clock_ms: i64) {
        if let Some(first) = self.first(clock_ms) {
            self.forget_before(first);
        }
    }

    /// How many buckets there are.
    pub(super) fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Lets go of the buckets before this one.
    pub(super) fn forget_before(&mut self, first: i64) {
        while self.buckets.first_key_value().is_some_and(|(bucket, _)| *bucket < first) {
            self.buckets.pop_first();
        }
    }

    /// The last `count` buckets up to the one that `now_ms` is in.
    pub(super) fn last(&self, count: i64, now_ms: i64) -> impl Iterator<Item = &Cells> {
        let now = now_ms.div_euclid(self.width_ms);
        self.buckets.range(now - count + 1..=now).map(|(_, cells)| cells)
    }

    /// All of them, the oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = (i64, &Cells)> {
        self.buckets.iter().map(|(bucket, cells)| (*bucket, cells))
    }

    fn first(&self, clock_ms: i64) -> Option<i64> {
        Some(clock_ms.div_euclid(self.width_ms) - self.kept? + 1)
    }
}
