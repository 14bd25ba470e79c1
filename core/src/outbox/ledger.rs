//! Changes added up, in the order they were made.

use std::collections::BTreeMap;

use super::{Change, Lost, Row, Stored};

/// What all changes so far leave behind.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    rows: BTreeMap<u64, Row>,
    lost: Lost,
    json_bytes: usize,
}

impl Ledger {
    /// Carries out a change; the cost depends on the change alone.
    pub(super) fn apply(&mut self, change: &Change) {
        for sequence in &change.remove {
            self.remove(*sequence);
        }
        for row in &change.put {
            self.remove(row.sequence);
            self.json_bytes = self.json_bytes.saturating_add(row.json.len());
            self.rows.insert(row.sequence, row.clone());
        }
        self.lost = self.lost.plus(change.lost);
    }

    fn remove(&mut self, sequence: u64) {
        if let Some(row) = self.rows.remove(&sequence) {
            self.json_bytes = self.json_bytes.saturating_sub(row.json.len());
        }
    }

    /// The rows by ascending sequence.
    pub(super) fn rows(&self) -> impl ExactSizeIterator<Item = &Row> {
        self.rows.values()
    }

    /// Bytes of the rows' JSON.
    pub(super) fn json_bytes(&self) -> usize {
        self.json_bytes
    }

    /// Events given up so far.
    pub(super) fn lost(&self) -> Lost {
        self.lost
    }

    /// All of it, as a store hands it out.
    pub(super) fn stored(&self) -> Stored {
        Stored { rows: self.rows().cloned().collect(), lost: self.lost }
    }
}
