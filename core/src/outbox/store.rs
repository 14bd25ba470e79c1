//! Where waiting events are kept: one contract for files, databases and memory.

use serde::{Deserialize, Serialize};

use super::Row;
use super::ledger::Ledger;
use crate::error::Result;

/// More than a row's record has beyond its JSON, in bytes.
pub(super) const ROW_OVERHEAD: usize = 160;

/// Events that were given up, counted since the store was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Dropped because the queue was full.
    pub dropped: u64,
    /// Refused by the service for good.
    pub refused: u64,
}

impl Lost {
    /// Both counts together with `more`.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            dropped: self.dropped.saturating_add(more.dropped),
            refused: self.refused.saturating_add(more.refused),
        }
    }
}

/// What has to become durable as one: all of it or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Rows to add; their sequences are new.
    pub put: Vec<Row>,
    /// Sequences of rows to remove; those that are gone already do no harm.
    pub remove: Vec<u64>,
    /// Events given up by this change, to be added to the store's counts.
    pub lost: Lost,
}

impl Change {
    /// Whether there is nothing to store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.remove.is_empty() && self.lost == Lost::default()
    }

    /// About how many bytes a record of it has.
    pub(super) fn size(&self) -> usize {
        let rows: usize = self.put.iter().map(|row| row.json.len().saturating_add(ROW_OVERHEAD)).sum();
        rows.saturating_add(self.remove.len().saturating_mul(size_of::<u64>() + 1))
    }

    /// Both changes as one, `next` coming after.
    pub(super) fn join(&mut self, next: Self) {
        self.put.retain(|row| !next.remove.contains(&row.sequence));
        self.remove.extend(next.remove);
        self.put.extend(next.put);
        self.lost = self.lost.plus(next.lost);
    }
}

/// What a store holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// Waiting rows by ascending sequence.
    pub rows: Vec<Row>,
    /// Events given up so far.
    pub lost: Lost,
}

/// A place that outlives the process. `segue_core::outbox::suite` holds what every store must do.
pub trait Store {
    /// Everything committed so far.
    ///
    /// # Errors
    /// `storage_failed` when it cannot be read, `format_unknown` when a newer version wrote it.
    fn load(&mut self) -> Result<Stored>;

    /// Returns once the whole change survives a crash and a power cut.
    ///
    /// # Errors
    /// `storage_failed`: nothing is promised; after a restart the change is there entirely or not at all. The next
    /// commit stores what it is given and everything committed before.
    fn commit(&mut self, change: &Change) -> Result<()>;
}

impl<S: Store + ?Sized> Store for &mut S {
    fn load(&mut self) -> Result<Stored> {
        (**self).load()
    }

    fn commit(&mut self, change: &Change) -> Result<()> {
        (**self).commit(change)
    }
}

/// Rows in memory: for tests, and for hosts whose storage is closed to them.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Ledger);

impl Store for MemoryStore {
    fn load(&mut self) -> Result<Stored> {
        Ok(self.0.stored())
    }

    fn commit(&mut self, change: &Change) -> Result<()> {
        self.0.apply(change);
        Ok(())
    }
}
