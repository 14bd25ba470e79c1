//! A part of the known ids: those that came in a row, as a set in memory or as a run on the disk.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use super::run::Run;
use crate::events::ledger::Fingerprint;

/// Ids in memory.
pub(super) type Set = HashSet<Fingerprint>;

/// When ids came, by the service's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Came {
    oldest_ms: i64,
    newest_ms: i64,
}

impl Came {
    pub(super) fn at(now_ms: i64) -> Self {
        Self { oldest_ms: now_ms, newest_ms: now_ms }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            oldest_ms: self.oldest_ms.min(other.oldest_ms),
            newest_ms: self.newest_ms.max(other.newest_ms),
        }
    }

    /// Whatever a clock that was ahead said, they came now at the latest.
    pub(super) fn by(&mut self, now_ms: i64) {
        self.oldest_ms = self.oldest_ms.min(now_ms);
        self.newest_ms = self.newest_ms.min(now_ms);
    }

    /// Whether the newest is as old as a window.
    pub(super) fn is_past(self, now_ms: i64, window_ms: i64) -> bool {
        now_ms.saturating_sub(self.newest_ms) >= window_ms
    }

    fn lasts_ms(self) -> i64 {
        self.newest_ms.saturating_sub(self.oldest_ms)
    }
}

/// Where ids are held.
#[derive(Debug)]
pub(super) enum Held {
    /// In memory, as they are not written yet.
    Set {
        ids: Arc<Set>,
        /// Whether they are being written.
        is_sent: bool,
    },
    /// On the disk.
    Run(Arc<Run>),
}

/// Ids that came in a row.
#[derive(Debug)]
pub(super) struct Part {
    /// Of the last set in it, counted from the start.
    pub(super) number: u64,
    /// How often they were merged.
    pub(super) tier: u32,
    pub(super) came: Came,
    pub(super) held: Held,
}

impl Part {
    pub(super) fn len(&self) -> usize {
        match &self.held {
            Held::Set { ids, .. } => ids.len(),
            Held::Run(run) => run.len(),
        }
    }

    /// # Errors
    /// The disk does not say.
    pub(super) fn contains(&self, id: Fingerprint) -> io::Result<bool> {
        match &self.held {
            Held::Set { ids, .. } => Ok(ids.contains(&id)),
            Held::Run(run) => run.contains(id),
        }
    }

    pub(super) fn run(&self) -> Option<&Arc<Run>> {
        match &self.held {
            Held::Set { .. } => None,
            Held::Run(run) => Some(run),
        }
    }

    pub(super) fn is_sent(&self) -> bool {
        matches!(self.held, Held::Set { is_sent: true, .. })
    }

    /// Notes whether its set is being written.
    pub(super) fn set_sent(&mut self, sent: bool) {
        if let Held::Set { is_sent, .. } = &mut self.held {
            *is_sent = sent;
        }
    }

    /// The set that nobody writes.
    pub(super) fn unsent(&self) -> Option<&Arc<Set>> {
        match &self.held {
            Held::Set { ids, is_sent: false } => Some(ids),
            _ => None,
        }
    }
}

/// Whether parts are runs of one tier that came within so long: one that came over a longer time would hold disk and memory
/// for ids that are older than the window.
pub(super) fn may_merge(parts: &[Part], tiers: u32, most_ms: i64) -> bool {
    let Some(first) = parts.first() else { return false };
    let came = parts.iter().fold(first.came, |came, part| came.and(part.came));
    first.tier < tiers
        && parts.iter().all(|part| part.tier == first.tier && part.run().is_some())
        && came.lasts_ms() <= most_ms
}
